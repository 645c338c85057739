/*
 * The peer of chat: whatever somebody says in a room, everybody in it hears. A room is a path, and
 * each of its members a WebSocket. SIGTERM or SIGINT ends it, with a count of those that came and
 * of what they said.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <wslay/wslay.h>

#include "loopback.h"

#define HEAD_BYTES 4096
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static struct conn {
    struct conn *next, **link; /* in its room; link NULL: in none yet */
    struct room *room;
    wslay_event_context_ptr socket; /* NULL: the handshake is to come */
    size_t len;
    char *head;
    bool gone;
} conns[CONNS_MAX];

static struct room {
    struct room *next;
    struct conn *members;
    char path[256];
} * rooms;

static unsigned long handshakes, messages;

static int fd_of(const struct conn *conn)
{
    return (int)(conn - conns);
}

/* ---- frames */

static ssize_t on_recv(wslay_event_context_ptr socket, uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct conn *conn = arg;
    ssize_t got = recv(fd_of(conn), bytes, len, 0);

    (void)flags;
    if (got > 0)
        return got;
    wslay_event_set_error(socket, got < 0 && errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK
                                                             : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr socket, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct conn *conn = arg;
    ssize_t sent = send(fd_of(conn), bytes, len,
                        MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));

    if (sent >= 0)
        return sent;
    wslay_event_set_error(socket,
                          errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

/* Sends what it has to hear, and waits for the rest to be taken. */
static void flush(struct conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd_of(conn)};

    conn->gone = conn->gone || wslay_event_send(conn->socket) != 0;
    if (wslay_event_want_write(conn->socket))
        event.events |= EPOLLOUT;
    epoll_ctl(epoll, EPOLL_CTL_MOD, fd_of(conn), &event);
}

static void on_message(wslay_event_context_ptr socket,
                       const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    const struct conn *conn = user;
    struct wslay_event_msg message = {arg->opcode, arg->msg, arg->msg_length};

    (void)socket;
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    messages++;
    for (struct conn *member = conn->room->members; member; member = member->next) {
        wslay_event_queue_msg(member->socket, &message);
        flush(member);
    }
}

/* ---- the handshake */

static void enter(struct conn *conn, const char *path)
{
    struct room *room = rooms;

    while (room && strcmp(room->path, path) != 0)
        room = room->next;
    if (!room) {
        room = calloc(1, sizeof(*room));
        if (!room)
            abort();
        snprintf(room->path, sizeof(room->path), "%s", path);
        room->next = rooms;
        rooms = room;
    }
    conn->room = room;
    conn->next = room->members;
    conn->link = &room->members;
    if (conn->next)
        conn->next->link = &conn->next;
    room->members = conn;
}

static void leave(struct conn *conn)
{
    if (conn->link) {
        *conn->link = conn->next;
        if (conn->next)
            conn->next->link = conn->link;
    }
    if (conn->socket)
        wslay_event_context_free(conn->socket);
    free(conn->head);
    close(fd_of(conn));
    memset(conn, 0, sizeof(*conn));
}

/* False: it is no handshake. */
static bool answer(struct conn *conn)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv, .send_callback = on_send, .on_msg_recv_callback = on_message};
    const char *key = strcasestr(conn->head, "\r\nSec-WebSocket-Key: ");
    const char *protocol = strcasestr(conn->head, "\r\nSec-WebSocket-Protocol: chat\r\n");
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char accept[64];
    char path[256];
    char text[128];
    int len;

    if (sscanf(conn->head, "GET %255s HTTP/1.1", path) != 1 || !key)
        return false;
    len = snprintf(text, sizeof(text), "%.24s" GUID, key + strlen("\r\nSec-WebSocket-Key: "));
    EVP_Digest(text, (size_t)len, hash, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock(accept, hash, 20);
    handshakes++;
    dprintf(fd_of(conn),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: %s\r\n%s\r\n",
            (char *)accept, protocol ? "Sec-WebSocket-Protocol: chat\r\n" : "");
    if (wslay_event_context_server_init(&conn->socket, &callbacks, conn))
        return false;
    enter(conn, path);
    return true;
}

/* A client says nothing before it is answered: nothing comes behind the head. */
static bool on_head(struct conn *conn)
{
    ssize_t got;

    if (!conn->head)
        conn->head = malloc(HEAD_BYTES);
    if (!conn->head)
        return false;
    got = recv(fd_of(conn), conn->head + conn->len, HEAD_BYTES - 1 - conn->len, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    conn->len += (size_t)got;
    conn->head[conn->len] = '\0';
    if (strstr(conn->head, "\r\n\r\n"))
        return answer(conn);
    return conn->len < HEAD_BYTES - 1;
}

static void on_ready(int fd)
{
    struct conn *conn = &conns[fd];

    if (!conn->socket) {
        conn->gone = !on_head(conn);
    } else {
        conn->gone = wslay_event_recv(conn->socket) != 0;
        flush(conn);
        conn->gone = conn->gone || (!wslay_event_want_read(conn->socket) &&
                                    !wslay_event_want_write(conn->socket));
    }
    if (conn->gone)
        leave(conn);
}

static void leave_all(void)
{
    for (int fd = 0; fd < CONNS_MAX; fd++) {
        if (conns[fd].socket || conns[fd].head)
            leave(&conns[fd]);
    }
    while (rooms) {
        struct room *next = rooms->next;

        free(rooms);
        rooms = next;
    }
}

int main(int argc, char **argv)
{
    int status = loopback_serve(argc, argv, on_ready);

    if (!status)
        printf("answered %lu handshakes, passed on %lu messages\n", handshakes, messages);
    leave_all();
    return status;
}
