/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef LKI_BASE_UTF8_H
#define LKI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* U+FFFD, which stands in the place of what is broken. */
#define LKI_UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the well-formed sequence at the front of [at, end), at < end; 0 when there is none. */
static inline size_t lki_utf8_len(const char *at, const char *end)
{
    const unsigned char *s = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t len;

    if (s[0] < 0x80)
        return 1;
    len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < len)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The scalar value of the well-formed sequence of len bytes. */
static inline uint32_t lki_utf8_code(const char *at, size_t len)
{
    static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)at[0] & lead_mask[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    return code;
}

/* Writes code, a scalar value, to out (room for 4); gives the number of bytes. */
static inline size_t lki_utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Appends a text; each byte of it that is broken becomes U+FFFD. */
void lki_utf8_write(struct lki_buf *out, const char *text, size_t len);

struct lki_utf8_range {
    uint32_t first;
    uint32_t last;
};

/* Is code in one of count ranges? */
bool lki_utf8_among(uint32_t code, const struct lki_utf8_range *ranges, size_t count);

/* Must it not reach a terminal? Controls, what reverses or hides the text that follows, and what
 * stands for broken bytes in a file. */
bool lki_utf8_is_harmful(uint32_t code);

#endif
