/*
 * What a run is to be: how many users, or arrivals, at each moment, and when it ends.
 */
#ifndef LKI_CONTROL_PLAN_H
#define LKI_CONTROL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* More users than any machine of today holds, and few enough that no sum of them overflows. */
#define LKI_USERS_MAX UINT64_C(100000000)
/* Where nothing else is said, on a command line as over the API. */
#define LKI_GRACE_DEFAULT_NS (5 * LKI_NS_PER_S)
#define LKI_ARRIVAL_WAIT_DEFAULT_NS (10 * LKI_NS_PER_S)

/* From where the stage before ended to target, evenly, over so long; 0: at once. */
struct lki_stage {
    int64_t length_ns;
    double target; /* users, or arrivals a second */
};

/* What becomes of the users of a worker that is out of reach. */
enum lki_on_loss {
    LKI_LOSS_CONTINUE,  /* they wait for it */
    LKI_LOSS_REBALANCE, /* others get them */
    LKI_LOSS_ABORT      /* the run ends */
};

/* What a worker gets that comes in mid-run. */
enum lki_on_join { LKI_JOIN_IGNORE /* nothing, but for what is added */, LKI_JOIN_REBALANCE };

struct lki_stock;

struct lki_plan {
    const char *run_id; /* NULL: a random one */
    uint64_t users;     /* at the start; of a run with arrivals or without stages: all along */
    double rate_per_s;  /* of arrivals at the start; 0 without rated: none */
    bool rated;         /* iterations begin at a rate: stages are of that */
    struct lki_stage *stages; /* borrowed */
    size_t stage_count;
    int64_t duration_ns; /* with stages: their sum; LKI_NEVER: none */
    uint64_t iterations; /* shared by all users; 0: no limit */
    uint64_t seed;
    int64_t grace_ns;        /* for steps in hand at the end, and of users that are to leave */
    int64_t arrival_wait_ns; /* how late one may start for want of a user */
    const char *http; /* of all users, as lki_http_settings_write has it; NULL: nothing; borrowed */
    bool open_ended;  /* workers may come, and users become more than this says, while it is on */
    enum lki_on_loss on_loss;
    enum lki_on_join on_join;
    struct lki_stock *stock; /* objects that others made; NULL: none */
};

/* What the plan asks for, t_ns after the start: users, or the rate. */
double lki_plan_target(const struct lki_plan *plan, int64_t t_ns);

/* When the number of users changes next after t_ns; LKI_NEVER: not any more. */
int64_t lki_plan_next_change(const struct lki_plan *plan, int64_t t_ns);

/* The most that it asks for at any time: users, or the rate. */
double lki_plan_peak(const struct lki_plan *plan);

/* The most users at any time. */
uint64_t lki_plan_population(const struct lki_plan *plan);

/* The length of all stages. */
int64_t lki_plan_stages_ns(const struct lki_plan *plan);

/* Of a plan with a rate: how many arrivals it asks for in that time. */
double lki_plan_arrivals(const struct lki_plan *plan, int64_t from_ns, int64_t to_ns);

/* The same: until when the rate can be taken for one, if it is to be told anew each step_ns while
 * it changes, counted from the beginning of a stage; LKI_NEVER: it does not change any more. */
int64_t lki_plan_rate_holds(const struct lki_plan *plan, int64_t t_ns, int64_t step_ns);

#endif
