/* The same trouble again and again is said once, and then from time to time. */
#ifndef LKI_BASE_REPEAT_H
#define LKI_BASE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LKI_REPEAT_NS INT64_C(10000000000)

/* What was said last. Zero: nothing. */
struct lki_repeat {
    char line[256];
    int64_t at_ns;
    bool open; /* it was said, and not that it is over */
};

/* Is it to be said? Then it is taken as said. */
static inline bool lki_repeat_says(struct lki_repeat *repeat, const char *line, int64_t now_ns)
{
    if (!strncmp(repeat->line, line, sizeof(repeat->line) - 1) &&
        now_ns - repeat->at_ns < LKI_REPEAT_NS)
        return false;
    snprintf(repeat->line, sizeof(repeat->line), "%s", line);
    repeat->at_ns = now_ns;
    repeat->open = true;
    return true;
}

/* The trouble is over. Is that to be said? Not if nobody was told of it since it was over last, as
 * when it comes and goes all the time. */
static inline bool lki_repeat_over(struct lki_repeat *repeat)
{
    bool open = repeat->open;

    repeat->open = false;
    return open;
}

#endif
