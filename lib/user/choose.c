/* The default strategy: one step at a time, by weight among those that are ready. */
#include "base/mem.h"
#include "user/life.h"

static inline bool needs_met(const struct lki_user *user, const struct lki_step *step)
{
    for (size_t i = 0; i < step->need_count; i++) {
        if (!user->done[step->needs[i]])
            return false;
    }
    return true;
}

/* As lki_steps_ready; *last is the last of them. */
static inline double ready_weight(const struct lki_user *user, int64_t now_ns, int64_t *next_ns,
                                  size_t *last)
{
    const struct lki_step *steps = user->type->steps;
    double weight = 0;

    *next_ns = LKI_NEVER;
    for (size_t i = 0; i < user->type->step_count; i++) {
        if (user->ready_ns[i] > now_ns) {
            if (user->ready_ns[i] < *next_ns && needs_met(user, &steps[i]))
                *next_ns = user->ready_ns[i];
        } else if (needs_met(user, &steps[i])) {
            weight += steps[i].weight;
            *last = i;
        }
    }
    return weight;
}

const struct lki_step *lki_step_choose(struct lki_user *user, int64_t now_ns, int64_t *next_ns)
{
    const struct lki_step *steps = user->type->steps;
    size_t last = 0;
    double weight = ready_weight(user, now_ns, next_ns, &last);
    double draw;

    if (weight == 0)
        return NULL;
    draw = lki_rng_double(&user->vu.rng) * weight;
    for (size_t i = 0; i < last; i++) {
        if (user->ready_ns[i] > now_ns || !needs_met(user, &steps[i]))
            continue;
        draw -= steps[i].weight;
        if (draw < 0)
            return &steps[i];
    }
    return &steps[last];
}

bool lki_step_needs_met(const struct lki_user *user, const struct lki_step *step)
{
    return needs_met(user, step);
}

double lki_steps_ready(const struct lki_user *user, int64_t now_ns, int64_t *next_ns)
{
    size_t last;

    return ready_weight(user, now_ns, next_ns, &last);
}

static double weight_of(const struct lk_candidate *candidate)
{
    double weight = candidate->step->weight;

    return weight > 0 ? weight : 1;
}

/* The same for candidates: with the same random numbers the same choice. */
void lk_choose_weighted(lk_vu *vu, void *self, struct lk_choice *choice)
{
    double weight = 0;
    double draw;

    (void)self;
    choice->chosen_count = 0;
    for (size_t i = 0; i < choice->step_count; i++)
        weight += choice->steps[i].ready ? weight_of(&choice->steps[i]) : 0;
    if (weight == 0)
        return;
    draw = lki_rng_double(&vu->rng) * weight;
    for (size_t i = 0; i < choice->step_count && draw >= 0; i++) {
        if (!choice->steps[i].ready)
            continue;
        choice->chosen[0] = i;
        choice->chosen_count = 1;
        draw -= weight_of(&choice->steps[i]);
    }
}

void lk_choose_parallel(lk_vu *vu, void *self, struct lk_choice *choice)
{
    (void)vu;
    (void)self;
    choice->chosen_count = 0;
    for (size_t i = 0; i < choice->step_count; i++) {
        if (choice->steps[i].ready)
            choice->chosen[choice->chosen_count++] = i;
    }
}
