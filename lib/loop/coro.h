/*
 * Coroutines: a stack of its own and a switch between stacks. x86-64 and aarch64 switch in a few
 * nanoseconds (coro_*.S); elsewhere, or with LKI_CORO_UCONTEXT defined, ucontext serves.
 *
 * A switch keeps what the calling convention keeps, but for the floating point control words: code
 * on a coroutine must leave those as it found them.
 */
#ifndef LKI_LOOP_CORO_H
#define LKI_LOOP_CORO_H

#include <stddef.h>

#if !defined(LKI_CORO_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define LKI_CORO_UCONTEXT 1
#endif

#ifdef LKI_CORO_UCONTEXT
#include <ucontext.h>
struct lki_coro {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};
#else
struct lki_coro {
    void *sp;
};
#endif

/*
 * Makes coro ready to run entry(arg) on the stack [base, base + bytes). entry never returns.
 */
void lki_coro_init(struct lki_coro *coro, void *base, size_t bytes, void (*entry)(void *arg),
                   void *arg);

#ifdef LKI_CORO_UCONTEXT
static inline void lki_coro_switch(struct lki_coro *from, struct lki_coro *to)
{
    swapcontext(&from->context, &to->context);
}

static inline size_t lki_coro_depth(const struct lki_coro *coro, const void *top)
{
    (void)coro;
    (void)top;
    return 0;
}
#else
void lki_coro_swap(void **save_sp, void *load_sp);

/* Leaves the running context in from and goes on where to was left. */
static inline void lki_coro_switch(struct lki_coro *from, struct lki_coro *to)
{
    lki_coro_swap(&from->sp, to->sp);
}

/* How many bytes of its stack below top one that does not run holds; 0: not known. */
static inline size_t lki_coro_depth(const struct lki_coro *coro, const void *top)
{
    return (size_t)((const char *)top - (const char *)coro->sp);
}
#endif

#endif
