#include "cli/file.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

const char *lki_file_read(const char *path, struct lki_buf *content)
{
    int error;

    lki_buf_init(content, LKI_FILE_MAX);
    error = lki_file_load(path, content);
    if (error == EFBIG)
        return "it is larger than 1 MiB";
    if (error)
        return strerror(error);
    if (content->len && memchr(content->data, '\0', content->len))
        return "there is a zero byte in it";
    return NULL;
}
