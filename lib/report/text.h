/*
 * The result as a person reads it in a terminal, and the line that shows a run in progress.
 */
#ifndef LKI_REPORT_TEXT_H
#define LKI_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "result/result.h"

/* columns: the width of the terminal; 0 or less: 80. Never wider, as far as that is possible. */
void lki_report_text(const struct lki_result *result, FILE *out, bool colour, int columns);

/* The state of a run. What is zero because it is unknown or without end is left out. */
struct lki_progress {
    int64_t elapsed_ns;
    int64_t total_ns; /* 0: no end in time */
    uint64_t iterations;
    uint64_t iterations_total; /* 0: no end by count */
    uint64_t users;
    double requests_per_s; /* over the last second, as are p95_ns and steps_per_s */
    double steps_per_s;    /* shown when there are no requests */
    uint64_t errors;       /* since the start, requests and steps */
    int64_t p95_ns;        /* 0: unknown */
    const char *state;     /* such as "stopping"; NULL or "": running */
};

/*
 * Writes the line, terminated, without a new-line, of at most size - 1 bytes and at most columns
 * characters: what does not fit is left out from the right. Returns its length.
 */
size_t lki_report_progress(char *line, size_t size, int columns,
                           const struct lki_progress *progress);

#endif
