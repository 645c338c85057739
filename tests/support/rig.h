/*
 * Virtual users for tests of what steps can call: each runs one function of the test's as a step
 * would run, on a real loop, without registry, worker or command line.
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "client/http.h"
#include "client/vu.h"
#include "loop/loop.h"
#include "stats/metric.h"

struct rig;

struct rig_user {
    lk_vu vu;
    struct rig *rig;
    struct rig_user *next;
    void (*run)(lk_vu *vu, void *arg);
    void *arg;
    int64_t timeout_ns;       /* of the step; LKI_NEVER unless the test sets it */
    enum lki_outcome outcome; /* how the step ended */
    char message[256];        /* and why; "" for none */
};

struct rig {
    struct lki_loop loop;
    struct lki_metrics metrics;
    struct lki_http_shared http;
    struct rig_user *users;
    size_t running;
};

/* Ends the program on failure. The rig must not move. */
void rig_open(struct rig *rig);

/* A user that will run run(vu, arg) in step "step"; it may be added to a rig that runs. */
struct rig_user *rig_add(struct rig *rig, void (*run)(lk_vu *vu, void *arg), void *arg);

/* Turns the loop until all users have come to their end; they keep their connections. */
void rig_run(struct rig *rig);

/* Lets the users' samples be counted, and returns how many of source HTTP had this code. */
uint64_t rig_count(struct rig *rig, lki_code code);

void rig_close(struct rig *rig);

#endif
