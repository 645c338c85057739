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
#else
void lki_coro_swap(void **save_sp, void *load_sp);

/* Leaves the running context in from and goes on where to was left. */
static inline void lki_coro_switch(struct lki_coro *from, struct lki_coro *to)
{
    lki_coro_swap(&from->sp, to->sp);
}
#endif

#endif
