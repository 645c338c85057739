/*
 * The value of an option: from the text that somebody wrote, wherever it stood, to the member of
 * struct lki_options that it is for.
 */
#ifndef LKI_CLI_VALUE_H
#define LKI_CLI_VALUE_H

#include "cli/options.h"

/* How an option was written, for messages: "--" "users" " ", "LK_" "USERS" "=", or
 * "the file x, line 3: " "users" " = ". */
struct lki_spelling {
    const char *before;
    const char *name;
    size_t len;
    const char *between; /* it and its value */
};

/* For a printf: "--users". */
#define LKI_SPELLING_FMT "%s%.*s"
#define LKI_SPELLING_ARGS(as) (as)->before, (int)(as)->len, (as)->name

/* Sets or adds. value has to live as long as options. LK_E_ARG: message says what is wrong with it,
 * and what to do. */
enum lk_err lki_value_set(struct lki_options *options, const struct lki_option *option,
                          const struct lki_spelling *as, const char *value,
                          struct lki_buf *message);

/* What the options of these commands are when they are given nowhere. */
void lki_values_default(struct lki_options *options, unsigned commands);

#endif
