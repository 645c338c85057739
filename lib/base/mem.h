/* Small helpers around memory that every layer uses. */
#ifndef LKI_BASE_MEM_H
#define LKI_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#define LKI_LIKELY(x) __builtin_expect(!!(x), 1)
#define LKI_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The object of type that holds member at address ptr. */
#define LKI_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define LKI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory, or NULL; released with free(). */
static inline void *lki_zalloc(size_t bytes)
{
    return calloc(1, bytes);
}

/* Room for one more behind the count elements of a list, each of so many bytes, that has room for
 * *cap: the list, or a longer copy in its place, with *cap raised. NULL: no memory; the list and
 * *cap are as they were. A list that is NULL with a *cap of 0 is an empty one. */
void *lki_room(void *list, size_t count, size_t *cap, size_t bytes);

/* Has the caches fetch memory that is going to be written, without waiting for it. The empty
 * statement keeps the loop, which else does nothing that a compiler must keep. */
static inline void lki_fetch(const void *memory, size_t bytes)
{
#pragma GCC unroll 4
    for (size_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch((const char *)memory + at, 1);
        __asm__ volatile("");
    }
}

static inline size_t lki_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
