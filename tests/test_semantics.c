/*
 * The semantics of virtual users as the manual tells them, played by lk_test and asserted to the
 * nanosecond. Nothing but the public headers is used, as an author would.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/scene.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NS INT64_C(1000000000)
#define GUEST SCENE_VU("guest", .weight = 1)

static lk_test *test;

/* Plays defs with the options for so many seconds, and says what happened. */
static const char *play(struct lk_def *const *defs, const struct lk_run_options *options,
                        double seconds)
{
    test = scene_open(defs, options);
    lk_test_answer(test, "*");
    lk_test_run(test, seconds);
    return scene_log(test);
}

#define PLAY(defs, seconds, ...) play((defs), LK_RUN_OPTIONS(__VA_ARGS__), (seconds))

static void finish(void)
{
    scene_close(test);
}

static void sleep_2(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 2);
}

static void hang(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1e6);
}

static void get_a(lk_vu *vu, void *self)
{
    (void)self;
    lk_get(vu, "http://shop.test/a");
}

/* ---- life ---- */

static void expect_fresh(lk_vu *vu, void *self)
{
    static const struct scene_state zero;

    (void)vu;
    ck_assert_mem_eq(self, &zero, sizeof(zero));
    memset(self, 0x55, sizeof(zero));
}

static void expect_used(lk_vu *vu, void *self)
{
    (void)vu;
    ck_assert_int_eq(((struct scene_state *)self)->a, 0x55555555);
}

START_TEST(a_life_is_zeroed_state_init_start_steps_stop)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "step", expect_used, .every = LK_FIXED(1)),
        SCENE_HOOK("guest", stop, expect_used),
        SCENE_HOOK("guest", start, expect_used),
        SCENE_HOOK("guest", init, expect_fresh),
        NULL,
    };

    PLAY(defs, 2.5, .users = 2);
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log_of(test, 1, NULL),
                     "on_init@0 on_start@0 step@0 step@1 step@2 on_stop@2.5");
    ck_assert_str_eq(scene_log_of(test, 2, NULL),
                     "2:on_init@0 2:on_start@0 2:step@0 2:step@1 2:step@2 2:on_stop@2.5");
    finish();
}
END_TEST

START_TEST(a_hook_that_fails_ends_the_life_with_stop_and_the_next_begins_later_and_later)
{
    struct lk_def *init_fails[] = {
        GUEST,
        SCENE_HOOK("guest", init, scene_fail),
        SCENE_HOOK("guest", start, scene_idle),
        SCENE_STEP("guest", "step", scene_idle),
        SCENE_HOOK("guest", stop, sleep_2),
        NULL,
    };
    struct lk_def *start_fails[] = {
        GUEST,
        SCENE_HOOK("guest", init, scene_idle),
        SCENE_HOOK("guest", start, scene_fail),
        SCENE_STEP("guest", "step", scene_idle),
        SCENE_HOOK("guest", stop, sleep_2),
        NULL,
    };
    struct lk_def **defs = _i ? start_fails : init_fails;
    /* 1, 2, 4, 8, 16, 30, 30 ... seconds after the end of stop */
    static const int64_t begins_s[] = {0, 3, 7, 13, 23, 41, 73, 105, 137};

    PLAY(defs, LK_OFF, .users = 1, .duration_s = 137.5);
    ck_assert_uint_eq(lk_test_count(test, "on_init", NULL), COUNT(begins_s));
    ck_assert_uint_eq(lk_test_count(test, "on_stop", "LIFECYCLE_OK"), COUNT(begins_s));
    ck_assert_uint_eq(lk_test_count(test, "on_start", NULL), _i ? COUNT(begins_s) : 0);
    ck_assert_uint_eq(lk_test_count(test, _i ? "on_start" : "on_init", "LIFECYCLE_FAILED"),
                      COUNT(begins_s));
    ck_assert_uint_eq(lk_test_count(test, "step", NULL), 0);
    for (size_t i = 0, at = 0; lk_test_event_at(test, i); i++) {
        const struct lk_test_event *event = lk_test_event_at(test, i);

        if (!strcmp(event->name, "on_init"))
            ck_assert_int_eq(event->start_ns, begins_s[at++] * NS);
        if (!strcmp(event->name, "on_stop"))
            ck_assert_int_eq(event->start_ns, begins_s[at - 1] * NS);
    }
    finish();
}
END_TEST

static int bad_starts;

static void start_well_at_last(lk_vu *vu, void *self)
{
    (void)self;
    LK_REQUIRE(bad_starts-- <= 0, "not yet");
}

static void fail_in_third_life(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
}

START_TEST(a_target_that_comes_up_late_is_reached)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_HOOK("guest", start, start_well_at_last),
        SCENE_STEP("guest", "step", fail_in_third_life, .every = LK_FIXED(100)),
        NULL,
    };

    bad_starts = 3;
    ck_assert_str_eq(PLAY(defs, 20, .users = 1),
                     "on_start@0!LIFECYCLE_FAILED on_start@1!LIFECYCLE_FAILED "
                     "on_start@3!LIFECYCLE_FAILED on_start@7 step@7-8");
    ck_assert_str_eq(lk_test_event_at(test, 0)->message, "not yet");
    finish();
}
END_TEST

/* ---- time-outs ---- */

START_TEST(hooks_have_30_seconds_unless_set)
{
    struct lk_def *init[] = {
        GUEST,
        SCENE_HOOK("guest", init, hang),
        SCENE_STEP("guest", "step", scene_idle, .every = LK_FIXED(1000)),
        NULL,
    };
    struct lk_def *start[] = {
        GUEST,
        SCENE_HOOK("guest", start, hang, .timeout_s = 0.125),
        SCENE_STEP("guest", "step", scene_idle, .every = LK_FIXED(1000)),
        NULL,
    };
    struct lk_def *never[] = {
        GUEST,
        SCENE_HOOK("guest", start, hang, .timeout_s = LK_OFF),
        SCENE_STEP("guest", "step", scene_idle, .every = LK_FIXED(1000000)),
        NULL,
    };

    ck_assert_str_eq(PLAY(init, 40, .users = 1), "on_init@0-30!LIFECYCLE_TIMEOUT");
    finish();
    ck_assert_str_eq(PLAY(start, 1.2, .users = 1), "on_start@0-0.125!LIFECYCLE_TIMEOUT");
    finish();
    ck_assert_str_eq(PLAY(never, 1000000.5, .users = 1), "on_start@0-1000000 step@1000000");
    finish();
}
END_TEST

/* It waits as any other work, only its sleeps end when the run does. */
static void get_in_stop(lk_vu *vu, void *self)
{
    (void)self;
    lk_get(vu, "http://shop.test/a", .timeout_s = LK_OFF);
}

START_TEST(stop_has_30_seconds_too_if_the_run_grants_them)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "step", scene_idle, .every = LK_FIXED(1000)),
        SCENE_HOOK("guest", stop, get_in_stop),
        NULL,
    };
    const char *const expected[] = {"step@0 on_stop@1-31!LIFECYCLE_TIMEOUT",
                                    "step@0 on_stop@1-6!LIFECYCLE_FAILED"};

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1, .grace_s = _i ? 0 : 100));
    lk_test_answer(test, "*", .delay_s = 1000);
    lk_test_run(test, 1);
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), expected[_i]);
    finish();
}
END_TEST

static void get_three(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_int_eq(lk_get(vu, "http://shop.test/a", .keep_going = true)->status, 0);
    ck_assert_int_eq(lk_get(vu, "http://shop.test/a", .keep_going = true, .timeout_s = 0.5)->status,
                     0);
    ck_assert_int_eq(
        lk_get(vu, "http://shop.test/a", .keep_going = true, .timeout_s = LK_OFF)->status, 200);
}

START_TEST(requests_have_30_seconds_unless_set)
{
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "get", get_three), NULL};

    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 1));
    lk_test_answer(test, "*", .delay_s = 1000);
    lk_test_run(test, LK_OFF);
    ck_assert_str_eq(scene_requests(test), "GET /a@0 GET /a@30 GET /a@30.5");
    ck_assert_str_eq(scene_log(test), "get@0-1030.5");
    finish();
}
END_TEST

static int unready_fd;

static void wait_for_fd(lk_vu *vu, void *self)
{
    (void)self;
    lk_wait_fd(vu, unready_fd, LK_READABLE, LK_OFF);
}

static void (*const waits[])(lk_vu *vu, void *self) = {hang, get_a, wait_for_fd};

START_TEST(a_step_is_left_at_its_time_out_wherever_it_waits)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "wait", waits[_i], .timeout_s = 1.000000001, .every = LK_FIXED(10)),
        NULL,
    };
    int pipe_fds[2];

    ck_assert_int_eq(pipe(pipe_fds), 0);
    unready_fd = pipe_fds[0];
    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    lk_test_answer(test, "*", .delay_s = 20);
    lk_test_run(test, 13);
    ck_assert_str_eq(scene_log(test), "wait@0-1.000000001!STEP_TIMEOUT "
                                      "wait@11.000000001-12.000000002!STEP_TIMEOUT");
    ck_assert_str_eq(lk_test_event_at(test, 0)->message, "timed out");
    finish();
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

static void sleep_then_fail(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 0.5);
    LK_FAIL("no %s for user %" PRIu64, "luck", lk_user_id(vu));
}

START_TEST(a_step_that_fails_is_told_and_the_user_goes_on)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "try", sleep_then_fail, .every = LK_FIXED(1)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 3, .users = 1), "try@0-0.5!STEP_FAILED try@1.5-2!STEP_FAILED");
    ck_assert_str_eq(lk_test_event_at(test, 0)->message, "no luck for user 1");
    finish();
}
END_TEST

/* ---- which step, and when ---- */

START_TEST(steps_wait_for_what_they_need)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "both", scene_idle, .needs = "slow, quick", .every = LK_FIXED(50)),
        SCENE_STEP("guest", "slow", sleep_2, .needs = "quick", .every = LK_FIXED(100)),
        SCENE_STEP("guest", "quick", scene_idle, .every = LK_FIXED(100)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 60, .users = 1), "quick@0 slow@0-2 both@2 both@52");
    finish();
}
END_TEST

static void fail_twice(lk_vu *vu, void *self)
{
    struct scene_state *state = self;

    LK_REQUIRE(++state->a > 2, "attempt %d", state->a);
}

START_TEST(only_success_meets_a_need_and_a_later_failure_does_not_take_it_back)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "after", scene_idle, .needs = "first", .every = LK_FIXED(3)),
        SCENE_STEP("guest", "first", fail_twice, .every = LK_FIXED(1)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 2.5, .users = 1),
                     "first@0!STEP_FAILED first@1!STEP_FAILED first@2 after@2");
    finish();
}
END_TEST

static void fail_from_second(lk_vu *vu, void *self)
{
    struct scene_state *state = self;

    LK_REQUIRE(++state->a < 2, "attempt %d", state->a);
}

START_TEST(a_later_failure_does_not_take_a_need_back)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "after", scene_idle, .needs = "first", .every = LK_FIXED(1.5)),
        SCENE_STEP("guest", "first", fail_from_second, .every = LK_FIXED(1)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 2, .users = 1), "first@0 after@0 first@1!STEP_FAILED after@1.5");
    finish();
}
END_TEST

START_TEST(every_counts_from_the_end_and_pace_from_the_start)
{
    struct lk_def *every[] = {
        GUEST,
        SCENE_STEP("guest", "step", sleep_2, .every = LK_FIXED(0.3)),
        NULL,
    };
    struct lk_def *pace[] = {
        GUEST,
        SCENE_STEP("guest", "step", sleep_2, .pace = LK_FIXED(2.3)),
        NULL,
    };
    struct lk_def *outpaced[] = {
        GUEST,
        SCENE_STEP("guest", "step", sleep_2, .pace = LK_FIXED(0.3)),
        NULL,
    };

    ck_assert_str_eq(PLAY(every, 6.7, .users = 1), "step@0-2 step@2.3-4.3 step@4.6-6.6");
    finish();
    ck_assert_str_eq(PLAY(pace, 6.7, .users = 1), "step@0-2 step@2.3-4.3 step@4.6-6.6");
    finish();
    ck_assert_str_eq(PLAY(outpaced, 6.7, .users = 1), "step@0-2 step@2-4 step@4-6");
    finish();
}
END_TEST

START_TEST(a_pause_follows_a_step_that_failed_too)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "every", sleep_then_fail, .every = LK_FIXED(10)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 12, .users = 1),
                     "every@0-0.5!STEP_FAILED every@10.5-11!STEP_FAILED");
    finish();
}
END_TEST

START_TEST(a_random_pause_lies_between_its_bounds_all_over)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "step", scene_idle, .every = LK_BETWEEN(0.5, 1.5)),
        NULL,
    };
    int64_t last_ns = 0;
    size_t tenths[10] = {0};

    PLAY(defs, LK_OFF, .iterations = 10001);
    for (size_t i = 1; i <= 10000; i++) {
        int64_t start_ns = lk_test_event_at(test, i)->start_ns;
        int64_t over_ns = start_ns - last_ns - NS / 2;

        ck_assert(over_ns >= 0 && over_ns < NS);
        tenths[over_ns / (NS / 10)]++;
        last_ns = start_ns;
    }
    for (size_t i = 0; i < 10; i++)
        ck_assert_msg(tenths[i] > 850 && tenths[i] < 1150, "%zu: %zu", i, tenths[i]);
    finish();
}
END_TEST

static double next_pause(lk_vu *vu)
{
    static const double pauses[] = {0.25, 0, -1, 3.000000001};
    static size_t calls;

    (void)vu;
    return pauses[calls++ % 4];
}

START_TEST(a_function_says_each_pause)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "step", scene_idle, .every = LK_DELAY_FN(next_pause)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 3.5, .users = 1),
                     "step@0 step@0.25 step@0.25 step@0.25 step@3.250000001");
    finish();
}
END_TEST

/* ---- iterations, types, seeds ---- */

START_TEST(iterations_are_shared_by_all_users)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "step", sleep_2, .every = LK_FIXED(1)),
        SCENE_HOOK("guest", stop, scene_idle),
        NULL,
    };

    PLAY(defs, LK_OFF, .users = 3, .iterations = 7);
    ck_assert_uint_eq(lk_test_count(test, "step", "STEP_OK"), 7);
    ck_assert_uint_eq(lk_test_count(test, "on_stop", NULL), 3);
    ck_assert_int_eq(lk_test_event_at(test, 9)->end_ns, 8 * NS);
    finish();
}
END_TEST

START_TEST(user_types_get_their_shares_and_have_steps_of_their_own)
{
    struct lk_def *defs[] = {
        SCENE_VU("buyer", .weight = 1),
        SCENE_STEP("buyer", "buy", scene_idle, .every = LK_FIXED(1)),
        SCENE_VU("looker", .weight = 3),
        SCENE_STEP("looker", "look", scene_idle, .every = LK_FIXED(1)),
        NULL,
    };

    PLAY(defs, 1, .users = 100);
    ck_assert_uint_eq(lk_test_count(test, "buy", NULL), 25);
    ck_assert_uint_eq(lk_test_count(test, "look", NULL), 75);
    finish();
}
END_TEST

static void draw(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, lk_random_double(vu, 0, 0.5));
    LK_REQUIRE(lk_random_int(vu, 0, 9) > 0, "%s", lk_random_uuid(vu));
    lk_get(vu, lk_format(vu, "http://shop.test/%s", LK_ONE_OF("a", "b", "c")));
}

/* What happened and what was sent. */
static char *history(uint64_t seed, uint64_t users)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "one", draw, .weight = 1, .every = LK_BETWEEN(0.1, 1)),
        SCENE_STEP("guest", "two", draw, .weight = 3, .every = LK_BETWEEN(0.1, 1)),
        SCENE_STEP("guest", "six", draw, .weight = 6, .pace = LK_BETWEEN(0.1, 1)),
        NULL,
    };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    PLAY(defs, 60, .users = users, .seed = seed);
    fprintf(out, "%s\n", scene_log_of(test, 1, NULL));
    for (size_t i = 0; lk_test_event_at(test, i); i++) {
        if (lk_test_event_at(test, i)->user == 1)
            fprintf(out, "%s\n", lk_test_event_at(test, i)->message);
    }
    for (size_t i = 0; lk_test_request_at(test, i); i++) {
        if (lk_test_request_at(test, i)->user == 1)
            fprintf(out, "%s\n", lk_test_request_at(test, i)->url);
    }
    fclose(out);
    finish();
    return text;
}

START_TEST(the_same_seed_brings_the_same_choices_pauses_and_values_and_another_one_others)
{
    char *first = history(42, 3);
    char *again = history(42, 3);
    char *alone = history(42, 1);
    char *other = history(43, 3);

    ck_assert_ptr_nonnull(strstr(first, "STEP_FAILED"));
    ck_assert_str_eq(first, again);
    ck_assert_str_eq(first, alone);
    ck_assert_str_ne(first, other);
    free(first);
    free(again);
    free(alone);
    free(other);
}
END_TEST

/* ---- strategies ---- */

static void sleep_by_letter(lk_vu *vu, void *self)
{
    struct scene_state *state = self;

    lk_sleep(vu, ++state->a);
}

START_TEST(ready_steps_may_run_at_once_and_wait_for_each_other)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .strategy = lk_choose_parallel),
        SCENE_STEP("guest", "a", sleep_by_letter),
        SCENE_STEP("guest", "b", sleep_by_letter, .every = LK_FIXED(10)),
        SCENE_STEP("guest", "c", sleep_by_letter, .needs = "b"),
        NULL,
    };

    PLAY(defs, LK_OFF, .iterations = 3);
    ck_assert_str_eq(scene_log(test), "a@0-1 b@0-2 a@2-5 c@2-6 a@6-11 c@6-12");
    finish();
}
END_TEST

/* By turns, and after each round a pause. */
static void choose_in_turn(lk_vu *vu, void *self, struct lk_choice *choice)
{
    struct scene_state *state = self;

    (void)vu;
    ck_assert_uint_eq(choice->step_count, 3);
    ck_assert_str_eq(choice->steps[1].step->def.name, "two");
    ck_assert_ptr_eq(choice->steps[1].step->data, &test);
    if (state->a == 3) {
        state->a = 0;
        choice->wait_s = 0.75;
        return;
    }
    choice->chosen[0] = (size_t)(2 - state->a++);
    choice->chosen_count = 1;
}

START_TEST(a_strategy_of_the_authors_chooses_what_is_done)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .strategy = choose_in_turn),
        SCENE_STEP("guest", "one", scene_idle),
        SCENE_STEP("guest", "two", sleep_2, .data = &test),
        SCENE_STEP("guest", "three", scene_fail, .needs = "one", .every = LK_FIXED(100)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    lk_test_run(test, 5);
    ck_assert_str_eq(scene_log(test), "three@0!STEP_FAILED two@0-2 one@2 "
                                      "three@2.75!STEP_FAILED two@2.75-4.75 one@4.75");
    finish();
}
END_TEST

/* ---- arrivals ---- */

START_TEST(iterations_arrive_at_their_intended_times)
{
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "step", scene_idle), NULL};

    PLAY(defs, 100, .users = 2, .rate_per_s = 7);
    ck_assert_uint_eq(lk_test_count(test, "step", NULL), 700);
    for (int64_t i = 0; i < 700; i++) {
        const struct lk_test_event *event = lk_test_event_at(test, (size_t)i);

        ck_assert_int_eq(event->start_ns, (i * NS * 2 + 7) / 14);
        ck_assert(i < 2 || event->user != lk_test_event_at(test, (size_t)i - 1)->user);
    }
    finish();
}
END_TEST

static void sleep_longer(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 2.2);
}

/* Of ten that come, one a second. */
START_TEST(an_arrival_without_a_free_user_waits_for_one_and_is_dropped_in_the_end)
{
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "step", sleep_longer), NULL};
    const char *const expected[] = {
        "step@0-2.2 step@2.2-4.4 step@4.4-6.6 step@6.6-8.8 step@8.8-9.5", /* 0, 1, 3, 6, 8 */
        "step@0-2.2 step@3-5.2 step@6-8.2 step@9-9.5",
    };
    const char *const reasons[] = {"5 of 10 arrivals", "6 of 10 arrivals"};
    lk_result *result;

    PLAY(defs, LK_OFF, .users = 1, .rate_per_s = 1, .duration_s = 9.5,
         .arrival_wait_s = _i ? LK_OFF : 1.5);
    ck_assert_str_eq(scene_log(test), expected[_i]);
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_str_eq(lk_result_verdict(result), "generator-bound");
    ck_assert_msg(!strncmp(lk_result_reason(result, 0), reasons[_i], strlen(reasons[_i])), "%s",
                  lk_result_reason(result, 0));
    lk_result_free(result);
    finish();
}
END_TEST

/* ---- resources, set-up, probes ---- */

static lk_json *make_account(lk_vu *vu, const char *id)
{
    lk_sleep(vu, 0.5);
    return LK_OBJECT("name", lk_format(vu, "user_%s", id));
}

static void hold_account(lk_vu *vu, void *self)
{
    lk_json *account = lk_resource_acquire(vu, "accounts");

    (void)self;
    lk_sleep(vu, 2);
    lk_resource_release(vu, "accounts", account);
}

START_TEST(a_resource_is_made_once_and_waited_for_in_turn)
{
    struct lk_def *defs[] = {
        SCENE_RESOURCE("accounts", make_account, .count = 1),
        GUEST,
        SCENE_STEP("guest", "hold", hold_account, .every = LK_FIXED(10)),
        NULL,
    };

    ck_assert_str_eq(PLAY(defs, 10, .users = 3), "hold@0-2.5 2:hold@0-4.5 3:hold@0-6.5");
    finish();
}
END_TEST

static void leave_token(lk_vu *vu)
{
    lk_sleep(vu, 1);
    lk_run_data_set(
        vu, lk_get(vu, "http://shop.test/token")->status == 200 ? LK_OBJECT("token", "t1") : NULL);
}

static void take_token(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_str_eq(lk_str(lk_run_data(vu), "token"), "t1");
}

static void clean_up(lk_vu *vu)
{
    lk_get(vu, "http://shop.test/clean");
}

static struct lk_value read_level(lk_vu *vu)
{
    return LK_VALUE(lk_get(vu, "http://shop.test/level")->status);
}

START_TEST(set_up_comes_first_tear_down_last_and_probes_on_their_period)
{
    struct lk_def *defs[] = {
        SCENE_RUN_HOOK(setup, leave_token),
        SCENE_RUN_HOOK(teardown, clean_up),
        SCENE_PROBE("level", read_level, .every_s = 1),
        GUEST,
        SCENE_STEP("guest", "step", take_token, .every = LK_FIXED(1.25)),
        NULL,
    };

    PLAY(defs, LK_OFF, .users = 1, .duration_s = 2);
    ck_assert_str_eq(scene_log_of(test, 1, NULL), "step@1 step@2.25");
    ck_assert_str_eq(scene_log_of(test, 0, "on_setup"), "0:on_setup@0-1");
    ck_assert_str_eq(scene_log_of(test, 0, "on_teardown"), "0:on_teardown@3");
    ck_assert_str_eq(scene_requests(test), "GET /token@1 GET /level@1 GET /level@2 GET /clean@3");
    finish();
}
END_TEST

static void fail_set_up(lk_vu *vu)
{
    LK_FAIL("the shop is closed");
}

START_TEST(a_set_up_that_fails_ends_the_run_and_is_torn_down)
{
    struct lk_def *defs[] = {
        SCENE_RUN_HOOK(setup, fail_set_up),
        SCENE_RUN_HOOK(teardown, clean_up),
        GUEST,
        SCENE_STEP("guest", "step", scene_idle, .every = LK_FIXED(1)),
        NULL,
    };
    lk_result *result;

    PLAY(defs, 100, .users = 1);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "0:on_setup@0!LIFECYCLE_FAILED 0:on_teardown@0");
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_int_eq(lk_result_exit_status(result), 1);
    lk_result_free(result);
    finish();
}
END_TEST

/* ---- much of it ---- */

START_TEST(nothing_begins_at_the_very_end)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "tick", scene_idle, .every = LK_FIXED(1)),
        SCENE_STEP("guest", "tock", scene_idle, .every = LK_FIXED(2)),
        NULL,
    };

    for (size_t users = 1; users <= 20; users++) {
        PLAY(defs, LK_OFF, .users = users, .duration_s = 10);
        ck_assert_uint_eq(lk_test_count(test, "tick", NULL), 10 * users);
        ck_assert_uint_eq(lk_test_count(test, "tock", NULL), 5 * users);
        finish();
    }
}
END_TEST

START_TEST(an_hour_of_many_users_is_as_exact_as_a_second_of_one)
{
    struct lk_def *defs[] = {
        GUEST,
        SCENE_STEP("guest", "even", sleep_2, .pace = LK_FIXED(30)),
        NULL,
    };
    size_t count[101] = {0};

    PLAY(defs, 3600, .users = 100);
    ck_assert_uint_eq(lk_test_count(test, "even", "STEP_OK"), 100 * 120);
    for (size_t i = 0; i < 12000; i++) {
        const struct lk_test_event *event = lk_test_event_at(test, i);

        ck_assert_int_eq(event->start_ns, (int64_t)count[event->user]++ * 30 * NS);
        ck_assert_int_eq(event->end_ns - event->start_ns, 2 * NS);
    }
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("semantics");
    TCase *life = tcase_create("life");
    TCase *choosing = tcase_create("choosing");
    TCase *run = tcase_create("run");

    tcase_set_timeout(life, 60);
    tcase_add_test(life, a_life_is_zeroed_state_init_start_steps_stop);
    tcase_add_loop_test(
        life, a_hook_that_fails_ends_the_life_with_stop_and_the_next_begins_later_and_later, 0, 2);
    tcase_add_test(life, a_target_that_comes_up_late_is_reached);
    tcase_add_test(life, hooks_have_30_seconds_unless_set);
    tcase_add_loop_test(life, stop_has_30_seconds_too_if_the_run_grants_them, 0, 2);
    tcase_add_test(life, requests_have_30_seconds_unless_set);
    tcase_add_loop_test(life, a_step_is_left_at_its_time_out_wherever_it_waits, 0, COUNT(waits));
    tcase_add_test(life, a_step_that_fails_is_told_and_the_user_goes_on);
    tcase_add_test(choosing, steps_wait_for_what_they_need);
    tcase_add_test(choosing, only_success_meets_a_need_and_a_later_failure_does_not_take_it_back);
    tcase_add_test(choosing, a_later_failure_does_not_take_a_need_back);
    tcase_add_test(choosing, every_counts_from_the_end_and_pace_from_the_start);
    tcase_add_test(choosing, a_pause_follows_a_step_that_failed_too);
    tcase_add_test(choosing, a_random_pause_lies_between_its_bounds_all_over);
    tcase_add_test(choosing, a_function_says_each_pause);
    tcase_add_test(choosing, iterations_are_shared_by_all_users);
    tcase_add_test(choosing, user_types_get_their_shares_and_have_steps_of_their_own);
    tcase_add_test(choosing,
                   the_same_seed_brings_the_same_choices_pauses_and_values_and_another_one_others);
    tcase_add_test(choosing, ready_steps_may_run_at_once_and_wait_for_each_other);
    tcase_add_test(choosing, a_strategy_of_the_authors_chooses_what_is_done);
    tcase_add_test(run, iterations_arrive_at_their_intended_times);
    tcase_add_loop_test(run, an_arrival_without_a_free_user_waits_for_one_and_is_dropped_in_the_end,
                        0, 2);
    tcase_add_test(run, a_resource_is_made_once_and_waited_for_in_turn);
    tcase_add_test(run, set_up_comes_first_tear_down_last_and_probes_on_their_period);
    tcase_add_test(run, a_set_up_that_fails_ends_the_run_and_is_torn_down);
    tcase_add_test(run, nothing_begins_at_the_very_end);
    tcase_add_test(run, an_hour_of_many_users_is_as_exact_as_a_second_of_one);
    suite_add_tcase(suite, life);
    suite_add_tcase(suite, choosing);
    suite_add_tcase(suite, run);
    return suite_run(suite);
}
