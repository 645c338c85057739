/* Where a histogram has its values: for those who work on its rows. */
#ifndef LKI_STATS_HIST_ROWS_H
#define LKI_STATS_HIST_ROWS_H

#include <stdlib.h>

#include "stats/hist.h"

#define LKI_HIST_ROW_BYTES (LKI_HIST_ROW_BUCKETS * sizeof(uint64_t))
#define LKI_HIST_BUCKETS (LKI_HIST_ROWS * LKI_HIST_ROW_BUCKETS)

/* Where a value of the range is counted, rows one after the other. */
static inline size_t lki_hist_bucket_of(int64_t ns)
{
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
    size_t row = octave - LKI_HIST_FIRST_OCTAVE;

    return row * LKI_HIST_ROW_BUCKETS +
           ((size_t)(ns >> (octave - LKI_HIST_ROW_BITS)) & (LKI_HIST_ROW_BUCKETS - 1));
}

/* The middle of a bucket: no value in it is further away than half its width. */
static inline int64_t lki_hist_bucket_value(size_t bucket)
{
    unsigned octave = (unsigned)(bucket / LKI_HIST_ROW_BUCKETS) + LKI_HIST_FIRST_OCTAVE;
    int64_t width = INT64_C(1) << (octave - LKI_HIST_ROW_BITS);
    int64_t place = (int64_t)(bucket % LKI_HIST_ROW_BUCKETS);

    return (INT64_C(1) << octave) + place * width + width / 2;
}

static inline int64_t lki_hist_into_range(int64_t ns)
{
    if (ns < LKI_HIST_LOW_NS)
        return LKI_HIST_LOW_NS;
    return ns > LKI_HIST_HIGH_NS ? LKI_HIST_HIGH_NS : ns;
}

/* The rows that may hold anything: [*first, *end). */
static inline void lki_hist_rows_in_use(const struct lki_hist *hist, size_t *first, size_t *end)
{
    *first = lki_hist_bucket_of(lki_hist_into_range(hist->min)) / LKI_HIST_ROW_BUCKETS;
    *end = hist->count
               ? lki_hist_bucket_of(lki_hist_into_range(hist->max)) / LKI_HIST_ROW_BUCKETS + 1
               : *first;
}

static inline uint64_t *lki_hist_row_make(struct lki_hist *hist, size_t row)
{
    if (!hist->rows[row])
        hist->rows[row] = calloc(1, LKI_HIST_ROW_BYTES);
    return hist->rows[row];
}

/* Everything but the rows. */
static inline void lki_hist_merge_counts(struct lki_hist *into, const struct lki_hist *from)
{
    if (!into->count || from->min < into->min)
        into->min = from->min;
    if (!into->count || from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->below += from->below;
    into->above += from->above;
    into->lost += from->lost;
    into->sum += from->sum;
}

#endif
