/* What the life of a virtual user promises, on a clock that takes no time. */
#include <check.h>
#include <math.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/life.h"

#define NS LKI_NS_PER_S
static struct town town;

static void finish(void)
{
    town_close(&town);
}

/* Runs one user until seconds and says what it did. */
static const char *live(struct lk_def *const *defs, double seconds)
{
    town_open(&town, defs, 1);
    town_at(&town, seconds, town_drain);
    town_run(&town);
    return town_log(&town);
}

static void sleep_2(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_sleep(vu, 2);
}

static void sleep_long(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_sleep(vu, 1e6);
    town_note(vu, "woke");
}

static void fail_always(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_fail(vu, "no %s", "luck");
}

/* ---- order ---- */

START_TEST(init_start_steps_stop_in_this_order)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", town_act, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(defs, 2.5), "init@0 start@0 a@0 a@1 a@2 stop@2.5");
    ck_assert_uint_eq(town_code(&town, "on_init", LKI_CODE_LIFECYCLE_OK), 1);
    ck_assert_uint_eq(town_code(&town, "on_start", LKI_CODE_LIFECYCLE_OK), 1);
    ck_assert_uint_eq(town_code(&town, "on_stop", LKI_CODE_LIFECYCLE_OK), 1);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 3);
    ck_assert_uint_eq(town.metrics.totals->iterations, 3);
    finish();
}
END_TEST

START_TEST(hooks_may_be_missing)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(defs, 1.5), "a@0 a@1");
    finish();
}
END_TEST

static void count_life(lk_vu *vu, void *self)
{
    struct town_state *state = self;

    EXPECT(state->lives == 0 && state->steps == 0, "the state is not zeroed");
    state->lives = 1;
    town_note(vu, "init");
}

static int good_lives_from;

static void start_fails_at_first(lk_vu *vu, void *self)
{
    struct town_state *state = self;

    EXPECT(state->lives == 1, "the state is not that of init");
    state->steps = 77;
    town_note(vu, "start");
    if (good_lives_from-- > 0)
        lk_fail(vu, "not yet");
}

START_TEST(a_life_that_failed_ends_with_stop_and_a_new_one_begins_zeroed)
{
    struct lk_def *defs[] = {
        TOWN_HOOK(LK_HOOK_INIT, count_life), TOWN_HOOK(LK_HOOK_START, start_fails_at_first),
        TOWN_HOOK(LK_HOOK_STOP, town_stop), TOWN_STEP("a", town_act, .every = LK_FIXED(10)), NULL};

    good_lives_from = 2;
    ck_assert_str_eq(live(defs, 5), "init@0 start@0 stop@0 init@1 start@1 stop@1 "
                                    "init@3 start@3 a@3 stop@5");
    ck_assert_uint_eq(town_code(&town, "on_start", LKI_CODE_LIFECYCLE_FAILED), 2);
    ck_assert_uint_eq(town_code(&town, "on_start", LKI_CODE_LIFECYCLE_OK), 1);
    ck_assert_str_eq(town.metrics.first_error->message, "not yet");
    ck_assert_uint_eq(town.metrics.first_error->count, 2);
    finish();
}
END_TEST

START_TEST(the_back_off_doubles_from_1_to_30_seconds)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, fail_always),
                             TOWN_HOOK(LK_HOOK_START, town_start), /* not after a bad init */
                             TOWN_STEP("a", town_act), NULL};

    ck_assert_str_eq(live(defs, 130), "@0 @1 @3 @7 @15 @31 @61 @91 @121");
    ck_assert_uint_eq(town_code(&town, "on_init", LKI_CODE_LIFECYCLE_FAILED), 9);
    finish();
}
END_TEST

static void stop_takes_2(lk_vu *vu, void *self)
{
    town_stop(vu, self);
    lk_sleep(vu, 2);
}

START_TEST(the_back_off_counts_from_the_end_of_stop)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, fail_always),
                             TOWN_HOOK(LK_HOOK_STOP, stop_takes_2), TOWN_STEP("a", town_act), NULL};

    ck_assert_str_eq(live(defs, 8.5), "@0 stop@0 @3 stop@3 @7 stop@7");
    finish();
}
END_TEST

static void note_active(struct town *self)
{
    lki_buf_printf(&self->log, " [%llu]", (unsigned long long)self->crowd.active);
}

START_TEST(those_between_start_and_stop_are_active)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, start_fails_at_first),
                             TOWN_HOOK(LK_HOOK_INIT, count_life),
                             TOWN_STEP("a", town_idle, .every = LK_FIXED(100)), NULL};

    good_lives_from = 2;
    town_open(&town, defs, 3);
    town_at(&town, 0.5, note_active); /* two of three failed */
    town_at(&town, 1.5, note_active);
    town_at(&town, 2, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 2:init@0 2:start@0 3:init@0 3:start@0 [1] "
                                      "init@1 start@1 2:init@1 2:start@1 [3]");
    finish();
}
END_TEST

/* ---- time-outs ---- */

static void hang(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_sleep(vu, 1e6);
    ck_abort_msg("woke up from a sleep that was to be left");
}

START_TEST(a_hook_has_30_seconds)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, town_init), TOWN_HOOK(LK_HOOK_START, hang),
                             TOWN_HOOK(LK_HOOK_STOP, town_stop), TOWN_STEP("a", town_act), NULL};

    ck_assert_str_eq(live(defs, 30.5), "init@0 @0 stop@30");
    ck_assert_uint_eq(town_code(&town, "on_start", LKI_CODE_LIFECYCLE_TIMEOUT), 1);
    ck_assert_str_eq(town.metrics.first_error->message, "timed out");
    finish();
}
END_TEST

START_TEST(a_hook_has_the_time_that_was_set)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, hang, .timeout_s = 0.125),
                             TOWN_HOOK(LK_HOOK_STOP, town_stop), TOWN_STEP("a", town_act), NULL};

    ck_assert_str_eq(live(defs, 1), "@0 stop@0.125");
    finish();
}
END_TEST

static void sleep_60(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 60);
}

START_TEST(a_hook_without_a_time_out_has_all_time)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, sleep_60, .timeout_s = LK_OFF),
                             TOWN_STEP("a", town_act, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(defs, 61.5), "a@60 a@61");
    finish();
}
END_TEST

static int pipe_ends[2];

static void wait_for_pipe(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_wait_fd(vu, pipe_ends[0], LK_READABLE, LK_OFF);
    ck_abort_msg("nothing was written");
}

static void advance_and_yield(lk_vu *vu, void *self)
{
    (void)self;
    town_act(vu, self);
    for (;;) {
        vu->loop->clock.fake_ns += LKI_NS_PER_MS / 4;
        lk_sleep(vu, 0);
    }
}

static void (*const hang_ways[])(lk_vu *, void *) = {hang, wait_for_pipe, advance_and_yield};

START_TEST(a_step_times_out_at_its_nanosecond_wherever_it_waits)
{
    struct lk_def *defs[] = {
        TOWN_STEP("a", hang_ways[_i], .timeout_s = 0.123456789, .every = LK_FIXED(1)), NULL};

    ck_assert_int_eq(pipe(pipe_ends), 0);
    if (_i < 2)
        ck_assert_str_eq(live(defs, 2.2), "a@0 a@1.123456789");
    else /* it looks at the clock every quarter of a millisecond */
        ck_assert_str_eq(live(defs, 2.2), "a@0 a@1.1235");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_TIMEOUT), 2);
    ck_assert_str_eq(town.metrics.first_error->message, "timed out");
    ck_assert_uint_eq(town.metrics.totals->iterations, 2);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    finish();
}
END_TEST

START_TEST(a_step_that_fails_is_told_and_the_user_goes_on)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", fail_always, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(defs, 2.5), "init@0 start@0 a@0 a@1 a@2 stop@2.5");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_FAILED), 3);
    ck_assert_str_eq(town.metrics.first_error->message, "no luck");
    ck_assert_uint_eq(town.metrics.first_error->count, 3);
    ck_assert_uint_eq(town.metrics.totals->step_errors, 3);
    finish();
}
END_TEST

/* What the C locale has no bytes for. */
static void fail_strangely(lk_vu *vu, void *self)
{
    (void)self;
    lk_fail(vu, "%ls", L"\u00fc");
}

START_TEST(a_message_that_cannot_be_made_fails_the_step_too)
{
    struct lk_def *defs[] = {TOWN_STEP("a", fail_strangely, .every = LK_FIXED(1)), NULL};

    live(defs, 0.5);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_FAILED), 1);
    ck_assert_str_eq(town.metrics.first_error->message, "lk_fail: the message cannot be formatted");
    finish();
}
END_TEST

/* ---- choosing ---- */

static int succeed_from;

static void succeed_later(lk_vu *vu, void *self)
{
    town_act(vu, self);
    if (--succeed_from > 0)
        lk_fail(vu, "not yet");
}

START_TEST(a_step_waits_until_each_of_its_needs_has_succeeded)
{
    struct lk_def *defs[] = {TOWN_STEP("c", town_act, .needs = "a, b", .every = LK_FIXED(100)),
                             TOWN_STEP("b", town_act, .needs = "a", .every = LK_FIXED(100)),
                             TOWN_STEP("a", succeed_later, .every = LK_FIXED(1)), NULL};

    succeed_from = 3;
    ck_assert_str_eq(live(defs, 2.5), "a@0 a@1 a@2 b@2 c@2");
    finish();
}
END_TEST

START_TEST(every_counts_from_the_end_and_pace_from_the_start)
{
    struct lk_def *every[] = {TOWN_STEP("a", sleep_2, .every = LK_FIXED(3)), NULL};
    struct lk_def *pace[] = {TOWN_STEP("a", sleep_2, .pace = LK_FIXED(3)), NULL};
    struct lk_def *late[] = {TOWN_STEP("a", sleep_2, .pace = LK_FIXED(1)), NULL};
    struct lk_def *both[] = {TOWN_STEP("a", hang, .timeout_s = 0.5, .pace = LK_FIXED(3)), NULL};

    ck_assert_str_eq(live(every, 12), "a@0 a@5 a@10");
    finish();
    ck_assert_str_eq(live(pace, 7), "a@0 a@3 a@6");
    finish();
    ck_assert_str_eq(live(late, 5), "a@0 a@2 a@4");
    finish();
    ck_assert_str_eq(live(both, 7), "a@0 a@3 a@6");
    finish();
}
END_TEST

START_TEST(steps_have_pauses_of_their_own)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(2)),
                             TOWN_STEP("b", town_act, .needs = "a", .every = LK_FIXED(3)), NULL};

    ck_assert_str_eq(live(defs, 6.5), "a@0 b@0 a@2 b@3 a@4 b@6 a@6");
    finish();
}
END_TEST

static int64_t last_ns;
static int64_t least_ns;
static int64_t most_ns;

static void measure_pause(lk_vu *vu, void *self)
{
    int64_t pause_ns = lki_loop_now(vu->loop) - last_ns;

    (void)self;
    if (last_ns && pause_ns < least_ns)
        least_ns = pause_ns;
    if (last_ns && pause_ns > most_ns)
        most_ns = pause_ns;
    last_ns = lki_loop_now(vu->loop);
}

START_TEST(a_random_pause_keeps_to_its_bounds_and_reaches_them)
{
    struct lk_def *defs[] = {TOWN_STEP("a", measure_pause, .every = LK_BETWEEN(0.5, 1.5)), NULL};

    last_ns = 0;
    least_ns = LKI_NEVER;
    most_ns = 0;
    live(defs, 10000);
    ck_assert_int_ge(least_ns, NS / 2);
    ck_assert_int_lt(least_ns, NS / 2 + NS / 500);
    ck_assert_int_le(most_ns, 3 * NS / 2);
    ck_assert_int_gt(most_ns, 3 * NS / 2 - NS / 500);
    ck_assert_uint_gt(town.metrics.totals->iterations, 9800);
    ck_assert_uint_lt(town.metrics.totals->iterations, 10200);
    finish();
}
END_TEST

static double next_pause(lk_vu *vu)
{
    (void)vu;
    return ++succeed_from;
}

static double failing_pause(lk_vu *vu)
{
    town_note(vu, "pause");
    lk_param(vu, "nobody registered this");
    return 5;
}

START_TEST(a_function_says_each_pause)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_DELAY_FN(next_pause)), NULL};
    struct lk_def *pace[] = {TOWN_STEP("a", sleep_2, .pace = LK_DELAY_FN(next_pause)), NULL};

    succeed_from = 0;
    ck_assert_str_eq(live(defs, 11), "a@0 a@1 a@3 a@6 a@10");
    ck_assert_uint_eq(town_code(&town, "pause", LKI_CODE_LIFECYCLE_OK), 5);
    finish();
    succeed_from = 0;
    ck_assert_str_eq(live(pace, 8), "a@0 a@2 a@4 a@7");
    finish();
}
END_TEST

START_TEST(a_function_that_fails_makes_a_pause_of_a_second_and_is_told)
{
    struct lk_def *defs[] = {TOWN_STEP("a", sleep_2, .every = LK_DELAY_FN(failing_pause)), NULL};

    ck_assert_str_eq(live(defs, 4), "a@0 pause@2 a@3 pause@4");
    ck_assert_uint_eq(town.metrics.first_error->count, 2);
    ck_assert_str_eq(town.metrics.first_error->step, "a");
    ck_assert_uint_eq(town_code(&town, "pause", LKI_CODE_LIFECYCLE_FAILED), 2);
    ck_assert_uint_eq(lki_crowd_hook_errors(&town.crowd), 2);
    finish();
}
END_TEST

START_TEST(no_pause_is_too_long)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", town_act, .every = LK_FIXED(1e300)),
                             TOWN_STEP("b", town_act, .needs = "a", .pace = LK_FIXED(9e9)), NULL};

    ck_assert_str_eq(live(defs, 1e6), "init@0 start@0 a@0 b@0 stop@1000000");
    finish();
}
END_TEST

static uint64_t chosen[4];

static void count_choice(lk_vu *vu, void *self)
{
    (void)self;
    chosen[lki_vu_unit(vu)->step[0] - 'a']++;
}

static double chi_square(const double *weights, uint64_t draws)
{
    double total = 0;
    double chi = 0;

    for (int i = 0; i < 4; i++)
        total += weights[i];
    for (int i = 0; i < 4; i++) {
        double mean = (double)draws * weights[i] / total;

        if (weights[i] > 0)
            chi += ((double)chosen[i] - mean) * ((double)chosen[i] - mean) / mean;
    }
    return chi;
}

START_TEST(choices_go_by_weight)
{
    struct lk_def *defs[] = {TOWN_STEP("a", count_choice),
                             TOWN_STEP("b", count_choice, .weight = 2.5),
                             TOWN_STEP("c", count_choice, .weight = 0.1),
                             TOWN_STEP("d", count_choice, .weight = 4), NULL};

    memset(chosen, 0, sizeof(chosen));
    town_open(&town, defs, 1);
    town.crowd.iterations_left = 100000;
    town_run(&town);
    ck_assert_uint_eq(chosen[0] + chosen[1] + chosen[2] + chosen[3], 100000);
    /* 3 degrees of freedom: beyond 21.1 one time in 10,000, below 0.02 one in 1,000 */
    ck_assert_double_lt(chi_square((double[]){1, 2.5, 0.1, 4}, 100000), 21.1);
    ck_assert_double_gt(chi_square((double[]){1, 2.5, 0.1, 4}, 100000), 0.02);
    finish();
}
END_TEST

START_TEST(only_steps_that_are_ready_share_the_choices)
{
    struct lk_def *defs[] = {TOWN_STEP("a", count_choice),
                             TOWN_STEP("b", count_choice, .weight = 1000, .every = LK_FIXED(1e9)),
                             TOWN_STEP("c", count_choice, .weight = 3),
                             TOWN_STEP("d", fail_always, .every = LK_FIXED(1e9)),
                             TOWN_STEP("e", count_choice, .weight = 1000, .needs = "d"),
                             NULL};

    memset(chosen, 0, sizeof(chosen));
    town_open(&town, defs, 1);
    town.crowd.iterations_left = 100002;
    town_run(&town);
    ck_assert_uint_eq(chosen[1], 1);
    ck_assert_uint_eq(chosen[0] + chosen[2], 100000);
    ck_assert_double_lt(chi_square((double[]){1, 0, 3, 0}, 100000), 15.2);
    finish();
}
END_TEST

/* What three users do in a minute, as a text. */
static char *history(uint64_t seed)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_BETWEEN(0.2, 3)),
                             TOWN_STEP("b", town_act, .every = LK_BETWEEN(0.1, 1), .weight = 2),
                             TOWN_STEP("c", town_act, .needs = "a", .every = LK_BETWEEN(0.1, 2)),
                             NULL};
    char *text;

    town_open_seeded(&town, defs, 3, seed);
    town_at(&town, 60, town_drain);
    town_run(&town);
    text = strdup(town_log(&town));
    finish();
    return text;
}

START_TEST(the_same_seed_gives_the_same_run_and_another_seed_another)
{
    char *first = history(42);
    char *second = history(42);
    char *third = history(43);

    ck_assert_uint_gt(strlen(first), 1000);
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, third);
    free(first);
    free(second);
    free(third);
}
END_TEST

static char choices[4][1001];

static void write_choice(lk_vu *vu, void *self)
{
    char *mine = choices[lk_user_id(vu) - 1];
    size_t len = strlen(mine);

    (void)self;
    if (len < 1000)
        mine[len] = *lki_vu_unit(vu)->step;
}

/* The draws of a user do not depend on how many others there are. */
START_TEST(each_user_has_draws_of_its_own)
{
    struct lk_def *defs[] = {TOWN_STEP("a", write_choice), TOWN_STEP("b", write_choice),
                             TOWN_STEP("c", write_choice), NULL};

    memset(choices, 0, sizeof(choices));
    town_open(&town, defs, 3);
    town.crowd.iterations_left = 3200;
    town_run(&town);
    finish();
    ck_assert_uint_eq(strlen(choices[0]), 1000);
    ck_assert_uint_eq(strlen(choices[2]), 1000);
    ck_assert_str_ne(choices[0], choices[1]);
    ck_assert_str_ne(choices[1], choices[2]);
    memcpy(choices[3], choices[0], sizeof(choices[3]));
    memset(choices[0], 0, sizeof(choices[0]));
    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1000;
    town_run(&town);
    finish();
    ck_assert_str_eq(choices[0], choices[3]);
}
END_TEST

/* ---- iterations ---- */

static void sleep_a_while(lk_vu *vu, void *self)
{
    struct town_state *state = self;

    state->steps++;
    lk_sleep(vu, 0.01 * (double)(lk_user_id(vu) % 7));
}

static const struct share_case {
    size_t users;
    uint64_t iterations;
} share_cases[] = {{1, 1}, {7, 100}, {100, 7}, {50, 50}, {100, 1}, {13, 999}};

START_TEST(iterations_are_shared_exactly)
{
    const struct share_case *share = &share_cases[_i];
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_a_while), NULL};

    town_open(&town, defs, share->users);
    town.crowd.iterations_left = share->iterations;
    town_run(&town);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), share->iterations);
    ck_assert_uint_eq(town.metrics.totals->iterations, share->iterations);
    ck_assert_uint_eq(town.crowd.iterations_left, 0);
    ck_assert_int_eq(town.exhausted, 1);
    ck_assert_uint_eq(town_code(&town, "on_stop", LKI_CODE_LIFECYCLE_OK),
                      town_code(&town, "on_start", LKI_CODE_LIFECYCLE_OK));
    ck_assert(!town.crowd.draining);
    finish();
}
END_TEST

/* ---- fairness ---- */

START_TEST(steps_that_never_wait_do_not_starve_timers)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_compute), NULL};

    /* were it starved, this would never be drained */
    live(defs, 1);
    ck_assert_uint_ge(town.metrics.totals->iterations, 999);
    ck_assert_uint_le(town.metrics.totals->iterations, 1001);
    finish();
}
END_TEST

static uint64_t turns[TOWN_USERS_MAX];

static void count_turn(lk_vu *vu, void *self)
{
    (void)self;
    turns[lk_user_id(vu) - 1]++;
}

START_TEST(steps_that_never_wait_share_the_turns)
{
    struct lk_def *defs[] = {TOWN_STEP("a", count_turn), NULL};

    memset(turns, 0, sizeof(turns));
    town_open(&town, defs, TOWN_USERS_MAX);
    town.crowd.iterations_left = 100 * TOWN_USERS_MAX;
    town_run(&town);
    for (int i = 0; i < TOWN_USERS_MAX; i++) {
        EXPECT(turns[i] >= 99 && turns[i] <= 101, "user %d had %d turns", i + 1, (int)turns[i]);
    }
    finish();
}
END_TEST

/* ---- the end ---- */

static void note_sleep(lk_vu *vu, void *self)
{
    enum lk_err err;

    town_act(vu, self);
    EXPECT(!lk_should_stop(vu), "it is too early to stop");
    err = lk_sleep(vu, 100);
    town_note(vu, lk_err_name(err));
    EXPECT(lk_should_stop(vu), "nobody told to stop");
    err = lk_sleep(vu, 100);
    town_note(vu, lk_err_name(err));
    EXPECT(lk_sleep(vu, 0) == LK_E_CANCELLED, "giving up a turn");
}

START_TEST(draining_ends_sleeps_at_once_and_lets_steps_finish)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", note_sleep), NULL};

    ck_assert_str_eq(live(defs, 3), "init@0 start@0 a@0 LK_E_CANCELLED@3 LK_E_CANCELLED@3 stop@3");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 1);
    finish();
}
END_TEST

static void wait_for_pipe_a_while(lk_vu *vu, void *self)
{
    town_act(vu, self);
    town_note(vu, lk_err_name((enum lk_err)lk_wait_fd(vu, pipe_ends[0], LK_READABLE, 5)));
    town_note(vu, lk_err_name((enum lk_err)lk_wait_fd(vu, pipe_ends[0], LK_READABLE, 4)));
    EXPECT(lk_wait_fd(vu, pipe_ends[1], LK_WRITABLE, 4) == LK_WRITABLE, "no room in the pipe");
}

START_TEST(draining_lets_a_wait_for_a_descriptor_go_on)
{
    struct lk_def *defs[] = {TOWN_STEP("a", wait_for_pipe_a_while), NULL};

    ck_assert_int_eq(pipe(pipe_ends), 0);
    ck_assert_str_eq(live(defs, 3), "a@0 LK_E_TIMEOUT@5 LK_E_TIMEOUT@9");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    finish();
}
END_TEST

static void wait_for_nonsense(lk_vu *vu, void *self)
{
    (void)self;
    EXPECT(lk_wait_fd(vu, -1, LK_READABLE, 1) == LK_E_ARG, "no descriptor");
    EXPECT(lk_wait_fd(vu, pipe_ends[0], LK_READABLE, -0.1) == LK_E_TIMEOUT, "a time that is over");
    EXPECT(lk_wait_fd(vu, pipe_ends[0], 0, 1) == LK_E_ARG, "no event");
    EXPECT(lk_wait_fd(vu, pipe_ends[0], 4, 1) == LK_E_ARG, "an unknown event");
    EXPECT(lk_wait_fd(vu, 1000000, LK_READABLE, 1) == LK_E_ARG, "a closed descriptor");
}

START_TEST(descriptors_that_cannot_be_waited_for_are_refused)
{
    struct lk_def *defs[] = {TOWN_STEP("a", wait_for_nonsense, .every = LK_FIXED(10)), NULL};

    ck_assert_int_eq(pipe(pipe_ends), 0);
    live(defs, 1);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    finish();
}
END_TEST

static void sleep_nan(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, -5);
    lk_sleep(vu, (double)NAN);
}

static void wait_nan(lk_vu *vu, void *self)
{
    (void)self;
    lk_wait_fd(vu, 0, LK_READABLE, (double)NAN);
}

START_TEST(a_wait_for_what_is_no_time_ends_the_step)
{
    struct lk_def *sleeps[] = {TOWN_STEP("a", sleep_nan, .every = LK_FIXED(10)), NULL};
    struct lk_def *waits[] = {TOWN_STEP("a", wait_nan, .every = LK_FIXED(10)), NULL};

    live(sleeps, 1);
    ck_assert_str_eq(town.metrics.first_error->message, "lk_sleep: nan is no time; give seconds");
    finish();
    live(waits, 1);
    ck_assert_str_eq(town.metrics.first_error->message,
                     "lk_wait_fd: nan is no time; give seconds, or LK_OFF for no limit");
    finish();
}
END_TEST

START_TEST(draining_reaches_users_at_every_point_of_their_lives)
{
    struct lk_def *thinking[] = {TOWN_HOOKS, TOWN_STEP("a", town_act, .every = LK_FIXED(100)),
                                 NULL};
    struct lk_def *starting[] = {TOWN_HOOK(LK_HOOK_START, sleep_long),
                                 TOWN_HOOK(LK_HOOK_STOP, town_stop), TOWN_STEP("a", town_act),
                                 NULL};
    struct lk_def *waiting[] = {TOWN_HOOK(LK_HOOK_INIT, fail_always),
                                TOWN_HOOK(LK_HOOK_STOP, town_stop), TOWN_STEP("a", town_act), NULL};

    ck_assert_str_eq(live(thinking, 3), "init@0 start@0 a@0 stop@3");
    finish();
    ck_assert_str_eq(live(starting, 3), "@0 woke@3 stop@3");
    finish();
    ck_assert_str_eq(live(waiting, 0.5), "@0 stop@0");
    finish();
    ck_assert_str_eq(live(thinking, 0), "");
    finish();
}
END_TEST

static void note_defer(void *vu)
{
    town_note(vu, "defer");
}

static void defer_and_hang(lk_vu *vu, void *self)
{
    lk_defer(vu, note_defer, vu);
    hang(vu, self);
}

START_TEST(a_cut_ends_steps_where_they_wait_and_runs_no_stop)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", defer_and_hang), NULL};

    town_open(&town, defs, 2);
    town_at(&town, 3, town_cut);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 a@0 2:init@0 2:start@0 2:a@0 "
                                      "2:defer@3 defer@3");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_CANCELLED), 2);
    ck_assert_uint_eq(town.metrics.totals->step_errors, 0);
    ck_assert_uint_eq(town.metrics.totals->iterations, 0);
    ck_assert_ptr_null(town.metrics.first_error);
    finish();
}
END_TEST

START_TEST(a_cut_reaches_users_at_every_point_of_their_lives)
{
    struct lk_def *defs[4][6] = {
        {TOWN_HOOKS, TOWN_STEP("a", town_act, .every = LK_FIXED(100)), NULL},
        {TOWN_HOOK(LK_HOOK_INIT, defer_and_hang), TOWN_HOOK(LK_HOOK_STOP, town_stop),
         TOWN_STEP("a", town_act), NULL},
        {TOWN_HOOK(LK_HOOK_INIT, fail_always), TOWN_STEP("a", town_act), NULL},
        {TOWN_STEP("a", town_idle), NULL},
    };
    static const char *const logs[] = {"init@0 start@0 a@0", "@0 defer@2.5", "@0 @1", NULL};

    town_open(&town, defs[_i], 1);
    town_at(&town, 2.5, town_cut);
    if (!logs[_i]) {
        town_at(&town, 0, town_cut); /* of those that never wait time stands still */
        town.crowd.iterations_left = UINT64_MAX - 1;
    }
    town_run(&town);
    if (logs[_i])
        ck_assert_str_eq(town_log(&town), logs[_i]);
    finish();
}
END_TEST

START_TEST(a_cut_ends_what_draining_left)
{
    struct lk_def *stops[] = {TOWN_HOOK(LK_HOOK_STOP, advance_and_yield),
                              TOWN_STEP("a", town_act, .every = LK_FIXED(100)), NULL};

    town_open(&town, stops, 1);
    town_at(&town, 3, town_drain);
    town_at(&town, 5, town_cut);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "a@0 @3");
    ck_assert_int_ge(lki_loop_now(&town.loop), 5 * NS);
    ck_assert_int_lt(lki_loop_now(&town.loop), 5 * NS + LKI_NS_PER_MS);
    finish();
}
END_TEST

static void let_first_leave(struct town *self)
{
    lki_user_leave(self->users[0]);
}

START_TEST(one_user_may_leave_after_its_step_while_the_others_stay)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", sleep_2, .every = LK_FIXED(1)), NULL};

    town_open(&town, defs, 2);
    town_at(&town, 1, let_first_leave);
    town_at(&town, 3.5, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 a@0 2:init@0 2:start@0 2:a@0 stop@2 2:a@3 "
                                      "2:stop@3.5");
    finish();
}
END_TEST

/* ---- blocking ---- */

static sem_t gate;
static int worked;
static uint64_t timeouts_seen;

static void wait_for_gate(void *arg)
{
    sem_wait(&gate);
    ++*(int *)arg;
}

static void block(lk_vu *vu, void *self)
{
    int here = 0; /* on the stack that has to stay */

    town_act(vu, self);
    if (!lk_blocking(vu, wait_for_gate, &here))
        town_note(vu, "done");
    worked += here;
}

static void open_gate(struct town *self)
{
    (void)self;
    sem_post(&gate);
}

START_TEST(a_blocking_call_lets_the_others_run)
{
    struct lk_def *defs[] = {TOWN_STEP("a", block, .every = LK_FIXED(10)), NULL};

    sem_init(&gate, 0, 0);
    worked = 0;
    town_open(&town, defs, 2);
    town_at(&town, 1, open_gate);
    town_at(&town, 1, open_gate);
    town_at(&town, 1, town_drain);
    town_run(&town);
    ck_assert_int_eq(worked, 2);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 2);
    finish();
}
END_TEST

static void see_timeouts(struct town *self)
{
    timeouts_seen = town_code(self, "a", LKI_CODE_STEP_TIMEOUT);
    sem_post(&gate);
}

START_TEST(a_blocking_call_that_takes_too_long_is_recorded_at_once_and_once)
{
    struct lk_def *defs[] = {TOWN_STEP("a", block, .timeout_s = 0.5, .every = LK_FIXED(100)), NULL};

    sem_init(&gate, 0, 0);
    timeouts_seen = 0;
    town_open(&town, defs, 1);
    town_at(&town, 2, see_timeouts);
    town_at(&town, 2.5, town_drain);
    town_run(&town);
    ck_assert_uint_eq(timeouts_seen, 1);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_TIMEOUT), 1);
    ck_assert_uint_eq(town.metrics.totals->steps, 1);
    ck_assert_uint_eq(town.metrics.first_error->count, 1);
    ck_assert_str_eq(town_log(&town), "a@0");
    finish();
}
END_TEST

static void cut_and_open(struct town *self)
{
    town_cut(self);
    sem_post(&gate);
}

START_TEST(a_cut_waits_for_a_blocking_call_but_records_at_once)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("a", block), NULL};

    sem_init(&gate, 0, 0);
    town_open(&town, defs, 1);
    town_at(&town, 2, cut_and_open);
    town_run(&town);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_CANCELLED), 1);
    ck_assert_uint_eq(town.metrics.totals->steps, 1);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 a@0");
    finish();
}
END_TEST

/* ---- what else a step has ---- */

static void look_around(lk_vu *vu, void *self)
{
    (void)self;
    town_note(vu, lk_param(vu, "colour"));
    EXPECT(lk_user_id(vu) == vu->id, "its number");
    lk_param(vu, "color");
    ck_abort_msg("there is no such parameter");
}

START_TEST(parameters_are_there_and_others_end_the_step)
{
    struct lk_def *defs[] = {TOWN_PARAM("colour", .value = "red"),
                             TOWN_STEP("a", look_around, .every = LK_FIXED(100)), NULL};

    ck_assert_str_eq(live(defs, 1), "red@0");
    ck_assert_str_eq(town.metrics.first_error->message,
                     "no parameter \"color\" is registered: add LK_PARAM(color)");
    finish();
}
END_TEST

static size_t use_much(void)
{
    volatile char frame[900000];

    memset((char *)frame, 1, sizeof(frame));
    return (size_t)frame[5] + (size_t)frame[899999];
}

static void use_much_stack(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    EXPECT(use_much() == 2, "the stack is not what was written");
}

START_TEST(a_step_has_the_stack_that_it_asked_for)
{
    struct lk_def *defs[] = {
        TOWN_STEP("a", use_much_stack, .stack_bytes = 1000000, .every = LK_FIXED(1)),
        TOWN_STEP("b", town_idle, .every = LK_FIXED(1)), NULL};

    live(defs, 3.5);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 4);
    finish();
}
END_TEST

static void use_much_memory(lk_vu *vu, void *self)
{
    (void)self;
    for (int i = 0; i < 10; i++)
        EXPECT(strlen(lk_format(vu, "%3000d", i)) == 3000, "its text");
    lk_sleep(vu, 0);
}

START_TEST(what_a_step_gets_goes_when_it_ends)
{
    struct lk_def *defs[] = {TOWN_STEP("a", use_much_memory), NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1000;
    town_run(&town);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 1000);
    ck_assert_uint_ge(town.loop.chunks.free_count, 10);
    ck_assert_uint_le(town.loop.chunks.free_count, 20);
    finish();
}
END_TEST

static void defer_then_fail(lk_vu *vu, void *self)
{
    lk_defer(vu, note_defer, vu);
    lk_defer(vu, note_defer, vu);
    fail_always(vu, self);
}

START_TEST(defers_run_before_the_next_step)
{
    struct lk_def *defs[] = {TOWN_STEP("a", defer_then_fail, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(defs, 1.5), "a@0 defer@0 defer@0 a@1 defer@1 defer@1");
    finish();
}
END_TEST

static Suite *life_suite(void)
{
    Suite *suite = suite_create("life");
    TCase *order = tcase_create("order");
    TCase *choosing = tcase_create("choosing");
    TCase *ending = tcase_create("ending");
    TCase *means = tcase_create("means");

    tcase_add_test(order, init_start_steps_stop_in_this_order);
    tcase_add_test(order, hooks_may_be_missing);
    tcase_add_test(order, a_life_that_failed_ends_with_stop_and_a_new_one_begins_zeroed);
    tcase_add_test(order, the_back_off_doubles_from_1_to_30_seconds);
    tcase_add_test(order, the_back_off_counts_from_the_end_of_stop);
    tcase_add_test(order, those_between_start_and_stop_are_active);
    tcase_add_test(order, a_hook_has_30_seconds);
    tcase_add_test(order, a_hook_has_the_time_that_was_set);
    tcase_add_test(order, a_hook_without_a_time_out_has_all_time);
    tcase_add_loop_test(order, a_step_times_out_at_its_nanosecond_wherever_it_waits, 0, 3);
    tcase_add_test(order, a_step_that_fails_is_told_and_the_user_goes_on);
    tcase_add_test(order, a_message_that_cannot_be_made_fails_the_step_too);
    tcase_add_test(choosing, a_step_waits_until_each_of_its_needs_has_succeeded);
    tcase_add_test(choosing, every_counts_from_the_end_and_pace_from_the_start);
    tcase_add_test(choosing, steps_have_pauses_of_their_own);
    tcase_add_test(choosing, a_random_pause_keeps_to_its_bounds_and_reaches_them);
    tcase_add_test(choosing, a_function_says_each_pause);
    tcase_add_test(choosing, a_function_that_fails_makes_a_pause_of_a_second_and_is_told);
    tcase_add_test(choosing, no_pause_is_too_long);
    tcase_add_test(choosing, choices_go_by_weight);
    tcase_add_test(choosing, only_steps_that_are_ready_share_the_choices);
    tcase_add_test(choosing, the_same_seed_gives_the_same_run_and_another_seed_another);
    tcase_add_test(choosing, each_user_has_draws_of_its_own);
    tcase_add_loop_test(choosing, iterations_are_shared_exactly, 0, LKI_COUNT(share_cases));
    tcase_add_test(choosing, steps_that_never_wait_do_not_starve_timers);
    tcase_add_test(choosing, steps_that_never_wait_share_the_turns);
    tcase_add_test(ending, draining_ends_sleeps_at_once_and_lets_steps_finish);
    tcase_add_test(ending, draining_lets_a_wait_for_a_descriptor_go_on);
    tcase_add_test(ending, draining_reaches_users_at_every_point_of_their_lives);
    tcase_add_test(ending, a_cut_ends_steps_where_they_wait_and_runs_no_stop);
    tcase_add_loop_test(ending, a_cut_reaches_users_at_every_point_of_their_lives, 0, 4);
    tcase_add_test(ending, a_cut_ends_what_draining_left);
    tcase_add_test(ending, one_user_may_leave_after_its_step_while_the_others_stay);
    tcase_add_test(means, a_blocking_call_lets_the_others_run);
    tcase_add_test(means, a_blocking_call_that_takes_too_long_is_recorded_at_once_and_once);
    tcase_add_test(means, a_cut_waits_for_a_blocking_call_but_records_at_once);
    tcase_add_test(means, descriptors_that_cannot_be_waited_for_are_refused);
    tcase_add_test(means, a_wait_for_what_is_no_time_ends_the_step);
    tcase_add_test(means, parameters_are_there_and_others_end_the_step);
    tcase_add_test(means, a_step_has_the_stack_that_it_asked_for);
    tcase_add_test(means, what_a_step_gets_goes_when_it_ends);
    tcase_add_test(means, defers_run_before_the_next_step);
    suite_add_tcase(suite, order);
    suite_add_tcase(suite, choosing);
    suite_add_tcase(suite, ending);
    suite_add_tcase(suite, means);
    return suite;
}

int main(void)
{
    return suite_run(life_suite());
}
