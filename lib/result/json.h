/*
 * The result file: one JSON object with the keys that outside tools rely on.
 */
#ifndef LKI_RESULT_JSON_H
#define LKI_RESULT_JSON_H

#include <stddef.h>
#include <stdio.h>

#include <loadkit/err.h>

#include "result/result.h"

/* Writes all of it and flushes; gives 0 or an errno. The file stays open. */
int lki_result_write_json(const struct lki_result *result, FILE *file);

/*
 * Writes the result to path, or to standard output if that is "-". A file appears under its name
 * only when it is complete; what cannot be replaced by renaming (a pipe, a mount point) is written
 * directly. On failure msg holds one line that names the path and the cause, which errno tells too.
 */
enum lk_err lki_result_save(const struct lki_result *result, const char *path, char *msg,
                            size_t msg_len);

#endif
