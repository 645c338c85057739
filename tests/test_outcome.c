/* The outcome: what workers measured in all their lives, as one, and what is missing in it. */
#include <check.h>
#include <string.h>

#include <loadkit/values.h>

#include "base/mem.h"
#include "control/core.h"
#include "stats/snapshot.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MS LKI_NS_PER_MS

static struct gang gang;

/* What a worker records in one life, and tells each second. */
struct book {
    struct lki_metrics metrics;
    struct lki_series series;
    struct lki_arrival_log arrivals;
    struct lki_probe_log probe;
    bool probing;
    int64_t at_end_ns; /* processor time that the worker used beyond a half */
};

static struct book books[4];

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
    lki_arrivals_release(&book->arrivals);
    lki_probe_log_release(&book->probe);
}

static void books_open(void)
{
    for (size_t i = 0; i < LKI_COUNT(books); i++)
        book_open(&books[i]);
}

static void books_close(void)
{
    for (size_t i = 0; i < LKI_COUNT(books); i++)
        book_close(&books[i]);
}

/* Requests of so many milliseconds each. */
static void request(struct book *book, int count, int ms)
{
    const struct lki_sample sample = {.code = LKI_CODE_HTTP(200),
                                      .verdict = LKI_SAMPLE_OK,
                                      .latency_ns = ms * MS,
                                      .late_ns = -1,
                                      .bytes_sent = 10,
                                      .bytes_received = 100};

    for (int i = 0; i < count; i++) {
        lki_metric_record(lki_metrics_find(&book->metrics, LKI_SOURCE_HTTP, "look", "GET /", 5),
                          &sample);
        book->metrics.totals->http_sent++;
    }
}

/* Tells the second that is just over. */
static void tell(struct gang_worker *worker, struct book *book, uint64_t users)
{
    int64_t t_ns = lki_loop_now(&gang.loop) - worker->start.start_ns;
    const struct lki_measured measured = {.metrics = &book->metrics,
                                          .arrivals = &book->arrivals,
                                          .probes = &book->probe,
                                          .probe_count = book->probing};
    struct lki_report report = {.kind = LKI_REPORT_SECOND};
    struct lki_buf latency;
    struct lki_buf totals;

    lki_buf_init(&latency, 1 << 20);
    lki_buf_init(&totals, 1 << 20);
    lki_series_cut(&book->series, &book->metrics, t_ns, users);
    lki_metrics_fold(&book->metrics);
    lki_hist_encode(&book->series.change.latency, &latency);
    lki_snapshot_write(&measured, &totals);
    ck_assert_int_eq(latency.err, LK_OK);
    ck_assert_int_eq(totals.err, LK_OK);
    report.second.row = book->series.change.row;
    report.second.source = book->series.change.source;
    report.second.latency = latency.data;
    report.second.latency_bytes = latency.len;
    report.second.totals = totals.data;
    report.second.totals_bytes = totals.len;
    report.second.health = (struct lki_worker_health){.span_ns = t_ns,
                                                      .busy_ns = t_ns / 2 + book->at_end_ns,
                                                      .waited_ns = -1,
                                                      .busiest_ns = 7 * MS,
                                                      .lately_ns = 3 * MS,
                                                      .turns = 5,
                                                      .descriptors = 12};
    gang_report(worker, &report);
    worker->page.totals = *book->metrics.totals;
    lki_buf_release(&latency);
    lki_buf_release(&totals);
}

static struct lki_core_outcome outcome_of_run(void)
{
    struct lki_core_outcome outcome;

    ck_assert_int_eq(gang.overs, 1);
    ck_assert_int_eq(lki_core_outcome(gang.core, &outcome), LK_OK);
    return outcome;
}

static void open_silent(struct lki_plan *plan, const struct lki_model *model, size_t workers)
{
    plan->duration_ns = 10 * S;
    gang_open(&gang, plan, model, workers);
    gang.silent = true;
    books_open();
    gang_run(&gang, 1.02);
}

static void close_all(void)
{
    books_close();
    gang_close(&gang);
}

START_TEST(seconds_of_all_workers_are_one_series)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_core_status status;
    const struct lki_series_row *row;

    open_silent(&plan, NULL, 2);
    request(&books[0], 90, 10);
    request(&books[1], 10, 500);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 4);
    gang_run(&gang, 1.1);
    status = gang_status(&gang);
    ck_assert_uint_eq(status.users, 9);
    ck_assert_uint_eq(status.totals.http_requests, 100);
    ck_assert_uint_eq(status.last.requests, 100);
    ck_assert_uint_eq(status.last.users, 9);
    ck_assert_int_ge(status.last.p95_ns, 495 * MS);
    ck_assert_int_le(status.last.p50_ns, 11 * MS);
    ck_assert_double_eq_tol(status.busy_share, 0.5, 0.01);
    ck_assert_int_eq(status.busiest_ns, 3 * MS);
    gang_run(&gang, 2.02);
    request(&books[1], 7, 20);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    gang_run(&gang, 2.1);
    ck_assert_int_eq(gang_status(&gang).busiest_ns, 3 * MS);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().series->len, 2);
    row = lki_series_at(outcome_of_run().series, 1);
    ck_assert_uint_eq(row->requests, 7);
    ck_assert_uint_eq(row->users, 10);
    ck_assert_uint_eq(outcome_of_run().metrics->totals->http_requests, 107);
    ck_assert_uint_eq(outcome_of_run().metrics->count, 1);
    ck_assert_uint_eq(outcome_of_run().metrics->first->total.latency.count, 107);
    close_all();
}
END_TEST

/* It tells nothing itself, but its station does. */
START_TEST(a_worker_that_stands_is_seen_from_outside)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_core_status status;

    open_silent(&plan, NULL, 2);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 2);
    lki_core_seen(gang.core, 2, 9 * MS, true);
    lki_core_seen(gang.core, 3, 10 * MS, true);
    status = gang_status(&gang);
    ck_assert_uint_eq(status.workers_alive, 1);
    ck_assert_int_eq(status.busiest_ns, 9 * MS);
    lki_core_seen(gang.core, 2, 1 * MS, false);
    status = gang_status(&gang);
    ck_assert_uint_eq(status.workers_alive, 2);
    ck_assert_int_eq(status.busiest_ns, 1 * MS);
    gang_finish(&gang);
    close_all();
}
END_TEST

/* Its end is mostly what there is to do at the end, not load. */
START_TEST(a_last_second_that_is_short_says_nothing_of_the_processor)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 1);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 1.04);
    ck_assert_double_eq_tol(gang_status(&gang).busy_share, 0.5, 0.01);
    books[0].at_end_ns = 20 * MS;
    tell(&gang.workers[0], &books[0], 0);
    gang_run(&gang, 1.06);
    ck_assert_double_eq_tol(gang_status(&gang).busy_share, 0.5, 0.01);
    gang_run(&gang, 2.04);
    tell(&gang.workers[0], &books[0], 0);
    gang_run(&gang, 2.06);
    ck_assert_double_eq_tol(gang_status(&gang).busy_share, 0.5, 0.01);
    gang_finish(&gang);
    close_all();
}
END_TEST

static uint64_t last_requests(void)
{
    return gang_status(&gang).last.requests;
}

START_TEST(the_last_second_is_one_that_all_have_told)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 2);
    gang.stay_away = true;
    request(&books[0], 10, 10);
    request(&books[1], 5, 10);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 1.1);
    ck_assert_uint_eq(last_requests(), 0);
    tell(&gang.workers[1], &books[1], 5);
    gang_run(&gang, 2.02);
    ck_assert_uint_eq(last_requests(), 15);
    /* from here on the second one keeps silent, and is waited for no longer than some seconds */
    for (int i = 1; i <= 3; i++) {
        request(&books[0], 20 + i, 10);
        tell(&gang.workers[0], &books[0], 5);
        gang_run(&gang, i + 2.02);
        ck_assert_uint_eq(last_requests(), i < 3 ? 15 : 23);
    }
    tell(&gang.workers[1], &books[2], 5);
    request(&books[0], 30, 10);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 6.02);
    ck_assert_uint_eq(last_requests(), 30);
    /* nobody waits for the dead, nor for who has come back before he has told anything */
    gang_kill(&gang.workers[1]);
    request(&books[0], 40, 10);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 7.02);
    ck_assert_uint_eq(last_requests(), 40);
    gang_join(&gang.workers[1]);
    request(&books[0], 50, 10);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 8.02);
    ck_assert_uint_eq(last_requests(), 50);
    close_all();
}
END_TEST

START_TEST(a_second_that_is_told_twice_counts_once)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 2);
    gang.workers[0].twice = true;
    request(&books[0], 9, 10);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 0);
    gang_run(&gang, 1.1);
    ck_assert_uint_eq(gang_status(&gang).last.requests, 9);
    ck_assert_uint_eq(gang_status(&gang).users, 5);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().metrics->totals->http_requests, 9);
    ck_assert_uint_eq(outcome_of_run().metrics->first->total.count, 9);
    close_all();
}
END_TEST

START_TEST(a_second_in_several_changes_has_the_users_of_the_last)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 1);
    gang_run(&gang, 1.3);
    tell(&gang.workers[0], &books[0], 5);
    gang_run(&gang, 1.31);
    ck_assert_uint_eq(gang_status(&gang).users, 5);
    tell(&gang.workers[0], &books[0], 2);
    gang_run(&gang, 1.4);
    ck_assert_uint_eq(gang_status(&gang).users, 2);
    close_all();
}
END_TEST

/* It tells of three seconds as of one. */
START_TEST(the_users_of_who_was_held_up_were_there)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 2);
    for (int i = 1; i <= 5; i++) {
        gang_run(&gang, i + 0.02);
        tell(&gang.workers[0], &books[0], 5);
        if (i == 1 || i >= 4)
            tell(&gang.workers[1], &books[1], 4);
    }
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().series->len, 5);
    for (uint32_t t = 0; t < 5; t++)
        ck_assert_uint_eq(lki_series_at(outcome_of_run().series, t)->users, 9);
    close_all();
}
END_TEST

START_TEST(what_the_dead_did_is_in_the_totals_and_what_they_did_not_tell_is_lost)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_core_outcome outcome;
    struct gang_worker *worker = &gang.workers[1];

    open_silent(&plan, NULL, 2);
    request(&books[0], 50, 10);
    request(&books[1], 20, 10);
    tell(&gang.workers[0], &books[0], 5);
    tell(worker, &books[1], 5);
    gang_run(&gang, 3.5);
    worker->page.totals.http_requests += 4;
    worker->page.totals.http_sent += 4 + 3; /* three are in hand, */
    worker->page.sending = 1;               /* and a fourth one is being sent */
    worker->page.totals.http_unsent = 2;
    worker->page.totals.steps = 9;
    gang_crash(worker, 4, "look");
    gang_run(&gang, 5.02);
    request(&books[2], 6, 10);
    tell(worker, &books[2], 4);
    gang_finish(&gang);
    outcome = outcome_of_run();
    /* seen by the server: 50 + (20 + 4 + 3 + 1) + 6 */
    ck_assert_uint_eq(outcome.metrics->totals->http_requests - outcome.metrics->totals->http_unsent,
                      84);
    ck_assert_uint_eq(outcome.metrics->totals->http_sent, 84);
    ck_assert_uint_eq(outcome.metrics->totals->steps, 9);
    ck_assert_uint_eq(outcome.metrics->first->total.count, 76);
    ck_assert_uint_eq(outcome.requests_lost, 10);
    ck_assert_uint_eq(outcome.crashes[0].lost, 10);
    ck_assert_uint_eq(outcome.seconds_lost, 3); /* 1.02 s were told, 3.5 s were lived */
    ck_assert(!outcome.unexplained);
    close_all();
}
END_TEST

START_TEST(who_died_before_it_told_anything_lost_no_more_than_its_own_time)
{
    struct lki_plan plan = gang_plan(10);
    struct gang_worker *worker = &gang.workers[1];

    open_silent(&plan, NULL, 2);
    tell(&gang.workers[0], &books[0], 5);
    tell(worker, &books[1], 5);
    gang_run(&gang, 7.5);
    gang_crash(worker, 4, "look");
    gang_run(&gang, 8.3);
    gang_crash(worker, 3, "look");
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().crash_count, 2);
    ck_assert_uint_eq(outcome_of_run().seconds_lost, 7 + 1);
    close_all();
}
END_TEST

START_TEST(without_a_page_the_last_report_counts)
{
    struct lki_plan plan = gang_plan(10);
    const struct lki_death death = {.what = "lost"};

    open_silent(&plan, NULL, 2);
    gang.stay_away = true;
    request(&books[1], 20, 10);
    tell(&gang.workers[1], &books[1], 5);
    gang_run(&gang, 1.1);
    lki_link_close(gang.workers[1].link);
    gang.workers[1].link = NULL;
    lki_core_died(gang.core, 2, &death);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().metrics->totals->http_requests, 20);
    ck_assert_uint_eq(outcome_of_run().requests_lost, 0);
    ck_assert_uint_eq(outcome_of_run().crashes[0].lost, 0);
    close_all();
}
END_TEST

START_TEST(an_outcome_may_be_asked_for_again)
{
    struct lki_plan plan = gang_plan(10);

    open_silent(&plan, NULL, 2);
    request(&books[0], 5, 10);
    tell(&gang.workers[0], &books[0], 5);
    gang_finish(&gang);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(outcome_of_run().metrics->totals->http_requests, 5);
    close_all();
}
END_TEST

START_TEST(numbers_that_cannot_be_read_leave_the_others_as_they_are)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_report report = {.kind = LKI_REPORT_SECOND};
    struct lki_measured measured = {.metrics = &books[1].metrics};
    struct lki_buf totals;

    open_silent(&plan, NULL, 2);
    request(&books[0], 5, 10);
    request(&books[1], 5, 10);
    tell(&gang.workers[0], &books[0], 5);
    lki_buf_init(&totals, 1 << 20);
    lki_snapshot_write(&measured, &totals);
    report.second.totals = totals.data;
    report.second.totals_bytes = totals.len - 3;
    gang_report(&gang.workers[1], &report);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().metrics->totals->http_requests, 5);
    ck_assert(outcome_of_run().unexplained);
    ck_assert_str_eq(outcome_of_run().failure, "what worker 2 measured cannot be read");
    lki_buf_release(&totals);
    close_all();
}
END_TEST

START_TEST(seconds_that_cannot_have_been_yet_are_refused)
{
    static const struct lki_series_row rows[] = {{.t_s = 3600, .span_ns = S, .users = 7},
                                                 {.t_s = UINT32_MAX, .span_ns = S, .users = 7},
                                                 {.t_s = UINT32_MAX, .span_ns = INT64_MAX},
                                                 {.t_s = 0, .span_ns = INT64_MAX, .users = 7}};
    struct lki_plan plan = gang_plan(10);
    const struct lki_report report = {.kind = LKI_REPORT_SECOND, .second = {.row = rows[_i]}};

    open_silent(&plan, NULL, 2);
    tell(&gang.workers[0], &books[0], 5);
    gang_report(&gang.workers[1], &report);
    gang_run(&gang, 1.1);
    ck_assert_uint_eq(gang_status(&gang).users, 5);
    gang_run(&gang, 2.02);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 4);
    gang_run(&gang, 2.1);
    ck_assert_uint_eq(gang_status(&gang).users, 9);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().series->len, 2);
    close_all();
}
END_TEST

START_TEST(health_is_of_all_lives_of_a_worker)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_core_outcome outcome;

    open_silent(&plan, NULL, 2);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    gang_run(&gang, 1.1);
    ck_assert_uint_eq(lki_core_worker(gang.core, 1)->health.turns, 5);
    gang_kill(&gang.workers[1]);
    gang_run(&gang, 2.02);
    tell(&gang.workers[1], &books[2], 5);
    gang_finish(&gang);
    outcome = outcome_of_run();
    ck_assert_uint_eq(outcome.worker_count, 2);
    ck_assert_uint_eq(outcome.health[0].turns, 5);
    ck_assert_uint_eq(outcome.health[1].turns, 10);
    ck_assert_int_eq(outcome.health[1].busiest_ns, 7 * MS);
    ck_assert_int_eq(outcome.health[1].waited_ns, -1);
    ck_assert_uint_eq(outcome.health[1].descriptors, 12);
    ck_assert_int_gt(outcome.health[1].span_ns, 3 * S);
    close_all();
}
END_TEST

START_TEST(arrivals_of_all_workers_add_up)
{
    struct lki_plan plan = gang_plan(10);

    plan.rated = true;
    plan.rate_per_s = 30;
    open_silent(&plan, NULL, 2);
    for (int i = 0; i < 2; i++) {
        books[i].arrivals.rate_per_s = 15;
        books[i].arrivals.intended = 10;
        books[i].arrivals.dropped = 1;
        for (int k = 0; k < 9; k++)
            lki_arrival_start(&books[i].arrivals, k == 8 ? S : 0);
        tell(&gang.workers[i], &books[i], 5);
    }
    gang_run(&gang, 1.1);
    ck_assert_uint_eq(gang_status(&gang).started, 18);
    ck_assert_uint_eq(gang_status(&gang).dropped, 2);
    ck_assert_uint_eq(gang_status(&gang).late, 2);
    gang_finish(&gang);
    ck_assert_uint_eq(outcome_of_run().arrivals->intended, 20);
    ck_assert_uint_eq(outcome_of_run().arrivals->lateness.count, 18);
    ck_assert_double_eq(outcome_of_run().arrivals->rate_per_s, 30);
    close_all();
}
END_TEST

/* One was to begin, and waited, when it told of it for the last time. */
START_TEST(arrivals_of_the_dead_are_what_their_page_says)
{
    struct lki_plan plan = gang_plan(10);
    struct lki_core_status status;
    struct lki_core_outcome outcome;

    plan.rated = true;
    plan.rate_per_s = 30;
    open_silent(&plan, NULL, 2);
    for (int i = 0; i < 2; i++) {
        books[i].arrivals.intended = 10;
        books[i].arrivals.dropped = 1;
        for (int k = 0; k < 8; k++)
            lki_arrival_start(&books[i].arrivals, 0);
    }
    tell(&gang.workers[1], &books[1], 5);
    for (int i = 0; i < 2; i++) {
        gang.workers[i].page.arrivals = (struct lki_arrival_counts){12, 3, 2};
        gang_run(&gang, 1.1);
        gang_kill(&gang.workers[i]);
    }
    gang_run(&gang, 2.02);
    status = gang_status(&gang);
    ck_assert_uint_eq(status.intended, 30);
    ck_assert_uint_eq(status.started, 24);
    ck_assert_uint_eq(status.dropped, 6);
    ck_assert_uint_eq(status.late, 4);
    gang_finish(&gang);
    outcome = outcome_of_run();
    ck_assert_uint_eq(outcome.arrivals->intended, 30);
    ck_assert_uint_eq(outcome.arrivals->started, 24);
    ck_assert_uint_eq(outcome.arrivals->dropped, 6);
    ck_assert_uint_eq(outcome.arrivals->late, 4);
    close_all();
}
END_TEST

static const struct lk_probe_def depth = {.def = {.name = "depth"}, .every_s = 1};
static const struct lk_probe_def *const probes[] = {&depth};

START_TEST(probes_and_metrics_of_the_author_come_along)
{
    const struct lk_value nine = {.kind = LK_VALUE_INT, .as.integer = 9};
    struct lki_model model = {.probes = (const struct lk_probe_def **)(uintptr_t)probes,
                              .probe_count = 1};
    struct lki_plan plan = gang_plan(10);
    struct lki_core_outcome outcome;

    open_silent(&plan, &model, 2);
    books[0].probing = true;
    books[0].probe.name = "depth";
    lki_probe_log_add(&books[0].probe, S, &nine);
    tell(&gang.workers[0], &books[0], 5);
    tell(&gang.workers[1], &books[1], 5);
    gang_finish(&gang);
    outcome = outcome_of_run();
    ck_assert_uint_eq(outcome.probe_count, 1);
    ck_assert_str_eq(outcome.probes[0].name, "depth");
    ck_assert_uint_eq(outcome.probes[0].count, 1);
    ck_assert_double_eq(outcome.probes[0].max, 9);
    close_all();
}
END_TEST

static Suite *outcome_suite(void)
{
    Suite *suite = suite_create("outcome");
    TCase *all = tcase_create("all");

    tcase_add_test(all, seconds_of_all_workers_are_one_series);
    tcase_add_test(all, a_worker_that_stands_is_seen_from_outside);
    tcase_add_test(all, a_last_second_that_is_short_says_nothing_of_the_processor);
    tcase_add_test(all, the_last_second_is_one_that_all_have_told);
    tcase_add_test(all, a_second_that_is_told_twice_counts_once);
    tcase_add_test(all, a_second_in_several_changes_has_the_users_of_the_last);
    tcase_add_test(all, the_users_of_who_was_held_up_were_there);
    tcase_add_test(all, what_the_dead_did_is_in_the_totals_and_what_they_did_not_tell_is_lost);
    tcase_add_test(all, who_died_before_it_told_anything_lost_no_more_than_its_own_time);
    tcase_add_test(all, without_a_page_the_last_report_counts);
    tcase_add_test(all, an_outcome_may_be_asked_for_again);
    tcase_add_test(all, numbers_that_cannot_be_read_leave_the_others_as_they_are);
    tcase_add_loop_test(all, seconds_that_cannot_have_been_yet_are_refused, 0, 4);
    tcase_add_test(all, health_is_of_all_lives_of_a_worker);
    tcase_add_test(all, arrivals_of_all_workers_add_up);
    tcase_add_test(all, arrivals_of_the_dead_are_what_their_page_says);
    tcase_add_test(all, probes_and_metrics_of_the_author_come_along);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(outcome_suite());
}
