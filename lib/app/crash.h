/*
 * Naming what crashed or hangs: a fault in a step is told with its user, its step and where in the
 * program it was, and an overflowing stack by that name, before the process ends. Only under
 * lk_main, since signal handlers are the program's.
 */
#ifndef LKI_APP_CRASH_H
#define LKI_APP_CRASH_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"
#include "worker/page.h"

/* A worker that gets this signal fills in its page's `asked`, and who has no workers sends it to
 * himself some time after an interrupt; to who knows nothing of it it does no harm. */
#define LKI_CRASH_ASK SIGURG

/* Watches for faults, for who calls exit, and for steps that keep the loop from heeding interrupts,
 * while loop runs; prints them and ends the process with the status of a failure. To be called when
 * the loop has its signals. program is named in the message. One loop at a time. */
void lki_crash_watch(const struct lki_loop *loop, const char *program);
void lki_crash_unwatch(void);

/* The same in a worker, for good: faults, and who calls exit, are told in the page, and the process
 * dies by its signal. faults false: signals are left alone. */
void lki_crash_watch_worker(const struct lki_loop *loop, struct lki_worker_page *page, bool faults);

/* Is it a signal that a fault of the program raises? */
bool lki_crash_is_fault(int number);

/* "segmentation fault", "stack overflow", "exit was called". */
const char *lki_crash_what(const struct lki_place *place);

/* "segmentation fault in step pay of user 17", and what to do about it, if that is known.
 * Terminated; may be called in a signal handler. */
size_t lki_crash_text(char *text, size_t size, const struct lki_place *place);

#endif
