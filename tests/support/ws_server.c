#define _GNU_SOURCE

#include "support/ws_server.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/ws_key.h"

#define TRIES 5000 /* a millisecond each */
#define MESSAGE_MAX ((size_t)4 * 1024 * 1024)

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

static void nap(void)
{
    static const struct timespec pause = {.tv_nsec = 1000000};

    nanosleep(&pause, NULL);
}

/* ---- a connection, in its process ---- */

struct conn {
    int fd;
    struct ws_seen *seen;
    char early[WS_HEAD_BYTES]; /* came behind the head */
    size_t early_len;
};

/* The connection is over for the script. */
static void conn_end(struct conn *conn)
{
    close(conn->fd);
    __atomic_add_fetch(&conn->seen->ended, 1, __ATOMIC_SEQ_CST);
    _exit(0);
}

static void conn_send(struct conn *conn, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        ssize_t sent = send(conn->fd, at, len, MSG_NOSIGNAL);

        if (sent <= 0)
            conn_end(conn);
        at += sent;
        len -= (size_t)sent;
        __atomic_add_fetch(&conn->seen->sent, (uint64_t)sent, __ATOMIC_SEQ_CST);
    }
}

static void conn_read(struct conn *conn, void *into, size_t len)
{
    char *at = into;

    while (len) {
        ssize_t got = (ssize_t)lki_min(len, conn->early_len);

        if (got) {
            memcpy(at, conn->early, (size_t)got);
            conn->early_len -= (size_t)got;
            memmove(conn->early, conn->early + got, conn->early_len);
        } else {
            got = recv(conn->fd, at, len, 0);
        }
        if (got <= 0)
            conn_end(conn);
        at += got;
        len -= (size_t)got;
    }
}

/* Reads a head, and gives the answer to its key. */
static void read_head(struct conn *conn, char accept[LKI_WS_ACCEPT_BYTES])
{
    uint64_t at = __atomic_fetch_add(&conn->seen->heads_begun, 1, __ATOMIC_SEQ_CST);
    char key[LKI_WS_KEY_BYTES] = "";
    char head[WS_HEAD_BYTES] = "";
    const char *field;
    size_t len = 0;

    while (!strstr(head, "\r\n\r\n")) {
        must(len < sizeof(head) - 1, "a long head");
        conn_read(conn, head + len++, 1);
        head[len] = '\0';
    }
    field = strcasestr(head, "\r\nSec-WebSocket-Key: ");
    if (field)
        memcpy(key, field + strlen("\r\nSec-WebSocket-Key: "), sizeof(key) - 1);
    lki_ws_accept(key, accept);
    memcpy(conn->seen->head[at % WS_HEADS_KEPT], head, sizeof(head));
    __atomic_add_fetch(&conn->seen->heads, 1, __ATOMIC_SEQ_CST);
}

static void shake(struct conn *conn, const struct ws_action *action)
{
    char accept[LKI_WS_ACCEPT_BYTES];
    char *answer;
    int len;

    read_head(conn, accept);
    len = asprintf(&answer,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    answer = realloc(answer, (size_t)len + action->len);
    must(answer != NULL, "realloc");
    memcpy(answer + len, action->bytes, action->len);
    conn_send(conn, answer, (size_t)len + action->len);
    free(answer);
}

static void answer(struct conn *conn, const struct ws_action *action)
{
    char accept[LKI_WS_ACCEPT_BYTES];

    read_head(conn, accept);
    for (size_t i = 0; i < action->len; i++) {
        bool is_accept = action->bytes[i] == '@';

        conn_send(conn, is_accept ? accept : &action->bytes[i], is_accept ? strlen(accept) : 1);
    }
}

/* Reads a frame, whose payload is the caller's to free. */
static char *read_frame(struct conn *conn, struct ws_frame *frame)
{
    unsigned char head[2];
    unsigned char mask[4] = {0};
    uint16_t two;
    uint64_t at;
    char *bytes;

    conn_read(conn, head, 2);
    *frame = (struct ws_frame){.opcode = head[0] & 15,
                               .fin = head[0] & 128,
                               .masked = head[1] & 128,
                               .len = head[1] & 127};
    if (frame->len == 126) {
        conn_read(conn, &two, sizeof(two));
        frame->len = ntohs(two);
    } else if (frame->len == 127) {
        conn_read(conn, &frame->len, sizeof(frame->len));
        frame->len = be64toh(frame->len);
    }
    must(frame->len <= MESSAGE_MAX, "a frame that is too long");
    if (frame->masked)
        conn_read(conn, mask, sizeof(mask));
    bytes = malloc(frame->len + 1);
    must(bytes != NULL, "malloc");
    conn_read(conn, bytes, frame->len);
    for (size_t i = 0; i < frame->len; i++)
        bytes[i] = (char)(bytes[i] ^ mask[i % 4]);
    memcpy(frame->bytes, bytes, lki_min(frame->len, WS_FRAME_BYTES - 1));
    at = __atomic_fetch_add(&conn->seen->frames_begun, 1, __ATOMIC_SEQ_CST);
    conn->seen->frames[at % WS_FRAMES_KEPT] = *frame;
    __atomic_add_fetch(&conn->seen->frame_count, 1, __ATOMIC_SEQ_CST);
    return bytes;
}

static void send_frame(struct conn *conn, unsigned opcode, const char *bytes, size_t len)
{
    unsigned char head[10] = {(unsigned char)(128 | opcode), (unsigned char)len};
    size_t head_len = 2;

    if (len > 125) {
        head[1] = 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        head_len = 10;
    }
    conn_send(conn, head, head_len);
    conn_send(conn, bytes, len);
}

static void echo(struct conn *conn)
{
    for (;;) {
        struct ws_frame frame;
        char *bytes = read_frame(conn, &frame);

        if (frame.opcode != 10)
            send_frame(conn, frame.opcode == 9 ? 10 : frame.opcode, bytes, frame.len);
        free(bytes);
        if (frame.opcode == 8)
            conn_end(conn);
    }
}

static void reset(struct conn *conn)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    conn_end(conn);
}

static void act(struct conn *conn, const struct ws_action *action)
{
    struct ws_frame frame;

    switch (action->act) {
    case WS_ACT_UNTIL_END:
        for (;;)
            free(read_frame(conn, &frame));
    case WS_ACT_SHAKE:
        shake(conn, action);
        break;
    case WS_ACT_ANSWER:
        answer(conn, action);
        break;
    case WS_ACT_SEND:
        conn_send(conn, action->bytes, action->len);
        break;
    case WS_ACT_DRIP:
        for (size_t i = 0; i < action->len; i++)
            conn_send(conn, action->bytes + i, 1);
        break;
    case WS_ACT_TIMES:
        for (size_t i = 0; i < action->times; i++)
            conn_send(conn, action->bytes, action->len);
        break;
    case WS_ACT_READ:
        free(read_frame(conn, &frame));
        break;
    case WS_ACT_ECHO:
        echo(conn);
        break;
    case WS_ACT_PAUSE:
        while (!__atomic_load_n(&conn->seen->go_on, __ATOMIC_SEQ_CST))
            nap();
        break;
    case WS_ACT_CLOSE:
        conn_end(conn);
        break;
    case WS_ACT_RESET:
        reset(conn);
        break;
    }
}

static void serve(int listener, struct ws_seen *seen, const struct ws_script *scripts, size_t count)
{
    pid_t server = getpid();

    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        struct conn conn = {.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), .seen = seen};
        uint64_t at = __atomic_fetch_add(&seen->connections, 1, __ATOMIC_SEQ_CST);
        const struct ws_script *script = &scripts[at < count ? at : count - 1];
        int on = 1;

        must(conn.fd >= 0, "accept");
        setsockopt(conn.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != server)
                _exit(1);
            for (int i = 0; i < WS_SCRIPT_MAX; i++)
                act(&conn, &script->acts[i]);
        }
        close(conn.fd);
    }
}

/* ---- for the test ---- */

void ws_server_start(struct ws_server *server, const struct ws_script *scripts, size_t count)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(at);

    must(!bind(listener, (struct sockaddr *)&at, len) && !listen(listener, 512) &&
             !getsockname(listener, (struct sockaddr *)&at, &len),
         "listen");
    server->port = ntohs(at.sin_port);
    snprintf(server->url, sizeof(server->url), "ws://127.0.0.1:%u", server->port);
    server->seen = mmap(NULL, sizeof(*server->seen), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(server->seen != MAP_FAILED, "mmap");
    server->pid = fork();
    must(server->pid >= 0, "fork");
    if (!server->pid)
        serve(listener, server->seen, scripts, count);
    close(listener);
}

void ws_server_go_on(const struct ws_server *server)
{
    __atomic_store_n(&server->seen->go_on, 1, __ATOMIC_SEQ_CST);
}

static const struct ws_seen *settle(const struct ws_server *server, const uint64_t *count,
                                    uint64_t wanted)
{
    for (int i = 0; i < TRIES && __atomic_load_n(count, __ATOMIC_SEQ_CST) < wanted; i++)
        nap();
    return server->seen;
}

const struct ws_seen *ws_server_settle(const struct ws_server *server, uint64_t ended)
{
    return settle(server, &server->seen->ended, ended);
}

const struct ws_seen *ws_server_frames(const struct ws_server *server, uint64_t count)
{
    return settle(server, &server->seen->frame_count, count);
}

void ws_server_stop(struct ws_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    munmap(server->seen, sizeof(*server->seen));
    *server = (struct ws_server){.pid = 0};
}
