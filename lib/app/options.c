#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* program_invocation_short_name */
#endif

#include "app/options.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/settings.h"
#include "model/registry.h"
#include "user/arrivals.h"

/* Of all that is wrong: a fault, not a limit anybody meets. */
#define PROBLEMS_MAX ((size_t)1024 * 1024)

/* ---- the message ---- */

static void message_write(const struct lk_run_options *options, const char *text, size_t len)
{
    if (!options->message || !options->message_bytes)
        return;
    len = lki_text_cut(text, len, options->message_bytes - 1);
    memcpy(options->message, text, len);
    options->message[len] = '\0';
}

static size_t count_lines(const struct lki_buf *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < lines->len; i++)
        count += lines->data[i] == '\n';
    return count + (lines->len && lines->data[lines->len - 1] != '\n');
}

enum lk_err lki_run_options_tell(const struct lk_run_options *options, enum lk_err err,
                                 const struct lki_buf *lines)
{
    const char *text = lines->len ? lines->data : lk_strerror(err);
    size_t len = lines->len ? lines->len : strlen(text);
    const char *end = memchr(text, '\n', len);
    size_t count = count_lines(lines);
    struct lki_buf line;

    lki_buf_init(&line, PROBLEMS_MAX);
    lki_buf_append(&line, text, end ? (size_t)(end - text) : len);
    if (count > 1)
        lki_buf_printf(&line, " (and %zu more)", count - 1);
    if (line.err)
        message_write(options, lk_strerror(line.err), strlen(lk_strerror(line.err)));
    else
        message_write(options, line.data, line.len);
    lki_buf_release(&line);
    return err;
}

/* ---- numbers ---- */

/* A time of which 0 is the default and LK_OFF something else. */
static enum lk_err time_read(const char *member, double seconds, int64_t otherwise_ns,
                             int64_t off_ns, int64_t *ns, struct lki_buf *problems)
{
    if (isnan(seconds) || (seconds < 0 && seconds != LK_OFF))
        return lki_refuse(problems, "%s is %g: no time; give seconds from 0, or LK_OFF", member,
                          seconds);
    *ns = seconds < 0 ? off_ns : seconds > 0 ? lki_ns(seconds) : otherwise_ns;
    /* what was given is not none at all, however little it is */
    if (seconds > 0 && !*ns)
        *ns = 1;
    return LK_OK;
}

static enum lk_err times_read(const struct lk_run_options *options,
                              struct lki_run_settings *settings, struct lki_buf *problems)
{
    int64_t duration_ns = options->iterations ? LKI_NEVER : LKI_DURATION_DEFAULT_NS;
    enum lk_err err = time_read(".duration_s", options->duration_s, duration_ns, LKI_NEVER,
                                &settings->duration_ns, problems);

    if (!err)
        err = time_read(".arrival_wait_s", options->arrival_wait_s, LKI_ARRIVAL_WAIT_DEFAULT_NS, 0,
                        &settings->arrival_wait_ns, problems);
    if (!err)
        err = time_read(".grace_s", options->grace_s, LKI_GRACE_DEFAULT_NS, 0, &settings->grace_ns,
                        problems);
    return err;
}

/* BSDs have getprogname, and a name that is missing does no harm. */
static const char *program_name(void)
{
#ifdef __linux__
    return program_invocation_short_name;
#else
    return "loadkit";
#endif
}

static enum lk_err users_check(const char *member, uint64_t users, struct lki_buf *problems)
{
    if (users > LKI_USERS_MAX)
        return lki_refuse(problems, "%s is %llu: it is too large; give at most %llu", member,
                          (unsigned long long)users, (unsigned long long)LKI_USERS_MAX);
    return LK_OK;
}

static enum lk_err rate_check(const char *member, double per_s, struct lki_buf *problems)
{
    if (!(per_s >= 0) || isinf(per_s))
        return lki_refuse(problems, "%s is %g: no rate; give starts per second, or 0 for none",
                          member, per_s);
    if (per_s > (double)LKI_RATE_MAX)
        return lki_refuse(problems, "%s is %g: it is too large; give at most %llu", member, per_s,
                          (unsigned long long)LKI_RATE_MAX);
    return LK_OK;
}

/* ---- stages ---- */

static enum lk_err stage_read(struct lki_run_settings *settings, const struct lk_stage *stage,
                              struct lki_buf *problems)
{
    struct lki_stage *into = &settings->stages[settings->stage_count++];
    enum lk_err err = time_read("the .seconds of a stage", stage->seconds, 0, 0, &into->length_ns,
                                problems);

    if (!err)
        err = users_check("the .users of a stage", stage->users, problems);
    if (!err)
        err = rate_check("the .rate_per_s of a stage", stage->rate_per_s, problems);
    if (!err && settings->rated && stage->users)
        return lki_refuse(problems, ".stages has both users and a rate; give one of them");
    into->target = settings->rated ? stage->rate_per_s : (double)stage->users;
    return err;
}

static enum lk_err stages_check(struct lki_run_settings *settings, struct lki_buf *problems)
{
    struct lki_plan plan = lki_run_settings_plan(settings);

    if (lki_plan_peak(&plan) <= 0)
        return lki_refuse(problems, ".stages leads to nothing above 0; write "
                                    "LK_STAGES({30, .users = 100})");
    settings->duration_ns = lki_plan_stages_ns(&plan);
    if (!settings->duration_ns || settings->duration_ns == LKI_NEVER)
        return lki_refuse(problems, ".stages takes %s time; give other seconds",
                          settings->duration_ns ? "too much" : "no");
    return LK_OK;
}

static enum lk_err stages_read(struct lki_run_plan *plan, struct lki_buf *problems)
{
    const struct lk_stage *stages = plan->options.stages;
    struct lki_run_settings *settings = &plan->settings;
    enum lk_err err = LK_OK;
    size_t count = 0;

    if (!stages)
        return LK_OK;
    for (; stages[count].seconds != LK_OFF; count++)
        settings->rated = settings->rated || stages[count].rate_per_s > 0;
    if (plan->options.duration_s != 0)
        return lki_refuse(problems, ".duration_s goes with no .stages: stages have their own "
                                    "length; leave one of them out");
    settings->stages = lki_arena_alloc(&plan->texts, count * sizeof(*settings->stages));
    if (!settings->stages)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count && !err; i++)
        err = stage_read(settings, &stages[i], problems);
    return err ? err : stages_check(settings, problems);
}

/* ---- all that is a number ---- */

/* With a rate as many as it may need, and in stages of users those that these begin with. */
static void users_settle(struct lki_run_settings *settings)
{
    struct lki_plan plan = lki_run_settings_plan(settings);

    if (settings->rated && !settings->users)
        settings->users = lki_arrivals_users(lki_plan_peak(&plan));
    else if (!settings->users && !settings->stage_count)
        settings->users = 1;
}

static enum lk_err settings_read(struct lki_run_plan *plan, struct lki_buf *problems)
{
    const struct lk_run_options *options = &plan->options;
    enum lk_err err = users_check(".users", options->users, problems);

    plan->settings = (struct lki_run_settings){
        .users = options->users,
        .workers = options->workers,
        .iterations = options->iterations,
        .rate_per_s = options->rate_per_s,
        .rated = options->rate_per_s > 0,
        .seed = options->seed ? options->seed : lki_entropy_seed(),
        .program = program_name(),
    };
    if (options->workers > LKI_WORKERS_MAX)
        return lki_refuse(problems, ".workers is %u: it is too large; give at most %d",
                          options->workers, LKI_WORKERS_MAX);
    if (!err)
        err = rate_check(".rate_per_s", options->rate_per_s, problems);
    if (!err)
        err = times_read(options, &plan->settings, problems);
    if (!err)
        err = stages_read(plan, problems);
    if (!err)
        users_settle(&plan->settings);
    return err;
}

/* ---- parameters ---- */

static const char *pair_text(struct lki_run_plan *plan, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = value ? strlen(value) : 0;
    char *text = lki_arena_alloc(&plan->texts, name_len + value_len + 2);

    if (!text)
        return NULL;
    memcpy(text, name, name_len + 1);
    if (value) {
        text[name_len] = '=';
        memcpy(text + name_len + 1, value, value_len + 1);
    }
    return text;
}

static enum lk_err params_set(struct lki_run_plan *plan, struct lki_buf *problems)
{
    const char *const *pairs = plan->options.params;
    const char **texts;
    size_t len = 0;
    size_t count;

    while (pairs && pairs[len])
        len += pairs[len + 1] ? 2 : 1;
    count = (len + 1) / 2;
    texts = lki_arena_alloc(&plan->texts, count * sizeof(*texts));
    if (!texts)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        texts[i] = pair_text(plan, pairs[2 * i], pairs[2 * i + 1]);
        if (!texts[i])
            return LK_E_NOMEM;
        if (strchr(pairs[2 * i], '='))
            return lki_refuse(problems,
                              "unknown parameter '%.100s': a name has no '='; write "
                              "LK_PAIRS(\"name\", \"value\")",
                              pairs[2 * i]);
    }
    return lki_model_set_params(plan->model, texts, count, problems);
}

/* ---- HTTP ---- */

static enum lk_err http_write(struct lki_run_plan *plan, const struct lk_http_settings *http,
                              struct lki_buf *problems)
{
    struct lki_buf text;
    enum lk_err err;

    lki_buf_init(&text, LKI_HTTP_SETTINGS_MAX);
    lki_http_settings_write(http, &text);
    err = text.err;
    if (!err && text.len)
        plan->settings.http = lki_arena_copy(&plan->texts, text.data, text.len);
    if (!err && text.len && !plan->settings.http)
        err = LK_E_NOMEM;
    if (err == LK_E_LIMIT)
        err = lki_refuse(problems, ".http is longer than %zu bytes", LKI_HTTP_SETTINGS_MAX);
    lki_buf_release(&text);
    return err;
}

static enum lk_err http_read(struct lki_run_plan *plan, struct lki_buf *problems)
{
    const struct lk_http_settings *given = plan->options.http;
    struct lk_http_settings http;
    enum lk_err err;

    if (!given)
        return LK_OK;
    if (lki_http_settings_take(&http, given))
        return lki_refuse(problems,
                          ".http has no size, or is that of a newer loadkit: set its .size "
                          "to sizeof(struct lk_http_settings)");
    lki_buf_str(problems, ".http.");
    err = lki_http_settings_check(&http, problems);
    if (err)
        return err;
    lki_buf_clear(problems);
    return http_write(plan, &http, problems);
}

/* ---- all of it ---- */

/* Takes over what the caller's version of the struct has. LK_E_ARG: it has no size. */
static enum lk_err options_copy(struct lk_run_options *copy, const struct lk_run_options *options)
{
    *copy = (struct lk_run_options){.size = 0};
    if (!options || options->size < sizeof(options->size))
        return LK_E_ARG;
    memcpy(copy, options, lki_min(options->size, sizeof(*copy)));
    return LK_OK;
}

/* A newer version may have more members: what they ask for must not be passed over. */
static enum lk_err unknown_refuse(const struct lk_run_options *options, struct lki_buf *problems)
{
    const char *bytes = (const char *)options;

    for (size_t i = sizeof(*options); i < options->size; i++) {
        if (bytes[i])
            return lki_refuse(problems, "options of a newer loadkit than this one, " LK_VERSION
                                        ": build and link with the same");
    }
    return LK_OK;
}

enum lk_err lki_run_options_refuse(const struct lk_run_options *options, enum lk_err err,
                                   const char *text)
{
    struct lk_run_options copy;

    if (!options_copy(&copy, options))
        message_write(&copy, text, strlen(text));
    return err;
}

enum lk_err lki_run_options_read(struct lki_run_plan *plan, const struct lk_run_options *options)
{
    struct lki_buf problems;
    enum lk_err err;

    *plan = (struct lki_run_plan){.model = NULL};
    lki_arena_init(&plan->texts, NULL, 0);
    err = options_copy(&plan->options, options);
    if (err)
        return err;
    message_write(&plan->options, "", 0);
    lki_buf_init(&problems, PROBLEMS_MAX);
    err = unknown_refuse(options, &problems);
    if (!err)
        err = settings_read(plan, &problems);
    if (!err)
        err = http_read(plan, &problems);
    if (!err)
        err = lki_model_new(&plan->model, lki_registry_first(), &problems);
    if (!err)
        err = params_set(plan, &problems);
    if (err) {
        lki_run_options_tell(&plan->options, err, &problems);
        lki_run_plan_release(plan);
    }
    lki_buf_release(&problems);
    return err;
}

void lki_run_plan_release(struct lki_run_plan *plan)
{
    lki_model_free(plan->model);
    plan->model = NULL;
    lki_arena_reset(&plan->texts);
}
