#include "client/response.h"

#include "net/http1_parse.h"

struct lki_doc *lki_response_doc(const lk_response *response)
{
    return &lki_response_of(response)->doc;
}

struct lki_response *lki_response_new(lk_vu *vu, struct lki_arena *arena,
                                      const struct lki_exchange_result *result, const char *name)
{
    struct lki_unit *unit = lki_vu_unit(vu);
    struct lki_response *response = lki_arena_alloc(arena, sizeof(*response));

    if (!response) {
        lki_arena_reset(arena);
        lki_vu_nomem(vu);
    }
    *response = (struct lki_response){
        .pub = {.status = result->status,
                .version = result->status ? result->version : 0,
                .body = result->status ? result->body : "",
                .body_bytes = result->status ? result->body_bytes : 0,
                .seconds = (double)(result->end_ns - result->start_ns) / 1e9,
                .url = ""},
        .next = unit->responses,
        .unit = unit,
        .arena = *arena,
        .code = result->code,
        .error = result->status ? "" : result->error,
        .head = result->head,
        .head_bytes = result->head_bytes,
        .doc = {.vu = vu, .sample = name},
    };
    response->doc.text = response->pub.body;
    response->doc.len = response->pub.body_bytes;
    response->doc.arena = &response->arena;
    if (response->next)
        response->next->prev = response;
    unit->responses = response;
    return response;
}

const char *lk_header(const lk_response *pub, const char *name)
{
    struct lki_response *response = lki_response_of(pub);
    const char *value;
    const char *copy;
    size_t len;

    lki_need(pub, "lk_header", "the response");
    lki_need(name, "lk_header", "the name");
    if (!response->head_bytes ||
        !lki_http1_header(response->head, response->head_bytes, name, 0, &value, &len))
        return "";
    copy = lki_arena_copy(&response->arena, value, len);
    if (!copy)
        lki_vu_nomem(response->unit->vu);
    return copy;
}

const char *lk_error(const lk_response *pub)
{
    lki_need(pub, "lk_error", "the response");
    return lki_response_of(pub)->error;
}

/* The response lies in its own arena, which is copied out first. */
static void response_free(struct lki_response *response)
{
    struct lki_arena arena = response->arena;

    if (response->prev)
        response->prev->next = response->next;
    else
        response->unit->responses = response->next;
    if (response->next)
        response->next->prev = response->prev;
    lki_arena_reset(&arena);
}

void lk_response_free(lk_response *pub)
{
    if (pub)
        response_free(lki_response_of(pub));
}

void lki_responses_free(struct lki_unit *unit)
{
    while (unit->responses)
        response_free(unit->responses);
}
