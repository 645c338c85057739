/* A worker under orders: users that come and go, iterations and arrivals as they are given, the
 * end, set-up and tear-down, and what is reported of it all. */
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
#define CITIZEN(...)                                                                               \
    (&((struct lk_vu_def){TOWN_HEAD_(lk_vu_def, LK_DEF_VU, "citizen", "citizen"), __VA_ARGS__}).def)
#define RUN_HOOK(which, fn)                                                                        \
    (&((struct lk_run_hook_def){TOWN_HEAD_(lk_run_hook_def, LK_DEF_RUN_HOOK, NULL, "on_it"),       \
                                .hook = (which), .run = (fn)})                                     \
          .def)

static struct troop troop;
static uint64_t begun; /* iterations */

static void born(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, "start");
}

static void died(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, "stop");
}

static void act(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, "act");
}

static void count(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    begun++;
}

/* A step that waits for what never comes. */
static void hang(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, "hang");
    lk_wait_fd(vu, troop.loop.timer_fd, LK_WRITABLE, 1e6);
}

static void nap(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1e6);
    troop_note(vu, lk_should_stop(vu) ? "woken" : "slept");
}

static void nap_a_second(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    begun++;
    lk_sleep(vu, 1);
}

#define LIVES TOWN_HOOK(LK_HOOK_START, born), TOWN_HOOK(LK_HOOK_STOP, died)
#define EVERY(seconds) .every = LK_FIXED(seconds)

static struct lk_def *const quiet[] = {CITIZEN(.weight = 1), LIVES,
                                       TOWN_STEP("a", count, EVERY(1e6)), NULL};

static void employ(struct lk_def *const *defs, size_t agents,
                   const struct lki_order_prepare *prepare)
{
    begun = 0;
    troop_open(&troop, defs, agents);
    troop_prepare(&troop, prepare);
}

static void dismiss(void)
{
    troop_quit(&troop);
    troop_close(&troop);
}

#define PREPARE(...) (&(struct lki_order_prepare){.seed = 1, __VA_ARGS__})

/* ---- coming ---- */

START_TEST(an_agent_says_hello_and_prepares)
{
    troop_open(&troop, quiet, 2);
    ck_assert_uint_ne(troop.agents[0].hello.pid, 0);
    ck_assert_uint_eq(troop.agents[0].hello.program, troop.agents[1].hello.program);
    ck_assert(!troop.agents[0].prepared);
    troop_prepare(&troop, PREPARE(.population = 4));
    ck_assert(troop.agents[0].prepared && troop.agents[1].prepared);
    dismiss();
}
END_TEST

START_TEST(other_programs_have_another_hash)
{
    struct lk_def *other[] = {CITIZEN(.weight = 1), TOWN_STEP("b", count), NULL};
    uint64_t program;

    troop_open(&troop, quiet, 1);
    program = troop.agents[0].hello.program;
    troop_close(&troop);
    troop_open(&troop, other, 1);
    ck_assert_uint_ne(troop.agents[0].hello.program, program);
    troop_close(&troop);
}
END_TEST

/* ---- users ---- */

START_TEST(users_come_and_go_by_ranges)
{
    employ(quiet, 1, PREPARE(.population = 9));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 2, 3, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 3:start@0 5:start@0");
    troop_users(&troop.agents[0], 3, 2, 10, false); /* some are there, some there are not */
    troop_users(&troop.agents[0], 3, 2, 10, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "7:start@1 9:start@1");
    troop_users(&troop.agents[0], 5, 2, 2, true);
    troop_users(&troop.agents[0], 5, 2, 2, true);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "5:stop@2 7:stop@2");
    ck_assert(!troop.agents[0].gone);
    dismiss();
}
END_TEST

START_TEST(who_has_left_begins_again_when_told_to)
{
    employ(quiet, 1, PREPARE(.population = 2));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[0], 1, 1, 2, true);
    troop_run(&troop, 1);
    ck_assert(!troop.agents[0].gone); /* others may come */
    troop_users(&troop.agents[0], 2, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 2:start@0 1:stop@1 2:stop@1 2:start@2");
    dismiss();
}
END_TEST

/* With a stop hook of some more than a second. */
static void leave_slowly(lk_vu *vu, void *self)
{
    died(vu, self);
    lk_wait_fd(vu, troop.loop.timer_fd, LK_WRITABLE, 1 + (double)vu->id / 10);
    troop_note(vu, "gone");
}

START_TEST(who_is_still_leaving_begins_again_after_that)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), TOWN_HOOK(LK_HOOK_START, born),
                             TOWN_HOOK(LK_HOOK_STOP, leave_slowly),
                             TOWN_STEP("a", count, EVERY(1e6)), NULL};

    employ(defs, 1, PREPARE(.population = 2));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_users(&troop.agents[0], 1, 1, 2, true);
    troop_run(&troop, 0);
    troop_users(&troop.agents[0], 1, 1, 2, true);
    troop_run(&troop, 0.5);
    ck_assert_str_eq(troop_log(&troop), "");
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 0.5);
    troop_users(&troop.agents[0], 1, 1, 2, true);
    troop_run(&troop, 0.5);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_users(&troop.agents[0], 2, 1, 1, true); /* this one not, after all */
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@0.5 2:start@0.5 1:stop@1 2:stop@1 1:gone@2.1 "
                                        "1:start@2.1 2:gone@2.2");
    dismiss();
}
END_TEST

START_TEST(a_step_that_outlasts_the_grace_time_is_cut_off_alone)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), LIVES, TOWN_STEP("h", hang, .timeout_s = 100),
                             NULL};

    employ(defs, 1, PREPARE(.population = 2, .grace_ns = 3 * NS));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[0], 2, 1, 1, true);
    troop_run(&troop, 2.5);
    ck_assert_uint_eq(troop.agents[0].head.totals.steps, 0);
    troop_run(&troop, 1);
    troop_users(&troop.agents[0], 2, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 1:hang@0 2:start@0 2:hang@0 2:start@4.5 "
                                        "2:hang@4.5");
    ck_assert_uint_eq(troop.agents[0].head.totals.steps, 1);
    ck_assert_uint_eq(troop.agents[0].head.totals.step_errors, 0);
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    dismiss();
}
END_TEST

START_TEST(steps_at_once_are_cut_off_with_their_user)
{
    struct lk_def *defs[] = {CITIZEN(.strategy = lk_choose_parallel), LIVES,
                             TOWN_STEP("h", hang, .timeout_s = 100),
                             TOWN_STEP("n", nap, .timeout_s = 100), NULL};

    employ(defs, 1, PREPARE(.population = 2, .grace_ns = 3 * NS));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[0], 1, 1, 1, true);
    troop_run(&troop, 4);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 2:start@0 1:hang@0 2:hang@0 1:woken@1");
    ck_assert_uint_eq(troop.agents[0].head.totals.steps, 2);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@5 1:hang@5");
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    dismiss();
}
END_TEST

START_TEST(who_is_to_leave_need_not_wait_to_the_end)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), LIVES, TOWN_STEP("n", nap, .timeout_s = LK_OFF),
                             NULL};

    employ(defs, 1, PREPARE(.population = 2));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    troop_users(&troop.agents[0], 2, 1, 1, true);
    troop_run(&troop, 9);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 2:start@0 2:woken@1 2:stop@1");
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    dismiss();
}
END_TEST

static char types_seen[32];

static void type_a(lk_vu *vu, void *self)
{
    (void)self;
    types_seen[vu->id - 1] = 'a';
}

static void type_b(lk_vu *vu, void *self)
{
    (void)self;
    types_seen[vu->id - 1] = 'b';
}

#define OF_TYPE(type, name, fn)                                                                    \
    (&((struct lk_step_def){TOWN_HEAD_(lk_step_def, LK_DEF_STEP, type, name), .run = (fn),         \
                            EVERY(1e6)})                                                           \
          .def)
#define TYPE(type, share)                                                                          \
    (&((struct lk_vu_def){TOWN_HEAD_(lk_vu_def, LK_DEF_VU, type, type), .weight = (share)}).def)

START_TEST(types_follow_from_numbers_whoever_has_the_users)
{
    struct lk_def *defs[] = {TYPE("a", 1), TYPE("b", 3), OF_TYPE("a", "x", type_a),
                             OF_TYPE("b", "y", type_b), NULL};
    char alone[sizeof(types_seen)];

    for (size_t agents = 1; agents <= 2; agents++) {
        memset(types_seen, 0, sizeof(types_seen));
        employ(defs, agents, PREPARE(.population = 16));
        troop_start(&troop, LKI_NEVER);
        for (size_t i = 0; i < agents; i++)
            troop_users(&troop.agents[i], i + 1, agents, 16 / agents, false);
        troop_run(&troop, 1);
        if (agents == 1)
            memcpy(alone, types_seen, sizeof(alone));
        dismiss();
    }
    ck_assert_str_eq(types_seen, alone);
    ck_assert_uint_eq(strlen(alone), 16);
    ck_assert_ptr_nonnull(strchr(alone, 'a'));
    ck_assert_ptr_nonnull(strchr(alone, 'b'));
    ck_assert_uint_eq(strspn(alone, "ab"), 16);
}
END_TEST

/* ---- iterations ---- */

static uint64_t pot;
static uint64_t granted[TROOP_AGENTS_MAX];

/* Blocks that shrink, as the core's do. */
static void lease(struct troop_agent *agent, const struct lki_report *report)
{
    size_t at = agent->number - 1;
    uint64_t block = (pot + 3) / 4;

    if (report->kind != LKI_REPORT_ITERATIONS || !report->iterations.wanted ||
        report->iterations.granted < granted[at])
        return;
    pot -= block;
    granted[at] += block;
    troop_order(agent,
                &(struct lki_order){.kind = LKI_ORDER_ITERATIONS,
                                    .iterations = {.granted = granted[at], .last = pot == 0}});
}

START_TEST(as_many_iterations_begin_as_were_granted)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), TOWN_STEP("n", nap_a_second), NULL};
    uint64_t taken = 0;

    employ(defs, 2, PREPARE(.population = 20, .counted = true));
    troop.on_report = lease;
    pot = 997;
    memset(granted, 0, sizeof(granted));
    troop_start(&troop, LKI_NEVER);
    for (size_t i = 0; i < 2; i++)
        troop_users(&troop.agents[i], i + 1, 2, 10, false);
    troop_run(&troop, 200);
    ck_assert_uint_eq(begun, 997);
    for (size_t i = 0; i < 2; i++) {
        struct troop_agent *agent = &troop.agents[i];

        ck_assert(agent->gone);
        ck_assert_int_eq(agent->left.why, LKI_END_ITERATIONS);
        ck_assert_uint_eq(agent->page.iterations_taken, granted[i]);
        ck_assert_int_lt(agent->asks, 20);
        taken += agent->head.totals.iterations;
    }
    ck_assert_uint_eq(taken, 997);
    dismiss();
}
END_TEST

START_TEST(who_finds_no_iteration_waits_for_more)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), LIVES, TOWN_STEP("a", act), NULL};
    struct lki_order order = {.kind = LKI_ORDER_ITERATIONS};

    employ(defs, 1, PREPARE(.population = 3, .counted = true));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 3, false);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 2:start@0 3:start@0");
    ck_assert_int_eq(troop.agents[0].asks, 1);
    order.iterations.granted = 2;
    troop_order(&troop.agents[0], &order);
    troop_order(&troop.agents[0], &order); /* no more than that */
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:act@1 2:act@1");
    ck_assert_int_eq(troop.agents[0].asks, 2);
    order.iterations.granted = 3;
    order.iterations.last = true;
    troop_order(&troop.agents[0], &order);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "3:act@2 3:stop@2 1:stop@2 2:stop@2");
    ck_assert(troop.agents[0].gone);
    dismiss();
}
END_TEST

START_TEST(none_left_may_be_told_to_who_waits)
{
    employ(quiet, 1, PREPARE(.population = 2, .counted = true));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    troop_order(&troop.agents[0],
                &(struct lki_order){.kind = LKI_ORDER_ITERATIONS, .iterations = {.last = true}});
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 0);
    ck_assert(troop.agents[0].gone);
    ck_assert_int_eq(troop.agents[0].left.at_ns, 1 * NS);
    dismiss();
}
END_TEST

static void order_iterations(uint64_t count, uint64_t recalls)
{
    troop_order(&troop.agents[0],
                &(struct lki_order){.kind = LKI_ORDER_ITERATIONS,
                                    .iterations = {.granted = count, .recalls = recalls}});
}

static void was_told(uint64_t count, uint64_t recalls, uint64_t returned, uint64_t left,
                     bool wanted)
{
    const struct lki_report_iterations *told = &troop.agents[0].lease;

    ck_assert_uint_eq(told->granted, count);
    ck_assert_uint_eq(told->recalls, recalls);
    ck_assert_uint_eq(told->returned, returned);
    ck_assert_uint_eq(told->left, left);
    ck_assert(told->wanted == wanted);
}

START_TEST(what_has_not_begun_is_given_back_when_it_is_recalled)
{
    employ(quiet, 1, PREPARE(.population = 4, .counted = true));
    order_iterations(10, 0);
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 3, false);
    troop_run(&troop, 1);
    ck_assert_int_eq(troop.agents[0].asks, 0);
    order_iterations(10, 1);
    order_iterations(10, 1); /* no more than that */
    troop_run(&troop, 1);
    ck_assert_int_eq(troop.agents[0].asks, 1);
    was_told(10, 1, 7, 0, false);
    troop_users(&troop.agents[0], 4, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 3);
    ck_assert_int_eq(troop.agents[0].asks, 2);
    was_told(10, 1, 7, 0, true);
    order_iterations(12, 1);
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 4);
    ck_assert_uint_eq(troop.agents[0].page.iterations_taken, 4);
    was_told(12, 1, 7, 1, true);
    order_iterations(12, 2);
    troop_run(&troop, 1);
    was_told(12, 2, 8, 0, false);
    dismiss();
}
END_TEST

/* What was given to who waits does not go round without end. */
START_TEST(who_waits_begins_what_came_before_it_was_recalled)
{
    employ(quiet, 1, PREPARE(.population = 3, .counted = true));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 3, false);
    troop_run(&troop, 1);
    was_told(0, 0, 0, 0, true);
    order_iterations(2, 0);
    order_iterations(2, 1);
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 2);
    was_told(2, 1, 0, 0, true);
    order_iterations(9, 1);
    order_iterations(9, 2);
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 3);
    was_told(9, 2, 6, 0, false);
    dismiss();
}
END_TEST

START_TEST(what_one_does_not_take_another_gets)
{
    employ(quiet, 1, PREPARE(.population = 2, .counted = true));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 1);
    order_iterations(1, 0);
    troop_users(&troop.agents[0], 1, 1, 1, true);
    troop_run(&troop, 1);
    ck_assert_uint_eq(begun, 1);
    dismiss();
}
END_TEST

START_TEST(that_all_have_begun_is_told_once)
{
    employ(quiet, 1, PREPARE(.population = 3, .counted = true));
    order_iterations(3, 0);
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 3, false);
    troop_run(&troop, 5);
    was_told(3, 0, 0, 0, false);
    ck_assert_int_le(troop.agents[0].asks, 2);
    ck_assert(!troop.agents[0].gone);
    dismiss();
}
END_TEST

/* ---- arrivals ---- */

static void set_rate(double rate_per_s, double lead, double since_s)
{
    troop_order(&troop.agents[0], &(struct lki_order){.kind = LKI_ORDER_RATE,
                                                      .rate = {rate_per_s, lead, lki_ns(since_s)}});
}

static struct lk_def *const arriving[] = {CITIZEN(.weight = 1), TOWN_STEP("a", act), NULL};

START_TEST(arrivals_come_as_they_are_ordered)
{
    employ(arriving, 1, PREPARE(.population = 1, .arrivals = true, .arrival_wait_ns = NS));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(2, 0.5, 0);
    set_rate(2, 0.5, 0);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:act@0.25 1:act@0.75");
    set_rate(4, 0, 1.5); /* some time before it holds */
    troop_run(&troop, 1.2);
    ck_assert_str_eq(troop_log(&troop), "1:act@1.25 1:act@1.5 1:act@1.75 1:act@2");
    set_rate(1, 0.1, 2.1); /* some time after */
    troop_run(&troop, 2);
    ck_assert_str_eq(troop_log(&troop), "1:act@2.2 1:act@3.2 1:act@4.2");
    set_rate(0, 0, 4.2);
    troop_run(&troop, 10);
    ck_assert_str_eq(troop_log(&troop), "");
    dismiss();
}
END_TEST

START_TEST(no_arrival_is_lost_or_doubled_where_the_rate_changes)
{
    employ(arriving, 1, PREPARE(.population = 1, .arrivals = true, .arrival_wait_ns = NS));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(10, 0, 0);
    troop_run(&troop, 1.05);
    troop_log(&troop);
    /* it has held for a while when it comes: those of 0.9 and 1 are in its time */
    set_rate(10, 0.5, 0.85);
    troop_run(&troop, 0.2);
    ck_assert_str_eq(troop_log(&troop), "1:act@1.1 1:act@1.2");
    /* what it tells is up to the last second, what its page says up to now */
    ck_assert_uint_eq(troop.agents[0].page.arrivals.started, 13);
    ck_assert_uint_lt(troop.agents[0].head.started, 13);
    dismiss();
}
END_TEST

START_TEST(who_comes_late_does_not_catch_up_with_arrivals)
{
    struct lki_order start = {.kind = LKI_ORDER_START, .start = {.end_ns = LKI_NEVER}};

    employ(arriving, 1, PREPARE(.population = 1, .arrivals = true, .arrival_wait_ns = NS));
    troop_run(&troop, 10.25);
    troop_order(&troop.agents[0], &start);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(2, 0, 0);
    troop_run(&troop, 1);
    ck_assert_str_eq(troop_log(&troop), "1:act@10.5 1:act@11");
    ck_assert_uint_eq(troop.agents[0].sum.t_s, 10);
    dismiss();
}
END_TEST

START_TEST(arrivals_too_are_counted)
{
    employ(arriving, 1,
           PREPARE(.population = 1, .arrivals = true, .counted = true, .arrival_wait_ns = NS));
    troop.on_report = lease;
    pot = 10;
    memset(granted, 0, sizeof(granted));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(10, 0, 0);
    troop_run(&troop, 5);
    ck_assert_uint_eq(troop.agents[0].head.totals.iterations, 10);
    ck_assert_uint_eq(troop.agents[0].head.started, 10);
    ck_assert_uint_eq(troop.agents[0].page.iterations_taken, 10);
    ck_assert_uint_eq(troop.agents[0].page.arrivals.started, 10);
    ck_assert_int_eq(troop.agents[0].left.why, LKI_END_ITERATIONS);
    ck_assert_int_eq(troop.agents[0].left.at_ns, 9 * NS / 10);
    dismiss();
}
END_TEST

START_TEST(arrivals_that_were_not_due_are_given_back)
{
    struct lk_def *const slow[] = {CITIZEN(.weight = 1), TOWN_STEP("n", nap_a_second), NULL};

    employ(slow, 1,
           PREPARE(.population = 1, .arrivals = true, .counted = true, .arrival_wait_ns = 9 * NS));
    order_iterations(10, 0);
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(10, 0, 0);
    troop_run(&troop, 0.25); /* three have come, and one has begun */
    order_iterations(10, 1);
    troop_run(&troop, 0.01);
    was_told(10, 1, 7, 2, false);
    troop_run(&troop, 2);
    ck_assert_uint_eq(begun, 3);
    was_told(10, 1, 7, 0, true); /* the next one has been due for long */
    order_iterations(11, 1);
    troop_run(&troop, 2);
    ck_assert_uint_eq(begun, 4);
    ck_assert_uint_eq(troop.agents[0].page.iterations_taken, 4);
    dismiss();
}
END_TEST

START_TEST(an_arrival_asks_for_what_it_lacks_when_it_is_due)
{
    employ(arriving, 1,
           PREPARE(.population = 1, .arrivals = true, .counted = true, .arrival_wait_ns = NS));
    order_iterations(1, 0);
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    set_rate(0.1, 0, 0);
    troop_run(&troop, 9.9);
    was_told(1, 0, 0, 0, false);
    troop_run(&troop, 0.2);
    was_told(1, 0, 0, 0, true);
    ck_assert_int_eq(troop.agents[0].asks, 2);
    dismiss();
}
END_TEST

/* ---- the end ---- */

START_TEST(it_ends_by_itself_when_it_is_time)
{
    employ(quiet, 1, PREPARE(.population = 2));
    troop_start(&troop, 3 * NS);
    troop_users(&troop.agents[0], 1, 1, 2, false);
    troop_run(&troop, 4);
    ck_assert(troop.agents[0].gone);
    ck_assert_int_eq(troop.agents[0].left.why, LKI_END_DURATION);
    ck_assert_int_eq(troop.agents[0].left.at_ns, 3 * NS);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 2:start@0 1:stop@3 2:stop@3");
    troop_users(&troop.agents[0], 1, 1, 2, false); /* too late */
    troop_run(&troop, 4);
    ck_assert_str_eq(troop_log(&troop), "");
    dismiss();
}
END_TEST

START_TEST(a_start_may_be_some_time_ahead)
{
    struct lki_order start = {.kind = LKI_ORDER_START,
                              .start = {.start_ns = 2 * NS, .end_ns = 3 * NS}};

    employ(quiet, 1, PREPARE(.population = 1));
    troop_order(&troop.agents[0], &start);
    troop_order(&troop.agents[0], &start);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 4);
    ck_assert_str_eq(troop_log(&troop), "1:start@2 1:stop@3");
    ck_assert_int_eq(troop.agents[0].left.at_ns, 3 * NS);
    ck_assert_int_eq(troop.agents[0].health.span_ns, 1 * NS);
    dismiss();
}
END_TEST

START_TEST(once_drains_and_twice_cuts_off)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), LIVES, TOWN_STEP("h", hang, .timeout_s = 100),
                             NULL};

    employ(defs, 1, PREPARE(.population = 1));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1);
    troop_stop(&troop, 1);
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    ck_assert(!troop.agents[0].gone);
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    ck_assert(troop.agents[0].gone);
    ck_assert_int_eq(troop.agents[0].left.why, LKI_END_INTERRUPT);
    ck_assert_int_eq(troop.agents[0].left.at_ns, 2 * NS);
    ck_assert_str_eq(troop_log(&troop), "1:start@0 1:hang@0");
    dismiss();
}
END_TEST

/* Interrupted as often as it was drained: the next one cuts off. */
START_TEST(what_drains_by_itself_has_been_asked_once)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), TOWN_STEP("h", hang, .timeout_s = 100), NULL};

    employ(defs, 1, PREPARE(.population = 1));
    troop_start(&troop, NS);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 2);
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    ck_assert(!troop.agents[0].gone);
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    ck_assert_int_eq(troop.agents[0].left.at_ns, 3 * NS);
    ck_assert_int_eq(troop.agents[0].left.why, LKI_END_DURATION);
    dismiss();
}
END_TEST

START_TEST(one_without_users_goes_at_once)
{
    employ(quiet, 1, PREPARE(.population = 1));
    troop_start(&troop, LKI_NEVER);
    troop_run(&troop, 1);
    troop_stop(&troop, 1);
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].gone);
    dismiss();
}
END_TEST

START_TEST(a_core_that_is_gone_leaves_an_orphan)
{
    employ(quiet, 1, PREPARE(.population = 1));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1);
    ck_assert(!lki_agent_orphaned(troop.agents[0].agent));
    lki_link_close(troop.agents[0].link);
    troop.agents[0].link = NULL;
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].over);
    ck_assert(lki_agent_orphaned(troop.agents[0].agent));
    troop_close(&troop);
}
END_TEST

START_TEST(one_that_was_told_to_end_is_no_orphan)
{
    employ(quiet, 1, PREPARE(.population = 1));
    troop_quit(&troop);
    ck_assert(!lki_agent_orphaned(troop.agents[0].agent));
    ck_assert(lki_agent_free(troop.agents[0].agent));
    troop.agents[0].agent = NULL;
    troop_close(&troop);
}
END_TEST

/* ---- set-up and tear-down ---- */

static void set_up(lk_vu *vu)
{
    troop_note(vu, "set-up");
    lk_http_base_url(vu, "http://[::1]:8000/api/");
    lk_run_data_set(vu, LK_OBJECT("name", "x", "n", 3));
}

static void set_up_badly(lk_vu *vu)
{
    lk_fail(vu, "no luck");
}

static void set_up_for_long(lk_vu *vu)
{
    lk_wait_fd(vu, troop.loop.timer_fd, LK_WRITABLE, 1e6);
}

static void tear_down(lk_vu *vu)
{
    troop_note(vu, lk_str(lk_run_data(vu), "name"));
}

static void read_data(lk_vu *vu, void *self)
{
    (void)self;
    troop_note(vu, lk_str(lk_run_data(vu), "name"));
}

static void order(size_t agent, enum lki_order_kind kind)
{
    troop_order(&troop.agents[agent], &(struct lki_order){.kind = kind});
}

START_TEST(what_the_set_up_leaves_reaches_the_others)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_SETUP, set_up),
                             RUN_HOOK(LK_RUN_TEARDOWN, tear_down),
                             TOWN_STEP("r", read_data, EVERY(1e6)), NULL};
    struct lki_order start = {.kind = LKI_ORDER_START, .start = {.end_ns = LKI_NEVER}};

    employ(defs, 2, PREPARE(.population = 2));
    order(0, LKI_ORDER_SET_UP);
    order(0, LKI_ORDER_SET_UP);
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].hook_over[LK_RUN_SETUP]);
    ck_assert(!troop.agents[0].hooks[LK_RUN_SETUP].failed);
    ck_assert(!troop.agents[0].hooks[LK_RUN_SETUP].cancelled);
    start.start.run_data = troop.agents[0].run_data;
    start.start.base_url = troop.agents[0].base_url;
    ck_assert_str_eq(troop.agents[0].base_url, "http://[::1]:8000/api");
    for (size_t i = 0; i < 2; i++) {
        troop_order(&troop.agents[i], &start);
        troop_users(&troop.agents[i], i + 1, 2, 1, false);
    }
    troop_run(&troop, 1);
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    ck_assert(troop.agents[0].gone && troop.agents[1].gone);
    order(0, LKI_ORDER_TEAR_DOWN);
    troop_run(&troop, 1);
    ck_assert(troop.agents[0].hook_over[LK_RUN_TEARDOWN]);
    ck_assert_str_eq(troop_log(&troop), "0:set-up@0 1:x@0 2:x@0 0:x@2");
    dismiss();
}
END_TEST

START_TEST(any_worker_can_carry_out_the_tear_down)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_SETUP, set_up),
                             RUN_HOOK(LK_RUN_TEARDOWN, tear_down),
                             TOWN_STEP("a", count, EVERY(1e6)), NULL};
    struct lki_order start = {.kind = LKI_ORDER_START,
                              .start = {.end_ns = NS, .run_data = "{\"name\":\"x\"}"}};

    employ(defs, 2, PREPARE(.population = 2));
    troop_order(&troop.agents[1], &start);
    troop_users(&troop.agents[1], 2, 2, 1, false);
    troop_run(&troop, 2);
    ck_assert(troop.agents[1].gone);
    order(1, LKI_ORDER_TEAR_DOWN);
    troop_run(&troop, 1);
    ck_assert(troop.agents[1].hook_over[LK_RUN_TEARDOWN]);
    ck_assert(!troop.agents[1].hooks[LK_RUN_TEARDOWN].failed);
    ck_assert_str_eq(troop_log(&troop), "0:x@2");
    dismiss();
}
END_TEST

/* Without data, if the set-up did not get that far. */
START_TEST(so_can_one_that_never_started)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_SETUP, set_up),
                             RUN_HOOK(LK_RUN_TEARDOWN, tear_down),
                             TOWN_STEP("a", count, EVERY(1e6)), NULL};

    employ(defs, 2, PREPARE(.population = 2));
    troop_run(&troop, 100);
    order(1, LKI_ORDER_TEAR_DOWN);
    troop_run(&troop, 1);
    ck_assert(troop.agents[1].hook_over[LK_RUN_TEARDOWN]);
    ck_assert(troop.agents[1].hooks[LK_RUN_TEARDOWN].failed);
    dismiss();
}
END_TEST

START_TEST(a_set_up_that_fails_is_told_and_can_still_be_torn_down)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_SETUP, set_up_badly),
                             TOWN_STEP("a", count), NULL};

    employ(defs, 1, PREPARE(.population = 2));
    order(0, LKI_ORDER_SET_UP);
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].hooks[LK_RUN_SETUP].failed);
    ck_assert(!troop.agents[0].hooks[LK_RUN_SETUP].cancelled);
    order(0, LKI_ORDER_TEAR_DOWN); /* there is none */
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].hook_over[LK_RUN_TEARDOWN]);
    ck_assert(!troop.agents[0].gone);
    dismiss();
}
END_TEST

START_TEST(a_set_up_is_cut_off_by_the_second_interrupt)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_SETUP, set_up_for_long),
                             TOWN_STEP("a", count), NULL};

    employ(defs, 1, PREPARE(.population = 2));
    order(0, LKI_ORDER_SET_UP);
    troop_run(&troop, 1);
    troop_stop(&troop, 1);
    troop_run(&troop, 1);
    ck_assert(!troop.agents[0].hook_over[LK_RUN_SETUP]);
    troop_stop(&troop, 2);
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].hooks[LK_RUN_SETUP].cancelled);
    ck_assert(!troop.agents[0].hooks[LK_RUN_SETUP].failed);
    dismiss();
}
END_TEST

static void tear_down_for_long(lk_vu *vu)
{
    lk_wait_fd(vu, troop.loop.timer_fd, LK_WRITABLE, 1e6);
}

/* Whose users left when it was time was asked to end once, as the core knows. */
START_TEST(a_tear_down_may_end_in_order_when_it_is_asked_to_for_the_first_time)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), RUN_HOOK(LK_RUN_TEARDOWN, tear_down_for_long),
                             TOWN_STEP("a", count, EVERY(1e6)), NULL};

    employ(defs, 1, PREPARE(.population = 1));
    troop_start(&troop, NS);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 2);
    order(0, LKI_ORDER_TEAR_DOWN);
    troop_run(&troop, 1);
    troop_stop(&troop, 2);
    troop_run(&troop, 1);
    ck_assert(!troop.agents[0].hook_over[LK_RUN_TEARDOWN]);
    troop_stop(&troop, 3);
    troop_run(&troop, 0);
    ck_assert(troop.agents[0].hooks[LK_RUN_TEARDOWN].cancelled);
    dismiss();
}
END_TEST

/* ---- numbers ---- */

START_TEST(seconds_add_up_to_the_totals)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), TOWN_STEP("n", nap_a_second, EVERY(0.3)), NULL};
    const struct troop_agent *agent = &troop.agents[0];

    employ(defs, 1, PREPARE(.population = 10));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 10, false);
    troop_run(&troop, 7.4);
    ck_assert_int_eq(agent->seconds, 7);
    troop_stop(&troop, 1);
    troop_run(&troop, 5);
    ck_assert(agent->gone);
    ck_assert_uint_gt(agent->sum.steps, 50);
    ck_assert_uint_eq(agent->sum.steps, begun);
    ck_assert_uint_eq(agent->sum.steps, agent->head.totals.steps);
    ck_assert_uint_eq(agent->sum.iterations, agent->head.totals.iterations);
    ck_assert_uint_eq(agent->latencies, begun);
    ck_assert_mem_eq(&agent->page.totals, &agent->head.totals, sizeof(agent->page.totals));
    dismiss();
    ck_assert_uint_eq(agent->sum.steps, begun);
}
END_TEST

START_TEST(the_last_numbers_are_those_of_the_end)
{
    struct lk_def *defs[] = {CITIZEN(.weight = 1), TOWN_STEP("c", count, EVERY(0.1)), NULL};
    const struct troop_agent *agent = &troop.agents[0];

    employ(defs, 1, PREPARE(.population = 1));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 1.55);
    ck_assert_uint_lt(agent->sum.steps, begun);
    troop_quit(&troop);
    ck_assert_uint_eq(agent->sum.steps, begun);
    ck_assert_uint_eq(agent->head.totals.steps, begun);
    troop_close(&troop);
}
END_TEST

START_TEST(its_health_is_told)
{
    const struct lki_worker_health *health = &troop.agents[0].health;

    employ(quiet, 1, PREPARE(.population = 1));
    troop_start(&troop, LKI_NEVER);
    troop_users(&troop.agents[0], 1, 1, 1, false);
    troop_run(&troop, 2);
    ck_assert_int_eq(health->span_ns, 2 * NS);
    ck_assert_int_gt(health->busy_ns, 0);
    ck_assert_int_ge(health->waited_ns, -1);
    ck_assert_uint_gt(health->descriptors, 4);
    ck_assert_uint_lt(health->descriptors, 100);
    ck_assert_uint_gt(health->turns, 0);
    ck_assert_uint_gt(troop.agents[0].page.loop.moves, 0);
    dismiss();
}
END_TEST

static Suite *agent_suite(void)
{
    Suite *suite = suite_create("agent");
    TCase *coming = tcase_create("coming");
    TCase *users = tcase_create("users");
    TCase *work = tcase_create("work");
    TCase *ending = tcase_create("ending");
    TCase *hooks = tcase_create("hooks");
    TCase *numbers = tcase_create("numbers");

    tcase_add_test(coming, an_agent_says_hello_and_prepares);
    tcase_add_test(coming, other_programs_have_another_hash);
    tcase_add_test(users, users_come_and_go_by_ranges);
    tcase_add_test(users, who_has_left_begins_again_when_told_to);
    tcase_add_test(users, who_is_still_leaving_begins_again_after_that);
    tcase_add_test(users, a_step_that_outlasts_the_grace_time_is_cut_off_alone);
    tcase_add_test(users, steps_at_once_are_cut_off_with_their_user);
    tcase_add_test(users, who_is_to_leave_need_not_wait_to_the_end);
    tcase_add_test(users, types_follow_from_numbers_whoever_has_the_users);
    tcase_add_test(work, as_many_iterations_begin_as_were_granted);
    tcase_add_test(work, who_finds_no_iteration_waits_for_more);
    tcase_add_test(work, none_left_may_be_told_to_who_waits);
    tcase_add_test(work, arrivals_come_as_they_are_ordered);
    tcase_add_test(work, no_arrival_is_lost_or_doubled_where_the_rate_changes);
    tcase_add_test(work, who_comes_late_does_not_catch_up_with_arrivals);
    tcase_add_test(work, what_has_not_begun_is_given_back_when_it_is_recalled);
    tcase_add_test(work, who_waits_begins_what_came_before_it_was_recalled);
    tcase_add_test(work, what_one_does_not_take_another_gets);
    tcase_add_test(work, that_all_have_begun_is_told_once);
    tcase_add_test(work, arrivals_too_are_counted);
    tcase_add_test(work, arrivals_that_were_not_due_are_given_back);
    tcase_add_test(work, an_arrival_asks_for_what_it_lacks_when_it_is_due);
    tcase_add_test(ending, it_ends_by_itself_when_it_is_time);
    tcase_add_test(ending, a_start_may_be_some_time_ahead);
    tcase_add_test(ending, once_drains_and_twice_cuts_off);
    tcase_add_test(ending, what_drains_by_itself_has_been_asked_once);
    tcase_add_test(ending, one_without_users_goes_at_once);
    tcase_add_test(ending, a_core_that_is_gone_leaves_an_orphan);
    tcase_add_test(ending, one_that_was_told_to_end_is_no_orphan);
    tcase_add_test(hooks, what_the_set_up_leaves_reaches_the_others);
    tcase_add_test(hooks, any_worker_can_carry_out_the_tear_down);
    tcase_add_test(hooks, so_can_one_that_never_started);
    tcase_add_test(hooks, a_set_up_that_fails_is_told_and_can_still_be_torn_down);
    tcase_add_test(hooks, a_set_up_is_cut_off_by_the_second_interrupt);
    tcase_add_test(hooks, a_tear_down_may_end_in_order_when_it_is_asked_to_for_the_first_time);
    tcase_add_test(numbers, seconds_add_up_to_the_totals);
    tcase_add_test(numbers, the_last_numbers_are_those_of_the_end);
    tcase_add_test(numbers, its_health_is_told);
    suite_add_tcase(suite, coming);
    suite_add_tcase(suite, users);
    suite_add_tcase(suite, work);
    suite_add_tcase(suite, ending);
    suite_add_tcase(suite, hooks);
    suite_add_tcase(suite, numbers);
    return suite;
}

int main(void)
{
    return suite_run(agent_suite());
}
