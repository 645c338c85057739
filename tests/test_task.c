/* Tasks: straight code that waits, is told why a wait ended, and leaves from any depth. */
#include "loop/task.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define S LKI_NS_PER_S

static struct lki_loop loop;
static struct lki_timer guard;
static int left; /* tasks until the loop stops */
static size_t timers_before;

static void on_guard(struct lki_timer *timer)
{
    (void)timer;
    ck_abort_msg("a task never came to its end");
}

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    loop.clock.fake = true;
    left = 0;
    memset(&guard, 0, sizeof(guard));
    ck_assert_int_eq(lki_timer_init(&loop.timers, &guard, on_guard), LK_OK);
    lki_timer_set(&loop.timers, &guard, 1000000 * S);
    timers_before = loop.timers.reserved;
}

static void teardown(void)
{
    lki_timer_release(&loop.timers, &guard);
    lki_loop_close(&loop);
}

/* A task of a test, with what it did. */
struct actor {
    struct lki_task *task;
    void (*play)(struct actor *self);
    int number;
    int64_t until_ns;
    int64_t deadline_ns;
    int fds[2];
    int64_t ended_ns;
    enum lki_wake why;
    enum lki_outcome outcome;
    int ready;
    int count;
    bool over;
};

static void actor_main(struct lki_task *task)
{
    struct actor *self = task->owner;

    self->play(self);
    self->ended_ns = lki_loop_now(&loop);
    if (--left == 0)
        lki_loop_stop(&loop);
}

static void actor_start(struct actor *actor, void (*play)(struct actor *self))
{
    actor->play = play;
    actor->task = lki_task_new(&loop, 0, actor_main, actor);
    EXPECT(actor->task, "no task");
    left++;
    lki_task_resume(actor->task);
}

static void run(void)
{
    if (left)
        lki_loop_run(&loop);
    ck_assert_uint_eq(loop.task_count, 0);
    ck_assert_ptr_null(loop.tasks);
    ck_assert_ptr_null(loop.current);
    ck_assert_uint_eq(loop.timers.reserved, timers_before);
}

static struct lki_timer at_timer;
static void (*at_action)(void);

static void on_at(struct lki_timer *timer)
{
    lki_timer_release(&loop.timers, timer);
    at_action();
}

/* Has the loop do something at a time. */
static void at(int64_t when_ns, void (*action)(void))
{
    at_action = action;
    ck_assert_int_eq(lki_timer_init(&loop.timers, &at_timer, on_at), LK_OK);
    lki_timer_set(&loop.timers, &at_timer, when_ns);
}

static void drain(void)
{
    lki_tasks_drain(&loop);
}

static void cut(void)
{
    lki_tasks_cut(&loop);
}

/* ---- what is in hand ---- */

static struct lki_loop_shown shown;

static void shows(uint64_t user, const char *step)
{
    EXPECT(shown.in_hand.user == user, "user %llu", (unsigned long long)shown.in_hand.user);
    EXPECT(shown.in_hand.step && !strcmp(shown.in_hand.step, step), "not %s", step);
}

static void take_and_wait(struct actor *self)
{
    static const char *const steps[] = {"look", "pay"};

    EXPECT(!shown.in_hand.step, "something is in hand before it was taken");
    lki_task_take(self->task, steps[self->number]);
    shows((uint64_t)self->number + 1, steps[self->number]);
    lki_task_wait(self->task, (self->number + 1) * S);
    shows((uint64_t)self->number + 1, steps[self->number]);
}

static void nothing_in_hand(void)
{
    ck_assert_ptr_null(shown.in_hand.step);
}

START_TEST(while_a_task_runs_the_loop_shows_what_it_has_in_hand)
{
    struct actor actors[2] = {{.number = 0}, {.number = 1}};

    lki_loop_show(&loop, &shown);
    for (int i = 0; i < 2; i++) {
        actors[i].play = take_and_wait;
        actors[i].task = lki_task_new(&loop, 0, actor_main, &actors[i]);
        ck_assert_ptr_nonnull(actors[i].task);
        actors[i].task->in_hand.user = (uint64_t)i + 1;
        left++;
        lki_task_resume(actors[i].task);
        nothing_in_hand();
    }
    at(3 * S / 2, nothing_in_hand);
    run();
    nothing_in_hand();
}
END_TEST

/* ---- life of a task ---- */

static void do_nothing(struct actor *self)
{
    self->count++;
}

START_TEST(a_task_that_does_not_wait_ends_at_once)
{
    struct actor actor = {.number = 1};

    actor_start(&actor, do_nothing);
    ck_assert_int_eq(actor.count, 1);
    ck_assert_uint_eq(loop.task_count, 0);
}
END_TEST

START_TEST(a_stack_is_used_again_by_the_next_task)
{
    struct actor a = {0};
    struct actor b = {0};

    actor_start(&a, do_nothing);
    actor_start(&b, do_nothing);
    ck_assert_ptr_eq(a.task, b.task);
}
END_TEST

static void sleep_until(struct actor *self)
{
    self->why = lki_task_wait(self->task, self->until_ns);
}

START_TEST(thousands_wait_each_until_its_time)
{
    enum { TASKS = 3000 };
    static struct actor actors[TASKS];
    struct lki_rng rng = {8};

    for (int i = 0; i < TASKS; i++) {
        actors[i] = (struct actor){.until_ns = (int64_t)lki_rng_below(&rng, (uint64_t)(100 * S))};
        actor_start(&actors[i], sleep_until);
    }
    run();
    for (int i = 0; i < TASKS; i++) {
        EXPECT(actors[i].ended_ns == actors[i].until_ns, "task %d ended at another time", i);
        EXPECT(actors[i].why == LKI_WAKE_TIMEOUT, "task %d", i);
    }
}
END_TEST

static void use_the_stack(struct actor *self)
{
    char text[4000];
    double number = self->number + 0.5;

    memset(text, 'x', sizeof(text));
    lki_task_wait(self->task, lki_loop_now(&loop) + 1);
    snprintf(text, sizeof(text), "%.2f %s", number, "after");
    self->count = (int)strlen(text);
    EXPECT(!strcmp(text, "1000.50 after"), "%s", text);
}

START_TEST(many_keep_what_they_have_on_their_stacks)
{
    static struct actor actors[500];

    for (int i = 0; i < 500; i++) {
        actors[i] = (struct actor){.number = 1000};
        actor_start(&actors[i], use_the_stack);
    }
    run();
    for (int i = 0; i < 500; i++)
        EXPECT(actors[i].count == 13, "task %d", i);
}
END_TEST

static void allocate_much(struct actor *self)
{
    for (int i = 0; i < 100; i++)
        EXPECT(lki_arena_alloc(&self->task->arena, 1000), "no memory");
    lki_task_wait(self->task, 1);
}

START_TEST(the_arena_goes_with_the_task)
{
    struct actor actor = {0};

    actor_start(&actor, allocate_much);
    ck_assert_uint_eq(loop.chunks.free_count, 0);
    run();
    ck_assert_uint_ge(loop.chunks.free_count, 25);
}
END_TEST

START_TEST(a_task_without_memory_for_its_stack_leaves_nothing_behind)
{
    size_t timers = loop.timers.reserved;

    ck_assert_ptr_null(lki_task_new(&loop, SIZE_MAX, actor_main, NULL));
    ck_assert_uint_eq(loop.task_count, 0);
    ck_assert_uint_eq(loop.timers.reserved, timers);
}
END_TEST

static void note_waking(struct actor *self)
{
    lki_task_wait(self->task, LKI_NEVER);
    self->count++;
}

/* Whoever closes the loop has given up the tasks that are left, and what they work on is gone. */
START_TEST(closing_the_loop_resumes_nobody)
{
    static struct actor actors[3];

    for (int i = 0; i < 3; i++) {
        actors[i] = (struct actor){0};
        actor_start(&actors[i], note_waking);
    }
    lki_task_wake_later(actors[1].task, LKI_WAKE_EVENT);
    cut();
    lki_loop_close(&loop);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(actors[i].count, 0);
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    guard = (struct lki_timer){0};
}
END_TEST

static void overflow(struct actor *self)
{
    memset(self->task->stack->base - 100, 1, 100);
}

START_TEST(an_overflow_that_no_guard_stopped_is_counted)
{
    struct actor actor = {0};
    struct actor other = {0};

    loop.stacks.no_guard_install = true;
    loop.stacks.guarded_by_map = SIZE_MAX / 2;
    actor_start(&actor, overflow);
    actor_start(&other, do_nothing);
    ck_assert_uint_eq(loop.health.overflowed, 1);
}
END_TEST

/* ---- waits ---- */

static void wait_in_call(void *a, void *b)
{
    struct actor *self = a;

    (void)b;
    self->why = lki_task_wait(self->task, self->until_ns);
}

static void call_with_deadline(struct actor *self)
{
    self->outcome = lki_task_call(self->task, wait_in_call, self, NULL, self->deadline_ns);
}

static const struct limit_case {
    int64_t until_ns;
    int64_t deadline_ns;
    enum lki_wake why;
    int64_t ended_ns;
} limit_cases[] = {
    {10, 20, LKI_WAKE_TIMEOUT, 10},       {20, 10, LKI_WAKE_DEADLINE, 10},
    {10, 10, LKI_WAKE_DEADLINE, 10},      {10, 11, LKI_WAKE_TIMEOUT, 10},
    {LKI_NEVER, 7, LKI_WAKE_DEADLINE, 7}, {7, LKI_NEVER, LKI_WAKE_TIMEOUT, 7},
    {-5, 20, LKI_WAKE_TIMEOUT, 0},        {20, -5, LKI_WAKE_DEADLINE, 0},
    {0, 5, LKI_WAKE_TIMEOUT, 0},
};

START_TEST(the_earlier_of_limit_and_deadline_ends_a_wait)
{
    const struct limit_case *limit = &limit_cases[_i];
    struct actor actor = {.until_ns = limit->until_ns, .deadline_ns = limit->deadline_ns};

    actor_start(&actor, call_with_deadline);
    run();
    ck_assert_int_eq(actor.why, limit->why);
    ck_assert_int_eq(actor.ended_ns, limit->ended_ns);
    ck_assert_int_eq(actor.outcome, LKI_OUTCOME_OK);
}
END_TEST

static void wait_after_call(struct actor *self)
{
    call_with_deadline(self);
    ck_assert_int_eq(self->why, LKI_WAKE_DEADLINE);
    self->why = lki_task_wait(self->task, 100);
}

START_TEST(a_deadline_ends_with_its_call)
{
    struct actor actor = {.until_ns = 50, .deadline_ns = 10};

    actor_start(&actor, wait_after_call);
    run();
    ck_assert_int_eq(actor.why, LKI_WAKE_TIMEOUT);
    ck_assert_int_eq(actor.ended_ns, 100);
}
END_TEST

static struct actor sleeper;

static void wake_sleeper(void)
{
    lki_task_wake(sleeper.task, LKI_WAKE_EVENT);
}

static void wake_sleeper_twice_later(void)
{
    lki_task_wake_later(sleeper.task, LKI_WAKE_EVENT);
    lki_task_wake_later(sleeper.task, LKI_WAKE_DRAIN);
    lki_task_wake(sleeper.task, LKI_WAKE_CUT);
    ck_assert_int_eq(sleeper.count, 0);
}

static void wait_twice(struct actor *self)
{
    self->why = lki_task_wait(self->task, 50);
    self->count++;
    ck_assert_int_eq(lki_task_wait(self->task, 60), LKI_WAKE_TIMEOUT);
    self->count++;
}

START_TEST(an_event_ends_a_wait_and_its_time_does_not_end_the_next)
{
    sleeper = (struct actor){0};
    actor_start(&sleeper, wait_twice);
    at(20, wake_sleeper);
    run();
    ck_assert_int_eq(sleeper.why, LKI_WAKE_EVENT);
    ck_assert_int_eq(sleeper.count, 2);
    ck_assert_int_eq(sleeper.ended_ns, 60);
}
END_TEST

START_TEST(the_first_of_several_reasons_counts)
{
    sleeper = (struct actor){0};
    actor_start(&sleeper, wait_twice);
    at(20, wake_sleeper_twice_later);
    run();
    ck_assert_int_eq(sleeper.why, LKI_WAKE_EVENT);
    ck_assert_int_eq(sleeper.ended_ns, 60);
}
END_TEST

static void wake_the_other(struct actor *self)
{
    lki_task_wait(self->task, 10);
    lki_task_wake_later(sleeper.task, LKI_WAKE_EVENT);
    ck_assert_int_eq(sleeper.count, 0);
    self->count = 1;
}

START_TEST(one_task_may_wake_another)
{
    struct actor waker = {0};

    sleeper = (struct actor){0};
    actor_start(&sleeper, wait_twice);
    actor_start(&waker, wake_the_other);
    run();
    ck_assert_int_eq(sleeper.why, LKI_WAKE_EVENT);
    ck_assert_int_eq(waker.count, 1);
}
END_TEST

/* ---- the end of a run ---- */

static void sleep_drainable(struct actor *self)
{
    self->why = lki_task_wait_drainable(self->task, self->until_ns);
}

START_TEST(draining_ends_the_waits_that_asked_for_it)
{
    struct actor a = {.until_ns = 100};
    struct actor b = {.until_ns = 100};

    actor_start(&a, sleep_drainable);
    actor_start(&b, sleep_until);
    at(30, drain);
    run();
    ck_assert_int_eq(a.why, LKI_WAKE_DRAIN);
    ck_assert_int_eq(a.ended_ns, 30);
    ck_assert_int_eq(b.why, LKI_WAKE_TIMEOUT);
    ck_assert_int_eq(b.ended_ns, 100);
    ck_assert(loop.draining);
}
END_TEST

static void wait_often(struct actor *self)
{
    while (self->count < 10 && lki_task_wait(self->task, LKI_NEVER) == LKI_WAKE_CUT)
        self->count++;
    while (self->count < 20 && lki_task_yield(self->task) == LKI_WAKE_CUT)
        self->count++;
    if (lki_task_wait_fd(self->task, self->fds[0], LKI_READABLE, LKI_NEVER, &self->ready) ==
        LKI_WAKE_CUT)
        self->count++;
}

START_TEST(after_a_cut_no_wait_waits)
{
    struct actor actor = {0};

    ck_assert_int_eq(pipe(actor.fds), 0);
    actor_start(&actor, wait_often);
    at(5, cut);
    run();
    ck_assert_int_eq(actor.count, 21);
    ck_assert_int_eq(actor.ended_ns, 5);
    close(actor.fds[0]);
    close(actor.fds[1]);
}
END_TEST

static void yield_until_cut(struct actor *self)
{
    while (lki_task_yield(self->task) == LKI_WAKE_EVENT) {
        if (++self->count == 1000)
            cut();
    }
}

START_TEST(a_cut_reaches_those_that_run_and_those_that_yield)
{
    struct actor actors[3] = {{.number = 0}};

    for (int i = 0; i < 3; i++)
        actor_start(&actors[i], yield_until_cut);
    run();
    ck_assert_int_eq(actors[0].count, 1000);
    for (int i = 1; i < 3; i++)
        ck_assert_int_le(actors[i].count, 1000);
}
END_TEST

START_TEST(a_cut_reaches_thousands)
{
    static struct actor actors[3000];

    for (int i = 0; i < 3000; i++) {
        actors[i] = (struct actor){.until_ns = i % 2 ? LKI_NEVER : 1000000};
        actor_start(&actors[i], i % 3 ? sleep_until : sleep_drainable);
    }
    at(77, cut);
    run();
    for (int i = 0; i < 3000; i++)
        EXPECT(actors[i].why == LKI_WAKE_CUT && actors[i].ended_ns == 77, "task %d", i);
}
END_TEST

/* ---- calls, leaving, defers ---- */

struct deep {
    struct actor *actor;
    int ran[8]; /* the defers, in the order in which they ran */
    int ran_count;
    enum lki_outcome outcome;
    const char *message;
    bool waits;
};

struct note {
    struct deep *deep;
    int number;
};

static void note_defer(void *arg)
{
    struct note *note = arg;

    note->deep->ran[note->deep->ran_count++] = note->number;
}

static void add_defer(struct deep *deep, int number)
{
    struct lki_task *task = deep->actor->task;
    struct note *note = lki_arena_alloc(&task->arena, sizeof(*note));

    *note = (struct note){deep, number};
    EXPECT(lki_task_defer(task, note_defer, note), "no memory");
}

static void third(struct deep *deep)
{
    volatile char frame[300];

    memset((char *)frame, 3, sizeof(frame));
    add_defer(deep, 3);
    if (deep->waits)
        lki_task_heed(deep->actor->task, lki_task_wait(deep->actor->task, LKI_NEVER));
    lki_task_leave(deep->actor->task, deep->outcome, deep->message);
}

static void second(struct deep *deep)
{
    add_defer(deep, 2);
    third(deep);
    deep->ran_count = 100; /* never reached */
}

static void first(void *a, void *b)
{
    (void)b;
    add_defer(a, 1);
    second(a);
}

static void leave_often(struct actor *self)
{
    for (int i = 0; i < 10000; i++) {
        struct deep deep = {.actor = self, .outcome = LKI_OUTCOME_FAILED, .message = "why"};
        enum lki_outcome outcome = lki_task_call(self->task, first, &deep, NULL, LKI_NEVER);

        EXPECT(outcome == LKI_OUTCOME_FAILED, "outcome %d", outcome);
        EXPECT(!strcmp(self->task->message, "why"), "message");
        EXPECT(deep.ran_count == 3 && deep.ran[0] == 3 && deep.ran[1] == 2 && deep.ran[2] == 1,
               "defers ran in another order");
        EXPECT(!self->task->entry && !self->task->defers, "the call left something behind");
        lki_arena_reset(&self->task->arena);
        if (i % 100 == 0)
            lki_task_yield(self->task);
    }
    self->count = 1;
}

START_TEST(leaving_from_three_calls_deep_runs_the_defers_and_loses_nothing)
{
    struct actor actor = {0};

    actor_start(&actor, leave_often);
    run();
    ck_assert_int_eq(actor.count, 1);
    ck_assert_uint_le(loop.chunks.free_count, 2);
}
END_TEST

static void time_out_often(struct actor *self)
{
    for (int i = 0; i < 100; i++) {
        struct deep deep = {.actor = self, .waits = true};
        int64_t deadline_ns = lki_loop_now(&loop) + 1000 + i;
        enum lki_outcome outcome = lki_task_call(self->task, first, &deep, NULL, deadline_ns);

        EXPECT(outcome == self->outcome, "outcome %d", outcome);
        EXPECT(self->task->cut || lki_loop_now(&loop) == deadline_ns, "not at its time");
        EXPECT(deep.ran_count == 3, "defers");
        EXPECT(!self->task->message, "a message");
    }
}

START_TEST(a_deadline_leaves_at_its_nanosecond_and_runs_the_defers)
{
    struct actor actor = {.outcome = LKI_OUTCOME_TIMEOUT};

    actor_start(&actor, time_out_often);
    run();
}
END_TEST

static void call_inside(void *a, void *b)
{
    struct deep *deep = a;
    struct lki_task *task = deep->actor->task;
    const char *message = NULL;
    enum lki_outcome outcome;

    add_defer(deep, 0);
    outcome = lki_task_call_inside(task, first, deep, b, &message);
    EXPECT(outcome == LKI_OUTCOME_FAILED && !strcmp(message, "why"), "outcome %d", outcome);
    EXPECT(deep->ran_count == 3 && deep->ran[2] == 1, "not its defers, or others too");
    deep->waits = true;
    outcome = lki_task_call_inside(task, first, deep, b, &message);
    EXPECT(outcome == LKI_OUTCOME_TIMEOUT && !message, "outcome %d", outcome);
    EXPECT(lki_loop_now(&loop) == deep->actor->deadline_ns, "not at its time");
    EXPECT(lki_task_wait(task, LKI_NEVER) == LKI_WAKE_DEADLINE, "the time of the call is lost");
    deep->ran_count = 0;
}

static void call_in_a_call(struct actor *self)
{
    struct deep deep = {.actor = self, .outcome = LKI_OUTCOME_FAILED, .message = "why"};

    self->outcome = lki_task_call(self->task, call_inside, &deep, NULL, self->deadline_ns);
    EXPECT(!self->task->message, "a message of the inner call");
    EXPECT(deep.ran_count == 1 && deep.ran[0] == 0, "not the defer of the outer call");
}

START_TEST(a_call_inside_of_a_call_ends_alone)
{
    struct actor actor = {.deadline_ns = 1000, .outcome = LKI_OUTCOME_NOMEM};

    actor_start(&actor, call_in_a_call);
    run();
    ck_assert_int_eq(actor.outcome, LKI_OUTCOME_OK);
}
END_TEST

START_TEST(a_cut_leaves_and_runs_the_defers)
{
    struct actor actor = {.outcome = LKI_OUTCOME_CANCELLED};

    actor_start(&actor, time_out_often);
    cut();
    run();
}
END_TEST

static void come_back(void *a, void *b)
{
    struct deep *deep = a;

    (void)b;
    add_defer(deep, 1);
    add_defer(deep, 2);
}

static void call_that_returns(struct actor *self)
{
    struct deep deep = {.actor = self};

    self->task->message = "of the call before";
    self->outcome = lki_task_call(self->task, come_back, &deep, NULL, LKI_NEVER);
    ck_assert_ptr_null(self->task->message);
    ck_assert_int_eq(deep.ran_count, 2);
    ck_assert_int_eq(deep.ran[0], 2);
}

START_TEST(a_call_that_returns_runs_its_defers_too)
{
    struct actor actor = {.outcome = LKI_OUTCOME_FAILED};

    actor_start(&actor, call_that_returns);
    run();
    ck_assert_int_eq(actor.outcome, LKI_OUTCOME_OK);
}
END_TEST

static void leave_in_defer(void *arg)
{
    struct note *note = arg;

    note_defer(note);
    lki_task_leave(note->deep->actor->task, LKI_OUTCOME_FAILED, "in a defer");
}

static void bad_defers(void *a, void *b)
{
    struct deep *deep = a;
    struct lki_task *task = deep->actor->task;
    struct note *note = lki_arena_alloc(&task->arena, sizeof(*note));

    (void)b;
    *note = (struct note){deep, 9};
    add_defer(deep, 1);
    lki_task_defer(task, leave_in_defer, note);
    add_defer(deep, 2);
    lki_task_defer(task, leave_in_defer, note);
    if (deep->outcome != LKI_OUTCOME_OK)
        lki_task_leave(task, deep->outcome, deep->message);
}

static void call_with_bad_defers(struct actor *self)
{
    struct deep deep = {.actor = self};

    self->outcome = lki_task_call(self->task, bad_defers, &deep, NULL, LKI_NEVER);
    ck_assert_int_eq(deep.ran_count, 4);
    ck_assert_str_eq(self->task->message, "in a defer");
    deep = (struct deep){.actor = self, .outcome = LKI_OUTCOME_TIMEOUT, .message = "first"};
    ck_assert_int_eq(lki_task_call(self->task, bad_defers, &deep, NULL, LKI_NEVER),
                     LKI_OUTCOME_TIMEOUT);
    ck_assert_int_eq(deep.ran_count, 4);
    ck_assert_str_eq(self->task->message, "first");
}

START_TEST(a_defer_that_fails_ends_itself_only_and_the_first_failure_is_told)
{
    struct actor actor = {0};

    actor_start(&actor, call_with_bad_defers);
    run();
    ck_assert_int_eq(actor.outcome, LKI_OUTCOME_FAILED);
}
END_TEST

/* ---- descriptors ---- */

static void wait_for_fd(struct actor *self)
{
    self->why = lki_task_wait_fd(self->task, self->fds[0],
                                 self->number ? (unsigned)self->number : LKI_READABLE,
                                 self->until_ns, &self->ready);
}

static void wait_for_fd_in_call(void *a, void *b)
{
    (void)b;
    wait_for_fd(a);
}

static void call_wait_for_fd(struct actor *self)
{
    lki_task_call(self->task, wait_for_fd_in_call, self, NULL, self->deadline_ns);
}

static struct actor reader;

static void write_to_reader(void)
{
    ck_assert_int_eq(write(reader.fds[1], "x", 1), 1);
}

static void hang_up_on_reader(void)
{
    close(reader.fds[1]);
    reader.fds[1] = -1;
}

static void wake_reader(void)
{
    lki_task_wake(reader.task, LKI_WAKE_EVENT);
}

static const struct fd_case {
    void (*action)(void); /* at 20 */
    int64_t until_ns;
    int64_t deadline_ns;
    unsigned events;
    enum lki_wake why;
    int ready;
    int64_t ended_ns;
} fd_cases[] = {
    {write_to_reader, LKI_NEVER, LKI_NEVER, LKI_READABLE, LKI_WAKE_EVENT, LKI_READABLE, 20},
    {hang_up_on_reader, LKI_NEVER, LKI_NEVER, LKI_READABLE, LKI_WAKE_EVENT, LKI_READABLE, 20},
    {NULL, 30, LKI_NEVER, LKI_READABLE, LKI_WAKE_TIMEOUT, 0, 30},
    {NULL, 30, 25, LKI_READABLE, LKI_WAKE_DEADLINE, 0, 25},
    {cut, LKI_NEVER, LKI_NEVER, LKI_READABLE, LKI_WAKE_CUT, 0, 20},
    {drain, 30, LKI_NEVER, LKI_READABLE, LKI_WAKE_TIMEOUT, 0, 30},
    {wake_reader, LKI_NEVER, LKI_NEVER, LKI_READABLE, LKI_WAKE_EVENT, 0, 20},
    {NULL, LKI_NEVER, LKI_NEVER, LKI_WRITABLE, LKI_WAKE_EVENT, LKI_WRITABLE, 0},
    {NULL, LKI_NEVER, LKI_NEVER, LKI_READABLE | LKI_WRITABLE, LKI_WAKE_EVENT, LKI_WRITABLE, 0},
};

START_TEST(a_wait_for_a_descriptor_ends_for_its_reason)
{
    const struct fd_case *one = &fd_cases[_i];

    reader = (struct actor){
        .until_ns = one->until_ns, .deadline_ns = one->deadline_ns, .number = (int)one->events};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, reader.fds), 0);
    actor_start(&reader, call_wait_for_fd);
    if (one->action)
        at(20, one->action);
    run();
    ck_assert_int_eq(reader.why, one->why);
    ck_assert_int_eq(reader.ready, one->ready);
    ck_assert_int_eq(reader.ended_ns, one->ended_ns);
    close(reader.fds[0]);
    if (reader.fds[1] >= 0)
        close(reader.fds[1]);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_watched_is_told)
{
    struct actor actor = {.until_ns = LKI_NEVER};

    actor.fds[0] = dup(0);
    close(actor.fds[0]);
    actor_start(&actor, wait_for_fd);
    run();
    ck_assert_int_eq(actor.why, LKI_WAKE_EVENT);
    ck_assert_int_lt(actor.ready, 0);
}
END_TEST

static void talk(struct actor *self)
{
    char byte = (char)self->number;
    int ready;

    while (self->count < 500) {
        if (self->number) {
            EXPECT(write(self->fds[0], &byte, 1) == 1, "no room");
            self->count++;
        }
        self->why = lki_task_wait_fd(self->task, self->fds[0], LKI_READABLE,
                                     lki_loop_now(&loop) + S, &ready);
        EXPECT(self->why == LKI_WAKE_EVENT && ready == LKI_READABLE, "no answer");
        EXPECT(read(self->fds[0], &byte, 1) == 1, "nothing to read");
        if (!self->number) {
            EXPECT(write(self->fds[0], &byte, 1) == 1, "no room");
            self->count++;
        }
    }
}

START_TEST(pairs_of_tasks_talk_through_pipes)
{
    static struct actor actors[200];

    for (int i = 0; i < 200; i += 2) {
        int ends[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        actors[i] = (struct actor){.number = 1, .fds = {ends[0], -1}};
        actors[i + 1] = (struct actor){.number = 0, .fds = {ends[1], -1}};
        actor_start(&actors[i], talk);
        actor_start(&actors[i + 1], talk);
    }
    run();
    for (int i = 0; i < 200; i++) {
        EXPECT(actors[i].count == 500, "pair %d", i / 2);
        close(actors[i].fds[0]);
    }
    ck_assert_int_eq(lki_loop_now(&loop), 0);
}
END_TEST

/* ---- yielding ---- */

static int turn_of;

static void take_turns(struct actor *self)
{
    for (int i = 0; i < 100; i++) {
        EXPECT(turn_of % 10 == self->number, "task %d had the turn of %d", self->number, turn_of);
        turn_of++;
        EXPECT(lki_task_yield(self->task) == LKI_WAKE_EVENT, "not its turn");
    }
}

START_TEST(those_that_yield_take_turns)
{
    struct actor actors[10];

    turn_of = 0;
    for (int i = 0; i < 10; i++) {
        actors[i] = (struct actor){.number = i};
        actor_start(&actors[i], take_turns);
    }
    run();
    ck_assert_int_eq(turn_of, 1000);
}
END_TEST

static void yield_for_ever(struct actor *self)
{
    while (!reader.over) {
        EXPECT(++self->count < 100000, "the others starved");
        lki_task_yield(self->task);
    }
}

static void read_once(struct actor *self)
{
    wait_for_fd(self);
    self->over = true;
}

START_TEST(those_that_yield_do_not_starve_those_that_wait)
{
    static struct actor actors[500]; /* more than are called in one turn */

    reader = (struct actor){.until_ns = LKI_NEVER};
    ck_assert_int_eq(pipe(reader.fds), 0);
    actor_start(&reader, read_once);
    for (int i = 0; i < 500; i++) {
        actors[i] = (struct actor){0};
        actor_start(&actors[i], yield_for_ever);
    }
    write_to_reader();
    run();
    for (int i = 0; i < 500; i++)
        EXPECT(actors[i].count <= 3, "%d turns", actors[i].count);
    close(reader.fds[0]);
    close(reader.fds[1]);
}
END_TEST

static void spin(void *a, void *b)
{
    struct actor *self = a;

    (void)b;
    for (;;) {
        loop.clock.fake_ns += 10;
        self->why = lki_task_yield(self->task);
        lki_task_heed(self->task, self->why);
    }
}

static void call_spin(struct actor *self)
{
    self->outcome = lki_task_call(self->task, spin, self, NULL, self->deadline_ns);
}

START_TEST(a_deadline_is_told_to_those_that_yield)
{
    struct actor actor = {.deadline_ns = 1000};

    actor_start(&actor, call_spin);
    run();
    ck_assert_int_eq(actor.outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_int_eq(actor.ended_ns, 1000);
}
END_TEST

/* ---- waits that cannot be left ---- */

static int told;
static enum lki_outcome told_outcome;

static void on_overdue(struct lki_task *task, enum lki_outcome outcome)
{
    (void)task;
    told++;
    told_outcome = outcome;
}

static void wait_pinned(void *a, void *b)
{
    struct actor *self = a;

    (void)b;
    self->why = lki_task_wait_pinned(self->task, &self->over);
}

static void call_wait_pinned(struct actor *self)
{
    self->task->on_overdue = on_overdue;
    self->outcome = lki_task_call(self->task, wait_pinned, self, NULL, self->deadline_ns);
}

static void finish_job(void)
{
    sleeper.over = true;
    lki_task_wake(sleeper.task, LKI_WAKE_EVENT);
}

static void cut_and_finish_job(void)
{
    cut();
    finish_job();
}

static void finish_job_and_cut(void)
{
    sleeper.over = true;
    lki_task_wake_later(sleeper.task, LKI_WAKE_EVENT);
    cut();
}

static void wake_for_nothing(void)
{
    lki_task_wake(sleeper.task, LKI_WAKE_EVENT);
    ck_assert_int_eq(left, 1);
    at(70, finish_job);
}

static void cut_for_now(void)
{
    cut();
    at(60, wake_for_nothing);
}

static const struct pinned_case {
    void (*action)(void); /* at 50 */
    int64_t deadline_ns;
    enum lki_wake why;
    int told;
    enum lki_outcome told_outcome;
    int64_t ended_ns;
} pinned_cases[] = {
    {finish_job, LKI_NEVER, LKI_WAKE_EVENT, 0, LKI_OUTCOME_OK, 50},
    {finish_job, 20, LKI_WAKE_DEADLINE, 1, LKI_OUTCOME_TIMEOUT, 50},
    {cut_for_now, LKI_NEVER, LKI_WAKE_CUT, 1, LKI_OUTCOME_CANCELLED, 70},
    {cut_for_now, 20, LKI_WAKE_DEADLINE, 1, LKI_OUTCOME_TIMEOUT, 70},
    {wake_for_nothing, LKI_NEVER, LKI_WAKE_EVENT, 0, LKI_OUTCOME_OK, 70},
    {finish_job_and_cut, LKI_NEVER, LKI_WAKE_EVENT, 0, LKI_OUTCOME_OK, 50},
};

START_TEST(a_pinned_wait_ends_when_it_is_over_and_tells_once_before)
{
    const struct pinned_case *one = &pinned_cases[_i];

    told = 0;
    told_outcome = LKI_OUTCOME_OK;
    sleeper = (struct actor){.deadline_ns = one->deadline_ns};
    actor_start(&sleeper, call_wait_pinned);
    at(50, one->action);
    run();
    ck_assert_int_eq(sleeper.why, one->why);
    ck_assert_int_eq(told, one->told);
    ck_assert_int_eq(told_outcome, one->told_outcome);
    ck_assert_int_eq(sleeper.ended_ns, one->ended_ns);
}
END_TEST

static void wait_pinned_again(void *a, void *b)
{
    struct actor *self = a;

    wait_pinned(a, b);
    ck_assert_int_eq(self->why, LKI_WAKE_DEADLINE);
    ck_assert_int_eq(told, 1);
    self->over = false;
    at(70, finish_job);
    wait_pinned(a, b);
    ck_assert_int_eq(self->why, LKI_WAKE_DEADLINE);
}

static void call_wait_pinned_again(struct actor *self)
{
    self->task->on_overdue = on_overdue;
    lki_task_call(self->task, wait_pinned_again, self, NULL, self->deadline_ns);
}

START_TEST(a_call_that_is_overdue_is_told_of_once_however_often_it_waits)
{
    told = 0;
    sleeper = (struct actor){.deadline_ns = 20};
    actor_start(&sleeper, call_wait_pinned_again);
    at(50, finish_job);
    run();
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(sleeper.ended_ns, 70);
}
END_TEST

/* The cut is told at the end of the turn; what is awaited comes before that. */
START_TEST(a_pinned_wait_misses_no_event_between_a_cut_and_its_telling)
{
    told = 0;
    sleeper = (struct actor){.deadline_ns = LKI_NEVER};
    actor_start(&sleeper, call_wait_pinned);
    at(50, cut_and_finish_job);
    run();
    ck_assert_int_eq(sleeper.why, LKI_WAKE_CUT);
    ck_assert_int_eq(sleeper.ended_ns, 50);
}
END_TEST

static Suite *task_suite(void)
{
    Suite *suite = suite_create("task");
    TCase *life = tcase_create("life");
    TCase *waits = tcase_create("waits");
    TCase *leaving = tcase_create("leaving");
    TCase *fds = tcase_create("descriptors");
    TCase *pinned = tcase_create("pinned");

    tcase_add_checked_fixture(life, setup, teardown);
    tcase_add_test(life, while_a_task_runs_the_loop_shows_what_it_has_in_hand);
    tcase_add_test(life, a_task_that_does_not_wait_ends_at_once);
    tcase_add_test(life, a_stack_is_used_again_by_the_next_task);
    tcase_add_test(life, thousands_wait_each_until_its_time);
    tcase_add_test(life, many_keep_what_they_have_on_their_stacks);
    tcase_add_test(life, the_arena_goes_with_the_task);
    tcase_add_test(life, a_task_without_memory_for_its_stack_leaves_nothing_behind);
    tcase_add_test(life, closing_the_loop_resumes_nobody);
    tcase_add_test(life, an_overflow_that_no_guard_stopped_is_counted);
    tcase_add_checked_fixture(waits, setup, teardown);
    tcase_add_loop_test(waits, the_earlier_of_limit_and_deadline_ends_a_wait, 0,
                        LKI_COUNT(limit_cases));
    tcase_add_test(waits, a_deadline_ends_with_its_call);
    tcase_add_test(waits, an_event_ends_a_wait_and_its_time_does_not_end_the_next);
    tcase_add_test(waits, the_first_of_several_reasons_counts);
    tcase_add_test(waits, one_task_may_wake_another);
    tcase_add_test(waits, draining_ends_the_waits_that_asked_for_it);
    tcase_add_test(waits, after_a_cut_no_wait_waits);
    tcase_add_test(waits, a_cut_reaches_those_that_run_and_those_that_yield);
    tcase_add_test(waits, a_cut_reaches_thousands);
    tcase_add_test(waits, those_that_yield_take_turns);
    tcase_add_test(waits, those_that_yield_do_not_starve_those_that_wait);
    tcase_add_test(waits, a_deadline_is_told_to_those_that_yield);
    tcase_add_checked_fixture(leaving, setup, teardown);
    tcase_add_test(leaving, leaving_from_three_calls_deep_runs_the_defers_and_loses_nothing);
    tcase_add_test(leaving, a_deadline_leaves_at_its_nanosecond_and_runs_the_defers);
    tcase_add_test(leaving, a_call_inside_of_a_call_ends_alone);
    tcase_add_test(leaving, a_cut_leaves_and_runs_the_defers);
    tcase_add_test(leaving, a_call_that_returns_runs_its_defers_too);
    tcase_add_test(leaving, a_defer_that_fails_ends_itself_only_and_the_first_failure_is_told);
    tcase_add_checked_fixture(fds, setup, teardown);
    tcase_add_loop_test(fds, a_wait_for_a_descriptor_ends_for_its_reason, 0, LKI_COUNT(fd_cases));
    tcase_add_test(fds, a_descriptor_that_cannot_be_watched_is_told);
    tcase_add_test(fds, pairs_of_tasks_talk_through_pipes);
    tcase_add_checked_fixture(pinned, setup, teardown);
    tcase_add_loop_test(pinned, a_pinned_wait_ends_when_it_is_over_and_tells_once_before, 0,
                        LKI_COUNT(pinned_cases));
    tcase_add_test(pinned, a_call_that_is_overdue_is_told_of_once_however_often_it_waits);
    tcase_add_test(pinned, a_pinned_wait_misses_no_event_between_a_cut_and_its_telling);
    suite_add_tcase(suite, life);
    suite_add_tcase(suite, waits);
    suite_add_tcase(suite, leaving);
    suite_add_tcase(suite, fds);
    suite_add_tcase(suite, pinned);
    return suite;
}

int main(void)
{
    return suite_run(task_suite());
}
