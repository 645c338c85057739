/*
 * Scenarios without memory: tests of them that cannot be made, and ten thousand steps that run out
 * of it three calls deep, in each kind of call that needs some.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/scene.h"
#include "support/suite.h"

#define STEPS 10000
#define USERS 10
#define DEFERS 3

#define NOINLINE __attribute__((noinline))

static lk_test *test;
static int numbers[DEFERS] = {0, 1, 2};
static int pending; /* defers of the step in hand: none of these steps waits */
static size_t undone;
static size_t more_defers; /* registered until there was no memory for one */
static size_t more_undone;

static void undo(void *arg)
{
    EXPECT(--pending == *(int *)arg, "defer %d out of turn", *(int *)arg);
    if (!pending)
        memory_allow();
    undone++;
}

static void undo_more(void *arg)
{
    (void)arg;
    more_undone++;
}

static void format_much(lk_vu *vu)
{
    lk_format(vu, "%6000d", 7);
}

static void write_much(lk_vu *vu)
{
    const lk_json *value = LK_OBJECT("a", 1);

    for (int i = 0; i < 20; i++)
        value = LK_ARRAY(value, value);
}

static void defer_much(lk_vu *vu)
{
    for (;;) {
        more_defers++;
        lk_defer(vu, undo_more, NULL);
    }
}

static void get_much(lk_vu *vu)
{
    lk_get(vu, "http://shop.test/much");
}

static void (*const calls[])(lk_vu *vu) = {format_much, write_much, defer_much, get_much};
static void (*call)(lk_vu *vu);

static NOINLINE void inner(lk_vu *vu)
{
    lk_defer(vu, undo, &numbers[pending++]);
    memory_refuse(0, MEMORY_ALL);
    call(vu);
    ck_abort_msg("there was memory enough");
}

static NOINLINE void middle(lk_vu *vu)
{
    lk_defer(vu, undo, &numbers[pending++]);
    inner(vu);
    EXPECT(false, "it was not left");
}

static void run_out(lk_vu *vu, void *self)
{
    (void)self;
    EXPECT(pending == 0, "a defer of the step before did not run");
    lk_defer(vu, undo, &numbers[pending++]);
    middle(vu);
}

/* They are left as steps that failed, their defers run once, the last one first. */
START_TEST(a_step_without_memory_leaves_nothing)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "run_out", run_out),
        NULL,
    };
    long held = memory_held();
    int descriptors = memory_descriptors();
    size_t steps;
    size_t failed;

    undone = 0;
    more_undone = more_defers = 0;
    call = calls[_i];
    test = scene_open(defs, LK_RUN_OPTIONS(.users = USERS, .iterations = STEPS));
    lk_test_run(test, LK_OFF);
    steps = lk_test_count(test, "run_out", NULL);
    failed = lk_test_count(test, "run_out", "STEP_NOMEM");
    scene_close(test);
    /* Check's own assertions need memory too, and so come afterwards */
    held = memory_held() - held;
    ck_assert_int_eq(held, 0);
    ck_assert_int_eq(memory_descriptors(), descriptors);
    ck_assert_uint_eq(steps, STEPS);
    ck_assert_uint_eq(failed, STEPS);
    ck_assert_uint_eq(undone, STEPS * DEFERS);
    ck_assert_uint_eq(more_undone, more_defers);
}
END_TEST

static long set_after;
static bool set_up;

static void settings_set(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, "http://shop.test");
    memory_refuse(set_after, 1);
    lk_http_setup(vu, .headers = LK_PAIRS("A", "b"), .user = "u", .auth = LK_HTTP_DIGEST,
                  .local_addr = lk_format(vu, "10.0.0.%ld", set_after++ % 200),
                  .resolve = LK_PAIRS("a:1", "::1"));
    set_up |= !memory_allow();
}

/* They end the step, each for want of another piece of memory, until there is enough. */
START_TEST(settings_without_memory_leave_nothing)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "set", settings_set),
        NULL,
    };
    long held = memory_held();
    size_t failed;

    set_after = 0;
    set_up = false;
    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 40));
    lk_test_run(test, LK_OFF);
    failed = lk_test_count(test, "set", "STEP_NOMEM");
    scene_close(test);
    held = memory_held() - held;
    ck_assert_int_eq(held, 0);
    ck_assert(set_up);
    ck_assert_uint_ge(failed, 3);
}
END_TEST

static void lose_event(lk_vu *vu, void *self)
{
    struct scene_state *state = self;

    memory_allow();
    if (++state->a > 2)
        return;
    memory_refuse(0, MEMORY_ALL);
    LK_FAIL("a message that there is no memory to keep");
}

START_TEST(events_that_cannot_be_kept_make_the_result_incomplete)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "lose", lose_event, .every = LK_FIXED(1)),
        NULL,
    };
    lk_result *result;

    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 5));
    lk_test_run(test, LK_OFF);
    ck_assert_str_eq(scene_log(test), "lose@2 lose@3 lose@4");
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_str_eq(lk_result_verdict(result), "incomplete");
    ck_assert_ptr_nonnull(strstr(lk_result_reason(result, 0), "2 events"));
    ck_assert_uint_eq(lk_result_stats(result, "lose")->errors, 2);
    lk_result_free(result);
    scene_close(test);
}
END_TEST

static struct lk_def *const few[] = {
    SCENE_PARAM("base_url", .required = true),
    SCENE_VU("guest", .weight = 1),
    SCENE_STEP("guest", "idle", scene_idle),
    SCENE_STEP("guest", "after", scene_idle, .needs = "idle"),
    NULL,
};

/* With one request for memory refused after so many. False: there was enough for all. */
static bool make_without(long after)
{
    static const char *const params[] = {"base_url", "http://shop.test", NULL};
    const struct lk_http_settings http = {
        .size = sizeof(http), .headers = LK_PAIRS("A", "b"), .local_addr = "10.0.0.7"};
    struct lk_run_options options = {
        .size = sizeof(options), .users = 3, .iterations = 2, .params = params, .http = &http};
    lk_test *untouched = (lk_test *)(void *)&options;
    lk_test *made = untouched;
    lk_result *result = NULL;
    enum lk_err err;
    bool refused;

    memory_refuse(after, 1);
    err = lk_test_new(&made, &options);
    EXPECT(!err || made == untouched, "refused after %ld: half a test", after);
    if (!err)
        err = lk_test_answer(made, "GET /a", .body = "a", .head = "A: b\r\n");
    if (!err)
        err = lk_test_answer(made, "GET /a", .error = "HTTP_RESET");
    if (!err)
        err = lk_test_result(made, &result);
    refused = memory_allow() > 0;
    EXPECT(!err || refused, "an error without a reason");
    EXPECT(!err || err == LK_E_NOMEM || err == LK_E_SYSTEM, "refused after %ld: %s", after,
           lk_strerror(err));
    EXPECT(err || lk_test_run(made, LK_OFF), "refused after %ld: it does not run", after);
    lk_result_free(result);
    if (made != untouched)
        lk_test_free(made);
    return refused;
}

START_TEST(a_test_without_memory_is_refused_and_leaves_nothing)
{
    long held;
    int descriptors;
    long after = 0;

    scene_register(few);
    held = memory_held();
    descriptors = memory_descriptors();
    while (make_without(after))
        after++;
    held = memory_held() - held;
    ck_assert_int_eq(held, 0);
    ck_assert_int_eq(memory_descriptors(), descriptors);
    ck_assert_int_gt(after, 20);
    scene_unregister();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_scenario");
    TCase *tests = tcase_create("oom_scenario");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_step_without_memory_leaves_nothing, 0, LKI_COUNT(calls));
    tcase_add_test(tests, settings_without_memory_leave_nothing);
    tcase_add_test(tests, a_test_without_memory_is_refused_and_leaves_nothing);
    tcase_add_test(tests, events_that_cannot_be_kept_make_the_result_incomplete);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
