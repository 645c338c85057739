/* Real workers under a real core, all in one loop on a fake clock: what is ordered is what is
 * done, whoever dies. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "control/core.h"
#include "loop/loop.h"
#include "model/model.h"
#include "support/scene.h"
#include "support/suite.h"
#include "worker/agent.h"

#define S LKI_NS_PER_S
#define AGENTS_MAX 4
#define USERS_MAX 200
#define IDS_MAX 8

struct hand {
    struct lki_agent *agent; /* NULL: not there */
    struct lki_worker_page page;
    struct lki_post leaving;
    int lives;
};

static struct lki_loop loop;
static struct lki_core *core;
static struct lki_model *model;
static struct hand hands[AGENTS_MAX];
static size_t hand_count;
static bool over;
static uint64_t leases_told; /* reports of iterations */

/* what users do */
static uint64_t begun;            /* iterations */
static int active[USERS_MAX + 1]; /* by user */
static int holders[IDS_MAX + 1];  /* by id of a resource */
static int set_ups, tear_downs;

/* ---- the gang ---- */

static void on_leaving(struct lki_post *post)
{
    struct hand *hand = LKI_CONTAINER(post, struct hand, leaving);

    lki_agent_free(hand->agent);
    hand->agent = NULL;
}

static void on_agent_over(struct lki_agent *agent, void *arg)
{
    struct hand *hand = arg;

    ck_assert_ptr_eq(agent, hand->agent);
    lki_loop_post(&loop, &hand->leaving, on_leaving);
}

static void (*core_on_message)(struct lki_link *link, const void *bytes, size_t len);

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_arena arena;
    struct lki_report report;

    lki_arena_init(&arena, NULL, 0);
    ck_assert_int_eq(lki_report_read(&report, bytes, len, &arena), LK_OK);
    leases_told += report.kind == LKI_REPORT_ITERATIONS;
    lki_arena_reset(&arena);
    core_on_message(link, bytes, len);
}

static void join(struct hand *hand)
{
    struct lki_link *a;
    struct lki_link *b;

    memset(&hand->page, 0, sizeof(hand->page));
    hand->lives++;
    ck_assert_int_eq(lki_pair_link_open(&a, &b, &loop), LK_OK);
    ck_assert_int_eq(lki_agent_new(&hand->agent, &loop, model, a, &hand->page, on_agent_over, hand),
                     LK_OK);
    ck_assert_int_eq(lki_core_join(core, (uint64_t)(hand - hands) + 1, b, 0), LK_OK);
    core_on_message = b->on_message;
    b->on_message = on_message;
}

static void on_wanted(struct lki_core *of, uint64_t worker, void *arg)
{
    (void)of;
    (void)arg;
    join(&hands[worker - 1]);
}

static void on_over(struct lki_core *of, void *arg)
{
    (void)of;
    (void)arg;
    over = true;
    lki_loop_stop(&loop);
}

static void open_run(struct lk_def *const *defs, struct lki_plan *plan, size_t workers)
{
    const struct lki_core_owner owner = {.on_wanted = on_wanted, .on_over = on_over};
    struct lk_def *first = NULL;
    struct lki_buf problems;

    memset(hands, 0, sizeof(hands));
    memset(active, 0, sizeof(active));
    memset(holders, 0, sizeof(holders));
    over = false;
    leases_told = begun = 0;
    set_ups = tear_downs = 0;
    for (size_t i = 0; defs[i]; i++) {
        defs[i]->next_ = first;
        first = defs[i];
    }
    lki_buf_init(&problems, 4096);
    ck_assert_msg(!lki_model_new(&model, first, &problems), "%s", lki_buf_cstr(&problems));
    lki_buf_release(&problems);
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    loop.clock = (struct lki_clock){.fake = true, .fake_ns = 0};
    loop.patient = true;
    plan->grace_ns = 5 * S;
    plan->arrival_wait_ns = S;
    plan->seed = 1;
    hand_count = workers;
    ck_assert_int_eq(lki_core_new(&core, &loop, model, plan, workers, &owner), LK_OK);
    for (size_t i = 0; i < workers; i++)
        join(&hands[i]);
}

static void run_until(double s)
{
    if (!over)
        lki_loop_run_until(&loop, lki_ns(s));
}

static struct lki_core_outcome finish(void)
{
    struct lki_core_outcome outcome;

    run_until(1e8);
    ck_assert(over);
    ck_assert_int_eq(lki_core_outcome(core, &outcome), LK_OK);
    return outcome;
}

static void close_run(void)
{
    for (size_t i = 0; i < hand_count; i++)
        ck_assert(lki_agent_free(hands[i].agent));
    lki_core_free(core);
    lki_loop_close(&loop);
    lki_model_free(model);
}

/* As if its process had ended: its users are gone, wherever they are. */
static void kill_hand(struct hand *hand)
{
    const struct lki_death death = {.what = "killed", .page = &hand->page};
    uint64_t first = (uint64_t)(hand - hands) + 1;

    lki_agent_free(hand->agent);
    hand->agent = NULL;
    for (uint64_t user = first; user <= USERS_MAX; user += hand_count)
        active[user] = 0;
    lki_core_died(core, first, &death);
}

/* ---- what users do ---- */

static void user_start(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_int_eq(active[lk_user_id(vu)]++, 0);
}

static void user_stop(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_int_eq(active[lk_user_id(vu)]--, 1);
}

static void count(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    begun++;
}

static uint64_t users_active(void)
{
    uint64_t users = 0;

    for (size_t i = 0; i <= USERS_MAX; i++)
        users += (uint64_t)active[i];
    return users;
}

static void hold(lk_vu *vu, void *self)
{
    struct scene_state *state = self;
    int64_t id;

    state->object = lk_resource_acquire(vu, "thing");
    id = lk_int(state->object, "number");
    ck_assert_int_eq(holders[id]++, 0);
    lk_sleep(vu, 0.3);
    holders[id]--;
    lk_resource_release(vu, "thing", state->object);
    begun++;
}

static lk_json *make_thing(lk_vu *vu, const char *id)
{
    return LK_OBJECT("number", atoi(id));
}

static void set_up(lk_vu *vu)
{
    set_ups++;
    lk_run_data_set(vu, LK_OBJECT("token", 7));
}

static void tear_down(lk_vu *vu)
{
    tear_downs += (int)lk_int(lk_run_data(vu), "token");
}

static void read_data(lk_vu *vu, void *self)
{
    (void)self;
    begun += (uint64_t)lk_int(lk_run_data(vu), "token");
}

/* ---- tests ---- */

START_TEST(users_follow_a_ramp_and_end_in_order)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_HOOK("guest", start, user_start),
                             SCENE_HOOK("guest", stop, user_stop),
                             SCENE_STEP("guest", "look", count, .every = LK_FIXED(1)), NULL};
    struct lki_stage stages[] = {{10 * S, 100}, {10 * S, 100}, {10 * S, 10}};
    struct lki_plan plan = {.stages = stages, .stage_count = 3, .duration_ns = 30 * S};
    struct lki_core_outcome outcome;
    struct lki_core_status status;

    open_run(defs, &plan, 3);
    run_until(5.1);
    ck_assert_uint_ge(users_active(), 50);
    ck_assert_uint_le(users_active(), 52);
    run_until(15);
    ck_assert_uint_eq(users_active(), 100);
    lki_core_status(core, &status);
    ck_assert_uint_eq(status.users, 100);
    run_until(29.99);
    ck_assert_uint_le(users_active(), 12);
    outcome = finish();
    ck_assert_int_eq(outcome.ended_by, LKI_END_DURATION);
    ck_assert_uint_eq(users_active(), 0);
    ck_assert_uint_eq(outcome.metrics->totals->iterations, begun);
    ck_assert(!outcome.unexplained);
    ck_assert_ptr_null(outcome.failure);
    close_run();
}
END_TEST

START_TEST(exactly_so_many_iterations_begin)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_HOOK("guest", start, user_start),
                             SCENE_HOOK("guest", stop, user_stop),
                             SCENE_STEP("guest", "look", count, .every = LK_BETWEEN(0.1, 1)), NULL};
    struct lki_plan plan = {
        .users = 20, .duration_ns = LKI_NEVER, .iterations = 1234 + (uint64_t)_i};
    struct lki_core_outcome outcome;
    struct lki_rng rng;

    lki_rng_seed(&rng, 3, (uint64_t)_i);
    open_run(defs, &plan, 1 + (size_t)_i % AGENTS_MAX);
    for (size_t i = 0; i < hand_count && _i > 3; i++) {
        run_until(1 + lki_rng_double(&rng) * 2 + (double)i * 3);
        if (!over)
            kill_hand(&hands[i]);
    }
    outcome = finish();
    ck_assert_int_eq(outcome.ended_by, LKI_END_ITERATIONS);
    ck_assert_uint_eq(begun, plan.iterations);
    ck_assert_uint_eq(outcome.metrics->totals->iterations, plan.iterations);
    ck_assert_uint_eq(users_active(), 0);
    close_run();
}
END_TEST

/* As many as all users together can begin within the hour, to the last one. */
START_TEST(what_one_worker_cannot_begin_the_others_do)
{
    struct lk_def *defs[] = {
        SCENE_VU("one", .weight = 1),
        SCENE_VU("two", .weight = 1),
        SCENE_STEP("one", "look", count, .every = LK_FIXED(3600)),
        SCENE_STEP("two", "look", count, .every = LK_FIXED(3600)),
        SCENE_STEP("two", "buy", count, .needs = "look", .every = LK_FIXED(3600)),
        NULL};
    struct lki_plan plan = {.users = 100, .duration_ns = LKI_NEVER, .iterations = 150};

    open_run(defs, &plan, 1 + (size_t)_i % AGENTS_MAX);
    run_until(0.001);
    if (_i >= AGENTS_MAX)
        kill_hand(&hands[_i % AGENTS_MAX]);
    run_until(3500);
    ck_assert(over);
    ck_assert_int_eq(finish().ended_by, LKI_END_ITERATIONS);
    ck_assert_uint_eq(begun, 150);
    close_run();
}
END_TEST

START_TEST(many_iterations_take_few_messages)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_STEP("guest", "look", count),
                             NULL};
    struct lki_plan plan = {.users = 10, .duration_ns = LKI_NEVER, .iterations = 100000};

    open_run(defs, &plan, 2);
    finish();
    ck_assert_uint_eq(begun, 100000);
    ck_assert_uint_lt(leases_told, 60);
    close_run();
}
END_TEST

START_TEST(arrivals_of_a_number_come_when_they_are_due)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_STEP("guest", "look", count),
                             NULL};
    struct lki_plan plan = {.users = 8,
                            .rated = true,
                            .rate_per_s = 10,
                            .duration_ns = LKI_NEVER,
                            .iterations = 25 + (uint64_t)_i};
    struct lki_core_outcome outcome;

    open_run(defs, &plan, 1 + (size_t)_i);
    outcome = finish();
    ck_assert_uint_eq(outcome.arrivals->started, plan.iterations);
    ck_assert_uint_eq(outcome.arrivals->dropped, 0);
    ck_assert_uint_eq(begun, plan.iterations);
    ck_assert_int_ge(lki_loop_now(&loop), (int64_t)(plan.iterations - 1) * S / 10);
    ck_assert_int_le(lki_loop_now(&loop), (int64_t)plan.iterations * S / 10);
    ck_assert_uint_lt(leases_told, 60);
    close_run();
}
END_TEST

START_TEST(arrivals_come_as_the_plan_asks)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_STEP("guest", "look", count),
                             NULL};
    struct lki_stage stages[] = {{10 * S, 100}, {10 * S, 100}, {10 * S, 0}};
    struct lki_plan plan = {
        .users = 40, .rated = true, .stages = stages, .stage_count = 3, .duration_ns = 30 * S};
    struct lki_core_outcome outcome;

    open_run(defs, &plan, 1 + (size_t)_i);
    outcome = finish();
    ck_assert_uint_ge(outcome.arrivals->intended, 1999);
    ck_assert_uint_le(outcome.arrivals->intended, 2001 + (uint64_t)_i);
    ck_assert_uint_eq(outcome.arrivals->started + outcome.arrivals->dropped,
                      outcome.arrivals->intended);
    ck_assert_uint_eq(outcome.arrivals->dropped, 0);
    ck_assert_uint_eq(begun, outcome.arrivals->started);
    close_run();
}
END_TEST

START_TEST(arrivals_are_due_while_nobody_is_there)
{
    static const struct {
        double back_s; /* then there are users again */
        uint64_t started;
    } cases[] = {{3, 800}, {6, 550}, {10, 250}};
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_STEP("guest", "look", count),
                             NULL};
    struct lki_plan plan = {.users = 8, .rated = true, .rate_per_s = 100, .duration_ns = 8 * S};
    struct lki_core_outcome outcome;
    struct lki_core_status status;

    open_run(defs, &plan, (size_t)1 << _i % 3);
    run_until(2.5);
    ck_assert_int_eq(lki_core_set_users(core, 0, 0), LK_OK);
    run_until(2.9);
    lki_core_status(core, &status);
    ck_assert_double_eq(status.rate_wanted, 100);
    run_until(cases[_i / 3].back_s);
    if (!over)
        lki_core_set_users(core, 8, 0);
    outcome = finish();
    ck_assert_uint_eq(outcome.arrivals->intended, 800);
    ck_assert_uint_eq(outcome.arrivals->started, cases[_i / 3].started);
    ck_assert_uint_eq(outcome.arrivals->dropped, 800 - cases[_i / 3].started);
    ck_assert_uint_eq(begun, outcome.arrivals->started);
    close_run();
}
END_TEST

START_TEST(arrivals_of_a_number_are_due_while_nobody_is_there)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_STEP("guest", "look", count),
                             NULL};
    struct lki_plan plan = {
        .users = 8, .rated = true, .rate_per_s = 100, .duration_ns = LKI_NEVER, .iterations = 800};
    struct lki_core_outcome outcome;

    open_run(defs, &plan, 1 + (size_t)_i);
    run_until(2.5);
    ck_assert_int_eq(lki_core_set_users(core, 0, 0), LK_OK);
    outcome = finish();
    ck_assert_int_eq(outcome.ended_by, LKI_END_ITERATIONS);
    ck_assert_uint_eq(outcome.arrivals->intended, 800);
    ck_assert_uint_eq(outcome.arrivals->started, 250);
    ck_assert_uint_eq(outcome.arrivals->dropped, 550);
    ck_assert_int_le(lki_loop_now(&loop), 9 * S);
    close_run();
}
END_TEST

START_TEST(an_object_is_one_users_over_all_workers)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1), SCENE_RESOURCE("thing", make_thing, .count = 5),
        SCENE_STEP("guest", "hold", hold, .every = LK_BETWEEN(0.1, 0.5)), NULL};
    struct lki_plan plan = {.users = 30, .duration_ns = 60 * S};
    struct lki_core_outcome outcome;

    open_run(defs, &plan, 1 + (size_t)_i);
    outcome = finish();
    /* five things, each of which is somebody's nearly all the time */
    ck_assert_uint_ge(begun, 5 * 60 * 3 * 9 / 10);
    ck_assert_uint_eq(outcome.metrics->totals->step_errors, 0);
    close_run();
}
END_TEST

START_TEST(set_up_tear_down_and_run_data_are_of_the_whole_run)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1),
                             SCENE_STEP("guest", "read", read_data, .every = LK_FIXED(100)),
                             SCENE_RUN_HOOK(setup, set_up), SCENE_RUN_HOOK(teardown, tear_down),
                             NULL};
    struct lki_plan plan = {.users = 12, .duration_ns = 10 * S};
    struct lki_core_outcome outcome;

    open_run(defs, &plan, 3);
    run_until(5);
    kill_hand(&hands[0]); /* who comes back has the data too, and carries out the tear-down */
    outcome = finish();
    ck_assert_int_eq(set_ups, 1);
    ck_assert_int_eq(tear_downs, 7);
    ck_assert_uint_eq(begun, 7 * (12 + 4));
    ck_assert(!outcome.hooks[LK_RUN_SETUP].failed && !outcome.hooks[LK_RUN_TEARDOWN].failed);
    ck_assert_uint_eq(outcome.crash_count, 1);
    close_run();
}
END_TEST

static int readings;

/* The number of who reads the probes; 0: nobody, or more than one. */
static uint64_t reader(void)
{
    uint64_t found = 0;

    for (size_t i = 0; i < hand_count; i++) {
        if (lki_core_worker(core, i)->probes)
            found = found ? 0 : i + 1;
    }
    return found;
}

static struct lk_value count_readings(lk_vu *vu)
{
    (void)vu;
    return LK_VALUE(++readings);
}

START_TEST(probes_are_read_on_whoever_reads_them_is_lost_or_dies_or_leaves)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1),
                             SCENE_STEP("guest", "look", count, .every = LK_FIXED(1)),
                             SCENE_PROBE("depth", count_readings, .every_s = 1), NULL};
    struct lki_plan plan = {.users = 6, .duration_ns = 20 * S};
    struct lki_core_outcome outcome;

    readings = 0;
    open_run(defs, &plan, 3);
    run_until(4.5);
    lki_core_lost(core, 1, 0, 60 * S);
    run_until(8.5);
    ck_assert_uint_eq(reader(), 2);
    lki_core_found(core, 1);
    run_until(10.055); /* what was read has been told */
    kill_hand(&hands[1]);
    run_until(12.5);
    ck_assert_uint_eq(reader(), 2);
    lki_core_leave(core, 1); /* what it has read stays */
    lki_core_leave(core, 2);
    run_until(15.5);
    ck_assert_uint_eq(reader(), 3);
    outcome = finish();
    ck_assert_int_ge(readings, 18);
    ck_assert_int_le(readings, 23);
    ck_assert_uint_eq(outcome.probes[0].count, (uint64_t)readings);
    ck_assert_uint_eq(outcome.probes[0].len, (size_t)readings);
    for (int i = 0; i < readings; i++)
        ck_assert_int_eq(outcome.probes[0].readings[i].value.as.integer, i + 1);
    close_run();
}
END_TEST

START_TEST(an_interrupt_lets_users_end_in_order)
{
    struct lk_def *defs[] = {SCENE_VU("guest", .weight = 1), SCENE_HOOK("guest", start, user_start),
                             SCENE_HOOK("guest", stop, user_stop),
                             SCENE_STEP("guest", "look", count, .every = LK_FIXED(1)), NULL};
    struct lki_plan plan = {.users = 50, .duration_ns = LKI_NEVER};

    open_run(defs, &plan, 2);
    run_until(5);
    ck_assert_uint_eq(users_active(), 50);
    lki_core_stop(core, LKI_END_INTERRUPT);
    ck_assert_int_eq(finish().ended_by, LKI_END_INTERRUPT);
    ck_assert_uint_eq(users_active(), 0);
    ck_assert_int_le(lki_loop_now(&loop), 6 * S);
    close_run();
}
END_TEST

static Suite *led_suite(void)
{
    Suite *suite = suite_create("led");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, users_follow_a_ramp_and_end_in_order);
    tcase_add_loop_test(all, exactly_so_many_iterations_begin, 0, 12);
    tcase_add_loop_test(all, what_one_worker_cannot_begin_the_others_do, 0, 2 * AGENTS_MAX);
    tcase_add_test(all, many_iterations_take_few_messages);
    tcase_add_loop_test(all, arrivals_of_a_number_come_when_they_are_due, 0, AGENTS_MAX);
    tcase_add_loop_test(all, arrivals_come_as_the_plan_asks, 0, AGENTS_MAX);
    tcase_add_loop_test(all, arrivals_are_due_while_nobody_is_there, 0, 9);
    tcase_add_loop_test(all, arrivals_of_a_number_are_due_while_nobody_is_there, 0, AGENTS_MAX);
    tcase_add_loop_test(all, an_object_is_one_users_over_all_workers, 0, AGENTS_MAX);
    tcase_add_test(all, set_up_tear_down_and_run_data_are_of_the_whole_run);
    tcase_add_test(all, probes_are_read_on_whoever_reads_them_is_lost_or_dies_or_leaves);
    tcase_add_test(all, an_interrupt_lets_users_end_in_order);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(led_suite());
}
