/* A user as its own layer sees it. */
#ifndef LKI_USER_LIFE_H
#define LKI_USER_LIFE_H

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
    struct lki_timer timer; /* when a step becomes ready, or the next life begins */
    struct lki_post post;
    struct lki_task *task; /* NULL: between steps */
    enum lki_phase_of_life phase;
    bool leaving;
    int64_t back_off_ns; /* before the next life */
    struct lki_resource *held;
    void *state;         /* the author's */
    int64_t *ready_ns;   /* by step: when its pause is over */
    unsigned char *done; /* by step: it has succeeded in this life */
};

static inline struct lki_user *lki_user_of(const lk_vu *vu)
{
    return (struct lki_user *)(uintptr_t)vu;
}

/*
 * Chooses by weight among the steps whose needs are met and whose pause is over. NULL: none;
 * *next_ns is then when the first one will be.
 */
const struct lki_step *lki_step_choose(struct lki_user *user, int64_t now_ns, int64_t *next_ns);

/* Carries out a hook. True: there is none of that kind, or it went well. */
bool lki_hook_run(struct lki_task *task, struct lki_user *user, enum lk_hook_kind kind);

/* Carries out a step, which begins now, at start_ns. Returns when it ended. */
int64_t lki_step_run(struct lki_task *task, struct lki_user *user, const struct lki_step *step,
                     int64_t start_ns);

#endif
