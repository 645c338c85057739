#include "stats/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "stats/metric.h"

#define FIRST_READINGS 64
/* Of so many logs all readings find room until they are settled. */
#define LOGS_MERGED 16

bool lki_reading_number(const struct lk_value *value, double *number)
{
    switch (value->kind) {
    case LK_VALUE_INT:
        *number = (double)value->as.integer;
        return true;
    case LK_VALUE_UINT:
        *number = (double)value->as.natural;
        return true;
    case LK_VALUE_DOUBLE:
        *number = value->as.number;
        return true;
    default:
        return false;
    }
}

bool lki_reading_fits(const struct lk_value *value)
{
    switch (value->kind) {
    case LK_VALUE_DOUBLE:
        return isfinite(value->as.number);
    case LK_VALUE_JSON:
        return !value->as.json;
    case LK_VALUE_POINTER:
        return !value->as.pointer;
    default:
        return true;
    }
}

static bool is_text(const struct lk_value *value)
{
    return value->kind == LK_VALUE_STRING && value->as.string;
}

static void reading_release(struct lki_reading *reading)
{
    if (is_text(&reading->value))
        free((char *)(uintptr_t)reading->value.as.string);
    free((char *)(uintptr_t)reading->message);
}

static char *text_copy(const char *text, size_t max)
{
    size_t len = lki_text_cut(text, strlen(text), max);
    char *copy = malloc(len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

/* A copy that owns its texts, in place of what was there; false without memory. */
static bool reading_copy(struct lki_reading *into, const struct lki_reading *from, bool recent)
{
    struct lki_reading copy = *from;
    bool text = is_text(&from->value);
    bool message = recent && from->message;

    copy.message = message ? text_copy(from->message, LKI_ERROR_MESSAGE_MAX) : NULL;
    if (text)
        copy.value.as.string = text_copy(from->value.as.string, LKI_READING_TEXT_MAX);
    if ((text && !copy.value.as.string) || (message && !copy.message)) {
        reading_release(&copy);
        return false;
    }
    if (!recent)
        copy.took_ns = 0;
    reading_release(into);
    *into = copy;
    return true;
}

/* Every other reading goes. */
static void thin_out(struct lki_probe_log *log)
{
    size_t kept = 0;

    for (size_t i = 0; i < log->len; i++) {
        if (i % 2)
            reading_release(&log->readings[i]);
        else
            log->readings[kept++] = log->readings[i];
    }
    log->len = kept;
    log->stride *= 2;
}

/* Room for one more; false without memory. */
static bool log_grow(struct lki_probe_log *log)
{
    size_t cap = log->cap ? 2 * log->cap : FIRST_READINGS;
    struct lki_reading *readings;

    if (log->len < log->cap)
        return true;
    readings = realloc(log->readings, cap * sizeof(*readings));
    if (!readings)
        return false;
    log->readings = readings;
    log->cap = cap;
    return true;
}

/* At the end; false without memory. */
static bool reading_push(struct lki_probe_log *log, const struct lki_reading *reading)
{
    if (log_grow(log)) {
        log->readings[log->len] = (struct lki_reading){0};
        if (reading_copy(&log->readings[log->len], reading, false)) {
            log->len++;
            return true;
        }
    }
    log->lost++;
    return false;
}

/* Readings are counted from 0; what thin_out left are those that the new stride divides. */
static void reading_keep(struct lki_probe_log *log, const struct lki_reading *reading)
{
    uint64_t index = log->count;

    if (!log->stride)
        log->stride = 1;
    if (index % log->stride == 0 && log->len == LKI_READINGS_MAX)
        thin_out(log);
    if (index % log->stride == 0)
        reading_push(log, reading);
}

static void count_number(struct lki_probe_log *log, double number)
{
    if (!log->numbers || number < log->min)
        log->min = number;
    if (!log->numbers || number > log->max)
        log->max = number;
    log->sum += number;
    log->numbers++;
}

/* By time; when there are as many as there may be, the oldest one goes. False without memory. */
static bool recent_keep(struct lki_probe_log *log, const struct lki_reading *reading)
{
    struct lki_reading copy = {0};
    size_t at = log->recent_len;

    if (!log->recent)
        log->recent = calloc(LKI_READINGS_RECENT, sizeof(*log->recent));
    if (!log->recent || !reading_copy(&copy, reading, true))
        return false;
    while (at && log->recent[at - 1].t_ns > reading->t_ns)
        at--;
    if (log->recent_len < LKI_READINGS_RECENT) {
        memmove(log->recent + at + 1, log->recent + at,
                (log->recent_len++ - at) * sizeof(*log->recent));
    } else {
        reading_release(at ? &log->recent[0] : &copy);
        if (!at)
            return true;
        at--;
        memmove(log->recent, log->recent + 1, at * sizeof(*log->recent));
    }
    log->recent[at] = copy;
    return true;
}

void lki_probe_log_add_reading(struct lki_probe_log *log, const struct lki_reading *reading)
{
    double number;

    reading_keep(log, reading);
    log->lost += !recent_keep(log, reading);
    log->count++;
    log->errors += reading->failed;
    if (reading->failed)
        return;
    if (lki_reading_number(&reading->value, &number))
        count_number(log, number);
    if (!reading_copy(&log->last, reading, false))
        log->lost++;
}

void lki_probe_log_add(struct lki_probe_log *log, int64_t t_ns, const struct lk_value *value)
{
    struct lki_reading reading = {.t_ns = t_ns, .failed = !value, .value = lk_value_null()};

    if (value)
        reading.value = *value;
    lki_probe_log_add_reading(log, &reading);
}

static void merge_numbers(struct lki_probe_log *log, const struct lki_probe_log *from)
{
    if (!from->numbers)
        return;
    if (!log->numbers || from->min < log->min)
        log->min = from->min;
    if (!log->numbers || from->max > log->max)
        log->max = from->max;
    log->sum += from->sum;
    log->numbers += from->numbers;
}

enum lk_err lki_probe_log_merge(struct lki_probe_log *log, const struct lki_probe_log *from)
{
    bool had = log->count > log->errors;

    log->count += from->count;
    log->errors += from->errors;
    log->lost += from->lost;
    if (log->stride < from->stride)
        log->stride = from->stride;
    merge_numbers(log, from);
    if (from->errors == from->count || (had && from->last.t_ns < log->last.t_ns) ||
        reading_copy(&log->last, &from->last, false))
        return LK_OK;
    log->lost++;
    return LK_E_NOMEM;
}

enum lk_err lki_probe_log_append(struct lki_probe_log *log, const struct lki_reading *reading)
{
    if (log->len == LOGS_MERGED * LKI_READINGS_MAX)
        lki_probe_log_settle(log);
    return reading_push(log, reading) ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_probe_log_append_recent(struct lki_probe_log *log,
                                        const struct lki_reading *reading)
{
    return recent_keep(log, reading) ? LK_OK : LK_E_NOMEM;
}

/* Those of one moment by their worker: then the order is always the same. */
static int by_time(const void *a, const void *b)
{
    const struct lki_reading *left = a;
    const struct lki_reading *right = b;

    if (left->t_ns != right->t_ns)
        return (left->t_ns > right->t_ns) - (left->t_ns < right->t_ns);
    return (left->worker > right->worker) - (left->worker < right->worker);
}

void lki_probe_log_settle(struct lki_probe_log *log)
{
    size_t i = 1;

    while (i < log->len && by_time(&log->readings[i - 1], &log->readings[i]) <= 0)
        i++;
    if (i < log->len)
        qsort(log->readings, log->len, sizeof(*log->readings), by_time);
    while (log->len > LKI_READINGS_MAX)
        thin_out(log);
}

void lki_probe_log_release(struct lki_probe_log *log)
{
    for (size_t i = 0; i < log->len; i++)
        reading_release(&log->readings[i]);
    for (size_t i = 0; i < log->recent_len; i++)
        reading_release(&log->recent[i]);
    free(log->readings);
    free(log->recent);
    reading_release(&log->last);
    *log = (struct lki_probe_log){0};
}
