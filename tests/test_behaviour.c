/*
 * What the HTTP client does, over both engines: carries the table in tests/behaviour/ out, several
 * cases at a time, each in a process of its own, and tells of each whether all was as it must be.
 *
 *     BEHAVIOUR="chunk" build/tests/test_behaviour    # only cases with that in their name
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "behaviour/behaviour.h"
#include "support/suite.h"

#define AT_ONCE 12
#define RUNS_MAX 1024
#define LONGEST_S 60

static const struct behaviour_part *const parts[] = {
    &behaviour_answers,  &behaviour_broken, &behaviour_ends, &behaviour_limits,
    &behaviour_requests, &behaviour_ways,   &behaviour_tls,  &behaviour_flow,
};

static struct behaviour_run *runs; /* in memory shared with those who carry them out */
static pid_t pids[RUNS_MAX];
static size_t run_count;
static size_t first_of[LKI_COUNT(parts) + 1]; /* run of each part */

static void run_add(const struct behaviour *of, enum lk_http_engine engine, bool drip)
{
    if (run_count == RUNS_MAX)
        abort();
    runs[run_count++] = (struct behaviour_run){.of = of, .engine = engine, .drip = drip};
}

static void runs_make(void)
{
    const char *only = getenv("BEHAVIOUR");

    runs = mmap(NULL, RUNS_MAX * sizeof(*runs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
    if (runs == MAP_FAILED)
        abort();
    for (size_t part = 0; part < LKI_COUNT(parts); part++) {
        first_of[part] = run_count;
        for (size_t i = 0; i < parts[part]->count; i++) {
            const struct behaviour *of = &parts[part]->cases[i];
            bool drips = !of->at && !of->at_once;

            if (only && !strstr(of->name, only))
                continue;
            for (int drip = 0; drip <= drips; drip++) {
                if (!of->only_curl)
                    run_add(of, LK_HTTP_ENGINE_NATIVE, drip);
                run_add(of, LK_HTTP_ENGINE_CURL, drip);
            }
        }
    }
    first_of[LKI_COUNT(parts)] = run_count;
}

static void run_start(size_t i)
{
    fflush(NULL);
    pids[i] = fork();
    if (pids[i] < 0)
        abort();
    if (pids[i])
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(LONGEST_S);
    behaviour_carry_out(&runs[i]);
    exit(EXIT_SUCCESS);
}

static bool run_end(void)
{
    int status;
    pid_t pid = wait(&status);

    for (size_t i = 0; pid > 0 && i < run_count; i++) {
        if (pids[i] != pid)
            continue;
        pids[i] = 0;
        if (status && !*runs[i].problem)
            snprintf(runs[i].problem, sizeof(runs[i].problem), "the process ended with %s %d",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        return true;
    }
    return false;
}

static void carry_all_out(void)
{
    size_t under_way = 0;

    places_start();
    for (size_t i = 0; i < run_count; i++) {
        while (under_way >= AT_ONCE)
            under_way -= run_end();
        run_start(i);
        under_way++;
    }
    while (under_way)
        under_way -= run_end();
}

START_TEST(it_is_as_the_table_says)
{
    const struct behaviour_run *run = &runs[_i];

    ck_assert_msg(!*run->problem, "%s (%s%s): %s", run->of->name,
                  run->engine == LK_HTTP_ENGINE_CURL ? "curl" : "native",
                  run->drip ? ", byte by byte" : "", run->problem);
}
END_TEST

/* It is one table, however many tests show it: all cases are carried out before the first. */
static Suite *behaviour_suite(void)
{
    Suite *suite = suite_create("behaviour");

    for (size_t part = 0; part < LKI_COUNT(parts); part++) {
        TCase *cases = tcase_create(parts[part]->name);

        tcase_add_loop_test(cases, it_is_as_the_table_says, (int)first_of[part],
                            (int)first_of[part + 1]);
        suite_add_tcase(suite, cases);
    }
    return suite;
}

int main(void)
{
    int status;

    runs_make();
    carry_all_out();
    status = suite_run(behaviour_suite());
    places_stop();
    return status;
}
