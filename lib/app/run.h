/*
 * The role `run`: the whole load test in this process.
 */
#ifndef LKI_APP_RUN_H
#define LKI_APP_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "model/model.h"
#include "result/result.h"

struct lki_run_settings {
    uint64_t users;      /* >= 1 */
    int64_t duration_ns; /* LKI_NEVER: none */
    uint64_t iterations; /* shared by all users; 0: no limit */
    uint64_t seed;
    int64_t grace_ns;     /* for steps in hand when the run ends */
    const char *program;  /* name for the report */
    FILE *progress;       /* live lines go here; NULL: none */
    int progress_columns; /* 0: not a terminal, so each line stays */
    /* Only under lk_main: SIGINT and SIGTERM end the run and are ignored when lki_run returns, so
     * that the result can be shown in peace; faults are named. */
    bool handle_signals;
};

/*
 * Runs model to its end and makes the result. Failing requests are data in the result; an error is
 * returned only when the run could not be set up, and message then says why in one line.
 */
enum lk_err lki_run(const struct lki_model *model, const struct lki_run_settings *settings,
                    struct lki_result *result, struct lki_buf *message);

#endif
