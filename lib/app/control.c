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
    if (control->worker)
        lki_waker_wake(&control->waker);
    pthread_mutex_unlock(&control->lock);
}

/* The first wish lets what is in hand end, and changes nothing in a run whose users leave already;
 * the next one cuts it off. None makes the run leave something behind. */
static void heed(struct lki_worker *worker, unsigned which)
{
    bool leaving = worker->act == LKI_ACT_USERS && worker->crowd.draining;

    if (which == 1 ? !leaving : !lki_worker_is_cut(worker))
        lki_worker_stop(worker, LKI_END_INTERRUPT);
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
    while (heeded < stops)
        heed(control->worker, ++heeded);
}

enum lk_err lki_run_control_attach(struct lki_run_control *control, struct lki_worker *worker)
{
    enum lk_err err = lki_waker_open(&control->waker, &worker->loop, on_wake);

    if (err)
        return err;
    pthread_mutex_lock(&control->lock);
    control->worker = worker;
    if (control->stops)
        lki_waker_wake(&control->waker);
    pthread_mutex_unlock(&control->lock);
    return LK_OK;
}

void lki_run_control_publish(struct lki_run_control *control, const struct lki_worker *worker)
{
    const struct lki_series_row *row = lki_series_last(&worker->series);
    const struct lki_totals *totals = &worker->metrics.totals;
    int64_t now_ns = worker->end_ns ? worker->end_ns : lki_loop_now(&worker->loop);
    struct lk_run_status status = {
        .elapsed_s = (double)(now_ns - worker->start_ns) / 1e9,
        .users = worker->crowd.active,
        .iterations = totals->iterations,
        .steps = totals->steps,
        .step_errors = totals->step_errors,
        .http_requests = totals->http_requests,
        .http_errors = totals->http_errors,
        .requests_per_s = row && row->span_ns ? (double)row->requests * 1e9 / (double)row->span_ns
                                              : 0,
        .p95_ms = row ? (double)row->p95_ns / 1e6 : 0,
    };

    pthread_mutex_lock(&control->lock);
    control->status = status;
    pthread_mutex_unlock(&control->lock);
}

void lki_run_control_detach(struct lki_run_control *control)
{
    pthread_mutex_lock(&control->lock);
    if (control->worker)
        lki_waker_close(&control->waker);
    control->worker = NULL;
    pthread_mutex_unlock(&control->lock);
}

void lki_run_control_over(struct lki_run_control *control)
{
    pthread_mutex_lock(&control->lock);
    control->status.over = true;
    pthread_mutex_unlock(&control->lock);
}
