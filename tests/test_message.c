/* Messages: every kind with all its fields there and back, and whatever is no message refused. */
#include "bus/message.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "bus/wire.h"
#include "support/expect.h"
#include "support/messages.h"
#include "support/suite.h"

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
    {.kind = LKI_ORDER_PROBES, .probes = {.on = true}},
    {.kind = LKI_ORDER_PROBES},
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
                           .lately_ns = 14,
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
    {.kind = LKI_REPORT_HELD, .objects = {.seen = 12, .objects = some, .count = LKI_COUNT(some)}},
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

static const struct lki_report absurd_reports[] = {
    {.kind = LKI_REPORT_SET_UP, .hook = {.message = NULL}},
    {.kind = LKI_REPORT_SECOND, .second = {.source = LKI_SOURCE_COUNT}},
    {.kind = LKI_REPORT_GONE, .gone = {.why = LKI_END_COUNT_}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_ERR_LAST_, .message = "what"}},
    {.kind = LKI_REPORT_FAILED, .failed = {.err = LK_E_IO}},
};

/* ---- comparing ---- */

static void same_objects(const struct lki_order_object *one, size_t count,
                         const struct lki_order_object *other, size_t other_count)
{
    ck_assert_uint_eq(count, other_count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(one[i].id, other[i].id);
        message_same_text(one[i].text, other[i].text);
    }
}

static void same_prepare(const struct lki_order_prepare *one, const struct lki_order_prepare *other)
{
    SAME_TEXT(run_id);
    SAME_U(worker);
    SAME_U(seed);
    SAME_U(population);
    SAME(probes);
    SAME(arrivals);
    SAME(counted);
    SAME(grace_ns);
    SAME(arrival_wait_ns);
    SAME_TEXT(http);
}

static void same_lease(const struct lki_order_objects *one, const struct lki_order_objects *other)
{
    SAME_U(resource);
    SAME_U(first);
    SAME_U(fresh);
    SAME(last);
    same_objects(one->objects, one->count, other->objects, other->count);
}

static void same_order(const void *read, const void *written)
{
    const struct lki_order *one = read, *other = written;

    switch (one->kind) {
    case LKI_ORDER_PREPARE:
        same_prepare(&one->prepare, &other->prepare);
        break;
    case LKI_ORDER_START:
        SAME(start.start_ns);
        SAME(start.end_ns);
        SAME_TEXT(start.run_data);
        SAME_TEXT(start.base_url);
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
    case LKI_ORDER_PROBES:
        SAME(probes.on);
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
    SAME(lately_ns);
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

static void same_report(const void *read, const void *written)
{
    const struct lki_report *one = read, *other = written;

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
        SAME_TEXT(hook.message);
        SAME_TEXT(hook.run_data);
        SAME_TEXT(hook.base_url);
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
        SAME_U(objects.seen);
        same_objects(one->objects.objects, one->objects.count, other->objects.objects,
                     other->objects.count);
        break;
    case LKI_REPORT_GONE:
        SAME(gone.why);
        SAME(gone.at_ns);
        break;
    case LKI_REPORT_FAILED:
        SAME(failed.err);
        SAME_TEXT(failed.message);
        break;
    case LKI_REPORT_STANDING:
        same_standing(&one->standing, &other->standing);
        break;
    case LKI_REPORT_MAKE:
        SAME_U(make.resource);
        SAME_U(make.id);
        SAME_TEXT(make.text);
        SAME_TEXT(make.message);
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

/* The counts of a second are not copied. */
static enum lk_err report_read(void *message, const void *bytes, size_t len, struct lki_arena *into)
{
    const struct lki_report *report = message;
    const struct lki_report_second *second = &report->second;
    enum lk_err err = lki_report_read(message, bytes, len, into);

    if (!err && report->kind == LKI_REPORT_SECOND)
        EXPECT((const char *)second->totals >= (const char *)bytes &&
                   (const char *)second->totals + second->totals_bytes == (const char *)bytes + len,
               "they stand elsewhere");
    return err;
}

static const struct messages families[] = {
    {.size = sizeof(struct lki_order),
     .kinds = LKI_ORDER_COUNT_,
     .good = {orders, LKI_COUNT(orders)},
     .bad = {absurd_orders, LKI_COUNT(absurd_orders)},
     .write = order_write,
     .read = order_read,
     .same = same_order,
     .apart = true},
    {.size = sizeof(struct lki_report),
     .kinds = LKI_REPORT_COUNT_,
     .good = {reports, LKI_COUNT(reports)},
     .bad = {absurd_reports, LKI_COUNT(absurd_reports)},
     .write = report_write,
     .read = report_read,
     .same = same_report},
};

static const struct messages *const all_reports = &families[1];

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
    bytes = message_bytes(all_reports, &report, &len);
    ck_assert_int_eq(lki_report_read(&read, bytes, len, &message_arena), LK_OK);
    free(bytes);
    ck_assert_uint_eq(read.objects.count, OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++)
        EXPECT(read.objects.objects[i].id == i * i && !read.objects.objects[i].text == !(i % 3),
               "object %zu", i);
}
END_TEST

/* ---- what is no message ---- */

/* No memory is asked for by what a message only claims. */
START_TEST(a_count_of_objects_is_not_believed)
{
    static const uint64_t counts[] = {3, 1000, UINT32_MAX, UINT64_MAX / 16 + 1, UINT64_MAX};
    struct lki_report empty = {.kind = LKI_REPORT_BACK};

    lki_arena_init(&message_arena, NULL, 1);
    for (size_t i = 0; i < LKI_COUNT(counts); i++) {
        struct lki_buf out;

        lki_buf_init(&out, MESSAGE_MAX);
        lki_report_write(&empty, &out);
        out.len--;
        lki_pack_u64(&out, counts[i]);
        lki_buf_append(&out, "\1\0\2\0", 4);
        ck_assert(!message_verify(out.data, out.len));
        lki_buf_release(&out);
    }
}
END_TEST

START_TEST(want_of_memory_is_told_from_a_bad_message)
{
    char text[3000];
    struct lki_order_object big[] = {{1, text}, {2, text}};
    const struct lki_report made = {.kind = LKI_REPORT_MADE,
                                    .objects = {.objects = big, .count = LKI_COUNT(big)}};

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    message_verify_costly(all_reports, &made, 1);
    message_verify_costly(all_reports, &made, 400);
}
END_TEST

START_TEST(a_span_is_a_century_at_most)
{
    static const int64_t beyond[] = {INT64_MIN, -LKI_WIRE_SPAN_MAX_NS - 1, LKI_WIRE_SPAN_MAX_NS + 1,
                                     INT64_MAX};
    int64_t ns = INT64_MAX;
    struct lki_buf out;
    struct lki_wire to = {.out = &out};
    struct lki_wire from;

    lki_buf_init(&out, 100);
    lki_wire_span(&to, &ns);
    from = (struct lki_wire){.in = lki_unpack(out.data, out.len)};
    lki_wire_span(&from, &ns);
    ck_assert(lki_unpack_done(&from.in));
    ck_assert_int_eq(ns, LKI_WIRE_SPAN_MAX_NS);
    for (size_t i = 0; i < LKI_COUNT(beyond); i++) {
        ns = beyond[i];
        lki_buf_clear(&out);
        lki_wire_i64(&to, &ns);
        from.in = lki_unpack(out.data, out.len);
        lki_wire_span(&from, &ns);
        ck_assert(from.in.bad);
        ck_assert_int_eq(ns, 0);
    }
    lki_buf_release(&out);
}
END_TEST

static Suite *message_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("message");

    messages_add_tests(tests, families, LKI_COUNT(families));
    tcase_add_test(tests, a_write_appends);
    tcase_add_test(tests, many_objects_arrive);
    tcase_add_test(tests, a_count_of_objects_is_not_believed);
    tcase_add_test(tests, want_of_memory_is_told_from_a_bad_message);
    tcase_add_test(tests, a_span_is_a_century_at_most);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(message_suite());
}
