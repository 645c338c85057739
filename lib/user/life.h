/* A user as its own layer sees it. */
#ifndef LKI_USER_LIFE_H
#define LKI_USER_LIFE_H

#include "loop/task.h"
#include "user/set.h"
#include "user/user.h"

enum lki_phase_of_life {
    LKI_LIFE_UNBORN, /* waiting for its first, or next, life */
    LKI_LIFE_ACTIVE, /* between start and stop */
    LKI_LIFE_GONE    /* for good */
};

struct lki_user {
    struct lk_vu vu;
    struct lki_crowd *crowd;
    const struct lki_vu_type *type;
    /* When a step becomes ready, or the next life begins; with a task, who leaves is cut off. */
    struct lki_timer timer;
    struct lki_post post;
    struct lki_task *task; /* NULL: between steps */
    enum lki_phase_of_life phase : 8;
    bool leaving;
    bool begun;            /* and not gone */
    bool again;            /* when it has gone a new life begins */
    bool cut;              /* it took too long over leaving, alone */
    struct lki_line *line; /* in which it waits; NULL: in none */
    struct lki_user *next_waiting, *prev_waiting;
    struct lki_set *sets; /* of what it does at once, the innermost first; NULL: nothing */
    int64_t back_off_ns;  /* before the next life */
    struct lki_resource *held;
    const struct lki_resource_pool *awaits; /* NULL: no object of any */
    bool known;          /* has been active, or is known to have waited for that in vain */
    void *state;         /* the author's */
    int64_t *ready_ns;   /* by step: when its pause is over */
    unsigned char *done; /* by step: it has succeeded in this life */
};

static inline struct lki_user *lki_user_of(const lk_vu *vu)
{
    return (struct lki_user *)(uintptr_t)vu;
}

/* How long a user does nothing after a function of its author's has failed: it must not spin. */
#define LKI_FAILED_PAUSE_NS (1 * LKI_NS_PER_S)

/* Has each step that this one needs succeeded? */
bool lki_step_needs_met(const struct lki_user *user, const struct lki_step *step);

/* The weight of all steps whose needs are met and whose pause is over. 0: there is none; *next_ns
 * is then when the first one will be. */
double lki_steps_ready(const struct lki_user *user, int64_t now_ns, int64_t *next_ns);

/* One of those steps, by the user's random numbers; NULL: there is none, and none was drawn. */
const struct lki_step *lki_step_choose(struct lki_user *user, int64_t now_ns, int64_t *next_ns);

/* What a hook's sample is, by how the hook ended. */
struct lki_ending {
    lki_code code;
    enum lki_verdict verdict;
};
struct lki_ending lki_hook_ending(enum lki_outcome outcome);

/* Why a hook, step or reading failed: message, or a text of ours; "" if it did not. */
const char *lki_failure(enum lki_outcome outcome, const char *message);

/* Carries out a hook. True: there is none of that kind, or it went well. */
bool lki_hook_run(struct lki_task *task, struct lki_user *user, enum lk_hook_kind kind);

/* Carries out a step, which begins now, at start_ns. *end_ns is when it ended. */
enum lki_outcome lki_step_run(struct lki_task *task, struct lki_user *user,
                              const struct lki_step *step, int64_t start_ns, int64_t *end_ns);

/* Records that a strategy or pause of the author's went well, or has failed; step is "" if there
 * was none. */
void lki_life_called(struct lki_user *user, int which);
void lki_life_failed(struct lki_user *user, int which, const char *step, const char *message);

/* One of several steps at once. */
struct lki_step_part {
    struct lki_part part;
    const struct lki_step *step;
};

/* What a strategy of the author's has chosen; from lki_turn_choose to lki_turn_end. */
struct lki_turn {
    struct lki_user *user;
    struct lki_arena arena;
    size_t *chosen; /* steps of the user's type */
    size_t count;
    struct lki_step_part *parts; /* room for one for each step */
};

/* Does a strategy other than the default one choose for users of that type? */
static inline bool lki_has_strategy(const struct lki_vu_type *type)
{
    return type->def->strategy && type->def->strategy != lk_choose_weighted;
}

/* Has the strategy choose. False: nothing; *next_ns is then when to ask it again. */
bool lki_turn_choose(struct lki_turn *turn, struct lki_task *task, struct lki_user *user,
                     int64_t now_ns, int64_t *next_ns);

/* Carries out what was chosen: several steps at once, each in a task of its own. Returns when all
 * have ended: how, of a single one; else LKI_OUTCOME_CANCELLED if one of them was cut off. */
enum lki_outcome lki_turn_run(struct lki_turn *turn, struct lki_task *task, int64_t now_ns);
void lki_turn_end(struct lki_turn *turn);

/* Few of the iterations that the crowd may begin are left, or none: has more brought, or ends all.
 */
void lki_crowd_low(struct lki_crowd *crowd, uint64_t left);

/* The user is to leave: if it still waits for an object to begin its first life with, that is told.
 */
void lki_life_missed(struct lki_user *user);

/* Gives the user a stack to go on with, if there is something for it to do. From the loop. */
void lki_user_wake(struct lki_user *user);
/* The same, at the end of the turn. */
void lki_user_wake_later(struct lki_user *user);

#endif
