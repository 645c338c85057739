/* How the workers fared, and which of them crashed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "result/fill.h"

static enum lk_err crash_fill(struct lki_result *result, const struct lki_result_crash *from)
{
    struct lki_result_crash *crash = &result->crashes[result->crash_count++];
    const char **frames = lki_result_take(result, from->frame_count, sizeof(*frames));

    *crash = *from;
    crash->worker_id = lki_result_keep(result, from->worker_id);
    crash->step = lki_result_keep(result, from->step);
    crash->what = lki_result_keep(result, from->what);
    crash->frames = frames;
    if (!crash->worker_id || !crash->step || !crash->what || !frames)
        return LK_E_NOMEM;
    for (size_t i = 0; i < from->frame_count; i++) {
        frames[i] = lki_result_keep(result, from->frames[i]);
        if (!frames[i])
            return LK_E_NOMEM;
    }
    return LK_OK;
}

static enum lk_err health_fill(struct lki_result *result, const struct lki_result_health *from)
{
    struct lki_result_health *health = &result->health[result->health_count++];

    *health = *from;
    health->worker_id = lki_result_keep(result, from->worker_id);
    return health->worker_id ? LK_OK : LK_E_NOMEM;
}

const char *lki_result_worker(const char *id, uint64_t number, char text[LKI_WORKER_BYTES])
{
    if (*id)
        snprintf(text, LKI_WORKER_BYTES, "%s%s", strncmp(id, "worker", 6) ? "worker " : "", id);
    else
        snprintf(text, LKI_WORKER_BYTES, "worker %" PRIu64, number);
    return text;
}

enum lk_err lki_result_fleet_fill(struct lki_result *result,
                                  const struct lki_result_settings *settings)
{
    enum lk_err err = LK_OK;

    result->health = lki_result_take(result, settings->health_count, sizeof(*result->health));
    result->crashes = lki_result_take(result, settings->crash_count, sizeof(*result->crashes));
    if (!result->health || !result->crashes)
        return LK_E_NOMEM;
    for (size_t i = 0; i < settings->health_count && !err; i++)
        err = health_fill(result, &settings->health[i]);
    for (size_t i = 0; i < settings->crash_count && !err; i++)
        err = crash_fill(result, &settings->crashes[i]);
    return err;
}
