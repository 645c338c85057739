/*
 * Bytes from Redis made into replies, by the reader of hiredis, which makes ours at once instead of
 * its own. Also: which errors say that a connection is of no use.
 */
#ifndef LKI_NET_REDIS_REPLY_H
#define LKI_NET_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "net/redis.h"

struct redisReader;

/* Zeroed it holds nothing. */
struct lki_redis_reader {
    struct redisReader *reader;
    struct lki_arena arena; /* of the reply in hand, whole or not */
    bool absurd;            /* it claims to be larger than any */
};

/* LK_E_NOMEM. Also one that was open before: it begins anew. */
enum lk_err lki_redis_reader_open(struct lki_redis_reader *reader);
void lki_redis_reader_release(struct lki_redis_reader *reader);

void lki_redis_reader_feed(struct lki_redis_reader *reader, const char *bytes, size_t len);

/* The next whole reply, which lives until lki_redis_reader_next, NULL: there is none yet, or, when
 * lki_redis_reader_failure tells so, there will be none. */
const struct lki_redis_reply *lki_redis_reader_take(struct lki_redis_reader *reader);
void lki_redis_reader_next(struct lki_redis_reader *reader);
/* LK_E_FORMAT: this is no reply; LK_E_NOMEM. */
enum lk_err lki_redis_reader_failure(const struct lki_redis_reader *reader);

/* What an error says of the connection as a whole: false, nothing. why is appended to. */
bool lki_redis_is_fatal(const struct lki_redis_reply *reply,
                        const struct lki_redis_address *address, enum lki_redis_trouble *trouble,
                        struct lki_buf *why);

#endif
