/* What a program asks of a result beyond the report: user types, and examples of codes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "result/fill.h"
#include "stats/example.h"

static bool is_step(const struct lki_metric *metric, const char *label)
{
    size_t len = lki_text_cut(label, strlen(label), LKI_METRIC_NAME_MAX);

    return metric->source == LKI_SOURCE_STEP && strlen(metric->id) == len &&
           !memcmp(metric->id, label, len);
}

/* All steps of a user type taken together. */
static enum lk_err type_fill(struct lki_result *result, struct lki_result_metric *all,
                             const struct lki_vu_type *type, const struct lki_metrics *metrics)
{
    struct lki_tally *sum = lki_zalloc(sizeof(*sum));
    enum lk_err err;

    *all = (struct lki_result_metric){.id = "",
                                      .name = lki_result_keep(result, type->name),
                                      .step = "",
                                      .kind = lki_source_name(LKI_SOURCE_STEP),
                                      .stage = "",
                                      .source = LKI_SOURCE_STEP};
    if (!sum || !all->name) {
        free(sum);
        return LK_E_NOMEM;
    }
    for (size_t s = 0; s < type->step_count; s++) {
        const struct lki_metric *metric = metrics->first;

        while (metric && !is_step(metric, type->steps[s].label))
            metric = metric->next;
        if (metric)
            lki_tally_merge(sum, &metric->total);
    }
    err = lki_result_metric_fill(result, all, sum, metrics);
    lki_tally_release(sum);
    free(sum);
    return err;
}

enum lk_err lki_result_types_fill(struct lki_result *result, const struct lki_model *model,
                                  const struct lki_metrics *metrics)
{
    size_t count = model ? model->type_count : 0;
    enum lk_err err = LK_OK;

    result->types = lki_result_take(result, count, sizeof(*result->types));
    if (!result->types)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count && !err; i++)
        err = type_fill(result, &result->types[result->type_count++], &model->types[i], metrics);
    return err;
}

static enum lk_err example_copy(struct lki_result *result, size_t metric,
                                const struct lki_example *from)
{
    struct lki_result_example *example = &result->examples[result->example_count++];

    *example = (struct lki_result_example){
        .metric = metric,
        .code = from->code,
        .request = lki_result_keep(result, from->request),
        .answer = lki_result_keep(result, from->answer),
        .body = lki_result_keep(result, from->body),
    };
    return example->request && example->answer && example->body ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_result_examples_fill(struct lki_result *result, const struct lki_metrics *metrics)
{
    size_t at = 0;
    enum lk_err err = LK_OK;

    result->examples = lki_result_take(result, metrics->example_count, sizeof(*result->examples));
    if (!result->examples)
        return LK_E_NOMEM;
    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next, at++) {
        const struct lki_example *example = metric->examples;

        for (; example && !err; example = example->next)
            err = example_copy(result, at, example);
    }
    return err;
}
