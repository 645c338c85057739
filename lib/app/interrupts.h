/*
 * SIGINT, SIGTERM and SIGHUP as a role has them, under lk_main: they ask it to end, and ask no more
 * once it has.
 */
#ifndef LKI_APP_INTERRUPTS_H
#define LKI_APP_INTERRUPTS_H

#include <signal.h>

#include "loop/loop.h"

#define LKI_INTERRUPT_SIGNALS 3
extern const int lki_interrupt_signals[LKI_INTERRUPT_SIGNALS];

/* Zeroed: not started. */
struct lki_interrupts {
    void (*on_interrupt)(void *arg);
    void *arg;
    struct lki_signal interrupt;
    struct lki_signal terminate;
    struct lki_signal hangup;
    bool hung_up;
    struct sigaction pipe_before;
};

/* Has on_interrupt called, from the loop, for each of them that comes, but only for the first
 * SIGHUP, and for none if it is ignored, as nohup(1) has it. SIGPIPE is ignored meanwhile: a step
 * that writes to a socket of its own must not end the program. LK_E_SYSTEM: as after
 * lki_interrupts_stop. */
enum lk_err lki_interrupts_start(struct lki_interrupts *interrupts, struct lki_loop *loop,
                                 void (*on_interrupt)(void *arg), void *arg);

/* Before the loop is closed. From here on they are ignored: who asked for the end may have asked
 * once too often, and that must not end the report. What is not started is left alone. */
void lki_interrupts_stop(struct lki_interrupts *interrupts);

void lki_interrupts_ignore(void);
bool lki_hangup_is_ignored(void);

/* How they are handled, and to be handled so again. */
void lki_interrupts_keep(struct sigaction kept[LKI_INTERRUPT_SIGNALS]);
void lki_interrupts_restore(const struct sigaction kept[LKI_INTERRUPT_SIGNALS]);

#endif
