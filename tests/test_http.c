/* HTTP as a step speaks it, against servers that behave: what goes out, what comes back, which
 * connections are used, and what is counted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define HELLO OK_LINE "Content-Length: 5\r\n\r\nhello"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define CALLS_MAX 4

static struct rig rig;
static struct test_server server;

/* A request of a test, and what came of it. */
struct call {
    const char *method; /* NULL: the list is over */
    int status;
    const char *body;
};

struct answer {
    int status;
    char body[64];
    size_t body_bytes;
    char error[128];
    char header[64]; /* of X-Test */
};

struct talk {
    const struct call *calls;
    const struct lk_request *request; /* what else the requests are to have */
    struct answer answers[CALLS_MAX];
};

static void answer_note(struct answer *answer, const lk_response *response)
{
    answer->status = response->status;
    answer->body_bytes = response->body_bytes;
    snprintf(answer->body, sizeof(answer->body), "%s", response->body);
    snprintf(answer->error, sizeof(answer->error), "%s", lk_error(response));
    snprintf(answer->header, sizeof(answer->header), "%s", lk_header(response, "x-test"));
}

static void talk_run(lk_vu *vu, void *arg)
{
    struct talk *talk = arg;

    lk_http_base_url(vu, server.url);
    for (int i = 0; i < CALLS_MAX && talk->calls[i].method; i++) {
        struct lk_request request = talk->request ? *talk->request : (struct lk_request){0};

        request.size = sizeof(request);
        request.method = talk->calls[i].method;
        request.url = request.url ? request.url : "/";
        request.keep_going = true;
        answer_note(&talk->answers[i], lk_http(vu, &request));
    }
}

static void answers_verify(const struct talk *talk, const char *what)
{
    for (int i = 0; i < CALLS_MAX && talk->calls[i].method; i++) {
        const struct answer *got = &talk->answers[i];
        const struct call *want = &talk->calls[i];

        ck_assert_msg(got->status == want->status, "%s: answer %d: status %d %s", what, i,
                      got->status, got->error);
        ck_assert_msg(!strcmp(got->body, want->body ? want->body : ""), "%s: answer %d: body '%s'",
                      what, i, got->body);
        ck_assert_uint_eq(got->body_bytes, strlen(got->body));
    }
}

/* One user makes the calls against the scripts. */
static void converse(struct talk *talk, const struct test_script *scripts, size_t count)
{
    struct rig_user *user;

    test_server_start(&server, scripts, count);
    rig_open(&rig);
    user = rig_add(&rig, talk_run, talk);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
}

/* The users' connections close; the server's counts are final. */
static void finish(void)
{
    rig_close(&rig);
    test_server_settle_closed(&server);
}

/* ---- answers */

static const struct answer_case {
    const char *name;
    struct test_script scripts[2];
    struct call calls[CALLS_MAX];
    uint64_t connections;
} answer_cases[] = {
    {"a length, and one connection for all",
     {{{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}}},
     {{"GET", 200, "hello"}, {"GET", 200, "hello"}, {"DELETE", 200, "hello"}},
     1},
    {"no body, by length and by status",
     {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\n\r\n"), SRV_READ,
        SRV_SEND("HTTP/1.1 204 No Content\r\n\r\n"), SRV_READ,
        SRV_SEND("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"), SRV_READ,
        SRV_SEND(HELLO)}}},
     {{"GET", 200, ""}, {"GET", 204, ""}, {"GET", 304, ""}, {"GET", 200, "hello"}},
     1},
    {"HEAD has no body, whatever is said of it",
     {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\n\r\n"), SRV_READ, SRV_SEND(CHUNKED),
        SRV_READ, SRV_SEND(OK_LINE "\r\n"), SRV_READ, SRV_SEND(HELLO)}}},
     {{"HEAD", 200, ""}, {"HEAD", 200, ""}, {"HEAD", 200, ""}, {"GET", 200, "hello"}},
     1},
    {"chunks",
     {{{SRV_READ, SRV_SEND(CHUNKED "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"), SRV_READ,
        SRV_SEND(CHUNKED "0\r\n\r\n"), SRV_READ, SRV_SEND(HELLO)}}},
     {{"GET", 200, "hello"}, {"GET", 200, ""}, {"GET", 200, "hello"}},
     1},
    {"up to the end of the connection",
     {{{SRV_READ, SRV_SEND(OK_LINE "\r\nhel"), SRV_SLEEP(1), SRV_SEND("lo"), SRV_CLOSE}},
      {{SRV_READ, SRV_SEND(OK_LINE "\r\n"), SRV_CLOSE}}},
     {{"GET", 200, "hello"}, {"GET", 200, ""}},
     2},
    {"interim answers are passed over",
     {{{SRV_READ,
        SRV_SEND("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
        SRV_SLEEP(1), SRV_SEND(HELLO), SRV_AGAIN}}},
     {{"POST", 200, "hello"}, {"GET", 200, "hello"}},
     1},
    {"an interim answer and the real one, cut in odd places",
     {{{SRV_READ, SRV_SEND("HTTP/1.1 100 Con"), SRV_SLEEP(5),
        SRV_SEND("tinue\r\n\r\nHTTP/1.1 200 OK\r\nServer: with a long name\r\n"), SRV_SLEEP(5),
        SRV_SEND("Content-Length: 5\r\n\r\nhello"), SRV_AGAIN}}},
     {{"GET", 200, "hello"}, {"GET", 200, "hello"}},
     1},
    {"a server that says close is left",
     {{{SRV_READ, SRV_SEND(OK_LINE "Connection: close\r\nContent-Length: 5\r\n\r\nhello")}}},
     {{"GET", 200, "hello"}, {"GET", 200, "hello"}},
     2},
    {"HTTP/1.0 keeps only when it says so",
     {{{SRV_READ, SRV_SEND("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")}},
      {{SRV_READ,
        SRV_SEND("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello"),
        SRV_AGAIN}}},
     {{"GET", 200, "hello"}, {"GET", 200, "hello"}, {"GET", 200, "hello"}},
     2},
    {"errors of the server are answers",
     {{{SRV_READ, SRV_SEND("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), SRV_READ,
        SRV_SEND("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops")}}},
     {{"GET", 404, "no"}, {"POST", 500, "oops"}},
     1},
    {"more than the length says is not the next answer",
     {{{SRV_READ, SRV_SEND(HELLO HELLO)}}, {{SRV_READ, SRV_SEND(OK_LINE "\r\nnew"), SRV_CLOSE}}},
     {{"GET", 200, "hello"}, {"GET", 200, "new"}},
     2},
    {"more than the chunks is not the next answer",
     {{{SRV_READ, SRV_SEND(CHUNKED "5\r\nhello\r\n0\r\n\r\n" HELLO)}},
      {{SRV_READ, SRV_SEND(OK_LINE "\r\nnew"), SRV_CLOSE}}},
     {{"GET", 200, "hello"}, {"GET", 200, "new"}},
     2},
    {"a body behind no body is not the next answer",
     {{{SRV_READ, SRV_SEND(HELLO)}}, {{SRV_READ, SRV_SEND(OK_LINE "\r\nnew"), SRV_CLOSE}}},
     {{"HEAD", 200, ""}, {"GET", 200, "new"}},
     2},
};

/* Odd _i: the same, byte by byte. But a byte that follows an answer later cannot be foreseen. */
START_TEST(every_kind_of_answer_is_read_whole_and_only_once)
{
    const struct answer_case *want = &answer_cases[_i / 2];
    struct talk talk = {.calls = want->calls};
    struct test_script scripts[2];
    size_t count = want->scripts[1].acts[0].act ? 2 : 1;

    if (_i % 2 && strstr(want->name, "is not the next answer"))
        return;
    memcpy(scripts, want->scripts, sizeof(scripts));
    for (size_t i = 0; _i % 2 && i < 2 * TEST_SCRIPT_MAX; i++) {
        struct test_action *action = &scripts[i / TEST_SCRIPT_MAX].acts[i % TEST_SCRIPT_MAX];

        action->act = action->act == ACT_SEND ? ACT_DRIP : action->act;
    }
    converse(&talk, scripts, count);
    answers_verify(&talk, want->name);
    finish();
    ck_assert_msg(server.seen->connections == want->connections, "%s: %d connections", want->name,
                  (int)server.seen->connections);
    ck_assert_uint_eq(server.seen->broken, 0);
    test_server_stop(&server);
}
END_TEST

static const struct large_case {
    const char *head;
    size_t bytes;
    bool closes;
} large_cases[] = {
    {OK_LINE "Content-Length: 65536\r\n\r\n", 65536, false},
    {OK_LINE "Content-Length: 5000000\r\n\r\n", 5000000, false},
    {CHUNKED "4c4b40\r\n", 5000000, false},
    {OK_LINE "\r\n", 5000000, true},
};

static void large_run(lk_vu *vu, void *arg)
{
    size_t *bytes = arg;

    lk_http_base_url(vu, server.url);
    for (int i = 0; i < 3; i++) {
        lk_response *response = lk_get(vu, "/");
        size_t at = 0;

        while (response->body[at] == 'x')
            at++;
        bytes[i] = at == response->body_bytes && !response->body[at] ? at : 0;
        lk_response_free(response);
    }
}

START_TEST(a_large_body_arrives_whole)
{
    const struct large_case *want = &large_cases[_i];
    bool chunked = strstr(want->head, "chunked") != NULL;
    struct test_script script = {
        {SRV_READ, SRV_BYTES(want->head, strlen(want->head)), SRV_FILL(want->bytes), SRV_AGAIN}};
    size_t bytes[3] = {0};

    if (chunked) {
        script.acts[3] = (struct test_action)SRV_SEND("\r\n0\r\n\r\n");
        script.acts[4] = (struct test_action)SRV_AGAIN;
    } else if (want->closes) {
        script.acts[3] = (struct test_action)SRV_CLOSE;
    }
    test_server_start(&server, &script, 1);
    rig_open(&rig);
    rig_add(&rig, large_run, bytes);
    rig_run(&rig);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(bytes[i], want->bytes);
    finish();
    ck_assert_uint_eq(server.seen->connections, want->closes ? 3 : 1);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_header_of_the_answer_is_found_in_any_case)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(OK_LINE "X-TEST:  some value \r\nContent-Length: 0\r\n\r\n"), SRV_READ,
         SRV_SEND(HELLO)}};
    static const struct call calls[CALLS_MAX] = {{"GET", 200, ""}, {"GET", 200, "hello"}};
    struct talk talk = {.calls = calls};

    converse(&talk, &script, 1);
    ck_assert_str_eq(talk.answers[0].header, "some value");
    ck_assert_str_eq(talk.answers[1].header, "");
    finish();
    test_server_stop(&server);
}
END_TEST

/* ---- requests */

#define USUAL "User-Agent: loadkit/" LK_VERSION "\r\nAccept: */*\r\n"

static const struct request_case {
    const char *method;
    struct lk_request request;
    const char *prefix; /* of the base URL */
    const char *line;   /* the request line without the version */
    const char *rest;   /* what follows Host */
} request_cases[] = {
    {"GET", {.url = "/a?b=c#d"}, "", "GET /a?b=c", USUAL "\r\n"},
    {"GET", {.url = ""}, "", "GET /", USUAL "\r\n"},
    {"GET", {.url = "?q"}, "/api/", "GET /api/?q", USUAL "\r\n"},
    {"GET", {.url = "/x"}, "/api/v1", "GET /api/v1/x", USUAL "\r\n"},
    {"GET", {.url = "x"}, "/api", "GET /api/x", USUAL "\r\n"},
    {"PURGE", {.url = "/x"}, "", "PURGE /x", USUAL "\r\n"},
    {"GET",
     {.url = "/s", .query = LK_PAIRS("q", "red shoes", "a&b", "\xc3\xbc=")},
     "",
     "GET /s?q=red%20shoes&a%26b=%C3%BC%3D",
     USUAL "\r\n"},
    {"GET", {.url = "/s?x=1", .query = LK_PAIRS("q", "")}, "", "GET /s?x=1&q=", USUAL "\r\n"},
    {"GET",
     {.url = "/", .headers = LK_PAIRS("X-A", "b c", "accept", "text/html")},
     "",
     "GET /",
     "User-Agent: loadkit/" LK_VERSION "\r\nX-A: b c\r\naccept: text/html\r\n\r\n"},
    {"GET", {.url = "/", .new_connection = true}, "", "GET /", USUAL "Connection: close\r\n\r\n"},
    {"POST", {.url = "/"}, "", "POST /", USUAL "Content-Length: 0\r\n\r\n"},
    {"POST",
     {.url = "/", .body = "abc"},
     "",
     "POST /",
     USUAL "Content-Type: application/octet-stream\r\nContent-Length: 3\r\n\r\nabc"},
    {"PUT",
     {.url = "/", .body = "a\0c", .body_bytes = 2, .headers = LK_PAIRS("Content-Type", "x")},
     "",
     "PUT /",
     USUAL "Content-Type: x\r\nContent-Length: 2\r\n\r\na"},
    {"PATCH",
     {.url = "/", .form = LK_PAIRS("a", "1 2", "b", "=&")},
     "",
     "PATCH /",
     USUAL "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 16\r\n\r\n"
           "a=1%202&b=%3D%26"},
    {"DELETE", {.url = "/x"}, "", "DELETE /x", USUAL "\r\n"},
};

static void request_run(lk_vu *vu, void *arg)
{
    const struct request_case *want = arg;
    struct lk_request request = want->request;
    char base[128];

    request.size = sizeof(request);
    request.method = want->method;
    snprintf(base, sizeof(base), "%s%s", server.url, want->prefix);
    lk_http_base_url(vu, base);
    lk_http(vu, &request);
}

START_TEST(a_request_goes_out_as_it_was_asked_for)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    const struct request_case *want = &request_cases[_i];
    struct rig_user *user;
    char text[1024];

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, request_run, (void *)(uintptr_t)want);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    finish();
    ck_assert_uint_eq(server.seen->requests, 1);
    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", want->line, server.port,
             want->rest);
    ck_assert_str_eq(test_server_request(&server, 0)->bytes, text);
    test_server_stop(&server);
}
END_TEST

static void upload_run(lk_vu *vu, void *arg)
{
    size_t bytes = *(size_t *)arg;
    char *body = malloc(bytes);

    if (!body)
        lk_fail(vu, "out of memory");
    lk_defer(vu, free, body);
    memset(body, 'y', bytes);
    lk_http_base_url(vu, server.url);
    lk_post(vu, "/", .body = body, .body_bytes = bytes);
    lk_post(vu, "/", .body = body, .body_bytes = bytes);
}

START_TEST(a_large_request_goes_out_whole)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    size_t sizes[] = {8000, 9000, 20000000};
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, upload_run, &sizes[_i]);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_ge(rig_count(&rig, 200), 2);
    ck_assert_uint_eq(rig.metrics.totals->bytes_sent, test_server_settle(&server)->bytes);
    finish();
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    ck_assert_uint_gt(test_server_request(&server, 0)->len, sizes[_i]);
    test_server_stop(&server);
}
END_TEST

/* ---- connections and names */

START_TEST(a_request_may_ask_for_a_connection_of_its_own)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const struct call calls[CALLS_MAX] = {{"GET", 200, "hello"}, {"GET", 200, "hello"}};
    static const struct lk_request own = {.new_connection = true};
    struct talk talk = {.calls = calls, .request = &own};

    converse(&talk, &script, 1);
    answers_verify(&talk, "own connection");
    ck_assert_uint_eq(test_server_settle_closed(&server)->connections, 2);
    finish();
    test_server_stop(&server);
}
END_TEST

START_TEST(a_name_is_looked_up_and_its_addresses_are_tried)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const struct call calls[CALLS_MAX] = {{"GET", 200, "hello"}, {"GET", 200, "hello"}};
    struct lk_request request = {.new_connection = true};
    struct talk talk = {.calls = calls, .request = &request};
    char url[64];

    test_server_start(&server, &script, 1);
    snprintf(url, sizeof(url), "http://localhost:%u/x", server.port);
    request.url = url;
    rig_open(&rig);
    rig_add(&rig, talk_run, &talk);
    rig_run(&rig);
    answers_verify(&talk, url);
    finish();
    ck_assert_ptr_nonnull(strstr(test_server_request(&server, 0)->bytes, "\r\nHost: localhost:"));
    test_server_stop(&server);
}
END_TEST

START_TEST(an_ipv6_address_is_spoken_to)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const struct call calls[CALLS_MAX] = {{"GET", 200, "hello"}, {"GET", 200, "hello"}};
    struct talk talk = {.calls = calls};

    test_server_start_at(&server, "::1", 0, &script, 1);
    rig_open(&rig);
    rig_add(&rig, talk_run, &talk);
    rig_run(&rig);
    answers_verify(&talk, server.url);
    finish();
    ck_assert_ptr_nonnull(strstr(test_server_request(&server, 0)->bytes, "\r\nHost: [::1]:"));
    ck_assert_uint_eq(server.seen->connections, 1);
    test_server_stop(&server);
}
END_TEST

START_TEST(many_users_are_served_and_every_request_is_counted_once)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const struct call calls[CALLS_MAX] = {{"GET", 200, "hello"},
                                                 {"POST", 200, "hello"},
                                                 {"GET", 200, "hello"},
                                                 {"PUT", 200, "hello"}};
    static struct talk talks[200];

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    for (size_t i = 0; i < LKI_COUNT(talks); i++) {
        talks[i] = (struct talk){.calls = calls};
        rig_add(&rig, talk_run, &talks[i]);
    }
    rig_run(&rig);
    for (size_t i = 0; i < LKI_COUNT(talks); i++)
        answers_verify(&talks[i], "one of many");
    ck_assert_uint_eq(rig_count(&rig, 200), 4 * LKI_COUNT(talks));
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 4 * LKI_COUNT(talks));
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 0);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 0);
    finish();
    ck_assert_uint_eq(server.seen->requests, 4 * LKI_COUNT(talks));
    ck_assert_uint_eq(server.seen->connections, LKI_COUNT(talks));
    test_server_stop(&server);
}
END_TEST

static void names_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/items/17?x=1");
    lk_get(vu, "/items/99");
    lk_post(vu, "/items/5", .name = "put one in");
}

START_TEST(a_sample_is_named_by_method_and_folded_path_or_as_the_author_says)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    struct lki_metric *metric;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    rig_add(&rig, names_run, NULL);
    rig_run(&rig);
    ck_assert_uint_eq(rig_count(&rig, 200), 3);
    metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", "GET /items/{id}", 15);
    ck_assert_uint_eq(metric->total.count, 2);
    ck_assert_str_eq(metric->id, "step/GET /items/{id}");
    metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", "put one in", 10);
    ck_assert_uint_eq(metric->total.count, 1);
    finish();
    test_server_stop(&server);
}
END_TEST

static Suite *http_suite(void)
{
    Suite *suite = suite_create("http");
    TCase *answers = tcase_create("answers");
    TCase *requests = tcase_create("requests");
    TCase *rest = tcase_create("connections and names");

    tcase_add_loop_test(answers, every_kind_of_answer_is_read_whole_and_only_once, 0,
                        2 * LKI_COUNT(answer_cases));
    tcase_add_loop_test(answers, a_large_body_arrives_whole, 0, LKI_COUNT(large_cases));
    tcase_add_test(answers, a_header_of_the_answer_is_found_in_any_case);
    tcase_add_loop_test(requests, a_request_goes_out_as_it_was_asked_for, 0,
                        LKI_COUNT(request_cases));
    tcase_add_loop_test(requests, a_large_request_goes_out_whole, 0, 3);
    tcase_add_test(rest, a_request_may_ask_for_a_connection_of_its_own);
    tcase_add_test(rest, a_name_is_looked_up_and_its_addresses_are_tried);
    tcase_add_test(rest, an_ipv6_address_is_spoken_to);
    tcase_add_test(rest, many_users_are_served_and_every_request_is_counted_once);
    tcase_add_test(rest, a_sample_is_named_by_method_and_folded_path_or_as_the_author_says);
    suite_add_tcase(suite, answers);
    suite_add_tcase(suite, requests);
    suite_add_tcase(suite, rest);
    return suite;
}

int main(void)
{
    return suite_run(http_suite());
}
