/*
 * A connection to Redis on a loop, which comes back by itself when it is lost. Plain replies; no
 * type of the library below is seen.
 */
#ifndef LKI_NET_REDIS_H
#define LKI_NET_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "loop/loop.h"

/* Where it is when nobody says. */
#define LKI_REDIS_URL "redis://127.0.0.1:6379"

/* redis://[[user]:password@]host[:port][/db], or unix://[[user]:password@]/path[?db=N]; in user,
 * password and path a byte may be written as %XX. Texts are owned. */
struct lki_redis_address {
    char *host; /* a name, or an address in digits without brackets; NULL: */
    char *path; /* a unix socket */
    uint16_t port;
    char *user;     /* NULL: the default one */
    char *password; /* NULL: none */
    unsigned db;
};

/* On failure why says what is wrong with it and what to do, without its password. */
enum lk_err lki_redis_address_parse(struct lki_redis_address *out, const char *url,
                                    struct lki_buf *why);
void lki_redis_address_release(struct lki_redis_address *address);
/* As people are told of it, "127.0.0.1:6379/2": without user and password. */
void lki_redis_address_show(const struct lki_redis_address *address, struct lki_buf *out);

/* ---- replies ---- */

enum lki_redis_kind {
    LKI_REDIS_NIL,
    LKI_REDIS_TEXT, /* or a status */
    LKI_REDIS_INTEGER,
    LKI_REDIS_LIST,
    LKI_REDIS_ERROR /* text says which */
};

/* Borrowed during the call. */
struct lki_redis_reply {
    enum lki_redis_kind kind;
    const char *text; /* terminated; may contain zeros */
    size_t len;
    int64_t integer;
    const struct lki_redis_reply *items;
    size_t count;
};

/* reply NULL: the connection was lost, or closed, before it came. */
typedef void lki_redis_fn(const struct lki_redis_reply *reply, void *arg);

/* ---- the connection ---- */

enum lki_redis_trouble {
    LKI_REDIS_AWAY,   /* nobody answers, or the connection was lost: it is tried again */
    LKI_REDIS_FAILS,  /* it answers, and cannot do what it is asked for: likewise */
    LKI_REDIS_REFUSED /* password, user or database are not taken, or it is no Redis: the same,
                         but trying again helps only when somebody changes something */
};

struct lki_redis;

/* Called from the loop. */
struct lki_redis_owner {
    void (*on_up)(struct lki_redis *redis, void *arg);
    /* Once when it was up, and once for each vain try. why: one line without secrets, which says
     * where, what, and if it helps what to do. */
    void (*on_down)(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why,
                    void *arg);
    void *arg;
};

/* address is borrowed as long as the connection lives. Tries begin at once: after 100 ms again,
 * then after twice as long each time, up to 2 s. A peer that does not answer for 3 s is gone. */
enum lk_err lki_redis_open(struct lki_redis **out, struct lki_loop *loop,
                           const struct lki_redis_address *address,
                           const struct lki_redis_owner *owner);
/* What was sent is carried out, if a tenth of a second is enough for that; those who wait for
 * replies are told that there will be none. May be called by all that is called from here. NULL is
 * ignored. */
void lki_redis_close(struct lki_redis *redis);

/* In a child after fork, when lki_loop_forked has been called: closes its copy of the descriptor;
 * the rest is left. */
void lki_redis_forked(struct lki_redis *redis);

/* Something that it answered makes it useless: the connection is given up, on_down is called with
 * that reason, which is put behind the address, and it is tried again. */
void lki_redis_drop(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why);

bool lki_redis_is_up(const struct lki_redis *redis);

/* What may wait to be sent: at least any one message of a link. */
#define LKI_REDIS_QUEUE_MAX ((size_t)320 * 1024 * 1024)

/* Sends a command, at the end of the turn; fn may be NULL. LK_E_STATE: it is not up; LK_E_NOMEM,
 * LK_E_LIMIT: too much waits already; fn is not called then. */
enum lk_err lki_redis_send(struct lki_redis *redis, size_t argc, const char *const *argv,
                           const size_t *lens, lki_redis_fn *fn, void *arg);
/* The same, of terminated words: a list up to a NULL, or as arguments. */
enum lk_err lki_redis_say_words(struct lki_redis *redis, lki_redis_fn *fn, void *arg,
                                const char *const *words);
#define lki_redis_say(redis, fn, arg, ...)                                                         \
    lki_redis_say_words((redis), (fn), (arg), (const char *const[]){__VA_ARGS__, NULL})

#endif
