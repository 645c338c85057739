/* What the orchestrator is: alive, ready, its workers, the program's parameters. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "web/api_inner.h"

void lki_api_health(struct lki_web_request *request, void *arg)
{
    struct lki_put put;

    (void)arg;
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_text(&put, "status", "ok");
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- workers ---- */

static void put_health(struct lki_put *put, const struct lki_worker_view *worker)
{
    lki_put_text(put, "worker_id", worker->id);
    lki_put_text(put, "status", worker->healthy ? "healthy" : "unhealthy");
    lki_put_int(put, "last_heartbeat", (int64_t)worker->last_heartbeat);
    lki_put_seconds(put, "heartbeat_age_s", worker->heard_ago_ns > 0 ? worker->heard_ago_ns : 0);
}

static void put_usage(struct lki_put *put, const struct lki_worker_view *worker)
{
    lki_put_measured(put, "cpu_percent", worker->cpu_percent);
    lki_put_uint(put, "process_ram_bytes", worker->rss_bytes);
    lki_put_uint(put, "total_ram_bytes", worker->memory_bytes);
}

size_t lki_api_put_alive(struct lki_put *put, const char *key,
                         const struct lki_worker_view *workers, size_t count)
{
    size_t alive = 0;

    lki_put_open(put, key, '[');
    for (size_t i = 0; i < count; i++) {
        if (workers[i].healthy) {
            lki_put_text(put, NULL, workers[i].id);
            alive++;
        }
    }
    lki_put_close(put, ']');
    return alive;
}

static uint64_t alive_of(const struct lki_worker_view *workers, size_t count)
{
    uint64_t alive = 0;

    for (size_t i = 0; i < count; i++)
        alive += workers[i].healthy;
    return alive;
}

void lki_api_ready(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    size_t count;
    const struct lki_worker_view *workers = lki_api_workers(api, lki_web_arena(request), &count);
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_bool(&put, "ready", true);
    lki_put_text(&put, "state", lki_orchestrator_state(api->o));
    lki_put_uint(&put, "epoch", lki_orchestrator_epoch(api->o));
    lki_put_uint(&put, "alive_workers", alive_of(workers, count));
    lki_api_put_alive(&put, "workers", workers, count);
    lki_put_open(&put, "workers_status", '[');
    for (size_t i = 0; i < count; i++) {
        if (!workers[i].healthy)
            continue;
        lki_put_open(&put, NULL, '{');
        put_health(&put, &workers[i]);
        put_usage(&put, &workers[i]);
        lki_put_close(&put, '}');
    }
    lki_put_close(&put, ']');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

static void put_worker(struct lki_put *put, const struct lki_worker_view *worker)
{
    lki_put_open(put, NULL, '{');
    put_health(put, worker);
    lki_put_uint(put, "users_count", worker->users);
    lki_put_uint(put, "active_users_count", worker->users_active);
    put_usage(put, worker);
    lki_put_text(put, "host", worker->host);
    lki_put_text(put, "station", worker->station);
    lki_put_uint(put, "pid", worker->pid);
    lki_put_uint(put, "descriptors", worker->descriptors);
    if (worker->loop_delay_ns < 0)
        lki_put_null(put, "loop_delay_ms");
    else
        lki_put_ms(put, "loop_delay_ms", worker->loop_delay_ns);
    lki_put_uint(put, "crashes", worker->crashes);
    lki_put_bool(put, "probes", worker->probes);
    lki_put_bool(put, "leaving", worker->leaving);
    lki_put_close(put, '}');
}

void lki_api_list_workers(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    size_t count;
    const struct lki_worker_view *workers = lki_api_workers(api, lki_web_arena(request), &count);
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_uint(&put, "count", count);
    lki_put_open(&put, "workers", '[');
    for (size_t i = 0; i < count; i++)
        put_worker(&put, &workers[i]);
    lki_put_close(&put, ']');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- the program's parameters ---- */

/* As clients that know Python's types read them. */
static const char *annotation_of(enum lk_param_type type)
{
    switch (type) {
    case LK_INT:
        return "int";
    case LK_DOUBLE:
    case LK_SECONDS:
        return "float";
    case LK_BOOL:
        return "bool";
    case LK_STRING:
        break;
    }
    return "str";
}

static void put_default(struct lki_put *put, const struct lki_param *param)
{
    const struct lk_param_def *def = param->def;

    if (def->secret || (def->required && !param->given))
        lki_put_null(put, "default");
    else if (def->type == LK_INT)
        lki_put_int(put, "default", param->integer);
    else if (def->type == LK_BOOL)
        lki_put_bool(put, "default", param->integer != 0);
    else if (def->type == LK_DOUBLE || def->type == LK_SECONDS)
        lki_put_number(put, "default", param->number);
    else
        lki_put_text(put, "default", param->value);
}

static void put_param(struct lki_put *put, const struct lki_param *param)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "name", param->name);
    lki_put_text(put, "kind", "keyword_only");
    lki_put_bool(put, "required", param->def->required && !param->given);
    lki_put_text(put, "annotation", annotation_of(param->def->type));
    put_default(put, param);
    lki_put_text(put, "help", param->def->help);
    lki_put_bool(put, "secret", param->def->secret);
    lki_put_close(put, '}');
}

void lki_api_params(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    const struct lki_model *model = lki_orchestrator_model(api->o);
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_bool(&put, "configured", true);
    lki_put_text(&put, "scenario_path", api->program);
    lki_put_text(&put, "vu_class", model->type_count ? model->types[0].name : NULL);
    lki_put_open(&put, "params", '[');
    for (size_t i = 0; i < model->param_count; i++)
        put_param(&put, &model->params[i]);
    lki_put_close(&put, ']');
    lki_put_bool(&put, "accepts_arbitrary_kwargs", false);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- the session of a browser ---- */

void lki_api_login(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;
    struct lki_put put;
    const char *token;

    (void)arg;
    lki_web_form_body(&form, request);
    lki_web_form_need(&form, "token");
    token = lki_web_form_text(&form, "token", 4096, "");
    if (!lki_web_form_end(&form))
        return;
    if (!lki_web_login(request, token)) {
        lki_web_fail(request, 401, "unauthorized", NULL, "this is not the token");
        return;
    }
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_raw(&put, NULL, "{\"status\":\"ok\"}", 15);
    lki_api_answer(request, &put);
}

void lki_api_logout(struct lki_web_request *request, void *arg)
{
    struct lki_put put;

    (void)arg;
    lki_web_logout(request);
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_raw(&put, NULL, "{\"status\":\"ok\"}", 15);
    lki_api_answer(request, &put);
}
