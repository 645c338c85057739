/* Snapshots: what is merged from them is what one worker alone would have recorded. */
#include "stats/snapshot.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "result/json.h"
#include "stats/example.h"
#include "support/suite.h"

#define WORKERS 4
#define EVENTS 4000
#define BYTES_MAX ((size_t)1 << 26)
#define PROBES 2

enum { SIZE, SOLD, LEVEL, HITS };

static struct lk_metric_def metric_defs[] = {
    [SIZE] = {.def = {.name = "size"}, .type = LK_TREND, .unit = "kB"},
    [SOLD] = {.def = {.name = "sold"}, .type = LK_COUNTER},
    [LEVEL] = {.def = {.name = "level"}, .type = LK_GAUGE},
    [HITS] = {.def = {.name = "hits"}, .type = LK_RATE},
};

/* All that one worker measures, or that is merged. */
struct rig {
    struct lki_clock clock;
    struct lki_metrics metrics;
    struct lki_arrival_log arrivals;
    struct lki_probe_log probes[PROBES];
    struct lki_measured measured;
};

static struct rig workers[WORKERS];
static struct rig whole;  /* has recorded what all workers did */
static struct rig merged; /* of their snapshots */
static struct lki_buf bytes;

static void rig_open(struct rig *rig, size_t max_metrics, size_t max_errors)
{
    const struct lk_metric_def *defs[LKI_COUNT(metric_defs)];

    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++)
        defs[i] = &metric_defs[i];
    *rig = (struct rig){.clock = {.fake = true},
                        .probes = {{.name = "depth"}, {.name = "state"}},
                        .measured = {.metrics = &rig->metrics,
                                     .arrivals = &rig->arrivals,
                                     .probes = rig->probes,
                                     .probe_count = PROBES}};
    lki_metrics_init(&rig->metrics, max_metrics, max_errors);
    ck_assert_int_eq(lki_customs_init(&rig->metrics.customs, defs, LKI_COUNT(defs)), LK_OK);
    lki_metrics_start(&rig->metrics, &rig->clock, 0);
}

static void rig_close(struct rig *rig)
{
    lki_metrics_release(&rig->metrics);
    lki_arrivals_release(&rig->arrivals);
    for (size_t i = 0; i < PROBES; i++)
        lki_probe_log_release(&rig->probes[i]);
}

static void setup(void)
{
    for (int w = 0; w < WORKERS; w++)
        rig_open(&workers[w], 0, 0);
    rig_open(&whole, 0, 0);
    rig_open(&merged, 0, 0);
    lki_buf_init(&bytes, BYTES_MAX);
}

static void teardown(void)
{
    for (int w = 0; w < WORKERS; w++)
        rig_close(&workers[w]);
    rig_close(&whole);
    rig_close(&merged);
    lki_buf_release(&bytes);
}

static void write_one(const struct rig *rig)
{
    lki_buf_clear(&bytes);
    lki_snapshot_write(&rig->measured, &bytes);
    ck_assert_int_eq(bytes.err, LK_OK);
}

/* Copies: the bytes may lie anywhere, and nothing may be left pointing at them. */
static enum lk_err merge_bytes(struct rig *into, size_t len)
{
    char *copy = malloc(len + 1);
    enum lk_err err;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy + 1, bytes.data, len);
    err = lki_snapshot_merge(&into->measured, copy + 1, len);
    memset(copy, 0xff, len + 1);
    free(copy);
    return err;
}

static void merge(struct rig *into, const struct rig *from)
{
    write_one(from);
    ck_assert_int_eq(merge_bytes(into, bytes.len), LK_OK);
}

/* ---- recording ---- */

static struct lki_metric *http(struct rig *rig, const char *step, const char *name)
{
    return lki_metrics_find(&rig->metrics, LKI_SOURCE_HTTP, step, name, strlen(name));
}

static void request(struct rig *rig, const char *step, const char *name, lki_code code,
                    int64_t latency_ns)
{
    struct lki_sample sample = {.code = code,
                                .verdict = code == 200 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .phase_ns = {-1, -1, -1, -1, -1, -1}};

    lki_metric_record(http(rig, step, name), &sample);
}

static struct lki_example_part part(const char *text)
{
    return (struct lki_example_part){text, strlen(text)};
}

static void example(struct rig *rig, struct lki_metric *metric, lki_code code, const char *body)
{
    lki_metrics_example(&rig->metrics, metric, code, part("GET /"), part("HTTP/1.1 200 OK"),
                        part(body));
}

/* From below the smallest bucket to beyond the largest one. */
static int64_t any_ns(struct lki_rng *rng)
{
    return (int64_t)(lki_rng_next(rng) >> (20 + lki_rng_below(rng, 40)));
}

static void any_request(struct rig *rig, struct lki_rng *rng)
{
    static const lki_code codes[] = {200, 201, 302, 404, 429, 500, 502, 503, LKI_CODE_HTTP_TIMEOUT};
    struct lki_sample sample = {.code = codes[lki_rng_below(rng, LKI_COUNT(codes))],
                                .verdict = (enum lki_verdict)lki_rng_below(rng, 3),
                                .latency_ns = any_ns(rng),
                                .late_ns = lki_rng_below(rng, 2) ? any_ns(rng) : -1,
                                .bytes_sent = lki_rng_below(rng, 1000),
                                .bytes_received = lki_rng_next(rng) >> 30};
    struct lki_metric *metric;
    char name[32];
    uint16_t known;

    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        sample.phase_ns[p] = lki_rng_below(rng, 3) ? any_ns(rng) : -1;
    snprintf(name, sizeof(name), "GET /%d", (int)lki_rng_below(rng, 9));
    metric = http(rig, lki_rng_below(rng, 2) ? "login" : "", name);
    known = lki_metric_codes(metric);
    lki_metric_record(metric, &sample);
    if (lki_metric_codes(metric) > known)
        example(rig, metric, sample.code, "same for all");
}

static void any_emitted(struct rig *rig, struct lki_rng *rng)
{
    static const char *const kinds[] = {"grpc", "sql", "custom"};
    static const char *const categories[] = {"ok", "overload"};
    const char *kind = kinds[lki_rng_below(rng, LKI_COUNT(kinds))];
    char code[32];
    struct lki_metric *metric;

    snprintf(code, sizeof(code), "CODE_%d", (int)lki_rng_below(rng, 20));
    metric = lki_metrics_find_emitted(&rig->metrics, "login", "call", kind, "connect");
    lki_metric_record_simple(
        metric, lki_metrics_code(&rig->metrics, code, categories[lki_rng_below(rng, 2)]),
        (enum lki_verdict)lki_rng_below(rng, 3), any_ns(rng));
}

static void any_failure(struct rig *rig, struct lki_rng *rng)
{
    struct lki_metric *hook = lki_metrics_find(&rig->metrics, LKI_SOURCE_LIFECYCLE, "", "on_start",
                                               8);
    char message[32];

    snprintf(message, sizeof(message), "message %d", (int)lki_rng_below(rng, 30));
    lki_metric_record_simple(hook, LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, any_ns(rng));
    hook->second.fatal++;
    lki_metrics_error(&rig->metrics, LKI_SOURCE_LIFECYCLE, "on_start",
                      lki_rng_below(rng, 2) ? LKI_CODE_LIFECYCLE_FAILED
                                            : lki_metrics_code(&rig->metrics, "MINE", "error"),
                      message, lki_rng_below(rng, 100));
}

static void any_custom(struct rig *rig, struct lki_rng *rng)
{
    size_t which = lki_rng_below(rng, LKI_COUNT(metric_defs));

    /* whole numbers, whose sum does not depend on their order */
    lki_custom_record(&rig->metrics.customs.all[which], (double)lki_rng_below(rng, 1000) - 200,
                      rig->clock.fake_ns);
}

static void any_totals(struct rig *rig, struct lki_rng *rng)
{
    rig->metrics.totals->iterations += lki_rng_below(rng, 3);
    rig->metrics.totals->http_unsent += lki_rng_below(rng, 3);
    rig->metrics.totals->http_retries += lki_rng_below(rng, 3);
    rig->metrics.totals->http_sent += lki_rng_below(rng, 3);
}

static void any_arrival(struct rig *rig, struct lki_rng *rng)
{
    rig->arrivals.intended++;
    if (lki_rng_below(rng, 4))
        lki_arrival_start(&rig->arrivals, any_ns(rng));
    else
        rig->arrivals.dropped++;
}

/* One thing that happens at t_ns. The same rng makes it the same thing, whose record it is. */
static void any_event(struct rig *rig, struct lki_rng rng, int64_t t_ns)
{
    static void (*const events[])(struct rig * rig, struct lki_rng * rng) = {
        any_request, any_request, any_emitted, any_failure, any_custom, any_totals, any_arrival};

    rig->clock.fake_ns = t_ns;
    events[lki_rng_below(&rng, LKI_COUNT(events))](rig, &rng);
    if (lki_rng_below(&rng, 100) == 0)
        lki_metrics_fold(&rig->metrics);
}

static void reading(struct rig *rig, int second, struct lk_value value)
{
    lki_probe_log_add(&rig->probes[second % PROBES], second * LKI_NS_PER_S, &value);
}

static void readings_of_all_kinds(struct rig *rig)
{
    reading(rig, 0, lk_value_int(INT64_MIN));
    reading(rig, 1, lk_value_str("busy"));
    reading(rig, 2, lk_value_uint(UINT64_MAX));
    reading(rig, 3, lk_value_null());
    reading(rig, 4, lk_value_double(-0.1));
    reading(rig, 5, lk_value_bool(false));
    lki_probe_log_add(&rig->probes[0], 6 * LKI_NS_PER_S, NULL);
    reading(rig, 7, lk_value_bool(true));
    reading(rig, 8, lk_value_str(NULL));
    reading(rig, 9, lk_value_str(""));
    reading(rig, 10, lk_value_str("idle, \"quoted\" and \xc3\xa4"));
    reading(rig, 12, lk_value_int(7));
}

/* Everything that there is, by all workers and by the one that does the same alone. */
static void record_all(uint64_t seed)
{
    struct lki_rng rng = {seed};

    for (int i = 0; i < EVENTS; i++) {
        struct lki_rng event = {lki_rng_next(&rng)};

        any_event(&workers[lki_rng_below(&rng, WORKERS)], event, i * LKI_NS_PER_MS);
        any_event(&whole, event, i * LKI_NS_PER_MS);
    }
    readings_of_all_kinds(&workers[0]);
    readings_of_all_kinds(&whole);
    for (int w = 0; w < WORKERS; w++)
        workers[w].arrivals.rate_per_s = 25;
    whole.arrivals.rate_per_s = 25 * WORKERS;
}

/* ---- comparing ---- */

/* The result file; to be freed. */
static char *result_text(struct rig *rig)
{
    struct lki_result_settings settings = {.id = "0",
                                           .duration_ns = 3 * LKI_NS_PER_S,
                                           .arrivals = &rig->arrivals,
                                           .probes = rig->probes,
                                           .probe_count = PROBES};
    struct lki_result result;
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(lki_result_init(&result, &settings, &rig->metrics, NULL), LK_OK);
    ck_assert_int_eq(lki_result_write_json(&result, file), 0);
    fclose(file);
    lki_result_release(&result);
    return text;
}

static void results_verify_same(struct rig *a, struct rig *b)
{
    char *left = result_text(a);
    char *right = result_text(b);
    size_t same = 0;

    while (left[same] && left[same] == right[same])
        same++;
    ck_assert_msg(left[same] == right[same], "%.300s\n\nis not\n\n%.300s", left + same,
                  right + same);
    free(left);
    free(right);
}

static void hists_verify_same(const struct lki_hist *a, const struct lki_hist *b)
{
    struct lki_buf left;
    struct lki_buf right;

    lki_buf_init(&left, BYTES_MAX);
    lki_buf_init(&right, BYTES_MAX);
    lki_hist_encode(a, &left);
    lki_hist_encode(b, &right);
    ck_assert_uint_eq(left.len, right.len);
    ck_assert_mem_eq(left.data, right.data, left.len);
    for (int q = 0; q <= 1000; q += 5)
        ck_assert_int_eq(lki_hist_quantile(a, q / 1000.0), lki_hist_quantile(b, q / 1000.0));
    lki_buf_release(&left);
    lki_buf_release(&right);
}

static void codes_verify_same(struct rig *rig_a, const struct lki_codes *a, struct rig *rig_b,
                              const struct lki_codes *b)
{
    uint64_t sum = 0;

    for (uint16_t i = 0; i < a->len; i++) {
        lki_code code = lki_codes_all(a)[i].code;
        lki_code same = code;

        if (code >= LKI_CODE_END)
            same = lki_metrics_code(&rig_b->metrics, lki_metrics_code_name(&rig_a->metrics, code),
                                    lki_metrics_code_category(&rig_a->metrics, code));
        ck_assert_uint_eq(lki_codes_all(a)[i].count, lki_codes_get(b, same));
        sum += lki_codes_all(a)[i].count;
    }
    for (uint16_t i = 0; i < b->len; i++)
        sum -= lki_codes_all(b)[i].count;
    ck_assert_uint_eq(sum, 0);
}

static void metrics_verify_same(struct rig *rig_a, const struct lki_metric *a, struct rig *rig_b,
                                const struct lki_metric *b)
{
    const struct lki_tally *left = &a->total;
    const struct lki_tally *right = &b->total;

    ck_assert_str_eq(a->id, b->id);
    ck_assert_uint_eq(left->count, right->count);
    ck_assert_uint_eq(left->errors, right->errors);
    ck_assert_uint_eq(left->cancelled, right->cancelled);
    ck_assert_uint_eq(left->fatal, right->fatal);
    ck_assert_uint_eq(left->bytes_sent, right->bytes_sent);
    ck_assert_uint_eq(left->bytes_received, right->bytes_received);
    codes_verify_same(rig_a, &left->codes, rig_b, &right->codes);
    hists_verify_same(&left->latency, &right->latency);
    hists_verify_same(&left->intended, &right->intended);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        hists_verify_same(&left->phases[p], &right->phases[p]);
}

static const struct lki_metric *find_same(struct rig *rig, const struct lki_metric *metric)
{
    for (const struct lki_metric *at = rig->metrics.first; at; at = at->next) {
        if (at->source == metric->source && !strcmp(at->id, metric->id) &&
            !strcmp(at->step, metric->step) && !strcmp(at->kind, metric->kind) &&
            !strcmp(at->stage, metric->stage))
            return at;
    }
    ck_abort_msg("no metric %s", metric->id);
    return NULL;
}

static const struct lki_error_group *find_error(struct rig *rig, const char *message,
                                                const char *code)
{
    for (const struct lki_error_group *at = rig->metrics.first_error; at; at = at->next) {
        if (!strcmp(at->message, message) &&
            !strcmp(lki_metrics_code_name(&rig->metrics, at->code), code))
            return at;
    }
    ck_abort_msg("no error %s", message);
    return NULL;
}

static void errors_verify_same(struct rig *a, struct rig *b)
{
    ck_assert_uint_eq(a->metrics.error_count, b->metrics.error_count);
    for (const struct lki_error_group *left = a->metrics.first_error; left; left = left->next) {
        const struct lki_error_group *right = find_error(
            b, left->message, lki_metrics_code_name(&a->metrics, left->code));

        ck_assert_int_eq(left->source, right->source);
        ck_assert_str_eq(left->step, right->step);
        ck_assert_uint_eq(left->count, right->count);
        ck_assert_uint_eq(left->first_user, right->first_user);
        ck_assert_int_eq(left->first_ns, right->first_ns);
    }
}

static void customs_verify_same(const struct rig *a, const struct rig *b)
{
    for (size_t i = 0; i < LKI_COUNT(metric_defs); i++) {
        const struct lki_custom_tally *left = &a->metrics.customs.all[i].total;
        const struct lki_custom_tally *right = &b->metrics.customs.all[i].total;

        ck_assert_uint_eq(left->count, right->count);
        ck_assert_uint_eq(left->hits, right->hits);
        ck_assert_double_eq(left->sum, right->sum);
        ck_assert_double_eq(left->min, right->min);
        ck_assert_double_eq(left->max, right->max);
        ck_assert_double_eq(left->last, right->last);
        ck_assert_int_eq(left->last_ns, right->last_ns);
        hists_verify_same(&left->values, &right->values);
    }
}

static void rigs_verify_same(struct rig *a, struct rig *b)
{
    size_t count = 0;

    lki_metrics_fold(&a->metrics);
    lki_metrics_fold(&b->metrics);
    ck_assert_mem_eq(a->metrics.totals, b->metrics.totals, sizeof(struct lki_totals));
    for (const struct lki_metric *metric = a->metrics.first; metric; metric = metric->next) {
        metrics_verify_same(a, metric, b, find_same(b, metric));
        count++;
    }
    for (const struct lki_metric *metric = b->metrics.first; metric; metric = metric->next)
        count--;
    ck_assert_uint_eq(count, 0);
    errors_verify_same(a, b);
    customs_verify_same(a, b);
    ck_assert_double_eq(a->arrivals.rate_per_s, b->arrivals.rate_per_s);
    ck_assert_uint_eq(a->arrivals.intended, b->arrivals.intended);
    ck_assert_uint_eq(a->arrivals.started, b->arrivals.started);
    ck_assert_uint_eq(a->arrivals.dropped, b->arrivals.dropped);
    ck_assert_uint_eq(a->arrivals.late, b->arrivals.late);
    hists_verify_same(&a->arrivals.lateness, &b->arrivals.lateness);
}

/* ---- what is merged ---- */

START_TEST(a_snapshot_alone_gives_the_same_result)
{
    record_all(1);
    merge(&merged, &whole);
    results_verify_same(&whole, &merged);
    rigs_verify_same(&whole, &merged);
}
END_TEST

START_TEST(nothing_recorded_gives_nothing)
{
    merge(&merged, &whole);
    results_verify_same(&whole, &merged);
    ck_assert_ptr_null(merged.metrics.first);
    ck_assert_uint_eq(merged.probes[0].count, 0);
}
END_TEST

START_TEST(the_second_in_hand_counts_too)
{
    struct rig *rig = &workers[0];

    request(rig, "s", "folded", 200, 5000);
    lki_custom_record(&rig->metrics.customs.all[SOLD], 3, 1);
    lki_metrics_fold(&rig->metrics);
    request(rig, "s", "folded", 404, 7000);
    request(rig, "s", "in hand", 200, 5000);
    lki_custom_record(&rig->metrics.customs.all[SOLD], 4, 2);
    merge(&merged, rig);
    ck_assert_uint_eq(http(&merged, "s", "folded")->total.count, 2);
    ck_assert_uint_eq(http(&merged, "s", "in hand")->total.count, 1);
    ck_assert_double_eq(merged.metrics.customs.all[SOLD].total.sum, 7);
    /* writing has changed nothing */
    ck_assert_uint_eq(http(rig, "s", "folded")->second.count, 1);
    results_verify_same(rig, &merged);
}
END_TEST

START_TEST(snapshots_of_all_workers_are_what_one_would_have_recorded)
{
    record_all((uint64_t)_i + 2);
    for (int w = 0; w < WORKERS; w++)
        merge(&merged, &workers[(w + _i) % WORKERS]);
    rigs_verify_same(&whole, &merged);
    ck_assert_uint_eq(merged.metrics.overflowed + merged.metrics.codes.overflowed, 0);
}
END_TEST

START_TEST(a_snapshot_of_what_was_merged_says_the_same)
{
    struct rig again;

    record_all(9);
    for (int w = 0; w < WORKERS; w++)
        merge(&merged, &workers[w]);
    rig_open(&again, 0, 0);
    merge(&again, &merged);
    results_verify_same(&merged, &again);
    rig_close(&again);
}
END_TEST

START_TEST(metrics_keep_the_order_of_their_snapshots)
{
    static const char *const order[] = {"b", "a", "c", "d"};
    const struct lki_metric *metric;

    request(&workers[0], "s", "b", 200, 5000);
    request(&workers[0], "s", "a", 200, 5000);
    request(&workers[1], "s", "c", 200, 5000);
    request(&workers[1], "s", "a", 200, 5000);
    request(&workers[1], "s", "d", 200, 5000);
    merge(&merged, &workers[0]);
    merge(&merged, &workers[1]);
    metric = merged.metrics.first;
    for (size_t i = 0; i < LKI_COUNT(order); i++, metric = metric->next)
        ck_assert_str_eq(metric->name, order[i]);
    ck_assert_ptr_null(metric);
}
END_TEST

START_TEST(codes_of_authors_are_merged_by_name_and_category)
{
    static const char *const codes[] = {"RED", "GREEN", "BLUE"};
    struct lki_codes *all;

    for (size_t w = 0; w < 3; w++) {
        for (size_t i = 0; i < LKI_COUNT(codes); i++) {
            struct rig *rig = &workers[w];
            lki_code code = lki_metrics_code(&rig->metrics, codes[(i + w) % LKI_COUNT(codes)],
                                             (i + w) % LKI_COUNT(codes) == w ? "odd" : "even");

            lki_metric_count(http(rig, "s", "a"), code, LKI_SAMPLE_OK);
        }
        merge(&merged, &workers[w]);
    }
    all = &http(&merged, "s", "a")->total.codes;
    ck_assert_uint_eq(all->len, 6);
    for (size_t i = 0; i < LKI_COUNT(codes); i++) {
        ck_assert_uint_eq(lki_codes_get(all, lki_metrics_code(&merged.metrics, codes[i], "odd")),
                          1);
        ck_assert_uint_eq(lki_codes_get(all, lki_metrics_code(&merged.metrics, codes[i], "even")),
                          2);
    }
}
END_TEST

/* ---- caps ---- */

START_TEST(metrics_beyond_the_cap_are_counted_together)
{
    struct rig small;
    char name[16];

    rig_open(&small, 2, 0);
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof(name), "%d", w + i);
            request(&workers[w], "s", name, 200, 1000 * (i + 1));
        }
        merge(&small, &workers[w]);
    }
    ck_assert_uint_eq(small.metrics.count, 2);
    ck_assert_uint_eq(http(&small, "s", "1")->total.count, 2);
    ck_assert_uint_eq(small.metrics.overflow[LKI_SOURCE_HTTP].total.count, 3);
    ck_assert_int_eq(small.metrics.overflow[LKI_SOURCE_HTTP].total.latency.max, 3000);
    ck_assert_uint_gt(small.metrics.overflowed, 0);
    ck_assert_uint_eq(small.metrics.totals->http_requests, 6);
    rig_close(&small);
}
END_TEST

START_TEST(what_overflowed_in_a_worker_stays_counted_together)
{
    struct rig small;
    struct rig same;
    char name[16];

    rig_open(&small, 2, 2);
    rig_open(&same, 2, 2);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "%d", i);
        request(&small, "s", name, 500, 1000);
        lki_metrics_error(&small.metrics, LKI_SOURCE_HTTP, "s", 500, name, (uint64_t)i);
    }
    example(&small, &small.metrics.overflow[LKI_SOURCE_HTTP], 500, "whose?");
    merge(&same, &small);
    results_verify_same(&small, &same);
    ck_assert_uint_eq(same.metrics.overflow[LKI_SOURCE_HTTP].total.count, 3);
    ck_assert_uint_eq(same.metrics.overflowed, small.metrics.overflowed);
    ck_assert_uint_eq(same.metrics.other_errors.count, 3);
    ck_assert_uint_eq(same.metrics.other_errors.first_user, 2);
    rig_close(&small);
    rig_close(&same);
}
END_TEST

START_TEST(kinds_of_errors_beyond_the_cap_are_counted_together)
{
    struct rig small;
    char message[16];

    rig_open(&small, 0, 2);
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++) {
            snprintf(message, sizeof(message), "%d", w + i);
            lki_metrics_error(&workers[w].metrics, LKI_SOURCE_STEP, "s", 500, message, 10);
        }
        merge(&small, &workers[w]);
    }
    ck_assert_uint_eq(small.metrics.error_count, 2);
    ck_assert_uint_eq(find_error(&small, "1", "HTTP_500")->count, 2);
    ck_assert_uint_eq(small.metrics.other_errors.count, 3);
    rig_close(&small);
}
END_TEST

START_TEST(codes_beyond_the_cap_are_other)
{
    char name[16];
    const struct lki_codes *codes;

    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 600; i++) {
            snprintf(name, sizeof(name), "CODE_%d", 600 * w + i);
            lki_metric_count(http(&workers[w], "s", "a"),
                             lki_metrics_code(&workers[w].metrics, name, "ok"), LKI_SAMPLE_OK);
        }
        merge(&merged, &workers[w]);
    }
    codes = &http(&merged, "s", "a")->total.codes;
    ck_assert_uint_eq(merged.metrics.codes.count, LKI_CODEBOOK_MAX);
    ck_assert_uint_eq(lki_codes_get(codes, LKI_CODE_OTHER), 200);
    ck_assert_uint_gt(merged.metrics.codes.overflowed, 0);
    merge(&whole, &merged);
    results_verify_same(&whole, &merged);
}
END_TEST

START_TEST(examples_are_capped)
{
    for (int w = 0; w < WORKERS; w++) {
        for (lki_code code = 100; code < 100 + 400; code++)
            example(&workers[w], http(&workers[w], "s", w % 2 ? "odd" : "even"), code, "");
        merge(&merged, &workers[w]);
    }
    ck_assert_uint_eq(merged.metrics.example_count, 800);
    for (lki_code code = 500; code < 900; code++)
        example(&workers[2], http(&workers[2], "s", "more"), code, "");
    merge(&merged, &workers[2]);
    ck_assert_uint_eq(merged.metrics.example_count, LKI_EXAMPLES_MAX);
}
END_TEST

/* ---- what there can be only one of ---- */

START_TEST(of_examples_the_first_stays)
{
    const struct lki_example *first;

    for (int w = 0; w < 2; w++) {
        example(&workers[w], http(&workers[w], "s", "a"), 200, w ? "second" : "first");
        example(&workers[w], http(&workers[w], "s", "a"), (lki_code)(500 + w), "alone");
        merge(&merged, &workers[w]);
    }
    first = http(&merged, "s", "a")->examples;
    ck_assert_str_eq(first->body, "first");
    ck_assert_str_eq(first->request, "GET /");
    ck_assert_str_eq(first->answer, "HTTP/1.1 200 OK");
    ck_assert_uint_eq(first->next->code, 500);
    ck_assert_uint_eq(first->next->next->code, 501);
    ck_assert_ptr_null(first->next->next->next);
}
END_TEST

/* Whichever snapshot comes first. */
START_TEST(of_failures_the_earliest_is_the_first)
{
    static const int64_t seconds[] = {5, 3, 8};
    const struct lki_error_group *group;
    struct lki_error_group *one;

    for (int w = 0; w < 3; w++) {
        workers[w].clock.fake_ns = seconds[w] * LKI_NS_PER_S;
        one = lki_metrics_error(&workers[w].metrics, LKI_SOURCE_STEP, "s", 500, "no",
                                (uint64_t)w + 10);
        one->first_took_ns = w * LKI_NS_PER_MS;
    }
    for (int w = 0; w < 3; w++) {
        merged.measured.worker = (uint64_t)((w + _i) % 3) + 1;
        merge(&merged, &workers[(w + _i) % 3]);
    }
    group = find_error(&merged, "no", "HTTP_500");
    ck_assert_uint_eq(group->count, 3);
    ck_assert_uint_eq(group->first_user, 11);
    ck_assert_int_eq(group->first_ns, 3 * LKI_NS_PER_S);
    ck_assert_int_eq(group->first_took_ns, LKI_NS_PER_MS);
    ck_assert_uint_eq(group->first_worker, 2);
}
END_TEST

START_TEST(an_example_says_whose_it_was_and_when)
{
    const struct lki_example *merged_one;
    struct lki_example *one;

    workers[0].clock.fake_ns = 7 * LKI_NS_PER_S;
    one = lki_metrics_example(&workers[0].metrics, http(&workers[0], "s", "a"), 500, part("GET /"),
                              part("HTTP/1.1 500 No"), part(""));
    ck_assert_int_eq(one->at_ns, 7 * LKI_NS_PER_S);
    one->user = 17;
    one->took_ns = 3 * LKI_NS_PER_MS;
    merged.measured.worker = 2;
    merge(&merged, &workers[0]);
    merged_one = http(&merged, "s", "a")->examples;
    ck_assert_uint_eq(merged_one->user, 17);
    ck_assert_int_eq(merged_one->took_ns, 3 * LKI_NS_PER_MS);
    ck_assert_int_eq(merged_one->at_ns, 7 * LKI_NS_PER_S);
    ck_assert_uint_eq(merged_one->worker, 2);
}
END_TEST

/* By the time since the start, which is another time of each worker's clock. */
START_TEST(of_a_gauge_the_last_level_stays)
{
    const struct lki_custom_tally *level = &merged.metrics.customs.all[LEVEL].total;

    for (int w = 0; w < 3; w++) {
        int64_t start_ns = (3 - w) * 1000 * LKI_NS_PER_S;

        lki_metrics_start(&workers[w].metrics, &workers[w].clock, start_ns);
        lki_custom_record(&workers[w].metrics.customs.all[LEVEL], w, start_ns + w * LKI_NS_PER_S);
    }
    for (int w = 0; w < 3; w++)
        merge(&merged, &workers[(w + _i) % 3]);
    ck_assert_uint_eq(level->count, 3);
    ck_assert_double_eq(level->last, 2);
    ck_assert_double_eq(level->max, 2);
    ck_assert_int_eq(level->last_ns, 2 * LKI_NS_PER_S);
}
END_TEST

START_TEST(readings_of_a_worker_and_of_its_next_life_follow_each_other)
{
    const struct lki_probe_log *log = &merged.probes[0];

    reading(&workers[0], 0, lk_value_int(5));
    reading(&workers[0], 2, lk_value_str("first life"));
    reading(&workers[1], 4, lk_value_int(3));
    reading(&workers[1], 6, lk_value_str("second life"));
    lki_probe_log_add(&workers[1].probes[0], 8 * LKI_NS_PER_S, NULL);
    for (int w = 0; w < 3; w++)
        merge(&merged, &workers[w]);
    ck_assert_uint_eq(log->count, 5);
    ck_assert_uint_eq(log->errors, 1);
    ck_assert_uint_eq(log->numbers, 2);
    ck_assert_double_eq(log->min, 3);
    ck_assert_double_eq(log->max, 5);
    ck_assert_double_eq(log->sum, 8);
    ck_assert_str_eq(log->last.value.as.string, "second life");
    ck_assert_uint_eq(log->len, 5);
    for (int64_t i = 0; i < 5; i++)
        ck_assert_int_eq(log->readings[i].t_ns, 2 * i * LKI_NS_PER_S);
    ck_assert(log->readings[4].failed);
}
END_TEST

START_TEST(more_readings_than_are_kept_span_all_lives)
{
    struct lki_probe_log *log = &merged.probes[0];

    for (int w = 0; w < 3; w++) {
        for (int i = 0; i < 3000; i++)
            reading(&workers[w], 2 * (3000 * w + i), lk_value_str("text"));
        merge(&merged, &workers[w]);
    }
    lki_probe_log_settle(log);
    ck_assert_uint_eq(log->count, 9000);
    ck_assert_uint_le(log->len, LKI_READINGS_MAX);
    ck_assert_uint_gt(log->len, LKI_READINGS_MAX / 4);
    ck_assert_int_eq(log->readings[0].t_ns, 0);
    ck_assert_int_gt(log->readings[log->len - 1].t_ns, 2 * 8900 * LKI_NS_PER_S);
    ck_assert_uint_eq(log->lost, 0);
}
END_TEST

/* As two workers that run the probes at the same time have them. */
START_TEST(readings_of_several_workers_come_by_time_with_who_read_them)
{
    struct lki_probe_log *log = &merged.probes[0];

    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 40; i++) {
            const struct lki_reading one = {.t_ns = (2 * i + w) * LKI_NS_PER_S,
                                            .failed = i == 7,
                                            .value = i == 7 ? lk_value_null() : lk_value_int(i),
                                            .took_ns = 100 + i,
                                            .message = i == 7 ? "no answer" : NULL};

            lki_probe_log_add_reading(&workers[w].probes[0], &one);
        }
    }
    for (int w = 1; w >= 0; w--) {
        merged.measured.worker = (uint64_t)w + 1;
        merge(&merged, &workers[w]);
    }
    lki_probe_log_settle(log);
    ck_assert_uint_eq(log->len, 80);
    ck_assert_uint_eq(log->recent_len, 80);
    ck_assert_int_eq(log->last.t_ns, 79 * LKI_NS_PER_S);
    for (int i = 0; i < 80; i++) {
        const struct lki_reading *recent = &log->recent[i];

        ck_assert_int_eq(log->readings[i].t_ns, i * LKI_NS_PER_S);
        ck_assert_uint_eq(log->readings[i].worker, (unsigned)i % 2 + 1);
        ck_assert_int_eq(recent->t_ns, i * LKI_NS_PER_S);
        ck_assert_uint_eq(recent->worker, (unsigned)i % 2 + 1);
        ck_assert_int_eq(recent->took_ns, 100 + i / 2);
        ck_assert(recent->failed == (i / 2 == 7));
        if (recent->failed)
            ck_assert_str_eq(recent->message, "no answer");
        else
            ck_assert_int_eq(recent->value.as.integer, i / 2);
    }
}
END_TEST

START_TEST(what_is_brief_lacks_only_what_it_says)
{
    struct rig brief;

    record_all(3);
    rig_open(&brief, 0, 0);
    brief.measured.brief = true;
    merge(&brief, &whole);
    merge(&merged, &whole);
    ck_assert_mem_eq(brief.metrics.totals, merged.metrics.totals, sizeof(struct lki_totals));
    ck_assert_uint_eq(brief.metrics.error_count, merged.metrics.error_count);
    ck_assert_uint_eq(brief.metrics.example_count, merged.metrics.example_count);
    for (struct lki_metric *a = brief.metrics.first, *b = merged.metrics.first; a || b;
         a = a->next, b = b->next) {
        ck_assert_str_eq(a->id, b->id);
        ck_assert_uint_eq(a->total.count, b->total.count);
        hists_verify_same(&a->total.latency, &b->total.latency);
        ck_assert_uint_eq(a->total.intended.count, 0);
        for (int p = 0; p < LKI_PHASE_COUNT; p++)
            ck_assert_uint_eq(a->total.phases[p].count, 0);
    }
    ck_assert_uint_eq(brief.probes[1].len, 0);
    ck_assert_uint_eq(brief.probes[1].recent_len, merged.probes[1].recent_len);
    ck_assert_uint_eq(brief.probes[1].count, merged.probes[1].count);
    rig_close(&brief);
}
END_TEST

START_TEST(arrivals_are_left_out_where_there_are_none)
{
    record_all(3);
    merged.measured.arrivals = NULL;
    merge(&merged, &whole);
    ck_assert_uint_eq(merged.arrivals.intended, 0);
    ck_assert_uint_eq(merged.metrics.totals->iterations, whole.metrics.totals->iterations);
    /* and a worker may have none */
    merged.measured.arrivals = &merged.arrivals;
    workers[1].measured.arrivals = NULL;
    merge(&merged, &workers[1]);
    ck_assert_uint_eq(merged.arrivals.intended, 0);
}
END_TEST

START_TEST(probes_are_of_one_worker_only)
{
    readings_of_all_kinds(&workers[0]);
    for (int w = 0; w < WORKERS; w++) {
        if (w)
            workers[w].measured.probe_count = 0;
        merge(&merged, &workers[w]);
    }
    results_verify_same(&workers[0], &merged);
}
END_TEST

START_TEST(the_head_is_read_without_merging)
{
    struct lki_snapshot_head head;

    record_all(4);
    write_one(&whole);
    ck_assert_int_eq(lki_snapshot_read_head(&head, bytes.data, bytes.len), LK_OK);
    ck_assert_mem_eq(&head.totals, whole.metrics.totals, sizeof(head.totals));
    ck_assert_uint_eq(head.intended, whole.arrivals.intended);
    ck_assert_uint_eq(head.started, whole.arrivals.started);
    ck_assert_uint_eq(head.dropped, whole.arrivals.dropped);
    ck_assert_uint_eq(head.late, whole.arrivals.late);
    ck_assert_int_eq(lki_snapshot_read_head(&head, bytes.data, 5), LK_E_FORMAT);
    ck_assert_uint_eq(head.intended, whole.arrivals.intended);
    bytes.data[0]++;
    ck_assert_int_eq(lki_snapshot_read_head(&head, bytes.data, bytes.len), LK_E_FORMAT);
}
END_TEST

/* ---- what is no snapshot ---- */

static void refuse(size_t len)
{
    struct rig rig;

    rig_open(&rig, 0, 0);
    ck_assert_int_eq(merge_bytes(&rig, len), LK_E_FORMAT);
    rig_close(&rig);
}

START_TEST(bytes_that_are_cut_short_or_go_on_are_refused)
{
    readings_of_all_kinds(&workers[0]);
    for (uint64_t i = 0; i < 30; i++)
        any_event(&workers[0], (struct lki_rng){i}, 5);
    write_one(&workers[0]);
    for (size_t len = 0; len < bytes.len; len++)
        refuse(len);
    ck_assert_int_eq(merge_bytes(&merged, bytes.len), LK_OK);
    lki_buf_char(&bytes, 0);
    refuse(bytes.len);
}
END_TEST

START_TEST(another_program_has_other_metrics_and_probes)
{
    whole.metrics.customs.count--;
    write_one(&whole);
    whole.metrics.customs.count++;
    refuse(bytes.len);
    whole.measured.probe_count--;
    write_one(&whole);
    refuse(bytes.len);
}
END_TEST

START_TEST(a_buffer_that_is_full_says_so)
{
    struct lki_buf small;

    record_all(6);
    write_one(&whole);
    for (size_t max = 1; max < bytes.len; max += 97) {
        lki_buf_init(&small, max);
        lki_snapshot_write(&whole.measured, &small);
        ck_assert_int_eq(small.err, LK_E_LIMIT);
        lki_buf_release(&small);
    }
}
END_TEST

static Suite *snapshot_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tests = tcase_create("snapshot");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_snapshot_alone_gives_the_same_result);
    tcase_add_test(tests, nothing_recorded_gives_nothing);
    tcase_add_test(tests, the_second_in_hand_counts_too);
    tcase_add_loop_test(tests, snapshots_of_all_workers_are_what_one_would_have_recorded, 0, 5);
    tcase_add_test(tests, a_snapshot_of_what_was_merged_says_the_same);
    tcase_add_test(tests, metrics_keep_the_order_of_their_snapshots);
    tcase_add_test(tests, codes_of_authors_are_merged_by_name_and_category);
    tcase_add_test(tests, metrics_beyond_the_cap_are_counted_together);
    tcase_add_test(tests, what_overflowed_in_a_worker_stays_counted_together);
    tcase_add_test(tests, kinds_of_errors_beyond_the_cap_are_counted_together);
    tcase_add_test(tests, codes_beyond_the_cap_are_other);
    tcase_add_test(tests, examples_are_capped);
    tcase_add_test(tests, of_examples_the_first_stays);
    tcase_add_test(tests, an_example_says_whose_it_was_and_when);
    tcase_add_loop_test(tests, of_failures_the_earliest_is_the_first, 0, 3);
    tcase_add_loop_test(tests, of_a_gauge_the_last_level_stays, 0, 3);
    tcase_add_test(tests, readings_of_a_worker_and_of_its_next_life_follow_each_other);
    tcase_add_test(tests, more_readings_than_are_kept_span_all_lives);
    tcase_add_test(tests, readings_of_several_workers_come_by_time_with_who_read_them);
    tcase_add_test(tests, what_is_brief_lacks_only_what_it_says);
    tcase_add_test(tests, arrivals_are_left_out_where_there_are_none);
    tcase_add_test(tests, probes_are_of_one_worker_only);
    tcase_add_test(tests, the_head_is_read_without_merging);
    tcase_add_test(tests, bytes_that_are_cut_short_or_go_on_are_refused);
    tcase_add_test(tests, another_program_has_other_metrics_and_probes);
    tcase_add_test(tests, a_buffer_that_is_full_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(snapshot_suite());
}
