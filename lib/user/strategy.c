/* Strategies other than the default one: asking them, and carrying out what they chose, which may
 * be several steps at once. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "user/life.h"

/* When a strategy is asked again that chose nothing though it could have, and did not say when. */
#define ASK_AGAIN_NS (50 * LKI_NS_PER_MS)
#define MESSAGE_MAX (LKI_ERROR_MESSAGE_MAX + 1)

/* Several steps at once. */
struct steps {
    struct lki_set set;
    bool cut;
};

/* ---- asking ---- */

static void candidates_fill(struct lk_candidate *candidates, const struct lki_user *user,
                            int64_t now_ns)
{
    for (size_t i = 0; i < user->type->step_count; i++) {
        const struct lki_step *step = &user->type->steps[i];
        int64_t wait_ns = user->ready_ns[i] - now_ns;
        bool needs_met = lki_step_needs_met(user, step);

        candidates[i] = (struct lk_candidate){.step = step->def,
                                              .ready = needs_met && wait_ns <= 0,
                                              .needs_met = needs_met,
                                              .succeeded = user->done[i],
                                              .wait_s = wait_ns > 0 ? (double)wait_ns / 1e9 : 0};
    }
}

static void call_strategy(void *user_, void *choice)
{
    struct lki_user *user = user_;

    user->type->def->strategy(&user->vu, user->state, choice);
}

/* Calls the strategy, which may fail, or be cut off, as a step may. */
static enum lki_outcome ask(struct lki_task *task, struct lki_user *user, struct lk_choice *choice,
                            char *message)
{
    struct lki_unit unit = {.vu = &user->vu, .step = "strategy"};
    enum lki_outcome outcome;

    task->owner = &unit;
    lki_task_take(task, unit.step);
    task->on_overdue = NULL; /* that of the last step: it is told of no wait here, or for a set */
    outcome = lki_task_call(task, call_strategy, user, choice, LKI_NEVER);
    if (outcome != LKI_OUTCOME_OK)
        snprintf(message, MESSAGE_MAX, "%s", task->message ? task->message : "out of memory");
    lki_unit_end(&unit);
    lki_arena_reset(&task->arena);
    task->owner = user;
    return outcome;
}

/* Was something chosen that there is not, or anything twice? Uses up the candidates. */
static bool is_sound(const struct lki_turn *turn, struct lk_candidate *candidates, char *message)
{
    const struct lki_vu_type *type = turn->user->type;

    if (turn->count > type->step_count) {
        snprintf(message, MESSAGE_MAX, "the strategy chose %zu steps, but there are %zu",
                 turn->count, type->step_count);
        return false;
    }
    for (size_t i = 0; i < turn->count; i++) {
        size_t at = turn->chosen[i];

        if (at >= type->step_count) {
            snprintf(message, MESSAGE_MAX, "the strategy chose step %zu, but the last one is %zu",
                     at, type->step_count - 1);
            return false;
        }
        if (!candidates[at].step) {
            snprintf(message, MESSAGE_MAX, "the strategy chose step \"%s\" twice at once",
                     type->steps[at].name);
            return false;
        }
        candidates[at].step = NULL;
    }
    return true;
}

static bool turn_fill(struct lki_turn *turn, struct lki_task *task, struct lk_choice *choice,
                      int64_t now_ns, char *message)
{
    size_t count = turn->user->type->step_count;
    struct lk_candidate *candidates = lki_arena_alloc(&turn->arena, count * sizeof(*candidates));

    turn->chosen = lki_arena_alloc(&turn->arena, count * sizeof(*turn->chosen));
    turn->parts = lki_arena_alloc(&turn->arena, count * sizeof(*turn->parts));
    if (!candidates || !turn->chosen || !turn->parts) {
        snprintf(message, MESSAGE_MAX, "out of memory");
        return false;
    }
    candidates_fill(candidates, turn->user, now_ns);
    memset(turn->chosen, 0xff, count * sizeof(*turn->chosen)); /* what is not filled in is none */
    *choice = (struct lk_choice){.steps = candidates, .step_count = count, .chosen = turn->chosen};
    if (ask(task, turn->user, choice, message) != LKI_OUTCOME_OK)
        return false;
    turn->count = choice->chosen_count;
    return is_sound(turn, candidates, message);
}

static int64_t ask_again_ns(const struct lki_user *user, double wait_s, int64_t now_ns)
{
    int64_t next_ns;

    if (wait_s > 0)
        return lki_ns_after(now_ns, lki_ns(wait_s) + !lki_ns(wait_s));
    return lki_steps_ready(user, now_ns, &next_ns) > 0 ? now_ns + ASK_AGAIN_NS : next_ns;
}

bool lki_turn_choose(struct lki_turn *turn, struct lki_task *task, struct lki_user *user,
                     int64_t now_ns, int64_t *next_ns)
{
    char message[MESSAGE_MAX] = "";
    struct lk_choice choice;

    *turn = (struct lki_turn){.user = user};
    lki_arena_init(&turn->arena, &user->crowd->loop->chunks, 0);
    if (turn_fill(turn, task, &choice, now_ns, message)) {
        lki_life_called(user, LKI_LIFE_STRATEGY);
        if (turn->count)
            return true;
        *next_ns = ask_again_ns(user, choice.wait_s, now_ns);
    } else {
        if (task->outcome != LKI_OUTCOME_CANCELLED)
            lki_life_failed(user, LKI_LIFE_STRATEGY, "", message);
        *next_ns = now_ns + LKI_FAILED_PAUSE_NS;
    }
    lki_turn_end(turn);
    return false;
}

void lki_turn_end(struct lki_turn *turn)
{
    lki_arena_reset(&turn->arena);
}

/* ---- carrying out ---- */

static void part_run(struct lki_part *part, struct lki_task *task)
{
    struct steps *steps = LKI_CONTAINER(part->set, struct steps, set);
    struct lki_user *user = part->set->user;
    const struct lki_step *step = LKI_CONTAINER(part, struct lki_step_part, part)->step;
    int64_t end_ns;

    if (user->crowd->cut || user->cut ||
        lki_step_run(task, user, step, lki_loop_now(task->loop), &end_ns) == LKI_OUTCOME_CANCELLED)
        steps->cut = true;
}

static enum lki_outcome set_run(struct lki_turn *turn, struct lki_task *task)
{
    struct lki_user *user = turn->user;
    struct steps steps = {.cut = false};

    lki_set_open(&steps.set, user, task);
    for (size_t i = 0; i < turn->count; i++) {
        struct lki_step_part *part = &turn->parts[i];

        part->step = &user->type->steps[turn->chosen[i]];
        if (!lki_set_add(&steps.set, &part->part, part->step->stack_bytes, part_run))
            lki_metrics_error(user->crowd->metrics, LKI_SOURCE_LIFECYCLE, part->step->label,
                              LKI_CODE_STEP_NOMEM,
                              "no memory for a stack, carried out after the others", user->vu.id);
    }
    lki_set_wait(&steps.set);
    return steps.cut ? LKI_OUTCOME_CANCELLED : LKI_OUTCOME_OK;
}

enum lki_outcome lki_turn_run(struct lki_turn *turn, struct lki_task *task, int64_t now_ns)
{
    const struct lki_step *steps = turn->user->type->steps;
    int64_t end_ns;

    if (turn->count > 1)
        return set_run(turn, task);
    return lki_step_run(task, turn->user, &steps[turn->chosen[0]], now_ns, &end_ns);
}
