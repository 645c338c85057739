#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/machine.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/reader.h"
#include "client/settings.h"
#include "user/arrivals.h"

/* A command line being read. */
struct line {
    struct lki_reader reader;
    size_t words_max;
    char **next; /* argument */
    char **end;
};

#define AT(member) offsetof(struct lki_options, member)

/* ---- the command line ---- */

/* Is the argument another option, and not the value of the one before it? Numbers say themselves
 * that they are negative; a file of such a name would come as a surprise. */
static bool is_option(const struct lki_option *before, const char *text)
{
    bool numeric = before->kind != LKI_OPTION_TEXT && before->kind != LKI_OPTION_PARAM;

    return text[0] == '-' && text[1] && !(numeric && strchr("0123456789.", text[1]));
}

/* An option was found. rest is what follows it in the same argument, NULL: nothing. */
static enum lk_err option_set(struct line *line, const struct lki_option *option,
                              const struct lki_spelling *as, const char *rest)
{
    struct lki_buf *message = line->reader.message;
    const char *value = rest;

    if (option->reach == LKI_REACH_VARIABLE)
        return lki_refuse(message, LKI_SPELLING_FMT ": %s", LKI_SPELLING_ARGS(as), option->hint);
    lki_reader_take(&line->reader, option, LKI_GIVEN_TYPED);
    if (option->kind == LKI_OPTION_SWITCH) {
        *(bool *)((char *)line->reader.options + option->offset) = true;
        return LK_OK;
    }
    if (!value && line->next < line->end && option->kind != LKI_OPTION_LATER)
        value = *line->next++;
    if (!value && option->kind != LKI_OPTION_LATER)
        return lki_refuse(message, LKI_SPELLING_FMT " needs a value; write " LKI_SPELLING_FMT " %s",
                          LKI_SPELLING_ARGS(as), LKI_SPELLING_ARGS(as), option->value);
    if (value && !rest && is_option(option, value))
        return lki_refuse(message,
                          LKI_SPELLING_FMT
                          " needs a value, but %.100s follows; write " LKI_SPELLING_FMT " %s",
                          LKI_SPELLING_ARGS(as), value, LKI_SPELLING_ARGS(as), option->value);
    return lki_value_set(line->reader.options, option, as, value, message);
}

static enum lk_err fail_unknown(struct line *line, const struct lki_spelling *as)
{
    struct lki_buf *message = line->reader.message;
    struct lki_nearest nearest;
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_nearest_init(&nearest, as->name, as->len);
    for (size_t i = 0; i < count && as->before[1]; i++) {
        if ((table[i].commands & line->reader.commands) && table[i].help)
            lki_nearest_offer(&nearest, table[i].name);
    }
    if (nearest.best)
        return lki_refuse(message, "unknown option " LKI_SPELLING_FMT "; did you mean --%s?",
                          LKI_SPELLING_ARGS(as), nearest.best);
    return lki_refuse(message, "unknown option " LKI_SPELLING_FMT "; --help lists them all",
                      LKI_SPELLING_ARGS(as));
}

/* The argument "--name" or "--name=value". */
static enum lk_err long_read(struct line *line, const char *text)
{
    const char *value = strchr(text, '=');
    struct lki_spelling as = {"--", text, value ? (size_t)(value - text) : strlen(text), " "};
    const struct lki_option *option = lki_option_find(line->reader.commands, text, as.len);

    if (!option)
        return fail_unknown(line, &as);
    if (value && !option->value)
        return lki_refuse(line->reader.message,
                          LKI_SPELLING_FMT " takes no value; leave %.100s away",
                          LKI_SPELLING_ARGS(&as), value);
    return option_set(line, option, &as, value ? value + 1 : NULL);
}

static bool ended(const struct lki_options *options)
{
    return options->help || options->version;
}

/* The argument "-u", "-u10", "-qu10" and so on, without its dash. */
static enum lk_err letters_read(struct line *line, const char *text)
{
    enum lk_err err = LK_OK;

    while (*text && !err && !ended(line->reader.options)) {
        struct lki_spelling as = {"-", text, 1, " "};
        const struct lki_option *option = lki_option_letter(line->reader.commands, *text);

        if (!option)
            return fail_unknown(line, &as);
        text++;
        err = option_set(line, option, &as, option->value && *text ? text : NULL);
        if (option->value)
            break;
    }
    return err;
}

static enum lk_err word_read(struct line *line, const char *text)
{
    struct lki_options *options = line->reader.options;

    if (options->word_count == line->words_max)
        return lki_refuse(line->reader.message,
                          "unexpected word '%.100s'; options begin with -, --help lists them",
                          text);
    options->words[options->word_count++] = text;
    return LK_OK;
}

static enum lk_err line_read(struct line *line)
{
    bool only_words = false;
    enum lk_err err = LK_OK;

    while (!err && line->next < line->end && !ended(line->reader.options)) {
        const char *text = *line->next++;

        if (only_words || text[0] != '-' || !text[1])
            err = word_read(line, text);
        else if (!strcmp(text, "--"))
            only_words = true;
        else if (text[1] == '-')
            err = long_read(line, text + 2);
        else
            err = letters_read(line, text + 1);
    }
    return err;
}

/* ---- what options mean for each other ---- */

/* Where the option of that member was given. */
static enum lki_level level_of(const struct lki_reader *reader, size_t offset)
{
    enum lki_level level = LKI_GIVEN_NOWHERE;
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (table[i].offset == offset && reader->given[i] > level)
            level = reader->given[i];
    }
    return level;
}

/* Stages have a length of their own, so what says how long the run is excludes them. */
static size_t excluded_by(const struct lki_option *option)
{
    if (option->offset == AT(stages))
        return AT(duration_ns);
    return option->offset == AT(duration_ns) ? AT(stages) : SIZE_MAX;
}

bool lki_reader_take(struct lki_reader *reader, const struct lki_option *option,
                     enum lki_level level)
{
    size_t count;
    size_t at = (size_t)(option - lki_option_table(&count));

    if (reader->given[at] > level || level_of(reader, excluded_by(option)) > level)
        return false;
    reader->given[at] = level;
    return true;
}

static struct lki_plan plan_of(const struct lki_options *options)
{
    return (struct lki_plan){.users = options->users,
                             .rate_per_s = options->rate_per_s,
                             .rated = options->rated,
                             .stages = options->stages,
                             .stage_count = options->stage_count};
}

static enum lk_err stages_check(struct lki_reader *reader)
{
    struct lki_options *options = reader->options;
    struct lki_plan plan = plan_of(options);

    if (lki_plan_peak(&plan) <= 0)
        return lki_refuse(reader->message, "--stage: no stage leads to anything above 0; write a "
                                           "stage such as 30s:100");
    options->duration_ns = lki_plan_stages_ns(&plan);
    if (options->duration_ns == LKI_NEVER)
        return lki_refuse(reader->message, "--stage: all stages together are too long; give "
                                           "shorter ones");
    if (!options->duration_ns)
        return lki_refuse(reader->message, "--stage: no stage takes any time; write a stage such "
                                           "as 30s:100");
    return LK_OK;
}

static enum lk_err stages_settle(struct lki_reader *reader)
{
    struct lki_options *options = reader->options;

    if (!options->stage_count)
        return LK_OK;
    if (level_of(reader, AT(duration_ns)) == level_of(reader, AT(stages)))
        return lki_refuse(reader->message, "--duration goes with no --stage: stages have their own "
                                           "length; leave one of them out");
    if (level_of(reader, AT(rate_per_s)) && !options->rated)
        return lki_refuse(reader->message,
                          "--rate goes with no --stage of users; write the stages as rates, "
                          "30s:100/s, or leave --rate out");
    if (level_of(reader, AT(spawn_interval_ns)))
        return lki_refuse(reader->message, "--spawn-interval goes with no --stage: stages say how "
                                           "fast users come; leave one of them out");
    if (!options->rated && !level_of(reader, AT(users)))
        options->users = 0;
    return stages_check(reader);
}

/* How many users there will be at the most, and who carries them. */
static void users_settle(struct lki_reader *reader)
{
    struct lki_options *options = reader->options;
    struct lki_plan plan = plan_of(options);

    if (options->rated && !level_of(reader, AT(users)))
        plan.users = options->users = lki_arrivals_users(lki_plan_peak(&plan));
    options->population = lki_plan_population(&plan);
    if (!level_of(reader, AT(workers))) {
        options->workers = lki_machine_cpus();
        if (options->workers > options->population)
            options->workers = options->population;
    }
}

static enum lk_err settle(struct lki_reader *reader)
{
    struct lki_options *options = reader->options;
    enum lk_err err = stages_settle(reader);

    if (err)
        return err;
    if (!level_of(reader, AT(duration_ns)) && !options->stage_count &&
        (level_of(reader, AT(iterations)) || !options->duration_ns))
        options->duration_ns = LKI_NEVER;
    options->rated |= level_of(reader, AT(rate_per_s)) != LKI_GIVEN_NOWHERE;
    if (options->rated && level_of(reader, AT(spawn_interval_ns)))
        return lki_refuse(reader->message, "--spawn-interval goes with no --rate: iterations begin "
                                           "at the rate, whichever users are free; leave one of "
                                           "them out");
    users_settle(reader);
    if (level_of(reader, AT(arrival_wait_ns)) && !options->rated)
        return lki_refuse(reader->message, "--arrival-wait needs --rate; add -r N or leave it out");
    return LK_OK;
}

/* ---- HTTP ---- */

/* The option that sets the member of that name. */
static const char *http_option(const char *member, size_t len, char *name, size_t size)
{
    static const char *const others[] = {"engine", "version"};

    snprintf(name, size, "%.*s", (int)len, member);
    for (size_t i = 0; i < LKI_COUNT(others); i++) {
        if (!strcmp(name, others[i]))
            snprintf(name, size, "http-%s", others[i]);
    }
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    return name;
}

/* What is wrong begins with the name of a member. */
static enum lk_err http_refuse(struct lki_reader *reader, const struct lki_buf *what)
{
    const char *colon = memchr(what->data, ':', what->len);
    size_t len = colon ? (size_t)(colon - what->data) : 0;
    char spelled[LKI_VARIABLE_BYTES + 2] = "--";
    size_t count;
    const struct lki_option *table = lki_option_table(&count);
    const char *name = http_option(what->data, len, spelled + 2, sizeof(spelled) - 2);

    for (size_t i = 0; i < count; i++) {
        if (reader->given[i] == LKI_GIVEN_IN_ENVIRONMENT && !strcmp(table[i].name, name)) {
            lki_environment_name(&table[i], spelled);
            break;
        }
    }
    return lki_refuse(reader->message, "%s%.*s", spelled, (int)(what->len - len), what->data + len);
}

/* Elsewhere it is the workers that read them. */
static enum lk_err http_files_check(struct lki_reader *reader)
{
    const struct lk_http_settings *http = &reader->options->http;
    const char *const files[][2] = {
        {"ca-file", http->ca_file}, {"cert-file", http->cert_file}, {"key-file", http->key_file}};

    for (size_t i = 0; i < LKI_COUNT(files); i++) {
        if (files[i][1] && access(files[i][1], R_OK))
            return lki_refuse(reader->message,
                              "--%s %.200s: it cannot be read (%s); name another file", files[i][0],
                              files[i][1], strerror(errno));
    }
    return LK_OK;
}

static enum lk_err http_write(struct lki_options *options, struct lki_buf *text)
{
    lki_buf_clear(text);
    lki_http_settings_write(&options->http, text);
    if (text->len && !text->err)
        options->http_text = lki_arena_copy(&options->arena, text->data, text->len);
    return text->err || (text->len && !options->http_text) ? LK_E_NOMEM : LK_OK;
}

static enum lk_err http_settle(struct lki_reader *reader)
{
    const struct lk_http_settings *http = &reader->options->http;
    struct lki_buf what;
    enum lk_err err;

    if (level_of(reader, AT(http.proxy)) == LKI_GIVEN_TYPED && strchr(http->proxy, '@'))
        return lki_refuse(reader->message,
                          "--proxy: a user and its password can be seen by others on this machine "
                          "when they are typed; put the URL into the variable LK_PROXY");
    lki_buf_init(&what, LKI_HTTP_SETTINGS_MAX);
    err = lki_http_settings_check(http, &what);
    if (err == LK_E_ARG)
        http_refuse(reader, &what);
    if (!err && !(reader->commands & LKI_CMD_TEST_START))
        err = http_files_check(reader);
    if (!err)
        err = http_write(reader->options, &what);
    lki_buf_release(&what);
    return err;
}

/* ---- all of it ---- */

static void given_keep(struct lki_reader *reader)
{
    for (size_t i = 0; i < LKI_OPTIONS_MAX; i++)
        reader->options->given |= (uint64_t)(reader->given[i] != LKI_GIVEN_NOWHERE) << i;
}

bool lki_options_has(const struct lki_options *options, size_t offset)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (table[i].offset == offset && (options->given >> i & 1))
            return true;
    }
    return false;
}

enum lk_err lki_options_read(struct lki_options *options, unsigned commands, size_t words_max,
                             int argc, char **argv, struct lki_buf *message)
{
    struct line line = {.reader = {.options = options, .commands = commands, .message = message},
                        .words_max = words_max,
                        .next = argv,
                        .end = argv + argc};
    enum lk_err err;

    *options = (struct lki_options){0};
    lki_arena_init(&options->arena, NULL, 0);
    lki_values_default(options, commands);
    err = line_read(&line);
    if (!err && !ended(options))
        err = lki_environment_read(&line.reader);
    if (!err && !ended(options))
        err = lki_config_read(&line.reader);
    if (!err && !ended(options) && (commands & (LKI_CMD_RUN | LKI_CMD_TEST_START)))
        err = settle(&line.reader);
    if (!err && !ended(options))
        err = http_settle(&line.reader);
    given_keep(&line.reader);
    if (err)
        lki_options_release(options);
    return err;
}

void lki_options_release(struct lki_options *options)
{
    free(options->params);
    free(options->file_params);
    free(options->stages);
    free(options->resolve);
    lki_arena_reset(&options->arena);
    options->params = NULL;
    options->file_params = NULL;
    options->stages = NULL;
    options->resolve = NULL;
    options->param_count = options->file_param_count = options->stage_count = 0;
    options->resolve_count = 0;
}
