/*
 * Values that are changed, and calls by JSON-RPC, without memory: whichever request is refused, the
 * step ends with a word on it or goes on as if nothing had been, and nothing is left behind.
 */
#include <check.h>
#include <string.h>

#include <loadkit/jsonrpc.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "oom/drought.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/server.h"
#include "support/suite.h"

#define BODY "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-9,\"message\":\"m\",\"data\":[1]}}"
#define BATCH                                                                                      \
    "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"two\"},"                                          \
    "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"a\":1}}]"
#define ANSWER(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

static struct test_server server;

static void change_values(lk_vu *vu, void *arg)
{
    const struct drought *drought = arg;
    char large[6000];
    lk_json *json;

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    memory_refuse(drought->after, drought->how_many);
    json = lk_json_parse(vu, "{\"items\":[{\"id\":1}]}");
    lk_json_set(json, "items.0.id", large);
    lk_json_set(json, "a\\.b", large);
    lk_json_set(json, "items.1", json);
    EXPECT(!strcmp(lk_str(json, "items.1.items.0.id"), large), "another value");
    json = lk_json_copy(vu, json);
    lk_json_remove(json, "items");
    EXPECT(lk_len(json, "") == 1 && !strcmp(lk_str(json, "a\\.b"), large), "another value");
}

static void call(lk_vu *vu, void *arg)
{
    const struct drought *drought = arg;
    const lk_rpc_reply *replies[2];

    lk_http_base_url(vu, server.url);
    memory_refuse(drought->after, drought->how_many);
    lk_rpc_url(vu, "/rpc");
    replies[0] = lk_rpc_call(vu, "a", .params = LK_OBJECT("n", 1), .keep_going = true);
    EXPECT(replies[0]->code == -9 || !replies[0]->http_status, "code %lld", replies[0]->code);
    lk_rpc_batch(vu, replies, LK_RPC("b", .keep_going = true),
                 LK_RPC("c", .id_text = "x", .keep_going = true));
    EXPECT(!replies[0]->ok || !strcmp(lk_str(replies[0]->result, ""), "two"), "the first");
    EXPECT(!replies[1]->ok || lk_int(replies[1]->result, "a") == 1, "the second");
}

static void (*const steps[])(lk_vu *vu, void *arg) = {change_values, call};

START_TEST(a_step_without_memory_ends_or_goes_on_and_leaves_nothing)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER("69", BODY)), SRV_READ,
                                               SRV_SEND(ANSWER("85", BATCH)), SRV_AGAIN}};

    _Static_assert(sizeof(BODY) - 1 == 69 && sizeof(BATCH) - 1 == 85, "as they are told");
    test_server_start(&server, &script, 1);
    drought_live(steps[(size_t)_i / DROUGHTS], (size_t)_i % DROUGHTS, NULL);
    test_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_jsonrpc");
    TCase *tests = tcase_create("oom_jsonrpc");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_step_without_memory_ends_or_goes_on_and_leaves_nothing, 0,
                        LKI_COUNT(steps) * DROUGHTS);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
