/*
 * The descriptors of a registry in the two orders in which the model looks at them. Both depend on
 * what was written where only, never on the order in which the linker had the constructors run: the
 * same program draws the same weighted choices from the same seed, however it was linked.
 */
#ifndef LKI_MODEL_INDEX_H
#define LKI_MODEL_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/scenario.h>

struct lki_index {
    const struct lk_def **by_place; /* by kind, file, line, name */
    const struct lk_def **by_name;  /* by kind, user type (steps and hooks), name, then place */
    size_t count;
};

/* first is borrowed. Every descriptor in it must have the size of its kind. */
enum lk_err lki_index_init(struct lki_index *index, const struct lk_def *first);
void lki_index_release(struct lki_index *index);

/* The descriptors of one kind in order of place; *count of them. */
const struct lk_def **lki_index_range(const struct lki_index *index, enum lk_def_kind kind,
                                      size_t *count);

/* Where in by_name the first of that name stands, or NULL. vu is "" unless for a step or a hook. */
const struct lk_def **lki_index_find(const struct lki_index *index, enum lk_def_kind kind,
                                     const char *vu, const char *name, size_t name_len);

/* Those of one kind that belong to one user type, in order of name; *count of them. */
const struct lk_def **lki_index_group(const struct lki_index *index, enum lk_def_kind kind,
                                      const char *vu, size_t *count);

/* True when a was written before b: by file, then line. */
bool lki_def_before(const struct lk_def *a, const struct lk_def *b);

/* True when both stand for the same thing: kind, user type and name alike. */
bool lki_def_same(const struct lk_def *a, const struct lk_def *b);

/* The name, the user type it belongs to and the file: never NULL, "" when there is none. */
const char *lki_def_name(const struct lk_def *def);
const char *lki_def_vu(const struct lk_def *def);
const char *lki_def_file(const struct lk_def *def);

/* Bytes of a descriptor of that kind as this library knows it; 0: no such kind. */
size_t lki_def_bytes(enum lk_def_kind kind);

/* "on_init" and so on; "" for a number that is no hook. */
const char *lki_hook_name(enum lk_hook_kind hook);

/* "on_setup" and "on_teardown"; "" for a number that is neither. */
const char *lki_run_hook_name(enum lk_run_hook_kind hook);

/*
 * The next name in the list of a step's needs: *at moves on, name and len say where it stands,
 * without the blanks around. False at the end. A list with nothing between two commas has an empty
 * name.
 */
bool lki_needs_next(const char **at, const char **name, size_t *len);

#endif
