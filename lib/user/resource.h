/*
 * Resource pools of this process: objects that one user at a time holds. An object is made when
 * nobody has given one back and there are not yet as many as there may be; else whoever wants one
 * waits, first come first served.
 */
#ifndef LKI_USER_RESOURCE_H
#define LKI_USER_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/values.h>

#include "model/model.h"

struct lki_resource;      /* one object, in a pool or held */
struct lki_resource_wait; /* somebody who waits for one */

struct lki_resource_pool {
    const struct lk_resource_def *def;
    struct lki_resource *free;   /* the one given back last first */
    struct lki_resource *vacant; /* ids whose factory failed: nobody's, and without an object */
    uint64_t count;              /* ids that were ever used: 1 .. count */
    struct lki_resource_wait *first_wait;
    struct lki_resource_wait *last_wait;
};

struct lki_resources {
    struct lki_resource_pool *pools;
    size_t count;
    uint64_t users; /* there may be as many objects of each, unless the author says how many */
};

enum lk_err lki_resources_init(struct lki_resources *resources, const struct lki_model *model);
/* All objects must have been given back. */
void lki_resources_release(struct lki_resources *resources);

/*
 * Takes an object of pool, of which there may be most, into the list held; makes a new one if need
 * be. In a task of vu; what goes wrong ends its step.
 */
lk_json *lki_resource_acquire(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                              struct lki_resource **held);

/* The same, but NULL instead of a wait for others. */
lk_json *lki_resource_try(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                          struct lki_resource **held);

/* Is there nobody else who could give one back? */
bool lki_resource_holds_all(const struct lki_resource_pool *pool, uint64_t most,
                            const struct lki_resource *held);

/* Gives object back; one that is not in held, or not of this pool, ends the step. */
void lki_resource_give(struct lki_resource_pool *pool, lk_vu *vu, const lk_json *object,
                       struct lki_resource **held);

/* Gives back everything in held. */
void lki_resource_give_all(struct lki_resource **held);

#endif
