/* Replies of JSON-RPC: which call they belong to, and what they say. */
#include <stdio.h>
#include <string.h>

#include "base/json_walk.h"
#include "base/mem.h"
#include "client/jsonrpc.h"
#include "client/values.h"

/* The members that count; of those that are not there raw is NULL. */
struct parts {
    struct lki_json_value version;
    struct lki_json_value id;
    struct lki_json_value result;
    struct lki_json_value error;
};

static bool is_text(const struct lki_json_value *value, const char *raw)
{
    return value->raw && value->len == strlen(raw) && !memcmp(value->raw, raw, value->len);
}

static bool is_there(const struct lki_json_value *value)
{
    return value->raw && value->kind != LKI_JSON_NULL;
}

static void parts_take(const struct lki_json_value *object, struct parts *parts)
{
    struct {
        const char *key;
        struct lki_json_value *value;
    } wanted[] = {{"\"jsonrpc\"", &parts->version},
                  {"\"id\"", &parts->id},
                  {"\"result\"", &parts->result},
                  {"\"error\"", &parts->error}};
    struct lki_json_walk walk = lki_json_walk(object);
    struct lki_json_value value;
    struct lki_json_value key;

    memset(parts, 0, sizeof(*parts));
    while (lki_json_walk_member(&walk, &key, &value)) {
        for (size_t i = 0; i < LKI_COUNT(wanted); i++) {
            if (!wanted[i].value->raw && is_text(&key, wanted[i].key))
                *wanted[i].value = value;
        }
    }
}

/* Is that the id of the call? */
static bool is_id(const struct lki_json_value *id, const struct lk_rpc_request *rpc,
                  struct lki_arena *arena)
{
    int64_t number;
    size_t len;
    char *text;

    if (!id->raw)
        return false;
    if (!rpc->id_text)
        return !lki_json_int(id, &number) && number == rpc->id;
    text = id->kind == LKI_JSON_STRING ? lki_arena_alloc(arena, id->len) : NULL;
    return text && !lki_json_string(id, text, &len) && !strcmp(text, rpc->id_text);
}

static void bad(struct lki_rpc_call *call, const char *why)
{
    call->found = LKI_RPC_BAD;
    call->why = why;
}

static void read_error(struct lki_rpc_call *call, const struct lki_json_value *error)
{
    struct lki_json_value member;
    int64_t code;

    if (error->kind != LKI_JSON_OBJECT) {
        bad(call, "its error is no object");
        return;
    }
    if (lki_json_find(error->raw, error->len, "code", &member) || lki_json_int(&member, &code)) {
        bad(call, "its error has no code that is an integer");
        return;
    }
    if (lki_json_find(error->raw, error->len, "message", &member) ||
        member.kind != LKI_JSON_STRING) {
        bad(call, "its error has no message that is a string");
        return;
    }
    call->found = LKI_RPC_ERROR;
    call->code = code;
    call->value = *error;
}

/* A server that could not tell the id of what it got says null. */
static bool is_for_all(const struct parts *parts)
{
    return is_text(&parts->version, "\"2.0\"") && !is_there(&parts->id) && is_there(&parts->error);
}

static void read_parts(struct lki_rpc_call *call, const struct parts *parts,
                       struct lki_arena *arena)
{
    call->answered = true;
    if (!is_text(&parts->version, "\"2.0\""))
        bad(call, "its jsonrpc is not \"2.0\"");
    else if (!is_for_all(parts) && !is_id(&parts->id, &call->rpc, arena))
        bad(call, "its id is not that of the call");
    else if (is_there(&parts->error) && parts->result.raw)
        bad(call, "it has both a result and an error");
    else if (is_there(&parts->error))
        read_error(call, &parts->error);
    else if (!parts->result.raw)
        bad(call, "it has neither a result nor an error");
    else
        call->value = parts->result;
}

/* Of those to which it could belong the first. */
static struct lki_rpc_call *call_of(struct lki_rpc_call *calls, size_t count,
                                    const struct lki_json_value *id, struct lki_arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].answered && !calls[i].rpc.notification && is_id(id, &calls[i].rpc, arena))
            return &calls[i];
    }
    return NULL;
}

static void read_batch(struct lki_rpc_call *calls, size_t count, const struct lki_json_value *array,
                       struct lki_arena *arena)
{
    struct lki_json_walk walk = lki_json_walk(array);
    struct lki_json_value value;
    struct lki_rpc_call *call;
    struct parts parts;

    while (lki_json_walk_element(&walk, &value)) {
        if (value.kind != LKI_JSON_OBJECT)
            continue;
        parts_take(&value, &parts);
        call = call_of(calls, count, &parts.id, arena);
        if (call)
            read_parts(call, &parts, arena);
    }
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].answered && !calls[i].rpc.notification)
            bad(&calls[i], "no reply has its id");
    }
}

/* All to which something is to be replied. */
static void bad_all(struct lki_rpc_call *calls, size_t count, const char *why,
                    struct lki_arena *arena)
{
    const char *kept = lki_arena_copy(arena, why, strlen(why));

    for (size_t i = 0; i < count; i++) {
        if (!calls[i].rpc.notification)
            bad(&calls[i], kept ? kept : "out of memory");
    }
}

/* Of an answer with a status that is an error the status says more than what is wrong with it. To a
 * notification it is all that is said. */
static void status_tell(struct lki_rpc_call *calls, size_t count, int status,
                        struct lki_arena *arena)
{
    for (size_t i = 0; i < count && status / 100 != 2; i++) {
        const char *why;

        if (calls[i].rpc.notification && !calls[i].answered)
            bad(&calls[i], "though nothing is to be replied");
        why = calls[i].found == LKI_RPC_BAD
                  ? lki_arena_printf(arena, "HTTP %d, %s", status, calls[i].why)
                  : NULL;
        if (why)
            calls[i].why = why;
    }
}

void lki_rpc_read(struct lki_rpc_call *calls, size_t count, bool batch, const lk_response *response,
                  struct lki_arena *arena)
{
    const struct lki_doc doc = {.text = response->body, .len = response->body_bytes};
    struct lki_json_value value;
    char found[LKI_FOUND_BYTES];
    struct parts parts;

    if (lki_json_check(doc.text, doc.len) || lki_json_find(doc.text, doc.len, "", &value)) {
        lki_doc_describe(&doc, found);
        bad_all(calls, count, found, arena);
    } else if (value.kind == LKI_JSON_ARRAY && batch) {
        read_batch(calls, count, &value, arena);
    } else if (value.kind != LKI_JSON_OBJECT) {
        bad_all(calls, count, "it is no object", arena);
    } else {
        /* to a batch it says that nothing could be made of it */
        parts_take(&value, &parts);
        for (size_t i = 0; i < count; i++) {
            if (!calls[i].rpc.notification || is_for_all(&parts))
                read_parts(&calls[i], &parts, arena);
        }
    }
    status_tell(calls, count, response->status, arena);
}
