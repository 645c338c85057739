/*
 * May the numbers of a run be believed? Judged from plain data, so that it does not matter whether
 * a run had workers, or was a test on a fake clock.
 */
#ifndef LKI_RESULT_VERDICT_H
#define LKI_RESULT_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "result/result.h"

/* What lki_result_init was not told. Zeroed: nothing to say. Texts are borrowed. */
struct lki_judged {
    const char *failure;           /* why the run failed as a whole */
    const char *set_up_failure;    /* LK_ON_SETUP failed, so the run did; NULL: it did not */
    const char *tear_down_failure; /* worth a note only */
    bool set_up_abandoned;         /* it was still in lk_blocking when the run had to go on */
    bool tear_down_abandoned;
    bool no_users;             /* the run was ended because no user could begin its life */
    bool unexplained;          /* a worker vanished for good: how much is missing is not known */
    uint64_t descriptor_limit; /* of a process (RLIMIT_NOFILE); 0: unknown */
    uint64_t port_count;       /* in net.ipv4.ip_local_port_range; 0: unknown */
};

/*
 * Adds verdict, reasons and notes to a result that lki_result_init has made, once. What it says of
 * the generator comes from the result's own health, crashes, arrivals and codes, and from what was
 * lost.
 */
void lki_result_judge(struct lki_result *result, const struct lki_judged *judged);

#endif
