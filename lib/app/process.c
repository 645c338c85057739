#include "app/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/child.h"
#include "base/file.h"
#include "base/mem.h"

/* As often, a millisecond apart, it is looked whether a thread goes. */
#define THREAD_LOOKS 20

/* ---- may there be one? ---- */

/* One that was joined can be seen a moment longer. */
bool lki_process_can_fork(void)
{
    for (int i = 0; i < THREAD_LOOKS; i++) {
        if (lki_file_entries("/proc/self/task") <= 1)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

/* ---- its end ---- */

static void let_go(struct lki_process *process)
{
    lki_io_stop(&process->end_io);
    lki_end_close(&process->end_fd);
    process->pid = 0;
    for (int i = 0; i < LKI_PRINTED; i++)
        lki_output_close(&process->printed[i]);
}

/* False: it is still alive. */
static bool reap(struct lki_process *process, int flags, int *status)
{
    pid_t reaped;

    do
        reaped = waitpid(process->pid, status, flags);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0)
        *status = -1;
    if (reaped)
        let_go(process);
    return reaped != 0;
}

bool lki_process_reap(struct lki_process *process, int *status)
{
    return process->pid && reap(process, WNOHANG, status);
}

void lki_process_kill(struct lki_process *process)
{
    int status;

    if (!process->pid)
        return;
    kill(process->pid, SIGKILL);
    reap(process, 0, &status);
}

/* ---- the fork ---- */

/* Its link only if it is still that one. */
void lki_process_close_copy(struct lki_process *process)
{
    struct stat info;

    if (!process->pid)
        return;
    if (!fstat(process->link_fd, &info) && S_ISSOCK(info.st_mode) &&
        info.st_ino == process->link_at)
        close(process->link_fd);
    lki_end_close(&process->end_fd);
    for (int i = 0; i < LKI_PRINTED; i++)
        lki_end_close(&process->printed[i].fd);
}

LK_NORETURN static void be_child(const struct lki_process_settings *settings, struct lki_ends *ends,
                                 pid_t parent)
{
    struct lki_child child = {
        .parent = parent,
        .model = settings->model,
        .page = settings->page,
        .http = settings->http,
        .link_fd = ends->link[1],
        .printed = {ends->printed[LKI_PRINTED_OUT][1], ends->printed[LKI_PRINTED_ERR][1]},
        .under_main = settings->under_main,
    };

    /* before what it watches is closed: it is looked at once more */
    lki_loop_forked(settings->loop);
    settings->on_forked(settings->arg);
    lki_ends_close(ends, 0);
    lki_child_run(&child);
}

/* What was printed but not written would be written by the child too; and a signal must find the
 * handlers of the one or the other, not the parent's in the child. */
static enum lk_err fork_child(struct lki_process *process,
                              const struct lki_process_settings *settings, struct lki_ends *ends)
{
    pid_t parent = getpid();
    pid_t child;
    sigset_t all;
    sigset_t before;

    fflush(NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0)
        be_child(settings, ends, parent);
    sigprocmask(SIG_SETMASK, &before, NULL);
    lki_ends_close(ends, 1);
    if (child < 0) {
        lki_ends_close(ends, 0);
        return LK_E_SYSTEM;
    }
    process->pid = child;
    return LK_OK;
}

/* ---- what the parent has of it ---- */

static int end_open(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

static void on_end(struct lki_io *io, unsigned events)
{
    struct lki_process *process = LKI_CONTAINER(io, struct lki_process, end_io);

    (void)events;
    process->on_ended(process);
}

static enum lk_err watch_end(struct lki_process *process, struct lki_loop *loop)
{
    process->end_fd = end_open(process->pid);
    if (process->end_fd < 0)
        return LK_OK;
    return lki_io_start(loop, &process->end_io, process->end_fd, LKI_READABLE, on_end);
}

static enum lk_err watch_printed(struct lki_process *process,
                                 const struct lki_process_settings *settings, struct lki_ends *ends)
{
    FILE *const files[] = {[LKI_PRINTED_OUT] = stdout, [LKI_PRINTED_ERR] = stderr};
    enum lk_err err = LK_OK;

    for (int i = 0; !err && i < LKI_PRINTED; i++) {
        int fd = ends->printed[i][0];

        ends->printed[i][0] = -1;
        if (fd >= 0)
            err = lki_output_open(&process->printed[i], settings->loop, fd, files[i],
                                  &settings->owner);
    }
    return err;
}

static enum lk_err open_link(struct lki_process *process, struct lki_loop *loop,
                             struct lki_ends *ends, struct lki_link **link)
{
    struct stat info;

    process->link_fd = ends->link[0];
    ends->link[0] = -1;
    process->link_at = fstat(process->link_fd, &info) ? 0 : info.st_ino;
    return lki_socket_link_open(link, loop, process->link_fd);
}

void lki_process_read_printed(struct lki_process *process)
{
    for (int i = 0; i < LKI_PRINTED; i++) {
        if (process->printed[i].fd >= 0)
            lki_output_read(&process->printed[i]);
    }
}

/* ---- all of it ---- */

void lki_process_init(struct lki_process *process)
{
    *process = (struct lki_process){.end_fd = -1, .link_fd = -1};
    for (int i = 0; i < LKI_PRINTED; i++)
        process->printed[i].fd = -1;
}

enum lk_err lki_process_start(struct lki_process *process,
                              const struct lki_process_settings *settings, struct lki_link **link)
{
    struct lki_ends ends;
    enum lk_err err = lki_ends_open(&ends, settings->owner.on_print != NULL);

    if (!err)
        err = fork_child(process, settings, &ends);
    if (err)
        return err;
    process->on_ended = settings->on_ended;
    err = watch_end(process, settings->loop);
    if (!err)
        err = watch_printed(process, settings, &ends);
    if (!err)
        err = open_link(process, settings->loop, &ends, link);
    if (err) {
        lki_ends_close(&ends, 0);
        lki_process_kill(process);
    }
    return err;
}
