#include "base/json_lex.h"

#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"

static const char *literal_end(const char *at, const char *end, const char *word, size_t len)
{
    return (size_t)(end - at) >= len && !memcmp(at, word, len) ? at + len : NULL;
}

const char *lki_json_scalar_end(const char *at, const char *end, enum lki_json_kind *kind)
{
    switch (*at) {
    case 'n':
        *kind = LKI_JSON_NULL;
        return literal_end(at, end, "null", 4);
    case 't':
        *kind = LKI_JSON_BOOL;
        return literal_end(at, end, "true", 4);
    case 'f':
        *kind = LKI_JSON_BOOL;
        return literal_end(at, end, "false", 5);
    default:
        *kind = LKI_JSON_NUMBER;
        return lki_decimal_end(at, end);
    }
}

/* The four hex digits at at, or -1. */
static int32_t hex_read(const char *at, const char *end)
{
    int32_t code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];

        if (c >= '0' && c <= '9')
            code = code * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            code = code * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* The code point of the \u escape, or pair of them, at *at, or -1. */
static int32_t code_read(const char **at, const char *end)
{
    int32_t code = hex_read(*at + 2, end);
    int32_t low;

    *at += 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return -1;
    low = hex_read(*at + 2, end);
    *at += 6;
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

size_t lki_json_unescape(const char **at, const char *end, char *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found;
    int32_t code;

    if (end - *at < 2)
        return 0;
    if ((*at)[1] != 'u') {
        found = memchr(from, (*at)[1], sizeof(from) - 1);
        if (!found)
            return 0;
        *out = to[found - from];
        *at += 2;
        return 1;
    }
    code = end - *at < 6 ? -1 : code_read(at, end);
    return code < 0 ? 0 : lki_utf8_put(out, (uint32_t)code);
}

/* Is any of the 8 bytes a quote, a backslash, a control character or not ASCII? Errs on the side of
 * yes. */
static inline bool word_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ ones * '"';
    uint64_t backslash = word ^ ones * '\\';

    return ((quote - ones) | (backslash - ones) | (word - ones * 0x20) | word) & ones * 0x80;
}

const char *lki_json_plain_end(const char *at, const char *end)
{
    uint64_t word;

    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        if (word_special(word))
            break;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    return at;
}

const char *lki_json_string_decode(const char *at, const char *end, char *out, size_t *len)
{
    char bytes[4];
    size_t count = 0;

    for (;;) {
        const char *from = at;
        const char *copy = at;
        size_t add;

        at = lki_json_plain_end(at, end);
        add = (size_t)(at - from);
        if (!add) {
            if (at == end || (unsigned char)*at < 0x20)
                return NULL;
            if (*at == '"')
                break;
            if (*at == '\\') {
                add = lki_json_unescape(&at, end, bytes);
                copy = bytes;
            } else {
                add = lki_utf8_len(at, end);
                at += add;
            }
            if (!add)
                return NULL;
        }
        if (out)
            memcpy(out + count, copy, add);
        count += add;
    }
    if (out)
        *len = count;
    return at;
}
