/* Objects that runs lease to their users: what there is, and more of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_walk.h"
#include "base/mem.h"
#include "control/blend.h"
#include "web/api_inner.h"

#define NAME "name|resource_name"
#define NAME_MAX_BYTES 128
#define COUNT_MAX 100000
#define ITEMS_MAX_BYTES (LKI_API_ANSWER_MAX / 2)
#define NO_LIMIT INT64_MAX

/* A request for objects, until all are made. */
struct lki_api_job {
    struct lki_api *api;
    struct lki_web_request *request; /* NULL: the client has gone */
    struct lki_api_job *next, **link;
    size_t resource;
    uint64_t making; /* objects that were asked for, and are not there yet */
    bool ensure;
    uint64_t wanted;
    uint64_t before;
};

/* ---- what there is ---- */

static int by_name(const void *a, const void *b)
{
    const struct lk_resource_def *const *left = a;
    const struct lk_resource_def *const *right = b;

    return strcmp((*left)->def.name, (*right)->def.name);
}

void lki_api_resources(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    const struct lki_model *model = lki_orchestrator_model(api->o);
    const struct lki_stock *stock = lki_orchestrator_stock(api->o);
    size_t count = model->resource_count;
    size_t bytes = count * sizeof(*model->resources);
    const struct lk_resource_def **sorted = lki_arena_alloc(lki_web_arena(request), bytes);
    struct lki_put put;

    if (!sorted)
        count = 0;
    else if (count)
        memcpy(sorted, model->resources, bytes);
    if (count)
        qsort(sorted, count, sizeof(*sorted), by_name);
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_int(&put, "generated_at", (int64_t)lki_wall_s());
    lki_put_uint(&put, "count", count);
    lki_put_open(&put, "resources", '[');
    for (size_t i = 0; i < count; i++) {
        const char *name = sorted[i]->def.name;

        lki_put_open(&put, NULL, '{');
        lki_put_text(&put, "resource_name", name);
        lki_put_uint(&put, "count", lki_stock_count(stock, lki_model_resource(model, name)));
        lki_put_close(&put, '}');
    }
    lki_put_close(&put, ']');
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- objects ---- */

static bool is_plain(const struct lki_json_value *key)
{
    static const char *const names[] = {"\"resource_name\"", "\"resource_id\"", "\"created_at\""};

    for (size_t i = 0; i < LKI_COUNT(names); i++) {
        if (key->len == strlen(names[i]) && !memcmp(key->raw, names[i], key->len))
            return true;
    }
    return false;
}

/* Objects are as a rule accounts: whoever needs no token sees what they are like, not what they
 * are. */
static bool is_masked(const struct lki_api *api)
{
    return !lki_web_has_token(api->web);
}

static void put_masked(struct lki_put *put, const char *text, size_t len)
{
    struct lki_json_value object = {LKI_JSON_OBJECT, text, len};
    struct lki_json_walk walk = lki_json_walk(&object);
    struct lki_json_value key;
    struct lki_json_value value;

    lki_put_open(put, NULL, '{');
    while (lki_json_walk_member(&walk, &key, &value)) {
        if (put->comma)
            lki_buf_char(&put->buf, ',');
        lki_buf_append(&put->buf, key.raw, key.len);
        lki_buf_char(&put->buf, ':');
        if (is_plain(&key))
            lki_buf_append(&put->buf, value.raw, value.len);
        else
            lki_buf_str(&put->buf, "\"***\"");
        put->comma = true;
    }
    lki_put_close(put, '}');
}

/* An object as its users get it, and what is known of it. */
static void put_item(struct lki_put *put, const char *text, const char *facts, bool masked)
{
    const char *parts[2] = {text, facts};
    struct lki_buf item;
    enum lk_err err;

    lki_buf_init(&item, LKI_STOCK_OBJECT_MAX + 1);
    err = lki_blend(&item, parts, LKI_COUNT(parts));
    if (err)
        put->buf.err = err;
    else if (masked)
        put_masked(put, item.data, item.len);
    else
        lki_put_raw(put, NULL, item.data, item.len);
    lki_buf_release(&item);
}

/* Those that are there, without the first offset, at most limit, and what one answer can hold.
 * Returns the limit that held: who goes on behind it leaves none out. */
static uint64_t put_items(const struct lki_api *api, struct lki_put *put, size_t resource,
                          uint64_t offset, uint64_t limit)
{
    const struct lki_stock *stock = lki_orchestrator_stock(api->o);
    uint64_t last = lki_stock_last_id(stock, resource);
    bool masked = is_masked(api);
    uint64_t count = 0;

    for (uint64_t id = 1; id <= last && count < limit; id++) {
        const char *text = lki_stock_text(stock, resource, id);

        if (!text)
            continue;
        if (offset) {
            offset--;
            continue;
        }
        if (put->buf.len > ITEMS_MAX_BYTES)
            return count;
        put_item(put, text, lki_stock_facts(stock, resource, id), masked);
        count++;
    }
    return limit;
}

static void refuse_name(struct lki_web_request *request, const char *name)
{
    lki_web_fail(request, 400, "bad_request", NULL, "this program registers no resource \"%.128s\"",
                 name);
}

void lki_api_items(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    const char *name = lki_web_segment(request, "name");
    size_t resource = lki_model_resource(lki_orchestrator_model(api->o), name);
    struct lki_web_form form;
    struct lki_put put;
    uint64_t offset;
    uint64_t limit;

    lki_web_form_query(&form, request);
    offset = (uint64_t)lki_web_form_int(&form, "offset", 0, INT64_MAX, 0);
    limit = (uint64_t)lki_web_form_int(&form, "limit", 1, INT64_MAX, NO_LIMIT);
    if (!lki_web_form_end(&form))
        return;
    if (resource == SIZE_MAX) {
        refuse_name(request, name);
        return;
    }
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_text(&put, "resource_name", name);
    lki_put_uint(&put, "total", lki_stock_count(lki_orchestrator_stock(api->o), resource));
    lki_put_uint(&put, "offset", offset);
    lki_put_open(&put, "items", '[');
    limit = put_items(api, &put, resource, offset, limit);
    lki_put_close(&put, ']');
    if (limit == NO_LIMIT)
        lki_put_null(&put, "limit");
    else
        lki_put_uint(&put, "limit", limit);
    lki_put_bool(&put, "masked", is_masked(api));
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

/* ---- more of them ---- */

static bool is_name(const char *text)
{
    for (; *text; text++) {
        bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

        if (!letter && !(*text >= '0' && *text <= '9') && !strchr("_.:-", *text))
            return false;
    }
    return true;
}

static const char *name_read(struct lki_web_form *form)
{
    const char *name;

    lki_web_form_need(form, NAME);
    name = lki_web_form_text(form, NAME, NAME_MAX_BYTES, "");
    if (!is_name(name))
        lki_web_form_fault(form, NAME, "string_pattern_mismatch",
                           "must be of letters, digits and _ . : -");
    return name;
}

static void put_ids(struct lki_put *put, const char *key, uint64_t first, uint64_t count)
{
    char text[24];

    lki_put_open(put, key, '[');
    for (uint64_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)(first + i));
        lki_put_text(put, NULL, text);
    }
    lki_put_close(put, ']');
}

static void put_created(struct lki_put *put, const char *name, uint64_t first, uint64_t made)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "resource_name", name);
    lki_put_uint(put, "count", made);
    put_ids(put, "resource_ids", first, made);
    lki_put_close(put, '}');
}

static void put_ensured(struct lki_put *put, const char *name, const struct lki_api_job *job,
                        uint64_t first, uint64_t made)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "resource_name", name);
    lki_put_uint(put, "target_count", job->wanted);
    lki_put_uint(put, "existing_count", job->before);
    lki_put_uint(put, "created_count", made);
    lki_put_uint(put, "current_count", job->before + made);
    put_ids(put, "created_resource_ids", first, made);
    lki_put_close(put, '}');
}

static const char *resource_name(const struct lki_api_job *job, size_t resource)
{
    return lki_orchestrator_model(job->api->o)->resources[resource]->def.name;
}

static void answer_job(const struct lki_api_job *job, size_t resource, uint64_t first,
                       uint64_t made)
{
    const char *name = resource_name(job, resource);
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    if (job->ensure)
        put_ensured(&put, name, job, first, made);
    else
        put_created(&put, name, first, made);
    lki_api_answer(job->request, &put);
}

/* What was made before the first failure stays. */
static void refuse_job(const struct lki_api_job *job, const struct lki_created *created)
{
    const struct lki_refusal *refusal = created->refusal;
    struct lki_put details;

    if (!created->made) {
        lki_api_refuse(job->api, job->request, refusal);
        return;
    }
    lki_put_init(&details, LKI_API_ANSWER_MAX);
    put_created(&details, resource_name(job, created->resource), created->first, created->made);
    lki_web_fail(job->request, refusal->status, refusal->code, lki_buf_cstr(&details.buf),
                 "%s; %llu of %llu %s created", refusal->message, (unsigned long long)created->made,
                 (unsigned long long)job->making, created->made == 1 ? "was" : "were");
    lki_put_release(&details);
}

static void job_free(struct lki_api_job *job)
{
    *job->link = job->next;
    if (job->next)
        job->next->link = job->link;
    free(job);
}

static void on_gone(void *arg)
{
    struct lki_api_job *job = arg;

    job->request = NULL;
}

static void on_done(const struct lki_created *created, void *arg)
{
    struct lki_api_job *job = arg;

    if (job->request && created->refusal->status)
        refuse_job(job, created);
    else if (job->request)
        answer_job(job, created->resource, created->first, created->made);
    job_free(job);
}

static struct lki_api_job *job_new(struct lki_api *api, struct lki_web_request *request)
{
    struct lki_api_job *job = lki_zalloc(sizeof(*job));

    if (!job) {
        lki_web_fail(request, 500, "internal_error", NULL, "%s", lk_strerror(LK_E_NOMEM));
        return NULL;
    }
    *job = (struct lki_api_job){
        .api = api, .request = request, .next = api->jobs, .link = &api->jobs};
    if (job->next)
        job->next->link = &job->next;
    api->jobs = job;
    return job;
}

/* Answered when they are made, which may be at once. */
static void make(struct lki_api_job *job, const struct lki_create *create)
{
    struct lki_web_request *request = job->request;
    struct lki_api *api = job->api;
    struct lki_refusal refusal;

    job->resource = lki_model_resource(lki_orchestrator_model(api->o), create->resource);
    job->making = create->count;
    lki_web_wait(request, on_gone, job);
    if (lki_orchestrator_create(api->o, create, on_done, job, &refusal))
        return;
    job_free(job);
    lki_api_refuse(api, request, &refusal);
}

void lki_api_create(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;
    struct lki_create create = {0};
    struct lki_api_job *job;

    lki_web_form_body(&form, request);
    create.resource = name_read(&form);
    create.count = (uint64_t)lki_web_form_int(&form, "count", 1, COUNT_MAX, 1);
    create.payload = lki_web_form_object(&form, "payload", NULL);
    if (!lki_web_form_end(&form))
        return;
    job = job_new(arg, request);
    if (job)
        make(job, &create);
}

/* So many will be there when all that was asked for before is made. */
static uint64_t count_to_be(const struct lki_api *api, size_t resource)
{
    uint64_t count = lki_stock_count(lki_orchestrator_stock(api->o), resource);

    for (const struct lki_api_job *job = api->jobs; job; job = job->next) {
        if (job->making && job->resource == resource)
            count += job->making;
    }
    return count;
}

static void ensure(struct lki_api_job *job, const char *name, size_t resource, const char *payload)
{
    struct lki_create create = {.resource = name, .payload = payload};
    char about[128];

    if (job->wanted <= job->before) {
        answer_job(job, resource, 1, 0);
        job_free(job);
        return;
    }
    snprintf(about, sizeof(about),
             "{\"source\":\"ensure_resource_count\",\"target_count\":%llu,\"existing_count\":%llu}",
             (unsigned long long)job->wanted, (unsigned long long)job->before);
    create.count = job->wanted - job->before;
    create.about = about;
    make(job, &create);
}

void lki_api_ensure(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct lki_web_form form;
    struct lki_api_job *job;
    const char *name;
    const char *payload;
    uint64_t count;
    size_t resource;

    lki_web_form_body(&form, request);
    name = name_read(&form);
    lki_web_form_need(&form, "count");
    count = (uint64_t)lki_web_form_int(&form, "count", 0, COUNT_MAX, 0);
    payload = lki_web_form_object(&form, "payload", NULL);
    if (!lki_web_form_end(&form))
        return;
    resource = lki_model_resource(lki_orchestrator_model(api->o), name);
    if (resource == SIZE_MAX) {
        refuse_name(request, name);
        return;
    }
    job = job_new(api, request);
    if (!job)
        return;
    job->ensure = true;
    job->wanted = count;
    job->before = count_to_be(api, resource);
    ensure(job, name, resource, payload);
}

/* ---- fewer ---- */

void lki_api_delete(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    struct lki_refusal refusal;
    struct lki_web_form form;
    struct lki_put put;
    uint64_t deleted;
    const char *name;
    uint64_t id;
    bool all;

    lki_web_form_body(&form, request);
    name = name_read(&form);
    id = (uint64_t)lki_web_form_int(&form, "id|resource_id", 1, INT64_MAX, 0);
    all = lki_web_form_bool(&form, "all", false);
    if (!id == !all)
        lki_web_form_fault(&form, "id", "value_error",
                           "must be given, or \"all\":true for every object");
    if (!lki_web_form_end(&form))
        return;
    if (!lki_orchestrator_delete(api->o, name, id, &deleted, &refusal)) {
        lki_api_refuse((struct lki_api *)arg, request, &refusal);
        return;
    }
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_text(&put, "resource_name", name);
    lki_put_uint(&put, "deleted_count", deleted);
    lki_put_uint(&put, "current_count",
                 lki_stock_count(lki_orchestrator_stock(api->o),
                                 lki_model_resource(lki_orchestrator_model(api->o), name)));
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}

void lki_api_jobs_release(struct lki_api *api)
{
    while (api->jobs)
        job_free(api->jobs);
}
