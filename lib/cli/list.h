/*
 * The command list as it is divided: for people, and as JSON.
 */
#ifndef LKI_CLI_LIST_H
#define LKI_CLI_LIST_H

#include "base/buf.h"
#include "model/model.h"

/* Adds one JSON object about all that is registered, and a new-line. */
void lki_list_json(struct lki_buf *out, const struct lki_model *model, const char *program);

/* "string", "int", ..., "trend", "counter", ...: types as both forms of the list name them. */
const char *lki_list_param_type(enum lk_param_type type);
const char *lki_list_metric_type(enum lk_metric_type type);

/* "weighted", "parallel" or "the author's". */
const char *lki_list_strategy(lk_strategy *strategy);

#endif
