/* Plans: what they ask for at each moment, and when that changes. */
#include "control/plan.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/suite.h"

#define S LKI_NS_PER_S
#define MS LKI_NS_PER_MS

static struct lki_plan plan_of(uint64_t users, struct lki_stage *stages, size_t count)
{
    return (struct lki_plan){.users = users, .stages = stages, .stage_count = count};
}

static struct lki_plan rated(double rate, struct lki_stage *stages, size_t count)
{
    struct lki_plan plan = plan_of(7, stages, count);

    plan.rate_per_s = rate;
    plan.rated = true;
    return plan;
}

START_TEST(without_stages_there_are_always_as_many_users)
{
    struct lki_plan plan = plan_of(12, NULL, 0);

    ck_assert_double_eq(lki_plan_target(&plan, 0), 12);
    ck_assert_double_eq(lki_plan_target(&plan, INT64_MAX), 12);
    ck_assert_int_eq(lki_plan_next_change(&plan, 0), LKI_NEVER);
    ck_assert_uint_eq(lki_plan_population(&plan), 12);
    ck_assert_int_eq(lki_plan_stages_ns(&plan), 0);
}
END_TEST

START_TEST(a_ramp_rises_evenly_holds_and_falls)
{
    struct lki_stage stages[] = {{10 * S, 100}, {5 * S, 100}, {10 * S, 20}};
    struct lki_plan plan = plan_of(0, stages, 3);
    static const struct {
        double s;
        double users;
    } want[] = {{0, 0},    {1, 10},    {5, 50},  {9.9, 99}, {10, 100}, {12, 100},
                {15, 100}, {17.5, 80}, {20, 60}, {25, 20},  {100, 20}};

    for (size_t i = 0; i < LKI_COUNT(want); i++)
        ck_assert_double_eq(lki_plan_target(&plan, lki_ns(want[i].s)), want[i].users);
    ck_assert_uint_eq(lki_plan_population(&plan), 100);
    ck_assert_int_eq(lki_plan_stages_ns(&plan), 25 * S);
}
END_TEST

START_TEST(users_are_whole_and_change_in_the_middle_between_two_numbers)
{
    struct lki_stage stages[] = {{10 * S, 10}};
    struct lki_plan plan = plan_of(0, stages, 1);

    ck_assert_double_eq(lki_plan_target(&plan, 499 * MS), 0);
    ck_assert_double_eq(lki_plan_target(&plan, 500 * MS), 1);
    ck_assert_int_eq(lki_plan_next_change(&plan, 0), 500 * MS);
    ck_assert_int_eq(lki_plan_next_change(&plan, 500 * MS), 1500 * MS);
    ck_assert_int_eq(lki_plan_next_change(&plan, 9500 * MS), LKI_NEVER);
}
END_TEST

START_TEST(a_stage_without_length_is_a_jump)
{
    struct lki_stage stages[] = {{0, 5}, {S, 5}, {0, 9}, {0, 50}, {S, 50}, {0, 0}};
    struct lki_plan plan = plan_of(1, stages, 6);

    ck_assert_double_eq(lki_plan_target(&plan, 0), 5);
    ck_assert_double_eq(lki_plan_target(&plan, S - 1), 5);
    ck_assert_double_eq(lki_plan_target(&plan, S), 50);
    ck_assert_double_eq(lki_plan_target(&plan, 2 * S - 1), 50);
    ck_assert_double_eq(lki_plan_target(&plan, 2 * S), 0);
    ck_assert_int_eq(lki_plan_next_change(&plan, 0), S);
    ck_assert_int_eq(lki_plan_next_change(&plan, S), 2 * S);
    ck_assert_int_eq(lki_plan_next_change(&plan, 2 * S), LKI_NEVER);
    ck_assert_uint_eq(lki_plan_population(&plan), 50);
}
END_TEST

START_TEST(huge_and_senseless_values_do_no_harm)
{
    struct lki_stage stages[] = {{INT64_MAX - 5, 1e300}, {INT64_MAX, -5}, {S, (double)NAN}};
    struct lki_plan plan = plan_of(1, stages, 3);
    int64_t change_ns = lki_plan_next_change(&plan, 0);

    ck_assert_int_eq(lki_plan_stages_ns(&plan), LKI_NEVER);
    ck_assert_uint_eq(lki_plan_population(&plan), UINT64_C(1000000000000000));
    ck_assert_int_eq(change_ns, 1);
    ck_assert_double_le(lki_plan_target(&plan, INT64_MAX), 1e15);
    ck_assert_double_eq(lki_plan_target(&plan, -S), 1);

    stages[0] = (struct lki_stage){S, (double)NAN};
    ck_assert_double_eq(lki_plan_target(&plan, S), 0);
    stages[0] = (struct lki_stage){S, -3};
    ck_assert_double_eq(lki_plan_target(&plan, S), 0);
}
END_TEST

/* A plan of short stages, so that every nanosecond can be looked at. */
static struct lki_plan random_plan(struct lki_rng *rng, struct lki_stage *stages)
{
    size_t count = (size_t)lki_rng_below(rng, 5);

    for (size_t i = 0; i < count; i++) {
        stages[i].length_ns = (int64_t)lki_rng_below(rng, 3) * (int64_t)lki_rng_below(rng, 60);
        stages[i].target = (double)lki_rng_below(rng, 25);
        if (lki_rng_below(rng, 4) == 0)
            stages[i].target += lki_rng_double(rng);
    }
    return plan_of(lki_rng_below(rng, 20), stages, count);
}

START_TEST(the_next_change_is_where_the_target_is_another_one_for_the_first_time)
{
    struct lki_rng rng;

    lki_rng_seed(&rng, 5, (uint64_t)_i);
    for (int round = 0; round < 200; round++) {
        struct lki_stage stages[5];
        struct lki_plan plan = random_plan(&rng, stages);
        int64_t end_ns = lki_plan_stages_ns(&plan) + 3;
        int64_t next_ns = LKI_NEVER;

        for (int64_t t_ns = end_ns; t_ns >= 0; t_ns--) {
            double now = lki_plan_target(&plan, t_ns);

            if (now != lki_plan_target(&plan, t_ns + 1))
                next_ns = t_ns + 1;
            ck_assert_int_eq(lki_plan_next_change(&plan, t_ns), next_ns);
            ck_assert_double_le(now, (double)lki_plan_population(&plan));
            ck_assert_double_eq(now, floor(now));
        }
    }
}
END_TEST

START_TEST(following_the_changes_of_a_long_ramp_meets_each_number_once)
{
    struct lki_stage stages[] = {{3600 * S, 1000}, {1800 * S, 300}};
    struct lki_plan plan = plan_of(0, stages, 2);
    int64_t t_ns = 0;
    double users = 0;
    int changes = 0;

    while ((t_ns = lki_plan_next_change(&plan, t_ns)) < LKI_NEVER) {
        double now = lki_plan_target(&plan, t_ns);

        ck_assert_double_eq(fabs(now - users), 1);
        users = now;
        changes++;
    }
    ck_assert_int_eq(changes, 1700);
    ck_assert_double_eq(users, 300);
}
END_TEST

START_TEST(of_arrivals_the_stages_are_rates_and_the_users_stay)
{
    struct lki_stage stages[] = {{10 * S, 50}, {10 * S, 0}};
    struct lki_plan plan = rated(10, stages, 2);

    ck_assert_double_eq(lki_plan_target(&plan, 5 * S), 30);
    ck_assert_double_eq(lki_plan_target(&plan, 10 * S), 50);
    ck_assert_double_eq(lki_plan_target(&plan, 25 * S), 0);
    ck_assert_int_eq(lki_plan_next_change(&plan, 0), LKI_NEVER);
    ck_assert_uint_eq(lki_plan_population(&plan), 7);
}
END_TEST

START_TEST(arrivals_are_the_area_under_the_rate)
{
    struct lki_stage stages[] = {{10 * S, 50}, {0, 20}, {10 * S, 20}, {10 * S, 0}};
    struct lki_plan plan = rated(10, stages, 4);

    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, 0, 10 * S), 300, 1e-9);
    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, 0, 5 * S), 100, 1e-9);
    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, 5 * S, 15 * S), 300, 1e-9);
    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, 0, 60 * S), 600, 1e-9);
    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, 3 * S, 3 * S), 0, 1e-9);
    plan.stage_count = 0;
    ck_assert_double_eq_tol(lki_plan_arrivals(&plan, S, 61 * S), 600, 1e-9);
}
END_TEST

START_TEST(a_rate_holds_for_a_step_while_it_changes_and_for_good_when_it_does_not)
{
    struct lki_stage stages[] = {{S, 10}, {250 * MS, 50}, {0, 20}};
    struct lki_plan plan = rated(10, stages, 3);

    ck_assert_int_eq(lki_plan_rate_holds(&plan, 0, 100 * MS), S);
    ck_assert_int_eq(lki_plan_rate_holds(&plan, S, 100 * MS), 1100 * MS);
    ck_assert_int_eq(lki_plan_rate_holds(&plan, 1130 * MS, 100 * MS), 1200 * MS);
    ck_assert_int_eq(lki_plan_rate_holds(&plan, 1200 * MS, 100 * MS), 1250 * MS);
    ck_assert_int_eq(lki_plan_rate_holds(&plan, 1250 * MS, 100 * MS), LKI_NEVER);
}
END_TEST

static Suite *plan_suite(void)
{
    Suite *suite = suite_create("plan");
    TCase *users = tcase_create("users");
    TCase *rates = tcase_create("rates");

    tcase_add_test(users, without_stages_there_are_always_as_many_users);
    tcase_add_test(users, a_ramp_rises_evenly_holds_and_falls);
    tcase_add_test(users, users_are_whole_and_change_in_the_middle_between_two_numbers);
    tcase_add_test(users, a_stage_without_length_is_a_jump);
    tcase_add_test(users, huge_and_senseless_values_do_no_harm);
    tcase_add_loop_test(
        users, the_next_change_is_where_the_target_is_another_one_for_the_first_time, 0, 5);
    tcase_add_test(users, following_the_changes_of_a_long_ramp_meets_each_number_once);
    tcase_add_test(rates, of_arrivals_the_stages_are_rates_and_the_users_stay);
    tcase_add_test(rates, arrivals_are_the_area_under_the_rate);
    tcase_add_test(rates, a_rate_holds_for_a_step_while_it_changes_and_for_good_when_it_does_not);
    suite_add_tcase(suite, users);
    suite_add_tcase(suite, rates);
    return suite;
}

int main(void)
{
    return suite_run(plan_suite());
}
