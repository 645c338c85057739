#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw */
#endif
#include "app/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define LOCK_NAME "lock"
#define NAME_MAX_BYTES 40

static enum lk_err say(struct lki_buf *why, enum lk_err err, const char *fmt, ...) LK_PRINTF(3, 4);

static enum lk_err say(struct lki_buf *why, enum lk_err err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(why, fmt, args);
    va_end(args);
    return err;
}

/* ---- where it is ---- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (!len || len > NAME_MAX_BYTES || *name == '.')
        return false;
    while (isalnum((unsigned char)*name) || (*name && strchr("-_.", *name)))
        name++;
    return !*name;
}

static bool is_own(const char *path)
{
    struct stat info;

    return !lstat(path, &info) && S_ISDIR(info.st_mode) && info.st_uid == geteuid();
}

/* The directory of the user in which ours is: it is the system's, or in the last resort our own. */
static void base_write(char *out, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[64];

    if (runtime && *runtime == '/') {
        snprintf(out, size, "%s/loadkit", runtime);
        return;
    }
    snprintf(path, sizeof(path), "/run/user/%lu", (unsigned long)geteuid());
    if (is_own(path) && !access(path, W_OK | X_OK))
        snprintf(out, size, "%s/loadkit", path);
    else
        snprintf(out, size, "/tmp/loadkit-%lu", (unsigned long)geteuid());
}

static enum lk_err path_write(struct lki_rundir *dir, char *base, size_t size, const char *name,
                              struct lki_buf *why)
{
    *dir = (struct lki_rundir){.lock = -1};
    if (!is_name(name))
        return say(why, LK_E_ARG,
                   "'%.100s' can be no name of a directory; use at most %d letters, digits, - _ .",
                   name, NAME_MAX_BYTES);
    base_write(base, size);
    if (snprintf(dir->path, sizeof(dir->path), "%s/%s", base, name) > LKI_RUNDIR_MAX)
        return say(why, LK_E_LIMIT,
                   "the path %.300s/%s is too long for sockets; set XDG_RUNTIME_DIR to a shorter "
                   "one",
                   base, name);
    return LK_OK;
}

/* ---- making it ---- */

/* One that is there must be ours alone: in /tmp anybody could have made it. */
static enum lk_err make(const char *path, struct lki_buf *why)
{
    struct stat info;

    if (mkdir(path, 0700) && errno != EEXIST)
        return say(why, LK_E_SYSTEM,
                   "cannot make the directory %s: %s; set XDG_RUNTIME_DIR to one "
                   "in which it can be made",
                   path, strerror(errno));
    if (lstat(path, &info))
        return say(why, LK_E_SYSTEM, "cannot look at the directory %s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid())
        return say(why, LK_E_SYSTEM,
                   "%s is not a directory of yours; remove it, or set "
                   "XDG_RUNTIME_DIR",
                   path);
    if ((info.st_mode & 077) && chmod(path, 0700))
        return say(why, LK_E_SYSTEM, "cannot keep others out of %s: %s", path, strerror(errno));
    return LK_OK;
}

/* Whoever removes the directory has its lock: a lock whose file is gone is one of nothing. */
static bool lock_is_there(int lock, const char *path)
{
    struct stat held;
    struct stat named;

    return !fstat(lock, &held) && !stat(path, &named) && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static enum lk_err lock(struct lki_rundir *dir, struct lki_buf *why)
{
    char path[LKI_RUNDIR_PATH_MAX];

    lki_rundir_path(dir, LOCK_NAME, path);
    dir->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock < 0)
        return say(why, LK_E_SYSTEM, "cannot write %s: %s", path, strerror(errno));
    if (flock(dir->lock, LOCK_EX | LOCK_NB) || !lock_is_there(dir->lock, path))
        return say(why, LK_E_EXISTS, "another infra up or down is at work in %s; wait for its end",
                   dir->path);
    return LK_OK;
}

enum lk_err lki_rundir_open(struct lki_rundir *dir, const char *name, struct lki_buf *why)
{
    char base[4096];
    enum lk_err err = path_write(dir, base, sizeof(base), name, why);

    if (!err)
        err = make(base, why);
    if (!err)
        err = make(dir->path, why);
    if (!err)
        err = lock(dir, why);
    if (err)
        lki_rundir_close(dir);
    return err;
}

enum lk_err lki_rundir_find(struct lki_rundir *dir, const char *name, struct lki_buf *why)
{
    char base[4096];
    enum lk_err err = path_write(dir, base, sizeof(base), name, why);

    if (!err && !is_own(dir->path))
        err = LK_E_NOT_FOUND;
    return err;
}

void lki_rundir_close(struct lki_rundir *dir)
{
    if (dir->lock >= 0)
        close(dir->lock);
    dir->lock = -1;
}

static int on_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)at;
    if (kind == FTW_DP)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

void lki_rundir_remove(struct lki_rundir *dir)
{
    char *slash;

    nftw(dir->path, on_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    /* the one above, if there is no other in it */
    slash = strrchr(dir->path, '/');
    *slash = '\0';
    rmdir(dir->path);
    *slash = '/';
}

/* ---- what is in it ---- */

void lki_rundir_path(const struct lki_rundir *dir, const char *name, char out[LKI_RUNDIR_PATH_MAX])
{
    snprintf(out, LKI_RUNDIR_PATH_MAX, "%s/%s", dir->path, name);
}

enum lk_err lki_rundir_write(const struct lki_rundir *dir, const char *name, const char *text)
{
    char path[LKI_RUNDIR_PATH_MAX];
    char part[LKI_RUNDIR_PATH_MAX];

    lki_rundir_path(dir, name, path);
    lki_rundir_path(dir, "new", part);
    return lki_file_replace(path, part, text, strlen(text)) ? LK_E_SYSTEM : LK_OK;
}

bool lki_rundir_read(const struct lki_rundir *dir, const char *name, char *out, size_t size)
{
    char path[LKI_RUNDIR_PATH_MAX];
    struct lki_buf text;
    bool read;

    lki_rundir_path(dir, name, path);
    lki_buf_init(&text, size);
    read = !lki_file_load(path, &text) && text.len && lki_buf_cstr(&text);
    if (read)
        snprintf(out, size, "%.*s", (int)strcspn(text.data, "\n"), text.data);
    lki_buf_release(&text);
    return read;
}
