/*
 * Requests answered from a script in the place of servers. Rules say how; what was said last is
 * looked at first. All requests that were sent are kept.
 */
#ifndef LKI_APP_SCRIPT_H
#define LKI_APP_SCRIPT_H

#include <stddef.h>

#include <loadkit/test.h>

#include "base/arena.h"
#include "client/http.h"

struct lki_script_rule;

/* Zeroed: without rules. */
struct lki_script {
    struct lki_script_rule *rules; /* the last one first */
    struct lk_test_request *requests;
    size_t request_count;
    size_t request_cap;
    struct lki_arena arena; /* rules, and the texts of requests */
};

void lki_script_release(struct lki_script *script);

/* LK_E_ARG: an error that is none, or a status that no answer has. */
enum lk_err lki_script_answer(struct lki_script *script, const char *pattern,
                              const struct lk_test_answer *answer);
enum lk_err lki_script_handle(struct lki_script *script, const char *pattern, lk_test_handler *fn,
                              void *arg);

/* As shared->exchange, with the script as shared->exchange_arg. */
void lki_script_exchange(struct lki_http_shared *shared, lk_vu *vu,
                         const struct lki_exchange_request *request, struct lki_arena *arena,
                         struct lki_exchange_result *result);

#endif
