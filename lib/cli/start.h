/*
 * What a run is to be, as an orchestrator is told.
 */
#ifndef LKI_CLI_START_H
#define LKI_CLI_START_H

#include "cli/cli.h"

/* Appends the body of POST /start_test; an exit status, after the error lines. */
int lki_start_body(const struct lki_cli *cli, struct lki_buf *body);

/* The text of an option that may be JSON or @FILE: appends the JSON object. what is for messages,
 * "--payload". An exit status. */
int lki_start_object(const struct lki_cli *cli, const char *what, const char *value,
                     struct lki_buf *out);

#endif
