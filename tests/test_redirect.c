/* Redirects: where they lead, what is sent there, how they are counted; and the cookies of a user
 * on all of these ways. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/redirect.h"
#include "client/setup.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define HELLO OK_LINE "Content-Length: 5\r\n\r\nhello"
#define EMPTY "Content-Length: 0\r\n\r\n"
#define MOVED(status, location) "HTTP/1.1 " status " Elsewhere\r\nLocation: " location "\r\n" EMPTY

static struct rig rig;
static struct test_server server;
static struct test_server second;  /* another origin */
static enum lk_http_engine engine; /* of all users */

/* ---- where they lead */

static const struct resolve_case {
    const char *location;
    const char *url;
} resolve_cases[] = {
    /* RFC 3986, section 5.4, with http for its scheme, and without fragments */
    {"g:h", "g:h"},
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q"},
    {"g#s", "http://a/b/c/g"},
    {"g?y#s", "http://a/b/c/g?y"},
    {";x", "http://a/b/c/;x"},
    {"g;x", "http://a/b/c/g;x"},
    {"g;x?y#s", "http://a/b/c/g;x?y"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../", "http://a/"},
    {"../../g", "http://a/g"},
    {"../../../g", "http://a/g"},
    {"../../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {".g", "http://a/b/c/.g"},
    {"g..", "http://a/b/c/g.."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"./g/.", "http://a/b/c/g/"},
    {"g/./h", "http://a/b/c/g/h"},
    {"g/../h", "http://a/b/c/h"},
    {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"g?y/./x", "http://a/b/c/g?y/./x"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
    {"g#s/../x", "http://a/b/c/g"},
    {"http:g", "http:g"},
    /* and what servers send */
    {"https://b/x", "https://b/x"},
    {"HTTP://b:81/x/../y?z=/../#f", "HTTP://b:81/y?z=/../"},
    {"https://b", "https://b"},
    {"https://b?x", "https://b?x"},
    {"https://b#x", "https://b"},
    {"//b:8080/x", "http://b:8080/x"},
    {"/red shoes?q=\xc3\xbc x", "http://a/red%20shoes?q=%C3%BC%20x"},
    {"/x%20y", "http://a/x%20y"},
    {"/?to=http://b/", "http://a/?to=http://b/"},
    {"x?to=http://b/", "http://a/b/c/x?to=http://b/"},
    {"a/b:c", "http://a/b/c/a/b:c"},
    {"1:2", "http://a/b/c/1:2"},
    {"mailto:x@y", "mailto:x@y"},
    {"/..", "http://a/"},
    {"/.", "http://a/"},
    {"//", "http://"},
    {"/a//b/..", "http://a/a//"},
};

static void resolves(const struct lki_redirect_base *base, const struct resolve_case *want)
{
    struct lki_buf url;

    lki_buf_init(&url, 1000);
    lki_redirect_resolve(base, want->location, strlen(want->location), &url);
    ck_assert_str_eq(lki_buf_cstr(&url), want->url);
    lki_buf_release(&url);
}

START_TEST(a_location_is_seen_from_the_page_that_gave_it)
{
    static const struct lki_redirect_base base = {LKI_URL_HTTP, "a", "/b/c/d;p?q"};

    resolves(&base, &resolve_cases[_i]);
}
END_TEST

START_TEST(https_stays_https_unless_it_says_otherwise)
{
    static const struct lki_redirect_base base = {LKI_URL_HTTPS, "a:4433", "/"};
    static const struct resolve_case wants[] = {
        {"//b/x", "https://b/x"}, {"x", "https://a:4433/x"}, {"http://a/", "http://a/"}};

    for (size_t i = 0; i < LKI_COUNT(wants); i++)
        resolves(&base, &wants[i]);
}
END_TEST

/* ---- steps */

static void open_rig(void)
{
    const struct lk_http_settings settings = {.size = sizeof(settings), .engine = engine};
    struct lki_buf text;
    struct lki_buf why;

    lki_buf_init(&text, LKI_HTTP_SETTINGS_MAX);
    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    rig_open(&rig);
    lki_http_settings_write(&settings, &text);
    ck_assert(!lki_http_setup_run(&rig.http, text.len ? lki_buf_cstr(&text) : NULL, &why));
    lki_buf_release(&text);
    lki_buf_release(&why);
}

static void by_native(void)
{
    engine = LK_HTTP_ENGINE_NATIVE;
}

static void by_curl(void)
{
    engine = LK_HTTP_ENGINE_CURL;
}

/* One user runs it against the scripts. */
static struct rig_user *play(void (*run)(lk_vu *vu, void *arg), void *arg,
                             const struct test_script *scripts, size_t count)
{
    struct rig_user *user;

    test_server_start(&server, scripts, count);
    open_rig();
    user = rig_add(&rig, run, arg);
    rig_run(&rig);
    return user;
}

static void has_ended_well(const struct rig_user *user)
{
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
}

static void finish(void)
{
    rig_close(&rig);
    test_server_settle_closed(&server);
}

static const char *request_of(const struct test_server *of, uint64_t index)
{
    return test_server_request(of, index)->bytes;
}

/* The index-th request begins with line, and has text, unless text begins with '!': then it has
 * not. */
static void request_has(const struct test_server *of, uint64_t index, const char *line,
                        const char *text)
{
    const char *request = request_of(of, index);

    ck_assert_msg(!strncmp(request, line, strlen(line)), "%s", request);
    if (text)
        ck_assert_msg(*text == '!' ? !strstr(request, text + 1) : strstr(request, text) != NULL,
                      "%s in: %s", text, request);
}

static uint64_t count_of(const char *name)
{
    const struct lki_metric *metric = rig.metrics.first;

    lki_metrics_fold(&rig.metrics);
    while (metric && (metric->source != LKI_SOURCE_HTTP || strcmp(metric->name, name) != 0))
        metric = metric->next;
    return metric ? metric->total.count : 0;
}

static const struct method_case {
    const char *status;
    const char *method;
    const char *then;
    bool body; /* goes along */
} method_cases[] = {
    {"301", "GET", "GET", false},      {"302", "GET", "GET", false},
    {"303", "GET", "GET", false},      {"307", "GET", "GET", false},
    {"308", "GET", "GET", false},      {"301", "HEAD", "HEAD", false},
    {"303", "HEAD", "HEAD", false},    {"301", "POST", "GET", false},
    {"302", "POST", "GET", false},     {"303", "POST", "GET", false},
    {"307", "POST", "POST", true},     {"308", "POST", "POST", true},
    {"301", "PUT", "PUT", true},       {"302", "PATCH", "PATCH", true},
    {"303", "PUT", "GET", false},      {"303", "DELETE", "GET", false},
    {"302", "DELETE", "DELETE", true}, {"307", "PUT", "PUT", true},
};

static void method_run(lk_vu *vu, void *arg)
{
    const struct method_case *want = arg;
    bool bodiless = !strcmp(want->method, "GET") || !strcmp(want->method, "HEAD");
    lk_response *response;

    lk_http_base_url(vu, server.url);
    response = lk_send(vu, want->method, "/a/b?c", .query = LK_PAIRS("q", "1"),
                       .body = bodiless ? NULL : "the body",
                       .headers = LK_PAIRS("X-Own", "1", "Content-Type", "text/x", "Cookie", "k=v",
                                           "Authorization", "me"));
    LK_REQUIRE(response->status == 200, "%d", response->status);
    LK_REQUIRE(response->redirects == 1, "%u", response->redirects);
    LK_REQUIRE(!strcmp(response->url, lk_format(vu, "%s/a/to?d", server.url)), "%s", response->url);
}

START_TEST(methods_and_bodies_are_kept_or_dropped_as_browsers_do)
{
    const struct method_case *want = &method_cases[_i];
    char moved[200], line[100];
    struct test_script script = {{SRV_READ, SRV_BYTES(moved, 0), SRV_READ, SRV_SEND(HELLO)}};

    snprintf(moved, sizeof(moved), MOVED("%s", "to?d"), want->status);
    script.acts[1].len = strlen(moved);
    if (!strcmp(want->then, "HEAD"))
        script.acts[3] = (struct test_action)SRV_SEND(OK_LINE EMPTY);
    has_ended_well(play(method_run, (void *)(uintptr_t)want, &script, 1));
    finish();
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    ck_assert_uint_eq(server.seen->broken, 0);
    snprintf(line, sizeof(line), "%s /a/b?c&q=1 HTTP/1.1\r\n", want->method);
    request_has(&server, 0, line, NULL);
    snprintf(line, sizeof(line), "%s /a/to?d HTTP/1.1\r\n", want->then);
    request_has(&server, 1, line, want->body ? "\r\n\r\nthe body" : "!the body");
    request_has(&server, 1, line, want->body ? "Content-Length: 8\r\n" : "!Content-Length");
    if (strcmp(want->method, want->then) != 0)
        request_has(&server, 1, line, "!Content-Type");
    request_has(&server, 1, line, "X-Own: 1\r\n");
    request_has(&server, 1, line, "Cookie: k=v\r\n");
    request_has(&server, 1, line, "Authorization: me\r\n");
    test_server_stop(&server);
}
END_TEST

static const struct test_script hello_script = {{SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};

/* Each request is sent on to the second server, and there once more. */
static void play_away(void (*run)(lk_vu *vu, void *arg), const char *status)
{
    char done[200], through[200];
    struct test_script there = {
        {SRV_READ, SRV_BYTES(done, 0), SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};
    struct test_script here = {{SRV_READ, SRV_BYTES(through, 0), SRV_AGAIN}};

    there.acts[1].len = (size_t)snprintf(done, sizeof(done), MOVED("%s", "/done"), status);
    test_server_start(&second, &there, 1);
    here.acts[1].len = (size_t)snprintf(through, sizeof(through), MOVED("%s", "%s/through"), status,
                                        second.url);
    has_ended_well(play(run, NULL, &here, 1));
    finish();
    test_server_settle_closed(&second);
}

static void away_run(lk_vu *vu, void *arg)
{
    lk_response *response;

    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_cookie_set(vu, server.url, "jar=1; Path=/");
    response = lk_post(
        vu, "/in",
        .headers = LK_PAIRS("X-Own", "1", "Cookie", "k=v", "Host", "named", "Authorization", "me"),
        .json = LK_OBJECT("a", 1));
    LK_REQUIRE(response->status == 200 && response->redirects == 2, "%d", response->status);
}

/* Once there, it does not come back. The hosts are the same, so the jar's cookies go to both. */
START_TEST(what_shows_who_asks_stays_with_the_origin_that_it_was_for)
{
    play_away(away_run, "307");
    request_has(&server, 0, "POST /in ", "Host: named\r\n");
    request_has(&server, 0, "POST /in ", "Cookie: k=v\r\n");
    request_has(&server, 0, "POST /in ", "Authorization: me\r\n");
    for (uint64_t i = 0; i < 2; i++) {
        const char *line = i ? "POST /done " : "POST /through ";

        request_has(&second, i, line, "!Authorization");
        request_has(&second, i, line, "!named");
        request_has(&second, i, line, "!k=v");
        request_has(&second, i, line, "Cookie: jar=1\r\n");
        request_has(&second, i, line, "X-Own: 1\r\n");
        request_has(&second, i, line, "\r\n\r\n{\"a\":1}");
    }
    test_server_stop(&second);
    test_server_stop(&server);
}
END_TEST

static void rules_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_setup(vu, .headers = LK_PAIRS("Authorization", "all", "X-All", "1"));
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/in");
    lk_http_setup(vu, .user = "me", .password = "secret");
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/in", .authorization = "own");
    lk_get(vu, "/in");
}

START_TEST(nor_does_what_holds_for_all_requests_go_there)
{
    play_away(rules_run, "302");
    request_has(&server, 0, "GET /in ", "Authorization: all\r\n");
    request_has(&server, 1, "GET /in ", "Authorization: own\r\n");
    request_has(&server, 2, "GET /in ", "Authorization: Basic ");
    request_has(&second, 0, "GET /through ", "X-All: 1\r\n");
    for (uint64_t i = 0; i < 6; i++)
        request_has(&second, i, i % 2 ? "GET /done " : "GET /through ", "!Authorization");
    test_server_stop(&second);
    test_server_stop(&server);
}
END_TEST

static void names_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_post(vu, "/orders/17");
    lk_post(vu, "/orders/18", .name = "order");
}

START_TEST(each_hop_is_a_sample_under_its_own_name)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(MOVED("303", "/orders/17/done?x")), SRV_READ,
         SRV_SEND(MOVED("302", "/front")), SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};

    has_ended_well(play(names_run, NULL, &script, 1));
    ck_assert_uint_eq(count_of("POST /orders/{id}"), 1);
    ck_assert_uint_eq(count_of("GET /orders/{id}/done"), 1);
    ck_assert_uint_eq(count_of("GET /front"), 1);
    ck_assert_uint_eq(count_of("order"), 3);
    ck_assert_uint_eq(rig_count(&rig, 303), 2);
    ck_assert_uint_eq(rig_count(&rig, 302), 2);
    ck_assert_uint_eq(rig_count(&rig, 200), 2);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 6);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 0);
    finish();
    ck_assert_uint_eq(server.seen->requests, 6);
    test_server_stop(&server);
}
END_TEST

static void loop_run(lk_vu *vu, void *arg)
{
    size_t bytes = 0;

    (void)arg;
    lk_http_base_url(vu, server.url);
    for (int i = 0; i < 200; i++) {
        lk_response *response = lk_get(vu, "/", .headers = LK_PAIRS("X-A", "1"));

        LK_REQUIRE(strstr(response->url, "/there"), "%s", response->url);
        lk_response_free(response);
        bytes = i < 10 ? lki_vu_arena(vu)->bytes : bytes;
    }
    LK_REQUIRE(lki_vu_arena(vu)->bytes == bytes, "%zu", lki_vu_arena(vu)->bytes);
}

START_TEST(a_step_that_gives_answers_back_does_not_grow)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(MOVED("302", "/there")), SRV_READ, SRV_SEND(HELLO), SRV_AGAIN}};

    has_ended_well(play(loop_run, NULL, &script, 1));
    finish();
    test_server_stop(&server);
}
END_TEST

/* ---- how far they are followed */

struct end {
    struct lk_request request;
    struct lk_http_settings settings;
    int status;
    unsigned redirects;
    double seconds;
    char url[100];
    char error[200];
};

static void end_run(lk_vu *vu, void *arg)
{
    struct end *end = arg;
    lk_response *response;

    end->settings.size = sizeof(end->settings);
    lk_http_setup_with(vu, &end->settings);
    lk_http_base_url(vu, server.url);
    end->request.size = sizeof(end->request);
    end->request.method = end->request.method ? end->request.method : "GET";
    end->request.url = "/0";
    end->request.keep_going = true;
    response = lk_http(vu, &end->request);
    end->status = response->status;
    end->redirects = response->redirects;
    end->seconds = response->seconds;
    snprintf(end->url, sizeof(end->url), "%s", response->url);
    snprintf(end->error, sizeof(end->error), "%s", lk_error(response));
}

static const struct test_script circle = {{SRV_READ, SRV_SEND(MOVED("302", "/x")), SRV_AGAIN}};

static const struct limit_case {
    unsigned by_request, by_rules;
    bool not_by_request, not_by_rules;
    unsigned followed; /* 0: the redirect is the answer */
} limit_cases[] = {
    {0, 0, false, false, 10}, {3, 0, false, false, 3}, {0, 1, false, false, 1},
    {2, 5, false, false, 2},  {0, 0, true, false, 0},  {3, 3, true, false, 0},
    {0, 0, false, true, 0},   {4, 0, false, true, 4},
};

START_TEST(redirects_without_end_are_followed_so_far_and_no_further)
{
    const struct limit_case *want = &limit_cases[_i];
    struct end end = {
        .request = {.max_redirects = want->by_request, .no_redirects = want->not_by_request},
        .settings = {.max_redirects = want->by_rules, .no_redirects = want->not_by_rules}};

    play(end_run, &end, &circle, 1);
    ck_assert_uint_eq(end.redirects, want->followed);
    ck_assert_int_eq(end.status, want->followed ? 0 : 302);
    ck_assert_int_eq(*end.error != 0, want->followed > 0);
    if (want->followed) {
        ck_assert_ptr_nonnull(
            strstr(end.error, "cannot follow the redirect to \"http://127.0.0.1"));
        ck_assert_ptr_nonnull(strstr(end.error, "/x\": there were too many before it"));
    }
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_REDIRECTS), want->followed > 0);
    ck_assert_uint_eq(rig_count(&rig, 302), want->followed ? want->followed : 1);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, want->followed > 0);
    finish();
    ck_assert_uint_eq(server.seen->requests, want->followed + 1);
    ck_assert_uint_eq(server.seen->connections, 1);
    test_server_stop(&server);
}
END_TEST

static const struct other_case {
    const char *answer;
    int status;
    const char *error;
} other_cases[] = {
    /* no redirects */
    {"HTTP/1.1 302 Found\r\n" EMPTY, 302, ""},
    {MOVED("302", ""), 302, ""},
    {MOVED("200", "/x"), 200, ""},
    {MOVED("201", "/x"), 201, ""},
    {MOVED("300", "/x"), 300, ""},
    {MOVED("304", "/x"), 304, ""},
    {MOVED("305", "/x"), 305, ""},
    {MOVED("404", "/x"), 404, ""},
    /* those that lead nowhere */
    {MOVED("302", "ftp://a/x"), 0, "to \"ftp://a/x\": only http:// and https:// are spoken"},
    {MOVED("302", "javascript:alert(1)"), 0, "to \"javascript:alert(1)\": it does not begin with"},
    {MOVED("302", "http://"), 0, "the host is empty"},
    {MOVED("302", "http://a:99999/"), 0, "the port is greater than 65535"},
    {MOVED("302", "http://me:pw@a/"), 0, "a user name in a URL"},
    {MOVED("302", "/a\tb"), 0, "a space or a control character"},
};

START_TEST(what_is_no_redirect_or_leads_nowhere_is_told_apart)
{
    const struct other_case *want = &other_cases[_i];
    struct test_script script = {{SRV_READ, SRV_BYTES(want->answer, strlen(want->answer))}};
    struct end end = {.status = -1};

    has_ended_well(play(end_run, &end, &script, 1));
    ck_assert_int_eq(end.status, want->status);
    ck_assert_uint_eq(end.redirects, 0);
    ck_assert_str_eq(end.url, "");
    ck_assert_msg(*want->error ? strstr(end.error, want->error) != NULL : !*end.error, "%s",
                  end.error);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_REDIRECTS), *want->error != '\0');
    finish();
    ck_assert_uint_eq(server.seen->requests, 1);
    test_server_stop(&server);
}
END_TEST

static void plain_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/");
}

START_TEST(too_many_end_the_step)
{
    struct rig_user *user = play(plain_run, NULL, &circle, 1);

    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message, "GET /x got no answer: HTTP_REDIRECTS");
    finish();
    test_server_stop(&server);
}
END_TEST

/* The last one has what the others have left. */
START_TEST(the_time_is_for_all_hops_together)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SLEEP(400), SRV_SEND(MOVED("302", "/x")), SRV_READ, SRV_SLEEP(400),
         SRV_SEND(MOVED("302", "/y")), SRV_READ, SRV_STALL}};
    struct end end = {.request = {.timeout_s = 1}};

    play(end_run, &end, &script, 1);
    ck_assert_int_eq(end.status, 0);
    ck_assert_uint_eq(end.redirects, 2);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    ck_assert_uint_eq(rig_count(&rig, 302), 2);
    ck_assert_msg(end.seconds > 0 && end.seconds < 0.95, "%f", end.seconds);
    finish();
    test_server_stop(&server);
}
END_TEST

START_TEST(a_step_that_is_over_goes_no_further)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(MOVED("302", "/x")), SRV_READ, SRV_STALL}};
    struct end end = {.status = -1};
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    open_rig();
    user = rig_add(&rig, end_run, &end);
    user->timeout_ns = 100 * LKI_NS_PER_MS;
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_int_eq(end.status, -1);
    ck_assert_uint_eq(rig_count(&rig, 302), 1);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    finish();
    test_server_stop(&server);
}
END_TEST

/* ---- what is expected of the last answer */

static void expect_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/", .expect = 200);
    lk_get(vu, "/", .expect = 302, .no_redirects = true);
    lk_get(vu, "/", .expect = 302);
}

START_TEST(the_last_answer_is_what_is_expected)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(MOVED("302", "/x")), SRV_READ, SRV_SEND(HELLO), SRV_READ,
         SRV_SEND(MOVED("302", "/x")), SRV_READ, SRV_SEND(MOVED("302", "/x")), SRV_READ,
         SRV_SEND(HELLO)}};
    struct rig_user *user = play(expect_run, NULL, &script, 1);

    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(strstr(user->message, "302") && strstr(user->message, "200"), "%s",
                  user->message);
    ck_assert_uint_eq(rig_count(&rig, 302), 3);
    ck_assert_uint_eq(rig_count(&rig, 200), 2);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 1);
    finish();
    test_server_stop(&server);
}
END_TEST

/* ---- cookies */

#define SETS(fields) OK_LINE fields "Content-Length: 0\r\n\r\n"

static void login_run(lk_vu *vu, void *arg)
{
    lk_response *response;

    (void)arg;
    lk_http_base_url(vu, server.url);
    LK_REQUIRE(!*lk_cookie(vu, "/", "session"), "before the login");
    lk_post(vu, "/login", .form = LK_PAIRS("user", "me"));
    LK_REQUIRE(!strcmp(lk_cookie(vu, "/", "session"), "abc"), "%s", lk_cookie(vu, "/", "session"));
    LK_REQUIRE(!strcmp(lk_cookie(vu, "/shop/x", "cart"), "7"), "cart");
    LK_REQUIRE(!*lk_cookie(vu, "/", "cart"), "cart at /");
    LK_REQUIRE(!*lk_cookie(vu, "http://other.test/", "session"), "elsewhere");
    response = lk_get(vu, "/shop/1");
    LK_REQUIRE(response->status == 200, "%d", response->status);
    lk_get(vu, "/shop/2", .no_cookies = true);
    lk_get(vu, "/shop/3", .headers = LK_PAIRS("cookie", "own=1"));
    lk_cookie_set(vu, "/shop/", "set=by hand");
    lk_get(vu, "/shop/4");
    lk_cookies_clear(vu);
    lk_get(vu, "/shop/5");
}

START_TEST(cookies_are_taken_on_every_hop_and_go_out_from_then_on)
{
    static const struct test_script script = {
        {SRV_READ,
         SRV_SEND("HTTP/1.1 303 See Other\r\nSet-Cookie: session=abc; Path=/; HttpOnly\r\n"
                  "set-cookie: cart=7; Path=/shop\r\nLocation: /home\r\n" EMPTY),
         SRV_READ, SRV_SEND(HELLO), SRV_READ,
         SRV_SEND(SETS("Set-Cookie: cart=8; Path=/shop\r\nSet-Cookie: evil=1; Domain=com\r\n")),
         SRV_READ, SRV_SEND(SETS("Set-Cookie: ignored=1\r\n")), SRV_READ, SRV_SEND(HELLO), SRV_READ,
         SRV_SEND(HELLO), SRV_READ, SRV_SEND(HELLO)}};

    has_ended_well(play(login_run, NULL, &script, 1));
    finish();
    request_has(&server, 0, "POST /login ", "!Cookie");
    request_has(&server, 1, "GET /home ", "Cookie: session=abc\r\n");
    request_has(&server, 2, "GET /shop/1 ", "Cookie: cart=7; session=abc\r\n");
    request_has(&server, 3, "GET /shop/2 ", "!Cookie");
    request_has(&server, 4, "GET /shop/3 ", "cookie: own=1\r\n");
    request_has(&server, 4, "GET /shop/3 ", "!Cookie");
    request_has(&server, 5, "GET /shop/4 ", "Cookie: cart=8; set=by hand; session=abc\r\n");
    request_has(&server, 6, "GET /shop/5 ", "!Cookie");
    ck_assert_uint_eq(server.seen->broken, 0);
    test_server_stop(&server);
}
END_TEST

static void off_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_setup(vu, .no_cookies = true);
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/1");
    lk_get(vu, "/2");
    lk_cookie_set(vu, "/", "a=1");
    lk_get(vu, "/3");
}

START_TEST(a_user_may_do_without_cookies)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(SETS("Set-Cookie: a=b; Path=/\r\n")), SRV_AGAIN}};

    has_ended_well(play(off_run, NULL, &script, 1));
    finish();
    for (uint64_t i = 0; i < 3; i++)
        request_has(&server, i, "GET /", "!Cookie");
    test_server_stop(&server);
}
END_TEST

/* Four users, of four requests each. */
static void play_four(void (*run)(lk_vu *vu, void *arg), const struct test_script *scripts,
                      size_t count)
{
    struct rig_user *users[4];

    test_server_start(&server, scripts, count);
    open_rig();
    for (int i = 0; i < 4; i++)
        users[i] = rig_add(&rig, run, NULL);
    rig_run(&rig);
    for (int i = 0; i < 4; i++)
        has_ended_well(users[i]);
    finish();
    ck_assert_uint_eq(server.seen->requests, 16);
}

static void own_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, lk_format(vu, "/%llu/first", (unsigned long long)lk_user_id(vu)));
    for (int i = 0; i < 3; i++)
        lk_get(vu, lk_format(vu, "/%llu/again", (unsigned long long)lk_user_id(vu)));
}

/* Each connection gets another cookie, for the same path: whoever sends one must have got it. */
START_TEST(two_users_never_share_a_cookie)
{
    char sets[4][100];
    struct test_script scripts[4];

    for (int i = 0; i < 4; i++) {
        snprintf(sets[i], sizeof(sets[i]), SETS("Set-Cookie: who=%d; Path=/\r\n"), i);
        scripts[i] = (struct test_script){{SRV_READ, SRV_BYTES(sets[i], strlen(sets[i])), SRV_READ,
                                           SRV_SEND(HELLO), SRV_READ, SRV_SEND(HELLO), SRV_READ,
                                           SRV_SEND(HELLO)}};
    }
    play_four(own_run, scripts, 4);
    for (uint64_t i = 0; i < 16; i++) {
        const struct test_request *request = test_server_request(&server, i);
        char line[40];

        snprintf(line, sizeof(line), "\r\nCookie: who=%d\r\n", (int)request->connection);
        ck_assert_msg(strstr(request->bytes, "/first ") ? !strstr(request->bytes, "Cookie")
                                                        : strstr(request->bytes, line) != NULL,
                      "connection %d: %s", (int)request->connection, request->bytes);
    }
    test_server_stop(&server);
}
END_TEST

static void shared_run(lk_vu *vu, void *arg)
{
    unsigned long long id = lk_user_id(vu);

    (void)arg;
    lk_http_setup(vu, .connections = LK_HTTP_SHARED);
    lk_http_base_url(vu, server.url);
    lk_cookie_set(vu, "/", lk_format(vu, "who=%llu", id));
    for (int i = 0; i < 4; i++)
        lk_get(vu, lk_format(vu, "/%llu", id));
}

/* Nor when they share their connections. */
START_TEST(a_shared_connection_shares_no_cookies)
{
    play_four(shared_run, &hello_script, 1);
    for (uint64_t i = 0; i < 16; i++) {
        const char *request = request_of(&server, i);
        char line[40];

        snprintf(line, sizeof(line), "\r\nCookie: who=%d\r\n", atoi(request + strlen("GET /")));
        ck_assert_msg(strstr(request, line), "%s", request);
    }
    test_server_stop(&server);
}
END_TEST

static void lives_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/");
    lk_get(vu, "/");
    lki_http_client_reset(&vu->http);
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/new");
}

START_TEST(a_new_life_begins_without_cookies)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(SETS("Set-Cookie: a=b; Max-Age=1000\r\n")), SRV_AGAIN}};

    has_ended_well(play(lives_run, NULL, &script, 1));
    finish();
    request_has(&server, 1, "GET / ", "Cookie: a=b\r\n");
    request_has(&server, 2, "GET /new ", "!Cookie");
    test_server_stop(&server);
}
END_TEST

static void expiry_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_cookie_set(vu, "/", "long=1; Max-Age=3600");
    lk_cookie_set(vu, "/", "short=1; Max-Age=10");
    LK_REQUIRE(*lk_cookie(vu, "/", "short"), "at once");
    vu->loop->clock.fake_ns += 11 * LKI_NS_PER_S;
    LK_REQUIRE(!*lk_cookie(vu, "/", "short"), "after 11 s");
    LK_REQUIRE(*lk_cookie(vu, "/", "long"), "the other one");
    lk_cookie_set(vu, "/", "long=1; Expires=Wed, 01 Jan 2020 00:00:00 GMT");
    LK_REQUIRE(!*lk_cookie(vu, "/", "long"), "taken back");
    lk_cookie_set(vu, "/", "far=1; Expires=Sat, 01 Jan 2400 00:00:00 GMT");
    LK_REQUIRE(*lk_cookie(vu, "/", "far"), "far from now");
}

START_TEST(cookies_expire_by_the_clock_of_the_user)
{
    struct rig_user *user;

    test_server_start(&server, &hello_script, 1);
    open_rig();
    rig.loop.clock.fake = true;
    user = rig_add(&rig, expiry_run, NULL);
    rig_run(&rig);
    has_ended_well(user);
    finish();
    test_server_stop(&server);
}
END_TEST

static const struct wrong_case {
    const char *url;
    const char *cookie;
    const char *message;
} wrong_cases[] = {
    {"/", "nonsense", "cannot set the cookie \"nonsense\" for /: it has no name and value"},
    {"/", NULL, "for /: it is NULL"},
    {"/", "a=b; Domain=other.test", "its domain is not that of the host"},
    {"http://a.test/", "a=b; Domain=test", "its domain is that of too many hosts"},
    {"/", "a=b\r\nX: y", "it has a control character"},
    {"/ /", "a=b", "cannot use the path \"/ /\""},
    {"ftp://a/", "a=b", "only http:// and https:// are spoken"},
    {NULL, "a=b", "a request without a URL"},
};

static void wrong_run(lk_vu *vu, void *arg)
{
    const struct wrong_case *want = arg;

    lk_http_base_url(vu, server.url);
    lk_cookie_set(vu, want->url, want->cookie);
}

START_TEST(a_cookie_that_cannot_be_ends_the_step)
{
    const struct wrong_case *want = &wrong_cases[_i];
    struct rig_user *user = play(wrong_run, (void *)(uintptr_t)want, &hello_script, 1);

    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(strstr(user->message, want->message), "%s", user->message);
    finish();
    test_server_stop(&server);
}
END_TEST

/* What both engines do alike. */
static TCase *of_engine(const char *name, void (*choose)(void))
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, choose, NULL);
    tcase_add_loop_test(tcase, methods_and_bodies_are_kept_or_dropped_as_browsers_do, 0,
                        LKI_COUNT(method_cases));
    tcase_add_test(tcase, what_shows_who_asks_stays_with_the_origin_that_it_was_for);
    tcase_add_test(tcase, nor_does_what_holds_for_all_requests_go_there);
    tcase_add_test(tcase, each_hop_is_a_sample_under_its_own_name);
    tcase_add_loop_test(tcase, redirects_without_end_are_followed_so_far_and_no_further, 0,
                        LKI_COUNT(limit_cases));
    tcase_add_loop_test(tcase, what_is_no_redirect_or_leads_nowhere_is_told_apart, 0,
                        LKI_COUNT(other_cases));
    tcase_add_test(tcase, a_step_that_gives_answers_back_does_not_grow);
    tcase_add_test(tcase, too_many_end_the_step);
    tcase_add_test(tcase, the_time_is_for_all_hops_together);
    tcase_add_test(tcase, a_step_that_is_over_goes_no_further);
    tcase_add_test(tcase, the_last_answer_is_what_is_expected);
    tcase_add_test(tcase, cookies_are_taken_on_every_hop_and_go_out_from_then_on);
    tcase_add_test(tcase, a_user_may_do_without_cookies);
    tcase_add_test(tcase, two_users_never_share_a_cookie);
    tcase_add_test(tcase, a_shared_connection_shares_no_cookies);
    tcase_add_test(tcase, a_new_life_begins_without_cookies);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("redirect");
    TCase *tcase = tcase_create("redirect");

    tcase_add_loop_test(tcase, a_location_is_seen_from_the_page_that_gave_it, 0,
                        LKI_COUNT(resolve_cases));
    tcase_add_test(tcase, https_stays_https_unless_it_says_otherwise);
    tcase_add_test(tcase, cookies_expire_by_the_clock_of_the_user);
    tcase_add_loop_test(tcase, a_cookie_that_cannot_be_ends_the_step, 0, LKI_COUNT(wrong_cases));
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, of_engine("native", by_native));
    suite_add_tcase(suite, of_engine("curl", by_curl));
    return suite_run(suite);
}
