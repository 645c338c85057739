/*
 * What is said first on a connection to Redis: who we are, which database, and is this a Redis that
 * serves.
 */
#ifndef LKI_NET_REDIS_GREET_H
#define LKI_NET_REDIS_GREET_H

#include "net/redis_queue.h"

enum lki_redis_step { LKI_REDIS_AUTH, LKI_REDIS_SELECT, LKI_REDIS_HELLO, LKI_REDIS_PING };

struct lki_redis_greet {
    const struct lki_redis_address *address;
    enum lki_redis_step steps[4];
    size_t count;
    size_t heard; /* replies */
};

/* Puts all commands of it into queue; fn is to hand each reply to lki_redis_greet_hear. */
enum lk_err lki_redis_greet_say(struct lki_redis_greet *greet,
                                const struct lki_redis_address *address,
                                struct lki_redis_queue *queue, lki_redis_fn *fn, void *arg,
                                int64_t now_ns);

/* False: it will not do; why is appended to. */
bool lki_redis_greet_hear(struct lki_redis_greet *greet, const struct lki_redis_reply *reply,
                          enum lki_redis_trouble *trouble, struct lki_buf *why);

static inline bool lki_redis_greet_done(const struct lki_redis_greet *greet)
{
    return greet->heard == greet->count;
}

#define LKI_REDIS_NONE "what answers there is not Redis"

#endif
