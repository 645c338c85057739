#include "control/plan.h"

#include <stddef.h>

/* What is larger is no number of users of anybody's, and would not fit. */
#define USERS_TOP 1e15

/* A stage, and where it lies. */
struct place {
    const struct lki_stage *stage;
    double from;
    int64_t begin_ns;
    int64_t end_ns;
};

/* Also of what is not a number. */
static double sane(double target)
{
    return target > 0 ? target : 0;
}

static struct place first_place(const struct lki_plan *plan)
{
    struct place place = {.stage = plan->stages};

    place.from = plan->rated ? sane(plan->rate_per_s) : (double)plan->users;
    if (plan->stage_count)
        place.end_ns = lki_ns_after(0, place.stage->length_ns);
    return place;
}

static bool is_place(const struct lki_plan *plan, const struct place *place)
{
    return place->stage && place->stage < plan->stages + plan->stage_count;
}

static struct place next_place(const struct lki_plan *plan, const struct place *place)
{
    struct place next = {place->stage + 1, sane(place->stage->target), place->end_ns, LKI_NEVER};

    if (is_place(plan, &next))
        next.end_ns = lki_ns_after(next.begin_ns, next.stage->length_ns);
    return next;
}

/* Never beyond from and target, and never back on the way: rounding keeps the order. */
static double value_in(const struct place *place, int64_t t_ns)
{
    double share = (double)(t_ns - place->begin_ns) / (double)(place->end_ns - place->begin_ns);
    double target = sane(place->stage->target);

    return place->from + (target - place->from) * share;
}

static double whole_users(double value)
{
    return value < USERS_TOP ? (double)(uint64_t)(value + 0.5) : USERS_TOP;
}

static double counted(const struct lki_plan *plan, double value)
{
    return plan->rated ? value : whole_users(value);
}

double lki_plan_target(const struct lki_plan *plan, int64_t t_ns)
{
    struct place place = first_place(plan);

    if (t_ns < 0)
        t_ns = 0;
    for (; is_place(plan, &place); place = next_place(plan, &place)) {
        if (t_ns < place.end_ns)
            return counted(plan, value_in(&place, t_ns));
    }
    return counted(plan, place.from);
}

/* The first time in low .. high at which the users of place are not as many as before: there are
 * others at high. */
static int64_t first_change(const struct place *place, int64_t low, int64_t high, double before)
{
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (whole_users(value_in(place, middle)) != before)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t lki_plan_next_change(const struct lki_plan *plan, int64_t t_ns)
{
    struct place place = first_place(plan);
    double before = lki_plan_target(plan, t_ns);

    if (plan->rated)
        return LKI_NEVER;
    for (; is_place(plan, &place); place = next_place(plan, &place)) {
        int64_t last_ns = place.end_ns - 1;

        if (place.end_ns <= t_ns)
            continue;
        if (place.begin_ns <= last_ns && t_ns < last_ns &&
            whole_users(value_in(&place, last_ns)) != before)
            return first_change(&place, t_ns < place.begin_ns ? place.begin_ns : t_ns + 1, last_ns,
                                before);
        if (place.end_ns < LKI_NEVER && lki_plan_target(plan, place.end_ns) != before)
            return place.end_ns;
    }
    return LKI_NEVER;
}

double lki_plan_peak(const struct lki_plan *plan)
{
    double most = first_place(plan).from;

    for (size_t i = 0; i < plan->stage_count; i++) {
        if (plan->stages[i].target > most)
            most = plan->stages[i].target;
    }
    return most;
}

uint64_t lki_plan_population(const struct lki_plan *plan)
{
    return plan->rated ? plan->users : (uint64_t)whole_users(lki_plan_peak(plan));
}

int64_t lki_plan_stages_ns(const struct lki_plan *plan)
{
    int64_t ns = 0;

    for (size_t i = 0; i < plan->stage_count; i++)
        ns = lki_ns_after(ns, plan->stages[i].length_ns);
    return ns;
}

/* Of one stage, from a_ns to b_ns, which lie in it. */
static double arrivals_in(const struct place *place, int64_t a_ns, int64_t b_ns)
{
    double middle = (value_in(place, a_ns) + value_in(place, b_ns)) / 2;

    return middle * ((double)(b_ns - a_ns) / 1e9);
}

double lki_plan_arrivals(const struct lki_plan *plan, int64_t from_ns, int64_t to_ns)
{
    struct place place = first_place(plan);
    double arrivals = 0;

    for (; is_place(plan, &place) && from_ns < to_ns; place = next_place(plan, &place)) {
        int64_t end_ns = to_ns < place.end_ns ? to_ns : place.end_ns;

        if (from_ns >= end_ns)
            continue;
        arrivals += arrivals_in(&place, from_ns, end_ns);
        from_ns = end_ns;
    }
    if (from_ns < to_ns)
        arrivals += place.from * ((double)(to_ns - from_ns) / 1e9);
    return arrivals;
}

int64_t lki_plan_rate_holds(const struct lki_plan *plan, int64_t t_ns, int64_t step_ns)
{
    struct place place = first_place(plan);

    for (; is_place(plan, &place); place = next_place(plan, &place)) {
        int64_t next_ns;

        if (t_ns >= place.end_ns || sane(place.stage->target) == place.from)
            continue;
        if (t_ns < place.begin_ns)
            return place.begin_ns;
        next_ns = lki_ns_after(place.begin_ns, ((t_ns - place.begin_ns) / step_ns + 1) * step_ns);
        return next_ns < place.end_ns ? next_ns : place.end_ns;
    }
    return LKI_NEVER;
}
