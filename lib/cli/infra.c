/* The commands infra ...: all that a test over Redis needs, on this machine, in the background. */
#include "app/infra.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app/interrupts.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/params.h"
#include "cli/sheet.h"
#include "result/result.h"

#define AT(member) offsetof(struct lki_options, member)
#define LABEL_COLUMN 14

/* ---- what is handed on ---- */

/* Words for a command line. */
struct words {
    const char **list;
    size_t count;
    size_t cap;
    struct lki_arena arena;
    bool failed;
};

static void word_add(struct words *words, const char *word)
{
    const char **list = lki_room(words->list, words->count, &words->cap, sizeof(*list));

    if (list)
        words->list = list;
    if (list && !words->failed)
        words->list[words->count++] = word;
    else
        words->failed = true;
}

static void option_add(struct words *words, const char *name, const char *value)
{
    word_add(words, name);
    word_add(words, value);
}

static void words_release(struct words *words)
{
    free(words->list);
    lki_arena_reset(&words->arena);
}

/* The choice of that option, by its name. */
static const char *choice_text(struct words *words, const char *name, unsigned number)
{
    const struct lki_option *option = lki_option_find(LKI_CMD_INFRA_UP, name, strlen(name));
    const char *at = option->choices;
    char *copy;

    while (number--)
        at = strchr(at, '|') + 1;
    copy = lki_arena_copy(&words->arena, at, strcspn(at, "|"));
    words->failed |= !copy;
    return copy;
}

/* What is not given here has its default there. */
static void orchestrator_words(struct words *words, const struct lki_options *options)
{
    if (lki_options_has(options, AT(on_worker_loss)))
        option_add(words, "--on-worker-loss",
                   choice_text(words, "on-worker-loss", options->on_worker_loss));
    if (lki_options_has(options, AT(on_worker_join)))
        option_add(words, "--on-worker-join",
                   choice_text(words, "on-worker-join", options->on_worker_join));
    if (options->allowed_hosts)
        option_add(words, "--allowed-hosts", options->allowed_hosts);
    if (options->cors_origin)
        option_add(words, "--cors-origin", options->cors_origin);
    if (options->token_file)
        option_add(words, "--token-file", options->token_file);
    if (options->config_file)
        option_add(words, "--config", options->config_file);
    for (size_t i = 0; i < options->param_count; i++)
        option_add(words, "-p", options->params[i]);
    word_add(words, NULL);
}

static void worker_words(struct words *words, const struct lki_options *options)
{
    char text[32];
    char *copy;

    if (lki_options_has(options, AT(orphan_after_ns))) {
        snprintf(text, sizeof(text), "%" PRId64 "us", options->orphan_after_ns / LKI_NS_PER_US);
        copy = lki_arena_copy(&words->arena, text, strlen(text));
        words->failed |= !copy;
        option_add(words, "--orphan-after", copy);
    }
    word_add(words, NULL);
}

/* ---- up ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void label(struct lki_buf *out, const char *name)
{
    lki_buf_printf(out, "%-*s", LABEL_COLUMN, name);
}

/* What a run has to be given beyond that. */
static void needs_add(const struct lki_cli *cli, struct lki_buf *out)
{
    struct lki_model *model = NULL;
    struct lki_params params;

    if (!lki_cli_prepare(cli, &model, &params)) {
        for (size_t i = 0; i < model->param_count; i++) {
            const struct lki_param *param = &model->params[i];

            if (param->def->required && !param->given)
                lki_buf_printf(out, " -p %s=...", param->name);
        }
    }
    lki_params_release(&params);
    lki_model_free(model);
}

static int up_show(const struct lki_cli *cli, const struct lki_infra *infra)
{
    const char *program = cli->argc > 0 ? cli->argv[0] : cli->program;
    bool usual = !strcmp(infra->url, "http://127.0.0.1:8080");
    const char *name = cli->options.cluster;
    const char *cluster = strcmp(name, "default") != 0 ? " --cluster " : "";
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    label(&out, "page, API");
    lki_buf_printf(&out, "%s\n", infra->url);
    for (size_t i = 0; i < infra->count; i++) {
        label(&out, infra->daemons[i].name);
        lki_buf_printf(&out, "pid %ld", (long)infra->daemons[i].pid);
        if (i > 1)
            lki_buf_printf(&out, ", processes %" PRIu64, infra->processes);
        lki_buf_char(&out, '\n');
    }
    label(&out, "logs");
    lki_buf_printf(&out, "%s/*.log\n", infra->dir.path);
    label(&out, "next");
    lki_buf_printf(&out, "%s test start --users 10 --duration 30s --wait%s%s", program,
                   usual ? "" : " --orchestrator ", usual ? "" : infra->url);
    needs_add(cli, &out);
    lki_buf_char(&out, '\n');
    label(&out, "end");
    lki_buf_printf(&out, "%s infra down%s%s\n", program, cluster, *cluster ? name : "");
    return lki_cli_answer(cli, &out);
}

/* LK_E_ARG and what else is in the user's hand is a matter of usage. */
static int fail(const struct lki_cli *cli, enum lk_err err, struct lki_buf *why)
{
    if (err == LK_E_CANCELLED)
        lki_buf_str(why, "interrupted: what was started has been ended\n");
    lki_cli_problems(cli, err, why);
    return err == LK_E_ARG || err == LK_E_NOT_FOUND || err == LK_E_LIMIT ? LKI_EXIT_USAGE
                                                                         : LKI_EXIT_FAILED;
}

static int settings_up(const struct lki_cli *cli, const struct lki_infra_settings *settings)
{
    struct sigaction before[LKI_INTERRUPT_SIGNALS];
    struct sigaction action = {.sa_handler = on_interrupt};
    struct lki_infra infra;
    struct lki_buf why;
    enum lk_err err;
    int status;

    lki_interrupts_keep(before);
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++) {
        if (lki_interrupt_signals[i] != SIGHUP || !lki_hangup_is_ignored())
            sigaction(lki_interrupt_signals[i], &action, NULL);
    }
    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_infra_up(&infra, settings, &why);
    lki_interrupts_restore(before);
    if (err)
        return fail(cli, err, &why);
    lki_buf_release(&why);
    status = up_show(cli, &infra);
    lki_infra_release(&infra);
    return status;
}

static int words_up(const struct lki_cli *cli, const char *token)
{
    const struct lki_options *options = &cli->options;
    struct words orchestrator = {.count = 0};
    struct words worker = {.count = 0};
    int status = LKI_EXIT_FAILED;

    lki_arena_init(&orchestrator.arena, NULL, 0);
    lki_arena_init(&worker.arena, NULL, 0);
    orchestrator_words(&orchestrator, options);
    worker_words(&worker, options);
    if (orchestrator.failed || worker.failed)
        lki_cli_error(cli, "%s", lk_strerror(LK_E_NOMEM));
    else
        status = settings_up(cli, &(struct lki_infra_settings){
                                      .program = cli->argc > 0 ? cli->argv[0] : cli->program,
                                      .name = options->cluster,
                                      .listen = options->listen,
                                      .workers = options->workers,
                                      .processes = options->processes,
                                      .token = token,
                                      .orchestrator_options = orchestrator.list,
                                      .worker_options = worker.list,
                                      .interrupted = &interrupted,
                                  });
    words_release(&orchestrator);
    words_release(&worker);
    return status;
}

/* What the orchestrator would refuse is told before anything is started. */
static int params_check(const struct lki_cli *cli)
{
    struct lki_model *model = NULL;
    struct lki_params params;
    int status = lki_cli_prepare(cli, &model, &params);

    lki_params_release(&params);
    lki_model_free(model);
    return status;
}

int lki_cli_infra_up(const struct lki_cli *cli)
{
    char *token = NULL;
    int status = lki_cli_secret(cli, cli->options.token_file, cli->options.token, "the token",
                                &token);

    if (!status)
        status = params_check(cli);
    if (!status)
        status = words_up(cli, token);
    free(token);
    return status;
}

/* ---- down ---- */

static int not_up(const struct lki_cli *cli, struct lki_buf *why)
{
    lki_buf_release(why);
    if (!strcmp(cli->options.cluster, "default"))
        lki_cli_error(cli, "infra is not up");
    else
        lki_cli_error(cli, "infra %s is not up", cli->options.cluster);
    return LKI_EXIT_FAILED;
}

int lki_cli_infra_down(const struct lki_cli *cli)
{
    struct lki_buf text;
    size_t count = 0;
    enum lk_err err;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    err = lki_infra_down(cli->options.cluster, &count, &text);
    if (err == LK_E_NOT_FOUND)
        return not_up(cli, &text);
    if (err)
        return fail(cli, err, &text);
    lki_buf_printf(&text, "infra is down, %zu process%s ended\n", count,
                   count == 1 ? " was" : "es were");
    return lki_cli_answer(cli, &text);
}

/* ---- status ---- */

static void json_write(const struct lki_infra *infra, const char *name, struct lki_buf *out)
{
    lki_buf_str(out, "{\"name\":");
    lki_json_write_string(out, name, strlen(name));
    lki_buf_str(out, ",\"url\":");
    lki_json_write_string(out, infra->url, strlen(infra->url));
    lki_buf_str(out, ",\"directory\":");
    lki_json_write_string(out, infra->dir.path, strlen(infra->dir.path));
    lki_buf_str(out, ",\"processes\":[");
    for (size_t i = 0; i < infra->count; i++) {
        const struct lki_daemon *daemon = &infra->daemons[i];

        lki_buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        lki_json_write_string(out, daemon->name, strlen(daemon->name));
        lki_buf_printf(out, ",\"pid\":%ld,\"alive\":%s}", (long)daemon->pid,
                       lki_daemon_is_alive(daemon) ? "true" : "false");
    }
    lki_buf_str(out, "]}\n");
}

static int status_json(const struct lki_cli *cli, const struct lki_infra *infra)
{
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    json_write(infra, cli->options.cluster, &out);
    return lki_cli_answer(cli, &out);
}

static int status_text(const struct lki_cli *cli, const struct lki_infra *infra)
{
    static const char *const columns[] = {"pid", "state"};
    struct lki_sheet sheet;
    int status;

    printf("page, API  %s\nlogs       %s/*.log\n\n", infra->url, infra->dir.path);
    lki_sheet_init(&sheet, "processes", columns, LKI_COUNT(columns));
    for (size_t i = 0; i < infra->count; i++) {
        struct lki_sheet_row *row = lki_sheet_add(&sheet, infra->daemons[i].name);

        if (!row)
            continue;
        row->bad = !lki_daemon_is_alive(&infra->daemons[i]);
        snprintf(row->cells[0], LKI_CELL_BYTES, "%ld", (long)infra->daemons[i].pid);
        snprintf(row->cells[1], LKI_CELL_BYTES, "%s", row->bad ? "ended" : "running");
    }
    status = lki_sheets_print(cli, &sheet, 1);
    lki_sheet_release(&sheet);
    return status;
}

int lki_cli_infra_status(const struct lki_cli *cli)
{
    struct lki_infra infra;
    struct lki_buf why;
    enum lk_err err;
    size_t alive = 0;
    int status;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_infra_find(&infra, cli->options.cluster, &why);
    if (err == LK_E_NOT_FOUND)
        return not_up(cli, &why);
    if (err)
        return fail(cli, err, &why);
    lki_buf_release(&why);
    for (size_t i = 0; i < infra.count; i++)
        alive += lki_daemon_is_alive(&infra.daemons[i]);
    status = cli->options.json ? status_json(cli, &infra) : status_text(cli, &infra);
    if (!status && alive < infra.count)
        status = LKI_EXIT_FAILED;
    lki_infra_release(&infra);
    return status;
}
