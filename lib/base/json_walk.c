#include "base/json_walk.h"

#include "base/json_lex.h"

struct lki_json_walk lki_json_walk(const struct lki_json_value *container)
{
    return (struct lki_json_walk){container->raw + 1, container->raw + container->len - 1};
}

/* To the next value, or key; false: there is none. What stands between two of them is a comma. */
static bool next(struct lki_json_walk *walk)
{
    walk->at = lki_json_space_end(walk->at, walk->end);
    if (walk->at < walk->end && *walk->at == ',')
        walk->at = lki_json_space_end(walk->at + 1, walk->end);
    return walk->at < walk->end;
}

static bool take(struct lki_json_walk *walk, struct lki_json_value *value)
{
    if (lki_json_find(walk->at, (size_t)(walk->end - walk->at), "", value))
        return false;
    walk->at = value->raw + value->len;
    return true;
}

bool lki_json_walk_element(struct lki_json_walk *walk, struct lki_json_value *value)
{
    return next(walk) && take(walk, value);
}

bool lki_json_walk_member(struct lki_json_walk *walk, struct lki_json_value *key,
                          struct lki_json_value *value)
{
    if (!next(walk) || !take(walk, key))
        return false;
    walk->at = lki_json_space_end(walk->at, walk->end);
    walk->at = lki_json_space_end(walk->at + 1, walk->end);
    return take(walk, value);
}
