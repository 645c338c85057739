/*
 * An orchestrator, as the commands that talk to it see it.
 */
#ifndef LKI_CLI_REMOTE_H
#define LKI_CLI_REMOTE_H

#include "cli/answer.h"
#include "cli/cli.h"
#include "net/fetch.h"

struct lki_remote {
    const struct lki_cli *cli;
    char *token;        /* NULL: none */
    int64_t work_ns;    /* that an answer may take beyond the time-out; 0 when opened */
    struct lki_buf url; /* of the last request */
};

/* What it answered: JSON, checked. */
struct lki_reply {
    int status; /* of HTTP */
    struct lki_buf body;
    struct lki_json_value json; /* all of the body */
};

/* Reads the token; an exit status. To be closed whatever it is. */
int lki_remote_open(struct lki_remote *remote, const struct lki_cli *cli);
void lki_remote_close(struct lki_remote *remote);

/*
 * One request; path begins with a slash, body is JSON or NULL. Success, the exit status 0, is an
 * answer below 300; anything else has been told, and there is no reply then.
 */
int lki_remote_ask(struct lki_remote *remote, const char *method, const char *path,
                   const char *body, struct lki_reply *reply);

/* The same, but nothing is told: any answer counts, and err says why there is none, as
 * lki_fetch_url does. */
enum lk_err lki_remote_try(struct lki_remote *remote, const char *method, const char *path,
                           const char *body, struct lki_reply *reply, struct lki_buf *why);

/* Tells of any other answer; the exit status. */
int lki_remote_refused(const struct lki_remote *remote, const struct lki_reply *reply);

/* Of an answer of /status: whom its end waits for, as half a sentence. False: for nobody. */
bool lki_remote_awaited(const struct lki_json_value *status, struct lki_buf *out);

void lki_reply_release(struct lki_reply *reply);

/* Writes the body as it came to standard output; an exit status. */
int lki_reply_print(const struct lki_cli *cli, const struct lki_reply *reply);

/* What a command does with an answer; an exit status. */
typedef int lki_remote_take(const struct lki_cli *cli, const struct lki_json_value *answer);

/*
 * A command that asks once: opens, asks, shows the answer by show (or as it came, with --json), and
 * closes. body is NULL, or JSON that was put together, which is released.
 */
int lki_remote_command(const struct lki_cli *cli, const char *method, const char *path,
                       struct lki_buf *body, lki_remote_take *show);

/* The same for one whose answer takes work for so long, unless --timeout says how long to wait; and
 * that may have failed by its answer, which judge tells, if not NULL: show is for the others. */
int lki_remote_judged(const struct lki_cli *cli, const char *method, const char *path,
                      struct lki_buf *body, int64_t work_ns, lki_remote_take *judge,
                      lki_remote_take *show);

#endif
