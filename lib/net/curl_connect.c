/* Sockets of the curl engine: opening, watching and closing them for libcurl, and what they tell of
 * the requests that go out on them. */
#include "net/curl_inner.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sockios.h>
#include <linux/tcp.h>
#endif

#include "base/mem.h"

#define TCP_ESTABLISHED 1 /* netinet/tcp.h and linux/tcp.h do not go together */
/* The longest that one address of several is tried before the next gets its chance. */
#define TRY_NS (3 * LKI_NS_PER_S)

void lki_curl_enter(struct lki_transfer *transfer, enum lki_curl_stage stage, int64_t now_ns,
                    int64_t limit_ns)
{
    transfer->stage = stage;
    transfer->span = lki_span_begin(now_ns, limit_ns, transfer->until_ns);
    /* it waits for longer */
    if (transfer->span.limit_ns != LKI_NEVER)
        lki_task_wake_later(transfer->task, LKI_WAKE_EVENT);
}

/* ---- opening ---- */

static bool socks_reserve(struct lki_curl_engine *engine, int fd)
{
    while ((size_t)fd >= engine->sock_cap) {
        size_t had = engine->sock_cap;
        struct lki_curl_sock **longer = lki_room(engine->socks, had, &engine->sock_cap,
                                                 sizeof(struct lki_curl_sock *));

        if (!longer)
            return false;
        engine->socks = longer;
        memset(longer + had, 0, (engine->sock_cap - had) * sizeof(*longer));
    }
    return true;
}

static int socket_new(struct lki_transfer *transfer, int family)
{
    struct lki_local *local = &transfer->request->origin->transport->local;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    transfer->error = fd < 0 ? errno : 0;
    transfer->unbound = false;
    if (fd >= 0 && local->count && family != AF_UNIX) {
        transfer->error = lki_local_bind(local, fd, family);
        transfer->unbound = transfer->error != 0;
    }
    if (fd >= 0 && !transfer->error && !socks_reserve(transfer->curl->engine, fd))
        transfer->error = ENOMEM;
    if (!transfer->error)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The address in turn takes the place of what libcurl thinks it connects to. */
static bool address_put(struct lki_transfer *transfer, struct curl_sockaddr *address)
{
    const struct lki_origin *via = transfer->via;
    const struct lki_address *chosen;

    transfer->unknown = !lki_origin_known(transfer->request->origins, via);
    if (transfer->unknown)
        return false;
    chosen = &via->addresses[(via->preferred + transfer->address) % via->address_count];
    address->family = chosen->sock.any.sa_family;
    address->socktype = SOCK_STREAM;
    address->protocol = 0;
    address->addrlen = chosen->len;
    memcpy(&address->addr, &chosen->sock, chosen->len);
    return true;
}

static void connect_limit(struct lki_transfer *transfer)
{
    int64_t limit_ns = transfer->request->limits.connect_ns;
    bool last = transfer->address + 1 >= transfer->via->address_count;

    lki_curl_enter(transfer, LKI_CURL_CONNECTING, transfer->opened_ns, limit_ns);
    if (!last && transfer->span.until_ns > lki_ns_after(transfer->opened_ns, TRY_NS))
        lki_curl_enter(transfer, LKI_CURL_CONNECTING, transfer->opened_ns, TRY_NS);
}

curl_socket_t lki_curl_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct lki_curl_handle *handle = arg;
    struct lki_transfer *transfer = handle->transfer;
    struct lki_curl_sock *sock;
    int fd;

    (void)purpose;
    /* an attempt of libcurl's own: whether there is to be another one is for us to say */
    transfer->lost = transfer->asked && !transfer->challenge;
    transfer->stale = lki_curl_is_h2c(transfer->request) && !transfer->fresh;
    if (transfer->lost || transfer->stale || !address_put(transfer, address))
        return CURL_SOCKET_BAD;
    transfer->opened = true;
    transfer->opened_ns = lki_loop_now(transfer->task->loop);
    fd = socket_new(transfer, address->family);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    sock = lki_zalloc(sizeof(*sock));
    if (!sock) {
        close(fd);
        transfer->error = ENOMEM;
        return CURL_SOCKET_BAD;
    }
    sock->fd = fd;
    sock->opening = true;
    transfer->opening = sock;
    sock->curl = transfer->curl;
    sock->curl->sock_count++;
    sock->curl->latest = sock;
    sock->curl->engine->socks[fd] = sock;
    connect_limit(transfer);
    return fd;
}

/* ---- closing ---- */

uint64_t lki_curl_excess(const struct lki_transfer *transfer, const struct lki_curl_sock *sock)
{
#ifdef __linux__
    const struct lki_exchange_request *request = transfer->request;
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    uint64_t known = sock->received + transfer->received;
    bool ended;

    /* frames are not counted: there only the first bytes of all are told */
    if (request->origin->scheme != LKI_URL_HTTP || (lki_curl_is_h2c(request) && sock->exchanges) ||
        request->origin->transport->settings.proxy || transfer->curl->uncounted ||
        getsockopt(sock->fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
        return 0;
    /* the end of the stream counts as one */
    ended = info.tcpi_state != TCP_ESTABLISHED && info.tcpi_bytes_received > known;
    return info.tcpi_bytes_received - ended > known ? info.tcpi_bytes_received - ended - known : 0;
#else
    (void)transfer;
    (void)sock;
    return 0;
#endif
}

/* Of what was sent on it something was never acknowledged by the peer's kernel. After an end of
 * stream that is exact: what came after the peer had closed was refused, and nobody has read it. */
static bool undelivered(int fd)
{
#ifdef __linux__
    int waiting = 0;

    return ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting > 0;
#else
    (void)fd;
    return false;
#endif
}

void lki_curl_sock_leave(struct lki_transfer *transfer)
{
    struct lki_curl_sock *sock = transfer->sock;

    if (!sock)
        return;
    if (transfer->sock_prev)
        transfer->sock_prev->sock_next = transfer->sock_next;
    else
        sock->transfers = transfer->sock_next;
    if (transfer->sock_next)
        transfer->sock_next->sock_prev = transfer->sock_prev;
    transfer->sock_next = transfer->sock_prev = NULL;
    transfer->sock = NULL;
}

void lki_curl_sock_join(struct lki_curl_sock *sock, struct lki_transfer *transfer)
{
    if (transfer->sock == sock)
        return;
    lki_curl_sock_leave(transfer);
    transfer->sock = sock;
    transfer->sock_next = sock->transfers;
    if (transfer->sock_next)
        transfer->sock_next->sock_prev = transfer;
    sock->transfers = transfer;
}

static void on_reap(struct lki_post *post)
{
    free(LKI_CONTAINER(post, struct lki_curl_sock, reap));
}

/* The connection in hand, when no event has told yet which it is. */
static void closing_note(const struct lki_curl_sock *sock, struct lki_transfer *transfer)
{
    transfer->closed = true;
    transfer->undelivered = undelivered(sock->fd);
    transfer->arrived = lki_curl_excess(transfer, sock) > 0;
}

void lki_curl_sock_forget(struct lki_curl_sock *sock)
{
    struct lki_curl_engine *engine = sock->curl->engine;

    while (sock->transfers)
        lki_curl_sock_leave(sock->transfers);
    engine->socks[sock->fd] = NULL;
    sock->curl->sock_count--;
    if (sock->curl->latest == sock)
        sock->curl->latest = NULL;
    lki_io_stop(&sock->io);
    lki_loop_post(engine->loop, &sock->reap, on_reap);
}

int lki_curl_close_socket(void *arg, curl_socket_t fd)
{
    struct lki_curl *curl = arg;
    struct lki_curl_engine *engine = curl->engine;
    struct lki_curl_sock *sock = engine->socks[fd];

    if (engine->sending && engine->sending->curl == curl && !engine->sending->sock)
        closing_note(sock, engine->sending);
    for (struct lki_transfer *t = sock->transfers; t; t = t->sock_next)
        closing_note(sock, t);
    for (struct lki_transfer *t = curl->transfers; t; t = t->session_next) {
        if (t->opening == sock)
            t->opening = NULL;
    }
    lki_curl_sock_forget(sock);
    return close(fd);
}

/* ---- watching ---- */

/* Nothing more will come from the peer than what is there. */
static bool has_ended(int fd)
{
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
           info.tcpi_state != TCP_ESTABLISHED;
#else
    (void)fd;
    return false;
#endif
}

/* Something on an idle connection: libcurl looks when it takes it up. But where TLS says goodbye
 * before the end it sees only that there is something, and thinks the connection good; so when the
 * end has come all before it is taken away. */
static void on_idle(struct lki_curl_sock *sock)
{
    char bytes[256];

    if (has_ended(sock->fd)) {
        while (recv(sock->fd, bytes, sizeof(bytes), 0) > 0)
            ;
    }
    lki_io_stop(&sock->io);
    sock->watched = 0;
}

/* It may be, or it will not: what comes of it libcurl tells too late, when it has read files of
 * certificates and sent its part of the handshake. */
static void note_connected(struct lki_curl_sock *sock)
{
    for (struct lki_transfer *t = sock->transfers; t; t = t->sock_next) {
        if (t->stage == LKI_CURL_CONNECTING)
            t->connected_ns = lki_loop_now(sock->curl->engine->loop);
    }
}

static void on_ready(struct lki_io *io, unsigned events)
{
    struct lki_curl_sock *sock = LKI_CONTAINER(io, struct lki_curl_sock, io);
    int bits = (events & (LKI_READABLE | LKI_CLOSED) ? CURL_CSELECT_IN : 0) |
               (events & LKI_WRITABLE ? CURL_CSELECT_OUT : 0);

    if (sock->wanted && sock->wanted != CURL_POLL_REMOVE) {
        if (sock->opening)
            note_connected(sock);
        lki_curl_drive(sock->curl->engine, sock->fd, bits);
        return;
    }
    on_idle(sock);
}

/* False: it cannot be watched. */
static bool watch(struct lki_curl_sock *sock)
{
    unsigned wanted = (sock->wanted & CURL_POLL_IN ? LKI_READABLE : 0U) |
                      (sock->wanted & CURL_POLL_OUT ? LKI_WRITABLE : 0U);

    if (sock->wanted == CURL_POLL_REMOVE)
        wanted = 0;
    if (sock->watched == wanted || (!wanted && sock->watched == LKI_READABLE && !sock->opening))
        return true;
    lki_io_stop(&sock->io);
    sock->watched = 0;
    if (wanted && lki_io_start(sock->curl->engine->loop, &sock->io, sock->fd, wanted, on_ready))
        return false;
    sock->watched = wanted;
    return true;
}

int lki_curl_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct lki_curl_engine *engine = arg;
    struct lki_curl_sock *sock = engine->socks[fd];
    struct lki_curl_handle *handle = NULL;
    struct lki_transfer *transfer;

    (void)assigned;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&handle);
    transfer = handle ? handle->transfer : NULL;
    if (!sock)
        return 0;
    sock->wanted = what;
    if (transfer && what != CURL_POLL_REMOVE) {
        lki_curl_sock_join(sock, transfer);
        if (transfer->stage == LKI_CURL_CONNECTING && (what & CURL_POLL_IN)) {
            lki_curl_enter(transfer, LKI_CURL_GREETING, lki_loop_now(engine->loop),
                           transfer->request->limits.tls_ns);
        }
        sock->io.task = transfer->task;
    } else {
        sock->io.task = NULL;
    }
    if (watch(sock) || !transfer)
        return 0;
    transfer->unwatched = true;
    lki_task_wake_later(transfer->task, LKI_WAKE_EVENT);
    return 0;
}
