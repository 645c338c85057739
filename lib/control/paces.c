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

static uint64_t users_of(const struct lki_member *member)
{
    return lki_member_works(member) && !member->gone ? member->shown.wanted : 0;
}

/* The workers, or their users, are others than when shares were last told. */
static bool have_changed(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        if (users_of(core->members[i]) != core->members[i]->pace.users)
            return true;
    }
    return false;
}

static void tell(struct lki_member *member, const struct lki_member_pace *pace)
{
    const struct lki_order order = {
        .kind = LKI_ORDER_RATE,
        .rate = {.rate_per_s = pace->rate_per_s, .lead = pace->lead, .since_ns = pace->since_ns}};

    if (lki_core_order(member, &order))
        member->pace = *pace;
}

/* Those who take part, all their users, and how far the first one is from its next arrival. */
struct party {
    size_t count;
    uint64_t users;
    double lead;
};

static struct party gather(const struct lki_core *core, int64_t since_ns)
{
    struct party party = {0};

    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];
        uint64_t users = users_of(member);

        if (!users)
            continue;
        if (!party.count && member->pace.users)
            party.lead = lead_at(&member->pace, since_ns);
        party.count++;
        party.users += users;
    }
    return party;
}

/* What is left of the rate is the last one's, so that the sum is right. */
static void share_out(struct lki_core *core, double rate_per_s, int64_t since_ns, bool anew)
{
    struct party party = gather(core, since_ns);
    double left = rate_per_s;
    size_t place = 0;

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
        struct lki_member_pace pace = {.users = users_of(member), .since_ns = since_ns};

        if (!pace.users) {
            if (member->pace.users && lki_member_works(member))
                tell(member, &pace);
            member->pace.users = 0;
            continue;
        }
        pace.rate_per_s = rate_per_s * ((double)pace.users / (double)party.users);
        if (place + 1 == party.count)
            pace.rate_per_s = left;
        left -= pace.rate_per_s;
        pace.lead = anew ? fmod(party.lead + (double)place / (double)party.count, 1)
                         : lead_at(&member->pace, since_ns);
        place++;
        if (anew || pace.rate_per_s != member->pace.rate_per_s)
            tell(member, &pace);
    }
}

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
    share_out(core, rate_per_s, core->start_ns + from_ns, have_changed(core));
    core->paced_until_ns = end_ns;
    lki_timer_set(&core->loop->timers, &core->pace, lki_ns_after(core->start_ns, end_ns));
}

static void update_from(struct lki_core *core, int64_t from_ns)
{
    if (core->plan.rated && core->state == LKI_CORE_RUNNING)
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

void lki_paces_on_time(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, pace);

    if (core->state == LKI_CORE_RUNNING)
        pace_from(core, core->paced_until_ns);
}
