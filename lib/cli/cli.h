/*
 * What the commands share. This layer alone writes to standard output and standard error: answers
 * to the one, errors and progress to the other.
 */
#ifndef LKI_CLI_CLI_H
#define LKI_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/options.h"
#include "model/model.h"

/* Of the answers and error texts that are made in memory: a fault, not a limit anybody meets. */
#define LKI_CLI_TEXT_MAX (16 * 1024 * 1024)

struct lki_params;
struct lki_result;

struct lki_cli {
    const char *program; /* what the user calls it */
    int argc;            /* what lk_main got */
    char **argv;
    struct lki_options options;
};

/* Writes one line, "program: text", to standard error. */
void lki_cli_error(const struct lki_cli *cli, const char *fmt, ...) LK_PRINTF(2, 3);

/* The same for each line of a buffer; lines that are lost for want of memory are told. */
void lki_cli_errors(const struct lki_cli *cli, struct lki_buf *lines);

/* The end of something that puts an answer together: writes it to standard output, and releases the
 * buffer. An exit status, after an error line if that failed. */
int lki_cli_answer(const struct lki_cli *cli, struct lki_buf *text);

/* Pushes out what stdio holds back of standard output; an exit status as above. errno was set to 0
 * before the writing began, so that it can tell why that failed. */
int lki_cli_flush(const struct lki_cli *cli);

/*
 * The end of something that gathers problems: writes them, if err says that there are any, and
 * releases the buffer. The exit status: 2 for LK_E_ARG, 1 for what is not the user's fault.
 */
int lki_cli_problems(const struct lki_cli *cli, enum lk_err err, struct lki_buf *problems);

/* For who does not see the report: says why the run failed, if it did. */
void lki_cli_failure(const struct lki_cli *cli, const struct lki_result *result);

/* Whether out is to be coloured, and the width of the terminal that it is; 0: it is none. */
bool lki_cli_colour(const struct lki_cli *cli, FILE *out);
int lki_cli_columns(FILE *out);

/*
 * For a command that carries something out: fn with the model of this program, its parameters set,
 * and the registry held. An exit status, after the error lines if it does not come to that.
 */
int lki_cli_with_model(const struct lki_cli *cli,
                       int (*fn)(const struct lki_cli *cli, const struct lki_model *model));

/* Holds the registry; false, after an error line: a run has it. */
bool lki_cli_hold(const struct lki_cli *cli);

/*
 * What stands in the file of that name, or else the text that a variable had: a token, or where
 * Redis is. A new-line at the end of a file is not part of it. *out is NULL if neither is given;
 * else it is to be freed. what is for messages, "the token". An exit status.
 */
int lki_cli_secret(const struct lki_cli *cli, const char *file, const char *given, const char *what,
                   char **out);

/* Tells of variables of the environment that nearly have the name of an option. */
void lki_cli_option_notes(const struct lki_cli *cli, unsigned commands);

/* The model of this program's registry; an exit status, after the error lines if there is none. */
int lki_cli_model(const struct lki_cli *cli, struct lki_model **model);

/* The same, and the texts of its parameters, for a program elsewhere: see lki_params_gather. Both
 * are to be released whatever is returned. */
int lki_cli_gather(const struct lki_cli *cli, struct lki_model **model, struct lki_params *params);
/* The same for all runs that will be of this program: see lki_params_set_some. */
int lki_cli_prepare(const struct lki_cli *cli, struct lki_model **model, struct lki_params *params);

/* The commands; each returns an exit status. */
int lki_cli_run(const struct lki_cli *cli);
int lki_cli_list(const struct lki_cli *cli);
int lki_cli_debug(const struct lki_cli *cli);
int lki_cli_report(const struct lki_cli *cli);
int lki_cli_help(const struct lki_cli *cli);
int lki_cli_completion(const struct lki_cli *cli);
int lki_command_orchestrator(const struct lki_cli *cli);
int lki_command_worker(const struct lki_cli *cli);
int lki_cli_test_start(const struct lki_cli *cli);
int lki_cli_test_stop(const struct lki_cli *cli);
int lki_cli_test_users(const struct lki_cli *cli);
int lki_cli_test_rate(const struct lki_cli *cli);
int lki_cli_test_status(const struct lki_cli *cli);
int lki_cli_test_result(const struct lki_cli *cli);
int lki_cli_resources(const struct lki_cli *cli);
int lki_cli_resources_create(const struct lki_cli *cli);
int lki_cli_resources_ensure(const struct lki_cli *cli);
int lki_cli_resources_items(const struct lki_cli *cli);
int lki_cli_resources_delete(const struct lki_cli *cli);
int lki_cli_workers(const struct lki_cli *cli);
int lki_cli_metrics(const struct lki_cli *cli);
int lki_cli_probes(const struct lki_cli *cli);
int lki_cli_infra_up(const struct lki_cli *cli);
int lki_cli_infra_down(const struct lki_cli *cli);
int lki_cli_infra_status(const struct lki_cli *cli);

#endif
