/* Going past strings, arrays and objects without looking at what is in them. */
#include "base/json_lex.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_BYTES 64

/* What matters in 64 bytes, a bit each, lowest first. Brackets are all of []{}, and, since that
 * makes it one comparison, some letters that have no business outside a string. */
struct block {
    uint64_t quotes;
    uint64_t backslashes;
    uint64_t brackets;
};

#if defined(__SSE2__) && !defined(LKI_JSON_PORTABLE)

static inline uint64_t equal_mask(__m128i bytes, char c)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

/* Where the first quote in 16 bytes is, if it is near and no backslash before it; else -1. */
static inline int quote_near(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const void *)at);
    uint64_t quotes = equal_mask(bytes, '"');
    uint64_t before = (quotes - 1) & ~quotes;

    return quotes && !(equal_mask(bytes, '\\') & before) ? __builtin_ctzll(quotes) : -1;
}

static inline struct block block_read(const char *at)
{
    struct block block = {0};

    for (int i = 0; i < BLOCK_BYTES; i += 16) {
        __m128i bytes = _mm_loadu_si128((const void *)(at + i));

        block.quotes |= equal_mask(bytes, '"') << i;
        block.backslashes |= equal_mask(bytes, '\\') << i;
        block.brackets |= equal_mask(_mm_or_si128(bytes, _mm_set1_epi8(0x26)), 0x7f) << i;
    }
    return block;
}

#else

static inline int quote_near(const char *at)
{
    (void)at;
    return -1;
}

/* Bit i is set where byte i of word, lowest first, equals c. */
static inline uint64_t equal_mask(uint64_t word, unsigned char c)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t differ = word ^ c * UINT64_C(0x0101010101010101);
    uint64_t equal = ~(((differ & low) + low) | differ | low);

    return (equal >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct block block_read(const char *at)
{
    struct block block = {0};

    for (int i = 0; i < BLOCK_BYTES; i += 8) {
        uint64_t word;

        memcpy(&word, at + i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        block.quotes |= equal_mask(word, '"') << i;
        block.backslashes |= equal_mask(word, '\\') << i;
        block.brackets |= equal_mask(word | UINT64_C(0x2626262626262626), 0x7f) << i;
    }
    return block;
}

#endif

/* The bytes that stand behind a backslash which is not itself behind one. *carry: is the first byte
 * of this block, and then of the next. */
static inline uint64_t escaped_bytes(uint64_t backslashes, uint64_t *carry)
{
    uint64_t escaped = *carry;

    *carry = 0;
    backslashes &= ~escaped;
    while (backslashes) {
        uint64_t first = backslashes & -backslashes;

        escaped |= first << 1;
        *carry = first >> 63;
        backslashes &= ~(first | first << 1);
    }
    return escaped;
}

/* Each bit becomes the parity of itself and all below: between quotes, ones. */
static inline uint64_t parity_below(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* Follows the brackets of one block; *end is set, else left alone, when the outermost closes. */
static inline enum lk_err block_walk(struct lki_json_nest *nest, const char *bytes,
                                     uint64_t brackets, unsigned outer, int *end)
{
    for (; brackets; brackets &= brackets - 1) {
        int i = __builtin_ctzll(brackets);
        char c = bytes[i];

        if (c == '{' || c == '[') {
            enum lk_err err = lki_json_nest_push(nest, c);

            if (err)
                return err;
        } else if (!lki_json_nest_pop(nest, c)) {
            return LK_E_FORMAT;
        } else if (nest->depth == outer) {
            *end = i + 1;
            return LK_OK;
        }
    }
    return LK_OK;
}

/* Quotes, and so what lies inside strings, are found for 64 bytes at once; only brackets outside
 * are looked at one by one. */
enum lk_err lki_json_container_end(const char *at, const char *end, unsigned outer,
                                   const char **after)
{
    struct lki_json_nest nest = {.depth = outer};
    size_t len = (size_t)(end - at);
    uint64_t escape_carry = 0;
    uint64_t inside = 0;
    char rest[BLOCK_BYTES];
    int block_end = 0;

    for (size_t offset = 0; offset < len; offset += BLOCK_BYTES) {
        const char *bytes = at + offset;
        struct block block;
        enum lk_err err;

        if (len - offset < BLOCK_BYTES) {
            memset(rest, ' ', sizeof(rest));
            memcpy(rest, bytes, len - offset);
            bytes = rest;
        }
        block = block_read(bytes);
        block.quotes &= ~escaped_bytes(block.backslashes, &escape_carry);
        inside = parity_below(block.quotes) ^ (0 - (inside >> 63));
        err = block_walk(&nest, bytes, block.brackets & ~inside, outer, &block_end);
        if (err)
            return err;
        if (block_end) {
            *after = at + offset + block_end;
            return LK_OK;
        }
    }
    return LK_E_FORMAT;
}

const char *lki_json_quote_find(const char *at, const char *end)
{
    /* most strings are short, most keys in particular */
    int near = end - at >= 16 ? quote_near(at) : -1;

    if (near >= 0)
        return at + near;
    for (const char *from = at;;) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        const char *back = quote;

        if (!quote)
            return NULL;
        while (back > from && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote;
        from = quote + 1;
    }
}
