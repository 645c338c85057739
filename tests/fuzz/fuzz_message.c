/*
 * Any bytes as an order and as a report. What is read is written as the same bytes again, is not
 * both, points into the bytes or to whole texts, and takes no more memory than its bytes explain.
 */
#include "bus/message.h"
#include "fuzz/fuzz.h"

#define MESSAGE_MAX (1 << 20)
/* An object of two bytes is a struct in memory, and a text has its terminator and is aligned. */
#define BYTES_A_BYTE 32
#define BYTES_ANYWAY 4096

static void must_be_text(const char *text, size_t size)
{
    must(!text || strlen(text) < size);
}

static void must_be_objects(const struct lki_order_object *objects, size_t count, size_t size)
{
    must(count <= size / 2);
    for (size_t i = 0; i < count; i++)
        must_be_text(objects[i].text, size);
}

static void must_be_within(const void *part, size_t len, const char *bytes, size_t size)
{
    must(!len || ((const char *)part >= bytes && (const char *)part + len <= bytes + size));
}

static void use_order(const struct lki_order *order, size_t size)
{
    must(order->kind < LKI_ORDER_COUNT_);
    if (order->kind == LKI_ORDER_PREPARE) {
        must(order->prepare.run_id != NULL);
        must_be_text(order->prepare.run_id, size);
    }
    if (order->kind == LKI_ORDER_START) {
        must_be_text(order->start.run_data, size);
        must_be_text(order->start.base_url, size);
    }
    if (order->kind == LKI_ORDER_OBJECTS)
        must_be_objects(order->objects.objects, order->objects.count, size);
    if (order->kind == LKI_ORDER_STOP)
        must(order->stop.why < LKI_END_COUNT_);
}

static void use_report(const struct lki_report *report, const char *bytes, size_t size)
{
    const struct lki_report_second *second = &report->second;

    must(report->kind < LKI_REPORT_COUNT_);
    switch (report->kind) {
    case LKI_REPORT_SET_UP:
    case LKI_REPORT_TEAR_DOWN:
        must(report->hook.message != NULL);
        must_be_text(report->hook.message, size);
        must_be_text(report->hook.run_data, size);
        must_be_text(report->hook.base_url, size);
        break;
    case LKI_REPORT_SECOND:
        must(second->source < LKI_SOURCE_COUNT);
        must_be_within(second->latency, second->latency_bytes, bytes, size);
        must_be_within(second->totals, second->totals_bytes, bytes, size);
        break;
    case LKI_REPORT_MADE:
    case LKI_REPORT_BACK:
    case LKI_REPORT_HELD:
        must_be_objects(report->objects.objects, report->objects.count, size);
        break;
    case LKI_REPORT_FAILED:
        must(report->failed.err <= LK_OK && report->failed.err > LK_ERR_LAST_);
        must(report->failed.message != NULL);
        must_be_text(report->failed.message, size);
        break;
    case LKI_REPORT_STANDING:
        must(report->standing.why < LKI_END_COUNT_);
        must(report->standing.user_count <= size);
        break;
    case LKI_REPORT_MAKE:
        must(report->make.message != NULL);
        must_be_text(report->make.message, size);
        must_be_text(report->make.text, size);
        break;
    default:
        break;
    }
}

static void must_be_the_bytes(const struct lki_buf *out, const char *bytes, size_t size)
{
    must(!out->err && out->len == size && !memcmp(out->data, bytes, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = exact(data, size);
    struct lki_report report;
    struct lki_order order;
    struct lki_arena arena;
    struct lki_buf out;
    enum lk_err as_order;
    enum lk_err as_report;

    lki_arena_init(&arena, NULL, BYTES_ANYWAY + BYTES_A_BYTE * size);
    lki_buf_init(&out, MESSAGE_MAX);
    as_order = lki_order_read(&order, bytes, size, &arena);
    must(!as_order || as_order == LK_E_FORMAT);
    if (!as_order) {
        use_order(&order, size);
        lki_order_write(&order, &out);
        must_be_the_bytes(&out, bytes, size);
    }
    as_report = lki_report_read(&report, bytes, size, &arena);
    must(as_report == LK_E_FORMAT || (!as_report && as_order));
    if (!as_report) {
        use_report(&report, bytes, size);
        lki_report_write(&report, &out);
        must_be_the_bytes(&out, bytes, size);
    }
    lki_buf_release(&out);
    lki_arena_reset(&arena);
    free(bytes);
    return 0;
}
