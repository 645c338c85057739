/*
 * The result as a person reads it in a terminal.
 */
#ifndef LKI_REPORT_TEXT_H
#define LKI_REPORT_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/table.h"
#include "result/result.h"

/* columns: the width of the terminal; 0 or less: 80. Never wider, as far as that is possible. */
void lki_report_text(const struct lki_result *result, FILE *out, bool colour, int columns);

/* Its first line alone, which tells by its first word, and by its ink, how it stands. */
void lki_report_verdict(const struct lki_result *result, const struct lki_paper *paper);

#endif
