/*
 * One end of a conversation that outlasts what carries it: messages arrive in their order, each
 * once, whatever the carrier loses, repeats or forgets. What was not acknowledged is carried again.
 *
 * Each direction has a stream of numbers, from 1. A stream belongs to a session, a random number:
 * another one is another stream, from its beginning. What is meant for another session than this
 * end's is not told, but answered, so that the peer learns with whom it talks.
 */
#ifndef LKI_BUS_CHANNEL_H
#define LKI_BUS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "loop/loop.h"

/* What it has in hand for a peer that does not answer. */
#define LKI_CHANNEL_LIMIT ((size_t)256 * 1024 * 1024)
/* Of these only so much is on its way before the peer has told that it came; one message may be
 * longer. */
#define LKI_CHANNEL_WINDOW_BYTES ((size_t)1024 * 1024)
#define LKI_CHANNEL_WINDOW 1024

struct lki_channel;

/* Called from the loop. */
struct lki_channel_owner {
    /* An envelope to be carried, as well as it goes. May call lki_channel_up(channel, false), and
     * nothing else of the channel. */
    void (*carry)(struct lki_channel *channel, const void *bytes, size_t len, void *arg);
    /* May not release the channel. Numbers rise by one each time; but for the first one after
     * lki_channel_init and lki_channel_restart, when a peer before us has acknowledged more. */
    void (*on_message)(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg);
    void *arg;
};

struct lki_queued;

struct lki_channel {
    struct lki_loop *loop;
    struct lki_channel_owner owner;
    uint64_t session;                /* of what we send */
    uint64_t peer_session;           /* of what comes; 0: any, the first one that comes */
    struct lki_queued *first, *last; /* not acknowledged */
    struct lki_queued *untaken;      /* of those, the first one of which the peer has not heard */
    struct lki_queued *next;         /* the first one to be carried; NULL: none */
    size_t queued_bytes;
    size_t way_bytes; /* carried and not taken */
    uint64_t sent;    /* number of the last one */
    uint64_t carried; /* of the last one since we began anew */
    uint64_t taken;   /* heard by the peer */
    uint64_t acked;   /* by the peer: it is safe there */
    uint64_t heard;   /* number of the last one that came */
    uint64_t done;    /* of those: is safe here */
    uint64_t window;  /* so many may be on their way */
    bool holds;       /* only lki_channel_done acknowledges */
    bool up;          /* there is a carrier */
    bool lacks;       /* something has come of which the one before has not */
    struct lki_timer again;
    struct lki_timer tell;
};

/* holds: what came is not acknowledged before lki_channel_done says so. LK_E_NOMEM. */
enum lk_err lki_channel_init(struct lki_channel *channel, struct lki_loop *loop, uint64_t session,
                             bool holds, const struct lki_channel_owner *owner);
/* A zeroed one may be released too. */
void lki_channel_release(struct lki_channel *channel);

/* Takes a copy. LK_E_NOMEM, LK_E_LIMIT: it is not sent, since too much waits already. */
enum lk_err lki_channel_send(struct lki_channel *channel, const void *bytes, size_t len);

/* An envelope has come. One of another session than peer_session is ignored. LK_E_FORMAT: it is
 * none, and nothing was done. */
enum lk_err lki_channel_hear(struct lki_channel *channel, const void *bytes, size_t len);

/* The session of whoever sent this envelope; 0: it is none. */
uint64_t lki_channel_session_of(const void *bytes, size_t len);

/* There is a carrier (again): what the peer has not heard is carried. Or there is none. */
void lki_channel_up(struct lki_channel *channel, bool up);

/* What has come up to that number is safe. */
void lki_channel_done(struct lki_channel *channel, uint64_t number);

/* All that was sent is safe with the peer. */
static inline bool lki_channel_is_flushed(const struct lki_channel *channel)
{
    return !channel->first;
}

/* The peer is another one from now on, whose number after + 1 comes next; what came before is safe,
 * if it is not the same one as before. What we sent, and was not acknowledged, is sent to it if
 * keep is set, else forgotten. Our numbers go on if session is the same as before; in another one
 * they begin anew, also those of what is kept. */
void lki_channel_restart(struct lki_channel *channel, uint64_t session, uint64_t peer_session,
                         uint64_t after, bool keep);

#endif
