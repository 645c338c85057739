/* Who begins how many of the iterations: they are leased in blocks. */
#include "control/inner.h"

/* There is one worker, and none can come beside it. */
static bool is_alone(const struct lki_core *core)
{
    return core->member_count == 1 && !core->plan.open_ended;
}

/* Blocks shrink as the end comes near, so that all workers come to it together. One worker alone
 * needs no second block. */
static uint64_t block_size(const struct lki_core *core)
{
    uint64_t parts = is_alone(core) ? 1 : 2 * core->member_count;

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
        struct lki_member *member = core->members[i];

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
    bool last = is_alone(core);

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
        if (!is_used_up(core->members[i]))
            return false;
    }
    return true;
}

static void tell_all_begun(struct lki_core *core)
{
    core->iterations_over = true;
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
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
        struct lki_member *member = core->members[i];
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
        const struct lki_member *member = core->members[i];

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

    if (!core->plan.iterations || core->state != LKI_CORE_RUNNING || core->iterations_over ||
        core->settling)
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
void lki_iterations_told(struct lki_member *member, const struct lki_report_iterations *told)
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

void lki_iterations_join(struct lki_member *member)
{
    member->lease = (struct lki_member_lease){0};
    if (member->shown.wanted)
        ask(member);
    serve(member->core);
}

void lki_iterations_died(struct lki_member *member)
{
    const struct lki_life *life = member->last;
    uint64_t gone = life->exact ? life->taken : life->head.totals.iterations;

    gone += member->lease.told.returned;
    if (gone < member->lease.granted)
        member->core->iterations_left += member->lease.granted - gone;
    member->lease = (struct lki_member_lease){0};
    serve(member->core);
}

/* Still has something to do, or will have when it comes back. */
static bool is_busy(const struct lki_member *member)
{
    if (member->failed || member->left)
        return false;
    if (member->stage == LKI_MEMBER_ABSENT)
        return !member->core->iterations_over;
    return !lki_member_works(member) || (!member->gone && !member->resting && member->shown.wanted);
}

bool lki_iterations_over(const struct lki_core *core)
{
    bool done = false;

    if (!core->plan.iterations || core->settling)
        return false;
    for (size_t i = 0; i < core->member_count; i++) {
        if (is_busy(core->members[i]))
            return false;
        done |= core->members[i]->gone || core->members[i]->resting;
    }
    return done;
}
