/* A request as a command: what curl sends for it is what a step would have sent, to the byte; and
 * how the server is reached stands in it too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/folder.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define LINES_MAX 32

static struct rig rig;
static struct test_server server;
static char *command;

static void setup(void)
{
    folder_enter();
    folder_put("a \"b\".png", "\x89PNG\0\r\n", 7);
    folder_put("c.txt", "text\n", 5);
}

/* ---- the same request */

static const struct sent_case {
    const char *method;
    struct lk_request request;
} sent_cases[] = {
    {"GET", {.url = "/"}},
    {"GET", {.url = "/it's-[1]{x}/../y?a=$b&c=`d`\"\\", .query = LK_PAIRS("q", "red shoes")}},
    {"GET", {.url = "/o/{id}", .params = LK_PAIRS("id", "a/b"), .headers = LK_PAIRS("X", "'")}},
    {"GET", {.url = "/", .headers = LK_PAIRS("Accept", "a/b", "user-agent", "me", "Host", "h:1")}},
    {"GET", {.url = "/", .authorization = "Basic dTpw", .headers = LK_PAIRS("X-Empty", "")}},
    {"GET", {.url = "/", .body = "{}", .headers = LK_PAIRS("Content-Type", "text/x")}},
    {"HEAD", {.url = "/"}},
    {"DELETE", {.url = "/x", .new_connection = true}},
    {"PURGE", {.url = "/x"}},
    {"OPTIONS", {.url = "/x"}},
    {"POST", {.url = "/"}},
    {"PUT", {.url = "/"}},
    {"POST", {.url = "/", .body = "@it's\n\"quoted\" \xc3\xa4\t$x \\n %d"}},
    {"POST", {.url = "/", .body = "\0\1\r\n%d\\'\xff", .body_bytes = 9}},
    {"PATCH", {.url = "/", .form = LK_PAIRS("a", "1 2", "b", "=&")}},
    {"PUT", {.url = "/", .body_file = "c.txt"}},
    {"POST",
     {.url = "/",
      .parts = LK_PARTS({"a", .value = "@it's \"x\"; type=y \\n"}, {"e", .value = ""},
                        {"t", .value = "<x", .type = "text/x"}, {"f", .file = "a \"b\".png"},
                        {"g", .file = "c.txt", .filename = "o;\\ther", .type = "a/b; c=d"})}},
    {"POST", {.url = "/", .parts = LK_PARTS({"a=b", .value = "x"})}},
    {"POST", {.url = "/", .parts = LK_PARTS({"a", .value = "x\0y", .value_bytes = 3})}},
    {"POST", {.url = "/", .parts = LK_PARTS({"a", .value = "x", .filename = "y.json"})}},
    {"POST", {.url = "/", .compressed = true, .body = "x"}},
    {"GET", {.url = "/", .version = LK_HTTP_2}},
};

static void sent_run(lk_vu *vu, void *arg)
{
    const struct sent_case *want = arg;
    struct lk_request request = want->request;

    request.size = sizeof(request);
    request.method = want->method;
    lk_http_base_url(vu, server.url);
    command = strdup(lk_request_to_curl(vu, &request));
    lk_http(vu, &request);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Replaces the boundary by as many bytes for both, so that they can be compared. */
static size_t boundary_hide(char *bytes, size_t len)
{
    char *name = strstr(bytes, "boundary=");
    char boundary[128];
    size_t width;
    char *at;

    if (!name)
        return len;
    width = strcspn(name + 9, "\r");
    snprintf(boundary, sizeof(boundary), "%.*s", (int)width, name + 9);
    while ((at = memmem(bytes, len, boundary, width))) {
        memmove(at + 1, at + width, len - (size_t)(at - bytes) - width);
        *at = '@';
        len -= width - 1;
    }
    return len;
}

/* The lines of a head in one order. With a boundary of another length the length is another, too.
 */
static size_t lines_sort(char *head, char *lines[LINES_MAX])
{
    size_t count = 0;
    bool by_parts = strstr(head, "boundary=@");

    for (char *line = strtok(head, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        size_t len = strlen(line);

        /* a field that is empty may have a space behind its colon */
        line[len - (line[len - 1] == ' ')] = '\0';
        if (!by_parts || strncmp(line, "Content-Length:", 15) != 0)
            lines[count++] = line;
        ck_assert_uint_lt(count, LINES_MAX);
    }
    qsort(lines, count, sizeof(*lines), by_text);
    return count;
}

static void same_verify(const struct test_request *a, const struct test_request *b)
{
    static struct test_request ours, theirs;
    char *our_lines[LINES_MAX], *their_lines[LINES_MAX];
    char *our_body, *their_body;
    size_t count, our_len, their_len;

    ours = *a;
    theirs = *b;
    our_len = boundary_hide(ours.bytes, lki_min(ours.len, TEST_REQUEST_BYTES - 1));
    their_len = boundary_hide(theirs.bytes, lki_min(theirs.len, TEST_REQUEST_BYTES - 1));
    our_body = strstr(ours.bytes, "\r\n\r\n") + 4;
    their_body = strstr(theirs.bytes, "\r\n\r\n") + 4;
    our_len -= (size_t)(our_body - ours.bytes);
    their_len -= (size_t)(their_body - theirs.bytes);
    ck_assert_msg(our_len == their_len && !memcmp(our_body, their_body, our_len),
                  "%s\nsent\n%.*s\ninstead of\n%.*s", command, (int)their_len, their_body,
                  (int)our_len, our_body);
    our_body[-2] = their_body[-2] = '\0';
    count = lines_sort(ours.bytes, our_lines);
    ck_assert_msg(lines_sort(theirs.bytes, their_lines) == count, "%s", command);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(!strcmp(our_lines[i], their_lines[i]), "%s\nsent\n%s\ninstead of\n%s",
                      command, their_lines[i], our_lines[i]);
}

/* As a shell does it. */
static void command_run(void)
{
    char line[262144];
    int status;

    snprintf(line, sizeof(line), "{ %s; } >curl.out 2>curl.err", command);
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
    status = system(line);
    ck_assert_msg(status == 0, "%s", command);
}

static void sent_verify(const struct sent_case *want)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, sent_run, (void *)(uintptr_t)want);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    rig_close(&rig);
    command_run();
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 2);
    same_verify(test_server_request(&server, 0), test_server_request(&server, 1));
    test_server_stop(&server);
    free(command);
}

START_TEST(curl_sends_what_the_step_would_send)
{
    sent_verify(&sent_cases[_i]);
}
END_TEST

START_TEST(a_body_of_any_length_gets_through)
{
    static const size_t lengths[] = {100000, 2000000};
    struct sent_case want = {"POST", {.url = "/"}};
    char *body = malloc(lengths[_i]);

    memset(body, 'x', lengths[_i]);
    want.request.body = body;
    want.request.body_bytes = lengths[_i];
    if (lengths[_i] < 200000) {
        sent_verify(&want);
        free(body);
        return;
    }
    /* longer than the test's own shell line: what stands at its end */
    rig_open(&rig);
    snprintf(server.url, sizeof(server.url), "http://127.0.0.1:1");
    want.request.keep_going = true;
    ck_assert_int_eq(rig_add(&rig, sent_run, &want)->outcome, LKI_OUTCOME_OK);
    rig_run(&rig);
    ck_assert_ptr_nonnull(strstr(command, " --data-binary @- -H 'Expect:' 'http://127.0.0.1:1/'"));
    ck_assert_int_eq(strncmp(command, "printf 'xxx", 11), 0);
    rig_close(&rig);
    free(command);
    free(body);
}
END_TEST

/* ---- how the server is reached */

static const struct setting_case {
    struct lk_http_settings settings;
    const char *url;
    const char *options;
} setting_cases[] = {
    {{.insecure = true}, "https://shop.test/", " -k --http1.1"},
    {{.ca_file = "my ca.pem"}, "https://shop.test/", " --cacert 'my ca.pem' --http1.1"},
    {{.tls_min = "1.3"}, "https://shop.test/", " --tlsv1.3 --http1.1"},
    {{.version = LK_HTTP_2}, "https://shop.test/", " --http2"},
    {{.version = LK_HTTP_2_ONLY}, "http://shop.test/", " --http2-prior-knowledge"},
    {{.proxy = "http://u:p@proxy.test:3128"},
     "http://shop.test/",
     " --proxy 'http://u:p@proxy.test:3128'"},
    {{.unix_socket = "/run/it's"}, "http://shop.test/", " --unix-socket '/run/it'\\''s'"},
    {{.local_addr = "127.0.0.2-127.0.0.9"}, "http://shop.test/", " --interface '127.0.0.2'"},
    {{.resolve = LK_PAIRS("shop.test:80", "127.0.0.1")},
     "http://shop.test/",
     " --resolve 'shop.test:80:127.0.0.1'"},
    {{.user = "me", .password = "it's", .auth = LK_HTTP_DIGEST},
     "http://shop.test/",
     " --digest -u 'me:it'\\''s'"},
    {{.headers = LK_PAIRS("X-A", "b")}, "http://shop.test:8080/", " -H 'X-A: b'"},
};

static void setting_run(lk_vu *vu, void *arg)
{
    const struct setting_case *want = arg;
    struct lk_http_settings settings = want->settings;

    settings.size = sizeof(settings);
    lk_http_setup_with(vu, &settings);
    command = strdup(lk_request_to_curl(vu, LK_REQUEST("GET", want->url)));
}

START_TEST(how_the_server_is_reached_stands_in_the_command)
{
    const struct setting_case *want = &setting_cases[_i];
    bool is_header = want->settings.headers;
    struct rig_user *user;
    char text[512];

    rig_open(&rig);
    user = rig_add(&rig, setting_run, (void *)(uintptr_t)want);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    snprintf(text, sizeof(text), "curl%s -A 'loadkit/" LK_VERSION "'%s '%s'",
             is_header ? "" : want->options, is_header ? want->options : "", want->url);
    ck_assert_str_eq(command, text);
    rig_close(&rig);
    free(command);
}
END_TEST

static void refused_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_request_to_curl(vu, LK_REQUEST("GET", "/x"));
}

START_TEST(a_request_that_makes_no_sense_ends_the_step)
{
    struct rig_user *user;

    rig_open(&rig);
    user = rig_add(&rig, refused_run, NULL);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_ptr_nonnull(strstr(user->message, "the path \"/x\" needs a base URL"));
    rig_close(&rig);
}
END_TEST

static Suite *curl_command_suite(void)
{
    Suite *suite = suite_create("curl_command");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, folder_leave);
    tcase_add_loop_test(all, curl_sends_what_the_step_would_send, 0, LKI_COUNT(sent_cases));
    tcase_add_loop_test(all, a_body_of_any_length_gets_through, 0, 2);
    tcase_add_loop_test(all, how_the_server_is_reached_stands_in_the_command, 0,
                        LKI_COUNT(setting_cases));
    tcase_add_test(all, a_request_that_makes_no_sense_ends_the_step);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(curl_command_suite());
}
