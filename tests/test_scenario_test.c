/* What lk_test promises: a run on a clock of its own, and what it did told to the nanosecond. */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/scene.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static lk_test *test;
static int pipe_fds[2];

static void nap(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 0.25);
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

static struct lk_def *const ticking[] = {
    SCENE_VU("guest", .weight = 1),
    SCENE_STEP("guest", "tick", nap, .every = LK_FIXED(0.75)),
    SCENE_HOOK("guest", stop, scene_idle),
    NULL,
};

/* ---- what is refused ---- */

static void refuse(struct lk_def *const *defs, const struct lk_run_options *options,
                   enum lk_err expected, const char *why)
{
    struct lk_run_options asked = *options;
    lk_test *untouched = (lk_test *)(void *)&asked;
    lk_test *made = untouched;
    char message[256] = "";
    enum lk_err err;

    asked.message = message;
    asked.message_bytes = sizeof(message);
    scene_register(defs);
    err = lk_test_new(&made, &asked);
    scene_unregister();
    ck_assert_int_eq(err, expected);
    ck_assert_msg(strstr(message, why) != NULL, "\"%s\" is not in \"%s\"", why, message);
    ck_assert_ptr_eq(made, untouched);
}

START_TEST(what_no_run_would_take_is_refused)
{
    struct lk_def *none[] = {NULL};
    struct lk_def *fine[] = {
        SCENE_PARAM("base_url", .required = true),
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "nap", nap),
        NULL,
    };
    struct lk_def *circular[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "a", nap, .needs = "b"),
        SCENE_STEP("guest", "b", nap, .needs = "a"),
        NULL,
    };

    refuse(none, LK_RUN_OPTIONS(.users = 1), LK_E_ARG, "register");
    refuse(fine, LK_RUN_OPTIONS(.users = 1), LK_E_ARG, "base_url");
    refuse(fine, LK_RUN_OPTIONS(.params = LK_PAIRS("base_url", "x", "colour", "red")), LK_E_ARG,
           "colour");
    refuse(fine, LK_RUN_OPTIONS(.duration_s = -3, .params = LK_PAIRS("base_url", "x")), LK_E_ARG,
           "duration_s");
    refuse(circular, LK_RUN_OPTIONS(.users = 1), LK_E_ARG, "needs");
    refuse(ticking, LK_RUN_OPTIONS(.workers = 1), LK_E_ARG, "leave .workers 0");
    refuse(ticking, LK_RUN_OPTIONS(.stages = LK_STAGES({1, .users = 2})), LK_E_ARG,
           "leave .stages NULL");
}
END_TEST

START_TEST(options_are_needed)
{
    ck_assert_int_eq(lk_test_new(&test, NULL), LK_E_ARG);
    scene_register(ticking);
    ck_assert_int_eq(lk_test_new(NULL, LK_RUN_OPTIONS(.users = 1)), LK_E_ARG);
    scene_unregister();
    lk_test_free(NULL);
}
END_TEST

/* ---- time ---- */

START_TEST(time_passes_as_far_as_it_is_let)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "nap", nap, .every = LK_FIXED(0.75)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    ck_assert_str_eq(scene_log(test), "");
    ck_assert(!lk_test_run(test, 0));
    ck_assert_str_eq(scene_log(test), "");
    ck_assert(!lk_test_run(test, 0.25));
    ck_assert_str_eq(scene_log(test), "");
    ck_assert(!lk_test_run(test, 0.000000001));
    ck_assert_str_eq(scene_log(test), "nap@0-0.25");
    ck_assert(!lk_test_run(test, 0.999999999));
    ck_assert_str_eq(scene_log(test), "nap@0-0.25");
    ck_assert(!lk_test_run(test, 1));
    ck_assert_str_eq(scene_log(test), "nap@0-0.25 nap@1-1.25");
    scene_close(test);
}
END_TEST

START_TEST(what_is_due_at_the_end_is_left_for_the_next_time)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "tick", scene_idle, .every = LK_FIXED(1)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    for (size_t i = 1; i <= 10; i++) {
        ck_assert(!lk_test_run(test, 1));
        ck_assert_uint_eq(lk_test_count(test, "tick", NULL), i);
    }
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_uint_eq(lk_test_count(test, "tick", NULL), 10);
    scene_close(test);
}
END_TEST

START_TEST(an_hour_takes_no_time_to_speak_of)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "get", get_a, .every = LK_FIXED(1)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 10));
    lk_test_answer(test, "*", .delay_s = 0.5);
    ck_assert(!lk_test_run(test, 3600));
    ck_assert_uint_eq(lk_test_count(test, "get", "STEP_OK"), 10 * 2400);
    scene_close(test);
}
END_TEST

/* They would be carried out for ever at one moment. */
START_TEST(users_that_never_wait_cannot_hold_the_clock)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "spin", scene_idle),
        NULL,
    };
    const struct lk_test_event *last;

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    ck_assert(!lk_test_run(test, 3));
    ck_assert_uint_ge(lk_test_count(test, "spin", NULL), 3 * 9999);
    last = lk_test_event_at(test, lk_test_count(test, NULL, NULL) - 1);
    ck_assert_int_eq(last->start_ns, INT64_C(2000000000));
    scene_close(test);
}
END_TEST

/* ---- the end of a run ---- */

START_TEST(a_run_ends_by_its_duration)
{
    test = scene_open(ticking, LK_RUN_OPTIONS(.duration_s = 1.5));
    ck_assert(!lk_test_run(test, 1.5));
    ck_assert(lk_test_run(test, 0.000000001));
    ck_assert_str_eq(scene_log(test), "tick@0-0.25 tick@1-1.25 on_stop@1.5");
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "tick@0-0.25 tick@1-1.25 on_stop@1.5");
    scene_close(test);
}
END_TEST

START_TEST(a_run_ends_by_its_iterations)
{
    test = scene_open(ticking, LK_RUN_OPTIONS(.iterations = 2));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "tick@0-0.25 tick@1-1.25 on_stop@1.25");
    scene_close(test);
}
END_TEST

START_TEST(a_run_of_which_nothing_is_said_has_no_end)
{
    test = scene_open(ticking, LK_RUN_OPTIONS(.users = 1));
    ck_assert(!lk_test_run(test, 86400));
    ck_assert_uint_eq(lk_test_count(test, "tick", NULL), 86400);
    scene_close(test);
}
END_TEST

static void end_run(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
    if (lk_user_id(vu) == 1)
        lk_test_stop(test);
    lk_sleep(vu, 1);
}

START_TEST(the_first_stop_lets_steps_end_and_the_second_cuts_them_off)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "get", get_a),
        SCENE_HOOK("guest", stop, scene_idle),
        NULL,
    };
    const char *const expected[] = {"get@0-4 on_stop@4", "get@0-1.5!STEP_CANCELLED"};

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    lk_test_answer(test, "*", .delay_s = 4);
    ck_assert(!lk_test_run(test, 1));
    lk_test_stop(test);
    ck_assert(!lk_test_run(test, 0.5));
    if (_i)
        lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), expected[_i]);
    scene_close(test);
}
END_TEST

START_TEST(a_step_may_end_the_run)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "end", end_run),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 2));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log_of(test, 1, NULL), "end@0-1");
    ck_assert_str_eq(scene_log_of(test, 2, NULL), "2:end@0-1");
    scene_close(test);
}
END_TEST

START_TEST(a_test_that_was_stopped_before_it_began_does_nothing)
{
    test = scene_open(ticking, LK_RUN_OPTIONS(.users = 1));
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "");
    scene_close(test);
}
END_TEST

static int freed;

static void count_freed(void *arg)
{
    (void)arg;
    freed++;
}

static void defer_and_wait(lk_vu *vu, void *self)
{
    (void)self;
    lk_defer(vu, count_freed, NULL);
    switch (lk_user_id(vu)) {
    case 1:
        lk_sleep(vu, 1e6);
        break;
    case 2:
        lk_get(vu, "http://shop.test/a", .timeout_s = LK_OFF);
        break;
    case 3:
        lk_wait_fd(vu, pipe_fds[0], LK_READABLE, LK_OFF);
        break;
    default:
        break;
    }
}

START_TEST(whoever_lives_when_a_test_is_freed_is_cut_off)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "wait", defer_and_wait, .every = LK_FIXED(100)),
        SCENE_HOOK("guest", stop, hang),
        NULL,
    };

    freed = 0;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    test = scene_open(defs, LK_RUN_OPTIONS(.users = 4));
    lk_test_answer(test, "*", .delay_s = 1e6);
    lk_test_run(test, 5);
    if (_i > 0)
        lk_test_stop(test);
    if (_i > 1)
        lk_test_run(test, 1);
    if (_i > 2)
        lk_test_run(test, 10);
    for (int i = 0; _i > 3 && i < 10; i++)
        lk_test_stop(test);
    scene_close(test);
    ck_assert_int_eq(freed, 4);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

START_TEST(a_test_that_never_ran_can_be_freed)
{
    test = scene_open(ticking, LK_RUN_OPTIONS(.users = 100));
    scene_close(test);
}
END_TEST

static void run_inside(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    ck_assert(!lk_test_run(test, 100));
    lk_test_free(test);
}

START_TEST(a_step_can_neither_turn_nor_free_its_test)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "run", run_inside, .every = LK_FIXED(1)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 2));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "run@0 run@1");
    scene_close(test);
}
END_TEST

START_TEST(two_tests_may_go_on_at_once)
{
    lk_test *other = NULL;

    test = scene_open(ticking, LK_RUN_OPTIONS(.users = 1));
    ck_assert_int_eq(lk_test_new(&other, LK_RUN_OPTIONS(.users = 1)), LK_OK);
    lk_test_run(test, 1);
    lk_test_run(other, 2);
    lk_test_run(test, 0.5);
    ck_assert_str_eq(scene_log(other), "tick@0-0.25 tick@1-1.25");
    lk_test_free(other);
    lk_test_run(test, 1);
    ck_assert_str_eq(scene_log(test), "tick@0-0.25 tick@1-1.25 tick@2-2.25");
    scene_close(test);
}
END_TEST

/* ---- the end of a run with a tear-down ---- */

enum { TEARDOWN_SHORT, TEARDOWN_LONG, TEARDOWN_OF_A_PIPE, TEARDOWNS };

static int teardown;
static int torn_down;

static void tear_down(lk_vu *vu)
{
    lk_defer(vu, count_freed, NULL);
    if (teardown == TEARDOWN_OF_A_PIPE)
        lk_wait_fd(vu, pipe_fds[0], LK_READABLE, LK_OFF);
    else
        lk_sleep(vu, teardown == TEARDOWN_SHORT ? 0.5 : 30);
    torn_down++;
}

static void set_up(lk_vu *vu)
{
    lk_sleep(vu, 0.5);
}

static lk_test *open_with_teardown(int which, bool with_setup)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "hang", hang),
        SCENE_RUN_HOOK(teardown, tear_down, .timeout_s = LK_OFF),
        with_setup ? SCENE_RUN_HOOK(setup, set_up) : NULL,
        NULL,
    };

    teardown = which;
    torn_down = 0;
    freed = 0;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    return scene_open(defs, LK_RUN_OPTIONS(.users = 2));
}

static void close_with_teardown(void)
{
    scene_close(test);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

START_TEST(a_teardown_that_begins_when_a_test_is_freed_has_a_second)
{
    /* in the users' steps, in the set-up, before it */
    const double freed_at[] = {1, 0.25, 0};
    int when = _i / TEARDOWNS;

    test = open_with_teardown(_i % TEARDOWNS, when > 0);
    ck_assert(!lk_test_run(test, freed_at[when]));
    close_with_teardown();
    ck_assert_int_eq(freed, 1);
    ck_assert_int_eq(torn_down, teardown == TEARDOWN_SHORT);
}
END_TEST

START_TEST(a_teardown_that_goes_on_when_a_test_is_freed_is_cut_off)
{
    test = open_with_teardown(_i, false);
    ck_assert(!lk_test_run(test, 1));
    lk_test_stop(test);
    lk_test_stop(test);
    ck_assert(!lk_test_run(test, 0.25));
    close_with_teardown();
    ck_assert_int_eq(freed, 1);
    ck_assert_int_eq(torn_down, 0);
}
END_TEST

/* Then there is nothing that a turn of the loop could end. */
START_TEST(a_test_whose_hooks_are_stopped_before_they_begin_is_over)
{
    test = open_with_teardown(TEARDOWN_SHORT, true);
    for (int i = 0; i < 4; i++)
        lk_test_stop(test);
    if (_i)
        ck_assert(lk_test_run(test, LK_OFF));
    close_with_teardown();
    ck_assert_int_eq(freed, 0);
}
END_TEST

static void stop_often(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
    for (int i = 0; i < 10; i++)
        lk_test_stop(test);
    lk_sleep(vu, 1);
}

START_TEST(a_step_that_stops_more_than_twice_leaves_nobody_behind)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "stop", stop_often),
        SCENE_RUN_HOOK(teardown, tear_down),
        NULL,
    };
    lk_result *result;

    teardown = TEARDOWN_SHORT;
    test = scene_open(defs, LK_RUN_OPTIONS(.users = 2));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_uint_eq(lk_test_count(test, "stop", "STEP_CANCELLED"), 2);
    ck_assert_str_eq(scene_log_of(test, 0, "on_teardown"), "0:on_teardown@1-1.5");
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_str_eq(lk_result_verdict(result), "valid");
    lk_result_free(result);
    scene_close(test);
}
END_TEST

/* ---- what is told ---- */

static void fail_at_times(lk_vu *vu, void *self)
{
    struct scene_state *state = self;

    LK_REQUIRE(++state->a % 3, "the third time");
}

START_TEST(what_happened_can_be_counted)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_HOOK("guest", start, scene_idle),
        SCENE_STEP("guest", "try", fail_at_times, .every = LK_FIXED(1)),
        NULL,
    };
    const struct lk_test_event *event;

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 3, .iterations = 27));
    lk_test_run(test, LK_OFF);
    ck_assert_uint_eq(lk_test_count(test, NULL, NULL), 30);
    ck_assert_uint_eq(lk_test_count(test, "try", NULL), 27);
    ck_assert_uint_eq(lk_test_count(test, "try", "STEP_OK"), 18);
    ck_assert_uint_eq(lk_test_count(test, "try", "STEP_FAILED"), 9);
    ck_assert_uint_eq(lk_test_count(test, "on_start", NULL), 3);
    ck_assert_uint_eq(lk_test_count(test, NULL, "STEP_OK"), 18);
    ck_assert_uint_eq(lk_test_count(test, "try", "LIFECYCLE_OK"), 0);
    ck_assert_uint_eq(lk_test_count(test, "tr", NULL), 0);
    event = lk_test_event_at(test, 29);
    ck_assert_str_eq(event->message, "the third time");
    ck_assert_str_eq(event->code, "STEP_FAILED");
    ck_assert_uint_eq(event->user, 3);
    ck_assert_str_eq(lk_test_event_at(test, 0)->message, "");
    ck_assert_ptr_null(lk_test_event_at(test, 30));
    ck_assert_ptr_null(lk_test_event_at(test, SIZE_MAX));
    ck_assert_ptr_null(lk_test_request_at(test, 0));
    scene_close(test);
}
END_TEST

START_TEST(the_result_is_that_of_a_run_at_any_time)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "get", get_a, .every = LK_FIXED(0.9)),
        NULL,
    };
    const struct lk_stats *stats;
    lk_result *result;

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 2));
    lk_test_answer(test, "*", .delay_s = 0.1);
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_ptr_null(lk_result_stats(result, "get/GET /a"));
    lk_result_free(result);
    for (int i = 1; i <= 3; i++) {
        lk_test_run(test, 2.5);
        ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
        stats = lk_result_stats(result, "get/GET /a");
        ck_assert_ptr_nonnull(stats);
        ck_assert_uint_eq(stats->count, lk_test_count(test, "get", "STEP_OK"));
        ck_assert_uint_eq(lk_result_code_count(result, "get/GET /a", "HTTP_200"), stats->count);
        ck_assert_double_eq_tol(stats->max_ms, 100, 1e-9);
        ck_assert_str_eq(lk_result_verdict(result), "valid");
        ck_assert_int_eq(lk_result_exit_status(result), 0);
        lk_result_free(result);
    }
    ck_assert_uint_eq(lk_test_count(test, "get", "STEP_OK"), 2 * 8);
    lk_test_stop(test);
    lk_test_run(test, LK_OFF);
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_uint_eq(lk_result_stats(result, "get")->count, 2 * 8);
    lk_result_free(result);
    scene_close(test);
}
END_TEST

static void draw(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, lk_random_double(vu, 0, 1));
}

static char *history(uint64_t seed)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "draw", draw),
        NULL,
    };
    char *log;

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 3, .iterations = 50, .seed = seed));
    lk_test_run(test, LK_OFF);
    log = strdup(scene_log(test));
    scene_close(test);
    return log;
}

START_TEST(the_seed_is_1_unless_it_is_given)
{
    char *unsaid = history(0);
    char *one = history(1);
    char *two = history(2);

    ck_assert_str_eq(unsaid, one);
    ck_assert_str_ne(unsaid, two);
    free(unsaid);
    free(one);
    free(two);
}
END_TEST

/* ---- what is outside of the clock ---- */

static void work_a_little(void *arg)
{
    usleep(20000);
    ++*(int *)arg;
}

static void work_on_a_thread(lk_vu *vu, void *self)
{
    int done = 0;

    (void)self;
    ck_assert_int_eq(lk_blocking(vu, work_a_little, &done), LK_OK);
    ck_assert_int_eq(done, 1);
}

/* The ticks would else pass by while the thread works. */
START_TEST(a_function_on_a_thread_takes_real_time_but_none_of_the_test)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "work", work_on_a_thread, .every = LK_FIXED(1), .timeout_s = 0.001),
        SCENE_VU("clock", .weight = 1),
        SCENE_STEP("clock", "tick", scene_idle, .every = LK_FIXED(0.0005)),
        NULL,
    };

    test = scene_open(defs, LK_RUN_OPTIONS(.users = 2));
    lk_test_run(test, 3);
    ck_assert_str_eq(scene_log_of(test, 0, "work"), "work@0 work@1 work@2");
    ck_assert_uint_eq(lk_test_count(test, "tick", NULL), 6000);
    scene_close(test);
}
END_TEST

static void *write_later(void *arg)
{
    (void)arg;
    usleep(20000);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    return NULL;
}

static void read_from_outside(lk_vu *vu, void *self)
{
    pthread_t thread;
    char byte;

    (void)self;
    ck_assert_int_eq(pthread_create(&thread, NULL, write_later, NULL), 0);
    ck_assert_int_eq(lk_wait_fd(vu, pipe_fds[0], LK_READABLE, 0.5), LK_READABLE);
    ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
    pthread_join(thread, NULL);
}

START_TEST(a_descriptor_takes_real_time_but_none_of_the_test)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "read", read_from_outside, .every = LK_FIXED(1)),
        NULL,
    };

    ck_assert_int_eq(pipe(pipe_fds), 0);
    test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
    lk_test_run(test, 3);
    ck_assert_str_eq(scene_log(test), "read@0 read@1 read@2");
    scene_close(test);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

static void wait_in_vain(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_int_eq(lk_wait_fd(vu, pipe_fds[0], LK_READABLE, 30), LK_E_TIMEOUT);
}

/* For real it waits but once: what waits longer than a second has had its chance. */
START_TEST(what_never_comes_from_outside_is_not_waited_for_long)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "wait", wait_in_vain, .every = LK_FIXED(10)),
        SCENE_VU("clock", .weight = 1),
        SCENE_STEP("clock", "tick", scene_idle, .every = LK_FIXED(1)),
        NULL,
    };

    ck_assert_int_eq(pipe(pipe_fds), 0);
    test = scene_open(defs, LK_RUN_OPTIONS(.users = 2));
    lk_test_run(test, 40);
    ck_assert_str_eq(scene_log_of(test, 1, NULL), "wait@0-30");
    ck_assert_uint_eq(lk_test_count(test, "tick", NULL), 40);
    scene_close(test);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario_test");
    TCase *tests = tcase_create("scenario_test");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_no_run_would_take_is_refused);
    tcase_add_test(tests, options_are_needed);
    tcase_add_test(tests, time_passes_as_far_as_it_is_let);
    tcase_add_test(tests, what_is_due_at_the_end_is_left_for_the_next_time);
    tcase_add_test(tests, an_hour_takes_no_time_to_speak_of);
    tcase_add_test(tests, users_that_never_wait_cannot_hold_the_clock);
    tcase_add_test(tests, a_run_ends_by_its_duration);
    tcase_add_test(tests, a_run_ends_by_its_iterations);
    tcase_add_test(tests, a_run_of_which_nothing_is_said_has_no_end);
    tcase_add_loop_test(tests, the_first_stop_lets_steps_end_and_the_second_cuts_them_off, 0, 2);
    tcase_add_test(tests, a_step_may_end_the_run);
    tcase_add_test(tests, a_test_that_was_stopped_before_it_began_does_nothing);
    tcase_add_loop_test(tests, whoever_lives_when_a_test_is_freed_is_cut_off, 0, 5);
    tcase_add_test(tests, a_test_that_never_ran_can_be_freed);
    tcase_add_test(tests, a_step_can_neither_turn_nor_free_its_test);
    tcase_add_test(tests, two_tests_may_go_on_at_once);
    tcase_add_loop_test(tests, a_teardown_that_begins_when_a_test_is_freed_has_a_second, 0,
                        3 * TEARDOWNS);
    tcase_add_loop_test(tests, a_teardown_that_goes_on_when_a_test_is_freed_is_cut_off, 0,
                        TEARDOWNS);
    tcase_add_loop_test(tests, a_test_whose_hooks_are_stopped_before_they_begin_is_over, 0, 2);
    tcase_add_test(tests, a_step_that_stops_more_than_twice_leaves_nobody_behind);
    tcase_add_test(tests, what_happened_can_be_counted);
    tcase_add_test(tests, the_result_is_that_of_a_run_at_any_time);
    tcase_add_test(tests, the_seed_is_1_unless_it_is_given);
    tcase_add_test(tests, a_function_on_a_thread_takes_real_time_but_none_of_the_test);
    tcase_add_test(tests, a_descriptor_takes_real_time_but_none_of_the_test);
    tcase_add_test(tests, what_never_comes_from_outside_is_not_waited_for_long);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
