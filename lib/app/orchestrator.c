#include "app/orchestrator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/account.h"
#include "app/interrupts.h"
#include "app/maker.h"
#include "app/run.h"
#include "control/orchestrator.h"
#include "web/api.h"

struct role {
    struct lki_loop loop;
    const struct lki_orchestrator_role *settings;
    const struct lki_model *model;
    struct lki_orchestrator *orchestrator;
    struct lki_api *api;
    struct lki_interrupts interrupts;
    struct lki_buf *why;
    bool refused;

    struct lki_maker *maker; /* that is at work */
    void (*on_object)(uint64_t id, const char *text, const char *message, void *arg);
    void *on_object_arg;
};

static void tell(const char *line, void *arg)
{
    const struct role *role = arg;

    role->settings->tell(line, role->settings->arg);
}

static void on_change(struct lki_orchestrator *o, void *arg)
{
    const struct role *role = arg;

    (void)o;
    if (role->api)
        lki_api_changed(role->api);
}

static void on_refused(struct lki_orchestrator *o, const char *why, void *arg)
{
    struct role *role = arg;

    (void)o;
    if (!role->refused)
        lki_buf_str(role->why, why);
    role->refused = true;
    lki_loop_stop(&role->loop);
}

/* ---- objects ---- */

static void on_made(struct lki_maker *maker, uint64_t id, const char *text, const char *message,
                    void *arg)
{
    const struct role *role = arg;

    (void)maker;
    role->on_object(id, text, message, role->on_object_arg);
}

static void on_maker_over(struct lki_maker *maker, const char *failure, void *arg)
{
    struct role *role = arg;

    role->maker = NULL;
    role->on_object(0, NULL, failure, role->on_object_arg);
    lki_maker_free(maker);
}

static void on_forked(void *arg)
{
    const struct role *role = arg;

    lki_orchestrator_forked(role->orchestrator);
    lki_api_forked(role->api);
}

static enum lk_err make(size_t resource, uint64_t first, uint64_t count,
                        void (*fn)(uint64_t id, const char *text, const char *message, void *arg),
                        void *fn_arg, void *arg)
{
    struct role *role = arg;
    const struct lki_maker_owner owner = {
        .on_made = on_made, .on_over = on_maker_over, .on_forked = on_forked, .arg = role};

    role->on_object = fn;
    role->on_object_arg = fn_arg;
    return lki_maker_new(&role->maker, &role->loop, role->model, resource, first, count, &owner);
}

/* ---- results ---- */

static enum lk_err account(struct lki_result *result, struct lki_core *core,
                           const struct lki_model *model, const struct lki_plan *plan, void *arg)
{
    const struct role *role = arg;
    const struct lki_run_settings settings = {
        .run_id = plan->run_id,
        .workers = lki_core_worker_count(core),
        .seed = plan->seed,
        .program = role->settings->program,
    };

    return lki_account_run(result, &settings, model, core, lki_loop_now(&role->loop));
}

/* ---- all of it ---- */

static void on_interrupt(void *arg)
{
    struct role *role = arg;

    lki_loop_stop(&role->loop);
}

static enum lk_err orchestrator_open(struct role *role)
{
    const struct lki_orchestrator_role *settings = role->settings;

    return lki_orchestrator_new(&role->orchestrator, &role->loop, role->model,
                                &(struct lki_orchestrator_settings){
                                    .hub = settings->hub,
                                    .state_dir = settings->state_dir,
                                    .program = settings->program,
                                    .params = settings->params,
                                    .param_count = settings->param_count,
                                    .on_loss = settings->on_loss,
                                    .on_join = settings->on_join,
                                    .on_change = on_change,
                                    .tell = tell,
                                    .on_refused = on_refused,
                                    .make = make,
                                    .account = account,
                                    .arg = role,
                                },
                                role->why);
}

static void say_address(const struct role *role)
{
    char line[256];

    snprintf(line, sizeof(line), "listening on http://%s", lki_api_address(role->api));
    tell(line, (void *)(uintptr_t)role);
    if (lki_api_is_exposed(role->api))
        tell("others can reach it without encryption: put a proxy with TLS in front",
             (void *)(uintptr_t)role);
}

static enum lk_err open_all(struct role *role)
{
    enum lk_err err;

    lki_loop_quiet();
    err = lki_loop_open(&role->loop);
    if (!err)
        err = lki_interrupts_start(&role->interrupts, &role->loop, on_interrupt, role);
    if (err)
        lki_buf_printf(role->why, "cannot start the orchestrator: %s", lk_strerror(err));
    if (!err)
        err = orchestrator_open(role);
    if (!err)
        err = lki_api_open(&role->api, &role->loop, role->orchestrator, role->settings->web,
                           role->settings->program, role->why);
    return err;
}

static void close_all(struct role *role)
{
    lki_api_close(role->api);
    role->api = NULL;
    lki_maker_free(role->maker);
    lki_orchestrator_free(role->orchestrator);
    lki_interrupts_stop(&role->interrupts);
    if (role->loop.base)
        lki_loop_close(&role->loop);
}

enum lk_err lki_orchestrator_run(const struct lki_model *model,
                                 const struct lki_orchestrator_role *settings, struct lki_buf *why)
{
    struct role role = {.settings = settings, .model = model, .why = why};
    enum lk_err err = open_all(&role);

    if (!err) {
        say_address(&role);
        lki_loop_run(&role.loop);
        err = role.refused ? LK_E_STATE : LK_OK;
    }
    close_all(&role);
    return err;
}
