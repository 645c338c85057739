#define _GNU_SOURCE

#include "support/ws_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* and its answer, from RFC 6455: */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct text {
    struct text *next;
    size_t len;
    char bytes[];
};

struct ws_client {
    int fd;
    wslay_event_context_ptr events;
    char head[8192];
    size_t head_len;            /* with what has come behind the head */
    size_t head_at;             /* how much of it has been taken */
    struct text *first, **last; /* texts that have come */
    struct text *read;          /* the one that was handed out */
    unsigned pings, pongs;
};

static ssize_t on_recv(wslay_event_context_ptr events, uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct ws_client *client = arg;
    size_t early = client->head_len - client->head_at;
    ssize_t got;

    (void)flags;
    if (early) {
        len = len < early ? len : early;
        memcpy(bytes, client->head + client->head_at, len);
        client->head_at += len;
        return (ssize_t)len;
    }
    got = recv(client->fd, bytes, len, MSG_DONTWAIT);
    if (got > 0)
        return got;
    wslay_event_set_error(events, got < 0 && errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK
                                                             : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr events, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct ws_client *client = arg;
    ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);

    (void)flags;
    if (sent < 0)
        wslay_event_set_error(events, WSLAY_ERR_CALLBACK_FAILURE);
    return sent;
}

static int on_mask(wslay_event_context_ptr events, uint8_t *bytes, size_t len, void *arg)
{
    (void)events;
    (void)arg;
    memset(bytes, 0x5a, len);
    return 0;
}

static void on_message(wslay_event_context_ptr events,
                       const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct ws_client *client = user;
    struct text *text;

    (void)events;
    client->pings += arg->opcode == WSLAY_PING;
    client->pongs += arg->opcode == WSLAY_PONG;
    if (arg->opcode != WSLAY_TEXT_FRAME)
        return;
    text = malloc(sizeof(*text) + arg->msg_length + 1);
    text->next = NULL;
    text->len = arg->msg_length;
    memcpy(text->bytes, arg->msg, text->len);
    text->bytes[text->len] = '\0';
    *client->last = text;
    client->last = &text->next;
}

static int dial(const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    int fd = -1;

    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &found))
        return -1;
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* The head of the answer is terminated where it ends; the status is 0 if none comes. */
static int read_head(struct ws_client *client)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    char *end = NULL;

    while (!end && poll(&ready, 1, 10000) > 0) {
        ssize_t got = recv(client->fd, client->head + client->head_len,
                           sizeof(client->head) - 1 - client->head_len, 0);

        if (got <= 0)
            return 0;
        client->head_len += (size_t)got;
        end = memmem(client->head, client->head_len, "\r\n\r\n", 4);
    }
    if (!end)
        return 0;
    end[3] = '\0';
    client->head_at = (size_t)(end + 4 - client->head);
    return atoi(client->head + strlen("HTTP/1.1 "));
}

struct ws_client *ws_open(const char *host, uint16_t port, const char *path, const char *fields,
                          int *status)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                           .send_callback = on_send,
                                                           .genmask_callback = on_mask,
                                                           .on_msg_recv_callback = on_message};
    struct ws_client *client = calloc(1, sizeof(*client));
    const char *accept;

    *status = 0;
    client->last = &client->first;
    client->fd = dial(host, port);
    if (client->fd >= 0) {
        dprintf(client->fd,
                "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: keep-alive, "
                "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n",
                path, host, port, fields);
        *status = read_head(client);
    }
    accept = ws_field(client, "Sec-WebSocket-Accept");
    if (*status != 101 || !accept || strcmp(accept, ACCEPT) != 0) {
        ws_free(client);
        return NULL;
    }
    wslay_event_context_client_init(&client->events, &callbacks, client);
    wslay_event_config_set_max_recv_msg_length(client->events, UINT32_MAX);
    return client;
}

/* The first of the texts, which is the caller's until the next. */
static const char *take(struct ws_client *client, size_t *len)
{
    struct text *text = client->first;

    free(client->read);
    client->read = text;
    client->first = text->next;
    if (!client->first)
        client->last = &client->first;
    if (len)
        *len = text->len;
    return text->bytes;
}

const char *ws_read(struct ws_client *client, int ms, size_t *len)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};

    while (!client->first) {
        int failed = wslay_event_recv(client->events);

        wslay_event_send(client->events);
        if (client->first)
            break;
        if (failed || !wslay_event_want_read(client->events) || poll(&ready, 1, ms) <= 0)
            return NULL;
    }
    return take(client, len);
}

bool ws_send(struct ws_client *client, const char *text, size_t len)
{
    struct wslay_event_msg message = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = len};

    return !wslay_event_queue_msg(client->events, &message) && !wslay_event_send(client->events);
}

void ws_ping(struct ws_client *client)
{
    struct wslay_event_msg message = {
        .opcode = WSLAY_PING, .msg = (const uint8_t *)"?", .msg_length = 1};

    wslay_event_queue_msg(client->events, &message);
    wslay_event_send(client->events);
}

void ws_raw(struct ws_client *client, const void *bytes, size_t len)
{
    (void)!send(client->fd, bytes, len, MSG_NOSIGNAL);
}

unsigned ws_pings(const struct ws_client *client)
{
    return client->pings;
}

unsigned ws_pongs(const struct ws_client *client)
{
    return client->pongs;
}

unsigned ws_status(const struct ws_client *client)
{
    return wslay_event_get_close_received(client->events)
               ? wslay_event_get_status_code_received(client->events)
               : 0;
}

const char *head_field(const char *head, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);

    for (const char *at = strstr(head, "\r\n"); at && at[2]; at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, len) != 0 || at[2 + len] != ':')
            continue;
        at += 2 + len + 1;
        at += strspn(at, " ");
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
        return value;
    }
    return NULL;
}

const char *ws_field(const struct ws_client *client, const char *name)
{
    return head_field(client->head, name);
}

bool ws_leave(struct ws_client *client, int ms)
{
    wslay_event_queue_close(client->events, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    wslay_event_send(client->events);
    while (!wslay_event_get_close_received(client->events)) {
        if (!ws_read(client, ms, NULL))
            break;
    }
    return wslay_event_get_close_received(client->events);
}

int ws_fd(const struct ws_client *client)
{
    return client->fd;
}

void ws_free(struct ws_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    if (client->events)
        wslay_event_context_free(client->events);
    while (client->first)
        take(client, NULL);
    free(client->read);
    free(client);
}
