#include "client/watch.h"

#include <stdio.h>
#include <unistd.h>

#include "client/trace.h"

#define BODY_BYTES 4096 /* of a body that are shown */

/* Who asked for it, and the exchange. */
static void trace_all(struct lki_trace *trace, lk_vu *vu,
                      const struct lki_exchange_request *exchange,
                      const struct lki_exchange_result *result)
{
    const char *step = lki_vu_unit(vu)->step;

    if (vu->id)
        lki_trace_line(trace, LKI_TRACE_TITLE, "user %llu, %s%s:", (unsigned long long)vu->id,
                       *step ? "step " : "a hook", step);
    else
        lki_trace_line(trace, LKI_TRACE_TITLE, "%s:", *step ? step : "a hook of the run");
    lki_trace_request(trace, exchange);
    lki_trace_answer(trace, exchange, result);
}

void lki_watch_show(lk_vu *vu, const struct lki_exchange_request *exchange,
                    const struct lki_exchange_result *result)
{
    struct lki_trace trace;
    bool lost = lki_trace_init(&trace, stderr, isatty(STDERR_FILENO), BODY_BYTES,
                               vu->http.shared->model) != LK_OK;

    if (!lost) {
        trace.held = true;
        trace_all(&trace, vu, exchange, result);
        lki_trace_flush(&trace);
        lost = trace.lost;
        lki_trace_release(&trace);
    }
    if (lost)
        fputs("some of an exchange is not shown: out of memory\n", stderr);
}
