/*
 * WebSockets without memory: whichever request is refused, the step ends with a word on it or goes
 * on as if nothing had been, and nothing is left behind. (What wslay asks for is not refused.)
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>
#include <loadkit/websocket.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/rig.h"
#include "support/suite.h"
#include "support/ws_server.h"

static struct ws_server server;
static struct rig rig;

/* What is refused to a step. */
struct drought {
    long after;
    long how_many;
};

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
static const long droughts[] = {1, 3, MEMORY_ALL};

/* False: the step does not ask for so much. */
static bool live_without(void (*step)(lk_vu *vu, void *arg), const struct drought *drought)
{
    int descriptors = memory_descriptors();
    long held = memory_held();
    const struct rig_user *user;
    long refused;

    rig_open(&rig);
    user = rig_add(&rig, step, (void *)(uintptr_t)drought);
    rig_run(&rig);
    refused = memory_allow();
    EXPECT(refused || user->outcome == LKI_OUTCOME_OK, "it failed without a reason: %s",
           user->message);
    EXPECT(user->outcome == LKI_OUTCOME_OK || *user->message, "it is not told why");
    rig_close(&rig);
    EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held,
           drought->after);
    EXPECT(memory_descriptors() == descriptors, "descriptors are open, after %ld", drought->after);
    return refused > 0;
}

START_TEST(a_step_without_memory_ends_or_goes_on_and_leaves_nothing)
{
    static const struct ws_script script = {{WS_SHAKE, WS_ECHO}};
    struct drought drought = {.how_many = droughts[(size_t)_i % LKI_COUNT(droughts)]};

    ws_server_start(&server, &script, 1);
    while (live_without(steps[(size_t)_i / LKI_COUNT(droughts)], &drought))
        EXPECT(++drought.after < 1000, "there is no end");
    EXPECT(drought.after > 0, "it asks for no memory at all");
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
                        LKI_COUNT(steps) * LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
