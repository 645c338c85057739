#include "control/recent.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- tallies ---- */

struct lki_tally *lki_tallies_at(struct lki_tallies *tallies, size_t metric)
{
    while (metric >= tallies->cap) {
        size_t before = tallies->cap;
        struct lki_tally **all = lki_room(tallies->all, before, &tallies->cap, sizeof(*all));

        if (!all)
            return NULL;
        for (size_t i = before; i < tallies->cap; i++)
            all[i] = NULL;
        tallies->all = all;
    }
    if (!tallies->all[metric])
        tallies->all[metric] = lki_zalloc(sizeof(*tallies->all[metric]));
    return tallies->all[metric];
}

enum lk_err lki_tallies_add(struct lki_tallies *into, const struct lki_tallies *from)
{
    enum lk_err err = LK_OK;

    for (size_t i = 0; i < from->cap; i++) {
        struct lki_tally *tally = from->all[i] ? lki_tallies_at(into, i) : NULL;

        if (tally)
            lki_tally_merge(tally, from->all[i]);
        else if (from->all[i])
            err = LK_E_NOMEM;
    }
    return err;
}

void lki_tallies_release(struct lki_tallies *tallies)
{
    for (size_t i = 0; i < tallies->cap; i++) {
        if (tallies->all[i])
            lki_tally_release(tallies->all[i]);
        free(tallies->all[i]);
    }
    free(tallies->all);
    *tallies = (struct lki_tallies){0};
}

/* ---- seconds ---- */

struct lki_recent_second *lki_recent_at(struct lki_recent *recent, uint64_t second)
{
    if (second < recent->first || second >= recent->first + LKI_RECENT_S)
        return NULL;
    return &recent->seconds[second % LKI_RECENT_S];
}

static void records_release(struct lki_recent_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lki_codes_release(&records[i].codes);
    free(records);
}

static void second_release(struct lki_recent_second *second)
{
    records_release(second->records, second->count);
    lki_buf_release(&second->hists);
    lki_tallies_release(&second->tallies);
    *second = (struct lki_recent_second){0};
}

void lki_recent_drop(struct lki_recent *recent)
{
    second_release(&recent->seconds[recent->first % LKI_RECENT_S]);
    recent->first++;
}

void lki_recent_release(struct lki_recent *recent)
{
    for (size_t i = 0; i < LKI_RECENT_S; i++)
        second_release(&recent->seconds[i]);
    *recent = (struct lki_recent){0};
}

/* ---- put by, and taken out again ---- */

static enum lk_err add_record(const struct lki_recent_second *second,
                              const struct lki_recent_record *record, struct lki_tally *into)
{
    lki_ns_sum sum = into->latency.sum + record->sum;
    enum lk_err err = LK_OK;

    into->count += record->count;
    into->errors += record->errors;
    into->cancelled += record->cancelled;
    into->fatal += record->fatal;
    lki_codes_merge(&into->codes, &record->codes);
    if (record->len)
        err = lki_hist_decode_lossy(&into->latency, second->hists.data + record->at, record->len);
    into->latency.sum = sum; /* that of the bytes may be a little off */
    return err;
}

enum lk_err lki_recent_open(struct lki_recent_second *second)
{
    struct lki_tallies tallies = {0};
    enum lk_err err = LK_OK;

    if (second->open)
        return LK_OK;
    for (size_t i = 0; !err && i < second->count; i++) {
        struct lki_tally *tally = lki_tallies_at(&tallies, second->records[i].metric);

        err = tally ? add_record(second, &second->records[i], tally) : LK_E_NOMEM;
    }
    if (err) {
        lki_tallies_release(&tallies);
        return err;
    }
    records_release(second->records, second->count);
    lki_buf_release(&second->hists);
    second->records = NULL;
    second->count = 0;
    second->tallies = tallies;
    second->open = true;
    return LK_OK;
}

static size_t count_used(const struct lki_tallies *tallies)
{
    size_t count = 0;

    for (size_t i = 0; i < tallies->cap; i++)
        count += tallies->all[i] && tallies->all[i]->count;
    return count;
}

static void write_record(struct lki_recent_record *record, size_t metric,
                         const struct lki_tally *tally, struct lki_buf *hists)
{
    *record = (struct lki_recent_record){.metric = metric,
                                         .count = tally->count,
                                         .errors = tally->errors,
                                         .cancelled = tally->cancelled,
                                         .fatal = tally->fatal,
                                         .sum = tally->latency.sum,
                                         .at = hists->len};
    lki_codes_merge(&record->codes, &tally->codes);
    if (tally->latency.count)
        lki_hist_encode(&tally->latency, hists);
    record->len = hists->len - record->at;
}

enum lk_err lki_recent_put_by(struct lki_recent_second *second)
{
    const struct lki_tallies *tallies = &second->tallies;
    size_t used = count_used(tallies);
    struct lki_recent_record *records;
    struct lki_buf hists;
    size_t count = 0;

    if (!second->open)
        return LK_OK;
    lki_buf_init(&hists, SIZE_MAX);
    records = calloc(used ? used : 1, sizeof(*records));
    for (size_t i = 0; records && i < tallies->cap; i++) {
        if (tallies->all[i] && tallies->all[i]->count)
            write_record(&records[count++], i, tallies->all[i], &hists);
    }
    if (!records || hists.err) {
        records_release(records, count);
        lki_buf_release(&hists);
        return LK_E_NOMEM;
    }
    lki_tallies_release(&second->tallies);
    second->records = records;
    second->count = count;
    second->hists = hists;
    second->open = false;
    return LK_OK;
}

static const struct lki_recent_record *record_of(const struct lki_recent_second *second,
                                                 size_t metric)
{
    size_t low = 0;
    size_t high = second->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (second->records[middle].metric < metric)
            low = middle + 1;
        else
            high = middle;
    }
    return low < second->count && second->records[low].metric == metric ? &second->records[low]
                                                                        : NULL;
}

enum lk_err lki_recent_add(const struct lki_recent_second *second, size_t metric,
                           struct lki_tally *into)
{
    const struct lki_recent_record *record = record_of(second, metric);

    if (record)
        return add_record(second, record, into);
    if (second->open && metric < second->tallies.cap && second->tallies.all[metric])
        lki_tally_merge(into, second->tallies.all[metric]);
    return LK_OK;
}
