/*
 * Small tables of a report: a title and names to the left, numbers to the right, all below each
 * other. What a cell holds is asked for twice, to measure and to print, so that nothing is kept.
 */
#ifndef LKI_REPORT_GRID_H
#define LKI_REPORT_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "report/layout.h"
#include "report/table.h"

#define LKI_GRID_COLUMNS_MAX 8

struct lki_grid {
    int section; /* those of one share their widths; an empty line stands between two */
    const char *title;
    const char *const *columns; /* their titles, the most telling ones first */
    size_t column_count;        /* at most LKI_GRID_COLUMNS_MAX */
    const void *const *rows;
    size_t row_count;                                    /* 0: nothing is printed */
    void (*name)(const void *row, struct lki_buf *text); /* appends harmless text */
    void (*cell)(const void *row, size_t column, char cell[LKI_CELL_BYTES]);
    bool (*is_bad)(const void *row); /* NULL: none is */
};

/* Prints them one after the other, and an empty line behind them all. Columns that do not fit are
 * left out from the right. */
void lki_print_grids(const struct lki_grid *grids, size_t count, const struct lki_paper *paper);

#endif
