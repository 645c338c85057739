#include "stats/hist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/hist_rows.h"

void lki_hist_place(struct lki_hist *hist, int64_t ns)
{
    size_t bucket;
    uint64_t *row;

    if (ns < LKI_HIST_LOW_NS) {
        hist->below++;
        return;
    }
    if (ns > LKI_HIST_HIGH_NS) {
        hist->above++;
        return;
    }
    bucket = lki_hist_bucket_of(ns);
    row = lki_hist_row_make(hist, bucket / LKI_HIST_ROW_BUCKETS);
    if (row)
        row[bucket % LKI_HIST_ROW_BUCKETS]++;
    else
        hist->lost++;
}

static uint64_t row_sum(const uint64_t *row)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++)
        sum += row[i];
    return sum;
}

enum lk_err lki_hist_merge(struct lki_hist *into, const struct lki_hist *from)
{
    enum lk_err err = LK_OK;
    size_t first;
    size_t end;

    if (!from->count)
        return LK_OK;
    lki_hist_rows_in_use(from, &first, &end);
    for (size_t r = first; r < end; r++) {
        const uint64_t *source = from->rows[r];
        uint64_t *row;

        if (!source)
            continue;
        row = lki_hist_row_make(into, r);
        if (!row) {
            into->lost += row_sum(source);
            err = LK_E_NOMEM;
            continue;
        }
        for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++)
            row[i] += source[i];
    }
    lki_hist_merge_counts(into, from);
    return err;
}

void lki_hist_reset(struct lki_hist *hist)
{
    size_t first;
    size_t end;

    lki_hist_rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++) {
        if (hist->rows[r])
            memset(hist->rows[r], 0, LKI_HIST_ROW_BYTES);
    }
    hist->count = 0;
    hist->below = 0;
    hist->above = 0;
    hist->lost = 0;
    hist->sum = 0;
    hist->min = 0;
    hist->max = 0;
}

void lki_hist_release(struct lki_hist *hist)
{
    for (size_t r = 0; r < LKI_HIST_ROWS; r++)
        free(hist->rows[r]);
    *hist = (struct lki_hist){0};
}

/* The value of rank `rank`, from 1, among those whose place is known. */
static int64_t value_at(const struct lki_hist *hist, uint64_t rank)
{
    uint64_t seen = hist->below;
    size_t first;
    size_t end;

    if (rank <= seen)
        return LKI_HIST_LOW_NS - 1;
    lki_hist_rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++) {
        const uint64_t *row = hist->rows[r];

        for (size_t i = 0; row && i < LKI_HIST_ROW_BUCKETS; i++) {
            seen += row[i];
            if (rank <= seen)
                return lki_hist_bucket_value(r * LKI_HIST_ROW_BUCKETS + i);
        }
    }
    return hist->max;
}

int64_t lki_hist_quantile(const struct lki_hist *hist, double q)
{
    uint64_t known = hist->count - hist->lost;
    double rank;
    int64_t value;

    if (!hist->count || !(q > 0))
        return hist->min;
    /* 0.07 * 100 is a little more than 7, yet the 7th of 100 is meant */
    rank = ceil(q * (double)known * (1 - 4 * DBL_EPSILON));
    if (rank >= (double)known)
        return hist->max;
    if (rank <= 1 && !hist->lost)
        return hist->min;
    value = value_at(hist, rank < 1 ? 1 : (uint64_t)rank);
    if (value < hist->min)
        return hist->min;
    return value > hist->max ? hist->max : value;
}

double lki_hist_mean(const struct lki_hist *hist)
{
    double mean;

    if (!hist->count)
        return 0;
    /* rounding must not carry it beyond the extremes */
    mean = (double)hist->sum / (double)hist->count;
    return fmin(fmax(mean, (double)hist->min), (double)hist->max);
}

size_t lki_hist_row_bytes(const struct lki_hist *hist)
{
    size_t bytes = 0;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++)
        bytes += hist->rows[r] ? LKI_HIST_ROW_BYTES : 0;
    return bytes;
}
