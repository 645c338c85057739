/*
 * The table of a report: steps, each with its requests beneath, and what came back besides success.
 */
#ifndef LKI_REPORT_TABLE_H
#define LKI_REPORT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "result/result.h"

/* Where a report goes and how it may look there. */
struct lki_paper {
    FILE *out;
    bool colour;
    int columns;
};

enum lki_ink { LKI_INK_PLAIN, LKI_INK_BOLD, LKI_INK_DIM, LKI_INK_GOOD, LKI_INK_WARN, LKI_INK_BAD };

/* The sequence that turns the ink on, or off again for LKI_INK_PLAIN; "" on paper without colour.
 */
const char *lki_ink(const struct lki_paper *paper, enum lki_ink ink);

/* Prints nothing if there is nothing to show. */
void lki_report_table(const struct lki_result *result, const struct lki_paper *paper);

/* "12 HTTP_503, 3 HTTP_TIMEOUT": the codes of a metric that are not plain success, appended. */
void lki_report_codes(const struct lki_result_metric *metric, struct lki_buf *text);

#endif
