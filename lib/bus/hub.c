#include "bus/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/entropy.h"
#include "base/json.h"
#include "base/mem.h"
#include "bus/claim.h"
#include "bus/contact.h"
#include "bus/link.h"

#define TICK_NS (500 * LKI_NS_PER_MS)
#define WHO_MAX_BYTES 160
#define STATE_EXPIRY_S "86400"
#define STATE_EXPIRY_NS (60 * LKI_NS_PER_S)

/* ---- up and down ---- */

static void listen_if_loaded(struct lki_hub *hub)
{
    if (hub->up && !hub->closed && !hub->fetching)
        lki_carrier_listen(&hub->carrier);
}

static void on_lock(struct lki_claim *claim, uint64_t token, void *arg)
{
    struct lki_hub *hub = arg;
    bool another = hub->token && hub->token != token;

    (void)claim;
    hub->token = token;
    hub->up = true;
    if (another)
        lki_hub_renew_contacts(hub);
    lki_hub_contacts_up(hub, true);
    hub->owner.on_up(hub, token, hub->owner.arg);
    listen_if_loaded(hub);
}

static void go_down(struct lki_hub *hub)
{
    if (!hub->up)
        return;
    hub->up = false;
    lki_hub_contacts_up(hub, false);
}

/* From now on only the end is awaited. */
static void on_taken(struct lki_claim *claim, const char *value, void *arg)
{
    struct lki_hub *hub = arg;
    char who[WHO_MAX_BYTES];

    (void)claim;
    lki_claim_who(value, who, sizeof(who));
    go_down(hub);
    lki_timer_cancel(&hub->tick);
    lki_carrier_close(&hub->carrier);
    hub->owner.on_refused(hub, who, hub->owner.arg);
}

static void on_wait(struct lki_claim *claim, const char *value, void *arg)
{
    struct lki_hub *hub = arg;
    char who[WHO_MAX_BYTES];

    (void)claim;
    lki_claim_who(value, who, sizeof(who));
    hub->owner.on_wait(hub, who, hub->owner.arg);
}

static void on_ready(struct lki_carrier *carrier, void *arg)
{
    struct lki_hub *hub = arg;

    (void)carrier;
    lki_claim_start(&hub->lock);
}

static void on_down(struct lki_carrier *carrier, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    struct lki_hub *hub = arg;

    (void)carrier;
    lki_claim_stop(&hub->lock);
    go_down(hub);
    hub->owner.on_down(hub, trouble, why, hub->owner.arg);
}

static void on_bytes(struct lki_carrier *carrier, const void *bytes, size_t len, void *arg)
{
    struct lki_hub *hub = arg;

    (void)carrier;
    lki_hub_hear(hub, bytes, len);
}

static void on_tick(struct lki_timer *timer)
{
    struct lki_hub *hub = LKI_CONTAINER(timer, struct lki_hub, tick);

    lki_hub_tick_contacts(hub);
    if (!hub->closed && hub->carrier.say)
        lki_timer_set(&hub->loop->timers, timer, lki_loop_now(hub->loop) + TICK_NS);
}

/* ---- the whole ---- */

static void hub_free(struct lki_hub *hub)
{
    lki_claim_release(&hub->lock);
    lki_hub_release_contacts(hub);
    lki_timer_release(&hub->loop->timers, &hub->tick);
    lki_buf_release(&hub->out);
    free(hub);
}

/* Random bytes make it another one than that of a process with the same number on a machine of the
 * same name. */
static enum lk_err open_lock(struct lki_hub *hub, const char *id, const char *what)
{
    const struct lki_claim_owner owner = {on_lock, on_taken, hub, on_wait};
    struct lki_buf value;
    uint64_t random = 0;
    const char *text;
    enum lk_err err = LK_E_NOMEM;

    if (!lki_entropy(&random, sizeof(random)))
        return LK_E_SYSTEM;
    lki_buf_init(&value, WHO_MAX_BYTES * 16);
    lki_buf_printf(&value, "{\"token\":" LKI_CLAIM_TOKEN ",\"nonce\":\"%016llx\",\"id\":",
                   (unsigned long long)random);
    lki_json_write_string(&value, id, strlen(id));
    lki_buf_str(&value, ",\"who\":");
    lki_json_write_string(&value, what, strlen(what));
    lki_buf_str(&value, "}");
    text = lki_buf_cstr(&value);
    if (text)
        err = lki_claim_init(&hub->lock, &hub->carrier, "orchestrator", NULL, text, &owner);
    lki_buf_release(&value);
    return err;
}

enum lk_err lki_hub_open(struct lki_hub **out, struct lki_loop *loop,
                         const struct lki_hub_settings *settings, uint64_t stored_token,
                         const char *what, const struct lki_hub_owner *owner)
{
    struct lki_carrier_owner carried = {on_ready, on_down, on_bytes, NULL};
    struct lki_hub *hub;
    enum lk_err err;

    if (!lki_cluster_is_name(settings->cluster) || stored_token >= LKI_TOKEN_MAX)
        return LK_E_ARG;
    hub = lki_zalloc(sizeof(*hub));
    if (!hub)
        return LK_E_NOMEM;
    hub->loop = loop;
    hub->owner = *owner;
    carried.arg = hub;
    lki_buf_init(&hub->out, LKI_REDIS_QUEUE_MAX);
    err = lki_timer_init(&loop->timers, &hub->tick, on_tick);
    if (!err)
        err = lki_carrier_open(&hub->carrier, loop, settings->address, settings->cluster, "up",
                               NULL, &carried);
    if (!err)
        err = open_lock(hub, settings->id, what);
    if (err) {
        lki_carrier_close(&hub->carrier);
        hub_free(hub);
        return err;
    }
    hub->lock.above = stored_token;
    lki_carrier_key(&hub->carrier, hub->state_key, "state", NULL);
    lki_timer_set(&loop->timers, &hub->tick, lki_loop_now(loop) + TICK_NS);
    *out = hub;
    return LK_OK;
}

static void on_reap(struct lki_post *post)
{
    hub_free(LKI_CONTAINER(post, struct lki_hub, reap));
}

void lki_hub_close(struct lki_hub *hub)
{
    if (!hub || hub->closed)
        return;
    hub->closed = true;
    hub->up = false;
    lki_claim_give_back(&hub->lock, 0);
    lki_carrier_close(&hub->carrier);
    lki_timer_cancel(&hub->tick);
    lki_loop_post(hub->loop, &hub->reap, on_reap);
}

void lki_hub_forked(struct lki_hub *hub)
{
    lki_carrier_forked(&hub->carrier);
}

bool lki_hub_is_up(const struct lki_hub *hub)
{
    return hub->up;
}

bool lki_hub_is_sound(const struct lki_hub *hub)
{
    return hub->up && !hub->carrier.doubted;
}

bool lki_hub_has_lock(const struct lki_hub *hub)
{
    return hub->lock.ours &&
           lki_loop_now(hub->loop) - hub->lock.renewed_ns < LKI_CLAIM_EXPIRY_MS * LKI_NS_PER_MS;
}

int64_t lki_hub_clock_ns(const struct lki_hub *hub)
{
    return hub->carrier.clock_ns;
}

/* ---- the state ---- */

static void on_expiry(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_hub *hub = arg;

    lki_carrier_failed(&hub->carrier, reply, hub->state_key);
}

static void on_put(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_hub *hub = arg;
    int64_t now_ns = lki_loop_now(hub->loop);
    bool fresh = hub->state_connection == hub->carrier.connections &&
                 now_ns - hub->state_expiry_ns < STATE_EXPIRY_NS;

    if (lki_carrier_failed(&hub->carrier, reply, hub->state_key) || fresh)
        return;
    hub->state_connection = hub->carrier.connections;
    hub->state_expiry_ns = now_ns;
    lki_redis_say(hub->carrier.say, on_expiry, hub, "EXPIRE", hub->state_key, STATE_EXPIRY_S);
}

/* KEYS: the lock, the state; ARGV: the lock's value, the name, and what it gets, if anything. An
 * orchestrator that was stopped while another one took the lock must not write over its state. */
static const char put[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "if ARGV[3] then return redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end "
    "return redis.call('HDEL', KEYS[2], ARGV[2])";

void lki_hub_put(struct lki_hub *hub, const char *name, const void *bytes, size_t len)
{
    const char *lock = lki_buf_cstr(&hub->lock.value);
    const char *words[] = {"EVAL", put, "2", hub->lock.key, hub->state_key, lock, name, bytes};
    size_t lens[LKI_COUNT(words)];

    if (!hub->up || !lock)
        return;
    for (size_t i = 0; i < LKI_COUNT(words) - 1; i++)
        lens[i] = strlen(words[i]);
    lens[LKI_COUNT(words) - 1] = len;
    lki_redis_send(hub->carrier.say, LKI_COUNT(words) - !bytes, words, lens, on_put, hub);
}

struct fetch {
    struct lki_hub *hub;
    void (*fn)(const char *name, const void *bytes, size_t len, bool ok, void *arg);
    void *arg;
};

static void on_state(const struct lki_redis_reply *reply, void *arg)
{
    struct fetch fetch = *(struct fetch *)arg;
    struct lki_hub *hub = fetch.hub;
    bool ok = !lki_carrier_failed(&hub->carrier, reply, hub->state_key);

    free(arg);
    hub->fetching--;
    for (size_t i = 0; ok && i + 1 < reply->count && !hub->closed; i += 2)
        fetch.fn(reply->items[i].text, reply->items[i + 1].text, reply->items[i + 1].len, true,
                 fetch.arg);
    if (!hub->closed)
        fetch.fn(NULL, NULL, 0, ok, fetch.arg);
    listen_if_loaded(hub);
}

enum lk_err lki_hub_get_all(struct lki_hub *hub,
                            void (*fn)(const char *name, const void *bytes, size_t len, bool ok,
                                       void *arg),
                            void *arg)
{
    struct fetch *fetch;
    enum lk_err err = LK_E_NOMEM;

    if (!hub->up)
        return LK_E_STATE;
    fetch = malloc(sizeof(*fetch));
    if (fetch) {
        *fetch = (struct fetch){hub, fn, arg};
        err = lki_redis_say(hub->carrier.say, on_state, fetch, "HGETALL", hub->state_key);
    }
    if (!err) {
        hub->fetching++;
        return LK_OK;
    }
    free(fetch);
    lki_redis_drop(hub->carrier.say, LKI_REDIS_AWAY, lk_strerror(err));
    return err;
}
