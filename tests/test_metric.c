/* Metrics of a worker: samples, codes, folding, error groups, and the caps on all of them. */
#include "stats/metric.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/example.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_clock fake_clock;

static void setup(void)
{
    lki_metrics_init(&metrics, 0, 0);
    fake_clock = (struct lki_clock){.fake = true, .fake_ns = 5 * LKI_NS_PER_S};
    lki_metrics_start(&metrics, &fake_clock, 5 * LKI_NS_PER_S);
}

static void teardown(void)
{
    lki_metrics_release(&metrics);
}

static struct lki_metric *find(enum lki_source source, const char *step, const char *name)
{
    return lki_metrics_find(&metrics, source, step, name, strlen(name));
}

static void record(struct lki_metric *metric, lki_code code, enum lki_verdict verdict,
                   int64_t latency_ns)
{
    struct lki_sample sample = {.code = code,
                                .verdict = verdict,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .bytes_sent = 100,
                                .bytes_received = 1000,
                                .phase_ns = {-1, -1, -1, 2000, latency_ns, 3000}};

    lki_metric_record(metric, &sample);
}

START_TEST(a_status_is_its_own_code_and_name)
{
    char name[32];

    for (int status = 100; status <= 999; status++) {
        snprintf(name, sizeof(name), "HTTP_%d", status);
        ck_assert_str_eq(lki_code_name(LKI_CODE_HTTP(status)), name);
        ck_assert(lki_code_is_response(LKI_CODE_HTTP(status)));
        ck_assert_int_eq(lki_code_is_plain(LKI_CODE_HTTP(status)),
                         status / 100 == 2 || status == 101);
    }
}
END_TEST

START_TEST(other_codes_have_the_names_of_their_enumerators)
{
    ck_assert_int_eq(LKI_CODE_HTTP_TIMEOUT, 1000);
    ck_assert_str_eq(lki_code_name(LKI_CODE_HTTP_TIMEOUT), "HTTP_TIMEOUT");
    ck_assert_str_eq(lki_code_name(LKI_CODE_HTTP_NO_PORTS), "HTTP_NO_PORTS");
    ck_assert_str_eq(lki_code_name(LKI_CODE_STEP_OK), "STEP_OK");
    ck_assert_str_eq(lki_code_name(LKI_CODE_METRIC_FAILED), "METRIC_FAILED");
    ck_assert_str_eq(lki_code_name(LKI_CODE_END), "UNKNOWN");
    ck_assert_str_eq(lki_code_name(0), "UNKNOWN");
    ck_assert_str_eq(lki_code_name(99), "UNKNOWN");
    for (int i = LKI_CODE_OTHER_FIRST; i < LKI_CODE_END; i++) {
        lki_code code = (lki_code)i;
        const char *name = lki_code_name(code);

        ck_assert_str_ne(name, "UNKNOWN");
        ck_assert(!lki_code_is_response(code));
        ck_assert_int_eq(lki_code_is_plain(code),
                         strlen(name) > 3 && !strcmp(name + strlen(name) - 3, "_OK"));
    }
}
END_TEST

START_TEST(sources_and_phases_have_names)
{
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_STEP), "step");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_HTTP), "http");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_LIFECYCLE), "lifecycle");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_CUSTOM), "custom");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_WEBSOCKET), "websocket");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_JSONRPC), "jsonrpc");
    ck_assert_str_eq(lki_source_name(LKI_SOURCE_CHECK), "check");
    ck_assert_str_eq(lki_phase_name(LKI_PHASE_LOOKUP), "lookup");
    ck_assert_str_eq(lki_phase_name(LKI_PHASE_RECEIVE), "receive");
}
END_TEST

START_TEST(a_metric_is_found_again_by_source_step_and_name)
{
    struct lki_metric *login = find(LKI_SOURCE_HTTP, "login", "POST /auth");

    ck_assert_ptr_eq(find(LKI_SOURCE_HTTP, "login", "POST /auth"), login);
    ck_assert_ptr_ne(find(LKI_SOURCE_HTTP, "catalog", "POST /auth"), login);
    ck_assert_ptr_ne(find(LKI_SOURCE_HTTP, "login", "POST /auths"), login);
    ck_assert_ptr_ne(find(LKI_SOURCE_CUSTOM, "login", "POST /auth"), login);
    ck_assert_ptr_ne(find(LKI_SOURCE_HTTP, "", "POST /auth"), login);
    /* no separator is ambiguous */
    ck_assert_ptr_ne(find(LKI_SOURCE_HTTP, "a", "b/c"), find(LKI_SOURCE_HTTP, "a/b", "c"));
    /* the name need not be terminated */
    ck_assert_ptr_eq(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "login", "POST /auth/more", 10),
                     login);
    ck_assert_uint_eq(metrics.count, 7);
}
END_TEST

START_TEST(an_id_names_the_step_of_a_request)
{
    struct lki_metric *inside = find(LKI_SOURCE_HTTP, "login", "POST /auth");
    struct lki_metric *outside = find(LKI_SOURCE_HTTP, "", "GET /");
    struct lki_metric *step = find(LKI_SOURCE_STEP, "login", "login");

    ck_assert_str_eq(inside->id, "login/POST /auth");
    ck_assert_str_eq(inside->name, "POST /auth");
    ck_assert_str_eq(inside->step, "login");
    ck_assert_int_eq(inside->source, LKI_SOURCE_HTTP);
    ck_assert_str_eq(outside->id, "GET /");
    ck_assert_str_eq(outside->name, "GET /");
    ck_assert_str_eq(outside->step, "");
    ck_assert_str_eq(step->id, "login");
    ck_assert_str_eq(step->name, "login");
    ck_assert_str_eq(find(LKI_SOURCE_CHECK, "login", "sums")->id, "login/sums");
    ck_assert_str_eq(find(LKI_SOURCE_LIFECYCLE, "", "on_stop")->id, "on_stop");
    ck_assert_str_eq(step->kind, "step");
    ck_assert_str_eq(inside->kind, "http");
    ck_assert_str_eq(inside->stage, "");
}
END_TEST

START_TEST(emitted_samples_are_told_apart_by_kind_and_stage)
{
    struct lki_metric *call = lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "connect");

    ck_assert_str_eq(call->id, "s/call");
    ck_assert_str_eq(call->name, "call");
    ck_assert_str_eq(call->step, "s");
    ck_assert_str_eq(call->kind, "grpc");
    ck_assert_str_eq(call->stage, "connect");
    ck_assert_int_eq(call->source, LKI_SOURCE_CUSTOM);
    ck_assert_ptr_eq(lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "connect"), call);
    ck_assert_ptr_ne(lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "execute"), call);
    ck_assert_ptr_ne(lki_metrics_find_emitted(&metrics, "s", "call", "sql", "connect"), call);
    ck_assert_ptr_ne(lki_metrics_find_emitted(&metrics, "", "call", "grpc", "connect"), call);
    ck_assert_str_eq(lki_metrics_find_emitted(&metrics, "", "call", "grpc", "connect")->id, "call");
    ck_assert_uint_eq(metrics.count, 4);
}
END_TEST

START_TEST(long_names_are_cut_between_characters)
{
    char name[LKI_METRIC_NAME_MAX + 100];
    struct lki_metric *metric;

    memset(name, 'x', sizeof(name));
    /* a character of three bytes, of which two would fit */
    memcpy(name + LKI_METRIC_NAME_MAX - 2, "\xe2\x82\xac", 3);
    metric = lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", name, sizeof(name));
    ck_assert_uint_eq(strlen(metric->name), LKI_METRIC_NAME_MAX - 2);
    ck_assert_ptr_eq(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", name, sizeof(name) - 50),
                     metric);
    /* one that fits to the last byte stays */
    memcpy(name + LKI_METRIC_NAME_MAX - 3, "\xe2\x82\xac", 3);
    metric = lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", name, LKI_METRIC_NAME_MAX);
    ck_assert_uint_eq(strlen(metric->name), LKI_METRIC_NAME_MAX);
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    metric = lki_metrics_find(&metrics, LKI_SOURCE_HTTP, name, "GET /", 5);
    ck_assert_uint_eq(strlen(metric->step), LKI_METRIC_NAME_MAX);
    ck_assert_str_eq(metric->name, "GET /");
}
END_TEST

START_TEST(metrics_stand_in_the_order_of_first_use)
{
    static const char *const names[] = {"zebra", "ape", "mouse", "bee"};
    struct lki_metric *metric;
    size_t i = 0;

    for (i = 0; i < LKI_COUNT(names); i++)
        find(LKI_SOURCE_STEP, "", names[i]);
    find(LKI_SOURCE_STEP, "", names[2]);
    i = 0;
    for (metric = metrics.first; metric; metric = metric->next)
        ck_assert_str_eq(metric->name, names[i++]);
    ck_assert_uint_eq(i, LKI_COUNT(names));
}
END_TEST

START_TEST(beyond_the_cap_samples_go_to_the_overflow_of_their_source)
{
    struct lki_metric *http;
    struct lki_metric *step;
    char name[32];

    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 3, 0);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "GET /%d", i);
        record(find(LKI_SOURCE_HTTP, "", name), 200, LKI_SAMPLE_OK, 1000000);
    }
    ck_assert_uint_eq(metrics.overflowed, 0);
    http = find(LKI_SOURCE_HTTP, "s", "GET /one");
    step = find(LKI_SOURCE_STEP, "", "s");
    ck_assert_str_eq(http->name, LKI_METRIC_OVERFLOW_NAME);
    ck_assert_str_eq(http->id, LKI_METRIC_OVERFLOW_NAME);
    ck_assert_str_eq(http->step, "");
    ck_assert_int_eq(http->source, LKI_SOURCE_HTTP);
    ck_assert_int_eq(step->source, LKI_SOURCE_STEP);
    ck_assert_ptr_ne(http, step);
    ck_assert_ptr_eq(find(LKI_SOURCE_HTTP, "t", "GET /two"), http);
    /* the old ones are still found */
    ck_assert_str_eq(find(LKI_SOURCE_HTTP, "", "GET /2")->name, "GET /2");
    ck_assert_uint_eq(metrics.overflowed, 3);
    ck_assert_uint_eq(metrics.count, 3);
    ck_assert_ptr_eq(metrics.last, step);
    ck_assert_ptr_null(step->next);
    record(http, 200, LKI_SAMPLE_OK, 1000000);
    lki_metrics_fold(&metrics);
    ck_assert_uint_eq(http->total.count, 1);
    ck_assert_uint_eq(metrics.totals->http_requests, 4);
}
END_TEST

START_TEST(an_unused_overflow_metric_is_not_listed)
{
    ck_assert_ptr_null(metrics.first);
    find(LKI_SOURCE_STEP, "", "s");
    ck_assert_ptr_null(metrics.first->next);
}
END_TEST

START_TEST(a_good_sample_counts_in_all_its_places)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "login", "POST /auth");
    struct lki_sample sample = {.code = 201,
                                .verdict = LKI_SAMPLE_OK,
                                .latency_ns = 7000000,
                                .late_ns = -1,
                                .bytes_sent = 11,
                                .bytes_received = 22,
                                .phase_ns = {-1, 1000000, -1, 0, 5000000, 40000}};
    const struct lki_tally *second = &metric->second;

    lki_metric_record(metric, &sample);
    ck_assert_uint_eq(second->count, 1);
    ck_assert_uint_eq(second->errors, 0);
    ck_assert_uint_eq(second->cancelled, 0);
    ck_assert_uint_eq(second->bytes_sent, 11);
    ck_assert_uint_eq(second->bytes_received, 22);
    ck_assert_uint_eq(lki_codes_get(&second->codes, 201), 1);
    ck_assert_uint_eq(second->latency.count, 1);
    ck_assert_int_eq(second->latency.max, 7000000);
    ck_assert_uint_eq(second->phases[LKI_PHASE_LOOKUP].count, 0);
    ck_assert_int_eq(second->phases[LKI_PHASE_CONNECT].max, 1000000);
    ck_assert_uint_eq(second->phases[LKI_PHASE_TLS].count, 0);
    /* a phase that took no measurable time did happen */
    ck_assert_uint_eq(second->phases[LKI_PHASE_SEND].count, 1);
    ck_assert_int_eq(second->phases[LKI_PHASE_WAIT].max, 5000000);
    ck_assert_int_eq(second->phases[LKI_PHASE_RECEIVE].max, 40000);
    ck_assert_uint_eq(metrics.totals->http_requests, 1);
    ck_assert_uint_eq(metrics.totals->http_errors, 0);
    ck_assert_uint_eq(metrics.totals->bytes_sent, 11);
    ck_assert_uint_eq(metrics.totals->bytes_received, 22);
    ck_assert_uint_eq(metrics.totals->steps, 0);
}
END_TEST

START_TEST(a_failed_sample_is_an_error_and_has_its_latency)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "", "GET /");

    record(metric, LKI_CODE_HTTP_TIMEOUT, LKI_SAMPLE_ERROR, 30 * LKI_NS_PER_S);
    ck_assert_uint_eq(metric->second.count, 1);
    ck_assert_uint_eq(metric->second.errors, 1);
    ck_assert_uint_eq(lki_codes_get(&metric->second.codes, LKI_CODE_HTTP_TIMEOUT), 1);
    ck_assert_int_eq(metric->second.latency.max, 30 * LKI_NS_PER_S);
    ck_assert_uint_eq(metrics.totals->http_requests, 1);
    ck_assert_uint_eq(metrics.totals->http_errors, 1);
}
END_TEST

START_TEST(a_cancelled_sample_is_counted_but_is_neither_error_nor_latency)
{
    struct lki_metric *http = find(LKI_SOURCE_HTTP, "", "GET /");
    struct lki_metric *step = find(LKI_SOURCE_STEP, "", "s");

    record(http, LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 1000000);
    lki_metric_record_simple(step, LKI_CODE_STEP_CANCELLED, LKI_SAMPLE_CANCELLED, 1000000);
    ck_assert_uint_eq(http->second.count, 1);
    ck_assert_uint_eq(http->second.cancelled, 1);
    ck_assert_uint_eq(http->second.errors, 0);
    ck_assert_uint_eq(http->second.latency.count, 0);
    ck_assert_uint_eq(http->second.bytes_sent, 100);
    ck_assert_uint_eq(lki_codes_get(&http->second.codes, LKI_CODE_HTTP_CANCELLED), 1);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        ck_assert_uint_eq(http->second.phases[p].count, 0);
    ck_assert_uint_eq(step->second.cancelled, 1);
    ck_assert_uint_eq(step->second.latency.count, 0);
    ck_assert_uint_eq(metrics.totals->http_requests, 1);
    ck_assert_uint_eq(metrics.totals->http_errors, 0);
    ck_assert_uint_eq(metrics.totals->steps, 1);
    ck_assert_uint_eq(metrics.totals->step_errors, 0);
}
END_TEST

static void record_late(struct lki_metric *metric, enum lki_verdict verdict, int64_t late_ns)
{
    struct lki_sample sample = {.code = 200,
                                .verdict = verdict,
                                .latency_ns = 1000000,
                                .late_ns = late_ns,
                                .phase_ns = {-1, -1, -1, -1, -1, -1}};

    lki_metric_record(metric, &sample);
}

START_TEST(latency_from_the_intended_start_is_kept_beside_the_actual_one)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "", "GET /");

    record_late(metric, LKI_SAMPLE_OK, -1);
    ck_assert_uint_eq(metric->second.intended.count, 0);
    record_late(metric, LKI_SAMPLE_OK, 0);
    record_late(metric, LKI_SAMPLE_ERROR, 5000000);
    record_late(metric, LKI_SAMPLE_CANCELLED, 9000000);
    lki_metrics_fold(&metrics);
    ck_assert_uint_eq(metric->second.intended.count, 0);
    ck_assert_uint_eq(metric->total.intended.count, 2);
    ck_assert_int_eq(metric->total.intended.min, 1000000);
    ck_assert_int_eq(metric->total.intended.max, 6000000);
    ck_assert_int_eq(metric->total.latency.max, 1000000);
    record_late(metric, LKI_SAMPLE_OK, 1000000);
    lki_metrics_fold(&metrics);
    ck_assert_uint_eq(metric->total.intended.count, 3);
}
END_TEST

START_TEST(what_takes_no_time_has_no_latency)
{
    struct lki_metric *check = find(LKI_SOURCE_CHECK, "s", "sums");

    lki_metric_count(check, LKI_CODE_CHECK_OK, LKI_SAMPLE_OK);
    lki_metric_count(check, LKI_CODE_CHECK_FAILED, LKI_SAMPLE_ERROR);
    ck_assert_uint_eq(check->second.count, 2);
    ck_assert_uint_eq(check->second.errors, 1);
    ck_assert_uint_eq(check->second.latency.count, 0);
    ck_assert_uint_eq(lki_codes_get(&check->second.codes, LKI_CODE_CHECK_FAILED), 1);
    ck_assert_uint_eq(metrics.totals->steps, 0);
    ck_assert_uint_eq(metrics.totals->http_requests, 0);
}
END_TEST

START_TEST(fatal_failures_add_up)
{
    struct lki_metric *metric = find(LKI_SOURCE_LIFECYCLE, "", "on_start");

    for (int second = 0; second < 3; second++) {
        lki_metric_record_simple(metric, LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 5000);
        metric->second.fatal++;
        lki_metrics_fold(&metrics);
    }
    ck_assert_uint_eq(metric->total.fatal, 3);
    ck_assert_uint_eq(metric->second.fatal, 0);
}
END_TEST

START_TEST(totals_count_steps_and_requests_apart)
{
    struct lki_metric *step = find(LKI_SOURCE_STEP, "", "s");
    struct lki_metric *life = find(LKI_SOURCE_LIFECYCLE, "", "on_start");

    lki_metric_record_simple(step, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 5000);
    lki_metric_record_simple(step, LKI_CODE_STEP_FAILED, LKI_SAMPLE_ERROR, 5000);
    lki_metric_record_simple(life, LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 5000);
    ck_assert_uint_eq(metrics.totals->steps, 2);
    ck_assert_uint_eq(metrics.totals->step_errors, 1);
    ck_assert_uint_eq(metrics.totals->http_requests, 0);
    ck_assert_uint_eq(metrics.totals->http_errors, 0);
    ck_assert_uint_eq(metrics.totals->iterations, 0);
}
END_TEST

START_TEST(every_code_that_comes_is_counted)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "", "GET /");
    const struct lki_codes *codes = &metric->total.codes;
    uint64_t sum = 0;

    for (int round = 0; round < 3; round++) {
        for (int status = 100; status <= 999; status++)
            record(metric, LKI_CODE_HTTP(status), LKI_SAMPLE_OK, 5000);
        record(metric, 200, LKI_SAMPLE_OK, 5000);
        lki_metrics_fold(&metrics);
    }
    ck_assert_uint_eq(codes->len, 900);
    ck_assert_uint_eq(codes->lost, 0);
    for (int status = 100; status <= 999; status++)
        ck_assert_uint_eq(lki_codes_get(codes, LKI_CODE_HTTP(status)), status == 200 ? 6 : 3);
    for (uint16_t i = 0; i < codes->len; i++)
        sum += lki_codes_all(codes)[i].count;
    ck_assert_uint_eq(sum, metric->total.count);
    ck_assert_uint_eq(lki_codes_get(codes, LKI_CODE_HTTP_DNS), 0);
}
END_TEST

START_TEST(a_wrong_code_of_zero_is_not_lost)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "", "GET /");

    record(metric, 0, LKI_SAMPLE_OK, 5000);
    ck_assert_uint_eq(metric->second.codes.len, 1);
    ck_assert_uint_eq(lki_codes_get(&metric->second.codes, 0), 1);
}
END_TEST

START_TEST(folding_moves_the_second_into_the_totals_once)
{
    struct lki_metric *metric = find(LKI_SOURCE_HTTP, "", "GET /");
    struct lki_hist all = {0};

    for (int s = 0; s < 5; s++) {
        for (int i = 0; i < 100; i++) {
            int64_t ns = 100000 * (s + 1) + i * 1000;

            record(metric, i % 10 ? 200 : 500, i % 10 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR, ns);
            lki_hist_record(&all, ns);
        }
        ck_assert_uint_eq(metric->second.count, 100);
        lki_metrics_fold(&metrics);
        lki_metrics_fold(&metrics);
        ck_assert_uint_eq(metric->second.count, 0);
        ck_assert_uint_eq(metric->second.errors, 0);
        ck_assert_uint_eq(metric->second.bytes_sent, 0);
        ck_assert_uint_eq(metric->second.latency.count, 0);
        ck_assert_uint_eq(metric->second.phases[LKI_PHASE_WAIT].count, 0);
        ck_assert_uint_eq(lki_codes_get(&metric->second.codes, 200), 0);
    }
    ck_assert_uint_eq(metric->total.count, 500);
    ck_assert_uint_eq(metric->total.errors, 50);
    ck_assert_uint_eq(metric->total.bytes_sent, 50000);
    ck_assert_uint_eq(metric->total.bytes_received, 500000);
    ck_assert_uint_eq(lki_codes_get(&metric->total.codes, 200), 450);
    ck_assert_uint_eq(lki_codes_get(&metric->total.codes, 500), 50);
    ck_assert_uint_eq(metric->total.phases[LKI_PHASE_SEND].count, 500);
    ck_assert_uint_eq(metric->total.latency.count, 500);
    for (double q = 0; q <= 1; q += 0.01)
        ck_assert_int_eq(lki_hist_quantile(&metric->total.latency, q), lki_hist_quantile(&all, q));
    lki_hist_release(&all);
}
END_TEST

START_TEST(tallies_merge_to_their_sum)
{
    struct lki_metric *first = find(LKI_SOURCE_HTTP, "", "GET /1");
    struct lki_metric *second = find(LKI_SOURCE_HTTP, "", "GET /2");
    struct lki_tally sum = {0};

    record(first, 200, LKI_SAMPLE_OK, 5000);
    record(first, 404, LKI_SAMPLE_ERROR, 6000);
    record(second, 404, LKI_SAMPLE_ERROR, 7000);
    record(second, LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 0);
    lki_tally_merge(&sum, &first->second);
    lki_tally_merge(&sum, &second->second);
    ck_assert_uint_eq(sum.count, 4);
    ck_assert_uint_eq(sum.errors, 2);
    ck_assert_uint_eq(sum.cancelled, 1);
    ck_assert_uint_eq(sum.bytes_received, 4000);
    ck_assert_uint_eq(lki_codes_get(&sum.codes, 404), 2);
    ck_assert_uint_eq(sum.latency.count, 3);
    ck_assert_int_eq(sum.latency.max, 7000);
    ck_assert_uint_eq(sum.phases[LKI_PHASE_RECEIVE].count, 3);
    lki_tally_release(&sum);
}
END_TEST

static size_t tally_bytes(const struct lki_tally *tally)
{
    size_t bytes = lki_hist_row_bytes(&tally->latency);

    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        bytes += lki_hist_row_bytes(&tally->phases[p]);
    return bytes + tally->codes.cap * sizeof(struct lki_code_count);
}

static size_t memory_bytes(void)
{
    size_t bytes = sizeof(metrics);

    for (const struct lki_metric *metric = metrics.first; metric; metric = metric->next)
        bytes += sizeof(*metric) + tally_bytes(&metric->second) + tally_bytes(&metric->total);
    return bytes;
}

START_TEST(memory_does_not_grow_with_requests)
{
    struct lki_rng rng = {1};
    size_t after_warm_up = 0;

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 4000; i++) {
            char name[32];

            snprintf(name, sizeof(name), "GET /%d", i % 4);
            record(find(LKI_SOURCE_HTTP, "s", name), 200, LKI_SAMPLE_OK,
                   (INT64_C(1) << (14 + i % 16)) + (int64_t)lki_rng_below(&rng, 10000));
        }
        lki_metrics_fold(&metrics);
        if (round == 9)
            after_warm_up = memory_bytes();
    }
    ck_assert_uint_eq(memory_bytes(), after_warm_up);
    ck_assert_uint_lt(after_warm_up, 400000);
}
END_TEST

START_TEST(errors_of_a_kind_are_counted_together)
{
    const struct lki_error_group *group;

    fake_clock.fake_ns += 1500 * LKI_NS_PER_MS;
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED, "HTTP 503", 7);
    fake_clock.fake_ns += LKI_NS_PER_S;
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED, "HTTP 503", 8);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED, "HTTP 500", 9);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "logout", LKI_CODE_STEP_FAILED, "HTTP 503", 9);
    lki_metrics_error(&metrics, LKI_SOURCE_HTTP, "login", LKI_CODE_STEP_FAILED, "HTTP 503", 9);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_TIMEOUT, "HTTP 503", 9);
    ck_assert_uint_eq(metrics.error_count, 5);
    group = metrics.first_error;
    ck_assert_uint_eq(group->count, 2);
    ck_assert_uint_eq(group->first_user, 7);
    ck_assert_int_eq(group->first_ns, 1500 * LKI_NS_PER_MS);
    ck_assert_str_eq(group->step, "login");
    ck_assert_str_eq(group->message, "HTTP 503");
    ck_assert_int_eq(group->source, LKI_SOURCE_STEP);
    ck_assert_int_eq(group->code, LKI_CODE_STEP_FAILED);
    for (group = group->next; group; group = group->next) {
        ck_assert_uint_eq(group->count, 1);
        ck_assert_uint_eq(group->first_user, 9);
        ck_assert_int_eq(group->first_ns, 2500 * LKI_NS_PER_MS);
    }
}
END_TEST

START_TEST(messages_are_compared_and_kept_up_to_a_length)
{
    char message[LKI_ERROR_MESSAGE_MAX + 50];

    memset(message, 'm', sizeof(message));
    message[sizeof(message) - 1] = '\0';
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, message, 1);
    message[LKI_ERROR_MESSAGE_MAX] = 'x';
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, message, 1);
    ck_assert_uint_eq(metrics.error_count, 1);
    ck_assert_uint_eq(strlen(metrics.first_error->message), LKI_ERROR_MESSAGE_MAX);
    message[LKI_ERROR_MESSAGE_MAX - 1] = 'x';
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, message, 1);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, NULL, 1);
    ck_assert_uint_eq(metrics.error_count, 3);
    ck_assert_str_eq(metrics.last_error->message, "");
}
END_TEST

START_TEST(beyond_the_cap_errors_are_counted_as_others)
{
    const struct lki_error_group *group;
    uint64_t sum = 0;
    char message[32];

    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 0, 10);
    for (int i = 0; i < 1000; i++) {
        snprintf(message, sizeof(message), "error %d", i);
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, message, 1);
    }
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "error 3", 1);
    ck_assert_uint_eq(metrics.error_count, 10);
    for (group = metrics.first_error; group; group = group->next)
        sum += group->count;
    ck_assert_uint_eq(sum, 1001);
    group = metrics.last_error;
    ck_assert_str_eq(group->message, LKI_ERROR_OVERFLOW_MESSAGE);
    ck_assert_str_eq(group->step, "");
    ck_assert_uint_eq(group->count, 990);
    ck_assert_uint_eq(group->code, 0);
}
END_TEST

START_TEST(errors_before_the_start_are_dated_zero)
{
    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 0, 0);
    lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "on_init", LKI_CODE_LIFECYCLE_FAILED, "x", 1);
    ck_assert_int_eq(metrics.first_error->first_ns, 0);
    lki_metrics_start(&metrics, &fake_clock, lki_clock_now(&fake_clock));
    fake_clock.fake_ns += LKI_NS_PER_S;
    lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "on_init", LKI_CODE_LIFECYCLE_FAILED, "y", 1);
    ck_assert_int_eq(metrics.last_error->first_ns, LKI_NS_PER_S);
    /* the run starts anew, when its set-up has ended */
    lki_metrics_start(&metrics, &fake_clock, lki_clock_now(&fake_clock));
    ck_assert_int_eq(metrics.last_error->first_ns, 0);
}
END_TEST

START_TEST(a_cleared_set_knows_its_metrics_and_nothing_else)
{
    static const struct lk_metric_def sold = {.def = {.name = "sold"}, .type = LK_COUNTER};
    static const struct lk_metric_def *const defs[] = {&sold};
    struct lki_metric *first = find(LKI_SOURCE_HTTP, "s", "GET /");
    struct lki_metric *second = find(LKI_SOURCE_STEP, "", "s");
    struct lki_example_part part = {"text", 4};

    ck_assert_int_eq(lki_customs_init(&metrics.customs, defs, 1), LK_OK);
    for (int round = 0; round < 3; round++) {
        record(first, 200, LKI_SAMPLE_OK, 5000);
        lki_metrics_fold(&metrics);
        record(first, 404, LKI_SAMPLE_ERROR, 9000);
        record(second, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 9000);
        lki_metrics_example(&metrics, first, 404, part, part, part);
        lki_custom_record(&metrics.customs.all[0], 7, 1);
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "why", 3);
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "another", 4);
        lki_metrics_fold(&metrics);
        ck_assert_uint_eq(first->total.count, 2);
        ck_assert_uint_eq(metrics.totals->http_requests, 2);
        ck_assert_uint_eq(metrics.first_error->count, 1);
        ck_assert_uint_eq(metrics.error_count, 2);
        ck_assert_double_eq(metrics.customs.all[0].total.sum, 7);
        ck_assert_ptr_eq(find(LKI_SOURCE_HTTP, "s", "GET /"), first);
        ck_assert_ptr_eq(metrics.first, first);
        ck_assert_uint_eq(first->number, 0);
        ck_assert_uint_eq(second->number, 1);
        lki_metrics_clear(&metrics);
        ck_assert_uint_eq(first->total.count, 0);
        ck_assert_uint_eq(first->total.latency.count, 0);
        ck_assert_uint_eq(lki_codes_get(&first->total.codes, 404), 0);
        ck_assert_ptr_nonnull(first->examples);
        ck_assert_uint_eq(metrics.totals->http_requests, 0);
        ck_assert_ptr_null(metrics.first_error);
        ck_assert_uint_eq(metrics.customs.all[0].total.count, 0);
    }
}
END_TEST

START_TEST(a_released_set_can_be_used_again)
{
    record(find(LKI_SOURCE_HTTP, "", "GET /"), 200, LKI_SAMPLE_OK, 5000);
    lki_metrics_release(&metrics);
    ck_assert_ptr_null(metrics.first);
    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 0, 0);
    record(find(LKI_SOURCE_HTTP, "", "GET /"), 200, LKI_SAMPLE_OK, 5000);
    ck_assert_uint_eq(metrics.totals->http_requests, 1);
}
END_TEST

static Suite *metric_suite(void)
{
    Suite *suite = suite_create("metric");
    TCase *codes = tcase_create("codes");
    TCase *names = tcase_create("names");
    TCase *samples = tcase_create("samples");
    TCase *errors = tcase_create("errors");

    tcase_add_test(codes, a_status_is_its_own_code_and_name);
    tcase_add_test(codes, other_codes_have_the_names_of_their_enumerators);
    tcase_add_test(codes, sources_and_phases_have_names);
    tcase_add_checked_fixture(names, setup, teardown);
    tcase_add_test(names, a_metric_is_found_again_by_source_step_and_name);
    tcase_add_test(names, an_id_names_the_step_of_a_request);
    tcase_add_test(names, emitted_samples_are_told_apart_by_kind_and_stage);
    tcase_add_test(names, long_names_are_cut_between_characters);
    tcase_add_test(names, metrics_stand_in_the_order_of_first_use);
    tcase_add_test(names, beyond_the_cap_samples_go_to_the_overflow_of_their_source);
    tcase_add_test(names, an_unused_overflow_metric_is_not_listed);
    tcase_add_checked_fixture(samples, setup, teardown);
    tcase_add_test(samples, a_good_sample_counts_in_all_its_places);
    tcase_add_test(samples, a_failed_sample_is_an_error_and_has_its_latency);
    tcase_add_test(samples, a_cancelled_sample_is_counted_but_is_neither_error_nor_latency);
    tcase_add_test(samples, latency_from_the_intended_start_is_kept_beside_the_actual_one);
    tcase_add_test(samples, what_takes_no_time_has_no_latency);
    tcase_add_test(samples, fatal_failures_add_up);
    tcase_add_test(samples, totals_count_steps_and_requests_apart);
    tcase_add_test(samples, every_code_that_comes_is_counted);
    tcase_add_test(samples, a_wrong_code_of_zero_is_not_lost);
    tcase_add_test(samples, folding_moves_the_second_into_the_totals_once);
    tcase_add_test(samples, tallies_merge_to_their_sum);
    tcase_add_test(samples, memory_does_not_grow_with_requests);
    tcase_add_checked_fixture(errors, setup, teardown);
    tcase_add_test(errors, errors_of_a_kind_are_counted_together);
    tcase_add_test(errors, messages_are_compared_and_kept_up_to_a_length);
    tcase_add_test(errors, beyond_the_cap_errors_are_counted_as_others);
    tcase_add_test(errors, errors_before_the_start_are_dated_zero);
    tcase_add_test(errors, a_cleared_set_knows_its_metrics_and_nothing_else);
    tcase_add_test(errors, a_released_set_can_be_used_again);
    suite_add_tcase(suite, codes);
    suite_add_tcase(suite, names);
    suite_add_tcase(suite, samples);
    suite_add_tcase(suite, errors);
    return suite;
}

int main(void)
{
    return suite_run(metric_suite());
}
