/*
 * The fields of a message, which stand in one place for both directions: they are written when
 * there is an `out`, else read. What is read behind a flaw is 0 or empty, see base/pack.h.
 */
#ifndef LKI_BUS_WIRE_H
#define LKI_BUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/pack.h"

/* What messages of these kinds begin with, and on: none is read as one of another. */
enum {
    LKI_WIRE_ORDERS,
    LKI_WIRE_COMMANDS = 32, /* to a station */
    LKI_WIRE_REPORTS = 64,
    LKI_WIRE_STATION_REPORTS = 96,
    LKI_WIRE_END = 128
};

struct lki_wire {
    struct lki_buf *out;
    struct lki_unpack in;
    struct lki_arena *arena; /* for what is read */
};

/* Something that each reader insists on. */
void lki_wire_require(struct lki_wire *wire, bool good);

/* The value, or the one that was read, which must not be larger than max. */
uint64_t lki_wire_number(struct lki_wire *wire, uint64_t value, uint64_t max);
void lki_wire_u64(struct lki_wire *wire, uint64_t *value);
void lki_wire_u32(struct lki_wire *wire, uint32_t *value);
void lki_wire_size(struct lki_wire *wire, size_t *value);
void lki_wire_flag(struct lki_wire *wire, bool *value);
void lki_wire_i64(struct lki_wire *wire, int64_t *value);
/* What lies between two moments, at most a century: sums of some of them do not overflow. */
#define LKI_WIRE_SPAN_MAX_NS (INT64_C(100) * 365 * 24 * 3600 * LKI_NS_PER_S)
void lki_wire_span(struct lki_wire *wire, int64_t *ns);
void lki_wire_f64(struct lki_wire *wire, double *value);
void lki_wire_text(struct lki_wire *wire, const char **text); /* NULL is refused */
void lki_wire_text_or_null(struct lki_wire *wire, const char **text);
void lki_wire_bytes(struct lki_wire *wire, const void **bytes, size_t *len);

/* Their count, and room for elements of so many bytes each: what was written, or a list in arena
 * that is to be filled. bytes_min: what each takes at least in a message, so that the memory is at
 * most a few times what the message takes. */
void *lki_wire_list(struct lki_wire *wire, void *written, size_t *count, size_t bytes,
                    size_t bytes_min);
void lki_wire_texts(struct lki_wire *wire, const char ***texts, size_t *count);

#endif
