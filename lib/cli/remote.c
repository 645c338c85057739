#include "cli/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "result/result.h"

/* Said here by the option, before it becomes a part of anything longer. */
static int url_check(const struct lki_cli *cli)
{
    const char *text = cli->options.orchestrator;
    const char *why = "an orchestrator is reached by http or https";
    struct lki_url url;

    if (!lki_url_parse(&url, text, strlen(text), &why) && url.scheme != LKI_URL_OTHER)
        return LKI_EXIT_PASSED;
    lki_cli_error(cli, "--orchestrator %.200s: %s; give an address such as http://127.0.0.1:8080",
                  text, why);
    return LKI_EXIT_USAGE;
}

int lki_remote_open(struct lki_remote *remote, const struct lki_cli *cli)
{
    int status = url_check(cli);

    *remote = (struct lki_remote){.cli = cli};
    lki_buf_init(&remote->url, LKI_CLI_TEXT_MAX);
    if (status)
        return status;
    return lki_cli_secret(cli, cli->options.token_file, cli->options.token, "the token",
                          &remote->token);
}

void lki_remote_close(struct lki_remote *remote)
{
    free(remote->token);
    lki_buf_release(&remote->url);
}

/* The orchestrator's address may have a path, where a proxy has it under one. */
static const char *url_write(struct lki_remote *remote, const char *path)
{
    const char *base = remote->cli->options.orchestrator;
    size_t len = strlen(base);

    while (len && base[len - 1] == '/')
        len--;
    lki_buf_clear(&remote->url);
    lki_buf_append(&remote->url, base, len);
    lki_buf_str(&remote->url, path);
    return lki_buf_cstr(&remote->url);
}

/* ---- one request ---- */

enum lk_err lki_remote_try(struct lki_remote *remote, const char *method, const char *path,
                           const char *body, struct lki_reply *reply, struct lki_buf *why)
{
    struct lki_fetch_request request = {.method = method,
                                        .url = url_write(remote, path),
                                        .body = body,
                                        .token = remote->token,
                                        .timeout_ns = remote->cli->options.timeout_ns,
                                        .work_ns = remote->work_ns};
    struct lki_fetch_answer answer;
    enum lk_err err = request.url ? lki_fetch_url(&request, &answer, why) : LK_E_NOMEM;

    if (err)
        return err;
    *reply = (struct lki_reply){.status = answer.status, .body = answer.body};
    if (reply->body.len && !lki_json_check(reply->body.data, reply->body.len) &&
        !lki_json_find(reply->body.data, reply->body.len, "", &reply->json))
        return LK_OK;
    lki_buf_printf(why, "what answers at %.200s is no orchestrator: status %d, and no JSON",
                   remote->cli->options.orchestrator, reply->status);
    lki_reply_release(reply);
    return LK_E_FORMAT;
}

int lki_remote_refused(const struct lki_remote *remote, const struct lki_reply *reply)
{
    const char *hint = "";
    struct lki_buf message;

    lki_buf_init(&message, LKI_CLI_TEXT_MAX);
    lki_answer_text(&reply->json, "error.message", &message);
    if (!message.len) {
        lki_buf_release(&message);
        lki_cli_error(remote->cli,
                      "what answers at %.200s is no orchestrator: status %d, and no reason",
                      remote->cli->options.orchestrator, reply->status);
        return LKI_EXIT_FAILED;
    }
    if (reply->status == 401 && !remote->token)
        hint = "; give the token with --token-file FILE or in LK_TOKEN";
    else if (lki_answer_is(&reply->json, "error.code", "invalid_state") &&
             !lki_answer_is(&reply->json, "error.details.current", "IDLE"))
        hint = "; test status shows the run, test stop ends it";
    lki_cli_error(remote->cli, "orchestrator answered %d: %.*s%s", reply->status,
                  message.err ? 0 : (int)message.len, message.data ? message.data : "", hint);
    lki_buf_release(&message);
    return LKI_EXIT_FAILED;
}

int lki_remote_ask(struct lki_remote *remote, const char *method, const char *path,
                   const char *body, struct lki_reply *reply)
{
    struct lki_buf why;
    enum lk_err err;
    int status;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_remote_try(remote, method, path, body, reply, &why);
    status = lki_cli_problems(remote->cli, err, &why);
    if (err)
        return status;
    if (reply->status < 300)
        return LKI_EXIT_PASSED;
    status = lki_remote_refused(remote, reply);
    lki_reply_release(reply);
    return status;
}

void lki_reply_release(struct lki_reply *reply)
{
    lki_buf_release(&reply->body);
}

/* ---- commands that ask once ---- */

int lki_reply_print(const struct lki_cli *cli, const struct lki_reply *reply)
{
    const struct lki_buf *body = &reply->body;

    errno = 0;
    fwrite(body->data, 1, body->len, stdout);
    if (body->data[body->len - 1] != '\n')
        putchar('\n');
    return lki_cli_flush(cli);
}

static int ask_and_show(struct lki_remote *remote, const char *method, const char *path,
                        const char *body, lki_remote_take *judge, lki_remote_take *show)
{
    struct lki_reply reply;
    int status = lki_remote_ask(remote, method, path, body, &reply);

    if (status)
        return status;
    if (remote->cli->options.json)
        status = lki_reply_print(remote->cli, &reply);
    if (!status && judge)
        status = judge(remote->cli, &reply.json);
    if (!status && !remote->cli->options.json)
        status = show(remote->cli, &reply.json);
    lki_reply_release(&reply);
    return status;
}

int lki_remote_judged(const struct lki_cli *cli, const char *method, const char *path,
                      struct lki_buf *body, int64_t work_ns, lki_remote_take *judge,
                      lki_remote_take *show)
{
    const char *text = body ? lki_buf_cstr(body) : NULL;
    struct lki_remote remote;
    int status = lki_remote_open(&remote, cli);

    if (!lki_options_has(&cli->options, offsetof(struct lki_options, timeout_ns)))
        remote.work_ns = work_ns;
    if (!status && body && !text) {
        lki_cli_error(cli, "%s", lk_strerror(body->err));
        status = LKI_EXIT_FAILED;
    }
    if (!status)
        status = ask_and_show(&remote, method, path, text, judge, show);
    if (body)
        lki_buf_release(body);
    lki_remote_close(&remote);
    return status;
}

int lki_remote_command(const struct lki_cli *cli, const char *method, const char *path,
                       struct lki_buf *body, lki_remote_take *show)
{
    return lki_remote_judged(cli, method, path, body, 0, NULL, show);
}
