/*
 * A small text file that the user names, read as a whole.
 */
#ifndef LKI_CLI_FILE_H
#define LKI_CLI_FILE_H

#include "base/buf.h"

/* More would be a fault, not a limit that anybody meets. */
#define LKI_FILE_MAX (1024 * 1024)

/* Reads all of it into content, which was not used before and is the caller's to release. NULL, or
 * what is wrong with the file, a text that may follow a colon; content->err is LK_E_NOMEM if it is
 * not the file that is wrong. */
const char *lki_file_read(const char *path, struct lki_buf *content);

#endif
