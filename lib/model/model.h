/*
 * The model: what the registry holds, checked and put in order, as pure data. A run reads it and
 * changes nothing in it.
 */
#ifndef LKI_MODEL_MODEL_H
#define LKI_MODEL_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/scenario.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

struct lki_step {
    const struct lk_step_def *def;
    const char *name;
    double weight;       /* > 0 */
    int64_t timeout_ns;  /* LKI_NEVER: none */
    size_t stack_bytes;  /* 0: the default */
    const size_t *needs; /* indices of steps of the same type */
    size_t need_count;
};

/* A type of virtual user. */
struct lki_vu_type {
    const struct lk_vu_def *def;
    const char *name;
    double weight; /* > 0 */
    size_t state_bytes;
    const struct lk_hook_def *hooks[LK_HOOK_COUNT_]; /* NULL: none */
    int64_t hook_timeout_ns[LK_HOOK_COUNT_];
    struct lki_step *steps;
    size_t step_count;
};

struct lki_param {
    const struct lk_param_def *def;
    const char *name;
    const char *value; /* given, or registered, or "" */
    bool given;
};

/* Everything stands in the order in which it was written: by file, then line. */
struct lki_model {
    struct lki_vu_type *types;
    size_t type_count;
    struct lki_param *params;
    size_t param_count;
    const struct lk_resource_def **resources;
    size_t resource_count;
    struct lki_arena arena;        /* all of the above */
    struct lki_map param_names;    /* to elements of params */
    struct lki_map resource_names; /* to elements of resources */
};

/*
 * Makes the model of a list of descriptors. Each fault is one line in problems,
 * "file:line: what is wrong; what to do", and the result is then LK_E_ARG and no model.
 */
enum lk_err lki_model_new(struct lki_model **out, const struct lk_def *first,
                          struct lki_buf *problems);

/* NULL is ignored. */
void lki_model_free(struct lki_model *model);

/*
 * Sets parameters from "name=value" texts (borrowed for as long as the model lives); unknown names,
 * doubles, and required ones that are missing afterwards are lines in problems, with LK_E_ARG. Once
 * a model.
 */
enum lk_err lki_model_set_params(struct lki_model *model, const char *const *texts, size_t count,
                                 struct lki_buf *problems);

/* NULL when there is none of that name. */
const struct lki_param *lki_model_param(const struct lki_model *model, const char *name);

/* Its index; SIZE_MAX: none. */
size_t lki_model_resource(const struct lki_model *model, const char *name);

#endif
