/*
 * The options of all commands: one table, from which the command line is read and help is written.
 */
#ifndef LKI_CLI_OPTIONS_H
#define LKI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Commands, as bits: an option may belong to several. */
enum lki_command_bit { LKI_CMD_RUN = 1, LKI_CMD_LIST = 2, LKI_CMD_VERSION = 4, LKI_CMD_HELP = 8 };

/* What a command line says. Texts are the caller's argv. */
struct lki_options {
    uint64_t users;
    int64_t duration_ns; /* LKI_NEVER: none */
    uint64_t iterations; /* 0: no limit */
    uint64_t workers;
    int64_t grace_ns;
    double rate_per_s;       /* of arrivals; 0: none */
    int64_t arrival_wait_ns; /* how long one waits for a user */
    uint64_t seed;
    bool seed_given;
    const char **params; /* "name=value" and "name=@FILE" */
    size_t param_count;
    const char *json_file; /* NULL: none */
    bool json;             /* of list */
    bool quiet;
    bool no_color;
    bool help;
    bool version;
    const char *topic; /* of help; NULL: none */
};

/*
 * Reads the arguments behind a command. What is not given has its default. --help and --version end
 * the reading: what stands behind them is not looked at. LK_E_ARG: message is one line, without a
 * new-line, about what is wrong and what to do.
 */
enum lk_err lki_options_read(struct lki_options *options, enum lki_command_bit command, int argc,
                             char **argv, struct lki_buf *message);
void lki_options_release(struct lki_options *options);

/* Adds the lines that explain the options of a command. */
void lki_options_help(enum lki_command_bit command, struct lki_buf *out);

#endif
