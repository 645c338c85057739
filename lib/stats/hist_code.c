/*
 * The encoded form of histograms: version, count and, unless that is 0, min (zigzag), max - min,
 * sum - count * min, below, above, lost, the number of buckets that are not empty and for each of
 * them its distance from the one before and its count. All but the version are variable-length
 * numbers, low bits first.
 */
#include <stdbool.h>
#include <string.h>

#include "base/pack.h"
#include "stats/hist_rows.h"

/* An encoded histogram starts with this; a change of the layout changes it. */
#define FORMAT_VERSION 1
/* What no run reaches: beyond it the sums of a hostile input could wrap. */
#define FORMAT_COUNT_MAX (UINT64_C(1) << 53)
/* Bytes of a bucket: its distance and its count. */
#define BUCKET_BYTES_MAX 13
#define NO_BUCKET SIZE_MAX

/* ---- writing ---- */

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

    lki_hist_rows_in_use(hist, &first, &end);
    for (size_t r = first; r < end; r++)
        used += hist->rows[r] ? row_used(hist->rows[r]) : 0;
    lki_pack_u64(out, used);
    for (size_t r = first; r < end; r++) {
        if (hist->rows[r])
            next = put_row(hist->rows[r], r * LKI_HIST_ROW_BUCKETS, next, out);
    }
}

/* One value is the minimum, one the maximum, the others lie between them: so much less than this
 * the sum cannot be, nor more. Both are 0 apart only in what was made by lki_hist_decode_change. */
static lki_wide surplus_of(const struct lki_hist *hist)
{
    lki_wide width = (lki_wide)((uint64_t)hist->max - (uint64_t)hist->min);
    lki_wide most = width * (hist->count - 1);
    lki_ns_sum surplus = hist->sum - (lki_ns_sum)hist->count * hist->min;

    if (surplus < (lki_ns_sum)width)
        return hist->count > 1 ? width : 0;
    return (lki_wide)surplus > most ? most : (lki_wide)surplus;
}

void lki_hist_encode(const struct lki_hist *hist, struct lki_buf *out)
{
    lki_buf_char(out, FORMAT_VERSION);
    lki_pack_u64(out, hist->count);
    if (!hist->count)
        return;
    lki_pack_i64(out, hist->min);
    lki_pack_u64(out, (uint64_t)hist->max - (uint64_t)hist->min);
    lki_pack_wide(out, surplus_of(hist));
    lki_pack_u64(out, hist->below);
    lki_pack_u64(out, hist->above);
    lki_pack_u64(out, hist->lost);
    put_buckets(hist, out);
}

/* ---- reading ---- */

/* Buckets one after the other. */
struct cursor {
    struct lki_unpack in;
    size_t left;   /* that have not been read */
    size_t next;   /* behind the one in hand, */
    size_t bucket; /* which is this; NO_BUCKET: there is none */
    uint64_t count;
};

/* What is read: a histogram up to its buckets, and these. */
struct reading {
    struct lki_hist head;
    struct cursor buckets;
};

static const struct reading nothing = {.buckets = {.bucket = NO_BUCKET}};

/* By how much the buckets of one exceed those of the other. */
struct growth {
    uint64_t count;
    uint64_t lost;      /* of that, for want of memory */
    size_t first, last; /* buckets that have grown; NO_BUCKET: none */
    size_t read;        /* buckets */
    uint64_t rows;      /* the set of those that were made for them */
};

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

static void reading_begin(struct reading *reading, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);

    *reading = (struct reading){.buckets = {.bucket = NO_BUCKET}};
    if (len < 2 || *in.at++ != FORMAT_VERSION)
        in.bad = true;
    else
        take_head(&in, &reading->head);
    if (reading->head.count)
        reading->buckets.left = (size_t)lki_unpack_max(&in, LKI_HIST_BUCKETS);
    reading->buckets.in = in;
}

/* A bucket that takes more than three bytes, or is the last one. */
static void cursor_next_long(struct cursor *cursor)
{
    size_t distance = (size_t)lki_unpack_max(&cursor->in, LKI_HIST_BUCKETS - 1);

    cursor->count = lki_unpack_max(&cursor->in, FORMAT_COUNT_MAX);
    cursor->bucket = cursor->next + distance;
    cursor->next = cursor->bucket + 1;
}

/* Of a fleet there are millions each second: only a copy is lent, so that what is read stays in
 * registers. */
static inline __attribute__((always_inline)) void cursor_next(struct cursor *cursor)
{
    const unsigned char *at = cursor->in.at;
    ptrdiff_t room = cursor->in.end - at;

    if (!cursor->left) {
        cursor->bucket = NO_BUCKET;
        return;
    }
    cursor->left--;
    if (LKI_LIKELY(room >= 2 && at[0] < 128 && at[1] < 128)) {
        cursor->count = at[1];
        cursor->in.at = at + 2;
    } else if (LKI_LIKELY(room >= 3 && at[0] < 128 && at[2] && at[2] < 128)) {
        cursor->count = (at[1] & 127U) | (uint64_t)at[2] << 7;
        cursor->in.at = at + 3;
    } else {
        struct cursor lent = *cursor;

        cursor_next_long(&lent);
        *cursor = lent;
        return;
    }
    cursor->bucket = cursor->next + at[0];
    cursor->next = cursor->bucket + 1;
}

/* Once there was no memory for a row no other one is made: so what was added can be told from what
 * was not. */
static inline __attribute__((always_inline)) void add(struct lki_hist *into, size_t bucket,
                                                      uint64_t count, struct growth *growth)
{
    size_t r = bucket / LKI_HIST_ROW_BUCKETS;
    uint64_t *row = into->rows[r];

    if (LKI_UNLIKELY(!row) && !growth->lost) {
        row = lki_hist_row_make(into, r);
        growth->rows |= (uint64_t)(row != NULL) << r;
    }
    if (LKI_LIKELY(row != NULL))
        row[bucket % LKI_HIST_ROW_BUCKETS] += count;
    else
        growth->lost += count;
    growth->count += count;
    growth->first = growth->first == NO_BUCKET ? bucket : growth->first;
    growth->last = bucket;
}

static bool in_range(int64_t ns)
{
    return ns >= LKI_HIST_LOW_NS && ns <= LKI_HIST_HIGH_NS;
}

/* The extremes that lie in the range have their buckets, unless just they were lost. */
static bool has_extremes(const struct lki_hist *head, size_t first, size_t next)
{
    size_t low = lki_hist_bucket_of(lki_hist_into_range(head->min));
    size_t high = lki_hist_bucket_of(lki_hist_into_range(head->max));

    if (first < low || next > high + 1)
        return false;
    return head->lost ||
           ((!in_range(head->min) || first == low) && (!in_range(head->max) || next == high + 1));
}

/* Adds to the buckets of `into` by how much they have grown since the earlier one. False: they are
 * not in order; then so many as were read have been added. */
static inline __attribute__((always_inline)) bool take_growth(struct lki_hist *into,
                                                              struct cursor earlier,
                                                              const struct reading *reading,
                                                              struct growth *growth)
{
    const struct lki_hist *head = &reading->head;
    struct cursor now = reading->buckets;
    struct growth by = *growth; /* which what is added to cannot be */
    uint64_t left = head->count - head->below - head->above - head->lost;
    size_t first;

    cursor_next(&earlier);
    cursor_next(&now);
    first = now.bucket;
    while (now.bucket < LKI_HIST_BUCKETS && now.count - 1 < left) {
        uint64_t grown = now.count;

        if (earlier.bucket == now.bucket) {
            if (LKI_UNLIKELY(earlier.count > now.count))
                break;
            grown -= earlier.count;
            cursor_next(&earlier);
        }
        if (LKI_UNLIKELY(earlier.bucket < now.next)) /* one that only the earlier one has */
            break;
        if (grown)
            add(into, now.bucket, grown, &by);
        left -= now.count;
        cursor_next(&now);
    }
    by.read = reading->buckets.left - now.left - (now.bucket != NO_BUCKET);
    *growth = by;
    return !left && now.bucket == NO_BUCKET && lki_unpack_done(&now.in) &&
           earlier.bucket == NO_BUCKET && lki_unpack_done(&earlier.in) &&
           has_extremes(head, first, now.next);
}

/* The same; most often there is no earlier one, which makes it much shorter. */
static bool take_buckets(struct lki_hist *into, const struct reading *earlier,
                         const struct reading *reading, struct growth *growth)
{
    if (!earlier->head.count)
        return lki_unpack_done(&earlier->buckets.in) &&
               take_growth(into, nothing.buckets, reading, growth);
    return take_growth(into, earlier->buckets, reading, growth);
}

/* Makes undone what it has done. */
static void take_back(struct lki_hist *into, const struct reading *earlier_reading,
                      const struct reading *reading, const struct growth *growth)
{
    struct cursor earlier = earlier_reading->buckets;
    struct cursor now = reading->buckets;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++) {
        if (growth->rows >> r & 1) {
            free(into->rows[r]);
            into->rows[r] = NULL;
        }
    }
    cursor_next(&earlier);
    for (size_t i = 0; i < growth->read; i++) {
        uint64_t *row;

        cursor_next(&now);
        row = into->rows[now.bucket / LKI_HIST_ROW_BUCKETS];
        if (row)
            row[now.bucket % LKI_HIST_ROW_BUCKETS] -= now.count;
        if (earlier.bucket > now.bucket)
            continue;
        if (row)
            row[now.bucket % LKI_HIST_ROW_BUCKETS] += earlier.count;
        cursor_next(&earlier);
    }
}

/* ---- what has come between two ---- */

static int64_t within(int64_t ns, int64_t low, int64_t high)
{
    return ns < low ? low : ns > high ? high : ns;
}

/* Near a value that is in this bucket; at hand is one that may be. */
static int64_t value_in(size_t bucket, int64_t at_hand)
{
    int64_t ns = lki_hist_into_range(at_hand);

    return lki_hist_bucket_of(ns) == bucket ? ns
                                            : lki_hist_into_range(lki_hist_bucket_value(bucket));
}

/* Of values that came to others, whose extremes are those of now. */
static void find_extremes(struct lki_hist *change, const struct growth *growth,
                          const struct lki_hist *earlier, const struct lki_hist *now)
{
    bool found = growth->first != NO_BUCKET;
    bool new_min = now->min < earlier->min;
    bool new_max = now->max > earlier->max;

    change->min = found ? value_in(growth->first, now->min) : lki_hist_into_range(now->min);
    change->max = found ? value_in(growth->last, now->max) : lki_hist_into_range(now->max);
    if (change->min > change->max) /* of one bucket, by its middle */
        change->min = change->max;
    if (change->above == change->count)
        change->min = LKI_HIST_HIGH_NS + 1;
    if (change->below == change->count)
        change->max = LKI_HIST_LOW_NS - 1;
    if (change->below)
        change->min = new_min ? now->min : LKI_HIST_LOW_NS - 1;
    if (change->above)
        change->max = new_max ? now->max : LKI_HIST_HIGH_NS + 1;
}

/* A single value is known by the sum. */
static void find_single(struct lki_hist *change, const struct growth *growth)
{
    int64_t ns = (int64_t)change->sum;

    if (change->below)
        ns = within(ns, INT64_MIN, LKI_HIST_LOW_NS - 1);
    else if (change->above)
        ns = within(ns, LKI_HIST_HIGH_NS + 1, INT64_MAX);
    else if (growth->first != NO_BUCKET)
        ns = value_in(growth->first, ns);
    else
        ns = lki_hist_into_range(ns);
    change->min = change->max = ns;
}

/* How many there are of what; the rest depends on the buckets. False: it has not grown. */
static bool change_of(struct lki_hist *change, const struct lki_hist *from,
                      const struct lki_hist *to)
{
    if (from->count > to->count || from->below > to->below || from->above > to->above ||
        from->lost > to->lost)
        return false;
    *change = (struct lki_hist){.count = to->count - from->count,
                                .below = to->below - from->below,
                                .above = to->above - from->above,
                                .lost = to->lost - from->lost,
                                .sum = to->sum - from->sum,
                                .min = to->min,
                                .max = to->max};
    return true;
}

/* What has come, in buckets or not. */
static void count_in(struct lki_hist *into, struct lki_hist *change, const struct lki_hist *from,
                     const struct lki_hist *to, const struct growth *growth)
{
    if (from->count && change->count == 1)
        find_single(change, growth);
    else if (from->count)
        find_extremes(change, growth, from, to);
    change->lost += growth->lost;
    lki_hist_merge_counts(into, change);
}

static enum lk_err decode(struct lki_hist *into, const struct reading *earlier,
                          const struct reading *now, bool lossy)
{
    struct growth growth = {.first = NO_BUCKET, .last = NO_BUCKET};
    enum lk_err err = LK_OK;
    struct lki_hist change;

    if (earlier->buckets.in.bad || now->buckets.in.bad ||
        !change_of(&change, &earlier->head, &now->head))
        return LK_E_FORMAT;
    if (!take_buckets(into, earlier, now, &growth) ||
        change.count != growth.count + change.below + change.above + change.lost)
        err = LK_E_FORMAT;
    else if (into->count > UINT64_MAX - change.count)
        err = LK_E_LIMIT;
    else if (growth.lost && !lossy)
        err = LK_E_NOMEM;
    if (err)
        take_back(into, earlier, now, &growth);
    else if (change.count)
        count_in(into, &change, &earlier->head, &now->head, &growth);
    return growth.lost && !err ? LK_E_NOMEM : err;
}

enum lk_err lki_hist_decode(struct lki_hist *into, const void *bytes, size_t len)
{
    struct reading now;

    reading_begin(&now, bytes, len);
    return decode(into, &nothing, &now, false);
}

enum lk_err lki_hist_decode_lossy(struct lki_hist *into, const void *bytes, size_t len)
{
    struct reading now;

    reading_begin(&now, bytes, len);
    return decode(into, &nothing, &now, true);
}

enum lk_err lki_hist_decode_change(struct lki_hist *into, const void *before, size_t before_len,
                                   const void *bytes, size_t len)
{
    struct reading earlier = nothing;
    struct reading now = nothing;

    if (before_len == len && (!len || !memcmp(before, bytes, len)))
        return LK_OK;
    if (before_len)
        reading_begin(&earlier, before, before_len);
    if (len)
        reading_begin(&now, bytes, len);
    return decode(into, &earlier, &now, true);
}
