#include "app/interrupts.h"

#include "base/mem.h"

static void on_sigint(struct lki_signal *sig)
{
    struct lki_interrupts *interrupts = LKI_CONTAINER(sig, struct lki_interrupts, interrupt);

    interrupts->on_interrupt(interrupts->arg);
}

static void on_sigterm(struct lki_signal *sig)
{
    struct lki_interrupts *interrupts = LKI_CONTAINER(sig, struct lki_interrupts, terminate);

    interrupts->on_interrupt(interrupts->arg);
}

enum lk_err lki_interrupts_start(struct lki_interrupts *interrupts, struct lki_loop *loop,
                                 void (*on_interrupt)(void *arg), void *arg)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum lk_err err;

    *interrupts = (struct lki_interrupts){.on_interrupt = on_interrupt, .arg = arg};
    sigaction(SIGPIPE, &ignore, &interrupts->pipe_before);
    err = lki_signal_start(loop, &interrupts->interrupt, SIGINT, on_sigint);
    if (!err)
        err = lki_signal_start(loop, &interrupts->terminate, SIGTERM, on_sigterm);
    if (err)
        lki_interrupts_stop(interrupts);
    return err;
}

/* Between the end of the watching and the ignoring both have their old handlers: blocked, so that
 * one that comes then is ignored too. */
void lki_interrupts_stop(struct lki_interrupts *interrupts)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t both;
    sigset_t before;

    if (!interrupts->on_interrupt)
        return;
    interrupts->on_interrupt = NULL;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &before);
    lki_signal_stop(&interrupts->interrupt);
    lki_signal_stop(&interrupts->terminate);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGPIPE, &interrupts->pipe_before, NULL);
}
