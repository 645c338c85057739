/* Failures, counted by kind. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stats/metric_inner.h"

void lki_metrics_errors_release(struct lki_metrics *metrics)
{
    struct lki_error_group *group = metrics->first_error;

    while (group) {
        struct lki_error_group *next = group->next;

        if (group != &metrics->other_errors)
            free(group);
        group = next;
    }
    lki_map_release(&metrics->errors_by_key);
}

void lki_metrics_errors_clear(struct lki_metrics *metrics)
{
    struct lki_error_group *others = &metrics->other_errors;

    lki_metrics_errors_release(metrics);
    metrics->first_error = NULL;
    metrics->last_error = NULL;
    metrics->error_count = 0;
    *others = (struct lki_error_group){.step = others->step, .message = others->message};
}

static void group_link(struct lki_metrics *metrics, struct lki_error_group *group)
{
    if (metrics->last_error)
        metrics->last_error->next = group;
    else
        metrics->first_error = group;
    metrics->last_error = group;
}

/* Key: source, step, 0, code, message. */
static struct lki_error_group *group_new(struct lki_metrics *metrics, const struct lki_key *key,
                                         size_t step_len)
{
    struct lki_error_group *group;
    void *block;
    char *kept;

    if (metrics->error_count >= metrics->error_max)
        return NULL;
    kept = lki_key_block(sizeof(*group), key, 1, &block);
    if (!kept)
        return NULL;
    if (lki_map_put(&metrics->errors_by_key, kept, key->len, block)) {
        free(block);
        return NULL;
    }
    group = block;
    group->source = (enum lki_source)kept[0];
    group->step = kept + 1;
    memcpy(&group->code, kept + step_len + 2, sizeof(group->code));
    group->message = kept + step_len + 2 + sizeof(group->code);
    metrics->error_count++;
    return group;
}

/* That of all others beyond the cap, or without memory. */
static struct lki_error_group *group_get(struct lki_metrics *metrics, enum lki_source source,
                                         const char *step, lki_code code, const char *message)
{
    struct lki_error_group *group;
    size_t step_len;
    struct lki_key key;

    step_len = lki_key_begin(&key, source, step);
    lki_key_add(&key, &code, sizeof(code));
    lki_key_add(&key, message, lki_text_cut(message, strlen(message), LKI_ERROR_MESSAGE_MAX));
    group = lki_map_get(&metrics->errors_by_key, key.bytes, key.len);
    if (!group)
        group = group_new(metrics, &key, step_len);
    return group ? group : &metrics->other_errors;
}

struct lki_error_group *lki_metrics_error(struct lki_metrics *metrics, enum lki_source source,
                                          const char *step, lki_code code, const char *message,
                                          uint64_t user_id)
{
    struct lki_error_group *group = group_get(metrics, source, step, code, message ? message : "");

    if (!group->count++) {
        group->first_user = user_id;
        group->first_ns = lki_metrics_elapsed(metrics);
        group_link(metrics, group);
    }
    return group;
}

enum lk_err lki_metrics_error_merge(struct lki_metrics *metrics, const struct lki_error_group *from,
                                    bool others)
{
    struct lki_error_group *group = &metrics->other_errors;

    if (!others)
        group = group_get(metrics, from->source, from->step, from->code, from->message);
    if (!group->count)
        group_link(metrics, group);
    if (!group->count || from->first_ns < group->first_ns) {
        group->first_user = from->first_user;
        group->first_ns = from->first_ns;
        group->first_took_ns = from->first_took_ns;
        group->first_worker = from->first_worker;
    }
    group->count += from->count;
    if (!others && group == &metrics->other_errors && metrics->error_count < metrics->error_max)
        return LK_E_NOMEM;
    return LK_OK;
}
