/*
 * A protocol of one's own over a plain socket: lines, as Redis takes them. Each user keeps one
 * connection and measures PING by PING. Anything that gives a descriptor and does not block can be
 * used like this, the client libraries of many databases among them.
 *
 *   ping_server --port 7000 &
 *   raw_tcp -u 100 -d 10s -p port=7000
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#define WAIT_S 2.0

LK_PARAM(port, .required = true, .help = "port on this machine of ping_server, or of a Redis");

LK_VU(pinger) {
    int fd;    /* -1: none */
    bool busy; /* a question was asked and its answer not read to the end */
};

static void hang_up(struct pinger *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    self->busy = false;
}

static void await(lk_vu *vu, int fd, unsigned event, const char *what)
{
    int ready = lk_wait_fd(vu, fd, event, WAIT_S);

    LK_REQUIRE(ready > 0, "%s: %s", what, lk_strerror((enum lk_err)ready));
}

static void dial(lk_vu *vu, struct pinger *self)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int error = 0;
    socklen_t len = sizeof(error);

    addr.sin_port = htons((uint16_t)atoi(lk_param(vu, "port")));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    LK_REQUIRE(self->fd >= 0, "socket: %s", strerror(errno));
    if (!connect(self->fd, (struct sockaddr *)&addr, sizeof(addr)))
        return;
    LK_REQUIRE(errno == EINPROGRESS, "connect: %s", strerror(errno));
    await(vu, self->fd, LK_WRITABLE, "connect");
    getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    LK_REQUIRE(!error, "connect: %s", strerror(error));
}

static void send_all(lk_vu *vu, int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            await(vu, fd, LK_WRITABLE, "send");
            continue;
        }
        LK_REQUIRE(sent >= 0, "send: %s", strerror(errno));
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* One line without its end. */
static void receive_line(lk_vu *vu, int fd, char *line, size_t size)
{
    size_t len = 0;

    while (len < 2 || line[len - 2] != '\r' || line[len - 1] != '\n') {
        ssize_t got;

        LK_REQUIRE(len < size, "the answer is too long");
        got = recv(fd, line + len, size - len, 0);
        if (got < 0 && errno == EAGAIN) {
            await(vu, fd, LK_READABLE, "receive");
            continue;
        }
        LK_REQUIRE(got, "the server closed the connection");
        LK_REQUIRE(got > 0, "receive: %s", strerror(errno));
        len += (size_t)got;
    }
    line[len - 2] = '\0';
}

LK_ON_INIT(pinger)
{
    self->fd = -1;
}

LK_ON_START(pinger)
{
    dial(vu, self);
}

LK_ON_STOP(pinger)
{
    hang_up(self);
}

LK_STEP(pinger, ping, .timeout_s = 5)
{
    char line[64];

    /* However the last step ended: an answer that was not read must not answer this one. */
    if (self->busy)
        hang_up(self);
    if (self->fd < 0)
        dial(vu, self);
    self->busy = true;
    send_all(vu, self->fd, "PING\r\n", 6);
    receive_line(vu, self->fd, line, sizeof(line));
    self->busy = false;
    LK_REQUIRE(strcmp(line, "+PONG") == 0, "PING was answered with \"%s\"", line);
}

LK_MAIN()
