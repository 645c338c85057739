/* The arena: aligned blocks that keep apart, limits, and chunks that go round in a pool. */
#include "base/arena.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define BLOCKS 2000

static struct lki_chunk_pool pool;
static struct lki_arena arena;

static void setup_heap(void)
{
    lki_arena_init(&arena, NULL, 0);
}

static void setup_pool(void)
{
    memset(&pool, 0, sizeof(pool));
    lki_arena_init(&arena, &pool, 0);
}

static void teardown(void)
{
    lki_arena_reset(&arena);
    if (arena.pool)
        lki_chunk_pool_release(&pool);
}

struct block {
    unsigned char *at;
    size_t bytes;
    unsigned char fill;
};

/* Mostly small, now and then around the size of a chunk, or much larger. */
static size_t random_size(struct lki_rng *rng)
{
    switch (lki_rng_below(rng, 20)) {
    case 0:
        return LKI_CHUNK_BYTES - 40 + lki_rng_below(rng, 80);
    case 1:
        return lki_rng_below(rng, 50000);
    default:
        return lki_rng_below(rng, 200);
    }
}

static void fill_with_blocks(struct block *blocks, size_t count, struct lki_rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        struct block *block = &blocks[i];

        *block = (struct block){.bytes = random_size(rng), .fill = (unsigned char)i};
        block->at = lki_arena_alloc(&arena, block->bytes);
        EXPECT(block->at, "no memory for block %zu", i);
        EXPECT((uintptr_t)block->at % 16 == 0, "block %zu is not aligned", i);
        memset(block->at, block->fill, block->bytes);
    }
}

static void verify_blocks(const struct block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < blocks[i].bytes; k++)
            EXPECT(blocks[i].at[k] == blocks[i].fill, "byte %zu of block %zu was overwritten", k,
                   i);
    }
}

static void check_random_blocks(void)
{
    static struct block blocks[BLOCKS];
    struct lki_rng rng = {1};

    for (int round = 0; round < 3; round++) {
        fill_with_blocks(blocks, BLOCKS, &rng);
        verify_blocks(blocks, BLOCKS);
        lki_arena_reset(&arena);
        ck_assert_uint_eq(arena.bytes, 0);
    }
}

START_TEST(blocks_are_aligned_and_keep_apart_on_the_heap)
{
    check_random_blocks();
}
END_TEST

START_TEST(blocks_are_aligned_and_keep_apart_in_a_pool)
{
    check_random_blocks();
}
END_TEST

START_TEST(a_block_of_no_bytes_is_no_failure)
{
    void *first = lki_arena_alloc(&arena, 0);

    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 0));
}
END_TEST

START_TEST(a_heap_arena_starts_small_and_doubles)
{
    size_t before;

    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 1));
    ck_assert_uint_le(arena.bytes, 256);
    for (int i = 0; i < 10000; i++) {
        before = arena.bytes;
        ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 64));
        ck_assert_uint_le(arena.bytes, before * 2 + LKI_CHUNK_BYTES);
    }
    /* what is taken beyond what was asked for: the headers and the rest of the last chunk */
    ck_assert_uint_le(arena.bytes, 10001 * 64 * 102 / 100 + 2 * LKI_CHUNK_BYTES);
}
END_TEST

START_TEST(a_big_block_leaves_the_chunk_in_use_usable)
{
    char *before = lki_arena_alloc(&arena, 16);
    char *big = lki_arena_alloc(&arena, 100000);
    char *after = lki_arena_alloc(&arena, 16);

    ck_assert_ptr_nonnull(big);
    memset(big, 1, 100000);
    ck_assert_ptr_eq(after, before + 16);
    ck_assert_uint_lt(arena.bytes, LKI_CHUNK_BYTES + 100000 + 64);
}
END_TEST

START_TEST(a_big_block_may_come_first)
{
    char *big = lki_arena_alloc(&arena, 100000);
    char *small = lki_arena_alloc(&arena, 16);

    ck_assert_ptr_nonnull(big);
    ck_assert_ptr_nonnull(small);
    memset(big, 1, 100000);
    memset(small, 2, 16);
    ck_assert_int_eq(big[99999], 1);
}
END_TEST

START_TEST(the_maximum_holds_and_what_is_there_stays)
{
    size_t got = 0;
    char *first;

    lki_arena_init(&arena, NULL, 10000);
    first = lki_arena_alloc(&arena, 100);
    ck_assert_ptr_nonnull(first);
    memset(first, 7, 100);
    while (lki_arena_alloc(&arena, 100))
        got++;
    ck_assert_uint_le(arena.bytes, 10000);
    ck_assert_uint_ge(got, 40);
    ck_assert_ptr_null(lki_arena_alloc(&arena, 10000));
    ck_assert_int_eq(first[99], 7);
    lki_arena_reset(&arena);
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 100));
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    static const size_t sizes[] = {
        SIZE_MAX,      SIZE_MAX - 1,     SIZE_MAX - 15,     SIZE_MAX - 16,
        SIZE_MAX - 30, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 16, SIZE_MAX - LKI_CHUNK_BYTES};

    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 16));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        ck_assert_ptr_null(lki_arena_alloc(&arena, sizes[i]));
    ck_assert_uint_eq(arena.bytes, arena.pool ? LKI_CHUNK_BYTES : 256);
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 16));
}
END_TEST

START_TEST(chunks_go_back_to_the_pool_and_come_from_it)
{
    struct lki_arena other;
    void *chunk;

    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 1));
    chunk = arena.chunks;
    ck_assert_uint_eq(pool.free_count, 0);
    lki_arena_reset(&arena);
    ck_assert_uint_eq(pool.free_count, 1);
    lki_arena_init(&other, &pool, 0);
    ck_assert_ptr_nonnull(lki_arena_alloc(&other, 1));
    ck_assert_ptr_eq(other.chunks, chunk);
    ck_assert_uint_eq(pool.free_count, 0);
    lki_arena_reset(&other);
}
END_TEST

START_TEST(big_blocks_never_enter_the_pool)
{
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 100000));
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, 1));
    ck_assert_ptr_nonnull(lki_arena_alloc(&arena, LKI_CHUNK_BYTES));
    lki_arena_reset(&arena);
    ck_assert_uint_eq(pool.free_count, 1);
    for (const struct lki_chunk *chunk = pool.free; chunk; chunk = chunk->next)
        ck_assert_uint_eq(chunk->bytes, LKI_CHUNK_BYTES);
}
END_TEST

static void take_chunks(size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_nonnull(lki_arena_alloc(&arena, LKI_CHUNK_BYTES - 64));
}

START_TEST(a_trim_frees_what_nobody_missed_since_the_last)
{
    take_chunks(10);
    lki_arena_reset(&arena);
    lki_chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.free_count, 10); /* all were in use a moment ago */
    take_chunks(4);
    lki_arena_reset(&arena);
    lki_chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.free_count, 4);
    take_chunks(4);
    lki_arena_reset(&arena);
    lki_chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.free_count, 4);
    lki_chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.free_count, 0);
    ck_assert_ptr_null(pool.free);
}
END_TEST

START_TEST(copies_are_terminated)
{
    char *empty = lki_arena_copy(&arena, NULL, 0);
    char *copy = lki_arena_copy(&arena, "abc\0def", 7);

    ck_assert_str_eq(empty, "");
    ck_assert_mem_eq(copy, "abc\0def\0", 8);
}
END_TEST

START_TEST(texts_are_joined_with_a_character_between_them)
{
    ck_assert_str_eq(lki_arena_join(&arena, "buyer", '.', "pay"), "buyer.pay");
    ck_assert_str_eq(lki_arena_join(&arena, "name", '=', ""), "name=");
    ck_assert_str_eq(lki_arena_join(&arena, "", '=', "value"), "=value");
    ck_assert_str_eq(lki_arena_join(&arena, "", '.', ""), ".");
}
END_TEST

static LK_PRINTF(1, 2) char *print(const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = lki_arena_vprintf(&arena, fmt, args);
    va_end(args);
    return text;
}

START_TEST(texts_of_any_length_are_printed_whole)
{
    char wide[20000];

    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    ck_assert_str_eq(print("%s", ""), "");
    for (size_t len = 250; len < 260; len++) {
        char *text = print("%.*s|%d", (int)len, wide, 42);

        ck_assert_uint_eq(strlen(text), len + 3);
        ck_assert_str_eq(text + len, "|42");
    }
    ck_assert_str_eq(print("%s", wide), wide);
}
END_TEST

static TCase *both_case(const char *name, void (*setup)(void))
{
    TCase *both = tcase_create(name);

    tcase_add_checked_fixture(both, setup, teardown);
    tcase_add_test(both, a_block_of_no_bytes_is_no_failure);
    tcase_add_test(both, a_big_block_leaves_the_chunk_in_use_usable);
    tcase_add_test(both, a_big_block_may_come_first);
    tcase_add_test(both, sizes_that_overflow_are_refused);
    tcase_add_test(both, copies_are_terminated);
    tcase_add_test(both, texts_are_joined_with_a_character_between_them);
    tcase_add_test(both, texts_of_any_length_are_printed_whole);
    return both;
}

static Suite *arena_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *heap = both_case("heap", setup_heap);
    TCase *pooled = both_case("pool", setup_pool);

    tcase_add_test(heap, blocks_are_aligned_and_keep_apart_on_the_heap);
    tcase_add_test(heap, a_heap_arena_starts_small_and_doubles);
    tcase_add_test(heap, the_maximum_holds_and_what_is_there_stays);
    tcase_add_test(pooled, blocks_are_aligned_and_keep_apart_in_a_pool);
    tcase_add_test(pooled, chunks_go_back_to_the_pool_and_come_from_it);
    tcase_add_test(pooled, big_blocks_never_enter_the_pool);
    tcase_add_test(pooled, a_trim_frees_what_nobody_missed_since_the_last);
    suite_add_tcase(suite, heap);
    suite_add_tcase(suite, pooled);
    return suite;
}

int main(void)
{
    return suite_run(arena_suite());
}
