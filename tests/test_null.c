/* What is given NULL, and cannot do without, ends the step with one line that says what and where.
 */
#include <check.h>
#include <string.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "support/rig.h"
#include "support/suite.h"

static lk_json *no_json;
static lk_response *no_response;
static lk_ws *no_ws;

/* What is tried with NULL, as a function of its own. */
#define TRY(name, ...)                                                                             \
    static void name(lk_vu *vu, void *arg)                                                         \
    {                                                                                              \
        (void)vu, (void)arg;                                                                       \
        __VA_ARGS__;                                                                               \
    }

TRY(json_str, lk_str(no_json, "a"))
TRY(json_int, lk_int(no_json, "a"))
TRY(json_len_or, lk_len_or(no_json, "a", 1))
TRY(json_has, lk_has(no_json, "a"))
TRY(response_bool, lk_bool(no_response, "a"))
TRY(response_double_or, lk_double_or(no_response, "a", 1))
TRY(path, lk_int(LK_OBJECT("a", 1), NULL))
TRY(path_or, lk_int_or(LK_OBJECT("a", 1), NULL, 1))
TRY(path_has, lk_has(LK_OBJECT("a", 1), NULL))
TRY(json_set, lk_json_set(no_json, "a", 1))
TRY(json_remove, lk_json_remove(no_json, "a"))
TRY(members, lk_object(vu, 1, NULL))
TRY(values, lk_array(vu, 1, NULL))
TRY(header, lk_header(no_response, "a"))
TRY(header_name, lk_header(&(struct lk_response){.status = 200}, NULL))
TRY(error, lk_error(no_response))
TRY(http, lk_http(vu, NULL))
TRY(to_curl, lk_request_to_curl(vu, NULL))
TRY(base_url, lk_http_base_url(vu, NULL))
TRY(setup, lk_http_setup_with(vu, NULL))
TRY(batch, lk_batch(vu, NULL, LK_REQUEST("GET", "/")))
TRY(requests, lk_response *got[1]; lk_http_batch(vu, 1, NULL, got, 0))
TRY(parallel, lk_parallel_run(vu, 2, NULL))
TRY(rpc, lk_rpc(vu, NULL))
TRY(rpc_replies, lk_rpc_batch(vu, NULL, LK_RPC("a")))
TRY(rpc_calls, const lk_rpc_reply *got[1]; lk_rpc_together(vu, 1, NULL, got))
TRY(rpc_one, const lk_rpc_reply *got[2]; lk_rpc_batch(vu, got, LK_RPC("a"), NULL))
TRY(rpc_url, lk_rpc_url(vu, NULL))
TRY(ws_options, lk_ws_connect(vu, NULL))
TRY(ws_send, lk_ws_send(no_ws, "a"))
TRY(ws_send_bytes, lk_ws_send_bytes(no_ws, "a", 1))
TRY(ws_receive, lk_ws_receive(no_ws, 1))
TRY(ws_call, lk_ws_call(no_ws, "a", 1))
TRY(ws_ping, lk_ws_ping(no_ws, 1))
TRY(ws_json, lk_ws_json(NULL))
TRY(ws_mark, lk_ws_mark(no_ws, "a"))
TRY(ws_done, lk_ws_done(no_ws, "a"))
TRY(ws_is_open, lk_ws_is_open(no_ws))
TRY(ws_status, lk_ws_status(no_ws))
TRY(ws_protocol, lk_ws_protocol(no_ws))
TRY(ws_close_code, lk_ws_close_code(no_ws))
TRY(ws_close_reason, lk_ws_close_reason(no_ws))
TRY(ws_error, lk_ws_error(no_ws))
TRY(sample, lk_emit_sample(vu, NULL))
TRY(pick, lk_random_pick(vu, NULL, 3))
TRY(defer, lk_defer(vu, NULL, NULL))
TRY(blocking, lk_blocking(vu, NULL, NULL))

static const struct
try {
    void (*run)(lk_vu * vu, void *arg);
    const char *message;
}
tries[] = {
    {json_str, "lk_str: the value to read from is NULL"},
    {json_int, "lk_int: the value to read from is NULL"},
    {json_len_or, "lk_len_or: the value to read from is NULL"},
    {json_has, "lk_has: the value to read from is NULL"},
    {response_bool, "lk_bool: the response to read from is NULL"},
    {response_double_or, "lk_double_or: the response to read from is NULL"},
    {path, "lk_int: the path is NULL"},
    {path_or, "lk_int_or: the path is NULL"},
    {path_has, "lk_has: the path is NULL"},
    {json_set, "lk_json_set: the value to change is NULL"},
    {json_remove, "lk_json_remove: the value to change is NULL"},
    {members, "lk_object: the list of members is NULL"},
    {values, "lk_array: the list of values is NULL"},
    {header, "lk_header: the response is NULL"},
    {header_name, "lk_header: the name is NULL"},
    {error, "lk_error: the response is NULL"},
    {http, "lk_http: the request is NULL"},
    {to_curl, "lk_request_to_curl: the request is NULL"},
    {base_url, "lk_http_base_url: the URL is NULL"},
    {setup, "lk_http_setup_with: the settings are NULL"},
    {batch, "lk_batch: the list of responses is NULL"},
    {requests, "lk_batch: the list of requests is NULL"},
    {parallel, "lk_parallel: the list of functions is NULL"},
    {rpc, "lk_rpc: the call is NULL"},
    {rpc_replies, "lk_rpc_batch: the list of replies is NULL"},
    {rpc_calls, "lk_rpc_batch: the list of calls is NULL"},
    {rpc_one, "lk_rpc_batch: one of the calls is NULL"},
    {rpc_url, "lk_rpc_url: the URL is NULL"},
    {ws_options, "lk_ws_connect: the struct of options is NULL"},
    {ws_send, "lk_ws_send: the WebSocket is NULL"},
    {ws_send_bytes, "lk_ws_send_bytes: the WebSocket is NULL"},
    {ws_receive, "lk_ws_receive: the WebSocket is NULL"},
    {ws_call, "lk_ws_call: the WebSocket is NULL"},
    {ws_ping, "lk_ws_ping: the WebSocket is NULL"},
    {ws_json, "lk_ws_json: the message is NULL"},
    {ws_mark, "lk_ws_mark: the WebSocket is NULL"},
    {ws_done, "lk_ws_done: the WebSocket is NULL"},
    {ws_is_open, "lk_ws_is_open: the WebSocket is NULL"},
    {ws_status, "lk_ws_status: the WebSocket is NULL"},
    {ws_protocol, "lk_ws_protocol: the WebSocket is NULL"},
    {ws_close_code, "lk_ws_close_code: the WebSocket is NULL"},
    {ws_close_reason, "lk_ws_close_reason: the WebSocket is NULL"},
    {ws_error, "lk_ws_error: the WebSocket is NULL"},
    {sample, "lk_emit_sample: the sample is NULL"},
    {pick, "lk_random_pick: the list of strings is NULL"},
    {defer, "lk_defer: the function is NULL"},
    {blocking, "lk_blocking: the function is NULL"},
};

static const struct rig_user *run(struct rig *rig, void (*fn)(lk_vu *vu, void *arg))
{
    const struct rig_user *user;

    rig_open(rig);
    user = rig_add(rig, fn, NULL);
    rig_run(rig);
    return user;
}

START_TEST(what_is_null_and_must_not_be_ends_the_step)
{
    struct rig rig;
    const struct rig_user *user = run(&rig, tries[_i].run);

    ck_assert_str_eq(user->message, tries[_i].message);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    rig_close(&rig);
}
END_TEST

/* ---- on another thread ---- */

static void get_there(void *vu)
{
    lk_get((lk_vu *)vu, "http://127.0.0.1:1/");
    ck_abort_msg("it goes on");
}

static void read_nothing_there(void *unused)
{
    (void)unused;
    lk_int(no_json, "a");
    ck_abort_msg("it goes on");
}

TRY(stray, lk_blocking(vu, get_there, vu))
TRY(stray_with_null, lk_blocking(vu, read_nothing_there, NULL))

START_TEST(a_blocking_function_that_calls_what_is_the_steps_ends_the_step)
{
    struct rig rig;
    const struct rig_user *user = run(&rig, _i ? stray_with_null : stray);

    ck_assert_str_eq(user->message, "lk_blocking: its function called one of loadkit's, which is "
                                    "for the step alone: it runs on another thread");
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("null");
    TCase *tests = tcase_create("null");

    tcase_add_loop_test(tests, what_is_null_and_must_not_be_ends_the_step, 0, LKI_COUNT(tries));
    tcase_add_loop_test(tests, a_blocking_function_that_calls_what_is_the_steps_ends_the_step, 0,
                        2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
