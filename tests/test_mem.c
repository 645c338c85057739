/* Lists that grow: what is in them stays, and there is no more copying than doubling needs. Without
 * memory: test_oom.c. */
#include "base/mem.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/expect.h"
#include "support/suite.h"

START_TEST(a_list_grows_with_all_that_is_in_it)
{
    uint64_t *list = NULL;
    size_t cap = 0;
    int copies = 0;

    for (size_t count = 0; count < 100000; count++) {
        size_t before = cap;

        list = lki_room(list, count, &cap, sizeof(*list));
        EXPECT(list && count < cap, "no room behind %zu", count);
        copies += cap != before;
        list[count] = count * count;
    }
    for (size_t i = 0; i < 100000; i++)
        EXPECT(list[i] == i * i, "element %zu is %llu", i, (unsigned long long)list[i]);
    ck_assert_int_le(copies, 17);
    free(list);
}
END_TEST

START_TEST(a_list_with_room_is_left_alone)
{
    size_t cap = 0;
    char *list = lki_room(NULL, 0, &cap, sizeof(*list));
    size_t first = cap;

    ck_assert_ptr_nonnull(list);
    for (size_t count = 0; count < first; count++)
        ck_assert_ptr_eq(lki_room(list, count, &cap, sizeof(*list)), list);
    ck_assert_uint_eq(cap, first);
    list = lki_room(list, first, &cap, sizeof(*list));
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_gt(cap, first);
    free(list);
}
END_TEST

/* Whoever makes the first part of it says how many that is. */
START_TEST(a_list_may_begin_with_any_room)
{
    int *list = lki_zalloc(sizeof(*list));
    size_t cap = 1;

    ck_assert_ptr_nonnull(list);
    *list = 7;
    list = lki_room(list, 1, &cap, sizeof(*list));
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(cap, 2);
    list[1] = 8;
    ck_assert_int_eq(list[0], 7);
    free(list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mem");
    TCase *tests = tcase_create("room");

    tcase_add_test(tests, a_list_grows_with_all_that_is_in_it);
    tcase_add_test(tests, a_list_with_room_is_left_alone);
    tcase_add_test(tests, a_list_may_begin_with_any_room);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
