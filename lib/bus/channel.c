#include "bus/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"

/* What came is told with the next message, or after this time. */
#define TELL_AFTER_NS (50 * LKI_NS_PER_MS)
/* When the peer has told nothing new for so long, it is asked. */
#define SILENCE_NS (3 * LKI_NS_PER_S)
/* What is lost often is repeated in small portions, but not in smaller ones. */
#define WINDOW_LEAST 16

/*
 * An envelope: MARK with flags, then the numbers of struct head, then the message. One without a
 * message tells what has been heard, and how far its sender has come, so that the loss of the last
 * message is seen as well.
 */
#define MARK 0xc8u
enum flags {
    MESSAGE = 1,
    ASKS = 2,  /* an answer is wanted at once */
    LACKS = 4, /* what follows heard has been lost */
    ALL_FLAGS = MESSAGE | ASKS | LACKS
};

struct head {
    unsigned flags;
    uint64_t session; /* of who sent it */
    uint64_t of;      /* of whom it is for; 0: who that is has not been heard yet */
    uint64_t heard;
    uint64_t done;
    uint64_t acked;  /* nothing up to this one will be carried again */
    uint64_t number; /* of the message; without one, of the last that was carried */
};

#define NUMBER_BYTES_MAX 10
#define HEAD_BYTES_MAX 64
_Static_assert(1 + 6 * NUMBER_BYTES_MAX <= HEAD_BYTES_MAX, "room for each head");

struct lki_queued {
    struct lki_queued *next;
    size_t len;
    char bytes[]; /* HEAD_BYTES_MAX, at the end of which the head is written; then the message */
};

/* ---- envelopes ---- */

static size_t head_write(const struct lki_channel *channel, unsigned flags, char *bytes)
{
    struct lki_buf out = {.data = bytes, .cap = HEAD_BYTES_MAX, .max = HEAD_BYTES_MAX};

    lki_buf_char(&out, (char)(MARK | flags));
    lki_pack_u64(&out, channel->session);
    lki_pack_u64(&out, channel->peer_session);
    lki_pack_u64(&out, channel->heard);
    lki_pack_u64(&out, channel->done);
    lki_pack_u64(&out, channel->acked);
    lki_pack_u64(&out, channel->carried);
    return out.len;
}

static struct head head_read(struct lki_unpack *in)
{
    struct head head = {0};
    unsigned mark = in->at < in->end ? *in->at++ : 0;

    head.flags = mark & ALL_FLAGS;
    head.session = lki_unpack_u64(in);
    head.of = lki_unpack_u64(in);
    head.heard = lki_unpack_u64(in);
    head.done = lki_unpack_max(in, head.heard);
    head.acked = lki_unpack_u64(in);
    head.number = lki_unpack_u64(in);
    in->bad |= (mark & ~(unsigned)ALL_FLAGS) != MARK || !head.session;
    in->bad |= head.flags & MESSAGE ? head.number <= head.acked
                                    : head.number < head.acked || in->at != in->end;
    return head;
}

uint64_t lki_channel_session_of(const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct head head = head_read(&in);

    return in.bad ? 0 : head.session;
}

/* ---- sending ---- */

/* Each envelope tells what has come; that something is lacking only those do which are sent to
 * tell: the peer repeats much for each of them. */
static void carry(struct lki_channel *channel, const char *bytes, size_t len)
{
    if (!channel->lacks)
        lki_timer_cancel(&channel->tell);
    channel->owner.carry(channel, bytes, len, channel->owner.arg);
}

static void carry_empty(struct lki_channel *channel, unsigned flags)
{
    char bytes[HEAD_BYTES_MAX];

    carry(channel, bytes, head_write(channel, flags, bytes));
}

/* Of the next one. */
static bool fits_window(const struct lki_channel *channel)
{
    size_t bytes = channel->way_bytes + channel->next->len;

    return channel->carried - channel->taken < channel->window &&
           (!channel->way_bytes || bytes <= LKI_CHANNEL_WINDOW_BYTES);
}

static void carry_next(struct lki_channel *channel)
{
    struct lki_queued *message = channel->next;
    unsigned flags = MESSAGE;
    char head[HEAD_BYTES_MAX];
    char *room = message->bytes + HEAD_BYTES_MAX;
    size_t len;

    channel->next = message->next;
    channel->carried++;
    channel->way_bytes += message->len;
    if (channel->next && !fits_window(channel))
        flags |= ASKS;
    len = head_write(channel, flags, head);
    memcpy(room - len, head, len);
    carry(channel, room - len, len + message->len);
}

/* The peer is given time again when it has told something new. */
static void watch(struct lki_channel *channel, bool news)
{
    if (!channel->up || !channel->first)
        lki_timer_cancel(&channel->again);
    else if (news || channel->again.when_ns == LKI_NEVER)
        lki_timer_set(&channel->loop->timers, &channel->again,
                      lki_loop_now(channel->loop) + SILENCE_NS);
}

static void flow(struct lki_channel *channel, bool news)
{
    while (channel->up && channel->next && fits_window(channel))
        carry_next(channel);
    watch(channel, news);
}

/* All that the peer has not heard is to be carried once more. */
static void go_back(struct lki_channel *channel)
{
    channel->next = channel->untaken;
    channel->carried = channel->taken;
    channel->way_bytes = 0;
}

static void on_silence(struct lki_timer *again)
{
    struct lki_channel *channel = LKI_CONTAINER(again, struct lki_channel, again);

    carry_empty(channel, ASKS);
    watch(channel, true);
}

enum lk_err lki_channel_send(struct lki_channel *channel, const void *bytes, size_t len)
{
    size_t head = sizeof(struct lki_queued) + HEAD_BYTES_MAX;
    struct lki_queued *message;

    if (len > LKI_CHANNEL_LIMIT - head || channel->queued_bytes > LKI_CHANNEL_LIMIT - head - len)
        return LK_E_LIMIT;
    message = malloc(head + len);
    if (!message)
        return LK_E_NOMEM;
    message->next = NULL;
    message->len = len;
    if (len)
        memcpy(message->bytes + HEAD_BYTES_MAX, bytes, len);
    if (channel->last)
        channel->last->next = message;
    else
        channel->first = message;
    channel->last = message;
    if (!channel->untaken)
        channel->untaken = message;
    if (!channel->next)
        channel->next = message;
    channel->sent++;
    channel->queued_bytes += head + len;
    flow(channel, false);
    return LK_OK;
}

/* ---- what the peer tells of our messages ---- */

/* It may have heard more than was carried since we went back. */
static void take(struct lki_channel *channel)
{
    struct lki_queued *message = channel->untaken;

    channel->taken++;
    channel->untaken = message->next;
    if (channel->taken > channel->carried) {
        channel->carried = channel->taken;
        channel->next = message->next;
    } else {
        channel->way_bytes -= message->len;
    }
}

static void forget_first(struct lki_channel *channel)
{
    struct lki_queued *message = channel->first;

    channel->first = message->next;
    if (!channel->first)
        channel->last = NULL;
    channel->queued_bytes -= sizeof(*message) + HEAD_BYTES_MAX + message->len;
    free(message);
}

static void on_told(struct lki_channel *channel, const struct head *head)
{
    bool news = head->heard > channel->taken || head->done > channel->acked;

    for (; channel->taken < head->heard; take(channel))
        channel->window += channel->window < LKI_CHANNEL_WINDOW;
    for (; channel->acked < head->done; channel->acked++)
        forget_first(channel);
    if (head->flags & LACKS && head->heard == channel->taken && channel->carried > channel->taken) {
        go_back(channel);
        if (channel->window / 2 >= WINDOW_LEAST)
            channel->window /= 2;
    }
    flow(channel, news);
}

/* ---- what comes ---- */

static void tell_at(struct lki_channel *channel, int64_t when_ns)
{
    if (when_ns < channel->tell.when_ns)
        lki_timer_set(&channel->loop->timers, &channel->tell, when_ns);
}

static void tell_now(struct lki_channel *channel)
{
    tell_at(channel, lki_loop_now(channel->loop));
}

static void tell_soon(struct lki_channel *channel)
{
    tell_at(channel, lki_loop_now(channel->loop) + TELL_AFTER_NS);
}

static void on_tell(struct lki_timer *tell)
{
    struct lki_channel *channel = LKI_CONTAINER(tell, struct lki_channel, tell);

    if (channel->up)
        carry_empty(channel, channel->lacks ? LACKS : 0);
}

/* The first time the peer is told at once; what it had sent before it heard that follows, and tells
 * nothing new. */
static void on_gap(struct lki_channel *channel)
{
    if (channel->lacks)
        tell_soon(channel);
    else
        tell_now(channel);
    channel->lacks = true;
}

/* Another one before us had them, and the peer has forgotten them. */
static void skip(struct lki_channel *channel, uint64_t number)
{
    if (number <= channel->heard)
        return;
    channel->heard = number;
    channel->lacks = false;
}

static void on_next(struct lki_channel *channel, const struct lki_unpack *in)
{
    uint64_t number = ++channel->heard;

    if (!channel->holds)
        channel->done = number;
    channel->lacks = false;
    tell_soon(channel);
    channel->owner.on_message(channel, number, in->at, (size_t)(in->end - in->at),
                              channel->owner.arg);
}

static void on_envelope(struct lki_channel *channel, const struct head *head,
                        const struct lki_unpack *in)
{
    bool message = head->flags & MESSAGE;

    skip(channel, head->acked);
    if (head->flags & ASKS || (message && head->number <= channel->heard))
        tell_now(channel);
    if (head->number > channel->heard + message)
        on_gap(channel);
    else if (message && head->number > channel->heard)
        on_next(channel, in);
}

enum lk_err lki_channel_hear(struct lki_channel *channel, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct head head = head_read(&in);
    bool ours = head.of == channel->session;

    if (in.bad || (ours && head.heard > channel->sent))
        return LK_E_FORMAT;
    if (!channel->peer_session)
        channel->peer_session = head.session;
    if (head.session != channel->peer_session)
        return LK_OK;
    if (ours)
        on_told(channel, &head);
    if (ours || !head.of)
        on_envelope(channel, &head, &in);
    else
        tell_now(channel);
    return LK_OK;
}

void lki_channel_done(struct lki_channel *channel, uint64_t number)
{
    if (number > channel->heard)
        number = channel->heard;
    if (number <= channel->done)
        return;
    channel->done = number;
    tell_soon(channel);
}

/* ---- beginning and end ---- */

/* Each end asks, since the other one may have said all it had to say to nobody. */
void lki_channel_up(struct lki_channel *channel, bool up)
{
    channel->up = up;
    go_back(channel);
    flow(channel, true);
    if (channel->up)
        carry_empty(channel, ASKS);
}

static void forget_all(struct lki_channel *channel)
{
    while (channel->first)
        forget_first(channel);
    channel->acked = channel->sent;
}

void lki_channel_restart(struct lki_channel *channel, uint64_t session, uint64_t peer_session,
                         uint64_t after, bool keep)
{
    if (!keep)
        forget_all(channel);
    if (session != channel->session) {
        channel->session = session;
        channel->sent -= channel->acked;
        channel->acked = 0;
    }
    channel->untaken = channel->first;
    channel->taken = channel->acked;
    if (peer_session != channel->peer_session || after < channel->done)
        channel->done = after;
    channel->peer_session = peer_session;
    channel->heard = after;
    channel->lacks = false;
    lki_channel_up(channel, channel->up);
}

enum lk_err lki_channel_init(struct lki_channel *channel, struct lki_loop *loop, uint64_t session,
                             bool holds, const struct lki_channel_owner *owner)
{
    enum lk_err err;

    *channel = (struct lki_channel){.loop = loop,
                                    .owner = *owner,
                                    .session = session,
                                    .window = LKI_CHANNEL_WINDOW,
                                    .holds = holds};
    err = lki_timer_init(&loop->timers, &channel->again, on_silence);
    if (!err)
        err = lki_timer_init(&loop->timers, &channel->tell, on_tell);
    if (err)
        lki_channel_release(channel);
    return err;
}

void lki_channel_release(struct lki_channel *channel)
{
    if (!channel->loop)
        return;
    forget_all(channel);
    lki_timer_release(&channel->loop->timers, &channel->again);
    lki_timer_release(&channel->loop->timers, &channel->tell);
    *channel = (struct lki_channel){0};
}
