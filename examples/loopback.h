/*
 * What the servers of the examples do alike: they listen on the loopback address, and end by
 * SIGTERM or SIGINT. Each of them is one translation unit: hence functions in a header.
 */
#ifndef EXAMPLES_LOOPBACK_H
#define EXAMPLES_LOOPBACK_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

static volatile sig_atomic_t stopped;

static inline void on_stop(int sig)
{
    (void)sig;
    stopped = 1;
}

/* As many descriptors as allowed, and signals that come through only in epoll_pwait: none is lost
 * between a look at stopped and the wait. */
static inline void prepare_process(void)
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

/* Port 0 becomes the kernel's choice. Gives the listener, which epoll_fd watches; -1: errno says
 * why. */
static inline int loopback_listen(int epoll_fd, uint16_t *port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    socklen_t len = sizeof(addr);
    const int on = 1;

    prepare_process();
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&addr, &len) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event))
        return -1;
    *port = ntohs(addr.sin_port);
    return listener;
}

/* ---- a server that reads what is there and answers at once ---- */

static int epoll; /* watches its connections for input */

static inline void loopback_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    const int on = 1;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= CONNS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        close(fd);
}

/* Serves as --port says, until a signal ends it. on_ready is for a connection that has something
 * to read, or is over. Gives the exit status. */
static inline int loopback_serve(int argc, char **argv, void (*on_ready)(int fd))
{
    struct epoll_event events[64];
    uint16_t port;
    sigset_t none;
    int listener;

    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: %s --port N    (0: any free port)\n",
                program_invocation_short_name);
        return 2;
    }
    port = (uint16_t)atoi(argv[2]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = loopback_listen(epoll, &port);
    if (listener < 0) {
        perror(program_invocation_short_name);
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    sigemptyset(&none);
    while (!stopped) {
        int count = epoll_pwait(epoll, events, 64, -1, &none);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                loopback_accept(listener);
            else
                on_ready(events[i].data.fd);
        }
    }
    return 0;
}

#endif
