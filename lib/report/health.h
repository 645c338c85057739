/*
 * How the generator itself fared: who crashed, and how busy its workers were.
 */
#ifndef LKI_REPORT_HEALTH_H
#define LKI_REPORT_HEALTH_H

#include "report/table.h"
#include "result/result.h"

/* Both print nothing if there is nothing to show. */
void lki_report_crashes(const struct lki_result *result, const struct lki_paper *paper);
void lki_report_generator(const struct lki_result *result, const struct lki_paper *paper);

#endif
