/*
 * GET /openapi.json: the API as a document. Fields are told in short here, "name:type" with spaces
 * between: i integer, n number, s string, b boolean, o object, a array; a "!" behind says that it
 * must be given, a "?" that it may be null.
 */
#include <string.h>

#include <loadkit/api.h>

#include "base/mem.h"
#include "web/api_inner.h"

struct operation {
    const char *path;
    const char *method;
    const char *summary;
    const char *query;  /* fields; NULL: none */
    const char *body;   /* fields; NULL: there is none */
    const char *answer; /* fields; NULL: it is no JSON object */
    const char *type;   /* of an answer that is no JSON, instead of one with fields or beside it;
                           neither: it is a WebSocket */
};

#define SPAWN "spawn_interval_ms:n"
#define OK_ANSWER "status:s"

/* Those of one path stand together. */
static const struct operation operations[] = {
    {"/", "get", "A page that shows how the run stands", NULL, NULL, NULL, "text/html"},
    {"/change_rate", "post", "Changes the rate of arrivals", NULL, "rate_per_s:n!",
     "epoch:i rate_per_s:n previous_rate_per_s:n", NULL},
    {"/change_users", "post", "Changes the number of users", NULL, "target_users:i users:i " SPAWN,
     "epoch:i target_users:i current_users:i spawn_interval_ms:n action:s result:o", NULL},
    {"/create_resource", "post", "Makes objects of a resource", NULL,
     "name:s resource_name:s count:i payload:o", "resource_name:s count:i resource_ids:a", NULL},
    {"/delete_resource", "post", "Deletes an object of a resource, or all", NULL,
     "name:s resource_name:s id:i resource_id:i all:b",
     "resource_name:s deleted_count:i current_count:i", NULL},
    {"/ensure_resource", "post", "Makes objects until there are so many", NULL,
     "name:s resource_name:s count:i! payload:o",
     "resource_name:s target_count:i existing_count:i created_count:i current_count:i "
     "created_resource_ids:a",
     NULL},
    {"/errors", "get", "Kinds of failures, and examples", NULL, NULL,
     "generated_at:i errors:a examples:a", NULL},
    {"/events", "get", "What /ws/metrics tells, as server-sent events", NULL, NULL, NULL,
     "text/event-stream"},
    {"/health", "get", "Is it alive?", NULL, NULL, OK_ANSWER, NULL},
    {"/login", "post", "Begins the session of a browser", NULL, "token:s!", OK_ANSWER, NULL},
    {"/logout", "post", "Ends it", NULL, "", OK_ANSWER, NULL},
    {"/metrics", "get", "Metrics over the last minute and the whole run",
     "count:i metric_id:s include_events:b", NULL,
     "generated_at:i lag:o metrics:a count:i include_events:b", "text/plain"},
    {"/metrics/history", "get", "Metrics second by second", "range:s from_ts:n", NULL,
     "generated_at:i range:s from_ts:n? count:i points:a duration_ms:n", NULL},
    {"/metrics/prometheus", "get", "Numbers for Prometheus", NULL, NULL, NULL, "text/plain"},
    {"/openapi.json", "get", "This document", NULL, NULL,
     "openapi:s info:o paths:o components:o security:a", NULL},
    {"/probes", "get", "What probes have read", "count:i probe_name:s include_events:b", NULL,
     "generated_at:i lag:o probes:a count:i include_events:b", NULL},
    {"/probes/history", "get", "The last readings of a probe", "probe_name:s! count:i", NULL,
     "generated_at:i probe_name:s count:i last_event_id:s? events:a", NULL},
    {"/ready", "get", "State, and workers that are heard", NULL, NULL,
     "ready:b state:s epoch:i alive_workers:i workers:a workers_status:a", NULL},
    {"/resources", "get", "How many objects there are", NULL, NULL,
     "generated_at:i count:i resources:a", NULL},
    {"/resources/{name}/items", "get",
     "Objects of a resource, at most limit, behind the first offset of total; masked: without what "
     "is in them",
     "offset:i limit:i", NULL, "resource_name:s total:i offset:i limit:i? items:a masked:b", NULL},
    {"/result", "get", "Result of the last run, as in its file", NULL, NULL,
     "schema:s run:o verdict:o totals:o metrics:a errors:a series:a", NULL},
    {"/scenario/on_init_params", "get", "Parameters of the program", NULL, NULL,
     "configured:b scenario_path:s vu_class:s? params:a accepts_arbitrary_kwargs:b", NULL},
    {"/series", "get", "The run second by second, all metrics together", NULL, NULL,
     "generated_at:i run_id:s? series:a", NULL},
    {"/start_test", "post", "Begins a run", NULL,
     "target_users:i users:i init_params:o params:o " SPAWN
     " rate_per_s:n stages:a stages_of:s duration_s:n iterations:i seed:i grace_s:n "
     "arrival_wait_s:n http:o",
     "epoch:i run_id:s target_users:i init_params:o spawn_interval_ms:n prepare_result:o "
     "add_result:o start_result:o",
     NULL},
    {"/status", "get", "How the run stands", NULL, NULL,
     "state:s phase:s? epoch:i run_id:s? program:s elapsed_s:n total_s:n? iterations_total:i? "
     "users:i users_wanted:i rate_per_s:n workers:i workers_alive:i crashes:i totals:o last:o "
     "arrivals:o? generator:o awaited:o? ended_by:s? redis:b former_orchestrator:s? result:b",
     NULL},
    {"/stop_test", "post", "Lets the run end; the second time cuts off", NULL, "",
     "epoch:i stop_result:o", NULL},
    {"/workers", "get", "All workers", NULL, NULL, "generated_at:i count:i workers:a", NULL},
    {"/ws/metrics", "get", "A WebSocket: /metrics at first and after each second with news", NULL,
     NULL, NULL, NULL},
};

/* ---- fields ---- */

struct field {
    char name[40];
    char type;
    bool needed;
    bool nullable;
};

static const char *field_next(const char *at, struct field *field)
{
    size_t len;

    *field = (struct field){.type = 'o'};
    while (*at == ' ')
        at++;
    if (!*at)
        return NULL;
    len = strcspn(at, ":");
    memcpy(field->name, at, len < sizeof(field->name) ? len : sizeof(field->name) - 1);
    at += len + 1;
    field->type = *at++;
    field->needed = *at == '!';
    field->nullable = *at == '?';
    return at + (field->needed || field->nullable);
}

static const char *type_name(char type)
{
    static const char letters[] = "insboa";
    static const char *const names[] = {"integer", "number", "string",
                                        "boolean", "object", "array"};
    const char *at = strchr(letters, type);

    return at && *at ? names[at - letters] : "object";
}

static void put_type(struct lki_put *put, const char *key, const struct field *field)
{
    lki_put_open(put, key, '{');
    if (field->nullable) {
        lki_put_open(put, "type", '[');
        lki_put_text(put, NULL, type_name(field->type));
        lki_put_text(put, NULL, "null");
        lki_put_close(put, ']');
    } else {
        lki_put_text(put, "type", type_name(field->type));
    }
    if (field->type == 'a')
        lki_put_raw(put, "items", "{}", 2);
    lki_put_close(put, '}');
}

static void put_needed(struct lki_put *put, const char *fields, bool all)
{
    struct field field;
    bool any = false;

    for (const char *at = fields; (at = field_next(at, &field));)
        any = any || all || field.needed;
    if (!any)
        return;
    lki_put_open(put, "required", '[');
    for (const char *at = fields; (at = field_next(at, &field));) {
        if (all || field.needed)
            lki_put_text(put, NULL, field.name);
    }
    lki_put_close(put, ']');
}

static void put_schema(struct lki_put *put, const char *fields, bool of_answer)
{
    struct field field;

    lki_put_open(put, "schema", '{');
    lki_put_text(put, "type", "object");
    put_needed(put, fields, of_answer);
    lki_put_open(put, "properties", '{');
    for (const char *at = fields; (at = field_next(at, &field));)
        put_type(put, field.name, &field);
    lki_put_close(put, '}');
    if (!of_answer)
        lki_put_bool(put, "additionalProperties", false);
    lki_put_close(put, '}');
}

/* ---- operations ---- */

static void put_parameter(struct lki_put *put, const char *in, const struct field *field)
{
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "name", field->name);
    lki_put_text(put, "in", in);
    lki_put_bool(put, "required", field->needed);
    put_type(put, "schema", field);
    lki_put_close(put, '}');
}

static void put_parameters(struct lki_put *put, const struct operation *operation)
{
    static const struct field name = {.name = "name", .type = 's', .needed = true};
    struct field field;

    if (!operation->query && !strchr(operation->path, '{'))
        return;
    lki_put_open(put, "parameters", '[');
    if (strchr(operation->path, '{'))
        put_parameter(put, "path", &name);
    for (const char *at = operation->query; at && (at = field_next(at, &field));)
        put_parameter(put, "query", &field);
    lki_put_close(put, ']');
}

static void put_body(struct lki_put *put, const struct operation *operation)
{
    if (!operation->body)
        return;
    lki_put_open(put, "requestBody", '{');
    lki_put_bool(put, "required", *operation->body != '\0');
    lki_put_open(put, "content", '{');
    lki_put_open(put, "application/json", '{');
    put_schema(put, operation->body, false);
    lki_put_close(put, '}');
    lki_put_close(put, '}');
    lki_put_close(put, '}');
}

static void put_content(struct lki_put *put, const struct operation *operation)
{
    lki_put_open(put, "content", '{');
    if (operation->answer) {
        lki_put_open(put, "application/json", '{');
        put_schema(put, operation->answer, true);
        lki_put_close(put, '}');
    }
    if (operation->type)
        lki_put_raw(put, operation->type, "{}", 2);
    lki_put_close(put, '}');
}

static void put_answers(struct lki_put *put, const struct operation *operation)
{
    static const char refused[] = "{\"$ref\":\"#/components/responses/Refused\"}";
    bool socket = !operation->answer && !operation->type;

    lki_put_open(put, "responses", '{');
    lki_put_open(put, socket ? "101" : "200", '{');
    lki_put_text(put, "description", operation->summary);
    if (!socket)
        put_content(put, operation);
    lki_put_close(put, '}');
    lki_put_raw(put, "default", refused, sizeof(refused) - 1);
    lki_put_close(put, '}');
}

static bool is_open(const char *path)
{
    static const char *const open[] = {"/", "/health", "/login", "/logout", "/openapi.json"};

    for (size_t i = 0; i < LKI_COUNT(open); i++) {
        if (!strcmp(path, open[i]))
            return true;
    }
    return false;
}

static void put_operation(struct lki_put *put, const struct operation *operation)
{
    lki_put_open(put, operation->path, '{');
    lki_put_open(put, operation->method, '{');
    lki_put_text(put, "summary", operation->summary);
    put_parameters(put, operation);
    put_body(put, operation);
    put_answers(put, operation);
    if (is_open(operation->path))
        lki_put_raw(put, "security", "[]", 2);
    lki_put_close(put, '}');
    lki_put_close(put, '}');
}

static void put_components(struct lki_put *put)
{
    static const char components[] =
        "{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
        "\"responses\":{\"Refused\":{\"description\":\"It was not done\",\"content\":"
        "{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"error\"],"
        "\"properties\":{\"error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],"
        "\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
        "\"details\":{}}}}}}}}}}";

    lki_put_raw(put, "components", components, sizeof(components) - 1);
    lki_put_raw(put, "security", "[{\"token\":[]}]", 14);
}

void lki_api_openapi(struct lki_web_request *request, void *arg)
{
    const struct lki_api *api = arg;
    struct lki_put put;

    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_put_open(&put, NULL, '{');
    lki_put_text(&put, "openapi", "3.1.0");
    lki_put_open(&put, "info", '{');
    lki_put_text(&put, "title", api->program);
    lki_put_text(&put, "description", "Orchestrator of load tests; see loadkit-api(7)");
    lki_put_text(&put, "version", LK_VERSION);
    lki_put_close(&put, '}');
    lki_put_open(&put, "paths", '{');
    for (size_t i = 0; i < LKI_COUNT(operations); i++)
        put_operation(&put, &operations[i]);
    lki_put_close(&put, '}');
    put_components(&put);
    lki_put_close(&put, '}');
    lki_api_answer(request, &put);
}
