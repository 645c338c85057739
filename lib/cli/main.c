/* lk_main: finds the command and reads its options. */
#include <loadkit/scenario.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "result/result.h"

static int command_version(const struct lki_cli *cli);

static const struct lki_command commands[] = {
    {"run", LKI_CMD_RUN, lki_cli_run, "", 0, "run the load test and report; the default"},
    {"list", LKI_CMD_LIST, lki_cli_list, "", 0, "show the users, steps, parameters and resources"},
    {"debug", LKI_CMD_DEBUG, lki_cli_debug, "", 0,
     "be one user, carry out each step once, and show every exchange"},
    {"report", LKI_CMD_REPORT, lki_cli_report, " FILE [FILE]", 2,
     "show a result file again, or compare two"},
    {"version", LKI_CMD_VERSION, command_version, "", 0, "show the version of loadkit"},
    {"help", LKI_CMD_HELP, lki_cli_help, " [COMMAND]", 1, "explain a command"},
    {"completion", LKI_CMD_COMPLETION, lki_cli_completion, " bash|zsh|fish", 1,
     "write a script that has a shell complete this command line"},
};

const struct lki_command *lki_command_table(size_t *count)
{
    *count = LKI_COUNT(commands);
    return commands;
}

const struct lki_command *lki_command_find(const char *name)
{
    for (size_t i = 0; i < LKI_COUNT(commands); i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

int lki_command_unknown(const struct lki_cli *cli, const char *name)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < LKI_COUNT(commands); i++)
        lki_nearest_offer(&nearest, commands[i].name);
    if (nearest.best)
        lki_cli_error(cli, "unknown command '%.100s'; did you mean %s?", name, nearest.best);
    else
        lki_cli_error(cli, "unknown command '%.100s'; --help lists them all", name);
    return LKI_EXIT_USAGE;
}

static int command_version(const struct lki_cli *cli)
{
    struct lki_buf out;
    int status;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_str(&out, "loadkit " LK_VERSION "\n");
    status = lki_cli_answer(cli, &out);
    lki_buf_release(&out);
    return status;
}

/* The last part of the path that the program was started by. */
static const char *program_name(int argc, char **argv)
{
    const char *path = argc > 0 && argv[0] && *argv[0] ? argv[0] : "loadkit";
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static int command_run(struct lki_cli *cli, const struct lki_command *command, bool named, int argc,
                       char **argv)
{
    struct lki_buf message;
    enum lk_err err;
    int status;

    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    err = lki_options_read(&cli->options, command->bit, command->words_max, argc, argv, &message);
    status = lki_cli_problems(cli, err, &message);
    if (err)
        return status;
    if (cli->options.help)
        status = lki_help_show(cli, named ? command : NULL);
    else if (cli->options.version)
        status = command_version(cli);
    else
        status = command->fn(cli);
    lki_options_release(&cli->options);
    return status;
}

/* A standard descriptor that came closed would be given to the next socket, and the report would go
 * to the server. Opened the wrong way round it still fails as a closed one does. */
static void descriptors_guard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

int lk_main(int argc, char **argv)
{
    struct lki_cli cli = {.program = program_name(argc, argv), .argc = argc, .argv = argv};
    const struct lki_command *command = &commands[0];
    bool named = argc > 1 && argv[1][0] != '-';

    descriptors_guard();
    if (named)
        command = lki_command_find(argv[1]);
    if (!command)
        return lki_command_unknown(&cli, argv[1]);
    if (argc < 1)
        return command_run(&cli, command, false, 0, argv);
    return command_run(&cli, command, named, argc - 1 - named, argv + 1 + named);
}
