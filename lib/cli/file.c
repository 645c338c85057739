#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Reads on until the end of a file. 0, or an errno. */
static int descriptor_read(int fd, struct lki_buf *content)
{
    for (;;) {
        char part[4096];
        ssize_t got = read(fd, part, sizeof(part));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        lki_buf_append(content, part, (size_t)got);
        if (content->err)
            return content->err == LK_E_LIMIT ? EFBIG : ENOMEM;
    }
}

const char *lki_file_read(const char *path, struct lki_buf *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error;

    lki_buf_init(content, LKI_FILE_MAX);
    if (fd < 0)
        return strerror(errno);
    error = descriptor_read(fd, content);
    close(fd);
    if (error == EFBIG)
        return "it is larger than 1 MiB";
    if (error)
        return strerror(error);
    if (content->len && memchr(content->data, '\0', content->len))
        return "there is a zero byte in it";
    return NULL;
}
