#include "net/redis_reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

#include "base/mem.h"
#include "base/text.h"

/* What a reply may need: a bulk of 512 MB is the largest that Redis has. */
#define REPLY_MAX_BYTES ((size_t)640 * 1024 * 1024)
#define SHOWN_MAX_BYTES 160

/* ---- making replies ---- */

/* Where the reply of a task is to be: in the list that it is part of, or by itself. */
static struct lki_redis_reply *place(const redisReadTask *task)
{
    struct lki_redis_reader *reader = task->privdata;
    struct lki_redis_reply *made;

    if (task->parent) {
        const struct lki_redis_reply *list = task->parent->obj;

        made = (struct lki_redis_reply *)&list->items[task->idx];
    } else {
        made = lki_arena_alloc(&reader->arena, sizeof(*made));
    }
    if (made)
        *made = (struct lki_redis_reply){.kind = LKI_REDIS_NIL, .text = ""};
    return made;
}

static void *make_text(const redisReadTask *task, char *text, size_t len)
{
    struct lki_redis_reader *reader = task->privdata;
    struct lki_redis_reply *made = place(task);

    if (!made)
        return NULL;
    made->kind = task->type == REDIS_REPLY_ERROR ? LKI_REDIS_ERROR : LKI_REDIS_TEXT;
    made->text = lki_arena_copy(&reader->arena, text, len);
    made->len = len;
    return made->text ? made : NULL;
}

static void *make_list(const redisReadTask *task, int count)
{
    struct lki_redis_reader *reader = task->privdata;
    struct lki_redis_reply *made = place(task);

    reader->absurd = (size_t)count > REPLY_MAX_BYTES / sizeof(*made);
    if (!made || reader->absurd)
        return NULL;
    made->kind = LKI_REDIS_LIST;
    made->count = (size_t)count;
    made->items = lki_arena_alloc(&reader->arena, made->count * sizeof(*made));
    return made->items ? made : NULL;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    struct lki_redis_reply *made = place(task);

    if (!made)
        return NULL;
    made->kind = LKI_REDIS_INTEGER;
    made->integer = value;
    return made;
}

static void *make_nil(const redisReadTask *task)
{
    return place(task);
}

/* All goes with the arena. */
static void free_nothing(void *reply)
{
    (void)reply;
}

/* ---- the reader ---- */

enum lk_err lki_redis_reader_open(struct lki_redis_reader *reader)
{
    static redisReplyObjectFunctions functions = {make_text, make_list, make_integer, make_nil,
                                                  free_nothing};

    lki_redis_reader_release(reader);
    reader->absurd = false;
    lki_arena_init(&reader->arena, NULL, REPLY_MAX_BYTES);
    reader->reader = redisReaderCreateWithFunctions(&functions);
    if (!reader->reader)
        return LK_E_NOMEM;
    reader->reader->privdata = reader;
    return LK_OK;
}

void lki_redis_reader_release(struct lki_redis_reader *reader)
{
    if (reader->reader)
        redisReaderFree(reader->reader);
    reader->reader = NULL;
    lki_arena_reset(&reader->arena);
}

void lki_redis_reader_feed(struct lki_redis_reader *reader, const char *bytes, size_t len)
{
    redisReaderFeed(reader->reader, bytes, len);
}

const struct lki_redis_reply *lki_redis_reader_take(struct lki_redis_reader *reader)
{
    void *reply = NULL;

    if (redisReaderGetReply(reader->reader, &reply) != REDIS_OK)
        return NULL;
    return reply;
}

void lki_redis_reader_next(struct lki_redis_reader *reader)
{
    lki_arena_reset(&reader->arena);
}

enum lk_err lki_redis_reader_failure(const struct lki_redis_reader *reader)
{
    if (!reader->reader->err)
        return LK_OK;
    return reader->reader->err == REDIS_ERR_OOM && !reader->absurd ? LK_E_NOMEM : LK_E_FORMAT;
}

/* ---- errors ---- */

static const struct {
    const char *begins;
    enum lki_redis_trouble trouble;
    const char *why; /* NULL: what it says itself */
} fatal[] = {
    {"NOAUTH", LKI_REDIS_REFUSED,
     "it wants a password: the URL with one is redis://:PASSWORD@HOST or unix://:PASSWORD@/PATH, "
     "or with a user redis://USER:PASSWORD@HOST"},
    {"WRONGPASS", LKI_REDIS_REFUSED, "the password is wrong"},
    {"ERR invalid password", LKI_REDIS_REFUSED, "the password is wrong"},
    {"ERR AUTH", LKI_REDIS_REFUSED,
     "it has no password, but the URL has one: leave it out, or set requirepass there"},
    {"ERR Client sent AUTH", LKI_REDIS_REFUSED,
     "it has no password, but the URL has one: leave it out, or set requirepass there"},
    {"NOPERM", LKI_REDIS_REFUSED, NULL},
    {"DENIED", LKI_REDIS_REFUSED,
     "it is in protected mode, and answers to its own machine only: give it a password "
     "(requirepass)"},
    {"READONLY", LKI_REDIS_REFUSED, "it is a read-only replica: connect to its master"},
    {"MOVED", LKI_REDIS_REFUSED, "it is part of a Redis Cluster, which is not supported"},
    {"CLUSTERDOWN", LKI_REDIS_REFUSED, "it is part of a Redis Cluster, which is not supported"},
    {"CROSSSLOT", LKI_REDIS_REFUSED, "it is part of a Redis Cluster, which is not supported"},
    {"LOADING", LKI_REDIS_AWAY, "it is still loading its data"},
    {"MASTERDOWN", LKI_REDIS_AWAY, NULL},
    {"BUSY ", LKI_REDIS_AWAY, "it is busy running a script"},
    {"OOM ", LKI_REDIS_FAILS, "its memory is full: see maxmemory there"},
    {"MISCONF", LKI_REDIS_FAILS,
     "it takes no writes, since it cannot save its data to disk: see its log"},
    {"NOREPLICAS", LKI_REDIS_FAILS, NULL},
    {"ERR max number of clients", LKI_REDIS_AWAY, "it takes no more clients: see maxclients there"},
};

static bool begins(const struct lki_redis_reply *reply, const char *with)
{
    return !strncmp(reply->text, with, strlen(with));
}

static void say_itself(const struct lki_redis_reply *reply, struct lki_buf *why)
{
    char shown[SHOWN_MAX_BYTES + 1];

    lki_text_shown(shown, sizeof(shown), reply->text);
    lki_buf_printf(why, "it says: %s", shown);
}

bool lki_redis_is_fatal(const struct lki_redis_reply *reply,
                        const struct lki_redis_address *address, enum lki_redis_trouble *trouble,
                        struct lki_buf *why)
{
    size_t i = 0;

    if (reply->kind != LKI_REDIS_ERROR)
        return false;
    while (i < LKI_COUNT(fatal) && !begins(reply, fatal[i].begins))
        i++;
    if (i == LKI_COUNT(fatal))
        return false;
    *trouble = fatal[i].trouble;
    if (!fatal[i].why)
        say_itself(reply, why);
    else
        lki_buf_str(why, fatal[i].why);
    if (begins(reply, "WRONGPASS") && address->user)
        lki_buf_str(why, ", or there is no such user");
    if (begins(reply, "NOPERM"))
        lki_buf_str(why, "; what the user needs is in loadkit-redis(7)");
    return true;
}
