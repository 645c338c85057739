/* Results read back: what was written is reported and written again as it was, and what is no
 * result is refused in one line that says where. */
#include "result/load.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "report/compare.h"
#include "report/text.h"
#include "result/json.h"
#include "result/verdict.h"
#include "stats/example.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_series series;
static struct lki_arrival_log arrivals;
static struct lki_probe_log probe;
static struct lki_result result;
static struct lki_result loaded;
static struct lki_buf why;
static char *json;
static size_t json_len;

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "size"}, .type = LK_TREND, .unit = "kB"},
    {.def = {.name = "sold"}, .type = LK_COUNTER},
    {.def = {.name = "level"}, .type = LK_GAUGE},
    {.def = {.name = "hits"}, .type = LK_RATE},
    {.def = {.name = "never"}, .type = LK_GAUGE},
};

static const char *const frames[] = {"lk_step_demo_login (shop.c:41)", "start \"main\""};
static const struct lki_result_crash crashes[] = {
    {.worker = 2,
     .user = 17,
     .step = "login",
     .what = "segmentation fault",
     .at_ns = 3200000001,
     .retired = true,
     .frames = frames,
     .frame_count = LKI_COUNT(frames)},
    {.worker = 1,
     .worker_id = "a.1",
     .step = "",
     .what = "vanished",
     .at_ns = 4000000000,
     .silent_ns = 5000000001,
     .goes_on_ns = 66000000002},
};
static const struct lki_result_health health[] = {
    {.worker_id = "a.1",
     .span_ns = 10000000007,
     .busy_ns = 2123456789,
     .waited_ns = 123456789,
     .busiest_ns = 2345678,
     .turns = 12345,
     .descriptors = 70},
    {.span_ns = 10000000007,
     .busy_ns = 9123456789,
     .waited_ns = -1,
     .busiest_ns = 250000001,
     .stalls = 3,
     .overflowed = 1,
     .abandoned = 2},
};

static struct lki_result_settings settings = {
    .program = "shop \"1\"",
    .seed = UINT64_MAX,
    .started_at_s = 1718100000,
    .duration_ns = INT64_C(10123456789),
    .users = 20,
    .workers = 2,
    .ended_by = "duration",
    .command = "shop -u 20 --seed 18446744073709551615",
    .probe_count = 1,
    .crashes = crashes,
    .crash_count = LKI_COUNT(crashes),
    .health = health,
    .health_count = LKI_COUNT(health),
    .requests_lost = 4,
    .seconds_lost = 1,
};

static void setup(void)
{
    const struct lk_metric_def *defs[LKI_COUNT(metric_defs)];

    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++)
        defs[i] = &metric_defs[i];
    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_customs_init(&metrics.customs, defs, LKI_COUNT(defs)), LK_OK);
    ck_assert_int_eq(lki_series_init(&series, 0), LK_OK);
    probe = (struct lki_probe_log){.name = "queue.depth"};
    arrivals = (struct lki_arrival_log){.rate_per_s = 33.3};
    settings.probes = &probe;
    settings.arrivals = &arrivals;
    lki_buf_init(&why, 4096);
}

static void teardown(void)
{
    free(json);
    json = NULL;
    lki_buf_release(&why);
    lki_result_release(&loaded);
    lki_result_release(&result);
    lki_probe_log_release(&probe);
    lki_arrivals_release(&arrivals);
    lki_series_release(&series);
    lki_metrics_release(&metrics);
}

/* ---- something of everything */

static struct lki_metric *find(enum lki_source source, const char *step, const char *name)
{
    return lki_metrics_find(&metrics, source, step, name, strlen(name));
}

static void request(const char *name, lki_code code, enum lki_verdict verdict, int64_t ns,
                    const char *answer, const char *body)
{
    static const char line[] = "GET /q?x=1 HTTP/1.1";
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "login", name);
    uint16_t codes = lki_metric_codes(metric);
    struct lki_sample sample = {.code = code,
                                .verdict = verdict,
                                .latency_ns = ns,
                                .late_ns = ns / 3,
                                .bytes_sent = 101,
                                .bytes_received = 1003,
                                .phase_ns = {-1, codes ? -1 : 12345, -1, 2001, ns - 7777, 301}};

    lki_metric_record(metric, &sample);
    if (lki_metric_codes(metric) != codes)
        lki_metrics_example(&metrics, metric, code, (struct lki_example_part){line, strlen(line)},
                            (struct lki_example_part){answer, strlen(answer)},
                            (struct lki_example_part){body, strlen(body)});
}

static void record_requests(void)
{
    struct lki_rng rng = {5};

    for (int i = 0; i < 2000; i++) {
        int64_t ns = 10000 + (int64_t)lki_rng_below(&rng, 90000000);

        request(i % 3 ? "GET /q" : "GET /\xc3\xa4/{id}", i % 40 ? 200 : 503,
                i % 40 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR, ns,
                i % 40 ? "HTTP/1.1 200 OK" : "HTTP/1.1 503 Busy", "{\"a\":\n\xff 1}");
        metrics.totals->iterations++;
        lki_metric_record_simple(find(LKI_SOURCE_STEP, "", "login"),
                                 i % 40 ? LKI_CODE_STEP_OK : LKI_CODE_STEP_FAILED,
                                 i % 40 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR, ns + 5001);
        lki_metric_record_late(find(LKI_SOURCE_STEP, "", "login"), 3 * ns);
        lki_arrival_start(&arrivals, ns / 5);
    }
    request("GET /q", LKI_CODE_HTTP_RESET, LKI_SAMPLE_ERROR, 55555, "reset by peer", "");
    request("GET /q", LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 0, "cut off", "");
    lki_metrics_error(&metrics, LKI_SOURCE_HTTP, "login", LKI_CODE_HTTP_RESET, "reset by peer", 3);
    for (int i = 0; i < 50; i++)
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED, "HTTP 503", 7);
    arrivals.intended = 2003;
    arrivals.dropped = 3;
    metrics.totals->http_unsent = 1;
    metrics.totals->http_retries = 2;
}

static void record_author(void)
{
    static const char *const customs[] = {"size", "sold", "level", "hits"};
    struct lki_metric *call = lki_metrics_find_emitted(&metrics, "login", "call", "http",
                                                       "connect");
    const struct lk_value readings[] = {{.kind = LK_VALUE_INT, .as.integer = -7},
                                        {.kind = LK_VALUE_DOUBLE, .as.number = 2.25},
                                        {.kind = LK_VALUE_BOOL, .as.truth = true},
                                        {.kind = LK_VALUE_STRING, .as.string = "\"x\""},
                                        {.kind = LK_VALUE_UINT, .as.natural = UINT64_MAX},
                                        {.kind = LK_VALUE_DOUBLE, .as.number = 1e300}};

    for (int i = 0; i < 30; i++) {
        lki_metric_record_simple(call, lki_metrics_code(&metrics, "BUSY", "overload"),
                                 LKI_SAMPLE_ERROR, 5000 + i);
        lki_metric_record_simple(call, lki_metrics_code(&metrics, "FINE", "ok"), LKI_SAMPLE_OK,
                                 6000 + i);
        lki_metric_count(find(LKI_SOURCE_CHECK, "login", "it is there"),
                         i % 3 ? LKI_CODE_CHECK_OK : LKI_CODE_CHECK_FAILED,
                         i % 3 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR);
        for (size_t c = 0; c < LKI_COUNT(customs); c++)
            lki_custom_record(lki_customs_find(&metrics.customs, customs[c]), i * 1.1, i);
    }
    lki_metric_record_simple(find(LKI_SOURCE_LIFECYCLE, "", "on_start"), LKI_CODE_LIFECYCLE_FAILED,
                             LKI_SAMPLE_ERROR, 1000000);
    for (size_t i = 0; i < LKI_COUNT(readings); i++)
        lki_probe_log_add(&probe, (int64_t)i * 333333333, &readings[i]);
    lki_probe_log_add(&probe, 5 * LKI_NS_PER_S, NULL);
}

static char *json_of(const struct lki_result *from, size_t *len)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, len);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(lki_result_write_json(from, file), 0);
    fclose(file);
    return text;
}

static char *report_of(const struct lki_result *from, bool colour, int columns)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(file);
    lki_report_text(from, file, colour, columns);
    fclose(file);
    return text;
}

static void make(void)
{
    record_requests();
    record_author();
    for (int s = 1; s <= 3; s++) {
        lki_series_add(&series, &metrics, s * LKI_NS_PER_S + s, 20);
        lki_metrics_fold(&metrics);
    }
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, &series), LK_OK);
    lki_result_judge(&result, &(struct lki_judged){.tear_down_failure = "no \"luck\"\n"});
    json = json_of(&result, &json_len);
}

static enum lk_err read_text(const char *text, size_t len)
{
    lki_result_release(&loaded);
    lki_buf_clear(&why);
    return lki_result_read(&loaded, text, len, &why);
}

static void load(void)
{
    enum lk_err err = read_text(json, json_len);

    ck_assert_msg(!err, "%s", lki_buf_cstr(&why));
}

/* ---- the same again */

/* Texts that are too long to be shown whole. */
static void same(const char *want, const char *got)
{
    size_t at = 0;

    while (want[at] && want[at] == got[at])
        at++;
    ck_assert_msg(want[at] == got[at], "at %zu: %.300s\nand not: %.300s", at,
                  &got[at > 60 ? at - 60 : 0], &want[at > 60 ? at - 60 : 0]);
}

START_TEST(a_loaded_result_is_reported_as_the_run_was)
{
    make();
    load();
    for (int columns = 40; columns < 200; columns += 20) {
        char *before = report_of(&result, columns % 40, columns);
        char *after = report_of(&loaded, columns % 40, columns);

        same(before, after);
        ck_assert_ptr_nonnull(strstr(before, "queue.depth"));
        ck_assert_ptr_nonnull(strstr(before, "shop.c:41"));
        free(before);
        free(after);
    }
}
END_TEST

START_TEST(a_loaded_result_is_written_as_it_was)
{
    size_t len;
    char *again;

    make();
    load();
    again = json_of(&loaded, &len);
    same(again, json);
    free(again);
}
END_TEST

START_TEST(a_run_with_nothing_in_it_is_loaded_too)
{
    size_t len;
    char *again;

    ck_assert_int_eq(lki_result_init(&result, &(struct lki_result_settings){0}, &metrics, NULL),
                     LK_OK);
    json = json_of(&result, &json_len);
    load();
    again = json_of(&loaded, &len);
    same(again, json);
    free(again);
    ck_assert_int_eq(lki_result_exit_status(&loaded), LKI_EXIT_FAILED);
}
END_TEST

/* Other tools write numbers in their own way, and add what they like. */
/* Of which only the totals are left, by the pages of workers. */
START_TEST(a_run_of_which_all_died_is_reported_as_it_was)
{
    char *before;
    char *after;

    metrics.totals->http_requests = metrics.totals->http_sent = 3;
    ck_assert_int_eq(lki_result_init(&result, &(struct lki_result_settings){0}, &metrics, NULL),
                     LK_OK);
    json = json_of(&result, &json_len);
    load();
    before = report_of(&result, false, 80);
    after = report_of(&loaded, false, 80);
    same(before, after);
    ck_assert_ptr_nonnull(strstr(after, "died with its workers"));
    free(before);
    free(after);
}
END_TEST

START_TEST(a_file_that_other_tools_have_rewritten_is_read)
{
    struct lki_buf text;

    make();
    lki_buf_init(&text, 1 << 20);
    for (const char *at = json; *at; at++) {
        static const char duration[] = "\"duration_s\":10.123456789";

        if (!strncmp(at, duration, strlen(duration))) {
            lki_buf_str(&text, "\"duration\\u005fs\" : 7, \"dur\":[{}], \"duration_s\" : 1.05e1");
            at += strlen(duration) - 1;
        } else {
            lki_buf_char(&text, *at);
            if (*at == ',' && at[1] == '\n')
                lki_buf_str(&text, " \r\n\t ");
        }
    }
    ck_assert_int_eq(read_text(text.data, text.len), LK_OK);
    ck_assert_int_eq(loaded.duration_ns, 10500000000);
    ck_assert_uint_eq(loaded.seed, UINT64_MAX);
    ck_assert_uint_eq(loaded.metric_count, result.metric_count);
    lki_buf_release(&text);
}
END_TEST

START_TEST(a_file_of_when_workers_had_no_ids_is_read)
{
    static const char id[] = "\"worker_id\":";
    struct lki_buf text;
    char *report;

    make();
    lki_buf_init(&text, 1 << 20);
    for (const char *at = json; *at; at++) {
        if (!strncmp(at, id, strlen(id)))
            at = strchr(at, ',');
        else
            lki_buf_char(&text, *at);
    }
    ck_assert_int_eq(read_text(text.data, text.len), LK_OK);
    report = report_of(&loaded, false, 80);
    ck_assert_ptr_nonnull(strstr(report, "\n  worker 1, at 4.00s: vanished"));
    free(report);
    lki_buf_release(&text);
}
END_TEST

/* ---- what is wrong */

static const struct {
    const char *from; /* in a right file */
    const char *to;
    const char *what;
} wrong[] = {
    {"loadkit.result/1", "loadkit.result/2",
     "its schema is \"loadkit.result/2\", not \"loadkit.result/1\": another version, or another "
     "program, wrote it"},
    {"\"schema\"", "\"scheme\"", "it has no \"schema\", so it is no result of loadkit"},
    {"\"schema\": \"loadkit.result/1\"", "\"schema\": 1",
     "it has no \"schema\", so it is no result of loadkit"},
    {"\"totals\"", "\"total\"", "there is no \"totals\""},
    {"\"seed\":18446744073709551615", "\"seed\":18446744073709551616",
     "run.seed: a whole number from 0 to 18446744073709551615 was expected here"},
    {"\"seed\":18446744073709551615", "\"seed\":-1",
     "run.seed: a whole number from 0 to 18446744073709551615 was expected here"},
    {"\"seed\":18446744073709551615", "\"seed\":1e99999",
     "run.seed: a whole number from 0 to 18446744073709551615 was expected here"},
    {"\"users\":20,\"workers\"", "\"users\":1.5,\"workers\"",
     "run.users: a whole number from 0 to 18446744073709551615 was expected here"},
    {"\"users\":20,\"workers\"", "\"users\":[],\"workers\"",
     "run.users: a number was expected here"},
    {"\"users\":20,\"workers\"", "\"workers\"", "run: there is no \"users\""},
    {"\"duration_s\":10.123456789", "\"duration_s\":1e300", "run.duration_s: no time is so long"},
    {"\"duration_s\":10.123456789", "\"duration_s\":null",
     "run.duration_s: a number was expected here"},
    {"\"status\":\"incomplete\"", "\"status\":\"splendid\"",
     "verdict.status: no verdict is called that"},
    {"\"reasons\":[", "\"reasons\":[{},", "verdict.reasons.0: a string was expected here"},
    {"\"metrics\": [", "\"metrics\": [7,", "metrics.0: an object was expected here"},
    {"\"codes\":{\"HTTP_200\":", "\"codes\":{\"HTTP_200\":-",
     "all_http.codes.HTTP_200: a whole number from 0 to 18446744073709551615 was expected here"},
    {"\"codes\":{", "\"codes\":[],\"c\":{", "all_http.codes: an object was expected here"},
    {"\"errors\": [", "\"errors\": [{\"source\":\"moon\"},",
     "errors.0.source: no source is called that"},
    {"\"metric\":\"login/GET /q\"", "\"metric\":\"login\"",
     "examples.5.metric: there is no such metric, or not behind the one before"},
    {"\"type\":\"trend\"", "\"type\":\"fashion\"",
     "custom.0.type: no type of metric is called that"},
    {"\"t\":0", "\"t\":4294967296",
     "series.0.t: a whole number from 0 to 4294967295 was expected here"},
    {"\"retired\":true", "\"retired\":\"true\"",
     "crashes.0.retired: true or false was expected here"},
    {"\"last\":1", "\"last\":[1", "it is not JSON"},
    {"\"run\"", "\"r\xff\"", "it is not JSON"},
};

START_TEST(what_is_wrong_is_said_with_its_place)
{
    const char *at;
    struct lki_buf text;

    make();
    at = strstr(json, wrong[_i].from);
    ck_assert_msg(at != NULL, "no %s in %s", wrong[_i].from, json);
    lki_buf_init(&text, 1 << 20);
    lki_buf_append(&text, json, (size_t)(at - json));
    lki_buf_str(&text, wrong[_i].to);
    lki_buf_str(&text, at + strlen(wrong[_i].from));
    ck_assert_int_eq(read_text(text.data, text.len), LK_E_FORMAT);
    if (strncmp(wrong[_i].what, "examples.", 9) != 0)
        ck_assert_str_eq(lki_buf_cstr(&why), wrong[_i].what);
    else
        ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "there is no such metric"));
    lki_buf_release(&text);
}
END_TEST

START_TEST(a_file_that_breaks_off_is_told_from_one_that_does_not)
{
    make();
    for (size_t len = 0; len < json_len - 1; len += len < 3000 ? 1 : 97) {
        char *part = malloc(len + !len);

        ck_assert_ptr_nonnull(part);
        memcpy(part, json, len);
        ck_assert_int_eq(read_text(part, len), LK_E_FORMAT);
        ck_assert_ptr_null(strchr(lki_buf_cstr(&why), '\n'));
        free(part);
    }
    read_text(json, 100);
    ck_assert_str_eq(lki_buf_cstr(&why),
                     "it breaks off: it was not written, or not copied, to its end");
    read_text(json, 0);
    ck_assert_str_eq(lki_buf_cstr(&why), "it is empty");
    read_text("hello", 5);
    ck_assert_str_eq(lki_buf_cstr(&why), "it is not JSON");
    read_text("[]", 2);
    ck_assert_str_eq(lki_buf_cstr(&why), "it has no \"schema\", so it is no result of loadkit");
}
END_TEST

START_TEST(a_file_is_named_when_it_cannot_be_read)
{
    const char *base = getenv("TMPDIR");
    char path[600];
    FILE *file;
    int fd;

    snprintf(path, sizeof(path), "%s/loadkit-load.XXXXXX", base ? base : "/tmp");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    make();
    ck_assert_int_eq(lki_result_write_json(&result, file), 0);
    fclose(file);
    ck_assert_int_eq(lki_result_load(&loaded, path, &why), LK_OK);
    ck_assert_uint_eq(why.len, 0);
    ck_assert_uint_eq(loaded.metric_count, result.metric_count);
    lki_result_release(&loaded);
    ck_assert_int_eq(truncate(path, 200), 0);
    ck_assert_int_eq(lki_result_load(&loaded, path, &why), LK_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), path));
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), ": it breaks off"));
    unlink(path);
    lki_buf_clear(&why);
    ck_assert_int_eq(lki_result_load(&loaded, "/no/\nsuch", &why), LK_E_IO);
    ck_assert_str_eq(lki_buf_cstr(&why),
                     "cannot read the result from /no/?such: No such file or directory; name a "
                     "file that --json wrote");
    lki_buf_clear(&why);
    ck_assert_int_eq(lki_result_load(&loaded, "/", &why), LK_E_IO);
    ck_assert_str_eq(lki_buf_cstr(&why), "cannot read the result from /: Is a directory; name a "
                                         "file that --json wrote");
}
END_TEST

/* ---- two of them */

/* Of spaces no more than one: how wide columns are is of no interest here. */
static char *comparison(const struct lki_result *before, const struct lki_result *after)
{
    char *text = NULL;
    char *to;
    size_t len;
    struct lki_paper paper = {.columns = 80};

    paper.out = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(paper.out);
    lki_report_compare(before, after, &paper);
    fclose(paper.out);
    to = text;
    for (const char *at = text; *at; at++) {
        if (*at != ' ' || at[1] != ' ')
            *to++ = *at;
    }
    *to = '\0';
    return text;
}

START_TEST(two_results_stand_side_by_side)
{
    char *text;

    make();
    load();
    loaded.metrics[0].latency.p95_ns = 2 * result.metrics[0].latency.p95_ns;
    loaded.metrics[0].errors = 0;
    loaded.metrics[0].name = loaded.metrics[0].id = "other";
    text = comparison(&result, &loaded);
    ck_assert_ptr_nonnull(strstr(text, "before 2024-06-11T10:00:00Z, shop \"1\", 20 users"));
    ck_assert_ptr_nonnull(strstr(text, "\n FAILED: the scenario crashed (incomplete)\n"));
    ck_assert_ptr_nonnull(strstr(text, "p95"));
    ck_assert_ptr_nonnull(strstr(text, "\n all requests\n before "));
    ck_assert_ptr_nonnull(strstr(text, "\n other\n before - - - - - -\n after "));
    free(text);
    loaded.metrics[0].id = result.metrics[0].id;
    text = comparison(&result, &loaded);
    ck_assert_ptr_null(strstr(text, "other"));
    ck_assert_ptr_nonnull(strstr(text, "\n change +100% -"));
    free(text);
}
END_TEST

static Suite *load_suite(void)
{
    Suite *suite = suite_create("load");
    TCase *right = tcase_create("right");
    TCase *bad = tcase_create("wrong");

    tcase_add_checked_fixture(right, setup, teardown);
    tcase_add_test(right, a_loaded_result_is_reported_as_the_run_was);
    tcase_add_test(right, a_loaded_result_is_written_as_it_was);
    tcase_add_test(right, a_run_with_nothing_in_it_is_loaded_too);
    tcase_add_test(right, a_run_of_which_all_died_is_reported_as_it_was);
    tcase_add_test(right, a_file_that_other_tools_have_rewritten_is_read);
    tcase_add_test(right, a_file_of_when_workers_had_no_ids_is_read);
    tcase_add_test(right, two_results_stand_side_by_side);
    tcase_add_checked_fixture(bad, setup, teardown);
    tcase_add_loop_test(bad, what_is_wrong_is_said_with_its_place, 0, LKI_COUNT(wrong));
    tcase_add_test(bad, a_file_that_breaks_off_is_told_from_one_that_does_not);
    tcase_add_test(bad, a_file_is_named_when_it_cannot_be_read);
    suite_add_tcase(suite, right);
    suite_add_tcase(suite, bad);
    return suite;
}

int main(void)
{
    return suite_run(load_suite());
}
