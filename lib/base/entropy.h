/*
 * Numbers that nobody can foresee, as the kernel draws them: names that nobody else has, secrets,
 * and seeds where none was given.
 */
#ifndef LKI_BASE_ENTROPY_H
#define LKI_BASE_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the kernel has none. */
bool lki_entropy(void *bytes, size_t len);
/* The same as text: two hexadecimal digits a byte, and a terminator. */
bool lki_entropy_hex(char *text, size_t bytes);

/* For no secret: where the kernel has none yet, the clock and the number of the process do. */
uint64_t lki_entropy_u64(void);
/* A seed. It is typed again to see a run again, so it is not a long one; never 0. */
uint64_t lki_entropy_seed(void);

#endif
