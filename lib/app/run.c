#include "app/run.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/account.h"
#include "app/control.h"
#include "app/crash.h"
#include "app/display.h"
#include "app/fleet.h"
#include "base/mem.h"
#include "base/rng.h"
#include "bus/link.h"
#include "control/core.h"
#include "worker/agent.h"

/* So long the users of a worker in this process may take to leave when it is over. */
#define AGENT_END_NS (500 * LKI_NS_PER_MS)

struct lki_run {
    struct lki_loop loop;
    const struct lki_model *model;
    struct lki_run_settings settings;
    struct lki_plan plan;
    struct lki_core *core;
    struct lki_fleet *fleet;     /* NULL: all in this process: */
    struct lki_agent *agent;     /* the one worker, */
    struct lki_link *link;       /* and the core's end to it, before the run begins */
    struct lki_worker_page page; /* what the agent had done when it ended early */
    struct lki_timer agent_end;  /* when it is over */
    int64_t agent_until_ns;
    struct lki_post agent_wanted;
    struct lki_display display;
    struct lki_signal interrupt;
    struct lki_signal terminate;
    struct sigaction pipe_before;
};

/* ---- the one worker of a run in this process ---- */

/* As a process that has ended: of one that was told to, nothing follows. Any other had no memory to
 * go on. */
static void agent_end(struct lki_run *run)
{
    const struct lki_death death = {.what = "out of memory", .page = &run->page};

    lki_agent_free(run->agent);
    run->agent = NULL;
    if (run->core)
        lki_core_died(run->core, 1, &death);
    else
        lki_loop_stop(&run->loop);
}

/* Its users leave what they have in hand; a function that blocks is not waited for long. */
static void on_agent_end(struct lki_timer *timer)
{
    struct lki_run *run = LKI_CONTAINER(timer, struct lki_run, agent_end);
    int64_t now_ns = lki_loop_now(&run->loop);

    if (run->loop.task_count && now_ns < run->agent_until_ns)
        lki_timer_set(&run->loop.timers, timer, now_ns + LKI_NS_PER_MS);
    else
        agent_end(run);
}

static void on_agent_over(struct lki_agent *agent, void *arg)
{
    struct lki_run *run = arg;
    int64_t now_ns = lki_loop_now(&run->loop);

    lki_agent_cut(agent);
    run->agent_until_ns = now_ns + AGENT_END_NS;
    lki_timer_set(&run->loop.timers, &run->agent_end, now_ns);
}

static enum lk_err agent_open(struct lki_run *run)
{
    struct lki_link *other;
    enum lk_err err = lki_timer_init(&run->loop.timers, &run->agent_end, on_agent_end);

    if (!err)
        err = lki_pair_link_open(&run->link, &other, &run->loop);
    if (err)
        return err;
    err = lki_agent_new(&run->agent, &run->loop, run->model, other, &run->page, on_agent_over, run);
    if (err) {
        lki_link_close(run->link);
        run->link = NULL;
    }
    return err;
}

static enum lk_err agent_begin(struct lki_run *run)
{
    struct lki_link *link = run->link;

    run->link = NULL;
    return lki_core_join(run->core, 1, link);
}

/* ---- what is told meanwhile ---- */

static void show(struct lki_run *run)
{
    struct lki_core_status status;

    lki_core_status(run->core, &status);
    lki_display_show(&run->display, &status);
    if (run->settings.control)
        lki_run_control_publish(run->settings.control, &status);
}

static void on_second(struct lki_core *core, void *arg)
{
    (void)core;
    show(arg);
}

/* The worker in this process has no second life: what was measured is told of. */
static void on_agent_wanted(struct lki_post *post)
{
    struct lki_run *run = LKI_CONTAINER(post, struct lki_run, agent_wanted);

    lki_core_stop(run->core, LKI_END_CRASHES);
}

static void on_wanted(struct lki_core *core, uint64_t worker, void *arg)
{
    struct lki_run *run = arg;

    (void)core;
    if (run->fleet)
        lki_fleet_want(run->fleet, worker);
    else
        lki_loop_post(&run->loop, &run->agent_wanted, on_agent_wanted);
}

static void on_over(struct lki_core *core, void *arg)
{
    struct lki_run *run = arg;

    (void)core;
    lki_loop_stop(&run->loop);
}

static void on_tell(const char *line, void *arg)
{
    lki_display_tell(&((struct lki_run *)arg)->display, line);
}

static void on_print(FILE *where, const char *text, size_t len, void *arg)
{
    lki_display_print(&((struct lki_run *)arg)->display, where, text, len);
}

/* ---- signals ---- */

static void stop(struct lki_run *run)
{
    lki_core_stop(run->core, LKI_END_INTERRUPT);
    show(run);
}

static void on_interrupt(struct lki_signal *sig)
{
    stop(LKI_CONTAINER(sig, struct lki_run, interrupt));
}

static void on_terminate(struct lki_signal *sig)
{
    stop(LKI_CONTAINER(sig, struct lki_run, terminate));
}

static enum lk_err watch_signals(struct lki_run *run)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum lk_err err;

    if (!run->settings.handle_signals)
        return LK_OK;
    /* a step that writes to a socket of its own must not end the run */
    sigaction(SIGPIPE, &ignore, &run->pipe_before);
    err = lki_signal_start(&run->loop, &run->interrupt, SIGINT, on_interrupt);
    if (!err)
        err = lki_signal_start(&run->loop, &run->terminate, SIGTERM, on_terminate);
    if (!run->fleet)
        lki_crash_watch(&run->loop, run->settings.program);
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
    if (!run->fleet)
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

/* ---- the run ---- */

static enum lk_err fleet_open(struct lki_run *run)
{
    const struct lki_run_settings *settings = &run->settings;
    bool live = settings->progress && settings->progress_columns;

    return lki_fleet_new(&run->fleet, &run->loop, run->model,
                         &(struct lki_fleet_settings){
                             .workers = settings->workers,
                             .program = settings->program,
                             .grace_ns = settings->grace_ns,
                             .handle_signals = settings->handle_signals,
                             .tell = on_tell,
                             .on_print = live ? on_print : NULL,
                             .arg = run,
                         });
}

static struct lki_plan plan_of(const struct lki_run_settings *settings)
{
    return (struct lki_plan){
        .users = settings->users,
        .rate_per_s = settings->rate_per_s,
        .rated = settings->rated || settings->rate_per_s > 0,
        .stages = settings->stages,
        .stage_count = settings->stage_count,
        .duration_ns = settings->duration_ns,
        .iterations = settings->iterations,
        .seed = settings->seed,
        .grace_ns = settings->grace_ns,
        .arrival_wait_ns = settings->arrival_wait_ns,
    };
}

static enum lk_err core_open(struct lki_run *run)
{
    const struct lki_core_owner owner = {on_second, on_wanted, on_over, run};
    uint64_t workers = run->settings.workers ? run->settings.workers : 1;

    run->plan = plan_of(&run->settings);
    return lki_core_new(&run->core, &run->loop, run->model, &run->plan, workers, &owner);
}

static void say_why(struct lki_buf *message, const struct lki_run_settings *settings,
                    enum lk_err err)
{
    if (err == LK_E_STATE && settings->workers) {
        lki_buf_printf(message,
                       "cannot fork %llu workers: this process has threads, and what one of them "
                       "has locked would stay locked in a worker; run before they are started, or "
                       "without workers",
                       (unsigned long long)settings->workers);
        return;
    }
    lki_buf_printf(message, "cannot run %llu users: %s", (unsigned long long)settings->users,
                   lk_strerror(err));
}

enum lk_err lki_run_open(struct lki_run **out, const struct lki_model *model,
                         const struct lki_run_settings *settings, struct lki_buf *message)
{
    struct lki_run *run = lki_zalloc(sizeof(*run));
    enum lk_err err = run ? LK_OK : LK_E_NOMEM;

    if (settings->handle_signals)
        lki_loop_quiet();
    if (!err) {
        run->model = model;
        run->settings = *settings;
        err = lki_loop_open(&run->loop);
    }
    if (!err)
        err = core_open(run);
    if (!err)
        err = settings->workers ? fleet_open(run) : agent_open(run);
    if (err) {
        say_why(message, settings, err);
        lki_run_close(run);
        return err;
    }
    *out = run;
    return LK_OK;
}

/* Workers whose core is gone end by themselves, so it goes first. */
void lki_run_close(struct lki_run *run)
{
    if (!run)
        return;
    lki_link_close(run->link);
    lki_core_free(run->core);
    run->core = NULL;
    if (run->agent)
        lki_loop_run_until(&run->loop, lki_loop_now(&run->loop) + 2 * AGENT_END_NS);
    lki_agent_free(run->agent);
    lki_timer_release(&run->loop.timers, &run->agent_end);
    lki_fleet_free(run->fleet);
    if (run->loop.base)
        lki_loop_close(&run->loop);
    free(run);
}

static void turn(struct lki_run *run)
{
    lki_loop_run(&run->loop);
    show(run);
}

static enum lk_err begin(struct lki_run *run)
{
    return run->fleet ? lki_fleet_begin(run->fleet, run->core) : agent_begin(run);
}

/* What can come from outside is listened to as long as there is a loop that turns. */
static enum lk_err listen_and_turn(struct lki_run *run)
{
    struct lki_run_control *control = run->settings.control;
    enum lk_err err = control ? lki_run_control_attach(control, &run->loop, run->core) : LK_OK;

    if (err)
        return err;
    err = watch_signals(run);
    if (!err)
        err = begin(run);
    if (!err)
        turn(run);
    unwatch_signals(run);
    if (control)
        lki_run_control_detach(control);
    return err;
}

static enum lk_err carry_out(struct lki_run *run)
{
    enum lk_err err = lki_display_open(&run->display, &run->settings);

    if (!err)
        err = listen_and_turn(run);
    lki_display_close(&run->display);
    return err;
}

enum lk_err lki_run_finish(struct lki_run *run, struct lki_result *result, struct lki_buf *message)
{
    enum lk_err err = carry_out(run);

    if (err) {
        say_why(message, &run->settings, err);
    } else {
        err = lki_account_run(result, &run->settings, run->model, run->core,
                              lki_loop_now(&run->loop));
        if (err)
            lki_buf_printf(message, "the run is over, but its result cannot be made: %s",
                           lk_strerror(err));
    }
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
