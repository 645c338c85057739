/* Steps of an author's without memory, as tests/support/rig.h carries them out. */
#ifndef TESTS_OOM_DROUGHT_H
#define TESTS_OOM_DROUGHT_H

#include <stddef.h>

#include <loadkit/api.h>

/* What is refused to a step, which begins with memory_refuse of both. */
struct drought {
    long after;
    long how_many;
};

#define DROUGHTS 3

/*
 * Carries a step out again and again, each time with a later request for memory refused, until it
 * does not ask for so much: it ends with a word on it or goes on as if nothing had been, and
 * nothing is left behind. which: of the DROUGHTS, how many requests are refused in a row. why: all
 * that it may say of it; NULL: anything.
 */
void drought_live(void (*step)(lk_vu *vu, void *drought), size_t which, const char *why);

#endif
