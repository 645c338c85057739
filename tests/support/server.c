#define _GNU_SOURCE

#include "support/server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/server_child.h"

#define CLOSED_TRIES 5000 /* a millisecond each */

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

static int listen_at(struct test_server *server, const char *address, uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
    struct sockaddr *any = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t len = is_six ? sizeof(six) : sizeof(four);
    int fd = socket(any->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    must(is_six || inet_pton(AF_INET, address, &four.sin_addr) == 1, address);
    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(!bind(fd, any, len) && !listen(fd, 4096) && !getsockname(fd, any, &len), "bind or listen");
    server->port = ntohs(is_six ? six.sin6_port : four.sin_port);
    snprintf(server->url, sizeof(server->url), is_six ? "http://[%s]:%u" : "http://%s:%u", address,
             server->port);
    return fd;
}

void test_server_start_at(struct test_server *server, const char *address, uint16_t port,
                          const struct test_script *scripts, size_t count)
{
    struct test_server_child child = {.scripts = scripts, .script_count = count};
    int ends[2];

    must(count > 0, "a server without a script");
    must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    server->seen = mmap(NULL, sizeof(*server->seen), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(server->seen != MAP_FAILED, "mmap");
    child.listener = listen_at(server, address, port);
    child.control = ends[1];
    child.seen = server->seen;
    server->control = ends[0];
    server->pid = fork();
    must(server->pid >= 0, "fork");
    if (!server->pid) {
        close(ends[0]);
        test_server_serve(&child);
    }
    close(ends[1]);
    close(child.listener);
}

void test_server_start(struct test_server *server, const struct test_script *scripts, size_t count)
{
    test_server_start_at(server, "127.0.0.1", 0, scripts, count);
}

const struct test_server_seen *test_server_settle(const struct test_server *server)
{
    char c = '?';

    must(write(server->control, &c, 1) == 1 && read(server->control, &c, 1) == 1,
         "the test server is gone");
    return server->seen;
}

const struct test_server_seen *test_server_settle_closed(const struct test_server *server)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    const volatile uint64_t *open = &server->seen->open;

    for (int i = 0; i < CLOSED_TRIES; i++) {
        test_server_settle(server);
        if (!*open)
            break;
        nanosleep(&pause, NULL);
    }
    return server->seen;
}

const struct test_request *test_server_request(const struct test_server *server, uint64_t index)
{
    return &server->seen->kept[index % TEST_REQUESTS_KEPT];
}

void test_server_stop(struct test_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->control);
    munmap(server->seen, sizeof(*server->seen));
    *server = (struct test_server){.pid = 0};
}
