/*
 * Before a run: does what it asks fit what the machine has?
 */
#ifndef LKI_APP_PREFLIGHT_H
#define LKI_APP_PREFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "app/machine.h"
#include "base/buf.h"
#include "model/model.h"

struct lki_preflight_ask {
    uint64_t users;      /* the most there will be at a time */
    uint64_t workers;    /* 0: all in this process */
    uint64_t user_bytes; /* that every user takes, even if it does nothing */
    struct lki_machine machine;
};

/* Memory that a user of this model takes at the least; of several types, on average. */
uint64_t lki_preflight_user_bytes(const struct lki_model *model);

/* Descriptors that a worker with its share of the users may have open at once. */
uint64_t lki_preflight_descriptors(uint64_t users, uint64_t workers);

/*
 * LK_E_LIMIT: it cannot be done; refusal says why in lines, each of which says what to change. What
 * may come to nothing, since users need not all have a connection, is lines in notes.
 */
enum lk_err lki_preflight(const struct lki_preflight_ask *ask, struct lki_buf *notes,
                          struct lki_buf *refusal);

#endif
