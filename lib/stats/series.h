/*
 * The run second by second. Rows are made from the seconds in hand just before these are folded, so
 * the sums over all rows are the run's totals, but for what set-up and tear-down did.
 */
#ifndef LKI_STATS_SERIES_H
#define LKI_STATS_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "stats/hist.h"
#include "stats/metric.h"

#define LKI_SERIES_MAX_DEFAULT (7 * 24 * 3600)

struct lki_series_row {
    uint32_t t_s;    /* the second that the row is about, counted from the start of the run */
    uint32_t users;  /* active at its end */
    int64_t span_ns; /* how long it really was: the last one is shorter, one after a stall longer */
    uint64_t iterations;
    uint64_t steps;
    uint64_t step_errors;
    uint64_t requests;
    uint64_t errors; /* of requests */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t p50_ns; /* of requests; of steps in a run that made no request yet */
    int64_t p95_ns;
    int64_t p99_ns;
};

struct lki_series {
    struct lki_series_row *rows;
    size_t len;
    size_t cap;
    size_t max;
    uint64_t joined;  /* seconds added to the row before: the maximum was reached, or no memory */
    uint64_t partial; /* seconds whose percentiles lack values for want of memory */
    int64_t end_ns;   /* of the last row, since the start of the run */
    struct lki_totals seen;  /* what the rows account for */
    struct lki_hist latency; /* of the last row, from the metrics of this source */
    enum lki_source source;
};

/* max_rows 0: a week of seconds. LK_E_NOMEM leaves a series that can be released. */
enum lk_err lki_series_init(struct lki_series *series, size_t max_rows);
void lki_series_release(struct lki_series *series);

/* The run starts now: what was recorded before, and folded, is of none of its seconds. */
void lki_series_start(struct lki_series *series, const struct lki_metrics *metrics);

/*
 * A row for what happened since the last call: to be called each second, just before
 * lki_metrics_fold, and once more at the end. t_ns is the time since the start of the run. What
 * lasted only some milliseconds, or begins in the same second as the last row, is added to that
 * row.
 */
void lki_series_add(struct lki_series *series, struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users);

/* The last row, or NULL. */
static inline const struct lki_series_row *lki_series_last(const struct lki_series *series)
{
    return series->len ? &series->rows[series->len - 1] : NULL;
}

#endif
