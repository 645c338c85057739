/* Carrying out hooks and steps: the call, its sample, and the pause that follows. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/index.h"
#include "user/life.h"

#define MISSED_BYTES 256

/* Hooks appear in the report when the first of them has run. */
static struct lki_metric *life_metric(struct lki_crowd *crowd, int kind)
{
    static const char *const names[] = {"on_init", "on_start", "on_stop", "strategy", "pause"};

    if (!crowd->hook_metrics[kind])
        crowd->hook_metrics[kind] = lki_metrics_find(crowd->metrics, LKI_SOURCE_LIFECYCLE, "",
                                                     names[kind], strlen(names[kind]));
    return crowd->hook_metrics[kind];
}

static struct lki_ending step_ending(enum lki_outcome outcome)
{
    static const struct lki_ending endings[] = {
        [LKI_OUTCOME_OK] = {LKI_CODE_STEP_OK, LKI_SAMPLE_OK},
        [LKI_OUTCOME_FAILED] = {LKI_CODE_STEP_FAILED, LKI_SAMPLE_ERROR},
        [LKI_OUTCOME_TIMEOUT] = {LKI_CODE_STEP_TIMEOUT, LKI_SAMPLE_ERROR},
        [LKI_OUTCOME_CANCELLED] = {LKI_CODE_STEP_CANCELLED, LKI_SAMPLE_CANCELLED},
        [LKI_OUTCOME_NOMEM] = {LKI_CODE_STEP_NOMEM, LKI_SAMPLE_ERROR},
    };

    return endings[outcome];
}

struct lki_ending lki_hook_ending(enum lki_outcome outcome)
{
    static const struct lki_ending endings[] = {
        [LKI_OUTCOME_OK] = {LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK},
        [LKI_OUTCOME_FAILED] = {LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR},
        [LKI_OUTCOME_TIMEOUT] = {LKI_CODE_LIFECYCLE_TIMEOUT, LKI_SAMPLE_ERROR},
        [LKI_OUTCOME_CANCELLED] = {LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_CANCELLED},
        [LKI_OUTCOME_NOMEM] = {LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR},
    };

    return endings[outcome];
}

/* A hook or step on its way; on the stack of the task, so that a time-out in a wait that cannot be
 * left is recorded at once. */
struct work {
    struct lki_unit unit;
    struct lki_user *user;
    struct lki_metric *metric;
    enum lki_source source;
    const char *name;
    int64_t start_ns;
    int64_t end_ns;
    bool fatal; /* the life does not go on after a failure */
    bool recorded;
};

static void tell(const struct work *work, lki_code code, const char *message)
{
    struct lki_crowd *crowd = work->user->crowd;
    struct lki_work_done done = {&work->user->vu, work->name,     code,
                                 message,         work->start_ns, work->end_ns};

    crowd->on_work(crowd, &done);
}

const char *lki_failure(enum lki_outcome outcome, const char *message)
{
    if (LKI_LIKELY(outcome == LKI_OUTCOME_OK || outcome == LKI_OUTCOME_CANCELLED))
        return "";
    if (message)
        return message;
    return outcome == LKI_OUTCOME_TIMEOUT ? "timed out" : "out of memory";
}

/* A step or hook that failed is told of. */
static void tell_failure(const struct work *work, lki_code code, const char *message)
{
    struct lki_error_group *kind = lki_metrics_error(work->user->crowd->metrics, work->source,
                                                     work->name, code, message, work->user->vu.id);

    work->metric->second.fatal += work->fatal;
    if (kind->count == 1)
        kind->first_took_ns = work->end_ns - work->start_ns;
}

static void record(struct work *work, enum lki_outcome outcome, const char *message)
{
    struct lki_ending ending = work->source == LKI_SOURCE_STEP ? step_ending(outcome)
                                                               : lki_hook_ending(outcome);
    const struct lki_user *user = work->user;

    work->end_ns = lki_loop_now(user->crowd->loop);
    if (work->recorded)
        return;
    work->recorded = true;
    if (LKI_UNLIKELY(work->unit.timings != NULL))
        lki_unit_over(&work->unit, NULL, outcome, work->end_ns);
    lki_metric_record_simple(work->metric, ending.code, ending.verdict,
                             work->end_ns - work->start_ns);
    if (LKI_UNLIKELY(user->vu.late_ns >= 0 && outcome != LKI_OUTCOME_CANCELLED))
        lki_metric_record_late(work->metric, user->vu.late_ns + work->end_ns - work->start_ns);
    message = lki_failure(outcome, message);
    if (LKI_UNLIKELY(ending.verdict == LKI_SAMPLE_ERROR))
        tell_failure(work, ending.code, message);
    if (LKI_UNLIKELY(user->crowd->on_work != NULL))
        tell(work, ending.code, message);
}

static void on_overdue(struct lki_task *task, enum lki_outcome outcome)
{
    record(LKI_CONTAINER(task->owner, struct work, unit), outcome, NULL);
}

static void call_run(void *run, void *user)
{
    void (*const *fn)(lk_vu *, void *) = run;

    (*fn)(&((struct lki_user *)user)->vu, ((struct lki_user *)user)->state);
}

/* Carries out one hook or step and records it; work_end has to follow. */
static enum lki_outcome carry_out(struct lki_task *task, struct work *work,
                                  void (*run)(lk_vu *, void *), int64_t timeout_ns)
{
    enum lki_outcome outcome;

    work->unit.vu = &work->user->vu;
    work->unit.step = work->source == LKI_SOURCE_STEP ? work->name : "";
    task->owner = &work->unit;
    lki_task_take(task, work->name);
    task->on_overdue = on_overdue;
    outcome = lki_task_call(task, call_run, &run, work->user,
                            lki_ns_after(work->start_ns, timeout_ns));
    record(work, outcome, task->message);
    return outcome;
}

static void work_end(struct lki_task *task, struct work *work)
{
    lki_unit_end(&work->unit);
    lki_arena_reset(&task->arena);
    task->owner = work->user;
}

bool lki_hook_run(struct lki_task *task, struct lki_user *user, enum lk_hook_kind kind)
{
    const struct lk_hook_def *hook = user->type->hooks[kind];
    struct work work = {.user = user, .source = LKI_SOURCE_LIFECYCLE, .name = lki_hook_name(kind)};
    enum lki_outcome outcome;

    if (!hook)
        return true;
    work.metric = life_metric(user->crowd, kind);
    work.fatal = kind != LK_HOOK_STOP;
    work.start_ns = lki_loop_now(user->crowd->loop);
    outcome = carry_out(task, &work, hook->run, user->type->hook_timeout_ns[kind]);
    work_end(task, &work);
    return outcome == LKI_OUTCOME_OK;
}

void lki_life_called(struct lki_user *user, int which)
{
    lki_metric_count(life_metric(user->crowd, which), LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK);
}

void lki_life_failed(struct lki_user *user, int which, const char *step, const char *message)
{
    struct lki_crowd *crowd = user->crowd;
    struct lki_metric *metric = life_metric(crowd, which);
    int64_t now_ns = lki_loop_now(crowd->loop);
    struct work work = {.user = user, .name = metric->name, .start_ns = now_ns, .end_ns = now_ns};

    if (!message)
        message = "out of memory";
    lki_metric_record_simple(metric, LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 0);
    lki_metrics_error(crowd->metrics, LKI_SOURCE_LIFECYCLE, *step ? step : metric->name,
                      LKI_CODE_LIFECYCLE_FAILED, message, user->vu.id);
    if (crowd->on_work)
        tell(&work, LKI_CODE_LIFECYCLE_FAILED, message);
}

/* It counts among the users of the run, and has done nothing. */
void lki_life_missed(struct lki_user *user)
{
    lki_code code = user->awaits ? LKI_CODE_LIFECYCLE_WAITED : LKI_CODE_LIFECYCLE_UNBEGUN;
    char message[MISSED_BYTES];

    if (user->known || (!user->task && !user->back_off_ns))
        return;
    user->known = true;
    if (user->awaits)
        snprintf(message, sizeof(message), "waited for resource \"%s\" until the end",
                 user->awaits->def->def.name);
    else
        snprintf(message, sizeof(message), "%s",
                 user->back_off_ns ? "failed to begin" : "was at its on_start until the end");
    lki_metrics_error(user->crowd->metrics, LKI_SOURCE_LIFECYCLE, "", code, message, user->vu.id);
}

struct pause_call {
    double (*fn)(lk_vu *vu);
    double seconds;
};

static void call_pause(void *pause, void *vu)
{
    struct pause_call *call = pause;

    call->seconds = call->fn(vu);
}

/* The pause that follows a step, drawn anew each time. A function of the author's may fail like a
 * step, or be cut off. */
static int64_t pause_of(struct lki_task *task, struct work *work, const struct lk_delay *delay)
{
    struct lk_vu *vu = &work->user->vu;
    struct pause_call call = {delay->fn, delay->min_s};

    if (delay->fn && lki_task_call(task, call_pause, &call, vu, LKI_NEVER)) {
        if (task->outcome != LKI_OUTCOME_CANCELLED)
            lki_life_failed(work->user, LKI_LIFE_PAUSE, work->name, task->message);
        return LKI_FAILED_PAUSE_NS;
    }
    if (delay->fn)
        lki_life_called(work->user, LKI_LIFE_PAUSE);
    if (delay->max_s > delay->min_s)
        call.seconds += lki_rng_double(&vu->rng) * (delay->max_s - delay->min_s);
    return lki_ns(call.seconds);
}

enum lki_outcome lki_step_run(struct lki_task *task, struct lki_user *user,
                              const struct lki_step *step, int64_t start_ns, int64_t *end_ns)
{
    size_t type_at = (size_t)(user->type - user->crowd->model->types);
    size_t at = (size_t)(step - user->type->steps);
    struct work work = {.user = user,
                        .metric = user->crowd->step_metrics[type_at][at],
                        .source = LKI_SOURCE_STEP,
                        .name = step->label,
                        .start_ns = start_ns};
    enum lki_outcome outcome = carry_out(task, &work, step->def->run, step->timeout_ns);
    bool paced = step->def->pace.fn || step->def->pace.max_s > 0;
    int64_t from_ns = paced ? start_ns : work.end_ns;

    if (outcome == LKI_OUTCOME_OK)
        user->done[at] = 1;
    user->ready_ns[at] = lki_ns_after(
        from_ns, pause_of(task, &work, paced ? &step->def->pace : &step->def->every));
    work_end(task, &work);
    *end_ns = work.end_ns;
    return outcome;
}
