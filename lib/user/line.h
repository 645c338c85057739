/*
 * Users that wait without a stack, first come first served: for an arrival, or for an iteration.
 */
#ifndef LKI_USER_LINE_H
#define LKI_USER_LINE_H

struct lki_user;

/* Zeroed: nobody waits. */
struct lki_line {
    struct lki_user *first;
    struct lki_user *last;
};

/* One that waits nowhere. */
void lki_line_join(struct lki_line *line, struct lki_user *user);
/* It waits no more; one that did not is left alone. */
void lki_line_leave(struct lki_user *user);
/* Who has waited longest waits no more. NULL: nobody did. */
struct lki_user *lki_line_pop(struct lki_line *line);

#endif
