/*
 * loadkit/vu.h - what a virtual user can do in its hooks and steps.
 */
#ifndef LOADKIT_VU_H
#define LOADKIT_VU_H

#include <loadkit/api.h>
#include <loadkit/err.h>
#include <loadkit/values.h>

/* LK_REQUIRE(condition, "format", ...): the step ends here as failed unless condition holds. */
#define LK_REQUIRE(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            lk_fail(vu, __VA_ARGS__);                                                              \
    } while (0)

/* LK_CHECK(condition, "name"): counts under that name whether condition holds, gives that truth,
 * and goes on. */
#define LK_CHECK(condition, name) lk_check(vu, (condition) ? LK_TRUE : LK_FALSE, (name))

/* LK_FAIL("format", ...): the step ends here as failed. */
#define LK_FAIL(...) lk_fail(vu, __VA_ARGS__)

/* A function for lk_parallel; LK_CALL makes it. */
struct lk_call {
    void (*fn)(lk_vu *vu, void *arg);
    void *arg;
};

#ifndef __cplusplus
/* lk_parallel(vu, LK_CALL(search, &words), LK_CALL(prices, NULL)): lk_parallel_run with the
 * counting left to the compiler. */
#define lk_parallel(vu, ...)                                                                       \
    lk_parallel_run((vu), sizeof((const struct lk_call[]){__VA_ARGS__}) / sizeof(struct lk_call),  \
                    (const struct lk_call[]){__VA_ARGS__})
#define LK_CALL(fn, arg) ((const struct lk_call){(fn), (arg)})
#endif

/* What lk_wait_fd waits for; may be combined. */
enum lk_event { LK_READABLE = 1, LK_WRITABLE = 2 };

LK_BEGIN_DECLS

/*
 * lk_fail - end the step or hook in hand as failed.
 *
 * format    as of printf; the message stands in the report, where equal ones are grouped
 * returns   never: the stack is unwound to the entry of the step and its defers run
 * context   inside a step or hook of this user, at any depth of calls; not from a defer
 * since     0.1; lk_fail(3)
 */
LK_API LK_NORETURN void lk_fail(lk_vu *vu, const char *format, ...) LK_PRINTF(2, 3);

/*
 * lk_check - count whether something is as it should be, and go on.
 *
 * held      whether it is
 * name      what is checked, a fixed text: the report has one line for each
 * returns   held
 * context   inside a step or hook of this user
 * since     0.1; lk_check(3)
 */
LK_API bool lk_check(lk_vu *vu, bool held, const char *name);

/*
 * lk_defer - have a function called when the step or hook in hand ends, on whatever way.
 *
 * fn        called once with arg, the last registered first; it may not wait
 * arg       not a local of the step, which is gone by then; lk_format and its kin are still there
 * errors    out of memory calls fn at once and ends the step
 * context   inside a step or hook of this user
 * since     0.1; lk_fail(3)
 */
LK_API void lk_defer(lk_vu *vu, void (*fn)(void *arg), void *arg);

/*
 * lk_sleep - let the other virtual users run for a while.
 *
 * seconds   length of the pause; 0, or less, gives up one turn of the loop
 * returns   LK_OK, or LK_E_CANCELLED when the run is draining or this user is to leave
 * errors    NaN ends the step as failed
 * context   inside a step or hook of this user; never from another thread
 * since     0.1; lk_sleep(3)
 */
LK_API enum lk_err lk_sleep(lk_vu *vu, double seconds);

/*
 * lk_wait_fd - wait until a descriptor is ready, for protocols of one's own.
 *
 * fd        a descriptor that poll would take, in non-blocking mode; it stays the caller's
 * events    LK_READABLE, LK_WRITABLE or both
 * seconds   the longest wait; 0, or less, looks only; exactly LK_OFF for no limit but the step's
 * returns   the events that are ready, a positive number; or LK_E_TIMEOUT, or LK_E_ARG for a
 *           descriptor that cannot be waited for
 * errors    seconds that are NaN end the step as failed
 * context   inside a step or hook of this user; waits, like a request, also while the run drains
 * since     0.1; lk_wait_fd(3)
 */
LK_API int lk_wait_fd(lk_vu *vu, int fd, unsigned events, double seconds);

/*
 * lk_blocking - run a function that blocks, on a helper thread, while only this user waits.
 *
 * fn        called once with arg, on another thread; it may use no lk_ function
 * arg       must stay valid until fn returns, which may be after the step timed out; a local of the
 *           step does: the step's stack is kept until then
 * returns   LK_OK when fn has returned; LK_E_SYSTEM when no thread could be made to call it
 * errors    an fn that calls what is for steps is left there, and the step ends as failed
 * context   inside a step or hook of this user; waits
 * since     0.1; lk_blocking(3)
 */
LK_API enum lk_err lk_blocking(lk_vu *vu, void (*fn)(void *arg), void *arg);

/*
 * lk_parallel_run - call several functions at the same time; lk_parallel is shorter.
 *
 * calls     each is called once, on a stack of its own, and may do all that the step may. What it
 *           gets, answers and strings say, stays until the step ends; what it defers is called
 *           when it ends itself. Borrowed for the call
 * errors    one that fails ends itself only; when all have ended, the step ends as the first of
 *           them did. The step's time-out ends them all. Without memory for a stack one is called
 *           after the others
 * context   inside a step or hook of this user, or such a function; waits until all have ended
 * since     0.1; lk_parallel(3)
 */
LK_API void lk_parallel_run(lk_vu *vu, size_t count, const struct lk_call *calls);

/*
 * lk_should_stop - ask whether to come to an end, for steps that loop long.
 *
 * returns   whether the run is draining, or this user is to leave because a ramp falls
 * context   inside a step or hook of this user
 * since     0.1; lk_sleep(3)
 */
LK_API bool lk_should_stop(const lk_vu *vu);

/*
 * lk_now - the time, for measuring how long something took.
 *
 * returns   seconds from a start that never changes while the program runs; never goes back, and
 *           is the test's own time under lk_test
 * context   inside a step or hook of this user, or one of its functions for pauses and strategies
 * since     0.1; lk_now(3)
 */
LK_API double lk_now(const lk_vu *vu);

/*
 * lk_user_id - the number of this user, from 1.
 *
 * returns   that number; 0 in the hooks and probes of the run, which belong to no user
 * context   inside a step or hook of this user
 * since     0.1; lk_user_id(3)
 */
LK_API uint64_t lk_user_id(const lk_vu *vu);

/*
 * lk_param - the value of a parameter.
 *
 * name      as registered with LK_PARAM
 * returns   what -p gave, else the registered value, else ""; valid for the run
 * errors    a name that is not registered ends the step or hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_param(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_param(lk_vu *vu, const char *name);

/*
 * lk_param_int and its kin - the value of a parameter with a type.
 *
 * name      as registered with LK_PARAM and that .type; lk_param_double takes LK_SECONDS too
 * returns   what -p gave, else the registered value, else 0 or false
 * errors    a name that is not registered, or with another type, ends the step or hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_param(3)
 */
LK_API int64_t lk_param_int(lk_vu *vu, const char *name);
LK_API double lk_param_double(lk_vu *vu, const char *name);
LK_API bool lk_param_bool(lk_vu *vu, const char *name);

/*
 * lk_run_data_set - leave a value for all users of the run.
 *
 * data      copied; NULL takes back what was left
 * errors    elsewhere than in LK_ON_SETUP the step or hook ends as failed
 * context   in LK_ON_SETUP
 * since     0.1; lk_run_data(3)
 */
LK_API void lk_run_data_set(lk_vu *vu, const lk_json *data);

/*
 * lk_run_data - what LK_ON_SETUP left.
 *
 * returns   the value; JSON's null when nothing was left; valid for the run
 * context   inside a step or hook of any user, or a hook or probe of the run
 * since     0.1; lk_run_data(3)
 */
LK_API LK_NONNULL_RESULT const lk_json *lk_run_data(lk_vu *vu);

/*
 * lk_resource_acquire - borrow an object that no other user holds.
 *
 * name      as registered with LK_RESOURCE
 * returns   the object, with its "resource_id"; valid until released or the user's life ends
 * errors    an unknown name, a factory that failed, or that this user itself holds all there may
 *           be, ends the step or hook as failed; so does any call outside of users, in a hook or
 *           probe of the run
 * context   inside a step or hook of this user; waits while all are held, first come first served
 * since     0.1; lk_resource_acquire(3)
 */
LK_API LK_NONNULL_RESULT lk_json *lk_resource_acquire(lk_vu *vu, const char *name);

/*
 * lk_resource_try - borrow an object if one is to be had without waiting for another user.
 *
 * name      as registered with LK_RESOURCE
 * returns   as lk_resource_acquire; NULL when all are held
 * errors    as lk_resource_acquire
 * context   inside a step or hook of this user; waits only for the factory of a new one, and up to
 *           20 ms for one that another worker has free
 * since     0.1; lk_resource_acquire(3)
 */
LK_API lk_json *lk_resource_try(lk_vu *vu, const char *name);

/*
 * lk_resource_release - give a borrowed object back.
 *
 * object    as lk_resource_acquire gave it, not to be used afterwards; NULL is ignored
 * errors    an object that this user does not hold under that name ends the step or hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_resource_acquire(3)
 */
LK_API void lk_resource_release(lk_vu *vu, const char *name, lk_json *object);

LK_END_DECLS

#endif
