/* The groups of a test program, and its end. */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

/* Tests that may take their time. */
static inline TCase *suite_group(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/*
 * fork(). A child makes no assertions of Check's: they write down where they stand in a file that
 * its parent reads meanwhile from wherever either of them has come to in it.
 */
static inline pid_t suite_fork(void)
{
    pid_t pid = fork();

    if (pid)
        ck_assert_int_gt(pid, 0);
    return pid;
}

/* Carries it out, as CK_VERBOSITY has it told; the exit status. */
static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
