/* The buffer: it holds what was appended, never more than its maximum, and a failure sticks. */
#include "base/buf.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/suite.h"

static struct lki_buf buf;

static void setup(void)
{
    lki_buf_init(&buf, 100000);
}

static void teardown(void)
{
    lki_buf_release(&buf);
}

static void set_max(size_t max_bytes)
{
    lki_buf_release(&buf);
    lki_buf_init(&buf, max_bytes);
}

START_TEST(nothing_is_allocated_before_the_first_append)
{
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.cap, 0);
    lki_buf_append(&buf, NULL, 0);
    ck_assert_ptr_null(buf.data);
    ck_assert_int_eq(buf.err, LK_OK);
}
END_TEST

START_TEST(it_holds_what_was_appended)
{
    static char model[100000];
    struct lki_rng rng = {3};
    size_t len = 0;

    for (;;) {
        char piece[300];
        size_t bytes = lki_rng_below(&rng, sizeof(piece));

        for (size_t i = 0; i < bytes; i++)
            piece[i] = (char)lki_rng_next(&rng);
        if (len + bytes > sizeof(model))
            break;
        memcpy(model + len, piece, bytes);
        len += bytes;
        lki_buf_append(&buf, piece, bytes);
        ck_assert_uint_eq(buf.len, len);
        ck_assert_uint_le(buf.cap, buf.max);
    }
    ck_assert_int_eq(buf.err, LK_OK);
    ck_assert_mem_eq(buf.data, model, len);
}
END_TEST

START_TEST(the_maximum_can_be_reached_but_not_passed)
{
    size_t max = (size_t[]){1, 2, 255, 256, 257, 511, 512, 513, 5000}[_i];

    set_max(max);
    for (size_t i = 0; i < max; i++) {
        ck_assert_int_eq(buf.err, LK_OK);
        lki_buf_char(&buf, (char)i);
    }
    ck_assert_int_eq(buf.err, LK_OK);
    ck_assert_uint_eq(buf.len, max);
    ck_assert_uint_le(buf.cap, max);
    lki_buf_char(&buf, 'x');
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    ck_assert_uint_eq(buf.len, max);
    for (size_t i = 0; i < max; i++)
        ck_assert_int_eq(buf.data[i], (char)i);
}
END_TEST

START_TEST(a_failure_sticks_although_the_next_piece_would_fit)
{
    set_max(10);
    lki_buf_str(&buf, "12345");
    lki_buf_str(&buf, "123456");
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    lki_buf_str(&buf, "1");
    lki_buf_char(&buf, '2');
    lki_buf_u64(&buf, 3);
    lki_buf_printf(&buf, "%d", 4);
    ck_assert_uint_eq(buf.len, 5);
    ck_assert_ptr_null(lki_buf_reserve(&buf, 1));
    ck_assert_ptr_null(lki_buf_reserve(&buf, 0));
    ck_assert_ptr_null(lki_buf_cstr(&buf));
    ck_assert_mem_eq(buf.data, "12345", 5);
}
END_TEST

START_TEST(clearing_forgets_the_failure_and_keeps_the_memory)
{
    char *data;

    set_max(10);
    lki_buf_str(&buf, "1234567890");
    data = buf.data;
    lki_buf_char(&buf, 'x');
    lki_buf_clear(&buf);
    ck_assert_int_eq(buf.err, LK_OK);
    ck_assert_uint_eq(buf.len, 0);
    lki_buf_str(&buf, "abc");
    ck_assert_ptr_eq(buf.data, data);
    ck_assert_mem_eq(buf.data, "abc", 3);
}
END_TEST

START_TEST(a_released_buffer_may_be_used_again)
{
    lki_buf_str(&buf, "abc");
    lki_buf_release(&buf);
    ck_assert_ptr_null(buf.data);
    lki_buf_str(&buf, "de");
    ck_assert_str_eq(lki_buf_cstr(&buf), "de");
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    lki_buf_str(&buf, "abc");
    ck_assert_ptr_null(lki_buf_reserve(&buf, SIZE_MAX));
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    lki_buf_clear(&buf);
    lki_buf_str(&buf, "abc");
    ck_assert_ptr_null(lki_buf_reserve(&buf, SIZE_MAX - 2));
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    ck_assert_mem_eq(buf.data, "abc", 3);
}
END_TEST

START_TEST(reserved_room_is_there_to_be_written)
{
    char *room = lki_buf_reserve(&buf, 1000);

    ck_assert_ptr_nonnull(room);
    memset(room, 'r', 1000);
    buf.len += 1000;
    room = lki_buf_reserve(&buf, 0);
    ck_assert_ptr_eq(room, buf.data + 1000);
    ck_assert_uint_eq(strlen(lki_buf_cstr(&buf)), 1000);
}
END_TEST

START_TEST(a_string_of_nothing_is_empty_and_does_not_count)
{
    ck_assert_str_eq(lki_buf_cstr(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
    lki_buf_str(&buf, "ab");
    ck_assert_str_eq(lki_buf_cstr(&buf), "ab");
    ck_assert_uint_eq(buf.len, 2);
}
END_TEST

START_TEST(numbers_are_written_in_full)
{
    static const unsigned long long numbers[] = {0, 7, 10, 4294967296ULL, ULLONG_MAX};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        lki_buf_u64(&buf, numbers[i]);
    ck_assert_str_eq(lki_buf_cstr(&buf), "0710429496729618446744073709551615");
}
END_TEST

START_TEST(printing_joins_what_is_there)
{
    for (int i = 0; i < 500; i++)
        lki_buf_printf(&buf, "%d,%s;", i, "x");
    ck_assert_uint_eq(buf.len, 10 * 4 + 90 * 5 + 400 * 6);
    ck_assert_int_eq(memcmp(buf.data, "0,x;1,x;", 8), 0);
    ck_assert_str_eq(lki_buf_cstr(&buf) + buf.len - 6, "499,x;");
}
END_TEST

START_TEST(what_is_printed_stays_within_what_was_allocated)
{
    char text[600];

    memset(text, 't', sizeof(text));
    for (int len = 1; len < 600; len++) {
        lki_buf_release(&buf);
        lki_buf_printf(&buf, "%.*s", len, text);
        ck_assert_uint_eq(buf.len, len);
        ck_assert_uint_gt(buf.cap, buf.len); /* printf writes a terminator */
    }
}
END_TEST

START_TEST(what_does_not_fit_is_not_printed_in_part)
{
    set_max(10);
    lki_buf_str(&buf, "12345");
    lki_buf_printf(&buf, "%s", "abcdef");
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    ck_assert_uint_eq(buf.len, 5);
}
END_TEST

static Suite *buf_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *bytes = tcase_create("bytes");

    tcase_add_checked_fixture(bytes, setup, teardown);
    tcase_add_test(bytes, nothing_is_allocated_before_the_first_append);
    tcase_add_test(bytes, it_holds_what_was_appended);
    tcase_add_loop_test(bytes, the_maximum_can_be_reached_but_not_passed, 0, 9);
    tcase_add_test(bytes, a_failure_sticks_although_the_next_piece_would_fit);
    tcase_add_test(bytes, clearing_forgets_the_failure_and_keeps_the_memory);
    tcase_add_test(bytes, a_released_buffer_may_be_used_again);
    tcase_add_test(bytes, sizes_that_overflow_are_refused);
    tcase_add_test(bytes, reserved_room_is_there_to_be_written);
    tcase_add_test(bytes, a_string_of_nothing_is_empty_and_does_not_count);
    tcase_add_test(bytes, numbers_are_written_in_full);
    tcase_add_test(bytes, printing_joins_what_is_there);
    tcase_add_test(bytes, what_is_printed_stays_within_what_was_allocated);
    tcase_add_test(bytes, what_does_not_fit_is_not_printed_in_part);
    suite_add_tcase(suite, bytes);
    return suite;
}

int main(void)
{
    return suite_run(buf_suite());
}
