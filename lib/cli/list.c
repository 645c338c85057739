/* The command list: what this program registers, for people. */
#include "cli/list.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "model/index.h"
#include "report/layout.h"

#define NAME_COLUMN 28

/* Starts a line with a name, padded so that what follows it stands in a column. */
static void name_add(struct lki_buf *out, int indent, const char *name)
{
    lki_buf_printf(out, "%*s%-*s  ", indent, "", NAME_COLUMN - indent, name);
}

/* Ends a line with the place of a descriptor. beside, or NULL, stands above it with its own place.
 */
static void place_add(struct lki_buf *out, const struct lk_def *def, const struct lk_def *beside)
{
    if (beside && !strcmp(lki_def_file(def), lki_def_file(beside)))
        lki_buf_printf(out, "  (line %d)\n", def->line);
    else
        lki_buf_printf(out, "  (%s:%d)\n", lki_def_file(def), def->line);
}

static void delay_add(struct lki_buf *out, const char *which, const struct lk_delay *delay)
{
    if (delay->fn)
        lki_buf_printf(out, ", %s by a function", which);
    else if (delay->max_s > delay->min_s)
        lki_buf_printf(out, ", %s %g to %g s", which, delay->min_s, delay->max_s);
    else if (delay->max_s > 0)
        lki_buf_printf(out, ", %s %g s", which, delay->max_s);
}

static void step_add(struct lki_buf *out, const struct lki_vu_type *type,
                     const struct lki_step *step)
{
    name_add(out, 4, step->name);
    lki_buf_printf(out, "weight %g", step->weight);
    for (size_t i = 0; i < step->need_count; i++)
        lki_buf_printf(out, "%s%s", i ? " and " : ", needs ", type->steps[step->needs[i]].name);
    delay_add(out, "every", &step->def->every);
    delay_add(out, "pace", &step->def->pace);
    if (step->timeout_ns != LKI_NEVER)
        lki_buf_printf(out, ", timeout %g s", step->def->timeout_s);
    if (step->stack_bytes)
        lki_buf_printf(out, ", stack %zu bytes", step->stack_bytes);
    place_add(out, &step->def->def, &type->def->def);
}

static void help_add(struct lki_buf *out, const char *between, const char *help)
{
    if (!help)
        return;
    lki_buf_str(out, between);
    lki_buf_harmless(out, help);
}

static void type_add(struct lki_buf *out, const struct lki_vu_type *type)
{
    name_add(out, 2, type->name);
    lki_buf_printf(out, "weight %g", type->weight);
    if (type->def->strategy)
        lki_buf_printf(out, ", strategy %s", lki_list_strategy(type->def->strategy));
    for (int i = 0; i < LK_HOOK_COUNT_; i++) {
        if (type->hooks[i])
            lki_buf_printf(out, ", %s", lki_hook_name((enum lk_hook_kind)i));
    }
    help_add(out, ", ", type->def->help);
    place_add(out, &type->def->def, NULL);
    for (size_t i = 0; i < type->step_count; i++)
        step_add(out, type, &type->steps[i]);
}

/* What a parameter is when it is not given, as it would be typed. */
static void default_add(struct lki_buf *out, const struct lki_param *param)
{
    if (param->def->type == LK_STRING) {
        lki_buf_str(out, "default \"");
        lki_buf_harmless(out, param->value);
        lki_buf_char(out, '"');
    } else if (*param->value)
        lki_buf_printf(out, "default %s", param->value);
    else
        lki_buf_printf(out, "default %s", param->def->type == LK_BOOL ? "false" : "0");
}

static void param_add(struct lki_buf *out, const struct lki_param *param)
{
    const struct lk_param_def *def = param->def;

    name_add(out, 2, param->name);
    if (def->type != LK_STRING)
        lki_buf_printf(out, "%s, ", lki_list_param_type(def->type));
    if (def->secret)
        lki_buf_str(out, def->required ? "secret, " : "secret");
    if (def->required)
        lki_buf_str(out, "required");
    else if (!def->secret)
        default_add(out, param);
    help_add(out, ": ", def->help);
    lki_buf_char(out, '\n');
}

/* The help of a descriptor behind what else there is to say of it; then its place. */
static void end_add(struct lki_buf *out, const char *help, const struct lk_def *def)
{
    help_add(out, ", ", help);
    place_add(out, def, NULL);
}

static void timeout_add(struct lki_buf *out, double timeout_s)
{
    if (timeout_s == LK_OFF)
        lki_buf_str(out, "no timeout");
    else
        lki_buf_printf(out, "timeout %g s", timeout_s);
}

static void resource_add(struct lki_buf *out, const struct lk_resource_def *def)
{
    name_add(out, 2, def->def.name);
    if (def->count)
        lki_buf_printf(out, "at most %" PRIu64, def->count);
    else
        lki_buf_str(out, "as many as users");
    end_add(out, def->help, &def->def);
}

static void metric_add(struct lki_buf *out, const struct lk_metric_def *def)
{
    name_add(out, 2, def->def.name);
    lki_buf_str(out, lki_list_metric_type(def->type));
    if (def->unit)
        lki_buf_printf(out, " in %s", def->unit);
    if (def->resolution > 0)
        lki_buf_printf(out, ", resolution %g", def->resolution);
    end_add(out, def->help, &def->def);
}

static void probe_add(struct lki_buf *out, const struct lk_probe_def *def)
{
    name_add(out, 2, def->def.name);
    lki_buf_printf(out, "every %g s", def->every_s);
    if (def->timeout_s != 0) {
        lki_buf_str(out, ", ");
        timeout_add(out, def->timeout_s);
    }
    end_add(out, def->help, &def->def);
}

static void run_hook_add(struct lki_buf *out, const struct lk_run_hook_def *def)
{
    name_add(out, 2, lki_run_hook_name(def->hook));
    timeout_add(out, def->timeout_s != 0 ? def->timeout_s : LKI_RUN_HOOK_TIMEOUT_S);
    end_add(out, NULL, &def->def);
}

/* What belongs to the run as a whole. */
static void run_add(struct lki_buf *out, const struct lki_model *model)
{
    if (model->run_hooks[LK_RUN_SETUP] || model->run_hooks[LK_RUN_TEARDOWN])
        lki_buf_str(out, "hooks of the run\n");
    for (size_t i = 0; i < LK_RUN_HOOK_COUNT_; i++) {
        if (model->run_hooks[i])
            run_hook_add(out, model->run_hooks[i]);
    }
    if (model->metric_count)
        lki_buf_str(out, "metrics\n");
    for (size_t i = 0; i < model->metric_count; i++)
        metric_add(out, model->metrics[i]);
    if (model->probe_count)
        lki_buf_str(out, "probes\n");
    for (size_t i = 0; i < model->probe_count; i++)
        probe_add(out, model->probes[i]);
}

static void text_write(struct lki_buf *out, const struct lki_model *model)
{
    lki_buf_str(out, "user types and their steps\n");
    for (size_t i = 0; i < model->type_count; i++)
        type_add(out, &model->types[i]);
    if (model->param_count)
        lki_buf_str(out, "parameters (-p NAME=VALUE)\n");
    for (size_t i = 0; i < model->param_count; i++)
        param_add(out, &model->params[i]);
    if (model->resource_count)
        lki_buf_str(out, "resources\n");
    for (size_t i = 0; i < model->resource_count; i++)
        resource_add(out, model->resources[i]);
    run_add(out, model);
}

const char *lki_list_param_type(enum lk_param_type type)
{
    static const char *const names[] = {"string", "int", "double", "bool", "seconds"};

    return names[type]; /* checked */
}

const char *lki_list_strategy(lk_strategy *strategy)
{
    if (!strategy || strategy == lk_choose_weighted)
        return "weighted";
    return strategy == lk_choose_parallel ? "parallel" : "the author's";
}

const char *lki_list_metric_type(enum lk_metric_type type)
{
    static const char *const names[] = {"trend", "counter", "gauge", "rate"};

    return names[type - LK_TREND]; /* checked */
}

int lki_cli_list(const struct lki_cli *cli)
{
    struct lki_model *model = NULL;
    struct lki_buf out;
    int status = lki_cli_model(cli, &model);

    if (status)
        return status;
    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    if (cli->options.json)
        lki_list_json(&out, model, cli->program);
    else
        text_write(&out, model);
    status = lki_cli_answer(cli, &out);
    lki_model_free(model);
    return status;
}
