#include "cli/environment.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/reader.h"

#define PREFIX "LK_"
#define PARAM_PREFIX "LK_PARAM_"
#define NAME_MAX_BYTES 64

extern char **environ;

/* "no-color" to "NO_COLOR". */
static void variable_of(const char *option, char *name)
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

/* One that is empty is as good as none: that is how a script unsets what it has been given. */
static enum lk_err variable_read(struct lki_reader *reader, const struct lki_option *option)
{
    char name[sizeof(PREFIX) + NAME_MAX_BYTES] = PREFIX;
    struct lki_spelling as = {PREFIX, name + strlen(PREFIX), 0, "="};
    const char *value;
    char *copy;

    variable_of(option->name, name + strlen(PREFIX));
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

void lki_environment_notes(const struct lki_model *model, struct lki_buf *notes)
{
    for (char **at = environ; at && *at; at++) {
        size_t len = strcspn(*at, "=");
        size_t option_at = strlen(PREFIX);
        size_t param_at = strlen(PARAM_PREFIX);

        if (len > param_at && !strncmp(*at, PARAM_PREFIX, param_at))
            param_note(model, *at + param_at, len - param_at, notes);
        else if (len > option_at && !strncmp(*at, PREFIX, option_at))
            option_note(*at + option_at, len - option_at, notes);
    }
}
