/*
 * The end of a run: users leave, the tear-down is carried out, the workers end; and more and more
 * force when that does not happen.
 */
#include <string.h>

#include "base/mem.h"
#include "control/inner.h"

/* Who should have ended by himself gets so much longer; then each stage of force as long again. */
#define SLACK_NS (2 * LKI_NS_PER_S)
/* So long a worker may take to report what is left and to end. */
#define QUIT_NS (10 * LKI_NS_PER_S)
/* What crashes all the time need not be waited for. */
#define CRASHED_GRACE_NS LKI_NS_PER_S
/* Abandon: more cannot be asked for. */
#define STOPS_MAX 3

/* ---- how long ---- */

/* How long what is in hand may take, as it was asked to end. */
static int64_t patience_ns(const struct lki_core *core)
{
    if (core->stops > 1)
        return SLACK_NS;
    if (core->ended_by == LKI_END_CRASHES && core->plan.grace_ns > CRASHED_GRACE_NS)
        return CRASHED_GRACE_NS;
    return lki_ns_after(SLACK_NS, core->plan.grace_ns);
}

int64_t lki_ending_hook_ns(const struct lki_core *core, enum lk_run_hook_kind kind)
{
    double timeout_s = core->model->run_hooks[kind]->timeout_s;

    return lki_ns_after(SLACK_NS, lki_timeout_ns(timeout_s, LKI_RUN_HOOK_TIMEOUT_S));
}

/* ---- asking ---- */

static bool order_stop(struct lki_member *member, unsigned times)
{
    const struct lki_order order = {.kind = LKI_ORDER_STOP,
                                    .stop = {.why = member->core->ended_by, .times = times}};

    if (!lki_core_order(member, &order))
        return false;
    member->stops = times;
    return true;
}

static bool is_ready(const struct lki_member *member)
{
    return member->stage == LKI_MEMBER_PREPARED || member->stage == LKI_MEMBER_STARTED;
}

/* Those who have users and were not told yet. */
void lki_ending_stop_users(struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (lki_member_works(member) && !member->gone && member->stops < core->stops)
            order_stop(member, core->stops);
    }
}

/* Set-up or tear-down is asked to end once more. */
static void stop_hook(struct lki_core *core)
{
    struct lki_member *member = core->hook_by;

    if (is_ready(member))
        order_stop(member, member->stops + 1);
}

static bool in_hook(const struct lki_core *core)
{
    return core->state == LKI_CORE_PREPARING ||
           (core->state == LKI_CORE_STOPPING && core->stopping == LKI_STOPPING_TEAR_DOWN);
}

bool lki_ending_is_in_hook(const struct lki_member *member)
{
    return in_hook(member->core) && member == member->core->hook_by;
}

static void tell_stop(struct lki_core *core)
{
    core->users_left = lki_course_users(core);
    if (in_hook(core))
        stop_hook(core);
    else
        lki_ending_stop_users(core);
}

void lki_ending_quit(struct lki_member *member)
{
    const struct lki_order order = {.kind = LKI_ORDER_QUIT};

    if (member->stage == LKI_MEMBER_ABSENT || member->stage == LKI_MEMBER_QUITTING)
        return;
    member->stage = LKI_MEMBER_QUITTING;
    if (!lki_core_order(member, &order)) {
        /* without a core it ends too, and its page tells what it had not told yet */
        lki_link_close(member->link);
        member->link = NULL;
        member->cut_ns = lki_core_now(member->core);
    }
}

/* ---- hooks of the run ---- */

/* Those who are not fit may not hear of it, or not have the time for it. */
static bool order_hook(struct lki_core *core, const struct lki_order *order, bool fit)
{
    struct lki_member *first = core->hook_by;

    for (size_t i = 0; i <= core->member_count; i++) {
        struct lki_member *member = i ? core->members[i - 1] : first;

        if (!is_ready(member) || member->failed || member->dying ||
            fit == (member->lost || member->leaving) || !lki_core_order(member, order))
            continue;
        core->hook_by = member;
        return true;
    }
    return false;
}

/* Whose the last one was, or the first who can: any of them can put back what is shared by all. */
bool lki_ending_order_hook(struct lki_core *core, enum lki_order_kind kind)
{
    const struct lki_order order = {.kind = kind};

    if (!core->hook_by)
        core->hook_by = core->backstage;
    return order_hook(core, &order, true) || order_hook(core, &order, false);
}

/* ---- one part after the other ---- */

static void tear_down(struct lki_core *core)
{
    core->stopping = LKI_STOPPING_TEAR_DOWN;
    if (core->hook_over[LK_RUN_TEARDOWN] || !core->model->run_hooks[LK_RUN_TEARDOWN] ||
        !(core->set_up || core->started)) {
        core->hook_over[LK_RUN_TEARDOWN] = true;
        return;
    }
    lki_course_wait(core, lki_ending_hook_ns(core, LK_RUN_TEARDOWN));
    if (!lki_ending_order_hook(core, LKI_ORDER_TEAR_DOWN))
        lki_course_hook_lost(core->hook_by, "no worker was left to carry it out");
}

static void quit_all(struct lki_core *core)
{
    core->stopping = LKI_STOPPING_QUIT;
    lki_course_wait(core, QUIT_NS);
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
        bool given_up = member->failed && member->stage != LKI_MEMBER_QUITTING;

        lki_ending_quit(member);
        if (given_up && member->stage != LKI_MEMBER_ABSENT)
            lki_lives_bury(member);
    }
}

/* What it does is not waited for. */
static bool given_up(const struct lki_member *member)
{
    return member->stage == LKI_MEMBER_ABSENT || member->failed;
}

static bool all_left(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];

        if (given_up(member))
            continue;
        if (member->dying || (member->stage == LKI_MEMBER_STARTED && !member->gone))
            return false;
    }
    return true;
}

static bool all_ended(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        if (core->members[i]->stage != LKI_MEMBER_ABSENT)
            return false;
    }
    return true;
}

/* The last one, who may have told only at the end of a wait for him. */
static void users_over(struct lki_core *core)
{
    int64_t now_ns = lki_core_now(core);

    if (!core->started)
        core->start_ns = now_ns;
    if (core->end_ns == LKI_NEVER)
        core->end_ns = core->ended_by == LKI_END_DURATION
                           ? lki_ns_after(core->start_ns, core->plan.duration_ns)
                           : now_ns;
    if (core->end_ns < core->start_ns)
        core->end_ns = core->start_ns;
}

/* Each part may find that there is nothing for it to wait for. Of a run that was taken over all
 * workers have to say first how they stand. */
void lki_ending_look(struct lki_core *core)
{
    if (core->settling)
        return;
    if (core->stopping == LKI_STOPPING_USERS && all_left(core)) {
        users_over(core);
        tear_down(core);
    }
    if (core->stopping == LKI_STOPPING_TEAR_DOWN && core->hook_over[LK_RUN_TEARDOWN])
        quit_all(core);
    if (core->stopping == LKI_STOPPING_QUIT && all_ended(core))
        lki_course_enter(core, LKI_CORE_OVER);
}

void lki_ending_begin(struct lki_core *core)
{
    lki_timer_cancel(&core->ramp);
    lki_timer_cancel(&core->pace);
    lki_course_wait(core, patience_ns(core));
    if (core->ended_by == LKI_END_DURATION) {
        /* they know when it is over, and were told so that it may come at the same time */
        for (size_t i = 0; i < core->member_count; i++)
            core->members[i]->stops = core->stops;
    }
    lki_ending_stop_users(core);
    lki_ending_look(core);
}

void lki_ending_stop(struct lki_core *core, enum lki_end why)
{
    if (core->state == LKI_CORE_OVER)
        return;
    if (core->ended_by == LKI_END_NONE)
        core->ended_by = why;
    core->hurried |= core->state == LKI_CORE_STOPPING;
    if (core->stops < STOPS_MAX)
        core->stops++;
    if (core->state == LKI_CORE_IDLE || core->state == LKI_CORE_RUNNING) {
        lki_course_enter(core, LKI_CORE_STOPPING);
    } else if (core->state == LKI_CORE_PREPARING || core->stopping != LKI_STOPPING_QUIT) {
        lki_course_wait(core, patience_ns(core));
        tell_stop(core);
    }
}

/* ---- when nothing happens ---- */

/* Thousands of users that take their time to leave are not stuck. */
static bool fewer_are_left(struct lki_core *core)
{
    uint64_t before = core->users_left;

    core->users_left = lki_course_users(core);
    return core->users_left < before;
}

/* Or what keeps all from being heard. */
static void blame(const struct lki_member *member, const char *what)
{
    struct lki_core *core = member->core;

    if (core->held_by)
        lki_course_blame(core, "no worker can be heard: %s", core->held_by);
    else
        lki_course_blame(core, "%s %s", member->name, what);
}

static void give_up_users(struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        /* who is out of reach may come back, until its time is over */
        if (given_up(member) || member->stage != LKI_MEMBER_STARTED || member->gone ||
            member->lost || member->dying)
            continue;
        member->failed = true;
        core->unexplained = true;
        blame(member, "does not answer");
    }
    lki_course_wait(core, SLACK_NS);
    lki_ending_look(core);
}

static void give_up_hook(struct lki_core *core)
{
    core->hook_by->failed = true;
    core->unexplained = true;
    lki_course_hook_lost(core->hook_by, "its worker does not answer");
}

/* Of who is out of reach all is known by now, but for what the tear-down did. */
static void give_up_member(struct lki_member *member)
{
    struct lki_core *core = member->core;

    if (member->lost && member == core->hook_by && core->model->run_hooks[LK_RUN_TEARDOWN])
        return;
    if (!member->lost) {
        core->unexplained = true;
        blame(member, "does not end");
    }
    member->failed = true;
    member->stage = LKI_MEMBER_QUITTING;
    lki_lives_bury(member);
}

static void give_up_members(struct lki_core *core)
{
    lki_course_wait(core, SLACK_NS);
    for (size_t i = 0; i < core->member_count; i++) {
        if (core->members[i]->stage != LKI_MEMBER_ABSENT)
            give_up_member(core->members[i]);
    }
}

bool lki_ending_waits_for_lost(const struct lki_core *core)
{
    return core->state < LKI_CORE_STOPPING ||
           !(core->hurried || core->plan.on_loss == LKI_LOSS_ABORT);
}

bool lki_ending_waits_for_users(const struct lki_core *core)
{
    return core->state == LKI_CORE_STOPPING && core->stopping == LKI_STOPPING_USERS;
}

/* More force first, as far as there is more. */
void lki_ending_overdue(struct lki_core *core)
{
    if (core->stopping == LKI_STOPPING_QUIT) {
        give_up_members(core);
    } else if (core->stops < STOPS_MAX) {
        core->stops += core->stops ? 1 : 2;
        tell_stop(core);
        lki_course_wait(core, SLACK_NS);
    } else if (lki_ending_waits_for_users(core)) {
        if (fewer_are_left(core))
            lki_course_wait(core, SLACK_NS);
        else
            give_up_users(core);
    } else {
        give_up_hook(core);
    }
}
