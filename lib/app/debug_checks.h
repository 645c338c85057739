/* Checks, as `debug` shows them: with whatever they were made in. */
#ifndef LKI_APP_DEBUG_CHECKS_H
#define LKI_APP_DEBUG_CHECKS_H

#include <stddef.h>

#include "client/trace.h"
#include "stats/metric.h"

struct lki_debug_check;

/* Zeroed: none was made. */
struct lki_debug_checks {
    struct lki_debug_check *all;
    size_t count;
    unsigned failed;
};

/* Those that were made since last time. */
void lki_debug_checks_show(struct lki_debug_checks *checks, const struct lki_metrics *metrics,
                           struct lki_trace *trace);
void lki_debug_checks_release(struct lki_debug_checks *checks);

#endif
