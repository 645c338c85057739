/*
 * The parts that a result is made of. Strings and lists lie in its arena.
 */
#ifndef LKI_RESULT_FILL_H
#define LKI_RESULT_FILL_H

#include <stddef.h>

#include <loadkit/err.h>

#include "result/result.h"
#include "stats/code.h"
#include "stats/custom.h"
#include "stats/hist.h"
#include "stats/metric.h"

/* Zeroed memory for count objects; never NULL for none of them unless memory ran out. */
void *lki_result_take(struct lki_result *result, size_t count, size_t bytes);

/* Takes down what must not be shown; to be called before anything is kept. */
enum lk_err lki_result_secrets_fill(struct lki_result *result, const struct lki_model *model);

/* Puts stars in the place of every secret in text, and of one that has begun at its end. */
void lki_result_mask(const struct lki_result *result, char *text);

/* A copy, masked; "" of NULL. NULL: no memory. */
const char *lki_result_keep(struct lki_result *result, const char *text);

struct lki_summary lki_summarize(const struct lki_hist *hist);

/* The codes and categories of a metric; metrics knows their names. */
enum lk_err lki_result_codes_fill(struct lki_result *result, struct lki_result_metric *metric,
                                  const struct lki_codes *codes, const struct lki_metrics *metrics);

/* The numbers of a metric; its names are the caller's. */
enum lk_err lki_result_metric_fill(struct lki_result *result, struct lki_result_metric *metric,
                                   const struct lki_tally *tally,
                                   const struct lki_metrics *metrics);

/* All steps of each user type taken together; model may be NULL. */
enum lk_err lki_result_types_fill(struct lki_result *result, const struct lki_model *model,
                                  const struct lki_metrics *metrics);

/* How the workers fared. */
enum lk_err lki_result_fleet_fill(struct lki_result *result,
                                  const struct lki_result_settings *settings);

/* The exchanges that are kept as examples. */
enum lk_err lki_result_examples_fill(struct lki_result *result, const struct lki_metrics *metrics);

/* What the author registered, and the arrivals. */
enum lk_err lki_result_author_fill(struct lki_result *result,
                                   const struct lki_result_settings *settings,
                                   const struct lki_customs *customs);

#endif
