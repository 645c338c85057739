/*
 * JSON (RFC 8259) read where it lies and written as it comes: no tree, no allocation, no recursion.
 * A value is a slice of the text; it is found by a path and becomes a number or a string only when
 * somebody asks.
 */
#ifndef LKI_BASE_JSON_H
#define LKI_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"

/* Arrays and objects inside each other; what is nested deeper is refused with LK_E_LIMIT. */
#define LKI_JSON_DEPTH 512

enum lki_json_kind {
    LKI_JSON_NULL,
    LKI_JSON_BOOL,
    LKI_JSON_NUMBER,
    LKI_JSON_STRING,
    LKI_JSON_ARRAY,
    LKI_JSON_OBJECT,
};

struct lki_json_value {
    enum lki_json_kind kind;
    const char *raw; /* into the text that was searched; a string's with its quotes */
    size_t len;
};

/*
 * Is this one JSON text and nothing else, in well-formed UTF-8? Stricter than the grammar in one
 * point, where the RFC leaves a choice: an escaped surrogate must be one of a pair. What passes can
 * be read by all functions below.
 */
enum lk_err lki_json_check(const char *text, size_t len);
/* The same; of one that is none, *broken is where the token begins that has no place there. */
enum lk_err lki_json_check_at(const char *text, size_t len, size_t *broken);

/*
 * Finds the value at path: names of members and indices of elements, joined by dots ("items.0.id");
 * "" is the whole. A dot or backslash inside a name is written behind a backslash. Of members with
 * the same name the first counts. The text may be any bytes: LK_E_FORMAT when it breaks off or is
 * not JSON on the way to the value, LK_E_NOT_FOUND, LK_E_LIMIT. Speed comes from looking no closer
 * than needed: arrays and objects beside the path are checked for balanced brackets and closed
 * strings only, a string found is checked when it is decoded, and what follows the value is not
 * read.
 */
enum lk_err lki_json_find(const char *text, size_t len, const char *path,
                          struct lki_json_value *out);

/* What the last name or index of path, which is not "", is in, or would be. *last is where that
 * name or index begins, whatever is returned. */
enum lk_err lki_json_find_parent(const char *text, size_t len, const char *path,
                                 struct lki_json_value *out, const char **last);

/* Elements of an array, members of an object. LK_E_ARG: neither; LK_E_FORMAT, LK_E_LIMIT. */
enum lk_err lki_json_count(const struct lki_json_value *value, size_t *out);

/*
 * A value as C has it, for values that lki_json_find gave. LK_E_ARG: it is of another kind, or, for
 * integers, has a fraction; LK_E_LIMIT: a number that does not fit. 1.0 and 1e3 are integers too.
 */
enum lk_err lki_json_int(const struct lki_json_value *value, int64_t *out);
enum lk_err lki_json_double(const struct lki_json_value *value, double *out);
enum lk_err lki_json_bool(const struct lki_json_value *value, bool *out);

/*
 * The content of a string, with a terminator, to out, which has room for value->len bytes (decoded
 * it is never longer). *len does not count the terminator, but does count any NUL inside.
 * LK_E_FORMAT: wrong escapes, lone surrogates, control characters, broken UTF-8; out is garbage
 * then.
 */
enum lk_err lki_json_string(const struct lki_json_value *value, char *out, size_t *len);

/* Appends the content of a string, or what any other value looks like. LK_E_FORMAT as above. */
enum lk_err lki_json_text(const struct lki_json_value *value, struct lki_buf *out);

/*
 * Writers. The output is always valid: a byte of broken UTF-8 becomes U+FFFD, NaN and the
 * infinities become null. Doubles are written in the shortest form that reads back as the same
 * double.
 */
void lki_json_write_string(struct lki_buf *buf, const char *text, size_t len);
void lki_json_write_int(struct lki_buf *buf, int64_t value);
void lki_json_write_uint(struct lki_buf *buf, uint64_t value);
void lki_json_write_double(struct lki_buf *buf, double value);
/* count / 10^decimals, at most 18 of them, without the zeros at the end. */
void lki_json_write_fixed(struct lki_buf *buf, int64_t count, unsigned decimals);
void lki_json_write_bool(struct lki_buf *buf, bool value);
void lki_json_write_null(struct lki_buf *buf);

#endif
