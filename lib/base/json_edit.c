#include "base/json_edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_walk.h"

/* Is that index the one behind the last element? */
static bool is_next(const struct lki_json_value *array, const char *index)
{
    char *end;
    size_t count;

    if (*index < '0' || *index > '9' || lki_json_count(array, &count))
        return false;
    return strtoull(index, &end, 10) == count && !*end;
}

enum lk_err lki_json_slot_put(const char *text, size_t len, const char *path,
                              struct lki_json_slot *slot)
{
    struct lki_json_value value;
    const char *last;
    size_t count;
    enum lk_err err = lki_json_find(text, len, path, &value);

    if (!err) {
        *slot = (struct lki_json_slot){.from = value.raw, .to = value.raw + value.len};
        return LK_OK;
    }
    if (err != LK_E_NOT_FOUND)
        return err;
    err = lki_json_find_parent(text, len, path, &value, &last);
    if (err)
        return err;
    if (lki_json_count(&value, &count) || (value.kind == LKI_JSON_ARRAY && !is_next(&value, last)))
        return LK_E_NOT_FOUND;
    *slot = (struct lki_json_slot){.from = value.raw + value.len - 1, .comma = count > 0};
    slot->to = slot->from;
    if (value.kind == LKI_JSON_OBJECT)
        slot->name = last;
    return LK_OK;
}

/* One member or element on; *from is where it begins. */
static bool walk_on(struct lki_json_walk *walk, bool object, const char **from,
                    struct lki_json_value *value)
{
    struct lki_json_value key;
    bool more = object ? lki_json_walk_member(walk, &key, value)
                       : lki_json_walk_element(walk, value);

    if (more)
        *from = object ? key.raw : value->raw;
    return more;
}

/* With the comma before it, or, of the first one, the comma behind it. */
enum lk_err lki_json_slot_cut(const char *text, size_t len, const char *path,
                              struct lki_json_slot *slot)
{
    struct lki_json_value container;
    struct lki_json_value value;
    struct lki_json_value at;
    struct lki_json_walk walk;
    const char *before = NULL;
    const char *last;
    const char *from = NULL;
    enum lk_err err = lki_json_find(text, len, path, &value);

    if (!err)
        err = lki_json_find_parent(text, len, path, &container, &last);
    if (err)
        return err;
    from = value.raw;
    walk = lki_json_walk(&container);
    while (walk_on(&walk, container.kind == LKI_JSON_OBJECT, &from, &at) && at.raw != value.raw)
        before = at.raw + at.len;
    *slot = (struct lki_json_slot){.from = before ? before : from, .to = value.raw + value.len};
    if (!before && walk_on(&walk, container.kind == LKI_JSON_OBJECT, &from, &at))
        slot->to = from;
    return LK_OK;
}

/* Without its backslashes it is not longer. */
void lki_json_write_name(struct lki_buf *buf, const char *name)
{
    size_t len = 0;
    char *plain = malloc(strlen(name) + 1);

    if (!plain) {
        buf->err = LK_E_NOMEM;
        return;
    }
    for (; *name; name++) {
        if (*name == '\\' && name[1])
            name++;
        plain[len++] = *name;
    }
    lki_json_write_string(buf, plain, len);
    free(plain);
}
