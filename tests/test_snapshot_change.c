/* What came between two snapshots of a worker: just what it recorded meanwhile, of each metric. */
#include "stats/snapshot_change.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/example.h"
#include "stats/snapshot.h"
#include "support/suite.h"

#define METRICS_MAX 64
#define BYTES_MAX ((size_t)1 << 24)

static struct lki_metrics recorded; /* by the worker, up to now */
static struct lki_metrics names;    /* of who looks for changes */
static struct lki_tally came[METRICS_MAX];
static struct lki_tally total[METRICS_MAX]; /* of all changes */
static struct lki_buf before, now;
static struct lki_rng rng;
static bool refuse;

static void setup(void)
{
    lki_metrics_init(&recorded, 0, 0);
    lki_metrics_init(&names, 0, 0);
    lki_buf_init(&before, BYTES_MAX);
    lki_buf_init(&now, BYTES_MAX);
    rng = (struct lki_rng){7};
    memset(came, 0, sizeof(came));
    memset(total, 0, sizeof(total));
    refuse = false;
}

static void teardown(void)
{
    for (size_t i = 0; i < METRICS_MAX; i++) {
        lki_tally_release(&came[i]);
        lki_tally_release(&total[i]);
    }
    lki_metrics_release(&recorded);
    lki_metrics_release(&names);
    lki_buf_release(&before);
    lki_buf_release(&now);
}

static struct lki_tally *place(struct lki_metric *metric, void *arg)
{
    struct lki_tally *tallies = arg;

    ck_assert_uint_lt(metric->number, METRICS_MAX);
    return refuse ? NULL : &tallies[metric->number];
}

/* The snapshot up to now takes the place of the one before. */
static void snapshot(void)
{
    const struct lki_measured measured = {.metrics = &recorded};
    struct lki_buf swap = before;

    before = now;
    now = swap;
    lki_buf_clear(&now);
    lki_snapshot_write(&measured, &now);
    ck_assert_int_eq(now.err, LK_OK);
}

static enum lk_err change(struct lki_tally *into)
{
    return lki_snapshot_change(&names, (struct lki_snapshot_bytes){before.data, before.len},
                               (struct lki_snapshot_bytes){now.data, now.len}, place, into);
}

static struct lki_metric *look_up(const char *id)
{
    for (struct lki_metric *metric = names.first; metric; metric = metric->next) {
        if (!strcmp(metric->id, id))
            return metric;
    }
    ck_abort_msg("there is no metric %s", id);
}

static const struct lki_tally *came_to(const char *id)
{
    return &came[look_up(id)->number];
}

static void forget(struct lki_tally *tallies)
{
    for (size_t i = 0; i < METRICS_MAX; i++) {
        lki_tally_release(&tallies[i]);
        tallies[i] = (struct lki_tally){0};
    }
}

static struct lki_metric *http(const char *name)
{
    return lki_metrics_find(&recorded, LKI_SOURCE_HTTP, "look", name, strlen(name));
}

static void request(const char *name, int count, lki_code code, int64_t latency_ns)
{
    const struct lki_sample sample = {.code = code,
                                      .verdict = code < 400 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR,
                                      .latency_ns = latency_ns,
                                      .late_ns = 5000,
                                      .bytes_sent = 10,
                                      .phase_ns = {-1, 7000, -1, 8000, 9000, 10000}};
    struct lki_example_part part = {"text", 4};

    for (int i = 0; i < count; i++)
        lki_metric_record(http(name), &sample);
    lki_metrics_example(&recorded, http(name), code, part, part, part);
}

START_TEST(the_first_snapshot_is_a_change_from_nothing)
{
    request("GET /", 5, 200, 10000);
    request("GET /", 2, 503, 30000);
    lki_metrics_fold(&recorded);
    snapshot();
    ck_assert_int_eq(change(came), LK_OK);
    ck_assert_uint_eq(came_to("look/GET /")->count, 7);
    ck_assert_uint_eq(came_to("look/GET /")->errors, 2);
    ck_assert_uint_eq(lki_codes_get(&came_to("look/GET /")->codes, 200), 5);
    ck_assert_uint_eq(lki_codes_get(&came_to("look/GET /")->codes, 503), 2);
    ck_assert_uint_eq(came_to("look/GET /")->latency.count, 7);
    ck_assert(came_to("look/GET /")->latency.sum == 110000);
    ck_assert_uint_eq(came_to("look/GET /")->phases[LKI_PHASE_WAIT].count, 0);
}
END_TEST

START_TEST(only_what_is_new_has_come)
{
    request("GET /", 5, 200, 10000);
    request("GET /cart", 5, 200, 10000);
    lki_metrics_fold(&recorded);
    snapshot();
    request("GET /cart", 1, 404, 20000);
    request("GET /new", 3, 200, 40000);
    lki_metric_count(lki_metrics_overflow(&recorded, LKI_SOURCE_STEP), LKI_CODE_STEP_OK,
                     LKI_SAMPLE_OK);
    lki_metrics_fold(&recorded);
    snapshot();
    ck_assert_int_eq(change(came), LK_OK);
    ck_assert_uint_eq(names.linked, 3); /* one has not changed */
    ck_assert_uint_eq(came_to("look/GET /cart")->count, 1);
    ck_assert_uint_eq(came_to("look/GET /cart")->codes.len, 1);
    ck_assert_uint_eq(lki_codes_get(&came_to("look/GET /cart")->codes, 404), 1);
    ck_assert_int_eq(came_to("look/GET /cart")->latency.min, 20000);
    ck_assert_uint_eq(came_to("look/GET /new")->count, 3);
    ck_assert_uint_eq(came_to(LKI_METRIC_OVERFLOW_NAME)->count, 1);
}
END_TEST

/* Something of everything that has a metric. */
static void any_event(void)
{
    static const lki_code codes[] = {200, 201, 404, 500, 503, 429, 302, LKI_CODE_HTTP_TIMEOUT};
    char name[16];

    snprintf(name, sizeof(name), "N%d", (int)lki_rng_below(&rng, 12));
    switch (lki_rng_below(&rng, 4)) {
    case 0:
        lki_metric_record_simple(lki_metrics_find_emitted(&recorded, "look", "call", "grpc", name),
                                 lki_metrics_code(&recorded, name, "ok"), LKI_SAMPLE_OK,
                                 5000 + (int64_t)name[1] * 100);
        break;
    case 1:
        lki_metric_record_simple(
            lki_metrics_find(&recorded, LKI_SOURCE_STEP, "", name, strlen(name)),
            LKI_CODE_STEP_CANCELLED, LKI_SAMPLE_CANCELLED, 1);
        break;
    default:
        request(name, 1, codes[lki_rng_below(&rng, LKI_COUNT(codes))],
                1000 + (int64_t)lki_rng_below(&rng, 5000000));
    }
}

static void total_verify(const struct lki_metric *metric)
{
    const char *kind = metric->kind;
    const struct lki_metric *same =
        metric->source == LKI_SOURCE_CUSTOM
            ? lki_metrics_find_emitted(&names, metric->step, metric->name, kind, metric->stage)
            : lki_metrics_find(&names, metric->source, metric->step, metric->name,
                               strlen(metric->name));
    const struct lki_tally *sum = &total[same->number];
    struct lki_tally all = {0};

    lki_tally_merge(&all, &metric->total);
    lki_tally_merge(&all, &metric->second);
    ck_assert_uint_eq(sum->count, all.count);
    ck_assert_uint_eq(sum->errors, all.errors);
    ck_assert_uint_eq(sum->cancelled, all.cancelled);
    ck_assert_uint_eq(sum->latency.count, all.latency.count);
    ck_assert(sum->latency.sum == all.latency.sum);
    for (uint16_t i = 0; i < all.codes.len; i++) {
        const char *name = lki_metrics_code_name(&recorded, lki_codes_all(&all.codes)[i].code);
        const char *category = lki_metrics_code_category(&recorded,
                                                         lki_codes_all(&all.codes)[i].code);
        lki_code code = lki_codes_all(&all.codes)[i].code;

        if (code >= LKI_CODE_END)
            code = lki_metrics_code(&names, name, category);
        ck_assert_uint_eq(lki_codes_get(&sum->codes, code), lki_codes_all(&all.codes)[i].count);
    }
    lki_tally_release(&all);
}

/* Also while there is a second in hand: that is told beside what is folded. */
START_TEST(all_changes_make_up_the_totals)
{
    lki_metrics_code(&names, "ANOTHER", "ok"); /* codes of authors have other numbers here */
    for (int i = 0; i < 60; i++) {
        for (uint64_t events = lki_rng_below(&rng, 60); events; events--)
            any_event();
        if (lki_rng_below(&rng, 3))
            lki_metrics_fold(&recorded);
        snapshot();
        ck_assert_int_eq(change(total), LK_OK);
    }
    for (const struct lki_metric *metric = recorded.first; metric; metric = metric->next)
        total_verify(metric);
}
END_TEST

START_TEST(what_is_not_of_one_worker_is_refused)
{
    for (int i = 0; i < 300; i++)
        any_event();
    lki_metrics_fold(&recorded);
    snapshot();
    any_event();
    lki_metrics_fold(&recorded);
    snapshot();
    ck_assert_int_eq(change(came), LK_OK);
    snapshot(); /* nothing has come */
    forget(came);
    ck_assert_int_eq(change(came), LK_OK);
    for (size_t i = 0; i < METRICS_MAX; i++)
        ck_assert_uint_eq(came[i].count, 0);
    lki_metrics_release(&recorded);
    lki_metrics_init(&recorded, 0, 0);
    request("GET /", 1, 200, 10000);
    lki_metrics_fold(&recorded);
    snapshot(); /* of its next life */
    ck_assert_int_eq(change(came), LK_E_FORMAT);
}
END_TEST

START_TEST(a_metric_that_became_less_is_refused)
{
    request("GET /", 10, 200, 10000);
    lki_metrics_fold(&recorded);
    snapshot();
    lki_metrics_release(&recorded);
    lki_metrics_init(&recorded, 0, 0);
    request("GET /", 9, 200, 10000);
    request("GET /", 5, 500, 10000);
    lki_metrics_fold(&recorded);
    snapshot();
    ck_assert_int_eq(change(came), LK_E_FORMAT);
    ck_assert_uint_eq(came[0].count, 0);
}
END_TEST

START_TEST(without_a_place_it_is_left_out)
{
    request("GET /", 10, 200, 10000);
    lki_metrics_fold(&recorded);
    snapshot();
    refuse = true;
    ck_assert_int_eq(change(came), LK_E_NOMEM);
    refuse = false;
    ck_assert_int_eq(change(came), LK_OK);
}
END_TEST

/* Whatever is wrong with either of them. */
START_TEST(broken_bytes_do_no_harm)
{
    struct lki_buf *side;

    for (int i = 0; i < 20; i++)
        any_event();
    lki_metrics_fold(&recorded);
    snapshot();
    for (int i = 0; i < 10; i++)
        any_event();
    lki_metrics_fold(&recorded);
    snapshot();
    side = _i ? &now : &before;
    for (size_t bit = 0; bit < side->len * 8; bit++) {
        enum lk_err err;

        side->data[bit / 8] ^= (char)(1 << bit % 8);
        if (names.linked > METRICS_MAX / 2) {
            lki_metrics_release(&names);
            lki_metrics_init(&names, 0, 0);
        }
        err = change(came);
        ck_assert(!err || err == LK_E_FORMAT);
        side->data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = side->len - 1; len > 0; len--) {
        enum lk_err err;

        side->len = len;
        err = change(came);
        ck_assert(!err || err == LK_E_FORMAT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot_change");
    TCase *tests = tcase_create("snapshot_change");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_first_snapshot_is_a_change_from_nothing);
    tcase_add_test(tests, only_what_is_new_has_come);
    tcase_add_test(tests, all_changes_make_up_the_totals);
    tcase_add_test(tests, what_is_not_of_one_worker_is_refused);
    tcase_add_test(tests, a_metric_that_became_less_is_refused);
    tcase_add_test(tests, without_a_place_it_is_left_out);
    tcase_add_loop_test(tests, broken_bytes_do_no_harm, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
