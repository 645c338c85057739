/*
 * Arrivals: iterations that are to begin at given times, evenly spaced, whether or not the system
 * under test keeps up. Each is carried out by a user that is free. One that finds none waits, in
 * order, until a user is free; when it has waited too long, or the run ends, it is dropped.
 *
 * Who has been free longest goes first: so users take turns, and types get their shares.
 */
#ifndef LKI_USER_ARRIVALS_H
#define LKI_USER_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "stats/arrivals.h"
#include "user/user.h"

/* Per second: more than any process can start. */
#define LKI_RATE_MAX UINT64_C(10000000)

/* A rate that holds from one arrival on: number k is intended at
 * base_ns + (k - first + lead) / rate_per_s. */
struct lki_pace {
    uint64_t first;
    int64_t base_ns;
    double lead;
    double rate_per_s; /* 0: none come */
};

struct lki_arrivals {
    struct lki_crowd *crowd;
    struct lki_timer timer;           /* the next one comes, or the oldest has waited long enough */
    struct lki_post give_up;          /* it has */
    struct lki_arrival_log log;       /* number k waits when started + dropped <= k < intended */
    struct lki_arrival_counts *shown; /* what log has of them, at a place that outlives the process;
                                         NULL: nowhere */
    struct lki_pace *paces; /* the last one holds now; earlier ones while arrivals of theirs wait */
    size_t pace_count;
    size_t pace_cap;
    uint64_t limit; /* of intended ones; UINT64_MAX: none; it is raised while there may be more */
    int64_t wait_ns;
    int64_t end_ns;       /* none is intended from here on */
    struct lki_line free; /* users that wait for one */
    bool paced;           /* by lki_arrivals_pace */
    bool over;            /* no more will start */
};

/* Has the users of crowd wait for arrivals, which come once lki_arrivals_begin was called. */
enum lk_err lki_arrivals_open(struct lki_arrivals *arrivals, struct lki_crowd *crowd,
                              double rate_per_s, int64_t wait_ns, uint64_t limit);
/* Before the users are freed. A zeroed one is ignored. */
void lki_arrivals_close(struct lki_arrivals *arrivals);

/* The first one is intended at start_ns, the last one before end_ns. */
void lki_arrivals_begin(struct lki_arrivals *arrivals, int64_t start_ns, int64_t end_ns);

/* From since_ns on, arrival k = 0, 1, ... is intended at since_ns + (k + lead) / rate_per_s. What
 * was intended before stays as it was; who begins with this, and late, leaves out what would have
 * been long ago. LK_E_NOMEM: the old rate stays. */
enum lk_err lki_arrivals_pace(struct lki_arrivals *arrivals, double rate_per_s, double lead,
                              int64_t since_ns);

/* Those that were not intended yet, or wait. */
uint64_t lki_arrivals_left(const struct lki_arrivals *arrivals);

/* So many more; that there are no more to come is known to the crowd. */
void lki_arrivals_grant(struct lki_arrivals *arrivals, uint64_t count);

/* Those that were not intended yet may not come any more, until more are granted. How many. */
uint64_t lki_arrivals_reclaim(struct lki_arrivals *arrivals);

/* One would come by now if there were more. */
bool lki_arrivals_starve(const struct lki_arrivals *arrivals);

/* No more of them start: of those whose time has come, free users still take theirs, and the rest
 * are dropped. Within a task no user can begin, and what is due at that moment does not come any
 * more. Before the users are told to leave. */
void lki_arrivals_end(struct lki_arrivals *arrivals);

static inline bool lki_arrivals_waiting(const struct lki_arrivals *arrivals)
{
    return arrivals->log.intended > arrivals->log.started + arrivals->log.dropped;
}

/* The one that has waited longest begins now, in a task of the user that carries it out. False:
 * none waits. */
bool lki_arrivals_take(struct lki_arrivals *arrivals, int64_t now_ns, int64_t *late_ns);

/* Has the user wait for one, without a task. */
void lki_arrivals_await(struct lki_arrivals *arrivals, struct lki_user *user);

/* How many users a rate gets when nobody says how many. */
uint64_t lki_arrivals_users(double rate_per_s);

#endif
