#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "net/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/mem.h"

/* What the process says, in one piece: a pipe does not take such a small one apart. */
struct found {
    int status;
    size_t count;
    struct lki_address addresses[LKI_RESOLVED_MAX];
};

void lki_resolve_init(struct lki_resolve *resolve, struct lki_loop *loop,
                      void (*on_done)(struct lki_resolve *self))
{
    *resolve = (struct lki_resolve){.loop = loop, .fd = -1, .on_done = on_done};
}

static void look_up(struct found *found, const char *host, uint16_t port, int flags)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *list = NULL;
    char service[8];

    memset(found, 0, sizeof(*found));
    snprintf(service, sizeof(service), "%u", port);
    found->status = getaddrinfo(host, service, &hints, &list);
    for (const struct addrinfo *at = list; at && found->count < LKI_RESOLVED_MAX;
         at = at->ai_next) {
        struct lki_address *address = &found->addresses[found->count];

        if (at->ai_addrlen > sizeof(address->sock))
            continue;
        memcpy(&address->sock, at->ai_addr, at->ai_addrlen);
        address->len = at->ai_addrlen;
        found->count++;
    }
    if (list)
        freeaddrinfo(list);
}

static void take(struct lki_resolve *resolve, const struct found *found)
{
    resolve->count = found->status ? 0 : found->count;
    memcpy(resolve->addresses, found->addresses, sizeof(resolve->addresses));
    resolve->failure = found->status  ? gai_strerror(found->status)
                       : found->count ? NULL
                                      : "the name has no address";
}

bool lki_resolve_digits(struct lki_resolve *resolve, const char *host, uint16_t port)
{
    struct found found;

    look_up(&found, host, port, AI_NUMERICHOST);
    if (!found.status)
        take(resolve, &found);
    return !found.status;
}

static void on_answer(struct lki_io *io, unsigned events)
{
    struct lki_resolve *resolve = LKI_CONTAINER(io, struct lki_resolve, io);
    struct found found;
    ssize_t got = read(resolve->fd, &found, sizeof(found));

    (void)events;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got == (ssize_t)sizeof(found) && found.count <= LKI_RESOLVED_MAX) {
        take(resolve, &found);
    } else {
        resolve->count = 0;
        resolve->failure = "the process that asked came to a sudden end";
    }
    lki_resolve_stop(resolve);
    resolve->on_done(resolve);
}

/* All signals are blocked: handlers that it has from its parent would speak to that one's loop. */
static void ask(int fd, pid_t parent, const char *host, uint16_t port)
{
    struct found found;

#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(0);
    look_up(&found, host, port, 0);
    if (write(fd, &found, sizeof(found)) < 0)
        _exit(1);
    _exit(0);
}

static pid_t fork_asker(const int ends[2], const char *host, uint16_t port)
{
    pid_t parent = getpid();
    sigset_t all, before;
    pid_t pid;
    int error;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        ask(ends[1], parent, host, port);
    error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

enum lk_err lki_resolve_start(struct lki_resolve *resolve, const char *host, uint16_t port)
{
    int ends[2];
    pid_t pid;
    int error;

    if (pipe2(ends, O_CLOEXEC))
        return LK_E_SYSTEM;
    pid = fork_asker(ends, host, port);
    error = errno;
    close(ends[1]);
    resolve->fd = ends[0];
    resolve->pid = pid > 0 ? pid : 0;
    if (pid > 0 && !lki_io_start(resolve->loop, &resolve->io, ends[0], LKI_READABLE, on_answer))
        return LK_OK;
    lki_resolve_stop(resolve);
    errno = error;
    return LK_E_SYSTEM;
}

void lki_resolve_stop(struct lki_resolve *resolve)
{
    lki_io_stop(&resolve->io);
    if (resolve->fd >= 0)
        close(resolve->fd);
    resolve->fd = -1;
    if (resolve->pid) {
        kill(resolve->pid, SIGKILL);
        while (waitpid(resolve->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    resolve->pid = 0;
}
