/* Channels: each message once and in order, over carriers that lose, repeat, mix up and forget, on
 * a fake clock. */
#include "bus/channel.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define MS LKI_NS_PER_MS
#define SECOND LKI_NS_PER_S
/* What an envelope takes beside its message, at the most. */
#define HEAD_MAX 64

static struct lki_loop loop;
static struct lki_rng rng;

/* ---- a carrier between two ends ---- */

/* An envelope arrives after 1 ms, or up to this. */
#define DELAY_MAX 32

struct bad_luck {
    const char *what;
    unsigned lost;       /* of a thousand */
    unsigned twice;      /* likewise */
    unsigned delay_ms;   /* at the most: 1 keeps the order */
    unsigned forgets_ms; /* each time that so much has passed, all on its way is lost; 0: never */
    bool cut;            /* and there is no carrier for some time */
    uint64_t many;       /* so many messages are enough; 0: MANY */
};

struct envelope {
    struct envelope *next;
    struct side *to;
    size_t len;
    char bytes[];
};

struct side {
    struct lki_channel channel;
    struct side *peer;
    uint64_t session;
    uint64_t stream; /* tells its messages from all others */
    uint64_t sent;
    uint64_t to_send; /* in all */
    uint64_t got;     /* number of the last one */
    uint64_t carried; /* envelopes */
    uint64_t carried_bytes;
    char last[HEAD_MAX]; /* the last one, as far as there is room */
    size_t last_len;
    void (*then)(struct side *side, uint64_t number); /* within on_message; NULL: nothing */
};

static struct side a;
static struct side b;
static struct bad_luck luck;
static struct envelope *way[DELAY_MAX]; /* by the millisecond in which they arrive */
static struct envelope **way_end[DELAY_MAX];
static size_t on_way;
static struct lki_timer clock_tick;

static void put_on_way(struct side *to, const void *bytes, size_t len)
{
    size_t slot = (size_t)(lki_loop_now(&loop) / MS + 1) % DELAY_MAX;
    struct envelope *envelope = malloc(sizeof(*envelope) + len);

    EXPECT(envelope, "no memory");
    if (luck.delay_ms > 1)
        slot = (slot + lki_rng_below(&rng, luck.delay_ms)) % DELAY_MAX;
    *envelope = (struct envelope){.to = to, .len = len};
    memcpy(envelope->bytes, bytes, len);
    *way_end[slot] = envelope;
    way_end[slot] = &envelope->next;
    on_way++;
}

static bool strikes(unsigned of_a_thousand)
{
    return of_a_thousand && lki_rng_below(&rng, 1000) < of_a_thousand;
}

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    struct side *side = arg;

    EXPECT(channel == &side->channel && channel->up, "carried without a carrier");
    side->carried++;
    side->carried_bytes += len;
    side->last_len = len;
    memcpy(side->last, bytes, lki_min(len, sizeof(side->last)));
    if (!side->peer || strikes(luck.lost))
        return;
    put_on_way(side->peer, bytes, len);
    if (strikes(luck.twice))
        put_on_way(side->peer, bytes, len);
}

static struct envelope *take_slot(size_t slot)
{
    struct envelope *first = way[slot];

    way[slot] = NULL;
    way_end[slot] = &way[slot];
    return first;
}

static void forget_all(void)
{
    for (size_t slot = 0; slot < DELAY_MAX; slot++) {
        for (struct envelope *next, *it = take_slot(slot); it; it = next) {
            next = it->next;
            free(it);
            on_way--;
        }
    }
}

static void deliver(size_t slot)
{
    for (struct envelope *next, *it = take_slot(slot); it; it = next) {
        next = it->next;
        on_way--;
        if (it->to->channel.up)
            EXPECT(!lki_channel_hear(&it->to->channel, it->bytes, it->len), "refused");
        free(it);
    }
}

static void strike_all(int64_t now_ms)
{
    int64_t since_ms = now_ms % luck.forgets_ms;

    if (since_ms == 0) {
        forget_all();
        if (luck.cut) {
            lki_channel_up(&a.channel, false);
            lki_channel_up(&b.channel, false);
        }
    }
    if (luck.cut && since_ms == luck.forgets_ms / 3)
        lki_channel_up(&a.channel, true);
    if (luck.cut && since_ms == luck.forgets_ms / 2)
        lki_channel_up(&b.channel, true);
}

static enum lk_err say(struct side *side, size_t len);

static void on_clock_tick(struct lki_timer *tick)
{
    int64_t now_ms = lki_loop_now(&loop) / MS;

    deliver((size_t)now_ms % DELAY_MAX);
    if (luck.forgets_ms)
        strike_all(now_ms);
    for (struct side *side = &a; side; side = side == &a ? &b : NULL) {
        for (uint64_t more = lki_rng_below(&rng, 20); more && side->sent < side->to_send; more--)
            say(side, 8 + lki_rng_below(&rng, 40));
    }
    lki_timer_set(&loop.timers, tick, (now_ms + 1) * MS);
}

/* ---- messages ---- */

static void fill(char *bytes, size_t len, uint64_t stream, uint64_t number)
{
    struct lki_rng from = {stream << 40 ^ number};
    uint64_t word;

    for (size_t at = 0; at < len; at += sizeof(word)) {
        word = lki_rng_next(&from);
        memcpy(bytes + at, &word, lki_min(sizeof(word), len - at));
    }
}

static enum lk_err say(struct side *side, size_t len)
{
    char *bytes = malloc(len + !len);
    enum lk_err err;

    EXPECT(bytes, "no memory");
    fill(bytes, len, side->stream, side->sent + 1);
    err = lki_channel_send(&side->channel, bytes, len);
    side->sent += !err;
    free(bytes);
    return err;
}

static void say_some(struct side *side, uint64_t count)
{
    while (count--)
        EXPECT(!say(side, 8 + count % 40), "not sent");
}

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    struct side *side = arg;
    char as_sent[64];

    EXPECT(channel == &side->channel, "another one's");
    EXPECT(number == side->got + 1, "number %llu after %llu", (unsigned long long)number,
           (unsigned long long)side->got);
    side->got = number;
    if (side->peer) {
        fill(as_sent, lki_min(len, sizeof(as_sent)), side->peer->stream, number);
        EXPECT(!memcmp(as_sent, bytes, lki_min(len, sizeof(as_sent))), "it is another message");
    }
    if (side->then)
        side->then(side, number);
}

static void open_side(struct side *side, uint64_t session, struct side *peer, bool holds)
{
    const struct lki_channel_owner owner = {carry, on_message, side};

    *side = (struct side){.session = session, .stream = session, .peer = peer};
    ck_assert_int_eq(lki_channel_init(&side->channel, &loop, session, holds, &owner), LK_OK);
}

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    loop.clock = (struct lki_clock){.fake = true};
    rng.state = 5;
    luck = (struct bad_luck){.delay_ms = 1};
    forget_all();
    on_way = 0;
    open_side(&a, UINT64_MAX - 7, &b, false);
    open_side(&b, 22, &a, false);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &clock_tick, on_clock_tick), LK_OK);
    lki_timer_set(&loop.timers, &clock_tick, MS);
}

static void teardown(void)
{
    forget_all();
    lki_channel_release(&a.channel);
    lki_channel_release(&b.channel);
    lki_timer_release(&loop.timers, &clock_tick);
    lki_loop_close(&loop);
}

static void both_up(void)
{
    lki_channel_up(&a.channel, true);
    lki_channel_up(&b.channel, true);
}

static void pass(int64_t ns)
{
    lki_loop_run_until(&loop, lki_loop_now(&loop) + ns);
}

/* Until all that was and is to be sent has been heard, and acknowledged. */
static void pass_all(int64_t limit_ns)
{
    for (int64_t end_ns = lki_loop_now(&loop) + limit_ns; lki_loop_now(&loop) < end_ns;) {
        if (a.sent >= a.to_send && b.sent >= b.to_send && lki_channel_is_flushed(&a.channel) &&
            lki_channel_is_flushed(&b.channel))
            return;
        pass(100 * MS);
    }
    ck_abort_msg("%llu of %llu and %llu of %llu have arrived", (unsigned long long)b.got,
                 (unsigned long long)a.sent, (unsigned long long)a.got, (unsigned long long)b.sent);
}

/* ---- many messages both ways ---- */

#ifdef __SANITIZE_ADDRESS__ /* it takes several times as long */
#define MANY 20000
#else
#define MANY 100000
#endif

static const struct bad_luck lucks[] = {
    {.what = "none", .delay_ms = 1},
    {.what = "one of a thousand is lost", .lost = 1, .delay_ms = 1},
    {.what = "one of ten is lost", .lost = 100, .delay_ms = 1},
    {.what = "half are lost", .lost = 500, .delay_ms = 1, .many = 300},
    {.what = "many come twice", .twice = 300, .delay_ms = 1},
    {.what = "the order is lost", .delay_ms = DELAY_MAX - 1},
    {.what = "all of it", .lost = 100, .twice = 100, .delay_ms = 7},
    {.what = "all is forgotten", .forgets_ms = 100, .delay_ms = 5},
    {.what = "the carrier goes away", .forgets_ms = 700, .cut = true, .delay_ms = 2},
    {.what = "everything", .lost = 20, .twice = 50, .forgets_ms = 700, .cut = true, .delay_ms = 9},
};

/* All at once, little by little, and as answers. */
static void send_at_once(void)
{
    a.to_send = b.to_send = luck.many ? luck.many : MANY;
    say_some(&a, a.to_send / 2);
    say_some(&b, b.to_send / 3);
}

static void answer(struct side *side, uint64_t number)
{
    if (number % 3 == 0 && side->sent < side->to_send)
        say(side, number % 50);
}

/* It is safe only some time later. */
static void answer_and_hold(struct side *side, uint64_t number)
{
    answer(side, number);
    EXPECT(side->channel.done < number, "it was acknowledged already");
    EXPECT(side->peer->channel.acked <= side->channel.done, "acknowledged before it was safe");
    if (number % 300 == 0 || number == side->peer->to_send)
        lki_channel_done(&side->channel, number);
    if (number % 1000 == 0)
        lki_channel_done(&side->channel, UINT64_MAX);
}

START_TEST(each_message_arrives_once_and_in_order)
{
    bool holds = (size_t)_i >= LKI_COUNT(lucks);

    luck = lucks[(size_t)_i % LKI_COUNT(lucks)];
    lki_channel_release(&b.channel);
    open_side(&b, 22, &a, holds);
    a.then = answer;
    b.then = holds ? answer_and_hold : answer;
    send_at_once();
    both_up();
    pass_all(7200 * SECOND);
    ck_assert_uint_eq(a.got, a.to_send);
    ck_assert_uint_eq(b.got, a.to_send);
}
END_TEST

/* With few acknowledgements besides. */
START_TEST(nothing_is_repeated_while_nothing_is_lost)
{
    send_at_once();
    both_up();
    pass_all(60 * SECOND);
    ck_assert_uint_lt(a.carried, MANY + MANY / 50);
    ck_assert_uint_lt(b.carried, MANY + MANY / 50);
}
END_TEST

struct price {
    unsigned lost;
    unsigned times; /* as much is carried at the most as is sent */
};

static const struct price prices[] = {{1, 2}, {10, 3}, {100, 5}};

START_TEST(what_is_lost_has_its_price)
{
    luck = (struct bad_luck){.lost = prices[_i].lost, .delay_ms = 1};
    send_at_once();
    both_up();
    pass_all(1200 * SECOND);
    ck_assert_uint_lt(a.carried + b.carried, (uint64_t)prices[_i].times * 2 * MANY);
}
END_TEST

/* Acknowledgements that wait for others would make it wait for them a hundred times. */
START_TEST(a_long_queue_flows_window_by_window)
{
    a.to_send = MANY;
    say_some(&a, MANY);
    both_up();
    pass_all(SECOND);
    ck_assert_uint_eq(b.got, MANY);
}
END_TEST

START_TEST(it_flows_again_when_nothing_is_lost_any_more)
{
    luck = (struct bad_luck){.lost = 200, .delay_ms = 1};
    say_some(&a, 1000);
    both_up();
    pass_all(3600 * SECOND);
    luck.lost = 0;
    say_some(&a, MANY);
    pass_all(2 * SECOND);
}
END_TEST

/* ---- when what is carried ---- */

static void acquaint(void)
{
    both_up();
    say_some(&a, 1);
    say_some(&b, 1);
    pass(SECOND);
    ck_assert(lki_channel_is_flushed(&a.channel) && lki_channel_is_flushed(&b.channel));
    a.carried = b.carried = 0;
    a.carried_bytes = b.carried_bytes = 0;
}

START_TEST(without_news_nothing_is_carried)
{
    acquaint();
    pass(1000 * SECOND);
    ck_assert_uint_eq(a.carried + b.carried, 0);
}
END_TEST

START_TEST(an_acknowledgement_waits_for_others_or_goes_with_a_message)
{
    acquaint();
    say_some(&a, 10);
    pass(2 * MS);
    say_some(&a, 10);
    pass(45 * MS);
    ck_assert_uint_eq(b.carried, 0);
    pass(10 * MS);
    ck_assert_uint_eq(b.carried, 1);
    ck_assert(lki_channel_is_flushed(&a.channel));

    say_some(&a, 10);
    pass(20 * MS);
    say_some(&b, 1);
    pass(2 * MS);
    ck_assert(lki_channel_is_flushed(&a.channel));
    pass(SECOND);
    ck_assert_uint_eq(b.carried, 2);
    ck_assert_uint_eq(a.carried, 31);
}
END_TEST

START_TEST(what_was_lost_is_repeated_as_soon_as_the_next_one_shows_it)
{
    acquaint();
    for (uint64_t round = 0; round < 3; round++) {
        luck.lost = 1000;
        say_some(&a, 1);
        luck.lost = 0;
        say_some(&a, 5);
        pass(4 * MS);
        ck_assert_uint_eq(b.got, 7 + 6 * round);
        ck_assert_uint_le(a.carried, 12 * (round + 1));
    }
}
END_TEST

START_TEST(what_was_lost_is_repeated_when_the_next_acknowledgement_shows_it)
{
    acquaint();
    luck.lost = 1000;
    say_some(&a, 1);
    luck.lost = 0;
    say_some(&b, 1);
    pass(60 * MS);
    ck_assert_uint_eq(b.got, 2);
}
END_TEST

START_TEST(what_was_lost_last_is_repeated_after_a_silence)
{
    acquaint();
    luck.lost = 1000;
    say_some(&a, 3);
    pass(MS);
    luck.lost = 0;
    pass(2990 * MS);
    ck_assert_uint_eq(b.got, 1);
    pass(20 * MS);
    ck_assert_uint_eq(b.got, 4);
}
END_TEST

START_TEST(a_lost_acknowledgement_is_asked_for)
{
    acquaint();
    say_some(&a, 3);
    pass(10 * MS);
    luck.lost = 1000;
    pass(100 * MS);
    luck.lost = 0;
    ck_assert_uint_eq(b.got, 4);
    ck_assert(!lki_channel_is_flushed(&a.channel));
    a.carried = 0;
    pass(3 * SECOND);
    ck_assert(lki_channel_is_flushed(&a.channel));
    ck_assert_uint_eq(a.carried, 1);
    ck_assert_uint_le(a.carried_bytes, 3 * (HEAD_MAX + 50) + HEAD_MAX);
}
END_TEST

/* Something always waits to be safe. */
START_TEST(who_is_told_something_new_does_not_ask)
{
    lki_channel_release(&b.channel);
    open_side(&b, 22, &a, true);
    both_up();
    say_some(&a, 1);
    pass(SECOND);
    a.carried = 0;
    for (uint64_t i = 0; i < 20; i++) {
        say_some(&a, 1);
        pass(SECOND);
        lki_channel_done(&b.channel, b.got - 1);
    }
    ck_assert_uint_eq(a.carried, 20);
}
END_TEST

START_TEST(who_goes_on_sending_asks_all_the_same)
{
    acquaint();
    a.peer = NULL;
    for (int i = 0; i < 100; i++) {
        say_some(&a, 1);
        pass(SECOND);
    }
    ck_assert_uint_ge(a.carried, 100 + 32);
    ck_assert_uint_le(a.carried, 100 + 33);
}
END_TEST

START_TEST(an_absent_peer_costs_one_window_and_little_more)
{
    acquaint();
    a.peer = NULL;
    for (int i = 0; i < 5000; i++)
        say(&a, 5000);
    pass(MS);
    ck_assert_uint_lt(a.carried_bytes, LKI_CHANNEL_WINDOW_BYTES + 250 * HEAD_MAX);
    ck_assert_uint_gt(a.carried_bytes, LKI_CHANNEL_WINDOW_BYTES - 5000);
    a.carried = a.carried_bytes = 0;
    pass(3000 * SECOND);
    ck_assert_uint_eq(a.carried, 1000);
    ck_assert_uint_lt(a.carried_bytes, 1000 * HEAD_MAX);

    a.peer = &b;
    pass_all(10 * SECOND);
    ck_assert_uint_eq(b.got, 5001);
}
END_TEST

START_TEST(small_messages_have_a_window_too)
{
    acquaint();
    a.peer = NULL;
    say_some(&a, 3 * LKI_CHANNEL_WINDOW);
    pass(MS);
    ck_assert_uint_eq(a.carried, LKI_CHANNEL_WINDOW);
}
END_TEST

START_TEST(messages_of_any_length_arrive)
{
    static const size_t lens[] = {0,
                                  1,
                                  3 * LKI_CHANNEL_WINDOW_BYTES,
                                  0,
                                  0,
                                  LKI_CHANNEL_WINDOW_BYTES,
                                  17,
                                  2 * LKI_CHANNEL_WINDOW_BYTES,
                                  0};

    acquaint();
    for (size_t i = 0; i < LKI_COUNT(lens); i++)
        ck_assert_int_eq(say(&a, lens[i]), LK_OK);
    pass_all(SECOND);
    ck_assert_uint_eq(b.got, 1 + LKI_COUNT(lens));
}
END_TEST

/* What is meanwhile sent waits, and so do acknowledgements. */
START_TEST(a_carrier_that_comes_back_is_told_all_that_was_not_heard)
{
    acquaint();
    say_some(&a, 10);
    pass(10 * MS);
    forget_all();
    lki_channel_up(&b.channel, false);
    say_some(&a, 10);
    pass(100 * MS);
    lki_channel_up(&a.channel, false);
    say_some(&a, 10);
    say_some(&b, 10);
    pass(100 * SECOND);
    ck_assert_uint_eq(b.got, 11);
    a.carried = 0;
    b.carried = 0;
    lki_channel_up(&b.channel, true);
    lki_channel_up(&a.channel, true);
    pass(3 * MS);
    ck_assert_uint_eq(b.got, 31);
    ck_assert_uint_eq(a.carried, 30 + 2); /* a question, and an answer */
    pass(100 * MS);
    ck_assert_uint_eq(a.got, 11);
    ck_assert(lki_channel_is_flushed(&a.channel));
}
END_TEST

/* ---- envelopes by hand ---- */

struct image {
    unsigned mark;
    uint64_t numbers[6]; /* session, of, heard, done, acked, number */
    const char *message;
};

static enum lk_err hear_image(struct side *side, const struct image *image)
{
    struct lki_buf out;
    enum lk_err err;

    lki_buf_init(&out, 1000);
    lki_buf_char(&out, (char)image->mark);
    for (size_t i = 0; i < LKI_COUNT(image->numbers); i++)
        lki_pack_u64(&out, image->numbers[i]);
    lki_buf_str(&out, image->message);
    err = lki_channel_hear(&side->channel, out.data, out.len);
    lki_buf_release(&out);
    return err;
}

static void hear_number(uint64_t number)
{
    const struct image message = {0xc9, {a.session, b.session, 1, 1, 1, number}, "text"};

    ck_assert_int_eq(hear_image(&b, &message), LK_OK);
}

START_TEST(a_gap_is_told_at_once_and_then_once_in_a_while)
{
    acquaint();
    b.peer = NULL;
    for (uint64_t number = 3; number < 43; number++) {
        hear_number(number);
        pass(MS);
        ck_assert_uint_eq(b.carried, 1);
    }
    pass(20 * MS);
    ck_assert_uint_eq(b.carried, 2);
    hear_number(2);
    ck_assert_uint_eq(b.got, 2);
    hear_number(7);
    say_some(&b, 1);
    ck_assert_uint_eq(b.carried, 3);
    pass(MS);
    ck_assert_uint_eq(b.carried, 4);
}
END_TEST

START_TEST(what_comes_twice_is_acknowledged_at_once)
{
    acquaint();
    b.peer = NULL;
    hear_number(2);
    hear_number(3);
    pass(MS);
    ck_assert_uint_eq(b.carried, 0);
    hear_number(2);
    hear_number(3);
    pass(MS);
    ck_assert_uint_eq(b.carried, 1);
    ck_assert_uint_eq(b.got, 3);
}
END_TEST

START_TEST(a_lack_of_former_times_is_not_heeded)
{
    struct image lack = {0xcc, {b.session, a.session, 0, 0, 1, 1}, ""};

    acquaint();
    say_some(&a, 10);
    pass(SECOND);
    say_some(&a, 5);
    a.carried = 0;
    lack.numbers[2] = 10;
    ck_assert_int_eq(hear_image(&a, &lack), LK_OK);
    ck_assert_uint_eq(a.carried, 0);
    lack.numbers[2] = 11;
    ck_assert_int_eq(hear_image(&a, &lack), LK_OK);
    ck_assert_uint_eq(a.carried, 5);
    lack.numbers[2] = 16;
    ck_assert_int_eq(hear_image(&a, &lack), LK_OK);
    ck_assert_uint_eq(a.carried, 5);
}
END_TEST

/* ---- who takes part ---- */

START_TEST(what_is_held_is_safe_only_when_that_is_said)
{
    lki_channel_release(&b.channel);
    open_side(&b, 22, &a, true);
    both_up();
    say_some(&a, 10);
    pass(20 * SECOND);
    ck_assert_uint_eq(b.got, 10);
    ck_assert_uint_eq(a.channel.acked, 0);
    lki_channel_done(&b.channel, 4);
    lki_channel_done(&b.channel, 3);
    pass(SECOND);
    ck_assert_uint_eq(a.channel.acked, 4);
    lki_channel_done(&b.channel, 1000);
    pass(SECOND);
    ck_assert_uint_eq(a.channel.acked, 10);
    ck_assert(lki_channel_is_flushed(&a.channel));
}
END_TEST

/* b has come to number 6, 4 of them safe, when another one takes its place. */
static void replace_b(uint64_t after)
{
    lki_channel_release(&b.channel);
    open_side(&b, 22, &a, true);
    both_up();
    say_some(&a, 6);
    pass(SECOND);
    lki_channel_done(&b.channel, 4);
    pass(SECOND);
    ck_assert_uint_eq(a.channel.acked, 4);
    lki_channel_up(&b.channel, false);
    say_some(&a, 4);
    pass(10 * MS);
    forget_all();
    lki_channel_release(&b.channel);
    open_side(&b, 33, &a, true);
    if (after)
        lki_channel_restart(&b.channel, 33, a.session, after, false);
    b.got = after;
    lki_channel_up(&b.channel, true);
}

static const uint64_t afters[] = {4, 5, 6};

START_TEST(a_successor_gets_what_was_not_safe_and_it_has_not)
{
    replace_b(afters[_i]);
    lki_channel_restart(&a.channel, a.session, 33, 0, true);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 10);
    lki_channel_done(&b.channel, 10);
    say_some(&b, 3);
    pass_all(SECOND);
    ck_assert_uint_eq(a.got, 3);
}
END_TEST

START_TEST(a_successor_that_knows_nothing_skips_what_is_gone)
{
    replace_b(0);
    b.got = 4;
    lki_channel_restart(&a.channel, a.session, 33, 0, true);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 10);
    lki_channel_done(&b.channel, 10);
    pass_all(SECOND);
}
END_TEST

START_TEST(what_is_held_stays_so_in_another_session)
{
    lki_channel_release(&b.channel);
    open_side(&b, 22, &a, true);
    both_up();
    say_some(&a, 6);
    pass(SECOND);
    lki_channel_done(&b.channel, 4);
    lki_channel_restart(&b.channel, 33, a.session, b.channel.heard, true);
    lki_channel_restart(&a.channel, a.session, 33, 0, true);
    say_some(&a, 1);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 7);
    ck_assert_uint_eq(a.channel.acked, 4);
}
END_TEST

START_TEST(what_is_not_kept_is_forgotten)
{
    replace_b(0);
    b.got = 10;
    lki_channel_restart(&a.channel, a.session, 33, 0, false);
    ck_assert(lki_channel_is_flushed(&a.channel));
    pass(SECOND);
    ck_assert_uint_eq(b.got, 10);
    say_some(&a, 5);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 15);
}
END_TEST

START_TEST(in_another_session_numbers_begin_anew)
{
    bool keep = _i;

    replace_b(0);
    a.stream = 7;
    a.sent = 0;
    lki_channel_restart(&a.channel, 44, 33, 0, keep);
    ck_assert_uint_eq(a.channel.sent, keep ? 6 : 0);
    if (keep) {
        b.peer = NULL;
        pass(SECOND);
        ck_assert_uint_eq(b.got, 6);
        lki_channel_done(&b.channel, 6);
        b.peer = &a;
        a.sent = 6;
    }
    say_some(&a, 5);
    pass(SECOND);
    ck_assert_uint_eq(b.got, keep ? 11 : 5);
    lki_channel_done(&b.channel, UINT64_MAX);
    pass_all(4 * SECOND);
}
END_TEST

/* The restarted one was down, and had sent something, and gone back. */
START_TEST(one_without_a_carrier_may_begin_anew)
{
    acquaint();
    say_some(&a, 100);
    lki_channel_up(&a.channel, false);
    lki_channel_restart(&a.channel, 55, 23, 0, false);
    a.stream = 9;
    a.sent = 0;
    say_some(&a, 10);
    lki_channel_release(&b.channel);
    forget_all();
    open_side(&b, 23, &a, false);
    lki_channel_up(&b.channel, true);
    lki_channel_up(&a.channel, true);
    pass_all(SECOND);
    ck_assert_uint_eq(b.got, 10);
}
END_TEST

/* What lies there for a process is not for the next one of that name, which says so. */
START_TEST(what_is_meant_for_another_one_is_answered_only)
{
    char bytes[HEAD_MAX];
    size_t len;

    acquaint();
    say(&a, 3);
    len = a.last_len;
    memcpy(bytes, a.last, len);
    lki_channel_release(&b.channel);
    forget_all();
    a.peer = NULL;
    open_side(&b, 66, NULL, false);
    lki_channel_up(&b.channel, true);
    pass(10 * MS);
    b.carried = 0;
    ck_assert_int_eq(lki_channel_hear(&b.channel, bytes, len), LK_OK);
    pass(10 * MS);
    ck_assert_uint_eq(b.got, 0);
    ck_assert_uint_eq(b.carried, 1);
    ck_assert_uint_eq(lki_channel_session_of(b.last, b.last_len), 66);
    /* by which its peer is not confused */
    a.carried = 0;
    ck_assert_int_eq(lki_channel_hear(&a.channel, b.last, b.last_len), LK_OK);
    pass(SECOND);
    ck_assert_uint_eq(a.carried, 0);
    ck_assert(!lki_channel_is_flushed(&a.channel));
}
END_TEST

START_TEST(a_foreign_session_is_ignored)
{
    acquaint();
    lki_channel_restart(&b.channel, 22, 77, 0, false);
    pass(SECOND);
    b.carried = 0;
    say_some(&a, 5);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 1);
    ck_assert_uint_eq(b.carried, 0);
}
END_TEST

static void begin_anew(struct side *side, uint64_t number)
{
    if (number == 3) {
        lki_channel_restart(&side->channel, 88, side->peer->session, number, false);
        side->sent = 0;
        side->stream = 88;
        say_some(side, 4);
    }
}

START_TEST(who_gets_a_message_may_begin_anew)
{
    acquaint();
    say_some(&b, 3);
    b.then = begin_anew;
    say_some(&a, 6);
    pass(SECOND);
    ck_assert_uint_eq(b.got, 3);
    a.got = 0;
    lki_channel_restart(&a.channel, a.session, 88, 0, true);
    pass_all(10 * SECOND);
    ck_assert_uint_eq(b.got, 7);
    ck_assert_uint_eq(a.got, 4);
}
END_TEST

static void carry_once(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    carry(channel, bytes, len, arg);
    lki_channel_up(channel, false);
}

START_TEST(a_carrier_may_be_gone_while_it_is_used)
{
    acquaint();
    a.channel.owner.carry = carry_once;
    for (int i = 0; i < 10; i++) {
        say_some(&a, 3);
        pass(SECOND);
        ck_assert(!a.channel.up);
        lki_channel_up(&a.channel, true);
        pass(SECOND);
    }
    ck_assert_uint_le(a.carried, 20);
    a.channel.owner.carry = carry;
    lki_channel_up(&a.channel, true);
    pass_all(SECOND);
    ck_assert_uint_eq(b.got, 31);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_queue_has_a_limit)
{
    const size_t big = (size_t)16 * 1024 * 1024;
    enum lk_err err = LK_OK;

    acquaint();
    lki_channel_up(&a.channel, false);
    ck_assert_int_eq(say(&a, LKI_CHANNEL_LIMIT), LK_E_LIMIT);
    while (!err && a.sent < 100)
        err = say(&a, big);
    ck_assert_int_eq(err, LK_E_LIMIT);
    ck_assert_uint_eq(a.sent, 16);
    ck_assert_int_eq(say(&a, big / 2), LK_OK);
    lki_channel_up(&a.channel, true);
    pass_all(10 * SECOND);
    ck_assert_uint_eq(b.got, 17);
    ck_assert_uint_eq(a.channel.queued_bytes, 0);
    ck_assert_int_eq(say(&a, big), LK_OK);
}
END_TEST

/* ---- what is no envelope ---- */

static const struct image absurd[] = {
    {0xc0, {9, 0, 0, 0, 0, 1}, "text"},       /* another mark */
    {0x49, {9, 0, 0, 0, 0, 1}, "text"},       /* likewise */
    {0xc9, {0, 0, 0, 0, 0, 1}, "text"},       /* no session */
    {0xc9, {9, 0, 3, 4, 0, 1}, "text"},       /* safe, and not heard */
    {0xc9, {9, 0, 0, 0, 1, 1}, "text"},       /* a message that will not be carried again */
    {0xc9, {9, 0, 0, 0, 0, 0}, "text"},       /* message 0 */
    {0xc8, {9, 0, 0, 0, 0, 1}, "text"},       /* a message that is none */
    {0xc8, {9, 0, 0, 0, 3, 2}, ""},           /* it has not come as far as it was told */
    {0xca, {9, 0, 0, 0, 0, 0}, "text"},       /* a question with a text */
    {0xcc, {9, 0, 0, 0, 0, UINT64_MAX}, "x"}, /* likewise */
    {0xc9, {9, 22, 4, 0, 0, 1}, "more than b said"},
    {0xc8, {9, 22, UINT64_MAX, UINT64_MAX, 0, 0}, ""},
};

START_TEST(what_is_no_envelope_is_refused)
{
    say_some(&b, 3);
    ck_assert_int_eq(hear_image(&b, &absurd[_i]), LK_E_FORMAT);
    ck_assert_uint_eq(b.channel.peer_session, 0);
    both_up();
    say_some(&a, 3);
    pass_all(SECOND);
    ck_assert_uint_eq(b.got, 3);
}
END_TEST

START_TEST(an_envelope_that_is_cut_short_is_refused)
{
    static const struct image whole = {0xc8, {UINT64_MAX, UINT64_MAX, 1, 1, 1, 1}, ""};
    struct lki_buf out;

    lki_buf_init(&out, 1000);
    lki_buf_char(&out, (char)whole.mark);
    for (size_t i = 0; i < LKI_COUNT(whole.numbers); i++)
        lki_pack_u64(&out, whole.numbers[i]);
    for (size_t len = 0; len < out.len; len++) {
        char *cut = malloc(len + !len);

        memcpy(cut, out.data, len);
        ck_assert_int_eq(lki_channel_hear(&b.channel, cut, len), LK_E_FORMAT);
        ck_assert_uint_eq(lki_channel_session_of(cut, len), 0);
        free(cut);
    }
    ck_assert_uint_eq(lki_channel_session_of(out.data, out.len), UINT64_MAX);
    ck_assert_int_eq(lki_channel_hear(&b.channel, out.data, out.len), LK_OK);
    lki_buf_release(&out);
}
END_TEST

static Suite *channel_suite(void)
{
    Suite *suite = suite_create("channel");
    TCase *tests = tcase_create("channel");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, each_message_arrives_once_and_in_order, 0, 2 * LKI_COUNT(lucks));
    tcase_add_test(tests, nothing_is_repeated_while_nothing_is_lost);
    tcase_add_loop_test(tests, what_is_lost_has_its_price, 0, LKI_COUNT(prices));
    tcase_add_test(tests, a_long_queue_flows_window_by_window);
    tcase_add_test(tests, it_flows_again_when_nothing_is_lost_any_more);
    tcase_add_test(tests, without_news_nothing_is_carried);
    tcase_add_test(tests, an_acknowledgement_waits_for_others_or_goes_with_a_message);
    tcase_add_test(tests, what_was_lost_is_repeated_as_soon_as_the_next_one_shows_it);
    tcase_add_test(tests, what_was_lost_is_repeated_when_the_next_acknowledgement_shows_it);
    tcase_add_test(tests, what_was_lost_last_is_repeated_after_a_silence);
    tcase_add_test(tests, a_lost_acknowledgement_is_asked_for);
    tcase_add_test(tests, who_is_told_something_new_does_not_ask);
    tcase_add_test(tests, who_goes_on_sending_asks_all_the_same);
    tcase_add_test(tests, an_absent_peer_costs_one_window_and_little_more);
    tcase_add_test(tests, small_messages_have_a_window_too);
    tcase_add_test(tests, messages_of_any_length_arrive);
    tcase_add_test(tests, a_carrier_that_comes_back_is_told_all_that_was_not_heard);
    tcase_add_test(tests, a_gap_is_told_at_once_and_then_once_in_a_while);
    tcase_add_test(tests, what_comes_twice_is_acknowledged_at_once);
    tcase_add_test(tests, a_lack_of_former_times_is_not_heeded);
    tcase_add_test(tests, what_is_held_is_safe_only_when_that_is_said);
    tcase_add_loop_test(tests, a_successor_gets_what_was_not_safe_and_it_has_not, 0,
                        LKI_COUNT(afters));
    tcase_add_test(tests, a_successor_that_knows_nothing_skips_what_is_gone);
    tcase_add_test(tests, what_is_held_stays_so_in_another_session);
    tcase_add_test(tests, what_is_not_kept_is_forgotten);
    tcase_add_loop_test(tests, in_another_session_numbers_begin_anew, 0, 2);
    tcase_add_test(tests, one_without_a_carrier_may_begin_anew);
    tcase_add_test(tests, what_is_meant_for_another_one_is_answered_only);
    tcase_add_test(tests, a_foreign_session_is_ignored);
    tcase_add_test(tests, who_gets_a_message_may_begin_anew);
    tcase_add_test(tests, a_carrier_may_be_gone_while_it_is_used);
    tcase_add_test(tests, a_queue_has_a_limit);
    tcase_add_loop_test(tests, what_is_no_envelope_is_refused, 0, LKI_COUNT(absurd));
    tcase_add_test(tests, an_envelope_that_is_cut_short_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(channel_suite());
}
