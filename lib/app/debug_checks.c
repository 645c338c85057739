#include "app/debug_checks.h"

#include <stdlib.h>

/* A check, and how often it had been made when last looked at. */
struct lki_debug_check {
    const struct lki_metric *metric;
    uint64_t count;
    uint64_t errors;
};

/* NULL: no memory. */
static struct lki_debug_check *find(struct lki_debug_checks *checks,
                                    const struct lki_metric *metric)
{
    struct lki_debug_check *all;

    for (size_t i = 0; i < checks->count; i++) {
        if (checks->all[i].metric == metric)
            return &checks->all[i];
    }
    all = realloc(checks->all, (checks->count + 1) * sizeof(*all));
    if (!all)
        return NULL;
    checks->all = all;
    all[checks->count] = (struct lki_debug_check){.metric = metric};
    return &all[checks->count++];
}

static void line(struct lki_trace *trace, const char *name, uint64_t made, uint64_t failed)
{
    if (!failed)
        lki_trace_line(trace, LKI_TRACE_GOOD, "  check passed: %s", name);
    else if (made == 1)
        lki_trace_line(trace, LKI_TRACE_BAD, "  check failed: %s", name);
    else
        lki_trace_line(trace, LKI_TRACE_BAD, "  check failed %llu of %llu times: %s",
                       (unsigned long long)failed, (unsigned long long)made, name);
}

static void show(struct lki_debug_checks *checks, const struct lki_metric *metric,
                 struct lki_trace *trace)
{
    uint64_t count = metric->second.count + metric->total.count;
    uint64_t errors = metric->second.errors + metric->total.errors;
    struct lki_debug_check *check = find(checks, metric);
    uint64_t made = check ? count - check->count : 0;
    uint64_t failed = check ? errors - check->errors : 0;

    trace->lost |= !check;
    if (!made)
        return;
    checks->failed += failed > 0;
    check->count = count;
    check->errors = errors;
    line(trace, metric->name, made, failed);
}

void lki_debug_checks_show(struct lki_debug_checks *checks, const struct lki_metrics *metrics,
                           struct lki_trace *trace)
{
    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        if (metric->source == LKI_SOURCE_CHECK)
            show(checks, metric, trace);
    }
}

void lki_debug_checks_release(struct lki_debug_checks *checks)
{
    free(checks->all);
}
