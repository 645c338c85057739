/*
 * The peer of raw_tcp: answers each line "PING" with "+PONG", as Redis does. SIGTERM or SIGINT ends
 * it, with a count of the lines that came.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.h"

static struct conn {
    size_t len;
    char line[64]; /* the begin of one that is not complete */
} conns[CONNS_MAX];

static unsigned long lines;

/* False: the peer does not read its answers, or is gone. */
static bool answer(int fd, struct conn *conn)
{
    bool ping = conn->len == 6 && memcmp(conn->line, "PING\r\n", 6) == 0;
    const char *text = ping ? "+PONG\r\n" : "-ERR unknown command\r\n";
    size_t len = strlen(text);

    lines++;
    conn->len = 0;
    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool on_bytes(int fd, struct conn *conn, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (conn->len == sizeof(conn->line))
            return false;
        conn->line[conn->len++] = bytes[i];
        if (bytes[i] == '\n' && !answer(fd, conn))
            return false;
    }
    return true;
}

static void on_readable(int fd)
{
    char bytes[4096];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || !on_bytes(fd, &conns[fd], bytes, (size_t)got)) {
        conns[fd].len = 0;
        close(fd);
    }
}

int main(int argc, char **argv)
{
    int status = loopback_serve(argc, argv, on_readable);

    if (!status)
        printf("answered %lu lines\n", lines);
    return status;
}
