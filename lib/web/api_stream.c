/* What is told to those who listen: the same by WebSocket and as server-sent events. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "web/api_inner.h"

struct lki_api_stream {
    struct lki_api *api;
    struct lki_web_stream *stream;
    struct lki_api_stream *next, **link;
};

static void on_closed(struct lki_web_stream *stream, void *arg)
{
    struct lki_api_stream *one = arg;

    (void)stream;
    *one->link = one->next;
    if (one->next)
        one->next->link = one->link;
    free(one);
}

/* {"type":"metrics_tick","payload":{...}} */
static bool message_put(struct lki_api *api, struct lki_put *put, const char *type)
{
    const struct lki_api_metrics_query query = {.count = 100};

    lki_put_init(put, LKI_API_ANSWER_MAX);
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "type", type);
    lki_api_put_metrics(api, put, "payload", &query);
    lki_put_close(put, '}');
    return !put->buf.err;
}

/* The first message is how it stands, whenever that was. */
static void begin(struct lki_api *api, struct lki_api_stream *one)
{
    static const char type[] = "metrics_snapshot";
    struct lki_put put;

    one->api = api;
    one->next = api->streams;
    one->link = &api->streams;
    if (one->next)
        one->next->link = &one->next;
    api->streams = one;
    if (message_put(api, &put, type))
        lki_web_stream_send(one->stream, type, put.buf.data, put.buf.len);
    lki_put_release(&put);
}

typedef struct lki_web_stream *opener(struct lki_web_request *request,
                                      void (*on_closed)(struct lki_web_stream *stream, void *arg),
                                      void *arg);

static void open_stream(struct lki_web_request *request, struct lki_api *api, opener *open)
{
    struct lki_api_stream *one = lki_zalloc(sizeof(*one));

    if (!one) {
        lki_web_fail(request, 500, "internal_error", NULL, "%s", lk_strerror(LK_E_NOMEM));
        return;
    }
    one->stream = open(request, on_closed, one);
    if (one->stream)
        begin(api, one);
    else
        free(one);
}

void lki_api_socket(struct lki_web_request *request, void *arg)
{
    open_stream(request, arg, lki_web_socket);
}

void lki_api_events(struct lki_web_request *request, void *arg)
{
    open_stream(request, arg, lki_web_events);
}

void lki_api_streams_tell(struct lki_api *api)
{
    static const char type[] = "metrics_tick";
    uint64_t version = lki_history_version(lki_orchestrator_history(api->o));
    struct lki_put put;

    if (version == api->told_version)
        return;
    api->told_version = version;
    if (message_put(api, &put, type)) {
        for (struct lki_api_stream *one = api->streams; one; one = one->next)
            lki_web_stream_send(one->stream, type, put.buf.data, put.buf.len);
    }
    lki_put_release(&put);
}

void lki_api_streams_release(struct lki_api *api)
{
    while (api->streams)
        on_closed(api->streams->stream, api->streams);
}
