/* The course of a run: from the coming of its workers to its end, whoever dies or keeps silent on
 * the way. */
#include "control/core.h"

#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MUTE(kind) (1U << (kind))

static struct gang gang;

static struct lki_core_outcome outcome_of(struct gang *of)
{
    struct lki_core_outcome outcome;

    ck_assert_int_eq(of->overs, 1);
    ck_assert_int_eq(lki_core_outcome(of->core, &outcome), LK_OK);
    return outcome;
}

/* The length of the run in seconds. */
static double length_s(struct gang *of)
{
    struct lki_core_outcome outcome = outcome_of(of);

    return (double)(outcome.end_ns - outcome.start_ns) / 1e9;
}

static const struct lk_run_hook_def set_up = {.hook = LK_RUN_SETUP};
static const struct lk_run_hook_def tear_down = {.hook = LK_RUN_TEARDOWN, .timeout_s = 30};
static const struct lki_model hooked = {.run_hooks = {&set_up, &tear_down}};

static struct lki_plan lasting(uint64_t users, double seconds)
{
    struct lki_plan plan = gang_plan(users);

    plan.duration_ns = lki_ns(seconds);
    return plan;
}

/* ---- as it should be ---- */

START_TEST(a_run_goes_from_idle_to_its_end)
{
    struct lki_plan plan = lasting(10, 3600);
    struct gang_worker *first = &gang.workers[0];

    gang_open(&gang, &plan, NULL, 3);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_IDLE);
    ck_assert(gang_run(&gang, 1));
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    ck_assert_uint_eq(gang_users(&gang), 10);
    ck_assert_str_eq(first->prepare.probes ? "probes" : "", "probes");
    ck_assert(!gang.workers[1].prepare.probes);
    ck_assert_uint_eq(gang.workers[2].prepare.worker, 3);
    ck_assert_uint_eq(first->prepare.population, 10);
    ck_assert(!first->prepare.counted && !first->prepare.arrivals);
    ck_assert_int_gt(first->start.start_ns, 0);
    ck_assert_int_eq(first->start.start_ns, gang.workers[2].start.start_ns);
    ck_assert_int_eq(first->start.end_ns - first->start.start_ns, 3600 * S);
    gang_finish(&gang);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_OVER);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    ck_assert_double_eq_tol(length_s(&gang), 3600, 0.001);
    ck_assert_int_ge(gang.seconds, 3599);
    ck_assert_ptr_null(outcome_of(&gang).failure);
    ck_assert(!outcome_of(&gang).unexplained);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(gang.workers[i].quit);
        ck_assert_uint_eq(gang.workers[i].stops, 0);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(set_up_comes_before_all_and_its_data_goes_to_all)
{
    struct lki_plan plan = lasting(4, 5);

    gang_open_alone(&gang, &plan, &hooked, 2);
    gang.set_up.run_data = "{\"token\":1}";
    gang.set_up.base_url = "http://shop";
    gang_join(&gang.workers[0]);
    gang_run(&gang, 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_SET_UP], 0);
    gang_join(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_SET_UP], 1);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_SET_UP], 0);
    ck_assert_str_eq(gang.workers[0].run_data, "{\"token\":1}");
    ck_assert_str_eq(gang.workers[1].run_data, "{\"token\":1}");
    ck_assert_str_eq(gang.workers[1].base_url, "http://shop");
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_TEAR_DOWN], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(a_set_up_that_fails_leaves_only_the_tear_down)
{
    struct lki_plan plan = lasting(4, 5);
    struct lki_core_outcome outcome;

    gang_open(&gang, &plan, &hooked, 2);
    gang.set_up = (struct lki_report_hook){.failed = true, .message = "no database"};
    gang_finish(&gang);
    outcome = outcome_of(&gang);
    ck_assert_int_eq(outcome.ended_by, LKI_END_SETUP);
    ck_assert(outcome.hooks[LK_RUN_SETUP].failed);
    ck_assert_str_eq(outcome.hooks[LK_RUN_SETUP].message, "no database");
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_START], 0);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_int_eq(outcome.end_ns, outcome.start_ns);
    gang_close(&gang);
}
END_TEST

/* ---- asked to end ---- */

START_TEST(once_drains_twice_cuts_off_three_times_abandons)
{
    struct lki_plan plan = lasting(4, 3600);

    gang_open(&gang, &plan, NULL, 2);
    gang.workers[1].mute = MUTE(LKI_ORDER_STOP);
    gang_run(&gang, 10);
    for (unsigned times = 1; times <= 3; times++) {
        lki_core_stop(gang.core, LKI_END_INTERRUPT);
        gang_run(&gang, 10 + times);
        ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_STOPPING);
        ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_STOP], times);
        ck_assert_uint_eq(gang.workers[0].stops, 1);
    }
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_INTERRUPT);
    gang_close(&gang);
}
END_TEST

/* Cut off after 10 s, they are abandoned 2 s later. */
START_TEST(whose_users_still_leave_is_not_given_up)
{
    struct lki_plan plan = lasting(100, 3600);
    const struct lki_report gone = {.kind = LKI_REPORT_GONE, .gone = {LKI_END_INTERRUPT, 30 * S}};
    double at_s = 12;

    gang_open(&gang, &plan, NULL, 2);
    gang.workers[1].mute = MUTE(LKI_ORDER_STOP);
    gang_run(&gang, 10);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    while (at_s < 30) {
        gang.workers[1].user_count--;
        gang_run(&gang, at_s += 0.7);
    }
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_STOPPING);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_STOP], 3);
    if (_i) {
        gang_report(&gang.workers[1], &gone);
        gang_finish(&gang);
        ck_assert_ptr_null(outcome_of(&gang).failure);
    } else {
        gang_finish(&gang);
        ck_assert_str_eq(outcome_of(&gang).failure, "worker 2 does not answer");
        ck_assert_int_le(gang.over_ns, 36 * S);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(a_stop_while_idle_ends_it_at_once)
{
    struct lki_plan plan = lasting(4, 3600);

    gang_open_alone(&gang, &plan, &hooked, 2);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 1);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 2 * S);
    ck_assert(gang.workers[0].quit);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_TEAR_DOWN], 0);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_INTERRUPT);
    gang_close(&gang);
}
END_TEST

START_TEST(a_stop_in_the_set_up_is_told_to_who_carries_it_out)
{
    struct lki_plan plan = lasting(4, 3600);
    const struct lki_report cancelled = {.kind = LKI_REPORT_SET_UP,
                                         .hook = {.cancelled = true, .message = ""}};

    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = MUTE(LKI_ORDER_SET_UP);
    gang_run(&gang, 1);
    ck_assert(gang_status(&gang).setting_up);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 2);
    ck_assert_uint_eq(gang.workers[0].stops, 1);
    ck_assert_uint_eq(gang.workers[1].stops, 0);
    gang_report(&gang.workers[0], &cancelled);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_INTERRUPT);
    ck_assert(outcome_of(&gang).hooks[LK_RUN_SETUP].cancelled);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_START], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(a_stop_in_the_tear_down_is_one_more_than_the_run_has_had)
{
    struct lki_plan plan = lasting(4, 5);

    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = MUTE(LKI_ORDER_TEAR_DOWN);
    gang_run(&gang, 8);
    ck_assert(gang_status(&gang).tearing_down);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_STOP], 0);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 8.5);
    ck_assert_uint_eq(gang.workers[0].stops, 2);
    ck_assert_uint_eq(gang.workers[1].stops, 0);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    gang_close(&gang);
}
END_TEST

/* ---- nothing sticks ---- */

static const struct {
    const char *what;
    enum lki_order_kind silent_on;
    bool hooks;
    double within_s;
    bool unexplained;
} silences[] = {
    {"never ready", LKI_ORDER_PREPARE, false, 75, true},
    {"no set-up", LKI_ORDER_SET_UP, true, 75, true},
    {"users stay", LKI_ORDER_STOP, false, 3 + 5 + 10, true},
    {"no tear-down", LKI_ORDER_TEAR_DOWN, true, 3 + 45, true},
    {"no end", LKI_ORDER_QUIT, false, 3 + 15, true},
};

START_TEST(a_worker_that_never_answers_holds_up_nothing_for_good)
{
    struct lki_plan plan = lasting(4, 3);

    gang_open(&gang, &plan, silences[_i].hooks ? &hooked : NULL, 3);
    gang.workers[0].mute = MUTE(silences[_i].silent_on);
    if (silences[_i].silent_on == LKI_ORDER_STOP)
        /* nor does it know of the end */
        gang.workers[0].mute |= MUTE(LKI_ORDER_START) | MUTE(LKI_ORDER_USERS);
    gang_finish(&gang);
    ck_assert_msg(gang.over_ns < lki_ns(silences[_i].within_s), "%s: %g s", silences[_i].what,
                  (double)gang.over_ns / 1e9);
    ck_assert_int_eq(outcome_of(&gang).unexplained, silences[_i].unexplained);
    ck_assert(gang.workers[1].quit);
    gang_close(&gang);
}
END_TEST

START_TEST(nobody_comes_and_the_run_fails)
{
    struct lki_plan plan = lasting(4, 3);

    gang_open_alone(&gang, &plan, NULL, 2);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "2 of 2 workers were not ready within 60 s");
    ck_assert(outcome_of(&gang).unexplained);
    gang_close(&gang);
}
END_TEST

START_TEST(a_worker_that_cannot_prepare_fails_the_run_by_its_words)
{
    struct lki_plan plan = lasting(4, 3);
    const struct lki_report failed = {.kind = LKI_REPORT_FAILED,
                                      .failed = {LK_E_NOMEM, "no room for users"}};

    gang_open(&gang, &plan, NULL, 2);
    gang.workers[1].mute = MUTE(LKI_ORDER_PREPARE);
    gang_run(&gang, 1);
    gang_report(&gang.workers[1], &failed);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "worker 2: no room for users");
    ck_assert_int_le(gang.over_ns, 2 * S);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_START], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(another_program_is_no_worker_of_this_run)
{
    struct lki_plan plan = lasting(4, 3);
    const struct lki_report hello = {.kind = LKI_REPORT_HELLO, .hello = {1, 8}};
    struct lki_link *a;
    struct lki_link *b;

    gang_open_alone(&gang, &plan, NULL, 2);
    gang_join(&gang.workers[0]);
    ck_assert_int_eq(lki_pair_link_open(&a, &b, &gang.loop), LK_OK);
    ck_assert_int_eq(lki_core_join(gang.core, 2, b, 0), LK_OK);
    gang.workers[1].link = a;
    gang_report(&gang.workers[1], &hello);
    gang_run(&gang, 1);
    gang.workers[1].link = NULL;
    lki_link_close(a);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "worker 2 is another program than the others");
    gang_close(&gang);
}
END_TEST

START_TEST(what_cannot_be_read_fails_the_worker_not_the_core)
{
    struct lki_plan plan = lasting(4, 10);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    ck_assert_int_eq(lki_link_send(gang.workers[1].link, "\xff\xfe rubbish", 10), LK_OK);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "worker 2: it sent what cannot be read");
    ck_assert(outcome_of(&gang).unexplained);
    ck_assert_double_eq_tol(length_s(&gang), 10, 0.001);
    ck_assert_int_eq(gang.wanted, 0);
    gang_close(&gang);
}
END_TEST

START_TEST(one_that_is_no_process_is_called_what_it_is)
{
    struct lki_plan plan = gang_plan(4);
    const struct lki_report failed = {.kind = LKI_REPORT_FAILED, .failed = {LK_E_NOMEM, "full"}};

    gang_prepare(&gang, NULL, 1);
    gang.within = true;
    ck_assert_int_eq(gang_begin(&gang, &plan), LK_OK);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 1);
    ck_assert_uint_eq(gang_users(&gang), 4);
    gang_report(&gang.workers[0], &failed);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "the event loop: full");
    gang_close(&gang);
}
END_TEST

START_TEST(when_all_workers_have_failed_the_run_ends)
{
    struct lki_plan plan = gang_plan(4);
    const struct lki_report failed = {.kind = LKI_REPORT_FAILED, .failed = {LK_E_NOMEM, "full"}};

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    gang_report(&gang.workers[0], &failed);
    gang_run(&gang, 1.001);
    gang_report(&gang.workers[1], &failed);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "worker 1: full");
    ck_assert_int_le(gang.over_ns, 2 * S);
    gang_close(&gang);
}
END_TEST

/* ---- deaths ---- */

START_TEST(who_dies_while_running_comes_back_to_where_the_run_stands)
{
    struct lki_plan plan = lasting(10, 100);
    struct gang_worker *worker = &gang.workers[1];

    gang_open(&gang, &plan, &hooked, 3);
    gang.set_up.run_data = "[7]";
    gang_run(&gang, 40);
    gang_crash(worker, 5, "checkout");
    gang_run(&gang, 41);
    ck_assert_int_eq(gang.wanted, 1);
    ck_assert_int_eq(worker->lives, 2);
    ck_assert(worker->started);
    ck_assert_int_eq(worker->start.start_ns, gang.workers[0].start.start_ns);
    ck_assert_str_eq(worker->run_data, "[7]");
    ck_assert(worker->users[2] && !worker->users[5] && worker->users[8]);
    ck_assert_uint_eq(gang_users(&gang), 9);
    ck_assert_uint_eq(lki_core_crashes(gang.core, 1), 0);
    ck_assert_uint_eq(lki_core_crashes(gang.core, 2), 1);
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    ck_assert_uint_eq(worker->orders[LKI_ORDER_SET_UP], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(a_crash_is_told_with_all_that_was_known)
{
    struct lki_plan plan = lasting(10, 100);
    struct lki_core_outcome outcome;

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 40.005);
    gang.workers[0].page.totals.http_requests = 3;
    gang_crash(&gang.workers[0], 3, "pay");
    gang_finish(&gang);
    outcome = outcome_of(&gang);
    ck_assert_uint_eq(outcome.crash_count, 1);
    ck_assert_uint_eq(outcome.crashes[0].worker, 1);
    ck_assert_str_eq(lki_core_worker(gang.core, 0)->id, "1");
    ck_assert_uint_eq(outcome.crashes[0].user, 3);
    ck_assert_str_eq(outcome.crashes[0].step, "pay");
    ck_assert_str_eq(outcome.crashes[0].what, "segmentation fault");
    ck_assert_int_eq(outcome.crashes[0].at_ns, 40 * S);
    ck_assert(outcome.crashes[0].retired);
    ck_assert_uint_eq(outcome.crashes[0].frame_count, 2);
    ck_assert_str_eq(outcome.crashes[0].frames[1], "step at shop.c:12");
    ck_assert_uint_eq(outcome.crashes[0].lost, 3);
    ck_assert_uint_eq(outcome.requests_lost, 3);
    ck_assert_ptr_null(outcome.failure);
    gang_close(&gang);
}
END_TEST

START_TEST(three_crashes_of_a_probe_end_the_run_as_such)
{
    const struct lk_probe_def queue = {.def.name = "queue"};
    const struct lk_probe_def *probes[] = {&queue};
    struct lki_model model = {.probes = (const struct lk_probe_def **)(uintptr_t)probes,
                              .probe_count = 1};
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, &model, 2);
    for (int i = 1; i <= 3; i++) {
        gang_run(&gang, i);
        gang_crash(&gang.workers[0], 0, "queue");
    }
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).failure, "one probe crashed three times: queue");
    gang_close(&gang);
}
END_TEST

START_TEST(three_crashes_of_one_step_end_the_run)
{
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    gang_crash(&gang.workers[0], 1, "pay");
    gang_run(&gang, 2);
    gang_crash(&gang.workers[1], 2, "look");
    gang_run(&gang, 3);
    gang_crash(&gang.workers[1], 4, "pay");
    gang_run(&gang, 4);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    gang_crash(&gang.workers[0], 3, "pay");
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 6 * S);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_CRASHES);
    ck_assert_str_eq(outcome_of(&gang).failure, "one step crashed three times: pay");
    ck_assert_int_eq(gang.wanted, 3);
    gang_close(&gang);
}
END_TEST

START_TEST(when_each_user_has_crashed_the_run_ends)
{
    struct lki_plan plan = lasting(2, 100);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    gang_crash(&gang.workers[0], 1, "pay");
    gang_run(&gang, 3);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    gang_crash(&gang.workers[1], 2, "look");
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 6 * S);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_CRASHES);
    gang_close(&gang);
}
END_TEST

START_TEST(three_deaths_of_one_worker_from_outside_end_the_run)
{
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, NULL, 2);
    for (int i = 0; i < 2; i++) {
        gang_run(&gang, 1 + i);
        gang_kill(&gang.workers[0]);
        gang_kill(&gang.workers[1]);
    }
    gang_run(&gang, 5);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    ck_assert_uint_eq(gang_users(&gang), 10);
    gang_kill(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_CRASHES);
    ck_assert_str_eq(outcome_of(&gang).failure, "worker 2 died three times: killed by signal 9");
    ck_assert_uint_eq(outcome_of(&gang).crash_count, 5);
    ck_assert(!outcome_of(&gang).crashes[0].retired);
    gang_close(&gang);
}
END_TEST

START_TEST(who_dies_before_the_start_is_waited_for)
{
    struct lki_plan plan = lasting(10, 10);

    gang_open(&gang, &plan, NULL, 2);
    gang_kill(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert_int_eq(gang.wanted, 1);
    ck_assert_int_eq(gang.workers[1].lives, 2);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    gang_close(&gang);
}
END_TEST

START_TEST(a_crash_in_the_set_up_is_its_failure)
{
    struct lki_plan plan = lasting(10, 10);
    struct lki_core_outcome outcome;

    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = MUTE(LKI_ORDER_SET_UP);
    gang_run(&gang, 1);
    gang_crash(&gang.workers[0], 0, "on_setup");
    gang_finish(&gang);
    outcome = outcome_of(&gang);
    ck_assert_int_eq(outcome.ended_by, LKI_END_SETUP);
    ck_assert(outcome.hooks[LK_RUN_SETUP].failed);
    ck_assert_str_eq(outcome.hooks[LK_RUN_SETUP].message, "segmentation fault");
    ck_assert(!outcome.crashes[0].retired);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_START], 0);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_int_eq(gang.wanted, 0);
    gang_close(&gang);
}
END_TEST

START_TEST(another_worker_may_die_in_the_set_up)
{
    struct lki_plan plan = lasting(10, 10);
    const struct lki_report done = {.kind = LKI_REPORT_SET_UP, .hook = {.message = ""}};

    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = MUTE(LKI_ORDER_SET_UP);
    gang_run(&gang, 1);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 2);
    ck_assert(gang.workers[1].prepared && !gang.workers[1].started);
    gang_report(&gang.workers[0], &done);
    gang_run(&gang, 3);
    ck_assert_uint_eq(gang_users(&gang), 10);
    gang_finish(&gang);
    gang_close(&gang);
}
END_TEST

START_TEST(a_crash_in_the_tear_down_is_noted)
{
    struct lki_plan plan = lasting(10, 10);

    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = MUTE(LKI_ORDER_TEAR_DOWN);
    gang_run(&gang, 11);
    gang_crash(&gang.workers[0], 0, "on_teardown");
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    ck_assert(outcome_of(&gang).hooks[LK_RUN_TEARDOWN].failed);
    ck_assert_int_le(gang.over_ns, 12 * S);
    ck_assert_int_eq(gang.wanted, 0);
    gang_close(&gang);
}
END_TEST

static void kill_three_times(struct gang_worker *worker)
{
    double at_s = (double)lki_loop_now(&gang.loop) / 1e9;

    for (int i = 0; i < 3; i++) {
        gang_run(&gang, at_s + i);
        gang_kill(worker);
    }
}

START_TEST(the_tear_down_is_anothers_when_the_first_worker_is_dead)
{
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, &hooked, 3);
    gang.set_up.run_data = "{\"token\":1}";
    gang_run(&gang, 1);
    gang.workers[2].mute = MUTE(LKI_ORDER_STOP);
    kill_three_times(&gang.workers[0]);
    gang_run(&gang, 3.1);
    gang_kill(&gang.workers[2]);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_CRASHES);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_uint_eq(gang.workers[2].orders[LKI_ORDER_TEAR_DOWN], 0);
    ck_assert_str_eq(gang.workers[1].run_data, "{\"token\":1}");
    ck_assert(!outcome_of(&gang).hooks[LK_RUN_TEARDOWN].failed);
    gang_close(&gang);
}
END_TEST

START_TEST(a_tear_down_that_was_taken_over_may_crash_as_well)
{
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, &hooked, 2);
    gang_run(&gang, 1);
    gang.workers[1].mute = MUTE(LKI_ORDER_TEAR_DOWN);
    kill_three_times(&gang.workers[0]);
    gang_run(&gang, 4);
    ck_assert(gang_status(&gang).tearing_down);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 4.1);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_STOP], 2);
    gang_crash(&gang.workers[1], 0, "on_teardown");
    gang_finish(&gang);
    ck_assert(outcome_of(&gang).hooks[LK_RUN_TEARDOWN].failed);
    ck_assert_str_eq(outcome_of(&gang).hooks[LK_RUN_TEARDOWN].message, "segmentation fault");
    ck_assert_int_le(gang.over_ns, 5 * S);
    gang_close(&gang);
}
END_TEST

START_TEST(a_tear_down_without_any_worker_has_failed)
{
    struct lki_plan plan = lasting(10, 100);

    gang_open(&gang, &plan, &hooked, 1);
    gang_run(&gang, 1);
    kill_three_times(&gang.workers[0]);
    gang_finish(&gang);
    ck_assert(outcome_of(&gang).hooks[LK_RUN_TEARDOWN].failed);
    ck_assert_str_eq(outcome_of(&gang).hooks[LK_RUN_TEARDOWN].message,
                     "no worker was left to carry it out");
    gang_close(&gang);
}
END_TEST

START_TEST(who_dies_while_stopping_is_not_begun_anew)
{
    struct lki_plan plan = lasting(10, 10);

    gang_open(&gang, &plan, NULL, 2);
    gang.workers[1].mute = MUTE(LKI_ORDER_STOP);
    gang_run(&gang, 5);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 6);
    gang_kill(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert_int_eq(gang.wanted, 0);
    ck_assert_uint_eq(outcome_of(&gang).crash_count, 1);
    ck_assert_int_le(gang.over_ns, 7 * S);
    gang_close(&gang);
}
END_TEST

START_TEST(who_dies_when_told_to_quit_has_quit)
{
    struct lki_plan plan = lasting(10, 10);

    gang_open(&gang, &plan, NULL, 2);
    gang.workers[1].mute = MUTE(LKI_ORDER_QUIT);
    gang_run(&gang, 11);
    ck_assert_int_eq(gang.overs, 0);
    gang_kill(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of(&gang).crash_count, 0);
    ck_assert(!outcome_of(&gang).unexplained);
    gang_close(&gang);
}
END_TEST

START_TEST(what_was_sent_before_a_death_still_counts)
{
    struct lki_plan plan = lasting(10, 10);
    const struct lki_death death = {.what = "killed by signal 9"};
    struct gang_worker *worker = &gang.workers[1];
    const struct lki_report gone = {.kind = LKI_REPORT_GONE, .gone = {LKI_END_INTERRUPT, 5 * S}};

    gang_open(&gang, &plan, NULL, 2);
    worker->mute = MUTE(LKI_ORDER_STOP);
    gang_run(&gang, 5);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 5.001);
    /* its parent hears of the death before the link has told all */
    lki_core_died(gang.core, 2, &death);
    gang_report(worker, &gone);
    lki_link_close(worker->link);
    worker->link = NULL;
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of(&gang).crash_count, 1);
    ck_assert_uint_eq(outcome_of(&gang).seconds_lost, 0);
    ck_assert_int_eq(outcome_of(&gang).end_ns, 5 * S);
    gang_close(&gang);
}
END_TEST

START_TEST(a_dead_worker_whose_link_stays_open_is_not_waited_for)
{
    struct lki_plan plan = lasting(10, 10);
    const struct lki_death death = {.what = "killed by signal 9"};

    gang_open(&gang, &plan, NULL, 2);
    gang.stay_away = true;
    gang_run(&gang, 5);
    lki_core_died(gang.core, 2, &death);
    gang_run(&gang, 7.1);
    ck_assert_int_eq(gang.wanted, 1);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of(&gang).crash_count, 1);
    gang_close(&gang);
}
END_TEST

START_TEST(a_worker_that_vanishes_without_a_death_counts_as_dead)
{
    struct lki_plan plan = lasting(10, 20);
    struct gang_worker *worker = &gang.workers[1];

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 5);
    lki_link_close(worker->link);
    worker->link = NULL;
    gang_run(&gang, 12);
    ck_assert_int_eq(gang.wanted, 1);
    ck_assert_int_eq(worker->lives, 2);
    ck_assert_uint_eq(worker->user_count, 5);
    gang_finish(&gang);
    ck_assert_str_eq(outcome_of(&gang).crashes[0].what, "vanished");
    gang_close(&gang);
}
END_TEST

START_TEST(who_comes_too_late_is_sent_away)
{
    struct lki_plan plan = lasting(10, 5);

    gang_open(&gang, &plan, NULL, 2);
    gang.stay_away = true;
    gang.workers[0].mute = MUTE(LKI_ORDER_QUIT);
    gang_run(&gang, 4);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 6);
    gang_join(&gang.workers[1]);
    gang_finish(&gang);
    ck_assert(gang.workers[1].quit);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_START], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(without_users_a_run_without_an_end_gives_up_after_a_minute)
{
    struct lki_plan plan = gang_plan(4);

    gang_open(&gang, &plan, NULL, 2);
    gang.stay_away = true;
    gang_run(&gang, 5);
    gang_kill(&gang.workers[0]);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 60);
    ck_assert_int_eq(gang.overs, 0);
    gang_finish(&gang);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_NO_USERS);
    ck_assert_int_le(gang.over_ns, 70 * S);
    gang_close(&gang);
}
END_TEST

START_TEST(reports_that_come_twice_do_no_harm)
{
    struct lki_plan plan = lasting(10, 10);

    gang_open_alone(&gang, &plan, &hooked, 2);
    gang.workers[0].twice = gang.workers[1].twice = true;
    gang.set_up.run_data = "1";
    gang_join(&gang.workers[0]);
    gang_join(&gang.workers[1]);
    gang_run(&gang, 5);
    gang_crash(&gang.workers[1], 2, "pay");
    gang_finish(&gang);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_PREPARE], 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_SET_UP], 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_START], 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_QUIT], 1);
    ck_assert_int_eq(outcome_of(&gang).ended_by, LKI_END_DURATION);
    gang_close(&gang);
}
END_TEST

START_TEST(a_core_may_be_freed_at_any_time)
{
    struct lki_plan plan = lasting(10, 3);

    gang_open(&gang, &plan, &hooked, 2);
    gang_run(&gang, 0.5 * _i);
    gang_close(&gang);
}
END_TEST

static Suite *core_suite(void)
{
    Suite *suite = suite_create("core");
    TCase *course = tcase_create("course");
    TCase *silent = tcase_create("silent");
    TCase *deaths = tcase_create("deaths");

    tcase_add_test(course, a_run_goes_from_idle_to_its_end);
    tcase_add_test(course, set_up_comes_before_all_and_its_data_goes_to_all);
    tcase_add_test(course, a_set_up_that_fails_leaves_only_the_tear_down);
    tcase_add_test(course, once_drains_twice_cuts_off_three_times_abandons);
    tcase_add_loop_test(course, whose_users_still_leave_is_not_given_up, 0, 2);
    tcase_add_test(course, a_stop_while_idle_ends_it_at_once);
    tcase_add_test(course, a_stop_in_the_set_up_is_told_to_who_carries_it_out);
    tcase_add_test(course, a_stop_in_the_tear_down_is_one_more_than_the_run_has_had);
    tcase_add_test(course, reports_that_come_twice_do_no_harm);
    tcase_add_loop_test(course, a_core_may_be_freed_at_any_time, 0, 10);
    tcase_add_loop_test(silent, a_worker_that_never_answers_holds_up_nothing_for_good, 0,
                        LKI_COUNT(silences));
    tcase_add_test(silent, nobody_comes_and_the_run_fails);
    tcase_add_test(silent, a_worker_that_cannot_prepare_fails_the_run_by_its_words);
    tcase_add_test(silent, another_program_is_no_worker_of_this_run);
    tcase_add_test(silent, what_cannot_be_read_fails_the_worker_not_the_core);
    tcase_add_test(silent, one_that_is_no_process_is_called_what_it_is);
    tcase_add_test(silent, when_all_workers_have_failed_the_run_ends);
    tcase_add_test(silent, without_users_a_run_without_an_end_gives_up_after_a_minute);
    tcase_add_test(deaths, who_dies_while_running_comes_back_to_where_the_run_stands);
    tcase_add_test(deaths, a_crash_is_told_with_all_that_was_known);
    tcase_add_test(deaths, three_crashes_of_one_step_end_the_run);
    tcase_add_test(deaths, three_crashes_of_a_probe_end_the_run_as_such);
    tcase_add_test(deaths, when_each_user_has_crashed_the_run_ends);
    tcase_add_test(deaths, three_deaths_of_one_worker_from_outside_end_the_run);
    tcase_add_test(deaths, who_dies_before_the_start_is_waited_for);
    tcase_add_test(deaths, a_crash_in_the_set_up_is_its_failure);
    tcase_add_test(deaths, another_worker_may_die_in_the_set_up);
    tcase_add_test(deaths, a_crash_in_the_tear_down_is_noted);
    tcase_add_test(deaths, the_tear_down_is_anothers_when_the_first_worker_is_dead);
    tcase_add_test(deaths, a_tear_down_that_was_taken_over_may_crash_as_well);
    tcase_add_test(deaths, a_tear_down_without_any_worker_has_failed);
    tcase_add_test(deaths, who_dies_while_stopping_is_not_begun_anew);
    tcase_add_test(deaths, who_dies_when_told_to_quit_has_quit);
    tcase_add_test(deaths, what_was_sent_before_a_death_still_counts);
    tcase_add_test(deaths, a_dead_worker_whose_link_stays_open_is_not_waited_for);
    tcase_add_test(deaths, a_worker_that_vanishes_without_a_death_counts_as_dead);
    tcase_add_test(deaths, who_comes_too_late_is_sent_away);
    suite_add_tcase(suite, course);
    suite_add_tcase(suite, silent);
    suite_add_tcase(suite, deaths);
    return suite;
}

int main(void)
{
    return suite_run(core_suite());
}
