/*
 * A table for people, put together row by row: a name to the left, short cells to the right. Or,
 * without columns, a list of sentences, each behind a number, which stands in its first cell.
 */
#ifndef LKI_CLI_SHEET_H
#define LKI_CLI_SHEET_H

#include "base/arena.h"
#include "cli/cli.h"
#include "report/grid.h"

struct lki_sheet_row {
    const char *name;
    char cells[LKI_GRID_COLUMNS_MAX][LKI_CELL_BYTES];
    bool bad;
};

struct lki_sheet {
    const char *title;
    const char *const *columns; /* titles, as those of a grid */
    size_t column_count;
    struct lki_sheet_row **rows;
    size_t count;
    size_t cap;
    enum lk_err err; /* a row is missing for want of memory */
    struct lki_arena arena;
};

/* columns live as long as the sheet; NULL: a list. */
void lki_sheet_init(struct lki_sheet *sheet, const char *title, const char *const *columns,
                    size_t column_count);
void lki_sheet_release(struct lki_sheet *sheet);

/* Adds a row of that name, which is harmless text; its cells are empty. NULL: no memory. */
struct lki_sheet_row *lki_sheet_add(struct lki_sheet *sheet, const char *name);

/* Prints sheets of one width, lists behind tables, with an empty line between and behind them, to
 * standard output; of those without rows nothing is seen. An exit status. */
int lki_sheets_print(const struct lki_cli *cli, const struct lki_sheet *sheets, size_t count);

/* The same of all there is to show, or in its place the sentence that says that there is nothing;
 * and releases them. */
int lki_sheets_show(const struct lki_cli *cli, struct lki_sheet *sheets, size_t count,
                    const char *nothing);

#endif
