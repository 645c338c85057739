/* The command run: from options to report and exit status. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/preflight.h"
#include "app/run.h"
#include "base/entropy.h"
#include "cli/cli.h"
#include "cli/environment.h"
#include "net/local.h"
#include "report/text.h"
#include "result/json.h"

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
    int status = lki_result_exit_status(result);
    char message[512];
    bool saved = true;

    if (path && lki_result_save(result, path, message, sizeof(message))) {
        saved = false;
        status = LKI_EXIT_FAILED;
    }
    errno = 0;
    if (!cli->options.quiet)
        lki_report_text(result, out, lki_cli_colour(cli, out), lki_cli_columns(out));
    else
        lki_cli_failure(cli, result);
    if (!saved)
        lki_cli_error(cli, "%s", message);
    if ((saved || out == stdout) && lki_cli_flush(cli))
        status = LKI_EXIT_FAILED;
    return status;
}

/* That connections are made from. */
static uint64_t local_addresses(const struct lki_options *options)
{
    struct lki_local local = {0};
    const char *why;

    if (options->http.local_addr)
        lki_local_parse(&local, options->http.local_addr, &why);
    return local.count ? local.count : 1;
}

/* Does what is asked fit this machine? Raises the limit of descriptors, if that is all there is to
 * it. */
static int machine_check(const struct lki_cli *cli, const struct lki_model *model)
{
    const struct lki_options *options = &cli->options;
    struct lki_preflight_ask ask = {.users = options->population,
                                    .workers = options->workers,
                                    .user_bytes = lki_preflight_user_bytes(model)};
    struct lki_buf notes;
    struct lki_buf refusal;
    enum lk_err err;
    int status = LKI_EXIT_PASSED;

    lki_machine_read(&ask.machine);
    ask.machine.ports *= local_addresses(options);
    ask.machine.descriptors = lki_machine_raise_descriptors(
        lki_preflight_descriptors(ask.users, ask.workers));
    lki_buf_init(&notes, LKI_CLI_TEXT_MAX);
    lki_buf_init(&refusal, LKI_CLI_TEXT_MAX);
    err = lki_preflight(&ask, &notes, &refusal);
    if (err == LK_E_LIMIT)
        status = LKI_EXIT_USAGE;
    else if (err)
        status = LKI_EXIT_FAILED;
    lki_cli_errors(cli, &refusal);
    if (!options->quiet)
        lki_cli_errors(cli, &notes);
    lki_buf_release(&notes);
    lki_buf_release(&refusal);
    return status;
}

/* A password in a URL is not shown. */
static void url_mask(struct lki_buf *text, const char *word)
{
    const char *url;

    while ((url = strstr(word, "://"))) {
        size_t len = strcspn(url + 3, "/?#");
        const char *at = memrchr(url + 3, '@', len);
        const char *colon = at ? memchr(url + 3, ':', (size_t)(at - url - 3)) : NULL;
        const char *shown = colon ? colon + 1 : url + 3 + len;

        lki_buf_append(text, word, (size_t)(shown - word));
        lki_buf_str(text, colon ? "***" : "");
        word = colon ? at : shown;
    }
    lki_buf_str(text, word);
}

/* As a shell reads it. */
static void quoted_add(struct lki_buf *text, const char *word)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "-_=+,./:@%";

    if (*word && !word[strspn(word, harmless)]) {
        lki_buf_str(text, word);
        return;
    }
    lki_buf_char(text, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            lki_buf_str(text, "'\\''");
        else
            lki_buf_char(text, *word);
    }
    lki_buf_char(text, '\'');
}

static void word_add(struct lki_buf *text, const char *word)
{
    struct lki_buf shown;

    lki_buf_init(&shown, LKI_CLI_TEXT_MAX);
    url_mask(&shown, word);
    word = lki_buf_cstr(&shown);
    if (word)
        quoted_add(text, word);
    else
        text->err = shown.err;
    lki_buf_release(&shown);
}

/* NAME='the value'. */
static void variable_add(const char *variable, bool secret, void *arg)
{
    size_t name_len = strcspn(variable, "=") + 1;
    struct lki_buf *text = arg;

    lki_buf_append(text, variable, name_len);
    if (variable[name_len])
        word_add(text, secret ? "***" : variable + name_len);
    lki_buf_char(text, ' ');
}

/* The command that makes the same run again: this one, with its seed. */
static void command_write(const struct lki_cli *cli, const struct lki_model *model, uint64_t seed,
                          struct lki_buf *text)
{
    lki_environment_each(model, LKI_CMD_RUN, variable_add, text);
    word_add(text, cli->argc > 0 ? cli->argv[0] : cli->program);
    for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        lki_buf_char(text, ' ');
        word_add(text, cli->argv[i]);
    }
    if (!cli->options.seed_given)
        lki_buf_printf(text, " --seed %llu", (unsigned long long)seed);
}

static struct lki_run_settings settings_of(const struct lki_cli *cli)
{
    const struct lki_options *options = &cli->options;

    return (struct lki_run_settings){
        .users = options->users,
        .duration_ns = options->duration_ns,
        .iterations = options->iterations,
        .rate_per_s = options->rate_per_s,
        .rated = options->rated,
        .stages = options->stages,
        .stage_count = options->stage_count,
        .workers = options->workers,
        .arrival_wait_ns = options->arrival_wait_ns,
        .http = options->http_text,
        .seed = options->seed_given ? options->seed : lki_entropy_seed(),
        .grace_ns = options->grace_ns,
        .program = cli->program,
        .progress = options->quiet ? NULL : stderr,
        .progress_columns = lki_cli_columns(stderr),
        .progress_colour = lki_cli_colour(cli, stderr),
        .handle_signals = true,
    };
}

static int settings_run(const struct lki_cli *cli, const struct lki_model *model)
{
    struct lki_run_settings settings = settings_of(cli);
    struct lki_result result;
    struct lki_buf command;
    struct lki_buf message;
    enum lk_err err;
    int status;

    lki_buf_init(&command, LKI_CLI_TEXT_MAX);
    command_write(cli, model, settings.seed, &command);
    settings.command = lki_buf_cstr(&command);
    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    err = lki_run(model, &settings, &result, &message);
    status = lki_cli_problems(cli, err, &message);
    if (!err) {
        status = result_show(cli, &result);
        lki_result_release(&result);
    }
    lki_buf_release(&command);
    return status;
}

static int model_run(const struct lki_cli *cli, const struct lki_model *model)
{
    const char *path = cli->options.json_file;
    int error = path && !to_stdout(path) ? path_check(path) : 0;
    int status;

    if (error) {
        lki_cli_error(cli, "--json %s: it cannot be written (%s); name another file", path,
                      strerror(error));
        return LKI_EXIT_USAGE;
    }
    status = machine_check(cli, model);
    return status ? status : settings_run(cli, model);
}

int lki_cli_run(const struct lki_cli *cli)
{
    return lki_cli_with_model(cli, model_run);
}
