/* The command debug: one user, each step once. */
#include "app/debug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/run.h"
#include "base/entropy.h"
#include "base/text.h"
#include "cli/cli.h"
#include "result/result.h"

/* Names that a line lists at most. */
#define LISTED_MAX 12

/* Says that there is none of that name, which one was probably meant, and which there are. */
static int fail_unknown(const struct lki_cli *cli, const char *option, const char *what,
                        const char *name, const char *const *names, size_t count)
{
    struct lki_nearest nearest;
    struct lki_buf line;

    lki_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < count; i++)
        lki_nearest_offer(&nearest, names[i]);
    lki_buf_init(&line, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&line, "%s %.100s: there is no such %s", option, name, what);
    if (nearest.best)
        lki_buf_printf(&line, "; did you mean %s?", nearest.best);
    for (size_t i = 0; i < count && i < LISTED_MAX; i++)
        lki_buf_printf(&line, "%s%s",
                       i              ? ", "
                       : nearest.best ? " there is "
                                      : "; there is ",
                       names[i]);
    if (count > LISTED_MAX)
        lki_buf_str(&line, ", and others: see `list`");
    lki_cli_errors(cli, &line);
    lki_buf_release(&line);
    return LKI_EXIT_USAGE;
}

static int type_fail(const struct lki_cli *cli, const struct lki_model *model)
{
    struct lki_arena arena;
    const char **names;
    int status = LKI_EXIT_FAILED;

    lki_arena_init(&arena, NULL, 0);
    names = lki_arena_alloc(&arena, model->type_count * sizeof(*names));
    for (size_t i = 0; names && i < model->type_count; i++)
        names[i] = model->types[i].name;
    if (names)
        status = fail_unknown(cli, "--user", "user type", cli->options.user_type, names,
                              model->type_count);
    else
        lki_cli_error(cli, "%s", lk_strerror(LK_E_NOMEM));
    lki_arena_reset(&arena);
    return status;
}

/* The steps of one type, or of all. */
static int step_fail(const struct lki_cli *cli, const struct lki_model *model,
                     const struct lki_vu_type *only)
{
    struct lki_arena arena;
    const char **names;
    size_t count = 0;
    int status = LKI_EXIT_FAILED;

    for (size_t i = 0; i < model->type_count; i++)
        count += model->types[i].step_count;
    lki_arena_init(&arena, NULL, 0);
    names = lki_arena_alloc(&arena, count * sizeof(*names));
    count = 0;
    for (size_t i = 0; names && i < model->type_count; i++) {
        for (size_t s = 0; s < model->types[i].step_count; s++) {
            if (!only || only == &model->types[i])
                names[count++] = model->types[i].steps[s].label;
        }
    }
    if (names)
        status = fail_unknown(cli, "--step", "step", cli->options.step, names, count);
    else
        lki_cli_error(cli, "%s", lk_strerror(LK_E_NOMEM));
    lki_arena_reset(&arena);
    return status;
}

static const struct lki_step *step_find(const struct lki_vu_type *type, const char *name)
{
    for (size_t i = 0; i < type->step_count; i++) {
        if (!strcmp(type->steps[i].name, name) || !strcmp(type->steps[i].label, name))
            return &type->steps[i];
    }
    return NULL;
}

/* The type and step that are asked for: the first type, or the first that has the step. */
static int choice_read(const struct lki_cli *cli, const struct lki_model *model,
                       struct lki_debug_settings *settings)
{
    const char *type = cli->options.user_type;
    const char *step = cli->options.step;

    for (size_t i = 0; i < model->type_count && !settings->type; i++) {
        if (type ? !strcmp(model->types[i].name, type)
                 : !step || step_find(&model->types[i], step) != NULL)
            settings->type = &model->types[i];
    }
    if (type && !settings->type)
        return type_fail(cli, model);
    if (step && settings->type)
        settings->step = step_find(settings->type, step);
    if (step && !settings->step)
        return step_fail(cli, model, settings->type);
    return LKI_EXIT_PASSED;
}

static int model_debug(const struct lki_cli *cli, const struct lki_model *model)
{
    struct lki_debug_settings settings = {
        .seed = cli->options.seed_given ? cli->options.seed : lki_entropy_seed(),
        .grace_ns = LKI_GRACE_DEFAULT_NS,
        .http = cli->options.http_text,
        .body_bytes = (size_t)cli->options.body_bytes,
        .program = cli->program,
        .out = stdout,
        .colour = lki_cli_colour(cli, stdout),
    };
    int status = choice_read(cli, model, &settings);
    struct lki_buf message;
    bool passed = false;
    enum lk_err err;

    if (status)
        return status;
    errno = 0;
    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    err = lki_debug(model, &settings, &passed, &message);
    status = lki_cli_problems(cli, err, &message);
    if (!status && !passed)
        status = LKI_EXIT_FAILED;
    if (lki_cli_flush(cli))
        status = LKI_EXIT_FAILED;
    return status;
}

int lki_cli_debug(const struct lki_cli *cli)
{
    return lki_cli_with_model(cli, model_debug);
}
