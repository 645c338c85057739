#include "report/author.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "report/grid.h"
#include "report/layout.h"

/* ---- checks ---- */

static void check_name(const void *row, struct lki_buf *text)
{
    const struct lki_result_metric *check = row;

    if (*check->step) {
        lki_buf_harmless(text, check->step);
        lki_buf_str(text, ": ");
    }
    lki_buf_harmless(text, check->name);
}

static void check_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_metric *check = row;
    uint64_t passed = check->count - check->errors;

    switch (column) {
    case 0:
        lki_format_count(cell, passed);
        break;
    case 1:
        lki_format_count(cell, check->count);
        break;
    default:
        lki_format_percent(cell, passed, check->count);
    }
}

static bool check_is_bad(const void *row)
{
    return ((const struct lki_result_metric *)row)->errors > 0;
}

/* Those that failed, the most frequent failures first; then as they came. */
static int check_order(const void *a, const void *b)
{
    const struct lki_result_metric *left = *(const void *const *)a;
    const struct lki_result_metric *right = *(const void *const *)b;

    if (left->errors != right->errors)
        return left->errors < right->errors ? 1 : -1;
    return (left > right) - (left < right);
}

/* ---- metrics ---- */

static void custom_name(const void *row, struct lki_buf *text)
{
    const struct lki_result_custom *custom = row;

    lki_buf_harmless(text, custom->name);
    if (*custom->unit) {
        lki_buf_str(text, " (");
        lki_buf_harmless(text, custom->unit);
        lki_buf_char(text, ')');
    }
}

static void trend_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_custom *custom = row;
    const double numbers[] = {0, custom->avg, custom->p50, custom->p95, custom->p99, custom->max};

    if (column)
        lki_format_number(cell, numbers[column]);
    else
        lki_format_count(cell, custom->count);
}

static void counter_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_custom *custom = row;

    lki_format_number(cell, column ? custom->per_s : custom->sum);
}

static void gauge_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_custom *custom = row;
    const double numbers[] = {custom->last, custom->min, custom->max, custom->avg};

    lki_format_number(cell, numbers[column]);
}

static void rate_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_custom *custom = row;

    switch (column) {
    case 0:
        lki_format_count(cell, custom->hits);
        break;
    case 1:
        lki_format_count(cell, custom->count);
        break;
    default:
        lki_format_percent(cell, custom->hits, custom->count);
    }
}

/* ---- probes ---- */

/* Of a text that is read by a probe no more stands in a cell. */
#define TEXT_SHOWN 16

static void probe_name(const void *row, struct lki_buf *text)
{
    lki_buf_harmless(text, ((const struct lki_result_probe *)row)->name);
}

static void text_cell(const char *string, char cell[LKI_CELL_BYTES])
{
    struct lki_buf text = {.data = cell, .cap = LKI_CELL_BYTES - 1, .max = LKI_CELL_BYTES - 1};
    size_t len = strlen(string);
    size_t shown = lki_text_cut(string, len, TEXT_SHOWN);
    char part[TEXT_SHOWN + 1];

    memcpy(part, string, shown);
    part[shown] = '\0';
    lki_buf_harmless(&text, part);
    if (shown < len)
        lki_buf_str(&text, "...");
    cell[text.len] = '\0';
}

static void reading_cell(const struct lki_result_probe *probe, char cell[LKI_CELL_BYTES])
{
    const struct lk_value *value = &probe->last;
    double number;

    if (lki_reading_number(value, &number))
        lki_format_number(cell, number);
    else if (value->kind == LK_VALUE_BOOL)
        snprintf(cell, LKI_CELL_BYTES, "%s", value->as.truth ? "true" : "false");
    else if (value->kind == LK_VALUE_STRING && value->as.string)
        text_cell(value->as.string, cell);
    else
        snprintf(cell, LKI_CELL_BYTES, "%s", probe->count > probe->errors ? "null" : "-");
}

static void probe_cell(const void *row, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct lki_result_probe *probe = row;
    const double numbers[] = {0, probe->min, probe->max, probe->avg};

    if (column == 0)
        reading_cell(probe, cell);
    else if (column < LKI_COUNT(numbers))
        lki_format_number(cell, probe->numbers ? numbers[column] : NAN);
    else
        lki_format_count(cell, column == LKI_COUNT(numbers) ? probe->count : probe->errors);
}

static bool probe_is_bad(const void *row)
{
    return ((const struct lki_result_probe *)row)->errors > 0;
}

/* ---- all of it ---- */

enum block { CHECKS, TRENDS, COUNTERS, GAUGES, RATES, PROBES, BLOCKS };

static const char *const check_columns[] = {"passed", "of", "share"};
static const char *const trend_columns[] = {"count", "avg", "p50", "p95", "p99", "max"};
static const char *const counter_columns[] = {"sum", "rate/s"};
static const char *const gauge_columns[] = {"last", "min", "max", "avg"};
static const char *const rate_columns[] = {"true", "of", "share"};
static const char *const probe_columns[] = {"last", "min", "max", "avg", "count", "failed"};

#define GRID(in_section, heading, titles, name_fn, cell_fn)                                        \
    {                                                                                              \
        .section = (in_section), .title = (heading), .columns = (titles),                          \
        .column_count = LKI_COUNT(titles), .name = (name_fn), .cell = (cell_fn)                    \
    }

static enum block block_of(enum lk_metric_type type)
{
    static const enum block blocks[] = {
        [LK_TREND] = TRENDS, [LK_COUNTER] = COUNTERS, [LK_GAUGE] = GAUGES, [LK_RATE] = RATES};

    return blocks[type];
}

/* Appends the rows of one block to those of all. Of what was never recorded there is no row. */
static size_t rows_fill(const void **rows, const struct lki_result *result, enum block block)
{
    size_t count = 0;

    for (size_t i = 0; block == CHECKS && i < result->metric_count; i++) {
        if (result->metrics[i].source == LKI_SOURCE_CHECK)
            rows[count++] = &result->metrics[i];
    }
    for (size_t i = 0; i < result->custom_count; i++) {
        if (block_of(result->customs[i].type) == block && result->customs[i].count)
            rows[count++] = &result->customs[i];
    }
    for (size_t i = 0; block == PROBES && i < result->probe_count; i++) {
        if (result->probes[i].count)
            rows[count++] = &result->probes[i];
    }
    if (block == CHECKS)
        qsort(rows, count, sizeof(*rows), check_order);
    return count;
}

void lki_report_author(const struct lki_result *result, const struct lki_paper *paper)
{
    struct lki_grid grids[BLOCKS] = {
        [CHECKS] = GRID(0, "checks", check_columns, check_name, check_cell),
        [TRENDS] = GRID(1, "trends", trend_columns, custom_name, trend_cell),
        [COUNTERS] = GRID(1, "counters", counter_columns, custom_name, counter_cell),
        [GAUGES] = GRID(1, "gauges", gauge_columns, custom_name, gauge_cell),
        [RATES] = GRID(1, "rates", rate_columns, custom_name, rate_cell),
        [PROBES] = GRID(2, "probes", probe_columns, probe_name, probe_cell),
    };
    size_t most = result->metric_count + result->custom_count + result->probe_count;
    const void **rows = calloc(most + 1, sizeof(void *));
    size_t used = 0;

    if (!rows) {
        fprintf(paper->out, "%s: checks and metrics are in the result file\n\n",
                lk_strerror(LK_E_NOMEM));
        return;
    }
    grids[CHECKS].is_bad = check_is_bad;
    grids[PROBES].is_bad = probe_is_bad;
    for (int b = 0; b < BLOCKS; b++) {
        grids[b].rows = rows + used;
        grids[b].row_count = rows_fill(rows + used, result, (enum block)b);
        used += grids[b].row_count;
    }
    lki_print_grids(grids, BLOCKS, paper);
    free(rows);
}
