/*
 * Who has which users. Each user that is wanted goes to the worker that has the fewest, so that
 * they come and go evenly on all of them, and stays there as long as that worker may have it.
 */
#include <string.h>

#include "base/mem.h"
#include "control/inner.h"

/* One order to each worker in so long, at the most. */
#define STEP_NS (10 * LKI_NS_PER_MS)
#define FIRST_HOLDERS 64
/* Holder of a user that does not come back. */
#define RETIRED UINT32_MAX

/* ---- the table ---- */

static bool reserve(struct lki_core *core, uint64_t users)
{
    uint64_t cap = core->holder_cap ? core->holder_cap : FIRST_HOLDERS;
    uint32_t *holders;

    if (users <= core->holder_cap)
        return true;
    if (users > LKI_USERS_MAX)
        return false;
    while (cap < users)
        cap *= 2;
    holders = realloc(core->holders, (size_t)cap * sizeof(*holders));
    if (!holders)
        return false;
    memset(holders + core->holder_cap, 0, (size_t)(cap - core->holder_cap) * sizeof(*holders));
    core->holders = holders;
    core->holder_cap = cap;
    return true;
}

/* May be given users: also one that has died and will be back, but not one that never came. */
static bool takes_users(const struct lki_member *member)
{
    return member->last && !member->failed && !member->lost && !member->leaving && !member->resting;
}

/* Who has least; NULL: nobody may have any. */
static struct lki_member *least_of(const struct lki_core *core)
{
    struct lki_member *least = NULL;

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (takes_users(member) && (!least || member->shown.wanted < least->shown.wanted))
            least = member;
    }
    return least;
}

/* ---- orders ---- */

/* Users that are told of together, as long as they are evenly spaced; in either direction. */
struct batch {
    struct lki_member *member;
    bool leave;
    bool failed;
    uint64_t first, last; /* as they came */
    uint64_t stride;
    uint64_t count;
};

static void batch_send(struct batch *batch)
{
    const struct lki_order order = {
        .kind = LKI_ORDER_USERS,
        .users = {.range = {.first = batch->first < batch->last ? batch->first : batch->last,
                            .stride = batch->count > 1 ? batch->stride : 1,
                            .count = batch->count},
                  .leave = batch->leave},
    };

    if (batch->count && !lki_core_order(batch->member, &order))
        batch->failed = true;
    batch->count = 0;
}

static void batch_add(struct batch *batch, uint64_t user)
{
    uint64_t stride = user > batch->last ? user - batch->last : batch->last - user;

    if (batch->count > 1 && stride != batch->stride)
        batch_send(batch);
    if (!batch->count)
        batch->first = user;
    batch->stride = stride;
    batch->last = user;
    batch->count++;
}

/* Of the users from + 1 .. to, those that are its own are to be there, or to leave. */
static void tell(struct lki_member *member, uint64_t from, uint64_t to, bool leave)
{
    const uint32_t *holders = member->core->holders;
    struct batch batch = {.member = member, .leave = leave};

    if (!lki_member_works(member) || member->gone || member->resting)
        return;
    for (uint64_t i = from; i < to; i++) {
        if (holders[i] == member->shown.number)
            batch_add(&batch, i + 1);
    }
    batch_send(&batch);
    member->behind |= batch.failed;
}

/* All that it should have, and nothing else, for one who missed something. */
static void tell_all(struct lki_member *member)
{
    const struct lki_core *core = member->core;
    struct batch others = {.member = member, .leave = true};

    if (!lki_member_works(member) || member->gone || member->resting)
        return;
    for (uint64_t i = 0; i < core->shared_most; i++) {
        if (i >= core->shared || core->holders[i] != member->shown.number)
            batch_add(&others, i + 1);
    }
    batch_send(&others);
    member->behind = others.failed;
    tell(member, 0, core->shared, false);
}

/* ---- users ---- */

/* Whoever had this user before, if that may be; else who has least. */
static struct lki_member *home_of(const struct lki_core *core, uint32_t holder)
{
    struct lki_member *member = holder ? core->members[holder - 1] : NULL;

    return member && takes_users(member) ? member : least_of(core);
}

/* Gives the users from + 1 .. to, who have nobody now, to workers. */
static void assign(struct lki_core *core, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        struct lki_member *member;

        if (core->holders[i] == RETIRED)
            continue;
        member = home_of(core, core->holders[i]);
        core->holders[i] = member ? (uint32_t)member->shown.number : 0;
        if (member)
            member->shown.wanted++;
        else
            core->homeless = true;
    }
}

static void add_users(struct lki_core *core, uint64_t users)
{
    uint64_t from = core->shared;

    if (!reserve(core, users)) {
        lki_course_fail(core, "%s", lk_strerror(LK_E_NOMEM));
        return;
    }
    core->shared = users;
    if (core->shared_most < users)
        core->shared_most = users;
    assign(core, from, users);
    for (size_t i = 0; i < core->member_count; i++)
        tell(core->members[i], from, users, false);
}

/* Their workers are remembered: there they come again. */
static void drop_users(struct lki_core *core, uint64_t users)
{
    for (size_t i = 0; i < core->member_count; i++)
        tell(core->members[i], users, core->shared, true);
    for (uint64_t i = users; i < core->shared; i++) {
        if (core->holders[i] && core->holders[i] != RETIRED)
            core->members[core->holders[i] - 1]->shown.wanted--;
    }
    core->shared = users;
}

static void share_out(struct lki_core *core)
{
    if (core->shared < core->users_wanted)
        add_users(core, core->users_wanted);
    else if (core->shared > core->users_wanted)
        drop_users(core, core->users_wanted);
}

/* Those who have nobody, wherever they are in the table. Who gets one is told of all. */
static void house(struct lki_core *core)
{
    core->homeless = false;
    for (uint64_t i = 0; i < core->shared; i++) {
        if (core->holders[i])
            continue;
        assign(core, i, i + 1);
        if (core->holders[i])
            core->members[core->holders[i] - 1]->housed = true;
    }
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (member->housed)
            tell(member, 0, core->shared, false);
        member->housed = false;
    }
}

static uint64_t users_set_at(const struct lki_core *core, int64_t t_ns)
{
    const struct lki_users_set *set = &core->users_set;
    bool up = set->to > set->from;
    uint64_t way = up ? set->to - set->from : set->from - set->to;
    uint64_t done = way;

    if (set->interval_ns > 0 && t_ns >= set->since_ns)
        done = (uint64_t)((t_ns - set->since_ns) / set->interval_ns) + 1;
    if (done > way)
        done = way;
    return up ? set->from + done : set->from - done;
}

static uint64_t users_at(const struct lki_core *core, int64_t t_ns)
{
    if (core->users_set.on)
        return users_set_at(core, t_ns);
    return core->plan.rated ? core->plan.users : (uint64_t)lki_plan_target(&core->plan, t_ns);
}

/* When the number of users changes next after t_ns; LKI_NEVER: not any more. */
static int64_t next_change(const struct lki_core *core, int64_t t_ns)
{
    const struct lki_users_set *set = &core->users_set;

    if (!set->on)
        return lki_plan_next_change(&core->plan, t_ns);
    if (core->users_wanted == set->to)
        return LKI_NEVER;
    return set->since_ns + ((t_ns - set->since_ns) / set->interval_ns + 1) * set->interval_ns;
}

static void wait_for_change(struct lki_core *core, int64_t t_ns)
{
    int64_t next_ns = next_change(core, t_ns);

    if (next_ns < t_ns + STEP_NS)
        next_ns = t_ns + STEP_NS;
    lki_timer_set(&core->loop->timers, &core->ramp, lki_ns_after(core->start_ns, next_ns));
}

void lki_shares_begin(struct lki_core *core)
{
    core->users_wanted = users_at(core, 0);
    share_out(core);
    wait_for_change(core, 0);
}

void lki_shares_update(struct lki_core *core)
{
    int64_t t_ns = lki_core_elapsed(core);

    if (t_ns < 0)
        t_ns = 0;
    core->users_wanted = users_at(core, t_ns);
    if (core->settling && !core->settled)
        return;
    share_out(core);
    if (core->homeless)
        house(core);
    for (size_t i = 0; i < core->member_count; i++) {
        if (core->members[i]->behind)
            tell_all(core->members[i]);
    }
    wait_for_change(core, t_ns);
    lki_paces_look(core);
}

void lki_shares_on_ramp(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, ramp);

    if (core->state == LKI_CORE_RUNNING)
        lki_shares_update(core);
}

void lki_shares_set(struct lki_core *core, uint64_t users, int64_t interval_ns)
{
    int64_t t_ns = lki_core_elapsed(core);

    if (core->users_most < users)
        core->users_most = users;
    core->users_set = (struct lki_users_set){.on = true,
                                             .from = core->users_wanted,
                                             .to = users,
                                             .since_ns = t_ns > 0 ? t_ns : 0,
                                             .interval_ns = interval_ns};
    lki_shares_update(core);
}

/* ---- from one to another ---- */

void lki_shares_leave(struct lki_member *member)
{
    struct lki_core *core = member->core;

    tell(member, 0, core->shared, true);
    for (uint64_t i = 0; i < core->shared_most; i++) {
        if (core->holders[i] == member->shown.number)
            core->holders[i] = 0;
    }
    core->homeless |= member->shown.wanted > 0;
    member->shown.wanted = 0;
    if (core->started && core->homeless)
        house(core);
}

void lki_shares_stood(struct lki_member *member, const struct lki_range *range)
{
    struct lki_core *core = member->core;

    for (uint64_t i = 0; i < range->count; i++) {
        uint64_t user = range->first + i * range->stride;

        if (!user || user > LKI_USERS_MAX)
            return;
        if (!reserve(core, user)) {
            lki_course_fail(core, "%s", lk_strerror(LK_E_NOMEM));
            return;
        }
        if (core->shared_most < user)
            core->shared_most = user;
        if (!core->settled && !member->leaving && !core->holders[user - 1])
            core->holders[user - 1] = (uint32_t)member->shown.number;
    }
    member->behind = true;
}

/* Up to the last one that anybody has; those in between who have nobody get somebody. */
void lki_shares_settle(struct lki_core *core)
{
    core->shared = core->shared_most;
    for (uint64_t i = 0; i < core->shared; i++) {
        uint32_t holder = core->holders[i];

        if (holder && holder != RETIRED)
            core->members[holder - 1]->shown.wanted++;
        core->homeless |= !holder;
    }
}

/* Its highest users above so many go to another. */
static void give_up(struct lki_member *member, uint64_t keep, struct lki_member *to, uint64_t want)
{
    struct lki_core *core = member->core;
    struct batch batch = {.member = member, .leave = true};

    for (uint64_t i = core->shared; i && member->shown.wanted > keep && to->shown.wanted < want;
         i--) {
        if (core->holders[i - 1] != member->shown.number)
            continue;
        batch_add(&batch, i);
        core->holders[i - 1] = (uint32_t)to->shown.number;
        member->shown.wanted--;
        to->shown.wanted++;
    }
    if (lki_member_works(member))
        batch_send(&batch);
    member->behind |= batch.failed;
}

/* A fair part of all users for one that has come; it has not been told of any. */
static void rebalance(struct lki_member *to)
{
    struct lki_core *core = to->core;
    uint64_t users = 0;
    uint64_t members = 0;

    for (size_t i = 0; i < core->member_count; i++) {
        users += takes_users(core->members[i]) ? core->members[i]->shown.wanted : 0;
        members += takes_users(core->members[i]);
    }
    for (size_t i = 0; members && i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (member != to && takes_users(member))
            give_up(member, users / members, to, users / members);
    }
}

/* ---- those who do not come back ---- */

enum lk_err lki_shares_retire(struct lki_core *core, uint64_t user)
{
    uint32_t *holder;

    if (!user || user > LKI_USERS_MAX)
        return LK_OK;
    if (!reserve(core, user))
        return LK_E_NOMEM;
    holder = &core->holders[user - 1];
    if (*holder && *holder != RETIRED && user <= core->shared)
        core->members[*holder - 1]->shown.wanted--;
    *holder = RETIRED;
    return LK_OK;
}

/* When all iterations have begun there is nothing to begin a life for. */
void lki_shares_join(struct lki_member *member)
{
    struct lki_core *core = member->core;

    member->resting = core->iterations_over;
    if (!member->resting && core->plan.on_join == LKI_JOIN_REBALANCE)
        rebalance(member);
    tell(member, 0, core->shared, false);
}
