#include "user/user.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "user/arrivals.h"
#include "user/life.h"

#define BACK_OFF_FIRST_NS (1 * LKI_NS_PER_S)
#define BACK_OFF_MAX_NS (30 * LKI_NS_PER_S)

/* ---- the crowd ---- */

static enum lk_err step_metrics_init(struct lki_crowd *crowd)
{
    const struct lki_model *model = crowd->model;

    crowd->step_metrics = calloc(model->type_count, sizeof(*crowd->step_metrics));
    for (size_t t = 0; crowd->step_metrics && t < model->type_count; t++) {
        const struct lki_vu_type *type = &model->types[t];

        crowd->step_metrics[t] = calloc(type->step_count, sizeof(**crowd->step_metrics));
        if (!crowd->step_metrics[t])
            return LK_E_NOMEM;
        for (size_t s = 0; s < type->step_count; s++)
            crowd->step_metrics[t][s] = lki_metrics_find(crowd->metrics, LKI_SOURCE_STEP,
                                                         type->steps[s].label, type->steps[s].label,
                                                         strlen(type->steps[s].label));
    }
    return crowd->step_metrics ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_crowd_init(struct lki_crowd *crowd, struct lki_loop *loop,
                           const struct lki_model *model, struct lki_metrics *metrics)
{
    enum lk_err err;

    *crowd = (struct lki_crowd){.loop = loop,
                                .model = model,
                                .metrics = metrics,
                                .http = {.origins = {.loop = loop}},
                                .iterations_left = UINT64_MAX};
    err = lki_resources_init(&crowd->resources, model);
    if (!err)
        err = step_metrics_init(crowd);
    if (!err)
        err = lki_customs_init(&metrics->customs, model->metrics, model->metric_count);
    if (err)
        lki_crowd_release(crowd);
    return err;
}

void lki_crowd_release(struct lki_crowd *crowd)
{
    for (size_t t = 0; crowd->step_metrics && t < crowd->model->type_count; t++)
        free(crowd->step_metrics[t]);
    free(crowd->step_metrics);
    crowd->step_metrics = NULL;
    lki_resources_release(&crowd->resources);
    /* a function on a helper thread that was given up may still read it */
    if (!crowd->loop->task_count)
        lki_run_data_free(crowd->run_data);
    crowd->run_data = NULL;
    lki_http_shared_release(&crowd->http);
}

uint64_t lki_crowd_hook_errors(const struct lki_crowd *crowd)
{
    uint64_t errors = 0;

    for (size_t i = 0; i < LKI_COUNT(crowd->hook_metrics); i++) {
        const struct lki_metric *metric = crowd->hook_metrics[i];

        errors += metric ? metric->second.errors + metric->total.errors : 0;
    }
    return errors;
}

/* ---- the life ---- */

static void user_gone(struct lki_user *user)
{
    struct lki_crowd *crowd = user->crowd;

    user->phase = LKI_LIFE_GONE;
    if (--crowd->alive == 0)
        crowd->on_empty(crowd);
}

static bool must_go(const struct lki_user *user)
{
    return user->leaving || user->crowd->draining;
}

static void state_clear(struct lki_user *user)
{
    size_t steps = user->type->step_count;

    memset(user->state, 0, user->type->state_bytes);
    memset(user->ready_ns, 0, steps * sizeof(*user->ready_ns));
    memset(user->done, 0, steps);
}

/* What ends every life, whichever way it went. task NULL: no hook can be run. */
static void life_end(struct lki_task *task, struct lki_user *user)
{
    if (user->phase == LKI_LIFE_ACTIVE)
        user->crowd->active--;
    if (task && !user->crowd->cut)
        lki_hook_run(task, user, LK_HOOK_STOP);
    lki_resource_give_all(&user->held);
    lki_http_client_reset(&user->vu.http);
    user->phase = LKI_LIFE_UNBORN;
}

/* Zeroed state, init, start. False: that life is over. */
static bool life_begin(struct lki_task *task, struct lki_user *user)
{
    state_clear(user);
    if (lki_hook_run(task, user, LK_HOOK_INIT) && lki_hook_run(task, user, LK_HOOK_START)) {
        user->phase = LKI_LIFE_ACTIVE;
        user->crowd->active++;
        user->back_off_ns = 0;
        return true;
    }
    life_end(task, user);
    user->back_off_ns = user->back_off_ns ? user->back_off_ns * 2 : BACK_OFF_FIRST_NS;
    if (user->back_off_ns > BACK_OFF_MAX_NS)
        user->back_off_ns = BACK_OFF_MAX_NS;
    return false;
}

/* What a user whose task ends waits for. */
enum stay {
    STAY_NOT,     /* nothing: it has to go */
    STAY_A_WHILE, /* its timer */
    STAY_FREE     /* an arrival */
};

/* Must the user wait for an arrival before it begins anything? */
static bool lacks_arrival(const struct lki_crowd *crowd)
{
    return crowd->arrivals && !lki_arrivals_waiting(crowd->arrivals);
}

static inline bool take_iteration(struct lki_user *user, int64_t now_ns)
{
    struct lki_crowd *crowd = user->crowd;

    if (LKI_UNLIKELY(crowd->arrivals != NULL))
        return lki_arrivals_take(crowd->arrivals, now_ns, &user->vu.late_ns);
    if (LKI_LIKELY(crowd->iterations_left == UINT64_MAX))
        return true;
    if (crowd->iterations_left == 0)
        return false;
    if (--crowd->iterations_left == 0)
        crowd->on_exhausted(crowd);
    return true;
}

/* After a step that never waited it is the others' turn. waits is how often the task had waited
 * when the last iteration began. */
static bool give_turn(struct lki_task *task, uint64_t waits)
{
    if (LKI_LIKELY(task->waits != waits))
        return false;
    lki_task_yield(task);
    return true;
}

static void iteration_end(struct lki_user *user, enum lki_outcome outcome)
{
    user->crowd->metrics->totals.iterations += outcome != LKI_OUTCOME_CANCELLED;
    user->vu.late_ns = -1;
}

/* Steps chosen by weight, one after the other. STAY_A_WHILE: until *next_ns none is ready. What is
 * not carried out has not been drawn: the choices of a user do not depend on the others. */
static enum stay live_by_weight(struct lki_task *task, struct lki_user *user, int64_t *next_ns)
{
    struct lki_crowd *crowd = user->crowd;
    int64_t now_ns = lki_loop_now(crowd->loop);
    uint64_t waits = UINT64_MAX;

    while (!must_go(user)) {
        struct lki_rng before = user->vu.rng;
        const struct lki_step *step = lki_step_choose(user, now_ns, next_ns);

        if (!step)
            return STAY_A_WHILE;
        if (lacks_arrival(crowd)) {
            user->vu.rng = before;
            return STAY_FREE;
        }
        if (give_turn(task, waits)) {
            user->vu.rng = before;
            now_ns = lki_loop_now(crowd->loop);
            continue;
        }
        if (!take_iteration(user, now_ns))
            return STAY_NOT;
        waits = task->waits;
        iteration_end(user, lki_step_run(task, user, step, now_ns, &now_ns));
    }
    return STAY_NOT;
}

/* What a strategy of the author's chooses. STAY_A_WHILE: it wants to be asked again at *next_ns. It
 * may keep count of its choices, so none is thrown away. */
static enum stay live_by_strategy(struct lki_task *task, struct lki_user *user, int64_t *next_ns)
{
    struct lki_crowd *crowd = user->crowd;
    uint64_t waits = UINT64_MAX;

    while (!must_go(user)) {
        int64_t now_ns = lki_loop_now(crowd->loop);
        struct lki_turn turn;
        bool taken;

        if (lacks_arrival(crowd))
            return STAY_FREE;
        if (give_turn(task, waits))
            continue;
        if (!lki_turn_choose(&turn, task, user, now_ns, next_ns))
            return must_go(user) ? STAY_NOT : STAY_A_WHILE;
        taken = !must_go(user) && take_iteration(user, now_ns);
        waits = task->waits;
        if (taken)
            iteration_end(user, lki_turn_run(&turn, task, now_ns));
        lki_turn_end(&turn);
        if (!taken && !crowd->arrivals)
            return STAY_NOT;
    }
    return STAY_NOT;
}

static void user_run(struct lki_task *task)
{
    struct lki_user *user = task->owner;
    struct lki_crowd *crowd = user->crowd;
    int64_t next_ns = LKI_NEVER;
    enum stay stay = must_go(user) ? STAY_NOT : STAY_A_WHILE;

    if (stay && user->phase == LKI_LIFE_UNBORN && !life_begin(task, user)) {
        stay = must_go(user) ? STAY_NOT : STAY_A_WHILE;
        next_ns = lki_ns_after(lki_loop_now(crowd->loop), user->back_off_ns);
    } else if (stay) {
        stay = lki_has_strategy(user->type) ? live_by_strategy(task, user, &next_ns)
                                            : live_by_weight(task, user, &next_ns);
    }
    if (stay == STAY_NOT && user->phase == LKI_LIFE_ACTIVE)
        life_end(task, user);
    user->task = NULL;
    if (stay == STAY_NOT)
        user_gone(user);
    else if (stay == STAY_FREE)
        lki_arrivals_await(crowd->arrivals, user);
    else
        lki_timer_set(&crowd->loop->timers, &user->timer, next_ns);
}

static size_t stack_bytes_of(const struct lki_vu_type *type)
{
    size_t most = 0;

    for (size_t i = 0; i < type->step_count; i++) {
        if (type->steps[i].stack_bytes > most)
            most = type->steps[i].stack_bytes;
    }
    return most;
}

/* What the user was about to do begins later: that must not pass in silence. */
static void wait_for_stack(struct lki_user *user)
{
    struct lki_loop *loop = user->crowd->loop;

    lki_metrics_error(user->crowd->metrics, LKI_SOURCE_LIFECYCLE, "", LKI_CODE_LIFECYCLE_FAILED,
                      "no memory for a stack, tried again after a second", user->vu.id);
    lki_timer_set(&loop->timers, &user->timer, lki_loop_now(loop) + BACK_OFF_FIRST_NS);
}

void lki_user_wake(struct lki_user *user)
{
    struct lki_crowd *crowd = user->crowd;

    if (user->task || user->phase == LKI_LIFE_GONE)
        return;
    if (crowd->arrivals)
        lki_arrivals_forget(crowd->arrivals, user);
    if (must_go(user) &&
        (crowd->cut || user->phase == LKI_LIFE_UNBORN || !user->type->hooks[LK_HOOK_STOP])) {
        if (user->phase == LKI_LIFE_ACTIVE)
            life_end(NULL, user);
        user_gone(user);
        return;
    }
    user->task = lki_task_new(crowd->loop, stack_bytes_of(user->type), user_run, user);
    if (user->task)
        lki_task_resume(user->task);
    else
        wait_for_stack(user);
}

static void on_timer(struct lki_timer *timer)
{
    lki_user_wake(LKI_CONTAINER(timer, struct lki_user, timer));
}

static void on_post(struct lki_post *post)
{
    lki_user_wake(LKI_CONTAINER(post, struct lki_user, post));
}

/* One block for the user, what it keeps for each step, and the author's state. */
enum lk_err lki_user_new(struct lki_user **out, struct lki_crowd *crowd,
                         const struct lki_vu_type *type, uint64_t id, uint64_t seed)
{
    size_t align = alignof(max_align_t);
    size_t steps_at = (sizeof(struct lki_user) + align - 1) & ~(align - 1);
    size_t done_at = steps_at + type->step_count * sizeof(int64_t);
    size_t state_at = (done_at + type->step_count + align - 1) & ~(align - 1);
    char *block = lki_zalloc(state_at + type->state_bytes);
    struct lki_user *user = (struct lki_user *)(void *)block;
    enum lk_err err;

    if (!user)
        return LK_E_NOMEM;
    err = lki_timer_init(&crowd->loop->timers, &user->timer, on_timer);
    if (err) {
        free(user);
        return err;
    }
    user->vu.loop = crowd->loop;
    user->vu.metrics = crowd->metrics;
    user->vu.id = id;
    user->vu.late_ns = -1;
    user->vu.http.shared = &crowd->http;
    lki_rng_seed(&user->vu.rng, seed, id);
    user->crowd = crowd;
    user->type = type;
    user->ready_ns = (int64_t *)(void *)(block + steps_at);
    user->done = (unsigned char *)block + done_at;
    user->state = block + state_at;
    crowd->alive++;
    crowd->resources.users++;
    *out = user;
    return LK_OK;
}

void lki_user_begin(struct lki_user *user)
{
    lki_loop_post(user->crowd->loop, &user->post, on_post);
}

void lki_user_free(struct lki_user *user)
{
    /* one whose step is still with a helper thread stays, as does its stack */
    if (!user || user->task)
        return;
    if (user->crowd->arrivals)
        lki_arrivals_forget(user->crowd->arrivals, user);
    lki_loop_unpost(user->crowd->loop, &user->post);
    lki_timer_release(&user->crowd->loop->timers, &user->timer);
    lki_resource_give_all(&user->held);
    lki_http_client_reset(&user->vu.http);
    free(user);
}

void lki_user_leave(struct lki_user *user)
{
    user->leaving = true;
    if (!user->task && user->phase != LKI_LIFE_GONE)
        lki_loop_post(user->crowd->loop, &user->post, on_post);
}
