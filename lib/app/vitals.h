/*
 * How a process of this machine fares, seen from outside.
 */
#ifndef LKI_APP_VITALS_H
#define LKI_APP_VITALS_H

#include <stdint.h>
#include <sys/types.h>

/* Zeroed: not read yet. */
struct lki_vitals {
    pid_t pid;
    int64_t read_ns;
    int64_t used_ns;    /* processor time */
    double cpu_percent; /* of one processor, since it was read last; 0 at first */
    uint64_t rss_bytes;
    uint64_t descriptors;
};

/* pid 0, or one that has ended: all is 0. */
void lki_vitals_read(struct lki_vitals *vitals, pid_t pid, int64_t now_ns);

/* Memory that this process may use: of the machine, or of its control group if that is less. */
uint64_t lki_memory_bytes(void);

#endif
