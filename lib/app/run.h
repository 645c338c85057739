/*
 * The role `run`: the whole load test on this machine, for lk_main and for programs that embed it.
 */
#ifndef LKI_APP_RUN_H
#define LKI_APP_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "control/plan.h"
#include "model/model.h"
#include "result/result.h"

#define LKI_WORKERS_MAX 1024 /* more than processors on a machine */
#define LKI_DURATION_DEFAULT_NS (10 * LKI_NS_PER_S)

struct lki_run_control;

struct lki_run_settings {
    const char *run_id;       /* NULL: a random one */
    uint64_t users;           /* 1 .. LKI_USERS_MAX; of a run in stages: at the start, from 0 */
    uint64_t workers;         /* processes; 0: all in this one */
    int64_t duration_ns;      /* LKI_NEVER: none; with stages: their sum */
    uint64_t iterations;      /* shared by all users; 0: no limit */
    double rate_per_s;        /* at which iterations start; 0: as fast as users go */
    bool rated;               /* with stages: these are of the rate, not of users */
    struct lki_stage *stages; /* borrowed */
    size_t stage_count;
    int64_t arrival_wait_ns; /* how late one may start for want of a user */
    const char *http;        /* as lki_http_settings_write has it; NULL: nothing */
    uint64_t seed;
    int64_t grace_ns;                /* for steps in hand when the run ends */
    const char *program;             /* name for the report */
    const char *command;             /* that makes the same run again; NULL: unknown */
    FILE *progress;                  /* live lines go here; NULL: none */
    int progress_columns;            /* 0: not a terminal, so each line stays */
    bool progress_colour;            /* of a terminal */
    struct lki_run_control *control; /* for other threads; NULL: nobody asks */
    /* Only under lk_main: SIGINT, SIGTERM and SIGHUP end the run and are ignored when lki_run
     * returns, so that the result can be shown in peace; faults are named. */
    bool handle_signals;
};

/* Borrows from settings. */
struct lki_plan lki_run_settings_plan(const struct lki_run_settings *settings);

/* A run that is set up. */
struct lki_run;

/*
 * Sets up a run of model, which is borrowed, as are the texts of settings. On failure message says
 * why in one line. LK_E_STATE: there are to be workers, but this process has threads.
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

#endif
