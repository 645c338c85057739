#include "bus/message.h"

#include <limits.h>
#include <math.h>

#include "base/pack.h"

/* What reports begin with is above all that orders begin with: neither is read as the other. */
#define FIRST_REPORT 64
/* Of one object: its id and that it has no text. */
#define OBJECT_BYTES_MIN 2

_Static_assert((int)LKI_ORDER_COUNT_ <= FIRST_REPORT, "orders and reports are told apart");

/* The fields of each message stand here once: they are written when there is an `out`, else read.
 */
struct wire {
    struct lki_buf *out;
    struct lki_unpack in;
    struct lki_arena *arena;
};

static void require(struct wire *wire, bool good)
{
    if (!wire->out && !good)
        wire->in.bad = true;
}

static uint64_t number(struct wire *wire, uint64_t value, uint64_t max)
{
    if (!wire->out)
        return lki_unpack_max(&wire->in, max);
    lki_pack_u64(wire->out, value);
    return value;
}

static void u64(struct wire *wire, uint64_t *value)
{
    *value = number(wire, *value, UINT64_MAX);
}

static void u32(struct wire *wire, uint32_t *value)
{
    *value = (uint32_t)number(wire, *value, UINT32_MAX);
}

static void size(struct wire *wire, size_t *value)
{
    *value = (size_t)number(wire, *value, SIZE_MAX);
}

static void flag(struct wire *wire, bool *value)
{
    *value = number(wire, *value, 1) != 0;
}

static void i64(struct wire *wire, int64_t *value)
{
    if (wire->out)
        lki_pack_i64(wire->out, *value);
    else
        *value = lki_unpack_i64(&wire->in);
}

static void f64(struct wire *wire, double *value)
{
    if (wire->out)
        lki_pack_f64(wire->out, *value);
    else
        *value = lki_unpack_f64(&wire->in);
}

static void text_or_null(struct wire *wire, const char **text)
{
    if (wire->out)
        lki_pack_text(wire->out, *text);
    else
        *text = lki_unpack_text(&wire->in, wire->arena);
}

static void text(struct wire *wire, const char **text)
{
    text_or_null(wire, text);
    require(wire, *text != NULL);
}

static void bytes(struct wire *wire, const void **bytes, size_t *len)
{
    if (wire->out)
        lki_pack_bytes(wire->out, *bytes, *len);
    else
        *bytes = lki_unpack_bytes(&wire->in, len);
}

static void end_reason(struct wire *wire, enum lki_end *why)
{
    *why = (enum lki_end)number(wire, *why, LKI_END_COUNT_ - 1);
}

/* Whether first, first + stride, ... are so many numbers. */
static bool range_fits(uint64_t first, uint64_t stride, uint64_t count)
{
    return count <= 1 || (stride && count - 1 <= (UINT64_MAX - first) / stride);
}

/* The memory for them is at most a few times what the message takes. */
static void object_list(struct wire *wire, struct lki_order_object **objects, size_t *count)
{
    size_t most = wire->out ? 0 : (size_t)(wire->in.end - wire->in.at) / OBJECT_BYTES_MIN;

    *count = (size_t)number(wire, *count, most);
    if (!wire->out && !wire->in.bad) {
        *objects = lki_arena_alloc(wire->arena, *count * sizeof(**objects));
        if (!*objects) {
            wire->in.bad = true;
            wire->in.starved = true;
        }
    }
    for (size_t i = 0; i < *count && !wire->in.bad; i++) {
        u64(wire, &(*objects)[i].id);
        text_or_null(wire, &(*objects)[i].text);
    }
}

/* ---- orders ---- */

static void prepare_fields(struct wire *wire, struct lki_order *order)
{
    struct lki_order_prepare *prepare = &order->prepare;

    text(wire, &prepare->run_id);
    u64(wire, &prepare->worker);
    u64(wire, &prepare->seed);
    u64(wire, &prepare->population);
    flag(wire, &prepare->backstage);
    flag(wire, &prepare->arrivals);
    flag(wire, &prepare->counted);
    flag(wire, &prepare->limited);
    i64(wire, &prepare->grace_ns);
    i64(wire, &prepare->arrival_wait_ns);
}

static void start_fields(struct wire *wire, struct lki_order *order)
{
    i64(wire, &order->start.start_ns);
    i64(wire, &order->start.end_ns);
    text_or_null(wire, &order->start.run_data);
}

static void users_fields(struct wire *wire, struct lki_order *order)
{
    struct lki_range *range = &order->users.range;

    u64(wire, &range->first);
    u64(wire, &range->stride);
    u64(wire, &range->count);
    require(wire, range_fits(range->first, range->stride, range->count));
    flag(wire, &order->users.leave);
}

static void rate_fields(struct wire *wire, struct lki_order *order)
{
    struct lki_order_rate *rate = &order->rate;

    f64(wire, &rate->rate_per_s);
    f64(wire, &rate->lead);
    require(wire, rate->rate_per_s >= 0 && isfinite(rate->rate_per_s));
    require(wire, rate->lead >= 0 && rate->lead <= 1);
    i64(wire, &rate->since_ns);
}

static void iterations_fields(struct wire *wire, struct lki_order *order)
{
    u64(wire, &order->iterations.granted);
    u64(wire, &order->iterations.recalls);
    flag(wire, &order->iterations.last);
}

static void order_objects_fields(struct wire *wire, struct lki_order *order)
{
    struct lki_order_objects *lease = &order->objects;

    size(wire, &lease->resource);
    u64(wire, &lease->first);
    u64(wire, &lease->fresh);
    require(wire, range_fits(lease->first, 1, lease->fresh));
    flag(wire, &lease->last);
    object_list(wire, &lease->objects, &lease->count);
}

static void recall_fields(struct wire *wire, struct lki_order *order)
{
    size(wire, &order->recall.resource);
    flag(wire, &order->recall.on);
}

static void stop_fields(struct wire *wire, struct lki_order *order)
{
    end_reason(wire, &order->stop.why);
    order->stop.times = (unsigned)number(wire, order->stop.times, UINT_MAX);
}

typedef void order_part(struct wire *wire, struct lki_order *order);

/* NULL: the kind says it all. */
static void order_fields(struct wire *wire, struct lki_order *order)
{
    static order_part *const fields[LKI_ORDER_COUNT_] = {
        [LKI_ORDER_PREPARE] = prepare_fields,       [LKI_ORDER_START] = start_fields,
        [LKI_ORDER_USERS] = users_fields,           [LKI_ORDER_RATE] = rate_fields,
        [LKI_ORDER_ITERATIONS] = iterations_fields, [LKI_ORDER_OBJECTS] = order_objects_fields,
        [LKI_ORDER_RECALL] = recall_fields,         [LKI_ORDER_STOP] = stop_fields,
    };

    order->kind = (enum lki_order_kind)number(wire, order->kind, LKI_ORDER_COUNT_ - 1);
    if (fields[order->kind])
        fields[order->kind](wire, order);
}

/* ---- reports ---- */

static void hello_fields(struct wire *wire, struct lki_report *report)
{
    u64(wire, &report->hello.pid);
    u64(wire, &report->hello.program);
}

static void hook_fields(struct wire *wire, struct lki_report *report)
{
    struct lki_report_hook *hook = &report->hook;

    flag(wire, &hook->failed);
    flag(wire, &hook->cancelled);
    flag(wire, &hook->abandoned);
    text(wire, &hook->message);
    text_or_null(wire, &hook->run_data);
}

static void row_fields(struct wire *wire, struct lki_series_row *row)
{
    u32(wire, &row->t_s);
    u32(wire, &row->users);
    i64(wire, &row->span_ns);
    u64(wire, &row->iterations);
    u64(wire, &row->steps);
    u64(wire, &row->step_errors);
    u64(wire, &row->requests);
    u64(wire, &row->errors);
    u64(wire, &row->bytes_sent);
    u64(wire, &row->bytes_received);
    i64(wire, &row->p50_ns);
    i64(wire, &row->p95_ns);
    i64(wire, &row->p99_ns);
}

static void health_fields(struct wire *wire, struct lki_worker_health *health)
{
    i64(wire, &health->span_ns);
    i64(wire, &health->busy_ns);
    i64(wire, &health->waited_ns);
    i64(wire, &health->busiest_ns);
    u64(wire, &health->turns);
    u64(wire, &health->stalls);
    u64(wire, &health->overflowed);
    u64(wire, &health->abandoned);
    u64(wire, &health->descriptors);
}

static void second_fields(struct wire *wire, struct lki_report *report)
{
    struct lki_report_second *second = &report->second;

    row_fields(wire, &second->row);
    bytes(wire, &second->latency, &second->latency_bytes);
    second->source = (enum lki_source)number(wire, second->source, LKI_SOURCE_COUNT - 1);
    u64(wire, &second->hook_errors);
    health_fields(wire, &second->health);
    bytes(wire, &second->totals, &second->totals_bytes);
}

static void report_iterations_fields(struct wire *wire, struct lki_report *report)
{
    u64(wire, &report->iterations.granted);
    u64(wire, &report->iterations.recalls);
    u64(wire, &report->iterations.returned);
    u64(wire, &report->iterations.left);
    flag(wire, &report->iterations.wanted);
}

static void want_fields(struct wire *wire, struct lki_report *report)
{
    size(wire, &report->want.resource);
    u64(wire, &report->want.count);
}

static void report_objects_fields(struct wire *wire, struct lki_report *report)
{
    size(wire, &report->objects.resource);
    object_list(wire, &report->objects.objects, &report->objects.count);
}

static void gone_fields(struct wire *wire, struct lki_report *report)
{
    end_reason(wire, &report->gone.why);
    i64(wire, &report->gone.at_ns);
}

/* Errors are negative, the last one stands before LK_ERR_LAST_. */
static void failed_fields(struct wire *wire, struct lki_report *report)
{
    const uint64_t most = -(LK_ERR_LAST_ + 1);
    struct lki_report_failed *failed = &report->failed;

    failed->err = (enum lk_err) - (int)number(wire, (uint64_t) - (int)failed->err, most);
    text(wire, &failed->message);
}

typedef void report_part(struct wire *wire, struct lki_report *report);

static void report_fields(struct wire *wire, struct lki_report *report)
{
    static report_part *const fields[LKI_REPORT_COUNT_] = {
        [LKI_REPORT_HELLO] = hello_fields,
        [LKI_REPORT_SET_UP] = hook_fields,
        [LKI_REPORT_SECOND] = second_fields,
        [LKI_REPORT_WANT] = want_fields,
        [LKI_REPORT_ITERATIONS] = report_iterations_fields,
        [LKI_REPORT_MADE] = report_objects_fields,
        [LKI_REPORT_BACK] = report_objects_fields,
        [LKI_REPORT_GONE] = gone_fields,
        [LKI_REPORT_TEAR_DOWN] = hook_fields,
        [LKI_REPORT_FAILED] = failed_fields,
    };
    uint64_t kind = number(wire, FIRST_REPORT + (uint64_t)report->kind,
                           FIRST_REPORT + LKI_REPORT_COUNT_ - 1);

    require(wire, kind >= FIRST_REPORT);
    if (wire->in.bad)
        return;
    report->kind = (enum lki_report_kind)(kind - FIRST_REPORT);
    if (fields[report->kind])
        fields[report->kind](wire, report);
}

void lki_order_write(const struct lki_order *order, struct lki_buf *out)
{
    struct lki_order copy = *order;

    order_fields(&(struct wire){.out = out}, &copy);
}

void lki_report_write(const struct lki_report *report, struct lki_buf *out)
{
    struct lki_report copy = *report;

    report_fields(&(struct wire){.out = out}, &copy);
}

enum lk_err lki_order_read(struct lki_order *order, const void *bytes, size_t len,
                           struct lki_arena *arena)
{
    struct wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
    struct lki_order read = {0};
    enum lk_err err;

    order_fields(&wire, &read);
    err = lki_unpack_err(&wire.in);
    if (!err)
        *order = read;
    return err;
}

enum lk_err lki_report_read(struct lki_report *report, const void *bytes, size_t len,
                            struct lki_arena *arena)
{
    struct wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
    struct lki_report read = {0};
    enum lk_err err;

    report_fields(&wire, &read);
    err = lki_unpack_err(&wire.in);
    if (!err)
        *report = read;
    return err;
}
