#include "loop/coro.h"

#include <stdint.h>

#ifdef LKI_CORO_UCONTEXT

/* makecontext passes ints: a pointer travels as two halves. */
static void coro_main(unsigned high, unsigned low)
{
    struct lki_coro *coro = (struct lki_coro *)(((uintptr_t)high << 16 << 16) | (uintptr_t)low);

    coro->entry(coro->arg);
}

void lki_coro_init(struct lki_coro *coro, void *base, size_t bytes, void (*entry)(void *arg),
                   void *arg)
{
    uintptr_t self = (uintptr_t)coro;

    getcontext(&coro->context);
    coro->context.uc_stack.ss_sp = base;
    coro->context.uc_stack.ss_size = bytes;
    coro->context.uc_link = NULL;
    coro->entry = entry;
    coro->arg = arg;
    makecontext(&coro->context, (void (*)(void))coro_main, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
}

#else

/* In coro_*.S: calls the entry that lki_coro_init left in a saved register. */
extern void lki_coro_start(void);

#if defined(__x86_64__)
/* As lki_coro_swap pops them: r15 r14 r13 r12 rbx rbp, return address. Two more slots, so that the
 * stack is aligned where lki_coro_start calls. */
enum { SLOT_ARG = 2, SLOT_ENTRY = 3, SLOT_RETURN = 6, SLOTS = 9 };
#else
/* As lki_coro_swap loads them: x19 ... x28, x29, x30, d8 ... d15. */
enum { SLOT_ENTRY = 0, SLOT_ARG = 1, SLOT_RETURN = 11, SLOTS = 20 };
#endif

void lki_coro_init(struct lki_coro *coro, void *base, size_t bytes, void (*entry)(void *arg),
                   void *arg)
{
    uintptr_t top = ((uintptr_t)base + bytes) & ~(uintptr_t)15;
    uintptr_t *frame = (uintptr_t *)top - SLOTS;

    for (int i = 0; i < SLOTS; i++)
        frame[i] = 0;
    frame[SLOT_ENTRY] = (uintptr_t)entry;
    frame[SLOT_ARG] = (uintptr_t)arg;
    frame[SLOT_RETURN] = (uintptr_t)lki_coro_start;
    coro->sp = frame;
}

#endif
