/*
 * A worker carries out its share of a run: it makes the users, ends them when it is time, and keeps
 * the numbers second by second.
 */
#ifndef LKI_WORKER_WORKER_H
#define LKI_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "model/model.h"
#include "stats/metric.h"
#include "stats/series.h"
#include "user/user.h"

struct lki_share {
    uint64_t users;
    uint64_t first_user; /* number of the first, from 1 */
    int64_t duration_ns; /* LKI_NEVER: none */
    uint64_t iterations; /* 0: no limit */
    uint64_t seed;
    int64_t grace_ns; /* for steps in hand at the end */
};

/* Why the run ended. */
enum lki_end {
    LKI_END_NONE,
    LKI_END_DURATION,
    LKI_END_ITERATIONS,
    LKI_END_INTERRUPT, /* asked from outside */
    LKI_END_NO_USERS   /* without a limit in time: for a minute no user could begin its life */
};

struct lki_worker {
    struct lki_loop loop;
    struct lki_crowd crowd;
    struct lki_metrics metrics;
    struct lki_series series;
    struct lki_share share;
    struct lki_user **users;
    struct lki_timer second; /* each second: numbers, trimming */
    struct lki_timer end;    /* the end of the duration, then of the grace time */
    int64_t start_ns;
    int64_t end_ns; /* when the last user had gone */
    enum lki_end ended_by;
    int64_t active_ns;  /* when a user was last active, or the run began */
    uint64_t abandoned; /* users still in lk_blocking when the run had to end */
    /* Called each second, after the numbers; may be NULL. */
    void (*on_second)(struct lki_worker *worker, void *arg);
    void *arg;
};

/* Sets everything up; the users begin when lki_worker_run is called. */
enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share);

/* Runs to the end. */
void lki_worker_run(struct lki_worker *worker);

/* The first call lets steps in hand end within the grace time, the second one cuts them off. */
void lki_worker_stop(struct lki_worker *worker, enum lki_end why);

void lki_worker_close(struct lki_worker *worker);

#endif
