/* WebSockets: the handshake by hand, frames by wslay. What clients send is read, and forgotten. */
#include <string.h>

#include "base/text.h"
#include "net/ws_key.h"
#include "web/stream.h"
#include "web/token.h"

#define MESSAGE_MAX_BYTES 65536
#define HEAD_MAX_BYTES 512

static ssize_t on_recv(wslay_event_context_ptr socket, uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct lki_web_stream *stream = arg;
    int count = evbuffer_remove(bufferevent_get_input(stream->conn->bev), bytes, len);

    (void)flags;
    if (count <= 0) {
        wslay_event_set_error(socket, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    return count;
}

static ssize_t on_send(wslay_event_context_ptr socket, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct lki_web_stream *stream = arg;

    (void)flags;
    if (evbuffer_add(bufferevent_get_output(stream->conn->bev), bytes, len)) {
        wslay_event_set_error(socket, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)len;
}

/* wslay answers a close, and what is wrong, by closing as well. */
bool lki_web_socket_read(struct lki_web_stream *stream)
{
    wslay_event_context_ptr socket = stream->socket;
    bool broken = wslay_event_recv(socket) != 0;

    if (wslay_event_send(socket))
        return false;
    if (broken || (wslay_event_get_close_sent(socket) &&
                   (wslay_event_get_close_received(socket) || !wslay_event_want_read(socket))))
        stream->agreed = true;
    return true;
}

static bool queue(struct lki_web_stream *stream, uint8_t opcode, const char *bytes, size_t len)
{
    struct wslay_event_msg message = {
        .opcode = opcode, .msg = (const uint8_t *)bytes, .msg_length = len};

    return !wslay_event_queue_msg(stream->socket, &message) && !wslay_event_send(stream->socket);
}

bool lki_web_socket_write(struct lki_web_stream *stream, const char *text, size_t len)
{
    return queue(stream, WSLAY_TEXT_FRAME, text, len);
}

bool lki_web_socket_ping(struct lki_web_stream *stream)
{
    return queue(stream, WSLAY_PING, "", 0);
}

void lki_web_socket_leave(struct lki_web_stream *stream, unsigned status)
{
    if (wslay_event_queue_close(stream->socket, (uint16_t)status, NULL, 0) ||
        wslay_event_send(stream->socket))
        stream->agreed = true;
}

/* ---- the handshake */

/* False: answered. */
static bool is_handshake(struct lki_web_request *request)
{
    const char *version = lki_web_header(request, "Sec-WebSocket-Version");
    const char *key = lki_web_header(request, "Sec-WebSocket-Key");
    bool asked = lki_text_list_has(lki_web_header(request, "Upgrade"), "websocket") &&
                 lki_text_list_has(lki_web_header(request, "Connection"), "upgrade");

    if (asked && version && !strcmp(version, "13")) {
        if (key && lki_ws_key_is_valid(key) && !strcmp(request->method, "GET"))
            return true;
        lki_web_fail(request, 400, "bad_request", NULL,
                     "Sec-WebSocket-Key is missing or malformed");
        return false;
    }
    lki_web_answer_header(request, "Upgrade", "websocket");
    lki_web_answer_header(request, "Sec-WebSocket-Version", "13");
    request->closes = true;
    lki_web_fail(request, 426, "upgrade_required", NULL,
                 asked ? "%s takes WebSockets of version 13" : "%s takes WebSockets only",
                 request->target.path);
    return false;
}

static void head_write(struct lki_buf *head, const struct lki_web_request *request)
{
    char accept[LKI_WS_ACCEPT_BYTES];

    lki_ws_accept(lki_web_header(request, "Sec-WebSocket-Key"), accept);
    lki_buf_printf(head,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                   accept);
    if (lki_text_list_has(lki_web_header(request, "Sec-WebSocket-Protocol"), LKI_WEB_PROTOCOL))
        lki_buf_str(head, "Sec-WebSocket-Protocol: " LKI_WEB_PROTOCOL "\r\n");
    lki_buf_str(head, "\r\n");
}

static bool socket_open(struct lki_web_stream *stream)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                           .send_callback = on_send};

    if (wslay_event_context_server_init(&stream->socket, &callbacks, stream))
        return false;
    wslay_event_config_set_max_recv_msg_length(stream->socket, MESSAGE_MAX_BYTES);
    return true;
}

struct lki_web_stream *lki_web_socket(struct lki_web_request *request,
                                      lki_web_stream_closed *on_closed, void *arg)
{
    struct lki_web_stream *stream;
    struct lki_buf head;

    if (!is_handshake(request))
        return NULL;
    stream = lki_web_stream_new(request, on_closed, arg);
    if (!stream)
        return NULL;
    lki_buf_init(&head, HEAD_MAX_BYTES);
    head_write(&head, request);
    if (head.err || !socket_open(stream)) {
        lki_web_stream_free(stream);
        lki_web_fail(request, 500, "internal_error", NULL, "out of memory");
        stream = NULL;
    } else {
        lki_web_stream_begin(stream, request, &head);
    }
    lki_buf_release(&head);
    return stream;
}
