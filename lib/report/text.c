#include "report/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/author.h"
#include "report/layout.h"
#include "report/table.h"
#include "stats/code.h"

#define TEXT_MAX_BYTES (64 << 10)
#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 30
#define ERRORS_SHOWN 20
/* The width of the labels of the closing lines. */
#define LABEL_WIDTH 12

/* Prints what a paragraph holds, with its label, and releases it. What could not be made is said to
 * be missing. */
static void print_paragraph(const struct lki_paper *paper, const char *label, int label_width,
                            struct lki_buf *text)
{
    const char *line = lki_buf_cstr(text);

    if (!line)
        line = lk_strerror(text->err);
    fprintf(paper->out, "%s%-*s%s", lki_ink(paper, LKI_INK_DIM), label_width, label,
            lki_ink(paper, LKI_INK_PLAIN));
    lki_print_wrapped(paper->out, *line ? line : "-", label_width, paper->columns);
    lki_buf_release(text);
}

static void add_count(struct lki_buf *text, uint64_t count, const char *one, const char *many)
{
    char cell[LKI_CELL_BYTES];

    lki_format_count(cell, count);
    lki_buf_printf(text, "%s %s", cell, count == 1 ? one : many);
}

static void add_duration(struct lki_buf *text, const char *name, int64_t ns)
{
    char cell[LKI_CELL_BYTES];

    lki_format_duration(cell, ns);
    lki_buf_printf(text, "%s %s", name, cell);
}

static double per_second(const struct lki_result *result, uint64_t amount)
{
    return result->duration_ns > 0
               ? (double)amount * (double)LKI_NS_PER_S / (double)result->duration_ns
               : 0;
}

static void add_rate(struct lki_buf *text, const struct lki_result *result, uint64_t amount)
{
    char cell[LKI_CELL_BYTES];

    if (result->duration_ns <= 0)
        return;
    lki_format_rate(cell, per_second(result, amount));
    lki_buf_printf(text, " (%s/s)", cell);
}

static void print_verdict(const struct lki_result *result, const struct lki_paper *paper)
{
    const char *failure = lki_result_failure(result);
    const char *status = lki_run_verdict_name(result->verdict);
    enum lki_ink ink = failure                            ? LKI_INK_BAD
                       : result->verdict == LKI_RUN_VALID ? LKI_INK_GOOD
                                                          : LKI_INK_WARN;

    fprintf(paper->out, "%sverdict: %s%s", lki_ink(paper, LKI_INK_BOLD), lki_ink(paper, ink),
            failure && result->verdict == LKI_RUN_VALID ? "failed" : status);
    if (failure)
        fprintf(paper->out, ", %s", failure);
    fprintf(paper->out, "%s\n", lki_ink(paper, LKI_INK_PLAIN));
}

static void print_remarks(const struct lki_paper *paper, const char *label,
                          const char *const *remarks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct lki_buf text;

        lki_buf_init(&text, TEXT_MAX_BYTES);
        lki_buf_harmless(&text, remarks[i]);
        print_paragraph(paper, label, (int)strlen(label), &text);
    }
}

/* "1,500 requests in 30.0s (50.0/s), 12 failed (0.80%), half of them within 2.10ms, ..." */
static void print_headline(const struct lki_result *result, const struct lki_paper *paper)
{
    bool http = result->totals.http_requests > 0;
    const struct lki_result_metric *all = http ? &result->all_http : &result->all_steps;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    if (http)
        add_count(&text, all->count, "request", "requests");
    else
        add_count(&text, all->count, "step", "steps");
    lki_format_duration(cell, result->duration_ns);
    lki_buf_printf(&text, " in %s", cell);
    add_rate(&text, result, all->count);
    lki_buf_str(&text, all->errors ? ", " : ", none failed");
    if (all->errors) {
        lki_format_count(cell, all->errors);
        lki_buf_printf(&text, "%s failed", cell);
        lki_format_percent(cell, all->errors, all->count);
        lki_buf_printf(&text, " (%s)", cell);
    }
    if (all->latency.count) {
        add_duration(&text, ", p50", all->latency.p50_ns);
        add_duration(&text, ", p95", all->latency.p95_ns);
    }
    if (all->count)
        print_paragraph(paper, "", 0, &text);
    else
        fprintf(paper->out, "Nothing was measured: no step and no request came to an end.\n");
    lki_buf_release(&text);
}

/* By more than a twentieth. */
static bool is_longer(int64_t ns, int64_t than_ns)
{
    return ns - than_ns > ns / 20;
}

/* What users who came at their times would have waited, where the late starts of iterations make it
 * another number than the table has. Of steps: what hooks request was to begin at no time. */
static void print_intended(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_summary *actual = &result->all_steps.latency;
    const struct lki_summary *intended = &result->all_steps.intended;
    struct lki_buf text;

    if (!is_longer(intended->p95_ns, actual->p95_ns) &&
        !is_longer(intended->p99_ns, actual->p99_ns))
        return;
    lki_buf_init(&text, TEXT_MAX_BYTES);
    add_duration(&text, "steps from intended start: p95", intended->p95_ns);
    add_duration(&text, ", p99", intended->p99_ns);
    add_duration(&text, " (from actual:", actual->p95_ns);
    add_duration(&text, ",", actual->p99_ns);
    lki_buf_char(&text, ')');
    print_paragraph(paper, "", 0, &text);
    fprintf(paper->out, "\n");
}

/* One kind of failure: how often, where, what, and when it came first. */
static void print_error(const struct lki_paper *paper, const struct lki_result_error *error,
                        int count_width)
{
    char count[LKI_CELL_BYTES];
    char label[2 * LKI_CELL_BYTES];
    char when[LKI_CELL_BYTES];
    struct lki_buf text;

    lki_format_count(count, error->count);
    snprintf(label, sizeof(label), "  %*s  ", count_width, count);
    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_buf_harmless(&text, error->step);
    if (*error->step)
        lki_buf_char(&text, ' ');
    lki_buf_str(&text, error->code);
    if (*error->message) {
        lki_buf_str(&text, *error->code ? ": " : "");
        lki_buf_harmless(&text, error->message);
    }
    lki_format_duration(when, error->first_ns);
    lki_buf_str(&text, error->count > 1 ? " (first at " : " (at ");
    lki_buf_str(&text, when);
    if (error->first_user)
        lki_buf_printf(&text, ", user %" PRIu64, error->first_user);
    lki_buf_char(&text, ')');
    print_paragraph(paper, label, (int)strlen(label), &text);
}

/* The heading; gives the width of counts, of which the first one is the largest. */
static int begin_errors(const struct lki_paper *paper, uint64_t first_count)
{
    char cell[LKI_CELL_BYTES];

    fprintf(paper->out, "%serrors%s\n", lki_ink(paper, LKI_INK_BOLD),
            lki_ink(paper, LKI_INK_PLAIN));
    lki_format_count(cell, first_count);
    return (int)strlen(cell);
}

static void print_errors(const struct lki_result *result, const struct lki_paper *paper)
{
    char cell[LKI_CELL_BYTES];
    uint64_t rest = 0;
    size_t kinds = 0;
    int width = 0;

    for (size_t i = 0; i < result->error_count; i++) {
        const struct lki_result_error *error = &result->errors[i];

        /* checks have a table of their own */
        if (error->source == LKI_SOURCE_CHECK)
            continue;
        if (!kinds++)
            width = begin_errors(paper, error->count);
        if (kinds <= ERRORS_SHOWN)
            print_error(paper, error, width);
        else
            rest += error->count;
    }
    if (rest) {
        lki_format_count(cell, rest);
        fprintf(paper->out, "  and %s more of %zu other kinds: all are in the result file\n", cell,
                kinds - ERRORS_SHOWN);
    }
    if (kinds)
        fprintf(paper->out, "\n");
}

/* Only what went wrong: that users began and ended their lives is no news. */
static void print_lifecycle(const struct lki_result *result, const struct lki_paper *paper)
{
    for (size_t i = 0; i < result->metric_count; i++) {
        const struct lki_result_metric *metric = &result->metrics[i];
        char cell[LKI_CELL_BYTES];
        struct lki_buf text;

        if (metric->source != LKI_SOURCE_LIFECYCLE || !metric->errors)
            continue;
        lki_buf_init(&text, TEXT_MAX_BYTES);
        lki_buf_harmless(&text, metric->name);
        lki_format_count(cell, metric->errors);
        lki_buf_printf(&text, ": %s of ", cell);
        add_count(&text, metric->count, "call", "calls");
        lki_buf_str(&text, " failed (");
        lki_report_codes(metric, &text);
        lki_buf_char(&text, ')');
        print_paragraph(paper, "lifecycle", LABEL_WIDTH, &text);
    }
}

static void print_iterations(const struct lki_result *result, const struct lki_paper *paper)
{
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_format_count(cell, result->totals.iterations);
    lki_buf_str(&text, cell);
    add_rate(&text, result, result->totals.iterations);
    if (result->all_steps.cancelled) {
        lki_buf_str(&text, ", ");
        add_count(&text, result->all_steps.cancelled, "step", "steps");
        lki_buf_str(&text, " cut off by the end");
    }
    print_paragraph(paper, "iterations", LABEL_WIDTH, &text);
}

/* "200/s: 2,000 intended, 1,990 started, 10 dropped, 5 late; lateness p50 30.0us, ..." */
static void print_arrivals(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_result_arrivals *arrivals = &result->arrivals;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    if (!(arrivals->rate_per_s > 0))
        return;
    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_format_number(cell, arrivals->rate_per_s);
    lki_buf_printf(&text, "%s/s: ", cell);
    add_count(&text, arrivals->intended, "intended, ", "intended, ");
    add_count(&text, arrivals->started, "started, ", "started, ");
    add_count(&text, arrivals->dropped, "dropped, ", "dropped, ");
    add_count(&text, arrivals->late, "late", "late");
    if (arrivals->lateness.count) {
        lki_buf_str(&text, "; lateness ");
        add_duration(&text, "p50", arrivals->lateness.p50_ns);
        add_duration(&text, ", p99", arrivals->lateness.p99_ns);
        add_duration(&text, ", max", arrivals->lateness.max_ns);
    }
    print_paragraph(paper, "arrivals", LABEL_WIDTH, &text);
}

static void print_requests(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_totals *totals = &result->totals;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    if (!totals->http_requests)
        return;
    lki_buf_init(&text, TEXT_MAX_BYTES);
    lki_format_count(cell, totals->http_requests - totals->http_unsent);
    lki_buf_printf(&text, "%s sent", cell);
    lki_format_count(cell, totals->http_unsent);
    lki_buf_printf(&text, ", %s unsent", cell);
    lki_format_count(cell, totals->http_retries);
    lki_buf_printf(&text, ", %s sent again", cell);
    lki_format_count(cell, result->all_http.cancelled);
    lki_buf_printf(&text, ", %s cut off by the end", cell);
    print_paragraph(paper, "requests", LABEL_WIDTH, &text);
}

static void add_bytes(struct lki_buf *text, const struct lki_result *result, uint64_t bytes,
                      const char *what)
{
    char cell[LKI_CELL_BYTES];

    lki_format_bytes(cell, (double)bytes);
    lki_buf_printf(text, "%s %s", cell, what);
    if (result->duration_ns <= 0)
        return;
    lki_format_bytes(cell, per_second(result, bytes));
    lki_buf_printf(text, " (%s/s)", cell);
}

static void print_bytes(const struct lki_result *result, const struct lki_paper *paper)
{
    struct lki_buf text;

    if (!result->totals.bytes_sent && !result->totals.bytes_received)
        return;
    lki_buf_init(&text, TEXT_MAX_BYTES);
    add_bytes(&text, result, result->totals.bytes_sent, "sent");
    lki_buf_str(&text, ", ");
    add_bytes(&text, result, result->totals.bytes_received, "received");
    print_paragraph(paper, "data", LABEL_WIDTH, &text);
}

/* The parts of a request, of those in which they happened: kept-alive connections do not connect.
 */
static void print_phases(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_summary *phases = result->all_http.phases;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        if (!phases[p].count)
            continue;
        lki_format_duration(cell, phases[p].avg_ns);
        lki_buf_printf(&text, "%s%s %s", text.len ? ", " : "", lki_phase_name((enum lki_phase)p),
                       cell);
        if (phases[p].count < result->all_http.latency.count) {
            lki_format_count(cell, phases[p].count);
            lki_buf_printf(&text, " (%s times)", cell);
        }
    }
    if (text.len || text.err)
        print_paragraph(paper, "time, avg", LABEL_WIDTH, &text);
    lki_buf_release(&text);
}

static void print_settings(const struct lki_result *result, const struct lki_paper *paper)
{
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    if (*result->program) {
        lki_buf_harmless(&text, result->program);
        lki_buf_str(&text, ", ");
    }
    add_count(&text, result->users, "user", "users");
    if (result->workers) {
        lki_buf_str(&text, ", ");
        add_count(&text, result->workers, "worker", "workers");
    }
    lki_format_duration(cell, result->duration_ns);
    lki_buf_printf(&text, ", %s, seed %" PRIu64, cell, result->seed);
    if (*result->ended_by) {
        lki_buf_str(&text, ", ended by ");
        lki_buf_harmless(&text, result->ended_by);
    }
    print_paragraph(paper, "run", LABEL_WIDTH, &text);
}

void lki_report_text(const struct lki_result *result, FILE *out, bool colour, int columns)
{
    struct lki_paper paper = {out, colour, columns > 0 ? columns : COLUMNS_DEFAULT};

    if (paper.columns < COLUMNS_MIN)
        paper.columns = COLUMNS_MIN;
    print_verdict(result, &paper);
    print_remarks(&paper, "  - ", result->reasons, result->reason_count);
    print_headline(result, &paper);
    print_remarks(&paper, "note: ", result->notes, result->note_count);
    fprintf(out, "\n");
    lki_report_table(result, &paper);
    print_intended(result, &paper);
    lki_report_author(result, &paper);
    print_errors(result, &paper);
    print_lifecycle(result, &paper);
    print_iterations(result, &paper);
    print_arrivals(result, &paper);
    print_requests(result, &paper);
    print_phases(result, &paper);
    print_bytes(result, &paper);
    print_settings(result, &paper);
    fflush(out);
}
