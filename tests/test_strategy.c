/* Strategies of the author's, on a clock that takes no time. Several steps at once:
 * test_parallel.c. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/life.h"

static struct town town;
static lk_strategy *strategy; /* of the town in hand */
static int asked;

static void open_with(lk_strategy *chosen, struct lk_def *const *defs, size_t users)
{
    asked = 0;
    town_choose_by(chosen);
    town_open(&town, defs, users);
}

static const char *live(lk_strategy *chosen, struct lk_def *const *defs, double seconds)
{
    open_with(chosen, defs, 1);
    town_at(&town, seconds, town_drain);
    town_run(&town);
    return town_log(&town);
}

static void act_and_sleep(lk_vu *vu, void *self)
{
    const char *name = lki_vu_unit(vu)->step;

    town_act(vu, self);
    lk_sleep(vu, *name - '0'); /* "1" sleeps for one second */
    town_note(vu, lk_format(vu, "/%s", name));
}

/* ---- what it sees, and what is done with what it says ---- */

static void choose(struct lk_choice *choice, size_t at)
{
    choice->chosen[choice->chosen_count++] = at;
}

/* Writes down each step as it stands, and has the next one carried out in turn. */
static void look_and_take_turns(lk_vu *vu, void *self, struct lk_choice *choice)
{
    struct town_state *state = self;

    for (size_t i = 0; i < choice->step_count; i++) {
        const struct lk_candidate *it = &choice->steps[i];
        char text[64];

        snprintf(text, sizeof(text), "%s%s%s%s%g", it->step->def.name, it->ready ? "r" : "",
                 it->needs_met ? "n" : "", it->succeeded ? "s" : "", it->wait_s);
        EXPECT(it->step->data == (i ? NULL : &town), "its data");
        town_note(vu, text);
    }
    choose(choice, (size_t)state->steps++ % choice->step_count);
}

START_TEST(a_strategy_sees_each_step_as_it_is_and_is_obeyed)
{
    struct lk_def *defs[] = {
        TOWN_STEP("1", act_and_sleep, .every = LK_FIXED(2), .data = &town),
        TOWN_STEP("b", town_act, .needs = "1,c"),
        TOWN_STEP("c", town_fail, .every = LK_FIXED(0.5)),
        NULL,
    };

    /* what is not ready is carried out as well: b at 1, for which c never succeeds */
    ck_assert_str_eq(live(look_and_take_turns, defs, 1.25), "1rn0@0 b0@0 crn0@0 1@0 /1@1 "
                                                            "1ns2@1 b0@1 crn0@1 b@1 "
                                                            "1ns2@1 bs0@1 crn0@1 c@1 "
                                                            "1ns2@1 bs0@1 cn0.5@1 1@1 /1@1.25");
    ck_assert_uint_eq(town.metrics.totals->iterations, 4);
    town_close(&town);
}
END_TEST

static void take_turns(lk_vu *vu, void *self, struct lk_choice *choice)
{
    struct town_state *state = self;

    (void)vu;
    choose(choice, (size_t)state->steps++ % choice->step_count);
}

START_TEST(each_of_its_choices_is_carried_out_once)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), TOWN_STEP("b", town_act),
                             TOWN_STEP("c", town_act), NULL};

    open_with(take_turns, defs, 2);
    town.crowd.iterations_left = 10;
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "a@0 2:a@0 b@0 2:b@0 c@0 2:c@0 a@0 2:a@0 b@0 2:b@0");
    ck_assert_uint_eq(town.metrics.totals->iterations, 10);
    town_close(&town);
}
END_TEST

START_TEST(a_strategy_keeps_its_state_for_one_life)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, town_init), TOWN_STEP("1", act_and_sleep),
                             TOWN_STEP("2", act_and_sleep), NULL};

    ck_assert_str_eq(live(take_turns, defs, 3.5), "init@0 1@0 /1@1 2@1 /2@3 1@3 /1@3.5");
    town_close(&town);
}
END_TEST

static double waits_s[8];

/* Chooses the first step at each second call, and else nothing for so long. */
static void wait_first(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)self;
    if (asked % 2)
        choose(choice, 0);
    else
        town_note(vu, "?");
    choice->wait_s = waits_s[asked / 2];
    asked++;
}

START_TEST(a_strategy_that_chooses_nothing_is_asked_again_when_it_says)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(3)), NULL};

    memcpy(waits_s, (double[8]){1, 1.5, 1e-12, INFINITY}, sizeof(waits_s));
    ck_assert_str_eq(live(wait_first, defs, 100), "?@0 a@1 ?@1 a@2.5 ?@2.5 a@2.500000001 "
                                                  "?@2.500000001");
    ck_assert_int_eq(asked, 7);
    town_close(&town);
}
END_TEST

START_TEST(one_that_does_not_say_when_is_asked_when_a_step_is_ready)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(3)), NULL};

    /* it is ready at first, so that it is asked after a twentieth of a second */
    memcpy(waits_s, (double[8]){0, -1, NAN, 1e9}, sizeof(waits_s));
    ck_assert_str_eq(live(wait_first, defs, 100), "?@0 a@0.05 ?@0.05 a@3.05 ?@3.05 a@6.05 ?@6.05");
    town_close(&town);
}
END_TEST

/* ---- what it must not do ---- */

static void choose_beyond(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)vu;
    (void)self;
    choose(choice, 2);
}

static void choose_twice(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)vu;
    (void)self;
    choose(choice, 1);
    choose(choice, 1);
}

static void choose_too_many(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)vu;
    (void)self;
    choice->chosen_count = 3;
}

static void choose_but_not_say(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)vu;
    (void)self;
    choice->chosen_count = 1;
}

static void choose_and_fail(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)self;
    choose(choice, 0);
    lk_fail(vu, "%s is out", "luck");
}

static const struct misuse {
    lk_strategy *strategy;
    const char *message;
} misuses[] = {
    {choose_beyond, "the strategy chose step 2, but the last one is 1"},
    {choose_twice, "the strategy chose step \"b\" twice at once"},
    {choose_too_many, "the strategy chose 3 steps, but there are 2"},
    {choose_but_not_say, "the strategy chose step 18446744073709551615, but the last one is 1"},
    {choose_and_fail, "luck is out"},
};

static void misuse_first(lk_vu *vu, void *self, struct lk_choice *choice)
{
    if (asked++ < 2)
        strategy(vu, self, choice);
    else
        lk_choose_weighted(vu, self, choice);
}

static int told;

static void on_work(struct lki_crowd *crowd, const struct lki_work_done *done)
{
    (void)crowd;
    if (!strcmp(done->name, "strategy")) {
        ck_assert_int_eq(done->code, LKI_CODE_LIFECYCLE_FAILED);
        ck_assert_str_eq(done->message, town.metrics.first_error->message);
        told++;
    }
}

START_TEST(a_strategy_that_fails_is_counted_and_asked_again_after_a_second)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(10)),
                             TOWN_STEP("b", town_act, .needs = "a", .every = LK_FIXED(10)), NULL};

    strategy = misuses[_i].strategy;
    told = 0;
    open_with(misuse_first, defs, 1);
    town.crowd.on_work = on_work;
    town_at(&town, 5, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "a@2 b@2");
    ck_assert_int_eq(asked, 5);
    ck_assert_int_eq(told, 2);
    ck_assert_uint_eq(town_code(&town, "strategy", LKI_CODE_LIFECYCLE_FAILED), 2);
    ck_assert_uint_eq(town_code(&town, "strategy", LKI_CODE_LIFECYCLE_OK), 3);
    ck_assert_uint_eq(lki_crowd_hook_errors(&town.crowd), 2);
    ck_assert_str_eq(town.metrics.first_error->message, misuses[_i].message);
    ck_assert_str_eq(town.metrics.first_error->step, "strategy");
    ck_assert_uint_eq(town.metrics.first_error->count, 2);
    ck_assert_ptr_null(town.metrics.first_error->next);
    town_close(&town);
}
END_TEST

static void allocate_and_ask(lk_vu *vu, void *self, struct lk_choice *choice)
{
    EXPECT(!strcmp(lk_format(vu, "%d", 7), "7"), "its memory");
    EXPECT(lki_vu_unit(vu)->vu == vu, "its unit");
    lk_choose_weighted(vu, self, choice);
}

START_TEST(a_strategy_may_allocate)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(1)), NULL};

    ck_assert_str_eq(live(allocate_and_ask, defs, 2.5), "a@0 a@1 a@2");
    town_close(&town);
}
END_TEST

static void (*const ends[])(struct town *) = {town_drain, town_cut};

static void end_at_third(lk_vu *vu, void *self, struct lk_choice *choice)
{
    lk_choose_weighted(vu, self, choice);
    if (++asked == 3)
        ends[told](&town);
}

START_TEST(what_is_chosen_as_the_run_ends_does_not_begin)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", act_and_sleep), NULL};

    told = _i;
    open_with(end_at_third, defs, 1);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), _i ? "init@0 start@0 1@0 /1@1 1@1 /1@2"
                                         : "init@0 start@0 1@0 /1@1 1@1 /1@2 stop@2");
    ck_assert_uint_eq(town.metrics.totals->iterations, 2);
    town_close(&town);
}
END_TEST

static void refuse_at_third(lk_vu *vu, void *self, struct lk_choice *choice)
{
    lk_choose_weighted(vu, self, choice);
    if (++asked == 3) {
        town_drain(&town);
        choice->chosen_count = 0;
        choice->wait_s = 1000;
    }
}

START_TEST(a_user_that_waits_for_its_strategy_leaves_at_once)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", act_and_sleep), NULL};

    open_with(refuse_at_third, defs, 1);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 1@0 /1@1 1@1 /1@2 stop@2");
    town_close(&town);
}
END_TEST

/* ---- by weight ---- */

static void by_weight(lk_vu *vu, void *self, struct lk_choice *choice)
{
    asked++;
    lk_choose_weighted(vu, self, choice);
}

/* What three users do in a minute, as a text. */
static char *history(lk_strategy *chosen, uint64_t seed)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_BETWEEN(0.2, 3)),
                             TOWN_STEP("b", town_act, .every = LK_BETWEEN(0.1, 1), .weight = 2),
                             TOWN_STEP("c", town_act, .needs = "a", .every = LK_BETWEEN(0.1, 2)),
                             TOWN_STEP("d", town_act, .every = LK_BETWEEN(0, 1), .weight = 0.5),
                             NULL};
    char *text;

    town_choose_by(chosen);
    town_open_seeded(&town, defs, 3, seed);
    town.crowd.iterations_left = 5000;
    town_run(&town);
    text = strdup(town_log(&town));
    town_close(&town);
    return text;
}

START_TEST(a_strategy_that_asks_the_default_one_chooses_the_same)
{
    char *want = history(NULL, 42);
    char *same = history(lk_choose_weighted, 42);
    char *asking = history(by_weight, 42);
    char *other = history(by_weight, 43);

    ck_assert_uint_gt(strlen(want), 5000);
    ck_assert_str_eq(want, same);
    ck_assert_str_eq(want, asking);
    ck_assert_str_ne(want, other);
    ck_assert_int_ge(asked, 5000);
    free(want);
    free(same);
    free(asking);
    free(other);
}
END_TEST

static uint64_t counts[4];

static void count_choice(lk_vu *vu, void *self)
{
    (void)self;
    counts[lki_vu_unit(vu)->step[0] - 'a']++;
}

START_TEST(shares_converge_to_the_weights)
{
    static const double weights[] = {1, 2.5, 0.1, 4};
    struct lk_def *defs[] = {TOWN_STEP("a", count_choice),
                             TOWN_STEP("b", count_choice, .weight = 2.5),
                             TOWN_STEP("c", count_choice, .weight = 0.1),
                             TOWN_STEP("d", count_choice, .weight = 4), NULL};
    double chi = 0;

    memset(counts, 0, sizeof(counts));
    open_with(by_weight, defs, 1);
    town.crowd.iterations_left = 100000;
    town_run(&town);
    for (int i = 0; i < 4; i++) {
        double mean = 100000 * weights[i] / 7.6;

        chi += ((double)counts[i] - mean) * ((double)counts[i] - mean) / mean;
    }
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2] + counts[3], 100000);
    /* 3 degrees of freedom: beyond 21.1 one time in 10,000, below 0.02 one in 1,000 */
    ck_assert_double_lt(chi, 21.1);
    ck_assert_double_gt(chi, 0.02);
    town_close(&town);
}
END_TEST

START_TEST(the_default_strategy_chooses_among_a_part_of_the_steps_too)
{
    struct lk_step_def defs[] = {{.weight = 1}, {.weight = 1e9}, {.weight = 0}};
    struct lk_candidate candidates[] = {
        {.step = &defs[0], .ready = true}, {.step = &defs[1]}, {.step = &defs[2], .ready = true}};
    struct lk_vu vu = {.late_ns = -1};
    size_t hits[3] = {0};
    size_t chosen[3];
    struct lk_choice choice = {.steps = candidates, .step_count = 3, .chosen = chosen};

    lki_rng_seed(&vu.rng, 1, 1);
    for (int i = 0; i < 1000; i++) {
        lk_choose_weighted(&vu, NULL, &choice);
        ck_assert_uint_eq(choice.chosen_count, 1);
        hits[choice.chosen[0]]++;
    }
    /* a weight of 0 means 1: 500 and 500, of which 5 times the deviation is 79 */
    ck_assert_uint_eq(hits[1], 0);
    ck_assert_uint_gt(hits[0], 420);
    ck_assert_uint_lt(hits[0], 580);
    choice.step_count = 0;
    lk_choose_weighted(&vu, NULL, &choice);
    ck_assert_uint_eq(choice.chosen_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("strategy");
    TCase *tcase = suite_group(suite, "asking");

    tcase_add_test(tcase, a_strategy_sees_each_step_as_it_is_and_is_obeyed);
    tcase_add_test(tcase, each_of_its_choices_is_carried_out_once);
    tcase_add_test(tcase, a_strategy_keeps_its_state_for_one_life);
    tcase_add_test(tcase, a_strategy_that_chooses_nothing_is_asked_again_when_it_says);
    tcase_add_test(tcase, one_that_does_not_say_when_is_asked_when_a_step_is_ready);
    tcase_add_test(tcase, a_strategy_may_allocate);
    tcase_add_loop_test(tcase, a_strategy_that_fails_is_counted_and_asked_again_after_a_second, 0,
                        LKI_COUNT(misuses));
    tcase_add_loop_test(tcase, what_is_chosen_as_the_run_ends_does_not_begin, 0, LKI_COUNT(ends));
    tcase_add_test(tcase, a_user_that_waits_for_its_strategy_leaves_at_once);
    tcase = suite_group(suite, "weights");
    tcase_add_test(tcase, a_strategy_that_asks_the_default_one_chooses_the_same);
    tcase_add_test(tcase, shares_converge_to_the_weights);
    tcase_add_test(tcase, the_default_strategy_chooses_among_a_part_of_the_steps_too);
    return suite_run(suite);
}
