/* The commands test ...: what an orchestrator is to do, and how it stands. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "cli/follow.h"
#include "cli/start.h"
#include "cli/value.h"
#include "report/layout.h"
#include "result/result.h"

#define ID_BYTES 80

/* ---- lines ---- */

static int lines_write(const struct lki_cli *cli, struct lki_buf *out)
{
    if (!cli->options.quiet)
        return lki_cli_answer(cli, out);
    lki_buf_release(out);
    return LKI_EXIT_PASSED;
}

/* "50 iterations a second, 100 users, for 1m00s" */
static void what_add(struct lki_buf *out, const struct lki_options *options)
{
    char cell[LKI_CELL_BYTES];

    lki_format_rate(cell, options->rate_per_s);
    if (options->rate_per_s > 0)
        lki_buf_printf(out, "%s iterations a second, ", cell);
    lki_format_count(cell, options->users);
    lki_buf_printf(out, "%s user%s", cell, options->users == 1 ? "" : "s");
    if (options->stage_count)
        lki_buf_printf(out, ", then %zu stage%s", options->stage_count,
                       options->stage_count == 1 ? "" : "s");
    lki_format_count(cell, options->iterations);
    if (options->iterations)
        lki_buf_printf(out, ", %s iterations", cell);
    lki_format_clock(cell, options->duration_ns);
    if (options->duration_ns != LKI_NEVER)
        lki_buf_printf(out, ", for %s", cell);
    else if (!options->iterations)
        lki_buf_str(out, ", until test stop");
}

/* ---- start ---- */

static int started_show(const struct lki_cli *cli, const char *run_id)
{
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&out, "run %s has started: ", run_id);
    what_add(&out, &cli->options);
    lki_buf_char(&out, '\n');
    return lines_write(cli, &out);
}

static int started(struct lki_remote *remote, const struct lki_reply *reply)
{
    const struct lki_cli *cli = remote->cli;
    char run_id[ID_BYTES];

    lki_answer_copy(&reply->json, "run_id", run_id, sizeof(run_id));
    if (!cli->options.wait)
        return cli->options.json ? lki_reply_print(cli, reply) : started_show(cli, run_id);
    if (!*run_id) {
        lki_cli_error(cli, "the run has started, but the orchestrator did not say which one it is; "
                           "leave --wait out");
        return LKI_EXIT_FAILED;
    }
    return lki_follow(remote, run_id);
}

static int start(struct lki_remote *remote, const char *body)
{
    struct lki_reply reply;
    int status = lki_remote_ask(remote, "POST", "/start_test", body, &reply);

    if (status)
        return status;
    status = started(remote, &reply);
    lki_reply_release(&reply);
    return status;
}

int lki_cli_test_start(const struct lki_cli *cli)
{
    struct lki_remote remote;
    struct lki_buf body;
    int status;

    lki_buf_init(&body, LKI_CLI_TEXT_MAX);
    status = lki_start_body(cli, &body);
    if (!status) {
        if (cli->options.wait)
            lki_follow_begin();
        status = lki_remote_open(&remote, cli);
        if (!status)
            status = start(&remote, lki_buf_cstr(&body));
        lki_remote_close(&remote);
        if (cli->options.wait)
            lki_follow_end();
    }
    lki_buf_release(&body);
    return status;
}

/* ---- stop ---- */

static int stopped_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    struct lki_buf out;

    (void)answer;
    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_str(&out, "the run is ending; test status shows how it stands\n");
    return lines_write(cli, &out);
}

int lki_cli_test_stop(const struct lki_cli *cli)
{
    return lki_remote_command(cli, "POST", "/stop_test", NULL, stopped_show);
}

/* ---- users and rate ---- */

/* The number of a command "test users N", as a word or as its option; an exit status. */
static int number_read(const struct lki_cli *cli, enum lki_command_bit command, const char *name,
                       size_t offset, struct lki_options *options)
{
    const struct lki_option *option = lki_option_find(command, name, strlen(name));
    const struct lki_spelling as = {"", name, strlen(name), " "};
    bool given = lki_options_has(options, offset);
    struct lki_buf message;

    if (given && options->word_count) {
        lki_cli_error(cli, "test %s: the number is given twice; leave one of them out", name);
        return LKI_EXIT_USAGE;
    }
    if (!given && !options->word_count) {
        lki_cli_error(cli, "test %s needs a number; %s", name, option->hint);
        return LKI_EXIT_USAGE;
    }
    if (given)
        return LKI_EXIT_PASSED;
    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    return lki_cli_problems(cli, lki_value_set(options, option, &as, options->words[0], &message),
                            &message);
}

static int users_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&out, "users: from %" PRIu64 " to %" PRIu64 "\n",
                   lki_answer_count(answer, "current_users"),
                   lki_answer_count(answer, "target_users"));
    return lines_write(cli, &out);
}

int lki_cli_test_users(const struct lki_cli *cli)
{
    struct lki_options options = cli->options;
    struct lki_buf body;
    int status = number_read(cli, LKI_CMD_TEST_USERS, "users", offsetof(struct lki_options, users),
                             &options);

    if (status)
        return status;
    lki_buf_init(&body, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&body, "{\"target_users\":%" PRIu64, options.users);
    if (options.spawn_interval_ns) {
        lki_buf_str(&body, ",\"spawn_interval_ms\":");
        lki_json_write_double(&body, (double)options.spawn_interval_ns / LKI_NS_PER_MS);
    }
    lki_buf_char(&body, '}');
    return lki_remote_command(cli, "POST", "/change_users", &body, users_show);
}

static int rate_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    char from[LKI_CELL_BYTES];
    char to[LKI_CELL_BYTES];
    struct lki_buf out;

    lki_format_rate(from, lki_answer_number(answer, "previous_rate_per_s"));
    lki_format_rate(to, lki_answer_number(answer, "rate_per_s"));
    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&out, "iterations a second: from %s to %s\n", from, to);
    return lines_write(cli, &out);
}

int lki_cli_test_rate(const struct lki_cli *cli)
{
    struct lki_options options = cli->options;
    struct lki_buf body;
    int status = number_read(cli, LKI_CMD_TEST_RATE, "rate",
                             offsetof(struct lki_options, rate_per_s), &options);

    if (status)
        return status;
    lki_buf_init(&body, LKI_CLI_TEXT_MAX);
    lki_buf_str(&body, "{\"rate_per_s\":");
    lki_json_write_double(&body, options.rate_per_s);
    lki_buf_char(&body, '}');
    return lki_remote_command(cli, "POST", "/change_rate", &body, rate_show);
}

/* ---- result ---- */

int lki_cli_test_result(const struct lki_cli *cli)
{
    struct lki_remote remote;
    bool found;
    int status = lki_remote_open(&remote, cli);

    if (!status)
        status = lki_follow_report(&remote, NULL, &found);
    lki_remote_close(&remote);
    return status;
}
