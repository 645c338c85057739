/*
 * WebSockets without memory: whichever request is refused, the step ends with a word on it or goes
 * on as if nothing had been, and nothing is left behind. (What wslay asks for is not refused.)
 */
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>
#include <loadkit/websocket.h>

#include "oom/drought.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/ws_server.h"

static struct ws_server server;

static void talk(lk_vu *vu, void *arg)
{
    const struct drought *drought = arg;
    lk_ws_message *message;
    lk_ws *ws;

    memory_refuse(drought->after, drought->how_many);
    ws = lk_ws_open(vu, server.url, .protocols = "a, b", .query = LK_PAIRS("q", "x"),
                    .headers = LK_PAIRS("X-Y", "z"));
    lk_ws_mark(ws, "echo");
    lk_ws_send(ws, "{\"seat\": \"twelve\"}");
    message = lk_ws_receive(ws, 5);
    EXPECT(message && !strcmp(lk_str(lk_ws_json(message), "seat"), "twelve"), "another message");
    lk_ws_done(ws, "echo");
    lk_ws_mark(ws, "never");
    EXPECT(lk_ws_ping(ws, 5), "no pong");
    lk_ws_close(ws, 0, "bye");
    EXPECT(lk_ws_close_code(ws) == 1000 || lk_ws_close_code(ws) == 1006, "another code");
}

/* Left open, with messages that nobody takes. */
static void leave(lk_vu *vu, void *arg)
{
    const struct drought *drought = arg;
    lk_ws *ws;

    memory_refuse(drought->after, drought->how_many);
    ws = lk_ws_open(vu, server.url, .keep_going = true);
    EXPECT(!lk_ws_is_open(ws) || !*lk_ws_error(ws), "an error");
    lk_ws_send(ws, "one");
    lk_ws_send(ws, "two");
    lk_ws_receive(ws, 5);
}

static void open_server(void)
{
    static const struct ws_script script = {{WS_SHAKE, WS_ECHO}};

    ws_server_start(&server, &script, 1);
}

static void close_server(void)
{
    ws_server_stop(&server);
}

int main(void)
{
    static const struct drought_plan plan = {
        "oom_websocket", {talk, leave}, NULL, open_server, close_server};

    return drought_run(&plan);
}
