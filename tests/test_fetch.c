/* One exchange of a command: what it sends, what it takes, and what it says when there is none. */
#include "net/fetch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/server.h"
#include "support/suite.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define ANSWER OK_LINE "Content-Length: 7\r\n\r\n{\"a\":1}"
#define SOON_NS (10 * LKI_NS_PER_S) /* what is expected comes at once */

static const struct test_script good = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};

static struct test_server server;
static struct lki_fetch_answer answer;
static struct lki_buf why;

static void serve(const struct test_script *script)
{
    test_server_start(&server, script, 1);
}

static void setup(void)
{
    lki_buf_init(&why, 4096);
}

static void teardown(void)
{
    lki_buf_release(&why);
}

static enum lk_err get(const char *url)
{
    return lki_fetch_url(
        &(struct lki_fetch_request){.method = "GET", .url = url, .timeout_ns = SOON_NS}, &answer,
        &why);
}

/* Says exactly that, with URL for where the server is. */
static void why_verify(const char *want)
{
    const char *url = strstr(want, "URL");
    char text[512];

    if (url)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(url - want), want, server.url, url + 3);
    ck_assert_str_eq(lki_buf_cstr(&why), url ? text : want);
}

START_TEST(an_answer_has_status_and_body)
{
    static const struct test_script refusing = {
        {SRV_READ, SRV_SEND("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}")}};

    serve(&good);
    ck_assert_int_eq(get(server.url), LK_OK);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_uint_eq(answer.body.len, 7);
    ck_assert_mem_eq(answer.body.data, "{\"a\":1}", 7);
    lki_fetch_answer_release(&answer);
    test_server_stop(&server);
    serve(&refusing);
    ck_assert_int_eq(get(server.url), LK_OK);
    ck_assert_int_eq(answer.status, 409);
    lki_fetch_answer_release(&answer);
    test_server_stop(&server);
    ck_assert_uint_eq(why.len, 0);
}
END_TEST

START_TEST(a_request_has_method_token_and_body)
{
    const struct test_request *request;
    struct lki_fetch_request post = {
        .method = "POST", .body = "{\"users\":1}", .token = "s3cret-Token_", .timeout_ns = SOON_NS};
    char url[100];

    serve(&good);
    snprintf(url, sizeof(url), "%s/start_test?x=1", server.url);
    post.url = url;
    ck_assert_int_eq(lki_fetch_url(&post, &answer, &why), LK_OK);
    lki_fetch_answer_release(&answer);
    test_server_settle(&server);
    request = test_server_request(&server, 0);
    ck_assert_ptr_nonnull(strstr(request->bytes, "POST /start_test?x=1 HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\nAuthorization: Bearer s3cret-Token_\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\nContent-Length: 11\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\n\r\n{\"users\":1}"));
    test_server_stop(&server);
}
END_TEST

START_TEST(without_token_and_body_nothing_is_said_of_them)
{
    const struct test_request *request;

    serve(&good);
    ck_assert_int_eq(get(server.url), LK_OK);
    lki_fetch_answer_release(&answer);
    test_server_settle(&server);
    request = test_server_request(&server, 0);
    ck_assert_ptr_nonnull(strstr(request->bytes, "GET / HTTP/1.1\r\n"));
    ck_assert_ptr_null(strstr(request->bytes, "Authorization"));
    ck_assert_ptr_null(strstr(request->bytes, "Content-"));
    test_server_stop(&server);
}
END_TEST

START_TEST(a_post_without_a_body_is_an_empty_one)
{
    struct lki_fetch_request post = {.method = "POST", .timeout_ns = SOON_NS};
    const struct test_request *request;

    serve(&good);
    post.url = server.url;
    ck_assert_int_eq(lki_fetch_url(&post, &answer, &why), LK_OK);
    lki_fetch_answer_release(&answer);
    test_server_settle(&server);
    request = test_server_request(&server, 0);
    ck_assert_ptr_nonnull(strstr(request->bytes, "POST / HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\nContent-Length: 0\r\n"));
    ck_assert_ptr_nonnull(strstr(request->bytes, "\r\nContent-Type: application/json\r\n"));
    test_server_stop(&server);
}
END_TEST

/* The token would go where it leads. */
START_TEST(a_redirect_is_not_followed)
{
    static const struct test_script moved = {
        {SRV_READ,
         SRV_SEND("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
                  "\r\n"),
         SRV_AGAIN}};

    serve(&moved);
    ck_assert_int_eq(get(server.url), LK_OK);
    ck_assert_int_eq(answer.status, 302);
    lki_fetch_answer_release(&answer);
    ck_assert_uint_eq(test_server_settle(&server)->requests, 1);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_proxy_is_not_asked_for_this_machine)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    char url[64];

    for (size_t i = 0; i < LKI_COUNT(names); i++)
        setenv(names[i], "http://127.0.0.1:9", 1);
    serve(&good);
    snprintf(url, sizeof(url), "http://localhost:%u/", server.port);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(!get(i ? url : server.url), "%s", lki_buf_cstr(&why));
        lki_fetch_answer_release(&answer);
    }
    test_server_stop(&server);
}
END_TEST

START_TEST(a_proxy_is_asked_for_other_machines)
{
    serve(&good);
    setenv("http_proxy", server.url, 1);
    ck_assert_msg(!get("http://orchestrator.invalid/"), "%s", lki_buf_cstr(&why));
    lki_fetch_answer_release(&answer);
    test_server_settle(&server);
    ck_assert_ptr_nonnull(
        strstr(test_server_request(&server, 0)->bytes, "GET http://orchestrator.invalid/ HTTP"));
    test_server_stop(&server);
}
END_TEST

/* ---- no answer ---- */

START_TEST(nobody_there_is_told)
{
    char url[64];
    char want[200];

    serve(&good);
    snprintf(url, sizeof(url), "%s", server.url);
    test_server_stop(&server);
    ck_assert_int_eq(get(url), LK_E_IO);
    snprintf(want, sizeof(want), "cannot reach %s: connection refused; is an orchestrator running?",
             url);
    ck_assert_str_eq(lki_buf_cstr(&why), want);
}
END_TEST

#define NO_HTTP                                                                                    \
    "cannot reach URL: what answers there does not speak HTTP, or broke off; is it an "            \
    "orchestrator?"

static const struct bad_case {
    struct test_script script;
    enum lk_err err;
    const char *why;
} bad_cases[] = {
    {{{SRV_READ, SRV_SEND("SSH-2.0-x\r\n"), SRV_CLOSE}}, LK_E_IO, NO_HTTP},
    {{{SRV_READ, SRV_CLOSE}}, LK_E_IO, NO_HTTP},
    {{{SRV_READ, SRV_RESET}}, LK_E_IO, NO_HTTP},
    {{{SRV_CLOSE}}, LK_E_IO, NO_HTTP},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE}},
     LK_E_IO,
     NO_HTTP},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 67108865\r\n\r\n"), SRV_FILL(67108865)}},
     LK_E_LIMIT,
     "cannot reach URL: the answer is larger than 64 MB"},
};

START_TEST(what_is_no_answer_is_told)
{
    serve(&bad_cases[_i].script);
    ck_assert_int_eq(get(server.url), bad_cases[_i].err);
    why_verify(bad_cases[_i].why);
    test_server_stop(&server);
}
END_TEST

START_TEST(an_answer_that_does_not_come_is_waited_for_no_longer_than_asked)
{
    static const struct test_script silent = {{SRV_READ}};
    struct lki_fetch_request request = {.method = "GET", .timeout_ns = 50 * LKI_NS_PER_MS};

    serve(&silent);
    request.url = server.url;
    ck_assert_int_eq(lki_fetch_url(&request, &answer, &why), LK_E_TIMEOUT);
    why_verify("URL was reached, but gave no answer within 0.05 s; is it overloaded? --timeout "
               "waits longer");
    test_server_stop(&server);
}
END_TEST

START_TEST(one_that_takes_work_is_waited_for_longer)
{
    static const struct test_script slow = {{SRV_READ, SRV_SLEEP(200), SRV_SEND(ANSWER)}};
    struct lki_fetch_request request = {
        .method = "GET", .timeout_ns = 50 * LKI_NS_PER_MS, .work_ns = SOON_NS};

    serve(&slow);
    request.url = server.url;
    ck_assert_int_eq(lki_fetch_url(&request, &answer, &why), LK_OK);
    lki_fetch_answer_release(&answer);
    test_server_stop(&server);
}
END_TEST

START_TEST(an_answer_may_be_as_large_as_the_limit)
{
    static const struct test_script large = {
        {SRV_READ, SRV_SEND(OK_LINE "Content-Length: 67108864\r\n\r\n"), SRV_FILL(67108864)}};

    serve(&large);
    ck_assert_int_eq(get(server.url), LK_OK);
    ck_assert_uint_eq(answer.body.len, LKI_FETCH_BODY_MAX);
    lki_fetch_answer_release(&answer);
    test_server_stop(&server);
}
END_TEST

static const struct wrong_case {
    const char *url;
    const char *token;
    const char *why;
} wrong_cases[] = {
    {"orchestrator:8080", NULL,
     "'orchestrator:8080' is no address of an orchestrator: it does not begin with http:// or "
     "https://; write one such as http://127.0.0.1:8080"},
    {"file:///etc/passwd", NULL,
     "'file:///etc/passwd' is no address of an orchestrator: the host is empty; write one such as "
     "http://127.0.0.1:8080"},
    {"ftp://127.0.0.1/", NULL, "'ftp://127.0.0.1/': an orchestrator is reached by http or https"},
    {"http://127.0.0.1:9/", "two\r\nlines",
     "the token has a blank or a control character in it; write it alone on one line"},
};

START_TEST(what_cannot_be_asked_is_refused)
{
    struct lki_fetch_request request = {.method = "GET",
                                        .url = wrong_cases[_i].url,
                                        .token = wrong_cases[_i].token,
                                        .timeout_ns = SOON_NS};

    ck_assert_int_eq(lki_fetch_url(&request, &answer, &why), LK_E_ARG);
    why_verify(wrong_cases[_i].why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fetch");
    TCase *asking = tcase_create("asking");
    TCase *failing = tcase_create("failing");

    tcase_add_checked_fixture(asking, setup, teardown);
    tcase_add_test(asking, an_answer_has_status_and_body);
    tcase_add_test(asking, a_request_has_method_token_and_body);
    tcase_add_test(asking, without_token_and_body_nothing_is_said_of_them);
    tcase_add_test(asking, a_post_without_a_body_is_an_empty_one);
    tcase_add_test(asking, a_redirect_is_not_followed);
    tcase_add_test(asking, a_proxy_is_not_asked_for_this_machine);
    tcase_add_test(asking, a_proxy_is_asked_for_other_machines);
    suite_add_tcase(suite, asking);
    tcase_add_checked_fixture(failing, setup, teardown);
    tcase_add_test(failing, nobody_there_is_told);
    tcase_add_loop_test(failing, what_is_no_answer_is_told, 0, LKI_COUNT(bad_cases));
    tcase_add_test(failing, an_answer_that_does_not_come_is_waited_for_no_longer_than_asked);
    tcase_add_test(failing, one_that_takes_work_is_waited_for_longer);
    tcase_add_test(failing, an_answer_may_be_as_large_as_the_limit);
    tcase_add_loop_test(failing, what_cannot_be_asked_is_refused, 0, LKI_COUNT(wrong_cases));
    suite_add_tcase(suite, failing);
    return suite_run(suite);
}
