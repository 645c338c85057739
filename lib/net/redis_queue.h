/*
 * Commands on their way to Redis, and who waits for the replies.
 */
#ifndef LKI_NET_REDIS_QUEUE_H
#define LKI_NET_REDIS_QUEUE_H

#include "net/redis.h"

struct lki_redis_asked {
    struct lki_redis_asked *next;
    lki_redis_fn *fn;
    void *arg;
    int64_t since_ns;
};

struct lki_redis_queue {
    struct lki_buf bytes; /* to be sent, from written on */
    size_t written;
    struct lki_redis_asked *first, **last;
};

void lki_redis_queue_init(struct lki_redis_queue *queue);

/* LK_E_NOMEM, LK_E_LIMIT: nothing changed. */
enum lk_err lki_redis_queue_put(struct lki_redis_queue *queue, size_t argc, const char *const *argv,
                                const size_t *lens, lki_redis_fn *fn, void *arg, int64_t now_ns);
/* The same, of terminated words up to a NULL. */
enum lk_err lki_redis_queue_say(struct lki_redis_queue *queue, const char *const *words,
                                lki_redis_fn *fn, void *arg, int64_t now_ns);

/* Sends what the kernel takes. False: the peer is gone. */
bool lki_redis_queue_send(struct lki_redis_queue *queue, int fd);
static inline bool lki_redis_queue_sent(const struct lki_redis_queue *queue)
{
    return !queue->bytes.len;
}

/* A reply has come for the first of those who wait, of which there must be one. */
void lki_redis_queue_answer(struct lki_redis_queue *queue, const struct lki_redis_reply *reply);

/* Empties it. Returns those who waited, for lki_redis_queue_tell_lost. */
struct lki_redis_asked *lki_redis_queue_drop(struct lki_redis_queue *queue);
void lki_redis_queue_tell_lost(struct lki_redis_asked *asked);

#endif
