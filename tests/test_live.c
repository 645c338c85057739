/* The live display: what its lines say at each width, how they are drawn again, and what is printed
 * above them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "report/live.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/layout.h"
#include "support/suite.h"

static struct lki_live *live;
static FILE *file;
static char *text; /* all that was sent since the last take */
static size_t text_len;
static char taken[1 << 16];

/* A run that is well, in its middle. */
static const struct lki_live_state well = {
    .elapsed_ns = 12 * LKI_NS_PER_S,
    .total_ns = 30 * LKI_NS_PER_S,
    .users = 100,
    .users_wanted = 100,
    .requests_per_s = 4115.3,
    .steps_per_s = 4000,
    .p50_ns = 1200000,
    .p95_ns = 12345678,
    .p99_ns = 45 * LKI_NS_PER_MS,
    .workers = 2,
    .workers_alive = 2,
    .busy_share = 0.342,
    .busiest_ns = 1230000,
};

static struct lki_live_state state;

static void setup(void)
{
    state = well;
    setenv("TERM", "xterm", 1);
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    unsetenv("LANG");
    file = open_memstream(&text, &text_len);
    ck_assert_ptr_nonnull(file);
}

static void teardown(void)
{
    lki_live_free(live);
    live = NULL;
    fclose(file);
    free(text);
}

static void begin(int columns, bool colour)
{
    lki_live_free(live);
    ck_assert_int_eq(lki_live_new(&live, file, columns, colour, "shop"), LK_OK);
}

/* What was sent since the last call. */
static const char *take(void)
{
    fflush(file);
    ck_assert_uint_lt(text_len, sizeof(taken));
    memcpy(taken, text, text_len);
    taken[text_len] = '\0';
    rewind(file);
    return taken;
}

static void shows(const char *want)
{
    const char *got;

    take();
    lki_live_show(live, &state);
    got = take();
    ck_assert_msg(!strcmp(got, want), "want:\n%s\ngot:\n%s", want, got);
}

/* The block as it is drawn the first time, without the sequences around its lines. */
static void block_is(int columns, const char *want)
{
    static const char *const sequences[] = {"\x1b[?7l", "\x1b[K\r", "\x1b[K", "\x1b[J", "\x1b[?7h"};
    char *to = taken;

    begin(columns, false);
    take();
    lki_live_show(live, &state);
    take();
    for (const char *at = taken; *at;) {
        size_t i = 0;

        while (i < LKI_COUNT(sequences) && strncmp(at, sequences[i], strlen(sequences[i])) != 0)
            i++;
        if (i < LKI_COUNT(sequences))
            at += strlen(sequences[i]);
        else
            *to++ = *at++;
    }
    *to = '\0';
    ck_assert_msg(!strcmp(taken, want), "at %d columns, want:\n%s\ngot:\n%s", columns, want, taken);
}

/* ---- what it says */

START_TEST(the_block_tells_all_at_80_columns)
{
    state.failures = 12;
    state.failures_now = 3;
    block_is(80, "shop  #####################---------------------------------  12s/30s  18s left\n"
                 "  100 users                4,115 req/s              12 failed, 3 now\n"
                 "  p50 1.20ms               p95 12.3ms               p99 45.0ms\n"
                 "  generator 34% cpu        longest turn 1.23ms      2 workers");
}
END_TEST

START_TEST(more_users_than_are_wanted_are_told_apart)
{
    state.users_wanted = 57;
    block_is(80, "shop  #####################---------------------------------  12s/30s  18s left\n"
                 "  100 users, 57 wanted     4,115 req/s              0 failed\n"
                 "  p50 1.20ms               p95 12.3ms               p99 45.0ms\n"
                 "  generator 34% cpu        longest turn 1.23ms      2 workers");
}
END_TEST

START_TEST(the_block_is_as_wide_as_it_is_easy_to_read)
{
    state.users_wanted = 1200;
    state.rate_wanted = 250;
    block_is(120,
             "shop  #####################################----------------------------------------"
             "-----------------  12s/30s  18s left\n"
             "  100 of 1,200 users        4,115 req/s               0 failed"
             "                  250 arrivals/s\n"
             "  p50 1.20ms                p95 12.3ms                p99 45.0ms\n"
             "  generator 34% cpu         longest turn 1.23ms       2 workers");
}
END_TEST

START_TEST(a_narrow_block_has_the_most_important_parts)
{
    state.failures = 12;
    state.failures_now = 3;
    state.users_wanted = 1200;
    block_is(40, "shop  #####---------  12s/30s  18s left\n"
                 "  100 users   4,115 req/s  12 failed\n"
                 "  p50 1.20ms  p95 12.3ms  p99 45.0ms\n"
                 "  generator 34% cpu");
}
END_TEST

START_TEST(what_is_unknown_is_left_out)
{
    state = (struct lki_live_state){.elapsed_ns = 65 * LKI_NS_PER_S, .users = 1, .failures = 1};
    block_is(80, "shop  1m05s\n"
                 "  1 user                   0 req/s                  1 failed\n"
                 "  p50 -                    p95 -                    p99 -\n"
                 "  generator 0% cpu");
    state.steps_per_s = 50;
    state.state = "stopping";
    state.iterations = 1234;
    state.iterations_total = 2468;
    block_is(80, "shop  ################----------------  1m05s  stopping  1,234/2,468 iterations\n"
                 "  1 user                   50.0 steps/s             1 failed\n"
                 "  p50 -                    p95 -                    p99 -\n"
                 "  generator 0% cpu");
}
END_TEST

START_TEST(the_time_left_is_that_to_whichever_end_comes_first)
{
    state.iterations = 3000;
    state.iterations_total = 4000;
    block_is(80, "shop  #######################--------  12s/30s  4s left  3,000/4,000 iterations\n"
                 "  100 users                4,115 req/s              0 failed\n"
                 "  p50 1.20ms               p95 12.3ms               p99 45.0ms\n"
                 "  generator 34% cpu        longest turn 1.23ms      2 workers");
}
END_TEST

START_TEST(what_is_not_well_comes_first_and_in_its_ink)
{
    begin(120, true);
    state.busy_share = 0.972;
    state.workers_alive = 1;
    state.crashes = 2;
    state.arrivals_started = 1000;
    state.arrivals_late = 55;
    state.arrivals_dropped = 7;
    state.busiest_ns = 340 * LKI_NS_PER_MS;
    lki_live_show(live, &state);
    ck_assert_ptr_nonnull(
        strstr(take(), "  \x1b[33mgenerator \x1b[0m\x1b[33m97%\x1b[0m\x1b[33m cpu\x1b[0m"));
    ck_assert_ptr_nonnull(strstr(taken, "\x1b[31m2\x1b[0m\x1b[31m crashes\x1b[0m"));
    ck_assert_ptr_nonnull(strstr(taken, "\x1b[31m1\x1b[0m\x1b[31m of 2 workers\x1b[0m"));
    ck_assert_ptr_nonnull(strstr(taken, "\x1b[33m7\x1b[0m\x1b[33m dropped\x1b[0m"));
    ck_assert_ptr_nonnull(strstr(taken, "\x1b[33m5.50%\x1b[0m\x1b[33m late\x1b[0m"));
    block_is(80, "shop  #####################---------------------------------  12s/30s  18s left\n"
                 "  100 users                4,115 req/s              0 failed\n"
                 "  p50 1.20ms               p95 12.3ms               p99 45.0ms\n"
                 "  generator 97% cpu        2 crashes                1 of 2 workers  7 dropped");
}
END_TEST

START_TEST(a_well_generator_is_not_coloured)
{
    begin(120, true);
    lki_live_show(live, &state);
    ck_assert_ptr_null(strstr(take(), "\x1b[33m"));
    ck_assert_ptr_null(strstr(taken, "\x1b[31m"));
}
END_TEST

START_TEST(workers_that_come_and_go_with_the_run_are_not_missed)
{
    state.state = "starting";
    state.workers_alive = 0;
    block_is(80, "shop  #####################---------------------------------  12s/30s  starting\n"
                 "  100 users                4,115 req/s              0 failed\n"
                 "  p50 1.20ms               p95 12.3ms               p99 45.0ms\n"
                 "  generator 34% cpu        longest turn 1.23ms");
}
END_TEST

START_TEST(a_terminal_that_has_more_than_ascii_has_a_better_bar)
{
    setenv("LANG", "en_US.UTF-8", 1);
    block_is(40, "shop  \xe2\x94\x81\xe2\x94\x81\xe2\x94\x81\xe2\x94\x81\xe2\x94\x81\xe2\x94\x80"
                 "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80"
                 "\xe2\x94\x80\xe2\x94\x80  12s/30s  18s left\n"
                 "  100 users   4,115 req/s  0 failed\n"
                 "  p50 1.20ms  p95 12.3ms  p99 45.0ms\n"
                 "  generator 34% cpu");
    /* what counts most says no */
    setenv("LC_ALL", "C", 1);
    begin(40, false);
    lki_live_show(live, &state);
    ck_assert_ptr_null(strchr(take(), '\xe2'));
}
END_TEST

START_TEST(names_do_no_harm)
{
    ck_assert_int_eq(lki_live_new(&live, file, 80, false, "sh\x1b[2Jop\n"), LK_OK);
    state.state = "st\x1b]0;x\x07";
    lki_live_show(live, &state);
    ck_assert_ptr_nonnull(strstr(take(), "sh?[2Jop   "));
    ck_assert_ptr_nonnull(strstr(taken, "st?]0;x?"));
}
END_TEST

/* ---- how it is drawn */

START_TEST(it_is_drawn_again_in_its_place)
{
    begin(40, false);
    shows("\x1b[?7l"
          "shop  #####---------  12s/30s  18s left\x1b[K\r\n"
          "  100 users   4,115 req/s  0 failed\x1b[K\r\n"
          "  p50 1.20ms  p95 12.3ms  p99 45.0ms\x1b[K\r\n"
          "  generator 34% cpu\x1b[K\x1b[J\x1b[?7h");
    state.elapsed_ns = 15 * LKI_NS_PER_S;
    shows("\r\x1b[3A\x1b[?7l"
          "shop  #######-------  15s/30s  15s left\x1b[K\r\n"
          "  100 users   4,115 req/s  0 failed\x1b[K\r\n"
          "  p50 1.20ms  p95 12.3ms  p99 45.0ms\x1b[K\r\n"
          "  generator 34% cpu\x1b[K\x1b[J\x1b[?7h");
    lki_live_hide(live);
    ck_assert_str_eq(take(), "\r\x1b[3A\x1b[J");
    lki_live_hide(live);
    ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(what_is_printed_goes_above)
{
    static const char line[] = "the author says so\n";

    begin(40, false);
    lki_live_print(live, file, line, strlen(line));
    ck_assert_str_eq(take(), line);
    lki_live_show(live, &state);
    take();
    lki_live_print(live, file, line, strlen(line));
    ck_assert_str_eq(take(), "\r\x1b[3A\x1b[J"
                             "the author says so\n"
                             "\x1b[?7l"
                             "shop  #####---------  12s/30s  18s left\x1b[K\r\n"
                             "  100 users   4,115 req/s  0 failed\x1b[K\r\n"
                             "  p50 1.20ms  p95 12.3ms  p99 45.0ms\x1b[K\r\n"
                             "  generator 34% cpu\x1b[K\x1b[J\x1b[?7h");
    /* a line without an end would be drawn over */
    lki_live_print(live, file, "half", 4);
    ck_assert_ptr_nonnull(strstr(take(), "\x1b[Jhalf\n\x1b[?7l"));
}
END_TEST

START_TEST(what_goes_elsewhere_leaves_the_display_alone)
{
    char *other_text = NULL;
    size_t len;
    FILE *other = open_memstream(&other_text, &len);

    ck_assert_ptr_nonnull(other);
    begin(40, false);
    lki_live_show(live, &state);
    take();
    lki_live_print(live, other, "to a file", 9);
    ck_assert_str_eq(take(), "");
    fclose(other);
    ck_assert_str_eq(other_text, "to a file");
    free(other_text);
}
END_TEST

START_TEST(no_line_is_wider_than_the_terminal)
{
    state.failures = 123456789;
    state.failures_now = 1000000;
    state.users = 100000;
    state.users_wanted = 1000000;
    state.rate_wanted = 123456;
    state.crashes = 3;
    state.arrivals_dropped = 1000000;
    state.iterations_total = 1000000;
    for (int columns = 1; columns < 200; columns++) {
        const char *at;

        begin(columns, false);
        take();
        lki_live_show(live, &state);
        take();
        for (at = strstr(taken, "\x1b[?7l") + 5; at;) {
            const char *end = strstr(at, "\x1b[K");
            size_t width = lki_text_width(at, (size_t)(end - at));

            ck_assert_msg(width < (size_t)columns || (columns == 1 && !width), "at %d: %.*s",
                          columns, (int)(end - at), at);
            at = strstr(end, "\r\n");
            at = at ? at + 2 : NULL;
        }
    }
}
END_TEST

/* ---- on a real terminal */

static void resize(int fd, unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};

    ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
}

/* One block: what is written at once may come in parts. */
static const char *sent_to(int master)
{
    size_t len = 0;

    do {
        ssize_t got = read(master, taken + len, sizeof(taken) - 1 - len);

        ck_assert_int_gt(got, 0);
        len += (size_t)got;
        taken[len] = '\0';
    } while (!strstr(taken, "\x1b[?7h"));
    return taken;
}

START_TEST(a_terminal_is_asked_for_its_width_each_time)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    struct lki_live *on_tty;
    FILE *tty;
    int slave;

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    tty = fdopen(slave, "w");
    ck_assert_ptr_nonnull(tty);
    resize(master, 80);
    ck_assert_int_eq(lki_live_new(&on_tty, tty, 40, false, "shop"), LK_OK);
    lki_live_show(on_tty, &state);
    ck_assert_ptr_nonnull(
        strstr(sent_to(master), "  100 users                4,115 req/s              0 failed"));
    resize(master, 40);
    lki_live_show(on_tty, &state);
    /* the terminal has broken its lines, of 57 columns and more, in two */
    ck_assert_ptr_nonnull(strstr(sent_to(master), "\r\x1b[7A"));
    ck_assert_ptr_nonnull(strstr(taken, "  100 users   4,115 req/s  0 failed"));
    lki_live_show(on_tty, &state);
    ck_assert_ptr_nonnull(strstr(sent_to(master), "\r\x1b[3A"));
    lki_live_free(on_tty);
    fclose(tty);
    close(master);
}
END_TEST

/* ---- where there is no terminal */

START_TEST(elsewhere_there_are_plain_lines_now_and_then)
{
    int lines = 0;

    begin(0, true);
    for (int s = 0; s <= 60; s++) {
        state.elapsed_ns = s * LKI_NS_PER_S + 400;
        state.total_ns = 60 * LKI_NS_PER_S;
        lki_live_show(live, &state);
    }
    take();
    ck_assert_ptr_null(strchr(taken, '\x1b'));
    for (const char *at = strchr(taken, '\n'); at; at = strchr(at + 1, '\n'))
        lines++;
    ck_assert_int_eq(lines, 9); /* 1 2 5 10 20 30 40 50 60 */
    ck_assert_ptr_eq(strstr(taken, "1s/1m00s  100 users  4,115 req/s  0 failed  p50 1.20ms  "
                                   "p95 12.3ms  p99 45.0ms\n2s/"),
                     taken);
}
END_TEST

START_TEST(a_plain_line_tells_of_what_changed_and_what_is_not_well)
{
    begin(0, false);
    shows("12s/30s  100 users  4,115 req/s  0 failed  p50 1.20ms  p95 12.3ms  p99 45.0ms\n");
    shows("");
    state.state = "stopping";
    state.busy_share = 0.99;
    state.failures = 5;
    shows("12s/30s  stopping  100 users  4,115 req/s  5 failed  p50 1.20ms  p95 12.3ms  p99 45.0ms"
          "  generator 99% cpu  longest turn 1.23ms  2 workers\n");
    shows("");
    lki_live_print(live, file, "a line\n", 7);
    ck_assert_str_eq(take(), "a line\n");
    lki_live_hide(live);
    ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(when_time_counts_anew_lines_are_due_anew)
{
    begin(0, false);
    state.total_ns = 0;
    state.state = "setting up";
    state.elapsed_ns = 25 * LKI_NS_PER_S;
    lki_live_show(live, &state);
    take();
    state.state = NULL;
    state.elapsed_ns = 1 * LKI_NS_PER_S;
    shows("1s  100 users  4,115 req/s  0 failed  p50 1.20ms  p95 12.3ms  p99 45.0ms\n");
}
END_TEST

START_TEST(a_dumb_terminal_gets_plain_lines)
{
    setenv("TERM", "dumb", 1);
    begin(80, true);
    lki_live_show(live, &state);
    ck_assert_ptr_null(strchr(take(), '\x1b'));
    ck_assert_ptr_nonnull(strchr(taken, '\n'));
    unsetenv("TERM");
    begin(80, true);
    lki_live_show(live, &state);
    ck_assert_ptr_null(strchr(take(), '\x1b'));
}
END_TEST

START_TEST(without_colour_nothing_but_places_is_sent)
{
    begin(80, false);
    state.failures = 1;
    lki_live_show(live, &state);
    ck_assert_ptr_null(strstr(take(), "\x1b[0m"));
    ck_assert_ptr_null(strstr(taken, "\x1b[31m"));
}
END_TEST

START_TEST(no_display_is_no_harm)
{
    lki_live_show(NULL, &state);
    lki_live_hide(NULL);
    lki_live_free(NULL);
    lki_live_print(NULL, file, "x\n", 2);
    ck_assert_str_eq(take(), "x\n");
}
END_TEST

static Suite *live_suite(void)
{
    Suite *suite = suite_create("live");
    TCase *says = tcase_create("says");
    TCase *drawn = tcase_create("drawn");
    TCase *plain = tcase_create("plain");

    tcase_add_checked_fixture(says, setup, teardown);
    tcase_add_test(says, the_block_tells_all_at_80_columns);
    tcase_add_test(says, more_users_than_are_wanted_are_told_apart);
    tcase_add_test(says, the_block_is_as_wide_as_it_is_easy_to_read);
    tcase_add_test(says, a_narrow_block_has_the_most_important_parts);
    tcase_add_test(says, what_is_unknown_is_left_out);
    tcase_add_test(says, the_time_left_is_that_to_whichever_end_comes_first);
    tcase_add_test(says, what_is_not_well_comes_first_and_in_its_ink);
    tcase_add_test(says, a_well_generator_is_not_coloured);
    tcase_add_test(says, workers_that_come_and_go_with_the_run_are_not_missed);
    tcase_add_test(says, a_terminal_that_has_more_than_ascii_has_a_better_bar);
    tcase_add_test(says, names_do_no_harm);
    tcase_add_checked_fixture(drawn, setup, teardown);
    tcase_add_test(drawn, it_is_drawn_again_in_its_place);
    tcase_add_test(drawn, what_is_printed_goes_above);
    tcase_add_test(drawn, what_goes_elsewhere_leaves_the_display_alone);
    tcase_add_test(drawn, no_line_is_wider_than_the_terminal);
    tcase_add_test(drawn, a_terminal_is_asked_for_its_width_each_time);
    tcase_add_checked_fixture(plain, setup, teardown);
    tcase_add_test(plain, elsewhere_there_are_plain_lines_now_and_then);
    tcase_add_test(plain, a_plain_line_tells_of_what_changed_and_what_is_not_well);
    tcase_add_test(plain, when_time_counts_anew_lines_are_due_anew);
    tcase_add_test(plain, a_dumb_terminal_gets_plain_lines);
    tcase_add_test(plain, without_colour_nothing_but_places_is_sent);
    tcase_add_test(plain, no_display_is_no_harm);
    suite_add_tcase(suite, says);
    suite_add_tcase(suite, drawn);
    suite_add_tcase(suite, plain);
    return suite;
}

int main(void)
{
    return suite_run(live_suite());
}
