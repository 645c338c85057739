#include "stats/snapshot.h"

#include <math.h>
#include <string.h>

#include "base/pack.h"
#include "stats/example.h"
#include "stats/snapshot_form.h"

/* What no run reaches: garbage must not make sums wrap. */
#define COUNT_MAX (UINT64_C(1) << 53)

struct merge {
    struct lki_unpack in;
    const struct lki_measured *into;
    bool starved; /* something has not the place that it should have */
    size_t book_count;
    lki_code book[LKI_CODEBOOK_MAX]; /* what the author's codes of the snapshot are here */
};

static uint64_t take_count(struct merge *merge)
{
    return lki_unpack_max(&merge->in, COUNT_MAX);
}

static void expect(struct merge *merge, bool truth)
{
    merge->in.bad |= !truth;
}

/* Where it lies, of at most max bytes and its end; "" if it is bad. */
static const char *take_text(struct merge *merge, size_t max)
{
    size_t len;
    const char *text = lki_unpack_bytes(&merge->in, &len);

    expect(merge, len && len - 1 <= max && memchr(text, '\0', len) == text + len - 1);
    return merge->in.bad ? "" : text;
}

static void take_hist(struct merge *merge, struct lki_hist *into)
{
    size_t len;
    const void *bytes = lki_unpack_bytes(&merge->in, &len);
    enum lk_err err = len ? lki_hist_decode_lossy(into, bytes, len) : LK_OK;

    merge->starved |= err == LK_E_NOMEM;
    expect(merge, !err || err == LK_E_NOMEM);
}

static struct lki_totals take_totals(struct lki_unpack *in)
{
    struct lki_totals totals;
    uint64_t counts[LKI_SNAPSHOT_TOTALS] = {0};

    _Static_assert(sizeof(counts) == sizeof(totals), "nothing but counts");
    for (size_t i = 0; i < LKI_SNAPSHOT_TOTALS; i++)
        counts[i] = lki_unpack_u64(in);
    memcpy(&totals, counts, sizeof(totals));
    return totals;
}

static void take_head(struct lki_unpack *in, struct lki_snapshot_head *head)
{
    if (lki_unpack_u64(in) != LKI_SNAPSHOT_VERSION)
        in->bad = true;
    head->totals = take_totals(in);
    head->intended = lki_unpack_max(in, COUNT_MAX);
    head->started = lki_unpack_max(in, COUNT_MAX);
    head->dropped = lki_unpack_max(in, COUNT_MAX);
    head->late = lki_unpack_max(in, COUNT_MAX);
}

static void take_arrivals(struct merge *merge, const struct lki_snapshot_head *head)
{
    struct lki_arrival_log left_out = {0};
    struct lki_arrival_log *into = merge->into->arrivals ? merge->into->arrivals : &left_out;
    double rate_per_s = lki_unpack_f64(&merge->in);

    expect(merge, rate_per_s >= 0 && isfinite(rate_per_s));
    into->rate_per_s += rate_per_s;
    into->intended += head->intended;
    into->started += head->started;
    into->dropped += head->dropped;
    into->late += head->late;
    take_hist(merge, &into->lateness);
    lki_arrivals_release(&left_out);
}

static void take_codebook(struct merge *merge)
{
    struct lki_codebook *book = &merge->into->metrics->codes;

    book->overflowed += take_count(merge);
    merge->book_count = (size_t)lki_unpack_max(&merge->in, LKI_CODEBOOK_MAX);
    for (size_t i = 0; i < merge->book_count; i++) {
        const char *name = take_text(merge, LKI_LABEL_MAX);
        const char *category = take_text(merge, LKI_LABEL_MAX);

        if (merge->in.bad)
            return;
        merge->book[i] = lki_codebook_code(book, name, category);
        merge->starved |= merge->book[i] == LKI_CODE_OTHER && book->count < LKI_CODEBOOK_MAX;
    }
}

static lki_code take_code(struct merge *merge)
{
    uint64_t code = lki_unpack_max(&merge->in, LKI_CODE_END + LKI_CODEBOOK_MAX);

    if (code < LKI_CODE_END)
        return (lki_code)code;
    expect(merge, code - LKI_CODE_END < merge->book_count);
    return merge->in.bad ? LKI_CODE_OTHER : merge->book[code - LKI_CODE_END];
}

static void take_codes(struct merge *merge, struct lki_codes *into)
{
    uint64_t lost = take_count(merge);
    uint64_t used = lki_unpack_u64(&merge->in);

    into->lost += lost;
    lost = into->lost;
    for (uint64_t i = 0; i < used && !merge->in.bad; i++) {
        lki_code code = take_code(merge);
        uint64_t count = take_count(merge);

        if (!merge->in.bad)
            lki_codes_add(into, code, count);
    }
    merge->starved |= into->lost != lost;
}

static void take_tally(struct merge *merge, struct lki_tally *into)
{
    uint64_t count = take_count(merge);
    uint64_t errors = lki_unpack_max(&merge->in, count);

    into->count += count;
    into->errors += errors;
    into->cancelled += lki_unpack_max(&merge->in, count - errors);
    into->fatal += take_count(merge);
    into->bytes_sent += lki_unpack_u64(&merge->in);
    into->bytes_received += lki_unpack_u64(&merge->in);
    take_codes(merge, &into->codes);
    take_hist(merge, &into->latency);
    take_hist(merge, &into->intended);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        take_hist(merge, &into->phases[p]);
}

static enum lki_snapshot_form take_form(struct merge *merge)
{
    return (enum lki_snapshot_form)lki_unpack_max(&merge->in, LKI_FORM_LAST_);
}

static unsigned take_tally_count(struct merge *merge)
{
    return (unsigned)lki_unpack_max(&merge->in, LKI_SNAPSHOT_TALLIES_MAX);
}

static bool has_example(const struct lki_metric *metric, lki_code code)
{
    for (const struct lki_example *example = metric->examples; example; example = example->next) {
        if (example->code == code)
            return true;
    }
    return false;
}

static struct lki_example_part take_part(struct merge *merge, size_t max)
{
    const char *text = take_text(merge, max);

    return (struct lki_example_part){text, strlen(text)};
}

static void take_example(struct merge *merge, struct lki_metric *metric)
{
    struct lki_metrics *metrics = merge->into->metrics;
    lki_code code = take_code(merge);
    struct lki_example_part request = take_part(merge, LKI_EXAMPLE_LINE_MAX);
    struct lki_example_part answer = take_part(merge, LKI_EXAMPLE_LINE_MAX);
    struct lki_example_part body = take_part(merge, LKI_EXAMPLE_BODY_MAX);
    size_t before = metrics->example_count;

    if (merge->in.bad || has_example(metric, code))
        return;
    lki_metrics_example(metrics, metric, code, request, answer, body);
    merge->starved |= metrics->example_count == before && before < LKI_EXAMPLES_MAX;
}

/* The metric that an entry is about; NULL if it is bad. */
static struct lki_metric *take_name(struct merge *merge, enum lki_snapshot_form form)
{
    struct lki_metrics *metrics = merge->into->metrics;
    enum lki_source source = (enum lki_source)lki_unpack_max(&merge->in, LKI_SOURCE_COUNT - 1);
    struct lki_metric *metric;
    const char *step;
    const char *name;

    if (form == LKI_FORM_OTHERS)
        return merge->in.bad ? NULL : lki_metrics_overflow(metrics, source);
    step = take_text(merge, LKI_METRIC_NAME_MAX);
    name = take_text(merge, LKI_METRIC_NAME_MAX);
    if (form == LKI_FORM_EMITTED) {
        const char *kind = take_text(merge, LKI_LABEL_MAX);
        const char *stage = take_text(merge, LKI_LABEL_MAX);

        expect(merge, source == LKI_SOURCE_CUSTOM);
        if (merge->in.bad)
            return NULL;
        metric = lki_metrics_find_emitted(metrics, step, name, kind, stage);
    } else {
        if (merge->in.bad)
            return NULL;
        metric = lki_metrics_find(metrics, source, step, name, strlen(name));
    }
    merge->starved |= metric == &metrics->overflow[source] && metrics->count < metrics->max;
    return metric;
}

static void take_metric(struct merge *merge, enum lki_snapshot_form form)
{
    struct lki_metric *metric = take_name(merge, form);

    if (!metric)
        return;
    for (unsigned left = take_tally_count(merge); left && !merge->in.bad; left--)
        take_tally(merge, &metric->total);
    for (enum lki_snapshot_form next = take_form(merge); next; next = take_form(merge)) {
        expect(merge, next == LKI_FORM_PLAIN);
        take_example(merge, metric);
    }
}

static void take_error(struct merge *merge, enum lki_snapshot_form form)
{
    struct lki_error_group group = {0};

    expect(merge, form != LKI_FORM_EMITTED);
    if (form == LKI_FORM_PLAIN) {
        group.source = (enum lki_source)lki_unpack_max(&merge->in, LKI_SOURCE_COUNT - 1);
        group.step = take_text(merge, LKI_METRIC_NAME_MAX);
        group.code = take_code(merge);
        group.message = take_text(merge, LKI_ERROR_MESSAGE_MAX);
    }
    group.count = take_count(merge);
    group.first_user = lki_unpack_u64(&merge->in);
    group.first_ns = lki_unpack_i64(&merge->in);
    expect(merge, group.count > 0);
    if (!merge->in.bad)
        merge->starved |= lki_metrics_error_merge(merge->into->metrics, &group,
                                                  form == LKI_FORM_OTHERS) != LK_OK;
}

static double take_finite(struct merge *merge)
{
    double value = lki_unpack_f64(&merge->in);

    expect(merge, isfinite(value));
    return value;
}

static void take_custom_tally(struct merge *merge, struct lki_custom_tally *into)
{
    struct lki_custom_tally from = {.count = take_count(merge)};
    int64_t start_ns = merge->into->metrics->start_ns;

    from.hits = lki_unpack_max(&merge->in, from.count);
    from.sum = lki_unpack_f64(&merge->in);
    from.min = take_finite(merge);
    from.max = take_finite(merge);
    from.last = take_finite(merge);
    from.last_ns = lki_unpack_i64(&merge->in);
    expect(merge, from.count && from.min <= from.max);
    expect(merge, !__builtin_add_overflow(from.last_ns, start_ns, &from.last_ns));
    if (merge->in.bad)
        return;
    lki_custom_tally_merge(into, &from);
    take_hist(merge, &into->values);
}

static void take_customs(struct merge *merge)
{
    struct lki_customs *customs = &merge->into->metrics->customs;

    expect(merge, lki_unpack_u64(&merge->in) == customs->count);
    for (size_t i = 0; i < customs->count && !merge->in.bad; i++) {
        for (unsigned left = take_tally_count(merge); left && !merge->in.bad; left--)
            take_custom_tally(merge, &customs->all[i].total);
    }
}

static struct lki_reading take_reading(struct merge *merge)
{
    struct lki_reading reading = {.t_ns = lki_unpack_i64(&merge->in), .value = lk_value_null()};

    switch (lki_unpack_max(&merge->in, LKI_READING_LAST_)) {
    case LKI_READING_FAILED:
        reading.failed = true;
        break;
    case LKI_READING_FALSE:
        reading.value = lk_value_bool(false);
        break;
    case LKI_READING_TRUE:
        reading.value = lk_value_bool(true);
        break;
    case LKI_READING_INT:
        reading.value = lk_value_int(lki_unpack_i64(&merge->in));
        break;
    case LKI_READING_UINT:
        reading.value = lk_value_uint(lki_unpack_u64(&merge->in));
        break;
    case LKI_READING_DOUBLE:
        reading.value = lk_value_double(take_finite(merge));
        break;
    case LKI_READING_STRING:
        reading.value = lk_value_str(take_text(merge, LKI_READING_TEXT_MAX));
        break;
    default:
        break;
    }
    return reading;
}

static void take_probe(struct merge *merge, struct lki_probe_log *into)
{
    struct lki_probe_log from = {.count = take_count(merge)};
    uint64_t len;

    from.errors = lki_unpack_max(&merge->in, from.count);
    from.numbers = lki_unpack_max(&merge->in, from.count - from.errors);
    from.min = take_finite(merge);
    from.max = take_finite(merge);
    from.sum = lki_unpack_f64(&merge->in);
    from.stride = take_count(merge);
    from.lost = take_count(merge);
    from.last = take_reading(merge);
    len = lki_unpack_max(&merge->in, LKI_READINGS_MAX);
    if (merge->in.bad)
        return;
    merge->starved |= lki_probe_log_merge(into, &from) != LK_OK;
    for (uint64_t i = 0; i < len; i++) {
        struct lki_reading reading = take_reading(merge);

        if (merge->in.bad)
            return;
        merge->starved |= lki_probe_log_append(into, &reading) != LK_OK;
    }
}

/* All of them, or none: they are of one worker only. */
static void take_probes(struct merge *merge)
{
    const struct lki_measured *into = merge->into;
    uint64_t count = lki_unpack_u64(&merge->in);

    expect(merge, !count || count == into->probe_count);
    for (uint64_t i = 0; i < count && !merge->in.bad; i++)
        take_probe(merge, &into->probes[i]);
}

static void take_all(struct merge *merge)
{
    const struct lki_measured *into = merge->into;
    struct lki_snapshot_head head;

    take_head(&merge->in, &head);
    if (merge->in.bad)
        return;
    lki_totals_merge(into->metrics->totals, &head.totals);
    take_arrivals(merge, &head);
    take_codebook(merge);
    into->metrics->overflowed += take_count(merge);
    for (enum lki_snapshot_form form = take_form(merge); form; form = take_form(merge))
        take_metric(merge, form);
    for (enum lki_snapshot_form form = take_form(merge); form; form = take_form(merge))
        take_error(merge, form);
    take_customs(merge);
    take_probes(merge);
}

enum lk_err lki_snapshot_merge(const struct lki_measured *into, const void *bytes, size_t len)
{
    struct merge merge = {.in = lki_unpack(bytes, len), .into = into};

    take_all(&merge);
    if (!lki_unpack_done(&merge.in))
        return LK_E_FORMAT;
    return merge.starved ? LK_E_NOMEM : LK_OK;
}

enum lk_err lki_snapshot_read_head(struct lki_snapshot_head *head, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct lki_snapshot_head read;

    take_head(&in, &read);
    if (in.bad)
        return LK_E_FORMAT;
    *head = read;
    return LK_OK;
}
