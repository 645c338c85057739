/* What this program registers, as JSON. */
#include <string.h>

#include "base/json.h"
#include "cli/list.h"
#include "model/index.h"
#include "stats/custom.h"

#define LIST_SCHEMA "loadkit.list/1"

/* What precedes the next member or element: nothing behind a bracket, else a comma. */
static void item_begin(struct lki_buf *out)
{
    char last = out->len ? out->data[out->len - 1] : '[';

    if (last != '[' && last != '{')
        lki_buf_char(out, ',');
}

static void string_put(struct lki_buf *out, const char *text)
{
    item_begin(out);
    lki_json_write_string(out, text, strlen(text));
}

static void key_put(struct lki_buf *out, const char *key)
{
    string_put(out, key);
    lki_buf_char(out, ':');
}

/* NULL is written as null. */
static void text_put(struct lki_buf *out, const char *key, const char *text)
{
    key_put(out, key);
    if (text)
        lki_json_write_string(out, text, strlen(text));
    else
        lki_json_write_null(out);
}

static void number_put(struct lki_buf *out, const char *key, double value)
{
    key_put(out, key);
    lki_json_write_double(out, value);
}

static void bool_put(struct lki_buf *out, const char *key, bool value)
{
    key_put(out, key);
    lki_json_write_bool(out, value);
}

/* null is none. */
static void timeout_put(struct lki_buf *out, double timeout_s, double otherwise_s)
{
    double seconds = timeout_s != 0 ? timeout_s : otherwise_s;

    if (seconds == LK_OFF)
        text_put(out, "timeout_s", NULL);
    else
        number_put(out, "timeout_s", seconds);
}

static void open_put(struct lki_buf *out, const char *key, char bracket)
{
    if (key)
        key_put(out, key);
    else
        item_begin(out);
    lki_buf_char(out, bracket);
}

static void close_put(struct lki_buf *out, char bracket)
{
    lki_buf_char(out, bracket);
}

/* Opens an object with what all descriptors have. */
static void def_put(struct lki_buf *out, const struct lk_def *def)
{
    open_put(out, NULL, '{');
    text_put(out, "name", lki_def_name(def));
    text_put(out, "file", lki_def_file(def));
    number_put(out, "line", def->line);
}

static void delay_put(struct lki_buf *out, const char *key, const struct lk_delay *delay)
{
    if (!delay->fn && !(delay->max_s > 0)) {
        text_put(out, key, NULL);
        return;
    }
    open_put(out, key, '{');
    bool_put(out, "function", delay->fn != NULL);
    number_put(out, "min_s", delay->min_s);
    number_put(out, "max_s", delay->max_s);
    close_put(out, '}');
}

static void step_put(struct lki_buf *out, const struct lki_vu_type *type,
                     const struct lki_step *step)
{
    def_put(out, &step->def->def);
    number_put(out, "weight", step->weight);
    open_put(out, "needs", '[');
    for (size_t i = 0; i < step->need_count; i++)
        string_put(out, type->steps[step->needs[i]].name);
    close_put(out, ']');
    delay_put(out, "every", &step->def->every);
    delay_put(out, "pace", &step->def->pace);
    timeout_put(out, step->def->timeout_s, LK_OFF);
    close_put(out, '}');
}

static void type_put(struct lki_buf *out, const struct lki_vu_type *type)
{
    def_put(out, &type->def->def);
    number_put(out, "weight", type->weight);
    text_put(out, "strategy", lki_list_strategy(type->def->strategy));
    text_put(out, "help", type->def->help);
    open_put(out, "hooks", '[');
    for (int i = 0; i < LK_HOOK_COUNT_; i++) {
        if (type->hooks[i])
            string_put(out, lki_hook_name((enum lk_hook_kind)i));
    }
    close_put(out, ']');
    open_put(out, "steps", '[');
    for (size_t i = 0; i < type->step_count; i++)
        step_put(out, type, &type->steps[i]);
    close_put(out, ']');
    close_put(out, '}');
}

static void param_put(struct lki_buf *out, const struct lki_param *param)
{
    const struct lk_param_def *def = param->def;

    def_put(out, &def->def);
    text_put(out, "type", lki_list_param_type(def->type));
    bool_put(out, "required", def->required);
    bool_put(out, "secret", def->secret);
    text_put(out, "value", def->required || def->secret ? NULL : param->value);
    text_put(out, "help", def->help);
    close_put(out, '}');
}

static void resource_put(struct lki_buf *out, const struct lk_resource_def *def)
{
    def_put(out, &def->def);
    key_put(out, "count");
    if (def->count)
        lki_buf_u64(out, def->count);
    else
        lki_json_write_null(out);
    text_put(out, "help", def->help);
    close_put(out, '}');
}

static void run_hook_put(struct lki_buf *out, const struct lk_run_hook_def *def)
{
    def_put(out, &def->def);
    timeout_put(out, def->timeout_s, LKI_RUN_HOOK_TIMEOUT_S);
    close_put(out, '}');
}

static void metric_put(struct lki_buf *out, const struct lk_metric_def *def)
{
    def_put(out, &def->def);
    text_put(out, "type", lki_list_metric_type(def->type));
    text_put(out, "unit", def->unit);
    if (def->type == LK_TREND)
        number_put(out, "resolution", def->resolution > 0 ? def->resolution : LKI_TREND_RESOLUTION);
    else
        text_put(out, "resolution", NULL);
    text_put(out, "help", def->help);
    close_put(out, '}');
}

static void probe_put(struct lki_buf *out, const struct lk_probe_def *def)
{
    def_put(out, &def->def);
    number_put(out, "every_s", def->every_s);
    timeout_put(out, def->timeout_s, LKI_PROBE_TIMEOUT_S);
    text_put(out, "help", def->help);
    close_put(out, '}');
}

/* What belongs to the run as a whole. */
static void run_put(struct lki_buf *out, const struct lki_model *model)
{
    open_put(out, "run_hooks", '[');
    for (size_t i = 0; i < LK_RUN_HOOK_COUNT_; i++) {
        if (model->run_hooks[i])
            run_hook_put(out, model->run_hooks[i]);
    }
    close_put(out, ']');
    open_put(out, "metrics", '[');
    for (size_t i = 0; i < model->metric_count; i++)
        metric_put(out, model->metrics[i]);
    close_put(out, ']');
    open_put(out, "probes", '[');
    for (size_t i = 0; i < model->probe_count; i++)
        probe_put(out, model->probes[i]);
    close_put(out, ']');
}

void lki_list_json(struct lki_buf *out, const struct lki_model *model, const char *program)
{
    open_put(out, NULL, '{');
    text_put(out, "schema", LIST_SCHEMA);
    text_put(out, "program", program);
    text_put(out, "version", LK_VERSION);
    open_put(out, "vu_types", '[');
    for (size_t i = 0; i < model->type_count; i++)
        type_put(out, &model->types[i]);
    close_put(out, ']');
    open_put(out, "params", '[');
    for (size_t i = 0; i < model->param_count; i++)
        param_put(out, &model->params[i]);
    close_put(out, ']');
    open_put(out, "resources", '[');
    for (size_t i = 0; i < model->resource_count; i++)
        resource_put(out, model->resources[i]);
    close_put(out, ']');
    run_put(out, model);
    close_put(out, '}');
    lki_buf_char(out, '\n');
}
