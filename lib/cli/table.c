#include "cli/table.h"

#include <string.h>

#include "app/run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/options.h"
#include "user/arrivals.h"

#define HINT_COUNT "give a whole number from 1, such as 100 or 10k"
#define HINT_RATE "give starts per second or minute, such as 200, 0.5/s or 30/m"
#define HINT_TIME "give a time such as 30s, 1h30m or 250ms"
#define HINT_STAGE "write TIME:N, such as 30s:100 for users or 30s:200/s for a rate"
#define HINT_FILE "give a file name"

#define AT(member) offsetof(struct lki_options, member)
#define USERS_RUN (LKI_CMD_RUN | LKI_CMD_DEBUG)
#define EVERYWHERE                                                                                 \
    (USERS_RUN | LKI_CMD_LIST | LKI_CMD_REPORT | LKI_CMD_VERSION | LKI_CMD_HELP |                  \
     LKI_CMD_COMPLETION)

#define COUNT(field)                                                                               \
    .commands = LKI_CMD_RUN, .kind = LKI_OPTION_COUNT, .offset = AT(field), .value = "N"
#define TIME(field)                                                                                \
    .commands = LKI_CMD_RUN, .kind = LKI_OPTION_TIME, .offset = AT(field), .value = "TIME"
#define TEXT(field, where, what)                                                                   \
    .commands = (where), .kind = LKI_OPTION_TEXT, .offset = AT(field), .value = (what)
#define SWITCH(field, where) .commands = (where), .kind = LKI_OPTION_SWITCH, .offset = AT(field)

static const struct lki_option table[] = {
    {"users", 'u', COUNT(users), .min = 1, .max = LKI_USERS_MAX, .otherwise = "1",
     .hint = HINT_COUNT, .help = "virtual users at the same time"},
    {"duration", 'd', TIME(duration_ns), .min = 1, .max = LKI_NEVER, .otherwise = "10s",
     .hint = HINT_TIME, .help = "length; no limit with -i alone"},
    {"iterations", 'i', COUNT(iterations), .min = 1, .max = UINT64_MAX, .hint = HINT_COUNT,
     .help = "end after N iterations of all users"},
    {"rate", 'r', .commands = LKI_CMD_RUN, .kind = LKI_OPTION_RATE, .offset = AT(rate_per_s),
     .value = "N", .max = LKI_RATE_MAX, .hint = HINT_RATE,
     .help = "start N iterations a second (N/m: a minute)"},
    {"stage", 's', .commands = LKI_CMD_RUN, .kind = LKI_OPTION_STAGE, .offset = AT(stages),
     .value = "TIME:N", .hint = HINT_STAGE,
     .help = "in TIME go to N users (N/s: a rate); repeatable"},
    {"arrival-wait", TIME(arrival_wait_ns), .max = LKI_NEVER, .otherwise = "10s",
     .hint = "give a time such as 1s or 0s", .help = "with -r: how late one may start"},
    {"step", TEXT(step, LKI_CMD_DEBUG, "NAME"), .reach = LKI_REACH_TYPED,
     .hint = "give the name of a step", .help = "carry out this step, and what it needs, only"},
    {"user", TEXT(user_type, LKI_CMD_DEBUG, "TYPE"), .reach = LKI_REACH_TYPED,
     .hint = "give the name of a user type", .help = "be a user of this type (default: the first)"},
    {"body-bytes", .commands = LKI_CMD_DEBUG, .kind = LKI_OPTION_COUNT, .offset = AT(body_bytes),
     .reach = LKI_REACH_TYPED, .value = "N", .max = LKI_BODY_BYTES_MAX, .otherwise = "1000",
     .hint = "give a whole number such as 0 or 10k", .help = "show so much of a body"},
    {"init-param", 'p', .commands = USERS_RUN, .kind = LKI_OPTION_PARAM, .offset = AT(params),
     .reach = LKI_REACH_TYPED, .value = "NAME=VALUE",
     .help = "set a parameter, @FILE: from a file; repeatable"},
    {"seed", .commands = USERS_RUN, .kind = LKI_OPTION_NUMBER, .offset = AT(seed), .value = "N",
     .max = UINT64_MAX, .hint = "give a whole number from 0",
     .help = "draw the random numbers of that run again"},
    {"grace", TIME(grace_ns), .max = LKI_NEVER, .otherwise = "5s",
     .hint = "give a time such as 10s or 0s", .help = "time for steps in hand at the end"},
    {"workers", 'w', COUNT(workers), .max = LKI_WORKERS_MAX,
     .hint = "give a number of processes, or 0 for none but this",
     .help = "processes, 0: only this one (default: one a CPU)"},
    {"json", TEXT(json_file, LKI_CMD_RUN, "FILE"), .hint = HINT_FILE,
     .help = "write the result to FILE; -: standard output"},
    {"config", TEXT(config_file, USERS_RUN, "FILE"), .reach = LKI_REACH_ENVIRONMENT,
     .hint = HINT_FILE, .help = "take from FILE what is not given here"},
    {"quiet", 'q', SWITCH(quiet, LKI_CMD_RUN), .help = "no progress and no report"},
    {"no-color", SWITCH(no_color, USERS_RUN | LKI_CMD_REPORT),
     .help = "no colours; so does the variable NO_COLOR"},
    {"threshold", .commands = LKI_CMD_RUN, .kind = LKI_OPTION_LATER, .value = "EXPR",
     .hint = "thresholds are not in this version yet; use --json and judge the result file"},
    {"json", SWITCH(json, LKI_CMD_LIST), .reach = LKI_REACH_TYPED, .help = "write one JSON object"},
    {"mdoc", SWITCH(mdoc, LKI_CMD_HELP), .reach = LKI_REACH_TYPED},
    {"help", 'h', SWITCH(help, EVERYWHERE), .reach = LKI_REACH_TYPED, .help = "show this help"},
    {"version", SWITCH(version, EVERYWHERE), .reach = LKI_REACH_TYPED, .help = "show the version"},
};

_Static_assert(LKI_COUNT(table) <= LKI_OPTIONS_MAX, "readers keep a place for each option");

const struct lki_option *lki_option_table(size_t *count)
{
    *count = LKI_COUNT(table);
    return table;
}

const struct lki_option *lki_option_find(unsigned commands, const char *name, size_t len)
{
    for (size_t i = 0; i < LKI_COUNT(table); i++) {
        if ((table[i].commands & commands) && strlen(table[i].name) == len &&
            !memcmp(table[i].name, name, len))
            return &table[i];
    }
    return NULL;
}

const struct lki_option *lki_option_letter(unsigned commands, char letter)
{
    for (size_t i = 0; i < LKI_COUNT(table); i++) {
        if ((table[i].commands & commands) && table[i].letter == letter)
            return &table[i];
    }
    return NULL;
}
