/* The curl engine: what is its own. What an exchange has to do over either engine is in the table
 * of behaviour. */
#include <check.h>
#include <curl/curl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/descriptors.h"
#include "support/places.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define HELLO OK_LINE "Content-Length: 5\r\n\r\nhello"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"

static struct rig rig;
static struct test_server server;

/* What a user asks for, and what it gets. */
struct ask {
    const char *base;
    struct lk_request request;
    struct lk_http_settings settings;
    int times;
    int status;
    int version;
    size_t body_bytes;
    char body[256];
    char error[256];
    char header[64]; /* of X-Test */
};

static void ask_run(lk_vu *vu, void *arg)
{
    struct ask *ask = arg;
    struct lk_request *request = &ask->request;

    ask->settings.size = sizeof(ask->settings);
    ask->settings.engine = LK_HTTP_ENGINE_CURL;
    lk_http_setup_with(vu, &ask->settings);
    lk_http_base_url(vu, ask->base ? ask->base : server.url);
    request->size = sizeof(*request);
    request->keep_going = true;
    if (!request->method)
        request->method = "GET";
    if (!request->url)
        request->url = "/";
    for (int i = 0; i < ask->times || !i; i++) {
        lk_response *response = lk_http(vu, request);

        ask->status = response->status;
        ask->version = response->version;
        ask->body_bytes = response->body_bytes;
        snprintf(ask->body, sizeof(ask->body), "%s", response->body);
        snprintf(ask->error, sizeof(ask->error), "%s", lk_error(response));
        snprintf(ask->header, sizeof(ask->header), "%s", lk_header(response, "x-test"));
        lk_response_free(response);
    }
}

static struct rig_user *ask_once(struct ask *ask)
{
    struct rig_user *user = rig_add(&rig, ask_run, ask);

    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    return user;
}

/* ---- over all ways ---- */

static const struct {
    enum place place;
    enum lk_http_version version;
    int answered;
    const char *protocol;
} ways[] = {
    {PLACE_plain, LK_HTTP_DEFAULT, 11, "HTTP/1.1 "},
    {PLACE_plain, LK_HTTP_2, 11, "HTTP/1.1 "},
    {PLACE_six, LK_HTTP_1_1, 11, "HTTP/1.1 "},
    {PLACE_h2c, LK_HTTP_2_ONLY, 20, "HTTP/2.0 "},
    {PLACE_tls, LK_HTTP_DEFAULT, 11, "HTTP/1.1 TLSv1.3"},
    {PLACE_tls, LK_HTTP_2, 20, "HTTP/2.0 TLSv1.3"},
    {PLACE_tls, LK_HTTP_2_ONLY, 20, "HTTP/2.0 TLSv1.3"},
    {PLACE_tls11, LK_HTTP_2, 11, "HTTP/1.1 TLSv1.3"},
    {PLACE_tls12, LK_HTTP_2, 11, "HTTP/1.1 TLSv1.2"},
};

START_TEST(speaks_what_is_asked_for)
{
    struct ask ask = {.base = places_url(ways[_i].place),
                      .request = {.url = "/protocol", .version = ways[_i].version},
                      .settings = {.ca_file = places_expand("$dir/ca.pem", NULL)},
                      .times = 3};

    rig_open(&rig);
    ask_once(&ask);
    ck_assert_msg(ask.status == 200, "%d %s", ask.status, ask.error);
    ck_assert_str_eq(ask.body, ways[_i].protocol);
    ck_assert_int_eq(ask.version, ways[_i].answered);
    ck_assert_uint_eq(rig_count(&rig, 200), 3);
    rig_close(&rig);
}
END_TEST

/* ---- what was sent is what the server logs ---- */

static size_t lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    int c;

    ck_assert_ptr_nonnull(file);
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void lines_await(const char *path, size_t want)
{
    size_t lines = 0;

    for (int i = 0; i < 500; i++) {
        lines = lines_of(path);
        if (lines >= want)
            break;
        usleep(10000);
    }
    ck_assert_uint_eq(lines, want);
}

#define CROWD 30
static int until_cut;

/* The run ends in the midst of what the others do. */
static void crowd_run(lk_vu *vu, void *arg)
{
    struct ask *ask = arg;

    lk_http_setup_with(vu, &ask->settings);
    lk_http_base_url(vu, ask->base);
    for (;;) {
        lk_response_free(lk_http(vu, &ask->request));
        if (--until_cut == 0)
            lki_tasks_cut(vu->loop);
    }
}

static const struct {
    enum place place;
    enum lk_http_version version;
} cuts[] = {{PLACE_plain, LK_HTTP_1_1},
            {PLACE_h2c, LK_HTTP_2_ONLY},
            {PLACE_tls, LK_HTTP_1_1},
            {PLACE_tls, LK_HTTP_2}};
#define CUTS_EACH 6

START_TEST(sent_is_what_the_server_logs)
{
    const char *log = places_expand("$dir/access.log", NULL);
    struct ask ask = {
        .base = places_url(cuts[_i / CUTS_EACH].place),
        .request = {.size = sizeof(ask.request), .method = "GET", .url = "/", .keep_going = true},
        .settings = {.size = sizeof(ask.settings),
                     .engine = LK_HTTP_ENGINE_CURL,
                     .version = cuts[_i / CUTS_EACH].version,
                     .ca_file = places_expand("$dir/ca.pem", NULL)}};
    const struct lki_totals *totals;
    size_t before = lines_of(log);

    until_cut = 1 + 37 * (_i % CUTS_EACH);
    rig_open(&rig);
    totals = rig.metrics.totals;
    for (int i = 0; i < CROWD; i++)
        rig_add(&rig, crowd_run, &ask);
    rig_run(&rig);
    ck_assert_uint_gt(rig_count(&rig, LKI_CODE_HTTP_CANCELLED), 0);
    rig_count(&rig, 200);
    before += totals->http_requests - totals->http_unsent;
    rig_close(&rig);
    lines_await(log, before);
}
END_TEST

/* ---- nothing is lost ---- */

#define FAILURES 1000 /* and as many before, which fill what grows to some size */

static const struct {
    const char *name;
    enum place place; /* PLACE_SCRIPT: */
    struct test_script script;
    struct lk_request request;
    lki_code code;
} failures[] = {
    {"refused", .place = PLACE_nobody, .code = LKI_CODE_HTTP_CONNECT},
    {"not known", .place = PLACE_unknown, .code = LKI_CODE_HTTP_TLS},
    {"not HTTP/2", .place = PLACE_tls11, .request = {.version = LK_HTTP_2_ONLY},
     .code = LKI_CODE_HTTP_TLS},
    {"no answer", .script = {{SRV_READ, SRV_STALL}}, .request = {.timeout_s = 0.002},
     .code = LKI_CODE_HTTP_TIMEOUT},
    {"half an answer",
     .script = {{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\n\r\nhe"), SRV_STALL}},
     .request = {.timeout_s = 0.002}, .code = LKI_CODE_HTTP_TIMEOUT},
    {"reset", .script = {{SRV_READ, SRV_RESET}}, .code = LKI_CODE_HTTP_RESET},
    {"closed", .script = {{SRV_READ, SRV_SEND("HTTP/1.1 2"), SRV_CLOSE}},
     .code = LKI_CODE_HTTP_RESET},
    {"garbage", .script = {{SRV_READ, SRV_SEND("garbage\r\n\r\n"), SRV_CLOSE}},
     .code = LKI_CODE_HTTP_PROTOCOL},
    {"bad chunks", .script = {{SRV_READ, SRV_SEND(CHUNKED "x\r\n"), SRV_AGAIN}},
     .code = LKI_CODE_HTTP_PROTOCOL},
    {"too large", .script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}},
     .request = {.max_body_bytes = 3}, .code = LKI_CODE_HTTP_TOO_LARGE},
};

START_TEST(failures_leave_nothing_behind)
{
    struct ask ask = {.request = failures[_i].request, .times = FAILURES};
    bool scripted = failures[_i].place == PLACE_SCRIPT;
    size_t held;
    int open;

    if (scripted)
        test_server_start(&server, &failures[_i].script, 1);
    else
        ask.base = places_url(failures[_i].place);
    rig_open(&rig);
    ask_once(&ask);
    open = open_descriptors();
    held = mallinfo2().uordblks;
    ask_once(&ask);
    ck_assert_msg(rig_count(&rig, failures[_i].code) == 2 * FAILURES, "%s: %s", failures[_i].name,
                  ask.error);
    /* the last user has a connection of its own where there is one */
    ck_assert_int_le(open_descriptors(), open + 1);
    ck_assert_msg(mallinfo2().uordblks < held + (size_t)200 * 1024, "%s: %zu bytes more",
                  failures[_i].name, mallinfo2().uordblks - held);
    rig_close(&rig);
    if (scripted)
        test_server_stop(&server);
}
END_TEST

static void hurry_run(lk_vu *vu, void *arg)
{
    struct ask *ask = arg;

    ask_run(vu, ask);
    ask->request.timeout_s = 1e-9;
    lk_sleep(vu, 0); /* libcurl has its turn in the next one, and time-outs come before */
    ask_run(vu, ask);
}

/* Its handle still knows of the request before. */
START_TEST(what_has_no_time_to_begin_has_sent_nothing)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    struct ask ask = {.request = {.body = "12345", .method = "POST"}};
    const struct lki_totals *totals;
    const struct lki_metric *metric;
    uint64_t sent;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    totals = rig.metrics.totals;
    rig_add(&rig, ask_run, &ask);
    rig_run(&rig);
    rig_count(&rig, 200);
    metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", "POST /", 6);
    sent = metric->total.bytes_sent;
    rig_add(&rig, hurry_run, &ask);
    rig_run(&rig);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    ck_assert_msg(strstr(ask.error, "waiting for a connection"), "%s", ask.error);
    ck_assert_uint_eq(metric->total.bytes_sent,
                      (totals->http_requests - totals->http_unsent) * sent);
    rig_close(&rig);
    test_server_stop(&server);
}
END_TEST

/* ---- without memory ---- */

static long may_have; /* so many requests for memory are granted; negative: all */

static bool granted(void)
{
    if (may_have < 0)
        return true;
    return may_have && may_have--;
}

static void *get(size_t bytes)
{
    return granted() ? malloc(bytes) : NULL;
}

static void *get_zeroed(size_t count, size_t bytes)
{
    return granted() ? calloc(count, bytes) : NULL;
}

static void *get_longer(void *memory, size_t bytes)
{
    return granted() ? realloc(memory, bytes) : NULL;
}

static char *get_copy(const char *text)
{
    return granted() ? strdup(text) : NULL;
}

#define REFUSALS 300

/* libcurl has none, from one request for it on: there is a result all the same, and then all is
 * well again. */
START_TEST(has_a_result_without_memory)
{
    struct ask ask = {.base = places_url(_i ? PLACE_tls : PLACE_plain),
                      .settings = {.version = _i ? LK_HTTP_2 : LK_HTTP_1_1,
                                   .ca_file = places_expand("$dir/ca.pem", NULL)}};
    int failed = 0;

    ck_assert_int_eq(
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, get, free, get_longer, get_copy, get_zeroed),
        CURLE_OK);
    for (long n = 0; n < REFUSALS; n++) {
        rig_open(&rig);
        may_have = n;
        ask_once(&ask);
        failed += ask.status != 200;
        ck_assert_msg(ask.status == 200 || *ask.error, "refused from %ld: no error", n);
        may_have = -1;
        ask_once(&ask);
        ck_assert_msg(ask.status == 200, "after refusing from %ld: %s", n, ask.error);
        rig_close(&rig);
    }
    ck_assert_int_gt(failed, 20);
    ck_assert_int_lt(failed, REFUSALS);
    curl_global_cleanup();
}
END_TEST

/* ---- users ---- */

START_TEST(users_share_nothing)
{
    struct ask ask = {
        .base = places_url(PLACE_tls),
        .request = {.url = "/"},
        .settings = {.version = LK_HTTP_2, .ca_file = places_expand("$dir/ca.pem", NULL)},
        .times = 3};
    const char *log = places_expand("$dir/access.log", NULL);
    size_t lines = lines_of(log);
    FILE *file = fopen(log, "r");
    char line[512];
    long connections[20];

    rig_open(&rig);
    for (int i = 0; i < 4; i++)
        ask_once(&ask);
    rig_close(&rig);
    lines_await(log, lines + 12);
    for (size_t i = 0; i < lines; i++)
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    for (int i = 0; i < 12; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
        connections[i] = strtol(line, NULL, 10);
        ck_assert_msg(strstr(line, "|.|"), "a session was resumed: %s", line);
        if (i % 3)
            ck_assert_int_eq(connections[i], connections[i - 1]);
        else if (i)
            ck_assert_int_ne(connections[i], connections[i - 1]);
    }
    fclose(file);
}
END_TEST

/* Six requests at once, before there is any connection. */
static void batch_run(lk_vu *vu, void *arg)
{
    const struct ask *ask = arg;
    const struct lk_request *requests[6];
    lk_response *answers[6];

    lk_http_setup_with(vu, &ask->settings);
    lk_http_base_url(vu, ask->base);
    for (int i = 0; i < 6; i++)
        requests[i] = &ask->request;
    lk_http_batch(vu, 6, requests, answers, 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(answers[i]->status, 200);
        ck_assert_str_eq(lk_header(answers[i], "x-connection"),
                         lk_header(answers[0], "x-connection"));
    }
}

START_TEST(requests_at_once_go_on_one_connection)
{
    struct ask ask = {.base = places_url(_i ? PLACE_tls : PLACE_h2c),
                      .request = {.size = sizeof(ask.request), .method = "GET", .url = "/"},
                      .settings = {.size = sizeof(ask.settings),
                                   .engine = LK_HTTP_ENGINE_CURL,
                                   .version = _i ? LK_HTTP_2 : LK_HTTP_2_ONLY,
                                   .ca_file = places_expand("$dir/ca.pem", NULL)}};
    struct rig_user *user;

    rig_open(&rig);
    user = rig_add(&rig, batch_run, &ask);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_eq(rig_count(&rig, 200), 6);
    rig_close(&rig);
}
END_TEST

static TCase *tcase_of(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("curl");
    TCase *tcase = tcase_of(suite, "ways");
    int status;

    places_start();
    tcase_add_loop_test(tcase, speaks_what_is_asked_for, 0, (int)LKI_COUNT(ways));
    tcase_add_test(tcase, users_share_nothing);
    tcase_add_loop_test(tcase, requests_at_once_go_on_one_connection, 0, 2);
    tcase = tcase_of(suite, "ends");
    tcase_add_loop_test(tcase, sent_is_what_the_server_logs, 0, (int)LKI_COUNT(cuts) * CUTS_EACH);
    tcase_add_loop_test(tcase, failures_leave_nothing_behind, 0, (int)LKI_COUNT(failures));
    tcase_add_test(tcase, what_has_no_time_to_begin_has_sent_nothing);
    tcase = tcase_of(suite, "memory");
    tcase_add_loop_test(tcase, has_a_result_without_memory, 0, 2);
    status = suite_run(suite);
    places_stop();
    return status;
}
