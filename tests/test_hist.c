/* Histograms: how true their values are, merging, and the encoded form against broken input. */
#include "stats/hist.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/suite.h"

/* What the header promises for values of the range. */
#define PROMISED_ERROR 0.004
#define ENCODED_MAX (64 << 10)

static struct lki_rng rng = {20240611};

/* Log-uniform over the whole range: every octave gets its share. */
static int64_t any_value(void)
{
    double low = log((double)LKI_HIST_LOW_NS);
    double high = log((double)LKI_HIST_HIGH_NS);
    int64_t ns = (int64_t)exp(low + (high - low) * lki_rng_double(&rng));

    return ns < LKI_HIST_LOW_NS ? LKI_HIST_LOW_NS : ns > LKI_HIST_HIGH_NS ? LKI_HIST_HIGH_NS : ns;
}

static void close_verify(int64_t reported, int64_t value)
{
    double error = fabs((double)reported - (double)value) / (double)value;

    ck_assert_msg(error <= PROMISED_ERROR, "%lld reported as %lld: %.3f %% off", (long long)value,
                  (long long)reported, error * 100);
}

/* The value must come back while it is neither minimum nor maximum, which are exact anyway. */
static void value_verify(int64_t ns)
{
    struct lki_hist hist = {0};

    lki_hist_record(&hist, -1);
    lki_hist_record(&hist, ns);
    lki_hist_record(&hist, INT64_MAX);
    close_verify(lki_hist_quantile(&hist, 0.5), ns);
    lki_hist_release(&hist);
}

START_TEST(values_at_the_borders_of_octaves_are_true)
{
    int64_t border = INT64_C(1) << (_i + LKI_HIST_FIRST_OCTAVE);

    for (int64_t ns = border - 3; ns <= border + 3; ns++) {
        if (ns >= LKI_HIST_LOW_NS && ns <= LKI_HIST_HIGH_NS)
            value_verify(ns);
    }
}
END_TEST

START_TEST(values_at_the_borders_of_buckets_are_true)
{
    int64_t octave = INT64_C(1) << (_i + LKI_HIST_FIRST_OCTAVE);
    int64_t width = octave / LKI_HIST_ROW_BUCKETS;

    for (int64_t ns = octave; ns < 2 * octave; ns += width) {
        if (ns > LKI_HIST_LOW_NS && ns < LKI_HIST_HIGH_NS) {
            value_verify(ns - 1);
            value_verify(ns);
        }
    }
}
END_TEST

START_TEST(random_values_over_the_whole_range_are_true)
{
    value_verify(LKI_HIST_LOW_NS);
    value_verify(LKI_HIST_HIGH_NS);
    for (int i = 0; i < 50000; i++)
        value_verify(any_value());
}
END_TEST

START_TEST(an_empty_histogram_reports_zero_and_owns_nothing)
{
    struct lki_hist hist = {0};

    ck_assert_int_eq(lki_hist_quantile(&hist, 0), 0);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0.5), 0);
    ck_assert_int_eq(lki_hist_quantile(&hist, 1), 0);
    ck_assert(lki_hist_mean(&hist) == 0);
    ck_assert_uint_eq(lki_hist_row_bytes(&hist), 0);
    lki_hist_reset(&hist);
    lki_hist_release(&hist);
}
END_TEST

/* Distributions of latencies as they are met. */
static int64_t draw_uniform(void)
{
    return 1000000 + (int64_t)lki_rng_below(&rng, 9000000);
}

static int64_t draw_exponential(void)
{
    return 2000 + (int64_t)(-log(1 - lki_rng_double(&rng)) * 5e6);
}

static int64_t draw_two_humps(void)
{
    return lki_rng_below(&rng, 10) ? 10000000 + (int64_t)lki_rng_below(&rng, 1000)
                                   : 500000000 + (int64_t)lki_rng_below(&rng, 100000000);
}

static int64_t draw_constant(void)
{
    return 123456789;
}

static int64_t (*const draws[])(void) = {draw_uniform, draw_exponential, draw_two_humps,
                                         draw_constant, any_value};

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Against the definition: the value of rank ceil(q n) of the sorted values. per_mille keeps the
 * expected rank in integers. */
static void quantiles_verify(const struct lki_hist *hist, const int64_t *sorted, size_t count)
{
    static const size_t per_mille[] = {1, 10, 70, 250, 333, 500, 750, 900, 950, 990, 999};

    ck_assert_int_eq(lki_hist_quantile(hist, 0), sorted[0]);
    ck_assert_int_eq(lki_hist_quantile(hist, 1), sorted[count - 1]);
    for (size_t i = 0; i < LKI_COUNT(per_mille); i++) {
        size_t rank = (per_mille[i] * count + 999) / 1000;
        int64_t reported = lki_hist_quantile(hist, (double)per_mille[i] / 1000);

        close_verify(reported, sorted[rank - 1]);
        ck_assert_int_ge(reported, sorted[0]);
        ck_assert_int_le(reported, sorted[count - 1]);
    }
}

START_TEST(quantiles_are_those_of_the_sorted_values)
{
    static const size_t counts[] = {1, 2, 3, 7, 10, 100, 999, 1000, 20000};
    int64_t *values = calloc(20000, sizeof(*values));

    ck_assert_ptr_nonnull(values);
    for (size_t c = 0; c < LKI_COUNT(counts); c++) {
        struct lki_hist hist = {0};
        double sum = 0;

        for (size_t i = 0; i < counts[c]; i++) {
            values[i] = draws[_i]();
            sum += (double)values[i];
            lki_hist_record(&hist, values[i]);
        }
        qsort(values, counts[c], sizeof(*values), by_value);
        quantiles_verify(&hist, values, counts[c]);
        ck_assert_uint_eq(hist.count, counts[c]);
        ck_assert_double_eq_tol(lki_hist_mean(&hist), sum / (double)counts[c], sum * 1e-12);
        lki_hist_release(&hist);
    }
    free(values);
}
END_TEST

START_TEST(the_seventh_of_a_hundred_is_the_seventh)
{
    struct lki_hist hist = {0};

    for (int64_t i = 1; i <= 100; i++)
        lki_hist_record(&hist, i * LKI_HIST_LOW_NS * 10);
    /* 0.07 * 100 is more than 7 in binary, 0.29 * 100 is less than 29 */
    close_verify(lki_hist_quantile(&hist, 0.07), 70000);
    close_verify(lki_hist_quantile(&hist, 0.29), 290000);
    close_verify(lki_hist_quantile(&hist, 0.99), 990000);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(values_outside_the_range_are_counted_and_not_clipped)
{
    static const int64_t values[] = {-5,
                                     0,
                                     LKI_HIST_LOW_NS - 1,
                                     LKI_HIST_LOW_NS,
                                     LKI_HIST_HIGH_NS,
                                     LKI_HIST_HIGH_NS + 1,
                                     INT64_C(86400) * 1000000000};
    struct lki_hist hist = {0};
    lki_ns_sum sum = 0;

    for (size_t i = 0; i < LKI_COUNT(values); i++) {
        lki_hist_record(&hist, values[i]);
        sum += values[i];
    }
    ck_assert_uint_eq(hist.count, 7);
    ck_assert_uint_eq(hist.below, 3);
    ck_assert_uint_eq(hist.above, 2);
    ck_assert_uint_eq(hist.lost, 0);
    ck_assert_int_eq(hist.min, -5);
    ck_assert_int_eq(hist.max, values[6]);
    ck_assert(hist.sum == sum);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0), -5);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0.4), LKI_HIST_LOW_NS - 1);
    close_verify(lki_hist_quantile(&hist, 4. / 7), LKI_HIST_LOW_NS);
    close_verify(lki_hist_quantile(&hist, 5. / 7), LKI_HIST_HIGH_NS);
    ck_assert_int_eq(lki_hist_quantile(&hist, 6. / 7), values[6]);
    ck_assert_int_eq(lki_hist_quantile(&hist, 1), values[6]);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(all_values_below_the_range_stay_within_their_extremes)
{
    struct lki_hist hist = {0};

    lki_hist_record(&hist, 300);
    lki_hist_record(&hist, 400);
    lki_hist_record(&hist, 500);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0.5), 500);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0), 300);
    ck_assert(lki_hist_mean(&hist) == 400);
    ck_assert_uint_eq(lki_hist_row_bytes(&hist), 0);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(the_minimum_is_known_from_the_first_value)
{
    struct lki_hist hist = {0};

    lki_hist_record(&hist, 5000);
    ck_assert_int_eq(hist.min, 5000);
    ck_assert_int_eq(hist.max, 5000);
    lki_hist_reset(&hist);
    lki_hist_record(&hist, -7);
    ck_assert_int_eq(hist.min, -7);
    ck_assert_int_eq(hist.max, -7);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(a_narrow_histogram_owns_one_row)
{
    struct lki_hist hist = {0};

    for (int i = 0; i < 100000; i++)
        lki_hist_record(&hist, 1200000 + (int64_t)lki_rng_below(&rng, 300000));
    ck_assert_uint_eq(lki_hist_row_bytes(&hist), LKI_HIST_ROW_BUCKETS * sizeof(uint64_t));
    lki_hist_release(&hist);
}
END_TEST

/* The encoded form is canonical: equal bytes are equal histograms, in every count. */
static void encode(const struct lki_hist *hist, struct lki_buf *out)
{
    lki_buf_init(out, ENCODED_MAX);
    lki_hist_encode(hist, out);
    ck_assert_int_eq(out->err, LK_OK);
}

static void same_verify(const struct lki_hist *a, const struct lki_hist *b)
{
    struct lki_buf left;
    struct lki_buf right;

    encode(a, &left);
    encode(b, &right);
    ck_assert_uint_eq(left.len, right.len);
    ck_assert_mem_eq(left.data, right.data, left.len);
    lki_buf_release(&left);
    lki_buf_release(&right);
}

/* Values of every kind, also outside the range. */
static int64_t wild_value(void)
{
    switch (lki_rng_below(&rng, 20)) {
    case 0:
        return (int64_t)lki_rng_below(&rng, LKI_HIST_LOW_NS);
    case 1:
        return -(int64_t)lki_rng_below(&rng, 100);
    case 2:
        return LKI_HIST_HIGH_NS + 1 + (int64_t)lki_rng_below(&rng, 1000000);
    default:
        return any_value();
    }
}

static void fill(struct lki_hist *hist, int count)
{
    for (int i = 0; i < count; i++)
        lki_hist_record(hist, wild_value());
}

START_TEST(merging_is_the_same_as_recording_all)
{
    struct lki_hist parts[5] = {{0}};
    struct lki_hist merged = {0};
    struct lki_hist all = {0};

    for (int i = 0; i < 20000; i++) {
        int64_t ns = i % 5 == 4 ? 5000 + i : wild_value();

        lki_hist_record(&parts[i % 5], ns);
        lki_hist_record(&all, ns);
    }
    for (size_t i = 0; i < LKI_COUNT(parts); i++) {
        ck_assert_int_eq(lki_hist_merge(&merged, &parts[i]), LK_OK);
        lki_hist_release(&parts[i]);
    }
    same_verify(&merged, &all);
    ck_assert(merged.sum == all.sum);
    lki_hist_release(&merged);
    lki_hist_release(&all);
}
END_TEST

START_TEST(merging_nothing_changes_nothing)
{
    struct lki_hist empty = {0};
    struct lki_hist hist = {0};
    struct lki_hist copy = {0};

    fill(&hist, 100);
    ck_assert_int_eq(lki_hist_merge(&copy, &hist), LK_OK);
    same_verify(&hist, &copy);
    ck_assert_int_eq(lki_hist_merge(&copy, &empty), LK_OK);
    same_verify(&hist, &copy);
    ck_assert_int_eq(lki_hist_merge(&empty, &empty), LK_OK);
    ck_assert_uint_eq(empty.count, 0);
    lki_hist_release(&hist);
    lki_hist_release(&copy);
}
END_TEST

START_TEST(sums_go_beyond_64_bits)
{
    struct lki_hist hist = {0};
    struct lki_hist twice = {0};

    lki_hist_record(&hist, LKI_HIST_HIGH_NS);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(lki_hist_merge(&twice, &hist), LK_OK);
        ck_assert_int_eq(lki_hist_merge(&twice, &hist), LK_OK);
        lki_hist_reset(&hist);
        ck_assert_int_eq(lki_hist_merge(&hist, &twice), LK_OK);
        lki_hist_reset(&twice);
    }
    ck_assert_uint_eq(hist.count, UINT64_C(1) << 40);
    ck_assert(hist.sum == (lki_ns_sum)LKI_HIST_HIGH_NS << 40);
    ck_assert(lki_hist_mean(&hist) == (double)LKI_HIST_HIGH_NS);
    ck_assert_int_eq(lki_hist_quantile(&hist, 0.5), LKI_HIST_HIGH_NS);
    lki_hist_release(&hist);
    lki_hist_release(&twice);
}
END_TEST

START_TEST(a_reset_histogram_is_like_a_new_one_and_keeps_its_rows)
{
    struct lki_hist used = {0};
    struct lki_hist fresh = {0};
    size_t bytes;

    for (int round = 0; round < 20; round++) {
        int count = (int)lki_rng_below(&rng, 300);

        fill(&used, 1000);
        bytes = lki_hist_row_bytes(&used);
        lki_hist_reset(&used);
        ck_assert_uint_eq(lki_hist_row_bytes(&used), bytes);
        same_verify(&used, &(struct lki_hist){0});
        for (int i = 0; i < count; i++) {
            int64_t ns = wild_value();

            lki_hist_record(&used, ns);
            lki_hist_record(&fresh, ns);
        }
        same_verify(&used, &fresh);
        lki_hist_reset(&fresh);
        lki_hist_reset(&used);
    }
    lki_hist_release(&used);
    lki_hist_release(&fresh);
}
END_TEST

START_TEST(what_is_encoded_is_decoded)
{
    struct lki_hist hist = {0};
    struct lki_hist copy = {0};
    struct lki_buf bytes;

    fill(&hist, _i * _i * 7);
    encode(&hist, &bytes);
    ck_assert_int_eq(lki_hist_decode(&copy, bytes.data, bytes.len), LK_OK);
    same_verify(&hist, &copy);
    ck_assert(hist.sum == copy.sum);
    ck_assert_int_eq(hist.min, copy.min);
    ck_assert_int_eq(hist.max, copy.max);
    lki_buf_release(&bytes);
    lki_hist_release(&hist);
    lki_hist_release(&copy);
}
END_TEST

START_TEST(decoding_merges)
{
    struct lki_hist first = {0};
    struct lki_hist second = {0};
    struct lki_hist decoded = {0};
    struct lki_buf bytes;

    fill(&first, 500);
    fill(&second, 500);
    encode(&second, &bytes);
    lki_hist_merge(&decoded, &first);
    ck_assert_int_eq(lki_hist_decode(&decoded, bytes.data, bytes.len), LK_OK);
    lki_hist_merge(&first, &second);
    same_verify(&first, &decoded);
    lki_buf_release(&bytes);
    lki_hist_release(&first);
    lki_hist_release(&second);
    lki_hist_release(&decoded);
}
END_TEST

START_TEST(the_extremes_of_64_bits_survive_encoding)
{
    struct lki_hist hist = {0};
    struct lki_hist copy = {0};
    struct lki_buf bytes;

    lki_hist_record(&hist, INT64_MIN);
    lki_hist_record(&hist, INT64_MAX);
    lki_hist_record(&hist, 12345);
    encode(&hist, &bytes);
    ck_assert_int_eq(lki_hist_decode(&copy, bytes.data, bytes.len), LK_OK);
    same_verify(&hist, &copy);
    ck_assert_int_eq(copy.min, INT64_MIN);
    ck_assert_int_eq(copy.max, INT64_MAX);
    lki_buf_release(&bytes);
    lki_hist_release(&hist);
    lki_hist_release(&copy);
}
END_TEST

START_TEST(the_encoded_form_is_sparse)
{
    struct lki_hist hist = {0};
    struct lki_buf bytes;

    encode(&hist, &bytes);
    ck_assert_uint_eq(bytes.len, 2);
    lki_buf_release(&bytes);
    for (int i = 0; i < 1000; i++)
        lki_hist_record(&hist, 5000000);
    encode(&hist, &bytes);
    ck_assert_uint_le(bytes.len, 24);
    lki_buf_release(&bytes);
    lki_hist_release(&hist);
}
END_TEST

/*
 * Hands bytes over at the end of their memory. Either they are refused and nothing changes, or they
 * are just what the result encodes to: there is no other spelling of a histogram.
 */
static bool decode_verify(const void *bytes, size_t len)
{
    static const int64_t before[] = {3000, 70000000};
    char *exact = malloc(len ? len : 1);
    struct lki_hist fresh = {0};
    struct lki_hist used = {0};
    struct lki_hist untouched = {0};
    enum lk_err err;

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, len);
    for (size_t i = 0; i < LKI_COUNT(before); i++) {
        lki_hist_record(&used, before[i]);
        lki_hist_record(&untouched, before[i]);
    }
    err = lki_hist_decode(&used, exact, len);
    ck_assert_int_eq(lki_hist_decode(&fresh, exact, len), err);
    if (err) {
        ck_assert_int_eq(err, LK_E_FORMAT);
        same_verify(&used, &untouched);
        ck_assert_uint_eq(lki_hist_row_bytes(&used), lki_hist_row_bytes(&untouched));
        ck_assert_uint_eq(lki_hist_row_bytes(&fresh), 0);
    } else {
        struct lki_buf again;

        encode(&fresh, &again);
        ck_assert_uint_eq(again.len, len);
        ck_assert_mem_eq(again.data, exact, len);
        lki_buf_release(&again);
        ck_assert(lki_hist_mean(&fresh) >= (double)fresh.min);
        ck_assert(lki_hist_mean(&fresh) <= (double)fresh.max);
    }
    lki_hist_release(&used);
    lki_hist_release(&fresh);
    lki_hist_release(&untouched);
    free(exact);
    return !err;
}

START_TEST(every_truncation_is_refused)
{
    struct lki_hist hist = {0};
    struct lki_buf bytes;

    fill(&hist, 60);
    encode(&hist, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert_msg(!decode_verify(bytes.data, len), "the first %zu bytes of %zu", len,
                      bytes.len);
    ck_assert(decode_verify(bytes.data, bytes.len));
    lki_buf_char(&bytes, 0);
    ck_assert(!decode_verify(bytes.data, bytes.len));
    lki_buf_release(&bytes);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(a_flipped_bit_is_refused_or_is_another_histogram)
{
    struct lki_hist hist = {0};
    struct lki_buf bytes;
    size_t refused = 0;

    fill(&hist, 40);
    encode(&hist, &bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        refused += !decode_verify(bytes.data, bytes.len);
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_uint_gt(refused, bytes.len * 8 / 2);
    lki_buf_release(&bytes);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(random_bytes_never_do_harm)
{
    unsigned char bytes[64];

    for (int round = 0; round < 20000; round++) {
        size_t len = lki_rng_below(&rng, sizeof(bytes) + 1);

        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)lki_rng_below(&rng, lki_rng_below(&rng, 2) ? 256 : 4);
        bytes[0] = 1;
        decode_verify(bytes, len);
    }
}
END_TEST

/* version, count, zigzag(min), max - min, sum - count * min, below, above, lost, buckets ...
 * 2000 is zigzag(1000), as 0xd0 0x0f; 1000 has bucket 122. */
#define BYTES(...) .bytes = {__VA_ARGS__}, .len = sizeof((unsigned char[]){__VA_ARGS__})

static const struct wire_case {
    const char *what;
    unsigned char bytes[40];
    size_t len;
    bool good;
} wires[] = {
    {"empty", BYTES(1, 0), true},
    {"one value", BYTES(1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 0, 1, 122, 1), true},
    {"two values, two buckets", BYTES(1, 2, 0xd0, 0x0f, 4, 4, 0, 0, 0, 2, 122, 1, 0, 1), true},
    {"two values, one bucket", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 0, 1, 122, 2), true},
    {"only below", BYTES(1, 2, 2, 1, 1, 2, 0, 0, 0), true},
    {"its maximum was lost", BYTES(1, 2, 0xd0, 0x0f, 4, 4, 0, 0, 1, 1, 122, 1), true},
    {"all were lost", BYTES(1, 2, 0xd0, 0x0f, 4, 4, 0, 0, 2, 0), true},
    {"nothing", .len = 0},
    {"no count", BYTES(1)},
    {"another version", BYTES(2, 0)},
    {"something after nothing", BYTES(1, 0, 0)},
    {"a count of zero in two bytes", BYTES(1, 0x80, 0)},
    {"a count beyond all runs", BYTES(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)},
    {"a count without end", BYTES(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80)},
    {"one value, two extremes", BYTES(1, 1, 0xd0, 0x0f, 1, 1, 0, 0, 0, 1, 122, 1)},
    {"a sum that lacks the maximum", BYTES(1, 2, 0xd0, 0x0f, 3, 2, 0, 0, 0, 1, 122, 2)},
    {"a sum above all maxima", BYTES(1, 2, 0xd0, 0x0f, 3, 4, 0, 0, 0, 1, 122, 2)},
    {"a minimum below, none counted there", BYTES(1, 2, 2, 0xe7, 7, 0xe7, 7, 0, 0, 0, 1, 122, 2)},
    {"some counted below, minimum in range",
     BYTES(1, 3, 0xd0, 0x0f, 4, 4, 1, 0, 0, 2, 122, 1, 0, 1)},
    {"some counted above, maximum in range",
     BYTES(1, 3, 0xd0, 0x0f, 4, 4, 0, 1, 0, 2, 122, 1, 0, 1)},
    {"all counted below, maximum in range", BYTES(1, 2, 2, 0xe7, 7, 0xe7, 7, 2, 0, 0, 0)},
    {"maximum below, some counted in range", BYTES(1, 3, 2, 1, 1, 2, 0, 0, 1, 122, 1)},
    {"maximum below, some lost", BYTES(1, 3, 2, 1, 1, 2, 0, 1, 0)},
    {"minimum above, some counted in range",
     BYTES(1, 3, 0x82, 0x80, 0xc5, 0x8b, 0xc6, 0xd1, 1, 1, 1, 0, 2, 0, 1, 0xd1, 32, 1)},
    {"minimum above, all counted there",
     BYTES(1, 3, 0x82, 0x80, 0xc5, 0x8b, 0xc6, 0xd1, 1, 1, 1, 0, 3, 0, 0), true},
    {"more below than there are", BYTES(1, 1, 2, 0, 0, 2, 0, 0, 0)},
    {"one is missing in the buckets", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 0, 1, 122, 1)},
    {"one too many in the buckets", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 0, 1, 122, 3)},
    {"an empty bucket", BYTES(1, 2, 0xd0, 0x0f, 8, 8, 0, 0, 0, 3, 122, 1, 0, 0, 0, 1)},
    {"the same without it", BYTES(1, 2, 0xd0, 0x0f, 8, 8, 0, 0, 0, 2, 122, 1, 1, 1), true},
    {"the minimum has no bucket", BYTES(1, 2, 0xd0, 0x0f, 4, 4, 0, 0, 0, 1, 123, 2)},
    {"the maximum has no bucket", BYTES(1, 2, 0xd0, 0x0f, 4, 4, 0, 0, 0, 1, 122, 2)},
    {"a bucket below the minimum", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 0, 2, 121, 1, 0, 1)},
    {"a bucket above the maximum", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 0, 2, 122, 1, 0, 1)},
    {"a bucket below the range", BYTES(1, 3, 2, 0xe7, 7, 0xe7, 7, 1, 0, 0, 2, 121, 1, 0, 1)},
    {"a bucket below the minimum, another lost", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 1, 1, 121, 1)},
    {"a bucket above the maximum, another lost", BYTES(1, 2, 0xd0, 0x0f, 3, 3, 0, 0, 1, 1, 123, 1)},
    {"a bucket beyond all rows", BYTES(1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 0, 1, 0xff, 0x7f, 1)},
    {"fewer buckets than announced", BYTES(1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 0, 2, 122, 1)},
    {"lost ones of which none is missing", BYTES(1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 1, 1, 122, 1)},
    {"something behind the last bucket", BYTES(1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 0, 1, 122, 1, 0)},
};

START_TEST(only_what_can_have_been_encoded_is_decoded)
{
    ck_assert_msg(decode_verify(wires[_i].bytes, wires[_i].len) == wires[_i].good, "%s",
                  wires[_i].what);
}
END_TEST

static enum lk_err decode_change(struct lki_hist *into, const struct lki_buf *before,
                                 const struct lki_buf *now)
{
    return lki_hist_decode_change(into, before->data, before->len, now->data, now->len);
}

/* NULL is one without values. */
static bool same_row(const uint64_t *a, const uint64_t *b)
{
    for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++) {
        if ((a ? a[i] : 0) != (b ? b[i] : 0))
            return false;
    }
    return true;
}

/* What has come is told by the values themselves; extremes are near, and all else is the same. */
static void change_verify(const struct lki_hist *change, const struct lki_hist *came)
{
    struct lki_hist again = {0};
    struct lki_buf bytes;

    ck_assert_uint_eq(change->count, came->count);
    ck_assert_uint_eq(change->below, came->below);
    ck_assert_uint_eq(change->above, came->above);
    ck_assert(change->sum == came->sum);
    for (size_t r = 0; r < LKI_HIST_ROWS; r++)
        ck_assert_msg(same_row(change->rows[r], came->rows[r]), "row %zu", r);
    for (int q = 0; q <= 20 && came->count; q++) {
        int64_t expected = lki_hist_quantile(came, q / 20.0);

        if (expected >= LKI_HIST_LOW_NS && expected <= LKI_HIST_HIGH_NS)
            close_verify(lki_hist_quantile(change, q / 20.0), expected);
    }
    encode(change, &bytes);
    ck_assert_int_eq(lki_hist_decode(&again, bytes.data, bytes.len), LK_OK);
    ck_assert_uint_eq(again.count, came->count);
    lki_buf_release(&bytes);
    lki_hist_release(&again);
}

/* So many values before, so many that come, of this many kinds. */
static void change_of_verify(int before, int more, int64_t (*draw)(void))
{
    struct lki_hist hist = {0};
    struct lki_hist came = {0};
    struct lki_hist change = {0};
    struct lki_buf first = {0};
    struct lki_buf second;

    for (int i = 0; i < before; i++)
        lki_hist_record(&hist, draw());
    if (before || more % 2)
        encode(&hist, &first);
    for (int i = 0; i < more; i++) {
        int64_t ns = draw();

        lki_hist_record(&hist, ns);
        lki_hist_record(&came, ns);
    }
    encode(&hist, &second);
    ck_assert_int_eq(decode_change(&change, &first, &second), LK_OK);
    change_verify(&change, &came);
    if (more)
        ck_assert_int_eq(
            lki_hist_decode_change(&change, second.data, second.len, first.data, first.len),
            LK_E_FORMAT);
    change_verify(&change, &came);
    lki_buf_release(&first);
    lki_buf_release(&second);
    lki_hist_release(&hist);
    lki_hist_release(&came);
    lki_hist_release(&change);
}

START_TEST(what_came_between_two_is_told)
{
    static const int counts[] = {0, 1, 2, 3, 10, 300, 5000};

    for (size_t before = 0; before < LKI_COUNT(counts); before++) {
        for (size_t more = 0; more < LKI_COUNT(counts); more++) {
            change_of_verify(counts[before], counts[more], draws[_i]);
            change_of_verify(counts[before], counts[more], wild_value);
        }
    }
}
END_TEST

static int64_t draw_below(void)
{
    return (int64_t)lki_rng_below(&rng, 1000) - 3;
}

static int64_t draw_above(void)
{
    return LKI_HIST_HIGH_NS + 1 + (int64_t)lki_rng_below(&rng, 1000);
}

static int64_t draw_at_the_borders(void)
{
    static const int64_t values[] = {LKI_HIST_LOW_NS - 1,  LKI_HIST_LOW_NS, LKI_HIST_HIGH_NS,
                                     LKI_HIST_HIGH_NS + 1, INT64_MAX,       INT64_MIN};

    return values[lki_rng_below(&rng, LKI_COUNT(values))];
}

START_TEST(what_came_outside_the_range_is_told)
{
    for (int round = 0; round < 200; round++) {
        int before = (int)lki_rng_below(&rng, 4);
        int more = (int)lki_rng_below(&rng, 5);

        change_of_verify(before, more, draw_below);
        change_of_verify(before, more, draw_above);
        change_of_verify(before, more, draw_at_the_borders);
    }
}
END_TEST

START_TEST(changes_add_up)
{
    struct lki_hist hist = {0};
    struct lki_hist sum = {0};
    struct lki_buf before = {0};
    struct lki_buf now;

    for (int i = 0; i < 50; i++) {
        fill(&hist, i * 3);
        encode(&hist, &now);
        ck_assert_int_eq(decode_change(&sum, &before, &now), LK_OK);
        lki_buf_release(&before);
        before = now;
    }
    ck_assert_uint_eq(sum.count, hist.count);
    change_verify(&sum, &hist);
    lki_buf_release(&before);
    lki_hist_release(&hist);
    lki_hist_release(&sum);
}
END_TEST

START_TEST(what_is_no_growth_is_refused)
{
    struct lki_hist less = {0};
    struct lki_hist other = {0};
    struct lki_hist into = {0};
    struct lki_hist untouched = {0};
    struct lki_buf first;
    struct lki_buf second;

    for (int i = 0; i < 10; i++)
        lki_hist_record(&less, 5000);
    for (int i = 0; i < 20; i++)
        lki_hist_record(&other, 9000000);
    lki_hist_record(&into, 70000);
    lki_hist_record(&untouched, 70000);
    encode(&less, &first);
    encode(&other, &second);
    ck_assert_int_eq(decode_change(&into, &first, &second), LK_E_FORMAT);
    for (int i = 0; i < 9; i++)
        lki_hist_record(&other, 5000);
    lki_buf_release(&second);
    encode(&other, &second);
    ck_assert_int_eq(decode_change(&into, &first, &second), LK_E_FORMAT);
    ck_assert_int_eq(lki_hist_decode_change(&into, first.data, first.len, NULL, 0), LK_E_FORMAT);
    ck_assert_int_eq(lki_hist_decode_change(&into, "x", 1, second.data, second.len), LK_E_FORMAT);
    same_verify(&into, &untouched);
    lki_hist_record(&other, 5000);
    lki_buf_release(&second);
    encode(&other, &second);
    ck_assert_int_eq(decode_change(&into, &first, &second), LK_OK);
    ck_assert_uint_eq(into.count, 21);
    lki_buf_release(&first);
    lki_buf_release(&second);
    lki_hist_release(&less);
    lki_hist_release(&other);
    lki_hist_release(&into);
    lki_hist_release(&untouched);
}
END_TEST

/* Of two that were made of the same bytes one may not be what a worker told. */
START_TEST(broken_bytes_before_do_no_harm)
{
    struct lki_hist hist = {0};
    struct lki_buf first;
    struct lki_buf second;

    fill(&hist, 40);
    encode(&hist, &first);
    fill(&hist, 40);
    encode(&hist, &second);
    for (size_t bit = 0; bit < first.len * 8; bit++) {
        struct lki_hist change = {0};
        struct lki_hist again = {0};
        struct lki_buf bytes;
        enum lk_err err;

        first.data[bit / 8] ^= (char)(1 << bit % 8);
        err = decode_change(&change, &first, &second);
        ck_assert(!err || err == LK_E_FORMAT);
        encode(&change, &bytes);
        ck_assert_int_eq(lki_hist_decode(&again, bytes.data, bytes.len), LK_OK);
        first.data[bit / 8] ^= (char)(1 << bit % 8);
        lki_buf_release(&bytes);
        lki_hist_release(&change);
        lki_hist_release(&again);
    }
    lki_buf_release(&first);
    lki_buf_release(&second);
    lki_hist_release(&hist);
}
END_TEST

START_TEST(counts_that_do_not_fit_together_are_refused)
{
    static const unsigned char one[] = {1, 1, 0xd0, 0x0f, 0, 0, 0, 0, 0, 1, 122, 1};
    struct lki_hist hist = {.count = UINT64_MAX, .below = UINT64_MAX};

    ck_assert_int_eq(lki_hist_decode(&hist, one, sizeof(one)), LK_E_LIMIT);
    ck_assert_uint_eq(hist.count, UINT64_MAX);
    ck_assert_uint_eq(lki_hist_row_bytes(&hist), 0);
}
END_TEST

START_TEST(lost_values_are_counted_but_have_no_place)
{
    /* three of 1000 ns are kept, and three lost, among them the maximum of 5000 */
    static const unsigned char bytes[] = {1,    6, 0xd0, 0x0f, 0xa0, 0x1f, 0xa0,
                                          0x1f, 0, 0,    3,    1,    122,  3};
    struct lki_hist hist = {0};
    struct lki_hist merged = {0};

    ck_assert_int_eq(lki_hist_decode(&hist, bytes, sizeof(bytes)), LK_OK);
    lki_hist_record(&merged, 2000);
    ck_assert_int_eq(lki_hist_merge(&merged, &hist), LK_OK);
    ck_assert_uint_eq(merged.count, 7);
    ck_assert_uint_eq(merged.lost, 3);
    ck_assert_int_eq(lki_hist_quantile(&merged, 0), 1000);
    close_verify(lki_hist_quantile(&merged, 0.75), 1000);
    ck_assert_int_eq(lki_hist_quantile(&merged, 1), 5000);
    lki_hist_reset(&merged);
    ck_assert_uint_eq(merged.lost, 0);
    lki_hist_release(&hist);
    lki_hist_release(&merged);
}
END_TEST

static Suite *hist_suite(void)
{
    Suite *suite = suite_create("hist");
    TCase *values = tcase_create("values");
    TCase *sums = tcase_create("sums");
    TCase *wire = tcase_create("wire");

    tcase_add_loop_test(values, values_at_the_borders_of_octaves_are_true, 0, LKI_HIST_ROWS + 1);
    tcase_add_loop_test(values, values_at_the_borders_of_buckets_are_true, 0, LKI_HIST_ROWS);
    tcase_add_test(values, random_values_over_the_whole_range_are_true);
    tcase_add_test(values, an_empty_histogram_reports_zero_and_owns_nothing);
    tcase_add_loop_test(values, quantiles_are_those_of_the_sorted_values, 0, LKI_COUNT(draws));
    tcase_add_test(values, the_seventh_of_a_hundred_is_the_seventh);
    tcase_add_test(values, values_outside_the_range_are_counted_and_not_clipped);
    tcase_add_test(values, all_values_below_the_range_stay_within_their_extremes);
    tcase_add_test(values, the_minimum_is_known_from_the_first_value);
    tcase_add_test(values, a_narrow_histogram_owns_one_row);
    tcase_add_test(sums, merging_is_the_same_as_recording_all);
    tcase_add_test(sums, merging_nothing_changes_nothing);
    tcase_add_test(sums, sums_go_beyond_64_bits);
    tcase_add_test(sums, a_reset_histogram_is_like_a_new_one_and_keeps_its_rows);
    tcase_add_loop_test(wire, what_is_encoded_is_decoded, 0, 20);
    tcase_add_test(wire, decoding_merges);
    tcase_add_test(wire, the_extremes_of_64_bits_survive_encoding);
    tcase_add_test(wire, the_encoded_form_is_sparse);
    tcase_add_test(wire, every_truncation_is_refused);
    tcase_add_test(wire, a_flipped_bit_is_refused_or_is_another_histogram);
    tcase_add_test(wire, random_bytes_never_do_harm);
    tcase_add_loop_test(wire, only_what_can_have_been_encoded_is_decoded, 0, LKI_COUNT(wires));
    tcase_add_test(wire, counts_that_do_not_fit_together_are_refused);
    tcase_add_loop_test(wire, what_came_between_two_is_told, 0, LKI_COUNT(draws));
    tcase_add_test(wire, what_came_outside_the_range_is_told);
    tcase_add_test(wire, changes_add_up);
    tcase_add_test(wire, what_is_no_growth_is_refused);
    tcase_add_test(wire, broken_bytes_before_do_no_harm);
    tcase_add_test(wire, lost_values_are_counted_but_have_no_place);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, sums);
    suite_add_tcase(suite, wire);
    return suite;
}

int main(void)
{
    return suite_run(hist_suite());
}
