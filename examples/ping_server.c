/*
 * The peer of raw_tcp: answers each line "PING" with "+PONG", as Redis does. SIGTERM or SIGINT ends
 * it, with a count of the lines that came.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_MAX 65536 /* and no descriptor is higher */

static struct conn {
    size_t len;
    char line[64]; /* the begin of one that is not complete */
} conns[CONNS_MAX];

static volatile sig_atomic_t stopped;
static unsigned long lines;

static void on_stop(int sig)
{
    (void)sig;
    stopped = 1;
}

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
    if (got <= 0 || !on_bytes(fd, &conns[fd], bytes, (size_t)got))
        close(fd);
}

static void on_listener(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0)
        return;
    if (fd < CONNS_MAX && !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        conns[fd].len = 0;
    else
        close(fd);
}

static void run(int epoll, int listener)
{
    struct epoll_event events[64];
    sigset_t none;

    sigemptyset(&none);
    while (!stopped) {
        int count = epoll_pwait(epoll, events, 64, -1, &none);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                on_listener(epoll, listener);
            else
                on_readable(events[i].data.fd);
        }
    }
}

/* Signals come through only in epoll_pwait: none is lost between a look at stopped and the wait. */
static void prepare_process(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    struct rlimit files;
    sigset_t ours;

    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN};
    socklen_t len = sizeof(addr);
    const int on = 1;
    int epoll, listener;

    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: ping_server --port N    (0: any free port)\n");
        return 2;
    }
    prepare_process();
    addr.sin_port = htons((uint16_t)atoi(argv[2]));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = listener;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&addr, &len) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) {
        perror("ping_server");
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(addr.sin_port));
    fflush(stdout);
    run(epoll, listener);
    printf("answered %lu lines\n", lines);
    return 0;
}
