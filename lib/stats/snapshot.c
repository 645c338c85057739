#include "stats/snapshot.h"

#include <string.h>

#include "base/pack.h"
#include "stats/example.h"
#include "stats/snapshot_form.h"

/* With its end, so that it can be used where it lies. */
static void put_text(struct lki_buf *out, const char *text)
{
    lki_pack_bytes(out, text, strlen(text) + 1);
}

/* Its length, which is known only afterwards, goes in front of it. No bytes: it is empty. */
static void put_hist(struct lki_buf *out, const struct lki_hist *hist)
{
    size_t from = out->len;
    size_t end;
    char head[10];
    size_t head_len;

    if (!hist->count) {
        lki_pack_u64(out, 0);
        return;
    }
    lki_hist_encode(hist, out);
    end = out->len;
    lki_pack_u64(out, end - from);
    if (out->err)
        return;
    head_len = out->len - end;
    memcpy(head, out->data + end, head_len);
    memmove(out->data + from + head_len, out->data + from, end - from);
    memcpy(out->data + from, head, head_len);
}

static void put_totals(struct lki_buf *out, const struct lki_totals *totals)
{
    uint64_t counts[LKI_SNAPSHOT_TOTALS];

    memcpy(counts, totals, sizeof(counts));
    for (size_t i = 0; i < LKI_SNAPSHOT_TOTALS; i++)
        lki_pack_u64(out, counts[i]);
}

static void put_arrivals(struct lki_buf *out, const struct lki_arrival_log *log)
{
    static const struct lki_arrival_log none = {0};

    log = log ? log : &none;
    lki_pack_u64(out, log->intended);
    lki_pack_u64(out, log->started);
    lki_pack_u64(out, log->dropped);
    lki_pack_u64(out, log->late);
    lki_pack_f64(out, log->rate_per_s);
    put_hist(out, &log->lateness);
}

static void put_codebook(struct lki_buf *out, const struct lki_codebook *book)
{
    lki_pack_u64(out, book->overflowed);
    lki_pack_u64(out, book->count);
    for (size_t i = 0; i < book->count; i++) {
        put_text(out, lki_codebook_name(book, (lki_code)(LKI_CODE_END + i)));
        put_text(out, lki_codebook_category(book, (lki_code)(LKI_CODE_END + i)));
    }
}

static void put_codes(struct lki_buf *out, const struct lki_codes *codes)
{
    const struct lki_code_count *all = lki_codes_all(codes);
    unsigned used = 0;

    for (uint16_t i = 0; i < codes->len; i++)
        used += all[i].count > 0;
    lki_pack_u64(out, codes->lost);
    lki_pack_u64(out, used);
    for (uint16_t i = 0; i < codes->len; i++) {
        if (all[i].count) {
            lki_pack_u64(out, all[i].code);
            lki_pack_u64(out, all[i].count);
        }
    }
}

static void put_tally(struct lki_buf *out, const struct lki_tally *tally)
{
    lki_pack_u64(out, tally->count);
    lki_pack_u64(out, tally->errors);
    lki_pack_u64(out, tally->cancelled);
    lki_pack_u64(out, tally->fatal);
    lki_pack_u64(out, tally->bytes_sent);
    lki_pack_u64(out, tally->bytes_received);
    put_codes(out, &tally->codes);
    put_hist(out, &tally->latency);
    put_hist(out, &tally->intended);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        put_hist(out, &tally->phases[p]);
}

static void put_examples(struct lki_buf *out, const struct lki_example *first)
{
    for (const struct lki_example *example = first; example; example = example->next) {
        lki_pack_u64(out, LKI_FORM_PLAIN);
        lki_pack_u64(out, example->code);
        put_text(out, example->request);
        put_text(out, example->answer);
        put_text(out, example->body);
        lki_pack_u64(out, example->user);
        lki_pack_i64(out, example->took_ns);
        lki_pack_i64(out, example->at_ns);
    }
    lki_pack_u64(out, LKI_FORM_END);
}

/* What authors emit has a kind that they chose. */
static enum lki_snapshot_form form_of(const struct lki_metrics *metrics,
                                      const struct lki_metric *metric)
{
    if (metric == &metrics->overflow[metric->source])
        return LKI_FORM_OTHERS;
    return metric->kind == lki_source_name(metric->source) ? LKI_FORM_PLAIN : LKI_FORM_EMITTED;
}

static void put_metric(struct lki_buf *out, const struct lki_metrics *metrics,
                       const struct lki_metric *metric)
{
    enum lki_snapshot_form form = form_of(metrics, metric);

    lki_pack_u64(out, form);
    lki_pack_u64(out, metric->source);
    if (form != LKI_FORM_OTHERS) {
        put_text(out, metric->step);
        put_text(out, metric->name);
    }
    if (form == LKI_FORM_EMITTED) {
        put_text(out, metric->kind);
        put_text(out, metric->stage);
    }
    lki_pack_u64(out, (metric->total.count > 0) + (metric->second.count > 0));
    if (metric->total.count)
        put_tally(out, &metric->total);
    if (metric->second.count)
        put_tally(out, &metric->second);
    put_examples(out, metric->examples);
}

static void put_error(struct lki_buf *out, const struct lki_metrics *metrics,
                      const struct lki_error_group *group)
{
    bool others = group == &metrics->other_errors;

    lki_pack_u64(out, others ? LKI_FORM_OTHERS : LKI_FORM_PLAIN);
    if (!others) {
        lki_pack_u64(out, group->source);
        put_text(out, group->step);
        lki_pack_u64(out, group->code);
        put_text(out, group->message);
    }
    lki_pack_u64(out, group->count);
    lki_pack_u64(out, group->first_user);
    lki_pack_i64(out, group->first_ns);
    lki_pack_i64(out, group->first_took_ns);
}

static void put_custom_tally(struct lki_buf *out, const struct lki_custom_tally *tally,
                             int64_t start_ns)
{
    lki_pack_u64(out, tally->count);
    lki_pack_u64(out, tally->hits);
    lki_pack_f64(out, tally->sum);
    lki_pack_f64(out, tally->min);
    lki_pack_f64(out, tally->max);
    lki_pack_f64(out, tally->last);
    lki_pack_i64(out, tally->last_ns - start_ns);
    put_hist(out, &tally->values);
}

static void put_customs(struct lki_buf *out, const struct lki_metrics *metrics)
{
    const struct lki_customs *customs = &metrics->customs;

    lki_pack_u64(out, customs->count);
    for (size_t i = 0; i < customs->count; i++) {
        const struct lki_custom *custom = &customs->all[i];

        lki_pack_u64(out, (custom->total.count > 0) + (custom->second.count > 0));
        if (custom->total.count)
            put_custom_tally(out, &custom->total, metrics->start_ns);
        if (custom->second.count)
            put_custom_tally(out, &custom->second, metrics->start_ns);
    }
}

static void put_value(struct lki_buf *out, const struct lk_value *value)
{
    switch (value->kind) {
    case LK_VALUE_BOOL:
        lki_pack_u64(out, value->as.truth ? LKI_READING_TRUE : LKI_READING_FALSE);
        return;
    case LK_VALUE_INT:
        lki_pack_u64(out, LKI_READING_INT);
        lki_pack_i64(out, value->as.integer);
        return;
    case LK_VALUE_UINT:
        lki_pack_u64(out, LKI_READING_UINT);
        lki_pack_u64(out, value->as.natural);
        return;
    case LK_VALUE_DOUBLE:
        lki_pack_u64(out, LKI_READING_DOUBLE);
        lki_pack_f64(out, value->as.number);
        return;
    case LK_VALUE_STRING:
        if (value->as.string) {
            lki_pack_u64(out, LKI_READING_STRING);
            put_text(out, value->as.string);
            return;
        }
        break;
    default:
        break;
    }
    lki_pack_u64(out, LKI_READING_NULL);
}

static void put_reading(struct lki_buf *out, const struct lki_reading *reading)
{
    lki_pack_i64(out, reading->t_ns);
    if (reading->failed)
        lki_pack_u64(out, LKI_READING_FAILED);
    else
        put_value(out, &reading->value);
}

static void put_probe(struct lki_buf *out, const struct lki_probe_log *log)
{
    lki_pack_u64(out, log->count);
    lki_pack_u64(out, log->errors);
    lki_pack_u64(out, log->numbers);
    lki_pack_f64(out, log->min);
    lki_pack_f64(out, log->max);
    lki_pack_f64(out, log->sum);
    lki_pack_u64(out, log->stride);
    lki_pack_u64(out, log->lost);
    put_reading(out, &log->last);
    lki_pack_u64(out, log->len);
    for (size_t i = 0; i < log->len; i++)
        put_reading(out, &log->readings[i]);
    lki_pack_u64(out, log->recent_len);
    for (size_t i = 0; i < log->recent_len; i++) {
        put_reading(out, &log->recent[i]);
        lki_pack_i64(out, log->recent[i].took_ns);
        if (log->recent[i].failed)
            put_text(out, log->recent[i].message ? log->recent[i].message : "");
    }
}

void lki_snapshot_write(const struct lki_measured *from, struct lki_buf *out)
{
    const struct lki_metrics *metrics = from->metrics;

    lki_pack_u64(out, LKI_SNAPSHOT_VERSION);
    put_totals(out, metrics->totals);
    put_arrivals(out, from->arrivals);
    put_codebook(out, &metrics->codes);
    lki_pack_u64(out, metrics->overflowed);
    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next)
        put_metric(out, metrics, metric);
    lki_pack_u64(out, LKI_FORM_END);
    for (const struct lki_error_group *group = metrics->first_error; group; group = group->next)
        put_error(out, metrics, group);
    lki_pack_u64(out, LKI_FORM_END);
    put_customs(out, metrics);
    lki_pack_u64(out, from->probe_count);
    for (size_t i = 0; i < from->probe_count; i++)
        put_probe(out, &from->probes[i]);
}
