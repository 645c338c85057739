#include "base/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

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
