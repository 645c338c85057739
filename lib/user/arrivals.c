#include "user/arrivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "user/life.h"

/* Users that are woken between two looks at the events. */
#define STARTS_A_TURN 256
#define NS_MAX 9e18
/* Who begins so much after the first arrival would have to catch up with it. */
#define START_LATE_NS LKI_NS_PER_S

/* ---- when they come ---- */

static int64_t pace_time(const struct lki_pace *pace, uint64_t number)
{
    double ns = ((double)(number - pace->first) + pace->lead) / pace->rate_per_s * 1e9 + 0.5;

    return ns < NS_MAX ? lki_ns_after(pace->base_ns, (int64_t)ns) : LKI_NEVER;
}

/* When an arrival is intended that is not done with. */
static int64_t time_of(const struct lki_arrivals *arrivals, uint64_t number)
{
    const struct lki_pace *pace = arrivals->paces;
    const struct lki_pace *last = pace + arrivals->pace_count - 1;

    while (pace < last && pace[1].first <= number)
        pace++;
    return pace_time(pace, number);
}

/* When the next one is due, whether or not it may come. */
static int64_t due_ns(const struct lki_arrivals *arrivals)
{
    int64_t ns = time_of(arrivals, arrivals->log.intended);

    return ns < arrivals->end_ns ? ns : LKI_NEVER;
}

static bool may_come(const struct lki_arrivals *arrivals)
{
    return arrivals->log.intended < arrivals->limit;
}

/* When the next one comes that has not come yet. */
static int64_t next_ns(const struct lki_arrivals *arrivals)
{
    return may_come(arrivals) ? due_ns(arrivals) : LKI_NEVER;
}

/* When the next one is due that may not come unless more are granted. */
static int64_t lack_ns(const struct lki_arrivals *arrivals)
{
    bool lacks = arrivals->crowd->iterations_more && !arrivals->over && !may_come(arrivals);

    return lacks ? due_ns(arrivals) : LKI_NEVER;
}

static uint64_t oldest(const struct lki_arrivals *arrivals)
{
    return arrivals->log.started + arrivals->log.dropped;
}

static void come(struct lki_arrivals *arrivals, int64_t now_ns)
{
    while (next_ns(arrivals) <= now_ns)
        arrivals->log.intended++;
}

/* Paces of which no arrival is left. */
static void paces_trim(struct lki_arrivals *arrivals)
{
    size_t gone = 0;

    while (gone + 1 < arrivals->pace_count && arrivals->paces[gone + 1].first <= oldest(arrivals))
        gone++;
    if (LKI_LIKELY(!gone))
        return;
    arrivals->pace_count -= gone;
    memmove(arrivals->paces, arrivals->paces + gone,
            arrivals->pace_count * sizeof(*arrivals->paces));
}

/* ---- who is free ---- */

void lki_arrivals_await(struct lki_arrivals *arrivals, struct lki_user *user)
{
    lki_line_join(&arrivals->free, user);
}

/* ---- at work ---- */

/* Nobody waits for an arrival from here on. */
static void finish(struct lki_arrivals *arrivals)
{
    arrivals->over = true;
    lki_timer_cancel(&arrivals->timer);
    lki_loop_unpost(arrivals->crowd->loop, &arrivals->give_up);
    while (lki_line_pop(&arrivals->free))
        ;
}

/* Few are left, or none. */
static void look_at_end(struct lki_arrivals *arrivals, uint64_t left)
{
    if (!left && !arrivals->crowd->iterations_more)
        finish(arrivals);
    lki_crowd_low(arrivals->crowd, left);
}

/* Called when one has started or was dropped. */
static void done_with_one(struct lki_arrivals *arrivals)
{
    const struct lki_arrival_log *log = &arrivals->log;
    struct lki_crowd *crowd = arrivals->crowd;
    uint64_t left = lki_arrivals_left(arrivals);

    if (arrivals->shown)
        *arrivals->shown = (struct lki_arrival_counts){log->started, log->dropped, log->late};
    paces_trim(arrivals);
    if (arrivals->limit == UINT64_MAX)
        return;
    ++*crowd->iterations_taken;
    if (left <= crowd->iterations_low && !arrivals->over)
        look_at_end(arrivals, left);
}

static void drop(struct lki_arrivals *arrivals)
{
    arrivals->log.dropped++;
    done_with_one(arrivals);
}

bool lki_arrivals_take(struct lki_arrivals *arrivals, int64_t now_ns, int64_t *late_ns)
{
    if (!lki_arrivals_waiting(arrivals))
        return false;
    *late_ns = now_ns - time_of(arrivals, oldest(arrivals));
    lki_arrival_start(&arrivals->log, *late_ns);
    done_with_one(arrivals);
    return true;
}

static bool can_start(const struct lki_arrivals *arrivals)
{
    return lki_arrivals_waiting(arrivals) && arrivals->free.first;
}

/* When the oldest of those that wait has waited long enough. */
static int64_t patience_ns(const struct lki_arrivals *arrivals)
{
    if (!lki_arrivals_waiting(arrivals))
        return LKI_NEVER;
    return lki_ns_after(time_of(arrivals, oldest(arrivals)), arrivals->wait_ns);
}

/* Sets the timer. What can start now, or is about to be given up, is not waited for. */
static void look_again(struct lki_arrivals *arrivals, int64_t now_ns)
{
    int64_t then_ns = next_ns(arrivals);
    int64_t patient_ns = patience_ns(arrivals);
    int64_t lacking_ns = lack_ns(arrivals);

    if (can_start(arrivals))
        then_ns = now_ns;
    else if (patient_ns > now_ns && patient_ns < then_ns)
        then_ns = patient_ns;
    if (lacking_ns > now_ns && lacking_ns < then_ns)
        then_ns = lacking_ns;
    lki_timer_set(&arrivals->crowd->loop->timers, &arrivals->timer, then_ns);
}

/* At the end of the turn: users that become free in it, as all do at the beginning, may have them.
 */
static void on_give_up(struct lki_post *post)
{
    struct lki_arrivals *arrivals = LKI_CONTAINER(post, struct lki_arrivals, give_up);
    int64_t now_ns = lki_loop_now(arrivals->crowd->loop);

    while (patience_ns(arrivals) <= now_ns)
        drop(arrivals);
    if (!arrivals->over)
        look_again(arrivals, now_ns);
}

/* All that have come are offered to the users that are free, before any is given up: what waited
 * for this turn of the loop did not wait for a user. */
static void on_time(struct lki_timer *timer)
{
    struct lki_arrivals *arrivals = LKI_CONTAINER(timer, struct lki_arrivals, timer);
    struct lki_loop *loop = arrivals->crowd->loop;
    int64_t now_ns = lki_loop_now(loop);

    come(arrivals, now_ns);
    for (int i = 0; i < STARTS_A_TURN && can_start(arrivals); i++)
        lki_user_wake(lki_line_pop(&arrivals->free));
    if (arrivals->over)
        return;
    if (!can_start(arrivals) && patience_ns(arrivals) <= now_ns)
        lki_loop_post(loop, &arrivals->give_up, on_give_up);
    if (lack_ns(arrivals) <= now_ns)
        arrivals->crowd->on_low(arrivals->crowd);
    look_again(arrivals, now_ns);
}

/* ---- from outside ---- */

enum lk_err lki_arrivals_open(struct lki_arrivals *arrivals, struct lki_crowd *crowd,
                              double rate_per_s, int64_t wait_ns, uint64_t limit)
{
    struct lki_pace *paces = lki_zalloc(sizeof(*paces));
    enum lk_err err = LK_E_NOMEM;

    *arrivals = (struct lki_arrivals){
        .crowd = crowd, .limit = limit, .wait_ns = wait_ns, .log = {.rate_per_s = rate_per_s}};
    if (paces)
        err = lki_timer_init(&crowd->loop->timers, &arrivals->timer, on_time);
    if (err) {
        free(paces);
        return err;
    }
    paces->rate_per_s = rate_per_s;
    arrivals->paces = paces;
    arrivals->pace_count = arrivals->pace_cap = 1;
    crowd->arrivals = arrivals;
    return LK_OK;
}

void lki_arrivals_close(struct lki_arrivals *arrivals)
{
    if (!arrivals->crowd)
        return;
    finish(arrivals);
    lki_timer_release(&arrivals->crowd->loop->timers, &arrivals->timer);
    arrivals->crowd->arrivals = NULL;
    lki_arrivals_release(&arrivals->log);
    free(arrivals->paces);
    *arrivals = (struct lki_arrivals){0};
}

void lki_arrivals_begin(struct lki_arrivals *arrivals, int64_t start_ns, int64_t end_ns)
{
    arrivals->end_ns = end_ns;
    if (!arrivals->paced)
        arrivals->paces[0].base_ns = start_ns;
    lki_timer_set(&arrivals->crowd->loop->timers, &arrivals->timer, start_ns);
}

/* There is room for it. */
static void pace_set(struct lki_arrivals *arrivals, const struct lki_pace *pace)
{
    struct lki_pace *last = &arrivals->paces[arrivals->pace_count - 1];

    /* those of which none has come are not needed any more */
    while (last > arrivals->paces && last->first >= pace->first)
        last--;
    if (last->first < pace->first)
        last++;
    *last = *pace;
    arrivals->pace_count = (size_t)(last - arrivals->paces) + 1;
    arrivals->log.rate_per_s = pace->rate_per_s;
    if (!arrivals->over)
        lki_timer_set(&arrivals->crowd->loop->timers, &arrivals->timer,
                      lki_loop_now(arrivals->crowd->loop));
}

/* The number of the first one that is not intended before since_ns by the pace that holds now. */
static uint64_t first_since(const struct lki_pace *pace, int64_t since_ns)
{
    double passed = (double)(since_ns - pace->base_ns) / 1e9 * pace->rate_per_s - pace->lead;
    uint64_t first = pace->first + (passed > 0 ? (uint64_t)passed : 0);

    while (first > pace->first && pace_time(pace, first - 1) >= since_ns)
        first--;
    while (pace_time(pace, first) < since_ns)
        first++;
    return first;
}

enum lk_err lki_arrivals_pace(struct lki_arrivals *arrivals, double rate_per_s, double lead,
                              int64_t since_ns)
{
    int64_t now_ns = lki_loop_now(arrivals->crowd->loop);
    struct lki_pace pace = {.base_ns = since_ns, .lead = lead, .rate_per_s = rate_per_s};
    struct lki_pace *paces = arrivals->paces;
    const struct lki_pace *last = &paces[arrivals->pace_count - 1];
    double late = (double)(now_ns - since_ns) / 1e9 * rate_per_s - lead;

    if (arrivals->paced && last->base_ns == since_ns && last->rate_per_s == rate_per_s)
        return LK_OK;
    paces = lki_room(paces, arrivals->pace_count, &arrivals->pace_cap, sizeof(*paces));
    if (!paces)
        return LK_E_NOMEM;
    arrivals->paces = paces;
    last = &paces[arrivals->pace_count - 1];
    if (arrivals->paced)
        pace.first = first_since(last, since_ns);
    else if (now_ns - since_ns > START_LATE_NS && late > 0)
        pace.lead += ceil(late);
    arrivals->paced = true;
    pace_set(arrivals, &pace);
    return LK_OK;
}

uint64_t lki_arrivals_left(const struct lki_arrivals *arrivals)
{
    return arrivals->limit - oldest(arrivals);
}

void lki_arrivals_grant(struct lki_arrivals *arrivals, uint64_t count)
{
    arrivals->limit += count;
    if (arrivals->over)
        return;
    if (arrivals->limit == oldest(arrivals))
        look_at_end(arrivals, 0);
    else
        look_again(arrivals, lki_loop_now(arrivals->crowd->loop));
}

uint64_t lki_arrivals_reclaim(struct lki_arrivals *arrivals)
{
    int64_t now_ns = lki_loop_now(arrivals->crowd->loop);
    uint64_t count;

    if (!arrivals->over)
        come(arrivals, now_ns);
    count = arrivals->limit - arrivals->log.intended;
    arrivals->limit = arrivals->log.intended;
    if (!arrivals->over)
        look_again(arrivals, now_ns);
    return count;
}

bool lki_arrivals_starve(const struct lki_arrivals *arrivals)
{
    return lack_ns(arrivals) <= lki_loop_now(arrivals->crowd->loop);
}

void lki_arrivals_end(struct lki_arrivals *arrivals)
{
    const struct lki_loop *loop = arrivals->crowd->loop;

    if (arrivals->over)
        return;
    /* those whose time has come since anybody looked are no more late than others */
    if (!loop->current) {
        come(arrivals, lki_loop_now(loop));
        while (can_start(arrivals))
            lki_user_wake(lki_line_pop(&arrivals->free));
    }
    if (arrivals->over)
        return;
    finish(arrivals);
    while (lki_arrivals_waiting(arrivals))
        drop(arrivals);
}

/* Enough for answers within a second at low rates, within a tenth of one at high rates: whoever has
 * a slower system says how many. */
uint64_t lki_arrivals_users(double rate_per_s)
{
    double users = rate_per_s < 50 ? rate_per_s : 50;

    if (rate_per_s > 500)
        users = rate_per_s / 10;
    if (users < 10)
        users = 10;
    return (uint64_t)(users < 10000 ? users : 10000);
}
