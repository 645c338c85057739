/* What every fuzzer needs. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int truth)
{
    if (!truth)
        abort();
}

/* Memory that ends with the bytes, for a sanitizer to see any look beyond them. */
static inline char *exact(const void *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);

    must(copy != NULL);
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

#endif
