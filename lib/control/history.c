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

static void set_origin(struct lki_history *history, const struct lki_core *core)
{
    if (core->started)
        history->origin_s = history->now_s + (double)(core->start_ns - core->begun_ns) / 1e9;
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

/* ---- what another one was told ---- */

static void restore(struct lki_history *history, const struct lki_series_row *row)
{
    struct lki_recent_second *second = row->span_ns > 0 ? lki_history_second_at(history, row->t_s)
                                                        : NULL;

    if (!second)
        return;
    second->told = true;
    second->users = row->users;
    second->span_ns = row->span_ns < LKI_NS_PER_S ? row->span_ns : LKI_NS_PER_S;
    second->before = (struct lki_history_sums){.requests = row->requests,
                                               .errors = row->errors,
                                               .steps = row->steps,
                                               .step_errors = row->step_errors};
    history->own_s = row->t_s + 1;
    lki_history_begin_points(history);
}

void lki_history_resume(struct lki_history *history, struct lki_core *core, double now_s)
{
    lki_history_begin(history, now_s - (double)(lki_core_now(core) - core->begun_ns) / 1e9);
    if (!bind(history, core))
        return;
    set_origin(history, core);
    for (size_t i = 0; i < core->series.len; i++)
        restore(history, &core->series.rows[i]);
    if (history->begun)
        lki_history_close_until(history, history->own_s - 1);
}

/* ---- what is told ---- */

static struct lki_tally *place(struct lki_metric *metric, void *arg)
{
    return lki_tallies_at(arg, metric->number);
}

static void add_row(struct lki_recent_second *second, const struct lki_series_row *row)
{
    int64_t span_ns = (row->span_ns + LKI_NS_PER_MS / 2) / LKI_NS_PER_MS * LKI_NS_PER_MS;

    second->told = true;
    second->users += row->users;
    /* who was held up tells of several seconds as of one; others did not stand still meanwhile */
    span_ns = span_ns < LKI_NS_PER_S ? span_ns : LKI_NS_PER_S;
    if (span_ns > second->span_ns)
        second->span_ns = span_ns;
}

static bool has_users(const struct lki_core *core)
{
    return core->state == LKI_CORE_RUNNING ||
           (core->state == LKI_CORE_STOPPING && core->stopping == LKI_STOPPING_USERS);
}

/* Who is asked in the middle of a second how he stands tells what he has done by then, and the
 * second later. What is told before the users and after them is of no second: NULL. */
static struct lki_recent_second *second_of(struct lki_history *history, const struct lki_core *core,
                                           const struct lki_core_news *news)
{
    int64_t elapsed_ns = lki_core_elapsed(core);
    const struct lki_series_row *row = news->row;

    if (row && row->t_s <= (elapsed_ns + AHEAD_NS) / LKI_NS_PER_S &&
        row->span_ns <= elapsed_ns + AHEAD_NS)
        return lki_history_second_at(history, row->t_s);
    if (!row && history->begun && has_users(core) && news->before.len)
        return lki_history_second_at(history, (uint64_t)(elapsed_ns / LKI_NS_PER_S));
    return NULL;
}

void lki_history_told(struct lki_history *history, struct lki_core *core,
                      const struct lki_core_news *news)
{
    struct lki_recent_second *second = NULL;
    enum lk_err err;

    if (bind(history, core))
        second = second_of(history, core, news);
    if (!second)
        return;
    if (news->row)
        add_row(second, news->row);
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

/* The last second of which there is nothing to wait for. False: there is none. As a run ends, what
 * nobody tells of is no second of the load's, but a wait for who is out of reach. */
static bool over_until(const struct lki_core *core, uint64_t *until_s)
{
    const struct lki_series_row *newest = lki_series_last(&core->series);
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
    if (core->state >= LKI_CORE_STOPPING && newest && newest->t_s < last_s)
        last_s = newest->t_s;
    *until_s = (uint64_t)last_s;
    return last_s >= 0;
}

static void mark_probes(struct lki_history *history, int64_t elapsed_s)
{
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
    while (history->name_count < core->member_count) {
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

static void keep_counts(struct lki_history *history, const struct lki_core *core)
{
    struct lki_core_status status;

    lki_core_status(core, &status);
    history->counts = (struct lki_history_counts){.hook_errors = status.hook_errors,
                                                  .rated = core->plan.rated,
                                                  .intended = status.intended,
                                                  .started = status.started,
                                                  .dropped = status.dropped,
                                                  .late = status.late};
}

enum lk_err lki_history_second(struct lki_history *history, struct lki_core *core)
{
    bool starved = !bind(history, core) || merge(history, core);
    uint64_t until_s;

    keep_counts(history, core);
    if (history->bound) {
        set_origin(history, core);
        if (lki_history_begin_points(history)) {
            lki_history_close_again(history);
            if (over_until(core, &until_s))
                lki_history_close_until(history, until_s);
        }
        number_metrics(history);
        mark_probes(history, core->started ? lki_core_elapsed(core) / LKI_NS_PER_S : 0);
        name_workers(history, core);
    }
    starved |= history->starved;
    history->starved = false;
    history->version++;
    return starved ? LK_E_NOMEM : LK_OK;
}

bool lki_history_later(struct lki_history *history, double now_s)
{
    int64_t elapsed_s = (int64_t)(now_s - history->origin_s);
    int64_t idle_s = elapsed_s - (int64_t)history->next_s;

    if (history->origin_s <= 0)
        return false;
    mark_probes(history, elapsed_s);
    if (idle_s > LKI_HISTORY_WINDOW_S)
        idle_s = LKI_HISTORY_WINDOW_S;
    if (idle_s <= (int64_t)history->idle_s)
        return false;
    history->idle_s = (uint64_t)idle_s;
    history->version++;
    return true;
}
