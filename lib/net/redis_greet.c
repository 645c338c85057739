#include "net/redis_greet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* XTRIM MINID came with it. */
#define MAJOR_MIN 6
#define MINOR_MIN 2
#define TOO_OLD "it is older than Redis 6.2, which is the first that will do"

enum lk_err lki_redis_greet_say(struct lki_redis_greet *greet,
                                const struct lki_redis_address *address,
                                struct lki_redis_queue *queue, lki_redis_fn *fn, void *arg,
                                int64_t now_ns)
{
    char db[12];
    const struct {
        enum lki_redis_step step;
        bool needed;
        const char *const *words;
    } all[] = {
        {LKI_REDIS_AUTH, address->user,
         (const char *const[]){"AUTH", address->user, address->password, NULL}},
        {LKI_REDIS_AUTH, address->password && !address->user,
         (const char *const[]){"AUTH", address->password, NULL}},
        {LKI_REDIS_SELECT, address->db, (const char *const[]){"SELECT", db, NULL}},
        {LKI_REDIS_HELLO, true, (const char *const[]){"HELLO", NULL}},
        {LKI_REDIS_PING, true, (const char *const[]){"PING", NULL}},
    };
    enum lk_err err = LK_OK;

    *greet = (struct lki_redis_greet){.address = address};
    snprintf(db, sizeof(db), "%u", address->db);
    for (size_t i = 0; !err && i < LKI_COUNT(all); i++) {
        if (!all[i].needed)
            continue;
        greet->steps[greet->count++] = all[i].step;
        err = lki_redis_queue_say(queue, all[i].words, fn, arg, now_ns);
    }
    return err;
}

/* The functions below return what is wrong, or NULL. */

static const char *check_version(const char *version)
{
    char *end;
    unsigned long major = strtoul(version, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

    return major < MAJOR_MIN || (major == MAJOR_MIN && minor < MINOR_MIN) ? TOO_OLD : NULL;
}

static const char *check_fact(const char *name, const char *value)
{
    if (!strcmp(name, "version"))
        return check_version(value);
    if (!strcmp(name, "role") && strcmp(value, "master") != 0)
        return "it is a replica of another Redis: connect to its master";
    if (!strcmp(name, "mode") && !strcmp(value, "cluster"))
        return "it is part of a Redis Cluster, which is not supported";
    if (!strcmp(name, "mode") && !strcmp(value, "sentinel"))
        return "it is a Sentinel: connect to the Redis that it watches";
    return NULL;
}

/* HELLO tells facts as a list: name, value, name, value. */
static const char *check_facts(const struct lki_redis_reply *reply)
{
    const char *wrong = reply->kind == LKI_REDIS_LIST ? NULL : LKI_REDIS_NONE;

    for (size_t i = 0; !wrong && i + 1 < reply->count; i += 2) {
        if (reply->items[i].kind == LKI_REDIS_TEXT && reply->items[i + 1].kind == LKI_REDIS_TEXT)
            wrong = check_fact(reply->items[i].text, reply->items[i + 1].text);
    }
    return wrong;
}

/* An error may repeat what it was sent, the password too: it is not shown. */
static const char *check_error(enum lki_redis_step step)
{
    switch (step) {
    case LKI_REDIS_AUTH:
        return "it does not take the password";
    case LKI_REDIS_SELECT:
        return "it has no database of this number: see databases there";
    case LKI_REDIS_HELLO:
        return TOO_OLD;
    case LKI_REDIS_PING:
        break;
    }
    return "it answers PING with an error";
}

static bool is_text(const struct lki_redis_reply *reply, const char *text)
{
    return reply->kind == LKI_REDIS_TEXT && !strcmp(reply->text, text);
}

bool lki_redis_greet_hear(struct lki_redis_greet *greet, const struct lki_redis_reply *reply,
                          enum lki_redis_trouble *trouble, struct lki_buf *why)
{
    enum lki_redis_step step = greet->steps[greet->heard++];
    const char *wrong = NULL;

    *trouble = LKI_REDIS_REFUSED;
    if (reply->kind == LKI_REDIS_ERROR)
        wrong = check_error(step);
    else if (step == LKI_REDIS_HELLO)
        wrong = check_facts(reply);
    else if (!is_text(reply, step == LKI_REDIS_PING ? "PONG" : "OK"))
        wrong = LKI_REDIS_NONE;
    if (wrong)
        lki_buf_str(why, wrong);
    return !wrong;
}
