/* Who is let in by the web server: addresses, hosts, origins, tokens, cookies. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/site.h"
#include "support/suite.h"
#include "web/server.h"

#define JSON "Content-Type: application/json\r\n"

static struct site site;

static void start(const struct lki_web_settings *settings)
{
    site_start(&site, settings);
    ck_assert_msg(!site.seen->err, "%s", site.seen->why);
}

static void stop(void)
{
    ck_assert_int_eq(site_stop(&site), 0);
}

static struct site_answer ask(const char *line, const char *fields, const char *body)
{
    char text[4096];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", line, fields,
             strlen(body), body);
    return site_ask_once(&site, text);
}

static int status(const char *line, const char *fields)
{
    return ask(line, fields, "").status;
}

static void must_be_error(const struct site_answer *answer, int code, const char *name)
{
    char start_of[128];

    snprintf(start_of, sizeof(start_of), "{\"error\":{\"code\":\"%s\",\"message\":\"", name);
    ck_assert_msg(answer->status == code, "%d: %s", answer->status, answer->body);
    ck_assert_msg(!strncmp(answer->body, start_of, strlen(start_of)), "%s", answer->body);
}

/* ---- opening */

static const struct {
    struct lki_web_settings settings;
    const char *why;
} refused[] = {
    {{.address = "0.0.0.0"},
     "0.0.0.0 can be reached from other machines, and there is no token: whoever comes along could "
     "command the test. Give one by --token-file or LK_TOKEN, and put a proxy with TLS in front, "
     "since this is plain HTTP; or listen on 127.0.0.1"},
    {{.address = "::"}, ":: can be reached from other machines"},
    {{.address = "10.0.0.1"}, "10.0.0.1 can be reached from other machines"},
    {{.address = "::ffff:10.0.0.1"}, "::ffff:10.0.0.1 can be reached from other machines"},
    {{.address = "example.com"},
     "cannot listen on example.com: an IPv4 or IPv6 address was expected, or localhost"},
    {{.address = ""}, "cannot listen on : an IPv4 or IPv6 address was expected, or localhost"},
    {{.address = "203.0.113.7", .token = SITE_TOKEN},
     "cannot listen on 203.0.113.7:0: this machine has no such address"},
    {{.token = "short"}, "a token has at least 8 characters"},
    {{.token = ""}, "a token has at least 8 characters"},
    {{.token = "with a space"}, "a token is made of visible ASCII characters, without spaces"},
    {{.cors_origin = "example.com"}, "example.com is no origin, such as https://example.com:8443"},
    {{.cors_origin = "*"}, "* is no origin, such as https://example.com:8443"},
    {{.cors_origin = "https://example.com/"}, "https://example.com/ is no origin"},
};

START_TEST(what_would_be_unsafe_is_not_opened)
{
    site_start(&site, &refused[_i].settings);
    ck_assert_int_ne(site.seen->err, LK_OK);
    ck_assert_msg(!strncmp(site.seen->why, refused[_i].why, strlen(refused[_i].why)), "%s",
                  site.seen->why);
    stop();
}
END_TEST

START_TEST(a_port_in_use_is_told)
{
    struct site other;
    char want[160];

    start(NULL);
    site_start(&other, &(struct lki_web_settings){.port = site.seen->port});
    ck_assert_int_eq(other.seen->err, LK_E_SYSTEM);
    snprintf(want, sizeof(want),
             "cannot listen on 127.0.0.1:%u: something else listens there already; end it, or "
             "choose another port",
             site.seen->port);
    ck_assert_str_eq(other.seen->why, want);
    ck_assert_int_eq(site_stop(&other), 0);
    stop();
}
END_TEST

static const struct {
    const char *address, *token, *shown;
    bool exposed;
} opened[] = {
    {"127.0.0.1", NULL, "127.0.0.1:", false}, {"localhost", NULL, "127.0.0.1:", false},
    {"127.0.0.9", NULL, "127.0.0.9:", false}, {"::1", NULL, "[::1]:", false},
    {"[::1]", NULL, "[::1]:", false},         {"0.0.0.0", SITE_TOKEN, "0.0.0.0:", true},
    {"::", SITE_TOKEN, "[::]:", true},
};

START_TEST(what_is_safe_is_opened)
{
    start(&(struct lki_web_settings){.address = opened[_i].address, .token = opened[_i].token});
    ck_assert_msg(!strncmp(site.seen->address, opened[_i].shown, strlen(opened[_i].shown)), "%s",
                  site.seen->address);
    ck_assert_int_eq(site.seen->exposed, opened[_i].exposed);
    ck_assert_uint_ne(site.seen->port, 0);
    stop();
}
END_TEST

/* ---- hosts */

enum { LOOPBACK, ANY, NAMED };

static const struct {
    int where;
    const char *host;
    int status;
} hosts[] = {
    {LOOPBACK, "localhost", 200},
    {LOOPBACK, "LOCALHOST:1", 200},
    {LOOPBACK, "127.0.0.1", 200},
    {LOOPBACK, "127.0.0.1:9999", 200},
    {LOOPBACK, "127.3.2.1", 200},
    {LOOPBACK, "[::1]:8080", 200},
    {LOOPBACK, "evil.com", 403},
    {LOOPBACK, "localhost.evil.com", 403},
    {LOOPBACK, "127.0.0.1.evil.com", 403},
    {LOOPBACK, "evil.com:8080", 403},
    {LOOPBACK, "localhost.", 403},
    {LOOPBACK, "10.0.0.1", 403},
    {LOOPBACK, "0.0.0.0", 403},
    {LOOPBACK, "", 403},
    {LOOPBACK, "localhost:x", 403},
    {LOOPBACK, "a@localhost", 403},
    {LOOPBACK, "localhost, evil.com", 403},
    {LOOPBACK, "load.example.com", 403},
    {ANY, "10.0.0.1:8080", 200},
    {ANY, "[fe80::1]", 200},
    {ANY, "localhost", 200},
    {ANY, "evil.com", 403},
    {NAMED, "load.example.com", 200},
    {NAMED, "Load.Example.com:443", 200},
    {NAMED, "load", 200},
    {NAMED, "example.com", 403},
    {NAMED, "localhost", 200},
};

START_TEST(foreign_hosts_are_refused)
{
    static const char *const names[] = {"load.example.com", "load"};
    static const struct lki_web_settings settings[] = {
        [ANY] = {.address = "0.0.0.0", .token = SITE_TOKEN},
        [NAMED] = {.allowed_hosts = names, .allowed_host_count = 2},
    };
    struct site_answer answer;
    char fields[256];

    start(&settings[hosts[_i].where]);
    snprintf(fields, sizeof(fields), "Host: %s\r\n", hosts[_i].host);
    answer = ask("GET /health", fields, "");
    if (hosts[_i].status == 403)
        must_be_error(&answer, 403, "forbidden_host");
    ck_assert_int_eq(answer.status, hosts[_i].status);
    stop();
}
END_TEST

/* ---- origins */

static const struct {
    const char *host, *origin, *cors;
    int status;
} origins[] = {
    {"localhost:8080", "http://localhost:8080", NULL, 200},
    {"localhost:8080", "http://LOCALHOST:8080", NULL, 200},
    {"localhost", "https://localhost", NULL, 200},
    {"localhost:8080", "http://localhost:8081", NULL, 403},
    {"localhost:8080", "http://127.0.0.1:8080", NULL, 403},
    {"localhost:8080", "http://evil.com", NULL, 403},
    {"localhost:8080", "null", NULL, 403},
    {"localhost:8080", "", NULL, 403},
    {"localhost:8080", "https://page.example.com", NULL, 403},
    {"localhost:8080", "https://page.example.com", "https://page.example.com", 200},
    {"localhost:8080", "https://page.example.com:8443", "https://page.example.com", 403},
    {"localhost:8080", "http://page.example.com", "https://page.example.com", 403},
    {"localhost:8080", "https://xpage.example.com", "https://page.example.com", 403},
    {"localhost:8080", "http://localhost:8080", "https://page.example.com", 200},
};

START_TEST(foreign_origins_are_refused)
{
    static const char *const lines[] = {"GET /health", "POST /echo", "HEAD /health"};
    bool is_cors = origins[_i].cors && !strcmp(origins[_i].cors, origins[_i].origin);
    struct site_answer answer;
    char fields[256];

    start(&(struct lki_web_settings){.cors_origin = origins[_i].cors});
    snprintf(fields, sizeof(fields), "Host: %s\r\nOrigin: %s\r\n", origins[_i].host,
             origins[_i].origin);
    for (size_t i = 0; i < LKI_COUNT(lines); i++)
        ck_assert_int_eq(status(lines[i], fields), origins[_i].status);
    answer = ask("GET /health", fields, "");
    if (origins[_i].status == 403)
        must_be_error(&answer, 403, "forbidden_origin");
    ck_assert_int_eq(site_field(&answer, "Access-Control-Allow-Origin") != NULL, is_cors);
    ck_assert_ptr_null(site_field(&answer, "Access-Control-Allow-Credentials"));
    if (origins[_i].cors)
        ck_assert_str_eq(site_field(&answer, "Vary"), "Origin");
    stop();
}
END_TEST

#define PREFLIGHT                                                                                  \
    "Host: localhost\r\nOrigin: https://page.example.com\r\n"                                      \
    "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n"

START_TEST(a_preflight_is_answered_to_the_one_origin_alone)
{
    struct site_answer answer;

    start(
        &(struct lki_web_settings){.cors_origin = "https://page.example.com", .token = SITE_TOKEN});
    answer = ask("OPTIONS /form", PREFLIGHT, "");
    ck_assert_int_eq(answer.status, 204);
    ck_assert_str_eq(site_field(&answer, "Access-Control-Allow-Origin"),
                     "https://page.example.com");
    ck_assert_str_eq(site_field(&answer, "Access-Control-Allow-Methods"),
                     "GET, HEAD, POST, OPTIONS");
    ck_assert_str_eq(site_field(&answer, "Access-Control-Allow-Headers"),
                     "Authorization, Content-Type, X-Loadkit-Token");
    stop();
    start(NULL);
    answer = ask("OPTIONS /form", PREFLIGHT, "");
    must_be_error(&answer, 403, "forbidden_origin");
    ck_assert_ptr_null(strstr(answer.head, "Access-Control"));
    stop();
}
END_TEST

/* ---- tokens */

#define LOCAL "Host: localhost\r\n"

static const struct {
    const char *fields;
    bool is;
} tokens[] = {
    {LOCAL "Authorization: Bearer " SITE_TOKEN "\r\n", true},
    {LOCAL "authorization: bearer   " SITE_TOKEN "\r\n", true},
    {LOCAL "X-Loadkit-Token: " SITE_TOKEN "\r\n", true},
    {LOCAL "x-loadkit-token: " SITE_TOKEN "\r\n", true},
    {LOCAL "Authorization: Basic dXNlcjpwYXNz\r\nX-Loadkit-Token: " SITE_TOKEN "\r\n", true},
    {LOCAL "Sec-WebSocket-Protocol: loadkit.token.correct-horse%2Fbattery%3dstaple\r\n", true},
    {LOCAL "Sec-WebSocket-Protocol: loadkit, loadkit.token." SITE_TOKEN "\r\n", true},
    {LOCAL, false},
    {LOCAL "Authorization: Bearer\r\n", false},
    {LOCAL "Authorization: Bearer \r\n", false},
    {LOCAL "Authorization: " SITE_TOKEN "\r\n", false},
    {LOCAL "Authorization: Basic " SITE_TOKEN "\r\n", false},
    {LOCAL "Authorization: Bearer " SITE_TOKEN "x\r\n", false},
    {LOCAL "Authorization: Bearer x" SITE_TOKEN "\r\n", false},
    {LOCAL "Authorization: Bearer " SITE_TOKEN SITE_TOKEN "\r\n", false},
    {LOCAL "Authorization: Bearer correct-horse/battery=stapl\r\n", false},
    {LOCAL "Authorization: Bearer Correct-horse/battery=staple\r\n", false},
    {LOCAL "X-Loadkit-Token:\r\n", false},
    {LOCAL "Sec-WebSocket-Protocol: loadkit.token.\r\n", false},
    {LOCAL "Sec-WebSocket-Protocol: loadkit.token.%\r\n", false},
    {LOCAL "Sec-WebSocket-Protocol: loadkit.token.wrong-one\r\n", false},
    {LOCAL "Sec-WebSocket-Protocol: " SITE_TOKEN "\r\n", false},
    {LOCAL "Cookie: loadkit=" SITE_TOKEN "\r\n", false},
};

START_TEST(only_the_token_opens)
{
    static const char *const lines[] = {"GET /echo", "POST /form",  "GET /nowhere",    "PUT /echo",
                                        "GET /ws",   "GET /events", "DELETE /things/x"};
    struct site_answer answer;

    start(&(struct lki_web_settings){.token = SITE_TOKEN});
    ck_assert_int_eq(status("GET /health", tokens[_i].fields), 200);
    answer = ask("GET /who", tokens[_i].fields, "");
    ck_assert_str_eq(answer.body, tokens[_i].is ? "friend" : "stranger");
    if (tokens[_i].is) {
        ck_assert_int_eq(status("GET /echo", tokens[_i].fields), 200);
        ck_assert_int_eq(status("GET /nowhere", tokens[_i].fields), 404);
        ck_assert_int_eq(status("PUT /echo", tokens[_i].fields), 405);
    }
    for (size_t i = 0; i < LKI_COUNT(lines) && !tokens[_i].is; i++) {
        answer = ask(lines[i], tokens[_i].fields, "");
        must_be_error(&answer, 401, "unauthorized");
        ck_assert_str_eq(site_field(&answer, "WWW-Authenticate"), "Bearer realm=\"loadkit\"");
        ck_assert_ptr_null(strstr(answer.body, "battery"));
    }
    stop();
}
END_TEST

START_TEST(a_login_sets_a_cookie)
{
    struct site_answer answer;
    char cookie[256];
    char fields[600];
    char name[32];

    start(&(struct lki_web_settings){.token = SITE_TOKEN});
    answer = ask("POST /login", LOCAL JSON, "{\"token\":\"wrong-one\"}");
    must_be_error(&answer, 401, "unauthorized");
    ck_assert_ptr_null(site_field(&answer, "Set-Cookie"));
    answer = ask("POST /login", LOCAL JSON, "{\"token\":\"" SITE_TOKEN "\"}");
    ck_assert_int_eq(answer.status, 204);
    snprintf(cookie, sizeof(cookie), "%s", site_field(&answer, "Set-Cookie"));
    snprintf(name, sizeof(name), "loadkit_%u=", site.seen->port);
    ck_assert_msg(!strncmp(cookie, name, strlen(name)), "%s", cookie);
    ck_assert_str_eq(cookie + strcspn(cookie, ";"), "; Path=/; HttpOnly; SameSite=Strict");
    ck_assert_ptr_null(strstr(cookie, "staple"));
    cookie[strcspn(cookie, ";")] = '\0';
    ck_assert_uint_eq(strlen(cookie), strlen(name) + 32);

    snprintf(fields, sizeof(fields), LOCAL "Cookie: a=b; %s; c=d\r\n", cookie);
    ck_assert_int_eq(status("GET /echo", fields), 200);
    snprintf(fields, sizeof(fields), LOCAL "Cookie: x%s\r\n", cookie);
    ck_assert_int_eq(status("GET /echo", fields), 401);
    cookie[strlen(cookie) - 1] ^= 1;
    snprintf(fields, sizeof(fields), LOCAL "Cookie: %s\r\n", cookie);
    ck_assert_int_eq(status("GET /echo", fields), 401);
    snprintf(fields, sizeof(fields), LOCAL "Cookie: %s\r\n", name);
    ck_assert_int_eq(status("GET /echo", fields), 401);
    stop();
}
END_TEST

START_TEST(a_login_over_https_stays_there)
{
    struct site_answer answer;

    start(&(struct lki_web_settings){.token = SITE_TOKEN});
    answer = ask("POST /login", LOCAL JSON "Origin: https://localhost\r\n",
                 "{\"token\":\"" SITE_TOKEN "\"}");
    ck_assert_int_eq(answer.status, 204);
    ck_assert_ptr_nonnull(strstr(site_field(&answer, "Set-Cookie"), "; Secure"));
    answer = ask("POST /logout", LOCAL "X-Loadkit-Token: " SITE_TOKEN "\r\n", "");
    ck_assert_int_eq(answer.status, 204);
    ck_assert_ptr_nonnull(strstr(site_field(&answer, "Set-Cookie"), "=; Path=/; HttpOnly"));
    ck_assert_ptr_nonnull(strstr(site_field(&answer, "Set-Cookie"), "; Max-Age=0"));
    stop();
}
END_TEST

START_TEST(a_server_without_a_token_lets_anybody_in)
{
    struct site_answer answer;

    start(NULL);
    ck_assert_int_eq(status("GET /echo", LOCAL), 200);
    ck_assert_str_eq(ask("GET /who", LOCAL, "").body, "friend");
    answer = ask("POST /login", LOCAL JSON, "{\"token\":\"anything\"}");
    ck_assert_int_eq(answer.status, 204);
    ck_assert_ptr_null(site_field(&answer, "Set-Cookie"));
    stop();
}
END_TEST

START_TEST(what_is_refused_is_counted)
{
    start(&(struct lki_web_settings){.token = SITE_TOKEN});
    status("GET /echo", LOCAL);
    status("GET /health", "Host: evil.com\r\n");
    status("GET /health", LOCAL "Origin: http://evil.com\r\n");
    status("GET /health", "");
    ck_assert(site_sees(&site.seen->refused, 4));
    ck_assert_int_eq(site.seen->requests, 0);
    stop();
}
END_TEST

static Suite *guard_suite(void)
{
    Suite *suite = suite_create("web_guard");
    TCase *tests = tcase_create("web_guard");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_would_be_unsafe_is_not_opened, 0, (int)LKI_COUNT(refused));
    tcase_add_test(tests, a_port_in_use_is_told);
    tcase_add_loop_test(tests, what_is_safe_is_opened, 0, (int)LKI_COUNT(opened));
    tcase_add_loop_test(tests, foreign_hosts_are_refused, 0, (int)LKI_COUNT(hosts));
    tcase_add_loop_test(tests, foreign_origins_are_refused, 0, (int)LKI_COUNT(origins));
    tcase_add_test(tests, a_preflight_is_answered_to_the_one_origin_alone);
    tcase_add_loop_test(tests, only_the_token_opens, 0, (int)LKI_COUNT(tokens));
    tcase_add_test(tests, a_login_sets_a_cookie);
    tcase_add_test(tests, a_login_over_https_stays_there);
    tcase_add_test(tests, a_server_without_a_token_lets_anybody_in);
    tcase_add_test(tests, what_is_refused_is_counted);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(guard_suite());
}
