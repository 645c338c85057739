/* The acts of a run, as the worker that carries them out is told of what happens. */
#ifndef LKI_WORKER_ACTS_H
#define LKI_WORKER_ACTS_H

#include "worker/worker.h"

void lki_act_on_second(struct lki_timer *timer);
void lki_act_on_end(struct lki_timer *timer);
void lki_act_on_hook_over(void *arg, enum lk_run_hook_kind kind, enum lki_outcome outcome);
void lki_act_on_probes_over(void *arg);
void lki_act_on_exhausted(struct lki_crowd *crowd);
void lki_act_on_empty(struct lki_crowd *crowd);
void lki_act_on_low(struct lki_crowd *crowd);

/* Closes the second in hand. */
void lki_worker_take_numbers(struct lki_worker *worker, int64_t now_ns);

#endif
