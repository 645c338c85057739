/*
 * Examples: of each result code of a metric the first exchange that brought it, so that a report
 * can show what a code stands for. Their number and length are capped.
 */
#ifndef LKI_STATS_EXAMPLE_H
#define LKI_STATS_EXAMPLE_H

#include <stddef.h>

#include "stats/code.h"
#include "stats/metric.h"

#define LKI_EXAMPLES_MAX 1000
#define LKI_EXAMPLE_LINE_MAX 300 /* bytes of request and answer that are kept */
#define LKI_EXAMPLE_BODY_MAX 200 /* bytes of a body that are kept */

struct lki_example {
    struct lki_example *next; /* of the same metric, in order of first use */
    lki_code code;
    const char *request; /* all three live in this block of memory */
    const char *answer;
    const char *body;
    uint64_t user;   /* whose exchange it was, */
    int64_t took_ns; /* how long it took, both set by who keeps it, */
    int64_t at_ns;   /* and when it was over, since the start of the run */
    uint64_t worker; /* of who merges: where; 0: not known */
};

/* Foreign text, not terminated. */
struct lki_example_part {
    const char *text;
    size_t len;
};

/* The codes that a metric has seen in all. That there is one more after a sample than before it
 * says that its exchange is the example for that code. */
static inline uint16_t lki_metric_codes(const struct lki_metric *metric)
{
    return metric->second.codes.len;
}

/* Keeps an example, dated now; parts are copied. NULL beyond the maximum, or without memory. */
struct lki_example *lki_metrics_example(struct lki_metrics *metrics, struct lki_metric *metric,
                                        lki_code code, struct lki_example_part request,
                                        struct lki_example_part answer,
                                        struct lki_example_part body);

/* Frees all that are linked to the first. */
void lki_examples_release(struct lki_example *first);

#endif
