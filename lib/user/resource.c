#include "user/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "client/values.h"
#include "client/vu.h"
#include "user/lease.h"
#include "user/life.h"

/* How long a lender may take to find one for who would not wait for other users. */
#define TRY_NS (20 * LKI_NS_PER_MS)

/* On the stack of the task that waits. */
struct lki_resource_wait {
    struct lki_resource_wait *next, *prev;
    struct lki_task *task;
    struct lki_resource *got; /* NULL: nothing yet */
};

enum lk_err lki_resources_init(struct lki_resources *resources, const struct lki_model *model)
{
    resources->count = model->resource_count;
    resources->pools = calloc(resources->count ? resources->count : 1, sizeof(*resources->pools));
    if (!resources->pools)
        return LK_E_NOMEM;
    for (size_t i = 0; i < resources->count; i++) {
        resources->pools[i].def = model->resources[i];
        resources->pools[i].resources = resources;
    }
    return LK_OK;
}

/* What is still held belongs to somebody who was given up, and may use it. */
static void all_free(struct lki_resource *first)
{
    while (first) {
        struct lki_resource *resource = first;

        first = resource->next_all;
        if (resource->held)
            continue;
        lki_json_free(resource->object);
        free(resource);
    }
}

void lki_resources_release(struct lki_resources *resources)
{
    for (size_t i = 0; resources->pools && i < resources->count; i++) {
        all_free(resources->pools[i].all);
        lki_lease_release(&resources->pools[i]);
    }
    free(resources->pools);
    *resources = (struct lki_resources){0};
}

/* ---- who waits ---- */

static void wait_add(struct lki_resource_pool *pool, struct lki_resource_wait *wait)
{
    wait->prev = pool->last_wait;
    if (wait->prev)
        wait->prev->next = wait;
    else
        pool->first_wait = wait;
    pool->last_wait = wait;
    pool->waiting++;
    lki_lease_news(pool);
}

static void wait_remove(struct lki_resource_pool *pool, struct lki_resource_wait *wait)
{
    if (wait->prev)
        wait->prev->next = wait->next;
    else
        pool->first_wait = wait->next;
    if (wait->next)
        wait->next->prev = wait->prev;
    else
        pool->last_wait = wait->prev;
    pool->waiting--;
    lki_lease_news(pool);
}

static void push(struct lki_resource **list, struct lki_resource *resource)
{
    resource->next = *list;
    *list = resource;
}

/* Who was woken for another reason is still in the queue, but on its way out: what it were given
 * would be lost. */
bool lki_resource_hand(struct lki_resource *resource)
{
    struct lki_resource_wait *wait = resource->pool->first_wait;

    while (wait && !wait->task->waiting)
        wait = wait->next;
    if (!wait)
        return false;
    wait_remove(resource->pool, wait);
    wait->got = resource;
    resource->held = true;
    lki_task_wake_later(wait->task, LKI_WAKE_EVENT);
    return true;
}

void lki_resource_put(struct lki_resource *resource)
{
    push(resource->object ? &resource->pool->free : &resource->pool->vacant, resource);
}

/* To who has waited longest, or to the pool. */
static void give(struct lki_resource *resource)
{
    resource->held = false;
    if (resource->object)
        resource->object->doc.vu = NULL;
    if (resource->pool->recalled)
        lki_lease_return(resource);
    else if (!lki_resource_hand(resource))
        lki_resource_put(resource);
}

/* NULL: none came before until_ns. */
static struct lki_resource *wait_for_one(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                                         int64_t until_ns)
{
    struct lki_task *task = lki_vu_task(vu);
    struct lki_resource_wait wait = {.task = task};
    struct lki_user *user = lki_user_of(vu);
    enum lki_wake why;

    wait_add(pool, &wait);
    user->awaits = pool;
    why = lki_task_wait(task, until_ns);
    user->awaits = NULL;
    if (wait.got)
        return wait.got;
    wait_remove(pool, &wait);
    if (why == LKI_WAKE_DEADLINE)
        lki_task_leave(task, LKI_OUTCOME_TIMEOUT,
                       lk_format(vu, "timed out waiting for resource \"%s\": all %llu are held",
                                 pool->def->def.name, (unsigned long long)most));
    lki_task_heed(task, why);
    return NULL;
}

/* ---- making one ---- */

/* The object's text with its id in it, which the factory need not put there itself. */
static lk_json *own_object(lk_vu *vu, const struct lki_resource_pool *pool, const lk_json *made,
                           const char *id)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    struct lki_json_value value;
    lk_json *object;

    if (!made)
        lki_vu_fail(vu, "the factory of resource \"%s\" returned NULL", pool->def->def.name);
    if (lki_json_find(made->doc.text, made->doc.len, "", &value) || value.kind != LKI_JSON_OBJECT)
        lki_vu_fail(vu, "the factory of resource \"%s\" made no object", pool->def->def.name);
    lki_buf_clear(scratch);
    if (lki_json_find(made->doc.text, made->doc.len, "resource_id", &value)) {
        const char *rest = made->doc.text + 1;

        lki_buf_str(scratch, "{\"resource_id\":");
        lki_json_write_string(scratch, id, strlen(id));
        while (*rest == ' ')
            rest++;
        lki_buf_str(scratch, *rest == '}' ? "" : ",");
        lki_buf_append(scratch, rest, made->doc.len - (size_t)(rest - made->doc.text));
    } else {
        lki_buf_append(scratch, made->doc.text, made->doc.len);
    }
    object = scratch->err ? NULL : lki_json_own(scratch->data, scratch->len, pool->def->def.name);
    if (!object)
        lki_vu_nomem(vu);
    return object;
}

/* What happens to the id of a factory that is left before it has made its object. In the arena of
 * the step, since it is a defer. */
struct making {
    struct lki_resource *resource; /* NULL: it has */
};

static void on_left(void *arg)
{
    struct making *making = arg;

    if (making->resource)
        give(making->resource);
}

static void make(lk_vu *vu, struct lki_resource *resource)
{
    const struct lki_resource_pool *pool = resource->pool;
    struct making *making = lki_arena_alloc(lki_vu_arena(vu), sizeof(*making));
    const char *id;

    if (making)
        making->resource = resource;
    if (!making || !lki_task_defer(lki_vu_task(vu), on_left, making)) {
        give(resource);
        lki_vu_nomem(vu);
    }
    id = lk_format(vu, "%llu", (unsigned long long)resource->number);
    resource->object = own_object(vu, pool, pool->def->make(vu, id), id);
    making->resource = NULL;
    lki_lease_made(resource);
}

struct lki_resource *lki_resource_new(struct lki_resource_pool *pool, uint64_t number)
{
    struct lki_resource *resource = lki_zalloc(sizeof(*resource));

    if (!resource)
        return NULL;
    resource->pool = pool;
    resource->number = number;
    resource->next_all = pool->all;
    pool->all = resource;
    pool->count++;
    return resource;
}

/* An id that nobody has, with or without an object; NULL: there may be no more. */
static struct lki_resource *take(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most)
{
    struct lki_resource **list = pool->free ? &pool->free : &pool->vacant;
    struct lki_resource *resource = *list;

    if (resource) {
        *list = resource->next;
        return resource;
    }
    if (pool->resources->lender ? !pool->fresh_count : pool->count >= most)
        return NULL;
    resource = pool->resources->lender ? lki_lease_use(pool)
                                       : lki_resource_new(pool, pool->count + 1);
    if (!resource)
        lki_vu_nomem(vu);
    return resource;
}

static lk_json *lend(struct lki_resource *resource, lk_vu *vu, struct lki_resource **held)
{
    resource->held = true;
    if (!resource->object)
        make(vu, resource);
    resource->object->doc.vu = vu;
    push(held, resource);
    return resource->object;
}

bool lki_resource_holds_all(const struct lki_resource_pool *pool, uint64_t most,
                            const struct lki_resource *held)
{
    uint64_t count = 0;

    for (; held; held = held->next)
        count += held->pool == pool;
    return count && count >= most;
}

lk_json *lki_resource_acquire(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                              struct lki_resource **held)
{
    struct lki_resource *resource = take(pool, vu, most);

    return lend(resource ? resource : wait_for_one(pool, vu, most, LKI_NEVER), vu, held);
}

lk_json *lki_resource_try(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                          struct lki_resource **held)
{
    struct lki_resource *resource = take(pool, vu, most);

    if (!resource && pool->resources->lender)
        resource = wait_for_one(pool, vu, most, lki_loop_now(vu->loop) + TRY_NS);
    return resource ? lend(resource, vu, held) : NULL;
}

/* ---- giving back ---- */

void lki_resource_give(struct lki_resource_pool *pool, lk_vu *vu, const lk_json *object,
                       struct lki_resource **held)
{
    struct lki_resource **at = held;
    struct lki_resource *resource;

    while (*at && (*at)->object != object)
        at = &(*at)->next;
    resource = *at;
    if (!resource)
        lki_vu_fail(vu, "this user does not hold that object of resource \"%s\"",
                    pool->def->def.name);
    if (resource->pool != pool)
        lki_vu_fail(vu, "that object is of resource \"%s\", not of \"%s\"",
                    resource->pool->def->def.name, pool->def->def.name);
    *at = resource->next;
    give(resource);
}

void lki_resource_give_all(struct lki_resource **held)
{
    while (*held) {
        struct lki_resource *resource = *held;

        *held = resource->next;
        give(resource);
    }
}
