/*
 * What this machine, and the limits that were set for this process, leave for a run.
 */
#ifndef LKI_APP_MACHINE_H
#define LKI_APP_MACHINE_H

#include <stdint.h>

/* 0: unknown. */
struct lki_machine {
    uint64_t descriptors;      /* that a process may open; UINT64_MAX: no limit */
    uint64_t descriptors_most; /* to which it may raise that by itself */
    uint64_t ports;            /* lki_machine_ports */
    uint64_t memory_bytes;     /* that can still be had */
    uint64_t address_bytes;    /* that a process may still map; 0: no limit */
    uint64_t processes;        /* that may still be started; UINT64_MAX: no limit */
};

void lki_machine_read(struct lki_machine *machine);

/* Processors that this process may use, at least 1. */
uint64_t lki_machine_cpus(void);

/* Ports for connections to one address and port; 0: unknown. */
uint64_t lki_machine_ports(void);

/* Raises the limit of descriptors to so many, or as far as that goes. Gives the limit that holds
 * then. */
uint64_t lki_machine_raise_descriptors(uint64_t wanted);

#endif
