#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_HEADER_BYTES ((sizeof(struct lki_chunk) + 15) & ~(size_t)15)
/* A heap arena starts small: a resource's object has one of its own. */
#define HEAP_FIRST_BYTES 256

static struct lki_chunk *chunk_take(struct lki_arena *arena, size_t bytes)
{
    struct lki_chunk_pool *pool = arena->pool;
    struct lki_chunk *chunk;

    if (pool && bytes == LKI_CHUNK_BYTES && pool->free) {
        chunk = pool->free;
        pool->free = chunk->next;
        pool->free_count--;
        if (pool->free_count < pool->idle_low)
            pool->idle_low = pool->free_count;
        return chunk;
    }
    chunk = malloc(bytes);
    if (chunk)
        chunk->bytes = bytes;
    return chunk;
}

static void chunk_give(struct lki_arena *arena, struct lki_chunk *chunk)
{
    struct lki_chunk_pool *pool = arena->pool;

    if (pool && chunk->bytes == LKI_CHUNK_BYTES) {
        chunk->next = pool->free;
        pool->free = chunk;
        pool->free_count++;
    } else {
        free(chunk);
    }
}

void lki_arena_reset(struct lki_arena *arena)
{
    while (arena->chunks) {
        struct lki_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        chunk_give(arena, chunk);
    }
    arena->at = NULL;
    arena->end = NULL;
    arena->bytes = 0;
}

/* The size of the next chunk for a block of need bytes: pooled arenas take the pool's size where it
 * suffices, heap arenas double up to it; a bigger block gets a chunk of its own. */
static size_t chunk_size(const struct lki_arena *arena, size_t need)
{
    size_t bytes = arena->pool ? LKI_CHUNK_BYTES : HEAP_FIRST_BYTES;

    while (!arena->pool && bytes < LKI_CHUNK_BYTES && bytes <= arena->bytes)
        bytes *= 2;
    return need + CHUNK_HEADER_BYTES <= bytes ? bytes : need + CHUNK_HEADER_BYTES;
}

void *lki_arena_grow(struct lki_arena *arena, size_t bytes)
{
    size_t need = (bytes + 15) & ~(size_t)15;
    struct lki_chunk *chunk;
    size_t size;

    if (need < bytes || need > SIZE_MAX / 2)
        return NULL;
    size = chunk_size(arena, need);
    if (arena->max_bytes && arena->bytes + size > arena->max_bytes)
        return NULL;
    chunk = chunk_take(arena, size);
    if (!chunk)
        return NULL;
    arena->bytes += size;
    if (arena->chunks && size > LKI_CHUNK_BYTES) {
        /* a big block stands behind the chunk in use, whose rest stays usable */
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
        return (char *)chunk + CHUNK_HEADER_BYTES;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->at = (char *)chunk + CHUNK_HEADER_BYTES + need;
    arena->end = (char *)chunk + size;
    return (char *)chunk + CHUNK_HEADER_BYTES;
}

char *lki_arena_copy(struct lki_arena *arena, const void *bytes, size_t len)
{
    char *copy = lki_arena_alloc(arena, len + 1);

    if (copy) {
        if (len)
            memcpy(copy, bytes, len);
        copy[len] = '\0';
    }
    return copy;
}

char *lki_arena_join(struct lki_arena *arena, const char *first, char between, const char *second)
{
    size_t first_len = strlen(first);
    size_t second_len = strlen(second);
    char *text = lki_arena_alloc(arena, first_len + second_len + 2);

    if (text) {
        memcpy(text, first, first_len);
        text[first_len] = between;
        memcpy(text + first_len + 1, second, second_len + 1);
    }
    return text;
}

enum lk_err lki_arena_vformat(struct lki_arena *arena, char **out, const char *fmt, va_list args)
{
    char small[256];
    va_list again;
    char *text = NULL;
    int len;

    va_copy(again, args);
    len = vsnprintf(small, sizeof(small), fmt, args);
    if (len >= 0 && (size_t)len < sizeof(small)) {
        text = lki_arena_copy(arena, small, (size_t)len);
    } else if (len >= 0) {
        text = lki_arena_alloc(arena, (size_t)len + 1);
        if (text)
            vsnprintf(text, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    if (len < 0)
        return LK_E_FORMAT;
    if (!text)
        return LK_E_NOMEM;
    *out = text;
    return LK_OK;
}

char *lki_arena_vprintf(struct lki_arena *arena, const char *fmt, va_list args)
{
    char *text = NULL;

    lki_arena_vformat(arena, &text, fmt, args);
    return text;
}

static void pool_drop(struct lki_chunk_pool *pool, size_t count)
{
    while (count-- && pool->free) {
        struct lki_chunk *chunk = pool->free;

        pool->free = chunk->next;
        pool->free_count--;
        free(chunk);
    }
}

void lki_chunk_pool_trim(struct lki_chunk_pool *pool)
{
    pool_drop(pool, pool->idle_low);
    pool->idle_low = pool->free_count;
}

void lki_chunk_pool_release(struct lki_chunk_pool *pool)
{
    pool_drop(pool, pool->free_count);
    pool->idle_low = 0;
}

char *lki_arena_printf(struct lki_arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = lki_arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}
