/*
 * A worker carries out its share of a run: it makes the users, ends them when it is time, and keeps
 * the numbers second by second.
 *
 * One that is led does so when it is told to: between two acts of the run it waits for who leads
 * it, users come and go in mid-run, and iterations, arrivals and objects are what it is given.
 */
#ifndef LKI_WORKER_WORKER_H
#define LKI_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/message.h"
#include "loop/loop.h"
#include "model/model.h"
#include "stats/metric.h"
#include "stats/series.h"
#include "user/arrivals.h"
#include "user/backstage.h"
#include "user/user.h"
#include "worker/health.h"
#include "worker/page.h"
#include "worker/roster.h"

struct lki_share {
    uint64_t users;      /* their numbers are 1 .. users */
    int64_t duration_ns; /* LKI_NEVER: none */
    uint64_t iterations; /* 0: no limit */
    uint64_t seed;
    int64_t grace_ns;        /* for steps in hand at the end */
    double rate_per_s;       /* at which iterations begin; 0: as fast as the users go */
    int64_t arrival_wait_ns; /* how long one waits for a user that is free */
    const char *http; /* settings, as lki_http_settings_write has them; only while it is opened */
};

/* The parts of a run, in their order. Who is not led passes through those that are borders. */
enum lki_act {
    LKI_ACT_PREPARED, /* a border: nothing has begun */
    LKI_ACT_SETUP,
    LKI_ACT_READY,    /* a border: the set-up is over, or there is none */
    LKI_ACT_USERS,    /* from here on time counts */
    LKI_ACT_CLEARING, /* the last user has gone, and time stands still; probes are cut off */
    LKI_ACT_GONE,     /* a border */
    LKI_ACT_TEARDOWN,
    LKI_ACT_OVER /* a border: the tear-down is over, or there is none */
};

struct lki_worker;

/* Who leads a worker. */
struct lki_lead {
    struct lki_loop *loop;
    struct lki_worker_page *page; /* zeroed; where numbers are to be seen; NULL: nowhere */
    struct lki_lender *lender;    /* of objects */
    bool probes;                  /* are this worker's, at first */
    bool arrivals;                /* iterations begin at a rate, at first none */
    bool counted;                 /* their number is granted, at first none */
    void (*on_border)(struct lki_worker *worker, void *arg); /* its act is one */
    void (*on_low)(struct lki_worker *worker, void *arg);    /* more iterations are wanted */
};

struct lki_worker {
    struct lki_loop *loop;
    struct lki_loop own_loop; /* unless it is led */
    struct lki_crowd crowd;
    struct lki_metrics metrics;
    struct lki_series series; /* of one that is led, without rows: its leader takes the changes */
    struct lki_share share;
    struct lki_lead lead;
    bool led;
    struct lki_roster roster;
    struct lki_arrivals arrivals;    /* with a rate only; else all zero */
    struct lki_backstage *backstage; /* set-up, probes, tear-down */
    bool probes;                     /* are this worker's */
    bool probed;                     /* they are, or were at some time */
    enum lki_act act;
    struct lki_timer second; /* each second: numbers, trimming */
    struct lki_timer end;    /* before the users the start; then that of the duration, then of the
                                grace time */
    int64_t start_ns;        /* when the users began; before that, when the set-up did */
    int64_t end_ns;          /* when the last user had gone */
    int64_t until_ns;        /* when they are to end */
    bool starting;           /* they begin at start_ns */
    enum lki_end ended_by;
    unsigned stops;                 /* how far its end was asked for */
    int64_t active_ns;              /* when a user was last active, or the run began */
    uint64_t abandoned;             /* users still in lk_blocking when the run had to end */
    struct lki_loop_health health;  /* of the loop while the users lived, once the last has gone */
    struct lki_measuring measuring; /* of one that is led */
    struct lki_worker_health final; /* what it came to */
    int64_t hook_end_ns; /* when the set-up or tear-down in hand is not waited for any longer */
    bool hook_drained;
    bool hook_cut;
    bool set_up; /* went well, or there was none */
    enum lki_outcome hook_outcomes[LK_RUN_HOOK_COUNT_];
    bool hook_abandoned[LK_RUN_HOOK_COUNT_]; /* it was still in lk_blocking when the run had to go
                                                on */
    /* Called each second, after the numbers; may be NULL. */
    void (*on_second)(struct lki_worker *worker, void *arg);
    void *arg;
};

/* Sets everything up; the users begin when lki_worker_run is called. */
enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share);

/* The same for one that is led, in a loop of its leader's: no user is made yet. Of the share,
 * duration, iterations and rate do not count. arg is that of on_second too. */
enum lk_err lki_worker_open_led(struct lki_worker *worker, const struct lki_model *model,
                                const struct lki_share *share, const struct lki_lead *lead,
                                void *arg);

/* ---- one that is not led ---- */

/* Runs to the end. */
void lki_worker_run(struct lki_worker *worker);

/* The same in parts, for who turns the loop: lki_worker_begin, then the loop until it has been
 * stopped, then lki_worker_finish. */
void lki_worker_begin(struct lki_worker *worker);
void lki_worker_finish(struct lki_worker *worker);

/* Closes the second in hand, for a result before the end. */
void lki_worker_update(struct lki_worker *worker);

/* ---- one that is led: what comes at the wrong time is ignored ---- */

void lki_worker_set_up(struct lki_worker *worker);

/* Time counts from start_ns, which may have passed; end_ns: the users leave then. */
void lki_worker_start(struct lki_worker *worker, int64_t start_ns, int64_t end_ns);

/* Users begin, or leave within the grace time. LK_E_NOMEM: not all of them could be made. */
enum lk_err lki_worker_users(struct lki_worker *worker, const struct lki_order_users *users);

/* The probes are its own from now on, or are no more: what it has read so far stays. */
void lki_worker_probes(struct lki_worker *worker, bool on);

void lki_worker_tear_down(struct lki_worker *worker);

/* The end is asked for so often: what was asked for less often is done first. */
void lki_worker_stop_times(struct lki_worker *worker, enum lki_end why, unsigned times);

void lki_worker_measure(const struct lki_worker *worker, struct lki_worker_health *health);

/* ---- all ---- */

/* The first call lets steps in hand end within the grace time, the second one cuts them off. The
 * tear-down then still takes place; a call during it, if it is the second one at least, cuts it
 * off. */
void lki_worker_stop(struct lki_worker *worker, enum lki_end why);
/* How the loop fared while the users lived, up to now. */
struct lki_loop_health lki_worker_health(const struct lki_worker *worker);

/* Whether whatever is in hand has been cut off. */
bool lki_worker_is_cut(const struct lki_worker *worker);

/* False: something on a helper thread may still use memory of it, and of the loop. */
bool lki_worker_close(struct lki_worker *worker);

#endif
