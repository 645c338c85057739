/* What authors measured, in the report: checks, metrics, probes; and arrivals. */
#include "report/text.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/layout.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_result result;
static struct lki_arrival_log arrivals;
static struct lki_probe_log probes[2];
static struct lki_result_settings settings;
static char *text; /* the last report */

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "basket"}, .type = LK_TREND, .unit = "EUR"},
    {.def = {.name = "sold"}, .type = LK_COUNTER},
    {.def = {.name = "level"}, .type = LK_GAUGE, .unit = "pieces"},
    {.def = {.name = "hits"}, .type = LK_RATE},
    {.def = {.name = "never_used"}, .type = LK_TREND},
};

static void setup(void)
{
    const struct lk_metric_def *defs[LKI_COUNT(metric_defs)];

    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++)
        defs[i] = &metric_defs[i];
    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_customs_init(&metrics.customs, defs, LKI_COUNT(defs)), LK_OK);
    probes[0] = (struct lki_probe_log){.name = "depth"};
    probes[1] = (struct lki_probe_log){.name = "version"};
    arrivals = (struct lki_arrival_log){.rate_per_s = 0};
    settings = (struct lki_result_settings){.program = "shop",
                                            .duration_ns = 30 * LKI_NS_PER_S,
                                            .users = 5,
                                            .arrivals = &arrivals,
                                            .probes = probes,
                                            .probe_count = 2};
}

static void teardown(void)
{
    free(text);
    text = NULL;
    lki_result_release(&result);
    lki_probe_log_release(&probes[0]);
    lki_probe_log_release(&probes[1]);
    lki_arrivals_release(&arrivals);
    lki_metrics_release(&metrics);
}

static void record(const char *name, double value)
{
    lki_custom_record(lki_customs_find(&metrics.customs, name), value, 0);
}

static void check(const char *step, const char *name, int passed, int failed)
{
    struct lki_metric *metric = lki_metrics_find(&metrics, LKI_SOURCE_CHECK, step, name,
                                                 strlen(name));

    for (int i = 0; i < passed; i++)
        lki_metric_count(metric, LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    for (int i = 0; i < failed; i++) {
        lki_metric_count(metric, LKI_CODE_CHECK_FAILED, LKI_SAMPLE_ERROR);
        lki_metrics_error(&metrics, LKI_SOURCE_CHECK, step, LKI_CODE_CHECK_FAILED, name, 1);
    }
}

static void read_value(struct lki_probe_log *log, struct lk_value value)
{
    lki_probe_log_add(log, LKI_NS_PER_S, &value);
}

static void step_late(int64_t late_ns, int times)
{
    struct lki_metric *metric = lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", "s", 1);

    for (int i = 0; i < times; i++) {
        lki_metric_record_simple(metric, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 5000000);
        lki_metric_record_late(metric, late_ns + 5000000);
    }
}

/* Some of everything. */
static void record_run(void)
{
    check("look", "the article is found", 1200, 0);
    check("buy", "it costs less than 100 EUR", 1000, 234);
    check("", "ready", 3, 1);
    for (int i = 1; i <= 1000; i++) {
        record("basket", i / 10.0);
        record("sold", 2);
        record("level", i);
        record("hits", i % 8 != 0);
    }
    read_value(&probes[0], lk_value_int(12));
    read_value(&probes[0], lk_value_double(-0.5));
    lki_probe_log_add(&probes[0], 2 * LKI_NS_PER_S, NULL);
    read_value(&probes[1], lk_value_str("1.2.3 of a long story\x1b[2J"));
    step_late(1, 100);
}

static void report(int columns, bool colour)
{
    size_t len;
    FILE *out;

    free(text);
    text = NULL;
    lki_result_release(&result);
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, NULL), LK_OK);
    out = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(out);
    lki_report_text(&result, out, colour, columns);
    fclose(out);
}

static void has(const char *what)
{
    ck_assert_msg(strstr(text, what) != NULL, "no \"%s\" in:\n%s", what, text);
}

static void has_not(const char *what)
{
    ck_assert_msg(strstr(text, what) == NULL, "\"%s\" in:\n%s", what, text);
}

START_TEST(checks_stand_there_with_their_share_the_failing_ones_first)
{
    record_run();
    report(80, false);
    has("\nchecks                             passed     of  share\n"
        "  buy: it costs less than 100 EUR   1,000  1,234  81.0%\n"
        "  ready                                 3      4  75.0%\n"
        "  look: the article is found        1,200  1,200   100%\n\n");
    /* they are not told twice */
    has_not("CHECK_FAILED");
    has_not("errors\n");
}
END_TEST

START_TEST(metrics_stand_below_each_other_by_type)
{
    record_run();
    report(80, false);
    has("\ntrends                             count     avg    p50   p95   p99  max\n"
        "  basket (EUR)                     1,000    50.1   49.9  95.2  98.8  100\n"
        "counters                             sum  rate/s\n"
        "  sold                             2,000    66.7\n"
        "gauges                              last     min    max   avg\n"
        "  level (pieces)                   1,000       1  1,000   501\n"
        "rates                               true      of  share\n"
        "  hits                               875   1,000  87.5%\n\n");
    has_not("never_used");
}
END_TEST

START_TEST(probes_show_their_last_and_their_failures)
{
    record_run();
    report(80, false);
    has("\nprobes                                    last     min  max   avg  count  failed\n"
        "  depth                                 -0.500  -0.500   12  5.75      3       1\n"
        "  version                  1.2.3 of a long ...       -    -     -      1       0\n\n");
    has_not("\x1b");
}
END_TEST

START_TEST(nothing_is_shown_that_is_empty)
{
    step_late(1, 10);
    report(80, false);
    has_not("checks");
    has_not("trends");
    has_not("counters");
    has_not("gauges");
    has_not("rates\n");
    has_not("probes");
    has_not("arrivals");
}
END_TEST

START_TEST(no_line_is_wider_than_the_terminal)
{
    record_run();
    check("a step with a long name", "a check that says what it is about in far too many words", 1,
          0);
    for (int columns = 40; columns <= 200; columns++) {
        report(columns, false);
        for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
            size_t len = strcspn(line, "\n");

            ck_assert_msg(lki_text_width(line, len) <= (size_t)columns, "at %d: \"%.*s\"", columns,
                          (int)len, line);
            ck_assert_msg(!len || line[len - 1] != ' ', "at %d: \"%.*s\"", columns, (int)len, line);
        }
    }
    report(60, false);
    has("  a step with a long name: a check that says what it is\n    about in far too many words\n");
}
END_TEST

START_TEST(what_failed_is_red)
{
    record_run();
    report(80, true);
    has("buy: it costs less than 100 EUR\033[31m   1,000  1,234  81.0%\033[0m\n");
    has("look: the article is found        1,200  1,200   100%\n");
    has("  depth\033[31m  ");
    has("  version    ");
}
END_TEST

START_TEST(arrivals_have_a_line)
{
    arrivals.rate_per_s = 200;
    arrivals.intended = 2000;
    arrivals.dropped = 10;
    for (int i = 0; i < 1990; i++)
        lki_arrival_start(&arrivals, i < 5 ? 30 * LKI_NS_PER_MS : 30 * LKI_NS_PER_US);
    step_late(1, 100);
    report(200, false);
    has("\narrivals    up to 200/s: 2,000 intended, 1,990 started, 10 dropped, 5 late; "
        "lateness p50 30.0us, p99 30.0us, max 30.0ms\n");
}
END_TEST

START_TEST(arrivals_without_a_start_have_no_lateness)
{
    arrivals.rate_per_s = 0.5;
    arrivals.intended = 1;
    arrivals.dropped = 1;
    report(80, false);
    has("\narrivals    up to 0.500/s: 1 intended, 0 started, 1 dropped, 0 late\n");
}
END_TEST

START_TEST(latency_from_the_intended_start_is_told_where_it_is_another)
{
    step_late(1000, 100);
    report(100, false);
    has_not("intended");
    step_late(2 * LKI_NS_PER_S, 10);
    report(100, false);
    has("\n\nsteps from intended start: p95 2.01s, p99 2.01s (from actual: 5.00ms, 5.00ms)\n\n");
}
END_TEST

START_TEST(numbers_of_any_size_are_readable)
{
    static const struct {
        double number;
        const char *text;
    } numbers[] = {
        {0, "0"},
        {7, "7"},
        {-7, "-7"},
        {0.5, "0.500"},
        {1.5, "1.50"},
        {-12.345, "-12.3"},
        {99.94, "99.9"},
        {99.96, "100"},
        {123.4, "123"},
        {1234567, "1,234,567"},
        {0.999, "0.999"},
        {0.9999, "1.00"},
        {0.0999999, "0.100"},
        {0.01234, "0.0123"},
        {0.000123, "0.000123"},
        {0.0000123, "1.23e-5"},
        {9.999e-9, "1.00e-8"},
        {1e15, "1.00e15"},
        {999999999999999.0, "999,999,999,999,999"},
        {-1.7976931348623157e308, "-1.80e308"},
        {5e-324, "4.94e-324"},
        {INFINITY, "-"},
        {NAN, "-"},
    };
    char cell[LKI_CELL_BYTES];

    for (size_t i = 0; i < LKI_COUNT(numbers); i++) {
        lki_format_number(cell, numbers[i].number);
        ck_assert_msg(!strcmp(cell, numbers[i].text), "%g: %s, not %s", numbers[i].number, cell,
                      numbers[i].text);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, checks_stand_there_with_their_share_the_failing_ones_first);
    tcase_add_test(tests, metrics_stand_below_each_other_by_type);
    tcase_add_test(tests, probes_show_their_last_and_their_failures);
    tcase_add_test(tests, nothing_is_shown_that_is_empty);
    tcase_add_test(tests, no_line_is_wider_than_the_terminal);
    tcase_add_test(tests, what_failed_is_red);
    tcase_add_test(tests, arrivals_have_a_line);
    tcase_add_test(tests, arrivals_without_a_start_have_no_lateness);
    tcase_add_test(tests, latency_from_the_intended_start_is_told_where_it_is_another);
    tcase_add_test(tests, numbers_of_any_size_are_readable);
}

int main(void)
{
    Suite *suite = suite_create("report_author");
    TCase *tests = tcase_create("report_author");

    tcase_add_checked_fixture(tests, setup, teardown);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
