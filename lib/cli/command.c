#include "cli/command.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "result/result.h"

#define TEST_BITS                                                                                  \
    (LKI_CMD_TEST_START | LKI_CMD_TEST_STOP | LKI_CMD_TEST_USERS | LKI_CMD_TEST_RATE |             \
     LKI_CMD_TEST_STATUS | LKI_CMD_TEST_RESULT)
#define INFRA_BITS (LKI_CMD_INFRA_UP | LKI_CMD_INFRA_DOWN | LKI_CMD_INFRA_STATUS)

/* Commands of a group stand behind it. */
static const struct lki_cli_command commands[] = {
    {"run", LKI_CMD_RUN, lki_cli_run, "", 0, "run the load test and report; the default"},
    {"list", LKI_CMD_LIST, lki_cli_list, "", 0, "show the users, steps, parameters and resources"},
    {"debug", LKI_CMD_DEBUG, lki_cli_debug, "", 0,
     "be one user, carry out each step once, and show every exchange"},
    {"report", LKI_CMD_REPORT, lki_cli_report, " FILE [FILE]", 2,
     "show a result file again, or compare two"},

    {"infra", INFRA_BITS, NULL, " COMMAND", 0,
     "start all that a test over Redis needs on this machine: up, down, status"},
    {"infra up", LKI_CMD_INFRA_UP, lki_cli_infra_up, "", 0,
     "start a private Redis, an orchestrator and workers in the background"},
    {"infra down", LKI_CMD_INFRA_DOWN, lki_cli_infra_down, "", 0, "end what infra up has started"},
    {"infra status", LKI_CMD_INFRA_STATUS, lki_cli_infra_status, "", 0,
     "show what infra up has started"},
    {"orchestrator", LKI_CMD_ORCHESTRATOR, lki_command_orchestrator, "", 0,
     "command workers on other machines, over Redis; has an API and a page"},
    {"worker", LKI_CMD_WORKER, lki_command_worker, "", 0,
     "carry out users for an orchestrator, over Redis"},

    {"test", TEST_BITS, NULL, " COMMAND", 0,
     "command an orchestrator: start, stop, users, rate, status, result"},
    {"test start", LKI_CMD_TEST_START, lki_cli_test_start, "", 0, "start a run"},
    {"test stop", LKI_CMD_TEST_STOP, lki_cli_test_stop, "", 0, "end the run; again: at once"},
    {"test users", LKI_CMD_TEST_USERS, lki_cli_test_users, " N", 1, "go over to so many users"},
    {"test rate", LKI_CMD_TEST_RATE, lki_cli_test_rate, " N[/s]", 1,
     "go over to that rate of iterations"},
    {"test status", LKI_CMD_TEST_STATUS, lki_cli_test_status, "", 0, "show how the run stands"},
    {"test result", LKI_CMD_TEST_RESULT, lki_cli_test_result, "", 0,
     "show the report of the last run that is over"},
    {"resources", LKI_CMD_RESOURCES, lki_cli_resources, "", 0,
     "show the resources of an orchestrator; create, ensure, items, delete"},
    {"resources list", LKI_CMD_RESOURCES, lki_cli_resources, "", 0,
     "show them, and how many objects there are"},
    {"resources create", LKI_CMD_RESOURCES_CREATE, lki_cli_resources_create, " NAME [COUNT]", 2,
     "create objects"},
    {"resources ensure", LKI_CMD_RESOURCES_ENSURE, lki_cli_resources_ensure, " NAME COUNT", 2,
     "create the objects that are missing"},
    {"resources items", LKI_CMD_RESOURCES_ITEMS, lki_cli_resources_items, " NAME", 1,
     "show the objects"},
    {"resources delete", LKI_CMD_RESOURCES_DELETE, lki_cli_resources_delete, " NAME [ID]", 2,
     "delete an object, or all"},
    {"workers", LKI_CMD_WORKERS, lki_cli_workers, "", 0, "show the workers of an orchestrator"},
    {"metrics", LKI_CMD_METRICS, lki_cli_metrics, "", 0,
     "show the numbers of an orchestrator's run, and its failures"},
    {"probes", LKI_CMD_PROBES, lki_cli_probes, "", 0,
     "show what the probes of an orchestrator's run read"},

    {"version", LKI_CMD_VERSION, lki_cli_version, "", 0, "show the version of loadkit"},
    {"help", LKI_CMD_HELP, lki_cli_help, " [COMMAND]", 2, "explain a command"},
    {"completion", LKI_CMD_COMPLETION, lki_cli_completion, " bash|zsh|fish", 1,
     "write a script that has a shell complete this command line"},
};

const struct lki_cli_command *lki_command_table(size_t *count)
{
    *count = LKI_COUNT(commands);
    return commands;
}

/* ---- groups ---- */

bool lki_command_is_top(const struct lki_cli_command *command)
{
    return !strchr(command->name, ' ');
}

bool lki_command_is_of(const struct lki_cli_command *command, const struct lki_cli_command *group)
{
    size_t len = group ? strlen(group->name) : 0;

    if (!group)
        return lki_command_is_top(command);
    return !strncmp(command->name, group->name, len) && command->name[len] == ' ';
}

bool lki_command_is_group(const struct lki_cli_command *command)
{
    const struct lki_cli_command *next = command + 1;

    return next < commands + LKI_COUNT(commands) && lki_command_is_of(next, command);
}

const char *lki_command_word(const struct lki_cli_command *command)
{
    const char *blank = strchr(command->name, ' ');

    return blank ? blank + 1 : command->name;
}

/* ---- what was typed ---- */

/* group NULL: one at the top. */
static const struct lki_cli_command *find_word(const struct lki_cli_command *group,
                                               const char *word)
{
    for (size_t i = 0; i < LKI_COUNT(commands); i++) {
        const struct lki_cli_command *command = &commands[i];
        if (lki_command_is_of(command, group) && !strcmp(lki_command_word(command), word))
            return command;
    }
    return NULL;
}

static void unknown_tell(const struct lki_cli *cli, const struct lki_cli_command *group,
                         const char *word)
{
    const char *before = group ? group->name : "";
    const char *blank = group ? " " : "";
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, word, strlen(word));
    for (size_t i = 0; i < LKI_COUNT(commands); i++) {
        if (lki_command_is_of(&commands[i], group))
            lki_nearest_offer(&nearest, lki_command_word(&commands[i]));
    }
    if (nearest.best)
        lki_cli_error(cli, "unknown command '%s%s%.100s'; did you mean %s%s%s?", before, blank,
                      word, before, blank, nearest.best);
    else
        lki_cli_error(cli, "unknown command '%s%s%.100s'; %s%s--help lists them all", before, blank,
                      word, before, blank);
}

const struct lki_cli_command *lki_command_of(const struct lki_cli *cli, size_t count,
                                             const char *const *words, size_t *used)
{
    const struct lki_cli_command *command = find_word(NULL, words[0]);
    const struct lki_cli_command *own;

    *used = 1;
    if (!command)
        unknown_tell(cli, NULL, words[0]);
    if (!command || !lki_command_is_group(command) || count < 2 || words[1][0] == '-')
        return command;
    own = find_word(command, words[1]);
    *used = 2;
    if (!own)
        unknown_tell(cli, command, words[1]);
    return own;
}

int lki_command_needs_word(const struct lki_cli *cli, const struct lki_cli_command *group)
{
    struct lki_buf text;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    for (size_t i = 0; i < LKI_COUNT(commands); i++) {
        if (lki_command_is_of(&commands[i], group))
            lki_buf_printf(&text, "%s%s", text.len ? ", " : "", lki_command_word(&commands[i]));
    }
    lki_cli_error(cli, "%s needs one of its commands: %s", group->name,
                  text.err ? "" : lki_buf_cstr(&text));
    lki_buf_release(&text);
    return LKI_EXIT_USAGE;
}
