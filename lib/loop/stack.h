/*
 * Stacks for tasks, taken in slabs from the system and kept in a last-in-first-out list, so that
 * the warm ones are used again first. Below each stack lies a guard: by MADV_GUARD_INSTALL where
 * the kernel has it (it costs no memory map), else a protected page (two maps each, so only for the
 * first 28,000), else a pattern that is checked when the stack is given back.
 */
#ifndef LKI_LOOP_STACK_H
#define LKI_LOOP_STACK_H

#include <stdbool.h>
#include <stddef.h>

#define LKI_STACK_DEFAULT_BYTES ((size_t)64 * 1024)
/* Room enough that a function with a few buffers does not step over it. */
#define LKI_STACK_GUARD_BYTES ((size_t)16 * 1024)

struct lki_stack {
    char *base; /* lowest address that may be written; the guard lies below */
    size_t bytes;
    bool canary; /* guarded by a pattern only */
};

/* All stacks of one size. */
struct lki_stack_class {
    struct lki_stack_class *next;
    size_t bytes;
    struct lki_stack **free; /* the one used last on top; has room for all stacks of the class */
    size_t free_count;
    size_t total;
    size_t clean;    /* so many at the bottom hold no memory */
    size_t idle_low; /* fewest free ones since lki_stacks_age */
    size_t cold;     /* so many at the bottom were not used between the last two calls of it */
    struct lki_slab *slabs;
};

struct lki_stacks {
    struct lki_stack_class *classes;
    size_t guarded_by_map;
    bool no_guard_install; /* the kernel refused MADV_GUARD_INSTALL */
};

/* bytes: 0 for the default. NULL when there is no memory. */
struct lki_stack *lki_stack_take(struct lki_stacks *stacks, size_t bytes);

/* False: the stack had overflowed; what the program did since is not to be trusted. */
bool lki_stack_give(struct lki_stacks *stacks, struct lki_stack *stack);

/* A second has passed: stacks that nobody used meanwhile are cold. */
void lki_stacks_age(struct lki_stacks *stacks);

/* Returns the memory of cold stacks to the system, of at most limit of them, since each costs a
 * system call. True: there are more. */
bool lki_stacks_trim(struct lki_stacks *stacks, size_t limit);
void lki_stacks_release(struct lki_stacks *stacks);

/* The stack in whose guard address lies, or NULL. Reads only: may be called in a signal handler. */
const struct lki_stack *lki_stack_of_guard(const struct lki_stacks *stacks, const void *address);

#endif
