/*
 * Two ends in one loop. What one sends lies in the queue of the other until the next turn hands it
 * on, so nobody is called from within what he does. A timer does that, as no posted call waits for
 * those of a thousand users.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bus/end.h"
#include "bus/link.h"

/* Messages handed on in one turn: others want to have theirs. */
#define MESSAGES_A_TURN 1000

struct message {
    struct message *next;
    size_t len;
    char bytes[];
};

struct pair {
    struct lki_end end;
    struct pair *other;            /* NULL: gone */
    struct message *first, **last; /* sent to this end */
    size_t count;
};

static struct pair *pair_of(struct lki_link *link)
{
    return LKI_CONTAINER(link, struct pair, end.link);
}

static void pair_free(struct pair *pair)
{
    while (pair->first) {
        struct message *message = pair->first;

        pair->first = message->next;
        free(message);
    }
    lki_end_release(&pair->end);
    free(pair);
}

static struct message *take(struct pair *pair)
{
    struct message *message = pair->first;

    pair->first = message->next;
    if (!pair->first)
        pair->last = &pair->first;
    pair->count--;
    return message;
}

static void look_soon(struct pair *pair)
{
    lki_timer_set(&pair->end.loop->timers, &pair->end.look, lki_loop_now(pair->end.loop));
}

/* What is sent meanwhile waits for the next turn. */
static void on_look(struct lki_timer *look)
{
    struct pair *pair = LKI_CONTAINER(look, struct pair, end.look);
    bool open = true;

    for (size_t left = lki_min(pair->count, MESSAGES_A_TURN); open && left; left--) {
        struct message *message;

        if (!lki_end_listens(&pair->end))
            return;
        message = take(pair);
        open = lki_end_tell(&pair->end, message->bytes, message->len);
        free(message);
    }
    if (open && !pair->count && !pair->other)
        open = !lki_end_listens(&pair->end) || lki_end_tell_gone(&pair->end);
    if (!open)
        pair_free(pair);
    else if (pair->count)
        look_soon(pair);
}

static enum lk_err pair_send(struct lki_link *link, const void *bytes, size_t len)
{
    struct pair *to = pair_of(link)->other;
    enum lk_err err = lki_end_check(len);
    struct message *message;

    if (err || !to)
        return err;
    message = malloc(sizeof(*message) + len);
    if (!message)
        return LK_E_NOMEM;
    message->next = NULL;
    message->len = len;
    memcpy(message->bytes, bytes, len);
    *to->last = message;
    to->last = &message->next;
    to->count++;
    look_soon(to);
    return LK_OK;
}

static void pair_close(struct lki_link *link)
{
    struct pair *pair = pair_of(link);

    if (pair->end.closed)
        return;
    pair->end.closed = true;
    if (pair->other) {
        pair->other->other = NULL;
        look_soon(pair->other);
        pair->other = NULL;
    }
    if (!pair->end.telling)
        pair_free(pair);
}

static const struct lki_link_ops ops = {pair_send, pair_close};

static struct pair *pair_new(struct lki_loop *loop)
{
    struct pair *pair = lki_zalloc(sizeof(*pair));

    if (pair && lki_end_init(&pair->end, loop, &ops, on_look)) {
        free(pair);
        pair = NULL;
    }
    if (pair)
        pair->last = &pair->first;
    return pair;
}

enum lk_err lki_pair_link_open(struct lki_link **a, struct lki_link **b, struct lki_loop *loop)
{
    struct pair *left = pair_new(loop);
    struct pair *right = left ? pair_new(loop) : NULL;

    if (!right) {
        if (left)
            pair_free(left);
        return LK_E_NOMEM;
    }
    left->other = right;
    right->other = left;
    *a = &left->end.link;
    *b = &right->end.link;
    return LK_OK;
}
