/* Codes of authors: normalised, numbered when they first come up, and bounded in number. */
#include "stats/codebook.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/suite.h"

static struct lki_codebook book;

static void teardown(void)
{
    lki_codebook_release(&book);
}

START_TEST(a_code_is_its_name_and_its_category)
{
    lki_code busy = lki_codebook_code(&book, "BUSY", "error");

    ck_assert_uint_eq(busy, LKI_CODE_END);
    ck_assert_uint_eq(lki_codebook_code(&book, "BUSY", "error"), busy);
    ck_assert_uint_eq(lki_codebook_code(&book, "BUSY", "timeout"), busy + 1);
    ck_assert_uint_eq(lki_codebook_code(&book, "IDLE", "error"), busy + 2);
    ck_assert_str_eq(lki_codebook_name(&book, busy), "BUSY");
    ck_assert_str_eq(lki_codebook_category(&book, busy), "error");
    ck_assert_str_eq(lki_codebook_category(&book, (lki_code)(busy + 1)), "timeout");
    /* no separator is ambiguous */
    ck_assert_uint_ne(lki_codebook_code(&book, "A", "BC"), lki_codebook_code(&book, "AB", "C"));
}
END_TEST

START_TEST(built_in_codes_have_names_and_categories_too)
{
    static const struct {
        lki_code code;
        const char *name;
        const char *category;
    } codes[] = {
        {200, "HTTP_200", "ok"},
        {302, "HTTP_302", "ok"},
        {404, "HTTP_404", "protocol_error"},
        {503, "HTTP_503", "protocol_error"},
        {LKI_CODE_HTTP_TIMEOUT, "HTTP_TIMEOUT", "timeout"},
        {LKI_CODE_HTTP_RESET, "HTTP_RESET", "transport_error"},
        {LKI_CODE_HTTP_NO_PORTS, "HTTP_NO_PORTS", "transport_error"},
        {LKI_CODE_HTTP_CANCELLED, "HTTP_CANCELLED", "cancelled"},
        {LKI_CODE_STEP_OK, "STEP_OK", "ok"},
        {LKI_CODE_STEP_FAILED, "STEP_FAILED", "error"},
        {LKI_CODE_STEP_TIMEOUT, "STEP_TIMEOUT", "timeout"},
        {LKI_CODE_METRIC_FAILED, "METRIC_FAILED", "error"},
        {LKI_CODE_METRIC_CANCELLED, "METRIC_CANCELLED", "cancelled"},
        {LKI_CODE_CHECK_OK, "CHECK_OK", "ok"},
        {LKI_CODE_CHECK_FAILED, "CHECK_FAILED", "error"},
        {LKI_CODE_WS_OK, "WS_OK", "ok"},
        {LKI_CODE_WS_TIMEOUT, "WS_TIMEOUT", "timeout"},
        {LKI_CODE_WS_CLOSED, "WS_CLOSED", "protocol_error"},
        {LKI_CODE_WS_LOST, "WS_LOST", "transport_error"},
        {LKI_CODE_WS_PROTOCOL, "WS_PROTOCOL", "transport_error"},
        {LKI_CODE_WS_TOO_LARGE, "WS_TOO_LARGE", "transport_error"},
        {LKI_CODE_WS_CANCELLED, "WS_CANCELLED", "cancelled"},
        {LKI_CODE_OTHER, "OTHER", "other"},
    };

    for (size_t i = 0; i < LKI_COUNT(codes); i++) {
        ck_assert_str_eq(lki_codebook_name(&book, codes[i].code), codes[i].name);
        ck_assert_str_eq(lki_codebook_category(&book, codes[i].code), codes[i].category);
    }
    ck_assert_str_eq(lki_codebook_name(&book, LKI_CODE_END), "UNKNOWN");
}
END_TEST

START_TEST(beyond_a_thousand_codes_it_is_other)
{
    char name[24];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "CODE_%d", i);
        EXPECT(lki_codebook_code(&book, name, "ok") == LKI_CODE_END + i, "code %d", i);
    }
    ck_assert_uint_eq(lki_codebook_code(&book, "ONE_MORE", "ok"), LKI_CODE_OTHER);
    ck_assert_uint_eq(lki_codebook_code(&book, "CODE_0", "error"), LKI_CODE_OTHER);
    ck_assert_uint_eq(book.overflowed, 2);
    ck_assert_uint_eq(lki_codebook_code(&book, "CODE_999", "ok"), LKI_CODE_END + 999);
    ck_assert_str_eq(lki_codebook_name(&book, LKI_CODE_END + 999), "CODE_999");
}
END_TEST

#define TEN "0123456789"

START_TEST(labels_are_normalised)
{
    static const struct {
        const char *text;
        const char *capitals;
        const char *small;
    } labels[] = {
        {"Grpc_OK", "GRPC_OK", "grpc_ok"},
        {"db:read-1", "DB:READ-1", "db:read-1"},
        {"not  found!", "NOT_FOUND", "not_found"},
        {"  spaces ", "SPACES", "spaces"},
        {"__a__b__", "A__B", "a__b"},
        {"a _b", "A__B", "a__b"},
        {"a\xc3\xb6z", "A_Z", "a_z"},
        {"!?", "", ""},
        {"", "", ""},
        {TEN TEN TEN TEN TEN TEN TEN, TEN TEN TEN TEN TEN TEN "0123",
         TEN TEN TEN TEN TEN TEN "0123"},
        {TEN TEN TEN TEN TEN TEN "012 45", TEN TEN TEN TEN TEN TEN "012",
         TEN TEN TEN TEN TEN TEN "012"},
    };
    char out[LKI_LABEL_MAX + 1];

    for (size_t i = 0; i < LKI_COUNT(labels); i++) {
        ck_assert_uint_eq(lki_label_normalise(out, labels[i].text, LKI_CAPITALS),
                          strlen(labels[i].capitals));
        ck_assert_str_eq(out, labels[i].capitals);
        lki_label_normalise(out, labels[i].text, LKI_SMALL);
        ck_assert_str_eq(out, labels[i].small);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codebook");
    TCase *tests = tcase_create("codebook");

    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_code_is_its_name_and_its_category);
    tcase_add_test(tests, built_in_codes_have_names_and_categories_too);
    tcase_add_test(tests, beyond_a_thousand_codes_it_is_other);
    tcase_add_test(tests, labels_are_normalised);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
