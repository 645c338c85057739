#include "base/entropy.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"

bool lki_entropy(void *bytes, size_t len)
{
    return getrandom(bytes, len, 0) == (ssize_t)len;
}

bool lki_entropy_hex(char *text, size_t bytes)
{
    unsigned char byte;

    for (size_t i = 0; i < bytes; i++) {
        if (!lki_entropy(&byte, 1))
            return false;
        snprintf(text + 2 * i, 3, "%02x", byte);
    }
    return true;
}

uint64_t lki_entropy_u64(void)
{
    uint64_t number;
    struct lki_rng rng;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number))
        return number;
    lki_rng_seed(&rng, (uint64_t)lki_clock_real(), (uint64_t)getpid());
    return lki_rng_next(&rng);
}

uint64_t lki_entropy_seed(void)
{
    uint32_t seed = (uint32_t)(lki_entropy_u64() >> 32);

    return seed ? seed : 1;
}
