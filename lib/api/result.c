/* Reading the result of a run; declared in loadkit/run.h. */
#include <errno.h>
#include <string.h>

#include <loadkit/run.h>

#include "report/text.h"
#include "result/json.h"
#include "result/view.h"

#define COLUMNS_DEFAULT 100

void lk_result_free(lk_result *result)
{
    lki_view_free(result);
}

const char *lk_result_verdict(const lk_result *result)
{
    return lki_run_verdict_name(result->data.verdict);
}

const char *lk_result_reason(const lk_result *result, size_t index)
{
    return index < result->data.reason_count ? result->data.reasons[index] : NULL;
}

int lk_result_exit_status(const lk_result *result)
{
    return lki_result_exit_status(&result->data);
}

const struct lk_stats *lk_result_stats(const lk_result *result, const char *id)
{
    const struct lki_view *view = lki_view_find(result, id);

    return view ? &view->stats : NULL;
}

const struct lk_stats *lk_result_stats_at(const lk_result *result, size_t index)
{
    return index < result->data.metric_count ? &result->views[index].stats : NULL;
}

double lk_result_percentile_ms(const lk_result *result, const char *id, double percent)
{
    const struct lki_view *view = lki_view_find(result, id);

    if (!view || !view->hist->count)
        return -1;
    return (double)lki_hist_quantile(view->hist, percent / 100) / 1e6;
}

const struct lk_code_stats *lk_result_code_at(const lk_result *result, const char *id, size_t index)
{
    const struct lki_view *view = lki_view_find(result, id);

    return view && index < view->code_count ? &view->codes[index] : NULL;
}

uint64_t lk_result_code_count(const lk_result *result, const char *id, const char *code)
{
    const struct lki_view *view = lki_view_find(result, id);

    for (size_t i = 0; view && i < view->code_count; i++) {
        if (!strcmp(view->codes[i].code, code))
            return view->codes[i].count;
    }
    return 0;
}

double lk_result_value(const lk_result *result, const char *name)
{
    return lki_view_value(result, name);
}

/* Of writing, by errno. */
static enum lk_err failure(void)
{
    return errno == ENOMEM ? LK_E_NOMEM : LK_E_IO;
}

enum lk_err lk_result_print(const lk_result *result, FILE *out, int columns)
{
    bool failed;

    errno = 0;
    lki_report_text(&result->data, out, false, columns > 0 ? columns : COLUMNS_DEFAULT);
    failed = ferror(out);
    failed |= fflush(out) != 0;
    if (!failed)
        return LK_OK;
    if (!errno)
        errno = EIO;
    return failure();
}

enum lk_err lk_result_save(const lk_result *result, const char *path)
{
    return lki_result_save(&result->data, path, NULL, 0) ? failure() : LK_OK;
}
