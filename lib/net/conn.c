#include "net/conn.h"

#include <errno.h>
#ifdef __linux__
#include <linux/tcp.h>
#else
#include <netinet/tcp.h>
#endif
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* The longest that one address of several is tried before the next gets its chance. */
#define TRY_NS (3 * LKI_NS_PER_S)

void lki_exchange_fail(struct lki_exchange_result *result, struct lki_arena *arena, lki_code code,
                       const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    result->code = code;
    result->error = lki_arena_vprintf(arena, fmt, args);
    if (!result->error)
        result->error = "out of memory";
    va_end(args);
}

void lki_exchange_broken(struct lki_exchange_result *result, struct lki_arena *arena,
                         enum lki_wake why, const char *doing)
{
    result->ended = why;
    if (why == LKI_WAKE_CUT)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_CANCELLED, "the run ended while %s", doing);
    else
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TIMEOUT, "timed out while %s", doing);
}

struct lki_conn *lki_conn_idle(const struct lki_session *session, const struct lki_origin *origin)
{
    struct lki_conn *conn = session->conns;

    while (conn && (conn->io.task || conn->origin != origin))
        conn = conn->next;
    return conn;
}

bool lki_conn_undelivered(const struct lki_conn *conn, bool otherwise)
{
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

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
    lki_io_stop(&conn->io);
    close(conn->fd);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        conn->session->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    lki_loop_post(conn->io.loop, &conn->reap, on_reap);
}

void lki_session_close(struct lki_session *session)
{
    while (session->conns)
        lki_conn_close(session->conns);
}

static void on_readable(struct lki_io *io, unsigned events)
{
    struct lki_conn *conn = LKI_CONTAINER(io, struct lki_conn, io);

    if (events & LKI_CLOSED)
        conn->ending = true;
    if (conn->io.task)
        lki_task_wake(conn->io.task, LKI_WAKE_EVENT);
    else
        lki_conn_close(conn);
}

static lki_code connect_code(int error)
{
    if (error == EMFILE || error == ENFILE)
        return LKI_CODE_HTTP_NO_DESCRIPTORS;
    if (error == EADDRNOTAVAIL || error == EADDRINUSE)
        return LKI_CODE_HTTP_NO_PORTS;
    return LKI_CODE_HTTP_CONNECT;
}

static int open_socket(const struct lki_address *address)
{
    int fd = socket(address->sock.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* Connects to one address. Returns the descriptor, or -1 with *error set (ETIMEDOUT for the limit
 * of this try), and *why for a wait that has to end the exchange. */
static int try_address(const struct lki_address *address, struct lki_task *task, int64_t until_ns,
                       enum lki_wake *why, int *error)
{
    int fd = open_socket(address);
    socklen_t len = sizeof(*error);
    int ready = 0;

    *why = LKI_WAKE_EVENT;
    *error = errno;
    if (fd < 0)
        return -1;
    *error = connect(fd, &address->sock.any, address->len) ? errno : 0;
    if (*error == EINPROGRESS) {
        *why = lki_task_wait_fd(task, fd, LKI_WRITABLE, until_ns, &ready);
        if (*why != LKI_WAKE_EVENT || ready < 0)
            *error = ready < 0 ? ENOMEM : ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &len))
            *error = errno;
    }
    if (!*error)
        return fd;
    close(fd);
    return -1;
}

/* Tries the addresses in turn, the one that answered last first. */
static int connect_any(struct lki_origin *origin, struct lki_task *task, int64_t until_ns,
                       enum lki_wake *why, int *error)
{
    for (size_t i = 0; i < origin->address_count; i++) {
        size_t at = (origin->preferred + i) % origin->address_count;
        int64_t try_ns = lki_ns_after(lki_loop_now(task->loop), TRY_NS);
        bool last = i + 1 == origin->address_count;
        int fd = try_address(&origin->addresses[at], task,
                             last || until_ns < try_ns ? until_ns : try_ns, why, error);

        if (fd >= 0) {
            origin->preferred = at;
            return fd;
        }
        if (*why == LKI_WAKE_DEADLINE || *why == LKI_WAKE_CUT)
            return -1;
        if (*why == LKI_WAKE_TIMEOUT && lki_loop_now(task->loop) >= until_ns)
            return -1;
        if (connect_code(*error) != LKI_CODE_HTTP_CONNECT)
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
    enum lki_wake why = lki_origin_look_up(request->origins, origin, task, until_ns);

    result->phase_ns[LKI_PHASE_LOOKUP] = lki_loop_now(task->loop) - start_ns;
    if (why != LKI_WAKE_EVENT)
        lki_exchange_broken(result, arena, why, "looking up the name");
    else if (origin->failure)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_DNS, "cannot look up %s: %s", origin->host,
                          origin->failure);
    return why == LKI_WAKE_EVENT && !origin->failure;
}

struct lki_conn *lki_conn_open(struct lki_session *session, struct lki_task *task,
                               const struct lki_exchange_request *request, int64_t until_ns,
                               struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_origin *origin = request->origin;
    enum lki_wake why = LKI_WAKE_EVENT;
    struct lki_conn *conn;
    int64_t start_ns;
    int error = 0;
    int fd;

    if (!lki_origin_known(request->origins, origin) &&
        !look_up(task, request, until_ns, arena, result))
        return NULL;
    start_ns = lki_loop_now(task->loop);
    fd = connect_any(origin, task, until_ns, &why, &error);
    result->phase_ns[LKI_PHASE_CONNECT] = lki_loop_now(task->loop) - start_ns;
    if (fd < 0) {
        lki_origin_distrust(request->origins, origin);
        if (why != LKI_WAKE_EVENT)
            lki_exchange_broken(result, arena, why, "connecting");
        else
            lki_exchange_fail(result, arena, connect_code(error), "cannot connect to %s: %s",
                              origin->authority, strerror(error));
        return NULL;
    }
    conn = conn_new(session, task, origin, fd);
    if (!conn) {
        close(fd);
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_CONNECT, "out of memory");
    }
    return conn;
}
