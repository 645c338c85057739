/*
 * Behind the scene of a run: its hidden user, number 0, who carries out what is done once in a run,
 * before the first user begins and after the last one has gone, and reads the probes meanwhile. It
 * has one HTTP client for all of that, so a base URL that LK_ON_SETUP sets serves the probes too.
 */
#ifndef LKI_USER_BACKSTAGE_H
#define LKI_USER_BACKSTAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/task.h"
#include "stats/probe.h"
#include "user/user.h"

struct lki_backstage;

/* What the owner is told, in a task or from the loop. */
struct lki_backstage_owner {
    /* A hook has ended, also one that was not waited for any more. */
    void (*on_hook_over)(void *arg, enum lk_run_hook_kind kind, enum lki_outcome outcome);
    /* After lki_backstage_probes_end: no probe is being read any more. */
    void (*on_probes_over)(void *arg);
    void *arg;
};

enum lk_err lki_backstage_new(struct lki_backstage **out, struct lki_crowd *crowd, uint64_t seed,
                              const struct lki_backstage_owner *owner);
/* One that a helper thread still works for is left to it. NULL is ignored. */
void lki_backstage_free(struct lki_backstage *backstage);

/*
 * Has a hook of the run carried out from the loop's next turn on. Gives when it will time out; a
 * function that blocks may hold it up longer. 0: there is no such hook.
 */
int64_t lki_backstage_hook(struct lki_backstage *backstage, enum lk_run_hook_kind kind);

/* False: it has begun already. */
bool lki_backstage_forgo(struct lki_backstage *backstage, enum lk_run_hook_kind kind);

/* Why a hook failed; NULL: it did not, or has not run. */
const char *lki_backstage_failure(const struct lki_backstage *backstage,
                                  enum lk_run_hook_kind kind);

/* The run is on, from start_ns: each probe is read at the loop's next turn, before the users that
 * begin there, and then on its period. May follow their end. */
void lki_backstage_probes_begin(struct lki_backstage *backstage, int64_t start_ns);
/* No probe is read anew. Returns how many are being read. */
size_t lki_backstage_probes_end(struct lki_backstage *backstage);

/* What the probes read: a log for each, in the order of the model. */
const struct lki_probe_log *lki_backstage_logs(const struct lki_backstage *backstage);

/* Of the hidden user: its base URL serves all that is done behind the scene. */
struct lki_http_client *lki_backstage_http(struct lki_backstage *backstage);

#endif
