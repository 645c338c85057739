/*
 * A virtual user as far as a call of a scenario needs it. The user layer builds the life of a user
 * around it; what is done at the moment, on which task, is its unit.
 */
#ifndef LKI_CLIENT_VU_H
#define LKI_CLIENT_VU_H

#include <loadkit/api.h>
#include <loadkit/http.h>

#include "base/rng.h"
#include "client/http.h"
#include "loop/pool.h"
#include "loop/task.h"
#include "stats/metric.h"

struct lki_response;
struct lk_timing;

/* What a unit got and gives back when it ends, unless it goes earlier. */
struct lki_held {
    struct lki_held *next, **link; /* link NULL: nobody holds it */
    void (*free)(struct lki_held *self);
};

/* One hook or step being carried out. It lies on the stack of its task, as the task's owner. */
struct lki_unit {
    struct lk_vu *vu;
    const char *step;               /* "" in a hook */
    struct lki_response *responses; /* to be given back when the unit ends */
    struct lki_held *held;          /* and all else */
    struct lk_timing *timings;      /* still open, the innermost first */
    struct lk_timing *spare;        /* stopped: memory for the next ones */
    bool sets_up;                   /* it is LK_ON_SETUP */
};

struct lk_vu {
    struct lki_loop *loop;
    struct lki_metrics *metrics;
    struct lki_rng rng;
    uint64_t id;
    int64_t late_ns; /* how late the iteration in hand began; -1: it was not to begin at any time */
    bool should_stop; /* it is to leave, though the run goes on */
    struct lki_http_client http;
};

/* The task that runs; only while one of this user's does. */
static inline struct lki_task *lki_vu_task(const lk_vu *vu)
{
    if (LKI_UNLIKELY(!lki_task_here))
        lki_job_leave();
    return vu->loop->current;
}

static inline struct lki_unit *lki_vu_unit(const lk_vu *vu)
{
    return lki_vu_task(vu)->owner;
}

/* What is allocated here lives until the unit ends. */
static inline struct lki_arena *lki_vu_arena(lk_vu *vu)
{
    return lki_vu_task(vu)->memory;
}

/* For whoever runs; cleared by whoever uses it; not across a wait. */
static inline struct lki_buf *lki_vu_scratch(lk_vu *vu)
{
    return &vu->loop->scratch;
}

/* End the unit. */
LK_NORETURN void lki_vu_fail(lk_vu *vu, const char *fmt, ...) LK_PRINTF(2, 3);
LK_NORETURN void lki_vu_fail_with(lk_vu *vu, const char *message); /* NULL: no memory for it */
LK_NORETURN void lki_vu_nomem(lk_vu *vu);

/* Ends the unit that runs on this thread: an argument of an author's function is NULL. */
LK_NORETURN void lki_null_refuse(const char *function, const char *argument);

static inline void lki_need(const void *given, const char *function, const char *argument)
{
    if (LKI_UNLIKELY(!given))
        lki_null_refuse(function, argument);
}

/* When a wait of that many seconds from now is over. NaN ends the unit, naming the function. */
int64_t lki_vu_until(lk_vu *vu, const char *function, double seconds);

/* The hook or step is over, and is about to be recorded: whatever it still times ends with it. Or,
 * unless task is NULL, what it times in that task. */
void lki_unit_over(struct lki_unit *unit, const struct lki_task *task, enum lki_outcome outcome,
                   int64_t end_ns);

/* The unit has it from now on; and gives it back now. */
void lki_unit_hold(struct lki_unit *unit, struct lki_held *held);
void lki_held_free(struct lki_held *held);

/* A sample without bytes and phases; its latency is also counted from when the iteration was to
 * begin. */
void lki_vu_record(lk_vu *vu, struct lki_metric *metric, lki_code code, enum lki_verdict verdict,
                   int64_t latency_ns);

/* Gives back what the unit got. */
void lki_unit_end(struct lki_unit *unit);

#endif
