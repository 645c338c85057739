/* What is recorded is what happened: a server holds each answer back for a known time, and the
 * recorded latencies lie between what the server says of itself and what the step saw. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define USERS 20
#define REQUESTS 20 /* of each */
#define COUNT ((size_t)(USERS * REQUESTS))
/* What a bucket of the histogram is wide at most, both ways. */
#define BUCKET 0.005

static struct test_server server;
static struct rig rig;
static int64_t seen_ns[COUNT]; /* by the steps */
static size_t seen_count;

static void visit(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    for (int i = 0; i < REQUESTS; i++) {
        int64_t before_ns = lki_loop_now(vu->loop);
        lk_response *r = lk_get(vu, "/");

        seen_ns[seen_count] = lki_loop_now(vu->loop) - before_ns;
        ck_assert_double_ge(r->seconds * 1e9, (double)atoll(r->body));
        ck_assert_double_le(r->seconds * 1e9, (double)seen_ns[seen_count] + 1);
        seen_count++;
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Nearest rank. */
static double share_of(const int64_t *sorted_ns, size_t per_mille)
{
    size_t rank = (COUNT * per_mille + 999) / 1000;

    return (double)sorted_ns[rank - 1];
}

START_TEST(recorded_percentiles_are_those_of_the_delays)
{
    static const struct test_script script = {{SRV_READ, SRV_DELAY, SRV_HELD, SRV_AGAIN}};
    static const size_t shares[] = {1, 250, 450, 500, 550, 900, 950, 990, 1000};
    static int64_t held_ns[COUNT];
    const struct lki_hist *latency = NULL;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    for (int i = 0; i < USERS; i++)
        rig_add(&rig, visit, NULL);
    rig_run(&rig);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP(200)), COUNT);
    ck_assert_uint_eq(test_server_settle(&server)->delays, COUNT);
    memcpy(held_ns, server.seen->held_ns, sizeof(held_ns));
    qsort(held_ns, COUNT, sizeof(*held_ns), by_value);
    qsort(seen_ns, COUNT, sizeof(*seen_ns), by_value);
    for (struct lki_metric *metric = rig.metrics.first; metric; metric = metric->next) {
        if (metric->source == LKI_SOURCE_HTTP)
            latency = &metric->total.latency;
    }
    ck_assert_ptr_nonnull(latency);
    for (size_t i = 0; i < LKI_COUNT(shares); i++) {
        double recorded = (double)lki_hist_quantile(latency, (double)shares[i] / 1000);

        ck_assert_double_ge(recorded, share_of(held_ns, shares[i]) * (1 - BUCKET));
        ck_assert_double_le(recorded, share_of(seen_ns, shares[i]) * (1 + BUCKET));
    }
    rig_close(&rig);
    test_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("truth");
    TCase *tcase = tcase_create("latency");

    tcase_add_test(tcase, recorded_percentiles_are_those_of_the_delays);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
