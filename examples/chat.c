/*
 * A chat over WebSockets: users sit in rooms for as long as they live, and measure how long it
 * takes until what they say comes back to them, among all that the others say.
 *
 *   chat_server --port 7000 &
 *   chat -u 100 -d 10s -p base_url=http://localhost:7000
 */
#include <string.h>

#include <loadkit/loadkit.h>

#define ROOMS 10

LK_PARAM(base_url, .required = true, .help = "where chat_server listens");

LK_VU(chatter) {
    lk_ws *room; /* stays open from step to step */
    int said;
};

static void enter(lk_vu *vu, struct chatter *self)
{
    const char *number = lk_format(vu, "%d", (int)(lk_user_id(vu) % ROOMS));

    lk_ws_close(self->room, 0, NULL); /* one that was lost; NULL is no harm */
    self->room = NULL;
    self->room = lk_ws_open(vu, "/rooms/{room}", .params = LK_PAIRS("room", number),
                            .protocols = "chat");
}

LK_ON_INIT(chatter)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_ON_START(chatter)
{
    enter(vu, self);
}

LK_ON_STOP(chatter)
{
    lk_ws_close(self->room, 0, "good night");
}

LK_STEP(chatter, say, .every = LK_BETWEEN(0.05, 0.2), .timeout_s = 5)
{
    const char *text = lk_format(vu, "user %d says %d", (int)lk_user_id(vu), ++self->said);
    lk_ws_message *message;

    if (!lk_ws_is_open(self->room))
        enter(vu, self);
    lk_ws_mark(self->room, "heard");
    lk_ws_send(self->room, text);
    do {
        message = lk_ws_receive(self->room, 3);
        LK_REQUIRE(message, "what was said did not come back");
    } while (strcmp(message->data, text) != 0);
    lk_ws_done(self->room, "heard");
}

LK_STEP(chatter, stay_awake, .every = LK_FIXED(1), .needs = "say", .timeout_s = 5)
{
    if (lk_ws_is_open(self->room))
        lk_ws_ping(self->room, 3);
}

LK_MAIN()
