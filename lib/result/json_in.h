/*
 * The result file is read through this: objects by tables of their members, each going to its place
 * in a struct, in one pass. The first thing that is wrong is told with its path, and then nothing
 * more is read.
 */
#ifndef LKI_RESULT_JSON_IN_H
#define LKI_RESULT_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/api.h>
#include <loadkit/err.h>

#include "base/buf.h"
#include "base/json.h"
#include "result/result.h"

#define LKI_IN_PATH_BYTES 256

/* Tables of members: their place in the struct, their key, and what reads them. */
#define LKI_IN_MEMBER(type, field, name, fn)                                                       \
    {                                                                                              \
        .key = (name), .read = (fn), .offset = offsetof(type, field)                               \
    }
#define LKI_IN_OPTION(type, field, name, fn)                                                       \
    {                                                                                              \
        .key = (name), .read = (fn), .offset = offsetof(type, field), .optional = true             \
    }
#define LKI_IN_OBJECT(in, value, members, base)                                                    \
    lki_in_object((in), (value), (members), sizeof(members) / sizeof((members)[0]), (base))
#define LKI_IN_ARRAY(in, value, max, read, list, count)                                            \
    lki_in_array((in), (value), (max), sizeof(*(list)), (read), &(list), &(count))

/* Beyond that memory would go to a file that is no result: a run keeps far fewer. */
#define LKI_IN_LIST_MAX 65536

struct lki_json_in {
    struct lki_result *result; /* whose arena all goes to */
    struct lki_buf *why;
    enum lk_err err;              /* the first one */
    char path[LKI_IN_PATH_BYTES]; /* of what is being read: "metrics.3.id" */
    size_t path_len;
    struct lki_json_value key; /* of the member that is being read, where keys may be any */
};

/* Reads value to place. Values are parts of a text that has been checked. */
typedef void lki_in_fn(struct lki_json_in *in, const struct lki_json_value *value, void *place);

struct lki_in_member {
    const char *key;
    lki_in_fn *read;
    size_t offset; /* of its place in the struct */
    bool optional;
};

/* Says what is wrong, once. */
void lki_in_refuse(struct lki_json_in *in, enum lk_err err, const char *fmt, ...) LK_PRINTF(3, 4);

/* The kind of value has to be this one; false: refused. */
bool lki_in_is(struct lki_json_in *in, const struct lki_json_value *value, enum lki_json_kind kind,
               const char *what);

/* An object whose members go to their places in base. Others are passed over. */
void lki_in_object(struct lki_json_in *in, const struct lki_json_value *value,
                   const struct lki_in_member *members, size_t count, void *base);

/* An array, each element read by read to one of the zeroed elements, of so many bytes, of what is
 * allocated here. More than max are refused. */
void lki_in_array(struct lki_json_in *in, const struct lki_json_value *value, size_t max,
                  size_t bytes, lki_in_fn *read, void *list, size_t *count);

/* An object of any keys: read is called for each with its value, and may ask for the key. */
void lki_in_each(struct lki_json_in *in, const struct lki_json_value *value, lki_in_fn *read,
                 void *place);

/* The key as a string, "" when there is no memory, which is refused. */
const char *lki_in_key(struct lki_json_in *in);

/* Values, as the writers of json_out.h have them; null is not accepted but where it is said. */
lki_in_fn lki_in_u64;     /* uint64_t */
lki_in_fn lki_in_u32;     /* uint32_t */
lki_in_fn lki_in_bool;    /* bool */
lki_in_fn lki_in_double;  /* double; null: 0 */
lki_in_fn lki_in_seconds; /* int64_t of nanoseconds */
lki_in_fn lki_in_ms;      /* the same; null: 0 */
lki_in_fn lki_in_text;    /* const char *; null: "" */
lki_in_fn lki_in_scalar;  /* struct lk_value */

/* Sections whose members are many: read to a struct lki_result but for the first two, of which one
 * is read to a struct lki_result_arrivals and the other to a struct lki_result_metric. */
lki_in_fn lki_result_in_arrivals;
lki_in_fn lki_result_in_metric;
lki_in_fn lki_result_in_metrics;
lki_in_fn lki_result_in_types;
lki_in_fn lki_result_in_crashes;
lki_in_fn lki_result_in_generator;
lki_in_fn lki_result_in_errors;
lki_in_fn lki_result_in_series;
lki_in_fn lki_result_in_examples;
lki_in_fn lki_result_in_customs;
lki_in_fn lki_result_in_probes;

/* The built-in code of that name; LKI_CODE_END if there is none. */
lki_code lki_result_code_of(const char *name);

#endif
