/*
 * A hash map from byte strings to pointers. Keys are borrowed: they usually live in the value.
 */
#ifndef LKI_BASE_MAP_H
#define LKI_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

struct lki_map_slot {
    const char *key; /* NULL: empty */
    size_t len;
    uint64_t hash;
    void *value;
};

struct lki_map {
    struct lki_map_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

uint64_t lki_hash(const void *bytes, size_t len);

/* A zeroed map is empty and ready. */
void lki_map_release(struct lki_map *map);

/* The value under key, or NULL. */
void *lki_map_get(const struct lki_map *map, const char *key, size_t len);

/* Adds or replaces; value is not NULL. LK_E_NOMEM leaves the map as it was. */
enum lk_err lki_map_put(struct lki_map *map, const char *key, size_t len, void *value);

#endif
