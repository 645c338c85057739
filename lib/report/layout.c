#include "report/layout.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Three significant digits, rounded once, without the locale's idea of a point. */
static int three_digits(char *cell, double value)
{
    uint64_t scaled;

    if (value >= 99.95)
        return snprintf(cell, LKI_CELL_BYTES, "%" PRIu64, (uint64_t)(value + 0.5));
    if (value >= 9.995) {
        scaled = (uint64_t)(value * 10 + 0.5);
        return snprintf(cell, LKI_CELL_BYTES, "%" PRIu64 ".%u", scaled / 10,
                        (unsigned)(scaled % 10));
    }
    scaled = (uint64_t)(value * 100 + 0.5);
    return snprintf(cell, LKI_CELL_BYTES, "%" PRIu64 ".%02u", scaled / 100,
                    (unsigned)(scaled % 100));
}

static void format_minutes(char *cell, int64_t ns)
{
    int64_t s = ns / LKI_NS_PER_S + (ns % LKI_NS_PER_S >= LKI_NS_PER_S / 2);

    if (s < 3600)
        snprintf(cell, LKI_CELL_BYTES, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else
        snprintf(cell, LKI_CELL_BYTES, "%" PRId64 "h%02dm", s / 3600, (int)(s / 60 % 60));
}

/* What rounds up to a thousand of a unit is written as one of the next. */
static void format_duration(char *cell, int64_t ns, const char *unit)
{
    int len;

    if (ns < LKI_NS_PER_US) {
        snprintf(cell, LKI_CELL_BYTES, "%" PRId64 "ns", ns);
        return;
    }
    if (ns >= 59950 * LKI_NS_PER_MS) {
        format_minutes(cell, ns);
        return;
    }
    if (ns < 999500) {
        len = three_digits(cell, (double)ns / 1e3);
        unit = "us";
    } else if (ns < 999500000) {
        len = three_digits(cell, (double)ns / 1e6);
        unit = "ms";
    } else {
        len = three_digits(cell, (double)ns / 1e9);
    }
    snprintf(cell + len, LKI_CELL_BYTES - (size_t)len, "%s", unit);
}

void lki_format_duration(char cell[LKI_CELL_BYTES], int64_t ns)
{
    format_duration(cell, ns, "s");
}

void lki_format_duration_cell(char cell[LKI_CELL_BYTES], int64_t ns)
{
    format_duration(cell, ns, "s ");
}

void lki_format_clock(char cell[LKI_CELL_BYTES], int64_t ns)
{
    int64_t s = ns / LKI_NS_PER_S;

    if (s < 60)
        snprintf(cell, LKI_CELL_BYTES, "%ds", (int)s);
    else if (s < 3600)
        snprintf(cell, LKI_CELL_BYTES, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else
        snprintf(cell, LKI_CELL_BYTES, "%" PRId64 "h%02dm%02ds", s / 3600, (int)(s / 60 % 60),
                 (int)(s % 60));
}

void lki_format_count(char cell[LKI_CELL_BYTES], uint64_t count)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *at = cell;

    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
}

void lki_format_rate(char cell[LKI_CELL_BYTES], double rate)
{
    if (!(rate > 0))
        lki_format_count(cell, 0);
    else if (rate >= 99.95)
        lki_format_count(cell, rate < 1e18 ? (uint64_t)(rate + 0.5) : UINT64_MAX);
    else
        three_digits(cell, rate);
}

/* Three significant digits below one. */
static void format_fraction(char *cell, double size)
{
    double scale = 1000;
    int digits = 3;

    while (size * scale < 99.5) {
        scale *= 10;
        digits++;
    }
    snprintf(cell, LKI_CELL_BYTES, "0.%0*" PRIu64, digits, (uint64_t)(size * scale + 0.5));
}

static void format_power(char *cell, double size)
{
    int exponent = 0;
    int len;

    for (; size >= 9.995; size /= 10)
        exponent++;
    for (; size < 0.9995; size *= 10)
        exponent--;
    len = three_digits(cell, size);
    snprintf(cell + len, LKI_CELL_BYTES - (size_t)len, "e%d", exponent);
}

void lki_format_number(char cell[LKI_CELL_BYTES], double value)
{
    char text[LKI_CELL_BYTES] = "-";
    double size = fabs(value);

    if (size == 0 || (size < 1e15 && (size >= 99.95 || size == floor(size))))
        lki_format_count(text, (uint64_t)(size + 0.5));
    else if (size >= 0.9995 && size < 1e15)
        three_digits(text, size);
    else if (size >= 0.0001 && size < 1e15)
        format_fraction(text, size);
    else if (isfinite(size))
        format_power(text, size);
    snprintf(cell, LKI_CELL_BYTES, "%s%.*s", value < 0 ? "-" : "", LKI_CELL_BYTES - 2, text);
}

void lki_format_percent(char cell[LKI_CELL_BYTES], uint64_t part, uint64_t whole)
{
    double share = whole ? (double)part / (double)whole * 100 : 0;
    int len;

    if (!part || !whole) {
        snprintf(cell, LKI_CELL_BYTES, "0%%");
    } else if (part >= whole) {
        snprintf(cell, LKI_CELL_BYTES, "100%%");
    } else if (share < 0.01) {
        snprintf(cell, LKI_CELL_BYTES, "<0.01%%");
    } else if (share > 99.9) {
        snprintf(cell, LKI_CELL_BYTES, ">99.9%%");
    } else {
        len = three_digits(cell, share);
        snprintf(cell + len, LKI_CELL_BYTES - (size_t)len, "%%");
    }
}

void lki_format_bytes(char cell[LKI_CELL_BYTES], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    int len;

    while (bytes >= 999.5 && unit + 1 < LKI_COUNT(units)) {
        bytes /= 1000;
        unit++;
    }
    if (unit == 0)
        len = snprintf(cell, LKI_CELL_BYTES, "%u", (unsigned)(bytes + 0.5));
    else
        len = three_digits(cell, bytes);
    snprintf(cell + len, LKI_CELL_BYTES - (size_t)len, " %s", units[unit]);
}

struct range {
    uint32_t first;
    uint32_t last;
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* The scalar value of the well-formed sequence of len bytes. */
static uint32_t utf8_code(const char *at, size_t len)
{
    static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)at[0] & lead_mask[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    return code;
}

/* The C library's wcwidth asks the locale, which is the host program's: the common ranges suffice.
 */
static size_t code_width(uint32_t code)
{
    static const struct range none[] = {{0x300, 0x36f},   {0x1ab0, 0x1aff},  {0x1dc0, 0x1dff},
                                        {0x200b, 0x200d}, {0x20d0, 0x20ff},  {0xfe00, 0xfe0f},
                                        {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const struct range two[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                       {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                                       {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                       {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
                                       {0x20000, 0x3fffd}};

    if (code < 0x300)
        return 1;
    if (in_ranges(code, none, LKI_COUNT(none)))
        return 0;
    return in_ranges(code, two, LKI_COUNT(two)) ? 2 : 1;
}

/* Bytes and columns of the character at `at`. */
static size_t next_char(const char *at, const char *end, size_t *width)
{
    size_t len = lki_utf8_len(at, end);

    *width = len ? code_width(utf8_code(at, len)) : 1;
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

/* Controls, what reverses or hides the text that follows, and what stands for broken bytes in a
 * file. */
static bool is_harmful(uint32_t code)
{
    static const struct range harmful[] = {{0, 0x1f},        {0x7f, 0x9f},      {0x200e, 0x200f},
                                           {0x2028, 0x202e}, {0x2066, 0x2069},  {0xfeff, 0xfeff},
                                           {0xfffd, 0xfffd}, {0xe0000, 0xe007f}};

    return in_ranges(code, harmful, LKI_COUNT(harmful));
}

void lki_buf_harmless(struct lki_buf *buf, const char *text)
{
    const char *end = text + strlen(text);

    while (text < end) {
        size_t len = lki_utf8_len(text, end);

        if (!len || is_harmful(utf8_code(text, len)))
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
