/*
 * Codes of the author's own: names that become numbers when they first come up, from where the
 * built-in ones end. A code is its name and its category together. Their number is capped, since
 * names may be made of what a server said.
 */
#ifndef LKI_STATS_CODEBOOK_H
#define LKI_STATS_CODEBOOK_H

#include <stddef.h>

#include "base/map.h"
#include "stats/code.h"

#define LKI_CODEBOOK_MAX 1000
#define LKI_LABEL_MAX 64 /* bytes of a code, category, source or stage that are kept */

struct lki_codebook_entry;

/* Zeroed: empty and ready. */
struct lki_codebook {
    struct lki_codebook_entry **entries; /* by code, from LKI_CODE_END on */
    size_t count;
    size_t cap;
    uint64_t overflowed; /* look-ups that LKI_CODE_OTHER had to answer */
    struct lki_map by_key;
};

void lki_codebook_release(struct lki_codebook *book);

/* The code of that name and category, both normalised; LKI_CODE_OTHER beyond the cap, or without
 * memory. */
lki_code lki_codebook_code(struct lki_codebook *book, const char *name, const char *category);

/* Of any code, also a built-in one. */
const char *lki_codebook_name(const struct lki_codebook *book, lki_code code);
const char *lki_codebook_category(const struct lki_codebook *book, lki_code code);

/*
 * A label as it is counted: in capitals or small letters; each run of what is not an ASCII letter,
 * digit, '_', ':' or '-' becomes one '_', at its ends there is none, and at most LKI_LABEL_MAX
 * bytes. Gives its length, 0 if nothing is left.
 */
enum lki_letters { LKI_SMALL, LKI_CAPITALS };
size_t lki_label_normalise(char out[LKI_LABEL_MAX + 1], const char *text, enum lki_letters letters);

#endif
