/*
 * Objects of a resource made ahead, for others: its factory is called for one id after the other,
 * by the hidden user, for some of them at once where it waits.
 */
#ifndef LKI_USER_FACTORY_H
#define LKI_USER_FACTORY_H

#include <stddef.h>
#include <stdint.h>

#include "user/user.h"

/* So many are made at once. */
#define LKI_FACTORY_TASKS 16

struct lki_factory;

struct lki_factory_order {
    size_t resource;
    uint64_t first; /* ids first .. first + count - 1 */
    uint64_t count;
    uint64_t seed;
};

struct lki_factory_owner {
    /* In a task or from the loop: the object of an id, as JSON, in whatever order they are ready;
     * NULL: there is none, and message says why. */
    void (*on_made)(void *arg, uint64_t id, const char *text, const char *message);
    void *arg;
};

/* The longest that so many may take. */
int64_t lki_factory_limit_ns(uint64_t count);

/* Begins at the end of the turn. */
enum lk_err lki_factory_new(struct lki_factory **out, struct lki_crowd *crowd,
                            const struct lki_factory_order *order,
                            const struct lki_factory_owner *owner);
/* One that a helper thread still works for is left to it. NULL is ignored. */
void lki_factory_free(struct lki_factory *factory);

#endif
