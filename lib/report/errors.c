#include "report/errors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/layout.h"
#include "report/paragraph.h"
#include "stats/code.h"

#define ERRORS_SHOWN 20
/* Of an example behind the text of its error. */
#define EXAMPLE_INDENT 4

/* A group of errors, or a status of a request, which is in no group: it came with an answer. */
struct finding {
    uint64_t count;
    const struct lki_result_error *error; /* NULL: a status */
    const struct lki_result_metric *metric;
    const struct lki_result_example *example; /* NULL: none was kept */
};

/* Whether message is "name: why", of which the end may have been cut off. */
static bool tells(const char *message, const char *name, const char *why)
{
    size_t len = strlen(name);

    if (strncmp(message, name, len) != 0 || strncmp(message + len, ": ", 2) != 0)
        return false;
    message += len + 2;
    return !strncmp(message, why, strlen(message));
}

/* The exchange that it is told of: there may be another one of that code, which failed otherwise,
 * and was kept since it came before. */
static const struct lki_result_example *example_find(const struct lki_result *result,
                                                     const struct lki_result_error *error)
{
    if (error->source != LKI_SOURCE_HTTP)
        return NULL;
    for (size_t i = 0; i < result->example_count; i++) {
        const struct lki_result_example *example = &result->examples[i];
        const struct lki_result_metric *metric = &result->metrics[example->metric];

        if (!strcmp(lki_code_name(example->code), error->code) &&
            !strcmp(metric->step, error->step) &&
            tells(error->message, metric->name, example->answer))
            return example;
    }
    return NULL;
}

static uint64_t code_count(const struct lki_result_metric *metric, lki_code code)
{
    for (size_t i = 0; i < metric->code_count; i++) {
        if (metric->codes[i].code == code)
            return metric->codes[i].count;
    }
    return 0;
}

static size_t groups_fill(struct finding *findings, const struct lki_result *result)
{
    size_t count = 0;

    for (size_t i = 0; i < result->error_count; i++) {
        const struct lki_result_error *error = &result->errors[i];

        if (error->source == LKI_SOURCE_CHECK)
            continue;
        findings[count] = (struct finding){
            .count = error->count, .error = error, .example = example_find(result, error)};
        count++;
    }
    return count;
}

static size_t statuses_fill(struct finding *findings, const struct lki_result *result)
{
    size_t count = 0;

    for (size_t i = 0; i < result->example_count; i++) {
        const struct lki_result_example *example = &result->examples[i];
        const struct lki_result_metric *metric = &result->metrics[example->metric];

        if (!lki_code_is_response(example->code) || example->code < 400 || !metric->errors)
            continue;
        findings[count] = (struct finding){
            .count = code_count(metric, example->code), .metric = metric, .example = example};
        count++;
    }
    return count;
}

/* The most frequent first; a status before the step that failed of it. */
static int by_count(const void *a, const void *b)
{
    const struct finding *left = a;
    const struct finding *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (!left->error != !right->error)
        return left->error ? 1 : -1;
    if (left->error)
        return (left->error > right->error) - (left->error < right->error);
    return (left->example > right->example) - (left->example < right->example);
}

static void add_what(struct lki_buf *text, const struct lki_result_error *error)
{
    lki_buf_harmless(text, error->step);
    if (*error->step)
        lki_buf_char(text, ' ');
    lki_buf_harmless(text, error->code);
    if (*error->message) {
        lki_buf_str(text, *error->code ? ": " : "");
        lki_buf_harmless(text, error->message);
    }
}

static void add_error(struct lki_buf *text, const struct lki_result_error *error)
{
    char when[LKI_CELL_BYTES];

    add_what(text, error);
    lki_format_duration(when, error->first_ns);
    lki_buf_printf(text, " (%s%s", error->count > 1 ? "first at " : "at ", when);
    if (error->first_user)
        lki_buf_printf(text, ", user %" PRIu64, error->first_user);
    lki_buf_char(text, ')');
}

static void add_status(struct lki_buf *text, const struct finding *finding)
{
    lki_buf_harmless(text, finding->metric->step);
    if (*finding->metric->step)
        lki_buf_char(text, ' ');
    lki_buf_harmless(text, finding->metric->name);
    lki_buf_printf(text, " %s", lki_code_name(finding->example->code));
}

static void print_example(const struct lki_paper *paper, const struct finding *finding, int indent)
{
    const struct lki_result_example *example = finding->example;

    lki_print_cut(paper, indent, "> ", example->request);
    /* of what got no answer the reason stands there, and that is the message */
    if (finding->error)
        return;
    lki_print_cut(paper, indent, "< ", example->answer);
    lki_print_cut(paper, indent, "  ", example->body);
}

static void print_finding(const struct lki_paper *paper, const struct finding *finding,
                          int count_width)
{
    char count[LKI_CELL_BYTES];
    char label[2 * LKI_CELL_BYTES];
    struct lki_buf text = lki_paragraph();

    lki_format_count(count, finding->count);
    snprintf(label, sizeof(label), "  %*s  ", count_width, count);
    if (finding->error)
        add_error(&text, finding->error);
    else
        add_status(&text, finding);
    lki_print_paragraph(paper, label, (int)strlen(label), &text);
    if (finding->example)
        print_example(paper, finding, (int)strlen(label) + EXAMPLE_INDENT);
}

static void print_findings(const struct lki_paper *paper, const struct finding *findings,
                           size_t count)
{
    char cell[LKI_CELL_BYTES];
    uint64_t rest = 0;
    int width;

    lki_format_count(cell, findings[0].count);
    width = (int)strlen(cell);
    lki_print_heading(paper, "errors");
    for (size_t i = 0; i < count; i++) {
        if (i < ERRORS_SHOWN)
            print_finding(paper, &findings[i], width);
        else
            rest += findings[i].count;
    }
    if (rest) {
        lki_format_count(cell, rest);
        fprintf(paper->out, "  and %s more of %zu other kinds: all are in the result file\n", cell,
                count - ERRORS_SHOWN);
    }
    fputs("\n", paper->out);
}

void lki_report_errors(const struct lki_result *result, const struct lki_paper *paper)
{
    struct finding *findings = calloc(result->error_count + result->example_count + 1,
                                      sizeof(*findings));
    size_t count;

    if (!findings) {
        fprintf(paper->out, "%s: errors are in the result file\n\n", lk_strerror(LK_E_NOMEM));
        return;
    }
    count = groups_fill(findings, result);
    count += statuses_fill(findings + count, result);
    qsort(findings, count, sizeof(*findings), by_count);
    if (count)
        print_findings(paper, findings, count);
    free(findings);
}

static const struct lki_result_error *most_frequent(const struct lki_result *result)
{
    for (size_t i = 0; i < result->error_count; i++) {
        if (result->errors[i].source != LKI_SOURCE_CHECK)
            return &result->errors[i];
    }
    return NULL;
}

/* A failure that the run has told of names its cause itself. */
void lki_report_failure(const struct lki_result *result, struct lki_buf *line)
{
    const char *failure = lki_result_failure(result);
    const struct lki_result_error *error = most_frequent(result);

    if (!failure)
        return;
    lki_buf_harmless(line, failure);
    if (result->failure)
        return;
    if (result->verdict == LKI_RUN_INCOMPLETE && result->reason_count) {
        lki_buf_str(line, ": ");
        lki_buf_harmless(line, result->reasons[0]);
    } else if (error) {
        lki_buf_str(line, "; most often ");
        add_what(line, error);
    }
}
