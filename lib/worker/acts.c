#include "worker/acts.h"

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

void lki_act_on_second(struct lki_timer *timer)
{
    struct lki_worker *worker = LKI_CONTAINER(timer, struct lki_worker, second);
    int64_t now_ns = lki_loop_now(worker->loop);
    int64_t since_ns = now_ns - worker->start_ns;

    lki_worker_take_numbers(worker, now_ns);
    lki_loop_trim(worker->loop);
    if (worker->on_second)
        worker->on_second(worker, worker->arg);
    if (worker->act == LKI_ACT_USERS && !worker->led)
        give_up_without_users(worker, now_ns);
    lki_timer_set(&worker->loop->timers, timer,
                  worker->start_ns + (since_ns / LKI_NS_PER_S + 1) * LKI_NS_PER_S);
}

static void cut(struct lki_worker *worker)
{
    worker->crowd.cut = true;
    lki_timer_set(&worker->loop->timers, &worker->end, lki_loop_now(worker->loop) + ABANDON_NS);
    lki_tasks_cut(worker->loop);
    /* who waits for memory for its stop needs none any more */
    lki_roster_leave_all(&worker->roster);
}

/* ---- borders ---- */

static void users_begin(struct lki_worker *worker);
static void skip_users(struct lki_worker *worker);
static void tear_down(struct lki_worker *worker);

/* Nobody leads. */
static void go_on(struct lki_worker *worker)
{
    int64_t now_ns = lki_loop_now(worker->loop);

    if (worker->act == LKI_ACT_GONE)
        tear_down(worker);
    else if (worker->act == LKI_ACT_OVER)
        lki_loop_stop(worker->loop);
    else if (worker->set_up)
        lki_worker_start(worker, now_ns, lki_ns_after(now_ns, worker->share.duration_ns));
    else
        skip_users(worker);
}

static void border(struct lki_worker *worker, enum lki_act act)
{
    worker->act = act;
    lki_timer_cancel(&worker->end);
    if (worker->led)
        worker->lead.on_border(worker, worker->arg);
    else
        go_on(worker);
}

/* ---- after the users ---- */

/* How long a hook may hold up the run. In lk_blocking it can outlast its time-out. */
static void hook_watch(struct lki_worker *worker, int64_t timeout_ns)
{
    worker->hook_drained = false;
    worker->hook_cut = false;
    worker->hook_end_ns = lki_ns_after(timeout_ns, ABANDON_NS);
    lki_timer_set(&worker->loop->timers, &worker->end, worker->hook_end_ns);
}

/* It may wait as users may that are not told to leave; who interrupted the run already has to
 * interrupt but once more. */
static void tear_down(struct lki_worker *worker)
{
    int64_t timeout_ns = lki_backstage_hook(worker->backstage, LK_RUN_TEARDOWN);

    if (!timeout_ns) {
        border(worker, LKI_ACT_OVER);
        return;
    }
    worker->act = LKI_ACT_TEARDOWN;
    worker->loop->draining = false;
    hook_watch(worker, timeout_ns);
    worker->hook_drained = lki_end_is_asked(worker->ended_by);
}

static void users_over(struct lki_worker *worker)
{
    worker->end_ns = lki_loop_now(worker->loop);
    if (worker->led)
        lki_worker_measure(worker, &worker->final);
    worker->health = lki_loop_health_now(worker->loop);
    lki_worker_take_numbers(worker, worker->end_ns);
    worker->act = LKI_ACT_CLEARING;
    if (!lki_backstage_probes_end(worker->backstage)) {
        border(worker, LKI_ACT_GONE);
        return;
    }
    lki_timer_set(&worker->loop->timers, &worker->end, worker->end_ns + ABANDON_NS);
    lki_tasks_cut(worker->loop);
}

void lki_act_on_probes_over(void *arg)
{
    struct lki_worker *worker = arg;

    if (worker->act == LKI_ACT_CLEARING)
        border(worker, LKI_ACT_GONE);
}

/* ---- the end of the users ---- */

/* A function on a helper thread cannot be ended. Whose step called it stays as it is: its sample
 * was taken when it was cut off, and its memory must not go. */
static void abandon(struct lki_worker *worker)
{
    worker->abandoned = worker->crowd.alive;
    users_over(worker);
}

/* When the run is to end, or has nothing left to do, and nobody is there. */
static void look_for_users(struct lki_worker *worker)
{
    if (worker->act == LKI_ACT_USERS && worker->ended_by != LKI_END_NONE && !worker->crowd.alive)
        users_over(worker);
}

static void drain(struct lki_worker *worker, enum lki_end why)
{
    worker->ended_by = why;
    if (!worker->stops)
        worker->stops = 1;
    if (worker->crowd.arrivals)
        lki_arrivals_end(&worker->arrivals);
    worker->crowd.draining = true;
    lki_backstage_probes_end(worker->backstage);
    lki_timer_set(&worker->loop->timers, &worker->end,
                  lki_ns_after(lki_loop_now(worker->loop), worker->share.grace_ns));
    lki_tasks_drain(worker->loop);
    lki_roster_leave_all(&worker->roster);
    look_for_users(worker);
}

/* ---- set-up and tear-down ---- */

/* The users begin, and with them the time of the run; for who comes late it has begun already. */
static void users_begin(struct lki_worker *worker)
{
    struct lki_timers *timers = &worker->loop->timers;
    int64_t now_ns = lki_loop_now(worker->loop);
    int64_t since_ns;

    worker->act = LKI_ACT_USERS;
    worker->starting = false;
    if (worker->start_ns > now_ns)
        worker->start_ns = now_ns;
    since_ns = now_ns - worker->start_ns;
    lki_loop_health_reset(worker->loop);
    if (worker->led)
        lki_measuring_begin(&worker->measuring, now_ns);
    worker->active_ns = now_ns;
    lki_metrics_start(&worker->metrics, &worker->loop->clock, worker->start_ns);
    lki_metrics_fold(&worker->metrics);
    lki_series_start(&worker->series, &worker->metrics);
    worker->series.end_ns = since_ns;
    lki_timer_set(timers, &worker->second,
                  worker->start_ns + (since_ns / LKI_NS_PER_S + 1) * LKI_NS_PER_S);
    lki_timer_set(timers, &worker->end, worker->until_ns);
    if (worker->probes)
        lki_backstage_probes_begin(worker->backstage, worker->start_ns);
    lki_roster_begin_all(&worker->roster);
    if (worker->crowd.arrivals)
        lki_arrivals_begin(&worker->arrivals, worker->start_ns, worker->until_ns);
    look_for_users(worker);
}

void lki_worker_start(struct lki_worker *worker, int64_t start_ns, int64_t end_ns)
{
    bool wrong = worker->act != LKI_ACT_PREPARED && worker->act != LKI_ACT_READY;

    if (wrong || worker->starting)
        return;
    worker->start_ns = start_ns;
    worker->until_ns = end_ns;
    worker->starting = true;
    if (start_ns > lki_loop_now(worker->loop))
        lki_timer_set(&worker->loop->timers, &worker->end, start_ns);
    else
        users_begin(worker);
}

void lki_worker_set_up(struct lki_worker *worker)
{
    int64_t timeout_ns;

    if (worker->act != LKI_ACT_PREPARED || worker->starting)
        return;
    timeout_ns = lki_backstage_hook(worker->backstage, LK_RUN_SETUP);
    worker->start_ns = lki_loop_now(worker->loop);
    lki_metrics_start(&worker->metrics, &worker->loop->clock, worker->start_ns);
    if (!timeout_ns) {
        worker->set_up = true;
        border(worker, LKI_ACT_READY);
        return;
    }
    worker->act = LKI_ACT_SETUP;
    lki_timer_set(&worker->loop->timers, &worker->second, worker->start_ns + LKI_NS_PER_S);
    hook_watch(worker, timeout_ns);
}

/* No user begins, and the run has taken no time. */
static void skip_users(struct lki_worker *worker)
{
    if (worker->ended_by == LKI_END_NONE)
        worker->ended_by = LKI_END_SETUP;
    worker->start_ns = lki_loop_now(worker->loop);
    worker->end_ns = worker->start_ns;
    lki_metrics_start(&worker->metrics, &worker->loop->clock, worker->start_ns);
    border(worker, LKI_ACT_GONE);
}

void lki_worker_probes(struct lki_worker *worker, bool on)
{
    bool users = worker->act == LKI_ACT_USERS && worker->ended_by == LKI_END_NONE;

    if (on == worker->probes)
        return;
    worker->probes = on;
    worker->probed |= on;
    if (users && on)
        lki_backstage_probes_begin(worker->backstage, worker->start_ns);
    else if (users)
        lki_backstage_probes_end(worker->backstage);
}

void lki_worker_tear_down(struct lki_worker *worker)
{
    bool users = worker->starting || worker->act == LKI_ACT_USERS;

    if (!users && worker->act != LKI_ACT_SETUP && worker->act != LKI_ACT_CLEARING &&
        worker->act <= LKI_ACT_GONE)
        tear_down(worker);
}

void lki_act_on_hook_over(void *arg, enum lk_run_hook_kind kind, enum lki_outcome outcome)
{
    struct lki_worker *worker = arg;

    if (worker->act != (kind == LK_RUN_SETUP ? LKI_ACT_SETUP : LKI_ACT_TEARDOWN))
        return;
    worker->hook_outcomes[kind] = outcome;
    if (kind == LK_RUN_SETUP)
        worker->set_up = !outcome && !worker->hook_drained;
    border(worker, kind == LK_RUN_SETUP ? LKI_ACT_READY : LKI_ACT_OVER);
}

/* The run goes on without it; what it still does on a helper thread is left to it. */
static void hook_abandon(struct lki_worker *worker)
{
    bool setup = worker->act == LKI_ACT_SETUP;

    worker->hook_abandoned[setup ? LK_RUN_SETUP : LK_RUN_TEARDOWN] = true;
    border(worker, setup ? LKI_ACT_READY : LKI_ACT_OVER);
}

static void hook_cut(struct lki_worker *worker)
{
    enum lk_run_hook_kind kind = worker->act == LKI_ACT_SETUP ? LK_RUN_SETUP : LK_RUN_TEARDOWN;

    if (lki_backstage_forgo(worker->backstage, kind)) {
        lki_act_on_hook_over(worker, kind, LKI_OUTCOME_CANCELLED);
        return;
    }
    worker->hook_cut = true;
    lki_timer_set(&worker->loop->timers, &worker->end, lki_loop_now(worker->loop) + ABANDON_NS);
    lki_tasks_cut(worker->loop);
}

static void hook_overdue(struct lki_worker *worker)
{
    if (worker->hook_cut || lki_loop_now(worker->loop) >= worker->hook_end_ns)
        hook_abandon(worker);
    else
        hook_cut(worker);
}

/* As with steps: what is in hand may end within the grace time, then it is cut off. */
static void stop_hook(struct lki_worker *worker, enum lki_end why)
{
    int64_t grace_ns = lki_ns_after(lki_loop_now(worker->loop), worker->share.grace_ns);

    if (worker->hook_cut) {
        hook_abandon(worker);
    } else if (worker->hook_drained) {
        hook_cut(worker);
    } else {
        worker->hook_drained = true;
        if (worker->ended_by == LKI_END_NONE)
            worker->ended_by = why;
        if (grace_ns < worker->hook_end_ns)
            lki_timer_set(&worker->loop->timers, &worker->end, grace_ns);
        lki_tasks_drain(worker->loop);
    }
}

void lki_act_on_end(struct lki_timer *timer)
{
    struct lki_worker *worker = LKI_CONTAINER(timer, struct lki_worker, end);

    if (worker->starting)
        users_begin(worker);
    else if (worker->act == LKI_ACT_USERS)
        lki_worker_stop(worker, LKI_END_DURATION);
    else if (worker->act == LKI_ACT_CLEARING)
        border(worker, LKI_ACT_GONE);
    else if (worker->act == LKI_ACT_SETUP || worker->act == LKI_ACT_TEARDOWN)
        hook_overdue(worker);
}

void lki_act_on_exhausted(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    /* no draining: the steps in hand, the last one too, run to their own end */
    worker->ended_by = LKI_END_ITERATIONS;
    lki_backstage_probes_end(worker->backstage);
    lki_roster_leave_all(&worker->roster);
    look_for_users(worker);
}

void lki_act_on_empty(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    /* not those who were told to leave before they could begin, nor those who were abandoned; and
     * in mid-run others may come */
    look_for_users(worker);
}

void lki_act_on_low(struct lki_crowd *crowd)
{
    struct lki_worker *worker = worker_of_crowd(crowd);

    worker->lead.on_low(worker, worker->arg);
}

static void stop_users(struct lki_worker *worker, enum lki_end why)
{
    if (!worker->crowd.draining)
        drain(worker, why);
    else if (!worker->crowd.cut)
        cut(worker);
    else if (worker->loop->posts.first) /* not all have been told yet: they are not stuck */
        lki_timer_set(&worker->loop->timers, &worker->end, lki_loop_now(worker->loop) + ABANDON_NS);
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

/* What has begun is not asked to end before its time. */
static void stop_users_times(struct lki_worker *worker, enum lki_end why, unsigned times)
{
    bool drained = worker->crowd.draining;
    bool cut_off = worker->crowd.cut;

    if (times == 1 ? !drained : times == 2 ? !cut_off : true)
        stop_users(worker, why);
}

void lki_worker_stop_times(struct lki_worker *worker, enum lki_end why, unsigned times)
{
    if (worker->starting)
        users_begin(worker);
    while (worker->stops < times) {
        worker->stops++;
        if (worker->act == LKI_ACT_USERS)
            stop_users_times(worker, why, worker->stops);
        else
            lki_worker_stop(worker, why);
        if (worker->ended_by == LKI_END_NONE)
            worker->ended_by = why;
    }
}

enum lk_err lki_worker_users(struct lki_worker *worker, const struct lki_order_users *users)
{
    enum lk_err err;

    if (worker->act > LKI_ACT_USERS || worker->ended_by != LKI_END_NONE)
        return LK_OK;
    if (users->leave) {
        lki_roster_leave(&worker->roster, &users->range, worker->share.grace_ns);
        return LK_OK;
    }
    err = lki_roster_make(&worker->roster, &users->range);
    if (worker->act == LKI_ACT_USERS)
        lki_roster_begin(&worker->roster, &users->range);
    return err;
}
