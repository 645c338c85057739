/*
 * A directory of the user's own for what runs in the background: sockets, pid files, logs, secrets.
 * Nobody else may enter it, and it is gone after the next start of the machine.
 */
#ifndef LKI_APP_RUNDIR_H
#define LKI_APP_RUNDIR_H

#include <stdbool.h>
#include <stdio.h>

#include <loadkit/err.h>

#include "base/buf.h"

/* So that a unix socket in it has a path that is short enough. */
#define LKI_RUNDIR_MAX 90
#define LKI_RUNDIR_PATH_MAX (LKI_RUNDIR_MAX + 64)

struct lki_rundir {
    char path[LKI_RUNDIR_MAX + 1]; /* such as /run/user/1000/loadkit/default */
    int lock;                      /* -1: not locked */
};

/*
 * The directory of that name, made if it is not there: below $XDG_RUNTIME_DIR, /run/user/UID or
 * /tmp, whichever there is first. It is locked until it is closed: what goes on there goes on once.
 * name has letters, digits, - _ and . only. On failure why says what is wrong and what to do:
 * LK_E_ARG, LK_E_LIMIT for a path that is too long, LK_E_EXISTS when another has the lock,
 * LK_E_SYSTEM.
 */
enum lk_err lki_rundir_open(struct lki_rundir *dir, const char *name, struct lki_buf *why);

/* The same without making it, or waiting: LK_E_NOT_FOUND when there is none. Not locked. */
enum lk_err lki_rundir_find(struct lki_rundir *dir, const char *name, struct lki_buf *why);

void lki_rundir_close(struct lki_rundir *dir);

/* Removes it with all that is in it; it is still to be closed. */
void lki_rundir_remove(struct lki_rundir *dir);

/* The path of something in it. */
void lki_rundir_path(const struct lki_rundir *dir, const char *name, char out[LKI_RUNDIR_PATH_MAX]);

/* Writes a file of which nobody else can read anything: at once, whole. LK_E_SYSTEM. */
enum lk_err lki_rundir_write(const struct lki_rundir *dir, const char *name, const char *text);

/* Reads a short one, a line, without its new-line; false: there is none, or it is too long. */
bool lki_rundir_read(const struct lki_rundir *dir, const char *name, char *out, size_t size);

#endif
