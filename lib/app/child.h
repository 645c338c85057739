/*
 * The life of a worker's process, from the fork on.
 */
#ifndef LKI_APP_CHILD_H
#define LKI_APP_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "model/model.h"
#include "worker/page.h"

/* With this status ends a worker that could not be set up. */
#define LKI_CHILD_FAILED 70
/* And with this one whose lease has ended. */
#define LKI_CHILD_FENCED 71

struct lki_child {
    pid_t parent;
    const struct lki_model *model;
    struct lki_worker_page *page;
    const char *http; /* as for lki_agent_http; NULL: nothing */
    int link_fd;      /* its own end */
    int printed[2];   /* what it prints to stdout and stderr goes there; -1: where it went before */
    bool under_main;  /* signals are ours */
};

/* To be called right after the fork, with all signals blocked; what is the parent's, also its loop,
 * has been closed. */
LK_NORETURN void lki_child_run(const struct lki_child *child);

#endif
