/* Objects of a resource that several workers share: a small core in this test leases their ids. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"
#include "support/troop.h"

#define NS LKI_NS_PER_S
#define AGENTS 2
#define IDS_MAX 64
#define CITIZEN                                                                                    \
    (&((struct lk_vu_def){TOWN_HEAD_(lk_vu_def, LK_DEF_VU, "citizen", "citizen"), .weight = 1}).def)
#define PREPARE(...) (&(struct lki_order_prepare){.seed = 1, __VA_ARGS__})

static struct troop troop;

/* ---- the core's side ---- */

/* An id: whose it is, and its object. */
static struct {
    uint64_t holder; /* 0: nobody */
    char text[128];  /* "": not made */
} ids[IDS_MAX + 1];
static uint64_t most;
static uint64_t leased; /* ids 1 .. leased were leased at some time */
static uint64_t block;  /* new ids at a time */
static uint64_t wants[AGENTS + 1];
static bool recalling;
static int made;      /* objects, as it was told */
static bool closed;   /* nothing is leased but by the test */
static uint64_t seen; /* the last new id, as another core is told */

static void recall(bool on)
{
    recalling = on;
    for (size_t i = 0; i < troop.count; i++)
        troop_order(&troop.agents[i],
                    &(struct lki_order){.kind = LKI_ORDER_RECALL, .recall = {.on = on}});
}

static void give(uint64_t worker, uint64_t id)
{
    struct lki_order_object object = {id, *ids[id].text ? ids[id].text : NULL};

    ids[id].holder = worker;
    troop_order(&troop.agents[worker - 1],
                &(struct lki_order){.kind = LKI_ORDER_OBJECTS,
                                    .objects = {.objects = &object, .count = 1}});
}

static void lease(uint64_t worker)
{
    struct lki_order order = {.kind = LKI_ORDER_OBJECTS, .objects = {.first = leased + 1}};

    order.objects.fresh = lki_min(most - leased, block);
    for (uint64_t i = 0; i < order.objects.fresh; i++)
        ids[++leased].holder = worker;
    order.objects.last = leased == most;
    troop_order(&troop.agents[worker - 1], &order);
}

static uint64_t back(void)
{
    uint64_t id = 1;

    while (id <= leased && ids[id].holder)
        id++;
    return id <= leased ? id : 0;
}

/* One for each that wants, in turn. */
static void serve(void)
{
    uint64_t worker = wants[1] ? 1 : 2;

    if (closed)
        return;
    while (wants[worker] && (back() || leased < most)) {
        if (back())
            give(worker, back());
        else
            lease(worker);
        wants[worker]--;
        worker = wants[AGENTS + 1 - worker] ? AGENTS + 1 - worker : worker;
    }
    if (recalling != (wants[1] || wants[2]))
        recall(!recalling);
}

static void on_objects(const struct troop_agent *agent, const struct lki_report *report)
{
    for (size_t i = 0; i < report->objects.count; i++) {
        const struct lki_order_object *object = &report->objects.objects[i];

        EXPECT(ids[object->id].holder == agent->number, "worker %d has not got id %d",
               (int)agent->number, (int)object->id);
        if (object->text)
            snprintf(ids[object->id].text, sizeof(ids->text), "%s", object->text);
        if (report->kind == LKI_REPORT_BACK)
            ids[object->id].holder = 0;
        else
            made++;
    }
}

static void on_report(struct troop_agent *agent, const struct lki_report *report)
{
    if (report->kind == LKI_REPORT_MADE || report->kind == LKI_REPORT_BACK)
        on_objects(agent, report);
    if (report->kind == LKI_REPORT_HELD)
        seen = report->objects.seen;
    if (report->kind == LKI_REPORT_WANT)
        wants[agent->number] = report->want.count;
    if (report->kind == LKI_REPORT_WANT || report->kind == LKI_REPORT_BACK)
        serve();
}

/* ---- the users' side ---- */

static uint64_t held_by[IDS_MAX + 1]; /* user */
static uint64_t loans;
static uint64_t factories;

static lk_json *make(lk_vu *vu, const char *id)
{
    factories++;
    return LK_OBJECT("name", lk_format(vu, "user_%s", id));
}

static lk_json *check_out(lk_vu *vu, lk_json *object)
{
    uint64_t id = object ? (uint64_t)atoi(lk_str(object, "resource_id")) : 0;

    if (!object)
        return NULL;
    EXPECT(id && id <= most, "there is no id %d", (int)id);
    EXPECT(!held_by[id], "users %d and %d hold id %d", (int)held_by[id], (int)vu->id, (int)id);
    EXPECT(!strcmp(lk_str(object, "name"), lk_format(vu, "user_%d", (int)id)), "id %d is wrong",
           (int)id);
    held_by[id] = vu->id;
    loans++;
    return object;
}

static void check_in(lk_vu *vu, lk_json *object)
{
    uint64_t id = (uint64_t)atoi(lk_str(object, "resource_id"));

    EXPECT(held_by[id] == vu->id, "user %d has not got it", (int)vu->id);
    held_by[id] = 0;
    lk_resource_release(vu, "accounts", object);
}

static void borrow(lk_vu *vu, void *self)
{
    lk_json *object = check_out(vu, lk_resource_acquire(vu, "accounts"));

    (void)self;
    troop_note(vu, lk_str(object, "resource_id"));
    lk_sleep(vu, 1);
    check_in(vu, object);
}

static void keep(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, lk_str(check_out(vu, lk_resource_acquire(vu, "accounts")), "resource_id"));
}

static void try_one(lk_vu *vu, void *self)
{
    lk_json *object = check_out(vu, lk_resource_try(vu, "accounts"));

    (void)self;
    troop_note(vu, object ? lk_str(object, "resource_id") : "none");
    if (object)
        check_in(vu, object);
}

#define ONCE .every = LK_FIXED(1e6)
#define ACCOUNTS(...) TOWN_RESOURCE("accounts", make, __VA_ARGS__)

static void employ(struct lk_def *const *defs, size_t agents, uint64_t users, uint64_t objects)
{
    memset(ids, 0, sizeof(ids));
    memset(wants, 0, sizeof(wants));
    memset(held_by, 0, sizeof(held_by));
    most = objects;
    leased = loans = factories = 0;
    made = 0;
    recalling = closed = false;
    block = 1;
    troop_open(&troop, defs, agents);
    troop.on_report = on_report;
    troop_prepare(&troop, PREPARE(.population = users));
    troop_start(&troop, LKI_NEVER);
}

static void dismiss(void)
{
    troop_stop(&troop, 1);
    troop_run(&troop, 10);
    for (uint64_t id = 1; id <= leased; id++)
        ck_assert_uint_eq(held_by[id], 0);
    troop_quit(&troop);
    troop_close(&troop);
}

/* ---- what is true ---- */

START_TEST(ids_are_leased_as_they_are_wanted)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 0), TOWN_STEP("b", borrow, ONCE), NULL};

    employ(defs, 2, 4, 4);
    block = 2;
    troop_users(&troop.agents[0], 1, 2, 2, false);
    troop_run(&troop, 0.5);
    troop_users(&troop.agents[1], 2, 2, 2, false);
    troop_run(&troop, 3);
    ck_assert_str_eq(troop_log(&troop), "1:1@0 3:2@0 2:3@0.5 4:4@0.5");
    ck_assert_uint_eq(factories, 4);
    ck_assert_int_eq(made, 4);
    dismiss();
}
END_TEST

/* As many wait as did before, but the core has counted one of them as served. */
START_TEST(who_comes_as_another_is_served_is_told_of)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 0), TOWN_STEP("k", keep, ONCE), NULL};

    employ(defs, 1, 2, 2);
    closed = true;
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 0.5);
    ck_assert_uint_eq(wants[1], 1);
    wants[1] = 0;
    troop_users(&troop.agents[0], 2, 1, 1, false);
    lease(1);
    troop_run(&troop, 0.5);
    ck_assert_str_eq(troop_log(&troop), "1:1@0.5");
    ck_assert_uint_eq(wants[1], 1);
    closed = false;
    serve();
    troop_run(&troop, 0.5);
    ck_assert_str_eq(troop_log(&troop), "2:2@1");
    memset(held_by, 0, sizeof(held_by)); /* they keep them */
    dismiss();
}
END_TEST

START_TEST(one_object_serves_two_workers_in_turn)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 1), TOWN_STEP("b", borrow, ONCE), NULL};

    employ(defs, 2, 4, 1);
    for (size_t i = 0; i < 2; i++)
        troop_users(&troop.agents[i], i + 1, 2, 2, false);
    troop_run(&troop, 10);
    ck_assert_uint_eq(loans, 4);
    ck_assert_uint_eq(factories, 1);
    ck_assert_int_eq(made, 1);
    ck_assert(!recalling);
    ck_assert_uint_eq(troop.agents[0].head.totals.step_errors, 0);
    ck_assert_uint_eq(troop.agents[1].head.totals.step_errors, 0);
    dismiss();
}
END_TEST

START_TEST(many_users_of_two_workers_share_few_objects)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 3),
                             TOWN_STEP("b", borrow, .every = LK_BETWEEN(0, 1)), NULL};

    employ(defs, 2, 20, 3);
    for (size_t i = 0; i < 2; i++)
        troop_users(&troop.agents[i], i + 1, 2, 10, false);
    troop_run(&troop, 100);
    ck_assert_uint_ge(loans, 280);
    ck_assert_uint_le(loans, 303);
    ck_assert_uint_eq(factories, 3);
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    ck_assert(troop.agents[0].gone && troop.agents[1].gone);
    troop_quit(&troop);
    troop_close(&troop);
}
END_TEST

START_TEST(what_is_free_goes_back_when_it_is_recalled)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 6), TOWN_STEP("b", borrow, ONCE), NULL};

    employ(defs, 2, 6, 6);
    block = 6;
    troop_users(&troop.agents[0], 1, 1, 1, false); /* gets them all */
    troop_run(&troop, 5);
    ck_assert_uint_eq(ids[6].holder, 1);
    recall(true);
    troop_run(&troop, 0);
    for (uint64_t id = 1; id <= 6; id++)
        ck_assert_uint_eq(ids[id].holder, 0);
    ck_assert_str_eq(ids[1].text, "{\"resource_id\":\"1\",\"name\":\"user_1\"}");
    ck_assert_str_eq(ids[2].text, "");
    recall(false);
    troop_users(&troop.agents[1], 2, 1, 3, false);
    troop_run(&troop, 0.5);
    ck_assert_str_eq(troop_log(&troop), "1:1@0 2:1@5 3:2@5 4:3@5");
    ck_assert_uint_eq(factories, 3);
    dismiss();
}
END_TEST

START_TEST(what_a_user_leaves_behind_goes_to_who_waits_elsewhere)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 1), TOWN_STEP("k", keep, ONCE), NULL};

    employ(defs, 2, 2, 1);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[1], 2, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:1@0");
    held_by[1] = 0;
    troop_users(&troop.agents[0], 1, 1, 1, true);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "2:1@2");
    held_by[1] = 0;
    dismiss();
}
END_TEST

START_TEST(a_try_finds_what_another_worker_does_not_use)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 1), TOWN_STEP("t", try_one, ONCE), NULL};

    employ(defs, 2, 2, 1);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[1], 2, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:1@0 2:1@1");
    dismiss();
}
END_TEST

START_TEST(a_try_gives_null_soon_while_all_are_held)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 1), TOWN_STEP("k", borrow, ONCE),
                             TOWN_STEP("t", try_one, .needs = "k", ONCE), NULL};

    employ(defs, 2, 2, 1);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_users(&troop.agents[1], 2, 1, 1, false);
    troop_run(&troop, 5);
    /* the first one tries while the second one holds it */
    ck_assert_str_eq(troop_log(&troop), "1:1@0 2:1@1 1:none@1.02 2:1@2");
    dismiss();
}
END_TEST

START_TEST(a_wait_that_times_out_says_that_all_are_held)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 2), TOWN_STEP("k", keep, ONCE), NULL};
    struct lk_step_def *step = (struct lk_step_def *)(void *)defs[2];

    step->timeout_s = 3;
    employ(defs, 1, 3, 2);
    troop_users(&troop.agents[0], 1, 1, 3, false);
    troop_run(&troop, 4);
    ck_assert_str_eq(troop_log(&troop), "1:1@0 2:2@0");
    ck_assert_uint_eq(troop.agents[0].head.totals.step_errors, 1);
    ck_assert_uint_eq(wants[1], 0);
    ck_assert(!recalling);
    held_by[1] = held_by[2] = 0;
    dismiss();
}
END_TEST

/* As after a link was lost: what is known already changes nothing. */
START_TEST(orders_that_come_twice_are_heeded_once)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 4), TOWN_STEP("k", keep, ONCE), NULL};
    struct lki_order_object object = {1, "{\"resource_id\":\"1\",\"name\":\"user_1\"}"};
    struct lki_order order = {.kind = LKI_ORDER_OBJECTS,
                              .objects = {.first = 2, .fresh = 2, .objects = &object, .count = 1}};

    employ(defs, 1, 4, 4);
    troop.on_report = NULL;
    for (int i = 0; i < 3; i++)
        troop_order(&troop.agents[0], &order);
    troop_users(&troop.agents[0], 1, 1, 4, false);
    troop_run(&troop, 1);
    for (int i = 0; i < 3; i++)
        troop_order(&troop.agents[0], &order);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:1@0 2:2@0 3:3@0");
    ck_assert_uint_eq(factories, 2);
    memset(held_by, 0, sizeof(held_by));
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    troop_quit(&troop);
    troop_close(&troop);
}
END_TEST

/* Of what the former one has said it knows nothing, and so will not take it back. */
START_TEST(another_core_is_told_what_came_and_has_recalled_nothing)
{
    struct lk_def *defs[] = {CITIZEN, ACCOUNTS(.count = 3), TOWN_STEP("b", borrow, ONCE), NULL};

    employ(defs, 1, 1, 3);
    block = 3;
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 0.5);
    closed = true;
    recall(true);
    troop_run(&troop, 0);
    ck_assert_uint_eq(ids[1].holder, 1);
    ck_assert_uint_eq(ids[3].holder, 0);
    troop_order(&troop.agents[0], &(struct lki_order){.kind = LKI_ORDER_STAND});
    troop_run(&troop, 1);
    ck_assert_uint_eq(seen, 3);
    ck_assert_uint_eq(held_by[1], 0);
    ck_assert_uint_eq(ids[1].holder, 1);
    dismiss();
}
END_TEST

static Suite *agent_resource_suite(void)
{
    Suite *suite = suite_create("agent_resource");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, ids_are_leased_as_they_are_wanted);
    tcase_add_test(tcase, who_comes_as_another_is_served_is_told_of);
    tcase_add_test(tcase, one_object_serves_two_workers_in_turn);
    tcase_add_test(tcase, many_users_of_two_workers_share_few_objects);
    tcase_add_test(tcase, what_is_free_goes_back_when_it_is_recalled);
    tcase_add_test(tcase, what_a_user_leaves_behind_goes_to_who_waits_elsewhere);
    tcase_add_test(tcase, a_try_finds_what_another_worker_does_not_use);
    tcase_add_test(tcase, a_try_gives_null_soon_while_all_are_held);
    tcase_add_test(tcase, a_wait_that_times_out_says_that_all_are_held);
    tcase_add_test(tcase, orders_that_come_twice_are_heeded_once);
    tcase_add_test(tcase, another_core_is_told_what_came_and_has_recalled_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return suite_run(agent_resource_suite());
}
