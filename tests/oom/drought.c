#include "oom/drought.h"

#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/rig.h"
#include "support/suite.h"

static const long lengths[] = {1, 3, MEMORY_ALL};

static const struct drought_plan *in_hand;
static struct rig rig;

/* False: the step does not ask for so much. */
static bool live_without(void (*step)(lk_vu *vu, void *drought), struct drought *drought)
{
    const char *why = in_hand->why;
    int descriptors = memory_descriptors();
    long held = memory_held();
    const struct rig_user *user;
    long refused;

    rig_open(&rig);
    user = rig_add(&rig, step, drought);
    rig_run(&rig);
    refused = memory_allow();
    EXPECT(refused || user->outcome == LKI_OUTCOME_OK, "it failed without a reason: %s",
           user->message);
    EXPECT(user->outcome == LKI_OUTCOME_OK || (why ? !strcmp(user->message, why) : *user->message),
           "another reason, or none: %s", user->message);
    rig_close(&rig);
    EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held,
           drought->after);
    EXPECT(memory_descriptors() == descriptors, "descriptors are open, after %ld", drought->after);
    return refused > 0;
}

START_TEST(a_step_without_memory_ends_or_goes_on_and_leaves_nothing)
{
    size_t which = (size_t)_i / LKI_COUNT(lengths);
    struct drought drought = {.how_many = lengths[(size_t)_i % LKI_COUNT(lengths)]};

    while (live_without(in_hand->steps[which], &drought))
        EXPECT(++drought.after < 1000, "there is no end");
    EXPECT(drought.after > 0, "it asks for no memory at all");
}
END_TEST

int drought_run(const struct drought_plan *plan)
{
    Suite *suite;
    TCase *tests;
    int count = 0;

    in_hand = plan;
    while (count < DROUGHT_STEPS_MAX && plan->steps[count])
        count++;
    memory_open();
    lki_loop_quiet();
    suite = suite_create(plan->name);
    tests = tcase_create(plan->name);
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, plan->open, plan->close);
    tcase_add_loop_test(tests, a_step_without_memory_ends_or_goes_on_and_leaves_nothing, 0,
                        count * (int)LKI_COUNT(lengths));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
