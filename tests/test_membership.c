/* Membership: workers that come, are lost, are found, and leave while a run is on. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "control/core.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MS LKI_NS_PER_MS

static struct gang gang;

static struct lki_plan open_plan(uint64_t users)
{
    struct lki_plan plan = gang_plan(users);

    plan.open_ended = true;
    plan.on_loss = LKI_LOSS_REBALANCE;
    plan.on_join = LKI_JOIN_REBALANCE;
    return plan;
}

static void have(uint64_t one, uint64_t two, uint64_t three)
{
    ck_assert_uint_eq(gang.workers[0].user_count, one);
    ck_assert_uint_eq(gang.workers[1].user_count, two);
    ck_assert_uint_eq(gang.workers[2].user_count, three);
}

START_TEST(who_comes_late_gets_a_fair_part)
{
    struct lki_plan plan = open_plan(100);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    have(50, 50, 0);
    gang_add(&gang);
    gang_run(&gang, 3);
    have(33, 34, 33);
    gang_close(&gang);
}
END_TEST

START_TEST(who_comes_late_gets_only_what_is_added_if_so_wanted)
{
    struct lki_plan plan = open_plan(100);

    plan.on_join = LKI_JOIN_IGNORE;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    gang_add(&gang);
    gang_run(&gang, 3);
    have(50, 50, 0);
    ck_assert_int_eq(lki_core_set_users(gang.core, 140, 0), LK_OK);
    gang_run(&gang, 4);
    have(50, 50, 40);
    gang_close(&gang);
}
END_TEST

START_TEST(one_who_has_not_come_has_no_users)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    ck_assert_uint_eq(lki_core_add(gang.core, "who cannot come", false), 3);
    ck_assert_int_eq(lki_core_set_users(gang.core, 40, 0), LK_OK);
    gang_run(&gang, 2);
    ck_assert_uint_eq(gang_users(&gang), 40);
    gang_close(&gang);
}
END_TEST

START_TEST(a_run_waits_for_its_first_worker)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 0);
    gang_run(&gang, 2);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_IDLE);
    gang_add(&gang);
    gang_run(&gang, 3);
    ck_assert_uint_eq(gang_users(&gang), 10);
    gang_close(&gang);
}
END_TEST

START_TEST(users_of_one_who_is_lost_go_to_others_and_come_back)
{
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    lki_core_lost(gang.core, 2, 0, 60 * S);
    ck_assert_uint_eq(gang_status(&gang).users, 60);
    gang_run(&gang, 3);
    have(45, 0, 45);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 2);
    lki_core_found(gang.core, 2);
    gang_run(&gang, 4);
    have(30, 30, 30);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 3);
    ck_assert_uint_eq(gang.wanted, 0);
    gang_close(&gang);
}
END_TEST

START_TEST(users_of_all_who_are_lost_wait_for_anybody)
{
    struct lki_plan plan = open_plan(60);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    lki_core_lost(gang.core, 1, 0, 60 * S);
    lki_core_lost(gang.core, 2, 0, 60 * S);
    gang_run(&gang, 3);
    ck_assert_uint_eq(gang_users(&gang), 0);
    lki_core_found(gang.core, 2);
    gang_run(&gang, 5);
    ck_assert_uint_eq(gang.workers[1].user_count, 60);
    gang_close(&gang);
}
END_TEST

START_TEST(users_wait_for_one_who_is_lost_if_so_wanted)
{
    struct lki_plan plan = open_plan(90);

    plan.on_loss = LKI_LOSS_CONTINUE;
    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    lki_core_lost(gang.core, 2, 0, 60 * S);
    gang_run(&gang, 3);
    have(30, 30, 30);
    lki_core_found(gang.core, 2);
    gang_run(&gang, 4);
    have(30, 30, 30);
    gang_close(&gang);
}
END_TEST

START_TEST(the_run_ends_with_one_who_is_lost_if_so_wanted)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    plan.on_loss = LKI_LOSS_ABORT;
    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    lki_core_lost(gang.core, 2, 0, 60 * S);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 30 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_str_eq(outcome.failure, "worker of the gang is out of reach");
    ck_assert_int_eq(outcome.ended_by, LKI_END_LOSS);
    ck_assert(outcome.unexplained);
    gang_close(&gang);
}
END_TEST

START_TEST(one_who_is_lost_too_long_counts_as_dead)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    gang.stay_away = true;
    gang_run(&gang, 2);
    lki_core_lost(gang.core, 2, 0, 20 * S);
    gang_run(&gang, 21);
    ck_assert_uint_eq(gang.wanted, 0);
    gang_run(&gang, 24);
    ck_assert_uint_eq(gang.wanted, 1);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 1);
    ck_assert_str_eq(outcome.crashes[0].what, "vanished");
    ck_assert_str_eq(lki_core_worker(gang.core, 1)->id, "of the gang");
    gang_join(gang_worker(&gang, 2));
    gang_run(&gang, 26);
    have(30, 30, 30);
    gang_close(&gang);
}
END_TEST

/* The second of three, or all of them, are lost at lost_s, have load until end_s, and are heard
 * again at found_s, as those that their stations have ended; lost_s 0: that nobody has noticed. */
static struct lki_core_outcome outcome_of_orphans(bool all, double lost_s, double end_s,
                                                  double found_s)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    for (double now_s = 0; now_s < found_s; now_s += 0.5) {
        gang_run(&gang, now_s);
        gang.silent = now_s >= end_s;
        for (uint64_t i = all ? 1 : 2; lost_s > 0 && now_s == lost_s && i <= (all ? 3 : 2); i++)
            lki_core_lost(gang.core, i, 0, 60 * S);
    }
    for (uint64_t i = all ? 1 : 2; i <= (all ? 3 : 2); i++) {
        lki_core_found(gang.core, i);
        gang_orphan(gang_worker(&gang, i));
    }
    gang.silent = false;
    gang_run(&gang, found_s + 10);
    have(30, 30, 30);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.seconds_lost, 0);
    return outcome;
}

START_TEST(an_orphan_is_not_missed_when_others_have_its_users)
{
    ck_assert_uint_eq(outcome_of_orphans(false, 4, 8.5, 12).crash_count, 0);
    gang_close(&gang);
}
END_TEST

START_TEST(an_orphan_is_missed_when_its_users_are_nowhere)
{
    const struct {
        bool all;
        double lost_s, end_s, found_s;
        size_t crashes;
    } cases[] = {{false, 8, 4.5, 12, 1}, {false, 0, 4.5, 12, 1}, {true, 4, 8.5, 12, 3}};

    for (size_t i = 0; i < LKI_COUNT(cases); i++) {
        struct lki_core_outcome outcome = outcome_of_orphans(cases[i].all, cases[i].lost_s,
                                                             cases[i].end_s, cases[i].found_s);

        ck_assert_uint_eq(outcome.crash_count, cases[i].crashes);
        ck_assert(outcome.crashes[0].orphaned);
        ck_assert_uint_eq(gang_status(&gang).crashes, 0);
        ck_assert_uint_eq(lki_core_crashes(gang.core, 2), 0);
        ck_assert_int_le(outcome.crashes[0].at_ns, (int64_t)(cases[i].end_s * S));
        ck_assert_int_ge(outcome.crashes[0].at_ns, (int64_t)(cases[i].end_s * S) - 2 * S);
        gang_close(&gang);
    }
}
END_TEST

/* Nothing that it is told reaches it, and nothing that it tells is heard. */
static void cut_off(struct gang_worker *worker, int64_t lapse_ns)
{
    worker->mute = UINT32_MAX;
    lki_core_lost(gang.core, worker->number, 0, lapse_ns);
}

START_TEST(a_run_of_which_nobody_is_heard_any_more_is_as_long_as_planned)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    plan.duration_ns = 4 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    lki_core_hold(gang.core, 30 * S, "Redis is away");
    for (uint64_t i = 1; i <= 2; i++) {
        gang_worker(&gang, i)->mute = UINT32_MAX;
        lki_timer_cancel(&gang_worker(&gang, i)->end);
    }
    gang.silent = true;
    gang_finish(&gang);
    ck_assert_int_ge(gang.over_ns, 32 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_int_eq(outcome.end_ns - outcome.start_ns, 4 * S);
    ck_assert_str_eq(outcome.failure, "no worker can be heard: Redis is away");
    gang_close(&gang);
}
END_TEST

static bool tells_of_now(void)
{
    struct lki_core_status status;

    lki_core_status(gang.core, &status);
    return status.last.span_ns > 0;
}

START_TEST(what_was_told_last_is_not_how_it_stands_for_ever)
{
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 4);
    cut_off(gang_worker(&gang, 1), 70 * S);
    cut_off(gang_worker(&gang, 2), 70 * S);
    gang.silent = true;
    gang_run(&gang, 6);
    ck_assert(tells_of_now());
    gang_run(&gang, 12);
    ck_assert(!tells_of_now());
    gang_close(&gang);
}
END_TEST

static void awaits_the_second(int64_t ns)
{
    struct lki_core_status status;

    lki_core_status(gang.core, &status);
    ck_assert_uint_eq(status.awaited, 1);
    ck_assert_str_eq(status.awaited_id, "of the gang");
    ck_assert_int_eq(status.awaited_ns, ns);
}

static struct lki_core_outcome outcome_of_three(enum lki_on_loss on_loss)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    plan.on_loss = on_loss;
    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    cut_off(gang_worker(&gang, 2), 70 * S);
    gang_run(&gang, 4);
    if (on_loss != LKI_LOSS_ABORT)
        lki_core_stop(gang.core, LKI_END_INTERRUPT);
    if (on_loss == LKI_LOSS_CONTINUE) {
        gang_run(&gang, 10);
        awaits_the_second(62 * S);
        lki_core_stop(gang.core, LKI_END_INTERRUPT);
    }
    gang_finish(&gang);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 1);
    ck_assert_uint_eq(outcome.crashes[0].worker, 2);
    return outcome;
}

START_TEST(an_end_waits_for_one_who_is_lost_and_tells_for_how_long)
{
    struct lki_core_outcome outcome = outcome_of_three(LKI_LOSS_REBALANCE);

    ck_assert_int_ge(gang.over_ns, 72 * S);
    ck_assert_int_ge(outcome.crashes[0].silent_ns, 70 * S);
    ck_assert_int_eq(outcome.crashes[0].goes_on_ns, 0);
    ck_assert_int_eq(lki_core_haunted_ns(gang.core), 0);
    gang_close(&gang);
}
END_TEST

START_TEST(an_end_that_is_asked_for_again_does_not_wait_for_who_is_lost)
{
    struct lki_core_outcome outcome = outcome_of_three(LKI_LOSS_CONTINUE);

    ck_assert_int_ge(gang.over_ns, 10 * S);
    ck_assert_int_le(gang.over_ns, 13 * S);
    ck_assert_int_ge(outcome.crashes[0].silent_ns, 8 * S);
    ck_assert_int_ge(outcome.crashes[0].silent_ns + outcome.crashes[0].goes_on_ns, 70 * S);
    ck_assert_int_eq(lki_core_haunted_ns(gang.core), 72 * S);
    gang_close(&gang);
}
END_TEST

START_TEST(a_run_that_ends_with_one_who_is_lost_does_not_wait_for_him)
{
    struct lki_core_outcome outcome = outcome_of_three(LKI_LOSS_ABORT);

    ck_assert_int_le(gang.over_ns, 13 * S);
    ck_assert_str_eq(outcome.failure, "worker of the gang is out of reach");
    ck_assert_int_ge(outcome.crashes[0].goes_on_ns, 50 * S);
    gang_close(&gang);
}
END_TEST

/* What is heard of it may be old, and it may hear only later what it was told. */
START_TEST(one_who_is_found_at_an_end_is_not_given_up_at_once)
{
    struct gang_worker *worker = gang_worker(&gang, 2);
    const struct lki_report gone = {.kind = LKI_REPORT_GONE,
                                    .gone = {.why = LKI_END_INTERRUPT, .at_ns = 4 * S}};
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    cut_off(worker, 70 * S);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 60);
    lki_core_found(gang.core, 2);
    gang_run(&gang, 64);
    ck_assert_int_eq(lki_core_state(gang.core), LKI_CORE_STOPPING);
    worker->mute = 0;
    gang_report(worker, &gone);
    gang_finish(&gang);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_ptr_null(outcome.failure);
    ck_assert(!outcome.unexplained);
    gang_close(&gang);
}
END_TEST

/* Its users have left, and it has told so: nothing of it is missing. */
START_TEST(one_who_is_lost_after_its_last_user_left_is_not_waited_for)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    gang.workers[1].mute = 1U << LKI_ORDER_QUIT;
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 3);
    cut_off(gang_worker(&gang, 2), 70 * S);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 20 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 0);
    ck_assert_ptr_null(outcome.failure);
    ck_assert(!outcome.unexplained);
    gang_close(&gang);
}
END_TEST

START_TEST(one_who_leaves_goes_when_its_users_have)
{
    struct lki_plan plan = open_plan(90);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    lki_core_leave(gang.core, 3);
    gang_run(&gang, 4);
    ck_assert_uint_eq(gang.workers[0].user_count + gang.workers[1].user_count, 90);
    ck_assert(gang.workers[2].quit);
    ck_assert_uint_eq(gang.wanted, 0);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_finish(&gang);
    gang_close(&gang);
}
END_TEST

START_TEST(iterations_are_all_carried_out_though_one_leaves_or_is_lost_for_good)
{
    const struct lki_report gone = {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_ITERATIONS}};
    struct gang_worker *worker = &gang.workers[1];
    struct lki_plan plan = open_plan(2);

    plan.iterations = 10;
    gang_open(&gang, &plan, NULL, 2);
    gang.stay_away = true;
    gang_run(&gang, 1);
    if (_i)
        cut_off(gang_worker(&gang, 1), 4 * S);
    else
        lki_core_leave(gang.core, 1);
    gang_run(&gang, 2);
    for (int i = 0; i < 20 && !worker->last; i++) {
        gang_iterate(worker, 1);
        gang_run(&gang, 3 + i);
    }
    ck_assert_uint_eq(worker->taken, 10);
    ck_assert(worker->last);
    gang_report(worker, &gone);
    gang_finish(&gang);
    ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_ITERATIONS);
    ck_assert_int_le(gang.over_ns, 30 * S);
    gang_close(&gang);
}
END_TEST

/* The numbers of those who read the probes, as they were told themselves. */
static const char *readers(void)
{
    static char text[GANG_WORKERS_MAX * 4];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < gang.count; i++) {
        bool reads = gang.workers[i].link && gang.workers[i].probes;

        ck_assert(reads == lki_core_worker(gang.core, i)->probes);
        if (reads)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " %zu", i + 1);
    }
    return text;
}

START_TEST(the_probes_go_to_another_when_who_reads_them_cannot)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    ck_assert_str_eq(readers(), " 1");
    gang_add(&gang);
    gang_run(&gang, 2);
    ck_assert_str_eq(readers(), " 1");
    gang.stay_away = true;
    if (_i == 0)
        lki_core_lost(gang.core, 1, 0, 60 * S);
    else if (_i == 1)
        gang_kill(&gang.workers[0]);
    else
        lki_core_leave(gang.core, 1);
    gang_run(&gang, 5.5);
    ck_assert_str_eq(readers(), " 2");
    if (_i == 0)
        lki_core_found(gang.core, 1);
    else if (_i == 1)
        gang_join(&gang.workers[0]);
    gang_add(&gang);
    gang_run(&gang, 8);
    ck_assert_str_eq(readers(), " 2");
    /* one order is enough */
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_PROBES], _i == 0);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_PROBES], 1);
    ck_assert_uint_eq(gang.workers[2].orders[LKI_ORDER_PROBES], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(the_probes_stay_with_one_who_is_begun_anew)
{
    const struct lki_death death = {.what = "killed"};
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3.8);
    gang.stay_away = true;
    if (_i)
        lki_core_died(gang.core, 1, &death); /* its last words may still come */
    else
        gang_kill(&gang.workers[0]);
    gang_run(&gang, 5.3);
    ck_assert(!lki_core_worker(gang.core, 0)->probes);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 8);
    ck_assert_str_eq(readers(), " 1");
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_PROBES], 0);
    gang_close(&gang);
}
END_TEST

START_TEST(the_probes_stay_with_one_who_is_lost_when_nobody_else_is_there)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 1);
    lki_core_lost(gang.core, 1, 0, 60 * S);
    gang_run(&gang, 3.5);
    ck_assert_str_eq(readers(), " 1");
    gang_add(&gang);
    gang_run(&gang, 5);
    ck_assert_str_eq(readers(), " 2");
    gang_close(&gang);
}
END_TEST

START_TEST(while_one_is_there_that_is_to_run_the_probes_nobody_else_does)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 1);
    ck_assert_str_eq(readers(), " 1");
    gang.probing = true;
    gang_add(&gang);
    gang_run(&gang, 2.5);
    ck_assert_str_eq(readers(), " 2");
    gang_add(&gang);
    gang_run(&gang, 4);
    ck_assert_str_eq(readers(), " 2 3");
    lki_core_lost(gang.core, 2, 0, 60 * S);
    gang_run(&gang, 5.5);
    ck_assert_str_eq(readers(), " 3");
    lki_core_lost(gang.core, 3, 0, 60 * S);
    gang_run(&gang, 7);
    ck_assert_str_eq(readers(), " 1");
    lki_core_found(gang.core, 3);
    gang_run(&gang, 8.5);
    ck_assert_str_eq(readers(), " 3");
    lki_core_found(gang.core, 2);
    gang_run(&gang, 10);
    ck_assert_str_eq(readers(), " 2 3");
    gang_close(&gang);
}
END_TEST

START_TEST(the_probes_of_one_who_left_before_the_users_begin_are_read_from_the_start)
{
    struct lki_plan plan = open_plan(10);

    gang_open_alone(&gang, &plan, NULL, 2);
    gang_join(gang_worker(&gang, 1));
    lki_core_leave(gang.core, 1);
    gang_join(gang_worker(&gang, 2));
    gang_run(&gang, 0.5);
    ck_assert_str_eq(readers(), " 2");
    gang_close(&gang);
}
END_TEST

/* ---- hooks of the run ---- */

static const struct lk_run_hook_def set_up = {.hook = LK_RUN_SETUP};
static const struct lk_run_hook_def tear_down = {.hook = LK_RUN_TEARDOWN};
static const struct lki_model hooked = {.run_hooks = {&set_up, &tear_down}};

/* Which of two workers was told to carry out which hook. */
static void hooks_were(int set_up_by, int tear_down_by)
{
    for (int i = 0; i < 2; i++) {
        const uint64_t *orders = gang.workers[i].orders;

        ck_assert_uint_eq(orders[LKI_ORDER_SET_UP], set_up_by == i + 1);
        ck_assert_uint_eq(orders[LKI_ORDER_TEAR_DOWN], tear_down_by == i + 1);
    }
}

/* The first one has left, or is not heard when the last one is ready. */
START_TEST(the_set_up_is_anothers_when_the_first_worker_is_gone)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(10);

    plan.duration_ns = 10 * S;
    gang_open_alone(&gang, &plan, &hooked, 2);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 1);
    if (_i)
        lki_core_lost(gang.core, 1, 0, 60 * S);
    else
        lki_core_leave(gang.core, 1);
    gang_join(&gang.workers[1]);
    gang_run(&gang, 2);
    if (_i)
        lki_core_found(gang.core, 1);
    gang_finish(&gang);
    hooks_were(2, 2);
    ck_assert_int_le(gang.over_ns, 15 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_int_eq(outcome.ended_by, LKI_END_DURATION);
    ck_assert(!outcome.hooks[LK_RUN_SETUP].failed && !outcome.hooks[LK_RUN_TEARDOWN].failed);
    gang_close(&gang);
}
END_TEST

/* Its users have gone before. */
START_TEST(the_tear_down_is_of_who_is_in_reach)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, &hooked, 2);
    gang_run(&gang, 1);
    gang.workers[1].mute = 1U << LKI_ORDER_STOP;
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 2);
    cut_off(gang_worker(&gang, 1), 60 * S);
    gang_report(&gang.workers[1],
                &(struct lki_report){.kind = LKI_REPORT_GONE, .gone = {LKI_END_INTERRUPT, 2 * S}});
    gang_finish(&gang);
    hooks_were(1, 2);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert(!outcome.hooks[LK_RUN_TEARDOWN].failed);
    gang_close(&gang);
}
END_TEST

/* It has the time that its station gives it. */
static struct lki_core_outcome outcome_of_leaving_in_set_up(bool cancelled)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(10);

    plan.duration_ns = 10 * S;
    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = 1U << LKI_ORDER_SET_UP;
    gang_run(&gang, 1);
    lki_core_leave(gang.core, 1);
    gang_run(&gang, 4);
    ck_assert(!gang.workers[0].quit);
    ck_assert(gang_status(&gang).setting_up);
    gang_report(
        &gang.workers[0],
        &(struct lki_report){.kind = LKI_REPORT_SET_UP,
                             .hook = {.cancelled = cancelled, .message = "", .run_data = "[7]"}});
    gang_finish(&gang);
    ck_assert(gang.workers[0].quit);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_START], 0);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    hooks_were(1, 2);
    return outcome;
}

START_TEST(one_who_leaves_carries_out_the_set_up_before)
{
    struct lki_core_outcome outcome = outcome_of_leaving_in_set_up(false);

    ck_assert(!outcome.hooks[LK_RUN_SETUP].failed);
    ck_assert_str_eq(gang.workers[1].run_data, "[7]");
    ck_assert_int_eq(outcome.ended_by, LKI_END_DURATION);
    gang_close(&gang);
}
END_TEST

START_TEST(a_set_up_that_is_cut_off_by_who_leaves_has_failed)
{
    struct lki_core_outcome outcome = outcome_of_leaving_in_set_up(true);

    ck_assert(outcome.hooks[LK_RUN_SETUP].failed);
    ck_assert_str_eq(outcome.hooks[LK_RUN_SETUP].message, "its worker had to end");
    ck_assert_int_eq(outcome.ended_by, LKI_END_SETUP);
    gang_close(&gang);
}
END_TEST

START_TEST(one_who_leaves_carries_out_the_tear_down_before)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(10);

    plan.duration_ns = 3 * S;
    gang_open(&gang, &plan, &hooked, 2);
    gang.workers[0].mute = 1U << LKI_ORDER_TEAR_DOWN;
    gang_run(&gang, 4);
    lki_core_leave(gang.core, 1);
    gang_run(&gang, 7);
    ck_assert(!gang.workers[0].quit);
    gang_report(&gang.workers[0],
                &(struct lki_report){.kind = LKI_REPORT_TEAR_DOWN, .hook = {.message = ""}});
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 8 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert(!outcome.hooks[LK_RUN_TEARDOWN].failed);
    gang_close(&gang);
}
END_TEST

START_TEST(users_come_and_go_one_after_the_other)
{
    struct lki_plan plan = open_plan(10);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    ck_assert_int_eq(lki_core_set_users(gang.core, 30, 100 * MS), LK_OK);
    gang_run(&gang, 2.95);
    ck_assert_uint_eq(gang_users(&gang), 20);
    gang_run(&gang, 5);
    ck_assert_uint_eq(gang_users(&gang), 30);
    ck_assert_int_eq(lki_core_set_users(gang.core, 5, 1 * S), LK_OK);
    gang_run(&gang, 9.5);
    ck_assert_uint_eq(gang_users(&gang), 25);
    gang_run(&gang, 40);
    ck_assert_uint_eq(gang_users(&gang), 5);
    ck_assert_int_eq(lki_core_set_users(gang.core, LKI_USERS_MAX + 1, 0), LK_E_ARG);
    ck_assert_int_eq(lki_core_set_users(gang.core, 1, -1), LK_E_ARG);
    gang_close(&gang);
}
END_TEST

START_TEST(times_are_by_the_clock_of_who_is_told)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(2);

    plan.duration_ns = 5 * S;
    plan.rated = true;
    plan.rate_per_s = 10;
    gang_prepare(&gang, NULL, 1);
    gang.ahead_ns = -3 * S;
    ck_assert_int_eq(gang_begin(&gang, &plan), LK_OK);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 1);
    ck_assert_int_eq(gang.workers[0].start.end_ns - gang.workers[0].start.start_ns, 5 * S);
    ck_assert_int_lt(gang.workers[0].start.start_ns, -2 * S);
    ck_assert_int_eq(gang.workers[0].rates[0].since_ns, gang.workers[0].start.start_ns);
    gang_finish(&gang);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_int_eq(outcome.start_ns, gang.workers[0].start.start_ns + 3 * S);
    ck_assert_int_ge(outcome.end_ns, outcome.start_ns);
    gang_close(&gang);
}
END_TEST

static Suite *membership_suite(void)
{
    Suite *suite = suite_create("membership");
    TCase *all = tcase_create("all");

    tcase_add_test(all, who_comes_late_gets_a_fair_part);
    tcase_add_test(all, who_comes_late_gets_only_what_is_added_if_so_wanted);
    tcase_add_test(all, one_who_has_not_come_has_no_users);
    tcase_add_test(all, a_run_waits_for_its_first_worker);
    tcase_add_test(all, users_of_one_who_is_lost_go_to_others_and_come_back);
    tcase_add_test(all, users_of_all_who_are_lost_wait_for_anybody);
    tcase_add_test(all, users_wait_for_one_who_is_lost_if_so_wanted);
    tcase_add_test(all, the_run_ends_with_one_who_is_lost_if_so_wanted);
    tcase_add_test(all, one_who_is_lost_too_long_counts_as_dead);
    tcase_add_test(all, an_orphan_is_not_missed_when_others_have_its_users);
    tcase_add_test(all, an_orphan_is_missed_when_its_users_are_nowhere);
    tcase_add_test(all, a_run_of_which_nobody_is_heard_any_more_is_as_long_as_planned);
    tcase_add_test(all, what_was_told_last_is_not_how_it_stands_for_ever);
    tcase_add_test(all, an_end_waits_for_one_who_is_lost_and_tells_for_how_long);
    tcase_add_test(all, an_end_that_is_asked_for_again_does_not_wait_for_who_is_lost);
    tcase_add_test(all, a_run_that_ends_with_one_who_is_lost_does_not_wait_for_him);
    tcase_add_test(all, one_who_is_found_at_an_end_is_not_given_up_at_once);
    tcase_add_test(all, one_who_is_lost_after_its_last_user_left_is_not_waited_for);
    tcase_add_test(all, one_who_leaves_goes_when_its_users_have);
    tcase_add_loop_test(all, iterations_are_all_carried_out_though_one_leaves_or_is_lost_for_good,
                        0, 2);
    tcase_add_loop_test(all, the_probes_go_to_another_when_who_reads_them_cannot, 0, 3);
    tcase_add_loop_test(all, the_probes_stay_with_one_who_is_begun_anew, 0, 2);
    tcase_add_test(all, the_probes_stay_with_one_who_is_lost_when_nobody_else_is_there);
    tcase_add_test(all, while_one_is_there_that_is_to_run_the_probes_nobody_else_does);
    tcase_add_test(all, the_probes_of_one_who_left_before_the_users_begin_are_read_from_the_start);
    tcase_add_loop_test(all, the_set_up_is_anothers_when_the_first_worker_is_gone, 0, 2);
    tcase_add_test(all, the_tear_down_is_of_who_is_in_reach);
    tcase_add_test(all, one_who_leaves_carries_out_the_set_up_before);
    tcase_add_test(all, a_set_up_that_is_cut_off_by_who_leaves_has_failed);
    tcase_add_test(all, one_who_leaves_carries_out_the_tear_down_before);
    tcase_add_test(all, users_come_and_go_one_after_the_other);
    tcase_add_test(all, times_are_by_the_clock_of_who_is_told);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(membership_suite());
}
