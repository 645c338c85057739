#include "app/run.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "app/control.h"
#include "app/crash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/index.h"
#include "report/text.h"

/* A generator this busy measures its own queue. */
#define BUSY_SHARE 0.95
/* Room for a line of progress that is not for a terminal. */
#define PLAIN_COLUMNS 200

struct lki_run {
    struct lki_worker worker;
    struct lki_run_settings settings;
    struct lki_signal interrupt;
    struct lki_signal terminate;
    struct sigaction pipe_before;
    bool line_shown;
};

/* ---- progress ---- */

static const char *state_text(const struct lki_worker *worker)
{
    if (worker->act == LKI_ACT_SETUP)
        return "setting up";
    if (worker->act > LKI_ACT_USERS)
        return "tearing down";
    return worker->crowd.draining ? "stopping" : NULL;
}

static void show_progress(struct lki_run *run)
{
    FILE *out = run->settings.progress;
    const struct lki_worker *worker = &run->worker;
    const struct lki_series_row *row = lki_series_last(&worker->series);
    const struct lki_totals *totals = &worker->metrics.totals;
    int columns = run->settings.progress_columns;
    double span_s = row && row->span_ns ? (double)row->span_ns / 1e9 : 1;
    bool timed = worker->act != LKI_ACT_SETUP && worker->share.duration_ns != LKI_NEVER;
    bool over = worker->act > LKI_ACT_USERS;
    struct lki_progress progress = {
        .elapsed_ns = (over ? worker->end_ns : lki_loop_now(&worker->loop)) - worker->start_ns,
        .total_ns = timed ? worker->share.duration_ns : 0,
        .iterations = totals->iterations,
        .iterations_total = worker->share.iterations,
        .users = worker->crowd.active,
        .requests_per_s = row ? (double)row->requests / span_s : 0,
        .steps_per_s = row ? (double)row->steps / span_s : 0,
        .errors = totals->http_errors + totals->step_errors + lki_crowd_hook_errors(&worker->crowd),
        .p95_ns = row ? row->p95_ns : 0,
        .state = state_text(worker),
    };
    char line[512];

    lki_report_progress(line, sizeof(line), columns ? columns - 1 : PLAIN_COLUMNS, &progress);
    fprintf(out, columns ? "\r\033[K%s" : "%s\n", line);
    fflush(out);
    run->line_shown = columns > 0;
}

static void on_second(struct lki_worker *worker, void *arg)
{
    struct lki_run *run = arg;

    if (run->settings.progress)
        show_progress(run);
    if (run->settings.control)
        lki_run_control_publish(run->settings.control, worker);
}

static void hide_progress(struct lki_run *run)
{
    if (run->line_shown) {
        fputs("\r\033[K", run->settings.progress);
        fflush(run->settings.progress);
    }
}

/* ---- signals ---- */

static void on_interrupt(struct lki_signal *sig)
{
    struct lki_run *run = LKI_CONTAINER(sig, struct lki_run, interrupt);

    lki_worker_stop(&run->worker, LKI_END_INTERRUPT);
}

static void on_terminate(struct lki_signal *sig)
{
    struct lki_run *run = LKI_CONTAINER(sig, struct lki_run, terminate);

    lki_worker_stop(&run->worker, LKI_END_INTERRUPT);
}

static enum lk_err watch_signals(struct lki_run *run)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum lk_err err;

    if (!run->settings.handle_signals)
        return LK_OK;
    /* a step that writes to a socket of its own must not end the run */
    sigaction(SIGPIPE, &ignore, &run->pipe_before);
    err = lki_signal_start(&run->worker.loop, &run->interrupt, SIGINT, on_interrupt);
    if (!err)
        err = lki_signal_start(&run->worker.loop, &run->terminate, SIGTERM, on_terminate);
    lki_crash_watch(&run->worker.loop, run->settings.program);
    return err;
}

/* A second signal may come when the first has just ended the run: it must not end the report too,
 * so both are ignored from here on. */
static void unwatch_signals(struct lki_run *run)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t both;
    sigset_t before;

    if (!run->settings.handle_signals)
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
        [LKI_END_SETUP] = "set-up",
    };

    return texts[end];
}

/* What set-up and tear-down did. */
static void judge_hooks(const struct lki_worker *worker, struct lki_result *result)
{
    const char *set_up = lki_backstage_failure(worker->backstage, LK_RUN_SETUP);
    const char *torn_down = lki_backstage_failure(worker->backstage, LK_RUN_TEARDOWN);

    if (set_up)
        lki_result_fail(result, "on_setup failed: %s", set_up);
    if (torn_down)
        lki_result_note(result, "on_teardown failed: %s", torn_down);
    for (int hook = 0; hook < LK_RUN_HOOK_COUNT_; hook++) {
        if (worker->hook_abandoned[hook])
            lki_result_note(result, "%s was still in a function called by lk_blocking",
                            lki_run_hook_name((enum lk_run_hook_kind)hook));
    }
}

void lki_run_judge(const struct lki_worker *worker, struct lki_result *result, double busy_s)
{
    const struct lki_loop_health health = lki_worker_health(worker);
    double share = result->duration_ns > LKI_NS_PER_S ? busy_s / ((double)result->duration_ns / 1e9)
                                                      : 0;

    if (share > BUSY_SHARE)
        lki_result_doubt(
            result, LKI_RUN_GENERATOR_BOUND,
            "the event loop used %.0f %% of a processor: the latencies include waiting "
            "for it; use fewer users or longer pauses",
            share * 100);
    if (health.stalls)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "the event loop was held up %llu times, for %.0f ms at the longest: a "
                         "step computed or blocked (see lk_blocking), or other programs had the "
                         "processor",
                         (unsigned long long)health.stalls, (double)health.busiest_ns / 1e6);
    if (worker->abandoned)
        lki_result_note(result, "%llu users were still in a function called by lk_blocking",
                        (unsigned long long)worker->abandoned);
    if (worker->ended_by == LKI_END_NO_USERS)
        lki_result_note(result, "no user could begin its life for a minute, so the run was ended");
    judge_hooks(worker, result);
    if (health.overflowed)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "%llu stacks overflowed: give the steps a larger .stack_bytes",
                         (unsigned long long)health.overflowed);
}

struct lki_result_settings lki_run_about(const struct lki_run_settings *settings,
                                         const struct lki_worker *worker)
{
    return (struct lki_result_settings){
        .program = settings->program,
        .seed = settings->seed,
        .duration_ns = worker->end_ns - worker->start_ns,
        .users = settings->users,
        .ended_by = end_text(worker->ended_by),
        .arrivals = settings->rate_per_s > 0 ? &worker->arrivals.log : NULL,
        .probes = lki_backstage_logs(worker->backstage),
        .probe_count = worker->crowd.model->probe_count,
        .model = worker->crowd.model,
    };
}

/* When the users began, by the wall clock. */
static int64_t started_at_s(const struct lki_worker *worker)
{
    int64_t since_ns = lki_loop_now(&worker->loop) - worker->start_ns;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec * LKI_NS_PER_S + now.tv_nsec - since_ns) / LKI_NS_PER_S;
}

static enum lk_err make_result(struct lki_run *run, struct lki_result *result)
{
    struct lki_worker *worker = &run->worker;
    struct lki_result_settings about = lki_run_about(&run->settings, worker);
    enum lk_err err;

    about.started_at_s = started_at_s(worker);
    err = lki_result_init(result, &about, &worker->metrics, &worker->series);
    if (!err)
        lki_run_judge(worker, result, (double)worker->busy_ns / 1e9);
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

/* ---- the run ---- */

static void turn(struct lki_run *run)
{
    struct lki_run_control *control = run->settings.control;

    lki_worker_run(&run->worker);
    if (control)
        lki_run_control_publish(control, &run->worker);
}

/* What can come from outside is listened to as long as there is a loop that turns. */
static enum lk_err carry_out(struct lki_run *run)
{
    struct lki_run_control *control = run->settings.control;
    enum lk_err err = control ? lki_run_control_attach(control, &run->worker) : LK_OK;

    if (err)
        return err;
    err = watch_signals(run);
    if (!err)
        turn(run);
    unwatch_signals(run);
    hide_progress(run);
    if (control)
        lki_run_control_detach(control);
    return err;
}

struct lki_share lki_run_share(const struct lki_run_settings *settings)
{
    return (struct lki_share){.users = settings->users,
                              .first_user = 1,
                              .duration_ns = settings->duration_ns,
                              .iterations = settings->iterations,
                              .seed = settings->seed,
                              .grace_ns = settings->grace_ns,
                              .rate_per_s = settings->rate_per_s,
                              .arrival_wait_ns = settings->arrival_wait_ns};
}

enum lk_err lki_run_open(struct lki_run **out, const struct lki_model *model,
                         const struct lki_run_settings *settings, struct lki_buf *message)
{
    struct lki_share share = lki_run_share(settings);
    struct lki_run *run = lki_zalloc(sizeof(*run));
    enum lk_err err = run ? LK_OK : LK_E_NOMEM;

    if (settings->handle_signals)
        lki_loop_quiet();
    if (!err)
        err = lki_worker_open(&run->worker, model, &share);
    if (err) {
        say_why(message, settings, err, false);
        free(run);
        return err;
    }
    run->settings = *settings;
    run->worker.on_second = on_second;
    run->worker.arg = run;
    *out = run;
    return LK_OK;
}

void lki_run_close(struct lki_run *run)
{
    lki_worker_close(&run->worker);
    free(run);
}

enum lk_err lki_run_finish(struct lki_run *run, struct lki_result *result, struct lki_buf *message)
{
    enum lk_err err = carry_out(run);
    bool over = !err;

    if (!err)
        err = make_result(run, result);
    if (err)
        say_why(message, &run->settings, err, over);
    lki_run_close(run);
    return err;
}

enum lk_err lki_run(const struct lki_model *model, const struct lki_run_settings *settings,
                    struct lki_result *result, struct lki_buf *message)
{
    struct lki_run *run;
    enum lk_err err = lki_run_open(&run, model, settings, message);

    return err ? err : lki_run_finish(run, result, message);
}

uint64_t lki_run_seed(void)
{
    uint32_t seed;
    struct lki_rng rng;

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        lki_rng_seed(&rng, (uint64_t)lki_clock_now(&(struct lki_clock){0}), (uint64_t)getpid());
        seed = (uint32_t)(lki_rng_next(&rng) >> 32);
    }
    return seed ? seed : 1;
}
