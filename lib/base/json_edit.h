/*
 * Changing a JSON text: where in it something is to be put, and what has to go for that. The text
 * is one that lki_json_check lets pass.
 */
#ifndef LKI_BASE_JSON_EDIT_H
#define LKI_BASE_JSON_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What is from here to there goes. In its place comes, when something is put: a comma, the name of
 * a member and a colon, the value; the first two only if they are needed. */
struct lki_json_slot {
    const char *from;
    const char *to;
    bool comma;
    const char *name; /* of a new member, as a path has it; NULL: none */
};

/* For a value that is to be at path: in place of the one there, or a new member of an object, or
 * one more element of an array. LK_E_NOT_FOUND: nothing of that can be there; LK_E_FORMAT,
 * LK_E_LIMIT as lki_json_find. */
enum lk_err lki_json_slot_put(const char *text, size_t len, const char *path,
                              struct lki_json_slot *slot);

/* To take out what is at path, which is not "". Errors as above. */
enum lk_err lki_json_slot_cut(const char *text, size_t len, const char *path,
                              struct lki_json_slot *slot);

/* The last name of a path, as a string of JSON. */
void lki_json_write_name(struct lki_buf *buf, const char *name);

#endif
