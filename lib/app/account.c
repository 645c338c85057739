#include "app/account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app/machine.h"
#include "base/clock.h"
#include "base/mem.h"
#include "result/verdict.h"

/* Why a run ends, as results say it. */
static const char *end_text(enum lki_end end)
{
    static const char *const texts[LKI_END_COUNT_] = {
        [LKI_END_NONE] = "",
        [LKI_END_DURATION] = "duration",
        [LKI_END_ITERATIONS] = "iterations",
        [LKI_END_INTERRUPT] = "interrupt",
        [LKI_END_NO_USERS] = "no user",
        [LKI_END_SETUP] = "set-up",
        [LKI_END_CRASHES] = "crashes",
        [LKI_END_COMMAND] = "command",
        [LKI_END_LOSS] = "worker loss",
        [LKI_END_FAILURE] = "failure",
    };

    return texts[end];
}

/* ---- what this machine allows ---- */

static uint64_t descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return limit.rlim_cur;
}

/* ---- the workers ---- */

struct fleet {
    struct lki_result_crash *crashes;
    struct lki_result_health *health;
};

static void crashes_take(struct fleet *fleet, const struct lki_core *core,
                         const struct lki_core_outcome *outcome, uint64_t workers)
{
    for (size_t i = 0; i < outcome->crash_count; i++) {
        const struct lki_crash *from = &outcome->crashes[i];

        fleet->crashes[i] = (struct lki_result_crash){
            .worker = workers ? from->worker : 0,
            .worker_id = lki_core_worker(core, (size_t)from->worker - 1)->id,
            .user = from->user,
            .step = from->step,
            .what = from->what,
            .at_ns = from->at_ns,
            .orphaned = from->orphaned,
            .silent_ns = from->silent_ns,
            .goes_on_ns = from->goes_on_ns,
            .retired = from->retired,
            .frames = from->frames,
            .frame_count = from->frame_count,
        };
    }
}

static void health_take(struct fleet *fleet, const struct lki_core *core,
                        const struct lki_core_outcome *outcome)
{
    for (size_t i = 0; i < outcome->worker_count; i++) {
        const struct lki_worker_health *from = &outcome->health[i];

        fleet->health[i] = (struct lki_result_health){
            .worker_id = lki_core_worker(core, i)->id,
            .span_ns = from->span_ns,
            .busy_ns = from->busy_ns,
            .waited_ns = from->waited_ns,
            .busiest_ns = from->busiest_ns,
            .turns = from->turns,
            .stalls = from->stalls,
            .overflowed = from->overflowed,
            .abandoned = from->abandoned,
            .descriptors = from->descriptors,
        };
    }
}

static void fleet_release(struct fleet *fleet)
{
    free(fleet->crashes);
    free(fleet->health);
}

static enum lk_err fleet_take(struct fleet *fleet, const struct lki_core *core,
                              const struct lki_core_outcome *outcome, uint64_t workers)
{
    fleet->crashes = calloc(outcome->crash_count + 1, sizeof(*fleet->crashes));
    fleet->health = calloc(outcome->worker_count + 1, sizeof(*fleet->health));
    if (!fleet->crashes || !fleet->health) {
        fleet_release(fleet);
        return LK_E_NOMEM;
    }
    crashes_take(fleet, core, outcome, workers);
    health_take(fleet, core, outcome);
    return LK_OK;
}

/* ---- the result ---- */

/* When the users began, by the wall clock. */
static int64_t started_at_s(int64_t start_ns, int64_t now_ns)
{
    return (lki_wall_ns() - (now_ns - start_ns)) / LKI_NS_PER_S;
}

static const char *failure_of(const struct lki_report_hook *hook)
{
    return hook->failed ? hook->message : NULL;
}

static void judge(struct lki_result *result, const struct lki_core_outcome *outcome)
{
    const struct lki_report_hook *set_up = &outcome->hooks[LK_RUN_SETUP];
    const struct lki_report_hook *tear_down = &outcome->hooks[LK_RUN_TEARDOWN];
    const struct lki_judged judged = {
        .failure = outcome->failure,
        .set_up_failure = failure_of(set_up),
        .tear_down_failure = failure_of(tear_down),
        .set_up_abandoned = set_up->abandoned,
        .tear_down_abandoned = tear_down->abandoned,
        .no_users = outcome->ended_by == LKI_END_NO_USERS,
        .unexplained = outcome->unexplained,
        .descriptor_limit = descriptor_limit(),
        .port_count = lki_machine_ports(),
    };

    lki_result_judge(result, &judged);
}

enum lk_err lki_account_run(struct lki_result *result, const struct lki_run_settings *settings,
                            const struct lki_model *model, struct lki_core *core, int64_t now_ns)
{
    struct lki_core_outcome outcome;
    struct fleet fleet;
    enum lk_err err = lki_core_outcome(core, &outcome);

    if (!err)
        err = fleet_take(&fleet, core, &outcome, settings->workers);
    if (err)
        return err;
    err = lki_result_init(result,
                          &(struct lki_result_settings){
                              .id = settings->run_id,
                              .program = settings->program,
                              .command = settings->command,
                              .seed = settings->seed,
                              .started_at_s = started_at_s(outcome.start_ns, now_ns),
                              .duration_ns = outcome.end_ns - outcome.start_ns,
                              .users = outcome.users,
                              .workers = settings->workers,
                              .ended_by = end_text(outcome.ended_by),
                              .model = model,
                              .arrivals = outcome.arrivals,
                              .probes = outcome.probes,
                              .probe_count = outcome.probe_count,
                              .crashes = fleet.crashes,
                              .crash_count = outcome.crash_count,
                              .health = fleet.health,
                              .health_count = outcome.worker_count,
                              .requests_lost = outcome.requests_lost,
                              .seconds_lost = outcome.seconds_lost,
                          },
                          outcome.metrics, outcome.series);
    if (!err)
        judge(result, &outcome);
    fleet_release(&fleet);
    return err;
}

/* ---- a worker that nobody led ---- */

static void judge_worker(struct lki_result *result, const struct lki_worker *worker)
{
    const struct lki_judged judged = {
        .set_up_failure = lki_backstage_failure(worker->backstage, LK_RUN_SETUP),
        .tear_down_failure = lki_backstage_failure(worker->backstage, LK_RUN_TEARDOWN),
        .set_up_abandoned = worker->hook_abandoned[LK_RUN_SETUP],
        .tear_down_abandoned = worker->hook_abandoned[LK_RUN_TEARDOWN],
        .no_users = worker->ended_by == LKI_END_NO_USERS,
    };

    lki_result_judge(result, &judged);
}

/* Its clock is a fake one: what it takes of the machine says nothing. */
enum lk_err lki_account_worker(struct lki_result *result, const struct lki_run_settings *settings,
                               struct lki_worker *worker)
{
    int64_t now_ns = worker->end_ns ? worker->end_ns : lki_loop_now(worker->loop);
    const struct lki_loop_health loop = lki_worker_health(worker);
    const struct lki_result_health health = {
        .waited_ns = -1, .overflowed = loop.overflowed, .abandoned = worker->abandoned};
    enum lk_err err = lki_result_init(
        result,
        &(struct lki_result_settings){
            .program = settings->program,
            .seed = settings->seed,
            .duration_ns = now_ns - worker->start_ns,
            .users = settings->users,
            .ended_by = end_text(worker->ended_by),
            .model = worker->crowd.model,
            .arrivals = settings->rate_per_s > 0 ? &worker->arrivals.log : NULL,
            .probes = lki_backstage_logs(worker->backstage),
            .probe_count = worker->crowd.model->probe_count,
            .health = &health,
            .health_count = 1,
        },
        &worker->metrics, &worker->series);

    if (!err)
        judge_worker(result, worker);
    return err;
}
