/*
 * What went wrong, by kind, the most frequent first, each with an example where one was kept.
 */
#ifndef LKI_REPORT_ERRORS_H
#define LKI_REPORT_ERRORS_H

#include "report/table.h"
#include "result/result.h"

/* Checks are not among them: they have a table of their own. Prints nothing if there is nothing. */
void lki_report_errors(const struct lki_result *result, const struct lki_paper *paper);

/* For who does not see the report: why the run failed as a whole, with what is known of the cause,
 * in one line without new-line. Appends nothing if it did not fail. */
void lki_report_failure(const struct lki_result *result, struct lki_buf *line);

#endif
