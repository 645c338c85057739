/*
 * A core without memory: whichever request for memory is refused, alone or with those that follow,
 * the run comes to its end, and nothing is left behind.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/core.h"
#include "control/stock.h"
#include "oom/memory.h"
#include "stats/snapshot.h"
#include "support/expect.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S

static struct gang gang;

static const struct lk_run_hook_def set_up = {.hook = LK_RUN_SETUP};
static const struct lk_run_hook_def tear_down = {.hook = LK_RUN_TEARDOWN};
static const struct lk_resource_def seats = {.count = 3};
static const struct lk_resource_def *const resources[] = {&seats};

static void report_objects(enum lki_report_kind kind, uint64_t id)
{
    struct lki_order_object object = {id, "{\"seat\":1}"};

    gang_report(&gang.workers[0],
                &(struct lki_report){.kind = kind, .objects = {0, &object, 1, 0}});
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
        lki_core_set_users(gang.core, 3, 0);
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

/* ---- objects ---- */

static void create(struct lki_stock *stock, size_t count)
{
    static const struct lki_stock_parts parts = {.text = "{\"name\":\"x\"}"};
    uint64_t id;

    for (size_t i = 0; i < count; i++)
        EXPECT(!lki_stock_add(stock, 0, &parts, &id), "no object");
}

/* Two are there at first, two come later, then one more. The gang minds one that comes to a worker
 * that has it. later: memory is refused to those, else to the first ones. Returns how many requests
 * were. */
static long stock_without(bool later, long after, long how_many)
{
    static const struct lk_resource_def accounts = {.def.name = "accounts"};
    const struct lk_resource_def *const defs[] = {&accounts};
    const struct lki_model model = {.resources = (const struct lk_resource_def **)(uintptr_t)defs,
                                    .resource_count = 1};
    struct lki_plan plan = gang_plan(10);
    uint64_t came = 0;
    bool begun;
    long refused;

    gang_prepare(&gang, &model, 1);
    gang.forgiving = true;
    EXPECT(!lki_stock_new(&plan.stock, &gang.model), "no stock");
    create(plan.stock, 2);
    memory_refuse(later ? MEMORY_ALL : after, how_many);
    begun = gang_begin(&gang, &plan) == LK_OK;
    refused = memory_allow();
    if (begun) {
        gang_join(&gang.workers[0]);
        gang_run(&gang, 1);
        create(plan.stock, 2);
        memory_refuse(later ? after : MEMORY_ALL, how_many);
        lki_core_stocked(gang.core, 0);
        refused += memory_allow();
        create(plan.stock, 1);
        lki_core_stocked(gang.core, 0);
        report_want(0, 10);
        gang_run(&gang, 2);
        for (size_t id = 1; id <= 5; id++)
            came += gang.workers[0].pools[0].free[id];
        EXPECT(refused || came == 5, "%d objects came", (int)came);
    }
    gang_close(&gang);
    lki_stock_free(plan.stock);
    return refused;
}

START_TEST(an_object_is_lent_once_whatever_memory_is_refused)
{
    for (int later = 0; later < 2; later++) {
        long after = 0;

        while (stock_without(later, after, in_a_row[_i]))
            after++;
        ck_assert_int_ge(after, 2);
    }
}
END_TEST

/* ---- numbers ---- */

#define STEPS 100

/* What a worker tells after each of two seconds, written while there is memory. */
static struct lki_buf told[2];

static void report_write(struct lki_buf *out, const struct lki_buf *totals)
{
    const struct lki_report report = {
        .kind = LKI_REPORT_SECOND, .second = {.totals = totals->data, .totals_bytes = totals->len}};

    lki_buf_init(out, 1 << 20);
    lki_report_write(&report, out);
    ck_assert_int_eq(out->err, LK_OK);
}

static void tell_write(void)
{
    struct lki_buf totals;
    struct lki_metrics metrics;
    const struct lki_measured measured = {.metrics = &metrics};
    struct lki_metric *metric;

    lki_metrics_init(&metrics, 0, 0);
    for (size_t i = 0; i < LKI_COUNT(told); i++) {
        char name[] = "look 1";

        name[5] = (char)('1' + i);
        metric = lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", name, sizeof(name) - 1);
        for (int k = 0; k < STEPS; k++)
            lki_metric_record_simple(metric, LKI_CODE_STEP_OK, LKI_SAMPLE_OK, (k + 1) * S / 1000);
        lki_metrics_fold(&metrics);
        lki_buf_init(&totals, 1 << 20);
        lki_snapshot_write(&measured, &totals);
        ck_assert_int_eq(totals.err, LK_OK);
        report_write(&told[i], &totals);
        lki_buf_release(&totals);
    }
    lki_metrics_release(&metrics);
}

static uint64_t count_all(const struct lki_metrics *metrics)
{
    uint64_t count = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next)
        count += metric->total.count - metric->total.latency.lost;
    return count;
}

struct numbers {
    enum lk_err err;
    uint64_t first, second; /* steps in two outcomes, the second with all memory */
    bool sent;
    bool failed;
    long refused;
};

static struct numbers tell_without(long after, long how_many)
{
    struct lki_plan plan = gang_plan(4);
    struct lki_core_outcome outcome = {0};
    struct numbers numbers = {0};

    plan.duration_ns = 5 * S;
    gang_prepare(&gang, NULL, 1);
    gang.forgiving = gang.silent = true;
    EXPECT(!gang_begin(&gang, &plan), "no core");
    gang_join(&gang.workers[0]);
    for (size_t i = 0; i < LKI_COUNT(told); i++) {
        gang_run(&gang, 1.1 + (double)i);
        if (i)
            memory_refuse(after, how_many);
        numbers.sent = !lki_link_send(gang.workers[0].link, told[i].data, told[i].len);
    }
    gang_run(&gang, 1e6);
    numbers.err = lki_core_outcome(gang.core, &outcome);
    numbers.first = numbers.err ? 0 : count_all(outcome.metrics);
    numbers.refused = memory_allow();
    EXPECT(!lki_core_outcome(gang.core, &outcome), "no outcome with all memory");
    numbers.second = count_all(outcome.metrics);
    numbers.failed = outcome.failure != NULL;
    gang_close(&gang);
    return numbers;
}

START_TEST(numbers_are_whole_or_said_to_be_missing)
{
    struct numbers numbers;
    long after = 0;

    tell_write();
    do {
        numbers = tell_without(after, in_a_row[_i]);
        EXPECT(!numbers.err || numbers.err == LK_E_NOMEM, "error %d", numbers.err);
        EXPECT(numbers.err || numbers.first == numbers.second, "after %ld only %d steps of %d",
               after, (int)numbers.first, (int)numbers.second);
        EXPECT(!numbers.sent || numbers.failed || numbers.second == LKI_COUNT(told) * STEPS,
               "after %ld %d steps are missing in silence", after,
               (int)(LKI_COUNT(told) * STEPS - numbers.second));
        EXPECT(numbers.refused || (!numbers.err && !numbers.failed), "it fails with all memory");
        after++;
    } while (numbers.refused);
    EXPECT(after > 10, "only %ld requests", after);
    for (size_t i = 0; i < LKI_COUNT(told); i++)
        lki_buf_release(&told[i]);
}
END_TEST

/* Memory is short while the first second comes in, and somebody looks on before the next. */
START_TEST(numbers_that_later_ones_replace_are_not_missed)
{
    struct lki_core_outcome outcome;
    long refused;
    long after = 0;

    tell_write();
    do {
        struct lki_plan plan = gang_plan(4);
        bool sent;

        plan.duration_ns = 5 * S;
        gang_prepare(&gang, NULL, 1);
        gang.forgiving = gang.silent = true;
        EXPECT(!gang_begin(&gang, &plan), "no core");
        gang_join(&gang.workers[0]);
        gang_run(&gang, 1.1);
        memory_refuse(after, 1);
        sent = !lki_link_send(gang.workers[0].link, told[0].data, told[0].len);
        gang_run(&gang, 1.2);
        refused = memory_allow();
        EXPECT(!lki_core_outcome(gang.core, &outcome), "no outcome so far");
        EXPECT(!lki_link_send(gang.workers[0].link, told[1].data, told[1].len), "not sent");
        gang_run(&gang, 1e6);
        EXPECT(!lki_core_outcome(gang.core, &outcome), "no outcome");
        EXPECT(!sent || !outcome.failure, "after %ld: %s", after, outcome.failure);
        EXPECT(count_all(outcome.metrics) == LKI_COUNT(told) * STEPS, "after %ld steps are missing",
               after);
        gang_close(&gang);
        after++;
    } while (refused);
    EXPECT(after > 1, "only %ld requests", after);
    for (size_t i = 0; i < LKI_COUNT(told); i++)
        lki_buf_release(&told[i]);
}
END_TEST

static Suite *oom_suite(void)
{
    Suite *suite = suite_create("oom_core");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, a_run_ends_whatever_memory_is_refused, 0, LKI_COUNT(in_a_row));
    tcase_add_loop_test(all, an_object_is_lent_once_whatever_memory_is_refused, 0,
                        LKI_COUNT(in_a_row));
    tcase_add_loop_test(all, numbers_are_whole_or_said_to_be_missing, 0, LKI_COUNT(in_a_row));
    tcase_add_test(all, numbers_that_later_ones_replace_are_not_missed);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    memory_open();
    return suite_run(oom_suite());
}
