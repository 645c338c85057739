#include "net/conn.h"

#include <errno.h>
#ifdef __linux__
#include <linux/tcp.h>
#else
#include <netinet/tcp.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls.h"

/* The longest that one address of several is tried before the next gets its chance. */
#define TRY_NS (3 * LKI_NS_PER_S)

static void idle_remove(struct lki_conn *conn)
{
    *conn->idle_at = conn->idle_next;
    if (conn->idle_next)
        conn->idle_next->idle_at = conn->idle_at;
    conn->idle_next = NULL;
    conn->idle_at = NULL;
}

struct lki_conn *lki_conn_idle(const struct lki_session *session, const struct lki_origin *origin)
{
    struct lki_conn *conn = session->conns;

    if (LKI_UNLIKELY(session->shared)) {
        conn = origin->idle;
        if (conn)
            idle_remove(conn);
        return conn;
    }
    while (conn && (conn->io.task || conn->origin != origin))
        conn = conn->next;
    return conn;
}

void lki_conn_idle_add(struct lki_conn *conn)
{
    struct lki_conn **list = &conn->origin->idle;

    conn->idle_next = *list;
    conn->idle_at = list;
    if (*list)
        (*list)->idle_at = &conn->idle_next;
    *list = conn;
}

bool lki_conn_undelivered(const struct lki_conn *conn, bool otherwise)
{
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    /* a unix socket whose peer left something unread has been reset, not ended */
    if (conn->origin->transport->settings.unix_socket)
        return false;
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
        len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
        return otherwise;
    /* the opening of the connection counts as one byte */
    return info.tcpi_bytes_acked < conn->written + 1;
#else
    (void)conn;
    return otherwise;
#endif
}

static void on_reap(struct lki_post *post)
{
    free(LKI_CONTAINER(post, struct lki_conn, reap));
}

void lki_conn_close(struct lki_conn *conn)
{
    if (conn->idle_at)
        idle_remove(conn);
    lki_io_stop(&conn->io);
    if (conn->tls)
        lki_tls_close(conn);
    close(conn->fd);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        conn->session->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    lki_loop_post(conn->io.loop, &conn->reap, on_reap);
}

static void on_readable(struct lki_io *io, unsigned events)
{
    struct lki_conn *conn = LKI_CONTAINER(io, struct lki_conn, io);

    if (events & LKI_CLOSED)
        conn->ending = true;
    if (conn->io.task)
        lki_task_wake(conn->io.task, LKI_WAKE_EVENT);
    else if (conn->on_ready)
        conn->on_ready(conn);
    else if (!conn->tls || !lki_tls_stays(conn))
        lki_conn_close(conn);
}

ssize_t lki_conn_recv(struct lki_conn *conn, void *into, size_t cap)
{
    ssize_t got;

    if (LKI_UNLIKELY(conn->tls != NULL))
        return lki_tls_recv(conn, into, cap);
    got = recv(conn->fd, into, cap, 0);
    conn->more = conn->ending || got == (ssize_t)cap || (got < 0 && errno == EINTR);
    return got;
}

ssize_t lki_conn_send(struct lki_conn *conn, const void *bytes, size_t len)
{
    ssize_t sent;

    if (conn->tls)
        return lki_tls_send(conn, bytes, len);
    sent = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    if (sent > 0)
        conn->written += (uint64_t)sent;
    return sent;
}

const char *lki_conn_why(const struct lki_conn *conn, int error)
{
    return error == EPROTO && conn->tls ? lki_tls_why(conn) : strerror(error);
}

bool lki_conn_truncated(const struct lki_conn *conn)
{
    return conn->tls && !lki_tls_ended(conn);
}

bool lki_conn_answers(struct lki_conn *conn)
{
    return !conn->tls || !lki_tls_stays(conn);
}

/* An attempt to connect, and what has become of it. */
struct trial {
    struct lki_task *task;
    struct lki_origin *origin;
    enum lki_wake why; /* for a wait that has to end the exchange */
    int error;         /* ETIMEDOUT for the limit of one try */
    bool unbound;      /* the local address was refused */
};

static lki_code trial_code(const struct trial *trial)
{
    if (trial->error == EMFILE || trial->error == ENFILE)
        return LKI_CODE_HTTP_NO_DESCRIPTORS;
    if ((trial->error == EADDRNOTAVAIL || trial->error == EADDRINUSE) && !trial->unbound)
        return LKI_CODE_HTTP_NO_PORTS;
    return LKI_CODE_HTTP_CONNECT;
}

static void trial_tell(const struct trial *trial, const struct lki_span *span,
                       struct lki_arena *arena, struct lki_exchange_result *result)
{
    const char *path = trial->origin->transport->settings.unix_socket;
    const char *to = path ? path : trial->origin->authority;
    lki_code code = trial_code(trial);

    if (trial->why != LKI_WAKE_EVENT)
        lki_span_broken(span, result, arena, trial->why, "connecting");
    else if (code == LKI_CODE_HTTP_NO_PORTS)
        lki_exchange_fail(result, arena, code,
                          "cannot connect to %s: all local ports are in use; connect from several "
                          "addresses of this machine with --local-addr FIRST-LAST",
                          to);
    else if (trial->unbound)
        lki_exchange_fail(result, arena, code, "cannot connect to %s from the local address %s: %s",
                          to, trial->origin->transport->settings.local_addr,
                          strerror(trial->error));
    else
        lki_exchange_fail(result, arena, code, "cannot connect to %s: %s", to,
                          strerror(trial->error));
}

/* Whether the addresses may have changed: what this machine lacks, or being told to stop, says
 * nothing of them. */
static bool is_unanswered(const struct trial *trial)
{
    return trial->why != LKI_WAKE_DEADLINE && trial->why != LKI_WAKE_CUT && !trial->unbound &&
           trial_code(trial) == LKI_CODE_HTTP_CONNECT;
}

/* -1: trial->error says why. */
static int open_socket(struct trial *trial, int family)
{
    struct lki_local *local = &trial->origin->transport->local;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    trial->error = fd < 0 ? errno : 0;
    trial->unbound = false;
    if (fd < 0 || family == AF_UNIX)
        return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!local->count)
        return fd;
    trial->error = lki_local_bind(local, fd, family);
    if (!trial->error)
        return fd;
    trial->unbound = true;
    close(fd);
    return -1;
}

/* 0, or an errno. */
static int begin_connect(const struct trial *trial, int fd, const struct lki_address *address)
{
    const struct sockaddr *to = &address->sock.any;

    if (to->sa_family == AF_UNIX)
        return connect(fd, to, address->len) ? errno : 0;
    return lki_ports_connect(&trial->origin->transport->ports, fd, to, address->len);
}

/* Connects to one address. Returns the descriptor or -1. */
static int try_address(struct trial *trial, const struct lki_address *address, int64_t until_ns)
{
    int fd = open_socket(trial, address->sock.any.sa_family);
    socklen_t len = sizeof(trial->error);
    int ready = 0;

    trial->why = LKI_WAKE_EVENT;
    if (fd < 0)
        return -1;
    trial->error = begin_connect(trial, fd, address);
    if (trial->error == EINPROGRESS) {
        trial->why = lki_task_wait_fd(trial->task, fd, LKI_WRITABLE, until_ns, &ready);
        if (trial->why != LKI_WAKE_EVENT || ready < 0)
            trial->error = ready < 0 ? ENOMEM : ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &trial->error, &len))
            trial->error = errno;
    }
    if (!trial->error)
        return fd;
    close(fd);
    return -1;
}

/* Tries the addresses in turn, the one that answered last first. */
static int connect_any(struct trial *trial, int64_t until_ns)
{
    struct lki_origin *origin = trial->origin;
    struct lki_loop *loop = trial->task->loop;

    for (size_t i = 0; i < origin->address_count; i++) {
        size_t at = (origin->preferred + i) % origin->address_count;
        int64_t try_ns = lki_ns_after(lki_loop_now(loop), TRY_NS);
        bool last = i + 1 == origin->address_count;
        int fd = try_address(trial, &origin->addresses[at],
                             last || until_ns < try_ns ? until_ns : try_ns);

        if (fd >= 0) {
            origin->preferred = at;
            return fd;
        }
        if (trial->why == LKI_WAKE_DEADLINE || trial->why == LKI_WAKE_CUT)
            return -1;
        if (trial->why == LKI_WAKE_TIMEOUT && lki_loop_now(loop) >= until_ns)
            return -1;
        if (trial_code(trial) != LKI_CODE_HTTP_CONNECT)
            return -1;
    }
    return -1;
}

static struct lki_conn *conn_new(struct lki_session *session, struct lki_task *task,
                                 struct lki_origin *origin, int fd)
{
    struct lki_conn *conn = lki_zalloc(sizeof(*conn));

    if (!conn || lki_io_start(task->loop, &conn->io, fd, LKI_READABLE | LKI_CLOSED | LKI_EDGE,
                              on_readable)) {
        free(conn);
        return NULL;
    }
    conn->fd = fd;
    conn->session = session;
    conn->origin = origin;
    conn->io.task = task;
    conn->next = session->conns;
    if (conn->next)
        conn->next->prev = conn;
    session->conns = conn;
    return conn;
}

static bool look_up(struct lki_task *task, const struct lki_exchange_request *request,
                    int64_t until_ns, struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_origin *origin = request->origin;
    int64_t start_ns = lki_loop_now(task->loop);
    struct lki_span span = lki_span_begin(start_ns, request->limits.lookup_ns, until_ns);
    enum lki_wake why = lki_origin_look_up(request->origins, origin, task, span.until_ns);

    result->phase_ns[LKI_PHASE_LOOKUP] = lki_loop_now(task->loop) - start_ns;
    if (why != LKI_WAKE_EVENT)
        lki_span_broken(&span, result, arena, why, "looking up the name");
    else if (origin->failure)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_DNS, "cannot look up %s: %s", origin->host,
                          origin->failure);
    return why == LKI_WAKE_EVENT && !origin->failure;
}

/* Returns the descriptor, or -1 when result says why there is none. */
static int connect_fd(struct lki_task *task, const struct lki_exchange_request *request,
                      int64_t until_ns, struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct trial trial = {.task = task, .origin = request->origin};
    int64_t start_ns = lki_loop_now(task->loop);
    struct lki_span span = lki_span_begin(start_ns, request->limits.connect_ns, until_ns);
    int fd = connect_any(&trial, span.until_ns);

    result->phase_ns[LKI_PHASE_CONNECT] = lki_loop_now(task->loop) - start_ns;
    if (fd < 0) {
        if (is_unanswered(&trial))
            lki_origin_distrust(request->origins, request->origin);
        trial_tell(&trial, &span, arena, result);
    }
    return fd;
}

struct lki_conn *lki_conn_open(struct lki_session *session, struct lki_task *task,
                               const struct lki_exchange_request *request, int64_t until_ns,
                               struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_origin *origin = request->origin;
    struct lki_conn *conn;
    int fd;

    if (!lki_origin_known(request->origins, origin) &&
        !look_up(task, request, until_ns, arena, result))
        return NULL;
    fd = connect_fd(task, request, until_ns, arena, result);
    if (fd < 0)
        return NULL;
    conn = conn_new(session, task, origin, fd);
    if (!conn) {
        close(fd);
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_CONNECT, "out of memory");
    } else if (origin->scheme == LKI_URL_HTTPS &&
               !lki_tls_open(conn, task, request, until_ns, arena, result)) {
        lki_conn_close(conn);
        return NULL;
    }
    return conn;
}
