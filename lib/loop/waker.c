#include "loop/waker.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

static void on_readable(struct lki_io *io, unsigned events)
{
    struct lki_waker *waker = LKI_CONTAINER(io, struct lki_waker, io);
    uint64_t count;
    ssize_t got = read(waker->fd, &count, sizeof(count));

    (void)got;
    (void)events;
    waker->on_wake(waker);
}

enum lk_err lki_waker_open(struct lki_waker *waker, struct lki_loop *loop,
                           void (*on_wake)(struct lki_waker *self))
{
    enum lk_err err;

    *waker = (struct lki_waker){.on_wake = on_wake};
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waker->fd < 0)
        return LK_E_SYSTEM;
    err = lki_io_start(loop, &waker->io, waker->fd, LKI_READABLE, on_readable);
    if (err)
        close(waker->fd);
    return err;
}

void lki_waker_wake(struct lki_waker *waker)
{
    uint64_t one = 1;
    ssize_t written = write(waker->fd, &one, sizeof(one));

    (void)written; /* the counter cannot overflow: the loop resets it */
}

void lki_waker_stop(struct lki_waker *waker)
{
    lki_io_stop(&waker->io);
}

void lki_waker_close(struct lki_waker *waker)
{
    lki_waker_stop(waker);
    close(waker->fd);
}

/* A fault hits the thread that made it, and where its signal is blocked not even a handler that the
 * program has set would be asked. */
static void signals_to_block(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

    sigfillset(set);
    for (size_t i = 0; i < LKI_COUNT(faults); i++)
        sigdelset(set, faults[i]);
}

bool lki_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t blocked;
    sigset_t before;
    bool made;

    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    made = !pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}
