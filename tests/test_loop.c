/* The loop: descriptors, timers, posted calls and signals, each getting its turn. */
#include "loop/loop.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "loop/task.h"
#include "support/expect.h"
#include "support/suite.h"

#define PAGE 4096

static struct lki_loop loop;
static int calls;

static void setup_real(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    calls = 0;
}

static void setup(void)
{
    setup_real();
    loop.clock.fake = true;
}

static void teardown(void)
{
    lki_loop_close(&loop);
}

/* ---- time ---- */

struct tick {
    struct lki_timer timer;
    int64_t when_ns;
    int64_t fired_ns; /* -1: not yet */
    int number;       /* the how manieth it was */
};

static int ticks_left;

static void on_tick(struct lki_timer *timer)
{
    struct tick *tick = LKI_CONTAINER(timer, struct tick, timer);

    tick->fired_ns = lki_loop_now(&loop);
    tick->number = ++calls;
    if (--ticks_left == 0)
        lki_loop_stop(&loop);
}

static void tick_start(struct tick *tick, int64_t when_ns)
{
    *tick = (struct tick){.when_ns = when_ns, .fired_ns = -1};
    EXPECT(!lki_timer_init(&loop.timers, &tick->timer, on_tick), "no memory");
    lki_timer_set(&loop.timers, &tick->timer, when_ns);
    ticks_left++;
}

START_TEST(a_fake_clock_skips_to_each_deadline_to_the_nanosecond)
{
    enum { TICKS = 1000 };
    static struct tick ticks[TICKS];
    struct lki_rng rng = {5};

    ticks_left = 0;
    for (int i = 0; i < TICKS; i++)
        tick_start(&ticks[i], (int64_t)lki_rng_below(&rng, (uint64_t)(1000 * LKI_NS_PER_S)));
    lki_loop_run(&loop);
    for (int i = 0; i < TICKS; i++)
        EXPECT(ticks[i].fired_ns == ticks[i].when_ns, "tick %d fired at another time", i);
    ck_assert_int_eq(calls, TICKS);
}
END_TEST

START_TEST(a_real_clock_is_never_early_and_keeps_the_order)
{
    enum { TICKS = 200 };
    static struct tick ticks[TICKS];
    struct lki_rng rng = {6};
    int64_t now_ns = lki_loop_now(&loop);

    ticks_left = 0;
    for (int i = 0; i < TICKS; i++)
        tick_start(&ticks[i], now_ns + (int64_t)lki_rng_below(&rng, 20000000));
    lki_loop_run(&loop);
    for (int i = 0; i < TICKS; i++) {
        EXPECT(ticks[i].fired_ns >= ticks[i].when_ns, "tick %d fired early", i);
        for (int k = 0; k < i; k++)
            EXPECT((ticks[i].number < ticks[k].number) == (ticks[i].when_ns < ticks[k].when_ns) ||
                       ticks[i].when_ns == ticks[k].when_ns,
                   "ticks %d and %d fired in the wrong order", i, k);
    }
}
END_TEST

static struct tick first;
static struct tick second;
static struct tick far_away;

static void on_set_second(struct lki_io *io, unsigned events)
{
    (void)events;
    lki_io_stop(io);
    tick_start(&second, lki_loop_now(&loop) + LKI_NS_PER_MS);
}

/* The system's timer is armed for the far one when the near one is set. */
START_TEST(a_nearer_deadline_is_not_hidden_by_a_farther_one)
{
    struct lki_io io = {0};
    int ready[2];

    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(write(ready[1], "x", 1), 1);
    tick_start(&far_away, lki_loop_now(&loop) + 3600 * LKI_NS_PER_S);
    ck_assert_int_eq(lki_io_start(&loop, &io, ready[0], LKI_READABLE, on_set_second), LK_OK);
    ticks_left = 0;
    lki_loop_run(&loop);
    ck_assert_int_ge(second.fired_ns, second.when_ns);
    ck_assert_int_eq(far_away.fired_ns, -1);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* Where the wake-up for the old deadline must not be the last one. */
START_TEST(a_deadline_that_was_moved_later_still_comes)
{
    int64_t now_ns = lki_loop_now(&loop);

    ticks_left = 0;
    tick_start(&first, now_ns + LKI_NS_PER_MS);
    tick_start(&second, now_ns + 2 * LKI_NS_PER_MS);
    lki_timer_set(&loop.timers, &first.timer, now_ns + 4 * LKI_NS_PER_MS);
    lki_timer_cancel(&second.timer);
    ticks_left = 1;
    lki_loop_run(&loop);
    ck_assert_int_ge(first.fired_ns, now_ns + 4 * LKI_NS_PER_MS);
    ck_assert_int_eq(second.fired_ns, -1);
}
END_TEST

/* ---- posts ---- */

struct call {
    struct lki_post post;
    int number;
};

static int last_number;

static void on_call(struct lki_post *post)
{
    struct call *call = LKI_CONTAINER(post, struct call, post);

    EXPECT(call->number == last_number + 1, "call %d came after %d", call->number, last_number);
    last_number = call->number;
    calls++;
}

static void on_stop(struct lki_post *post)
{
    (void)post;
    lki_loop_stop(&loop);
}

START_TEST(posted_calls_are_made_in_order_each_once)
{
    enum { CALLS = 10000 };
    static struct call posted[CALLS];
    struct lki_post stop = {0};

    last_number = -1;
    for (int i = 0; i < CALLS; i++) {
        posted[i] = (struct call){.number = i};
        lki_loop_post(&loop, &posted[i].post, on_call);
        lki_loop_post(&loop, &posted[i / 2].post, on_call); /* it waits already */
    }
    lki_loop_post(&loop, &stop, on_stop);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, CALLS);
}
END_TEST

static void on_slow_call(struct lki_post *post)
{
    int64_t end_ns = lki_loop_now(&loop) + 10 * LKI_NS_PER_MS;

    (void)post;
    while (lki_loop_now(&loop) < end_ns)
        ;
    calls++;
}

static void on_due_meanwhile(struct lki_timer *timer)
{
    (void)timer;
    last_number = calls;
}

START_TEST(a_timer_does_not_wait_for_all_calls_that_take_their_time)
{
    struct lki_post posted[100] = {0};
    struct lki_post stop = {0};
    struct lki_timer timer;

    EXPECT(!lki_timer_init(&loop.timers, &timer, on_due_meanwhile), "no memory");
    lki_timer_set(&loop.timers, &timer, lki_loop_now(&loop) + 20 * LKI_NS_PER_MS);
    for (size_t i = 0; i < LKI_COUNT(posted); i++)
        lki_loop_post(&loop, &posted[i], on_slow_call);
    lki_loop_post(&loop, &stop, on_stop);
    last_number = -1;
    lki_loop_run(&loop);
    ck_assert_int_gt(last_number, 0);
    ck_assert_int_lt(last_number, 50);
    ck_assert_int_eq(calls, 100);
    lki_timer_release(&loop.timers, &timer);
}
END_TEST

START_TEST(a_call_that_was_taken_back_is_not_made)
{
    enum { CALLS = 8 };
    struct call posted[CALLS];
    struct lki_post stop = {0};

    for (int i = 0; i < CALLS; i++) {
        posted[i] = (struct call){.number = i};
        lki_loop_post(&loop, &posted[i].post, on_call);
    }
    lki_loop_unpost(&loop, &posted[7].post); /* the last: the next goes behind the sixth */
    lki_loop_unpost(&loop, &posted[0].post);
    lki_loop_unpost(&loop, &posted[3].post);
    lki_loop_unpost(&loop, &posted[3].post);
    posted[4].number = 3;
    posted[5].number = 4;
    posted[6].number = 5;
    posted[0].number = 6;
    lki_loop_post(&loop, &posted[0].post, on_call);
    lki_loop_post(&loop, &stop, on_stop);
    last_number = 0;
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 6);
    for (int i = 0; i < CALLS; i++)
        ck_assert(!posted[i].post.fn);
}
END_TEST

static struct call victims[3];

static void on_take_back(struct lki_post *post)
{
    (void)post;
    for (int i = 0; i < 3; i++)
        lki_loop_unpost(&loop, &victims[i].post);
    calls++;
}

START_TEST(a_call_may_take_back_all_that_follow)
{
    struct lki_post head = {0};
    struct lki_post stop = {0};

    lki_loop_post(&loop, &head, on_take_back);
    for (int i = 0; i < 3; i++) {
        victims[i] = (struct call){.number = -100};
        lki_loop_post(&loop, &victims[i].post, on_call);
    }
    lki_loop_post(&loop, &stop, on_stop);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 1);
}
END_TEST

static void on_free(struct lki_post *post)
{
    free(LKI_CONTAINER(post, struct call, post));
    if (++calls == 300)
        lki_loop_stop(&loop);
}

START_TEST(a_call_may_free_what_it_was_posted_with)
{
    for (int i = 0; i < 300; i++) {
        struct call *call = calloc(1, sizeof(*call));

        lki_loop_post(&loop, &call->post, on_free);
    }
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 300);
}
END_TEST

START_TEST(closing_makes_the_calls_that_are_left)
{
    calls = 0;
    for (int i = 0; i < 1000; i++)
        lki_loop_post(&loop, &((struct call *)calloc(1, sizeof(struct call)))->post, on_free);
    lki_loop_close(&loop);
    ck_assert_int_eq(calls, 1000);
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
}
END_TEST

static int calls_wanted;

static void on_again(struct lki_post *post)
{
    EXPECT(++calls < 1000000, "everybody else starved");
    if (calls == calls_wanted)
        lki_loop_stop(&loop);
    lki_loop_post(&loop, post, on_again);
}

START_TEST(a_call_that_posts_itself_is_made_once_a_turn_again_and_again)
{
    struct lki_post posts[3];
    int count = _i;

    memset(posts, 0, sizeof(posts));
    for (int i = 0; i < count; i++)
        lki_loop_post(&loop, &posts[i], on_again);
    calls_wanted = 1;
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, count); /* the turn in which it was told to stop */
    calls_wanted = 10 * count + 1;
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 11 * count);
    for (int i = 0; i < count; i++)
        lki_loop_unpost(&loop, &posts[i]);
}
END_TEST

static void on_pipe_stop(struct lki_io *io, unsigned events)
{
    (void)io;
    (void)events;
    lki_loop_stop(&loop);
}

START_TEST(thousands_of_calls_starve_neither_descriptors_nor_timers)
{
    enum { POSTS = 5000 };
    static struct lki_post many[POSTS];
    struct lki_io io = {0};
    int ready[2];

    memset(many, 0, sizeof(many));
    calls_wanted = 0;
    ck_assert_int_eq(pipe(ready), 0);
    for (int i = 0; i < POSTS; i++)
        lki_loop_post(&loop, &many[i], on_again);
    ck_assert_int_eq(lki_io_start(&loop, &io, ready[0], LKI_READABLE, on_pipe_stop), LK_OK);
    ck_assert_int_eq(write(ready[1], "x", 1), 1);
    lki_loop_run(&loop);
    ck_assert_int_lt(calls, POSTS / 4);
    lki_io_stop(&io);
    calls = 0;
    ticks_left = 0;
    tick_start(&first, 0);
    lki_loop_run(&loop);
    ck_assert_int_lt(calls, POSTS / 4);
    for (int i = 0; i < POSTS; i++)
        lki_loop_unpost(&loop, &many[i]);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* ---- descriptors ---- */

static int ends[2];
static struct lki_io ios[2];
static unsigned seen;

static void setup_pair(void)
{
    setup();
    memset(ios, 0, sizeof(ios));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
}

static void teardown_pair(void)
{
    lki_io_stop(&ios[0]);
    lki_io_stop(&ios[1]);
    close(ends[0]);
    close(ends[1]);
    teardown();
}

static void watch(int which, unsigned events, void (*on_ready)(struct lki_io *, unsigned))
{
    ck_assert_int_eq(lki_io_start(&loop, &ios[which], ends[which], events, on_ready), LK_OK);
}

static void on_third_time(struct lki_io *io, unsigned events)
{
    seen |= events;
    if (++calls == 3) {
        lki_io_stop(io);
        lki_loop_stop(&loop);
    }
}

START_TEST(what_is_not_read_is_told_again)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    seen = 0;
    watch(0, LKI_READABLE, on_third_time);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 3);
    ck_assert_uint_eq(seen, LKI_READABLE);
}
END_TEST

START_TEST(both_events_are_told_apart)
{
    seen = 0;
    watch(0, LKI_READABLE | LKI_WRITABLE, on_third_time);
    lki_loop_run(&loop);
    ck_assert_uint_eq(seen, LKI_WRITABLE);
    calls = 0;
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    watch(0, LKI_READABLE | LKI_WRITABLE, on_third_time);
    lki_loop_run(&loop);
    ck_assert_uint_eq(seen, LKI_READABLE | LKI_WRITABLE);
}
END_TEST

static void on_stop_both(struct lki_io *io, unsigned events)
{
    (void)io;
    (void)events;
    calls++;
    lki_io_stop(&ios[0]);
    lki_io_stop(&ios[1]);
    lki_loop_stop(&loop);
}

START_TEST(one_that_was_stopped_in_the_same_turn_is_not_called)
{
    ck_assert_int_eq(write(ends[0], "x", 1), 1);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    watch(0, LKI_READABLE, on_stop_both);
    watch(1, LKI_READABLE, on_stop_both);
    lki_loop_run(&loop);
    ck_assert_int_eq(calls, 1);
}
END_TEST

static void on_edge(struct lki_io *io, unsigned events)
{
    (void)io;
    seen |= events;
    calls++;
}

static void run_until(int64_t when_ns)
{
    ticks_left = 0;
    tick_start(&first, when_ns);
    lki_loop_run(&loop);
    lki_timer_release(&loop.timers, &first.timer);
    calls--; /* the tick itself */
}

START_TEST(with_edges_a_change_is_told_once)
{
    seen = 0;
    watch(0, LKI_READABLE | LKI_CLOSED | LKI_EDGE, on_edge);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    run_until(10);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(seen, LKI_READABLE);
    run_until(20);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(write(ends[1], "y", 1), 1);
    run_until(30);
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(with_edges_the_end_is_told_together_with_the_last_bytes)
{
    seen = 0;
    watch(0, LKI_READABLE | LKI_CLOSED | LKI_EDGE, on_edge);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    ck_assert_int_eq(shutdown(ends[1], SHUT_WR), 0);
    run_until(10);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(seen, LKI_READABLE | LKI_CLOSED);
}
END_TEST

static void on_writable_once(struct lki_io *io, unsigned events)
{
    ck_assert_uint_eq(events, LKI_WRITABLE);
    lki_io_stop(io);
}

START_TEST(with_edges_a_second_watcher_of_a_descriptor_may_come_and_go)
{
    struct lki_io writable = {0};

    watch(0, LKI_READABLE | LKI_CLOSED | LKI_EDGE, on_edge);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    run_until(10);
    calls = 0;
    ck_assert_int_eq(
        lki_io_start(&loop, &writable, ends[0], LKI_WRITABLE | LKI_EDGE, on_writable_once), LK_OK);
    run_until(20);
    ck_assert(!writable.started);
    ck_assert_int_le(calls, 2); /* each change of what is watched tells the state anew */
    calls = 0;
    run_until(30);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(a_descriptor_that_is_not_one_is_refused)
{
    struct lki_io io = {0};
    int fd = dup(ends[0]);

    close(fd);
    ck_assert_int_eq(lki_io_start(&loop, &io, fd, LKI_READABLE, on_edge), LK_E_SYSTEM);
    ck_assert(!io.started);
    lki_io_stop(&io);
}
END_TEST

/* On the fake clock what comes from a descriptor takes no time, however long the answers go on. */
static struct tick give_up;

static void on_pong(struct lki_io *io, unsigned events)
{
    int which = io == &ios[1];
    char byte;

    (void)events;
    EXPECT(read(ends[which], &byte, 1) == 1, "nothing to read");
    if (++calls == 1000)
        lki_loop_stop(&loop);
    else
        EXPECT(write(ends[which], &byte, 1) == 1, "no room");
}

START_TEST(a_fake_clock_stands_still_while_descriptors_are_busy)
{
    ticks_left = 1000;
    tick_start(&give_up, LKI_NS_PER_S);
    watch(0, LKI_READABLE, on_pong);
    watch(1, LKI_READABLE, on_pong);
    ck_assert_int_eq(write(ends[0], "x", 1), 1);
    lki_loop_run(&loop);
    ck_assert_int_eq(give_up.fired_ns, -1);
    ck_assert_int_eq(lki_loop_now(&loop), 0);
}
END_TEST

/* ---- signals ---- */

static void on_signal(struct lki_signal *sig)
{
    (void)sig;
    calls++;
    lki_loop_stop(&loop);
}

START_TEST(a_signal_becomes_a_call_from_the_loop)
{
    struct lki_signal sig = {0};
    struct sigaction before;
    struct sigaction after;

    sigaction(SIGUSR1, NULL, &before);
    ck_assert_int_eq(lki_signal_start(&loop, &sig, SIGUSR1, on_signal), LK_OK);
    for (int i = 1; i <= 3; i++) {
        raise(SIGUSR1);
        ck_assert_int_eq(calls, i - 1);
        lki_loop_run(&loop);
        ck_assert_int_eq(calls, i);
    }
    lki_signal_stop(&sig);
    lki_signal_stop(&sig);
    sigaction(SIGUSR1, NULL, &after);
    ck_assert(before.sa_handler == after.sa_handler);
}
END_TEST

/* ---- health ---- */

static void on_compute(struct lki_timer *timer)
{
    (void)timer;
    loop.clock.fake_ns += 150 * LKI_NS_PER_MS;
    if (++calls == 2)
        lki_loop_stop(&loop);
}

static void on_compute_io(struct lki_io *io, unsigned events)
{
    (void)events;
    lki_io_stop(io);
    loop.clock.fake_ns += 170 * LKI_NS_PER_MS;
    lki_loop_stop(&loop);
}

static void on_compute_post(struct lki_post *post)
{
    (void)post;
    loop.clock.fake_ns += 190 * LKI_NS_PER_MS;
    lki_loop_stop(&loop);
}

START_TEST(what_holds_up_the_loop_is_measured)
{
    struct lki_post post = {0};

    ticks_left = 100;
    tick_start(&first, 10 * LKI_NS_PER_S);
    tick_start(&second, 20 * LKI_NS_PER_S);
    first.timer.on_due = second.timer.on_due = on_compute;
    lki_loop_run(&loop);
    ck_assert_uint_eq(loop.health.stalls, 2);
    ck_assert_int_eq(loop.health.busiest_ns, 150 * LKI_NS_PER_MS);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    watch(0, LKI_READABLE, on_compute_io);
    lki_loop_run(&loop);
    ck_assert_uint_eq(loop.health.stalls, 3);
    ck_assert_int_eq(loop.health.busiest_ns, 170 * LKI_NS_PER_MS);
    ck_assert_int_eq(lki_loop_longest(loop.shown), 170 * LKI_NS_PER_MS);
    lki_loop_post(&loop, &post, on_compute_post);
    lki_loop_run(&loop);
    ck_assert_uint_eq(loop.health.stalls, 4);
    ck_assert_int_eq(loop.health.busiest_ns, 190 * LKI_NS_PER_MS);
    ck_assert_int_eq(lki_loop_longest(loop.shown), 190 * LKI_NS_PER_MS);
    for (int i = 0; i < 3; i++) {
        loop.clock.fake_ns += LKI_NS_PER_S;
        ck_assert_int_eq(lki_loop_longest(loop.shown), 190 * LKI_NS_PER_MS * (i < 2));
        lki_loop_post(&loop, &post, on_stop);
        lki_loop_run(&loop);
    }
    ck_assert_int_eq(loop.health.busiest_ns, 190 * LKI_NS_PER_MS);
}
END_TEST

static void on_nothing(struct lki_io *io, unsigned events)
{
    (void)events;
    lki_io_stop(io);
}

START_TEST(waiting_for_a_deadline_is_not_taken_for_work)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    watch(0, LKI_READABLE, on_nothing);
    ticks_left = 0;
    tick_start(&first, 10 * LKI_NS_PER_S);
    tick_start(&second, 20 * LKI_NS_PER_S);
    lki_loop_run(&loop);
    ck_assert_uint_eq(loop.health.stalls, 0);
    ck_assert_int_eq(loop.health.busiest_ns, 0);
}
END_TEST

static struct lki_loop_health late;
static volatile int64_t still_until_ns;

/* As a process that is stopped: the wait for events goes on, but does not end. */
static void stand_still(int number)
{
    (void)number;
    while (lki_clock_real() < still_until_ns)
        ;
}

static void on_late(struct lki_timer *timer)
{
    (void)timer;
    late = lki_loop_health_now(&loop);
    lki_loop_stop(&loop);
}

START_TEST(a_wait_that_ended_far_too_late_is_a_turn)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 1000}};
    int64_t due_ns = lki_loop_now(&loop) + 5 * LKI_STALL_NS;

    still_until_ns = due_ns + 2 * LKI_STALL_NS;
    ck_assert(signal(SIGALRM, stand_still) != SIG_ERR);
    tick_start(&first, due_ns);
    first.timer.on_due = on_late;
    ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
    lki_loop_run(&loop);
    ck_assert_uint_ge(late.stalls, 1); /* in that turn already */
    ck_assert_uint_ge(loop.health.stalls, 1);
    ck_assert_int_ge(loop.health.busiest_ns, 2 * LKI_STALL_NS);
}
END_TEST

/* ---- memory ---- */

static size_t warm_stacks(struct lki_stack *const *stacks, size_t count)
{
    size_t warm = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned char in_memory[1];

        ck_assert_int_eq(mincore(stacks[i]->base, PAGE, in_memory), 0);
        warm += in_memory[0] & 1;
    }
    return warm;
}

START_TEST(a_trim_returns_cold_stacks_little_by_little)
{
    enum { STACKS = 500 };
    static struct lki_stack *stacks[STACKS];

    for (int i = 0; i < STACKS; i++) {
        stacks[i] = lki_stack_take(&loop.stacks, 0);
        stacks[i]->base[0] = 1;
    }
    for (int i = 0; i < STACKS; i++)
        lki_stack_give(&loop.stacks, stacks[i]);
    lki_loop_trim(&loop);
    run_until(LKI_NS_PER_S);
    ck_assert_uint_eq(warm_stacks(stacks, STACKS), STACKS);
    lki_loop_trim(&loop);
    run_until(LKI_NS_PER_S + 1);
    ck_assert_uint_lt(warm_stacks(stacks, STACKS), STACKS);
    ck_assert_uint_gt(warm_stacks(stacks, STACKS), STACKS / 2);
    run_until(2 * LKI_NS_PER_S);
    ck_assert_uint_eq(warm_stacks(stacks, STACKS), 0);
}
END_TEST

static Suite *loop_suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *fake = tcase_create("fake clock");
    TCase *real = tcase_create("real clock");
    TCase *fds = tcase_create("descriptors");

    tcase_add_checked_fixture(fake, setup, teardown);
    tcase_add_test(fake, a_fake_clock_skips_to_each_deadline_to_the_nanosecond);
    tcase_add_test(fake, posted_calls_are_made_in_order_each_once);
    tcase_add_test(fake, a_call_that_was_taken_back_is_not_made);
    tcase_add_test(fake, a_call_may_take_back_all_that_follow);
    tcase_add_test(fake, a_call_may_free_what_it_was_posted_with);
    tcase_add_test(fake, closing_makes_the_calls_that_are_left);
    tcase_add_loop_test(fake, a_call_that_posts_itself_is_made_once_a_turn_again_and_again, 1, 4);
    tcase_add_test(fake, thousands_of_calls_starve_neither_descriptors_nor_timers);
    tcase_add_test(fake, a_trim_returns_cold_stacks_little_by_little);
    tcase_add_checked_fixture(real, setup_real, teardown);
    tcase_add_test(real, a_timer_does_not_wait_for_all_calls_that_take_their_time);
    tcase_add_test(real, a_real_clock_is_never_early_and_keeps_the_order);
    tcase_add_test(real, a_nearer_deadline_is_not_hidden_by_a_farther_one);
    tcase_add_test(real, a_deadline_that_was_moved_later_still_comes);
    tcase_add_test(real, a_wait_that_ended_far_too_late_is_a_turn);
    tcase_add_test(real, a_signal_becomes_a_call_from_the_loop);
    tcase_add_checked_fixture(fds, setup_pair, teardown_pair);
    tcase_add_test(fds, what_is_not_read_is_told_again);
    tcase_add_test(fds, both_events_are_told_apart);
    tcase_add_test(fds, one_that_was_stopped_in_the_same_turn_is_not_called);
    tcase_add_test(fds, with_edges_a_change_is_told_once);
    tcase_add_test(fds, with_edges_the_end_is_told_together_with_the_last_bytes);
    tcase_add_test(fds, with_edges_a_second_watcher_of_a_descriptor_may_come_and_go);
    tcase_add_test(fds, a_descriptor_that_is_not_one_is_refused);
    tcase_add_test(fds, a_fake_clock_stands_still_while_descriptors_are_busy);
    tcase_add_test(fds, what_holds_up_the_loop_is_measured);
    tcase_add_test(fds, waiting_for_a_deadline_is_not_taken_for_work);
    suite_add_tcase(suite, fake);
    suite_add_tcase(suite, real);
    suite_add_tcase(suite, fds);
    return suite;
}

int main(void)
{
    return suite_run(loop_suite());
}
