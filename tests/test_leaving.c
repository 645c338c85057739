/*
 * Ten thousand steps left by each way out, from three calls deep in helpers of the author's own,
 * each of which has registered defers. Every defer has to run once, the last one first, and nothing
 * may be left behind: descriptors are counted here, memory by valgrind and the sanitizers.
 */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/descriptors.h"
#include "support/expect.h"
#include "support/scene.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEPS 10000
#define USERS_MAX 5000
#define DEFERS_A_CALL 2
#define DEPTH 3
#define DEFERS (DEFERS_A_CALL * DEPTH)

#define NOINLINE __attribute__((noinline))

/* A step on its way, and the defers that it has registered. */
struct visit {
    int pending;
    int numbers[DEFERS + 1];
};

static struct visit visits[USERS_MAX + 2]; /* by user */
static size_t begun;
static size_t undone;
static lk_test *test;
static int pipe_fds[2];

/* ---- a step that is left deep inside ---- */

static void undo(void *arg)
{
    int *number = arg;
    struct visit *visit = (struct visit *)(void *)((char *)(number - *number) -
                                                   offsetof(struct visit, numbers));

    EXPECT(visit->pending == *number, "defer %d while %d are pending", *number, visit->pending);
    visit->pending--;
    undone++;
}

static void register_defers(lk_vu *vu, struct visit *visit)
{
    for (int i = 0; i < DEFERS_A_CALL; i++) {
        int number = ++visit->pending;

        visit->numbers[number] = number;
        lk_defer(vu, undo, &visit->numbers[number]);
    }
}

typedef void leave_fn(lk_vu *vu);

static NOINLINE void inner(lk_vu *vu, struct visit *visit, leave_fn *leave)
{
    lk_response *r = lk_get(vu, "http://shop.test/before");

    EXPECT(lk_int(r, "n") == 5, "an answer");
    register_defers(vu, visit);
    leave(vu);
}

static NOINLINE void middle(lk_vu *vu, struct visit *visit, leave_fn *leave)
{
    const char *text = lk_format(vu, "%5000d", 7); /* has memory of its own */

    register_defers(vu, visit);
    inner(vu, visit, leave);
    EXPECT(strlen(text) == 5000, "its memory");
}

static NOINLINE void outer(lk_vu *vu, struct visit *visit, leave_fn *leave)
{
    volatile int kept = visit->pending;

    register_defers(vu, visit);
    middle(vu, visit, leave);
    EXPECT(kept == 0, "its stack");
}

static leave_fn *way; /* of the test in hand */

static void leave_step(lk_vu *vu, void *self)
{
    struct visit *visit = &visits[lk_user_id(vu)];

    (void)self;
    EXPECT(visit->pending == 0, "%d defers of the step before did not run", visit->pending);
    begun++;
    outer(vu, visit, way);
}

static int descriptors_before;

static void setup(void)
{
    begun = 0;
    undone = 0;
    memset(visits, 0, sizeof(visits));
    ck_assert_int_eq(pipe(pipe_fds), 0);
    descriptors_before = open_descriptors();
}

static void open_scene(struct lk_def *const *defs, const struct lk_run_options *options)
{
    test = scene_open(defs, options);
    lk_test_answer(test, "*", .body = "{\"n\": 5}");
    lk_test_answer(test, "GET /slow", .delay_s = 0.1);
    lk_test_answer(test, "GET /never", .delay_s = 1e6);
    lk_test_answer(test, "GET /broken", .error = "HTTP_RESET");
}

static void close_scene(void)
{
    scene_close(test);
    ck_assert_int_eq(open_descriptors(), descriptors_before);
}

static void teardown(void)
{
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* All steps that began have ended, so many of them with that code. */
static void expect_ended(size_t steps, const char *code)
{
    ck_assert_uint_eq(lk_test_count(test, "leave", NULL), steps);
    ck_assert_uint_eq(lk_test_count(test, "leave", code), steps);
}

static void expect_undone(size_t steps)
{
    ck_assert_uint_eq(begun, steps);
    ck_assert_uint_eq(undone, steps * DEFERS);
}

/* ---- by itself ---- */

static void go_on(lk_vu *vu)
{
    lk_sleep(vu, 0.001);
}

static void give_up(lk_vu *vu)
{
    LK_FAIL("user %" PRIu64 " fails", lk_user_id(vu));
}

static void require(lk_vu *vu)
{
    lk_sleep(vu, 0.001);
    LK_REQUIRE(lk_user_id(vu) == 0, "nobody is user 0");
}

static void miss_a_key(lk_vu *vu)
{
    lk_int(LK_OBJECT("a", 1), "b");
}

static void get_no_answer(lk_vu *vu)
{
    lk_get(vu, "http://shop.test/broken");
}

static void ask_for_nonsense(lk_vu *vu)
{
    lk_get(vu, "no base URL");
}

static void use_unknown_names(lk_vu *vu)
{
    lk_resource_acquire(vu, "nothing of that name");
}

static void fail_in_a_defer_too(lk_vu *vu);

static const struct {
    leave_fn *leave;
    const char *code;
    const char *message;
} own_ways[] = {
    {go_on, "STEP_OK", ""},
    {give_up, "STEP_FAILED", "user 1 fails"},
    {require, "STEP_FAILED", "nobody is user 0"},
    {miss_a_key, "STEP_FAILED", "\"b\""},
    {get_no_answer, "STEP_FAILED", "GET /broken got no answer: HTTP_RESET"},
    {ask_for_nonsense, "STEP_FAILED", "no base URL"},
    {use_unknown_names, "STEP_FAILED", "nothing of that name"},
    {fail_in_a_defer_too, "STEP_FAILED", "on the way"},
};

static size_t failed_defers;

static void fail_in_defer(void *arg)
{
    lk_vu *vu = arg;

    failed_defers++;
    LK_FAIL("in a defer");
}

static void fail_in_a_defer_too(lk_vu *vu)
{
    lk_defer(vu, fail_in_defer, vu);
    LK_FAIL("on the way");
}

START_TEST(a_step_that_ends_by_itself_leaves_nothing)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "leave", leave_step),
        NULL,
    };

    way = own_ways[_i].leave;
    open_scene(defs, LK_RUN_OPTIONS(.users = 10, .iterations = STEPS));
    ck_assert(lk_test_run(test, LK_OFF));
    expect_ended(STEPS, own_ways[_i].code);
    ck_assert_msg(strstr(lk_test_event_at(test, 0)->message, own_ways[_i].message) != NULL, "%s",
                  lk_test_event_at(test, 0)->message);
    expect_undone(STEPS);
    ck_assert_uint_eq(failed_defers, way == fail_in_a_defer_too ? STEPS : 0);
    close_scene();
}
END_TEST

/* ---- by a time-out or the end of the run, in each kind of wait ---- */

static void in_sleep(lk_vu *vu)
{
    lk_sleep(vu, 1e6);
    /* when the run drains it is woken, and goes on as it likes */
    lk_get(vu, "http://shop.test/never");
}

static void in_http(lk_vu *vu)
{
    lk_get(vu, "http://shop.test/never", .timeout_s = LK_OFF, .keep_going = true);
}

static void in_wait_fd(lk_vu *vu)
{
    lk_wait_fd(vu, pipe_fds[0], LK_READABLE, LK_OFF);
}

static void in_acquire(lk_vu *vu)
{
    lk_resource_acquire(vu, "held");
}

static void in_factory(lk_vu *vu)
{
    lk_resource_acquire(vu, "slow");
}

static void in_a_loop(lk_vu *vu)
{
    for (;;) {
        lk_response_free(lk_get(vu, "http://shop.test/slow"));
        lk_sleep(vu, 0.1);
    }
}

/* Functions on threads wait here until the round in which they were called is over. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static int gate_round;
static size_t gate_called; /* functions, and those that went through */
static atomic_size_t gate_passed;

struct pass {
    int round;
    int passed;
};

static void wait_for_gate(void *arg)
{
    struct pass *pass = arg;

    pthread_mutex_lock(&gate_lock);
    while (gate_round == pass->round)
        pthread_cond_wait(&gate_opened, &gate_lock);
    pass->passed = 1;
    gate_passed += (size_t)pass->passed;
    pthread_mutex_unlock(&gate_lock);
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    gate_round++;
    pthread_cond_broadcast(&gate_opened);
    pthread_mutex_unlock(&gate_lock);
}

static void in_blocking(lk_vu *vu)
{
    struct pass pass = {.round = gate_round}; /* which the thread reads and writes */

    gate_called++;
    lk_blocking(vu, wait_for_gate, &pass);
}

static const struct {
    leave_fn *leave;
    bool real; /* waits for a second of real time */
} waits[] = {
    {in_sleep, false},   {in_http, false},   {in_wait_fd, true},  {in_acquire, false},
    {in_factory, false}, {in_a_loop, false}, {in_blocking, true},
};

static lk_json *make_slowly(lk_vu *vu, const char *id)
{
    (void)id;
    lk_get(vu, "http://shop.test/never");
    return LK_OBJECT("a", 1);
}

static lk_json *make_at_once(lk_vu *vu, const char *id)
{
    return LK_OBJECT("id", id);
}

static void hold(lk_vu *vu, void *self)
{
    (void)self;
    lk_resource_acquire(vu, "held");
}

/* The clock has waited for these threads in vain, and would go on if nobody kept it busy. */
static void open_gate_in_step(lk_vu *vu, void *self)
{
    (void)self;
    if (lk_sleep(vu, 0.75))
        return;
    open_gate();
    for (int turns = way == in_blocking ? 100 : 0; turns; turns -= gate_passed == gate_called) {
        usleep(1000);
        lk_sleep(vu, 0);
    }
}

static void stay(lk_vu *vu, void *self)
{
    (void)self;
    lk_get(vu, "http://shop.test/never", .timeout_s = LK_OFF);
}

/* Besides so many guests one user of the type "host", who holds the resource and does something. */
#define HOST_AND(guests, step)                                                                     \
    SCENE_RESOURCE("held", make_at_once, .count = 1), SCENE_RESOURCE("slow", make_slowly),         \
        SCENE_VU("host", .weight = 1.5), SCENE_HOOK("host", start, hold),                          \
        SCENE_STEP("host", "host", step, .pace = LK_FIXED(1)),                                     \
        SCENE_VU("guest", .weight = (double)(guests))

START_TEST(a_step_that_times_out_where_it_waits_leaves_nothing)
{
    uint64_t users = waits[_i].real ? USERS_MAX : 1000;
    struct lk_def *defs[] = {
        HOST_AND(users, open_gate_in_step),
        SCENE_STEP("guest", "leave", leave_step, .timeout_s = 0.5, .pace = LK_FIXED(1)),
        NULL,
    };
    uint64_t rounds = STEPS / users;

    way = waits[_i].leave;
    open_scene(defs, LK_RUN_OPTIONS(.users = users + 1));
    lk_test_run(test, (double)rounds);
    expect_ended(STEPS, "STEP_TIMEOUT");
    for (size_t i = 0, at = 0; lk_test_event_at(test, i); i++) {
        const struct lk_test_event *event = lk_test_event_at(test, i);

        if (strcmp(event->name, "leave") != 0)
            continue;
        EXPECT(event->start_ns == (int64_t)(at++ / users) * 1000000000, "when it began");
        EXPECT(event->end_ns == event->start_ns + 500000000, "when it was left");
    }
    expect_undone(STEPS);
    ck_assert_uint_eq(gate_passed, way == in_blocking ? STEPS : 0);
    close_scene();
}
END_TEST

static void *open_gate_later(void *arg)
{
    (void)arg;
    usleep(way == in_blocking ? 200000 : 0);
    open_gate();
    return NULL;
}

/* Who is cut off in a wait for a thread is recorded at once and goes when the thread lets it. */
START_TEST(a_step_that_is_cut_off_where_it_waits_leaves_nothing)
{
    uint64_t users = waits[_i].real ? USERS_MAX : 1000;
    struct lk_def *defs[] = {
        HOST_AND(users, stay),
        SCENE_STEP("guest", "leave", leave_step),
        SCENE_HOOK("guest", stop, scene_idle),
        NULL,
    };
    pthread_t thread;

    way = waits[_i].leave;
    for (size_t steps = 0; steps < STEPS; steps += users) {
        begun = 0;
        undone = 0;
        open_scene(defs, LK_RUN_OPTIONS(.users = users + 1));
        lk_test_run(test, 0.5);
        lk_test_stop(test);
        if (steps)
            lk_test_run(test, 0.125);
        lk_test_stop(test);
        ck_assert_int_eq(pthread_create(&thread, NULL, open_gate_later, NULL), 0);
        ck_assert(lk_test_run(test, LK_OFF));
        pthread_join(thread, NULL);
        expect_ended(users, "STEP_CANCELLED");
        ck_assert_uint_eq(lk_test_count(test, "on_stop", NULL), 0);
        expect_undone(users);
        close_scene();
    }
}
END_TEST

/* The first call of lk_test_stop is all they get; the grace time does the rest. */
START_TEST(a_step_that_outlasts_the_grace_time_leaves_nothing)
{
    struct lk_def *defs[] = {
        HOST_AND(USERS_MAX, stay),
        SCENE_STEP("guest", "leave", leave_step),
        NULL,
    };

    way = in_http;
    open_scene(defs, LK_RUN_OPTIONS(.users = USERS_MAX + 1, .duration_s = 2, .grace_s = 3));
    ck_assert(lk_test_run(test, LK_OFF));
    expect_ended(USERS_MAX, "STEP_CANCELLED");
    ck_assert_int_eq(lk_test_event_at(test, lk_test_count(test, NULL, NULL) - 1)->end_ns,
                     INT64_C(5000000000));
    expect_undone(USERS_MAX);
    close_scene();
}
END_TEST

static void sleep_until_drained(lk_vu *vu)
{
    EXPECT(lk_sleep(vu, 1e6) == LK_E_CANCELLED, "the run drains");
    EXPECT(lk_should_stop(vu), "and says so");
}

static void loop_until_drained(lk_vu *vu)
{
    for (int i = 0; !lk_should_stop(vu); i++) {
        lk_response *r = lk_get(vu, "http://shop.test/before");

        lk_sleep(vu, 0.5);
        if (i % 2)
            lk_response_free(r);
    }
}

static leave_fn *const drained_ways[] = {sleep_until_drained, loop_until_drained};

START_TEST(a_step_that_heeds_the_end_of_the_run_ends_as_it_likes)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "leave", leave_step),
        SCENE_HOOK("guest", stop, scene_idle),
        NULL,
    };

    way = drained_ways[_i];
    for (size_t steps = 0; steps < STEPS; steps += 1000) {
        begun = 0;
        undone = 0;
        open_scene(defs, LK_RUN_OPTIONS(.users = 1000));
        lk_test_run(test, 2.1);
        lk_test_stop(test);
        ck_assert(lk_test_run(test, LK_OFF));
        expect_ended(1000, "STEP_OK");
        ck_assert_int_eq(lk_test_event_at(test, 999)->end_ns, INT64_C(2100000000));
        ck_assert_uint_eq(lk_test_count(test, "on_stop", "LIFECYCLE_OK"), 1000);
        expect_undone(1000);
        close_scene();
    }
}
END_TEST

/* ---- hooks, and steps at once ---- */

static void leave_hook(lk_vu *vu, void *self)
{
    leave_step(vu, self);
}

START_TEST(hooks_are_left_like_steps)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_HOOK("guest", start, leave_hook, .timeout_s = 0.5),
        SCENE_STEP("guest", "step", scene_idle),
        SCENE_HOOK("guest", stop, leave_hook, .timeout_s = 0.5),
        NULL,
    };
    size_t lives;

    way = _i ? in_http : give_up;
    open_scene(defs, LK_RUN_OPTIONS(.users = 500, .duration_s = 200));
    ck_assert(lk_test_run(test, LK_OFF));
    lives = lk_test_count(test, "on_start", NULL);
    ck_assert_uint_ge(lives, 500 * 9);
    ck_assert_uint_eq(lk_test_count(test, "on_stop", NULL), lives);
    ck_assert_uint_eq(lk_test_count(test, NULL, _i ? "LIFECYCLE_TIMEOUT" : "LIFECYCLE_FAILED"),
                      2 * lives);
    expect_undone(2 * lives);
    close_scene();
}
END_TEST

static size_t ran_at_once;

static void count_run(void *arg)
{
    (void)arg;
    ran_at_once++;
}

static void leave_one_of_many(lk_vu *vu, void *self)
{
    struct scene_state *state = self;
    int number = state->a++ % 4;

    lk_defer(vu, count_run, NULL);
    lk_get(vu, "http://shop.test/before");
    lk_defer(vu, count_run, NULL);
    if (number == 0)
        LK_FAIL("the first of four");
    if (number == 1)
        lk_get(vu, "http://shop.test/never", .timeout_s = LK_OFF);
    if (number == 2)
        lk_sleep(vu, 0.125);
}

START_TEST(each_of_several_steps_at_once_is_left_on_its_own)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .strategy = lk_choose_parallel),
        SCENE_STEP("guest", "a", leave_one_of_many, .timeout_s = 0.5),
        SCENE_STEP("guest", "b", leave_one_of_many, .timeout_s = 0.5),
        SCENE_STEP("guest", "c", leave_one_of_many, .timeout_s = 0.5),
        SCENE_STEP("guest", "d", leave_one_of_many, .timeout_s = 0.5),
        NULL,
    };

    ran_at_once = 0;
    open_scene(defs, LK_RUN_OPTIONS(.users = 100, .iterations = STEPS / 4));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_uint_eq(lk_test_count(test, NULL, NULL), STEPS);
    ck_assert_uint_eq(lk_test_count(test, NULL, "STEP_FAILED"), STEPS / 4);
    ck_assert_uint_eq(lk_test_count(test, NULL, "STEP_TIMEOUT"), STEPS / 4);
    ck_assert_uint_eq(lk_test_count(test, NULL, "STEP_OK"), STEPS / 2);
    ck_assert_uint_eq(ran_at_once, 2 * STEPS);
    close_scene();
}
END_TEST

/* ---- a function on a thread that outlasts its step ---- */

static int written;

static void write_later(void *arg)
{
    wait_for_gate(arg);
    usleep(200000);
    ((struct pass *)arg)->passed = 77;
    written = ((struct pass *)arg)->passed;
}

static void be_outlasted(lk_vu *vu)
{
    struct pass pass = {.round = gate_round};

    lk_blocking(vu, write_later, &pass);
}

START_TEST(a_function_may_write_to_a_local_of_the_step_that_timed_out_meanwhile)
{
    struct lk_def *defs[] = {
        HOST_AND(1, open_gate_in_step),
        SCENE_STEP("guest", "leave", leave_step, .timeout_s = 0.5, .every = LK_FIXED(10)),
        NULL,
    };

    way = be_outlasted;
    open_scene(defs, LK_RUN_OPTIONS(.users = 2));
    lk_test_run(test, 0.625);
    ck_assert_str_eq(scene_log_of(test, 0, "leave"), "2:leave@0-0.5!STEP_TIMEOUT");
    ck_assert_uint_eq(undone, 0);
    lk_test_run(test, 1);
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_int_eq(written, 77);
    ck_assert_str_eq(scene_log_of(test, 0, "leave"), "2:leave@0-0.5!STEP_TIMEOUT");
    expect_undone(1);
    close_scene();
}
END_TEST

/* ---- what is asked between steps ---- */

static double pause_for_ever(lk_vu *vu)
{
    for (;;)
        lk_get(vu, "http://shop.test/never", .timeout_s = LK_OFF);
    return 0;
}

static void choose_for_ever(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)self;
    (void)choice;
    pause_for_ever(vu);
}

/* Neither has failed: the run has ended. */
START_TEST(a_pause_or_strategy_that_is_cut_off_is_no_failure)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .strategy = _i ? choose_for_ever : lk_choose_weighted),
        SCENE_STEP("guest", "step", scene_idle, .every = LK_DELAY_FN(pause_for_ever)),
        NULL,
    };

    open_scene(defs, LK_RUN_OPTIONS(.users = 1, .duration_s = 1));
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), _i ? "" : "step@0");
    close_scene();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leaving");
    TCase *tests = tcase_create("leaving");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_step_that_ends_by_itself_leaves_nothing, 0, COUNT(own_ways));
    tcase_add_loop_test(tests, a_step_that_times_out_where_it_waits_leaves_nothing, 0,
                        COUNT(waits));
    tcase_add_loop_test(tests, a_step_that_is_cut_off_where_it_waits_leaves_nothing, 0,
                        COUNT(waits));
    tcase_add_test(tests, a_step_that_outlasts_the_grace_time_leaves_nothing);
    tcase_add_loop_test(tests, a_step_that_heeds_the_end_of_the_run_ends_as_it_likes, 0,
                        COUNT(drained_ways));
    tcase_add_loop_test(tests, hooks_are_left_like_steps, 0, 2);
    tcase_add_test(tests, each_of_several_steps_at_once_is_left_on_its_own);
    tcase_add_loop_test(tests, a_pause_or_strategy_that_is_cut_off_is_no_failure, 0, 2);
    tcase_add_test(tests, a_function_may_write_to_a_local_of_the_step_that_timed_out_meanwhile);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
