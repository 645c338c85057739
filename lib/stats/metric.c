#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "stats/example.h"
#include "stats/metric_inner.h"

const char *lki_source_name(enum lki_source source)
{
    static const char *const names[LKI_SOURCE_COUNT] = {
        [LKI_SOURCE_STEP] = "step",           [LKI_SOURCE_HTTP] = "http",
        [LKI_SOURCE_LIFECYCLE] = "lifecycle", [LKI_SOURCE_CUSTOM] = "custom",
        [LKI_SOURCE_CHECK] = "check",         [LKI_SOURCE_WEBSOCKET] = "websocket",
        [LKI_SOURCE_JSONRPC] = "jsonrpc",
    };

    return names[source];
}

void lki_metrics_init(struct lki_metrics *metrics, size_t max_metrics, size_t max_error_groups)
{
    *metrics = (struct lki_metrics){
        .max = max_metrics ? max_metrics : LKI_METRICS_MAX_DEFAULT,
        .error_max = max_error_groups ? max_error_groups : LKI_ERROR_GROUPS_MAX_DEFAULT,
        .other_errors = {.step = "", .message = LKI_ERROR_OVERFLOW_MESSAGE},
    };
    metrics->totals = &metrics->own_totals;
    for (int s = 0; s < LKI_SOURCE_COUNT; s++) {
        metrics->overflow[s] = (struct lki_metric){
            .totals = metrics->totals,
            .source = (enum lki_source)s,
            .id = LKI_METRIC_OVERFLOW_NAME,
            .name = LKI_METRIC_OVERFLOW_NAME,
            .step = "",
            .kind = lki_source_name((enum lki_source)s),
            .stage = "",
        };
    }
}

void lki_metrics_count_at(struct lki_metrics *metrics, struct lki_totals *place)
{
    metrics->totals = place;
    for (int s = 0; s < LKI_SOURCE_COUNT; s++)
        metrics->overflow[s].totals = place;
}

void lki_metrics_start(struct lki_metrics *metrics, const struct lki_clock *clock, int64_t start_ns)
{
    metrics->clock = clock;
    metrics->start_ns = start_ns;
    for (struct lki_error_group *group = metrics->first_error; group; group = group->next)
        group->first_ns = 0;
}

int64_t lki_metrics_elapsed(const struct lki_metrics *metrics)
{
    return metrics->clock ? lki_clock_now(metrics->clock) - metrics->start_ns : 0;
}

static bool is_overflow(const struct lki_metrics *metrics, const struct lki_metric *metric)
{
    return metric == &metrics->overflow[metric->source];
}

void lki_metrics_release(struct lki_metrics *metrics)
{
    struct lki_metric *metric = metrics->first;

    while (metric) {
        struct lki_metric *next = metric->next;

        lki_tally_release(&metric->second);
        lki_tally_release(&metric->total);
        lki_examples_release(metric->examples);
        if (!is_overflow(metrics, metric))
            free(metric);
        metric = next;
    }
    lki_metrics_errors_release(metrics);
    lki_map_release(&metrics->by_key);
    lki_codebook_release(&metrics->codes);
    lki_customs_release(&metrics->customs);
    *metrics = (struct lki_metrics){0};
}

void lki_metrics_clear(struct lki_metrics *metrics)
{
    for (struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        lki_tally_reset(&metric->second);
        lki_tally_reset(&metric->total);
    }
    lki_metrics_errors_clear(metrics);
    for (size_t i = 0; i < metrics->customs.count; i++) {
        struct lki_custom *custom = &metrics->customs.all[i];

        lki_custom_tally_release(&custom->second);
        lki_custom_tally_release(&custom->total);
        custom->second = (struct lki_custom_tally){0};
        custom->total = (struct lki_custom_tally){0};
    }
    *metrics->totals = (struct lki_totals){0};
    metrics->overflowed = 0;
    metrics->codes.overflowed = 0;
}

/* Appends; the overflow metrics stand in the same list once they are used. */
static void metric_link(struct lki_metrics *metrics, struct lki_metric *metric)
{
    metric->number = metrics->linked++;
    if (metrics->last)
        metrics->last->next = metric;
    else
        metrics->first = metric;
    metrics->last = metric;
}

struct lki_metric *lki_metrics_overflow(struct lki_metrics *metrics, enum lki_source source)
{
    struct lki_metric *metric = &metrics->overflow[source];

    if (!metric->next && metrics->last != metric)
        metric_link(metrics, metric);
    return metric;
}

/* Only these have an id of their own wherever they come up: what happens inside a step is told
 * apart by it. */
static bool is_inside(enum lki_source source, size_t step_len)
{
    return step_len && source != LKI_SOURCE_STEP && source != LKI_SOURCE_LIFECYCLE;
}

/* Key: source, step, 0, perhaps kind, 0, stage, 0, and from name_at on the name. Strings of the
 * metric: these inside the key, then the id, whose end is the name. */
static struct lki_metric *metric_new(struct lki_metrics *metrics, enum lki_source source,
                                     const struct lki_key *key, size_t step_len, size_t name_at)
{
    size_t name_len = key->len - name_at;
    bool inside = is_inside(source, step_len);
    size_t id_len = inside ? step_len + 1 + name_len : name_len;
    struct lki_metric *metric;
    void *block;
    char *kept;
    char *id;

    if (metrics->count >= metrics->max)
        return NULL;
    kept = lki_key_block(sizeof(*metric), key, id_len + 1, &block);
    if (!kept)
        return NULL;
    if (lki_map_put(&metrics->by_key, kept, key->len, block)) {
        free(block);
        return NULL;
    }
    id = kept + key->len;
    if (inside) {
        memcpy(id, kept + 1, step_len);
        id[step_len] = '/';
    }
    memcpy(id + id_len - name_len, kept + name_at, name_len);
    metric = block;
    metric->totals = metrics->totals;
    metric->source = source;
    metric->id = id;
    metric->name = id + id_len - name_len;
    metric->step = kept + 1;
    metric->kind = lki_source_name(source);
    metric->stage = "";
    if (name_at > step_len + 2) {
        metric->kind = kept + step_len + 2;
        metric->stage = metric->kind + strlen(metric->kind) + 1;
    }
    metrics->count++;
    metric_link(metrics, metric);
    return metric;
}

/* The metric of a key that lacks its name yet. */
static struct lki_metric *metric_get(struct lki_metrics *metrics, enum lki_source source,
                                     struct lki_key *key, size_t step_len, const char *name,
                                     size_t name_len)
{
    size_t name_at = key->len;
    struct lki_metric *metric;

    lki_key_add(key, name, lki_text_cut(name, name_len, LKI_METRIC_NAME_MAX));
    metric = lki_map_get(&metrics->by_key, key->bytes, key->len);
    if (LKI_UNLIKELY(!metric))
        metric = metric_new(metrics, source, key, step_len, name_at);
    if (LKI_LIKELY(metric != NULL))
        return metric;
    metrics->overflowed++;
    return lki_metrics_overflow(metrics, source);
}

struct lki_metric *lki_metrics_find(struct lki_metrics *metrics, enum lki_source source,
                                    const char *step, const char *name, size_t name_len)
{
    struct lki_key key;
    size_t step_len = lki_key_begin(&key, source, step);

    return metric_get(metrics, source, &key, step_len, name, name_len);
}

struct lki_metric *lki_metrics_find_emitted(struct lki_metrics *metrics, const char *step,
                                            const char *name, const char *kind, const char *stage)
{
    struct lki_key key;
    size_t step_len = lki_key_begin(&key, LKI_SOURCE_CUSTOM, step);

    lki_key_add(&key, kind, strlen(kind) + 1);
    lki_key_add(&key, stage, strlen(stage) + 1);
    return metric_get(metrics, LKI_SOURCE_CUSTOM, &key, step_len, name, strlen(name));
}

void lki_metric_full_id(char *out, size_t size, const char *id, const char *kind, const char *stage)
{
    snprintf(out, size, "%s (%s%s%s)", id, kind, *stage ? ", " : "", stage);
}

static inline void totals_add(struct lki_metric *metric, bool error)
{
    struct lki_totals *totals = metric->totals;

    if (metric->source == LKI_SOURCE_HTTP) {
        totals->http_requests++;
        totals->http_errors += error;
    } else if (metric->source == LKI_SOURCE_STEP) {
        totals->steps++;
        totals->step_errors += error;
    }
}

static inline void count(struct lki_metric *metric, lki_code code, enum lki_verdict verdict)
{
    metric->second.count++;
    metric->second.errors += verdict == LKI_SAMPLE_ERROR;
    lki_codes_add(&metric->second.codes, code, 1);
    totals_add(metric, verdict == LKI_SAMPLE_ERROR);
}

void lki_metric_count(struct lki_metric *metric, lki_code code, enum lki_verdict verdict)
{
    count(metric, code, verdict);
}

void lki_metric_record_simple(struct lki_metric *metric, lki_code code, enum lki_verdict verdict,
                              int64_t latency_ns)
{
    struct lki_tally *second = &metric->second;

    count(metric, code, verdict);
    if (LKI_UNLIKELY(verdict == LKI_SAMPLE_CANCELLED))
        second->cancelled++;
    else
        lki_hist_record(&second->latency, latency_ns);
}

void lki_metric_add_bytes(struct lki_metric *metric, uint64_t sent, uint64_t received)
{
    metric->second.bytes_sent += sent;
    metric->second.bytes_received += received;
    metric->totals->bytes_sent += sent;
    metric->totals->bytes_received += received;
}

void lki_metric_record(struct lki_metric *metric, const struct lki_sample *sample)
{
    struct lki_tally *second = &metric->second;

    lki_metric_record_simple(metric, sample->code, sample->verdict, sample->latency_ns);
    lki_metric_add_bytes(metric, sample->bytes_sent, sample->bytes_received);
    if (LKI_UNLIKELY(sample->verdict == LKI_SAMPLE_CANCELLED))
        return;
    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        if (sample->phase_ns[p] >= 0)
            lki_hist_record(&second->phases[p], sample->phase_ns[p]);
    }
    if (LKI_UNLIKELY(sample->late_ns >= 0))
        lki_metric_record_late(metric, sample->late_ns + sample->latency_ns);
}

void lki_metric_record_late(struct lki_metric *metric, int64_t latency_ns)
{
    lki_hist_record(&metric->second.intended, latency_ns);
}

void lki_metrics_fold(struct lki_metrics *metrics)
{
    for (struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        if (metric->second.count) {
            lki_tally_merge(&metric->total, &metric->second);
            lki_tally_reset(&metric->second);
        }
    }
    lki_customs_fold(&metrics->customs);
}

lki_code lki_metrics_code(struct lki_metrics *metrics, const char *name, const char *category)
{
    return lki_codebook_code(&metrics->codes, name, category);
}

const char *lki_metrics_code_name(const struct lki_metrics *metrics, lki_code code)
{
    return lki_codebook_name(&metrics->codes, code);
}

const char *lki_metrics_code_category(const struct lki_metrics *metrics, lki_code code)
{
    return lki_codebook_category(&metrics->codes, code);
}
