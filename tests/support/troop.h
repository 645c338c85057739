/*
 * A troop: workers under the orders of a test, which takes the place of the core. Orders and
 * reports are real ones and go over links, all in one loop with a fake clock.
 *
 *     troop_open(&troop, defs, 2);
 *     troop_prepare(&troop, &(struct lki_order_prepare){.population = 4});
 *     troop_start(&troop, LKI_NEVER);
 *     troop_users(&troop.agents[0], 1, 2, 2, false);
 *     troop_run(&troop, 2.5);
 *     ck_assert_str_eq(troop_log(&troop), "1:start@0 3:start@0");
 *     troop_close(&troop);
 */
#ifndef TESTS_SUPPORT_TROOP_H
#define TESTS_SUPPORT_TROOP_H

#include <loadkit/scenario.h>

#include "base/buf.h"
#include "bus/message.h"
#include "stats/snapshot.h"
#include "worker/agent.h"

#define TROOP_AGENTS_MAX 2

struct troop;

/* What an agent has reported, and its end. */
struct troop_agent {
    struct troop *troop;
    uint64_t number;
    struct lki_agent *agent;
    struct lki_link *link; /* to it */
    struct lki_worker_page page;
    struct lki_report_hello hello;
    bool prepared;
    struct lki_report_hook hooks[LK_RUN_HOOK_COUNT_];
    bool hook_over[LK_RUN_HOOK_COUNT_];
    char run_data[256];
    char base_url[64];
    int seconds;               /* reports of numbers */
    struct lki_series_row sum; /* of their changes */
    uint64_t latencies;
    struct lki_snapshot_head head;      /* of the last one */
    struct lki_worker_health health;    /* of the last one */
    int asks;                           /* reports of iterations */
    struct lki_report_iterations lease; /* the last one */
    bool gone;
    struct lki_report_gone left;
    bool failed;
    bool over;
};

struct troop {
    struct lki_loop loop;
    struct lki_model *model;
    struct troop_agent agents[TROOP_AGENTS_MAX];
    size_t count;
    struct lki_arena inbox;
    struct lki_buf out;
    struct lki_buf log;
    /* Each report, after it was noted; may be NULL. */
    void (*on_report)(struct troop_agent *agent, const struct lki_report *report);
};

/* Says hello; the descriptors, of which NULL is the last, live until troop_close. */
void troop_open(struct troop *troop, struct lk_def *const *defs, size_t agents);
/* With agents in whatever state. */
void troop_close(struct troop *troop);

void troop_order(struct troop_agent *agent, const struct lki_order *order);

/* To all, with their numbers; the first one is the one behind the scene. */
void troop_prepare(struct troop *troop, const struct lki_order_prepare *prepare);
/* To all: from now on, so long. */
void troop_start(struct troop *troop, int64_t length_ns);
void troop_users(struct troop_agent *agent, uint64_t first, uint64_t stride, uint64_t count,
                 bool leave);
void troop_stop(struct troop *troop, unsigned times);
/* To all, and until they have ended. */
void troop_quit(struct troop *troop);

/* Lets time pass. */
void troop_run(struct troop *troop, double seconds);

/* Everything that was noted, each time up to now: a new log begins. Lives until the next call. */
const char *troop_log(struct troop *troop);

/* For hooks and steps: "user:what@seconds", since the loop was opened. */
void troop_note(lk_vu *vu, const char *what);

#endif
