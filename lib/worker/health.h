/*
 * How a worker fares: processor time of its thread, how long that had to wait for a processor, and
 * descriptors.
 */
#ifndef LKI_WORKER_HEALTH_H
#define LKI_WORKER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bus/message.h"

/* Zeroed: nothing is measured. In the thread of the loop. */
struct lki_measuring {
    int schedule_fd; /* its schedstat, plus 1; 0: none */
    bool on;
    int64_t since_ns;  /* when it began */
    int64_t used_ns;   /* processor time up to then */
    int64_t waited_ns; /* up to then */
};

void lki_measuring_begin(struct lki_measuring *measuring, int64_t now_ns);
/* Fills in span, busy, waited and descriptors. */
void lki_measuring_read(const struct lki_measuring *measuring, int64_t now_ns,
                        struct lki_worker_health *health);
void lki_measuring_end(struct lki_measuring *measuring);

/* How many a process has open; pid 0: this one. */
uint64_t lki_descriptors(pid_t pid);

#endif
