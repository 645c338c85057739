#include "user/line.h"

#include <stddef.h>

#include "user/life.h"

void lki_line_join(struct lki_line *line, struct lki_user *user)
{
    user->line = line;
    user->next_waiting = NULL;
    user->prev_waiting = line->last;
    *(line->last ? &line->last->next_waiting : &line->first) = user;
    line->last = user;
}

void lki_line_leave(struct lki_user *user)
{
    struct lki_line *line = user->line;
    struct lki_user *next = user->next_waiting;
    struct lki_user *prev = user->prev_waiting;

    if (!line)
        return;
    *(prev ? &prev->next_waiting : &line->first) = next;
    *(next ? &next->prev_waiting : &line->last) = prev;
    user->line = NULL;
}

struct lki_user *lki_line_pop(struct lki_line *line)
{
    struct lki_user *user = line->first;

    if (user)
        lki_line_leave(user);
    return user;
}
