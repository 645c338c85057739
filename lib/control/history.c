#include "control/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/history_inner.h"
#include "control/inner.h"

/* A second is looked at so much later at the latest, whoever has not told of it. */
#define PATIENCE_S 3
/* So far ahead of our clock those of others may be. */
#define AHEAD_NS (5 * LKI_NS_PER_S)

/* ---- one run after the other ---- */

enum lk_err lki_history_new(struct lki_history **out)
{
    struct lki_history *history = lki_zalloc(sizeof(*history));

    if (!history)
        return LK_E_NOMEM;
    *out = history;
    return LK_OK;
}

static void forget(struct lki_history *history)
{
    for (size_t i = 0; i < history->window_cap; i++)
        lki_codes_release(&history->windows[i].codes);
    for (size_t i = 0; i < history->name_count; i++)
        free(history->names[i]);
    for (size_t i = 0; history->logs && i < history->probe_count; i++)
        lki_probe_log_release(&history->logs[i]);
    free(history->windows);
    free(history->names);
    free(history->logs);
    free(history->marks);
    free(history->metrics);
    lki_metrics_release(&history->merged);
    lki_recent_release(&history->recent);
    lki_points_release(&history->points);
    lki_tallies_release(&history->ten.tallies);
    lki_tallies_release(&history->minute.tallies);
}

void lki_history_free(struct lki_history *history)
{
    if (!history)
        return;
    forget(history);
    free(history);
}

void lki_history_begin(struct lki_history *history, double now_s)
{
    uint64_t version = history->version + 1;

    forget(history);
    *history = (struct lki_history){.now_s = now_s, .version = version};
}

/* The first time that a run is heard of. False without memory: then the next time. */
static bool bind(struct lki_history *history, const struct lki_core *core)
{
    const struct lki_model *model = core->model;
    size_t probes = model->probe_count ? model->probe_count : 1;

    if (history->bound)
        return true;
    if (!history->logs)
        history->logs = calloc(probes, sizeof(*history->logs));
    if (!history->marks)
        history->marks = calloc(probes, sizeof(*history->marks));
    if (!history->logs || !history->marks)
        return false;
    history->probe_count = model->probe_count;
    for (size_t i = 0; i < model->probe_count; i++)
        history->logs[i].name = model->probes[i]->def.name;
    lki_metrics_init(&history->merged, 0, 0);
    history->bound = lki_customs_init(&history->merged.customs, model->metrics,
                                      model->metric_count) == LK_OK;
    return history->bound;
}

/* ---- what is told ---- */

static struct lki_history_point point_of(const struct lki_history *history, uint64_t first_s,
                                         double span_s, uint64_t users)
{
    return (struct lki_history_point){
        .ts = history->origin_s + (double)first_s, .span_s = span_s, .users = users};
}

static void put(struct lki_history *history, enum lki_scale scale, uint64_t index,
                const struct lki_history_point *point, const struct lki_tallies *tallies)
{
    if (lki_points_put(&history->points, scale, index, point, tallies))
        history->starved = true;
}

static int64_t span_of(const struct lki_recent_second *second)
{
    return second->told ? second->span_ns : LKI_NS_PER_S;
}

/* Of one of which nobody tells it is not known how many users there were: as many as before. */
static void put_second(struct lki_history *history, uint64_t second_s,
                       struct lki_recent_second *second)
{
    double span_s = (double)span_of(second) / (double)LKI_NS_PER_S;
    struct lki_history_point point;

    history->users = second->told ? second->users : history->users;
    if (second_s + 1 == history->next_s)
        history->end_ns = (int64_t)second_s * LKI_NS_PER_S + span_of(second);
    point = point_of(history, second_s, span_s, history->users);
    put(history, LKI_SCALE_SECOND, second_s, &point, &second->tallies);
    if (lki_recent_put_by(second))
        history->starved = true;
}

/* The second is over: it gets its point. */
static void close_next(struct lki_history *history)
{
    uint64_t second_s = history->next_s++;

    put_second(history, second_s, lki_recent_at(&history->recent, second_s));
}

/* The point of such a length that ends with this second. */
static void close_longer(struct lki_history *history, enum lki_scale scale, uint64_t second_s,
                         struct lki_gathered *gathered)
{
    uint64_t length_s = lki_scale_s(scale);
    uint64_t index = second_s / length_s;
    struct lki_history_point point = point_of(history, index * length_s, gathered->span_s,
                                              gathered->users);

    put(history, scale, index, &point, &gathered->tallies);
}

static void gather(struct lki_history *history, struct lki_gathered *into,
                   const struct lki_tallies *tallies, double span_s, uint64_t users)
{
    if (lki_tallies_add(&into->tallies, tallies))
        history->starved = true;
    into->span_s += span_s;
    into->users = users;
}

static void gathered_reset(struct lki_gathered *gathered)
{
    lki_tallies_release(&gathered->tallies);
    *gathered = (struct lki_gathered){.users = gathered->users};
}

/* Nobody will tell of it any more: it goes into the longer points, and is forgotten. */
static void settle_oldest(struct lki_history *history)
{
    uint64_t second_s = history->recent.first;
    struct lki_recent_second *second = lki_recent_at(&history->recent, second_s);
    struct lki_gathered *ten = &history->ten;
    struct lki_gathered *minute = &history->minute;

    if (history->begun && second_s >= history->next_s)
        close_next(history);
    if (history->begun && second_s >= history->points.lists[LKI_SCALE_SECOND].first) {
        if (lki_recent_open(second))
            history->starved = true;
        gather(history, ten, &second->tallies, (double)span_of(second) / (double)LKI_NS_PER_S,
               second->told ? second->users : ten->users);
        if (second_s % 10 == 9) {
            close_longer(history, LKI_SCALE_TEN, second_s, ten);
            gather(history, minute, &ten->tallies, ten->span_s, ten->users);
            gathered_reset(ten);
        }
        if (second_s % 60 == 59) {
            close_longer(history, LKI_SCALE_MINUTE, second_s, minute);
            gathered_reset(minute);
        }
    }
    lki_recent_drop(&history->recent);
}

/* The second, among those that are kept; NULL: it is over for too long. */
static struct lki_recent_second *second_at(struct lki_history *history, uint64_t second_s)
{
    struct lki_recent *recent = &history->recent;

    if (!history->told && second_s > LKI_HISTORY_WINDOW_S)
        recent->first = second_s - LKI_HISTORY_WINDOW_S;
    history->told = true;
    while (second_s >= recent->first + LKI_RECENT_S)
        settle_oldest(history);
    return lki_recent_at(recent, second_s);
}

static struct lki_tally *place(struct lki_metric *metric, void *arg)
{
    return lki_tallies_at(arg, metric->number);
}

void lki_history_told(struct lki_history *history, struct lki_core *core,
                      const struct lki_core_news *news)
{
    const struct lki_series_row *row = news->row;
    int64_t latest_ns = lki_core_elapsed(core) + AHEAD_NS;
    int64_t span_ns;
    struct lki_recent_second *second;
    enum lk_err err;

    if (!row || row->t_s > latest_ns / LKI_NS_PER_S || row->span_ns > latest_ns ||
        !bind(history, core))
        return;
    second = second_at(history, row->t_s);
    if (!second)
        return;
    second->told = true;
    second->users += row->users;
    /* who was held up tells of several seconds as of one; others did not stand still meanwhile */
    span_ns = (row->span_ns + LKI_NS_PER_MS / 2) / LKI_NS_PER_MS * LKI_NS_PER_MS;
    span_ns = span_ns < LKI_NS_PER_S ? span_ns : LKI_NS_PER_S;
    if (span_ns > second->span_ns)
        second->span_ns = span_ns;
    err = lki_recent_open(second);
    if (!err)
        err = lki_snapshot_change(&history->merged, news->before, news->now, place,
                                  &second->tallies);
    history->starved |= err == LK_E_NOMEM;
}

/* ---- each second ---- */

static enum lk_err merge(struct lki_history *history, struct lki_core *core)
{
    const struct lki_measured into = {.metrics = &history->merged,
                                      .probes = history->logs,
                                      .probe_count = history->probe_count,
                                      .brief = true};
    enum lk_err err;

    do {
        lki_metrics_clear(&history->merged);
        for (size_t i = 0; i < history->probe_count; i++) {
            const char *name = history->logs[i].name;

            lki_probe_log_release(&history->logs[i]);
            history->logs[i].name = name;
        }
        err = lki_core_measure(core, &into);
    } while (err == LK_E_FORMAT);
    return err;
}

/* Those that are new. */
static void number_metrics(struct lki_history *history)
{
    const struct lki_metric *known = history->metric_count
                                         ? history->metrics[history->metric_count - 1]
                                         : NULL;
    struct lki_metric *metric = known ? known->next : history->merged.first;

    for (; metric; metric = metric->next) {
        struct lki_metric **metrics = lki_room(history->metrics, history->metric_count,
                                               &history->metric_cap, sizeof(*metrics));

        if (!metrics)
            return;
        history->metrics = metrics;
        metrics[history->metric_count++] = metric;
    }
}

/* The last second of which there is nothing to wait for. False: there is none. */
static bool over_until(const struct lki_core *core, uint64_t *until_s)
{
    struct lki_core_status status;
    int64_t now_s;
    int64_t last_s;

    if (!core->started)
        return false;
    lki_core_status(core, &status);
    now_s = status.elapsed_ns / LKI_NS_PER_S;
    last_s = now_s - 1 - PATIENCE_S;
    if (status.last.span_ns && status.last.t_s > last_s && status.last.t_s <= now_s)
        last_s = status.last.t_s;
    *until_s = (uint64_t)last_s;
    return last_s >= 0;
}

/* The first point is that of the first second of which anybody tells. */
static bool begin_points(struct lki_history *history)
{
    struct lki_recent *recent = &history->recent;
    uint64_t second_s = recent->first;

    if (history->begun || !history->told)
        return history->begun;
    while (!lki_recent_at(recent, second_s)->told)
        second_s++;
    history->begun = true;
    history->next_s = second_s;
    return true;
}

static void close_until(struct lki_history *history, uint64_t until_s)
{
    while (history->next_s <= until_s) {
        while (history->next_s >= history->recent.first + LKI_RECENT_S)
            settle_oldest(history);
        close_next(history);
    }
}

/* What was told of seconds that have their points already. */
static void close_again(struct lki_history *history)
{
    uint64_t users = history->users;

    for (uint64_t second_s = history->recent.first; second_s < history->next_s; second_s++) {
        struct lki_recent_second *second = lki_recent_at(&history->recent, second_s);

        if (second->open && second_s >= history->points.lists[LKI_SCALE_SECOND].first)
            put_second(history, second_s, second);
        else if (second->open && lki_recent_put_by(second))
            history->starved = true;
    }
    history->users = users;
}

static void mark_probes(struct lki_history *history, const struct lki_core *core)
{
    int64_t elapsed_s = core->started ? lki_core_elapsed(core) / LKI_NS_PER_S : 0;
    uint64_t now_s = elapsed_s > 0 ? (uint64_t)elapsed_s : 0;
    uint64_t from_s = history->marked_s + 1;

    /* of what another orchestrator has seen it is not known when it was */
    if (now_s > LKI_HISTORY_WINDOW_S && from_s < now_s - LKI_HISTORY_WINDOW_S)
        from_s = now_s - LKI_HISTORY_WINDOW_S;
    for (uint64_t second_s = from_s; second_s <= now_s; second_s++) {
        for (size_t i = 0; i < history->probe_count; i++) {
            size_t at = second_s % (LKI_HISTORY_WINDOW_S + 1);

            history->marks[i].count[at] = history->logs[i].count;
            history->marks[i].errors[at] = history->logs[i].errors;
        }
        history->marked_s = second_s;
    }
}

static void name_workers(struct lki_history *history, const struct lki_core *core)
{
    while (history->probe_count && history->name_count < core->member_count) {
        char **names = lki_room(history->names, history->name_count, &history->name_cap,
                                sizeof(*names));
        char *name = names ? strdup(core->members[history->name_count]->name) : NULL;

        if (names)
            history->names = names;
        if (!name)
            return;
        names[history->name_count++] = name;
    }
}

enum lk_err lki_history_second(struct lki_history *history, struct lki_core *core)
{
    bool starved = !bind(history, core) || merge(history, core);
    uint64_t until_s;

    if (history->bound) {
        if (core->started)
            history->origin_s = history->now_s + (double)(core->start_ns - core->begun_ns) / 1e9;
        if (begin_points(history)) {
            close_again(history);
            if (over_until(core, &until_s))
                close_until(history, until_s);
        }
        number_metrics(history);
        mark_probes(history, core);
        name_workers(history, core);
    }
    starved |= history->starved;
    history->starved = false;
    history->version++;
    return starved ? LK_E_NOMEM : LK_OK;
}
