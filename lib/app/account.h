/*
 * From what a run came to, to its result: all that is known of it goes into one struct, and the
 * verdict with it.
 */
#ifndef LKI_APP_ACCOUNT_H
#define LKI_APP_ACCOUNT_H

#include "app/run.h"
#include "control/core.h"
#include "result/result.h"
#include "worker/worker.h"

/* Of a run that is over. LK_E_NOMEM: there is no result. */
enum lk_err lki_account_run(struct lki_result *result, const struct lki_run_settings *settings,
                            const struct lki_model *model, struct lki_core *core, int64_t now_ns);

/* Of a worker that nobody led, up to now: a test of a scenario. */
enum lk_err lki_account_worker(struct lki_result *result, const struct lki_run_settings *settings,
                               struct lki_worker *worker);

#endif
