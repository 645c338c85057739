/*
 * What all kinds of link have in common: telling the owner, who may close the link meanwhile, and
 * waiting for one to be set.
 */
#ifndef LKI_BUS_END_H
#define LKI_BUS_END_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/err.h>

#include "bus/link.h"
#include "loop/loop.h"

struct lki_end {
    struct lki_link link;
    struct lki_loop *loop;
    struct lki_timer look; /* again, whether somebody listens by now */
    bool telling;          /* the owner is being called: what he closes is freed afterwards */
    bool closed;
    bool told_gone;
};

/* on_look is called some time after lki_end_listens has said no. LK_E_NOMEM. */
enum lk_err lki_end_init(struct lki_end *end, struct lki_loop *loop, const struct lki_link_ops *ops,
                         void (*on_look)(struct lki_timer *look));
void lki_end_release(struct lki_end *end);

bool lki_end_listens(struct lki_end *end);

/* Both return false when the owner has closed the link: then it is to be freed, or, when it told
 * something already, whoever does that frees it. */
bool lki_end_tell(struct lki_end *end, const void *bytes, size_t len);
bool lki_end_tell_gone(struct lki_end *end); /* only once */

/* LK_OK: a link can carry so many bytes. */
static inline enum lk_err lki_end_check(size_t len)
{
    if (len > LKI_MESSAGE_MAX)
        return LK_E_LIMIT;
    return len ? LK_OK : LK_E_ARG;
}

#endif
