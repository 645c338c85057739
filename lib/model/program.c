/*
 * Which program it is, as what it registers tells: all that a run depends on, and that is the same
 * in each process of it. Functions and data of an author's are only there or not: their addresses
 * are another matter in each process. Help and the places in the source are left out: they change
 * no run, and paths differ where machines build the program themselves.
 */
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "model/model.h"

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    return (hash ^ lki_hash(bytes, len)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* NULL is as good as an empty one. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) : 0);
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    return hash_bytes(hash, &number, sizeof(number));
}

static uint64_t hash_double(uint64_t hash, double number)
{
    return hash_bytes(hash, &number, sizeof(number));
}

static uint64_t hash_timeout(uint64_t hash, double timeout_s, double otherwise_s)
{
    return hash_number(hash, (uint64_t)lki_timeout_ns(timeout_s, otherwise_s));
}

static uint64_t hash_delay(uint64_t hash, const struct lk_delay *delay)
{
    hash = hash_double(hash, delay->min_s);
    hash = hash_double(hash, delay->max_s);
    return hash_number(hash, delay->fn != NULL);
}

static uint64_t hash_step(uint64_t hash, const struct lki_step *step)
{
    hash = hash_text(hash, step->name);
    hash = hash_double(hash, step->weight);
    hash = hash_delay(hash, &step->def->every);
    hash = hash_delay(hash, &step->def->pace);
    hash = hash_number(hash, (uint64_t)step->timeout_ns);
    hash = hash_number(hash, step->stack_bytes);
    hash = hash_number(hash, step->def->data != NULL);
    hash = hash_number(hash, step->need_count);
    for (size_t i = 0; i < step->need_count; i++)
        hash = hash_number(hash, step->needs[i]);
    return hash;
}

static uint64_t hash_type(uint64_t hash, const struct lki_vu_type *type)
{
    hash = hash_text(hash, type->name);
    hash = hash_double(hash, type->weight);
    hash = hash_number(hash, type->def->strategy != NULL);
    hash = hash_number(hash, type->state_bytes);
    for (size_t i = 0; i < LK_HOOK_COUNT_; i++) {
        hash = hash_number(hash, type->hooks[i] != NULL);
        hash = hash_number(hash, (uint64_t)type->hook_timeout_ns[i]);
    }
    hash = hash_number(hash, type->step_count);
    for (size_t i = 0; i < type->step_count; i++)
        hash = hash_step(hash, &type->steps[i]);
    return hash;
}

/* What the source says of it: its value in a run is each program start's own. */
static uint64_t hash_param(uint64_t hash, const struct lk_param_def *param)
{
    hash = hash_text(hash, param->def.name);
    hash = hash_number(hash, param->type);
    hash = hash_number(hash, param->required);
    hash = hash_number(hash, param->secret);
    return hash_text(hash, param->value);
}

static uint64_t hash_run_hook(uint64_t hash, const struct lk_run_hook_def *hook)
{
    hash = hash_number(hash, hook != NULL);
    return hook ? hash_timeout(hash, hook->timeout_s, LKI_RUN_HOOK_TIMEOUT_S) : hash;
}

static uint64_t hash_metric(uint64_t hash, const struct lk_metric_def *metric)
{
    hash = hash_text(hash, metric->def.name);
    hash = hash_number(hash, metric->type);
    hash = hash_text(hash, metric->unit);
    return hash_double(hash, metric->resolution);
}

static uint64_t hash_probe(uint64_t hash, const struct lk_probe_def *probe)
{
    hash = hash_text(hash, probe->def.name);
    hash = hash_double(hash, probe->every_s);
    return hash_timeout(hash, probe->timeout_s, LKI_PROBE_TIMEOUT_S);
}

uint64_t lki_program_hash(const struct lki_model *model)
{
    uint64_t hash = hash_text(0, LK_VERSION);

    hash = hash_number(hash, model->type_count);
    for (size_t i = 0; i < model->type_count; i++)
        hash = hash_type(hash, &model->types[i]);
    hash = hash_number(hash, model->param_count);
    for (size_t i = 0; i < model->param_count; i++)
        hash = hash_param(hash, model->params[i].def);
    hash = hash_number(hash, model->resource_count);
    for (size_t i = 0; i < model->resource_count; i++) {
        hash = hash_text(hash, model->resources[i]->def.name);
        hash = hash_number(hash, model->resources[i]->count);
    }
    for (size_t i = 0; i < LK_RUN_HOOK_COUNT_; i++)
        hash = hash_run_hook(hash, model->run_hooks[i]);
    hash = hash_number(hash, model->metric_count);
    for (size_t i = 0; i < model->metric_count; i++)
        hash = hash_metric(hash, model->metrics[i]);
    hash = hash_number(hash, model->probe_count);
    for (size_t i = 0; i < model->probe_count; i++)
        hash = hash_probe(hash, model->probes[i]);
    return hash;
}
