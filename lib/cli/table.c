#include "cli/table.h"

#include <string.h>

#include "app/run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/options.h"
#include "user/arrivals.h"

#define HINT_COUNT "give a whole number from 1, such as 100 or 10k"
#define HINT_COUNT_OR_NONE "give a whole number from 0, such as 100 or 10k"
#define HINT_RATE "give starts per second, minute or hour, such as 200, 0.5/s or 30/m"
#define HINT_TIME "give a time such as 30s, 1h30m or 250ms"
#define HINT_STAGE "write TIME:N, such as 30s:100 for users or 30s:200/s for a rate"
#define HINT_FILE "give a file name"
#define HINT_PEM "give the name of a PEM file"
#define HINT_URL "give an address such as http://127.0.0.1:8080"

#define AT(member) offsetof(struct lki_options, member)

/* Commands that say what a run is to be; those that carry users out; those to an orchestrator. */
#define STARTS (LKI_CMD_RUN | LKI_CMD_TEST_START)
#define USERS_RUN (LKI_CMD_RUN | LKI_CMD_DEBUG)
#define HTTP_USERS (USERS_RUN | LKI_CMD_TEST_START | LKI_CMD_WORKER)
#define RESOURCES                                                                                  \
    (LKI_CMD_RESOURCES | LKI_CMD_RESOURCES_CREATE | LKI_CMD_RESOURCES_ENSURE |                     \
     LKI_CMD_RESOURCES_ITEMS | LKI_CMD_RESOURCES_DELETE)
#define REMOTE                                                                                     \
    (LKI_CMD_TEST_START | LKI_CMD_TEST_STOP | LKI_CMD_TEST_USERS | LKI_CMD_TEST_RATE |             \
     LKI_CMD_TEST_STATUS | LKI_CMD_TEST_RESULT | RESOURCES | LKI_CMD_WORKERS | LKI_CMD_METRICS |   \
     LKI_CMD_PROBES)
#define ROLES (LKI_CMD_ORCHESTRATOR | LKI_CMD_WORKER)
#define INFRA (LKI_CMD_INFRA_UP | LKI_CMD_INFRA_DOWN | LKI_CMD_INFRA_STATUS)
#define WITH_PARAMS (USERS_RUN | LKI_CMD_TEST_START | LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP)
#define WITH_CONFIG (USERS_RUN | REMOTE | ROLES | LKI_CMD_INFRA_UP)
#define EVERYWHERE                                                                                 \
    (USERS_RUN | LKI_CMD_LIST | LKI_CMD_REPORT | LKI_CMD_VERSION | LKI_CMD_HELP |                  \
     LKI_CMD_COMPLETION | REMOTE | ROLES | INFRA)

#define COUNT(field, where)                                                                        \
    .commands = (where), .kind = LKI_OPTION_COUNT, .offset = AT(field), .value = "N"
#define TIME(field, where)                                                                         \
    .commands = (where), .kind = LKI_OPTION_TIME, .offset = AT(field), .value = "TIME"
#define TEXT(field, where, what)                                                                   \
    .commands = (where), .kind = LKI_OPTION_TEXT, .offset = AT(field), .value = (what)
#define CHOICE(field, where)                                                                       \
    .commands = (where), .kind = LKI_OPTION_CHOICE, .offset = AT(field), .value = "HOW"
#define SWITCH(field, where) .commands = (where), .kind = LKI_OPTION_SWITCH, .offset = AT(field)

static const struct lki_option table[] = {
    /* what a run is to be */
    {"users", 'u', COUNT(users, LKI_CMD_RUN), .min = 1, .max = LKI_USERS_MAX, .otherwise = "1",
     .hint = HINT_COUNT, .help = "virtual users at the same time"},
    {"users", 'u', COUNT(users, LKI_CMD_TEST_START), .max = LKI_USERS_MAX, .otherwise = "1",
     .hint = HINT_COUNT_OR_NONE, .help = "virtual users; 0: none as yet"},
    {"users", 'u', COUNT(users, LKI_CMD_TEST_USERS), .reach = LKI_REACH_TYPED, .max = LKI_USERS_MAX,
     .hint = HINT_COUNT_OR_NONE, .help = "the same as the N behind users"},
    {"duration", 'd', TIME(duration_ns, LKI_CMD_RUN), .min = 1, .max = LKI_NEVER,
     .otherwise = "10s", .hint = HINT_TIME, .help = "length; no limit with -i alone"},
    {"duration", 'd', TIME(duration_ns, LKI_CMD_TEST_START), .min = 1, .max = LKI_NEVER,
     .hint = HINT_TIME, .help = "length (default: until test stop)"},
    {"iterations", 'i', COUNT(iterations, STARTS), .min = 1, .max = UINT64_MAX, .hint = HINT_COUNT,
     .help = "end after N iterations of all users"},
    {"rate", 'r', .commands = STARTS, .kind = LKI_OPTION_RATE, .offset = AT(rate_per_s),
     .value = "N", .max = LKI_RATE_MAX, .hint = HINT_RATE,
     .help = "start N iterations a second (N/m: a minute)"},
    {"rate", 'r', .commands = LKI_CMD_TEST_RATE, .kind = LKI_OPTION_RATE, .offset = AT(rate_per_s),
     .reach = LKI_REACH_TYPED, .value = "N", .max = LKI_RATE_MAX, .hint = HINT_RATE,
     .help = "the same as the N behind rate"},
    {"stage", 's', .commands = STARTS, .kind = LKI_OPTION_STAGE, .offset = AT(stages),
     .value = "TIME:N", .hint = HINT_STAGE,
     .help = "in TIME go to N users (N/s: a rate); repeatable"},
    {"spawn-interval", TIME(spawn_interval_ns, LKI_CMD_TEST_START | LKI_CMD_TEST_USERS),
     .max = LKI_SPAWN_INTERVAL_MAX_NS, .hint = "give a time up to 60s, such as 10ms",
     .help = "between two users that begin (default 0s)"},
    {"arrival-wait", TIME(arrival_wait_ns, STARTS), .max = LKI_NEVER, .otherwise = "10s",
     .hint = "give a time such as 1s or 0s", .help = "with -r: how late one may start"},
    {"step", TEXT(step, LKI_CMD_DEBUG, "NAME"), .reach = LKI_REACH_TYPED,
     .hint = "give the name of a step", .help = "carry out this step, and what it needs, only"},
    {"user", TEXT(user_type, LKI_CMD_DEBUG, "TYPE"), .reach = LKI_REACH_TYPED,
     .hint = "give the name of a user type", .help = "be a user of this type (default: the first)"},
    {"body-bytes", COUNT(body_bytes, LKI_CMD_DEBUG), .reach = LKI_REACH_TYPED,
     .max = LKI_BODY_BYTES_MAX, .otherwise = "1000", .hint = "give a whole number such as 0 or 10k",
     .help = "show so much of a body"},
    {"init-param", 'p', .commands = WITH_PARAMS, .kind = LKI_OPTION_PARAM, .offset = AT(params),
     .reach = LKI_REACH_TYPED, .value = "NAME=VALUE",
     .help = "set a parameter, @FILE: from a file; repeatable"},
    {"init-params-json", TEXT(init_params_json, LKI_CMD_TEST_START, "JSON"),
     .reach = LKI_REACH_TYPED, .hint = "give an object such as '{\"size\": 10}', or @FILE",
     .help = "set parameters by an object, @FILE: from a file"},
    {"seed", .commands = USERS_RUN | LKI_CMD_TEST_START, .kind = LKI_OPTION_NUMBER,
     .offset = AT(seed), .value = "N", .max = UINT64_MAX, .hint = "give a whole number from 0",
     .help = "draw the random numbers of that run again"},
    {"grace", TIME(grace_ns, STARTS), .max = LKI_NEVER, .otherwise = "5s",
     .hint = "give a time such as 10s or 0s", .help = "time for steps in hand at the end"},
    {"workers", 'w', COUNT(workers, LKI_CMD_RUN), .max = LKI_WORKERS_MAX,
     .hint = "give a number of processes, or 0 for none but this",
     .help = "processes, 0: only this one (default: one a CPU)"},

    /* HTTP of all users, unless their author says otherwise */
    {"http-engine", CHOICE(http.engine, HTTP_USERS), .choices = "auto|native|curl",
     .hint = "give auto, native or curl", .help = "auto, native or curl"},
    {"http-version", CHOICE(http.version, HTTP_USERS), .min = LK_HTTP_1_1,
     .choices = "1.1|2|2-only", .hint = "give 1.1, 2 or 2-only",
     .help = "1.1 (default), 2 or 2-only"},
    {"connections", CHOICE(http.connections, HTTP_USERS), .choices = "own|shared|new",
     .hint = "give own, shared or new", .help = "each user's own, shared, or new for each request"},
    {"insecure", SWITCH(http.insecure, HTTP_USERS), .help = "look at no server's certificate"},
    {"ca-file", TEXT(http.ca_file, HTTP_USERS, "FILE"), .hint = HINT_PEM,
     .help = "who may have signed certificates (PEM)"},
    {"cert-file", TEXT(http.cert_file, HTTP_USERS, "FILE"), .hint = HINT_PEM,
     .help = "the client's own certificate (PEM)"},
    {"key-file", TEXT(http.key_file, HTTP_USERS, "FILE"), .hint = HINT_PEM,
     .help = "its key (default: in the same file)"},
    {"proxy", TEXT(http.proxy, HTTP_USERS, "URL"),
     .hint = "give an address such as http://10.0.0.1:3128 or socks5://10.0.0.1:1080",
     .help = "send requests through http:// or socks5://"},
    {"resolve", .commands = HTTP_USERS, .kind = LKI_OPTION_RESOLVE, .offset = AT(resolve),
     .value = "HOST:PORT:ADDR", .hint = "write HOST:PORT:ADDR, such as shop.example:443:10.0.0.7",
     .help = "do not look HOST up; repeatable"},
    {"local-addr", TEXT(http.local_addr, HTTP_USERS, "ADDR"),
     .hint = "give an address such as 10.0.0.7, or a range such as 10.0.0.7-10.0.0.20",
     .help = "connect from ADDR, or FIRST-LAST in turn"},
    {"json", TEXT(json_file, LKI_CMD_RUN, "FILE"), .hint = HINT_FILE,
     .help = "write the result to FILE; -: standard output"},
    {"wait", SWITCH(wait, LKI_CMD_TEST_START), .reach = LKI_REACH_TYPED,
     .help = "show how it goes, wait for its end, and report"},

    /* roles over Redis */
    {"workers", 'w', COUNT(workers, LKI_CMD_INFRA_UP), .min = 1, .max = LKI_WORKERS_MAX,
     .otherwise = "1", .hint = "give a number of workers from 1",
     .help = "how many workers are started"},
    {"processes", COUNT(processes, LKI_CMD_WORKER | LKI_CMD_INFRA_UP), .min = 1,
     .max = LKI_WORKERS_MAX, .hint = "give a number of processes from 1",
     .help = "processes of a worker (default: one a CPU)"},
    {"id", TEXT(id, LKI_CMD_WORKER, "NAME"), .hint = "give a name such as worker-1",
     .help = "name of the worker (default: HOST-PID)"},
    {"run-probes", SWITCH(run_probes, LKI_CMD_WORKER), .help = "probes may run here"},
    {"orphan-after", TIME(orphan_after_ns, LKI_CMD_WORKER | LKI_CMD_INFRA_UP), .min = LKI_NS_PER_S,
     .max = LKI_NEVER, .otherwise = "60s", .hint = "give a time from 1s, such as 60s",
     .help = "without orchestrator, end after"},
    {"listen", TEXT(listen, LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP, "ADDR:PORT"),
     .otherwise = "127.0.0.1:8080", .hint = "give an address such as 127.0.0.1:8080",
     .help = "of API and page"},
    {"cluster", TEXT(cluster, ROLES | INFRA, "NAME"), .otherwise = "default",
     .hint = "give a name such as team-a", .help = "one of several in a Redis"},
    {"redis-url-file", TEXT(redis_url_file, ROLES, "FILE"), .hint = HINT_FILE,
     .help = "where Redis is, in a file; or in LK_REDIS_URL"},
    {"redis-url", TEXT(redis_url, ROLES, "URL"), .reach = LKI_REACH_VARIABLE,
     .hint = "a URL has the password in it, and others on this machine can see what is typed; put "
             "it into a file for --redis-url-file, or into the variable LK_REDIS_URL"},
    {"state-dir", TEXT(state_dir, LKI_CMD_ORCHESTRATOR, "DIR"), .hint = "give a directory",
     .help = "where the state of runs is kept"},
    {"on-worker-loss", CHOICE(on_worker_loss, LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP),
     .choices = "continue|rebalance|abort", .otherwise = "rebalance",
     .hint = "give rebalance, continue or abort", .help = "rebalance, continue or abort"},
    {"on-worker-join", CHOICE(on_worker_join, LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP),
     .choices = "ignore|rebalance", .otherwise = "rebalance", .hint = "give rebalance or ignore",
     .help = "rebalance or ignore"},
    {"allowed-hosts", TEXT(allowed_hosts, LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP, "NAMES"),
     .hint = "give names with commas between them, such as load.example,load",
     .help = "by which it may be asked; commas between"},
    {"cors-origin", TEXT(cors_origin, LKI_CMD_ORCHESTRATOR | LKI_CMD_INFRA_UP, "ORIGIN"),
     .hint = "give an origin such as https://page.example", .help = "whose pages may use the API"},

    /* commands to an orchestrator */
    {"orchestrator", TEXT(orchestrator, REMOTE, "URL"), .otherwise = "http://127.0.0.1:8080",
     .hint = HINT_URL, .help = "its address"},
    {"token-file", TEXT(token_file, REMOTE | LKI_CMD_ORCHESTRATOR | INFRA, "FILE"),
     .hint = HINT_FILE, .help = "the token of the API, in a file; or in LK_TOKEN"},
    {"token", TEXT(token, REMOTE | LKI_CMD_ORCHESTRATOR | INFRA, "TOKEN"),
     .reach = LKI_REACH_VARIABLE,
     .hint = "others on this machine can see what is typed; put it into a file for --token-file, "
             "or into the variable LK_TOKEN"},
    {"timeout", TIME(timeout_ns, REMOTE), .min = LKI_NS_PER_MS, .max = 24 * 3600 * LKI_NS_PER_S,
     .otherwise = "10s", .hint = "give a time up to a day, such as 10s",
     .help = "wait so long for an answer"},
    {"payload", TEXT(payload, LKI_CMD_RESOURCES_CREATE | LKI_CMD_RESOURCES_ENSURE, "JSON"),
     .reach = LKI_REACH_TYPED, .hint = "give an object such as '{\"tier\": \"gold\"}', or @FILE",
     .help = "members for each object, @FILE: from a file"},
    {"offset", COUNT(offset, LKI_CMD_RESOURCES_ITEMS), .reach = LKI_REACH_TYPED, .max = UINT64_MAX,
     .hint = "give a whole number from 0", .help = "pass over so many"},
    {"limit", COUNT(limit, LKI_CMD_RESOURCES_ITEMS), .reach = LKI_REACH_TYPED, .min = 1,
     .max = LKI_ITEMS_MAX, .otherwise = "100", .hint = "give a whole number from 1 to 10k",
     .help = "show at most so many"},
    {"all", SWITCH(all, LKI_CMD_RESOURCES_DELETE), .reach = LKI_REACH_TYPED,
     .help = "delete every object of the resource"},
    {"json", SWITCH(json, LKI_CMD_LIST | REMOTE | LKI_CMD_INFRA_STATUS), .reach = LKI_REACH_TYPED,
     .help = "write one JSON object"},

    /* all */
    {"config", TEXT(config_file, WITH_CONFIG, "FILE"), .reach = LKI_REACH_ENVIRONMENT,
     .hint = HINT_FILE, .help = "take from FILE what is not given here"},
    {"quiet", 'q', SWITCH(quiet, STARTS), .help = "no progress and no report"},
    {"no-color", SWITCH(no_color, USERS_RUN | LKI_CMD_REPORT | REMOTE),
     .help = "no colours; so does the variable NO_COLOR"},
    {"threshold", .commands = LKI_CMD_RUN, .kind = LKI_OPTION_LATER, .value = "EXPR",
     .hint = "thresholds are not in this version yet; use --json and judge the result file"},
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
