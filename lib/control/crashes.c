/* Crashes: what is kept of them, and what follows. */
#include <string.h>

#include "base/mem.h"
#include "control/inner.h"

/* So many crashes of one step, or deaths of one worker from outside, end the run. */
#define STRIKES 3

/* A copy that lives as long as the core; without memory it is empty. */
static const char *keep(struct lki_core *core, const char *text)
{
    const char *copy = text ? lki_arena_copy(&core->texts, text, strlen(text)) : NULL;

    return copy ? copy : "";
}

static void keep_frames(struct lki_core *core, struct lki_crash *crash,
                        const struct lki_death *death)
{
    const char **frames = NULL;

    if (death->frame_count)
        frames = lki_arena_alloc(&core->texts, death->frame_count * sizeof(*frames));
    for (size_t i = 0; frames && i < death->frame_count; i++)
        frames[i] = keep(core, death->frames[i]);
    crash->frames = frames;
    crash->frame_count = frames ? death->frame_count : 0;
}

static struct lki_crash *crash_new(struct lki_core *core)
{
    struct lki_crash *crashes = lki_room(core->crashes, core->crash_count, &core->crash_cap,
                                         sizeof(*crashes));

    if (!crashes)
        return NULL;
    core->crashes = crashes;
    return &crashes[core->crash_count++];
}

static size_t count_of_step(const struct lki_core *core, const char *step)
{
    size_t count = 0;

    for (size_t i = 0; i < core->crash_count; i++)
        count += !strcmp(core->crashes[i].step, step);
    return count;
}

/* Nobody is left who could carry anything out. */
static bool all_retired(const struct lki_core *core)
{
    uint64_t retired = 0;

    for (size_t i = 0; i < core->crash_count; i++)
        retired += core->crashes[i].retired;
    return !core->plan.open_ended && retired >= lki_plan_population(&core->plan);
}

/* Of the hidden user: no user type has a step that is called like a probe. */
static bool is_probe(const struct lki_core *core, const struct lki_crash *crash)
{
    for (size_t i = 0; i < core->model->probe_count; i++) {
        if (!crash->user && !strcmp(core->model->probes[i]->def.name, crash->step))
            return true;
    }
    return false;
}

static void in_step(struct lki_member *member, struct lki_crash *crash)
{
    struct lki_core *core = member->core;

    if (crash->user && core->state == LKI_CORE_RUNNING) {
        if (lki_shares_retire(core, crash->user))
            lki_course_fail(core, "%s", lk_strerror(LK_E_NOMEM));
        else
            crash->retired = true;
    }
    if (*crash->step && count_of_step(core, crash->step) >= STRIKES) {
        lki_course_blame(core, "one %s crashed three times: %s",
                         is_probe(core, crash) ? "probe" : "step", crash->step);
        if (!core->stops)
            lki_ending_stop(core, LKI_END_CRASHES);
    } else if (all_retired(core) && !core->stops) {
        lki_ending_stop(core, LKI_END_CRASHES);
    }
}

static void outside(struct lki_member *member, const struct lki_crash *crash)
{
    struct lki_core *core = member->core;

    if (++member->killed < STRIKES || core->plan.open_ended)
        return;
    lki_course_blame(core, "%s died three times: %s", member->name, crash->what);
    if (!core->stops)
        lki_ending_stop(core, LKI_END_CRASHES);
}

/* When its station has not ended it by itself yet, its users may be at work. */
static void out_of_reach(const struct lki_member *member, struct lki_crash *crash)
{
    struct lki_core *core = member->core;
    int64_t now_ns = lki_core_now(core);

    crash->silent_ns = now_ns - member->cut_ns;
    if (member->stage != LKI_MEMBER_STARTED || member->gone || member->lapse_ns <= now_ns)
        return;
    crash->goes_on_ns = member->lapse_ns - now_ns;
    if (member->lapse_ns > core->haunted_ns)
        core->haunted_ns = member->lapse_ns;
}

uint64_t lki_core_crashes(const struct lki_core *core, uint64_t worker)
{
    uint64_t count = 0;

    for (size_t i = 0; i < core->crash_count; i++) {
        const struct lki_crash *crash = &core->crashes[i];

        count += !crash->orphaned && (!worker || crash->worker == worker);
    }
    return count;
}

int64_t lki_core_haunted_ns(const struct lki_core *core)
{
    return core->haunted_ns;
}

void lki_crashes_add(struct lki_member *member, const struct lki_death *death)
{
    struct lki_core *core = member->core;
    struct lki_crash *crash = crash_new(core);

    core->unexplained |= !crash;
    if (!crash) {
        lki_course_fail(core, "%s died: %s", member->name, death->what ? death->what : "");
        lki_course_hook_lost(member, death->what ? death->what : "");
        return;
    }
    *crash = (struct lki_crash){
        .worker = member->shown.number,
        .user = death->in_step ? death->user : 0,
        .step = death->in_step ? keep(core, death->step) : "",
        .what = keep(core, death->what),
        .at_ns = lki_core_now(core) - (core->started ? core->start_ns : core->begun_ns),
        .orphaned = death->orphaned,
    };
    if (death->orphaned && core->started)
        crash->at_ns = member->last->told_ns;
    keep_frames(core, crash, death);
    if (death->silent)
        out_of_reach(member, crash);
    member->last->crash = core->crash_count;
    if (crash->user || *crash->step)
        in_step(member, crash);
    else
        outside(member, crash);
    lki_course_hook_lost(member, crash->what);
}
