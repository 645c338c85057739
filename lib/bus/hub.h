/*
 * Where an orchestrator and its stations meet: channels carried by streams in Redis, presence that
 * expires, and the lock that keeps two orchestrators apart. What keys there are is documented in
 * loadkit-redis(7).
 *
 * Whatever is called from here may close the hub or the spoke.
 */
#ifndef LKI_BUS_HUB_H
#define LKI_BUS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "bus/envelope.h"
#include "loop/loop.h"
#include "net/redis.h"

#define LKI_CLUSTER_DEFAULT "default"
/* A station that was not heard of for so long is lost: it beats each second, and is connected again
 * within this time when Redis is there again. */
#define LKI_SILENCE_NS (4 * LKI_NS_PER_S)
/* By so long after Redis, or another orchestrator, is there, each station that lives was heard. */
#define LKI_REUNION_NS (5 * LKI_NS_PER_S)

/* What names and ids are: lki_cluster_is_name, lki_station_is_id in bus/envelope.h. */
struct lki_hub_settings {
    const struct lki_redis_address *address; /* borrowed */
    const char *cluster;
    const char *id; /* of this orchestrator, or of this station: unique in its cluster */
};

/* ---- an orchestrator's ---- */

struct lki_hub;
struct lki_contact; /* a station, as the orchestrator's hub knows it */

struct lki_hub_owner {
    /* The lock is ours and the clock is measured; stations are heard from now on, or, when
     * lki_hub_get_all is called in here, once that is done. Also after each reconnect. token:
     * greater than that of every orchestrator before; the same one after a reconnect, unless a
     * station has seen a greater one (another Redis, whose clock is behind). */
    void (*on_up)(struct lki_hub *hub, uint64_t token, void *arg);
    /* As lki_redis_owner. */
    void (*on_down)(struct lki_hub *hub, enum lki_redis_trouble trouble, const char *why,
                    void *arg);
    /* The lock is that of another one who lives, or was taken over: this one must not go on, and
     * nothing more is heard. who: what that one had opened its hub with. */
    void (*on_refused)(struct lki_hub *hub, const char *who, void *arg);
    /* It is that of another one, who may not live any more: within LKI_CLAIM_EXPIRY_MS it is up, or
     * refused. */
    void (*on_wait)(struct lki_hub *hub, const char *who, void *arg);
    /* A station is heard for the first time, or another process of that name: then the contact of
     * the former one is mute from now on, which does not prove that this one has ended. A contact
     * lives until lki_contact_free. */
    void (*on_contact)(struct lki_hub *hub, struct lki_contact *contact, void *arg);
    /* A message of it, see bus/station.h; BEATs have the number 0, others rise by one: but for the
     * first one, if numbers before it were acknowledged to another orchestrator. */
    void (*on_report)(struct lki_contact *contact, uint64_t number, const void *bytes, size_t len,
                      void *arg);
    /* Nothing was heard of it for LKI_SILENCE_NS of time in which Redis was there; or it is heard
     * again. */
    void (*on_silent)(struct lki_contact *contact, bool silent, void *arg);
    void *arg;
};

/* stored_token: the greatest that is known from elsewhere (a checkpoint), or 0. what: text that
 * stands in the lock, for who is refused. LK_E_ARG: the cluster is no name. */
enum lk_err lki_hub_open(struct lki_hub **out, struct lki_loop *loop,
                         const struct lki_hub_settings *settings, uint64_t stored_token,
                         const char *what, const struct lki_hub_owner *owner);
/* Gives the lock back, if that takes no longer than some tenths of a second. NULL is ignored. */
void lki_hub_close(struct lki_hub *hub);
/* In a child after fork, when lki_loop_forked has been called: closes its copies of descriptors. */
void lki_hub_forked(struct lki_hub *hub);

bool lki_hub_is_up(const struct lki_hub *hub);
/* It is up, and Redis does what it is asked for: after a command that failed this is so only once
 * all have succeeded for some seconds. */
bool lki_hub_is_sound(const struct lki_hub *hub);
/* The lock is ours, and nobody else can have it by now. */
bool lki_hub_has_lock(const struct lki_hub *hub);
/* Redis TIME less our monotonic clock; as measured last. */
int64_t lki_hub_clock_ns(const struct lki_hub *hub);

const char *lki_contact_id(const struct lki_contact *contact);
/* Random number of the station's process. */
uint64_t lki_contact_session(const struct lki_contact *contact);
bool lki_contact_is_silent(const struct lki_contact *contact);
int64_t lki_contact_heard_ns(const struct lki_contact *contact); /* when, the last time */
void lki_contact_set_arg(struct lki_contact *contact, void *arg);
void *lki_contact_arg(const struct lki_contact *contact);
/* LK_E_NOMEM, LK_E_LIMIT: LKI_CHANNEL_LIMIT waits already; it is not sent. */
enum lk_err lki_contact_send(struct lki_contact *contact, const void *bytes, size_t len);
/* All that was sent has been heard. */
bool lki_contact_is_flushed(const struct lki_contact *contact);
/* What came up to that number is safe: the station may forget it. */
void lki_contact_done(struct lki_contact *contact, uint64_t number);
/* What is known of a station from a checkpoint: its messages are awaited from after + 1. */
enum lk_err lki_hub_expect(struct lki_hub *hub, const char *id, uint64_t session, uint64_t after);
/* It has left, or was refused, or another process has its name: no more calls. What was sent still
 * goes out for some seconds, and what that process sends is acknowledged unseen. It becomes a new
 * contact when it is heard a minute later. */
void lki_contact_free(struct lki_contact *contact);

/* Blobs of the checkpoint, in the hash `state`, which expires a day after the last write. bytes
 * NULL: removed. As well as it goes: what is written while Redis is away is not, and a Redis that
 * comes back may have none of them. */
void lki_hub_put(struct lki_hub *hub, const char *name, const void *bytes, size_t len);
/* Reads all of them; fn is called for each, then once with name NULL. ok false there: Redis was
 * lost meanwhile. LK_E_STATE: the hub is not up; LK_E_NOMEM: it goes down, and comes up again; fn
 * is not called, and not any more once the hub was closed. */
enum lk_err lki_hub_get_all(struct lki_hub *hub,
                            void (*fn)(const char *name, const void *bytes, size_t len, bool ok,
                                       void *arg),
                            void *arg);

/* ---- a station's ---- */

struct lki_spoke;

struct lki_spoke_owner {
    /* The name is ours and the clock is measured. Also after each reconnect. */
    void (*on_up)(struct lki_spoke *spoke, void *arg);
    void (*on_down)(struct lki_spoke *spoke, enum lki_redis_trouble trouble, const char *why,
                    void *arg);
    /* The name is another living station's; of one that does not live the expiry is waited for.
     * who: host and pid in its presence. Nothing more is heard. */
    void (*on_refused)(struct lki_spoke *spoke, const char *who, void *arg);
    /* The first, or another, orchestrator: it is to be told HELLO. */
    void (*on_orchestrator)(struct lki_spoke *spoke, void *arg);
    void (*on_command)(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg);
    void *arg;
};

/* presence: a JSON object, with "host" and "pid", that stands in Redis as long as the station
 * lives, refreshed each second. LK_E_ARG: it is none, or the cluster or the id is no name. */
enum lk_err lki_spoke_open(struct lki_spoke **out, struct lki_loop *loop,
                           const struct lki_hub_settings *settings, const char *presence,
                           const struct lki_spoke_owner *owner);
/* Sends what is in hand and takes the presence away, if that takes no longer than some tenths of a
 * second. NULL is ignored. */
void lki_spoke_close(struct lki_spoke *spoke);
/* As lki_hub_forked. */
void lki_spoke_forked(struct lki_spoke *spoke);
bool lki_spoke_is_up(const struct lki_spoke *spoke);
/* As lki_hub_is_sound. */
bool lki_spoke_is_sound(const struct lki_spoke *spoke);
/* Random number of this station's process. */
uint64_t lki_spoke_session(const struct lki_spoke *spoke);
/* LK_E_NOMEM, LK_E_LIMIT: LKI_CHANNEL_LIMIT waits already; it is not sent. */
enum lk_err lki_spoke_send(struct lki_spoke *spoke, const void *bytes, size_t len);
/* What was sent and is not acknowledged takes so much of LKI_CHANNEL_LIMIT. */
size_t lki_spoke_queued_bytes(const struct lki_spoke *spoke);
/* A BEAT: carried now or never. All that is needed for being heard: one each second. */
void lki_spoke_beat(struct lki_spoke *spoke, const void *bytes, size_t len);
/* All that was sent has been acknowledged. */
bool lki_spoke_is_flushed(const struct lki_spoke *spoke);
/* When something was said that an orchestrator has heard, as far as it has told: its beats do so
 * each second. 0: never. */
int64_t lki_spoke_heard_ns(const struct lki_spoke *spoke);
/* As lki_hub_clock_ns. */
int64_t lki_spoke_clock_ns(const struct lki_spoke *spoke);

#endif
