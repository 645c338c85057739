/*
 * What carries bytes between an orchestrator and its stations: streams in Redis. A process reads
 * one of them, on a connection of its own since it waits there, and adds to others. What it has
 * read it takes out of its stream.
 */
#ifndef LKI_BUS_CARRIER_H
#define LKI_BUS_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/envelope.h"
#include "loop/loop.h"
#include "net/redis.h"

/* "lk:", the name of the cluster, ":", a word, ":", the id of a station. */
#define LKI_KEY_MAX (2 * LKI_NAME_MAX + 32)
#define LKI_CARRIER_SAMPLES 5

struct lki_carrier;

/* A stream that is added to, or read. */
struct lki_stream {
    struct lki_carrier *carrier;
    char key[LKI_KEY_MAX];
    unsigned pending;    /* commands on it that were not answered: it must not go away */
    uint64_t made;       /* the connection in which we have made it, or found it there */
    uint64_t connection; /* the one in which its expiry was set last, after that; 0: in none */
    int64_t expiry_ns;   /* when */
    int64_t gone_ns;     /* when it was found to be gone; 0: it is there, as far as we know */
    bool kept_by_reader; /* adding to it is no reason for it to stay */
};

struct lki_carrier_owner {
    /* Commands can be said, and the clock is known. */
    void (*on_ready)(struct lki_carrier *carrier, void *arg);
    /* As lki_redis_owner's. */
    void (*on_down)(struct lki_carrier *carrier, enum lki_redis_trouble trouble, const char *why,
                    void *arg);
    /* Bytes that somebody has added to our stream. May close the carrier. */
    void (*on_bytes)(struct lki_carrier *carrier, const void *bytes, size_t len, void *arg);
    void *arg;
};

struct lki_carrier {
    struct lki_loop *loop;
    const struct lki_redis_address *address;
    struct lki_carrier_owner owner;
    char cluster[LKI_NAME_MAX + 1];
    struct lki_stream in;   /* is read */
    struct lki_redis *say;  /* NULL: closed */
    struct lki_redis *read; /* NULL: nothing is read */
    bool ready;
    bool doubted; /* a command failed, and since then not all have succeeded for long enough */
    uint64_t connections;
    /* the clock */
    unsigned samples;
    int64_t asked_ns;
    int64_t best_trip_ns;
    int64_t clock_ns; /* Redis TIME less ours */
    /* reading */
    int64_t read_asked_ns;
    int64_t read_until_ns; /* all that was added before has been told */
};

/* cluster: a name. in: the word behind it of the key that is read; name: what follows that, or
 * NULL. address is borrowed. LK_E_NOMEM: there is nothing to close. */
enum lk_err lki_carrier_open(struct lki_carrier *carrier, struct lki_loop *loop,
                             const struct lki_redis_address *address, const char *cluster,
                             const char *in, const char *name,
                             const struct lki_carrier_owner *owner);
/* No more calls. May be called by all that is called from here; the memory must stay until the end
 * of the turn. */
void lki_carrier_close(struct lki_carrier *carrier);
void lki_carrier_forked(struct lki_carrier *carrier);

/* From on_ready on, until on_down: begins to read. */
void lki_carrier_listen(struct lki_carrier *carrier);

/* "lk:NAME:word", or with name "lk:NAME:word:name". */
void lki_carrier_key(const struct lki_carrier *carrier, char key[LKI_KEY_MAX], const char *word,
                     const char *name);
void lki_stream_init(struct lki_stream *stream, struct lki_carrier *carrier, const char *word,
                     const char *name);
/* Adds bytes to it, as well as it goes: when it is found to be gone they are lost, and the next
 * ones make it anew. The stream must live as long as the carrier is not closed. */
void lki_stream_add(struct lki_stream *stream, const void *bytes, size_t len);

/* Takes a reply to a command on key, of which nothing but success is expected: an error ends the
 * connection, with the reason. True: it was an error, or there is no reply. */
bool lki_carrier_failed(struct lki_carrier *carrier, const struct lki_redis_reply *reply,
                        const char *key);

#endif
