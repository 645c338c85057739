/* The default strategy: one step at a time, by weight among those that are ready. */
#include "base/mem.h"
#include "user/life.h"

static bool needs_met(const struct lki_user *user, const struct lki_step *step)
{
    for (size_t i = 0; i < step->need_count; i++) {
        if (!user->done[step->needs[i]])
            return false;
    }
    return true;
}

const struct lki_step *lki_step_choose(struct lki_user *user, int64_t now_ns, int64_t *next_ns)
{
    const struct lki_step *steps = user->type->steps;
    size_t count = user->type->step_count;
    double total = 0;
    double draw;
    size_t last = SIZE_MAX;

    *next_ns = LKI_NEVER;
    for (size_t i = 0; i < count; i++) {
        if (user->ready_ns[i] > now_ns) {
            if (user->ready_ns[i] < *next_ns && needs_met(user, &steps[i]))
                *next_ns = user->ready_ns[i];
        } else if (needs_met(user, &steps[i])) {
            total += steps[i].weight;
            last = i;
        }
    }
    if (last == SIZE_MAX)
        return NULL;
    draw = lki_rng_double(&user->vu.rng) * total;
    for (size_t i = 0; i < last; i++) {
        if (user->ready_ns[i] > now_ns || !needs_met(user, &steps[i]))
            continue;
        draw -= steps[i].weight;
        if (draw < 0)
            return &steps[i];
    }
    return &steps[last];
}
