/* What a virtual user can do in its hooks and steps: the functions of <loadkit/vu.h>. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "loop/pool.h"
#include "user/life.h"

_Static_assert((int)LK_READABLE == (int)LKI_READABLE && (int)LK_WRITABLE == (int)LKI_WRITABLE,
               "the loop's events are the public ones");

void lk_fail(lk_vu *vu, const char *format, ...)
{
    char *message = NULL;
    enum lk_err err;
    va_list args;

    lki_need(format, "lk_fail", "the format");
    va_start(args, format);
    err = lki_arena_vformat(lki_vu_arena(vu), &message, format, args);
    va_end(args);
    lki_vu_fail_with(vu, err == LK_E_FORMAT ? "lk_fail: the message cannot be formatted" : message);
}

void lk_defer(lk_vu *vu, void (*fn)(void *arg), void *arg)
{
    if (!fn)
        lki_null_refuse("lk_defer", "the function");
    if (lki_task_defer(lki_vu_task(vu), fn, arg))
        return;
    fn(arg);
    lki_vu_nomem(vu);
}

/* Heeds what must end the step; says whether the user is to leave. */
static bool drained(const lk_vu *vu, struct lki_task *task, enum lki_wake why)
{
    lki_task_heed(task, why);
    return why == LKI_WAKE_DRAIN || lk_should_stop(vu);
}

enum lk_err lk_sleep(lk_vu *vu, double seconds)
{
    struct lki_task *task = lki_vu_task(vu);
    int64_t length_ns = lki_ns(seconds);
    enum lki_wake why;

    if (isnan(seconds))
        lki_vu_fail(vu, "lk_sleep: %g is no time; give seconds", seconds);
    if (length_ns == 0 || lk_should_stop(vu))
        why = lki_task_yield(task);
    else
        why = lki_task_wait_drainable(task, lki_ns_after(lki_loop_now(vu->loop), length_ns));
    return drained(vu, task, why) ? LK_E_CANCELLED : LK_OK;
}

int lk_wait_fd(lk_vu *vu, int fd, unsigned events, double seconds)
{
    struct lki_task *task = lki_vu_task(vu);
    int64_t until_ns = lki_vu_until(vu, "lk_wait_fd", seconds);
    enum lki_wake why;
    int ready = 0;

    if (fd < 0 || !events || (events & ~(unsigned)(LK_READABLE | LK_WRITABLE)))
        return LK_E_ARG;
    if (!lki_loop_takes(fd))
        return LK_E_ARG;
    why = lki_task_wait_fd(task, fd, events, until_ns, &ready);
    lki_task_heed(task, why);
    if (why == LKI_WAKE_TIMEOUT)
        return LK_E_TIMEOUT;
    return ready < 0 ? LK_E_ARG : ready;
}

struct blocking {
    struct lki_job job;
    struct lki_task *task;
    void (*fn)(void *arg);
    void *arg;
    bool over;    /* fn has returned */
    bool strayed; /* it called what only the step may */
};

static void blocking_work(struct lki_job *job)
{
    struct blocking *blocking = LKI_CONTAINER(job, struct blocking, job);
    jmp_buf leave;

    job->leave = &leave;
    if (setjmp(leave))
        blocking->strayed = true;
    else
        blocking->fn(blocking->arg);
    job->leave = NULL;
}

static void on_blocking_done(struct lki_job *job)
{
    struct blocking *blocking = LKI_CONTAINER(job, struct blocking, job);

    blocking->over = true;
    lki_task_wake(blocking->task, LKI_WAKE_EVENT);
}

enum lk_err lk_blocking(lk_vu *vu, void (*fn)(void *arg), void *arg)
{
    struct blocking blocking = {
        .job = {.work = blocking_work, .on_done = on_blocking_done},
        .task = lki_vu_task(vu),
        .fn = fn,
        .arg = arg,
    };

    if (!fn)
        lki_null_refuse("lk_blocking", "the function");
    if (blocking.task->cut)
        lki_task_heed(blocking.task, LKI_WAKE_CUT);
    if (lki_pool_submit(vu->loop, &blocking.job))
        return LK_E_SYSTEM;
    lki_task_heed(blocking.task, lki_task_wait_pinned(blocking.task, &blocking.over));
    if (blocking.strayed)
        lki_vu_fail(vu, "lk_blocking: its function called one of loadkit's, which is for the step "
                        "alone: it runs on another thread");
    return LK_OK;
}

bool lk_should_stop(const lk_vu *vu)
{
    return vu->loop->draining || vu->should_stop;
}

double lk_now(const lk_vu *vu)
{
    return (double)lki_loop_now(vu->loop) / 1e9;
}

uint64_t lk_user_id(const lk_vu *vu)
{
    return vu->id;
}

static struct lki_resource_pool *pool_of(lk_vu *vu, const char *name)
{
    struct lki_crowd *crowd = lki_user_of(vu)->crowd;
    size_t at = lki_model_resource(crowd->model, name);

    if (!name)
        lki_vu_fail(vu, "a resource without a name");
    if (at == SIZE_MAX)
        lki_vu_fail(vu, "no resource \"%s\" is registered: add LK_RESOURCE(%s)", name, name);
    if (!vu->id)
        lki_vu_fail(vu, "only users hold resources: acquire \"%s\" in LK_ON_START or a step", name);
    return &crowd->resources.pools[at];
}

/* How many objects there may be. */
static uint64_t most_of(const lk_vu *vu, const struct lki_resource_pool *pool)
{
    return pool->def->count ? pool->def->count : lki_user_of(vu)->crowd->resources.users;
}

lk_json *lk_resource_acquire(lk_vu *vu, const char *name)
{
    struct lki_resource_pool *pool = pool_of(vu, name);
    struct lki_user *user = lki_user_of(vu);
    uint64_t most = most_of(vu, pool);

    /* of several steps at once, another one may give it back */
    if (lki_vu_task(vu) == user->task && lki_resource_holds_all(pool, most, user->held))
        lki_vu_fail(vu,
                    "this user itself holds all %llu object%s of resource \"%s\": release one, "
                    "or give the resource a larger .count",
                    (unsigned long long)most, most == 1 ? "" : "s", name);
    return lki_resource_acquire(pool, vu, most, &user->held);
}

lk_json *lk_resource_try(lk_vu *vu, const char *name)
{
    struct lki_resource_pool *pool = pool_of(vu, name);

    return lki_resource_try(pool, vu, most_of(vu, pool), &lki_user_of(vu)->held);
}

void lk_resource_release(lk_vu *vu, const char *name, lk_json *object)
{
    if (object)
        lki_resource_give(pool_of(vu, name), vu, object, &lki_user_of(vu)->held);
}
