/* The run second by second. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "web/api_inner.h"

/* Values in one answer: beyond them the oldest seconds are left out. */
#define VALUES_MAX 250000

/* ---- GET /metrics/history */

struct range {
    const char *name;
    double from_ts; /* NAN: not asked for */
};

static bool range_read(struct range *range, struct lki_web_form *form)
{
    static const struct {
        const char *name;
        double seconds;
    } ranges[] = {{"5m", 300}, {"15m", 900}, {"30m", 1800}, {"all", INFINITY}};
    double from = lki_web_form_number(form, "from_ts", 0, 1e12, -1);

    range->name = lki_web_form_text(form, "range", 16, "all");
    range->from_ts = NAN;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (strcmp(range->name, ranges[i].name) != 0)
            continue;
        range->from_ts = from >= 0 ? from : lki_wall_s() - ranges[i].seconds;
        return true;
    }
    lki_web_form_fault(form, "range", "value_error", "must be one of 5m, 15m, 30m, all");
    return false;
}

static void put_at(struct lki_put *put, const char *id, const struct lki_aggregate *aggregate)
{
    double span_s = aggregate->span_s > 0.001 ? aggregate->span_s : 1;

    lki_put_open(put, id, '{');
    lki_put_measured(put, "rps", (double)aggregate->requests / span_s);
    lki_put_measured(put, "latency_avg_ms", aggregate->avg_ms);
    lki_put_measured(put, "latency_median_ms", aggregate->median_ms);
    lki_put_measured(put, "latency_p95_ms", aggregate->p95_ms);
    lki_put_measured(put, "latency_p99_ms", aggregate->p99_ms);
    lki_put_uint(put, "errors", aggregate->errors);
    lki_put_close(put, '}');
}

static void put_point(const struct lki_history *history, struct lki_put *put, size_t at,
                      const struct lki_api_name *names)
{
    const struct lki_history_point *point = lki_history_point(history, at);
    size_t count = lki_history_metric_count(history);
    struct lki_aggregate aggregate;

    lki_put_open(put, NULL, '{');
    lki_put_int(put, "ts", (int64_t)point->ts);
    lki_put_uint(put, "users", point->users);
    lki_put_open(put, "metrics", '{');
    for (size_t i = 0; i < count; i++) {
        if (lki_history_at(history, at, i, &aggregate))
            put_at(put, names[i].id, &aggregate);
    }
    lki_put_close(put, '}');
    lki_put_close(put, '}');
}

/* Where to begin: not earlier than asked for, and not with more than an answer can hold. */
static size_t first_point(const struct lki_history *history, double from_ts)
{
    size_t len = lki_history_len(history);
    size_t first = isinf(from_ts) ? 0 : lki_history_find(history, from_ts);
    size_t most = VALUES_MAX / (lki_history_metric_count(history) + 1) + 1;

    return len > most && first < len - most ? len - most : first;
}

void lki_api_metrics_history(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    const struct lki_history *history = lki_orchestrator_history(api->o);
    size_t len = lki_history_len(history);
    double began_s = lki_wall_s();
    const struct lki_api_name *names;
    struct lki_web_form form;
    struct range range;
    struct lki_put put;
    size_t first;

    lki_web_form_query(&form, request);
    range_read(&range, &form);
    if (!lki_web_form_end(&form))
        return;
    names = lki_api_names(api, lki_web_arena(request));
    first = names ? first_point(history, range.from_ts) : len;
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    if (!names)
        put.buf.err = LK_E_NOMEM;
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)began_s);
    lki_put_text(&put, "range", range.name);
    lki_put_number(&put, "from_ts", range.from_ts);
    lki_put_uint(&put, "count", len - first);
    lki_put_open(&put, "points", '[');
    for (size_t i = first; i < len; i++)
        put_point(history, &put, i, names);
    lki_put_close(&put, ']');
    lki_put_measured(&put, "duration_ms", (lki_wall_s() - began_s) * 1e3);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- GET /series: all metrics of a second together */

static void add_up(const struct lki_history *history, size_t at, struct lki_history_sums *sums)
{
    size_t count = lki_history_metric_count(history);
    struct lki_aggregate aggregate;

    for (size_t i = 0; i < count; i++) {
        enum lki_source source = lki_history_metric(history, i)->source;

        if ((source != LKI_SOURCE_STEP && source != LKI_SOURCE_HTTP) ||
            !lki_history_at(history, at, i, &aggregate))
            continue;
        *(source == LKI_SOURCE_STEP ? &sums->steps : &sums->requests) += aggregate.requests;
        *(source == LKI_SOURCE_STEP ? &sums->step_errors : &sums->errors) += aggregate.errors;
    }
}

static void put_row(const struct lki_history *history, struct lki_put *put, size_t at)
{
    const struct lki_history_point *point = lki_history_point(history, at);
    struct lki_history_sums sums = point->before;

    add_up(history, at, &sums);
    lki_put_open(put, NULL, '{');
    lki_put_measured(put, "t", point->ts - lki_history_point(history, 0)->ts);
    lki_put_measured(put, "span_s", point->span_s);
    lki_put_uint(put, "users", point->users);
    lki_put_uint(put, "requests", sums.requests);
    lki_put_uint(put, "errors", sums.errors);
    lki_put_uint(put, "steps", sums.steps);
    lki_put_uint(put, "step_errors", sums.step_errors);
    lki_put_close(put, '}');
}

void lki_api_series(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    const struct lki_history *history = lki_orchestrator_history(api->o);
    size_t len = lki_history_len(history);
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_text(&put, "run_id", lki_orchestrator_run_id(api->o));
    lki_put_open(&put, "series", '[');
    for (size_t i = first_point(history, -INFINITY); i < len; i++)
        put_row(history, &put, i);
    lki_put_close(&put, ']');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}
