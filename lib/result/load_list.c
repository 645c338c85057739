/* Workers, errors, series and examples, read back from a result file. */
#include <string.h>

#include "base/mem.h"
#include "result/fill.h"
#include "result/json_in.h"
#include "stats/code.h"

#define ROWS_MAX (2 * LKI_SERIES_MAX_DEFAULT)

/* ---- workers */

static void read_frames(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result_crash *crash = place;
    const char **frames = NULL;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, lki_in_text, frames, crash->frame_count);
    for (size_t i = 0; frames && i < crash->frame_count; i++)
        frames[i] = frames[i] ? frames[i] : "";
    crash->frames = frames;
}

static void read_crash(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result_crash, worker, "worker", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_crash, worker_id, "worker_id", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_crash, user, "user", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_crash, step, "step", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_crash, what, "what", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_crash, at_ns, "at_s", lki_in_seconds),
        LKI_IN_OPTION(struct lki_result_crash, orphaned, "orphaned", lki_in_bool),
        LKI_IN_OPTION(struct lki_result_crash, silent_ns, "silent_s", lki_in_seconds),
        LKI_IN_OPTION(struct lki_result_crash, goes_on_ns, "goes_on_s", lki_in_seconds),
        LKI_IN_MEMBER(struct lki_result_crash, retired, "retired", lki_in_bool),
        {"backtrace", read_frames, 0, false},
    };

    *(struct lki_result_crash *)place = (struct lki_result_crash){
        .worker_id = "", .step = "", .what = ""};
    LKI_IN_OBJECT(in, value, members, place);
}

void lki_result_in_crashes(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_crash, result->crashes, result->crash_count);
}

static void read_waited(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    if (value->kind != LKI_JSON_NULL)
        lki_in_seconds(in, value, place);
}

static void read_health(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_OPTION(struct lki_result_health, worker_id, "worker_id", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_health, span_ns, "span_s", lki_in_seconds),
        LKI_IN_MEMBER(struct lki_result_health, busy_ns, "busy_s", lki_in_seconds),
        LKI_IN_MEMBER(struct lki_result_health, waited_ns, "waited_s", read_waited),
        LKI_IN_MEMBER(struct lki_result_health, busiest_ns, "longest_turn_ms", lki_in_ms),
        LKI_IN_MEMBER(struct lki_result_health, turns, "turns", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_health, stalls, "stalls", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result_health, descriptors, "descriptors", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_health, overflowed, "overflowed", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_health, abandoned, "abandoned", lki_in_u64),
    };

    *(struct lki_result_health *)place = (struct lki_result_health){.worker_id = "",
                                                                    .waited_ns = -1};
    LKI_IN_OBJECT(in, value, members, place);
}

static void read_healths(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_health, result->health, result->health_count);
}

void lki_result_in_generator(struct lki_json_in *in, const struct lki_json_value *value,
                             void *place)
{
    static const struct lki_in_member members[] = {{"workers", read_healths, 0, false}};

    LKI_IN_OBJECT(in, value, members, place);
}

/* ---- errors, series */

static enum lki_source source_of(const char *name)
{
    int source = 0;

    while (source < LKI_SOURCE_COUNT && strcmp(name, lki_source_name((enum lki_source)source)) != 0)
        source++;
    return (enum lki_source)source;
}

static void read_source(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    enum lki_source *source = place;
    const char *name = "";

    lki_in_text(in, value, &name);
    *source = source_of(name);
    if (*source != LKI_SOURCE_COUNT)
        return;
    *source = LKI_SOURCE_CUSTOM;
    lki_in_refuse(in, LK_E_FORMAT, "no source is called that");
}

static void read_error(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result_error, source, "source", read_source),
        LKI_IN_MEMBER(struct lki_result_error, step, "step", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_error, code, "code", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_error, message, "message", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_error, count, "count", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_error, first_user, "first_user", lki_in_u64),
        LKI_IN_OPTION(struct lki_result_error, first_ns, "first_s", lki_in_seconds),
    };

    *(struct lki_result_error *)place = (struct lki_result_error){
        .step = "", .code = "", .message = ""};
    LKI_IN_OBJECT(in, value, members, place);
}

void lki_result_in_errors(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_error, result->errors, result->error_count);
}

static void read_row(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_series_row, t_s, "t", lki_in_u32),
        LKI_IN_MEMBER(struct lki_series_row, span_ns, "span_s", lki_in_seconds),
        LKI_IN_MEMBER(struct lki_series_row, users, "users", lki_in_u32),
        LKI_IN_MEMBER(struct lki_series_row, iterations, "iterations", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, requests, "requests", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, errors, "errors", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, steps, "steps", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, step_errors, "step_errors", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, bytes_sent, "bytes_sent", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, bytes_received, "bytes_received", lki_in_u64),
        LKI_IN_MEMBER(struct lki_series_row, p50_ns, "p50_ms", lki_in_ms),
        LKI_IN_MEMBER(struct lki_series_row, p95_ns, "p95_ms", lki_in_ms),
        LKI_IN_MEMBER(struct lki_series_row, p99_ns, "p99_ms", lki_in_ms),
    };

    LKI_IN_OBJECT(in, value, members, place);
}

void lki_result_in_series(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, ROWS_MAX, read_row, result->series, result->series_count);
}

/* ---- examples */

static void read_code(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    const char *name = "";

    lki_in_text(in, value, &name);
    *(lki_code *)place = lki_result_code_of(name);
}

/* The index of the request of that id. Examples come in the order of their metrics, so the one
 * before is where to look on from. */
static void read_metric_of(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    const struct lki_result *result = in->result;
    struct lki_result_example *example = place;
    size_t at = example > result->examples ? example[-1].metric : 0;
    const char *id = "";

    lki_in_text(in, value, &id);
    while (at < result->metric_count && (result->metrics[at].source != LKI_SOURCE_HTTP ||
                                         strcmp(result->metrics[at].id, id) != 0))
        at++;
    if (at < result->metric_count)
        example->metric = at;
    else
        lki_in_refuse(in, LK_E_FORMAT, "there is no such metric, or not behind the one before");
}

static void read_example(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        {"metric", read_metric_of, 0, false},
        LKI_IN_MEMBER(struct lki_result_example, code, "code", read_code),
        LKI_IN_MEMBER(struct lki_result_example, request, "request", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_example, answer, "answer", lki_in_text),
        LKI_IN_MEMBER(struct lki_result_example, body, "body", lki_in_text),
    };

    *(struct lki_result_example *)place = (struct lki_result_example){
        .request = "", .answer = "", .body = ""};
    LKI_IN_OBJECT(in, value, members, place);
}

void lki_result_in_examples(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = place;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, read_example, result->examples, result->example_count);
}
