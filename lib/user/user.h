/*
 * The life of a virtual user: zeroed state, init, start, steps until told to stop, stop. A life
 * whose init or start failed ends with stop, and a new one begins after a while. Between steps a
 * user has no stack: a timer brings it back when a step of its becomes ready.
 */
#ifndef LKI_USER_USER_H
#define LKI_USER_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/http.h"
#include "client/vu.h"
#include "model/model.h"
#include "user/resource.h"
#include "user/run_data.h"

struct lki_arrivals;
struct lki_crowd;
struct lki_user;

/* What is recorded of lives: hooks; and when they fail, the author's strategies and pauses. */
enum { LKI_LIFE_STRATEGY = LK_HOOK_COUNT_, LKI_LIFE_PAUSE, LKI_LIFECYCLE_COUNT };

/* A hook or step that was carried out and recorded. */
struct lki_work_done {
    const lk_vu *vu;
    const char *name; /* "on_start", or the label of the step */
    lki_code code;
    const char *message; /* why it failed; "" if it did not */
    int64_t start_ns;
    int64_t end_ns;
};

/* What the users of one worker share. */
struct lki_crowd {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_metrics *metrics;
    struct lki_http_shared http;
    struct lki_resources resources;
    struct lki_run_data *run_data;     /* NULL: nothing was left, and nobody asked */
    struct lki_metric ***step_metrics; /* by type and step */
    struct lki_metric *hook_metrics[LKI_LIFECYCLE_COUNT];
    struct lki_arrivals *arrivals; /* NULL: users go on by themselves */
    uint64_t iterations_left;      /* UINT64_MAX: no limit */
    bool draining;                 /* no new steps */
    bool cut;                      /* no more hooks either */
    uint64_t alive;                /* users that have not left for good */
    uint64_t active;               /* users between a start that succeeded and their stop */
    /* Called from the loop or a task, once for each: */
    void (*on_exhausted)(struct lki_crowd *crowd); /* the last iteration was handed out */
    void (*on_empty)(struct lki_crowd *crowd);     /* the last user left */
    /* Called in the task, once for each; NULL: nobody listens. */
    void (*on_work)(struct lki_crowd *crowd, const struct lki_work_done *done);
};

enum lk_err lki_crowd_init(struct lki_crowd *crowd, struct lki_loop *loop,
                           const struct lki_model *model, struct lki_metrics *metrics);
void lki_crowd_release(struct lki_crowd *crowd);

/* Hooks, and strategies and pauses of the author's, that failed so far. */
uint64_t lki_crowd_hook_errors(const struct lki_crowd *crowd);

/* A user of the given type, with numbers that seed its draws. */
enum lk_err lki_user_new(struct lki_user **out, struct lki_crowd *crowd,
                         const struct lki_vu_type *type, uint64_t id, uint64_t seed);
/* It starts at the loop's next turns. */
void lki_user_begin(struct lki_user *user);
/* A user that a helper thread still works for is left to it. NULL is ignored. */
void lki_user_free(struct lki_user *user);

/* Has the user's life end in order, after the step in hand. */
void lki_user_leave(struct lki_user *user);

#endif
