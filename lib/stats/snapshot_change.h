/*
 * What came to the metrics of a worker between two of its snapshots: for the seconds of a run,
 * metric by metric, where its totals alone are told.
 */
#ifndef LKI_STATS_SNAPSHOT_CHANGE_H
#define LKI_STATS_SNAPSHOT_CHANGE_H

#include "stats/metric.h"

struct lki_snapshot_bytes {
    const void *data;
    size_t len; /* 0: none was told */
};

/* Where the change of a metric is to be added; NULL: there is no memory, and it is left out. */
typedef struct lki_tally *lki_tally_place(struct lki_metric *metric, void *arg);

/*
 * Counts, codes and latencies of each metric that has changed; neither bytes nor phases nor
 * latencies from the intended start. names: where metrics and codes get their place. LK_E_FORMAT:
 * these are no two snapshots of one worker, the later one behind the earlier; what comes before the
 * flaw was added. LK_E_NOMEM: something was left out.
 */
enum lk_err lki_snapshot_change(struct lki_metrics *names, struct lki_snapshot_bytes before,
                                struct lki_snapshot_bytes now, lki_tally_place *place, void *arg);

#endif
