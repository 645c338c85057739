/*
 * Requests of every kind, what is expected of their answers and how they are shown, without memory:
 * whichever request for it is refused, the step ends with a word on it or goes on as if nothing had
 * been, and nothing is left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/expect.h>
#include <loadkit/vu.h>

#include "oom/drought.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/folder.h"
#include "support/server.h"

#define BODY "{\"a\":\"\\u0062\",\"c\":[1]}"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" BODY

static struct test_server server;

static void begin(lk_vu *vu, const struct drought *drought)
{
    lk_http_base_url(vu, server.url);
    memory_refuse(drought->after, drought->how_many);
}

static void ask(lk_vu *vu, void *arg)
{
    static char large[6000];
    lk_response *r;

    memset(large, 'x', sizeof(large) - 1);
    begin(vu, arg);
    r = lk_get(vu, "/{id}", .params = LK_PAIRS("id", large + 4000), .keep_going = true);
    EXPECT(!r->status || !strcmp(r->body, BODY), "another body");
    lk_post(vu, "/", .keep_going = true, .authorization = lk_bearer(vu, "t"),
            .parts = LK_PARTS({"a", .value = large}, {"b", .file = "part.txt"}));
    lk_post(vu, "/", .keep_going = true, .authorization = lk_basic(vu, "u", "p"),
            .form = LK_PAIRS("a", large));
}

static void expect(lk_vu *vu, void *arg)
{
    lk_response *r;

    begin(vu, arg);
    r = lk_get(vu, "/", .keep_going = true);
    if (!r->status)
        return;
    LK_EXPECT_STATUS(r, 200, 299);
    LK_EXPECT_JSON(r, "a", "b");
    LK_EXPECT_JSON(r, "", LK_OBJECT("c", LK_ARRAY(1), "a", "b"));
    LK_EXPECT_BODY(r, "[1]");
    LK_EXPECT_HEADER(r, "Content-Length", "22");
}

static void show(lk_vu *vu, void *arg)
{
    begin(vu, arg);
    lk_request_to_curl(vu, LK_REQUEST("POST", "/", .body = "a\1b"));
    lk_request_to_curl(vu, LK_REQUEST("POST", "/", .parts = LK_PARTS({"b", .file = "part.txt"})));
    lk_get(vu, "/", .debug = true, .keep_going = true, .authorization = lk_basic(vu, "u", "p"));
}

static void open_server(void)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};

    _Static_assert(sizeof(BODY) - 1 == 22, "as it is told");
    folder_enter();
    folder_put("part.txt", "content", 7);
    if (!freopen("/dev/null", "w", stderr))
        abort();
    test_server_start(&server, &script, 1);
}

static void close_server(void)
{
    test_server_stop(&server);
    folder_leave();
}

int main(void)
{
    static const struct drought_plan plan = {
        "oom_request", {ask, expect, show}, "out of memory", open_server, close_server};

    return drought_run(&plan);
}
