/*
 * Resource pools of this process: objects that one user at a time holds. An object is made when
 * nobody has given one back.
 */
#ifndef LKI_USER_RESOURCE_H
#define LKI_USER_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/values.h>

#include "model/model.h"

struct lki_resource; /* one object, in a pool or held */

struct lki_resource_pool {
    const struct lk_resource_def *def;
    struct lki_resource *free;
    uint64_t made;
};

struct lki_resources {
    struct lki_resource_pool *pools;
    size_t count;
};

enum lk_err lki_resources_init(struct lki_resources *resources, const struct lki_model *model);
/* All objects must have been given back. */
void lki_resources_release(struct lki_resources *resources);

/* Takes an object of pool into the list held; makes a new one if need be. In a task of vu. */
lk_json *lki_resource_acquire(struct lki_resource_pool *pool, lk_vu *vu,
                              struct lki_resource **held);

/* False: object is not in held, or not of this pool. */
bool lki_resource_give(struct lki_resource_pool *pool, const lk_json *object,
                       struct lki_resource **held);

/* Gives back everything in held. */
void lki_resource_give_all(struct lki_resource **held);

#endif
