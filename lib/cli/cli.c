#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/environment.h"
#include "cli/params.h"
#include "model/registry.h"
#include "report/errors.h"
#include "report/live.h"
#include "result/result.h"

/* In one call, so that lines of several programs do not mix. */
static void line_write(const struct lki_cli *cli, const char *text, size_t len)
{
    struct lki_buf line;

    lki_buf_init(&line, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&line, "%s: ", cli->program);
    lki_buf_append(&line, text, len);
    if (!line.err)
        lki_text_one_line(line.data, line.len);
    lki_buf_char(&line, '\n');
    if (!line.err)
        fwrite(line.data, 1, line.len, stderr);
    else
        fprintf(stderr, "%s: out of memory\n", cli->program);
    lki_buf_release(&line);
}

void lki_cli_error(const struct lki_cli *cli, const char *fmt, ...)
{
    struct lki_buf text;
    va_list args;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    va_start(args, fmt);
    lki_buf_vprintf(&text, fmt, args);
    va_end(args);
    if (text.err)
        lki_buf_clear(&text);
    line_write(cli, text.len ? text.data : "out of memory", text.len ? text.len : 13);
    lki_buf_release(&text);
}

void lki_cli_errors(const struct lki_cli *cli, struct lki_buf *lines)
{
    const char *at = lines->data;
    const char *end = at + lines->len;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        if (!stop)
            stop = end;
        line_write(cli, at, (size_t)(stop - at));
        at = stop + 1;
    }
    if (lines->err)
        lki_cli_error(cli, "%s", lk_strerror(lines->err));
}

int lki_cli_flush(const struct lki_cli *cli)
{
    int error = 0;

    if (ferror(stdout))
        error = errno ? errno : EIO;
    if (fflush(stdout))
        error = errno;
    if (!error)
        return LKI_EXIT_PASSED;
    lki_cli_error(cli, "cannot write to standard output: %s", strerror(error));
    return LKI_EXIT_FAILED;
}

int lki_cli_answer(const struct lki_cli *cli, struct lki_buf *text)
{
    int status = LKI_EXIT_FAILED;

    errno = 0;
    if (text->err) {
        lki_cli_error(cli, "%s", lk_strerror(text->err));
    } else {
        fwrite(text->data, 1, text->len, stdout);
        status = lki_cli_flush(cli);
    }
    lki_buf_release(text);
    return status;
}

int lki_cli_problems(const struct lki_cli *cli, enum lk_err err, struct lki_buf *problems)
{
    if (err)
        lki_cli_errors(cli, problems);
    if (err && !problems->len && !problems->err)
        lki_cli_error(cli, "%s", lk_strerror(err));
    lki_buf_release(problems);
    if (!err)
        return LKI_EXIT_PASSED;
    return err == LK_E_ARG ? LKI_EXIT_USAGE : LKI_EXIT_FAILED;
}

int lki_cli_model(const struct lki_cli *cli, struct lki_model **model)
{
    struct lki_buf problems;
    enum lk_err err;

    lki_buf_init(&problems, LKI_CLI_TEXT_MAX);
    err = lki_model_new(model, lki_registry_first(), &problems);
    return lki_cli_problems(cli, err, &problems);
}

/* ---- what was probably meant by variables of the environment, unless all is to be quiet ---- */

void lki_cli_option_notes(const struct lki_cli *cli, unsigned commands)
{
    struct lki_buf notes;

    if (cli->options.quiet)
        return;
    lki_buf_init(&notes, LKI_CLI_TEXT_MAX);
    lki_environment_option_notes(commands, &notes);
    lki_cli_errors(cli, &notes);
    lki_buf_release(&notes);
}

/* What is wrong may be just that. */
static void param_notes(const struct lki_cli *cli, const struct lki_model *model, bool wrong)
{
    struct lki_buf notes;

    if (cli->options.quiet && !wrong)
        return;
    lki_buf_init(&notes, LKI_CLI_TEXT_MAX);
    lki_environment_param_notes(model, &notes);
    lki_cli_errors(cli, &notes);
    lki_buf_release(&notes);
}

/* ---- the model ---- */

/* set: for the runs of this program, and not only for one elsewhere. */
static int params_take(const struct lki_cli *cli, struct lki_model **model,
                       struct lki_params *params, bool set)
{
    struct lki_buf problems;
    enum lk_err err;
    int status = lki_cli_model(cli, model);

    *params = (struct lki_params){.count = 0};
    if (status)
        return status;
    lki_buf_init(&problems, LKI_CLI_TEXT_MAX);
    err = set ? lki_params_set_some(params, &cli->options, *model, &problems)
              : lki_params_gather(params, &cli->options, *model, &problems);
    param_notes(cli, *model, err != LK_OK);
    return lki_cli_problems(cli, err, &problems);
}

int lki_cli_gather(const struct lki_cli *cli, struct lki_model **model, struct lki_params *params)
{
    return params_take(cli, model, params, false);
}

int lki_cli_prepare(const struct lki_cli *cli, struct lki_model **model, struct lki_params *params)
{
    return params_take(cli, model, params, true);
}

void lki_cli_failure(const struct lki_cli *cli, const struct lki_result *result)
{
    struct lki_buf line;

    if (!lki_result_failure(result))
        return;
    lki_buf_init(&line, LKI_CLI_TEXT_MAX);
    lki_buf_str(&line, "the run failed: ");
    lki_report_failure(result, &line);
    lki_cli_errors(cli, &line);
    lki_buf_release(&line);
}

bool lki_cli_colour(const struct lki_cli *cli, FILE *out)
{
    const char *no_color = getenv("NO_COLOR");

    return !cli->options.no_color && !(no_color && *no_color) && isatty(fileno(out)) &&
           !lki_live_is_dumb();
}

int lki_cli_columns(FILE *out)
{
    struct winsize size;

    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* ---- for commands that carry something out ---- */

static int with_held(const struct lki_cli *cli,
                     int (*fn)(const struct lki_cli *cli, const struct lki_model *model))
{
    struct lki_model *model = NULL;
    struct lki_params params;
    struct lki_buf problems;
    enum lk_err err;
    int status = lki_cli_model(cli, &model);

    if (status)
        return status;
    lki_buf_init(&problems, LKI_CLI_TEXT_MAX);
    err = lki_params_set(&params, &cli->options, model, &problems);
    param_notes(cli, model, err != LK_OK);
    status = lki_cli_problems(cli, err, &problems);
    if (!status)
        status = fn(cli, model);
    lki_params_release(&params);
    lki_model_free(model);
    return status;
}

bool lki_cli_hold(const struct lki_cli *cli)
{
    bool held = lki_registry_hold();

    if (!held)
        lki_cli_error(cli, "a run is on already in this program; wait for its end");
    return held;
}

int lki_cli_with_model(const struct lki_cli *cli,
                       int (*fn)(const struct lki_cli *cli, const struct lki_model *model))
{
    int status;

    if (!lki_cli_hold(cli))
        return LKI_EXIT_FAILED;
    status = with_held(cli, fn);
    lki_registry_let_go();
    return status;
}
