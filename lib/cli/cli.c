#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/registry.h"
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
    if (text->err) {
        lki_cli_error(cli, "%s", lk_strerror(text->err));
        return LKI_EXIT_FAILED;
    }
    errno = 0;
    fwrite(text->data, 1, text->len, stdout);
    return lki_cli_flush(cli);
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
