#include "user/lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "client/values.h"

void lki_lease_news(struct lki_resource_pool *pool)
{
    struct lki_lender *lender = pool->resources->lender;

    if (lender)
        lender->on_news(lender);
}

void lki_lease_release(struct lki_resource_pool *pool)
{
    lki_map_release(&pool->by_number);
    free(pool->fresh);
}

/* ---- ids that are ours ---- */

static enum lk_err fresh_add(struct lki_resource_pool *pool, uint64_t first, uint64_t count)
{
    struct lki_fresh *fresh;

    if (!count || first + count - 1 <= pool->fresh_seen)
        return LK_OK;
    fresh = lki_room(pool->fresh, pool->fresh_count, &pool->fresh_cap, sizeof(*fresh));
    if (!fresh)
        return LK_E_NOMEM;
    pool->fresh = fresh;
    fresh[pool->fresh_count++] = (struct lki_fresh){first, count};
    pool->fresh_seen = first + count - 1;
    return LK_OK;
}

static void fresh_drop(struct lki_resource_pool *pool)
{
    pool->fresh->first++;
    if (--pool->fresh->count)
        return;
    pool->fresh_count--;
    memmove(pool->fresh, pool->fresh + 1, pool->fresh_count * sizeof(*pool->fresh));
}

/* Found again by its number, whatever becomes of it. */
static struct lki_resource *resource_of(struct lki_resource_pool *pool, uint64_t number)
{
    struct lki_resource *resource = lki_map_get(&pool->by_number, (const char *)&number,
                                                sizeof(number));

    if (resource)
        return resource;
    resource = lki_resource_new(pool, number);
    if (resource && lki_map_put(&pool->by_number, (const char *)&resource->number,
                                sizeof(resource->number), resource)) {
        pool->all = resource->next_all;
        pool->count--;
        free(resource);
        resource = NULL;
    }
    return resource;
}

struct lki_resource *lki_lease_use(struct lki_resource_pool *pool)
{
    struct lki_resource *resource = resource_of(pool, pool->fresh->first);

    if (!resource)
        return NULL;
    fresh_drop(pool);
    resource->ours = true;
    return resource;
}

/* ---- what comes ---- */

static void place(struct lki_resource *resource)
{
    if (lki_resource_hand(resource))
        return;
    if (resource->pool->recalled)
        lki_lease_return(resource);
    else
        lki_resource_put(resource);
}

static enum lk_err take_object(struct lki_resource_pool *pool, const struct lki_order_object *from)
{
    struct lki_resource *resource = resource_of(pool, from->id);

    if (!resource)
        return LK_E_NOMEM;
    if (resource->ours)
        return LK_OK;
    if (from->text)
        resource->object = lki_json_own(from->text, strlen(from->text), pool->def->def.name);
    if (from->text && !resource->object)
        return LK_E_NOMEM;
    resource->ours = true;
    place(resource);
    return LK_OK;
}

/* Fresh ids for those who wait. */
static enum lk_err serve(struct lki_resource_pool *pool)
{
    for (uint64_t waiting = pool->waiting; waiting && pool->fresh_count; waiting--) {
        struct lki_resource *resource = lki_lease_use(pool);

        if (!resource)
            return LK_E_NOMEM;
        place(resource);
    }
    return LK_OK;
}

enum lk_err lki_lease_take(struct lki_resource_pool *pool, const struct lki_order_objects *objects)
{
    enum lk_err err = fresh_add(pool, objects->first, objects->fresh);

    for (size_t i = 0; i < objects->count && !err; i++)
        err = take_object(pool, &objects->objects[i]);
    if (!err)
        err = serve(pool);
    pool->want_told = LKI_WANT_UNKNOWN;
    lki_lease_news(pool);
    return err;
}

/* ---- what goes ---- */

void lki_lease_made(struct lki_resource *resource)
{
    struct lki_resource_pool *pool = resource->pool;

    if (!pool->resources->lender)
        return;
    resource->next_made = pool->made;
    pool->made = resource;
    lki_lease_news(pool);
}

void lki_lease_return(struct lki_resource *resource)
{
    struct lki_resource_pool *pool = resource->pool;
    struct lki_resource **at = &pool->made;

    /* it goes back with its object */
    while (*at && *at != resource)
        at = &(*at)->next_made;
    if (*at)
        *at = resource->next_made;
    resource->ours = false;
    resource->next = pool->back;
    pool->back = resource;
    lki_lease_news(pool);
}

static void return_all(struct lki_resource **list)
{
    while (*list) {
        struct lki_resource *resource = *list;

        *list = resource->next;
        lki_lease_return(resource);
    }
}

void lki_lease_recall(struct lki_resource_pool *pool, bool on)
{
    pool->recalled = on;
    if (!on)
        return;
    return_all(&pool->free);
    return_all(&pool->vacant);
    lki_lease_news(pool);
}

static struct lki_order_object told_of(const struct lki_resource *resource)
{
    return (struct lki_order_object){resource->number,
                                     resource->object ? resource->object->doc.text : NULL};
}

size_t lki_lease_list_made(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max)
{
    size_t count = 0;

    for (const struct lki_resource *made = pool->made; made && count < max; made = made->next_made)
        list[count++] = told_of(made);
    return count;
}

size_t lki_lease_list_held(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max, size_t *at)
{
    const struct lki_resource *resource = pool->all;
    size_t count = 0;
    size_t place = 0;

    for (; resource && count < max; resource = resource->next_all) {
        if (resource->ours && place++ >= *at)
            list[count++] = told_of(resource);
    }
    for (size_t i = 0; i < pool->fresh_count; i++) {
        for (uint64_t k = 0; k < pool->fresh[i].count && count < max; k++) {
            if (place++ >= *at)
                list[count++] = (struct lki_order_object){.id = pool->fresh[i].first + k};
        }
    }
    *at += count;
    return count;
}

void lki_lease_told_made(struct lki_resource_pool *pool, size_t count)
{
    while (count--)
        pool->made = pool->made->next_made;
}

/* Fresh ids go last. */
size_t lki_lease_list_back(const struct lki_resource_pool *pool, struct lki_order_object *list,
                           size_t max)
{
    size_t count = 0;

    for (const struct lki_resource *back = pool->back; back && count < max; back = back->next)
        list[count++] = told_of(back);
    for (size_t i = 0; pool->recalled && i < pool->fresh_count; i++) {
        for (uint64_t k = 0; k < pool->fresh[i].count && count < max; k++)
            list[count++] = (struct lki_order_object){.id = pool->fresh[i].first + k};
    }
    return count;
}

void lki_lease_told_back(struct lki_resource_pool *pool, size_t count)
{
    for (; count && pool->back; count--) {
        struct lki_resource *resource = pool->back;

        pool->back = resource->next;
        lki_json_free(resource->object);
        resource->object = NULL;
    }
    while (count--)
        fresh_drop(pool);
}
