/*
 * What steps are called in metrics and reports: by their name, or, when several user types have a
 * step of that name, by "type.name".
 */
#ifndef LKI_MODEL_LABELS_H
#define LKI_MODEL_LABELS_H

#include "model/model.h"

/* Labels all steps of a model. LK_E_NOMEM. */
enum lk_err lki_labels_build(struct lki_model *model);

#endif
