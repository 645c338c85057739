/* What probes have read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/api_inner.h"

#define NAME_MAX_BYTES 512
#define COUNT_DEFAULT 20

struct query {
    const char *name; /* NULL: all */
    int64_t count;
    bool events;
};

/* ---- a reading ---- */

static void put_value(const struct lki_api *api, struct lki_put *put, const char *key,
                      const struct lki_reading *reading)
{
    const struct lk_value *value = &reading->value;
    enum lk_value_kind kind = reading->failed ? LK_VALUE_NULL : value->kind;

    if (kind == LK_VALUE_BOOL)
        lki_put_bool(put, key, value->as.truth);
    else if (kind == LK_VALUE_INT)
        lki_put_int(put, key, value->as.integer);
    else if (kind == LK_VALUE_UINT)
        lki_put_uint(put, key, value->as.natural);
    else if (kind == LK_VALUE_DOUBLE)
        lki_put_number(put, key, value->as.number);
    else if (kind == LK_VALUE_STRING)
        lki_api_put_shown(api, put, key, value->as.string);
    else
        lki_put_null(put, key);
}

static void put_reading(const struct lki_api *api, struct lki_put *put,
                        const struct lki_reading *reading)
{
    lki_put_int(put, "ts_ms", lki_api_wall_ms(api, reading->t_ns));
    lki_put_bool(put, "status", !reading->failed);
    put_value(api, put, "value", reading);
    lki_put_ms(put, "time", reading->took_ns);
    lki_put_text(put, "error_type", reading->failed ? "ProbeError" : NULL);
    lki_api_put_shown(api, put, "error_message", reading->failed ? reading->message : NULL);
}

/* ---- a probe ---- */

const struct lki_reading *lki_api_latest(const struct lki_probe_log *log)
{
    return log->recent_len ? &log->recent[log->recent_len - 1] : NULL;
}

static void put_aggregate(const struct lki_api *api, struct lki_put *put,
                          const struct lki_history_probe *probe, const struct lki_reading *latest)
{
    lki_put_open(put, "aggregate", '{');
    lki_put_uint(put, "window_s", LKI_HISTORY_WINDOW_S);
    lki_put_uint(put, "successes", probe->window_successes);
    lki_put_uint(put, "errors", probe->window_errors);
    if (latest) {
        lki_put_int(put, "last_ts_ms", lki_api_wall_ms(api, latest->t_ns));
        lki_put_bool(put, "last_status", !latest->failed);
        put_value(api, put, "last_value", latest);
    } else {
        lki_put_null(put, "last_ts_ms");
        lki_put_null(put, "last_status");
        lki_put_null(put, "last_value");
    }
    lki_put_close(put, '}');
}

/* Readings are numbered from the first of the run on. */
static void put_event_id(struct lki_put *put, const char *key, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu-0", (unsigned long long)number);
    lki_put_text(put, key, number ? text : NULL);
}

static void put_event(struct lki_api *api, struct lki_put *put, const struct lki_probe_log *log,
                      const char *name, size_t at)
{
    const struct lki_reading *reading = &log->recent[at];

    lki_put_open(put, NULL, '{');
    put_event_id(put, "event_id", log->count - log->recent_len + at + 1);
    lki_put_open(put, "data", '{');
    lki_put_text(put, "name", name);
    lki_put_text(put, "worker_id", lki_api_worker_name(api, reading->worker));
    put_reading(api, put, reading);
    lki_put_close(put, '}');
    lki_put_close(put, '}');
}

static void put_events(struct lki_api *api, struct lki_put *put, const struct lki_probe_log *log,
                       const char *name, int64_t count)
{
    size_t first = log->recent_len > (size_t)count ? log->recent_len - (size_t)count : 0;

    lki_put_open(put, "events", '[');
    for (size_t i = first; i < log->recent_len; i++)
        put_event(api, put, log, name, i);
    lki_put_close(put, ']');
}

static void put_probe(struct lki_api *api, struct lki_put *put, const char *name,
                      const struct lki_history_probe *probe, const struct query *query)
{
    const struct lki_reading *latest = lki_api_latest(probe->log);

    lki_put_open(put, NULL, '{');
    lki_put_text(put, "probe_name", name);
    put_event_id(put, "last_event_id", probe->log->count);
    put_aggregate(api, put, probe, latest);
    if (latest) {
        lki_put_open(put, "latest", '{');
        put_reading(api, put, latest);
        lki_put_close(put, '}');
    } else {
        lki_put_null(put, "latest");
    }
    if (query->events)
        put_events(api, put, probe->log, name, query->count);
    else
        lki_put_null(put, "events");
    lki_put_close(put, '}');
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
    const struct lk_probe_def *const *left = a;
    const struct lk_probe_def *const *right = b;

    return strcmp((*left)->def.name, (*right)->def.name);
}

/* One that no run has read yet has an empty log. */
static struct lki_history_probe probe_find(struct lki_api *api, const char *name,
                                           const struct lki_probe_log *none)
{
    const struct lki_history *history = lki_orchestrator_history(api->o);
    const struct lki_model *model = lki_orchestrator_model(api->o);
    struct lki_history_probe probe = {.log = none};
    size_t count = lki_history_probe_count(history);

    for (size_t i = 0; i < count && i < model->probe_count; i++) {
        if (!strcmp(model->probes[i]->def.name, name)) {
            lki_history_probe(history, i, &probe);
            break;
        }
    }
    if (!probe.log)
        probe.log = none;
    return probe;
}

static void put_named(struct lki_api *api, struct lki_put *put, const char *name,
                      const struct query *query)
{
    const struct lki_probe_log none = {.name = name};
    struct lki_history_probe probe = probe_find(api, name, &none);

    put_probe(api, put, name, &probe, query);
}

static void put_all(struct lki_api *api, struct lki_put *put, struct lki_arena *arena,
                    const struct query *query)
{
    const struct lki_model *model = lki_orchestrator_model(api->o);
    size_t bytes = model->probe_count * sizeof(*model->probes);
    const struct lk_probe_def **sorted = lki_arena_alloc(arena, bytes);

    if (!sorted || !bytes)
        return;
    memcpy(sorted, model->probes, bytes);
    qsort(sorted, model->probe_count, sizeof(*sorted), by_name);
    for (size_t i = 0; i < model->probe_count; i++)
        put_named(api, put, sorted[i]->def.name, query);
}

void lki_api_probes(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct lki_web_form form;
    struct query query;
    struct lki_put put;

    lki_web_form_query(&form, request);
    query.count = lki_web_form_int(&form, "count", 0, 1000, COUNT_DEFAULT);
    query.name = lki_web_form_text(&form, "probe_name", NAME_MAX_BYTES, NULL);
    query.events = lki_web_form_bool(&form, "include_events", true);
    if (!lki_web_form_end(&form))
        return;
    if (query.count > LKI_READINGS_RECENT)
        query.count = LKI_READINGS_RECENT;
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_open(&put, "lag", '{');
    lki_put_bool(&put, "detected", false);
    lki_put_raw(&put, "probes_with_backlog", "[]", 2);
    lki_put_close(&put, '}');
    lki_put_open(&put, "probes", '[');
    if (query.name)
        put_named(api, &put, query.name, &query);
    else
        put_all(api, &put, lki_web_arena(request), &query);
    lki_put_close(&put, ']');
    lki_put_int(&put, "count", query.count);
    lki_put_bool(&put, "include_events", query.events);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

void lki_api_probes_history(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    const struct lki_probe_log none = {.name = ""};
    struct lki_history_probe probe;
    struct lki_web_form form;
    struct lki_put put;
    const char *name;
    int64_t count;

    lki_web_form_query(&form, request);
    lki_web_form_need(&form, "probe_name");
    name = lki_web_form_text(&form, "probe_name", NAME_MAX_BYTES, "");
    count = lki_web_form_int(&form, "count", 0, 1000, LKI_READINGS_RECENT);
    if (!lki_web_form_end(&form))
        return;
    probe = probe_find(api, name, &none);
    if ((size_t)count > probe.log->recent_len)
        count = (int64_t)probe.log->recent_len;
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_text(&put, "probe_name", name);
    lki_put_int(&put, "count", count);
    put_event_id(&put, "last_event_id", probe.log->count);
    put_events(api, &put, probe.log, name, count);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}
