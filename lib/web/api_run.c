/* Commands to the run that is on. */
#include <stdio.h>
#include <string.h>

#include "user/arrivals.h"
#include "web/api_inner.h"

#define USERS "target_users|users"
#define INTERVAL_MAX_MS 60000

/* ---- who gets which users ---- */

static const struct lki_worker_view *alive_at(const struct lki_worker_view *workers, size_t count,
                                              uint64_t at)
{
    for (size_t i = 0; i < count; i++) {
        if (workers[i].healthy && !at--)
            return &workers[i];
    }
    return NULL;
}

/* Users number first + 1 .. first + count, as they are dealt out to who is there. */
static void put_users(struct lki_put *put, const char *key, const struct lki_worker_view *workers,
                      size_t worker_count, uint64_t first, uint64_t count, bool backwards)
{
    uint64_t alive = 0;
    char number[24];

    for (size_t i = 0; i < worker_count; i++)
        alive += workers[i].healthy;
    lki_put_open(put, key, '[');
    for (uint64_t i = 0; alive && i < count && i < LKI_API_ADDED_MAX; i++) {
        uint64_t user = backwards ? first + count - i : first + i + 1;

        snprintf(number, sizeof(number), "%llu", (unsigned long long)user);
        lki_put_open(put, NULL, '{');
        lki_put_text(put, "user_id", number);
        lki_put_text(put, "worker_id", alive_at(workers, worker_count, (user - 1) % alive)->id);
        lki_put_close(put, '}');
    }
    lki_put_close(put, ']');
}

void lki_api_put_added(struct lki_put *put, const char *key, const struct lki_worker_view *workers,
                       size_t worker_count, uint64_t first, uint64_t count, double interval_ms)
{
    lki_put_open(put, key, '{');
    lki_put_uint(put, "requested", count);
    put_users(put, "added", workers, worker_count, first, count, false);
    lki_put_raw(put, "skipped_existing", "[]", 2);
    lki_api_put_alive(put, "alive_workers", workers, worker_count);
    lki_put_bool(put, "aborted", false);
    lki_put_number(put, "spawn_interval_ms", interval_ms);
}

void lki_api_put_prepared(struct lki_put *put, const struct lki_model *model, uint64_t users)
{
    lki_put_open(put, "prepare_result", '{');
    lki_put_raw(put, "created", "{}", 2);
    lki_put_uint(put, "target_users", users);
    lki_put_open(put, "scenario_resources", '[');
    for (size_t i = 0; i < model->resource_count; i++)
        lki_put_text(put, NULL, model->resources[i]->def.name);
    lki_put_close(put, ']');
    lki_put_text(put, "mode", "manual");
    lki_put_close(put, '}');
}

/* ---- stop ---- */

void lki_api_stop(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct lki_refusal refusal;
    const struct lki_worker_view *workers;
    struct lki_put put;
    size_t count;
    size_t alive;

    if (!lki_orchestrator_stop(api->o, &refusal)) {
        lki_api_refuse(api, request, &refusal);
        return;
    }
    workers = lki_api_workers(api, lki_web_arena(request), &count);
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_uint(&put, "epoch", lki_orchestrator_epoch(api->o));
    lki_put_open(&put, "stop_result", '{');
    alive = lki_api_put_alive(&put, "workers", workers, count);
    lki_put_uint(&put, "delivered", alive);
    lki_put_close(&put, '}');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- users ---- */

struct change {
    uint64_t before;
    uint64_t target;
    double interval_ms;
};

static const char *action_of(const struct change *change)
{
    if (change->target == change->before)
        return "noop";
    return change->target > change->before ? "add" : "remove";
}

static void put_change(struct lki_api *api, struct lki_put *put, struct lki_arena *arena,
                       const struct change *change)
{
    size_t count;
    const struct lki_worker_view *workers = lki_api_workers(api, arena, &count);

    if (change->target > change->before) {
        lki_api_put_added(put, "result", workers, count, change->before,
                          change->target - change->before, change->interval_ms);
        lki_api_put_prepared(put, lki_orchestrator_model(api->o), change->target);
        lki_put_close(put, '}');
        return;
    }
    lki_put_open(put, "result", '{');
    lki_put_uint(put, "requested", change->before - change->target);
    if (change->target < change->before) {
        put_users(put, "removed", workers, count, change->target, change->before - change->target,
                  true);
        lki_put_raw(put, "skipped_missing", "[]", 2);
    }
    lki_put_close(put, '}');
}

static void answer_change(struct lki_api *api, struct lki_web_request *request,
                          const struct change *change)
{
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_uint(&put, "epoch", lki_orchestrator_epoch(api->o));
    lki_put_uint(&put, "target_users", change->target);
    lki_put_uint(&put, "current_users", change->before);
    lki_put_number(&put, "spawn_interval_ms", change->interval_ms);
    lki_put_text(&put, "action", action_of(change));
    put_change(api, &put, lki_web_arena(request), change);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

void lki_api_change_users(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    const struct lki_core *core = lki_orchestrator_core(api->o);
    struct lki_core_status status = {0};
    struct lki_refusal refusal;
    struct lki_web_form form;
    struct change change = {0};

    lki_web_form_body(&form, request);
    lki_web_form_need(&form, USERS);
    change.target = (uint64_t)lki_web_form_int(&form, USERS, 0, (int64_t)LKI_USERS_MAX, 0);
    change.interval_ms = lki_web_form_number(&form, "spawn_interval_ms", 0, INTERVAL_MAX_MS, 0);
    if (!lki_web_form_end(&form))
        return;
    if (core)
        lki_core_status(core, &status);
    change.before = status.users_wanted;
    if (lki_orchestrator_users(api->o, change.target, (int64_t)(change.interval_ms * LKI_NS_PER_MS),
                               &refusal))
        answer_change(api, request, &change);
    else
        lki_api_refuse(api, request, &refusal);
}

/* ---- rate ---- */

void lki_api_change_rate(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    const struct lki_core *core = lki_orchestrator_core(api->o);
    struct lki_core_status status = {0};
    struct lki_refusal refusal;
    struct lki_web_form form;
    struct lki_put put;
    double rate;

    lki_web_form_body(&form, request);
    lki_web_form_need(&form, "rate_per_s");
    rate = lki_web_form_number(&form, "rate_per_s", 0, (double)LKI_RATE_MAX, 0);
    if (!lki_web_form_end(&form))
        return;
    if (core)
        lki_core_status(core, &status);
    if (!lki_orchestrator_rate(api->o, rate, &refusal)) {
        lki_api_refuse(api, request, &refusal);
        return;
    }
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_uint(&put, "epoch", lki_orchestrator_epoch(api->o));
    lki_put_number(&put, "rate_per_s", rate);
    lki_put_number(&put, "previous_rate_per_s", status.rate_wanted);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}
