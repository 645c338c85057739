/* Several functions of a user at once, inside one step: lk_parallel, and requests at once. */
#include <loadkit/http.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "user/life.h"

/* As many as browsers open to a server. */
#define AT_ONCE_DEFAULT 6

/* How several things went: the end of the run before all else, else the first failure. */
struct ending {
    enum lki_outcome outcome;
    const char *message;
};

static void note_end(struct ending *ending, enum lki_outcome outcome, const char *message)
{
    if (outcome == LKI_OUTCOME_CANCELLED ||
        (outcome != LKI_OUTCOME_OK && ending->outcome == LKI_OUTCOME_OK))
        *ending = (struct ending){outcome, message};
}

static void leave_if_failed(struct lki_task *task, const struct ending *ending)
{
    if (ending->outcome != LKI_OUTCOME_OK)
        lki_task_leave(task, ending->outcome, ending->message);
}

/* ---- functions ---- */

struct calls {
    struct lki_set set;
    struct ending ending;
};

struct call_part {
    struct lki_part part;
    const struct lk_call *call;
};

static void call_fn(void *call_, void *user)
{
    const struct lk_call *call = call_;

    call->fn(&((struct lki_user *)user)->vu, call->arg);
}

/* In a task of its own it belongs to the same unit, and allocates where that does: what it gets
 * stays until the step ends. */
static enum lki_outcome call_alone(struct lki_task *task, const struct lki_task *step,
                                   struct lk_call *call, struct lki_user *user)
{
    enum lki_outcome outcome = LKI_OUTCOME_CANCELLED;

    task->owner = step->owner;
    task->memory = step->memory;
    if (!task->cut)
        outcome = lki_task_call(task, call_fn, call, user, step->deadline_ns);
    lki_unit_over(task->owner, task, outcome, lki_loop_now(task->loop));
    return outcome;
}

static void call_run(struct lki_part *part, struct lki_task *task)
{
    struct calls *calls = LKI_CONTAINER(part->set, struct calls, set);
    struct lk_call call = *LKI_CONTAINER(part, struct call_part, part)->call;
    const struct lki_task *step = part->set->task;
    const char *message = NULL;
    enum lki_outcome outcome;

    if (task == step) {
        outcome = lki_task_call_inside(task, call_fn, &call, part->set->user, &message);
    } else {
        outcome = call_alone(task, step, &call, part->set->user);
        message = task->message;
    }
    note_end(&calls->ending, outcome, message);
}

static void part_add(lk_vu *vu, struct calls *calls, struct call_part *part)
{
    if (!lki_set_add(&calls->set, &part->part, calls->set.task->stack->bytes, call_run))
        lki_metrics_error(vu->metrics, LKI_SOURCE_LIFECYCLE, lki_vu_unit(vu)->step,
                          LKI_CODE_STEP_NOMEM,
                          "no memory for a stack, carried out after the others", vu->id);
}

void lk_parallel_run(lk_vu *vu, size_t count, const struct lk_call *calls)
{
    struct lki_task *task = lki_vu_task(vu);
    struct call_part *parts;
    struct calls all = {.ending = {LKI_OUTCOME_OK, NULL}};
    enum lki_wake why;

    if (count)
        lki_need(calls, "lk_parallel", "the list of functions");
    if (task->cut)
        lki_task_heed(task, LKI_WAKE_CUT);
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].fn)
            lki_vu_fail(vu, "lk_parallel: function %zu of %zu is NULL", i + 1, count);
    }
    parts = count < SIZE_MAX / sizeof(*parts)
                ? lki_arena_alloc(lki_vu_arena(vu), count * sizeof(*parts))
                : NULL;
    if (!parts)
        lki_vu_nomem(vu);
    lki_set_open(&all.set, lki_user_of(vu), task);
    for (size_t i = 0; i < count; i++) {
        parts[i].call = &calls[i];
        part_add(vu, &all, &parts[i]);
    }
    why = lki_set_wait(&all.set);
    leave_if_failed(task, &all.ending);
    lki_task_heed(task, why);
}

/* ---- requests ---- */

struct batch {
    const struct lk_request *const *requests;
    lk_response **responses;
    size_t count;
    size_t next;
    struct ending ending;
};

struct turn {
    lk_vu *vu;
    size_t at;
};

static void send_one(void *batch_, void *turn_)
{
    const struct batch *batch = batch_;
    const struct turn *turn = turn_;

    batch->responses[turn->at] = lk_http(turn->vu, batch->requests[turn->at]);
}

/* One after the other until none is left. One that fails does not keep the rest from being sent. */
static void send_some(lk_vu *vu, void *batch_)
{
    struct lki_task *task = lki_vu_task(vu);
    struct batch *batch = batch_;

    while (batch->next < batch->count) {
        struct turn turn = {vu, batch->next++};
        const char *message;
        enum lki_outcome outcome = lki_task_call_inside(task, send_one, batch, &turn, &message);

        note_end(&batch->ending, outcome, message);
        if (outcome == LKI_OUTCOME_CANCELLED || outcome == LKI_OUTCOME_TIMEOUT)
            lki_task_leave(task, outcome, message);
    }
}

void lk_http_batch(lk_vu *vu, size_t count, const struct lk_request *const *requests,
                   lk_response **responses, size_t at_once)
{
    struct batch batch = {.requests = requests, .responses = responses, .count = count};
    size_t workers = lki_min(at_once ? at_once : AT_ONCE_DEFAULT, count);
    struct lk_call *calls;

    if (count) {
        lki_need(requests, "lk_batch", "the list of requests");
        lki_need(responses, "lk_batch", "the list of responses");
    }
    for (size_t i = 0; i < count; i++) {
        if (!requests[i])
            lki_vu_fail(vu, "lk_batch: request %zu of %zu is NULL", i + 1, count);
        responses[i] = NULL;
    }
    calls = lki_arena_alloc(lki_vu_arena(vu), workers * sizeof(*calls));
    if (!calls)
        lki_vu_nomem(vu);
    for (size_t i = 0; i < workers; i++)
        calls[i] = (struct lk_call){send_some, &batch};
    lk_parallel_run(vu, workers, calls);
    leave_if_failed(lki_vu_task(vu), &batch.ending);
}
