/* The web server: requests, answers, bodies, forms, and whatever is no proper HTTP. */
#define _GNU_SOURCE

#include "web/server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "support/site.h"
#include "support/suite.h"

#define HOST "Host: localhost\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define POST_JSON(target, len, body)                                                               \
    "POST " target " HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: " len   \
    "\r\n\r\n" body

static struct site site;
static struct site_client client;

static void setup(void)
{
    site_start(&site, NULL);
    ck_assert_msg(!site.seen->err, "%s", site.seen->why);
    site_connect(&client, &site);
}

static void teardown(void)
{
    site_hang_up(&client);
    ck_assert_int_eq(site_stop(&site), 0);
}

static void must_be_error(const struct site_answer *answer, int status, const char *code)
{
    char start[128];

    snprintf(start, sizeof(start), "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    ck_assert_msg(answer->status == status, "%d: %s", answer->status,
                  answer->status ? answer->body : "closed");
    ck_assert_msg(!strncmp(answer->body, start, strlen(start)), "%s", answer->body);
    ck_assert_str_eq(site_field(answer, "Content-Type"), "application/json");
    ck_assert_str_eq(site_field(answer, "Cache-Control"), "no-store");
    ck_assert_str_eq(answer->body + strlen(answer->body) - 2, "}}");
}

static void must_be_text(const struct site_answer *answer, const char *text)
{
    ck_assert_msg(answer->status == 200, "%d: %s", answer->status,
                  answer->status ? answer->body : "closed");
    ck_assert_str_eq(answer->body, text);
}

/* ---- answers */

START_TEST(an_answer_is_complete)
{
    struct site_answer answer = site_ask(&client, GET("/health"));

    must_be_text(&answer, "{\"status\":\"ok\"}");
    ck_assert_ptr_nonnull(strstr(answer.head, "HTTP/1.1 200 OK\r\n"));
    ck_assert_str_eq(site_field(&answer, "Content-Type"), "application/json");
    ck_assert_str_eq(site_field(&answer, "Content-Length"), "15");
    ck_assert_str_eq(site_field(&answer, "Cache-Control"), "no-store");
    ck_assert_str_eq(site_field(&answer, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(site_field(&answer, "X-Frame-Options"), "DENY");
    ck_assert_str_eq(site_field(&answer, "Referrer-Policy"), "no-referrer");
    ck_assert_str_eq(site_field(&answer, "Cross-Origin-Resource-Policy"), "same-origin");
    ck_assert_ptr_nonnull(site_field(&answer, "Date"));
    ck_assert_ptr_null(site_field(&answer, "Access-Control-Allow-Origin"));
    ck_assert_ptr_null(site_field(&answer, "Content-Security-Policy"));
    ck_assert_ptr_null(site_field(&answer, "Server"));
}
END_TEST

START_TEST(a_handler_adds_fields_of_its_own)
{
    struct site_answer answer = site_ask(&client, GET("/large?bytes=3"));

    must_be_text(&answer, "xxx");
    ck_assert_str_eq(site_field(&answer, "Cache-Control"), "max-age=60");
    ck_assert_str_eq(site_field(&answer, "Content-Disposition"), "attachment");
    ck_assert_ptr_null(strstr(answer.head, "no-store"));
}
END_TEST

START_TEST(a_page_may_only_use_what_is_here)
{
    struct site_answer answer = site_ask(&client, GET("/"));

    must_be_text(&answer, "<p>");
    ck_assert_str_eq(site_field(&answer, "Content-Security-Policy"),
                     "default-src 'self'; frame-ancestors 'none'");
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    struct site_answer answer = site_ask(&client, "HEAD /health HTTP/1.1\r\n" HOST "\r\n");

    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(site_field(&answer, "Content-Length"), "15");
    answer = site_ask(&client, GET("/echo"));
    must_be_text(
        &answer,
        "{\"method\":\"GET\",\"path\":\"/echo\",\"name\":\"-\",\"text\":\"-\",\"body\":0}");
    answer = site_ask(&client, "HEAD /nowhere HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(answer.status, 404);
    answer = site_ask(&client, "HEAD /form HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(answer.status, 200);
    answer = site_ask(&client, "HEAD /events HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(site_field(&answer, "Content-Type"), "text/event-stream");
}
END_TEST

static const struct {
    const char *request;
    const char *text;
} echoes[] = {
    {GET("/echo?text=a+b%26c%3D%C3%A4"), "\"text\":\"a b&c=\xc3\xa4\""},
    {GET("/echo/?text=1&text=2"), "\"text\":\"1\""},
    {GET("/echo?text"), "\"text\":\"\""},
    {GET("/echo?other=x"), "\"text\":\"-\""},
    {GET("/things/a%2Fb%20%22/items"), "\"path\":\"/things/a/b \\\"/items\",\"name\":\"a/b \\\"\""},
    {GET("/things/%E2%82%AC/items/"), "\"name\":\"\xe2\x82\xac\""},
    {"DELETE /things/x HTTP/1.1\r\n" HOST "\r\n", "{\"method\":\"DELETE\""},
    {POST_JSON("/echo", "4", "nono"), "\"body\":4"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "\"body\":0"},
    {"POST /echo HTTP/1.1\r\n" HOST "\r\n", "\"body\":0"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: application/json; charset=utf-8\r\n"
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     "\"body\":5"},
    {"POST /echo HTTP/1.1\r\n" HOST "CONTENT-TYPE: Application/JSON\r\ncontent-length: 2\r\n\r\n{}",
     "\"body\":2"},
    {"GET /echo HTTP/1.12\r\n" HOST "\r\n", "\"method\":\"GET\""},
    {"GET /echo HTTP/1.1\r\nhost:localhost\r\nX: a\r\n\tb\r\n\r\n", "\"method\":\"GET\""},
};

START_TEST(a_handler_sees_the_request_decoded)
{
    struct site_answer answer = site_ask(&client, echoes[_i].request);

    ck_assert_int_eq(answer.status, 200);
    ck_assert_msg(!strncmp(answer.head, "HTTP/1.1 200 OK\r\n", 17), "%s", answer.head);
    ck_assert_msg(strstr(answer.body, echoes[_i].text) != NULL, "%s", answer.body);
    ck_assert_str_eq(site_field(&answer, "Content-Type"), "application/json");
}
END_TEST

START_TEST(paths_that_are_not_there_are_404)
{
    struct site_answer answer = site_ask(&client, GET("/nowhere%20else"));

    must_be_error(&answer, 404, "not_found");
    ck_assert_ptr_nonnull(strstr(answer.body, "/nowhere else"));
    answer = site_ask(&client, "OPTIONS /nowhere HTTP/1.1\r\n" HOST "\r\n");
    must_be_error(&answer, 404, "not_found");
    answer = site_ask(&client, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    must_be_error(&answer, 404, "not_found");
    answer = site_ask(&client, GET("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
    must_be_error(&answer, 404, "not_found");
    answer = site_ask(&client, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

static const char *const methods[] = {"PUT",     "PATCH", "DELETE", "TRACE",
                                      "CONNECT", "BREW",  "get",    "Q"};

START_TEST(other_methods_are_405_and_told_which_there_are)
{
    char text[256];
    struct site_answer answer;

    snprintf(text, sizeof(text), "%s /echo HTTP/1.1\r\n" HOST "\r\n", methods[_i]);
    answer = site_ask(&client, text);
    must_be_error(&answer, 405, "method_not_allowed");
    ck_assert_str_eq(site_field(&answer, "Allow"), "GET, HEAD, POST, OPTIONS");
}
END_TEST

START_TEST(options_tells_what_a_path_takes)
{
    struct site_answer answer = site_ask(&client, "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n");

    ck_assert_int_eq(answer.status, 204);
    ck_assert_str_eq(site_field(&answer, "Allow"), "GET, HEAD, POST, OPTIONS");
    ck_assert_ptr_null(site_field(&answer, "Content-Length"));
    ck_assert_ptr_null(strstr(answer.head, "Access-Control"));
}
END_TEST

START_TEST(a_handler_that_forgets_to_answer_is_an_error)
{
    struct site_answer answer = site_ask(&client, GET("/silent"));

    must_be_error(&answer, 500, "internal_error");
    answer = site_ask(&client, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

/* ---- connections */

START_TEST(a_connection_serves_many_requests)
{
    for (int i = 0; i < 100; i++) {
        struct site_answer answer = site_ask(&client, GET("/health"));

        ck_assert_int_eq(answer.status, 200);
    }
    ck_assert(site_sees(&site.seen->requests, 100));
    ck_assert_int_eq(site.seen->connections, 1);
}
END_TEST

START_TEST(requests_may_come_all_at_once)
{
    site_send(&client,
              GET("/health") GET("/large?bytes=500000") GET("/nowhere")
                  POST_JSON("/form", "14", "{\"users\":\"10\"}") GET("/health"),
              strlen(GET("/health") GET("/large?bytes=500000") GET("/nowhere")
                         POST_JSON("/form", "14", "{\"users\":\"10\"}") GET("/health")));
    ck_assert_int_eq(site_read(&client, true).status, 200);
    ck_assert_uint_eq(site_read(&client, true).len, 500000);
    ck_assert_int_eq(site_read(&client, true).status, 404);
    ck_assert_str_eq(site_read(&client, true).body, "10 0.5 slow none - - -");
    ck_assert_str_eq(site_read(&client, true).body, "{\"status\":\"ok\"}");
}
END_TEST

START_TEST(requests_may_come_byte_by_byte)
{
    const char *text = POST_JSON("/form", "14", "{\"users\":\"10\"}");
    struct site_answer answer;

    for (size_t i = 0; i < strlen(text); i++)
        site_send(&client, text + i, 1);
    answer = site_read(&client, true);
    must_be_text(&answer, "10 0.5 slow none - - -");
}
END_TEST

static const struct {
    const char *request;
    bool stays;
} closings[] = {
    {"GET /health HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
    {"GET /health HTTP/1.0\r\n" HOST "\r\n", false},
    {"GET /health HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", true},
    {"GET /health HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", true},
    {"HEAD /health HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", false},
};

START_TEST(a_connection_is_closed_when_it_has_to_be)
{
    struct site_answer answer = site_ask(&client, closings[_i].request);

    ck_assert_int_eq(answer.status, 200);
    if (!closings[_i].stays) {
        ck_assert(site_is_closed(&client, 10000));
        return;
    }
    answer = site_ask(&client, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

/* Else its body would be the next request, which a proxy would never have seen. */
START_TEST(an_unread_body_is_no_request)
{
    const char *text = "HEAD /health HTTP/1.1\r\n" HOST
                       "Content-Length: 41\r\n\r\n" GET("/large?bytes=9");

    site_send(&client, text, strlen(text));
    ck_assert_int_eq(site_read(&client, false).status, 200);
    ck_assert(site_is_closed(&client, 10000));
    ck_assert_uint_eq(client.len, 0);
}
END_TEST

START_TEST(a_client_that_has_said_all_is_answered)
{
    const char *text = GET("/large?bytes=3000000");

    site_send(&client, text, strlen(text));
    shutdown(client.fd, SHUT_WR);
    ck_assert_uint_eq(site_read(&client, true).len, 3000000);
    ck_assert(site_is_closed(&client, 10000));
}
END_TEST

START_TEST(a_client_that_does_not_wait_harms_nobody)
{
    for (int i = 0; i < 20; i++) {
        struct site_client other;
        const char *text = GET("/large?bytes=3000000");

        site_connect(&other, &site);
        site_send(&other, text, strlen(text) - (size_t)i);
        setsockopt(other.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = i & 1},
                   sizeof(struct linger));
        site_hang_up(&other);
    }
    ck_assert_int_eq(site_ask(&client, GET("/health")).status, 200);
    ck_assert(site_sees(&site.seen->connections, 1));
}
END_TEST

/* ---- bodies */

static const struct {
    const char *request;
    int status;
    const char *code;
} bodies[] = {
    {POST_JSON("/form", "0", ""), 400, "invalid_json"},
    {POST_JSON("/form", "2", "  "), 400, "invalid_json"},
    {POST_JSON("/form", "1", "{"), 400, "invalid_json"},
    {POST_JSON("/form", "2", "[]"), 400, "invalid_json"},
    {POST_JSON("/form", "4", "null"), 400, "invalid_json"},
    {POST_JSON("/form", "4", "{}{}"), 400, "invalid_json"},
    {POST_JSON("/form", "9", "{'a': 1}x"), 400, "invalid_json"},
    {POST_JSON("/form", "12", "{\"a\":\"\\xff\"}"), 400, "invalid_json"},
    {POST_JSON("/form", "9", "{\"a\":\"\xff\"}"), 400, "invalid_json"},
    {POST_JSON("/form", "8", "{\"a\":1,}"), 400, "invalid_json"},
    {"POST /form HTTP/1.1\r\n" HOST "\r\n", 400, "invalid_json"},
    {"POST /form HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"},
    {"POST /form HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415,
     "unsupported_media_type"},
    {"POST /form HTTP/1.1\r\n" HOST
     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}",
     415, "unsupported_media_type"},
    {"POST /form HTTP/1.1\r\n" HOST
     "Content-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}",
     415, "unsupported_media_type"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", 415,
     "unsupported_media_type"},
    {POST_JSON("/form", "2", "{}"), 400, "validation_error"},
};

START_TEST(a_body_has_to_be_a_json_object)
{
    struct site_answer answer = site_ask(&client, bodies[_i].request);

    must_be_error(&answer, bodies[_i].status, bodies[_i].code);
    answer = site_ask(&client, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(a_body_is_not_nested_forever)
{
    char text[4096];
    char body[2048];

    memset(body, '[', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    snprintf(text, sizeof(text),
             "POST /form HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    struct site_answer answer = site_ask(&client, text);
    must_be_error(&answer, 400, "invalid_json");
    ck_assert_ptr_nonnull(strstr(answer.body, "nested"));
}
END_TEST

/* A body of so many bytes: {"users":1,"any":"xxx"} */
static char *large_body(size_t len)
{
    const char *start = "{\"users\":1,\"name\":\"a\",\"any\":\"";
    char *body = malloc(len + 1);

    memset(body, 'x', len);
    memcpy(body, start, strlen(start));
    memcpy(body + len - 2, "\"}", 3);
    return body;
}

static struct site_answer post_large(size_t len, const char *fields)
{
    char *body = large_body(len);
    char head[512];
    struct site_answer answer;

    snprintf(head, sizeof(head),
             "POST /form HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
             fields, len);
    site_send(&client, head, strlen(head));
    site_send(&client, body, len);
    answer = site_read(&client, true);
    free(body);
    return answer;
}

START_TEST(a_body_may_be_of_one_megabyte)
{
    struct site_answer answer = post_large(LKI_WEB_BODY_MAX, "");

    ck_assert_int_eq(answer.status, 200);
    ck_assert_uint_gt(answer.len, LKI_WEB_BODY_MAX - 100);
    answer = post_large(LKI_WEB_BODY_MAX - 1, "");
    ck_assert_int_eq(answer.status, 200);
    answer = site_ask(&client, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(a_body_beyond_that_is_413)
{
    static const size_t lens[] = {LKI_WEB_BODY_MAX + 1, 60 * LKI_WEB_BODY_MAX};
    struct site_answer answer = post_large(lens[_i % 2], _i / 2 ? "Expect: 100-continue\r\n" : "");

    must_be_error(&answer, 413, "too_large");
    ck_assert(site_is_closed(&client, 10000));
}
END_TEST

START_TEST(chunks_are_bounded_as_well)
{
    const char *head = "POST /form HTTP/1.1\r\n" HOST
                       "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "100001\r\n";
    struct site_answer answer = site_ask(&client, head);

    must_be_error(&answer, 413, "too_large");
    ck_assert(site_is_closed(&client, 10000));
}
END_TEST

START_TEST(who_asks_first_is_told_to_continue)
{
    struct site_answer answer = site_ask(
        &client, "POST /form HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                 "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n");

    ck_assert_int_eq(answer.status, 100);
    answer = site_ask(&client, "{\"users\":7}");
    must_be_text(&answer, "7 0.5 slow none - - -");
    answer = site_ask(&client, "POST /form HTTP/1.1\r\n" HOST "Expect: miracles\r\n"
                               "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n");
    must_be_error(&answer, 417, "expectation_failed");
}
END_TEST

/* ---- what is no request */

static const struct {
    const char *request;
    int status;
    const char *code;
} wrong[] = {
    {"GET /health HTTP/1.1\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.0\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\n" HOST "No colon\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\n" HOST ": no name\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\n" HOST "A space : x\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, "bad_request"},
    {"GET /health HTTP/1.1\r\n X: folded\r\n" HOST "\r\n", 400, "bad_request"},
    {"GET /health HTTP/2.0\r\n" HOST "\r\n", 400, "bad_request"},
    {"GET /health HTTP/0.9\r\n" HOST "\r\n", 505, "http_version"},
    {"GET /health HTTP/1.-1\r\n" HOST "\r\n", 505, "http_version"},
    {"NO HTTP/1.12\r\n\r\n", 400, "bad_request"},
    {"GET /health\r\n\r\n", 400, "bad_request"},
    {"GET\r\n\r\n", 400, "bad_request"},
    {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03 a handshake of TLS\r\n", 400, "bad_request"},
    {"GET http://localhost/health HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"GET //[:: HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400,
     "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
     "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\nhello", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: five\r\n\r\nhello", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400, "bad_request"},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 413, "too_large"},
};

START_TEST(what_is_no_request_is_told_so_and_closed)
{
    struct site_answer answer = site_ask(&client, wrong[_i].request);

    must_be_error(&answer, wrong[_i].status, wrong[_i].code);
    ck_assert_ptr_null(strstr(answer.body, "<"));
    answer = site_ask_once(&site, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(heads_are_bounded)
{
    static char text[200000] = "GET /health HTTP/1.1\r\n" HOST;
    struct site_answer answer;
    char *at = text + strlen(text);

    if (_i == 0) { /* one long field */
        memset(at, 'x', 40000);
        strcpy(at + 40000, ": y\r\n\r\n");
    } else if (_i == 1) { /* many fields */
        for (int i = 0; i < 8000; i++)
            at += sprintf(at, "X-%d: y\r\n", i);
        strcpy(at, "\r\n");
    } else { /* one long target, without an end */
        memset(text + 5, 'x', 100000);
        text[100005] = '\0';
    }
    answer = site_ask(&client, text);
    if (answer.status)
        must_be_error(&answer, 400, "bad_request");
    ck_assert(site_is_closed(&client, 10000));
    answer = site_ask_once(&site, GET("/health"));
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

static const char *const tricks[] = {
    "/..",
    "/../health",
    "/health/..",
    "/a/../health",
    "/%2e%2e/health",
    "/.%2E/health",
    "/./health",
    "/%2e/health",
    "//health",
    "/health//",
    "//",
    "/health%00",
    "/%00",
    "/health%0a",
    "/health%0d%0aX: y",
    "/health%",
    "/health%zz",
    "/%c0%ae%c0%ae/health",
    "/health\\..\\x",
    "/health;x",
    "/HEALTH",
    "/health%2F",
    "/%2Fhealth",
    "/health?a=%00",
    "/things/../things/x/items",
    "/health#x",
    "/..%2f..%2fetc%2fpasswd",
};

START_TEST(path_tricks_lead_nowhere)
{
    char text[256];
    struct site_answer answer;

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", tricks[_i]);
    answer = site_ask(&client, text);
    ck_assert_msg(answer.status == 400 || answer.status == 404, "%d %s", answer.status, tricks[_i]);
    must_be_error(&answer, answer.status, answer.status == 400 ? "bad_request" : "not_found");
}
END_TEST

/* ---- forms */

static const struct {
    const char *body;
    const char *text; /* or what the message begins with */
    unsigned faults;
} forms[] = {
    {"{\"users\":5}", "5 0.5 slow none - - -", 0},
    {"{\"target_users\":5.0}", "5 0.5 slow none - - -", 0},
    {"{\"target_users\":\" +5 \",\"rate\":\"1e2\"}", "5 100 slow none - - -", 0},
    {"{\"users\":\"5.00\"}", "5 0.5 slow none - - -", 0},
    {"{\"users\":1,\"rate\":2.5,\"fast\":true,\"name\":\"\\u00e4\",\"params\":{\"a\" : [1]},"
     "\"list\":[1, {}],\"any\":null}",
     "1 2.5 fast \xc3\xa4 {\"a\" : [1]} [1, {}] null", 0},
    {"{\"\\u0075sers\":3}", "3 0.5 slow none - - -", 0},
    {"{\"target_users\":0}", "0 0.5 slow none - - -", 0},
    {"{\"target_users\":1000}", "1000 0.5 slow none - - -", 0},
    {"{\"target_users\":1001}", "target_users must be at most 1000\"", 1},
    {"{\"target_users\":-1}", "target_users must be at least 0\"", 1},
    {"{\"users\":99999999999999999999}", "target_users must be at most 1000\"", 1},
    {"{\"users\":1.5}", "target_users must be a whole number\"", 1},
    {"{\"users\":\"1.5\"}", "target_users must be a whole number\"", 1},
    {"{\"users\":\"\"}", "target_users must be a whole number\"", 1},
    {"{\"users\":\"1 2\"}", "target_users must be a whole number\"", 1},
    {"{\"users\":\"0x10\"}", "target_users must be a whole number\"", 1},
    {"{\"users\":\"1\\u0000\"}", "target_users must be a whole number\"", 1},
    {"{\"users\":true}", "target_users must be a whole number\"", 1},
    {"{\"users\":null}", "target_users must be a whole number\"", 1},
    {"{\"users\":[1]}", "target_users must be a whole number\"", 1},
    {"{}", "target_users is missing\"", 1},
    {"{\"rate\":1}", "target_users is missing\"", 1},
    {"{\"users\":1,\"rate\":\"fast\"}", "rate must be a number\"", 1},
    {"{\"users\":1,\"rate\":-0.1}", "rate must be at least 0\"", 1},
    {"{\"users\":1,\"fast\":1}", "fast must be true or false\"", 1},
    {"{\"users\":1,\"fast\":\"true\"}", "fast must be true or false\"", 1},
    {"{\"users\":1,\"name\":1}", "name must be a string\"", 1},
    {"{\"users\":1,\"name\":\"\"}", "name must be of 1 to 8 bytes\"", 1},
    {"{\"users\":1,\"name\":\"123456789\"}", "name must be of 1 to 8 bytes\"", 1},
    {"{\"users\":1,\"name\":\"a\\u0000b\"}", "name must not hold a zero byte\"", 1},
    {"{\"users\":1,\"params\":[]}", "params must be an object\"", 1},
    {"{\"users\":1,\"params\":null}", "params must be an object\"", 1},
    {"{\"users\":1,\"list\":{}}", "list must be an array\"", 1},
    {"{\"users\":1,\"user\":2}", "user is not known here", 1},
    {"{\"users\":1,\"target_users\":2}", "users is not known here", 1},
    {"{\"users\":1,\"users\":2}", "users is given twice", 1},
    {"{\"users\":\"x\",\"rate\":-1,\"fast\":0,\"foo\":1}",
     "target_users must be a whole number (and 3 more)\"", 4},
};

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        count++;
    return count;
}

START_TEST(a_form_tells_all_that_is_wrong)
{
    const char *body = forms[_i].body;
    struct site_answer answer;
    char text[1024];

    snprintf(text, sizeof(text),
             "POST /form HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    answer = site_ask(&client, text);
    if (!forms[_i].faults) {
        must_be_text(&answer, forms[_i].text);
        return;
    }
    must_be_error(&answer, 400, "validation_error");
    snprintf(text, sizeof(text), "\"message\":\"%s", forms[_i].text);
    ck_assert_msg(strstr(answer.body, text) != NULL, "%s", answer.body);
    ck_assert_uint_eq(count_of(answer.body, "{\"type\":\""), forms[_i].faults);
    ck_assert_uint_eq(count_of(answer.body, "\"loc\":[\""), forms[_i].faults);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"details\":[{\"type\":\""));
}
END_TEST

START_TEST(names_that_nobody_knows_are_shown_in_short)
{
    struct site_answer answer = site_ask(
        &client,
        POST_JSON("/form", "110",
                  "{\"users\":1,\"\\n<b>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}    "));

    must_be_error(&answer, 400, "validation_error");
    ck_assert_ptr_nonnull(strstr(answer.body, "\"message\":\"?<b>aaa"));
    ck_assert_uint_lt(answer.len, 400);
}
END_TEST

static const struct {
    const char *query;
    const char *text;
} queries[] = {
    {"", "-1 0.5 slow none - - -"},
    {"?users=7&rate=1.5&fast=yes&name=a%20b&any=%7B&unknown=1", "7 1.5 fast a b - - {"},
    {"?target_users=+8", "8 0.5 slow none - - -"},
    {"?fast=1", "-1 0.5 fast none - - -"},
    {"?fast=on", "-1 0.5 fast none - - -"},
    {"?fast=0", "-1 0.5 slow none - - -"},
    {"?users=&name=&fast=", "-1 0.5 slow none - - -"},
    {"?users=x", "!target_users must be a whole number\""},
    {"?users=1001", "!target_users must be at most 1000\""},
    {"?fast=maybe", "!fast must be true or false\""},
    {"?name=123456789", "!name must be of 1 to 8 bytes\""},
    {"?params=%7B%7D", "!params must be an object\""},
};

START_TEST(a_query_is_a_form_too)
{
    struct site_answer answer;
    char text[256];

    snprintf(text, sizeof(text), "GET /form%s HTTP/1.1\r\n" HOST "\r\n", queries[_i].query);
    answer = site_ask(&client, text);
    if (queries[_i].text[0] != '!') {
        must_be_text(&answer, queries[_i].text);
        return;
    }
    must_be_error(&answer, 400, "validation_error");
    ck_assert_msg(strstr(answer.body, queries[_i].text + 1) != NULL, "%s", answer.body);
}
END_TEST

static Suite *web_suite(void)
{
    Suite *suite = suite_create("web");
    TCase *tests = tcase_create("web");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_answer_is_complete);
    tcase_add_test(tests, a_handler_adds_fields_of_its_own);
    tcase_add_test(tests, a_page_may_only_use_what_is_here);
    tcase_add_test(tests, head_is_get_without_the_body);
    tcase_add_loop_test(tests, a_handler_sees_the_request_decoded, 0, (int)LKI_COUNT(echoes));
    tcase_add_test(tests, paths_that_are_not_there_are_404);
    tcase_add_loop_test(tests, other_methods_are_405_and_told_which_there_are, 0,
                        (int)LKI_COUNT(methods));
    tcase_add_test(tests, options_tells_what_a_path_takes);
    tcase_add_test(tests, a_handler_that_forgets_to_answer_is_an_error);
    tcase_add_test(tests, a_connection_serves_many_requests);
    tcase_add_test(tests, requests_may_come_all_at_once);
    tcase_add_test(tests, requests_may_come_byte_by_byte);
    tcase_add_loop_test(tests, a_connection_is_closed_when_it_has_to_be, 0,
                        (int)LKI_COUNT(closings));
    tcase_add_test(tests, an_unread_body_is_no_request);
    tcase_add_test(tests, a_client_that_has_said_all_is_answered);
    tcase_add_test(tests, a_client_that_does_not_wait_harms_nobody);
    tcase_add_loop_test(tests, a_body_has_to_be_a_json_object, 0, (int)LKI_COUNT(bodies));
    tcase_add_test(tests, a_body_is_not_nested_forever);
    tcase_add_test(tests, a_body_may_be_of_one_megabyte);
    tcase_add_loop_test(tests, a_body_beyond_that_is_413, 0, 4);
    tcase_add_test(tests, chunks_are_bounded_as_well);
    tcase_add_test(tests, who_asks_first_is_told_to_continue);
    tcase_add_loop_test(tests, what_is_no_request_is_told_so_and_closed, 0, (int)LKI_COUNT(wrong));
    tcase_add_loop_test(tests, heads_are_bounded, 0, 3);
    tcase_add_loop_test(tests, path_tricks_lead_nowhere, 0, (int)LKI_COUNT(tricks));
    tcase_add_loop_test(tests, a_form_tells_all_that_is_wrong, 0, (int)LKI_COUNT(forms));
    tcase_add_test(tests, names_that_nobody_knows_are_shown_in_short);
    tcase_add_loop_test(tests, a_query_is_a_form_too, 0, (int)LKI_COUNT(queries));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(web_suite());
}
