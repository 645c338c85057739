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
#include "model/model.h"
#include "stats/arrivals.h"
#include "stats/metric.h"
#include "stats/probe.h"
#include "stats/series.h"

#define LKI_RESULT_SCHEMA "loadkit.result/1"
#define LKI_RESULT_REMARKS_MAX 16
#define LKI_WORKER_BYTES 176 /* of what a worker is called */

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

/* A user that crashed, or a worker that died. */
struct lki_result_crash {
    uint64_t worker;           /* from 1; 0: the run has no workers */
    const char *worker_id;     /* as people know it: "2", "a.2"; "": unknown, or there are none */
    uint64_t user;             /* 0: the hidden one of set-up, tear-down and probes */
    const char *step;          /* or hook; "" outside of both: then user says nothing */
    const char *what;          /* "segmentation fault", "killed by signal 9", "hung" */
    int64_t at_ns;             /* since the start of the run */
    bool orphaned;             /* nobody commanded it: its users were let leave at that time */
    int64_t silent_ns;         /* it had been out of reach for so long; 0: it was not */
    int64_t goes_on_ns;        /* and its load may have gone on for so long after that */
    bool retired;              /* the user did not come back */
    const char *const *frames; /* of the backtrace, the innermost first */
    size_t frame_count;
};

/* How a worker fared, all its lives taken together. */
struct lki_result_health {
    const char *worker_id; /* as people know it: "2", "a.2"; "": unknown, or there are none */
    int64_t span_ns;       /* over which all this was measured */
    int64_t busy_ns;       /* processor time */
    int64_t waited_ns;     /* could have run, but others had the processor; -1: unknown */
    int64_t busiest_ns;    /* the longest turn of its loop */
    uint64_t turns;        /* of its loop */
    uint64_t stalls;       /* turns that took far too long */
    uint64_t overflowed;   /* stacks found overflowed */
    uint64_t abandoned;    /* users that were still in lk_blocking at the end */
    uint64_t descriptors;  /* open at the end, or at most; 0: unknown */
};

/* What is known of a run besides its metrics. All of it is copied. */
struct lki_result_settings {
    const char *id;      /* NULL: a new random one */
    const char *program; /* NULL: "" */
    uint64_t seed;
    int64_t started_at_s; /* seconds since 1970 by the wall clock; 0: unknown */
    int64_t duration_ns;  /* how long it really was */
    uint64_t users;
    uint64_t workers;              /* processes; 0: all in this one */
    const char *ended_by;          /* "duration", "iterations", "interrupt" ...; NULL: "" */
    const char *command;           /* that makes the same run again; NULL: unknown */
    const struct lki_model *model; /* whose user types are summed up; NULL: none */
    const struct lki_arrival_log *arrivals; /* NULL: a run without a rate */
    const struct lki_probe_log *probes;
    size_t probe_count;
    const struct lki_result_crash *crashes; /* in order of time */
    size_t crash_count;
    const struct lki_result_health *health; /* of each worker; of the one loop if there are none */
    size_t health_count;
    uint64_t requests_lost; /* in the totals, but in no metric: their worker died with them */
    uint64_t seconds_lost;  /* of workers that died, missing in the series and in percentiles */
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

struct lki_result_category {
    const char *name;
    uint64_t count;
};

/* How often a code came. */
struct lki_result_code {
    const char *name;
    const char *category; /* the most frequent one of that name */
    uint64_t count;
    lki_code code;
    bool plain; /* nobody needs to be told of it */
};

struct lki_result_metric {
    const char *id;
    const char *name;
    const char *step;  /* "" if none */
    const char *kind;  /* the source by name; that of an emitted sample is the author's */
    const char *stage; /* of an emitted sample; else "" */
    enum lki_source source;
    uint64_t count;
    uint64_t errors;
    uint64_t fatal; /* of errors */
    uint64_t cancelled;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    struct lki_summary latency;
    struct lki_hist hist;        /* what latency sums up */
    struct lki_summary intended; /* from the intended start; count 0: there is none */
    struct lki_summary phases[LKI_PHASE_COUNT]; /* count 0: did not happen */
    struct lki_result_code *codes;              /* each name once, the most frequent first */
    size_t code_count;
    struct lki_result_category *categories; /* of codes, the most frequent first */
    size_t category_count;
};

/* A metric that the author registered, and what was recorded in it. */
struct lki_result_custom {
    const char *name;
    const char *unit; /* "" if none */
    enum lk_metric_type type;
    uint64_t count; /* of values; 0: all that follows is 0 */
    uint64_t hits;  /* of them, those that are not 0 */
    double sum;
    double per_s; /* of sum; 0 in a run that took no time */
    double avg;
    double min;
    double max;
    double last;
    double p50; /* of a trend, as are the next ones */
    double p90;
    double p95;
    double p99;
    double p99_9;
};

struct lki_result_probe {
    const char *name;
    uint64_t count; /* of readings, failed ones too */
    uint64_t errors;
    uint64_t numbers; /* of readings that were numbers; 0: the next three are 0 */
    double avg;
    double min;
    double max;
    struct lk_value last; /* null if there is none */
    struct lki_reading *readings;
    size_t reading_count;
};

struct lki_result_arrivals {
    double rate_per_s; /* 0: a run without arrivals */
    uint64_t intended;
    uint64_t started;
    uint64_t dropped;
    uint64_t late;
    struct lki_summary lateness;
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

/* An exchange that brought a code. */
struct lki_result_example {
    size_t metric; /* index of its metric */
    lki_code code;
    const char *request; /* the line that it began with; "" if it was not sent */
    const char *answer;  /* the status line, or why there was none */
    const char *body;    /* its first bytes; may be no UTF-8 */
};

struct lki_result {
    struct lki_arena arena;
    const char **secrets; /* shown as stars */
    size_t secret_count;
    char id[33];
    char started_at[32]; /* ISO 8601, UTC; "" if unknown */
    const char *program;
    const char *ended_by;
    const char *command; /* "" if unknown */
    uint64_t seed;
    int64_t duration_ns;
    uint64_t users;
    uint64_t workers;
    enum lki_run_verdict verdict;
    const char *reasons[LKI_RESULT_REMARKS_MAX]; /* for the verdict */
    size_t reason_count;
    const char *notes[LKI_RESULT_REMARKS_MAX]; /* worth knowing, but no reason to doubt */
    size_t note_count;
    const char *failure; /* NULL: none, or one that the numbers tell */
    struct lki_totals totals;
    struct lki_result_metric *metrics; /* in order of first use */
    size_t metric_count;
    struct lki_result_metric all_steps; /* over all metrics of that source, histograms merged */
    struct lki_result_metric all_http;
    struct lki_result_metric *types; /* all steps of a user type; the name is that of the type */
    size_t type_count;
    struct lki_result_example *examples; /* in order of metrics */
    size_t example_count;
    struct lki_result_error *errors; /* the most frequent first */
    size_t error_count;
    struct lki_series_row *series;
    size_t series_count;
    struct lki_result_arrivals arrivals;
    struct lki_result_custom *customs; /* as they were registered */
    size_t custom_count;
    struct lki_result_probe *probes;
    size_t probe_count;
    struct lki_result_crash *crashes;
    size_t crash_count;
    struct lki_result_health *health;
    size_t health_count;
    uint64_t requests_lost;
    uint64_t seconds_lost;
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

/* Says that the run failed as a whole, and why. */
void lki_result_fail(struct lki_result *result, const char *fmt, ...) LK_PRINTF(2, 3);

/* Why the run failed as a whole, in one sentence without a full stop, or NULL if it did not. */
const char *lki_result_failure(const struct lki_result *result);

/* Requests of the users and of the hooks of the run. Those of probes only look: the totals have
 * them, as the server's log does, but the run is not judged by them. */
struct lki_result_requests {
    uint64_t requests;
    uint64_t errors;
    uint64_t responses; /* requests that a server answered, with whatever status */
};
struct lki_result_requests lki_result_requests(const struct lki_result *result);

/* Whether it is no failure, but users that never began. */
bool lki_result_error_is_missed(const struct lki_result_error *error);

/* How many users those are. */
uint64_t lki_result_missed(const struct lki_result *result);

/* "worker a.2"; by its number when its id is "". */
const char *lki_result_worker(const char *id, uint64_t number, char text[LKI_WORKER_BYTES]);

/* A value of enum lki_exit. */
int lki_result_exit_status(const struct lki_result *result);

#endif
