/* The command report: a result file shown again, or two of them side by side. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "report/compare.h"
#include "report/text.h"
#include "result/load.h"

#define COLUMNS_DEFAULT 80

static int load(const struct lki_cli *cli, struct lki_result *result, const char *path)
{
    struct lki_buf why;
    enum lk_err err;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_result_load(result, path, &why);
    if (err)
        lki_cli_errors(cli, &why);
    lki_buf_release(&why);
    if (!err)
        return LKI_EXIT_PASSED;
    return err == LK_E_NOMEM ? LKI_EXIT_FAILED : LKI_EXIT_USAGE;
}

static int show(const struct lki_cli *cli)
{
    struct lki_result result;
    int status = load(cli, &result, cli->options.words[0]);

    if (status)
        return status;
    errno = 0;
    lki_report_text(&result, stdout, lki_cli_colour(cli, stdout), lki_cli_columns(stdout));
    lki_result_release(&result);
    return lki_cli_flush(cli);
}

static int compare(const struct lki_cli *cli)
{
    int columns = lki_cli_columns(stdout);
    struct lki_paper paper = {stdout, lki_cli_colour(cli, stdout),
                              columns > 0 ? columns : COLUMNS_DEFAULT};
    struct lki_result before;
    struct lki_result after;
    int status = load(cli, &before, cli->options.words[0]);

    if (status)
        return status;
    status = load(cli, &after, cli->options.words[1]);
    if (!status) {
        errno = 0;
        lki_report_compare(&before, &after, &paper);
        lki_result_release(&after);
        status = lki_cli_flush(cli);
    }
    lki_result_release(&before);
    return status;
}

int lki_cli_report(const struct lki_cli *cli)
{
    const char *const *words = cli->options.words;

    if (!cli->options.word_count) {
        lki_cli_error(cli, "report needs a file; write report FILE, or report BEFORE AFTER to "
                           "compare two; -: standard input");
        return LKI_EXIT_USAGE;
    }
    if (cli->options.word_count == 1)
        return show(cli);
    if (!strcmp(words[0], "-") && !strcmp(words[1], "-")) {
        lki_cli_error(cli, "report - -: standard input can be read but once; name a file");
        return LKI_EXIT_USAGE;
    }
    return compare(cli);
}
