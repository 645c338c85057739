/* Arrivals: iterations that begin at given times, on a clock that takes no time. */
#include "user/arrivals.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/scene.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/life.h"

#define NS LKI_NS_PER_S
static struct town town;
static struct lki_arrivals arrivals;

static void open_with(struct lk_def *const *defs, size_t users, double rate, double wait_s,
                      uint64_t limit)
{
    town_open(&town, defs, users);
    ck_assert_int_eq(lki_arrivals_open(&arrivals, &town.crowd, rate, lki_ns(wait_s), limit), LK_OK);
}

/* The end of a run as a worker makes it. */
static void drain(struct town *self)
{
    lki_arrivals_end(&arrivals);
    town_drain(self);
}

/* Runs until seconds, unless it ends by itself. */
static const char *run(double seconds)
{
    lki_arrivals_begin(&arrivals, 0, lki_ns(seconds));
    town_at(&town, seconds, drain);
    town_run(&town);
    ck_assert_uint_eq(arrivals.log.started + arrivals.log.dropped, arrivals.log.intended);
    return town_log(&town);
}

static void finish(void)
{
    lki_arrivals_close(&arrivals);
    ck_assert_ptr_null(town.crowd.arrivals);
    town_close(&town);
}

#define ck_assert_log(want_intended, want_started, want_dropped, want_late)                        \
    do {                                                                                           \
        ck_assert_uint_eq(arrivals.log.intended, want_intended);                                   \
        ck_assert_uint_eq(arrivals.log.started, want_started);                                     \
        ck_assert_uint_eq(arrivals.log.dropped, want_dropped);                                     \
        ck_assert_uint_eq(arrivals.log.late, want_late);                                           \
    } while (0)

/* ---- when they come ---- */

#define STARTS_MAX 20000

static int64_t starts[STARTS_MAX];
static size_t start_count;

static void note_start(lk_vu *vu, void *self)
{
    (void)self;
    EXPECT(start_count < STARTS_MAX, "too many");
    EXPECT(vu->late_ns == 0, "late by %lld ns", (long long)vu->late_ns);
    starts[start_count++] = lki_loop_now(vu->loop);
}

static const struct rate_case {
    int64_t count; /* so many in the time of per_s */
    int64_t per_s;
    double seconds;
    size_t starts;
} rate_cases[] = {
    {100, 1, 10, 1000},       {200, 1, 1, 200},         {2000, 1, 1, 2000},
    {20000, 1, 0.9, 18000},   {3, 1, 1000, 3000},       {7, 1, 1000.5, 7004},
    {1, 2, 100, 50},          {1, 60, 121, 3},          {1, 60, 120, 2},
    {1000, 3, 9, 3000},       {1, 1, 0.5, 1},           {9973, 1, 1, 9973},
    {1, 3600, 36000000, 1e4}, {333, 1, 0.003003003, 1}, {333, 1, 0.003003004, 2},
};

START_TEST(iterations_begin_at_even_distances_to_the_nanosecond)
{
    const struct rate_case *want = &rate_cases[_i];
    double rate = (double)want->count / (double)want->per_s;
    struct lk_def *defs[] = {TOWN_STEP("a", note_start), NULL};
    size_t bin_first = 0;

    start_count = 0;
    open_with(defs, 50, rate, 10, UINT64_MAX);
    run(want->seconds);
    ck_assert_uint_eq(start_count, want->starts);
    ck_assert_log(want->starts, want->starts, 0, 0);
    for (size_t k = 0; k < start_count; k++) {
        int64_t at = ((int64_t)k * want->per_s * NS * 2 + want->count) / (want->count * 2);

        EXPECT(starts[k] == at, "start %zu was at %lld, not %lld", k, (long long)starts[k],
               (long long)at);
        while (starts[bin_first] <= starts[k] - 10 * LKI_NS_PER_MS)
            bin_first++;
        EXPECT(rate > 100 || k - bin_first < 3, "four in ten milliseconds");
    }
    ck_assert_uint_eq(town.metrics.totals->iterations, want->starts);
    finish();
}
END_TEST

static void set_pace(double rate_per_s, double lead, double since_s)
{
    ck_assert_int_eq(lki_arrivals_pace(&arrivals, rate_per_s, lead, lki_ns(since_s)), LK_OK);
}

static void set_4(struct town *self)
{
    (void)self;
    set_pace(4, 0.5, 2.5);
}

static void set_0(struct town *self)
{
    (void)self;
    set_pace(0, 0.5, 3.25);
}

static void set_half(struct town *self)
{
    (void)self;
    set_pace(0.5, 0.5, 6);
}

START_TEST(another_rate_holds_at_once_and_begins_with_its_lead)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), NULL};

    open_with(defs, 5, 0, 10, UINT64_MAX);
    set_pace(1, 0, 0);
    town_at(&town, 2.5, set_4); /* the first one comes half of a quarter later */
    town_at(&town, 3.25, set_0);
    town_at(&town, 6, set_half);
    ck_assert_str_eq(run(10), "a@0 a@1 2:a@2 3:a@2.625 4:a@2.875 5:a@3.125 a@7 2:a@9");
    ck_assert_log(8, 8, 0, 0);
    finish();
}
END_TEST

START_TEST(a_rate_may_be_set_before_the_first_comes)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), NULL};

    open_with(defs, 1, 1, 10, UINT64_MAX);
    set_pace(0.5, 0, 0);
    ck_assert_str_eq(run(5), "a@0 a@2 a@4");
    finish();
}
END_TEST

static void set_every_rate(struct town *self)
{
    (void)self;
    for (int i = 1; i <= 1000; i++)
        set_pace(i, 0.7, 3.2);
    set_pace(1, 0.7, 3.2);
    /* none came between them, so none of them is kept */
    ck_assert_uint_le(arrivals.pace_count, 3);
}

static void note_late(lk_vu *vu, void *self)
{
    char text[64];

    (void)self;
    snprintf(text, sizeof(text), "%s+%g", lki_vu_unit(vu)->step, (double)vu->late_ns / 1e9);
    town_note(vu, text);
    lk_sleep(vu, 3);
}

START_TEST(those_that_wait_keep_the_times_of_their_rates)
{
    struct lk_def *defs[] = {TOWN_STEP("a", note_late), NULL};

    open_with(defs, 1, 0, 100, 8);
    set_pace(1, 0, 0);
    town_at(&town, 2.5, set_4);          /* then at 2.625, 2.875, 3.125, 3.375, 3.625 */
    town_at(&town, 3.2, set_every_rate); /* then at 3.9, 4.9 */
    ck_assert_str_eq(run(100), "a+0@0 a+2@3 a+4@6 a+6.375@9 a+9.125@12 a+11.875@15 "
                               "a+14.1@18 a+16.1@21");
    finish();
}
END_TEST

/* ---- who carries them out ---- */

static void sleep_2500ms(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_sleep(vu, 2.5);
}

START_TEST(users_take_turns)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), NULL};

    /* the first to be free, at 0, was the first when the others came to be free too */
    open_with(defs, 3, 1, 10, UINT64_MAX);
    ck_assert_str_eq(run(6.5), "a@0 a@1 2:a@2 3:a@3 a@4 2:a@5 3:a@6");
    finish();
}
END_TEST

START_TEST(who_is_busy_is_passed_over)
{
    struct lk_def *defs[] = {TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 3, 1, 10, UINT64_MAX);
    ck_assert_str_eq(run(6.5), "a@0 2:a@1 3:a@2 a@3 2:a@4 3:a@5 a@6");
    finish();
    open_with(defs, 4, 2, 10, UINT64_MAX);
    ck_assert_str_eq(run(2.9), "a@0 2:a@0.5 3:a@1 4:a@1.5 a@2.5");
    ck_assert_log(6, 5, 1, 1); /* the one of 2 began at 2.5; that of 2.5 had no chance */
    finish();
}
END_TEST

START_TEST(one_without_a_free_user_waits_in_order)
{
    struct lk_def *defs[] = {TOWN_STEP("a", note_late), NULL};

    open_with(defs, 1, 1, 100, UINT64_MAX);
    ck_assert_str_eq(run(10), "a+0@0 a+2@3 a+4@6 a+6@9");
    ck_assert_log(10, 4, 6, 3);
    ck_assert_uint_eq(arrivals.log.lateness.count, 4);
    ck_assert_int_eq(arrivals.log.lateness.max, 6 * NS);
    finish();
}
END_TEST

START_TEST(one_that_waited_too_long_is_dropped)
{
    struct lk_def *defs[] = {TOWN_STEP("a", note_late), NULL};

    open_with(defs, 1, 1, 2.5, UINT64_MAX);
    /* at 3 that of 1; those of 2 and 3 go at 4.5 and 5.5; at 6 that of 4 */
    ck_assert_str_eq(run(10), "a+0@0 a+2@3 a+2@6 a+2@9");
    ck_assert_log(10, 4, 6, 3);
    finish();
}
END_TEST

START_TEST(without_patience_none_waits_at_all)
{
    struct lk_def *defs[] = {TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 1, 1, 0, UINT64_MAX);
    ck_assert_str_eq(run(10), "a@0 a@3 a@6 a@9");
    ck_assert_log(10, 4, 6, 0);
    finish();
}
END_TEST

START_TEST(late_is_more_than_ten_milliseconds)
{
    struct lki_arrival_log log = {0};

    lki_arrival_start(&log, 10 * LKI_NS_PER_MS);
    ck_assert_uint_eq(log.late, 0);
    lki_arrival_start(&log, 10 * LKI_NS_PER_MS + 1);
    ck_assert_uint_eq(log.late, 1);
    lki_arrivals_release(&log);
}
END_TEST

START_TEST(users_whose_steps_pause_are_not_free)
{
    struct lk_def *defs[] = {TOWN_STEP("a", note_late, .every = LK_FIXED(7)), NULL};

    open_with(defs, 2, 0.2, 100, UINT64_MAX);
    /* the first is ready again at 10, the second at 15, the first at 20 */
    ck_assert_str_eq(run(29), "a+0@0 2:a+0@5 a+0@10 2:a+0@15 a+0@20 2:a+0@25");
    finish();
    open_with(defs, 1, 0.2, 100, UINT64_MAX);
    ck_assert_str_eq(run(29), "a+0@0 a+5@10 a+10@20");
    finish();
}
END_TEST

static void sleep_1500ms(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1.5);
}

START_TEST(the_first_ones_wait_for_users_that_are_starting)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, sleep_1500ms), TOWN_STEP("a", note_late),
                             NULL};

    open_with(defs, 2, 1, 10, UINT64_MAX);
    ck_assert_str_eq(run(4), "2:a+1.5@1.5 a+0.5@1.5");
    ck_assert_log(4, 2, 2, 2);
    finish();
}
END_TEST

static int bad_starts;

static void fail_at_first(lk_vu *vu, void *self)
{
    (void)self;
    if (bad_starts-- > 0)
        lk_fail(vu, "not yet");
}

START_TEST(a_life_that_failed_to_begin_serves_none_until_the_next)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, fail_at_first),
                             TOWN_STEP("a", town_act, .every = LK_FIXED(0.1)), NULL};

    bad_starts = 2;
    open_with(defs, 1, 1, 1.5, UINT64_MAX);
    /* the second life begins at 1, the third at 3; that of 1 has waited enough at 2.5 */
    ck_assert_str_eq(run(5.5), "a@3 a@3.1 a@4 a@5");
    ck_assert_log(6, 4, 2, 2);
    finish();
}
END_TEST

static void let_second_leave(struct town *self)
{
    lki_user_leave(self->users[1]);
}

START_TEST(a_free_user_that_leaves_is_not_waited_for)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", town_act), NULL};

    open_with(defs, 3, 1, 10, UINT64_MAX);
    town_at(&town, 0.5, let_second_leave);
    ck_assert_str_eq(run(4), "init@0 start@0 a@0 2:init@0 2:start@0 3:init@0 3:start@0 "
                             "2:stop@0.5 a@1 3:a@2 a@3 stop@4 3:stop@4");
    finish();
}
END_TEST

static void let_third_leave(struct town *self)
{
    lki_user_leave(self->users[2]);
}

START_TEST(who_becomes_free_after_one_that_left_is_found)
{
    struct lk_def *defs[] = {TOWN_STEP("a", sleep_2500ms), NULL};

    /* while the first is busy the last of those that wait leaves, and then the only one */
    open_with(defs, 3, 0.25, 10, UINT64_MAX);
    town_at(&town, 2, let_third_leave);
    ck_assert_str_eq(run(12.5), "a@0 2:a@4 a@8 2:a@12");
    finish();
    open_with(defs, 3, 0.25, 10, UINT64_MAX);
    town_at(&town, 2, let_third_leave);
    town_at(&town, 2.25, let_second_leave);
    ck_assert_str_eq(run(10), "a@0 a@4 a@8");
    ck_assert_ptr_null(arrivals.free.first);
    finish();
}
END_TEST

START_TEST(steps_that_never_wait_let_the_others_have_turns)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), NULL};

    open_with(defs, 2, 4, 10, UINT64_MAX);
    town.loop.clock.fake_ns = NS; /* the first look is a second late */
    run(2);
    ck_assert_log(8, 8, 0, 4);
    ck_assert_str_eq(town_log(&town), "a@1 2:a@1 a@1 2:a@1 a@1 a@1.25 2:a@1.5 a@1.75");
    finish();
}
END_TEST

static char choices[2][1001];

static void write_choice(lk_vu *vu, void *self)
{
    char *mine = choices[town.crowd.arrivals ? 1 : 0];
    size_t len = strlen(mine);

    (void)self;
    if (len < 1000)
        mine[len] = *lki_vu_unit(vu)->step;
    if (len % 3 == 0)
        lk_sleep(vu, 0.0001 * (double)(len % 7));
}

/* Whether a user has to wait for its next arrival or not. */
START_TEST(a_user_chooses_the_same_with_arrivals_and_without)
{
    struct lk_def *defs[] = {TOWN_STEP("a", write_choice), TOWN_STEP("b", write_choice),
                             TOWN_STEP("c", write_choice), NULL};

    memset(choices, 0, sizeof(choices));
    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1000;
    town_run(&town);
    town_close(&town);
    open_with(defs, 1, 5000, 10, 1000);
    run(10);
    ck_assert_uint_gt(arrivals.log.late + arrivals.log.lateness.max, 0);
    ck_assert_uint_eq(strlen(choices[1]), 1000);
    ck_assert_str_eq(choices[0], choices[1]);
    finish();
}
END_TEST

/* ---- the end ---- */

START_TEST(at_the_end_what_waits_is_dropped_and_what_is_in_hand_goes_on)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 1, 10, 10, UINT64_MAX);
    /* draining ends the sleep */
    ck_assert_str_eq(run(1), "init@0 start@0 a@0 stop@1");
    ck_assert_log(10, 1, 9, 0);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 1);
    finish();
}
END_TEST

static int pipe_ends[2];

static void wait_for_pipe(lk_vu *vu, void *self)
{
    (void)self;
    lk_wait_fd(vu, pipe_ends[0], LK_READABLE, 5);
    town_note(vu, "waited");
}

/* Those that were to begin until then are dropped, and nothing comes afterwards. */
START_TEST(an_end_before_its_time_ends_arrivals_too)
{
    struct lk_def *defs[] = {TOWN_STEP("a", wait_for_pipe), NULL};

    ck_assert_int_eq(pipe(pipe_ends), 0);
    open_with(defs, 1, 10, 10, UINT64_MAX);
    town_at(&town, 0.55, drain);
    ck_assert_str_eq(run(100), "waited@5");
    ck_assert_log(6, 1, 5, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    finish();
}
END_TEST

static void jump_and_drain(struct town *self)
{
    self->loop.clock.fake_ns = 550 * LKI_NS_PER_MS;
    drain(self);
}

/* The user that is free takes one of them. */
START_TEST(what_came_without_being_noticed_before_the_end_has_come)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_idle), NULL};

    open_with(defs, 1, 10, 10, UINT64_MAX);
    town_at(&town, 0.05, jump_and_drain);
    run(100);
    ck_assert_log(6, 2, 4, 1);
    finish();
}
END_TEST

static void cut(struct town *self)
{
    lki_arrivals_end(&arrivals);
    town_cut(self);
}

START_TEST(a_cut_ends_steps_of_arrivals_too)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 2, 2, 10, UINT64_MAX);
    town_at(&town, 1.25, cut);
    ck_assert_str_eq(run(100), "init@0 start@0 a@0 2:init@0 2:start@0 2:a@0.5");
    ck_assert_log(3, 2, 1, 0);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_CANCELLED), 2);
    ck_assert_uint_eq(town.metrics.totals->iterations, 0);
    finish();
}
END_TEST

START_TEST(a_limit_ends_the_run_when_the_last_has_begun)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 2, 1, 10, 3);
    ck_assert_str_eq(run(100), "init@0 start@0 a@0 2:init@0 2:start@0 2:a@1 a@2.5 2:stop@3.5 "
                               "stop@5");
    ck_assert_log(3, 3, 0, 1);
    ck_assert_int_eq(town.exhausted, 1);
    ck_assert(!town.crowd.draining);
    ck_assert_uint_eq(town.metrics.totals->iterations, 3);
    finish();
}
END_TEST

START_TEST(those_that_are_dropped_count_towards_the_limit)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_2500ms), NULL};

    open_with(defs, 1, 1, 0, 3);
    ck_assert_str_eq(run(100), "init@0 start@0 a@0 stop@2.5");
    ck_assert_log(3, 1, 2, 0);
    ck_assert_int_eq(town.exhausted, 1);
    finish();
}
END_TEST

START_TEST(a_limit_above_what_comes_changes_nothing)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_idle), NULL};

    open_with(defs, 1, 10, 10, 21);
    run(2);
    ck_assert_log(20, 20, 0, 0);
    ck_assert_int_eq(town.exhausted, 0);
    finish();
}
END_TEST

/* ---- what is recorded ---- */

START_TEST(a_step_is_measured_from_its_start_and_from_its_intended_start)
{
    struct lk_def *defs[] = {TOWN_STEP("a", note_late), NULL};
    const struct lki_metric *metric;

    open_with(defs, 1, 1, 100, UINT64_MAX);
    run(10); /* the last one is drained after one of its three seconds */
    metric = town.metrics.first;
    ck_assert_str_eq(metric->name, "a");
    ck_assert_uint_eq(metric->second.latency.count, 4);
    ck_assert_int_eq(metric->second.latency.max, 3 * NS);
    ck_assert_uint_eq(metric->second.intended.count, 4);
    ck_assert_int_eq(metric->second.intended.min, 3 * NS);
    ck_assert_int_eq(metric->second.intended.max, 7 * NS);
    finish();
}
END_TEST

START_TEST(hooks_and_steps_without_arrivals_have_no_intended_start)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", town_idle, .every = LK_FIXED(1)), NULL};

    open_with(defs, 1, 1, 10, UINT64_MAX);
    run(2);
    for (const struct lki_metric *metric = town.metrics.first; metric; metric = metric->next)
        ck_assert_uint_eq(metric->second.intended.count, *metric->name == 'a' ? 2 : 0);
    finish();
    town_open(&town, defs, 1);
    town_at(&town, 2, town_drain);
    town_run(&town);
    for (const struct lki_metric *metric = town.metrics.first; metric; metric = metric->next)
        ck_assert_uint_eq(metric->second.intended.count, 0);
    town_close(&town);
}
END_TEST

/* ---- whole runs ---- */

START_TEST(types_of_users_get_their_shares)
{
    struct lk_def *defs[] = {SCENE_VU("many", .weight = 3), SCENE_STEP("many", "a", scene_idle),
                             SCENE_VU("few", .weight = 1), SCENE_STEP("few", "b", scene_idle),
                             NULL};
    lk_test *test = scene_open(defs,
                               LK_RUN_OPTIONS(.users = 8, .rate_per_s = 48, .duration_s = 10));

    ck_assert(lk_test_run(test, LK_OFF));
    /* the first user is also the first that is free after its first step */
    ck_assert_uint_eq(lk_test_count(test, "a", "STEP_OK"), 361);
    ck_assert_uint_eq(lk_test_count(test, "b", "STEP_OK"), 119);
    scene_close(test);
}
END_TEST

static void nap(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 2.5);
}

static struct lk_def *const napping[] = {SCENE_VU("guest", .weight = 1),
                                         SCENE_STEP("guest", "nap", nap),
                                         SCENE_HOOK("guest", stop, scene_idle), NULL};

static void ck_report(lk_test *test, const char *want)
{
    lk_result *result;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_int_eq(lk_result_print(result, out, 0), LK_OK);
    fclose(out);
    ck_assert_msg(strstr(text, want) != NULL, "\"%s\" is not in:\n%s", want, text);
    free(text);
    lk_result_free(result);
}

START_TEST(a_run_ends_arrivals_with_its_duration)
{
    lk_test *test = scene_open(napping,
                               LK_RUN_OPTIONS(.users = 2, .rate_per_s = 1, .duration_s = 4));

    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "nap@0-2.5 2:nap@1-3.5 2:nap@3.5-4 2:on_stop@4 "
                                      "nap@2.5-4 on_stop@4");
    ck_report(test, "4 intended, 4 started, 0 dropped, 2 late");
    scene_close(test);
}
END_TEST

START_TEST(a_run_ends_with_its_last_arrival)
{
    lk_test *test = scene_open(napping, LK_RUN_OPTIONS(.users = 2, .rate_per_s = 1, .iterations = 5,
                                                       .arrival_wait_s = LK_OFF));

    ck_assert(lk_test_run(test, LK_OFF));
    /* that of 2 finds nobody */
    ck_assert_str_eq(scene_log(test),
                     "nap@0-2.5 2:nap@1-3.5 nap@3-5.5 on_stop@5.5 2:nap@4-6.5 2:on_stop@6.5");
    ck_report(test, "5 intended, 4 started, 1 dropped, 0 late");
    scene_close(test);
}
END_TEST

static bool jumped;
START_TEST(who_stops_a_run_drops_what_waits)
{
    lk_test *test = scene_open(napping, LK_RUN_OPTIONS(.users = 1, .rate_per_s = 1));

    ck_assert(!lk_test_run(test, 2.25));
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "nap@0-2.25 on_stop@2.25");
    ck_report(test, "3 intended, 1 started, 2 dropped, 0 late");
    scene_close(test);
}
END_TEST

static lk_test *stopped;

static void nap_and_stop(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 0.2);
    if (lk_user_id(vu) == 1)
        lk_test_stop(stopped);
}

/* At that moment the third one is due, and somebody is free to take it. */
START_TEST(a_step_that_stops_the_run_wakes_nobody_within_itself)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1),
                             SCENE_STEP("guest", "nap", nap_and_stop),
                             SCENE_HOOK("guest", stop, scene_idle), NULL};

    stopped = scene_open(defs, LK_RUN_OPTIONS(.users = 3, .rate_per_s = 10));
    ck_assert(lk_test_run(stopped, LK_OFF));
    ck_assert_str_eq(scene_log(stopped),
                     "nap@0-0.2 on_stop@0.2 2:nap@0.1-0.2 2:on_stop@0.2 3:on_stop@0.2");
    ck_report(stopped, "2 intended, 2 started, 0 dropped, 0 late");
    scene_close(stopped);
}
END_TEST

static uint64_t turn_seen;
static int in_turn;
static int most_in_turn;

/* The first one after a tenth of a second keeps the loop from looking at anything for a second. */
static void count_in_turn(lk_vu *vu, void *self)
{
    struct lki_loop *loop = vu->loop;

    (void)self;
    if (!jumped && loop->clock.fake_ns >= NS / 10) {
        jumped = true;
        loop->clock.fake_ns += NS;
    }
    if (loop->health.turns != turn_seen)
        in_turn = 0;
    turn_seen = loop->health.turns;
    if (++in_turn > most_in_turn)
        most_in_turn = in_turn;
    EXPECT(start_count >= 1000 || vu->id == start_count + 1, "user %d is the %dth", (int)vu->id,
           (int)start_count);
    start_count++;
    lk_sleep(vu, 0.001);
}

START_TEST(many_that_are_due_at_once_leave_time_for_others)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1),
                             SCENE_STEP("guest", "count", count_in_turn), NULL};
    lk_test *test = scene_open(defs,
                               LK_RUN_OPTIONS(.users = 1000, .rate_per_s = 900, .duration_s = 2));

    jumped = false;
    turn_seen = 0;
    most_in_turn = 0;
    start_count = 0;
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_uint_eq(lk_test_count(test, "count", "STEP_OK"), 1800);
    ck_assert_int_eq(most_in_turn, 256);
    scene_close(test);
}
END_TEST

/* ---- how many users ---- */

START_TEST(a_rate_gets_users_enough)
{
    static const struct {
        double rate;
        uint64_t users;
    } wants[] = {{0.001, 10}, {10, 10},    {49, 49},      {50, 50},     {500, 50},
                 {600, 60},   {2000, 200}, {20000, 2000}, {1e5, 10000}, {1e7, 10000}};

    for (size_t i = 0; i < LKI_COUNT(wants); i++)
        ck_assert_uint_eq(lki_arrivals_users(wants[i].rate), wants[i].users);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arrivals");
    TCase *tcase = suite_group(suite, "times");

    tcase_add_loop_test(tcase, iterations_begin_at_even_distances_to_the_nanosecond, 0,
                        LKI_COUNT(rate_cases));
    tcase_add_test(tcase, another_rate_holds_at_once_and_begins_with_its_lead);
    tcase_add_test(tcase, a_rate_may_be_set_before_the_first_comes);
    tcase_add_test(tcase, those_that_wait_keep_the_times_of_their_rates);
    tcase = suite_group(suite, "users");
    tcase_add_test(tcase, users_take_turns);
    tcase_add_test(tcase, who_is_busy_is_passed_over);
    tcase_add_test(tcase, one_without_a_free_user_waits_in_order);
    tcase_add_test(tcase, one_that_waited_too_long_is_dropped);
    tcase_add_test(tcase, without_patience_none_waits_at_all);
    tcase_add_test(tcase, late_is_more_than_ten_milliseconds);
    tcase_add_test(tcase, users_whose_steps_pause_are_not_free);
    tcase_add_test(tcase, the_first_ones_wait_for_users_that_are_starting);
    tcase_add_test(tcase, a_life_that_failed_to_begin_serves_none_until_the_next);
    tcase_add_test(tcase, a_free_user_that_leaves_is_not_waited_for);
    tcase_add_test(tcase, who_becomes_free_after_one_that_left_is_found);
    tcase_add_test(tcase, steps_that_never_wait_let_the_others_have_turns);
    tcase_add_test(tcase, a_rate_gets_users_enough);
    tcase_add_test(tcase, a_user_chooses_the_same_with_arrivals_and_without);
    tcase = suite_group(suite, "end");
    tcase_add_test(tcase, at_the_end_what_waits_is_dropped_and_what_is_in_hand_goes_on);
    tcase_add_test(tcase, an_end_before_its_time_ends_arrivals_too);
    tcase_add_test(tcase, what_came_without_being_noticed_before_the_end_has_come);
    tcase_add_test(tcase, a_cut_ends_steps_of_arrivals_too);
    tcase_add_test(tcase, a_limit_ends_the_run_when_the_last_has_begun);
    tcase_add_test(tcase, those_that_are_dropped_count_towards_the_limit);
    tcase_add_test(tcase, a_limit_above_what_comes_changes_nothing);
    tcase = suite_group(suite, "runs");
    tcase_add_test(tcase, types_of_users_get_their_shares);
    tcase_add_test(tcase, a_run_ends_arrivals_with_its_duration);
    tcase_add_test(tcase, a_run_ends_with_its_last_arrival);
    tcase_add_test(tcase, a_step_that_stops_the_run_wakes_nobody_within_itself);
    tcase_add_test(tcase, who_stops_a_run_drops_what_waits);
    tcase_add_test(tcase, many_that_are_due_at_once_leave_time_for_others);
    tcase = suite_group(suite, "records");
    tcase_add_test(tcase, a_step_is_measured_from_its_start_and_from_its_intended_start);
    tcase_add_test(tcase, hooks_and_steps_without_arrivals_have_no_intended_start);
    return suite_run(suite);
}
