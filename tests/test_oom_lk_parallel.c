/*
 * Functions and requests at once without memory: whichever request is refused, each is carried out
 * or the step ends with a word on it, and nothing is left behind.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/server.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/life.h"

static struct town town;
static struct test_server server;

/* So much that a slab holds one of them: each takes a map of its own. */
#define LARGE_STACK ((size_t)3 * 1024 * 1024)

static void nap(lk_vu *vu, void *name)
{
    memory_allow();
    lk_sleep(vu, 1);
    town_note(vu, lk_format(vu, "%s", (const char *)name));
}

static void fail_late(lk_vu *vu, void *name)
{
    nap(vu, name);
    lk_fail(vu, "%s failed", (const char *)name);
}

static void nap_at_once(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_format(vu, "%s", "so that there is room for small things");
    memory_refuse(0, MEMORY_ALL);
    lk_parallel(vu, LK_CALL(nap, "a"), LK_CALL(fail_late, "b"), LK_CALL(nap, "c"));
}

START_TEST(what_has_no_stack_is_carried_out_after_the_others)
{
    struct lk_def *defs[] = {TOWN_STEP("s", nap_at_once, .stack_bytes = LARGE_STACK), NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1;
    town_run(&town);
    memory_allow();
    ck_assert_str_eq(town_log(&town), "s@0 a@1 b@2 c@3");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_FAILED), 1);
    ck_assert_str_eq(town.metrics.last_error->message, "b failed");
    town_close(&town);
}
END_TEST

static void sleep_long(lk_vu *vu, void *name)
{
    memory_allow();
    lk_sleep(vu, 9);
    town_note(vu, name);
}

static void sleep_at_once(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_format(vu, "%s", "so that there is room for small things");
    memory_refuse(0, MEMORY_ALL);
    lk_parallel(vu, LK_CALL(sleep_long, "a"), LK_CALL(sleep_long, "b"));
}

START_TEST(the_time_of_the_step_holds_for_what_is_carried_out_after_the_others)
{
    struct lk_def *defs[] = {
        TOWN_STEP("s", sleep_at_once, .stack_bytes = LARGE_STACK, .timeout_s = 12), NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1;
    town_run(&town);
    memory_allow();
    ck_assert_str_eq(town_log(&town), "s@0 a@9");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_TIMEOUT), 1);
    ck_assert_int_eq(lki_loop_now(&town.loop), 12 * LKI_NS_PER_S);
    town_close(&town);
}
END_TEST

static const long droughts[] = {1, 3, MEMORY_ALL};
static long after;
static long how_many;
static int naps;

static void count_nap(lk_vu *vu, void *arg)
{
    lk_sleep(vu, 0.001);
    *(const char **)arg = lk_format(vu, "%d", ++naps);
}

/* Stacks of its own size, so that there are none at hand. */
static void do_all(lk_vu *vu, void *self)
{
    const char *texts[3] = {NULL, NULL, NULL};
    lk_response *answers[3];

    (void)self;
    naps = 0;
    lk_http_base_url(vu, server.url);
    memory_refuse(after, how_many);
    lk_parallel(vu, LK_CALL(count_nap, &texts[0]), LK_CALL(count_nap, &texts[1]),
                LK_CALL(count_nap, &texts[2]));
    EXPECT(naps == 3 && texts[0] && texts[1] && texts[2], "one was left out");
    lk_batch(vu, answers, LK_REQUEST("GET", "/a"), LK_REQUEST("GET", "/b", .keep_going = true),
             LK_REQUEST("GET", "/c"));
    EXPECT(answers[0]->status == 200 && answers[2]->status == 200, "one has no answer");
}

static bool live_without(void)
{
    struct lk_def *defs[] = {TOWN_STEP("s", do_all, .stack_bytes = 200 * 1024), NULL};
    int descriptors = memory_descriptors();
    long held = memory_held();
    long refused;
    bool ok;

    town_open(&town, defs, 1);
    town.loop.clock.fake = false;
    town.crowd.iterations_left = 1;
    town_run(&town);
    refused = memory_allow();
    ok = town_code(&town, "s", LKI_CODE_STEP_OK) == 1;
    EXPECT(town.metrics.totals->steps == 1, "%d steps", (int)town.metrics.totals->steps);
    EXPECT(refused || ok, "it failed without a reason");
    EXPECT(ok || town.metrics.first_error, "it is not told why, after %ld", after);
    town_close(&town);
    EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held, after);
    EXPECT(memory_descriptors() == descriptors, "descriptors are open, after %ld", after);
    return refused > 0;
}

START_TEST(a_step_without_memory_ends_or_goes_on_and_leaves_nothing)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), SRV_AGAIN}};

    test_server_start(&server, &script, 1);
    how_many = droughts[_i];
    for (after = 0; live_without(); after++)
        EXPECT(after < 1000, "there is no end");
    EXPECT(after > 0, "it asks for no memory at all");
    test_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_lk_parallel");
    TCase *tests = tcase_create("oom_lk_parallel");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_has_no_stack_is_carried_out_after_the_others);
    tcase_add_test(tests, the_time_of_the_step_holds_for_what_is_carried_out_after_the_others);
    tcase_add_loop_test(tests, a_step_without_memory_ends_or_goes_on_and_leaves_nothing, 0,
                        LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
