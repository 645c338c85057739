/*
 * Timers: a heap of deadlines. Moving a deadline later, or cancelling it, only writes the timer;
 * the heap finds out when the old key comes up. So a time-out that is set for every request and
 * hardly ever fires costs two stores.
 */
#ifndef LKI_LOOP_TIMER_H
#define LKI_LOOP_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/clock.h"

struct lki_timer {
    int64_t when_ns;                        /* LKI_NEVER: not set */
    uint32_t heap_at;                       /* place in the heap, from 1; 0: none */
    uint32_t due_at;                        /* place among the due, from 1; 0: none */
    void (*on_due)(struct lki_timer *self); /* may set, cancel or release any timer */
};

struct lki_timer_entry {
    int64_t key_ns; /* never later than the timer's when_ns */
    struct lki_timer *timer;
};

struct lki_timers {
    struct lki_timer_entry *heap;
    struct lki_timer **due;
    size_t count;
    size_t cap;
    size_t reserved; /* initialised timers: the heap has room for all, so setting one cannot fail */
    struct lki_timer *foremost; /* fires before all that are due with it; NULL: none does */
};

void lki_timers_release(struct lki_timers *timers);

/* LK_E_NOMEM: no room for one more; nothing changed. */
enum lk_err lki_timer_init(struct lki_timers *timers, struct lki_timer *timer,
                           void (*on_due)(struct lki_timer *self));

/* Takes the timer out for good. A zeroed one may be released too. */
void lki_timer_release(struct lki_timers *timers, struct lki_timer *timer);

void lki_timer_move(struct lki_timers *timers, struct lki_timer *timer, int64_t when_ns);

static inline void lki_timer_set(struct lki_timers *timers, struct lki_timer *timer,
                                 int64_t when_ns)
{
    if (timer->heap_at && timers->heap[timer->heap_at - 1].key_ns <= when_ns)
        timer->when_ns = when_ns;
    else
        lki_timer_move(timers, timer, when_ns);
}

static inline void lki_timer_cancel(struct lki_timer *timer)
{
    timer->when_ns = LKI_NEVER;
}

/* When the heap wants to be looked at next: at or before the first deadline. */
static inline int64_t lki_timers_next(const struct lki_timers *timers)
{
    return timers->count ? timers->heap[0].key_ns : LKI_NEVER;
}

/* Collects what is due at now_ns, then fires it, earliest first. Returns how many fired. */
size_t lki_timers_fire(struct lki_timers *timers, int64_t now_ns);

#endif
