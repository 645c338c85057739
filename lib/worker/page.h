/*
 * What outlives a worker's process: a page that it shares with its parent, who reads it when the
 * worker has died, or seems to hang.
 */
#ifndef LKI_WORKER_PAGE_H
#define LKI_WORKER_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/metric.h"

#define LKI_PAGE_FRAMES_MAX 32

/* Where a worker was: written by its handlers of signals. */
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

struct lki_worker_page {
    struct lki_totals totals;  /* exact at any moment */
    uint64_t iterations_taken; /* of those leased: begun */
    uint32_t sending;          /* 1: a request is being handed to the kernel, which takes it */
    uint32_t busy;             /* 1: the loop does not wait for events */
    uint64_t turns;            /* of the loop: what does not change while it is busy hangs */
    struct lki_place crash;
    struct lki_place asked; /* answer to who asks where it is */
};

#endif
