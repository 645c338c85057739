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
#define NO_BUCKET LKI_HIST_BUCKETS
/* So many buckets of a histogram need not be read twice. */
#define NOTED_MAX 256

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
    size_t bucket; /* the one in hand, */
    uint64_t count;
};

/* What is read: a histogram up to its buckets, and these. */
struct reading {
    struct lki_hist head;
    struct cursor buckets;
};

static const struct reading nothing = {.buckets = {.bucket = NO_BUCKET}};

/* How the buckets of one differ from those of the other. */
struct growth {
    uint64_t count;
    size_t first, last; /* buckets that have grown; NO_BUCKET: none */
    uint64_t rows;      /* the set of those that they are in */
    size_t len;         /* of them; of many only the first are noted */
    struct {
        size_t bucket;
        uint64_t count;
    } noted[NOTED_MAX];
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

static void earlier_next(struct cursor *earlier)
{
    size_t distance;

    if (!earlier->left) {
        earlier->bucket = NO_BUCKET;
        return;
    }
    earlier->left--;
    distance = (size_t)lki_unpack_max(&earlier->in, LKI_HIST_BUCKETS - 1);
    earlier->bucket = earlier->bucket == NO_BUCKET ? distance : earlier->bucket + 1 + distance;
    earlier->count = lki_unpack_max(&earlier->in, FORMAT_COUNT_MAX);
}

/* How often the earlier one had it. One that only the earlier one has cannot be. */
static inline uint64_t earlier_count(struct cursor *earlier, size_t bucket)
{
    uint64_t count = earlier->count;

    if (LKI_LIKELY(earlier->bucket > bucket))
        return 0;
    if (earlier->bucket < bucket)
        earlier->in.bad = true;
    earlier_next(earlier);
    return count;
}

static inline void add(struct lki_hist *into, size_t bucket, uint64_t count)
{
    uint64_t *row = into->rows[bucket / LKI_HIST_ROW_BUCKETS];

    if (LKI_LIKELY(row != NULL))
        row[bucket % LKI_HIST_ROW_BUCKETS] += count;
    else
        into->lost += count;
}

static inline void note(struct growth *growth, size_t bucket, uint64_t count)
{
    growth->count += count;
    growth->first = growth->len ? growth->first : bucket;
    growth->last = bucket;
    growth->rows |= UINT64_C(1) << bucket / LKI_HIST_ROW_BUCKETS;
    if (LKI_LIKELY(growth->len < NOTED_MAX)) {
        growth->noted[growth->len].bucket = bucket;
        growth->noted[growth->len].count = count;
    }
    growth->len++;
}

static bool in_range(int64_t ns)
{
    return ns >= LKI_HIST_LOW_NS && ns <= LKI_HIST_HIGH_NS;
}

/* Reads all buckets, and notes by how much they have grown since the earlier one, or else adds that
 * to `into`. Copies are read, so that it can be done again. False: it is not in order. */
static bool take_buckets(const struct lki_hist *head, struct cursor now, struct cursor earlier,
                         struct growth *growth, struct lki_hist *into)
{
    size_t low = lki_hist_bucket_of(lki_hist_into_range(head->min));
    size_t high = lki_hist_bucket_of(lki_hist_into_range(head->max));
    uint64_t left = head->count - head->below - head->above - head->lost;
    size_t first = NO_BUCKET;
    size_t next = 0;

    earlier_next(&earlier);
    for (; now.left && !now.in.bad; now.left--) {
        size_t bucket = next + (size_t)lki_unpack_max(&now.in, LKI_HIST_BUCKETS - 1);
        uint64_t count = lki_unpack_max(&now.in, left);
        uint64_t before;

        if (LKI_UNLIKELY(bucket < low || bucket > high || !count))
            return false;
        before = earlier_count(&earlier, bucket);
        if (LKI_UNLIKELY(before > count || earlier.in.bad))
            return false;
        if (before < count && growth)
            note(growth, bucket, count - before);
        if (before < count && into)
            add(into, bucket, count - before);
        left -= count;
        first = first == NO_BUCKET ? bucket : first;
        next = bucket + 1;
    }
    if (left || !lki_unpack_done(&now.in) || earlier.bucket != NO_BUCKET ||
        !lki_unpack_done(&earlier.in))
        return false;
    /* the extremes that lie in the range have their buckets, unless just they were lost */
    return head->lost ||
           ((!in_range(head->min) || first == low) && (!in_range(head->max) || next == high + 1));
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
    bool found = growth->len > 0;
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
    else if (growth->len)
        ns = value_in(growth->first, ns);
    else
        ns = lki_hist_into_range(ns);
    change->min = change->max = ns;
}

/* Everything but the buckets. False: it has not grown. */
static bool change_of(struct lki_hist *change, const struct lki_hist *from,
                      const struct lki_hist *to, const struct growth *growth)
{
    if (from->count > to->count || from->below > to->below || from->above > to->above ||
        from->lost > to->lost)
        return false;
    *change = (struct lki_hist){.count = to->count - from->count,
                                .below = to->below - from->below,
                                .above = to->above - from->above,
                                .lost = to->lost - from->lost,
                                .sum = to->sum - from->sum};
    if (change->count != growth->count + change->below + change->above + change->lost)
        return false;
    change->min = to->min;
    change->max = to->max;
    if (from->count && change->count == 1)
        find_single(change, growth);
    else if (from->count && change->count)
        find_extremes(change, growth, from, to);
    return true;
}

/* All rows of the set, so that nothing can fail half-way. */
static enum lk_err rows_prepare(struct lki_hist *into, uint64_t rows)
{
    enum lk_err err = LK_OK;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++) {
        if (rows >> r & 1 && !lki_hist_row_make(into, r))
            err = LK_E_NOMEM;
    }
    return err;
}

static void apply(struct lki_hist *into, const struct reading *earlier, const struct reading *now,
                  const struct growth *growth)
{
    if (growth->len > NOTED_MAX) {
        take_buckets(&now->head, now->buckets, earlier->buckets, NULL, into);
        return;
    }
    for (size_t i = 0; i < growth->len; i++)
        add(into, growth->noted[i].bucket, growth->noted[i].count);
}

static enum lk_err decode(struct lki_hist *into, const struct reading *earlier,
                          const struct reading *now, bool lossy)
{
    struct lki_hist change;
    struct growth growth;
    enum lk_err err;

    growth.count = growth.rows = growth.len = 0;
    growth.first = growth.last = NO_BUCKET;
    if (earlier->buckets.in.bad || now->buckets.in.bad ||
        !take_buckets(&now->head, now->buckets, earlier->buckets, &growth, NULL) ||
        !change_of(&change, &earlier->head, &now->head, &growth))
        return LK_E_FORMAT;
    if (into->count > UINT64_MAX - change.count)
        return LK_E_LIMIT;
    err = rows_prepare(into, growth.rows);
    if (change.count && (!err || lossy)) {
        apply(into, earlier, now, &growth);
        lki_hist_merge_counts(into, &change);
    }
    return err;
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
