#include "worker/worker.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "loop/task.h"

/* How long a run without a limit in time goes on when no user can begin its life. */
#define NO_USERS_NS (60 * LKI_NS_PER_S)
/* What a function that blocks gets to return in when everything else has been cut off. */
#define ABANDON_NS (500 * LKI_NS_PER_MS)

static struct lki_worker *worker_of_crowd(struct lki_crowd *crowd)
{
    return LKI_CONTAINER(crowd, struct lki_worker, crowd);
}

/* What set-up and tear-down do counts, but is of none of the run's seconds. */
static void take_numbers(struct lki_worker *worker, int64_t now_ns)
{
    if (worker->act == LKI_ACT_USERS)
        lki_series_add(&worker->series, &worker->metrics, now_ns - worker->start_ns,
                       worker->crowd.active);
    lki_metrics_fold(&worker->metrics);
}

/* Iterations that no user is there to carry out would be waited for without end. */
static void give_up_without_users(struct lki_worker *worker, int64_t now_ns)
{
    bool failing = worker->ended_by == LKI_END_NONE && lki_crowd_hook_errors(&worker->crowd);

    if (worker->crowd.active || !failing)
        worker->active_ns = now_ns;
    else if (worker->share.duration_ns == LKI_NEVER && !worker->crowd.draining &&
             now_ns - worker->active_ns > NO_USERS_NS)
        lki_worker_stop(worker, LKI_END_NO_USERS);
}

static void on_second(struct lki_timer *timer)
{
    struct lki_worker *worker = LKI_CONTAINER(timer, struct lki_worker, second);
    int64_t now_ns = lki_loop_now(&worker->loop);
    int64_t since_ns = now_ns - worker->start_ns;

    take_numbers(worker, now_ns);
    lki_loop_trim(&worker->loop);
    if (worker->on_second)
        worker->on_second(worker, worker->arg);
    if (worker->act == LKI_ACT_USERS)
        give_up_without_users(worker, now_ns);
    lki_timer_set(&worker->loop.timers, timer,
                  worker->start_ns + (since_ns / LKI_NS_PER_S + 1) * LKI_NS_PER_S);
}

static void cut(struct lki_worker *worker)
{
    worker->crowd.cut = true;
    lki_timer_set(&worker->loop.timers, &worker->end, lki_loop_now(&worker->loop) + ABANDON_NS);
    lki_tasks_cut(&worker->loop);
    /* who waits for memory for its stop needs none any more */
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_leave(worker->users[i]);
}

/* ---- after the users ---- */

static void over(struct lki_worker *worker)
{
    worker->act = LKI_ACT_OVER;
    lki_loop_stop(&worker->loop);
}

/* How long a hook may hold up the run. In lk_blocking it can outlast its time-out. */
static void hook_watch(struct lki_worker *worker, int64_t timeout_ns)
{
    worker->hook_drained = false;
    worker->hook_cut = false;
    worker->hook_end_ns = lki_ns_after(timeout_ns, ABANDON_NS);
    lki_timer_set(&worker->loop.timers, &worker->end, worker->hook_end_ns);
}

/* It may wait as users may that are not told to leave; who interrupted the run already has to
 * interrupt but once more. */
static void tear_down(struct lki_worker *worker)
{
    int64_t timeout_ns = lki_backstage_hook(worker->backstage, LK_RUN_TEARDOWN);

    if (!timeout_ns) {
        over(worker);
        return;
    }
    worker->act = LKI_ACT_TEARDOWN;
    worker->loop.draining = false;
    hook_watch(worker, timeout_ns);
    worker->hook_drained = worker->ended_by == LKI_END_INTERRUPT;
}

/* Processor time of this thread: what else the program does is not the run's. */
static int64_t processor_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * LKI_NS_PER_S + used.tv_nsec;
}

static void users_over(struct lki_worker *worker)
{
    worker->end_ns = lki_loop_now(&worker->loop);
    worker->busy_ns += processor_ns();
    worker->health = worker->loop.health;
    take_numbers(worker, worker->end_ns);
    worker->act = LKI_ACT_CLEARING;
    if (!lki_backstage_probes_end(worker->backstage)) {
        tear_down(worker);
        return;
    }
    lki_timer_set(&worker->loop.timers, &worker->end, worker->end_ns + ABANDON_NS);
    lki_tasks_cut(&worker->loop);
}

static void on_probes_over(void *arg)
{
    struct lki_worker *worker = arg;

    if (worker->act == LKI_ACT_CLEARING)
        tear_down(worker);
}

/* ---- the end of the users ---- */

/* A function on a helper thread cannot be ended. Whose step called it stays as it is: its sample
 * was taken when it was cut off, and its memory must not go. */
static void abandon(struct lki_worker *worker)
{
    worker->abandoned = worker->crowd.alive;
    users_over(worker);
}

static void drain(struct lki_worker *worker, enum lki_end why)
{
    worker->ended_by = why;
    if (worker->share.rate_per_s > 0)
        lki_arrivals_end(&worker->arrivals);
    worker->crowd.draining = true;
    lki_backstage_probes_end(worker->backstage);
    lki_timer_set(&worker->loop.timers, &worker->end,
                  lki_ns_after(lki_loop_now(&worker->loop), worker->share.grace_ns));
    lki_tasks_drain(&worker->loop);
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_leave(worker->users[i]);
}

/* ---- set-up and tear-down ---- */

/* The users begin, and with them the time of the run. */
static void users_begin(struct lki_worker *worker)
{
    struct lki_timers *timers = &worker->loop.timers;

    worker->act = LKI_ACT_USERS;
    lki_loop_health_reset(&worker->loop);
    worker->busy_ns = -processor_ns();
    worker->start_ns = lki_loop_now(&worker->loop);
    worker->active_ns = worker->start_ns;
    lki_metrics_start(&worker->metrics, &worker->loop.clock, worker->start_ns);
    lki_metrics_fold(&worker->metrics);
    lki_series_start(&worker->series, &worker->metrics);
    lki_timer_set(timers, &worker->second, worker->start_ns + LKI_NS_PER_S);
    lki_timer_set(timers, &worker->end, lki_ns_after(worker->start_ns, worker->share.duration_ns));
    lki_backstage_probes_begin(worker->backstage, worker->start_ns);
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_begin(worker->users[i]);
    if (worker->share.rate_per_s > 0)
        lki_arrivals_begin(&worker->arrivals, worker->start_ns, worker->end.when_ns);
}

static void set_up(struct lki_worker *worker)
{
    int64_t timeout_ns = lki_backstage_hook(worker->backstage, LK_RUN_SETUP);

    worker->start_ns = lki_loop_now(&worker->loop);
    lki_metrics_start(&worker->metrics, &worker->loop.clock, worker->start_ns);
    if (!timeout_ns) {
        users_begin(worker);
        return;
    }
    lki_timer_set(&worker->loop.timers, &worker->second, worker->start_ns + LKI_NS_PER_S);
    hook_watch(worker, timeout_ns);
}

/* No user begins, and the run has taken no time. */
static void skip_users(struct lki_worker *worker)
{
    if (worker->ended_by == LKI_END_NONE)
        worker->ended_by = LKI_END_SETUP;
    worker->start_ns = lki_loop_now(&worker->loop);
    worker->end_ns = worker->start_ns;
    lki_metrics_start(&worker->metrics, &worker->loop.clock, worker->start_ns);
    tear_down(worker);
}

static void on_hook_over(void *arg, enum lk_run_hook_kind kind, enum lki_outcome outcome)
{
    struct lki_worker *worker = arg;

    if (kind == LK_RUN_TEARDOWN && worker->act == LKI_ACT_TEARDOWN)
        over(worker);
    else if (kind == LK_RUN_SETUP && worker->act == LKI_ACT_SETUP && !outcome &&
             !worker->hook_drained)
        users_begin(worker);
    else if (kind == LK_RUN_SETUP && worker->act == LKI_ACT_SETUP)
        skip_users(worker);
}

/* The run goes on without it; what it still does on a helper thread is left to it. */
static void hook_abandon(struct lki_worker *worker)
{
    worker->hook_abandoned[worker->act == LKI_ACT_SETUP ? LK_RUN_SETUP : LK_RUN_TEARDOWN] = true;
    if (worker->act == LKI_ACT_SETUP)
        skip_users(worker);
    else
        over(worker);
}

static void hook_cut(struct lki_worker *worker)
{
    enum lk_run_hook_kind kind = worker->act == LKI_ACT_SETUP ? LK_RUN_SETUP : LK_RUN_TEARDOWN;

    if (lki_backstage_forgo(worker->backstage, kind)) {
        on_hook_over(worker, kind, LKI_OUTCOME_CANCELLED);
        return;
    }
    worker->hook_cut = true;
    lki_timer_set(&worker->loop.timers, &worker->end, lki_loop_now(&worker->loop) + ABANDON_NS);
    lki_tasks_cut(&worker->loop);
}

static void hook_overdue(struct lki_worker *worker)
{
    if (worker->hook_cut || lki_loop_now(&worker->loop) >= worker->hook_end_ns)
        hook_abandon(worker);
    else
        hook_cut(worker);
}

/* As with steps: what is in hand may end within the grace time, then it is cut off. */
static void stop_hook(struct lki_worker *worker, enum lki_end why)
{
    int64_t grace_ns = lki_ns_after(lki_loop_now(&worker->loop), worker->share.grace_ns);

    if (worker->hook_cut) {
        hook_abandon(worker);
    } else if (worker->hook_drained) {
        hook_cut(worker);
    } else {
        worker->hook_drained = true;
        if (worker->ended_by == LKI_END_NONE)
            worker->ended_by = why;
        if (grace_ns < worker->hook_end_ns)
            lki_timer_set(&worker->loop.timers, &worker->end, grace_ns);
        lki_tasks_drain(&worker->loop);
    }
}

static void on_end(struct lki_timer *timer)
{
    struct lki_worker *worker = LKI_CONTAINER(timer, struct lki_worker, end);

    if (worker->act == LKI_ACT_USERS)
        lki_worker_stop(worker, LKI_END_DURATION);
    else if (worker->act == LKI_ACT_CLEARING)
        tear_down(worker);
    else
        hook_overdue(worker);
}

static void on_exhausted(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    /* no draining: the steps in hand, the last one too, run to their own end */
    worker->ended_by = LKI_END_ITERATIONS;
    lki_backstage_probes_end(worker->backstage);
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_leave(worker->users[i]);
}

static void on_empty(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    /* not those who were told to leave before they could begin, nor those who were abandoned */
    if (worker->act == LKI_ACT_USERS)
        users_over(worker);
}

static void stop_users(struct lki_worker *worker, enum lki_end why)
{
    if (!worker->crowd.draining)
        drain(worker, why);
    else if (!worker->crowd.cut)
        cut(worker);
    else if (worker->loop.posts.first) /* not all have been told yet: they are not stuck */
        lki_timer_set(&worker->loop.timers, &worker->end, lki_loop_now(&worker->loop) + ABANDON_NS);
    else
        abandon(worker);
}

void lki_worker_stop(struct lki_worker *worker, enum lki_end why)
{
    if (worker->act == LKI_ACT_USERS)
        stop_users(worker, why);
    else if (worker->act == LKI_ACT_SETUP || worker->act == LKI_ACT_TEARDOWN)
        stop_hook(worker, why);
}

struct lki_loop_health lki_worker_health(const struct lki_worker *worker)
{
    struct lki_loop_health health = worker->loop.health;

    if (worker->act > LKI_ACT_USERS)
        health = worker->health;
    health.overflowed = worker->loop.health.overflowed;
    return health;
}

bool lki_worker_is_cut(const struct lki_worker *worker)
{
    if (worker->act == LKI_ACT_USERS)
        return worker->crowd.cut;
    return worker->hook_cut || (worker->act != LKI_ACT_SETUP && worker->act != LKI_ACT_TEARDOWN);
}

/* The type of each user: shares by weight, dealt out so that every prefix is as even as can be. */
static const struct lki_vu_type *deal_type(const struct lki_model *model, uint64_t *dealt)
{
    size_t best = 0;
    double best_need = -1;

    for (size_t t = 0; t < model->type_count; t++) {
        double need = model->types[t].weight / (double)(dealt[t] + 1);

        if (need > best_need) {
            best_need = need;
            best = t;
        }
    }
    dealt[best]++;
    return &model->types[best];
}

static enum lk_err make_users(struct lki_worker *worker, const struct lki_model *model)
{
    const struct lki_share *share = &worker->share;
    uint64_t *dealt = calloc(model->type_count, sizeof(*dealt));
    enum lk_err err = LK_OK;

    worker->users = calloc(share->users, sizeof(struct lki_user *));
    if (!worker->users || !dealt)
        err = LK_E_NOMEM;
    for (uint64_t i = 0; !err && i < share->users; i++)
        err = lki_user_new(&worker->users[i], &worker->crowd, deal_type(model, dealt),
                           share->first_user + i, share->seed);
    free(dealt);
    return err;
}

/* Iterations begin when users are ready, or at a rate; either way their number may be limited. */
static enum lk_err pace_users(struct lki_worker *worker)
{
    const struct lki_share *share = &worker->share;
    uint64_t limit = share->iterations ? share->iterations : UINT64_MAX;

    if (share->rate_per_s > 0)
        return lki_arrivals_open(&worker->arrivals, &worker->crowd, share->rate_per_s,
                                 share->arrival_wait_ns, limit);
    worker->crowd.iterations_left = limit;
    return LK_OK;
}

enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share)
{
    struct lki_backstage_owner owner = {on_hook_over, on_probes_over, worker};
    enum lk_err err;

    *worker = (struct lki_worker){.share = *share};
    lki_metrics_init(&worker->metrics, 0, 0);
    err = lki_series_init(&worker->series, 0);
    if (!err)
        err = lki_loop_open(&worker->loop);
    if (!err)
        err = lki_crowd_init(&worker->crowd, &worker->loop, model, &worker->metrics);
    if (!err)
        err = lki_backstage_new(&worker->backstage, &worker->crowd, share->seed, &owner);
    if (!err)
        err = lki_timer_init(&worker->loop.timers, &worker->second, on_second);
    if (!err)
        err = lki_timer_init(&worker->loop.timers, &worker->end, on_end);
    if (!err) {
        /* nothing begins at the very end */
        worker->loop.timers.foremost = &worker->end;
        worker->crowd.on_exhausted = on_exhausted;
        worker->crowd.on_empty = on_empty;
        err = pace_users(worker);
    }
    if (!err)
        err = make_users(worker, model);
    if (err)
        lki_worker_close(worker);
    return err;
}

void lki_worker_begin(struct lki_worker *worker)
{
    set_up(worker);
}

void lki_worker_update(struct lki_worker *worker)
{
    take_numbers(worker, lki_loop_now(&worker->loop));
}

void lki_worker_finish(struct lki_worker *worker)
{
    take_numbers(worker, worker->end_ns);
}

void lki_worker_run(struct lki_worker *worker)
{
    lki_worker_begin(worker);
    lki_loop_run(&worker->loop);
    lki_worker_finish(worker);
}

void lki_worker_close(struct lki_worker *worker)
{
    lki_arrivals_close(&worker->arrivals);
    for (uint64_t i = 0; worker->users && i < worker->share.users; i++)
        lki_user_free(worker->users[i]);
    free(worker->users);
    lki_backstage_free(worker->backstage);
    if (worker->crowd.loop)
        lki_crowd_release(&worker->crowd);
    lki_timer_release(&worker->loop.timers, &worker->second);
    lki_timer_release(&worker->loop.timers, &worker->end);
    if (worker->loop.base)
        lki_loop_close(&worker->loop);
    lki_series_release(&worker->series);
    lki_metrics_release(&worker->metrics);
    *worker = (struct lki_worker){0};
}
