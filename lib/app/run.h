/*
 * The role `run`: the whole load test in this process, for lk_main and for programs that embed it.
 */
#ifndef LKI_APP_RUN_H
#define LKI_APP_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "model/model.h"
#include "result/result.h"
#include "worker/worker.h"

/* More users than any machine of today holds, and few enough that no sum of them overflows. */
#define LKI_USERS_MAX UINT64_C(100000000)
#define LKI_DURATION_DEFAULT_NS (10 * LKI_NS_PER_S)
#define LKI_GRACE_DEFAULT_NS (5 * LKI_NS_PER_S)
#define LKI_ARRIVAL_WAIT_DEFAULT_NS (10 * LKI_NS_PER_S)

struct lki_run_control;

struct lki_run_settings {
    uint64_t users;          /* 1 .. LKI_USERS_MAX */
    int64_t duration_ns;     /* LKI_NEVER: none */
    uint64_t iterations;     /* shared by all users; 0: no limit */
    double rate_per_s;       /* at which iterations start; 0: as fast as users go */
    int64_t arrival_wait_ns; /* how late one may start for want of a user */
    uint64_t seed;
    int64_t grace_ns;                /* for steps in hand when the run ends */
    const char *program;             /* name for the report */
    FILE *progress;                  /* live lines go here; NULL: none */
    int progress_columns;            /* 0: not a terminal, so each line stays */
    struct lki_run_control *control; /* for other threads; NULL: nobody asks */
    /* Only under lk_main: SIGINT and SIGTERM end the run and are ignored when lki_run returns, so
     * that the result can be shown in peace; faults are named. */
    bool handle_signals;
};

/* A run that is set up. */
struct lki_run;

/*
 * Sets up a run of model, which is borrowed, as are the texts of settings. On failure message says
 * why in one line.
 */
enum lk_err lki_run_open(struct lki_run **out, const struct lki_model *model,
                         const struct lki_run_settings *settings, struct lki_buf *message);

/*
 * Carries it out, makes the result and frees the run. Failing requests are data in the result; on
 * failure message says why in one line.
 */
enum lk_err lki_run_finish(struct lki_run *run, struct lki_result *result, struct lki_buf *message);

/* Frees a run that is not to be carried out. */
void lki_run_close(struct lki_run *run);

/* Sets up and carries out. */
enum lk_err lki_run(const struct lki_model *model, const struct lki_run_settings *settings,
                    struct lki_result *result, struct lki_buf *message);

/* What settings come to for the one worker of a run in this process. */
struct lki_share lki_run_share(const struct lki_run_settings *settings);

/* What is known of a run that its worker has ended, but for when it began by the wall clock. */
struct lki_result_settings lki_run_about(const struct lki_run_settings *settings,
                                         const struct lki_worker *worker);

/* Adds to a result what is to be said of how the run went; busy_s is what it took of a processor.
 */
void lki_run_judge(const struct lki_worker *worker, struct lki_result *result, double busy_s);

/* A seed for a run that was given none. It is typed again to see that run again, so it is not a
 * long one, and never 0. */
uint64_t lki_run_seed(void);

#endif
