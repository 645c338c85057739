/* How the workers fared, and which of them crashed. */
#include <string.h>

#include "result/fill.h"

static enum lk_err crash_fill(struct lki_result *result, const struct lki_result_crash *from)
{
    struct lki_result_crash *crash = &result->crashes[result->crash_count++];
    const char **frames = lki_result_take(result, from->frame_count, sizeof(*frames));

    *crash = *from;
    crash->step = lki_result_keep(result, from->step);
    crash->what = lki_result_keep(result, from->what);
    crash->frames = frames;
    if (!crash->step || !crash->what || !frames)
        return LK_E_NOMEM;
    for (size_t i = 0; i < from->frame_count; i++) {
        frames[i] = lki_result_keep(result, from->frames[i]);
        if (!frames[i])
            return LK_E_NOMEM;
    }
    return LK_OK;
}

enum lk_err lki_result_fleet_fill(struct lki_result *result,
                                  const struct lki_result_settings *settings)
{
    enum lk_err err = LK_OK;

    result->health = lki_result_take(result, settings->health_count, sizeof(*result->health));
    result->crashes = lki_result_take(result, settings->crash_count, sizeof(*result->crashes));
    if (!result->health || !result->crashes)
        return LK_E_NOMEM;
    if (settings->health_count)
        memcpy(result->health, settings->health, settings->health_count * sizeof(*result->health));
    result->health_count = settings->health_count;
    for (size_t i = 0; i < settings->crash_count && !err; i++)
        err = crash_fill(result, &settings->crashes[i]);
    return err;
}
