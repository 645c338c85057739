/*
 * The last seconds of a run as workers tell them: what each metric did in each of them, with its
 * histogram. One that is told of late still finds its second here.
 */
#ifndef LKI_CONTROL_RECENT_H
#define LKI_CONTROL_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "control/history.h"
#include "stats/metric.h"

/* So many seconds are kept: a minute, and some for those who are behind and ahead. */
#define LKI_RECENT_S 80

/* Tallies by the number of their metric. Zeroed: none. */
struct lki_tallies {
    struct lki_tally **all; /* NULL: none of that metric */
    size_t cap;
};

/* Made if it is new; NULL without memory. */
struct lki_tally *lki_tallies_at(struct lki_tallies *tallies, size_t metric);
/* Adds counts, codes and latencies of all. LK_E_NOMEM: something is missing. */
enum lk_err lki_tallies_add(struct lki_tallies *into, const struct lki_tallies *from);
void lki_tallies_release(struct lki_tallies *tallies);

/* What one metric did in a second that is put by. */
struct lki_recent_record {
    size_t metric;
    uint64_t count, errors, cancelled, fatal;
    lki_ns_sum sum;
    struct lki_codes codes;
    size_t at, len; /* its histogram among the bytes of the second */
};

struct lki_recent_second {
    bool told;                      /* some worker has told of it */
    struct lki_history_sums before; /* by what another orchestrator was told */
    uint32_t users;
    int64_t span_ns;
    bool open; /* tallies hold it; else records do */
    struct lki_tallies tallies;
    struct lki_recent_record *records; /* by metric */
    size_t count;
    struct lki_buf hists;
};

/* Zeroed: empty and ready. */
struct lki_recent {
    uint64_t first; /* the oldest second that is kept */
    struct lki_recent_second seconds[LKI_RECENT_S];
};

/* NULL: it is not kept any more, or not yet. */
struct lki_recent_second *lki_recent_at(struct lki_recent *recent, uint64_t second);

/* To be called before its tallies are changed or read. LK_E_NOMEM: it is as it was. */
enum lk_err lki_recent_open(struct lki_recent_second *second);
/* Puts it by, so that it takes little memory. LK_E_NOMEM: it stays open. */
enum lk_err lki_recent_put_by(struct lki_recent_second *second);

/* Adds what a metric did in it. LK_E_NOMEM: something is missing. */
enum lk_err lki_recent_add(const struct lki_recent_second *second, size_t metric,
                           struct lki_tally *into);

/* The oldest second is forgotten. */
void lki_recent_drop(struct lki_recent *recent);
void lki_recent_release(struct lki_recent *recent);

#endif
