/*
 * Any bytes as a snapshot. What is merged from them can be written again, and then says the same;
 * merged into what holds something it adds up; and a result can be made of it. What is refused
 * leaves something that can be released. Two parts of the bytes are taken for snapshots of one
 * worker, of which the later one is compared with the earlier one and with nothing.
 */
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "result/result.h"
#include "stats/snapshot.h"
#include "stats/snapshot_change.h"

#define WRITTEN_MAX ((size_t)1 << 26)
#define PROBES 2

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "size"}, .type = LK_TREND},
    {.def = {.name = "sold"}, .type = LK_COUNTER},
    {.def = {.name = "level"}, .type = LK_GAUGE},
};

struct rig {
    struct lki_metrics metrics;
    struct lki_arrival_log arrivals;
    struct lki_probe_log probes[PROBES];
    struct lki_measured measured;
};

/* With small caps, so that a few bytes exceed them. */
static void rig_open(struct rig *rig)
{
    const struct lk_metric_def *defs[LKI_COUNT(metric_defs)];

    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++)
        defs[i] = &metric_defs[i];
    *rig = (struct rig){.probes = {{.name = "depth"}, {.name = "state"}},
                        .measured = {.metrics = &rig->metrics,
                                     .arrivals = &rig->arrivals,
                                     .probes = rig->probes,
                                     .probe_count = PROBES}};
    lki_metrics_init(&rig->metrics, 4, 4);
    must(!lki_customs_init(&rig->metrics.customs, defs, LKI_COUNT(defs)));
}

static void rig_close(struct rig *rig)
{
    lki_metrics_release(&rig->metrics);
    lki_arrivals_release(&rig->arrivals);
    for (size_t i = 0; i < PROBES; i++)
        lki_probe_log_release(&rig->probes[i]);
}

static void write_one(const struct rig *rig, struct lki_buf *out)
{
    lki_buf_init(out, WRITTEN_MAX);
    lki_snapshot_write(&rig->measured, out);
    must(!out->err);
}

static uint64_t samples(const struct rig *rig)
{
    uint64_t count = 0;

    for (const struct lki_metric *metric = rig->metrics.first; metric; metric = metric->next)
        count += metric->total.count;
    return count;
}

/* The same bytes come of it again, and it is there twice when it is merged twice. */
static void must_stay_the_same(const struct rig *rig)
{
    struct lki_snapshot_head head;
    struct lki_buf written;
    struct lki_buf again;
    struct rig copy;

    write_one(rig, &written);
    rig_open(&copy);
    must(!lki_snapshot_merge(&copy.measured, written.data, written.len));
    write_one(&copy, &again);
    must(written.len == again.len && !memcmp(written.data, again.data, again.len));
    must(!lki_snapshot_merge(&copy.measured, written.data, written.len));
    must(samples(&copy) == 2 * samples(rig));
    must(copy.arrivals.lateness.count == 2 * rig->arrivals.lateness.count);
    must(copy.probes[1].count == 2 * rig->probes[1].count);
    must(!lki_snapshot_read_head(&head, written.data, written.len));
    must(!memcmp(&head.totals, rig->metrics.totals, sizeof(head.totals)));
    lki_buf_release(&written);
    lki_buf_release(&again);
    rig_close(&copy);
}

static void must_give_a_result(struct rig *rig)
{
    const struct lki_result_settings settings = {.id = "0",
                                                 .duration_ns = 1000000000,
                                                 .arrivals = &rig->arrivals,
                                                 .probes = rig->probes,
                                                 .probe_count = PROBES};
    struct lki_result result;

    must(!lki_result_init(&result, &settings, &rig->metrics, NULL));
    lki_result_release(&result);
}

static struct lki_tally *place(struct lki_metric *metric, void *arg)
{
    struct lki_tally *tally = arg;

    must(metric->name != NULL);
    return tally;
}

static void change(const uint8_t *data, size_t size, size_t first)
{
    char *before = exact(data, first);
    char *now = exact(data + first, size - first);
    struct lki_tally sum = {0};
    struct rig names;
    enum lk_err err;

    rig_open(&names);
    err = lki_snapshot_change(&names.metrics, (struct lki_snapshot_bytes){before, first},
                              (struct lki_snapshot_bytes){now, size - first}, place, &sum);
    must(!err || err == LK_E_FORMAT);
    must(err || sum.errors <= sum.count);
    lki_tally_release(&sum);
    rig_close(&names);
    free(before);
    free(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = exact(data, size);
    struct rig rig;
    enum lk_err err;

    change(data, size, 0);
    change(data, size, size ? data[size - 1] % size : 0);
    change(data, size, size / 2);
    rig_open(&rig);
    err = lki_snapshot_merge(&rig.measured, bytes, size);
    must(!err || err == LK_E_FORMAT);
    free(bytes);
    if (!err) {
        must_stay_the_same(&rig);
        must_give_a_result(&rig);
    }
    rig_close(&rig);
    return 0;
}
