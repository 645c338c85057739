/*
 * A set: several things that one user does at once, each in a task of its own, and a task of the
 * user's that waits for all of them.
 */
#ifndef LKI_USER_SET_H
#define LKI_USER_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/task.h"

struct lki_set;
struct lki_user;

/* One of them. */
struct lki_part {
    struct lki_set *set;
    struct lki_part *next;
    struct lki_task *task; /* NULL: it has ended, or not begun */
    void (*run)(struct lki_part *part, struct lki_task *task);
    bool waits; /* there was no stack for it */
};

struct lki_set {
    struct lki_user *user;
    struct lki_set *next;  /* of the same user */
    struct lki_task *task; /* which waits */
    struct lki_part *parts;
    struct lki_part **end; /* of the list of them */
    size_t running;
    bool over;
};

/* On the stack of the task that waits; lki_set_wait has to follow. */
void lki_set_open(struct lki_set *set, struct lki_user *user, struct lki_task *task);

/* Has run(part, task) called in a task of the part's own, which begins when this one waits. False:
 * there is no stack for that, lki_set_wait calls it after the others have ended. */
bool lki_set_add(struct lki_set *set, struct lki_part *part, size_t stack_bytes,
                 void (*run)(struct lki_part *part, struct lki_task *task));

/* Waits for all of them without any way out: they work with what is on this stack. Why it should
 * have ended earlier, else LKI_WAKE_EVENT. */
enum lki_wake lki_set_wait(struct lki_set *set);

/* Calls fn for each task of a part that has not ended, in all sets of the user. */
void lki_sets_each_task(const struct lki_user *user, void (*fn)(struct lki_task *task));

#endif
