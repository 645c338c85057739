/* lk_main: finds the command and reads its options. */
#include <loadkit/scenario.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/interrupts.h"
#include "cli/command.h"
#include "result/result.h"

int lki_cli_version(const struct lki_cli *cli)
{
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_str(&out, "loadkit " LK_VERSION "\n");
    return lki_cli_answer(cli, &out);
}

/* The last part of the path that the program was started by. */
static const char *program_name(int argc, char **argv)
{
    const char *path = argc > 0 && argv[0] && *argv[0] ? argv[0] : "loadkit";
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static int command_run(struct lki_cli *cli, const struct lki_cli_command *command, bool named,
                       int argc, char **argv)
{
    struct lki_buf message;
    enum lk_err err;
    int status;

    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    err = lki_options_read(&cli->options, command->bits, command->words_max, argc, argv, &message);
    status = lki_cli_problems(cli, err, &message);
    if (err)
        return status;
    if (cli->options.help) {
        status = lki_help_show(cli, named ? command : NULL);
    } else if (cli->options.version) {
        status = lki_cli_version(cli);
    } else if (!command->fn) {
        status = lki_command_needs_word(cli, command);
    } else {
        lki_cli_option_notes(cli, command->bits);
        status = command->fn(cli);
    }
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
    size_t count;
    const struct lki_cli_command *command = lki_command_table(&count);
    struct sigaction kept[LKI_INTERRUPT_SIGNALS];
    size_t used = 0;
    int status;

    descriptors_guard();
    if (argc > 1 && argv[1][0] != '-')
        command = lki_command_of(&cli, (size_t)argc - 1, (const char *const *)argv + 1, &used);
    if (!command)
        return LKI_EXIT_USAGE;
    lki_interrupts_keep(kept);
    if (argc < 1)
        status = command_run(&cli, command, false, 0, argv);
    else
        status = command_run(&cli, command, used > 0, argc - 1 - (int)used, argv + 1 + used);
    lki_interrupts_restore(kept);
    return status;
}
