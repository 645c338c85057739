#include "base/json.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json_lex.h"

#define BLOCK_BYTES 64

/* What matters in 64 bytes, a bit each, lowest first. Brackets are all of []{}, and, since that
 * makes it one comparison, some letters that have no business outside a string. */
struct block {
    uint64_t quotes;
    uint64_t backslashes;
    uint64_t brackets;
};

/* One name or index of a path. */
struct segment {
    const char *text;
    size_t len;
    bool escaped;
    const char *next; /* NULL: it was the last */
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

/*
 * *after = the end of the array or object at at. Quotes, and so what lies inside strings, are found
 * for 64 bytes at once; only brackets outside are looked at one by one.
 */
static enum lk_err container_end(const char *at, const char *end, unsigned outer,
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

/* The closing quote of a string whose content begins at at, or NULL. */
static const char *quote_find(const char *at, const char *end)
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

/* May what follows a scalar follow it? At the end of the text a number, say, may have been cut off,
 * which does not matter only if nothing had to follow. */
static bool scalar_ends(const char *at, const char *end, unsigned depth)
{
    if (at == end)
        return depth == 0;
    return *at == ',' || *at == '}' || *at == ']' || lki_json_space_end(at, end) > at;
}

/* The value at at, which lies inside depth brackets. */
static enum lk_err value_read(const char *at, const char *end, unsigned depth,
                              struct lki_json_value *out)
{
    const char *after = NULL;
    enum lk_err err = LK_OK;

    if (at == end)
        return LK_E_FORMAT;
    if (*at == '{' || *at == '[') {
        out->kind = *at == '{' ? LKI_JSON_OBJECT : LKI_JSON_ARRAY;
        err = container_end(at, end, depth, &after);
    } else if (*at == '"') {
        out->kind = LKI_JSON_STRING;
        after = quote_find(at + 1, end);
        after = after ? after + 1 : NULL;
    } else {
        after = lki_json_scalar_end(at, end, &out->kind);
        if (after && !scalar_ends(after, end, depth))
            after = NULL;
    }
    if (err)
        return err;
    if (!after)
        return LK_E_FORMAT;
    out->raw = at;
    out->len = (size_t)(after - at);
    return LK_OK;
}

/*
 * From behind a value, or behind the opening bracket when first, to the next element or key of the
 * container that close ends. LK_E_NOT_FOUND: it ended; *at is then behind it.
 */
static enum lk_err next_item(const char **at, const char *end, char close, bool first)
{
    const char *here = lki_json_space_end(*at, end);

    if (here == end)
        return LK_E_FORMAT;
    if (*here == close) {
        *at = here + 1;
        return LK_E_NOT_FOUND;
    }
    if (!first) {
        if (*here != ',')
            return LK_E_FORMAT;
        here = lki_json_space_end(here + 1, end);
    }
    *at = here;
    return LK_OK;
}

static struct segment segment_read(const char *path)
{
    struct segment segment = {.text = path};
    const char *at = path;

    for (; *at && *at != '.'; at++)
        if (*at == '\\' && at[1]) {
            segment.escaped = true;
            at++;
        }
    segment.len = (size_t)(at - path);
    segment.next = *at ? at + 1 : NULL;
    return segment;
}

/* key_is, when there are backslashes in the key, the name or both. */
static bool key_is_escaped(const char *key, const char *quote, const struct segment *segment)
{
    const char *name = segment->text;
    const char *name_end = name + segment->len;

    while (key < quote) {
        char bytes[4] = {*key};
        size_t len = 1;

        if (*key == '\\')
            len = lki_json_unescape(&key, quote, bytes);
        else
            key++;
        if (!len)
            return false;
        for (size_t i = 0; i < len; i++, name++) {
            if (name_end - name > 1 && *name == '\\')
                name++;
            if (name == name_end || *name != bytes[i])
                return false;
        }
    }
    return name == name_end;
}

/* Is the key whose content is [key, quote) the segment's name? An escape is longer than what it
 * stands for. */
static inline bool key_is(const char *key, const char *quote, const struct segment *segment)
{
    size_t len = (size_t)(quote - key);

    if (!segment->escaped) {
        if (len <= segment->len)
            return len == segment->len && !memcmp(key, segment->text, len);
        if (!memchr(key, '\\', len))
            return false;
    }
    return key_is_escaped(key, quote, segment);
}

/* From a key at *at to its value; *quote ends the key. */
static enum lk_err key_read(const char **at, const char *end, const char **quote)
{
    const char *here = *at;

    if (here == end || *here != '"')
        return LK_E_FORMAT;
    *quote = quote_find(here + 1, end);
    if (!*quote)
        return LK_E_FORMAT;
    here = lki_json_space_end(*quote + 1, end);
    if (here == end || *here != ':')
        return LK_E_FORMAT;
    *at = lki_json_space_end(here + 1, end);
    return LK_OK;
}

/* *at goes from the opening brace, which lies inside depth brackets, to the value of the member. */
static enum lk_err member_find(const char **at, const char *end, unsigned depth,
                               const struct segment *segment)
{
    struct lki_json_value value;

    ++*at;
    for (bool first = true;; first = false) {
        enum lk_err err = next_item(at, end, '}', first);
        const char *key = *at + 1;
        const char *quote;

        if (!err)
            err = key_read(at, end, &quote);
        if (err)
            return err;
        if (key_is(key, quote, segment))
            return LK_OK;
        err = value_read(*at, end, depth + 1, &value);
        if (err)
            return err;
        *at = value.raw + value.len;
    }
}

/* The same for an element of an array. */
static enum lk_err element_find(const char **at, const char *end, unsigned depth,
                                const struct segment *segment)
{
    struct lki_json_value value;
    uint64_t index = 0;

    if (!segment->len || segment->len > 18)
        return LK_E_NOT_FOUND;
    for (size_t i = 0; i < segment->len; i++) {
        if (segment->text[i] < '0' || segment->text[i] > '9')
            return LK_E_NOT_FOUND;
        index = index * 10 + (uint64_t)(segment->text[i] - '0');
    }
    ++*at;
    for (bool first = true;; first = false) {
        enum lk_err err = next_item(at, end, ']', first);

        if (err || !index--)
            return err;
        err = value_read(*at, end, depth + 1, &value);
        if (err)
            return err;
        *at = value.raw + value.len;
    }
}

/* One step down the path, from the value at *at. */
static enum lk_err segment_find(const char **at, const char *end, unsigned depth,
                                const struct segment *segment)
{
    struct lki_json_value value;
    enum lk_err err;

    if (*at == end)
        return LK_E_FORMAT;
    if (**at != '{' && **at != '[') {
        err = value_read(*at, end, depth, &value);
        return err ? err : LK_E_NOT_FOUND;
    }
    if (depth == LKI_JSON_DEPTH)
        return LK_E_LIMIT;
    return **at == '{' ? member_find(at, end, depth, segment)
                       : element_find(at, end, depth, segment);
}

enum lk_err lki_json_find(const char *text, size_t len, const char *path,
                          struct lki_json_value *out)
{
    const char *end = text + len;
    const char *at = lki_json_space_end(text, end);
    struct lki_json_value value;
    unsigned depth = 0;
    enum lk_err err = LK_OK;

    for (const char *from = *path ? path : NULL; from && !err; depth++) {
        struct segment segment = segment_read(from);

        err = segment_find(&at, end, depth, &segment);
        from = segment.next;
    }
    if (!err)
        err = value_read(at, end, depth, &value);
    if (!err)
        *out = value;
    return err;
}

enum lk_err lki_json_count(const struct lki_json_value *value, size_t *out)
{
    bool object = value->kind == LKI_JSON_OBJECT;
    const char *end = value->raw + value->len;
    const char *at = value->raw + 1;
    enum lk_err err = LK_OK;
    size_t count = 0;

    if (!object && value->kind != LKI_JSON_ARRAY)
        return LK_E_ARG;
    for (;; count++) {
        struct lki_json_value item;
        const char *quote;

        err = next_item(&at, end, object ? '}' : ']', count == 0);
        if (!err && object)
            err = key_read(&at, end, &quote);
        if (!err)
            err = value_read(at, end, 1, &item);
        if (err)
            break;
        at = item.raw + item.len;
    }
    if (err != LK_E_NOT_FOUND)
        return err;
    *out = count;
    return LK_OK;
}
