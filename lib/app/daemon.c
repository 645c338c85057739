#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2, execvpe, close_range */
#endif
#include "app/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/proc.h"
#include "base/clock.h"
#include "base/text.h"

#define LOOK_NS (10 * LKI_NS_PER_MS)
#define INHERITED_MAX 1024 /* no shell hands on a descriptor of a higher number */
#define TAIL_LINES 12
#define TAIL_BYTES 4096

/* ---- who is it ---- */

int lki_daemon_reap(const struct lki_daemon *daemon)
{
    int status;

    if (waitpid(daemon->pid, &status, WNOHANG) != daemon->pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* One that has ended, but that nobody has waited for, lives no more. */
bool lki_daemon_is_alive(const struct lki_daemon *daemon)
{
    struct lki_proc proc;

    /* one of our own would stay as it is until somebody asks */
    lki_daemon_reap(daemon);
    return lki_proc_read(&proc, daemon->pid) && proc.born == daemon->born && proc.state != 'Z' &&
           proc.state != 'X';
}

static void file_name(char out[LKI_DAEMON_NAME_MAX + 8], const char *name, const char *kind)
{
    snprintf(out, LKI_DAEMON_NAME_MAX + 8, "%s.%s", name, kind);
}

bool lki_daemon_read(struct lki_daemon *daemon, const struct lki_rundir *dir, const char *name)
{
    char file[LKI_DAEMON_NAME_MAX + 8];
    char text[64];
    long pid;

    file_name(file, name, "pid");
    snprintf(daemon->name, sizeof(daemon->name), "%s", name);
    if (!lki_rundir_read(dir, file, text, sizeof(text)) ||
        sscanf(text, "%ld %" SCNu64, &pid, &daemon->born) != 2 || pid <= 1)
        return false;
    daemon->pid = (pid_t)pid;
    return true;
}

static enum lk_err daemon_write(const struct lki_daemon *daemon, const struct lki_rundir *dir)
{
    char file[LKI_DAEMON_NAME_MAX + 8];
    char text[64];

    file_name(file, daemon->name, "pid");
    snprintf(text, sizeof(text), "%ld %" PRIu64 "\n", (long)daemon->pid, daemon->born);
    return lki_rundir_write(dir, file, text);
}

/* ---- start ---- */

/* What was set for this process is not for that one. */
static void signals_reset(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. The descriptor that tells of a failure closes when the program begins. */
static _Noreturn void child_run(const struct lki_daemon_settings *settings, int input, int log,
                                int failed)
{
    int error;

    setsid();
    signals_reset();
    if (dup2(input, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(1);
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC)) {
        for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    for (size_t i = 0; settings->unset && settings->unset[i]; i++)
        unsetenv(settings->unset[i]);
    execvp(settings->path, settings->argv);
    error = errno;
    while (write(failed, &error, sizeof(error)) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* What it is to read, in a file without a name: nobody can look at it, and nobody has to wait until
 * it is read. */
static int input_open(const char *text)
{
    int fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t len = text ? strlen(text) : 0;

    if (fd >= 0 && len && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int log_open(const struct lki_rundir *dir, const char *name)
{
    char file[LKI_DAEMON_NAME_MAX + 8];
    char path[LKI_RUNDIR_PATH_MAX];

    file_name(file, name, "log");
    lki_rundir_path(dir, file, path);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Waits until the program has begun; 0, or the errno for which it did not. */
static int begun(int fd)
{
    int error = 0;
    ssize_t got;

    do
        got = read(fd, &error, sizeof(error));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(error) ? error : 0;
}

static enum lk_err fork_one(struct lki_daemon *daemon, const struct lki_daemon_settings *settings,
                            int input, int log)
{
    int ends[2];
    int error;
    struct lki_proc proc;

    if (pipe2(ends, O_CLOEXEC))
        return LK_E_SYSTEM;
    daemon->pid = fork();
    if (daemon->pid == 0)
        child_run(settings, input, log, ends[1]);
    close(ends[1]);
    error = daemon->pid < 0 ? errno : begun(ends[0]);
    close(ends[0]);
    if (daemon->pid > 0 && error)
        waitpid(daemon->pid, NULL, 0);
    if (error)
        return error == ENOENT ? LK_E_NOT_FOUND : LK_E_SYSTEM;
    if (!lki_proc_read(&proc, daemon->pid))
        return LK_E_SYSTEM;
    daemon->born = proc.born;
    return LK_OK;
}

enum lk_err lki_daemon_start(struct lki_daemon *daemon, const struct lki_rundir *dir,
                             const struct lki_daemon_settings *settings)
{
    int input = input_open(settings->input);
    int log = log_open(dir, settings->name);
    enum lk_err err = LK_E_SYSTEM;

    *daemon = (struct lki_daemon){.pid = -1};
    snprintf(daemon->name, sizeof(daemon->name), "%s", settings->name);
    if (input >= 0 && log >= 0)
        err = fork_one(daemon, settings, input, log);
    if (input >= 0)
        close(input);
    if (log >= 0)
        close(log);
    if (err)
        return err;
    err = daemon_write(daemon, dir);
    if (err)
        lki_daemons_end(daemon, 1, 0);
    return err;
}

/* ---- end ---- */

static bool any_alive(const struct lki_daemon *daemons, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lki_daemon_is_alive(&daemons[i]))
            return true;
    }
    return false;
}

static void wait_for_end(const struct lki_daemon *daemons, size_t count, int64_t until_ns)
{
    const struct timespec span = {.tv_nsec = LOOK_NS};

    while (any_alive(daemons, count) && lki_clock_real() < until_ns)
        nanosleep(&span, NULL);
}

/* Each leads a group of its own, in which are the processes that it has started. */
void lki_daemons_end(const struct lki_daemon *daemons, size_t count, int64_t grace_ns)
{
    for (size_t i = 0; i < count; i++) {
        if (lki_daemon_is_alive(&daemons[i]))
            kill(daemons[i].pid, SIGTERM);
    }
    wait_for_end(daemons, count, lki_clock_real() + grace_ns);
    for (size_t i = 0; i < count; i++) {
        if (lki_daemon_is_alive(&daemons[i]))
            kill(-daemons[i].pid, SIGKILL);
    }
    wait_for_end(daemons, count, lki_clock_real() + LKI_NS_PER_S);
}

/* ---- log ---- */

/* Where the last lines of a text begin. */
static const char *last_lines(const char *text, size_t len)
{
    size_t lines = 0;
    size_t at = len;

    while (at && text[at - 1] == '\n')
        at--;
    for (; at; at--) {
        if (text[at - 1] == '\n' && ++lines == TAIL_LINES)
            break;
    }
    return text + at;
}

/* NULL: there is none. */
static FILE *log_read(const struct lki_daemon *daemon, const struct lki_rundir *dir)
{
    char file[LKI_DAEMON_NAME_MAX + 8];
    char path[LKI_RUNDIR_PATH_MAX];

    file_name(file, daemon->name, "log");
    lki_rundir_path(dir, file, path);
    return fopen(path, "re");
}

bool lki_daemon_has_said(const struct lki_daemon *daemon, const struct lki_rundir *dir,
                         const char *text)
{
    FILE *log = log_read(daemon, dir);
    char line[1024];
    bool found = false;

    while (log && !found && fgets(line, sizeof(line), log))
        found = strstr(line, text) != NULL;
    if (log)
        fclose(log);
    return found;
}

void lki_daemon_tail(const struct lki_daemon *daemon, const struct lki_rundir *dir,
                     struct lki_buf *out)
{
    FILE *log = log_read(daemon, dir);
    char text[TAIL_BYTES + 1];
    char *rest = NULL;
    size_t len;

    if (!log)
        return;
    if (!fseek(log, 0, SEEK_END) && ftell(log) > TAIL_BYTES)
        fseek(log, -TAIL_BYTES, SEEK_END);
    else
        rewind(log);
    len = fread(text, 1, TAIL_BYTES, log);
    fclose(log);
    text[len] = '\0';
    for (char *line = strtok_r((char *)last_lines(text, len), "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        lki_text_one_line(line, strlen(line));
        lki_buf_printf(out, "%s: %s\n", daemon->name, line);
    }
}
