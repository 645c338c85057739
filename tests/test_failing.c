/*
 * Exchanges that fail, in every way and by both engines, leave neither a descriptor nor memory. A
 * few thousand of them; as many as one likes by
 *
 *     FAILING=100000 CK_DEFAULT_TIMEOUT=0 build/tests/test_failing
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/descriptors.h"
#include "support/places.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define USERS 8
/* Caches, OpenSSL's too, fill up at first, each round less: a leak is there in every round. */
#define ROUNDS_MAX 30
#define GROWTH_BYTES_EACH 8

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"

static const struct failing_case {
    const char *name;
    lki_code code;
    enum place at;
    struct test_script script;
    struct lk_request request;
    struct lk_http_settings settings;
} cases[] = {
    {.name = "refused", .code = LKI_CODE_HTTP_CONNECT, .at = PLACE_nobody},
    {.name = "reset", .code = LKI_CODE_HTTP_RESET, .script = {{SRV_READ, SRV_RESET}}},
    {.name = "closed", .code = LKI_CODE_HTTP_RESET, .script = {{SRV_READ, SRV_CLOSE}}},
    {.name = "cut off in the body",
     .code = LKI_CODE_HTTP_RESET,
     .script = {{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE}}},
    {.name = "garbage",
     .code = LKI_CODE_HTTP_PROTOCOL,
     .script = {{SRV_READ, SRV_SEND("SSH-2.0-OpenSSH_9.2\r\n")}}},
    {.name = "a bad chunk",
     .code = LKI_CODE_HTTP_PROTOCOL,
     .script = {{SRV_READ, SRV_SEND(CHUNKED "5\r\nhello5\r\nworld\r\n")}}},
    {.name = "a broken gzip",
     .code = LKI_CODE_HTTP_PROTOCOL,
     .script = {{SRV_READ,
                 SRV_SEND(OK_LINE "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
                 SRV_AGAIN}}},
    {.name = "too large",
     .code = LKI_CODE_HTTP_TOO_LARGE,
     .script = {{SRV_READ, SRV_SEND(CHUNKED "7d0\r\n"), SRV_FILL(2000), SRV_SEND("\r\n")}},
     .request = {.max_body_bytes = 1000}},
    {.name = "out of time",
     .code = LKI_CODE_HTTP_TIMEOUT,
     .script = {{SRV_READ, SRV_STALL}},
     .request = {.timeout_s = 0.005}},
    {.name = "out of time in the body",
     .code = LKI_CODE_HTTP_TIMEOUT,
     .script = {{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_STALL}},
     .request = {.timeout_s = 0.02}},
    {.name = "a redirect without an end",
     .code = LKI_CODE_HTTP_REDIRECTS,
     .script = {{SRV_READ, SRV_SEND("HTTP/1.1 302 To\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
                 SRV_AGAIN}},
     .request = {.max_redirects = 1}},
    {.name = "a certificate that is not trusted",
     .code = LKI_CODE_HTTP_TLS,
     .at = PLACE_unknown,
     .settings = {.ca_file = "$dir/ca.pem"}},
    {.name = "no TLS",
     .code = LKI_CODE_HTTP_TLS,
     .script = {{SRV_SEND("220 mail ready\r\n")}},
     .request = {.url = "https://$server/"},
     .settings = {.insecure = true}},
};

static struct rig rig;
static struct test_server server;
static long each; /* exchanges of each user */

static void fail_often(lk_vu *vu, void *arg)
{
    const struct failing_case *of = arg;
    struct lk_request request = of->request;

    request.size = sizeof(request);
    request.method = "GET";
    request.url = request.url ? places_expand(request.url, server.url + 7) : "/";
    request.keep_going = true;
    for (long i = 0; i < each; i++) {
        lk_response *response = lk_http(vu, &request);

        if (response->status)
            lki_vu_fail(vu, "it is answered with %d", response->status);
        lk_response_free(response);
    }
}

static void settle(lk_vu *vu, void *arg)
{
    const struct failing_case *of = arg;
    struct lk_http_settings settings = of->settings;

    settings.size = sizeof(settings);
    settings.engine = (enum lk_http_engine)each;
    settings.ca_file = places_expand(settings.ca_file, NULL);
    lk_http_setup_with(vu, &settings);
    lk_http_base_url(vu, of->at ? places_url(of->at) : server.url);
}

/* What has ended in a turn of the loop goes at the end of that turn. */
static void rest(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_sleep(vu, 0.001);
}

static void all_run(void (*run)(lk_vu *vu, void *arg), const struct failing_case *of, long number)
{
    each = number;
    for (struct rig_user *user = rig.users; user; user = user->next) {
        user->run = run;
        user->arg = (void *)(uintptr_t)of;
    }
    rig_run(&rig);
    for (struct rig_user *user = rig.users; user; user = user->next)
        ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s: %s", of->name, user->message);
}

static size_t histogram_bytes(const struct lki_tally *tally)
{
    size_t bytes = lki_hist_row_bytes(&tally->latency);

    for (int i = 0; i < LKI_PHASE_COUNT; i++)
        bytes += lki_hist_row_bytes(&tally->phases[i]);
    return bytes;
}

/* Without histograms, which grow with whatever takes longer or shorter than all before. 0 with the
 * allocator of a sanitizer, which looks for leaks itself. */
static size_t used_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    size_t bytes = info.uordblks + info.hblkhd;

    for (struct lki_metric *metric = rig.metrics.first; bytes && metric; metric = metric->next)
        bytes -= histogram_bytes(&metric->second) + histogram_bytes(&metric->total);
    return bytes;
}

static void round_of(const struct failing_case *of, long number)
{
    all_run(fail_often, of, number);
    all_run(rest, of, 0);
}

static void fail_by(const struct failing_case *of, enum lk_http_engine engine)
{
    const char *full = getenv("FAILING");
    long number = (full ? strtol(full, NULL, 10) : 20000) / (4 * (long)LKI_COUNT(cases) * USERS);
    uint64_t count = USERS * (uint64_t)number;
    uint64_t rounds = 1;
    int descriptors;
    size_t before;
    size_t after;

    rig_open(&rig);
    for (int i = 0; i < USERS; i++)
        rig_add(&rig, NULL, NULL);
    all_run(settle, of, (long)engine);
    round_of(of, number);
    /* one that a user keeps may come and go */
    descriptors = open_descriptors();
    after = used_bytes();
    do {
        before = after;
        round_of(of, number);
        after = used_bytes();
    } while (after > before + GROWTH_BYTES_EACH * count && ++rounds < ROUNDS_MAX);
    ck_assert_msg(open_descriptors() <= descriptors + USERS, "%s: %d descriptors more", of->name,
                  open_descriptors() - descriptors);
    ck_assert_msg(rounds < ROUNDS_MAX, "%s: %zu bytes more, round after round", of->name,
                  after - before);
    ck_assert_msg(rig_count(&rig, of->code) == count * (rounds + 1), "%s: %d of %d", of->name,
                  (int)rig_count(&rig, of->code), (int)(count * (rounds + 1)));
    rig_close(&rig);
}

START_TEST(exchanges_that_fail_leave_nothing)
{
    const struct failing_case *of = &cases[_i / 2];
    int before = open_descriptors();

    if (of->script.acts[0].act)
        test_server_start(&server, &of->script, 1);
    fail_by(of, _i % 2 ? LK_HTTP_ENGINE_CURL : LK_HTTP_ENGINE_NATIVE);
    if (server.pid)
        test_server_stop(&server);
    ck_assert_msg(open_descriptors() == before, "%s: %d descriptors, %d before", of->name,
                  open_descriptors(), before);
}
END_TEST

static Suite *failing_suite(void)
{
    Suite *suite = suite_create("failing");
    TCase *all = suite_group(suite, "all");

    tcase_add_unchecked_fixture(all, places_start, places_stop);
    tcase_add_loop_test(all, exchanges_that_fail_leave_nothing, 0, 2 * LKI_COUNT(cases));
    return suite;
}

int main(void)
{
    return suite_run(failing_suite());
}
