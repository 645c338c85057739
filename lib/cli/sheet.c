#include "cli/sheet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/paragraph.h"
#include "result/result.h"

#define COLUMNS_DEFAULT 80
#define SHEETS_MAX 4

void lki_sheet_init(struct lki_sheet *sheet, const char *title, const char *const *columns,
                    size_t column_count)
{
    *sheet = (struct lki_sheet){.title = title, .columns = columns, .column_count = column_count};
    lki_arena_init(&sheet->arena, NULL, 0);
}

void lki_sheet_release(struct lki_sheet *sheet)
{
    free(sheet->rows);
    lki_arena_reset(&sheet->arena);
}

struct lki_sheet_row *lki_sheet_add(struct lki_sheet *sheet, const char *name)
{
    struct lki_sheet_row *row = lki_arena_alloc(&sheet->arena, sizeof(*row));
    struct lki_sheet_row **rows = lki_room(sheet->rows, sheet->count, &sheet->cap, sizeof(*rows));

    if (rows)
        sheet->rows = rows;
    if (row)
        *row = (struct lki_sheet_row){.name = lki_arena_copy(&sheet->arena, name, strlen(name))};
    if (!rows || !row || !row->name) {
        sheet->err = LK_E_NOMEM;
        return NULL;
    }
    sheet->rows[sheet->count++] = row;
    return row;
}

static void row_name(const void *row, struct lki_buf *text)
{
    lki_buf_str(text, ((const struct lki_sheet_row *)row)->name);
}

static void row_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    memcpy(cell, ((const struct lki_sheet_row *)row)->cells[column], LKI_CELL_BYTES);
}

static bool row_is_bad(const void *row)
{
    return ((const struct lki_sheet_row *)row)->bad;
}

static void list_print(const struct lki_sheet *sheet, const struct lki_paper *paper)
{
    size_t width = 0;

    if (!sheet->count)
        return;
    for (size_t i = 0; i < sheet->count; i++)
        width = strlen(sheet->rows[i]->cells[0]) > width ? strlen(sheet->rows[i]->cells[0]) : width;
    lki_print_heading(paper, sheet->title);
    for (size_t i = 0; i < sheet->count; i++) {
        struct lki_buf text = lki_paragraph();
        char label[LKI_CELL_BYTES + 8];

        snprintf(label, sizeof(label), "  %*s%s", (int)width, sheet->rows[i]->cells[0],
                 width ? "  " : "");
        lki_buf_str(&text, sheet->rows[i]->name);
        lki_print_paragraph(paper, label, (int)strlen(label), &text);
    }
    fputs("\n", paper->out);
}

int lki_sheets_print(const struct lki_cli *cli, const struct lki_sheet *sheets, size_t count)
{
    int columns = lki_cli_columns(stdout);
    struct lki_paper paper = {stdout, lki_cli_colour(cli, stdout),
                              columns > 0 ? columns : COLUMNS_DEFAULT};
    struct lki_grid grids[SHEETS_MAX];
    size_t tables = 0;

    for (size_t i = 0; i < count; i++) {
        if (sheets[i].err) {
            lki_cli_error(cli, "%s", lk_strerror(sheets[i].err));
            return LKI_EXIT_FAILED;
        }
        if (!sheets[i].columns)
            continue;
        grids[tables++] = (struct lki_grid){.section = (int)i,
                                            .title = sheets[i].title,
                                            .columns = sheets[i].columns,
                                            .column_count = sheets[i].column_count,
                                            .rows = (const void *const *)sheets[i].rows,
                                            .row_count = sheets[i].count,
                                            .name = row_name,
                                            .cell = row_cell,
                                            .is_bad = row_is_bad};
    }
    errno = 0;
    lki_print_grids(grids, tables, &paper);
    for (size_t i = 0; i < count; i++) {
        if (!sheets[i].columns)
            list_print(&sheets[i], &paper);
    }
    return lki_cli_flush(cli);
}

int lki_sheets_show(const struct lki_cli *cli, struct lki_sheet *sheets, size_t count,
                    const char *nothing)
{
    int status = lki_sheets_print(cli, sheets, count);
    size_t rows = 0;

    for (size_t i = 0; i < count; i++) {
        rows += sheets[i].count;
        lki_sheet_release(&sheets[i]);
    }
    if (status || rows)
        return status;
    puts(nothing);
    return lki_cli_flush(cli);
}
