/* The verdict: what makes a run doubtful, from which point on, and what is said to do about it. */
#include "result/verdict.h"

#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/suite.h"

#define MS LKI_NS_PER_MS
#define S LKI_NS_PER_S

static struct lki_metrics metrics;
static struct lki_arrival_log arrivals;
static struct lki_result_settings settings;
static struct lki_result_health health[3];
static struct lki_result result;
static struct lki_judged judged;

static void setup(void)
{
    lki_metrics_init(&metrics, 0, 0);
    judged = (struct lki_judged){0};
    arrivals = (struct lki_arrival_log){0};
    settings = (struct lki_result_settings){
        .duration_ns = 10 * S, .users = 10, .health = health, .health_count = 1};
    for (size_t i = 0; i < LKI_COUNT(health); i++)
        health[i] = (struct lki_result_health){
            .span_ns = 10 * S, .busy_ns = 5 * S, .waited_ns = 100 * MS, .busiest_ns = 5 * MS};
    metrics.totals->iterations = 1;
}

static void teardown(void)
{
    lki_result_release(&result);
    lki_arrivals_release(&arrivals);
    lki_metrics_release(&metrics);
}

static void judge(void)
{
    lki_result_release(&result);
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, NULL), LK_OK);
    lki_result_judge(&result, &judged);
}

/* One reason, in which all of these words stand. */
static void verdict_is(enum lki_run_verdict verdict, const char *first, const char *second)
{
    judge();
    ck_assert_msg(result.verdict == verdict, "%s: %s", lki_run_verdict_name(result.verdict),
                  result.reason_count ? result.reasons[0] : "no reason");
    ck_assert_uint_eq(result.reason_count, verdict != LKI_RUN_VALID);
    if (verdict == LKI_RUN_VALID)
        return;
    ck_assert_msg(strstr(result.reasons[0], first) != NULL, "%s", result.reasons[0]);
    ck_assert_msg(strstr(result.reasons[0], second) != NULL, "%s", result.reasons[0]);
}

START_TEST(a_run_that_was_well_is_valid)
{
    verdict_is(LKI_RUN_VALID, "", "");
    ck_assert_uint_eq(result.note_count, 0);
    ck_assert_int_eq(lki_result_exit_status(&result), LKI_EXIT_PASSED);
}
END_TEST

START_TEST(a_processor_that_is_used_up_bounds_the_run)
{
    health[0].busy_ns = 95 * S / 10;
    verdict_is(LKI_RUN_VALID, "", "");
    health[0].busy_ns = 97 * S / 10;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "the event loop used 97 % of a processor", "(-w)");
    ck_assert_int_eq(lki_result_exit_status(&result), LKI_EXIT_PASSED);
}
END_TEST

START_TEST(the_worst_worker_is_named)
{
    settings.workers = settings.health_count = 3;
    health[1].busy_ns = 99 * S / 10;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "worker 2 used 99 % of a processor", "");
    health[2].busy_ns = 97 * S / 10;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "worker 2, like 1 other, used 99 %", "");
    health[0].worker_id = "a.1";
    health[1].worker_id = "b.1";
    verdict_is(LKI_RUN_GENERATOR_BOUND, "worker b.1, like 1 other, used 99 %", "(--processes)");
    health[0].worker_id = "a"; /* the only process there */
    verdict_is(LKI_RUN_GENERATOR_BOUND, "worker b.1, like 1 other, used 99 %", "(--processes)");
    health[0].worker_id = "1";
    verdict_is(LKI_RUN_GENERATOR_BOUND, "worker b.1, like 1 other, used 99 %", "(-w)");
}
END_TEST

START_TEST(a_run_of_a_moment_says_nothing_of_the_processor)
{
    health[0] = (struct lki_result_health){.span_ns = S / 2, .busy_ns = S / 2, .waited_ns = S / 2};
    verdict_is(LKI_RUN_VALID, "", "");
}
END_TEST

START_TEST(a_processor_that_others_have_bounds_the_run)
{
    health[0].waited_ns = S;
    verdict_is(LKI_RUN_VALID, "", "");
    health[0].waited_ns = 11 * S / 10;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "another 11 % of the time", "other programs");
    health[0].waited_ns = -1;
    verdict_is(LKI_RUN_VALID, "", "");
}
END_TEST

START_TEST(a_loop_that_was_held_up_for_long_bounds_the_run)
{
    health[0].stalls = 1;
    health[0].busiest_ns = 110 * MS;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "held up", "110 ms at the longest");
    /* the same in a longer run is within what p99 leaves out */
    health[0].span_ns = 60 * S;
    verdict_is(LKI_RUN_VALID, "", "");
    ck_assert_uint_eq(result.note_count, 1);
    ck_assert_ptr_nonnull(strstr(result.notes[0], "lk_blocking"));
    health[0].stalls = 10;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "held up 10 times", "lk_blocking");
}
END_TEST

static void requests(lki_code code, int count)
{
    struct lki_sample sample = {.code = code,
                                .verdict = LKI_SAMPLE_ERROR,
                                .late_ns = -1,
                                .phase_ns = {-1, -1, -1, -1, -1, -1}};

    for (int i = 0; i < count; i++)
        lki_metric_record(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", i % 2 ? "a" : "b", 1),
                          &sample);
}

START_TEST(descriptors_that_ran_out_bound_the_run)
{
    requests(200, 3);
    requests(LKI_CODE_HTTP_NO_DESCRIPTORS, 2);
    verdict_is(LKI_RUN_GENERATOR_BOUND,
               "2 requests found no free file descriptor here:", "ulimit -n");
    judged.descriptor_limit = 1024;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "of the 1024 that a process may have", "ulimit -n");
}
END_TEST

START_TEST(ports_that_ran_out_bound_the_run)
{
    requests(200, 3);
    requests(LKI_CODE_HTTP_NO_PORTS, 1);
    verdict_is(LKI_RUN_GENERATOR_BOUND,
               "1 request found no free local port here:", "net.ipv4.ip_local_port_range");
    judged.port_count = 100;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "of the 100 that there are", "keep connections alive");
}
END_TEST

START_TEST(steps_without_memory_for_a_stack_bound_the_run)
{
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_NOMEM, "out of memory", 1);
    verdict_is(LKI_RUN_VALID, "", "");
    for (int i = 0; i < 3; i++)
        lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "", LKI_CODE_STEP_NOMEM, "no stack", 1);
    verdict_is(LKI_RUN_GENERATOR_BOUND, "3 times there was no memory", "ulimit -v");
}
END_TEST

static void arrive(int count, int64_t late_ns)
{
    for (int i = 0; i < count; i++)
        lki_arrival_start(&arrivals, late_ns);
    arrivals.intended += (uint64_t)count;
}

START_TEST(arrivals_that_are_dropped_bound_the_run)
{
    settings.arrivals = &arrivals;
    arrivals.rate_per_s = 100;
    arrive(99, 0);
    arrivals.intended++;
    arrivals.dropped++;
    verdict_is(LKI_RUN_GENERATOR_BOUND, "1 of 100 arrivals found no free user", "(-u)");
}
END_TEST

static void began(enum lki_verdict verdict)
{
    struct lki_metric *metric = lki_metrics_find(&metrics, LKI_SOURCE_LIFECYCLE, "", "on_start", 8);

    lki_metric_record_simple(metric, LKI_CODE_LIFECYCLE_OK, verdict, 1000);
}

START_TEST(who_began_is_noted_where_no_step_ran)
{
    metrics.totals->steps = 0;
    began(LKI_SAMPLE_ERROR);
    judge();
    ck_assert_uint_eq(result.note_count, 0);
    began(LKI_SAMPLE_OK);
    judge();
    ck_assert_uint_eq(result.note_count, 1);
    ck_assert_str_eq(result.notes[0], "1 user came no further than on_start before the run was "
                                      "over: let it last longer (-d)");
    began(LKI_SAMPLE_CANCELLED);
    judge();
    ck_assert_msg(!strncmp(result.notes[0], "2 users came", 12), "%s", result.notes[0]);
    metrics.totals->steps = 1;
    judge();
    ck_assert_uint_eq(result.note_count, 0);
}
END_TEST

START_TEST(users_that_never_began_bound_the_run)
{
    settings.arrivals = &arrivals;
    arrivals.rate_per_s = 100;
    arrive(100, 0);
    lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "", LKI_CODE_LIFECYCLE_FAILED, "no", 1);
    verdict_is(LKI_RUN_VALID, "", "");
    for (uint64_t user = 3; user <= 10; user++)
        lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "", LKI_CODE_LIFECYCLE_WAITED,
                          "waited for resource \"cards\"", user);
    verdict_is(LKI_RUN_GENERATOR_BOUND,
               "8 of 10 users never began: each waited for resource \"cards\"", ".count");
    health[0].worker_id = "a.1";
    verdict_is(LKI_RUN_GENERATOR_BOUND,
               "8 of 10 users never began: each waited for resource \"cards\"", "resources ensure");
    ck_assert_uint_eq(lki_result_missed(&result), 8);
    arrivals.dropped++;
    judge();
    ck_assert_uint_eq(result.reason_count, 2);
    ck_assert_ptr_null(strstr(result.reasons[1], "(-u)"));
}
END_TEST

START_TEST(arrivals_of_which_none_found_a_user_say_nothing_of_the_generator)
{
    settings.arrivals = &arrivals;
    arrivals.rate_per_s = 100;
    arrivals.intended = arrivals.dropped = 100;
    verdict_is(LKI_RUN_VALID, "", "");
    ck_assert_ptr_nonnull(strstr(result.notes[0], "none of 100 arrivals"));
}
END_TEST

START_TEST(arrivals_that_are_late_bound_the_run)
{
    settings.arrivals = &arrivals;
    arrivals.rate_per_s = 100;
    arrive(990, MS);
    arrive(10, 20 * MS);
    verdict_is(LKI_RUN_VALID, "", "");
    arrive(10, 20 * MS);
    verdict_is(LKI_RUN_GENERATOR_BOUND, "20 of 1010 arrivals began late, 1 in 100 by 20 ms",
               "(-u)");
}
END_TEST

START_TEST(a_hiccup_among_few_arrivals_is_none_of_the_generator)
{
    settings.arrivals = &arrivals;
    arrivals.rate_per_s = 1;
    arrive(8, MS);
    arrive(2, 20 * MS);
    verdict_is(LKI_RUN_VALID, "", "");
}
END_TEST

START_TEST(a_crash_makes_the_run_incomplete)
{
    struct lki_result_crash crashes[] = {
        {.worker = 2, .user = 17, .step = "login", .what = "segmentation fault"},
        {.worker = 1, .worker_id = "a.1", .step = "", .what = "killed by signal 9"},
        {.worker = 1, .step = "on_setup", .what = "abort"},
        {.worker = 0, .step = "", .what = "out of memory"},
        {.worker = 3,
         .worker_id = "b.1",
         .step = "",
         .what = "vanished",
         .silent_ns = 74 * S,
         .goes_on_ns = 0},
        {.worker = 4,
         .worker_id = "b.2",
         .step = "",
         .what = "vanished",
         .silent_ns = 74 * S,
         .goes_on_ns = 66 * S}};

    settings.crashes = crashes;
    settings.crash_count = 1;
    verdict_is(LKI_RUN_INCOMPLETE, "user 17 crashed in login (segmentation fault):", "lost");
    ck_assert_str_eq(lki_result_failure(&result), "the scenario crashed");
    ck_assert_int_eq(lki_result_exit_status(&result), LKI_EXIT_FAILED);
    settings.crash_count = 3;
    verdict_is(LKI_RUN_INCOMPLETE, "user 17 crashed", "and 2 more crashes");
    settings.crashes = &crashes[1];
    settings.crash_count = 1;
    verdict_is(LKI_RUN_INCOMPLETE, "worker a.1 died (killed by signal 9)", "lost");
    ck_assert_str_eq(lki_result_failure(&result), "a worker died");
    settings.crashes = &crashes[4];
    verdict_is(LKI_RUN_INCOMPLETE, "worker b.1 was out of reach for 74 s", "is in no number");
    ck_assert_str_eq(lki_result_failure(&result), "a worker was out of reach");
    settings.crash_count = 2;
    verdict_is(LKI_RUN_INCOMPLETE, "worker b.2, like 1 other, was out of reach",
               "or still does for up to 66 s, is in no number");
    crashes[4].orphaned = crashes[5].orphaned = true;
    crashes[4].silent_ns = crashes[5].silent_ns = crashes[5].goes_on_ns = 0;
    crashes[4].at_ns = 61 * S;
    verdict_is(
        LKI_RUN_INCOMPLETE,
        "worker b.1, like 1 other, heard nothing of the orchestrator for too long: its users "
        "left 61 s after the start",
        "until they began anew");
    ck_assert_str_eq(lki_result_failure(&result), "a worker had lost the orchestrator");
    settings.crash_count = 1;
    settings.crashes = &crashes[2];
    verdict_is(LKI_RUN_INCOMPLETE, "on_setup crashed (abort)", "");
    settings.crashes = &crashes[3]; /* without workers */
    verdict_is(LKI_RUN_INCOMPLETE, "the event loop ended early (out of memory)", "lost");
    ck_assert_str_eq(lki_result_failure(&result), "the event loop ended early");
}
END_TEST

START_TEST(what_was_lost_makes_the_run_incomplete)
{
    settings.requests_lost = 1;
    verdict_is(LKI_RUN_INCOMPLETE, "1 request is counted in the totals",
               "no row below: its worker died before it told of it");
    settings.requests_lost = 2;
    verdict_is(LKI_RUN_INCOMPLETE, "2 requests are counted in the totals",
               "no row below: workers died before they told of them");
    settings.requests_lost = 0;
    settings.seconds_lost = 2;
    verdict_is(LKI_RUN_INCOMPLETE, "2 seconds of workers that died",
               "series, and no latency, knows of them");
    ck_assert_str_eq(lki_result_failure(&result), "data was lost");
    settings.seconds_lost = 0;
    judged.unexplained = true;
    verdict_is(LKI_RUN_INCOMPLETE, "lost for good", "");
    judged.unexplained = false;
    health[0].overflowed = 2;
    verdict_is(LKI_RUN_INCOMPLETE, "2 stacks overflowed", ".stack_bytes");
    ck_assert_int_eq(lki_result_exit_status(&result), LKI_EXIT_FAILED);
}
END_TEST

START_TEST(a_set_up_that_failed_fails_the_run)
{
    judged.set_up_failure = "no cart to be had";
    judged.failure = "something that follows from it";
    verdict_is(LKI_RUN_VALID, "", "");
    ck_assert_str_eq(lki_result_failure(&result), "on_setup failed: no cart to be had");
    judged.set_up_failure = NULL;
    judge();
    ck_assert_str_eq(lki_result_failure(&result), "something that follows from it");
}
END_TEST

START_TEST(what_is_worth_knowing_is_noted)
{
    judged.tear_down_failure = "still there";
    judged.set_up_abandoned = true;
    judged.no_users = true;
    health[0].abandoned = 3;
    verdict_is(LKI_RUN_VALID, "", "");
    ck_assert_uint_eq(result.note_count, 4);
    ck_assert_ptr_nonnull(strstr(result.notes[0], "3 users were still"));
    ck_assert_ptr_nonnull(strstr(result.notes[1], "no user could begin"));
    ck_assert_str_eq(result.notes[2], "on_teardown failed: still there");
    ck_assert_ptr_nonnull(strstr(result.notes[3], "on_setup was still"));
}
END_TEST

START_TEST(the_worst_verdict_stays_and_all_reasons_are_told)
{
    health[0].busy_ns = 10 * S;
    health[0].stalls = 50;
    health[0].busiest_ns = 200 * MS;
    settings.seconds_lost = 1;
    judge();
    ck_assert_int_eq(result.verdict, LKI_RUN_INCOMPLETE);
    ck_assert_uint_eq(result.reason_count, 3);
}
END_TEST

START_TEST(a_worker_is_called_so_once)
{
    char text[LKI_WORKER_BYTES];

    ck_assert_str_eq(lki_result_worker("", 2, text), "worker 2");
    ck_assert_str_eq(lki_result_worker("north", 2, text), "worker north");
    ck_assert_str_eq(lki_result_worker("worker-3", 2, text), "worker-3");
}
END_TEST

static Suite *verdict_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *bound = tcase_create("bound");
    TCase *incomplete = tcase_create("incomplete");

    tcase_add_checked_fixture(bound, setup, teardown);
    tcase_add_test(bound, a_worker_is_called_so_once);
    tcase_add_test(bound, a_run_that_was_well_is_valid);
    tcase_add_test(bound, a_processor_that_is_used_up_bounds_the_run);
    tcase_add_test(bound, the_worst_worker_is_named);
    tcase_add_test(bound, a_run_of_a_moment_says_nothing_of_the_processor);
    tcase_add_test(bound, a_processor_that_others_have_bounds_the_run);
    tcase_add_test(bound, a_loop_that_was_held_up_for_long_bounds_the_run);
    tcase_add_test(bound, descriptors_that_ran_out_bound_the_run);
    tcase_add_test(bound, ports_that_ran_out_bound_the_run);
    tcase_add_test(bound, steps_without_memory_for_a_stack_bound_the_run);
    tcase_add_test(bound, arrivals_that_are_dropped_bound_the_run);
    tcase_add_test(bound, users_that_never_began_bound_the_run);
    tcase_add_test(bound, who_began_is_noted_where_no_step_ran);
    tcase_add_test(bound, arrivals_of_which_none_found_a_user_say_nothing_of_the_generator);
    tcase_add_test(bound, arrivals_that_are_late_bound_the_run);
    tcase_add_test(bound, a_hiccup_among_few_arrivals_is_none_of_the_generator);
    tcase_add_checked_fixture(incomplete, setup, teardown);
    tcase_add_test(incomplete, a_crash_makes_the_run_incomplete);
    tcase_add_test(incomplete, what_was_lost_makes_the_run_incomplete);
    tcase_add_test(incomplete, a_set_up_that_failed_fails_the_run);
    tcase_add_test(incomplete, what_is_worth_knowing_is_noted);
    tcase_add_test(incomplete, the_worst_verdict_stays_and_all_reasons_are_told);
    suite_add_tcase(suite, bound);
    suite_add_tcase(suite, incomplete);
    return suite;
}

int main(void)
{
    return suite_run(verdict_suite());
}
