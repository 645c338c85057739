/* WebSockets and server-sent events, with clients that behave and others. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "support/site.h"
#include "support/suite.h"
#include "support/ws_client.h"
#include "web/server.h"

#define HOST "Host: localhost\r\n"
#define WAIT_MS 10000
#define QUEUE 100000
#define BEAT_NS (100 * LKI_NS_PER_MS)
#define SOCKET                                                                                     \
    "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"                    \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define EVENTS "GET /events HTTP/1.1\r\n" HOST "\r\n"

static struct site site;
static struct site_client client;

static void start(const struct lki_web_settings *settings)
{
    site_start(&site, settings);
    ck_assert_msg(!site.seen->err, "%s", site.seen->why);
    site_connect(&client, &site);
}

static void setup(void)
{
    start(&(struct lki_web_settings){.limits = {.queue_bytes = QUEUE, .streams = 4}});
}

static void teardown(void)
{
    site_hang_up(&client);
    ck_assert_int_eq(site_stop(&site), 0);
}

static struct ws_client *open_socket(void)
{
    int status;
    struct ws_client *ws = ws_open("127.0.0.1", site.seen->port, "/ws", "", &status);

    ck_assert_msg(ws != NULL, "%d", status);
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "hello");
    return ws;
}

static void say(const char *body)
{
    struct site_client other;
    struct site_answer answer;
    char text[65536];

    snprintf(text, sizeof(text),
             "POST /say HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    site_connect(&other, &site);
    answer = site_ask(&other, text);
    ck_assert_msg(answer.status == 200, "%s", answer.body);
    site_hang_up(&other);
}

static void bye(void)
{
    ck_assert_int_eq(
        site_ask_once(&site, "POST /bye HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n").status,
        200);
}

/* ---- WebSockets */

START_TEST(a_socket_carries_texts_in_their_order)
{
    struct ws_client *ws = open_socket();

    ck_assert_str_eq(ws_field(ws, "Upgrade"), "websocket");
    ck_assert_str_eq(ws_field(ws, "Connection"), "Upgrade");
    ck_assert_ptr_null(ws_field(ws, "Sec-WebSocket-Protocol"));
    say("{\"text\":\"one\"}");
    say("{\"text\":\"t\\u00e4\\n\"}");
    say("{\"text\":\"x\",\"times\":3}");
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "one");
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "t\xc3\xa4\n");
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "x");
    ck_assert(site_sees(&site.seen->streams, 1));
    ck_assert(ws_leave(ws, WAIT_MS));
    ck_assert_uint_eq(ws_status(ws), 1000);
    ck_assert(site_sees(&site.seen->closed, 1));
    ck_assert(site_sees(&site.seen->streams, 0));
    ws_free(ws);
}
END_TEST

START_TEST(messages_may_be_of_any_length)
{
    static const size_t lens[] = {1, 125, 126, 127, 65535, 65536, 70000, 3000000};
    struct ws_client *ws = open_socket();
    char body[64];
    size_t len;

    for (size_t i = 0; i < LKI_COUNT(lens); i++) {
        snprintf(body, sizeof(body), "{\"bytes\":%zu}", lens[i]);
        say(body);
        ck_assert_ptr_nonnull(ws_read(ws, WAIT_MS, &len));
        ck_assert_uint_eq(len, lens[i]);
    }
    ws_free(ws);
}
END_TEST

START_TEST(what_clients_say_is_passed_over)
{
    struct ws_client *ws = open_socket();
    static char large[65536];

    memset(large, 'a', sizeof(large));
    for (int i = 0; i < 10; i++) {
        ck_assert(ws_send(ws, "{\"op\":\"subscribe\"}", 18));
        ck_assert(ws_send(ws, large, sizeof(large)));
        ck_assert(ws_send(ws, "", 0));
    }
    ws_ping(ws);
    say("{\"text\":\"still here\"}");
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "still here");
    while (!ws_pongs(ws))
        ck_assert_ptr_null(ws_read(ws, 100, NULL));
    ws_free(ws);
    ck_assert(site_sees(&site.seen->closed, 1));
}
END_TEST

static const struct {
    const char *what;
    const char *bytes;
    size_t len;
    unsigned status;
} wrongs[] = {
    {"too large", "\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00x", 15, 1009},
    {"absurdly large", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00x", 15, 1009},
    {"an unknown opcode", "\x83\x80\x00\x00\x00\x00", 6, 1002},
    {"a reserved bit", "\xc1\x80\x00\x00\x00\x00", 6, 1002},
    {"a continuation of nothing", "\x80\x80\x00\x00\x00\x00", 6, 1002},
    {"a ping in pieces", "\x09\x80\x00\x00\x00\x00", 6, 1005},
    {"a large ping", "\x89\xfe\x01\x00\x00\x00\x00\x00", 8, 1005},
    {"no UTF-8", "\x81\x82\x00\x00\x00\x00\xff\xff", 8, 1007},
    {"a close of one byte", "\x88\x81\x00\x00\x00\x00\x03", 7, 1005},
    {"no mask", "\x81\x02hi", 4, 1002},
};

START_TEST(a_client_that_breaks_the_rules_is_told_and_closed)
{
    struct ws_client *ws = open_socket();
    struct site_client raw = {.fd = ws_fd(ws)};

    ws_raw(ws, wrongs[_i].bytes, wrongs[_i].len);
    ck_assert_ptr_null(ws_read(ws, WAIT_MS, NULL));
    ck_assert_msg(ws_status(ws) == wrongs[_i].status, "%s: %u", wrongs[_i].what, ws_status(ws));
    ck_assert(site_is_closed(&raw, WAIT_MS));
    ck_assert(site_sees(&site.seen->closed, 1));
    ws_free(ws);
}
END_TEST

START_TEST(frames_may_follow_the_handshake_at_once)
{
    static const char text[] = SOCKET "\x81\x82\x00\x00\x00\x00hi\x88\x82\x00\x00\x00\x00\x03\xe8";

    site_send(&client, text, sizeof(text) - 1);
    ck_assert(site_read_until(&client, "\x81\x05hello\x88\x02\x03\xe8"));
    ck_assert(site_is_closed(&client, WAIT_MS));
    ck_assert(site_sees(&site.seen->closed, 1));
}
END_TEST

START_TEST(a_client_that_vanishes_is_noticed)
{
    struct ws_client *ws = open_socket();

    if (_i)
        setsockopt(ws_fd(ws), SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    ws_free(ws);
    ck_assert(site_sees(&site.seen->closed, 1));
    ck_assert(site_sees(&site.seen->streams, 0));
}
END_TEST

START_TEST(we_say_good_bye_and_wait_for_the_other)
{
    struct ws_client *ws = open_socket();
    struct site_client raw = {.fd = ws_fd(ws)};

    say("{\"text\":\"last\"}");
    bye();
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "last");
    ck_assert_ptr_null(ws_read(ws, WAIT_MS, NULL));
    ck_assert_uint_eq(ws_status(ws), 1000);
    ck_assert(site_is_closed(&raw, WAIT_MS));
    ck_assert(site_sees(&site.seen->streams, 0));
    ck_assert_int_eq(site.seen->closed, 0);
    ws_free(ws);
}
END_TEST

START_TEST(a_client_that_does_not_say_good_bye_is_left)
{
    struct ws_client *ws = open_socket();

    bye();
    ck_assert(site_sees(&site.seen->streams, 0));
    ws_free(ws);
}
END_TEST

static const struct {
    const char *request;
    int status;
    const char *code, *version;
} handshakes[] = {
    {"GET /ws HTTP/1.1\r\n" HOST "\r\n", 426, "upgrade_required", "13"},
    {"HEAD /ws HTTP/1.1\r\n" HOST "\r\n", 426, NULL, "13"},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", 426, "upgrade_required", "13"},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426,
     "upgrade_required", "13"},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     426, "upgrade_required", "13"},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     400, "bad_request", NULL},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
     400, "bad_request", NULL},
    {"GET /ws HTTP/1.1\r\nHost: evil.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     403, "forbidden_host", NULL},
    {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Origin: http://evil.com\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     403, "forbidden_origin", NULL},
};

START_TEST(a_bad_handshake_is_refused)
{
    struct site_answer answer = site_ask(&client, handshakes[_i].request);

    ck_assert_int_eq(answer.status, handshakes[_i].status);
    if (handshakes[_i].code)
        ck_assert_msg(strstr(answer.body, handshakes[_i].code) != NULL, "%s", answer.body);
    if (handshakes[_i].version) {
        ck_assert_str_eq(site_field(&answer, "Sec-WebSocket-Version"), handshakes[_i].version);
        ck_assert_str_eq(site_field(&answer, "Upgrade"), "websocket");
    }
    ck_assert_int_eq(site.seen->streams, 0);
}
END_TEST

START_TEST(a_token_opens_a_socket)
{
    static const struct {
        const char *fields;
        const char *protocol;
        int status;
    } ways[] = {
        {"", NULL, 401},
        {"Authorization: Bearer " SITE_TOKEN "\r\n", NULL, 101},
        {"Sec-WebSocket-Protocol: loadkit, loadkit.token.correct-horse%2Fbattery%3Dstaple\r\n",
         "loadkit", 101},
        {"Sec-WebSocket-Protocol: loadkit, loadkit.token.wrong-one\r\n", NULL, 401},
        {"Sec-WebSocket-Protocol: loadkit\r\n", NULL, 401},
        {"Origin: http://127.0.0.1:1\r\nX-Loadkit-Token: " SITE_TOKEN "\r\n", NULL, 403},
    };
    struct ws_client *ws;
    int status;

    teardown();
    start(&(struct lki_web_settings){.token = SITE_TOKEN});
    for (size_t i = 0; i < LKI_COUNT(ways); i++) {
        ws = ws_open("127.0.0.1", site.seen->port, "/ws", ways[i].fields, &status);
        ck_assert_int_eq(status, ways[i].status);
        ck_assert_int_eq(ws != NULL, status == 101);
        if (!ws)
            continue;
        ck_assert_pstr_eq(ws_field(ws, "Sec-WebSocket-Protocol"), ways[i].protocol);
        ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "hello");
        ws_free(ws);
    }
}
END_TEST

/* ---- slow readers */

START_TEST(a_slow_client_loses_whole_messages)
{
    struct ws_client *slow = open_socket();
    struct ws_client *quick = open_socket();
    int said = 0;
    size_t len;

    for (; !site.seen->lost; said++) {
        say("{\"bytes\":50001}");
        ck_assert_ptr_nonnull(ws_read(quick, WAIT_MS, NULL));
    }
    for (int i = site.seen->sent - said; i; i--) {
        ck_assert_ptr_nonnull(ws_read(slow, WAIT_MS, &len));
        ck_assert_uint_eq(len, 50001);
    }
    ck_assert_int_eq(site.seen->lost, 2 * said - site.seen->sent);
    say("{\"text\":\"again\"}");
    ck_assert_str_eq(ws_read(slow, WAIT_MS, NULL), "again");
    ws_free(slow);
    ws_free(quick);
}
END_TEST

START_TEST(streams_are_bounded)
{
    struct ws_client *ws[4];
    struct site_answer answer;
    int status;

    for (int i = 0; i < 4; i++)
        ws[i] = open_socket();
    ck_assert_ptr_null(ws_open("127.0.0.1", site.seen->port, "/ws", "", &status));
    ck_assert_int_eq(status, 503);
    answer = site_ask(&client, EVENTS);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"too_many_streams\""));
    ws_free(ws[0]);
    ck_assert(site_sees(&site.seen->closed, 1));
    ws[0] = open_socket();
    for (int i = 0; i < 4; i++)
        ws_free(ws[i]);
}
END_TEST

/* ---- signs of life */

static void start_beating(void)
{
    teardown();
    start(&(struct lki_web_settings){.limits = {.beat_ns = BEAT_NS}});
}

START_TEST(who_answers_pings_stays)
{
    struct ws_client *ws;

    start_beating();
    ws = open_socket();
    while (ws_pings(ws) < 8)
        ck_assert_ptr_null(ws_read(ws, 100, NULL));
    say("{\"text\":\"alive\"}");
    ck_assert_str_eq(ws_read(ws, WAIT_MS, NULL), "alive");
    ws_free(ws);
}
END_TEST

START_TEST(who_does_not_is_closed)
{
    struct ws_client *ws;

    start_beating();
    ws = open_socket();
    ck_assert(site_sees(&site.seen->closed, 1));
    ws_free(ws);
}
END_TEST

START_TEST(events_beat_by_comments)
{
    start_beating();
    site_send(&client, EVENTS, strlen(EVENTS));
    ck_assert(site_read_until(&client, ": beat\n\n: beat\n\n: beat\n\n: beat\n\n: beat\n\n"));
    ck_assert_int_eq(site.seen->closed, 0);
}
END_TEST

START_TEST(who_reads_no_events_is_closed)
{
    int small = 4096;

    teardown();
    start(&(struct lki_web_settings){.limits = {.beat_ns = BEAT_NS}});
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    site_send(&client, EVENTS, strlen(EVENTS));
    ck_assert(site_sees(&site.seen->streams, 1));
    say("{\"bytes\":4000000,\"times\":2}");
    ck_assert(site_sees(&site.seen->closed, 1));
}
END_TEST

START_TEST(who_reads_slowly_is_not)
{
    struct timespec pause = {.tv_nsec = 10000000};
    static char bytes[200000];
    size_t got = 0;
    ssize_t count;

    teardown();
    start(&(struct lki_web_settings){
        .limits = {.beat_ns = BEAT_NS, .queue_bytes = (size_t)64 * 1024 * 1024}});
    site_send(&client, _i ? SOCKET : EVENTS, strlen(_i ? SOCKET : EVENTS));
    ck_assert(site_sees(&site.seen->streams, 1));
    say("{\"bytes\":4000000,\"times\":5}");
    while (got < 20000000) {
        count = recv(client.fd, bytes, sizeof(bytes), 0);
        ck_assert_int_gt(count, 0);
        got += (size_t)count;
        nanosleep(&pause, NULL);
    }
    ck_assert_int_eq(site.seen->lost, 0);
}
END_TEST

/* ---- events */

START_TEST(events_come_as_text)
{
    struct site_answer answer;

    site_send(&client, EVENTS, strlen(EVENTS));
    answer = site_read(&client, false);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(site_field(&answer, "Content-Type"), "text/event-stream");
    ck_assert_str_eq(site_field(&answer, "Cache-Control"), "no-store");
    ck_assert_ptr_null(site_field(&answer, "Content-Length"));
    ck_assert(site_sees(&site.seen->streams, 1));
    say("{\"text\":\"one\"}");
    say("{\"text\":\"two\\nlines\\r\\nor\\rfour\",\"type\":\"tick\"}");
    ck_assert(site_read_until(&client, "retry: 1000\n\nevent: hello\ndata: hello\n\n"
                                       "data: one\n\n"
                                       "event: tick\ndata: two\ndata: lines\ndata: or\ndata: "
                                       "four\n\n"));
    bye();
    ck_assert(site_is_closed(&client, WAIT_MS));
    ck_assert_int_eq(site.seen->closed, 0);
}
END_TEST

START_TEST(events_end_when_the_client_goes)
{
    struct site_client other;

    site_connect(&other, &site);
    site_send(&other, EVENTS, strlen(EVENTS));
    ck_assert(site_read_until(&other, "hello\n\n"));
    site_send(&other, "and what clients say is passed over", 35);
    say("{\"text\":\"on\"}");
    ck_assert(site_read_until(&other, "data: on\n\n"));
    site_hang_up(&other);
    ck_assert(site_sees(&site.seen->closed, 1));
}
END_TEST

START_TEST(events_are_sent_to_the_origin_that_may_have_them)
{
    const char *text = "GET /events HTTP/1.1\r\n" HOST "Origin: https://page.example.com\r\n\r\n";
    struct site_answer answer = site_ask(&client, text);

    ck_assert_int_eq(answer.status, 403);
    teardown();
    start(&(struct lki_web_settings){.cors_origin = "https://page.example.com"});
    site_send(&client, text, strlen(text));
    answer = site_read(&client, false);
    ck_assert_str_eq(site_field(&answer, "Access-Control-Allow-Origin"),
                     "https://page.example.com");
}
END_TEST

/* ---- the end */

START_TEST(a_server_that_is_closed_takes_leave)
{
    struct ws_client *ws = open_socket();

    site_send(&client, EVENTS, strlen(EVENTS));
    ck_assert(site_read_until(&client, "hello\n\n"));
    ck_assert_int_eq(site_stop(&site), 0);
    ck_assert_ptr_null(ws_read(ws, WAIT_MS, NULL));
    ck_assert_uint_eq(ws_status(ws), 1001);
    ck_assert(site_is_closed(&client, WAIT_MS));
    ws_free(ws);
    site_start(&site, NULL);
}
END_TEST

static Suite *stream_suite(void)
{
    Suite *suite = suite_create("web_stream");
    TCase *tests = tcase_create("web_stream");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_socket_carries_texts_in_their_order);
    tcase_add_test(tests, messages_may_be_of_any_length);
    tcase_add_test(tests, what_clients_say_is_passed_over);
    tcase_add_loop_test(tests, a_client_that_breaks_the_rules_is_told_and_closed, 0,
                        (int)LKI_COUNT(wrongs));
    tcase_add_test(tests, frames_may_follow_the_handshake_at_once);
    tcase_add_loop_test(tests, a_client_that_vanishes_is_noticed, 0, 2);
    tcase_add_test(tests, we_say_good_bye_and_wait_for_the_other);
    tcase_add_test(tests, a_client_that_does_not_say_good_bye_is_left);
    tcase_add_loop_test(tests, a_bad_handshake_is_refused, 0, (int)LKI_COUNT(handshakes));
    tcase_add_test(tests, a_token_opens_a_socket);
    tcase_add_test(tests, a_slow_client_loses_whole_messages);
    tcase_add_test(tests, streams_are_bounded);
    tcase_add_test(tests, who_answers_pings_stays);
    tcase_add_test(tests, who_does_not_is_closed);
    tcase_add_test(tests, events_beat_by_comments);
    tcase_add_test(tests, who_reads_no_events_is_closed);
    tcase_add_loop_test(tests, who_reads_slowly_is_not, 0, 2);
    tcase_add_test(tests, events_come_as_text);
    tcase_add_test(tests, events_end_when_the_client_goes);
    tcase_add_test(tests, events_are_sent_to_the_origin_that_may_have_them);
    tcase_add_test(tests, a_server_that_is_closed_takes_leave);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(stream_suite());
}
