/*
 * What one worker records: for each metric the second in hand and the totals up to it, for the run
 * its totals and its errors by kind. A sample goes into the second in hand only; once a second that
 * is added to the totals. Nothing here grows with the number of samples: metrics, error groups and
 * the length of their names are capped, and what is beyond a cap is still counted.
 */
#ifndef LKI_STATS_METRIC_H
#define LKI_STATS_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/clock.h"
#include "base/map.h"
#include "stats/code.h"
#include "stats/codebook.h"
#include "stats/custom.h"
#include "stats/tally.h"

#define LKI_METRICS_MAX_DEFAULT 1000
#define LKI_ERROR_GROUPS_MAX_DEFAULT 100
#define LKI_METRIC_NAME_MAX 200   /* bytes of a step's or metric's name that are kept */
#define LKI_ERROR_MESSAGE_MAX 256 /* bytes of a message that are kept, and compared */
#define LKI_METRIC_OVERFLOW_NAME "(overflow)"
#define LKI_ERROR_OVERFLOW_MESSAGE "(other errors)"

enum lki_source {
    LKI_SOURCE_STEP,
    LKI_SOURCE_HTTP,
    LKI_SOURCE_LIFECYCLE,
    LKI_SOURCE_CUSTOM,
    LKI_SOURCE_CHECK,
    LKI_SOURCE_WEBSOCKET,
    LKI_SOURCE_JSONRPC,
    LKI_SOURCE_COUNT
};

/* "step", "http", "lifecycle", "custom", "check", "websocket", "jsonrpc". */
const char *lki_source_name(enum lki_source source);

struct lki_example;

/* An id, a kind and a stage name one metric. */
struct lki_metric {
    struct lki_metric *next; /* in order of first use */
    size_t number;           /* in that order, from 0 */
    struct lki_totals *totals;
    enum lki_source source;
    const char *id;          /* "step/name" of what happens inside a step, else the name */
    const char *name;        /* all of them live in id's block of memory */
    const char *step;        /* "" if none */
    const char *kind;        /* the source by name, which of an emitted sample is the author's */
    const char *stage;       /* of an emitted sample; else "" */
    struct lki_tally second; /* since the last fold */
    struct lki_tally total;  /* up to the last fold */
    struct lki_example *examples;
};

/* One attempt at an exchange. */
struct lki_sample {
    lki_code code;
    enum lki_verdict verdict;
    int64_t latency_ns;
    int64_t late_ns; /* how late the iteration began; -1: it was not to begin at any time */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t phase_ns[LKI_PHASE_COUNT]; /* -1: did not happen */
};

/* Failures of one kind: same source, step, code and message. */
struct lki_error_group {
    struct lki_error_group *next; /* in order of first occurrence */
    enum lki_source source;
    lki_code code; /* 0 in the group of all others */
    uint64_t count;
    uint64_t first_user;
    int64_t first_ns;      /* since the start of the run */
    int64_t first_took_ns; /* what failed, where that is known */
    uint64_t first_worker; /* of who merges: where; 0: not known */
    const char *step;      /* both live in this block of memory */
    const char *message;
};

struct lki_metrics {
    struct lki_metric *first; /* those in use, by next */
    struct lki_metric *last;
    size_t linked; /* those in use, */
    size_t count;  /* without the overflow metrics */
    size_t max;
    uint64_t overflowed;       /* look-ups that an overflow metric had to answer */
    size_t example_count;      /* of all metrics */
    struct lki_totals *totals; /* own_totals, or a place that outlives the process */
    struct lki_totals own_totals;
    struct lki_error_group *first_error;
    struct lki_error_group *last_error;
    size_t error_count; /* groups in use, without the one of all others */
    size_t error_max;
    const struct lki_clock *clock; /* NULL: errors are all dated 0 */
    int64_t start_ns;
    struct lki_map by_key;
    struct lki_map errors_by_key;
    struct lki_codebook codes;
    struct lki_customs customs; /* to be made ready by lki_customs_init where there are any */
    struct lki_metric overflow[LKI_SOURCE_COUNT];
    struct lki_error_group other_errors;
};

/* 0 for a cap means its default. The struct must not move from here on: metrics point into it. */
void lki_metrics_init(struct lki_metrics *metrics, size_t max_metrics, size_t max_error_groups);

/* Has the totals counted at another place, before anything was recorded: it is borrowed. */
void lki_metrics_count_at(struct lki_metrics *metrics, struct lki_totals *place);

/* The run starts now: errors are dated from start_ns of this clock, which is kept. Those of before
 * are dated 0. */
void lki_metrics_start(struct lki_metrics *metrics, const struct lki_clock *clock,
                       int64_t start_ns);
void lki_metrics_release(struct lki_metrics *metrics);

/* Since the start of the run; 0 before it. */
int64_t lki_metrics_elapsed(const struct lki_metrics *metrics);

/* Forgets what was counted, and all failures. Metrics stay where they are with their numbers and
 * examples, as do codes: what is counted anew finds them. */
void lki_metrics_clear(struct lki_metrics *metrics);

/*
 * The metric of that name, made if it is new; it stays where it is until the release. Never NULL:
 * beyond the cap, or without memory, it is the overflow metric of that source. step is "" if none.
 */
struct lki_metric *lki_metrics_find(struct lki_metrics *metrics, enum lki_source source,
                                    const char *step, const char *name, size_t name_len);

/* The same for samples that authors emit, which are told apart by kind and stage too, both labels.
 */
struct lki_metric *lki_metrics_find_emitted(struct lki_metrics *metrics, const char *step,
                                            const char *name, const char *kind, const char *stage);

/* Of all samples of that source that have no metric of their own. */
struct lki_metric *lki_metrics_overflow(struct lki_metrics *metrics, enum lki_source source);

/* What tells apart metrics of one id: "id (kind)", or "id (kind, stage)" if it has a stage. */
void lki_metric_full_id(char *out, size_t size, const char *id, const char *kind,
                        const char *stage);

/*
 * One sample. A cancelled one counts in count, cancelled, codes and bytes, but is no error and has
 * no latency: how long it would have taken is not known.
 */
void lki_metric_record(struct lki_metric *metric, const struct lki_sample *sample);

/* The same for what has neither bytes nor phases. */
void lki_metric_record_simple(struct lki_metric *metric, lki_code code, enum lki_verdict verdict,
                              int64_t latency_ns);

/* The same for what takes no time. */
void lki_metric_count(struct lki_metric *metric, lki_code code, enum lki_verdict verdict);

/* Bytes of what was just counted. */
void lki_metric_add_bytes(struct lki_metric *metric, uint64_t sent, uint64_t received);

/* The latency of a sample that was just recorded, as counted from when it was to begin: what a user
 * who came at that time would have waited. */
void lki_metric_record_late(struct lki_metric *metric, int64_t latency_ns);

/* Adds every metric's second in hand to its totals and empties it. */
void lki_metrics_fold(struct lki_metrics *metrics);

/* A code of an author's, normalised, as a number; beyond the cap, or without memory, it is that of
 * OTHER. */
lki_code lki_metrics_code(struct lki_metrics *metrics, const char *name, const char *category);

/* Name and category of any code, also of an author's; valid until the release. */
const char *lki_metrics_code_name(const struct lki_metrics *metrics, lki_code code);
const char *lki_metrics_code_category(const struct lki_metrics *metrics, lki_code code);

/* Counts a failure under its kind, which it gives. message may be NULL; it and step are copied. */
struct lki_error_group *lki_metrics_error(struct lki_metrics *metrics, enum lki_source source,
                                          const char *step, lki_code code, const char *message,
                                          uint64_t user_id);

/* The same for failures that were counted elsewhere; the earliest stays the first one. others: they
 * are of many kinds. LK_E_NOMEM: they were counted among all others. */
enum lk_err lki_metrics_error_merge(struct lki_metrics *metrics, const struct lki_error_group *from,
                                    bool others);

#endif
