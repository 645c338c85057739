/*
 * A histogram of durations: one row of 128 equal buckets for each octave of nanoseconds between one
 * microsecond and one hour, so that a reported value is within 0.4 % of the true one. What lies
 * outside that range is counted as below or above, never clipped; count, sum, minimum and maximum
 * are exact for all values. Rows are made when first needed: an empty histogram owns no memory and
 * a narrow one little. Two histograms merge by adding, which is why percentiles are never averaged.
 */
#ifndef LKI_STATS_HIST_H
#define LKI_STATS_HIST_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "base/mem.h"

#define LKI_HIST_LOW_NS INT64_C(1000)           /* smallest value that has a bucket: 1 us */
#define LKI_HIST_HIGH_NS INT64_C(3600000000000) /* largest value that has a bucket: 1 h */
#define LKI_HIST_FIRST_OCTAVE 9                 /* the octave of LKI_HIST_LOW_NS: 512 .. 1023 ns */
#define LKI_HIST_ROWS 33                        /* up to the octave of LKI_HIST_HIGH_NS */
#define LKI_HIST_ROW_BITS 7
#define LKI_HIST_ROW_BUCKETS (1 << LKI_HIST_ROW_BITS)

/* A sum of durations: an hour times a billion samples does not fit 64 bits. */
__extension__ typedef __int128 lki_ns_sum;

/* Zeroed: empty and ready. Rows in use are those from the octave of min to the octave of max. */
struct lki_hist {
    uint64_t count; /* all values, also those that are counted below */
    uint64_t below; /* smaller than LKI_HIST_LOW_NS */
    uint64_t above; /* larger than LKI_HIST_HIGH_NS */
    uint64_t lost;  /* in range, but there was no memory for their row */
    lki_ns_sum sum;
    int64_t min; /* of all values; 0 when empty, as is max */
    int64_t max;
    uint64_t *rows[LKI_HIST_ROWS];
};

/* The slow path of lki_hist_record: a value outside the range, or the first one of its row. */
void lki_hist_place(struct lki_hist *hist, int64_t ns);

static inline void lki_hist_record(struct lki_hist *hist, int64_t ns)
{
    uint64_t *row = NULL;

    if (LKI_LIKELY(ns >= LKI_HIST_LOW_NS && ns <= LKI_HIST_HIGH_NS)) {
        unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);

        row = hist->rows[octave - LKI_HIST_FIRST_OCTAVE];
        if (LKI_LIKELY(row != NULL))
            row[(ns >> (octave - LKI_HIST_ROW_BITS)) & (LKI_HIST_ROW_BUCKETS - 1)]++;
    }
    if (LKI_UNLIKELY(!row))
        lki_hist_place(hist, ns);
    if (LKI_UNLIKELY(ns < hist->min || hist->count == 0))
        hist->min = ns;
    if (LKI_UNLIKELY(ns > hist->max || hist->count == 0))
        hist->max = ns;
    hist->count++;
    hist->sum += ns;
}

/* Adds all of from. LK_E_NOMEM: every value was counted, but some of them as lost. */
enum lk_err lki_hist_merge(struct lki_hist *into, const struct lki_hist *from);

/* Empties the histogram; keeps its rows for what comes next. */
void lki_hist_reset(struct lki_hist *hist);
void lki_hist_release(struct lki_hist *hist);

/*
 * The smallest value that at least the share q of all values does not exceed (nearest rank): exact
 * for q = 0 and q = 1 and within 0.4 % in between, never outside of min and max. Among the values
 * below the range, and among those above, the largest stands for all. 0 when empty.
 */
int64_t lki_hist_quantile(const struct lki_hist *hist, double q);

/* 0 when empty. */
double lki_hist_mean(const struct lki_hist *hist);

/* Bytes that the rows take. */
size_t lki_hist_row_bytes(const struct lki_hist *hist);

/* Appends the sparse form: some 20 bytes and 2 or 3 more for each bucket that is not empty. A sum
 * that the extremes do not allow, as they are after lki_hist_decode_change, is moved to what they
 * do. */
void lki_hist_encode(const struct lki_hist *hist, struct lki_buf *out);

/*
 * Merges an encoded histogram, which is the whole of bytes. Only what lki_hist_encode can have
 * written is accepted: anything else is LK_E_FORMAT. After a failure (also LK_E_NOMEM, or
 * LK_E_LIMIT when the counts do not fit) `into` is as it was.
 */
enum lk_err lki_hist_decode(struct lki_hist *into, const void *bytes, size_t len);

/* The same, but LK_E_NOMEM says that every value was counted, some of them as lost. */
enum lk_err lki_hist_decode_lossy(struct lki_hist *into, const void *bytes, size_t len);

/*
 * The same for what came to a histogram between two of its encodings; one of no bytes is an empty
 * one. Counts and the sum are exact; an extreme is, if it is new or there is but one value, else it
 * is within 0.4 % of the true one. LK_E_FORMAT also if it is no growth that lies between them.
 */
enum lk_err lki_hist_decode_change(struct lki_hist *into, const void *before, size_t before_len,
                                   const void *bytes, size_t len);

#endif
