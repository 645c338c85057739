/*
 * Memory that runs out when a test says so. The linker leads every request for memory of the test,
 * the library and Check through here, and libevent is told to ask here too (REFUSABLE in the
 * Makefile lists what is asked). Functions of the C library that need memory inside count as one
 * request each.
 */
#ifndef TESTS_OOM_MEMORY_H
#define TESTS_OOM_MEMORY_H

/* For the rest of the time. */
#define MEMORY_ALL (1L << 40)

/* To be called first in main. */
void memory_open(void);

/* Refuses so many requests in a row, after so many others from now on. */
void memory_refuse(long after, long how_many);

/* Ends that; returns how many requests were refused. */
long memory_allow(void);

/* Blocks and maps that were not given back, and descriptors that were not closed. */
long memory_held(void);
int memory_descriptors(void);

#endif
