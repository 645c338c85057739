/*
 * The commands: one table, from which the command line is divided, and from which help and
 * completion are written.
 *
 * A command may have commands of its own, "test start" below "test": they follow it in the table,
 * and it is called their group.
 */
#ifndef LKI_CLI_COMMAND_H
#define LKI_CLI_COMMAND_H

#include "cli/cli.h"

struct lki_cli_command {
    const char *name; /* one word, or two with a blank between them */
    unsigned bits; /* enum lki_command_bit; a group that does nothing by itself: all of its own */
    int (*fn)(const struct lki_cli *cli); /* returns an exit status; NULL: it does nothing itself */
    const char *words;                    /* what may follow besides options, for help */
    size_t words_max;
    const char *summary;
};

/* All of them; the first one is what happens when no command is given. */
const struct lki_cli_command *lki_command_table(size_t *count);

/* Is it one of the commands of that group? NULL: of those at the top. */
bool lki_command_is_of(const struct lki_cli_command *command, const struct lki_cli_command *group);

/* Does it stand at the top, not below another one? */
bool lki_command_is_top(const struct lki_cli_command *command);

/* Has it commands of its own? */
bool lki_command_is_group(const struct lki_cli_command *command);

/* The word by which it is known among those of its group: "start" of "test start". */
const char *lki_command_word(const struct lki_cli_command *command);

/* The command that so many words begin with; NULL: none, which has been told. *used is how many of
 * them are its name. */
const struct lki_cli_command *lki_command_of(const struct lki_cli *cli, size_t count,
                                             const char *const *words, size_t *used);

/* A group was named that does nothing by itself: says which commands it has. An exit status. */
int lki_command_needs_word(const struct lki_cli *cli, const struct lki_cli_command *group);

/* Writes the options of a command, with what they belong to; NULL: all there is to say. */
int lki_help_show(const struct lki_cli *cli, const struct lki_cli_command *command);

/* Adds the lines that explain the options of commands. */
void lki_help_options(struct lki_buf *out, unsigned commands);

int lki_cli_version(const struct lki_cli *cli);

#endif
