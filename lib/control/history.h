/*
 * A run as it is seen from outside while it is on, and after: each second of each metric, and the
 * last minute. A second is made of what all workers told of it, so that one who was out of reach
 * for a while fills its own seconds, and nobody's load seems to come in bursts. Histograms are
 * added, never percentiles: those of a minute are as exact as those of a second.
 */
#ifndef LKI_CONTROL_HISTORY_H
#define LKI_CONTROL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "control/core.h"
#include "stats/metric.h"
#include "stats/probe.h"

#define LKI_HISTORY_WINDOW_S 60

struct lki_history;

/* Of one metric over some time. Latencies are NAN when there was none. */
struct lki_aggregate {
    double span_s; /* 0: there was no time yet */
    uint64_t requests;
    uint64_t errors;
    uint64_t cancelled; /* neither errors nor successes */
    uint64_t fatal;     /* lifecycle failures, and what authors call so */
    double avg_ms, median_ms, p95_ms, p99_ms;
};

enum lk_err lki_history_new(struct lki_history **out);
/* NULL is ignored. */
void lki_history_free(struct lki_history *history);

/* Another run begins: everything is forgotten. now_s: wall
 * clock, since 1970, just when its core was made. */
void lki_history_begin(struct lki_history *history, double now_s);
/* The same under a core that goes on where another one was: the seconds that it knows have their
 * points, in which there are no metrics. now_s: wall clock now. */
void lki_history_resume(struct lki_history *history, struct lki_core *core, double now_s);
/* From the core's on_told. */
void lki_history_told(struct lki_history *history, struct lki_core *core,
                      const struct lki_core_news *news);
/* To be called each second, and when the run is over: what is to be looked at becomes new.
 * LK_E_NOMEM: something is missing in it. */
enum lk_err lki_history_second(struct lki_history *history, struct lki_core *core);
/* To be called each second when no run is on: the last minute is that before now. now_s: wall
 * clock. False: nothing is new by that. */
bool lki_history_later(struct lki_history *history, double now_s);

/* ---- to be looked at, until the next run begins ---- */

/* Counts the seconds: something is new when it has risen. */
uint64_t lki_history_version(const struct lki_history *history);

/* Wall clock at the start of the users, which is second 0; 0: they have not begun. */
double lki_history_started_s(const struct lki_history *history);

/* Merged totals up to now, those of set-up and tear-down too: metrics, errors, examples, author's
 * metrics; phases, and latencies from the intended start, are left out. NULL: none yet. */
const struct lki_metrics *lki_history_metrics(const struct lki_history *history);

/* What is counted beside them, up to now. */
struct lki_history_counts {
    uint64_t hook_errors;
    bool rated; /* the run has arrivals: */
    uint64_t intended, started, dropped, late;
};

const struct lki_history_counts *lki_history_counts(const struct lki_history *history);

/* Metrics by their index, which stays the same all through a run. */
size_t lki_history_metric_count(const struct lki_history *history);
const struct lki_metric *lki_history_metric(const struct lki_history *history, size_t metric);

/* window: of the last minute of the users, or, when the run is over, before now; else since the
 * start. */
void lki_history_aggregate(struct lki_history *history, size_t metric, bool window,
                           struct lki_aggregate *out);
/* How often each code came; texts live until the next run begins. */
void lki_history_codes(struct lki_history *history, size_t metric, bool window,
                       void (*fn)(const char *code, const char *category, uint64_t count,
                                  void *arg),
                       void *arg);

/* What all users did together. */
struct lki_history_sums {
    uint64_t requests, errors, steps, step_errors;
};

/* A second of the run; before the last hours ten of them, before the last day a minute. */
struct lki_history_point {
    double ts;                      /* wall clock at its beginning */
    double span_s;                  /* the last second is shorter */
    uint64_t users;                 /* at its end */
    struct lki_history_sums before; /* what is in no metric: another orchestrator was told of it */
};

/* By time. */
size_t lki_history_len(const struct lki_history *history);
const struct lki_history_point *lki_history_point(const struct lki_history *history, size_t at);
/* The first that begins then or later; lki_history_len: none. */
size_t lki_history_find(const struct lki_history *history, double ts);
/* False: nothing happened there. */
bool lki_history_at(const struct lki_history *history, size_t at, size_t metric,
                    struct lki_aggregate *out);

/* Probes, in the order of the model. */
struct lki_history_probe {
    const struct lki_probe_log *log; /* without readings but the recent ones */
    uint64_t window_successes;       /* of the last minute */
    uint64_t window_errors;
};

size_t lki_history_probe_count(const struct lki_history *history);
void lki_history_probe(const struct lki_history *history, size_t probe,
                       struct lki_history_probe *out);
/* The name of a worker that has read one; "" for one that is not known. */
const char *lki_history_worker(const struct lki_history *history, uint64_t worker);

#endif
