/* The command run: from options to report and exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/run.h"
#include "cli/cli.h"
#include "cli/params.h"
#include "model/registry.h"
#include "report/text.h"
#include "result/json.h"

static bool wants_colour(const struct lki_cli *cli, FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return !cli->options.no_color && !(no_color && *no_color) && isatty(fileno(out)) &&
           !(terminal && !strcmp(terminal, "dumb"));
}

/* Of the terminal; 0: none. */
static int columns_of(FILE *out)
{
    struct winsize size;

    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool to_stdout(const char *path)
{
    return !strcmp(path, "-");
}

/* Can the file that is there be replaced by a new one beside it? 0, or an errno. */
static int replace_check(const char *path)
{
    char *real = realpath(path, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    int error = 0;

    if (!real || access(real, W_OK))
        error = errno;
    if (!error && slash) {
        slash[1] = '\0';
        error = access(real, W_OK | X_OK) ? errno : 0;
    }
    free(real);
    return error;
}

/* Can this file be written? Looked at before the run, since afterwards it would be too late. What
 * is there stays as it is. 0, or an errno. */
static int path_check(const char *path)
{
    struct stat info;
    int fd;

    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return EISDIR;
        if (S_ISREG(info.st_mode))
            return replace_check(path);
        return access(path, W_OK) == 0 ? 0 : errno;
    }
    if (errno != ENOENT)
        return errno;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    close(fd);
    return unlink(path) ? errno : 0;
}

/* The result as a file, then for people: who reads the report through a pipe may leave early. */
static int result_show(const struct lki_cli *cli, const struct lki_result *result)
{
    const char *path = cli->options.json_file;
    FILE *out = path && to_stdout(path) ? stderr : stdout;
    const char *failure = lki_result_failure(result);
    int status = lki_result_exit_status(result);
    char message[512];
    bool saved = true;

    if (path && lki_result_save(result, path, message, sizeof(message))) {
        saved = false;
        status = LKI_EXIT_FAILED;
    }
    errno = 0;
    if (!cli->options.quiet)
        lki_report_text(result, out, wants_colour(cli, out), columns_of(out));
    else if (failure)
        lki_cli_error(cli, "the run failed: %s", failure);
    if (!saved)
        lki_cli_error(cli, "%s", message);
    if ((saved || out == stdout) && lki_cli_flush(cli))
        status = LKI_EXIT_FAILED;
    return status;
}

static int model_run(const struct lki_cli *cli, const struct lki_model *model)
{
    const struct lki_options *options = &cli->options;
    struct lki_run_settings settings = {
        .users = options->users,
        .duration_ns = options->duration_ns,
        .iterations = options->iterations,
        .rate_per_s = options->rate_per_s,
        .arrival_wait_ns = options->arrival_wait_ns,
        .seed = options->seed_given ? options->seed : lki_run_seed(),
        .grace_ns = options->grace_ns,
        .program = cli->program,
        .progress = options->quiet ? NULL : stderr,
        .progress_columns = columns_of(stderr),
        .handle_signals = true,
    };
    struct sigaction interrupt;
    struct sigaction terminate;
    struct lki_result result;
    struct lki_buf message;
    enum lk_err err;
    int status;

    sigaction(SIGINT, NULL, &interrupt);
    sigaction(SIGTERM, NULL, &terminate);
    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    err = lki_run(model, &settings, &result, &message);
    status = lki_cli_problems(cli, err, &message);
    if (!err) {
        status = result_show(cli, &result);
        lki_result_release(&result);
    }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &terminate, NULL);
    return status;
}

static int registry_run(const struct lki_cli *cli)
{
    const struct lki_options *options = &cli->options;
    struct lki_model *model = NULL;
    struct lki_params params;
    struct lki_buf problems;
    enum lk_err err;
    int status = lki_cli_model(cli, &model);
    int error = 0;

    if (status)
        return status;
    lki_buf_init(&problems, LKI_CLI_TEXT_MAX);
    err = lki_params_set(&params, options, model, &problems);
    status = lki_cli_problems(cli, err, &problems);
    if (!status && options->json_file && !to_stdout(options->json_file))
        error = path_check(options->json_file);
    if (error) {
        lki_cli_error(cli, "--json %s: it cannot be written (%s); name another file",
                      options->json_file, strerror(error));
        status = LKI_EXIT_USAGE;
    }
    if (!status)
        status = model_run(cli, model);
    lki_params_release(&params);
    lki_model_free(model);
    return status;
}

int lki_cli_run(const struct lki_cli *cli)
{
    int status;

    if (!lki_registry_hold()) {
        lki_cli_error(cli, "a run is on already in this program; wait for its end");
        return LKI_EXIT_FAILED;
    }
    status = registry_run(cli);
    lki_registry_let_go();
    return status;
}
