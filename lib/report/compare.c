#include "report/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/grid.h"
#include "report/layout.h"
#include "report/paragraph.h"
#include "report/text.h"

/* So much slower is worth a colour. */
#define WORSE_SHARE 0.10
#define NAMES_WIDTH 8

/* A metric in both results; NULL where it is in one of them only. */
struct pair {
    const struct lki_result_metric *metrics[2];
    int64_t durations_ns[2];
};

/* Four lines of the table are about one metric. */
enum line { NAME, BEFORE, AFTER, CHANGE, LINES };

struct row {
    const struct pair *pair;
    enum line line;
};

enum measure { P95, FAILED, RATE, P50, P99, COUNT, MEASURES };

/* The most telling ones first: others are left out on narrow paper. */
static const char *const titles[MEASURES] = {
    [P95] = "p95", [FAILED] = "failed", [RATE] = "rate/s",
    [P50] = "p50", [P99] = "p99",       [COUNT] = "count",
};

/* ---- values */

static double value_of(const struct pair *pair, int side, enum measure measure)
{
    const struct lki_result_metric *metric = pair->metrics[side];
    double seconds = (double)pair->durations_ns[side] / (double)LKI_NS_PER_S;

    if (!metric)
        return NAN;
    switch (measure) {
    case FAILED:
        return metric->count ? (double)metric->errors / (double)metric->count : 0;
    case RATE:
        return seconds > 0 ? (double)metric->count / seconds : 0;
    case COUNT:
        return (double)metric->count;
    default:
        break;
    }
    if (!metric->latency.count)
        return NAN;
    return (double)(measure == P50   ? metric->latency.p50_ns
                    : measure == P95 ? metric->latency.p95_ns
                                     : metric->latency.p99_ns);
}

static void value_cell(const struct pair *pair, int side, enum measure measure,
                       char cell[LKI_CELL_BYTES])
{
    const struct lki_result_metric *metric = pair->metrics[side];
    double value = value_of(pair, side, measure);

    if (isnan(value))
        snprintf(cell, LKI_CELL_BYTES, "-");
    else if (measure == FAILED)
        lki_format_percent(cell, metric->errors, metric->count);
    else if (measure == RATE)
        lki_format_rate(cell, value);
    else if (measure == COUNT)
        lki_format_count(cell, metric->count);
    else
        lki_format_duration(cell, (int64_t)value);
}

/* "+12.3%", or of a share "+0.13pp", in points of percent. */
static void change_cell(const struct pair *pair, enum measure measure, char cell[LKI_CELL_BYTES])
{
    double before = value_of(pair, 0, measure);
    double after = value_of(pair, 1, measure);
    double percent = measure == FAILED ? (after - before) * 100 : (after / before - 1) * 100;
    char number[LKI_CELL_BYTES];

    if (after == before || fabs(percent) < 0.005) {
        snprintf(cell, LKI_CELL_BYTES, "=");
    } else if (!isfinite(percent)) {
        snprintf(cell, LKI_CELL_BYTES, "-");
    } else {
        lki_format_rate(number, fabs(percent));
        snprintf(cell, LKI_CELL_BYTES, "%c%.*s%s", percent < 0 ? '-' : '+', LKI_CELL_BYTES - 4,
                 number, measure == FAILED ? "pp" : "%");
    }
}

/* ---- the table */

static void row_name(const void *place, struct lki_buf *text)
{
    static const char *const names[] = {
        [BEFORE] = "  before", [AFTER] = "  after", [CHANGE] = "  change"};
    const struct row *row = place;
    const struct pair *pair = row->pair;
    const struct lki_result_metric *metric = pair->metrics[0] ? pair->metrics[0] : pair->metrics[1];

    if (row->line != NAME)
        lki_buf_str(text, names[row->line]);
    else if (*metric->id)
        lki_buf_harmless(text, metric->id);
    else
        lki_buf_str(text, metric->source == LKI_SOURCE_HTTP ? "all requests" : "all steps");
}

static void row_cell(const void *place, size_t column, char cell[LKI_CELL_BYTES])
{
    const struct row *row = place;

    if (row->line == NAME)
        *cell = '\0';
    else if (row->line == CHANGE)
        change_cell(row->pair, (enum measure)column, cell);
    else
        value_cell(row->pair, row->line == AFTER, (enum measure)column, cell);
}

/* More failures, or slower by more than chance. */
static bool row_is_bad(const void *place)
{
    const struct row *row = place;
    static const enum measure slower[] = {P50, P95, P99};

    if (row->line != CHANGE)
        return false;
    for (size_t i = 0; i < LKI_COUNT(slower); i++) {
        if (value_of(row->pair, 1, slower[i]) >
            value_of(row->pair, 0, slower[i]) * (1 + WORSE_SHARE))
            return true;
    }
    return value_of(row->pair, 1, FAILED) > value_of(row->pair, 0, FAILED);
}

/* ---- pairs */

static bool is_compared(const struct lki_result_metric *metric)
{
    return metric->source != LKI_SOURCE_LIFECYCLE && metric->source != LKI_SOURCE_CHECK;
}

static bool is_same(const struct lki_result_metric *a, const struct lki_result_metric *b)
{
    return a->source == b->source && !strcmp(a->id, b->id) && !strcmp(a->kind, b->kind) &&
           !strcmp(a->stage, b->stage);
}

/* Results of one scenario have their metrics in nearly the same order: the search begins where the
 * last one ended. */
static const struct lki_result_metric *find(const struct lki_result *result,
                                            const struct lki_result_metric *metric, size_t *hint)
{
    for (size_t i = 0; i < result->metric_count; i++) {
        size_t at = (*hint + i) % result->metric_count;

        if (is_same(&result->metrics[at], metric)) {
            *hint = at + 1;
            return &result->metrics[at];
        }
    }
    return NULL;
}

/* All requests, or all steps, as the headline counts them. */
static struct lki_result_metric sum_of(const struct lki_result *result, bool http)
{
    struct lki_result_metric sum = http ? result->all_http : result->all_steps;

    sum.count = http ? result->totals.http_requests : result->totals.steps;
    sum.errors = http ? result->totals.http_errors : result->totals.step_errors;
    return sum;
}

static size_t pairs_fill(struct pair *pairs, const struct lki_result_metric sums[2],
                         const struct lki_result *before, const struct lki_result *after)
{
    const struct pair none = {{NULL, NULL}, {before->duration_ns, after->duration_ns}};
    size_t count = 0;
    size_t hint = 0;

    pairs[count] = none;
    pairs[count].metrics[0] = &sums[0];
    pairs[count++].metrics[1] = &sums[1];
    for (size_t i = 0; i < before->metric_count; i++) {
        if (!is_compared(&before->metrics[i]))
            continue;
        pairs[count] = none;
        pairs[count].metrics[0] = &before->metrics[i];
        pairs[count++].metrics[1] = find(after, &before->metrics[i], &hint);
    }
    for (size_t i = 0; i < after->metric_count; i++) {
        if (!is_compared(&after->metrics[i]) || find(before, &after->metrics[i], &hint))
            continue;
        pairs[count] = none;
        pairs[count++].metrics[1] = &after->metrics[i];
    }
    return count;
}

static void print_table(const struct pair *pairs, size_t count, const struct lki_paper *paper)
{
    struct row *rows = calloc(count * LINES, sizeof(*rows));
    const void **list = calloc(count * LINES, sizeof(*list));
    struct lki_grid grid = {.title = "",
                            .columns = titles,
                            .column_count = MEASURES,
                            .rows = list,
                            .row_count = count * LINES,
                            .name = row_name,
                            .cell = row_cell,
                            .is_bad = row_is_bad};

    for (size_t i = 0; rows && list && i < count * LINES; i++) {
        rows[i] = (struct row){&pairs[i / LINES], (enum line)(i % LINES)};
        list[i] = &rows[i];
    }
    if (rows && list)
        lki_print_grids(&grid, 1, paper);
    else
        fprintf(paper->out, "%s\n", lk_strerror(LK_E_NOMEM));
    free(list);
    free(rows);
}

/* ---- all of it */

static void print_run(const char *name, const struct lki_result *result,
                      const struct lki_paper *paper)
{
    struct lki_buf text = lki_paragraph();

    if (*result->started_at) {
        lki_buf_harmless(&text, result->started_at);
        lki_buf_str(&text, ", ");
    }
    if (*result->program) {
        lki_buf_harmless(&text, result->program);
        lki_buf_str(&text, ", ");
    }
    lki_buf_amount(&text, result->users, "user", "users");
    lki_buf_duration(&text, ",", result->duration_ns);
    lki_buf_printf(&text, ", seed %" PRIu64, result->seed);
    lki_print_paragraph(paper, name, NAMES_WIDTH, &text);
    fprintf(paper->out, "%*s", NAMES_WIDTH, "");
    lki_report_verdict(result, paper);
}

void lki_report_compare(const struct lki_result *before, const struct lki_result *after,
                        const struct lki_paper *paper)
{
    size_t most = before->metric_count + after->metric_count + 1;
    struct pair *pairs = calloc(most, sizeof(*pairs));
    bool http = before->totals.http_requests > 0;
    const struct lki_result_metric sums[2] = {sum_of(before, http), sum_of(after, http)};

    print_run("before", before, paper);
    print_run("after", after, paper);
    fputs("\n", paper->out);
    if (pairs)
        print_table(pairs, pairs_fill(pairs, sums, before, after), paper);
    else
        fprintf(paper->out, "%s\n", lk_strerror(LK_E_NOMEM));
    free(pairs);
    fflush(paper->out);
}
