/* Metrics of the author's own: the functions of <loadkit/metric.h>, and lk_check. */
#include <loadkit/metric.h>

#include <math.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "client/watch.h"

#define SOURCE_DEFAULT "custom"
#define STAGE_DEFAULT "execute"

/* A block being timed. In the arena of the unit; a step that times a block again and again needs
 * memory for it once. */
struct lk_timing {
    struct lk_timing *next;
    struct lki_unit *unit;
    const struct lki_task *task;
    struct lki_metric *metric;
    int64_t start_ns;
};

void lk_record(lk_vu *vu, const char *name, double value)
{
    struct lki_custom *custom = name ? lki_customs_find(&vu->metrics->customs, name) : NULL;
    int64_t t_ns = 0;

    if (!custom && !name)
        lki_vu_fail(vu, "lk_record without the name of a metric");
    if (!custom)
        lki_vu_fail(vu,
                    "no metric \"%s\" is registered: add LK_METRIC(%s, LK_TREND), or another "
                    "type",
                    name, name);
    if (!isfinite(value))
        lki_vu_fail(vu, "a value of the metric \"%s\" is no finite number", name);
    /* who recorded last matters for a level only */
    if (custom->type == LK_GAUGE)
        t_ns = lki_loop_now(vu->loop);
    lki_custom_record(custom, value, t_ns);
    if (LKI_UNLIKELY(vu->http.shared->watch != NULL))
        vu->http.shared->watch->recorded(vu->http.shared->watch, vu, name, value);
}

bool lk_check(lk_vu *vu, bool held, const char *name)
{
    const char *step = lki_vu_unit(vu)->step;
    struct lki_metric *metric;

    if (!name || !*name)
        lki_vu_fail(vu, "a check without a name");
    metric = lki_metrics_find(vu->metrics, LKI_SOURCE_CHECK, step, name, strlen(name));
    lki_metric_count(metric, held ? LKI_CODE_CHECK_OK : LKI_CODE_CHECK_FAILED,
                     held ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR);
    if (LKI_UNLIKELY(!held))
        lki_metrics_error(vu->metrics, LKI_SOURCE_CHECK, step, LKI_CODE_CHECK_FAILED, name, vu->id);
    return held;
}

/* ---- samples ---- */

/* A label of the author's, or the default where none is given. Of one that holds nothing that a
 * label may hold "unknown" is left. */
static void label_make(char out[LKI_LABEL_MAX + 1], const char *text, const char *standard,
                       enum lki_letters letters)
{
    if (!text)
        text = standard;
    if (!lki_label_normalise(out, text, letters))
        lki_label_normalise(out, "unknown", letters);
}

static lki_code code_of(lk_vu *vu, const struct lk_sample *sample, bool failed)
{
    lki_code standard = failed ? LKI_CODE_METRIC_FAILED : LKI_CODE_METRIC_OK;
    char category[LKI_LABEL_MAX + 1];
    char code[LKI_LABEL_MAX + 1];

    if (!sample->code && !sample->category)
        return standard;
    label_make(code, sample->code, lki_code_name(standard), LKI_CAPITALS);
    label_make(category, sample->category, lki_code_category(standard), LKI_SMALL);
    return lki_metrics_code(vu->metrics, code, category);
}

void lki_vu_record(lk_vu *vu, struct lki_metric *metric, lki_code code, enum lki_verdict verdict,
                   int64_t latency_ns)
{
    lki_metric_record_simple(metric, code, verdict, latency_ns);
    if (LKI_UNLIKELY(vu->late_ns >= 0) && verdict != LKI_SAMPLE_CANCELLED)
        lki_metric_record_late(metric, lki_ns_after(vu->late_ns, latency_ns));
    if (LKI_UNLIKELY(vu->http.shared->watch != NULL))
        vu->http.shared->watch->emitted(vu->http.shared->watch, vu, metric, code, verdict,
                                        latency_ns);
}

/* Failures are told apart by what failed, how, and why. */
static void record_error(lk_vu *vu, const struct lk_sample *sample, lki_code code)
{
    struct lki_buf *text = lki_vu_scratch(vu);
    const char *message;

    lki_buf_clear(text);
    lki_buf_str(text, sample->name);
    if (sample->message && *sample->message)
        lki_buf_printf(text, ": %s", sample->message);
    message = lki_buf_cstr(text);
    lki_metrics_error(vu->metrics, LKI_SOURCE_CUSTOM, lki_vu_unit(vu)->step, code,
                      message ? message : sample->name, vu->id);
}

/* An older program's struct is shorter: what it lacks is zero. */
static struct lk_sample sample_of(const struct lk_sample *given)
{
    struct lk_sample sample = {0};

    memcpy(&sample, given, lki_min(given->size, sizeof(sample)));
    return sample;
}

void lk_emit_sample(lk_vu *vu, const struct lk_sample *given)
{
    char source[LKI_LABEL_MAX + 1];
    char stage[LKI_LABEL_MAX + 1];
    struct lki_metric *metric;
    struct lk_sample sample;
    lki_code code;
    bool failed;

    lki_need(given, "lk_emit_sample", "the sample");
    sample = sample_of(given);
    failed = sample.failed || sample.fatal;
    if (!sample.name || !*sample.name)
        lki_vu_fail(vu, "a sample without a name: lk_emit(vu, \"name\", ...)");
    if (!(sample.seconds >= 0) || !isfinite(sample.seconds))
        lki_vu_fail(vu, "the sample \"%s\" took %g seconds: give a number from 0 on", sample.name,
                    sample.seconds);
    label_make(source, sample.source, SOURCE_DEFAULT, LKI_SMALL);
    label_make(stage, sample.stage, STAGE_DEFAULT, LKI_SMALL);
    code = code_of(vu, &sample, failed);
    metric = lki_metrics_find_emitted(vu->metrics, lki_vu_unit(vu)->step, sample.name, source,
                                      stage);
    lki_vu_record(vu, metric, code, failed ? LKI_SAMPLE_ERROR : LKI_SAMPLE_OK,
                  lki_ns(sample.seconds));
    metric->second.fatal += sample.fatal;
    if (failed)
        record_error(vu, &sample, code);
}

/* ---- blocks that are timed ---- */

struct lk_timing *lk_timing_start(lk_vu *vu, const char *name)
{
    struct lki_unit *unit = lki_vu_unit(vu);
    struct lk_timing *timing = unit->spare;

    if (!name || !*name)
        lki_vu_fail(vu, "a timed block without a name");
    if (timing)
        unit->spare = timing->next;
    else
        timing = lki_arena_alloc(lki_vu_arena(vu), sizeof(*timing));
    if (!timing)
        lki_vu_nomem(vu);
    *timing = (struct lk_timing){
        .next = unit->timings,
        .unit = unit,
        .task = lki_vu_task(vu),
        .metric = lki_metrics_find_emitted(vu->metrics, unit->step, name, SOURCE_DEFAULT,
                                           STAGE_DEFAULT),
        .start_ns = lki_loop_now(vu->loop),
    };
    unit->timings = timing;
    return timing;
}

/* Takes it out of the list of the open ones; false if it is not there, being stopped already. */
static bool timing_unlink(struct lk_timing *timing)
{
    struct lk_timing **link = &timing->unit->timings;

    while (*link && *link != timing)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = timing->next;
    return true;
}

struct lk_timing *lk_timing_stop(struct lk_timing *timing)
{
    struct lki_unit *unit = timing->unit;

    if (!timing_unlink(timing))
        return NULL;
    lki_vu_record(unit->vu, timing->metric, LKI_CODE_METRIC_OK, LKI_SAMPLE_OK,
                  lki_loop_now(unit->vu->loop) - timing->start_ns);
    timing->next = unit->spare;
    unit->spare = timing;
    return NULL;
}

void lki_unit_over(struct lki_unit *unit, const struct lki_task *task, enum lki_outcome outcome,
                   int64_t end_ns)
{
    struct lk_timing **link = &unit->timings;
    lki_code code = LKI_CODE_METRIC_FAILED;
    enum lki_verdict verdict = LKI_SAMPLE_ERROR;

    if (outcome == LKI_OUTCOME_OK) {
        code = LKI_CODE_METRIC_OK;
        verdict = LKI_SAMPLE_OK;
    } else if (outcome == LKI_OUTCOME_CANCELLED) {
        code = LKI_CODE_METRIC_CANCELLED;
        verdict = LKI_SAMPLE_CANCELLED;
    }
    /* why it failed is told of the step */
    while (*link) {
        struct lk_timing *timing = *link;

        if (task && timing->task != task) {
            link = &timing->next;
            continue;
        }
        *link = timing->next;
        lki_vu_record(unit->vu, timing->metric, code, verdict, end_ns - timing->start_ns);
    }
}
