/* Text that people type: durations, counts, seeds, the nearest word, one line. */
#include "base/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define UNTOUCHED 77

static const struct duration_case {
    const char *text;
    int64_t ns;
} durations[] = {
    {"30s", 30 * S},
    {"1h30m", 5400 * S},
    {"250ms", 250 * LKI_NS_PER_MS},
    {"1.5s", 1500 * LKI_NS_PER_MS},
    {"2m", 120 * S},
    {"10us", 10 * LKI_NS_PER_US},
    {"1d2h3m4s5ms6us", 93784 * S + 5 * LKI_NS_PER_MS + 6 * LKI_NS_PER_US},
    {"30", 30 * S},
    {"0.25", S / 4},
    {"0", 0},
    {"0s", 0},
    {"007s", 7 * S},
    {"1h0.5m", 3630 * S},
    {"1.000000001s", S + 1},
    {"0.0000000009s", 0},
    {"2.7182818284590452353602874713526624977572470936999s", 2718281828},
    {"9223372036s", 9223372036 * S},
    {"9223372036854775us", 9223372036854775 * LKI_NS_PER_US},
    {"106751d23h47m16s854ms775us", 9223372036854775 * LKI_NS_PER_US},
};

static const struct refusal {
    const char *text;
    enum lk_err err;
    const char *why;
} bad_durations[] = {
    {"", LK_E_FORMAT, "it is empty"},
    {"5x", LK_E_FORMAT, "the units are d h m s ms us"},
    {"5 s", LK_E_FORMAT, "the units are d h m s ms us"},
    {"5S", LK_E_FORMAT, "the units are d h m s ms us"},
    {"5ns", LK_E_FORMAT, "the units are d h m s ms us"},
    {"5sec", LK_E_FORMAT, "the units are d h m s ms us"},
    {"1e3s", LK_E_FORMAT, "the units are d h m s ms us"},
    {"1,5s", LK_E_FORMAT, "the units are d h m s ms us"},
    {"1.5.5s", LK_E_FORMAT, "the units are d h m s ms us"},
    {"s", LK_E_FORMAT, "a number was expected"},
    {" 5s", LK_E_FORMAT, "a number was expected"},
    {"5s ", LK_E_FORMAT, "a number was expected"},
    {"+5s", LK_E_FORMAT, "a number was expected"},
    {".5s", LK_E_FORMAT, "a number was expected"},
    {"inf", LK_E_FORMAT, "a number was expected"},
    {"nan", LK_E_FORMAT, "a number was expected"},
    {"0x10s", LK_E_FORMAT, "the units are d h m s ms us"},
    {"-5s", LK_E_FORMAT, "it is negative"},
    {"1h-5s", LK_E_FORMAT, "it is negative"},
    {"5.s", LK_E_FORMAT, "digits are missing behind the point"},
    {"1h30", LK_E_FORMAT, "its last number has no unit"},
    {"30s1h", LK_E_FORMAT, "its units do not go from long to short"},
    {"1s1s", LK_E_FORMAT, "its units do not go from long to short"},
    {"1.5h30m", LK_E_FORMAT, "only its last number may have a fraction"},
    {"18446744073709551616s", LK_E_LIMIT, "it is too large"},
    {"99999999999999999999999999999999999s", LK_E_LIMIT, "it is too large"},
    {"9223372037s", LK_E_LIMIT, "it is too long"},
    {"9223372036.9s", LK_E_LIMIT, "it is too long"},
    {"18446744073.709551616s", LK_E_LIMIT, "it is too long"},
    {"106751d23h47m17s", LK_E_LIMIT, "it is too long"},
};

START_TEST(a_duration_is_read)
{
    const struct duration_case *want = &durations[_i];
    const char *why = NULL;
    int64_t ns = UNTOUCHED;

    ck_assert_int_eq(lki_text_duration(want->text, &ns, &why), LK_OK);
    ck_assert_int_eq(ns, want->ns);
}
END_TEST

START_TEST(a_wrong_duration_is_refused_with_the_reason)
{
    const struct refusal *want = &bad_durations[_i];
    const char *why = NULL;
    int64_t ns = UNTOUCHED;

    ck_assert_int_eq(lki_text_duration(want->text, &ns, &why), want->err);
    ck_assert_str_eq(why, want->why);
    ck_assert_int_eq(ns, UNTOUCHED);
}
END_TEST

static const struct count_case {
    const char *text;
    uint64_t count;
} counts[] = {
    {"0", 0},
    {"100", 100},
    {"10k", 10000},
    {"10K", 10000},
    {"1m", 1000000},
    {"2M", 2000000},
    {"00012", 12},
    {"18446744073709551615", UINT64_MAX},
    {"18446744073709551k", UINT64_C(18446744073709551000)},
};

static const struct refusal bad_counts[] = {
    {"", LK_E_FORMAT, "it is empty"},
    {"x", LK_E_FORMAT, "a number was expected"},
    {"k", LK_E_FORMAT, "a number was expected"},
    {"+1", LK_E_FORMAT, "a number was expected"},
    {" 1", LK_E_FORMAT, "a number was expected"},
    {"-1", LK_E_FORMAT, "it is negative"},
    {"-0", LK_E_FORMAT, "it is negative"},
    {"1 ", LK_E_FORMAT, "something follows the digits"},
    {"1.5k", LK_E_FORMAT, "something follows the digits"},
    {"1kk", LK_E_FORMAT, "something follows the digits"},
    {"1g", LK_E_FORMAT, "something follows the digits"},
    {"0x10", LK_E_FORMAT, "something follows the digits"},
    {"1e3", LK_E_FORMAT, "something follows the digits"},
    {"18446744073709551616", LK_E_LIMIT, "it is too large"},
    {"28446744073709551615", LK_E_LIMIT, "it is too large"},
    {"18446744073709552k", LK_E_LIMIT, "it is too large"},
};

START_TEST(a_count_is_read)
{
    const char *why = NULL;
    uint64_t count = UNTOUCHED;

    ck_assert_int_eq(lki_text_count(counts[_i].text, &count, &why), LK_OK);
    ck_assert_uint_eq(count, counts[_i].count);
}
END_TEST

START_TEST(a_wrong_count_is_refused_with_the_reason)
{
    const char *why = NULL;
    uint64_t count = UNTOUCHED;

    ck_assert_int_eq(lki_text_count(bad_counts[_i].text, &count, &why), bad_counts[_i].err);
    ck_assert_str_eq(why, bad_counts[_i].why);
    ck_assert_uint_eq(count, UNTOUCHED);
}
END_TEST

static const struct rate_case {
    const char *text;
    double per_s;
} rates[] = {
    {"200", 200},   {"200/s", 200},  {"0.5", 0.5},
    {"0.1/s", 0.1}, {"20k", 20000},  {"1.5K", 1500},
    {"1.5k/m", 25}, {"30/m", 0.5},   {"1/m", 1. / 60},
    {"3600/h", 1},  {"007", 7},      {"0", 0},
    {"0.0", 0},     {"00.25", 0.25}, {"18446744073709551615", 18446744073709551615.},
};

static const struct refusal bad_rates[] = {
    {"", LK_E_FORMAT, "it is empty"},
    {"x", LK_E_FORMAT, "a number was expected"},
    {"/s", LK_E_FORMAT, "a number was expected"},
    {".5", LK_E_FORMAT, "a number was expected"},
    {"-1", LK_E_FORMAT, "it is negative"},
    {"1.", LK_E_FORMAT, "digits are missing behind the point"},
    {"1./s", LK_E_FORMAT, "digits are missing behind the point"},
    {"1m", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1/", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1/d", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1/min", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1 /s", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1e3", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1.5.5", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"1kk", LK_E_FORMAT, "behind the number may stand /s, /m or /h"},
    {"18446744073709551616", LK_E_LIMIT, "it is too large"},
};

START_TEST(a_rate_is_read)
{
    const char *why = NULL;
    double per_s = UNTOUCHED;

    ck_assert_int_eq(lki_text_rate(rates[_i].text, &per_s, &why), LK_OK);
    ck_assert_double_eq(per_s, rates[_i].per_s);
}
END_TEST

START_TEST(a_wrong_rate_is_refused_with_the_reason)
{
    const char *why = NULL;
    double per_s = UNTOUCHED;

    ck_assert_int_eq(lki_text_rate(bad_rates[_i].text, &per_s, &why), bad_rates[_i].err);
    ck_assert_str_eq(why, bad_rates[_i].why);
    ck_assert_double_eq(per_s, UNTOUCHED);
}
END_TEST

START_TEST(a_seed_is_any_number_of_64_bits_and_nothing_else)
{
    const char *why = NULL;
    uint64_t value = UNTOUCHED;

    ck_assert_int_eq(lki_text_u64("18446744073709551615", &value, &why), LK_OK);
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_int_eq(lki_text_u64("0", &value, &why), LK_OK);
    ck_assert_uint_eq(value, 0);
    ck_assert_int_eq(lki_text_u64("18446744073709551616", &value, &why), LK_E_LIMIT);
    ck_assert_int_eq(lki_text_u64("10k", &value, &why), LK_E_FORMAT);
    ck_assert_str_eq(why, "something follows the digits");
    ck_assert_uint_eq(value, 0);
}
END_TEST

#define LONG_NAME "a.very.long.name.that.goes.on.and.on.and.on.and.on.and.on.and.on"

static const char *const words[] = {"users",    "duration", "iterations", "init-param",
                                    "no-color", "run",      "q",          LONG_NAME};

static const struct nearest_case {
    const char *typed;
    const char *best; /* NULL: none */
} nearest_cases[] = {
    {"users", "users"},
    {"user", "users"},
    {"USERS", "users"},
    {"suers", "users"},
    {"uses", "users"},
    {"durration", "duration"},
    {"dur", "duration"},
    {"duraiton", "duration"},
    {"iteratoins", "iterations"},
    {"initparam", "init-param"},
    {"no-colour", "no-color"},
    {"rnu", "run"},
    {"ru", "run"},
    {"x", NULL},
    {"u", NULL},
    {"", NULL},
    {"nothing", NULL},
    {LONG_NAME "!", NULL},
};

START_TEST(the_nearest_word_is_found_when_it_is_near)
{
    const struct nearest_case *want = &nearest_cases[_i];
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, want->typed, strlen(want->typed));
    for (size_t i = 0; i < LKI_COUNT(words); i++)
        lki_nearest_offer(&nearest, words[i]);
    ck_assert_pstr_eq(nearest.best, want->best);
}
END_TEST

START_TEST(a_word_with_fewer_mistakes_beats_one_that_begins_alike)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, "stap", 4);
    lki_nearest_offer(&nearest, "stapler");
    lki_nearest_offer(&nearest, "step");
    lki_nearest_offer(&nearest, "stop");
    ck_assert_str_eq(nearest.best, "step");
}
END_TEST

START_TEST(a_word_is_a_slice)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, "logni,search", 5);
    lki_nearest_offer(&nearest, "login");
    ck_assert_str_eq(nearest.best, "login");
}
END_TEST

START_TEST(foreign_text_stays_on_its_line)
{
    char text[] = "a\nb\rc\td\x1b[2Je\x7f\xc3\xbc\0f\xc2\x9b\xc2\xa0\xff\xfeg\xe2\x80\xaeh\xe2\x82";

    lki_text_one_line(text, sizeof(text) - 1);
    ck_assert_mem_eq(text, "a?b?c?d?[2Je?\xc3\xbc?f??\xc2\xa0??g???h??", sizeof(text) - 1);
}
END_TEST

START_TEST(of_foreign_text_lines_may_be_kept)
{
    char text[] = "a\nb\rc\td\0e\xff\n";

    lki_text_harmless(text, sizeof(text) - 1, "\n\t");
    ck_assert_mem_eq(text, "a\nb?c\td?e?\n", sizeof(text) - 1);
}
END_TEST

START_TEST(of_foreign_text_as_much_is_shown_as_fits)
{
    char out[8];

    lki_text_shown(out, sizeof(out), "");
    ck_assert_str_eq(out, "");
    lki_text_shown(out, sizeof(out), "a\nb");
    ck_assert_str_eq(out, "a?b");
    lki_text_shown(out, sizeof(out), "1234567");
    ck_assert_str_eq(out, "1234567");
    lki_text_shown(out, sizeof(out), "123456\xc3\xbc");
    ck_assert_str_eq(out, "123456");
}
END_TEST

START_TEST(a_digit_may_be_hexadecimal)
{
    static const char digits[] = "0123456789abcdef";

    for (int c = 0; c < 256; c++) {
        char small = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
        const char *at = c ? strchr(digits, small) : NULL;

        ck_assert_int_eq(lki_hex_digit((char)c), at ? at - digits : -1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");

    tcase_add_loop_test(tcase, a_duration_is_read, 0, (int)LKI_COUNT(durations));
    tcase_add_loop_test(tcase, a_wrong_duration_is_refused_with_the_reason, 0,
                        (int)LKI_COUNT(bad_durations));
    tcase_add_loop_test(tcase, a_count_is_read, 0, (int)LKI_COUNT(counts));
    tcase_add_loop_test(tcase, a_wrong_count_is_refused_with_the_reason, 0,
                        (int)LKI_COUNT(bad_counts));
    tcase_add_loop_test(tcase, a_rate_is_read, 0, (int)LKI_COUNT(rates));
    tcase_add_loop_test(tcase, a_wrong_rate_is_refused_with_the_reason, 0,
                        (int)LKI_COUNT(bad_rates));
    tcase_add_test(tcase, a_seed_is_any_number_of_64_bits_and_nothing_else);
    tcase_add_loop_test(tcase, the_nearest_word_is_found_when_it_is_near, 0,
                        (int)LKI_COUNT(nearest_cases));
    tcase_add_test(tcase, a_word_with_fewer_mistakes_beats_one_that_begins_alike);
    tcase_add_test(tcase, a_word_is_a_slice);
    tcase_add_test(tcase, foreign_text_stays_on_its_line);
    tcase_add_test(tcase, of_foreign_text_lines_may_be_kept);
    tcase_add_test(tcase, of_foreign_text_as_much_is_shown_as_fits);
    tcase_add_test(tcase, a_digit_may_be_hexadecimal);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
