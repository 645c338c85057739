#include "app/fleet.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/child.h"
#include "app/ends.h"
#include "app/hang.h"
#include "app/output.h"
#include "app/wreck.h"
#include "base/mem.h"

/* What workers get to end by themselves once their link is gone. */
#define LEAVE_NS (500 * LKI_NS_PER_MS)
#define LINE_MAX_BYTES ((size_t)1024)
/* As often, a millisecond apart, it is looked whether a thread goes. */
#define THREAD_LOOKS 20

struct worker {
    struct lki_fleet *fleet;
    uint64_t number;
    pid_t pid;    /* 0: none */
    int pid_fd;   /* -1: none; ready when the process has ended */
    int link_fd;  /* the parent's end, which the core may have closed: */
    ino_t socket; /* it is still the same if this is */
    struct lki_io ended;
    struct lki_worker_page *page;
    struct lki_output printed[LKI_PRINTED];
    struct lki_hang hang;
    bool killed; /* for hanging */
    bool named;  /* where it hangs was told */
    bool wanted;
    bool told_wanted; /* that it cannot be had */
    struct lki_post again;
};

struct lki_fleet {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_core *core;
    struct lki_fleet_settings settings;
    struct lki_timer look;
    struct worker *workers;
    size_t count;
    const char *named; /* the last step that was named for hanging */
};

static void tell(const struct lki_fleet *fleet, const char *fmt, ...) LK_PRINTF(2, 3);

static void tell(const struct lki_fleet *fleet, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    if (!fleet->settings.tell)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    fleet->settings.tell(line, fleet->settings.arg);
}

static void tell_frames(const struct lki_fleet *fleet, const struct lki_frames *frames)
{
    for (size_t i = 0; i < frames->count; i++)
        tell(fleet, "  #%zu %s", i, frames->texts[i]);
}

/* ---- the end of a worker ---- */

static void forget(struct worker *worker)
{
    lki_io_stop(&worker->ended);
    if (worker->pid_fd >= 0)
        close(worker->pid_fd);
    worker->pid_fd = -1;
    worker->pid = 0;
    for (int i = 0; i < LKI_PRINTED; i++)
        lki_output_close(&worker->printed[i]);
}

/* Reaps it. False: it is still alive. A program that ignores SIGCHLD has the system do that, and
 * nobody learns how it ended: *status is -1 then. */
static bool reap(struct worker *worker, int flags, int *status)
{
    pid_t reaped;

    do
        reaped = waitpid(worker->pid, status, flags);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0)
        *status = -1;
    return reaped != 0;
}

/* Its last words have been read by the time that the core lets go of it. */
static void on_death(struct worker *worker, int status)
{
    struct lki_fleet *fleet = worker->fleet;
    struct lki_wreck wreck;

    forget(worker);
    if (lki_wreck_init(&wreck, fleet->model, worker->page, status, worker->killed)) {
        tell(fleet, "%s: worker %llu %s", fleet->settings.program,
             (unsigned long long)worker->number, wreck.line);
        if (!worker->killed || !worker->named)
            tell_frames(fleet, &wreck.frames);
    }
    lki_core_died(fleet->core, worker->number, &wreck.death);
    lki_wreck_release(&wreck);
}

static void look_for_end(struct worker *worker)
{
    int status = -1;

    if (worker->pid && reap(worker, WNOHANG, &status))
        on_death(worker, status);
}

static void on_ended(struct lki_io *io, unsigned events)
{
    (void)events;
    look_for_end(LKI_CONTAINER(io, struct worker, ended));
}

static void kill_now(struct worker *worker)
{
    int status;

    if (!worker->pid)
        return;
    kill(worker->pid, SIGKILL);
    reap(worker, 0, &status);
    forget(worker);
}

/* ---- a worker's process ---- */

/* All that this process has of a worker; its link only if it is still that one. */
static void close_copy(struct worker *worker)
{
    struct stat info;

    if (!worker->pid)
        return;
    if (!fstat(worker->link_fd, &info) && S_ISSOCK(info.st_mode) && info.st_ino == worker->socket)
        close(worker->link_fd);
    lki_end_close(&worker->pid_fd);
    for (int i = 0; i < LKI_PRINTED; i++)
        lki_end_close(&worker->printed[i].fd);
}

LK_NORETURN static void be_child(const struct worker *worker, struct lki_ends *ends, pid_t parent)
{
    struct lki_fleet *fleet = worker->fleet;
    struct lki_child child = {
        .parent = parent,
        .model = fleet->model,
        .page = worker->page,
        .link_fd = ends->link[1],
        .printed = {ends->printed[LKI_PRINTED_OUT][1], ends->printed[LKI_PRINTED_ERR][1]},
        .under_main = fleet->settings.handle_signals,
    };

    /* before what it watches is closed: it is looked at once more */
    lki_loop_forked(fleet->loop);
    for (size_t i = 0; i < fleet->count; i++)
        close_copy(&fleet->workers[i]);
    lki_ends_close(ends, 0);
    lki_child_run(&child);
}

/* What was printed but not written would be written by the child too; and a signal must find the
 * handlers of the one or the other, not the parent's in the child. */
static enum lk_err fork_child(struct worker *worker, struct lki_ends *ends)
{
    pid_t parent = getpid();
    sigset_t all;
    sigset_t before;

    fflush(NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    worker->pid = 0;
    worker->pid = fork();
    if (worker->pid == 0)
        be_child(worker, ends, parent);
    sigprocmask(SIG_SETMASK, &before, NULL);
    lki_ends_close(ends, 1);
    if (worker->pid > 0)
        return LK_OK;
    worker->pid = 0;
    lki_ends_close(ends, 0);
    return LK_E_SYSTEM;
}

/* Without such a descriptor, as on an old kernel, it is looked at now and then. */
static enum lk_err watch_end(struct worker *worker)
{
    worker->pid_fd = lki_process_open(worker->pid);
    if (worker->pid_fd < 0)
        return LK_OK;
    return lki_io_start(worker->fleet->loop, &worker->ended, worker->pid_fd, LKI_READABLE,
                        on_ended);
}

static enum lk_err watch_printed(struct worker *worker, struct lki_ends *ends)
{
    const struct lki_fleet_settings *settings = &worker->fleet->settings;
    const struct lki_output_owner owner = {settings->on_print, settings->arg};
    FILE *const files[] = {[LKI_PRINTED_OUT] = stdout, [LKI_PRINTED_ERR] = stderr};
    enum lk_err err = LK_OK;

    for (int i = 0; !err && i < LKI_PRINTED; i++) {
        int fd = ends->printed[i][0];

        ends->printed[i][0] = -1;
        if (fd >= 0)
            err = lki_output_open(&worker->printed[i], worker->fleet->loop, fd, files[i], &owner);
    }
    return err;
}

static enum lk_err join(struct worker *worker, struct lki_ends *ends)
{
    struct lki_link *link = NULL;
    struct stat info;
    enum lk_err err;

    worker->link_fd = ends->link[0];
    ends->link[0] = -1;
    worker->socket = fstat(worker->link_fd, &info) ? 0 : info.st_ino;
    err = lki_socket_link_open(&link, worker->fleet->loop, worker->link_fd);
    return err ? err : lki_core_join(worker->fleet->core, worker->number, link);
}

static enum lk_err start(struct worker *worker)
{
    struct lki_ends ends;
    enum lk_err err;

    kill_now(worker); /* one that the core has given up */
    memset(worker->page, 0, sizeof(*worker->page));
    worker->hang = (struct lki_hang){0};
    worker->killed = false;
    worker->named = false;
    err = lki_ends_open(&ends, worker->fleet->settings.on_print != NULL);
    if (!err)
        err = fork_child(worker, &ends);
    if (err)
        return err;
    err = watch_end(worker);
    if (!err)
        err = watch_printed(worker, &ends);
    if (!err)
        err = join(worker, &ends);
    if (err) {
        lki_ends_close(&ends, 0);
        kill_now(worker);
    }
    return err;
}

/* ---- again ---- */

/* What is lacking now, memory or a place for a process, may be there later. */
static void restart(struct worker *worker)
{
    if (!worker->wanted)
        return;
    worker->wanted = start(worker) != LK_OK;
    if (worker->wanted && !worker->told_wanted)
        tell(worker->fleet, "%s: worker %llu cannot be started again: %s",
             worker->fleet->settings.program, (unsigned long long)worker->number, strerror(errno));
    worker->told_wanted = worker->wanted;
}

static void on_again(struct lki_post *post)
{
    restart(LKI_CONTAINER(post, struct worker, again));
}

void lki_fleet_want(struct lki_fleet *fleet, uint64_t worker)
{
    struct worker *wanted = &fleet->workers[worker - 1];

    wanted->wanted = true;
    lki_loop_post(fleet->loop, &wanted->again, on_again);
}

/* ---- watching ---- */

/* A step that hangs does so for each user: it is told once. */
static void name_hanging(struct worker *worker)
{
    struct lki_fleet *fleet = worker->fleet;
    const char *step = worker->page->asked.step;
    struct lki_wreck wreck;

    worker->named = !step || step != fleet->named;
    fleet->named = step;
    if (!worker->named)
        return;
    lki_wreck_init_hanging(&wreck, fleet->model, worker->page);
    tell(fleet,
         "%s: worker %llu hangs: %s has not yielded for %.1f s (use lk_blocking for what computes "
         "or blocks)",
         fleet->settings.program, (unsigned long long)worker->number, wreck.line,
         (double)worker->hang.stuck_ns / 1e9);
    tell_frames(fleet, &wreck.frames);
    lki_wreck_release(&wreck);
}

/* Gives when to look again. */
static int64_t look_at(struct worker *worker, int64_t now_ns)
{
    struct lki_fleet *fleet = worker->fleet;

    switch (lki_hang_look(&worker->hang, worker->pid, worker->page, now_ns,
                          fleet->settings.handle_signals, fleet->settings.grace_ns)) {
    case LKI_HANG_LOOK_SOON:
        return LKI_HANG_ASK_NS;
    case LKI_HANG_NAME:
        name_hanging(worker);
        break;
    case LKI_HANG_TELL:
        tell(fleet, "%s: worker %llu does not answer", fleet->settings.program,
             (unsigned long long)worker->number);
        break;
    case LKI_HANG_END:
        worker->killed = true;
        kill(worker->pid, SIGKILL);
        break;
    case LKI_HANG_NO_NEWS:
        break;
    }
    return LKI_HANG_LOOK_NS;
}

static void on_look(struct lki_timer *timer)
{
    struct lki_fleet *fleet = LKI_CONTAINER(timer, struct lki_fleet, look);
    int64_t next_ns = LKI_HANG_LOOK_NS;

    for (size_t i = 0; i < fleet->count; i++) {
        struct worker *worker = &fleet->workers[i];
        int64_t again_ns = LKI_HANG_LOOK_NS;

        if (worker->pid_fd < 0)
            look_for_end(worker);
        if (worker->pid && !worker->killed)
            again_ns = look_at(worker, lki_loop_now(fleet->loop));
        restart(worker);
        next_ns = again_ns < next_ns ? again_ns : next_ns;
    }
    lki_timer_set(&fleet->loop->timers, timer, lki_loop_now(fleet->loop) + next_ns);
}

/* ---- all of them ---- */

static size_t count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    size_t count = 0;

    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

/* One that was joined can be seen a moment longer. */
bool lki_fleet_threads(void)
{
    for (int i = 0; i < THREAD_LOOKS; i++) {
        if (count_threads() <= 1)
            return false;
        poll(NULL, 0, 1);
    }
    return true;
}

static enum lk_err worker_init(struct worker *worker, struct lki_fleet *fleet, uint64_t number)
{
    void *page = mmap(NULL, sizeof(*worker->page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *worker = (struct worker){.fleet = fleet, .number = number, .pid_fd = -1, .link_fd = -1};
    for (int i = 0; i < LKI_PRINTED; i++)
        worker->printed[i].fd = -1;
    if (page == MAP_FAILED)
        return LK_E_NOMEM;
    worker->page = page;
    return LK_OK;
}

enum lk_err lki_fleet_new(struct lki_fleet **out, struct lki_loop *loop,
                          const struct lki_model *model, const struct lki_fleet_settings *settings)
{
    struct lki_fleet *fleet;
    enum lk_err err;

    if (lki_fleet_threads())
        return LK_E_STATE;
    fleet = lki_zalloc(sizeof(*fleet));
    if (!fleet)
        return LK_E_NOMEM;
    fleet->loop = loop;
    fleet->model = model;
    fleet->settings = *settings;
    err = lki_timer_init(&loop->timers, &fleet->look, on_look);
    if (!err) {
        fleet->workers = calloc(settings->workers, sizeof(*fleet->workers));
        err = fleet->workers ? LK_OK : LK_E_NOMEM;
    }
    for (uint64_t i = 0; !err && i < settings->workers; i++) {
        err = worker_init(&fleet->workers[i], fleet, i + 1);
        fleet->count++;
    }
    if (err)
        lki_fleet_free(fleet);
    else
        *out = fleet;
    return err;
}

enum lk_err lki_fleet_begin(struct lki_fleet *fleet, struct lki_core *core)
{
    enum lk_err err = LK_OK;

    fleet->core = core;
    for (size_t i = 0; !err && i < fleet->count; i++)
        err = start(&fleet->workers[i]);
    lki_timer_set(&fleet->loop->timers, &fleet->look, lki_loop_now(fleet->loop) + LKI_HANG_LOOK_NS);
    return err;
}

/* How many have not ended. */
static size_t reap_ended(struct lki_fleet *fleet)
{
    size_t alive = 0;
    int status;

    for (size_t i = 0; i < fleet->count; i++) {
        struct worker *worker = &fleet->workers[i];

        if (worker->pid && reap(worker, WNOHANG, &status))
            forget(worker);
        for (int p = 0; worker->pid && p < LKI_PRINTED; p++) {
            if (worker->printed[p].fd >= 0)
                lki_output_read(&worker->printed[p]);
        }
        alive += worker->pid != 0;
    }
    return alive;
}

/* They are not many, and the time is short: looking at each now and then is all that is needed. */
static void wait_for_all(struct lki_fleet *fleet)
{
    int64_t until_ns = lki_loop_now(fleet->loop) + LEAVE_NS;

    while (reap_ended(fleet) && lki_loop_now(fleet->loop) < until_ns)
        poll(NULL, 0, 2);
}

void lki_fleet_free(struct lki_fleet *fleet)
{
    if (!fleet)
        return;
    wait_for_all(fleet);
    for (size_t i = 0; i < fleet->count; i++) {
        struct worker *worker = &fleet->workers[i];

        kill_now(worker);
        lki_loop_unpost(fleet->loop, &worker->again);
        if (worker->page)
            munmap(worker->page, sizeof(*worker->page));
    }
    lki_timer_release(&fleet->loop->timers, &fleet->look);
    free(fleet->workers);
    free(fleet);
}
