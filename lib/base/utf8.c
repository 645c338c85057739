#include "base/utf8.h"

#include "base/mem.h"

void lki_utf8_write(struct lki_buf *out, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        size_t bytes = lki_utf8_len(text, end);

        if (bytes)
            lki_buf_append(out, text, bytes);
        else
            lki_buf_str(out, LKI_UTF8_REPLACEMENT);
        text += bytes ? bytes : 1;
    }
}

bool lki_utf8_among(uint32_t code, const struct lki_utf8_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

bool lki_utf8_is_harmful(uint32_t code)
{
    static const struct lki_utf8_range harmful[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0x200e, 0x200f}, {0x2028, 0x202e},
        {0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfffd, 0xfffd}, {0xe0000, 0xe007f}};

    return lki_utf8_among(code, harmful, LKI_COUNT(harmful));
}
