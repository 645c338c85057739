/*
 * Processes in the background, which outlive who started them, and are found again by files in a
 * runtime directory: NAME.pid and NAME.log.
 */
#ifndef LKI_APP_DAEMON_H
#define LKI_APP_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <loadkit/err.h>

#include "app/rundir.h"
#include "base/buf.h"

#define LKI_DAEMON_NAME_MAX 32

struct lki_daemon {
    char name[LKI_DAEMON_NAME_MAX];
    pid_t pid;
    /* When it was started, as the system counts: a process of the same number that was started at
     * another time is somebody else's. */
    uint64_t born;
};

struct lki_daemon_settings {
    const char *name;
    const char *path;         /* of the program; without a slash it is looked for in PATH */
    char *const *argv;        /* up to a NULL */
    const char *input;        /* what it reads from its standard input; NULL: nothing */
    const char *const *unset; /* variables that it is not to have, up to a NULL; NULL: none */
};

/*
 * Starts one, with a session of its own, its output in its log. LK_E_NOT_FOUND: there is no such
 * program; LK_E_SYSTEM. It is a child of this process, and everybody's when this one has ended.
 */
enum lk_err lki_daemon_start(struct lki_daemon *daemon, const struct lki_rundir *dir,
                             const struct lki_daemon_settings *settings);

/* The one of that name that has been started here, whether it lives or not; false: none. */
bool lki_daemon_read(struct lki_daemon *daemon, const struct lki_rundir *dir, const char *name);

/* With what one that this process has started ended in order, told once; else -1. */
int lki_daemon_reap(const struct lki_daemon *daemon);
bool lki_daemon_is_alive(const struct lki_daemon *daemon);

/* Ends those of them that live: asks all, waits at most so long for each, then kills who is left
 * with all that it has started. */
void lki_daemons_end(const struct lki_daemon *daemons, size_t count, int64_t grace_ns);

/* Appends the last lines of its log, each as "NAME: ...". */
void lki_daemon_tail(const struct lki_daemon *daemon, const struct lki_rundir *dir,
                     struct lki_buf *out);

/* Does that text stand in its log by now? */
bool lki_daemon_has_said(const struct lki_daemon *daemon, const struct lki_rundir *dir,
                         const char *text);

#endif
