#include "worker/worker.h"

#include <stdlib.h>

#include "client/setup.h"
#include "loop/task.h"
#include "worker/acts.h"

/* What set-up and tear-down do counts, but is of none of the run's seconds. */
void lki_worker_take_numbers(struct lki_worker *worker, int64_t now_ns)
{
    if (worker->act == LKI_ACT_USERS && worker->led)
        lki_series_cut(&worker->series, &worker->metrics, now_ns - worker->start_ns,
                       worker->crowd.active);
    else if (worker->act == LKI_ACT_USERS)
        lki_series_add(&worker->series, &worker->metrics, now_ns - worker->start_ns,
                       worker->crowd.active);
    lki_metrics_fold(&worker->metrics);
}

void lki_worker_measure(const struct lki_worker *worker, struct lki_worker_health *health)
{
    const struct lki_loop_health loop = lki_loop_health_now(worker->loop);

    if (worker->act > LKI_ACT_USERS) {
        *health = worker->final;
    } else {
        *health = (struct lki_worker_health){.waited_ns = -1};
        if (worker->act == LKI_ACT_USERS)
            *health = (struct lki_worker_health){.busiest_ns = loop.busiest_ns,
                                                 .lately_ns = lki_loop_longest(worker->loop->shown),
                                                 .turns = loop.turns,
                                                 .stalls = loop.stalls};
        lki_measuring_read(&worker->measuring, lki_loop_now(worker->loop), health);
    }
    health->overflowed = loop.overflowed;
    health->abandoned = worker->abandoned;
}

struct lki_loop_health lki_worker_health(const struct lki_worker *worker)
{
    struct lki_loop_health health = worker->loop->health;

    if (worker->act > LKI_ACT_USERS)
        health = worker->health;
    health.overflowed = worker->loop->health.overflowed;
    return health;
}

bool lki_worker_is_cut(const struct lki_worker *worker)
{
    if (worker->act == LKI_ACT_USERS)
        return worker->crowd.cut;
    return worker->hook_cut || (worker->act != LKI_ACT_SETUP && worker->act != LKI_ACT_TEARDOWN);
}

/* Iterations begin when users are ready, or at a rate; either way their number may be limited. */
static enum lk_err pace_users(struct lki_worker *worker)
{
    const struct lki_share *share = &worker->share;
    uint64_t limit = share->iterations ? share->iterations : UINT64_MAX;

    if (worker->led)
        limit = worker->lead.counted ? 0 : UINT64_MAX;
    worker->crowd.iterations_more = !limit;
    worker->crowd.iterations_left = limit;
    if (worker->led ? worker->lead.arrivals : share->rate_per_s > 0)
        return lki_arrivals_open(&worker->arrivals, &worker->crowd,
                                 worker->led ? 0 : share->rate_per_s, share->arrival_wait_ns,
                                 limit);
    return LK_OK;
}

static void crowd_lead(struct lki_worker *worker)
{
    struct lki_crowd *crowd = &worker->crowd;
    struct lki_worker_page *page = worker->lead.page;

    crowd->on_low = lki_act_on_low;
    crowd->resources.lender = worker->lead.lender;
    crowd->resources.users = worker->share.users;
    if (!page)
        return;
    crowd->iterations_taken = &page->iterations_taken;
    crowd->http.wire.sending = &page->sending;
    lki_loop_show(worker->loop, &page->loop);
}

static enum lk_err open_timers(struct lki_worker *worker)
{
    struct lki_timers *timers = &worker->loop->timers;
    enum lk_err err = lki_timer_init(timers, &worker->second, lki_act_on_second);

    if (!err)
        err = lki_timer_init(timers, &worker->end, lki_act_on_end);
    return err;
}

static enum lk_err open_http(struct lki_worker *worker)
{
    struct lki_buf why;
    enum lk_err err;

    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    err = lki_http_setup_run(&worker->crowd.http, worker->share.http, &why);
    lki_buf_release(&why);
    worker->share.http = NULL;
    return err;
}

/* What is led borrows the loop. */
static enum lk_err open_parts(struct lki_worker *worker, const struct lki_model *model)
{
    struct lki_backstage_owner owner = {lki_act_on_hook_over, lki_act_on_probes_over, worker};
    enum lk_err err;

    lki_metrics_init(&worker->metrics, 0, 0);
    if (worker->lead.page)
        lki_metrics_count_at(&worker->metrics, &worker->lead.page->totals);
    err = lki_series_init(&worker->series, 0);
    if (!err && !worker->led)
        err = lki_loop_open(worker->loop);
    if (!err)
        err = lki_crowd_init(&worker->crowd, worker->loop, model, &worker->metrics);
    if (!err)
        err = open_http(worker);
    if (!err)
        err = lki_backstage_new(&worker->backstage, &worker->crowd, worker->share.seed, &owner);
    if (!err)
        err = open_timers(worker);
    return err;
}

static enum lk_err open_users(struct lki_worker *worker)
{
    const struct lki_range all = {.first = 1, .stride = 1, .count = worker->share.users};
    enum lk_err err;

    /* nothing begins at the very end */
    worker->loop->timers.foremost = &worker->end;
    worker->crowd.on_exhausted = lki_act_on_exhausted;
    worker->crowd.on_empty = lki_act_on_empty;
    if (worker->led)
        crowd_lead(worker);
    err = pace_users(worker);
    if (worker->lead.page)
        worker->arrivals.shown = &worker->lead.page->arrivals;
    lki_roster_open(&worker->roster, &worker->crowd, all.count, worker->share.seed);
    if (!err && !worker->led)
        err = lki_roster_make(&worker->roster, &all);
    return err;
}

static enum lk_err worker_open(struct lki_worker *worker, const struct lki_model *model)
{
    enum lk_err err = open_parts(worker, model);

    if (!err)
        err = open_users(worker);
    if (err)
        lki_worker_close(worker);
    return err;
}

enum lk_err lki_worker_open(struct lki_worker *worker, const struct lki_model *model,
                            const struct lki_share *share)
{
    *worker = (struct lki_worker){
        .share = *share, .loop = &worker->own_loop, .probes = true, .probed = true};
    return worker_open(worker, model);
}

enum lk_err lki_worker_open_led(struct lki_worker *worker, const struct lki_model *model,
                                const struct lki_share *share, const struct lki_lead *lead,
                                void *arg)
{
    *worker = (struct lki_worker){.share = *share,
                                  .led = true,
                                  .lead = *lead,
                                  .loop = lead->loop,
                                  .probes = lead->probes,
                                  .probed = lead->probes,
                                  .arg = arg};
    return worker_open(worker, model);
}

void lki_worker_begin(struct lki_worker *worker)
{
    lki_worker_set_up(worker);
}

void lki_worker_update(struct lki_worker *worker)
{
    lki_worker_take_numbers(worker, lki_loop_now(worker->loop));
}

void lki_worker_finish(struct lki_worker *worker)
{
    lki_worker_take_numbers(worker, worker->end_ns);
}

void lki_worker_run(struct lki_worker *worker)
{
    lki_worker_begin(worker);
    lki_loop_run(worker->loop);
    lki_worker_finish(worker);
}

/* The loop may go on turning: what still comes for those who were given up finds nobody. */
static bool forsake_tasks(struct lki_loop *loop)
{
    for (struct lki_task *task = loop->tasks; task; task = task->next) {
        task->waiting = false;
        lki_loop_unpost(loop, &task->post);
    }
    return loop->tasks != NULL;
}

bool lki_worker_close(struct lki_worker *worker)
{
    struct lki_loop *loop = worker->loop;
    bool given_up = forsake_tasks(loop);

    worker->crowd.resources.lender = NULL;
    lki_arrivals_close(&worker->arrivals);
    lki_roster_close(&worker->roster);
    lki_backstage_free(worker->backstage);
    if (worker->crowd.loop)
        lki_crowd_release(&worker->crowd);
    lki_timer_release(&loop->timers, &worker->second);
    lki_timer_release(&loop->timers, &worker->end);
    if (loop->timers.foremost == &worker->end)
        loop->timers.foremost = NULL;
    if (worker->lead.page)
        lki_loop_show(loop, NULL);
    if (worker->own_loop.base)
        lki_loop_close(&worker->own_loop);
    lki_series_release(&worker->series);
    lki_metrics_release(&worker->metrics);
    lki_measuring_end(&worker->measuring);
    *worker = (struct lki_worker){0};
    return !given_up;
}
