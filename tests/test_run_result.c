/* What the result of a run says to the program that asked for it, and that its file says the same.
 */
#include <check.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/server.h"
#include "support/suite.h"

#define TEXT_BYTES ((size_t)1 << 20)
#define ITERATIONS 300

/* ---- the scenario ---- */

LK_PARAM(base_url, .required = true);

LK_METRIC(basket, LK_TREND, .unit = "B");
LK_METRIC(sales, LK_COUNTER);
LK_METRIC(level, LK_GAUGE);
LK_METRIC(happy, LK_RATE);
LK_METRIC(unused, LK_COUNTER);

LK_VU(shopper, .weight = 3)
{
    int bought;
};

LK_ON_INIT(shopper)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(shopper, look)
{
    lk_get(vu, "/look/7", .query = LK_PAIRS("q", "red shoes"));
}

LK_STEP(shopper, buy, .needs = "look")
{
    lk_post(vu, "/buy", .json = LK_OBJECT("item", ++self->bought));
    lk_record(vu, "sales", 2.5);
    lk_record(vu, "basket", 100);
    lk_record(vu, "level", self->bought);
    lk_record(vu, "happy", self->bought > 1);
}

LK_VU(walker)
{
    int steps;
};

/* no request, and failures: one in three */
LK_STEP(walker, stroll)
{
    lk_sleep(vu, 0.001);
    LK_REQUIRE(++self->steps % 3 > 0, "tired");
}

/* ---- one run for all tests ---- */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
#define BAD_ANSWER "HTTP/1.1 503 Not Today\r\nContent-Length: 8\r\n\r\nsorry\0\xff!"

/* Three good answers, then a bad one. */
static const struct test_script script = {{SRV_READ, SRV_SEND(OK_ANSWER), SRV_READ,
                                           SRV_SEND(OK_ANSWER), SRV_READ, SRV_SEND(OK_ANSWER),
                                           SRV_READ, SRV_SEND(BAD_ANSWER), SRV_AGAIN}};

static struct test_server server;
static lk_result *result;
static cJSON *json;
static char dir[200];
static char path[300];

static cJSON *json_read(void)
{
    char *text = calloc(1, TEXT_BYTES);
    FILE *file = fopen(path, "r");
    cJSON *read = NULL;

    ck_assert(text && file);
    ck_assert_uint_gt(fread(text, 1, TEXT_BYTES - 1, file), 0);
    read = cJSON_Parse(text);
    ck_assert_ptr_nonnull(read);
    fclose(file);
    free(text);
    return read;
}

static void setup(void)
{
    const char *base = getenv("TMPDIR");
    char message[200];

    snprintf(dir, sizeof(dir), "%s/loadkit-run.XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/result.json", dir);
    test_server_start(&server, &script, 1);
    ck_assert_msg(lk_run(&result, LK_RUN_OPTIONS(.users = 4, .iterations = ITERATIONS, .seed = 1,
                                                 .params = LK_PAIRS("base_url", server.url),
                                                 .message = message,
                                                 .message_bytes = sizeof(message))) == LK_OK,
                  "%s", message);
    ck_assert_int_eq(lk_result_save(result, path), LK_OK);
    json = json_read();
}

static void teardown(void)
{
    cJSON_Delete(json);
    lk_result_free(result);
    test_server_stop(&server);
    unlink(path);
    rmdir(dir);
}

static const cJSON *item(const cJSON *object, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, key);

    EXPECT(found, "no %s", key);
    return found;
}

static double number(const cJSON *object, const char *key)
{
    return item(object, key)->valuedouble;
}

static const char *text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(item(object, key));
}

/* ---- metrics ---- */

static void same_ms(const cJSON *summary, const char *key, double ms)
{
    const cJSON *found = item(summary, key);

    /* the file has microseconds, and null for what was not measured */
    EXPECT(fabs(found->valuedouble - ms) <= 0.00051, "%s: %.6f and %.6f", key, found->valuedouble,
           ms);
}

static void same_stats(const cJSON *metric, const struct lk_stats *stats)
{
    const cJSON *summary = item(metric, "latency_ms");

    ck_assert_str_eq(stats->id, text(metric, "id"));
    ck_assert_str_eq(stats->name, text(metric, "name"));
    ck_assert_str_eq(stats->step, text(metric, "step"));
    ck_assert_str_eq(stats->source, text(metric, "source"));
    ck_assert_double_eq((double)stats->count, number(metric, "requests"));
    ck_assert_double_eq((double)stats->errors, number(metric, "errors"));
    ck_assert_double_eq((double)stats->cancelled, number(metric, "cancelled"));
    ck_assert_double_eq((double)stats->bytes_sent, number(metric, "bytes_sent"));
    ck_assert_double_eq((double)stats->bytes_received, number(metric, "bytes_received"));
    same_ms(summary, "avg", stats->avg_ms);
    same_ms(summary, "min", stats->min_ms);
    same_ms(summary, "p50", stats->p50_ms);
    same_ms(summary, "p90", stats->p90_ms);
    same_ms(summary, "p95", stats->p95_ms);
    same_ms(summary, "p99", stats->p99_ms);
    same_ms(summary, "p99_9", stats->p99_9_ms);
    same_ms(summary, "max", stats->max_ms);
}

START_TEST(metrics_are_those_of_the_file)
{
    const cJSON *metrics = item(json, "metrics");
    size_t count = (size_t)cJSON_GetArraySize(metrics);

    ck_assert_uint_ge(count, 5);
    for (size_t i = 0; i < count; i++) {
        const cJSON *metric = cJSON_GetArrayItem(metrics, (int)i);
        const struct lk_stats *stats = lk_result_stats_at(result, i);

        same_stats(metric, stats);
        ck_assert_ptr_eq(lk_result_stats(result, stats->id), stats);
    }
    ck_assert_ptr_null(lk_result_stats_at(result, count));
    ck_assert_ptr_null(lk_result_stats(result, "loook"));
}
END_TEST

START_TEST(all_requests_and_all_steps_are_those_of_the_file)
{
    const cJSON *totals = item(json, "totals");
    const struct lk_stats *http = lk_result_stats(result, "http");
    const struct lk_stats *steps = lk_result_stats(result, "steps");

    ck_assert_double_eq((double)http->count, number(totals, "http_requests"));
    ck_assert_double_eq((double)http->errors, number(totals, "http_errors"));
    ck_assert_double_eq((double)http->bytes_sent, number(totals, "bytes_sent"));
    ck_assert_double_eq((double)http->bytes_received, number(totals, "bytes_received"));
    ck_assert_double_eq((double)steps->count, number(totals, "steps"));
    ck_assert_double_eq((double)steps->errors, number(totals, "step_errors"));
    ck_assert_uint_eq(steps->count, ITERATIONS);
    ck_assert_str_eq(http->source, "http");
    ck_assert_str_eq(steps->source, "step");
    ck_assert_uint_eq(http->count, test_server_settle_closed(&server)->requests);
}
END_TEST

START_TEST(the_steps_of_a_user_type_are_taken_together)
{
    const struct lk_stats *shopper = lk_result_stats(result, "vu:shopper");
    const struct lk_stats *walker = lk_result_stats(result, "vu:walker");
    const struct lk_stats *look = lk_result_stats(result, "look");
    const struct lk_stats *buy = lk_result_stats(result, "buy");
    const struct lk_stats *stroll = lk_result_stats(result, "stroll");

    ck_assert_str_eq(shopper->id, "vu:shopper");
    ck_assert_str_eq(shopper->name, "shopper");
    ck_assert_uint_eq(shopper->count, look->count + buy->count);
    ck_assert_uint_eq(shopper->errors, 0);
    ck_assert_double_eq(shopper->max_ms, fmax(look->max_ms, buy->max_ms));
    ck_assert_double_eq(shopper->min_ms, fmin(look->min_ms, buy->min_ms));
    ck_assert_double_eq_tol(shopper->avg_ms * (double)shopper->count,
                            look->avg_ms * (double)look->count + buy->avg_ms * (double)buy->count,
                            0.001);
    ck_assert_uint_eq(walker->count, stroll->count);
    ck_assert_uint_eq(walker->errors, walker->count / 3);
    ck_assert_uint_eq(lk_result_code_count(result, "vu:walker", "STEP_FAILED"), walker->errors);
    ck_assert_ptr_null(lk_result_stats(result, "vu:nobody"));
}
END_TEST

START_TEST(any_percentile_can_be_had)
{
    static const char *const ids[] = {"http", "steps", "look", "look/GET /look/{id}", "vu:walker"};

    for (size_t i = 0; i < LKI_COUNT(ids); i++) {
        const struct lk_stats *stats = lk_result_stats(result, ids[i]);
        double before = 0;

        ck_assert_ptr_nonnull(stats);
        ck_assert_double_eq(lk_result_percentile_ms(result, ids[i], 0), stats->min_ms);
        ck_assert_double_eq(lk_result_percentile_ms(result, ids[i], 50), stats->p50_ms);
        ck_assert_double_eq(lk_result_percentile_ms(result, ids[i], 95), stats->p95_ms);
        ck_assert_double_eq(lk_result_percentile_ms(result, ids[i], 99.9), stats->p99_9_ms);
        ck_assert_double_eq(lk_result_percentile_ms(result, ids[i], 100), stats->max_ms);
        for (int percent = 0; percent <= 100; percent++) {
            double ms = lk_result_percentile_ms(result, ids[i], percent);

            EXPECT(ms >= before, "%s: %d %% is %g after %g", ids[i], percent, ms, before);
            before = ms;
        }
    }
    ck_assert_double_eq(lk_result_percentile_ms(result, "loook", 50), -1);
}
END_TEST

/* ---- codes ---- */

static void same_codes(const cJSON *metric)
{
    const cJSON *codes = item(metric, "codes");
    const char *id = text(metric, "id");
    size_t count = (size_t)cJSON_GetArraySize(codes);
    uint64_t before = UINT64_MAX;

    for (size_t i = 0; i < count; i++) {
        const cJSON *code = cJSON_GetArrayItem(codes, (int)i);
        const struct lk_code_stats *stats = lk_result_code_at(result, id, i);

        ck_assert_str_eq(stats->code, code->string);
        ck_assert_double_eq((double)stats->count, code->valuedouble);
        ck_assert_uint_eq(lk_result_code_count(result, id, code->string), stats->count);
        ck_assert_uint_le(stats->count, before);
        before = stats->count;
    }
    ck_assert_ptr_null(lk_result_code_at(result, id, count));
}

START_TEST(codes_are_those_of_the_file)
{
    const cJSON *metric;

    cJSON_ArrayForEach(metric, item(json, "metrics"))
    {
        same_codes(metric);
    }
    ck_assert_uint_eq(lk_result_code_count(result, "look", "STEP_FAILED"), 0);
    ck_assert_uint_eq(lk_result_code_count(result, "loook", "STEP_OK"), 0);
    ck_assert_ptr_null(lk_result_code_at(result, "loook", 0));
}
END_TEST

static const struct lk_code_stats *code_of(const char *id, const char *code)
{
    const struct lk_code_stats *stats = NULL;
    size_t i = 0;

    do
        stats = lk_result_code_at(result, id, i++);
    while (stats && strcmp(stats->code, code) != 0);
    EXPECT(stats, "no %s in %s", code, id);
    return stats;
}

START_TEST(each_code_of_a_request_has_an_example)
{
    static const char *const ids[] = {"look/GET /look/{id}", "http"};

    for (size_t i = 0; i < LKI_COUNT(ids); i++) {
        const struct lk_code_stats *good = code_of(ids[i], "HTTP_200");
        const struct lk_code_stats *bad = code_of(ids[i], "HTTP_503");

        ck_assert_str_eq(good->request, "GET /look/7?q=red%20shoes HTTP/1.1");
        ck_assert_str_eq(good->answer, "HTTP/1.1 200 OK");
        ck_assert_str_eq(good->body, "good");
        ck_assert_str_eq(bad->answer, "HTTP/1.1 503 Not Today");
        ck_assert_str_eq(bad->body, "sorry?\xff!");
    }
    ck_assert_str_eq(code_of("buy/POST /buy", "HTTP_200")->request, "POST /buy HTTP/1.1");
    ck_assert_str_eq(code_of("stroll", "STEP_FAILED")->request, "");
    ck_assert_str_eq(code_of("stroll", "STEP_FAILED")->answer, "");
    ck_assert_str_eq(code_of("stroll", "STEP_FAILED")->body, "");
}
END_TEST

START_TEST(the_file_has_the_examples)
{
    const cJSON *examples = item(json, "examples");
    const cJSON *example;

    ck_assert_int_eq(cJSON_GetArraySize(examples), 4);
    cJSON_ArrayForEach(example, examples)
    {
        const struct lk_code_stats *stats = code_of(text(example, "metric"), text(example, "code"));

        ck_assert_str_eq(stats->request, text(example, "request"));
        ck_assert_str_eq(stats->answer, text(example, "answer"));
        if (!strcmp(stats->code, "HTTP_503"))
            ck_assert_str_eq(text(example, "body"), "sorry?\xef\xbf\xbd!");
        else
            ck_assert_str_eq(text(example, "body"), stats->body);
    }
}
END_TEST

/* ---- the rest ---- */

START_TEST(metrics_of_the_author_have_a_value)
{
    double buys = (double)lk_result_stats(result, "buy")->count;

    ck_assert_double_gt(buys, 3);
    ck_assert_double_eq(lk_result_value(result, "sales"), 2.5 * buys);
    ck_assert_double_eq_tol(lk_result_value(result, "basket"), 100, 1e-9);
    ck_assert_double_ge(lk_result_value(result, "level"), 2);
    ck_assert_double_gt(lk_result_value(result, "happy"), 0);
    ck_assert_double_eq_tol(lk_result_value(result, "happy"), (buys - 3) / buys, 1e-9);
    ck_assert(isnan(lk_result_value(result, "unused")));
    ck_assert(isnan(lk_result_value(result, "nothing")));
}
END_TEST

START_TEST(the_verdict_is_that_of_the_file)
{
    const cJSON *verdict = item(json, "verdict");
    const cJSON *reasons = item(verdict, "reasons");
    size_t count = (size_t)cJSON_GetArraySize(reasons);

    ck_assert_str_eq(lk_result_verdict(result), text(verdict, "status"));
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(lk_result_reason(result, i),
                         cJSON_GetStringValue(cJSON_GetArrayItem(reasons, (int)i)));
    ck_assert_ptr_null(lk_result_reason(result, count));
    ck_assert_int_eq(lk_result_exit_status(result), 0);
}
END_TEST

static size_t longest_line(const char *lines)
{
    size_t longest = 0;

    for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t len = strcspn(at, "\n");

        longest = len > longest ? len : longest;
    }
    return longest;
}

START_TEST(the_report_is_printed_as_wide_as_asked)
{
    char *report = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&report, &bytes);

    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(lk_result_print(result, out, 60), LK_OK);
    ck_assert_ptr_nonnull(strstr(report, " failed\n"));
    ck_assert_ptr_nonnull(strstr(report, "POST /buy"));
    ck_assert_ptr_null(strchr(report, '\033'));
    ck_assert_uint_le(longest_line(report), 60);
    rewind(out);
    ck_assert_int_eq(lk_result_print(result, out, 0), LK_OK);
    ck_assert_uint_gt(longest_line(report), 60);
    ck_assert_uint_le(longest_line(report), 100);
    fclose(out);
    free(report);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
    FILE *full = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(full);
    ck_assert_int_eq(lk_result_print(result, full, 80), LK_E_IO);
    ck_assert_int_eq(errno, ENOSPC);
    fclose(full);
    ck_assert_int_eq(lk_result_save(result, "/dev/full"), LK_E_IO);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(lk_result_save(result, "/nowhere/at/all.json"), LK_E_IO);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(nothing_is_not_a_result)
{
    lk_result_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_result");
    TCase *tests = tcase_create("result");

    tcase_add_unchecked_fixture(tests, setup, teardown);
    tcase_add_test(tests, metrics_are_those_of_the_file);
    tcase_add_test(tests, all_requests_and_all_steps_are_those_of_the_file);
    tcase_add_test(tests, the_steps_of_a_user_type_are_taken_together);
    tcase_add_test(tests, any_percentile_can_be_had);
    tcase_add_test(tests, codes_are_those_of_the_file);
    tcase_add_test(tests, each_code_of_a_request_has_an_example);
    tcase_add_test(tests, the_file_has_the_examples);
    tcase_add_test(tests, metrics_of_the_author_have_a_value);
    tcase_add_test(tests, the_verdict_is_that_of_the_file);
    tcase_add_test(tests, the_report_is_printed_as_wide_as_asked);
    tcase_add_test(tests, what_cannot_be_written_is_told);
    tcase_add_test(tests, nothing_is_not_a_result);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
