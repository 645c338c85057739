#include "model/param.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/fault.h"

/* Names that a line lists at most. */
#define LISTED_MAX 12

static const struct type {
    const char *name;
    const char *hint;
} types[] = {
    [LK_STRING] = {"LK_STRING", "any text"},
    [LK_INT] = {"LK_INT", "a whole number such as 42, -1 or 10k"},
    [LK_DOUBLE] = {"LK_DOUBLE", "a number such as 0.5, -2 or 1e6"},
    [LK_BOOL] = {"LK_BOOL", "true or false"},
    [LK_SECONDS] = {"LK_SECONDS", "a time such as 1.5, 250ms or 1h30m"},
};

const char *lki_param_type_name(enum lk_param_type type)
{
    return (size_t)type < LKI_COUNT(types) ? types[type].name : "";
}

const char *lki_param_type_hint(enum lk_param_type type)
{
    return (size_t)type < LKI_COUNT(types) ? types[type].hint : "";
}

/* ---- texts to values ---- */

static enum lk_err int_read(const char *text, int64_t *value, const char **why)
{
    bool negative = *text == '-';
    uint64_t magnitude;
    enum lk_err err;

    if (negative && (text[1] < '0' || text[1] > '9')) {
        *why = "a number was expected";
        return LK_E_FORMAT;
    }
    err = lki_text_count(text + negative, &magnitude, why);
    if (!err && magnitude > (uint64_t)INT64_MAX + negative) {
        *why = negative ? "it is too small" : "it is too large";
        err = LK_E_LIMIT;
    }
    if (!err)
        *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return err;
}

static enum lk_err double_read(const char *text, double *value, const char **why)
{
    size_t len = strlen(text);
    enum lk_err err = LK_E_FORMAT;

    if (!len)
        *why = "it is empty";
    else if (lki_decimal_end(text, text + len) != text + len)
        *why = "a number was expected";
    else if ((err = lki_decimal_double(text, len, value)))
        *why = "it is too large";
    return err;
}

static enum lk_err bool_read(const char *text, int64_t *value, const char **why)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

    for (size_t i = 0; i < LKI_COUNT(words); i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (strcasecmp(text, words[i][truth]) != 0)
                continue;
            *value = truth;
            return LK_OK;
        }
    }
    *why = *text ? "true or false was expected" : "it is empty";
    return LK_E_FORMAT;
}

static enum lk_err seconds_read(const char *text, double *value, const char **why)
{
    int64_t ns;
    enum lk_err err = lki_text_duration(text, &ns, why);

    if (!err)
        *value = (double)ns / (double)LKI_NS_PER_S;
    return err;
}

enum lk_err lki_param_read(struct lki_param *param, const char *text, const char **why)
{
    enum lk_err err = LK_OK;

    switch (param->def->type) {
    case LK_STRING:
        break;
    case LK_INT:
        err = int_read(text, &param->integer, why);
        break;
    case LK_DOUBLE:
        err = double_read(text, &param->number, why);
        break;
    case LK_BOOL:
        err = bool_read(text, &param->integer, why);
        break;
    case LK_SECONDS:
        err = seconds_read(text, &param->number, why);
        break;
    }
    if (!err)
        param->value = text;
    return err;
}

/* ---- what was given ---- */

/* Says that there is no parameter of that name, and which there are. */
static void fault_unknown(const struct lki_model *model, const char *name, size_t len,
                          struct lki_faults *faults)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, name, len);
    for (size_t i = 0; i < model->param_count; i++)
        lki_nearest_offer(&nearest, model->params[i].name);
    lki_fault_begin(faults, NULL);
    lki_fault_add(faults, "unknown parameter '%.*s'", (int)lki_min(len, 100), name);
    lki_fault_suggest(faults, &nearest);
    if (!model->param_count)
        lki_fault_add(faults, "; this program has no parameters");
    for (size_t i = 0; i < lki_min(model->param_count, LISTED_MAX); i++)
        lki_fault_add(faults, "%s%s%s",
                      i              ? ", "
                      : nearest.best ? " there is "
                                     : "; there is ",
                      model->params[i].name, model->params[i].def->required ? " (required)" : "");
    if (model->param_count > LISTED_MAX)
        lki_fault_add(faults, ", and others: see `list`");
    lki_fault_end(faults);
}

/* How a user gives that parameter, as the middle of a line. */
static void way_add(const struct lk_param_def *def, struct lki_faults *faults)
{
    const char *name = def->def.name;

    if (def->secret)
        lki_fault_add(faults, "-p %s=@FILE, or in the variable LK_PARAM_%s", name, name);
    else
        lki_fault_add(faults, "-p %s=VALUE", name);
}

static void fault_value(const struct lki_param *param, const char *value, const char *from,
                        const char *why, struct lki_faults *faults)
{
    lki_fault_begin(faults, NULL);
    if (param->def->secret)
        lki_fault_add(faults, "parameter %s is secret and not shown", param->name);
    else
        lki_fault_add(faults, "parameter %s is '%.100s'", param->name, value);
    if (from)
        lki_fault_add(faults, " (from %s)", from);
    lki_fault_add(faults, ": %s; give %s", why, lki_param_type_hint(param->def->type));
    lki_fault_end(faults);
}

static void fault_empty(const struct lki_param *param, const char *from, struct lki_faults *faults)
{
    lki_fault_begin(faults, NULL);
    lki_fault_add(faults, "parameter %s is required but ", param->name);
    if (from)
        lki_fault_add(faults, "empty in %s; write it there", from);
    else
        lki_fault_add(faults, "given empty; write %s=VALUE", param->name);
    lki_fault_end(faults);
}

/* Returns false when text names no parameter. */
static bool param_set(struct lki_model *model, const char *text, const char *from,
                      struct lki_faults *faults)
{
    const char *value = strchr(text, '=');
    size_t len = value ? (size_t)(value - text) : strlen(text);
    struct lki_param *param = lki_map_get(&model->param_names, text, len);
    const char *why;

    if (!param) {
        fault_unknown(model, text, len, faults);
        return false;
    }
    if (!value)
        lki_fault(faults, NULL, "parameter %s has no value; write %s=%s", text, text,
                  param->def->secret ? "@FILE" : "VALUE");
    else if (param->given)
        lki_fault(faults, NULL, "parameter %s is given twice; give it once", param->name);
    else if (param->def->required && !value[1])
        fault_empty(param, from, faults);
    else if (lki_param_read(param, value + 1, &why))
        fault_value(param, value + 1, from, why, faults);
    param->given = true;
    return true;
}

static void fault_missing(const struct lk_param_def *def, struct lki_faults *faults)
{
    lki_fault_begin(faults, &def->def);
    lki_fault_add(faults, "parameter %s is required; give it with ", def->def.name);
    way_add(def, faults);
    if (def->help)
        lki_fault_add(faults, " (%s)", def->help);
    lki_fault_end(faults);
}

/* Are they all known? */
static bool params_set(struct lki_model *model, const char *const *texts, const char *const *from,
                       size_t count, struct lki_faults *faults)
{
    bool all_known = true;

    for (size_t i = 0; i < count; i++)
        all_known &= param_set(model, texts[i], from ? from[i] : NULL, faults);
    return all_known;
}

enum lk_err lki_model_set_some_params(struct lki_model *model, const char *const *texts,
                                      const char *const *from, size_t count,
                                      struct lki_buf *problems)
{
    struct lki_faults faults;

    lki_faults_init(&faults, problems);
    params_set(model, texts, from, count, &faults);
    return lki_faults_result(&faults);
}

enum lk_err lki_model_set_params_from(struct lki_model *model, const char *const *texts,
                                      const char *const *from, size_t count,
                                      struct lki_buf *problems)
{
    struct lki_faults faults;
    bool all_known;

    lki_faults_init(&faults, problems);
    all_known = params_set(model, texts, from, count, &faults);
    /* a misspelt name is why the right one is missing: that is one problem, not two */
    for (size_t i = 0; i < model->param_count && all_known; i++) {
        if (model->params[i].def->required && !model->params[i].given)
            fault_missing(model->params[i].def, &faults);
    }
    return lki_faults_result(&faults);
}

enum lk_err lki_model_set_params(struct lki_model *model, const char *const *texts, size_t count,
                                 struct lki_buf *problems)
{
    return lki_model_set_params_from(model, texts, NULL, count, problems);
}
