/* SIGINT, SIGTERM and SIGHUP on the loop of a role. */
#include "app/interrupts.h"

#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/suite.h"

static struct lki_loop loop;
static struct lki_interrupts interrupts;
static int calls;

static void on_interrupt(void *arg)
{
    ck_assert_ptr_eq(arg, &calls);
    calls++;
    lki_loop_stop(&loop);
}

static void setup(void)
{
    calls = 0;
    signal(SIGHUP, SIG_DFL); /* whatever the tests were started by */
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_interrupts_start(&interrupts, &loop, on_interrupt, &calls), LK_OK);
}

static void teardown(void)
{
    lki_interrupts_stop(&interrupts);
    lki_loop_close(&loop);
}

static void on_post(struct lki_post *post)
{
    (void)post;
    lki_loop_stop(&loop);
}

static void turn(void)
{
    struct lki_post post = {0};

    lki_loop_post(&loop, &post, on_post);
    lki_loop_run(&loop);
}

static void (*handler_of(int number))(int)
{
    struct sigaction action;

    ck_assert_int_eq(sigaction(number, NULL, &action), 0);
    return action.sa_handler;
}

START_TEST(each_that_comes_is_told_from_the_loop)
{
    for (int i = 1; i <= 3; i++) {
        raise(lki_interrupt_signals[_i]);
        ck_assert_int_eq(calls, i - 1);
        lki_loop_run(&loop);
        ck_assert_int_eq(calls, i);
    }
}
END_TEST

START_TEST(a_terminal_closes_once)
{
    raise(SIGHUP);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 1);
    raise(SIGHUP);
    turn();
    ck_assert_int_eq(calls, 1);
    raise(SIGTERM);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(a_hangup_that_was_ignored_stays_so)
{
    lki_interrupts_stop(&interrupts);
    signal(SIGHUP, SIG_IGN);
    ck_assert_int_eq(lki_interrupts_start(&interrupts, &loop, on_interrupt, &calls), LK_OK);
    ck_assert(handler_of(SIGHUP) == SIG_IGN);
    raise(SIGHUP);
    turn();
    ck_assert_int_eq(calls, 0);
    lki_interrupts_stop(&interrupts);
    ck_assert(handler_of(SIGHUP) == SIG_IGN);
}
END_TEST

START_TEST(they_are_handled_as_before)
{
    struct sigaction kept[LKI_INTERRUPT_SIGNALS];

    lki_interrupts_stop(&interrupts);
    signal(SIGINT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    lki_interrupts_keep(kept);
    ck_assert_int_eq(lki_interrupts_start(&interrupts, &loop, on_interrupt, &calls), LK_OK);
    lki_interrupts_stop(&interrupts);
    lki_interrupts_restore(kept);
    ck_assert(handler_of(SIGINT) == SIG_DFL);
    ck_assert(handler_of(SIGTERM) == SIG_IGN);
    ck_assert(handler_of(SIGHUP) == SIG_DFL);
}
END_TEST

START_TEST(afterwards_they_are_ignored)
{
    raise(lki_interrupt_signals[_i]);
    lki_interrupts_stop(&interrupts);
    raise(lki_interrupt_signals[_i]);
    turn();
    ck_assert_int_eq(calls, 0);
    ck_assert(handler_of(lki_interrupt_signals[_i]) == SIG_IGN);
}
END_TEST

/* Sends it to its parent until it is killed. */
static pid_t pester(int number)
{
    pid_t parent = getpid();
    pid_t child = suite_fork();

    while (child == 0) {
        if (getppid() != parent || kill(parent, number))
            _exit(EXIT_FAILURE);
    }
    return child;
}

START_TEST(none_slips_in_between)
{
    pid_t pest;
    sigset_t set;
    sigset_t before;

    sigemptyset(&set);
    sigaddset(&set, lki_interrupt_signals[_i]);
    pest = pester(lki_interrupt_signals[_i]);
    while (calls < 300) {
        turn();
        lki_interrupts_stop(&interrupts);
        sigprocmask(SIG_BLOCK, &set, &before);
        signal(lki_interrupt_signals[_i], SIG_DFL);
        ck_assert_int_eq(lki_interrupts_start(&interrupts, &loop, on_interrupt, &calls), LK_OK);
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    kill(pest, SIGKILL);
    waitpid(pest, NULL, 0);
}
END_TEST

START_TEST(they_stay_blocked_if_they_were)
{
    sigset_t set;
    sigset_t after;

    sigemptyset(&set);
    sigaddset(&set, lki_interrupt_signals[_i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    lki_interrupts_stop(&interrupts);
    sigprocmask(SIG_BLOCK, NULL, &after);
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++)
        ck_assert_int_eq(sigismember(&after, lki_interrupt_signals[i]), i == (size_t)_i);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
END_TEST

START_TEST(a_broken_pipe_does_not_end_the_program_meanwhile)
{
    raise(SIGPIPE);
    ck_assert(handler_of(SIGPIPE) == SIG_IGN);
    lki_interrupts_stop(&interrupts);
    ck_assert(handler_of(SIGPIPE) == SIG_DFL);
}
END_TEST

START_TEST(what_was_not_started_is_left_alone)
{
    struct lki_interrupts none = {0};

    lki_interrupts_stop(&none);
    ck_assert(handler_of(SIGPIPE) == SIG_IGN);
    raise(SIGINT);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 1);
    lki_interrupts_stop(&interrupts);
    signal(SIGINT, SIG_DFL);
    lki_interrupts_stop(&interrupts);
    ck_assert(handler_of(SIGINT) == SIG_DFL);
}
END_TEST

START_TEST(they_can_be_started_again)
{
    lki_interrupts_stop(&interrupts);
    ck_assert_int_eq(lki_interrupts_start(&interrupts, &loop, on_interrupt, &calls), LK_OK);
    raise(SIGTERM);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 1);
}
END_TEST

static Suite *interrupts_suite(void)
{
    Suite *suite = suite_create("interrupts");
    TCase *signals = tcase_create("signals");

    tcase_add_checked_fixture(signals, setup, teardown);
    tcase_set_timeout(signals, 30);
    tcase_add_loop_test(signals, each_that_comes_is_told_from_the_loop, 0, 2);
    tcase_add_test(signals, a_terminal_closes_once);
    tcase_add_test(signals, a_hangup_that_was_ignored_stays_so);
    tcase_add_test(signals, they_are_handled_as_before);
    tcase_add_loop_test(signals, afterwards_they_are_ignored, 0, LKI_INTERRUPT_SIGNALS);
    tcase_add_loop_test(signals, none_slips_in_between, 0, LKI_INTERRUPT_SIGNALS);
    tcase_add_loop_test(signals, they_stay_blocked_if_they_were, 0, LKI_INTERRUPT_SIGNALS);
    tcase_add_test(signals, a_broken_pipe_does_not_end_the_program_meanwhile);
    tcase_add_test(signals, what_was_not_started_is_left_alone);
    tcase_add_test(signals, they_can_be_started_again);
    suite_add_tcase(suite, signals);
    return suite;
}

int main(void)
{
    return suite_run(interrupts_suite());
}
