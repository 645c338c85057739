#include "report/table.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "report/layout.h"
#include "stats/code.h"

#define TEXT_MAX_BYTES (64 << 10)
#define GAP 2
#define INDENT 2
/* A name that is longer than the room for names stands on a line of its own. */
#define NAME_MIN 16
#define NAME_MAX_WANTED 48
/* Room for the name of a row. */
#define LABEL_BYTES (LKI_METRIC_NAME_MAX + 2 * LKI_LABEL_MAX + 8)
#define STAGE_USUAL "execute"

/* In the order in which they stand. */
enum column { COUNT, RATE, FAILED, PERCENT, AVG, P50, P90, P95, P99, P99_9, MAX, COLUMNS };

static const char *const titles[COLUMNS] = {
    [COUNT] = "count", [RATE] = "rate/s",  [FAILED] = "failed", [PERCENT] = "",
    [AVG] = "avg ",    [P50] = "p50 ",     [P90] = "p90 ",      [P95] = "p95 ",
    [P99] = "p99 ",    [P99_9] = "p99.9 ", [MAX] = "max ",
};

struct table {
    const struct lki_result *result;
    const struct lki_paper *paper;
    bool shown[COLUMNS];
    enum column last; /* of those shown */
    size_t width[COLUMNS];
    size_t name_width;
};

const char *lki_ink(const struct lki_paper *paper, enum lki_ink ink)
{
    static const char *const sequences[] = {
        [LKI_INK_PLAIN] = "\033[0m", [LKI_INK_BOLD] = "\033[1m",  [LKI_INK_DIM] = "\033[2m",
        [LKI_INK_GOOD] = "\033[32m", [LKI_INK_WARN] = "\033[33m", [LKI_INK_BAD] = "\033[31m",
    };

    return paper->colour ? sequences[ink] : "";
}

static void duration_cell(char *cell, const struct lki_result_metric *metric, int64_t ns)
{
    if (metric->latency.count)
        lki_format_duration_cell(cell, ns);
    else
        snprintf(cell, LKI_CELL_BYTES, "- ");
}

static void rate_cell(char *cell, const struct table *table, uint64_t count)
{
    double seconds = (double)table->result->duration_ns / (double)LKI_NS_PER_S;

    if (seconds > 0)
        lki_format_rate(cell, (double)count / seconds);
    else
        snprintf(cell, LKI_CELL_BYTES, "-");
}

/* What stands in a column of a metric's row. */
static void cell_text(const struct table *table, const struct lki_result_metric *metric,
                      enum column column, char cell[LKI_CELL_BYTES])
{
    const struct lki_summary *latency = &metric->latency;
    const int64_t durations[COLUMNS] = {
        [AVG] = latency->avg_ns, [P50] = latency->p50_ns, [P90] = latency->p90_ns,
        [P95] = latency->p95_ns, [P99] = latency->p99_ns, [P99_9] = latency->p99_9_ns,
        [MAX] = latency->max_ns,
    };

    if (column == COUNT)
        lki_format_count(cell, metric->count);
    else if (column == RATE)
        rate_cell(cell, table, metric->count);
    else if (column == FAILED)
        lki_format_count(cell, metric->errors);
    else if (column != PERCENT)
        duration_cell(cell, metric, durations[column]);
    else if (metric->errors)
        lki_format_percent(cell, metric->errors, metric->count);
    else
        *cell = '\0';
}

static bool in_table(const struct lki_result_metric *metric)
{
    return metric->source != LKI_SOURCE_LIFECYCLE && metric->source != LKI_SOURCE_CHECK;
}

/* Rows that belong together: a step, and the requests and samples inside it. */
static const char *group_of(const struct lki_result_metric *metric)
{
    return metric->source == LKI_SOURCE_STEP ? metric->name : metric->step;
}

static bool same_group(const struct lki_result_metric *a, const struct lki_result_metric *b)
{
    return !strcmp(group_of(a), group_of(b));
}

static bool is_head(const struct lki_result_metric *metric)
{
    return metric->source == LKI_SOURCE_STEP;
}

static int indent_of(const struct lki_result_metric *metric)
{
    return is_head(metric) || !*metric->id ? 0 : INDENT;
}

/* Of a sample that an author emitted also what is not as usual: "find_user (grpc, connect)". */
static void label_of(const struct lki_result_metric *metric, char label[LABEL_BYTES])
{
    bool kind = strcmp(metric->kind, lki_source_name(metric->source)) != 0;
    bool stage = *metric->stage && strcmp(metric->stage, STAGE_USUAL) != 0;

    if (!*metric->id)
        snprintf(label, LABEL_BYTES, "all %s",
                 metric->source == LKI_SOURCE_HTTP ? "requests" : "steps");
    else if (kind || stage)
        snprintf(label, LABEL_BYTES, "%s (%s%s%s)", metric->name, kind ? metric->kind : "",
                 kind && stage ? ", " : "", stage ? metric->stage : "");
    else
        snprintf(label, LABEL_BYTES, "%s", metric->name);
}

static size_t source_count(const struct lki_result *result, enum lki_source source)
{
    size_t count = 0;

    for (size_t i = 0; i < result->metric_count; i++)
        count += result->metrics[i].source == source;
    return count;
}

/* The row of all requests, or of all steps where there are no requests; NULL if it says nothing
 * new. */
static const struct lki_result_metric *sum_row(const struct lki_result *result)
{
    size_t http = source_count(result, LKI_SOURCE_HTTP);

    if (http > 1)
        return &result->all_http;
    return !http && source_count(result, LKI_SOURCE_STEP) > 1 ? &result->all_steps : NULL;
}

static void measure_row(struct table *table, const struct lki_result_metric *metric)
{
    char label[LABEL_BYTES];
    char cell[LKI_CELL_BYTES];
    size_t width;

    label_of(metric, label);
    width = lki_text_width(label, strlen(label)) + (size_t)indent_of(metric);
    if (width > table->name_width)
        table->name_width = width;
    for (int c = 0; c < COLUMNS; c++) {
        cell_text(table, metric, (enum column)c, cell);
        if (strlen(cell) > table->width[c])
            table->width[c] = strlen(cell);
    }
}

/* Takes the columns that fit, the most telling ones first; then names may have what is left. */
static void choose_columns(struct table *table)
{
    static const enum column order[] = {COUNT, FAILED, PERCENT, P95, MAX,  P50,
                                        RATE,  P99,    P90,     AVG, P99_9};
    size_t wanted = lki_min(table->name_width, NAME_MAX_WANTED);
    size_t room = (size_t)table->paper->columns;
    size_t used = 0;

    for (size_t i = 0; i < LKI_COUNT(order); i++) {
        enum column column = order[i];
        bool extra = column == P90 || column == AVG || column == P99_9;
        size_t name = extra ? wanted : lki_min(wanted, NAME_MIN);
        size_t width = table->width[column] + (column == PERCENT ? 1 : GAP);

        if (column == PERCENT && !table->width[column])
            continue;
        if (used + width + name > room && i > 2)
            break;
        table->shown[column] = true;
        table->last = column > table->last ? column : table->last;
        used += width;
    }
    wanted = used + NAME_MIN < room ? room - used : NAME_MIN;
    table->name_width = lki_min(table->name_width, wanted);
}

static void measure(struct table *table)
{
    const struct lki_result *result = table->result;

    for (int c = 0; c < COLUMNS; c++)
        table->width[c] = strlen(titles[c]);
    for (size_t i = 0; i < result->metric_count; i++) {
        if (in_table(&result->metrics[i]))
            measure_row(table, &result->metrics[i]);
    }
    if (sum_row(result))
        measure_row(table, sum_row(result));
    choose_columns(table);
}

/* A cell behind its gap; the last one of a line leaves no space behind. */
static void print_cell(const struct table *table, enum column column, const char *text)
{
    int width = (int)table->width[column];
    int len = (int)strlen(text);
    int before = (column == PERCENT ? 1 : GAP) + (width > len ? width - len : 0);

    if (column == table->last && !len)
        return;
    if (column == table->last && text[len - 1] == ' ')
        len--;
    fprintf(table->paper->out, "%*s%.*s", before, "", len, text);
}

static void print_titles(const struct table *table)
{
    FILE *out = table->paper->out;

    fprintf(out, "%s%*s", lki_ink(table->paper, LKI_INK_DIM), (int)table->name_width, "");
    for (int c = 0; c < COLUMNS; c++) {
        if (table->shown[c])
            print_cell(table, (enum column)c, titles[c]);
    }
    fprintf(out, "%s\n", lki_ink(table->paper, LKI_INK_PLAIN));
}

static void print_name(const struct table *table, const char *label, int indent, bool alone)
{
    struct lki_buf text;
    const char *name;
    size_t width;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_buf_harmless(&text, label);
    name = lki_buf_cstr(&text);
    if (!name)
        name = lk_strerror(text.err);
    width = lki_text_width(name, strlen(name)) + (size_t)indent;
    fprintf(table->paper->out, "%*s", indent, "");
    if (alone) {
        lki_print_wrapped(table->paper->out, name, indent + INDENT, table->paper->columns);
    } else if (width <= table->name_width) {
        fprintf(table->paper->out, "%s%*s", name, (int)(table->name_width - width), "");
    } else {
        lki_print_wrapped(table->paper->out, name, indent + INDENT, table->paper->columns);
        fprintf(table->paper->out, "%*s", (int)table->name_width, "");
    }
    lki_buf_release(&text);
}

void lki_report_codes(const struct lki_result_metric *metric, struct lki_buf *text)
{
    char cell[LKI_CELL_BYTES];
    bool comma = false;

    for (size_t i = 0; i < metric->code_count; i++) {
        if (metric->codes[i].plain)
            continue;
        lki_format_count(cell, metric->codes[i].count);
        lki_buf_printf(text, "%s%s ", comma ? ", " : "", cell);
        lki_buf_harmless(text, metric->codes[i].name);
        comma = true;
    }
}

/* What failed as its author meant it to: the column of failures says that already. */
static bool failed_plainly(const struct lki_result_metric *metric)
{
    for (size_t i = 0; i < metric->code_count; i++) {
        const struct lki_result_code *code = &metric->codes[i];

        if (!code->plain && strcmp(code->name, lki_code_name(LKI_CODE_STEP_FAILED)) != 0 &&
            strcmp(code->name, lki_code_name(LKI_CODE_METRIC_FAILED)) != 0)
            return false;
    }
    return true;
}

static void print_codes(const struct table *table, const struct lki_result_metric *metric)
{
    int indent = indent_of(metric) + INDENT;
    struct lki_buf text;
    const char *codes;

    if (failed_plainly(metric))
        return;
    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_report_codes(metric, &text);
    codes = lki_buf_cstr(&text);
    if (!codes)
        codes = lk_strerror(text.err);
    if (*codes) {
        fprintf(table->paper->out, "%*s%s", indent, "",
                lki_ink(table->paper, metric->errors ? LKI_INK_BAD : LKI_INK_DIM));
        lki_print_wrapped(table->paper->out, codes, indent, table->paper->columns);
        fputs(lki_ink(table->paper, LKI_INK_PLAIN), table->paper->out);
    }
    lki_buf_release(&text);
}

static void print_row(const struct table *table, const struct lki_result_metric *metric)
{
    const struct lki_paper *paper = table->paper;
    char label[LABEL_BYTES];
    char cell[LKI_CELL_BYTES];

    label_of(metric, label);
    if (!indent_of(metric))
        fputs(lki_ink(paper, LKI_INK_BOLD), paper->out);
    print_name(table, label, indent_of(metric), false);
    if (!indent_of(metric))
        fputs(lki_ink(paper, LKI_INK_PLAIN), paper->out);
    for (int c = 0; c < COLUMNS; c++) {
        bool bad = metric->errors && (c == FAILED || c == PERCENT);

        if (!table->shown[c])
            continue;
        cell_text(table, metric, (enum column)c, cell);
        fputs(bad ? lki_ink(paper, LKI_INK_BAD) : "", paper->out);
        print_cell(table, (enum column)c, cell);
        fputs(bad ? lki_ink(paper, LKI_INK_PLAIN) : "", paper->out);
    }
    fputs("\n", paper->out);
    if (*metric->id)
        print_codes(table, metric);
}

/* The line above what has no row of a step to stand under. */
static void print_heading(const struct table *table, const struct lki_result_metric *metric)
{
    fputs(lki_ink(table->paper, LKI_INK_BOLD), table->paper->out);
    print_name(table, *metric->step ? metric->step : "outside steps", 0, true);
    fputs(lki_ink(table->paper, LKI_INK_PLAIN), table->paper->out);
}

/* A group is printed where its first metric stands. */
static bool begins_group(const struct lki_result *result, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (in_table(&result->metrics[i]) &&
            same_group(&result->metrics[i], &result->metrics[index]))
            return false;
    }
    return in_table(&result->metrics[index]);
}

static void print_group(const struct table *table, size_t first)
{
    const struct lki_result *result = table->result;
    const struct lki_result_metric *metrics = result->metrics;
    bool headed = false;

    for (size_t i = first; i < result->metric_count; i++) {
        if (is_head(&metrics[i]) && same_group(&metrics[i], &metrics[first])) {
            print_row(table, &metrics[i]);
            headed = true;
        }
    }
    if (!headed)
        print_heading(table, &metrics[first]);
    for (size_t i = first; i < result->metric_count; i++) {
        if (in_table(&metrics[i]) && !is_head(&metrics[i]) &&
            same_group(&metrics[i], &metrics[first]))
            print_row(table, &metrics[i]);
    }
}

void lki_report_table(const struct lki_result *result, const struct lki_paper *paper)
{
    struct table table = {.result = result, .paper = paper};
    size_t groups = 0;

    measure(&table);
    for (size_t i = 0; i < result->metric_count; i++) {
        if (!begins_group(result, i))
            continue;
        if (!groups++)
            print_titles(&table);
        print_group(&table, i);
    }
    if (sum_row(result)) {
        fputs("\n", paper->out);
        print_row(&table, sum_row(result));
    }
    if (groups)
        fputs("\n", paper->out);
}
