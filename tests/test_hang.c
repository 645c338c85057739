/* Who hangs is told from who gets no processor; the clock is the test's, the processor time real.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/hang.h"
#include "base/clock.h"
#include "support/suite.h"

#define LIMIT_NS (3600 * LKI_NS_PER_S)

static struct lki_worker_page page;
static struct lki_hang hang;
static pid_t spinner;
static int64_t now_ns;

static void spin(void)
{
    pid_t parent = getpid();

    page = (struct lki_worker_page){.loop = {.busy = 1, .in_hand = {.user = 17, .step = "pay"}}};
    hang = (struct lki_hang){0};
    now_ns = LKI_NS_PER_S;
    spinner = suite_fork();
    if (spinner)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        ;
    _exit(0);
}

static void end(void)
{
    kill(spinner, SIGKILL);
    waitpid(spinner, NULL, 0);
}

static int64_t used_ns(void)
{
    struct timespec used;
    clockid_t clock;

    ck_assert(!clock_getcpuclockid(spinner, &clock) && !clock_gettime(clock, &used));
    return (int64_t)used.tv_sec * LKI_NS_PER_S + used.tv_nsec;
}

static void burn_until(int64_t ns)
{
    while (used_ns() < ns)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* The first news within so long; LKI_HANG_NO_NEWS: there was none. */
static enum lki_hang_news look_for(int64_t ns)
{
    enum lki_hang_news news = LKI_HANG_NO_NEWS;

    for (int64_t until_ns = now_ns + ns; !news && now_ns < until_ns; now_ns += LKI_HANG_LOOK_NS)
        news = lki_hang_look(&hang, spinner, &page, now_ns, false, LIMIT_NS);
    return news;
}

START_TEST(who_computes_without_end_is_named)
{
    look_for(LKI_HANG_LOOK_NS);
    burn_until(300 * LKI_NS_PER_MS);
    ck_assert_int_eq(look_for(LKI_NS_PER_S), LKI_HANG_NAME);
    ck_assert_str_eq(page.asked.step, "pay");
    ck_assert_uint_eq(page.asked.user, 17);
    ck_assert_int_eq(lki_hang_silent_ns(&hang), 0);
    look_for(2 * LKI_NS_PER_S);
    ck_assert_int_ge(lki_hang_silent_ns(&hang), 2 * LKI_NS_PER_S);
    page.loop.moves++;
    look_for(LKI_HANG_LOOK_NS);
    ck_assert_int_eq(lki_hang_silent_ns(&hang), 0);
}
END_TEST

START_TEST(who_gets_no_processor_is_not)
{
    ck_assert_int_eq(look_for(10 * LKI_NS_PER_S), LKI_HANG_NO_NEWS);
}
END_TEST

START_TEST(but_is_when_it_has_had_enough_of_it)
{
    ck_assert_int_eq(look_for(10 * LKI_NS_PER_S), LKI_HANG_NO_NEWS);
    burn_until(700 * LKI_NS_PER_MS);
    ck_assert_int_eq(look_for(LKI_NS_PER_S), LKI_HANG_NAME);
}
END_TEST

START_TEST(who_moves_does_not_hang)
{
    look_for(LKI_HANG_LOOK_NS);
    burn_until(700 * LKI_NS_PER_MS);
    for (int i = 0; i < 20; i++) {
        page.loop.moves++;
        ck_assert_int_eq(look_for(400 * LKI_NS_PER_MS), LKI_HANG_NO_NEWS);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hang");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, spin, end);
    tcase_add_test(tcase, who_computes_without_end_is_named);
    tcase_add_test(tcase, who_gets_no_processor_is_not);
    tcase_add_test(tcase, but_is_when_it_has_had_enough_of_it);
    tcase_add_test(tcase, who_moves_does_not_hang);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
