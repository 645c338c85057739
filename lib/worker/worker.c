#include "worker/worker.h"

#include <stdlib.h>

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

static void take_numbers(struct lki_worker *worker, int64_t now_ns)
{
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

/* A function on a helper thread cannot be ended. Whose step called it stays as it is: its sample
 * was taken when it was cut off, and its memory must not go. */
static void abandon(struct lki_worker *worker)
{
    worker->abandoned = worker->crowd.alive;
    worker->end_ns = lki_loop_now(&worker->loop);
    lki_loop_stop(&worker->loop);
}

static void drain(struct lki_worker *worker, enum lki_end why)
{
    worker->ended_by = why;
    worker->crowd.draining = true;
    lki_timer_set(&worker->loop.timers, &worker->end,
                  lki_ns_after(lki_loop_now(&worker->loop), worker->share.grace_ns));
    lki_tasks_drain(&worker->loop);
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_leave(worker->users[i]);
}

static void on_end(struct lki_timer *timer)
{
    struct lki_worker *worker = LKI_CONTAINER(timer, struct lki_worker, end);

    lki_worker_stop(worker, LKI_END_DURATION);
}

static void on_exhausted(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    /* no draining: the steps in hand, the last one too, run to their own end */
    worker->ended_by = LKI_END_ITERATIONS;
    for (uint64_t i = 0; i < worker->share.users; i++)
        lki_user_leave(worker->users[i]);
}

static void on_empty(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    worker->end_ns = lki_loop_now(&worker->loop);
    lki_loop_stop(&worker->loop);
}

void lki_worker_stop(struct lki_worker *worker, enum lki_end why)
{
    if (!worker->crowd.draining)
        drain(worker, why);
    else if (!worker->crowd.cut)
        cut(worker);
    else
        abandon(worker);
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

enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share)
{
    enum lk_err err;

    *worker = (struct lki_worker){.share = *share};
    lki_metrics_init(&worker->metrics, 0, 0);
    err = lki_series_init(&worker->series, 0);
    if (!err)
        err = lki_loop_open(&worker->loop);
    if (!err)
        err = lki_crowd_init(&worker->crowd, &worker->loop, model, &worker->metrics);
    if (!err)
        err = lki_timer_init(&worker->loop.timers, &worker->second, on_second);
    if (!err)
        err = lki_timer_init(&worker->loop.timers, &worker->end, on_end);
    if (!err) {
        worker->crowd.on_exhausted = on_exhausted;
        worker->crowd.on_empty = on_empty;
        if (share->iterations)
            worker->crowd.iterations_left = share->iterations;
        err = make_users(worker, model);
    }
    if (err)
        lki_worker_close(worker);
    return err;
}

void lki_worker_run(struct lki_worker *worker)
{
    struct lki_timers *timers = &worker->loop.timers;

    worker->start_ns = lki_loop_now(&worker->loop);
    worker->active_ns = worker->start_ns;
    lki_metrics_start(&worker->metrics, &worker->loop.clock, worker->start_ns);
    lki_timer_set(timers, &worker->second, worker->start_ns + LKI_NS_PER_S);
    lki_timer_set(timers, &worker->end, lki_ns_after(worker->start_ns, worker->share.duration_ns));
    lki_loop_run(&worker->loop);
    take_numbers(worker, worker->end_ns);
}

void lki_worker_close(struct lki_worker *worker)
{
    for (uint64_t i = 0; worker->users && i < worker->share.users; i++)
        lki_user_free(worker->users[i]);
    free(worker->users);
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
