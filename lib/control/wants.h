/*
 * Workers whose users wait for objects of a resource, in the order of asking: who asked first is
 * served first.
 */
#ifndef LKI_CONTROL_WANTS_H
#define LKI_CONTROL_WANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lki_member;

/* So many of a worker's users wait. */
struct lki_want {
    struct lki_member *member;
    uint64_t count;
};

/* Zeroed: nobody waits. */
struct lki_wants {
    struct lki_want *all;
    size_t count, cap;
};

void lki_wants_release(struct lki_wants *wants);

/* Of one worker, all that wait. */
uint64_t lki_wants_of(const struct lki_wants *wants, const struct lki_member *member);

/* So many more wait, as the last ones. False without memory: then it is as if it had been asked
 * later. */
bool lki_wants_more(struct lki_wants *wants, struct lki_member *member, uint64_t more);

/* So many less, the oldest first: they were served, or have given up. */
void lki_wants_less(struct lki_wants *wants, const struct lki_member *member, uint64_t less);

#endif
