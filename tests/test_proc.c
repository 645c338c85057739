/* What the kernel tells of a process, whatever that is called. */
#include "app/proc.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/suite.h"

static pid_t child_start(const char *name)
{
    pid_t pid = suite_fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        raise(SIGSTOP);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, NULL, WUNTRACED), pid);
    return pid;
}

START_TEST(a_process_is_read_in_each_of_its_states)
{
    struct lki_proc stopped;
    struct lki_proc ended;
    pid_t pid = child_start("x) R 1 (y");
    siginfo_t info;

    ck_assert(lki_proc_read(&stopped, pid));
    ck_assert_int_eq(stopped.state, 'T');
    ck_assert_uint_gt(stopped.rss_bytes, 0);
    kill(pid, SIGCONT);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert(lki_proc_read(&ended, pid));
    ck_assert_int_eq(ended.state, 'Z');
    ck_assert_uint_eq(ended.born, stopped.born);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!lki_proc_read(&ended, pid));
}
END_TEST

START_TEST(time_that_was_used_is_counted)
{
    struct lki_proc before;
    struct lki_proc after;

    ck_assert(lki_proc_read(&before, getpid()));
    ck_assert_int_eq(before.state, 'R');
    do
        ck_assert(lki_proc_read(&after, getpid()));
    while (after.used_ns < before.used_ns + 50 * LKI_NS_PER_MS);
    ck_assert_uint_eq(after.born, before.born);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proc");
    TCase *tcase = tcase_create("proc");

    tcase_add_test(tcase, a_process_is_read_in_each_of_its_states);
    tcase_add_test(tcase, time_that_was_used_is_counted);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
