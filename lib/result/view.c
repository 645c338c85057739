#include "result/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* "http" and "steps". */
#define SUMS 2
/* Of a step and a name, a kind and a stage. */
#define FULL_ID_BYTES (2 * LKI_METRIC_NAME_MAX + 2 * LKI_LABEL_MAX + 8)

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static void stats_fill(struct lk_stats *stats, const struct lki_result_metric *metric)
{
    const struct lki_summary *latency = &metric->latency;

    *stats = (struct lk_stats){
        .id = metric->id,
        .name = metric->name,
        .step = metric->step,
        .source = metric->kind,
        .count = metric->count,
        .errors = metric->errors,
        .cancelled = metric->cancelled,
        .bytes_sent = metric->bytes_sent,
        .bytes_received = metric->bytes_received,
        .avg_ms = ms(latency->avg_ns),
        .min_ms = ms(latency->min_ns),
        .p50_ms = ms(latency->p50_ns),
        .p90_ms = ms(latency->p90_ns),
        .p95_ms = ms(latency->p95_ns),
        .p99_ms = ms(latency->p99_ns),
        .p99_9_ms = ms(latency->p99_9_ns),
        .max_ms = ms(latency->max_ns),
    };
}

/* Of several metrics the first that has one. */
static const struct lki_result_example *
example_find(const struct lki_result *data, const struct lki_result_metric *metric, lki_code code)
{
    bool is_sum = metric == &data->all_http;
    size_t at = (size_t)(metric - data->metrics);

    for (size_t i = 0; i < data->example_count; i++) {
        const struct lki_result_example *example = &data->examples[i];

        if (example->code == code && (is_sum || example->metric == at))
            return example;
    }
    return NULL;
}

static enum lk_err view_fill(struct lk_result *result, const struct lki_result_metric *metric)
{
    struct lki_view *view = &result->views[result->view_count++];
    size_t bytes = metric->code_count * sizeof(*view->codes);

    stats_fill(&view->stats, metric);
    view->hist = &metric->hist;
    view->codes = lki_arena_alloc(&result->data.arena, bytes);
    if (!view->codes)
        return LK_E_NOMEM;
    view->code_count = metric->code_count;
    for (size_t i = 0; i < metric->code_count; i++) {
        lki_code code = metric->codes[i].code;
        const struct lki_result_example *example = example_find(&result->data, metric, code);

        view->codes[i] = (struct lk_code_stats){
            .code = metric->codes[i].name,
            .count = metric->codes[i].count,
            .request = example ? example->request : "",
            .answer = example ? example->answer : "",
            .body = example ? example->body : "",
        };
    }
    return LK_OK;
}

/* The same for what is over several metrics, which has an id of its own. */
static enum lk_err sum_fill(struct lk_result *result, const struct lki_result_metric *sum,
                            const char *id, const char *name)
{
    struct lk_stats *stats = &result->views[result->view_count].stats;
    enum lk_err err = view_fill(result, sum);

    stats->id = id;
    stats->name = name;
    return err;
}

static enum lk_err type_fill(struct lk_result *result, const struct lki_result_metric *type)
{
    static const char prefix[] = "vu:";
    size_t len = strlen(type->name);
    char *id = lki_arena_alloc(&result->data.arena, sizeof(prefix) + len);

    if (!id)
        return LK_E_NOMEM;
    memcpy(id, prefix, sizeof(prefix) - 1);
    memcpy(id + sizeof(prefix) - 1, type->name, len + 1);
    return sum_fill(result, type, id, type->name);
}

static enum lk_err views_fill(struct lk_result *result)
{
    const struct lki_result *data = &result->data;
    size_t count = data->metric_count + SUMS + data->type_count;
    enum lk_err err = LK_OK;

    result->views = lki_arena_alloc(&result->data.arena, count * sizeof(*result->views));
    if (!result->views)
        return LK_E_NOMEM;
    for (size_t i = 0; i < data->metric_count && !err; i++)
        err = view_fill(result, &data->metrics[i]);
    if (!err)
        err = sum_fill(result, &data->all_http, "http", "http");
    if (!err)
        err = sum_fill(result, &data->all_steps, "steps", "steps");
    for (size_t i = 0; i < data->type_count && !err; i++)
        err = type_fill(result, &data->types[i]);
    return err;
}

enum lk_err lki_view_new(struct lk_result **out, struct lki_result *data)
{
    struct lk_result *result = lki_zalloc(sizeof(*result));
    enum lk_err err = LK_E_NOMEM;

    if (result) {
        result->data = *data;
        err = views_fill(result);
    }
    if (!err) {
        *out = result;
        return LK_OK;
    }
    lki_result_release(result ? &result->data : data);
    free(result);
    return err;
}

void lki_view_free(struct lk_result *result)
{
    if (!result)
        return;
    lki_result_release(&result->data);
    free(result);
}

static bool has_id(const struct lki_result_metric *metric, const char *id)
{
    return !strcmp(metric->id, id);
}

/* "id (kind)" or "id (kind, stage)", as the report tells apart what has the same name. */
static bool has_full_id(const struct lki_result_metric *metric, const char *id)
{
    char full[FULL_ID_BYTES];

    lki_metric_full_id(full, sizeof(full), metric->id, metric->kind, "");
    if (!strcmp(full, id))
        return true;
    lki_metric_full_id(full, sizeof(full), metric->id, metric->kind, metric->stage);
    return *metric->stage && !strcmp(full, id);
}

/* Checks and samples may be called like a step or a request, whose ids shall mean them whatever was
 * recorded first. */
static bool comes_before(const struct lki_result_metric *a, const struct lki_result_metric *b)
{
    return a->source != b->source &&
           (a->source == LKI_SOURCE_STEP ||
            (a->source == LKI_SOURCE_HTTP && b->source != LKI_SOURCE_STEP));
}

static const struct lki_view *metric_find(const struct lk_result *result, const char *id,
                                          bool (*matches)(const struct lki_result_metric *metric,
                                                          const char *id))
{
    const struct lki_result_metric *metrics = result->data.metrics;
    const struct lki_view *found = NULL;

    for (size_t i = 0; i < result->data.metric_count; i++) {
        if (matches(&metrics[i], id) &&
            (!found || comes_before(&metrics[i], &metrics[found - result->views])))
            found = &result->views[i];
    }
    return found;
}

/* What is over several metrics comes first: a step of such a name is found by its place, or as
 * "steps (step)". */
const struct lki_view *lki_view_find(const struct lk_result *result, const char *id)
{
    const struct lki_view *found;

    for (size_t i = result->view_count; i-- > result->data.metric_count;) {
        if (!strcmp(result->views[i].stats.id, id))
            return &result->views[i];
    }
    found = metric_find(result, id, has_id);
    return found ? found : metric_find(result, id, has_full_id);
}

double lki_view_value(const struct lk_result *result, const char *name)
{
    const struct lki_result_custom *custom = result->data.customs;
    const struct lki_result_custom *end = custom + result->data.custom_count;

    while (custom < end && strcmp(custom->name, name) != 0)
        custom++;
    if (custom == end || !custom->count)
        return NAN;
    switch (custom->type) {
    case LK_COUNTER:
        return custom->sum;
    case LK_GAUGE:
        return custom->last;
    case LK_RATE:
        return (double)custom->hits / (double)custom->count;
    case LK_TREND:
        break;
    }
    return custom->avg;
}
