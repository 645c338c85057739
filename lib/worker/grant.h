/*
 * Iterations that the core has granted to a worker, of which none begins otherwise: asks for more
 * before they run out, and gives back at a recall what nobody has begun.
 */
#ifndef LKI_WORKER_GRANT_H
#define LKI_WORKER_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/message.h"
#include "loop/loop.h"
#include "user/user.h"

struct lki_grant {
    struct lki_loop *loop;
    struct lki_crowd *crowd;
    void (*on_returned)(struct lki_grant *grant);
    bool counted;      /* iterations are granted; else any number may begin */
    bool last;         /* there will be no more */
    uint64_t granted;  /* in all */
    uint64_t returned; /* of those */
    uint64_t recalls;
    struct lki_report_iterations told; /* the last time; wanted: and were not granted since */
    struct lki_post reclaiming;
};

/* on_returned is called from the loop when a recall has been followed: that is news. */
void lki_grant_init(struct lki_grant *grant, struct lki_loop *loop, struct lki_crowd *crowd,
                    void (*on_returned)(struct lki_grant *grant));
void lki_grant_release(struct lki_grant *grant);

void lki_grant_obey(struct lki_grant *grant, const struct lki_order_iterations *order);

/* False: the core knows already. Else that is taken as told. */
bool lki_grant_news(struct lki_grant *grant, struct lki_report_iterations *news);

/* How it stands, for a core that has not heard of it: what is wanted is news again. */
struct lki_report_iterations lki_grant_stand(struct lki_grant *grant);

#endif
