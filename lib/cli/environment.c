#include "cli/environment.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/reader.h"

#define PREFIX "LK_"
#define PARAM_PREFIX "LK_PARAM_"
#define NAME_MAX_BYTES (LKI_VARIABLE_BYTES - 3)

extern char **environ;

/* "no-color" to "NO_COLOR". */
static void variable_of(const char *option, char name[NAME_MAX_BYTES])
{
    size_t i = 0;

    for (; i < NAME_MAX_BYTES - 1 && option[i]; i++)
        name[i] = option[i] == '-' ? '_' : (char)toupper((unsigned char)option[i]);
    name[i] = '\0';
}

/* And back. False: no option has such a name. */
static bool option_of(const char *name, size_t len, char *option)
{
    if (len >= NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        option[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    option[len] = '\0';
    return true;
}

/* ---- what they say ---- */

/* Each of several values, which stand behind each other with commas or blanks between them. */
static enum lk_err values_set(struct lki_reader *reader, const struct lki_option *option,
                              const struct lki_spelling *as, char *values)
{
    char *rest = NULL;
    enum lk_err err = LK_OK;

    for (char *value = strtok_r(values, ", \t\n", &rest); value && !err;
         value = strtok_r(NULL, ", \t\n", &rest))
        err = lki_value_set(reader->options, option, as, value, reader->message);
    return err;
}

void lki_environment_name(const struct lki_option *option, char name[LKI_VARIABLE_BYTES])
{
    memcpy(name, PREFIX, strlen(PREFIX));
    variable_of(option->name, name + strlen(PREFIX));
}

/* One that is empty is as good as none: that is how a script unsets what it has been given. */
static enum lk_err variable_read(struct lki_reader *reader, const struct lki_option *option)
{
    char name[LKI_VARIABLE_BYTES];
    struct lki_spelling as = {PREFIX, name + strlen(PREFIX), 0, "="};
    const char *value;
    char *copy;

    lki_environment_name(option, name);
    as.len = strlen(as.name);
    value = getenv(name);
    if (!value || !*value || !lki_reader_take(reader, option, LKI_GIVEN_IN_ENVIRONMENT))
        return LK_OK;
    copy = lki_arena_copy(&reader->options->arena, value, strlen(value));
    if (!copy)
        return LK_E_NOMEM;
    if (lki_option_repeats(option))
        return values_set(reader, option, &as, copy);
    return lki_value_set(reader->options, option, &as, copy, reader->message);
}

enum lk_err lki_environment_read(struct lki_reader *reader)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);
    enum lk_err err = LK_OK;

    for (size_t i = 0; i < count && !err; i++) {
        if ((table[i].commands & reader->commands) && table[i].reach != LKI_REACH_TYPED)
            err = variable_read(reader, &table[i]);
    }
    return err;
}

/* ---- what they may have been meant to say ---- */

static void param_note(const struct lki_model *model, const char *name, size_t len,
                       struct lki_buf *notes)
{
    struct lki_nearest nearest;

    if (lki_map_get(&model->param_names, name, len))
        return;
    lki_nearest_init(&nearest, name, len);
    for (size_t i = 0; i < model->param_count; i++)
        lki_nearest_offer(&nearest, model->params[i].name);
    if (nearest.best)
        lki_buf_printf(notes,
                       "the variable " PARAM_PREFIX
                       "%.*s names no parameter; did you mean " PARAM_PREFIX "%s?\n",
                       (int)len, name, nearest.best);
}

static void option_note(const char *name, size_t len, struct lki_buf *notes)
{
    char option[NAME_MAX_BYTES];
    char variable[NAME_MAX_BYTES];
    struct lki_nearest nearest;
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    if (!option_of(name, len, option))
        return;
    lki_nearest_init(&nearest, option, len);
    for (size_t i = 0; i < count; i++) {
        if (table[i].reach == LKI_REACH_TYPED)
            continue;
        if (!strcmp(table[i].name, option))
            return;
        lki_nearest_offer(&nearest, table[i].name);
    }
    if (!nearest.best)
        return;
    variable_of(nearest.best, variable);
    lki_buf_printf(notes,
                   "the variable " PREFIX "%.*s names no option; did you mean " PREFIX "%s?\n",
                   (int)len, name, variable);
}

/* What stands behind prefix in a variable's name, which is len bytes long. NULL: it has another. */
static const char *name_behind(const char *variable, const char *prefix, size_t *len)
{
    size_t prefix_len = strlen(prefix);
    size_t all = strcspn(variable, "=");

    if (all <= prefix_len || strncmp(variable, prefix, prefix_len) != 0)
        return NULL;
    *len = all - prefix_len;
    return variable + prefix_len;
}

static bool looks_at_any(unsigned commands)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & commands) && table[i].reach != LKI_REACH_TYPED)
            return true;
    }
    return false;
}

void lki_environment_option_notes(unsigned commands, struct lki_buf *notes)
{
    size_t len;

    for (char **at = environ; looks_at_any(commands) && at && *at; at++) {
        const char *name = name_behind(*at, PREFIX, &len);

        if (name && !name_behind(*at, PARAM_PREFIX, &len))
            option_note(name, len, notes);
    }
}

void lki_environment_param_notes(const struct lki_model *model, struct lki_buf *notes)
{
    size_t len;

    for (char **at = environ; at && *at; at++) {
        const char *name = name_behind(*at, PARAM_PREFIX, &len);

        if (name)
            param_note(model, name, len, notes);
    }
}

/* ---- what was said ---- */

static bool is_option(const char *name, size_t len, unsigned commands)
{
    char option[NAME_MAX_BYTES];
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    if (!option_of(name, len, option))
        return false;
    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & commands) && table[i].reach != LKI_REACH_TYPED &&
            !strcmp(table[i].name, option))
            return true;
    }
    return false;
}

void lki_environment_each(const struct lki_model *model, unsigned commands,
                          void (*each)(const char *variable, bool secret, void *arg), void *arg)
{
    size_t len;

    for (char **at = environ; at && *at; at++) {
        const char *param = name_behind(*at, PARAM_PREFIX, &len);
        const char *option = param ? NULL : name_behind(*at, PREFIX, &len);
        const struct lki_param *known = param ? lki_map_get(&model->param_names, param, len) : NULL;

        if (known || (option && option[len + 1] && is_option(option, len, commands)))
            each(*at, known && known->def->secret, arg);
    }
}
