/* A run from its start to its result. */
#include "control/conduct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/mem.h"
#include "model/registry.h"
#include "result/json.h"

static struct lki_orchestrator *orchestrator_of(struct lki_post *post)
{
    return LKI_CONTAINER(post, struct lki_orchestrator, over);
}

/* ---- the result ---- */

static void result_write(struct lki_orchestrator *o, const struct lki_result *result)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    int error = file ? lki_result_write_json(result, file) : errno;

    if (file && fclose(file) && !error)
        error = errno;
    lki_buf_clear(&o->result);
    if (!error)
        lki_buf_append(&o->result, text, len);
    if (error || o->result.err)
        lki_orchestrator_tell(o, "run %s is over, but its result cannot be made: %s", o->run.run_id,
                              strerror(error ? error : ENOMEM));
    free(text);
}

static void result_save(struct lki_orchestrator *o, const struct lki_result *result)
{
    char path[4096];
    char why[512];

    snprintf(path, sizeof(path), "%s/result-%s.json", o->settings.state_dir, o->run.run_id);
    if (lki_result_save(result, path, why, sizeof(why)))
        lki_orchestrator_tell(o, "run %s is over, but its result is not kept: %s", o->run.run_id,
                              why);
    else
        lki_orchestrator_tell(o, "run %s is over; result in %s", o->run.run_id, path);
}

static void result_make(struct lki_orchestrator *o)
{
    struct lki_result result;
    enum lk_err err = o->settings.account(&result, o->run.core, o->run.model, &o->run.plan,
                                          o->settings.arg);

    if (err) {
        lki_orchestrator_tell(o, "run %s is over, but its result cannot be made: %s", o->run.run_id,
                              lk_strerror(err));
        return;
    }
    result_write(o, &result);
    result_save(o, &result);
    lki_result_release(&result);
}

/* ---- the core ---- */

void lki_conduct_drop(struct lki_orchestrator *o)
{
    lki_core_free(o->run.core);
    lki_model_free(o->run.model);
    lki_arena_reset(&o->run.texts);
    o->run = (struct lki_conduct){0};
}

/* Not within a call of the core. */
static void on_over_post(struct lki_post *post)
{
    struct lki_orchestrator *o = orchestrator_of(post);

    lki_history_second(o->history, o->run.core);
    snprintf(o->last_run_id, sizeof(o->last_run_id), "%s", o->run.run_id);
    o->haunted_ns = lki_core_haunted_ns(o->run.core) + lki_wall_ns() - lki_loop_now(o->loop);
    result_make(o);
    lki_crew_end(&o->crew);
    lki_conduct_drop(o);
    lki_restore_forget(o);
    lki_orchestrator_changed(o);
}

static void on_over(struct lki_core *core, void *arg)
{
    struct lki_orchestrator *o = arg;

    (void)core;
    lki_loop_post(o->loop, &o->over, on_over_post);
}

static void on_second(struct lki_core *core, void *arg)
{
    struct lki_orchestrator *o = arg;

    lki_history_second(o->history, core);
    lki_orchestrator_changed(o);
}

static void on_told(struct lki_core *core, const struct lki_core_news *news, void *arg)
{
    const struct lki_orchestrator *o = arg;

    lki_history_told(o->history, core, news);
}

static void on_wanted(struct lki_core *core, uint64_t worker, void *arg)
{
    struct lki_orchestrator *o = arg;

    (void)core;
    lki_crew_want(&o->crew, worker);
}

/* ---- the start ---- */

static bool is_named(const char *text, const char *other)
{
    size_t len = strcspn(text, "=");

    return !strncmp(text, other, len) && other[len] == '=';
}

static bool is_given(const struct lki_start *start, const char *text)
{
    for (size_t i = 0; i < start->param_count; i++) {
        if (is_named(text, start->params[i]))
            return true;
    }
    return false;
}

static bool param_add(struct lki_conduct *run, const char *text)
{
    const char *copy = lki_arena_copy(&run->texts, text, strlen(text));

    if (copy)
        run->params[run->param_count++] = copy;
    return copy != NULL;
}

/* Those of the start win over those that each run has. */
static bool params_take(struct lki_orchestrator *o, const struct lki_start *start)
{
    struct lki_conduct *run = &o->run;
    size_t most = o->settings.param_count + start->param_count;
    bool good;

    run->params = lki_arena_alloc(&run->texts, (most + 1) * sizeof(*run->params));
    good = run->params != NULL;
    for (size_t i = 0; good && i < o->settings.param_count; i++) {
        if (!is_given(start, o->settings.params[i]))
            good = param_add(run, o->settings.params[i]);
    }
    for (size_t i = 0; good && i < start->param_count; i++)
        good = param_add(run, start->params[i]);
    return good;
}

static bool stages_take(struct lki_conduct *run)
{
    size_t bytes = run->plan.stage_count * sizeof(*run->stages);

    if (!run->plan.stage_count)
        return true;
    run->stages = lki_arena_alloc(&run->texts, bytes);
    if (run->stages)
        memcpy(run->stages, run->plan.stages, bytes);
    run->plan.stages = run->stages;
    return run->stages != NULL;
}

static bool http_take(struct lki_conduct *run)
{
    const char *http = run->plan.http;

    if (http)
        run->plan.http = lki_arena_copy(&run->texts, http, strlen(http));
    return !http || run->plan.http;
}

static bool id_make(struct lki_orchestrator *o)
{
    struct lki_conduct *run = &o->run;
    char text[LKI_RUN_ID_LEN + 1];

    snprintf(text, sizeof(text), "%0*llx", LKI_RUN_ID_LEN, (unsigned long long)lki_entropy_u64());
    if (!run->plan.run_id)
        run->plan.run_id = text;
    run->run_id = lki_arena_copy(&run->texts, run->plan.run_id, strlen(run->plan.run_id));
    run->plan.run_id = run->run_id;
    return run->run_id != NULL;
}

static bool plan_take(struct lki_orchestrator *o, const struct lki_start *start)
{
    struct lki_conduct *run = &o->run;

    run->plan = start->plan;
    run->plan.open_ended = true;
    run->plan.on_loss = o->settings.on_loss;
    run->plan.on_join = o->settings.on_join;
    run->plan.stock = o->stock;
    return id_make(o) && stages_take(run) && http_take(run) && params_take(o, start);
}

/* The first line is enough: they are all said in the order of the parameters. */
static void say_problems(struct lki_refusal *refusal, const struct lki_buf *problems)
{
    size_t len = problems->len;

    while (len && problems->data[len - 1] == '\n')
        len--;
    *refusal = (struct lki_refusal){.status = 400, .code = "validation_error"};
    for (size_t i = 0; i < len && i < sizeof(refusal->message) - 1; i++)
        refusal->message[i] = problems->data[i] == '\n' ? ';' : problems->data[i];
}

static enum lk_err model_make(struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    struct lki_conduct *run = &o->run;
    struct lki_buf problems;
    enum lk_err err;

    lki_buf_init(&problems, 65536);
    err = lki_model_new(&run->model, lki_registry_first(), &problems);
    if (!err)
        err = lki_model_set_params(run->model, run->params, run->param_count, &problems);
    if (err == LK_E_ARG)
        say_problems(refusal, &problems);
    lki_buf_release(&problems);
    return err;
}

static const struct lki_command_run *command_of(struct lki_orchestrator *o)
{
    struct lki_conduct *run = &o->run;

    run->command = (struct lki_command_run){.run_id = run->run_id,
                                            .params = run->params,
                                            .param_count = run->param_count,
                                            .grace_ns = run->plan.grace_ns};
    return &run->command;
}

/* All but the crew. */
static enum lk_err run_make(struct lki_orchestrator *o, const struct lki_start *start,
                            struct lki_refusal *refusal)
{
    const struct lki_core_owner owner = {.on_second = on_second,
                                         .on_told = on_told,
                                         .on_wanted = on_wanted,
                                         .on_over = on_over,
                                         .arg = o};
    struct lki_conduct *run = &o->run;
    enum lk_err err = LK_OK;

    *run = (struct lki_conduct){0};
    lki_arena_init(&run->texts, NULL, 0);
    if (!plan_take(o, start))
        err = LK_E_NOMEM;
    if (!err)
        err = model_make(o, refusal);
    if (!err)
        err = lki_core_new(&run->core, o->loop, run->model, &run->plan, 0, &owner);
    return err;
}

enum lk_err lki_conduct_begin(struct lki_orchestrator *o, const struct lki_start *start,
                              struct lki_refusal *refusal)
{
    enum lk_err err = run_make(o, start, refusal);

    if (!err) {
        lki_history_begin(o->history, lki_wall_s());
        err = lki_crew_begin(&o->crew, o->run.core, command_of(o));
    }
    if (err) {
        lki_crew_end(&o->crew);
        lki_conduct_drop(o);
    }
    return err;
}

enum lk_err lki_conduct_again(struct lki_orchestrator *o, const struct lki_start *start)
{
    struct lki_refusal refusal;
    enum lk_err err = run_make(o, start, &refusal);

    if (err)
        lki_conduct_drop(o);
    else
        o->crew.run = *command_of(o);
    return err;
}
