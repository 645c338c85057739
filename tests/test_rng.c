/* The generator: the same seed gives the same draws, other seeds and streams others, all uniform.
 */
#include "base/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/expect.h"
#include "support/suite.h"

#define DRAWS 100000

static struct lki_rng seeded(uint64_t seed, uint64_t stream)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, seed, stream);
    return rng;
}

/* The published first outputs of splitmix64 from state 1234567. */
START_TEST(the_sequence_is_splitmix64)
{
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    struct lki_rng rng = {1234567};

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_uint_eq(lki_rng_next(&rng), expected[i]);
}
END_TEST

START_TEST(the_same_seed_and_stream_give_the_same_draws)
{
    struct lki_rng a = seeded(42, 7);
    struct lki_rng b = seeded(42, 7);

    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(lki_rng_next(&a), lki_rng_next(&b));
}
END_TEST

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

START_TEST(neighbouring_seeds_and_streams_share_no_draw)
{
    enum { SEEDS = 20, STREAMS = 100, EACH = 50, ALL = SEEDS * STREAMS * EACH };
    uint64_t *draws = malloc(ALL * sizeof(*draws));
    size_t n = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (uint64_t stream = 0; stream < STREAMS; stream++) {
            struct lki_rng rng = seeded(seed, stream);

            for (int i = 0; i < EACH; i++)
                draws[n++] = lki_rng_next(&rng);
        }
    }
    qsort(draws, ALL, sizeof(*draws), compare);
    for (size_t i = 1; i < ALL; i++)
        EXPECT(draws[i - 1] != draws[i], "a draw came twice");
    free(draws);
}
END_TEST

/* Bits of the first draws of neighbouring users agree about half of the time. */
START_TEST(the_first_draws_of_neighbouring_users_are_unrelated)
{
    unsigned agree[64] = {0};

    for (uint64_t user = 1; user <= 10000; user++) {
        struct lki_rng a = seeded(1, user);
        struct lki_rng b = seeded(1, user + 1);
        uint64_t same = ~(lki_rng_next(&a) ^ lki_rng_next(&b));

        for (int bit = 0; bit < 64; bit++)
            agree[bit] += same >> bit & 1;
    }
    for (int bit = 0; bit < 64; bit++) {
        ck_assert_uint_gt(agree[bit], 5000 - 300);
        ck_assert_uint_lt(agree[bit], 5000 + 300);
    }
}
END_TEST

START_TEST(doubles_are_uniform_from_0_up_to_but_not_1)
{
    struct lki_rng rng = seeded(5, 5);
    unsigned counts[100] = {0};
    double chi = 0;

    for (int i = 0; i < DRAWS; i++) {
        double draw = lki_rng_double(&rng);

        EXPECT(draw >= 0 && draw < 1, "%.17g is out of bounds", draw);
        counts[(int)(draw * 100)]++;
    }
    for (int i = 0; i < 100; i++)
        chi += (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000.0;
    ck_assert_double_lt(chi, 173); /* 99 degrees of freedom, one in 200,000 */
    ck_assert_double_gt(chi, 45);
}
END_TEST

START_TEST(draws_below_a_bound_are_uniform)
{
    static const uint64_t bounds[] = {1, 2, 3, 7, 10, 1000};
    uint64_t bound = bounds[_i];
    struct lki_rng rng = seeded(9, bound);
    static unsigned counts[1000];
    double mean = (double)DRAWS / (double)bound;
    double chi = 0;

    memset(counts, 0, sizeof(counts));
    for (int i = 0; i < DRAWS; i++) {
        uint64_t draw = lki_rng_below(&rng, bound);

        EXPECT(draw < bound, "a draw reached its bound");
        counts[draw]++;
    }
    for (uint64_t i = 0; i < bound; i++)
        chi += (counts[i] - mean) * (counts[i] - mean) / mean;
    ck_assert_double_lt(chi, (double)bound + 25 + 5 * 1.42 * (double)bound / 10);
}
END_TEST

START_TEST(huge_bounds_are_kept)
{
    struct lki_rng rng = seeded(1, 1);
    uint64_t most = 0;

    for (int i = 0; i < 1000; i++) {
        uint64_t draw = lki_rng_below(&rng, UINT64_MAX);

        ck_assert_uint_lt(draw, UINT64_MAX);
        if (draw > most)
            most = draw;
        ck_assert_uint_lt(lki_rng_below(&rng, (UINT64_C(1) << 63) + 1), (UINT64_C(1) << 63) + 1);
    }
    ck_assert_uint_gt(most, UINT64_MAX / 100 * 95);
}
END_TEST

static Suite *rng_suite(void)
{
    Suite *suite = suite_create("rng");
    TCase *draws = tcase_create("draws");

    tcase_add_test(draws, the_sequence_is_splitmix64);
    tcase_add_test(draws, the_same_seed_and_stream_give_the_same_draws);
    tcase_add_test(draws, neighbouring_seeds_and_streams_share_no_draw);
    tcase_add_test(draws, the_first_draws_of_neighbouring_users_are_unrelated);
    tcase_add_test(draws, doubles_are_uniform_from_0_up_to_but_not_1);
    tcase_add_loop_test(draws, draws_below_a_bound_are_uniform, 0, 6);
    tcase_add_test(draws, huge_bounds_are_kept);
    suite_add_tcase(suite, draws);
    return suite;
}

int main(void)
{
    return suite_run(rng_suite());
}
