#include "result/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "stats/code.h"

/* What is in memory at one time; a series of a week is written through it piece by piece. */
#define OUT_MAX_BYTES (1 << 20)
#define OUT_FLUSH_BYTES (64 << 10)

struct out {
    FILE *file;
    struct lki_buf buf;
    bool comma; /* something precedes on this level */
    int error;  /* errno of the first failure */
};

static void out_flush(struct out *out)
{
    if (!out->error && out->buf.err)
        out->error = ENOMEM;
    if (!out->error && out->buf.len &&
        fwrite(out->buf.data, 1, out->buf.len, out->file) != out->buf.len)
        out->error = errno ? errno : EIO;
    lki_buf_clear(&out->buf);
}

static void item_begin(struct out *out)
{
    if (out->comma)
        lki_buf_char(&out->buf, ',');
    out->comma = true;
}

static void open_bracket(struct out *out, char bracket)
{
    lki_buf_char(&out->buf, bracket);
    out->comma = false;
}

static void close_bracket(struct out *out, char bracket)
{
    lki_buf_char(&out->buf, bracket);
    out->comma = true;
}

/* An element that has a line of its own. */
static void line_begin(struct out *out)
{
    item_begin(out);
    lki_buf_char(&out->buf, '\n');
    if (out->buf.len >= OUT_FLUSH_BYTES)
        out_flush(out);
}

static void put_key(struct out *out, const char *key)
{
    item_begin(out);
    lki_json_write_string(&out->buf, key, strlen(key));
    lki_buf_char(&out->buf, ':');
}

/* A member of the whole object. */
static void put_section(struct out *out, const char *key)
{
    line_begin(out);
    lki_json_write_string(&out->buf, key, strlen(key));
    lki_buf_str(&out->buf, ": ");
}

static void put_str(struct out *out, const char *key, const char *text)
{
    put_key(out, key);
    lki_json_write_string(&out->buf, text, strlen(text));
}

static void put_str_or_null(struct out *out, const char *key, const char *text)
{
    if (text && *text) {
        put_str(out, key, text);
    } else {
        put_key(out, key);
        lki_json_write_null(&out->buf);
    }
}

static void put_u64(struct out *out, const char *key, uint64_t value)
{
    put_key(out, key);
    lki_json_write_uint(&out->buf, value);
}

/* value_us / per_unit, exactly, without a double and its digits, and whatever the locale says. */
static void put_us(struct out *out, const char *key, int64_t value_us, int64_t per_unit)
{
    uint64_t size = value_us < 0 ? 0 - (uint64_t)value_us : (uint64_t)value_us;
    uint64_t rest = size % (uint64_t)per_unit;

    put_key(out, key);
    if (value_us < 0)
        lki_buf_char(&out->buf, '-');
    lki_buf_u64(&out->buf, size / (uint64_t)per_unit);
    if (rest)
        lki_buf_char(&out->buf, '.');
    while (rest) {
        rest *= 10;
        lki_buf_u64(&out->buf, rest / (uint64_t)per_unit);
        rest %= (uint64_t)per_unit;
    }
}

static int64_t ns_to_us(int64_t ns)
{
    int64_t rest = ns % LKI_NS_PER_US;

    return ns / LKI_NS_PER_US + (rest >= 500) - (rest <= -500);
}

static void put_ms(struct out *out, const char *key, int64_t ns)
{
    put_us(out, key, ns_to_us(ns), 1000);
}

static void put_s(struct out *out, const char *key, int64_t ns)
{
    put_us(out, key, ns_to_us(ns), 1000000);
}

/* What was never measured is not zero. */
static void put_ms_or_null(struct out *out, const char *key, int64_t ns, bool measured)
{
    if (measured)
        put_ms(out, key, ns);
    else
        put_str_or_null(out, key, NULL);
}

static void put_texts(struct out *out, const char *const *texts, size_t count)
{
    open_bracket(out, '[');
    for (size_t i = 0; i < count; i++) {
        item_begin(out);
        lki_json_write_string(&out->buf, texts[i], strlen(texts[i]));
    }
    close_bracket(out, ']');
}

static void put_run(struct out *out, const struct lki_result *result)
{
    put_section(out, "run");
    open_bracket(out, '{');
    put_str(out, "id", result->id);
    put_str(out, "program", result->program);
    put_u64(out, "seed", result->seed);
    put_str_or_null(out, "started_at", result->started_at);
    put_s(out, "duration_s", result->duration_ns);
    put_u64(out, "users", result->users);
    put_u64(out, "workers", result->workers);
    put_str_or_null(out, "ended_by", result->ended_by);
    close_bracket(out, '}');
}

static void put_verdict(struct out *out, const struct lki_result *result)
{
    put_section(out, "verdict");
    open_bracket(out, '{');
    put_str(out, "status", lki_run_verdict_name(result->verdict));
    put_key(out, "reasons");
    put_texts(out, result->reasons, result->reason_count);
    put_str_or_null(out, "failure", lki_result_failure(result));
    close_bracket(out, '}');
    put_section(out, "notes");
    put_texts(out, result->notes, result->note_count);
}

static void put_totals(struct out *out, const struct lki_totals *totals)
{
    put_section(out, "totals");
    open_bracket(out, '{');
    put_u64(out, "iterations", totals->iterations);
    put_u64(out, "steps", totals->steps);
    put_u64(out, "step_errors", totals->step_errors);
    put_u64(out, "http_requests", totals->http_requests);
    put_u64(out, "http_errors", totals->http_errors);
    put_u64(out, "http_unsent", totals->http_unsent);
    put_u64(out, "http_retries", totals->http_retries);
    put_u64(out, "bytes_sent", totals->bytes_sent);
    put_u64(out, "bytes_received", totals->bytes_received);
    close_bracket(out, '}');
}

static void put_summary(struct out *out, const char *key, const struct lki_summary *summary)
{
    bool measured = summary->count > 0;

    put_key(out, key);
    open_bracket(out, '{');
    put_ms_or_null(out, "avg", summary->avg_ns, measured);
    put_ms_or_null(out, "min", summary->min_ns, measured);
    put_ms_or_null(out, "p50", summary->p50_ns, measured);
    put_ms_or_null(out, "p90", summary->p90_ns, measured);
    put_ms_or_null(out, "p95", summary->p95_ns, measured);
    put_ms_or_null(out, "p99", summary->p99_ns, measured);
    put_ms_or_null(out, "p99_9", summary->p99_9_ns, measured);
    put_ms_or_null(out, "max", summary->max_ns, measured);
    close_bracket(out, '}');
}

/* Only the phases that happened: a connection that was kept alive has no connect. */
static void put_phases(struct out *out, const struct lki_result_metric *metric)
{
    put_key(out, "phases_ms");
    open_bracket(out, '{');
    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        const struct lki_summary *phase = &metric->phases[p];

        if (!phase->count)
            continue;
        put_key(out, lki_phase_name((enum lki_phase)p));
        open_bracket(out, '{');
        put_u64(out, "count", phase->count);
        put_ms(out, "avg", phase->avg_ns);
        put_ms(out, "p95", phase->p95_ns);
        put_ms(out, "max", phase->max_ns);
        close_bracket(out, '}');
    }
    close_bracket(out, '}');
}

static void put_metric(struct out *out, const struct lki_result_metric *metric)
{
    line_begin(out);
    open_bracket(out, '{');
    put_str(out, "id", metric->id);
    put_str(out, "name", metric->name);
    put_str(out, "source", lki_source_name(metric->source));
    put_str(out, "step", metric->step);
    put_u64(out, "requests", metric->count);
    put_u64(out, "errors", metric->errors);
    put_u64(out, "cancelled", metric->cancelled);
    put_u64(out, "bytes_sent", metric->bytes_sent);
    put_u64(out, "bytes_received", metric->bytes_received);
    put_summary(out, "latency_ms", &metric->latency);
    put_key(out, "codes");
    open_bracket(out, '{');
    for (size_t i = 0; i < metric->code_count; i++)
        put_u64(out, lki_code_name(metric->codes[i].code), metric->codes[i].count);
    close_bracket(out, '}');
    if (metric->source == LKI_SOURCE_HTTP)
        put_phases(out, metric);
    close_bracket(out, '}');
}

static void put_error(struct out *out, const struct lki_result_error *error)
{
    line_begin(out);
    open_bracket(out, '{');
    put_str(out, "source", lki_source_name(error->source));
    put_str(out, "step", error->step);
    put_str_or_null(out, "code", error->code);
    put_str(out, "message", error->message);
    put_u64(out, "count", error->count);
    put_u64(out, "first_user", error->first_user);
    put_s(out, "first_s", error->first_ns);
    close_bracket(out, '}');
}

static void put_row(struct out *out, const struct lki_series_row *row)
{
    line_begin(out);
    open_bracket(out, '{');
    put_u64(out, "t", row->t_s);
    put_s(out, "span_s", row->span_ns);
    put_u64(out, "users", row->users);
    put_u64(out, "iterations", row->iterations);
    put_u64(out, "requests", row->requests);
    put_u64(out, "errors", row->errors);
    put_u64(out, "steps", row->steps);
    put_u64(out, "step_errors", row->step_errors);
    put_u64(out, "bytes_sent", row->bytes_sent);
    put_u64(out, "bytes_received", row->bytes_received);
    put_ms_or_null(out, "p50_ms", row->p50_ns, row->p99_ns != 0);
    put_ms_or_null(out, "p95_ms", row->p95_ns, row->p99_ns != 0);
    put_ms_or_null(out, "p99_ms", row->p99_ns, row->p99_ns != 0);
    close_bracket(out, '}');
}

static void put_lists(struct out *out, const struct lki_result *result)
{
    put_section(out, "metrics");
    open_bracket(out, '[');
    for (size_t i = 0; i < result->metric_count; i++)
        put_metric(out, &result->metrics[i]);
    close_bracket(out, ']');
    put_section(out, "thresholds");
    put_texts(out, NULL, 0);
    put_section(out, "errors");
    open_bracket(out, '[');
    for (size_t i = 0; i < result->error_count; i++)
        put_error(out, &result->errors[i]);
    close_bracket(out, ']');
    put_section(out, "series");
    open_bracket(out, '[');
    for (size_t i = 0; i < result->series_count; i++)
        put_row(out, &result->series[i]);
    close_bracket(out, ']');
}

int lki_result_write_json(const struct lki_result *result, FILE *file)
{
    struct out out = {.file = file};

    lki_buf_init(&out.buf, OUT_MAX_BYTES);
    open_bracket(&out, '{');
    put_section(&out, "schema");
    lki_json_write_string(&out.buf, LKI_RESULT_SCHEMA, strlen(LKI_RESULT_SCHEMA));
    put_run(&out, result);
    put_verdict(&out, result);
    put_totals(&out, &result->totals);
    put_lists(&out, result);
    lki_buf_str(&out.buf, "\n}\n");
    out_flush(&out);
    if (!out.error && fflush(file))
        out.error = errno;
    lki_buf_release(&out.buf);
    return out.error;
}
