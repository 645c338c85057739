/*
 * The history and the stock without memory: whichever request is refused, alone or with those that
 * follow, what could be kept is right, what is missing is told, and all of it is given back.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/history.h"
#include "control/inner.h"
#include "control/stock.h"
#include "oom/memory.h"
#include "support/suite.h"

#define SECONDS 8
#define BYTES_MAX ((size_t)1 << 20)

static const struct lk_probe_def depth = {.def = {.name = "depth"}};
static const struct lk_probe_def *probes[] = {&depth};
static const struct lk_resource_def users = {.def = {.name = "users"}};
static const struct lk_resource_def *resources[] = {&users};
static const struct lki_model model = {
    .probes = probes, .probe_count = 1, .resources = resources, .resource_count = 1};
static const long droughts[] = {1, 3, MEMORY_ALL};
static struct lki_buf snapshots[SECONDS + 1]; /* the first one is empty */

/* What a worker recorded up to the end of each second. */
static void record_all(void)
{
    static struct lki_metrics metrics;
    static struct lki_probe_log probe;
    const struct lki_measured measured = {.metrics = &metrics, .probes = &probe, .probe_count = 1};

    lki_metrics_init(&metrics, 0, 0);
    for (int s = 0; s < SECONDS; s++) {
        struct lk_value text = lk_value_str("busy");

        for (int i = 0; i < 10; i++)
            lki_metric_record_simple(
                lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "look", i % 2 ? "GET /" : "PUT /", 5),
                (lki_code)(200 + i), LKI_SAMPLE_OK, 1000 + ((int64_t)1 << (s % 3 + 2 * i)));
        lki_metrics_fold(&metrics);
        lki_probe_log_add(&probe, s * LKI_NS_PER_S, &text);
        lki_buf_init(&snapshots[s + 1], BYTES_MAX);
        lki_snapshot_write(&measured, &snapshots[s + 1]);
    }
    lki_metrics_release(&metrics);
    lki_probe_log_release(&probe);
}

/* A core of one worker, as far as the history looks at it. */
static struct {
    struct lki_loop loop;
    struct lki_core core;
    struct lki_member member;
    struct lki_member *members[1];
    struct lki_life life;
} run;

static void second_over(struct lki_history *history, int s)
{
    const struct lki_buf *now = &snapshots[s + 1];
    const struct lki_series_row row = {.t_s = (uint32_t)s, .span_ns = LKI_NS_PER_S, .users = 5};
    const struct lki_core_news news = {.worker = 1,
                                       .before = {snapshots[s].data, snapshots[s].len},
                                       .now = {now->data, now->len},
                                       .row = &row};

    run.loop.clock.fake_ns = (s + 1) * LKI_NS_PER_S + 50 * LKI_NS_PER_MS;
    lki_history_told(history, &run.core, &news);
    run.life.snapshot = now->data;
    run.life.snapshot_bytes = now->len;
}

static void run_begin(void)
{
    memset(&run, 0, sizeof(run));
    run.loop.clock.fake = true;
    run.members[0] = &run.member;
    run.member = (struct lki_member){.core = &run.core,
                                     .name = "worker 1",
                                     .shown = {.number = 1},
                                     .first = &run.life,
                                     .last = &run.life};
    run.core = (struct lki_core){.loop = &run.loop,
                                 .model = &model,
                                 .started = true,
                                 .state = LKI_CORE_RUNNING,
                                 .members = run.members,
                                 .member_count = 1};
}

static void count_code(const char *code, const char *category, uint64_t count, void *arg)
{
    (void)code;
    (void)category;
    *(uint64_t *)arg += count;
}

static uint64_t requests(struct lki_history *history, bool window, uint64_t *codes)
{
    uint64_t sum = 0;

    *codes = 0;
    for (size_t i = 0; i < lki_history_metric_count(history); i++) {
        struct lki_aggregate aggregate;

        lki_history_aggregate(history, i, window, &aggregate);
        lki_history_codes(history, i, window, count_code, codes);
        sum += aggregate.requests;
    }
    return sum;
}

/* What was seen; Check needs memory for what it asserts, so that comes afterwards. */
struct seen {
    enum lk_err err;  /* of the last second with too little memory */
    enum lk_err last; /* of the one that follows */
    long refused;
    uint64_t window, total, codes;
    size_t points;
    long left; /* blocks that were not given back */
};

/* With count requests refused after so many. */
static struct seen watch_without(long after, long count)
{
    struct seen seen = {.left = memory_held()};
    struct lki_history *history = NULL;

    run_begin();
    memory_refuse(after, count);
    seen.err = lki_history_new(&history);
    if (history)
        lki_history_begin(history, 1e9);
    for (int s = 0; history && s < SECONDS; s++) {
        second_over(history, s);
        seen.err = lki_history_second(history, &run.core);
        requests(history, true, &seen.codes);
    }
    seen.refused = memory_allow();
    run.loop.clock.fake_ns += 3 * LKI_NS_PER_S; /* nobody is waited for any more */
    if (history) {
        seen.last = lki_history_second(history, &run.core);
        seen.window = requests(history, true, &seen.codes);
        seen.total = requests(history, false, &seen.codes);
        seen.points = lki_history_len(history);
    }
    lki_history_free(history);
    seen.left = memory_held() - seen.left;
    return seen;
}

START_TEST(a_history_without_memory_lacks_only_what_it_says)
{
    struct seen seen = {.refused = 1};
    long after = 0;

    for (; seen.refused; after++) {
        seen = watch_without(after, droughts[_i]);
        ck_assert_msg(!seen.left, "after %ld: %ld blocks more", after, seen.left);
        ck_assert_int_eq(seen.last, LK_OK);
        ck_assert_msg(!seen.err || seen.refused, "after %ld: %s", after, lk_strerror(seen.err));
        ck_assert_uint_le(seen.window, SECONDS * 10);
        if (!after)
            continue; /* there was none */
        ck_assert_uint_eq(seen.total, SECONDS * 10);
        ck_assert_uint_eq(seen.codes, SECONDS * 10);
    }
    ck_assert_uint_eq(seen.window, SECONDS * 10);
    ck_assert_uint_eq(seen.points, SECONDS);
    ck_assert_int_gt(after, 30);
}
END_TEST

static struct lki_stock *stock_without(long after, long count, enum lk_err *err, uint64_t *added,
                                       long *refused)
{
    static const struct lki_stock_parts parts = {.text = "{\"name\":\"x\"}",
                                                 .payload = "{\"a\":1}",
                                                 .about = "{\"b\":2}",
                                                 .created_at_s = 7};
    struct lki_stock *stock = NULL;
    struct lki_stock *copy = NULL;
    struct lki_buf bytes;
    uint64_t id;

    lki_buf_init(&bytes, BYTES_MAX);
    memory_refuse(after, count);
    *added = 0;
    *err = lki_stock_new(&stock, &model);
    for (int i = 0; i < 70 && stock; i++)
        *added += lki_stock_add(stock, 0, &parts, &id) == LK_OK;
    if (stock)
        lki_stock_write(stock, &bytes);
    if (stock)
        *err = lki_stock_new(&copy, &model);
    if (copy && !bytes.err)
        *err = lki_stock_read(copy, bytes.data, bytes.len);
    *refused = memory_allow();
    lki_buf_release(&bytes);
    lki_stock_free(copy);
    return stock;
}

START_TEST(a_stock_without_memory_keeps_what_it_has)
{
    long refused = 1;

    for (long after = 0; refused; after++) {
        long held = memory_held();
        struct lki_stock *stock;
        uint64_t added;
        uint64_t count;
        enum lk_err err;

        stock = stock_without(after, droughts[_i], &err, &added, &refused);
        count = stock ? lki_stock_count(stock, 0) : 0;
        lki_stock_free(stock);
        held = memory_held() - held;
        ck_assert_int_eq(held, 0);
        ck_assert_uint_eq(count, added);
        ck_assert(refused || (!err && added == 70));
        ck_assert_int_lt(after, 5000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_history");
    TCase *tests = tcase_create("oom_history");

    memory_open();
    record_all();
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_history_without_memory_lacks_only_what_it_says, 0,
                        LKI_COUNT(droughts));
    tcase_add_loop_test(tests, a_stock_without_memory_keeps_what_it_has, 0, LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
