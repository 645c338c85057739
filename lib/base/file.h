/*
 * Small files, read and written as a whole.
 */
#ifndef LKI_BASE_FILE_H
#define LKI_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The beginning of a file as a string: all that the kernel tells in one of /proc. False, and "":
 * there is none, or nothing in it. */
bool lki_file_head(const char *path, char *text, size_t size);

/* How many entries a directory has; 0: it cannot be read. */
uint64_t lki_file_entries(const char *path);

/* Appends all of a file. 0, or an errno: EFBIG for more than the buffer may hold. */
int lki_file_load(const char *path, struct lki_buf *out);

/* Puts a file there that is its owner's alone, and whole as soon as it is there. part: where it is
 * written first, in the same directory. 0, or an errno. */
int lki_file_replace(const char *path, const char *part, const void *bytes, size_t len);

/* Puts bytes over the beginning of what the file has, or into a new one that is its owner's alone:
 * a tenth of the cost, but who ends meanwhile leaves half of it, and behind it stays what was there
 * of a longer one. 0, or an errno. */
int lki_file_overwrite(const char *path, const void *bytes, size_t len);

#endif
