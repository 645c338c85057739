/*
 * From one core to the next: what of a run is kept while it is on, so that another core can go on
 * with it. What workers know themselves they say when they are asked how they stand.
 */
#ifndef LKI_CONTROL_ADOPT_H
#define LKI_CONTROL_ADOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "control/core.h"

/* Where it is kept: blobs by name. */
struct lki_keeper {
    void (*put)(const char *name, const void *bytes, size_t len, void *arg);
    /* NULL: there is none. */
    const void *(*get)(const char *name, size_t *len, void *arg);
    void *arg;
};

/* Puts what may be others than when it was saved last: "core" and "rows", which are of one moment
 * with what was heard, "series.N" and "life.W.N". */
void lki_core_save(struct lki_core *core, const struct lki_keeper *keeper);
/* Beforehand, what takes longest of it, in small parts. True: there is no more of that. */
bool lki_core_save_some(struct lki_core *core, const struct lki_keeper *keeper);

/* Of a core that was just made with the plan of then: it goes on from there. Workers that had a
 * life are awaited; who is not resumed soon is lost, and dead after lapse_ns. LK_E_STATE: the run
 * had not begun, and cannot be gone on with; lki_core_state says how far it was. LK_E_FORMAT. The
 * core is then to be freed. */
enum lk_err lki_core_load(struct lki_core *core, const struct lki_keeper *keeper, int64_t lapse_ns);

/* What is awaited of this worker may be as long as that. */
void lki_core_await(struct lki_core *core, uint64_t worker, int64_t lapse_ns);
/* The life that a worker had then goes on, on this link, which is the core's. */
enum lk_err lki_core_resume(struct lki_core *core, uint64_t worker, struct lki_link *link,
                            int64_t ahead_ns);
/* It can be told something now: asks how it stands. */
void lki_core_stand(struct lki_core *core, uint64_t worker, int64_t ahead_ns);

#endif
