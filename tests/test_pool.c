/* Helper threads: work is done on them, what comes of it is told in the loop. */
#include "loop/pool.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "loop/task.h"
#include "support/suite.h"

#define THREADS LKI_HELPERS_MAX
#define JOBS 1000

static struct lki_loop loop;
static pthread_t loop_thread;

struct job {
    struct lki_job job;
    atomic_int worked; /* how often work was called */
    int done;
    int dropped;
    bool elsewhere; /* worked on another thread than the loop's */
};

static struct job jobs[JOBS];
static int left; /* jobs until the loop stops */
static sem_t started;
static sem_t gate;

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    loop_thread = pthread_self();
    memset(jobs, 0, sizeof(jobs));
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
}

static void teardown(void)
{
    lki_loop_close(&loop);
}

static void count_work(struct lki_job *job)
{
    struct job *self = LKI_CONTAINER(job, struct job, job);

    self->elsewhere = !pthread_equal(pthread_self(), loop_thread);
    self->worked++;
}

static void wait_at_gate(struct lki_job *job)
{
    sem_post(&started);
    sem_wait(&gate);
    count_work(job);
}

static void on_done(struct lki_job *job)
{
    struct job *self = LKI_CONTAINER(job, struct job, job);

    ck_assert(pthread_equal(pthread_self(), loop_thread));
    self->done++;
    if (--left == 0)
        lki_loop_stop(&loop);
}

static void on_dropped(struct lki_job *job)
{
    LKI_CONTAINER(job, struct job, job)->dropped++;
}

static void submit(struct job *job, void (*work)(struct lki_job *))
{
    job->job = (struct lki_job){.work = work, .on_done = on_done, .on_dropped = on_dropped};
    ck_assert_int_eq(lki_pool_submit(&loop, &job->job), LK_OK);
}

static void run(int count)
{
    left = count;
    lki_loop_run(&loop);
}

/* Waits until a job has begun; false when none does for so long that none ever will. */
static bool begun(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    return !sem_timedwait(&started, &until);
}

static void open_gate(int count)
{
    while (count--)
        sem_post(&gate);
}

START_TEST(a_loop_without_jobs_has_no_threads)
{
    ck_assert_ptr_null(loop.pool);
    ck_assert(lki_pool_close(NULL));
}
END_TEST

START_TEST(every_job_is_worked_on_elsewhere_and_told_once_in_the_loop)
{
    for (int i = 0; i < JOBS; i++)
        submit(&jobs[i], count_work);
    run(JOBS);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(jobs[i].worked, 1);
        ck_assert_int_eq(jobs[i].done, 1);
        ck_assert_int_eq(jobs[i].dropped, 0);
        ck_assert(jobs[i].elsewhere);
    }
}
END_TEST

START_TEST(so_many_jobs_run_at_once_as_there_are_threads)
{
    for (int i = 0; i < 3 * THREADS; i++)
        submit(&jobs[i], wait_at_gate);
    for (int i = 0; i < THREADS; i++)
        ck_assert(begun());
    ck_assert_int_eq(sem_trywait(&started), -1); /* the others wait for a thread */
    open_gate(3 * THREADS);
    run(3 * THREADS);
    for (int i = 0; i < 3 * THREADS; i++)
        ck_assert_int_eq(jobs[i].done, 1);
}
END_TEST

/* One idle thread is no reason to let the second of two jobs wait until the first is done. */
START_TEST(an_idle_thread_is_counted_on_for_one_job_only)
{
    const struct timespec moment = {.tv_nsec = 2000000};

    for (int round = 0; round < 10; round++) {
        submit(&jobs[0], count_work);
        run(1);
        nanosleep(&moment, NULL); /* the thread goes idle */
        submit(&jobs[1], wait_at_gate);
        submit(&jobs[2], wait_at_gate);
        ck_assert(begun());
        ck_assert(begun());
        open_gate(2);
        run(2);
        teardown();
        setup();
    }
}
END_TEST

static void on_done_submit_next(struct lki_job *job)
{
    struct job *self = LKI_CONTAINER(job, struct job, job);

    if (++self->done < 500)
        ck_assert_int_eq(lki_pool_submit(&loop, job), LK_OK);
    else if (--left == 0)
        lki_loop_stop(&loop);
}

START_TEST(a_job_may_be_submitted_anew_when_it_is_done)
{
    for (int i = 0; i < 4; i++) {
        jobs[i].job = (struct lki_job){.work = count_work, .on_done = on_done_submit_next};
        ck_assert_int_eq(lki_pool_submit(&loop, &jobs[i].job), LK_OK);
    }
    run(4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(jobs[i].worked, 500);
}
END_TEST

static void note_signals(struct lki_job *job)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    LKI_CONTAINER(job, struct job, job)->worked = sigismember(&blocked, SIGINT) &&
                                                  sigismember(&blocked, SIGTERM) &&
                                                  sigismember(&blocked, SIGUSR1);
}

START_TEST(signals_are_left_to_the_programs_own_threads)
{
    sigset_t blocked;

    submit(&jobs[0], note_signals);
    run(1);
    ck_assert_int_eq(jobs[0].worked, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ck_assert_int_eq(sigismember(&blocked, SIGINT), 0);
}
END_TEST

/* ---- what they show ---- */

static struct lki_loop_shown shown;
static struct lki_in_hand seen_there;

static void note_in_hand(struct lki_job *job)
{
    const struct lki_in_hand *in_hand = lki_pool_in_hand(loop.pool);

    seen_there = in_hand ? *in_hand : (struct lki_in_hand){.step = "none"};
    wait_at_gate(job);
}

static size_t helpers_at(const char *step, uint64_t user)
{
    size_t count = 0;

    for (size_t i = 0; i < LKI_HELPERS_MAX; i++)
        count += shown.helpers[i].step == step && (!step || shown.helpers[i].user == user);
    return count;
}

static void submit_in_task(struct lki_task *task)
{
    lki_task_take(task, "pay");
    submit(task->owner, note_in_hand);
}

START_TEST(a_helper_shows_whose_work_it_does)
{
    struct lki_task *task;

    lki_loop_show(&loop, &shown);
    task = lki_task_new(&loop, 0, submit_in_task, &jobs[0]);
    task->in_hand.user = 7;
    lki_task_resume(task);
    ck_assert(begun());
    ck_assert_str_eq(seen_there.step, "pay");
    ck_assert_uint_eq(seen_there.user, 7);
    ck_assert_uint_eq(helpers_at(seen_there.step, 7), 1);
    ck_assert_uint_eq(helpers_at(NULL, 0), LKI_HELPERS_MAX - 1);
    ck_assert_ptr_null(lki_pool_in_hand(loop.pool));
    ck_assert_ptr_null(lki_pool_in_hand(NULL));
    open_gate(1);
    run(1);
    ck_assert_uint_eq(helpers_at(NULL, 0), LKI_HELPERS_MAX);
}
END_TEST

START_TEST(what_nobody_asked_for_is_nobodys)
{
    submit(&jobs[0], note_in_hand);
    ck_assert(begun());
    ck_assert_ptr_null(seen_there.step);
    open_gate(1);
    run(1);
}
END_TEST

/* ---- the end ---- */

/* What is left to abandoned jobs is never freed: kept in sight of those who look for leaks. */
static volatile struct lki_loop abandoned[3];

START_TEST(closing_drops_what_is_done_but_was_not_told)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    static struct job mine[1];
    bool ended;

    submit(&mine[0], count_work);
    while (!mine[0].worked)
        sched_yield();
    nanosleep(&moment, NULL); /* the thread puts it away */
    abandoned[2] = loop;
    ended = lki_pool_close(loop.pool);
    loop.pool = NULL;
    ck_assert_int_eq(mine[0].done, 0);
    ck_assert_int_eq(mine[0].dropped, ended);
}
END_TEST

START_TEST(closing_drops_what_waits_and_abandons_what_runs)
{
    enum { COUNT = 2 * THREADS };
    static struct job mine[COUNT]; /* an abandoned thread touches its job once more */

    for (int i = 0; i < COUNT; i++)
        submit(&mine[i], wait_at_gate);
    for (int i = 0; i < THREADS; i++)
        ck_assert(begun());
    abandoned[0] = loop;
    ck_assert(!lki_pool_close(loop.pool));
    loop.pool = NULL;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(mine[i].dropped, 0);
    for (int i = THREADS; i < COUNT; i++) {
        ck_assert_int_eq(mine[i].dropped, 1);
        ck_assert_int_eq(mine[i].worked, 0);
    }
    /* the abandoned ones end in their own time, without a loop */
    lki_loop_close(&loop);
    open_gate(THREADS);
    for (int i = 0; i < THREADS; i++) {
        while (!mine[i].worked)
            sched_yield();
    }
    setup();
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(mine[i].done, 0);
}
END_TEST

START_TEST(a_loop_closed_while_a_job_runs_leaves_its_stacks_to_it)
{
    static struct job mine[1];
    struct lki_stack *stack = lki_stack_take(&loop.stacks, 0);
    volatile char *base = stack->base;

    *base = 7;
    submit(&mine[0], wait_at_gate);
    ck_assert(begun());
    abandoned[1] = loop;
    lki_loop_close(&loop);
    ck_assert_int_eq(*base, 7);
    open_gate(1);
    while (!mine[0].worked)
        sched_yield();
    setup();
}
END_TEST

static Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *work = tcase_create("work");
    TCase *close = tcase_create("close");

    tcase_add_checked_fixture(work, setup, teardown);
    tcase_add_test(work, a_loop_without_jobs_has_no_threads);
    tcase_add_test(work, every_job_is_worked_on_elsewhere_and_told_once_in_the_loop);
    tcase_add_test(work, so_many_jobs_run_at_once_as_there_are_threads);
    tcase_add_test(work, an_idle_thread_is_counted_on_for_one_job_only);
    tcase_add_test(work, a_job_may_be_submitted_anew_when_it_is_done);
    tcase_add_test(work, signals_are_left_to_the_programs_own_threads);
    tcase_add_test(work, a_helper_shows_whose_work_it_does);
    tcase_add_test(work, what_nobody_asked_for_is_nobodys);
    tcase_add_checked_fixture(close, setup, teardown);
    tcase_add_test(close, closing_drops_what_is_done_but_was_not_told);
    tcase_add_test(close, closing_drops_what_waits_and_abandons_what_runs);
    tcase_add_test(close, a_loop_closed_while_a_job_runs_leaves_its_stacks_to_it);
    suite_add_tcase(suite, work);
    suite_add_tcase(suite, close);
    return suite;
}

int main(void)
{
    return suite_run(pool_suite());
}
