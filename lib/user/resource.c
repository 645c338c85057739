#include "user/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "client/values.h"
#include "client/vu.h"

struct lki_resource {
    struct lki_resource *next; /* in the pool, or in what the user holds */
    struct lki_resource_pool *pool;
    uint64_t number;
    lk_json *object; /* NULL: the factory has not succeeded yet */
};

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
    for (size_t i = 0; i < resources->count; i++)
        resources->pools[i].def = model->resources[i];
    return LK_OK;
}

static void list_free(struct lki_resource *first)
{
    while (first) {
        struct lki_resource *resource = first;

        first = resource->next;
        lki_json_free(resource->object);
        free(resource);
    }
}

void lki_resources_release(struct lki_resources *resources)
{
    for (size_t i = 0; resources->pools && i < resources->count; i++) {
        list_free(resources->pools[i].free);
        list_free(resources->pools[i].vacant);
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
}

static void push(struct lki_resource **list, struct lki_resource *resource)
{
    resource->next = *list;
    *list = resource;
}

/* To who has waited longest, or to the pool. Who was woken for another reason is still in the
 * queue, but on its way out: what it were given would be lost. */
static void give(struct lki_resource *resource)
{
    struct lki_resource_pool *pool = resource->pool;
    struct lki_resource_wait *wait = pool->first_wait;

    if (resource->object)
        resource->object->doc.vu = NULL;
    while (wait && !wait->task->waiting)
        wait = wait->next;
    if (!wait) {
        push(resource->object ? &pool->free : &pool->vacant, resource);
        return;
    }
    wait_remove(pool, wait);
    wait->got = resource;
    lki_task_wake_later(wait->task, LKI_WAKE_EVENT);
}

static struct lki_resource *wait_for_one(struct lki_resource_pool *pool, lk_vu *vu)
{
    struct lki_task *task = lki_vu_task(vu);
    struct lki_resource_wait wait = {.task = task};
    enum lki_wake why;

    wait_add(pool, &wait);
    why = lki_task_wait(task, LKI_NEVER);
    if (wait.got)
        return wait.got;
    wait_remove(pool, &wait);
    if (why == LKI_WAKE_DEADLINE)
        lki_task_leave(task, LKI_OUTCOME_TIMEOUT,
                       lk_format(vu, "timed out waiting for resource \"%s\": all %llu are held",
                                 pool->def->def.name, (unsigned long long)pool->count));
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
    if (pool->count >= most)
        return NULL;
    resource = lki_zalloc(sizeof(*resource));
    if (!resource)
        lki_vu_nomem(vu);
    resource->pool = pool;
    resource->number = ++pool->count;
    return resource;
}

static lk_json *lend(struct lki_resource *resource, lk_vu *vu, struct lki_resource **held)
{
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

    for (; held && pool->count >= most; held = held->next)
        count += held->pool == pool;
    return count && count == pool->count;
}

lk_json *lki_resource_acquire(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                              struct lki_resource **held)
{
    struct lki_resource *resource = take(pool, vu, most);

    return lend(resource ? resource : wait_for_one(pool, vu), vu, held);
}

lk_json *lki_resource_try(struct lki_resource_pool *pool, lk_vu *vu, uint64_t most,
                          struct lki_resource **held)
{
    struct lki_resource *resource = take(pool, vu, most);

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
