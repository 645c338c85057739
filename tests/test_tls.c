/* HTTP over TLS by the native engine: whom it trusts, what it says when it does not, what it
 * resumes, and servers that misbehave in the middle of it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/descriptors.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"
#include "support/tls_server.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct rig rig;
static struct tls_server server;

/* What a user is to do, and what it got. */
struct visit {
    struct lk_http_settings settings;
    struct lk_request request;
    unsigned times;
    unsigned answers;
    int status; /* of the last one */
    size_t body_bytes;
    char body[16];
    char error[400];
};

static void visit_once(lk_vu *vu, struct visit *visit)
{
    struct lk_request request = visit->request;
    lk_response *response;

    request.size = sizeof(request);
    request.method = request.method ? request.method : "GET";
    request.url = request.url ? request.url : "/";
    request.keep_going = true;
    response = lk_http(vu, &request);
    visit->status = response->status;
    visit->answers += response->status != 0;
    visit->body_bytes = response->body_bytes;
    snprintf(visit->body, sizeof(visit->body), "%s", response->body);
    snprintf(visit->error, sizeof(visit->error), "%s", lk_error(response));
}

static void visit_run(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;

    visit->settings.size = sizeof(visit->settings);
    lk_http_setup_with(vu, &visit->settings);
    lk_http_base_url(vu, server.url);
    for (unsigned i = 0; i < (visit->times ? visit->times : 1); i++)
        visit_once(vu, visit);
}

/* One user's visit to a server of this kind, in a rig that stays open. */
static struct rig_user *visit_server(const struct tls_server_setup *setup, struct visit *visit)
{
    struct rig_user *user;

    tls_server_start(&server, setup);
    rig_open(&rig);
    if (!visit->settings.ca_file && !visit->settings.insecure)
        visit->settings.ca_file = server.ca;
    user = rig_add(&rig, visit_run, visit);
    rig_run(&rig);
    return user;
}

static void end(void)
{
    rig_close(&rig);
    tls_server_stop(&server);
}

static void got_hello(const struct visit *visit)
{
    ck_assert_msg(visit->status == 200 && !strcmp(visit->body, "hello"), "%d %s", visit->status,
                  visit->error);
}

/* The only request has failed by TLS, with these words. */
static void refused(const struct visit *visit, const char *words)
{
    ck_assert_int_eq(visit->status, 0);
    ck_assert_msg(strstr(visit->error, words) != NULL, "%s", visit->error);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TLS), 1);
}

/* Of a number that another process sets. */
static void wait_for(const volatile unsigned *number, unsigned least)
{
    for (int i = 0; *number < least; i++) {
        ck_assert_int_lt(i, 5000);
        usleep(1000);
    }
}

/* ---- whom it trusts ---- */

static const struct {
    enum tls_cert cert;
    const char *words; /* NULL: it is trusted */
} cert_cases[] = {
    {TLS_CERT_GOOD, NULL},
    {TLS_CERT_EXPIRED, "the server's certificate expired on 20"},
    {TLS_CERT_EARLY, "the server's certificate is not valid before 20"},
    {TLS_CERT_ELSEWHERE, "is for a.test, b.test, 10.1.2.3, not for localhost"},
    {TLS_CERT_STRANGER, "is signed by /CN=Somebody Else, who is not trusted here; name who signed "
                        "it by ca_file"},
    {TLS_CERT_ALONE, "is self-signed; name who signed it by ca_file"},
};

START_TEST(a_certificate_is_trusted_or_what_is_wrong_with_it_is_said)
{
    const char *words = cert_cases[_i / 2].words;
    struct visit visit = {.times = 1};

    visit_server(
        &(struct tls_server_setup){.cert = cert_cases[_i / 2].cert, .version = 12 + _i % 2},
        &visit);
    if (words) {
        refused(&visit, words);
        ck_assert_msg(strstr(visit.error, "localhost:") != NULL, "%s", visit.error);
        ck_assert_uint_eq(rig.metrics.totals->http_sent, 0);
    } else {
        got_hello(&visit);
        ck_assert_str_eq((const char *)(uintptr_t)server.seen->name, "localhost");
    }
    end();
}
END_TEST

START_TEST(whoever_is_insecure_trusts_all)
{
    struct visit visit = {.settings.insecure = true};

    visit_server(&(struct tls_server_setup){.cert = (enum tls_cert)_i}, &visit);
    got_hello(&visit);
    end();
}
END_TEST

static void address_run(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;

    visit->request.url = server.address;
    visit_run(vu, arg);
}

START_TEST(an_address_is_looked_for_in_the_certificate_and_not_asked_for_by_name)
{
    static const enum tls_cert certs[] = {TLS_CERT_GOOD, TLS_CERT_ELSEWHERE};
    struct visit visit = {.times = 1};

    tls_server_start(&server, &(struct tls_server_setup){.cert = certs[_i]});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, address_run, &visit);
    rig_run(&rig);
    if (_i)
        refused(&visit, "is for a.test, b.test, 10.1.2.3, not for 127.0.0.1");
    else
        got_hello(&visit);
    ck_assert_str_eq((const char *)(uintptr_t)server.seen->name, "");
    end();
}
END_TEST

/* ---- a certificate of one's own ---- */

enum own { OWN_NONE, OWN_GOOD, OWN_STRANGER, OWN_WRONG_KEY, OWN_NO_KEY, OWN_NO_FILE, OWN_COUNT };

static const char *const own_words[] = {
    [OWN_NONE] = "the server requires a client certificate; give cert_file",
    [OWN_GOOD] = NULL,
    [OWN_STRANGER] = "the server did not accept the client certificate",
    [OWN_WRONG_KEY] = "wrong.key does not fit the certificate",
    [OWN_NO_KEY] = "cannot use the key ",
    [OWN_NO_FILE] = "cannot read the certificate /nowhere/client.pem: No such file",
};

static void own_run(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;
    enum own own = (enum own)visit->request.max_redirects;
    struct lk_http_settings *settings = &visit->settings;

    visit->request.max_redirects = 0;
    settings->cert_file = own == OWN_NONE       ? NULL
                          : own == OWN_STRANGER ? server.stranger
                          : own == OWN_NO_FILE  ? "/nowhere/client.pem"
                                                : server.client;
    settings->key_file = own == OWN_GOOD        ? server.client_key
                         : own == OWN_WRONG_KEY ? server.wrong_key
                                                : NULL;
    visit_run(vu, arg);
}

START_TEST(a_server_may_ask_for_a_certificate)
{
    enum own own = (enum own)(_i / 2);
    struct visit visit = {.request.max_redirects = (unsigned)own};

    tls_server_start(&server,
                     &(struct tls_server_setup){.wants_client = true, .version = 12 + _i % 2});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, own_run, &visit);
    rig_run(&rig);
    if (own_words[own])
        refused(&visit, own_words[own]);
    else
        got_hello(&visit);
    end();
}
END_TEST

START_TEST(a_server_may_ask_for_a_certificate_after_the_handshake)
{
    struct visit visit = {.times = 2, .request.max_redirects = OWN_GOOD};

    tls_server_start(&server, &(struct tls_server_setup){.asks_later = true, .version = 13});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, own_run, &visit);
    rig_run(&rig);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    end();
}
END_TEST

START_TEST(a_file_of_authorities_that_cannot_be_used_is_named)
{
    static const char *const files[] = {"/nowhere/ca.pem", "/dev/null"};
    static const char *const words[] = {
        "cannot read the file of CA certificates /nowhere/ca.pem: No such file",
        "cannot use the file of CA certificates /dev/null"};
    struct visit visit = {.settings.ca_file = files[_i]};

    visit_server(&(struct tls_server_setup){.cert = TLS_CERT_GOOD}, &visit);
    refused(&visit, words[_i]);
    end();
}
END_TEST

/* ---- what both can speak ---- */

START_TEST(an_older_version_than_the_least_is_refused)
{
    struct visit visit = {.settings.tls_min = "1.3"};

    visit_server(&(struct tls_server_setup){.version = 12}, &visit);
    refused(&visit, "no common version of TLS with the server; tls_min");
    end();
}
END_TEST

START_TEST(a_server_of_another_protocol_is_refused)
{
    struct visit visit = {.times = 1};

    visit_server(&(struct tls_server_setup){.no_protocol = true}, &visit);
    refused(&visit, "the server does not speak HTTP/1.1 over TLS");
    end();
}
END_TEST

/* ---- what is resumed ---- */

START_TEST(a_user_resumes_its_own_session)
{
    struct visit visit = {.times = 3, .request.new_connection = true};

    visit_server(&(struct tls_server_setup){.version = 12 + _i}, &visit);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->connections, 3);
    ck_assert_uint_eq(server.seen->resumed, 2);
    end();
}
END_TEST

START_TEST(two_users_never_resume_each_others_sessions_unless_they_share)
{
    enum lk_http_connections whose = _i / 2 ? LK_HTTP_SHARED : LK_HTTP_OWN;
    struct visit first = {.settings.connections = whose, .request.new_connection = true};
    struct visit second = first;

    visit_server(&(struct tls_server_setup){.version = 12 + _i % 2}, &first);
    got_hello(&first);
    second.settings.ca_file = server.ca;
    rig_add(&rig, visit_run, &second);
    rig_run(&rig);
    got_hello(&second);
    ck_assert_uint_eq(server.seen->connections, 2);
    ck_assert_uint_eq(server.seen->resumed, whose == LK_HTTP_SHARED);
    end();
}
END_TEST

START_TEST(a_new_life_resumes_nothing)
{
    struct visit visit = {.request.new_connection = true};
    struct rig_user *user = visit_server(&(struct tls_server_setup){.version = 12 + _i}, &visit);

    got_hello(&visit);
    lki_http_client_reset(&user->vu.http);
    user->run = visit_run;
    rig_run(&rig);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->connections, 2);
    ck_assert_uint_eq(server.seen->resumed, 0);
    end();
}
END_TEST

/* Between its two requests tickets come. */
static void idle_run(lk_vu *vu, void *arg)
{
    visit_run(vu, arg);
    server.seen->late = 1;
    while (server.seen->tickets < 2)
        lk_sleep(vu, 0.001);
    lk_sleep(vu, 0);
    lk_sleep(vu, 0);
    visit_once(vu, arg);
}

START_TEST(tickets_on_an_idle_connection_leave_it_as_it_is)
{
    struct visit visit = {.times = 1};

    tls_server_start(&server,
                     &(struct tls_server_setup){.version = 13, .tickets = 2, .late = true});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, idle_run, &visit);
    rig_run(&rig);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    end();
}
END_TEST

START_TEST(the_server_is_told_of_the_end)
{
    struct visit visit = {.request.new_connection = true};

    visit_server(&(struct tls_server_setup){.cert = TLS_CERT_GOOD}, &visit);
    got_hello(&visit);
    wait_for(&server.seen->closed, 1);
    ck_assert_uint_eq(server.seen->ended, 1);
    end();
}
END_TEST

/* ---- ends ---- */

static void ended_run(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;

    visit_run(vu, arg);
    while (server.seen->closed < visit->answers)
        lk_sleep(vu, 0.001);
    lk_sleep(vu, 0);
    visit_once(vu, arg);
}

START_TEST(a_connection_that_the_server_has_ended_is_not_used_again)
{
    struct visit visit = {.times = 1};

    tls_server_start(&server, &(struct tls_server_setup){.close = !_i, .drop = _i});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, ended_run, &visit);
    rig_run(&rig);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_sent, 2);
    end();
}
END_TEST

START_TEST(a_body_up_to_the_end_of_the_stream_needs_an_end_of_tls)
{
    struct visit visit = {.times = 1};

    visit_server(&(struct tls_server_setup){.answer = "HTTP/1.1 200 OK\r\n\r\nhello",
                                            .close = !_i,
                                            .drop = _i},
                 &visit);
    if (_i) {
        ck_assert_int_eq(visit.status, 0);
        ck_assert_msg(strstr(visit.error, "without an end of TLS") != NULL, "%s", visit.error);
    } else {
        got_hello(&visit);
    }
    end();
}
END_TEST

/* ---- much at once ---- */

#define MUCH ((size_t)3 * 1000 * 1000)

static char *much_answer(size_t *len)
{
    char *answer = malloc(MUCH + 128);
    int head = snprintf(answer, 128, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", MUCH);

    memset(answer + head, 'x', MUCH);
    *len = (size_t)head + MUCH;
    return answer;
}

START_TEST(large_bodies_pass_both_ways)
{
    char *sent = malloc(MUCH);
    struct visit visit = {.times = 2,
                          .request = {.method = "POST",
                                      .body = memset(sent, 'y', MUCH),
                                      .body_bytes = MUCH,
                                      .discard_body = _i}};
    struct tls_server_setup setup = {.body_bytes = MUCH, .tickets = 1, .version = 13};
    char *answer = much_answer(&setup.answer_bytes);

    setup.answer = answer;
    visit_server(&setup, &visit);
    ck_assert_msg(visit.status == 200, "%s", visit.error);
    ck_assert_uint_eq(visit.body_bytes, _i ? 0 : MUCH);
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    end();
    free(answer);
    free(sent);
}
END_TEST

/* More than sockets take at once. */
#define LARGE ((size_t)20 * 1000 * 1000)

/* In the status line, and in the body. */
static const size_t early_cases[] = {9, sizeof(HELLO) - 3};

START_TEST(a_request_is_sent_while_its_answer_comes)
{
    char *sent = malloc(LARGE);
    struct visit visit = {
        .times = 2,
        .request = {.method = "POST", .body = memset(sent, 'y', LARGE), .body_bytes = LARGE}};

    visit_server(&(struct tls_server_setup){.body_bytes = LARGE, .early_bytes = early_cases[_i]},
                 &visit);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->requests, 2);
    ck_assert_uint_eq(server.seen->connections, 1);
    end();
    free(sent);
}
END_TEST

/* ---- servers that break off ---- */

#define CUTS 24
#define CUT_STEP ((size_t)67)

/* One user after the other, each cut off some bytes later. */
static void cut_all(enum tls_cut cut, struct visit *visit, int version)
{
    tls_server_start(&server, &(struct tls_server_setup){.version = version});
    server.seen->cut = cut;
    rig_open(&rig);
    visit->settings.ca_file = server.ca;
    for (size_t i = 0; i < CUTS; i++) {
        server.seen->cut_bytes = i * CUT_STEP;
        rig_add(&rig, address_run, visit);
        rig_run(&rig);
        ck_assert_msg(visit->status == 0 || !strcmp(visit->body, "hello"), "after %zu bytes",
                      server.seen->cut_bytes);
        ck_assert_msg(visit->status || *visit->error, "after %zu bytes", server.seen->cut_bytes);
    }
}

START_TEST(a_server_that_breaks_off_anywhere_is_one_failure_and_no_descriptor)
{
    int before = open_descriptors();
    struct visit visit = {.times = 1};
    uint64_t failed;

    cut_all(_i / 2 ? TLS_CUT_RESET : TLS_CUT_CLOSE, &visit, 12 + _i % 2);
    failed = rig_count(&rig, LKI_CODE_HTTP_TLS) + rig_count(&rig, LKI_CODE_HTTP_RESET);
    ck_assert_uint_eq(failed, CUTS - visit.answers);
    ck_assert_uint_ge(rig_count(&rig, LKI_CODE_HTTP_TLS), 5);
    ck_assert_uint_ge(visit.answers, 1);
    end();
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(a_server_that_stalls_anywhere_meets_a_limit)
{
    int before = open_descriptors();
    struct visit visit = {.request = {.tls_timeout_s = 0.02, .first_byte_timeout_s = 0.02}};

    if (_i / 2)
        visit.request = (struct lk_request){.timeout_s = 0.02};
    cut_all(TLS_CUT_STALL, &visit, 12 + _i % 2);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), CUTS - visit.answers);
    end();
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(a_limit_that_ends_a_handshake_is_named)
{
    struct visit visit = {.request.tls_timeout_s = 0.02};

    tls_server_start(&server, &(struct tls_server_setup){.cert = TLS_CERT_GOOD});
    server.seen->cut = TLS_CUT_STALL;
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, visit_run, &visit);
    rig_run(&rig);
    ck_assert_str_eq(
        visit.error,
        "timed out while waiting for the TLS handshake, for which the limit is 0.02 s");
    end();
}
END_TEST

START_TEST(a_step_that_times_out_in_a_handshake_ends_there)
{
    struct visit visit = {.times = 1};
    struct rig_user *user;

    tls_server_start(&server, &(struct tls_server_setup){.cert = TLS_CERT_GOOD});
    server.seen->cut_bytes = (size_t)_i * 300;
    server.seen->cut = TLS_CUT_STALL;
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    user = rig_add(&rig, address_run, &visit);
    user->timeout_ns = 20 * LKI_NS_PER_MS;
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    end();
}
END_TEST

START_TEST(bytes_that_come_one_by_one_are_put_together)
{
    struct visit visit = {.times = 2};

    tls_server_start(&server, &(struct tls_server_setup){.version = 12 + _i});
    server.seen->cut = TLS_CUT_SLICES;
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    rig_add(&rig, visit_run, &visit);
    rig_run(&rig);
    got_hello(&visit);
    ck_assert_uint_eq(server.seen->connections, 1);
    end();
}
END_TEST

START_TEST(hundreds_of_handshakes_that_fail_leave_nothing)
{
    static const enum tls_cert certs[] = {TLS_CERT_EXPIRED, TLS_CERT_STRANGER};
    int before = open_descriptors();
    struct visit visit = {.times = 100};

    tls_server_start(&server, &(struct tls_server_setup){.cert = certs[_i]});
    rig_open(&rig);
    visit.settings.ca_file = server.ca;
    for (int i = 0; i < 5; i++)
        rig_add(&rig, visit_run, &visit);
    rig_run(&rig);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TLS), 500);
    ck_assert_uint_eq(server.seen->handshakes, 0);
    end();
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* ---- servers that do not speak TLS ---- */

static const struct {
    struct test_script script;
    const char *words;
} plain_cases[] = {
    {{{SRV_SEND("HTTP/1.1 400 Bad Request\r\n\r\n")}}, "what answers there does not speak TLS"},
    {{{SRV_SEND("SSH-2.0-OpenSSH_9.2p1\r\n")}}, "what answers there does not speak TLS"},
    {{{SRV_SEND("\x16\x03\x03\x00\x04\x02\x00\x00\x00")}}, "TLS with localhost:"},
    {{{SRV_SEND("\x15\x03\x03\x00\x02\x02\x28")}}, "no common version, cipher or protocol"},
    {{{SRV_SEND("\x15\x03\x03\x00\x02\x02\x46")}}, "no common version of TLS"},
    {{{SRV_CLOSE}}, "during the handshake"},
};

static struct test_server plain;

static void plain_run(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;
    char url[64];

    snprintf(url, sizeof(url), "https://localhost:%u/", plain.port);
    visit->request.url = url;
    visit_once(vu, visit);
}

START_TEST(who_does_not_speak_tls_is_refused_at_once)
{
    struct visit visit = {.times = 1};

    test_server_start(&plain, &plain_cases[_i].script, 1);
    rig_open(&rig);
    rig_add(&rig, plain_run, &visit);
    rig_run(&rig);
    refused(&visit, plain_cases[_i].words);
    rig_close(&rig);
    test_server_stop(&plain);
}
END_TEST

static Suite *tls_suite(void)
{
    Suite *suite = suite_create("tls");
    TCase *trust = tcase_create("trust");
    TCase *resumed = tcase_create("resumed");
    TCase *broken = tcase_create("broken");

    tcase_add_loop_test(trust, a_certificate_is_trusted_or_what_is_wrong_with_it_is_said, 0,
                        2 * LKI_COUNT(cert_cases));
    tcase_add_loop_test(trust, whoever_is_insecure_trusts_all, 0, TLS_CERT_COUNT);
    tcase_add_loop_test(
        trust, an_address_is_looked_for_in_the_certificate_and_not_asked_for_by_name, 0, 2);
    tcase_add_loop_test(trust, a_server_may_ask_for_a_certificate, 0, 2 * OWN_COUNT);
    tcase_add_test(trust, a_server_may_ask_for_a_certificate_after_the_handshake);
    tcase_add_loop_test(trust, a_file_of_authorities_that_cannot_be_used_is_named, 0, 2);
    tcase_add_test(trust, an_older_version_than_the_least_is_refused);
    tcase_add_test(trust, a_server_of_another_protocol_is_refused);
    suite_add_tcase(suite, trust);
    tcase_add_loop_test(resumed, a_user_resumes_its_own_session, 0, 2);
    tcase_add_loop_test(resumed, two_users_never_resume_each_others_sessions_unless_they_share, 0,
                        4);
    tcase_add_loop_test(resumed, a_new_life_resumes_nothing, 0, 2);
    tcase_add_test(resumed, tickets_on_an_idle_connection_leave_it_as_it_is);
    tcase_add_test(resumed, the_server_is_told_of_the_end);
    suite_add_tcase(suite, resumed);
    tcase_add_loop_test(broken, a_connection_that_the_server_has_ended_is_not_used_again, 0, 2);
    tcase_add_loop_test(broken, a_body_up_to_the_end_of_the_stream_needs_an_end_of_tls, 0, 2);
    tcase_add_loop_test(broken, large_bodies_pass_both_ways, 0, 2);
    tcase_add_loop_test(broken, a_request_is_sent_while_its_answer_comes, 0,
                        LKI_COUNT(early_cases));
    tcase_add_loop_test(broken, a_server_that_breaks_off_anywhere_is_one_failure_and_no_descriptor,
                        0, 4);
    tcase_add_loop_test(broken, a_server_that_stalls_anywhere_meets_a_limit, 0, 4);
    tcase_add_test(broken, a_limit_that_ends_a_handshake_is_named);
    tcase_add_loop_test(broken, a_step_that_times_out_in_a_handshake_ends_there, 0, 3);
    tcase_add_loop_test(broken, bytes_that_come_one_by_one_are_put_together, 0, 2);
    tcase_add_loop_test(broken, hundreds_of_handshakes_that_fail_leave_nothing, 0, 2);
    tcase_add_loop_test(broken, who_does_not_speak_tls_is_refused_at_once, 0,
                        LKI_COUNT(plain_cases));
    suite_add_tcase(suite, broken);
    return suite;
}

int main(void)
{
    return suite_run(tls_suite());
}
