/*
 * What the completion scripts of all shells are made of.
 */
#ifndef LKI_CLI_COMPLETION_H
#define LKI_CLI_COMPLETION_H

#include "cli/command.h"

/* What the value of an option is, as far as it is known here. */
enum lki_values {
    LKI_VALUES_UNKNOWN,
    LKI_VALUES_FILE,
    LKI_VALUES_PARAM,
    LKI_VALUES_TYPE,
    LKI_VALUES_CHOICE
};

enum lki_values lki_completion_values(const struct lki_option *option);

/* Is it an option of that command which is to be offered? */
bool lki_completion_offers(const struct lki_cli_command *command, const struct lki_option *option);

/* The names of parameters, each with its "=", or of user types, with a blank between them. */
void lki_completion_names(struct lki_buf *out, enum lki_values values);

/* Those that an option of LKI_VALUES_CHOICE has, with a blank between them. */
void lki_completion_choices(struct lki_buf *out, const struct lki_option *option);

/* The words of the commands of a group; NULL: those at the top. */
void lki_completion_commands(struct lki_buf *out, const struct lki_cli_command *group,
                             const char *between);

/* Are the words known that may follow a command, among them commands of its own? They, with a blank
 * between them. */
bool lki_completion_has_words(const struct lki_cli_command *command);
void lki_completion_words(struct lki_buf *out, const struct lki_cli_command *command);

/* In single quotes, in which a quote is written as given, and a backslash as it is or twice. */
void lki_completion_quote(struct lki_buf *out, const char *text, const char *quote,
                          bool backslashes);

/* A name for a function of the script. */
void lki_completion_function(struct lki_buf *out, const char *program);

/* The comment that says how the script is used: before and behind it goes what calls it. */
void lki_completion_comment(struct lki_buf *out, const char *program, const char *shell,
                            const char *before, const char *behind);

/* The scripts. */
void lki_completion_bash(struct lki_buf *out, const char *program);
void lki_completion_zsh(struct lki_buf *out, const char *program);
void lki_completion_fish(struct lki_buf *out, const char *program);

#endif
