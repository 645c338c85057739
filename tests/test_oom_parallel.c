/*
 * Several steps at once without memory: whichever request is refused, alone or with those that
 * follow, every step is carried out sooner or later or it is told why not, and nothing is left
 * behind.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"

/* So much that a slab holds one of them: each takes a map of its own. */
#define LARGE_STACK ((size_t)3 * 1024 * 1024)

static struct town town;

static void nap(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_sleep(vu, 1);
}

static void allow(lk_vu *vu, void *self)
{
    memory_allow();
    nap(vu, self);
}

/* From here on there is memory only for the smallest of the stacks. */
static void all_without_memory(lk_vu *vu, void *self, struct lk_choice *choice)
{
    lk_choose_parallel(vu, self, choice);
    memory_refuse(0, MEMORY_ALL);
}

START_TEST(a_step_without_a_stack_is_carried_out_after_the_others)
{
    struct lk_def *defs[] = {TOWN_STEP("a", nap, .stack_bytes = LARGE_STACK, .every = LK_FIXED(9)),
                             TOWN_STEP("b", allow, .every = LK_FIXED(9)),
                             TOWN_STEP("c", nap, .stack_bytes = LARGE_STACK, .every = LK_FIXED(9)),
                             NULL};

    town_choose_by(all_without_memory);
    town_open(&town, defs, 1);
    /* a stack of usual size, which is kept */
    lki_stack_give(&town.loop.stacks, lki_stack_take(&town.loop.stacks, 0));
    town_at(&town, 8, town_drain);
    town_run(&town);
    memory_allow();
    ck_assert_str_eq(town_log(&town), "b@0 a@1 c@2");
    ck_assert_uint_eq(town.metrics.totals->iterations, 1);
    ck_assert_ptr_nonnull(town.metrics.first_error);
    town_close(&town);
}
END_TEST

static const long droughts[] = {1, 3, MEMORY_ALL};

START_TEST(sets_without_memory_are_carried_out_or_missed_aloud)
{
    struct lk_def *defs[] = {
        TOWN_STEP("a", nap, .every = LK_FIXED(3)),
        TOWN_STEP("b", nap, .stack_bytes = 200 * 1024, .every = LK_FIXED(3)),
        TOWN_STEP("c", nap, .stack_bytes = LARGE_STACK, .every = LK_FIXED(3)),
        TOWN_STEP("d", nap, .stack_bytes = LARGE_STACK / 2, .every = LK_FIXED(3)),
        NULL,
    };
    long refused;

    for (long after = 0;; after++) {
        long held = memory_held();
        bool whole;

        town_choose_by(lk_choose_parallel);
        town_open(&town, defs, 2);
        town_at(&town, 7, town_drain);
        memory_refuse(after, droughts[_i]);
        town_run(&town);
        refused = memory_allow();
        whole = town.metrics.totals->steps == 16;
        EXPECT(town.metrics.totals->step_errors == 0, "a step failed, after %ld", after);
        EXPECT(whole || town.metrics.first_error, "nothing is told, after %ld", after);
        EXPECT(whole || refused, "only %d steps", (int)town.metrics.totals->steps);
        town_close(&town);
        EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held, after);
        if (!refused)
            break;
        EXPECT(after < 1000, "there is no end");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_parallel");
    TCase *tests = tcase_create("oom_parallel");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_step_without_a_stack_is_carried_out_after_the_others);
    tcase_add_loop_test(tests, sets_without_memory_are_carried_out_or_missed_aloud, 0,
                        LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
