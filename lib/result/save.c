/* Saving under a name, all or nothing; declared in result/json.h. */

#include "result/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Names that are tried for the temporary file: another one of this process may be at work. */
#define TEMP_TRIES 100

/* Writes, makes it durable and closes, on every way out; gives 0 or an errno. */
static int write_and_close(const struct lki_result *result, int fd)
{
    FILE *file = fdopen(fd, "w");
    int error = file ? 0 : errno;

    if (!file) {
        close(fd);
        return error;
    }
    error = lki_result_write_json(result, file);
    /* a full disk may show up only here; what cannot be synced at all, a pipe, says EINVAL */
    if (!error && fsync(fd) && errno != EINVAL && errno != ENOTSUP)
        error = errno;
    if (fclose(file) && !error)
        error = errno;
    return error;
}

static int save_direct(const struct lki_result *result, const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | flags, 0666);

    return fd < 0 ? errno : write_and_close(result, fd);
}

/* A new file beside path, whose name goes to *temp, to be freed; -1 and errno. */
static int temp_open(const char *path, char **temp)
{
    size_t size = strlen(path) + 32;
    int fd = -1;

    *temp = malloc(size);
    for (int i = 0; *temp && i < TEMP_TRIES; i++) {
        snprintf(*temp, size, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

static int save_by_rename(const struct lki_result *result, const char *path, mode_t mode)
{
    char *temp = NULL;
    int fd = temp_open(path, &temp);
    int error = fd < 0 ? errno : 0;

    if (!error && mode && fchmod(fd, mode & 07777))
        error = errno;
    if (fd >= 0) {
        int failed = write_and_close(result, fd);

        error = error ? error : failed;
    }
    if (!error && rename(temp, path))
        error = errno;
    if (error && fd >= 0)
        unlink(temp);
    free(temp);
    return error;
}

/* May the name itself be written, though nothing can be put in its place? So it is with a mount
 * point, somebody else's file in a sticky directory, and a name that leaves no room for another. */
static bool may_be_direct(int error)
{
    return error == EBUSY || error == EXDEV || error == EROFS || error == EPERM ||
           error == EACCES || error == ENAMETOOLONG;
}

/* mode: of the file that is replaced, 0 if there is none. */
static int save_replacing(const struct lki_result *result, const char *path, mode_t mode)
{
    int error = save_by_rename(result, path, mode);

    return may_be_direct(error) ? save_direct(result, path, mode ? 0 : O_CREAT) : error;
}

static int save_to_path(const struct lki_result *result, const char *path)
{
    struct stat old;
    char *real;
    int error;

    if (stat(path, &old))
        return save_replacing(result, path, 0);
    if (!S_ISREG(old.st_mode))
        return save_direct(result, path, 0);
    /* behind a symbolic link the file is replaced, not the link */
    real = realpath(path, NULL);
    error = real ? save_replacing(result, real, old.st_mode) : errno;
    free(real);
    return error;
}

enum lk_err lki_result_save(const struct lki_result *result, const char *path, char *msg,
                            size_t msg_len)
{
    bool standard = !strcmp(path, "-");
    int error = standard ? lki_result_write_json(result, stdout) : save_to_path(result, path);

    if (!error)
        return LK_OK;
    if (msg_len) {
        snprintf(msg, msg_len, "cannot write the result to %s: %s",
                 standard ? "standard output" : path, strerror(error));
        lki_text_one_line(msg, strlen(msg));
    }
    errno = error;
    return LK_E_IO;
}
