#include "control/blend.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_walk.h"
#include "base/map.h"
#include "base/mem.h"

/* Values lie in the parts, names in the arena. */
struct member {
    struct member *next;
    struct lki_json_value key;
    struct lki_json_value value;
};

struct blend {
    struct lki_arena names;
    struct lki_map by_name;
    struct member *first;
    struct member **last;
};

static bool find_object(const char *text, size_t len, struct lki_json_value *object)
{
    return !lki_json_check(text, len) && !lki_json_find(text, len, "", object) &&
           object->kind == LKI_JSON_OBJECT;
}

bool lki_blend_takes(const char *text, size_t len)
{
    struct lki_json_value object;

    return find_object(text, len, &object);
}

/* Names are compared as they read: an escape may stand for any character. */
static enum lk_err add(struct blend *blend, const struct lki_json_value *key,
                       const struct lki_json_value *value)
{
    char *name = lki_arena_alloc(&blend->names, key->len);
    struct member *member;
    size_t len;

    if (!name)
        return LK_E_NOMEM;
    if (lki_json_string(key, name, &len))
        return LK_E_FORMAT;
    member = lki_map_get(&blend->by_name, name, len);
    if (member) {
        member->value = *value;
        return LK_OK;
    }
    member = lki_arena_alloc(&blend->names, sizeof(*member));
    if (!member || lki_map_put(&blend->by_name, name, len, member))
        return LK_E_NOMEM;
    *member = (struct member){.key = *key, .value = *value};
    *blend->last = member;
    blend->last = &member->next;
    return LK_OK;
}

static enum lk_err add_all(struct blend *blend, const char *text)
{
    struct lki_json_value object;
    struct lki_json_value key;
    struct lki_json_value value;
    struct lki_json_walk walk;
    enum lk_err err = LK_OK;

    if (!text)
        return LK_OK;
    if (!find_object(text, strlen(text), &object))
        return LK_E_FORMAT;
    walk = lki_json_walk(&object);
    while (!err && lki_json_walk_member(&walk, &key, &value))
        err = add(blend, &key, &value);
    return err;
}

static void write_all(const struct blend *blend, struct lki_buf *out)
{
    lki_buf_char(out, '{');
    for (const struct member *member = blend->first; member; member = member->next) {
        if (member != blend->first)
            lki_buf_char(out, ',');
        lki_buf_append(out, member->key.raw, member->key.len);
        lki_buf_char(out, ':');
        lki_buf_append(out, member->value.raw, member->value.len);
    }
    lki_buf_char(out, '}');
}

enum lk_err lki_blend(struct lki_buf *out, const char *const *parts, size_t count)
{
    struct blend blend = {.last = &blend.first};
    enum lk_err err = LK_OK;

    for (size_t i = 0; i < count && !err; i++)
        err = add_all(&blend, parts[i]);
    if (!err) {
        write_all(&blend, out);
        err = out->err;
    }
    lki_map_release(&blend.by_name);
    lki_arena_reset(&blend.names);
    return err;
}
