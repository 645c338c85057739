#include "loop/task.h"

#include <string.h>

#include "base/mem.h"
#include "loop/outside.h"

#if defined(__SANITIZE_ADDRESS__)
#define TASK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TASK_ASAN 1
#endif
#endif

#ifdef TASK_ASAN
#include <sanitizer/common_interface_defs.h>

/* What the sanitizer wants to be told around each switch. */
static const void *main_bottom;
static size_t main_bytes;

static void switch_to_task(struct lki_task *task)
{
    void *fake;

    __sanitizer_start_switch_fiber(&fake, task->stack->base, task->stack->bytes);
    lki_coro_switch(&task->loop->main_coro, &task->coro);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

static void task_entered(void)
{
    __sanitizer_finish_switch_fiber(NULL, &main_bottom, &main_bytes);
}

static void switch_to_loop(struct lki_task *task, bool last)
{
    void *fake = NULL;

    __sanitizer_start_switch_fiber(last ? NULL : &fake, main_bottom, main_bytes);
    lki_coro_switch(&task->coro, &task->loop->main_coro);
    __sanitizer_finish_switch_fiber(fake, &main_bottom, &main_bytes);
}
#else
static inline void switch_to_task(struct lki_task *task)
{
    lki_coro_switch(&task->loop->main_coro, &task->coro);
}

static inline void task_entered(void)
{
}

static inline void switch_to_loop(struct lki_task *task, bool last)
{
    (void)last;
    lki_coro_switch(&task->coro, &task->loop->main_coro);
}
#endif

static void unlink_task(struct lki_task *task)
{
    struct lki_loop *loop = task->loop;

    if (task->prev)
        task->prev->next = task->next;
    else
        loop->tasks = task->next;
    if (task->next)
        task->next->prev = task->prev;
    loop->task_count--;
}

static void task_main(void *arg)
{
    struct lki_task *task = arg;

    task_entered();
    task->run(task);
    task->run = NULL;
    switch_to_loop(task, true);
    __builtin_unreachable();
}

static void on_deadline(struct lki_timer *timer)
{
    struct lki_task *task = LKI_CONTAINER(timer, struct lki_task, timer);
    bool over = task->deadline_ns <= task->wait_until_ns;

    lki_task_wake(task, over ? LKI_WAKE_DEADLINE : LKI_WAKE_TIMEOUT);
}

struct lki_task *lki_task_new(struct lki_loop *loop, size_t stack_bytes,
                              void (*run)(struct lki_task *task), void *owner)
{
    struct lki_stack *stack = lki_stack_take(&loop->stacks, stack_bytes);
    struct lki_task *task;
    size_t usable;

    if (!stack)
        return NULL;
    usable = (stack->bytes - sizeof(*task)) & ~(size_t)63;
    task = (struct lki_task *)(void *)(stack->base + usable);
    memset(task, 0, sizeof(*task));
    if (lki_timer_init(&loop->timers, &task->timer, on_deadline)) {
        lki_stack_give(&loop->stacks, stack);
        return NULL;
    }
    task->loop = loop;
    task->stack = stack;
    task->run = run;
    task->owner = owner;
    task->maker = owner;
    task->deadline_ns = LKI_NEVER;
    lki_arena_init(&task->arena, &loop->chunks, 0);
    task->memory = &task->arena;
    lki_coro_init(&task->coro, stack->base, usable, task_main, task);
    task->next = loop->tasks;
    if (task->next)
        task->next->prev = task;
    loop->tasks = task;
    loop->task_count++;
    return task;
}

static void task_end(struct lki_task *task)
{
    struct lki_loop *loop = task->loop;

    unlink_task(task);
    lki_timer_release(&loop->timers, &task->timer);
    lki_loop_unpost(loop, &task->post);
    lki_arena_reset(&task->arena);
    if (!lki_stack_give(&loop->stacks, task->stack))
        loop->health.overflowed++;
}

_Thread_local struct lki_task *lki_task_here;

void lki_task_resume(struct lki_task *task)
{
    struct lki_task *outer = lki_task_here; /* of another loop that this one is turned in */
    struct lki_loop *loop = task->loop;

    lki_task_here = task;
    loop->current = task;
    loop->shown->in_hand = task->in_hand;
    lki_loop_show_move(loop);
    switch_to_task(task);
    loop->shown->in_hand.step = NULL;
    loop->current = NULL;
    lki_task_here = outer;
    if (!task->run)
        task_end(task);
}

void lki_task_wake(struct lki_task *task, enum lki_wake why)
{
    if (!task->waiting)
        return;
    task->waiting = false;
    task->wake = why;
    lki_task_resume(task);
}

static void on_woken(struct lki_post *post)
{
    lki_task_resume(LKI_CONTAINER(post, struct lki_task, post));
}

void lki_task_resume_later(struct lki_task *task)
{
    lki_loop_post(task->loop, &task->post, on_woken);
}

void lki_task_wake_later(struct lki_task *task, enum lki_wake why)
{
    if (!task->waiting)
        return;
    task->waiting = false;
    task->wake = why;
    lki_loop_post(task->loop, &task->post, on_woken);
}

static enum lki_wake wait_for(struct lki_task *task, int64_t until_ns, bool drainable)
{
    int64_t first_ns = until_ns < task->deadline_ns ? until_ns : task->deadline_ns;

    if (task->cut)
        return LKI_WAKE_CUT;
    task->wait_until_ns = until_ns;
    task->drainable = drainable;
    lki_timer_set(&task->loop->timers, &task->timer, first_ns);
    task->waits++;
    task->waiting = true;
    switch_to_loop(task, false);
    lki_timer_cancel(&task->timer);
    return task->wake;
}

enum lki_wake lki_task_wait(struct lki_task *task, int64_t until_ns)
{
    return wait_for(task, until_ns, false);
}

enum lki_wake lki_task_wait_drainable(struct lki_task *task, int64_t until_ns)
{
    return wait_for(task, until_ns, true);
}

static enum lki_outcome wake_outcome(enum lki_wake why)
{
    return why == LKI_WAKE_CUT ? LKI_OUTCOME_CANCELLED : LKI_OUTCOME_TIMEOUT;
}

/* It is *over that counts, not the reason for waking up: a task that was told of a cut and has not
 * run since is not woken for the event. */
enum lki_wake lki_task_wait_pinned(struct lki_task *task, const bool *over)
{
    enum lki_wake first = LKI_WAKE_EVENT;

    while (!*over && first == LKI_WAKE_EVENT)
        first = wait_for(task, LKI_NEVER, false);
    if (first == LKI_WAKE_EVENT)
        return first;
    if (task->on_overdue && !task->overdue_told) {
        task->overdue_told = true;
        task->on_overdue(task, wake_outcome(first));
    }
    while (!*over) {
        task->waiting = true;
        switch_to_loop(task, false);
    }
    return first;
}

struct fd_wait {
    struct lki_io io;
    struct lki_outside outside;
    int ready;
};

static void on_fd_ready(struct lki_io *io, unsigned events)
{
    struct fd_wait *wait = LKI_CONTAINER(io, struct fd_wait, io);

    wait->ready = (int)events;
    lki_task_wake(io->task, LKI_WAKE_EVENT);
}

enum lki_wake lki_task_wait_fd(struct lki_task *task, int fd, unsigned events, int64_t until_ns,
                               int *ready)
{
    struct fd_wait wait = {.io = {.task = task}};
    enum lki_wake why = LKI_WAKE_EVENT;
    enum lk_err err = lki_io_start(task->loop, &wait.io, fd, events, on_fd_ready);

    if (!err) {
        lki_outside_begin(task->loop, &wait.outside);
        why = wait_for(task, until_ns, false);
        lki_outside_end(task->loop, &wait.outside);
    }
    lki_io_stop(&wait.io);
    *ready = err ? (int)err : wait.ready;
    return why;
}

enum lki_wake lki_task_yield(struct lki_task *task)
{
    if (task->cut)
        return LKI_WAKE_CUT;
    task->wake = LKI_WAKE_EVENT;
    task->waits++;
    lki_loop_post(task->loop, &task->post, on_woken);
    switch_to_loop(task, false);
    if (task->cut)
        return LKI_WAKE_CUT;
    return task->deadline_ns <= lki_loop_now(task->loop) ? LKI_WAKE_DEADLINE : LKI_WAKE_EVENT;
}

/* A defer that fails ends itself only; if nothing failed before it, its failure is the call's. */
static void run_defers(struct lki_task *task)
{
    enum lki_outcome outcome = task->outcome;
    const char *message = task->message;
    jmp_buf entry;

    task->entry = &entry;
    (void)_setjmp(entry);
    while (task->defers) {
        struct lki_defer *defer = task->defers;

        task->defers = defer->next;
        defer->fn(defer->arg);
    }
    task->entry = NULL;
    if (outcome != LKI_OUTCOME_OK) {
        task->outcome = outcome;
        task->message = message;
    }
}

enum lki_outcome lki_task_call(struct lki_task *task, void (*fn)(void *a, void *b), void *a,
                               void *b, int64_t deadline_ns)
{
    jmp_buf entry;

    task->entry = &entry;
    task->outcome = LKI_OUTCOME_OK;
    task->message = NULL;
    task->overdue_told = false;
    task->deadline_ns = deadline_ns;
    if (!_setjmp(entry))
        fn(a, b);
    task->entry = NULL;
    task->deadline_ns = LKI_NEVER;
    if (task->defers)
        run_defers(task);
    return task->outcome;
}

enum lki_outcome lki_task_call_inside(struct lki_task *task, void (*fn)(void *a, void *b), void *a,
                                      void *b, const char **message)
{
    int64_t deadline_ns = task->deadline_ns;
    struct lki_defer *defers = task->defers;
    bool overdue_told = task->overdue_told;
    jmp_buf *entry = task->entry;
    enum lki_outcome outcome;

    task->defers = NULL;
    outcome = lki_task_call(task, fn, a, b, deadline_ns);
    *message = task->message;
    task->outcome = LKI_OUTCOME_OK;
    task->message = NULL;
    task->entry = entry;
    task->defers = defers;
    task->deadline_ns = deadline_ns;
    task->overdue_told |= overdue_told;
    return outcome;
}

void lki_task_leave(struct lki_task *task, enum lki_outcome outcome, const char *message)
{
    task->outcome = outcome;
    task->message = message;
    _longjmp(*task->entry, 1);
}

void lki_task_heed(struct lki_task *task, enum lki_wake why)
{
    if (why == LKI_WAKE_DEADLINE || why == LKI_WAKE_CUT)
        lki_task_leave(task, wake_outcome(why), NULL);
}

bool lki_task_defer(struct lki_task *task, void (*fn)(void *arg), void *arg)
{
    struct lki_defer *defer = lki_arena_alloc(task->memory, sizeof(*defer));

    if (!defer)
        return false;
    *defer = (struct lki_defer){task->defers, fn, arg};
    task->defers = defer;
    return true;
}

void lki_task_drain(struct lki_task *task)
{
    if (task->waiting && task->drainable)
        lki_task_wake_later(task, LKI_WAKE_DRAIN);
}

void lki_task_cut(struct lki_task *task)
{
    task->cut = true;
    if (task->waiting)
        lki_task_wake_later(task, LKI_WAKE_CUT);
}

void lki_tasks_drain(struct lki_loop *loop)
{
    loop->draining = true;
    for (struct lki_task *task = loop->tasks; task; task = task->next)
        lki_task_drain(task);
}

void lki_tasks_cut(struct lki_loop *loop)
{
    loop->draining = true;
    lki_outside_renew(loop);
    for (struct lki_task *task = loop->tasks; task; task = task->next)
        lki_task_cut(task);
}
