/*
 * loadkit/metric.h - metrics of the author's own: values, samples, and the time that a block takes.
 */
#ifndef LOADKIT_METRIC_H
#define LOADKIT_METRIC_H

#include <loadkit/api.h>

/* One attempt at something, for lk_emit. Zero means the default for every member but name. */
struct lk_sample {
    size_t size;          /* of this struct; the macro sets it */
    const char *name;     /* the metric; inside a step it is shown below that step */
    bool failed;          /* it did not succeed */
    bool fatal;           /* it failed, and nothing can go on after this; counted apart */
    double seconds;       /* how long it took; >= 0 */
    const char *source;   /* kind of thing, such as "grpc"; default "custom" */
    const char *stage;    /* of the thing, such as "connect"; default "execute" */
    const char *code;     /* result: "GRPC_OK"; default METRIC_OK or METRIC_FAILED */
    const char *category; /* of the code: "timeout"; default "ok" or "error" */
    const char *message;  /* of a failure, for the report; default: the code */
};

#ifndef __cplusplus
/* lk_emit(vu, "name", .seconds = 0.1, .code = "GRPC_OK", ...): members of struct lk_sample. */
#define lk_emit(vu, ...)                                                                           \
    lk_emit_sample(                                                                                \
        (vu), &(const struct lk_sample){.size = sizeof(struct lk_sample), .name = __VA_ARGS__})
#endif

/*
 * LK_TIMED("name") { ... }: the time that the block takes is a sample of that name: METRIC_OK when
 * the block is left at its end, METRIC_FAILED when the step is left inside it as failed. To leave
 * the block by break, continue or goto makes the sample last until the step ends.
 */
#define LK_TIMED(name) LK_TIMED_(name, __LINE__)
#define LK_TIMED_(name, line) LK_TIMED__(name, line)
#define LK_TIMED__(name, line)                                                                     \
    for (struct lk_timing *lk_timing_##line = lk_timing_start(vu, (name)); lk_timing_##line;       \
         lk_timing_##line = lk_timing_stop(lk_timing_##line))

/* A block being timed. Opaque. */
struct lk_timing;

LK_BEGIN_DECLS

/*
 * lk_record - a value of a metric that LK_METRIC registered.
 *
 * name      as registered
 * value     for a trend a value, for a counter what to add, for a gauge the level, for a rate
 *           whether (not 0) or not (0)
 * errors    a name that is not registered, or a value that is no finite number, ends the step or
 *           hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_record(3)
 */
LK_API void lk_record(lk_vu *vu, const char *name, double value);

/*
 * lk_emit_sample - count one attempt at something; lk_emit fills in the struct.
 *
 * sample    what to count. Codes are written in capitals, categories, sources and stages in small
 *           letters, what is not a letter, digit, '_', ':' or '-' becomes '_', and 64 characters
 *           are kept; beyond 1,000 codes the code is OTHER
 * errors    no name, or a time that is negative or no number, ends the step or hook as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_emit(3)
 */
LK_API void lk_emit_sample(lk_vu *vu, const struct lk_sample *sample);

/*
 * lk_timing_start - begin to time something; LK_TIMED does it for a block.
 *
 * name      of the sample; copied
 * returns   to be given to lk_timing_stop; what is not stopped when the step ends is stopped then,
 *           as failed if the step failed
 * errors    out of memory ends the step or hook
 * context   inside a step or hook of this user
 * since     0.1; lk_emit(3)
 */
LK_API LK_NONNULL_RESULT struct lk_timing *lk_timing_start(lk_vu *vu, const char *name);

/*
 * lk_timing_stop - end what lk_timing_start began: its sample is METRIC_OK.
 *
 * returns   NULL
 * context   inside the step or hook that started it
 * since     0.1; lk_emit(3)
 */
LK_API struct lk_timing *lk_timing_stop(struct lk_timing *timing);

LK_END_DECLS

#endif
