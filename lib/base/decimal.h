/*
 * Decimal text to numbers and back: exact, on slices, and deaf to the locale of the host program.
 */
#ifndef LKI_BASE_DECIMAL_H
#define LKI_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

/* Room for what lki_decimal_write writes, terminator included. */
#define LKI_DECIMAL_BYTES 32

/*
 * The end of the number at the front of [at, end) as JSON spells numbers (no plus sign, no leading
 * zeros, digits on both sides of the point), or NULL when there is none.
 */
const char *lki_decimal_end(const char *at, const char *end);

/* The three below take a slice that lki_decimal_end delimited, whole. */

/* The number's magnitude and sign if it is an integer. LK_E_ARG: a fraction; LK_E_LIMIT: too big.
 */
enum lk_err lki_decimal_int(const char *text, size_t len, uint64_t *magnitude, bool *negative);

/* The nearest double, ties to even. LK_E_LIMIT: beyond the largest one. Too small gives 0. */
enum lk_err lki_decimal_double(const char *text, size_t len, double *out);

/* The shortest text that reads back as value, which is finite; gives its length. */
size_t lki_decimal_write(char out[LKI_DECIMAL_BYTES], double value);

#endif
