/* Several steps of a user at once: started together, waited for together, each on its own. */
#include <check.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/server.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/arrivals.h"
#include "user/life.h"

static struct town town;

static void open_with(struct lk_def *const *defs, size_t users)
{
    town_choose_by(lk_choose_parallel);
    town_open(&town, defs, users);
}

static const char *live(struct lk_def *const *defs, double seconds)
{
    open_with(defs, 1);
    town_at(&town, seconds, town_drain);
    town_run(&town);
    return town_log(&town);
}

/* "2" sleeps for two seconds, and notes its end. */
static void nap(lk_vu *vu, void *self)
{
    const char *name = lki_vu_unit(vu)->step;

    town_act(vu, self);
    lk_sleep(vu, *name - '0');
    town_note(vu, lk_format(vu, "/%s", name));
}

/* ---- together ---- */

START_TEST(all_ready_steps_begin_at_once_and_the_longest_is_waited_for)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", nap), TOWN_STEP("3", nap),
                             TOWN_STEP("b", town_act), NULL};

    ck_assert_str_eq(live(defs, 4), "init@0 start@0 1@0 3@0 b@0 /1@1 /3@3 1@3 3@3 b@3 /3@4 /1@4 "
                                    "stop@4");
    ck_assert_uint_eq(town.metrics.totals->iterations, 2);
    ck_assert_uint_eq(town.metrics.totals->steps, 6);
    town_close(&town);
}
END_TEST

START_TEST(only_those_that_are_ready_take_part)
{
    struct lk_def *defs[] = {TOWN_STEP("1", nap, .every = LK_FIXED(2)),
                             TOWN_STEP("2", nap, .needs = "1"),
                             TOWN_STEP("c", town_act, .pace = LK_FIXED(4)), NULL};

    /* at 1 there is but 2, whose end at 3 finds 1 ready; then 2 is alone again from 4 on */
    ck_assert_str_eq(live(defs, 5.5), "1@0 c@0 /1@1 2@1 /2@3 1@3 2@3 /1@4 /2@5 2@5 c@5 /2@5.5");
    ck_assert_uint_eq(town.metrics.totals->iterations, 4);
    town_close(&town);
}
END_TEST

START_TEST(one_that_fails_or_takes_too_long_does_not_end_the_others)
{
    struct lk_def *defs[] = {TOWN_STEP("1", nap, .every = LK_FIXED(9)),
                             TOWN_STEP("f", town_fail, .every = LK_FIXED(9)),
                             TOWN_STEP("3", nap, .timeout_s = 0.5, .every = LK_FIXED(9)),
                             TOWN_STEP("2", nap, .every = LK_FIXED(9)), NULL};

    ck_assert_str_eq(live(defs, 9), "1@0 f@0 3@0 2@0 /1@1 /2@2");
    ck_assert_uint_eq(town_code(&town, "1", LKI_CODE_STEP_OK), 1);
    ck_assert_uint_eq(town_code(&town, "f", LKI_CODE_STEP_FAILED), 1);
    ck_assert_uint_eq(town_code(&town, "3", LKI_CODE_STEP_TIMEOUT), 1);
    ck_assert_uint_eq(town_code(&town, "2", LKI_CODE_STEP_OK), 1);
    ck_assert_uint_eq(town.metrics.totals->iterations, 1);
    town_close(&town);
}
END_TEST

START_TEST(a_set_is_one_iteration)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", nap), TOWN_STEP("b", town_idle),
                             TOWN_STEP("2", nap), NULL};

    open_with(defs, 3);
    town.crowd.iterations_left = 7;
    town_run(&town);
    ck_assert_uint_eq(town.metrics.totals->iterations, 7);
    ck_assert_uint_eq(town.metrics.totals->steps, 21);
    ck_assert_uint_eq(town_code(&town, "b", LKI_CODE_STEP_OK), 7);
    ck_assert_uint_eq(town_code(&town, "on_stop", LKI_CODE_LIFECYCLE_OK), 3);
    town_close(&town);
}
END_TEST

START_TEST(steps_that_never_wait_do_not_starve_timers)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_compute), TOWN_STEP("b", town_compute), NULL};

    live(defs, 1);
    ck_assert_uint_ge(town.metrics.totals->iterations, 499);
    ck_assert_uint_le(town.metrics.totals->iterations, 501);
    town_close(&town);
}
END_TEST

#define CROWDED 80

START_TEST(there_may_be_many)
{
    static char names[CROWDED][16];
    static struct lk_step_def steps[CROWDED];
    struct lk_def *defs[CROWDED + 1] = {NULL};

    for (int i = 0; i < CROWDED; i++) {
        snprintf(names[i], sizeof(names[i]), "1_%d", i);
        steps[i] = (struct lk_step_def){TOWN_HEAD_(lk_step_def, LK_DEF_STEP, "citizen", names[i]),
                                        .state_bytes = sizeof(struct town_state), .run = nap};
        steps[i].def.line = i;
        defs[i] = &steps[i].def;
    }
    open_with(defs, 10);
    town.crowd.iterations_left = 50;
    town_run(&town);
    ck_assert_uint_eq(town.metrics.totals->iterations, 50);
    ck_assert_uint_eq(town.metrics.totals->steps, 50 * CROWDED);
    ck_assert_int_eq(lki_loop_now(&town.loop), 5 * LKI_NS_PER_S);
    town_close(&town);
}
END_TEST

/* ---- each on its own ---- */

static int deferred;

static void count_defer(void *arg)
{
    EXPECT(!strcmp(arg, "abc"), "the memory of the step is gone");
    deferred++;
}

/* What each allocates, and its defers, are its own. */
static void work_alone(lk_vu *vu, void *self)
{
    const char *name = lki_vu_unit(vu)->step;
    const char *mine = lk_format(vu, "%s", "abc");

    (void)self;
    lk_defer(vu, count_defer, (void *)(uintptr_t)mine);
    for (int i = 0; i < 20; i++) {
        const char *text = lk_format(vu, "%s %d", name, i);

        lk_sleep(vu, 0.01 * (name[0] - 'a' + 1));
        EXPECT(lki_vu_unit(vu)->step == name, "the unit is another's");
        EXPECT(atoi(text + 2) == i && *text == *name, "the memory is another's");
    }
    if (*name == 'b')
        lk_fail(vu, "of %s", name);
}

START_TEST(each_has_memory_and_defers_of_its_own)
{
    struct lk_def *defs[] = {TOWN_STEP("a", work_alone), TOWN_STEP("b", work_alone),
                             TOWN_STEP("c", work_alone), NULL};

    deferred = 0;
    open_with(defs, 4);
    town.crowd.iterations_left = 20;
    town_run(&town);
    ck_assert_int_eq(deferred, 60);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 20);
    ck_assert_uint_eq(town_code(&town, "b", LKI_CODE_STEP_FAILED), 20);
    ck_assert_str_eq(town.metrics.first_error->message, "of b");
    town_close(&town);
}
END_TEST

static void use_much_stack(lk_vu *vu, void *self)
{
    volatile char block[200 * 1024];

    (void)self;
    for (size_t i = 0; i < sizeof(block); i += 512)
        block[i] = (char)i;
    lk_sleep(vu, 1);
    EXPECT(block[512] == 0, "not its stack");
}

START_TEST(each_has_the_stack_that_it_asks_for)
{
    struct lk_def *defs[] = {TOWN_STEP("a", use_much_stack, .stack_bytes = 256 * 1024),
                             TOWN_STEP("1", nap), NULL};

    live(defs, 4.5);
    ck_assert_uint_eq(town.metrics.totals->steps, 10);
    ck_assert_uint_eq(town.loop.health.overflowed, 0);
    town_close(&town);
}
END_TEST

static void all_with_memory(lk_vu *vu, void *self, struct lk_choice *choice)
{
    EXPECT(lki_vu_arena(vu)->bytes == 0, "the memory of the last choice is still there");
    EXPECT(*lk_format(vu, "%01000d", 7) == '0', "no memory");
    lk_choose_parallel(vu, self, choice);
}

START_TEST(the_memory_of_a_choice_does_not_gather)
{
    struct lk_def *defs[] = {TOWN_STEP("1", nap), TOWN_STEP("2", nap), NULL};

    town_choose_by(all_with_memory);
    town_open(&town, defs, 1);
    town.crowd.iterations_left = 3;
    town_run(&town);
    ck_assert_uint_eq(town.metrics.totals->steps, 6);
    ck_assert_ptr_null(town.metrics.first_error);
    town_close(&town);
}
END_TEST

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct test_server server;

static void set_url(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, server.url);
}

static void get_twice(lk_vu *vu, void *self)
{
    (void)self;
    EXPECT(lk_get(vu, "/")->status == 200, "no answer");
    EXPECT(lk_get(vu, "/")->status == 200, "no second answer");
}

START_TEST(each_has_a_connection_of_its_own)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SLEEP(20), SRV_SEND(ANSWER), SRV_AGAIN}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_url), TOWN_STEP("a", get_twice),
                             TOWN_STEP("b", get_twice), TOWN_STEP("c", get_twice), NULL};
    const struct test_server_seen *seen;

    test_server_start(&server, &script, 1);
    open_with(defs, 1);
    town.loop.clock.fake = false;
    town.crowd.iterations_left = 4;
    town_run(&town);
    seen = test_server_settle_closed(&server);
    ck_assert_uint_eq(seen->requests, 24);
    ck_assert_uint_eq(seen->connections, 3); /* which serve one set after the other */
    ck_assert_uint_eq(town_code(&town, "b", LKI_CODE_STEP_OK), 4);
    test_server_stop(&server);
    town_close(&town);
}
END_TEST

static void set_longer_url(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, lk_format(vu, "%s/before", server.url));
}

static void get_before(lk_vu *vu, void *self)
{
    (void)self;
    EXPECT(lk_get(vu, "/x")->status == 200, "no answer");
}

/* While the other step waits for its connection. */
static void get_after(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, lk_format(vu, "%s/afterwards", server.url));
    EXPECT(lk_get(vu, "/y")->status == 200, "no answer");
}

START_TEST(a_request_in_hand_keeps_the_base_url_that_it_began_with)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_longer_url), TOWN_STEP("a", get_before),
                             TOWN_STEP("b", get_after), NULL};
    bool before = false;
    bool after = false;

    test_server_start(&server, &script, 1);
    open_with(defs, 1);
    town.loop.clock.fake = false;
    town.crowd.iterations_left = 1;
    town_run(&town);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 2);
    for (uint64_t i = 0; i < 2; i++) {
        const char *request = test_server_request(&server, i)->bytes;

        before |= !strncmp(request, "GET /before/x HTTP/1.1\r\n", 24);
        after |= !strncmp(request, "GET /afterwards/y HTTP/1.1\r\n", 28);
    }
    ck_assert(before && after);
    test_server_stop(&server);
    town_close(&town);
}
END_TEST

/* ---- the end ---- */

START_TEST(draining_ends_the_naps_of_all_and_then_the_life)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("3", nap), TOWN_STEP("9", nap), NULL};

    ck_assert_str_eq(live(defs, 1), "init@0 start@0 3@0 9@0 /9@1 /3@1 stop@1");
    ck_assert_uint_eq(town.metrics.totals->iterations, 1);
    town_close(&town);
}
END_TEST

START_TEST(a_cut_ends_all_where_they_wait)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", nap), TOWN_STEP("3", nap),
                             TOWN_STEP("9", nap), NULL};

    open_with(defs, 2);
    town_at(&town, 2, town_cut);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 2:init@0 2:start@0 1@0 3@0 9@0 2:1@0 2:3@0 "
                                      "2:9@0 /1@1 2:/1@1");
    ck_assert_uint_eq(town_code(&town, "1", LKI_CODE_STEP_OK), 2);
    ck_assert_uint_eq(town_code(&town, "3", LKI_CODE_STEP_CANCELLED), 2);
    ck_assert_uint_eq(town_code(&town, "9", LKI_CODE_STEP_CANCELLED), 2);
    ck_assert_uint_eq(town.metrics.totals->iterations, 0);
    town_close(&town);
}
END_TEST

static void cut_and_act(lk_vu *vu, void *self)
{
    town_act(vu, self);
    town_cut(&town);
}

START_TEST(what_has_not_begun_when_all_is_cut_off_does_not_begin)
{
    struct lk_def *defs[] = {TOWN_STEP("3", nap), TOWN_STEP("4", cut_and_act), TOWN_STEP("9", nap),
                             NULL};

    open_with(defs, 1);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "3@0 4@0");
    ck_assert_uint_eq(town.metrics.totals->steps, 2);
    town_close(&town);
}
END_TEST

static void let_first_leave(struct town *self)
{
    lki_user_leave(self->users[0]);
}

START_TEST(who_leaves_does_so_after_all_of_the_set)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("1", nap), TOWN_STEP("3", nap), NULL};

    open_with(defs, 1);
    town_at(&town, 0.5, let_first_leave);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 1@0 3@0 /1@1 /3@3 stop@3");
    town_close(&town);
}
END_TEST

/* ---- blocking ---- */

static sem_t gate;

static void wait_for_gate(void *arg)
{
    sem_wait(&gate);
    ++*(int *)arg;
}

static void block(lk_vu *vu, void *self)
{
    int here = 0; /* on the stack that has to stay */

    town_act(vu, self);
    lk_blocking(vu, wait_for_gate, &here);
    town_note(vu, "done");
}

static void open_gate(struct town *self)
{
    (void)self;
    sem_post(&gate);
}

static void see_code(struct town *self, lki_code code)
{
    lki_buf_printf(&self->log, " [%llu]", (unsigned long long)town_code(self, "b", code));
    sem_post(&gate);
}

static void see_timeout(struct town *self)
{
    see_code(self, LKI_CODE_STEP_TIMEOUT);
}

START_TEST(one_that_blocks_too_long_is_recorded_at_once_and_still_waited_for)
{
    struct lk_def *defs[] = {TOWN_STEP("1", nap, .every = LK_FIXED(9)),
                             TOWN_STEP("b", block, .timeout_s = 0.5, .every = LK_FIXED(9)), NULL};

    sem_init(&gate, 0, 0);
    open_with(defs, 1);
    town_at(&town, 2, see_timeout);
    town_at(&town, 8, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "1@0 b@0 /1@1 [1]");
    ck_assert_uint_eq(town.metrics.totals->steps, 2);
    ck_assert_uint_eq(town.metrics.totals->iterations, 1);
    town_close(&town);
}
END_TEST

static void see_cancelled(struct town *self)
{
    see_code(self, LKI_CODE_STEP_CANCELLED);
}

START_TEST(a_cut_ends_the_others_while_one_blocks)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("9", nap), TOWN_STEP("b", block), NULL};

    sem_init(&gate, 0, 0);
    open_with(defs, 1);
    town_at(&town, 2, town_cut);
    town_at(&town, 3, see_cancelled);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 9@0 b@0 [1]");
    ck_assert_uint_eq(town_code(&town, "9", LKI_CODE_STEP_CANCELLED), 1);
    ck_assert_uint_eq(town_code(&town, "b", LKI_CODE_STEP_CANCELLED), 1);
    ck_assert_uint_eq(town.metrics.totals->iterations, 0);
    town_close(&town);
}
END_TEST

static void stop_looking(struct town *self)
{
    lki_loop_stop(&self->loop);
}

START_TEST(a_user_one_of_whose_steps_blocks_is_not_freed)
{
    struct lk_def *defs[] = {TOWN_STEP("9", nap), TOWN_STEP("b", block), NULL};

    sem_init(&gate, 0, 0);
    open_with(defs, 1);
    town_at(&town, 2, town_cut);
    town_at(&town, 3, stop_looking);
    lki_loop_run(&town.loop);
    lki_user_free(town.users[0]);
    ck_assert_ptr_nonnull(town.users[0]->task);
    open_gate(&town);
    town_run(&town);
    town_close(&town);
}
END_TEST

/* ---- arrivals ---- */

static struct lki_arrivals arrivals;

static void end_arrivals(struct town *self)
{
    lki_arrivals_end(&arrivals);
    town_drain(self);
}

static const char *serve(lk_strategy *strategy, struct lk_def *const *defs, size_t users,
                         double rate, double seconds)
{
    town_choose_by(strategy);
    town_open(&town, defs, users);
    ck_assert_int_eq(lki_arrivals_open(&arrivals, &town.crowd, rate, lki_ns(10), UINT64_MAX),
                     LK_OK);
    lki_arrivals_begin(&arrivals, 0, lki_ns(seconds));
    town_at(&town, seconds, end_arrivals);
    town_run(&town);
    return town_log(&town);
}

static void finish_arrivals(void)
{
    lki_arrivals_close(&arrivals);
    town_close(&town);
}

START_TEST(one_arrival_is_one_set)
{
    struct lk_def *defs[] = {TOWN_STEP("1", nap), TOWN_STEP("2", nap), NULL};

    ck_assert_str_eq(serve(lk_choose_parallel, defs, 1, 0.8, 4.1),
                     "1@0 2@0 /1@1 /2@2 1@2 2@2 /1@3 /2@4 1@4 2@4 /2@4.1 /1@4.1");
    ck_assert_uint_eq(arrivals.log.intended, 4);
    ck_assert_uint_eq(arrivals.log.started, 3);
    ck_assert_uint_eq(arrivals.log.dropped, 1);
    ck_assert_uint_eq(town.metrics.totals->iterations, 3);
    /* those of 1.25 and 2.5 began at 2 and 4 */
    ck_assert_int_eq(arrivals.log.lateness.max, 1500 * LKI_NS_PER_MS);
    ck_assert_int_eq(town.metrics.first->second.intended.max, 1750 * LKI_NS_PER_MS);
    finish_arrivals();
}
END_TEST

static void by_number(lk_vu *vu, void *self, struct lk_choice *choice)
{
    struct town_state *state = self;

    town_note(vu, "?");
    choice->wait_s = 1;
    if (vu->id == 2 || state->steps++ % 2)
        lk_choose_weighted(vu, self, choice);
}

START_TEST(an_arrival_that_a_user_does_not_want_is_offered_to_the_next)
{
    struct lk_def *defs[] = {TOWN_STEP("a", town_act), NULL};

    /* the first user wants nothing and is free again a second later */
    ck_assert_str_eq(serve(by_number, defs, 2, 2, 1.9),
                     "?@0 2:?@0 2:a@0 2:?@0.5 2:a@0.5 2:?@1 2:a@1 ?@1.5 a@1.5");
    ck_assert_uint_eq(arrivals.log.dropped, 0);
    finish_arrivals();
    /* alone, it keeps them waiting */
    ck_assert_str_eq(serve(by_number, defs, 1, 2, 1.9), "?@0 ?@1 a@1 ?@1");
    ck_assert_uint_eq(arrivals.log.started, 1);
    ck_assert_uint_eq(arrivals.log.dropped, 3);
    finish_arrivals();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parallel");
    TCase *tcase = suite_group(suite, "together");

    tcase_add_test(tcase, all_ready_steps_begin_at_once_and_the_longest_is_waited_for);
    tcase_add_test(tcase, only_those_that_are_ready_take_part);
    tcase_add_test(tcase, one_that_fails_or_takes_too_long_does_not_end_the_others);
    tcase_add_test(tcase, a_set_is_one_iteration);
    tcase_add_test(tcase, steps_that_never_wait_do_not_starve_timers);
    tcase_add_test(tcase, there_may_be_many);
    tcase = suite_group(suite, "alone");
    tcase_add_test(tcase, each_has_memory_and_defers_of_its_own);
    tcase_add_test(tcase, each_has_the_stack_that_it_asks_for);
    tcase_add_test(tcase, the_memory_of_a_choice_does_not_gather);
    tcase_add_test(tcase, each_has_a_connection_of_its_own);
    tcase_add_test(tcase, a_request_in_hand_keeps_the_base_url_that_it_began_with);
    tcase = suite_group(suite, "end");
    tcase_add_test(tcase, draining_ends_the_naps_of_all_and_then_the_life);
    tcase_add_test(tcase, a_cut_ends_all_where_they_wait);
    tcase_add_test(tcase, what_has_not_begun_when_all_is_cut_off_does_not_begin);
    tcase_add_test(tcase, who_leaves_does_so_after_all_of_the_set);
    tcase_add_test(tcase, one_that_blocks_too_long_is_recorded_at_once_and_still_waited_for);
    tcase_add_test(tcase, a_cut_ends_the_others_while_one_blocks);
    tcase_add_test(tcase, a_user_one_of_whose_steps_blocks_is_not_freed);
    tcase = suite_group(suite, "arrivals");
    tcase_add_test(tcase, one_arrival_is_one_set);
    tcase_add_test(tcase, an_arrival_that_a_user_does_not_want_is_offered_to_the_next);
    return suite_run(suite);
}
