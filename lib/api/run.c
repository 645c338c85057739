/* Runs inside another program; declared in loadkit/run.h. */
#include <stdlib.h>

#include <loadkit/run.h>

#include "app/control.h"
#include "app/options.h"
#include "app/run.h"
#include "base/mem.h"
#include "model/registry.h"
#include "result/view.h"

#define MESSAGE_MAX 4096

struct lk_running {
    struct lki_run_plan plan;
    struct lki_run_control control;
    struct lki_run *run;
    pthread_t thread;
    lk_result *result;
    enum lk_err err;
};

/* One run at a time: who gets LK_OK lets go of the registry when the run is over. */
static enum lk_err hold(const struct lk_run_options *options)
{
    if (lki_registry_hold())
        return LK_OK;
    return lki_run_options_refuse(options, LK_E_STATE,
                                  "a run is on already in this program; wait for its end");
}

static enum lk_err tell(const struct lki_run_plan *plan, enum lk_err err, struct lki_buf *message)
{
    if (err)
        lki_run_options_tell(&plan->options, err, message);
    lki_buf_release(message);
    return err;
}

static enum lk_err run_open(struct lki_run **run, struct lki_run_plan *plan)
{
    struct lki_buf message;

    lki_buf_init(&message, MESSAGE_MAX);
    return tell(plan, lki_run_open(run, plan->model, &plan->settings, &message), &message);
}

static enum lk_err run_finish(lk_result **result, struct lki_run *run, struct lki_run_plan *plan)
{
    struct lki_result data;
    struct lki_buf message;
    enum lk_err err;

    lki_buf_init(&message, MESSAGE_MAX);
    err = lki_run_finish(run, &data, &message);
    if (!err)
        err = lki_view_new(result, &data);
    return tell(plan, err, &message);
}

static enum lk_err plan_run(lk_result **result, struct lki_run_plan *plan)
{
    struct lki_run *run;
    enum lk_err err = run_open(&run, plan);

    return err ? err : run_finish(result, run, plan);
}

enum lk_err lk_run(lk_result **result, const struct lk_run_options *options)
{
    struct lki_run_plan plan;
    enum lk_err err;

    if (!result)
        return lki_run_options_refuse(options, LK_E_ARG, "there is no place for the result");
    err = hold(options);
    if (err)
        return err;
    err = lki_run_options_read(&plan, options);
    if (!err) {
        err = plan_run(result, &plan);
        lki_run_plan_release(&plan);
    }
    lki_registry_let_go();
    return err;
}

/* ---- in a thread of its own ---- */

static void *thread_main(void *arg)
{
    struct lk_running *running = arg;

    running->err = run_finish(&running->result, running->run, &running->plan);
    lki_run_plan_release(&running->plan);
    lki_registry_let_go();
    lki_run_control_over(&running->control);
    return NULL;
}

/* Everything but the thread. On failure nothing is owned. */
static enum lk_err running_open(struct lk_running *running, const struct lk_run_options *options)
{
    enum lk_err err = lki_run_options_read(&running->plan, options);

    if (!err && running->plan.settings.workers) {
        lki_run_plan_release(&running->plan);
        err = lki_run_options_refuse(options, LK_E_ARG,
                                     ".workers is given, but lk_run_start has a thread, and a "
                                     "process with threads must not fork; use lk_run, or leave "
                                     ".workers 0");
    }
    if (err)
        return err;
    running->plan.settings.control = &running->control;
    err = run_open(&running->run, &running->plan);
    if (err)
        lki_run_plan_release(&running->plan);
    return err;
}

static enum lk_err running_start(struct lk_running *running, const struct lk_run_options *options)
{
    /* who gave the message may be gone when the run is over */
    running->plan.options.message = NULL;
    if (lki_thread_start(&running->thread, thread_main, running))
        return LK_OK;
    lki_run_close(running->run);
    lki_run_plan_release(&running->plan);
    return lki_run_options_refuse(options, LK_E_SYSTEM, "cannot run: there is no thread to be had");
}

enum lk_err lk_run_start(lk_running **run, const struct lk_run_options *options)
{
    struct lk_running *running;
    enum lk_err err;

    if (!run)
        return lki_run_options_refuse(options, LK_E_ARG, "there is no place for the run");
    err = hold(options);
    if (err)
        return err;
    running = lki_zalloc(sizeof(*running));
    if (!running) {
        lki_registry_let_go();
        return lki_run_options_refuse(options, LK_E_NOMEM, lk_strerror(LK_E_NOMEM));
    }
    lki_run_control_init(&running->control);
    err = running_open(running, options);
    if (!err)
        err = running_start(running, options);
    if (!err) {
        *run = running;
        return LK_OK;
    }
    lki_registry_let_go();
    lki_run_control_release(&running->control);
    free(running);
    return err;
}

void lk_run_poll(lk_running *run, struct lk_run_status *status)
{
    lki_run_control_poll(&run->control, status);
}

void lk_run_stop(lk_running *run)
{
    lki_run_control_stop(&run->control);
}

enum lk_err lk_run_wait(lk_running *run, lk_result **result)
{
    enum lk_err err;

    if (!run)
        return LK_E_ARG;
    /* a step that waits for its own run would wait for ever */
    if (pthread_equal(run->thread, pthread_self()))
        return LK_E_STATE;
    pthread_join(run->thread, NULL);
    err = run->err;
    if (!err && result)
        *result = run->result;
    else
        lk_result_free(run->result);
    lki_run_control_release(&run->control);
    free(run);
    return err;
}
