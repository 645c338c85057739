/*
 * What authors measured: checks, metrics of their own, and probes.
 */
#ifndef LKI_REPORT_AUTHOR_H
#define LKI_REPORT_AUTHOR_H

#include "report/table.h"
#include "result/result.h"

/* Prints nothing if there is nothing to show. */
void lki_report_author(const struct lki_result *result, const struct lki_paper *paper);

#endif
