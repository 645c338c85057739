/* The same numbers for a Prometheus that comes by. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "web/api_inner.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct label {
    const char *name;
    const char *value;
};

struct page {
    struct lki_api *api;
    struct lki_buf buf;
    const struct lki_worker_view *workers;
    size_t worker_count;
};

/* ---- lines ---- */

static void family(struct page *page, const char *name, const char *type, const char *help)
{
    lki_buf_printf(&page->buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(struct lki_buf *buf, const char *text)
{
    for (;; text++) {
        size_t len = strcspn(text, "\n\"\\");

        lki_utf8_write(buf, text, len);
        text += len;
        if (!*text)
            return;
        lki_buf_printf(buf, "\\%c", *text == '\n' ? 'n' : *text);
    }
}

static void put_value(struct lki_buf *buf, double value)
{
    if (isnan(value))
        lki_buf_str(buf, "NaN");
    else if (isinf(value))
        lki_buf_str(buf, value > 0 ? "+Inf" : "-Inf");
    else
        lki_json_write_double(buf, value);
}

/* Labels that are empty are left out, which to Prometheus is the same. */
static void line_of(struct page *page, const char *name, const struct label *labels, size_t count,
                    double value)
{
    bool any = false;

    lki_buf_str(&page->buf, name);
    for (size_t i = 0; i < count; i++) {
        if (!labels[i].value || !*labels[i].value)
            continue;
        lki_buf_printf(&page->buf, "%s%s=\"", any ? "," : "{", labels[i].name);
        put_escaped(&page->buf, labels[i].value);
        lki_buf_char(&page->buf, '"');
        any = true;
    }
    lki_buf_str(&page->buf, any ? "} " : " ");
    put_value(&page->buf, value);
    lki_buf_char(&page->buf, '\n');
}

#define LINE(page, name, value, ...)                                                               \
    line_of((page), (name), (const struct label[]){__VA_ARGS__},                                   \
            sizeof((const struct label[]){__VA_ARGS__}) / sizeof(struct label), (double)(value))

static void single(struct page *page, const char *name, const char *type, const char *help,
                   double value)
{
    family(page, name, type, help);
    line_of(page, name, NULL, 0, value);
}

/* ---- the run ---- */

static void put_run(struct page *page)
{
    const struct lki_orchestrator *o = page->api->o;
    const struct lki_core *core = lki_orchestrator_core(o);
    const char *run_id = lki_orchestrator_run_id(o);
    struct lki_core_status status = {0};

    if (core)
        lki_core_status(core, &status);
    family(page, "loadkit_state", "gauge", "State of the orchestrator: 1 for the one that it is.");
    LINE(page, "loadkit_state", 1, {"state", lki_orchestrator_state(o)});
    family(page, "loadkit_run_info", "gauge", "The run in hand, or the last one.");
    LINE(page, "loadkit_run_info", 1, {"run_id", run_id}, {"program", page->api->program});
    single(page, "loadkit_runs_total", "counter", "Runs begun in this cluster.",
           (double)lki_orchestrator_epoch(o));
    single(page, "loadkit_users", "gauge", "Active users.", (double)status.users);
    single(page, "loadkit_users_wanted", "gauge", "Users that there are to be.",
           (double)status.users_wanted);
    single(page, "loadkit_rate_wanted", "gauge", "Iterations a second that are to begin; 0: none.",
           status.rate_wanted);
    single(page, "loadkit_run_seconds", "gauge", "How long the run in hand has lasted.",
           (double)status.elapsed_ns / 1e9);
    single(page, "loadkit_crashes", "gauge", "Crashes of workers in the run in hand.",
           (double)status.crashes);
    single(page, "loadkit_awaited_workers", "gauge", "Workers out of reach that the end waits for.",
           (double)status.awaited);
    single(page, "loadkit_awaited_seconds", "gauge", "For how long it waits for them at most.",
           (double)status.awaited_ns / 1e9);
    single(page, "loadkit_generator_busy_share", "gauge",
           "Share of a processor of the busiest worker, over the last second.", status.busy_share);
    single(page, "loadkit_generator_longest_turn_seconds", "gauge",
           "The longest turn of any worker's loop, of the last second or two.",
           (double)status.busiest_ns / 1e9);
    single(page, "loadkit_redis_up", "gauge", "Whether Redis can be reached.",
           lki_orchestrator_has_redis(o));
}

struct counter {
    const char *name;
    uint64_t value;
    const char *help;
};

static void put_counters(struct page *page, const struct counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        single(page, counters[i].name, "counter", counters[i].help, (double)counters[i].value);
}

static void put_totals(struct page *page)
{
    const struct lki_history *history = lki_orchestrator_history(page->api->o);
    const struct lki_metrics *metrics = lki_history_metrics(history);
    const struct lki_totals *totals = metrics ? metrics->totals : &(struct lki_totals){0};
    const struct counter all[] = {
        {"loadkit_iterations_total", totals->iterations, "Iterations that have ended."},
        {"loadkit_steps_total", totals->steps, "Steps that have ended."},
        {"loadkit_step_errors_total", totals->step_errors, "Steps that failed."},
        {"loadkit_http_requests_total", totals->http_requests, "HTTP requests."},
        {"loadkit_http_errors_total", totals->http_errors, "HTTP requests that failed."},
        {"loadkit_http_unsent_total", totals->http_unsent,
         "HTTP requests of which the system had not taken the last byte."},
        {"loadkit_http_retries_total", totals->http_retries, "HTTP requests that were sent again."},
        {"loadkit_hook_errors_total", lki_history_counts(history)->hook_errors,
         "Hooks that failed."},
        {"loadkit_sent_bytes_total", totals->bytes_sent, "Bytes sent."},
        {"loadkit_received_bytes_total", totals->bytes_received, "Bytes received."},
    };

    put_counters(page, all, LKI_COUNT(all));
}

static void put_arrivals(struct page *page)
{
    const struct lki_history_counts *counts = lki_history_counts(
        lki_orchestrator_history(page->api->o));
    const struct counter all[] = {
        {"loadkit_arrivals_intended_total", counts->intended, "Iterations that were to begin."},
        {"loadkit_arrivals_started_total", counts->started, "Of these, those that began."},
        {"loadkit_arrivals_dropped_total", counts->dropped,
         "Of these, those that found no user in time."},
        {"loadkit_arrivals_late_total", counts->late,
         "Of those that began, those that did so more than 10 ms behind their time."},
    };

    if (counts->rated)
        put_counters(page, all, LKI_COUNT(all));
}

/* ---- metrics ---- */

struct each {
    struct page *page;
    const char *family;
    const struct lki_api_name *name;
    size_t index;
    struct lki_aggregate total;
};

/* Two labels more than those that each line of a metric has, which may be empty. */
static void line_of_metric(const struct each *each, const char *name, struct label one,
                           struct label two, double value)
{
    const struct lki_metric *metric = each->name->metric;

    LINE(each->page, name, value, {"metric", each->name->plain}, {"source", metric->kind},
         {"step", metric->step}, {"stage", metric->stage}, one, two);
}

static const struct label none;

static void put_requests(struct each *each)
{
    line_of_metric(each, each->family, none, none, (double)each->total.requests);
}

static void put_errors(struct each *each)
{
    line_of_metric(each, each->family, none, none, (double)each->total.errors);
}

static void put_cancelled(struct each *each)
{
    line_of_metric(each, each->family, none, none, (double)each->total.cancelled);
}

/* Checks and the like take no time: they are counted only. */
static void put_latency(struct each *each)
{
    const struct lki_aggregate *total = &each->total;
    const struct lki_hist *latency = &each->name->metric->total.latency;
    const struct {
        const char *quantile;
        double ms;
    } quantiles[] = {{"0.5", total->median_ms}, {"0.95", total->p95_ms}, {"0.99", total->p99_ms}};

    if (!latency->count)
        return;
    for (size_t i = 0; i < LKI_COUNT(quantiles); i++)
        line_of_metric(each, each->family, (struct label){"quantile", quantiles[i].quantile}, none,
                       quantiles[i].ms / 1e3);
    line_of_metric(each, "loadkit_latency_seconds_sum", none, none, (double)latency->sum / 1e9);
    line_of_metric(each, "loadkit_latency_seconds_count", none, none, (double)latency->count);
}

static void on_code(const char *code, const char *category, uint64_t count, void *arg)
{
    const struct each *each = arg;

    line_of_metric(each, each->family, (struct label){"code", code},
                   (struct label){"category", category}, (double)count);
}

static void put_codes(struct each *each)
{
    lki_history_codes(lki_orchestrator_history(each->page->api->o), each->index, false, on_code,
                      each);
}

static void put_metrics(struct page *page, const struct lki_api_name *names)
{
    static const struct {
        const char *name, *type, *help;
        void (*put)(struct each *each);
    } families[] = {
        {"loadkit_samples_total", "counter", "Samples of a metric, in the whole run.",
         put_requests},
        {"loadkit_sample_errors_total", "counter", "Samples of a metric that failed.", put_errors},
        {"loadkit_samples_cancelled_total", "counter",
         "Samples of a metric that were cut off, which are no errors.", put_cancelled},
        {"loadkit_latency_seconds", "summary", "Latency of a metric, over the whole run.",
         put_latency},
        {"loadkit_codes_total", "counter", "Result codes of a metric.", put_codes},
    };
    struct lki_history *history = lki_orchestrator_history(page->api->o);
    size_t count = lki_history_metric_count(history);

    if (!names)
        page->buf.err = LK_E_NOMEM;
    for (size_t f = 0; f < LKI_COUNT(families); f++) {
        family(page, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; names && i < count; i++) {
            struct each each = {
                .page = page, .family = families[f].name, .name = &names[i], .index = i};

            lki_history_aggregate(history, i, false, &each.total);
            families[f].put(&each);
        }
    }
}

/* ---- what the author measures ---- */

static void put_customs(struct page *page)
{
    const struct lki_metrics *metrics = lki_history_metrics(lki_orchestrator_history(page->api->o));
    size_t count = metrics ? metrics->customs.count : 0;

    family(page, "loadkit_author_values_total", "counter", "Values of the program's own metrics.");
    for (size_t i = 0; i < count; i++)
        LINE(page, "loadkit_author_values_total", metrics->customs.all[i].total.count,
             {"name", metrics->customs.all[i].name},
             {"type", lki_custom_type_name(metrics->customs.all[i].type)});
    family(page, "loadkit_author_sum", "gauge", "Sum of the program's own metrics.");
    for (size_t i = 0; i < count; i++)
        LINE(page, "loadkit_author_sum", metrics->customs.all[i].total.sum,
             {"name", metrics->customs.all[i].name},
             {"type", lki_custom_type_name(metrics->customs.all[i].type)});
    family(page, "loadkit_author_last", "gauge", "Last value of the program's own metrics.");
    for (size_t i = 0; i < count; i++)
        LINE(page, "loadkit_author_last", metrics->customs.all[i].total.last,
             {"name", metrics->customs.all[i].name},
             {"type", lki_custom_type_name(metrics->customs.all[i].type)});
}

static bool number_of(const struct lki_reading *reading, double *number)
{
    if (reading->value.kind == LK_VALUE_BOOL) {
        *number = reading->value.as.truth;
        return true;
    }
    return lki_reading_number(&reading->value, number);
}

static void put_probes(struct page *page)
{
    const struct lki_history *history = lki_orchestrator_history(page->api->o);
    size_t count = lki_history_probe_count(history);
    struct lki_history_probe probe;
    const struct lki_reading *reading;
    double number;

    family(page, "loadkit_probe_readings_total", "counter", "Readings of a probe.");
    for (size_t i = 0; i < count; i++) {
        lki_history_probe(history, i, &probe);
        LINE(page, "loadkit_probe_readings_total", probe.log->count, {"probe", probe.log->name});
    }
    family(page, "loadkit_probe_errors_total", "counter", "Readings of a probe that failed.");
    for (size_t i = 0; i < count; i++) {
        lki_history_probe(history, i, &probe);
        LINE(page, "loadkit_probe_errors_total", probe.log->errors, {"probe", probe.log->name});
    }
    family(page, "loadkit_probe_value", "gauge",
           "What a probe has read last, where that is a number.");
    for (size_t i = 0; i < count; i++) {
        lki_history_probe(history, i, &probe);
        reading = lki_api_latest(probe.log);
        if (reading && !reading->failed && number_of(reading, &number))
            LINE(page, "loadkit_probe_value", number, {"probe", probe.log->name});
    }
}

/* ---- workers ---- */

static double healthy_of(const struct lki_worker_view *worker)
{
    return worker->healthy;
}

static double users_of(const struct lki_worker_view *worker)
{
    return (double)worker->users_active;
}

static double cpu_of(const struct lki_worker_view *worker)
{
    return worker->cpu_percent;
}

static double memory_of(const struct lki_worker_view *worker)
{
    return (double)worker->rss_bytes;
}

static double delay_of(const struct lki_worker_view *worker)
{
    return worker->loop_delay_ns < 0 ? NAN : (double)worker->loop_delay_ns / 1e9;
}

static void put_workers(struct page *page)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct lki_worker_view *worker);
    } families[] = {
        {"loadkit_worker_up", "Whether a worker is heard.", healthy_of},
        {"loadkit_worker_users", "Active users of a worker.", users_of},
        {"loadkit_worker_cpu_percent", "Processor time of a worker; 100: one core.", cpu_of},
        {"loadkit_worker_memory_bytes", "Memory of a worker.", memory_of},
        {"loadkit_worker_loop_delay_seconds",
         "The longest turn of its loop, of the last second or two; NaN: unknown.", delay_of},
    };

    for (size_t f = 0; f < LKI_COUNT(families); f++) {
        family(page, families[f].name, "gauge", families[f].help);
        for (size_t i = 0; i < page->worker_count; i++)
            LINE(page, families[f].name, families[f].value(&page->workers[i]),
                 {"worker", page->workers[i].id});
    }
}

void lki_api_prometheus(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct lki_arena *arena = lki_web_arena(request);
    struct page page = {.api = api};

    page.workers = lki_api_workers(api, arena, &page.worker_count);
    lki_buf_init(&page.buf, LKI_API_ANSWER_MAX);
    put_run(&page);
    put_totals(&page);
    put_arrivals(&page);
    put_metrics(&page, lki_api_names(api, arena));
    put_customs(&page);
    put_probes(&page);
    put_workers(&page);
    if (page.buf.err)
        lki_web_fail(request, 500, "internal_error", NULL, "%s", lk_strerror(page.buf.err));
    else
        lki_web_answer(request, 200, CONTENT_TYPE, page.buf.data, page.buf.len);
    lki_buf_release(&page.buf);
}
