/* A loop and its copy in a child after fork, and what a loop shows to other processes. */
#include "loop/loop.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/suite.h"

static struct lki_loop loop;
static struct lki_timer limit;
static int ends[2];
static int posts;
static int bytes_read;

static void on_limit(struct lki_timer *timer)
{
    (void)timer;
    EXPECT(false, "waited too long");
    lki_loop_stop(&loop);
}

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &limit, on_limit), LK_OK);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    lki_timer_set(&loop.timers, &limit, lki_loop_now(&loop) + 20 * LKI_NS_PER_S);
    posts = 0;
    bytes_read = 0;
}

static void teardown(void)
{
    lki_timer_release(&loop.timers, &limit);
    lki_loop_close(&loop);
    close(ends[0]);
    close(ends[1]);
}

static void on_readable(struct lki_io *io, unsigned events)
{
    char byte;

    (void)io;
    (void)events;
    EXPECT(read(ends[0], &byte, 1) == 1, "nothing there");
    bytes_read++;
    lki_loop_stop(&loop);
}

static void on_post(struct lki_post *post)
{
    (void)post;
    posts++;
}

static int signals;

static void on_signal(struct lki_signal *sig)
{
    (void)sig;
    signals++;
    lki_loop_stop(&loop);
}

static int wait_for(pid_t pid)
{
    int status = -1;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* What the child does with its copy; its exit status says what went wrong. */
static void be_child(void)
{
    struct lki_loop own;

    if (lki_loop_forked(&loop))
        _exit(1);
    if (posts)
        _exit(2);
    if (lki_loop_open(&own))
        _exit(3);
    _exit(0);
}

START_TEST(a_child_closes_its_copy_and_the_parent_still_sees_what_comes)
{
    struct lki_post post = {.fn = NULL};
    struct lki_io io = {.started = false};
    pid_t pid;

    ck_assert_int_eq(lki_io_start(&loop, &io, ends[0], LKI_READABLE | LKI_EDGE, on_readable),
                     LK_OK);
    lki_loop_post(&loop, &post, on_post);
    pid = suite_fork();
    if (pid == 0)
        be_child();
    ck_assert_int_eq(wait_for(pid), 0);
    ck_assert_int_eq((int)write(ends[1], "x", 1), 1);
    lki_loop_run(&loop);
    ck_assert_int_eq(bytes_read, 1);
    ck_assert_int_eq(posts, 1);
    lki_io_stop(&io);
}
END_TEST

static void on_stop(struct lki_post *post)
{
    (void)post;
    lki_loop_stop(&loop);
}

START_TEST(a_signal_to_the_child_is_none_to_the_parent)
{
    struct lki_post post = {.fn = NULL};
    struct lki_signal sig = {.started = false};
    sigset_t all;
    sigset_t before;
    pid_t pid;

    ck_assert_int_eq(lki_signal_start(&loop, &sig, SIGUSR1, on_signal), LK_OK);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = suite_fork();
    if (pid == 0) {
        int failed = lki_loop_forked(&loop) != LK_OK;

        signal(SIGUSR1, SIG_IGN);
        sigprocmask(SIG_SETMASK, &before, NULL);
        raise(SIGUSR1);
        _exit(failed);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    ck_assert_int_eq(wait_for(pid), 0);
    /* it would be there by now */
    signals = 0;
    lki_loop_post(&loop, &post, on_stop);
    lki_loop_run(&loop);
    ck_assert_int_eq(signals, 0);
    raise(SIGUSR1);
    lki_loop_run(&loop);
    ck_assert_int_eq(signals, 1);
    lki_signal_stop(&sig);
}
END_TEST

/* ---- what is shown ---- */

static struct lki_loop_shown *shown;
static uint32_t busy_within;

static void on_look(struct lki_post *post)
{
    (void)post;
    busy_within = shown->busy;
    lki_loop_stop(&loop);
}

START_TEST(a_loop_shows_that_it_is_busy_and_that_it_turns)
{
    static struct lki_loop_shown page;
    struct lki_post post = {.fn = NULL};

    shown = &page;
    lki_loop_show(&loop, &page);
    for (uint64_t turn = 1; turn <= 3; turn++) {
        busy_within = 0;
        lki_loop_post(&loop, &post, on_look);
        lki_loop_run(&loop);
        ck_assert_uint_eq(busy_within, 1);
        ck_assert_uint_eq(page.busy, 0);
        ck_assert_uint_eq(page.moves, turn);
    }
}
END_TEST

/* A child that waits for an event, and one that is in its turn, as their parent sees them. */
START_TEST(who_looks_from_outside_tells_waiting_from_work)
{
    pid_t pid;

    shown = mmap(NULL, sizeof(*shown), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shown, MAP_FAILED);
    shown->busy = 1;
    pid = suite_fork();
    if (pid == 0) {
        lki_loop_forked(&loop);
        if (lki_loop_open(&loop))
            _exit(1);
        lki_loop_show(&loop, shown);
        lki_loop_run(&loop);
        _exit(0);
    }
    while (__atomic_load_n(&shown->busy, __ATOMIC_RELAXED))
        usleep(1000);
    ck_assert_uint_eq(shown->moves, 0);
    kill(pid, SIGKILL);
    wait_for(pid);
    munmap(shown, sizeof(*shown));
}
END_TEST

static Suite *loop_fork_suite(void)
{
    Suite *suite = suite_create("loop_fork");
    TCase *tests = tcase_create("fork");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_child_closes_its_copy_and_the_parent_still_sees_what_comes);
    tcase_add_test(tests, a_signal_to_the_child_is_none_to_the_parent);
    tcase_add_test(tests, a_loop_shows_that_it_is_busy_and_that_it_turns);
    tcase_add_test(tests, who_looks_from_outside_tells_waiting_from_work);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(loop_fork_suite());
}
