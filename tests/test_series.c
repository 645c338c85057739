/* The series: a row a second, whose sums are the run's totals. */
#include "stats/series.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

static struct lki_metrics metrics;
static struct lki_series series;

static void setup(void)
{
    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_series_init(&series, 0), LK_OK);
}

static void teardown(void)
{
    lki_series_release(&series);
    lki_metrics_release(&metrics);
}

static void request(const char *name, int64_t latency_ns, enum lki_verdict verdict)
{
    struct lki_sample sample = {.code = verdict ? 500 : 200,
                                .verdict = verdict,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .bytes_sent = 10,
                                .bytes_received = 100,
                                .phase_ns = {-1, -1, -1, -1, -1, -1}};

    lki_metric_record(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", name, strlen(name)),
                      &sample);
}

static void step(int64_t latency_ns, enum lki_verdict verdict)
{
    lki_metric_record_simple(lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", "s", 1),
                             verdict ? LKI_CODE_STEP_FAILED : LKI_CODE_STEP_OK, verdict,
                             latency_ns);
}

/* What the owner of the second does. */
static void tick(int64_t t_ms, uint64_t users)
{
    lki_series_add(&series, &metrics, t_ms * LKI_NS_PER_MS, users);
    lki_metrics_fold(&metrics);
}

START_TEST(a_second_becomes_a_row)
{
    const struct lki_series_row *row;

    request("a", 2000000, LKI_SAMPLE_OK);
    request("b", 4000000, LKI_SAMPLE_ERROR);
    step(5000000, LKI_SAMPLE_OK);
    step(5000000, LKI_SAMPLE_ERROR);
    step(5000000, LKI_SAMPLE_CANCELLED);
    metrics.totals.iterations += 2;
    tick(1000, 20);
    tick(2000, 21);
    ck_assert_uint_eq(series.len, 2);
    row = &series.rows[0];
    ck_assert_uint_eq(row->t_s, 0);
    ck_assert_int_eq(row->span_ns, LKI_NS_PER_S);
    ck_assert_uint_eq(row->users, 20);
    ck_assert_uint_eq(row->iterations, 2);
    ck_assert_uint_eq(row->steps, 3);
    ck_assert_uint_eq(row->step_errors, 1);
    ck_assert_uint_eq(row->requests, 2);
    ck_assert_uint_eq(row->errors, 1);
    ck_assert_uint_eq(row->bytes_sent, 20);
    ck_assert_uint_eq(row->bytes_received, 200);
    row = lki_series_last(&series);
    ck_assert_ptr_eq(row, &series.rows[1]);
    ck_assert_uint_eq(row->t_s, 1);
    ck_assert_uint_eq(row->users, 21);
    ck_assert_uint_eq(row->iterations + row->steps + row->requests + row->bytes_sent, 0);
    ck_assert_int_eq(row->p50_ns, 0);
    ck_assert_int_eq(row->p99_ns, 0);
}
END_TEST

START_TEST(percentiles_are_of_all_requests_of_that_second)
{
    /* 98 fast ones under one name and 2 slow ones under another: no average of two p99s is 1 s */
    for (int i = 0; i < 98; i++)
        request("fast", 1000000, LKI_SAMPLE_OK);
    request("slow", LKI_NS_PER_S, LKI_SAMPLE_OK);
    request("slow", LKI_NS_PER_S, LKI_SAMPLE_OK);
    step(7 * LKI_NS_PER_S, LKI_SAMPLE_OK);
    tick(1000, 1);
    request("fast", 3000000, LKI_SAMPLE_OK);
    tick(2000, 1);
    ck_assert_int_eq(series.rows[0].p50_ns / 10000, 100);
    ck_assert_int_eq(series.rows[0].p95_ns / 10000, 100);
    ck_assert_int_eq(series.rows[0].p99_ns, LKI_NS_PER_S);
    ck_assert_int_eq(series.rows[1].p50_ns, 3000000);
    ck_assert_int_eq(series.rows[1].p99_ns, 3000000);
}
END_TEST

START_TEST(without_requests_percentiles_are_of_steps)
{
    step(5000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    ck_assert_int_eq(series.rows[0].p95_ns, 5000000);
    request("a", 2000000, LKI_SAMPLE_OK);
    step(5000000, LKI_SAMPLE_OK);
    tick(2000, 1);
    ck_assert_int_eq(series.rows[1].p95_ns, 2000000);
    /* a second in which the server answers nothing shows no percentile of something else */
    step(5000000, LKI_SAMPLE_OK);
    tick(3000, 1);
    ck_assert_int_eq(series.rows[2].p95_ns, 0);
}
END_TEST

START_TEST(a_first_request_in_a_tail_does_not_mix_with_steps)
{
    step(5000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1001, 1);
    ck_assert_uint_eq(series.len, 1);
    ck_assert_int_eq(series.rows[0].p50_ns, 2000000);
    ck_assert_int_eq(series.rows[0].p99_ns, 2000000);
}
END_TEST

START_TEST(the_last_partial_second_is_a_row_of_its_length)
{
    tick(1000, 1);
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1400, 1);
    ck_assert_uint_eq(series.len, 2);
    ck_assert_uint_eq(series.rows[1].t_s, 1);
    ck_assert_int_eq(series.rows[1].span_ns, 400 * LKI_NS_PER_MS);
    ck_assert_uint_eq(series.rows[1].requests, 1);
}
END_TEST

START_TEST(a_tail_of_some_milliseconds_belongs_to_the_row_before)
{
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1000, 5);
    request("a", 8000000, LKI_SAMPLE_OK);
    tick(1003, 4);
    ck_assert_uint_eq(series.len, 1);
    ck_assert_uint_eq(series.rows[0].requests, 2);
    ck_assert_uint_eq(series.rows[0].users, 4);
    ck_assert_int_eq(series.rows[0].span_ns, 1003 * LKI_NS_PER_MS);
    ck_assert_int_eq(series.rows[0].p50_ns, 2000000);
    ck_assert_int_eq(series.rows[0].p99_ns, 8000000);
    ck_assert_uint_eq(series.joined, 0);
}
END_TEST

START_TEST(ticks_that_come_early_or_late_do_not_shift_the_rows)
{
    static const int64_t ticks_ms[] = {1002, 1999, 3040, 4000, 7500, 8001};
    static const uint32_t seconds[] = {0, 1, 2, 3, 4, 7};

    for (size_t i = 0; i < LKI_COUNT(ticks_ms); i++)
        tick(ticks_ms[i], 1);
    ck_assert_uint_eq(series.len, LKI_COUNT(seconds));
    for (size_t i = 0; i < LKI_COUNT(seconds); i++)
        ck_assert_uint_eq(series.rows[i].t_s, seconds[i]);
    ck_assert_int_eq(series.rows[4].span_ns, 3500 * LKI_NS_PER_MS);
}
END_TEST

START_TEST(no_second_has_two_rows)
{
    for (int t = 300; t <= 9900; t += 300)
        tick(t, 1);
    for (size_t i = 1; i < series.len; i++)
        ck_assert_uint_gt(series.rows[i].t_s, series.rows[i - 1].t_s);
    ck_assert_uint_le(series.len, 10);
}
END_TEST

static void sums_verify(void)
{
    struct lki_totals sum = {0};
    int64_t span_ns = 0;

    for (size_t i = 0; i < series.len; i++) {
        const struct lki_series_row *row = &series.rows[i];

        sum.iterations += row->iterations;
        sum.steps += row->steps;
        sum.step_errors += row->step_errors;
        sum.http_requests += row->requests;
        sum.http_errors += row->errors;
        sum.bytes_sent += row->bytes_sent;
        sum.bytes_received += row->bytes_received;
        span_ns += row->span_ns;
    }
    ck_assert_mem_eq(&sum, &metrics.totals, sizeof(sum));
    ck_assert_int_eq(span_ns, series.end_ns);
}

static void random_second(struct lki_rng *rng)
{
    for (uint64_t i = lki_rng_below(rng, 200); i > 0; i--) {
        request(i % 2 ? "a" : "b", 1000000 + (int64_t)i, (enum lki_verdict)lki_rng_below(rng, 3));
        step(1000000, (enum lki_verdict)lki_rng_below(rng, 3));
        metrics.totals.iterations++;
    }
}

START_TEST(the_sums_of_the_rows_are_the_totals)
{
    struct lki_rng rng = {99};
    int64_t t_ms = 0;

    for (int i = 0; i < 300; i++) {
        random_second(&rng);
        t_ms += 10 + (int64_t)lki_rng_below(&rng, 2000);
        tick(t_ms, 3);
    }
    ck_assert_uint_gt(series.len, 100);
    ck_assert_uint_eq(series.joined, 0);
    sums_verify();
}
END_TEST

START_TEST(beyond_the_maximum_the_last_row_takes_the_rest)
{
    struct lki_rng rng = {7};

    lki_series_release(&series);
    ck_assert_int_eq(lki_series_init(&series, 100), LK_OK);
    for (int i = 1; i <= 150; i++) {
        random_second(&rng);
        tick(i * 1000, 3);
    }
    ck_assert_uint_eq(series.len, 100);
    ck_assert_uint_le(series.cap, 100);
    ck_assert_uint_eq(series.joined, 50);
    ck_assert_uint_eq(lki_series_last(&series)->t_s, 99);
    ck_assert_int_eq(lki_series_last(&series)->span_ns, 51 * LKI_NS_PER_S);
    sums_verify();
}
END_TEST

START_TEST(a_series_that_began_without_memory_goes_on_with_it)
{
    lki_series_release(&series);
    series.max = 100;
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    ck_assert_uint_eq(series.len, 1);
    sums_verify();
}
END_TEST

START_TEST(an_empty_series_has_no_last_row)
{
    ck_assert_ptr_null(lki_series_last(&series));
}
END_TEST

static Suite *series_suite(void)
{
    Suite *suite = suite_create("series");
    TCase *rows = tcase_create("rows");

    tcase_add_checked_fixture(rows, setup, teardown);
    tcase_add_test(rows, a_second_becomes_a_row);
    tcase_add_test(rows, percentiles_are_of_all_requests_of_that_second);
    tcase_add_test(rows, without_requests_percentiles_are_of_steps);
    tcase_add_test(rows, a_first_request_in_a_tail_does_not_mix_with_steps);
    tcase_add_test(rows, the_last_partial_second_is_a_row_of_its_length);
    tcase_add_test(rows, a_tail_of_some_milliseconds_belongs_to_the_row_before);
    tcase_add_test(rows, ticks_that_come_early_or_late_do_not_shift_the_rows);
    tcase_add_test(rows, no_second_has_two_rows);
    tcase_add_test(rows, the_sums_of_the_rows_are_the_totals);
    tcase_add_test(rows, beyond_the_maximum_the_last_row_takes_the_rest);
    tcase_add_test(rows, a_series_that_began_without_memory_goes_on_with_it);
    tcase_add_test(rows, an_empty_series_has_no_last_row);
    suite_add_tcase(suite, rows);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(series_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
