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
#include "user/line.h"
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
    uint64_t iterations_low;       /* with so few left, on_low is called */
    bool iterations_more;          /* there may come more: who finds none waits */
    uint64_t *iterations_taken;    /* where those of a limited number are counted */
    uint64_t taken;                /* unless that is to be seen elsewhere */
    struct lki_line dry;           /* users that wait for iterations */
    bool draining;                 /* no new steps */
    bool cut;                      /* no more hooks either */
    uint64_t alive;                /* users that have not left for good */
    uint64_t active;               /* users between a start that succeeded and their stop */
    /* Called from the loop or a task, once for each: */
    void (*on_exhausted)(struct lki_crowd *crowd); /* the last iteration was handed out */
    void (*on_empty)(struct lki_crowd *crowd);     /* the last user left */
    /* Few iterations are left, or none and one could begin; needed with iterations_more. As often
     * as that is found. */
    void (*on_low)(struct lki_crowd *crowd);
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
/* It starts at the loop's next turns: its first life, or a new one when it has left, or will have.
 * One that lives is left alone. */
void lki_user_begin(struct lki_user *user);
/* A user that a helper thread still works for is left to it. NULL is ignored. */
void lki_user_free(struct lki_user *user);

/* Has the user's life end in order, after the step in hand. */
void lki_user_leave(struct lki_user *user);

/* The same while the others stay: waits that may end early do so, and a step that lasts longer than
 * grace_ns is cut off, without stop hook. */
void lki_user_leave_within(struct lki_user *user, int64_t grace_ns);

/* How many iterations may begin. */
uint64_t lki_crowd_left(const struct lki_crowd *crowd);

/* Somebody, or something whose time has come, waits for iterations, and none is left. */
bool lki_crowd_starves(const struct lki_crowd *crowd);

/* So many more iterations may begin; last: there will not be any more. */
void lki_crowd_grant(struct lki_crowd *crowd, uint64_t count, bool last);

/* Those that may begin and have not, may not any more, but for arrivals whose time has come. How
 * many that are. */
uint64_t lki_crowd_reclaim(struct lki_crowd *crowd);

/* Users that wait may have what others, who were woken for it, did not take. */
void lki_crowd_serve(struct lki_crowd *crowd);

#endif
