/* A run that was taken over: workers say how they stand, and then all goes on. */
#include "control/adopt.h"
#include "control/inner.h"

/* So long users wait for their workers to say how they stand. */
#define SETTLE_NS (5 * LKI_NS_PER_S)
/* Within this all is heard of that was begun after the last checkpoint. */
#define HEARD_NS (2 * LKI_NS_PER_S)

void lki_core_await(struct lki_core *core, uint64_t worker, int64_t lapse_ns)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (member && member->awaited)
        member->lapse_ns = lki_ns_after(lki_core_now(core), lapse_ns);
}

/* The order to fork it anew may have died with the former core. */
static bool is_missing(const struct lki_member *member)
{
    return member->stage == LKI_MEMBER_ABSENT && !member->awaited && !member->failed &&
           !member->leaving && member->core->state < LKI_CORE_STOPPING;
}

void lki_core_stand(struct lki_core *core, uint64_t worker, int64_t ahead_ns)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member)
        return;
    if (is_missing(member))
        core->owner.on_wanted(core, worker, core->owner.arg);
    if (!member->awaited)
        return;
    member->ahead_ns = ahead_ns;
    lki_settle_ask(member);
}

void lki_settle_ask(struct lki_member *member)
{
    member->awaited = true;
    if (!lki_core_order(member, &(struct lki_order){.kind = LKI_ORDER_STAND}))
        lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
}

static void users_stood(struct lki_member *member, const struct lki_report_standing *standing)
{
    for (size_t i = 0; i < standing->user_count; i++)
        lki_shares_stood(member, &standing->users[i]);
}

static void go_on(struct lki_member *member, const struct lki_report_standing *standing)
{
    struct lki_core *core = member->core;

    member->shown.alive = true;
    member->stage = standing->started ? LKI_MEMBER_STARTED : LKI_MEMBER_GREETED;
    member->stops = standing->stops;
    member->probes_told = false; /* perhaps by the former core, after that was saved */
    /* it came when nothing was left: whoever has had some was told that they were the last */
    member->resting = core->iterations_over && !standing->iterations_last;
    users_stood(member, standing);
    if (member->leaving) {
        lki_lives_leave(member);
    } else if (!standing->started) {
        lki_course_prepared(member);
    } else if (core->settled && core->state == LKI_CORE_RUNNING) {
        lki_shares_join(member); /* others have its users by now */
        lki_paces_update(core);
    }
    if (standing->gone)
        lki_course_gone(member,
                        &(struct lki_report_gone){.why = standing->why,
                                                  .at_ns = standing->gone_ns - member->ahead_ns});
}

/* One that was told to quit since then does so. */
void lki_settle_standing(struct lki_member *member, const struct lki_report_standing *standing)
{
    if (!member->awaited)
        return;
    member->awaited = false;
    member->lost = false;
    member->lease = (struct lki_member_lease){.granted = standing->iterations.granted,
                                              .recalls = standing->iterations.recalls,
                                              .recallable = true,
                                              .last = standing->iterations_last,
                                              .told = standing->iterations};
    if (member->stage != LKI_MEMBER_QUITTING)
        go_on(member, standing);
    lki_settle_look(member->core);
}

void lki_settle_held(struct lki_member *member, const struct lki_report_objects *held)
{
    if (member->awaited)
        lki_leases_held(member, held);
}

/* What all have begun, or may begin, is not left for others. */
static void count_iterations(struct lki_core *core)
{
    uint64_t gone = 0;

    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];
        bool present = member->stage >= LKI_MEMBER_STARTED;

        for (const struct lki_life *life = member->first; life; life = life->next) {
            if (!present || life != member->last)
                gone += life->exact ? life->taken : life->head.totals.iterations;
        }
        if (present)
            gone += member->lease.granted - member->lease.told.returned;
    }
    core->iterations_left = gone < core->plan.iterations ? core->plan.iterations - gone : 0;
}

/* Of the table: who has which users is known by now. */
static void settle_users(struct lki_core *core)
{
    core->settled = true;
    lki_shares_settle(core);
    if (core->state == LKI_CORE_RUNNING) {
        lki_shares_update(core);
        lki_paces_update(core);
    }
}

static void settle_all(struct lki_core *core)
{
    core->settling = false;
    count_iterations(core);
    lki_leases_settle(core);
    for (size_t i = 0; i < core->member_count; i++) {
        if (lki_member_works(core->members[i]))
            lki_iterations_told(core->members[i], &core->members[i]->lease.told);
    }
    lki_course_look(core);
}

void lki_settle_look(struct lki_core *core)
{
    int64_t passed_ns = lki_core_now(core) - core->taken_ns;
    bool awaited = false;

    if (!core->settling)
        return;
    for (size_t i = 0; i < core->member_count; i++)
        awaited |= core->members[i]->awaited;
    if (!core->settled && (!awaited || passed_ns >= SETTLE_NS))
        settle_users(core);
    if (!awaited && passed_ns >= HEARD_NS)
        settle_all(core);
}
