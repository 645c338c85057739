/*
 * From one member of an object, or element of an array, to the next, in a text that
 * lki_json_check has let pass.
 */
#ifndef LKI_BASE_JSON_WALK_H
#define LKI_BASE_JSON_WALK_H

#include <stdbool.h>

#include "base/json.h"

struct lki_json_walk {
    const char *at;
    const char *end;
};

/* At the beginning of an array or object. */
struct lki_json_walk lki_json_walk(const struct lki_json_value *container);

/* False: there is none left. The key is a string, with its quotes and escapes. */
bool lki_json_walk_member(struct lki_json_walk *walk, struct lki_json_value *key,
                          struct lki_json_value *value);
bool lki_json_walk_element(struct lki_json_walk *walk, struct lki_json_value *value);

#endif
