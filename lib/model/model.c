#include "model/model.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/check.h"
#include "model/fault.h"
#include "model/index.h"
#include "model/labels.h"
#include "model/param.h"

/* Zeroed memory of the model for count things, or NULL. None at all still has an address. */
static void *take(struct lki_model *model, size_t count, size_t bytes)
{
    void *block = lki_arena_alloc(&model->arena, (count ? count : 1) * bytes);

    if (block)
        memset(block, 0, count * bytes);
    return block;
}

static size_t step_find(const struct lki_vu_type *type, const char *name, size_t len)
{
    size_t i = 0;

    while (strlen(type->steps[i].name) != len || memcmp(type->steps[i].name, name, len) != 0)
        i++;
    return i; /* checked: there is one */
}

/* The needs of a step as indices, each once. */
static enum lk_err needs_build(struct lki_model *model, const struct lki_vu_type *type,
                               struct lki_step *step)
{
    const char *text = step->def->needs;
    const char *name;
    size_t *needs;
    size_t len;
    size_t most = 1;

    if (!text || !*text)
        return LK_OK;
    for (const char *at = text; *at; at++)
        most += *at == ',';
    needs = take(model, most, sizeof(*needs));
    if (!needs)
        return LK_E_NOMEM;
    while (lki_needs_next(&text, &name, &len)) {
        size_t need = step_find(type, name, len);
        size_t i = 0;

        while (i < step->need_count && needs[i] != need)
            i++;
        if (i == step->need_count)
            needs[step->need_count++] = need;
    }
    step->needs = needs;
    return LK_OK;
}

static void step_build(struct lki_step *step, const struct lk_step_def *def)
{
    *step = (struct lki_step){
        .def = def,
        .name = def->def.name,
        .weight = def->weight > 0 ? def->weight : 1,
        .timeout_ns = lki_timeout_ns(def->timeout_s, LK_OFF),
        .stack_bytes = def->stack_bytes,
    };
}

static enum lk_err type_build(struct lki_model *model, struct lki_vu_type *type,
                              const struct lki_index *index)
{
    size_t count;
    const struct lk_def **defs = lki_index_range(index, LK_DEF_STEP, &count);
    enum lk_err err = LK_OK;

    lki_index_group(index, LK_DEF_STEP, type->name, &type->step_count);
    type->steps = take(model, type->step_count, sizeof(*type->steps));
    if (!type->steps)
        return LK_E_NOMEM;
    for (size_t i = 0, at = 0; i < count; i++) {
        const struct lk_step_def *def = (const struct lk_step_def *)defs[i];

        if (strcmp(def->def.vu, type->name) != 0)
            continue;
        step_build(&type->steps[at++], def);
        if (def->state_bytes)
            type->state_bytes = def->state_bytes;
    }
    for (size_t i = 0; i < type->step_count && !err; i++)
        err = needs_build(model, type, &type->steps[i]);
    return err;
}

static void hooks_build(struct lki_vu_type *type, const struct lki_index *index)
{
    size_t count;
    const struct lk_def **defs = lki_index_group(index, LK_DEF_HOOK, type->name, &count);

    for (size_t i = 0; i < count; i++) {
        const struct lk_hook_def *hook = (const struct lk_hook_def *)defs[i];

        type->hooks[hook->hook] = hook;
        type->hook_timeout_ns[hook->hook] = lki_timeout_ns(hook->timeout_s, LKI_HOOK_TIMEOUT_S);
        if (hook->state_bytes)
            type->state_bytes = hook->state_bytes;
    }
}

static enum lk_err types_build(struct lki_model *model, const struct lki_index *index)
{
    const struct lk_def **defs = lki_index_range(index, LK_DEF_VU, &model->type_count);
    enum lk_err err = LK_OK;

    model->types = take(model, model->type_count, sizeof(*model->types));
    if (!model->types)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->type_count && !err; i++) {
        const struct lk_vu_def *def = (const struct lk_vu_def *)defs[i];

        model->types[i] = (struct lki_vu_type){
            .def = def, .name = def->def.name, .weight = def->weight > 0 ? def->weight : 1};
        hooks_build(&model->types[i], index);
        err = type_build(model, &model->types[i], index);
    }
    return err;
}

static enum lk_err params_build(struct lki_model *model, const struct lki_index *index)
{
    const struct lk_def **defs = lki_index_range(index, LK_DEF_PARAM, &model->param_count);
    enum lk_err err = LK_OK;

    model->params = take(model, model->param_count, sizeof(*model->params));
    if (!model->params)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->param_count && !err; i++) {
        const struct lk_param_def *def = (const struct lk_param_def *)defs[i];
        struct lki_param *param = &model->params[i];
        const char *why;

        *param = (struct lki_param){.def = def, .name = def->def.name, .value = ""};
        if (def->value)
            lki_param_read(param, def->value, &why); /* checked: it can be read */
        err = lki_map_put(&model->param_names, param->name, strlen(param->name), param);
    }
    return err;
}

static enum lk_err resources_build(struct lki_model *model, const struct lki_index *index)
{
    const struct lk_def **defs = lki_index_range(index, LK_DEF_RESOURCE, &model->resource_count);
    enum lk_err err = LK_OK;

    model->resources = take(model, model->resource_count, sizeof(*model->resources));
    if (!model->resources)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->resource_count && !err; i++) {
        model->resources[i] = (const struct lk_resource_def *)defs[i];
        err = lki_map_put(&model->resource_names, defs[i]->name, strlen(defs[i]->name),
                          &model->resources[i]);
    }
    return err;
}

static enum lk_err metrics_build(struct lki_model *model, const struct lki_index *index)
{
    const struct lk_def **defs = lki_index_range(index, LK_DEF_METRIC, &model->metric_count);
    enum lk_err err = LK_OK;

    model->metrics = take(model, model->metric_count, sizeof(*model->metrics));
    if (!model->metrics)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->metric_count && !err; i++) {
        model->metrics[i] = (const struct lk_metric_def *)defs[i];
        err = lki_map_put(&model->metric_names, defs[i]->name, strlen(defs[i]->name),
                          &model->metrics[i]);
    }
    return err;
}

static enum lk_err probes_build(struct lki_model *model, const struct lki_index *index)
{
    const struct lk_def **defs = lki_index_range(index, LK_DEF_PROBE, &model->probe_count);

    model->probes = take(model, model->probe_count, sizeof(*model->probes));
    if (!model->probes)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->probe_count; i++)
        model->probes[i] = (const struct lk_probe_def *)defs[i];
    return LK_OK;
}

static void run_hooks_build(struct lki_model *model, const struct lki_index *index)
{
    size_t count;
    const struct lk_def **defs = lki_index_range(index, LK_DEF_RUN_HOOK, &count);

    for (size_t i = 0; i < count; i++) {
        const struct lk_run_hook_def *hook = (const struct lk_run_hook_def *)defs[i];

        model->run_hooks[hook->hook] = hook;
    }
}

static enum lk_err model_build(struct lki_model **out, const struct lki_index *index)
{
    struct lki_model *model = lki_zalloc(sizeof(*model));
    enum lk_err err;

    if (!model)
        return LK_E_NOMEM;
    lki_arena_init(&model->arena, NULL, 0);
    err = types_build(model, index);
    if (!err)
        err = params_build(model, index);
    if (!err)
        err = resources_build(model, index);
    if (!err)
        err = metrics_build(model, index);
    if (!err)
        err = probes_build(model, index);
    if (!err)
        err = lki_labels_build(model);
    run_hooks_build(model, index);
    if (!err)
        *out = model;
    else
        lki_model_free(model);
    return err;
}

enum lk_err lki_model_new(struct lki_model **out, const struct lk_def *first,
                          struct lki_buf *problems)
{
    struct lki_faults faults;
    struct lki_index index;
    enum lk_err err;

    lki_faults_init(&faults, problems);
    lki_check_sizes(first, &faults);
    err = lki_faults_result(&faults);
    if (err)
        return err;
    err = lki_index_init(&index, first);
    if (err)
        return err;
    err = lki_check_index(&index, &faults);
    if (!err)
        err = lki_faults_result(&faults);
    if (!err)
        err = model_build(out, &index);
    lki_index_release(&index);
    return err;
}

void lki_model_free(struct lki_model *model)
{
    if (!model)
        return;
    lki_map_release(&model->param_names);
    lki_map_release(&model->resource_names);
    lki_map_release(&model->metric_names);
    lki_arena_reset(&model->arena);
    free(model);
}

const struct lki_param *lki_model_param(const struct lki_model *model, const char *name)
{
    return name ? lki_map_get(&model->param_names, name, strlen(name)) : NULL;
}

size_t lki_model_resource(const struct lki_model *model, const char *name)
{
    const struct lk_resource_def **at = name ? lki_map_get(&model->resource_names, name,
                                                           strlen(name))
                                             : NULL;

    return at ? (size_t)(at - model->resources) : SIZE_MAX;
}

size_t lki_model_metric(const struct lki_model *model, const char *name)
{
    const struct lk_metric_def **at = name ? lki_map_get(&model->metric_names, name, strlen(name))
                                           : NULL;

    return at ? (size_t)(at - model->metrics) : SIZE_MAX;
}
