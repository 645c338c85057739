/* WebSockets as a step speaks them, against servers that do it well, badly, late, or not at all. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>
#include <loadkit/websocket.h>
#include <wslay/wslay.h>

#include "base/mem.h"
#include "client/websocket.h"
#include "support/rig.h"
#include "support/suite.h"
#include "support/ws_server.h"

#define SOON 20 /* seconds, for what comes */
#define KB32(x) x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x

static const struct ws_script good = {{WS_SHAKE, WS_ECHO}};

static struct rig rig;
static struct ws_server server;

static void serve(const struct ws_script *script)
{
    ws_server_start(&server, script, 1);
    rig_open(&rig);
}

static void finish(void)
{
    rig_close(&rig);
    ws_server_stop(&server);
}

/* One user, one step. */
static struct rig_user *run(void (*fn)(lk_vu *vu, void *arg), void *arg)
{
    struct rig_user *user = rig_add(&rig, fn, arg);

    rig_run(&rig);
    return user;
}

static void run_well(void (*fn)(lk_vu *vu, void *arg), void *arg)
{
    const struct rig_user *user = run(fn, arg);

    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
}

/* Another step of that user. */
static void run_again(struct rig_user *user, void (*fn)(lk_vu *vu, void *arg), void *arg)
{
    user->run = fn;
    user->arg = arg;
    rig_run(&rig);
}

static struct lki_metric *metric(enum lki_source source, const char *name)
{
    lki_metrics_fold(&rig.metrics);
    for (struct lki_metric *at = rig.metrics.first; at; at = at->next) {
        if (at->source == source && !strcmp(at->name, name))
            return at;
    }
    ck_abort_msg("no metric %s", name);
}

static uint64_t count(const char *name, lki_code code)
{
    return lki_codes_get(&metric(LKI_SOURCE_WEBSOCKET, name)->total.codes, code);
}

static void is_text(const lk_ws_message *message, const char *text)
{
    ck_assert_ptr_nonnull(message);
    ck_assert(!message->binary);
    ck_assert_str_eq(message->data, text);
    ck_assert_uint_eq(message->bytes, strlen(text));
}

/* The step has so much time from now on. */
static void end_within(lk_vu *vu, double seconds)
{
    lki_vu_task(vu)->deadline_ns = lki_loop_now(vu->loop) + lki_ns(seconds);
}

static lk_ws *open_at(lk_vu *vu, const char *path)
{
    lk_http_base_url(vu, lk_format(vu, "http%s", server.url + 2));
    return lk_ws_open(vu, path);
}

/* ---- what goes well ---- */

static void talk(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/chat/17?token=x");
    lk_ws_message *message;

    (void)arg;
    ck_assert(lk_ws_is_open(ws));
    ck_assert_int_eq(lk_ws_status(ws), 101);
    ck_assert_str_eq(lk_ws_error(ws), "");
    ck_assert_int_eq(lk_ws_close_code(ws), 0);
    ck_assert(lk_ws_send(ws, "hello"));
    is_text(lk_ws_receive(ws, SOON), "hello");
    ck_assert(lk_ws_send_bytes(ws, "\0\xff", 2));
    message = lk_ws_receive(ws, SOON);
    ck_assert_ptr_nonnull(message);
    ck_assert(message->binary);
    ck_assert_mem_eq(message->data, "\0\xff", 3);
    ck_assert_uint_eq(message->bytes, 2);
    lk_ws_message_free(message);
    is_text(lk_ws_call(ws, "", SOON), "");
    ck_assert(lk_ws_ping(ws, SOON));
    lk_ws_close(ws, 0, "that is all");
    ck_assert(!lk_ws_is_open(ws));
    ck_assert_int_eq(lk_ws_close_code(ws), 1000);
    ck_assert_str_eq(lk_ws_close_reason(ws), "that is all");
}

START_TEST(messages_go_and_come)
{
    static const unsigned opcodes[] = {1, 2, 1, 9, 8};
    const struct ws_seen *seen;

    serve(&good);
    run_well(talk, NULL);
    seen = ws_server_settle(&server, 1);
    ck_assert_uint_eq(seen->frame_count, LKI_COUNT(opcodes));
    for (size_t i = 0; i < LKI_COUNT(opcodes); i++) {
        ck_assert_uint_eq(seen->frames[i].opcode, opcodes[i]);
        ck_assert(seen->frames[i].masked && seen->frames[i].fin);
    }
    ck_assert_str_eq(seen->frames[0].bytes, "hello");
    ck_assert_str_eq(seen->frames[4].bytes, "\x03\xe8that is all");
    ck_assert(!strncmp(seen->head[0], "GET /chat/17?token=x HTTP/1.1\r\n", 31));
    finish();
}
END_TEST

START_TEST(each_thing_is_counted_once)
{
    const struct lki_metric *connect;
    const struct lki_totals *totals;

    serve(&good);
    run_well(talk, NULL);
    connect = metric(LKI_SOURCE_HTTP, "CONNECT /chat/{id}");
    ck_assert_uint_eq(connect->total.count, 1);
    ck_assert_uint_eq(connect->total.errors, 0);
    ck_assert_uint_eq(lki_codes_get(&connect->total.codes, LKI_CODE_HTTP(101)), 1);
    ck_assert_uint_eq(connect->total.phases[LKI_PHASE_CONNECT].count, 1);
    ck_assert_uint_eq(connect->total.phases[LKI_PHASE_WAIT].count, 1);
    ck_assert_uint_eq(count("SEND /chat/{id}", LKI_CODE_WS_OK), 3);
    ck_assert_uint_eq(count("RECEIVE /chat/{id}", LKI_CODE_WS_OK), 3);
    ck_assert_uint_eq(count("CALL /chat/{id}", LKI_CODE_WS_OK), 1);
    ck_assert_uint_eq(count("PING /chat/{id}", LKI_CODE_WS_OK), 1);
    /* six bytes of head, of which four are the mask; two of head */
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "SEND /chat/{id}")->total.bytes_sent,
                      3 * 6 + 5 + 2);
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "RECEIVE /chat/{id}")->total.bytes_received,
                      3 * 2 + 5 + 2);
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "RECEIVE /chat/{id}")->total.latency.count, 0);
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "SEND /chat/{id}")->total.latency.count, 3);
    ck_assert_str_eq(connect->step, "step");
    totals = rig.metrics.totals;
    ck_assert_uint_eq(totals->http_requests, 1);
    ck_assert_uint_eq(totals->http_requests - totals->http_unsent, server.seen->heads);
    ck_assert_uint_eq(totals->http_errors, 0);
    finish();
}
END_TEST

static void protocols(lk_vu *vu, void *arg)
{
    lk_ws *ws = lk_ws_open(vu, arg, .protocols = "chat.v2, chat.v1", .query = LK_PAIRS("q", "a b"),
                           .params = LK_PAIRS("room", "red shoes"), .name = "room",
                           .headers = LK_PAIRS("Origin", "http://example.org"));

    ck_assert_str_eq(lk_ws_protocol(ws), "chat.v1");
    lk_ws_close(ws, 3000, NULL);
}

static bool has(const char *head, const char *line)
{
    return strstr(head, line) != NULL;
}

START_TEST(a_handshake_says_what_was_asked_for)
{
    static const struct ws_script script = {
        {WS_ANSWER("HTTP/1.1 101 Fine\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                   "Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Accept: @\r\n\r\n"),
         WS_ECHO}};
    char url[64];
    const char *head;

    serve(&script);
    snprintf(url, sizeof(url), "%s/rooms/{room}", server.url);
    run_well(protocols, url);
    head = server.seen->head[0];
    ck_assert(!strncmp(head, "GET /rooms/red%20shoes?q=a%20b HTTP/1.1\r\n", 41));
    ck_assert(has(head, "\r\nUpgrade: websocket\r\n"));
    ck_assert(has(head, "\r\nConnection: Upgrade\r\n"));
    ck_assert(has(head, "\r\nSec-WebSocket-Version: 13\r\n"));
    ck_assert(has(head, "\r\nSec-WebSocket-Protocol: chat.v2, chat.v1\r\n"));
    ck_assert(has(head, "\r\nOrigin: http://example.org\r\n"));
    ck_assert(!has(head, "Connection: close"));
    ck_assert_uint_eq(metric(LKI_SOURCE_HTTP, "CONNECT room")->total.count, 1);
    ck_assert_str_eq(ws_server_settle(&server, 1)->frames[0].bytes, "\x0b\xb8");
    finish();
}
END_TEST

static void twice(lk_vu *vu, void *arg)
{
    lk_http_setup(vu, .headers = LK_PAIRS("X-Team", "blue"), .connections = LK_HTTP_NEW);
    for (int i = 0; i < 2; i++)
        lk_ws_close(lk_ws_open(vu, arg), 0, NULL);
}

START_TEST(keys_differ_and_cookies_come_and_go)
{
    static const struct ws_script script = {
        {WS_ANSWER("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Set-Cookie: seat=12\r\nSec-WebSocket-Accept: @\r\n\r\n"),
         WS_ECHO}};
    const char *keys[2];

    serve(&script);
    run_well(twice, server.url);
    ck_assert(!has(server.seen->head[0], "Cookie"));
    ck_assert(has(server.seen->head[1], "\r\nCookie: seat=12\r\n"));
    for (int i = 0; i < 2; i++) {
        ck_assert(has(server.seen->head[i], "\r\nX-Team: blue\r\n"));
        ck_assert(!has(server.seen->head[i], "Connection: close"));
        keys[i] = strstr(server.seen->head[i], "Sec-WebSocket-Key: ");
        ck_assert_ptr_nonnull(keys[i]);
    }
    ck_assert(strncmp(keys[0], keys[1], 43) != 0);
    finish();
}
END_TEST

/* What a server has to say, which is received until nothing comes. */
static const struct {
    struct ws_script script;
    const char *messages[4];
} said[] = {
    {{{WS_SHAKE_AND("\x81\x02hi\x81\x03you"), WS_ECHO}}, {"hi", "you"}},
    {{{WS_SHAKE_AND("\x81"), WS_SEND("\x02hi"), WS_ECHO}}, {"hi"}},
    {{{WS_SHAKE, WS_DRIP("\x81\x02hi\x81\x03you\x81\x00"), WS_ECHO}}, {"hi", "you", ""}},
    {{{WS_SHAKE, WS_SEND("\x01\x02he\x00\x02ll\x80\x01o"), WS_ECHO}}, {"hello"}},
    {{{WS_SHAKE, WS_DRIP("\x01\x02he\x89\x01?\x00\x02ll\x8a\x00\x80\x01o\x81\x01."), WS_ECHO}},
     {"hello", "."}},
    {{{WS_SHAKE, WS_SEND("\x81\x7e\x00\x80"), WS_SEND(KB32("abcd")), WS_ECHO}}, {KB32("abcd")}},
    {{{WS_SHAKE, WS_SEND("\x01\x01\xc3\x80\x01\xa4"), WS_ECHO}}, {"\xc3\xa4"}},
    /* what comes before a good-bye is received all the same */
    {{{WS_SHAKE, WS_SEND("\x81\x02hi\x81\x03you\x88\x02\x03\xe9"), WS_ECHO}}, {"hi", "you"}},
    {{{WS_SHAKE, WS_SEND("\x81\x02hi\x81\x03you"), WS_CLOSE}}, {"hi", "you"}},
};

static void listen_all(lk_vu *vu, void *arg)
{
    const char *const *messages = arg;
    lk_ws *ws = open_at(vu, "/");

    for (; *messages; messages++)
        is_text(lk_ws_receive(ws, SOON), *messages);
}

START_TEST(messages_are_read_as_they_come)
{
    serve(&said[_i].script);
    run_well(listen_all, (void *)(uintptr_t)said[_i].messages);
    finish();
}
END_TEST

static void think(lk_vu *vu, void *arg)
{
    lk_ws **ws = arg;

    *ws = open_at(vu, "/");
    while (ws_server_frames(&server, 0)->frame_count < 2)
        lk_sleep(vu, 0.001);
    is_text(lk_ws_receive(*ws, 0), "a");
    ck_assert_ptr_null(lk_ws_receive(*ws, 0));
}

START_TEST(pings_are_answered_while_the_user_thinks)
{
    static const struct ws_script script = {{WS_SHAKE_AND("\x89\x03one"), WS_READ,
                                             WS_SEND("\x81\x01"
                                                     "a\x89\x00"),
                                             WS_READ, WS_ECHO}};
    lk_ws *ws;

    serve(&script);
    run_well(think, &ws);
    ck_assert_uint_eq(server.seen->frames[0].opcode, 10);
    ck_assert_str_eq(server.seen->frames[0].bytes, "one");
    ck_assert_uint_eq(server.seen->frames[1].opcode, 10);
    finish();
}
END_TEST

static void several(lk_vu *vu, void *arg)
{
    lk_ws *all[3];

    (void)arg;
    for (int i = 0; i < 3; i++)
        all[i] = open_at(vu, "/");
    for (int i = 0; i < 3; i++)
        lk_ws_send(all[i], lk_format(vu, "%d", i));
    for (int i = 2; i >= 0; i--)
        is_text(lk_ws_receive(all[i], SOON), lk_format(vu, "%d", i));
    lk_ws_close(all[1], 0, NULL);
    ck_assert(lk_ws_is_open(all[0]) && lk_ws_is_open(all[2]));
}

START_TEST(a_user_holds_several)
{
    const struct ws_seen *seen;

    serve(&good);
    run_well(several, NULL);
    lki_http_client_reset(&rig.users->vu.http);
    seen = ws_server_settle(&server, 3);
    ck_assert_uint_eq(seen->ended, 3);
    ck_assert_uint_eq(seen->frame_count, 6);
    /* who goes away says so */
    ck_assert_str_eq(seen->frames[4].bytes, "\x03\xe9");
    ck_assert_str_eq(seen->frames[5].bytes, "\x03\xe9");
    finish();
}
END_TEST

static void json(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");
    const lk_json *value;

    (void)arg;
    value = lk_ws_json(lk_ws_call(ws, "{\"type\": \"joined\", \"seat\": 12}", SOON));
    ck_assert_str_eq(lk_str(value, "type"), "joined");
    ck_assert_int_eq(lk_int(value, "seat"), 12);
    lk_ws_json(lk_ws_call(ws, "{\"type\": ", SOON));
}

START_TEST(messages_are_read_as_json)
{
    const struct rig_user *user;

    serve(&good);
    user = run(json, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message,
                     "RECEIVE /: cannot read the message as JSON: its JSON is broken: it ends at "
                     "byte 9");
    finish();
}
END_TEST

/* ---- handshakes that fail ---- */

#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static const struct {
    struct ws_script script;
    lki_code code;
    int status;
    const char *message;
} refusals[] = {
    {{{WS_ANSWER("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")}},
     LKI_CODE_HTTP(403),
     403,
     "the server answered 403 Forbidden"},
    {{{WS_ANSWER("HTTP/1.1 404 N\xe2\x80\xa8o\r\nContent-Length: 0\r\n\r\n")}},
     LKI_CODE_HTTP(404),
     404,
     "the server answered 404 N???o"},
    {{{WS_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")}},
     LKI_CODE_HTTP(200),
     200,
     "the server answered 200 OK"},
    {{{WS_ANSWER("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")}},
     LKI_CODE_HTTP(302),
     302,
     "the server answered 302 Found"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\n" UPGRADE "\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: its Sec-WebSocket-Accept is not that of the key"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\n" UPGRADE
                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: its Sec-WebSocket-Accept is not that of the key"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\n" UPGRADE
                 "Sec-WebSocket-Accept: @\r\nSec-WebSocket-Accept: @\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: its Sec-WebSocket-Accept is not that of the key"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: @\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: its Upgrade is not \"websocket\""},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n"
                 "Sec-WebSocket-Accept: @\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: its Connection does not say Upgrade"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\n" UPGRADE "Sec-WebSocket-Accept: @\r\n"
                 "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: it names an extension, but none was asked for"},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\n" UPGRADE "Sec-WebSocket-Accept: @\r\n"
                 "Sec-WebSocket-Protocol: chat\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     101,
     "the server's handshake is none: it names a subprotocol that was not asked for"},
    {{{WS_ANSWER("\x16\x03\x01 nonsense\r\n\r\n")}}, LKI_CODE_HTTP_PROTOCOL, 0, NULL},
    {{{WS_ANSWER("HTTP/1.1 101 OK\r\nUpgr"), WS_CLOSE}}, LKI_CODE_HTTP_RESET, 0, NULL},
    {{{WS_ANSWER(""), WS_RESET}}, LKI_CODE_HTTP_RESET, 0, NULL},
};

struct refused {
    int status;
    char error[160];
};

static void be_refused(lk_vu *vu, void *arg)
{
    struct refused *refused = arg;
    lk_ws *ws = lk_ws_open(vu, server.url, .keep_going = true);

    refused->status = lk_ws_status(ws);
    snprintf(refused->error, sizeof(refused->error), "%s", lk_ws_error(ws));
    ck_assert(!lk_ws_is_open(ws));
    ck_assert(!lk_ws_send(ws, "x"));
    ck_assert_ptr_null(lk_ws_receive(ws, SOON));
    ck_assert_ptr_null(lk_ws_call(ws, "x", SOON));
    ck_assert(!lk_ws_ping(ws, SOON));
    lk_ws_close(ws, 0, NULL);
    lk_ws_open(vu, server.url);
    ck_abort_msg("it goes on");
}

START_TEST(handshakes_that_fail_say_why)
{
    const struct rig_user *user;
    struct refused refused;
    char message[240];

    serve(&refusals[_i].script);
    user = run(be_refused, &refused);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_int_eq(refused.status, refusals[_i].status);
    if (refusals[_i].message)
        ck_assert_str_eq(refused.error, refusals[_i].message);
    snprintf(message, sizeof(message), "CONNECT /: %s", refused.error);
    ck_assert_str_eq(user->message, message);
    ck_assert_uint_eq(rig_count(&rig, refusals[_i].code), 2);
    ck_assert_uint_eq(metric(LKI_SOURCE_HTTP, "CONNECT /")->total.errors, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_requests - rig.metrics.totals->http_unsent,
                      server.seen->heads);
    ck_assert_ptr_null(user->vu.http.sockets);
    finish();
}
END_TEST

static void unreachable(lk_vu *vu, void *arg)
{
    lk_ws_open(vu, arg);
}

START_TEST(nobody_there_is_told)
{
    const struct rig_user *user;
    char url[64];

    serve(&good);
    snprintf(url, sizeof(url), "%s/", server.url);
    ws_server_stop(&server);
    user = run(unreachable, url);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(strstr(user->message, "CONNECT /: cannot connect to 127.0.0.1:") != NULL, "%s",
                  user->message);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_CONNECT), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 1);
    rig_close(&rig);
}
END_TEST

static void open_slowly(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_ws_open(vu, server.url, .timeout_s = 0.05);
}

START_TEST(a_handshake_has_a_time_out)
{
    static const struct ws_script script = {{WS_ANSWER(""), WS_PAUSE}};
    const struct rig_user *user;

    serve(&script);
    user = run(open_slowly, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(!strncmp(user->message, "CONNECT /: timed out while ", 27), "%s", user->message);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    finish();
}
END_TEST

START_TEST(a_step_that_ends_in_a_handshake_leaves_nothing)
{
    static const struct ws_script script = {{WS_ANSWER(""), WS_PAUSE}};
    struct rig_user *user;

    serve(&script);
    user = rig_add(&rig, unreachable, server.url);
    user->timeout_ns = 50 * LKI_NS_PER_MS;
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_ptr_null(user->vu.http.sockets);
    finish();
}
END_TEST

/* ---- what authors get wrong ---- */

struct mistake {
    void (*make)(lk_vu *vu, lk_ws *ws);
    const char *message;
};

static void no_url(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_ws_open(vu, NULL);
}

static void own_key(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_ws_open(vu, server.url, .headers = LK_PAIRS("sec-websocket-key", "x"));
}

static void own_protocol(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_ws_open(vu, server.url, .headers = LK_PAIRS("Sec-WebSocket-Protocol", "x"));
}

static void no_value(lk_vu *vu, lk_ws *ws)
{
    static const char *const headers[] = {"Origin", NULL, "Upgrade", NULL};

    (void)ws;
    lk_ws_open(vu, server.url, .headers = headers);
}

static void by_proxy(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_http_setup(vu, .proxy = "http://127.0.0.1:1");
    lk_ws_open(vu, server.url);
}

static void never(struct lki_http_shared *http, lk_vu *vu,
                  const struct lki_exchange_request *request, struct lki_arena *arena,
                  struct lki_exchange_result *result)
{
    (void)http, (void)vu, (void)request, (void)arena, (void)result;
    ck_abort_msg("it was asked");
}

static void in_a_test(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    vu->http.shared->exchange = never;
    lk_ws_open(vu, server.url);
}

static void no_text(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_send(ws, NULL);
}

static void no_data(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_send_bytes(ws, NULL, 3);
}

static void bad_code(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_close(ws, 1006, NULL);
}

static void not_marked(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_done(ws, "echo");
}

static void no_mark(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_mark(ws, "");
}

static void many_marks(lk_vu *vu, lk_ws *ws)
{
    for (int i = 0;; i++)
        lk_ws_mark(ws, lk_format(vu, "%d", i));
}

static void send_after_close(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_close(ws, 0, NULL);
    lk_ws_send(ws, "x");
}

static void receive_after_close(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_close(ws, 0, NULL);
    lk_ws_receive(ws, SOON);
}

static void no_utf8(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_send(ws, "ab\xff\xfe");
}

static void other_scheme(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_ws_open(vu, "ftp://x");
}

static void receive_nan(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_receive(ws, (double)NAN);
}

static void call_nan(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_call(ws, "x", (double)NAN);
}

static void ping_nan(lk_vu *vu, lk_ws *ws)
{
    (void)vu;
    lk_ws_ping(ws, (double)NAN);
}

static void bad_time(lk_vu *vu, lk_ws *ws)
{
    (void)ws;
    lk_ws_open(vu, server.url, .timeout_s = -3);
}

static const struct mistake mistakes[] = {
    {no_url, "a WebSocket without a URL: lk_ws_open(vu, \"/path\", ...)"},
    {own_key, "the header \"sec-websocket-key\" is loadkit's to set"},
    {own_protocol, "the header \"Sec-WebSocket-Protocol\" is loadkit's to set: use .protocols"},
    {no_value, "the header \"Origin\" has no value"},
    {by_proxy, "cannot open the WebSocket \""},
    {in_a_test, "cannot open the WebSocket \""},
    {no_text, "lk_ws_send: the text is NULL"},
    {no_data, "lk_ws_send_bytes: the data is NULL"},
    {bad_code, "lk_ws_close: 1006 is no code that may be sent"},
    {not_marked, "lk_ws_done: \"echo\" is not marked: lk_ws_mark comes first"},
    {no_mark, "lk_ws_mark without a name"},
    {many_marks, "lk_ws_mark: more than 64 marks of this WebSocket are not done"},
    {send_after_close, "SEND /: this WebSocket was closed by lk_ws_close"},
    {receive_after_close, "RECEIVE /: this WebSocket was closed by lk_ws_close"},
    {receive_nan, "lk_ws_receive: nan is no time; give seconds, or LK_OFF for no limit"},
    {call_nan, "lk_ws_call: nan is no time"},
    {ping_nan, "lk_ws_ping: nan is no time"},
    {bad_time, "GET http://"},
    {no_utf8, "lk_ws_send: the text is not UTF-8 from byte 2 on: lk_ws_send_bytes sends any bytes"},
    {other_scheme, "cannot use the URL \"ftp://x\": only ws:// and wss:// are spoken"},
};

static void err(lk_vu *vu, void *arg)
{
    const struct mistake *mistake = arg;

    mistake->make(vu, open_at(vu, "/"));
    ck_abort_msg("it goes on");
}

START_TEST(mistakes_end_the_step_with_one_line)
{
    const struct rig_user *user;

    serve(&good);
    user = run(err, (void *)(uintptr_t)&mistakes[_i]);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(!strncmp(user->message, mistakes[_i].message, strlen(mistakes[_i].message)), "%s",
                  user->message);
    finish();
}
END_TEST

/* ---- ends ---- */

static const struct ending {
    struct ws_script script;
    lki_code code;
    int close_code;
    const char *reason;
    const char *sent; /* the good-bye that the server gets */
} endings[] = {
    {{{WS_SHAKE,
       WS_SEND("\x88\x05\x03\xe9"
               "bye"),
       WS_READ, WS_CLOSE}},
     LKI_CODE_WS_CLOSED,
     1001,
     "bye",
     "\x03\xe9"},
    {{{WS_SHAKE, WS_SEND("\x88\x00"), WS_READ, WS_CLOSE}}, LKI_CODE_WS_CLOSED, 1005, "", ""},
    {{{WS_SHAKE, WS_SEND("\x88\x02\x0f\xa0"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_CLOSED,
     4000,
     "",
     "\x0f\xa0"},
    {{{WS_SHAKE, WS_CLOSE}}, LKI_CODE_WS_LOST, 1006, "connection closed by the server", NULL},
    {{{WS_SHAKE, WS_SEND("\x81\x05he"), WS_CLOSE}},
     LKI_CODE_WS_LOST,
     1006,
     "connection closed by the server",
     NULL},
    {{{WS_SHAKE, WS_SEND("\x81\x7f\x00"), WS_CLOSE}},
     LKI_CODE_WS_LOST,
     1006,
     "connection closed by the server",
     NULL},
    {{{WS_SHAKE, WS_RESET}}, LKI_CODE_WS_LOST, 1006, "Connection reset by peer", NULL},
    /* a mask, a bit that means nothing, an opcode that is none, a continuation of nothing */
    {{{WS_SHAKE,
       WS_SEND("\x81\x82"
               "abcdXX"),
       WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    {{{WS_SHAKE, WS_SEND("\xc1\x00"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    {{{WS_SHAKE, WS_SEND("\x83\x00"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    {{{WS_SHAKE, WS_SEND("\x80\x00"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    /* text within a fragmented one, a fragmented ping, one that is too long, garbage */
    {{{WS_SHAKE,
       WS_SEND("\x01\x01"
               "a\x81\x01"
               "b"),
       WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    {{{WS_SHAKE,
       WS_SEND("\x09\x01"
               "a"),
       WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     ""},
    {{{WS_SHAKE, WS_SEND("\x89\x7e\x00\x7e" KB32("abcd")), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     ""},
    {{{WS_SHAKE, WS_SEND("HTTP/1.1 200 OK\r\n\r\n"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     ""},
    /* (where wslay names no code) good-byes that are none: half a code, one that may not be sent */
    {{{WS_SHAKE, WS_SEND("\x88\x01\x03"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     ""},
    {{{WS_SHAKE, WS_SEND("\x88\x02\x03\xee"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1002,
     "the server sent what is no WebSocket frame",
     "\x03\xea"},
    /* text that is none: also when it shows at the end only */
    {{{WS_SHAKE, WS_SEND("\x81\x02\xc3\x28"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1007,
     "the server sent text that is not UTF-8",
     "\x03\xef"},
    {{{WS_SHAKE, WS_SEND("\x81\x01\xc3"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1007,
     "the server sent text that is not UTF-8",
     "\x03\xef"},
    {{{WS_SHAKE, WS_SEND("\x88\x04\x03\xe8\xff\xff"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_PROTOCOL,
     1007,
     "the server sent text that is not UTF-8",
     "\x03\xef"},
    /* too large: as it is announced, and as it comes */
    {{{WS_SHAKE, WS_SEND("\x82\x7e\x04\x01x"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_TOO_LARGE,
     1009,
     "the server sent a message that is too large",
     "\x03\xf1"},
    {{{WS_SHAKE, WS_SEND("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx"), WS_READ, WS_CLOSE}},
     LKI_CODE_WS_TOO_LARGE,
     1009,
     "the server sent a message that is too large",
     "\x03\xf1"},
    {{{WS_SHAKE, WS_SEND("\x02\x40" KB32("ab")), WS_TIMES(1000, "\x00\x40" KB32("ab")), WS_READ,
       WS_CLOSE}},
     LKI_CODE_WS_TOO_LARGE,
     1009,
     "the server sent a message that is too large",
     "\x03\xf1"},
};

struct ended {
    int code;
    char reason[128];
};

static void meet_end(lk_vu *vu, void *arg)
{
    struct ended *ended = arg;
    lk_ws *ws = lk_ws_open(vu, server.url, .max_message_bytes = 1024, .keep_going = true);

    ck_assert_ptr_null(lk_ws_receive(ws, SOON));
    ck_assert(!lk_ws_is_open(ws));
    ck_assert_str_ne(lk_ws_error(ws), "");
    ended->code = lk_ws_close_code(ws);
    snprintf(ended->reason, sizeof(ended->reason), "%s", lk_ws_close_reason(ws));
    lk_ws_close(ws, 0, NULL);
}

START_TEST(each_end_is_told_apart)
{
    const struct ending *ending = &endings[_i];
    const struct ws_seen *seen;
    struct ended ended;

    serve(&ending->script);
    run_well(meet_end, &ended);
    ck_assert_str_eq(ended.reason, ending->reason);
    ck_assert_int_eq(ended.code, ending->close_code);
    ck_assert_uint_eq(count("RECEIVE /", ending->code), 1);
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "RECEIVE /")->total.errors, 1);
    seen = ws_server_settle(&server, 1);
    ck_assert_uint_eq(seen->frame_count, ending->sent != NULL);
    if (ending->sent) {
        ck_assert_uint_eq(seen->frames[0].opcode, 8);
        ck_assert_msg(!strncmp(seen->frames[0].bytes, ending->sent, 2), "code");
    }
    finish();
}
END_TEST

static void be_left(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");

    (void)arg;
    lk_ws_mark(ws, "echo");
    lk_ws_receive(ws, SOON);
    ck_abort_msg("it goes on");
}

START_TEST(one_that_is_lost_ends_the_step)
{
    static const struct ws_script script = {
        {WS_SHAKE, WS_SEND("\x88\x08\x03\xf3oo\nps\x1b"), WS_ECHO}};
    const struct rig_user *user;
    const struct lki_error_group *error;

    serve(&script);
    user = run(be_left, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message, "RECEIVE /: closed by the server with 1011: oo?ps?");
    error = rig.metrics.first_error;
    ck_assert_str_eq(error->message, "RECEIVE /: closed by the server with 1011: oo?ps?");
    ck_assert_int_eq(error->source, LKI_SOURCE_WEBSOCKET);
    ck_assert_int_eq(error->code, LKI_CODE_WS_CLOSED);
    ck_assert_uint_eq(count("echo", LKI_CODE_WS_CLOSED), 1);
    finish();
}
END_TEST

/* ---- time ---- */

static void wait_for_nothing(lk_vu *vu, void *arg)
{
    lk_ws **ws = arg;

    *ws = open_at(vu, "/");
    ck_assert_ptr_null(lk_ws_receive(*ws, 0));
    ck_assert_ptr_null(lk_ws_receive(*ws, 0.01));
    ck_assert_ptr_null(lk_ws_receive(*ws, -0.1));
    ck_assert(lk_ws_is_open(*ws));
    end_within(vu, 0.02);
    lk_ws_receive(*ws, LK_OFF);
    ck_abort_msg("it goes on");
}

static void use_again(lk_vu *vu, void *arg)
{
    lk_ws **ws = arg;

    (void)vu;
    ck_assert(lk_ws_is_open(*ws));
    is_text(lk_ws_call(*ws, "still here", SOON), "still here");
    lk_ws_close(*ws, 0, NULL);
}

START_TEST(a_step_that_times_out_leaves_it_open)
{
    struct rig_user *user;
    lk_ws *ws;

    serve(&good);
    user = run(wait_for_nothing, &ws);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    run_again(user, use_again, &ws);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    finish();
}
END_TEST

static void call_in_vain(lk_vu *vu, void *arg)
{
    lk_ws *ws = lk_ws_open(vu, server.url, .keep_going = true);

    (void)arg;
    ck_assert_ptr_null(lk_ws_call(ws, "hello?", 0.02));
    ck_assert(!lk_ws_ping(ws, 0.02));
    ck_assert_ptr_null(lk_ws_call(ws, "too late", -0.001));
    ck_assert(!lk_ws_ping(ws, -7));
    ck_assert(lk_ws_is_open(ws));
    ws = lk_ws_open(vu, server.url);
    lk_ws_call(ws, "hello?", 0.02);
    ck_abort_msg("it goes on");
}

START_TEST(calls_without_an_answer_are_failures)
{
    static const struct ws_script silent = {{WS_SHAKE}};
    const struct rig_user *user;

    serve(&silent);
    user = run(call_in_vain, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message, "CALL /: no message came in time");
    ck_assert_uint_eq(count("CALL /", LKI_CODE_WS_TIMEOUT), 3);
    ck_assert_uint_eq(count("PING /", LKI_CODE_WS_TIMEOUT), 2);
    ck_assert_uint_eq(count("SEND /", LKI_CODE_WS_OK), 3);
    finish();
}
END_TEST

static void call_for_long(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_ws_call(open_at(vu, "/"), "hello?", LK_OFF);
}

static void cut(lk_vu *vu, void *arg)
{
    (void)arg;
    while (!ws_server_frames(&server, 0)->frame_count)
        lk_sleep(vu, 0.001);
    lki_tasks_cut(vu->loop);
}

START_TEST(the_end_of_the_run_is_no_failure)
{
    static const struct ws_script silent = {{WS_SHAKE}};
    struct rig_user *user;

    serve(&silent);
    user = rig_add(&rig, call_for_long, NULL);
    rig_add(&rig, cut, NULL);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_CANCELLED);
    ck_assert_uint_eq(count("CALL /", LKI_CODE_WS_CANCELLED), 1);
    ck_assert_uint_eq(metric(LKI_SOURCE_WEBSOCKET, "CALL /")->total.errors, 0);
    finish();
}
END_TEST

static double came_within;

static void mark(lk_vu *vu, void *arg)
{
    lk_ws **ws = arg;

    *ws = open_at(vu, "/");
    came_within = lk_now(vu);
    lk_ws_mark(*ws, "echo");
    lk_ws_mark(*ws, "other");
    lk_ws_send(*ws, "a");
    is_text(lk_ws_receive(*ws, SOON), "a");
    came_within = lk_now(vu) - came_within;
    lk_sleep(vu, 3 * came_within + 0.01);
    lk_ws_done(*ws, "echo");
    lk_ws_mark(*ws, "over steps");
}

static void mark_on(lk_vu *vu, void *arg)
{
    lk_ws **ws = arg;

    lk_ws_done(*ws, "over steps");
    lk_ws_mark(*ws, "other");
    lk_ws_close(*ws, 0, NULL);
    (void)vu;
}

START_TEST(round_trips_are_marked)
{
    const struct lki_metric *echo;
    struct rig_user *user;
    lk_ws *ws;

    serve(&good);
    user = run(mark, &ws);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_OK);
    run_again(user, mark_on, &ws);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_eq(count("echo", LKI_CODE_WS_OK), 1);
    /* until the message came, not until it was done */
    echo = metric(LKI_SOURCE_WEBSOCKET, "echo");
    ck_assert_uint_eq(echo->total.latency.count, 1);
    ck_assert_int_le((int64_t)echo->total.latency.max, lki_ns(came_within));
    ck_assert_uint_eq(count("over steps", LKI_CODE_WS_OK), 1);
    ck_assert_uint_eq(count("other", LKI_CODE_WS_TIMEOUT), 1);
    ck_assert_uint_eq(count("other", LKI_CODE_WS_CLOSED), 1);
    finish();
}
END_TEST

/* ---- much ---- */

#define FLOOD 20000

static void be_flooded(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");
    uint64_t sent = 0;
    size_t got = 0;

    (void)arg;
    /* until the server can send no more */
    do {
        sent = server.seen->sent;
        lk_sleep(vu, 0.1);
    } while (server.seen->sent != sent || ws->queued < LKI_WS_QUEUED_MAX);
    ck_assert_uint_lt(sent, FLOOD * 1028);
    ck_assert_uint_le(ws->queued, LKI_WS_QUEUED_MAX + 8);
    ck_assert_uint_le(ws->queued_bytes, LKI_WS_QUEUED_BYTES_MAX + 8 * 1024);
    for (; got < FLOOD; got++) {
        lk_ws_message *message = lk_ws_receive(ws, SOON);

        ck_assert_msg(message && message->bytes == 1024, "message %zu", got);
        lk_ws_message_free(message);
    }
    is_text(lk_ws_call(ws, "enough", SOON), "enough");
}

START_TEST(what_nobody_receives_is_not_read)
{
    static const struct ws_script script = {
        {WS_SHAKE, WS_TIMES(FLOOD, "\x82\x7e\x04\x00" KB32(KB32("x"))), WS_ECHO}};

    serve(&script);
    run_well(be_flooded, NULL);
    ck_assert_uint_eq(count("RECEIVE /", LKI_CODE_WS_OK), FLOOD + 1);
    finish();
}
END_TEST

#define LARGE ((size_t)3 * 1024 * 1024)

static void send_much(lk_vu *vu, void *arg)
{
    lk_ws *ws = lk_ws_open(vu, server.url, .max_message_bytes = LARGE);
    char *data = malloc(LARGE);
    lk_ws_message *message;

    (void)arg;
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (char)(i * 7 >> 3);
    for (int i = 0; i < 4; i++)
        ck_assert(lk_ws_send_bytes(ws, data, LARGE - (size_t)i));
    for (int i = 0; i < 4; i++) {
        message = lk_ws_receive(ws, SOON);
        ck_assert_ptr_nonnull(message);
        ck_assert_uint_eq(message->bytes, LARGE - (size_t)i);
        ck_assert(!memcmp(message->data, data, message->bytes));
        lk_ws_message_free(message);
    }
    free(data);
}

static void go_on(lk_vu *vu, void *arg)
{
    (void)arg;
    while (!server.seen->heads)
        lk_sleep(vu, 0.001);
    lk_sleep(vu, 0.05);
    ws_server_go_on(&server);
}

/* The server does not read while it cannot send: both directions fill up. */
START_TEST(large_messages_wait_for_the_kernel)
{
    static const struct ws_script script = {{WS_SHAKE, WS_PAUSE, WS_ECHO}};
    struct rig_user *user;

    serve(&script);
    user = rig_add(&rig, send_much, NULL);
    rig_add(&rig, go_on, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    finish();
}
END_TEST

static void send_in_vain(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");
    char *data = lki_arena_alloc(&lki_vu_task(vu)->arena, LARGE);

    (void)arg;
    memset(data, 'x', LARGE);
    end_within(vu, 0.2);
    for (;;)
        lk_ws_send_bytes(ws, data, LARGE);
}

START_TEST(a_server_that_does_not_read_is_left_by_the_step)
{
    static const struct ws_script script = {{WS_SHAKE, WS_PAUSE}};
    struct rig_user *user;

    serve(&script);
    user = run(send_in_vain, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_uint_eq(count("SEND /", LKI_CODE_WS_TIMEOUT), 1);
    finish();
}
END_TEST

static void send_to_who_leaves(lk_vu *vu, void *arg)
{
    lk_ws *ws = lk_ws_open(vu, server.url, .keep_going = true);
    char *data = lki_arena_alloc(&lki_vu_task(vu)->arena, 4 * LARGE);

    (void)arg;
    memset(data, 'x', 4 * LARGE);
    ck_assert(!lk_ws_send_bytes(ws, data, 4 * LARGE));
    ck_assert_int_eq(lk_ws_close_code(ws), 1009);
}

/* Of which the kernel had taken a part when the server said good-bye, and went. */
START_TEST(a_message_that_is_cut_off_was_not_sent)
{
    static const struct ws_script script = {
        {WS_SHAKE, WS_PAUSE, WS_SEND("\x88\x02\x03\xf1"), WS_CLOSE}};
    struct rig_user *user;

    serve(&script);
    user = rig_add(&rig, send_to_who_leaves, NULL);
    rig_add(&rig, go_on, NULL);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
    ck_assert_uint_eq(count("SEND /", LKI_CODE_WS_CLOSED), 1);
    ck_assert_uint_eq(count("SEND /", LKI_CODE_WS_OK), 0);
    finish();
}
END_TEST

static void close_in_vain(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");

    (void)arg;
    end_within(vu, 0.02);
    lk_ws_close(ws, 0, NULL);
}

START_TEST(a_good_bye_that_is_not_answered_holds_nobody)
{
    static const struct ws_script script = {{WS_SHAKE, WS_READ, WS_PAUSE}};
    struct rig_user *user;

    serve(&script);
    user = run(close_in_vain, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_ptr_null(user->vu.http.sockets);
    finish();
}
END_TEST

#define PINGS                                                                                      \
    250000 /* times 32, so many that no buffer of the kernel's takes them or their answers */

static void be_pinged(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");
    uint64_t sent;

    (void)arg;
    do {
        sent = server.seen->sent;
        lk_sleep(vu, 0.2);
    } while (server.seen->sent != sent);
    ck_assert_uint_lt(sent, (uint64_t)PINGS * 128);
    ck_assert_uint_le(ws->socket.out.len, 128 * 1024);
    ck_assert_uint_le(wslay_event_get_queued_msg_count(ws->socket.frames), 4096);
}

/* Of which no answer is read: neither they nor the answers may pile up. */
START_TEST(answers_to_pings_do_not_pile_up)
{
    static const struct ws_script script = {{WS_SHAKE, WS_TIMES(PINGS, KB32("\x89\x02pp"))}};

    serve(&script);
    run_well(be_pinged, NULL);
    finish();
}
END_TEST

/* ---- two at one ---- */

static lk_ws *shared;

static void wait_for_other(lk_vu *vu, void *arg)
{
    shared = open_at(vu, "/");
    lk_ws_receive(shared, LK_OFF);
    (void)arg;
}

static void close_others(lk_vu *vu, void *arg)
{
    while (!shared || !shared->waiting)
        lk_sleep(vu, 0.001);
    lk_ws_close(shared, 0, NULL);
    (void)arg;
}

START_TEST(one_that_another_step_waits_for_may_be_closed)
{
    struct rig_user *user;

    shared = NULL;
    serve(&good);
    user = rig_add(&rig, wait_for_other, NULL);
    rig_add(&rig, close_others, NULL);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    finish();
}
END_TEST

static void lose(lk_vu *vu, void *arg)
{
    lk_ws *ws = open_at(vu, "/");

    while (lk_ws_is_open(ws))
        lk_sleep(vu, 0.001);
    shared = ws;
    lk_ws_receive(ws, 0);
    (void)arg;
}

static void close_lost(lk_vu *vu, void *arg)
{
    while (!shared)
        lk_sleep(vu, 0);
    lk_ws_close(shared, 0, NULL);
    (void)arg;
}

/* With one that is lost there is nothing to wait for: it is closed within the turn. */
START_TEST(one_that_another_step_looked_into_may_be_closed)
{
    static const struct ws_script script = {{WS_SHAKE, WS_CLOSE}};
    const struct rig_user *user;

    shared = NULL;
    serve(&script);
    user = rig_add(&rig, lose, NULL);
    rig_add(&rig, close_lost, NULL);
    rig_run(&rig);
    ck_assert_str_eq(user->message, "the WebSocket was closed while another step waited for it");
    finish();
}
END_TEST

static void ping_shared(lk_vu *vu, void *arg)
{
    if (arg)
        shared = open_at(vu, "/");
    while (!shared || (!arg && !shared->waiting))
        lk_sleep(vu, 0.001);
    ck_assert(lk_ws_ping(shared, SOON));
}

/* A server may answer the last of several pings alone, and then it has answered all. */
START_TEST(a_pong_answers_all_pings_before_it)
{
    static char pong[] = "\x8a\x08number 2";
    struct ws_script script = {{WS_SHAKE, WS_READ, WS_READ, WS_SEND(pong), WS_ECHO}};
    uint64_t second = 2;
    const struct rig_user *first;

    memcpy(pong + 2, &second, sizeof(second));
    shared = NULL;
    script.acts[3].len = 2 + sizeof(second);
    serve(&script);
    first = rig_add(&rig, ping_shared, &shared);
    rig_add(&rig, ping_shared, NULL);
    rig_run(&rig);
    ck_assert_msg(first->outcome == LKI_OUTCOME_OK, "%s", first->message);
    ck_assert_uint_eq(count("PING /", LKI_CODE_WS_OK), 2);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("websocket");
    TCase *tests = tcase_create("websocket");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, messages_go_and_come);
    tcase_add_test(tests, each_thing_is_counted_once);
    tcase_add_test(tests, a_handshake_says_what_was_asked_for);
    tcase_add_test(tests, keys_differ_and_cookies_come_and_go);
    tcase_add_loop_test(tests, messages_are_read_as_they_come, 0, LKI_COUNT(said));
    tcase_add_test(tests, pings_are_answered_while_the_user_thinks);
    tcase_add_test(tests, a_user_holds_several);
    tcase_add_test(tests, messages_are_read_as_json);
    tcase_add_loop_test(tests, handshakes_that_fail_say_why, 0, LKI_COUNT(refusals));
    tcase_add_test(tests, nobody_there_is_told);
    tcase_add_test(tests, a_handshake_has_a_time_out);
    tcase_add_test(tests, a_step_that_ends_in_a_handshake_leaves_nothing);
    tcase_add_loop_test(tests, mistakes_end_the_step_with_one_line, 0, LKI_COUNT(mistakes));
    tcase_add_loop_test(tests, each_end_is_told_apart, 0, LKI_COUNT(endings));
    tcase_add_test(tests, one_that_is_lost_ends_the_step);
    tcase_add_test(tests, a_step_that_times_out_leaves_it_open);
    tcase_add_test(tests, calls_without_an_answer_are_failures);
    tcase_add_test(tests, the_end_of_the_run_is_no_failure);
    tcase_add_test(tests, round_trips_are_marked);
    tcase_add_test(tests, what_nobody_receives_is_not_read);
    tcase_add_test(tests, large_messages_wait_for_the_kernel);
    tcase_add_test(tests, a_server_that_does_not_read_is_left_by_the_step);
    tcase_add_test(tests, a_message_that_is_cut_off_was_not_sent);
    tcase_add_test(tests, a_good_bye_that_is_not_answered_holds_nobody);
    tcase_add_test(tests, answers_to_pings_do_not_pile_up);
    tcase_add_test(tests, one_that_another_step_waits_for_may_be_closed);
    tcase_add_test(tests, one_that_another_step_looked_into_may_be_closed);
    tcase_add_test(tests, a_pong_answers_all_pings_before_it);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
