#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

#define LOAD_BYTES 16384

/* As read, but that no signal ends it. */
static ssize_t read_some(int fd, char *into, size_t size)
{
    ssize_t got;

    do
        got = read(fd, into, size);
    while (got < 0 && errno == EINTR);
    return got;
}

bool lki_file_head(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read_some(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

uint64_t lki_file_entries(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    uint64_t count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* Nothing of it comes to lie on the stack, which may be a small one. */
static int load(int fd, struct lki_buf *out)
{
    ssize_t got = 1;
    char beyond = 0;

    while (got > 0) {
        size_t room = lki_min(LOAD_BYTES, out->max - out->len);
        char *at = room ? lki_buf_reserve(out, room) : &beyond;

        if (!at)
            return out->err == LK_E_LIMIT ? EFBIG : ENOMEM;
        got = read_some(fd, at, room ? room : 1);
        if (got > 0 && !room)
            return EFBIG;
        out->len += got > 0 ? (size_t)got : 0;
    }
    return got ? errno : 0;
}

int lki_file_load(const char *path, struct lki_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : load(fd, out);

    if (fd >= 0)
        close(fd);
    return error;
}

static int store(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t wrote = write(fd, bytes, len);

        if (wrote < 0 && errno != EINTR)
            return errno;
        if (wrote > 0) {
            bytes += wrote;
            len -= (size_t)wrote;
        }
    }
    return 0;
}

/* flags: those of open beside what all have */
static int store_in(const char *path, int flags, const void *bytes, size_t len)
{
    int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? errno : store(fd, bytes, len);

    if (fd >= 0 && close(fd) && !error)
        error = errno;
    return error;
}

int lki_file_replace(const char *path, const char *part, const void *bytes, size_t len)
{
    int error = store_in(part, O_TRUNC, bytes, len);

    if (!error && rename(part, path))
        error = errno;
    if (error)
        unlink(part);
    return error;
}

int lki_file_overwrite(const char *path, const void *bytes, size_t len)
{
    return store_in(path, 0, bytes, len);
}
