#include "app/control.h"

#include <string.h>

#include "base/mem.h"

void lki_run_control_init(struct lki_run_control *control)
{
    *control = (struct lki_run_control){.stops = 0};
    pthread_mutex_init(&control->lock, NULL);
}

void lki_run_control_release(struct lki_run_control *control)
{
    pthread_mutex_destroy(&control->lock);
}

/* Fills in as much as the caller's version of the struct has room for. */
void lki_run_control_poll(struct lki_run_control *control, struct lk_run_status *status)
{
    struct lk_run_status now;

    pthread_mutex_lock(&control->lock);
    now = control->status;
    pthread_mutex_unlock(&control->lock);
    now.size = status->size;
    memcpy(status, &now, lki_min(now.size, sizeof(now)));
}

void lki_run_control_stop(struct lki_run_control *control)
{
    pthread_mutex_lock(&control->lock);
    control->stops++;
    if (control->core)
        lki_waker_wake(&control->waker);
    pthread_mutex_unlock(&control->lock);
}

/* The tear-down is cut off by one wish more than the run itself has had. */
static bool heed_after(struct lki_run_control *control, const struct lki_core_status *status)
{
    unsigned most = lki_end_is_asked(status->ended_by) ? 1 : 2;

    return control->passed_after++ < most;
}

/* The first wish lets what is in hand end, and changes nothing in a run whose users leave already;
 * the next one cuts it off. None makes the run leave something behind. */
static void heed(struct lki_run_control *control)
{
    struct lki_core_status status;
    bool heeded;

    lki_core_status(control->core, &status);
    if (status.tearing_down) {
        heeded = heed_after(control, &status);
    } else {
        bool leaving = status.state == LKI_CORE_STOPPING && !control->passed;

        heeded = control->passed++ < 2 && !leaving;
    }
    if (heeded)
        lki_core_stop(control->core, LKI_END_INTERRUPT);
}

static void on_wake(struct lki_waker *waker)
{
    struct lki_run_control *control = LKI_CONTAINER(waker, struct lki_run_control, waker);
    unsigned heeded;
    unsigned stops;

    pthread_mutex_lock(&control->lock);
    heeded = control->heeded;
    stops = control->stops;
    control->heeded = stops;
    pthread_mutex_unlock(&control->lock);
    for (; heeded < stops; heeded++)
        heed(control);
}

enum lk_err lki_run_control_attach(struct lki_run_control *control, struct lki_loop *loop,
                                   struct lki_core *core)
{
    enum lk_err err = lki_waker_open(&control->waker, loop, on_wake);

    if (err)
        return err;
    pthread_mutex_lock(&control->lock);
    control->core = core;
    if (control->stops)
        lki_waker_wake(&control->waker);
    pthread_mutex_unlock(&control->lock);
    return LK_OK;
}

void lki_run_control_publish(struct lki_run_control *control, const struct lki_core_status *status)
{
    const struct lki_series_row *row = &status->last;
    const struct lki_totals *totals = &status->totals;
    const struct lk_run_status shown = {
        .elapsed_s = (double)status->elapsed_ns / 1e9,
        .users = status->users,
        .iterations = totals->iterations,
        .steps = totals->steps,
        .step_errors = totals->step_errors,
        .http_requests = totals->http_requests,
        .http_errors = totals->http_errors,
        .requests_per_s = row->span_ns ? (double)row->requests * 1e9 / (double)row->span_ns : 0,
        .p95_ms = (double)row->p95_ns / 1e6,
    };

    pthread_mutex_lock(&control->lock);
    control->status = shown;
    pthread_mutex_unlock(&control->lock);
}

void lki_run_control_detach(struct lki_run_control *control)
{
    pthread_mutex_lock(&control->lock);
    if (control->core)
        lki_waker_close(&control->waker);
    control->core = NULL;
    pthread_mutex_unlock(&control->lock);
}

void lki_run_control_over(struct lki_run_control *control)
{
    pthread_mutex_lock(&control->lock);
    control->status.over = true;
    pthread_mutex_unlock(&control->lock);
}
