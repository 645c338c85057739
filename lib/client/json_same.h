/* Whether two JSON values are the same, however they are written. */
#ifndef LKI_CLIENT_JSON_SAME_H
#define LKI_CLIENT_JSON_SAME_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/json.h"

/* Of arrays and objects inside each other no more are compared. */
#define LKI_JSON_SAME_DEPTH 64

/*
 * Numbers by their value, strings by their text, objects whatever the order of their members. Both
 * are of texts that lki_json_check has let pass. LK_E_NOMEM; LK_E_LIMIT: nested deeper.
 */
enum lk_err lki_json_same(struct lki_arena *arena, const struct lki_json_value *a,
                          const struct lki_json_value *b, bool *same);

#endif
