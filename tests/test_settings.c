/* What an author, or the options of a run, say of all requests of a user: whether it makes sense,
 * how it travels, and what comes of it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/setup.h"
#include "support/suite.h"
#include "support/visit.h"

static void user_well(const struct rig_user *user)
{
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
}

static const struct refusal {
    struct lk_http_settings settings;
    const char *why;
} refusals[] = {
    {{.headers = LK_PAIRS("A b", "c")}, ".headers: \"A b\" is not the name of a header"},
    {{.headers = LK_PAIRS("A", "b\r\nC: d")}, ".headers: the value of the header \"A\" has a line"},
    {{.headers = LK_PAIRS("A", "b", "C")}, ".headers: the header \"C\" has no value"},
    {{.headers = LK_PAIRS("content-length", "3")}, ".headers: the header \"content-length\" is"},
    {{.timeout_s = -3}, ".timeout_s: -3 is no time; give seconds, or LK_OFF"},
    {{.tls_timeout_s = 0.0 / 0.0}, ".tls_timeout_s: "},
    {{.password = "x"}, ".password: it needs a user"},
    {{.user = "a:b"}, ".user: it has a colon"},
    {{.auth = LK_HTTP_DIGEST}, ".auth: it needs a user"},
    {{.auth = (enum lk_http_auth)7}, ".auth: it is neither"},
    {{.engine = (enum lk_http_engine)7}, ".engine: 7 is none"},
    {{.version = (enum lk_http_version)7}, ".version: 7 is no version"},
    {{.connections = (enum lk_http_connections)7}, ".connections: 7 is none"},
    {{.engine = LK_HTTP_ENGINE_NATIVE, .version = LK_HTTP_2},
     ".engine: the native one cannot speak HTTP/2"},
    {{.engine = LK_HTTP_ENGINE_NATIVE, .proxy = "http://p:1"},
     ".engine: the native one cannot use a proxy"},
    {{.engine = LK_HTTP_ENGINE_NATIVE, .user = "a", .auth = LK_HTTP_DIGEST},
     ".engine: the native one cannot authenticate by digest"},
    {{.no_redirects = true, .max_redirects = 3}, ".max_redirects: it goes with no .no_redirects"},
    {{.tls_min = "1.1"}, ".tls_min: 1.1 is neither 1.2 nor 1.3"},
    {{.key_file = "k.pem"}, ".key_file: it needs a certificate"},
    {{.proxy = "p:3128"}, ".proxy: it does not begin with"},
    {{.proxy = "http://a:secret@p:x/"}, ".proxy: 'p:x/' is not a host and its port"},
    {{.proxy = "http://"}, ".proxy: '' is not a host and its port"},
    {{.unix_socket = "s", .local_addr = "127.0.0.1"}, ".unix_socket: it goes with no local_addr"},
    {{.proxy = "http://p:1", .unix_socket = "/s"}, ".unix_socket: it goes with no proxy"},
    {{.unix_socket = ""}, ".unix_socket: its path is empty"},
    {{.local_addr = "localhost"}, ".local_addr: 'localhost': it is not an address such as"},
    {{.local_addr = "10.0.0.9-10.0.0.7"}, ".local_addr: '10.0.0.9-10.0.0.7': from the first"},
    {{.local_addr = "10.0.0.9-::1"}, ".local_addr: '10.0.0.9-::1': from the first"},
    {{.local_addr = "10.0.0.0-10.1.0.0"}, ".local_addr: '10.0.0.0-10.1.0.0': from the first"},
    {{.local_addr = "fe80::1%eth0"}, ".local_addr: 'fe80::1%eth0': a zone (%...) is not"},
    {{.local_addr = "10.0.0.7-"}, ".local_addr: '10.0.0.7-': it is not an address"},
    {{.resolve = LK_PAIRS("shop", "10.0.0.7")}, ".resolve: shop is not a host and its port"},
    {{.resolve = LK_PAIRS("shop:80/", "10.0.0.7")}, ".resolve: shop:80/ is not a host and"},
    {{.resolve = LK_PAIRS("shop:80", "shop2")}, ".resolve: 'shop2' for shop:80 is not an address"},
    {{.resolve = LK_PAIRS("shop:80", "10.0.0.7", "x:1")}, ".resolve: '' for x:1 is not an"},
};

START_TEST(settings_that_make_no_sense_end_the_step_with_one_line)
{
    struct visit errand = {.settings = &refusals[_i].settings, .requests = 1};
    struct rig_user *user;

    visit_open();
    user = visit_one(&errand);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(!strncmp(user->message, "lk_http_setup: ", 15), "%s", user->message);
    ck_assert_msg(!strncmp(user->message + 15, refusals[_i].why, strlen(refusals[_i].why)), "%s",
                  user->message);
    ck_assert_ptr_null(strchr(user->message, '\n'));
    ck_assert_ptr_null(strstr(user->message, "secret"));
    visit_close();
    ck_assert_uint_eq(visit_server.seen->requests, 0);
    test_server_stop(&visit_server);
}
END_TEST

static void of_another_size(lk_vu *vu, void *arg)
{
    lk_http_setup_with(vu, arg);
}

START_TEST(settings_of_a_newer_loadkit_are_refused_unless_they_ask_for_nothing_new)
{
    struct {
        struct lk_http_settings settings;
        int newer;
    } larger = {.settings = {.size = sizeof(larger)}};
    struct lk_http_settings smaller = {.size = offsetof(struct lk_http_settings, auth),
                                       .auth = (enum lk_http_auth)99};
    struct lk_http_settings none = {.size = 0};
    const void *const cases[] = {&larger, &smaller, &larger, &none, NULL};

    visit_open();
    for (size_t i = 0; i < LKI_COUNT(cases); i++) {
        struct rig_user *user = rig_add(&visit_rig, of_another_size, (void *)(uintptr_t)cases[i]);

        larger.newer = i == 2;
        rig_run(&visit_rig);
        ck_assert_msg(user->outcome == (i < 2 ? LKI_OUTCOME_OK : LKI_OUTCOME_FAILED), "%zu: %s", i,
                      user->message);
    }
    visit_close();
    test_server_stop(&visit_server);
}
END_TEST

/* With every member, but for those that exclude others. */
static const struct lk_http_settings full = {
    .headers = LK_PAIRS("X", "\"q\"\\ \xc3\xa4", "B", ""),
    .user = "u",
    .password = "p",
    .auth = LK_HTTP_DIGEST,
    .engine = LK_HTTP_ENGINE_CURL,
    .version = LK_HTTP_2_ONLY,
    .connections = LK_HTTP_SHARED,
    .timeout_s = 0.125,
    .lookup_timeout_s = 1,
    .connect_timeout_s = 2,
    .tls_timeout_s = 3,
    .first_byte_timeout_s = LK_OFF,
    .max_redirects = 4,
    .no_cookies = true,
    .compressed = true,
    .insecure = true,
    .ca_file = "ca",
    .cert_file = "c",
    .key_file = "k",
    .tls_min = "1.3",
    .proxy = "socks5://a:b@c:1",
    .resolve = LK_PAIRS("shop:80", "::1", "[::2]:81", "10.0.0.7"),
    .local_addr = "10.0.0.7-10.0.0.9",
};

START_TEST(settings_of_a_run_travel_as_text)
{
    struct lk_http_settings back;
    struct lki_arena arena;
    struct lki_buf text;
    struct lki_buf again;
    struct lki_buf why;

    lki_arena_init(&arena, NULL, 0);
    lki_buf_init(&text, LKI_HTTP_SETTINGS_MAX);
    lki_buf_init(&again, LKI_HTTP_SETTINGS_MAX);
    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    lki_http_settings_write(SETTINGS(0), &text);
    ck_assert_uint_eq(text.len, 0);
    lki_http_settings_write(&full, &text);
    ck_assert_msg(!lki_http_settings_read(&back, lki_buf_cstr(&text), &arena, &why), "%s",
                  lki_buf_cstr(&why));
    lki_http_settings_write(&back, &again);
    ck_assert_str_eq(lki_buf_cstr(&again), lki_buf_cstr(&text));
    ck_assert_str_eq(back.headers[1], full.headers[1]);
    ck_assert_str_eq(back.resolve[3], "10.0.0.7");
    ck_assert_ptr_null(back.resolve[4]);
    ck_assert(back.first_byte_timeout_s == LK_OFF);
    ck_assert_int_eq(back.engine, LK_HTTP_ENGINE_CURL);
    lki_buf_release(&text);
    lki_buf_release(&again);
    lki_buf_release(&why);
    lki_arena_reset(&arena);
}
END_TEST

static const struct text_case {
    const char *text;
    const char *why; /* NULL: it is good */
} text_cases[] = {
    {"{}", NULL},
    {"{\"proxy\":null}", NULL},
    {"{\"timeout_s\":1}", NULL},
    {"[]", "http: must be an object"},
    {"{\"proxy\":", "http: must be an object"},
    {"{\"proxi\":\"http://x\"}", "proxi: there is no such setting"},
    {"{\"proxy\":1}", "proxy: must be a text"},
    {"{\"proxy\":\"http://x\\u0000\"}", "proxy: must be a text"},
    {"{\"resolve\":[\"a:1\",\"b\"]}", "resolve: must be an object of texts"},
    {"{\"headers\":{\"a\":1}}", "headers: must be an object of texts"},
    {"{\"insecure\":1}", "insecure: must be true or false"},
    {"{\"max_redirects\":-1}", "max_redirects: must be a whole number from 0"},
    {"{\"max_redirects\":1e12}", "max_redirects: must be a whole number from 0"},
    {"{\"timeout_s\":\"1\"}", "timeout_s: must be a number"},
    {"{\"engine\":\"fast\"}", "engine: is none of the words that it may be"},
    {"{\"engine\":1}", "engine: is none of the words that it may be"},
    {"{\"local_addr\":\"x\"}", "local_addr: 'x': it is not an address"},
};

START_TEST(a_text_that_says_no_settings_is_refused)
{
    const struct text_case *want = &text_cases[_i];
    struct lk_http_settings settings;
    struct lki_arena arena;
    struct lki_buf why;
    enum lk_err err;

    lki_arena_init(&arena, NULL, 0);
    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    err = lki_http_settings_read(&settings, want->text, &arena, &why);
    ck_assert_int_eq(err, want->why ? LK_E_ARG : LK_OK);
    if (want->why)
        ck_assert_msg(!strncmp(lki_buf_cstr(&why), want->why, strlen(want->why)), "%s",
                      lki_buf_cstr(&why));
    lki_buf_release(&why);
    lki_arena_reset(&arena);
}
END_TEST

START_TEST(headers_go_with_each_request_unless_it_has_them_itself)
{
    struct visit visits[] = {
        {.settings = SETTINGS(.headers = LK_PAIRS("X-Team", "red", "Accept", "text/html"),
                              .user = "ann", .password = "secret"),
         .requests = 1},
        {.settings = SETTINGS(.headers = LK_PAIRS("X-Team", "red")),
         .request = {.headers = LK_PAIRS("x-team", "blue")},
         .requests = 1},
    };

    visit_open();
    visit_well(&visits[0]);
    visit_well(&visits[1]);
    visit_close();
    ck_assert(visit_sent(0, "\r\nX-Team: red\r\n"));
    ck_assert(visit_sent(0, "\r\nAccept: text/html\r\n"));
    ck_assert(!visit_sent(0, "*/*"));
    ck_assert(visit_sent(0, "\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n"));
    ck_assert(visit_sent(1, "\r\nx-team: blue\r\n"));
    ck_assert(!visit_sent(1, "red"));
    ck_assert(!visit_sent(1, "Authorization"));
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(what_a_user_does_not_say_is_as_the_run_has_it)
{
    struct visit visits[] = {
        {.requests = 1},
        {.settings = SETTINGS(.timeout_s = 9), .requests = 1},
        {.settings = SETTINGS(.headers = LK_PAIRS("X-Of", "user")), .requests = 1},
    };

    visit_open();
    visit_run_settings("{\"headers\":{\"X-Of\":\"run\"},\"local_addr\":\"127.0.0.3\"}");
    for (size_t i = 0; i < LKI_COUNT(visits); i++)
        visit_well(&visits[i]);
    visit_close();
    for (uint64_t i = 0; i < LKI_COUNT(visits); i++) {
        ck_assert(visit_sent(i, i == 2 ? "\r\nX-Of: user\r\n" : "\r\nX-Of: run\r\n"));
        ck_assert_str_eq(test_server_request(&visit_server, i)->from, "127.0.0.3");
    }
    test_server_stop(&visit_server);
}
END_TEST

static const struct {
    struct lk_http_settings run;
    struct lk_http_settings user;
} apart_cases[] = {
    {{.proxy = "http://p:1"}, {.unix_socket = "/s"}},
    {{.local_addr = "127.0.0.3"}, {.unix_socket = "/s"}},
    {{.unix_socket = "/s"}, {.proxy = "http://p:1"}},
    {{.unix_socket = "/s"}, {.local_addr = "127.0.0.3"}},
};

START_TEST(what_does_not_go_with_what_a_user_says_is_left_aside)
{
    const struct lk_http_settings *said = &apart_cases[_i].user;
    struct lk_http_settings user = *said;
    struct lki_buf why;

    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    lki_http_settings_merge(&user, &apart_cases[_i].run);
    ck_assert_msg(!lki_http_settings_check(&user, &why), "%s", lki_buf_cstr(&why));
    ck_assert(user.proxy == said->proxy && user.local_addr == said->local_addr &&
              user.unix_socket == said->unix_socket);
    lki_buf_release(&why);
}
END_TEST

static void say_again(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, visit_server.url);
    for (int i = 0; i < 3; i++) {
        lk_http_setup(vu, .local_addr = "127.0.0.2", .headers = LK_PAIRS("A", "b"));
        lk_get(vu, "/same");
    }
    ck_assert_ptr_null(vu->http.rules->former);
    lk_http_setup(vu, .local_addr = "127.0.0.4");
    ck_assert_ptr_null(vu->http.session.conns);
    lk_get(vu, "/other");
    lk_http_setup(vu, .local_addr = "127.0.0.4", .timeout_s = 5);
    lk_get(vu, "/kept");
    lki_http_client_reset(&vu->http);
    lk_http_base_url(vu, visit_server.url);
    lk_get(vu, "/new-life");
}

START_TEST(settings_that_reach_servers_otherwise_open_connections_anew_and_others_do_not)
{
    static const char *const from[] = {"127.0.0.2", "127.0.0.2", "127.0.0.2",
                                       "127.0.0.4", "127.0.0.4", "127.0.0.1"};
    static const uint64_t connection[] = {0, 0, 0, 1, 1, 2};
    struct rig_user *user;

    visit_open();
    user = rig_add(&visit_rig, say_again, NULL);
    rig_run(&visit_rig);
    user_well(user);
    visit_close();
    ck_assert_uint_eq(visit_server.seen->requests, 6);
    for (uint64_t i = 0; i < 6; i++) {
        ck_assert_str_eq(test_server_request(&visit_server, i)->from, from[i]);
        ck_assert_uint_eq(test_server_request(&visit_server, i)->connection, connection[i]);
    }
    test_server_stop(&visit_server);
}
END_TEST

static void replace_in_hand(lk_vu *vu, void *arg)
{
    const struct lki_http_rules *held;

    (void)arg;
    lk_http_setup(vu, .headers = LK_PAIRS("A", "1"));
    held = vu->http.rules;
    lki_http_rules_hold(held);
    lk_http_setup(vu, .headers = LK_PAIRS("A", "2"));
    lk_http_setup(vu, .headers = LK_PAIRS("A", "3"));
    ck_assert_ptr_eq(vu->http.rules->former, held);
    ck_assert_ptr_null(held->former);
    ck_assert_str_eq(held->headers, "A: 1\r\n");
    lki_http_rules_drop(held);
    lk_http_setup(vu, .headers = LK_PAIRS("A", "4"));
    ck_assert_ptr_null(vu->http.rules->former);
}

START_TEST(replaced_settings_stay_while_an_exchange_is_in_hand_with_them_and_no_longer)
{
    struct rig_user *user;

    rig_open(&visit_rig);
    user = rig_add(&visit_rig, replace_in_hand, NULL);
    rig_run(&visit_rig);
    user_well(user);
    rig_close(&visit_rig);
}
END_TEST

/* ---- time ---- */

static const struct limit_case {
    struct lk_http_settings settings;
    struct lk_request request;
    int status;
} limit_cases[] = {
    {{.timeout_s = 0.05}, {0}, 0},
    {{.timeout_s = 0.05}, {.timeout_s = 5}, 200},
    {{.timeout_s = 5}, {.timeout_s = 0.05}, 0},
    {{.first_byte_timeout_s = 0.05}, {0}, 0},
    {{.first_byte_timeout_s = 0.05}, {.first_byte_timeout_s = LK_OFF}, 200},
    {{.first_byte_timeout_s = 5}, {.first_byte_timeout_s = 0.05}, 0},
    {{.connect_timeout_s = 0.05, .tls_timeout_s = 0.05}, {0}, 200},
};

START_TEST(time_limits_of_a_request_win_over_those_of_its_user)
{
    static const struct test_script slow = {{SRV_READ, SRV_SLEEP(400), SRV_SEND(VISIT_ANSWER)}};
    const struct limit_case *limits = &limit_cases[_i];
    struct visit errand = {
        .settings = &limits->settings, .request = limits->request, .requests = 1};

    test_server_start(&visit_server, &slow, 1);
    rig_open(&visit_rig);
    visit_well(&errand);
    ck_assert_msg(errand.status == limits->status, "%d %s", errand.status, errand.error);
    ck_assert_uint_eq(rig_count(&visit_rig, LKI_CODE_HTTP_TIMEOUT), limits->status ? 0 : 1);
    visit_close();
    test_server_stop(&visit_server);
}
END_TEST

/* ---- engines ---- */

static struct lki_exchange_request asked;

static void note_exchange(struct lki_http_shared *shared, lk_vu *vu,
                          const struct lki_exchange_request *request, struct lki_arena *arena,
                          struct lki_exchange_result *result)
{
    (void)shared;
    (void)vu;
    asked = *request;
    lki_exchange_begin(result, 1);
    lki_exchange_fail(result, arena, LKI_CODE_HTTP_CONNECT, "it is not carried out");
    result->end_ns = 1;
}

#define NATIVE LK_HTTP_ENGINE_NATIVE
#define CURL LK_HTTP_ENGINE_CURL

static const struct engine_case {
    struct lk_http_settings settings;
    struct lk_request request;
    bool https;
    enum lki_engine engine;
    const char *refused; /* NULL: it is not */
} engine_cases[] = {
    {{0}, {0}, false, LKI_ENGINE_NATIVE, NULL},
    {{0}, {0}, true, LKI_ENGINE_NATIVE, NULL},
    {{0}, {.engine = CURL}, false, LKI_ENGINE_CURL, NULL},
    {{.engine = CURL}, {0}, false, LKI_ENGINE_CURL, NULL},
    {{.engine = CURL}, {.engine = NATIVE}, false, LKI_ENGINE_NATIVE, NULL},
    {{0}, {.version = LK_HTTP_1_1}, false, LKI_ENGINE_NATIVE, NULL},
    {{0}, {.version = LK_HTTP_2}, false, LKI_ENGINE_NATIVE, NULL},
    {{0}, {.version = LK_HTTP_2}, true, LKI_ENGINE_CURL, NULL},
    {{0}, {.version = LK_HTTP_2_ONLY}, false, LKI_ENGINE_CURL, NULL},
    {{.version = LK_HTTP_2}, {0}, true, LKI_ENGINE_CURL, NULL},
    {{.version = LK_HTTP_2}, {.version = LK_HTTP_1_1}, true, LKI_ENGINE_NATIVE, NULL},
    {{.proxy = "http://p:1"}, {.version = LK_HTTP_1_1}, false, LKI_ENGINE_CURL, NULL},
    {{.user = "a", .auth = LK_HTTP_DIGEST}, {0}, false, LKI_ENGINE_CURL, NULL},
    {{.user = "a"}, {0}, false, LKI_ENGINE_NATIVE, NULL},
    {{0}, {.body_file = "/proc/self/exe"}, false, LKI_ENGINE_CURL, NULL},
    {{0}, {.engine = NATIVE, .version = LK_HTTP_2}, true, 0, "cannot speak HTTP/2"},
    {{0}, {.engine = NATIVE, .version = LK_HTTP_2_ONLY}, false, 0, "cannot speak HTTP/2"},
    {{.engine = NATIVE},
     {.body_file = "/proc/self/exe"},
     false,
     0,
     "cannot send a file as the body"},
    {{.proxy = "http://p:1"}, {.engine = NATIVE}, false, 0, "cannot use a proxy"},
    {{.user = "a", .auth = LK_HTTP_DIGEST}, {.engine = NATIVE}, false, 0, "cannot authenticate"},
    {{0}, {.engine = (enum lk_http_engine)9}, false, 0, ".engine is none of"},
    {{0}, {.version = (enum lk_http_version)9}, false, 0, ".version is no version"},
};

START_TEST(the_engine_is_the_native_one_for_all_that_it_can_do)
{
    const struct engine_case *want = &engine_cases[_i];
    struct visit errand = {.settings = &want->settings,
                           .request = want->request,
                           .base = want->https ? "https://shop.test" : "http://shop.test",
                           .requests = 1};
    struct rig_user *user;

    rig_open(&visit_rig);
    visit_rig.http.exchange = note_exchange;
    asked.engine = (enum lki_engine)99;
    user = visit_one(&errand);
    if (want->refused) {
        ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
        ck_assert_msg(strstr(user->message, want->refused) != NULL, "%s", user->message);
        ck_assert_int_eq(asked.engine, 99);
    } else {
        user_well(user);
        ck_assert_int_eq(asked.engine, want->engine);
        ck_assert_int_eq(asked.credentials.digest, want->settings.auth == LK_HTTP_DIGEST);
    }
    rig_close(&visit_rig);
}
END_TEST

/* ---- all of it ---- */

static Suite *settings_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *settings = tcase_create("settings");

    tcase_add_loop_test(settings, settings_that_make_no_sense_end_the_step_with_one_line, 0,
                        LKI_COUNT(refusals));
    tcase_add_test(settings,
                   settings_of_a_newer_loadkit_are_refused_unless_they_ask_for_nothing_new);
    tcase_add_test(settings, settings_of_a_run_travel_as_text);
    tcase_add_loop_test(settings, a_text_that_says_no_settings_is_refused, 0,
                        LKI_COUNT(text_cases));
    tcase_add_test(settings, headers_go_with_each_request_unless_it_has_them_itself);
    tcase_add_test(settings, what_a_user_does_not_say_is_as_the_run_has_it);
    tcase_add_loop_test(settings, what_does_not_go_with_what_a_user_says_is_left_aside, 0,
                        LKI_COUNT(apart_cases));
    tcase_add_test(settings,
                   settings_that_reach_servers_otherwise_open_connections_anew_and_others_do_not);
    tcase_add_test(settings,
                   replaced_settings_stay_while_an_exchange_is_in_hand_with_them_and_no_longer);
    tcase_add_loop_test(settings, time_limits_of_a_request_win_over_those_of_its_user, 0,
                        LKI_COUNT(limit_cases));
    tcase_add_loop_test(settings, the_engine_is_the_native_one_for_all_that_it_can_do, 0,
                        LKI_COUNT(engine_cases));
    suite_add_tcase(suite, settings);
    return suite;
}

int main(void)
{
    return suite_run(settings_suite());
}
