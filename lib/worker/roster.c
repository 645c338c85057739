#include "worker/roster.h"

#include <stdlib.h>

#include "user/life.h"

#define FIRST_NUMBERS 16

/* The type of a user: shares by weight, dealt out so that every prefix is as even as can be. So it
 * follows from the user's number alone, whoever has the user. */
static size_t deal_type(const struct lki_model *model, uint64_t *dealt)
{
    size_t best = 0;
    double best_need = -1;

    for (size_t t = 0; t < model->type_count; t++) {
        double need = model->types[t].weight / (double)(dealt[t] + 1);

        if (need > best_need) {
            best_need = need;
            best = t;
        }
    }
    dealt[best]++;
    return best;
}

/* Those of the numbers below count that have none yet. */
static enum lk_err deal_types(struct lki_roster *roster, uint64_t count)
{
    const struct lki_model *model = roster->crowd->model;
    uint32_t *types;

    if (model->type_count < 2)
        return LK_OK;
    if (!roster->dealt)
        roster->dealt = calloc(model->type_count, sizeof(*roster->dealt));
    types = roster->dealt ? realloc(roster->types, (size_t)count * sizeof(*types)) : NULL;
    if (!types)
        return LK_E_NOMEM;
    roster->types = types;
    for (uint64_t i = roster->count; i < count; i++)
        types[i] = (uint32_t)deal_type(model, roster->dealt);
    return LK_OK;
}

/* Room for numbers up to count. */
static enum lk_err reserve(struct lki_roster *roster, uint64_t count)
{
    uint64_t room = roster->count ? roster->count : FIRST_NUMBERS;
    struct lki_user **users;

    if (count <= roster->count)
        return LK_OK;
    while (room < count)
        room *= 2;
    if (room > roster->most)
        room = roster->most;
    users = realloc(roster->users, (size_t)room * sizeof(struct lki_user *));
    if (!users)
        return LK_E_NOMEM;
    roster->users = users;
    if (deal_types(roster, room))
        return LK_E_NOMEM;
    for (uint64_t i = roster->count; i < room; i++)
        users[i] = NULL;
    roster->count = room;
    return LK_OK;
}

void lki_roster_open(struct lki_roster *roster, struct lki_crowd *crowd, uint64_t most,
                     uint64_t seed)
{
    *roster = (struct lki_roster){.crowd = crowd, .most = most, .seed = seed};
}

void lki_roster_close(struct lki_roster *roster)
{
    for (uint64_t i = 0; roster->users && i < roster->count; i++)
        lki_user_free(roster->users[i]);
    free(roster->users);
    free(roster->types);
    free(roster->dealt);
    *roster = (struct lki_roster){0};
}

/* The place of one of a range; NULL: it and all that follow are none of ours. */
static struct lki_user **place_of(const struct lki_roster *roster, const struct lki_range *range,
                                  uint64_t i)
{
    uint64_t stride = range->stride ? range->stride : 1;
    uint64_t last = roster->count;

    if (i >= range->count || !range->first || range->first > last ||
        i > (last - range->first) / stride)
        return NULL;
    return &roster->users[range->first + i * stride - 1];
}

/* The highest number of a range that may be; 0: none. */
static uint64_t last_of(const struct lki_roster *roster, const struct lki_range *range)
{
    uint64_t stride = range->stride ? range->stride : 1;
    uint64_t steps;

    if (!range->count || !range->first || range->first > roster->most)
        return 0;
    steps = (roster->most - range->first) / stride;
    return range->first + (range->count - 1 < steps ? range->count - 1 : steps) * stride;
}

enum lk_err lki_roster_make(struct lki_roster *roster, const struct lki_range *range)
{
    const struct lki_vu_type *types = roster->crowd->model->types;
    struct lki_user **place;
    enum lk_err err = reserve(roster, last_of(roster, range));

    for (uint64_t i = 0; !err && (place = place_of(roster, range, i)); i++) {
        size_t at = (size_t)(place - roster->users);

        if (!*place)
            err = lki_user_new(place, roster->crowd, &types[roster->types ? roster->types[at] : 0],
                               at + 1, roster->seed);
    }
    return err;
}

void lki_roster_begin(struct lki_roster *roster, const struct lki_range *range)
{
    struct lki_user **place;

    for (uint64_t i = 0; (place = place_of(roster, range, i)); i++) {
        if (*place)
            lki_user_begin(*place);
    }
}

void lki_roster_leave(struct lki_roster *roster, const struct lki_range *range, int64_t grace_ns)
{
    struct lki_user **place;

    for (uint64_t i = 0; (place = place_of(roster, range, i)); i++) {
        if (*place)
            lki_user_leave_within(*place, grace_ns);
    }
}

/* The next of them from number on; 0: none. */
static uint64_t next_present(const struct lki_roster *roster, uint64_t number)
{
    for (; number <= roster->count; number++) {
        const struct lki_user *user = roster->users[number - 1];

        if (user && !user->leaving)
            return number;
    }
    return 0;
}

/* The range that begins there: as many as are evenly spaced. */
static struct lki_range range_from(const struct lki_roster *roster, uint64_t first)
{
    uint64_t second = next_present(roster, first + 1);
    struct lki_range range = {.first = first, .stride = second ? second - first : 1, .count = 1};
    uint64_t last = first;

    while (second && second - last == range.stride) {
        range.count++;
        last = second;
        second = next_present(roster, last + 1);
    }
    return range;
}

enum lk_err lki_roster_list(const struct lki_roster *roster, struct lki_arena *arena,
                            struct lki_range **ranges, size_t *count)
{
    uint64_t number;
    size_t len = 0;

    for (number = next_present(roster, 1); number; len++) {
        const struct lki_range range = range_from(roster, number);

        number = next_present(roster, range.first + (range.count - 1) * range.stride + 1);
    }
    *count = 0;
    *ranges = lki_arena_alloc(arena, (len + 1) * sizeof(**ranges));
    if (!*ranges)
        return LK_E_NOMEM;
    for (number = next_present(roster, 1); number;) {
        const struct lki_range range = range_from(roster, number);

        (*ranges)[(*count)++] = range;
        number = next_present(roster, range.first + (range.count - 1) * range.stride + 1);
    }
    return LK_OK;
}

void lki_roster_begin_all(struct lki_roster *roster)
{
    for (uint64_t i = 0; i < roster->count; i++) {
        const struct lki_user *user = roster->users[i];

        if (user && !user->leaving && user->phase == LKI_LIFE_UNBORN)
            lki_user_begin(roster->users[i]);
    }
}

void lki_roster_leave_all(struct lki_roster *roster)
{
    for (uint64_t i = 0; i < roster->count; i++) {
        if (roster->users[i])
            lki_user_leave(roster->users[i]);
    }
}
