/*
 * What the readers of JSON share: white space, scalars, strings, the brackets that are open, and
 * ways past all of them.
 */
#ifndef LKI_BASE_JSON_LEX_H
#define LKI_BASE_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* The brackets that are open, innermost last: a bit each, set for an object. */
struct lki_json_nest {
    unsigned depth;
    uint64_t objects[LKI_JSON_DEPTH / 64];
};

static inline const char *lki_json_space_end(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static inline enum lk_err lki_json_nest_push(struct lki_json_nest *nest, char bracket)
{
    uint64_t bit = UINT64_C(1) << (nest->depth % 64);

    if (nest->depth == LKI_JSON_DEPTH)
        return LK_E_LIMIT;
    if (bracket == '{')
        nest->objects[nest->depth / 64] |= bit;
    else
        nest->objects[nest->depth / 64] &= ~bit;
    nest->depth++;
    return LK_OK;
}

/* Only while something is open. */
static inline bool lki_json_nest_in_object(const struct lki_json_nest *nest)
{
    return nest->objects[(nest->depth - 1) / 64] >> ((nest->depth - 1) % 64) & 1;
}

/* Only while something is open; false: another bracket would have to close it. */
static inline bool lki_json_nest_pop(struct lki_json_nest *nest, char bracket)
{
    if (bracket != (lki_json_nest_in_object(nest) ? '}' : ']'))
        return false;
    nest->depth--;
    return true;
}

/* The end of the null, true, false or number at at < end, or NULL; what follows is not looked at.
 */
const char *lki_json_scalar_end(const char *at, const char *end, enum lki_json_kind *kind);

/* The closing quote of the string whose content begins at at, or NULL. The content is not checked.
 */
const char *lki_json_quote_find(const char *at, const char *end);

/*
 * *after = the end of the array or object at at, which lies inside outer brackets. Only brackets
 * and quotes are looked at.
 */
enum lk_err lki_json_container_end(const char *at, const char *end, unsigned outer,
                                   const char **after);

/* The first byte that cannot stand in a string just so: a quote, a backslash, a control character;
 * or that has to be looked at: one that is not ASCII. */
const char *lki_json_plain_end(const char *at, const char *end);

/*
 * Decodes the escape at *at, a backslash, to out (room for 4) and goes behind it; gives the number
 * of bytes, 0 when it is wrong.
 */
size_t lki_json_unescape(const char **at, const char *end, char *out);

/*
 * Checks the string whose content begins at at and gives its closing quote, or NULL. Unless out is
 * NULL the content is decoded to it, without a terminator; *len is its length then.
 */
const char *lki_json_string_decode(const char *at, const char *end, char *out, size_t *len);

#endif
