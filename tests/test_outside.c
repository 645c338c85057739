/* For whom a patient clock stands still, and for how long. */
#include "loop/outside.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/waker.h"
#include "support/suite.h"

#define OLD_NS (LKI_CHANCE_NS + 1)

static struct lki_loop loop;
static struct lki_waker waker;
static struct lki_outside outside;
static struct lki_timer timer;
static int64_t woken_ns;
static int64_t fired_ns;

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    loop.clock.fake = true;
    loop.patient = true;
    woken_ns = -1;
    fired_ns = -1;
}

static void teardown(void)
{
    lki_loop_close(&loop);
}

static void on_wake(struct lki_waker *self)
{
    (void)self;
    woken_ns = lki_loop_now(&loop);
    lki_outside_end(&loop, &outside);
}

static void on_due(struct lki_timer *self)
{
    (void)self;
    fired_ns = lki_loop_now(&loop);
    lki_loop_stop(&loop);
}

static void *wake_later(void *arg)
{
    usleep(20000);
    lki_waker_wake(&waker);
    return arg;
}

START_TEST(the_clock_stands_still_until_the_wait_is_over)
{
    pthread_t thread;

    ck_assert_int_eq(lki_waker_open(&waker, &loop, on_wake), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &timer, on_due), LK_OK);
    lki_timer_set(&loop.timers, &timer, 5);
    lki_outside_begin(&loop, &outside);
    ck_assert(lki_thread_start(&thread, wake_later, NULL));
    ck_assert(!lki_loop_run_until(&loop, 4));
    ck_assert_int_eq(woken_ns, 0);
    ck_assert_int_eq(fired_ns, -1);
    ck_assert(lki_loop_run_until(&loop, 6));
    ck_assert_int_eq(fired_ns, 5);
    pthread_join(thread, NULL);
    lki_waker_close(&waker);
    lki_timer_release(&loop.timers, &timer);
}
END_TEST

START_TEST(who_has_had_a_chance_holds_the_clock_no_more)
{
    ck_assert(!lki_outside_holds(&loop));
    lki_outside_begin(&loop, &outside);
    ck_assert(lki_outside_holds(&loop));
    outside.since_ns -= OLD_NS;
    ck_assert(!lki_outside_holds(&loop));
    lki_outside_end(&loop, &outside);
}
END_TEST

START_TEST(the_youngest_decides)
{
    struct lki_outside several[3];

    for (int i = 0; i < 3; i++) {
        lki_outside_begin(&loop, &several[i]);
        several[i].since_ns -= i < 2 ? OLD_NS : 0;
    }
    ck_assert(lki_outside_holds(&loop));
    lki_outside_end(&loop, &several[1]);
    ck_assert(lki_outside_holds(&loop));
    lki_outside_end(&loop, &several[2]);
    ck_assert(!lki_outside_holds(&loop));
    lki_outside_end(&loop, &several[0]);
    ck_assert_ptr_null(loop.outside);
}
END_TEST

START_TEST(all_who_wait_may_get_a_new_chance)
{
    struct lki_outside several[2];

    for (int i = 0; i < 2; i++) {
        lki_outside_begin(&loop, &several[i]);
        several[i].since_ns -= OLD_NS;
    }
    lki_outside_renew(&loop);
    ck_assert(lki_outside_holds(&loop));
    lki_outside_end(&loop, &several[1]);
    ck_assert(lki_outside_holds(&loop));
    lki_outside_end(&loop, &several[0]);
    lki_outside_renew(&loop);
    ck_assert(!lki_outside_holds(&loop));
}
END_TEST

START_TEST(on_other_clocks_nothing_is_kept)
{
    loop.patient = false;
    lki_outside_begin(&loop, &outside);
    ck_assert_ptr_null(loop.outside);
    ck_assert(!lki_outside_holds(&loop));
    lki_outside_end(&loop, &outside);
    ck_assert_ptr_null(loop.outside);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outside");
    TCase *tests = tcase_create("outside");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_clock_stands_still_until_the_wait_is_over);
    tcase_add_test(tests, who_has_had_a_chance_holds_the_clock_no_more);
    tcase_add_test(tests, the_youngest_decides);
    tcase_add_test(tests, all_who_wait_may_get_a_new_chance);
    tcase_add_test(tests, on_other_clocks_nothing_is_kept);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
