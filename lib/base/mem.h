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

static inline size_t lki_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
