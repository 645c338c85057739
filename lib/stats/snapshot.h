/*
 * All that a worker has recorded, as bytes: what it sends, and what is merged from all of them.
 * Codes of authors travel by name. Times are since the start of the run.
 */
#ifndef LKI_STATS_SNAPSHOT_H
#define LKI_STATS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "stats/arrivals.h"
#include "stats/metric.h"
#include "stats/probe.h"

/* What is in a snapshot, of a worker or merged. */
struct lki_measured {
    struct lki_metrics *metrics;      /* totals, metrics, examples, errors, author's metrics */
    struct lki_arrival_log *arrivals; /* NULL: none */
    struct lki_probe_log *probes;     /* as registered */
    size_t probe_count;               /* 0 of a worker that has none of them */
    /* of who merges: */
    uint64_t worker; /* whose snapshot it is: who read the probes and saw failures; 0: not known */
    bool brief;      /* leave out phases, latencies from the intended start, and of readings all
                        but the recent ones */
};

/* Appends everything up to now, the second in hand too. */
void lki_snapshot_write(const struct lki_measured *from, struct lki_buf *out);

/*
 * Adds a snapshot to what into holds, which has the same author's metrics and probes: counts and
 * histograms are added, as are the rates of arrivals; of failures of one kind the earliest stays
 * the first, of an example that is there already the one that was there; a gauge keeps the level
 * that came last. Without arrivals in into those of the snapshot are left out. LK_E_FORMAT: these
 * are no such bytes; into is then to be thrown away. LK_E_NOMEM: everything was counted, but some
 * of it among the others of its kind or without its place in percentiles, or an example is missing.
 * When all are merged, lki_probe_log_settle puts the readings of a probe in order.
 */
enum lk_err lki_snapshot_merge(const struct lki_measured *into, const void *bytes, size_t len);

/* What is to be had without merging. */
struct lki_snapshot_head {
    struct lki_totals totals;
    uint64_t intended; /* arrivals; all 0 if there are none */
    uint64_t started;
    uint64_t dropped;
    uint64_t late;
};

/* LK_E_FORMAT: these are no such bytes; that the rest of them is good is not said. */
enum lk_err lki_snapshot_read_head(struct lki_snapshot_head *head, const void *bytes, size_t len);

#endif
