#include "web/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "web/api_inner.h"

static const struct lki_web_route routes[] = {
    {"GET", "/", lki_api_page, .open = true},
    {"GET", "/health", lki_api_health, .open = true},
    {"GET", "/ready", lki_api_ready, .open = false},
    {"GET", "/workers", lki_api_list_workers, .open = false},
    {"GET", "/status", lki_api_status, .open = false},
    {"GET", "/result", lki_api_result, .open = false},
    {"GET", "/errors", lki_api_errors, .open = false},
    {"GET", "/series", lki_api_series, .open = false},
    {"GET", "/metrics", lki_api_metrics, .open = false},
    {"GET", "/metrics/history", lki_api_metrics_history, .open = false},
    {"GET", "/metrics/prometheus", lki_api_prometheus, .open = false},
    {"GET", "/probes", lki_api_probes, .open = false},
    {"GET", "/probes/history", lki_api_probes_history, .open = false},
    {"GET", "/resources", lki_api_resources, .open = false},
    {"GET", "/resources/:name/items", lki_api_items, .open = false},
    {"GET", "/scenario/on_init_params", lki_api_params, .open = false},
    {"GET", "/openapi.json", lki_api_openapi, .open = true},
    {"GET", "/ws/metrics", lki_api_socket, .open = false},
    {"GET", "/events", lki_api_events, .open = false},
    {"POST", "/start_test", lki_api_start, .body = true},
    {"POST", "/stop_test", lki_api_stop, .body = false},
    {"POST", "/change_users", lki_api_change_users, .body = true},
    {"POST", "/change_rate", lki_api_change_rate, .body = true},
    {"POST", "/create_resource", lki_api_create, .body = true},
    {"POST", "/ensure_resource", lki_api_ensure, .body = true},
    {"POST", "/delete_resource", lki_api_delete, .body = true},
    {"POST", "/login", lki_api_login, .open = true, .body = true},
    {"POST", "/logout", lki_api_logout, .open = true},
};

/* ---- what all routes need ---- */

double lki_api_started_s(const struct lki_api *api)
{
    return lki_history_started_s(lki_orchestrator_history(api->o));
}

int64_t lki_api_wall_ms(const struct lki_api *api, int64_t since_ns)
{
    return (int64_t)(lki_api_started_s(api) * 1e3 + (double)since_ns / 1e6);
}

const char *lki_api_worker_name(const struct lki_api *api, uint64_t worker)
{
    static const char prefix[] = "worker ";
    const char *name = lki_history_worker(lki_orchestrator_history(api->o), worker);

    return strncmp(name, prefix, sizeof(prefix) - 1) ? name : name + sizeof(prefix) - 1;
}

void lki_api_answer(struct lki_web_request *request, struct lki_put *put)
{
    lki_web_json(request, 200, &put->buf);
    lki_put_release(put);
}

/* {"action", "current", "expected"} of a command that came at the wrong time. */
static const char *details_of(const struct lki_api *api, const struct lki_refusal *refusal,
                              struct lki_put *put)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "action", refusal->action);
    lki_put_text(put, "current", lki_orchestrator_state(api->o));
    lki_put_open(put, "expected", '[');
    for (size_t i = 0; i < LKI_COUNT(refusal->expected) && refusal->expected[i]; i++)
        lki_put_text(put, NULL, refusal->expected[i]);
    lki_put_close(put, ']');
    lki_put_close(put, '}');
    return lki_buf_cstr(&put->buf);
}

void lki_api_refuse(struct lki_api *api, struct lki_web_request *request,
                    const struct lki_refusal *refusal)
{
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_web_fail(request, refusal->status, refusal->code,
                 refusal->action ? details_of(api, refusal, &put) : NULL, "%s", refusal->message);
    lki_put_release(&put);
}

static int by_id(const void *a, const void *b)
{
    const struct lki_worker_view *left = a;
    const struct lki_worker_view *right = b;

    return strcmp(left->id, right->id);
}

const struct lki_worker_view *lki_api_workers(struct lki_api *api, struct lki_arena *arena,
                                              size_t *count)
{
    size_t all = lki_orchestrator_worker_count(api->o);
    struct lki_worker_view *views = lki_arena_alloc(arena, all * sizeof(*views));

    *count = views ? all : 0;
    for (size_t i = 0; i < *count; i++)
        lki_orchestrator_worker(api->o, i, &views[i]);
    if (views && all)
        qsort(views, all, sizeof(*views), by_id);
    return views;
}

/* ---- news ---- */

static void on_tick(struct lki_timer *timer)
{
    struct lki_api *api = LKI_CONTAINER(timer, struct lki_api, tick);

    api->ticking = false;
    api->told_ns = lki_loop_now(api->loop);
    lki_api_streams_tell(api);
}

void lki_api_changed(struct lki_api *api)
{
    int64_t now_ns = lki_loop_now(api->loop);
    int64_t then_ns = api->told_ns + LKI_NS_PER_S;

    lki_api_secrets_learn(api);
    if (!api->streams || api->ticking)
        return;
    api->ticking = true;
    lki_timer_set(&api->loop->timers, &api->tick, then_ns > now_ns ? then_ns : now_ns);
}

/* ---- the whole ---- */

enum lk_err lki_api_open(struct lki_api **out, struct lki_loop *loop, struct lki_orchestrator *o,
                         const struct lki_web_settings *settings, const char *program,
                         struct lki_buf *why)
{
    struct lki_web_settings web = *settings;
    struct lki_api *api = lki_zalloc(sizeof(*api));
    enum lk_err err = api ? lki_timer_init(&loop->timers, &api->tick, on_tick) : LK_E_NOMEM;

    if (err) {
        free(api);
        lki_buf_str(why, lk_strerror(err));
        return err;
    }
    lki_arena_init(&api->secrets.arena, NULL, 0);
    api->loop = loop;
    api->o = o;
    api->program = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
    api->told_ns = lki_loop_now(loop) - LKI_NS_PER_S;
    web.routes = routes;
    web.route_count = LKI_COUNT(routes);
    web.arg = api;
    err = lki_web_open(&api->web, loop, &web, why);
    if (err)
        lki_api_close(api);
    else
        *out = api;
    return err;
}

void lki_api_close(struct lki_api *api)
{
    if (!api)
        return;
    lki_web_close(api->web);
    lki_api_streams_release(api);
    lki_api_jobs_release(api);
    lki_arena_reset(&api->secrets.arena);
    lki_timer_release(&api->loop->timers, &api->tick);
    free(api);
}

const char *lki_api_address(const struct lki_api *api)
{
    return lki_web_address(api->web);
}

bool lki_api_is_exposed(const struct lki_api *api)
{
    return lki_web_is_exposed(api->web);
}

void lki_api_forked(struct lki_api *api)
{
    lki_web_forked(api->web);
}
