/*
 * A task: straight-line code on a stack of its own, which waits without blocking the loop.
 *
 * The task lives at the top of its stack; its arena takes chunks only when something is allocated.
 * A call made by lki_task_call has an end from outside too: its deadline, or the end of the run.
 * Whoever waits is told so by what lki_task_wait returns, tidies up, and leaves by lki_task_leave,
 * which unwinds to the entry of the call and runs its defers.
 */
#ifndef LKI_LOOP_TASK_H
#define LKI_LOOP_TASK_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/mem.h"
#include "loop/loop.h"

/* The task that runs on this thread, NULL: none. For who was handed nothing that leads to one, as
 * by an author who gave NULL; all others find it by their loop. */
extern _Thread_local struct lki_task *lki_task_here __attribute__((tls_model("initial-exec")));

/* The most that is fetched of a stack, and what is fetched of an owner. */
#define LKI_TASK_FETCH_BYTES ((size_t)2560)
#define LKI_TASK_OWNER_BYTES ((size_t)320)

/* Why a wait is over. */
enum lki_wake {
    LKI_WAKE_EVENT,    /* what was waited for */
    LKI_WAKE_TIMEOUT,  /* the limit of this wait passed */
    LKI_WAKE_DRAIN,    /* the run is draining; only for waits that asked */
    LKI_WAKE_DEADLINE, /* the deadline of the call passed: tidy up and leave */
    LKI_WAKE_CUT       /* the run is over: tidy up and leave */
};

/* How a call ended. */
enum lki_outcome {
    LKI_OUTCOME_OK,
    LKI_OUTCOME_FAILED,
    LKI_OUTCOME_TIMEOUT,
    LKI_OUTCOME_CANCELLED,
    LKI_OUTCOME_NOMEM
};

struct lki_defer {
    struct lki_defer *next;
    void (*fn)(void *arg);
    void *arg;
};

struct lki_task {
    struct lki_coro coro;
    struct lki_loop *loop;
    struct lki_stack *stack;
    struct lki_task *next, *prev; /* in loop->tasks */
    struct lki_timer timer;
    struct lki_post post;
    enum lki_wake wake;
    bool waiting;
    bool drainable; /* this wait ends when the run drains */
    bool cut;
    bool overdue_told;
    uint64_t waits; /* how often the task has waited */
    int64_t wait_until_ns;
    int64_t deadline_ns;        /* of the call in hand */
    struct lki_in_hand in_hand; /* its user is set before it first runs */

    void (*run)(struct lki_task *task); /* the whole task; it ends when this returns */
    void *owner;
    const void *maker; /* the owner that it was made for */
    /* The deadline passed in a wait that cannot be left yet; may be NULL. */
    void (*on_overdue)(struct lki_task *task, enum lki_outcome outcome);

    struct lki_arena arena;
    struct lki_arena *memory; /* where the call in hand allocates: arena, unless it is another's */
    jmp_buf *entry;           /* of the call in hand, NULL: none */
    struct lki_defer *defers;
    enum lki_outcome outcome;
    const char *message; /* why it failed; in the arena or static */
};

/*
 * Makes a task; it runs when lki_task_resume is called. stack_bytes 0: the default. NULL: no
 * memory.
 */
struct lki_task *lki_task_new(struct lki_loop *loop, size_t stack_bytes,
                              void (*run)(struct lki_task *task), void *owner);

/* What it has in hand from now on. In the task itself. */
static inline void lki_task_take(struct lki_task *task, const char *step)
{
    task->in_hand.step = step;
    task->loop->shown->in_hand.step = step;
}

/* Runs the task until it waits or ends. From the loop only, never from another task, which may have
 * a new one begin later in the turn. */
void lki_task_resume(struct lki_task *task);
void lki_task_resume_later(struct lki_task *task);

/*
 * Ends the wait of a task. lki_task_wake runs it at once and is for callbacks of the loop;
 * lki_task_wake_later may be called from another task. A task that does not wait is left alone.
 */
void lki_task_wake(struct lki_task *task, enum lki_wake why);
void lki_task_wake_later(struct lki_task *task, enum lki_wake why);

/* Waits to be woken, until_ns at the longest. In the task itself. */
enum lki_wake lki_task_wait(struct lki_task *task, int64_t until_ns);
/* The same; it also ends when the run drains. */
enum lki_wake lki_task_wait_drainable(struct lki_task *task, int64_t until_ns);
/* Waits until *over, whatever happens, for what cannot be taken back; who sets it wakes the task.
 * Tells on_overdue once and returns the first reason other than LKI_WAKE_EVENT that came, after the
 * event. */
enum lki_wake lki_task_wait_pinned(struct lki_task *task, const bool *over);

/*
 * Waits for events on fd. Returns LKI_WAKE_EVENT with *ready set, where 0 says that somebody else
 * woke the task; or why the wait ended without. An fd that cannot be watched: LKI_WAKE_EVENT with
 * *ready negative, an enum lk_err.
 */
enum lki_wake lki_task_wait_fd(struct lki_task *task, int fd, unsigned events, int64_t until_ns,
                               int *ready);

/* Lets everybody else have a turn. */
enum lki_wake lki_task_yield(struct lki_task *task);

/* Calls fn(a, b) with a deadline, a way out, and defers. */
enum lki_outcome lki_task_call(struct lki_task *task, void (*fn)(void *a, void *b), void *a,
                               void *b, int64_t deadline_ns);

/* The same inside of a call, whose time and arena it shares. *message is why it failed. */
enum lki_outcome lki_task_call_inside(struct lki_task *task, void (*fn)(void *a, void *b), void *a,
                                      void *b, const char **message);

/*
 * Have the caches fetch what a task that waits will touch when it goes on: first the task itself,
 * a little later its stack and its owner, which are found by it. Among thousands of users each
 * one's memory has left the caches since it last ran, and waiting for it line by line takes longer
 * than all else that a request costs outside the kernel.
 */
static inline void lki_task_fetch(const struct lki_task *task)
{
    lki_fetch(task, sizeof(*task));
}

static inline void lki_task_fetch_rest(const struct lki_task *task)
{
    size_t deep = lki_coro_depth(&task->coro, task);

    lki_fetch((const char *)task - deep, lki_min(deep, LKI_TASK_FETCH_BYTES));
    lki_fetch(task->maker, LKI_TASK_OWNER_BYTES);
}

/* Ends the call in hand. message: in the task's arena or static; NULL for none. */
LK_NORETURN void lki_task_leave(struct lki_task *task, enum lki_outcome outcome,
                                const char *message);

/* Leaves if why says that the call has to end; else returns. */
void lki_task_heed(struct lki_task *task, enum lki_wake why);

/* False: no memory. */
bool lki_task_defer(struct lki_task *task, void (*fn)(void *arg), void *arg);

/* If it waits where it may stop early it is woken. */
void lki_task_drain(struct lki_task *task);
/* Every wait of it, now and later, ends with LKI_WAKE_CUT. */
void lki_task_cut(struct lki_task *task);

/* Every task that waits where it may stop early is woken. */
void lki_tasks_drain(struct lki_loop *loop);
/* Every wait of every task, now and later, ends with LKI_WAKE_CUT. */
void lki_tasks_cut(struct lki_loop *loop);

#endif
