/* Adoption: a core that goes on where another one was. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/adopt.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S

static struct gang gang;

/* ---- what is kept ---- */

static struct {
    char name[64];
    char *bytes;
    size_t len;
} blobs[64];
static size_t blob_count;

static void put(const char *name, const void *bytes, size_t len, void *arg)
{
    size_t at = 0;

    (void)arg;
    while (at < blob_count && strcmp(blobs[at].name, name) != 0)
        at++;
    ck_assert_uint_lt(at, LKI_COUNT(blobs));
    if (at == blob_count) {
        blob_count++;
        snprintf(blobs[at].name, sizeof(blobs[at].name), "%s", name);
    }
    free(blobs[at].bytes);
    blobs[at].bytes = malloc(len + 1);
    ck_assert_ptr_nonnull(blobs[at].bytes);
    memcpy(blobs[at].bytes, bytes, len);
    blobs[at].len = len;
}

static const void *get(const char *name, size_t *len, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < blob_count; i++) {
        if (!strcmp(blobs[i].name, name)) {
            *len = blobs[i].len;
            return blobs[i].bytes;
        }
    }
    *len = 0;
    return NULL;
}

static const struct lki_keeper keeper = {put, get, NULL};

static bool has(const char *name)
{
    size_t len;

    return get(name, &len, NULL) != NULL;
}

static void forget(void)
{
    while (blob_count)
        free(blobs[--blob_count].bytes);
    memset(blobs, 0, sizeof(blobs));
}

static void teardown(void)
{
    gang_close(&gang);
    forget();
}

static const struct lk_run_hook_def tear_down = {.hook = LK_RUN_TEARDOWN, .timeout_s = 30};
static const struct lki_model hooked = {.run_hooks = {[LK_RUN_TEARDOWN] = &tear_down}};

static struct lki_plan open_plan(uint64_t users)
{
    struct lki_plan plan = gang_plan(users);

    plan.run_id = "same";
    plan.open_ended = true;
    plan.on_loss = LKI_LOSS_REBALANCE;
    plan.on_join = LKI_JOIN_REBALANCE;
    return plan;
}

/* Another core in place of the one that there was, which is empty. */
static enum lk_err take_over(const struct lki_plan *plan)
{
    const struct lki_core_owner owner = gang_owner(&gang);

    lki_core_free(gang.core);
    for (size_t i = 0; i < gang.count; i++) {
        lki_link_close(gang.workers[i].link);
        gang.workers[i].link = NULL;
    }
    ck_assert_int_eq(lki_core_new(&gang.core, &gang.loop, &gang.model, plan, 0, &owner), LK_OK);
    return lki_core_load(gang.core, &keeper, 20 * S);
}

/* From the one to the other with nothing between. */
static void hand_over(const struct lki_plan *plan)
{
    lki_core_save(gang.core, &keeper);
    ck_assert_int_eq(take_over(plan), LK_OK);
}

static void resume_all_but(const struct gang_worker *away)
{
    for (size_t i = 0; i < gang.count; i++) {
        if (&gang.workers[i] != away)
            gang_resume(&gang.workers[i]);
    }
}

START_TEST(workers_keep_their_names)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 1);
    ck_assert_uint_eq(lki_core_add(gang.core, "worker-7", false), 2);
    ck_assert_uint_eq(lki_core_add(gang.core, "a.2", false), 3);
    hand_over(&plan);
    ck_assert_str_eq(lki_core_worker(gang.core, 0)->id, "of the gang");
    ck_assert_str_eq(lki_core_worker(gang.core, 1)->id, "worker-7");
    ck_assert_str_eq(lki_core_worker(gang.core, 2)->id, "a.2");
}
END_TEST

static void reads(int reader)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(gang.workers[i].probes, i + 1 == reader);
        ck_assert_int_eq(lki_core_worker(gang.core, (size_t)i)->probes, i + 1 == reader);
    }
}

START_TEST(the_probes_stay_with_who_reads_them)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    lki_core_save(gang.core, &keeper);
    if (_i)
        lki_core_lost(gang.core, 1, 0, 60 * S); /* which the other core has not heard of */
    gang_run(&gang, 4);
    reads(_i ? 2 : 1);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    gang_resume(&gang.workers[1]);
    gang_resume(&gang.workers[2]);
    gang_run(&gang, 5);
    gang_resume(&gang.workers[0]);
    gang_run(&gang, 7);
    reads(1);
}
END_TEST

START_TEST(the_probes_of_one_who_is_not_heard_after_a_change_go_to_another)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    hand_over(&plan);
    resume_all_but(&gang.workers[0]);
    gang_run(&gang, 10);
    ck_assert(gang.workers[1].probes && !gang.workers[2].probes);
    gang_resume(&gang.workers[0]);
    gang_run(&gang, 12);
    reads(2);
}
END_TEST

START_TEST(one_who_came_after_the_checkpoint_reads_no_probes_beside_another)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang.stay_away = true;
    gang_run(&gang, 2);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 2.5);
    lki_core_save(gang.core, &keeper);
    gang_join(&gang.workers[1]);
    gang_run(&gang, 3);
    lki_core_lost(gang.core, 1, 0, 60 * S);
    lki_core_lost(gang.core, 3, 0, 60 * S);
    gang_run(&gang, 5);
    reads(2);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    resume_all_but(&gang.workers[1]);
    gang_rejoin(&gang.workers[1]);
    gang_run(&gang, 12);
    reads(1);
}
END_TEST

START_TEST(users_stay_where_they_are)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 3);
    lki_core_save(gang.core, &keeper);
    gang_run(&gang, 3.5);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    resume_all_but(NULL);
    gang_run(&gang, 6);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(gang.workers[i].user_count, 10);
        ck_assert_int_eq(gang.workers[i].lives, 1);
    }
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
    ck_assert_uint_eq(gang_status(&gang).users_wanted, 30);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_finish(&gang);
}
END_TEST

START_TEST(time_goes_on_and_the_seconds_are_kept)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    plan.duration_ns = 10 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 5.3);
    hand_over(&plan);
    resume_all_but(NULL);
    gang_finish(&gang);
    ck_assert_int_ge(gang.over_ns, 10 * S);
    ck_assert_int_le(gang.over_ns, 11 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_ge(outcome.series->len, 9);
    ck_assert_int_eq(outcome.ended_by, LKI_END_DURATION);
    ck_assert_ptr_null(outcome.failure);
    ck_assert_uint_eq(outcome.crash_count, 0);
}
END_TEST

START_TEST(users_change_from_what_they_were)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3);
    hand_over(&plan);
    resume_all_but(NULL);
    ck_assert_int_eq(lki_core_set_users(gang.core, 33, 10 * S), LK_OK);
    gang_run(&gang, 8);
    ck_assert_uint_eq(gang_users(&gang), 31);
    gang_run(&gang, 25);
    ck_assert_uint_eq(gang_users(&gang), 33);
}
END_TEST

/* Its clock begins anew when the machine does: the run began before that. */
START_TEST(a_run_outlives_its_machine)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    plan.duration_ns = 10 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 5.3);
    lki_core_save(gang.core, &keeper);
    gang_close(&gang);
    gang_prepare(&gang, NULL, 0);
    gang.stay_away = true;
    ck_assert_int_eq(gang_begin(&gang, &plan), LK_OK);
    ck_assert_int_eq(lki_core_load(gang.core, &keeper, 20 * S), LK_OK);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 60 * S);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_int_eq(outcome.ended_by, LKI_END_DURATION);
}
END_TEST

START_TEST(the_most_that_was_asked_for_is_kept)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    plan.rate_per_s = 10;
    plan.rated = true;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    lki_core_set_users(gang.core, 60, 0);
    lki_core_set_rate(gang.core, 50);
    gang_run(&gang, 3);
    lki_core_set_users(gang.core, 5, 0);
    lki_core_set_rate(gang.core, 1);
    if (_i) {
        hand_over(&plan);
        resume_all_but(NULL);
    }
    gang_run(&gang, 8);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.users, 60);
    ck_assert_double_eq(outcome.arrivals->rate_per_s, 50);
}
END_TEST

/* Who has which users is not known yet. */
START_TEST(a_rate_is_shared_out_when_all_have_said_how_they_stand)
{
    struct lki_plan plan = open_plan(30);
    struct gang_worker *worker = &gang.workers[0];
    size_t told;

    plan.rate_per_s = 10;
    plan.rated = true;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    hand_over(&plan);
    resume_all_but(&gang.workers[1]);
    gang_run(&gang, 3);
    told = worker->rate_count;
    ck_assert_int_eq(lki_core_set_rate(gang.core, 50), LK_OK);
    gang_run(&gang, 4);
    ck_assert_uint_eq(worker->rate_count, told);
    gang_resume(&gang.workers[1]);
    gang_run(&gang, 5);
    ck_assert_uint_eq(worker->rate_count, told + 1);
    ck_assert_double_eq(worker->rates[told].rate_per_s, 25);
}
END_TEST

/* So long after the start, and so long before the load of who was lost is over. */
struct moment {
    int64_t after_ns, before_ns;
};

static struct moment moment_of_run(void)
{
    struct lki_core_outcome outcome;
    int64_t now_ns = lki_loop_now(&gang.loop);

    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_int_eq(gang_status(&gang).elapsed_ns, now_ns - outcome.start_ns);
    return (struct moment){now_ns - outcome.start_ns, lki_core_haunted_ns(gang.core) - now_ns};
}

/* That of another machine began at another time. How long it took until the other core was there is
 * told by the clock on the wall, which may be set, too. */
START_TEST(moments_outlive_the_clock_by_which_they_were_taken)
{
    const int64_t other_ns = 1000000 * S, near_ns = 10000 * S;
    struct lki_plan plan = open_plan(30);
    struct moment one, other;

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 4);
    gang.workers[0].mute = gang.workers[1].mute = 1U << LKI_ORDER_STOP;
    lki_core_lost(gang.core, 2, 20 * S, other_ns);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_run(&gang, 5);
    one = moment_of_run();
    ck_assert_int_gt(one.before_ns, other_ns - near_ns);
    lki_core_save(gang.core, &keeper);
    gang.loop.clock.fake_ns += other_ns;
    ck_assert_int_eq(take_over(&plan), LK_OK);
    other = moment_of_run();
    ck_assert_int_lt(llabs(other.after_ns - one.after_ns), near_ns);
    ck_assert_int_lt(llabs(other.before_ns - one.before_ns), near_ns);
}
END_TEST

static size_t seconds_kept(void)
{
    struct lki_core_outcome outcome;

    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    for (size_t i = 0; i < outcome.series->len; i++)
        ck_assert_uint_eq(outcome.series->rows[i].t_s, i);
    return outcome.series->len;
}

/* Who ends in the middle of saving leaves blocks of rows that the rest does not know of. */
START_TEST(seconds_are_those_of_the_moment_that_was_saved)
{
    struct lki_plan plan = open_plan(4);
    size_t len;
    const void *rows;
    const void *core;
    char *rows_then;
    char *core_then;
    size_t rows_len;
    size_t seconds;

    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 70.5);
    lki_core_save(gang.core, &keeper);
    ck_assert(!has("series.0"));
    rows = get("rows", &rows_len, NULL);
    core = get("core", &len, NULL);
    rows_then = malloc(rows_len);
    core_then = malloc(len);
    ck_assert(rows_then && core_then);
    memcpy(rows_then, rows, rows_len);
    memcpy(core_then, core, len);
    seconds = seconds_kept();
    gang_run(&gang, 140.5);
    lki_core_save(gang.core, &keeper);
    ck_assert(has("series.0") && has("series.1"));
    ck_assert_uint_ge(seconds_kept(), seconds + 69);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    ck_assert_uint_ge(seconds_kept(), seconds + 69);
    put("rows", rows_then, rows_len, NULL);
    put("core", core_then, len, NULL);
    free(rows_then);
    free(core_then);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    ck_assert_uint_eq(seconds_kept(), seconds);
}
END_TEST

START_TEST(who_does_not_say_how_it_stands_loses_its_users_and_then_counts_as_dead)
{
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang.stay_away = true;
    gang_run(&gang, 3);
    hand_over(&plan);
    resume_all_but(&gang.workers[1]);
    gang_run(&gang, 4);
    ck_assert_uint_eq(gang.workers[0].user_count, 10);
    gang_run(&gang, 10);
    ck_assert_uint_eq(gang.workers[0].user_count + gang.workers[2].user_count, 30);
    gang_run(&gang, 26);
    ck_assert_uint_eq(gang.wanted, 1);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 1);
    ck_assert_uint_eq(outcome.crashes[0].worker, 2);
}
END_TEST

static void each_has_ten_of_its_own(void)
{
    bool had[GANG_USERS_MAX + 1] = {false};

    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(gang.workers[i].user_count, 10);
        for (size_t user = 1; user <= 30; user++) {
            ck_assert(!gang.workers[i].users[user] || !had[user]);
            had[user] |= gang.workers[i].users[user];
        }
    }
}

START_TEST(who_says_late_how_it_stands_gets_its_part_again_and_no_more)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 3);
    hand_over(&plan);
    resume_all_but(&gang.workers[1]);
    gang_run(&gang, 10);
    ck_assert_uint_eq(gang.workers[1].user_count, 10);
    gang_resume(&gang.workers[1]);
    gang_run(&gang, 12);
    each_has_ten_of_its_own();
}
END_TEST

/* It began after what the core that follows knows of. */
START_TEST(who_began_after_the_checkpoint_says_how_it_stands_too)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang.stay_away = true;
    gang_run(&gang, 3);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 3.5);
    lki_core_save(gang.core, &keeper);
    gang_join(&gang.workers[1]);
    gang_run(&gang, 5);
    ck_assert_uint_eq(gang.workers[1].user_count, 10);
    lki_core_set_users(gang.core, 60, 0);
    gang_run(&gang, 5.5);
    ck_assert_uint_eq(gang.workers[1].user_count, 20);
    lki_core_set_users(gang.core, 30, 0);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    resume_all_but(&gang.workers[1]);
    gang_rejoin(&gang.workers[1]);
    gang_run(&gang, 12);
    each_has_ten_of_its_own();
}
END_TEST

START_TEST(each_worker_is_awaited_as_long_as_it_may_go_on)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 3);
    hand_over(&plan);
    gang.stay_away = true;
    gang_resume(gang_worker(&gang, 1));
    lki_core_await(gang.core, 2, 40 * S);
    lki_core_await(gang.core, 3, 60 * S);
    gang_run(&gang, 42);
    ck_assert_uint_eq(gang_status(&gang).crashes, 0);
    gang_run(&gang, 45);
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
    gang_run(&gang, 62);
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
    gang_run(&gang, 65);
    ck_assert_uint_eq(gang_status(&gang).crashes, 2);
}
END_TEST

START_TEST(iterations_that_were_granted_are_not_granted_again)
{
    const struct lki_report gone = {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_ITERATIONS}};
    struct lki_plan plan = open_plan(2);
    uint64_t taken = 0;

    plan.iterations = 100;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    lki_core_save(gang.core, &keeper);
    for (size_t i = 0; i < 2; i++)
        gang_iterate(&gang.workers[i], 20);
    gang_run(&gang, 3);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    resume_all_but(NULL);
    for (int i = 0; i < 200 && !gang.workers[0].last; i++) {
        gang_run(&gang, 4 + i);
        for (size_t k = 0; k < 2; k++)
            gang_iterate(&gang.workers[k], 1);
    }
    gang_run(&gang, 300);
    for (size_t i = 0; i < 2; i++) {
        taken += gang.workers[i].taken;
        gang_report(&gang.workers[i], &gone);
    }
    ck_assert_uint_eq(taken, 100);
    gang_finish(&gang);
}
END_TEST

/* User 1 has left when its iterations were over, and a worker came for which nothing was left. */
START_TEST(who_came_when_all_had_begun_is_not_given_users_by_another_core)
{
    const struct lki_report gone = {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_ITERATIONS}};
    struct lki_plan plan = open_plan(4);
    struct gang_worker *late;

    plan.iterations = 20;
    gang_open(&gang, &plan, NULL, 2);
    for (int s = 1; s < 20; s++) {
        for (size_t i = 0; i < 2; i++)
            gang_iterate(&gang.workers[i], 1);
        gang_run(&gang, s);
    }
    ck_assert(gang.workers[0].last && gang.workers[1].last);
    late = gang_add(&gang);
    gang_run(&gang, 21);
    ck_assert(late->started);
    ck_assert_uint_eq(late->user_count, 0);
    gang.workers[0].users[1] = gang.workers[1].users[1] = false;
    hand_over(&plan);
    resume_all_but(NULL);
    gang_run(&gang, 30);
    ck_assert_uint_eq(late->user_count, 0);
    for (size_t i = 0; i < 2; i++)
        gang_report(&gang.workers[i], &gone);
    ck_assert(!gang_run(&gang, 35));
}
END_TEST

START_TEST(users_that_crashed_stay_away)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    gang_crash(gang_worker(&gang, 2), 5, "pay");
    gang_run(&gang, 4);
    hand_over(&plan);
    resume_all_but(NULL);
    gang_run(&gang, 10);
    ck_assert_uint_eq(gang_users(&gang), 29);
    ck_assert(!gang.workers[1].users[5]);
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
}
END_TEST

START_TEST(a_user_that_cannot_be_is_nobody)
{
    static const uint64_t users[] = {LKI_USERS_MAX + 1, (UINT64_C(1) << 63) + 1};
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 2);
    gang_crash(gang_worker(&gang, 2), users[_i], "pay");
    gang_run(&gang, 4);
    ck_assert_uint_eq(gang_users(&gang), 30);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_RUNNING);
}
END_TEST

/* _i: its burial was seen by the former core, and its order to fork it anew lost. */
START_TEST(who_died_with_the_former_core_is_wanted_again)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 3);
    gang_run(&gang, 3);
    gang.stay_away = true;
    gang_worker(&gang, 2)->page.arrivals = (struct lki_arrival_counts){4, 1, 2};
    gang_kill(gang_worker(&gang, 2));
    if (_i)
        gang_run(&gang, 4);
    ck_assert_uint_eq(gang.wanted, _i);
    hand_over(&plan);
    ck_assert_uint_eq(gang_status(&gang).intended, 5);
    ck_assert_uint_eq(gang_status(&gang).late, 2);
    gang.stay_away = false;
    resume_all_but(gang_worker(&gang, 2));
    lki_core_stand(gang.core, 2, 0);
    gang_run(&gang, 8);
    ck_assert_uint_eq(gang.wanted, _i + 1);
    ck_assert_uint_eq(gang_users(&gang), 30);
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
    lki_core_stop(gang.core, LKI_END_INTERRUPT);
    gang_finish(&gang);
}
END_TEST

static void tell_objects(struct gang_worker *worker, enum lki_report_kind kind, uint64_t id)
{
    struct lki_order_object object = {.id = id};

    gang_report(worker, &(struct lki_report){.kind = kind, .objects = {0, &object, 1, 0}});
}

static void tell_want(struct gang_worker *worker, uint64_t count)
{
    gang_report(worker, &(struct lki_report){.kind = LKI_REPORT_WANT, .want = {0, count}});
}

/* The former core had it back; a worker that has had it as a new one takes it for a repetition. */
START_TEST(an_id_that_nobody_has_is_not_new_to_another_core)
{
    static const struct lk_resource_def seats = {.count = 20};
    static const struct lk_resource_def *const resources[] = {&seats};
    struct lki_model model = {.resources = (const struct lk_resource_def **)(uintptr_t)resources,
                              .resource_count = 1};
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, &model, 2);
    gang_run(&gang, 2);
    tell_want(&gang.workers[0], 8);
    gang_run(&gang, 2.1);
    tell_want(&gang.workers[1], 10);
    gang_run(&gang, 2.2);
    ck_assert(gang.workers[0].pools[0].free[10]);
    ck_assert(gang.workers[1].pools[0].free[20]);
    gang.workers[1].pools[0].free[20] = false;
    tell_objects(&gang.workers[1], LKI_REPORT_BACK, 20);
    gang_run(&gang, 2.3);
    hand_over(&plan);
    resume_all_but(NULL);
    gang_run(&gang, 6);
    tell_want(&gang.workers[1], 1);
    gang_run(&gang, 6.1);
    ck_assert(gang.workers[1].pools[0].free[20]);
    ck_assert(!gang.workers[0].pools[0].free[20]);
}
END_TEST

/* _i: its users have gone to others by then. */
START_TEST(who_leaves_before_it_says_how_it_stands_does_so_in_order)
{
    struct lki_plan plan = open_plan(30);
    struct gang_worker *leaver;

    gang_open(&gang, &plan, NULL, 3);
    leaver = gang_worker(&gang, 2);
    gang_run(&gang, 3);
    hand_over(&plan);
    resume_all_but(_i ? leaver : NULL);
    if (_i) {
        gang_run(&gang, 10);
        gang_resume(leaver);
    }
    lki_core_leave(gang.core, 2);
    gang_run(&gang, 20);
    ck_assert_uint_eq(leaver->orders[LKI_ORDER_STOP], 1);
    ck_assert(leaver->gone);
    ck_assert(leaver->quit);
    ck_assert_uint_eq(gang.workers[0].user_count + gang.workers[2].user_count, 30);
    ck_assert_uint_eq(gang_status(&gang).crashes, 0);
    ck_assert_uint_eq(gang.wanted, 0);
}
END_TEST

START_TEST(who_is_told_to_quit_before_it_says_how_it_stands_has_not_crashed)
{
    const struct lki_report failed = {.kind = LKI_REPORT_FAILED, .failed = {.message = "no room"}};
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3);
    hand_over(&plan);
    resume_all_but(NULL);
    gang_report(gang_worker(&gang, 2), &failed);
    gang_run(&gang, 20);
    ck_assert(gang_worker(&gang, 2)->quit);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 0);
}
END_TEST

static void end_in_order(struct gang_worker *worker)
{
    const struct lki_death death = {.told = true, .what = "ended with status 0"};
    struct lki_link *link = worker->link;

    worker->link = NULL;
    lki_link_close(link);
    lki_core_died(gang.core, worker->number, &death);
}

START_TEST(who_ended_as_the_former_core_had_told_it_has_not_crashed)
{
    const struct lki_report gone = {.kind = LKI_REPORT_GONE,
                                    .gone = {.why = LKI_END_COMMAND, .at_ns = 4 * S}};
    struct lki_core_outcome outcome;
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3);
    lki_core_stop(gang.core, LKI_END_COMMAND);
    hand_over(&plan);
    for (size_t i = 0; i < 2; i++) {
        gang.workers[i].mute = 1U << LKI_ORDER_STAND | 1U << LKI_ORDER_STOP;
        gang_resume(&gang.workers[i]);
        gang_report(&gang.workers[i], &gone);
    }
    gang_run(&gang, 8);
    for (size_t i = 0; i < 2; i++)
        end_in_order(&gang.workers[i]);
    gang_finish(&gang);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert_uint_eq(outcome.crash_count, 0);
    ck_assert_int_eq(outcome.end_ns, 4 * S);
    ck_assert_ptr_null(outcome.failure);
}
END_TEST

static void is_torn_down(void)
{
    struct lki_core_outcome outcome;

    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    ck_assert(!outcome.hooks[LK_RUN_TEARDOWN].failed);
    ck_assert(!outcome.hooks[LK_RUN_TEARDOWN].cancelled);
    ck_assert_ptr_null(outcome.failure);
}

static const struct lki_report torn_down = {.kind = LKI_REPORT_TEAR_DOWN, .hook = {.message = ""}};

/* The former core had heard of it, but nobody else knows. */
START_TEST(a_tear_down_that_is_over_is_not_ordered_again)
{
    struct lki_plan plan = open_plan(30);
    struct gang_worker *first;

    gang_open(&gang, &plan, &hooked, 2);
    first = gang_worker(&gang, 1);
    gang_run(&gang, 3);
    lki_core_stop(gang.core, LKI_END_COMMAND);
    lki_core_save(gang.core, &keeper);
    for (size_t i = 0; i < 2; i++)
        gang.workers[i].mute = 1U << LKI_ORDER_QUIT;
    gang_run(&gang, 3.5);
    ck_assert_uint_eq(first->orders[LKI_ORDER_TEAR_DOWN], 1);
    ck_assert_int_eq(take_over(&plan), LK_OK);
    resume_all_but(NULL);
    gang_report(first, &torn_down);
    for (size_t i = 0; i < 2; i++)
        gang.workers[i].mute = 1U << LKI_ORDER_TEAR_DOWN;
    gang_finish(&gang);
    ck_assert_uint_eq(first->orders[LKI_ORDER_TEAR_DOWN], 1);
    is_torn_down();
}
END_TEST

/* It lasts longer than a stop may take, and whether its order had gone out is not known. */
START_TEST(a_tear_down_goes_on_with_another_core)
{
    struct lki_plan plan = open_plan(30);
    struct gang_worker *first;

    gang_open(&gang, &plan, &hooked, 2);
    first = gang_worker(&gang, 1);
    first->mute = 1U << LKI_ORDER_TEAR_DOWN;
    gang_run(&gang, 3);
    lki_core_stop(gang.core, LKI_END_COMMAND);
    gang_run(&gang, 4);
    ck_assert_uint_eq(first->orders[LKI_ORDER_TEAR_DOWN], 1);
    hand_over(&plan);
    resume_all_but(NULL);
    gang_run(&gang, 30);
    ck_assert_uint_eq(first->orders[LKI_ORDER_TEAR_DOWN], 2);
    ck_assert_uint_eq(first->stops, 1);
    gang_report(first, &torn_down);
    gang_finish(&gang);
    is_torn_down();
}
END_TEST

START_TEST(a_run_that_had_not_begun_is_given_up)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    lki_core_save(gang.core, &keeper);
    ck_assert_int_eq(take_over(&plan), LK_E_STATE);
}
END_TEST

START_TEST(an_end_that_was_asked_for_many_times_goes_on)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3);
    gang.workers[0].mute = 1U << LKI_ORDER_STOP;
    for (int i = 0; i < 5; i++)
        lki_core_stop(gang.core, LKI_END_INTERRUPT);
    hand_over(&plan);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 13 * S);
}
END_TEST

START_TEST(what_is_cut_short_is_refused)
{
    struct lki_plan plan = open_plan(30);

    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    lki_core_save(gang.core, &keeper);
    ck_assert_str_eq(blobs[0].name, "core");
    blobs[0].len -= 1 + (size_t)_i * 7;
    ck_assert_int_eq(take_over(&plan), LK_E_FORMAT);
}
END_TEST

/* The next second of a worker. */
static void tell_totals(struct gang_worker *worker)
{
    struct lki_metrics metrics;
    const struct lki_measured measured = {.metrics = &metrics};
    struct lki_report report = {.kind = LKI_REPORT_SECOND};
    struct lki_buf totals;

    lki_buf_init(&totals, 1 << 20);
    lki_metrics_init(&metrics, 0, 0);
    lki_snapshot_write(&measured, &totals);
    report.second.totals = totals.data;
    report.second.totals_bytes = totals.len;
    report.second.health.span_ns = lki_loop_now(&gang.loop);
    gang_report(worker, &report);
    lki_metrics_release(&metrics);
    lki_buf_release(&totals);
}

START_TEST(what_workers_measured_may_be_saved_in_parts)
{
    struct lki_plan plan = open_plan(30);
    size_t parts = 1;
    size_t before = 0;

    gang_open(&gang, &plan, NULL, LKI_COUNT(gang.workers));
    gang_run(&gang, 2);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < gang.count; i++)
            tell_totals(&gang.workers[i]);
        gang_run(&gang, 2.1 + (double)round);
    }
    while (!lki_core_save_some(gang.core, &keeper)) {
        ck_assert_uint_gt(blob_count, before);
        before = blob_count;
        parts++;
    }
    ck_assert_uint_ge(parts, 2);
    ck_assert_uint_eq(blob_count, gang.count);
    ck_assert(lki_core_save_some(gang.core, &keeper));
    tell_totals(&gang.workers[3]);
    gang_run(&gang, 3.2);
    forget();
    lki_core_save(gang.core, &keeper);
    ck_assert(has("core"));
    ck_assert(has("life.4.0"));
    ck_assert(!has("life.3.0"));
}
END_TEST

static Suite *adopt_suite(void)
{
    Suite *suite = suite_create("adopt");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, NULL, teardown);
    tcase_add_test(all, workers_keep_their_names);
    tcase_add_loop_test(all, the_probes_stay_with_who_reads_them, 0, 2);
    tcase_add_test(all, the_probes_of_one_who_is_not_heard_after_a_change_go_to_another);
    tcase_add_test(all, one_who_came_after_the_checkpoint_reads_no_probes_beside_another);
    tcase_add_test(all, users_stay_where_they_are);
    tcase_add_test(all, time_goes_on_and_the_seconds_are_kept);
    tcase_add_test(all, users_change_from_what_they_were);
    tcase_add_test(all, a_run_outlives_its_machine);
    tcase_add_loop_test(all, the_most_that_was_asked_for_is_kept, 0, 2);
    tcase_add_test(all, a_rate_is_shared_out_when_all_have_said_how_they_stand);
    tcase_add_test(all, moments_outlive_the_clock_by_which_they_were_taken);
    tcase_add_test(all, seconds_are_those_of_the_moment_that_was_saved);
    tcase_add_test(all, who_does_not_say_how_it_stands_loses_its_users_and_then_counts_as_dead);
    tcase_add_test(all, who_says_late_how_it_stands_gets_its_part_again_and_no_more);
    tcase_add_test(all, who_began_after_the_checkpoint_says_how_it_stands_too);
    tcase_add_test(all, each_worker_is_awaited_as_long_as_it_may_go_on);
    tcase_add_test(all, iterations_that_were_granted_are_not_granted_again);
    tcase_add_test(all, who_came_when_all_had_begun_is_not_given_users_by_another_core);
    tcase_add_test(all, users_that_crashed_stay_away);
    tcase_add_loop_test(all, a_user_that_cannot_be_is_nobody, 0, 2);
    tcase_add_test(all, what_workers_measured_may_be_saved_in_parts);
    tcase_add_loop_test(all, who_died_with_the_former_core_is_wanted_again, 0, 2);
    tcase_add_test(all, an_id_that_nobody_has_is_not_new_to_another_core);
    tcase_add_loop_test(all, who_leaves_before_it_says_how_it_stands_does_so_in_order, 0, 2);
    tcase_add_test(all, who_is_told_to_quit_before_it_says_how_it_stands_has_not_crashed);
    tcase_add_test(all, who_ended_as_the_former_core_had_told_it_has_not_crashed);
    tcase_add_test(all, a_tear_down_that_is_over_is_not_ordered_again);
    tcase_add_test(all, a_tear_down_goes_on_with_another_core);
    tcase_add_test(all, a_run_that_had_not_begun_is_given_up);
    tcase_add_test(all, an_end_that_was_asked_for_many_times_goes_on);
    tcase_add_loop_test(all, what_is_cut_short_is_refused, 0, 8);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(adopt_suite());
}
