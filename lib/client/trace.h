/*
 * What one user does, step by step and exchange by exchange, as text for people. Secrets are
 * masked, bodies cut, and control characters replaced.
 */
#ifndef LKI_CLIENT_TRACE_H
#define LKI_CLIENT_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/secrets.h"
#include "net/exchange.h"

struct lki_trace {
    FILE *out;
    bool colour;
    size_t body_bytes; /* of a body that are shown */
    struct lki_secrets secrets;
    struct lki_arena arena; /* of these */
    struct lki_buf text;    /* in the making */
    struct lki_buf page;    /* made, and not yet written */
    bool held;              /* it is written by lki_trace_flush only */
    bool lost;              /* there was no memory for some of it */
};

/* out is borrowed. */
enum lk_err lki_trace_init(struct lki_trace *trace, FILE *out, bool colour, size_t body_bytes,
                           const struct lki_model *model);
void lki_trace_release(struct lki_trace *trace);

/* Writes what has been made in one call, so that what others print does not stand in between. */
void lki_trace_flush(struct lki_trace *trace);

enum lki_trace_kind { LKI_TRACE_PLAIN, LKI_TRACE_TITLE, LKI_TRACE_GOOD, LKI_TRACE_BAD };

/* A line of its own. */
void lki_trace_line(struct lki_trace *trace, enum lki_trace_kind kind, const char *fmt, ...)
    LK_PRINTF(3, 4);

void lki_trace_request(struct lki_trace *trace, const struct lki_exchange_request *request);
/* Says to which request the answer belongs that follows. */
void lki_trace_request_line(struct lki_trace *trace, const struct lki_exchange_request *request);
void lki_trace_answer(struct lki_trace *trace, const struct lki_exchange_request *request,
                      const struct lki_exchange_result *result);

#endif
