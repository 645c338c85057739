/* Objects of resources that were created from outside: what they are made of, and their keeping. */
#include "control/stock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "support/suite.h"

#define BYTES_MAX ((size_t)1 << 27)
#define NOW 1700000000

enum { USERS, CARDS };

static struct lk_resource_def defs[] = {
    [USERS] = {.def = {.name = "users"}},
    [CARDS] = {.def = {.name = "cards"}},
};
static const struct lk_resource_def *resources[] = {&defs[USERS], &defs[CARDS]};
static struct lki_model model = {.resources = resources, .resource_count = 2};
static struct lki_stock *stock;
static struct lki_buf bytes;

static void setup(void)
{
    ck_assert_int_eq(lki_stock_new(&stock, &model), LK_OK);
    lki_buf_init(&bytes, BYTES_MAX);
}

static void teardown(void)
{
    lki_stock_free(stock);
    lki_buf_release(&bytes);
}

static enum lk_err try(size_t resource, const char *text, const char *payload, uint64_t *id)
{
    const struct lki_stock_parts parts = {.text = text, .payload = payload, .created_at_s = NOW};

    return lki_stock_add(stock, resource, &parts, id);
}

static uint64_t add(size_t resource, const char *text, const char *payload)
{
    uint64_t id = 0;

    ck_assert_int_eq(try(resource, text, payload, &id), LK_OK);
    return id;
}

static const struct {
    const char *text, *payload, *object;
} blends[] = {
    {NULL, NULL, "{\"resource_id\":\"1\"}"},
    {"{\"a\":1}", NULL, "{\"resource_id\":\"1\",\"a\":1}"},
    {NULL, " { } ", "{\"resource_id\":\"1\"}"},
    /* who asks has his way, and all of it is the author's */
    {"{\"name\" : \"x\", \"pin\":[1, {\"a\":2}]}", "{\"pin\":null,\"created_at\":7,\"more\":1e3}",
     "{\"resource_id\":\"1\",\"name\":\"x\",\"pin\":null,\"created_at\":7,\"more\":1e3}"},
    {"{\"resource_id\":\"u-1\"}", NULL, "{\"resource_id\":\"u-1\"}"},
    /* one name, written in two ways, and twice in one object */
    {"{\"\\u0061\":1,\"b\":2}", "{\"a\":3,\"a\":4,\"\":5}",
     "{\"resource_id\":\"1\",\"\\u0061\":4,\"b\":2,\"\":5}"},
    {"{\"big\":123456789012345678901234567890,\"s\":\"\\ud83d\\ude00 \xc3\xa4\"}", NULL,
     "{\"resource_id\":\"1\",\"big\":123456789012345678901234567890,"
     "\"s\":\"\\ud83d\\ude00 \xc3\xa4\"}"},
};

START_TEST(later_members_win)
{
    ck_assert_uint_eq(add(USERS, blends[_i].text, blends[_i].payload), 1);
    ck_assert_str_eq(lki_stock_text(stock, USERS, 1), blends[_i].object);
}
END_TEST

/* Users get what the factory made, as in a run without an orchestrator. */
START_TEST(what_is_known_of_an_object_is_not_in_it)
{
    const struct lki_stock_parts parts = {
        .text = "{\"source\":1}", .about = "{\"source\":\"x\"}", .created_at_s = NOW};
    uint64_t id;

    ck_assert_int_eq(lki_stock_add(stock, USERS, &parts, &id), LK_OK);
    ck_assert_str_eq(lki_stock_text(stock, USERS, id), "{\"resource_id\":\"1\",\"source\":1}");
    ck_assert_str_eq(lki_stock_facts(stock, USERS, id),
                     "{\"source\":\"x\",\"resource_name\":\"users\",\"resource_id\":\"1\","
                     "\"created_at\":1700000000}");
    ck_assert_ptr_null(lki_stock_facts(stock, USERS, id + 1));
}
END_TEST

static const char *const no_objects[] = {"",      "null",        "[1]", "{\"a\":1", "{\"a\":1} x",
                                         "\"a\"", "{\"a\":\xff}"};

START_TEST(what_is_no_object_is_refused_and_takes_no_id)
{
    uint64_t id = 77;

    ck_assert_int_eq(try(USERS, no_objects[_i], NULL, &id), LK_E_FORMAT);
    ck_assert_int_eq(try(USERS, "{}", no_objects[_i], &id), LK_E_FORMAT);
    ck_assert_int_eq(try(2, NULL, NULL, &id), LK_E_ARG);
    ck_assert_uint_eq(id, 77);
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 0);
    ck_assert_uint_eq(lki_stock_last_id(stock, USERS), 0);
    ck_assert_uint_eq(lki_stock_version(stock), 0);
    ck_assert_uint_eq(add(USERS, NULL, NULL), 1);
}
END_TEST

START_TEST(an_object_may_not_be_of_any_size)
{
    char *text = malloc(LKI_STOCK_OBJECT_MAX + 100);
    uint64_t id;

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', LKI_STOCK_OBJECT_MAX + 100);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + LKI_STOCK_OBJECT_MAX + 90, "\"}", 3);
    ck_assert_int_eq(try(USERS, text, NULL, &id), LK_E_LIMIT);
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 0);
    memcpy(text + LKI_STOCK_OBJECT_MAX - 100, "\"}", 3);
    ck_assert_int_eq(try(USERS, text, NULL, &id), LK_OK);
    free(text);
}
END_TEST

START_TEST(what_is_deleted_is_gone_and_its_id_does_not_come_back)
{
    uint64_t version;

    for (int i = 0; i < 5; i++)
        add(USERS, NULL, NULL);
    add(CARDS, NULL, NULL);
    version = lki_stock_version(stock);
    ck_assert(lki_stock_delete(stock, USERS, 5));
    ck_assert_uint_gt(lki_stock_version(stock), version);
    version = lki_stock_version(stock);
    ck_assert(!lki_stock_delete(stock, USERS, 5));
    ck_assert(!lki_stock_delete(stock, USERS, 0));
    ck_assert(!lki_stock_delete(stock, USERS, 6));
    ck_assert(!lki_stock_delete(stock, 2, 1));
    ck_assert_uint_eq(lki_stock_version(stock), version);
    ck_assert_ptr_null(lki_stock_text(stock, USERS, 5));
    ck_assert_ptr_nonnull(lki_stock_text(stock, USERS, 4));
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 4);
    ck_assert_uint_eq(add(USERS, NULL, NULL), 6);
    ck_assert_uint_eq(lki_stock_delete_all(stock, USERS), 5);
    ck_assert_uint_eq(lki_stock_delete_all(stock, USERS), 0);
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 0);
    ck_assert_uint_eq(add(USERS, NULL, NULL), 7);
    ck_assert_uint_eq(lki_stock_last_id(stock, USERS), 7);
    ck_assert_uint_eq(lki_stock_count(stock, CARDS), 1);
}
END_TEST

/* Else what comes and goes would fill it in the end. */
START_TEST(what_is_deleted_makes_room)
{
    size_t len = LKI_STOCK_OBJECT_MAX - 200;
    char *text = malloc(len);
    size_t rounds = 2 * (LKI_STOCK_BYTES_MAX / len + 2);

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', len);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + len - 3, "\"}", 3);
    for (size_t i = 0; i < rounds; i++) {
        uint64_t id = add(USERS, text, NULL);

        if (i % 2)
            lki_stock_delete(stock, USERS, id);
        else
            lki_stock_delete_all(stock, USERS);
    }
    free(text);
}
END_TEST

/* Another one, read from what this one wrote. */
static struct lki_stock *copy_of(const struct lki_stock *from, const struct lki_model *into)
{
    struct lki_stock *copy;

    lki_buf_clear(&bytes);
    lki_stock_write(from, &bytes);
    ck_assert_int_eq(bytes.err, LK_OK);
    ck_assert_int_eq(lki_stock_new(&copy, into), LK_OK);
    ck_assert_int_eq(lki_stock_read(copy, bytes.data, bytes.len), LK_OK);
    return copy;
}

START_TEST(what_is_written_is_read)
{
    struct lki_stock *copy;

    for (int i = 0; i < 10; i++)
        add(USERS, "{\"a\":1}", NULL);
    lki_stock_delete(stock, USERS, 1);
    lki_stock_delete(stock, USERS, 5);
    lki_stock_delete(stock, USERS, 10);
    copy = copy_of(stock, &model);
    ck_assert_uint_eq(lki_stock_count(copy, USERS), 7);
    ck_assert_uint_eq(lki_stock_last_id(copy, USERS), 10);
    for (uint64_t id = 0; id <= 11; id++) {
        const char *text = lki_stock_text(stock, USERS, id);

        if (text) {
            ck_assert_str_eq(lki_stock_text(copy, USERS, id), text);
            ck_assert_str_eq(lki_stock_facts(copy, USERS, id), lki_stock_facts(stock, USERS, id));
        } else {
            ck_assert_ptr_null(lki_stock_text(copy, USERS, id));
        }
    }
    lki_stock_free(stock);
    stock = copy;
    ck_assert_uint_eq(add(USERS, NULL, NULL), 11);
    ck_assert_uint_eq(add(CARDS, NULL, NULL), 1);
}
END_TEST

START_TEST(reading_replaces_what_was_there)
{
    struct lki_stock *other;
    uint64_t version;

    add(USERS, "{\"a\":1}", NULL);
    lki_buf_clear(&bytes);
    lki_stock_write(stock, &bytes);
    ck_assert_int_eq(lki_stock_new(&other, &model), LK_OK);
    lki_stock_free(stock);
    stock = other;
    add(CARDS, NULL, NULL);
    version = lki_stock_version(stock);
    ck_assert_int_eq(lki_stock_read(stock, bytes.data, bytes.len), LK_OK);
    ck_assert_uint_eq(lki_stock_count(stock, CARDS), 0);
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 1);
    ck_assert_uint_gt(lki_stock_version(stock), version);
}
END_TEST

START_TEST(resources_are_told_apart_by_name)
{
    static const struct lk_resource_def *others[] = {&defs[CARDS]};
    static const struct lki_model less = {.resources = others, .resource_count = 1};
    struct lki_stock *copy;

    add(USERS, NULL, NULL);
    add(CARDS, "{\"pin\":7}", NULL);
    copy = copy_of(stock, &less);
    ck_assert_uint_eq(lki_stock_count(copy, 0), 1);
    ck_assert_str_eq(lki_stock_text(copy, 0, 1), lki_stock_text(stock, CARDS, 1));
    lki_stock_free(copy);
}
END_TEST

/* Whichever bytes are missing or wrong: it is as it was, or holds objects all the same. */
START_TEST(bytes_that_are_none_are_refused)
{
    char *broken;

    for (int i = 0; i < 4; i++)
        add(USERS, "{\"a\":1}", NULL);
    lki_stock_write(stock, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert_int_eq(lki_stock_read(stock, bytes.data, len), LK_E_FORMAT);
    ck_assert_uint_eq(lki_stock_count(stock, USERS), 4);
    broken = malloc(bytes.len);
    ck_assert_ptr_nonnull(broken);
    for (size_t i = 0; i < bytes.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            enum lk_err err;

            memcpy(broken, bytes.data, bytes.len);
            broken[i] ^= (char)(1 << bit);
            err = lki_stock_read(stock, broken, bytes.len);
            ck_assert(!err || err == LK_E_FORMAT);
            for (uint64_t id = 1; id <= lki_stock_last_id(stock, USERS) && id < 100; id++) {
                const char *text = lki_stock_text(stock, USERS, id);

                ck_assert(!text || *text == '{');
            }
        }
    }
    free(broken);
}
END_TEST

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What a request may ask for. A generous limit, since sanitizers are slow. */
START_TEST(a_hundred_thousand_are_quick)
{
    double begun_s = seconds();
    struct lki_stock *copy;

    for (int i = 0; i < 100000; i++)
        add(USERS, "{\"username\":\"user_1\",\"password\":\"password\"}", "{\"group\":\"a\"}");
    copy = copy_of(stock, &model);
    ck_assert_uint_eq(lki_stock_count(copy, USERS), 100000);
    lki_stock_free(copy);
    ck_assert_double_lt(seconds() - begun_s, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stock");
    TCase *tests = tcase_create("stock");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, later_members_win, 0, LKI_COUNT(blends));
    tcase_add_test(tests, what_is_known_of_an_object_is_not_in_it);
    tcase_add_loop_test(tests, what_is_no_object_is_refused_and_takes_no_id, 0,
                        LKI_COUNT(no_objects));
    tcase_add_test(tests, an_object_may_not_be_of_any_size);
    tcase_add_test(tests, what_is_deleted_is_gone_and_its_id_does_not_come_back);
    tcase_add_test(tests, what_is_deleted_makes_room);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, reading_replaces_what_was_there);
    tcase_add_test(tests, resources_are_told_apart_by_name);
    tcase_add_test(tests, bytes_that_are_none_are_refused);
    tcase_add_test(tests, a_hundred_thousand_are_quick);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
