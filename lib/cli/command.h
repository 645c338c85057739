/*
 * The commands: one table, from which the command line is divided, and from which help and
 * completion are written.
 */
#ifndef LKI_CLI_COMMAND_H
#define LKI_CLI_COMMAND_H

#include "cli/cli.h"

struct lki_command {
    const char *name;
    enum lki_command_bit bit;
    int (*fn)(const struct lki_cli *cli); /* returns an exit status */
    const char *words;                    /* what may follow besides options, for help */
    size_t words_max;
    const char *summary;
};

/* All of them; the first one is what happens when no command is given. */
const struct lki_command *lki_command_table(size_t *count);

/* NULL: there is none of that name. */
const struct lki_command *lki_command_find(const char *name);

/* Says so, with the one that was probably meant; an exit status. */
int lki_command_unknown(const struct lki_cli *cli, const char *name);

/* Writes the options of a command, with what they belong to; NULL: all there is to say. */
int lki_help_show(const struct lki_cli *cli, const struct lki_command *command);

/* Adds the lines that explain the options of a command. */
void lki_help_options(struct lki_buf *out, enum lki_command_bit command);

#endif
