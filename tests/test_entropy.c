/* Numbers that nobody can foresee. */
#include "base/entropy.h"

#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

START_TEST(digits_are_as_many_as_were_asked_for_and_others_each_time)
{
    char texts[2][42];

    for (size_t i = 0; i < LKI_COUNT(texts); i++) {
        memset(texts[i], '.', sizeof(texts[i]));
        ck_assert(lki_entropy_hex(texts[i], 20));
        ck_assert_uint_eq(strlen(texts[i]), 40);
        ck_assert_uint_eq(strspn(texts[i], "0123456789abcdef"), 40);
        ck_assert_int_eq(texts[i][41], '.');
    }
    ck_assert_str_ne(texts[0], texts[1]);
}
END_TEST

START_TEST(numbers_differ)
{
    uint64_t one = 0;
    uint64_t other = 0;

    ck_assert(lki_entropy(&one, sizeof(one)) && lki_entropy(&other, sizeof(other)));
    ck_assert_uint_ne(one, other);
    ck_assert_uint_ne(lki_entropy_u64(), lki_entropy_u64());
}
END_TEST

START_TEST(a_seed_is_short_and_never_nothing)
{
    uint64_t all = 0;

    for (int i = 0; i < 1000; i++) {
        uint64_t seed = lki_entropy_seed();

        ck_assert_uint_ne(seed, 0);
        ck_assert_uint_le(seed, UINT32_MAX);
        all |= seed;
    }
    ck_assert_uint_eq(all, UINT32_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entropy");
    TCase *tcase = tcase_create("entropy");

    tcase_add_test(tcase, digits_are_as_many_as_were_asked_for_and_others_each_time);
    tcase_add_test(tcase, numbers_differ);
    tcase_add_test(tcase, a_seed_is_short_and_never_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
