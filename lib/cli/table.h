/*
 * The options of all commands: one table, from which command lines, the environment and
 * configuration files are read, and from which help, completion and the manual's list are written.
 */
#ifndef LKI_CLI_TABLE_H
#define LKI_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Commands, as bits: an option may belong to several. */
enum lki_command_bit {
    LKI_CMD_RUN = 1,
    LKI_CMD_LIST = 2,
    LKI_CMD_DEBUG = 4,
    LKI_CMD_REPORT = 8,
    LKI_CMD_VERSION = 16,
    LKI_CMD_HELP = 32,
    LKI_CMD_COMPLETION = 64,
    LKI_CMD_ORCHESTRATOR = 1 << 7,
    LKI_CMD_WORKER = 1 << 8,
    LKI_CMD_TEST_START = 1 << 9,
    LKI_CMD_TEST_STOP = 1 << 10,
    LKI_CMD_TEST_USERS = 1 << 11,
    LKI_CMD_TEST_RATE = 1 << 12,
    LKI_CMD_TEST_STATUS = 1 << 13,
    LKI_CMD_TEST_RESULT = 1 << 14,
    LKI_CMD_RESOURCES = 1 << 15,
    LKI_CMD_RESOURCES_CREATE = 1 << 16,
    LKI_CMD_RESOURCES_ENSURE = 1 << 17,
    LKI_CMD_RESOURCES_ITEMS = 1 << 18,
    LKI_CMD_RESOURCES_DELETE = 1 << 19,
    LKI_CMD_WORKERS = 1 << 20,
    LKI_CMD_METRICS = 1 << 21,
    LKI_CMD_PROBES = 1 << 22,
    LKI_CMD_INFRA_UP = 1 << 23,
    LKI_CMD_INFRA_DOWN = 1 << 24,
    LKI_CMD_INFRA_STATUS = 1 << 25
};

enum lki_option_kind {
    LKI_OPTION_SWITCH,  /* bool */
    LKI_OPTION_COUNT,   /* uint64_t */
    LKI_OPTION_TIME,    /* int64_t nanoseconds */
    LKI_OPTION_RATE,    /* double, per second */
    LKI_OPTION_NUMBER,  /* uint64_t in plain digits */
    LKI_OPTION_TEXT,    /* const char * */
    LKI_OPTION_CHOICE,  /* unsigned: which of its choices, from min */
    LKI_OPTION_PARAM,   /* added to params */
    LKI_OPTION_STAGE,   /* added to stages */
    LKI_OPTION_RESOLVE, /* added to resolve */
    LKI_OPTION_LATER    /* known, but refused with its hint */
};

/* Where it may stand besides the command line. */
enum lki_option_reach {
    LKI_REACH_ALL, /* in the environment and in a configuration file */
    LKI_REACH_ENVIRONMENT,
    LKI_REACH_TYPED,   /* nowhere else */
    LKI_REACH_VARIABLE /* in the environment alone: typed, it is refused with its hint */
};

struct lki_option {
    const char *name;
    char letter;       /* 0: none */
    unsigned commands; /* bits */
    enum lki_option_kind kind;
    enum lki_option_reach reach;
    size_t offset;     /* of its member in struct lki_options */
    const char *value; /* what help calls the value; NULL: it takes none */
    uint64_t min;      /* counts, and times in nanoseconds */
    uint64_t max;
    const char *choices;   /* "this|that" */
    const char *otherwise; /* the default as it would be typed; NULL: zero, or help tells */
    const char *hint;      /* what to do when the value is wrong */
    const char *help;      /* NULL: not shown */
};

/* No table is longer. */
#define LKI_OPTIONS_MAX 64

/* All of them, in the order of help. */
const struct lki_option *lki_option_table(size_t *count);

/* May it be given more than once? */
static inline bool lki_option_repeats(const struct lki_option *option)
{
    return option->kind == LKI_OPTION_PARAM || option->kind == LKI_OPTION_STAGE ||
           option->kind == LKI_OPTION_RESOLVE;
}

/* The one of these commands that is called so; NULL: there is none. */
const struct lki_option *lki_option_find(unsigned commands, const char *name, size_t len);
const struct lki_option *lki_option_letter(unsigned commands, char letter);

#endif
