/*
 * Waits for what no clock of ours rules: a descriptor, a helper thread. A fake clock goes to the
 * next deadline whenever there is nothing to do; one that is patient stands still while somebody
 * waits outside, for LKI_CHANCE_NS of real time each. On other clocks nothing is kept.
 */
#ifndef LKI_LOOP_OUTSIDE_H
#define LKI_LOOP_OUTSIDE_H

#include <stdint.h>

#include "loop/loop.h"

#define LKI_CHANCE_NS LKI_NS_PER_S

struct lki_outside {
    struct lki_outside *next, *prev;
    int64_t since_ns; /* by the real clock */
};

/* Between these somebody waits. */
void lki_outside_begin(struct lki_loop *loop, struct lki_outside *outside);
void lki_outside_end(struct lki_loop *loop, struct lki_outside *outside);

/* Who waits gets a new chance: it is its last one. */
void lki_outside_renew(struct lki_loop *loop);

/* Whether time has to stand still, and until when by the real clock. */
bool lki_outside_holds(const struct lki_loop *loop);
int64_t lki_outside_until(const struct lki_loop *loop);

#endif
