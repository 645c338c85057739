/*
 * Who has which users, and who begins how many of the iterations. User u belongs to worker
 * 1 + (u - 1) modulo the number of workers, so that the first so many users of the run are the
 * first so many of each worker.
 */
#include <stdlib.h>
#include <string.h>

#include "control/inner.h"

/* One order to each worker in so long, at the most. */
#define STEP_NS (10 * LKI_NS_PER_MS)

/* ---- users ---- */

/* How many of the users 1 .. users are this worker's. */
static uint64_t own_users(const struct lki_member *member, uint64_t users)
{
    uint64_t number = member->shown.number;

    return users < number ? 0 : (users - number) / member->core->member_count + 1;
}

static uint64_t own_user(const struct lki_member *member, uint64_t index)
{
    return member->shown.number + index * member->core->member_count;
}

static bool is_own(const struct lki_member *member, uint64_t user)
{
    return (user - 1) % member->core->member_count == member->shown.number - 1;
}

static uint64_t own_index(const struct lki_member *member, uint64_t user)
{
    return (user - member->shown.number) / member->core->member_count;
}

static bool order_users(struct lki_member *member, uint64_t from, uint64_t to, bool leave)
{
    const struct lki_order order = {
        .kind = LKI_ORDER_USERS,
        .users = {.range = {.first = own_user(member, from),
                            .stride = member->core->member_count,
                            .count = to - from},
                  .leave = leave},
    };

    return from == to || lki_core_order(member, &order);
}

/* Those from its users-th on, up to the count-th, but for the retired. */
static void have_begin(struct lki_member *member, uint64_t count)
{
    const struct lki_core *core = member->core;

    for (size_t i = 0; i < core->retired_count && member->users < count; i++) {
        uint64_t user = core->retired[i];

        if (!is_own(member, user) || own_index(member, user) < member->users ||
            own_index(member, user) >= count)
            continue;
        if (!order_users(member, member->users, own_index(member, user), false))
            return;
        member->users = own_index(member, user) + 1;
    }
    if (member->users < count && order_users(member, member->users, count, false))
        member->users = count;
}

static void share_out(struct lki_member *member)
{
    uint64_t count = own_users(member, member->core->users_wanted);

    if (!lki_member_works(member) || member->gone || member->resting)
        return;
    if (member->users < count)
        have_begin(member, count);
    else if (order_users(member, count, member->users, true))
        member->users = count;
}

static uint64_t users_at(const struct lki_core *core, int64_t t_ns)
{
    if (core->users_set)
        return core->users_to;
    return core->plan.rated ? core->plan.users : (uint64_t)lki_plan_target(&core->plan, t_ns);
}

static void wait_for_change(struct lki_core *core, int64_t t_ns)
{
    int64_t next_ns = LKI_NEVER;

    if (!core->users_set)
        next_ns = lki_plan_next_change(&core->plan, t_ns);
    if (next_ns < t_ns + STEP_NS)
        next_ns = t_ns + STEP_NS;
    lki_timer_set(&core->loop->timers, &core->ramp, lki_ns_after(core->start_ns, next_ns));
}

void lki_shares_begin(struct lki_core *core)
{
    core->users_wanted = users_at(core, 0);
    wait_for_change(core, 0);
}

void lki_shares_update(struct lki_core *core)
{
    int64_t t_ns = lki_core_elapsed(core);

    if (t_ns < 0)
        t_ns = 0;
    core->users_wanted = users_at(core, t_ns);
    for (size_t i = 0; i < core->member_count; i++)
        share_out(&core->members[i]);
    wait_for_change(core, t_ns);
}

void lki_shares_on_ramp(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, ramp);

    if (core->state == LKI_CORE_RUNNING)
        lki_shares_update(core);
}

uint64_t lki_shares_users(const struct lki_member *member)
{
    const struct lki_core *core = member->core;
    uint64_t users = member->users;

    for (size_t i = 0; i < core->retired_count; i++)
        users -= is_own(member, core->retired[i]) &&
                 own_index(member, core->retired[i]) < member->users;
    return users;
}

/* ---- those who do not come back ---- */

static bool retired_reserve(struct lki_core *core)
{
    size_t cap = core->retired_cap ? 2 * core->retired_cap : 16;
    uint64_t *retired;

    if (core->retired_count < core->retired_cap)
        return true;
    retired = realloc(core->retired, cap * sizeof(*retired));
    if (!retired)
        return false;
    core->retired = retired;
    core->retired_cap = cap;
    return true;
}

enum lk_err lki_shares_retire(struct lki_core *core, uint64_t user)
{
    size_t at = 0;

    while (at < core->retired_count && core->retired[at] < user)
        at++;
    if (at < core->retired_count && core->retired[at] == user)
        return LK_OK;
    if (!retired_reserve(core))
        return LK_E_NOMEM;
    memmove(core->retired + at + 1, core->retired + at,
            (core->retired_count - at) * sizeof(*core->retired));
    core->retired[at] = user;
    core->retired_count++;
    return LK_OK;
}

/* ---- iterations ---- */

/* Blocks shrink as the end comes near, so that all workers come to it together. One worker alone
 * needs no second block. */
static uint64_t block_size(const struct lki_core *core)
{
    uint64_t parts = core->member_count > 1 ? 2 * core->member_count : 1;

    return core->iterations_left / parts + (core->iterations_left % parts != 0);
}

static bool order_lease(struct lki_member *member, const struct lki_order_iterations *lease)
{
    if (lki_core_order(member,
                       &(struct lki_order){.kind = LKI_ORDER_ITERATIONS, .iterations = *lease}))
        return true;
    lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
    return false;
}

/* Whatever it was given has begun, or was given back. */
static bool is_used_up(const struct lki_member *member)
{
    const struct lki_member_lease *lease = &member->lease;

    return lease->told.granted == lease->granted && !lease->told.left;
}

/* Who has asked first, of those who have been given nothing since. */
static struct lki_member *first_asker(struct lki_core *core)
{
    struct lki_member *first = NULL;

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = &core->members[i];

        if (lki_member_works(member) && member->lease.asked &&
            (!first || member->lease.asked < first->lease.asked))
            first = member;
    }
    return first;
}

static bool grant(struct lki_member *member)
{
    struct lki_core *core = member->core;
    struct lki_member_lease *lease = &member->lease;
    uint64_t block = block_size(core);
    bool last = core->member_count == 1;

    if (!order_lease(member, &(struct lki_order_iterations){.granted = lease->granted + block,
                                                            .recalls = lease->recalls,
                                                            .last = last}))
        return false;
    core->iterations_left -= block;
    lease->granted += block;
    lease->last = last;
    lease->asked = 0;
    lease->recallable = true;
    return true;
}

static bool all_begun(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        if (!is_used_up(&core->members[i]))
            return false;
    }
    return true;
}

static void tell_all_begun(struct lki_core *core)
{
    core->iterations_over = true;
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = &core->members[i];
        struct lki_member_lease *lease = &member->lease;

        if (lki_member_works(member) && !lease->last)
            lease->last = order_lease(
                member, &(struct lki_order_iterations){
                            .granted = lease->granted, .recalls = lease->recalls, .last = true});
    }
}

/* One that has given back what it had is asked again only when it has been given more. So each
 * recall lets at least one iteration begin: that of who it is for. */
static void recall(struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = &core->members[i];
        struct lki_member_lease *lease = &member->lease;

        if (!lki_member_works(member) || !lease->recallable || is_used_up(member))
            continue;
        if (!order_lease(member, &(struct lki_order_iterations){.granted = lease->granted,
                                                                .recalls = lease->recalls + 1}))
            return;
        lease->recalls++;
        lease->recallable = false;
    }
}

/* Somebody has nothing left and needs more. */
static bool anybody_starves(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = &core->members[i];

        if (lki_member_works(member) && member->lease.asked && is_used_up(member))
            return true;
    }
    return false;
}

/* Whoever wants iterations gets them, as long as there are any. Then those that others hold are
 * asked for, until all have begun. */
static void serve(struct lki_core *core)
{
    struct lki_member *member;

    if (!core->plan.iterations || core->state != LKI_CORE_RUNNING || core->iterations_over)
        return;
    while (core->iterations_left && (member = first_asker(core))) {
        if (!grant(member))
            return;
    }
    if (core->iterations_left)
        return;
    if (all_begun(core))
        tell_all_begun(core);
    else if (anybody_starves(core))
        recall(core);
}

static void ask(struct lki_member *member)
{
    if (!member->lease.asked)
        member->lease.asked = ++member->core->asks;
}

/* What was told before the last lease came is out of date, but for what was given back. */
void lki_shares_told(struct lki_member *member, const struct lki_report_iterations *told)
{
    struct lki_member_lease *lease = &member->lease;
    uint64_t returned = lease->told.returned;

    if (member->stage < LKI_MEMBER_STARTED || lease->last || told->returned < returned ||
        told->returned > lease->granted || told->granted > lease->granted)
        return;
    member->core->iterations_left += told->returned - returned;
    lease->told = *told;
    if (told->granted == lease->granted && told->wanted)
        ask(member);
    else
        lease->asked = 0;
    serve(member->core);
}

/* When all have begun there is nothing to begin a life for. */
void lki_shares_join(struct lki_member *member)
{
    member->users = 0;
    member->lease = (struct lki_member_lease){0};
    member->resting = member->core->iterations_over;
    share_out(member);
    if (lki_shares_users(member))
        ask(member);
    serve(member->core);
}

void lki_shares_died(struct lki_member *member)
{
    const struct lki_life *life = member->last;
    uint64_t gone = life->exact ? life->taken : life->head.totals.iterations;

    gone += member->lease.told.returned;
    if (gone < member->lease.granted)
        member->core->iterations_left += member->lease.granted - gone;
    member->lease = (struct lki_member_lease){0};
    member->users = 0;
    serve(member->core);
}

/* Still has something to do, or will have when it comes back. */
static bool is_busy(const struct lki_member *member)
{
    if (member->failed)
        return false;
    return !lki_member_works(member) ||
           (!member->gone && !member->resting && lki_shares_users(member));
}

bool lki_shares_over(const struct lki_core *core)
{
    bool done = false;

    if (!core->plan.iterations)
        return false;
    for (size_t i = 0; i < core->member_count; i++) {
        if (is_busy(&core->members[i]))
            return false;
        done |= core->members[i].gone || core->members[i].resting;
    }
    return done;
}
