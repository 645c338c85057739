/* How the run in hand stands, or the last one stood; and its result. */
#include <string.h>

#include "base/json_walk.h"
#include "base/mem.h"
#include "web/api_inner.h"

struct status {
    struct lki_api *api;
    const struct lki_core *core;  /* NULL: no run is on */
    const struct lki_buf *result; /* of the last run; NULL: none */
    struct lki_core_status now;   /* of the core */
};

/* A member of the result; false: it has none. */
static bool result_find(const struct status *status, const char *path, struct lki_json_value *value)
{
    return status->result && !lki_json_find(status->result->data, status->result->len, path, value);
}

static void put_result(const struct status *status, struct lki_put *put, const char *key,
                       const char *path)
{
    struct lki_json_value value;

    if (result_find(status, path, &value))
        lki_put_raw(put, key, value.raw, value.len);
    else
        lki_put_null(put, key);
}

/* ---- the parts ---- */

static const char *phase_of(const struct status *status)
{
    if (status->now.setting_up)
        return "setting up";
    return status->now.tearing_down ? "tearing down" : NULL;
}

static void put_head(const struct status *status, struct lki_put *put)
{
    const struct lki_orchestrator *o = status->api->o;

    lki_put_text(put, "state", lki_orchestrator_state(o));
    lki_put_text(put, "phase", phase_of(status));
    lki_put_uint(put, "epoch", lki_orchestrator_epoch(o));
    lki_put_text(put, "run_id", lki_orchestrator_run_id(o));
    lki_put_text(put, "program", status->api->program);
}

static void put_time(const struct status *status, struct lki_put *put)
{
    const struct lki_plan *plan = lki_orchestrator_plan(status->api->o);
    struct lki_json_value value;

    if (status->core)
        lki_put_seconds(put, "elapsed_s", status->now.elapsed_ns);
    else if (result_find(status, "run.duration_s", &value))
        lki_put_raw(put, "elapsed_s", value.raw, value.len);
    else
        lki_put_uint(put, "elapsed_s", 0);
    if (status->now.total_ns > 0 && status->now.total_ns != LKI_NEVER)
        lki_put_seconds(put, "total_s", status->now.total_ns);
    else
        lki_put_null(put, "total_s");
    if (plan && plan->iterations)
        lki_put_uint(put, "iterations_total", plan->iterations);
    else
        lki_put_null(put, "iterations_total");
}

/* Who ended as an orphan has not crashed. */
static bool is_crash(const struct lki_json_value *element)
{
    struct lki_json_value value;
    bool orphaned = false;

    return lki_json_find(element->raw, element->len, "orphaned", &value) ||
           lki_json_bool(&value, &orphaned) || !orphaned;
}

static void put_crashes(const struct status *status, struct lki_put *put)
{
    uint64_t count = status->now.crashes;
    struct lki_json_value value;
    struct lki_json_walk walk;

    if (!status->core && result_find(status, "crashes", &value) && value.kind == LKI_JSON_ARRAY) {
        walk = lki_json_walk(&value);
        count = 0;
        while (lki_json_walk_element(&walk, &value))
            count += is_crash(&value);
    }
    lki_put_uint(put, "crashes", count);
}

/* Processes of the run; without one, those that there are. */
static void put_workers(const struct status *status, struct lki_put *put)
{
    const struct lki_core_status *now = &status->now;
    struct lki_worker_view view;
    uint64_t alive = 0;
    uint64_t leaving = 0;
    size_t count = lki_orchestrator_worker_count(status->api->o);

    for (size_t i = 0; i < count; i++) {
        lki_orchestrator_worker(status->api->o, i, &view);
        alive += view.healthy;
        leaving += view.leaving;
    }
    lki_put_uint(put, "users", now->users);
    lki_put_uint(put, "users_wanted", now->users_wanted);
    lki_put_number(put, "rate_per_s", now->rate_wanted);
    lki_put_uint(put, "workers", status->core ? now->workers : count - leaving);
    lki_put_uint(put, "workers_alive", status->core ? now->workers_alive : alive);
    put_crashes(status, put);
}

static void put_totals(const struct status *status, struct lki_put *put)
{
    const struct lki_totals *totals = &status->now.totals;
    struct lki_json_value value;

    if (!status->core && result_find(status, "totals", &value)) {
        lki_put_raw(put, "totals", value.raw, value.len);
        return;
    }
    lki_put_open(put, "totals", '{');
    lki_put_uint(put, "iterations", totals->iterations);
    lki_put_uint(put, "steps", totals->steps);
    lki_put_uint(put, "step_errors", totals->step_errors);
    lki_put_uint(put, "http_requests", totals->http_requests);
    lki_put_uint(put, "http_errors", totals->http_errors);
    lki_put_uint(put, "http_unsent", totals->http_unsent);
    lki_put_uint(put, "http_retries", totals->http_retries);
    lki_put_uint(put, "bytes_sent", totals->bytes_sent);
    lki_put_uint(put, "bytes_received", totals->bytes_received);
    lki_put_uint(put, "hook_errors", status->now.hook_errors);
    lki_put_close(put, '}');
}

static double per_s(uint64_t count, int64_t span_ns)
{
    return span_ns > 0 ? (double)count * 1e9 / (double)span_ns : 0;
}

static void put_percentile(struct lki_put *put, const char *key, int64_t ns)
{
    if (ns > 0)
        lki_put_ms(put, key, ns);
    else
        lki_put_null(put, key);
}

/* Failures are those of requests, or, where there are none, of steps. */
static void put_last(const struct status *status, struct lki_put *put)
{
    const struct lki_series_row *row = &status->now.last;

    lki_put_open(put, "last", '{');
    lki_put_measured(put, "requests_per_s", per_s(row->requests, row->span_ns));
    lki_put_measured(put, "steps_per_s", per_s(row->steps, row->span_ns));
    lki_put_uint(put, "failures", row->requests ? row->errors : row->step_errors);
    put_percentile(put, "p50_ms", row->p50_ns);
    put_percentile(put, "p95_ms", row->p95_ns);
    put_percentile(put, "p99_ms", row->p99_ns);
    lki_put_close(put, '}');
}

static void put_arrivals(const struct status *status, struct lki_put *put)
{
    const struct lki_core_status *now = &status->now;
    const struct lki_plan *plan = lki_orchestrator_plan(status->api->o);
    const struct {
        const char *key, *path;
        uint64_t count;
    } counts[] = {{"started", "arrivals.started", now->started},
                  {"late", "arrivals.late", now->late},
                  {"dropped", "arrivals.dropped", now->dropped}};
    struct lki_json_value value;
    bool over = !status->core && result_find(status, "arrivals.started", &value);

    if (!over && !(plan && plan->rated)) {
        lki_put_null(put, "arrivals");
        return;
    }
    lki_put_open(put, "arrivals", '{');
    for (size_t i = 0; i < LKI_COUNT(counts); i++) {
        if (over)
            put_result(status, put, counts[i].key, counts[i].path);
        else
            lki_put_uint(put, counts[i].key, counts[i].count);
    }
    lki_put_close(put, '}');
}

static void put_generator(const struct status *status, struct lki_put *put)
{
    const struct lki_core_status *now = &status->now;

    lki_put_open(put, "generator", '{');
    lki_put_measured(put, "busy_share", now->busy_share);
    lki_put_ms(put, "busiest_ms", now->busiest_ns);
    lki_put_close(put, '}');
}

/* What the end waits for. */
static void put_awaited(const struct status *status, struct lki_put *put)
{
    const struct lki_core_status *now = &status->now;

    if (!now->awaited) {
        lki_put_null(put, "awaited");
        return;
    }
    lki_put_open(put, "awaited", '{');
    lki_put_text(put, "worker_id", now->awaited_id);
    lki_put_uint(put, "workers", now->awaited);
    lki_put_seconds(put, "for_s", now->awaited_ns);
    lki_put_close(put, '}');
}

/* Is there a result of the run that was last? */
static bool has_result(const struct status *status)
{
    const char *run_id = lki_orchestrator_run_id(status->api->o);
    struct lki_json_value value;
    size_t len = run_id ? strlen(run_id) : 0;

    return run_id && result_find(status, "run.id", &value) && value.len == len + 2 &&
           !memcmp(value.raw + 1, run_id, len);
}

void lki_api_status(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct status status = {.api = api,
                            .core = lki_orchestrator_core(api->o),
                            .result = lki_orchestrator_result(api->o)};
    struct lki_put put;

    if (status.core)
        lki_core_status(status.core, &status.now);
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    put_head(&status, &put);
    put_time(&status, &put);
    put_workers(&status, &put);
    put_totals(&status, &put);
    put_last(&status, &put);
    put_arrivals(&status, &put);
    put_generator(&status, &put);
    put_awaited(&status, &put);
    if (status.core)
        lki_put_null(&put, "ended_by");
    else
        put_result(&status, &put, "ended_by", "run.ended_by");
    lki_put_bool(&put, "redis", lki_orchestrator_has_redis(api->o));
    lki_put_text(&put, "former_orchestrator", lki_orchestrator_former(api->o));
    lki_put_bool(&put, "result", has_result(&status));
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

void lki_api_result(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    const struct lki_buf *result = lki_orchestrator_result(api->o);

    if (result)
        lki_web_json(request, 200, result);
    else
        lki_web_fail(request, 404, "not_found", NULL,
                     "there is no result yet; it comes when a run is over");
}
