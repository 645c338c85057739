/*
 * A run seen from other threads: how it stands, and the wish that it end.
 */
#ifndef LKI_APP_CONTROL_H
#define LKI_APP_CONTROL_H

#include <pthread.h>
#include <stdbool.h>

#include <loadkit/run.h>

#include "control/core.h"
#include "loop/waker.h"

struct lki_run_control {
    pthread_mutex_t lock; /* of all below */
    struct lk_run_status status;
    unsigned stops;        /* how often the end was asked for, */
    unsigned heeded;       /* and how many of these the run has followed */
    unsigned passed;       /* to the run itself; none that would leave something behind */
    unsigned passed_after; /* to what follows it */
    struct lki_core *core; /* NULL: its loop does not turn yet, or no more */
    struct lki_waker waker;
};

void lki_run_control_init(struct lki_run_control *control);
void lki_run_control_release(struct lki_run_control *control);

/* Any thread, at any time. A stop that comes before the run begins ends it as soon as it has. */
void lki_run_control_poll(struct lki_run_control *control, struct lk_run_status *status);
void lki_run_control_stop(struct lki_run_control *control);

/* The thread of the run: around the turning of the loop, with the numbers each second and once more
 * at the end; and when there is nothing left to wait for. */
enum lk_err lki_run_control_attach(struct lki_run_control *control, struct lki_loop *loop,
                                   struct lki_core *core);
void lki_run_control_publish(struct lki_run_control *control, const struct lki_core_status *status);
void lki_run_control_detach(struct lki_run_control *control);
void lki_run_control_over(struct lki_run_control *control);

#endif
