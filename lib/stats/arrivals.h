/*
 * Arrivals at a constant rate: how many iterations were to begin, how many did, and how late.
 */
#ifndef LKI_STATS_ARRIVALS_H
#define LKI_STATS_ARRIVALS_H

#include <stdint.h>

#include "base/clock.h"
#include "stats/hist.h"

/* Who begins later than this after the intended time is counted as late. */
#define LKI_LATE_NS (10 * LKI_NS_PER_MS)

/* Zeroed: empty and ready. At the end of a run started + dropped == intended. */
struct lki_arrival_log {
    double rate_per_s; /* 0: a run without arrivals */
    uint64_t intended; /* whose time has come */
    uint64_t started;
    uint64_t dropped;         /* no user was free for them in time */
    uint64_t late;            /* of those that started */
    struct lki_hist lateness; /* of those that started */
};

/* Of those whose time has come, the ones that do not wait any more. */
struct lki_arrival_counts {
    uint64_t started;
    uint64_t dropped;
    uint64_t late;
};

/* One that was to begin and begins now, late_ns afterwards; to be counted as intended elsewhere. */
static inline void lki_arrival_start(struct lki_arrival_log *log, int64_t late_ns)
{
    log->started++;
    log->late += late_ns > LKI_LATE_NS;
    lki_hist_record(&log->lateness, late_ns);
}

static inline void lki_arrivals_release(struct lki_arrival_log *log)
{
    lki_hist_release(&log->lateness);
    *log = (struct lki_arrival_log){0};
}

#endif
