/*
 * Who gets which part of the arrivals. Each worker's share is as large as its share of the users,
 * and its arrivals lie between those of the others. A rate that rises or falls is told as a stair
 * of constant ones, of which each brings as many arrivals as the slope would: how far a worker has
 * come on the way to its next arrival is carried from one to the next.
 */
#include <math.h>

#include "control/inner.h"

/* Length of a stair's step. */
#define STEP_NS (100 * LKI_NS_PER_MS)
#define NS_MAX 9e18

double lki_paces_rate(const struct lki_core *core)
{
    int64_t t_ns = core->started ? lki_core_elapsed(core) : 0;

    if (!core->plan.rated)
        return 0;
    return core->rate_set ? core->rate_to : lki_plan_target(&core->plan, t_ns);
}

/* When an arrival comes; as workers reckon it, to the nanosecond. */
static int64_t arrival_ns(const struct lki_member_pace *pace, double number)
{
    double ns = (number + pace->lead) / pace->rate_per_s * 1e9 + 0.5;

    return ns < NS_MAX ? lki_ns_after(pace->since_ns, (int64_t)ns) : LKI_NEVER;
}

/* How many come before then. */
static double arrivals_before(const struct lki_member_pace *pace, int64_t ns)
{
    double passed = (double)(ns - pace->since_ns) / 1e9 * pace->rate_per_s;
    double count = passed > pace->lead ? ceil(passed - pace->lead) : 0;

    while (count > 0 && arrival_ns(pace, count - 1) >= ns)
        count--;
    while (arrival_ns(pace, count) < ns)
        count++;
    return count;
}

/* How much of the way to its next arrival is left for one who changes his pace. */
static double lead_at(const struct lki_member_pace *pace, int64_t ns)
{
    double lead;

    if (!(pace->rate_per_s > 0) || ns <= pace->since_ns)
        return pace->lead;
    lead = arrivals_before(pace, ns) + pace->lead -
           (double)(ns - pace->since_ns) / 1e9 * pace->rate_per_s;
    return lead < 0 ? 0 : lead > 1 ? 1 : lead;
}

/* ---- who takes part ---- */

struct party {
    size_t count;
    uint64_t users;
    uint64_t weight; /* of all */
    bool reached;    /* somebody who could be given users is in reach */
    bool changed;    /* since shares were last told */
};

static uint64_t users_of(const struct lki_member *member)
{
    return lki_member_works(member) && !member->gone ? member->shown.wanted : 0;
}

static bool is_present(const struct lki_member *member)
{
    return lki_member_works(member) && !member->gone && !member->leaving;
}

/* An arrival is due whether or not there are users. While nobody has any all count alike: it waits
 * there for one, or is dropped. Who is out of reach goes on only if all are. */
static uint64_t weight_of(const struct lki_member *member, const struct party *party)
{
    if (party->users)
        return users_of(member);
    return is_present(member) && (!member->lost || !party->reached);
}

static struct party gather(const struct lki_core *core)
{
    struct party party = {0};

    for (size_t i = 0; i < core->member_count; i++) {
        party.users += users_of(core->members[i]);
        party.reached |= is_present(core->members[i]) && !core->members[i]->lost;
    }
    for (size_t i = 0; i < core->member_count; i++) {
        uint64_t weight = weight_of(core->members[i], &party);

        party.count += weight > 0;
        party.weight += weight;
        party.changed |= weight != core->members[i]->pace.weight;
    }
    return party;
}

/* ---- what each is told ---- */

static void tell(struct lki_member *member, const struct lki_member_pace *pace)
{
    const struct lki_order order = {
        .kind = LKI_ORDER_RATE,
        .rate = {.rate_per_s = pace->rate_per_s, .lead = pace->lead, .since_ns = pace->since_ns}};

    if (lki_core_order(member, &order))
        member->pace = *pace;
}

/* How many more have come before then than the rate asks for. Of n whose leads are 0, 1/n, 2/n ...
 * that is none, and it grows with their leads. */
static double ahead_at(const struct lki_core *core, int64_t ns)
{
    double ahead = core->ahead;
    size_t count = 0;

    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member_pace *pace = &core->members[i]->pace;

        if (!pace->weight)
            continue;
        ahead += lead_at(pace, ns);
        count++;
    }
    return count ? ahead - (double)(count - 1) / 2 : ahead;
}

/* What is left of the way to the next arrival of all. What that cannot make up for is left to the
 * next change, so that nothing adds up over many. */
static double lead_anew(struct lki_core *core, int64_t ns)
{
    double ahead = ahead_at(core, ns);
    double lead = ahead < 0 ? 0 : ahead > 1 ? 1 : ahead;

    core->ahead = ahead - lead;
    return lead;
}

/* What is left of the rate is the last one's, so that the sum is right. */
static void share_out(struct lki_core *core, double rate_per_s, int64_t since_ns)
{
    struct party party = gather(core);
    double lead = party.changed ? lead_anew(core, since_ns) : 0;
    double left = rate_per_s;
    size_t place = 0;

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
        struct lki_member_pace pace = {.weight = weight_of(member, &party), .since_ns = since_ns};

        if (!pace.weight) {
            if (member->pace.weight && lki_member_works(member))
                tell(member, &pace);
            member->pace.weight = 0;
            continue;
        }
        pace.rate_per_s = rate_per_s * ((double)pace.weight / (double)party.weight);
        if (place + 1 == party.count)
            pace.rate_per_s = left;
        left -= pace.rate_per_s;
        pace.lead = party.changed ? (lead + (double)place) / (double)party.count
                                  : lead_at(&member->pace, since_ns);
        place++;
        if (party.changed || pace.rate_per_s != member->pace.rate_per_s)
            tell(member, &pace);
    }
}

/* ---- as time goes on ---- */

/* Until when one rate can stand for what the plan asks for from from_ns on; what has passed
 * already is not told in steps. */
static int64_t step_end(const struct lki_core *core, int64_t from_ns, int64_t t_ns)
{
    int64_t end_ns;
    int64_t next_ns;

    if (core->rate_set)
        return LKI_NEVER;
    end_ns = lki_plan_rate_holds(&core->plan, from_ns, STEP_NS);
    while (end_ns <= t_ns) {
        next_ns = lki_plan_rate_holds(&core->plan, end_ns, STEP_NS);
        if (next_ns > t_ns)
            break;
        end_ns = next_ns;
    }
    return end_ns;
}

static void pace_from(struct lki_core *core, int64_t from_ns)
{
    int64_t t_ns = lki_core_elapsed(core);
    int64_t end_ns = step_end(core, from_ns, t_ns > 0 ? t_ns : 0);
    double rate_per_s = lki_paces_rate(core);

    if (end_ns < LKI_NEVER)
        rate_per_s = lki_plan_arrivals(&core->plan, from_ns, end_ns) /
                     ((double)(end_ns - from_ns) / 1e9);
    else if (!core->rate_set)
        rate_per_s = lki_plan_target(&core->plan, from_ns);
    share_out(core, rate_per_s, core->start_ns + from_ns);
    core->paced_until_ns = end_ns;
    lki_timer_set(&core->loop->timers, &core->pace, lki_ns_after(core->start_ns, end_ns));
}

/* Of a run that was taken over nobody knows at first who has users. */
static bool is_pacing(const struct lki_core *core)
{
    return core->plan.rated && core->state == LKI_CORE_RUNNING &&
           (!core->settling || core->settled);
}

static void update_from(struct lki_core *core, int64_t from_ns)
{
    if (is_pacing(core))
        pace_from(core, from_ns);
}

void lki_paces_begin(struct lki_core *core)
{
    update_from(core, 0);
}

void lki_paces_update(struct lki_core *core)
{
    int64_t t_ns = lki_core_elapsed(core);

    update_from(core, t_ns > 0 ? t_ns : 0);
}

void lki_paces_look(struct lki_core *core)
{
    if (is_pacing(core) && gather(core).changed)
        lki_paces_update(core);
}

void lki_paces_on_time(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, pace);

    if (core->state == LKI_CORE_RUNNING)
        pace_from(core, core->paced_until_ns);
}
