/* Numbers read from and written as decimal text. */
#include "base/decimal.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/suite.h"

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Copies text to a block of exactly its size, so that a sanitizer sees a byte too far. */
static char *exact(const char *text)
{
    char *copy = malloc(strlen(text) ? strlen(text) : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, strlen(text));
    return copy;
}

struct end_case {
    const char *text;
    int len; /* -1: no number */
};

static const struct end_case ends[] = {
    {"0", 1},     {"-0", 2},      {"12", 2},    {"-12.50", 6}, {"0.1", 3},       {"1e5", 3},
    {"1E+5", 4},  {"1.5e-10", 7}, {"01", 1},    {"-01", 2},    {"12abc", 2},     {"1,2", 1},
    {"", -1},     {"-", -1},      {"+1", -1},   {".5", -1},    {"5.", -1},       {"-.5", -1},
    {"1.e5", -1}, {"1e", -1},     {"1e+", -1},  {"1e-x", -1},  {"Infinity", -1}, {"NaN", -1},
    {"- 1", -1},  {"0x10", 1},    {"0.0e0", 5}, {"1.5.5", 3},  {"--1", -1},      {"1_000", 1},
};

START_TEST(a_number_ends_where_its_grammar_does)
{
    const struct end_case *want = &ends[_i];
    char *text = exact(want->text);
    const char *end = lki_decimal_end(text, text + strlen(want->text));

    ck_assert_int_eq(end ? (int)(end - text) : -1, want->len);
    free(text);
}
END_TEST

struct int_case {
    const char *text;
    enum lk_err err;
    uint64_t magnitude;
    bool negative;
};

static const struct int_case ints[] = {
    {"0", LK_OK, 0, false},
    {"-0", LK_OK, 0, true},
    {"9007199254740993", LK_OK, 9007199254740993, false},
    {"-9223372036854775808", LK_OK, UINT64_C(9223372036854775808), true},
    {"18446744073709551615", LK_OK, UINT64_MAX, false},
    {"18446744073709551616", LK_E_LIMIT, 0, false},
    {"99999999999999999999999", LK_E_LIMIT, 0, false},
    {"1.0", LK_OK, 1, false},
    {"1.50", LK_E_ARG, 0, false},
    {"-12.5e1", LK_OK, 125, true},
    {"100e-2", LK_OK, 1, false},
    {"1e3", LK_OK, 1000, false},
    {"1e19", LK_OK, UINT64_C(10000000000000000000), false},
    {"1e20", LK_E_LIMIT, 0, false},
    {"1e-1", LK_E_ARG, 0, false},
    {"0.000000000000000000000000000001e30", LK_OK, 1, false},
    {"1000000000000000000000000000000e-30", LK_OK, 1, false},
    {"123456789012345678.9e1", LK_OK, 1234567890123456789, false},
    {"1.00000000000000000000000000000001", LK_E_ARG, 0, false},
    {"0e99999999999999999999999999", LK_OK, 0, false},
    {"0.0e-99999999999999999999999999", LK_OK, 0, false},
    {"1e99999999999999999999999999", LK_E_LIMIT, 0, false},
    {"1e-99999999999999999999999999", LK_E_ARG, 0, false},
};

START_TEST(an_integer_is_exact_or_refused)
{
    const struct int_case *want = &ints[_i];
    char *text = exact(want->text);
    uint64_t magnitude = 7;
    bool negative = false;

    ck_assert_int_eq(lki_decimal_int(text, strlen(want->text), &magnitude, &negative), want->err);
    ck_assert_uint_eq(magnitude, want->err ? 7 : want->magnitude);
    ck_assert_int_eq(negative, want->negative);
    free(text);
}
END_TEST

/* Places where hasty readers round wrongly; the C compiler says what is right. */
#define READ(number)                                                                               \
    {                                                                                              \
#number, number                                                                            \
    }
static const struct {
    const char *text;
    double value;
} doubles[] = {
    READ(0.1),
    READ(-0.0),
    READ(1e22),
    READ(1e23),
    READ(9007199254740993.0),
    READ(9007199254740992.999999999999999999999999999999),
    READ(9007199254740993.000000000000000000000000000001),
    READ(123456789012345678901234567890.0),
    READ(1.7976931348623157e308),
    READ(2.2250738585072011e-308),
    READ(2.2250738585072014e-308),
    READ(5e-324),
    {"2.4703282292062327e-324", 0},
    READ(2.4703282292062328e-324),
    {"1e-400", 0},
    READ(0.500000000000000166533453693773481063544750213623046875),
    READ(3.518437208883201171875e13),
    READ(62.5364939768271845828),
    READ(8.10109172351e-10),
};

START_TEST(a_double_is_the_nearest_one)
{
    char *text = exact(doubles[_i].text);
    double value;

    ck_assert_int_eq(lki_decimal_double(text, strlen(doubles[_i].text), &value), LK_OK);
    ck_assert_uint_eq(bits_of(value), bits_of(doubles[_i].value));
    free(text);
}
END_TEST

START_TEST(a_double_beyond_the_largest_is_refused)
{
    double value = 7;

    ck_assert_int_eq(lki_decimal_double("1e309", 5, &value), LK_E_LIMIT);
    ck_assert_int_eq(lki_decimal_double("-1e99999999999", 14, &value), LK_E_LIMIT);
    ck_assert(value == 7);
}
END_TEST

/* 1 + 2^-53 lies between two doubles; what follows in the thousandth place decides. */
START_TEST(every_digit_of_a_double_counts)
{
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    char text[1200];
    double value;

    memset(text, '0', sizeof(text));
    memcpy(text, half, sizeof(half) - 1);
    ck_assert_int_eq(lki_decimal_double(text, sizeof(text), &value), LK_OK);
    ck_assert(value == 1.0);
    text[sizeof(text) - 1] = '1';
    ck_assert_int_eq(lki_decimal_double(text, sizeof(text), &value), LK_OK);
    ck_assert(value == 1.0 + DBL_EPSILON);
}
END_TEST

static const struct {
    double value;
    const char *text;
} written[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {-1.5, "-1.5"},
    {0.1, "0.1"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {100, "100"},
    {123456.789, "123456.789"},
    {9007199254740993.0, "9007199254740992"},
    {1e15, "1000000000000000"},
    {1e20, "100000000000000000000"},
    {1e21, "1e21"},
    {1.5e300, "1.5e300"},
    {0.000001, "0.000001"},
    {0.00000125, "0.00000125"},
    {1e-7, "1e-7"},
    {1.25e-7, "1.25e-7"},
    {5e-324, "5e-324"},
    {1.5e-323, "1.5e-323"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e308"},
    /* powers of two, whose neighbours lie unevenly */
    {0x1p-44, "5.684341886080802e-14"},
    {0x1p-1074, "5e-324"},
    {0x1p1023, "8.98846567431158e307"},
    {9.5367431640625e-07, "9.5367431640625e-7"},
};

START_TEST(a_double_is_written_in_the_shortest_way)
{
    char text[LKI_DECIMAL_BYTES];

    ck_assert_uint_eq(lki_decimal_write(text, written[_i].value), strlen(written[_i].text));
    ck_assert_str_eq(text, written[_i].text);
}
END_TEST

/* Doubles of all sizes, and those that people write. */
static double any_double(struct lki_rng *rng)
{
    double value;

    switch (lki_rng_below(rng, 4)) {
    case 0:
        value = (double)lki_rng_below(rng, 1000000) / 1000;
        break;
    case 1:
        value = ldexp(1, (int)lki_rng_below(rng, 2098) - 1074);
        break;
    case 2:
        value = lki_rng_double(rng);
        break;
    default:
        value = double_of(lki_rng_next(rng));
        break;
    }
    return isfinite(value) ? value : 0;
}

static int significant_digits(const char *text)
{
    int zeros = 0;
    int count = 0;

    for (; *text && *text != 'e'; text++) {
        if (*text == '0' && count)
            zeros++;
        if (*text >= '1' && *text <= '9') {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count;
}

START_TEST(what_is_written_reads_back_and_with_a_digit_less_it_would_not)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 1, 1);
    for (int i = 0; i < 20000; i++) {
        double value = any_double(&rng);
        char text[LKI_DECIMAL_BYTES];
        char shorter[64];
        size_t len = lki_decimal_write(text, value);
        int digits = significant_digits(text);
        double back;

        ck_assert_ptr_eq(lki_decimal_end(text, text + len), text + len);
        ck_assert_int_eq(lki_decimal_double(text, len, &back), LK_OK);
        ck_assert_msg(bits_of(back) == bits_of(value), "%a was written as %s", value, text);
        snprintf(shorter, sizeof(shorter), "%.*e", digits > 1 ? digits - 2 : 0, value);
        if (digits > 1)
            ck_assert_msg(strtod(shorter, NULL) != value, "%s for %s", text, shorter);
    }
}
END_TEST

static Suite *decimal_suite(void)
{
    Suite *suite = suite_create("decimal");
    TCase *read = tcase_create("read");
    TCase *write = tcase_create("write");

    tcase_add_loop_test(read, a_number_ends_where_its_grammar_does, 0, LKI_COUNT(ends));
    tcase_add_loop_test(read, an_integer_is_exact_or_refused, 0, LKI_COUNT(ints));
    tcase_add_loop_test(read, a_double_is_the_nearest_one, 0, LKI_COUNT(doubles));
    tcase_add_test(read, a_double_beyond_the_largest_is_refused);
    tcase_add_test(read, every_digit_of_a_double_counts);
    tcase_add_loop_test(write, a_double_is_written_in_the_shortest_way, 0, LKI_COUNT(written));
    tcase_add_test(write, what_is_written_reads_back_and_with_a_digit_less_it_would_not);
    suite_add_tcase(suite, read);
    suite_add_tcase(suite, write);
    return suite;
}

int main(void)
{
    return suite_run(decimal_suite());
}
