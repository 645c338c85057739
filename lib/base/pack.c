#include "base/pack.h"

#include <string.h>

#define WIDE_BYTES 19
#define WIDE_BITS 128
#define F64_BYTES 8

void lki_pack_wide(struct lki_buf *out, lki_wide value)
{
    char bytes[WIDE_BYTES];
    size_t len = 0;

    for (; value >= 128; value >>= 7)
        bytes[len++] = (char)(128 | (value & 127));
    bytes[len++] = (char)value;
    lki_buf_append(out, bytes, len);
}

void lki_pack_u64(struct lki_buf *out, uint64_t value)
{
    lki_pack_wide(out, value);
}

void lki_pack_i64(struct lki_buf *out, int64_t value)
{
    uint64_t twice = (uint64_t)value << 1;

    lki_pack_u64(out, value < 0 ? ~twice : twice);
}

void lki_pack_f64(struct lki_buf *out, double value)
{
    char bytes[F64_BYTES];
    uint64_t bits;

    _Static_assert(sizeof(bits) == sizeof(value), "a double of 64 bits");
    memcpy(&bits, &value, sizeof(bits));
    for (size_t i = 0; i < F64_BYTES; i++)
        bytes[i] = (char)(bits >> 8 * i & 255);
    lki_buf_append(out, bytes, sizeof(bytes));
}

void lki_pack_bytes(struct lki_buf *out, const void *bytes, size_t len)
{
    lki_pack_u64(out, len);
    lki_buf_append(out, bytes, len);
}

/* Its length and 1 more: 0 is NULL. */
void lki_pack_text(struct lki_buf *out, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    lki_pack_u64(out, text ? (uint64_t)len + 1 : 0);
    lki_buf_append(out, text, len);
}

/* There is one spelling of each number: a zero at its end was not needed. */
lki_wide lki_unpack_wide(struct lki_unpack *in, lki_wide max)
{
    lki_wide value = 0;

    for (unsigned shift = 0; !in->bad && in->at < in->end && shift < WIDE_BITS; shift += 7) {
        unsigned char byte = *in->at++;
        lki_wide part = byte & 127;

        if (part << shift >> shift != part)
            break;
        value |= part << shift;
        if (byte < 128) {
            if (value > max || (byte == 0 && shift > 0))
                break;
            return value;
        }
    }
    in->bad = true;
    return 0;
}

/* Ten bytes at most, of which the last one has only the highest bit. */
uint64_t lki_unpack_long(struct lki_unpack *in, uint64_t max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; !in->bad && in->at < in->end && shift < 64; shift += 7) {
        unsigned char byte = *in->at++;

        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            if (value > max || (byte == 0 && shift > 0))
                break;
            return value;
        }
    }
    in->bad = true;
    return 0;
}

int64_t lki_unpack_i64(struct lki_unpack *in)
{
    uint64_t value = lki_unpack_u64(in);

    return (int64_t)(value & 1 ? ~(value >> 1) : value >> 1);
}

/* The next len bytes; NULL and bad if there are not so many. */
static const unsigned char *take(struct lki_unpack *in, uint64_t len)
{
    const unsigned char *bytes = in->at;

    if (in->bad || len > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return NULL;
    }
    in->at += len;
    return bytes;
}

double lki_unpack_f64(struct lki_unpack *in)
{
    const unsigned char *bytes = take(in, F64_BYTES);
    uint64_t bits = 0;
    double value;

    for (size_t i = 0; bytes && i < F64_BYTES; i++)
        bits |= (uint64_t)bytes[i] << 8 * i;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

const void *lki_unpack_bytes(struct lki_unpack *in, size_t *len)
{
    uint64_t count = lki_unpack_u64(in);
    const void *bytes = take(in, count);

    *len = bytes ? (size_t)count : 0;
    return bytes ? bytes : "";
}

const char *lki_unpack_text(struct lki_unpack *in, struct lki_arena *arena)
{
    uint64_t len = lki_unpack_u64(in);
    const unsigned char *bytes = len ? take(in, len - 1) : NULL;
    char *text = NULL;

    if (bytes && len > 1 && memchr(bytes, '\0', (size_t)len - 1))
        in->bad = true;
    else if (bytes)
        text = lki_arena_copy(arena, bytes, (size_t)len - 1);
    if (bytes && !in->bad && !text) {
        in->bad = true;
        in->starved = true;
    }
    return text;
}

enum lk_err lki_unpack_err(const struct lki_unpack *in)
{
    if (in->starved)
        return LK_E_NOMEM;
    return lki_unpack_done(in) ? LK_OK : LK_E_FORMAT;
}
