/* A station's end of the hub. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/entropy.h"
#include "base/json.h"
#include "base/mem.h"
#include "bus/channel.h"
#include "bus/claim.h"
#include "bus/hub.h"

#define WHO_MAX_BYTES 160
#define PRESENCE_MAX_BYTES ((size_t)16 * 1024)

struct lki_spoke {
    struct lki_loop *loop;
    struct lki_spoke_owner owner;
    struct lki_carrier carrier;
    struct lki_claim presence;
    struct lki_channel channel;
    struct lki_stream to;
    char id[LKI_NAME_MAX + 1];
    uint64_t session;
    uint64_t token; /* the greatest that was heard; 0: none yet */
    int64_t heard_ns;
    bool up;
    bool closed;
    struct lki_buf out;
    struct lki_post reap;
};

/* ---- saying ---- */

static void say(struct lki_spoke *spoke, bool beat, const void *bytes, size_t len)
{
    struct lki_envelope envelope = {.session = spoke->session,
                                    .token = spoke->token,
                                    .beat = beat,
                                    .bytes = bytes,
                                    .len = len,
                                    .stamp_ns = lki_loop_now(spoke->loop)};

    if (!spoke->up)
        return;
    memcpy(envelope.station, spoke->id, sizeof(envelope.station));
    if (!lki_envelope_write(&envelope, &spoke->out))
        lki_stream_add(&spoke->to, spoke->out.data, spoke->out.len);
}

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    (void)channel;
    say(arg, false, bytes, len);
}

/* Before the first orchestrator is heard nobody would read. */
static void set_channel(struct lki_spoke *spoke)
{
    bool up = spoke->up && spoke->token;

    if (up != spoke->channel.up)
        lki_channel_up(&spoke->channel, up);
}

/* ---- hearing ---- */

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    struct lki_spoke *spoke = arg;

    (void)channel;
    (void)number;
    if (!spoke->closed)
        spoke->owner.on_command(spoke, bytes, len, spoke->owner.arg);
}

/* What the former one has not acknowledged is for this one. */
static void obey(struct lki_spoke *spoke, uint64_t token)
{
    spoke->token = token;
    lki_channel_restart(&spoke->channel, spoke->session, token, 0, true);
    set_channel(spoke);
    spoke->owner.on_orchestrator(spoke, spoke->owner.arg);
}

/* An orchestrator with a smaller token has been taken over from, whatever it believes; and another
 * session is that of a process which had our name before. */
static void on_bytes(struct lki_carrier *carrier, const void *bytes, size_t len, void *arg)
{
    struct lki_spoke *spoke = arg;
    struct lki_envelope envelope;

    (void)carrier;
    if (lki_envelope_read(&envelope, bytes, len) || envelope.session != spoke->session ||
        envelope.token < spoke->token || !envelope.token)
        return;
    if (envelope.stamp_ns > spoke->heard_ns)
        spoke->heard_ns = envelope.stamp_ns;
    if (envelope.token > spoke->token)
        obey(spoke, envelope.token);
    if (!envelope.beat && !spoke->closed)
        lki_channel_hear(&spoke->channel, envelope.bytes, envelope.len);
}

/* ---- up and down ---- */

static void on_present(struct lki_claim *claim, uint64_t token, void *arg)
{
    struct lki_spoke *spoke = arg;

    (void)claim;
    (void)token;
    spoke->up = true;
    lki_carrier_listen(&spoke->carrier);
    set_channel(spoke);
    spoke->owner.on_up(spoke, spoke->owner.arg);
}

static void go_down(struct lki_spoke *spoke)
{
    spoke->up = false;
    set_channel(spoke);
}

static void on_taken(struct lki_claim *claim, const char *value, void *arg)
{
    struct lki_spoke *spoke = arg;
    char who[WHO_MAX_BYTES];

    (void)claim;
    lki_claim_who(value, who, sizeof(who));
    go_down(spoke);
    lki_carrier_close(&spoke->carrier);
    spoke->owner.on_refused(spoke, who, spoke->owner.arg);
}

static void on_ready(struct lki_carrier *carrier, void *arg)
{
    struct lki_spoke *spoke = arg;

    (void)carrier;
    lki_claim_start(&spoke->presence);
}

static void on_down(struct lki_carrier *carrier, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    struct lki_spoke *spoke = arg;

    (void)carrier;
    lki_claim_stop(&spoke->presence);
    go_down(spoke);
    spoke->owner.on_down(spoke, trouble, why, spoke->owner.arg);
}

/* ---- the whole ---- */

static void spoke_free(struct lki_spoke *spoke)
{
    lki_claim_release(&spoke->presence);
    lki_channel_release(&spoke->channel);
    lki_buf_release(&spoke->out);
    free(spoke);
}

/* Text that nobody else has: the session is put before the first member. */
static enum lk_err open_presence(struct lki_spoke *spoke, const char *presence)
{
    const struct lki_claim_owner owner = {on_present, on_taken, spoke, NULL};
    const char *first = presence + strspn(presence, " \t\r\n");
    struct lki_buf value;
    const char *text;
    enum lk_err err = LK_E_NOMEM;

    if (*first != '{' || lki_json_check(presence, strlen(presence)))
        return LK_E_ARG;
    first++;
    lki_buf_init(&value, PRESENCE_MAX_BYTES);
    lki_buf_printf(&value, "{\"session\":\"%016llx\"", (unsigned long long)spoke->session);
    if (first[strspn(first, " \t\r\n")] != '}')
        lki_buf_char(&value, ',');
    lki_buf_str(&value, first);
    text = lki_buf_cstr(&value);
    if (text)
        err = lki_claim_init(&spoke->presence, &spoke->carrier, "worker", spoke->id, text, &owner);
    lki_buf_release(&value);
    return err;
}

static enum lk_err open_parts(struct lki_spoke *spoke, const struct lki_hub_settings *settings,
                              const char *presence)
{
    const struct lki_carrier_owner carried = {on_ready, on_down, on_bytes, spoke};
    const struct lki_channel_owner owner = {carry, on_message, spoke};
    enum lk_err err = LK_OK;

    if (!lki_entropy(&spoke->session, sizeof(spoke->session)))
        err = LK_E_SYSTEM;
    spoke->session |= 1;
    if (!err)
        err = lki_channel_init(&spoke->channel, spoke->loop, spoke->session, false, &owner);
    if (!err)
        err = lki_carrier_open(&spoke->carrier, spoke->loop, settings->address, settings->cluster,
                               "down", spoke->id, &carried);
    if (!err)
        err = open_presence(spoke, presence);
    if (!err)
        lki_stream_init(&spoke->to, &spoke->carrier, "up", NULL);
    return err;
}

enum lk_err lki_spoke_open(struct lki_spoke **out, struct lki_loop *loop,
                           const struct lki_hub_settings *settings, const char *presence,
                           const struct lki_spoke_owner *owner)
{
    struct lki_spoke *spoke;
    enum lk_err err;

    if (!lki_cluster_is_name(settings->cluster) || !lki_station_is_id(settings->id))
        return LK_E_ARG;
    spoke = lki_zalloc(sizeof(*spoke));
    if (!spoke)
        return LK_E_NOMEM;
    spoke->loop = loop;
    spoke->owner = *owner;
    snprintf(spoke->id, sizeof(spoke->id), "%s", settings->id);
    lki_buf_init(&spoke->out, LKI_REDIS_QUEUE_MAX);
    err = open_parts(spoke, settings, presence);
    if (err) {
        lki_carrier_close(&spoke->carrier);
        spoke_free(spoke);
        return err;
    }
    *out = spoke;
    return LK_OK;
}

static void on_reap(struct lki_post *post)
{
    spoke_free(LKI_CONTAINER(post, struct lki_spoke, reap));
}

void lki_spoke_close(struct lki_spoke *spoke)
{
    if (!spoke || spoke->closed)
        return;
    spoke->closed = true;
    if (spoke->up)
        lki_redis_say(spoke->carrier.say, NULL, NULL, "DEL", spoke->carrier.in.key);
    spoke->up = false;
    lki_claim_give_back(&spoke->presence, 0);
    lki_carrier_close(&spoke->carrier);
    lki_loop_post(spoke->loop, &spoke->reap, on_reap);
}

void lki_spoke_forked(struct lki_spoke *spoke)
{
    lki_carrier_forked(&spoke->carrier);
}

bool lki_spoke_is_up(const struct lki_spoke *spoke)
{
    return spoke->up;
}

bool lki_spoke_is_sound(const struct lki_spoke *spoke)
{
    return spoke->up && !spoke->carrier.doubted;
}

uint64_t lki_spoke_session(const struct lki_spoke *spoke)
{
    return spoke->session;
}

enum lk_err lki_spoke_send(struct lki_spoke *spoke, const void *bytes, size_t len)
{
    return lki_channel_send(&spoke->channel, bytes, len);
}

size_t lki_spoke_queued_bytes(const struct lki_spoke *spoke)
{
    return spoke->channel.queued_bytes;
}

void lki_spoke_beat(struct lki_spoke *spoke, const void *bytes, size_t len)
{
    say(spoke, true, bytes, len);
}

bool lki_spoke_is_flushed(const struct lki_spoke *spoke)
{
    return lki_channel_is_flushed(&spoke->channel);
}

int64_t lki_spoke_heard_ns(const struct lki_spoke *spoke)
{
    return spoke->heard_ns;
}

int64_t lki_spoke_clock_ns(const struct lki_spoke *spoke)
{
    return spoke->carrier.clock_ns;
}
