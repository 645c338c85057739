#include "cli/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run.h"
#include "base/clock.h"
#include "base/text.h"
#include "model/param.h"
#include "user/arrivals.h"

#define LONGEST_STAGE 64

static void *member_of(struct lki_options *options, const struct lki_option *option)
{
    return (char *)options + option->offset;
}

#define TOO_LARGE "it is too large"

/* ---- single values: on failure *why says what is wrong ---- */

static enum lk_err too(const char *text, const char **why)
{
    *why = text;
    return LK_E_LIMIT;
}

static enum lk_err bounds_check(const struct lki_option *option, uint64_t number, const char **why)
{
    if (number < option->min)
        return too("it is too small", why);
    return number > option->max ? too(TOO_LARGE, why) : LK_OK;
}

static enum lk_err rate_set(double *member, const struct lki_option *option, const char *value,
                            const char **why)
{
    double rate = 0;
    enum lk_err err = lki_text_rate(value, &rate, why);

    if (!err && rate <= 0)
        err = too("it is too small", why);
    else if (!err && rate > (double)option->max)
        err = too(TOO_LARGE, why);
    if (!err)
        *member = rate;
    return err;
}

static enum lk_err time_set(int64_t *member, const struct lki_option *option, const char *value,
                            const char **why)
{
    int64_t ns = 0;
    enum lk_err err = lki_text_duration(value, &ns, why);

    if (!err)
        err = bounds_check(option, (uint64_t)ns, why);
    if (!err)
        *member = ns;
    return err;
}

static enum lk_err count_set(uint64_t *member, const struct lki_option *option, const char *value,
                             const char **why)
{
    uint64_t number = 0;
    enum lk_err err = option->kind == LKI_OPTION_COUNT ? lki_text_count(value, &number, why)
                                                       : lki_text_u64(value, &number, why);

    if (!err)
        err = bounds_check(option, number, why);
    if (!err)
        *member = number;
    return err;
}

static enum lk_err text_set(const char **member, const char *value, const char **why)
{
    if (!*value)
        return too("it is empty", why);
    *member = value;
    return LK_OK;
}

/* Only where it has a value: in the environment and in files. */
static enum lk_err switch_set(bool *member, const char *value, const char **why)
{
    const struct lk_param_def def = {.type = LK_BOOL};
    struct lki_param param = {.def = &def};
    enum lk_err err = lki_param_read(&param, value, why);

    if (!err)
        *member = param.integer;
    return err;
}

/* The number of the one that value is. */
static enum lk_err choice_set(unsigned *member, const struct lki_option *option, const char *value,
                              const char **why)
{
    size_t len = strlen(value);
    unsigned number = 0;

    for (const char *at = option->choices; at; number++) {
        size_t end = strcspn(at, "|");

        if (end == len && !memcmp(at, value, len)) {
            *member = (unsigned)option->min + number;
            return LK_OK;
        }
        at = at[end] ? at + end + 1 : NULL;
    }
    *why = *value ? "it is none of these" : "it is empty";
    return LK_E_FORMAT;
}

static enum lk_err single_set(struct lki_options *options, const struct lki_option *option,
                              const char *value, const char **why)
{
    void *member = member_of(options, option);

    switch (option->kind) {
    case LKI_OPTION_SWITCH:
        return switch_set(member, value, why);
    case LKI_OPTION_TIME:
        return time_set(member, option, value, why);
    case LKI_OPTION_RATE:
        return rate_set(member, option, value, why);
    case LKI_OPTION_COUNT:
    case LKI_OPTION_NUMBER:
        return count_set(member, option, value, why);
    case LKI_OPTION_CHOICE:
        return choice_set(member, option, value, why);
    default:
        return text_set(member, value, why);
    }
}

/* ---- those that add up ---- */

static enum lk_err param_add(struct lki_options *options, const char *value)
{
    const char **params = realloc(options->params, (options->param_count + 1) * sizeof(*params));

    if (!params)
        return LK_E_NOMEM;
    options->params = params;
    params[options->param_count++] = value;
    return LK_OK;
}

/* The N of a stage: users, or with a slash a rate. */
static enum lk_err target_read(const char *text, double *target, bool *rated, const char **why)
{
    uint64_t users = 0;
    enum lk_err err;

    *rated = strchr(text, '/') != NULL;
    if (*rated)
        err = lki_text_rate(text, target, why);
    else
        err = lki_text_count(text, &users, why);
    if (!err && !*rated)
        *target = (double)users;
    if (!err && *target > (double)(*rated ? LKI_RATE_MAX : LKI_USERS_MAX))
        err = too("it is too large", why);
    return err;
}

/* Reads "30s:100". part is the half that is wrong; "": what is wrong is the whole. */
static enum lk_err stage_read(const char *value, struct lki_stage *stage, bool *rated, char *part,
                              const char **why)
{
    const char *colon = strchr(value, ':');
    size_t len = colon ? (size_t)(colon - value) : 0;
    enum lk_err err = LK_E_FORMAT;

    *part = '\0';
    *why = *value ? "there is no colon in it" : "it is empty";
    if (!colon)
        return err;
    if (len >= LONGEST_STAGE || strlen(colon) >= LONGEST_STAGE)
        return too("it is too long", why);
    memcpy(part, value, len);
    part[len] = '\0';
    err = lki_text_duration(part, &stage->length_ns, why);
    if (err)
        return err;
    strcpy(part, colon + 1);
    return target_read(part, &stage->target, rated, why);
}

static enum lk_err stage_keep(struct lki_options *options, const struct lki_stage *stage)
{
    struct lki_stage *stages = realloc(options->stages,
                                       (options->stage_count + 1) * sizeof(*stages));

    if (!stages)
        return LK_E_NOMEM;
    options->stages = stages;
    stages[options->stage_count++] = *stage;
    return LK_OK;
}

static enum lk_err stage_add(struct lki_options *options, const struct lki_option *option,
                             const struct lki_spelling *as, const char *value,
                             struct lki_buf *message)
{
    struct lki_stage stage = {0};
    char part[LONGEST_STAGE];
    bool rated = false;
    const char *why;

    if (stage_read(value, &stage, &rated, part, &why))
        return lki_refuse(message, LKI_SPELLING_FMT "%s%.100s: %s%s%s; %s", LKI_SPELLING_ARGS(as),
                          as->between, *value ? value : "''", part, *part ? ": " : "", why,
                          option->hint);
    if (options->stage_count && rated != options->rated)
        return lki_refuse(message,
                          LKI_SPELLING_FMT "%s%.100s: the stages before it are of %s; give all of "
                                           "them as users, 30s:100, or as rates, 30s:100/s",
                          LKI_SPELLING_ARGS(as), as->between, value,
                          options->rated ? "rates" : "users");
    options->rated = rated;
    return stage_keep(options, &stage);
}

/* Splits "host:80:address" or "[::1]:80:address", which is written to, where the port ends. NULL:
 * it is none. */
static char *resolve_split(char *text)
{
    char *host_end = *text == '[' ? strchr(text, ']') : text;
    char *port = host_end ? strchr(host_end, ':') : NULL;
    char *end = port ? strchr(port + 1, ':') : NULL;

    if (!end)
        return NULL;
    *end = '\0';
    return end + 1;
}

static enum lk_err resolve_add(struct lki_options *options, const struct lki_option *option,
                               const struct lki_spelling *as, const char *value,
                               struct lki_buf *message)
{
    const char **texts = realloc(options->resolve, (options->resolve_count + 3) * sizeof(*texts));
    char *copy = lki_arena_copy(&options->arena, value, strlen(value));
    char *address = copy ? resolve_split(copy) : NULL;

    if (texts)
        options->resolve = texts;
    if (!texts || !copy)
        return LK_E_NOMEM;
    if (!address)
        return lki_refuse(message, LKI_SPELLING_FMT "%s%.100s: it has not three parts; %s",
                          LKI_SPELLING_ARGS(as), as->between, *value ? value : "''", option->hint);
    texts[options->resolve_count++] = copy;
    texts[options->resolve_count++] = address;
    texts[options->resolve_count] = NULL;
    options->http.resolve = texts;
    return LK_OK;
}

/* ---- all of them ---- */

/* "it is too large" with the largest that it may be, if that is worth a word. */
static const char *why_text(const struct lki_option *option, const char *why, char text[64])
{
    bool counts = option->kind == LKI_OPTION_COUNT || option->kind == LKI_OPTION_RATE;

    if (!counts || option->max == UINT64_MAX || strcmp(why, TOO_LARGE) != 0)
        return why;
    snprintf(text, 64, TOO_LARGE ", the most is %" PRIu64, option->max);
    return text;
}

enum lk_err lki_value_set(struct lki_options *options, const struct lki_option *option,
                          const struct lki_spelling *as, const char *value, struct lki_buf *message)
{
    const char *hint = option->hint ? option->hint : "give true or false";
    const char *why = "";
    char text[64];

    if (option->kind == LKI_OPTION_LATER)
        return lki_refuse(message, LKI_SPELLING_FMT ": %s", LKI_SPELLING_ARGS(as), option->hint);
    if (option->kind == LKI_OPTION_PARAM)
        return param_add(options, value);
    if (option->kind == LKI_OPTION_STAGE)
        return stage_add(options, option, as, value, message);
    if (option->kind == LKI_OPTION_RESOLVE)
        return resolve_add(options, option, as, value, message);
    if (single_set(options, option, value, &why))
        return lki_refuse(message, LKI_SPELLING_FMT "%s%.100s: %s; %s", LKI_SPELLING_ARGS(as),
                          as->between, *value ? value : "''", why_text(option, why, text), hint);
    options->seed_given |= option->offset == offsetof(struct lki_options, seed);
    return LK_OK;
}

void lki_values_default(struct lki_options *options, unsigned commands)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);
    const char *why;

    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & commands) && table[i].otherwise)
            single_set(options, &table[i], table[i].otherwise, &why);
    }
}
