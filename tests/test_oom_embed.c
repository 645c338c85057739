/*
 * Runs inside another program without memory: whichever request is refused, alone or with those
 * that follow, an error comes back or a result, and nothing is left behind.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/server.h"
#include "support/suite.h"

#define ITERATIONS 5

LK_PARAM(base_url, .required = true);
LK_METRIC(visits, LK_COUNTER);

LK_VU(visitor)
{
    int visits;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

LK_STEP(visitor, visit)
{
    lk_get(vu, "/page");
    lk_record(vu, "visits", 1);
    lk_blocking(vu, add_one, &self->visits);
}

static const struct test_script script = {
    {SRV_READ, SRV_SEND("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"), SRV_AGAIN}};

static struct test_server server;
static char message[200];
static bool told_late; /* the message was written after lk_run_start had returned */

static void setup(void)
{
    test_server_start(&server, &script, 1);
}

static void teardown(void)
{
    test_server_stop(&server);
}

static enum lk_err run(lk_result **result)
{
    return lk_run(result, LK_RUN_OPTIONS(.users = 2, .iterations = ITERATIONS, .duration_s = 20,
                                         .grace_s = 0.01, .seed = 1,
                                         .params = LK_PAIRS("base_url", server.url),
                                         .message = message, .message_bytes = sizeof(message)));
}

static enum lk_err run_in_thread(lk_result **result)
{
    lk_running *running;
    enum lk_err err = lk_run_start(
        &running,
        LK_RUN_OPTIONS(.users = 2, .iterations = ITERATIONS, .duration_s = 20, .grace_s = 0.01,
                       .seed = 1, .params = LK_PAIRS("base_url", server.url), .message = message,
                       .message_bytes = sizeof(message)));

    if (err)
        return err;
    err = lk_run_wait(running, result);
    told_late |= *message != '\0';
    return err;
}

static enum lk_err (*const ways[])(lk_result **) = {run, run_in_thread};

/* How many requests in a row are refused. */
static const long droughts[] = {1, 2};

/* Check frees what strdup made, which nobody counts: it is kept out of the count. */
static void try(enum lk_err (*way)(lk_result **), long after, long count, long *refused)
{
    long held = memory_held();
    int descriptors = memory_descriptors();
    lk_result *result = NULL;
    uint64_t visits;
    enum lk_err err;

    memory_refuse(after, count);
    err = way(&result);
    *refused = memory_allow();
    visits = result ? lk_result_stats(result, "steps")->count : 0;
    lk_result_free(result);
    held = memory_held() - held;
    descriptors = memory_descriptors() - descriptors;
    ck_assert_msg(!held, "%ld: %ld blocks were not given back", after, held);
    ck_assert_msg(!descriptors, "%ld: %d descriptors stay open", after, descriptors);
    ck_assert_msg(!err == !!result, "%ld: %s, with a result or without", after, lk_err_name(err));
    ck_assert_msg(!err || err == LK_E_NOMEM || err == LK_E_SYSTEM, "%ld: %s", after,
                  lk_err_name(err));
    ck_assert(!err || *message || way == run_in_thread);
    ck_assert(!told_late);
    if (!*refused)
        ck_assert_uint_eq(visits, ITERATIONS);
}

START_TEST(a_run_without_memory_is_an_error_or_a_result_and_leaves_nothing)
{
    long after = 0;
    long refused;

    /* what stdio and the resolver keep for themselves is there from here on */
    try(ways[_i % 2], MEMORY_ALL, 0, &refused);
    do
        try(ways[_i % 2], after++, droughts[_i / 2], &refused);
    while (refused);
    ck_assert_int_gt(after, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_embed");
    TCase *tests = tcase_create("runs");

    memory_open();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_run_without_memory_is_an_error_or_a_result_and_leaves_nothing, 0,
                        LKI_COUNT(ways) * LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
