/* Exchanges of the native engine below the client: limits of their parts, bodies that nobody wants,
 * upgrades, and the fields that it finds on the way. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/websocket.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"
#include "support/tls_server.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: parrot\r\nConnection: Upgrade\r\n\r\n"

static struct rig rig;
static struct test_server server;
static struct tls_server secure;

/* An exchange and what a test wants to know of it. */
struct trial {
    struct lki_exchange_request request;
    bool tls;
    void (*then)(lk_vu *vu, struct trial *trial);
    struct lki_exchange_result result;
    char body[64];
    char error[200];
    char heard[64];
};

static void write_head(const void *arg, struct lki_buf *out)
{
    (void)arg;
    lki_buf_printf(out, "GET / HTTP/1.1\r\nHost: test\r\n\r\n");
}

static void trial_run(lk_vu *vu, void *arg)
{
    struct trial *trial = arg;
    struct lki_exchange_request *request = &trial->request;
    struct lki_http_shared *shared = vu->http.shared;
    const char *why = NULL;
    struct lki_url url;
    struct lki_arena arena;
    const char *text = trial->tls ? secure.url : server.url;
    struct lki_transport *transport = lki_transport_get(
        &shared->origins.transports, &(struct lki_transport_settings){.insecure = trial->tls});

    ck_assert_int_eq(lki_url_parse(&url, text, strlen(text), &why), LK_OK);
    request->origins = &shared->origins;
    request->origin = lki_origin_get(&shared->origins, transport, &url);
    request->write_head = write_head;
    request->wire = &shared->wire;
    request->timeout_ns = LKI_NEVER;
    request->limits = (struct lki_phase_limits){LKI_NEVER, LKI_NEVER, LKI_NEVER, LKI_NEVER};
    lki_arena_init(&arena, &vu->loop->chunks, 0);
    lki_exchange(&vu->http.session, lki_vu_task(vu), request, &arena, &trial->result);
    snprintf(trial->body, sizeof(trial->body), "%s", trial->result.body);
    snprintf(trial->error, sizeof(trial->error), "%s", trial->result.error);
    if (trial->then)
        trial->then(vu, trial);
    *shared->wire.sent -= trial->result.sent; /* nobody has taken a sample of it */
    lki_arena_reset(&arena);
}

static void trial_do(struct trial *trial, const struct test_script *script)
{
    trial->request.max_body_bytes = trial->request.max_body_bytes ? trial->request.max_body_bytes
                                                                  : 1 << 20;
    test_server_start(&server, script, 1);
    rig_open(&rig);
    rig_add(&rig, trial_run, trial);
    rig_run(&rig);
}

static void end(void)
{
    rig_close(&rig);
    test_server_stop(&server);
}

/* ---- fields ---- */

static const struct {
    struct test_script script;
    unsigned fields;
} field_cases[] = {
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\nLocations: /\r\nSet-Cookies: a\r\n\r\n")}},
     0},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\nSET-COOKIE: a=b\r\n\r\n")}},
     LKI_FIELD_SET_COOKIE},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\nlocation: /\r\n\r\n")}},
     LKI_FIELD_LOCATION},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n")}},
     LKI_FIELD_CONTENT_ENCODING},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 0\r\nWWW-Authenticate: Basic\r\n"
                                  "Set-Cookie: a=b\r\n\r\n")}},
     LKI_FIELD_WWW_AUTHENTICATE | LKI_FIELD_SET_COOKIE},
    {{{SRV_READ, SRV_SEND("HTTP/1.1 103 Early Hints\r\nLocation: /\r\n\r\n" OK_LINE
                          "Content-Length: 0\r\n\r\n")}},
     0},
};

START_TEST(fields_that_matter_are_told_of)
{
    struct trial trial = {.tls = false};

    trial_do(&trial, &field_cases[_i].script);
    ck_assert_msg(trial.result.status == 200, "%s", trial.error);
    ck_assert_uint_eq(trial.result.fields, field_cases[_i].fields);
    end();
}
END_TEST

/* ---- bodies that nobody wants ---- */

static const struct {
    struct test_script script;
    const char *words; /* NULL: 200 */
} discard_cases[] = {
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 100000\r\n\r\n"), SRV_FILL(100000)}}, NULL},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\n\r\nhello")}}, NULL},
    {{{SRV_READ, SRV_SEND(OK_LINE "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"), SRV_FILL(100000),
       SRV_SEND("\r\n0\r\n\r\n")}},
     NULL},
    {{{SRV_READ, SRV_SEND(OK_LINE "\r\n"), SRV_FILL(100000), SRV_CLOSE}}, NULL},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 100000\r\n\r\n"), SRV_FILL(9999), SRV_CLOSE}},
     "connection closed after 9999 of 100000 bytes of the body"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Transfer-Encoding: chunked\r\n\r\nzz\r\n")}}, "chunk"},
};

START_TEST(a_body_is_read_and_dropped_whatever_its_length)
{
    struct trial trial = {.request = {.discard_body = true, .max_body_bytes = 3}};

    trial_do(&trial, &discard_cases[_i].script);
    ck_assert_uint_eq(trial.result.body_bytes, 0);
    ck_assert_str_eq(trial.body, "");
    if (discard_cases[_i].words) {
        ck_assert_int_eq(trial.result.status, 0);
        ck_assert_msg(strstr(trial.error, discard_cases[_i].words) != NULL, "%s", trial.error);
    } else {
        ck_assert_msg(trial.result.status == 200, "%s", trial.error);
    }
    end();
}
END_TEST

START_TEST(after_a_dropped_body_the_connection_serves_on)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(OK_LINE "Content-Length: 40000\r\n\r\n"), SRV_FILL(40000), SRV_AGAIN}};
    struct trial trial = {.request = {.discard_body = true}};

    trial_do(&trial, &script);
    rig.users->run = trial_run;
    rig_run(&rig);
    ck_assert_int_eq(trial.result.status, 200);
    ck_assert_uint_eq(test_server_settle(&server)->connections, 1);
    ck_assert_uint_eq(test_server_settle(&server)->requests, 2);
    end();
}
END_TEST

/* ---- upgrades ---- */

/* Says a word on the connection and hears all until its end. */
static void talk(lk_vu *vu, struct trial *trial)
{
    struct lki_conn *conn = trial->result.upgraded;
    size_t heard = 0;
    ssize_t got = 1;

    ck_assert_ptr_nonnull(conn);
    ck_assert_int_eq(lki_conn_send(conn, "polly\r\n\r\n", 9), 9);
    while (got != 0) {
        got = lki_conn_recv(conn, trial->heard + heard, sizeof(trial->heard) - 1 - heard);
        if (got > 0)
            heard += (size_t)got;
        else if (got < 0 && errno == EAGAIN)
            ck_assert_int_eq(lki_task_wait(lki_vu_task(vu), LKI_NEVER), LKI_WAKE_EVENT);
        else if (got < 0)
            ck_abort_msg("%s", lki_conn_why(conn, errno));
    }
    lki_conn_close(conn);
}

START_TEST(an_upgrade_hands_the_connection_over)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(SWITCH "early"), SRV_READ, SRV_SEND("cracker"), SRV_CLOSE}};
    struct trial trial = {.request.upgrade = true, .then = talk};

    trial_do(&trial, &script);
    ck_assert_msg(trial.result.status == 101, "%s", trial.error);
    /* what came at once is in the body, and the rest is heard */
    ck_assert_msg(!strcmp(trial.heard, *trial.body ? "cracker" : "earlycracker"), "%s",
                  trial.heard);
    end();
}
END_TEST

START_TEST(an_upgrade_over_tls_hands_the_connection_over)
{
    struct trial trial = {
        .request = {.upgrade = true, .max_body_bytes = 100}, .tls = true, .then = talk};

    tls_server_start(&secure, &(struct tls_server_setup){.answer = SWITCH "early", .close = true});
    rig_open(&rig);
    rig_add(&rig, trial_run, &trial);
    rig_run(&rig);
    ck_assert_msg(trial.result.status == 101, "%s", trial.error);
    ck_assert_str_eq(trial.body, "early");
    rig_close(&rig);
    tls_server_stop(&secure);
}
END_TEST

START_TEST(an_upgrade_may_be_refused)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(OK_LINE "Content-Length: 2\r\n\r\nno")}};
    struct trial trial = {.request.upgrade = true};

    trial_do(&trial, &script);
    ck_assert_int_eq(trial.result.status, 200);
    ck_assert_str_eq(trial.body, "no");
    ck_assert_ptr_null(trial.result.upgraded);
    end();
}
END_TEST

/* Somebody who took a connection over is told what comes while no task waits for it. */
static unsigned events;

static void on_ready(struct lki_conn *conn)
{
    ck_assert_ptr_eq(conn->owner, &events);
    events++;
}

static void leave(lk_vu *vu, struct trial *trial)
{
    struct lki_conn *conn = trial->result.upgraded;

    ck_assert_ptr_nonnull(conn);
    conn->io.task = NULL;
    conn->on_ready = on_ready;
    conn->owner = &events;
    ck_assert_int_eq(lki_conn_send(conn, "polly\r\n\r\n", 9), 9);
    while (!events)
        lk_sleep(vu, 0.001);
    lki_conn_close(conn);
}

START_TEST(who_took_a_connection_over_is_told_what_comes)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(SWITCH), SRV_READ, SRV_SEND("cracker")}};
    struct trial trial = {.request.upgrade = true, .then = leave};

    trial_do(&trial, &script);
    ck_assert_uint_ge(events, 1);
    end();
}
END_TEST

/* ---- records of TLS ---- */

struct ear {
    struct lki_websocket ws;
    struct trial *trial;
};

static bool on_message(struct lki_websocket *ws, bool binary, const char *bytes, size_t len)
{
    struct trial *trial = LKI_CONTAINER(ws, struct ear, ws)->trial;

    (void)binary;
    snprintf(trial->heard, sizeof(trial->heard), "%.*s", (int)len, bytes);
    return true;
}

static void on_pong(struct lki_websocket *ws, const char *bytes, size_t len)
{
    (void)ws;
    (void)bytes;
    (void)len;
}

static void hear(lk_vu *vu, struct trial *trial)
{
    struct ear ear = {{.on_message = on_message, .on_pong = on_pong}, trial};

    ck_assert_ptr_nonnull(trial->result.upgraded);
    ck_assert_int_eq(lki_websocket_start(&ear.ws, trial->result.upgraded, trial->result.body,
                                         trial->result.body_bytes, 1, 100),
                     LK_OK);
    while (ear.ws.conn)
        ck_assert_int_eq(lki_websocket_wait(&ear.ws, lki_vu_task(vu), LKI_NEVER), LKI_WAKE_EVENT);
}

/* How often the loop turns while there is half a record. */
static void count_turns(lk_vu *vu, void *arg)
{
    uint64_t *turns = arg;
    uint64_t before;

    while (!secure.seen->halves)
        lk_sleep(vu, 0.001);
    before = rig.loop.health.turns;
    lk_sleep(vu, 0.05);
    *turns = rig.loop.health.turns - before;
    secure.seen->late = 1;
}

START_TEST(the_rest_of_a_record_is_waited_for)
{
    bool upgrade = _i / 2;
    struct trial trial = {.request = {.upgrade = upgrade, .max_body_bytes = 100},
                          .tls = true,
                          .then = upgrade ? hear : NULL};
    uint64_t turns = 0;

    tls_server_start(&secure, &(struct tls_server_setup){
                                  .answer = upgrade ? SWITCH "\x81\x05hello"
                                                    : OK_LINE "Content-Length: 5\r\n\r\nhello",
                                  .half_bytes = 5,
                                  .close = true,
                                  .version = 12 + _i % 2});
    rig_open(&rig);
    rig_add(&rig, count_turns, &turns);
    rig_add(&rig, trial_run, &trial);
    rig_run(&rig);
    ck_assert_msg(trial.result.status == (upgrade ? 101 : 200), "%s", trial.error);
    ck_assert_str_eq(upgrade ? trial.heard : trial.body, "hello");
    ck_assert_msg(turns <= 10, "%llu turns", (unsigned long long)turns);
    rig_close(&rig);
    tls_server_stop(&secure);
}
END_TEST

/* ---- ends ---- */

static void hold_up(lk_vu *vu, void *arg)
{
    (void)arg;
    while (!server.seen->requests)
        lk_sleep(vu, 0);
    while (server.seen->open)
        usleep(1000);
}

START_TEST(a_reset_right_behind_a_part_of_an_answer_is_seen_at_once)
{
    static const struct test_script scripts[] = {
        {{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhalf"), SRV_RESET}},
        {{SRV_READ, SRV_SEND(OK_LINE "Content-"), SRV_RESET}},
        {{SRV_READ, SRV_SEND(OK_LINE "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"), SRV_RESET}}};
    struct trial trial = {.request.max_body_bytes = 100};

    test_server_start(&server, &scripts[_i], 1);
    rig_open(&rig);
    rig_add(&rig, hold_up, NULL);
    rig_add(&rig, trial_run, &trial);
    rig_run(&rig);
    ck_assert_int_eq(trial.result.code, LKI_CODE_HTTP_RESET);
    end();
}
END_TEST

/* ---- limits ---- */

#define SHORT_S 0.03

static const struct {
    struct test_script script;
    struct lk_request request;
    const char *words; /* NULL: 200 */
} limit_cases[] = {
    {{{SRV_READ, SRV_STALL}},
     {.first_byte_timeout_s = SHORT_S},
     "timed out while waiting for the answer, for which the limit is 0.03 s"},
    {{{SRV_READ, SRV_STALL}},
     {.first_byte_timeout_s = 20, .timeout_s = SHORT_S},
     "timed out while waiting for the answer"},
    {{{SRV_READ, SRV_SEND("HTTP/1.1 100 Continue\r\n\r\nH"), SRV_STALL}},
     {.first_byte_timeout_s = 20, .timeout_s = SHORT_S},
     "timed out while receiving the answer"},
    {{{SRV_READ, SRV_SEND("HTTP/1.1 2"), SRV_SLEEP(60),
       SRV_SEND("00 OK\r\nContent-Length: 0\r\n\r\n")}},
     {.first_byte_timeout_s = 5, .connect_timeout_s = 5, .lookup_timeout_s = 5, .tls_timeout_s = 5},
     NULL},
};

static char limit_error[200];

static void limit_run(lk_vu *vu, void *arg)
{
    struct lk_request request = limit_cases[*(int *)arg].request;
    lk_response *response;

    request.size = sizeof(request);
    request.method = "GET";
    request.url = server.url;
    request.keep_going = true;
    response = lk_http(vu, &request);
    snprintf(limit_error, sizeof(limit_error), "%s", lk_error(response));
}

START_TEST(the_limit_of_a_part_is_kept_and_named)
{
    test_server_start(&server, &limit_cases[_i].script, 1);
    rig_open(&rig);
    rig_add(&rig, limit_run, &_i);
    rig_run(&rig);
    if (limit_cases[_i].words) {
        ck_assert_str_eq(limit_error, limit_cases[_i].words);
        ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    } else {
        ck_assert_str_eq(limit_error, "");
    }
    end();
}
END_TEST

static Suite *exchange_suite(void)
{
    Suite *suite = suite_create("exchange");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, fields_that_matter_are_told_of, 0, LKI_COUNT(field_cases));
    tcase_add_loop_test(all, a_body_is_read_and_dropped_whatever_its_length, 0,
                        LKI_COUNT(discard_cases));
    tcase_add_test(all, after_a_dropped_body_the_connection_serves_on);
    tcase_add_test(all, an_upgrade_hands_the_connection_over);
    tcase_add_test(all, an_upgrade_over_tls_hands_the_connection_over);
    tcase_add_test(all, an_upgrade_may_be_refused);
    tcase_add_test(all, who_took_a_connection_over_is_told_what_comes);
    tcase_add_loop_test(all, the_rest_of_a_record_is_waited_for, 0, 4);
    tcase_add_loop_test(all, a_reset_right_behind_a_part_of_an_answer_is_seen_at_once, 0, 3);
    tcase_add_loop_test(all, the_limit_of_a_part_is_kept_and_named, 0, LKI_COUNT(limit_cases));
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(exchange_suite());
}
