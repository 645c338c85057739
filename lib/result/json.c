#include "result/json.h"

#include <string.h>

#include "base/clock.h"
#include "result/json_out.h"
#include "stats/code.h"

static void put_run(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_section(out, "run");
    lki_out_open(out, '{');
    lki_out_str(out, "id", result->id);
    lki_out_str(out, "program", result->program);
    LKI_OUT_COUNTS(out, {"seed", result->seed});
    lki_out_str_or_null(out, "started_at", result->started_at);
    lki_out_s(out, "duration_s", result->duration_ns);
    LKI_OUT_COUNTS(out, {"users", result->users}, {"workers", result->workers});
    lki_out_str_or_null(out, "ended_by", result->ended_by);
    lki_out_str_or_null(out, "command", result->command);
    lki_out_close(out, '}');
}

static void put_verdict(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_section(out, "verdict");
    lki_out_open(out, '{');
    lki_out_str(out, "status", lki_run_verdict_name(result->verdict));
    lki_out_key(out, "reasons");
    lki_out_texts(out, result->reasons, result->reason_count);
    lki_out_str_or_null(out, "failure", lki_result_failure(result));
    LKI_OUT_COUNTS(out, {"requests_lost", result->requests_lost},
                   {"seconds_lost", result->seconds_lost});
    lki_out_close(out, '}');
    lki_out_section(out, "notes");
    lki_out_texts(out, result->notes, result->note_count);
}

static uint64_t hook_errors(const struct lki_result *result)
{
    uint64_t errors = 0;

    for (size_t i = 0; i < result->metric_count; i++) {
        if (result->metrics[i].source == LKI_SOURCE_LIFECYCLE)
            errors += result->metrics[i].errors;
    }
    return errors;
}

static void put_totals(struct lki_json_out *out, const struct lki_result *result)
{
    const struct lki_totals *totals = &result->totals;

    lki_out_section(out, "totals");
    lki_out_open(out, '{');
    LKI_OUT_COUNTS(out, {"iterations", totals->iterations}, {"steps", totals->steps},
                   {"step_errors", totals->step_errors}, {"http_requests", totals->http_requests},
                   {"http_errors", totals->http_errors}, {"http_unsent", totals->http_unsent},
                   {"http_retries", totals->http_retries}, {"bytes_sent", totals->bytes_sent},
                   {"bytes_received", totals->bytes_received},
                   {"hook_errors", hook_errors(result)});
    lki_out_close(out, '}');
}

static void put_summary(struct lki_json_out *out, const char *key,
                        const struct lki_summary *summary)
{
    lki_out_key(out, key);
    lki_out_open(out, '{');
    LKI_OUT_COUNTS(out, {"count", summary->count});
    LKI_OUT_MS(out, summary->count > 0, {"avg", summary->avg_ns}, {"min", summary->min_ns},
               {"p50", summary->p50_ns}, {"p90", summary->p90_ns}, {"p95", summary->p95_ns},
               {"p99", summary->p99_ns}, {"p99_9", summary->p99_9_ns}, {"max", summary->max_ns});
    lki_out_close(out, '}');
}

/* Only the phases that happened: a connection that was kept alive has no connect. */
static void put_phases(struct lki_json_out *out, const struct lki_result_metric *metric)
{
    lki_out_key(out, "phases_ms");
    lki_out_open(out, '{');
    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        const struct lki_summary *phase = &metric->phases[p];

        if (!phase->count)
            continue;
        lki_out_key(out, lki_phase_name((enum lki_phase)p));
        lki_out_open(out, '{');
        LKI_OUT_COUNTS(out, {"count", phase->count});
        LKI_OUT_MS(out, true, {"avg", phase->avg_ns}, {"p95", phase->p95_ns},
                   {"max", phase->max_ns});
        lki_out_close(out, '}');
    }
    lki_out_close(out, '}');
}

/* Notable are those that a report names: all that are not plain success. */
static void put_codes(struct lki_json_out *out, const struct lki_result_metric *metric)
{
    lki_out_key(out, "codes");
    lki_out_open(out, '{');
    for (size_t i = 0; i < metric->code_count; i++)
        LKI_OUT_COUNTS(out, {metric->codes[i].name, metric->codes[i].count});
    lki_out_close(out, '}');
    lki_out_key(out, "notable");
    lki_out_open(out, '[');
    for (size_t i = 0; i < metric->code_count; i++) {
        if (metric->codes[i].plain)
            continue;
        lki_out_item(out);
        lki_out_text(out, metric->codes[i].name);
    }
    lki_out_close(out, ']');
    lki_out_key(out, "categories");
    lki_out_open(out, '{');
    for (size_t i = 0; i < metric->category_count; i++)
        LKI_OUT_COUNTS(out, {metric->categories[i].name, metric->categories[i].count});
    lki_out_close(out, '}');
}

static void put_metric(struct lki_json_out *out, const void *one)
{
    const struct lki_result_metric *metric = one;

    lki_out_str(out, "id", metric->id);
    lki_out_str(out, "name", metric->name);
    lki_out_str(out, "source", metric->kind);
    if (*metric->stage)
        lki_out_str(out, "stage", metric->stage);
    lki_out_str(out, "step", metric->step);
    LKI_OUT_COUNTS(out, {"requests", metric->count}, {"errors", metric->errors},
                   {"fatal", metric->fatal}, {"cancelled", metric->cancelled},
                   {"bytes_sent", metric->bytes_sent}, {"bytes_received", metric->bytes_received});
    put_summary(out, "latency_ms", &metric->latency);
    if (metric->intended.count)
        put_summary(out, "intended_ms", &metric->intended);
    put_codes(out, metric);
    if (metric->source == LKI_SOURCE_HTTP)
        put_phases(out, metric);
}

static void put_error(struct lki_json_out *out, const void *one)
{
    const struct lki_result_error *error = one;

    lki_out_str(out, "source", lki_source_name(error->source));
    lki_out_str(out, "step", error->step);
    lki_out_str_or_null(out, "code", error->code);
    lki_out_str(out, "message", error->message);
    LKI_OUT_COUNTS(out, {"count", error->count}, {"first_user", error->first_user});
    lki_out_s(out, "first_s", error->first_ns);
}

static void put_example(struct lki_json_out *out, const struct lki_result *result,
                        const struct lki_result_example *example)
{
    lki_out_line(out);
    lki_out_open(out, '{');
    lki_out_str(out, "metric", result->metrics[example->metric].id);
    lki_out_str(out, "code", lki_code_name(example->code));
    lki_out_str(out, "request", example->request);
    lki_out_str(out, "answer", example->answer);
    lki_out_str(out, "body", example->body);
    lki_out_close(out, '}');
}

static void put_examples(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_section(out, "examples");
    lki_out_open(out, '[');
    for (size_t i = 0; i < result->example_count; i++)
        put_example(out, result, &result->examples[i]);
    lki_out_close(out, ']');
}

/* To the microsecond: the second's histogram knows no better, and a long run has many rows. */
static int64_t rounded(int64_t ns)
{
    if (ns > INT64_MAX - LKI_NS_PER_US)
        return ns;
    return (ns / LKI_NS_PER_US + (ns % LKI_NS_PER_US >= 500)) * LKI_NS_PER_US;
}

static void put_row(struct lki_json_out *out, const void *one)
{
    const struct lki_series_row *row = one;

    LKI_OUT_COUNTS(out, {"t", row->t_s});
    lki_out_s(out, "span_s", rounded(row->span_ns));
    LKI_OUT_COUNTS(out, {"users", row->users}, {"iterations", row->iterations},
                   {"requests", row->requests}, {"errors", row->errors}, {"steps", row->steps},
                   {"step_errors", row->step_errors}, {"bytes_sent", row->bytes_sent},
                   {"bytes_received", row->bytes_received});
    LKI_OUT_MS(out, row->p99_ns != 0, {"p50_ms", rounded(row->p50_ns)},
               {"p95_ms", rounded(row->p95_ns)}, {"p99_ms", rounded(row->p99_ns)});
}

static void put_sum(struct lki_json_out *out, const char *key, const struct lki_result_metric *sum)
{
    lki_out_section(out, key);
    lki_out_open(out, '{');
    put_metric(out, sum);
    lki_out_close(out, '}');
}

static void put_metrics(struct lki_json_out *out, const struct lki_result *result)
{
    put_sum(out, "all_http", &result->all_http);
    put_sum(out, "all_steps", &result->all_steps);
    lki_out_list(out, "types", result->types, result->type_count, sizeof(*result->types),
                 put_metric);
    lki_out_list(out, "metrics", result->metrics, result->metric_count, sizeof(*result->metrics),
                 put_metric);
}

static void put_lists(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_section(out, "thresholds");
    lki_out_texts(out, NULL, 0);
    lki_out_list(out, "errors", result->errors, result->error_count, sizeof(*result->errors),
                 put_error);
    lki_out_list(out, "series", result->series, result->series_count, sizeof(*result->series),
                 put_row);
}

int lki_result_write_json(const struct lki_result *result, FILE *file)
{
    struct lki_json_out out;

    lki_out_init(&out, file);
    lki_out_open(&out, '{');
    lki_out_section(&out, "schema");
    lki_out_text(&out, LKI_RESULT_SCHEMA);
    put_run(&out, result);
    put_verdict(&out, result);
    put_totals(&out, result);
    lki_out_fleet(&out, result);
    lki_out_arrivals(&out, result);
    put_metrics(&out, result);
    lki_out_author(&out, result);
    put_examples(&out, result);
    put_lists(&out, result);
    lki_buf_str(&out.buf, "\n}\n");
    return lki_out_end(&out);
}
