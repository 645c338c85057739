/*
 * One HTTP exchange from begin to end, for commands that ask and print: it blocks, and has no part
 * in load. Redirects are not followed: a token would go where they lead.
 */
#ifndef LKI_NET_FETCH_H
#define LKI_NET_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"

#define LKI_FETCH_BODY_MAX ((size_t)64 * 1024 * 1024)

struct lki_fetch_request {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *body;   /* JSON; NULL: none, which is an empty one in a POST */
    const char *token;  /* sent as Authorization: Bearer; NULL: none */
    int64_t timeout_ns; /* for all of it, */
    int64_t work_ns;    /* but so much more for an answer that takes work */
};

struct lki_fetch_answer {
    int status;
    struct lki_buf body; /* LKI_FETCH_BODY_MAX at most */
};

/*
 * On failure nothing is owned, and why, appended without a new-line, says what is wrong, where, and
 * what to do: LK_E_ARG for a URL or token that cannot be one, LK_E_IO, LK_E_TIMEOUT, LK_E_LIMIT for
 * an answer that is too large, LK_E_NOMEM. Any status is an answer. The environment's proxy is used
 * as other programs do, but never for this machine itself.
 */
enum lk_err lki_fetch_url(const struct lki_fetch_request *request, struct lki_fetch_answer *answer,
                          struct lki_buf *why);

void lki_fetch_answer_release(struct lki_fetch_answer *answer);

#endif
