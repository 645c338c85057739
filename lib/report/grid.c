#include "report/grid.h"

#include <string.h>

#include "base/mem.h"

/* What a longer name has beyond that is not shown. */
#define NAME_BYTES 512
#define INDENT 2
#define GAP 2
/* Names get at least this. One that is longer than the room for names stands on a line of its own.
 */
#define NAME_MIN 16
#define NAME_MAX_WANTED 48

struct widths {
    size_t name;
    size_t column[LKI_GRID_COLUMNS_MAX];
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void name_of(const struct lki_grid *grid, size_t row, char name[NAME_BYTES])
{
    struct lki_buf text = {.data = name, .cap = NAME_BYTES - 1, .max = NAME_BYTES - 1};

    grid->name(grid->rows[row], &text);
    name[text.len] = '\0';
}

static size_t name_width(const struct lki_grid *grid)
{
    size_t width = strlen(grid->title);
    char name[NAME_BYTES];

    for (size_t r = 0; r < grid->row_count; r++) {
        name_of(grid, r, name);
        width = larger(width, INDENT + lki_text_width(name, strlen(name)));
    }
    return width;
}

/* Makes columns as wide as the grid needs. */
static void measure(const struct lki_grid *grid, struct widths *widths)
{
    char cell[LKI_CELL_BYTES];

    for (size_t c = 0; c < grid->column_count; c++) {
        widths->column[c] = larger(widths->column[c], strlen(grid->columns[c]));
        for (size_t r = 0; r < grid->row_count; r++) {
            grid->cell(grid->rows[r], c, cell);
            widths->column[c] = larger(widths->column[c], lki_text_width(cell, strlen(cell)));
        }
    }
}

/* The columns that fit beside the shortest names. */
static size_t columns_fit(const struct lki_grid *grid, const struct widths *widths, size_t room)
{
    size_t used = NAME_MIN;
    size_t count = 0;

    while (count < grid->column_count && used + GAP + widths->column[count] <= room)
        used += GAP + widths->column[count++];
    return larger(count, 1);
}

static size_t columns_width(const struct widths *widths, size_t count)
{
    size_t width = 0;

    for (size_t c = 0; c < count; c++)
        width += GAP + widths->column[c];
    return width;
}

static void print_spaces(const struct lki_paper *paper, size_t count)
{
    fprintf(paper->out, "%*s", (int)count, "");
}

static void print_titles(const struct lki_grid *grid, const struct widths *widths, size_t shown,
                         const struct lki_paper *paper)
{
    size_t len = strlen(grid->title);

    fprintf(paper->out, "%s%s%s%s", lki_ink(paper, LKI_INK_BOLD), grid->title,
            lki_ink(paper, LKI_INK_PLAIN), lki_ink(paper, LKI_INK_DIM));
    print_spaces(paper, widths->name > len ? widths->name - len : 0);
    for (size_t c = 0; c < shown; c++) {
        print_spaces(paper, GAP + widths->column[c] - strlen(grid->columns[c]));
        fputs(grid->columns[c], paper->out);
    }
    fprintf(paper->out, "%s\n", lki_ink(paper, LKI_INK_PLAIN));
}

/* Gives the spaces that are missing to where the cells begin. */
static size_t print_name(const struct lki_grid *grid, size_t row, const struct widths *widths,
                         const struct lki_paper *paper)
{
    char name[NAME_BYTES];
    size_t width;

    name_of(grid, row, name);
    width = INDENT + lki_text_width(name, strlen(name));
    print_spaces(paper, INDENT);
    if (width <= widths->name) {
        fputs(name, paper->out);
    } else {
        lki_print_wrapped(paper->out, name, 2 * INDENT, paper->columns);
        width = 0;
    }
    return widths->name - width;
}

static void print_row(const struct lki_grid *grid, size_t row, const struct widths *widths,
                      size_t shown, const struct lki_paper *paper)
{
    bool bad = grid->is_bad && grid->is_bad(grid->rows[row]);
    char cell[LKI_CELL_BYTES];
    /* spaces that no cell followed yet: lines end without any */
    size_t pending = print_name(grid, row, widths, paper);

    fputs(bad ? lki_ink(paper, LKI_INK_BAD) : "", paper->out);
    for (size_t c = 0; c < shown; c++) {
        size_t width;

        grid->cell(grid->rows[row], c, cell);
        width = lki_text_width(cell, strlen(cell));
        pending += GAP + widths->column[c] - width;
        if (!*cell)
            continue;
        print_spaces(paper, pending);
        fputs(cell, paper->out);
        pending = 0;
    }
    fprintf(paper->out, "%s\n", bad ? lki_ink(paper, LKI_INK_PLAIN) : "");
}

static void print_grid(const struct lki_grid *grid, const struct widths *widths,
                       const struct lki_paper *paper)
{
    size_t shown = columns_fit(grid, widths, (size_t)paper->columns);

    print_titles(grid, widths, shown, paper);
    for (size_t r = 0; r < grid->row_count; r++)
        print_row(grid, r, widths, shown, paper);
}

/* What the grids of a section need together. Where it is narrow, names give way. */
static struct widths measure_section(const struct lki_grid *grids, size_t count, int section,
                                     size_t name, size_t room)
{
    struct widths widths = {.name = name};
    size_t columns = 0;

    for (size_t i = 0; i < count; i++) {
        if (grids[i].section == section && grids[i].row_count)
            measure(&grids[i], &widths);
    }
    for (size_t i = 0; i < count; i++) {
        if (grids[i].section == section && grids[i].row_count)
            columns = larger(columns, columns_width(&widths, grids[i].column_count));
    }
    if (name + columns > room)
        widths.name = larger(NAME_MIN, room > columns ? room - columns : 0);
    return widths;
}

void lki_print_grids(const struct lki_grid *grids, size_t count, const struct lki_paper *paper)
{
    const struct lki_grid *before = NULL;
    size_t name = NAME_MIN;

    for (size_t i = 0; i < count; i++) {
        if (grids[i].row_count)
            name = larger(name, lki_min(name_width(&grids[i]), NAME_MAX_WANTED));
    }
    for (size_t i = 0; i < count; i++) {
        struct widths shared = measure_section(grids, count, grids[i].section, name,
                                               (size_t)paper->columns);

        if (!grids[i].row_count)
            continue;
        if (before && before->section != grids[i].section)
            fputs("\n", paper->out);
        print_grid(&grids[i], &shared, paper);
        before = &grids[i];
    }
    if (before)
        fputs("\n", paper->out);
}
