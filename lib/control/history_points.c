/* From the last seconds of a run to the points of its curves. */
#include "control/history_inner.h"

static struct lki_history_point point_of(const struct lki_history *history, uint64_t first_s,
                                         double span_s, uint64_t users,
                                         const struct lki_history_sums *before)
{
    return (struct lki_history_point){.ts = history->origin_s + (double)first_s,
                                      .span_s = span_s,
                                      .users = users,
                                      .before = *before};
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
    point = point_of(history, second_s, span_s, history->users, &second->before);
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
                                              gathered->users, &gathered->before);

    put(history, scale, index, &point, &gathered->tallies);
}

static void gather(struct lki_history *history, struct lki_gathered *into,
                   const struct lki_gathered *from)
{
    if (lki_tallies_add(&into->tallies, &from->tallies))
        history->starved = true;
    into->span_s += from->span_s;
    into->users = from->users;
    into->before.requests += from->before.requests;
    into->before.errors += from->before.errors;
    into->before.steps += from->before.steps;
    into->before.step_errors += from->before.step_errors;
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
        gather(history, ten,
               &(struct lki_gathered){.tallies = second->tallies,
                                      .span_s = (double)span_of(second) / (double)LKI_NS_PER_S,
                                      .users = second->told ? second->users : ten->users,
                                      .before = second->before});
        if (second_s % 10 == 9) {
            close_longer(history, LKI_SCALE_TEN, second_s, ten);
            gather(history, minute, ten);
            gathered_reset(ten);
        }
        if (second_s % 60 == 59) {
            close_longer(history, LKI_SCALE_MINUTE, second_s, minute);
            gathered_reset(minute);
        }
    }
    lki_recent_drop(&history->recent);
}

struct lki_recent_second *lki_history_second_at(struct lki_history *history, uint64_t second_s)
{
    struct lki_recent *recent = &history->recent;

    if (!history->told && second_s > LKI_HISTORY_WINDOW_S)
        recent->first = second_s - LKI_HISTORY_WINDOW_S;
    history->told = true;
    while (second_s >= recent->first + LKI_RECENT_S)
        settle_oldest(history);
    return lki_recent_at(recent, second_s);
}

bool lki_history_begin_points(struct lki_history *history)
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

void lki_history_close_until(struct lki_history *history, uint64_t until_s)
{
    while (history->next_s <= until_s) {
        while (history->next_s >= history->recent.first + LKI_RECENT_S)
            settle_oldest(history);
        close_next(history);
    }
}

void lki_history_close_again(struct lki_history *history)
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
