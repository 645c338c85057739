#include "app/display.h"

#include "base/mem.h"
#include "report/live.h"

#define LINE_MAX_BYTES 1100

static const char *state_text(const struct lki_core_status *status)
{
    if (status->setting_up)
        return "setting up";
    if (status->tearing_down)
        return "tearing down";
    switch (status->state) {
    case LKI_CORE_IDLE:
    case LKI_CORE_PREPARING:
        return "starting";
    case LKI_CORE_STOPPING:
        return "stopping";
    default:
        return NULL;
    }
}

/* In a display that is drawn anew in its place, what a program prints by itself would be garbled;
 * that of the workers comes through the display, but what runs in this process does not. */
enum lk_err lki_display_open(struct lki_display *display, const struct lki_run_settings *settings)
{
    int columns = settings->workers ? settings->progress_columns : 0;

    *display = (struct lki_display){
        .tells = settings->handle_signals,
        .workers = settings->workers,
        .iterations = settings->iterations,
    };
    if (!settings->progress)
        return LK_OK;
    return lki_live_new(&display->live, settings->progress, columns, settings->progress_colour,
                        settings->program);
}

void lki_display_show(struct lki_display *display, const struct lki_core_status *status)
{
    const struct lki_series_row *last = &status->last;
    const struct lki_totals *totals = &status->totals;
    double span_s = last->span_ns ? (double)last->span_ns / 1e9 : 1;
    bool timed = status->state >= LKI_CORE_RUNNING;
    bool requests = last->requests || (!last->steps && totals->http_requests);

    /* of what is over the report tells: that all have gone is nothing to be shown */
    if (!display->live || status->state == LKI_CORE_OVER)
        return;
    lki_live_show(display->live,
                  &(struct lki_live_state){
                      .state = state_text(status),
                      .elapsed_ns = status->elapsed_ns,
                      .total_ns = timed ? status->total_ns : 0,
                      .iterations = totals->iterations,
                      .iterations_total = display->iterations,
                      .users = status->users,
                      .users_wanted = status->users_wanted,
                      .rate_wanted = status->rate_wanted,
                      .requests_per_s = (double)last->requests / span_s,
                      .steps_per_s = (double)last->steps / span_s,
                      .failures = (requests ? totals->http_errors : totals->step_errors) +
                                  status->hook_errors,
                      .failures_now = requests ? last->errors : last->step_errors,
                      .p50_ns = last->p50_ns,
                      .p95_ns = last->p95_ns,
                      .p99_ns = last->p99_ns,
                      .arrivals_started = status->started,
                      .arrivals_late = status->late,
                      .arrivals_dropped = status->dropped,
                      .workers = display->workers,
                      .workers_alive = status->workers_alive,
                      .crashes = status->crashes,
                      .busy_share = status->busy_share,
                      .busiest_ns = status->busiest_ns,
                  });
}

void lki_display_print(struct lki_display *display, FILE *where, const char *text, size_t len)
{
    if (display->live) {
        lki_live_print(display->live, where, text, len);
        return;
    }
    fwrite(text, 1, len, where);
    fflush(where);
}

void lki_display_tell(struct lki_display *display, const char *line)
{
    char text[LINE_MAX_BYTES];
    int len;

    if (!display->tells)
        return;
    len = snprintf(text, sizeof(text), "%s\n", line);
    lki_display_print(display, stderr, text, lki_min((size_t)len, sizeof(text) - 1));
}

void lki_display_close(struct lki_display *display)
{
    lki_live_free(display->live);
    display->live = NULL;
}
