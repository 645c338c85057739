/* SHA-1 (FIPS 180-4), for protocols that ask for it where it protects nothing. */
#ifndef LKI_BASE_SHA1_H
#define LKI_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define LKI_SHA1_BYTES 20

void lki_sha1(const void *bytes, size_t len, uint8_t out[LKI_SHA1_BYTES]);

#endif
