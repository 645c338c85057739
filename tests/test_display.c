/* What of a run is shown as it goes, from how its core stands. */
#include "app/display.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support/suite.h"

static struct lki_display display;
static struct lki_run_settings settings;
static struct lki_core_status status;
static FILE *file;
static char *text; /* all that was shown */
static size_t text_len;

static void setup(void)
{
    setenv("TERM", "xterm", 1);
    file = open_memstream(&text, &text_len);
    ck_assert_ptr_nonnull(file);
    settings = (struct lki_run_settings){.workers = 2, .progress = file, .program = "shop"};
    status = (struct lki_core_status){
        .state = LKI_CORE_RUNNING,
        .elapsed_ns = 10 * LKI_NS_PER_S,
        .total_ns = 20 * LKI_NS_PER_S,
        .users = 100,
        .users_wanted = 100,
        .workers = 2,
        .workers_alive = 2,
        .last = {.span_ns = LKI_NS_PER_S, .requests = 50, .errors = 1},
        .totals = {.http_requests = 500, .http_errors = 3, .step_errors = 200},
    };
}

static void teardown(void)
{
    lki_display_close(&display);
    fclose(file);
    free(text);
}

static void shows(const char *want)
{
    long from = ftell(file);

    lki_display_show(&display, &status);
    fflush(file);
    ck_assert_str_eq(text + from, want);
}

static void begin(int columns)
{
    settings.progress_columns = columns;
    ck_assert_int_eq(lki_display_open(&display, &settings), LK_OK);
}

START_TEST(a_run_is_shown_as_it_goes)
{
    begin(0);
    shows("10s/20s  100 users  50.0 req/s  3 failed, 1 now\n");
    status.elapsed_ns = 20 * LKI_NS_PER_S;
    status.workers_alive = 1;
    status.last = (struct lki_series_row){.span_ns = LKI_NS_PER_S / 2, .steps = 20};
    status.totals.http_requests = 0;
    shows("20s/20s  100 users  40.0 steps/s  200 failed  generator 0% cpu  1 of 2 workers\n");
}
END_TEST

/* A second without requests has steps only: each number of a line is about the same. */
START_TEST(what_failed_is_of_what_the_rate_is)
{
    begin(0);
    status.last = (struct lki_series_row){.span_ns = LKI_NS_PER_S, .steps = 60, .step_errors = 60};
    shows("10s/20s  100 users  60.0 steps/s  200 failed, 60 now\n");
    status.elapsed_ns = 20 * LKI_NS_PER_S;
    status.last = (struct lki_series_row){.span_ns = LKI_NS_PER_S};
    shows("20s/20s  100 users  0 req/s  3 failed\n");
}
END_TEST

START_TEST(how_it_begins_and_ends_is_named)
{
    begin(0);
    status.state = LKI_CORE_IDLE;
    status.users = 0;
    status.last = (struct lki_series_row){0};
    status.totals = (struct lki_totals){0};
    status.elapsed_ns = 0;
    shows("0s  starting  0 of 100 users  0 req/s  0 failed\n");
    status.setting_up = true;
    shows("0s  setting up  0 of 100 users  0 req/s  0 failed\n");
    status.setting_up = false;
    status.state = LKI_CORE_STOPPING;
    status.users = 7;
    status.users_wanted = 0;
    shows("0s/20s  stopping  7 users  0 req/s  0 failed\n");
    status.tearing_down = true;
    status.users = 0;
    shows("0s/20s  tearing down  0 users  0 req/s  0 failed\n");
}
END_TEST

/* lines, a block */
static const int widths[] = {0, 80};

START_TEST(of_what_is_over_nothing_is_shown)
{
    begin(widths[_i]);
    status.state = LKI_CORE_OVER;
    status.elapsed_ns = status.total_ns;
    status.users = 0;
    status.workers_alive = 0;
    shows("");
}
END_TEST

START_TEST(what_this_process_prints_is_not_drawn_over)
{
    settings.workers = 0;
    begin(80);
    status.workers = 1;
    shows("10s/20s  100 users  50.0 req/s  3 failed, 1 now\n");
}
END_TEST

START_TEST(without_progress_nothing_is_shown)
{
    settings.progress = NULL;
    begin(80);
    shows("");
    lki_display_print(&display, file, "a line\n", 7);
    ck_assert_str_eq(text, "a line\n");
}
END_TEST

static Suite *display_suite(void)
{
    Suite *suite = suite_create("display");
    TCase *shown = tcase_create("shown");

    tcase_add_checked_fixture(shown, setup, teardown);
    tcase_add_test(shown, a_run_is_shown_as_it_goes);
    tcase_add_test(shown, what_failed_is_of_what_the_rate_is);
    tcase_add_test(shown, how_it_begins_and_ends_is_named);
    tcase_add_loop_test(shown, of_what_is_over_nothing_is_shown, 0, LKI_COUNT(widths));
    tcase_add_test(shown, what_this_process_prints_is_not_drawn_over);
    tcase_add_test(shown, without_progress_nothing_is_shown);
    suite_add_tcase(suite, shown);
    return suite;
}

int main(void)
{
    return suite_run(display_suite());
}
