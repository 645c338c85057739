/* Values that are changed, copied, or made of text. */
#include <loadkit/values.h>

#include <string.h>

#include "base/json.h"
#include "base/json_edit.h"
#include "client/values.h"
#include "client/vu.h"

/* ---- failing ---- */

static const char *const kinds[] = {
    [LKI_JSON_NULL] = "null",       [LKI_JSON_BOOL] = "a boolean", [LKI_JSON_NUMBER] = "a number",
    [LKI_JSON_STRING] = "a string", [LKI_JSON_ARRAY] = "an array", [LKI_JSON_OBJECT] = "an object",
};

/* Ends the step: nothing can be put at path. */
LK_NORETURN static void set_fail(lk_vu *vu, const struct lki_doc *doc, const char *path)
{
    struct lki_json_value parent;
    const char *last;
    size_t count = 0;

    if (lki_json_find_parent(doc->text, doc->len, path, &parent, &last))
        lki_vu_fail(vu, "cannot set \"%s\": there is nothing that it could be put into", path);
    if (lki_json_count(&parent, &count))
        lki_vu_fail(vu, "cannot set \"%s\": \"%.*s\" is %s", path,
                    (int)(last - path - (last > path)), path, kinds[parent.kind]);
    lki_vu_fail(vu, "cannot set \"%s\": the array has %zu elements, and %zu would add one", path,
                count, count);
}

/* Whose step changes it. What outlives the step is not to be changed. */
static lk_vu *editor_of(const lk_json *json, const char *path, const char *doing)
{
    const char *editor = *doing == 's' ? "lk_json_set" : "lk_json_remove";
    lk_vu *vu;

    lki_need(json, editor, "the value to change");
    lki_need(path, editor, "the path");
    vu = lki_doc_reader(&json->doc);
    if (vu && json->doc.resource)
        lki_vu_fail(vu,
                    "cannot %s \"%s\" in resource %s, which outlives the step: do it in a copy "
                    "that lk_json_copy makes",
                    doing, path, json->doc.resource);
    return vu;
}

/* ---- changing ---- */

/* Takes the text in buf for its own. Strings that were read from the old one stay where they are.
 */
static void text_replace(lk_vu *vu, lk_json *json, const struct lki_buf *buf)
{
    char *text;

    if (buf->err == LK_E_LIMIT)
        lki_vu_fail(vu, "a JSON value takes more than %zu bytes", buf->max);
    text = buf->err ? NULL : lki_arena_copy(json->doc.arena, buf->data, buf->len);
    if (!text)
        lki_vu_nomem(vu);
    json->doc.text = text;
    json->doc.len = buf->len;
    json->doc.memo = NULL;
}

static void rest_write(struct lki_buf *buf, const lk_json *json, const char *from)
{
    lki_buf_append(buf, from, (size_t)(json->doc.text + json->doc.len - from));
}

void lk_json_set_value(lk_json *json, const char *path, struct lk_value value)
{
    lk_vu *vu = editor_of(json, path, "set");
    struct lki_json_slot slot;
    struct lki_buf *buf;

    if (!vu)
        return;
    buf = lki_vu_scratch(vu);
    if (lki_json_slot_put(json->doc.text, json->doc.len, path, &slot))
        set_fail(vu, &json->doc, path);
    lki_buf_clear(buf);
    lki_buf_append(buf, json->doc.text, (size_t)(slot.from - json->doc.text));
    if (slot.comma)
        lki_buf_char(buf, ',');
    if (slot.name) {
        lki_json_write_name(buf, slot.name);
        lki_buf_char(buf, ':');
    }
    lki_value_write(vu, buf, &value);
    rest_write(buf, json, slot.to);
    text_replace(vu, json, buf);
}

void lk_json_remove(lk_json *json, const char *path)
{
    lk_vu *vu = editor_of(json, path, "remove");
    struct lki_json_slot slot;
    struct lki_buf *buf;

    if (!vu)
        return;
    if (!*path)
        lki_vu_fail(vu, "cannot remove the whole of a value");
    if (lki_json_slot_cut(json->doc.text, json->doc.len, path, &slot))
        lki_vu_fail(vu, "cannot remove \"%s\": it is not there", path);
    buf = lki_vu_scratch(vu);
    lki_buf_clear(buf);
    lki_buf_append(buf, json->doc.text, (size_t)(slot.from - json->doc.text));
    rest_write(buf, json, slot.to);
    text_replace(vu, json, buf);
}

/* ---- making ---- */

lk_json *lk_json_copy(lk_vu *vu, const lk_json *json)
{
    struct lki_buf *buf = lki_vu_scratch(vu);

    lki_buf_clear(buf);
    if (json)
        lki_buf_append(buf, json->doc.text, json->doc.len);
    else
        lki_json_write_null(buf);
    return lki_json_new(vu, buf);
}

lk_json *lk_json_parse(lk_vu *vu, const char *text)
{
    struct lki_doc doc = {.text = text, .len = text ? strlen(text) : 0};
    struct lki_buf *buf = lki_vu_scratch(vu);
    char found[LKI_FOUND_BYTES];

    if (lki_json_check(text ? text : "", doc.len)) {
        lki_doc_describe(&doc, found);
        lki_vu_fail(vu, "cannot parse a text as JSON: %s", found);
    }
    lki_buf_clear(buf);
    lki_buf_append(buf, text, doc.len);
    return lki_json_new(vu, buf);
}
