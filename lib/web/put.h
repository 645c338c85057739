/*
 * JSON put together member by member, with its commas. A key that is NULL stands for an element of
 * an array, or for the whole.
 */
#ifndef LKI_WEB_PUT_H
#define LKI_WEB_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct lki_put {
    struct lki_buf buf;
    bool comma; /* something precedes on this level */
};

void lki_put_init(struct lki_put *put, size_t max_bytes);
void lki_put_release(struct lki_put *put);

/* Objects and arrays, by their brackets. */
void lki_put_open(struct lki_put *put, const char *key, char bracket);
void lki_put_close(struct lki_put *put, char bracket);

void lki_put_text(struct lki_put *put, const char *key, const char *text); /* NULL: null */
void lki_put_uint(struct lki_put *put, const char *key, uint64_t value);
void lki_put_int(struct lki_put *put, const char *key, int64_t value);
/* What is not finite becomes null. */
void lki_put_number(struct lki_put *put, const char *key, double value);
/* Something measured: six digits behind the point are enough. */
void lki_put_measured(struct lki_put *put, const char *key, double value);
void lki_put_bool(struct lki_put *put, const char *key, bool truth);
void lki_put_null(struct lki_put *put, const char *key);
/* JSON as it is. */
void lki_put_raw(struct lki_put *put, const char *key, const char *json, size_t len);

/* To the microsecond, which is as exact as anybody reads it. */
void lki_put_seconds(struct lki_put *put, const char *key, int64_t ns);
void lki_put_ms(struct lki_put *put, const char *key, int64_t ns);

#endif
