/* What a probe read: counted whole, kept in bounds, and always over the whole run. */
#include "stats/probe.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "stats/metric.h"
#include "support/suite.h"

static struct lki_probe_log readings;

static void setup(void)
{
    readings = (struct lki_probe_log){.name = "depth"};
}

static void teardown(void)
{
    lki_probe_log_release(&readings);
}

static void add(int second, struct lk_value value)
{
    lki_probe_log_add(&readings, second * LKI_NS_PER_S, &value);
}

START_TEST(numbers_of_all_kinds_are_summed_up)
{
    add(0, lk_value_int(-3));
    add(1, lk_value_uint(7));
    add(2, lk_value_double(0.5));
    add(3, lk_value_bool(true));
    add(4, lk_value_str("busy"));
    add(5, lk_value_str(NULL));
    lki_probe_log_add(&readings, 6 * LKI_NS_PER_S, NULL);
    ck_assert_uint_eq(readings.count, 7);
    ck_assert_uint_eq(readings.errors, 1);
    ck_assert_uint_eq(readings.numbers, 3);
    ck_assert_double_eq(readings.min, -3);
    ck_assert_double_eq(readings.max, 7);
    ck_assert_double_eq(readings.sum, 4.5);
    ck_assert_uint_eq(readings.len, 7);
    ck_assert(readings.readings[6].failed);
    ck_assert(!readings.readings[5].failed);
    ck_assert_int_eq(readings.readings[6].t_ns, 6 * LKI_NS_PER_S);
}
END_TEST

START_TEST(the_last_reading_that_did_not_fail_is_at_hand)
{
    char text[] = "first";

    add(0, lk_value_str(text));
    strcpy(text, "other");
    ck_assert_str_eq(readings.last.value.as.string, "first");
    ck_assert_str_eq(readings.readings[0].value.as.string, "first");
    add(1, lk_value_int(5));
    lki_probe_log_add(&readings, 2 * LKI_NS_PER_S, NULL);
    ck_assert_int_eq(readings.last.value.kind, LK_VALUE_INT);
    ck_assert_int_eq(readings.last.value.as.integer, 5);
    ck_assert_int_eq(readings.last.t_ns, LKI_NS_PER_S);
}
END_TEST

START_TEST(a_text_is_kept_as_far_as_it_may_be)
{
    char text[2 * LKI_READING_TEXT_MAX];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    add(0, lk_value_str(text));
    ck_assert_uint_eq(strlen(readings.last.value.as.string), LKI_READING_TEXT_MAX);
}
END_TEST

/* Numbers are their own index, texts every third of them. */
START_TEST(what_is_kept_is_spread_over_the_whole_run)
{
    enum { ALL = 5 * LKI_READINGS_MAX + 3 };

    for (int i = 0; i < ALL; i++)
        add(i, i % 3 ? lk_value_int(i) : lk_value_str("text"));
    ck_assert_uint_eq(readings.count, ALL);
    ck_assert_uint_eq(readings.lost, 0);
    ck_assert_double_eq(readings.max, ALL - 1 - ((ALL - 1) % 3 == 0));
    ck_assert_uint_le(readings.len, LKI_READINGS_MAX);
    ck_assert_uint_ge(readings.len, LKI_READINGS_MAX / 2);
    ck_assert_uint_eq(readings.stride, 8);
    for (size_t i = 0; i < readings.len; i++) {
        const struct lki_reading *reading = &readings.readings[i];

        ck_assert_int_eq(reading->t_ns, (int64_t)i * 8 * LKI_NS_PER_S);
        if (i * 8 % 3)
            ck_assert_int_eq(reading->value.as.integer, (int)i * 8);
        else
            ck_assert_str_eq(reading->value.as.string, "text");
    }
    ck_assert_uint_eq(readings.len, (ALL + 7) / 8);
}
END_TEST

static void add_recent(int second, uint64_t worker)
{
    const struct lki_reading reading = {
        .t_ns = second * LKI_NS_PER_S, .value = lk_value_int(second), .worker = worker};

    ck_assert_int_eq(lki_probe_log_append_recent(&readings, &reading), LK_OK);
}

START_TEST(the_last_ones_are_all_at_hand)
{
    char message[400];

    memset(message, 'm', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    for (int i = 0; i < 5 * LKI_READINGS_MAX; i++) {
        const struct lki_reading reading = {.t_ns = i * LKI_NS_PER_S,
                                            .failed = i % 2,
                                            .value = i % 2 ? lk_value_null() : lk_value_str("up"),
                                            .took_ns = i,
                                            .message = i % 2 ? message : NULL};

        lki_probe_log_add_reading(&readings, &reading);
    }
    ck_assert_uint_eq(readings.recent_len, LKI_READINGS_RECENT);
    for (int i = 0; i < LKI_READINGS_RECENT; i++) {
        const struct lki_reading *reading = &readings.recent[i];
        int64_t n = 5 * LKI_READINGS_MAX - LKI_READINGS_RECENT + i;

        ck_assert_int_eq(reading->t_ns, n * LKI_NS_PER_S);
        ck_assert_int_eq(reading->took_ns, n);
        if (n % 2)
            ck_assert_uint_eq(strlen(reading->message), LKI_ERROR_MESSAGE_MAX);
        else
            ck_assert_str_eq(reading->value.as.string, "up");
    }
    ck_assert_ptr_null(readings.readings[1].message);
    ck_assert_uint_eq(readings.lost, 0);
}
END_TEST

START_TEST(the_last_ones_of_all_come_by_time)
{
    for (int i = 0; i < 80; i++)
        add_recent(2 * i, 1);
    for (int i = 0; i < 80; i++)
        add_recent(2 * i + 1, 2);
    ck_assert_uint_eq(readings.recent_len, LKI_READINGS_RECENT);
    for (int i = 0; i < LKI_READINGS_RECENT; i++) {
        ck_assert_int_eq(readings.recent[i].t_ns, (60 + i) * LKI_NS_PER_S);
        ck_assert_uint_eq(readings.recent[i].worker, (unsigned)i % 2 + 1);
    }
    add_recent(3, 3); /* older than all of them */
    ck_assert_int_eq(readings.recent[0].t_ns, 60 * LKI_NS_PER_S);
    ck_assert_uint_eq(readings.recent_len, LKI_READINGS_RECENT);
}
END_TEST

START_TEST(what_was_merged_is_settled_by_time)
{
    for (int worker = 3; worker > 0; worker--) {
        for (int i = 0; i < 4000; i++) {
            const struct lki_reading reading = {.t_ns = (3 * i + worker) * LKI_NS_PER_S,
                                                .value = lk_value_str("text"),
                                                .worker = (uint64_t)worker};

            ck_assert_int_eq(lki_probe_log_append(&readings, &reading), LK_OK);
        }
    }
    lki_probe_log_settle(&readings);
    ck_assert_uint_eq(readings.len, 3000);
    for (size_t i = 0; i < readings.len; i++)
        ck_assert_int_eq(readings.readings[i].t_ns, (4 * (int64_t)i + 1) * LKI_NS_PER_S);
}
END_TEST

START_TEST(of_two_logs_the_later_reading_is_the_last)
{
    struct lki_probe_log earlier = {.count = 1, .last = {.value = lk_value_int(1)}};

    add(5, lk_value_str("later"));
    ck_assert_int_eq(lki_probe_log_merge(&readings, &earlier), LK_OK);
    ck_assert_str_eq(readings.last.value.as.string, "later");
    earlier.last.t_ns = 6 * LKI_NS_PER_S;
    ck_assert_int_eq(lki_probe_log_merge(&readings, &earlier), LK_OK);
    ck_assert_int_eq(readings.last.value.as.integer, 1);
    ck_assert_uint_eq(readings.count, 3);
}
END_TEST

START_TEST(only_scalars_can_be_read)
{
    const struct {
        struct lk_value value;
        bool fits;
    } values[] = {
        {lk_value_bool(false), true},      {lk_value_int(INT64_MIN), true},
        {lk_value_uint(UINT64_MAX), true}, {lk_value_double(-1e300), true},
        {lk_value_double(NAN), false},     {lk_value_double(INFINITY), false},
        {lk_value_str("text"), true},      {lk_value_str(NULL), true},
        {lk_value_json(NULL), true},       {lk_value_json((const lk_json *)values), false},
        {lk_value_pointer(NULL), true},    {lk_value_pointer(values), false},
        {lk_value_null(), true},
    };

    for (size_t i = 0; i < LKI_COUNT(values); i++)
        ck_assert_msg(lki_reading_fits(&values[i].value) == values[i].fits, "value %zu", i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_log");
    TCase *tests = tcase_create("probe_log");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, numbers_of_all_kinds_are_summed_up);
    tcase_add_test(tests, the_last_reading_that_did_not_fail_is_at_hand);
    tcase_add_test(tests, a_text_is_kept_as_far_as_it_may_be);
    tcase_add_test(tests, what_is_kept_is_spread_over_the_whole_run);
    tcase_add_test(tests, the_last_ones_are_all_at_hand);
    tcase_add_test(tests, the_last_ones_of_all_come_by_time);
    tcase_add_test(tests, what_was_merged_is_settled_by_time);
    tcase_add_test(tests, of_two_logs_the_later_reading_is_the_last);
    tcase_add_test(tests, only_scalars_can_be_read);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
