/*
 * WebSockets without memory: whichever request is refused, the step ends with a word on it or goes
 * on as if nothing had been, and nothing is left behind. (What wslay asks for is not refused.)
 */
#include <check.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>
#include <loadkit/websocket.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "oom/drought.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/suite.h"
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

static void (*const steps[])(lk_vu *vu, void *arg) = {talk, leave};

START_TEST(a_step_without_memory_ends_or_goes_on_and_leaves_nothing)
{
    static const struct ws_script script = {{WS_SHAKE, WS_ECHO}};

    ws_server_start(&server, &script, 1);
    drought_live(steps[(size_t)_i / DROUGHTS], (size_t)_i % DROUGHTS, NULL);
    ws_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_websocket");
    TCase *tests = tcase_create("oom_websocket");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_step_without_memory_ends_or_goes_on_and_leaves_nothing, 0,
                        LKI_COUNT(steps) * DROUGHTS);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
