#include "loop/timer.h"

#include <stdlib.h>

#include "base/mem.h"

#define HEAP_WAYS 4
#define HEAP_FIRST 64

static void place(struct lki_timers *timers, size_t at, struct lki_timer_entry entry)
{
    timers->heap[at] = entry;
    entry.timer->heap_at = (uint32_t)(at + 1);
}

static void sift_up(struct lki_timers *timers, size_t at, struct lki_timer_entry entry)
{
    while (at) {
        size_t parent = (at - 1) / HEAP_WAYS;

        if (timers->heap[parent].key_ns <= entry.key_ns)
            break;
        place(timers, at, timers->heap[parent]);
        at = parent;
    }
    place(timers, at, entry);
}

static void sift_down(struct lki_timers *timers, size_t at, struct lki_timer_entry entry)
{
    for (;;) {
        size_t first = at * HEAP_WAYS + 1;
        size_t end = first + HEAP_WAYS < timers->count ? first + HEAP_WAYS : timers->count;
        size_t least = first;

        if (first >= timers->count)
            break;
        for (size_t i = first + 1; i < end; i++) {
            if (timers->heap[i].key_ns < timers->heap[least].key_ns)
                least = i;
        }
        if (entry.key_ns <= timers->heap[least].key_ns)
            break;
        place(timers, at, timers->heap[least]);
        at = least;
    }
    place(timers, at, entry);
}

static void heap_remove(struct lki_timers *timers, struct lki_timer *timer)
{
    size_t at = timer->heap_at - 1;
    struct lki_timer_entry last = timers->heap[--timers->count];

    timer->heap_at = 0;
    if (at == timers->count)
        return;
    if (at && timers->heap[(at - 1) / HEAP_WAYS].key_ns > last.key_ns)
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

void lki_timers_release(struct lki_timers *timers)
{
    free(timers->heap);
    free(timers->due);
    *timers = (struct lki_timers){0};
}

static enum lk_err timers_grow(struct lki_timers *timers)
{
    size_t cap = timers->cap ? timers->cap * 2 : HEAP_FIRST;
    struct lki_timer_entry *heap = realloc(timers->heap, cap * sizeof(*heap));
    struct lki_timer **due;

    if (!heap)
        return LK_E_NOMEM;
    timers->heap = heap;
    due = realloc(timers->due, cap * sizeof(*due));
    if (!due)
        return LK_E_NOMEM;
    timers->due = due;
    timers->cap = cap;
    return LK_OK;
}

enum lk_err lki_timer_init(struct lki_timers *timers, struct lki_timer *timer,
                           void (*on_due)(struct lki_timer *self))
{
    if (timers->reserved == timers->cap) {
        enum lk_err err = timers_grow(timers);

        if (err)
            return err;
    }
    timers->reserved++;
    *timer = (struct lki_timer){.when_ns = LKI_NEVER, .on_due = on_due};
    return LK_OK;
}

void lki_timer_release(struct lki_timers *timers, struct lki_timer *timer)
{
    if (!timer->on_due)
        return;
    if (timer->heap_at)
        heap_remove(timers, timer);
    if (timer->due_at)
        timers->due[timer->due_at - 1] = NULL;
    timers->reserved--;
    if (timers->foremost == timer)
        timers->foremost = NULL;
    *timer = (struct lki_timer){.when_ns = LKI_NEVER};
}

void lki_timer_move(struct lki_timers *timers, struct lki_timer *timer, int64_t when_ns)
{
    timer->when_ns = when_ns;
    if (when_ns == LKI_NEVER)
        return;
    if (timer->heap_at)
        sift_up(timers, timer->heap_at - 1, (struct lki_timer_entry){when_ns, timer});
    else
        sift_up(timers, timers->count++, (struct lki_timer_entry){when_ns, timer});
}

/* Takes every key up to now_ns out of the heap; those whose timer moved later go back in, also if
 * it is due all the same: others may be due before it. */
static size_t collect(struct lki_timers *timers, int64_t now_ns)
{
    size_t due = 0;

    while (timers->count && timers->heap[0].key_ns <= now_ns) {
        struct lki_timer *timer = timers->heap[0].timer;

        if (timer->when_ns > timers->heap[0].key_ns && timer->when_ns != LKI_NEVER) {
            sift_down(timers, 0, (struct lki_timer_entry){timer->when_ns, timer});
            continue;
        }
        heap_remove(timers, timer);
        if (timer->when_ns == LKI_NEVER)
            continue;
        timers->due[due++] = timer;
        timer->due_at = (uint32_t)due;
    }
    return due;
}

/* Moves a timer that is due to the front of those that are. */
static void put_first(struct lki_timers *timers, struct lki_timer *timer)
{
    for (; timer->due_at > 1; timer->due_at--) {
        struct lki_timer *before = timers->due[timer->due_at - 2];

        timers->due[timer->due_at - 1] = before;
        before->due_at++;
    }
    timers->due[0] = timer;
}

size_t lki_timers_fire(struct lki_timers *timers, int64_t now_ns)
{
    size_t due = collect(timers, now_ns);
    size_t fired = 0;

    if (LKI_UNLIKELY(timers->foremost && timers->foremost->due_at))
        put_first(timers, timers->foremost);

    for (size_t i = 0; i < due; i++) {
        struct lki_timer *timer = timers->due[i];

        if (!timer)
            continue;
        timer->due_at = 0;
        /* one that fired before it may have moved or cancelled this one */
        if (timer->when_ns > now_ns)
            continue;
        timer->when_ns = LKI_NEVER;
        fired++;
        timer->on_due(timer);
    }
    return fired;
}
