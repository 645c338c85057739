/*
 * Resource pools of this process: objects that one user at a time holds. An object is made when
 * nobody has given one back and there are not yet as many as there may be; else whoever wants one
 * waits, first come first served.
 *
 * With a lender the pools have only those ids that were leased to them: see lease.h.
 */
#ifndef LKI_USER_RESOURCE_H
#define LKI_USER_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/values.h>

#include "base/map.h"
#include "model/model.h"

struct lki_resource_wait; /* somebody who waits for one */
struct lki_resources;

/* One object, in a pool or held. */
struct lki_resource {
    struct lki_resource *next;     /* in a list of the pool, or in what the user holds */
    struct lki_resource *next_all; /* of the pool */
    struct lki_resource *next_made;
    struct lki_resource_pool *pool;
    uint64_t number;
    lk_json *object; /* NULL: the factory has not succeeded yet */
    bool held;
    bool ours; /* leased; false: it has gone back */
};

/* Ids that nobody has used: first .. first + count - 1. */
struct lki_fresh {
    uint64_t first;
    uint64_t count;
};

struct lki_resource_pool {
    const struct lk_resource_def *def;
    struct lki_resource *free;   /* the one given back last first */
    struct lki_resource *vacant; /* ids whose factory failed: nobody's, and without an object */
    struct lki_resource *all;    /* that were ever used */
    uint64_t count;              /* of them; without a lender ids 1 .. count */
    struct lki_resource_wait *first_wait;
    struct lki_resource_wait *last_wait;
    uint64_t waiting;

    /* with a lender */
    struct lki_resources *resources;
    struct lki_map by_number;
    struct lki_fresh *fresh; /* the first one is used first */
    size_t fresh_count;
    size_t fresh_cap;
    uint64_t fresh_seen;       /* the last id that came as a fresh one */
    struct lki_resource *made; /* the lender has not been told of their objects */
    struct lki_resource *back; /* it has not been told that they are no more ours */
    uint64_t want_told;        /* how many wait, as the lender knows; LKI_WANT_UNKNOWN */
    bool recalled;             /* what is given back goes to the lender */
};

/* How many the lender takes to wait: it counts those as served that it has sent something to. */
#define LKI_WANT_UNKNOWN UINT64_MAX

/* Who has all ids. */
struct lki_lender {
    /* There is something to tell, some time soon: see lease.h. */
    void (*on_news)(struct lki_lender *lender);
};

struct lki_resources {
    struct lki_resource_pool *pools;
    size_t count;
    uint64_t users; /* there may be as many objects of each, unless the author says how many */
    struct lki_lender *lender; /* NULL: all ids are ours */
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

/* The same, but NULL instead of a wait for others: a lender is given a moment to answer. */
lk_json *lki_resource_try(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                          struct lki_resource **held);

/* Is there nobody else who could give one back? */
bool lki_resource_holds_all(const struct lki_resource_pool *pool, uint64_t most,
                            const struct lki_resource *held);

/* An id that nobody has used yet; NULL: no memory. */
struct lki_resource *lki_resource_new(struct lki_resource_pool *pool, uint64_t number);

/* Hands it to who has waited longest. False: nobody waits. */
bool lki_resource_hand(struct lki_resource *resource);

/* It is nobody's for now. */
void lki_resource_put(struct lki_resource *resource);

/* Gives object back; one that is not in held, or not of this pool, ends the step. */
void lki_resource_give(struct lki_resource_pool *pool, lk_vu *vu, const lk_json *object,
                       struct lki_resource **held);

/* Gives back everything in held. */
void lki_resource_give_all(struct lki_resource **held);

#endif
