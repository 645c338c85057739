/*
 * A seeded generator of one word of state (the splitmix64 sequence): every virtual user draws from
 * its own, so that the same seed gives the same draws whatever the others do.
 */
#ifndef LKI_BASE_RNG_H
#define LKI_BASE_RNG_H

#include <stdint.h>

struct lki_rng {
    uint64_t state;
};

static inline uint64_t lki_rng_next(struct lki_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Streams of different (seed, stream) pairs are unrelated. */
static inline void lki_rng_seed(struct lki_rng *rng, uint64_t seed, uint64_t stream)
{
    struct lki_rng mix = {seed};
    uint64_t a = lki_rng_next(&mix);

    mix.state = a ^ (stream * UINT64_C(0xd1342543de82ef95));
    rng->state = lki_rng_next(&mix) ^ a;
}

/* Uniform in [0, 1). */
static inline double lki_rng_double(struct lki_rng *rng)
{
    return (double)(lki_rng_next(rng) >> 11) * 0x1.0p-53;
}

/* Uniform in [0, bound), bound > 0, without bias (a 128-bit multiply; the few draws that would make
 * some numbers more likely are drawn again). */
static inline uint64_t lki_rng_below(struct lki_rng *rng, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)lki_rng_next(rng) * bound;

    if ((uint64_t)product < bound) {
        uint64_t unfair = (0 - bound) % bound; /* 2^64 modulo bound */

        while ((uint64_t)product < unfair)
            product = (wide)lki_rng_next(rng) * bound;
    }
    return (uint64_t)(product >> 64);
}

#endif
