/*
 * The one monotonic clock. All durations and deadlines come from it; a test replaces it by a fake
 * that stands still until it is told to go on.
 */
#ifndef LKI_BASE_CLOCK_H
#define LKI_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <loadkit/scenario.h>

#define LKI_NS_PER_US INT64_C(1000)
#define LKI_NS_PER_MS INT64_C(1000000)
#define LKI_NS_PER_S INT64_C(1000000000)
#define LKI_NEVER INT64_MAX

struct lki_clock {
    bool fake;
    int64_t fake_ns;
};

/* For who has no loop. */
static inline int64_t lki_clock_real(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * LKI_NS_PER_S + now.tv_nsec;
}

static inline int64_t lki_clock_now(const struct lki_clock *clock)
{
    return clock->fake ? clock->fake_ns : lki_clock_real();
}

/* Since 1970, by the clock on the wall: for people, and for what outlives a boot of this machine.
 */
static inline int64_t lki_wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * LKI_NS_PER_S + now.tv_nsec;
}

static inline double lki_wall_s(void)
{
    return (double)lki_wall_ns() / 1e9;
}

/* Seconds to nanoseconds: negatives and NaN give 0, what does not fit gives LKI_NEVER. */
static inline int64_t lki_ns(double seconds)
{
    if (!(seconds > 0))
        return 0;
    return seconds > 9e9 ? LKI_NEVER : (int64_t)(seconds * 1e9 + 0.5);
}

/* A limit as authors write it: LK_OFF is none, and of another that is negative nothing is left, as
 * of a deadline that has passed. */
static inline int64_t lki_limit_ns(double seconds)
{
    return seconds == LK_OFF ? LKI_NEVER : lki_ns(seconds);
}

/* The same, where 0 means otherwise_s. */
static inline int64_t lki_timeout_ns(double timeout_s, double otherwise_s)
{
    return lki_limit_ns(timeout_s != 0 ? timeout_s : otherwise_s);
}

/* Whether it is a limit that may be given beforehand; of others LKI_NO_TIME tells. */
static inline bool lki_is_limit(double seconds)
{
    return seconds >= 0 || seconds == LK_OFF;
}

#define LKI_NO_TIME "%g is no time; give seconds, or LK_OFF for no limit"

/* base_ns + ns, staying at LKI_NEVER. */
static inline int64_t lki_ns_after(int64_t base_ns, int64_t ns)
{
    int64_t sum;

    return __builtin_add_overflow(base_ns, ns, &sum) || ns == LKI_NEVER ? LKI_NEVER : sum;
}

#endif
