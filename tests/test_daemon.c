/* Processes in the background: how they begin, by what they are found again, and their end. */
#include "app/daemon.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/suite.h"

#define SOON_S 10

static char home[64];
static struct lki_rundir dir;
static struct lki_daemon daemon_one;
static struct lki_buf text;

static void setup(void)
{
    snprintf(home, sizeof(home), "/tmp/lk-daemon-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    setenv("XDG_RUNTIME_DIR", home, 1);
    lki_buf_init(&text, 65536);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &text), LK_OK);
}

static void teardown(void)
{
    lki_rundir_remove(&dir);
    lki_rundir_close(&dir);
    lki_buf_release(&text);
    ck_assert_int_eq(rmdir(home), 0);
}

/* A shell that carries out the script. */
static enum lk_err start(const char *script, const char *input)
{
    char *argv[] = {"sh", "-c", (char *)script, "name", NULL};
    static const char *const unset[] = {"SECRET", NULL};

    return lki_daemon_start(
        &daemon_one, &dir,
        &(struct lki_daemon_settings){
            .name = "one", .path = "sh", .argv = argv, .input = input, .unset = unset});
}

static void pause_short(void)
{
    const struct timespec span = {.tv_nsec = 10 * LKI_NS_PER_MS};

    nanosleep(&span, NULL);
}

static void wait_for_end(void)
{
    for (int i = 0; i < SOON_S * 100 && lki_daemon_is_alive(&daemon_one); i++)
        pause_short();
    ck_assert(!lki_daemon_is_alive(&daemon_one));
}

/* Until the log is that. */
static void log_verify(const char *want)
{
    for (int i = 0; i < SOON_S * 100; i++) {
        lki_buf_clear(&text);
        lki_daemon_tail(&daemon_one, &dir, &text);
        if (text.len == strlen(want) && !memcmp(text.data, want, text.len))
            return;
        pause_short();
    }
    ck_assert_msg(false, "the log is: %.*s", (int)text.len, text.data);
}

START_TEST(it_has_a_session_its_input_and_a_log)
{
    setenv("SECRET", "x", 1);
    ck_assert_int_eq(start("cat; echo \"$SECRET.\" >&2; ps -o sid= -p $$ | tr -d ' '", "a\nb\n"),
                     LK_OK);
    wait_for_end();
    {
        char want[100];

        snprintf(want, sizeof(want), "one: a\none: b\none: .\none: %ld\n", (long)daemon_one.pid);
        log_verify(want);
    }
}
END_TEST

/* Whoever waits for the other end of a pipe that a shell had open would wait for ever. */
START_TEST(it_inherits_no_descriptor)
{
    int ends[2];
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(start("exec sleep 60", NULL), LK_OK);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    lki_daemons_end(&daemon_one, 1, LKI_NS_PER_S);
}
END_TEST

/* All but those that the C library keeps for itself: 32 and above. */
START_TEST(signals_are_as_at_the_start_of_a_program)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    ck_assert_int_eq(start("for kind in Blk Ign; do"
                           "    set -- $(grep Sig$kind /proc/$$/status);"
                           "    echo $((0x$2 & 0x7fffffff));"
                           "done",
                           NULL),
                     LK_OK);
    sigprocmask(SIG_SETMASK, &before, NULL);
    log_verify("one: 0\none: 0\n");
    wait_for_end();
}
END_TEST

START_TEST(it_is_found_again_by_its_file)
{
    struct lki_daemon found;

    ck_assert(!lki_daemon_read(&found, &dir, "one"));
    ck_assert_int_eq(start("exec sleep 60", NULL), LK_OK);
    ck_assert(lki_daemon_read(&found, &dir, "one"));
    ck_assert_int_eq(found.pid, daemon_one.pid);
    ck_assert_str_eq(found.name, "one");
    ck_assert(lki_daemon_is_alive(&found));
    lki_daemons_end(&found, 1, SOON_S * LKI_NS_PER_S);
    ck_assert(!lki_daemon_is_alive(&found));
    ck_assert(lki_daemon_read(&found, &dir, "one"));
}
END_TEST

/* The number of one that has ended may be somebody else's by now. */
START_TEST(a_process_that_was_born_at_another_time_is_left_alone)
{
    struct lki_daemon other;

    ck_assert_int_eq(start("exec sleep 60", NULL), LK_OK);
    other = daemon_one;
    other.born--;
    ck_assert(!lki_daemon_is_alive(&other));
    lki_daemons_end(&other, 1, LKI_NS_PER_S);
    ck_assert(lki_daemon_is_alive(&daemon_one));
    lki_daemons_end(&daemon_one, 1, SOON_S * LKI_NS_PER_S);
}
END_TEST

/* The state of a process, '-' if there is none, and when it was born. */
static char state_of(long pid, unsigned long long *born)
{
    char path[64];
    char line[512] = "";
    char state = '-';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return state;
    (void)!fgets(line, sizeof(line), file);
    fclose(file);
    sscanf(strrchr(line, ')'),
           ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
           &state, born);
    return state;
}

/* The number that the daemon says first. */
static long number_said(void)
{
    long number = 0;

    for (int i = 0; i < SOON_S * 100 && !number; i++) {
        lki_buf_clear(&text);
        lki_daemon_tail(&daemon_one, &dir, &text);
        if (text.len)
            ck_assert_int_eq(sscanf(lki_buf_cstr(&text), "one: %ld", &number), 1);
        pause_short();
    }
    return number;
}

/* As all do for which the first process of a system does not wait. */
START_TEST(one_that_has_ended_lives_no_more_even_if_nobody_has_waited_for_it)
{
    struct lki_daemon ended = {.name = "ended"};
    unsigned long long born;

    ck_assert_int_eq(start("sleep 60 & echo $!; exec sleep 60", NULL), LK_OK);
    ended.pid = (pid_t)number_said();
    ck_assert_int_ne(state_of(ended.pid, &born), '-');
    ended.born = born;
    ck_assert(lki_daemon_is_alive(&ended));
    kill(ended.pid, SIGKILL);
    for (int i = 0; i < SOON_S * 100 && state_of(ended.pid, &born) != 'Z'; i++)
        pause_short();
    ck_assert_int_eq(state_of(ended.pid, &born), 'Z');
    ck_assert(!lki_daemon_is_alive(&ended));
    lki_daemons_end(&daemon_one, 1, SOON_S * LKI_NS_PER_S);
}
END_TEST

START_TEST(one_that_does_not_listen_is_killed_with_its_own)
{
    unsigned long long born;
    char state = 'S';
    long child;

    ck_assert_int_eq(start("trap '' TERM; sleep 60 & echo $!; wait; wait", NULL), LK_OK);
    child = number_said();
    ck_assert_int_eq(kill((pid_t)child, 0), 0);
    lki_daemons_end(&daemon_one, 1, 100 * LKI_NS_PER_MS);
    ck_assert(!lki_daemon_is_alive(&daemon_one));
    for (int i = 0; i < SOON_S * 100 && state != '-' && state != 'Z'; i++) {
        state = state_of(child, &born);
        pause_short();
    }
    ck_assert_msg(state == '-' || state == 'Z', "what it has started goes on");
}
END_TEST

START_TEST(what_cannot_be_started_is_told)
{
    char *argv[] = {"no-such-program-anywhere", NULL};
    struct lki_daemon_settings settings = {.name = "one", .path = argv[0], .argv = argv};
    struct lki_daemon found;

    ck_assert_int_eq(lki_daemon_start(&daemon_one, &dir, &settings), LK_E_NOT_FOUND);
    settings.path = "/dev/null";
    ck_assert_int_eq(lki_daemon_start(&daemon_one, &dir, &settings), LK_E_SYSTEM);
    ck_assert(!lki_daemon_read(&found, &dir, "one"));
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(only_the_last_lines_of_a_log_are_shown)
{
    ck_assert_int_eq(start("seq 1000; printf '\\033[2Jx'", NULL), LK_OK);
    log_verify("one: 990\none: 991\none: 992\none: 993\none: 994\none: 995\none: 996\none: 997\n"
               "one: 998\none: 999\none: 1000\none: ?[2Jx\n");
    wait_for_end();
}
END_TEST

static const char *const broken[] = {"", "x", "12", "0 5", "1 5", "-3 5", "99999999999999999999"};

START_TEST(a_broken_file_is_none)
{
    struct lki_daemon found;

    ck_assert_int_eq(lki_rundir_write(&dir, "one.pid", broken[_i]), LK_OK);
    ck_assert(!lki_daemon_read(&found, &dir, "one"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("daemon");
    TCase *tcase = tcase_create("daemon");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, it_has_a_session_its_input_and_a_log);
    tcase_add_test(tcase, it_inherits_no_descriptor);
    tcase_add_test(tcase, signals_are_as_at_the_start_of_a_program);
    tcase_add_test(tcase, it_is_found_again_by_its_file);
    tcase_add_test(tcase, a_process_that_was_born_at_another_time_is_left_alone);
    tcase_add_test(tcase, one_that_has_ended_lives_no_more_even_if_nobody_has_waited_for_it);
    tcase_add_test(tcase, one_that_does_not_listen_is_killed_with_its_own);
    tcase_add_test(tcase, what_cannot_be_started_is_told);
    tcase_add_test(tcase, only_the_last_lines_of_a_log_are_shown);
    tcase_add_loop_test(tcase, a_broken_file_is_none, 0, LKI_COUNT(broken));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
