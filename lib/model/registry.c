#include "model/registry.h"

#include <stdatomic.h>

#include "base/mem.h"

/*
 * The newest comes first: adding costs the same however many there are, and so does taking out at
 * the end of the program, where the one that came last goes first. The oldest is the one that leads
 * to no other.
 */
static struct lk_def *first;
static struct lk_def *oldest;
static atomic_bool held;

/* What leads to def, or NULL when it is not registered. */
static struct lk_def **link_find(const struct lk_def *def)
{
    for (struct lk_def **at = &first; *at; at = &(*at)->next_) {
        if (*at == def)
            return at;
    }
    return NULL;
}

void lk_register(struct lk_def *def)
{
    /* a descriptor that leads somewhere may be one whose memory was never zeroed */
    if (def == oldest || (def->next_ && link_find(def)))
        return;
    def->next_ = first;
    first = def;
    if (!oldest)
        oldest = def;
}

void lk_unregister(struct lk_def *def)
{
    struct lk_def **at = link_find(def);

    if (!at)
        return;
    *at = def->next_;
    if (def == oldest)
        oldest = at == &first ? NULL : LKI_CONTAINER(at, struct lk_def, next_);
    def->next_ = NULL;
}

const struct lk_def *lki_registry_first(void)
{
    return first;
}

bool lki_registry_hold(void)
{
    return !atomic_exchange(&held, true);
}

void lki_registry_let_go(void)
{
    atomic_store(&held, false);
}
