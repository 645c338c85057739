/*
 * The workers of a run on this machine: processes that are forked, watched, named when they crash
 * or hang, and forked anew when the core wants them again.
 */
#ifndef LKI_APP_FLEET_H
#define LKI_APP_FLEET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "control/core.h"
#include "model/model.h"

struct lki_fleet;

struct lki_fleet_settings {
    uint64_t workers;    /* 1 or more */
    const char *program; /* with which lines of workers begin; NULL: nothing */
    int64_t grace_ns;    /* a step that does not yield for so long counts as crashed */
    const char *http;    /* of this machine, as for lki_agent_http; NULL: nothing */
    bool handle_signals; /* faults are named with their backtrace: only under lk_main */
    /* What is told of crashes and hanging steps at once, a line each, without new-line; may be
     * NULL. */
    void (*tell)(const char *line, void *arg);
    /* What the author's program prints in a worker, lines; NULL: it prints by itself. So it does
     * to what is no terminal. */
    void (*on_print)(FILE *where, const char *text, size_t len, void *arg);
    /* A worker has been forked: link is the way to it, and of whoever is called, also on failure.
     */
    enum lk_err (*on_join)(uint64_t worker, struct lki_link *link, void *arg);
    /* One has ended, told to or not; what it sent before may still come. */
    void (*on_died)(uint64_t worker, const struct lki_death *death, void *arg);
    /* In a child: closes its copies of what else is open here; may be NULL. */
    void (*on_forked)(void *arg);
    void *arg;
};

/* LK_E_STATE: this process has threads, and so must not fork. The texts of settings are borrowed.
 */
enum lk_err lki_fleet_new(struct lki_fleet **out, struct lki_loop *loop,
                          const struct lki_model *model, const struct lki_fleet_settings *settings);

/* Forks all workers. On failure of some of them they are tried again, while the fleet is there. */
enum lk_err lki_fleet_begin(struct lki_fleet *fleet);

/* Forks that worker, from 1, anew, at the end of the turn. */
void lki_fleet_want(struct lki_fleet *fleet, uint64_t worker);

/* Its process; 0: none. And what it shares with us. */
pid_t lki_fleet_pid(const struct lki_fleet *fleet, uint64_t worker);
struct lki_worker_page *lki_fleet_page(const struct lki_fleet *fleet, uint64_t worker);

/* How its loop does: the longest turn of the last second or two, and for how long it has not moved
 * by now (0: it moves). */
struct lki_fleet_pace {
    int64_t longest_ns;
    int64_t silent_ns;
};

struct lki_fleet_pace lki_fleet_pace(const struct lki_fleet *fleet, uint64_t worker);

/* Ends what is still alive, waits for all, and frees; nobody is told any more. Workers that still
 * have something to do should have lost their link by then. NULL is ignored. */
void lki_fleet_free(struct lki_fleet *fleet);

#endif
