/*
 * The configuration file: a line for each option, NAME = VALUE, and for each parameter, param NAME
 * = VALUE. A # at the beginning of a line makes it a comment, but not elsewhere: values have them.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/file.h"
#include "cli/reader.h"

#define PARAM_WORD "param"

struct config {
    struct lki_reader *reader;
    const char *path;
    unsigned line;
    char where[256];                      /* "shop.conf:3: " */
    unsigned first_line[LKI_OPTIONS_MAX]; /* on which an option was given; 0: not yet */
};

/* Takes away the blanks around text, in place. */
static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

/* ---- names ---- */

/* May it stand in a file, as far as any command goes? */
static bool has_place(const struct lki_option *option)
{
    return option->reach == LKI_REACH_ALL && option->kind != LKI_OPTION_LATER;
}

static enum lk_err fail_unknown(struct config *config, const char *name)
{
    struct lki_nearest nearest;
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    if (!strcmp(name, "init-param") || !strcmp(name, "p"))
        return lki_refuse(config->reader->message,
                          "%sparameters are written " PARAM_WORD " NAME = VALUE", config->where);
    lki_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < count; i++) {
        if (has_place(&table[i]))
            lki_nearest_offer(&nearest, table[i].name);
    }
    lki_nearest_offer(&nearest, PARAM_WORD);
    if (nearest.best)
        return lki_refuse(config->reader->message, "%sunknown name '%.100s'; did you mean %s?",
                          config->where, name, nearest.best);
    return lki_refuse(config->reader->message,
                      "%sunknown name '%.100s'; names are those of the long options, or " PARAM_WORD
                      " NAME",
                      config->where, name);
}

/* The option of that name, which must be able to stand here; of several that of the command; NULL:
 * there is none. */
static const struct lki_option *option_find(const struct config *config, const char *name)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);
    const struct lki_option *own = lki_option_find(config->reader->commands, name, strlen(name));

    if (own && has_place(own))
        return own;
    for (size_t i = 0; i < count; i++) {
        if (has_place(&table[i]) && !strcmp(table[i].name, name))
            return &table[i];
    }
    return NULL;
}

/* ---- lines ---- */

static enum lk_err once_check(struct config *config, const struct lki_option *option)
{
    size_t count;
    unsigned *first = &config->first_line[option - lki_option_table(&count)];

    if (*first && !lki_option_repeats(option))
        return lki_refuse(config->reader->message,
                          "%s%s stands in line %u already; leave one of them", config->where,
                          option->name, *first);
    *first = config->line;
    return LK_OK;
}

/* One of another command is left alone: several commands may share a file. */
static enum lk_err option_read(struct config *config, char *name, const char *value)
{
    struct lki_reader *reader = config->reader;
    struct lki_spelling as = {config->where, name, strlen(name), " = "};
    const struct lki_option *option;
    enum lk_err err;

    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    option = option_find(config, name);
    if (!option)
        return fail_unknown(config, name);
    err = once_check(config, option);
    if (err || !(option->commands & reader->commands) ||
        !lki_reader_take(reader, option, LKI_GIVEN_IN_FILE))
        return err;
    return lki_value_set(reader->options, option, &as, value, reader->message);
}

/* "the file shop.conf, line 3" */
static char *place_write(struct config *config)
{
    struct lki_buf place;
    char *copy = NULL;

    lki_buf_init(&place, sizeof(config->where) + 100);
    lki_buf_printf(&place, "the file %.200s, line %u", config->path, config->line);
    if (!place.err)
        copy = lki_arena_copy(&config->reader->options->arena, place.data, place.len);
    lki_buf_release(&place);
    return copy;
}

static enum lk_err param_read(struct config *config, const char *name, const char *value)
{
    struct lki_options *options = config->reader->options;
    struct lki_file_param param = {lki_arena_join(&options->arena, name, '=', value),
                                   place_write(config)};
    struct lki_file_param *params;

    if (!*name || name[strcspn(name, " \t")])
        return lki_refuse(config->reader->message,
                          "%sa parameter is written " PARAM_WORD " NAME = VALUE", config->where);
    if (!param.text || !param.from)
        return LK_E_NOMEM;
    params = realloc(options->file_params, (options->file_param_count + 1) * sizeof(*params));
    if (!params)
        return LK_E_NOMEM;
    options->file_params = params;
    params[options->file_param_count++] = param;
    return LK_OK;
}

static enum lk_err line_read(struct config *config, char *line)
{
    size_t word_len = strlen(PARAM_WORD);
    char *value = strchr(line, '=');

    line = trim(line);
    if (!*line || *line == '#')
        return LK_OK;
    if (!value)
        return lki_refuse(config->reader->message, "%s'%.*s' has no value; write NAME = VALUE",
                          config->where, (int)lki_min(strcspn(line, " \t"), 100), line);
    *value++ = '\0';
    value = trim(value);
    line = trim(line);
    if (!strncmp(line, PARAM_WORD, word_len) &&
        (!line[word_len] || isspace((unsigned char)line[word_len])))
        return param_read(config, trim(line + word_len), value);
    return option_read(config, line, value);
}

/* ---- the file ---- */

/* The lines of text, which is taken to pieces. */
static enum lk_err lines_read(struct config *config, char *text)
{
    enum lk_err err = LK_OK;

    if (!strncmp(text, "\xef\xbb\xbf", 3)) /* some editors put a mark there */
        text += 3;
    while (text && !err) {
        char *line = text;

        text = strchr(line, '\n');
        if (text)
            *text++ = '\0';
        config->line++;
        snprintf(config->where, sizeof(config->where), "%.200s:%u: ", config->path, config->line);
        err = line_read(config, line);
    }
    return err;
}

enum lk_err lki_config_read(struct lki_reader *reader)
{
    struct config config = {.reader = reader, .path = reader->options->config_file};
    struct lki_buf content;
    const char *problem;
    char *text = NULL;
    enum lk_err err = LK_OK;

    if (!config.path)
        return LK_OK;
    problem = lki_file_read(config.path, &content);
    if (problem && content.err != LK_E_NOMEM)
        err = lki_refuse(reader->message,
                         "cannot read the configuration file '%.200s': %s; name another one",
                         config.path, problem);
    else if (content.err != LK_E_NOMEM)
        text = lki_arena_copy(&reader->options->arena, content.len ? content.data : "",
                              content.len);
    if (!err && !text)
        err = LK_E_NOMEM;
    lki_buf_release(&content);
    return err ? err : lines_read(&config, text);
}
