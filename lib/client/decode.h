/* Compressed bodies. */
#ifndef LKI_CLIENT_DECODE_H
#define LKI_CLIENT_DECODE_H

#include <stddef.h>

#include "loop/task.h"
#include "net/exchange.h"

/* What is asked for when a compressed body is wanted: all that can be undone. */
#define LKI_DECODE_ACCEPTS "gzip, deflate, br"

/*
 * Undoes the codings that the head of an answer names; the plain body lies in the arena. A coding
 * that is not known leaves the body as it came. A body that is broken, cut off, or too large when
 * it is unpacked turns the result into a failure. What was done is taken off result->fields, so
 * that it is not done twice.
 *
 * Of a large body task gives others a turn now and then, and what ends a wait then, or until_ns
 * passing, is told in the result as of an exchange. NULL: it is done in one go.
 */
void lki_decode(struct lki_exchange_result *result, struct lki_arena *arena, size_t max_bytes,
                struct lki_task *task, int64_t until_ns);

#endif
