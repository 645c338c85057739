/*
 * The worker of a run in this process, in the loop of its core: stands where else a fleet does.
 */
#ifndef LKI_APP_SOLO_H
#define LKI_APP_SOLO_H

#include "control/core.h"
#include "model/model.h"

struct lki_solo;

/* The model is borrowed. */
enum lk_err lki_solo_new(struct lki_solo **out, struct lki_loop *loop,
                         const struct lki_model *model);

/* Has it join the core. */
enum lk_err lki_solo_begin(struct lki_solo *solo, struct lki_core *core);

/* The core wants it again, but it has no second life: what was measured is told of, for the run is
 * stopped at the end of the turn. */
void lki_solo_want(struct lki_solo *solo);

/* Turns the loop until its users have left what they have in hand, but not for long, and frees. The
 * core must be gone by then. NULL is ignored. */
void lki_solo_free(struct lki_solo *solo);

#endif
