#include "user/factory.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "client/values.h"
#include "user/life.h"

struct lki_factory {
    struct lki_user user; /* as far as calls of the factory need one */
    struct lki_factory_owner owner;
    const struct lk_resource_def *def;
    uint64_t next;
    uint64_t left;
    size_t tasks;
    struct lki_post begin;
};

/* One object being made; on the stack of its task, so that a time-out in a wait that cannot be left
 * is told at once. */
struct act {
    struct lki_unit unit;
    struct lki_factory *factory;
    uint64_t id;
    const char *text;
    bool told;
};

static void tell(struct act *act, enum lki_outcome outcome, const char *message)
{
    const struct lki_factory_owner *owner = &act->factory->owner;
    bool made = outcome == LKI_OUTCOME_OK;

    if (act->told)
        return;
    act->told = true;
    lki_unit_over(&act->unit, NULL, outcome, lki_loop_now(act->factory->user.vu.loop));
    if (outcome == LKI_OUTCOME_CANCELLED)
        message = "it was cut off";
    else
        message = lki_failure(outcome, message);
    owner->on_made(owner->arg, act->id, made ? act->text : NULL, message);
}

static void on_overdue(struct lki_task *task, enum lki_outcome outcome)
{
    tell(LKI_CONTAINER(task->owner, struct act, unit), outcome, NULL);
}

static void call_make(void *arg, void *unused)
{
    struct act *act = arg;
    lk_vu *vu = &act->factory->user.vu;
    const char *id = lk_format(vu, "%llu", (unsigned long long)act->id);
    const lk_json *made = act->factory->def->make(vu, id);
    struct lki_json_value value;

    (void)unused;
    if (!made)
        lki_vu_fail(vu, "the factory of resource \"%s\" returned NULL", act->unit.step);
    if (lki_json_find(made->doc.text, made->doc.len, "", &value) || value.kind != LKI_JSON_OBJECT)
        lki_vu_fail(vu, "the factory of resource \"%s\" made no object", act->unit.step);
    act->text = lki_arena_copy(lki_vu_arena(vu), value.raw, value.len);
    if (!act->text)
        lki_vu_nomem(vu);
}

static enum lki_outcome make_one(struct lki_task *task, struct lki_factory *factory)
{
    struct act act = {
        .unit = {.vu = &factory->user.vu, .step = factory->def->def.name},
        .factory = factory,
        .id = factory->next++,
    };
    enum lki_outcome outcome;

    factory->left--;
    task->owner = &act.unit;
    lki_task_take(task, act.unit.step);
    task->on_overdue = on_overdue;
    outcome = lki_task_call(task, call_make, &act, NULL,
                            lki_ns_after(lki_loop_now(task->loop), lki_ns(LKI_HOOK_TIMEOUT_S)));
    tell(&act, outcome, task->message);
    lki_unit_end(&act.unit);
    lki_arena_reset(&task->arena);
    task->owner = factory;
    return outcome;
}

/* Those that never wait give others, and what is to be sent, a turn. */
static void run(struct lki_task *task)
{
    struct lki_factory *factory = task->owner;
    enum lki_outcome outcome = LKI_OUTCOME_OK;

    while (factory->left && outcome != LKI_OUTCOME_CANCELLED) {
        uint64_t waits = task->waits;

        outcome = make_one(task, factory);
        if (task->waits == waits)
            lki_task_yield(task);
    }
    factory->tasks--;
}

static void on_begin(struct lki_post *post)
{
    struct lki_factory *factory = LKI_CONTAINER(post, struct lki_factory, begin);
    uint64_t wanted = factory->left < LKI_FACTORY_TASKS ? factory->left : LKI_FACTORY_TASKS;

    while (factory->tasks < wanted) {
        struct lki_task *task = lki_task_new(factory->user.vu.loop, 0, run, factory);

        if (!task)
            break;
        factory->tasks++;
        lki_task_resume_later(task);
    }
    for (; !factory->tasks && factory->left; factory->left--)
        factory->owner.on_made(factory->owner.arg, factory->next++, NULL, "no memory for a stack");
}

int64_t lki_factory_limit_ns(uint64_t count)
{
    uint64_t rounds = count / LKI_FACTORY_TASKS + !!(count % LKI_FACTORY_TASKS);

    return lki_ns(LKI_HOOK_TIMEOUT_S * (double)rounds);
}

enum lk_err lki_factory_new(struct lki_factory **out, struct lki_crowd *crowd,
                            const struct lki_factory_order *order,
                            const struct lki_factory_owner *owner)
{
    struct lki_factory *factory;

    if (order->resource >= crowd->model->resource_count || !order->first)
        return LK_E_ARG;
    factory = lki_zalloc(sizeof(*factory));
    if (!factory)
        return LK_E_NOMEM;
    factory->owner = *owner;
    factory->def = crowd->model->resources[order->resource];
    factory->next = order->first;
    factory->left = order->count;
    factory->user.vu.loop = crowd->loop;
    factory->user.vu.metrics = crowd->metrics;
    factory->user.vu.late_ns = -1;
    factory->user.vu.http.shared = &crowd->http;
    lki_rng_seed(&factory->user.vu.rng, order->seed, order->first);
    factory->user.crowd = crowd;
    lki_loop_post(crowd->loop, &factory->begin, on_begin);
    *out = factory;
    return LK_OK;
}

void lki_factory_free(struct lki_factory *factory)
{
    if (!factory || factory->tasks)
        return;
    lki_loop_unpost(factory->user.vu.loop, &factory->begin);
    lki_http_client_reset(&factory->user.vu.http);
    free(factory);
}
