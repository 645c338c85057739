#include "report/layout.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* The C library's wcwidth asks the locale, which is the host program's: the common ranges suffice.
 */
static size_t code_width(uint32_t code)
{
    static const struct lki_utf8_range none[] = {
        {0x300, 0x36f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d},
        {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const struct lki_utf8_range two[] = {
        {0x1100, 0x115f},  {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97c},
        {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
        {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
        {0x20000, 0x3fffd}};

    if (code < 0x300)
        return 1;
    if (lki_utf8_among(code, none, LKI_COUNT(none)))
        return 0;
    return lki_utf8_among(code, two, LKI_COUNT(two)) ? 2 : 1;
}

/* Bytes and columns of the character at `at`. */
static size_t next_char(const char *at, const char *end, size_t *width)
{
    size_t len = lki_utf8_len(at, end);

    *width = len ? code_width(lki_utf8_code(at, len)) : 1;
    return len ? len : 1;
}

size_t lki_text_width(const char *text, size_t len)
{
    const char *end = text + len;
    size_t sum = 0;
    size_t width;

    while (text < end) {
        text += next_char(text, end, &width);
        sum += width;
    }
    return sum;
}

size_t lki_text_fit(const char *text, size_t len, size_t columns)
{
    const char *end = text + len;
    const char *at = text;
    size_t used = 0;

    while (at < end) {
        size_t width;
        size_t bytes = next_char(at, end, &width);

        used += width;
        if (used > columns)
            break;
        at += bytes;
    }
    return (size_t)(at - text);
}

void lki_buf_harmless(struct lki_buf *buf, const char *text)
{
    const char *end = text + strlen(text);

    while (text < end) {
        size_t len = lki_utf8_len(text, end);

        if (*text == '\r' && text[1] == '\n')
            len = 1; /* half of a line break */
        else if (!len || lki_utf8_is_harmful(lki_utf8_code(text, len)))
            lki_buf_char(buf, len == 1 && (*text == '\n' || *text == '\t') ? ' ' : '?');
        else
            lki_buf_append(buf, text, len);
        text += len ? len : 1;
    }
}

static bool ends_clause(const char *space, const char *text)
{
    return space > text && strchr(",;:", space[-1]);
}

/* The end of the line that begins at text: as much as fits, up to the last space if there is one.
 * Behind a comma is better, if little is left empty for it. */
static const char *line_end(const char *text, const char *end, size_t room)
{
    const char *clause = NULL;
    const char *space = NULL;
    const char *at = text;
    size_t used = 0;

    while (at < end) {
        size_t width;
        size_t len = next_char(at, end, &width);

        if (used + width > room && at > text)
            return clause ? clause : *at == ' ' || !space ? at : space;
        if (*at == ' ')
            space = at;
        if (*at == ' ' && used >= room - room / 3 && ends_clause(at, text))
            clause = at;
        used += width;
        at += len;
    }
    return at;
}

void lki_print_wrapped(FILE *out, const char *text, int indent, int columns)
{
    const char *end = text + strlen(text);
    size_t room = columns > indent + 10 ? (size_t)(columns - indent) : 10;

    while (text < end) {
        const char *stop = line_end(text, end, room);

        fprintf(out, "%.*s\n", (int)(stop - text), text);
        while (stop < end && *stop == ' ')
            stop++;
        text = stop;
        if (text < end)
            fprintf(out, "%*s", indent, "");
    }
}
