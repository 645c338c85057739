/* What authors measured, as a result holds it and its file says it: codes and categories, checks,
 * metrics, probes; and arrivals. */
#include "result/result.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "result/json.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_result result;
static struct lki_arrival_log arrivals;
static struct lki_probe_log probe;
static struct lki_result_settings settings;
static cJSON *json;

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "size"}, .type = LK_TREND, .unit = "kB"},
    {.def = {.name = "sold"}, .type = LK_COUNTER},
    {.def = {.name = "level"}, .type = LK_GAUGE},
    {.def = {.name = "hits"}, .type = LK_RATE},
};

static void setup(void)
{
    const struct lk_metric_def *defs[LKI_COUNT(metric_defs)];

    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++)
        defs[i] = &metric_defs[i];
    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_customs_init(&metrics.customs, defs, LKI_COUNT(defs)), LK_OK);
    settings = (struct lki_result_settings){.duration_ns = 10 * LKI_NS_PER_S, .users = 1};
    probe = (struct lki_probe_log){.name = "depth"};
    arrivals = (struct lki_arrival_log){.rate_per_s = 0};
}

static void teardown(void)
{
    cJSON_Delete(json);
    json = NULL;
    lki_result_release(&result);
    lki_probe_log_release(&probe);
    lki_arrivals_release(&arrivals);
    lki_metrics_release(&metrics);
}

/* The result, and what its file says. Nothing that was recorded is there any more. */
static void make(void)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, NULL), LK_OK);
    lki_probe_log_release(&probe);
    lki_arrivals_release(&arrivals);
    lki_metrics_release(&metrics);
    ck_assert_int_eq(lki_result_write_json(&result, file), 0);
    fclose(file);
    json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "%s", text);
    free(text);
}

static const cJSON *at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    ck_assert_msg(item != NULL, "no %s", key);
    return item;
}

static const cJSON *element(const char *section, int index)
{
    const cJSON *item = cJSON_GetArrayItem(at(json, section), index);

    ck_assert_msg(item != NULL, "no %s[%d]", section, index);
    return item;
}

static double number(const cJSON *object, const char *key)
{
    ck_assert_msg(cJSON_IsNumber(at(object, key)), "%s is no number", key);
    return at(object, key)->valuedouble;
}

static const char *string(const cJSON *object, const char *key)
{
    ck_assert_msg(cJSON_IsString(at(object, key)), "%s is no string", key);
    return at(object, key)->valuestring;
}

static void record(const char *name, double value)
{
    lki_custom_record(lki_customs_find(&metrics.customs, name), value, 0);
}

/* ---- codes ---- */

static void emit(const char *code, const char *category, int times)
{
    struct lki_metric *call = lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "connect");

    for (int i = 0; i < times; i++)
        lki_metric_record_simple(call, lki_metrics_code(&metrics, code, category), LKI_SAMPLE_OK,
                                 1000000);
}

START_TEST(a_code_with_several_categories_stands_there_once)
{
    const struct lki_result_metric *call;

    emit("BUSY", "timeout", 2);
    emit("FINE", "ok", 4);
    emit("BUSY", "overload", 3);
    emit("IDLE", "timeout", 2);
    make();
    call = &result.metrics[0];
    ck_assert_uint_eq(call->code_count, 3);
    ck_assert_str_eq(call->codes[0].name, "BUSY");
    ck_assert_uint_eq(call->codes[0].count, 5);
    ck_assert_str_eq(call->codes[0].category, "overload");
    ck_assert(!call->codes[0].plain);
    ck_assert_str_eq(call->codes[1].name, "FINE");
    ck_assert(call->codes[1].plain);
    ck_assert_uint_eq(call->category_count, 3);
    ck_assert_str_eq(call->categories[0].name, "ok");
    ck_assert_uint_eq(call->categories[0].count, 4);
    ck_assert_str_eq(call->categories[1].name, "timeout");
    ck_assert_uint_eq(call->categories[1].count, 4);
    ck_assert_uint_eq(call->categories[2].count, 3);
}
END_TEST

START_TEST(an_emitted_metric_says_its_source_and_stage)
{
    const cJSON *call;

    emit("BUSY", "timeout", 2);
    emit("BUSY", "overload", 3);
    lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "connect")->second.fatal = 1;
    lki_metrics_error(&metrics, LKI_SOURCE_CUSTOM, "s", lki_metrics_code(&metrics, "BUSY", "x"),
                      "call: queue", 1);
    make();
    call = element("metrics", 0);
    ck_assert_str_eq(string(call, "id"), "s/call");
    ck_assert_str_eq(string(call, "source"), "grpc");
    ck_assert_str_eq(string(call, "stage"), "connect");
    ck_assert(number(call, "fatal") == 1);
    ck_assert(number(at(call, "codes"), "BUSY") == 5);
    ck_assert_int_eq(cJSON_GetArraySize(at(call, "codes")), 1);
    ck_assert(number(at(call, "categories"), "overload") == 3);
    ck_assert_str_eq(string(element("errors", 0), "code"), "BUSY");
}
END_TEST

START_TEST(codes_beyond_the_cap_are_noted)
{
    char code[24];

    for (int i = 0; i <= LKI_CODEBOOK_MAX; i++) {
        snprintf(code, sizeof(code), "CODE_%d", i);
        emit(code, "ok", 1);
    }
    make();
    ck_assert_uint_eq(result.note_count, 1);
    ck_assert_str_eq(result.notes[0],
                     "more than 1000 codes of samples: all others are counted as OTHER");
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
    ck_assert(number(at(element("metrics", 0), "codes"), "OTHER") == 1);
}
END_TEST

/* ---- latency from the intended start ---- */

START_TEST(only_metrics_that_have_it_say_their_latency_from_the_intended_start)
{
    struct lki_metric *late = lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", "late", 4);
    struct lki_metric *prompt = lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", "prompt", 6);

    lki_metric_record_simple(prompt, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 1000000);
    lki_metric_record_simple(late, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 1000000);
    lki_metric_record_late(late, 5000000);
    make();
    ck_assert_double_eq(number(at(element("metrics", 0), "intended_ms"), "p99"), 5);
    ck_assert_double_eq(number(at(element("metrics", 0), "latency_ms"), "p99"), 1);
    ck_assert(!cJSON_HasObjectItem(element("metrics", 1), "intended_ms"));
    ck_assert_int_eq(result.all_steps.intended.max_ns, 5000000);
}
END_TEST

/* ---- checks ---- */

START_TEST(checks_have_a_list_of_their_own)
{
    struct lki_metric *check = lki_metrics_find(&metrics, LKI_SOURCE_CHECK, "s", "sums", 4);

    lki_metric_count(check, LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    lki_metric_count(check, LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    lki_metric_count(check, LKI_CODE_CHECK_FAILED, LKI_SAMPLE_ERROR);
    make();
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "checks")), 1);
    ck_assert_str_eq(string(element("checks", 0), "name"), "sums");
    ck_assert_str_eq(string(element("checks", 0), "step"), "s");
    ck_assert(number(element("checks", 0), "passed") == 2);
    ck_assert(number(element("checks", 0), "failed") == 1);
    ck_assert_str_eq(string(element("metrics", 0), "source"), "check");
    ck_assert(cJSON_IsNull(at(at(element("metrics", 0), "latency_ms"), "p95")));
    ck_assert(number(at(json, "totals"), "steps") == 0);
    ck_assert(number(at(json, "totals"), "http_requests") == 0);
}
END_TEST

/* ---- metrics of the author's ---- */

START_TEST(each_type_of_metric_says_what_it_is_for)
{
    const cJSON *custom;

    for (int i = 1; i <= 100; i++) {
        record("size", i);
        record("sold", 0.5);
        record("level", i == 100 ? 7 : i);
        record("hits", i % 4 == 0);
    }
    make();
    custom = element("custom", 0);
    ck_assert_str_eq(string(custom, "name"), "size");
    ck_assert_str_eq(string(custom, "type"), "trend");
    ck_assert_str_eq(string(custom, "unit"), "kB");
    ck_assert(number(custom, "count") == 100);
    ck_assert_double_eq(number(custom, "avg"), 50.5);
    ck_assert_double_eq(number(custom, "min"), 1);
    ck_assert_double_eq_tol(number(custom, "p50"), 50, 0.25);
    ck_assert_double_eq_tol(number(custom, "p90"), 90, 0.45);
    ck_assert_double_eq_tol(number(custom, "p95"), 95, 0.48);
    ck_assert_double_eq_tol(number(custom, "p99"), 99, 0.5);
    ck_assert_double_eq(number(custom, "p99_9"), 100);
    ck_assert_double_eq(number(custom, "max"), 100);
    custom = element("custom", 1);
    ck_assert_str_eq(string(custom, "type"), "counter");
    ck_assert(cJSON_IsNull(at(custom, "unit")));
    ck_assert_double_eq(number(custom, "sum"), 50);
    ck_assert_double_eq(number(custom, "rate_per_s"), 5);
    custom = element("custom", 2);
    ck_assert_str_eq(string(custom, "type"), "gauge");
    ck_assert_double_eq(number(custom, "last"), 7);
    ck_assert_double_eq(number(custom, "min"), 1);
    ck_assert_double_eq(number(custom, "max"), 99);
    custom = element("custom", 3);
    ck_assert_str_eq(string(custom, "type"), "rate");
    ck_assert(number(custom, "true") == 25);
    ck_assert(number(custom, "count") == 100);
    ck_assert_double_eq(number(custom, "share"), 0.25);
}
END_TEST

START_TEST(a_metric_without_values_is_there_without_numbers)
{
    make();
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "custom")), 4);
    ck_assert(number(element("custom", 0), "count") == 0);
    ck_assert(cJSON_IsNull(at(element("custom", 0), "p50")));
    ck_assert(number(element("custom", 1), "sum") == 0);
    ck_assert(cJSON_IsNull(at(element("custom", 2), "last")));
    ck_assert(cJSON_IsNull(at(element("custom", 3), "share")));
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "checks")), 0);
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "probes")), 0);
}
END_TEST

START_TEST(a_sum_beyond_all_numbers_makes_a_valid_file)
{
    record("sold", 1.7e308);
    record("sold", 1.7e308);
    make();
    ck_assert(cJSON_IsNull(at(element("custom", 1), "sum")));
}
END_TEST

START_TEST(a_trend_that_lost_values_makes_the_run_incomplete)
{
    record("size", 1);
    lki_customs_find(&metrics.customs, "size")->second.values.lost = 1;
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_INCOMPLETE);
    ck_assert_str_eq(result.reasons[0],
                     "memory ran out: values are missing from the percentiles of size");
}
END_TEST

/* ---- probes ---- */

static void read_value(double seconds, struct lk_value value)
{
    lki_probe_log_add(&probe, (int64_t)(seconds * 1e9), &value);
}

START_TEST(a_probe_says_all_that_it_read)
{
    static const char *const values[] = {"[0.25,-3]", "[1,18446744073709551615]", "[2,0.1]",
                                         "[3,true]",  "[4,\"a\\\"b\"]",           "[5,null]",
                                         "[6,null]"};
    const cJSON *readings;

    read_value(0.25, lk_value_int(-3));
    read_value(1, lk_value_uint(UINT64_MAX));
    read_value(2, lk_value_double(0.1));
    read_value(3, lk_value_bool(true));
    read_value(4, lk_value_str("a\"b"));
    read_value(5, lk_value_null());
    lki_probe_log_add(&probe, 6 * LKI_NS_PER_S, NULL);
    settings.probes = &probe;
    settings.probe_count = 1;
    make();
    ck_assert_str_eq(string(element("probes", 0), "name"), "depth");
    ck_assert(number(element("probes", 0), "count") == 7);
    ck_assert(number(element("probes", 0), "errors") == 1);
    ck_assert(cJSON_IsNull(at(element("probes", 0), "last")));
    ck_assert_double_eq(number(element("probes", 0), "min"), -3);
    readings = at(element("probes", 0), "readings");
    ck_assert_int_eq(cJSON_GetArraySize(readings), (int)LKI_COUNT(values));
    for (size_t i = 0; i < LKI_COUNT(values); i++) {
        char *text = cJSON_PrintUnformatted(cJSON_GetArrayItem(readings, (int)i));

        /* cJSON knows doubles only */
        if (i == 1)
            ck_assert_double_eq(cJSON_GetArrayItem(cJSON_GetArrayItem(readings, 1), 1)->valuedouble,
                                18446744073709551615.0);
        else
            ck_assert_str_eq(text, values[i]);
        free(text);
    }
    ck_assert(result.probes[0].readings[6].failed);
}
END_TEST

START_TEST(a_probe_that_read_no_number_has_no_smallest)
{
    read_value(0, lk_value_str("busy"));
    settings.probes = &probe;
    settings.probe_count = 1;
    make();
    ck_assert_str_eq(string(element("probes", 0), "last"), "busy");
    ck_assert(cJSON_IsNull(at(element("probes", 0), "min")));
    ck_assert(cJSON_IsNull(at(element("probes", 0), "avg")));
}
END_TEST

/* ---- arrivals ---- */

START_TEST(a_run_without_a_rate_has_no_arrivals)
{
    settings.arrivals = &arrivals;
    make();
    ck_assert(cJSON_IsNull(at(json, "arrivals")));
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
}
END_TEST

START_TEST(arrivals_are_counted_with_their_lateness)
{
    const cJSON *part;

    arrivals.rate_per_s = 12.5;
    arrivals.intended = 100;
    for (int i = 1; i <= 100; i++)
        lki_arrival_start(&arrivals, i == 100 ? 20 * LKI_NS_PER_MS : i * 1000);
    settings.arrivals = &arrivals;
    make();
    part = at(json, "arrivals");
    ck_assert_double_eq(number(part, "rate_per_s"), 12.5);
    ck_assert(number(part, "intended") == 100);
    ck_assert(number(part, "started") == 100);
    ck_assert(number(part, "dropped") == 0);
    ck_assert(number(part, "late") == 1);
    ck_assert_double_eq_tol(number(at(part, "lateness_ms"), "p50"), 0.05, 0.0005);
    ck_assert_double_eq_tol(number(at(part, "lateness_ms"), "p99"), 0.099, 0.0005);
    ck_assert_double_eq(number(at(part, "lateness_ms"), "max"), 20);
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
}
END_TEST

START_TEST(what_begins_ten_milliseconds_late_is_not_late_yet)
{
    lki_arrival_start(&arrivals, 10 * LKI_NS_PER_MS);
    ck_assert_uint_eq(arrivals.late, 0);
    lki_arrival_start(&arrivals, 10 * LKI_NS_PER_MS + 1);
    ck_assert_uint_eq(arrivals.late, 1);
    ck_assert_uint_eq(arrivals.started, 2);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_code_with_several_categories_stands_there_once);
    tcase_add_test(tests, an_emitted_metric_says_its_source_and_stage);
    tcase_add_test(tests, codes_beyond_the_cap_are_noted);
    tcase_add_test(tests, only_metrics_that_have_it_say_their_latency_from_the_intended_start);
    tcase_add_test(tests, checks_have_a_list_of_their_own);
    tcase_add_test(tests, each_type_of_metric_says_what_it_is_for);
    tcase_add_test(tests, a_metric_without_values_is_there_without_numbers);
    tcase_add_test(tests, a_sum_beyond_all_numbers_makes_a_valid_file);
    tcase_add_test(tests, a_trend_that_lost_values_makes_the_run_incomplete);
    tcase_add_test(tests, a_probe_says_all_that_it_read);
    tcase_add_test(tests, a_probe_that_read_no_number_has_no_smallest);
    tcase_add_test(tests, a_run_without_a_rate_has_no_arrivals);
    tcase_add_test(tests, arrivals_are_counted_with_their_lateness);
    tcase_add_test(tests, what_begins_ten_milliseconds_late_is_not_late_yet);
}

int main(void)
{
    Suite *suite = suite_create("result_author");
    TCase *tests = tcase_create("result_author");

    tcase_add_checked_fixture(tests, setup, teardown);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
