/*
 * A core without memory: whichever request for memory is refused, alone or with those that follow,
 * the run comes to its end, and nothing is left behind.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/core.h"
#include "oom/memory.h"
#include "support/gang.h"

#define S LKI_NS_PER_S

static struct gang gang;

static const struct lk_run_hook_def set_up = {.hook = LK_RUN_SETUP};
static const struct lk_run_hook_def tear_down = {.hook = LK_RUN_TEARDOWN};
static const struct lk_resource_def seats = {.count = 3};
static const struct lk_resource_def *const resources[] = {&seats};

static void report_objects(enum lki_report_kind kind, uint64_t id)
{
    struct lki_order_object object = {id, "{\"seat\":1}"};

    gang_report(&gang.workers[0], &(struct lki_report){.kind = kind, .objects = {0, &object, 1}});
}

static void report_want(size_t worker, uint64_t count)
{
    gang_report(&gang.workers[worker],
                &(struct lki_report){.kind = LKI_REPORT_WANT, .want = {0, count}});
}

/* Something of all that there is. */
static void live(void)
{
    for (size_t i = 0; i < gang.count; i++)
        gang_join(&gang.workers[i]);
    gang_run(&gang, 1);
    report_want(0, 2);
    report_want(1, 4);
    gang_run(&gang, 1.1);
    report_objects(LKI_REPORT_MADE, 1);
    report_objects(LKI_REPORT_BACK, 1);
    gang_run(&gang, 2);
    if (gang.workers[1].link)
        gang_crash(&gang.workers[1], 2, "pay");
    gang_run(&gang, 3);
    if (gang.workers[0].link)
        gang_crash(&gang.workers[0], 3, "look");
    gang_run(&gang, 4);
    if (gang.core)
        lki_core_set_users(gang.core, 3);
}

static bool begin(void)
{
    static struct lki_stage stages[] = {{2 * S, 10}, {3 * S, 4}};
    struct lki_plan plan = gang_plan(1);

    plan.stages = stages;
    plan.stage_count = LKI_COUNT(stages);
    plan.duration_ns = 5 * S;
    return gang_begin(&gang, &plan) == LK_OK;
}

static void prepare(void)
{
    struct lki_model model = {.run_hooks = {&set_up, &tear_down},
                              .resources = (const struct lk_resource_def **)(uintptr_t)resources,
                              .resource_count = 1};

    gang_prepare(&gang, &model, 3);
    gang.set_up.run_data = "{\"seats\":3}";
    gang.forgiving = true;
}

struct trial {
    bool begun;
    int overs;
    long refused;
    enum lk_err first, second; /* of two outcomes, the second with all memory */
    bool failed;
    long left; /* blocks */
};

/* No request for memory in here may be Check's. */
static struct trial try_without(long after, long how_many)
{
    long held = memory_held();
    struct lki_core_outcome outcome = {0};
    struct trial trial = {0};

    prepare();
    memory_refuse(after, how_many);
    trial.begun = begin();
    if (trial.begun) {
        live();
        gang_run(&gang, 1e6);
        trial.overs = gang.overs;
        trial.first = lki_core_outcome(gang.core, &outcome);
    }
    trial.refused = memory_allow();
    if (trial.begun)
        trial.second = lki_core_outcome(gang.core, &outcome);
    trial.failed = outcome.failure != NULL;
    gang_close(&gang);
    trial.left = memory_held() - held;
    return trial;
}

static long run_without(long after, long how_many)
{
    struct trial trial = try_without(after, how_many);

    ck_assert_int_eq(trial.left, 0);
    ck_assert_int_eq(trial.second, LK_OK);
    if (trial.begun)
        ck_assert_msg(trial.overs == 1, "without request %ld the run does not end", after);
    if (!trial.refused)
        ck_assert(trial.begun && !trial.first && !trial.failed);
    return trial.refused;
}

static const long in_a_row[] = {1, 4, MEMORY_ALL};

START_TEST(a_run_ends_whatever_memory_is_refused)
{
    long after = 0;

    try_without(MEMORY_ALL, 1); /* what is made once and kept */
    while (run_without(after, in_a_row[_i]))
        after++;
    ck_assert_int_gt(after, 100);
}
END_TEST

static Suite *oom_suite(void)
{
    Suite *suite = suite_create("oom_core");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, a_run_ends_whatever_memory_is_refused, 0, LKI_COUNT(in_a_row));
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    SRunner *runner;
    int failed;

    memory_open();
    runner = srunner_create(oom_suite());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
