/* A run in a thread of its own: started, watched, ended and waited for from others. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "support/descriptors.h"
#include "support/suite.h"

#define THREADS 4

/* ---- the scenario: a user whose step does what the test in hand says ---- */

LK_PARAM(word, .value = "none");

static void (*setup_does)(lk_vu *vu);
static void (*step_does)(lk_vu *vu);
static int torn_down;

LK_ON_SETUP()
{
    if (setup_does)
        setup_does(vu);
}

LK_ON_TEARDOWN()
{
    torn_down++;
}

LK_VU(visitor)
{
    int visits;
};

LK_STEP(visitor, visit)
{
    self->visits++;
    step_does(vu);
}

/* ---- around a test ---- */

static lk_running *running;
static lk_result *result;
static char message[200];
static int pipe_ends[2];
static sem_t in_step;
static sem_t go_on;

static void setup(void)
{
    result = NULL;
    running = NULL;
    setup_does = NULL;
    torn_down = 0;
    ck_assert_int_eq(pipe(pipe_ends), 0);
    sem_init(&in_step, 0, 0);
    sem_init(&go_on, 0, 0);
}

static void teardown(void)
{
    lk_result_free(result);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    sem_destroy(&in_step);
    sem_destroy(&go_on);
}

#define OPTIONS(...)                                                                               \
    LK_RUN_OPTIONS(.message = message, .message_bytes = sizeof(message), __VA_ARGS__)

static void start(const struct lk_run_options *options)
{
    ck_assert_msg(lk_run_start(&running, options) == LK_OK, "%s", message);
}

static void wait_for_end(void)
{
    ck_assert_int_eq(lk_run_wait(running, &result), LK_OK);
}

static uint64_t code_count(const char *code)
{
    return lk_result_code_count(result, "visit", code);
}

/* Until the test has written to the pipe. */
static void wait_for_pipe(lk_vu *vu)
{
    sem_post(&in_step);
    ck_assert_int_eq(lk_wait_fd(vu, pipe_ends[0], LK_READABLE, LK_OFF), LK_READABLE);
}

static void nap(lk_vu *vu)
{
    lk_sleep(vu, 0.001);
}

/* ---- the end ---- */

START_TEST(a_stop_lets_steps_in_hand_end)
{
    step_does = wait_for_pipe;
    start(OPTIONS(.users = 2, .duration_s = LK_OFF, .grace_s = 1e6));
    sem_wait(&in_step);
    sem_wait(&in_step);
    lk_run_stop(running);
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    wait_for_end();
    ck_assert_uint_eq(lk_result_stats(result, "visit")->cancelled, 0);
    ck_assert_uint_ge(code_count("STEP_OK"), 2);
}
END_TEST

START_TEST(a_second_stop_cuts_them_off)
{
    step_does = wait_for_pipe;
    start(OPTIONS(.users = 2, .duration_s = LK_OFF, .grace_s = 1e6));
    sem_wait(&in_step);
    sem_wait(&in_step);
    for (int i = 0; i < 5; i++) /* the others change nothing */
        lk_run_stop(running);
    wait_for_end();
    ck_assert_uint_eq(lk_result_stats(result, "visit")->cancelled, 2);
    ck_assert_uint_eq(code_count("STEP_CANCELLED"), 2);
    ck_assert_int_eq(torn_down, 1);
}
END_TEST

START_TEST(a_stop_in_the_set_up_ends_the_run_before_its_users_begin)
{
    setup_does = wait_for_pipe;
    step_does = wait_for_pipe;
    start(OPTIONS(.users = 2, .duration_s = LK_OFF, .grace_s = 1e6));
    sem_wait(&in_step);
    for (int i = 0; i < _i; i++)
        lk_run_stop(running);
    if (_i == 1) /* it may end; a second stop has it end */
        ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    wait_for_end();
    ck_assert_uint_eq(lk_result_stats(result, "steps")->count, 0);
    ck_assert_int_eq(torn_down, 1);
}
END_TEST

/* Holds up the loop until the stop has been asked for, and then has it look at its events. */
static void drain_and_go_on(lk_vu *vu)
{
    lk_sleep(vu, 1e6);
    ck_assert(lk_should_stop(vu));
    sem_post(&in_step);
    sem_wait(&go_on);
    for (int i = 0; i < 10; i++)
        lk_sleep(vu, 0);
}

START_TEST(the_first_stop_cuts_nothing_off_in_a_run_that_ends_already)
{
    step_does = drain_and_go_on;
    start(OPTIONS(.duration_s = 0.001, .grace_s = 1e6));
    sem_wait(&in_step);
    lk_run_stop(running);
    sem_post(&go_on);
    wait_for_end();
    ck_assert_uint_eq(code_count("STEP_OK"), 1);
}
END_TEST

START_TEST(a_stop_is_heard_however_early_it_comes)
{
    step_does = nap;
    for (int i = 0; i < 50; i++) {
        start(OPTIONS(.users = 3, .duration_s = LK_OFF));
        lk_run_stop(running);
        ck_assert_int_eq(lk_run_wait(running, NULL), LK_OK);
    }
}
END_TEST

static void stop_self(lk_vu *vu)
{
    sem_wait(&go_on);
    lk_run_stop(running);
    lk_sleep(vu, 1e6);
}

START_TEST(a_step_may_stop_its_run)
{
    step_does = stop_self;
    start(OPTIONS(.duration_s = LK_OFF, .grace_s = 1e6));
    sem_post(&go_on);
    wait_for_end();
    ck_assert_uint_eq(code_count("STEP_OK"), 1);
}
END_TEST

/* ---- the numbers ---- */

START_TEST(the_last_numbers_are_those_of_the_result)
{
    struct lk_run_status status = {.size = sizeof(status)};

    step_does = nap;
    start(OPTIONS(.users = 2, .iterations = 20));
    do {
        sched_yield();
        lk_run_poll(running, &status);
    } while (!status.over);
    wait_for_end();
    ck_assert_uint_eq(status.size, sizeof(status));
    ck_assert_uint_eq(status.iterations, 20);
    ck_assert_uint_eq(status.steps, 20);
    ck_assert_uint_eq(status.step_errors, 0);
    ck_assert_uint_eq(status.http_requests, 0);
    ck_assert_uint_eq(status.users, 0);
    ck_assert_double_gt(status.elapsed_s, 0.009);
    ck_assert_double_gt(status.p95_ms, 0.9);
    ck_assert_uint_eq(lk_result_stats(result, "visit")->count, 20);
}
END_TEST

START_TEST(numbers_come_while_the_run_is_on)
{
    struct lk_run_status before = {.size = sizeof(before)};
    struct lk_run_status status = before;

    step_does = nap;
    start(OPTIONS(.users = 2, .duration_s = LK_OFF));
    do {
        sched_yield();
        before = status;
        lk_run_poll(running, &status);
        ck_assert(!status.over);
        ck_assert_uint_ge(status.iterations, before.iterations);
    } while (!status.iterations);
    lk_run_stop(running);
    wait_for_end();
    ck_assert_double_ge(status.elapsed_s, 1);
    ck_assert_uint_eq(status.users, 2);
    ck_assert_uint_ge(lk_result_stats(result, "visit")->count, status.steps);
}
END_TEST

START_TEST(a_status_of_an_older_program_is_filled_as_far_as_it_goes)
{
    struct lk_run_status status;

    step_does = nap;
    start(OPTIONS(.iterations = 1));
    memset(&status, 0x5a, sizeof(status));
    status.size = offsetof(struct lk_run_status, users);
    lk_run_poll(running, &status);
    wait_for_end();
    ck_assert_uint_eq(status.users, UINT64_C(0x5a5a5a5a5a5a5a5a));
    ck_assert_double_ge(status.elapsed_s, 0);
    ck_assert_double_le(status.elapsed_s, 60);
}
END_TEST

/* ---- one at a time ---- */

START_TEST(a_run_is_refused_while_another_one_is_on)
{
    char *args[] = {"shop", "-q", "-i", "1", NULL};
    lk_running *other = (lk_running *)&message;

    step_does = wait_for_pipe;
    start(OPTIONS(.iterations = 1));
    sem_wait(&in_step);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 1)), LK_E_STATE);
    ck_assert_str_eq(message, "a run is on already in this program; wait for its end");
    ck_assert_ptr_null(result);
    ck_assert_int_eq(lk_run_start(&other, OPTIONS(.iterations = 1)), LK_E_STATE);
    ck_assert_ptr_eq(other, &message);
    ck_assert_int_eq(lk_main(LKI_COUNT(args) - 1, args), 1);
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    wait_for_end();
    ck_assert_uint_eq(lk_result_stats(result, "visit")->count, 1);
    lk_result_free(result);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 1)), LK_OK);
}
END_TEST

struct racer {
    pthread_t thread;
    enum lk_err err;
    lk_result *result;
};

static void *race(void *arg)
{
    struct racer *racer = arg;

    racer->err = lk_run(&racer->result, LK_RUN_OPTIONS(.iterations = 1));
    if (racer->err)
        sem_post(&go_on);
    return NULL;
}

static void wait_for_losers(lk_vu *vu)
{
    (void)vu;
    for (int i = 0; i < THREADS - 1; i++)
        sem_wait(&go_on);
}

START_TEST(of_several_threads_one_gets_its_run)
{
    struct racer racers[THREADS] = {0};
    int won = 0;

    step_does = wait_for_losers;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        won += racers[i].err == LK_OK;
        ck_assert(racers[i].err == LK_OK || racers[i].err == LK_E_STATE);
        lk_result_free(racers[i].result);
    }
    ck_assert_int_eq(won, 1);
}
END_TEST

static void *poll_and_stop(void *arg)
{
    struct lk_run_status status = {.size = sizeof(status)};

    (void)arg;
    for (int i = 0; i < 1000; i++)
        lk_run_poll(running, &status);
    lk_run_stop(running);
    while (!status.over)
        lk_run_poll(running, &status);
    return NULL;
}

START_TEST(any_thread_may_poll_and_stop)
{
    pthread_t threads[THREADS];

    step_does = nap;
    start(OPTIONS(.users = 3, .duration_s = LK_OFF));
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, poll_and_stop, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    wait_for_end();
}
END_TEST

/* ---- the thread ---- */

static pthread_t step_thread;
static sigset_t step_signals;

static void look_at_thread(lk_vu *vu)
{
    (void)vu;
    step_thread = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &step_signals);
}

START_TEST(steps_run_in_a_thread_that_takes_no_signals_but_faults)
{
    step_does = look_at_thread;
    start(OPTIONS(.iterations = 1));
    wait_for_end();
    ck_assert(!pthread_equal(step_thread, pthread_self()));
    ck_assert_int_eq(sigismember(&step_signals, SIGINT), 1);
    ck_assert_int_eq(sigismember(&step_signals, SIGUSR1), 1);
    ck_assert_int_eq(sigismember(&step_signals, SIGSEGV), 0);
    lk_result_free(result);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 1)), LK_OK);
    ck_assert(pthread_equal(step_thread, pthread_self()));
}
END_TEST

static char seen_word[20];

static void see_word(lk_vu *vu)
{
    snprintf(seen_word, sizeof(seen_word), "%s", lk_param(vu, "word"));
}

START_TEST(options_are_copied)
{
    char name[] = "word";
    char value[] = "kept";
    const char *pairs[] = {name, value, NULL};
    struct lk_run_options options = *OPTIONS(.iterations = 1, .params = pairs);

    step_does = see_word;
    start(&options);
    memset(name, 'x', 4);
    memset(value, 'x', 4);
    pairs[0] = NULL;
    options = (struct lk_run_options){0};
    wait_for_end();
    ck_assert_str_eq(seen_word, "kept");
}
END_TEST

static enum lk_err own_err;

static void wait_for_self(lk_vu *vu)
{
    (void)vu;
    sem_wait(&go_on);
    own_err = lk_run_wait(running, NULL);
}

START_TEST(a_step_cannot_wait_for_its_run)
{
    step_does = wait_for_self;
    start(OPTIONS(.iterations = 1));
    sem_post(&go_on);
    wait_for_end();
    ck_assert_int_eq(own_err, LK_E_STATE);
}
END_TEST

static void *wait_to_go_on(void *unused)
{
    (void)unused;
    sem_wait(&go_on);
    return NULL;
}

START_TEST(a_program_with_threads_can_have_no_workers)
{
    pthread_t thread;

    step_does = nap;
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_to_go_on, NULL), 0);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 2, .workers = 1)), LK_E_STATE);
    ck_assert_ptr_nonnull(strstr(message, "this process has threads"));
    ck_assert_ptr_null(result);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 2, .workers = 1)), LK_OK);
}
END_TEST

START_TEST(what_cannot_be_started_is_refused_at_once)
{
    lk_running *other = (lk_running *)&message;

    ck_assert_int_eq(lk_run_start(&other, OPTIONS(.workers = 1)), LK_E_ARG);
    ck_assert_ptr_eq(other, &message);
    ck_assert_ptr_nonnull(strstr(message, "lk_run_start has a thread"));
    ck_assert_int_eq(lk_run_start(NULL, OPTIONS(.iterations = 1)), LK_E_ARG);
    ck_assert_str_eq(message, "there is no place for the run");
    ck_assert_int_eq(lk_run_wait(NULL, &result), LK_E_ARG);
    step_does = nap;
    start(OPTIONS(.iterations = 1));
    wait_for_end();
}
END_TEST

START_TEST(fifty_runs_leave_no_descriptor)
{
    int before = open_descriptors();

    step_does = nap;
    for (int i = 0; i < 50; i++) {
        start(OPTIONS(.users = 2, .iterations = 4));
        ck_assert_int_eq(lk_run_wait(running, NULL), LK_OK);
    }
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_thread");
    TCase *tests = tcase_create("thread");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_stop_lets_steps_in_hand_end);
    tcase_add_test(tests, a_second_stop_cuts_them_off);
    tcase_add_loop_test(tests, a_stop_in_the_set_up_ends_the_run_before_its_users_begin, 1, 4);
    tcase_add_test(tests, the_first_stop_cuts_nothing_off_in_a_run_that_ends_already);
    tcase_add_test(tests, a_stop_is_heard_however_early_it_comes);
    tcase_add_test(tests, a_step_may_stop_its_run);
    tcase_add_test(tests, the_last_numbers_are_those_of_the_result);
    tcase_add_test(tests, numbers_come_while_the_run_is_on);
    tcase_add_test(tests, a_status_of_an_older_program_is_filled_as_far_as_it_goes);
    tcase_add_test(tests, a_run_is_refused_while_another_one_is_on);
    tcase_add_test(tests, of_several_threads_one_gets_its_run);
    tcase_add_test(tests, any_thread_may_poll_and_stop);
    tcase_add_test(tests, steps_run_in_a_thread_that_takes_no_signals_but_faults);
    tcase_add_test(tests, options_are_copied);
    tcase_add_test(tests, a_step_cannot_wait_for_its_run);
    tcase_add_test(tests, a_program_with_threads_can_have_no_workers);
    tcase_add_test(tests, what_cannot_be_started_is_refused_at_once);
    tcase_add_test(tests, fifty_runs_leave_no_descriptor);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
