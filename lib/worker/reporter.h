/*
 * What a worker reports to the core: its numbers, how hooks ended, and what it needs or has to give
 * back.
 */
#ifndef LKI_WORKER_REPORTER_H
#define LKI_WORKER_REPORTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "bus/link.h"
#include "bus/message.h"
#include "worker/worker.h"

struct lki_reporter {
    struct lki_link *link;
    struct lki_buf out; /* of these three the memory is kept */
    struct lki_buf totals;
    struct lki_buf latency;
    bool failed; /* something that the core needs to know could not be sent */
};

void lki_reporter_init(struct lki_reporter *reporter, struct lki_link *link);
/* Closes the link. */
void lki_reporter_release(struct lki_reporter *reporter);

void lki_reporter_say(struct lki_reporter *reporter, const struct lki_report *report);

/* What was not said fails nothing: the totals of the next second replace those of this one. change:
 * there is one that was not told. False: there was no memory. */
bool lki_reporter_second(struct lki_reporter *reporter, const struct lki_worker *worker,
                         bool change);

void lki_reporter_hook(struct lki_reporter *reporter, const struct lki_worker *worker,
                       enum lk_run_hook_kind kind);

/* All that the worker has of resources; nothing is crossed out. */
void lki_reporter_held(struct lki_reporter *reporter, const struct lki_worker *worker);

/* What has changed of all resources. */
void lki_reporter_resources(struct lki_reporter *reporter, struct lki_worker *worker);

#endif
