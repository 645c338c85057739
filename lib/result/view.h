/*
 * A result as the program that embeds a run reads it: metrics by their ids in the structs of
 * loadkit/run.h. All of it is made at once, so that reading changes nothing and cannot fail.
 */
#ifndef LKI_RESULT_VIEW_H
#define LKI_RESULT_VIEW_H

#include <loadkit/run.h>

#include "result/result.h"

struct lki_view {
    struct lk_stats stats;
    struct lk_code_stats *codes; /* the most frequent first */
    size_t code_count;
    const struct lki_hist *hist;
};

struct lk_result {
    struct lki_result data;
    struct lki_view *views; /* the metrics; then what is over several of them */
    size_t view_count;
};

/* Takes over data, which on failure is released. */
enum lk_err lki_view_new(struct lk_result **out, struct lki_result *data);
void lki_view_free(struct lk_result *result);

/* By its id, or, where others have the same, by "id (kind)" or "id (kind, stage)". By the id alone
 * a step is found before a request, and both before all others. NULL: there is none. */
const struct lki_view *lki_view_find(const struct lk_result *result, const char *id);

/* The value of an author's metric; NaN when nothing was recorded. */
double lki_view_value(const struct lk_result *result, const char *name);

#endif
