#include "control/stock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "control/blend.h"

/* The bytes of a stock start with this; a change of the layout changes it. */
#define FORMAT_VERSION 2
#define FIRST_IDS 64

/* Those of one resource. */
struct shelf {
    char **texts; /* by id, from 1: the object, and behind its 0 the facts; NULL: deleted */
    uint64_t last;
    uint64_t cap;
    uint64_t count;
};

struct text {
    const char *at;
    size_t len;
};

struct lki_stock {
    const struct lki_model *model;
    struct shelf *shelves; /* by resource */
    size_t bytes;          /* of all texts */
    uint64_t version;
};

enum lk_err lki_stock_new(struct lki_stock **out, const struct lki_model *model)
{
    struct lki_stock *stock = lki_zalloc(sizeof(*stock));
    size_t count = model->resource_count;

    if (!stock)
        return LK_E_NOMEM;
    stock->model = model;
    stock->shelves = calloc(count ? count : 1, sizeof(*stock->shelves));
    if (!stock->shelves) {
        free(stock);
        return LK_E_NOMEM;
    }
    *out = stock;
    return LK_OK;
}

static const char *facts_of(const char *text)
{
    return text + strlen(text) + 1;
}

static void drop(struct lki_stock *stock, char **place)
{
    if (*place)
        stock->bytes -= strlen(*place) + strlen(facts_of(*place));
    free(*place);
    *place = NULL;
}

static void empty(struct lki_stock *stock, struct shelf *shelf)
{
    for (uint64_t i = 0; i < shelf->last; i++)
        drop(stock, &shelf->texts[i]);
    shelf->count = 0;
}

static void shelf_release(struct lki_stock *stock, struct shelf *shelf)
{
    empty(stock, shelf);
    free(shelf->texts);
    *shelf = (struct shelf){0};
}

void lki_stock_free(struct lki_stock *stock)
{
    if (!stock)
        return;
    for (size_t i = 0; i < stock->model->resource_count; i++)
        shelf_release(stock, &stock->shelves[i]);
    free(stock->shelves);
    free(stock);
}

static struct shelf *shelf_of(const struct lki_stock *stock, size_t resource)
{
    return resource < stock->model->resource_count ? &stock->shelves[resource] : NULL;
}

static char **place_of(const struct shelf *shelf, uint64_t id)
{
    return shelf && id && id <= shelf->last ? &shelf->texts[id - 1] : NULL;
}

uint64_t lki_stock_count(const struct lki_stock *stock, size_t resource)
{
    const struct shelf *shelf = shelf_of(stock, resource);

    return shelf ? shelf->count : 0;
}

uint64_t lki_stock_last_id(const struct lki_stock *stock, size_t resource)
{
    const struct shelf *shelf = shelf_of(stock, resource);

    return shelf ? shelf->last : 0;
}

const char *lki_stock_text(const struct lki_stock *stock, size_t resource, uint64_t id)
{
    char **place = place_of(shelf_of(stock, resource), id);

    return place ? *place : NULL;
}

const char *lki_stock_facts(const struct lki_stock *stock, size_t resource, uint64_t id)
{
    const char *text = lki_stock_text(stock, resource, id);

    return text ? facts_of(text) : NULL;
}

uint64_t lki_stock_version(const struct lki_stock *stock)
{
    return stock->version;
}

/* ---- adding ---- */

static enum lk_err reserve(struct shelf *shelf, uint64_t ids)
{
    uint64_t cap = shelf->cap ? shelf->cap : FIRST_IDS;
    char **texts;

    if (ids > LKI_STOCK_IDS_MAX)
        return LK_E_LIMIT;
    if (ids <= shelf->cap)
        return LK_OK;
    while (cap < ids)
        cap *= 2;
    texts = realloc(shelf->texts, (size_t)cap * sizeof(*texts));
    if (!texts)
        return LK_E_NOMEM;
    memset(texts + shelf->cap, 0, (size_t)(cap - shelf->cap) * sizeof(*texts));
    shelf->texts = texts;
    shelf->cap = cap;
    return LK_OK;
}

/* A copy of both texts as the object of that id, of which there is none yet; there is room. */
static enum lk_err put(struct lki_stock *stock, struct shelf *shelf, uint64_t id,
                       const struct text *object, const struct text *facts)
{
    size_t len = object->len + facts->len;
    char *copy;

    if (len > LKI_STOCK_OBJECT_MAX || len > LKI_STOCK_BYTES_MAX - stock->bytes)
        return LK_E_LIMIT;
    copy = lki_zalloc(len + 2);
    if (!copy)
        return LK_E_NOMEM;
    memcpy(copy, object->at, object->len);
    memcpy(copy + object->len + 1, facts->at, facts->len);
    shelf->texts[id - 1] = copy;
    shelf->last = id > shelf->last ? id : shelf->last;
    shelf->count++;
    stock->bytes += len;
    return LK_OK;
}

static void write_facts(struct lki_buf *out, const char *name, uint64_t id, int64_t created_at_s)
{
    lki_buf_str(out, "{\"resource_name\":");
    lki_json_write_string(out, name, strlen(name));
    lki_buf_str(out, ",\"resource_id\":\"");
    lki_buf_u64(out, id);
    lki_buf_str(out, "\",\"created_at\":");
    lki_json_write_int(out, created_at_s);
    lki_buf_str(out, "}");
}

static enum lk_err blend_facts(struct lki_buf *out, const char *name, uint64_t id,
                               const struct lki_stock_parts *parts)
{
    const char *both[2] = {parts->about, NULL};
    struct lki_buf facts;
    enum lk_err err;

    lki_buf_init(&facts, LKI_STOCK_OBJECT_MAX);
    write_facts(&facts, name, id, parts->created_at_s);
    both[1] = lki_buf_cstr(&facts);
    err = both[1] ? lki_blend(out, both, LKI_COUNT(both)) : facts.err;
    lki_buf_release(&facts);
    return err;
}

/* With the id that an object of a run has, which a factory may choose itself. */
static enum lk_err blend_object(struct lki_buf *out, uint64_t id,
                                const struct lki_stock_parts *parts)
{
    char own[48];
    const char *all[3] = {own, parts->text, parts->payload};

    snprintf(own, sizeof(own), "{\"resource_id\":\"%llu\"}", (unsigned long long)id);
    return lki_blend(out, all, LKI_COUNT(all));
}

enum lk_err lki_stock_add(struct lki_stock *stock, size_t resource,
                          const struct lki_stock_parts *parts, uint64_t *id)
{
    struct shelf *shelf = shelf_of(stock, resource);
    uint64_t next = shelf ? shelf->last + 1 : 0;
    struct lki_buf object;
    struct lki_buf facts;
    enum lk_err err;

    if (!shelf)
        return LK_E_ARG;
    lki_buf_init(&object, LKI_STOCK_OBJECT_MAX);
    lki_buf_init(&facts, LKI_STOCK_OBJECT_MAX);
    err = reserve(shelf, next);
    if (!err)
        err = blend_object(&object, next, parts);
    if (!err)
        err = blend_facts(&facts, stock->model->resources[resource]->def.name, next, parts);
    if (!err)
        err = put(stock, shelf, next, &(struct text){object.data, object.len},
                  &(struct text){facts.data, facts.len});
    lki_buf_release(&object);
    lki_buf_release(&facts);
    if (err)
        return err;
    stock->version++;
    *id = next;
    return LK_OK;
}

/* ---- deleting ---- */

bool lki_stock_delete(struct lki_stock *stock, size_t resource, uint64_t id)
{
    struct shelf *shelf = shelf_of(stock, resource);
    char **place = place_of(shelf, id);

    if (!place || !*place)
        return false;
    drop(stock, place);
    shelf->count--;
    stock->version++;
    return true;
}

uint64_t lki_stock_delete_all(struct lki_stock *stock, size_t resource)
{
    struct shelf *shelf = shelf_of(stock, resource);
    uint64_t count = shelf ? shelf->count : 0;

    if (!count)
        return 0;
    empty(stock, shelf);
    stock->version++;
    return count;
}

/* ---- as bytes: version, number of resources, and of each its name, its last id, and its objects
 * and their facts with their distance from the one before, behind which a 0 stands ---- */

static void pack_text(struct lki_buf *out, const char *text)
{
    lki_pack_bytes(out, text, strlen(text));
}

void lki_stock_write(const struct lki_stock *stock, struct lki_buf *out)
{
    lki_pack_u64(out, FORMAT_VERSION);
    lki_pack_u64(out, stock->model->resource_count);
    for (size_t r = 0; r < stock->model->resource_count; r++) {
        const struct shelf *shelf = &stock->shelves[r];
        uint64_t before = 0;

        pack_text(out, stock->model->resources[r]->def.name);
        lki_pack_u64(out, shelf->last);
        for (uint64_t id = 1; id <= shelf->last; id++) {
            if (shelf->texts[id - 1]) {
                lki_pack_u64(out, id - before);
                pack_text(out, shelf->texts[id - 1]);
                pack_text(out, facts_of(shelf->texts[id - 1]));
                before = id;
            }
        }
        lki_pack_u64(out, 0);
    }
}

/* NULL: the model does not have it. */
static struct shelf *shelf_named(const struct lki_stock *stock, const char *name, size_t len)
{
    for (size_t r = 0; r < stock->model->resource_count; r++) {
        const char *known = stock->model->resources[r]->def.name;

        if (strlen(known) == len && !memcmp(known, name, len))
            return &stock->shelves[r];
    }
    return NULL;
}

static enum lk_err read_objects(struct lki_stock *stock, struct shelf *shelf, uint64_t last,
                                struct lki_unpack *in)
{
    enum lk_err err = LK_OK;
    uint64_t id = 0;
    uint64_t distance;

    while (!err && (distance = lki_unpack_max(in, last - id))) {
        struct text object;
        struct text facts;

        object.at = lki_unpack_bytes(in, &object.len);
        facts.at = lki_unpack_bytes(in, &facts.len);
        id += distance;
        if (in->bad || !lki_blend_takes(object.at, object.len) ||
            !lki_blend_takes(facts.at, facts.len))
            return LK_E_FORMAT;
        if (shelf)
            err = put(stock, shelf, id, &object, &facts);
    }
    return err;
}

static enum lk_err read_shelf(struct lki_stock *stock, struct lki_unpack *in)
{
    size_t len;
    const char *name = lki_unpack_bytes(in, &len);
    struct shelf *shelf = shelf_named(stock, name, len);
    uint64_t last = lki_unpack_max(in, LKI_STOCK_IDS_MAX);
    enum lk_err err = LK_OK;

    if (in->bad || (shelf && shelf->cap)) /* twice */
        return LK_E_FORMAT;
    if (shelf)
        err = reserve(shelf, last);
    if (!err)
        err = read_objects(stock, shelf, last, in);
    if (!err && shelf)
        shelf->last = last;
    return err;
}

enum lk_err lki_stock_read(struct lki_stock *stock, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct lki_stock *fresh;
    struct lki_stock before = *stock;
    enum lk_err err = lki_stock_new(&fresh, stock->model);
    uint64_t count;

    if (err)
        return err;
    if (lki_unpack_u64(&in) != FORMAT_VERSION)
        in.bad = true;
    count = lki_unpack_u64(&in);
    for (uint64_t i = 0; !err && i < count; i++)
        err = read_shelf(fresh, &in);
    if (!err && !lki_unpack_done(&in))
        err = LK_E_FORMAT;
    if (!err) {
        *stock = *fresh;
        stock->version = before.version + 1;
        *fresh = before;
    }
    lki_stock_free(fresh);
    return err;
}
