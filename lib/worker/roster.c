#include "worker/roster.h"

#include <stdlib.h>

#include "user/life.h"

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

static enum lk_err deal_types(struct lki_roster *roster)
{
    const struct lki_model *model = roster->crowd->model;
    uint64_t *dealt;

    if (model->type_count < 2)
        return LK_OK;
    dealt = calloc(model->type_count, sizeof(*dealt));
    roster->types = calloc(roster->count, sizeof(*roster->types));
    for (uint64_t i = 0; dealt && roster->types && i < roster->count; i++)
        roster->types[i] = (uint32_t)deal_type(model, dealt);
    free(dealt);
    return dealt && roster->types ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_roster_open(struct lki_roster *roster, struct lki_crowd *crowd, uint64_t count,
                            uint64_t seed)
{
    *roster = (struct lki_roster){.crowd = crowd, .count = count, .seed = seed};
    roster->users = calloc(count, sizeof(struct lki_user *));
    return roster->users ? deal_types(roster) : LK_E_NOMEM;
}

void lki_roster_close(struct lki_roster *roster)
{
    for (uint64_t i = 0; roster->users && i < roster->count; i++)
        lki_user_free(roster->users[i]);
    free(roster->users);
    free(roster->types);
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

enum lk_err lki_roster_make(struct lki_roster *roster, const struct lki_range *range)
{
    const struct lki_vu_type *types = roster->crowd->model->types;
    struct lki_user **place;
    enum lk_err err = LK_OK;

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
