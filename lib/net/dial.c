#include "net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define CONNECT_S 3
#define LOOK_UP_S 5

static void set_limit(struct lki_dial *dial, int64_t seconds)
{
    lki_timer_set(&dial->loop->timers, &dial->timer,
                  lki_loop_now(dial->loop) + seconds * LKI_NS_PER_S);
}

static void close_socket(struct lki_dial *dial)
{
    lki_io_stop(&dial->io);
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
}

void lki_dial_stop(struct lki_dial *dial)
{
    if (!dial->loop)
        return;
    lki_timer_cancel(&dial->timer);
    lki_resolve_stop(&dial->resolve);
    close_socket(dial);
}

static void fail(struct lki_dial *dial, const char *fmt, ...) LK_PRINTF(2, 3);

static void fail(struct lki_dial *dial, const char *fmt, ...)
{
    char why[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    lki_dial_stop(dial);
    dial->on_done(dial, -1, why);
}

static void fail_by(struct lki_dial *dial, int error)
{
    if (error == ETIMEDOUT)
        fail(dial, "no answer within %d s", CONNECT_S);
    else if (error == ECONNREFUSED)
        fail(dial, "connection refused; is it running there?");
    else if (error == ENOENT && dial->path)
        fail(dial, "there is no such socket; is it running, and does it listen there?");
    else
        fail(dial, "no connection: %s", strerror(error));
}

static void connect_next(struct lki_dial *dial, int error);

static void on_connected(struct lki_io *io, unsigned events)
{
    struct lki_dial *dial = LKI_CONTAINER(io, struct lki_dial, io);
    int fd = dial->fd;
    int error = 0;
    int on = 1;
    socklen_t len = sizeof(error);

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        error = errno;
    if (error) {
        connect_next(dial, error);
        return;
    }
    if (!dial->path)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    lki_io_stop(&dial->io);
    dial->fd = -1;
    lki_dial_stop(dial);
    dial->on_done(dial, fd, NULL);
}

/* 0: it is on its way; else an errno. */
static int connect_to(struct lki_dial *dial, const struct sockaddr *to, socklen_t len)
{
    close_socket(dial);
    dial->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0)
        return errno;
    if (connect(dial->fd, to, len) && errno != EINPROGRESS)
        return errno;
    if (lki_io_start(dial->loop, &dial->io, dial->fd, LKI_WRITABLE, on_connected))
        return errno ? errno : EIO;
    return 0;
}

static void connect_unix(struct lki_dial *dial)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(dial->path);
    int error = ENAMETOOLONG;

    if (len < sizeof(to.sun_path)) {
        memcpy(to.sun_path, dial->path, len);
        error = connect_to(dial, (const struct sockaddr *)&to, sizeof(to));
    }
    set_limit(dial, CONNECT_S);
    if (error)
        fail_by(dial, error);
}

/* error: of the address before. */
static void connect_next(struct lki_dial *dial, int error)
{
    set_limit(dial, CONNECT_S);
    while (!dial->path && dial->next < dial->resolve.count) {
        const struct lki_address *to = &dial->resolve.addresses[dial->next++];

        error = connect_to(dial, &to->sock.any, to->len);
        if (!error)
            return;
    }
    fail_by(dial, error);
}

static void on_resolved(struct lki_resolve *resolve)
{
    struct lki_dial *dial = LKI_CONTAINER(resolve, struct lki_dial, resolve);

    if (resolve->failure)
        fail(dial, "the name cannot be looked up: %s", resolve->failure);
    else
        connect_next(dial, 0);
}

static void on_limit(struct lki_timer *timer)
{
    struct lki_dial *dial = LKI_CONTAINER(timer, struct lki_dial, timer);

    if (dial->resolve.pid)
        fail(dial, "the name cannot be looked up: no answer within %d s", LOOK_UP_S);
    else
        connect_next(dial, ETIMEDOUT);
}

enum lk_err lki_dial_init(struct lki_dial *dial, struct lki_loop *loop,
                          void (*on_done)(struct lki_dial *self, int fd, const char *why))
{
    *dial = (struct lki_dial){.loop = loop, .fd = -1, .on_done = on_done};
    lki_resolve_init(&dial->resolve, loop, on_resolved);
    return lki_timer_init(&loop->timers, &dial->timer, on_limit);
}

void lki_dial_start(struct lki_dial *dial, const char *path, const char *host, uint16_t port)
{
    dial->path = path;
    dial->next = 0;
    set_limit(dial, LOOK_UP_S);
    if (path)
        connect_unix(dial);
    else if (lki_resolve_digits(&dial->resolve, host, port))
        connect_next(dial, 0);
    else if (lki_resolve_start(&dial->resolve, host, port))
        fail(dial, "the name cannot be looked up: %s", strerror(errno));
}

void lki_dial_release(struct lki_dial *dial)
{
    lki_dial_stop(dial);
    if (dial->loop)
        lki_timer_release(&dial->loop->timers, &dial->timer);
}
