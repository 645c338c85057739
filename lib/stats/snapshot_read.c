#include "stats/snapshot_read.h"

#include <string.h>

const char *lki_snapshot_take_text(struct lki_snapshot_in *from, size_t max)
{
    size_t len;
    const char *text = lki_unpack_bytes(&from->in, &len);

    lki_snapshot_expect(from, len && len - 1 <= max && memchr(text, '\0', len) == text + len - 1);
    return from->in.bad ? "" : text;
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

void lki_snapshot_take_head(struct lki_unpack *in, struct lki_snapshot_head *head)
{
    if (lki_unpack_u64(in) != LKI_SNAPSHOT_VERSION)
        in->bad = true;
    head->totals = take_totals(in);
    head->intended = lki_unpack_max(in, LKI_SNAPSHOT_COUNT_MAX);
    head->started = lki_unpack_max(in, LKI_SNAPSHOT_COUNT_MAX);
    head->dropped = lki_unpack_max(in, LKI_SNAPSHOT_COUNT_MAX);
    head->late = lki_unpack_max(in, LKI_SNAPSHOT_COUNT_MAX);
}

uint64_t lki_snapshot_take_codebook(struct lki_snapshot_in *from)
{
    struct lki_codebook *book = &from->metrics->codes;
    uint64_t overflowed = lki_snapshot_take_count(from);

    from->book_count = (size_t)lki_unpack_max(&from->in, LKI_CODEBOOK_MAX);
    for (size_t i = 0; i < from->book_count; i++) {
        const char *name = lki_snapshot_take_text(from, LKI_LABEL_MAX);
        const char *category = lki_snapshot_take_text(from, LKI_LABEL_MAX);

        if (from->in.bad)
            return overflowed;
        from->book[i] = lki_codebook_code(book, name, category);
        from->starved |= from->book[i] == LKI_CODE_OTHER && book->count < LKI_CODEBOOK_MAX;
    }
    return overflowed;
}

lki_code lki_snapshot_take_code(struct lki_snapshot_in *from)
{
    uint64_t code = lki_unpack_max(&from->in, LKI_CODE_END + LKI_CODEBOOK_MAX);

    if (code < LKI_CODE_END)
        return (lki_code)code;
    lki_snapshot_expect(from, code - LKI_CODE_END < from->book_count);
    return from->in.bad ? LKI_CODE_OTHER : from->book[code - LKI_CODE_END];
}

enum lki_snapshot_form lki_snapshot_take_form(struct lki_snapshot_in *from)
{
    return (enum lki_snapshot_form)lki_unpack_max(&from->in, LKI_FORM_LAST_);
}

unsigned lki_snapshot_take_tally_count(struct lki_snapshot_in *from)
{
    return (unsigned)lki_unpack_max(&from->in, LKI_SNAPSHOT_TALLIES_MAX);
}

bool lki_snapshot_take_name(struct lki_snapshot_in *from, struct lki_snapshot_name *name)
{
    *name = (struct lki_snapshot_name){
        .form = lki_snapshot_take_form(from), .step = "", .name = "", .kind = "", .stage = ""};
    if (name->form == LKI_FORM_END)
        return false;
    name->source = (enum lki_source)lki_unpack_max(&from->in, LKI_SOURCE_COUNT - 1);
    if (name->form != LKI_FORM_OTHERS) {
        name->step = lki_snapshot_take_text(from, LKI_METRIC_NAME_MAX);
        name->name = lki_snapshot_take_text(from, LKI_METRIC_NAME_MAX);
    }
    if (name->form == LKI_FORM_EMITTED) {
        name->kind = lki_snapshot_take_text(from, LKI_LABEL_MAX);
        name->stage = lki_snapshot_take_text(from, LKI_LABEL_MAX);
        lki_snapshot_expect(from, name->source == LKI_SOURCE_CUSTOM);
    }
    return !from->in.bad;
}

struct lki_metric *lki_snapshot_metric(struct lki_snapshot_in *from,
                                       const struct lki_snapshot_name *name)
{
    struct lki_metrics *metrics = from->metrics;
    struct lki_metric *metric;

    if (name->form == LKI_FORM_OTHERS)
        return lki_metrics_overflow(metrics, name->source);
    if (name->form == LKI_FORM_EMITTED)
        metric = lki_metrics_find_emitted(metrics, name->step, name->name, name->kind, name->stage);
    else
        metric = lki_metrics_find(metrics, name->source, name->step, name->name,
                                  strlen(name->name));
    from->starved |= metric == &metrics->overflow[name->source] && metrics->count < metrics->max;
    return metric;
}
