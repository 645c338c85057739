/* What those who write and those who merge snapshots agree on. */
#ifndef LKI_STATS_SNAPSHOT_FORM_H
#define LKI_STATS_SNAPSHOT_FORM_H

#include <stdint.h>

#include "stats/metric.h"

/* A snapshot starts with this; a change of the layout changes it. */
#define LKI_SNAPSHOT_VERSION 3

/* Totals travel as the counts that they consist of, in their order. */
#define LKI_SNAPSHOT_TOTALS (sizeof(struct lki_totals) / sizeof(uint64_t))

/* What is folded and the second in hand travel one after the other: that needs no memory. */
#define LKI_SNAPSHOT_TALLIES_MAX 2

/* What an entry in a list is; 0 ends the list. */
enum lki_snapshot_form {
    LKI_FORM_END,
    LKI_FORM_PLAIN,
    LKI_FORM_OTHERS, /* what found no place of its own */
    LKI_FORM_EMITTED,
    LKI_FORM_LAST_ = LKI_FORM_EMITTED
};

/* What a reading was. */
enum lki_snapshot_reading {
    LKI_READING_FAILED,
    LKI_READING_NULL,
    LKI_READING_FALSE,
    LKI_READING_TRUE,
    LKI_READING_INT,
    LKI_READING_UINT,
    LKI_READING_DOUBLE,
    LKI_READING_STRING,
    LKI_READING_LAST_ = LKI_READING_STRING
};

#endif
