#include "stats/series.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define FIRST_ROWS 64
/* Shorter spans are the tail that a tick leaves behind, not a second of their own. It is also how
 * early a tick may come without being taken for the second before. */
#define SPAN_MIN_NS (50 * LKI_NS_PER_MS)

/* Room for one more row; false without memory, or at the maximum. */
static bool series_grow(struct lki_series *series)
{
    size_t cap = lki_min(series->cap ? series->cap * 2 : FIRST_ROWS, series->max);
    struct lki_series_row *rows;

    if (series->len < series->cap)
        return true;
    if (series->len >= series->max)
        return false;
    rows = realloc(series->rows, cap * sizeof(*rows));
    if (!rows)
        return false;
    series->rows = rows;
    series->cap = cap;
    return true;
}

enum lk_err lki_series_init(struct lki_series *series, size_t max_rows)
{
    *series = (struct lki_series){.max = max_rows ? max_rows : LKI_SERIES_MAX_DEFAULT};
    return series_grow(series) ? LK_OK : LK_E_NOMEM;
}

void lki_series_release(struct lki_series *series)
{
    free(series->rows);
    lki_hist_release(&series->latency);
    *series = (struct lki_series){0};
}

/* The row that takes what happened since the last one ended: a new one, or that one again. */
static struct lki_series_row *row_take(struct lki_series *series, int64_t t_ns)
{
    struct lki_series_row *last = series->len ? &series->rows[series->len - 1] : NULL;
    uint32_t t_s = (uint32_t)((series->end_ns + SPAN_MIN_NS) / LKI_NS_PER_S);

    if (last && (t_ns - series->end_ns < SPAN_MIN_NS || t_s <= last->t_s))
        return last;
    if (!series_grow(series)) {
        series->joined++;
        return last;
    }
    lki_hist_reset(&series->latency);
    last = &series->rows[series->len++];
    *last = (struct lki_series_row){.t_s = t_s};
    return last;
}

static void row_count(struct lki_series_row *row, const struct lki_totals *now,
                      const struct lki_totals *seen)
{
    row->iterations += now->iterations - seen->iterations;
    row->steps += now->steps - seen->steps;
    row->step_errors += now->step_errors - seen->step_errors;
    row->requests += now->http_requests - seen->http_requests;
    row->errors += now->http_errors - seen->http_errors;
    row->bytes_sent += now->bytes_sent - seen->bytes_sent;
    row->bytes_received += now->bytes_received - seen->bytes_received;
}

void lki_series_add(struct lki_series *series, struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users)
{
    enum lki_source source = metrics->totals.http_requests ? LKI_SOURCE_HTTP : LKI_SOURCE_STEP;
    struct lki_series_row *row = row_take(series, t_ns);
    bool partial = false;

    if (!row)
        return;
    row_count(row, &metrics->totals, &series->seen);
    series->seen = metrics->totals;
    if (series->source != source)
        lki_hist_reset(&series->latency);
    series->source = source;
    for (struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        if (metric->source == source)
            partial |= lki_hist_merge(&series->latency, &metric->second.latency) != LK_OK;
    }
    series->partial += partial;
    row->users = (uint32_t)users;
    row->span_ns += t_ns - series->end_ns;
    row->p50_ns = lki_hist_quantile(&series->latency, 0.50);
    row->p95_ns = lki_hist_quantile(&series->latency, 0.95);
    row->p99_ns = lki_hist_quantile(&series->latency, 0.99);
    series->end_ns = t_ns;
}

void lki_series_start(struct lki_series *series, const struct lki_metrics *metrics)
{
    series->seen = metrics->totals;
}
