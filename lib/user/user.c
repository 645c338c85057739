#include "user/user.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "user/arrivals.h"
#include "user/life.h"

#define BACK_OFF_FIRST_NS (1 * LKI_NS_PER_S)
#define BACK_OFF_MAX_NS (30 * LKI_NS_PER_S)

/* One that has gone, but is counted. */
static void begin_anew(struct lki_user *user)
{
    user->phase = LKI_LIFE_UNBORN;
    user->leaving = false;
    user->again = false;
    user->cut = false;
    user->vu.should_stop = false;
    user->back_off_ns = 0;
    lki_user_begin(user);
}

static void user_gone(struct lki_user *user)
{
    struct lki_crowd *crowd = user->crowd;

    user->phase = LKI_LIFE_GONE;
    user->begun = false;
    lki_timer_cancel(&user->timer);
    if (user->again)
        begin_anew(user);
    else if (--crowd->alive == 0)
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
    if (task && !user->crowd->cut && !user->cut)
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
        user->known = true;
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
    STAY_FREE     /* an arrival, or an iteration */
};

/* Must the user wait for an arrival, or for an iteration, before it begins anything? */
static inline bool must_wait(const struct lki_crowd *crowd)
{
    if (LKI_UNLIKELY(crowd->arrivals != NULL))
        return !lki_arrivals_waiting(crowd->arrivals);
    return LKI_UNLIKELY(crowd->iterations_left == 0) && crowd->iterations_more;
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
    crowd->iterations_left--;
    ++*crowd->iterations_taken;
    if (LKI_UNLIKELY(crowd->iterations_left <= crowd->iterations_low))
        lki_crowd_low(crowd, crowd->iterations_left);
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
    user->crowd->metrics->totals->iterations += outcome != LKI_OUTCOME_CANCELLED;
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
        if (must_wait(crowd)) {
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

        if (must_wait(crowd))
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
        if (!taken && !crowd->arrivals && !crowd->iterations_more)
            return STAY_NOT;
    }
    return STAY_NOT;
}

static void wait_in_line(struct lki_user *user)
{
    struct lki_crowd *crowd = user->crowd;

    if (crowd->arrivals) {
        lki_arrivals_await(crowd->arrivals, user);
    } else {
        lki_line_join(&crowd->dry, user);
        crowd->on_low(crowd);
    }
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
        wait_in_line(user);
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

    lki_metrics_error(user->crowd->metrics, LKI_SOURCE_LIFECYCLE, "", LKI_CODE_STEP_NOMEM,
                      "no memory for a stack, tried again after a second", user->vu.id);
    lki_timer_set(&loop->timers, &user->timer, lki_loop_now(loop) + BACK_OFF_FIRST_NS);
}

void lki_user_wake(struct lki_user *user)
{
    struct lki_crowd *crowd = user->crowd;

    if (user->task || user->phase == LKI_LIFE_GONE)
        return;
    lki_line_leave(user);
    if (must_go(user) &&
        (crowd->cut || user->phase == LKI_LIFE_UNBORN || !user->type->hooks[LK_HOOK_STOP])) {
        if (user->phase == LKI_LIFE_ACTIVE)
            life_end(NULL, user);
        user_gone(user);
        return;
    }
    user->task = lki_task_new(crowd->loop, stack_bytes_of(user->type), user_run, user);
    if (!user->task) {
        wait_for_stack(user);
        return;
    }
    user->task->in_hand.user = user->vu.id;
    lki_task_resume(user->task);
}

/* The user's own task, and those of what it does at once. */
static void each_task(struct lki_user *user, void (*fn)(struct lki_task *task))
{
    fn(user->task);
    lki_sets_each_task(user, fn);
}

static void on_timer(struct lki_timer *timer)
{
    struct lki_user *user = LKI_CONTAINER(timer, struct lki_user, timer);

    if (user->task && user->leaving) {
        user->cut = true;
        each_task(user, lki_task_cut);
    } else {
        lki_user_wake(user);
    }
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
    crowd->resources.users += !crowd->resources.lender;
    *out = user;
    return LK_OK;
}

void lki_user_wake_later(struct lki_user *user)
{
    lki_loop_post(user->crowd->loop, &user->post, on_post);
}

void lki_user_begin(struct lki_user *user)
{
    if (user->phase == LKI_LIFE_GONE) {
        user->crowd->alive++;
        begin_anew(user);
    } else if (user->leaving) {
        user->again = true;
    } else if (!user->begun) {
        user->begun = true;
        lki_user_wake_later(user);
    }
}

void lki_user_free(struct lki_user *user)
{
    /* one whose step is still with a helper thread stays, as does its stack */
    if (!user || user->task)
        return;
    lki_line_leave(user);
    lki_loop_unpost(user->crowd->loop, &user->post);
    lki_timer_release(&user->crowd->loop->timers, &user->timer);
    lki_resource_give_all(&user->held);
    lki_http_client_reset(&user->vu.http);
    free(user);
}

void lki_user_leave(struct lki_user *user)
{
    lki_life_missed(user);
    user->again = false;
    user->leaving = true;
    if (user->task || user->phase == LKI_LIFE_GONE)
        return;
    lki_timer_cancel(&user->timer);
    lki_user_wake_later(user);
}

void lki_user_leave_within(struct lki_user *user, int64_t grace_ns)
{
    struct lki_loop *loop = user->crowd->loop;

    if (user->leaving || user->phase == LKI_LIFE_GONE) {
        user->again = false;
        return;
    }
    lki_user_leave(user);
    user->vu.should_stop = true;
    if (!user->task)
        return;
    lki_timer_set(&loop->timers, &user->timer, lki_ns_after(lki_loop_now(loop), grace_ns));
    each_task(user, lki_task_drain);
}
