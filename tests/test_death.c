/* Whom the death of a worker is blamed on in a program that is not ours, where no handler of
 * signals tells: on whose step brought it down, and on nobody when it was ended from outside. */
#include <check.h>
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "support/suite.h"

#define TEXT_BYTES ((size_t)1 << 20)
#define VICTIM 2

/* ---- the scenario: the step of one user does what the test in hand says ---- */

static void (*start_does)(lk_vu *vu);
static void (*step_does)(lk_vu *vu);
static bool all_do; /* each user's */

LK_VU(visitor)
{
    int visits;
};

LK_ON_START(visitor)
{
    if (start_does && lk_user_id(vu) == VICTIM)
        start_does(vu);
}

LK_STEP(visitor, visit, .every = LK_FIXED(0.01))
{
    if (step_does && (all_do || lk_user_id(vu) == VICTIM) && ++self->visits == 3)
        step_does(vu);
}

/* Who made this program might have a handler of its own, as a sanitizer does. */
static void die_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void fall(lk_vu *vu)
{
    static volatile char *volatile nowhere;

    (void)vu;
    signal(SIGSEGV, SIG_DFL);
    nowhere[64] = 1;
}

static void give_up(lk_vu *vu)
{
    (void)vu;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void write_to_nobody(lk_vu *vu)
{
    int ends[2];

    (void)vu;
    signal(SIGPIPE, SIG_DFL);
    if (pipe(ends) || close(ends[0]) || write(ends[1], "x", 1) < 0)
        _exit(9);
}

static void call_what_is_not_allowed(lk_vu *vu)
{
    (void)vu;
    die_by(SIGSYS);
}

static void leave(lk_vu *vu)
{
    (void)vu;
    _exit(0);
}

static void leave_at_once(lk_vu *vu)
{
    (void)vu;
    _exit(3);
}

static void be_killed(lk_vu *vu)
{
    (void)vu;
    die_by(SIGKILL);
}

static void be_terminated(lk_vu *vu)
{
    (void)vu;
    die_by(SIGTERM);
}

/* Unlike one that computes it needs no processor to be told from one that is starved. */
static void hang(lk_vu *vu)
{
    (void)vu;
    for (;;)
        pause();
}

/* ---- on a helper thread ---- */

static void block(void *seconds)
{
    double length = *(const double *)seconds;
    struct timespec left = {(time_t)length, (long)((length - (double)(time_t)length) * 1e9)};

    nanosleep(&left, NULL);
}

/* When whoever else is to be at work is. */
static void fall_there(void *unused)
{
    double length = 0.1;

    block(&length);
    fall(unused);
}

static void fall_blocking(lk_vu *vu)
{
    lk_blocking(vu, fall_there, NULL);
}

static void fall_beside_others(lk_vu *vu)
{
    double length = 60;

    if (lk_user_id(vu) == VICTIM)
        lk_blocking(vu, fall_there, NULL);
    else
        lk_blocking(vu, block, &length);
}

/* ---- a run, and what it says of crashes ---- */

static lk_result *result;
static cJSON *json;

static cJSON *json_of(const lk_result *of)
{
    const char *base = getenv("TMPDIR");
    char *text = calloc(1, TEXT_BYTES);
    char path[300];
    cJSON *read;
    FILE *file;

    snprintf(path, sizeof(path), "%s/death.%ld.json", base ? base : "/tmp", (long)getpid());
    ck_assert_int_eq(lk_result_save(of, path), LK_OK);
    file = fopen(path, "r");
    ck_assert(text && file);
    ck_assert_uint_gt(fread(text, 1, TEXT_BYTES - 1, file), 0);
    read = cJSON_Parse(text);
    ck_assert_ptr_nonnull(read);
    fclose(file);
    unlink(path);
    free(text);
    return read;
}

static void run(double seconds, double grace_s)
{
    char message[200];

    ck_assert_msg(lk_run(&result, LK_RUN_OPTIONS(.users = 4, .duration_s = seconds, .workers = 2,
                                                 .grace_s = grace_s, .message = message,
                                                 .message_bytes = sizeof(message))) == LK_OK,
                  "%s", message);
    json = json_of(result);
}

static void teardown(void)
{
    cJSON_Delete(json);
    lk_result_free(result);
    json = NULL;
    result = NULL;
    start_does = step_does = NULL;
    all_do = false;
}

static int crash_count(void)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "crashes"));
}

static const cJSON *crash_item(const char *key)
{
    const cJSON *crash = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "crashes"), 0);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(crash, key);

    ck_assert_ptr_nonnull(item);
    return item;
}

static void crash_is(double user, const char *step, const char *what)
{
    const char *in = cJSON_GetStringValue(crash_item("step"));

    ck_assert_double_eq(crash_item("worker")->valuedouble, 2);
    ck_assert_double_eq(crash_item("user")->valuedouble, user);
    ck_assert_str_eq(in ? in : "", step);
    ck_assert_str_eq(cJSON_GetStringValue(crash_item("what")), what);
    ck_assert_int_eq(cJSON_IsTrue(crash_item("retired")), user > 0);
}

/* ---- its own doing ---- */

static const struct {
    void (*does)(lk_vu *vu);
    const char *what;
} deeds[] = {
    {fall, "segmentation fault"},     {give_up, "abort"},
    {write_to_nobody, "broken pipe"}, {call_what_is_not_allowed, "bad system call"},
    {leave, "exit(0) was called"},    {leave_at_once, "exit(3) was called"},
};

START_TEST(a_step_that_brings_its_worker_down_is_named_and_its_user_retired)
{
    step_does = deeds[_i].does;
    run(0.6, 0);
    ck_assert_int_eq(crash_count(), 1);
    crash_is(VICTIM, "visit", deeds[_i].what);
    ck_assert_int_eq(lk_result_exit_status(result), 1);
    /* those of the others */
    ck_assert_uint_gt(lk_result_stats(result, "visit")->count, 20);
}
END_TEST

START_TEST(so_is_a_hook)
{
    start_does = fall;
    run(0.4, 0);
    ck_assert_int_eq(crash_count(), 1);
    crash_is(VICTIM, "on_start", "segmentation fault");
}
END_TEST

START_TEST(so_is_a_step_that_hangs)
{
    step_does = hang;
    run(3, 0.2);
    ck_assert_int_eq(crash_count(), 1);
    crash_is(VICTIM, "visit", "hung");
}
END_TEST

START_TEST(three_crashes_of_one_step_end_the_run)
{
    const cJSON *ended_by;

    step_does = fall;
    all_do = true;
    run(60, 0);
    ck_assert_int_ge(crash_count(), 3);
    ended_by = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "run"),
                                                "ended_by");
    ck_assert_str_eq(cJSON_GetStringValue(ended_by), "crashes");
}
END_TEST

/* ---- from outside ---- */

static const struct {
    void (*does)(lk_vu *vu);
    const char *what;
} blows[] = {
    {be_killed, "killed by signal 9 (Killed)"},
    {be_terminated, "killed by signal 15 (Terminated)"},
};

START_TEST(whose_turn_it_was_when_the_worker_was_killed_is_not_blamed)
{
    step_does = blows[_i].does;
    run(0.4, 0);
    ck_assert_int_ge(crash_count(), 1);
    crash_is(0, "", blows[_i].what);
}
END_TEST

/* ---- helper threads ---- */

START_TEST(a_function_that_blocks_is_blamed_on_who_waits_for_it)
{
    step_does = fall_blocking;
    run(0.6, 0);
    ck_assert_int_eq(crash_count(), 1);
    crash_is(VICTIM, "visit", "segmentation fault");
}
END_TEST

START_TEST(of_several_that_it_may_have_been_none_is_blamed)
{
    step_does = fall_beside_others;
    all_do = true;
    run(0.6, LK_OFF);
    ck_assert_int_ge(crash_count(), 1);
    crash_is(0, "", "killed by signal 11 (Segmentation fault)");
}
END_TEST

static Suite *death_suite(void)
{
    Suite *suite = suite_create("death");
    TCase *tests = tcase_create("blame");

    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, a_step_that_brings_its_worker_down_is_named_and_its_user_retired, 0,
                        LKI_COUNT(deeds));
    tcase_add_test(tests, so_is_a_hook);
    tcase_add_test(tests, so_is_a_step_that_hangs);
    tcase_add_test(tests, three_crashes_of_one_step_end_the_run);
    tcase_add_loop_test(tests, whose_turn_it_was_when_the_worker_was_killed_is_not_blamed, 0,
                        LKI_COUNT(blows));
    tcase_add_test(tests, a_function_that_blocks_is_blamed_on_who_waits_for_it);
    tcase_add_test(tests, of_several_that_it_may_have_been_none_is_blamed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(death_suite());
}
