/*
 * Helper threads for what must block: name look-ups and functions of the author's. Made when first
 * used; a job's completion comes back as a call from the loop.
 */
#ifndef LKI_LOOP_POOL_H
#define LKI_LOOP_POOL_H

#include <setjmp.h>

#include <loadkit/err.h>

#include "loop/outside.h"

struct lki_job {
    struct lki_job *next;
    struct lki_in_hand in_hand; /* of the task that submitted it */
    struct lki_outside outside;
    jmp_buf *leave;                           /* where lki_job_leave goes; NULL: nowhere */
    void (*work)(struct lki_job *self);       /* on a helper thread */
    void (*on_done)(struct lki_job *self);    /* in the loop */
    void (*on_dropped)(struct lki_job *self); /* instead, when the pool closes first; may be NULL */
};

/* The job stays the caller's and must live until on_done. LK_E_SYSTEM: no thread could be made. */
enum lk_err lki_pool_submit(struct lki_loop *loop, struct lki_job *job);

/* Leaves the work in hand on the calling thread. Returns if that is no helper, or the job says not
 * where to go. */
void lki_job_leave(void);

/* What the calling thread has in hand, if it is a helper of that pool; else NULL. May be called in
 * a handler of signals; pool may be NULL. */
const struct lki_in_hand *lki_pool_in_hand(const struct lki_pool *pool);

/* Ends the threads and drops what was not begun or not told of. False: some were still at work and
 * are abandoned; the memory that their jobs use, the stacks of the tasks that submitted them, must
 * stay. NULL is ignored. */
bool lki_pool_close(struct lki_pool *pool);

#endif
