/*
 * Values that are changed, and calls by JSON-RPC, without memory: whichever request is refused, the
 * step ends with a word on it or goes on as if nothing had been, and nothing is left behind.
 */
#include <string.h>

#include <loadkit/jsonrpc.h>
#include <loadkit/vu.h>

#include "oom/drought.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/server.h"

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

static void open_server(void)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER("69", BODY)), SRV_READ,
                                               SRV_SEND(ANSWER("85", BATCH)), SRV_AGAIN}};

    _Static_assert(sizeof(BODY) - 1 == 69 && sizeof(BATCH) - 1 == 85, "as they are told");
    test_server_start(&server, &script, 1);
}

static void close_server(void)
{
    test_server_stop(&server);
}

int main(void)
{
    static const struct drought_plan plan = {
        "oom_jsonrpc", {change_values, call}, NULL, open_server, close_server};

    return drought_run(&plan);
}
