/*
 * The orchestrator: one run at a time by the workers of all stations, commanded from outside. It
 * owns the control core of the run in hand, the stations that there are, the stock of resources,
 * the live history and the last result, and brings all of it through a restart.
 *
 * States as they are told: IDLE, PREPARING, RUNNING, STOPPING. None can stick: each has its end in
 * the core.
 */
#ifndef LKI_CONTROL_ORCHESTRATOR_H
#define LKI_CONTROL_ORCHESTRATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "bus/hub.h"
#include "control/core.h"
#include "control/history.h"
#include "control/plan.h"
#include "control/stock.h"
#include "loop/loop.h"
#include "model/model.h"
#include "result/result.h"

struct lki_orchestrator;

struct lki_orchestrator_settings {
    const struct lki_hub_settings *hub;
    const char *state_dir;     /* of the checkpoint and of results; made if it is not there */
    const char *program;       /* name for reports */
    const char *const *params; /* "name=value" of every run, under those of a start */
    size_t param_count;
    enum lki_on_loss on_loss;
    enum lki_on_join on_join;
    /* From the loop: something changed that a page would show; each second of a run too. */
    void (*on_change)(struct lki_orchestrator *o, void *arg);
    /* One line for people: a worker came, was lost, crashed, Redis is away. */
    void (*tell)(const char *line, void *arg);
    /* It must not go on: another orchestrator has the lock, ... */
    void (*on_refused)(struct lki_orchestrator *o, const char *why, void *arg);
    /* Has objects of a resource made elsewhere, in the order of their ids. fn is called for each,
     * text NULL: its factory failed, as message says; and once more with id 0 when it is over, with
     * message NULL, or why not all were made. One at a time. */
    enum lk_err (*make)(size_t resource, uint64_t first, uint64_t count,
                        void (*fn)(uint64_t id, const char *text, const char *message, void *arg),
                        void *fn_arg, void *arg);
    /* From what a run came to, to its result. */
    enum lk_err (*account)(struct lki_result *result, struct lki_core *core,
                           const struct lki_model *model, const struct lki_plan *plan, void *arg);
    void *arg;
};

/* model: of the registry, with the parameters for factories; each run gets one of its own. */
enum lk_err lki_orchestrator_new(struct lki_orchestrator **out, struct lki_loop *loop,
                                 const struct lki_model *model,
                                 const struct lki_orchestrator_settings *settings,
                                 struct lki_buf *why);
/* The run, if there is one, goes on: stations wait for the next orchestrator. */
void lki_orchestrator_free(struct lki_orchestrator *o);
/* In a child after fork, when lki_loop_forked has been called: closes its copies of descriptors. */
void lki_orchestrator_forked(struct lki_orchestrator *o);

/* ---- commands ---- */

/* Why a command was not taken; zeroed: it was. */
struct lki_refusal {
    int status;       /* of HTTP: 400, 409, 500, 503 */
    const char *code; /* "invalid_state", "no_alive_workers", "validation_error", ... */
    char message[512];
    const char *action;      /* of invalid_state: */
    const char *expected[3]; /* states in which it is allowed */
};

struct lki_start {
    struct lki_plan plan;      /* run_id NULL; stages borrowed */
    const char *const *params; /* "name=value" */
    size_t param_count;
};

/* Accepted: the run is being prepared; the core drives it from here on. */
bool lki_orchestrator_start(struct lki_orchestrator *o, const struct lki_start *start,
                            struct lki_refusal *refusal);
bool lki_orchestrator_stop(struct lki_orchestrator *o, struct lki_refusal *refusal);
/* interval_ns: between two users that come or go; 0: at once. */
bool lki_orchestrator_users(struct lki_orchestrator *o, uint64_t users, int64_t interval_ns,
                            struct lki_refusal *refusal);
bool lki_orchestrator_rate(struct lki_orchestrator *o, double rate_per_s,
                           struct lki_refusal *refusal);
/* Objects that are to be made. payload: for their users, about: for who looks at them; JSON objects
 * or NULL, copied. */
struct lki_create {
    const char *resource;
    uint64_t count;
    const char *payload, *about;
};
/* Makes them; on_done is called once, later: ids first .. first + made - 1 are there, and are all
 * if refusal->status is 0. */
struct lki_created {
    size_t resource;
    uint64_t first, made;
    const struct lki_refusal *refusal;
};
bool lki_orchestrator_create(struct lki_orchestrator *o, const struct lki_create *create,
                             void (*on_done)(const struct lki_created *created, void *arg),
                             void *arg, struct lki_refusal *refusal);
/* id 0: all. How many were deleted. */
bool lki_orchestrator_delete(struct lki_orchestrator *o, const char *resource, uint64_t id,
                             uint64_t *deleted, struct lki_refusal *refusal);

/* ---- how it stands ---- */

/* "IDLE", ... */
const char *lki_orchestrator_state(const struct lki_orchestrator *o);
uint64_t lki_orchestrator_epoch(const struct lki_orchestrator *o); /* runs begun in this cluster */
const char *lki_orchestrator_run_id(const struct lki_orchestrator *o); /* of the last; NULL: none */
const struct lki_model *lki_orchestrator_model(const struct lki_orchestrator *o);
/* Of the run in hand; NULL: none. */
const struct lki_core *lki_orchestrator_core(const struct lki_orchestrator *o);
const struct lki_plan *lki_orchestrator_plan(const struct lki_orchestrator *o);
/* Of the run in hand, with the values of its parameters; NULL: none. */
const struct lki_model *lki_orchestrator_run_model(const struct lki_orchestrator *o);
struct lki_history *lki_orchestrator_history(const struct lki_orchestrator *o);
struct lki_stock *lki_orchestrator_stock(const struct lki_orchestrator *o);
/* Of the last run that is over, as JSON (loadkit.result/1); NULL: none. */
const struct lki_buf *lki_orchestrator_result(const struct lki_orchestrator *o);
bool lki_orchestrator_has_redis(const struct lki_orchestrator *o);
/* Who had the cluster before, while the end of its lock is waited for; NULL: it is not. */
const char *lki_orchestrator_former(const struct lki_orchestrator *o);

/* A worker process, or the place of one. */
struct lki_worker_view {
    char id[160]; /* "STATION" or "STATION.2" when it has several processes */
    const char *station;
    const char *host;
    bool healthy; /* it is heard: its station, which tells that it moves; and does not leave */
    bool leaving; /* is heard, and leaves */
    int64_t
        heard_ago_ns; /* and moved; if it is not heard nobody knows what it uses, nor its delay */
    double last_heartbeat; /* wall clock, s */
    uint64_t users;        /* assigned */
    uint64_t users_active;
    uint64_t pid;
    double cpu_percent; /* NAN: unknown */
    uint64_t rss_bytes;
    uint64_t memory_bytes;
    uint64_t descriptors;
    int64_t loop_delay_ns; /* -1: unknown, or in no run */
    uint64_t crashes;
    bool probes;
};

size_t lki_orchestrator_worker_count(const struct lki_orchestrator *o);
void lki_orchestrator_worker(const struct lki_orchestrator *o, size_t index,
                             struct lki_worker_view *view);

#endif
