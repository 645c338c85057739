/*
 * A small HTTP/1.1 server on one epoll: connections, answers, timers, the loop. It shares no code
 * with loadkit, so that the two can check each other. A part of shop_server, which is one
 * translation unit: hence functions in a header.
 */
#ifndef EXAMPLES_HTTP_SERVER_H
#define EXAMPLES_HTTP_SERVER_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_request.h"
#include "loopback.h"

#define INBOX_BYTES (2 * BODY_MAX) /* more than the largest request: none is ever stuck */
#define OUTBOX_BYTES (2 * BODY_MAX)
#define REPLY_MAX 8192 /* of one answer, head included */
#define NS_PER_S INT64_C(1000000000)

/* A connection holds memory of its own only while something of it has to wait. */
struct conn {
    int fd;
    bool readable; /* since the last edge nobody has read all */
    bool hung_up;  /* the peer sends no more */
    bool closing;  /* after what is unsent */
    bool reset;    /* close by RST */
    bool refused;  /* closing while the peer may still send: drain, or the answer is lost */
    bool draining;
    bool timed; /* in the heap of timers: a late answer, or draining */
    size_t heap_at;
    int64_t due_ns;
    struct manners late; /* of the request that is answered late */
    unsigned late_ms;
    char *kept; /* input not answered yet */
    size_t kept_len;
    char *unsent;
    size_t unsent_len;
};

struct server {
    void (*answer)(struct server *server, struct conn *conn, const struct request *req);
    void (*answer_late)(struct server *server, struct conn *conn);
    int epoll;
    int listener;
    int spare; /* given up to turn a connection away when no descriptor is left */
    uint64_t requests;
    size_t timers_len;
    struct conn *timers[CONNS_MAX]; /* a heap, the earliest first */
    struct conn conns[CONNS_MAX];   /* by descriptor: pages that nobody touched cost nothing */
    size_t inbox_len;
    size_t outbox_len;
    char inbox[INBOX_BYTES];
    char outbox[OUTBOX_BYTES];
};

/* ---- answers ---- */

static const char *status_line(int status)
{
    static const struct {
        int status;
        const char *line;
    } lines[] = {
        {200, "200 OK"},
        {201, "201 Created"},
        {400, "400 Bad Request"},
        {401, "401 Unauthorized\r\nWWW-Authenticate: Bearer"},
        {404, "404 Not Found"},
        {409, "409 Conflict"},
        {411, "411 Length Required"},
        {413, "413 Content Too Large"},
        {431, "431 Request Header Fields Too Large"},
        {505, "505 HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (lines[i].status == status)
            return lines[i].line;
    return "500 Internal Server Error";
}

/* Into the outbox, where answer_all left room for a whole reply. */
static void put(struct server *server, const char *bytes, size_t len)
{
    memcpy(server->outbox + server->outbox_len, bytes, len);
    server->outbox_len += len;
}

static void put_str(struct server *server, const char *text)
{
    put(server, text, strlen(text));
}

static void put_number(struct server *server, size_t number)
{
    char digits[24];
    char *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    put(server, at, (size_t)(digits + sizeof(digits) - at));
}

/* status: as in the status line, and what further header lines follow it */
static void reply_text(struct server *server, struct conn *conn, struct manners manners,
                       const char *status, struct text body)
{
    put_str(server, "HTTP/1.1 ");
    put_str(server, status);
    put_str(server, "\r\nContent-Type: application/json\r\nContent-Length: ");
    put_number(server, body.len);
    if (manners.close)
        put_str(server, "\r\nConnection: close");
    else if (manners.http10)
        put_str(server, "\r\nConnection: keep-alive");
    put_str(server, "\r\n\r\n");
    if (!manners.head)
        put(server, body.at, body.len);
    if (manners.close)
        conn->closing = true;
}

__attribute__((format(printf, 5, 6))) static void reply(struct server *server, struct conn *conn,
                                                        struct manners manners, int status,
                                                        const char *format, ...)
{
    char body[REPLY_MAX / 2];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(body, sizeof(body), format, args);
    va_end(args);
    reply_text(server, conn, manners, status_line(status), (struct text){body, (size_t)len});
}

/* ---- timers ---- */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void timer_place(struct server *server, size_t at, struct conn *conn)
{
    server->timers[at] = conn;
    conn->heap_at = at;
}

static void timer_sift(struct server *server, struct conn *conn)
{
    struct conn **timers = server->timers;
    size_t at = conn->heap_at, child;

    while (at && timers[(at - 1) / 2]->due_ns > conn->due_ns) {
        timer_place(server, at, timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    while ((child = 2 * at + 1) < server->timers_len) {
        if (child + 1 < server->timers_len && timers[child + 1]->due_ns < timers[child]->due_ns)
            child++;
        if (timers[child]->due_ns >= conn->due_ns)
            break;
        timer_place(server, at, timers[child]);
        at = child;
    }
    timer_place(server, at, conn);
}

static void timer_start(struct server *server, struct conn *conn, int64_t delay_ns)
{
    conn->timed = true;
    conn->due_ns = now_ns() + delay_ns;
    timer_place(server, server->timers_len++, conn);
    timer_sift(server, conn);
}

static void timer_stop(struct server *server, struct conn *conn)
{
    struct conn *last = server->timers[--server->timers_len];

    conn->timed = false;
    if (last != conn) {
        timer_place(server, conn->heap_at, last);
        timer_sift(server, last);
    }
}

/* The request in hand is answered by answer_late after so many milliseconds. */
static void reply_late(struct server *server, struct conn *conn, struct manners manners,
                       unsigned ms)
{
    conn->late = manners;
    conn->late_ms = ms;
    timer_start(server, conn, (int64_t)ms * 1000000);
}

/* ---- connections ---- */

static void conn_close(struct server *server, struct conn *conn)
{
    const struct linger at_once = {.l_onoff = 1};

    if (conn->timed)
        timer_stop(server, conn);
    if (conn->reset)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(conn->fd);
    free(conn->kept);
    free(conn->unsent);
    conn->kept = NULL;
    conn->unsent = NULL;
}

/* What the socket does not take now waits in memory of the connection. False: it is broken. */
static bool conn_send(struct conn *conn, const char *bytes, size_t len)
{
    ssize_t sent = len ? send(conn->fd, bytes, len, MSG_NOSIGNAL) : 0;
    size_t rest = len - (sent > 0 ? (size_t)sent : 0);
    char *unsent = NULL;

    if (sent < 0 && errno != EAGAIN)
        return false;
    if (rest) {
        unsent = malloc(rest);
        if (!unsent)
            return false;
        memcpy(unsent, bytes + len - rest, rest);
    }
    free(conn->unsent); /* bytes may have pointed into it */
    conn->unsent = unsent;
    conn->unsent_len = rest;
    return true;
}

/* Answers the whole requests at the front of the inbox, one after the other. False: broken. */
static bool answer_all(struct server *server, struct conn *conn)
{
    struct text in = {server->inbox, server->inbox_len};
    struct request req;
    size_t used;
    int status;

    server->outbox_len = 0;
    while (in.len && !conn->closing && !conn->timed &&
           server->outbox_len + REPLY_MAX < sizeof(server->outbox)) {
        status = parse_request(in, &req, &used);
        if (!status && !used)
            break;
        if (status) {
            req.manners.close = true;
            reply(server, conn, req.manners, status, "{\"error\":\"%s\"}", status_line(status));
            conn->refused = true;
            used = in.len;
        } else {
            server->requests++;
            server->answer(server, conn, &req);
        }
        in.at += used;
        in.len -= used;
    }
    memmove(server->inbox, in.at, in.len);
    server->inbox_len = in.len;
    return conn_send(conn, server->outbox, server->outbox_len);
}

/* Edge-triggered: reads until the socket has no more. False: end of file or error. */
static bool read_more(struct server *server, struct conn *conn)
{
    size_t room = sizeof(server->inbox) - server->inbox_len;
    ssize_t got = recv(conn->fd, server->inbox + server->inbox_len, room, 0);

    if (got < 0 && errno == EAGAIN) {
        conn->readable = false;
        return true;
    }
    if (got <= 0)
        return false;
    server->inbox_len += (size_t)got;
    if ((size_t)got < room && !conn->hung_up)
        conn->readable = false; /* saves the read that would say EAGAIN */
    return true;
}

static void take_kept(struct server *server, struct conn *conn)
{
    server->inbox_len = conn->kept_len;
    if (conn->kept) {
        memcpy(server->inbox, conn->kept, conn->kept_len);
        free(conn->kept);
        conn->kept = NULL;
        conn->kept_len = 0;
    }
}

static bool keep(struct server *server, struct conn *conn)
{
    if (!server->inbox_len)
        return true;
    conn->kept = malloc(server->inbox_len);
    if (!conn->kept)
        return false;
    memcpy(conn->kept, server->inbox, server->inbox_len);
    conn->kept_len = server->inbox_len;
    return true;
}

/* All is sent, nothing more will be. False: close it now. */
static bool conn_finish(struct server *server, struct conn *conn)
{
    if (!conn->refused || conn->hung_up || shutdown(conn->fd, SHUT_WR))
        return false;
    timer_start(server, conn, NS_PER_S);
    conn->draining = true;
    return true;
}

/* Goes on with a connection as far as it gets without waiting. False: close it. */
static bool serve(struct server *server, struct conn *conn)
{
    take_kept(server, conn);
    for (;;) {
        size_t before = server->inbox_len;

        if (before && !answer_all(server, conn))
            return false;
        if (conn->timed) /* a peer that went away gets no late answer */
            return !conn->hung_up && keep(server, conn);
        if (conn->unsent)
            return keep(server, conn);
        if (conn->closing)
            return conn_finish(server, conn);
        if (server->inbox_len && server->inbox_len < before)
            continue; /* the outbox was full */
        if (!conn->readable)
            return keep(server, conn);
        if (!read_more(server, conn))
            return false;
    }
}

/* Reads what a peer still sends after its last answer, and forgets it. */
static bool drain(struct server *server, struct conn *conn)
{
    do
        server->inbox_len = 0;
    while (read_more(server, conn) && conn->readable);
    return !conn->readable;
}

static void on_event(struct server *server, struct conn *conn, uint32_t events)
{
    bool good = !(events & (EPOLLERR | EPOLLHUP));

    if (events & (EPOLLIN | EPOLLRDHUP))
        conn->readable = true;
    if (events & EPOLLRDHUP)
        conn->hung_up = true;
    if (good && conn->unsent)
        good = conn_send(conn, conn->unsent, conn->unsent_len);
    if (good && conn->draining)
        good = drain(server, conn);
    else if (good && conn->timed)
        good = !conn->hung_up;
    else if (good && !conn->unsent)
        good = serve(server, conn);
    if (!good)
        conn_close(server, conn);
}

static void on_due(struct server *server, struct conn *conn)
{
    bool good = !conn->draining;

    timer_stop(server, conn);
    if (good) {
        server->outbox_len = 0;
        server->answer_late(server, conn);
        good = conn_send(conn, server->outbox, server->outbox_len) &&
               (conn->unsent || serve(server, conn));
    }
    if (!good)
        conn_close(server, conn);
}

static void on_connection(struct server *server, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= CONNS_MAX || epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event))
        close(fd);
    else
        server->conns[fd] = (struct conn){.fd = fd};
}

static void on_listener(struct server *server)
{
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        on_connection(server, fd);
    if (errno == EMFILE || errno == ENFILE) {
        close(server->spare);
        fd = accept(server->listener, NULL, NULL);
        if (fd >= 0)
            close(fd);
        server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

/* ---- the process ---- */

/* Waits for events until the earliest timer; only here signals come through. */
static int wait_events(struct server *server, struct epoll_event *events, int max)
{
    struct timespec left = {0, 0};
    sigset_t none;
    int64_t ns;

    sigemptyset(&none);
    if (!server->timers_len)
        return epoll_pwait2(server->epoll, events, max, NULL, &none);
    ns = server->timers[0]->due_ns - now_ns();
    if (ns > 0)
        left = (struct timespec){ns / NS_PER_S, ns % NS_PER_S};
    return epoll_pwait2(server->epoll, events, max, &left, &none);
}

/* Serves until SIGINT or SIGTERM. What is open then is left to the end of the process. */
static void server_run(struct server *server)
{
    struct epoll_event events[256];

    while (!stopped) {
        int count = wait_events(server, events, 256);
        int64_t now;

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == server->listener)
                on_listener(server);
            else
                on_event(server, &server->conns[events[i].data.fd], events[i].events);
        }
        now = server->timers_len ? now_ns() : 0;
        while (server->timers_len && server->timers[0]->due_ns <= now)
            on_due(server, server->timers[0]);
    }
}

/* Listens on the loopback address, with exact timers. False: errno says why. */
static bool server_listen(struct server *server, uint16_t *port)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->listener = loopback_listen(server->epoll, port);
    return server->listener >= 0;
}

#endif
