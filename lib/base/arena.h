/*
 * Memory that is released all at once: what a step gets lives in its arena until the step ends.
 * Chunks come from, and go back to, a pool that many arenas share, so that after warm-up a step
 * allocates without the heap. An arena without a pool takes its chunks from the heap.
 */
#ifndef LKI_BASE_ARENA_H
#define LKI_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/api.h>
#include <loadkit/err.h>

#define LKI_CHUNK_BYTES 4096

struct lki_chunk {
    struct lki_chunk *next;
    size_t bytes; /* of the whole chunk, this header included */
};

struct lki_chunk_pool {
    struct lki_chunk *free; /* all of LKI_CHUNK_BYTES */
    size_t free_count;
    size_t idle_low; /* fewest free chunks since the last trim: nobody missed these */
};

struct lki_arena {
    struct lki_chunk_pool *pool; /* NULL: heap */
    struct lki_chunk *chunks;    /* the one in use first */
    char *at;
    char *end;
    size_t bytes;     /* taken by all chunks */
    size_t max_bytes; /* 0: no limit */
};

static inline void lki_arena_init(struct lki_arena *arena, struct lki_chunk_pool *pool,
                                  size_t max_bytes)
{
    *arena = (struct lki_arena){.pool = pool, .max_bytes = max_bytes};
}

/* Everything that was allocated goes at once; the arena may be used again. */
void lki_arena_reset(struct lki_arena *arena);

/* The slow path of lki_arena_alloc: a new chunk. */
void *lki_arena_grow(struct lki_arena *arena, size_t bytes);

/* Memory aligned for any type, or NULL (out of memory, or the arena's maximum). No bytes at all
 * have an address too. */
static inline void *lki_arena_alloc(struct lki_arena *arena, size_t bytes)
{
    size_t need = (bytes + !bytes + 15) & ~(size_t)15;

    if (need >= bytes && (size_t)(arena->end - arena->at) >= need) {
        void *block = arena->at;

        arena->at += need;
        return block;
    }
    return lki_arena_grow(arena, bytes);
}

/* A terminated copy of len bytes, or NULL. */
char *lki_arena_copy(struct lki_arena *arena, const void *bytes, size_t len);
/* Two texts with a character between them, or NULL. */
char *lki_arena_join(struct lki_arena *arena, const char *first, char between, const char *second);
/* LK_E_FORMAT: the C library refuses a conversion; LK_E_NOMEM. */
enum lk_err lki_arena_vformat(struct lki_arena *arena, char **out, const char *fmt, va_list args)
    LK_PRINTF(3, 0);
/* The same, NULL for either. */
char *lki_arena_vprintf(struct lki_arena *arena, const char *fmt, va_list args) LK_PRINTF(2, 0);
char *lki_arena_printf(struct lki_arena *arena, const char *fmt, ...) LK_PRINTF(2, 3);

/* Gives back to the heap what nobody used since the last trim. */
void lki_chunk_pool_trim(struct lki_chunk_pool *pool);
void lki_chunk_pool_release(struct lki_chunk_pool *pool);

#endif
