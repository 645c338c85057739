/* What is made of a worker's end when its page is all that is left of it. */
#include "app/wreck.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "app/child.h"
#include "base/mem.h"
#include "support/suite.h"

static const struct lki_model model;

/* Waits say so that a process has exited with status, or that a signal has killed it. */
#define EXITED(status) ((status) << 8)
#define KILLED(signal) (signal)
#define VANISHED (-1)

enum { NONE = 0, LOOP = 1, HELPER = 2, OTHER_HELPER = 4 };

static const struct {
    int status;
    unsigned at_work; /* threads with something in hand */
    const char *line; /* NULL: it has ended in order */
    uint64_t user;    /* whose doing it was; 0: nobody's */
} ends[] = {
    {EXITED(0), NONE, NULL, 0},
    /* whatever still blocks */
    {EXITED(0), HELPER, NULL, 0},
    {EXITED(1), HELPER, "died: ended with status 1", 0},
    {EXITED(70), NONE, "died: no memory or descriptors to begin with", 0},
    {EXITED(0), LOOP, "crashed: exit was called in step pay of user 17", 17},
    {EXITED(3), LOOP, "crashed: exit was called in step pay of user 17", 17},
    {EXITED(3), LOOP | HELPER, "died: ended with status 3", 0},
    {EXITED(LKI_CHILD_FENCED), LOOP, "died: ended by itself: it had been stopped for too long", 0},
    {KILLED(SIGSEGV), NONE, "died: killed by signal 11 (Segmentation fault)", 0},
    {KILLED(SIGSEGV), LOOP, "crashed: segmentation fault in step pay of user 17", 17},
    {KILLED(SIGSYS), LOOP, "crashed: bad system call in step pay of user 17", 17},
    {KILLED(SIGSEGV), HELPER, "crashed: segmentation fault in step load of user 4", 4},
    {KILLED(SIGSEGV), LOOP | HELPER, "died: killed by signal 11 (Segmentation fault)", 0},
    {KILLED(SIGSEGV), HELPER | OTHER_HELPER, "died: killed by signal 11 (Segmentation fault)", 0},
    {KILLED(SIGKILL), LOOP, "died: killed by signal 9 (Killed)", 0},
    {KILLED(SIGTERM), HELPER, "died: killed by signal 15 (Terminated)", 0},
    {VANISHED, LOOP, "died: vanished", 0},
};

static void work(struct lki_loop_shown *shown, unsigned at_work)
{
    if (at_work & LOOP)
        shown->in_hand = (struct lki_in_hand){17, "pay"};
    if (at_work & HELPER)
        shown->helpers[3] = (struct lki_in_hand){4, "load"};
    if (at_work & OTHER_HELPER)
        shown->helpers[LKI_HELPERS_MAX - 1] = (struct lki_in_hand){5, "load"};
}

START_TEST(only_what_it_has_done_itself_is_blamed_on_who_was_at_work)
{
    struct lki_worker_page page = {.iterations_taken = 1};
    struct lki_wreck wreck;

    work(&page.loop, ends[_i].at_work);
    ck_assert_int_eq(lki_wreck_init(&wreck, &model, &page, ends[_i].status, false),
                     ends[_i].line != NULL);
    if (ends[_i].line)
        ck_assert_str_eq(wreck.line, ends[_i].line);
    ck_assert_int_eq(wreck.death.told, !ends[_i].line);
    ck_assert_int_eq(wreck.death.in_step, ends[_i].user > 0);
    ck_assert_uint_eq(wreck.death.user, ends[_i].user);
    ck_assert_str_eq(wreck.death.step, !ends[_i].user ? "" : ends[_i].user == 4 ? "load" : "pay");
    lki_wreck_release(&wreck);
}
END_TEST

START_TEST(what_the_worker_itself_has_told_goes_first)
{
    struct lki_worker_page page = {.iterations_taken = 1};
    struct lki_wreck wreck;

    work(&page.loop, LOOP);
    lki_place_fill(&page.crash, SIGABRT, &(struct lki_in_hand){4, "load"});
    page.crash.known = true;
    ck_assert(lki_wreck_init(&wreck, &model, &page, KILLED(SIGABRT), false));
    ck_assert_str_eq(wreck.line, "crashed: abort in step load of user 4");
    lki_wreck_release(&wreck);
}
END_TEST

/* Whatever went wrong may have written there. */
START_TEST(a_name_that_cannot_be_one_is_not_read)
{
    struct lki_worker_page page = {.iterations_taken = 1};
    struct lki_wreck wreck;

    page.loop.in_hand = (struct lki_in_hand){17, (const char *)(uintptr_t)64};
    ck_assert(lki_wreck_init(&wreck, &model, &page, KILLED(SIGSEGV), false));
    ck_assert_str_eq(wreck.line, "crashed: segmentation fault outside of any step");
    ck_assert(!wreck.death.in_step);
    lki_wreck_release(&wreck);
}
END_TEST

static Suite *wreck_suite(void)
{
    Suite *suite = suite_create("wreck");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, only_what_it_has_done_itself_is_blamed_on_who_was_at_work, 0,
                        LKI_COUNT(ends));
    tcase_add_test(tests, what_the_worker_itself_has_told_goes_first);
    tcase_add_test(tests, a_name_that_cannot_be_one_is_not_read);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(wreck_suite());
}
