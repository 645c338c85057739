/* Random values for scenarios: the functions of <loadkit/random.h>. */
#include <loadkit/random.h>

#include <math.h>
#include <string.h>

#include "client/vu.h"

int64_t lk_random_int(lk_vu *vu, int64_t least, int64_t most)
{
    uint64_t count = (uint64_t)most - (uint64_t)least + 1;

    if (most < least)
        lki_vu_fail(vu, "lk_random_int: the largest value, %lld, is below the smallest, %lld",
                    (long long)most, (long long)least);
    /* 0: every number that there is */
    return (int64_t)((uint64_t)least +
                     (count ? lki_rng_below(&vu->rng, count) : lki_rng_next(&vu->rng)));
}

double lk_random_double(lk_vu *vu, double least, double most)
{
    double share;
    double value;

    if (!isfinite(least) || !isfinite(most))
        lki_vu_fail(vu, "lk_random_double: %g and %g are no bounds", least, most);
    if (most < least)
        lki_vu_fail(vu, "lk_random_double: the upper bound, %g, is below the lower, %g", most,
                    least);
    share = lki_rng_double(&vu->rng);
    value = isfinite(most - least) ? least + (most - least) * share
                                   : least * (1 - share) + most * share;
    /* rounding may reach the upper bound, which is not to come */
    return value < most ? value : nextafter(most, least);
}

const char *lk_random_uuid(lk_vu *vu)
{
    static const char hex[] = "0123456789abcdef";
    static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    char *text = lki_arena_alloc(lki_vu_arena(vu), sizeof(form));
    uint64_t bits = 0;
    int left = 0; /* digits in bits */

    if (!text)
        lki_vu_nomem(vu);
    memcpy(text, form, sizeof(form));
    for (size_t i = 0; form[i]; i++) {
        if (form[i] != 'x' && form[i] != 'y')
            continue;
        if (!left) {
            bits = lki_rng_next(&vu->rng);
            left = 16;
        }
        text[i] = hex[form[i] == 'x' ? bits & 15 : (bits & 3) | 8];
        bits >>= 4;
        left--;
    }
    return text;
}

const char *lk_random_string(lk_vu *vu, size_t length, const char *set)
{
    static const char usual[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t count;
    char *text;

    if (!set)
        set = usual;
    count = strlen(set);
    if (!count)
        lki_vu_fail(vu, "lk_random_string: the set of characters is empty");
    text = length < SIZE_MAX ? lki_arena_alloc(lki_vu_arena(vu), length + 1) : NULL;
    if (!text)
        lki_vu_nomem(vu);
    for (size_t i = 0; i < length; i++)
        text[i] = set[lki_rng_below(&vu->rng, count)];
    text[length] = '\0';
    return text;
}

const char *lk_random_pick(lk_vu *vu, const char *const *strings, size_t count)
{
    if (!count)
        lki_vu_fail(vu, "lk_random_pick: there is nothing to pick from");
    lki_need(strings, "lk_random_pick", "the list of strings");
    return strings[lki_rng_below(&vu->rng, count)];
}
