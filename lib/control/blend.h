/* JSON objects made into one. */
#ifndef LKI_CONTROL_BLEND_H
#define LKI_CONTROL_BLEND_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/err.h>

#include "base/buf.h"

/* Is this the text of one JSON object? */
bool lki_blend_takes(const char *text, size_t len);

/*
 * Appends an object with the members of all parts, those that are NULL left out. Of members with
 * one name the last one counts, at the place of the first. LK_E_FORMAT: a part is no object;
 * LK_E_NOMEM, or what the buffer says.
 */
enum lk_err lki_blend(struct lki_buf *out, const char *const *parts, size_t count);

#endif
