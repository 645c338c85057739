/*
 * The users that a worker may have, by number: made when they are first wanted, and kept from then
 * on, since they may come again.
 */
#ifndef LKI_WORKER_ROSTER_H
#define LKI_WORKER_ROSTER_H

#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "bus/message.h"
#include "user/user.h"

struct lki_roster {
    struct lki_crowd *crowd;
    struct lki_user **users; /* by number, from 1; NULL: not made */
    uint32_t *types;         /* by number, from 1; NULL: all are of the first type */
    uint64_t count;          /* numbers for which there is room: it grows */
    uint64_t most;           /* numbers that there are */
    uint64_t *dealt;         /* users of each type */
    uint64_t seed;
};

/* Of users 1 .. most, of whom none is made yet. */
void lki_roster_open(struct lki_roster *roster, struct lki_crowd *crowd, uint64_t most,
                     uint64_t seed);
/* Frees the users, but for those that a helper thread still works for. */
void lki_roster_close(struct lki_roster *roster);

/* Numbers that there are not are passed over by all of these. */
enum lk_err lki_roster_make(struct lki_roster *roster, const struct lki_range *range);
void lki_roster_begin(struct lki_roster *roster, const struct lki_range *range);
void lki_roster_leave(struct lki_roster *roster, const struct lki_range *range, int64_t grace_ns);

/* Those who are made, and were not told to leave, as ranges in arena. LK_E_NOMEM. */
enum lk_err lki_roster_list(const struct lki_roster *roster, struct lki_arena *arena,
                            struct lki_range **ranges, size_t *count);
void lki_roster_begin_all(struct lki_roster *roster);
/* They do not come again. */
void lki_roster_leave_all(struct lki_roster *roster);

#endif
