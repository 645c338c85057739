/*
 * The result as JSON is written through this: members and elements with their commas, numbers
 * exactly and whatever the locale says. What is in memory at one time is bounded; a failure is kept
 * to the end.
 */
#ifndef LKI_RESULT_JSON_OUT_H
#define LKI_RESULT_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <loadkit/values.h>

#include "base/buf.h"
#include "result/result.h"

struct lki_json_out {
    FILE *file;
    struct lki_buf buf;
    bool comma; /* something precedes on this level */
    int error;  /* errno of the first failure */
};

void lki_out_init(struct lki_json_out *out, FILE *file);
/* Writes what is left; gives 0 or an errno. */
int lki_out_end(struct lki_json_out *out);

/* Of an array or object. */
void lki_out_open(struct lki_json_out *out, char bracket);
void lki_out_close(struct lki_json_out *out, char bracket);

/* An element of an array; what it is follows. On a line of its own for long lists. */
void lki_out_item(struct lki_json_out *out);
void lki_out_line(struct lki_json_out *out);

/* A member; its value follows. A section is a member of the whole object. */
void lki_out_key(struct lki_json_out *out, const char *key);
void lki_out_section(struct lki_json_out *out, const char *key);

/* Values. Times are exact to the nanosecond, so that they are read back as they were. */
void lki_out_text(struct lki_json_out *out, const char *text);
void lki_out_scalar(struct lki_json_out *out, const struct lk_value *value);
void lki_out_seconds(struct lki_json_out *out, int64_t ns);
void lki_out_null(struct lki_json_out *out);
void lki_out_texts(struct lki_json_out *out, const char *const *texts, size_t count);

/* Members whole. */
void lki_out_str(struct lki_json_out *out, const char *key, const char *text);
void lki_out_str_or_null(struct lki_json_out *out, const char *key, const char *text);
void lki_out_s(struct lki_json_out *out, const char *key, int64_t ns);
void lki_out_bool(struct lki_json_out *out, const char *key, bool truth);

struct lki_out_count {
    const char *key;
    uint64_t value;
};

struct lki_out_time {
    const char *key;
    int64_t ns;
};

struct lki_out_number {
    const char *key;
    double value;
};

/* Members of one kind. What was never measured is not zero but null. */
void lki_out_counts(struct lki_json_out *out, size_t count, const struct lki_out_count *members);
void lki_out_ms(struct lki_json_out *out, bool measured, size_t count,
                const struct lki_out_time *members);
void lki_out_numbers(struct lki_json_out *out, bool measured, size_t count,
                     const struct lki_out_number *members);

/* A list of so many, each on a line of its own, by what writes one of them. */
void lki_out_list(struct lki_json_out *out, const char *key, const void *all, size_t count,
                  size_t bytes, void (*put)(struct lki_json_out *out, const void *one));

#define LKI_OUT_LIST(type, ...)                                                                    \
    sizeof((const struct type[]){__VA_ARGS__}) / sizeof(struct type), (const struct type[])        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define LKI_OUT_COUNTS(out, ...) lki_out_counts((out), LKI_OUT_LIST(lki_out_count, __VA_ARGS__))
#define LKI_OUT_MS(out, measured, ...)                                                             \
    lki_out_ms((out), (measured), LKI_OUT_LIST(lki_out_time, __VA_ARGS__))
#define LKI_OUT_NUMBERS(out, measured, ...)                                                        \
    lki_out_numbers((out), (measured), LKI_OUT_LIST(lki_out_number, __VA_ARGS__))

/* The sections that are the author's: arrivals, checks, metrics, probes. */
void lki_out_arrivals(struct lki_json_out *out, const struct lki_result *result);
void lki_out_author(struct lki_json_out *out, const struct lki_result *result);

/* Those of the workers: crashes, generator. */
void lki_out_fleet(struct lki_json_out *out, const struct lki_result *result);

#endif
