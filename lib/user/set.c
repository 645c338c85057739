#include "user/set.h"

#include "user/life.h"

void lki_set_open(struct lki_set *set, struct lki_user *user, struct lki_task *task)
{
    *set = (struct lki_set){.user = user, .next = user->sets, .task = task};
    set->end = &set->parts;
    user->sets = set;
}

static void part_run(struct lki_task *task)
{
    struct lki_part *part = task->owner;
    struct lki_set *set = part->set;

    part->run(part, task);
    part->task = NULL;
    if (--set->running)
        return;
    set->over = true;
    lki_task_wake_later(set->task, LKI_WAKE_EVENT);
}

bool lki_set_add(struct lki_set *set, struct lki_part *part, size_t stack_bytes,
                 void (*run)(struct lki_part *part, struct lki_task *task))
{
    *part = (struct lki_part){.set = set, .run = run};
    *set->end = part;
    set->end = &part->next;
    part->task = lki_task_new(set->task->loop, stack_bytes, part_run, part);
    part->waits = !part->task;
    if (part->waits)
        return false;
    part->task->in_hand = set->task->in_hand;
    set->running++;
    lki_task_resume_later(part->task);
    return true;
}

static void unlink_set(struct lki_set *set)
{
    struct lki_set **link = &set->user->sets;

    while (*link != set)
        link = &(*link)->next;
    *link = set->next;
}

enum lki_wake lki_set_wait(struct lki_set *set)
{
    enum lki_wake why = LKI_WAKE_EVENT;

    if (set->running)
        why = lki_task_wait_pinned(set->task, &set->over);
    unlink_set(set);
    for (struct lki_part *part = set->parts; part; part = part->next) {
        if (part->waits)
            part->run(part, set->task);
    }
    return why;
}

void lki_sets_each_task(const struct lki_user *user, void (*fn)(struct lki_task *task))
{
    for (const struct lki_set *set = user->sets; set; set = set->next) {
        for (const struct lki_part *part = set->parts; part; part = part->next) {
            if (part->task)
                fn(part->task);
        }
    }
}
