/*
 * Naming what crashed: a fault in a step is told with its user and step, and an overflowing stack
 * by that name, before the process ends. Only under lk_main, since signal handlers are the
 * program's.
 */
#ifndef LKI_APP_CRASH_H
#define LKI_APP_CRASH_H

#include "loop/loop.h"

/* Watches for faults while loop runs; program is named in the message. One loop at a time. */
void lki_crash_watch(const struct lki_loop *loop, const char *program);
void lki_crash_unwatch(void);

#endif
