/*
 * What outlives a worker's process: a page that it shares with its parent, who reads it when the
 * worker has died, or seems to hang.
 */
#ifndef LKI_WORKER_PAGE_H
#define LKI_WORKER_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "stats/arrivals.h"
#include "stats/metric.h"

#define LKI_PAGE_FRAMES_MAX 32

/* Where a worker was: written by its handlers of signals, or by who looks on for want of them. */
struct lki_place {
    bool known;
    int signal;       /* that killed it, or by which it was asked */
    bool overflow;    /* its stack had overflowed */
    bool in_step;     /* or hook: step and user tell which; else the loop itself ran */
    uint64_t user;    /* 0: the hidden one of set-up, tear-down and probes */
    const char *step; /* of the registry, which the parent has at the same address; of a hook its
                         name, "on_start" */
    uint64_t stack_bytes; /* of the task */
    int frame_count;
    void *frames[LKI_PAGE_FRAMES_MAX];
};

/* May be called in a handler of signals. in_hand NULL: nothing. */
static inline void lki_place_fill(struct lki_place *place, int signal,
                                  const struct lki_in_hand *in_hand)
{
    bool in_step = in_hand && in_hand->step;

    *place = (struct lki_place){.signal = signal,
                                .in_step = in_step,
                                .user = in_step ? in_hand->user : 0,
                                .step = in_step ? in_hand->step : ""};
}

struct lki_worker_page {
    struct lki_totals totals; /* exact at any moment */
    struct lki_arrival_counts arrivals;
    uint64_t iterations_taken; /* of those leased: begun */
    int64_t lease_until_ns;    /* users may go on until then; 0: without end */
    uint32_t sending;          /* 1: a request is being handed to the kernel, which takes it */
    /* of its loop: whose moves do not change while it is busy hangs, and whose death was its own
       doing has a user and a step in hand */
    struct lki_loop_shown loop;
    struct lki_place crash;
    struct lki_place asked; /* answer to who asks where it is */
};

#endif
