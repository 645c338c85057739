#include "loop/stack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_ASAN 1
#endif
#endif
#ifdef STACK_ASAN
#include <sanitizer/asan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#define SLAB_BYTES ((size_t)4 * 1024 * 1024)
#define GUARD_MAPS_MAX 28000
#define CANARY_BYTES 64
#define CANARY_FILL 0xa5

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

struct lki_slab {
    struct lki_slab *next;
    char *memory;
    size_t bytes;
    size_t count;
    unsigned *valgrind_ids;
    struct lki_stack stacks[];
};

/* What an overflow meets first. */
static unsigned char *canary_of(const struct lki_stack *stack)
{
    return (unsigned char *)stack->base - CANARY_BYTES;
}

static void guard_install(struct lki_stacks *all, struct lki_stack *stack)
{
    char *guard = stack->base - LKI_STACK_GUARD_BYTES;

    if (!all->no_guard_install) {
        if (!madvise(guard, LKI_STACK_GUARD_BYTES, MADV_GUARD_INSTALL))
            return;
        all->no_guard_install = true;
    }
    if (all->guarded_by_map < GUARD_MAPS_MAX &&
        !mprotect(guard, LKI_STACK_GUARD_BYTES, PROT_NONE)) {
        all->guarded_by_map++;
        return;
    }
    stack->canary = true;
    memset(canary_of(stack), CANARY_FILL, CANARY_BYTES);
}

static void slab_free(struct lki_slab *slab)
{
    if (!slab)
        return;
    for (size_t i = 0; slab->valgrind_ids && i < slab->count; i++)
        VALGRIND_STACK_DEREGISTER(slab->valgrind_ids[i]);
    if (slab->memory)
        munmap(slab->memory, slab->bytes);
    free(slab->valgrind_ids);
    free(slab);
}

static struct lki_slab *slab_new(size_t stack_bytes)
{
    size_t slot = stack_bytes + LKI_STACK_GUARD_BYTES;
    size_t count = SLAB_BYTES / slot ? SLAB_BYTES / slot : 1;
    struct lki_slab *slab = lki_zalloc(sizeof(*slab) + count * sizeof(slab->stacks[0]));
    void *memory;

    if (!slab)
        return NULL;
    slab->count = count;
    slab->bytes = count * slot;
    slab->valgrind_ids = calloc(count, sizeof(*slab->valgrind_ids));
    memory = mmap(NULL, slab->bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory != MAP_FAILED)
        slab->memory = memory;
    if (!slab->memory || !slab->valgrind_ids) {
        slab_free(slab);
        return NULL;
    }
    /* a huge page would make every stack of the slab resident at once */
    madvise(slab->memory, slab->bytes, MADV_NOHUGEPAGE);
    return slab;
}

static bool class_grow(struct lki_stacks *all, struct lki_stack_class *class)
{
    struct lki_slab *slab = slab_new(class->bytes);
    size_t total = class->total + (slab ? slab->count : 0);
    struct lki_stack **free_list = slab ? realloc(class->free, total * sizeof(*free_list)) : NULL;

    if (!free_list) {
        slab_free(slab);
        return false;
    }
    class->free = free_list;
    class->total = total;
    for (size_t i = 0; i < slab->count; i++) {
        struct lki_stack *stack = &slab->stacks[i];

        stack->base = slab->memory + i * (class->bytes + LKI_STACK_GUARD_BYTES) +
                      LKI_STACK_GUARD_BYTES;
        stack->bytes = class->bytes;
        guard_install(all, stack);
        slab->valgrind_ids[i] = (unsigned)VALGRIND_STACK_REGISTER(stack->base,
                                                                  stack->base + stack->bytes - 1);
        class->free[class->free_count++] = stack;
    }
    class->clean = class->free_count;
    slab->next = class->slabs;
    class->slabs = slab;
    return true;
}

static struct lki_stack_class *class_find(struct lki_stacks *stacks, size_t bytes)
{
    struct lki_stack_class *class = stacks->classes;

    while (class && class->bytes != bytes)
        class = class->next;
    if (class)
        return class;
    class = lki_zalloc(sizeof(*class));
    if (class) {
        class->bytes = bytes;
        class->next = stacks->classes;
        stacks->classes = class;
    }
    return class;
}

struct lki_stack *lki_stack_take(struct lki_stacks *stacks, size_t bytes)
{
    size_t rounded = bytes ? (bytes + 4095) & ~(size_t)4095 : LKI_STACK_DEFAULT_BYTES;
    struct lki_stack_class *class = bytes <= SIZE_MAX / 2 ? class_find(stacks, rounded) : NULL;
    struct lki_stack *stack;

    if (!class || (!class->free_count && !class_grow(stacks, class)))
        return NULL;
    stack = class->free[--class->free_count];
    if (class->free_count < class->idle_low)
        class->idle_low = class->free_count;
    if (class->free_count < class->clean)
        class->clean = class->free_count;
#ifdef STACK_ASAN
    /* frames that were left without returning are still poisoned */
    ASAN_UNPOISON_MEMORY_REGION(stack->base, stack->bytes);
#endif
    return stack;
}

/* Also makes it whole again, so that the next overflow is not told of twice. */
static bool canary_intact(const struct lki_stack *stack)
{
    unsigned char *canary = canary_of(stack);

    for (size_t i = 0; i < CANARY_BYTES; i++) {
        if (canary[i] != CANARY_FILL) {
            memset(canary, CANARY_FILL, CANARY_BYTES);
            return false;
        }
    }
    return true;
}

bool lki_stack_give(struct lki_stacks *stacks, struct lki_stack *stack)
{
    struct lki_stack_class *class = class_find(stacks, stack->bytes);

    class->free[class->free_count++] = stack;
    return !stack->canary || canary_intact(stack);
}

void lki_stacks_age(struct lki_stacks *stacks)
{
    for (struct lki_stack_class *class = stacks->classes; class; class = class->next) {
        class->cold = class->idle_low;
        class->idle_low = class->free_count;
    }
}

bool lki_stacks_trim(struct lki_stacks *stacks, size_t limit)
{
    for (struct lki_stack_class *class = stacks->classes; class; class = class->next) {
        if (class->cold > class->idle_low)
            class->cold = class->idle_low;
        for (; class->clean < class->cold; class->clean++) {
            struct lki_stack *stack = class->free[class->clean];

            if (!limit--)
                return true;
            madvise(stack->base, stack->bytes, MADV_DONTNEED);
        }
    }
    return false;
}

void lki_stacks_release(struct lki_stacks *stacks)
{
    while (stacks->classes) {
        struct lki_stack_class *class = stacks->classes;

        while (class->slabs) {
            struct lki_slab *slab = class->slabs;

            class->slabs = slab->next;
            slab_free(slab);
        }
        stacks->classes = class->next;
        free(class->free);
        free(class);
    }
    stacks->guarded_by_map = 0;
}

const struct lki_stack *lki_stack_of_guard(const struct lki_stacks *stacks, const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (const struct lki_stack_class *class = stacks->classes; class; class = class->next) {
        for (const struct lki_slab *slab = class->slabs; slab; slab = slab->next) {
            uintptr_t from = (uintptr_t)slab->memory;
            size_t slot = class->bytes + LKI_STACK_GUARD_BYTES;

            if (at >= from && at < from + slab->bytes && (at - from) % slot < LKI_STACK_GUARD_BYTES)
                return &slab->stacks[(at - from) / slot];
        }
    }
    return NULL;
}
