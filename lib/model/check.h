/*
 * Whether a registry makes sense: everything that can be seen before anything runs.
 */
#ifndef LKI_MODEL_CHECK_H
#define LKI_MODEL_CHECK_H

#include <loadkit/scenario.h>

#include "model/fault.h"
#include "model/index.h"

#define LKI_STACK_MIN_BYTES (16 * 1024)
#define LKI_STACK_MAX_BYTES (64 * 1024 * 1024)

/*
 * Faults of descriptors that are not what this library was built for. When there is one, nothing
 * else can be read of them.
 */
void lki_check_sizes(const struct lk_def *first, struct lki_faults *faults);

/* All other faults. */
enum lk_err lki_check_index(const struct lki_index *index, struct lki_faults *faults);

/* The part of it that is about needs: unknown, of the step itself, in a circle. */
enum lk_err lki_check_needs(const struct lki_index *index, struct lki_faults *faults);

#endif
