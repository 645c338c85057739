#include "cli/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/file.h"
#include "model/fault.h"

/* The parameters on their way to the model. */
struct reader {
    struct lki_arena *arena;
    const struct lki_model *model;
    bool foreign; /* they are for another program: names that the model does not have pass */
    struct lki_faults faults;
    const char **texts; /* "name=value" */
    const char **from;  /* where the value stood; NULL: typed */
    size_t count;
};

/* One text behind the other, in memory of the run, or NULL. */
static char *joined(struct reader *reader, const char *a, size_t a_len, const char *b, size_t b_len)
{
    char *text = lki_arena_alloc(reader->arena, a_len + b_len + 1);

    if (text) {
        memcpy(text, a, a_len);
        memcpy(text + a_len, b, b_len);
        text[a_len + b_len] = '\0';
    }
    return text;
}

/* Adds "name=value", or NULL for want of memory. from NULL: it was typed. */
static enum lk_err text_add(struct reader *reader, const char *text, const char *from)
{
    if (!text)
        return LK_E_NOMEM;
    reader->from[reader->count] = from;
    reader->texts[reader->count++] = text;
    return LK_OK;
}

/* The same for a text whose value stood in "the file " or "the variable " of that name. */
static enum lk_err found_add(struct reader *reader, const char *text, const char *where,
                             const char *name)
{
    const char *from = joined(reader, where, strlen(where), name, strlen(name));

    return from ? text_add(reader, text, from) : LK_E_NOMEM;
}

/* ---- from files ---- */

/* text is "name=@path", head_len the length of "name=". A new-line at the end of the file is not
 * part of the value: editors put it there. */
static enum lk_err file_add(struct reader *reader, const char *text, size_t head_len)
{
    const char *path = text + head_len + 1;
    struct lki_buf content;
    const char *problem;
    enum lk_err err = LK_OK;

    problem = lki_file_read(path, &content);
    if (content.err == LK_E_NOMEM) {
        err = LK_E_NOMEM;
    } else if (problem) {
        lki_fault(&reader->faults, NULL,
                  "parameter %.*s: cannot read the file '%.200s': %s; name another one, or write "
                  "@@ for a value that begins with @",
                  (int)head_len - 1, text, path, problem);
    } else {
        size_t len = content.len;

        if (len && content.data[len - 1] == '\n')
            len--;
        if (len < content.len && len && content.data[len - 1] == '\r')
            len--;
        err = found_add(reader, joined(reader, text, head_len, len ? content.data : "", len),
                        "the file ", path);
    }
    lki_buf_release(&content);
    return err;
}

/* The file that a text names as its value, or a text whose value begins with @. False: neither. */
static bool at_add(struct reader *reader, const char *text, const char *from, enum lk_err *err)
{
    const char *value = strchr(text, '=');
    size_t head_len = value ? (size_t)(value - text) + 1 : 0;

    if (!value || value[1] != '@')
        return false;
    if (value[2] != '@')
        *err = file_add(reader, text, head_len);
    else
        *err = text_add(reader, joined(reader, text, head_len, value + 2, strlen(value + 2)), from);
    return true;
}

/* ---- from the command line ---- */

static const struct lki_param *param_of(const struct reader *reader, const char *text)
{
    return lki_map_get(&reader->model->param_names, text, strcspn(text, "="));
}

/* Is this name among the texts from first on? */
static bool is_among(const struct reader *reader, size_t first, size_t end, const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = first; i < end; i++) {
        if (!strncmp(reader->texts[i], text, len) && strchr("=", reader->texts[i][len]))
            return true;
    }
    return false;
}

/* What a model would have told. */
static bool foreign_check(struct reader *reader, const char *text)
{
    int len = (int)lki_min(strcspn(text, "="), 100);

    if (*text == '=' || !*text)
        lki_fault(&reader->faults, NULL, "a parameter has no name; write NAME=VALUE");
    else if (!strchr(text, '='))
        lki_fault(&reader->faults, NULL, "parameter %.*s has no value; write %.*s=VALUE", len, text,
                  len, text);
    else if (is_among(reader, 0, reader->count, text))
        lki_fault(&reader->faults, NULL, "parameter %.*s is given twice; give it once", len, text);
    else
        return true;
    return false;
}

static enum lk_err typed_add(struct reader *reader, const char *text)
{
    const struct lki_param *param = param_of(reader, text);
    enum lk_err err;

    if (reader->foreign && !foreign_check(reader, text))
        return LK_OK;
    if (!reader->foreign && (!param || !strchr(text, '='))) /* the model tells it */
        return text_add(reader, text, NULL);
    if (at_add(reader, text, NULL, &err))
        return err;
    if (!param || !param->def->secret)
        return text_add(reader, text, NULL);
    lki_fault(&reader->faults, NULL, LKI_PARAM_SHOWN, param->name, param->name, param->name);
    return LK_OK;
}

/* ---- from the environment ---- */

static bool is_typed(const struct lki_options *options, const char *name, size_t len)
{
    for (size_t i = 0; i < options->param_count; i++) {
        const char *text = options->params[i];

        if (!strncmp(text, name, len) && (text[len] == '=' || !text[len]))
            return true;
    }
    return false;
}

static enum lk_err variable_add(struct reader *reader, const char *name)
{
    static const char prefix[] = "LK_PARAM_";
    size_t name_len = strlen(name);
    char *variable = joined(reader, prefix, strlen(prefix), name, name_len);
    const char *value = variable ? getenv(variable) : NULL;
    char *head;

    if (!value)
        return variable ? LK_OK : LK_E_NOMEM;
    head = joined(reader, name, name_len, "=", 1);
    if (!head)
        return LK_E_NOMEM;
    return found_add(reader, joined(reader, head, name_len + 1, value, strlen(value)),
                     "the variable ", variable);
}

/* ---- from the configuration file ---- */

static void fault_unknown(struct reader *reader, const struct lki_file_param *param)
{
    int len = (int)lki_min(strcspn(param->text, "="), 100);
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, param->text, strcspn(param->text, "="));
    for (size_t i = 0; i < reader->model->param_count; i++)
        lki_nearest_offer(&nearest, reader->model->params[i].name);
    lki_fault_begin(&reader->faults, NULL);
    lki_fault_add(&reader->faults, "unknown parameter '%.*s' (from %s)", len, param->text,
                  param->from);
    if (!lki_fault_suggest(&reader->faults, &nearest))
        lki_fault_add(&reader->faults, "; `list` shows them all");
    lki_fault_end(&reader->faults);
}

/* What stands above the file counts more: there were above_count texts. */
static enum lk_err config_add(struct reader *reader, const struct lki_file_param *param,
                              size_t above_count, const struct lki_options *options)
{
    size_t len = strcspn(param->text, "=");
    enum lk_err err = LK_OK;

    if (!reader->foreign && !param_of(reader, param->text))
        fault_unknown(reader, param);
    else if (is_among(reader, above_count, reader->count, param->text))
        lki_fault(&reader->faults, NULL, "parameter %.*s is given twice, again in %s; give it once",
                  (int)lki_min(len, 100), param->text, param->from);
    else if (!is_typed(options, param->text, len) &&
             !is_among(reader, 0, above_count, param->text) &&
             !at_add(reader, param->text, param->from, &err))
        err = text_add(reader, param->text, param->from);
    return err;
}

/* ---- all of them ---- */

static enum lk_err texts_gather(struct reader *reader, const struct lki_options *options)
{
    const struct lki_model *model = reader->model;
    enum lk_err err = LK_OK;
    size_t above_count;

    for (size_t i = 0; i < options->param_count && !err; i++)
        err = typed_add(reader, options->params[i]);
    for (size_t i = 0; i < model->param_count && !err; i++) {
        if (!is_typed(options, model->params[i].name, strlen(model->params[i].name)))
            err = variable_add(reader, model->params[i].name);
    }
    above_count = reader->count;
    for (size_t i = 0; i < options->file_param_count && !err; i++)
        err = config_add(reader, &options->file_params[i], above_count, options);
    return err;
}

static enum lk_err reader_run(struct reader *reader, struct lki_params *params,
                              const struct lki_options *options, struct lki_buf *problems)
{
    size_t most = options->param_count + reader->model->param_count + options->file_param_count;
    enum lk_err err;

    lki_arena_init(&params->arena, NULL, 0);
    reader->arena = &params->arena;
    lki_faults_init(&reader->faults, problems);
    reader->texts = lki_arena_alloc(&params->arena, most * sizeof(*reader->texts));
    reader->from = lki_arena_alloc(&params->arena, most * sizeof(*reader->from));
    if (!reader->texts || !reader->from)
        return LK_E_NOMEM;
    err = texts_gather(reader, options);
    return err ? err : lki_faults_result(&reader->faults);
}

enum lk_err lki_params_set(struct lki_params *params, const struct lki_options *options,
                           struct lki_model *model, struct lki_buf *problems)
{
    struct reader reader = {.model = model};
    enum lk_err err = reader_run(&reader, params, options, problems);

    if (!err)
        err = lki_model_set_params_from(model, reader.texts, reader.from, reader.count, problems);
    return err;
}

enum lk_err lki_params_set_some(struct lki_params *params, const struct lki_options *options,
                                struct lki_model *model, struct lki_buf *problems)
{
    struct reader reader = {.model = model};
    enum lk_err err = reader_run(&reader, params, options, problems);

    if (!err)
        err = lki_model_set_some_params(model, reader.texts, reader.from, reader.count, problems);
    params->texts = reader.texts;
    params->count = err ? 0 : reader.count;
    return err;
}

enum lk_err lki_params_gather(struct lki_params *params, const struct lki_options *options,
                              const struct lki_model *model, struct lki_buf *problems)
{
    struct reader reader = {.model = model, .foreign = true};
    enum lk_err err = reader_run(&reader, params, options, problems);

    params->texts = reader.texts;
    params->count = err ? 0 : reader.count;
    return err;
}

void lki_params_release(struct lki_params *params)
{
    lki_arena_reset(&params->arena);
}
