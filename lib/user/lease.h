/*
 * A resource pool of which only some ids are its own: what comes from the lender, and what it is to
 * be told.
 */
#ifndef LKI_USER_LEASE_H
#define LKI_USER_LEASE_H

#include "bus/message.h"
#include "user/resource.h"

/* Ids that are ours from now on. What is ours already is left alone. LK_E_NOMEM: not all are. */
enum lk_err lki_lease_take(struct lki_resource_pool *pool, const struct lki_order_objects *objects);

/* on: what is free goes back, and from now on what users give back. */
void lki_lease_recall(struct lki_resource_pool *pool, bool on);

/*
 * What is to be told: objects that were made, or ids that are no more ours. Fills in some of them,
 * at most max, whose texts live until they are said to have been told.
 */
size_t lki_lease_list_made(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max);
/* All that are ours, those that nobody has used yet too, in parts: *at is 0 for the first one, and
 * is moved on. */
size_t lki_lease_list_held(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max, size_t *at);
void lki_lease_told_made(struct lki_resource_pool *pool, size_t count);
size_t lki_lease_list_back(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max);
void lki_lease_told_back(struct lki_resource_pool *pool, size_t count);

/* ---- for the pool ---- */

/* Something has changed. Without a lender nothing happens, as with the two below. */
void lki_lease_news(struct lki_resource_pool *pool);
void lki_lease_made(struct lki_resource *resource);
/* An id goes back, with its object. */
void lki_lease_return(struct lki_resource *resource);

/* The next fresh id, of which there is one. NULL: no memory. */
struct lki_resource *lki_lease_use(struct lki_resource_pool *pool);
void lki_lease_release(struct lki_resource_pool *pool);

#endif
