/* The history as it is looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/history_inner.h"

uint64_t lki_history_version(const struct lki_history *history)
{
    return history->version;
}

double lki_history_started_s(const struct lki_history *history)
{
    return history->origin_s;
}

const struct lki_metrics *lki_history_metrics(const struct lki_history *history)
{
    return history->bound ? &history->merged : NULL;
}

const struct lki_history_counts *lki_history_counts(const struct lki_history *history)
{
    return &history->counts;
}

size_t lki_history_metric_count(const struct lki_history *history)
{
    return history->metric_count;
}

const struct lki_metric *lki_history_metric(const struct lki_history *history, size_t metric)
{
    return history->metrics[metric];
}

static struct lki_aggregate aggregate_of(const struct lki_tally *tally, int64_t span_ns)
{
    const struct lki_hist *latency = &tally->latency;
    const double ms = LKI_NS_PER_MS;
    struct lki_aggregate aggregate = {.span_s = (double)span_ns / (double)LKI_NS_PER_S,
                                      .requests = tally->count,
                                      .errors = tally->errors,
                                      .cancelled = tally->cancelled,
                                      .fatal = tally->fatal,
                                      .avg_ms = NAN,
                                      .median_ms = NAN,
                                      .p95_ms = NAN,
                                      .p99_ms = NAN};

    if (!latency->count)
        return aggregate;
    aggregate.avg_ms = (double)latency->sum / (double)latency->count / ms;
    aggregate.median_ms = (double)lki_hist_quantile(latency, 0.5) / ms;
    aggregate.p95_ms = (double)lki_hist_quantile(latency, 0.95) / ms;
    aggregate.p99_ms = (double)lki_hist_quantile(latency, 0.99) / ms;
    return aggregate;
}

/* The last minute of what has points, and of what came after it. */
static void add_window(struct lki_history *history, size_t metric, struct lki_tally *into,
                       int64_t *span_ns)
{
    uint64_t until_s = history->next_s + history->idle_s;
    uint64_t from_s = 0;

    *span_ns = 0;
    if (!history->begun || !history->next_s)
        return;
    if (until_s > LKI_HISTORY_WINDOW_S)
        from_s = until_s - LKI_HISTORY_WINDOW_S;
    if (from_s < history->own_s)
        from_s = history->own_s;
    if (from_s >= history->next_s)
        return;
    *span_ns = history->end_ns + ((int64_t)history->idle_s - (int64_t)from_s) * LKI_NS_PER_S;
    for (uint64_t second_s = from_s; second_s < history->next_s; second_s++) {
        const struct lki_recent_second *second = lki_recent_at(&history->recent, second_s);

        if (second)
            lki_recent_add(second, metric, into);
    }
}

/* NULL without memory. */
static struct lki_window *window_of(struct lki_history *history, size_t metric)
{
    struct lki_window *window;
    struct lki_tally sum = {0};
    int64_t span_ns;

    while (metric >= history->window_cap) {
        size_t before = history->window_cap;
        struct lki_window *windows = lki_room(history->windows, before, &history->window_cap,
                                              sizeof(*windows));

        if (!windows)
            return NULL;
        memset(windows + before, 0, (history->window_cap - before) * sizeof(*windows));
        history->windows = windows;
    }
    window = &history->windows[metric];
    if (window->version == history->version)
        return window;
    add_window(history, metric, &sum, &span_ns);
    lki_codes_release(&window->codes);
    window->version = history->version;
    window->aggregate = aggregate_of(&sum, span_ns);
    window->codes = sum.codes;
    sum.codes = (struct lki_codes){0};
    lki_tally_release(&sum);
    return window;
}

void lki_history_aggregate(struct lki_history *history, size_t metric, bool window,
                           struct lki_aggregate *out)
{
    static const struct lki_tally nothing = {0};
    const struct lki_window *last = window ? window_of(history, metric) : NULL;

    if (last)
        *out = last->aggregate;
    else if (window)
        *out = aggregate_of(&nothing, 0);
    else
        *out = aggregate_of(&history->metrics[metric]->total, history->end_ns);
}

void lki_history_codes(struct lki_history *history, size_t metric, bool window,
                       void (*fn)(const char *code, const char *category, uint64_t count,
                                  void *arg),
                       void *arg)
{
    const struct lki_metrics *metrics = &history->merged;
    const struct lki_window *last = window ? window_of(history, metric) : NULL;
    const struct lki_codes *codes = last ? &last->codes : &history->metrics[metric]->total.codes;
    const struct lki_code_count *all = lki_codes_all(codes);

    if (window && !last)
        return;
    for (uint16_t i = 0; i < codes->len; i++) {
        if (all[i].count)
            fn(lki_metrics_code_name(metrics, all[i].code),
               lki_metrics_code_category(metrics, all[i].code), all[i].count, arg);
    }
    if (codes->lost)
        fn(lki_code_name(LKI_CODE_OTHER), lki_code_category(LKI_CODE_OTHER), codes->lost, arg);
}

/* ---- points ---- */

size_t lki_history_len(const struct lki_history *history)
{
    return lki_points_len(&history->points);
}

const struct lki_history_point *lki_history_point(const struct lki_history *history, size_t at)
{
    return &lki_points_at(&history->points, at)->point;
}

size_t lki_history_find(const struct lki_history *history, double ts)
{
    size_t low = 0;
    size_t high = lki_history_len(history);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (lki_history_point(history, middle)->ts < ts)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool lki_history_at(const struct lki_history *history, size_t at, size_t metric,
                    struct lki_aggregate *out)
{
    const struct lki_points_entry *entry = lki_points_at(&history->points, at);
    const struct lki_cell *cell = lki_points_cell(entry, metric);
    bool timed = cell && cell->avg_ms >= 0;

    if (!cell)
        return false;
    *out = (struct lki_aggregate){.span_s = entry->point.span_s,
                                  .requests = cell->requests,
                                  .errors = cell->errors,
                                  .cancelled = cell->cancelled,
                                  .fatal = cell->fatal,
                                  .avg_ms = timed ? (double)cell->avg_ms : (double)NAN,
                                  .median_ms = timed ? (double)cell->median_ms : (double)NAN,
                                  .p95_ms = timed ? (double)cell->p95_ms : (double)NAN,
                                  .p99_ms = timed ? (double)cell->p99_ms : (double)NAN};
    return true;
}

/* ---- probes ---- */

size_t lki_history_probe_count(const struct lki_history *history)
{
    return history->probe_count;
}

/* Since a mark; what could not be read any more is in none. */
static uint64_t since(uint64_t now, uint64_t mark)
{
    return now > mark ? now - mark : 0;
}

void lki_history_probe(const struct lki_history *history, size_t probe,
                       struct lki_history_probe *out)
{
    const struct lki_probe_log *log = &history->logs[probe];
    const struct lki_marks *marks = &history->marks[probe];
    size_t oldest = (history->marked_s + 1) % (LKI_HISTORY_WINDOW_S + 1);
    uint64_t count = since(log->count, marks->count[oldest]);
    uint64_t errors = since(log->errors, marks->errors[oldest]);

    *out = (struct lki_history_probe){
        .log = log, .window_successes = since(count, errors), .window_errors = errors};
}

const char *lki_history_worker(const struct lki_history *history, uint64_t worker)
{
    return worker && worker <= history->name_count ? history->names[worker - 1] : "";
}
