/*
 * What stands in an answer of the API: members by their path, with something to say where there are
 * none. The text has been checked as a whole before.
 */
#ifndef LKI_CLI_ANSWER_H
#define LKI_CLI_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json_walk.h"

/* False: it is not there, or null. */
bool lki_answer_find(const struct lki_json_value *whole, const char *path,
                     struct lki_json_value *value);

/* 0, NAN or false if it is not there, or is something else. */
uint64_t lki_answer_count(const struct lki_json_value *whole, const char *path);
double lki_answer_number(const struct lki_json_value *whole, const char *path);
bool lki_answer_bool(const struct lki_json_value *whole, const char *path);

/* A time in nanoseconds from one in seconds, or in milliseconds; 0 if it is not there. */
int64_t lki_answer_seconds(const struct lki_json_value *whole, const char *path);
int64_t lki_answer_ms(const struct lki_json_value *whole, const char *path);

/* Appends a text made harmless, or any other value as it is written; nothing if it is not there. */
void lki_answer_text(const struct lki_json_value *whole, const char *path, struct lki_buf *out);

/* The same into memory of so many bytes; what does not fit is cut off. */
void lki_answer_copy(const struct lki_json_value *whole, const char *path, char *out, size_t size);

/* Is it that text? */
bool lki_answer_is(const struct lki_json_value *whole, const char *path, const char *text);

/* Elements of the array at path, one after the other; an empty walk if there is none. */
struct lki_json_walk lki_answer_list(const struct lki_json_value *whole, const char *path);

#endif
