/*
 * Two results side by side: what of the second is better or worse than of the first.
 */
#ifndef LKI_REPORT_COMPARE_H
#define LKI_REPORT_COMPARE_H

#include "report/table.h"
#include "result/result.h"

void lki_report_compare(const struct lki_result *before, const struct lki_result *after,
                        const struct lki_paper *paper);

#endif
