/* Leases: an object of a resource is one worker's at a time, whatever is wanted, given back or
 * lost, and whoever waits gets one as long as somebody gives one back. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "control/core.h"
#include "support/gang.h"
#include "support/suite.h"

static struct gang gang;

static const struct lk_resource_def plenty = {.count = 200};
static const struct lk_resource_def scarce = {.count = 5};
static const struct lk_resource_def by_user = {.count = 0};
static const struct lk_resource_def *const two[] = {&plenty, &scarce};
static const struct lk_resource_def *const one[] = {&by_user};

/* ---- what users do ---- */

static void report_objects(struct gang_worker *worker, enum lki_report_kind kind, size_t resource,
                           uint64_t id)
{
    const char *text = worker->pools[resource].text[id];
    struct lki_order_object object = {id, *text ? text : NULL};

    gang_report(worker, &(struct lki_report){.kind = kind, .objects = {resource, &object, 1, 0}});
}

static void report_want(struct gang_worker *worker, size_t resource)
{
    gang_report(worker, &(struct lki_report){.kind = LKI_REPORT_WANT,
                                             .want = {resource, worker->pools[resource].waiting}});
}

static void want(struct gang_worker *worker, size_t resource, uint64_t count)
{
    worker->pools[resource].waiting += count;
    report_want(worker, resource);
}

static void use(struct gang_worker *worker, size_t resource, uint64_t id)
{
    struct gang_pool *pool = &worker->pools[resource];

    pool->free[id] = false;
    pool->held[id] = true;
    pool->waiting--;
    if (*pool->text[id])
        return;
    snprintf(pool->text[id], sizeof(pool->text[id]), "{\"id\":%llu}", (unsigned long long)id);
    report_objects(worker, LKI_REPORT_MADE, resource, id);
}

static void release(struct gang_worker *worker, size_t resource, uint64_t id)
{
    worker->pools[resource].held[id] = false;
    worker->pools[resource].free[id] = true;
}

/* Hands on what is there, and gives back what is recalled. */
static void settle(struct gang_worker *worker, size_t resource)
{
    struct gang_pool *pool = &worker->pools[resource];
    uint64_t before = pool->waiting;

    for (uint64_t id = 1; id <= GANG_IDS_MAX; id++) {
        if (!pool->free[id])
            continue;
        if (pool->waiting && (pool->came[id] || !pool->recall)) {
            use(worker, resource, id);
        } else if (pool->recall) {
            pool->free[id] = false;
            report_objects(worker, LKI_REPORT_BACK, resource, id);
            *pool->text[id] = '\0';
        }
        pool->came[id] = false;
    }
    if (pool->waiting != before)
        report_want(worker, resource);
}

static uint64_t now_ms;

/* A moment passes; everybody does what he was told. */
static void pass(void)
{
    for (int round = 0; round < 4; round++) {
        gang_run(&gang, (double)++now_ms / 1e3);
        for (size_t i = 0; i < gang.count; i++) {
            for (size_t r = 0; r < gang.model.resource_count; r++) {
                if (gang.workers[i].link)
                    settle(&gang.workers[i], r);
            }
        }
    }
    gang_run(&gang, (double)++now_ms / 1e3);
}

static void check_holders(size_t resource, uint64_t most)
{
    for (uint64_t id = 1; id <= GANG_IDS_MAX; id++) {
        char text[24];
        int holders = 0;

        snprintf(text, sizeof(text), "{\"id\":%llu}", (unsigned long long)id);
        for (size_t i = 0; i < gang.count; i++) {
            const struct gang_pool *pool = &gang.workers[i].pools[resource];

            if (!gang.workers[i].link || (!pool->held[id] && !pool->free[id]))
                continue;
            holders++;
            ck_assert(!*pool->text[id] || !strcmp(pool->text[id], text));
        }
        ck_assert_msg(holders <= (id <= most), "id %llu is %d workers'", (unsigned long long)id,
                      holders);
    }
}

static uint64_t held(const struct gang_worker *worker, size_t resource)
{
    uint64_t count = 0;

    for (uint64_t id = 1; id <= GANG_IDS_MAX; id++)
        count += worker->pools[resource].held[id];
    return count;
}

static uint64_t first_held(const struct gang_worker *worker, size_t resource)
{
    uint64_t id = 1;

    while (id <= GANG_IDS_MAX && !worker->pools[resource].held[id])
        id++;
    return id;
}

static void open_with(const struct lk_resource_def *const *defs, size_t count, uint64_t users,
                      size_t workers)
{
    struct lki_model model = {.resources = (const struct lk_resource_def **)(uintptr_t)defs,
                              .resource_count = count};
    struct lki_plan plan = gang_plan(users);

    now_ms = 100;
    gang_open(&gang, &plan, &model, workers);
    pass();
}

/* ---- tests ---- */

START_TEST(one_id_one_worker_whatever_happens)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 41, (uint64_t)_i);
    open_with(two, 2, 100, 1 + (size_t)lki_rng_below(&rng, 5));
    gang.workers[0].twice = _i % 2;
    for (int step = 0; step < 200; step++) {
        struct gang_worker *worker = &gang.workers[lki_rng_below(&rng, gang.count)];
        size_t r = (size_t)lki_rng_below(&rng, 2);
        uint64_t id = first_held(worker, r);

        switch (lki_rng_below(&rng, 4)) {
        case 0:
            want(worker, r, 1 + lki_rng_below(&rng, 4));
            break;
        case 1:
        case 2:
            if (id <= GANG_IDS_MAX)
                release(worker, r, id);
            break;
        default:
            if (step % 20 == 19 && gang_status(&gang).crashes < 8) {
                char name[16];

                snprintf(name, sizeof(name), "step%d", step);
                gang_crash(worker, worker->number, name);
            }
            break;
        }
        if (lki_rng_below(&rng, 3))
            pass();
        check_holders(0, 200);
        check_holders(1, 5);
    }
    ck_assert_int_eq(gang.overs, 0);
    /* when all give back, all who wait are served */
    for (int round = 0; round < 400; round++) {
        struct gang_worker *worker = &gang.workers[round % (int)gang.count];

        for (size_t r = 0; r < 2; r++) {
            if (first_held(worker, r) <= GANG_IDS_MAX)
                release(worker, r, first_held(worker, r));
        }
        pass();
    }
    for (size_t i = 0; i < gang.count; i++) {
        ck_assert_uint_eq(gang.workers[i].pools[0].waiting, 0);
        ck_assert_uint_eq(gang.workers[i].pools[1].waiting, 0);
        ck_assert(!gang.workers[i].pools[1].recall);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(there_are_as_many_as_users_unless_it_is_said)
{
    open_with(one, 1, 12, 3);
    for (size_t i = 0; i < 3; i++)
        want(&gang.workers[i], 0, 6);
    pass();
    ck_assert_uint_eq(
        held(&gang.workers[0], 0) + held(&gang.workers[1], 0) + held(&gang.workers[2], 0), 12);
    check_holders(0, 12);
    for (size_t i = 0; i < 3; i++) {
        if (gang.workers[i].pools[0].waiting)
            ck_assert(gang.workers[i].pools[0].last);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(who_waits_is_served_in_the_order_of_asking_over_all_workers)
{
    open_with(two, 2, 100, 3);
    want(&gang.workers[0], 1, 5);
    pass();
    ck_assert_uint_eq(held(&gang.workers[0], 1), 5);
    for (size_t i = 0; i < 6; i++) {
        want(&gang.workers[2 - i % 3], 1, 1);
        pass();
    }
    ck_assert(gang.workers[0].pools[1].recall);
    for (size_t i = 0; i < 6; i++) {
        struct gang_worker *next = &gang.workers[2 - i % 3];
        uint64_t had = held(next, 1);

        release(&gang.workers[0], 1, first_held(&gang.workers[0], 1));
        pass();
        ck_assert_uint_eq(held(next, 1), had + (next != &gang.workers[0]));
    }
    ck_assert(!gang.workers[0].pools[1].recall);
    gang_close(&gang);
}
END_TEST

START_TEST(what_the_dead_had_comes_back_with_its_content)
{
    uint64_t fresh;

    open_with(two, 2, 100, 2);
    want(&gang.workers[1], 1, 5);
    pass();
    ck_assert_uint_eq(held(&gang.workers[1], 1), 5);
    gang.stay_away = true;
    gang_kill(&gang.workers[1]);
    fresh = gang.workers[0].orders[LKI_ORDER_OBJECTS];
    want(&gang.workers[0], 1, 5);
    gang_run(&gang, (double)++now_ms / 1e3);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_OBJECTS], fresh + 1);
    for (uint64_t id = 1; id <= 5; id++)
        ck_assert(*gang.workers[0].pools[1].text[id]);
    gang_close(&gang);
}
END_TEST

START_TEST(who_comes_back_knows_of_the_recall)
{
    open_with(two, 2, 100, 2);
    want(&gang.workers[0], 1, 7);
    pass();
    ck_assert(gang.workers[1].pools[1].recall);
    gang_kill(&gang.workers[1]);
    pass();
    ck_assert(gang.workers[1].started && gang.workers[1].pools[1].recall);
    gang_close(&gang);
}
END_TEST

START_TEST(one_worker_alone_is_not_asked_to_give_back)
{
    open_with(two, 2, 100, 1);
    want(&gang.workers[0], 1, 7);
    pass();
    ck_assert_uint_eq(held(&gang.workers[0], 1), 5);
    ck_assert(!gang.workers[0].pools[1].recall);
    ck_assert(gang.workers[0].pools[1].last);
    release(&gang.workers[0], 1, 3);
    pass();
    ck_assert_uint_eq(gang.workers[0].pools[1].waiting, 1);
    gang_close(&gang);
}
END_TEST

START_TEST(what_is_no_ones_to_give_back_is_ignored)
{
    open_with(two, 2, 100, 2);
    want(&gang.workers[0], 1, 5);
    pass();
    for (uint64_t id = 0; id < 8; id++) {
        struct lki_order_object object = {id, "{\"id\":999}"};

        gang_report(&gang.workers[1],
                    &(struct lki_report){.kind = LKI_REPORT_BACK, .objects = {1, &object, 1, 0}});
        gang_report(&gang.workers[1],
                    &(struct lki_report){.kind = LKI_REPORT_MADE, .objects = {1, &object, 1, 0}});
        gang_report(&gang.workers[1],
                    &(struct lki_report){.kind = LKI_REPORT_MADE, .objects = {77, &object, 1, 0}});
    }
    gang_report(&gang.workers[1], &(struct lki_report){.kind = LKI_REPORT_WANT, .want = {9, 3}});
    want(&gang.workers[1], 1, 2);
    pass();
    ck_assert_uint_eq(held(&gang.workers[0], 1), 5);
    ck_assert_uint_eq(held(&gang.workers[1], 1), 0);
    check_holders(1, 5);
    gang_close(&gang);
}
END_TEST

static Suite *leases_suite(void)
{
    Suite *suite = suite_create("leases");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, one_id_one_worker_whatever_happens, 0, 8);
    tcase_add_test(all, there_are_as_many_as_users_unless_it_is_said);
    tcase_add_test(all, who_waits_is_served_in_the_order_of_asking_over_all_workers);
    tcase_add_test(all, what_the_dead_had_comes_back_with_its_content);
    tcase_add_test(all, who_comes_back_knows_of_the_recall);
    tcase_add_test(all, one_worker_alone_is_not_asked_to_give_back);
    tcase_add_test(all, what_is_no_ones_to_give_back_is_ignored);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(leases_suite());
}
