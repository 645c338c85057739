/*
 * What the control core orders, and what workers report. Each message is a struct here and bytes on
 * a link. Orders are idempotent: one that comes twice changes nothing the second time, or carries
 * a number by which the worker knows that it has had it.
 *
 * Times are by the monotonic clock of the worker that is told.
 */
#ifndef LKI_BUS_MESSAGE_H
#define LKI_BUS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"
#include "stats/series.h"

/* Numbers first, first + stride, ...: count of them. */
struct lki_range {
    uint64_t first;
    uint64_t stride;
    uint64_t count;
};

/* Why a run ends. */
enum lki_end {
    LKI_END_NONE,
    LKI_END_DURATION,
    LKI_END_ITERATIONS,
    LKI_END_INTERRUPT, /* a signal, or the program itself, asked for it */
    LKI_END_NO_USERS,  /* without a limit in time: for a minute no user could begin its life */
    LKI_END_SETUP,     /* the run's set-up failed: no user began */
    LKI_END_CRASHES,   /* one step crashed too often */
    LKI_END_COMMAND,   /* the orchestrator was told to end it */
    LKI_END_LOSS,      /* a worker was lost, with which the run was to end */
    LKI_END_FAILURE,   /* something else that is told with the result */
    LKI_END_COUNT_
};

/* Somebody wished it. */
static inline bool lki_end_is_asked(enum lki_end end)
{
    return end == LKI_END_INTERRUPT || end == LKI_END_COMMAND;
}

/* ---- orders: from the core to a worker ---- */

enum lki_order_kind {
    LKI_ORDER_PREPARE,    /* the first one: what the run is */
    LKI_ORDER_SET_UP,     /* carry out LK_ON_SETUP; LKI_REPORT_SET_UP answers */
    LKI_ORDER_START,      /* time counts from here on */
    LKI_ORDER_USERS,      /* have these users, or have them leave */
    LKI_ORDER_RATE,       /* arrivals, from now on */
    LKI_ORDER_ITERATIONS, /* a lease */
    LKI_ORDER_OBJECTS,    /* ids of a resource that are this worker's now */
    LKI_ORDER_RECALL,     /* others wait for objects: what is free, or is given back, goes back */
    LKI_ORDER_STOP,       /* drain, cut off, abandon: one more each time */
    LKI_ORDER_TEAR_DOWN,  /* carry out LK_ON_TEARDOWN; LKI_REPORT_TEAR_DOWN answers */
    LKI_ORDER_QUIT,       /* the last one: report what is left, and end */
    LKI_ORDER_STAND,      /* of another core than before: LKI_REPORT_STANDING answers */
    LKI_ORDER_MAKE,       /* make objects that are for others; LKI_REPORT_MAKE answers for each */
    LKI_ORDER_PROBES,     /* they are this worker's from now on, or are no more */
    LKI_ORDER_COUNT_
};

struct lki_order_prepare {
    const char *run_id;
    uint64_t worker; /* number of this worker, from 1 */
    uint64_t seed;
    uint64_t population; /* users that the run has at the most: so many objects of a resource */
    bool probes;         /* are this worker's, until LKI_ORDER_PROBES */
    bool arrivals;       /* iterations begin at a rate, which LKI_ORDER_RATE gives */
    bool counted;        /* iterations are leased by LKI_ORDER_ITERATIONS, 0 at first */
    int64_t grace_ns;    /* for steps in hand at the end */
    int64_t arrival_wait_ns;
    const char *http; /* settings of all users, as JSON; NULL: nothing */
};

struct lki_order_start {
    int64_t start_ns;
    int64_t end_ns;       /* LKI_NEVER: none */
    const char *run_data; /* JSON that the set-up left; NULL: nothing */
    const char *base_url; /* that it set for the hidden user; NULL: none */
};

struct lki_order_users {
    struct lki_range range;
    bool leave; /* they leave in order; else they begin, but for those that are there */
};

/* Arrival k of this worker is intended at since_ns + (k + lead) / rate_per_s. */
struct lki_order_rate {
    double rate_per_s;
    double lead; /* 0 .. 1: keeps the workers' arrivals apart */
    int64_t since_ns;
};

struct lki_order_iterations {
    uint64_t granted; /* so many since the start, in all */
    uint64_t recalls; /* when it has risen, what has not begun is to be given back */
    bool last;        /* there will be no more */
};

struct lki_order_object {
    uint64_t id;
    const char *text; /* the object, as JSON; NULL: it is to be made */
};

struct lki_order_objects {
    size_t resource; /* index in the model */
    uint64_t first;  /* new ids first .. first + fresh - 1, which are to be made */
    uint64_t fresh;
    bool last; /* there are no more ids than have been leased, to anybody */
    struct lki_order_object *objects;
    size_t count;
};

struct lki_order_recall {
    size_t resource;
    bool on;
};

struct lki_order_stop {
    enum lki_end why;
    unsigned times; /* 1: drain, 2: cut off, 3: abandon */
};

/* Ids first .. first + count - 1. */
struct lki_order_make {
    size_t resource;
    uint64_t first;
    uint64_t count;
};

struct lki_order_probes {
    bool on;
};

struct lki_order {
    enum lki_order_kind kind;
    union {
        struct lki_order_prepare prepare;
        struct lki_order_start start;
        struct lki_order_users users;
        struct lki_order_rate rate;
        struct lki_order_iterations iterations;
        struct lki_order_objects objects;
        struct lki_order_recall recall;
        struct lki_order_stop stop;
        struct lki_order_make make;
        struct lki_order_probes probes;
    };
};

/* ---- reports: from a worker to the core ---- */

enum lki_report_kind {
    LKI_REPORT_HELLO, /* the first one */
    LKI_REPORT_PREPARED,
    LKI_REPORT_SET_UP,
    LKI_REPORT_SECOND,     /* the change of a second, and the totals up to it */
    LKI_REPORT_ITERATIONS, /* how many are left, and whether more are wanted */
    LKI_REPORT_WANT,       /* objects are wanted */
    LKI_REPORT_MADE,       /* an object was made */
    LKI_REPORT_BACK,       /* ids, with or without object, are no more this worker's */
    LKI_REPORT_GONE,       /* the last user has left */
    LKI_REPORT_TEAR_DOWN,
    LKI_REPORT_FAILED,   /* the worker cannot go on, and says why */
    LKI_REPORT_HELD,     /* objects, and ids of objects that were not made, which it has */
    LKI_REPORT_STANDING, /* after all that it has was told: how far it is */
    LKI_REPORT_MAKE,     /* an object for others, or why there is none */
    LKI_REPORT_COUNT_
};

struct lki_report_hello {
    uint64_t pid;
    uint64_t program; /* hash of what is registered: all workers must have the same */
};

/* How a hook of the run ended. */
struct lki_report_hook {
    bool failed;
    bool cancelled;       /* cut off, or forgone because the run was to end */
    bool abandoned;       /* still in lk_blocking */
    const char *message;  /* why it failed, or "" */
    const char *run_data; /* of the set-up; JSON, or NULL */
    const char *base_url; /* that the set-up set for the hidden user, or NULL */
};

/* How a worker fares, since the start of its users. */
struct lki_worker_health {
    int64_t span_ns;    /* over which all this was measured */
    int64_t busy_ns;    /* processor time of the loop's thread */
    int64_t waited_ns;  /* the thread could have run, but others had the processor; -1: unknown */
    int64_t busiest_ns; /* the longest turn of the loop, */
    int64_t lately_ns;  /* and that of the last second or two */
    uint64_t turns;
    uint64_t stalls;      /* turns longer than LKI_STALL_NS */
    uint64_t overflowed;  /* stacks found overflowed */
    uint64_t abandoned;   /* users left in lk_blocking */
    uint64_t descriptors; /* open now */
};

/* Also a part of what is kept of a run. */
struct lki_wire;
void lki_wire_health(struct lki_wire *wire, struct lki_worker_health *health);

struct lki_report_second {
    struct lki_series_row row; /* the change: of this second only */
    const void *latency;       /* its latencies, as lki_hist_encode writes them */
    size_t latency_bytes;
    enum lki_source source;          /* what they are of */
    uint64_t hook_errors;            /* up to now */
    struct lki_worker_health health; /* up to now */
    const void *totals;              /* as lki_snapshot_write writes them; replace all before */
    size_t totals_bytes;
};

struct lki_report_iterations {
    uint64_t granted;  /* as the last order had it */
    uint64_t recalls;  /* likewise */
    uint64_t returned; /* so many since the start, in all, were given back */
    uint64_t left;     /* of those granted have not begun */
    bool wanted;
};

struct lki_report_want {
    size_t resource;
    uint64_t count; /* users that wait now: replaces what was wanted before */
};

struct lki_report_objects { /* of LKI_REPORT_MADE, LKI_REPORT_BACK and LKI_REPORT_HELD */
    size_t resource;
    struct lki_order_object *objects;
    size_t count;
    uint64_t seen; /* of LKI_REPORT_HELD: the last id that ever came to it as a new one */
};

struct lki_report_gone {
    enum lki_end why;
    int64_t at_ns;
};

struct lki_report_failed {
    enum lk_err err;
    const char *message;
};

/* What a core that knows nothing of this life has to know. */
struct lki_report_standing {
    bool started; /* has had LKI_ORDER_START */
    bool gone;    /* its users have left */
    enum lki_end why;
    int64_t gone_ns;
    unsigned stops;          /* as in LKI_ORDER_STOP */
    struct lki_range *users; /* that it was told to have, and not to have leave */
    size_t user_count;
    struct lki_report_iterations iterations;
    bool iterations_last;
};

struct lki_report_make {
    size_t resource;
    uint64_t id;
    const char *text;    /* JSON; NULL: there is no object, */
    const char *message; /* and why; else "" */
};

struct lki_report {
    enum lki_report_kind kind;
    union {
        struct lki_report_hello hello;
        struct lki_report_hook hook; /* of set-up and tear-down */
        struct lki_report_second second;
        struct lki_report_iterations iterations;
        struct lki_report_want want;
        struct lki_report_objects objects;
        struct lki_report_gone gone;
        struct lki_report_failed failed;
        struct lki_report_standing standing;
        struct lki_report_make make;
    };
};

/* Append. */
void lki_order_write(const struct lki_order *order, struct lki_buf *out);
void lki_report_write(const struct lki_report *report, struct lki_buf *out);

/* Is it one of that kind? The rest of it is not looked at. */
bool lki_report_is(enum lki_report_kind kind, const void *bytes, size_t len);

/* Texts and lists come to lie in arena; encoded parts point into bytes. LK_E_FORMAT: this is no
 * such message, whatever it is. */
enum lk_err lki_order_read(struct lki_order *order, const void *bytes, size_t len,
                           struct lki_arena *arena);
enum lk_err lki_report_read(struct lki_report *report, const void *bytes, size_t len,
                            struct lki_arena *arena);

#endif
