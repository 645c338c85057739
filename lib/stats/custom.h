/*
 * Metrics of the author's own: trends, counters, gauges and rates, recorded by name. Like the other
 * metrics each has the second in hand and the totals up to it, and merges with what other workers
 * recorded. Memory does not grow with what is recorded.
 */
#ifndef LKI_STATS_CUSTOM_H
#define LKI_STATS_CUSTOM_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>
#include <loadkit/scenario.h>

#include "base/map.h"
#include "stats/hist.h"

#define LKI_TREND_RESOLUTION 0.001

/* Zeroed: empty and ready. */
struct lki_custom_tally {
    uint64_t count; /* of values */
    uint64_t hits;  /* of them, those that are not 0 */
    double sum;
    double min; /* 0 when empty, as are max and last */
    double max;
    double last;
    int64_t last_ns;        /* when last came, of a gauge; by the loop's clock */
    struct lki_hist values; /* of a trend, in thousandths of its resolution */
};

struct lki_custom {
    enum lk_metric_type type;
    const char *name;  /* as registered */
    const char *unit;  /* "" if none */
    double resolution; /* of a trend */
    struct lki_custom_tally second;
    struct lki_custom_tally total;
};

/* Those of one worker. Zeroed: none. */
struct lki_customs {
    struct lki_custom *all; /* in the order in which they were registered */
    size_t count;
    struct lki_map by_name;
};

/* "trend", "counter", "gauge", "rate". */
const char *lki_custom_type_name(enum lk_metric_type type);

/* One for each descriptor, of which names and units are borrowed. On failure there are none. */
enum lk_err lki_customs_init(struct lki_customs *customs, const struct lk_metric_def *const *defs,
                             size_t count);
void lki_customs_release(struct lki_customs *customs);

/* NULL when there is none of that name. */
struct lki_custom *lki_customs_find(const struct lki_customs *customs, const char *name);

/* A finite value; t_ns, by the loop's clock, tells which level of a gauge was the last. Not since
 * the start of the run, which is set anew when a set-up has ended. */
void lki_custom_record(struct lki_custom *custom, double value, int64_t t_ns);

/* Adds every second in hand to its totals and empties it. */
void lki_customs_fold(struct lki_customs *customs);

void lki_custom_tally_merge(struct lki_custom_tally *into, const struct lki_custom_tally *from);
void lki_custom_tally_release(struct lki_custom_tally *tally);

/* Of a trend's totals, as lki_hist_quantile has it, in units of the values. */
double lki_custom_quantile(const struct lki_custom *custom, double q);

#endif
