/* POST /start_test: from what a client asks for to the plan of a run. */
#include <math.h>
#include <string.h>

#include "base/entropy.h"
#include "base/json_walk.h"
#include "base/mem.h"
#include "client/settings.h"
#include "user/arrivals.h"
#include "web/api_inner.h"

#define USERS "target_users|users"
#define PARAMS "init_params|params"
#define STAGES_MAX 1000
#define INTERVAL_MAX_MS 60000
#define SECONDS_MAX 31536000.0 /* a year */
#define GRACE_S ((double)LKI_GRACE_DEFAULT_NS / LKI_NS_PER_S)
#define ARRIVAL_WAIT_S ((double)LKI_ARRIVAL_WAIT_DEFAULT_NS / LKI_NS_PER_S)

struct order {
    struct lki_web_form form;
    struct lki_arena *arena;
    const struct lki_model *model;
    struct lki_start start;
    uint64_t users;
    double interval_ms;
    const char *params; /* JSON object; NULL: none */
    size_t params_len;
};

static int64_t ns_of(double seconds)
{
    return (int64_t)(seconds * LKI_NS_PER_S + 0.5);
}

/* NULL: no memory, as the form then tells. */
static void *order_take(struct order *order, size_t bytes)
{
    void *memory = lki_arena_alloc(order->arena, bytes);

    order->form.no_memory |= !memory;
    return memory;
}

/* ---- stages ---- */

static bool stage_read(struct order *order, const struct lki_json_value *element)
{
    struct lki_plan *plan = &order->start.plan;
    double most = plan->rated ? (double)LKI_RATE_MAX : (double)LKI_USERS_MAX;
    struct lki_stage *stage = &plan->stages[plan->stage_count];
    struct lki_web_form form;

    if (!lki_web_form_element(&form, &order->form, "stages", plan->stage_count, element))
        return false;
    lki_web_form_need(&form, "duration_s");
    lki_web_form_need(&form, "target");
    stage->length_ns = ns_of(lki_web_form_number(&form, "duration_s", 0, SECONDS_MAX, 0));
    stage->target = lki_web_form_number(&form, "target", 0, most, 0);
    return lki_web_form_element_end(&form);
}

static void stages_read(struct order *order, const char *text, size_t len)
{
    struct lki_plan *plan = &order->start.plan;
    struct lki_json_value array = {LKI_JSON_ARRAY, text, len};
    struct lki_json_walk walk = lki_json_walk(&array);
    struct lki_json_value element;
    size_t count = 0;

    lki_json_count(&array, &count);
    if (!count || count > STAGES_MAX) {
        lki_web_form_fault(&order->form, "stages", "value_error", "must have 1 to %d elements",
                           STAGES_MAX);
        return;
    }
    plan->stages = order_take(order, count * sizeof(*plan->stages));
    while (plan->stages && lki_json_walk_element(&walk, &element) && stage_read(order, &element))
        plan->stage_count++;
}

/* Users come one by one: as a stage does it. */
static void ramp_make(struct order *order)
{
    struct lki_plan *plan = &order->start.plan;
    double ns = order->interval_ms * LKI_NS_PER_MS * (double)order->users;

    if (!(order->interval_ms > 0) || !order->users)
        return;
    if (plan->stage_count || plan->rated) {
        lki_web_form_fault(&order->form, "spawn_interval_ms", "value_error",
                           "must be 0 where there are stages, or arrivals at a rate");
        return;
    }
    plan->stages = order_take(order, sizeof(*plan->stages));
    if (!plan->stages)
        return;
    plan->stages[0] = (struct lki_stage){
        .length_ns = ns < SECONDS_MAX * LKI_NS_PER_S ? (int64_t)ns : ns_of(SECONDS_MAX),
        .target = (double)order->users};
    plan->stage_count = 1;
    plan->users = 0;
}

/* ---- the plan ---- */

static void rate_read(struct order *order)
{
    struct lki_web_form *form = &order->form;
    struct lki_plan *plan = &order->start.plan;
    const char *of = lki_web_form_text(form, "stages_of", 16, NULL);
    bool of_users = of && !strcmp(of, "users");
    bool of_rate = of && !strcmp(of, "rate");

    plan->rate_per_s = lki_web_form_number(form, "rate_per_s", 0, (double)LKI_RATE_MAX, 0);
    plan->rated = plan->rate_per_s > 0 || of_rate;
    if (of && !of_users && !of_rate)
        lki_web_form_fault(form, "stages_of", "value_error", "must be \"users\" or \"rate\"");
    if (of_users && plan->rated && lki_web_form_has(form, "stages"))
        lki_web_form_fault(form, "stages_of", "value_error",
                           "must be \"rate\" where rate_per_s is given");
}

static void ends_read(struct order *order)
{
    struct lki_web_form *form = &order->form;
    struct lki_plan *plan = &order->start.plan;
    bool timed = lki_web_form_has(form, "duration_s");
    bool staged = plan->stage_count > 0;
    double seconds = lki_web_form_number(form, "duration_s", 0.001, SECONDS_MAX, 0);

    plan->iterations = (uint64_t)lki_web_form_int(form, "iterations", 1, INT64_MAX, 0);
    plan->seed = (uint64_t)lki_web_form_int(form, "seed", 0, INT64_MAX,
                                            (int64_t)lki_entropy_seed());
    plan->grace_ns = ns_of(lki_web_form_number(form, "grace_s", 0, SECONDS_MAX, GRACE_S));
    plan->arrival_wait_ns = ns_of(
        lki_web_form_number(form, "arrival_wait_s", 0, SECONDS_MAX, ARRIVAL_WAIT_S));
    if (timed && staged)
        lki_web_form_fault(form, "duration_s", "value_error",
                           "must not be given with stages, which have an end of their own");
    plan->duration_ns = timed ? ns_of(seconds) : LKI_NEVER;
    if (staged)
        plan->duration_ns = lki_plan_stages_ns(plan);
}

static void http_read(struct order *order)
{
    struct lk_http_settings settings;
    struct lki_buf why;
    enum lk_err err;
    size_t len;
    const char *http = lki_web_form_object(&order->form, "http", &len);

    if (!http)
        return;
    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    err = lki_http_settings_read(&settings, http, order->arena, &why);
    if (err && err != LK_E_ARG)
        order->form.no_memory = true;
    else if (err)
        lki_web_form_fault(&order->form, "http", "value_error", "must hold settings of HTTP: %.*s",
                           (int)lki_min(why.len, 200), why.data);
    order->start.plan.http = http;
    lki_buf_release(&why);
}

static void plan_read(struct order *order)
{
    struct lki_web_form *form = &order->form;
    struct lki_plan *plan = &order->start.plan;
    const char *stages;
    size_t len;

    lki_web_form_need(form, USERS);
    order->users = (uint64_t)lki_web_form_int(form, USERS, 0, (int64_t)LKI_USERS_MAX, 0);
    order->interval_ms = lki_web_form_number(form, "spawn_interval_ms", 0, INTERVAL_MAX_MS, 0);
    plan->users = order->users;
    rate_read(order);
    stages = lki_web_form_array(form, "stages", &len);
    if (stages)
        stages_read(order, stages, len);
    ends_read(order);
    ramp_make(order);
    http_read(order);
}

/* ---- parameters ---- */

/* What is no text is read as it is written: 10, true. */
static const char *param_text(struct order *order, const struct lki_json_value *key,
                              const struct lki_json_value *value)
{
    char *text = order_take(order, key->len + value->len + 2);
    size_t key_len;
    size_t len;

    if (!text || lki_json_string(key, text, &key_len))
        return NULL;
    text[key_len] = '=';
    if (value->kind == LKI_JSON_STRING) {
        if (lki_json_string(value, text + key_len + 1, &len))
            return NULL;
    } else {
        len = value->len;
        memcpy(text + key_len + 1, value->raw, len);
        text[key_len + 1 + len] = '\0';
    }
    if (strlen(text) == key_len + 1 + len)
        return text;
    lki_web_form_fault(&order->form, PARAMS, "value_error", "must not hold NUL characters");
    return NULL;
}

static void params_read(struct order *order)
{
    struct lki_json_value object = {LKI_JSON_OBJECT, NULL, 0};
    struct lki_json_value key;
    struct lki_json_value value;
    struct lki_json_walk walk;
    size_t count = 0;
    const char **texts;

    order->params = lki_web_form_object(&order->form, PARAMS, &order->params_len);
    if (!order->params)
        return;
    object.raw = order->params;
    object.len = order->params_len;
    lki_json_count(&object, &count);
    texts = order_take(order, count * sizeof(*texts));
    order->start.params = texts;
    walk = lki_json_walk(&object);
    while (texts && lki_json_walk_member(&walk, &key, &value)) {
        const char *text = value.kind == LKI_JSON_NULL ? NULL : param_text(order, &key, &value);

        if (text)
            texts[order->start.param_count++] = text;
    }
}

/* ---- the answer ---- */

static const struct lki_param *param_of(const struct order *order, const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < order->model->param_count; i++) {
        const struct lki_param *param = &order->model->params[i];

        if (strlen(param->name) == len && !memcmp(param->name, text, len))
            return param;
    }
    return NULL;
}

/* As they came, but for what is secret. */
static void put_params(const struct order *order, struct lki_put *put)
{
    struct lki_json_value object = {LKI_JSON_OBJECT, order->params, order->params_len};
    struct lki_json_walk walk;
    struct lki_json_value key;
    struct lki_json_value value;
    char name[512];
    size_t len;

    lki_put_open(put, "init_params", '{');
    walk = lki_json_walk(&object);
    while (order->params && lki_json_walk_member(&walk, &key, &value)) {
        const struct lki_param *param;

        if (key.len >= sizeof(name) || lki_json_string(&key, name, &len))
            continue;
        param = param_of(order, name);
        if (param && param->def->secret)
            lki_put_text(put, name, "***");
        else
            lki_put_raw(put, name, value.raw, value.len);
    }
    lki_put_close(put, '}');
}

static void answer(struct lki_api *api, struct lki_web_request *request, const struct order *order)
{
    size_t count;
    const struct lki_worker_view *workers = lki_api_workers(api, order->arena, &count);
    struct lki_put put;
    size_t alive;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_uint(&put, "epoch", lki_orchestrator_epoch(api->o));
    lki_put_text(&put, "run_id", lki_orchestrator_run_id(api->o));
    lki_put_uint(&put, "target_users", order->users);
    put_params(order, &put);
    lki_put_number(&put, "spawn_interval_ms", order->interval_ms);
    lki_api_put_prepared(&put, order->model, order->users);
    lki_api_put_added(&put, "add_result", workers, count, 0, order->users, order->interval_ms);
    lki_put_close(&put, '}');
    lki_put_open(&put, "start_result", '{');
    alive = lki_api_put_alive(&put, "workers", workers, count);
    lki_put_uint(&put, "delivered", alive);
    lki_put_close(&put, '}');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* The fault is in what the client sent: as others are told. */
static void refuse_params(struct lki_web_request *request, const struct lki_refusal *refusal)
{
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '[');
    lki_put_open(&put, NULL, '{');
    lki_put_text(&put, "type", "value_error");
    lki_put_raw(&put, "loc", "[\"init_params\"]", 15);
    lki_put_text(&put, "msg", refusal->message);
    lki_put_close(&put, '}');
    lki_put_close(&put, ']');
    lki_web_fail(request, refusal->status, refusal->code, lki_buf_cstr(&put.buf), "%s",
                 refusal->message);
    lki_put_release(&put);
}

void lki_api_start(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct order order = {.arena = lki_web_arena(request), .model = lki_orchestrator_model(api->o)};
    struct lki_refusal refusal = {0};

    lki_web_form_body(&order.form, request);
    plan_read(&order);
    params_read(&order);
    if (!lki_web_form_end(&order.form))
        return;
    if (lki_orchestrator_start(api->o, &order.start, &refusal))
        answer(api, request, &order);
    else if (!strcmp(refusal.code, "validation_error"))
        refuse_params(request, &refusal);
    else
        lki_api_refuse(api, request, &refusal);
}
