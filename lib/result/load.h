/*
 * A result file read back: what was written of it can be reported, compared, and written again as
 * it was. Histograms are not in the file, so those of a loaded result are empty.
 */
#ifndef LKI_RESULT_LOAD_H
#define LKI_RESULT_LOAD_H

#include <stddef.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "result/result.h"

/* What is larger is no result: a series of a week takes a hundredth of it. */
#define LKI_RESULT_FILE_MAX ((size_t)1 << 30)

/*
 * Reads what lki_result_write_json has written; members that it does not know are passed over. On
 * failure nothing is owned, and why, appended without a new-line, says what is wrong and where:
 * LK_E_FORMAT, LK_E_LIMIT, LK_E_NOMEM.
 */
enum lk_err lki_result_read(struct lki_result *result, const char *text, size_t len,
                            struct lki_buf *why);

/* The same from a file, or from standard input if path is "-"; why names it, and LK_E_IO is also
 * possible. */
enum lk_err lki_result_load(struct lki_result *result, const char *path, struct lki_buf *why);

#endif
