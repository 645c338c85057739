/*
 * Does a worker still move from one task to the next? Looked at from outside, by its page: a step
 * that computes or blocks is told from a process that was stopped, or gets no processor.
 */
#ifndef LKI_APP_HANG_H
#define LKI_APP_HANG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/page.h"

/* How often to look, and how soon again at one that was asked where it is. */
#define LKI_HANG_LOOK_NS (125 * LKI_NS_PER_MS)
#define LKI_HANG_ASK_NS (20 * LKI_NS_PER_MS)

enum lki_hang_state {
    LKI_HANG_NONE,
    LKI_HANG_ASKED,  /* it does not move, and was asked where it is */
    LKI_HANG_SILENT, /* and has not answered */
    LKI_HANG_NAMED,  /* page->asked tells where it is */
};

/* Zeroed: not looked at yet. */
struct lki_hang {
    enum lki_hang_state state;
    uint64_t moves;
    int64_t looked_ns;
    int64_t quiet_ns; /* without a move, as long as somebody looked on */
    int64_t stuck_ns; /* of that without waiting for anything */
    int64_t used_ns;  /* processor time when it got stuck */
    bool told_silent;
};

/* What is to be done now. */
enum lki_hang_news {
    LKI_HANG_NO_NEWS,
    LKI_HANG_LOOK_SOON, /* it has been asked */
    LKI_HANG_NAME,      /* it has just been found to hang; once */
    LKI_HANG_TELL,      /* it has just been found not to answer; once */
    LKI_HANG_END        /* a step has hung for longer than it may */
};

/* For how long it has not moved; 0: not for longer than one that has nothing to do. */
int64_t lki_hang_silent_ns(const struct lki_hang *hang);

/* can_ask: it answers LKI_CRASH_ASK; else it is named as far as its page shows it. */
enum lki_hang_news lki_hang_look(struct lki_hang *hang, pid_t pid, struct lki_worker_page *page,
                                 int64_t now_ns, bool can_ask, int64_t limit_ns);

#endif
