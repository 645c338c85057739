/*
 * loadkit/random.h - random values for scenarios.
 *
 * Each user draws from numbers of its own, seeded by the run's --seed and the user's number: the
 * same seed gives each user the same draws.
 */
#ifndef LOADKIT_RANDOM_H
#define LOADKIT_RANDOM_H

#include <loadkit/api.h>

#ifndef __cplusplus
/* LK_ONE_OF("a", "b", ...): one of some strings, each as likely as the others. */
#define LK_ONE_OF(...)                                                                             \
    lk_random_pick(vu, (const char *const[]){__VA_ARGS__},                                         \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
#endif

LK_BEGIN_DECLS

/*
 * lk_random_int - a whole number, each as likely as the others.
 *
 * least     smallest value that may come
 * most      largest value that may come
 * errors    most smaller than least ends the step or hook as failed
 * context   inside a step or hook of this user, or one of its functions for pauses and strategies
 * since     0.1; lk_random_int(3)
 */
LK_API int64_t lk_random_int(lk_vu *vu, int64_t least, int64_t most);

/*
 * lk_random_double - a number from least to below most, evenly spread.
 *
 * errors    most smaller than least, or bounds that are no numbers, end the step or hook as failed
 * context   as lk_random_int
 * since     0.1; lk_random_int(3)
 */
LK_API double lk_random_double(lk_vu *vu, double least, double most);

/*
 * lk_random_uuid - a random UUID (version 4), as "0b9c...": 36 characters.
 *
 * returns   a text that lives until the step or hook ends
 * errors    out of memory ends the step or hook
 * context   inside a step or hook of this user
 * since     0.1; lk_random_int(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_random_uuid(lk_vu *vu);

/*
 * lk_random_string - characters drawn from a set.
 *
 * length    of the text, in characters
 * set       the bytes to draw from; NULL: letters and digits
 * returns   a text that lives until the step or hook ends
 * errors    an empty set or a lack of memory ends the step or hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_random_int(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_random_string(lk_vu *vu, size_t length, const char *set);

/*
 * lk_random_pick - one of some strings, each as likely as the others; see LK_ONE_OF.
 *
 * errors    a count of 0 ends the step or hook as failed
 * context   as lk_random_int
 * since     0.1; lk_random_int(3)
 */
LK_API const char *lk_random_pick(lk_vu *vu, const char *const *strings, size_t count);

LK_END_DECLS

#endif
