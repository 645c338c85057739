#include "app/run.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "app/crash.h"
#include "base/mem.h"
#include "report/text.h"
#include "worker/worker.h"

/* A generator this busy measures its own queue. */
#define BUSY_SHARE 0.95
/* Room for a line of progress that is not for a terminal. */
#define PLAIN_COLUMNS 200

struct run {
    struct lki_worker worker;
    const struct lki_run_settings *settings;
    struct lki_signal interrupt;
    struct lki_signal terminate;
    struct sigaction pipe_before;
    bool line_shown;
};

/* ---- progress ---- */

static void show_progress(struct lki_worker *worker, void *arg)
{
    struct run *run = arg;
    FILE *out = run->settings->progress;
    const struct lki_series_row *row = lki_series_last(&worker->series);
    const struct lki_totals *totals = &worker->metrics.totals;
    int columns = run->settings->progress_columns;
    double span_s = row && row->span_ns ? (double)row->span_ns / 1e9 : 1;
    struct lki_progress progress = {
        .elapsed_ns = lki_loop_now(&worker->loop) - worker->start_ns,
        .total_ns = worker->share.duration_ns == LKI_NEVER ? 0 : worker->share.duration_ns,
        .iterations = totals->iterations,
        .iterations_total = worker->share.iterations,
        .users = worker->crowd.active,
        .requests_per_s = row ? (double)row->requests / span_s : 0,
        .steps_per_s = row ? (double)row->steps / span_s : 0,
        .errors = totals->http_errors + totals->step_errors + lki_crowd_hook_errors(&worker->crowd),
        .p95_ns = row ? row->p95_ns : 0,
        .state = worker->crowd.draining ? "stopping" : NULL,
    };
    char line[512];

    if (!out)
        return;
    lki_report_progress(line, sizeof(line), columns ? columns - 1 : PLAIN_COLUMNS, &progress);
    fprintf(out, columns ? "\r\033[K%s" : "%s\n", line);
    fflush(out);
    run->line_shown = columns > 0;
}

static void hide_progress(struct run *run)
{
    if (run->line_shown) {
        fputs("\r\033[K", run->settings->progress);
        fflush(run->settings->progress);
    }
}

/* ---- signals ---- */

static void on_interrupt(struct lki_signal *sig)
{
    struct run *run = LKI_CONTAINER(sig, struct run, interrupt);

    lki_worker_stop(&run->worker, LKI_END_INTERRUPT);
}

static void on_terminate(struct lki_signal *sig)
{
    struct run *run = LKI_CONTAINER(sig, struct run, terminate);

    lki_worker_stop(&run->worker, LKI_END_INTERRUPT);
}

static enum lk_err watch_signals(struct run *run)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum lk_err err;

    if (!run->settings->handle_signals)
        return LK_OK;
    /* a step that writes to a socket of its own must not end the run */
    sigaction(SIGPIPE, &ignore, &run->pipe_before);
    err = lki_signal_start(&run->worker.loop, &run->interrupt, SIGINT, on_interrupt);
    if (!err)
        err = lki_signal_start(&run->worker.loop, &run->terminate, SIGTERM, on_terminate);
    lki_crash_watch(&run->worker.loop, run->settings->program);
    return err;
}

/* A second signal may come when the first has just ended the run: it must not end the report too,
 * so both are ignored from here on. */
static void unwatch_signals(struct run *run)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t both;
    sigset_t before;

    if (!run->settings->handle_signals)
        return;
    lki_crash_unwatch();
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &before);
    lki_signal_stop(&run->interrupt);
    lki_signal_stop(&run->terminate);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGPIPE, &run->pipe_before, NULL);
}

/* ---- the result ---- */

static const char *end_text(enum lki_end end)
{
    static const char *const texts[] = {
        [LKI_END_NONE] = "",
        [LKI_END_DURATION] = "duration",
        [LKI_END_ITERATIONS] = "iterations",
        [LKI_END_INTERRUPT] = "interrupt",
        [LKI_END_NO_USERS] = "no user",
    };

    return texts[end];
}

static double processor_s(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void judge(struct run *run, struct lki_result *result, double busy_s)
{
    const struct lki_loop_health *health = &run->worker.loop.health;
    double share = result->duration_ns > LKI_NS_PER_S ? busy_s / ((double)result->duration_ns / 1e9)
                                                      : 0;

    if (share > BUSY_SHARE)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "this process used %.0f %% of a processor: the latencies include waiting "
                         "for it; use fewer users or longer pauses",
                         share * 100);
    if (health->stalls)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "the event loop was held up %llu times, for %.0f ms at the longest: a "
                         "step computed or blocked (see lk_blocking), or other programs had the "
                         "processor",
                         (unsigned long long)health->stalls, (double)health->busiest_ns / 1e6);
    if (run->worker.abandoned)
        lki_result_note(result, "%llu users were still in a function called by lk_blocking",
                        (unsigned long long)run->worker.abandoned);
    if (run->worker.ended_by == LKI_END_NO_USERS)
        lki_result_note(result, "no user could begin its life for a minute, so the run was ended");
    if (health->overflowed)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "%llu stacks overflowed: give the steps a larger .stack_bytes",
                         (unsigned long long)health->overflowed);
}

static enum lk_err make_result(struct run *run, struct lki_result *result, int64_t started_at_s,
                               double busy_s)
{
    struct lki_worker *worker = &run->worker;
    struct lki_result_settings about = {
        .program = run->settings->program,
        .seed = run->settings->seed,
        .started_at_s = started_at_s,
        .duration_ns = worker->end_ns - worker->start_ns,
        .users = run->settings->users,
        .ended_by = end_text(worker->ended_by),
    };
    enum lk_err err = lki_result_init(result, &about, &worker->metrics, &worker->series);

    if (!err)
        judge(run, result, busy_s);
    return err;
}

static void say_why(struct lki_buf *message, const struct lki_run_settings *settings,
                    enum lk_err err, bool over)
{
    if (over)
        lki_buf_str(message, "the run is over, but its result cannot be made");
    else
        lki_buf_printf(message, "cannot run %llu users", (unsigned long long)settings->users);
    lki_buf_printf(message, ": %s", lk_strerror(err));
}

enum lk_err lki_run(const struct lki_model *model, const struct lki_run_settings *settings,
                    struct lki_result *result, struct lki_buf *message)
{
    struct lki_share share = {.users = settings->users,
                              .first_user = 1,
                              .duration_ns = settings->duration_ns,
                              .iterations = settings->iterations,
                              .seed = settings->seed,
                              .grace_ns = settings->grace_ns};
    struct run *run = lki_zalloc(sizeof(*run));
    int64_t started_at_s = (int64_t)time(NULL);
    double before_s = processor_s();
    enum lk_err err = run ? LK_OK : LK_E_NOMEM;
    bool over = false;

    if (settings->handle_signals)
        lki_loop_quiet();
    if (!err)
        err = lki_worker_open(&run->worker, model, &share);
    if (!err) {
        run->settings = settings;
        run->worker.on_second = show_progress;
        run->worker.arg = run;
        err = watch_signals(run);
        if (!err)
            lki_worker_run(&run->worker);
        unwatch_signals(run);
        hide_progress(run);
        over = !err;
        if (!err)
            err = make_result(run, result, started_at_s, processor_s() - before_s);
        lki_worker_close(&run->worker);
    }
    if (err)
        say_why(message, settings, err, over);
    free(run);
    return err;
}
