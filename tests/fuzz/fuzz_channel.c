/*
 * Any bytes as envelopes, each with its length before it, heard by a channel that has sent some.
 * Numbers of what is told rise, and what waits for the peer is never forgotten but by its word.
 */
#include "bus/channel.h"
#include "fuzz/fuzz.h"

/* Also what the seeds have. */
#define SESSION 22
#define SENT 5

static struct lki_loop loop;

struct end {
    struct lki_channel channel;
    uint64_t last;
    size_t told;
};

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    struct end *end = arg;
    char *copy = exact(bytes, len);

    must(channel == &end->channel && lki_channel_session_of(copy, len) == SESSION);
    free(copy);
}

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    struct end *end = arg;

    must(number > end->last && number == channel->heard);
    end->last = number;
    end->told++;
    free(exact(bytes, len));
    lki_channel_done(channel, number);
}

static void must_be_sound(const struct lki_channel *channel, const struct end *end)
{
    must(channel->done <= channel->heard && end->last <= channel->heard);
    must(channel->acked <= channel->taken && channel->taken <= channel->carried);
    must(channel->carried <= channel->sent && channel->sent == SENT);
    must(lki_channel_is_flushed(channel) == (channel->acked == SENT));
    must(!channel->next == (channel->carried == SENT));
    must(!channel->untaken == (channel->taken == SENT));
}

static void on_second(struct lki_timer *second)
{
    (void)second;
    lki_loop_stop(&loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lki_timer second;
    struct end end = {0};
    const struct lki_channel_owner owner = {carry, on_message, &end};

    must(!lki_loop_open(&loop));
    loop.clock.fake = true;
    must(!lki_timer_init(&loop.timers, &second, on_second));
    must(!lki_channel_init(&end.channel, &loop, SESSION, size & 1, &owner));
    for (int i = 0; i < SENT; i++)
        must(!lki_channel_send(&end.channel, "message", (size_t)i));
    lki_channel_up(&end.channel, true);
    while (size) {
        size_t len = data[0] < size ? data[0] : size - 1;
        char *bytes = exact(data + 1, len);
        enum lk_err err = lki_channel_hear(&end.channel, bytes, len);

        must(!err || err == LK_E_FORMAT);
        must(err || lki_channel_session_of(bytes, len));
        must_be_sound(&end.channel, &end);
        free(bytes);
        data += 1 + len;
        size -= 1 + len;
        lki_timer_set(&loop.timers, &second, lki_loop_now(&loop) + LKI_NS_PER_S);
        lki_loop_run(&loop);
    }
    lki_channel_release(&end.channel);
    lki_loop_close(&loop);
    return 0;
}
