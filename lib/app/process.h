/*
 * The process of a worker, as its parent sees it: forked, seen to end, or ended.
 */
#ifndef LKI_APP_PROCESS_H
#define LKI_APP_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/ends.h"
#include "app/output.h"
#include "bus/link.h"
#include "model/model.h"
#include "worker/page.h"

struct lki_process {
    pid_t pid;     /* 0: none */
    int end_fd;    /* readable when it has ended; -1: nothing tells, it has to be looked at */
    int link_fd;   /* the parent's end, which who has the link may have closed: */
    ino_t link_at; /* it is still the same if this is */
    struct lki_io end_io;
    void (*on_ended)(struct lki_process *process);
    struct lki_output printed[LKI_PRINTED];
};

struct lki_process_settings {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_worker_page *page;  /* shared with the process; kept by both */
    const char *http;              /* as for lki_agent_http; NULL: nothing */
    bool under_main;               /* signals are ours */
    struct lki_output_owner owner; /* of what it prints; on_print NULL: it prints by itself */
    /* In the parent, from the loop: it may have ended, see lki_process_reap. */
    void (*on_ended)(struct lki_process *process);
    /* In the child, before it works: it is to lki_process_close_copy all that the parent has. */
    void (*on_forked)(void *arg);
    void *arg;
};

/* Whether this process may fork: not when it has threads, for a lock that one of them holds would
 * stay locked in the child. */
bool lki_process_can_fork(void);

void lki_process_init(struct lki_process *process);

/* Forks it; link is the way to it, and the caller's. */
enum lk_err lki_process_start(struct lki_process *process,
                              const struct lki_process_settings *settings, struct lki_link **link);

/* True: it has ended, and is none any more. *status is as of waitpid; -1: nobody learns how, since
 * the program ignores SIGCHLD. */
bool lki_process_reap(struct lki_process *process, int *status);

/* Ends it, and waits for that; none is ignored. */
void lki_process_kill(struct lki_process *process);

/* Hands on what it has printed, for who does not turn the loop. */
void lki_process_read_printed(struct lki_process *process);

/* In a child: closes its copies of the descriptors that the parent has of that process. */
void lki_process_close_copy(struct lki_process *process);

#endif
