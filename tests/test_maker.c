/* Objects made in a child: their order, what becomes of factories that fail, crash or hang. */
#include "app/maker.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "model/model.h"
#include "model/registry.h"
#include "support/descriptors.h"
#include "support/suite.h"

#define MADE_MAX 10000
/* What anything here may take; sanitizers are slow. */
#define PATIENCE_S 60.0

/* ---- the factories ---- */

LK_VU(nobody)
{
    int nothing;
};

LK_STEP(nobody, nothing)
{
    lk_sleep(vu, 1);
}

LK_RESOURCE(quick)
{
    return LK_OBJECT("name", lk_format(vu, "user_%s", id), "where", (int64_t)getpid());
}

/* The later the id, the sooner it is there. */
LK_RESOURCE(slow)
{
    lk_sleep(vu, 0.3 - 0.03 * atoi(id));
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(failing)
{
    if (atoi(id) == 2)
        LK_FAIL("no more of them for %s", "tests");
    if (atoi(id) == 4)
        return NULL;
    if (atoi(id) == 5)
        return LK_ARRAY(1, 2);
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(crashing)
{
    static volatile char *volatile nowhere;

    if (atoi(id) == 3)
        nowhere[64] = 1;
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(leaving)
{
    if (atoi(id) == 2)
        _exit(3);
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(hanging)
{
    volatile int forever = 1;

    if (atoi(id) == 2) {
        while (forever)
            continue;
    }
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(meddling)
{
    lk_run_data_set(vu, LK_OBJECT("id", id));
    return LK_OBJECT("id", atoi(id));
}

LK_RESOURCE(waiting)
{
    if (atoi(id) > 1)
        lk_sleep(vu, 1000);
    return LK_OBJECT("where", (int64_t)getpid());
}

/* ---- who wants objects ---- */

static struct lki_loop loop;
static struct lki_model *model;
static struct lki_maker *maker;
static struct lki_timer limit;
static struct {
    uint64_t id;
    char *text;
    char *message;
} made[MADE_MAX];
static size_t made_count;
static int overs;
static char *failure; /* NULL: none */

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void on_made(struct lki_maker *by, uint64_t id, const char *text, const char *message,
                    void *arg)
{
    ck_assert_ptr_eq(by, maker);
    ck_assert_ptr_eq(arg, made);
    ck_assert_int_eq(overs, 0);
    ck_assert_uint_lt(made_count, MADE_MAX);
    made[made_count].id = id;
    made[made_count].text = copy(text);
    made[made_count++].message = copy(message);
}

static void on_over(struct lki_maker *by, const char *why, void *arg)
{
    ck_assert_ptr_eq(by, maker);
    ck_assert_ptr_eq(arg, made);
    overs++;
    failure = copy(why);
    lki_maker_free(maker);
    maker = NULL;
    lki_loop_stop(&loop);
}

static void on_limit(struct lki_timer *timer)
{
    (void)timer;
    lki_loop_stop(&loop);
}

static enum lk_err begin(const char *name, uint64_t first, uint64_t count)
{
    const struct lki_maker_owner owner = {.on_made = on_made, .on_over = on_over, .arg = made};

    return lki_maker_new(&maker, &loop, model, lki_model_resource(model, name), first, count,
                         &owner);
}

static void run_for(double seconds)
{
    lki_timer_set(&loop.timers, &limit, lki_loop_now(&loop) + lki_ns(seconds));
    lki_loop_run(&loop);
}

static void make(const char *name, uint64_t first, uint64_t count)
{
    ck_assert_int_eq(begin(name, first, count), LK_OK);
    run_for(PATIENCE_S);
    ck_assert_int_eq(overs, 1);
}

static int descriptors;

static void setup(void)
{
    struct lki_buf problems;

    lki_buf_init(&problems, 4096);
    ck_assert_int_eq(lki_model_new(&model, lki_registry_first(), &problems), LK_OK);
    lki_buf_release(&problems);
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &limit, on_limit), LK_OK);
    descriptors = open_descriptors();
}

/* Nothing is left: neither children nor descriptors. */
static void teardown(void)
{
    lki_maker_free(maker);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(open_descriptors(), descriptors);
    for (size_t i = 0; i < made_count; i++) {
        free(made[i].text);
        free(made[i].message);
    }
    free(failure);
    failure = NULL;
    made_count = 0;
    overs = 0;
    lki_timer_release(&loop.timers, &limit);
    lki_loop_close(&loop);
    lki_model_free(model);
}

START_TEST(objects_are_made_elsewhere)
{
    char text[128];

    make("quick", 1, 3);
    ck_assert_ptr_null(failure);
    ck_assert_uint_eq(made_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(made[i].id, i + 1);
        snprintf(text, sizeof(text), "{\"name\":\"user_%zu\",\"where\":", i + 1);
        ck_assert_msg(!strncmp(made[i].text, text, strlen(text)), "%s", made[i].text);
        ck_assert_int_ne(atoi(made[i].text + strlen(text)), getpid());
    }
}
END_TEST

START_TEST(they_come_in_the_order_of_their_ids)
{
    char text[32];

    make("slow", 3, 6);
    ck_assert_ptr_null(failure);
    ck_assert_uint_eq(made_count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(made[i].id, i + 3);
        snprintf(text, sizeof(text), "{\"id\":%zu}", i + 3);
        ck_assert_str_eq(made[i].text, text);
    }
}
END_TEST

START_TEST(a_factory_that_fails_is_told_of_and_the_others_are_made)
{
    make("failing", 1, 6);
    ck_assert_ptr_null(failure);
    ck_assert_uint_eq(made_count, 6);
    for (size_t i = 0; i < 6; i++) {
        bool failed = i == 1 || i == 3 || i == 4;

        ck_assert_uint_eq(made[i].id, i + 1);
        ck_assert(!made[i].text == failed);
    }
    ck_assert_str_eq(made[1].message, "no more of them for tests");
    ck_assert_str_eq(made[3].message, "the factory of resource \"failing\" returned NULL");
    ck_assert_str_eq(made[4].message, "the factory of resource \"failing\" made no object");
}
END_TEST

START_TEST(a_factory_leaves_no_data_for_the_run)
{
    make("meddling", 1, 1);
    ck_assert_ptr_null(failure);
    ck_assert_uint_eq(made_count, 1);
    ck_assert_str_eq(made[0].message, "lk_run_data_set was called outside of LK_ON_SETUP: what is "
                                      "the same for all users is set before they begin");
}
END_TEST

START_TEST(a_crash_is_named_with_its_place)
{
    make("crashing", 1, 100);
    ck_assert_ptr_nonnull(failure);
    ck_assert_msg(strstr(failure, "the factory of resource \"crashing\" crashed: segmentation "
                                  "fault in lk_make_crashing at ") &&
                      strstr(failure, "test_maker.c:"),
                  "%s", failure);
    ck_assert_uint_lt(made_count, 100);
    for (size_t i = 0; i < made_count; i++)
        ck_assert_uint_eq(made[i].id, i + 1);
    ck_assert_uint_le(made_count, 2);
}
END_TEST

START_TEST(who_calls_exit_is_named)
{
    make("leaving", 1, 3);
    ck_assert_ptr_nonnull(failure);
    ck_assert_msg(strstr(failure, "the factory of resource \"leaving\" crashed: exit(3) was "
                                  "called"),
                  "%s", failure);
}
END_TEST

START_TEST(one_that_never_yields_is_named_and_ended)
{
    make("hanging", 1, 3);
    ck_assert_ptr_nonnull(failure);
    ck_assert_msg(strstr(failure, "the factory of resource \"hanging\" did not yield, and was "
                                  "ended in lk_make_hanging at "),
                  "%s", failure);
}
END_TEST

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(ten_thousand_are_quick)
{
    double begun_s = seconds();

    make("quick", 101, MADE_MAX);
    ck_assert_ptr_null(failure);
    ck_assert_uint_eq(made_count, MADE_MAX);
    for (size_t i = 0; i < MADE_MAX; i++) {
        ck_assert(made[i].id == i + 101);
        ck_assert(made[i].text != NULL);
    }
    ck_assert_double_lt(seconds() - begun_s, 20);
}
END_TEST

/* At once, though its factories would take long, and without a child that stays. */
START_TEST(it_may_be_freed_in_the_middle)
{
    double begun_s = seconds();

    ck_assert_int_eq(begin(_i % 2 ? "waiting" : "hanging", 2, 3), LK_OK);
    run_for(_i < 2 ? 0.2 : 0);
    lki_maker_free(maker);
    maker = NULL;
    ck_assert_double_lt(seconds() - begun_s, 5);
    run_for(0.01);
    ck_assert_int_eq(overs, 0);
}
END_TEST

START_TEST(a_child_that_is_killed_is_told_of)
{
    const char *where;

    ck_assert_int_eq(begin("waiting", 1, 3), LK_OK);
    while (!made_count)
        run_for(0.001);
    where = strstr(made[0].text, "\"where\":");
    ck_assert_int_eq(kill(atoi(where + 8), SIGKILL), 0);
    run_for(PATIENCE_S);
    ck_assert_int_eq(overs, 1);
    ck_assert_msg(failure && strstr(failure, "the process that makes objects of resource "
                                             "\"waiting\": killed by signal 9"),
                  "%s", failure);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    ck_assert_int_eq(begin("nothing", 1, 1), LK_E_ARG);
    ck_assert_int_eq(begin("quick", 0, 1), LK_E_ARG);
    ck_assert_int_eq(begin("quick", 1, 0), LK_E_ARG);
    ck_assert_ptr_null(maker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("maker");
    TCase *tests = tcase_create("maker");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 2 * PATIENCE_S);
    tcase_add_test(tests, objects_are_made_elsewhere);
    tcase_add_test(tests, they_come_in_the_order_of_their_ids);
    tcase_add_test(tests, a_factory_that_fails_is_told_of_and_the_others_are_made);
    tcase_add_test(tests, a_factory_leaves_no_data_for_the_run);
    tcase_add_test(tests, a_crash_is_named_with_its_place);
    tcase_add_test(tests, who_calls_exit_is_named);
    tcase_add_test(tests, one_that_never_yields_is_named_and_ended);
    tcase_add_test(tests, ten_thousand_are_quick);
    tcase_add_loop_test(tests, it_may_be_freed_in_the_middle, 0, 4);
    tcase_add_test(tests, a_child_that_is_killed_is_told_of);
    tcase_add_test(tests, what_cannot_be_is_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
