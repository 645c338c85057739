/* Shares: that users, arrivals and iterations come to what the plan asks for, however many workers
 * there are and whoever of them dies. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "control/inner.h"
#include "support/gang.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MS LKI_NS_PER_MS

static struct gang gang;

/* ---- users ---- */

/* The users that there are by now are the first so many. */
static void are_the_first(uint64_t users)
{
    ck_assert_uint_eq(gang_users(&gang), users);
    for (uint64_t user = 1; user <= users; user++) {
        bool there = false;

        for (size_t i = 0; i < gang.count; i++)
            there |= gang.workers[i].users[user];
        ck_assert_msg(there, "user %llu of %llu", (unsigned long long)user,
                      (unsigned long long)users);
    }
}

static int64_t start_ns(void)
{
    return gang.workers[0].start.start_ns;
}

START_TEST(shares_come_to_the_plan_at_any_moment)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 11, (uint64_t)_i);
    for (int round = 0; round < 5; round++) {
        struct lki_stage stages[4];
        struct lki_plan plan = gang_plan(lki_rng_below(&rng, 30));

        plan.stages = stages;
        plan.stage_count = LKI_COUNT(stages);
        for (size_t i = 0; i < LKI_COUNT(stages); i++) {
            stages[i].length_ns = (int64_t)lki_rng_below(&rng, 5) * S;
            stages[i].target = (double)lki_rng_below(&rng, 300);
        }
        plan.duration_ns = lki_plan_stages_ns(&plan) + S;
        gang_open(&gang, &plan, NULL, 1 + (size_t)lki_rng_below(&rng, GANG_WORKERS_MAX));
        for (double s = 0.1; gang_run(&gang, s) && s < (double)plan.duration_ns / 1e9; s += 0.37) {
            int64_t t_ns = lki_loop_now(&gang.loop) - start_ns();
            /* an order may be as late as the pause between two */
            uint64_t before = (uint64_t)lki_plan_target(&plan, t_ns - 11 * MS);
            uint64_t now = (uint64_t)lki_plan_target(&plan, t_ns);
            uint64_t users = gang_users(&gang);

            ck_assert_uint_le(users, before > now ? before : now);
            ck_assert_uint_ge(users, before < now ? before : now);
            are_the_first(users);
        }
        gang_close(&gang);
    }
}
END_TEST

START_TEST(a_ramp_is_no_flood_of_orders)
{
    struct lki_stage stages[] = {{10 * S, 4000}, {10 * S, 0}};
    struct lki_plan plan = gang_plan(0);

    plan.stages = stages;
    plan.stage_count = 2;
    plan.duration_ns = 20 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 10.005);
    ck_assert_uint_ge(gang_users(&gang), 3990);
    gang_run(&gang, 19.99);
    ck_assert_uint_le(gang_users(&gang), 10);
    ck_assert_uint_le(gang.workers[0].orders[LKI_ORDER_USERS], 2001);
    ck_assert_uint_ge(gang.workers[0].orders[LKI_ORDER_USERS], 1900);
    gang_finish(&gang);
    gang_close(&gang);
}
END_TEST

START_TEST(a_slow_ramp_orders_only_when_the_number_changes)
{
    struct lki_stage stages[] = {{3600 * S, 10}};
    struct lki_plan plan = gang_plan(0);

    plan.stages = stages;
    plan.stage_count = 1;
    plan.duration_ns = 3600 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 3590);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_USERS], 5);
    ck_assert_uint_eq(gang.workers[1].orders[LKI_ORDER_USERS], 5);
    gang_close(&gang);
}
END_TEST

START_TEST(the_retired_stay_away_whatever_comes)
{
    struct lki_stage stages[] = {{0, 40}, {10 * S, 40}, {10 * S, 1}, {10 * S, 60}};
    struct lki_plan plan = gang_plan(0);
    static const uint64_t retired[] = {2, 8, 11, 20, 38, 5};

    plan.stages = stages;
    plan.stage_count = 4;
    plan.duration_ns = 40 * S;
    gang_open(&gang, &plan, NULL, 3);
    for (size_t i = 0; i < LKI_COUNT(retired); i++) {
        static const char *const steps[] = {"a", "b", "c", "d", "e", "f"};

        gang_run(&gang, 1 + (double)i);
        gang_crash(gang_worker(&gang, (retired[i] - 1) % 3 + 1), retired[i], steps[i]);
    }
    gang_run(&gang, 9);
    ck_assert_uint_eq(gang_users(&gang), 34);
    gang_run(&gang, 20.1);
    ck_assert_uint_le(gang_users(&gang), 1);
    gang_run(&gang, 35);
    ck_assert_uint_eq(gang_users(&gang), 54);
    for (size_t i = 0; i < LKI_COUNT(retired); i++)
        ck_assert(!gang_worker(&gang, (retired[i] - 1) % 3 + 1)->users[retired[i]]);
    gang_close(&gang);
}
END_TEST

START_TEST(users_can_be_set_from_outside)
{
    struct lki_stage stages[] = {{10 * S, 100}};
    struct lki_plan plan = gang_plan(0);

    plan.stages = stages;
    plan.stage_count = 1;
    plan.duration_ns = 10 * S;
    gang_open(&gang, &plan, NULL, 3);
    ck_assert_int_eq(lki_core_set_users(gang.core, 5, 0), LK_E_STATE);
    gang_run(&gang, 2);
    ck_assert_int_eq(lki_core_set_users(gang.core, 101, 0), LK_E_ARG);
    ck_assert_int_eq(lki_core_set_rate(gang.core, 10), LK_E_ARG);
    ck_assert_int_eq(lki_core_set_users(gang.core, 77, 0), LK_OK);
    gang_run(&gang, 2.1);
    are_the_first(77);
    ck_assert_uint_eq(gang_status(&gang).users_wanted, 77);
    gang_run(&gang, 9);
    are_the_first(77);
    gang_finish(&gang);
    ck_assert_int_le(gang.over_ns, 10 * S + 100 * MS);
    ck_assert_int_eq(lki_core_set_users(gang.core, 5, 0), LK_E_STATE);
    gang_close(&gang);
}
END_TEST

/* ---- arrivals ---- */

static struct lki_plan rated_plan(uint64_t users, double rate, struct lki_stage *stages,
                                  size_t count)
{
    struct lki_plan plan = gang_plan(users);

    plan.rated = true;
    plan.rate_per_s = rate;
    plan.stages = stages;
    plan.stage_count = count;
    return plan;
}

static uint64_t arrivals(int64_t until_ns)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < gang.count; i++)
        sum += gang_arrivals(&gang.workers[i], until_ns);
    return sum;
}

START_TEST(rates_come_to_the_plan_and_arrivals_lie_apart)
{
    static const double rates[] = {1, 0.3, 1000.0 / 3, 1e6, 0.007, 17};
    struct lki_plan plan = rated_plan(16, rates[_i], NULL, 0);
    double sum = 0;

    gang_open(&gang, &plan, NULL, 8);
    gang_run(&gang, 1);
    ck_assert(gang.workers[3].prepare.arrivals);
    for (size_t i = 0; i < gang.count; i++) {
        ck_assert_uint_eq(gang.workers[i].rate_count, 1);
        ck_assert_int_eq(gang.workers[i].rates[0].since_ns, start_ns());
        ck_assert_double_eq_tol(gang.workers[i].rates[0].lead, (double)i / 8, 1e-12);
        sum += gang.workers[i].rates[0].rate_per_s;
    }
    ck_assert_double_eq_tol(sum, rates[_i], rates[_i] * 1e-15);
    ck_assert_double_eq(gang_status(&gang).rate_wanted, rates[_i]);
    gang_close(&gang);
}
END_TEST

static const struct lki_link_ops *swift;

static enum lk_err send_slowly(struct lki_link *link, const void *bytes, size_t len)
{
    gang.loop.clock.fake_ns += 20 * MS;
    return swift->send(link, bytes, len);
}

START_TEST(who_is_held_up_while_all_are_told_to_begin_leaves_no_arrival_out)
{
    struct lki_plan plan = rated_plan(16, 1000, NULL, 0);
    static struct lki_link_ops slow;

    gang_open(&gang, &plan, NULL, 4);
    swift = gang.core->members[0]->link->ops;
    slow = (struct lki_link_ops){send_slowly, swift->close};
    for (size_t i = 0; i < gang.count; i++)
        gang.core->members[i]->link->ops = &slow;
    gang_run(&gang, 2);
    for (size_t i = 0; i < gang.count; i++) {
        ck_assert_uint_eq(gang.workers[i].rate_count, 1);
        ck_assert_int_eq(gang.workers[i].rates[0].since_ns, start_ns());
        ck_assert_double_eq(gang.workers[i].rates[0].lead, (double)i / 4);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(who_has_more_users_gets_more_arrivals)
{
    struct lki_plan plan = rated_plan(10, 100, NULL, 0);

    gang_open(&gang, &plan, NULL, 4);
    gang_run(&gang, 1);
    ck_assert_double_eq_tol(gang.workers[0].rates[0].rate_per_s, 30, 1e-9);
    ck_assert_double_eq_tol(gang.workers[1].rates[0].rate_per_s, 30, 1e-9);
    ck_assert_double_eq_tol(gang.workers[2].rates[0].rate_per_s, 20, 1e-9);
    ck_assert_double_eq_tol(gang.workers[3].rates[0].rate_per_s, 20, 1e-9);
    gang_close(&gang);
}
END_TEST

START_TEST(a_rate_that_ramps_brings_as_many_arrivals_as_the_slope)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 23, (uint64_t)_i);
    for (int round = 0; round < 10; round++) {
        struct lki_stage stages[3];
        struct lki_plan plan = rated_plan(8, (double)lki_rng_below(&rng, 40), stages, 3);
        int64_t end_ns = 0;

        for (size_t i = 0; i < 3; i++) {
            stages[i].length_ns = (int64_t)lki_rng_below(&rng, 5000) * MS;
            stages[i].target = lki_rng_double(&rng) * (double)lki_rng_below(&rng, 300);
        }
        plan.duration_ns = lki_plan_stages_ns(&plan) + S;
        gang_open(&gang, &plan, NULL, (size_t)1 << lki_rng_below(&rng, 4));
        gang_run(&gang, (double)plan.duration_ns / 1e9 + 0.01);
        for (size_t i = 0; i < 3; i++) {
            double want;

            end_ns += stages[i].length_ns;
            want = lki_plan_arrivals(&plan, 0, end_ns);
            ck_assert_double_le(fabs((double)arrivals(start_ns() + end_ns) - want), 1.001);
        }
        ck_assert_uint_le(gang.workers[0].orders[LKI_ORDER_RATE],
                          (uint64_t)(plan.duration_ns / (100 * MS)) + 6);
        gang_close(&gang);
    }
}
END_TEST

START_TEST(a_low_rate_is_not_forgotten_by_being_told_anew)
{
    struct lki_stage stages[] = {{100 * S, 0.2}};
    struct lki_plan plan = rated_plan(4, 0, stages, 1);

    plan.duration_ns = 100 * S;
    gang_open(&gang, &plan, NULL, 4);
    gang_run(&gang, 101);
    ck_assert_uint_ge(arrivals(start_ns() + 100 * S), 9);
    ck_assert_uint_le(arrivals(start_ns() + 100 * S), 11);
    gang_close(&gang);
}
END_TEST

START_TEST(the_others_take_over_the_rate_of_the_dead)
{
    struct lki_plan plan = rated_plan(8, 100, NULL, 0);
    struct lki_order_rate *rate;

    gang_open(&gang, &plan, NULL, 2);
    gang.stay_away = true;
    gang_run(&gang, 10);
    gang_kill(&gang.workers[0]);
    gang_run(&gang, 11);
    rate = &gang.workers[1].rates[gang.workers[1].rate_count - 1];
    ck_assert_double_eq(rate->rate_per_s, 100);
    ck_assert_int_eq(rate->since_ns, 10 * S);
    gang_join(&gang.workers[0]);
    gang_run(&gang, 12);
    rate = &gang.workers[1].rates[gang.workers[1].rate_count - 1];
    ck_assert_double_eq(rate->rate_per_s, 50);
    ck_assert_uint_eq(gang.workers[0].rate_count, 1);
    ck_assert_double_eq(gang.workers[0].rates[0].rate_per_s, 50);
    ck_assert_double_eq_tol(fabs(gang.workers[0].rates[0].lead - rate->lead), 0.5, 1e-9);
    gang_close(&gang);
}
END_TEST

/* How many more have come by now than the rate asked for. */
static double surplus(double rate_per_s)
{
    int64_t now_ns = lki_loop_now(&gang.loop);

    return (double)arrivals(now_ns) - (double)(now_ns - start_ns()) / 1e9 * rate_per_s;
}

START_TEST(what_is_due_while_nobody_is_there_is_not_left_out)
{
    struct lki_plan plan = rated_plan(_i < 8 ? 6 : 0, 100, NULL, 0);

    plan.open_ended = true;
    gang_open(&gang, &plan, NULL, 1 + (size_t)_i % 4);
    gang_run(&gang, 2.5);
    lki_core_set_users(gang.core, 0, _i < 4 ? 0 : 30 * MS);
    gang_run(&gang, 5.2);
    ck_assert_uint_eq(gang_users(&gang), 0);
    ck_assert_double_eq(gang_status(&gang).rate_wanted, 100);
    ck_assert_double_le(fabs(surplus(100)), 1.001);
    lki_core_set_users(gang.core, 6, _i < 4 ? 0 : 30 * MS);
    gang_run(&gang, 8);
    ck_assert_uint_eq(gang_users(&gang), 6);
    ck_assert_double_le(fabs(surplus(100)), 1.001);
    gang_close(&gang);
}
END_TEST

START_TEST(a_rate_goes_to_users_who_come_one_after_the_other)
{
    struct lki_plan plan = rated_plan(1, 100, NULL, 0);

    plan.open_ended = true;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    lki_core_set_users(gang.core, 20, 50 * MS);
    gang_run(&gang, 3);
    for (size_t i = 0; i < gang.count; i++) {
        ck_assert_uint_eq(gang.workers[i].user_count, 10);
        ck_assert_double_eq(gang.workers[i].rates[gang.workers[i].rate_count - 1].rate_per_s, 50);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(nothing_adds_up_however_often_users_come_and_go)
{
    struct lki_plan plan = rated_plan(8, 37, NULL, 0);
    struct lki_rng rng;

    lki_rng_seed(&rng, 41, (uint64_t)_i);
    plan.open_ended = true;
    gang_open(&gang, &plan, NULL, 1 + (size_t)_i % 5);
    for (double s = 0.5; s < 300; s += lki_rng_double(&rng)) {
        gang_run(&gang, s);
        ck_assert_double_le(fabs(surplus(37)), 1 + (double)gang.count / 2);
        lki_core_set_users(gang.core, lki_rng_below(&rng, 12),
                           lki_rng_below(&rng, 2) ? 0 : 50 * MS);
    }
    gang_close(&gang);
}
END_TEST

START_TEST(arrivals_go_on_when_all_who_were_lost_are_found)
{
    struct lki_plan plan = rated_plan(6, 100, NULL, 0);

    plan.open_ended = true;
    plan.on_loss = LKI_LOSS_REBALANCE;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2.005);
    lki_core_lost(gang.core, 1, 0, 60 * S);
    lki_core_lost(gang.core, 2, 0, 60 * S);
    gang_run(&gang, 4.2);
    lki_core_found(gang.core, 2);
    gang_run(&gang, 6.1);
    ck_assert_uint_eq(gang.workers[1].user_count, 6);
    ck_assert_double_le(fabs(surplus(100)), 1.001);
    lki_core_found(gang.core, 1);
    gang_run(&gang, 9);
    ck_assert_double_le(fabs(surplus(100)), 1.001);
    gang_close(&gang);
}
END_TEST

START_TEST(the_rate_can_be_set_from_outside)
{
    struct lki_stage stages[] = {{100 * S, 100}};
    struct lki_plan plan = rated_plan(8, 0, stages, 1);

    plan.duration_ns = 100 * S;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 10);
    ck_assert_int_eq(lki_core_set_rate(gang.core, -1), LK_E_ARG);
    ck_assert_int_eq(lki_core_set_rate(gang.core, (double)NAN), LK_E_ARG);
    ck_assert_int_eq(lki_core_set_rate(gang.core, 7), LK_OK);
    gang_run(&gang, 20);
    ck_assert_double_eq(gang_status(&gang).rate_wanted, 7);
    ck_assert_double_eq(gang.workers[1].rates[gang.workers[1].rate_count - 1].rate_per_s, 3.5);
    ck_assert_uint_le(arrivals(20 * S) - arrivals(10 * S), 71);
    ck_assert_uint_ge(arrivals(20 * S) - arrivals(10 * S), 69);
    ck_assert_int_eq(lki_core_set_rate(gang.core, 0), LK_OK);
    gang_run(&gang, 30);
    ck_assert_uint_le(arrivals(30 * S) - arrivals(20 * S), 0);
    gang_close(&gang);
}
END_TEST

/* ---- iterations ---- */

static uint64_t taken_by_the_dead;

static uint64_t taken(void)
{
    uint64_t sum = taken_by_the_dead;

    for (size_t i = 0; i < gang.count; i++)
        sum += gang.workers[i].taken;
    return sum;
}

/* One that has been told of the end and has begun all that it had is done. */
static void leave(struct gang_worker *worker)
{
    const struct lki_report gone = {.kind = LKI_REPORT_GONE,
                                    .gone = {LKI_END_ITERATIONS, lki_loop_now(&gang.loop)}};

    if (worker->gone || !worker->last || gang_iterations_left(worker) || !worker->user_count)
        return;
    worker->gone = true;
    worker->user_count = 0;
    gang_report(worker, &gone);
}

/* Its users begin some, but no more than so many in a life of its. */
static void work_within(struct gang_worker *worker, uint64_t count, uint64_t most)
{
    if (!worker->started || !worker->user_count)
        return;
    gang_iterate(worker, lki_min(count, most - worker->taken - worker->hungry));
    leave(worker);
}

static void work(struct gang_worker *worker, uint64_t count)
{
    work_within(worker, count, UINT64_MAX);
}

static void lose(struct gang_worker *worker, bool crash)
{
    static char step[] = "s0";
    uint64_t user = worker->number;

    taken_by_the_dead += worker->taken;
    step[1]++;
    while (user <= GANG_USERS_MAX && !worker->users[user])
        user += gang.count;
    if (crash && user <= GANG_USERS_MAX)
        gang_crash(worker, user, step);
    else
        gang_kill(worker);
}

START_TEST(exactly_so_many_iterations_begin_whoever_dies)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 31, (uint64_t)_i);
    for (int round = 0; round < 20; round++) {
        struct lki_plan plan = gang_plan(40);
        int deaths = (int)lki_rng_below(&rng, 6);
        double s = 1;

        plan.iterations = 1 + lki_rng_below(&rng, 2000);
        taken_by_the_dead = 0;
        gang_open(&gang, &plan, NULL, 1 + (size_t)lki_rng_below(&rng, 8));
        gang.workers[0].twice = lki_rng_below(&rng, 2) > 0;
        for (; gang_run(&gang, s) && s < 3000; s += 0.5) {
            struct gang_worker *worker = &gang.workers[lki_rng_below(&rng, gang.count)];

            ck_assert_uint_le(taken(), plan.iterations);
            work(worker, lki_rng_below(&rng, 30));
            if (deaths && worker->started && lki_rng_below(&rng, 10) == 0) {
                lose(worker, lki_rng_below(&rng, 2) && deaths > 2);
                deaths--;
            }
        }
        ck_assert_int_eq(gang.overs, 1);
        if (gang_status(&gang).ended_by == LKI_END_ITERATIONS)
            ck_assert_uint_eq(taken(), plan.iterations);
        else
            ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_CRASHES);
        gang_close(&gang);
    }
}
END_TEST

/* What each can begin comes to what is asked for, or to a bit more. */
static void limit_workers(uint64_t *most, uint64_t iterations, uint64_t more, struct lki_rng *rng)
{
    uint64_t rest = iterations + more;

    for (size_t i = 0; i + 1 < gang.count; i++) {
        most[i] = lki_rng_below(rng, rest + 1);
        rest -= most[i];
    }
    most[gang.count - 1] = rest;
}

START_TEST(what_some_cannot_begin_others_do)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 47, (uint64_t)_i);
    for (int round = 0; round < 20; round++) {
        struct lki_plan plan = gang_plan(400);
        int deaths = (int)lki_rng_below(&rng, 3);
        uint64_t most[8];
        double s = 1;

        plan.iterations = 1 + lki_rng_below(&rng, 1000);
        taken_by_the_dead = 0;
        gang_open(&gang, &plan, NULL, 1 + (size_t)lki_rng_below(&rng, LKI_COUNT(most)));
        limit_workers(most, plan.iterations, _i % 2 ? lki_rng_below(&rng, 100) : 0, &rng);
        for (; gang_run(&gang, s) && s < 3000; s += 0.5) {
            size_t at = (size_t)lki_rng_below(&rng, gang.count);

            ck_assert_uint_le(taken(), plan.iterations);
            work_within(&gang.workers[at], lki_rng_below(&rng, 30), most[at]);
            if (deaths && gang.workers[at].started && lki_rng_below(&rng, 10) == 0) {
                lose(&gang.workers[at], false);
                deaths--;
            }
        }
        ck_assert_int_eq(gang.overs, 1);
        ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_ITERATIONS);
        ck_assert_uint_eq(taken(), plan.iterations);
        gang_close(&gang);
    }
}
END_TEST

/* As far as it goes without a user that waits: it asks for more. */
static void use_up(struct gang_worker *worker)
{
    gang_iterate(worker, gang_iterations_left(worker) - worker->low);
}

START_TEST(blocks_shrink_as_the_end_comes_near)
{
    struct lki_plan plan = gang_plan(8);
    struct gang_worker *worker = &gang.workers[0];
    uint64_t block = UINT64_MAX;

    plan.iterations = 1000;
    gang_open(&gang, &plan, NULL, 4);
    gang_run(&gang, 1);
    for (int i = 0; i < 200 && block > 1; i++) {
        uint64_t had = worker->granted;

        use_up(worker);
        gang_run(&gang, 1.1 + i * 0.1);
        ck_assert_uint_gt(worker->granted, had);
        ck_assert_uint_le(worker->granted - had, block);
        block = worker->granted - had;
    }
    ck_assert_uint_eq(block, 1);
    gang_close(&gang);
}
END_TEST

/* Not a word more than it takes: those who were given all they had to give are not asked again. */
START_TEST(one_that_can_begin_them_all_gets_what_others_hold)
{
    struct lki_plan plan = gang_plan(8);
    struct gang_worker *worker = &gang.workers[2];

    plan.iterations = 1000;
    gang_open(&gang, &plan, NULL, 4);
    for (double s = 1; gang_run(&gang, s) && s < 200; s += 0.1)
        gang_iterate(worker, gang_iterations_left(worker) + 1);
    ck_assert_uint_eq(worker->taken, 1000);
    for (size_t i = 0; i < gang.count; i++) {
        ck_assert(gang.workers[i].last);
        ck_assert_uint_le(gang.workers[i].recalls, 1);
        ck_assert_uint_eq(gang_iterations_left(&gang.workers[i]), 0);
        leave(&gang.workers[i]);
    }
    gang_finish(&gang);
    ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_ITERATIONS);
    gang_close(&gang);
}
END_TEST

START_TEST(nothing_is_recalled_while_nobody_lacks_it)
{
    struct lki_plan plan = gang_plan(8);
    struct gang_worker *worker = &gang.workers[0];

    plan.iterations = 100;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    for (double s = 1; s < 10 && worker->granted + gang.workers[1].granted < 100; s += 0.1) {
        if (worker->low)
            use_up(worker);
        else
            gang_iterate(worker, gang_iterations_left(worker) + 1);
        gang_run(&gang, s);
    }
    gang_iterate(worker, gang_iterations_left(worker));
    gang_run(&gang, 11);
    ck_assert_uint_gt(gang_iterations_left(&gang.workers[1]), 0);
    ck_assert_uint_eq(worker->granted + gang.workers[1].granted, 100);
    ck_assert_uint_eq(gang.workers[1].recalls, 0);
    ck_assert(!worker->last);
    gang_iterate(worker, 1);
    gang_run(&gang, 12);
    ck_assert_uint_eq(gang.workers[1].recalls, 1);
    ck_assert_uint_eq(gang_iterations_left(&gang.workers[1]), 0);
    ck_assert_uint_gt(gang_iterations_left(worker), 0);
    gang_close(&gang);
}
END_TEST

static void tell(struct gang_worker *worker, uint64_t granted, uint64_t left, bool wanted)
{
    const struct lki_report report = {
        .kind = LKI_REPORT_ITERATIONS,
        .iterations = {
            .granted = granted, .recalls = worker->recalls, .left = left, .wanted = wanted}};

    gang_report(worker, &report);
    gang_run(&gang, (double)lki_loop_now(&gang.loop) / 1e9 + 0.1);
}

START_TEST(what_was_asked_before_a_lease_came_is_answered_by_it)
{
    struct lki_plan plan = gang_plan(8);
    struct gang_worker *worker = &gang.workers[0];
    uint64_t granted;

    plan.iterations = 100;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    granted = worker->granted;
    tell(worker, 0, 0, true);
    ck_assert_uint_eq(worker->granted, granted);
    tell(worker, granted, 1, true);
    ck_assert_uint_gt(worker->granted, granted);
    gang_close(&gang);
}
END_TEST

START_TEST(nothing_is_recalled_for_who_has_some_left)
{
    struct lki_plan plan = gang_plan(8);

    plan.iterations = 2;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    tell(&gang.workers[1], 1, 1, true);
    ck_assert_uint_eq(gang.workers[0].recalls, 0);
    gang_iterate(&gang.workers[1], 1);
    tell(&gang.workers[1], 1, 0, true);
    ck_assert_uint_eq(gang.workers[0].recalls, 1);
    gang_close(&gang);
}
END_TEST

/* As with arrivals that wait for a user. */
START_TEST(what_cannot_be_given_back_is_asked_for_once)
{
    struct lki_plan plan = gang_plan(8);
    struct gang_worker *worker = &gang.workers[0];

    plan.iterations = 2;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 1);
    worker->mute = 1U << LKI_ORDER_ITERATIONS;
    gang_iterate(&gang.workers[1], 2);
    gang_run(&gang, 2);
    ck_assert_uint_eq(worker->orders[LKI_ORDER_ITERATIONS], 2);
    worker->recalls = 1;
    for (int i = 0; i < 5; i++)
        tell(worker, 1, 1, false);
    ck_assert_uint_eq(worker->orders[LKI_ORDER_ITERATIONS], 2);
    ck_assert(!gang.workers[1].last);
    tell(worker, 1, 0, false);
    ck_assert(gang.workers[1].last);
    gang_close(&gang);
}
END_TEST

START_TEST(one_worker_alone_gets_all_iterations_at_once)
{
    struct lki_plan plan = gang_plan(8);

    plan.iterations = 1000;
    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 1);
    ck_assert_uint_eq(gang.workers[0].granted, 1000);
    ck_assert(gang.workers[0].last);
    work(&gang.workers[0], 1000);
    gang_finish(&gang);
    ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_ITERATIONS);
    ck_assert_int_le(gang.over_ns, 2 * S);
    ck_assert_uint_eq(gang.workers[0].stops, 0);
    gang_close(&gang);
}
END_TEST

START_TEST(who_comes_back_when_nothing_is_left_has_no_users)
{
    struct lki_plan plan = gang_plan(8);

    plan.iterations = 10;
    gang_open(&gang, &plan, NULL, 1);
    gang_run(&gang, 1);
    gang.workers[0].taken = 10;
    gang_kill(&gang.workers[0]);
    gang_finish(&gang);
    ck_assert_int_eq(gang.workers[0].lives, 2);
    ck_assert_uint_eq(gang.workers[0].orders[LKI_ORDER_USERS], 0);
    ck_assert_int_eq(gang_status(&gang).ended_by, LKI_END_ITERATIONS);
    gang_close(&gang);
}
END_TEST

static Suite *shares_suite(void)
{
    Suite *suite = suite_create("shares");
    TCase *users = tcase_create("users");
    TCase *rates = tcase_create("rates");
    TCase *iterations = tcase_create("iterations");

    tcase_add_loop_test(users, shares_come_to_the_plan_at_any_moment, 0, 5);
    tcase_add_test(users, a_ramp_is_no_flood_of_orders);
    tcase_add_test(users, a_slow_ramp_orders_only_when_the_number_changes);
    tcase_add_test(users, the_retired_stay_away_whatever_comes);
    tcase_add_test(users, users_can_be_set_from_outside);
    tcase_add_loop_test(rates, rates_come_to_the_plan_and_arrivals_lie_apart, 0, 6);
    tcase_add_test(rates, who_is_held_up_while_all_are_told_to_begin_leaves_no_arrival_out);
    tcase_add_test(rates, who_has_more_users_gets_more_arrivals);
    tcase_add_loop_test(rates, a_rate_that_ramps_brings_as_many_arrivals_as_the_slope, 0, 5);
    tcase_add_test(rates, a_low_rate_is_not_forgotten_by_being_told_anew);
    tcase_add_test(rates, the_others_take_over_the_rate_of_the_dead);
    tcase_add_loop_test(rates, what_is_due_while_nobody_is_there_is_not_left_out, 0, 12);
    tcase_add_test(rates, a_rate_goes_to_users_who_come_one_after_the_other);
    tcase_add_loop_test(rates, nothing_adds_up_however_often_users_come_and_go, 0, 10);
    tcase_add_test(rates, arrivals_go_on_when_all_who_were_lost_are_found);
    tcase_add_test(rates, the_rate_can_be_set_from_outside);
    tcase_add_loop_test(iterations, exactly_so_many_iterations_begin_whoever_dies, 0, 5);
    tcase_add_loop_test(iterations, what_some_cannot_begin_others_do, 0, 6);
    tcase_add_test(iterations, blocks_shrink_as_the_end_comes_near);
    tcase_add_test(iterations, one_that_can_begin_them_all_gets_what_others_hold);
    tcase_add_test(iterations, nothing_is_recalled_while_nobody_lacks_it);
    tcase_add_test(iterations, what_was_asked_before_a_lease_came_is_answered_by_it);
    tcase_add_test(iterations, nothing_is_recalled_for_who_has_some_left);
    tcase_add_test(iterations, what_cannot_be_given_back_is_asked_for_once);
    tcase_add_test(iterations, one_worker_alone_gets_all_iterations_at_once);
    tcase_add_test(iterations, who_comes_back_when_nothing_is_left_has_no_users);
    suite_add_tcase(suite, users);
    suite_add_tcase(suite, rates);
    suite_add_tcase(suite, iterations);
    return suite;
}

int main(void)
{
    return suite_run(shares_suite());
}
