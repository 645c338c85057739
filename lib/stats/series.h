/*
 * The run second by second. Who records cuts off a change just before the seconds in hand are
 * folded, so that the sums over all of them are the run's totals, but for what set-up and tear-down
 * did; who merges adds the changes of all workers up to rows.
 */
#ifndef LKI_STATS_SERIES_H
#define LKI_STATS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "stats/hist.h"
#include "stats/metric.h"

#define LKI_SERIES_MAX_DEFAULT (7 * 24 * 3600)
/* So many of the newest rows keep their latencies, for workers that report late. */
#define LKI_SERIES_RECENT 8

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

/*
 * What one worker did since it was asked last. A second may come in several changes: each has the
 * counts since the one before, the span of the whole second up to now, and the users that have been
 * added to those of the change before, modulo 2^32 if some have left. Percentiles are not made.
 */
struct lki_series_change {
    struct lki_series_row row;
    enum lki_source source; /* of which metrics the latencies are */
    struct lki_hist latency;
};

/* The latencies of a row that may still get some. */
struct lki_series_recent {
    size_t number; /* of the row, from 1; 0: there is none */
    enum lki_source source;
    bool partial;
    struct lki_hist latency;
};

struct lki_series {
    struct lki_series_row *rows;
    size_t len;
    size_t cap;
    size_t max;
    uint64_t joined; /* seconds added to the row before: the maximum was reached, or no memory */
    /* seconds whose percentiles lack values for want of memory, and changes that came too late for
     * those of their second */
    uint64_t partial;
    uint32_t newest_s;       /* of the seconds that have come */
    int64_t joined_after_ns; /* span of the last row before the newest second was joined to it */
    bool http;               /* requests were made, from http_since_s on */
    uint32_t http_since_s;
    struct lki_series_recent recent[LKI_SERIES_RECENT];

    /* of who records */
    bool cut;               /* there is a change */
    uint32_t users;         /* when it was made */
    int64_t end_ns;         /* of the change, since the start of the run */
    struct lki_totals seen; /* what all changes account for */
    struct lki_series_change change;
};

/* max_rows 0: a week of seconds. LK_E_NOMEM leaves a series that can be released. */
enum lk_err lki_series_init(struct lki_series *series, size_t max_rows);
void lki_series_release(struct lki_series *series);

/* The run starts now: what was recorded before, and folded, is of none of its seconds. */
void lki_series_start(struct lki_series *series, const struct lki_metrics *metrics);

/*
 * Makes series->change of what happened since the last call: to be called each second, just before
 * lki_metrics_fold, and once more at the end. t_ns is the time since the start of the run. What
 * lasted only some milliseconds, or begins in the same second as the last change, belongs to that
 * second. Rows are left alone.
 */
void lki_series_cut(struct lki_series *series, const struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users);

/* The same, and adds the change to the rows, which has no gaps filled. */
void lki_series_add(struct lki_series *series, const struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users);

/*
 * Adds a change of any worker to the row of its second: counts and users add up, the longest span
 * stays, percentiles are of all latencies. Changes may come in any order; the seconds before one
 * that is new get rows too. latency may be NULL. Of a second behind LKI_SERIES_RECENT others the
 * percentiles stay as they are. LK_E_NOMEM: there is no row at all, and nothing was added.
 */
enum lk_err lki_series_merge(struct lki_series *series, const struct lki_series_row *row,
                             enum lki_source source, const struct lki_hist *latency);

/* Adds users to the rows from first_s to last_s: those of a worker that was held up, and told of
 * all these seconds as of the one before. Rows that are not there are not made. */
void lki_series_hold(struct lki_series *series, uint32_t first_s, uint32_t last_s, uint32_t users);

/* A row as another series had it, of a later second than all that are there. LK_E_NOMEM. */
enum lk_err lki_series_restore(struct lki_series *series, const struct lki_series_row *row);

/* The last row, or NULL. */
static inline const struct lki_series_row *lki_series_last(const struct lki_series *series)
{
    return series->len ? &series->rows[series->len - 1] : NULL;
}

/* The row of that second, or NULL. */
const struct lki_series_row *lki_series_at(const struct lki_series *series, uint32_t t_s);

#endif
