/* What goes on behind the scene of a run: set-up, tear-down, probes, and what set-up leaves for
 * all. A worker on a fake clock, so that it is known to the nanosecond when what happened. */
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/loadkit.h>
#include <loadkit/test.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/scene.h"
#include "support/suite.h"
#include "worker/worker.h"

#define NS LKI_NS_PER_S
#define LOG_MAX_BYTES (1 << 20)
#define ACTIONS_MAX 8
#define USERS 2

/* ---- a stage: what happens on it is written down as "what@begin-end", with what was wrong ---- */

struct action {
    struct lki_timer timer;
    void (*run)(void);
};

static struct lki_worker worker;
static struct lki_model *model;
static struct lki_buf log_buf;
static struct action actions[ACTIONS_MAX];
static size_t action_count;

static void note(const char *format, ...) LK_PRINTF(1, 2);

static void note(const char *format, ...)
{
    va_list args;

    if (log_buf.len)
        lki_buf_char(&log_buf, ' ');
    va_start(args, format);
    lki_buf_vprintf(&log_buf, format, args);
    va_end(args);
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static double now_s(void)
{
    return seconds(lki_loop_now(worker.loop));
}

static void on_work(struct lki_crowd *crowd, const struct lki_work_done *done)
{
    bool ok = !*done->message && done->code != LKI_CODE_STEP_CANCELLED;

    (void)crowd;
    if (done->vu->id > 1)
        return; /* the others do the same */
    note("%s@%.12g", done->name, seconds(done->start_ns));
    if (done->end_ns > done->start_ns)
        lki_buf_printf(&log_buf, "-%.12g", seconds(done->end_ns));
    if (!ok)
        lki_buf_printf(&log_buf, "!%s", done->message);
}

static void model_make(struct lk_def *const *defs)
{
    struct lki_buf problems;

    for (size_t i = 0; defs[i]; i++)
        defs[i]->next_ = defs[i + 1];
    lki_buf_init(&problems, LOG_MAX_BYTES);
    if (lki_model_new(&model, defs[0], &problems))
        ck_abort_msg("%s", lki_buf_cstr(&problems));
    lki_buf_release(&problems);
}

static void stage_open(struct lk_def *const *defs, const struct lki_share *asked)
{
    struct lki_share share = *asked;

    share.users = USERS;
    share.seed = share.seed ? share.seed : 1;
    model_make(defs);
    ck_assert_int_eq(lki_worker_open(&worker, model, &share), LK_OK);
    worker.loop->clock.fake = true;
    worker.loop->patient = true;
    worker.crowd.on_work = on_work;
    lki_buf_init(&log_buf, LOG_MAX_BYTES);
    action_count = 0;
}

static void on_action(struct lki_timer *timer)
{
    LKI_CONTAINER(timer, struct action, timer)->run();
}

static void at(double when_s, void (*run)(void))
{
    struct action *action = &actions[action_count++];

    action->run = run;
    ck_assert_int_eq(lki_timer_init(&worker.loop->timers, &action->timer, on_action), LK_OK);
    lki_timer_set(&worker.loop->timers, &action->timer, lki_ns(when_s));
}

static const char *stage_run(void)
{
    lki_worker_run(&worker);
    ck_assert_int_eq(worker.act, LKI_ACT_OVER);
    lki_buf_char(&log_buf, '\0');
    return log_buf.data;
}

static void stage_close(void)
{
    for (size_t i = 0; i < action_count; i++)
        lki_timer_release(&worker.loop->timers, &actions[i].timer);
    lki_worker_close(&worker);
    lki_model_free(model);
    lki_buf_release(&log_buf);
}

static void interrupt(void)
{
    note("INT@%.12g", now_s());
    lki_worker_stop(&worker, LKI_END_INTERRUPT);
}

static void command(void)
{
    note("STOP@%.12g", now_s());
    lki_worker_stop(&worker, LKI_END_COMMAND);
}

#define SHARE(...) (&(const struct lki_share){.grace_ns = 5 * NS, __VA_ARGS__})
#define FOR_SECONDS(s) .duration_ns = (int64_t)((s)*NS)
#define UNTIL_STOPPED .duration_ns = LKI_NEVER

/* ---- what the actors do ---- */

static void do_nothing(lk_vu *vu)
{
    (void)vu;
}

static void sleep_2(lk_vu *vu)
{
    lk_sleep(vu, 2);
}

static void sleep_long(lk_vu *vu)
{
    lk_sleep(vu, 1e6);
}

/* Also while the run drains. */
static void persist(lk_vu *vu)
{
    while (true) {
        lk_sleep(vu, 1e6);
        lki_task_wait(lki_vu_task(vu), lki_loop_now(vu->loop) + NS);
    }
}

static void fail_late(lk_vu *vu)
{
    lk_sleep(vu, 1);
    LK_FAIL("no %s", "luck");
}

static void step_persists(lk_vu *vu, void *self)
{
    (void)self;
    persist(vu);
}

#define GUEST SCENE_VU("guest", .weight = 1)
#define LOOK SCENE_STEP("guest", "look", scene_idle, .every = LK_FIXED(1))

/* ---- set-up ---- */

START_TEST(users_begin_when_the_set_up_has_ended_and_time_counts_from_then)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(1.5)));
    ck_assert_str_eq(stage_run(), "on_setup@0-2 look@2 look@3");
    ck_assert_int_eq(worker.start_ns, 2 * NS);
    ck_assert_int_eq(worker.end_ns, 35 * NS / 10);
    ck_assert_int_eq(worker.ended_by, LKI_END_DURATION);
    ck_assert_uint_eq(worker.series.len, 2);
    ck_assert_uint_eq(worker.series.rows[0].steps + worker.series.rows[1].steps, 2 * USERS);
    ck_assert_int_eq(worker.series.end_ns, 15 * NS / 10);
    stage_close();
}
END_TEST

static void note_state(void)
{
    note("alive%d-active%d", (int)worker.crowd.alive, (int)worker.crowd.active);
}

START_TEST(a_set_up_that_fails_lets_no_user_begin_but_is_torn_down)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, fail_late),
                             SCENE_RUN_HOOK(teardown, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(2, note_state);
    ck_assert_str_eq(stage_run(), "on_setup@0-1!no luck alive2-active0 on_teardown@1-3");
    ck_assert_int_eq(worker.ended_by, LKI_END_SETUP);
    ck_assert_int_eq(worker.end_ns, worker.start_ns);
    ck_assert_str_eq(lki_backstage_failure(worker.backstage, LK_RUN_SETUP), "no luck");
    ck_assert_str_eq(worker.metrics.first_error->step, "on_setup");
    ck_assert_str_eq(worker.metrics.first_error->message, "no luck");
    ck_assert_uint_eq(worker.metrics.first_error->first_user, 0);
    ck_assert_int_eq(worker.metrics.first_error->first_ns, 0);
    stage_close();
}
END_TEST

static void measure(lk_vu *vu)
{
    lk_sleep(vu, 5);
    lk_record(vu, "level", 5);
    lk_check(vu, false, "warm");
}

static void measure_again(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
    lk_record(vu, "level", 1);
    lk_check(vu, false, "quick");
}

START_TEST(what_the_set_up_measured_is_older_than_what_users_measure)
{
    struct lk_metric_def level = {SCENE_HEAD_(lk_metric_def, LK_DEF_METRIC, NULL, "level"),
                                  .type = LK_GAUGE};
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "look", measure_again),
                             SCENE_RUN_HOOK(setup, measure), &level.def, NULL};
    const struct lki_error_group *error;

    stage_open(defs, SHARE(UNTIL_STOPPED, .iterations = USERS));
    ck_assert_str_eq(stage_run(), "on_setup@0-5 look@5-6");
    ck_assert_double_eq(lki_customs_find(&worker.metrics.customs, "level")->total.last, 1);
    error = worker.metrics.first_error;
    ck_assert_str_eq(error->message, "warm");
    ck_assert_int_eq(error->first_ns, 0);
    ck_assert_str_eq(error->next->message, "quick");
    ck_assert_int_eq(error->next->first_ns, NS);
    stage_close();
}
END_TEST

START_TEST(a_set_up_has_60_seconds)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_long), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    ck_assert_str_eq(stage_run(), "on_setup@0-60!timed out");
    ck_assert_int_eq(worker.ended_by, LKI_END_SETUP);
    stage_close();
}
END_TEST

START_TEST(a_set_up_has_the_time_that_was_set)
{
    struct lk_def *less[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_2, .timeout_s = 0.125), NULL};
    struct lk_def *all[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_long, .timeout_s = LK_OFF),
                            NULL};

    stage_open(less, SHARE(FOR_SECONDS(10)));
    ck_assert_str_eq(stage_run(), "on_setup@0-0.125!timed out");
    stage_close();
    stage_open(all, SHARE(FOR_SECONDS(0.5)));
    ck_assert_str_eq(stage_run(), "on_setup@0-1000000 look@1000000");
    stage_close();
}
END_TEST

START_TEST(an_interrupt_in_the_set_up_lets_it_end_and_no_user_begin)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_long),
                             SCENE_RUN_HOOK(teardown, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(3, interrupt);
    ck_assert_str_eq(stage_run(), "INT@3 on_setup@0-3 on_teardown@3-5");
    ck_assert_int_eq(worker.ended_by, LKI_END_INTERRUPT);
    ck_assert_ptr_null(lki_backstage_failure(worker.backstage, LK_RUN_SETUP));
    stage_close();
}
END_TEST

START_TEST(an_interrupted_set_up_has_the_grace_time)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, persist),
                             SCENE_RUN_HOOK(teardown, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(3, interrupt);
    ck_assert_str_eq(stage_run(), "INT@3 on_setup@0-8 on_teardown@8-10");
    ck_assert_int_eq(worker.ended_by, LKI_END_INTERRUPT);
    stage_close();
}
END_TEST

START_TEST(a_second_interrupt_cuts_the_set_up_off_and_a_third_the_tear_down)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, persist),
                             SCENE_RUN_HOOK(teardown, persist), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(3, interrupt);
    at(4, interrupt);
    at(5, interrupt);
    ck_assert_str_eq(stage_run(), "INT@3 INT@4 on_setup@0-4 INT@5 on_teardown@4-5");
    stage_close();
}
END_TEST

START_TEST(a_set_up_that_is_cut_off_before_it_began_does_not_begin)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_2),
                             SCENE_RUN_HOOK(teardown, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(0, interrupt);
    at(0, interrupt);
    ck_assert_str_eq(stage_run(), "INT@0 INT@0 on_teardown@0-2");
    ck_assert_int_eq(worker.ended_by, LKI_END_INTERRUPT);
    stage_close();
}
END_TEST

/* ---- tear-down ---- */

static void stop_takes_2(lk_vu *vu, void *self)
{
    (void)self;
    while (lki_loop_now(vu->loop) < 5 * NS)
        lki_task_wait(lki_vu_task(vu), lki_loop_now(vu->loop) + NS);
}

START_TEST(the_tear_down_comes_after_the_last_user_and_may_wait)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_HOOK("guest", stop, stop_takes_2),
                             SCENE_RUN_HOOK(teardown, sleep_2), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(1.5)));
    ck_assert_str_eq(stage_run(), "look@0 look@1 on_stop@1.5-5.5 on_teardown@5.5-7.5");
    ck_assert_int_eq(worker.end_ns, 55 * NS / 10);
    ck_assert_int_eq(worker.series.end_ns, 55 * NS / 10);
    stage_close();
}
END_TEST

START_TEST(the_tear_down_comes_also_after_iterations_and_after_a_cut)
{
    struct lk_def *some[] = {GUEST, LOOK, SCENE_RUN_HOOK(teardown, do_nothing), NULL};
    struct lk_def *cut[] = {GUEST, SCENE_STEP("guest", "look", step_persists),
                            SCENE_RUN_HOOK(teardown, do_nothing), NULL};

    stage_open(some, SHARE(UNTIL_STOPPED, .iterations = 5));
    ck_assert_str_eq(stage_run(), "look@0 look@1 look@2 on_teardown@2");
    ck_assert_int_eq(worker.ended_by, LKI_END_ITERATIONS);
    stage_close();
    stage_open(cut, SHARE(FOR_SECONDS(1)));
    ck_assert_str_eq(stage_run(), "look@0-6! on_teardown@6");
    stage_close();
    stage_open(cut, SHARE(FOR_SECONDS(10)));
    at(1, interrupt);
    at(2, interrupt);
    ck_assert_str_eq(stage_run(), "INT@1 INT@2 look@0-2! on_teardown@2");
    stage_close();
}
END_TEST

START_TEST(a_tear_down_has_60_seconds_and_its_failure_does_not_fail_the_run)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(teardown, sleep_long), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(0.5)));
    ck_assert_str_eq(stage_run(), "look@0 on_teardown@0.5-60.5!timed out");
    ck_assert_int_eq(worker.ended_by, LKI_END_DURATION);
    ck_assert_str_eq(lki_backstage_failure(worker.backstage, LK_RUN_TEARDOWN), "timed out");
    stage_close();
}
END_TEST

static void wait_for_the_signal(lk_vu *vu)
{
    while (!lk_should_stop(vu))
        lk_sleep(vu, 1);
    note("told@%.12g", now_s());
    persist(vu);
}

START_TEST(the_first_interrupt_tells_a_tear_down_to_stop_and_the_second_cuts_it_off)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(teardown, wait_for_the_signal), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(0.5)));
    at(3.25, interrupt);
    at(4.25, interrupt);
    ck_assert_str_eq(stage_run(), "look@0 INT@3.25 told@3.25 INT@4.25 on_teardown@0.5-4.25");
    ck_assert_int_eq(worker.ended_by, LKI_END_DURATION);
    stage_close();
}
END_TEST

START_TEST(who_ended_the_run_cuts_the_tear_down_off_by_one_more)
{
    static const struct {
        void (*ask)(void);
        const char *done;
    } cases[] = {
        {interrupt, "look@0 INT@0.5 INT@3.25 on_teardown@0.5-3.25"},
        {command, "look@0 STOP@0.5 STOP@3.25 on_teardown@0.5-3.25"},
    };
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(teardown, wait_for_the_signal), NULL};

    stage_open(defs, SHARE(FOR_SECONDS(10)));
    at(0.5, cases[_i].ask);
    at(3.25, cases[_i].ask);
    ck_assert_str_eq(stage_run(), cases[_i].done);
    stage_close();
}
END_TEST

/* ---- probes ---- */

static int readings;

static struct lk_value count_up(lk_vu *vu)
{
    (void)vu;
    return LK_VALUE(++readings);
}

static struct lk_value count_slowly(lk_vu *vu)
{
    lk_sleep(vu, 0.25);
    return LK_VALUE(++readings);
}

/* But for the end of the run. */
static struct lk_value never_come(lk_vu *vu)
{
    lk_sleep(vu, 1e6);
    return LK_VALUE(1);
}

static struct lk_value fail_at_first(lk_vu *vu)
{
    LK_REQUIRE(++readings > 2, "no answer number %d", readings);
    return LK_VALUE(0.5 * readings);
}

#define IDLE SCENE_STEP("guest", "idle", scene_idle, .every = LK_FIXED(1e6))

static const struct lki_probe_log *first_log(void)
{
    return &lki_backstage_logs(worker.backstage)[0];
}

START_TEST(a_probe_is_read_as_the_users_begin_and_then_on_its_period)
{
    struct lk_def *defs[] = {GUEST, IDLE, SCENE_RUN_HOOK(setup, sleep_2),
                             SCENE_PROBE("depth", count_slowly, .every_s = 1), NULL};
    const struct lki_probe_log *log;

    readings = 0;
    stage_open(defs, SHARE(FOR_SECONDS(3)));
    ck_assert_str_eq(stage_run(), "on_setup@0-2 idle@2 depth@2-2.25 depth@3.25-3.5 depth@4.5-4.75");
    log = first_log();
    ck_assert_str_eq(log->name, "depth");
    ck_assert_uint_eq(log->count, 3);
    ck_assert_uint_eq(log->errors, 0);
    ck_assert_uint_eq(log->len, 3);
    ck_assert_int_eq(log->readings[1].t_ns, 15 * NS / 10);
    ck_assert_int_eq(log->readings[1].value.as.integer, 2);
    ck_assert(log->min == 1 && log->max == 3 && log->sum == 6);
    stage_close();
}
END_TEST

static void end_and_begin_probes(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 0.5);
    lki_worker_probes(&worker, false);
    lki_worker_probes(&worker, false);
    lk_sleep(vu, 2);
    lki_worker_probes(&worker, true);
    lki_worker_probes(&worker, true);
}

static struct lk_value count_for_3_s(lk_vu *vu)
{
    lk_sleep(vu, 3);
    return LK_VALUE(++readings);
}

START_TEST(probes_may_end_and_begin_again_and_what_was_read_stays)
{
    struct lk_def *defs[] = {
        GUEST, SCENE_STEP("guest", "turn", end_and_begin_probes, .every = LK_FIXED(1e6)),
        SCENE_PROBE("depth", count_up, .every_s = 1),
        SCENE_PROBE("slow", count_for_3_s, .every_s = 5), NULL};

    readings = 0;
    stage_open(defs, SHARE(FOR_SECONDS(4.25)));
    /* one in hand goes on */
    ck_assert_str_eq(stage_run(), "depth@0 turn@0-2.5 depth@2.5 slow@0-3 depth@3.5");
    ck_assert_uint_eq(first_log()->count, 3);
    stage_close();
}
END_TEST

START_TEST(probes_are_read_each_for_itself)
{
    struct lk_def *defs[] = {GUEST, IDLE, SCENE_PROBE("stuck", never_come, .every_s = 1),
                             SCENE_PROBE("depth", count_up, .every_s = 0.75), NULL};

    readings = 0;
    stage_open(defs, SHARE(FOR_SECONDS(2)));
    ck_assert_str_eq(stage_run(), "depth@0 idle@0 depth@0.75 depth@1.5 stuck@0-2");
    stage_close();
}
END_TEST

static struct lk_value persist_once(lk_vu *vu)
{
    persist(vu);
    return LK_VALUE(1);
}

START_TEST(a_probe_keeps_no_run_alive)
{
    struct lk_def *defs[] = {GUEST,
                             LOOK,
                             SCENE_PROBE("stuck", persist_once, .every_s = 1),
                             SCENE_PROBE("depth", count_up, .every_s = 0.25),
                             SCENE_RUN_HOOK(teardown, do_nothing),
                             NULL};

    stage_open(defs, SHARE(UNTIL_STOPPED, .iterations = 2));
    ck_assert_str_eq(stage_run(), "depth@0 look@0 on_teardown@0");
    ck_assert_uint_eq(first_log()->count, 0);
    ck_assert_uint_eq(worker.loop->task_count, 0);
    stage_close();
}
END_TEST

static void stay_2_longer(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
    lki_task_wait(lki_vu_task(vu), lki_loop_now(vu->loop) + 2 * NS);
}

static struct lk_value wait_without_heed(lk_vu *vu)
{
    lki_task_heed(lki_vu_task(vu), lki_task_wait(lki_vu_task(vu), lki_loop_now(vu->loop) + NS));
    return LK_VALUE(1);
}

START_TEST(once_the_end_has_begun_no_probe_is_read_but_one_in_hand_may_end)
{
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "stay", stay_2_longer),
                             SCENE_PROBE("depth", count_up, .every_s = 0.75),
                             SCENE_PROBE("slow", wait_without_heed, .every_s = 0.25), NULL};

    readings = 0;
    stage_open(defs, SHARE(FOR_SECONDS(1)));
    /* of two */
    ck_assert_str_eq(stage_run(), "depth@0 depth@0.75 slow@0-1 stay@0-3");
    stage_close();
}
END_TEST

START_TEST(a_probe_that_fails_is_counted_and_told_and_read_again)
{
    struct lk_def *defs[] = {GUEST, IDLE, SCENE_PROBE("depth", fail_at_first, .every_s = 1), NULL};
    const struct lki_probe_log *log;
    const struct lki_error_group *error;

    readings = 0;
    stage_open(defs, SHARE(FOR_SECONDS(2.5)));
    ck_assert_str_eq(stage_run(),
                     "depth@0!no answer number 1 idle@0 depth@1!no answer number 2 depth@2");
    log = first_log();
    ck_assert_uint_eq(log->count, 3);
    ck_assert_uint_eq(log->errors, 2);
    ck_assert(log->readings[0].failed && !log->readings[2].failed);
    ck_assert(log->last.value.as.number == 1.5);
    error = worker.metrics.first_error;
    ck_assert_str_eq(error->step, "depth");
    ck_assert_str_eq(error->message, "no answer number 1");
    ck_assert_int_eq(error->next->first_ns, NS);
    ck_assert_uint_eq(worker.metrics.totals->step_errors, 0);
    stage_close();
}
END_TEST

START_TEST(a_probe_has_30_seconds_or_the_time_that_was_set)
{
    struct lk_def *usual[] = {GUEST, IDLE, SCENE_PROBE("stuck", never_come, .every_s = 5), NULL};
    struct lk_def *less[] = {
        GUEST, IDLE, SCENE_PROBE("stuck", never_come, .every_s = 5, .timeout_s = 0.5), NULL};

    stage_open(usual, SHARE(FOR_SECONDS(32)));
    ck_assert_str_eq(stage_run(), "idle@0 stuck@0-30!timed out");
    stage_close();
    stage_open(less, SHARE(FOR_SECONDS(8)));
    ck_assert_str_eq(stage_run(), "idle@0 stuck@0-0.5!timed out stuck@5.5-6!timed out");
    ck_assert_uint_eq(first_log()->errors, 2);
    stage_close();
}
END_TEST

static struct lk_value value_to_give;

static struct lk_value give_value(lk_vu *vu)
{
    if (value_to_give.kind == LK_VALUE_STRING)
        return LK_VALUE(lk_format(vu, "%s", value_to_give.as.string));
    if (value_to_give.kind == LK_VALUE_JSON)
        return LK_VALUE(LK_OBJECT("depth", 1));
    return value_to_give;
}

static struct lk_value give_nothing(lk_vu *vu)
{
    (void)vu;
    return LK_VALUE(NULL);
}

START_TEST(a_probe_may_give_numbers_truths_texts_and_nothing)
{
    struct lk_def *defs[] = {GUEST, IDLE, SCENE_PROBE("depth", give_value, .every_s = 100),
                             SCENE_PROBE("nothing", give_nothing, .every_s = 100), NULL};
    const struct {
        struct lk_value value;
        bool good;
        bool number;
    } cases[] = {
        {lk_value_int(-7), true, true},         {lk_value_uint(7), true, true},
        {lk_value_double(0.5), true, true},     {lk_value_bool(true), true, false},
        {lk_value_str("busy"), true, false},    {lk_value_null(), true, false},
        {lk_value_double(NAN), false, false},   {lk_value_double(INFINITY), false, false},
        {lk_value_json(NULL), false, false}, /* an object */
        {lk_value_pointer(defs), false, false},
    };

    for (size_t i = 0; i < LKI_COUNT(cases); i++) {
        const struct lki_probe_log *log;

        value_to_give = cases[i].value;
        stage_open(defs, SHARE(FOR_SECONDS(1)));
        stage_run();
        log = first_log();
        EXPECT(log->count == 1 && log->errors == !cases[i].good, "case %zu", i);
        EXPECT(log->numbers == cases[i].number, "case %zu", i);
        if (cases[i].value.kind == LK_VALUE_STRING)
            ck_assert_str_eq(log->last.value.as.string, "busy");
        if (!cases[i].good)
            ck_assert_str_eq(worker.metrics.first_error->message,
                             "a probe gives a finite number, a boolean, a string or NULL, and "
                             "nothing else");
        ck_assert_uint_eq(log[1].count, 1);
        ck_assert_uint_eq(log[1].errors, 0);
        stage_close();
    }
}
END_TEST

/* ---- the data of the run ---- */

static const lk_json *seen[4];
static const char *tokens[4];
static bool is_set;

static void leave_token(lk_vu *vu)
{
    ck_assert_str_eq(lk_json_text(lk_run_data(vu)), "null");
    lk_run_data_set(vu, LK_OBJECT("token", "abc", "n", 1));
    seen[0] = lk_run_data(vu);
    lk_run_data_set(vu, LK_OBJECT("token", lk_format(vu, "s%s", "ecret"), "n", 2));
    /* what was seen before stays what it was */
    ck_assert_str_eq(lk_str(seen[0], "token"), "abc");
    seen[0] = lk_run_data(vu);
}

static void keep_token(lk_vu *vu, void *self)
{
    (void)self;
    seen[lk_user_id(vu)] = lk_run_data(vu);
    tokens[lk_user_id(vu)] = lk_str(lk_run_data(vu), "token");
}

static struct lk_value read_token(lk_vu *vu)
{
    return LK_VALUE(lk_str(lk_run_data(vu), "token"));
}

static void check_token(lk_vu *vu)
{
    ck_assert_str_eq(lk_str(lk_run_data(vu), "token"), "secret");
    is_set = true;
}

START_TEST(what_set_up_left_is_there_for_all_and_once)
{
    struct lk_def *defs[] = {GUEST,
                             IDLE,
                             SCENE_RUN_HOOK(setup, leave_token),
                             SCENE_RUN_HOOK(teardown, check_token),
                             SCENE_HOOK("guest", start, keep_token),
                             SCENE_PROBE("token", read_token, .every_s = 5),
                             NULL};

    is_set = false;
    stage_open(defs, SHARE(FOR_SECONDS(1)));
    ck_assert_str_eq(stage_run(), "on_setup@0 token@0 on_start@0 idle@0 on_teardown@1");
    ck_assert(is_set);
    ck_assert_ptr_eq(seen[1], seen[0]);
    ck_assert_ptr_eq(seen[2], seen[0]);
    ck_assert_str_eq(tokens[1], "secret");
    ck_assert_ptr_eq(tokens[1], tokens[2]);
    ck_assert_str_eq(first_log()->last.value.as.string, "secret");
    stage_close();
}
END_TEST

static void take_back(lk_vu *vu)
{
    lk_run_data_set(vu, LK_OBJECT("token", "abc"));
    lk_run_data_set(vu, NULL);
}

static void read_missing(lk_vu *vu, void *self)
{
    (void)self;
    ck_assert_str_eq(lk_json_text(lk_run_data(vu)), "null");
    ck_assert(!lk_has(lk_run_data(vu), "token"));
    ck_assert_str_eq(lk_str_or(lk_run_data(vu), "token", "none"), "none");
    note("read%d", (int)lk_user_id(vu));
    lk_sleep(vu, 1); /* others run, and read, between */
    lk_str(lk_run_data(vu), "token");
    ck_abort_msg("it went on");
}

START_TEST(who_reads_what_was_not_left_fails_alone)
{
    struct lk_def *none[] = {GUEST, SCENE_STEP("guest", "read", read_missing, .every = LK_FIXED(9)),
                             NULL};
    struct lk_def *taken[] = {GUEST, SCENE_RUN_HOOK(setup, take_back),
                              SCENE_STEP("guest", "read", read_missing, .every = LK_FIXED(9)),
                              NULL};

    for (int i = 0; i < 2; i++) {
        stage_open(i ? taken : none, SHARE(FOR_SECONDS(3)));
        ck_assert_str_eq(
            stage_run() + (i ? strlen("on_setup@0 ") : 0),
            "read1 read2 read@0-1!no string at \"token\" in the data of the run: it is "
            "not there");
        ck_assert_uint_eq(worker.metrics.first_error->count, 2);
        stage_close();
    }
}
END_TEST

static void set_in_step(lk_vu *vu, void *self)
{
    (void)self;
    lk_run_data_set(vu, LK_OBJECT());
}

static struct lk_value set_in_probe(lk_vu *vu)
{
    lk_run_data_set(vu, LK_OBJECT());
    return LK_VALUE(1);
}

static void set_in_hook(lk_vu *vu)
{
    lk_run_data_set(vu, LK_OBJECT());
}

START_TEST(only_set_up_leaves_something)
{
    struct lk_def *defs[] = {GUEST, SCENE_STEP("guest", "set", set_in_step, .every = LK_FIXED(9)),
                             SCENE_PROBE("probe", set_in_probe, .every_s = 9),
                             SCENE_RUN_HOOK(teardown, set_in_hook), NULL};
#define OUTSIDE                                                                                    \
    "!lk_run_data_set was called outside of LK_ON_SETUP: what is the same for all users is set "   \
    "before they begin"

    stage_open(defs, SHARE(FOR_SECONDS(1)));
    ck_assert_str_eq(stage_run(), "probe@0" OUTSIDE " set@0" OUTSIDE " on_teardown@1" OUTSIDE);
    stage_close();
}
END_TEST

/* ---- what else hooks and probes can do ---- */

static uint64_t drawn;

static void note_defer(void *unused)
{
    (void)unused;
    note("deferred@%.12g", now_s());
}

static void call_me(void *arg)
{
    *(int *)arg = 7;
}

static void do_much(lk_vu *vu)
{
    int called = 0;

    lk_defer(vu, note_defer, NULL);
    ck_assert_uint_eq(lk_user_id(vu), 0);
    ck_assert_str_eq(lk_param(vu, "colour"), "red");
    ck_assert_int_eq(lk_blocking(vu, call_me, &called), LK_OK);
    ck_assert_int_eq(called, 7);
    ck_assert(!lk_should_stop(vu));
    ck_assert(lk_check(vu, true, "all is well"));
    lk_record(vu, "sold", 2.5);
    lk_record(vu, "sold", 1);
    drawn = (uint64_t)lk_random_int(vu, 0, INT64_MAX);
    LK_FAIL("%s", lk_format(vu, "%d of %d", 3, 4));
}

START_TEST(a_set_up_can_do_what_a_step_can)
{
    struct lk_metric_def sold = {SCENE_HEAD_(lk_metric_def, LK_DEF_METRIC, NULL, "sold"),
                                 .type = LK_COUNTER};
    struct lk_def *defs[] = {GUEST,
                             LOOK,
                             SCENE_PARAM("colour", .value = "red"),
                             &sold.def,
                             SCENE_RUN_HOOK(setup, do_much),
                             NULL};
    uint64_t draws[3];

    for (int i = 0; i < 3; i++) {
        stage_open(defs, SHARE(FOR_SECONDS(1), .seed = i == 2 ? 8 : 7));
        ck_assert_str_eq(stage_run(), "deferred@0 on_setup@0!3 of 4");
        ck_assert(worker.metrics.customs.all[0].total.sum == 3.5);
        draws[i] = drawn;
        stage_close();
    }
    ck_assert_uint_eq(draws[0], draws[1]);
    ck_assert_uint_ne(draws[0], draws[2]);
}
END_TEST

static lk_json *make_card(lk_vu *vu, const char *id)
{
    return LK_OBJECT("number", id);
}

static void hold_card(lk_vu *vu)
{
    lk_resource_release(vu, "cards", NULL);
    lk_resource_acquire(vu, "cards");
}

static struct lk_value try_card(lk_vu *vu)
{
    return LK_VALUE(lk_resource_try(vu, "cards"));
}

START_TEST(only_users_hold_resources)
{
    struct lk_def *defs[] = {GUEST,
                             IDLE,
                             SCENE_RESOURCE("cards", make_card),
                             SCENE_PROBE("cards", try_card, .every_s = 5),
                             SCENE_RUN_HOOK(teardown, hold_card),
                             NULL};
#define ONLY_USERS "!only users hold resources: acquire \"cards\" in LK_ON_START or a step"

    stage_open(defs, SHARE(FOR_SECONDS(1)));
    ck_assert_str_eq(stage_run(), "cards@0" ONLY_USERS " idle@0 on_teardown@1" ONLY_USERS);
    stage_close();
}
END_TEST

/* ---- requests ---- */

static void log_in(lk_vu *vu)
{
    lk_http_base_url(vu, "http://shop");
    lk_run_data_set(vu, LK_OBJECT("token", lk_str(lk_post(vu, "/auth"), "token")));
}

static struct lk_value read_depth(lk_vu *vu)
{
    return LK_VALUE(lk_int(lk_get(vu, "/depth"), "depth"));
}

static void log_out(lk_vu *vu)
{
    lk_delete(vu, "/auth");
}

static void visit(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, "http://shop");
    lk_get(vu, lk_format(vu, "/%s", lk_str(lk_run_data(vu), "token")));
}

static uint64_t requests_of(const lk_result *result, const char *id)
{
    const struct lk_stats *stats = lk_result_stats(result, id);

    return stats ? stats->count : 0;
}

START_TEST(requests_of_hooks_and_probes_are_counted_under_their_names)
{
    struct lk_def *defs[] = {GUEST,
                             SCENE_STEP("guest", "visit", visit, .every = LK_FIXED(10)),
                             SCENE_RUN_HOOK(setup, log_in),
                             SCENE_RUN_HOOK(teardown, log_out),
                             SCENE_PROBE("depth", read_depth, .every_s = 1),
                             NULL};
    lk_test *test = scene_open(defs, LK_RUN_OPTIONS(.users = 3, .duration_s = 1.75));
    lk_result *result;

    lk_test_answer(test, "*", .body = "{}");
    lk_test_answer(test, "POST /auth", .body = "{\"token\":\"t17\"}", .delay_s = 0.5);
    lk_test_answer(test, "GET /depth", .body = "{\"depth\":4}");
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_requests(test),
                     "POST /auth@0 GET /depth@0.5 GET /t17@0.5 GET /t17@0.5 GET /t17@0.5 "
                     "GET /depth@1.5 DELETE /auth@2.25");
    ck_assert_uint_eq(lk_test_request_at(test, 0)->user, 0);
    ck_assert_str_eq(lk_test_request_at(test, 0)->step, "on_setup");
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_uint_eq(requests_of(result, "on_setup/POST /auth"), 1);
    ck_assert_uint_eq(requests_of(result, "depth/GET /depth"), 2);
    ck_assert_uint_eq(requests_of(result, "visit/GET /t17"), 3);
    ck_assert_uint_eq(requests_of(result, "on_teardown/DELETE /auth"), 1);
    ck_assert_uint_eq(requests_of(result, "http"), 7);
    ck_assert_uint_eq(requests_of(result, "steps"), 3);
    ck_assert_int_eq(lk_result_exit_status(result), 0);
    lk_result_free(result);
    scene_close(test);
}
END_TEST

static void get_nowhere(lk_vu *vu)
{
    lk_get(vu, "/");
}

static struct lk_value get_nothing(lk_vu *vu)
{
    return LK_VALUE(lk_get(vu, "http://shop/depth")->status);
}

static const char *report_of(const lk_test *test, int *status)
{
    static char text[8192];
    FILE *out = fmemopen(text, sizeof(text), "w");
    lk_result *result;

    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    ck_assert_int_eq(lk_result_print(result, out, 100), LK_OK);
    fclose(out);
    *status = lk_result_exit_status(result);
    lk_result_free(result);
    return text;
}

START_TEST(a_set_up_that_fails_is_why_the_run_failed)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, get_nowhere), NULL};
    lk_test *test = scene_open(defs, LK_RUN_OPTIONS(.users = 3, .duration_s = 5));
    const char *text;
    int status;

    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "0:on_setup@0!LIFECYCLE_FAILED");
    text = report_of(test, &status);
    ck_assert_msg(strstr(text, "on_setup failed: the path \"/\" needs a base URL: call "
                               "lk_http_base_url in on_setup"),
                  "%s", text);
    ck_assert_int_eq(status, 1);
    scene_close(test);
}
END_TEST

START_TEST(probes_and_a_tear_down_that_fail_do_not_fail_the_run)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(teardown, get_nowhere),
                             SCENE_PROBE("depth", get_nothing, .every_s = 0.75), NULL};
    lk_test *test = scene_open(defs, LK_RUN_OPTIONS(.users = 1, .duration_s = 1.25));
    const char *text;
    int status;

    lk_test_answer(test, "*", .error = "HTTP_RESET", .delay_s = 0.25);
    lk_test_answer(test, "GET /depth", .times = 1);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_str_eq(scene_log(test), "look@0 0:depth@0 0:depth@0.75-1!METRIC_FAILED look@1 "
                                      "0:on_teardown@1.25!LIFECYCLE_FAILED");
    text = report_of(test, &status);
    ck_assert_msg(strstr(text, "on_teardown failed: the path"), "%s", text);
    ck_assert_int_eq(status, 0);
    scene_close(test);
}
END_TEST

static int torn_down;

static void tear_down(lk_vu *vu)
{
    (void)vu;
    torn_down++;
}

START_TEST(a_test_that_is_given_up_is_torn_down)
{
    struct lk_def *defs[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, sleep_2),
                             SCENE_RUN_HOOK(teardown, tear_down), NULL};

    torn_down = 0;
    for (int i = 0; i < 2; i++) {
        lk_test *test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));

        ck_assert(!lk_test_run(test, 1.5 + i)); /* in the set-up, and after it */
        scene_close(test);
        ck_assert_int_eq(torn_down, i + 1);
    }
}
END_TEST

/* As if it computed, or waited in a way that holds up the loop. */
static void hog(lk_vu *vu)
{
    vu->loop->clock.fake_ns += NS;
}

static void hog_in_step(lk_vu *vu, void *self)
{
    (void)self;
    if (lk_user_id(vu) == 1)
        hog(vu);
}

START_TEST(what_hooks_compute_holds_up_no_user)
{
    struct lk_def *hooks[] = {GUEST, LOOK, SCENE_RUN_HOOK(setup, hog),
                              SCENE_RUN_HOOK(teardown, hog), NULL};
    struct lk_def *step[] = {GUEST, SCENE_STEP("guest", "look", hog_in_step, .every = LK_FIXED(9)),
                             SCENE_RUN_HOOK(teardown, hog), NULL};

    stage_open(hooks, SHARE(FOR_SECONDS(1.5)));
    ck_assert_str_eq(stage_run(), "on_setup@0-1 look@1 look@2 on_teardown@2.5-3.5");
    ck_assert_uint_eq(lki_worker_health(&worker).stalls, 0);
    stage_close();
    stage_open(step, SHARE(FOR_SECONDS(1.5)));
    ck_assert_str_eq(stage_run(), "look@0-1 on_teardown@1.5-2.5");
    ck_assert_uint_eq(lki_worker_health(&worker).stalls, 1);
    stage_close();
}
END_TEST

static Suite *backstage_suite(void)
{
    Suite *suite = suite_create("backstage");
    TCase *setup = tcase_create("setup");
    TCase *teardown = tcase_create("teardown");
    TCase *probes = tcase_create("probes");
    TCase *data = tcase_create("data");
    TCase *requests = tcase_create("requests");

    tcase_add_test(setup, users_begin_when_the_set_up_has_ended_and_time_counts_from_then);
    tcase_add_test(setup, a_set_up_that_fails_lets_no_user_begin_but_is_torn_down);
    tcase_add_test(setup, what_the_set_up_measured_is_older_than_what_users_measure);
    tcase_add_test(setup, a_set_up_has_60_seconds);
    tcase_add_test(setup, a_set_up_has_the_time_that_was_set);
    tcase_add_test(setup, an_interrupt_in_the_set_up_lets_it_end_and_no_user_begin);
    tcase_add_test(setup, an_interrupted_set_up_has_the_grace_time);
    tcase_add_test(setup, a_second_interrupt_cuts_the_set_up_off_and_a_third_the_tear_down);
    tcase_add_test(setup, a_set_up_that_is_cut_off_before_it_began_does_not_begin);
    tcase_add_test(setup, a_set_up_can_do_what_a_step_can);
    tcase_add_test(teardown, the_tear_down_comes_after_the_last_user_and_may_wait);
    tcase_add_test(teardown, the_tear_down_comes_also_after_iterations_and_after_a_cut);
    tcase_add_test(teardown, a_tear_down_has_60_seconds_and_its_failure_does_not_fail_the_run);
    tcase_add_test(teardown,
                   the_first_interrupt_tells_a_tear_down_to_stop_and_the_second_cuts_it_off);
    tcase_add_loop_test(teardown, who_ended_the_run_cuts_the_tear_down_off_by_one_more, 0, 2);
    tcase_add_test(probes, a_probe_is_read_as_the_users_begin_and_then_on_its_period);
    tcase_add_test(probes, probes_may_end_and_begin_again_and_what_was_read_stays);
    tcase_add_test(probes, probes_are_read_each_for_itself);
    tcase_add_test(probes, a_probe_keeps_no_run_alive);
    tcase_add_test(probes, once_the_end_has_begun_no_probe_is_read_but_one_in_hand_may_end);
    tcase_add_test(probes, a_probe_that_fails_is_counted_and_told_and_read_again);
    tcase_add_test(probes, a_probe_has_30_seconds_or_the_time_that_was_set);
    tcase_add_test(probes, a_probe_may_give_numbers_truths_texts_and_nothing);
    tcase_add_test(data, what_set_up_left_is_there_for_all_and_once);
    tcase_add_test(data, who_reads_what_was_not_left_fails_alone);
    tcase_add_test(data, only_set_up_leaves_something);
    tcase_add_test(data, only_users_hold_resources);
    tcase_add_test(data, what_hooks_compute_holds_up_no_user);
    tcase_add_test(requests, requests_of_hooks_and_probes_are_counted_under_their_names);
    tcase_add_test(requests, a_set_up_that_fails_is_why_the_run_failed);
    tcase_add_test(requests, probes_and_a_tear_down_that_fail_do_not_fail_the_run);
    tcase_add_test(requests, a_test_that_is_given_up_is_torn_down);
    suite_add_tcase(suite, setup);
    suite_add_tcase(suite, teardown);
    suite_add_tcase(suite, probes);
    suite_add_tcase(suite, data);
    suite_add_tcase(suite, requests);
    return suite;
}

int main(void)
{
    return suite_run(backstage_suite());
}
