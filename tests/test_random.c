/* Random values as scenarios draw them: within their bounds, evenly spread, the same for the same
 * seed. */
#include <loadkit/random.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"

#define DRAWS 100000

/* What chi-square exceeds once in a thousand times, by degrees of freedom. */
#define CHI_2 13.82
#define CHI_9 27.88
#define CHI_15 37.70
#define CHI_61 99.6

static struct town town;

/* Has one user call run in a step, once, and gives what was counted. */
static uint64_t draw(void (*run)(lk_vu *vu, void *self), uint64_t seed, lki_code code)
{
    struct lk_def *defs[] = {TOWN_STEP("a", run), NULL};
    uint64_t count;

    town_open_seeded(&town, defs, 1, seed);
    town.crowd.iterations_left = 1;
    town_run(&town);
    count = town_code(&town, "a", code);
    town_close(&town);
    return count;
}

static void draws(void (*run)(lk_vu *vu, void *self))
{
    ck_assert_uint_eq(draw(run, 1, LKI_CODE_STEP_OK), 1);
}

static double chi_square(const unsigned *counts, size_t cells, double expected)
{
    double sum = 0;

    for (size_t i = 0; i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

static void ten_numbers(lk_vu *vu, void *self)
{
    unsigned counts[10] = {0};

    (void)self;
    for (int i = 0; i < DRAWS; i++) {
        int64_t number = lk_random_int(vu, -3, 6);

        EXPECT(number >= -3 && number <= 6, "%lld is out of bounds", (long long)number);
        counts[number + 3]++;
    }
    ck_assert_double_lt(chi_square(counts, 10, DRAWS / 10.0), CHI_9);
}

START_TEST(whole_numbers_are_evenly_spread_within_their_bounds)
{
    draws(ten_numbers);
}
END_TEST

/* A remainder would make the first third more likely than the others, a product every third number.
 */
static void three_quarters_of_all(lk_vu *vu, void *self)
{
    const int64_t most = INT64_MIN + (INT64_C(3) << 61) - 1 + (INT64_C(3) << 61);
    unsigned thirds[3] = {0};
    unsigned rests[3] = {0};

    (void)self;
    for (int i = 0; i < DRAWS; i++) {
        int64_t number = lk_random_int(vu, INT64_MIN, most);
        uint64_t place = (uint64_t)number - (uint64_t)INT64_MIN;

        EXPECT(number <= most, "%lld is out of bounds", (long long)number);
        thirds[place >> 62]++;
        rests[place % 3]++;
    }
    ck_assert_double_lt(chi_square(thirds, 3, DRAWS / 3.0), CHI_2);
    ck_assert_double_lt(chi_square(rests, 3, DRAWS / 3.0), CHI_2);
}

START_TEST(no_number_of_a_large_range_is_more_likely)
{
    draws(three_quarters_of_all);
}
END_TEST

static void all_numbers(lk_vu *vu, void *self)
{
    unsigned counts[16] = {0};
    uint64_t ones = 0;
    uint64_t zeros = 0;

    (void)self;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t number = (uint64_t)lk_random_int(vu, INT64_MIN, INT64_MAX);

        counts[number >> 60]++;
        ones |= number;
        zeros |= ~number;
    }
    ck_assert_double_lt(chi_square(counts, 16, DRAWS / 16.0), CHI_15);
    ck_assert_uint_eq(ones & zeros, UINT64_MAX);
}

START_TEST(the_range_may_be_that_of_all_numbers)
{
    draws(all_numbers);
}
END_TEST

static void one_number(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_int_eq(lk_random_int(vu, 7, 7), 7);
    ck_assert_int_eq(lk_random_int(vu, INT64_MAX, INT64_MAX), INT64_MAX);
    ck_assert_int_eq(lk_random_int(vu, INT64_MIN, INT64_MIN), INT64_MIN);
    ck_assert_double_eq(lk_random_double(vu, 0.5, 0.5), 0.5);
    ck_assert_str_eq(LK_ONE_OF("alone"), "alone");
}

START_TEST(a_range_may_hold_one_value)
{
    draws(one_number);
}
END_TEST

static void doubles(lk_vu *vu, void *self)
{
    unsigned counts[10] = {0};

    (void)self;
    for (int i = 0; i < DRAWS; i++) {
        double number = lk_random_double(vu, -1, 4);

        EXPECT(number >= -1 && number < 4, "%g is out of bounds", number);
        counts[(int)((number + 1) * 2)]++;
    }
    ck_assert_double_lt(chi_square(counts, 10, DRAWS / 10.0), CHI_9);
}

START_TEST(fractions_are_evenly_spread_within_their_bounds)
{
    draws(doubles);
}
END_TEST

/* Between neighbours half of the sums round up to the bound that is not to come. */
static void doubles_at_the_edge(lk_vu *vu, void *self)
{
    double top = nextafter(1, 2);
    bool negative = false;
    bool positive = false;

    (void)self;
    for (int i = 0; i < 1000; i++) {
        double wide = lk_random_double(vu, -1.7e308, 1.7e308);

        EXPECT(lk_random_double(vu, 1, top) == 1, "the upper bound came");
        EXPECT(isfinite(wide), "a sum overflowed");
        negative |= wide < -1e307;
        positive |= wide > 1e307;
    }
    ck_assert(negative && positive);
}

START_TEST(fractions_never_reach_the_upper_bound)
{
    draws(doubles_at_the_edge);
}
END_TEST

static int hex_value(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static void uuids(lk_vu *vu, void *self)
{
    unsigned counts[16] = {0};
    unsigned variants[16] = {0};
    unsigned expected = 0;

    (void)self;
    for (int i = 0; i < 2000; i++) {
        const char *uuid = lk_random_uuid(vu);

        EXPECT(strlen(uuid) == 36 && strspn(uuid, "0123456789abcdef-") == 36, "%s", uuid);
        for (int at = 0; at < 36; at++) {
            bool dash = at == 8 || at == 13 || at == 18 || at == 23;

            EXPECT((uuid[at] == '-') == dash, "%s", uuid);
            if (dash || at == 14)
                continue;
            if (at == 19)
                variants[hex_value(uuid[at])]++;
            else
                counts[hex_value(uuid[at])]++;
            expected += at != 19;
        }
        EXPECT(uuid[14] == '4', "%s is not of version 4", uuid);
        EXPECT(strchr("89ab", uuid[19]) != NULL, "%s is of another variant", uuid);
    }
    ck_assert_double_lt(chi_square(counts, 16, expected / 16.0), CHI_15);
    for (int v = 8; v < 12; v++)
        ck_assert_uint_gt(variants[v], 400);
}

START_TEST(a_uuid_is_of_version_4)
{
    draws(uuids);
}
END_TEST

static void strings(lk_vu *vu, void *self)
{
    static const char usual[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const char *text = lk_random_string(vu, DRAWS, NULL);
    unsigned counts[62] = {0};

    (void)self;
    ck_assert_uint_eq(strlen(text), DRAWS);
    for (const char *at = text; *at; at++) {
        const char *place = strchr(usual, *at);

        EXPECT(place != NULL, "'%c' is not in the set", *at);
        counts[place - usual]++;
    }
    ck_assert_double_lt(chi_square(counts, 62, DRAWS / 62.0), CHI_61);
    ck_assert_str_eq(lk_random_string(vu, 0, NULL), "");
    ck_assert_str_eq(lk_random_string(vu, 5, "x"), "xxxxx");
    text = lk_random_string(vu, 64, "\xff\x80");
    ck_assert_uint_eq(strlen(text), 64);
    ck_assert_uint_eq(strspn(text, "\xff\x80"), 64);
}

START_TEST(a_string_is_drawn_from_its_set)
{
    draws(strings);
}
END_TEST

static void picks(lk_vu *vu, void *self)
{
    unsigned counts[3] = {0};

    (void)self;
    for (int i = 0; i < DRAWS; i++)
        counts[LK_ONE_OF("a", "b", "c")[0] - 'a']++;
    ck_assert_double_lt(chi_square(counts, 3, DRAWS / 3.0), CHI_2);
}

START_TEST(each_string_is_as_likely_to_be_picked)
{
    draws(picks);
}
END_TEST

/* ---- seeds ---- */

static char drawn[400];

static void a_little_of_everything(lk_vu *vu, void *self)
{
    (void)self;
    snprintf(drawn, sizeof(drawn), "%lld %.17g %s %s %s",
             (long long)lk_random_int(vu, 0, INT64_MAX), lk_random_double(vu, 0, 1),
             lk_random_uuid(vu), lk_random_string(vu, 20, NULL), LK_ONE_OF("a", "b", "c"));
}

START_TEST(the_same_seed_gives_the_same_draws)
{
    char first[sizeof(drawn)];

    draw(a_little_of_everything, 7, LKI_CODE_STEP_OK);
    strcpy(first, drawn);
    draw(a_little_of_everything, 7, LKI_CODE_STEP_OK);
    ck_assert_str_eq(drawn, first);
    draw(a_little_of_everything, 8, LKI_CODE_STEP_OK);
    ck_assert_str_ne(drawn, first);
}
END_TEST

/* ---- what cannot be drawn ---- */

static void int_from_nothing(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_int(vu, 2, 1);
}

static void double_from_nothing(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_double(vu, 2, 1);
}

static void double_without_bound(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_double(vu, 0, INFINITY);
}

static void double_from_no_number(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_double(vu, NAN, 1);
}

static void string_from_nothing(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_string(vu, 0, "");
}

static void pick_from_nothing(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_pick(vu, NULL, 0);
}

static void string_beyond_memory(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_string(vu, SIZE_MAX, NULL);
}

static void string_near_the_end_of_memory(lk_vu *vu, void *self)
{
    (void)self;
    lk_random_string(vu, SIZE_MAX - 1, NULL);
}

static const struct {
    void (*run)(lk_vu *vu, void *self);
    const char *message;
    lki_code code;
} refusals[] = {
    {int_from_nothing, "lk_random_int: the largest value, 1, is below the smallest, 2",
     LKI_CODE_STEP_FAILED},
    {double_from_nothing, "lk_random_double: the upper bound, 1, is below the lower, 2",
     LKI_CODE_STEP_FAILED},
    {double_without_bound, "lk_random_double: 0 and inf are no bounds", LKI_CODE_STEP_FAILED},
    {double_from_no_number, "lk_random_double: nan and 1 are no bounds", LKI_CODE_STEP_FAILED},
    {string_from_nothing, "lk_random_string: the set of characters is empty", LKI_CODE_STEP_FAILED},
    {pick_from_nothing, "lk_random_pick: there is nothing to pick from", LKI_CODE_STEP_FAILED},
    {string_beyond_memory, "out of memory", LKI_CODE_STEP_NOMEM},
    {string_near_the_end_of_memory, "out of memory", LKI_CODE_STEP_NOMEM},
};

START_TEST(what_cannot_be_drawn_fails_the_step)
{
    struct lk_def *defs[] = {TOWN_STEP("a", refusals[_i].run), NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1;
    town_run(&town);
    ck_assert_uint_eq(town_code(&town, "a", refusals[_i].code), 1);
    ck_assert_ptr_nonnull(town.metrics.first_error);
    ck_assert_str_eq(town.metrics.first_error->message, refusals[_i].message);
    town_close(&town);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, whole_numbers_are_evenly_spread_within_their_bounds);
    tcase_add_test(tests, no_number_of_a_large_range_is_more_likely);
    tcase_add_test(tests, the_range_may_be_that_of_all_numbers);
    tcase_add_test(tests, a_range_may_hold_one_value);
    tcase_add_test(tests, fractions_are_evenly_spread_within_their_bounds);
    tcase_add_test(tests, fractions_never_reach_the_upper_bound);
    tcase_add_test(tests, a_uuid_is_of_version_4);
    tcase_add_test(tests, a_string_is_drawn_from_its_set);
    tcase_add_test(tests, each_string_is_as_likely_to_be_picked);
    tcase_add_test(tests, the_same_seed_gives_the_same_draws);
    tcase_add_loop_test(tests, what_cannot_be_drawn_fails_the_step, 0, (int)LKI_COUNT(refusals));
}

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");

    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
