/* What a run came to: all that its workers measured in all their lives, as one. */
#include <stdlib.h>
#include <string.h>

#include "control/inner.h"

static void add_health(struct lki_worker_health *into, const struct lki_worker_health *life)
{
    into->span_ns += life->span_ns;
    into->busy_ns += life->busy_ns;
    if (into->waited_ns >= 0)
        into->waited_ns = life->waited_ns >= 0 ? into->waited_ns + life->waited_ns : -1;
    if (life->busiest_ns > into->busiest_ns)
        into->busiest_ns = life->busiest_ns;
    into->turns += life->turns;
    into->stalls += life->stalls;
    into->overflowed += life->overflowed;
    into->abandoned += life->abandoned;
    if (life->descriptors > into->descriptors)
        into->descriptors = life->descriptors;
}

/* ---- merging ---- */

static struct lki_measured measured(struct lki_core *core)
{
    return (struct lki_measured){.metrics = &core->metrics,
                                 .arrivals = core->plan.rated ? &core->arrivals : NULL,
                                 .probes = core->probes,
                                 .probe_count = core->model->probe_count};
}

static void count_lost(struct lki_core *core, const struct lki_life *life)
{
    uint64_t told = life->broken ? 0 : life->head.totals.http_requests;
    uint64_t lost = life->totals.http_requests > told ? life->totals.http_requests - told : 0;

    core->requests_lost += lost;
    if (life->crash)
        core->crashes[life->crash - 1].lost = lost;
}

static enum lk_err merge_life(struct lki_core *core, const struct lki_member *member,
                              struct lki_life *life)
{
    struct lki_measured into = measured(core);
    enum lk_err err;

    into.worker = member->shown.number;
    err = lki_life_measure(life, &into);
    if (!err && life->exact)
        count_lost(core, life);
    return err;
}

static enum lk_err merge_member(struct lki_core *core, const struct lki_member *member)
{
    struct lki_worker_health *health = &core->health[member->shown.number - 1];
    enum lk_err err = LK_OK;

    for (struct lki_life *life = member->first; life && !err; life = life->next) {
        err = merge_life(core, member, life);
        add_health(health, &life->health);
        /* until then later numbers may replace those that are missing */
        if (core->state == LKI_CORE_OVER && (life->broken || life->stale)) {
            core->unexplained = true;
            lki_course_blame(core,
                             life->broken ? "what %s measured cannot be read"
                                          : "no memory for the last numbers of %s",
                             member->name);
        }
    }
    return err;
}

static enum lk_err prepare(struct lki_core *core)
{
    const struct lki_model *model = core->model;

    core->merged = true;
    core->requests_lost = 0;
    lki_metrics_init(&core->metrics, 0, 0);
    core->health = calloc(core->member_count, sizeof(*core->health));
    core->probes = calloc(model->probe_count ? model->probe_count : 1, sizeof(*core->probes));
    if (!core->health || !core->probes)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->probe_count; i++)
        core->probes[i].name = model->probes[i]->def.name;
    return lki_customs_init(&core->metrics.customs, model->metrics, model->metric_count);
}

void lki_outcome_release(struct lki_core *core)
{
    if (!core->merged)
        return;
    for (size_t i = 0; core->probes && i < core->model->probe_count; i++)
        lki_probe_log_release(&core->probes[i]);
    free(core->probes);
    free(core->health);
    core->probes = NULL;
    core->health = NULL;
    lki_arrivals_release(&core->arrivals);
    lki_metrics_release(&core->metrics);
    core->merged = false;
}

static enum lk_err merge(struct lki_core *core)
{
    enum lk_err err;

    lki_outcome_release(core);
    err = prepare(core);
    for (size_t i = 0; i < core->member_count && !err; i++)
        err = merge_member(core, core->members[i]);
    for (size_t i = 0; core->probes && i < core->model->probe_count; i++)
        lki_probe_log_settle(&core->probes[i]);
    return err;
}

/* What was asked for at the most, by the plan or from outside, need not be what held last. */
static uint64_t most_users(const struct lki_core *core)
{
    uint64_t planned = lki_plan_population(&core->plan);

    return planned > core->users_most ? planned : core->users_most;
}

static double highest_rate(const struct lki_core *core)
{
    double rate_per_s = core->plan.rate_per_s;

    for (size_t i = 0; i < core->plan.stage_count; i++) {
        if (core->plan.stages[i].target > rate_per_s)
            rate_per_s = core->plan.stages[i].target;
    }
    return rate_per_s > core->rate_most ? rate_per_s : core->rate_most;
}

/* One that cannot be read spoils what it is merged into: it is left out of a new one. */
enum lk_err lki_core_outcome(struct lki_core *core, struct lki_core_outcome *outcome)
{
    enum lk_err err;

    do {
        err = merge(core);
    } while (err == LK_E_FORMAT);
    if (err)
        return err;
    core->arrivals.rate_per_s = highest_rate(core);
    *outcome = (struct lki_core_outcome){
        .metrics = &core->metrics,
        .series = &core->series,
        .arrivals = core->plan.rated ? &core->arrivals : NULL,
        .probes = core->probes,
        .probe_count = core->model->probe_count,
        .ended_by = core->ended_by,
        .users = most_users(core),
        .start_ns = core->start_ns,
        .end_ns = core->end_ns,
        .health = core->health,
        .worker_count = core->member_count,
        .crashes = core->crashes,
        .crash_count = core->crash_count,
        .seconds_lost = core->seconds_lost,
        .requests_lost = core->requests_lost,
        .unexplained = core->unexplained,
        .failure = core->failure,
    };
    memcpy(outcome->hooks, core->hooks, sizeof(outcome->hooks));
    return LK_OK;
}
