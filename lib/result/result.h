/*
 * A finished run as plain data: what is printed, saved and compared. It owns all that it points to
 * and knows nothing of the workers it came from.
 */
#ifndef LKI_RESULT_RESULT_H
#define LKI_RESULT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/api.h>
#include <loadkit/err.h>

#include "base/arena.h"
#include "stats/metric.h"
#include "stats/series.h"

#define LKI_RESULT_SCHEMA "loadkit.result/1"
#define LKI_RESULT_REMARKS_MAX 16

/* Exit statuses of a run: what the shell sees. */
enum lki_exit {
    LKI_EXIT_PASSED = 0, /* failing requests included */
    LKI_EXIT_FAILED = 1, /* a crash, lost data, no response at all, nothing done at all */
    LKI_EXIT_USAGE = 2,
    LKI_EXIT_THRESHOLD = 99
};

/* May the numbers be believed? Worse ones have higher numbers. */
enum lki_run_verdict {
    LKI_RUN_VALID,
    LKI_RUN_GENERATOR_BOUND, /* the load generator itself was the bottleneck */
    LKI_RUN_INCOMPLETE       /* something was lost */
};

/* "valid", "generator-bound", "incomplete". */
const char *lki_run_verdict_name(enum lki_run_verdict verdict);

/* What is known of a run besides its metrics. Strings are copied. */
struct lki_result_settings {
    const char *id;      /* NULL: a new random one */
    const char *program; /* NULL: "" */
    uint64_t seed;
    int64_t started_at_s; /* seconds since 1970 by the wall clock; 0: unknown */
    int64_t duration_ns;  /* how long it really was */
    uint64_t users;
    uint64_t workers;     /* processes; 0: all in this one */
    const char *ended_by; /* "duration", "iterations", "interrupt" ...; NULL: "" */
};

/* Durations of one kind. All in nanoseconds; all zero when count is zero. */
struct lki_summary {
    uint64_t count;
    int64_t avg_ns;
    int64_t min_ns;
    int64_t p50_ns;
    int64_t p90_ns;
    int64_t p95_ns;
    int64_t p99_ns;
    int64_t p99_9_ns;
    int64_t max_ns;
};

struct lki_result_metric {
    const char *id;
    const char *name;
    const char *step; /* "" if none */
    enum lki_source source;
    uint64_t count;
    uint64_t errors;
    uint64_t cancelled;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    struct lki_summary latency;
    struct lki_summary phases[LKI_PHASE_COUNT]; /* count 0: did not happen */
    struct lki_code_count *codes;               /* the most frequent first */
    size_t code_count;
};

struct lki_result_error {
    enum lki_source source;
    const char *step;
    const char *code; /* "" in the group of all others */
    const char *message;
    uint64_t count;
    uint64_t first_user;
    int64_t first_ns;
};

struct lki_result {
    struct lki_arena arena;
    char id[33];
    char started_at[32]; /* ISO 8601, UTC; "" if unknown */
    const char *program;
    const char *ended_by;
    uint64_t seed;
    int64_t duration_ns;
    uint64_t users;
    uint64_t workers;
    enum lki_run_verdict verdict;
    const char *reasons[LKI_RESULT_REMARKS_MAX]; /* for the verdict */
    size_t reason_count;
    const char *notes[LKI_RESULT_REMARKS_MAX]; /* worth knowing, but no reason to doubt */
    size_t note_count;
    struct lki_totals totals;
    uint64_t responses;                /* requests that a server answered, with whatever status */
    struct lki_result_metric *metrics; /* in order of first use */
    size_t metric_count;
    struct lki_result_metric all_steps; /* over all metrics of that source, histograms merged */
    struct lki_result_metric all_http;
    struct lki_result_error *errors; /* the most frequent first */
    size_t error_count;
    struct lki_series_row *series;
    size_t series_count;
};

/*
 * Makes the result of what was recorded. Folds the metrics first, so that a forgotten second is not
 * missing. On failure nothing is owned. series may be NULL.
 */
enum lk_err lki_result_init(struct lki_result *result, const struct lki_result_settings *settings,
                            struct lki_metrics *metrics, const struct lki_series *series);
void lki_result_release(struct lki_result *result);

/* Makes the verdict at least this bad, and says why. Beyond the maximum reasons are dropped. */
void lki_result_doubt(struct lki_result *result, enum lki_run_verdict verdict, const char *fmt, ...)
    LK_PRINTF(3, 4);

/* Adds a note. */
void lki_result_note(struct lki_result *result, const char *fmt, ...) LK_PRINTF(2, 3);

/* Why the run failed as a whole, in one sentence without a full stop, or NULL if it did not. */
const char *lki_result_failure(const struct lki_result *result);

/* A value of enum lki_exit. */
int lki_result_exit_status(const struct lki_result *result);

#endif
