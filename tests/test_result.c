/* Results: what is taken over from the metrics, the verdict, and the file with its keys. */
#include "result/result.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "result/fill.h"
#include "result/json.h"
#include "result/view.h"
#include "support/suite.h"

#define PATH_BYTES 600
#define TEXT_BYTES (4 << 20)

static struct lki_metrics metrics;
static struct lki_series series;
static struct lki_result result;
static char dir[PATH_BYTES / 2];
static char path[PATH_BYTES];
static char message[PATH_BYTES];

static const struct lki_result_settings settings = {
    .program = "shop",
    .seed = UINT64_MAX,
    .started_at_s = 1718100000,
    .duration_ns = INT64_C(2400300400),
    .users = 20,
    .workers = 2,
    .ended_by = "duration",
};

static void setup(void)
{
    const char *base = getenv("TMPDIR");

    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_series_init(&series, 0), LK_OK);
    snprintf(dir, sizeof(dir), "%s/loadkit-result.XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/result.json", dir);
}

static size_t files_in_dir(void)
{
    DIR *open_dir = opendir(dir);
    size_t count = 0;

    ck_assert_ptr_nonnull(open_dir);
    for (struct dirent *entry = readdir(open_dir); entry; entry = readdir(open_dir))
        count += entry->d_name[0] != '.';
    closedir(open_dir);
    return count;
}

static void teardown(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(dir), 0);
    lki_result_release(&result);
    lki_series_release(&series);
    lki_metrics_release(&metrics);
}

static struct lki_metric *find(enum lki_source source, const char *step, const char *name)
{
    return lki_metrics_find(&metrics, source, step, name, strlen(name));
}

static void request(const char *step, const char *name, lki_code code, enum lki_verdict verdict,
                    int64_t latency_ns)
{
    struct lki_sample sample = {.code = code,
                                .verdict = verdict,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .bytes_sent = 100,
                                .bytes_received = 1000,
                                .phase_ns = {-1, -1, -1, 2000, latency_ns - 5000, 3000}};

    lki_metric_record(find(LKI_SOURCE_HTTP, step, name), &sample);
}

static void step_done(const char *name, enum lki_verdict verdict, int64_t latency_ns)
{
    metrics.totals->iterations++;
    lki_metric_record_simple(find(LKI_SOURCE_STEP, "", name),
                             verdict ? LKI_CODE_STEP_FAILED : LKI_CODE_STEP_OK, verdict,
                             latency_ns);
}

/* A run of two and a half seconds with something of everything. */
static void record_run(void)
{
    struct lki_rng rng = {3};

    for (int s = 0; s < 3; s++) {
        for (int i = 0; i < 500; i++) {
            int64_t ns = 1000000 + (int64_t)lki_rng_below(&rng, 9000000);

            request("login", "POST /auth", i % 50 ? 200 : 503,
                    i % 50 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR, ns);
            step_done("login", i % 50 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR, ns + 10000);
            request("catalog", "GET /catalog", 200, LKI_SAMPLE_OK, 2 * ns);
            step_done("catalog", LKI_SAMPLE_OK, 2 * ns + 10000);
        }
        request("catalog", "GET /catalog", LKI_CODE_HTTP_TIMEOUT, LKI_SAMPLE_ERROR,
                30 * LKI_NS_PER_S);
        lki_series_add(&series, &metrics, s < 2 ? (s + 1) * LKI_NS_PER_S : settings.duration_ns,
                       20);
        lki_metrics_fold(&metrics);
    }
    request("login", "POST /auth", LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 0);
    for (int i = 0; i < 30; i++)
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED, "HTTP 503", 7);
    lki_metrics_error(&metrics, LKI_SOURCE_HTTP, "catalog", LKI_CODE_HTTP_TIMEOUT, "30 s", 4);
    metrics.totals->http_unsent = 1;
    metrics.totals->http_retries = 2;
}

static void make(void)
{
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, &series), LK_OK);
}

START_TEST(a_result_holds_what_was_recorded)
{
    const struct lki_result_metric *login;

    record_run();
    make();
    ck_assert_uint_eq(result.metric_count, 4);
    login = &result.metrics[0];
    ck_assert_str_eq(login->id, "login/POST /auth");
    ck_assert_str_eq(login->name, "POST /auth");
    ck_assert_str_eq(login->step, "login");
    ck_assert_int_eq(login->source, LKI_SOURCE_HTTP);
    /* the cancelled one came after the last fold */
    ck_assert_uint_eq(login->count, 1501);
    ck_assert_uint_eq(login->errors, 30);
    ck_assert_uint_eq(login->cancelled, 1);
    ck_assert_uint_eq(login->latency.count, 1500);
    ck_assert_uint_eq(login->bytes_received, 1501000);
    ck_assert_uint_eq(login->code_count, 3);
    ck_assert_int_eq(login->codes[0].code, 200);
    ck_assert_uint_eq(login->codes[0].count, 1470);
    ck_assert_int_eq(login->codes[1].code, 503);
    ck_assert_uint_eq(login->codes[1].count, 30);
    ck_assert_uint_eq(login->phases[LKI_PHASE_CONNECT].count, 0);
    ck_assert_uint_eq(login->phases[LKI_PHASE_WAIT].count, 1500);
    ck_assert_int_eq(login->phases[LKI_PHASE_SEND].max_ns, 2000);
    ck_assert_mem_eq(&result.totals, metrics.totals, sizeof(result.totals));
    ck_assert_uint_eq(lki_result_requests(&result).responses, 3000);
    ck_assert_uint_eq(result.series_count, 3);
    ck_assert_str_eq(result.program, "shop");
    ck_assert_str_eq(result.started_at, "2024-06-11T10:00:00Z");
}
END_TEST

START_TEST(the_summary_is_that_of_the_histogram)
{
    const struct lki_hist *hist;
    const struct lki_summary *latency;

    record_run();
    make();
    hist = &find(LKI_SOURCE_HTTP, "login", "POST /auth")->total.latency;
    latency = &result.metrics[0].latency;
    ck_assert_int_eq(latency->min_ns, hist->min);
    ck_assert_int_eq(latency->p50_ns, lki_hist_quantile(hist, 0.5));
    ck_assert_int_eq(latency->p90_ns, lki_hist_quantile(hist, 0.9));
    ck_assert_int_eq(latency->p95_ns, lki_hist_quantile(hist, 0.95));
    ck_assert_int_eq(latency->p99_ns, lki_hist_quantile(hist, 0.99));
    ck_assert_int_eq(latency->p99_9_ns, lki_hist_quantile(hist, 0.999));
    ck_assert_int_eq(latency->max_ns, hist->max);
    ck_assert_int_eq(latency->avg_ns, (int64_t)(lki_hist_mean(hist) + 0.5));
}
END_TEST

START_TEST(all_requests_together_have_merged_percentiles)
{
    for (int i = 0; i < 98; i++)
        request("s", "fast", 200, LKI_SAMPLE_OK, 1000000);
    request("s", "slow", 500, LKI_SAMPLE_ERROR, LKI_NS_PER_S);
    request("s", "slow", 200, LKI_SAMPLE_OK, LKI_NS_PER_S);
    step_done("s", LKI_SAMPLE_OK, 5000);
    make();
    ck_assert_uint_eq(result.all_http.count, 100);
    ck_assert_uint_eq(result.all_http.errors, 1);
    ck_assert_int_eq(result.all_http.latency.p95_ns / 10000, 100);
    ck_assert_int_eq(result.all_http.latency.p99_ns, LKI_NS_PER_S);
    ck_assert_uint_eq(result.all_http.code_count, 2);
    ck_assert_uint_eq(result.all_steps.count, 1);
}
END_TEST

START_TEST(a_result_does_not_need_the_metrics_any_more)
{
    record_run();
    make();
    lki_metrics_release(&metrics);
    lki_series_release(&series);
    ck_assert_str_eq(result.metrics[3].id, "catalog");
    ck_assert_str_eq(result.errors[0].message, "HTTP 503");
    ck_assert_uint_eq(result.errors[0].count, 30);
    ck_assert_str_eq(result.errors[1].code, "HTTP_TIMEOUT");
    ck_assert_uint_eq(result.series[2].requests, 1001);
}
END_TEST

static void finds(const struct lk_result *view, const char *id, const char *source, uint64_t count)
{
    const struct lki_view *found = lki_view_find(view, id);

    ck_assert_msg(found, "no %s", id);
    ck_assert_msg(!strcmp(found->stats.source, source), "%s is of %s", id, found->stats.source);
    ck_assert_uint_eq(found->stats.count, count);
}

START_TEST(an_id_is_that_of_a_step_or_request_first)
{
    struct lk_result *view;

    lki_metric_count(lki_metrics_find_emitted(&metrics, "s", "GET /q", "custom", "execute"),
                     LKI_CODE_METRIC_OK, LKI_SAMPLE_OK);
    for (int i = 0; i < 2; i++)
        lki_metric_count(lki_metrics_find_emitted(&metrics, "s", "GET /q", "custom", "connect"),
                         LKI_CODE_METRIC_OK, LKI_SAMPLE_OK);
    for (int i = 0; i < 3; i++)
        lki_metric_count(find(LKI_SOURCE_CHECK, "s", "GET /q"), LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    for (int i = 0; i < 4; i++)
        request("s", "GET /q", 200, LKI_SAMPLE_OK, 1000000);
    lki_metric_count(find(LKI_SOURCE_CHECK, "", "login"), LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    lki_metric_count(find(LKI_SOURCE_CHECK, "", "steps"), LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    request("", "login", 200, LKI_SAMPLE_OK, 1000000);
    for (int i = 0; i < 5; i++)
        step_done("login", LKI_SAMPLE_OK, 1000000);
    lki_metrics_fold(&metrics);
    make();
    ck_assert_int_eq(lki_view_new(&view, &result), LK_OK);
    result = (struct lki_result){0};
    finds(view, "s/GET /q", "http", 4);
    finds(view, "s/GET /q (http)", "http", 4);
    finds(view, "s/GET /q (custom)", "custom", 1);
    finds(view, "s/GET /q (custom, connect)", "custom", 2);
    finds(view, "s/GET /q (check)", "check", 3);
    finds(view, "login", "step", 5);
    finds(view, "login (http)", "http", 1);
    finds(view, "login (check)", "check", 1);
    finds(view, "steps", "step", 5);
    finds(view, "steps (check)", "check", 1);
    ck_assert_ptr_null(lki_view_find(view, "login (custom)"));
    ck_assert_ptr_null(lki_view_find(view, "login (check, )"));
    ck_assert_ptr_null(lki_view_find(view, "login (chec"));
    lki_view_free(view);
}
END_TEST

static void masks(const char *text, const char *masked)
{
    const char *kept = lki_result_keep(&result, text);

    ck_assert_ptr_nonnull(kept);
    ck_assert_str_eq(kept, masked);
}

START_TEST(a_secret_is_masked_also_where_a_text_was_cut_in_it)
{
    static const char *secrets[] = {"2-hunt", "tero-9", "hunter2-hun"};

    make();
    result.secrets = secrets;
    result.secret_count = LKI_COUNT(secrets);
    masks("it is hunter2-hun, or tero-9", "it is ***, or ***");
    masks("it is hunter2-hu", "it is ***");
    masks("it is hunter2", "it is ***");
    masks("hunt", "***");
    masks("a hun", "a hun");
    masks("hunter", "***");
    masks("hunted", "hunted");
    masks("hunter, 2-hunt", "hunter, ***");
    masks("", "");
}
END_TEST

static const struct {
    const char *text;
    const char *masked;
} encoded[] = {
    {"pa/ss+w \"\\\xc3\xa9=", "***"},
    {"password=pa%2Fss%2Bw%20%22%5C%C3%A9%3D&user=joe", "password=***&user=joe"},
    {"password=pa%2fss%2bw+%22%5c%c3%a9%3d", "password=***"},
    {"/pa%2Fss+w%20\"\\\xc3\xa9=/", "/***/"},
    {"{\"a\":\"pa/ss+w \\\"\\\\\xc3\xa9=\"}", "{\"a\":\"***\"}"},
    {"{\"a\":\"pa\\/ss+w \\u0022\\\\\\u00e9=\"}", "{\"a\":\"***\"}"},
    {"pa%2Fs", "***"},
    {"pa%2Fss%2", "***"},
    {"pa\\/ss+w \\u00", "***"},
    {"pa%2Fs=", "pa%2Fs="},
    {"pa%2", "pa%2"},
    {"pa%2Fss%zz", "pa%2Fss%zz"},
    {"pa%2Fss%2Bw%20%22%5C%C3%A9%3D, pa/ss+w \"\\\xc3\xa9=", "***, ***"},
    {"100% \\ \\u", "100% \\ \\u"},
    {"\xf0\x9f\x94\x91key", "***"},
    {"\\ud83d\\udd11key", "***"},
    {"%F0%9F%94%91key!", "***!"},
};

START_TEST(a_secret_is_masked_however_it_is_encoded)
{
    static const char *secrets[] = {"pa/ss+w \"\\\xc3\xa9=", "\xf0\x9f\x94\x91key"};

    make();
    result.secrets = secrets;
    result.secret_count = LKI_COUNT(secrets);
    masks(encoded[_i].text, encoded[_i].masked);
}
END_TEST

START_TEST(runs_have_ids_of_their_own)
{
    char first[sizeof(result.id)];

    make();
    ck_assert_uint_eq(strlen(result.id), 32);
    ck_assert_uint_eq(strspn(result.id, "0123456789abcdef"), 32);
    memcpy(first, result.id, sizeof(first));
    lki_result_release(&result);
    make();
    ck_assert_str_ne(first, result.id);
}
END_TEST

START_TEST(a_run_with_failing_requests_passes)
{
    request("s", "GET /", 500, LKI_SAMPLE_ERROR, 5000000);
    step_done("s", LKI_SAMPLE_ERROR, 5000000);
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
    ck_assert_ptr_null(lki_result_failure(&result));
    ck_assert_int_eq(lki_result_exit_status(&result), 0);
}
END_TEST

START_TEST(a_run_without_requests_passes)
{
    step_done("s", LKI_SAMPLE_OK, 5000000);
    make();
    ck_assert_int_eq(lki_result_exit_status(&result), 0);
}
END_TEST

START_TEST(a_run_in_which_nothing_was_done_fails)
{
    request("on_start", "GET /", 200, LKI_SAMPLE_OK, 5000000);
    make();
    ck_assert_ptr_nonnull(lki_result_failure(&result));
    ck_assert_int_eq(lki_result_exit_status(&result), 1);
}
END_TEST

START_TEST(a_run_without_any_response_fails)
{
    step_done("s", LKI_SAMPLE_ERROR, 5000000);
    request("s", "GET /", LKI_CODE_HTTP_CONNECT, LKI_SAMPLE_ERROR, 5000000);
    request("s", "GET /", LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 0);
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
    ck_assert_str_eq(lki_result_failure(&result), "no request got a response");
    ck_assert_int_eq(lki_result_exit_status(&result), 1);
}
END_TEST

START_TEST(a_run_that_lost_data_fails)
{
    step_done("s", LKI_SAMPLE_OK, 5000000);
    make();
    lki_result_doubt(&result, LKI_RUN_INCOMPLETE, "worker %d crashed", 3);
    lki_result_doubt(&result, LKI_RUN_GENERATOR_BOUND, "slow");
    ck_assert_int_eq(result.verdict, LKI_RUN_INCOMPLETE);
    ck_assert_str_eq(result.reasons[0], "worker 3 crashed");
    ck_assert_uint_eq(result.reason_count, 2);
    ck_assert_int_eq(lki_result_exit_status(&result), 1);
}
END_TEST

START_TEST(what_ran_out_of_memory_is_lost_data)
{
    step_done("s", LKI_SAMPLE_OK, 5000000);
    find(LKI_SOURCE_STEP, "", "s")->second.latency.lost = 1;
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_INCOMPLETE);
    ck_assert_ptr_nonnull(strstr(result.reasons[0], "memory"));
}
END_TEST

START_TEST(an_overflow_of_names_is_noted)
{
    char name[32];

    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 2, 0);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "step %d", i);
        step_done(name, LKI_SAMPLE_OK, 5000000);
    }
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
    ck_assert_uint_eq(result.note_count, 1);
    ck_assert_uint_eq(result.metric_count, 3);
    ck_assert_str_eq(result.metrics[2].name, LKI_METRIC_OVERFLOW_NAME);
    ck_assert_uint_eq(result.metrics[2].count, 3);
}
END_TEST

START_TEST(percentiles_of_seconds_that_lack_values_are_noted)
{
    record_run();
    series.partial = 2;
    make();
    ck_assert_int_eq(result.verdict, LKI_RUN_VALID);
    ck_assert_uint_eq(result.note_count, 1);
    ck_assert_str_eq(result.notes[0], "2 seconds of the series lack values in percentiles: a "
                                      "worker reported too late, or memory ran out");
    series.partial = 1;
    lki_result_release(&result);
    make();
    ck_assert(!strncmp(result.notes[0], "1 second of the series lacks values in ", 39));
}
END_TEST

START_TEST(remarks_beyond_the_maximum_are_dropped)
{
    make();
    for (int i = 0; i < 100; i++) {
        lki_result_doubt(&result, LKI_RUN_GENERATOR_BOUND, "%d", i);
        lki_result_note(&result, "%d", i);
    }
    ck_assert_uint_eq(result.reason_count, LKI_RESULT_REMARKS_MAX);
    ck_assert_uint_eq(result.note_count, LKI_RESULT_REMARKS_MAX);
    ck_assert_str_eq(result.notes[LKI_RESULT_REMARKS_MAX - 1], "15");
}
END_TEST

/* ---- the file */

static char *text_of(const char *name)
{
    FILE *file = fopen(name, "r");
    char *text = calloc(1, TEXT_BYTES);

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_lt(fread(text, 1, TEXT_BYTES - 1, file), TEXT_BYTES - 1);
    fclose(file);
    return text;
}

static void save_ok(void)
{
    enum lk_err err = lki_result_save(&result, path, message, sizeof(message));

    ck_assert_msg(!err, "%s", message);
}

static cJSON *saved(void)
{
    char *text;
    cJSON *json;

    save_ok();
    text = text_of(path);
    json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    free(text);
    return json;
}

static const cJSON *at(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    ck_assert_msg(item != NULL, "no %s", key);
    return item;
}

static double number(const cJSON *json, const char *key)
{
    ck_assert_msg(cJSON_IsNumber(at(json, key)), "%s is no number", key);
    return at(json, key)->valuedouble;
}

static const char *string(const cJSON *json, const char *key)
{
    ck_assert_msg(cJSON_IsString(at(json, key)), "%s is no string", key);
    return at(json, key)->valuestring;
}

static void ms_verify(const cJSON *json, const char *key, int64_t ns)
{
    /* to the microsecond */
    ck_assert_double_eq_tol(number(json, key), (double)ns / 1e6, 0.0005001);
}

static void metric_verify(const cJSON *json, const struct lki_result_metric *metric)
{
    const cJSON *latency = at(json, "latency_ms");
    const cJSON *codes = at(json, "codes");

    ck_assert_str_eq(string(json, "id"), metric->id);
    ck_assert_str_eq(string(json, "name"), metric->name);
    ck_assert_str_eq(string(json, "step"), metric->step);
    ck_assert_str_eq(string(json, "source"), lki_source_name(metric->source));
    ck_assert(number(json, "requests") == (double)metric->count);
    ck_assert(number(json, "errors") == (double)metric->errors);
    ck_assert(number(json, "cancelled") == (double)metric->cancelled);
    ck_assert(number(json, "bytes_sent") == (double)metric->bytes_sent);
    ck_assert(number(json, "bytes_received") == (double)metric->bytes_received);
    ms_verify(latency, "avg", metric->latency.avg_ns);
    ms_verify(latency, "min", metric->latency.min_ns);
    ms_verify(latency, "p50", metric->latency.p50_ns);
    ms_verify(latency, "p90", metric->latency.p90_ns);
    ms_verify(latency, "p95", metric->latency.p95_ns);
    ms_verify(latency, "p99", metric->latency.p99_ns);
    ms_verify(latency, "p99_9", metric->latency.p99_9_ns);
    ms_verify(latency, "max", metric->latency.max_ns);
    ck_assert_int_eq(cJSON_GetArraySize(codes), (int)metric->code_count);
    for (size_t i = 0; i < metric->code_count; i++)
        ck_assert(number(codes, lki_code_name(metric->codes[i].code)) ==
                  (double)metric->codes[i].count);
}

START_TEST(the_file_says_what_the_result_says)
{
    const cJSON *part;
    cJSON *json;

    record_run();
    make();
    json = saved();
    ck_assert_str_eq(string(json, "schema"), "loadkit.result/1");
    part = at(json, "run");
    ck_assert_str_eq(string(part, "id"), result.id);
    ck_assert_str_eq(string(part, "program"), "shop");
    ck_assert_str_eq(string(part, "started_at"), "2024-06-11T10:00:00Z");
    ck_assert_double_eq_tol(number(part, "duration_s"), 2.4003004, 0.0000005);
    ck_assert(number(part, "users") == 20);
    ck_assert(number(part, "workers") == 2);
    ck_assert_str_eq(string(part, "ended_by"), "duration");
    part = at(json, "verdict");
    ck_assert_str_eq(string(part, "status"), "valid");
    ck_assert_int_eq(cJSON_GetArraySize(at(part, "reasons")), 0);
    ck_assert(cJSON_IsNull(at(part, "failure")));
    part = at(json, "metrics");
    ck_assert_int_eq(cJSON_GetArraySize(part), 4);
    for (int i = 0; i < 4; i++)
        metric_verify(cJSON_GetArrayItem(part, i), &result.metrics[i]);
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "thresholds")), 0);
    cJSON_Delete(json);
}
END_TEST

START_TEST(the_totals_of_the_file_have_their_keys)
{
    struct lki_metric *hook = lki_metrics_find(&metrics, LKI_SOURCE_LIFECYCLE, "", "on_init", 7);
    const cJSON *totals;
    cJSON *json;

    lki_metric_count(hook, LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK);
    lki_metric_count(hook, LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR);
    *metrics.totals = (struct lki_totals){11, 12, 13, 14, 15, 16, 17, 0, 18, 19};
    make();
    json = saved();
    totals = at(json, "totals");
    ck_assert_int_eq(cJSON_GetArraySize(totals), 10);
    ck_assert(number(totals, "iterations") == 11);
    ck_assert(number(totals, "steps") == 12);
    ck_assert(number(totals, "step_errors") == 13);
    ck_assert(number(totals, "http_requests") == 14);
    ck_assert(number(totals, "http_errors") == 15);
    ck_assert(number(totals, "http_unsent") == 16);
    ck_assert(number(totals, "http_retries") == 17);
    ck_assert(number(totals, "bytes_sent") == 18);
    ck_assert(number(totals, "bytes_received") == 19);
    ck_assert(number(totals, "hook_errors") == 1);
    cJSON_Delete(json);
}
END_TEST

START_TEST(the_series_of_the_file_sums_to_its_totals)
{
    const cJSON *row;
    double requests = 0;
    double errors = 0;
    cJSON *json;

    record_run();
    make();
    json = saved();
    cJSON_ArrayForEach(row, at(json, "series"))
    {
        requests += number(row, "requests");
        errors += number(row, "errors");
    }
    /* the cancelled request came after the last row */
    ck_assert(requests == number(at(json, "totals"), "http_requests") - 1);
    ck_assert(errors == number(at(json, "totals"), "http_errors"));
    row = cJSON_GetArrayItem(at(json, "series"), 2);
    ck_assert(number(row, "t") == 2);
    ck_assert(number(row, "users") == 20);
    ck_assert(number(row, "iterations") == 1000);
    ck_assert(number(row, "steps") == 1000);
    ck_assert(number(row, "step_errors") == 10);
    ck_assert_double_eq_tol(number(row, "span_s"), 0.4003004, 0.0000005);
    ms_verify(row, "p50_ms", result.series[2].p50_ns);
    ms_verify(row, "p95_ms", result.series[2].p95_ns);
    ms_verify(row, "p99_ms", result.series[2].p99_ns);
    cJSON_Delete(json);
}
END_TEST

START_TEST(errors_and_phases_stand_in_the_file)
{
    const cJSON *item;
    cJSON *json;

    record_run();
    make();
    json = saved();
    item = cJSON_GetArrayItem(at(json, "errors"), 0);
    ck_assert_str_eq(string(item, "step"), "login");
    ck_assert_str_eq(string(item, "source"), "step");
    ck_assert_str_eq(string(item, "code"), "STEP_FAILED");
    ck_assert_str_eq(string(item, "message"), "HTTP 503");
    ck_assert(number(item, "count") == 30);
    ck_assert(number(item, "first_user") == 7);
    ck_assert(number(item, "first_s") == 0);
    item = at(cJSON_GetArrayItem(at(json, "metrics"), 0), "phases_ms");
    ck_assert_ptr_null(cJSON_GetObjectItem(item, "connect"));
    ck_assert(number(at(item, "send"), "max") == 0.002);
    ck_assert(number(at(item, "wait"), "count") == 1500);
    number(at(item, "wait"), "avg");
    number(at(item, "receive"), "p95");
    item = cJSON_GetArrayItem(at(json, "metrics"), 1);
    ck_assert_ptr_null(cJSON_GetObjectItem(item, "phases_ms"));
    cJSON_Delete(json);
}
END_TEST

/* What a parser with doubles would not see. */
START_TEST(numbers_in_the_file_are_exact_and_short)
{
    struct lki_metric *metric = find(LKI_SOURCE_STEP, "", "s");
    char *text;

    metrics.totals->bytes_received = UINT64_MAX;
    metrics.totals->bytes_sent = UINT64_C(9007199254740993);
    metrics.totals->iterations = UINT64_C(1000000000000000);
    lki_metric_record_simple(metric, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 300000);
    lki_metric_record_simple(metric, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 300000);
    make();
    save_ok();
    text = text_of(path);
    ck_assert_ptr_nonnull(strstr(text, "\"seed\":18446744073709551615,"));
    ck_assert_ptr_nonnull(strstr(text, "\"bytes_received\":18446744073709551615"));
    ck_assert_ptr_nonnull(strstr(text, "\"bytes_sent\":9007199254740993,"));
    ck_assert_ptr_nonnull(strstr(text, "\"iterations\":1000000000000000,"));
    ck_assert_ptr_nonnull(strstr(text, "\"duration_s\":2.4003004,"));
    ck_assert_ptr_nonnull(strstr(text, "\"avg\":0.3,\"min\":0.3,\"p50\":0.3,"));
    free(text);
}
END_TEST

START_TEST(milliseconds_are_exact_to_the_nanosecond)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{1, "\"max\":0.000001}"},      {499, "\"max\":0.000499}"},
                 {1500, "\"max\":0.0015}"},     {999999, "\"max\":0.999999}"},
                 {1000000, "\"max\":1}"},       {1010000, "\"max\":1.01}"},
                 {-1499, "\"max\":-0.001499}"}, {INT64_MAX, "\"max\":9223372036854.775807}"}};
    char *text;

    lki_metric_record_simple(find(LKI_SOURCE_STEP, "", "s"), LKI_CODE_STEP_OK, LKI_SAMPLE_OK,
                             cases[_i].ns);
    make();
    save_ok();
    text = text_of(path);
    ck_assert_msg(strstr(text, cases[_i].text) != NULL, "%s", cases[_i].text);
    free(text);
}
END_TEST

START_TEST(crashes_and_workers_stand_in_the_file)
{
    static const char *const frames[] = {"lk_step_demo_login (shop.c:41)", "start"};
    static const struct lki_result_crash crash = {.worker = 2,
                                                  .worker_id = "a.2",
                                                  .user = 17,
                                                  .step = "login",
                                                  .what = "segmentation fault",
                                                  .at_ns = 1500000000,
                                                  .retired = true,
                                                  .frames = frames,
                                                  .frame_count = LKI_COUNT(frames)};
    static const struct lki_result_health health[] = {{.span_ns = 4 * LKI_NS_PER_S,
                                                       .busy_ns = LKI_NS_PER_S,
                                                       .waited_ns = -1,
                                                       .busiest_ns = 1500000,
                                                       .turns = 12,
                                                       .descriptors = 34},
                                                      {.worker_id = "a.2",
                                                       .span_ns = 4 * LKI_NS_PER_S,
                                                       .waited_ns = 2 * LKI_NS_PER_S,
                                                       .stalls = 5}};
    struct lki_result_settings with = settings;
    const cJSON *item;
    cJSON *json;

    with.command = "shop -u 20";
    with.crashes = &crash;
    with.crash_count = 1;
    with.health = health;
    with.health_count = LKI_COUNT(health);
    with.requests_lost = 3;
    with.seconds_lost = 2;
    ck_assert_int_eq(lki_result_init(&result, &with, &metrics, &series), LK_OK);
    json = saved();
    ck_assert_str_eq(string(at(json, "run"), "command"), "shop -u 20");
    ck_assert_str_eq(string(at(json, "verdict"), "failure"), "the scenario crashed");
    ck_assert(number(at(json, "verdict"), "requests_lost") == 3);
    ck_assert(number(at(json, "verdict"), "seconds_lost") == 2);
    item = cJSON_GetArrayItem(at(json, "crashes"), 0);
    ck_assert(number(item, "worker") == 2);
    ck_assert_str_eq(string(item, "worker_id"), "a.2");
    ck_assert(number(item, "user") == 17);
    ck_assert(number(item, "at_s") == 1.5);
    ck_assert_str_eq(string(item, "step"), "login");
    ck_assert_str_eq(string(item, "what"), "segmentation fault");
    ck_assert(cJSON_IsTrue(at(item, "retired")));
    ck_assert_str_eq(cJSON_GetArrayItem(at(item, "backtrace"), 0)->valuestring, frames[0]);
    item = cJSON_GetArrayItem(at(at(json, "generator"), "workers"), 0);
    ck_assert(number(item, "cpu") == 0.25);
    ck_assert(cJSON_IsNull(at(item, "waited")));
    ck_assert(number(item, "longest_turn_ms") == 1.5);
    ck_assert(number(item, "turns") == 12);
    ck_assert(number(item, "descriptors") == 34);
    ck_assert(cJSON_IsNull(at(item, "worker_id")));
    item = cJSON_GetArrayItem(at(at(json, "generator"), "workers"), 1);
    ck_assert(number(item, "waited") == 0.5);
    ck_assert(number(item, "stalls") == 5);
    ck_assert_str_eq(string(item, "worker_id"), "a.2");
    cJSON_Delete(json);
}
END_TEST

START_TEST(all_metrics_together_and_what_is_notable_stand_in_the_file)
{
    const cJSON *all;
    cJSON *json;

    record_run();
    make();
    json = saved();
    all = at(json, "all_http");
    ck_assert(number(all, "requests") == (double)result.all_http.count);
    ms_verify(at(all, "latency_ms"), "p95", result.all_http.latency.p95_ns);
    ck_assert_int_eq(cJSON_GetArraySize(at(all, "notable")), 3);
    ck_assert_str_eq(cJSON_GetArrayItem(at(all, "notable"), 0)->valuestring, "HTTP_503");
    ck_assert(number(at(json, "all_steps"), "requests") == 3000);
    cJSON_Delete(json);
}
END_TEST

START_TEST(what_was_never_measured_is_null)
{
    const cJSON *latency;
    cJSON *json;

    lki_metric_record_simple(find(LKI_SOURCE_STEP, "", "s"), LKI_CODE_STEP_CANCELLED,
                             LKI_SAMPLE_CANCELLED, 0);
    lki_series_add(&series, &metrics, LKI_NS_PER_S, 1);
    make();
    json = saved();
    latency = at(cJSON_GetArrayItem(at(json, "metrics"), 0), "latency_ms");
    ck_assert_int_eq(cJSON_GetArraySize(latency), 9);
    ck_assert(cJSON_IsNull(at(latency, "p95")));
    ck_assert(cJSON_IsNull(at(cJSON_GetArrayItem(at(json, "series"), 0), "p95_ms")));
    cJSON_Delete(json);
}
END_TEST

START_TEST(any_text_makes_a_valid_file)
{
    cJSON *json;

    step_done("quote \" backslash \\ line\n gr\xc3\xb6\xc3\x9f"
              "e \xff\xc3",
              LKI_SAMPLE_OK, 5000);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "\x01\x80</script>", 1);
    make();
    lki_result_doubt(&result, LKI_RUN_INCOMPLETE, "\"\xed\xa0\x80");
    json = saved();
    ck_assert_str_eq(string(cJSON_GetArrayItem(at(json, "metrics"), 0), "name"),
                     "quote \" backslash \\ line\n gr\xc3\xb6\xc3\x9f"
                     "e \xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(string(at(json, "verdict"), "status"), "incomplete");
    ck_assert_str_eq(string(at(json, "verdict"), "failure"), "data was lost");
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_long_series_is_written_whole)
{
    cJSON *json;

    for (int t = 1; t <= 10000; t++)
        lki_series_add(&series, &metrics, t * LKI_NS_PER_S, 1);
    make();
    json = saved();
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "series")), 10000);
    cJSON_Delete(json);
}
END_TEST

START_TEST(an_existing_file_is_replaced_and_keeps_its_mode)
{
    struct stat status;
    FILE *file = fopen(path, "w");
    cJSON *json;

    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 10000; i++)
        fputs("old content ", file);
    fclose(file);
    ck_assert_int_eq(chmod(path, 0640), 0);
    make();
    json = saved();
    cJSON_Delete(json);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0640);
    ck_assert_uint_eq(files_in_dir(), 1);
}
END_TEST

START_TEST(a_new_file_obeys_the_umask)
{
    struct stat status;
    mode_t old = umask(027);

    make();
    save_ok();
    umask(old);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0640);
}
END_TEST

START_TEST(behind_a_symbolic_link_the_file_is_replaced)
{
    char link[PATH_BYTES];
    struct stat status;

    make();
    save_ok();
    snprintf(link, sizeof(link), "%s/link", dir);
    ck_assert_int_eq(symlink("result.json", link), 0);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(lki_result_save(&result, link, message, sizeof(message)), LK_OK);
    ck_assert_int_eq(lstat(link, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_gt(status.st_size, 100);
    ck_assert_int_eq(unlink(link), 0);
}
END_TEST

static void failure_verify(const char *where, const char *why)
{
    ck_assert_int_eq(lki_result_save(&result, where, message, sizeof(message)), LK_E_IO);
    ck_assert_msg(strstr(message, where) != NULL, "%s", message);
    ck_assert_msg(strstr(message, why) != NULL, "%s", message);
    ck_assert_ptr_null(strchr(message, '\n'));
}

START_TEST(a_path_that_cannot_be_written_is_named)
{
    char wrong[2 * PATH_BYTES];

    make();
    snprintf(wrong, sizeof(wrong), "%s/missing/result.json", dir);
    failure_verify(wrong, "No such file");
    failure_verify(dir, "Is a directory");
    save_ok();
    snprintf(wrong, sizeof(wrong), "%s/below", path);
    failure_verify(wrong, "Not a directory");
    failure_verify("", "No such file");
    snprintf(wrong, sizeof(wrong), "%s/two\nlines/result.json", dir);
    ck_assert_int_eq(lki_result_save(&result, wrong, message, sizeof(message)), LK_E_IO);
    ck_assert_ptr_null(strchr(message, '\n'));
    ck_assert_int_eq(lki_result_save(&result, wrong, message, 0), LK_E_IO);
    ck_assert_uint_eq(files_in_dir(), 1);
}
END_TEST

/* By the writer alone: no mistake in saving must ever come near a device, least of all as root. */
START_TEST(a_full_device_is_reported)
{
    FILE *full = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(full);
    make();
    ck_assert_int_eq(lki_result_write_json(&result, full), ENOSPC);
    fclose(full);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file_and_nothing_else)
{
    struct rlimit limit = {4096, RLIM_INFINITY};
    struct rlimit old;
    char *before;
    char *after;

    make();
    save_ok();
    before = text_of(path);
    lki_result_release(&result);
    for (int t = 1; t <= 1000; t++)
        lki_series_add(&series, &metrics, t * LKI_NS_PER_S, 1);
    make();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    failure_verify(path, "File too large");
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    after = text_of(path);
    ck_assert_str_eq(before, after);
    ck_assert_uint_eq(files_in_dir(), 1);
    free(before);
    free(after);
}
END_TEST

START_TEST(a_pipe_is_written_to_and_not_replaced)
{
    struct stat status;
    char text[64] = "";
    int reader;

    make();
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    save_ok();
    ck_assert_int_gt(read(reader, text, sizeof(text) - 1), 0);
    close(reader);
    ck_assert_ptr_nonnull(strstr(text, "\"schema\": \"loadkit.result/1\""));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
}
END_TEST

/* As with a mount point: at first there is no such file, then there is one. */
START_TEST(a_name_beside_which_no_other_can_be_is_written_directly)
{
    make();
    snprintf(path, sizeof(path), "%s/%0*d", dir, 250, 0);
    for (int i = 0; i < 2; i++) {
        cJSON_Delete(saved());
        ck_assert_int_eq(truncate(path, TEXT_BYTES), 0);
    }
    cJSON_Delete(saved());
    ck_assert_uint_eq(files_in_dir(), 1);
}
END_TEST

START_TEST(a_dash_is_standard_output)
{
    int saved_stdout = dup(STDOUT_FILENO);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    char *text;
    enum lk_err err;

    make();
    fflush(stdout);
    ck_assert_int_ge(dup2(file, STDOUT_FILENO), 0);
    err = lki_result_save(&result, "-", message, sizeof(message));
    ck_assert_int_ge(dup2(saved_stdout, STDOUT_FILENO), 0);
    close(file);
    close(saved_stdout);
    ck_assert_int_eq(err, LK_OK);
    text = text_of(path);
    ck_assert_int_eq(text[0], '{');
    ck_assert_ptr_nonnull(strstr(text, "\n}\n"));
    free(text);
}
END_TEST

static Suite *result_suite(void)
{
    Suite *suite = suite_create("result");
    TCase *made = tcase_create("made");
    TCase *judged = tcase_create("judged");
    TCase *json = tcase_create("json");
    TCase *save = tcase_create("save");

    tcase_add_checked_fixture(made, setup, teardown);
    tcase_add_test(made, a_result_holds_what_was_recorded);
    tcase_add_test(made, the_summary_is_that_of_the_histogram);
    tcase_add_test(made, all_requests_together_have_merged_percentiles);
    tcase_add_test(made, a_result_does_not_need_the_metrics_any_more);
    tcase_add_test(made, an_id_is_that_of_a_step_or_request_first);
    tcase_add_test(made, a_secret_is_masked_also_where_a_text_was_cut_in_it);
    tcase_add_loop_test(made, a_secret_is_masked_however_it_is_encoded, 0, LKI_COUNT(encoded));
    tcase_add_test(made, runs_have_ids_of_their_own);
    tcase_add_checked_fixture(judged, setup, teardown);
    tcase_add_test(judged, a_run_with_failing_requests_passes);
    tcase_add_test(judged, a_run_without_requests_passes);
    tcase_add_test(judged, a_run_in_which_nothing_was_done_fails);
    tcase_add_test(judged, a_run_without_any_response_fails);
    tcase_add_test(judged, a_run_that_lost_data_fails);
    tcase_add_test(judged, what_ran_out_of_memory_is_lost_data);
    tcase_add_test(judged, an_overflow_of_names_is_noted);
    tcase_add_test(judged, percentiles_of_seconds_that_lack_values_are_noted);
    tcase_add_test(judged, remarks_beyond_the_maximum_are_dropped);
    tcase_add_checked_fixture(json, setup, teardown);
    tcase_add_test(json, the_file_says_what_the_result_says);
    tcase_add_test(json, the_totals_of_the_file_have_their_keys);
    tcase_add_test(json, the_series_of_the_file_sums_to_its_totals);
    tcase_add_test(json, errors_and_phases_stand_in_the_file);
    tcase_add_test(json, numbers_in_the_file_are_exact_and_short);
    tcase_add_loop_test(json, milliseconds_are_exact_to_the_nanosecond, 0, 8);
    tcase_add_test(json, crashes_and_workers_stand_in_the_file);
    tcase_add_test(json, all_metrics_together_and_what_is_notable_stand_in_the_file);
    tcase_add_test(json, what_was_never_measured_is_null);
    tcase_add_test(json, any_text_makes_a_valid_file);
    tcase_add_test(json, a_long_series_is_written_whole);
    tcase_add_checked_fixture(save, setup, teardown);
    tcase_add_test(save, an_existing_file_is_replaced_and_keeps_its_mode);
    tcase_add_test(save, a_new_file_obeys_the_umask);
    tcase_add_test(save, behind_a_symbolic_link_the_file_is_replaced);
    tcase_add_test(save, a_path_that_cannot_be_written_is_named);
    tcase_add_test(save, a_full_device_is_reported);
    tcase_add_test(save, a_full_disk_leaves_the_old_file_and_nothing_else);
    tcase_add_test(save, a_pipe_is_written_to_and_not_replaced);
    tcase_add_test(save, a_name_beside_which_no_other_can_be_is_written_directly);
    tcase_add_test(save, a_dash_is_standard_output);
    suite_add_tcase(suite, made);
    suite_add_tcase(suite, judged);
    suite_add_tcase(suite, json);
    suite_add_tcase(suite, save);
    return suite;
}

int main(void)
{
    return suite_run(result_suite());
}
