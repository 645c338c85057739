#include "model/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t lki_def_bytes(enum lk_def_kind kind)
{
    switch (kind) {
    case LK_DEF_PARAM:
        return sizeof(struct lk_param_def);
    case LK_DEF_RESOURCE:
        return sizeof(struct lk_resource_def);
    case LK_DEF_VU:
        return sizeof(struct lk_vu_def);
    case LK_DEF_HOOK:
        return sizeof(struct lk_hook_def);
    case LK_DEF_STEP:
        return sizeof(struct lk_step_def);
    case LK_DEF_RUN_HOOK:
        return sizeof(struct lk_run_hook_def);
    case LK_DEF_METRIC:
        return sizeof(struct lk_metric_def);
    case LK_DEF_PROBE:
        return sizeof(struct lk_probe_def);
    }
    return 0;
}

const char *lki_hook_name(enum lk_hook_kind hook)
{
    switch (hook) {
    case LK_HOOK_INIT:
        return "on_init";
    case LK_HOOK_START:
        return "on_start";
    case LK_HOOK_STOP:
        return "on_stop";
    case LK_HOOK_COUNT_:
        break;
    }
    return "";
}

const char *lki_run_hook_name(enum lk_run_hook_kind hook)
{
    switch (hook) {
    case LK_RUN_SETUP:
        return "on_setup";
    case LK_RUN_TEARDOWN:
        return "on_teardown";
    case LK_RUN_HOOK_COUNT_:
        break;
    }
    return "";
}

const char *lki_def_name(const struct lk_def *def)
{
    /* what a hook is called is its kind, whatever a descriptor written by hand says */
    if (def->kind == LK_DEF_HOOK)
        return lki_hook_name(((const struct lk_hook_def *)def)->hook);
    if (def->kind == LK_DEF_RUN_HOOK)
        return lki_run_hook_name(((const struct lk_run_hook_def *)def)->hook);
    return def->name ? def->name : "";
}

const char *lki_def_vu(const struct lk_def *def)
{
    bool has_vu = def->kind == LK_DEF_STEP || def->kind == LK_DEF_HOOK;

    return has_vu && def->vu ? def->vu : "";
}

const char *lki_def_file(const struct lk_def *def)
{
    return def->file ? def->file : "";
}

static int place_compare(const struct lk_def *a, const struct lk_def *b)
{
    int order = strcmp(lki_def_file(a), lki_def_file(b));

    return order ? order : (a->line > b->line) - (a->line < b->line);
}

static int on_place(const void *left, const void *right)
{
    const struct lk_def *a = *(const struct lk_def *const *)left;
    const struct lk_def *b = *(const struct lk_def *const *)right;
    int order = (a->kind > b->kind) - (a->kind < b->kind);

    if (!order)
        order = place_compare(a, b);
    if (!order)
        order = strcmp(lki_def_vu(a), lki_def_vu(b));
    return order ? order : strcmp(lki_def_name(a), lki_def_name(b));
}

static int identity_compare(const struct lk_def *a, const struct lk_def *b)
{
    int order = (a->kind > b->kind) - (a->kind < b->kind);

    if (!order)
        order = strcmp(lki_def_vu(a), lki_def_vu(b));
    return order ? order : strcmp(lki_def_name(a), lki_def_name(b));
}

static int on_name(const void *left, const void *right)
{
    const struct lk_def *a = *(const struct lk_def *const *)left;
    const struct lk_def *b = *(const struct lk_def *const *)right;
    int order = identity_compare(a, b);

    return order ? order : place_compare(a, b);
}

bool lki_def_same(const struct lk_def *a, const struct lk_def *b)
{
    return identity_compare(a, b) == 0;
}

bool lki_def_before(const struct lk_def *a, const struct lk_def *b)
{
    return place_compare(a, b) < 0;
}

bool lki_needs_next(const char **at, const char **name, size_t *len)
{
    const char *start = *at;
    const char *end;

    if (!start)
        return false;
    end = strchr(start, ',');
    *at = end ? end + 1 : NULL;
    if (!end)
        end = start + strlen(start);
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *name = start;
    *len = (size_t)(end - start);
    return true;
}

const struct lk_def **lki_index_range(const struct lki_index *index, enum lk_def_kind kind,
                                      size_t *count)
{
    size_t start = 0;
    size_t end;

    while (start < index->count && index->by_place[start]->kind < kind)
        start++;
    for (end = start; end < index->count && index->by_place[end]->kind == kind;)
        end++;
    *count = end - start;
    return index->by_place + start;
}

/* Order of a descriptor against kind, vu and name as in by_name; without a name only against kind
 * and vu. */
static int key_compare(const struct lk_def *def, enum lk_def_kind kind, const char *vu,
                       const char *name, size_t name_len)
{
    int order = (def->kind > kind) - (def->kind < kind);
    const char *own = lki_def_name(def);

    if (!order)
        order = strcmp(lki_def_vu(def), vu);
    if (order || !name)
        return order;
    order = strncmp(own, name, name_len);
    return order ? order : own[name_len] != '\0';
}

/* Where in by_name the first is that does not come before the key. */
static size_t key_find(const struct lki_index *index, enum lk_def_kind kind, const char *vu,
                       const char *name, size_t name_len)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (key_compare(index->by_name[mid], kind, vu, name, name_len) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct lk_def **lki_index_find(const struct lki_index *index, enum lk_def_kind kind,
                                     const char *vu, const char *name, size_t name_len)
{
    size_t at = key_find(index, kind, vu, name, name_len);

    if (at == index->count || key_compare(index->by_name[at], kind, vu, name, name_len) != 0)
        return NULL;
    return index->by_name + at;
}

const struct lk_def **lki_index_group(const struct lki_index *index, enum lk_def_kind kind,
                                      const char *vu, size_t *count)
{
    size_t start = key_find(index, kind, vu, NULL, 0);
    size_t end = start;

    while (end < index->count && !key_compare(index->by_name[end], kind, vu, NULL, 0))
        end++;
    *count = end - start;
    return index->by_name + start;
}

void lki_index_release(struct lki_index *index)
{
    free(index->by_place);
    free(index->by_name);
    *index = (struct lki_index){0};
}

enum lk_err lki_index_init(struct lki_index *index, const struct lk_def *first)
{
    size_t count = 0;

    for (const struct lk_def *def = first; def; def = def->next_)
        count++;
    *index = (struct lki_index){.count = count};
    /* at least one element: malloc(0) may be NULL, which is no failure */
    index->by_place = calloc(count + 1, sizeof(const struct lk_def *));
    index->by_name = calloc(count + 1, sizeof(const struct lk_def *));
    if (!index->by_place || !index->by_name) {
        lki_index_release(index);
        return LK_E_NOMEM;
    }
    count = 0;
    for (const struct lk_def *def = first; def; def = def->next_) {
        index->by_place[count] = def;
        index->by_name[count++] = def;
    }
    qsort(index->by_place, count, sizeof(const struct lk_def *), on_place);
    qsort(index->by_name, count, sizeof(const struct lk_def *), on_name);
    return LK_OK;
}
