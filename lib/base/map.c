#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAP_FIRST_SLOTS 16

uint64_t lki_hash(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t hash = len * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word;

    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, 8);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    word = 0;
    if (len)
        memcpy(&word, at, len);
    hash = (hash ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 29);
}

void lki_map_release(struct lki_map *map)
{
    free(map->slots);
    *map = (struct lki_map){0};
}

/* The slot that holds key, or the empty one where it would go. */
static struct lki_map_slot *slot_find(const struct lki_map *map, const char *key, size_t len,
                                      uint64_t hash)
{
    size_t at = hash & (map->cap - 1);

    for (;; at = (at + 1) & (map->cap - 1)) {
        struct lki_map_slot *slot = &map->slots[at];

        if (!slot->key || (slot->hash == hash && slot->len == len && !memcmp(slot->key, key, len)))
            return slot;
    }
}

void *lki_map_get(const struct lki_map *map, const char *key, size_t len)
{
    if (!map->cap)
        return NULL;
    return slot_find(map, key, len, lki_hash(key, len))->value;
}

static enum lk_err map_grow(struct lki_map *map)
{
    struct lki_map bigger = {.cap = map->cap ? map->cap * 2 : MAP_FIRST_SLOTS};

    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return LK_E_NOMEM;
    for (size_t i = 0; i < map->cap; i++) {
        struct lki_map_slot *from = &map->slots[i];

        if (from->key)
            *slot_find(&bigger, from->key, from->len, from->hash) = *from;
    }
    bigger.count = map->count;
    lki_map_release(map);
    *map = bigger;
    return LK_OK;
}

enum lk_err lki_map_put(struct lki_map *map, const char *key, size_t len, void *value)
{
    uint64_t hash = lki_hash(key, len);
    struct lki_map_slot *slot;

    if (map->count * 4 >= map->cap * 3) {
        enum lk_err err = map_grow(map);

        if (err)
            return err;
    }
    slot = slot_find(map, key, len, hash);
    map->count += !slot->key;
    *slot = (struct lki_map_slot){key, len, hash, value};
    return LK_OK;
}
