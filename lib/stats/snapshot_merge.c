#include "stats/snapshot.h"

#include <math.h>
#include <string.h>

#include "stats/example.h"
#include "stats/snapshot_read.h"

struct merge {
    struct lki_snapshot_in from;
    const struct lki_measured *into;
};

static uint64_t take_count(struct merge *merge)
{
    return lki_snapshot_take_count(&merge->from);
}

static void expect(struct merge *merge, bool truth)
{
    lki_snapshot_expect(&merge->from, truth);
}

/* NULL: it is left out. */
static void take_hist(struct merge *merge, struct lki_hist *into)
{
    size_t len;
    const void *bytes = lki_unpack_bytes(&merge->from.in, &len);
    enum lk_err err = len && into ? lki_hist_decode_lossy(into, bytes, len) : LK_OK;

    merge->from.starved |= err == LK_E_NOMEM;
    expect(merge, !err || err == LK_E_NOMEM);
}

static void take_arrivals(struct merge *merge, const struct lki_snapshot_head *head)
{
    struct lki_arrival_log left_out = {0};
    struct lki_arrival_log *into = merge->into->arrivals ? merge->into->arrivals : &left_out;
    double rate_per_s = lki_unpack_f64(&merge->from.in);

    expect(merge, rate_per_s >= 0 && isfinite(rate_per_s));
    into->rate_per_s += rate_per_s;
    into->intended += head->intended;
    into->started += head->started;
    into->dropped += head->dropped;
    into->late += head->late;
    take_hist(merge, &into->lateness);
    lki_arrivals_release(&left_out);
}

static void take_codes(struct merge *merge, struct lki_codes *into)
{
    uint64_t lost = take_count(merge);
    uint64_t used = lki_unpack_u64(&merge->from.in);

    into->lost += lost;
    lost = into->lost;
    for (uint64_t i = 0; i < used && !merge->from.in.bad; i++) {
        lki_code code = lki_snapshot_take_code(&merge->from);
        uint64_t count = take_count(merge);

        if (!merge->from.in.bad)
            lki_codes_add(into, code, count);
    }
    merge->from.starved |= into->lost != lost;
}

static void take_tally(struct merge *merge, struct lki_tally *into)
{
    bool brief = merge->into->brief;
    uint64_t count = take_count(merge);
    uint64_t errors = lki_unpack_max(&merge->from.in, count);

    into->count += count;
    into->errors += errors;
    into->cancelled += lki_unpack_max(&merge->from.in, count - errors);
    into->fatal += take_count(merge);
    into->bytes_sent += lki_unpack_u64(&merge->from.in);
    into->bytes_received += lki_unpack_u64(&merge->from.in);
    take_codes(merge, &into->codes);
    take_hist(merge, &into->latency);
    take_hist(merge, brief ? NULL : &into->intended);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        take_hist(merge, brief ? NULL : &into->phases[p]);
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
    const char *text = lki_snapshot_take_text(&merge->from, max);

    return (struct lki_example_part){text, strlen(text)};
}

static void take_example(struct merge *merge, struct lki_metric *metric)
{
    struct lki_metrics *metrics = merge->into->metrics;
    lki_code code = lki_snapshot_take_code(&merge->from);
    struct lki_example_part request = take_part(merge, LKI_EXAMPLE_LINE_MAX);
    struct lki_example_part answer = take_part(merge, LKI_EXAMPLE_LINE_MAX);
    struct lki_example_part body = take_part(merge, LKI_EXAMPLE_BODY_MAX);
    uint64_t user = lki_unpack_u64(&merge->from.in);
    int64_t took_ns = lki_unpack_i64(&merge->from.in);
    int64_t at_ns = lki_unpack_i64(&merge->from.in);
    struct lki_example *example;

    if (merge->from.in.bad || has_example(metric, code))
        return;
    example = lki_metrics_example(metrics, metric, code, request, answer, body);
    if (example) {
        example->user = user;
        example->took_ns = took_ns;
        example->at_ns = at_ns;
        example->worker = merge->into->worker;
    }
    merge->from.starved |= !example && metrics->example_count < LKI_EXAMPLES_MAX;
}

static void take_metric(struct merge *merge, const struct lki_snapshot_name *name)
{
    struct lki_snapshot_in *from = &merge->from;
    struct lki_metric *metric = lki_snapshot_metric(from, name);
    enum lki_snapshot_form form;

    for (unsigned left = lki_snapshot_take_tally_count(from); left && !from->in.bad; left--)
        take_tally(merge, &metric->total);
    while ((form = lki_snapshot_take_form(from))) {
        expect(merge, form == LKI_FORM_PLAIN);
        take_example(merge, metric);
    }
}

static void take_error(struct merge *merge, enum lki_snapshot_form form)
{
    struct lki_error_group group = {.first_worker = merge->into->worker};

    expect(merge, form != LKI_FORM_EMITTED);
    if (form == LKI_FORM_PLAIN) {
        group.source = (enum lki_source)lki_unpack_max(&merge->from.in, LKI_SOURCE_COUNT - 1);
        group.step = lki_snapshot_take_text(&merge->from, LKI_METRIC_NAME_MAX);
        group.code = lki_snapshot_take_code(&merge->from);
        group.message = lki_snapshot_take_text(&merge->from, LKI_ERROR_MESSAGE_MAX);
    }
    group.count = take_count(merge);
    group.first_user = lki_unpack_u64(&merge->from.in);
    group.first_ns = lki_unpack_i64(&merge->from.in);
    group.first_took_ns = lki_unpack_i64(&merge->from.in);
    expect(merge, group.count > 0);
    if (!merge->from.in.bad)
        merge->from.starved |= lki_metrics_error_merge(merge->into->metrics, &group,
                                                       form == LKI_FORM_OTHERS) != LK_OK;
}

static double take_finite(struct merge *merge)
{
    double value = lki_unpack_f64(&merge->from.in);

    expect(merge, isfinite(value));
    return value;
}

static void take_custom_tally(struct merge *merge, struct lki_custom_tally *into)
{
    struct lki_custom_tally from = {.count = take_count(merge)};
    int64_t start_ns = merge->into->metrics->start_ns;

    from.hits = lki_unpack_max(&merge->from.in, from.count);
    from.sum = lki_unpack_f64(&merge->from.in);
    from.min = take_finite(merge);
    from.max = take_finite(merge);
    from.last = take_finite(merge);
    from.last_ns = lki_unpack_i64(&merge->from.in);
    expect(merge, from.count && from.min <= from.max);
    expect(merge, !__builtin_add_overflow(from.last_ns, start_ns, &from.last_ns));
    if (merge->from.in.bad)
        return;
    lki_custom_tally_merge(into, &from);
    take_hist(merge, &into->values);
}

static void take_customs(struct merge *merge)
{
    struct lki_customs *customs = &merge->into->metrics->customs;

    expect(merge, lki_unpack_u64(&merge->from.in) == customs->count);
    for (size_t i = 0; i < customs->count && !merge->from.in.bad; i++) {
        for (unsigned left = lki_snapshot_take_tally_count(&merge->from);
             left && !merge->from.in.bad; left--)
            take_custom_tally(merge, &customs->all[i].total);
    }
}

static struct lki_reading take_reading(struct merge *merge)
{
    struct lki_reading reading = {.t_ns = lki_unpack_i64(&merge->from.in),
                                  .value = lk_value_null(),
                                  .worker = merge->into->worker};

    switch (lki_unpack_max(&merge->from.in, LKI_READING_LAST_)) {
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
        reading.value = lk_value_int(lki_unpack_i64(&merge->from.in));
        break;
    case LKI_READING_UINT:
        reading.value = lk_value_uint(lki_unpack_u64(&merge->from.in));
        break;
    case LKI_READING_DOUBLE:
        reading.value = lk_value_double(take_finite(merge));
        break;
    case LKI_READING_STRING:
        reading.value = lk_value_str(lki_snapshot_take_text(&merge->from, LKI_READING_TEXT_MAX));
        break;
    default:
        break;
    }
    return reading;
}

static void take_readings(struct merge *merge, struct lki_probe_log *into)
{
    uint64_t len = lki_unpack_max(&merge->from.in, LKI_READINGS_MAX);

    for (uint64_t i = 0; i < len; i++) {
        struct lki_reading reading = take_reading(merge);

        if (merge->from.in.bad)
            return;
        if (!merge->into->brief)
            merge->from.starved |= lki_probe_log_append(into, &reading) != LK_OK;
    }
}

static void take_recent(struct merge *merge, struct lki_probe_log *into)
{
    uint64_t len = lki_unpack_max(&merge->from.in, LKI_READINGS_RECENT);

    for (uint64_t i = 0; i < len; i++) {
        struct lki_reading reading = take_reading(merge);

        reading.took_ns = lki_unpack_i64(&merge->from.in);
        if (reading.failed)
            reading.message = lki_snapshot_take_text(&merge->from, LKI_ERROR_MESSAGE_MAX);
        if (merge->from.in.bad)
            return;
        merge->from.starved |= lki_probe_log_append_recent(into, &reading) != LK_OK;
    }
}

static void take_probe(struct merge *merge, struct lki_probe_log *into)
{
    struct lki_probe_log from = {.count = take_count(merge)};

    from.errors = lki_unpack_max(&merge->from.in, from.count);
    from.numbers = lki_unpack_max(&merge->from.in, from.count - from.errors);
    from.min = take_finite(merge);
    from.max = take_finite(merge);
    from.sum = lki_unpack_f64(&merge->from.in);
    from.stride = take_count(merge);
    from.lost = take_count(merge);
    from.last = take_reading(merge);
    if (merge->from.in.bad)
        return;
    merge->from.starved |= lki_probe_log_merge(into, &from) != LK_OK;
    take_readings(merge, into);
    take_recent(merge, into);
}

/* All of them, or none: they are of one worker only. */
static void take_probes(struct merge *merge)
{
    const struct lki_measured *into = merge->into;
    uint64_t count = lki_unpack_u64(&merge->from.in);

    expect(merge, !count || count == into->probe_count);
    for (uint64_t i = 0; i < count && !merge->from.in.bad; i++)
        take_probe(merge, &into->probes[i]);
}

static void take_all(struct merge *merge)
{
    const struct lki_measured *into = merge->into;
    struct lki_snapshot_in *from = &merge->from;
    struct lki_snapshot_head head;
    struct lki_snapshot_name name;
    enum lki_snapshot_form form;

    lki_snapshot_take_head(&from->in, &head);
    if (from->in.bad)
        return;
    lki_totals_merge(into->metrics->totals, &head.totals);
    take_arrivals(merge, &head);
    into->metrics->codes.overflowed += lki_snapshot_take_codebook(from);
    into->metrics->overflowed += take_count(merge);
    while (lki_snapshot_take_name(from, &name))
        take_metric(merge, &name);
    while ((form = lki_snapshot_take_form(from)))
        take_error(merge, form);
    take_customs(merge);
    take_probes(merge);
}

enum lk_err lki_snapshot_merge(const struct lki_measured *into, const void *bytes, size_t len)
{
    struct merge merge = {.into = into};

    merge.from.in = lki_unpack(bytes, len);
    merge.from.metrics = into->metrics;
    take_all(&merge);
    if (!lki_unpack_done(&merge.from.in))
        return LK_E_FORMAT;
    return merge.from.starved ? LK_E_NOMEM : LK_OK;
}

enum lk_err lki_snapshot_read_head(struct lki_snapshot_head *head, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    struct lki_snapshot_head read;

    lki_snapshot_take_head(&in, &read);
    if (in.bad)
        return LK_E_FORMAT;
    *head = read;
    return LK_OK;
}
