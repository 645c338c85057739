/*
 * Any bytes as an encoded histogram. What is accepted is what the encoder writes for the very same
 * histogram, whose numbers agree with each other; what is refused leaves the target as it was. The
 * bytes also choose values to record: what the encoder makes of these must be accepted. And two
 * parts of the bytes are taken for the same histogram earlier and later: what has come between them
 * is one again.
 */
#include "fuzz/fuzz.h"
#include "stats/hist.h"

#define ENCODED_MAX ((size_t)1 << 20)

static void must_encode_as(const struct lki_hist *hist, const char *bytes, size_t len)
{
    struct lki_buf buf;

    lki_buf_init(&buf, ENCODED_MAX);
    lki_hist_encode(hist, &buf);
    must(!buf.err && buf.len == len && !memcmp(buf.data, bytes, len));
    lki_buf_release(&buf);
}

static uint64_t in_buckets(const struct lki_hist *hist)
{
    uint64_t count = 0;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++) {
        for (size_t i = 0; hist->rows[r] && i < LKI_HIST_ROW_BUCKETS; i++)
            count += hist->rows[r][i];
    }
    return count;
}

/* A value that is known to be there is counted where it belongs. */
static void must_hold(const struct lki_hist *hist, int64_t ns)
{
    unsigned octave;
    const uint64_t *row;

    if (!hist->count || hist->lost || ns < LKI_HIST_LOW_NS || ns > LKI_HIST_HIGH_NS)
        return;
    octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
    row = hist->rows[octave - LKI_HIST_FIRST_OCTAVE];
    must(row && row[(ns >> (octave - LKI_HIST_ROW_BITS)) & (LKI_HIST_ROW_BUCKETS - 1)]);
}

static void must_agree(const struct lki_hist *hist)
{
    double mean = lki_hist_mean(hist);
    lki_ns_sum others = hist->count ? (lki_ns_sum)hist->count - 1 : 0;
    int64_t last = hist->min;

    must(hist->sum >= others * hist->min + hist->max &&
         hist->sum <= others * hist->max + hist->min);
    must_hold(hist, hist->min);
    must_hold(hist, hist->max);
    must(hist->below + hist->above + hist->lost + in_buckets(hist) == hist->count);
    must(hist->min <= hist->max);
    must(mean >= (double)hist->min && mean <= (double)hist->max);
    for (int i = 0; i <= 20; i++) {
        int64_t value = lki_hist_quantile(hist, i / 20.0);

        must(value >= last && value <= hist->max);
        last = value;
    }
    must(lki_hist_quantile(hist, 0) == hist->min && lki_hist_quantile(hist, 1) == hist->max);
}

/* Merged into one that holds something, it adds up; merged into it again, it is there twice. */
static void merge(struct lki_hist *hist, const char *bytes, size_t len)
{
    struct lki_hist sum = {0};

    lki_hist_record(&sum, 5000);
    must(!lki_hist_decode(&sum, bytes, len));
    must(sum.count == hist->count + 1 && sum.sum == hist->sum + 5000);
    must_agree(&sum);
    lki_hist_release(&sum);
    must(!lki_hist_merge(&sum, hist));
    must_encode_as(&sum, bytes, len);
    must(!lki_hist_decode(&sum, bytes, len));
    must(sum.count == 2 * hist->count && sum.sum == 2 * hist->sum);
    must_agree(&sum);
    lki_hist_release(&sum);
}

/* Whether it is one. */
static int decode(const char *bytes, size_t len)
{
    struct lki_hist hist = {0};
    enum lk_err err = lki_hist_decode(&hist, bytes, len);

    if (err) {
        must(err == LK_E_FORMAT);
        struct lki_hist other = {0};

        must_encode_as(&hist, "\1", 2);
        lki_hist_record(&other, 5000);
        must(lki_hist_decode(&other, bytes, len) == err);
        must(other.count == 1 && other.sum == 5000 && in_buckets(&other) == 1);
        lki_hist_release(&other);
    } else {
        must_encode_as(&hist, bytes, len);
        must_agree(&hist);
        merge(&hist, bytes, len);
        lki_hist_reset(&hist);
        must_encode_as(&hist, "\1", 2);
    }
    lki_hist_release(&hist);
    return !err;
}

/* Values of all sizes, negative ones too: each takes a byte for its number of bits and, as far as
 * there are any, eight for the bits. */
static void record_and_decode(const uint8_t *data, size_t size)
{
    struct lki_hist hist = {0};
    struct lki_buf buf;

    for (size_t at = 0; at < size; at += 9) {
        uint64_t bits = 0;
        size_t rest = size - at - 1;

        memcpy(&bits, data + at + 1, rest < sizeof(bits) ? rest : sizeof(bits));
        bits >>= data[at] % 64;
        lki_hist_record(&hist, data[at] < 250 ? (int64_t)(bits >> 1) : -(int64_t)(bits >> 1));
    }
    must_agree(&hist);
    lki_buf_init(&buf, ENCODED_MAX);
    lki_hist_encode(&hist, &buf);
    must(!buf.err);
    must(decode(buf.data, buf.len));
    lki_buf_release(&buf);
    lki_hist_release(&hist);
}

static void must_be_readable(const struct lki_hist *hist)
{
    struct lki_hist copy = {0};
    struct lki_buf buf;

    lki_buf_init(&buf, ENCODED_MAX);
    lki_hist_encode(hist, &buf);
    must(!buf.err && !lki_hist_decode(&copy, buf.data, buf.len));
    must(copy.count == hist->count && in_buckets(&copy) == in_buckets(hist));
    lki_buf_release(&buf);
    lki_hist_release(&copy);
}

/* The first byte says where the first one ends. */
static void change(const uint8_t *data, size_t size)
{
    size_t first = size ? data[0] % size : 0;
    char *before = exact(data + (size > 0), first);
    char *now = exact(data + (size > 0) + first, size - (size > 0) - first);
    size_t len = size - (size > 0) - first;
    struct lki_hist hist = {0};
    struct lki_hist all = {0};
    enum lk_err err = lki_hist_decode_change(&hist, before, first, now, len);

    must(!err || err == LK_E_FORMAT);
    if (err)
        must_encode_as(&hist, "\1", 2);
    else
        must_be_readable(&hist);
    if (!err && len && !lki_hist_decode(&all, now, len))
        must(hist.count <= all.count);
    lki_hist_release(&hist);
    lki_hist_release(&all);
    free(before);
    free(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = exact(data, size);

    decode(bytes, size);
    change(data, size);
    record_and_decode(data, size);
    free(bytes);
    return 0;
}
