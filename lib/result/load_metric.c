/* Metrics, and what authors measured, read back from a result file. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "result/fill.h"
#include "result/json_in.h"
#include "stats/code.h"
#include "stats/custom.h"

#define READINGS_MAX (16 * LKI_READINGS_MAX)

/* ---- latencies */

static void read_summary(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_summary, count, "count", lki_in_u64),
        LKI_IN_OPTION(struct lki_summary, avg_ns, "avg", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, min_ns, "min", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, p50_ns, "p50", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, p90_ns, "p90", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, p95_ns, "p95", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, p99_ns, "p99", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, p99_9_ns, "p99_9", lki_in_ms),
        LKI_IN_OPTION(struct lki_summary, max_ns, "max", lki_in_ms),
    };

    LKI_IN_OBJECT(in, value, members, place);
}

static void read_phase(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_summary *phases = place;
    const char *name = lki_in_key(in);

    for (int p = 0; p < LKI_PHASE_COUNT; p++) {
        if (!strcmp(name, lki_phase_name((enum lki_phase)p)))
            read_summary(in, value, &phases[p]);
    }
}

static void read_phases(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    lki_in_each(in, value, read_phase, place);
}

void lki_result_in_arrivals(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result_arrivals, rate_per_s, "rate_per_s", lki_in_double),
        LKI_IN_MEMBER(struct lki_result_arrivals, intended, "intended", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_arrivals, started, "started", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_arrivals, dropped, "dropped", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_arrivals, late, "late", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_arrivals, lateness, "lateness_ms", read_summary),
    };

    if (value->kind != LKI_JSON_NULL)
        LKI_IN_OBJECT(in, value, members, place);
}

/* ---- codes */

lki_code lki_result_code_of(const char *name)
{
    lki_code code = LKI_CODE_OTHER_FIRST;
    unsigned status;
    char rest;

    if (strlen(name) == 8 && sscanf(name, "HTTP_%3u%c", &status, &rest) == 1 &&
        status >= LKI_CODE_HTTP_FIRST && status <= LKI_CODE_HTTP_LAST)
        return LKI_CODE_HTTP(status);
    while (code < LKI_CODE_END && strcmp(name, lki_code_name(code)) != 0)
        code++;
    return code;
}

/* Of an author's code neither the number nor the category is in the file; nobody asks for them. */
static void read_code(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_metric *metric = place;
    struct lki_result_code *code = &metric->codes[metric->code_count];

    code->name = lki_in_key(in);
    code->category = "";
    code->code = lki_result_code_of(code->name);
    code->plain = true;
    lki_in_u64(in, value, &code->count);
    metric->code_count++;
}

static void read_category(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_metric *metric = place;
    struct lki_result_category *category = &metric->categories[metric->category_count];

    category->name = lki_in_key(in);
    lki_in_u64(in, value, &category->count);
    metric->category_count++;
}

/* Room for the members of an object; NULL: refused. */
static void *room_for(struct lki_json_in *in, const struct lki_json_value *value, size_t bytes)
{
    size_t count = 0;
    void *room = NULL;

    if (!lki_in_is(in, value, LKI_JSON_OBJECT, "an object"))
        return NULL;
    if (lki_json_count(value, &count) || count > LKI_IN_LIST_MAX) {
        lki_in_refuse(in, LK_E_LIMIT, "so many are no result");
        return NULL;
    }
    room = lki_result_take(in->result, count, bytes);
    if (!room)
        lki_in_refuse(in, LK_E_NOMEM, "%s", lk_strerror(LK_E_NOMEM));
    return room;
}

static void read_codes(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_metric *metric = place;

    metric->code_count = 0;
    metric->codes = room_for(in, value, sizeof(*metric->codes));
    if (metric->codes)
        lki_in_each(in, value, read_code, metric);
}

static void read_categories(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_metric *metric = place;

    metric->category_count = 0;
    metric->categories = room_for(in, value, sizeof(*metric->categories));
    if (metric->categories)
        lki_in_each(in, value, read_category, metric);
}

struct notable {
    const char **names;
    size_t count;
};

static void read_notable(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct notable *notable = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, lki_in_text, notable->names, notable->count);
}

/* They come in the order of the codes, so one pass finds them all. */
static void mark_notable(struct lki_result_metric *metric, const struct notable *notable)
{
    size_t at = 0;

    for (size_t i = 0; i < metric->code_count && at < notable->count; i++) {
        const char *name = notable->names[at] ? notable->names[at] : "";

        if (strcmp(metric->codes[i].name, name) != 0)
            continue;
        metric->codes[i].plain = false;
        at++;
    }
}

/* ---- metrics */

struct read_metric {
    struct lki_result_metric metric;
    struct notable notable;
    const char *stage; /* "": none, so that it was not emitted by the author */
};

static enum lki_source source_of(const struct read_metric *read)
{
    int source = 0;

    if (*read->stage)
        return LKI_SOURCE_CUSTOM;
    while (source < LKI_SOURCE_COUNT &&
           strcmp(read->metric.kind, lki_source_name((enum lki_source)source)) != 0)
        source++;
    return source < LKI_SOURCE_COUNT ? (enum lki_source)source : LKI_SOURCE_CUSTOM;
}

void lki_result_in_metric(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct read_metric, metric.id, "id", lki_in_text),
        LKI_IN_MEMBER(struct read_metric, metric.name, "name", lki_in_text),
        LKI_IN_MEMBER(struct read_metric, metric.kind, "source", lki_in_text),
        LKI_IN_OPTION(struct read_metric, stage, "stage", lki_in_text),
        LKI_IN_MEMBER(struct read_metric, metric.step, "step", lki_in_text),
        LKI_IN_MEMBER(struct read_metric, metric.count, "requests", lki_in_u64),
        LKI_IN_MEMBER(struct read_metric, metric.errors, "errors", lki_in_u64),
        LKI_IN_OPTION(struct read_metric, metric.fatal, "fatal", lki_in_u64),
        LKI_IN_OPTION(struct read_metric, metric.cancelled, "cancelled", lki_in_u64),
        LKI_IN_OPTION(struct read_metric, metric.bytes_sent, "bytes_sent", lki_in_u64),
        LKI_IN_OPTION(struct read_metric, metric.bytes_received, "bytes_received", lki_in_u64),
        LKI_IN_MEMBER(struct read_metric, metric.latency, "latency_ms", read_summary),
        LKI_IN_OPTION(struct read_metric, metric.intended, "intended_ms", read_summary),
        LKI_IN_MEMBER(struct read_metric, metric, "codes", read_codes),
        LKI_IN_OPTION(struct read_metric, notable, "notable", read_notable),
        LKI_IN_OPTION(struct read_metric, metric, "categories", read_categories),
        LKI_IN_OPTION(struct read_metric, metric.phases, "phases_ms", read_phases),
    };
    struct read_metric read = {.metric = {.id = "", .name = "", .step = "", .kind = ""},
                               .stage = ""};

    LKI_IN_OBJECT(in, value, members, &read);
    mark_notable(&read.metric, &read.notable);
    read.metric.stage = read.stage;
    read.metric.source = source_of(&read);
    *(struct lki_result_metric *)place = read.metric;
}

void lki_result_in_types(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, lki_result_in_metric, result->types,
                 result->type_count);
}

void lki_result_in_metrics(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, lki_result_in_metric, result->metrics,
                 result->metric_count);
}

/* ---- the author's */

static void read_type(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const enum lk_metric_type types[] = {LK_TREND, LK_COUNTER, LK_GAUGE, LK_RATE};
    const char *name = "";

    lki_in_text(in, value, &name);
    for (size_t i = 0; i < LKI_COUNT(types); i++) {
        if (!strcmp(name, lki_custom_type_name(types[i]))) {
            *(enum lk_metric_type *)place = types[i];
            return;
        }
    }
    lki_in_refuse(in, LK_E_FORMAT, "no type of metric is called that");
}

static void read_custom(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result_custom, name, "name", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_custom, type, "type", read_type),
        LKI_IN_OPTION(struct lki_result_custom, unit, "unit", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_custom, count, "count", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_custom, hits, "true", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_custom, sum, "sum", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, per_s, "rate_per_s", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, avg, "avg", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, min, "min", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, max, "max", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, last, "last", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, p50, "p50", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, p90, "p90", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, p95, "p95", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, p99, "p99", lki_in_double),
        LKI_IN_OPTION(struct lki_result_custom, p99_9, "p99_9", lki_in_double),
    };
    struct lki_result_custom custom = {.name = "", .unit = "", .type = LK_TREND};

    LKI_IN_OBJECT(in, value, members, &custom);
    *(struct lki_result_custom *)place = custom;
}

void lki_result_in_customs(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_custom, result->customs, result->custom_count);
}

/* [time, value] */
static void read_reading(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_reading *reading = place;
    struct lki_json_value part;
    size_t count = 0;

    if (lki_in_is(in, value, LKI_JSON_ARRAY, "an array") &&
        (lki_json_count(value, &count) || count != 2)) {
        lki_in_refuse(in, LK_E_FORMAT, "a time and a value were expected here");
        return;
    }
    if (!lki_json_find(value->raw, value->len, "0", &part))
        lki_in_seconds(in, &part, &reading->t_ns);
    if (!lki_json_find(value->raw, value->len, "1", &part))
        lki_in_scalar(in, &part, &reading->value);
}

static void read_readings(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_probe *probe = place;

    LKI_IN_ARRAY(in, value, READINGS_MAX, read_reading, probe->readings, probe->reading_count);
}

static void read_probe(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result_probe, name, "name", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_probe, count, "count", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_probe, errors, "errors", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_probe, numbers, "numbers", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_probe, last, "last", lki_in_scalar),
        LKI_IN_OPTION(struct lki_result_probe, avg, "avg", lki_in_double),
        LKI_IN_OPTION(struct lki_result_probe, min, "min", lki_in_double),
        LKI_IN_OPTION(struct lki_result_probe, max, "max", lki_in_double),
        {"readings", read_readings, 0, true},
    };
    struct lki_result_probe probe = {.name = ""};

    LKI_IN_OBJECT(in, value, members, &probe);
    *(struct lki_result_probe *)place = probe;
}

void lki_result_in_probes(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_probe, result->probes, result->probe_count);
}
