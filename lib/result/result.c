#include "result/result.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "result/fill.h"
#include "stats/code.h"

const char *lki_run_verdict_name(enum lki_run_verdict verdict)
{
    static const char *const names[] = {
        [LKI_RUN_VALID] = "valid",
        [LKI_RUN_GENERATOR_BOUND] = "generator-bound",
        [LKI_RUN_INCOMPLETE] = "incomplete",
    };

    return names[verdict];
}

static const char *remark(struct lki_result *result, const char *fmt, va_list args)
{
    char *text = lki_arena_vprintf(&result->arena, fmt, args);

    if (!text)
        return "out of memory for the reason";
    lki_text_one_line(text, strlen(text));
    lki_result_mask(result, text);
    return text;
}

void lki_result_doubt(struct lki_result *result, enum lki_run_verdict verdict, const char *fmt, ...)
{
    va_list args;

    if (verdict > result->verdict)
        result->verdict = verdict;
    if (result->reason_count == LKI_RESULT_REMARKS_MAX)
        return;
    va_start(args, fmt);
    result->reasons[result->reason_count++] = remark(result, fmt, args);
    va_end(args);
}

void lki_result_note(struct lki_result *result, const char *fmt, ...)
{
    va_list args;

    if (result->note_count == LKI_RESULT_REMARKS_MAX)
        return;
    va_start(args, fmt);
    result->notes[result->note_count++] = remark(result, fmt, args);
    va_end(args);
}

void lki_result_fail(struct lki_result *result, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    result->failure = remark(result, fmt, args);
    va_end(args);
}

void *lki_result_take(struct lki_result *result, size_t count, size_t bytes)
{
    void *block = lki_arena_alloc(&result->arena, count * bytes);

    return block ? memset(block, 0, count * bytes) : NULL;
}

const char *lki_result_keep(struct lki_result *result, const char *text)
{
    char *copy = lki_arena_copy(&result->arena, text ? text : "", text ? strlen(text) : 0);

    if (copy)
        lki_result_mask(result, copy);
    return copy;
}

/* The mean, rounded; in integers, which hold any value. */
static int64_t average(const struct lki_hist *hist)
{
    lki_ns_sum half = (lki_ns_sum)(hist->count / 2);

    if (!hist->count)
        return 0;
    return (int64_t)((hist->sum + (hist->sum < 0 ? -half : half)) / (lki_ns_sum)hist->count);
}

struct lki_summary lki_summarize(const struct lki_hist *hist)
{
    return (struct lki_summary){
        .count = hist->count,
        .avg_ns = average(hist),
        .min_ns = hist->min,
        .p50_ns = lki_hist_quantile(hist, 0.50),
        .p90_ns = lki_hist_quantile(hist, 0.90),
        .p95_ns = lki_hist_quantile(hist, 0.95),
        .p99_ns = lki_hist_quantile(hist, 0.99),
        .p99_9_ns = lki_hist_quantile(hist, 0.999),
        .max_ns = hist->max,
    };
}

/* A value that was lost already stays lost; that is told elsewhere. */
static enum lk_err hist_copy(struct lki_hist *copy, const struct lki_hist *hist)
{
    lki_hist_merge(copy, hist);
    return copy->lost > hist->lost ? LK_E_NOMEM : LK_OK;
}

enum lk_err lki_result_metric_fill(struct lki_result *result, struct lki_result_metric *metric,
                                   const struct lki_tally *tally, const struct lki_metrics *metrics)
{
    metric->count = tally->count;
    metric->errors = tally->errors;
    metric->fatal = tally->fatal;
    metric->cancelled = tally->cancelled;
    metric->bytes_sent = tally->bytes_sent;
    metric->bytes_received = tally->bytes_received;
    metric->latency = lki_summarize(&tally->latency);
    if (hist_copy(&metric->hist, &tally->latency))
        return LK_E_NOMEM;
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        metric->phases[p] = lki_summarize(&tally->phases[p]);
    metric->intended = lki_summarize(&tally->intended);
    return lki_result_codes_fill(result, metric, &tally->codes, metrics);
}

static enum lk_err metric_copy(struct lki_result *result, struct lki_result_metric *metric,
                               const struct lki_metric *from, const struct lki_metrics *metrics)
{
    metric->source = from->source;
    metric->id = lki_result_keep(result, from->id);
    metric->name = lki_result_keep(result, from->name);
    metric->step = lki_result_keep(result, from->step);
    metric->kind = lki_result_keep(result, from->kind);
    metric->stage = lki_result_keep(result, from->stage);
    if (!metric->id || !metric->name || !metric->step || !metric->kind || !metric->stage)
        return LK_E_NOMEM;
    return lki_result_metric_fill(result, metric, &from->total, metrics);
}

static enum lk_err metrics_copy(struct lki_result *result, const struct lki_metrics *metrics)
{
    size_t count = 0;
    enum lk_err err = LK_OK;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next)
        count++;
    result->metrics = lki_result_take(result, count, sizeof(*result->metrics));
    if (!result->metrics)
        return LK_E_NOMEM;
    for (const struct lki_metric *metric = metrics->first; metric && !err; metric = metric->next)
        err = metric_copy(result, &result->metrics[result->metric_count++], metric, metrics);
    return err;
}

/* Values of which only their number is known. */
static uint64_t lost_in(const struct lki_tally *tally)
{
    uint64_t lost = tally->codes.lost + tally->latency.lost + tally->intended.lost;

    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        lost += tally->phases[p].lost;
    return lost;
}

/* All metrics of a source taken together. */
static enum lk_err all_fill(struct lki_result *result, struct lki_result_metric *all,
                            const struct lki_metrics *metrics, enum lki_source source)
{
    struct lki_tally *sum = lki_zalloc(sizeof(*sum));
    uint64_t lost = 0;
    enum lk_err err;

    if (!sum)
        return LK_E_NOMEM;
    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        if (metric->source == source) {
            lki_tally_merge(sum, &metric->total);
            lost += lost_in(&metric->total);
        }
    }
    if (lost_in(sum) > lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE, "memory ran out while the result was made");
    *all = (struct lki_result_metric){.id = "",
                                      .name = "",
                                      .step = "",
                                      .kind = lki_source_name(source),
                                      .stage = "",
                                      .source = source};
    err = lki_result_metric_fill(result, all, sum, metrics);
    lki_tally_release(sum);
    free(sum);
    return err;
}

static int by_error_count(const void *a, const void *b)
{
    const struct lki_result_error *left = a;
    const struct lki_result_error *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (left->first_ns != right->first_ns)
        return left->first_ns < right->first_ns ? -1 : 1;
    return strcmp(left->message, right->message);
}

static enum lk_err errors_copy(struct lki_result *result, const struct lki_metrics *metrics)
{
    const struct lki_error_group *group;
    size_t count = 0;

    for (group = metrics->first_error; group; group = group->next)
        count++;
    result->errors = lki_result_take(result, count, sizeof(*result->errors));
    if (!result->errors)
        return LK_E_NOMEM;
    for (group = metrics->first_error; group; group = group->next) {
        struct lki_result_error *error = &result->errors[result->error_count++];

        *error = (struct lki_result_error){
            .source = group->source,
            .step = lki_result_keep(result, group->step),
            .code = lki_result_keep(result,
                                    group->code ? lki_metrics_code_name(metrics, group->code) : ""),
            .message = lki_result_keep(result, group->message),
            .count = group->count,
            .first_user = group->first_user,
            .first_ns = group->first_ns,
        };
        if (!error->step || !error->code || !error->message)
            return LK_E_NOMEM;
    }
    qsort(result->errors, count, sizeof(*result->errors), by_error_count);
    return LK_OK;
}

static enum lk_err series_copy(struct lki_result *result, const struct lki_series *series)
{
    size_t len = series ? series->len : 0;

    result->series = lki_result_take(result, len, sizeof(*result->series));
    if (!result->series)
        return LK_E_NOMEM;
    if (len)
        memcpy(result->series, series->rows, len * sizeof(*result->series));
    result->series_count = len;
    return LK_OK;
}

static void id_make(char *id, size_t size)
{
    uint64_t words[] = {lki_entropy_u64(), lki_entropy_u64()};

    snprintf(id, size, "%016" PRIx64 "%016" PRIx64, words[0], words[1]);
}

static enum lk_err settings_copy(struct lki_result *result,
                                 const struct lki_result_settings *settings)
{
    time_t started = (time_t)settings->started_at_s;
    struct tm utc;

    if (settings->id)
        snprintf(result->id, sizeof(result->id), "%s", settings->id);
    else
        id_make(result->id, sizeof(result->id));
    if (started && gmtime_r(&started, &utc))
        strftime(result->started_at, sizeof(result->started_at), "%Y-%m-%dT%H:%M:%SZ", &utc);
    result->seed = settings->seed;
    result->duration_ns = settings->duration_ns;
    result->users = settings->users;
    result->workers = settings->workers;
    result->program = lki_result_keep(result, settings->program);
    result->ended_by = lki_result_keep(result, settings->ended_by);
    result->command = lki_result_keep(result, settings->command);
    result->requests_lost = settings->requests_lost;
    result->seconds_lost = settings->seconds_lost;
    return result->program && result->ended_by && result->command ? LK_OK : LK_E_NOMEM;
}

static bool is_of_probe(const struct lki_result *result, const struct lki_result_metric *metric)
{
    for (size_t i = 0; i < result->probe_count; i++) {
        if (!strcmp(metric->step, result->probes[i].name))
            return true;
    }
    return false;
}

struct lki_result_requests lki_result_requests(const struct lki_result *result)
{
    struct lki_result_requests load = {0};

    for (size_t i = 0; i < result->metric_count; i++) {
        const struct lki_result_metric *metric = &result->metrics[i];

        if (metric->source != LKI_SOURCE_HTTP || is_of_probe(result, metric))
            continue;
        load.requests += metric->count;
        load.errors += metric->errors;
        for (size_t k = 0; k < metric->code_count; k++) {
            if (lki_code_is_response(metric->codes[k].code))
                load.responses += metric->codes[k].count;
        }
    }
    return load;
}

/* What the recording itself could not keep. */
static void judge_recording(struct lki_result *result, const struct lki_metrics *metrics,
                            const struct lki_series *series)
{
    uint64_t lost = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next)
        lost += lost_in(&metric->total);
    if (lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "memory ran out: %" PRIu64 " values are missing from percentiles or codes",
                         lost);
    if (metrics->overflowed && metrics->count < metrics->max)
        lki_result_note(result, "memory ran out: the samples of some metrics are under %s",
                        LKI_METRIC_OVERFLOW_NAME);
    else if (metrics->overflowed)
        lki_result_note(result,
                        "more than %zu names of metrics: the samples of all others are under %s",
                        metrics->count, LKI_METRIC_OVERFLOW_NAME);
    if (metrics->codes.overflowed && metrics->codes.count < LKI_CODEBOOK_MAX)
        lki_result_note(result, "memory ran out: some codes of samples are counted as OTHER");
    else if (metrics->codes.overflowed)
        lki_result_note(result, "more than %d codes of samples: all others are counted as OTHER",
                        LKI_CODEBOOK_MAX);
    if (series && series->joined)
        lki_result_note(result, "%" PRIu64 " seconds have no row of their own in the series",
                        series->joined);
    if (series && series->partial)
        lki_result_note(result,
                        "%" PRIu64
                        " second%s of the series %s in percentiles: a worker reported too late, or "
                        "memory ran out",
                        series->partial, series->partial == 1 ? "" : "s",
                        series->partial == 1 ? "lacks values" : "lack values");
}

enum lk_err lki_result_init(struct lki_result *result, const struct lki_result_settings *settings,
                            struct lki_metrics *metrics, const struct lki_series *series)
{
    enum lk_err err;

    *result = (struct lki_result){0};
    lki_arena_init(&result->arena, NULL, 0);
    lki_metrics_fold(metrics);
    result->totals = *metrics->totals;
    err = lki_result_secrets_fill(result, settings->model);
    if (!err)
        err = settings_copy(result, settings);
    if (!err)
        err = metrics_copy(result, metrics);
    if (!err)
        err = all_fill(result, &result->all_steps, metrics, LKI_SOURCE_STEP);
    if (!err)
        err = all_fill(result, &result->all_http, metrics, LKI_SOURCE_HTTP);
    if (!err)
        err = lki_result_types_fill(result, settings->model, metrics);
    if (!err)
        err = lki_result_examples_fill(result, metrics);
    if (!err)
        err = errors_copy(result, metrics);
    if (!err)
        err = series_copy(result, series);
    if (!err)
        err = lki_result_author_fill(result, settings, &metrics->customs);
    if (!err)
        err = lki_result_fleet_fill(result, settings);
    if (err) {
        lki_result_release(result);
        return err;
    }
    judge_recording(result, metrics, series);
    return LK_OK;
}

void lki_result_release(struct lki_result *result)
{
    for (size_t i = 0; i < result->metric_count; i++)
        lki_hist_release(&result->metrics[i].hist);
    for (size_t i = 0; i < result->type_count; i++)
        lki_hist_release(&result->types[i].hist);
    lki_hist_release(&result->all_steps.hist);
    lki_hist_release(&result->all_http.hist);
    lki_arena_reset(&result->arena);
    *result = (struct lki_result){0};
}

bool lki_result_error_is_missed(const struct lki_result_error *error)
{
    return error->source == LKI_SOURCE_LIFECYCLE &&
           (!strcmp(error->code, lki_code_name(LKI_CODE_LIFECYCLE_WAITED)) ||
            !strcmp(error->code, lki_code_name(LKI_CODE_LIFECYCLE_UNBEGUN)));
}

uint64_t lki_result_missed(const struct lki_result *result)
{
    uint64_t users = 0;

    for (size_t i = 0; i < result->error_count; i++)
        users += lki_result_error_is_missed(&result->errors[i]) ? result->errors[i].count : 0;
    return users;
}

static bool crashed_in_step(const struct lki_result *result)
{
    for (size_t i = 0; i < result->crash_count; i++) {
        if (*result->crashes[i].step)
            return true;
    }
    return false;
}

const char *lki_result_failure(const struct lki_result *result)
{
    const struct lki_result_requests load = lki_result_requests(result);

    if (result->failure)
        return result->failure;
    if (crashed_in_step(result))
        return "the scenario crashed";
    if (result->crash_count)
        return result->crashes[0].silent_ns  ? "a worker was out of reach"
               : result->crashes[0].orphaned ? "a worker had lost the orchestrator"
               : result->crashes[0].worker   ? "a worker died"
                                             : "the event loop ended early";
    if (result->verdict == LKI_RUN_INCOMPLETE)
        return "data was lost";
    if (!result->totals.iterations && !result->totals.steps)
        return "no step ran";
    if (load.requests && !load.responses)
        return "no request got a response";
    return NULL;
}

int lki_result_exit_status(const struct lki_result *result)
{
    return lki_result_failure(result) ? LKI_EXIT_FAILED : LKI_EXIT_PASSED;
}
