/* The map against a plain array of what it should hold. */
#include "base/map.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define KEYS 5000

static struct lki_map map;

static void setup(void)
{
    memset(&map, 0, sizeof(map));
}

static void teardown(void)
{
    lki_map_release(&map);
}

struct key {
    char text[40];
    size_t len;
    void *value; /* that the map should have; NULL: none */
};

static void make_keys(struct key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        keys[i].len = (size_t)snprintf(keys[i].text, sizeof(keys[i].text), "%.*skey %zu",
                                       (int)(i % 17), "a prefix for many", i);
        keys[i].value = NULL;
    }
}

START_TEST(an_empty_map_has_nothing)
{
    ck_assert_ptr_null(lki_map_get(&map, "a", 1));
    ck_assert_ptr_null(lki_map_get(&map, "", 0));
    ck_assert_uint_eq(map.count, 0);
}
END_TEST

START_TEST(it_holds_what_was_put_and_nothing_else)
{
    static struct key keys[KEYS];
    struct lki_rng rng = {11};
    size_t present = 0;

    make_keys(keys, KEYS);
    for (int round = 0; round < 4 * KEYS; round++) {
        struct key *key = &keys[lki_rng_below(&rng, KEYS)];
        struct key *other = &keys[lki_rng_below(&rng, KEYS)];
        void *value = &keys[lki_rng_below(&rng, KEYS)];

        present += !key->value;
        key->value = value;
        EXPECT(!lki_map_put(&map, key->text, key->len, value), "no memory");
        EXPECT(map.count == present, "%zu keys, not %zu", map.count, present);
        EXPECT(lki_map_get(&map, other->text, other->len) == other->value, "%s is wrong",
               other->text);
    }
    for (size_t i = 0; i < KEYS; i++)
        EXPECT(lki_map_get(&map, keys[i].text, keys[i].len) == keys[i].value, "%s is wrong",
               keys[i].text);
    ck_assert_uint_le(map.count * 4, map.cap * 3 + 4);
}
END_TEST

START_TEST(the_length_belongs_to_the_key)
{
    int a;
    int b;
    int c;
    int d;

    ck_assert_int_eq(lki_map_put(&map, "abc", 3, &a), LK_OK);
    ck_assert_int_eq(lki_map_put(&map, "abc", 2, &b), LK_OK);
    ck_assert_int_eq(lki_map_put(&map, "abc", 0, &c), LK_OK);
    ck_assert_int_eq(lki_map_put(&map, "ab\0", 3, &d), LK_OK);
    ck_assert_ptr_eq(lki_map_get(&map, "abcd", 3), &a);
    ck_assert_ptr_eq(lki_map_get(&map, "ab", 2), &b);
    ck_assert_ptr_eq(lki_map_get(&map, "", 0), &c);
    ck_assert_ptr_eq(lki_map_get(&map, "ab\0", 3), &d);
    ck_assert_ptr_null(lki_map_get(&map, "abcd", 4));
}
END_TEST

/* Keys are borrowed from the value: when that goes, its key goes too. */
START_TEST(replacing_takes_the_new_key_too)
{
    char *first = strdup("same");
    char *second = strdup("same");
    int a;
    int b;

    ck_assert_int_eq(lki_map_put(&map, first, 4, &a), LK_OK);
    ck_assert_int_eq(lki_map_put(&map, second, 4, &b), LK_OK);
    free(first);
    ck_assert_ptr_eq(lki_map_get(&map, "same", 4), &b);
    ck_assert_uint_eq(map.count, 1);
    free(second);
}
END_TEST

START_TEST(a_released_map_is_empty_and_usable)
{
    int a;

    ck_assert_int_eq(lki_map_put(&map, "k", 1, &a), LK_OK);
    lki_map_release(&map);
    ck_assert_ptr_null(lki_map_get(&map, "k", 1));
    ck_assert_int_eq(lki_map_put(&map, "k", 1, &a), LK_OK);
    ck_assert_ptr_eq(lki_map_get(&map, "k", 1), &a);
}
END_TEST

/* Where in the table keys go: the low bits of the hash. Names of samples differ in few places. */
START_TEST(similar_keys_spread_over_the_table)
{
    enum { BUCKETS = 1024, DRAWS = 64 * BUCKETS };
    static unsigned counts[BUCKETS];
    static const char *const formats[] = {"%d", "GET /a/%d", "step/POST /orders/%06d/x",
                                          "%d00000000"};
    double chi = 0;

    memset(counts, 0, sizeof(counts));
    for (int i = 0; i < DRAWS; i++) {
        char key[64];
        int len = snprintf(key, sizeof(key), formats[_i], i);

        counts[lki_hash(key, (size_t)len) % BUCKETS]++;
    }
    for (int i = 0; i < BUCKETS; i++)
        chi += (counts[i] - 64.0) * (counts[i] - 64.0) / 64.0;
    /* 1023 degrees of freedom: the standard deviation is 45 */
    ck_assert_double_lt(chi, 1023 + 5 * 45.0);
    ck_assert_double_gt(chi, 1023 - 10 * 45.0);
}
END_TEST

START_TEST(the_hash_sees_every_byte_and_reads_no_other)
{
    for (size_t len = 1; len < 40; len++) {
        char *key = malloc(len); /* exactly so many, for the sanitizer to watch */
        uint64_t before;

        memset(key, 'k', len);
        before = lki_hash(key, len);
        ck_assert_uint_ne(lki_hash(key, len - 1), before);
        for (size_t i = 0; i < len; i++) {
            key[i] ^= 1;
            ck_assert_uint_ne(lki_hash(key, len), before);
            key[i] ^= 1;
        }
        ck_assert_uint_eq(lki_hash(key, len), before);
        free(key);
    }
}
END_TEST

static Suite *map_suite(void)
{
    Suite *suite = suite_create("map");
    TCase *keys = tcase_create("keys");

    tcase_add_checked_fixture(keys, setup, teardown);
    tcase_add_test(keys, an_empty_map_has_nothing);
    tcase_add_test(keys, it_holds_what_was_put_and_nothing_else);
    tcase_add_test(keys, the_length_belongs_to_the_key);
    tcase_add_test(keys, replacing_takes_the_new_key_too);
    tcase_add_test(keys, a_released_map_is_empty_and_usable);
    tcase_add_loop_test(keys, similar_keys_spread_over_the_table, 0, 4);
    tcase_add_test(keys, the_hash_sees_every_byte_and_reads_no_other);
    suite_add_tcase(suite, keys);
    return suite;
}

int main(void)
{
    return suite_run(map_suite());
}
