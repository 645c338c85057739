/*
 * Snapshots read one part after the other, by those who merge them and those who look for what has
 * changed between two. What is read behind a flaw is 0 or empty; whether there was one is looked at
 * in the end.
 */
#ifndef LKI_STATS_SNAPSHOT_READ_H
#define LKI_STATS_SNAPSHOT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"
#include "stats/metric.h"
#include "stats/snapshot.h"
#include "stats/snapshot_form.h"

/* What no run reaches: garbage must not make sums wrap. */
#define LKI_SNAPSHOT_COUNT_MAX (UINT64_C(1) << 53)

struct lki_snapshot_in {
    struct lki_unpack in;
    struct lki_metrics *metrics; /* where names and codes get their place */
    bool starved;                /* something has not the place that it should have */
    size_t book_count;
    lki_code book[LKI_CODEBOOK_MAX]; /* what the author's codes of the snapshot are there */
};

/* What an entry in the list of metrics begins with. Texts lie in the snapshot. */
struct lki_snapshot_name {
    enum lki_snapshot_form form;
    enum lki_source source;
    const char *step;
    const char *name;
    const char *kind;
    const char *stage;
};

static inline void lki_snapshot_expect(struct lki_snapshot_in *from, bool truth)
{
    from->in.bad |= !truth;
}

static inline uint64_t lki_snapshot_take_count(struct lki_snapshot_in *from)
{
    return lki_unpack_max(&from->in, LKI_SNAPSHOT_COUNT_MAX);
}

/* Where it lies, of at most max bytes and its end; "" if it is bad. */
const char *lki_snapshot_take_text(struct lki_snapshot_in *from, size_t max);

void lki_snapshot_take_head(struct lki_unpack *in, struct lki_snapshot_head *head);
/* Gives the look-ups that it had no place for. */
uint64_t lki_snapshot_take_codebook(struct lki_snapshot_in *from);
lki_code lki_snapshot_take_code(struct lki_snapshot_in *from);

/* LKI_FORM_END: the list is over, or there was a flaw. */
enum lki_snapshot_form lki_snapshot_take_form(struct lki_snapshot_in *from);
/* The next of the list of metrics; false: it is over, or there was a flaw. */
bool lki_snapshot_take_name(struct lki_snapshot_in *from, struct lki_snapshot_name *name);
/* The metric of that name; not to be asked after a flaw. */
struct lki_metric *lki_snapshot_metric(struct lki_snapshot_in *from,
                                       const struct lki_snapshot_name *name);
unsigned lki_snapshot_take_tally_count(struct lki_snapshot_in *from);

#endif
