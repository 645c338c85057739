#include "app/interrupts.h"

#include "base/mem.h"

const int lki_interrupt_signals[LKI_INTERRUPT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

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

/* Of one terminal that closes both the kernel and the shell tell. */
static void on_sighup(struct lki_signal *sig)
{
    struct lki_interrupts *interrupts = LKI_CONTAINER(sig, struct lki_interrupts, hangup);

    if (!interrupts->hung_up) {
        interrupts->hung_up = true;
        interrupts->on_interrupt(interrupts->arg);
    }
}

bool lki_hangup_is_ignored(void)
{
    struct sigaction action;

    return !sigaction(SIGHUP, NULL, &action) && action.sa_handler == SIG_IGN;
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
    if (!err && !lki_hangup_is_ignored())
        err = lki_signal_start(loop, &interrupts->hangup, SIGHUP, on_sighup);
    if (err)
        lki_interrupts_stop(interrupts);
    return err;
}

void lki_interrupts_ignore(void)
{
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++)
        signal(lki_interrupt_signals[i], SIG_IGN);
}

/* Between the end of the watching and the ignoring they have their old handlers: blocked, so that
 * one that comes then is ignored too. */
void lki_interrupts_stop(struct lki_interrupts *interrupts)
{
    sigset_t all;
    sigset_t before;

    if (!interrupts->on_interrupt)
        return;
    interrupts->on_interrupt = NULL;
    sigemptyset(&all);
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++)
        sigaddset(&all, lki_interrupt_signals[i]);
    sigprocmask(SIG_BLOCK, &all, &before);
    lki_signal_stop(&interrupts->interrupt);
    lki_signal_stop(&interrupts->terminate);
    lki_signal_stop(&interrupts->hangup);
    lki_interrupts_ignore();
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGPIPE, &interrupts->pipe_before, NULL);
}

void lki_interrupts_keep(struct sigaction kept[LKI_INTERRUPT_SIGNALS])
{
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++)
        sigaction(lki_interrupt_signals[i], NULL, &kept[i]);
}

void lki_interrupts_restore(const struct sigaction kept[LKI_INTERRUPT_SIGNALS])
{
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++)
        sigaction(lki_interrupt_signals[i], &kept[i], NULL);
}
