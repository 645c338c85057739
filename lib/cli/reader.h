/*
 * Options being read: from the command line first, then from what stands below it, which fills in
 * what was not given yet.
 */
#ifndef LKI_CLI_READER_H
#define LKI_CLI_READER_H

#include "cli/options.h"
#include "cli/value.h"

/* Where something was given; what is higher counts. */
enum lki_level { LKI_GIVEN_NOWHERE, LKI_GIVEN_IN_FILE, LKI_GIVEN_IN_ENVIRONMENT, LKI_GIVEN_TYPED };

struct lki_reader {
    struct lki_options *options;
    unsigned commands; /* bits */
    struct lki_buf *message;
    enum lki_level given[LKI_OPTIONS_MAX]; /* by their order in the table */
};

/* Notes that an option is given at that level. False: it is not to be looked at, since another one
 * that counts, or one that excludes it, was given at a higher level. */
bool lki_reader_take(struct lki_reader *reader, const struct lki_option *option,
                     enum lki_level level);

/* The variable that an option may stand in, LK_SEED for --seed. */
#define LKI_VARIABLE_BYTES 67
void lki_environment_name(const struct lki_option *option, char name[LKI_VARIABLE_BYTES]);

/* Takes what the variables LK_... say. */
enum lk_err lki_environment_read(struct lki_reader *reader);

/* Takes what the configuration file says, if one was named. */
enum lk_err lki_config_read(struct lki_reader *reader);

#endif
