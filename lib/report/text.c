#include "report/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "report/author.h"
#include "report/errors.h"
#include "report/health.h"
#include "report/layout.h"
#include "report/paragraph.h"
#include "report/table.h"
#include "stats/code.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 30
/* With so many failures the system under test is not well. */
#define UNWELL_SHARE 0.01

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

/* What of it failed, as a share and in words. */
struct failures {
    uint64_t count;
    uint64_t of;
    const char *what;
};

/* Of all metrics from these sources, a bit for each. */
static struct failures failures_of(const struct lki_result *result, unsigned sources,
                                   const char *what)
{
    struct failures failures = {.what = what};

    for (size_t i = 0; i < result->metric_count; i++) {
        if (!(sources & 1U << result->metrics[i].source))
            continue;
        failures.count += result->metrics[i].errors;
        failures.of += result->metrics[i].count;
    }
    return failures;
}

static double share_of(const struct failures *failures)
{
    return failures->of ? (double)failures->count / (double)failures->of : 0;
}

/* Each hook by itself: others that are called more often would hide it. */
static struct failures worst_hook(const struct lki_result *result)
{
    struct failures worst = {0};

    for (size_t i = 0; i < result->metric_count; i++) {
        const struct lki_result_metric *metric = &result->metrics[i];
        const struct failures one = {metric->errors, metric->count, metric->name};

        if (metric->source == LKI_SOURCE_LIFECYCLE && share_of(&one) > share_of(&worst))
            worst = one;
    }
    return worst;
}

/* Steps that failed of their requests are no news, unless it is they that are too many. */
static bool is_news(const struct failures *steps, const struct failures *requests)
{
    return steps->count > requests->count ||
           (share_of(steps) >= UNWELL_SHARE && share_of(requests) < UNWELL_SHARE);
}

/* "3.08% of requests, 1% of steps and 1.89% of checks"; gives the largest share. */
static double add_failures(struct lki_buf *text, const struct lki_result *result)
{
    const struct lki_result_requests load = lki_result_requests(result);
    const struct failures all[] = {
        {load.errors, load.requests, "requests"},
        {result->all_steps.errors, result->all_steps.count, "steps"},
        failures_of(result, 1U << LKI_SOURCE_CHECK, "checks"),
        failures_of(result,
                    1U << LKI_SOURCE_CUSTOM | 1U << LKI_SOURCE_WEBSOCKET | 1U << LKI_SOURCE_JSONRPC,
                    "other samples"),
        worst_hook(result),
    };
    const struct failures *told[LKI_COUNT(all)];
    size_t count = 0;
    double most = 0;

    for (size_t i = 0; i < LKI_COUNT(all); i++) {
        if (all[i].count && (i != 1 || is_news(&all[1], &all[0])))
            told[count++] = &all[i];
    }
    for (size_t i = 0; i < count; i++) {
        const char *between = i + 1 < count ? ", " : " and ";
        char cell[LKI_CELL_BYTES];

        lki_format_percent(cell, told[i]->count, told[i]->of);
        lki_buf_printf(text, "%s%s of %s", i ? between : "", cell, told[i]->what);
        most = share_of(told[i]) > most ? share_of(told[i]) : most;
    }
    return most;
}

/* The system under test, which is all that a valid run is about. */
static enum lki_ink judge_target(const struct lki_result *result, struct lki_buf *line)
{
    struct lki_buf text = lki_paragraph();
    double share = add_failures(&text, result);
    const char *failures = lki_buf_cstr(&text);
    enum lki_ink ink = share >= UNWELL_SHARE ? LKI_INK_BAD
                       : share > 0           ? LKI_INK_WARN
                                             : LKI_INK_GOOD;

    if (ink == LKI_INK_BAD)
        lki_buf_printf(line, "NOT WELL: %s failed", failures ? failures : "");
    else if (ink == LKI_INK_WARN)
        lki_buf_printf(line, "PASSED, though %s failed", failures ? failures : "");
    else
        lki_buf_str(line, "PASSED");
    if (!failures)
        line->err = LK_E_NOMEM; /* as for any paragraph that there was no memory for */
    lki_buf_release(&text);
    return ink;
}

void lki_report_verdict(const struct lki_result *result, const struct lki_paper *paper)
{
    const char *failure = lki_result_failure(result);
    const char *status = lki_run_verdict_name(result->verdict);
    enum lki_ink ink = failure ? LKI_INK_BAD : LKI_INK_WARN;
    struct lki_buf text = lki_paragraph();

    if (failure) {
        lki_buf_str(&text, "FAILED: ");
        lki_buf_harmless(&text, failure);
        if (result->verdict != LKI_RUN_VALID)
            lki_buf_printf(&text, " (%s)", status);
    } else if (result->verdict != LKI_RUN_VALID) {
        lki_buf_printf(&text, "NOT TO BE TRUSTED: %s", status);
    } else {
        ink = judge_target(result, &text);
    }
    fprintf(paper->out, "%s%s", lki_ink(paper, LKI_INK_BOLD), lki_ink(paper, ink));
    lki_print_paragraph(paper, "", 0, &text);
    fputs(lki_ink(paper, LKI_INK_PLAIN), paper->out);
}

static void print_remarks(const struct lki_paper *paper, const char *label,
                          const char *const *remarks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct lki_buf text = lki_paragraph();

        lki_buf_harmless(&text, remarks[i]);
        lki_print_paragraph(paper, label, (int)strlen(label), &text);
    }
}

/* "1,500 requests in 30.0s (50.0/s), 12 failed (0.80%), half of them within 2.10ms, ..." The totals
 * also have what the metrics of workers that died do not. */
static void print_headline(const struct lki_result *result, const struct lki_paper *paper)
{
    bool http = result->totals.http_requests > 0;
    const struct lki_result_metric *all = http ? &result->all_http : &result->all_steps;
    uint64_t count = http ? result->totals.http_requests : result->totals.steps;
    uint64_t errors = http ? result->totals.http_errors : result->totals.step_errors;
    uint64_t of_probes = http ? all->errors - lki_result_requests(result).errors : 0;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text = lki_paragraph();

    if (http)
        lki_buf_amount(&text, count, "request", "requests");
    else
        lki_buf_amount(&text, count, "step", "steps");
    if (result->duration_ns > 0)
        lki_buf_duration(&text, " in", result->duration_ns);
    add_rate(&text, result, count);
    lki_buf_str(&text, errors ? ", " : ", none failed");
    if (errors) {
        lki_format_count(cell, errors);
        lki_buf_printf(&text, "%s failed", cell);
        lki_format_percent(cell, errors, count);
        lki_buf_printf(&text, " (%s)", cell);
    }
    if (of_probes) {
        lki_format_count(cell, of_probes);
        lki_buf_printf(&text, ", %s of them of probes", cell);
    }
    if (all->latency.count) {
        lki_buf_duration(&text, ", p50", all->latency.p50_ns);
        lki_buf_duration(&text, ", p95", all->latency.p95_ns);
        lki_buf_duration(&text, ", p99", all->latency.p99_ns);
    }
    if (all->count)
        lki_print_paragraph(paper, "", 0, &text);
    else if (result->totals.http_requests > result->totals.http_unsent || result->totals.steps)
        fprintf(paper->out, "Nothing is left of what was measured: it died with its workers.\n");
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
    text = lki_paragraph();
    lki_buf_duration(&text, "steps from intended start: p95", intended->p95_ns);
    lki_buf_duration(&text, ", p99", intended->p99_ns);
    lki_buf_duration(&text, " (from actual:", actual->p95_ns);
    lki_buf_duration(&text, ",", actual->p99_ns);
    lki_buf_char(&text, ')');
    lki_print_paragraph(paper, "", 0, &text);
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
        text = lki_paragraph();
        lki_buf_harmless(&text, metric->name);
        lki_format_count(cell, metric->errors);
        lki_buf_printf(&text, ": %s of ", cell);
        lki_buf_amount(&text, metric->count, "call", "calls");
        lki_buf_str(&text, " failed (");
        lki_report_codes(metric, &text);
        lki_buf_char(&text, ')');
        lki_print_paragraph(paper, "lifecycle", LKI_LABEL_WIDTH, &text);
    }
}

static void print_iterations(const struct lki_result *result, const struct lki_paper *paper)
{
    char cell[LKI_CELL_BYTES];
    struct lki_buf text = lki_paragraph();

    lki_format_count(cell, result->totals.iterations);
    lki_buf_str(&text, cell);
    add_rate(&text, result, result->totals.iterations);
    if (result->all_steps.cancelled) {
        lki_buf_str(&text, ", ");
        lki_buf_amount(&text, result->all_steps.cancelled, "step", "steps");
        lki_buf_str(&text, " cut off by the end");
    }
    lki_print_paragraph(paper, "iterations", LKI_LABEL_WIDTH, &text);
}

/* "up to 200/s: 2,000 intended, 1,990 started, 10 dropped, 5 late; lateness p50 30.0us, ...": the
 * rate is the highest one, since stages and people change it. */
static void print_arrivals(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_result_arrivals *arrivals = &result->arrivals;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    if (!(arrivals->rate_per_s > 0))
        return;
    text = lki_paragraph();
    lki_format_number(cell, arrivals->rate_per_s);
    lki_buf_printf(&text, "up to %s/s: ", cell);
    lki_buf_amount(&text, arrivals->intended, "intended, ", "intended, ");
    lki_buf_amount(&text, arrivals->started, "started, ", "started, ");
    lki_buf_amount(&text, arrivals->dropped, "dropped, ", "dropped, ");
    lki_buf_amount(&text, arrivals->late, "late", "late");
    if (arrivals->lateness.count) {
        lki_buf_str(&text, "; lateness ");
        lki_buf_duration(&text, "p50", arrivals->lateness.p50_ns);
        lki_buf_duration(&text, ", p99", arrivals->lateness.p99_ns);
        lki_buf_duration(&text, ", max", arrivals->lateness.max_ns);
    }
    lki_print_paragraph(paper, "arrivals", LKI_LABEL_WIDTH, &text);
}

static void print_requests(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_totals *totals = &result->totals;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text;

    if (!totals->http_requests)
        return;
    text = lki_paragraph();
    lki_format_count(cell, totals->http_requests - totals->http_unsent);
    lki_buf_printf(&text, "%s sent", cell);
    lki_format_count(cell, totals->http_unsent);
    lki_buf_printf(&text, ", %s unsent", cell);
    lki_format_count(cell, totals->http_retries);
    lki_buf_printf(&text, ", %s sent again", cell);
    lki_format_count(cell, result->all_http.cancelled);
    lki_buf_printf(&text, ", %s cut off by the end", cell);
    lki_print_paragraph(paper, "requests", LKI_LABEL_WIDTH, &text);
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
    text = lki_paragraph();
    add_bytes(&text, result, result->totals.bytes_sent, "sent");
    lki_buf_str(&text, ", ");
    add_bytes(&text, result, result->totals.bytes_received, "received");
    lki_print_paragraph(paper, "data", LKI_LABEL_WIDTH, &text);
}

/* The parts of a request, of those in which they happened: kept-alive connections do not connect.
 */
static void print_phases(const struct lki_result *result, const struct lki_paper *paper)
{
    const struct lki_summary *phases = result->all_http.phases;
    char cell[LKI_CELL_BYTES];
    struct lki_buf text = lki_paragraph();

    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        if (!phases[p].count)
            continue;
        lki_format_duration(cell, phases[p].avg_ns);
        lki_buf_printf(&text, "%s%s %s", text.len ? ", " : "", lki_phase_name((enum lki_phase)p),
                       cell);
        if (phases[p].count < result->all_http.latency.count) {
            lki_buf_str(&text, " (");
            lki_buf_amount(&text, phases[p].count, "time", "times");
            lki_buf_char(&text, ')');
        }
    }
    if (text.len || text.err)
        lki_print_paragraph(paper, "time, avg", LKI_LABEL_WIDTH, &text);
    lki_buf_release(&text);
}

static void print_settings(const struct lki_result *result, const struct lki_paper *paper)
{
    uint64_t missed = lki_result_missed(result);
    char cell[LKI_CELL_BYTES];
    struct lki_buf text = lki_paragraph();

    if (*result->program) {
        lki_buf_harmless(&text, result->program);
        lki_buf_str(&text, ", ");
    }
    lki_buf_amount(&text, result->users, "user", "users");
    if (missed) {
        lki_format_count(cell, missed);
        lki_buf_printf(&text, " (%s never began)", cell);
    }
    if (result->workers) {
        lki_buf_str(&text, ", ");
        lki_buf_amount(&text, result->workers, "worker", "workers");
    }
    if (result->duration_ns > 0)
        lki_buf_duration(&text, ",", result->duration_ns);
    lki_buf_printf(&text, ", seed %" PRIu64, result->seed);
    if (*result->ended_by) {
        lki_buf_str(&text, ", ended by ");
        lki_buf_harmless(&text, result->ended_by);
    }
    lki_print_paragraph(paper, "run", LKI_LABEL_WIDTH, &text);
}

static void print_command(const struct lki_result *result, const struct lki_paper *paper)
{
    struct lki_buf text = lki_paragraph();

    lki_buf_harmless(&text, result->command);
    if (text.len || text.err)
        lki_print_paragraph(paper, "again", LKI_LABEL_WIDTH, &text);
    lki_buf_release(&text);
}

void lki_report_text(const struct lki_result *result, FILE *out, bool colour, int columns)
{
    struct lki_paper paper = {out, colour, columns > 0 ? columns : COLUMNS_DEFAULT};

    if (paper.columns < COLUMNS_MIN)
        paper.columns = COLUMNS_MIN;
    lki_report_verdict(result, &paper);
    print_remarks(&paper, "  - ", result->reasons, result->reason_count);
    print_headline(result, &paper);
    print_remarks(&paper, "note: ", result->notes, result->note_count);
    fprintf(out, "\n");
    lki_report_table(result, &paper);
    print_intended(result, &paper);
    lki_report_author(result, &paper);
    lki_report_errors(result, &paper);
    lki_report_crashes(result, &paper);
    print_lifecycle(result, &paper);
    print_iterations(result, &paper);
    print_arrivals(result, &paper);
    print_requests(result, &paper);
    print_phases(result, &paper);
    print_bytes(result, &paper);
    lki_report_generator(result, &paper);
    print_settings(result, &paper);
    print_command(result, &paper);
    fflush(out);
}
