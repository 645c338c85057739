#include "user/backstage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/index.h"
#include "user/life.h"

/* A hook of the run. */
struct hook {
    struct lki_backstage *backstage;
    const struct lk_run_hook_def *def; /* NULL: none */
    struct lki_post post;
    bool failed;
    char message[LKI_ERROR_MESSAGE_MAX + 1]; /* why */
};

struct probe {
    struct lki_backstage *backstage;
    const struct lk_probe_def *def;
    struct lki_timer timer; /* when it is read next */
    struct lki_probe_log *log;
    bool in_hand; /* it is being read */
};

struct lki_backstage {
    struct lki_user user; /* as far as calls of hooks and probes need one */
    struct lki_backstage_owner owner;
    struct hook hooks[LK_RUN_HOOK_COUNT_];
    struct lki_post first_readings;
    struct probe *probes;
    struct lki_probe_log *logs; /* of the probes, in their order */
    size_t probe_count;
    size_t readings; /* in hand */
    size_t tasks;    /* in hand: hooks and readings */
    bool probing;    /* the run is on */
    int64_t start_ns;
};

/* A hook or a reading being carried out; on the stack of its task, so that a time-out in a wait
 * that cannot be left is recorded at once. */
struct act {
    struct lki_unit unit;
    struct lki_backstage *backstage;
    struct hook *hook; /* or else */
    struct probe *probe;
    struct lk_value value; /* that the probe read */
    int64_t start_ns;
    bool recorded;
};

/* ---- what became of it ---- */

static void tell(const struct act *act, lki_code code, const char *message, int64_t end_ns)
{
    struct lki_user *user = &act->backstage->user;
    struct lki_work_done done = {&user->vu, act->unit.step, code, message, act->start_ns, end_ns};

    if (*message)
        lki_metrics_error(user->vu.metrics, act->hook ? LKI_SOURCE_LIFECYCLE : LKI_SOURCE_CUSTOM,
                          act->unit.step, code, message, user->vu.id);
    if (user->crowd->on_work)
        user->crowd->on_work(user->crowd, &done);
}

static void record_hook(struct act *act, enum lki_outcome outcome, const char *message,
                        int64_t end_ns)
{
    const char *name = act->unit.step;
    struct lki_metric *metric = lki_metrics_find(act->backstage->user.vu.metrics,
                                                 LKI_SOURCE_LIFECYCLE, "", name, strlen(name));
    struct lki_ending ending = lki_hook_ending(outcome);

    act->hook->failed = ending.verdict == LKI_SAMPLE_ERROR;
    snprintf(act->hook->message, sizeof(act->hook->message), "%s", message);
    lki_metric_record_simple(metric, ending.code, ending.verdict, end_ns - act->start_ns);
    tell(act, ending.code, message, end_ns);
}

/* A reading that the end of the run cut off is none. */
static void record_reading(struct act *act, enum lki_outcome outcome, const char *message,
                           int64_t end_ns)
{
    struct lki_reading reading;

    if (outcome == LKI_OUTCOME_CANCELLED)
        return;
    reading = (struct lki_reading){.t_ns = end_ns - act->backstage->start_ns,
                                   .failed = outcome != LKI_OUTCOME_OK,
                                   .value = lk_value_null(),
                                   .took_ns = end_ns - act->start_ns};
    if (reading.failed)
        reading.message = message;
    else
        reading.value = act->value;
    lki_probe_log_add_reading(act->probe->log, &reading);
    tell(act, outcome == LKI_OUTCOME_OK ? LKI_CODE_METRIC_OK : LKI_CODE_METRIC_FAILED, message,
         end_ns);
}

static void record(struct act *act, enum lki_outcome outcome, const char *message)
{
    int64_t end_ns = lki_loop_now(act->backstage->user.vu.loop);

    if (act->recorded)
        return;
    act->recorded = true;
    lki_unit_over(&act->unit, NULL, outcome, end_ns);
    if (act->hook)
        record_hook(act, outcome, lki_failure(outcome, message), end_ns);
    else
        record_reading(act, outcome, lki_failure(outcome, message), end_ns);
}

/* ---- carrying out ---- */

static void on_overdue(struct lki_task *task, enum lki_outcome outcome)
{
    record(LKI_CONTAINER(task->owner, struct act, unit), outcome, NULL);
}

static void act_init(struct act *act, struct lki_backstage *backstage, const char *name)
{
    *act = (struct act){
        .unit = {.vu = &backstage->user.vu, .step = name},
        .backstage = backstage,
        .start_ns = lki_loop_now(backstage->user.vu.loop),
    };
}

static enum lki_outcome act_run(struct lki_task *task, struct act *act,
                                void (*call)(void *act, void *unused), int64_t limit_ns)
{
    enum lki_outcome outcome;

    task->owner = &act->unit;
    lki_task_take(task, act->unit.step);
    task->on_overdue = on_overdue;
    outcome = lki_task_call(task, call, act, NULL, lki_ns_after(act->start_ns, limit_ns));
    record(act, outcome, task->message);
    lki_unit_end(&act->unit);
    lki_arena_reset(&task->arena);
    return outcome;
}

/* Without a stack it fails before it has begun. */
static void act_fail(struct act *act)
{
    record(act, LKI_OUTCOME_NOMEM, "no memory for a stack");
}

/* ---- hooks ---- */

static void hook_over(struct hook *hook, enum lki_outcome outcome)
{
    const struct lki_backstage_owner *owner = &hook->backstage->owner;

    owner->on_hook_over(owner->arg, hook->def->hook, outcome);
}

static void call_hook(void *arg, void *unused)
{
    struct act *act = arg;

    (void)unused;
    act->hook->def->run(&act->backstage->user.vu);
}

static void hook_run(struct lki_task *task)
{
    struct hook *hook = task->owner;
    struct lki_backstage *backstage = hook->backstage;
    enum lki_outcome outcome;
    struct act act;

    act_init(&act, backstage, lki_run_hook_name(hook->def->hook));
    act.unit.sets_up = hook->def->hook == LK_RUN_SETUP;
    act.hook = hook;
    outcome = act_run(task, &act, call_hook,
                      lki_timeout_ns(hook->def->timeout_s, LKI_RUN_HOOK_TIMEOUT_S));
    backstage->tasks--;
    hook_over(hook, outcome);
}

static void on_hook_post(struct lki_post *post)
{
    struct hook *hook = LKI_CONTAINER(post, struct hook, post);
    struct lki_task *task = lki_task_new(hook->backstage->user.vu.loop, 0, hook_run, hook);
    struct act act;

    if (task) {
        hook->backstage->tasks++;
        lki_task_resume(task);
        return;
    }
    act_init(&act, hook->backstage, lki_run_hook_name(hook->def->hook));
    act.hook = hook;
    act_fail(&act);
    hook_over(hook, LKI_OUTCOME_NOMEM);
}

int64_t lki_backstage_hook(struct lki_backstage *backstage, enum lk_run_hook_kind kind)
{
    struct hook *hook = &backstage->hooks[kind];
    struct lki_loop *loop = backstage->user.vu.loop;

    if (!hook->def)
        return 0;
    lki_loop_post(loop, &hook->post, on_hook_post);
    return lki_ns_after(lki_loop_now(loop),
                        lki_timeout_ns(hook->def->timeout_s, LKI_RUN_HOOK_TIMEOUT_S));
}

bool lki_backstage_forgo(struct lki_backstage *backstage, enum lk_run_hook_kind kind)
{
    struct lki_post *post = &backstage->hooks[kind].post;
    bool waits = post->fn != NULL;

    lki_loop_unpost(backstage->user.vu.loop, post);
    return waits;
}

const char *lki_backstage_failure(const struct lki_backstage *backstage, enum lk_run_hook_kind kind)
{
    const struct hook *hook = &backstage->hooks[kind];

    return hook->failed ? hook->message : NULL;
}

/* ---- probes ---- */

static void call_read(void *arg, void *unused)
{
    struct act *act = arg;
    lk_vu *vu = &act->backstage->user.vu;

    (void)unused;
    act->value = act->probe->def->read(vu);
    if (!lki_reading_fits(&act->value))
        lki_vu_fail(vu, "a probe gives a finite number, a boolean, a string or NULL, and nothing "
                        "else");
}

/* The next reading, if there is to be one, is a period from now. */
static void reading_over(struct probe *probe)
{
    struct lki_backstage *backstage = probe->backstage;
    struct lki_loop *loop = backstage->user.vu.loop;

    probe->in_hand = false;
    backstage->readings--;
    if (backstage->probing)
        lki_timer_set(&loop->timers, &probe->timer,
                      lki_ns_after(lki_loop_now(loop), lki_ns(probe->def->every_s)));
    else if (!backstage->readings)
        backstage->owner.on_probes_over(backstage->owner.arg);
}

static void probe_run(struct lki_task *task)
{
    struct probe *probe = task->owner;
    struct act act;

    act_init(&act, probe->backstage, probe->def->def.name);
    act.probe = probe;
    act_run(task, &act, call_read, lki_timeout_ns(probe->def->timeout_s, LKI_PROBE_TIMEOUT_S));
    probe->backstage->tasks--;
    reading_over(probe);
}

static void probe_read(struct probe *probe)
{
    struct lki_backstage *backstage = probe->backstage;
    struct lki_task *task = lki_task_new(backstage->user.vu.loop, 0, probe_run, probe);
    struct act act;

    probe->in_hand = true;
    backstage->readings++;
    if (task) {
        backstage->tasks++;
        lki_task_resume(task);
        return;
    }
    act_init(&act, backstage, probe->def->def.name);
    act.probe = probe;
    act_fail(&act);
    reading_over(probe);
}

static void on_probe_due(struct lki_timer *timer)
{
    probe_read(LKI_CONTAINER(timer, struct probe, timer));
}

static void on_first_readings(struct lki_post *post)
{
    struct lki_backstage *backstage = LKI_CONTAINER(post, struct lki_backstage, first_readings);

    /* one that is still being read, since before the probes were ended, goes on after that */
    for (size_t i = 0; i < backstage->probe_count; i++) {
        if (!backstage->probes[i].in_hand)
            probe_read(&backstage->probes[i]);
    }
}

void lki_backstage_probes_begin(struct lki_backstage *backstage, int64_t start_ns)
{
    backstage->probing = true;
    backstage->start_ns = start_ns;
    lki_loop_post(backstage->user.vu.loop, &backstage->first_readings, on_first_readings);
}

size_t lki_backstage_probes_end(struct lki_backstage *backstage)
{
    backstage->probing = false;
    lki_loop_unpost(backstage->user.vu.loop, &backstage->first_readings);
    for (size_t i = 0; i < backstage->probe_count; i++)
        lki_timer_cancel(&backstage->probes[i].timer);
    return backstage->readings;
}

const struct lki_probe_log *lki_backstage_logs(const struct lki_backstage *backstage)
{
    return backstage->logs;
}

/* ---- the hidden user ---- */

struct lki_http_client *lki_backstage_http(struct lki_backstage *backstage)
{
    return &backstage->user.vu.http;
}

static enum lk_err probes_init(struct lki_backstage *backstage, const struct lki_model *model)
{
    size_t room = model->probe_count ? model->probe_count : 1;
    enum lk_err err = LK_OK;

    backstage->probes = calloc(room, sizeof(*backstage->probes));
    backstage->logs = calloc(room, sizeof(*backstage->logs));
    if (!backstage->probes || !backstage->logs)
        return LK_E_NOMEM;
    for (size_t i = 0; i < model->probe_count && !err; i++) {
        struct probe *probe = &backstage->probes[i];

        probe->backstage = backstage;
        probe->def = model->probes[i];
        probe->log = &backstage->logs[i];
        probe->log->name = probe->def->def.name;
        err = lki_timer_init(&backstage->user.vu.loop->timers, &probe->timer, on_probe_due);
        backstage->probe_count += !err;
    }
    return err;
}

static void hooks_init(struct lki_backstage *backstage, const struct lki_model *model)
{
    for (int i = 0; i < LK_RUN_HOOK_COUNT_; i++) {
        backstage->hooks[i].backstage = backstage;
        backstage->hooks[i].def = model->run_hooks[i];
    }
}

enum lk_err lki_backstage_new(struct lki_backstage **out, struct lki_crowd *crowd, uint64_t seed,
                              const struct lki_backstage_owner *owner)
{
    struct lki_backstage *backstage = lki_zalloc(sizeof(*backstage));
    enum lk_err err;

    if (!backstage)
        return LK_E_NOMEM;
    backstage->owner = *owner;
    backstage->user.vu.loop = crowd->loop;
    backstage->user.vu.metrics = crowd->metrics;
    backstage->user.vu.late_ns = -1;
    backstage->user.vu.http.shared = &crowd->http;
    lki_rng_seed(&backstage->user.vu.rng, seed, 0);
    backstage->user.crowd = crowd;
    hooks_init(backstage, crowd->model);
    err = probes_init(backstage, crowd->model);
    if (!err)
        *out = backstage;
    else
        lki_backstage_free(backstage);
    return err;
}

void lki_backstage_free(struct lki_backstage *backstage)
{
    /* one that a helper thread still works for stays, as does the stack */
    if (!backstage || backstage->tasks)
        return;
    for (size_t i = 0; i < backstage->probe_count; i++) {
        lki_timer_release(&backstage->user.vu.loop->timers, &backstage->probes[i].timer);
        lki_probe_log_release(&backstage->logs[i]);
    }
    lki_loop_unpost(backstage->user.vu.loop, &backstage->first_readings);
    for (int i = 0; i < LK_RUN_HOOK_COUNT_; i++)
        lki_loop_unpost(backstage->user.vu.loop, &backstage->hooks[i].post);
    lki_http_client_reset(&backstage->user.vu.http);
    free(backstage->probes);
    free(backstage->logs);
    free(backstage);
}
