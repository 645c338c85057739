/* JSON-RPC as a step speaks it, against servers that speak it well or badly: what goes out, what is
 * made of what comes back, and what is counted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/jsonrpc.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

static struct rig rig;
static struct test_server server;

/* An answer with that status line and body, again and again. */
static void serve(const char *status, const char *body)
{
    static char bytes[4096];
    struct test_script script = {{SRV_READ, SRV_BYTES(bytes, 0), SRV_AGAIN}};

    script.acts[1].len = (size_t)snprintf(bytes, sizeof(bytes),
                                          "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                                          strlen(body), body);
    test_server_start(&server, &script, 1);
}

static struct rig_user *live(void (*run)(lk_vu *vu, void *arg), const void *arg)
{
    struct rig_user *user;

    rig_open(&rig);
    user = rig_add(&rig, run, (void *)(uintptr_t)arg);
    rig_run(&rig);
    return user;
}

static void finish(void)
{
    rig_close(&rig);
    test_server_stop(&server);
}

/* How many calls of that method had this code. */
static uint64_t counted(const char *method, const char *code)
{
    uint64_t count = 0;

    lki_metrics_fold(&rig.metrics);
    for (const struct lki_metric *metric = rig.metrics.first; metric; metric = metric->next) {
        const struct lki_code_count *all = lki_codes_all(&metric->total.codes);

        if (metric->source != LKI_SOURCE_JSONRPC || strcmp(metric->name, method) != 0)
            continue;
        for (uint16_t i = 0; i < metric->total.codes.len; i++) {
            if (!strcmp(lki_metrics_code_name(&rig.metrics, all[i].code), code))
                count += all[i].count;
        }
    }
    return count;
}

/* The body of the index-th request. */
static const char *body_of(uint64_t index)
{
    const char *body = strstr(test_server_request(&server, index)->bytes, "\r\n\r\n");

    return body ? body + 4 : "";
}

/* ---- what goes out ---- */

static void call_in_all_forms(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_rpc_call(vu, "plain", .keep_going = true);
    lk_rpc_url(vu, "/rpc");
    lk_rpc_call(vu, "named", .params = LK_OBJECT("a", 1, "b", LK_ARRAY()), .keep_going = true);
    lk_rpc_call(vu, "numbered", .params = LK_ARRAY(1, "x"), .id = 77, .keep_going = true);
    lk_rpc_call(vu, "te\"xt", .id_text = "\"id\"", .keep_going = true, .url = "/other",
                .headers = LK_PAIRS("X-Test", "yes"));
    lk_rpc_notify(vu, "told", .params = LK_ARRAY(LK_TRUE), .keep_going = true);
    lk_rpc_call(vu, "third", .keep_going = true);
}

START_TEST(calls_go_out_as_the_specification_has_them)
{
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"plain\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"named\",\"params\":{\"a\":1,\"b\":[]}}",
        "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"numbered\",\"params\":[1,\"x\"]}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"\\\"id\\\"\",\"method\":\"te\\\"xt\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"told\",\"params\":[true]}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"third\"}",
    };
    static const char *const paths[] = {"/", "/rpc", "/rpc", "/other", "/rpc", "/rpc"};

    serve("200 OK", "{}");
    ck_assert_str_eq(live(call_in_all_forms, NULL)->message, "");
    ck_assert_uint_eq(test_server_settle(&server)->requests, LKI_COUNT(bodies));
    for (size_t i = 0; i < LKI_COUNT(bodies); i++) {
        const char *request = test_server_request(&server, i)->bytes;
        size_t len = strlen(paths[i]);

        ck_assert_str_eq(body_of(i), bodies[i]);
        ck_assert(!strncmp(request, "POST ", 5) && !strncmp(request + 5, paths[i], len) &&
                  request[5 + len] == ' ');
        ck_assert_ptr_nonnull(strstr(request, "Content-Type: application/json\r\n"));
        ck_assert_ptr_nonnull(
            strstr(request, i == 3 ? "X-Test: yes\r\n" : "Accept: application/json\r\n"));
    }
    finish();
}
END_TEST

/* ---- what comes back ---- */

#define REPLY(rest) "{\"jsonrpc\":\"2.0\",\"id\":1," rest "}"

#define FOR_ALL "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"no\"}}"

static const struct reply_case {
    const char *status;
    const char *body;
    const char *code;
    const char *gives; /* the result, or the data of the error */
    const char *message;
    const char *ends; /* how the step ends without .keep_going */
} cases[] = {
    {"200 OK", REPLY("\"result\":{\"n\":7}"), "JSONRPC_OK", "{\"n\":7}", "", ""},
    {"200 OK", " { \"result\" : null , \"id\" : 1.0 , \"jsonrpc\" : \"2.0\" } ", "JSONRPC_OK",
     "null", "", ""},
    {"200 OK", REPLY("\"result\":[1],\"error\":null,\"x\":2"), "JSONRPC_OK", "[1]", "", ""},
    {"200 OK", REPLY("\"error\":{\"code\":-32601,\"message\":\"no such \\\"m\\\"\"}"),
     "JSONRPC_-32601", "null", "no such \"m\"", "add failed with code -32601: no such \"m\""},
    {"500 No", REPLY("\"error\":{\"code\":5,\"message\":\"\",\"data\":{\"x\":1}}"), "JSONRPC_5",
     "{\"x\":1}", "", "add failed with code 5: "},
    {"200 OK", "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"m\"}}",
     "JSONRPC_-32700", "null", "m", "add failed with code -32700: m"},
    {"200 OK", "", "JSONRPC_PROTOCOL_ERROR", "null", "it is empty",
     "add got no proper reply: it is empty"},
    {"502 Bad", "<html>", "JSONRPC_PROTOCOL_ERROR", "null",
     "HTTP 502, it is not JSON, it begins with \"<html>\"",
     "add got no proper reply: HTTP 502, it is not JSON, it begins with \"<html>\""},
    {"200 OK", "{\"id\":1", "JSONRPC_PROTOCOL_ERROR", "null",
     "its JSON is broken: it ends at byte 7",
     "add got no proper reply: its JSON is broken: it ends at byte 7"},
    {"404 Not Found", "{\"detail\":\"Not Found\"}", "JSONRPC_PROTOCOL_ERROR", "null",
     "HTTP 404, its jsonrpc is not \"2.0\"",
     "add got no proper reply: HTTP 404, its jsonrpc is not \"2.0\""},
    {"200 OK", "7", "JSONRPC_PROTOCOL_ERROR", "null", "it is no object",
     "add got no proper reply: it is no object"},
    {"200 OK", "[" REPLY("\"result\":1") "]", "JSONRPC_PROTOCOL_ERROR", "null", "it is no object",
     "add got no proper reply: it is no object"},
    {"200 OK", "{\"id\":1,\"result\":1}", "JSONRPC_PROTOCOL_ERROR", "null",
     "its jsonrpc is not \"2.0\"", "add got no proper reply: its jsonrpc is not \"2.0\""},
    {"200 OK", "{\"jsonrpc\":2.0,\"id\":1,\"result\":1}", "JSONRPC_PROTOCOL_ERROR", "null",
     "its jsonrpc is not \"2.0\"", "add got no proper reply: its jsonrpc is not \"2.0\""},
    {"200 OK", "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":1}", "JSONRPC_PROTOCOL_ERROR", "null",
     "its id is not that of the call", "add got no proper reply: its id is not that of the call"},
    {"200 OK", "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":1}", "JSONRPC_PROTOCOL_ERROR", "null",
     "its id is not that of the call", "add got no proper reply: its id is not that of the call"},
    {"200 OK", "{\"jsonrpc\":\"2.0\",\"result\":1}", "JSONRPC_PROTOCOL_ERROR", "null",
     "its id is not that of the call", "add got no proper reply: its id is not that of the call"},
    {"200 OK", REPLY("\"x\":1"), "JSONRPC_PROTOCOL_ERROR", "null",
     "it has neither a result nor an error",
     "add got no proper reply: it has neither a result nor an error"},
    {"200 OK", REPLY("\"result\":1,\"error\":{\"code\":1,\"message\":\"\"}"),
     "JSONRPC_PROTOCOL_ERROR", "null", "it has both a result and an error",
     "add got no proper reply: it has both a result and an error"},
    {"200 OK", REPLY("\"error\":\"no\""), "JSONRPC_PROTOCOL_ERROR", "null",
     "its error is no object", "add got no proper reply: its error is no object"},
    {"200 OK", REPLY("\"error\":{\"code\":\"1\",\"message\":\"m\"}"), "JSONRPC_PROTOCOL_ERROR",
     "null", "its error has no code that is an integer",
     "add got no proper reply: its error has no code that is an integer"},
    {"200 OK", REPLY("\"error\":{\"code\":1,\"message\":null}"), "JSONRPC_PROTOCOL_ERROR", "null",
     "its error has no message that is a string",
     "add got no proper reply: its error has no message that is a string"},
};

static void call_and_compare(lk_vu *vu, void *case_)
{
    const struct reply_case *want = case_;
    const lk_rpc_reply *reply;
    bool ok = !strcmp(want->code, "JSONRPC_OK");
    bool is_error = !ok && strcmp(want->code, "JSONRPC_PROTOCOL_ERROR") != 0;

    lk_http_base_url(vu, server.url);
    reply = lk_rpc_call(vu, "add", .keep_going = true);
    EXPECT(reply->ok == ok, "ok: %d", reply->ok);
    EXPECT(!strcmp(lk_json_text(reply->result), ok ? want->gives : "null"), "result %s",
           lk_json_text(reply->result));
    EXPECT(!strcmp(lk_json_text(reply->data), ok ? "null" : want->gives), "data %s",
           lk_json_text(reply->data));
    EXPECT(!strcmp(reply->message, want->message), "message %s", reply->message);
    EXPECT(reply->code == (is_error ? atoll(want->code + strlen("JSONRPC_")) : 0), "code %lld",
           reply->code);
    EXPECT(reply->http_status == atoi(want->status), "status %d", reply->http_status);
    EXPECT(reply->response->status == reply->http_status && reply->seconds > 0, "the response");
    lk_response_free(reply->response);
    lk_rpc_call(vu, "add", .id = 1);
}

START_TEST(a_reply_is_what_the_specification_calls_one)
{
    const struct reply_case *want = &cases[_i];
    const struct rig_user *user;
    bool ok = !*want->ends;
    bool http_ok = atoi(want->status) < 400;

    serve(want->status, want->body);
    user = live(call_and_compare, want);
    ck_assert_str_eq(user->message, want->ends);
    ck_assert_int_eq(user->outcome, ok ? LKI_OUTCOME_OK : LKI_OUTCOME_FAILED);
    ck_assert_uint_eq(counted("add", want->code), 2);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, http_ok ? 0 : 2);
    ck_assert_uint_eq(test_server_settle(&server)->requests, 2);
    for (const struct lki_error_group *group = rig.metrics.first_error; group; group = group->next)
        ck_assert_uint_eq(group->count, 2);
    ck_assert_int_eq(!rig.metrics.first_error, ok && http_ok);
    finish();
}
END_TEST

static void read_result(lk_vu *vu, void *arg)
{
    const lk_rpc_reply *reply;

    (void)arg;
    lk_http_base_url(vu, server.url);
    reply = lk_rpc_call(vu, "get");
    EXPECT(lk_int(reply->result, "items.1.id") == 2, "no second item");
    EXPECT(!strcmp(lk_str(reply->result, "name"), "\xc3\xa4"), "%s", lk_str(reply->result, "name"));
    lk_str(reply->result, "items.5");
}

START_TEST(a_result_is_read_by_the_getters)
{
    serve("200 OK", REPLY("\"result\":{\"items\":[{\"id\":1},{\"id\":2}],\"name\":\"\\u00e4\"}"));
    ck_assert_str_eq(live(read_result, NULL)->message,
                     "no string at \"items.5\" in the answer to POST /: it is not there");
    finish();
}
END_TEST

static void call_text_id(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    EXPECT(lk_rpc_call(vu, "a", .id_text = "\xc3\xa4 1")->ok, "it was not known");
    lk_rpc_call(vu, "a", .id_text = "other");
}

START_TEST(an_id_that_is_a_text_is_compared_as_one)
{
    serve("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":\"\\u00e4 1\",\"result\":1}");
    ck_assert_str_eq(live(call_text_id, NULL)->message,
                     "a got no proper reply: its id is not that of the call");
    finish();
}
END_TEST

/* ---- notifications ---- */

static void notify(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    EXPECT(lk_rpc_notify(vu, "log")->ok, "it is not ok");
    EXPECT(!strcmp(lk_json_text(lk_rpc_notify(vu, "log")->result), "null"), "a result");
}

START_TEST(a_notification_waits_for_the_status_only)
{
    serve("202 Accepted", "whatever");
    ck_assert_str_eq(live(notify, NULL)->message, "");
    ck_assert_uint_eq(counted("log", "JSONRPC_OK"), 2);
    finish();

    serve("503 Busy", "");
    ck_assert_str_eq(live(notify, NULL)->message,
                     "log got no proper reply: HTTP 503, though nothing is to be replied");
    ck_assert_uint_eq(counted("log", "JSONRPC_PROTOCOL_ERROR"), 1);
    finish();

    /* but for a server that says it could not read it */
    serve("200 OK", FOR_ALL);
    ck_assert_str_eq(live(notify, NULL)->message, "log failed with code -32600: no");
    ck_assert_uint_eq(counted("log", "JSONRPC_-32600"), 1);
    finish();
}
END_TEST

/* ---- batches ---- */

static void send_batch(lk_vu *vu, void *mode)
{
    const lk_rpc_reply *replies[4];

    lk_http_base_url(vu, server.url);
    lk_rpc_batch(vu, replies, LK_RPC("a", .params = LK_ARRAY(1), .keep_going = mode != NULL),
                 LK_RPC("note", .notification = true), LK_RPC("b", .keep_going = mode != NULL),
                 LK_RPC("c", .id_text = "last", .keep_going = mode != NULL));
    EXPECT(lk_int(replies[0]->result, "") == 10, "the first");
    EXPECT(replies[1]->ok, "the second");
    EXPECT(!replies[2]->ok && replies[2]->code == -5, "the third");
    EXPECT(!strcmp(lk_str(replies[3]->result, "x"), "y"), "the fourth");
}

#define REPLIES                                                                                    \
    "[{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"result\":{\"x\":\"y\"}}, 7, "                         \
    "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":1}, "                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-5,\"message\":\"no b\"}}, "                \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":10},{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":11}]"

START_TEST(replies_of_a_batch_find_their_calls_by_their_ids)
{
    serve("200 OK", REPLIES);
    ck_assert_str_eq(live(send_batch, "")->message, "");
    ck_assert_str_eq(body_of(0), "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":[1]},"
                                 "{\"jsonrpc\":\"2.0\",\"method\":\"note\"},"
                                 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"b\"},"
                                 "{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"c\"}]");
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 1);
    ck_assert_uint_eq(counted("a", "JSONRPC_OK"), 1);
    ck_assert_uint_eq(counted("note", "JSONRPC_OK"), 1);
    ck_assert_uint_eq(counted("b", "JSONRPC_-5"), 1);
    ck_assert_uint_eq(counted("c", "JSONRPC_OK"), 1);
    finish();
}
END_TEST

START_TEST(one_of_a_batch_that_fails_ends_the_step_when_all_were_counted)
{
    serve("200 OK", REPLIES);
    ck_assert_str_eq(live(send_batch, NULL)->message, "b failed with code -5: no b");
    ck_assert_uint_eq(counted("c", "JSONRPC_OK"), 1);
    finish();
}
END_TEST

static void send_three(lk_vu *vu, void *methods)
{
    const lk_rpc_reply *replies[3];

    (void)methods;
    lk_http_base_url(vu, server.url);
    lk_rpc_batch(vu, replies, LK_RPC("a", .keep_going = true), LK_RPC("a", .keep_going = true),
                 LK_RPC("a", .keep_going = true));
    lk_fail(vu, "%d %d %d: %s", replies[0]->ok, replies[1]->ok, replies[2]->ok,
            replies[2]->message);
}

static const struct {
    const char *body;
    const char *ends;
    const char *code;
    uint64_t count;
} batches[] = {
    {"[" REPLY("\"result\":1") "]", "1 0 0: no reply has its id", "JSONRPC_PROTOCOL_ERROR", 2},
    {"[]", "0 0 0: no reply has its id", "JSONRPC_PROTOCOL_ERROR", 3},
    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batches?\"}}",
     "0 0 0: batches?", "JSONRPC_-32600", 3},
    {REPLY("\"result\":1"), "1 0 0: its id is not that of the call", "JSONRPC_PROTOCOL_ERROR", 2},
    {"oops", "0 0 0: it is not JSON, it begins with \"oops\"", "JSONRPC_PROTOCOL_ERROR", 3},
};

START_TEST(what_a_batch_got_no_reply_to_is_no_success)
{
    serve("200 OK", batches[_i].body);
    ck_assert_str_eq(live(send_three, NULL)->message, batches[_i].ends);
    ck_assert_uint_eq(counted("a", batches[_i].code), batches[_i].count);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 1);
    finish();
}
END_TEST

static void send_with_note(lk_vu *vu, void *arg)
{
    const lk_rpc_reply *replies[2];

    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_rpc_batch(vu, replies, LK_RPC("a", .keep_going = true),
                 LK_RPC("note", .notification = true, .keep_going = true));
}

static const struct {
    const char *status;
    const char *body;
    const char *call;
    const char *note;
} notes[] = {
    {"200 OK", FOR_ALL, "JSONRPC_-32600", "JSONRPC_-32600"},
    {"500 No", FOR_ALL, "JSONRPC_-32600", "JSONRPC_-32600"},
    {"200 OK", "[" REPLY("\"result\":1") "]", "JSONRPC_OK", "JSONRPC_OK"},
    {"500 No", "[" REPLY("\"result\":1") "]", "JSONRPC_OK", "JSONRPC_PROTOCOL_ERROR"},
    {"500 No", REPLY("\"result\":1"), "JSONRPC_OK", "JSONRPC_PROTOCOL_ERROR"},
    {"200 OK", "oops", "JSONRPC_PROTOCOL_ERROR", "JSONRPC_OK"},
    {"500 No", "oops", "JSONRPC_PROTOCOL_ERROR", "JSONRPC_PROTOCOL_ERROR"},
};

START_TEST(a_notification_in_a_batch_goes_by_the_status_or_an_error_for_all)
{
    serve(notes[_i].status, notes[_i].body);
    ck_assert_str_eq(live(send_with_note, NULL)->message, "");
    ck_assert_uint_eq(counted("a", notes[_i].call), 1);
    ck_assert_uint_eq(counted("note", notes[_i].note), 1);
    finish();
}
END_TEST

/* ---- no answer ---- */

static void call_once(lk_vu *vu, void *seconds)
{
    const lk_rpc_reply *reply;

    lk_http_base_url(vu, server.url);
    reply = lk_rpc_call(vu, "slow", .timeout_s = seconds ? *(const double *)seconds : 0,
                        .keep_going = true);
    EXPECT(!reply->ok && !reply->http_status && *reply->message, "there is a reply");
    EXPECT(!strcmp(lk_json_text(reply->result), "null"), "there is a result");
    lk_rpc_call(vu, "slow", .timeout_s = seconds ? *(const double *)seconds : 0);
}

START_TEST(a_call_that_takes_too_long_is_counted_as_that)
{
    static const struct test_script stalls = {{SRV_READ, SRV_STALL}};
    static const double seconds = 0.05;

    test_server_start(&server, &stalls, 1);
    ck_assert_str_eq(live(call_once, &seconds)->message, "slow got no reply: JSONRPC_TIMEOUT");
    ck_assert_uint_eq(counted("slow", "JSONRPC_TIMEOUT"), 2);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 2);
    ck_assert_int_eq(rig.metrics.first_error->source, LKI_SOURCE_HTTP);
    ck_assert_ptr_null(rig.metrics.first_error->next);
    finish();
}
END_TEST

START_TEST(a_call_whose_connection_breaks_is_counted_as_that)
{
    static const struct test_script breaks = {{SRV_READ, SRV_RESET}};

    test_server_start(&server, &breaks, 1);
    ck_assert_str_eq(live(call_once, NULL)->message, "slow got no reply: JSONRPC_TRANSPORT");
    ck_assert_uint_eq(counted("slow", "JSONRPC_TRANSPORT"), 2);
    finish();
}
END_TEST

static void call_for_ever(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_rpc_call(vu, "slow", .keep_going = true);
    ck_abort_msg("the step went on");
}

START_TEST(a_call_that_the_end_of_its_step_cuts_off_is_counted)
{
    static const struct test_script stalls = {{SRV_READ, SRV_STALL}};
    struct rig_user *user;

    test_server_start(&server, &stalls, 1);
    rig_open(&rig);
    user = rig_add(&rig, call_for_ever, NULL);
    user->timeout_ns = 50 * LKI_NS_PER_MS;
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_uint_eq(counted("slow", "JSONRPC_TIMEOUT"), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 1);
    finish();
}
END_TEST

static void call_and_cut(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_sleep(vu, 0.05);
    lki_tasks_cut(vu->loop);
}

START_TEST(a_call_that_the_end_of_the_run_cuts_off_is_neither_success_nor_failure)
{
    static const struct test_script stalls = {{SRV_READ, SRV_STALL}};
    struct rig_user *user;

    test_server_start(&server, &stalls, 1);
    rig_open(&rig);
    user = rig_add(&rig, call_for_ever, NULL);
    rig_add(&rig, call_and_cut, NULL);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_CANCELLED);
    ck_assert_uint_eq(counted("slow", "JSONRPC_CANCELLED"), 1);
    ck_assert_ptr_null(rig.metrics.first_error);
    finish();
}
END_TEST

static void call_often(lk_vu *vu, void *arg)
{
    size_t before = 0;

    (void)arg;
    lk_http_base_url(vu, server.url);
    for (int i = 0; i < 300; i++) {
        lk_response_free(lk_rpc_call(vu, "a", .id = 1)->response);
        EXPECT(before == 0 || lki_vu_arena(vu)->bytes == before, "it grows, after %d calls", i);
        before = lki_vu_arena(vu)->bytes;
    }
}

START_TEST(a_step_that_gives_answers_back_does_not_grow)
{
    serve("200 OK", REPLY("\"result\":{\"n\":7}"));
    ck_assert_str_eq(live(call_often, NULL)->message, "");
    ck_assert_uint_eq(counted("a", "JSONRPC_OK"), 300);
    finish();
}
END_TEST

/* ---- mistakes ---- */

static void no_method(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_call(vu, "");
}

static void bad_params(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_call(vu, "add", .params = lk_json_parse(vu, " 7"), .keep_going = true);
}

static void empty_batch(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_together(vu, 0, NULL, NULL);
}

static void null_url(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_url(vu, NULL);
}

static void no_base_url(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_call(vu, "add", .keep_going = true);
}

static void bad_url(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_url(vu, "ftp://x");
}

static void bad_path(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_url(vu, "/a b");
}

static void two_ids(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_rpc_call(vu, "add", .id = 5, .id_text = "five", .keep_going = true);
}

static void same_id(lk_vu *vu, void *arg)
{
    const lk_rpc_reply *replies[3];

    (void)arg;
    lk_rpc_batch(vu, replies, LK_RPC("a"), LK_RPC("b", .id = 5), LK_RPC("c", .id = 5));
}

static void id_of_a_numbered_one(lk_vu *vu, void *arg)
{
    const lk_rpc_reply *replies[2];

    (void)arg;
    lk_rpc_batch(vu, replies, LK_RPC("a"), LK_RPC("b", .id = 1));
}

static void same_id_text(lk_vu *vu, void *arg)
{
    const lk_rpc_reply *replies[2];

    (void)arg;
    lk_rpc_batch(vu, replies, LK_RPC("a", .id_text = "x"), LK_RPC("b", .id_text = "x"));
}

static const struct {
    void (*run)(lk_vu *vu, void *arg);
    const char *ends;
} mistakes[] = {
    {bad_url, "cannot use the URL \"ftp://x\": only http:// and https:// are spoken"},
    {bad_path, "cannot use the path \"/a b\": it has a space or a control character"},
    {two_ids, "add: give one of .id and .id_text"},
    {same_id, "b has the id of another call of its batch: give each its own"},
    {id_of_a_numbered_one, "b has the id of another call of its batch: give each its own"},
    {same_id_text, "a has the id of another call of its batch: give each its own"},
    {no_method, "a JSON-RPC call without a method"},
    {bad_params, "the params of add are neither an LK_OBJECT nor an LK_ARRAY"},
    {empty_batch, "a JSON-RPC batch without calls"},
    {null_url, "lk_rpc_url: the URL is NULL"},
    {no_base_url, "the path \"/\" needs a base URL: call lk_http_base_url in on_init"},
};

START_TEST(a_mistake_ends_the_step_with_a_word_on_it)
{
    ck_assert_str_eq(live(mistakes[_i].run, NULL)->message, mistakes[_i].ends);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 0);
    rig_close(&rig);
}
END_TEST

/* ---- users ---- */

static void call_twice(lk_vu *vu, void *url)
{
    lk_http_base_url(vu, server.url);
    lk_rpc_url(vu, url);
    lk_rpc_call(vu, "a", .keep_going = true);
    lki_http_client_reset(&vu->http); /* as at the end of a life */
    lk_http_base_url(vu, server.url);
    lk_rpc_call(vu, "a", .keep_going = true);
}

START_TEST(each_user_and_each_life_counts_for_itself)
{
    int ones = 0;

    serve("200 OK", "{}");
    rig_open(&rig);
    rig_add(&rig, call_twice, "/x");
    rig_add(&rig, call_twice, "/y");
    rig_run(&rig);
    ck_assert_uint_eq(test_server_settle(&server)->requests, 4);
    for (uint64_t i = 0; i < 4; i++)
        ones += strstr(body_of(i), "\"id\":1,") != NULL;
    ck_assert_int_eq(ones, 4);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonrpc");
    TCase *tests = tcase_create("jsonrpc");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, calls_go_out_as_the_specification_has_them);
    tcase_add_loop_test(tests, a_reply_is_what_the_specification_calls_one, 0, LKI_COUNT(cases));
    tcase_add_test(tests, a_result_is_read_by_the_getters);
    tcase_add_test(tests, an_id_that_is_a_text_is_compared_as_one);
    tcase_add_test(tests, a_notification_waits_for_the_status_only);
    tcase_add_test(tests, replies_of_a_batch_find_their_calls_by_their_ids);
    tcase_add_test(tests, one_of_a_batch_that_fails_ends_the_step_when_all_were_counted);
    tcase_add_loop_test(tests, what_a_batch_got_no_reply_to_is_no_success, 0, LKI_COUNT(batches));
    tcase_add_loop_test(tests, a_notification_in_a_batch_goes_by_the_status_or_an_error_for_all, 0,
                        LKI_COUNT(notes));
    tcase_add_test(tests, a_call_that_takes_too_long_is_counted_as_that);
    tcase_add_test(tests, a_call_whose_connection_breaks_is_counted_as_that);
    tcase_add_test(tests, a_call_that_the_end_of_its_step_cuts_off_is_counted);
    tcase_add_test(tests, a_call_that_the_end_of_the_run_cuts_off_is_neither_success_nor_failure);
    tcase_add_test(tests, a_step_that_gives_answers_back_does_not_grow);
    tcase_add_loop_test(tests, a_mistake_ends_the_step_with_a_word_on_it, 0, LKI_COUNT(mistakes));
    tcase_add_test(tests, each_user_and_each_life_counts_for_itself);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
