/* The command list: what this program registers, for people and as JSON. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "model/index.h"

#define LIST_SCHEMA "loadkit.list/1"
#define NAME_COLUMN 28

/* ---- as text ---- */

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

static void type_add(struct lki_buf *out, const struct lki_vu_type *type)
{
    name_add(out, 2, type->name);
    lki_buf_printf(out, "weight %g", type->weight);
    for (int i = 0; i < LK_HOOK_COUNT_; i++) {
        if (type->hooks[i])
            lki_buf_printf(out, ", %s", lki_hook_name((enum lk_hook_kind)i));
    }
    if (type->def->help)
        lki_buf_printf(out, ", %s", type->def->help);
    place_add(out, &type->def->def, NULL);
    for (size_t i = 0; i < type->step_count; i++)
        step_add(out, type, &type->steps[i]);
}

static void param_add(struct lki_buf *out, const struct lki_param *param)
{
    const char *help = param->def->help;

    name_add(out, 2, param->name);
    if (param->def->required)
        lki_buf_str(out, "required");
    else
        lki_buf_printf(out, "default \"%s\"", param->value);
    if (help)
        lki_buf_printf(out, ": %s", help);
    lki_buf_char(out, '\n');
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
    for (size_t i = 0; i < model->resource_count; i++) {
        const struct lk_resource_def *def = model->resources[i];

        name_add(out, 2, def->def.name);
        lki_buf_printf(out, "%s  (%s:%d)\n", def->help ? def->help : "", lki_def_file(&def->def),
                       def->def.line);
    }
}

/* ---- as JSON ---- */

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

static void seconds_put(struct lki_buf *out, const char *key, int64_t ns)
{
    key_put(out, key);
    if (ns == LKI_NEVER)
        lki_json_write_null(out);
    else
        lki_json_write_double(out, (double)ns / (double)LKI_NS_PER_S);
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
    key_put(out, "function");
    lki_json_write_bool(out, delay->fn != NULL);
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
    seconds_put(out, "timeout_s", step->timeout_ns);
    close_put(out, '}');
}

static void type_put(struct lki_buf *out, const struct lki_vu_type *type)
{
    def_put(out, &type->def->def);
    number_put(out, "weight", type->weight);
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
    def_put(out, &param->def->def);
    key_put(out, "required");
    lki_json_write_bool(out, param->def->required);
    text_put(out, "value", param->def->required ? NULL : param->value);
    text_put(out, "help", param->def->help);
    close_put(out, '}');
}

static void json_write(struct lki_buf *out, const struct lki_model *model, const char *program)
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
    for (size_t i = 0; i < model->resource_count; i++) {
        def_put(out, &model->resources[i]->def);
        text_put(out, "help", model->resources[i]->help);
        close_put(out, '}');
    }
    close_put(out, ']');
    close_put(out, '}');
    lki_buf_char(out, '\n');
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
        json_write(&out, model, cli->program);
    else
        text_write(&out, model);
    status = lki_cli_answer(cli, &out);
    lki_buf_release(&out);
    lki_model_free(model);
    return status;
}
