#include "client/vu.h"

void lki_vu_vfail(lk_vu *vu, const char *fmt, va_list args)
{
    struct lki_task *task = lki_vu_task(vu);
    const char *message = lki_arena_vprintf(&task->arena, fmt, args);

    lki_task_leave(task, message ? LKI_OUTCOME_FAILED : LKI_OUTCOME_NOMEM, message);
}

void lki_vu_fail(lk_vu *vu, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_vu_vfail(vu, fmt, args);
}

void lki_vu_nomem(lk_vu *vu)
{
    lki_task_leave(lki_vu_task(vu), LKI_OUTCOME_NOMEM, "out of memory");
}

void lki_unit_end(struct lki_unit *unit)
{
    lki_responses_free(unit);
}
