#include "stats/hist.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pack.h"

#define ROW_BYTES (LKI_HIST_ROW_BUCKETS * sizeof(uint64_t))
#define BUCKETS (LKI_HIST_ROWS * LKI_HIST_ROW_BUCKETS)

/* An encoded histogram starts with this; a change of the layout changes it. */
#define FORMAT_VERSION 1
/* What no run reaches: beyond it the sums of a hostile input could wrap. */
#define FORMAT_COUNT_MAX (UINT64_C(1) << 53)

/* Where a value of the range is counted, rows one after the other. */
static size_t bucket_of(int64_t ns)
{
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
    size_t row = octave - LKI_HIST_FIRST_OCTAVE;

    return row * LKI_HIST_ROW_BUCKETS +
           ((size_t)(ns >> (octave - LKI_HIST_ROW_BITS)) & (LKI_HIST_ROW_BUCKETS - 1));
}

/* The middle of a bucket: no value in it is further away than half its width. */
static int64_t bucket_value(size_t bucket)
{
    unsigned octave = (unsigned)(bucket / LKI_HIST_ROW_BUCKETS) + LKI_HIST_FIRST_OCTAVE;
    int64_t width = INT64_C(1) << (octave - LKI_HIST_ROW_BITS);
    int64_t place = (int64_t)(bucket % LKI_HIST_ROW_BUCKETS);

    return (INT64_C(1) << octave) + place * width + width / 2;
}

static int64_t into_range(int64_t ns)
{
    if (ns < LKI_HIST_LOW_NS)
        return LKI_HIST_LOW_NS;
    return ns > LKI_HIST_HIGH_NS ? LKI_HIST_HIGH_NS : ns;
}

/* The rows that may hold anything: [*first, *end). */
static void rows_in_use(const struct lki_hist *hist, size_t *first, size_t *end)
{
    *first = bucket_of(into_range(hist->min)) / LKI_HIST_ROW_BUCKETS;
    *end = hist->count ? bucket_of(into_range(hist->max)) / LKI_HIST_ROW_BUCKETS + 1 : *first;
}

static uint64_t *row_make(struct lki_hist *hist, size_t row)
{
    if (!hist->rows[row])
        hist->rows[row] = calloc(1, ROW_BYTES);
    return hist->rows[row];
}

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
    bucket = bucket_of(ns);
    row = row_make(hist, bucket / LKI_HIST_ROW_BUCKETS);
    if (row)
        row[bucket % LKI_HIST_ROW_BUCKETS]++;
    else
        hist->lost++;
}

/* Everything but the rows. */
static void merge_counts(struct lki_hist *into, const struct lki_hist *from)
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
    rows_in_use(from, &first, &end);
    for (size_t r = first; r < end; r++) {
        const uint64_t *source = from->rows[r];
        uint64_t *row;

        if (!source)
            continue;
        row = row_make(into, r);
        if (!row) {
            into->lost += row_sum(source);
            err = LK_E_NOMEM;
            continue;
        }
        for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++)
            row[i] += source[i];
    }
    merge_counts(into, from);
    return err;
}

void lki_hist_reset(struct lki_hist *hist)
{
    size_t first;
    size_t end;

    rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++) {
        if (hist->rows[r])
            memset(hist->rows[r], 0, ROW_BYTES);
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
    rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++) {
        const uint64_t *row = hist->rows[r];

        for (size_t i = 0; row && i < LKI_HIST_ROW_BUCKETS; i++) {
            seen += row[i];
            if (rank <= seen)
                return bucket_value(r * LKI_HIST_ROW_BUCKETS + i);
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
        bytes += hist->rows[r] ? ROW_BYTES : 0;
    return bytes;
}

/*
 * The encoded form: version, count and, unless that is 0, min (zigzag), max - min, sum - count *
 * min, below, above, lost, the number of buckets that are not empty and for each of them its
 * distance from the one before and its count. All but the version are variable-length numbers, low
 * bits first.
 */

/* Bytes of a bucket: its distance and its count. */
#define BUCKET_BYTES_MAX 13

/* As lki_pack_u64 writes it, to where there is room: each second a worker writes all its buckets.
 */
static char *spell(char *at, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *at++ = (char)(128 | (value & 127));
    *at++ = (char)value;
    return at;
}

/* Of the buckets from first on; gives the one behind the last that was not empty. */
static size_t put_row(const uint64_t *row, size_t first, size_t next, struct lki_buf *out)
{
    char bytes[LKI_HIST_ROW_BUCKETS * BUCKET_BYTES_MAX];
    char *at = bytes;

    for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++) {
        if (row[i]) {
            at = spell(at, first + i - next);
            at = spell(at, row[i]);
            next = first + i + 1;
        }
    }
    lki_buf_append(out, bytes, (size_t)(at - bytes));
    return next;
}

static size_t row_used(const uint64_t *row)
{
    size_t used = 0;

    for (size_t i = 0; i < LKI_HIST_ROW_BUCKETS; i++)
        used += row[i] != 0;
    return used;
}

static void put_buckets(const struct lki_hist *hist, struct lki_buf *out)
{
    size_t next = 0;
    size_t used = 0;
    size_t first;
    size_t end;

    rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++)
        used += hist->rows[r] ? row_used(hist->rows[r]) : 0;
    lki_pack_u64(out, used);
    for (size_t r = first; r < end; r++) {
        if (hist->rows[r])
            next = put_row(hist->rows[r], r * LKI_HIST_ROW_BUCKETS, next, out);
    }
}

void lki_hist_encode(const struct lki_hist *hist, struct lki_buf *out)
{
    lki_buf_char(out, FORMAT_VERSION);
    lki_pack_u64(out, hist->count);
    if (!hist->count)
        return;
    lki_pack_i64(out, hist->min);
    lki_pack_u64(out, (uint64_t)hist->max - (uint64_t)hist->min);
    lki_pack_wide(out, (lki_wide)(hist->sum - (lki_ns_sum)hist->count * hist->min));
    lki_pack_u64(out, hist->below);
    lki_pack_u64(out, hist->above);
    lki_pack_u64(out, hist->lost);
    put_buckets(hist, out);
}

/* The counts and the exact values, whose rules among each other are checked here. */
static void take_head(struct lki_unpack *in, struct lki_hist *head)
{
    uint64_t width;
    lki_wide surplus;

    head->count = lki_unpack_max(in, FORMAT_COUNT_MAX);
    if (!head->count)
        return;
    head->min = lki_unpack_i64(in);
    width = lki_unpack_max(in, (uint64_t)INT64_MAX - (uint64_t)head->min);
    head->max = (int64_t)((uint64_t)head->min + width);
    /* one value is the minimum, one the maximum, the others lie between them */
    surplus = lki_unpack_wide(in, (lki_wide)width * (head->count - 1));
    if (surplus < width)
        in->bad = true;
    head->sum = (lki_ns_sum)surplus + (lki_ns_sum)head->count * head->min;
    head->below = lki_unpack_max(in, head->count);
    head->above = lki_unpack_max(in, head->count - head->below);
    head->lost = lki_unpack_max(in, head->count - head->below - head->above);
    if ((head->below > 0) != (head->min < LKI_HIST_LOW_NS) ||
        (head->above > 0) != (head->max > LKI_HIST_HIGH_NS) ||
        (head->below < head->count) != (head->max >= LKI_HIST_LOW_NS) ||
        (head->above < head->count) != (head->min <= LKI_HIST_HIGH_NS))
        in->bad = true;
}

static bool in_range(int64_t ns)
{
    return ns >= LKI_HIST_LOW_NS && ns <= LKI_HIST_HIGH_NS;
}

/* Reads all buckets and adds them to `into`; if that is NULL only checks them, and gives the set of
 * the rows that they are in. */
static uint64_t take_buckets(struct lki_unpack *in, const struct lki_hist *head,
                             struct lki_hist *into)
{
    size_t low = bucket_of(into_range(head->min));
    size_t high = bucket_of(into_range(head->max));
    uint64_t left = head->count - head->below - head->above - head->lost;
    size_t used = (size_t)lki_unpack_max(in, BUCKETS);
    size_t first = BUCKETS;
    size_t next = 0;
    uint64_t rows = 0;

    for (size_t i = 0; i < used && !in->bad; i++) {
        size_t bucket = next + (size_t)lki_unpack_max(in, BUCKETS - 1);
        uint64_t count = lki_unpack_max(in, left);
        size_t row = bucket / LKI_HIST_ROW_BUCKETS;

        if (bucket < low || bucket > high || !count) {
            in->bad = true;
            break;
        }
        if (into && into->rows[row])
            into->rows[row][bucket % LKI_HIST_ROW_BUCKETS] += count;
        else if (into)
            into->lost += count;
        rows |= UINT64_C(1) << row;
        left -= count;
        first = i == 0 ? bucket : first;
        next = bucket + 1;
    }
    if (left)
        in->bad = true;
    /* the extremes that lie in the range have their buckets, unless just they were lost */
    if (!head->lost && in_range(head->min) && first != low)
        in->bad = true;
    if (!head->lost && in_range(head->max) && next != high + 1)
        in->bad = true;
    return rows;
}

/* All rows of the set, so that nothing can fail half-way. */
static enum lk_err rows_prepare(struct lki_hist *into, uint64_t rows)
{
    enum lk_err err = LK_OK;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++) {
        if (rows >> r & 1 && !row_make(into, r))
            err = LK_E_NOMEM;
    }
    return err;
}

static enum lk_err decode(struct lki_hist *into, const void *bytes, size_t len, bool lossy)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct lki_hist head = {0};
    struct lki_unpack buckets;
    uint64_t rows = 0;
    enum lk_err err;

    if (len < 2 || *in.at++ != FORMAT_VERSION)
        return LK_E_FORMAT;
    take_head(&in, &head);
    buckets = in;
    if (head.count && !in.bad)
        rows = take_buckets(&in, &head, NULL);
    if (!lki_unpack_done(&in))
        return LK_E_FORMAT;
    if (into->count > UINT64_MAX - head.count)
        return LK_E_LIMIT;
    err = rows_prepare(into, rows);
    if (head.count && (!err || lossy)) {
        take_buckets(&buckets, &head, into);
        merge_counts(into, &head);
    }
    return err;
}

enum lk_err lki_hist_decode(struct lki_hist *into, const void *bytes, size_t len)
{
    return decode(into, bytes, len, false);
}

enum lk_err lki_hist_decode_lossy(struct lki_hist *into, const void *bytes, size_t len)
{
    return decode(into, bytes, len, true);
}
