/*
 * loadkit/run.h - a load test inside another program: run it, watch it, read its result.
 *
 * What runs is what this program has registered, by macros or by lk_register. The library prints
 * nothing, installs no signal handler and ends no process.
 */
#ifndef LOADKIT_RUN_H
#define LOADKIT_RUN_H

#include <stdio.h>

#include <loadkit/api.h>
#include <loadkit/err.h>
#include <loadkit/http.h>

/* A part of a run: from where the one before it ended evenly to so many users, or to that rate. */
struct lk_stage {
    double seconds; /* 0: at once; LK_OFF behind the last one */
    uint64_t users;
    double rate_per_s; /* of all stages, or of none */
};

/* Zero means the default for every member. */
struct lk_run_options {
    size_t size;           /* of this struct; the macro sets it */
    uint64_t users;        /* at the same time; default 1, or with a rate what it may need */
    double duration_s;     /* default 10, or none with iterations alone; LK_OFF: none */
    uint64_t iterations;   /* end after so many of all users together; default: no limit */
    double rate_per_s;     /* iterations start at this rate; default: as fast as users go */
    double arrival_wait_s; /* how late one may start for want of a user; default 10; LK_OFF: 0 */
    uint64_t seed;         /* of all random numbers; default: a random one */
    unsigned workers;      /* processes beside this one */
    double grace_s;        /* for steps in hand at the end; default 5; LK_OFF: 0 */
    const char *const *params; /* LK_PAIRS("base_url", url, ...) */
    char *message;             /* gets one line about an error, terminated; NULL: not wanted */
    size_t message_bytes;      /* room there */
    const struct lk_http_settings *http; /* of all users, below what lk_http_setup says; its size
                                            must be set; NULL: none */
    const struct lk_stage *stages; /* LK_STAGES({30, .users = 100}, {60, .users = 100}): instead of
                                      duration_s; the first begins at users, default 0, or at
                                      rate_per_s; NULL: none */
};

#ifndef __cplusplus
/* LK_RUN_OPTIONS(.users = 10, .duration_s = 5) */
#define LK_RUN_OPTIONS(...)                                                                        \
    (&(const struct lk_run_options){.size = sizeof(struct lk_run_options), __VA_ARGS__})
/* LK_STAGES({10, .rate_per_s = 50}, {60, .rate_per_s = 50}) */
#define LK_STAGES(...) ((const struct lk_stage[]){__VA_ARGS__, {.seconds = LK_OFF}})
#endif

/* A run on its way in a thread of its own. Opaque. */
typedef struct lk_running lk_running;

/* What a finished run has measured. Opaque. */
typedef struct lk_result lk_result;

/* How a run stands. */
struct lk_run_status {
    size_t size; /* of this struct; to be set before it is asked for */
    bool over;   /* lk_run_wait will not wait */
    double elapsed_s;
    uint64_t users; /* active */
    uint64_t iterations;
    uint64_t steps;
    uint64_t step_errors;
    uint64_t http_requests;
    uint64_t http_errors;
    double requests_per_s; /* in the last second */
    double p95_ms;         /* of its requests */
};

/* Durations and counts of one metric. Owned by the result. */
struct lk_stats {
    const char *id;     /* "login", "login/POST /auth" */
    const char *name;   /* "login", "POST /auth" */
    const char *step;   /* the step that it belongs to; "" for none */
    const char *source; /* "step", "http", "jsonrpc", "websocket", "lifecycle", "check", "custom" or
                           an author's own */
    uint64_t count;     /* every attempt, those that failed or were cut off too */
    uint64_t errors;
    uint64_t cancelled; /* cut off by the end of the run; not in the times */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    double avg_ms; /* all times are 0 when nothing was measured */
    double min_ms;
    double p50_ms;
    double p90_ms;
    double p95_ms;
    double p99_ms;
    double p99_9_ms;
    double max_ms;
};

/* How often a result code came, and one exchange that brought it. Owned by the result. */
struct lk_code_stats {
    const char *code; /* "HTTP_200", "STEP_FAILED", ... */
    uint64_t count;
    const char *request; /* "GET /path?query HTTP/1.1"; "" unless an exchange */
    const char *answer;  /* the status line, or why there was none; "" unless an exchange */
    const char *body;    /* the first bytes of the answer's body; "" for none */
};

LK_BEGIN_DECLS

/*
 * lk_run - run the load test that this program has registered, to its end.
 *
 * result    gets the result, to be freed with lk_result_free; untouched on failure
 * returns   LK_OK when the run took place, whatever its requests came to; LK_E_ARG for options or
 *           a registry that cannot be used; LK_E_STATE when a run is on already; LK_E_NOMEM,
 *           LK_E_SYSTEM
 * errors    options->message says in one line what is wrong and what to do
 * context   any thread, one run at a time; not from a step; returns when the run is over
 * since     0.1; lk_run(3)
 */
LK_API enum lk_err lk_run(lk_result **result, const struct lk_run_options *options);

/*
 * lk_run_start - begin a run in a thread of its own.
 *
 * run       gets the run, which lk_run_wait frees; untouched on failure
 * options   copied, but for .message, which is written before the return
 * returns   as lk_run
 * context   as lk_run; returns at once. Steps and hooks run in the new thread
 * since     0.1; lk_run_start(3)
 */
LK_API enum lk_err lk_run_start(lk_running **run, const struct lk_run_options *options);

/*
 * lk_run_poll - see how a run stands; the numbers are of its last whole second.
 *
 * status    its size must be set; the rest is filled in
 * context   any thread, until lk_run_wait
 * since     0.1; lk_run_start(3)
 */
LK_API void lk_run_poll(lk_running *run, struct lk_run_status *status);

/*
 * lk_run_stop - end a run: the first call lets steps in hand end within the grace time, the second
 * one cuts them off.
 *
 * context   any thread, until lk_run_wait; returns at once
 * since     0.1; lk_run_start(3)
 */
LK_API void lk_run_stop(lk_running *run);

/*
 * lk_run_wait - wait for the end of a run and take its result.
 *
 * run       freed, whatever is returned but LK_E_STATE; NULL gives LK_E_ARG
 * result    gets the result, to be freed with lk_result_free; untouched on failure; may be NULL
 * returns   as lk_run, for what goes wrong once the run has begun
 * context   any thread but the run's own, once
 * since     0.1; lk_run_start(3)
 */
LK_API enum lk_err lk_run_wait(lk_running *run, lk_result **result);

/*
 * lk_result_free - free a result, and all that was read from it.
 *
 * result    NULL is ignored
 * context   any thread; the result is nobody else's meanwhile
 * since     0.1; lk_result(3)
 */
LK_API void lk_result_free(lk_result *result);

/*
 * lk_result_verdict - may the numbers be believed?
 *
 * returns   "valid"; "generator-bound" when this machine, not the system under test, was the limit;
 *           "incomplete" when something was lost
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API const char *lk_result_verdict(const lk_result *result);

/*
 * lk_result_reason - why the verdict is what it is.
 *
 * index     from 0
 * returns   one sentence; NULL beyond the last one
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API const char *lk_result_reason(const lk_result *result, size_t index);

/*
 * lk_result_exit_status - what the program would exit with under lk_main: 0 passed, 1 failed.
 *
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API int lk_result_exit_status(const lk_result *result);

/*
 * lk_result_stats - one metric by its id.
 *
 * id        "login" for a step, "login/POST /auth" for its requests; "http" for all requests and
 *           "steps" for all steps, "vu:demo" for all steps of a user type; an id that several
 *           have is that of the step, else of the request, and with the source in brackets, as
 *           in "login/POST /auth (check)", of that one
 * returns   NULL when there was none such; owned by the result
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API const struct lk_stats *lk_result_stats(const lk_result *result, const char *id);

/*
 * lk_result_stats_at - all metrics, in the order in which they were first used.
 *
 * index     from 0
 * returns   NULL beyond the last one; owned by the result
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API const struct lk_stats *lk_result_stats_at(const lk_result *result, size_t index);

/*
 * lk_result_percentile_ms - any percentile of a metric.
 *
 * id        as of lk_result_stats
 * percent   0 .. 100: 99.5 is the time that 99.5 % of the attempts did not exceed
 * returns   milliseconds, within 0.5 %; -1 when there was no such metric or nothing was measured
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API double lk_result_percentile_ms(const lk_result *result, const char *id, double percent);

/*
 * lk_result_code_at - the result codes of a metric, the most frequent first.
 *
 * id        as of lk_result_stats
 * index     from 0
 * returns   NULL beyond the last one; owned by the result
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API const struct lk_code_stats *lk_result_code_at(const lk_result *result, const char *id,
                                                     size_t index);

/*
 * lk_result_code_count - how often a result code came.
 *
 * id        as of lk_result_stats
 * code      "HTTP_200", "STEP_FAILED", ...
 * returns   0 when it did not come, or there was no such metric
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API uint64_t lk_result_code_count(const lk_result *result, const char *id, const char *code);

/*
 * lk_result_value - the value of a metric of the author's: the sum of a counter, the last level of
 * a gauge, the share of a rate from 0 to 1, the mean of a trend.
 *
 * name      as registered with LK_METRIC
 * returns   NaN when nothing was recorded
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API double lk_result_value(const lk_result *result, const char *name);

/*
 * lk_result_print - write the text report.
 *
 * columns   width to keep to; 0 for the default of 100
 * returns   LK_OK; LK_E_IO with errno set; LK_E_NOMEM
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API enum lk_err lk_result_print(const lk_result *result, FILE *out, int columns);

/*
 * lk_result_save - write the result as JSON.
 *
 * path      of the file; "-" for standard output
 * returns   LK_OK; LK_E_IO with errno set: what stood there before still does, unless it could not
 *           be replaced, as a mount point, and was written over; LK_E_NOMEM
 * context   any thread
 * since     0.1; lk_result(3)
 */
LK_API enum lk_err lk_result_save(const lk_result *result, const char *path);

LK_END_DECLS

#endif
