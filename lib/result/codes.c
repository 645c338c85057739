/* The codes of a metric, and their categories. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "result/fill.h"

static int by_count(const void *a, const void *b)
{
    const struct lki_result_code *left = a;
    const struct lki_result_code *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return left->code - right->code;
}

static int by_category_count(const void *a, const void *b)
{
    const struct lki_result_category *left = a;
    const struct lki_result_category *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->name, right->name);
}

/* An author's code is known by its name and its category. */
static bool is_plain(lki_code code, const char *category)
{
    return code < LKI_CODE_END ? lki_code_is_plain(code) : !strcmp(category, "ok");
}

/* One name with several categories is one code; they come the most frequent one first. */
static void code_add(struct lki_result_metric *metric, const struct lki_result_code *code)
{
    for (size_t i = 0; i < metric->code_count; i++) {
        if (!strcmp(metric->codes[i].name, code->name)) {
            metric->codes[i].count += code->count;
            metric->codes[i].plain = metric->codes[i].plain && code->plain;
            return;
        }
    }
    metric->codes[metric->code_count++] = *code;
}

static void category_add(struct lki_result_metric *metric, const struct lki_result_code *code)
{
    for (size_t i = 0; i < metric->category_count; i++) {
        if (!strcmp(metric->categories[i].name, code->category)) {
            metric->categories[i].count += code->count;
            return;
        }
    }
    metric->categories[metric->category_count++] = (struct lki_result_category){code->category,
                                                                                code->count};
}

enum lk_err lki_result_codes_fill(struct lki_result *result, struct lki_result_metric *metric,
                                  const struct lki_codes *codes, const struct lki_metrics *metrics)
{
    const struct lki_code_count *counts = lki_codes_all(codes);
    struct lki_result_code *all = lki_result_take(result, codes->len, sizeof(*all));

    metric->codes = lki_result_take(result, codes->len, sizeof(*metric->codes));
    metric->categories = lki_result_take(result, codes->len, sizeof(*metric->categories));
    if (!all || !metric->codes || !metric->categories)
        return LK_E_NOMEM;
    for (size_t i = 0; i < codes->len; i++) {
        lki_code code = counts[i].code;

        all[i].code = code;
        all[i].count = counts[i].count;
        all[i].name = lki_result_keep(result, lki_metrics_code_name(metrics, code));
        all[i].category = lki_result_keep(result, lki_metrics_code_category(metrics, code));
        if (!all[i].name || !all[i].category)
            return LK_E_NOMEM;
        all[i].plain = is_plain(code, all[i].category);
    }
    qsort(all, codes->len, sizeof(*all), by_count);
    for (size_t i = 0; i < codes->len; i++) {
        code_add(metric, &all[i]);
        category_add(metric, &all[i]);
    }
    qsort(metric->codes, metric->code_count, sizeof(*metric->codes), by_count);
    qsort(metric->categories, metric->category_count, sizeof(*metric->categories),
          by_category_count);
    return LK_OK;
}
