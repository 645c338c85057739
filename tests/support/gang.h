/*
 * A gang: scripted workers of a core, on a fake clock, so that hours of a run pass in no time. They
 * do what workers are ordered to as far as the core can see it, without carrying anything out, and
 * keep what they were told for the test to look at.
 *
 *     gang_open(&gang, &plan, NULL, 3);
 *     gang_run(&gang, 2.5);
 *     ck_assert_uint_eq(gang_users(&gang), 30);
 *     gang_close(&gang);
 */
#ifndef TESTS_SUPPORT_GANG_H
#define TESTS_SUPPORT_GANG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/core.h"
#include "control/history.h"
#include "loop/loop.h"
#include "model/model.h"

#define GANG_WORKERS_MAX 16
#define GANG_USERS_MAX 4096
#define GANG_RATES_MAX 4096
#define GANG_IDS_MAX 256
#define GANG_RESOURCES_MAX 2

struct gang;

struct gang_worker {
    struct gang *gang;
    uint64_t number;
    struct lki_link *link; /* NULL: not there */
    int lives;
    struct lki_timer end;    /* of the duration */
    struct lki_timer second; /* each second it tells how many users it has */
    unsigned mute;           /* kinds of orders that it does not answer, a bit each */
    bool twice;              /* tells each report twice */
    struct lki_worker_page page;

    /* of its present life */
    bool prepared, started, quit, gone;
    struct lki_order_prepare prepare;
    bool probes; /* are its own */
    struct lki_order_start start;
    char run_data[64];
    char base_url[64];
    unsigned stops;
    enum lki_end stopped_by;
    bool users[GANG_USERS_MAX + 1];
    uint64_t user_count;
    uint64_t granted, taken, returned; /* iterations */
    uint64_t recalls;
    uint64_t low;    /* with so few left it asks for more */
    uint64_t hungry; /* users that wait for one */
    bool last;
    struct lki_report_iterations told;
    struct lki_order_rate rates[GANG_RATES_MAX];
    size_t rate_count;
    struct gang_pool {
        bool held[GANG_IDS_MAX + 1];     /* by a user of its */
        bool free[GANG_IDS_MAX + 1];     /* by nobody of its users */
        bool came[GANG_IDS_MAX + 1];     /* is free since it came from the core */
        char text[GANG_IDS_MAX + 1][24]; /* the object; "": not made */
        uint64_t waiting;                /* users */
        uint64_t seen;                   /* the last id that came as a new one */
        bool recall, last;
    } pools[GANG_RESOURCES_MAX];
    uint64_t orders[LKI_ORDER_COUNT_]; /* how many came */
};

struct gang {
    struct lki_loop loop;
    struct lki_model model;
    struct lki_core *core;
    struct gang_worker workers[GANG_WORKERS_MAX];
    size_t count;
    struct lki_report_hook set_up, tear_down; /* what workers answer */
    bool forgiving;                           /* what there is no memory for is left out */
    bool within;                              /* the one worker is no process */
    bool silent;                              /* seconds are told by the test */
    bool stay_away;                           /* who is wanted again does not come by itself */
    bool probing;                             /* who is added is to run the probes */
    bool moving;                              /* users go from one worker to another */
    int64_t ahead_ns;                         /* clocks of workers less the core's, as it is told */
    uint64_t wanted;                          /* how often one was */
    int overs;                                /* how often the core said so */
    int seconds;
    int64_t over_ns;
    struct lki_history *history; /* that is told of the run; NULL: none */
};

/* A plan of users without an end. */
struct lki_plan gang_plan(uint64_t users);

/* All workers come. model NULL: nothing is registered. Ends the program on failure. */
void gang_open(struct gang *gang, const struct lki_plan *plan, const struct lki_model *model,
               size_t workers);
/* The same, but the workers come when they are told to. */
void gang_open_alone(struct gang *gang, const struct lki_plan *plan, const struct lki_model *model,
                     size_t workers);
/* The two parts of that: all but the core; and the core. */
void gang_prepare(struct gang *gang, const struct lki_model *model, size_t workers);
struct lki_core_owner gang_owner(struct gang *gang);
enum lk_err gang_begin(struct gang *gang, const struct lki_plan *plan);
void gang_close(struct gang *gang);

/* Until so many seconds after the beginning; false: the run is over. */
bool gang_run(struct gang *gang, double until_s);
/* To the end. */
void gang_finish(struct gang *gang);

void gang_join(struct gang_worker *worker);
/* Another one, of an open-ended plan, that comes now. */
struct gang_worker *gang_add(struct gang *gang);
/* Its life goes on with another core, which has lki_core_load behind it. */
void gang_resume(struct gang_worker *worker);
/* The same, where that core knows nothing of it: what it said first is said again. */
void gang_rejoin(struct gang_worker *worker);
struct gang_worker *gang_worker(struct gang *gang, uint64_t number);
void gang_report(struct gang_worker *worker, const struct lki_report *report);

/* So many users begin an iteration, or wait until there is one for them. */
void gang_iterate(struct gang_worker *worker, uint64_t count);
/* That it has been given, and that have not begun. */
uint64_t gang_iterations_left(const struct gang_worker *worker);

/* It dies: from outside; ended by its station, which nobody commands; in a step of a user. Its page
 * tells what it had done. */
void gang_kill(struct gang_worker *worker);
void gang_orphan(struct gang_worker *worker);
void gang_crash(struct gang_worker *worker, uint64_t user, const char *step);

/* Users of all workers. */
uint64_t gang_users(const struct gang *gang);

/* How many arrivals a worker's rates bring before then. */
uint64_t gang_arrivals(const struct gang_worker *worker, int64_t until_ns);

struct lki_core_status gang_status(const struct gang *gang);

#endif
