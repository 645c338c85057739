/*
 * The control core: it knows what the run is to be and how it stands, shares it out among the
 * workers that there are, leases what only one may have, and merges what they report. It sees
 * workers only as links; who makes them, and watches them, tells it when one comes and when one has
 * died.
 *
 * States: IDLE, PREPARING, RUNNING, STOPPING, OVER. Each ends by itself, also when no worker
 * answers.
 */
#ifndef LKI_CONTROL_CORE_H
#define LKI_CONTROL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "bus/link.h"
#include "bus/message.h"
#include "control/plan.h"
#include "model/model.h"
#include "stats/arrivals.h"
#include "stats/metric.h"
#include "stats/probe.h"
#include "stats/series.h"
#include "stats/snapshot.h"
#include "stats/snapshot_change.h"
#include "worker/page.h"

enum lki_core_state {
    LKI_CORE_IDLE,      /* waits for its workers */
    LKI_CORE_PREPARING, /* the set-up is carried out */
    LKI_CORE_RUNNING,
    LKI_CORE_STOPPING, /* users leave; then the tear-down */
    LKI_CORE_OVER
};

/* "idle", "preparing", "running", "stopping", "over". */

/* What is known of how a worker ended that was not told to. Texts are borrowed during the call. */
struct lki_death {
    const char *what;          /* "segmentation fault", "killed by signal 9", "hung" */
    bool told;                 /* it was told to end, and did */
    bool silent;               /* nobody knows: it is out of reach, and not waited for any longer */
    bool orphaned;             /* its station has let its users leave, as nobody commanded it */
    bool in_step;              /* user and step tell where */
    uint64_t user;             /* 0: the hidden one */
    const char *step;          /* or hook */
    const char *const *frames; /* of the backtrace, as they are to be shown */
    size_t frame_count;
    const struct lki_worker_page
        *page; /* what it had done; NULL: unknown, the last report counts */
};

/* One that was told of; texts live as long as the core. */
struct lki_crash {
    uint64_t worker;
    uint64_t user;
    const char *step; /* "" outside of steps and hooks */
    const char *what;
    int64_t at_ns;      /* since the start of the run; of an orphaned one: the end of its load */
    bool orphaned;      /* as above */
    int64_t silent_ns;  /* it had been out of reach for so long; 0: it was not */
    int64_t goes_on_ns; /* and its load may go on for so long after that */
    bool retired;       /* the user does not come back */
    uint64_t lost;      /* samples of requests that are in the totals, but in no metric */
    const char *const *frames;
    size_t frame_count;
};

/* How a worker stands. */
struct lki_core_worker {
    uint64_t number; /* from 1 */
    const char *id;  /* as people know it: "2", "a.2"; "" of one that is no process */
    bool alive;
    bool probes;                     /* it reads them */
    uint64_t users;                  /* active */
    uint64_t wanted;                 /* users that it has, or is to have when it comes */
    struct lki_worker_health health; /* of its present life */
};

/* What a worker tells in one of its lives. */
struct lki_core_news {
    uint64_t worker;
    struct lki_snapshot_bytes before; /* its snapshot up to now; none: this is the first one */
    struct lki_snapshot_bytes now;
    const struct lki_series_row *row; /* the second; NULL: what it did is of none */
};

struct lki_core;

/* Called from the loop. */
struct lki_core_owner {
    void (*on_second)(struct lki_core *core, void *arg); /* numbers are new; may be NULL */
    void (*on_told)(struct lki_core *core, const struct lki_core_news *news,
                    void *arg); /* may be NULL */
    /* This worker has died and is wanted again: lki_core_join it, sooner or later. */
    void (*on_wanted)(struct lki_core *core, uint64_t worker, void *arg);
    void (*on_over)(struct lki_core *core, void *arg); /* once; the result can be made */
    void *arg;
};

/* A run by so many worker processes; 0: by one worker in this process. plan and model are borrowed.
 */
enum lk_err lki_core_new(struct lki_core **out, struct lki_loop *loop,
                         const struct lki_model *model, const struct lki_plan *plan,
                         uint64_t processes, const struct lki_core_owner *owner);
/* NULL is ignored. */
void lki_core_free(struct lki_core *core);

/* Of a plan that is open-ended, which begins without workers: another one, as people know it, which
 * may join; the run starts when all that were added by then have come. probes: it is one of those
 * that are to run the probes; while none of those is there, one of all does. The number of the
 * worker; 0: no memory. */
uint64_t lki_core_add(struct lki_core *core, const char *name, bool probes);

/* A worker has come, or has come back: it is brought to where the run stands. The core takes
 * possession of link. ahead_ns: its monotonic clock less ours. When the run is ending it is sent
 * away. LK_E_STATE: it is there already, or has failed for good; LK_E_NOMEM. The link is then
 * closed. */
enum lk_err lki_core_join(struct lki_core *core, uint64_t worker, struct lki_link *link,
                          int64_t ahead_ns);

/* A worker has died. After the third crash in one step, and the third death of one worker from
 * outside, the run ends; else it is wanted again. No crash of one that was told to quit. */
void lki_core_died(struct lki_core *core, uint64_t worker, const struct lki_death *death);

/* A worker is out of reach, and has been for silent_ns, though it may be at work: what becomes of
 * its users is the plan's on_loss. What it was leased stays its own until it is heard again, or
 * lapse_ns from now; then it counts as dead, and as having died when it was heard last. What it is
 * told waits on its link. */
void lki_core_lost(struct lki_core *core, uint64_t worker, int64_t silent_ns, int64_t lapse_ns);

/* How it is seen to do from outside: the longest turn of its loop of late, also one that has not
 * come to its end; stands: it has not moved for so long that it counts as not heard. Changes what
 * is shown, nothing else. */
void lki_core_seen(struct lki_core *core, uint64_t worker, int64_t delay_ns, bool stands);
/* Nobody can be told anything for now: who does not do as he was told is given up only ns from now,
 * or after what was asked for last. why says what keeps all from being heard, and outlives the
 * core; NULL: nothing does any more. */
void lki_core_hold(struct lki_core *core, int64_t ns, const char *why);
/* It is heard again; what it was told meanwhile it may hear only later. */
void lki_core_found(struct lki_core *core, uint64_t worker);

/* A worker is to end in order: its users leave and go to others, and the hook of the run that it
 * carries out comes to its end; then it is told to quit. */
void lki_core_leave(struct lki_core *core, uint64_t worker);

/* Objects were added to the plan's stock, or deleted. */
void lki_core_stocked(struct lki_core *core, size_t resource);

/* The run starts when all workers have come. Once drains, twice cuts off, three times abandons: as
 * lki_order_stop. Asked for when the run is ending already, who is out of reach counts as dead. */
void lki_core_stop(struct lki_core *core, enum lki_end why);

/* The run fails as a whole, for this reason, and ends. */
void lki_core_fail(struct lki_core *core, const char *why);

/* Other users, or another rate, from now on: replaces what is left of the plan's stages, but not
 * its end. Users come or go one each interval_ns; 0: at once. LK_E_STATE: not running. LK_E_ARG:
 * the rate of a run without arrivals, or more users than the plan has, if it is not open-ended. */
enum lk_err lki_core_set_users(struct lki_core *core, uint64_t users, int64_t interval_ns);
enum lk_err lki_core_set_rate(struct lki_core *core, double rate_per_s);

/* ---- how it stands ---- */

struct lki_core_status {
    enum lki_core_state state;
    bool setting_up, tearing_down;
    int64_t elapsed_ns; /* since the start of the users; before, since that of the set-up */
    int64_t total_ns;   /* of the plan; 0: no end in time */
    uint64_t users;     /* active */
    uint64_t users_wanted;
    double rate_wanted; /* 0: no arrivals */
    uint64_t workers;
    uint64_t workers_alive;
    struct lki_totals totals;   /* up to the last second */
    struct lki_series_row last; /* the last second that all workers have told; zeroed: none yet, or
                                   none for a while */
    uint64_t hook_errors;
    uint64_t intended, started, dropped, late; /* arrivals, up to the last second */
    uint64_t crashes;
    double busy_share;  /* of a processor, of the busiest worker, over the last second */
    int64_t busiest_ns; /* the longest turn of any worker of late */
    enum lki_end ended_by;
    uint64_t awaited;       /* out of reach: the end waits for so many workers */
    const char *awaited_id; /* the first of them */
    int64_t awaited_ns;     /* so long at most */
};

enum lki_core_state lki_core_state(const struct lki_core *core);
/* The load of workers that were given up while out of reach may go on until then. */
int64_t lki_core_haunted_ns(const struct lki_core *core);
/* Of a worker, by its number; 0: of all. Who ended as an orphan has not crashed. */
uint64_t lki_core_crashes(const struct lki_core *core, uint64_t worker);
void lki_core_status(const struct lki_core *core, struct lki_core_status *status);
size_t lki_core_worker_count(const struct lki_core *core);
const struct lki_core_worker *lki_core_worker(const struct lki_core *core, size_t index);

/* Adds what all workers have told last, and what the pages of those who died say. LK_E_FORMAT:
 * something of it is broken, and into is to be thrown away; the next time that is left out. */
enum lk_err lki_core_measure(struct lki_core *core, const struct lki_measured *into);

/* ---- what it came to, up to now, or, from on_over on, for good ---- */

struct lki_core_outcome {
    struct lki_metrics *metrics; /* merged */
    const struct lki_series *series;
    const struct lki_arrival_log *arrivals; /* NULL: a run without */
    const struct lki_probe_log *probes;
    size_t probe_count;
    enum lki_end ended_by;
    uint64_t users;                   /* the most that there were to be at a time */
    int64_t start_ns;                 /* of the users */
    int64_t end_ns;                   /* the last user had gone */
    struct lki_worker_health *health; /* of each worker, all its lives taken together */
    size_t worker_count;
    const struct lki_crash *crashes;
    size_t crash_count;
    struct lki_report_hook hooks[2]; /* by enum lk_run_hook_kind */
    uint64_t seconds_lost;  /* a worker has died: so many seconds of it are missing in the series */
    uint64_t requests_lost; /* they are in the totals, but in no metric */
    bool unexplained;       /* a worker failed or vanished for good; failure says how */
    const char *failure;    /* why the run failed as a whole; NULL: it did not */
};

/* Merges. Belongs to the core; LK_E_NOMEM. */
enum lk_err lki_core_outcome(struct lki_core *core, struct lki_core_outcome *outcome);

#endif
