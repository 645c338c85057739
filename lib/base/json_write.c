/* JSON written to a buffer. */
#include "base/json.h"

#include <math.h>

#include "base/decimal.h"
#include "base/json_lex.h"
#include "base/utf8.h"

static void write_escape(struct lki_buf *buf, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char text[6] = {'\\', c};
    size_t len = 2;

    if ((unsigned char)c < 0x20 && shorts[(unsigned char)c]) {
        text[1] = shorts[(unsigned char)c];
    } else if ((unsigned char)c < 0x20) {
        text[1] = 'u';
        text[2] = text[3] = '0';
        text[4] = hex[c >> 4];
        text[5] = hex[c & 15];
        len = 6;
    }
    lki_buf_append(buf, text, len);
}

void lki_json_write_string(struct lki_buf *buf, const char *text, size_t len)
{
    const char *end = text + len;
    const char *from = text;
    const char *at = text;

    lki_buf_char(buf, '"');
    while ((at = lki_json_plain_end(at, end)) < end) {
        unsigned char c = (unsigned char)*at;
        size_t bytes = c < 0x80 ? 0 : lki_utf8_len(at, end);

        if (bytes) {
            at += bytes;
            continue;
        }
        lki_buf_append(buf, from, (size_t)(at - from));
        if (c < 0x80)
            write_escape(buf, *at);
        else
            lki_buf_str(buf, LKI_UTF8_REPLACEMENT);
        from = ++at;
    }
    lki_buf_append(buf, from, (size_t)(end - from));
    lki_buf_char(buf, '"');
}

void lki_json_write_int(struct lki_buf *buf, int64_t value)
{
    if (value < 0)
        lki_buf_char(buf, '-');
    lki_buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void lki_json_write_uint(struct lki_buf *buf, uint64_t value)
{
    lki_buf_u64(buf, value);
}

void lki_json_write_double(struct lki_buf *buf, double value)
{
    char text[LKI_DECIMAL_BYTES];

    if (isfinite(value))
        lki_buf_append(buf, text, lki_decimal_write(text, value));
    else
        lki_json_write_null(buf);
}

void lki_json_write_fixed(struct lki_buf *buf, int64_t count, unsigned decimals)
{
    uint64_t rest = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    char text[24];
    size_t at = sizeof(text);

    while (decimals && rest % 10 == 0) {
        rest /= 10;
        decimals--;
    }
    for (unsigned i = 0; i < decimals; i++) {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (decimals)
        text[--at] = '.';
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (count < 0)
        text[--at] = '-';
    lki_buf_append(buf, text + at, sizeof(text) - at);
}

void lki_json_write_bool(struct lki_buf *buf, bool value)
{
    lki_buf_str(buf, value ? "true" : "false");
}

void lki_json_write_null(struct lki_buf *buf)
{
    lki_buf_str(buf, "null");
}
