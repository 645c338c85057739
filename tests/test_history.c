/* The history of a run: seconds as workers tell of them, the last minute, points in bounds. */
#include "control/history.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/values.h>

#include "base/mem.h"
#include "control/points.h"
#include "stats/snapshot.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MS LKI_NS_PER_MS
/* Wall clock when the core was made. */
#define NOW_S 1700000000.0
/* Percentiles are as near as that. */
#define NEAR 0.005

static struct gang gang;
static struct lki_history *history;

/* What a worker records in one life, and tells each second. */
struct book {
    struct lki_metrics metrics;
    struct lki_series series;
    struct lki_probe_log probe;
    bool probing;
};

static struct book books[3];

static void book_open(struct book *book)
{
    *book = (struct book){0};
    lki_metrics_init(&book->metrics, 0, 0);
    ck_assert_int_eq(lki_series_init(&book->series, 0), LK_OK);
    lki_series_start(&book->series, &book->metrics);
}

static void book_close(struct book *book)
{
    lki_metrics_release(&book->metrics);
    lki_series_release(&book->series);
    lki_probe_log_release(&book->probe);
}

static void record(struct book *book, const char *name, int count, int64_t latency_ns,
                   lki_code code)
{
    struct lki_metric *metric = lki_metrics_find(&book->metrics, LKI_SOURCE_HTTP, "look", name,
                                                 strlen(name));
    const struct lki_sample sample = {.code = code,
                                      .verdict = code < 400 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR,
                                      .latency_ns = latency_ns,
                                      .late_ns = -1,
                                      .phase_ns = {-1, -1, -1, -1, -1, -1}};

    for (int i = 0; i < count; i++)
        lki_metric_record(metric, &sample);
}

/* Requests of so many milliseconds each. */
static void request(struct book *book, int count, int ms)
{
    record(book, "GET /", count, ms * MS, 200);
}

static void snapshot(struct book *book, struct lki_buf *out)
{
    const struct lki_measured measured = {
        .metrics = &book->metrics, .probes = &book->probe, .probe_count = book->probing};

    lki_buf_init(out, 1 << 24);
    lki_snapshot_write(&measured, out);
    ck_assert_int_eq(out->err, LK_OK);
}

/* Reports these bytes as what it has measured, and the row of a second; NULL: of none. */
static void report(struct gang_worker *worker, const struct lki_series_row *row,
                   const struct lki_buf *totals)
{
    struct lki_report second = {.kind = LKI_REPORT_SECOND};

    if (row)
        second.second.row = *row;
    second.second.totals = totals->data;
    second.second.totals_bytes = totals->len;
    second.second.health.waited_ns = -1;
    gang_report(worker, &second);
}

/* Tells what was recorded up to that time of the run. */
static void tell_at(struct gang_worker *worker, struct book *book, uint64_t users, double t_s)
{
    struct lki_buf totals;

    lki_series_cut(&book->series, &book->metrics, lki_ns(t_s), users);
    lki_metrics_fold(&book->metrics);
    snapshot(book, &totals);
    report(worker, &book->series.change.row, &totals);
    worker->page.totals = *book->metrics.totals;
    lki_buf_release(&totals);
}

static void tell(struct gang_worker *worker, struct book *book, uint64_t users)
{
    int64_t t_ns = lki_loop_now(&gang.loop) - worker->start.start_ns;

    tell_at(worker, book, users, (double)t_ns / 1e9);
}

/* So many seconds into the run, after what is told by then, and before it is looked at. */
static void run_until(double t_s)
{
    gang_run(&gang, t_s + 0.02);
}

/* The same, and it has been looked at. */
static void look_at(double t_s)
{
    gang_run(&gang, t_s + 0.08);
}

static void open_for(double seconds, const struct lki_model *model, size_t workers)
{
    struct lki_plan plan = gang_plan(10);

    plan.duration_ns = lki_ns(seconds);
    gang_open(&gang, &plan, model, workers);
    gang.silent = true;
    gang.history = history;
    lki_history_begin(history, NOW_S);
    gang_run(&gang, 0.02);
}

static void setup(void)
{
    for (size_t i = 0; i < LKI_COUNT(books); i++)
        book_open(&books[i]);
    ck_assert_int_eq(lki_history_new(&history), LK_OK);
}

static void teardown(void)
{
    for (size_t i = 0; i < LKI_COUNT(books); i++)
        book_close(&books[i]);
    lki_history_free(history);
    gang_close(&gang);
}

static size_t metric_of(const char *id)
{
    for (size_t i = 0; i < lki_history_metric_count(history); i++) {
        if (!strcmp(lki_history_metric(history, i)->id, id))
            return i;
    }
    ck_abort_msg("there is no metric %s", id);
}

static size_t looks(void)
{
    return metric_of("look/GET /");
}

static struct lki_aggregate window_of(size_t metric)
{
    struct lki_aggregate aggregate;

    lki_history_aggregate(history, metric, true, &aggregate);
    return aggregate;
}

static struct lki_aggregate total_of(size_t metric)
{
    struct lki_aggregate aggregate;

    lki_history_aggregate(history, metric, false, &aggregate);
    return aggregate;
}

/* Of a point; zeroed: nothing happened there. */
static struct lki_aggregate at(size_t point, size_t metric)
{
    struct lki_aggregate aggregate = {0};

    ck_assert_uint_lt(point, lki_history_len(history));
    if (!lki_history_at(history, point, metric, &aggregate))
        return (struct lki_aggregate){0};
    return aggregate;
}

static void near_verify(double value, double expected)
{
    ck_assert_double_eq_tol(value, expected, expected * NEAR);
}

START_TEST(seconds_of_two_workers_are_one)
{
    const struct lki_history_point *point;
    struct lki_aggregate second;

    open_for(10, NULL, 2);
    request(&books[0], 90, 10);
    request(&books[1], 10, 500);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 4);
    ck_assert_uint_eq(lki_history_len(history), 0);
    look_at(1);
    ck_assert_uint_eq(lki_history_len(history), 1);
    point = lki_history_point(history, 0);
    ck_assert_double_eq_tol(point->ts, NOW_S + 0.005, 0.01);
    ck_assert_double_eq(point->ts, lki_history_started_s(history));
    ck_assert_double_eq_tol(point->span_s, 1, 0.02);
    ck_assert_uint_eq(point->users, 9);
    second = at(0, looks());
    ck_assert_uint_eq(second.requests, 100);
    ck_assert_uint_eq(second.errors, 0);
    ck_assert_double_eq_tol(second.avg_ms, 59, 1e-4);
    near_verify(second.median_ms, 10);
    near_verify(second.p95_ms, 500);
    near_verify(second.p99_ms, 500);
    run_until(2);
    request(&books[1], 7, 20);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    look_at(2);
    second = at(1, looks());
    ck_assert_uint_eq(lki_history_point(history, 1)->users, 10);
    ck_assert_double_eq(lki_history_point(history, 1)->ts, lki_history_point(history, 0)->ts + 1);
    ck_assert_uint_eq(second.requests, 7);
    ck_assert_double_eq_tol(second.avg_ms, 20, 1e-4);
    near_verify(second.p99_ms, 20);
    ck_assert_uint_eq(window_of(looks()).requests, 107);
    ck_assert_double_eq_tol(window_of(looks()).avg_ms, (5900 + 140) / 107.0, 1e-9);
    near_verify(window_of(looks()).median_ms, 10);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 2, 0.03);
    ck_assert_uint_eq(total_of(looks()).requests, 107);
    ck_assert_double_eq_tol(total_of(looks()).avg_ms, (5900 + 140) / 107.0, 1e-9);
    ck_assert_double_eq_tol(total_of(looks()).span_s, 2, 0.03);
}
END_TEST

/* In second k there are k + 1 requests of k + 1 ms, until there are none. */
START_TEST(the_window_is_the_last_minute)
{
    open_for(1000, NULL, 1);
    for (int k = 0; k < 130; k++) {
        int first = k < 60 ? 0 : k - 59;
        uint64_t requests = 0;
        double sum_ms = 0;

        run_until(k + 1);
        if (k < 70)
            request(&books[0], k + 1, k + 1);
        tell(&gang.workers[0], &books[0], 5);
        look_at(k + 1);
        for (int s = first; s <= k && s < 70; s++) {
            requests += (uint64_t)s + 1;
            sum_ms += (s + 1) * (s + 1);
        }
        ck_assert_uint_eq(window_of(looks()).requests, requests);
        if (requests)
            ck_assert_double_eq_tol(window_of(looks()).avg_ms, sum_ms / (double)requests, 1e-6);
        else
            ck_assert(isnan(window_of(looks()).avg_ms) && isnan(window_of(looks()).p99_ms));
        ck_assert_double_eq_tol(window_of(looks()).span_s, k < 60 ? k + 1 : 60, 0.03);
    }
    ck_assert_uint_eq(window_of(looks()).requests, 0);
    ck_assert_uint_eq(total_of(looks()).requests, 70 * 71 / 2);
    ck_assert_uint_eq(lki_history_len(history), 130);
    ck_assert_uint_eq(at(69, looks()).requests, 70);
    ck_assert_uint_eq(at(70, looks()).requests, 0);
}
END_TEST

START_TEST(the_window_goes_on_when_nobody_tells)
{
    open_for(1000, NULL, 1);
    request(&books[0], 5, 10);
    run_until(1);
    tell(&gang.workers[0], &books[0], 7);
    look_at(30);
    ck_assert_uint_eq(window_of(looks()).requests, 5);
    ck_assert_uint_ge(lki_history_len(history), 26);
    ck_assert_uint_eq(lki_history_point(history, 20)->users, 7);
    look_at(70);
    ck_assert_uint_eq(window_of(looks()).requests, 0);
    ck_assert_uint_eq(total_of(looks()).requests, 5);
}
END_TEST

START_TEST(a_wait_for_one_who_is_lost_is_no_part_of_the_load)
{
    open_for(4, NULL, 2);
    lki_core_lost(gang.core, 2, 0, 90 * LKI_NS_PER_S);
    lki_timer_cancel(&gang.workers[1].end);
    gang.workers[1].mute = UINT32_MAX;
    for (int s = 1; s <= 4; s++) {
        request(&books[0], 10, 10);
        run_until(s);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(60);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_STOPPING);
    ck_assert_uint_eq(lki_history_len(history), 4);
    gang_finish(&gang);
    ck_assert_int_ge(gang.over_ns, 90 * LKI_NS_PER_S);
    ck_assert_int_eq(lki_history_second(history, gang.core), LK_OK);
    ck_assert_double_eq_tol(total_of(looks()).span_s, 4, 0.03);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 4, 0.03);
    ck_assert_uint_eq(window_of(looks()).requests, 40);
}
END_TEST

struct code_counts {
    uint64_t ok, errors, others;
};

static void count_code(const char *code, const char *category, uint64_t count, void *arg)
{
    struct code_counts *counts = arg;

    if (!strcmp(code, "HTTP_200") && !strcmp(category, "ok"))
        counts->ok += count;
    else if (!strcmp(code, "HTTP_503") && !strcmp(category, "protocol_error"))
        counts->errors += count;
    else
        counts->others += count;
}

static struct code_counts codes_of(size_t metric, bool window)
{
    struct code_counts counts = {0};

    lki_history_codes(history, metric, window, count_code, &counts);
    return counts;
}

START_TEST(when_the_run_is_over_the_window_goes_on)
{
    uint64_t version;

    open_for(4.5, NULL, 1);
    for (int s = 1; s <= 4; s++) {
        request(&books[0], 10, 10);
        run_until(s);
        tell(&gang.workers[0], &books[0], 5);
    }
    gang_finish(&gang);
    ck_assert(!lki_history_later(history, lki_history_started_s(history) + 3.5));
    ck_assert_uint_eq(window_of(looks()).requests, 40);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 4, 0.03);
    version = lki_history_version(history);
    ck_assert(lki_history_later(history, lki_history_started_s(history) + 12.5));
    ck_assert_uint_gt(lki_history_version(history), version);
    ck_assert_uint_eq(window_of(looks()).requests, 40);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 12, 0.03);
    ck_assert(lki_history_later(history, lki_history_started_s(history) + 62.5));
    ck_assert_uint_eq(window_of(looks()).requests, 20);
    ck_assert_uint_eq(codes_of(looks(), true).ok, 20);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 60, 0.03);
    ck_assert(!lki_history_later(history, lki_history_started_s(history) + 30));
    ck_assert(lki_history_later(history, lki_history_started_s(history) + 100));
    ck_assert_uint_eq(window_of(looks()).requests, 0);
    ck_assert(isnan(window_of(looks()).p99_ms));
    ck_assert_uint_eq(codes_of(looks(), true).ok, 0);
    ck_assert(!lki_history_later(history, lki_history_started_s(history) + 101));
    ck_assert_uint_eq(total_of(looks()).requests, 40);
    ck_assert_double_eq_tol(total_of(looks()).span_s, 4, 0.03);
    ck_assert_uint_eq(lki_history_len(history), 4);
    lki_history_begin(history, NOW_S);
    ck_assert(!lki_history_later(history, NOW_S + 10));
}
END_TEST

START_TEST(codes_and_errors_are_of_the_window_too)
{
    open_for(1000, NULL, 1);
    request(&books[0], 100, 10);
    record(&books[0], "GET /", 3, 5 * MS, 503);
    for (int k = 1; k <= 60; k++) {
        if (k == 60)
            record(&books[0], "GET /", 4, 5 * MS, 503);
        run_until(k);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(60);
    ck_assert_uint_eq(codes_of(looks(), true).ok, 100);
    ck_assert_uint_eq(codes_of(looks(), true).errors, 7);
    ck_assert_uint_eq(window_of(looks()).errors, 7);
    ck_assert_uint_eq(at(59, looks()).errors, 4);
    run_until(61);
    tell(&gang.workers[0], &books[0], 5);
    look_at(61);
    ck_assert_uint_eq(codes_of(looks(), true).ok, 0);
    ck_assert_uint_eq(codes_of(looks(), true).errors, 4);
    ck_assert_uint_eq(codes_of(looks(), true).others, 0);
    ck_assert_uint_eq(window_of(looks()).errors, 4);
    ck_assert_uint_eq(codes_of(looks(), false).ok, 100);
    ck_assert_uint_eq(codes_of(looks(), false).errors, 7);
}
END_TEST

START_TEST(who_comes_back_fills_its_own_seconds)
{
    open_for(1000, NULL, 2);
    for (int k = 0; k < 25; k++) {
        run_until(k + 1);
        request(&books[0], 10, 10);
        tell(&gang.workers[0], &books[0], 5);
        if (k < 3 || k == 24) {
            for (int late = k == 24 ? 3 : k; late <= k; late++) {
                request(&books[1], 20 + late, 30);
                tell_at(&gang.workers[1], &books[1], 3, late + 1);
            }
        }
        look_at(k + 1);
        if (k == 23)
            ck_assert_uint_eq(at(20, looks()).requests, 10);
    }
    ck_assert_uint_eq(lki_history_len(history), 25);
    for (size_t k = 0; k < 25; k++) {
        ck_assert_uint_eq(at(k, looks()).requests, 30 + k);
        ck_assert_uint_eq(lki_history_point(history, k)->users, 8);
        ck_assert_double_eq_tol(at(k, looks()).avg_ms,
                                (100 + 30 * (20 + (double)k)) / (30 + (double)k), 1e-4);
        near_verify(at(k, looks()).p95_ms, 30);
    }
    ck_assert_uint_eq(window_of(looks()).requests, 25 * 30 + 24 * 25 / 2);
    ck_assert_uint_eq(total_of(looks()).requests, 25 * 30 + 24 * 25 / 2);
}
END_TEST

START_TEST(a_second_that_was_too_long_ago_is_in_the_totals)
{
    open_for(1000, NULL, 2);
    for (int k = 0; k < 150; k++) {
        run_until(k + 1);
        request(&books[0], 10, 10);
        tell(&gang.workers[0], &books[0], 5);
        look_at(k + 1);
    }
    request(&books[1], 7, 10);
    tell_at(&gang.workers[1], &books[1], 5, 10);
    look_at(151);
    ck_assert_uint_eq(at(9, looks()).requests, 10);
    ck_assert_uint_eq(total_of(looks()).requests, 1507);
}
END_TEST

START_TEST(what_the_dead_did_makes_nothing_less)
{
    open_for(1000, NULL, 2);
    gang.stay_away = true;
    request(&books[0], 10, 10);
    request(&books[1], 20, 10);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    look_at(1);
    request(&books[1], 3, 10); /* its page knows of these, but it cannot tell any more */
    gang.workers[1].page.totals = *books[1].metrics.totals;
    gang_kill(&gang.workers[1]);
    request(&books[0], 10, 10);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    run_until(3);
    tell(&gang.workers[0], &books[0], 5);
    look_at(3);
    ck_assert_uint_eq(lki_history_metrics(history)->totals->http_requests, 43);
    ck_assert_uint_eq(total_of(looks()).requests, 40);
    ck_assert_uint_eq(at(1, looks()).requests, 10);
    gang_join(&gang.workers[1]);
    gang_run(&gang, 3.5);
    books[2].series.end_ns = lki_ns(3.5);
    request(&books[2], 6, 10);
    run_until(4);
    tell_at(&gang.workers[1], &books[2], 5, 4);
    tell(&gang.workers[0], &books[0], 5);
    look_at(4);
    ck_assert_uint_eq(lki_history_metrics(history)->totals->http_requests, 49);
    ck_assert_uint_eq(total_of(looks()).requests, 46);
    ck_assert_uint_eq(window_of(looks()).requests, 46);
    ck_assert_uint_eq(at(3, looks()).requests, 6);
}
END_TEST

START_TEST(metrics_keep_their_places)
{
    size_t cart;
    size_t search;

    open_for(1000, NULL, 2);
    record(&books[1], "GET /cart", 1, 10 * MS, 200);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    look_at(1);
    cart = metric_of("look/GET /cart");
    record(&books[0], "GET /search", 2, 10 * MS, 200);
    record(&books[0], "GET /cart", 4, 10 * MS, 200);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    look_at(2);
    ck_assert_uint_eq(lki_history_metric_count(history), 2);
    ck_assert_uint_eq(metric_of("look/GET /cart"), cart);
    search = metric_of("look/GET /search");
    ck_assert_uint_eq(at(0, cart).requests, 1);
    ck_assert_uint_eq(at(0, search).requests, 0);
    ck_assert_uint_eq(at(1, cart).requests, 4);
    ck_assert_uint_eq(at(1, search).requests, 2);
    ck_assert_uint_eq(total_of(cart).requests, 5);
    ck_assert_str_eq(lki_history_metric(history, cart)->step, "look");
    ck_assert_str_eq(lki_history_metric(history, cart)->name, "GET /cart");
}
END_TEST

START_TEST(what_is_of_no_second_is_in_the_totals)
{
    struct lki_buf totals;

    open_for(1000, NULL, 1);
    request(&books[0], 9, 10);
    snapshot(&books[0], &totals);
    report(&gang.workers[0], NULL, &totals);
    lki_buf_release(&totals);
    run_until(1);
    lki_metrics_fold(&books[0].metrics);
    lki_series_start(&books[0].series, &books[0].metrics);
    request(&books[0], 4, 10);
    tell(&gang.workers[0], &books[0], 5);
    look_at(1);
    ck_assert_uint_eq(total_of(looks()).requests, 13);
    ck_assert_uint_eq(at(0, looks()).requests, 4);
    ck_assert_uint_eq(window_of(looks()).requests, 4);
}
END_TEST

START_TEST(the_last_second_is_as_long_as_it_was)
{
    open_for(2.5, NULL, 1);
    for (int k = 1; k <= 2; k++) {
        request(&books[0], 10, 10);
        run_until(k);
        tell_at(&gang.workers[0], &books[0], 5, k);
    }
    request(&books[0], 5, 10);
    gang_run(&gang, 2.5);
    tell_at(&gang.workers[0], &books[0], 5, 2.5);
    gang_finish(&gang);
    ck_assert_uint_eq(lki_history_len(history), 3);
    ck_assert_double_eq_tol(lki_history_point(history, 2)->span_s, 0.5, 1e-6);
    ck_assert_uint_eq(at(2, looks()).requests, 5);
    ck_assert_double_eq_tol(total_of(looks()).span_s, 2.5, 1e-6);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 2.5, 1e-6);
}
END_TEST

/* Its loop stood still for three seconds, which it tells of as one. */
START_TEST(who_was_held_up_makes_no_second_longer)
{
    open_for(1000, NULL, 2);
    for (int k = 0; k < 6; k++) {
        request(&books[0], 10, 10);
        request(&books[1], 1, 10);
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
        if (k < 1 || k > 2)
            tell(&gang.workers[1], &books[1], 5);
        look_at(k + 1);
    }
    ck_assert_uint_eq(lki_history_len(history), 6);
    for (size_t k = 0; k < 6; k++)
        ck_assert_double_eq_tol(lki_history_point(history, k)->span_s, 1, 0.03);
    ck_assert_uint_eq(at(1, looks()).requests, 13);
    ck_assert_uint_eq(at(2, looks()).requests, 10);
    ck_assert_uint_eq(at(4, looks()).requests, 11);
    ck_assert_uint_eq(window_of(looks()).requests, 66);
}
END_TEST

/* As if it had counted back, or were somebody else: its seconds are left out, nothing is less. */
START_TEST(what_has_not_grown_is_of_no_second)
{
    struct lki_series_row row = {.t_s = 1, .span_ns = S, .users = 5};
    struct lki_buf totals;

    open_for(1000, NULL, 2);
    request(&books[0], 10, 10);
    request(&books[1], 10, 10);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    look_at(1);
    request(&books[2], 3, 10);
    snapshot(&books[2], &totals);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    report(&gang.workers[1], &row, &totals);
    look_at(2);
    lki_buf_release(&totals);
    ck_assert_uint_eq(at(0, looks()).requests, 20);
    ck_assert_uint_eq(at(1, looks()).requests, 0);
    ck_assert_uint_eq(window_of(looks()).requests, 20);
    ck_assert_uint_eq(total_of(looks()).requests, 13);
}
END_TEST

START_TEST(what_cannot_be_read_leaves_the_others_as_they_are)
{
    struct lki_series_row row = {.t_s = 0, .span_ns = S, .users = 5};
    struct lki_buf totals;

    open_for(1000, NULL, 2);
    request(&books[0], 10, 10);
    request(&books[1], 10, 10);
    snapshot(&books[1], &totals);
    totals.len -= 3;
    run_until(1);
    report(&gang.workers[1], &row, &totals);
    tell(&gang.workers[0], &books[0], 5);
    look_at(1);
    lki_buf_release(&totals);
    ck_assert_uint_eq(total_of(looks()).requests, 10);
    request(&books[0], 2, 10);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    look_at(6);
    ck_assert_uint_eq(total_of(looks()).requests, 12);
    ck_assert_uint_eq(at(1, looks()).requests, 2);
}
END_TEST

/* Whatever it tells of a time that has not come makes no points without end. */
START_TEST(a_second_of_the_future_is_none)
{
    struct lki_series_row row = {.t_s = 4000000000, .span_ns = S, .users = 5};
    struct lki_buf totals;

    open_for(1000, NULL, 2);
    request(&books[1], 10, 10);
    snapshot(&books[1], &totals);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    report(&gang.workers[1], &row, &totals);
    lki_buf_release(&totals);
    request(&books[0], 3, 10);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    look_at(6);
    ck_assert_uint_le(lki_history_len(history), 6);
    ck_assert_uint_eq(at(1, looks()).requests, 3);
    ck_assert_uint_eq(total_of(looks()).requests, 13);
}
END_TEST

START_TEST(another_run_begins_anew)
{
    uint64_t version;

    open_for(1000, NULL, 1);
    request(&books[0], 10, 10);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    look_at(1);
    version = lki_history_version(history);
    lki_history_begin(history, NOW_S);
    ck_assert_uint_gt(lki_history_version(history), version);
    ck_assert_uint_eq(lki_history_len(history), 0);
    ck_assert_uint_eq(lki_history_metric_count(history), 0);
    ck_assert_ptr_null(lki_history_metrics(history));
    ck_assert_uint_eq(lki_history_probe_count(history), 0);
}
END_TEST

/* As after a restart of the orchestrator: its core knows of a run that has been on for long. */
START_TEST(a_run_that_is_on_already_begins_where_it_is)
{
    open_for(1000, NULL, 1);
    gang.history = NULL;
    for (int k = 0; k < 300; k++) {
        request(&books[0], 10, 10);
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(300);
    lki_history_begin(history, NOW_S);
    gang.history = history;
    for (int k = 300; k < 305; k++) {
        request(&books[0], 10, 10);
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
        look_at(k + 1);
    }
    ck_assert_uint_eq(lki_history_len(history), 5);
    ck_assert_uint_eq(at(0, looks()).requests, 10);
    ck_assert_uint_eq(window_of(looks()).requests, 50);
    ck_assert_uint_eq(total_of(looks()).requests, 3050);
    ck_assert_double_eq_tol(total_of(looks()).span_s, 305, 0.1);
}
END_TEST

/* The same, and the core has the seconds of before. */
START_TEST(the_points_of_before_go_on_without_metrics)
{
    struct lki_history_point first;
    const struct lki_history_point *point;

    open_for(100000, NULL, 1);
    for (int k = 0; k < 300; k++) {
        request(&books[0], 10, 10);
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(300);
    first = *lki_history_point(history, 0);
    lki_history_resume(history, gang.core, NOW_S + (double)lki_loop_now(&gang.loop) / 1e9);
    ck_assert_uint_eq(lki_history_len(history), 300);
    for (int k = 300; k < 305; k++) {
        request(&books[0], 10, 10);
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
        look_at(k + 1);
    }
    ck_assert_uint_eq(lki_history_len(history), 305);
    for (size_t i = 0; i < 300; i++) {
        point = lki_history_point(history, i);
        ck_assert_double_eq_tol(point->ts, first.ts + (double)i, 1e-3);
        ck_assert_uint_eq(point->users, 5);
        ck_assert_uint_eq(point->before.requests, 10);
    }
    ck_assert_uint_eq(lki_history_point(history, 300)->before.requests, 0);
    ck_assert_uint_eq(at(300, looks()).requests, 10);
    ck_assert_uint_eq(window_of(looks()).requests, 50);
    ck_assert_double_eq_tol(window_of(looks()).span_s, 5, 0.1);
    for (int k = 305; k < 7300; k++) {
        run_until(k + 1);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(7300);
    ck_assert_double_eq(lki_history_point(history, 0)->span_s, 10);
    ck_assert_uint_eq(lki_history_point(history, 0)->before.requests, 100);
    ck_assert_double_eq_tol(lki_history_point(history, 0)->ts, first.ts, 1e-3);
}
END_TEST

START_TEST(what_is_told_in_the_middle_of_a_second_is_of_that_second)
{
    struct lki_buf totals;

    open_for(100000, NULL, 1);
    request(&books[0], 10, 10);
    run_until(1);
    tell(&gang.workers[0], &books[0], 5);
    request(&books[0], 7, 10);
    run_until(1.5);
    lki_metrics_fold(&books[0].metrics);
    snapshot(&books[0], &totals);
    report(&gang.workers[0], &(struct lki_series_row){0}, &totals);
    lki_buf_release(&totals);
    request(&books[0], 3, 10);
    run_until(2);
    tell(&gang.workers[0], &books[0], 5);
    look_at(2);
    ck_assert_uint_eq(lki_history_len(history), 2);
    ck_assert_uint_eq(at(1, looks()).requests, 10);
}
END_TEST

/* ---- points ---- */

/* Each second one request, of as many times ten milliseconds as the last digit of the second says
 * and one more. */
START_TEST(after_hours_old_seconds_are_tens)
{
    size_t len;

    open_for(100000, NULL, 1);
    for (int k = 0; k < 7300; k++) {
        request(&books[0], 1, 10 * (k % 10 + 1));
        run_until(k + 1);
        tell_at(&gang.workers[0], &books[0], 5 + (uint64_t)k % 10, k + 1);
    }
    look_at(7300);
    len = lki_history_len(history);
    ck_assert_uint_eq(len, 7200 + 10);
    ck_assert_double_eq(lki_history_point(history, 0)->span_s, 10);
    ck_assert_uint_eq(lki_history_point(history, 0)->users, 14);
    ck_assert_uint_eq(at(0, looks()).requests, 10);
    ck_assert_double_eq_tol(at(0, looks()).avg_ms, 55, 1e-4);
    near_verify(at(0, looks()).median_ms, 50);
    near_verify(at(0, looks()).p95_ms, 100);
    ck_assert_double_eq(lki_history_point(history, 10)->span_s, 1);
    for (size_t i = 1; i < len; i++) {
        const struct lki_history_point *point = lki_history_point(history, i);
        const struct lki_history_point *before = lki_history_point(history, i - 1);

        ck_assert_double_eq_tol(point->ts, before->ts + before->span_s, 1e-6);
    }
    ck_assert_uint_eq(lki_history_find(history, 0), 0);
    ck_assert_uint_eq(lki_history_find(history, lki_history_point(history, 10)->ts), 10);
    ck_assert_uint_eq(lki_history_find(history, lki_history_point(history, 9)->ts + 1), 10);
    ck_assert_uint_eq(lki_history_find(history, 2e9), len);
}
END_TEST

static struct lki_points points;

static void put_points(enum lki_scale scale, uint64_t from, uint64_t until, size_t metrics)
{
    struct lki_tallies tallies = {0};

    for (size_t i = 0; i < metrics; i++)
        lki_tallies_at(&tallies, i)->count = i + 1;
    for (uint64_t i = from; i < until; i++) {
        const struct lki_history_point point = {.ts = (double)(i * lki_scale_s(scale)),
                                                .span_s = (double)lki_scale_s(scale)};

        ck_assert_int_eq(lki_points_put(&points, scale, i, &point, &tallies), LK_OK);
    }
    lki_tallies_release(&tallies);
}

/* Gives how many are of that length. */
static size_t points_verify_one_after_the_other(double from, double until, double span_s)
{
    size_t len = lki_points_len(&points);
    size_t count = 0;
    double t = from;

    for (size_t i = 0; i < len; i++) {
        const struct lki_history_point *point = &lki_points_at(&points, i)->point;

        ck_assert_double_eq(point->ts, t);
        t += point->span_s;
        count += point->span_s == span_s;
    }
    ck_assert_double_eq(t, until);
    return count;
}

START_TEST(each_moment_is_in_one_point)
{
    /* 100,000 seconds, and what is not settled yet */
    put_points(LKI_SCALE_SECOND, 0, 100000, 2);
    put_points(LKI_SCALE_TEN, 0, 9990, 2);
    put_points(LKI_SCALE_MINUTE, 0, 1665, 2);
    ck_assert_uint_eq(points_verify_one_after_the_other(0, 100000, 1), 7200);
    ck_assert_uint_eq(points_verify_one_after_the_other(0, 100000, 60), 465);
    lki_points_release(&points);
}
END_TEST

START_TEST(of_many_metrics_fewer_points_are_kept)
{
    const struct lki_points_entry *last;
    size_t seconds;

    put_points(LKI_SCALE_SECOND, 3, 2000, 1000);
    put_points(LKI_SCALE_TEN, 0, 199, 1000);
    seconds = points_verify_one_after_the_other(0, 2000, 1);
    ck_assert_uint_le(seconds * 1000, LKI_POINTS_CELLS_MAX + 1000);
    ck_assert_uint_ge(seconds, 500);
    last = lki_points_at(&points, lki_points_len(&points) - 1);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(lki_points_cell(last, i)->requests, i + 1);
    ck_assert_ptr_null(lki_points_cell(last, 1000));
    lki_points_release(&points);
}
END_TEST

/* ---- probes ---- */

static const struct lk_probe_def depth = {.def = {.name = "depth"}, .every_s = 1};
static const struct lk_probe_def *probes[] = {&depth};

static void read_probe(struct book *book, double t_s, const char *failure)
{
    const struct lki_reading reading = {.t_ns = lki_ns(t_s),
                                        .failed = failure != NULL,
                                        .value = failure ? lk_value_null() : lk_value_int((int)t_s),
                                        .took_ns = 3 * MS,
                                        .message = failure};

    lki_probe_log_add_reading(&book->probe, &reading);
}

START_TEST(readings_of_all_workers_come_by_time)
{
    const struct lki_model model = {.probes = probes, .probe_count = 1};
    struct lki_history_probe probe;

    open_for(1000, &model, 2);
    books[0].probing = books[1].probing = true;
    for (int k = 0; k < 100; k++) {
        read_probe(&books[0], k + 0.3, k % 10 == 9 ? "no answer" : NULL);
        read_probe(&books[1], k + 0.6, NULL);
        run_until(k + 1);
        tell(&gang.workers[1], &books[1], 5);
        tell(&gang.workers[0], &books[0], 5);
    }
    look_at(100);
    ck_assert_uint_eq(lki_history_probe_count(history), 1);
    lki_history_probe(history, 0, &probe);
    ck_assert_str_eq(probe.log->name, "depth");
    ck_assert_uint_eq(probe.log->count, 200);
    ck_assert_uint_eq(probe.log->errors, 10);
    ck_assert_uint_eq(probe.window_errors, 6);
    ck_assert_uint_eq(probe.window_successes, 114);
    ck_assert(lki_history_later(history, lki_history_started_s(history) + 130.5));
    lki_history_probe(history, 0, &probe);
    ck_assert_uint_eq(probe.window_errors, 3);
    ck_assert_uint_eq(probe.window_successes, 57);
    ck_assert_uint_eq(probe.log->recent_len, LKI_READINGS_RECENT);
    for (size_t i = 0; i < probe.log->recent_len; i++) {
        const struct lki_reading *reading = &probe.log->recent[i];
        size_t second = 50 + i / 2;

        ck_assert_int_eq(reading->t_ns, lki_ns((double)second + (i % 2 ? 0.6 : 0.3)));
        ck_assert_uint_eq(reading->worker, i % 2 + 1);
        ck_assert_int_eq(reading->took_ns, 3 * MS);
        ck_assert(reading->failed == (i % 20 == 18));
        if (reading->failed)
            ck_assert_str_eq(reading->message, "no answer");
        else
            ck_assert_int_eq(reading->value.as.integer, second);
    }
    ck_assert_int_eq(probe.log->last.t_ns, lki_ns(99.6));
    ck_assert_str_eq(lki_history_worker(history, 2), "worker 2");
    ck_assert_str_eq(lki_history_worker(history, 3), "");
    ck_assert_str_eq(lki_history_worker(history, 0), "");
}
END_TEST

static void check_points(Suite *suite)
{
    TCase *tests = tcase_create("points");

    tcase_add_test(tests, each_moment_is_in_one_point);
    tcase_add_test(tests, of_many_metrics_fewer_points_are_kept);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("history");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, seconds_of_two_workers_are_one);
    tcase_add_test(tests, the_window_is_the_last_minute);
    tcase_add_test(tests, the_window_goes_on_when_nobody_tells);
    tcase_add_test(tests, a_wait_for_one_who_is_lost_is_no_part_of_the_load);
    tcase_add_test(tests, when_the_run_is_over_the_window_goes_on);
    tcase_add_test(tests, codes_and_errors_are_of_the_window_too);
    tcase_add_test(tests, who_comes_back_fills_its_own_seconds);
    tcase_add_test(tests, a_second_that_was_too_long_ago_is_in_the_totals);
    tcase_add_test(tests, what_the_dead_did_makes_nothing_less);
    tcase_add_test(tests, metrics_keep_their_places);
    tcase_add_test(tests, what_is_of_no_second_is_in_the_totals);
    tcase_add_test(tests, the_last_second_is_as_long_as_it_was);
    tcase_add_test(tests, who_was_held_up_makes_no_second_longer);
    tcase_add_test(tests, what_has_not_grown_is_of_no_second);
    tcase_add_test(tests, what_cannot_be_read_leaves_the_others_as_they_are);
    tcase_add_test(tests, a_second_of_the_future_is_none);
    tcase_add_test(tests, another_run_begins_anew);
    tcase_add_test(tests, a_run_that_is_on_already_begins_where_it_is);
    tcase_add_test(tests, the_points_of_before_go_on_without_metrics);
    tcase_add_test(tests, what_is_told_in_the_middle_of_a_second_is_of_that_second);
    tcase_add_test(tests, after_hours_old_seconds_are_tens);
    tcase_add_test(tests, readings_of_all_workers_come_by_time);
    suite_add_tcase(suite, tests);
    check_points(suite);
    return suite_run(suite);
}
