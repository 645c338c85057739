/* What goes out, to the byte: paths made of templates, bodies of parts and files, header fields
 * that all requests have or that say who asks; and what is refused before anything is sent. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/folder.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define USUAL "User-Agent: loadkit/" LK_VERSION "\r\nAccept: */*\r\n"

static struct rig rig;
static struct test_server server;

static void setup(void)
{
    folder_enter();
    ck_assert_int_eq(mkdir("d", 0700), 0);
    folder_put("d/a.png", "\x89PNG\0\r\n", 7);
    folder_put("b.txt", "text\n", 5);
    folder_put("c", "", 0);
}

/* ---- what goes out */

/* In rest @ stands for the boundary, and # for the length of the body. */
static const struct request_case {
    const char *method;
    struct lk_request request;
    const char *line; /* without the version */
    const char *rest; /* what follows Host */
    const char *name; /* of the sample */
} request_cases[] = {
    {"GET",
     {.url = "/orders/{id}", .params = LK_PAIRS("id", "42")},
     "GET /orders/42",
     USUAL "\r\n",
     "GET /orders/{id}"},
    {"GET",
     {.url = "/{a}/x{b}{a}?q={b}#{c}", .params = LK_PAIRS("b", "1/2 %", "a", "\xc3\xa4")},
     "GET /%C3%A4/x1%2F2%20%25%C3%A4?q=1%2F2%20%25",
     USUAL "\r\n",
     "GET /{a}/x{b}{a}"},
    {"GET",
     {.url = "/v/2024/{id}", .params = LK_PAIRS("id", ""), .query = LK_PAIRS("a", "b")},
     "GET /v/2024/?a=b",
     USUAL "\r\n",
     "GET /v/2024/{id}"},
    {"GET",
     {.url = "{id}", .params = LK_PAIRS("id", "1"), .name = "mine"},
     "GET /1",
     USUAL "\r\n",
     "mine"},
    {"GET", {.url = "/{id}"}, "GET /{id}", USUAL "\r\n", "GET /{id}"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"title", .value = "Red \"shoes\""}, {"n\"\r\n", .value = ""})},
     "POST /",
     USUAL "Content-Type: multipart/form-data; boundary=@\r\nContent-Length: #\r\n\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nRed \"shoes\"\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"n%22%0D%0A\"\r\n\r\n\r\n--@--\r\n",
     NULL},
    {"POST",
     {.url = "/",
      .parts = LK_PARTS({"f", .file = "b.txt"}, {"g", .file = "c", .filename = "x\".JPG"},
                        {"h", .file = "b.txt", .type = "a/b", .filename = "h"})},
     "POST /",
     USUAL "Content-Type: multipart/form-data; boundary=@\r\nContent-Length: #\r\n\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.txt\"\r\n"
           "Content-Type: text/plain\r\n\r\ntext\n\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"g\"; filename=\"x%22.JPG\"\r\n"
           "Content-Type: image/jpeg\r\n\r\n\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"h\"; filename=\"h\"\r\n"
           "Content-Type: a/b\r\n\r\ntext\n\r\n--@--\r\n",
     NULL},
    {"PUT",
     {.url = "/",
      .parts = LK_PARTS({"v", .value = "a\0b", .value_bytes = 1, .filename = "v.json"},
                        {"w", .value = "x", .type = "text/x"}, {"c", .file = "c"})},
     "PUT /",
     USUAL "Content-Type: multipart/form-data; boundary=@\r\nContent-Length: #\r\n\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"v\"; filename=\"v.json\"\r\n"
           "Content-Type: application/json\r\n\r\na\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"w\"\r\nContent-Type: text/x\r\n\r\nx\r\n"
           "--@\r\nContent-Disposition: form-data; name=\"c\"; filename=\"c\"\r\n"
           "Content-Type: application/octet-stream\r\n\r\n\r\n--@--\r\n",
     NULL},
    {"GET",
     {.url = "/", .authorization = "Basic dTpw", .headers = LK_PAIRS("X", "y")},
     "GET /",
     USUAL "X: y\r\nAuthorization: Basic dTpw\r\n\r\n",
     NULL},
    {"GET",
     {.url = "/", .headers = LK_PAIRS("uSer-Agent", "me")},
     "GET /",
     "Accept: */*\r\nuSer-Agent: me\r\n\r\n",
     NULL},
};

static void request_run(lk_vu *vu, void *arg)
{
    const struct request_case *want = arg;
    struct lk_request request = want->request;

    request.size = sizeof(request);
    request.method = want->method;
    lk_http_base_url(vu, server.url);
    lk_http(vu, &request);
    lk_http(vu, &request);
}

/* What is expected of the wire, with the boundary that a user has who drew nothing. */
static void expected_make(const struct request_case *want, char *out, size_t size)
{
    struct lki_rng rng = {0};
    uint64_t first = lki_rng_next(&rng);
    uint64_t second = lki_rng_next(&rng);
    const char *body = strstr(want->rest, "\r\n\r\n") + 4;
    char *text = NULL;
    size_t len = 0;
    size_t body_at = 0;
    FILE *file = open_memstream(&text, &len);

    for (const char *at = want->rest; *at; at++) {
        if (at == body) {
            fflush(file);
            body_at = len;
        }
        if (*at == '@')
            fprintf(file, "----loadkit%016" PRIx64 "%016" PRIx64, first, second);
        else
            fputc(*at, file);
    }
    fclose(file);
    snprintf(out, size, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%.*s%zu%s", want->line, server.port,
             (int)strcspn(text, "#"), text, len - body_at,
             strchr(text, '#') ? strchr(text, '#') + 1 : "");
    if (!strchr(text, '#'))
        snprintf(out, size, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", want->line, server.port,
                 text);
    free(text);
}

static struct lki_metric *http_metric(void)
{
    struct lki_metric *metric = rig.metrics.first;

    while (metric && metric->source != LKI_SOURCE_HTTP)
        metric = metric->next;
    ck_assert_ptr_nonnull(metric);
    return metric;
}

START_TEST(a_request_goes_out_as_it_was_asked_for)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    const struct request_case *want = &request_cases[_i];
    struct rig_user *user;
    char text[4096];

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, request_run, (void *)(uintptr_t)want);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_eq(rig_count(&rig, 200), 2);
    ck_assert_uint_eq(http_metric()->total.count, 2);
    if (want->name)
        ck_assert_str_eq(http_metric()->name, want->name);
    rig_close(&rig);
    test_server_settle_closed(&server);
    expected_make(want, text, sizeof(text));
    for (int i = 0; i < 2; i++)
        ck_assert_str_eq(test_server_request(&server, (uint64_t)i)->bytes, text);
    test_server_stop(&server);
}
END_TEST

static void binary_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_post(vu, "/", .parts = LK_PARTS({"f", .file = "d/a.png"}));
}

START_TEST(a_file_goes_out_to_the_byte_under_its_last_name)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const char content[] = "filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
                                  "\x89PNG\0\r\n\r\n--";
    const struct test_request *request;
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, binary_run, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    rig_close(&rig);
    test_server_settle_closed(&server);
    request = test_server_request(&server, 0);
    ck_assert_ptr_nonnull(memmem(request->bytes, request->len, content, sizeof(content) - 1));
    test_server_stop(&server);
}
END_TEST

/* A path is asked for in several ways, with one name for each. */
static void names_run(lk_vu *vu, void *arg)
{
    char base[128];

    (void)arg;
    snprintf(base, sizeof(base), "%s/api/7", server.url);
    lk_http_base_url(vu, base);
    for (int i = 0; i < 2; i++)
        lk_get(vu, "/o/{id}", .params = LK_PAIRS("id", lk_format(vu, "%d", i)));
    lk_get(vu, "/o/{id}?x=1", .params = LK_PAIRS("id", "2"));
    lk_get(vu, "/o/{id}");
    lk_get(vu, lk_format(vu, "%s/api/7/o/{id}", server.url), .params = LK_PAIRS("id", "x"));
}

START_TEST(a_template_is_the_name_of_its_samples)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    struct lki_metric *metric;
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, names_run, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_eq(rig_count(&rig, 200), 5);
    metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", "GET /api/7/o/{id}", 17);
    ck_assert_uint_eq(metric->total.count, 4);
    /* without params it is a path like any other */
    metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", "GET /api/{id}/o/{id}", 20);
    ck_assert_uint_eq(metric->total.count, 1);
    rig_close(&rig);
    test_server_settle_closed(&server);
    ck_assert_ptr_nonnull(strstr(test_server_request(&server, 2)->bytes, "GET /api/7/o/2?x=1 "));
    test_server_stop(&server);
}
END_TEST

/* ---- what all requests have */

static void defaults_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_http_setup(vu, .headers = LK_PAIRS("X-A", "1", "Accept", "a/b", "Authorization", "T 1"));
    lk_get(vu, "/");
    lk_get(vu, "/", .headers = LK_PAIRS("x-a", "2"));
    lk_get(vu, "/", .authorization = lk_bearer(vu, "t"));
    lk_http_setup(vu, .user = "Aladdin", .password = "open sesame");
    lk_get(vu, "/");
    lk_get(vu, "/", .headers = LK_PAIRS("authorization", "T 2"));
    lk_http_setup(vu, .user = "u", .password = "p", .headers = LK_PAIRS("Authorization", "T 3"));
    lk_get(vu, "/");
    lk_http_setup(vu, .connections = LK_HTTP_OWN);
    lk_get(vu, "/");
}

START_TEST(a_header_of_all_requests_gives_way_to_that_of_one)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    static const char *const rests[] = {
        "X-A: 1\r\nAccept: a/b\r\nAuthorization: T 1\r\n\r\n",
        "x-a: 2\r\nAccept: a/b\r\nAuthorization: T 1\r\n\r\n",
        "Authorization: Bearer t\r\nX-A: 1\r\nAccept: a/b\r\n\r\n",
        "Accept: */*\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        "Accept: */*\r\nauthorization: T 2\r\n\r\n",
        "Accept: */*\r\nAuthorization: T 3\r\n\r\n",
        "Accept: */*\r\n\r\n",
    };
    struct rig_user *user;
    char text[1024];

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, defaults_run, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    rig_close(&rig);
    test_server_settle_closed(&server);
    for (size_t i = 0; i < LKI_COUNT(rests); i++) {
        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: loadkit/" LK_VERSION "\r\n%s",
                 server.port, rests[i]);
        ck_assert_str_eq(test_server_request(&server, i)->bytes, text);
    }
    test_server_stop(&server);
}
END_TEST

/* ---- bodies from files */

static void body_file_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_put(vu, "/up", .body_file = "b.txt");
    lk_put(vu, "/up", .body_file = "b.txt", .headers = LK_PAIRS("Content-Type", "text/plain"));
}

START_TEST(a_file_may_be_the_body)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    const char *bytes;
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, body_file_run, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    rig_close(&rig);
    test_server_settle_closed(&server);
    bytes = test_server_request(&server, 0)->bytes;
    ck_assert_msg(strstr(bytes, "PUT /up HTTP/1.1\r\n") == bytes, "%s", bytes);
    ck_assert_msg(strstr(bytes, "\r\nContent-Type: application/octet-stream\r\n") != NULL, "%s",
                  bytes);
    ck_assert_msg(strstr(bytes, "\r\nContent-Length: 5\r\n") != NULL, "%s", bytes);
    ck_assert_msg(strstr(bytes, "\r\n\r\ntext\n") != NULL, "%s", bytes);
    bytes = test_server_request(&server, 1)->bytes;
    ck_assert_msg(strstr(bytes, "\r\nContent-Type: text/plain\r\n") != NULL, "%s", bytes);
    ck_assert_ptr_null(strstr(bytes, "octet"));
    test_server_stop(&server);
}
END_TEST

/* ---- what is refused */

static const struct refused_case {
    const char *method;
    struct lk_request request;
    const char *message;
} refused_cases[] = {
    {"GET", {.url = "/a b"}, "cannot use the path \"/a b\""},
    {"GET", {.url = "/a\r\nX: y"}, "cannot use the path"},
    {"GET",
     {.url = "ftp://localhost/"},
     "cannot use the URL \"ftp://localhost/\": only http:// and https:// are spoken"},
    {"GET",
     {.url = "http://user@localhost/"},
     "cannot use the URL \"http://user@localhost/\": a user name in a URL is not supported"},
    {"GET", {.url = NULL}, "a request without a URL"},
    {"", {.url = "/"}, "\"\" is not a method"},
    {"GET /x", {.url = "/"}, "\"GET /x\" is not a method"},
    {"GET",
     {.url = "/", .headers = LK_PAIRS("X", "a\r\nY: b")},
     "the value of the header \"X\" has a line break"},
    {"GET", {.url = "/", .headers = LK_PAIRS("X: y", "z")}, "\"X: y\" is not the name of a header"},
    {"GET", {.url = "/", .headers = LK_PAIRS("", "z")}, "\"\" is not the name of a header"},
    {"GET", {.url = "/", .headers = LK_PAIRS("X")}, "the header \"X\" has no value"},
    {"POST",
     {.url = "/", .headers = LK_PAIRS("Content-Length", "1")},
     "the header \"Content-Length\" is loadkit's to set"},
    {"POST",
     {.url = "/", .headers = LK_PAIRS("transfer-encoding", "x")},
     "the header \"transfer-encoding\" is loadkit's to set"},
    {"POST",
     {.url = "/", .body = "a", .form = LK_PAIRS("a", "b")},
     "POST /: give one of .json, .form, .parts, .body and .body_file"},
    {"GET",
     {.url = "/o/{id}", .params = LK_PAIRS("x", "1")},
     "GET /o/{id}: .params has \"x\", for which there is no {x} in the URL"},
    {"GET",
     {.url = "/o/{id}/{n}", .params = LK_PAIRS("id", "1")},
     "GET /o/{id}/{n}: .params has no value for {n}"},
    {"GET", {.url = "/{id}/{n", .params = LK_PAIRS("id", "1")}, "GET /{id}/{n: a { without its }"},
    {"GET", {.url = "/{id}", .params = LK_PAIRS("id")}, "\"id\" in .params has no value"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"a", .value = "b"}), .body_file = "b.txt"},
     "POST /: give one of .json, .form, .parts, .body and .body_file"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({.name = "a"})},
     "POST /: part 1 (\"a\") has neither a .value nor a .file"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"a", .value = "b"}, {"c", .value = "d", .file = "e"})},
     "POST /: part 2 (\"c\") has a .value and a .file: give one of them"},
    {"POST", {.url = "/", .parts = LK_PARTS({.value = "a"})}, "POST /: part 1 has no .name"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"a", .value = "b", .type = "a\r\nb"})},
     "POST /: part 1 (\"a\") has a line break in its .type"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"a", .file = "none"})},
     "POST /: cannot read the file \"none\" of part \"a\": No such file or directory"},
    {"POST",
     {.url = "/", .parts = LK_PARTS({"a", .file = "d"})},
     "POST /: cannot read the file \"d\" of part \"a\": Is a directory"},
    {"PUT",
     {.url = "/", .body_file = "none"},
     "PUT /: cannot read the .body_file \"none\": No such file or directory"},
    {"PUT", {.url = "/", .body_file = "d"}, "PUT /: the .body_file \"d\" is no regular file"},
    {"GET",
     {.url = "/", .authorization = "a\nb"},
     "the value of the header \"Authorization\" has a line break"},
    {"GET",
     {.url = "/", .authorization = "a", .headers = LK_PAIRS("Authorization", "b")},
     "GET /: give one of .authorization and the header Authorization"},
    {"GET", {.url = "/", .expect = 20}, "GET /: .expect = 20 is no status"},
    {"GET",
     {.url = "/", .expect = LK_STATUS(299, 200)},
     "GET /: .expect = 299 to 200 is no status"},
    {"GET", {.url = "/", .expect = -1}, "GET /: .expect = -1 is no status"},
    {"POST", {.url = "/", .body_bytes = 10}, "POST /: .body_bytes is 10, but .body is NULL"},
    {"GET", {.url = "/", .body_bytes = 10}, "GET /: .body_bytes is 10, but .body is NULL"},
    {"GET",
     {.url = "/", .timeout_s = -0.2},
     "GET /: .timeout_s: -0.2 is no time; give seconds, or LK_OFF for no limit"},
    {"GET", {.url = "/", .timeout_s = (double)NAN}, "GET /: .timeout_s: nan is no time"},
    {"GET", {.url = "/", .lookup_timeout_s = -2}, "GET /: .lookup_timeout_s: -2 is no time"},
    {"GET", {.url = "/", .connect_timeout_s = -2}, "GET /: .connect_timeout_s: -2 is no time"},
    {"GET", {.url = "/", .tls_timeout_s = -2}, "GET /: .tls_timeout_s: -2 is no time"},
    {"GET", {.url = "/", .first_byte_timeout_s = -2}, "GET /: .first_byte_timeout_s: -2 is no"},
};

static void refused_run(lk_vu *vu, void *arg)
{
    const struct refused_case *want = arg;
    struct lk_request request = want->request;

    request.size = sizeof(request);
    request.method = want->method;
    request.keep_going = true;
    lk_http_base_url(vu, "http://127.0.0.1:1");
    lk_http(vu, &request);
}

static void refused_verify(void (*run)(lk_vu *vu, void *arg), const void *arg, const char *message)
{
    struct rig_user *user;

    rig_open(&rig);
    user = rig_add(&rig, run, (void *)(uintptr_t)arg);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(!strncmp(user->message, message, strlen(message)), "%s", user->message);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 0);
    rig_close(&rig);
}

START_TEST(a_request_that_makes_no_sense_ends_the_step_and_is_not_sent)
{
    refused_verify(refused_run, &refused_cases[_i], refused_cases[_i].message);
}
END_TEST

static const struct value_case {
    const char *user; /* NULL: a bearer token is asked for */
    const char *password;
    const char *value; /* NULL: none comes */
    const char *message;
} value_cases[] = {
    {"Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", NULL},
    {"", "", "Basic Og==", NULL},
    {"a", "b", "Basic YTpi", NULL},
    {"a", "bc", "Basic YTpiYw==", NULL},
    {"\xc3\xa4", "?>", "Basic w6Q6Pz4=", NULL},
    {NULL, "abc", "Bearer abc", NULL},
    {"a:b", "c", NULL, "lk_basic: the user \"a:b\" has a colon, which would end its name"},
    {"a", NULL, NULL, "lk_basic without a password"},
    {NULL, NULL, NULL, "lk_bearer without a token"},
    {NULL, "", NULL, "lk_bearer without a token"},
};

static void value_run(lk_vu *vu, void *arg)
{
    const struct value_case *want = arg;
    const char *value = want->user ? lk_basic(vu, want->user, want->password)
                                   : lk_bearer(vu, want->password);

    if (strcmp(value, want->value ? want->value : "") != 0)
        lk_fail(vu, "made %s", value);
}

START_TEST(a_user_shows_who_it_is)
{
    const struct value_case *want = &value_cases[_i];
    struct rig_user *user;

    if (!want->value) {
        refused_verify(value_run, want, want->message);
        return;
    }
    rig_open(&rig);
    user = rig_add(&rig, value_run, (void *)(uintptr_t)want);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    rig_close(&rig);
}
END_TEST

static Suite *request_suite(void)
{
    Suite *suite = suite_create("request");
    TCase *sent = tcase_create("what goes out");
    TCase *refused = tcase_create("what is refused");

    tcase_add_checked_fixture(sent, setup, folder_leave);
    tcase_add_checked_fixture(refused, setup, folder_leave);
    tcase_add_loop_test(sent, a_request_goes_out_as_it_was_asked_for, 0, LKI_COUNT(request_cases));
    tcase_add_test(sent, a_file_goes_out_to_the_byte_under_its_last_name);
    tcase_add_test(sent, a_template_is_the_name_of_its_samples);
    tcase_add_test(sent, a_header_of_all_requests_gives_way_to_that_of_one);
    tcase_add_test(sent, a_file_may_be_the_body);
    tcase_add_loop_test(refused, a_request_that_makes_no_sense_ends_the_step_and_is_not_sent, 0,
                        LKI_COUNT(refused_cases));
    tcase_add_loop_test(refused, a_user_shows_who_it_is, 0, LKI_COUNT(value_cases));
    suite_add_tcase(suite, sent);
    suite_add_tcase(suite, refused);
    return suite;
}

int main(void)
{
    return suite_run(request_suite());
}
