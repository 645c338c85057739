#include "stats/series.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define FIRST_ROWS 64
/* Shorter spans are the tail that a tick leaves behind, not a second of their own. It is also how
 * early a tick may come without being taken for the second before. */
#define SPAN_MIN_NS (50 * LKI_NS_PER_MS)

/* Room for one more row; false without memory, or at the maximum. */
static bool series_grow(struct lki_series *series)
{
    size_t cap = lki_min(series->cap ? series->cap * 2 : FIRST_ROWS, series->max);
    struct lki_series_row *rows;

    if (series->len < series->cap)
        return true;
    if (series->len >= series->max)
        return false;
    rows = realloc(series->rows, cap * sizeof(*rows));
    if (!rows)
        return false;
    series->rows = rows;
    series->cap = cap;
    return true;
}

enum lk_err lki_series_init(struct lki_series *series, size_t max_rows)
{
    *series = (struct lki_series){.max = max_rows ? max_rows : LKI_SERIES_MAX_DEFAULT};
    return series_grow(series) ? LK_OK : LK_E_NOMEM;
}

void lki_series_release(struct lki_series *series)
{
    free(series->rows);
    for (size_t i = 0; i < LKI_SERIES_RECENT; i++)
        lki_hist_release(&series->recent[i].latency);
    lki_hist_release(&series->change.latency);
    *series = (struct lki_series){0};
}

void lki_series_start(struct lki_series *series, const struct lki_metrics *metrics)
{
    series->seen = *metrics->totals;
}

/* ---- rows ---- */

/* How many rows are of that second or of one before. */
static size_t rows_up_to(const struct lki_series *series, uint32_t t_s)
{
    size_t count = series->len;

    while (count && series->rows[count - 1].t_s > t_s)
        count--;
    return count;
}

const struct lki_series_row *lki_series_at(const struct lki_series *series, uint32_t t_s)
{
    size_t count = rows_up_to(series, t_s);

    return count && series->rows[count - 1].t_s == t_s ? &series->rows[count - 1] : NULL;
}

/* From now on these are of requests; what is known of steps is not shown. */
static void recent_turn(struct lki_series *series, struct lki_series_recent *recent)
{
    struct lki_series_row *row = &series->rows[recent->number - 1];

    if (recent->source == LKI_SOURCE_HTTP)
        return;
    recent->source = LKI_SOURCE_HTTP;
    lki_hist_reset(&recent->latency);
    row->p50_ns = 0;
    row->p95_ns = 0;
    row->p99_ns = 0;
}

static bool row_append(struct lki_series *series, uint32_t t_s)
{
    struct lki_series_recent *recent = &series->recent[series->len % LKI_SERIES_RECENT];

    if (!series_grow(series))
        return false;
    series->rows[series->len++] = (struct lki_series_row){.t_s = t_s};
    recent->number = series->len;
    recent->source = LKI_SOURCE_STEP;
    recent->partial = false;
    lki_hist_reset(&recent->latency);
    if (series->http && t_s >= series->http_since_s)
        recent_turn(series, recent);
    return true;
}

/* A second that got no row of its own is joined to the last one, whose users are those of the
 * newest. */
static void second_join(struct lki_series *series, uint32_t t_s)
{
    struct lki_series_row *last = &series->rows[series->len - 1];

    if (t_s <= series->newest_s)
        return;
    series->joined += t_s - series->newest_s;
    series->joined_after_ns = last->span_ns;
    last->users = 0;
}

/* The row that takes what happened in a second; NULL without memory for any. With fill each second
 * before it has a row too. */
static struct lki_series_row *row_take(struct lki_series *series, uint32_t t_s, bool fill)
{
    uint64_t next_s = series->len ? (uint64_t)series->rows[series->len - 1].t_s + 1 : 0;
    size_t count;

    if (!fill && next_s < t_s)
        next_s = t_s;
    while (next_s <= t_s && row_append(series, (uint32_t)next_s))
        next_s++;
    if (!series->len)
        return NULL;
    if (next_s <= t_s)
        second_join(series, t_s);
    if (series->newest_s < t_s)
        series->newest_s = t_s;
    count = rows_up_to(series, t_s);
    return &series->rows[count ? count - 1 : 0];
}

static void row_merge(const struct lki_series *series, struct lki_series_row *into,
                      const struct lki_series_row *row)
{
    uint32_t users_s = into == lki_series_last(series) ? series->newest_s : into->t_s;
    int64_t span_ns = row->span_ns;

    if (into->t_s < row->t_s)
        span_ns += series->joined_after_ns;
    if (into->span_ns < span_ns)
        into->span_ns = span_ns;
    if (row->t_s == users_s)
        into->users += row->users;
    into->iterations += row->iterations;
    into->steps += row->steps;
    into->step_errors += row->step_errors;
    into->requests += row->requests;
    into->errors += row->errors;
    into->bytes_sent += row->bytes_sent;
    into->bytes_received += row->bytes_received;
}

/* ---- latencies ---- */

/* Those of a row, or NULL if they are not kept any more. */
static struct lki_series_recent *recent_of(struct lki_series *series,
                                           const struct lki_series_row *row)
{
    size_t index = (size_t)(row - series->rows);
    struct lki_series_recent *recent = &series->recent[index % LKI_SERIES_RECENT];

    return recent->number == index + 1 ? recent : NULL;
}

/* Requests were made in this second: from here on nothing else counts. */
static void http_begin(struct lki_series *series, uint32_t t_s)
{
    if (series->http && series->http_since_s <= t_s)
        return;
    series->http = true;
    series->http_since_s = t_s;
    for (size_t i = 0; i < LKI_SERIES_RECENT; i++) {
        struct lki_series_recent *recent = &series->recent[i];

        if (recent->number && series->rows[recent->number - 1].t_s >= t_s)
            recent_turn(series, recent);
    }
}

static bool is_wanted(const struct lki_series *series, uint32_t t_s, enum lki_source source)
{
    return source == LKI_SOURCE_HTTP || !series->http || t_s < series->http_since_s;
}

static void latency_merge(struct lki_series *series, struct lki_series_row *row,
                          const struct lki_hist *latency)
{
    struct lki_series_recent *recent = recent_of(series, row);
    bool lacks = latency->lost > 0;

    if (!recent) {
        series->partial++;
        return;
    }
    lacks |= lki_hist_merge(&recent->latency, latency) != LK_OK;
    series->partial += lacks && !recent->partial;
    recent->partial |= lacks;
    row->p50_ns = lki_hist_quantile(&recent->latency, 0.50);
    row->p95_ns = lki_hist_quantile(&recent->latency, 0.95);
    row->p99_ns = lki_hist_quantile(&recent->latency, 0.99);
}

static enum lk_err change_merge(struct lki_series *series, const struct lki_series_row *row,
                                enum lki_source source, const struct lki_hist *latency, bool fill)
{
    struct lki_series_row *into = row_take(series, row->t_s, fill);

    if (!into)
        return LK_E_NOMEM;
    row_merge(series, into, row);
    if (source == LKI_SOURCE_HTTP)
        http_begin(series, into->t_s);
    if (latency && latency->count && is_wanted(series, into->t_s, source))
        latency_merge(series, into, latency);
    return LK_OK;
}

enum lk_err lki_series_merge(struct lki_series *series, const struct lki_series_row *row,
                             enum lki_source source, const struct lki_hist *latency)
{
    return change_merge(series, row, source, latency, true);
}

void lki_series_hold(struct lki_series *series, uint32_t first_s, uint32_t last_s, uint32_t users)
{
    for (size_t i = rows_up_to(series, last_s); i && series->rows[i - 1].t_s >= first_s; i--)
        series->rows[i - 1].users += users;
}

/* ---- recording ---- */

/* The second of what happened since the last change, which may be one that goes on. */
static uint32_t second_of(const struct lki_series *series, int64_t t_ns)
{
    uint32_t t_s = (uint32_t)((series->end_ns + SPAN_MIN_NS) / LKI_NS_PER_S);
    uint32_t last_s = series->change.row.t_s;
    bool tail = t_ns - series->end_ns < SPAN_MIN_NS || t_s <= last_s;

    return series->cut && tail ? last_s : t_s;
}

static void row_count(struct lki_series_row *row, const struct lki_totals *now,
                      const struct lki_totals *seen)
{
    row->iterations = now->iterations - seen->iterations;
    row->steps = now->steps - seen->steps;
    row->step_errors = now->step_errors - seen->step_errors;
    row->requests = now->http_requests - seen->http_requests;
    row->errors = now->http_errors - seen->http_errors;
    row->bytes_sent = now->bytes_sent - seen->bytes_sent;
    row->bytes_received = now->bytes_received - seen->bytes_received;
}

void lki_series_cut(struct lki_series *series, const struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users)
{
    struct lki_series_change *change = &series->change;
    struct lki_series_row row = {
        .t_s = second_of(series, t_ns), .span_ns = t_ns - series->end_ns, .users = (uint32_t)users};

    if (series->cut && row.t_s == change->row.t_s) {
        row.span_ns += change->row.span_ns;
        row.users -= series->users;
    }
    row_count(&row, metrics->totals, &series->seen);
    change->row = row;
    change->source = metrics->totals->http_requests ? LKI_SOURCE_HTTP : LKI_SOURCE_STEP;
    lki_hist_reset(&change->latency);
    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        /* what finds no memory is counted as lost there, which makes the row a partial one */
        if (metric->source == change->source)
            lki_hist_merge(&change->latency, &metric->second.latency);
    }
    series->cut = true;
    series->users = (uint32_t)users;
    series->seen = *metrics->totals;
    series->end_ns = t_ns;
}

void lki_series_add(struct lki_series *series, const struct lki_metrics *metrics, int64_t t_ns,
                    uint64_t users)
{
    const struct lki_series_change *change = &series->change;

    /* without a row for it the change would be lost: it waits for the next time */
    if (!series->len && !series_grow(series))
        return;
    lki_series_cut(series, metrics, t_ns, users);
    change_merge(series, &change->row, change->source, &change->latency, false);
}

enum lk_err lki_series_restore(struct lki_series *series, const struct lki_series_row *row)
{
    enum lki_source source = row->requests ? LKI_SOURCE_HTTP : LKI_SOURCE_STEP;
    enum lk_err err = lki_series_merge(series, row, source, NULL);
    struct lki_series_row *last;

    if (err)
        return err;
    last = &series->rows[series->len - 1];
    last->p50_ns = row->p50_ns;
    last->p95_ns = row->p95_ns;
    last->p99_ns = row->p99_ns;
    return LK_OK;
}
