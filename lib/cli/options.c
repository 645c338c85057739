#include "cli/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "user/arrivals.h"

#define HELP_COLUMN 30

#define HINT_COUNT "give a whole number from 1, such as 100 or 10k"
#define HINT_RATE "give starts per second or minute, such as 200, 0.5/s or 30/m"
#define HINT_TIME "give a time such as 30s, 1h30m or 250ms"
#define NOT_YET " not in this version yet; "

enum option_kind {
    OPTION_SWITCH, /* bool */
    OPTION_COUNT,  /* uint64_t */
    OPTION_TIME,   /* int64_t nanoseconds */
    OPTION_RATE,   /* double, per second */
    OPTION_SEED,   /* uint64_t, and seed_given */
    OPTION_TEXT,   /* const char * */
    OPTION_PARAM,  /* added to params */
    OPTION_LATER   /* known, but refused with its hint */
};

struct option {
    const char *name;
    char letter;       /* 0: none */
    unsigned commands; /* bits */
    enum option_kind kind;
    size_t offset;     /* of its member in struct lki_options */
    const char *value; /* what help calls the value; NULL: it takes none */
    uint64_t min;      /* counts, and times in nanoseconds */
    uint64_t max;
    const char *otherwise; /* the default as it would be typed; NULL: zero */
    const char *hint;      /* what to do when the value is wrong; all there is to say if max is 0 */
    const char *help;      /* NULL: not shown */
};

#define AT(member) offsetof(struct lki_options, member)
#define EVERYWHERE (LKI_CMD_RUN | LKI_CMD_LIST | LKI_CMD_VERSION | LKI_CMD_HELP)

#define COUNT(field)                                                                               \
    .commands = LKI_CMD_RUN, .kind = OPTION_COUNT, .offset = AT(field), .value = "N"
#define TIME(field)                                                                                \
    .commands = LKI_CMD_RUN, .kind = OPTION_TIME, .offset = AT(field), .value = "TIME"
#define RATE(field) .commands = LKI_CMD_RUN, .kind = OPTION_RATE, .offset = AT(field), .value = "N"
#define SWITCH(field, where) .commands = (where), .kind = OPTION_SWITCH, .offset = AT(field)
#define LATER(arg) .commands = LKI_CMD_RUN, .kind = OPTION_LATER, .value = (arg)

static const struct option table[] = {
    {"users", 'u', COUNT(users), .min = 1, .max = LKI_USERS_MAX, .otherwise = "1",
     .hint = HINT_COUNT, .help = "virtual users at the same time"},
    {"duration", 'd', TIME(duration_ns), .min = 1, .max = LKI_NEVER, .otherwise = "10s",
     .hint = HINT_TIME, .help = "length; no limit with -i alone"},
    {"iterations", 'i', COUNT(iterations), .min = 1, .max = UINT64_MAX, .hint = HINT_COUNT,
     .help = "end after N iterations of all users"},
    {"rate", 'r', RATE(rate_per_s), .max = LKI_RATE_MAX, .hint = HINT_RATE,
     .help = "start N iterations a second (N/m: a minute)"},
    {"arrival-wait", TIME(arrival_wait_ns), .max = LKI_NEVER, .otherwise = "10s",
     .hint = "give a time such as 1s or 0s", .help = "with -r: how late one may start"},
    {"init-param", 'p', .commands = LKI_CMD_RUN, .kind = OPTION_PARAM, .offset = AT(params),
     .value = "NAME=VALUE", .help = "set a parameter, @FILE: from a file; repeatable"},
    {"seed", .commands = LKI_CMD_RUN, .kind = OPTION_SEED, .offset = AT(seed), .value = "N",
     .max = UINT64_MAX, .hint = "give a whole number from 0",
     .help = "draw the random numbers of that run again"},
    {"grace", TIME(grace_ns), .max = LKI_NEVER, .otherwise = "5s",
     .hint = "give a time such as 10s or 0s", .help = "time for steps in hand at the end"},
    {"workers", 'w', COUNT(workers), .max = 0, .otherwise = "0",
     .hint = "worker processes are" NOT_YET "use -w 0",
     .help = "worker processes; 0: none but this"},
    {"json", .commands = LKI_CMD_RUN, .kind = OPTION_TEXT, .offset = AT(json_file), .value = "FILE",
     .hint = "give a file name", .help = "write the result to FILE; -: standard output"},
    {"quiet", 'q', SWITCH(quiet, LKI_CMD_RUN), .help = "no progress and no report"},
    {"no-color", SWITCH(no_color, LKI_CMD_RUN),
     .help = "no colours; so does the variable NO_COLOR"},
    {"stage", 's', LATER("TIME:N"), .hint = "stages are" NOT_YET "use -u and -d"},
    {"threshold", LATER("EXPR"),
     .hint = "thresholds are" NOT_YET "use --json and judge the result file"},
    {"json", SWITCH(json, LKI_CMD_LIST), .help = "write one JSON object"},
    {"help", 'h', SWITCH(help, EVERYWHERE), .help = "show this help"},
    {"version", SWITCH(version, EVERYWHERE), .help = "show the version"},
};

/* A command line being read. */
struct reader {
    struct lki_options *options;
    enum lki_command_bit command;
    char **next; /* argument */
    char **end;
    struct lki_buf *message;
    bool given[LKI_COUNT(table)];
};

/* How the option in hand was written. */
struct spelling {
    const char *dashes;
    const char *text;
    size_t len;
};

#define SPELLING_FMT "%s%.*s"
#define SPELLING_ARGS(as) (as)->dashes, (int)(as)->len, (as)->text

static enum lk_err fail(struct reader *reader, const char *fmt, ...) LK_PRINTF(2, 3);

static enum lk_err fail(struct reader *reader, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(reader->message, fmt, args);
    va_end(args);
    return LK_E_ARG;
}

static void *member_of(struct lki_options *options, const struct option *option)
{
    return (char *)options + option->offset;
}

/* Reads a rate into its member. */
static enum lk_err rate_set(struct lki_options *options, const struct option *option,
                            const char *value, const char **why)
{
    double rate = 0;
    enum lk_err err = lki_text_rate(value, &rate, why);

    if (err)
        return err;
    if (rate <= 0 || rate > (double)option->max) {
        *why = rate > 0 ? "it is too large" : "it is too small";
        return LK_E_LIMIT;
    }
    *(double *)member_of(options, option) = rate;
    return LK_OK;
}

/* Reads the value of a count, time, rate or seed into its member. On failure *why says what it is.
 */
static enum lk_err number_set(struct lki_options *options, const struct option *option,
                              const char *value, const char **why)
{
    int64_t ns = 0;
    uint64_t number = 0;
    enum lk_err err;

    if (option->kind == OPTION_RATE)
        return rate_set(options, option, value, why);
    if (option->kind == OPTION_TIME)
        err = lki_text_duration(value, &ns, why);
    else if (option->kind == OPTION_COUNT)
        err = lki_text_count(value, &number, why);
    else
        err = lki_text_u64(value, &number, why);
    if (option->kind == OPTION_TIME)
        number = (uint64_t)ns;
    if (!err && (number < option->min || number > option->max)) {
        *why = number < option->min ? "it is too small" : "it is too large";
        err = LK_E_LIMIT;
    }
    if (err)
        return err;
    if (option->kind == OPTION_TIME)
        *(int64_t *)member_of(options, option) = ns;
    else
        *(uint64_t *)member_of(options, option) = number;
    return LK_OK;
}

static enum lk_err param_add(struct lki_options *options, const char *value)
{
    const char **params = realloc(options->params, (options->param_count + 1) * sizeof(*params));

    if (!params)
        return LK_E_NOMEM;
    options->params = params;
    params[options->param_count++] = value;
    return LK_OK;
}

static enum lk_err value_set(struct reader *reader, const struct option *option,
                             const struct spelling *as, const char *value)
{
    const char *why = "it is empty";

    if (option->kind == OPTION_PARAM)
        return param_add(reader->options, value);
    if (option->kind == OPTION_TEXT && *value) {
        *(const char **)member_of(reader->options, option) = value;
        return LK_OK;
    }
    if (option->kind != OPTION_TEXT && !number_set(reader->options, option, value, &why)) {
        reader->options->seed_given |= option->kind == OPTION_SEED;
        return LK_OK;
    }
    if (!*value)
        value = "''";
    if (!option->max && option->kind == OPTION_COUNT)
        return fail(reader, SPELLING_FMT " %.100s: %s", SPELLING_ARGS(as), value, option->hint);
    return fail(reader, SPELLING_FMT " %.100s: %s; %s", SPELLING_ARGS(as), value, why,
                option->hint);
}

/* An option was found. rest is what follows it in the same argument, NULL: nothing. */
static enum lk_err option_set(struct reader *reader, const struct option *option,
                              const struct spelling *as, const char *rest)
{
    const char *value = rest;

    reader->given[option - table] = true;
    if (option->kind == OPTION_LATER)
        return fail(reader, SPELLING_FMT ": %s", SPELLING_ARGS(as), option->hint);
    if (option->kind == OPTION_SWITCH) {
        *(bool *)member_of(reader->options, option) = true;
        return LK_OK;
    }
    if (!value && reader->next < reader->end)
        value = *reader->next++;
    if (!value)
        return fail(reader, SPELLING_FMT " needs a value; write " SPELLING_FMT " %s",
                    SPELLING_ARGS(as), SPELLING_ARGS(as), option->value);
    /* numbers say themselves that this is none; a file of that name would come as a surprise */
    if (!rest && value[0] == '-' && value[1] &&
        (option->kind == OPTION_TEXT || option->kind == OPTION_PARAM))
        return fail(reader,
                    SPELLING_FMT " needs a value, but %.100s follows; write " SPELLING_FMT " %s",
                    SPELLING_ARGS(as), value, SPELLING_ARGS(as), option->value);
    return value_set(reader, option, as, value);
}

static enum lk_err fail_unknown(struct reader *reader, const struct spelling *as)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, as->text, as->len);
    for (size_t i = 0; i < LKI_COUNT(table) && as->dashes[1]; i++) {
        if ((table[i].commands & reader->command) && table[i].help)
            lki_nearest_offer(&nearest, table[i].name);
    }
    if (nearest.best)
        return fail(reader, "unknown option " SPELLING_FMT "; did you mean --%s?",
                    SPELLING_ARGS(as), nearest.best);
    return fail(reader, "unknown option " SPELLING_FMT "; --help lists them all",
                SPELLING_ARGS(as));
}

/* The argument "--name" or "--name=value". */
static enum lk_err long_read(struct reader *reader, const char *text)
{
    const char *value = strchr(text, '=');
    struct spelling as = {"--", text, value ? (size_t)(value - text) : strlen(text)};

    for (size_t i = 0; i < LKI_COUNT(table); i++) {
        const struct option *option = &table[i];

        if (!(option->commands & reader->command) || strlen(option->name) != as.len ||
            memcmp(option->name, text, as.len) != 0)
            continue;
        if (value && !option->value)
            return fail(reader, SPELLING_FMT " takes no value; leave %.100s away",
                        SPELLING_ARGS(&as), value);
        return option_set(reader, option, &as, value ? value + 1 : NULL);
    }
    return fail_unknown(reader, &as);
}

static bool ended(const struct lki_options *options)
{
    return options->help || options->version;
}

/* The argument "-u", "-u10", "-qu10" and so on, without its dash. */
static enum lk_err letters_read(struct reader *reader, const char *text)
{
    enum lk_err err = LK_OK;

    while (*text && !err && !ended(reader->options)) {
        struct spelling as = {"-", text, 1};
        size_t i = 0;

        while (i < LKI_COUNT(table) &&
               !((table[i].commands & reader->command) && table[i].letter == *text))
            i++;
        if (i == LKI_COUNT(table))
            return fail_unknown(reader, &as);
        text++;
        err = option_set(reader, &table[i], &as, table[i].value && *text ? text : NULL);
        if (table[i].value)
            break;
    }
    return err;
}

static enum lk_err word_read(struct reader *reader, const char *text)
{
    if (reader->command != LKI_CMD_HELP || reader->options->topic)
        return fail(reader, "unexpected word '%.100s'; options begin with -, --help lists them",
                    text);
    reader->options->topic = text;
    return LK_OK;
}

static void defaults_set(struct lki_options *options)
{
    const char *why;

    for (size_t i = 0; i < LKI_COUNT(table); i++) {
        if (table[i].otherwise)
            number_set(options, &table[i], table[i].otherwise, &why);
    }
}

static bool is_given(const struct reader *reader, size_t offset)
{
    bool given = false;

    for (size_t i = 0; i < LKI_COUNT(table); i++)
        given |= reader->given[i] && table[i].offset == offset;
    return given;
}

/* What some options mean for others that were not given. */
static enum lk_err given_settle(struct reader *reader)
{
    struct lki_options *options = reader->options;
    bool rate = is_given(reader, AT(rate_per_s));

    if (is_given(reader, AT(iterations)) && !is_given(reader, AT(duration_ns)))
        options->duration_ns = LKI_NEVER;
    if (rate && !is_given(reader, AT(users)))
        options->users = lki_arrivals_users(options->rate_per_s);
    if (is_given(reader, AT(arrival_wait_ns)) && !rate && !ended(options))
        return fail(reader, "--arrival-wait needs --rate; add -r N or leave it out");
    return LK_OK;
}

enum lk_err lki_options_read(struct lki_options *options, enum lki_command_bit command, int argc,
                             char **argv, struct lki_buf *message)
{
    struct reader reader = {options, command, argv, argv + argc, message, {false}};
    bool only_words = false;
    enum lk_err err = LK_OK;

    *options = (struct lki_options){0};
    defaults_set(options);
    while (!err && reader.next < reader.end && !ended(options)) {
        const char *text = *reader.next++;

        if (only_words || text[0] != '-' || !text[1])
            err = word_read(&reader, text);
        else if (!strcmp(text, "--"))
            only_words = true;
        else if (text[1] == '-')
            err = long_read(&reader, text + 2);
        else
            err = letters_read(&reader, text + 1);
    }
    if (!err)
        err = given_settle(&reader);
    if (err)
        lki_options_release(options);
    return err;
}

void lki_options_release(struct lki_options *options)
{
    free(options->params);
    options->params = NULL;
    options->param_count = 0;
}

void lki_options_help(enum lki_command_bit command, struct lki_buf *out)
{
    for (size_t i = 0; i < LKI_COUNT(table); i++) {
        const struct option *option = &table[i];
        size_t start = out->len;

        if (!(option->commands & command) || !option->help)
            continue;
        if (option->letter)
            lki_buf_printf(out, "  -%c, --%s", option->letter, option->name);
        else
            lki_buf_printf(out, "      --%s", option->name);
        if (option->value)
            lki_buf_printf(out, " %s", option->value);
        while (!out->err && out->len - start < HELP_COLUMN)
            lki_buf_char(out, ' ');
        lki_buf_printf(out, "  %s", option->help);
        if (option->otherwise)
            lki_buf_printf(out, " (default %s)", option->otherwise);
        lki_buf_char(out, '\n');
    }
}
