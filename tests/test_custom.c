/* What authors record: their metrics, their samples and codes, blocks that are timed, checks. */
#include <loadkit/metric.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "stats/custom.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"

#define TOWN_METRIC(name, ...) /* type, options */                                                 \
    (&((struct lk_metric_def){TOWN_HEAD_(lk_metric_def, LK_DEF_METRIC, NULL, name),                \
                              .type = __VA_ARGS__})                                                \
          .def)

static struct town town;

/* Has one user carry out a step called "a", once. */
static void once(void (*run)(lk_vu *vu, void *self))
{
    struct lk_def *defs[] = {TOWN_METRIC("size", LK_TREND, .unit = "B"),
                             TOWN_METRIC("sold", LK_COUNTER),
                             TOWN_METRIC("level", LK_GAUGE),
                             TOWN_METRIC("hit", LK_RATE),
                             TOWN_STEP("a", run, .timeout_s = 100),
                             NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1;
    town_run(&town);
}

static const struct lki_custom *custom(const char *name)
{
    const struct lki_custom *found;

    lki_metrics_fold(&town.metrics);
    found = lki_customs_find(&town.metrics.customs, name);
    ck_assert_ptr_nonnull(found);
    return found;
}

static const struct lki_metric *metric(const char *id)
{
    const struct lki_metric *found = town.metrics.first;

    lki_metrics_fold(&town.metrics);
    while (found && strcmp(found->id, id) != 0)
        found = found->next;
    return found;
}

static const struct lki_error_group *error_of(enum lki_source source)
{
    const struct lki_error_group *group = town.metrics.first_error;

    while (group && group->source != source)
        group = group->next;
    return group;
}

/* ---- metrics of the author's ---- */

static void record_each(lk_vu *vu, void *self)
{
    static const double values[] = {4, -2, 0, 2.5};

    (void)self;
    vu->metrics->start_ns = LKI_NS_PER_S;
    lk_sleep(vu, 3);
    for (size_t i = 0; i < LKI_COUNT(values); i++) {
        lk_record(vu, "size", values[i]);
        lk_record(vu, "sold", values[i]);
        lk_record(vu, "level", values[i]);
        lk_record(vu, "hit", values[i]);
    }
}

START_TEST(each_type_keeps_what_it_is_for)
{
    const struct lki_custom_tally *total;

    once(record_each);
    total = &custom("size")->total;
    ck_assert_uint_eq(total->count, 4);
    ck_assert_uint_eq(total->values.count, 4);
    ck_assert_double_eq(total->min, -2);
    ck_assert_double_eq(total->max, 4);
    ck_assert_double_eq(custom("sold")->total.sum, 4.5);
    ck_assert_uint_eq(custom("sold")->total.values.count, 0);
    ck_assert_double_eq(custom("level")->total.last, 2.5);
    ck_assert_double_eq(custom("level")->total.min, -2);
    /* by the loop's clock, whenever the run began */
    ck_assert_int_eq(custom("level")->total.last_ns, 3 * LKI_NS_PER_S);
    ck_assert_uint_eq(custom("hit")->total.hits, 3);
    ck_assert_uint_eq(custom("hit")->total.count, 4);
    ck_assert_str_eq(custom("size")->unit, "B");
    ck_assert_str_eq(custom("sold")->unit, "");
    town_close(&town);
}
END_TEST

static void record_unknown(lk_vu *vu, void *self)
{
    (void)self;
    lk_record(vu, "price", 1);
}

static void record_nameless(lk_vu *vu, void *self)
{
    (void)self;
    lk_record(vu, NULL, 1);
}

static void record_infinity(lk_vu *vu, void *self)
{
    (void)self;
    lk_record(vu, "size", INFINITY);
}

static void record_nan(lk_vu *vu, void *self)
{
    (void)self;
    lk_record(vu, "hit", NAN);
}

static void emit_nameless(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, NULL, .seconds = 1);
}

static void emit_empty_name(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, "");
}

static void emit_negative(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, "x", .seconds = -1);
}

static void emit_nan(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, "x", .seconds = NAN);
}

static void emit_forever(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, "x", .seconds = INFINITY);
}

static void time_nameless(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("")
    {
    }
}

static void check_nameless(lk_vu *vu, void *self)
{
    (void)self;
    LK_CHECK(true, NULL);
}

static const struct {
    void (*run)(lk_vu *vu, void *self);
    const char *message;
} refusals[] = {
    {record_unknown, "no metric \"price\" is registered: add LK_METRIC(price, LK_TREND), or "
                     "another type"},
    {record_nameless, "lk_record without the name of a metric"},
    {record_infinity, "a value of the metric \"size\" is no finite number"},
    {record_nan, "a value of the metric \"hit\" is no finite number"},
    {emit_nameless, "a sample without a name: lk_emit(vu, \"name\", ...)"},
    {emit_empty_name, "a sample without a name: lk_emit(vu, \"name\", ...)"},
    {emit_negative, "the sample \"x\" took -1 seconds: give a number from 0 on"},
    {emit_nan, "the sample \"x\" took nan seconds: give a number from 0 on"},
    {emit_forever, "the sample \"x\" took inf seconds: give a number from 0 on"},
    {time_nameless, "a timed block without a name"},
    {check_nameless, "a check without a name"},
};

START_TEST(what_cannot_be_recorded_fails_the_step)
{
    once(refusals[_i].run);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_FAILED), 1);
    ck_assert_str_eq(error_of(LKI_SOURCE_STEP)->message, refusals[_i].message);
    ck_assert_ptr_null(metric("a/x"));
    ck_assert_uint_eq(custom("size")->total.count + custom("hit")->total.count, 0);
    town_close(&town);
}
END_TEST

/* ---- trends ---- */

static struct lk_metric_def trend_def = {.def = {.name = "t"}, .type = LK_TREND};
static struct lki_customs customs;
static struct lki_custom *trend;

static void trend_open(double resolution)
{
    const struct lk_metric_def *defs[] = {&trend_def};

    trend_def.resolution = resolution;
    ck_assert_int_eq(lki_customs_init(&customs, defs, 1), LK_OK);
    trend = lki_customs_find(&customs, "t");
    ck_assert_ptr_nonnull(trend);
}

static void trend_close(void)
{
    lki_customs_release(&customs);
}

START_TEST(percentiles_of_a_trend_are_within_half_a_percent)
{
    static const double resolutions[] = {0, 1, 1e-9, 1000};
    double unit = resolutions[_i] > 0 ? resolutions[_i] : 0.001;

    trend_open(resolutions[_i]);
    for (int i = 1; i <= 10000; i++)
        lki_custom_record(trend, i * unit, 0);
    lki_customs_fold(&customs);
    for (double q = 0.01; q < 1; q += 0.07) {
        double exact = ceil(q * 10000) * unit;

        ck_assert_double_eq_tol(lki_custom_quantile(trend, q), exact, 0.005 * exact);
    }
    ck_assert_double_eq(lki_custom_quantile(trend, 0), unit);
    ck_assert_double_eq(lki_custom_quantile(trend, 1), 10000 * unit);
    trend_close();
}
END_TEST

START_TEST(values_beyond_a_trends_range_are_kept_as_its_ends)
{
    trend_open(1);
    lki_custom_record(trend, -1e300, 0);
    lki_custom_record(trend, 5, 0);
    lki_custom_record(trend, 1e300, 0);
    lki_customs_fold(&customs);
    ck_assert_double_eq(lki_custom_quantile(trend, 0), -1e300);
    ck_assert_double_eq_tol(lki_custom_quantile(trend, 0.5), 5, 0.025);
    ck_assert_double_eq(lki_custom_quantile(trend, 0.9), 1e300);
    ck_assert_uint_eq(trend->total.values.below, 1);
    ck_assert_uint_eq(trend->total.values.above, 1);
    trend_close();
}
END_TEST

START_TEST(a_trend_of_zeros_is_zero)
{
    trend_open(0);
    for (int i = 0; i < 10; i++)
        lki_custom_record(trend, 0, 0);
    lki_customs_fold(&customs);
    ck_assert_double_eq(lki_custom_quantile(trend, 0.5), 0);
    ck_assert_double_eq(lki_custom_quantile(trend, 0.99), 0);
    trend_close();
}
END_TEST

START_TEST(seconds_add_up_and_the_last_level_is_the_one_set_last)
{
    struct lki_custom_tally other = {0};

    trend_open(0);
    for (int second = 0; second < 3; second++) {
        for (int i = 1; i <= 4; i++)
            lki_custom_record(trend, second * 10 + i, second * 10 + i);
        lki_customs_fold(&customs);
        ck_assert_uint_eq(trend->second.count, 0);
    }
    ck_assert_uint_eq(trend->total.count, 12);
    ck_assert_uint_eq(trend->total.values.count, 12);
    ck_assert_double_eq(trend->total.sum, 150);
    ck_assert_double_eq(trend->total.last, 24);
    lki_custom_tally_merge(&other, &trend->total);
    /* what another worker recorded before that does not take its place */
    lki_custom_record(trend, 99, 7);
    lki_custom_tally_merge(&other, &trend->second);
    ck_assert_double_eq(other.last, 24);
    ck_assert_double_eq(other.max, 99);
    ck_assert_uint_eq(other.count, 13);
    lki_custom_tally_release(&other);
    trend_close();
}
END_TEST

/* ---- samples ---- */

static void emit_some(lk_vu *vu, void *self)
{
    (void)self;
    lk_emit(vu, "call", .seconds = 0.25);
    lk_emit(vu, "call", .seconds = 0.5, .failed = true);
    lk_emit(vu, "call", .failed = true, .code = "grpc timeout!", .category = "Time-Out",
            .message = "no answer");
    lk_emit(vu, "call", .fatal = true, .code = "grpc timeout!", .category = "Time-Out",
            .message = "no answer");
    lk_emit(vu, "call", .source = " GRPC v2 ", .stage = "Connect", .code = "OK");
}

START_TEST(samples_count_under_their_step_with_codes_and_categories)
{
    const struct lki_metrics *metrics = &town.metrics;
    const struct lki_metric *call;
    lki_code code;

    once(emit_some);
    call = metric("a/call");
    ck_assert_ptr_nonnull(call);
    ck_assert_int_eq(call->source, LKI_SOURCE_CUSTOM);
    ck_assert_str_eq(call->kind, "custom");
    ck_assert_str_eq(call->stage, "execute");
    ck_assert_str_eq(call->step, "a");
    ck_assert_uint_eq(call->total.count, 4);
    ck_assert_uint_eq(call->total.errors, 3);
    ck_assert_uint_eq(call->total.fatal, 1);
    ck_assert_int_eq(call->total.latency.max, 500000000);
    ck_assert_uint_eq(lki_codes_get(&call->total.codes, LKI_CODE_METRIC_OK), 1);
    ck_assert_uint_eq(lki_codes_get(&call->total.codes, LKI_CODE_METRIC_FAILED), 1);
    ck_assert_uint_eq(call->total.codes.len, 3);
    code = lki_codes_all(&call->total.codes)[2].code;
    ck_assert_uint_eq(lki_codes_get(&call->total.codes, code), 2);
    ck_assert_str_eq(lki_metrics_code_name(metrics, code), "GRPC_TIMEOUT");
    ck_assert_str_eq(lki_metrics_code_category(metrics, code), "time-out");
    ck_assert_uint_eq(metrics->totals->steps, 1);
    ck_assert_uint_eq(metrics->totals->http_requests, 0);
    town_close(&town);
}
END_TEST

START_TEST(another_source_or_stage_is_another_metric)
{
    const struct lki_metric *call;

    once(emit_some);
    call = metric("a/call")->next;
    ck_assert_ptr_nonnull(call);
    ck_assert_str_eq(call->id, "a/call");
    ck_assert_str_eq(call->kind, "grpc_v2");
    ck_assert_str_eq(call->stage, "connect");
    ck_assert_uint_eq(call->total.count, 1);
    ck_assert_str_eq(
        lki_metrics_code_category(&town.metrics, lki_codes_all(&call->total.codes)[0].code), "ok");
    town_close(&town);
}
END_TEST

START_TEST(failures_are_told_by_what_failed_and_why)
{
    const struct lki_error_group *plain;
    const struct lki_error_group *group;

    once(emit_some);
    plain = error_of(LKI_SOURCE_CUSTOM);
    ck_assert_str_eq(plain->message, "call");
    ck_assert_int_eq(plain->code, LKI_CODE_METRIC_FAILED);
    ck_assert_str_eq(plain->step, "a");
    group = plain->next;
    ck_assert_str_eq(group->message, "call: no answer");
    ck_assert_str_eq(lki_metrics_code_name(&town.metrics, group->code), "GRPC_TIMEOUT");
    ck_assert_uint_eq(group->count, 2);
    ck_assert_uint_eq(group->first_user, 1);
    town_close(&town);
}
END_TEST

/* A program built when the struct ended with its code. */
static void emit_old(lk_vu *vu, void *self)
{
    struct lk_sample sample = {.size = offsetof(struct lk_sample, category),
                               .name = "old",
                               .code = "FINE",
                               .category = "not there yet",
                               .message = "nor this"};

    (void)self;
    lk_emit_sample(vu, &sample);
}

START_TEST(an_older_struct_is_read_as_far_as_it_goes)
{
    const struct lki_metric *old;

    once(emit_old);
    old = metric("a/old");
    ck_assert_str_eq(
        lki_metrics_code_category(&town.metrics, lki_codes_all(&old->total.codes)[0].code), "ok");
    town_close(&town);
}
END_TEST

static void emit_late(lk_vu *vu, void *self)
{
    (void)self;
    vu->late_ns = 2 * LKI_NS_PER_S;
    lk_emit(vu, "call", .seconds = 1);
    LK_TIMED("block")
    lk_sleep(vu, 3);
    vu->late_ns = -1;
    lk_emit(vu, "other", .seconds = 1);
}

START_TEST(a_late_iteration_shows_in_its_samples)
{
    once(emit_late);
    ck_assert_int_eq(metric("a/call")->total.intended.max, 3 * LKI_NS_PER_S);
    ck_assert_int_eq(metric("a/call")->total.latency.max, LKI_NS_PER_S);
    ck_assert_int_eq(metric("a/block")->total.intended.max, 5 * LKI_NS_PER_S);
    ck_assert_uint_eq(metric("a/other")->total.intended.count, 0);
    town_close(&town);
}
END_TEST

/* ---- blocks that are timed ---- */

static int returned;

static void time_nested(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    {
        lk_sleep(vu, 1);
        for (int i = 0; i < 3; i++) {
            LK_TIMED("inner")
            lk_sleep(vu, 2);
        }
    }
    lk_sleep(vu, 10);
}

static void time_and_fail(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    {
        LK_TIMED("inner")
        {
            lk_sleep(vu, 2);
            LK_FAIL("enough");
        }
    }
}

static void time_and_return(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    {
        LK_TIMED("inner")
        {
            lk_sleep(vu, 2);
            return;
        }
    }
    returned++;
}

static void time_and_break(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    {
        LK_TIMED("inner")
        {
            lk_sleep(vu, 2);
            break;
        }
        lk_sleep(vu, 1);
    }
    lk_sleep(vu, 4);
}

static void time_beyond_the_timeout(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    {
        lk_sleep(vu, 60);
        LK_TIMED("inner")
        lk_sleep(vu, 60);
    }
}

static const struct {
    void (*run)(lk_vu *vu, void *self);
    lki_code outer;
    int64_t outer_s;
    lki_code inner;
    uint64_t inner_count;
    int64_t inner_s; /* the longest */
} timings[] = {
    {time_nested, LKI_CODE_METRIC_OK, 7, LKI_CODE_METRIC_OK, 3, 2},
    {time_and_fail, LKI_CODE_METRIC_FAILED, 2, LKI_CODE_METRIC_FAILED, 1, 2},
    {time_and_return, LKI_CODE_METRIC_OK, 2, LKI_CODE_METRIC_OK, 1, 2},
    {time_and_break, LKI_CODE_METRIC_OK, 3, LKI_CODE_METRIC_OK, 1, 7},
    {time_beyond_the_timeout, LKI_CODE_METRIC_FAILED, 100, LKI_CODE_METRIC_FAILED, 1, 40},
};

START_TEST(a_block_is_timed_on_whatever_way_it_is_left)
{
    const struct lki_tally *outer;
    const struct lki_tally *inner;

    returned = 0;
    once(timings[_i].run);
    outer = &metric("a/outer")->total;
    inner = &metric("a/inner")->total;
    ck_assert_uint_eq(lki_codes_get(&outer->codes, timings[_i].outer), 1);
    ck_assert_uint_eq(outer->count, 1);
    ck_assert_uint_eq(outer->errors, timings[_i].outer == LKI_CODE_METRIC_FAILED);
    ck_assert_int_eq(outer->latency.max, timings[_i].outer_s * LKI_NS_PER_S);
    ck_assert_uint_eq(lki_codes_get(&inner->codes, timings[_i].inner), timings[_i].inner_count);
    ck_assert_uint_eq(inner->count, timings[_i].inner_count);
    ck_assert_int_eq(inner->latency.max, timings[_i].inner_s * LKI_NS_PER_S);
    ck_assert_int_eq(returned, 0);
    /* why it failed is told of the step alone */
    ck_assert_ptr_null(error_of(LKI_SOURCE_CUSTOM));
    town_close(&town);
}
END_TEST

START_TEST(a_block_that_the_end_of_the_run_cuts_off_has_no_time)
{
    struct lk_def *defs[] = {TOWN_STEP("a", time_nested), NULL};
    const struct lki_tally *outer;

    town_open(&town, defs, 1);
    town_at(&town, 2, town_cut);
    town_run(&town);
    outer = &metric("a/outer")->total;
    ck_assert_uint_eq(lki_codes_get(&outer->codes, LKI_CODE_METRIC_CANCELLED), 1);
    ck_assert_uint_eq(outer->cancelled, 1);
    ck_assert_uint_eq(outer->errors, 0);
    ck_assert_uint_eq(outer->latency.count, 0);
    town_close(&town);
}
END_TEST

static size_t arena_before;
static size_t arena_after;

static void time_often(lk_vu *vu, void *self)
{
    (void)self;
    for (int i = 0; i < 100000; i++) {
        LK_TIMED("block")
        {
            LK_TIMED("inside")
            {
            }
        }
        if (i == 0)
            arena_before = lki_vu_arena(vu)->bytes;
    }
    arena_after = lki_vu_arena(vu)->bytes;
}

START_TEST(a_step_that_times_often_needs_no_more_memory)
{
    once(time_often);
    ck_assert_uint_eq(metric("a/block")->total.count, 100000);
    ck_assert_uint_eq(metric("a/inside")->total.count, 100000);
    ck_assert_uint_gt(arena_before, 0);
    ck_assert_uint_eq(arena_after, arena_before);
    town_close(&town);
}
END_TEST

static void stop_twice(lk_vu *vu, void *self)
{
    struct lk_timing *timing = lk_timing_start(vu, "block");

    (void)self;
    ck_assert_ptr_null(lk_timing_stop(timing));
    ck_assert_ptr_null(lk_timing_stop(timing));
}

START_TEST(what_is_stopped_twice_counts_once)
{
    once(stop_twice);
    ck_assert_uint_eq(metric("a/block")->total.count, 1);
    town_close(&town);
}
END_TEST

static void sleep_outside(void *arg)
{
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

    (void)arg;
    nanosleep(&pause, NULL);
}

static void time_a_blocking_call(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("outer")
    lk_blocking(vu, sleep_outside, NULL);
}

/* On the real clock: the sample is the step's, taken when the time was over, not when the function
 * returned. */
START_TEST(a_block_ends_with_its_step_also_in_a_blocking_call)
{
    struct lk_def *defs[] = {TOWN_STEP("a", time_a_blocking_call, .timeout_s = 0.001), NULL};
    const struct lki_tally *outer;

    town_open(&town, defs, 1);
    town.loop.clock.fake = false;
    town.crowd.iterations_left = 1;
    town_run(&town);
    outer = &metric("a/outer")->total;
    ck_assert_uint_eq(lki_codes_get(&outer->codes, LKI_CODE_METRIC_FAILED), 1);
    ck_assert_int_le(outer->latency.max, metric("a")->total.latency.max);
    town_close(&town);
}
END_TEST

/* ---- checks ---- */

static void check_some(lk_vu *vu, void *self)
{
    bool held = LK_CHECK(1 + 1 == 2, "sums");
    int flags = 4;

    (void)self;
    EXPECT(held, "a check that holds says no");
    EXPECT(LK_CHECK(flags & 4, "flags"), "a number that is not 0 is false");
    EXPECT(!LK_CHECK(flags & 2, "flags"), "a check that fails says yes");
    returned++;
}

START_TEST(checks_are_counted_and_the_step_goes_on)
{
    const struct lki_metric *flags;

    returned = 0;
    once(check_some);
    ck_assert_int_eq(returned, 1);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 1);
    flags = metric("a/flags");
    ck_assert_int_eq(flags->source, LKI_SOURCE_CHECK);
    ck_assert_str_eq(flags->step, "a");
    ck_assert_uint_eq(flags->total.count, 2);
    ck_assert_uint_eq(flags->total.errors, 1);
    ck_assert_uint_eq(lki_codes_get(&flags->total.codes, LKI_CODE_CHECK_OK), 1);
    ck_assert_uint_eq(lki_codes_get(&flags->total.codes, LKI_CODE_CHECK_FAILED), 1);
    ck_assert_uint_eq(flags->total.latency.count, 0);
    ck_assert_uint_eq(metric("a/sums")->total.errors, 0);
    ck_assert_str_eq(error_of(LKI_SOURCE_CHECK)->message, "flags");
    ck_assert_uint_eq(town.metrics.totals->steps, 1);
    ck_assert_uint_eq(town.metrics.totals->step_errors, 0);
    ck_assert_uint_eq(town.metrics.totals->http_requests, 0);
    town_close(&town);
}
END_TEST

START_TEST(a_hook_may_check_too)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, check_some), TOWN_STEP("a", town_idle), NULL};

    town_open(&town, defs, 1);
    town.crowd.iterations_left = 1;
    town_run(&town);
    ck_assert_ptr_nonnull(metric("flags"));
    ck_assert_str_eq(metric("flags")->step, "");
    town_close(&town);
}
END_TEST

/* ---- what is fatal ---- */

static void fail_always(lk_vu *vu, void *self)
{
    (void)self;
    lk_fail(vu, "no luck");
}

START_TEST(a_life_that_cannot_begin_is_fatal)
{
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_START, fail_always),
                             TOWN_HOOK(LK_HOOK_STOP, fail_always), TOWN_STEP("a", fail_always),
                             NULL};

    town_open(&town, defs, 1);
    town_at(&town, 0.5, town_drain);
    town_run(&town);
    ck_assert_uint_eq(metric("on_start")->total.errors, 1);
    ck_assert_uint_eq(metric("on_start")->total.fatal, 1);
    ck_assert_uint_eq(metric("on_stop")->total.errors, 1);
    ck_assert_uint_eq(metric("on_stop")->total.fatal, 0);
    ck_assert_uint_eq(metric("a")->total.fatal, 0);
    town_close(&town);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, each_type_keeps_what_it_is_for);
    tcase_add_loop_test(tests, what_cannot_be_recorded_fails_the_step, 0, (int)LKI_COUNT(refusals));
    tcase_add_loop_test(tests, percentiles_of_a_trend_are_within_half_a_percent, 0, 4);
    tcase_add_test(tests, values_beyond_a_trends_range_are_kept_as_its_ends);
    tcase_add_test(tests, a_trend_of_zeros_is_zero);
    tcase_add_test(tests, seconds_add_up_and_the_last_level_is_the_one_set_last);
    tcase_add_test(tests, samples_count_under_their_step_with_codes_and_categories);
    tcase_add_test(tests, another_source_or_stage_is_another_metric);
    tcase_add_test(tests, failures_are_told_by_what_failed_and_why);
    tcase_add_test(tests, an_older_struct_is_read_as_far_as_it_goes);
    tcase_add_test(tests, a_late_iteration_shows_in_its_samples);
    tcase_add_loop_test(tests, a_block_is_timed_on_whatever_way_it_is_left, 0,
                        (int)LKI_COUNT(timings));
    tcase_add_test(tests, a_block_that_the_end_of_the_run_cuts_off_has_no_time);
    tcase_add_test(tests, a_step_that_times_often_needs_no_more_memory);
    tcase_add_test(tests, what_is_stopped_twice_counts_once);
    tcase_add_test(tests, a_block_ends_with_its_step_also_in_a_blocking_call);
    tcase_add_test(tests, checks_are_counted_and_the_step_goes_on);
    tcase_add_test(tests, a_hook_may_check_too);
    tcase_add_test(tests, a_life_that_cannot_begin_is_fatal);
}

int main(void)
{
    Suite *suite = suite_create("custom");
    TCase *tests = tcase_create("custom");

    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
