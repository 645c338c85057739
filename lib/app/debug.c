#include "app/debug.h"

#include <stdlib.h>
#include <string.h>

#include "app/crash.h"
#include "app/debug_checks.h"
#include "app/interrupts.h"
#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/trace.h"
#include "client/watch.h"
#include "model/index.h"
#include "user/life.h"
#include "worker/worker.h"

struct debug {
    struct lki_worker worker;
    const struct lki_debug_settings *settings;
    struct lki_watch watch;
    struct lki_trace trace;
    const struct lki_exchange_request *asked; /* the last request that was shown */
    /* the model without what is not wanted: one type, with a strategy of ours, and no probes */
    struct lki_model model;
    struct lki_vu_type type;
    struct lk_vu_def def;
    bool *wanted; /* by step */
    bool *tried;
    bool *passed;
    const struct lki_step *step; /* in hand; NULL: none */
    bool steps_over;             /* so the next hook is on_stop */
    bool told;                   /* what is in hand has its title */
    unsigned hooks_done;         /* bits */
    struct lki_debug_checks checks;
    unsigned steps_passed;
    unsigned steps_failed;
    unsigned hooks_failed;
    unsigned exchanges;
    struct lki_interrupts interrupts;
};

static struct debug *debug_of(struct lki_crowd *crowd)
{
    return LKI_CONTAINER(crowd, struct debug, worker.crowd);
}

/* ---- which steps ---- */

/* A step, and all that it needs. */
static void want(struct debug *debug, const struct lki_step *step)
{
    size_t at = (size_t)(step - debug->type.steps);

    if (debug->wanted[at])
        return;
    debug->wanted[at] = true;
    for (size_t i = 0; i < step->need_count; i++)
        want(debug, &debug->type.steps[step->needs[i]]);
}

/* The user has no more to do, which ends the run in order. */
static void user_end(struct debug *debug)
{
    struct lki_crowd *crowd = &debug->worker.crowd;

    if (debug->worker.ended_by == LKI_END_NONE)
        crowd->on_exhausted(crowd);
}

static void title_show(struct debug *debug, const char *name, const struct lk_def *def)
{
    if (debug->told)
        return;
    debug->told = true;
    if (def)
        lki_trace_line(&debug->trace, LKI_TRACE_TITLE, "%s (%s:%d)", name, lki_def_file(def),
                       def->line);
    else
        lki_trace_line(&debug->trace, LKI_TRACE_TITLE, "%s", name);
}

/* The first step of those that are wanted which has not been tried, and may be; else the user is
 * done. */
static void choose(lk_vu *vu, void *self, struct lk_choice *choice)
{
    struct debug *debug = debug_of(lki_user_of(vu)->crowd);

    (void)self;
    choice->chosen_count = 0;
    for (size_t i = 0; i < choice->step_count; i++) {
        if (!debug->wanted[i] || debug->tried[i] || !choice->steps[i].needs_met)
            continue;
        debug->tried[i] = true;
        debug->step = &debug->type.steps[i];
        debug->told = false;
        /* what it prints stands below */
        title_show(debug, debug->step->label, &debug->step->def->def);
        choice->chosen[choice->chosen_count++] = i;
        return;
    }
    debug->steps_over = true;
    user_end(debug);
}

/* ---- titles of hooks ---- */

/* The hook of the user's life that is in hand, when no step is. */
static enum lk_hook_kind hook_in_hand(const struct debug *debug)
{
    bool has_init = debug->type.hooks[LK_HOOK_INIT];

    if (debug->steps_over || debug->hooks_failed)
        return LK_HOOK_STOP;
    return has_init && !(debug->hooks_done & 1U << LK_HOOK_INIT) ? LK_HOOK_INIT : LK_HOOK_START;
}

/* The hook of that name; NULL: it is none. */
static const struct lk_def *hook_def(const struct debug *debug, const char *name)
{
    for (int i = 0; i < LK_HOOK_COUNT_; i++) {
        if (debug->type.hooks[i] && !strcmp(name, lki_hook_name((enum lk_hook_kind)i)))
            return &debug->type.hooks[i]->def;
    }
    for (int i = 0; i < LK_RUN_HOOK_COUNT_; i++) {
        if (debug->model.run_hooks[i] && !strcmp(name, lki_run_hook_name((enum lk_run_hook_kind)i)))
            return &debug->model.run_hooks[i]->def;
    }
    return NULL;
}

/* Of the step in hand, or else of what has that name. */
static void in_hand_title(struct debug *debug, const lk_vu *vu, const char *name)
{
    if (vu->id && debug->step)
        title_show(debug, debug->step->label, &debug->step->def->def);
    else
        title_show(debug, name, hook_def(debug, name));
}

/* ---- what is done ---- */

static struct debug *watched_by(const struct lki_watch *watch, const lk_vu *vu)
{
    struct debug *debug = LKI_CONTAINER((uintptr_t)watch, struct debug, watch);

    in_hand_title(debug, vu, vu->id ? lki_hook_name(hook_in_hand(debug)) : lki_vu_unit(vu)->step);
    return debug;
}

static void on_request(const struct lki_watch *watch, lk_vu *vu,
                       const struct lki_exchange_request *request)
{
    struct debug *debug = watched_by(watch, vu);

    debug->exchanges++;
    debug->asked = request;
    lki_trace_request(&debug->trace, request);
}

/* Of several requests at once the answers come in any order. */
static void on_answer(const struct lki_watch *watch, lk_vu *vu,
                      const struct lki_exchange_request *request,
                      const struct lki_exchange_result *result)
{
    struct debug *debug = watched_by(watch, vu);

    if (debug->asked != request)
        lki_trace_request_line(&debug->trace, request);
    debug->asked = NULL;
    lki_trace_answer(&debug->trace, request, result);
}

static void on_recorded(const struct lki_watch *watch, lk_vu *vu, const char *name, double value)
{
    struct debug *debug = watched_by(watch, vu);
    char cell[LKI_CELL_BYTES];

    lki_format_number(cell, value);
    lki_trace_line(&debug->trace, LKI_TRACE_PLAIN, "  recorded %s: %s", name, cell);
}

static void on_emitted(const struct lki_watch *watch, lk_vu *vu, const struct lki_metric *metric,
                       lki_code code, enum lki_verdict verdict, int64_t latency_ns)
{
    struct debug *debug = watched_by(watch, vu);
    char cell[LKI_CELL_BYTES];

    lki_format_duration(cell, latency_ns);
    lki_trace_line(&debug->trace, verdict == LKI_SAMPLE_ERROR ? LKI_TRACE_BAD : LKI_TRACE_PLAIN,
                   "  emitted %s: %s in %s", metric->name, lki_metrics_code_name(vu->metrics, code),
                   cell);
}

static void on_message(const struct lki_watch *watch, lk_vu *vu, const char *name, const char *text,
                       size_t len)
{
    struct debug *debug = watched_by(watch, vu);
    size_t shown = text ? lki_text_cut(text, len, debug->trace.body_bytes) : 0;

    if (text)
        lki_trace_line(&debug->trace, LKI_TRACE_PLAIN, "  %s: %.*s%s", name, (int)shown, text,
                       shown < len ? "..." : "");
    else
        lki_trace_line(&debug->trace, LKI_TRACE_PLAIN, "  %s: %zu bytes", name, len);
}

static bool went_well(lki_code code)
{
    return code == LKI_CODE_STEP_OK || code == LKI_CODE_LIFECYCLE_OK;
}

/* What was in hand has come to its end. */
static void count_end(struct debug *debug, const struct lki_work_done *done)
{
    bool failed = !went_well(done->code);

    if (done->vu->id && debug->step && !strcmp(done->name, debug->step->label)) {
        debug->steps_failed += failed;
        debug->steps_passed += !failed;
        debug->passed[debug->step - debug->type.steps] = !failed;
        debug->step = NULL;
        return;
    }
    debug->hooks_failed += failed;
    if (!done->vu->id)
        return;
    for (int i = 0; i < LK_HOOK_COUNT_; i++) {
        if (!strcmp(done->name, lki_hook_name((enum lk_hook_kind)i)))
            debug->hooks_done |= 1U << i;
    }
    /* a life that failed is not begun again */
    if (failed)
        user_end(debug);
}

static void on_work(struct lki_crowd *crowd, const struct lki_work_done *done)
{
    struct debug *debug = debug_of(crowd);
    char time[LKI_CELL_BYTES];

    in_hand_title(debug, done->vu, done->name);
    lki_debug_checks_show(&debug->checks, &debug->worker.metrics, &debug->trace);
    lki_format_duration(time, done->end_ns - done->start_ns);
    if (went_well(done->code))
        lki_trace_line(&debug->trace, LKI_TRACE_GOOD, "  passed in %s", time);
    else
        lki_trace_line(&debug->trace, LKI_TRACE_BAD, "  %s after %s%s%s", lki_code_name(done->code),
                       time, *done->message ? ": " : "", done->message);
    lki_trace_line(&debug->trace, LKI_TRACE_PLAIN, "%s", "");
    debug->told = false;
    count_end(debug, done);
}

/* ---- the end ---- */

/* The first step that it needs and that has not succeeded. */
static const char *need_missing(const struct debug *debug, const struct lki_step *step)
{
    for (size_t i = 0; i < step->need_count; i++) {
        if (!debug->passed[step->needs[i]])
            return debug->type.steps[step->needs[i]].name;
    }
    return NULL;
}

/* Steps that nothing came of. */
static unsigned rest_show(struct debug *debug)
{
    unsigned count = 0;

    for (size_t i = 0; i < debug->type.step_count; i++) {
        const struct lki_step *step = &debug->type.steps[i];
        const char *need = need_missing(debug, step);

        if (!debug->wanted[i] || debug->tried[i])
            continue;
        count++;
        if (debug->steps_over && need)
            lki_trace_line(&debug->trace, LKI_TRACE_BAD,
                           "%s was not carried out: it needs %s, which did not succeed",
                           step->label, need);
        else
            lki_trace_line(&debug->trace, LKI_TRACE_BAD, "%s was not carried out", step->label);
    }
    return count;
}

/* True: all went well. */
static bool sum_up(struct debug *debug)
{
    unsigned left = rest_show(debug);
    bool passed = !left && !debug->steps_failed && !debug->hooks_failed && !debug->checks.failed;

    lki_trace_line(
        &debug->trace, passed ? LKI_TRACE_GOOD : LKI_TRACE_BAD,
        "%s: steps %u passed, %u failed, %u left out; hooks %u failed; checks %u failed; "
        "requests %u; seed %llu",
        passed ? "passed" : "failed", debug->steps_passed, debug->steps_failed, left,
        debug->hooks_failed, debug->checks.failed, debug->exchanges,
        (unsigned long long)debug->settings->seed);
    if (debug->trace.lost)
        lki_trace_line(&debug->trace, LKI_TRACE_BAD, "some lines are missing: out of memory");
    return passed;
}

/* ---- all of it ---- */

static void model_narrow(struct debug *debug, const struct lki_model *model)
{
    debug->def = *debug->settings->type->def;
    debug->def.strategy = choose;
    debug->type = *debug->settings->type;
    debug->type.def = &debug->def;
    debug->model = *model;
    debug->model.types = &debug->type;
    debug->model.type_count = 1;
    debug->model.probe_count = 0;
}

static enum lk_err steps_want(struct debug *debug)
{
    const struct lki_step *only = debug->settings->step;
    size_t count = debug->type.step_count;

    debug->wanted = calloc(count, sizeof(*debug->wanted));
    debug->tried = calloc(count, sizeof(*debug->tried));
    debug->passed = calloc(count, sizeof(*debug->passed));
    if (!debug->wanted || !debug->tried || !debug->passed)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!only || only == &debug->type.steps[i])
            want(debug, &debug->type.steps[i]);
    }
    return LK_OK;
}

static enum lk_err worker_open(struct debug *debug)
{
    struct lki_share share = {.users = 1,
                              .duration_ns = LKI_NEVER,
                              .seed = debug->settings->seed,
                              .grace_ns = debug->settings->grace_ns,
                              .http = debug->settings->http};
    enum lk_err err = lki_worker_open(&debug->worker, &debug->model, &share);

    if (err)
        return err;
    debug->watch = (struct lki_watch){on_request, on_answer, on_recorded, on_emitted, on_message};
    debug->worker.crowd.http.watch = &debug->watch;
    debug->worker.crowd.on_work = on_work;
    return LK_OK;
}

static void on_interrupt(void *arg)
{
    struct debug *debug = arg;

    lki_worker_stop(&debug->worker, LKI_END_INTERRUPT);
}

static enum lk_err carry_out(struct debug *debug, bool *passed)
{
    struct lki_loop *loop = debug->worker.loop;
    enum lk_err err = lki_interrupts_start(&debug->interrupts, loop, on_interrupt, debug);

    if (err)
        return err;
    lki_crash_watch(loop, debug->settings->program);
    lki_worker_run(&debug->worker);
    *passed = sum_up(debug);
    lki_crash_unwatch();
    lki_interrupts_stop(&debug->interrupts);
    return LK_OK;
}

enum lk_err lki_debug(const struct lki_model *model, const struct lki_debug_settings *settings,
                      bool *passed, struct lki_buf *message)
{
    struct debug *debug = lki_zalloc(sizeof(*debug));
    enum lk_err err = debug ? LK_OK : LK_E_NOMEM;

    lki_loop_quiet();
    if (!err) {
        debug->settings = settings;
        model_narrow(debug, model);
        err = lki_trace_init(&debug->trace, settings->out, settings->colour, settings->body_bytes,
                             model);
    }
    if (!err) {
        err = steps_want(debug);
        if (!err)
            err = worker_open(debug);
        if (!err) {
            err = carry_out(debug, passed);
            lki_worker_close(&debug->worker);
        }
        lki_trace_release(&debug->trace);
        free(debug->wanted);
        free(debug->tried);
        free(debug->passed);
        lki_debug_checks_release(&debug->checks);
    }
    if (err)
        lki_buf_printf(message, "cannot debug the user type %s: %s", settings->type->name,
                       lk_strerror(err));
    free(debug);
    return err;
}
