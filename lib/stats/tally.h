/* What is counted of one metric, and of a run as a whole: sums, which merge by adding. */
#ifndef LKI_STATS_TALLY_H
#define LKI_STATS_TALLY_H

#include <stdint.h>

#include "stats/code.h"
#include "stats/hist.h"

/* The parts of an exchange, in the order in which they happen. */
enum lki_phase {
    LKI_PHASE_LOOKUP,
    LKI_PHASE_CONNECT,
    LKI_PHASE_TLS,
    LKI_PHASE_SEND,
    LKI_PHASE_WAIT,
    LKI_PHASE_RECEIVE,
    LKI_PHASE_COUNT
};

/* "lookup", "connect", "tls", "send", "wait", "receive". */
const char *lki_phase_name(enum lki_phase phase);

/* What was recorded in a second, or in all of them. Zeroed: empty and ready. */
struct lki_tally {
    uint64_t count; /* every attempt, also the cancelled ones */
    uint64_t errors;
    uint64_t cancelled;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    struct lki_codes codes;
    struct lki_hist latency; /* of all that were not cancelled */
    struct lki_hist phases[LKI_PHASE_COUNT];
    struct lki_hist intended; /* latency from when the iteration was to begin; with arrivals only */
    uint64_t fatal;           /* errors after which nothing could go on */
};

/* Adds all of from. Without memory the counts stay right and the places of values are lost. */
void lki_tally_merge(struct lki_tally *into, const struct lki_tally *from);
/* Empty again, for what comes next: its memory is kept. */
void lki_tally_reset(struct lki_tally *tally);
void lki_tally_release(struct lki_tally *tally);

/* The run's own counts. http_unsent, http_retries, http_sent and iterations are kept by who knows
 * them. */
struct lki_totals {
    uint64_t iterations;
    uint64_t steps;
    uint64_t step_errors;
    uint64_t http_requests;
    uint64_t http_errors;
    uint64_t http_unsent;
    uint64_t http_retries;
    uint64_t http_sent; /* whole requests that the kernel took, also those still in hand */
    uint64_t bytes_sent;
    uint64_t bytes_received;
};

/* Adds all of from. */
void lki_totals_merge(struct lki_totals *into, const struct lki_totals *from);
/* In a sum: something else in place of a part of it. */
void lki_totals_replace(struct lki_totals *in, const struct lki_totals *part,
                        const struct lki_totals *by);

#endif
