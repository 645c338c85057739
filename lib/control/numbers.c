/* What workers tell each second, and how the run stands by it. */
#include <stdlib.h>
#include <string.h>

#include "control/inner.h"

/* So many seconds of others are not shown while one has not told of them. */
#define LAG_S 2
/* A second that is over for longer tells nothing of now. */
#define NOW_NS (5 * LKI_NS_PER_S)
/* So far ahead of our clock that of a worker may be, also when one of both was set meanwhile. */
#define AHEAD_NS (600 * LKI_NS_PER_S)
/* In less than that a worker does more of other things than of what it is there for, as at its
 * end: it has no share of a processor worth a word. */
#define SHARE_MIN_NS (LKI_NS_PER_S / 4)

/* A link that reconnects may tell some messages again. */
static bool heard_before(struct lki_life *life, uint64_t message)
{
    for (uint64_t i = 0; i < life->heard_count && i < LKI_HEARD_MAX; i++) {
        if (life->heard[i] == message)
            return true;
    }
    life->heard[life->heard_count++ % LKI_HEARD_MAX] = message;
    return false;
}

static void pass_on(const struct lki_member *member, const struct lki_report_second *second)
{
    struct lki_core *core = member->core;
    const struct lki_life *life = member->last;
    const struct lki_core_news news = {
        .worker = member->shown.number,
        .before = {life->snapshot, life->snapshot_bytes},
        .now = {second->totals, second->totals_bytes},
        .row = core->started && second->row.span_ns > 0 ? &second->row : NULL,
    };

    if (core->owner.on_told)
        core->owner.on_told(core, &news, core->owner.arg);
}

/* Without memory the one before stays, and the next one replaces both. */
static void keep_snapshot(struct lki_member *member, const struct lki_report_second *second)
{
    struct lki_life *life = member->last;
    struct lki_snapshot_head head;
    char *snapshot;

    if (!second->totals_bytes ||
        lki_snapshot_read_head(&head, second->totals, second->totals_bytes))
        return;
    snapshot = malloc(second->totals_bytes);
    life->stale = !snapshot;
    if (!snapshot)
        return;
    pass_on(member, second);
    memcpy(snapshot, second->totals, second->totals_bytes);
    free(life->snapshot);
    life->head = head;
    life->snapshot = snapshot;
    life->snapshot_bytes = second->totals_bytes;
    life->changed = true;
}

static void keep_health(struct lki_member *member, const struct lki_worker_health *now)
{
    const struct lki_worker_health *before = &member->shown.health;
    int64_t span_ns = now->span_ns - before->span_ns;
    int64_t busy_ns = now->busy_ns - before->busy_ns;

    if (span_ns >= SHARE_MIN_NS)
        member->busy_share = busy_ns > 0 ? (double)busy_ns / (double)span_ns : 0;
    member->shown.health = *now;
    member->last->health = *now;
}

/* Of one that is still to come, as a worker that lies tells it, all before would get rows. */
static bool can_be_over(const struct lki_core *core, const struct lki_series_row *row)
{
    int64_t until_ns = lki_core_elapsed(core) + AHEAD_NS;

    return row->t_s <= until_ns / LKI_NS_PER_S && row->span_ns <= until_ns;
}

/* A second may come in several changes, each with the users that came since the one before. In
 * seconds that a worker told nothing of, its users were there. */
static void keep_users(struct lki_member *member, const struct lki_series_row *row)
{
    struct lki_life *life = member->last;
    uint32_t users = row->users;

    if (life->in_second && life->second == row->t_s)
        users += (uint32_t)member->shown.users;
    else if (life->in_second && life->second < row->t_s)
        lki_series_hold(&member->core->series, life->second + 1, row->t_s - 1,
                        (uint32_t)member->shown.users);
    life->in_second = true;
    life->second = row->t_s;
    if (!member->gone)
        member->shown.users = users;
}

static void keep_row(struct lki_member *member, const struct lki_report_second *second)
{
    struct lki_core *core = member->core;
    struct lki_life *life = member->last;
    const struct lki_series_row *row = &second->row;
    struct lki_hist latency = {0};
    int64_t told_ns = (int64_t)row->t_s * LKI_NS_PER_S + row->span_ns;
    bool readable = !second->latency_bytes ||
                    !lki_hist_decode(&latency, second->latency, second->latency_bytes);

    if (lki_series_merge(&core->series, row, second->source, readable ? &latency : NULL) == LK_OK)
        core->series.partial += !readable;
    keep_users(member, row);
    lki_hist_release(&latency);
    if (told_ns > life->told_ns)
        life->told_ns = told_ns;
}

void lki_numbers_second(struct lki_member *member, const struct lki_report_second *second,
                        uint64_t message)
{
    if (member->stage == LKI_MEMBER_ABSENT || heard_before(member->last, message))
        return;
    keep_snapshot(member, second);
    keep_health(member, &second->health);
    member->last->hook_errors = second->hook_errors;
    if (member->core->started && second->row.span_ns > 0 && can_be_over(member->core, &second->row))
        keep_row(member, second);
}

/* ---- how it stands ---- */

/* Of one that has died none waits any more. */
static void add_arrivals(const struct lki_life *life, struct lki_core_status *status)
{
    const struct lki_snapshot_head *head = &life->head;
    const struct lki_arrival_counts told = {head->started, head->dropped, head->late};
    const struct lki_arrival_counts *counts = life->exact ? &life->arrivals : &told;

    status->intended += life->exact ? counts->started + counts->dropped : head->intended;
    status->started += counts->started;
    status->dropped += counts->dropped;
    status->late += counts->late;
}

static void add_lives(const struct lki_member *member, struct lki_core_status *status)
{
    for (const struct lki_life *life = member->first; life; life = life->next) {
        lki_totals_merge(&status->totals, life->exact ? &life->totals : &life->head.totals);
        status->hook_errors += life->hook_errors;
        add_arrivals(life, status);
    }
}

/* Whom the end waits for, though nothing is heard of him. */
static void add_awaited(const struct lki_member *member, struct lki_core_status *status)
{
    const struct lki_core *core = member->core;
    int64_t left_ns = member->lapse_ns - lki_core_now(core);

    if (!member->lost || member->stage != LKI_MEMBER_STARTED || member->gone ||
        !lki_ending_waits_for_users(core) || !lki_ending_waits_for_lost(core))
        return;
    if (!status->awaited++)
        status->awaited_id = member->shown.id;
    if (left_ns > status->awaited_ns)
        status->awaited_ns = left_ns;
}

static void add_turn(int64_t ns, struct lki_core_status *status)
{
    if (ns > status->busiest_ns)
        status->busiest_ns = ns;
}

static void add_member(const struct lki_member *member, struct lki_core_status *status)
{
    add_lives(member, status);
    add_awaited(member, status);
    /* what one out of reach does nobody knows, and others have its users */
    if (!member->lost)
        status->users += member->shown.users;
    status->workers += !member->left;
    status->workers_alive += member->shown.alive && !member->stands;
    if (member->busy_share > status->busy_share)
        status->busy_share = member->busy_share;
    if (member->shown.alive) {
        add_turn(member->shown.health.lately_ns, status);
        add_turn(member->delay_ns, status);
    }
}

static int64_t elapsed_ns(const struct lki_core *core)
{
    int64_t end_ns = lki_core_now(core);
    int64_t ns;

    if (core->state >= LKI_CORE_STOPPING && core->stopping != LKI_STOPPING_USERS)
        end_ns = core->end_ns;
    ns = end_ns - (core->started ? core->start_ns : core->begun_ns);
    return ns > 0 ? ns : 0;
}

/* Up to which of the run's seconds it is not waited for any longer. Who has come back tells of the
 * one in which it did. */
static uint32_t told_until(const struct lki_member *member, uint32_t newest_s)
{
    const struct lki_life *life = member->last;

    if (!lki_member_works(member) || member->gone)
        return newest_s + 1;
    if (life->in_second)
        return life->second + 1;
    return life == member->first ? 0 : newest_s + 1;
}

/* The newest second of which all have told who are at work: a part of one would look as if the load
 * had dropped. Who is behind by more than LAG_S, as when it was stopped, is not waited for. */
static const struct lki_series_row *last_row(const struct lki_core *core)
{
    const struct lki_series_row *newest = lki_series_last(&core->series);
    const struct lki_series_row *row;
    uint32_t until_s;

    if (!newest)
        return NULL;
    until_s = newest->t_s + 1;
    for (size_t i = 0; i < core->member_count; i++) {
        uint32_t told_s = told_until(core->members[i], newest->t_s);

        if (told_s < until_s)
            until_s = told_s;
    }
    if (until_s + LAG_S <= newest->t_s)
        return newest;
    if (!until_s)
        return NULL;
    row = lki_series_at(&core->series, until_s - 1);
    return row ? row : newest;
}

/* What was told last is how it stands: for so long. */
static bool is_now(const struct lki_core *core, const struct lki_series_row *row)
{
    int64_t told_ns = core->start_ns + (int64_t)row->t_s * LKI_NS_PER_S + row->span_ns;

    return lki_core_now(core) - told_ns < NOW_NS;
}

enum lki_core_state lki_core_state(const struct lki_core *core)
{
    return core->state;
}

void lki_core_status(const struct lki_core *core, struct lki_core_status *status)
{
    const struct lki_series_row *last = last_row(core);

    *status = (struct lki_core_status){
        .state = core->state,
        .setting_up = core->state == LKI_CORE_PREPARING,
        .tearing_down = core->state == LKI_CORE_STOPPING &&
                        core->stopping == LKI_STOPPING_TEAR_DOWN,
        .elapsed_ns = elapsed_ns(core),
        .total_ns = core->plan.duration_ns == LKI_NEVER ? 0 : core->plan.duration_ns,
        .users_wanted = core->state == LKI_CORE_RUNNING ? core->users_wanted : 0,
        .rate_wanted = core->state == LKI_CORE_RUNNING ? lki_paces_rate(core) : 0,
        .crashes = lki_core_crashes(core, 0),
        .ended_by = core->ended_by,
    };
    if (last && is_now(core, last))
        status->last = *last;
    for (size_t i = 0; i < core->member_count; i++)
        add_member(core->members[i], status);
}

size_t lki_core_worker_count(const struct lki_core *core)
{
    return core->member_count;
}

const struct lki_core_worker *lki_core_worker(const struct lki_core *core, size_t index)
{
    return &core->members[index]->shown;
}
