/*
 * What the kernel tells of processes in /proc.
 */
#ifndef LKI_APP_PROC_H
#define LKI_APP_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lki_proc {
    char state;      /* 'R', 'S', 'T', 'Z' ... as ps shows it */
    int64_t used_ns; /* of processors, to the tick */
    uint64_t born;   /* in ticks since the boot: no other process of that number has it too */
    uint64_t rss_bytes;
};

/* False: there is none of that number. */
bool lki_proc_read(struct lki_proc *proc, pid_t pid);

#endif
