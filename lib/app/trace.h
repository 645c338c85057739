/*
 * What one user does, step by step and exchange by exchange, as text for people. Secrets are
 * masked, bodies cut, and control characters replaced.
 */
#ifndef LKI_APP_TRACE_H
#define LKI_APP_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/model.h"
#include "net/http1.h"
#include "result/result.h"

struct lki_trace {
    FILE *out;
    bool colour;
    size_t body_bytes;      /* of a body that are shown */
    struct lki_result mask; /* for its secrets */
    struct lki_buf text;    /* in the making */
    bool lost;              /* there was no memory for some of it */
};

/* out is borrowed. */
enum lk_err lki_trace_init(struct lki_trace *trace, FILE *out, bool colour, size_t body_bytes,
                           const struct lki_model *model);
void lki_trace_release(struct lki_trace *trace);

enum lki_trace_kind { LKI_TRACE_PLAIN, LKI_TRACE_TITLE, LKI_TRACE_GOOD, LKI_TRACE_BAD };

/* A line of its own. */
void lki_trace_line(struct lki_trace *trace, enum lki_trace_kind kind, const char *fmt, ...)
    LK_PRINTF(3, 4);

void lki_trace_request(struct lki_trace *trace, const struct lki_exchange_request *request);
void lki_trace_answer(struct lki_trace *trace, const struct lki_exchange_result *result);

#endif
