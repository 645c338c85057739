#include "bus/message.h"

#include <limits.h>
#include <math.h>

#include "bus/wire.h"

/* Of one object: its id and that it has no text. */
#define OBJECT_BYTES_MIN 2
#define RANGE_BYTES_MIN 3

_Static_assert(LKI_WIRE_ORDERS + (int)LKI_ORDER_COUNT_ <= LKI_WIRE_COMMANDS, "told apart");
_Static_assert(LKI_WIRE_REPORTS + (int)LKI_REPORT_COUNT_ <= LKI_WIRE_STATION_REPORTS, "told apart");

static void end_reason(struct lki_wire *wire, enum lki_end *why)
{
    *why = (enum lki_end)lki_wire_number(wire, *why, LKI_END_COUNT_ - 1);
}

/* Whether first, first + stride, ... are so many numbers. */
static bool range_fits(uint64_t first, uint64_t stride, uint64_t count)
{
    return count <= 1 || (stride && count - 1 <= (UINT64_MAX - first) / stride);
}

static void range(struct lki_wire *wire, struct lki_range *range)
{
    lki_wire_u64(wire, &range->first);
    lki_wire_u64(wire, &range->stride);
    lki_wire_u64(wire, &range->count);
    lki_wire_require(wire, range_fits(range->first, range->stride, range->count));
}

static void range_list(struct lki_wire *wire, struct lki_range **ranges, size_t *count)
{
    *ranges = lki_wire_list(wire, *ranges, count, sizeof(**ranges), RANGE_BYTES_MIN);
    for (size_t i = 0; i < *count && !wire->in.bad; i++)
        range(wire, &(*ranges)[i]);
}

static void object_list(struct lki_wire *wire, struct lki_order_object **objects, size_t *count)
{
    *objects = lki_wire_list(wire, *objects, count, sizeof(**objects), OBJECT_BYTES_MIN);
    for (size_t i = 0; i < *count && !wire->in.bad; i++) {
        lki_wire_u64(wire, &(*objects)[i].id);
        lki_wire_text_or_null(wire, &(*objects)[i].text);
    }
}

/* ---- orders ---- */

static void prepare_fields(struct lki_wire *wire, struct lki_order *order)
{
    struct lki_order_prepare *prepare = &order->prepare;

    lki_wire_text(wire, &prepare->run_id);
    lki_wire_u64(wire, &prepare->worker);
    lki_wire_u64(wire, &prepare->seed);
    lki_wire_u64(wire, &prepare->population);
    lki_wire_flag(wire, &prepare->probes);
    lki_wire_flag(wire, &prepare->arrivals);
    lki_wire_flag(wire, &prepare->counted);
    lki_wire_i64(wire, &prepare->grace_ns);
    lki_wire_i64(wire, &prepare->arrival_wait_ns);
    lki_wire_text_or_null(wire, &prepare->http);
}

static void start_fields(struct lki_wire *wire, struct lki_order *order)
{
    lki_wire_i64(wire, &order->start.start_ns);
    lki_wire_i64(wire, &order->start.end_ns);
    lki_wire_text_or_null(wire, &order->start.run_data);
    lki_wire_text_or_null(wire, &order->start.base_url);
}

static void users_fields(struct lki_wire *wire, struct lki_order *order)
{
    range(wire, &order->users.range);
    lki_wire_flag(wire, &order->users.leave);
}

static void rate_fields(struct lki_wire *wire, struct lki_order *order)
{
    struct lki_order_rate *rate = &order->rate;

    lki_wire_f64(wire, &rate->rate_per_s);
    lki_wire_f64(wire, &rate->lead);
    lki_wire_require(wire, rate->rate_per_s >= 0 && isfinite(rate->rate_per_s));
    lki_wire_require(wire, rate->lead >= 0 && rate->lead <= 1);
    lki_wire_i64(wire, &rate->since_ns);
}

static void iterations_fields(struct lki_wire *wire, struct lki_order *order)
{
    lki_wire_u64(wire, &order->iterations.granted);
    lki_wire_u64(wire, &order->iterations.recalls);
    lki_wire_flag(wire, &order->iterations.last);
}

static void order_objects_fields(struct lki_wire *wire, struct lki_order *order)
{
    struct lki_order_objects *lease = &order->objects;

    lki_wire_size(wire, &lease->resource);
    lki_wire_u64(wire, &lease->first);
    lki_wire_u64(wire, &lease->fresh);
    lki_wire_require(wire, range_fits(lease->first, 1, lease->fresh));
    lki_wire_flag(wire, &lease->last);
    object_list(wire, &lease->objects, &lease->count);
}

static void recall_fields(struct lki_wire *wire, struct lki_order *order)
{
    lki_wire_size(wire, &order->recall.resource);
    lki_wire_flag(wire, &order->recall.on);
}

static void stop_fields(struct lki_wire *wire, struct lki_order *order)
{
    end_reason(wire, &order->stop.why);
    order->stop.times = (unsigned)lki_wire_number(wire, order->stop.times, UINT_MAX);
}

static void make_fields(struct lki_wire *wire, struct lki_order *order)
{
    lki_wire_size(wire, &order->make.resource);
    lki_wire_u64(wire, &order->make.first);
    lki_wire_u64(wire, &order->make.count);
    lki_wire_require(wire, range_fits(order->make.first, 1, order->make.count));
}

static void probes_fields(struct lki_wire *wire, struct lki_order *order)
{
    lki_wire_flag(wire, &order->probes.on);
}

typedef void order_part(struct lki_wire *wire, struct lki_order *order);

/* NULL: the kind says it all. */
static void order_fields(struct lki_wire *wire, struct lki_order *order)
{
    static order_part *const fields[LKI_ORDER_COUNT_] = {
        [LKI_ORDER_PREPARE] = prepare_fields,
        [LKI_ORDER_START] = start_fields,
        [LKI_ORDER_USERS] = users_fields,
        [LKI_ORDER_RATE] = rate_fields,
        [LKI_ORDER_ITERATIONS] = iterations_fields,
        [LKI_ORDER_OBJECTS] = order_objects_fields,
        [LKI_ORDER_RECALL] = recall_fields,
        [LKI_ORDER_STOP] = stop_fields,
        [LKI_ORDER_MAKE] = make_fields,
        [LKI_ORDER_PROBES] = probes_fields,
    };

    order->kind = (enum lki_order_kind)lki_wire_number(wire, order->kind, LKI_ORDER_COUNT_ - 1);
    if (fields[order->kind])
        fields[order->kind](wire, order);
}

/* ---- reports ---- */

static void hello_fields(struct lki_wire *wire, struct lki_report *report)
{
    lki_wire_u64(wire, &report->hello.pid);
    lki_wire_u64(wire, &report->hello.program);
}

static void hook_fields(struct lki_wire *wire, struct lki_report *report)
{
    struct lki_report_hook *hook = &report->hook;

    lki_wire_flag(wire, &hook->failed);
    lki_wire_flag(wire, &hook->cancelled);
    lki_wire_flag(wire, &hook->abandoned);
    lki_wire_text(wire, &hook->message);
    lki_wire_text_or_null(wire, &hook->run_data);
    lki_wire_text_or_null(wire, &hook->base_url);
}

static void row_fields(struct lki_wire *wire, struct lki_series_row *row)
{
    lki_wire_u32(wire, &row->t_s);
    lki_wire_u32(wire, &row->users);
    lki_wire_span(wire, &row->span_ns);
    lki_wire_u64(wire, &row->iterations);
    lki_wire_u64(wire, &row->steps);
    lki_wire_u64(wire, &row->step_errors);
    lki_wire_u64(wire, &row->requests);
    lki_wire_u64(wire, &row->errors);
    lki_wire_u64(wire, &row->bytes_sent);
    lki_wire_u64(wire, &row->bytes_received);
    lki_wire_span(wire, &row->p50_ns);
    lki_wire_span(wire, &row->p95_ns);
    lki_wire_span(wire, &row->p99_ns);
}

void lki_wire_health(struct lki_wire *wire, struct lki_worker_health *health)
{
    lki_wire_span(wire, &health->span_ns);
    lki_wire_span(wire, &health->busy_ns);
    lki_wire_span(wire, &health->waited_ns);
    lki_wire_span(wire, &health->busiest_ns);
    lki_wire_span(wire, &health->lately_ns);
    lki_wire_u64(wire, &health->turns);
    lki_wire_u64(wire, &health->stalls);
    lki_wire_u64(wire, &health->overflowed);
    lki_wire_u64(wire, &health->abandoned);
    lki_wire_u64(wire, &health->descriptors);
}

static void second_fields(struct lki_wire *wire, struct lki_report *report)
{
    struct lki_report_second *second = &report->second;

    row_fields(wire, &second->row);
    lki_wire_bytes(wire, &second->latency, &second->latency_bytes);
    second->source = (enum lki_source)lki_wire_number(wire, second->source, LKI_SOURCE_COUNT - 1);
    lki_wire_u64(wire, &second->hook_errors);
    lki_wire_health(wire, &second->health);
    lki_wire_bytes(wire, &second->totals, &second->totals_bytes);
}

static void iterations_told(struct lki_wire *wire, struct lki_report_iterations *iterations)
{
    lki_wire_u64(wire, &iterations->granted);
    lki_wire_u64(wire, &iterations->recalls);
    lki_wire_u64(wire, &iterations->returned);
    lki_wire_u64(wire, &iterations->left);
    lki_wire_flag(wire, &iterations->wanted);
}

static void report_iterations_fields(struct lki_wire *wire, struct lki_report *report)
{
    iterations_told(wire, &report->iterations);
}

static void want_fields(struct lki_wire *wire, struct lki_report *report)
{
    lki_wire_size(wire, &report->want.resource);
    lki_wire_u64(wire, &report->want.count);
}

static void report_objects_fields(struct lki_wire *wire, struct lki_report *report)
{
    lki_wire_size(wire, &report->objects.resource);
    object_list(wire, &report->objects.objects, &report->objects.count);
}

static void held_fields(struct lki_wire *wire, struct lki_report *report)
{
    lki_wire_u64(wire, &report->objects.seen);
    report_objects_fields(wire, report);
}

static void gone_fields(struct lki_wire *wire, struct lki_report *report)
{
    end_reason(wire, &report->gone.why);
    lki_wire_i64(wire, &report->gone.at_ns);
}

/* Errors are negative, the last one stands before LK_ERR_LAST_. */
static void failed_fields(struct lki_wire *wire, struct lki_report *report)
{
    const uint64_t most = -(LK_ERR_LAST_ + 1);
    struct lki_report_failed *failed = &report->failed;

    failed->err = (enum lk_err) - (int)lki_wire_number(wire, (uint64_t) - (int)failed->err, most);
    lki_wire_text(wire, &failed->message);
}

static void standing_fields(struct lki_wire *wire, struct lki_report *report)
{
    struct lki_report_standing *standing = &report->standing;

    lki_wire_flag(wire, &standing->started);
    lki_wire_flag(wire, &standing->gone);
    end_reason(wire, &standing->why);
    lki_wire_i64(wire, &standing->gone_ns);
    standing->stops = (unsigned)lki_wire_number(wire, standing->stops, UINT_MAX);
    range_list(wire, &standing->users, &standing->user_count);
    iterations_told(wire, &standing->iterations);
    lki_wire_flag(wire, &standing->iterations_last);
}

static void report_make_fields(struct lki_wire *wire, struct lki_report *report)
{
    lki_wire_size(wire, &report->make.resource);
    lki_wire_u64(wire, &report->make.id);
    lki_wire_text_or_null(wire, &report->make.text);
    lki_wire_text(wire, &report->make.message);
}

typedef void report_part(struct lki_wire *wire, struct lki_report *report);

static void report_fields(struct lki_wire *wire, struct lki_report *report)
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
        [LKI_REPORT_HELD] = held_fields,
        [LKI_REPORT_STANDING] = standing_fields,
        [LKI_REPORT_MAKE] = report_make_fields,
    };
    uint64_t kind = lki_wire_number(wire, LKI_WIRE_REPORTS + (uint64_t)report->kind,
                                    LKI_WIRE_REPORTS + LKI_REPORT_COUNT_ - 1);

    lki_wire_require(wire, kind >= LKI_WIRE_REPORTS);
    if (wire->in.bad)
        return;
    report->kind = (enum lki_report_kind)(kind - LKI_WIRE_REPORTS);
    if (fields[report->kind])
        fields[report->kind](wire, report);
}

void lki_order_write(const struct lki_order *order, struct lki_buf *out)
{
    struct lki_order copy = *order;

    order_fields(&(struct lki_wire){.out = out}, &copy);
}

void lki_report_write(const struct lki_report *report, struct lki_buf *out)
{
    struct lki_report copy = *report;

    report_fields(&(struct lki_wire){.out = out}, &copy);
}

bool lki_report_is(enum lki_report_kind kind, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);

    return lki_unpack_u64(&in) == LKI_WIRE_REPORTS + (uint64_t)kind;
}

enum lk_err lki_order_read(struct lki_order *order, const void *bytes, size_t len,
                           struct lki_arena *arena)
{
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
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
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
    struct lki_report read = {0};
    enum lk_err err;

    report_fields(&wire, &read);
    err = lki_unpack_err(&wire.in);
    if (!err)
        *report = read;
    return err;
}
