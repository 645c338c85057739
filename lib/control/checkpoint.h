/*
 * Named blobs that outlive the orchestrator: each in files of its state directory, and in Redis.
 * What is read back of a name is the youngest that is whole.
 */
#ifndef LKI_CONTROL_CHECKPOINT_H
#define LKI_CONTROL_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "bus/hub.h"

struct lki_blob;

struct lki_checkpoint {
    char *dir;
    struct lki_hub *hub;    /* NULL: not yet */
    struct lki_blob *blobs; /* what stands there */
    bool failed;            /* to be written, since the last time that all was */
    bool told;              /* and that was said */
};

/* Makes the directory if it is not there, and reads it. Only its owner may look into it. On
 * failure why says what is wrong. */
enum lk_err lki_checkpoint_open(struct lki_checkpoint *checkpoint, const char *dir,
                                struct lki_buf *why);
void lki_checkpoint_close(struct lki_checkpoint *checkpoint);

/* From Redis. */
void lki_checkpoint_take(struct lki_checkpoint *checkpoint, const char *name, const void *bytes,
                         size_t len);

/* What stands there is not written again. LK_E_SYSTEM: not into its file; errno tells. */
enum lk_err lki_checkpoint_put(struct lki_checkpoint *checkpoint, const char *name,
                               const void *bytes, size_t len);
/* Those whose names begin so. */
void lki_checkpoint_remove(struct lki_checkpoint *checkpoint, const char *prefix);
/* Writes all again to Redis, which may have come back empty. */
void lki_checkpoint_renew(struct lki_checkpoint *checkpoint);
/* Redis has that. What was removed while it could not be told of it is removed there. */
void lki_checkpoint_found(struct lki_checkpoint *checkpoint, const char *name, const void *bytes,
                          size_t len);

/* NULL: there is none. Lives until it is put again. */
const void *lki_checkpoint_get(const struct lki_checkpoint *checkpoint, const char *name,
                               size_t *len);

#endif
