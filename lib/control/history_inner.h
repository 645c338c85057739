/* What the parts of the history share. */
#ifndef LKI_CONTROL_HISTORY_INNER_H
#define LKI_CONTROL_HISTORY_INNER_H

#include "control/history.h"
#include "control/points.h"
#include "control/recent.h"

/* The window of a metric, as it was when somebody looked. */
struct lki_window {
    uint64_t version;
    struct lki_aggregate aggregate;
    struct lki_codes codes;
};

/* Counts of a probe at the end of each of the last seconds. */
struct lki_marks {
    uint64_t count[LKI_HISTORY_WINDOW_S + 1];
    uint64_t errors[LKI_HISTORY_WINDOW_S + 1];
};

/* What comes to a point that is longer than a second. */
struct lki_gathered {
    struct lki_tallies tallies;
    double span_s;
    uint64_t users;
    struct lki_history_sums before;
};

struct lki_history {
    double now_s; /* when its core was made */
    uint64_t version;
    bool bound; /* to a run: what follows is of its model */
    struct lki_metrics merged;
    struct lki_history_counts counts;
    struct lki_probe_log *logs;
    struct lki_marks *marks;
    size_t probe_count;
    char **names; /* of workers, by number from 1 */
    size_t name_count, name_cap;
    struct lki_metric **metrics; /* by number */
    size_t metric_count, metric_cap;
    struct lki_window *windows;
    size_t window_cap;

    bool told; /* of some second */
    struct lki_recent recent;
    bool begun;      /* there is a point: */
    uint64_t next_s; /* the second that gets the next one */
    uint64_t own_s;  /* of seconds before it metrics are not known: another orchestrator was told */
    int64_t end_ns;  /* of the last one, since the start */
    uint64_t idle_s; /* so many have gone by since, the run being over; not beyond the window */
    uint64_t users;  /* at its end */
    double origin_s; /* wall clock at the start */
    struct lki_points points;
    struct lki_gathered ten, minute;
    uint64_t marked_s; /* up to here there are marks */
    bool starved;      /* something is missing in what is to be looked at next */
};

/* ---- history_points.c ---- */

/* The second, among those that are kept; NULL: it is over for too long. */
struct lki_recent_second *lki_history_second_at(struct lki_history *history, uint64_t second_s);
/* The first point is that of the first second of which anybody tells. False: nobody does so far. */
bool lki_history_begin_points(struct lki_history *history);
/* Up to that second all have their points. */
void lki_history_close_until(struct lki_history *history, uint64_t until_s);
/* What was told of seconds that have their points already. */
void lki_history_close_again(struct lki_history *history);

#endif
