/*
 * Unit tests of a scenario: no server, no waiting. A test lets time pass for the scenario, answers
 * its requests from a script, and then looks at what was done when.
 *
 * Here the scenario stands in the same file. In a project of some size it has a file of its own,
 * which is linked with two mains: one is LK_MAIN() and runs the load test, the other is like the
 * one below.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/loadkit.h>
#include <loadkit/test.h>

/* ---- the scenario ---- */

LK_PARAM(base_url, .required = true, .help = "target, e.g. http://localhost:8000");

LK_RESOURCE(accounts)
{
    return LK_OBJECT("username", lk_format(vu, "user_%s", id), "password", "password");
}

LK_VU(shopper)
{
    lk_json *account;
    char token[64];
};

LK_ON_INIT(shopper)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_ON_START(shopper)
{
    self->account = lk_resource_acquire(vu, "accounts");
}

LK_ON_STOP(shopper)
{
    lk_resource_release(vu, "accounts", self->account);
}

LK_STEP(shopper, login, .every = LK_FIXED(600), .timeout_s = 5)
{
    lk_response *r = lk_post(vu, "/auth", .json = self->account);

    LK_REQUIRE(r->status < 400, "login returned HTTP %d", r->status);
    /* what the answer says is gone when the step ends: it is copied to where the user keeps it */
    snprintf(self->token, sizeof(self->token), "Bearer %s", lk_str(r, "token"));
}

LK_STEP(shopper, catalog, .weight = 3, .needs = "login", .every = LK_BETWEEN(1, 3))
{
    lk_response *r = lk_get(vu, "/catalog", .headers = LK_PAIRS("Authorization", self->token));

    LK_REQUIRE(r->status < 400, "catalog returned HTTP %d", r->status);
}

/* ---- what its tests share ---- */

static lk_test *test;

static void setup(void)
{
    char why[200];
    enum lk_err err = lk_test_new(
        &test, LK_RUN_OPTIONS(.users = 2, .params = LK_PAIRS("base_url", "http://shop.test"),
                              .message = why, .message_bytes = sizeof(why)));

    ck_assert_msg(err == LK_OK, "%s", why);
    lk_test_answer(test, "POST /auth", .body = "{\"token\": \"t1\"}", .delay_s = 0.25);
    lk_test_answer(test, "GET /catalog", .body = "[]", .delay_s = 0.1);
}

static void teardown(void)
{
    lk_test_free(test);
}

/* ---- the tests ---- */

START_TEST(shoppers_log_in_before_they_look_around)
{
    lk_test_run(test, 1);
    ck_assert_uint_eq(lk_test_count(test, "login", "STEP_OK"), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct lk_test_request *request = lk_test_request_at(test, i);

        ck_assert_str_eq(request->url, "/auth");
        ck_assert_int_eq(request->at_ns, 0);
    }
    ck_assert_str_eq(lk_test_request_at(test, 2)->url, "/catalog");
    ck_assert_int_eq(lk_test_request_at(test, 2)->at_ns, 250000000);
}
END_TEST

/* A function may answer too, and look at what it is asked. */
static void check_account(const struct lk_test_request *request, struct lk_test_answer *answer,
                          void *arg)
{
    const char **seen = arg;
    static const char *const names[] = {"user_1", "user_2"};

    for (size_t i = 0; i < 2; i++) {
        if (strstr(request->body, names[i]))
            seen[i] = names[i];
    }
    answer->body = "{\"token\": \"t2\"}";
}

START_TEST(each_shopper_has_an_account_of_its_own_and_shows_its_token)
{
    const char *seen[2] = {NULL, NULL};

    lk_test_handle(test, "POST /auth", check_account, seen);
    lk_test_run(test, 1);
    ck_assert_ptr_nonnull(seen[0]);
    ck_assert_ptr_nonnull(seen[1]);
    ck_assert_ptr_nonnull(
        strstr(lk_test_request_at(test, 2)->head, "\r\nAuthorization: Bearer t2\r\n"));
}
END_TEST

START_TEST(a_login_that_is_refused_is_told_and_tried_again)
{
    lk_test_answer(test, "POST /auth", .status = 503, .times = 2);
    lk_test_run(test, 3600);
    ck_assert_uint_eq(lk_test_count(test, "login", "STEP_FAILED"), 2);
    ck_assert_uint_eq(lk_test_count(test, "login", "STEP_OK"), 2 * 5);
    for (size_t i = 0; lk_test_event_at(test, i); i++) {
        const struct lk_test_event *event = lk_test_event_at(test, i);

        if (strcmp(event->name, "catalog") == 0)
            ck_assert_int_gt(event->start_ns, INT64_C(600000000000));
        if (strcmp(event->code, "STEP_FAILED") == 0)
            ck_assert_str_eq(event->message, "login returned HTTP 503");
    }
}
END_TEST

START_TEST(a_login_that_takes_too_long_is_given_up)
{
    const struct lk_test_event *login;
    size_t i = 0;

    lk_test_answer(test, "POST /auth", .delay_s = 60);
    lk_test_run(test, 10);
    do
        login = lk_test_event_at(test, i++);
    while (login && strcmp(login->name, "login") != 0);
    ck_assert_ptr_nonnull(login);
    ck_assert_str_eq(login->code, "STEP_TIMEOUT");
    ck_assert_int_eq(login->end_ns, INT64_C(5000000000));
}
END_TEST

/* The result is that of a load test: an hour of two shoppers. */
START_TEST(an_hour_of_shopping_is_as_much_load_as_was_planned)
{
    const struct lk_stats *catalog;
    lk_result *result;

    lk_test_run(test, 3600);
    lk_test_stop(test);
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
    catalog = lk_result_stats(result, "catalog/GET /catalog");
    ck_assert_uint_eq(catalog->errors, 0);
    ck_assert_uint_gt(catalog->count, 3200); /* each some 2.1 s */
    ck_assert_uint_lt(catalog->count, 3600);
    ck_assert_double_eq_tol(catalog->p95_ms, 100, 0.5);
    ck_assert_uint_eq(lk_test_count(test, "on_stop", "LIFECYCLE_OK"), 2);
    lk_result_free(result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shopper");
    TCase *tests = tcase_create("shopper");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, shoppers_log_in_before_they_look_around);
    tcase_add_test(tests, each_shopper_has_an_account_of_its_own_and_shows_its_token);
    tcase_add_test(tests, a_login_that_is_refused_is_told_and_tried_again);
    tcase_add_test(tests, a_login_that_takes_too_long_is_given_up);
    tcase_add_test(tests, an_hour_of_shopping_is_as_much_load_as_was_planned);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
