/*
 * Threads of the library's own, and how they reach a loop: a waker has the loop make a call.
 */
#ifndef LKI_LOOP_WAKER_H
#define LKI_LOOP_WAKER_H

#include <pthread.h>

#include "loop/loop.h"

struct lki_waker {
    int fd; /* counts the wakes that were not answered yet */
    struct lki_io io;
    void (*on_wake)(struct lki_waker *self);
};

/* LK_E_SYSTEM: no descriptor, or it cannot be watched; nothing is to be closed then. */
enum lk_err lki_waker_open(struct lki_waker *waker, struct lki_loop *loop,
                           void (*on_wake)(struct lki_waker *self));

/* Any thread: on_wake is called from the loop, once for all wakes that came before. */
void lki_waker_wake(struct lki_waker *waker);

/* No more calls; to be done before the loop is closed. Waking still does no harm. */
void lki_waker_stop(struct lki_waker *waker);

/* Stops it. Nobody wakes any more. */
void lki_waker_close(struct lki_waker *waker);

/* A thread that leaves all signals to the program's own threads, but for faults of its own. False:
 * it cannot be had. */
bool lki_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
