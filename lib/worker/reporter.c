#include "worker/reporter.h"

#include "stats/snapshot.h"
#include "user/lease.h"

/* Objects in one message. */
#define OBJECTS_MAX 64

void lki_reporter_init(struct lki_reporter *reporter, struct lki_link *link)
{
    *reporter = (struct lki_reporter){.link = link};
    lki_buf_init(&reporter->out, LKI_MESSAGE_MAX);
    lki_buf_init(&reporter->totals, LKI_MESSAGE_MAX);
    lki_buf_init(&reporter->latency, LKI_MESSAGE_MAX);
}

void lki_reporter_release(struct lki_reporter *reporter)
{
    lki_link_close(reporter->link);
    lki_buf_release(&reporter->out);
    lki_buf_release(&reporter->totals);
    lki_buf_release(&reporter->latency);
    *reporter = (struct lki_reporter){0};
}

static bool try_say(struct lki_reporter *reporter, const struct lki_report *report)
{
    struct lki_buf *out = &reporter->out;

    lki_buf_clear(out);
    lki_report_write(report, out);
    return !out->err && !lki_link_send(reporter->link, out->data, out->len);
}

void lki_reporter_say(struct lki_reporter *reporter, const struct lki_report *report)
{
    if (!try_say(reporter, report))
        reporter->failed = true;
}

/* ---- numbers ---- */

static void totals_write(struct lki_reporter *reporter, const struct lki_worker *worker)
{
    struct lki_worker *of = (struct lki_worker *)(uintptr_t)worker;
    const struct lki_measured measured = {
        .metrics = &of->metrics,
        .arrivals = worker->crowd.arrivals ? &of->arrivals.log : NULL,
        .probes = (struct lki_probe_log *)(uintptr_t)(worker->probed
                                                          ? lki_backstage_logs(worker->backstage)
                                                          : NULL),
        .probe_count = worker->probed ? worker->crowd.model->probe_count : 0,
    };

    lki_buf_clear(&reporter->totals);
    lki_snapshot_write(&measured, &reporter->totals);
}

static void change_write(struct lki_reporter *reporter, const struct lki_series_change *change,
                         struct lki_report_second *second)
{
    lki_buf_clear(&reporter->latency);
    lki_hist_encode(&change->latency, &reporter->latency);
    second->row = change->row;
    second->source = change->source;
    if (reporter->latency.err)
        return;
    second->latency = reporter->latency.data;
    second->latency_bytes = reporter->latency.len;
}

bool lki_reporter_second(struct lki_reporter *reporter, const struct lki_worker *worker,
                         bool change)
{
    struct lki_report report = {.kind = LKI_REPORT_SECOND};

    totals_write(reporter, worker);
    if (reporter->totals.err)
        return false;
    report.second.totals = reporter->totals.data;
    report.second.totals_bytes = reporter->totals.len;
    report.second.hook_errors = lki_crowd_hook_errors(&worker->crowd);
    lki_worker_measure(worker, &report.second.health);
    if (change)
        change_write(reporter, &worker->series.change, &report.second);
    return try_say(reporter, &report);
}

/* ---- hooks of the run ---- */

void lki_reporter_hook(struct lki_reporter *reporter, const struct lki_worker *worker,
                       enum lk_run_hook_kind kind)
{
    const char *failure = lki_backstage_failure(worker->backstage, kind);
    bool setup = kind == LK_RUN_SETUP;
    struct lki_buf *url = &reporter->latency; /* it has no other use now */
    struct lki_report report = {
        .kind = setup ? LKI_REPORT_SET_UP : LKI_REPORT_TEAR_DOWN,
        .hook = {.failed = failure != NULL,
                 .cancelled = worker->hook_outcomes[kind] == LKI_OUTCOME_CANCELLED ||
                              (setup && worker->hook_drained),
                 .abandoned = worker->hook_abandoned[kind],
                 .message = failure ? failure : "",
                 .run_data = setup ? lki_run_data_text(worker->crowd.run_data) : NULL},
    };

    lki_buf_clear(url);
    lki_http_base_write(lki_backstage_http(worker->backstage), url);
    if (setup && url->len)
        report.hook.base_url = lki_buf_cstr(url);
    reporter->failed |= url->err != LK_OK;
    lki_reporter_say(reporter, &report);
}

/* ---- resources ---- */

/* Those that are told of are crossed out. */
static void say_objects(struct lki_reporter *reporter, enum lki_report_kind kind, size_t resource,
                        struct lki_resource_pool *pool)
{
    bool made = kind == LKI_REPORT_MADE;
    struct lki_order_object list[OBJECTS_MAX];
    struct lki_report report = {.kind = kind, .objects = {.resource = resource, .objects = list}};

    for (;;) {
        report.objects.count = made ? lki_lease_list_made(pool, list, OBJECTS_MAX)
                                    : lki_lease_list_back(pool, list, OBJECTS_MAX);
        if (!report.objects.count)
            return;
        lki_reporter_say(reporter, &report);
        if (made)
            lki_lease_told_made(pool, report.objects.count);
        else
            lki_lease_told_back(pool, report.objects.count);
    }
}

static void say_want(struct lki_reporter *reporter, size_t resource, struct lki_resource_pool *pool)
{
    const struct lki_report report = {.kind = LKI_REPORT_WANT,
                                      .want = {.resource = resource, .count = pool->waiting}};

    if (pool->waiting == pool->want_told)
        return;
    pool->want_told = pool->waiting;
    lki_reporter_say(reporter, &report);
}

void lki_reporter_held(struct lki_reporter *reporter, const struct lki_worker *worker)
{
    const struct lki_resources *resources = &worker->crowd.resources;
    struct lki_order_object list[OBJECTS_MAX];

    for (size_t i = 0; i < resources->count; i++) {
        const struct lki_resource_pool *pool = &resources->pools[i];
        struct lki_report report = {
            .kind = LKI_REPORT_HELD,
            .objects = {.resource = i, .seen = pool->fresh_seen, .objects = list}};
        size_t at = 0;

        do {
            report.objects.count = lki_lease_list_held(pool, list, OBJECTS_MAX, &at);
            lki_reporter_say(reporter, &report);
        } while (report.objects.count == OBJECTS_MAX);
    }
}

void lki_reporter_resources(struct lki_reporter *reporter, struct lki_worker *worker)
{
    struct lki_resources *resources = &worker->crowd.resources;

    for (size_t i = 0; i < resources->count; i++) {
        say_objects(reporter, LKI_REPORT_MADE, i, &resources->pools[i]);
        say_objects(reporter, LKI_REPORT_BACK, i, &resources->pools[i]);
        say_want(reporter, i, &resources->pools[i]);
    }
}
