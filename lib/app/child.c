#include "app/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "app/crash.h"
#include "app/interrupts.h"
#include "bus/link.h"
#include "worker/agent.h"

/* What a parent that is busy may take to read the last report. */
#define LAST_REPORT_NS (5 * LKI_NS_PER_S)

/* Handlers were made for the parent, as exec would take it too; faults of a program that is not
 * ours are still told in its own way. */
static void signals_reset(bool under_main)
{
    struct sigaction action;

    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) || action.sa_handler == SIG_IGN ||
            action.sa_handler == SIG_DFL || lki_crash_is_fault(number))
            continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        sigaction(number, &action, NULL);
    }
    /* a terminal or timeout(1) tells the whole group, but it is the parent who decides */
    lki_interrupts_ignore();
    if (under_main)
        signal(SIGPIPE, SIG_IGN);
}

/* Once the parent is gone nobody is left to report to. */
static void die_with(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(LKI_CHILD_FAILED);
}

static void print_to(int fd, int printed, FILE *file)
{
    if (printed < 0)
        return;
    dup2(printed, fd);
    close(printed);
    setvbuf(file, NULL, fd == STDOUT_FILENO ? _IOLBF : _IONBF, 0);
}

/* What its users hold may be others' by now: nothing more is done, not even what is in hand. */
static void on_fenced(struct lki_loop *loop)
{
    (void)loop;
    _exit(LKI_CHILD_FENCED);
}

static const int64_t *fence_ns;

/* Before anything else is done by a process that was stopped, also the rest of the step in hand. */
static void on_continued(int number)
{
    const struct lki_clock clock = {0};
    int64_t until_ns = __atomic_load_n(fence_ns, __ATOMIC_RELAXED);

    (void)number;
    if (until_ns && lki_clock_now(&clock) > until_ns)
        _exit(LKI_CHILD_FENCED);
}

static void fence(struct lki_loop *loop, const struct lki_worker_page *page)
{
    const struct sigaction action = {.sa_handler = on_continued,
                                     .sa_flags = SA_RESTART | SA_ONSTACK};

    fence_ns = &page->lease_until_ns;
    loop->on_fenced = on_fenced;
    loop->fence_ns = fence_ns;
    sigaction(SIGCONT, &action, NULL);
}

static void on_over(struct lki_agent *agent, void *arg)
{
    (void)agent;
    lki_loop_stop(arg);
}

/* Memory is left to the end of the process, which is quicker at it. */
static int work(const struct lki_child *child, struct lki_loop *loop)
{
    struct lki_agent *agent = NULL;
    struct lki_link *link = NULL;

    if (lki_loop_open(loop))
        return LKI_CHILD_FAILED;
    lki_loop_show(loop, &child->page->loop);
    fence(loop, child->page);
    lki_crash_watch_worker(loop, child->page, child->under_main);
    if (lki_socket_link_open(&link, loop, child->link_fd) ||
        lki_agent_new(&agent, loop, child->model, link, child->page, on_over, loop))
        return LKI_CHILD_FAILED;
    lki_agent_http(agent, child->http);
    lki_loop_run(loop);
    if (lki_agent_orphaned(agent))
        return EXIT_FAILURE;
    lki_socket_link_flush(link, LAST_REPORT_NS);
    return EXIT_SUCCESS;
}

void lki_child_run(const struct lki_child *child)
{
    struct lki_loop loop;
    sigset_t none;
    int status;

    die_with(child->parent);
    signals_reset(child->under_main);
    print_to(STDOUT_FILENO, child->printed[0], stdout);
    print_to(STDERR_FILENO, child->printed[1], stderr);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    status = work(child, &loop);
    fflush(NULL);
    _exit(status);
}
