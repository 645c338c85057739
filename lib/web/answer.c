/*
 * Answers: what a handler says, with what every answer has.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "web/inner.h"

#define ERROR_MAX_BYTES ((size_t)1024 * 1024)

const char *lki_web_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Status";
}

void lki_web_answer_header(struct lki_web_request *request, const char *name, const char *value)
{
    if (!strpbrk(value, "\r\n"))
        evhttp_add_header(evhttp_request_get_output_headers(request->http), name, value);
}

static void header_unless(struct lki_web_request *request, const char *name, const char *value)
{
    if (!evhttp_find_header(evhttp_request_get_output_headers(request->http), name))
        lki_web_answer_header(request, name, value);
}

static void add_headers(struct lki_web_request *request, const char *type)
{
    if (type)
        lki_web_answer_header(request, "Content-Type", type);
    if (type && !strncmp(type, "text/html", 9))
        header_unless(request, "Content-Security-Policy",
                      "default-src 'self'; frame-ancestors 'none'");
    header_unless(request, "Cache-Control", "no-store");
    lki_web_answer_header(request, "X-Content-Type-Options", "nosniff");
    lki_web_answer_header(request, "X-Frame-Options", "DENY");
    lki_web_answer_header(request, "Referrer-Policy", "no-referrer");
    lki_web_answer_header(request, "Cross-Origin-Resource-Policy", "same-origin");
    if (lki_web_is_cors(request))
        lki_web_answer_header(request, "Access-Control-Allow-Origin",
                              request->web->settings.cors_origin);
    if (request->web->settings.cors_origin)
        lki_web_answer_header(request, "Vary", "Origin");
    if (request->closes)
        lki_web_answer_header(request, "Connection", "close");
}

static void on_answered(struct evhttp_request *http, void *arg)
{
    struct lki_web_conn *conn = arg;
    int64_t idle_ns = conn->web->settings.limits.idle_ns;
    int64_t request_ns = conn->web->settings.limits.request_ns;

    (void)http;
    lki_web_conn_phase(conn, LKI_WEB_IDLE, idle_ns);
    if (evbuffer_get_length(bufferevent_get_input(conn->bev)))
        lki_web_conn_phase(conn, LKI_WEB_READING, request_ns);
}

/* Reading stops until it is out: the end of what a client sends is no reason not to answer it. */
static void send_answer(struct lki_web_request *request, int status)
{
    struct lki_web_conn *conn = request->conn;

    evhttp_request_set_on_complete_cb(request->http, on_answered, conn);
    conn->request = NULL;
    conn->ours = true;
    evhttp_send_reply(request->http, status, lki_web_phrase(status), NULL);
    conn->ours = false;
    bufferevent_disable(conn->bev, EV_READ);
    lki_web_conn_phase(conn, LKI_WEB_ANSWERING, conn->web->settings.limits.request_ns);
}

void lki_web_answer(struct lki_web_request *request, int status, const char *type,
                    const void *bytes, size_t len)
{
    struct evbuffer *body = evhttp_request_get_output_buffer(request->http);
    bool head = !strcmp(request->method, "HEAD");
    char length[32];

    add_headers(request, type);
    if (status != 204 && status != 304) {
        snprintf(length, sizeof(length), "%zu", len);
        lki_web_answer_header(request, "Content-Length", length);
    }
    request->on_gone = NULL;
    if (len && !head && evbuffer_add(body, bytes, len)) {
        lki_web_conn_end(request->conn);
        return;
    }
    send_answer(request, status);
    lki_web_request_free(request);
}

void lki_web_error_write(struct lki_buf *out, const char *code, const char *details,
                         const char *message)
{
    lki_buf_str(out, "{\"error\":{\"code\":");
    lki_json_write_string(out, code, strlen(code));
    lki_buf_str(out, ",\"message\":");
    lki_json_write_string(out, message, strlen(message));
    if (details) {
        lki_buf_str(out, ",\"details\":");
        lki_buf_str(out, details);
    }
    lki_buf_str(out, "}}");
}

void lki_web_json(struct lki_web_request *request, int status, const struct lki_buf *json)
{
    static const char failed[] =
        "{\"error\":{\"code\":\"internal_error\",\"message\":\"out of memory\"}}";

    if (json->err)
        lki_web_answer(request, 500, "application/json", failed, sizeof(failed) - 1);
    else
        lki_web_answer(request, status, "application/json", json->data, json->len);
}

void lki_web_fail(struct lki_web_request *request, int status, const char *code,
                  const char *details, const char *fmt, ...)
{
    struct lki_buf message;
    struct lki_buf json;
    va_list args;

    lki_buf_init(&message, ERROR_MAX_BYTES);
    lki_buf_init(&json, 8 * ERROR_MAX_BYTES);
    va_start(args, fmt);
    lki_buf_vprintf(&message, fmt, args);
    va_end(args);
    if (lki_buf_cstr(&message))
        lki_web_error_write(&json, code, details, message.data);
    else
        json.err = message.err;
    lki_web_json(request, status, &json);
    lki_buf_release(&json);
    lki_buf_release(&message);
}
