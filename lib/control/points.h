/*
 * The points of a run's curves, in bounded memory: seconds, before the oldest of these tens of
 * seconds, before the oldest of these minutes. All three are made from histograms as the run goes
 * on, so that none has to be made from percentiles of others.
 */
#ifndef LKI_CONTROL_POINTS_H
#define LKI_CONTROL_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "control/history.h"
#include "control/recent.h"

enum lki_scale { LKI_SCALE_SECOND, LKI_SCALE_TEN, LKI_SCALE_MINUTE, LKI_SCALE_COUNT };

/* Of each scale so many points are kept, and so many numbers of metrics in all of them. */
#define LKI_POINTS_MAX 7200
#define LKI_POINTS_CELLS_MAX ((size_t)1 << 19)

/* Seconds of one. */
uint64_t lki_scale_s(enum lki_scale scale);

/* What a metric did in the time of a point. */
struct lki_cell {
    uint32_t metric;
    uint32_t requests;
    uint32_t errors;
    uint32_t cancelled;
    uint32_t fatal;
    float avg_ms, median_ms, p95_ms, p99_ms;
};

struct lki_points_entry {
    struct lki_history_point point;
    struct lki_cell *cells; /* by metric */
    size_t count;
};

struct lki_points_list {
    struct lki_points_entry *entries; /* a ring */
    size_t cap;
    size_t head; /* the oldest one */
    size_t len;
    uint64_t first; /* what it is: the so manyth second, ten or minute of the run */
    size_t cells;
};

/* Zeroed: empty and ready. */
struct lki_points {
    struct lki_points_list lists[LKI_SCALE_COUNT];
};

/* The point of that index: the next one, or one that is there already. Without memory it is there
 * but empty, or, at worst, is not: LK_E_NOMEM. */
enum lk_err lki_points_put(struct lki_points *points, enum lki_scale scale, uint64_t index,
                           const struct lki_history_point *point,
                           const struct lki_tallies *tallies);
/* How many are to be seen: each moment of the run in one of them. */
size_t lki_points_len(const struct lki_points *points);
const struct lki_points_entry *lki_points_at(const struct lki_points *points, size_t at);
/* NULL: nothing of that metric. */
const struct lki_cell *lki_points_cell(const struct lki_points_entry *entry, size_t metric);
void lki_points_release(struct lki_points *points);

#endif
