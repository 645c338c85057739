/*
 * Running over the bytes of a protocol's text sixteen at a time, which is what makes reading a head
 * cheap. Written with the compiler's vectors, so that it is one algorithm on every machine; only
 * turning lanes into bits is done by hand.
 */
#ifndef LKI_NET_SCAN_H
#define LKI_NET_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef uint8_t lki_v16 __attribute__((vector_size(16)));

static inline lki_v16 lki_v16_load(const char *at)
{
    lki_v16 lanes;

    memcpy(&lanes, at, sizeof(lanes));
    return lanes;
}

/* One bit a lane, the first lane lowest, of lanes that are 0 or 255. */
static inline unsigned lki_v16_bits(lki_v16 lanes)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8((__m128i)lanes);
#else
    /* Each lane leaves one bit; the product brings the eight of a half together in its top byte. */
    const uint64_t pick = UINT64_C(0x0101010101010101);
    const uint64_t gather = UINT64_C(0x0102040810204080);
    uint64_t half[2];

    memcpy(half, &lanes, sizeof(half));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half[0] = __builtin_bswap64(half[0]);
    half[1] = __builtin_bswap64(half[1]);
#endif
    return (unsigned)(((half[0] & pick) * gather) >> 56) |
           (unsigned)(((half[1] & pick) * gather) >> 56) << 8;
#endif
}

/* A control character, which a text may not hold; a tab may stand there. DEL counts as none: it is
 * harmless, and looking for it has a price. */
static inline bool lki_scan_is_control(char c)
{
    return (uint8_t)c < 0x20 && c != '\t';
}

/* Whether c may stand in a token, such as the name of a header field: a letter, a digit, or one of
 * !#$%&'*+-.^_`|~ */
static inline bool lki_scan_is_token(char c)
{
    static const uint64_t tokens[2] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)};
    uint8_t byte = (uint8_t)c;

    return byte < 128 && (tokens[byte >> 6] >> (byte & 63) & 1);
}

/* The first control character in [at, end), or end. */
static inline const char *lki_scan_text(const char *at, const char *end)
{
    while (end - at >= 16) {
        unsigned found = lki_v16_bits((lki_v16)(lki_v16_load(at) < 0x20));

        if (!found) {
            at += 16;
            continue;
        }
        at += (unsigned)__builtin_ctz(found);
        if (*at != '\t')
            return at;
        at++;
    }
    while (at < end && !lki_scan_is_control(*at))
        at++;
    return at;
}

/* The first byte in [at, end) that may not stand in a token, or end. */
static inline const char *lki_scan_name(const char *at, const char *end)
{
    while (end - at >= 16) {
        lki_v16 c = lki_v16_load(at);
        /* letters and the dash make up nearly all names; the others are looked at one by one */
        lki_v16 common = (lki_v16)((c | 0x20) - 'a' <= 25) | (lki_v16)(c == '-');
        unsigned found = lki_v16_bits(common) ^ 0xffff;

        if (!found) {
            at += 16;
            continue;
        }
        at += (unsigned)__builtin_ctz(found);
        if (*at == ':' || !lki_scan_is_token(*at))
            return at;
        at++;
    }
    while (at < end && lki_scan_is_token(*at))
        at++;
    return at;
}

#endif
