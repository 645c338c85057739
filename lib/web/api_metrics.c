/* GET /metrics: each metric over the last minute and over the whole run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/api_inner.h"

#define CODES_TOP 10
#define CODES_MAX 512
#define OTHERS "OTHER"

/* ---- codes ---- */

struct count {
    const char *name;
    uint64_t count;
};

struct counts {
    struct count all[CODES_MAX];
    size_t len;
    uint64_t others; /* of more than that */
};

struct codes {
    struct counts codes;
    struct counts categories;
};

/* One of a name that stands for others is one of them: it must not be there twice. */
static void count_add(struct counts *counts, const char *name, uint64_t count)
{
    if (!strcmp(name, OTHERS)) {
        counts->others += count;
        return;
    }
    for (size_t i = 0; i < counts->len; i++) {
        if (!strcmp(counts->all[i].name, name)) {
            counts->all[i].count += count;
            return;
        }
    }
    if (counts->len < CODES_MAX)
        counts->all[counts->len++] = (struct count){name, count};
    else
        counts->others += count;
}

static void on_code(const char *code, const char *category, uint64_t count, void *arg)
{
    struct codes *codes = arg;

    if (!count)
        return;
    count_add(&codes->codes, code, count);
    count_add(&codes->categories, category, count);
}

static int by_count(const void *a, const void *b)
{
    const struct count *left = a;
    const struct count *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->name, right->name);
}

/* The most frequent ones, and the others in one. */
static void put_counts(struct lki_put *put, const char *key, struct counts *counts)
{
    uint64_t others = counts->others;

    qsort(counts->all, counts->len, sizeof(counts->all[0]), by_count);
    lki_put_open(put, key, '{');
    for (size_t i = 0; i < counts->len; i++) {
        if (i < CODES_TOP)
            lki_put_uint(put, counts->all[i].name, counts->all[i].count);
        else
            others += counts->all[i].count;
    }
    if (others)
        lki_put_uint(put, OTHERS, others);
    lki_put_close(put, '}');
}

static void put_other(struct lki_put *put, const struct counts *counts)
{
    uint64_t others = counts->others;

    for (size_t i = CODES_TOP; i < counts->len; i++)
        others += counts->all[i].count;
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "result_code", OTHERS);
    lki_put_uint(put, "count", others);
    lki_put_close(put, '}');
}

static void put_top(struct lki_put *put, const struct counts *counts)
{
    lki_put_open(put, "top_result_codes", '[');
    for (size_t i = 0; i < counts->len && i < CODES_TOP; i++) {
        lki_put_open(put, NULL, '{');
        lki_put_text(put, "result_code", counts->all[i].name);
        lki_put_uint(put, "count", counts->all[i].count);
        lki_put_close(put, '}');
    }
    if (counts->len > CODES_TOP || counts->others)
        put_other(put, counts);
    lki_put_close(put, ']');
}

/* ---- aggregates ---- */

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* codes: emptied before, NULL: there was nothing. */
static void put_aggregate(struct lki_put *put, const char *key,
                          const struct lki_aggregate *aggregate, struct codes *codes, bool window)
{
    double span_s = aggregate->span_s > 1 ? aggregate->span_s : 1;

    lki_put_open(put, key, '{');
    lki_put_number(put, "window_s", window ? LKI_HISTORY_WINDOW_S : (double)(uint64_t)span_s);
    lki_put_uint(put, "requests", aggregate->requests);
    lki_put_uint(put, "errors", aggregate->errors);
    lki_put_measured(put, "error_rate", share(aggregate->errors, aggregate->requests));
    lki_put_measured(put, "rps", (double)aggregate->requests / span_s);
    lki_put_measured(put, "latency_avg_ms", aggregate->avg_ms);
    lki_put_measured(put, "latency_median_ms", aggregate->median_ms);
    lki_put_measured(put, "latency_p95_ms", aggregate->p95_ms);
    lki_put_measured(put, "latency_p99_ms", aggregate->p99_ms);
    put_counts(put, "result_code_counts", &codes->codes);
    put_counts(put, "result_category_counts", &codes->categories);
    lki_put_uint(put, "fatal_count", aggregate->fatal);
    put_top(put, &codes->codes);
    lki_put_uint(put, "cancelled", aggregate->cancelled);
    lki_put_close(put, '}');
}

static void put_measured(struct lki_history *history, struct lki_put *put, const char *key,
                         size_t metric, bool window, struct codes *codes)
{
    struct lki_aggregate aggregate;

    codes->codes.len = codes->categories.len = 0;
    codes->codes.others = codes->categories.others = 0;
    lki_history_aggregate(history, metric, window, &aggregate);
    lki_history_codes(history, metric, window, on_code, codes);
    put_aggregate(put, key, &aggregate, codes, window);
}

/* ---- metrics ---- */

/* An entry of the list, sorted by id. */
struct entry {
    const struct lki_api_name *name;
    size_t at; /* in the history */
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name->id, ((const struct entry *)b)->name->id);
}

/* NULL: no memory. */
static struct entry *entries_make(const struct lki_api *api, struct lki_arena *arena, size_t count)
{
    const struct lki_api_name *names = lki_api_names(api, arena);
    struct entry *entries = names ? lki_arena_alloc(arena, count * sizeof(*entries)) : NULL;

    for (size_t i = 0; entries && i < count; i++)
        entries[i] = (struct entry){&names[i], i};
    if (entries && count)
        qsort(entries, count, sizeof(*entries), by_id);
    return entries;
}

static void put_last_event(struct lki_put *put, uint64_t last)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu-0", (unsigned long long)last);
    lki_put_text(put, "last_event_id", last ? text : NULL);
}

static void put_metric(struct lki_api *api, struct lki_put *put, const struct entry *entry,
                       const struct lki_api_metrics_query *query, struct codes *codes)
{
    struct lki_history *history = lki_orchestrator_history(api->o);
    const struct lki_metric *metric = entry->name->metric;
    struct lki_put events;
    uint64_t last;

    lki_put_init(&events, LKI_API_ANSWER_MAX);
    last = lki_api_put_events(api, &events, NULL, metric, query->count);
    lki_put_open(put, NULL, '{');
    lki_put_text(put, "metric_id", entry->name->id);
    put_last_event(put, last);
    put_measured(history, put, "aggregate", entry->at, true, codes);
    put_measured(history, put, "aggregate_total", entry->at, false, codes);
    if (query->events && !events.buf.err)
        lki_put_raw(put, "events", events.buf.data, events.buf.len);
    else
        lki_put_null(put, "events");
    lki_api_put_shown(api, put, "name", metric->name);
    lki_put_text(put, "step", metric->step);
    lki_put_text(put, "source", metric->kind);
    lki_put_text(put, "stage", metric->stage);
    lki_put_close(put, '}');
    lki_put_release(&events);
}

/* One that was asked for by a name that nothing has. */
static void put_unknown(struct lki_put *put, const struct lki_api_metrics_query *query,
                        struct codes *codes)
{
    const struct lki_aggregate none = {
        .avg_ms = NAN, .median_ms = NAN, .p95_ms = NAN, .p99_ms = NAN};

    lki_put_open(put, NULL, '{');
    lki_put_text(put, "metric_id", query->metric_id);
    lki_put_null(put, "last_event_id");
    put_aggregate(put, "aggregate", &none, codes, true);
    put_aggregate(put, "aggregate_total", &none, codes, false);
    if (query->events)
        lki_put_raw(put, "events", "[]", 2);
    else
        lki_put_null(put, "events");
    lki_put_close(put, '}');
}

static bool is_asked(const struct lki_api_metrics_query *query, const struct lki_api_name *name)
{
    return !query->metric_id || !strcmp(query->metric_id, name->id) ||
           !strcmp(query->metric_id, name->plain);
}

static void put_list(struct lki_api *api, struct lki_put *put,
                     const struct lki_api_metrics_query *query, struct codes *codes)
{
    size_t count = lki_history_metric_count(lki_orchestrator_history(api->o));
    struct lki_arena arena;
    const struct entry *entries;
    bool found = false;

    lki_arena_init(&arena, NULL, 0);
    entries = entries_make(api, &arena, count);
    if (!entries)
        put->buf.err = LK_E_NOMEM;
    lki_put_open(put, "metrics", '[');
    for (size_t i = 0; entries && i < count; i++) {
        if (!is_asked(query, entries[i].name))
            continue;
        put_metric(api, put, &entries[i], query, codes);
        found = true;
    }
    if (query->metric_id && !found)
        put_unknown(put, query, codes);
    lki_put_close(put, ']');
    lki_arena_reset(&arena);
}

void lki_api_put_metrics(struct lki_api *api, struct lki_put *put, const char *key,
                         const struct lki_api_metrics_query *query)
{
    uint64_t lost = lki_web_counts(api->web)->lost;
    struct codes *codes = lki_zalloc(sizeof(*codes));

    lki_put_open(put, key, '{');
    lki_put_int(put, "generated_at", (int64_t)lki_wall_s());
    lki_put_open(put, "lag", '{');
    lki_put_bool(put, "detected", lost > 0);
    lki_put_raw(put, "metrics_with_backlog", "[]", 2);
    lki_put_uint(put, "dropped_subscriber_messages", lost);
    lki_put_close(put, '}');
    if (codes)
        put_list(api, put, query, codes);
    else
        put->buf.err = LK_E_NOMEM;
    lki_put_int(put, "count", query->count);
    lki_put_bool(put, "include_events", query->events);
    lki_put_close(put, '}');
    free(codes);
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && !strncasecmp(at, word, len);
}

/* A scraper says so in what it accepts: OpenMetrics, or plain text of some version. */
static bool wants_text(const struct lki_web_request *request)
{
    const char *at = lki_web_header(request, "Accept");
    bool plain = false;
    char before = at ? ',' : '\0';

    while (before) {
        size_t len;

        at += strspn(at, " \t");
        len = strcspn(at, " \t=;,");
        if (before == ',') {
            plain = is_word(at, len, "text/plain");
            if (is_word(at, len, "application/openmetrics-text"))
                return true;
        } else if (plain && is_word(at, len, "version")) {
            return true;
        }
        at += strcspn(at, ";,");
        before = *at ? *at++ : '\0';
    }
    return false;
}

void lki_api_metrics(struct lki_web_request *request, void *arg)
{
    struct lki_api *api = arg;
    struct lki_api_metrics_query query;
    struct lki_web_form form;
    struct lki_put put;

    if (wants_text(request)) {
        lki_api_prometheus(request, arg);
        return;
    }
    lki_web_form_query(&form, request);
    query.count = lki_web_form_int(&form, "count", 1, 1000, 100);
    query.metric_id = lki_web_form_text(&form, "metric_id", LKI_API_ID_MAX, NULL);
    query.events = lki_web_form_bool(&form, "include_events", true);
    if (!lki_web_form_end(&form))
        return;
    lki_put_init(&put, LKI_API_ANSWER_MAX);
    lki_api_put_metrics(api, &put, NULL, &query);
    lki_api_answer(request, &put);
}
