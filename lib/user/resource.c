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
    lk_json *object;
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

void lki_resources_release(struct lki_resources *resources)
{
    for (size_t i = 0; resources->pools && i < resources->count; i++) {
        while (resources->pools[i].free) {
            struct lki_resource *resource = resources->pools[i].free;

            resources->pools[i].free = resource->next;
            lki_json_free(resource->object);
            free(resource);
        }
    }
    free(resources->pools);
    *resources = (struct lki_resources){0};
}

/* The object's text with its id in it, which the factory need not put there itself. */
static lk_json *own_object(lk_vu *vu, const struct lki_resource_pool *pool, const lk_json *made,
                           const char *id)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    struct lki_json_value value;
    lk_json *object;

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

static struct lki_resource *resource_make(struct lki_resource_pool *pool, lk_vu *vu)
{
    uint64_t number = ++pool->made;
    struct lki_resource *resource;
    const char *id = lk_format(vu, "%llu", (unsigned long long)number);
    const lk_json *made = pool->def->make(vu, id);
    lk_json *object;

    if (!made)
        lki_vu_fail(vu, "the factory of resource \"%s\" returned NULL", pool->def->def.name);
    object = own_object(vu, pool, made, id);
    resource = lki_zalloc(sizeof(*resource));
    if (!resource) {
        lki_json_free(object);
        lki_vu_nomem(vu);
    }
    resource->pool = pool;
    resource->object = object;
    return resource;
}

lk_json *lki_resource_acquire(struct lki_resource_pool *pool, lk_vu *vu, struct lki_resource **held)
{
    struct lki_resource *resource = pool->free;

    if (resource)
        pool->free = resource->next;
    else
        resource = resource_make(pool, vu);
    resource->object->doc.vu = vu;
    resource->next = *held;
    *held = resource;
    return resource->object;
}

static void give(struct lki_resource *resource)
{
    resource->object->doc.vu = NULL;
    resource->next = resource->pool->free;
    resource->pool->free = resource;
}

bool lki_resource_give(struct lki_resource_pool *pool, const lk_json *object,
                       struct lki_resource **held)
{
    for (struct lki_resource **at = held; *at; at = &(*at)->next) {
        struct lki_resource *resource = *at;

        if (resource->object == object && resource->pool == pool) {
            *at = resource->next;
            give(resource);
            return true;
        }
    }
    return false;
}

void lki_resource_give_all(struct lki_resource **held)
{
    while (*held) {
        struct lki_resource *resource = *held;

        *held = resource->next;
        give(resource);
    }
}
