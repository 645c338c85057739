/* Messages: every kind with all its fields there and back, and whatever is no message refused. */
#include "bus/message.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "support/expect.h"
#include "support/messages.h"
#include "support/suite.h"

static struct lki_arena arena;

static void setup(void)
{
    lki_arena_init(&arena, NULL, 0);
}

static void teardown(void)
{
    lki_arena_reset(&arena);
}

/* ---- one or more of each kind ---- */

static struct lki_order_object some[] = {
    {1, "{\"username\":\"user_1\"}"}, {2, NULL}, {UINT64_MAX, ""}, {300, "[]"}};

static struct lki_range ranges[] = {{1, 4, 25}, {UINT64_MAX, 0, 1}, {7, 1, 0}};

static const struct lki_order orders[] = {
    {.kind = LKI_ORDER_PREPARE,
     .prepare = {.run_id = "k3Xq",
                 .worker = 2,
                 .seed = UINT64_MAX,
                 .population = 100000,
                 .probes = true,
                 .counted = true,
                 .grace_ns = 30000000000,
                 .arrival_wait_ns = -1,
                 .http = "{\"insecure\":true}"}},
    {.kind = LKI_ORDER_PREPARE, .prepare = {.run_id = "", .arrivals = true}},
    {.kind = LKI_ORDER_SET_UP},
    {.kind = LKI_ORDER_START,
     .start = {.start_ns = 123456789012345,
               .end_ns = INT64_MAX,
               .run_data = "{\"a\":[1,2]}",
               .base_url = "http://shop"}},
    {.kind = LKI_ORDER_START, .start = {.start_ns = -5, .end_ns = 7}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {3, 4, 25000}}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {UINT64_MAX, 0, 1}, .leave = true}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {1, 1, UINT64_MAX}}},
    {.kind = LKI_ORDER_RATE, .rate = {.rate_per_s = 1.0 / 3, .lead = 0.25, .since_ns = 77}},
    {.kind = LKI_ORDER_RATE, .rate = {.rate_per_s = 0, .lead = 1, .since_ns = INT64_MIN}},
    {.kind = LKI_ORDER_ITERATIONS, .iterations = {.granted = 1000, .recalls = 3}},
    {.kind = LKI_ORDER_ITERATIONS, .iterations = {.granted = 0, .last = true}},
    {.kind = LKI_ORDER_OBJECTS,
     .objects =
         {.resource = 1, .first = 10, .fresh = 90, .objects = some, .count = LKI_COUNT(some)}},
    {.kind = LKI_ORDER_OBJECTS, .objects = {.resource = SIZE_MAX, .last = true, .objects = some}},
    {.kind = LKI_ORDER_RECALL, .recall = {.resource = 3, .on = true}},
    {.kind = LKI_ORDER_RECALL},
    {.kind = LKI_ORDER_STOP, .stop = {.why = LKI_END_CRASHES, .times = 3}},
    {.kind = LKI_ORDER_STOP, .stop = {.why = LKI_END_NONE, .times = UINT32_MAX}},
    {.kind = LKI_ORDER_TEAR_DOWN},
    {.kind = LKI_ORDER_QUIT},
    {.kind = LKI_ORDER_STAND},
    {.kind = LKI_ORDER_MAKE, .make = {.resource = 1, .first = UINT64_MAX - 9, .count = 10}},
};

static const struct lki_report reports[] = {
    {.kind = LKI_REPORT_HELLO, .hello = {.pid = 4242, .program = 0xfedcba9876543210}},
    {.kind = LKI_REPORT_PREPARED},
    {.kind = LKI_REPORT_SET_UP,
     .hook = {.failed = true, .cancelled = true, .message = "no such table", .run_data = NULL}},
    {.kind = LKI_REPORT_SET_UP,
     .hook = {.message = "", .run_data = "17", .base_url = "http://[::1]:8000/api"}},
    {.kind = LKI_REPORT_SECOND,
     .second = {.row = {.t_s = UINT32_MAX,
                        .users = 100,
                        .span_ns = 1000000001,
                        .iterations = 1,
                        .steps = 2,
                        .step_errors = 3,
                        .requests = 4,
                        .errors = 5,
                        .bytes_sent = UINT64_MAX,
                        .bytes_received = 7,
                        .p50_ns = 8,
                        .p95_ns = 9,
                        .p99_ns = -1},
                .latency = "\1\0",
                .latency_bytes = 2,
                .source = LKI_SOURCE_HTTP,
                .hook_errors = 11,
                .health = {.span_ns = 12,
                           .busy_ns = 13,
                           .waited_ns = -1,
                           .busiest_ns = 15,
                           .turns = 16,
                           .stalls = 17,
                           .overflowed = 18,
                           .abandoned = 19,
                           .descriptors = 20},
                .totals = "all the rest\0of it",
                .totals_bytes = 18}},
    {.kind = LKI_REPORT_SECOND, .second = {.source = LKI_SOURCE_COUNT - 1}},
    {.kind = LKI_REPORT_ITERATIONS},
    {.kind = LKI_REPORT_ITERATIONS,
     .iterations =
         {.granted = UINT64_MAX, .recalls = 2, .returned = 300, .left = 17, .wanted = true}},
    {.kind = LKI_REPORT_WANT, .want = {.resource = 2, .count = 50}},
    {.kind = LKI_REPORT_MADE, .objects = {.resource = 5, .objects = some, .count = 1}},
    {.kind = LKI_REPORT_BACK, .objects = {.objects = some, .count = LKI_COUNT(some)}},
    {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_DURATION, .at_ns = 987654321}},
    {.kind = LKI_REPORT_TEAR_DOWN, .hook = {.abandoned = true, .message = "left"}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_E_SYSTEM, .message = "epoll: too many"}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_OK, .message = ""}},
    {.kind = LKI_REPORT_HELD, .objects = {.objects = some, .count = LKI_COUNT(some)}},
    {.kind = LKI_REPORT_STANDING,
     .standing = {.started = true,
                  .gone = true,
                  .why = LKI_END_INTERRUPT,
                  .gone_ns = -4,
                  .stops = 2,
                  .users = ranges,
                  .user_count = LKI_COUNT(ranges),
                  .iterations = {.granted = 50, .recalls = 4, .returned = 3, .left = 2},
                  .iterations_last = true}},
    {.kind = LKI_REPORT_STANDING, .standing = {.iterations = {.wanted = true}}},
    {.kind = LKI_REPORT_MAKE, .make = {.resource = 2, .id = 7, .text = "{}", .message = ""}},
    {.kind = LKI_REPORT_MAKE, .make = {.id = UINT64_MAX, .message = "no such table"}},
};

/* ---- comparing ---- */

#define SAME(field) ck_assert_int_eq(one->field, other->field)
#define SAME_U(field) ck_assert_uint_eq(one->field, other->field)

static void same_text(const char *one, const char *other)
{
    ck_assert_pstr_eq(one, other);
    ck_assert(one != other || !one);
}

static void same_objects(const struct lki_order_object *one, size_t count,
                         const struct lki_order_object *other, size_t other_count)
{
    ck_assert_uint_eq(count, other_count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(one[i].id, other[i].id);
        same_text(one[i].text, other[i].text);
    }
}

static void same_prepare(const struct lki_order_prepare *one, const struct lki_order_prepare *other)
{
    same_text(one->run_id, other->run_id);
    SAME_U(worker);
    SAME_U(seed);
    SAME_U(population);
    SAME(probes);
    SAME(arrivals);
    SAME(counted);
    SAME(grace_ns);
    SAME(arrival_wait_ns);
    same_text(one->http, other->http);
}

static void same_lease(const struct lki_order_objects *one, const struct lki_order_objects *other)
{
    SAME_U(resource);
    SAME_U(first);
    SAME_U(fresh);
    SAME(last);
    same_objects(one->objects, one->count, other->objects, other->count);
}

static void same_order(const struct lki_order *one, const struct lki_order *other)
{
    SAME(kind);
    switch (one->kind) {
    case LKI_ORDER_PREPARE:
        same_prepare(&one->prepare, &other->prepare);
        break;
    case LKI_ORDER_START:
        SAME(start.start_ns);
        SAME(start.end_ns);
        same_text(one->start.run_data, other->start.run_data);
        same_text(one->start.base_url, other->start.base_url);
        break;
    case LKI_ORDER_USERS:
        SAME_U(users.range.first);
        SAME_U(users.range.stride);
        SAME_U(users.range.count);
        SAME(users.leave);
        break;
    case LKI_ORDER_RATE:
        ck_assert(one->rate.rate_per_s == other->rate.rate_per_s);
        ck_assert(one->rate.lead == other->rate.lead);
        SAME(rate.since_ns);
        break;
    case LKI_ORDER_ITERATIONS:
        SAME_U(iterations.granted);
        SAME_U(iterations.recalls);
        SAME(iterations.last);
        break;
    case LKI_ORDER_OBJECTS:
        same_lease(&one->objects, &other->objects);
        break;
    case LKI_ORDER_RECALL:
        SAME_U(recall.resource);
        SAME(recall.on);
        break;
    case LKI_ORDER_STOP:
        SAME(stop.why);
        SAME_U(stop.times);
        break;
    case LKI_ORDER_MAKE:
        SAME_U(make.resource);
        SAME_U(make.first);
        SAME_U(make.count);
        break;
    default:
        break;
    }
}

static void same_row(const struct lki_series_row *one, const struct lki_series_row *other)
{
    SAME_U(t_s);
    SAME_U(users);
    SAME(span_ns);
    SAME_U(iterations);
    SAME_U(steps);
    SAME_U(step_errors);
    SAME_U(requests);
    SAME_U(errors);
    SAME_U(bytes_sent);
    SAME_U(bytes_received);
    SAME(p50_ns);
    SAME(p95_ns);
    SAME(p99_ns);
}

static void same_health(const struct lki_worker_health *one, const struct lki_worker_health *other)
{
    SAME(span_ns);
    SAME(busy_ns);
    SAME(waited_ns);
    SAME(busiest_ns);
    SAME_U(turns);
    SAME_U(stalls);
    SAME_U(overflowed);
    SAME_U(abandoned);
    SAME_U(descriptors);
}

static void same_bytes(const void *one, size_t len, const void *other, size_t other_len)
{
    ck_assert_uint_eq(len, other_len);
    if (len)
        ck_assert_mem_eq(one, other, len);
}

static void same_second(const struct lki_report_second *one, const struct lki_report_second *other)
{
    same_row(&one->row, &other->row);
    same_bytes(one->latency, one->latency_bytes, other->latency, other->latency_bytes);
    SAME(source);
    SAME_U(hook_errors);
    same_health(&one->health, &other->health);
    same_bytes(one->totals, one->totals_bytes, other->totals, other->totals_bytes);
}

static void same_iterations(const struct lki_report_iterations *one,
                            const struct lki_report_iterations *other)
{
    SAME_U(granted);
    SAME_U(recalls);
    SAME_U(returned);
    SAME_U(left);
    SAME(wanted);
}

static void same_standing(const struct lki_report_standing *one,
                          const struct lki_report_standing *other)
{
    SAME(started);
    SAME(gone);
    SAME(why);
    SAME(gone_ns);
    SAME_U(stops);
    SAME_U(user_count);
    for (size_t i = 0; i < one->user_count; i++) {
        SAME_U(users[i].first);
        SAME_U(users[i].stride);
        SAME_U(users[i].count);
    }
    same_iterations(&one->iterations, &other->iterations);
    SAME(iterations_last);
}

static void same_report(const struct lki_report *one, const struct lki_report *other)
{
    SAME(kind);
    switch (one->kind) {
    case LKI_REPORT_HELLO:
        SAME_U(hello.pid);
        SAME_U(hello.program);
        break;
    case LKI_REPORT_SET_UP:
    case LKI_REPORT_TEAR_DOWN:
        SAME(hook.failed);
        SAME(hook.cancelled);
        SAME(hook.abandoned);
        same_text(one->hook.message, other->hook.message);
        same_text(one->hook.run_data, other->hook.run_data);
        same_text(one->hook.base_url, other->hook.base_url);
        break;
    case LKI_REPORT_SECOND:
        same_second(&one->second, &other->second);
        break;
    case LKI_REPORT_ITERATIONS:
        same_iterations(&one->iterations, &other->iterations);
        break;
    case LKI_REPORT_WANT:
        SAME_U(want.resource);
        SAME_U(want.count);
        break;
    case LKI_REPORT_MADE:
    case LKI_REPORT_BACK:
    case LKI_REPORT_HELD:
        SAME_U(objects.resource);
        same_objects(one->objects.objects, one->objects.count, other->objects.objects,
                     other->objects.count);
        break;
    case LKI_REPORT_GONE:
        SAME(gone.why);
        SAME(gone.at_ns);
        break;
    case LKI_REPORT_FAILED:
        SAME(failed.err);
        same_text(one->failed.message, other->failed.message);
        break;
    case LKI_REPORT_STANDING:
        same_standing(&one->standing, &other->standing);
        break;
    case LKI_REPORT_MAKE:
        SAME_U(make.resource);
        SAME_U(make.id);
        same_text(one->make.text, other->make.text);
        same_text(one->make.message, other->make.message);
        break;
    default:
        break;
    }
}

/* ---- there and back ---- */

static void order_write(const void *message, struct lki_buf *out)
{
    lki_order_write(message, out);
}

static enum lk_err order_read(void *message, const void *bytes, size_t len, struct lki_arena *into)
{
    return lki_order_read(message, bytes, len, into);
}

static void report_write(const void *message, struct lki_buf *out)
{
    lki_report_write(message, out);
}

static enum lk_err report_read(void *message, const void *bytes, size_t len, struct lki_arena *into)
{
    return lki_report_read(message, bytes, len, into);
}

static const struct messages all_orders = {sizeof(struct lki_order), LKI_ORDER_COUNT_, order_write,
                                           order_read, &arena};
static const struct messages all_reports = {sizeof(struct lki_report), LKI_REPORT_COUNT_,
                                            report_write, report_read, &arena};

START_TEST(an_order_arrives_with_all_its_fields)
{
    struct lki_order read;
    size_t len;
    char *bytes = message_bytes(&all_orders, &orders[_i], &len);

    ck_assert_int_eq(lki_order_read(&read, bytes, len, &arena), LK_OK);
    free(bytes);
    same_order(&read, &orders[_i]);
}
END_TEST

START_TEST(a_report_arrives_with_all_its_fields)
{
    struct lki_report read;
    size_t len;
    char *bytes = message_bytes(&all_reports, &reports[_i], &len);

    ck_assert_int_eq(lki_report_read(&read, bytes, len, &arena), LK_OK);
    same_report(&read, &reports[_i]);
    if (read.kind == LKI_REPORT_SECOND) {
        ck_assert((const char *)read.second.totals >= bytes);
        ck_assert((const char *)read.second.totals + read.second.totals_bytes == bytes + len);
    }
    free(bytes);
}
END_TEST

START_TEST(each_kind_is_tried)
{
    bool order_tried[LKI_ORDER_COUNT_] = {false};
    bool report_tried[LKI_REPORT_COUNT_] = {false};

    for (size_t i = 0; i < LKI_COUNT(orders); i++)
        order_tried[orders[i].kind] = true;
    for (size_t i = 0; i < LKI_COUNT(reports); i++)
        report_tried[reports[i].kind] = true;
    for (int i = 0; i < LKI_ORDER_COUNT_; i++)
        ck_assert_msg(order_tried[i], "order %d", i);
    for (int i = 0; i < LKI_REPORT_COUNT_; i++)
        ck_assert_msg(report_tried[i], "report %d", i);
}
END_TEST

START_TEST(a_write_appends)
{
    struct lki_buf out;

    lki_buf_init(&out, 40);
    lki_buf_str(&out, "before");
    lki_order_write(&orders[2], &out);
    ck_assert_uint_eq(out.len, 7);
    ck_assert_mem_eq(out.data, "before", 6);
    lki_order_write(&orders[0], &out);
    lki_order_write(&orders[0], &out);
    ck_assert_int_eq(out.err, LK_E_LIMIT);
    lki_buf_release(&out);
}
END_TEST

START_TEST(many_objects_arrive)
{
    enum { OBJECTS = 20000 };
    static struct lki_order_object objects[OBJECTS];
    struct lki_report report = {.kind = LKI_REPORT_BACK,
                                .objects = {.objects = objects, .count = OBJECTS}};
    struct lki_report read;
    size_t len;
    char *bytes;

    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = (struct lki_order_object){i * i, i % 3 ? "{}" : NULL};
    bytes = message_bytes(&all_reports, &report, &len);
    ck_assert_int_eq(lki_report_read(&read, bytes, len, &arena), LK_OK);
    free(bytes);
    ck_assert_uint_eq(read.objects.count, OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++)
        EXPECT(read.objects.objects[i].id == i * i && !read.objects.objects[i].text == !(i % 3),
               "object %zu", i);
}
END_TEST

/* ---- what is no message ---- */

/* Tries the first len bytes as both. */
static bool either_verify(const char *bytes, size_t len)
{
    static const struct messages *const families[] = {&all_orders, &all_reports};
    int as = message_verify_as(families, LKI_COUNT(families), bytes, len);

    EXPECT(as <= 1, "it is an order and a report");
    return as;
}

enum { MESSAGES = LKI_COUNT(orders) + LKI_COUNT(reports) };

static char *any_bytes(size_t i, size_t *len)
{
    return i < LKI_COUNT(orders)
               ? message_bytes(&all_orders, &orders[i], len)
               : message_bytes(&all_reports, &reports[i - LKI_COUNT(orders)], len);
}

START_TEST(a_message_is_nothing_when_it_is_cut_short_or_goes_on)
{
    size_t len;
    char *bytes = any_bytes((size_t)_i, &len);

    message_verify_cut(bytes, len, either_verify);
    free(bytes);
}
END_TEST

START_TEST(a_message_with_any_byte_replaced_is_refused_or_another_one)
{
    size_t len;
    char *bytes = any_bytes((size_t)_i, &len);

    message_verify_replaced(bytes, len, either_verify);
    free(bytes);
}
END_TEST

START_TEST(random_changes_are_refused_or_another_message)
{
    message_verify_changed(MESSAGES, any_bytes, either_verify);
}
END_TEST

/* Only writing can make them, and nobody should. */
static const struct lki_order absurd_orders[] = {
    {.kind = LKI_ORDER_PREPARE, .prepare = {.run_id = NULL}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {1, 0, 2}}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {UINT64_MAX, 1, 2}}},
    {.kind = LKI_ORDER_USERS, .users = {.range = {2, 2, UINT64_MAX / 2 + 1}}},
    {.kind = LKI_ORDER_RATE, .rate = {.rate_per_s = -1}},
    {.kind = LKI_ORDER_RATE, .rate = {.rate_per_s = INFINITY}},
    {.kind = LKI_ORDER_RATE, .rate = {.rate_per_s = NAN}},
    {.kind = LKI_ORDER_RATE, .rate = {.lead = 1.5}},
    {.kind = LKI_ORDER_RATE, .rate = {.lead = NAN}},
    {.kind = LKI_ORDER_OBJECTS, .objects = {.first = 2, .fresh = UINT64_MAX, .objects = some}},
    {.kind = LKI_ORDER_STOP, .stop = {.why = LKI_END_COUNT_}},
};

START_TEST(an_order_that_cannot_be_is_refused)
{
    size_t len;
    char *bytes = message_bytes(&all_orders, &absurd_orders[_i], &len);

    ck_assert(!message_verify(&all_orders, bytes, len));
    free(bytes);
}
END_TEST

static const struct lki_report absurd_reports[] = {
    {.kind = LKI_REPORT_SET_UP, .hook = {.message = NULL}},
    {.kind = LKI_REPORT_SECOND, .second = {.source = LKI_SOURCE_COUNT}},
    {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_COUNT_}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_ERR_LAST_, .message = "what"}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_E_IO}},
};

START_TEST(a_report_that_cannot_be_is_refused)
{
    size_t len;
    char *bytes = message_bytes(&all_reports, &absurd_reports[_i], &len);

    ck_assert(!message_verify(&all_reports, bytes, len));
    free(bytes);
}
END_TEST

/* No memory is asked for by what a message only claims. */
START_TEST(a_count_of_objects_is_not_believed)
{
    static const uint64_t counts[] = {3, 1000, UINT32_MAX, UINT64_MAX / 16 + 1, UINT64_MAX};
    struct lki_report empty = {.kind = LKI_REPORT_BACK};

    lki_arena_init(&arena, NULL, 1);
    for (size_t i = 0; i < LKI_COUNT(counts); i++) {
        struct lki_buf out;

        lki_buf_init(&out, MESSAGE_MAX);
        lki_report_write(&empty, &out);
        out.len--;
        lki_pack_u64(&out, counts[i]);
        lki_buf_append(&out, "\1\0\2\0", 4);
        ck_assert(!either_verify(out.data, out.len));
        lki_buf_release(&out);
    }
}
END_TEST

START_TEST(want_of_memory_is_told_from_a_bad_message)
{
    static const size_t limits[] = {1, 400};
    struct lki_report report = {.kind = LKI_REPORT_COUNT_};
    char text[3000];
    struct lki_order_object big[] = {{1, text}, {2, text}};
    const struct lki_report made = {.kind = LKI_REPORT_MADE,
                                    .objects = {.objects = big, .count = LKI_COUNT(big)}};
    size_t len;
    char *bytes;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    bytes = message_bytes(&all_reports, &made, &len);
    for (size_t i = 0; i < LKI_COUNT(limits); i++) {
        lki_arena_init(&arena, NULL, limits[i]);
        ck_assert_int_eq(lki_report_read(&report, bytes, len, &arena), LK_E_NOMEM);
        ck_assert_int_eq(report.kind, LKI_REPORT_COUNT_);
        lki_arena_reset(&arena);
    }
    free(bytes);
}
END_TEST

static Suite *message_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("message");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, an_order_arrives_with_all_its_fields, 0, LKI_COUNT(orders));
    tcase_add_loop_test(tests, a_report_arrives_with_all_its_fields, 0, LKI_COUNT(reports));
    tcase_add_test(tests, each_kind_is_tried);
    tcase_add_test(tests, a_write_appends);
    tcase_add_test(tests, many_objects_arrive);
    tcase_add_loop_test(tests, a_message_is_nothing_when_it_is_cut_short_or_goes_on, 0, MESSAGES);
    tcase_add_loop_test(tests, a_message_with_any_byte_replaced_is_refused_or_another_one, 0,
                        MESSAGES);
    tcase_add_test(tests, random_changes_are_refused_or_another_message);
    tcase_add_loop_test(tests, an_order_that_cannot_be_is_refused, 0, LKI_COUNT(absurd_orders));
    tcase_add_loop_test(tests, a_report_that_cannot_be_is_refused, 0, LKI_COUNT(absurd_reports));
    tcase_add_test(tests, a_count_of_objects_is_not_believed);
    tcase_add_test(tests, want_of_memory_is_told_from_a_bad_message);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(message_suite());
}
