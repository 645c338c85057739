/*
 * The event loop of one worker: descriptors (libevent), timers (ours), posted calls, tasks. One
 * turn: wait for events and handle them, fire the timers that are due, run what was posted.
 *
 * A loop belongs to one thread. Nothing here is thread-safe but what says so.
 */
#ifndef LKI_LOOP_LOOP_H
#define LKI_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "loop/coro.h"
#include "loop/stack.h"
#include "loop/timer.h"

/*
 * What a descriptor can be watched for. With LKI_EDGE each change is told once, which saves the
 * kernel from looking at every descriptor twice: who is told must read until a read comes back
 * short. LKI_CLOSED then tells that the end of the stream is among what there is to read, after
 * which no change follows. All that watch one descriptor must agree on LKI_EDGE. Where the system
 * has no such events both are ignored, and what is there is told again and again.
 */
enum { LKI_READABLE = 1, LKI_WRITABLE = 2, LKI_EDGE = 4, LKI_CLOSED = 8 };

/* A descriptor being watched, from lki_io_start to lki_io_stop. */
struct lki_io {
    void *event_[16]; /* libevent's */
    void (*on_ready)(struct lki_io *self, unsigned events);
    struct lki_loop *loop;
    struct lki_task *task; /* whom on_ready is going to wake; NULL: nobody */
    struct lki_io *next_ready, *prev_ready;
    unsigned ready; /* events that on_ready has still to be told of */
    bool started;
};

/* A call to be made at the end of the turn. */
struct lki_post {
    struct lki_post *next;
    void (*fn)(struct lki_post *self); /* NULL: not posted */
};

struct lki_post_queue {
    struct lki_post *first;
    struct lki_post **last;
};

/* A signal turned into a call from the loop. */
struct lki_signal {
    void *event_[16];
    void (*on_signal)(struct lki_signal *self);
    bool started;
};

struct lki_loop_health {
    uint64_t turns;
    int64_t busiest_ns;  /* the longest time one turn kept the loop from looking at events */
    uint64_t stalls;     /* turns longer than LKI_STALL_NS */
    uint64_t overflowed; /* stacks found overflowed when they were given back */
};

/* The user and the step in hand on one thread: who is to blame when it brings the process down. */
struct lki_in_hand {
    uint64_t user;    /* 0: the hidden one of set-up, tear-down and probes */
    const char *step; /* or hook, by a name that outlives the run; NULL: nothing of an author's */
};

#define LKI_HELPERS_MAX 8

/* What a loop shows of itself to another process, and to handlers of signals. */
struct lki_loop_shown {
    uint32_t busy;         /* 1: it does not wait for events */
    uint64_t moves;        /* how often it has waited for them, or a task went on */
    int64_t longest_ns[2]; /* turns of this second, and of the one before */
    struct lki_in_hand in_hand;
    struct lki_in_hand helpers[LKI_HELPERS_MAX]; /* the same of the threads of its pool */
};

#define LKI_STALL_NS (100 * LKI_NS_PER_MS)
/* So many turns without time going on are taken for a loop of users that never wait: a patient
 * clock goes on then too. */
#define LKI_TURNS_HERE_MAX 10000
#define LKI_READ_BUFFER_BYTES ((size_t)16 * 1024)

struct lki_outside;
struct lki_pool;
struct lki_task;

struct lki_loop {
    struct event_base *base;
    bool has_edges; /* LKI_EDGE and LKI_CLOSED are to be had */
    struct lki_clock clock;
    struct lki_timers timers;
    struct lki_io timer_io;
    int timer_fd;
    int64_t armed_ns;      /* when timer_fd will wake the loop */
    int64_t due_ns;        /* when the wait for events is to end, at the latest */
    int64_t turn_began_ns; /* when this turn stopped waiting; LKI_NEVER: it has not yet */
    struct lki_timer trim_timer;
    struct lki_post_queue posts;
    struct lki_io *first_ready, *last_ready; /* those with events, in the order of these */
    bool stopping;

    struct lki_coro main_coro; /* the loop's own context while a task runs */
    struct lki_task *current;  /* the task that runs, NULL in the loop itself */
    struct lki_task *tasks;    /* all that were started and have not ended */
    size_t task_count;
    struct lki_stacks stacks;
    struct lki_chunk_pool chunks;
    bool draining; /* waits that may end early do so */

    bool patient;                /* of a fake clock: see outside.h */
    struct lki_outside *outside; /* those who wait there, the youngest first */
    uint64_t turns_here;         /* since a patient clock last went on */

    struct lki_pool *pool;  /* made when first used */
    struct lki_buf scratch; /* for whoever runs; not across a wait */
    char *read_buffer;      /* LKI_READ_BUFFER_BYTES; not across a wait */
    struct lki_loop_health health;

    /* When this time has passed, which another process may move on, on_fenced is called before
     * anything is done; NULL, or 0 there: there is none. */
    const int64_t *fence_ns;
    void (*on_fenced)(struct lki_loop *loop);

    struct lki_loop_shown *shown; /* own_shown, or where others see it too: */
    struct lki_loop_shown own_shown;
    int64_t second_ns; /* the end of that second */
};

enum lk_err lki_loop_open(struct lki_loop *loop);
void lki_loop_close(struct lki_loop *loop);

/* The longest turn of the last second or two, of which others need not be told to forget it. */
int64_t lki_loop_longest(const struct lki_loop_shown *shown);

/* Closes, in a child after fork, the copy of its parent's loop: what it watches is still watched in
 * the parent, and what was posted is not called. Its signals must be blocked until they have
 * handlers of the child's own. LK_E_SYSTEM: the memory is gone, but not all descriptors are. */
enum lk_err lki_loop_forked(struct lki_loop *loop);

/* Keeps libevent from printing warnings of its own: errors are told by who met them. For the whole
 * process, so only for a program that is ours. */
void lki_loop_quiet(void);

/* Can this descriptor be watched? To be asked of those that are not ours: elsewhere than in a quiet
 * loop libevent prints what it thinks of one that cannot. */
bool lki_loop_takes(int fd);

/* What it shows is to be seen in shown from now on, NULL: by itself alone. Not within a task; a
 * pool shows where the loop did when it was made. */
void lki_loop_show(struct lki_loop *loop, struct lki_loop_shown *shown);

/* Plain stores: who looks does so long after. */
static inline void lki_loop_show_move(struct lki_loop *loop)
{
    __atomic_store_n(&loop->shown->moves, loop->shown->moves + 1, __ATOMIC_RELAXED);
}

/* Turns until lki_loop_stop. */
void lki_loop_run(struct lki_loop *loop);

/* The same on a fake clock, which is stopped at until_ns: what is due then is left for the next
 * call. True: lki_loop_stop was called. */
bool lki_loop_run_until(struct lki_loop *loop, int64_t until_ns);
static inline void lki_loop_stop(struct lki_loop *loop)
{
    loop->stopping = true;
}

static inline int64_t lki_loop_now(const struct lki_loop *loop)
{
    return lki_clock_now(&loop->clock);
}

/* Has fn(post) called at the end of this turn or the next. One that waits already is left alone. */
void lki_loop_post(struct lki_loop *loop, struct lki_post *post, void (*fn)(struct lki_post *));
/* Forgets a call that has not been made yet. */
void lki_loop_unpost(struct lki_loop *loop, struct lki_post *post);

/* LK_E_SYSTEM: the descriptor cannot be watched; errno tells. */
enum lk_err lki_io_start(struct lki_loop *loop, struct lki_io *io, int fd, unsigned events,
                         void (*on_ready)(struct lki_io *self, unsigned events));
/* To be called before the descriptor is closed; one that was not started is ignored. */
void lki_io_stop(struct lki_io *io);

enum lk_err lki_signal_start(struct lki_loop *loop, struct lki_signal *sig, int number,
                             void (*on_signal)(struct lki_signal *self));
void lki_signal_stop(struct lki_signal *sig);

/* With the turn under way, as far as it has come. */
struct lki_loop_health lki_loop_health_now(const struct lki_loop *loop);

/* What kept the loop busy up to now, in this turn too, does not count. */
void lki_loop_health_reset(struct lki_loop *loop);

/* To be called each second: what nobody needed meanwhile is given back to the system, little by
 * little. */
void lki_loop_trim(struct lki_loop *loop);

#endif
