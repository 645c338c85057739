#include "client/vu.h"

#include <math.h>
#include <stdarg.h>

#include "client/response.h"

void lki_vu_fail_with(lk_vu *vu, const char *message)
{
    lki_task_leave(lki_vu_task(vu), message ? LKI_OUTCOME_FAILED : LKI_OUTCOME_NOMEM, message);
}

void lki_vu_fail(lk_vu *vu, const char *fmt, ...)
{
    const char *message;
    va_list args;

    va_start(args, fmt);
    message = lki_arena_vprintf(lki_vu_arena(vu), fmt, args);
    va_end(args);
    lki_vu_fail_with(vu, message);
}

void lki_vu_nomem(lk_vu *vu)
{
    lki_task_leave(lki_vu_task(vu), LKI_OUTCOME_NOMEM, "out of memory");
}

/* Where nothing is carried out there is nothing to end: a null pointer does there what it does
 * everywhere. */
void lki_null_refuse(const char *function, const char *argument)
{
    struct lki_task *task = lki_task_here;
    const char *message;

    if (!task)
        lki_job_leave();
    if (!task || !task->entry)
        __builtin_trap();
    message = lki_arena_printf(task->memory, "%s: %s is NULL", function, argument);
    lki_task_leave(task, message ? LKI_OUTCOME_FAILED : LKI_OUTCOME_NOMEM, message);
}

int64_t lki_vu_until(lk_vu *vu, const char *function, double seconds)
{
    if (isnan(seconds))
        lki_vu_fail(vu, "%s: " LKI_NO_TIME, function, seconds);
    return lki_ns_after(lki_loop_now(vu->loop), lki_limit_ns(seconds));
}

void lki_unit_hold(struct lki_unit *unit, struct lki_held *held)
{
    held->next = unit->held;
    held->link = &unit->held;
    if (held->next)
        held->next->link = &held->next;
    unit->held = held;
}

void lki_held_free(struct lki_held *held)
{
    *held->link = held->next;
    if (held->next)
        held->next->link = held->link;
    held->link = NULL;
    held->free(held);
}

void lki_unit_end(struct lki_unit *unit)
{
    lki_responses_free(unit);
    while (LKI_UNLIKELY(unit->held != NULL))
        lki_held_free(unit->held);
    unit->timings = NULL;
    unit->spare = NULL;
}
