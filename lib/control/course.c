/* The course of a run: its states, and what leads from one to the next. */
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "control/inner.h"

/* So long workers may take to come and to get ready. */
#define READY_NS (60 * LKI_NS_PER_S)
/* The users begin so much later than it is ordered, so that all workers can begin at once. */
#define START_AHEAD_NS (5 * LKI_NS_PER_MS)
/* How long a run without a limit in time goes on when no user can begin its life. */
#define NO_USERS_NS (60 * LKI_NS_PER_S)
/* What workers of a run that was taken over get, beyond the grace time, to be heard again. */
#define RESUME_NS (10 * LKI_NS_PER_S)
/* Numbers of a second are looked at when those of all workers have had time to come. */
#define SECOND_AFTER_NS (50 * LKI_NS_PER_MS)

/* ---- why a run fails ---- */

static void blame(struct lki_core *core, const char *fmt, va_list args)
{
    if (core->failure)
        return;
    core->failure = lki_arena_vprintf(&core->texts, fmt, args);
    if (!core->failure)
        core->failure = lk_strerror(LK_E_NOMEM);
}

void lki_course_blame(struct lki_core *core, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    blame(core, fmt, args);
    va_end(args);
}

void lki_course_fail(struct lki_core *core, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    blame(core, fmt, args);
    va_end(args);
    if (!core->stops)
        lki_ending_stop(core, LKI_END_FAILURE);
}

void lki_core_fail(struct lki_core *core, const char *why)
{
    lki_course_fail(core, "%s", why);
}

/* ---- deadlines ---- */

static void wait_until(struct lki_core *core, int64_t when_ns)
{
    core->deadline_ns = when_ns;
    lki_timer_set(&core->loop->timers, &core->deadline, when_ns);
}

void lki_course_wait(struct lki_core *core, int64_t ns)
{
    wait_until(core, lki_ns_after(lki_core_now(core), ns));
}

/* ---- states ---- */

static void enter_preparing(struct lki_core *core)
{
    core->set_up = true;
    lki_course_wait(core, lki_ending_hook_ns(core, LK_RUN_SETUP));
    if (!lki_ending_order_hook(core, LKI_ORDER_SET_UP))
        lki_course_hook_lost(core->hook_by, lk_strerror(LK_E_NOMEM));
}

static void start_member(struct lki_member *member)
{
    struct lki_core *core = member->core;
    int64_t elapsed_ns = lki_core_elapsed(core);
    const struct lki_order order = {
        .kind = LKI_ORDER_START,
        .start = {.start_ns = core->start_ns,
                  .end_ns = lki_ns_after(core->start_ns, core->plan.duration_ns),
                  .run_data = core->run_data,
                  .base_url = core->base_url},
    };

    if (!lki_core_order(member, &order)) {
        lki_course_fail(core, "%s", lk_strerror(LK_E_NOMEM));
        return;
    }
    member->stage = LKI_MEMBER_STARTED;
    /* before it began there was nothing to tell of */
    member->last->told_ns = elapsed_ns > 0 ? elapsed_ns : 0;
    lki_leases_join(member);
    lki_shares_join(member);
    lki_iterations_join(member);
}

static void enter_running(struct lki_core *core)
{
    core->started = true;
    core->start_ns = lki_core_now(core) + START_AHEAD_NS;
    core->active_ns = core->start_ns;
    wait_until(core, lki_ns_after(core->start_ns, core->plan.duration_ns));
    lki_timer_set(&core->loop->timers, &core->second,
                  core->start_ns + LKI_NS_PER_S + SECOND_AFTER_NS);
    lki_shares_begin(core);
    for (size_t i = 0; i < core->member_count && core->state == LKI_CORE_RUNNING; i++) {
        if (core->members[i]->stage == LKI_MEMBER_PREPARED)
            start_member(core->members[i]);
    }
    lki_paces_begin(core);
    if (core->state == LKI_CORE_RUNNING)
        lki_probes_look(core);
}

static void on_over(struct lki_post *post)
{
    struct lki_core *core = LKI_CONTAINER(post, struct lki_core, over);

    core->owner.on_over(core, core->owner.arg);
}

static void enter_over(struct lki_core *core)
{
    lki_timer_cancel(&core->deadline);
    lki_timer_cancel(&core->second);
    lki_loop_post(core->loop, &core->over, on_over);
}

static const struct {
    unsigned next; /* states that may follow, a bit each */
    void (*enter)(struct lki_core *core);
} states[] = {
    [LKI_CORE_IDLE] = {1 << LKI_CORE_PREPARING | 1 << LKI_CORE_RUNNING | 1 << LKI_CORE_STOPPING,
                       NULL},
    [LKI_CORE_PREPARING] = {1 << LKI_CORE_RUNNING | 1 << LKI_CORE_STOPPING, enter_preparing},
    [LKI_CORE_RUNNING] = {1 << LKI_CORE_STOPPING, enter_running},
    [LKI_CORE_STOPPING] = {1 << LKI_CORE_OVER, lki_ending_begin},
    [LKI_CORE_OVER] = {0, enter_over},
};

void lki_course_enter(struct lki_core *core, enum lki_core_state state)
{
    if (!(states[core->state].next & 1U << state))
        return;
    core->state = state;
    states[state].enter(core);
}

/* What was waited for is waited for anew, since nobody looked meanwhile. The tear-down is ordered
 * anew as well, since the order may have died with the former core: who is at it goes on. */
void lki_course_resume(struct lki_core *core)
{
    core->active_ns = lki_core_now(core);
    core->held_until_ns = lki_ns_after(core->active_ns, RESUME_NS);
    if (core->stopping == LKI_STOPPING_TEAR_DOWN && !core->hook_over[LK_RUN_TEARDOWN])
        core->stopping = LKI_STOPPING_USERS;
    if (core->state == LKI_CORE_RUNNING) {
        wait_until(core, lki_ns_after(core->start_ns, core->plan.duration_ns));
        lki_shares_update(core);
    } else {
        lki_course_wait(core, lki_ns_after(core->plan.grace_ns, RESUME_NS));
    }
    lki_timer_set(&core->loop->timers, &core->second, lki_core_now(core) + LKI_NS_PER_S);
}

void lki_course_begin(struct lki_core *core)
{
    core->begun_ns = lki_core_now(core);
    lki_course_wait(core, READY_NS);
    lki_timer_set(&core->loop->timers, &core->second, core->begun_ns + LKI_NS_PER_S);
}

/* ---- until the users begin ---- */

void lki_course_prepared(struct lki_member *member)
{
    struct lki_core *core = member->core;

    if (member->stage != LKI_MEMBER_GREETED || member->awaited)
        return;
    member->stage = LKI_MEMBER_PREPARED;
    if (core->state == LKI_CORE_RUNNING) {
        start_member(member);
        lki_paces_update(core);
    }
    lki_course_look(core);
}

static void idle_look(struct lki_core *core)
{
    size_t ready = 0;

    if (lki_core_now(core) < core->held_until_ns)
        return;
    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];

        if (member->lost || member->left)
            continue;
        if (member->stage != LKI_MEMBER_PREPARED || member->dying)
            return;
        ready++;
    }
    if (!ready)
        return;
    lki_course_enter(core,
                     core->model->run_hooks[LK_RUN_SETUP] ? LKI_CORE_PREPARING : LKI_CORE_RUNNING);
}

static const char *keep_text(struct lki_core *core, const char *text)
{
    return text ? lki_arena_copy(&core->texts, text, strlen(text)) : NULL;
}

static void set_up_over(struct lki_core *core, const struct lki_report_hook *told)
{
    struct lki_report_hook *hook = &core->hooks[LK_RUN_SETUP];

    if (core->hook_by->leaving)
        lki_ending_quit(core->hook_by);
    if (hook->cancelled && !hook->failed && !core->stops) {
        hook->failed = true;
        hook->message = "its worker had to end";
    }
    core->run_data = keep_text(core, told->run_data);
    core->base_url = keep_text(core, told->base_url);
    if (!hook->failed &&
        (!core->run_data != !told->run_data || !core->base_url != !told->base_url)) {
        hook->failed = true;
        hook->message = lk_strerror(LK_E_NOMEM);
    }
    hook->run_data = core->run_data;
    if (hook->failed && core->ended_by == LKI_END_NONE)
        core->ended_by = LKI_END_SETUP;
    if (hook->failed || hook->cancelled || hook->abandoned || core->stops)
        lki_course_enter(core, LKI_CORE_STOPPING);
    else
        lki_course_enter(core, LKI_CORE_RUNNING);
}

static bool is_in_hook(const struct lki_core *core, enum lk_run_hook_kind kind)
{
    return kind == LK_RUN_SETUP
               ? core->state == LKI_CORE_PREPARING
               : core->state == LKI_CORE_STOPPING && core->stopping == LKI_STOPPING_TEAR_DOWN;
}

void lki_course_hook_over(struct lki_core *core, enum lk_run_hook_kind kind,
                          const struct lki_report_hook *hook)
{
    /* it may have been ordered by the former core, after that was saved */
    bool former = core->settling && kind == LK_RUN_TEARDOWN;

    if ((!is_in_hook(core, kind) && !former) || core->hook_over[kind])
        return;
    core->hook_over[kind] = true;
    core->hooks[kind] = *hook;
    core->hooks[kind].run_data = NULL;
    core->hooks[kind].base_url = NULL;
    core->hooks[kind].message = keep_text(core, hook->message ? hook->message : "");
    if (!core->hooks[kind].message)
        core->hooks[kind].message = lk_strerror(LK_E_NOMEM);
    if (kind == LK_RUN_SETUP)
        set_up_over(core, hook);
    else
        lki_course_look(core);
}

void lki_course_hook_lost(const struct lki_member *member, const char *why)
{
    struct lki_core *core = member->core;
    enum lk_run_hook_kind kind = core->state == LKI_CORE_PREPARING ? LK_RUN_SETUP : LK_RUN_TEARDOWN;

    if (member == core->hook_by && is_in_hook(core, kind))
        lki_course_hook_over(core, kind, &(struct lki_report_hook){.failed = true, .message = why});
}

static bool all_failed(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        if (!core->members[i]->failed)
            return false;
    }
    return true;
}

static void running_look(struct lki_core *core)
{
    if (all_failed(core)) {
        lki_ending_stop(core, LKI_END_FAILURE);
        return;
    }
    if (!lki_iterations_over(core))
        return;
    if (core->ended_by == LKI_END_NONE)
        core->ended_by = LKI_END_ITERATIONS;
    /* for those who never had any users, or have some that do nothing */
    core->stops = 1;
    lki_course_enter(core, LKI_CORE_STOPPING);
}

void lki_course_look(struct lki_core *core)
{
    if (core->state == LKI_CORE_IDLE)
        idle_look(core);
    else if (core->state == LKI_CORE_RUNNING)
        running_look(core);
    else if (core->state == LKI_CORE_STOPPING)
        lki_ending_look(core);
}

static void users_end(struct lki_core *core, int64_t at_ns)
{
    if (core->end_ns == LKI_NEVER || at_ns > core->end_ns)
        core->end_ns = at_ns;
}

void lki_course_gone(struct lki_member *member, const struct lki_report_gone *gone)
{
    struct lki_core *core = member->core;

    /* it may have ended since, and not say any more how it stands */
    if (member->awaited && core->state == LKI_CORE_STOPPING)
        users_end(core, gone->at_ns);
    if (member->stage != LKI_MEMBER_STARTED || member->gone)
        return;
    if (core->state == LKI_CORE_RUNNING && member->leaving) {
        member->shown.users = 0;
        lki_ending_quit(member);
        return;
    }
    /* of a ramp that went down to nobody there may be another rise */
    if (core->state == LKI_CORE_RUNNING && gone->why != LKI_END_DURATION &&
        gone->why != LKI_END_ITERATIONS)
        return;
    member->gone = true;
    member->shown.users = 0;
    users_end(core, gone->at_ns);
    if (core->state == LKI_CORE_RUNNING && gone->why == LKI_END_DURATION)
        lki_ending_stop(core, LKI_END_DURATION);
    else
        lki_course_look(core);
}

/* ---- when nothing happens ---- */

static void not_ready(struct lki_core *core)
{
    size_t missing = 0;

    for (size_t i = 0; i < core->member_count; i++)
        missing += core->members[i]->stage != LKI_MEMBER_PREPARED;
    core->unexplained = true;
    lki_course_fail(core, "%zu of %zu workers were not ready within %d s", missing,
                    core->member_count, (int)(READY_NS / LKI_NS_PER_S));
}

void lki_course_on_deadline(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, deadline);
    int64_t late_ns = lki_core_now(core) - core->deadline_ns;

    if (core->state == LKI_CORE_RUNNING)
        lki_ending_stop(core, LKI_END_DURATION);
    else if (late_ns > LKI_STALL_NS)
        lki_course_wait(core, late_ns); /* what was said meanwhile has not been heard */
    else if (core->state == LKI_CORE_IDLE)
        not_ready(core);
    else if (lki_core_now(core) < core->held_until_ns)
        wait_until(core, core->held_until_ns);
    else
        lki_ending_overdue(core);
}

/* ---- each second ---- */

uint64_t lki_course_users(const struct lki_core *core)
{
    uint64_t users = 0;

    for (size_t i = 0; i < core->member_count; i++)
        users += core->members[i]->shown.users;
    return users;
}

/* Something keeps users from beginning their lives. */
static bool in_trouble(const struct lki_core *core)
{
    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];

        if (!lki_member_works(member) || member->last->hook_errors)
            return true;
    }
    return core->crash_count > 0;
}

/* Iterations that no user is there to carry out would be waited for without end. */
static void give_up_without_users(struct lki_core *core, int64_t now_ns)
{
    if (lki_course_users(core) || !core->users_wanted || !in_trouble(core))
        core->active_ns = now_ns;
    else if (core->plan.duration_ns == LKI_NEVER && now_ns - core->active_ns > NO_USERS_NS)
        lki_ending_stop(core, LKI_END_NO_USERS);
}

/* Also what could not be sent when its time came is sent now. */
void lki_course_second(struct lki_core *core)
{
    int64_t now_ns = lki_core_now(core);
    int64_t base_ns = core->started ? core->start_ns + SECOND_AFTER_NS : core->begun_ns;
    int64_t since_ns = now_ns - base_ns;

    lki_timer_set(&core->loop->timers, &core->second,
                  base_ns + (since_ns / LKI_NS_PER_S + 1) * LKI_NS_PER_S);
    lki_lives_look(core);
    lki_settle_look(core);
    lki_leases_update(core);
    if (core->state == LKI_CORE_RUNNING) {
        lki_shares_update(core);
        lki_probes_look(core);
        give_up_without_users(core, now_ns);
    } else if (lki_ending_waits_for_users(core)) {
        lki_ending_stop_users(core);
    } else if (core->state == LKI_CORE_IDLE) {
        idle_look(core);
    }
}
