/* What is known of failures: kinds of them, and kept examples. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "stats/example.h"
#include "web/api_inner.h"

/* ---- examples of one metric ---- */

static bool is_of(const struct lki_error_group *group, const struct lki_metric *metric)
{
    if (group->source != metric->source)
        return false;
    if (metric->source == LKI_SOURCE_STEP || metric->source == LKI_SOURCE_LIFECYCLE)
        return !strcmp(group->step, *metric->step ? metric->step : metric->name);
    return false;
}

static void put_event_head(struct lki_api *api, struct lki_put *put,
                           const struct lki_metric *metric, uint64_t number)
{
    char id[32];

    snprintf(id, sizeof(id), "%llu-0", (unsigned long long)number);
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "event_id", id);
    lki_put_open(put, "data", '{');
    lki_api_put_shown(api, put, "name", metric->name);
    lki_put_text(put, "step", *metric->step ? metric->step : metric->name);
    lki_put_text(put, "source", metric->kind);
    lki_put_text(put, "stage", *metric->stage ? metric->stage : "execute");
}

static void put_event_code(struct lki_put *put, const struct lki_metrics *metrics, lki_code code)
{
    lki_put_text(put, "result_code", lki_metrics_code_name(metrics, code));
    lki_put_text(put, "result_category", lki_metrics_code_category(metrics, code));
    lki_put_text(put, "error_type", lki_metrics_code_name(metrics, code));
}

/* Whose it was, and when; at_ns: its end, since the start of the run. */
static void put_event_of(struct lki_api *api, struct lki_put *put, uint64_t user, uint64_t worker,
                         int64_t at_ns, int64_t took_ns)
{
    const char *name = lki_api_worker_name(api, worker);
    char id[24];

    snprintf(id, sizeof(id), "%llu", (unsigned long long)user);
    lki_put_int(put, "ts_ms", lki_api_wall_ms(api, at_ns));
    lki_put_text(put, "user_id", id);
    lki_put_text(put, "worker_id", *name ? name : NULL);
    lki_put_ms(put, "time", took_ns);
}

static void put_event_end(struct lki_put *put)
{
    lki_put_close(put, '}');
    lki_put_close(put, '}');
}

static void put_group_event(struct lki_api *api, struct lki_put *put,
                            const struct lki_metric *metric, const struct lki_error_group *group,
                            uint64_t number)
{
    const struct lki_metrics *metrics = lki_history_metrics(lki_orchestrator_history(api->o));

    put_event_head(api, put, metric, number);
    lki_put_bool(put, "status", false);
    put_event_code(put, metrics, group->code);
    lki_put_bool(put, "fatal", metric->source == LKI_SOURCE_LIFECYCLE);
    put_event_of(api, put, group->first_user, group->first_worker, group->first_ns,
                 group->first_took_ns);
    lki_api_put_shown(api, put, "error_message", group->message);
    lki_put_uint(put, "count", group->count);
    put_event_end(put);
}

static bool is_good(const struct lki_metrics *metrics, lki_code code)
{
    return !strcmp(lki_metrics_code_category(metrics, code), "ok");
}

static void put_example_event(struct lki_api *api, struct lki_put *put,
                              const struct lki_metric *metric, const struct lki_example *example,
                              uint64_t number)
{
    const struct lki_metrics *metrics = lki_history_metrics(lki_orchestrator_history(api->o));

    put_event_head(api, put, metric, number);
    lki_put_bool(put, "status", is_good(metrics, example->code));
    put_event_code(put, metrics, example->code);
    lki_put_bool(put, "fatal", false);
    put_event_of(api, put, example->user, example->worker, example->at_ns, example->took_ns);
    lki_api_put_shown(api, put, "error_message", example->answer);
    lki_api_put_shown(api, put, "request", example->request);
    lki_api_put_shown(api, put, "body", example->body);
    put_event_end(put);
}

static uint64_t events_of(const struct lki_metrics *metrics, const struct lki_metric *metric)
{
    uint64_t count = 0;

    for (const struct lki_example *example = metric->examples; example; example = example->next)
        count += !is_good(metrics, example->code);
    for (const struct lki_error_group *group = metrics->first_error; group; group = group->next)
        count += is_of(group, metric);
    return count;
}

uint64_t lki_api_put_events(struct lki_api *api, struct lki_put *put, const char *key,
                            const struct lki_metric *metric, int64_t count)
{
    const struct lki_metrics *metrics = lki_history_metrics(lki_orchestrator_history(api->o));
    uint64_t all = metrics ? events_of(metrics, metric) : 0;
    uint64_t skipped = all > (uint64_t)count ? all - (uint64_t)count : 0;
    uint64_t number = 0;

    lki_put_open(put, key, '[');
    for (const struct lki_example *example = metric->examples; all && example;
         example = example->next) {
        if (!is_good(metrics, example->code) && ++number > skipped)
            put_example_event(api, put, metric, example, number);
    }
    for (const struct lki_error_group *group = metrics ? metrics->first_error : NULL; group;
         group = group->next) {
        if (is_of(group, metric) && ++number > skipped)
            put_group_event(api, put, metric, group, number);
    }
    lki_put_close(put, ']');
    return all;
}

/* ---- all kinds of them ---- */

/* A group of failures, or a status of a request, which is in no group: it came with an answer. */
struct kind {
    uint64_t count;
    const struct lki_error_group *group; /* NULL: a status */
    const struct lki_metric *metric;
    const struct lki_example *example; /* its first */
};

static size_t groups_fill(struct kind *kinds, const struct lki_metrics *metrics)
{
    size_t count = 0;

    for (const struct lki_error_group *group = metrics->first_error; group; group = group->next) {
        kinds[count] = (struct kind){.count = group->count, .group = group};
        count++;
    }
    return count;
}

/* A metric without errors is one whose author has expected these statuses. */
static size_t statuses_fill(struct kind *kinds, const struct lki_metrics *metrics)
{
    size_t count = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        const struct lki_tally *total = &metric->total;

        for (const struct lki_example *example = total->errors ? metric->examples : NULL; example;
             example = example->next) {
            if (!lki_code_is_response(example->code) || example->code < 400)
                continue;
            kinds[count] = (struct kind){.count = lki_codes_get(&total->codes, example->code),
                                         .metric = metric,
                                         .example = example};
            count++;
        }
    }
    return count;
}

static int64_t first_ns(const struct kind *kind)
{
    return kind->group ? kind->group->first_ns : kind->example->at_ns;
}

/* The most frequent first; a status before the step that failed of it. */
static int by_count(const void *a, const void *b)
{
    const struct kind *left = a;
    const struct kind *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (!left->group != !right->group)
        return left->group ? 1 : -1;
    return first_ns(left) < first_ns(right) ? -1 : first_ns(left) > first_ns(right);
}

static void put_what(const struct lki_api *api, struct lki_put *put, enum lki_source source,
                     const char *step, const char *code, const char *message)
{
    lki_put_text(put, "source", lki_source_name(source));
    lki_put_text(put, "step", step);
    lki_put_text(put, "code", code);
    lki_api_put_shown(api, put, "message", message);
}

static void put_kind(const struct lki_api *api, struct lki_put *put,
                     const struct lki_metrics *metrics, const struct kind *kind)
{
    const struct lki_error_group *group = kind->group;
    const struct lki_metric *metric = kind->metric;

    lki_put_open(put, NULL, '{');
    if (group)
        put_what(api, put, group->source, group->step,
                 group->code ? lki_metrics_code_name(metrics, group->code) : NULL, group->message);
    else
        put_what(api, put, metric->source, metric->step, lki_code_name(kind->example->code),
                 metric->name);
    lki_put_uint(put, "count", kind->count);
    lki_put_uint(put, "first_user", group ? group->first_user : kind->example->user);
    lki_put_seconds(put, "first_s", first_ns(kind));
    lki_put_close(put, '}');
}

static void put_kinds(const struct lki_api *api, struct lki_put *put, struct lki_arena *arena,
                      const struct lki_metrics *metrics)
{
    /* one more: the group of all others */
    size_t max = metrics->error_count + 1 + metrics->example_count;
    struct kind *kinds = lki_arena_alloc(arena, max * sizeof(*kinds));
    size_t count;

    if (!kinds) {
        put->buf.err = LK_E_NOMEM;
        return;
    }
    count = groups_fill(kinds, metrics);
    count += statuses_fill(kinds + count, metrics);
    qsort(kinds, count, sizeof(*kinds), by_count);
    for (size_t i = 0; i < count; i++)
        put_kind(api, put, metrics, &kinds[i]);
}

static void put_example(const struct lki_api *api, struct lki_put *put,
                        const struct lki_metrics *metrics, const char *metric_id,
                        const struct lki_example *example)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "metric_id", metric_id);
    lki_put_text(put, "code", lki_metrics_code_name(metrics, example->code));
    lki_api_put_shown(api, put, "request", example->request);
    lki_api_put_shown(api, put, "answer", example->answer);
    lki_api_put_shown(api, put, "body", example->body);
    lki_put_close(put, '}');
}

static void put_examples(const struct lki_api *api, struct lki_put *put, struct lki_arena *arena,
                         const struct lki_metrics *metrics)
{
    size_t count = lki_history_metric_count(lki_orchestrator_history(api->o));
    const struct lki_api_name *names = lki_api_names(api, arena);

    if (!names)
        put->buf.err = LK_E_NOMEM;
    for (size_t i = 0; names && i < count; i++) {
        for (const struct lki_example *example = names[i].metric->examples; example;
             example = example->next) {
            if (!is_good(metrics, example->code))
                put_example(api, put, metrics, names[i].id, example);
        }
    }
}

void lki_api_errors(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    const struct lki_metrics *metrics = lki_history_metrics(lki_orchestrator_history(api->o));
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_open(&put, "errors", '[');
    if (metrics)
        put_kinds(api, &put, lki_web_arena(request), metrics);
    lki_put_close(&put, ']');
    lki_put_open(&put, "examples", '[');
    if (metrics)
        put_examples(api, &put, lki_web_arena(request), metrics);
    lki_put_close(&put, ']');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}
