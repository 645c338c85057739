/*
 * Numbers and texts as compact bytes, for messages between processes and for what is kept of them.
 * Writers append to a buffer, whose failure is sticky; readers look once, at the end, whether all
 * was well: what is read behind a flaw is 0 or empty.
 */
#ifndef LKI_BASE_PACK_H
#define LKI_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"

__extension__ typedef unsigned __int128 lki_wide; /* sums of 64-bit numbers */

void lki_pack_u64(struct lki_buf *out, uint64_t value);  /* 7 bits a byte, low ones first */
void lki_pack_wide(struct lki_buf *out, lki_wide value); /* the same, for more than 64 bits */
void lki_pack_i64(struct lki_buf *out, int64_t value);   /* small ones of either sign are short */
void lki_pack_f64(struct lki_buf *out, double value);    /* 8 bytes, exactly */
void lki_pack_bytes(struct lki_buf *out, const void *bytes, size_t len); /* with their length */
void lki_pack_text(struct lki_buf *out, const char *text); /* NULL is another one than "" */

struct lki_unpack {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;     /* something was not as a writer writes it */
    bool starved; /* or there was no memory for it, and bad tells only this */
};

static inline struct lki_unpack lki_unpack(const void *bytes, size_t len)
{
    return (struct lki_unpack){bytes, (const unsigned char *)bytes + len, false, false};
}

/* Of a number that is not short; see below. */
uint64_t lki_unpack_long(struct lki_unpack *in, uint64_t max);

/* A number that must not be larger than max: a count before memory is taken for it. Most are short,
 * and of a fleet there are millions each second. */
static inline uint64_t lki_unpack_max(struct lki_unpack *in, uint64_t max)
{
    if (LKI_LIKELY(in->at < in->end && *in->at < 128 && *in->at <= max && !in->bad))
        return *in->at++;
    return lki_unpack_long(in, max);
}

static inline uint64_t lki_unpack_u64(struct lki_unpack *in)
{
    return lki_unpack_max(in, UINT64_MAX);
}

lki_wide lki_unpack_wide(struct lki_unpack *in, lki_wide max);
int64_t lki_unpack_i64(struct lki_unpack *in);
double lki_unpack_f64(struct lki_unpack *in);
/* Points into what is read; never NULL. */
const void *lki_unpack_bytes(struct lki_unpack *in, size_t *len);
/* A copy in arena; NULL for a NULL, or when in is bad: also for want of memory. */
const char *lki_unpack_text(struct lki_unpack *in, struct lki_arena *arena);

/* Whether everything was read and nothing was bad. */
static inline bool lki_unpack_done(const struct lki_unpack *in)
{
    return !in->bad && in->at == in->end;
}

/* The same as an error: LK_E_NOMEM, else LK_E_FORMAT if it was not done. */
enum lk_err lki_unpack_err(const struct lki_unpack *in);

#endif
