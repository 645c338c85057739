/* What authors registered besides steps, metrics and probes, and arrivals. */
#include <string.h>

#include "base/clock.h"
#include "result/fill.h"

static enum lk_err custom_fill(struct lki_result *result, const struct lki_custom *from)
{
    struct lki_result_custom *custom = &result->customs[result->custom_count++];
    const struct lki_custom_tally *total = &from->total;

    *custom = (struct lki_result_custom){
        .name = lki_result_keep(result, from->name),
        .unit = lki_result_keep(result, from->unit),
        .type = from->type,
        .count = total->count,
        .hits = total->hits,
        .sum = total->sum,
        .per_s = result->duration_ns > 0
                     ? total->sum / ((double)result->duration_ns / (double)LKI_NS_PER_S)
                     : 0,
        .avg = total->count ? total->sum / (double)total->count : 0,
        .min = total->min,
        .max = total->max,
        .last = total->last,
        .p50 = lki_custom_quantile(from, 0.50),
        .p90 = lki_custom_quantile(from, 0.90),
        .p95 = lki_custom_quantile(from, 0.95),
        .p99 = lki_custom_quantile(from, 0.99),
        .p99_9 = lki_custom_quantile(from, 0.999),
    };
    if (total->values.lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "memory ran out: values are missing from the percentiles of %s",
                         from->name);
    return custom->name && custom->unit ? LK_OK : LK_E_NOMEM;
}

static enum lk_err customs_fill(struct lki_result *result, const struct lki_customs *customs)
{
    enum lk_err err = LK_OK;

    result->customs = lki_result_take(result, customs->count, sizeof(*result->customs));
    if (!result->customs)
        return LK_E_NOMEM;
    for (size_t i = 0; i < customs->count && !err; i++)
        err = custom_fill(result, &customs->all[i]);
    return err;
}

/* A text moves to the result. */
static enum lk_err value_keep(struct lki_result *result, struct lk_value *value)
{
    if (value->kind != LK_VALUE_STRING || !value->as.string)
        return LK_OK;
    value->as.string = lki_result_keep(result, value->as.string);
    return value->as.string ? LK_OK : LK_E_NOMEM;
}

static enum lk_err probe_fill(struct lki_result *result, const struct lki_probe_log *log)
{
    struct lki_result_probe *probe = &result->probes[result->probe_count++];
    enum lk_err err;

    *probe = (struct lki_result_probe){
        .name = lki_result_keep(result, log->name),
        .count = log->count,
        .errors = log->errors,
        .numbers = log->numbers,
        .avg = log->numbers ? log->sum / (double)log->numbers : 0,
        .min = log->min,
        .max = log->max,
        .last = log->last.value,
        .readings = lki_result_take(result, log->len, sizeof(*probe->readings)),
        .reading_count = log->len,
    };
    if (!probe->name || !probe->readings)
        return LK_E_NOMEM;
    if (log->lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "memory ran out: readings of the probe %s are missing", log->name);
    err = value_keep(result, &probe->last);
    for (size_t i = 0; i < log->len && !err; i++) {
        probe->readings[i] = log->readings[i];
        err = value_keep(result, &probe->readings[i].value);
    }
    return err;
}

static enum lk_err probes_fill(struct lki_result *result,
                               const struct lki_result_settings *settings)
{
    enum lk_err err = LK_OK;

    result->probes = lki_result_take(result, settings->probe_count, sizeof(*result->probes));
    if (!result->probes)
        return LK_E_NOMEM;
    for (size_t i = 0; i < settings->probe_count && !err; i++)
        err = probe_fill(result, &settings->probes[i]);
    return err;
}

static void arrivals_fill(struct lki_result *result, const struct lki_arrival_log *log)
{
    if (!log)
        return;
    result->arrivals = (struct lki_result_arrivals){
        .rate_per_s = log->rate_per_s,
        .intended = log->intended,
        .started = log->started,
        .dropped = log->dropped,
        .late = log->late,
        .lateness = lki_summarize(&log->lateness),
    };
    if (log->lateness.lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "memory ran out: values are missing from the lateness of arrivals");
}

enum lk_err lki_result_author_fill(struct lki_result *result,
                                   const struct lki_result_settings *settings,
                                   const struct lki_customs *customs)
{
    enum lk_err err = customs_fill(result, customs);

    if (!err)
        err = probes_fill(result, settings);
    arrivals_fill(result, settings->arrivals);
    return err;
}
