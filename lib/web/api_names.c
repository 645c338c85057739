/* What metrics are called: no two of a run the same. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "web/api_inner.h"

/* Without what is secret, and in UTF-8: what is told apart here looks different there too. */
static const char *plain_make(const struct lki_api *api, struct lki_arena *arena,
                              const struct lki_metric *metric)
{
    bool outside = metric->source != LKI_SOURCE_STEP && !*metric->step;
    bool hook = metric->source == LKI_SOURCE_LIFECYCLE;
    char *text = lki_arena_printf(arena, "%s%s%s", outside ? "Setup/" : "",
                                  hook ? "lifecycle/" : "", metric->id);
    const char *plain = NULL;
    struct lki_buf out;

    if (!text || !lki_api_mask(api, text))
        return NULL;
    lki_buf_init(&out, LKI_API_ID_MAX);
    lki_utf8_write(&out, text, strlen(text));
    if (!out.err)
        plain = lki_arena_copy(arena, out.data, out.len);
    lki_buf_release(&out);
    return plain;
}

static int by_labels(const struct lki_api_name *a, const struct lki_api_name *b)
{
    int order = strcmp(a->metric->kind, b->metric->kind);

    return order ? order : strcmp(a->metric->stage, b->metric->stage);
}

static int by_plain(const void *a, const void *b)
{
    const struct lki_api_name *left = *(const struct lki_api_name *const *)a;
    const struct lki_api_name *right = *(const struct lki_api_name *const *)b;
    int order = strcmp(left->plain, right->plain);

    if (!order)
        order = by_labels(left, right);
    return order ? order : (left > right) - (left < right);
}

/* Steps and requests are called so whatever else there is. */
static bool keeps_plain(const struct lki_metric *metric)
{
    return metric->source == LKI_SOURCE_STEP || metric->source == LKI_SOURCE_HTTP;
}

/* Those of one plain name, by their labels. Where these are the same too, a secret stood in the
 * names, or broken UTF-8: they are numbered. */
static bool group_tell_apart(struct lki_arena *arena, struct lki_api_name **group, size_t count)
{
    bool shared = by_labels(group[0], group[count - 1]) != 0;
    char full[LKI_API_ID_MAX];
    unsigned number = 1;

    for (size_t i = 0; i < count; i++) {
        struct lki_api_name *name = group[i];
        const struct lki_metric *metric = name->metric;

        number = i && !by_labels(group[i - 1], name) ? number + 1 : 1;
        if (number > 1)
            name->plain = lki_arena_printf(arena, "%s %u", name->plain, number);
        if (!name->plain)
            return false;
        name->id = name->plain;
        if (shared && !keeps_plain(metric)) {
            lki_metric_full_id(full, sizeof(full), name->plain, metric->kind, metric->stage);
            name->id = lki_arena_copy(arena, full, strlen(full));
        }
        if (!name->id)
            return false;
    }
    return true;
}

const struct lki_api_name *lki_api_names(const struct lki_api *api, struct lki_arena *arena)
{
    const struct lki_history *history = lki_orchestrator_history(api->o);
    size_t count = lki_history_metric_count(history);
    struct lki_api_name *names = lki_arena_alloc(arena, count * sizeof(*names));
    struct lki_api_name **sorted = lki_arena_alloc(arena, count * sizeof(*sorted));
    size_t end;

    if (!names || !sorted)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct lki_metric *metric = lki_history_metric(history, i);

        names[i] = (struct lki_api_name){metric, plain_make(api, arena, metric), NULL};
        if (!names[i].plain)
            return NULL;
        sorted[i] = &names[i];
    }
    if (count)
        qsort(sorted, count, sizeof(*sorted), by_plain);
    for (size_t first = 0; first < count; first = end) {
        end = first + 1;
        while (end < count && !strcmp(sorted[end]->plain, sorted[first]->plain))
            end++;
        if (!group_tell_apart(arena, sorted + first, end - first))
            return NULL;
    }
    return names;
}
