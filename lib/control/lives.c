/* The ends of lives: what a worker leaves behind goes back, or is written down as missing. */
#include <stdlib.h>

#include "control/inner.h"

/* So long a worker may be out of reach before it counts as dead. */
#define VANISHED_NS (5 * LKI_NS_PER_S)

/* Seconds of its users that nobody will tell of. */
static void count_lost_seconds(struct lki_member *member)
{
    struct lki_core *core = member->core;
    const struct lki_life *life = member->last;
    int64_t missing_ns = member->cut_ns - core->start_ns - life->told_ns;

    if (core->started && life->crash && !member->gone && missing_ns > 0)
        core->seconds_lost += (uint64_t)((missing_ns + LKI_NS_PER_S - 1) / LKI_NS_PER_S);
}

static void forget_life(struct lki_member *member)
{
    member->stage = LKI_MEMBER_ABSENT;
    member->awaited = false;
    member->dying = false;
    member->gone = false;
    member->stops = 0;
    member->moved_ns = 0;
    member->probes_told = false;
    member->shown.alive = false;
    member->shown.probes = false;
    member->shown.users = 0;
    member->busy_share = 0;
    member->shown.health.lately_ns = 0;
    member->delay_ns = 0;
    member->stands = false;
}

void lki_lives_bury(struct lki_member *member)
{
    struct lki_core *core = member->core;
    bool told_to_quit = member->stage == LKI_MEMBER_QUITTING;

    lki_link_close(member->link);
    member->link = NULL;
    count_lost_seconds(member);
    lki_iterations_died(member);
    lki_leases_died(member);
    forget_life(member);
    if (core->state == LKI_CORE_RUNNING)
        lki_paces_update(core);
    member->left |= member->leaving;
    if (core->state < LKI_CORE_STOPPING && !told_to_quit && !member->failed && !member->left)
        core->owner.on_wanted(core, member->shown.number, core->owner.arg);
    lki_course_look(core);
}

/* ---- deaths ---- */

/* What its page says, as the server under test has seen it. */
static void take_page(struct lki_life *life, const struct lki_worker_page *page)
{
    uint64_t seen;

    if (!page)
        return;
    life->exact = true;
    life->totals = page->totals;
    life->arrivals = page->arrivals;
    life->taken = page->iterations_taken;
    if (page->sending)
        life->totals.http_sent++;
    seen = life->totals.http_sent + life->totals.http_unsent;
    if (life->totals.http_requests < seen)
        life->totals.http_requests = seen;
}

/* When its last user left, others were at work for them. */
static bool has_others(const struct lki_member *member)
{
    int64_t end_ns = member->core->start_ns + member->last->told_ns;

    return member->moved_ns && member->moved_ns <= end_ns && end_ns < member->moved_until_ns;
}

/* It has told of all that it did, and is not missed: nothing is missing. A core that has taken the
 * run over may not know whom the former one told to end. */
static bool was_ending(const struct lki_member *member, const struct lki_death *death)
{
    bool by_former = death->told && !death->orphaned && member->core->taken_ns;
    bool unneeded = death->orphaned && has_others(member);

    return member->stage == LKI_MEMBER_QUITTING || by_former || unneeded ||
           (member->gone && lki_ending_waits_for_users(member->core));
}

void lki_core_died(struct lki_core *core, uint64_t worker, const struct lki_death *death)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member || member->stage == LKI_MEMBER_ABSENT || member->dying)
        return;
    member->dying = true;
    if (!member->lost)
        member->cut_ns = lki_core_now(core);
    take_page(member->last, death->page);
    member->gone |= death->orphaned;
    if (!was_ending(member, death))
        lki_crashes_add(member, death);
    if (!member->link)
        lki_lives_bury(member);
}

static bool has_vanished(const struct lki_member *member, int64_t now_ns)
{
    bool silent = now_ns - member->cut_ns >= VANISHED_NS;

    if (member->lost)
        return now_ns >= member->lapse_ns || (silent && !lki_ending_waits_for_lost(member->core));
    return !member->link && silent;
}

void lki_lives_look(struct lki_core *core)
{
    int64_t now_ns = lki_core_now(core);

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
        const struct lki_death vanished = {.what = "vanished", .silent = member->lost};

        if (member->awaited && !member->link && has_vanished(member, now_ns))
            member->stage = LKI_MEMBER_JOINED;
        if (member->stage == LKI_MEMBER_ABSENT)
            continue;
        if (member->dying && now_ns - member->cut_ns >= LKI_LAST_WORDS_NS)
            lki_lives_bury(member);
        else if (!member->dying && has_vanished(member, now_ns))
            lki_core_died(core, member->shown.number, &vanished);
    }
}

/* ---- out of reach, and leaving ---- */

static void others_no_more(struct lki_member *member)
{
    int64_t now_ns = lki_core_now(member->core);

    if (member->moved_until_ns > now_ns)
        member->moved_until_ns = now_ns;
}

/* When the last one is lost nobody has the users of any. */
static void note_moved(struct lki_member *member)
{
    struct lki_core *core = member->core;

    member->moved_ns = lki_core_now(core);
    member->moved_until_ns = LKI_NEVER;
    for (size_t i = 0; core->homeless && i < core->member_count; i++) {
        if (core->members[i]->lost)
            others_no_more(core->members[i]);
    }
}

void lki_core_seen(struct lki_core *core, uint64_t worker, int64_t delay_ns, bool stands)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member)
        return;
    member->delay_ns = delay_ns;
    member->stands = stands;
}

void lki_core_lost(struct lki_core *core, uint64_t worker, int64_t silent_ns, int64_t lapse_ns)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member || member->lost)
        return;
    member->lost = true;
    member->shown.alive = false;
    member->cut_ns = lki_core_now(core) - silent_ns;
    member->lapse_ns = lki_ns_after(lki_core_now(core), lapse_ns);
    if (core->plan.on_loss == LKI_LOSS_ABORT && core->state < LKI_CORE_STOPPING) {
        if (core->ended_by == LKI_END_NONE)
            core->ended_by = LKI_END_LOSS;
        core->unexplained = true;
        lki_course_fail(core, "%s is out of reach", member->name);
    } else if (core->plan.on_loss == LKI_LOSS_REBALANCE && core->state == LKI_CORE_RUNNING) {
        lki_shares_leave(member);
        lki_paces_update(core);
        note_moved(member);
    }
    lki_course_look(core);
}

void lki_core_found(struct lki_core *core, uint64_t worker)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member || !member->lost)
        return;
    member->lost = false;
    others_no_more(member);
    member->shown.alive = member->stage != LKI_MEMBER_ABSENT;
    /* what was heard may be old, sent again by its kernel, while itself it hears nothing yet */
    lki_core_hold(core, VANISHED_NS, NULL);
    if (core->state == LKI_CORE_RUNNING && lki_member_works(member)) {
        lki_shares_join(member);
        lki_paces_update(core);
    }
    lki_course_look(core);
}

void lki_lives_leave(struct lki_member *member)
{
    const struct lki_order stop = {.kind = LKI_ORDER_STOP,
                                   .stop = {.why = LKI_END_INTERRUPT, .times = 1}};

    if (lki_member_works(member) && !member->gone && lki_core_order(member, &stop))
        member->stops = 1;
    else if (member->stage == LKI_MEMBER_ABSENT)
        member->left = true;
    else if (!lki_ending_is_in_hook(member))
        lki_ending_quit(member);
}

/* Of one that has to say first how it stands nobody knows yet whether it has users. */
void lki_core_leave(struct lki_core *core, uint64_t worker)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member || member->leaving)
        return;
    member->leaving = true;
    if (core->state == LKI_CORE_RUNNING)
        lki_shares_leave(member);
    if (!member->awaited)
        lki_lives_leave(member);
    if (core->state == LKI_CORE_RUNNING)
        lki_paces_update(core);
    lki_course_look(core);
}

static void life_free(struct lki_life *life)
{
    free(life->snapshot);
    free(life);
}

void lki_lives_release(struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        lki_link_close(member->link);
        while (member->first) {
            struct lki_life *life = member->first;

            member->first = life->next;
            life_free(life);
        }
    }
}
