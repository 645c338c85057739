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
/* Bytes of a name: "type.step" then fits into the name of a metric. */
#define LKI_NAME_MAX 99
/* Objects of a resource: as many as a run has users at most. */
#define LKI_RESOURCE_COUNT_MAX UINT64_C(100000000)

/* "step demo.login", "parameter base_url" and so on in a printf call. */
#define LKI_TITLE_FMT "%s %s%s%s"
#define LKI_TITLE_ARGS(def)                                                                        \
    lki_kind_title((def)->kind), lki_def_vu(def), *lki_def_vu(def) ? "." : "", lki_def_name(def)

/* "step", "user type" and so on. */
const char *lki_kind_title(enum lk_def_kind kind);

/*
 * Faults of descriptors that are not what this library was built for. When there is one, nothing
 * else can be read of them.
 */
void lki_check_sizes(const struct lk_def *first, struct lki_faults *faults);

/* All other faults. */
enum lk_err lki_check_index(const struct lki_index *index, struct lki_faults *faults);

/* The part of it that can be said of one descriptor alone. */
void lki_check_def(const struct lk_def *def, struct lki_faults *faults);

/* The part of it that is about needs: unknown, of the step itself, in a circle. */
enum lk_err lki_check_needs(const struct lki_index *index, struct lki_faults *faults);

/* The part of it that is about names under which reports could not tell two things apart. */
enum lk_err lki_check_labels(const struct lki_index *index, struct lki_faults *faults);

#endif
