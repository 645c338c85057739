#include "bus/carrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Of a stream that nobody reads the oldest entries go: who sent them keeps what matters. */
#define ENTRIES_MAX "10000"
/* Read at once, so that others have their turns in between; and how long a read waits for the first
 * one, well below the time after which a connection without replies is given up. */
#define ENTRIES_A_READ 16
#define READ_WAIT_MS "1000"
/* A stream that nobody uses goes. */
#define EXPIRY_S "120"
#define EXPIRY_NS (30 * LKI_NS_PER_S)
#define SHOWN_MAX_BYTES 160

/* ---- errors ---- */

static void drop(struct lki_carrier *carrier, const char *key, const char *error)
{
    char why[LKI_KEY_MAX + 512];
    char shown[SHOWN_MAX_BYTES + 1];

    lki_text_shown(shown, sizeof(shown), error);
    if (strstr(error, "WRONGTYPE"))
        snprintf(why, sizeof(why),
                 "its key %s holds something that is not loadkit's: remove it, or give another "
                 "--cluster",
                 key);
    else
        snprintf(why, sizeof(why), "it refuses what is to be done with its key %s: %s", key, shown);
    lki_redis_drop(carrier->say, LKI_REDIS_REFUSED, why);
}

bool lki_carrier_failed(struct lki_carrier *carrier, const struct lki_redis_reply *reply,
                        const char *key)
{
    if (reply && reply->kind == LKI_REDIS_ERROR && carrier->say)
        drop(carrier, key, reply->text);
    return !reply || reply->kind == LKI_REDIS_ERROR;
}

/* ---- adding ---- */

void lki_carrier_key(const struct lki_carrier *carrier, char key[LKI_KEY_MAX], const char *word,
                     const char *name)
{
    snprintf(key, LKI_KEY_MAX, "lk:%.100s:%.20s%s%.100s", carrier->cluster, word, name ? ":" : "",
             name ? name : "");
}

void lki_stream_init(struct lki_stream *stream, struct lki_carrier *carrier, const char *word,
                     const char *name)
{
    *stream = (struct lki_stream){.carrier = carrier};
    lki_carrier_key(carrier, stream->key, word, name);
}

/* Something that cannot be said would be waited for in vain. */
static void must(struct lki_carrier *carrier, enum lk_err err)
{
    if (err && carrier->say)
        lki_redis_drop(carrier->say, LKI_REDIS_AWAY, lk_strerror(err));
}

static void on_done(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_stream *stream = arg;

    stream->pending--;
    lki_carrier_failed(stream->carrier, reply, stream->key);
}

/* Who adds and who reads see to it that the stream stays while it is used, also in a Redis that was
 * empty when it came back: but only if it is one, or somebody else's data would go. */
static void set_expiry(struct lki_stream *stream)
{
    struct lki_carrier *carrier = stream->carrier;
    int64_t now_ns = lki_loop_now(carrier->loop);

    if (stream->connection == carrier->connections && now_ns - stream->expiry_ns < EXPIRY_NS)
        return;
    if (!carrier->ready ||
        lki_redis_say(carrier->say, on_done, stream, "EXPIRE", stream->key, EXPIRY_S))
        return;
    stream->pending++;
    stream->connection = carrier->connections;
    stream->expiry_ns = now_ns;
}

static void on_added(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_stream *stream = arg;

    stream->pending--;
    if (lki_carrier_failed(stream->carrier, reply, stream->key))
        return;
    if (reply->kind == LKI_REDIS_NIL) {
        stream->made = 0;
        stream->gone_ns = lki_loop_now(stream->carrier->loop);
    } else if (!stream->kept_by_reader || stream->connection != stream->carrier->connections) {
        set_expiry(stream);
    }
}

/* Only what is known to make the stream may do so, since then its expiry is set: one that was
 * removed meanwhile, as by a reader who leaves, would come again and stay for ever. */
void lki_stream_add(struct lki_stream *stream, const void *bytes, size_t len)
{
    struct lki_carrier *carrier = stream->carrier;
    bool makes = stream->made != carrier->connections;
    const char *making[] = {"XADD", stream->key, "MAXLEN", "~", ENTRIES_MAX, "*", "m", bytes};
    const char *adding[] = {"XADD",       stream->key, "MAXLEN", "~",  ENTRIES_MAX,
                            "NOMKSTREAM", "*",         "m",      bytes};
    const char **words = makes ? making : adding;
    size_t count = makes ? LKI_COUNT(making) : LKI_COUNT(adding);
    size_t lens[LKI_COUNT(adding)];

    if (!carrier->ready)
        return;
    for (size_t i = 0; i + 1 < count; i++)
        lens[i] = strlen(words[i]);
    lens[count - 1] = len;
    if (lki_redis_send(carrier->say, count, words, lens, on_added, stream))
        return;
    stream->pending++;
    if (!makes)
        return;
    stream->made = carrier->connections;
    stream->connection = 0;
    stream->gone_ns = 0;
}

/* ---- reading ---- */

static void read_more(struct lki_carrier *carrier);

/* The value of field "m" of an entry, [id, [field, value, ...]]; NULL: it is none of ours. */
static const struct lki_redis_reply *bytes_of(const struct lki_redis_reply *entry)
{
    const struct lki_redis_reply *fields = entry->count == 2 ? &entry->items[1] : NULL;

    for (size_t i = 0; fields && i + 1 < fields->count; i += 2) {
        if (fields->items[i].len == 1 && *fields->items[i].text == 'm')
            return &fields->items[i + 1];
    }
    return NULL;
}

/* The reader begins at the beginning each time: what was told is taken out before. So it also
 * finds what somebody adds whose clock is behind, to a stream that was removed meanwhile. */
static void take_out(struct lki_carrier *carrier, const char *last_id)
{
    char next[64];
    const char *dash = strchr(last_id, '-');

    if (!dash)
        return;
    snprintf(next, sizeof(next), "%.*s-%llu", (int)(dash - last_id), last_id,
             strtoull(dash + 1, NULL, 10) + 1);
    if (!lki_redis_say(carrier->read, on_done, &carrier->in, "XTRIM", carrier->in.key, "MINID",
                       next))
        carrier->in.pending++;
}

/* False: the carrier was closed, or has lost this connection, and with it the entries. */
static bool tell_entries(struct lki_carrier *carrier, const struct lki_redis *read,
                         const struct lki_redis_reply *entries)
{
    for (size_t i = 0; carrier->ready && carrier->read == read && i < entries->count; i++) {
        const struct lki_redis_reply *bytes = bytes_of(&entries->items[i]);

        if (bytes)
            carrier->owner.on_bytes(carrier, bytes->text, bytes->len, carrier->owner.arg);
    }
    return carrier->ready && carrier->read == read;
}

/* [[key, [entry, ...]]], or nil: nothing came. More is asked for before these are told: by then it
 * is there, however long Redis takes for it. What gets lost then was not acknowledged. */
static void on_entries(const struct lki_redis_reply *reply, void *arg)
{
    static const struct lki_redis_reply nothing = {0};
    struct lki_carrier *carrier = arg;
    const struct lki_redis_reply *entries = &nothing;
    const struct lki_redis *read = carrier->read;
    int64_t asked_ns = carrier->read_asked_ns;

    if (lki_carrier_failed(carrier, reply, carrier->in.key))
        return;
    if (reply->count == 1 && reply->items[0].count == 2)
        entries = &reply->items[0].items[1];
    if (entries->count && entries->items[entries->count - 1].count)
        take_out(carrier, entries->items[entries->count - 1].items[0].text);
    read_more(carrier);
    if (!tell_entries(carrier, read, entries))
        return;
    if (entries->count < ENTRIES_A_READ)
        carrier->read_until_ns = asked_ns;
    if (entries->count)
        set_expiry(&carrier->in);
}

static void read_more(struct lki_carrier *carrier)
{
    char count[16];

    snprintf(count, sizeof(count), "%d", ENTRIES_A_READ);
    carrier->read_asked_ns = lki_loop_now(carrier->loop);
    must(carrier, lki_redis_say(carrier->read, on_entries, carrier, "XREAD", "COUNT", count,
                                "BLOCK", READ_WAIT_MS, "STREAMS", carrier->in.key, "0-0"));
}

static void on_read_up(struct lki_redis *redis, void *arg)
{
    (void)redis;
    read_more(arg);
}

/* The two connections stand and fall together: all that must be made anew then is in one place. */
static void on_read_down(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why,
                         void *arg)
{
    struct lki_carrier *carrier = arg;
    const char *told = strstr(why, ": ");

    (void)redis;
    lki_redis_drop(carrier->say, trouble, told ? told + 2 : why);
}

void lki_carrier_listen(struct lki_carrier *carrier)
{
    const struct lki_redis_owner owner = {on_read_up, on_read_down, carrier};

    if (!carrier->ready || carrier->read)
        return;
    carrier->read_until_ns = lki_loop_now(carrier->loop);
    must(carrier, lki_redis_open(&carrier->read, carrier->loop, carrier->address, &owner));
}

/* ---- the clock ---- */

static void measure(struct lki_carrier *carrier);

static int64_t number_of(const struct lki_redis_reply *reply)
{
    return reply->kind == LKI_REDIS_TEXT ? strtoll(reply->text, NULL, 10) : 0;
}

static void on_time(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_carrier *carrier = arg;
    int64_t now_ns = lki_loop_now(carrier->loop);
    int64_t trip_ns = now_ns - carrier->asked_ns;

    if (lki_carrier_failed(carrier, reply, "TIME") || reply->count != 2)
        return;
    if (!carrier->samples || trip_ns < carrier->best_trip_ns) {
        carrier->best_trip_ns = trip_ns;
        carrier->clock_ns = number_of(&reply->items[0]) * LKI_NS_PER_S +
                            number_of(&reply->items[1]) * LKI_NS_PER_US -
                            (carrier->asked_ns + trip_ns / 2);
    }
    carrier->samples++;
    measure(carrier);
}

/* One after the other: the trip that took least says most. */
static void measure(struct lki_carrier *carrier)
{
    if (carrier->samples < LKI_CARRIER_SAMPLES) {
        carrier->asked_ns = lki_loop_now(carrier->loop);
        must(carrier, lki_redis_say(carrier->say, on_time, carrier, "TIME"));
        return;
    }
    carrier->ready = true;
    carrier->owner.on_ready(carrier, carrier->owner.arg);
}

/* ---- the whole ---- */

static void on_up(struct lki_redis *redis, void *arg)
{
    struct lki_carrier *carrier = arg;

    (void)redis;
    carrier->connections++;
    carrier->samples = 0;
    measure(carrier);
}

static void on_down(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    struct lki_carrier *carrier = arg;

    (void)redis;
    carrier->ready = false;
    carrier->doubted |= trouble != LKI_REDIS_AWAY;
    lki_redis_close(carrier->read);
    carrier->read = NULL;
    carrier->owner.on_down(carrier, trouble, why, carrier->owner.arg);
}

enum lk_err lki_carrier_open(struct lki_carrier *carrier, struct lki_loop *loop,
                             const struct lki_redis_address *address, const char *cluster,
                             const char *in, const char *name,
                             const struct lki_carrier_owner *owner)
{
    const struct lki_redis_owner say = {on_up, on_down, carrier};

    *carrier = (struct lki_carrier){.loop = loop, .address = address, .owner = *owner};
    snprintf(carrier->cluster, sizeof(carrier->cluster), "%s", cluster);
    lki_stream_init(&carrier->in, carrier, in, name);
    return lki_redis_open(&carrier->say, loop, address, &say);
}

void lki_carrier_close(struct lki_carrier *carrier)
{
    struct lki_redis *say = carrier->say;
    struct lki_redis *read = carrier->read;

    carrier->ready = false;
    carrier->say = NULL;
    carrier->read = NULL;
    lki_redis_close(say);
    lki_redis_close(read);
}

void lki_carrier_forked(struct lki_carrier *carrier)
{
    if (carrier->say)
        lki_redis_forked(carrier->say);
    if (carrier->read)
        lki_redis_forked(carrier->read);
}
