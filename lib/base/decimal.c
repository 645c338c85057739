#include "base/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No double needs more digits to be told from its neighbours' midpoints; the rest only matters by
 * being there at all. */
#define DIGITS_MAX 780
/* Exponents beyond this are as good as infinite, but stay far from overflow when added up. */
#define EXP_MAX 1000000000
#define EXP_BYTES 16
/* All integers up to here are doubles. */
#define EXACT_MAX (UINT64_C(1) << DBL_MANT_DIG)
#define EXACT_POWERS 23

static const double powers[EXACT_POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A number taken apart: mantissa * 10^exp10, plus something less than one unit of it if cut. */
struct number {
    uint64_t mantissa;
    int64_t exp10;
    bool negative;
    bool cut;
};

/* digits * 10^exp10; no zero at either end. */
struct digits {
    char text[24 + EXP_BYTES];
    int count;
    int exp10;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* The end of at least one digit, or NULL. */
static const char *digits_some(const char *at, const char *end)
{
    const char *after = digits_end(at, end);

    return after > at ? after : NULL;
}

const char *lki_decimal_end(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    at = at < end && *at == '0' ? at + 1 : digits_some(at, end);
    if (at && at < end && *at == '.')
        at = digits_some(at + 1, end);
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = digits_some(at, end);
    }
    return at;
}

static int64_t exponent_read(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    int64_t exp10 = 0;

    if (at < end && !is_digit(*at))
        at++;
    for (; at < end; at++)
        if (exp10 < EXP_MAX)
            exp10 = exp10 * 10 + (*at - '0');
    return negative ? -exp10 : exp10;
}

static struct number number_read(const char *at, const char *end)
{
    struct number number = {.negative = *at == '-'};
    bool fraction = false;
    bool full = false;

    for (at += number.negative; at < end && *at != 'e' && *at != 'E'; at++) {
        unsigned digit = (unsigned)(*at - '0');

        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (!full && number.mantissa > (UINT64_MAX - digit) / 10)
            full = true;
        if (!full) {
            number.mantissa = number.mantissa * 10 + digit;
            number.exp10 -= fraction;
        } else {
            number.cut |= digit != 0;
            number.exp10 += !fraction;
        }
    }
    if (at < end)
        number.exp10 += exponent_read(at + 1, end);
    return number;
}

enum lk_err lki_decimal_int(const char *text, size_t len, uint64_t *magnitude, bool *negative)
{
    struct number number = number_read(text, text + len);

    while (number.mantissa && number.exp10 < 0 && !number.cut && number.mantissa % 10 == 0) {
        number.mantissa /= 10;
        number.exp10++;
    }
    if (number.mantissa && number.exp10 < 0)
        return LK_E_ARG;
    /* with more digits than fit, whatever the exponent: a fraction, or more than 64 bits */
    if (number.cut)
        return LK_E_LIMIT;
    for (; number.mantissa && number.exp10 > 0; number.exp10--) {
        if (number.mantissa > UINT64_MAX / 10)
            return LK_E_LIMIT;
        number.mantissa *= 10;
    }
    *magnitude = number.mantissa;
    *negative = number.negative;
    return LK_OK;
}

/* digits * 10^exp10 by the C library, which rounds correctly; without a point in the text there is
 * nothing in it that a locale could change. The exponent is written behind the digits. */
static double digits_to_double(char *digits, size_t count, int64_t exp10)
{
    if (exp10 > EXP_MAX)
        exp10 = EXP_MAX;
    if (exp10 < -EXP_MAX)
        exp10 = -EXP_MAX;
    snprintf(digits + count, EXP_BYTES, "e%d", (int)exp10);
    return strtod(digits, NULL);
}

/* The way for numbers of many digits or great exponents: all digits that can matter, in a row. */
static double double_slow(const char *at, const char *end)
{
    char digits[DIGITS_MAX + 1 + EXP_BYTES];
    size_t count = 0;
    int64_t exp10 = 0;
    bool fraction = false;
    bool cut = false;

    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
        } else if (count < DIGITS_MAX) {
            if (count || *at != '0')
                digits[count++] = *at;
            exp10 -= fraction;
        } else {
            cut |= *at != '0';
            exp10 += !fraction;
        }
    }
    if (at < end)
        exp10 += exponent_read(at + 1, end);
    if (cut) {
        digits[count++] = '1';
        exp10--;
    }
    return digits_to_double(digits, count, exp10);
}

/* With both parts exact, one division or multiplication rounds once: the result is the nearest. */
static bool double_exact(const struct number *number, double *out)
{
    double value = (double)number->mantissa;

    if (FLT_EVAL_METHOD != 0 || number->cut || number->mantissa > EXACT_MAX)
        return false;
    if (!number->mantissa)
        *out = 0;
    else if (number->exp10 <= 0 && number->exp10 > -EXACT_POWERS)
        *out = value / powers[-number->exp10];
    else if (number->exp10 > 0 && number->exp10 < EXACT_POWERS)
        *out = value * powers[number->exp10];
    else
        return false;
    return true;
}

enum lk_err lki_decimal_double(const char *text, size_t len, double *out)
{
    struct number number = number_read(text, text + len);
    double value;

    if (!double_exact(&number, &value))
        value = double_slow(text + number.negative, text + len);
    if (isinf(value))
        return LK_E_LIMIT;
    *out = number.negative ? -value : value;
    return LK_OK;
}

static void digits_trim(struct digits *digits)
{
    while (digits->count > 1 && digits->text[digits->count - 1] == '0') {
        digits->count--;
        digits->exp10++;
    }
}

/* Most doubles that people write have few decimals: looked for directly. What is found has at most
 * 15 digits, so that no shorter text can stand for the same double. */
static bool digits_few(struct digits *digits, double value)
{
    for (int decimals = 0; FLT_EVAL_METHOD == 0 && decimals < 10; decimals++) {
        double scaled = value * powers[decimals];
        double whole;

        if (scaled >= 1e15)
            return false;
        whole = (double)(uint64_t)(scaled + 0.5);
        if (whole > 0 && whole / powers[decimals] == value) {
            digits->count = snprintf(digits->text, 24, "%llu", (unsigned long long)whole);
            digits->exp10 = -decimals;
            digits_trim(digits);
            return true;
        }
    }
    return false;
}

static bool digits_are(struct digits *digits, double value)
{
    return digits_to_double(digits->text, (size_t)digits->count, digits->exp10) == value;
}

/* One unit more in the last place. */
static void digits_up(struct digits *digits)
{
    int at = digits->count - 1;

    while (at > 0 && digits->text[at] == '9')
        digits->text[at--] = '0';
    if (digits->text[at] == '9') {
        digits->text[at] = '1';
        digits->exp10++;
    } else {
        digits->text[at]++;
    }
}

/* Is there a text of count digits for value? */
static bool digits_of(struct digits *digits, double value, int count)
{
    char text[48];
    int exp10;

    snprintf(text, sizeof(text), "%.*e", count - 1, value);
    digits->count = 0;
    for (const char *at = text; *at && *at != 'e'; at++)
        if (is_digit(*at)) /* what else is there is the locale's point */
            digits->text[digits->count++] = *at;
    digits->exp10 = (int)strtol(strchr(text, 'e') + 1, NULL, 10) - (count - 1);
    if (digits_are(digits, value))
        return true;
    /* A power of two is nearer to its neighbour below than to the one above: the best text of this
     * length may miss it below while the next one up still hits. */
    if (frexp(value, &exp10) != 0.5)
        return false;
    digits_up(digits);
    return digits_are(digits, value);
}

static void digits_find(struct digits *digits, double value)
{
    /* any text of 15 digits survives the way to a normal double and back */
    int count = value < DBL_MIN ? 1 : DBL_DIG;

    if (digits_few(digits, value))
        return;
    while (count < DBL_DECIMAL_DIG && !digits_of(digits, value, count))
        count++;
    if (count == DBL_DECIMAL_DIG)
        digits_of(digits, value, count);
    digits_trim(digits);
}

/* Plain where that is readable, with an exponent where it is not. */
static size_t digits_print(char *out, const struct digits *digits)
{
    int point = digits->count + digits->exp10; /* digits before the point */
    char *at = out;

    if (point > 21 || point < -5) {
        *at++ = digits->text[0];
        if (digits->count > 1) {
            *at++ = '.';
            memcpy(at, digits->text + 1, (size_t)digits->count - 1);
            at += digits->count - 1;
        }
        return (size_t)(at - out) + (size_t)snprintf(at, EXP_BYTES, "e%d", point - 1);
    }
    if (point <= 0)
        *at++ = '0';
    for (int i = point < 0 ? point : 0; i < digits->count || i < point; i++) {
        if (i == point)
            *at++ = '.';
        *at++ = i >= 0 && i < digits->count ? digits->text[i] : '0';
    }
    return (size_t)(at - out);
}

size_t lki_decimal_write(char out[LKI_DECIMAL_BYTES], double value)
{
    struct digits digits = {.text = "0", .count = 1};
    size_t sign = signbit(value) ? 1 : 0;

    out[0] = '-';
    if (value != 0)
        digits_find(&digits, fabs(value));
    sign += digits_print(out + sign, &digits);
    out[sign] = '\0';
    return sign;
}
