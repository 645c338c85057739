/* Steps of an author's without memory, as tests/support/rig.h carries them out. */
#ifndef TESTS_OOM_DROUGHT_H
#define TESTS_OOM_DROUGHT_H

#include <loadkit/api.h>

/* What is refused to a step, which begins with memory_refuse of both. */
struct drought {
    long after;
    long how_many;
};

#define DROUGHT_STEPS_MAX 4

/* What is carried out without memory, and what it needs. */
struct drought_plan {
    const char *name;
    void (*steps[DROUGHT_STEPS_MAX])(lk_vu *vu, void *drought);
    const char *why;     /* all that a step may say of it; NULL: anything */
    void (*open)(void);  /* before each test */
    void (*close)(void); /* after it */
};

/*
 * A whole test program: carries each step out again and again, each time with a later request for
 * memory refused, until it does not ask for so much: it ends with a word on it or goes on as if
 * nothing had been, and nothing is left behind. Returns the exit status.
 */
int drought_run(const struct drought_plan *plan);

#endif
