/* Timers against a plain model of what should fire when. */
#include "loop/timer.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define TIMERS 3000

/* A timer and what the model knows of it. */
struct item {
    struct lki_timer timer;
    bool alive;
    bool due;        /* was due when the round began */
    int64_t when_ns; /* LKI_NEVER: not set */
    int64_t due_ns;  /* when_ns when the round began */
    int fired;
};

static struct lki_timers timers;
static struct item items[TIMERS];
static struct lki_rng rng;
static int64_t now_ns;
static bool in_round;
static int64_t last_fired_ns;
static size_t fired_in_round;
static void (*in_callback)(struct item *item);

static void setup(void)
{
    memset(&timers, 0, sizeof(timers));
    memset(items, 0, sizeof(items));
    rng = (struct lki_rng){17};
    now_ns = 0;
    in_round = false;
    in_callback = NULL;
}

static void teardown(void)
{
    lki_timers_release(&timers);
}

static void heap_verify(void)
{
    EXPECT(timers.count <= timers.reserved, "more in the heap than there are timers");
    EXPECT(timers.reserved <= timers.cap, "more timers than room");
    for (size_t i = 0; i < timers.count; i++) {
        const struct lki_timer_entry *entry = &timers.heap[i];

        EXPECT(entry->timer->heap_at == i + 1, "a timer at %zu does not know its place", i);
        EXPECT(entry->key_ns <= entry->timer->when_ns, "the key at %zu is too late", i);
        EXPECT(!i || timers.heap[(i - 1) / 4].key_ns <= entry->key_ns, "no heap at %zu", i);
    }
}

static void on_due(struct lki_timer *timer)
{
    struct item *item = LKI_CONTAINER(timer, struct item, timer);

    EXPECT(in_round && item->alive, "fired out of turn");
    EXPECT(item->due, "fired without being due");
    EXPECT(item->when_ns <= now_ns, "fired although it was moved");
    EXPECT(item->due_ns >= last_fired_ns, "fired after a later one");
    last_fired_ns = item->due_ns;
    item->due = false;
    item->when_ns = LKI_NEVER;
    item->fired++;
    fired_in_round++;
    if (in_callback)
        in_callback(item);
}

static void item_init(struct item *item)
{
    EXPECT(!lki_timer_init(&timers, &item->timer, on_due), "no memory");
    item->alive = true;
    item->when_ns = LKI_NEVER;
}

static void item_set(struct item *item, int64_t when_ns)
{
    lki_timer_set(&timers, &item->timer, when_ns);
    item->when_ns = when_ns;
}

static void item_cancel(struct item *item)
{
    lki_timer_cancel(&item->timer);
    item->when_ns = LKI_NEVER;
}

static void item_release(struct item *item)
{
    lki_timer_release(&timers, &item->timer);
    item->alive = false;
    item->due = false;
    item->when_ns = LKI_NEVER;
}

static void fire_all_due(void)
{
    last_fired_ns = INT64_MIN;
    fired_in_round = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        items[i].due = items[i].alive && items[i].when_ns <= now_ns;
        items[i].due_ns = items[i].when_ns;
    }
    in_round = true;
    ck_assert_uint_eq(lki_timers_fire(&timers, now_ns), fired_in_round);
    in_round = false;
    for (size_t i = 0; i < TIMERS; i++)
        EXPECT(!items[i].due || items[i].when_ns > now_ns, "timer %zu did not fire", i);
}

/* The heap never wants to be looked at later than the first deadline. */
static void next_verify(void)
{
    int64_t first_ns = LKI_NEVER;

    for (size_t i = 0; i < TIMERS; i++) {
        if (items[i].alive && items[i].when_ns < first_ns)
            first_ns = items[i].when_ns;
    }
    ck_assert_int_le(lki_timers_next(&timers), first_ns);
}

static void random_operation(void)
{
    struct item *item = &items[lki_rng_below(&rng, TIMERS)];

    if (!item->alive) {
        item_init(item);
        return;
    }
    switch (lki_rng_below(&rng, 10)) {
    case 0:
        item_release(item);
        break;
    case 1:
    case 2:
        item_cancel(item);
        break;
    case 3:
        item_set(item, now_ns - (int64_t)lki_rng_below(&rng, 100));
        break;
    case 4:
        item_set(item, LKI_NEVER);
        break;
    default:
        item_set(item, now_ns + (int64_t)lki_rng_below(&rng, 1000));
        break;
    }
}

static void some_operations(struct item *item)
{
    (void)item;
    for (uint64_t i = lki_rng_below(&rng, 4); i; i--)
        random_operation();
}

static void random_rounds(void)
{
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 50; i++)
            random_operation();
        now_ns += (int64_t)lki_rng_below(&rng, 40);
        next_verify();
        fire_all_due();
        heap_verify();
    }
}

START_TEST(whatever_is_done_to_them_they_fire_when_due_and_in_order)
{
    random_rounds();
}
END_TEST

START_TEST(timers_that_fire_may_set_cancel_and_release_any_other)
{
    in_callback = some_operations;
    random_rounds();
}
END_TEST

START_TEST(thousands_fire_each_once_at_its_time)
{
    int64_t previous_ns = -1;

    for (int i = 0; i < TIMERS; i++) {
        item_init(&items[i]);
        item_set(&items[i], 1 + (int64_t)lki_rng_below(&rng, 100000));
    }
    while (timers.count) {
        now_ns = lki_timers_next(&timers);
        ck_assert_int_gt(now_ns, previous_ns);
        previous_ns = now_ns;
        fire_all_due();
        ck_assert_uint_gt(fired_in_round, 0);
        ck_assert_int_eq(last_fired_ns, now_ns);
    }
    for (int i = 0; i < TIMERS; i++)
        ck_assert_int_eq(items[i].fired, 1);
}
END_TEST

START_TEST(nothing_fires_a_nanosecond_early)
{
    item_init(&items[0]);
    item_set(&items[0], 1000);
    now_ns = 999;
    fire_all_due();
    ck_assert_int_eq(items[0].fired, 0);
    now_ns = 1000;
    fire_all_due();
    ck_assert_int_eq(items[0].fired, 1);
    now_ns = 5000;
    fire_all_due();
    ck_assert_int_eq(items[0].fired, 1);
}
END_TEST

START_TEST(setting_later_and_cancelling_leave_the_heap_alone)
{
    for (int i = 0; i < 100; i++) {
        item_init(&items[i]);
        item_set(&items[i], 100 + i);
    }
    for (int i = 0; i < 100; i++) {
        uint32_t at = items[i].timer.heap_at;

        item_set(&items[i], 5000);
        item_cancel(&items[i]);
        item_set(&items[i], 4000 + i);
        ck_assert_uint_eq(items[i].timer.heap_at, at);
        ck_assert_int_eq(timers.heap[at - 1].key_ns, 100 + i);
    }
    ck_assert_uint_eq(timers.count, 100);
    now_ns = 3999;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 0);
    ck_assert_int_eq(lki_timers_next(&timers), 4000);
    now_ns = 4099;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 100);
}
END_TEST

/* Both were set early and moved later; the one that stood first in the heap is due last. */
START_TEST(moved_ones_fire_in_the_order_of_where_they_moved_to)
{
    item_init(&items[0]);
    item_init(&items[1]);
    item_set(&items[0], 5);
    item_set(&items[1], 7);
    item_set(&items[0], 9);
    now_ns = 10;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 2);
    ck_assert_int_eq(last_fired_ns, 9);
}
END_TEST

static void set_anew_in_the_past(struct item *item)
{
    item_set(item, now_ns - 1);
}

START_TEST(one_that_sets_itself_anew_waits_for_the_next_round)
{
    in_callback = set_anew_in_the_past;
    item_init(&items[0]);
    item_set(&items[0], 10);
    for (int round = 1; round <= 5; round++) {
        now_ns = 100;
        fire_all_due();
        ck_assert_uint_eq(fired_in_round, 1);
        ck_assert_int_eq(items[0].fired, round);
    }
}
END_TEST

static void release_all_others(struct item *item)
{
    for (int i = 0; i < TIMERS; i++) {
        if (&items[i] != item && items[i].alive)
            item_release(&items[i]);
    }
}

/* All are due at the same time. */
static void one_of_a_hundred_fires(void (*then)(struct item *item))
{
    in_callback = then;
    for (int i = 0; i < 100; i++) {
        item_init(&items[i]);
        item_set(&items[i], 10);
    }
    now_ns = 10;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 1);
}

START_TEST(one_that_fires_may_release_all_others_that_are_due)
{
    one_of_a_hundred_fires(release_all_others);
    ck_assert_uint_eq(timers.reserved, 1);
}
END_TEST

static void renew_all_others(struct item *item)
{
    for (int i = 0; i < TIMERS; i++) {
        if (&items[i] != item && items[i].alive) {
            item_release(&items[i]);
            item_init(&items[i]);
            item_set(&items[i], now_ns);
        }
    }
    in_callback = NULL;
}

/* What was due is gone; what stands in its place has not been due yet. */
START_TEST(one_that_is_made_anew_while_it_is_due_waits_for_the_next_round)
{
    one_of_a_hundred_fires(renew_all_others);
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 99);
}
END_TEST

static void release_itself(struct item *item)
{
    item_release(item);
}

START_TEST(one_that_fires_may_release_itself)
{
    in_callback = release_itself;
    for (int i = 0; i < 100; i++) {
        item_init(&items[i]);
        item_set(&items[i], i);
    }
    now_ns = 50;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 51);
    ck_assert_uint_eq(timers.reserved, 49);
    heap_verify();
}
END_TEST

static void note_whether_first(struct item *item)
{
    EXPECT(fired_in_round > 1 || item == &items[70], "another one was first");
    last_fired_ns = 0;
}

START_TEST(the_foremost_fires_before_all_that_are_due_with_it)
{
    in_callback = note_whether_first;
    for (int i = 0; i < 100; i++) {
        item_init(&items[i]);
        item_set(&items[i], i);
    }
    timers.foremost = &items[70].timer;
    now_ns = 80;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 81);
    item_release(&items[70]);
    ck_assert_ptr_null(timers.foremost);
    heap_verify();
}
END_TEST

static void init_and_set_more(struct item *item)
{
    (void)item;
    for (int i = 1; i < TIMERS; i++) {
        if (!items[i].alive) {
            item_init(&items[i]);
            item_set(&items[i], now_ns);
        }
    }
}

START_TEST(one_that_fires_may_make_thousands_of_others)
{
    in_callback = init_and_set_more;
    item_init(&items[0]);
    item_init(&items[1]);
    item_set(&items[0], 1);
    item_set(&items[1], 1);
    now_ns = 1;
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, 2);
    fire_all_due();
    ck_assert_uint_eq(fired_in_round, TIMERS - 2);
}
END_TEST

START_TEST(a_zeroed_timer_may_be_released)
{
    struct lki_timer zeroed = {0};

    item_init(&items[0]);
    lki_timer_release(&timers, &zeroed);
    ck_assert_uint_eq(timers.reserved, 1);
    lki_timer_release(&timers, &items[0].timer);
    lki_timer_release(&timers, &items[0].timer);
    ck_assert_uint_eq(timers.reserved, 0);
}
END_TEST

START_TEST(without_timers_the_next_time_is_never)
{
    ck_assert_int_eq(lki_timers_next(&timers), LKI_NEVER);
    ck_assert_uint_eq(lki_timers_fire(&timers, INT64_MAX - 1), 0);
    item_init(&items[0]);
    item_set(&items[0], LKI_NEVER);
    ck_assert_int_eq(lki_timers_next(&timers), LKI_NEVER);
}
END_TEST

static Suite *timer_suite(void)
{
    Suite *suite = suite_create("timer");
    TCase *model = tcase_create("model");
    TCase *rules = tcase_create("rules");

    tcase_add_checked_fixture(model, setup, teardown);
    tcase_add_test(model, whatever_is_done_to_them_they_fire_when_due_and_in_order);
    tcase_add_test(model, timers_that_fire_may_set_cancel_and_release_any_other);
    tcase_add_test(model, thousands_fire_each_once_at_its_time);
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_test(rules, nothing_fires_a_nanosecond_early);
    tcase_add_test(rules, setting_later_and_cancelling_leave_the_heap_alone);
    tcase_add_test(rules, moved_ones_fire_in_the_order_of_where_they_moved_to);
    tcase_add_test(rules, one_that_sets_itself_anew_waits_for_the_next_round);
    tcase_add_test(rules, one_that_fires_may_release_all_others_that_are_due);
    tcase_add_test(rules, one_that_is_made_anew_while_it_is_due_waits_for_the_next_round);
    tcase_add_test(rules, one_that_fires_may_release_itself);
    tcase_add_test(rules, the_foremost_fires_before_all_that_are_due_with_it);
    tcase_add_test(rules, one_that_fires_may_make_thousands_of_others);
    tcase_add_test(rules, a_zeroed_timer_may_be_released);
    tcase_add_test(rules, without_timers_the_next_time_is_never);
    suite_add_tcase(suite, model);
    suite_add_tcase(suite, rules);
    return suite;
}

int main(void)
{
    return suite_run(timer_suite());
}
