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
#include "user/arrivals.h"
#include "user/backstage.h"
#include "user/user.h"

struct lki_share {
    uint64_t users;
    uint64_t first_user; /* number of the first, from 1 */
    int64_t duration_ns; /* LKI_NEVER: none */
    uint64_t iterations; /* 0: no limit */
    uint64_t seed;
    int64_t grace_ns;        /* for steps in hand at the end */
    double rate_per_s;       /* at which iterations begin; 0: as fast as the users go */
    int64_t arrival_wait_ns; /* how long one waits for a user that is free */
};

/* Why the run ended. */
enum lki_end {
    LKI_END_NONE,
    LKI_END_DURATION,
    LKI_END_ITERATIONS,
    LKI_END_INTERRUPT, /* asked from outside */
    LKI_END_NO_USERS,  /* without a limit in time: for a minute no user could begin its life */
    LKI_END_SETUP      /* the run's set-up failed: no user began */
};

/* The parts of a run, in their order; what has nothing to do is passed over. */
enum lki_act {
    LKI_ACT_SETUP,
    LKI_ACT_USERS,    /* from here on time counts */
    LKI_ACT_CLEARING, /* the last user has gone, and time stands still; probes are cut off */
    LKI_ACT_TEARDOWN,
    LKI_ACT_OVER
};

struct lki_worker {
    struct lki_loop loop;
    struct lki_crowd crowd;
    struct lki_metrics metrics;
    struct lki_series series;
    struct lki_share share;
    struct lki_user **users;
    struct lki_arrivals arrivals;    /* with a rate only; else all zero */
    struct lki_backstage *backstage; /* set-up, probes, tear-down */
    enum lki_act act;
    struct lki_timer second; /* each second: numbers, trimming */
    struct lki_timer end;    /* the end of the duration, then of the grace time */
    int64_t start_ns;        /* when the users began; before that, when the set-up did */
    int64_t end_ns;          /* when the last user had gone */
    enum lki_end ended_by;
    int64_t active_ns;             /* when a user was last active, or the run began */
    uint64_t abandoned;            /* users still in lk_blocking when the run had to end */
    struct lki_loop_health health; /* of the loop while the users lived, once the last has gone */
    int64_t busy_ns;               /* processor time of this thread meanwhile */
    int64_t hook_end_ns; /* when the set-up or tear-down in hand is not waited for any longer */
    bool hook_drained;
    bool hook_cut;
    bool hook_abandoned[LK_RUN_HOOK_COUNT_]; /* it was still in lk_blocking when the run had to go
                                                on */
    /* Called each second, after the numbers; may be NULL. */
    void (*on_second)(struct lki_worker *worker, void *arg);
    void *arg;
};

/* Sets everything up; the users begin when lki_worker_run is called. */
enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share);

/* Runs to the end. */
void lki_worker_run(struct lki_worker *worker);

/* The same in parts, for who turns the loop: lki_worker_begin, then the loop until it has been
 * stopped, then lki_worker_finish. */
void lki_worker_begin(struct lki_worker *worker);
void lki_worker_finish(struct lki_worker *worker);

/* Closes the second in hand, for a result before the end. */
void lki_worker_update(struct lki_worker *worker);

/* The first call lets steps in hand end within the grace time, the second one cuts them off. The
 * tear-down then still takes place; a call during it, if it is the second one at least, cuts it
 * off. */
void lki_worker_stop(struct lki_worker *worker, enum lki_end why);
/* How the loop fared while the users lived, up to now. */
struct lki_loop_health lki_worker_health(const struct lki_worker *worker);

/* Whether whatever is in hand has been cut off. */
bool lki_worker_is_cut(const struct lki_worker *worker);

void lki_worker_close(struct lki_worker *worker);

#endif
