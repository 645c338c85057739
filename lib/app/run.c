#include "app/run.h"

#include <stdlib.h>

#include "app/account.h"
#include "app/control.h"
#include "app/crash.h"
#include "app/display.h"
#include "app/fleet.h"
#include "app/interrupts.h"
#include "app/solo.h"
#include "base/mem.h"
#include "control/core.h"
#include "model/secrets.h"
#include "report/layout.h"

/* Of what is told: more of a message the report has. */
#define LINE_MAX_BYTES 1000

struct lki_run {
    struct lki_loop loop;
    const struct lki_model *model;
    struct lki_run_settings settings;
    struct lki_plan plan;
    struct lki_core *core;
    struct lki_fleet *fleet; /* one of the two */
    struct lki_solo *solo;
    struct lki_display display;
    struct lki_interrupts interrupts;
    bool hook_told; /* that one has failed */
};

/* ---- what is told meanwhile ---- */

static const struct lki_error_group *first_of_hooks(struct lki_core *core)
{
    const struct lki_error_group *group = NULL;
    struct lki_core_outcome outcome;

    if (!lki_core_outcome(core, &outcome))
        group = outcome.metrics->first_error;
    while (group && group->source != LKI_SOURCE_LIFECYCLE)
        group = group->next;
    return group;
}

static void add_hook(struct lki_buf *line, const struct lki_error_group *group)
{
    lki_buf_harmless(line, group->step);
    if (group->first_user)
        lki_buf_printf(line, " of user %llu", (unsigned long long)group->first_user);
    lki_buf_str(line, " failed: ");
    lki_buf_harmless(line, group->message);
}

/* A hook that fails does so for all users most often, and who looks on need not wait for the report
 * to learn why. */
static void tell_hook(struct lki_run *run)
{
    const struct lki_error_group *group = first_of_hooks(run->core);
    struct lki_secrets secrets;
    struct lki_arena arena;
    struct lki_buf line;

    run->hook_told = true;
    lki_arena_init(&arena, NULL, 0);
    lki_buf_init(&line, LINE_MAX_BYTES);
    lki_buf_printf(&line, "%s: ", run->settings.program);
    if (group)
        add_hook(&line, group);
    if (group && !lki_secrets_take(&secrets, run->model, &arena) && lki_buf_cstr(&line)) {
        lki_secrets_mask(&secrets, line.data);
        lki_display_tell(&run->display, line.data);
    }
    lki_buf_release(&line);
    lki_arena_reset(&arena);
}

static void show(struct lki_run *run)
{
    struct lki_core_status status;

    lki_core_status(run->core, &status);
    if (status.hook_errors && run->settings.progress && !run->hook_told)
        tell_hook(run);
    lki_display_show(&run->display, &status);
    if (run->settings.control)
        lki_run_control_publish(run->settings.control, &status);
}

static void on_second(struct lki_core *core, void *arg)
{
    (void)core;
    show(arg);
}

static void on_wanted(struct lki_core *core, uint64_t worker, void *arg)
{
    struct lki_run *run = arg;

    (void)core;
    if (run->fleet)
        lki_fleet_want(run->fleet, worker);
    else
        lki_solo_want(run->solo);
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

static enum lk_err on_join(uint64_t worker, struct lki_link *link, void *arg)
{
    return lki_core_join(((struct lki_run *)arg)->core, worker, link, 0);
}

static void on_died(uint64_t worker, const struct lki_death *death, void *arg)
{
    lki_core_died(((struct lki_run *)arg)->core, worker, death);
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
                             .on_join = on_join,
                             .on_died = on_died,
                             .arg = run,
                         });
}

struct lki_plan lki_run_settings_plan(const struct lki_run_settings *settings)
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
        .http = settings->http,
    };
}

static enum lk_err core_open(struct lki_run *run)
{
    const struct lki_core_owner owner = {
        .on_second = on_second, .on_wanted = on_wanted, .on_over = on_over, .arg = run};

    run->plan = lki_run_settings_plan(&run->settings);
    return lki_core_new(&run->core, &run->loop, run->model, &run->plan, run->settings.workers,
                        &owner);
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
        err = settings->workers ? fleet_open(run)
                                : lki_solo_new(&run->solo, &run->loop, run->model);
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
    lki_core_free(run->core);
    lki_solo_free(run->solo);
    lki_fleet_free(run->fleet);
    if (run->loop.base)
        lki_loop_close(&run->loop);
    free(run);
}

static enum lk_err begin_and_turn(struct lki_run *run)
{
    enum lk_err err = run->fleet ? lki_fleet_begin(run->fleet)
                                 : lki_solo_begin(run->solo, run->core);

    if (err)
        return err;
    lki_loop_run(&run->loop);
    show(run);
    return LK_OK;
}

static void on_interrupt(void *arg)
{
    struct lki_run *run = arg;

    lki_core_stop(run->core, LKI_END_INTERRUPT);
    show(run);
}

/* Worker processes name their faults themselves. */
static enum lk_err handle_signals_and_turn(struct lki_run *run)
{
    enum lk_err err = lki_interrupts_start(&run->interrupts, &run->loop, on_interrupt, run);

    if (err)
        return err;
    if (run->solo)
        lki_crash_watch(&run->loop, run->settings.program);
    err = begin_and_turn(run);
    if (run->solo)
        lki_crash_unwatch();
    lki_interrupts_stop(&run->interrupts);
    return err;
}

/* What can come from outside is listened to as long as there is a loop that turns. */
static enum lk_err listen_and_turn(struct lki_run *run)
{
    struct lki_run_control *control = run->settings.control;
    enum lk_err err = control ? lki_run_control_attach(control, &run->loop, run->core) : LK_OK;

    if (err)
        return err;
    err = run->settings.handle_signals ? handle_signals_and_turn(run) : begin_and_turn(run);
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
