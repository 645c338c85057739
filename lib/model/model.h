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

/* What time-outs are when they are not given. */
#define LKI_HOOK_TIMEOUT_S 30.0
#define LKI_RUN_HOOK_TIMEOUT_S 60.0
#define LKI_PROBE_TIMEOUT_S 30.0

struct lki_step {
    const struct lk_step_def *def;
    const char *name;
    const char *label;   /* as metrics know it: the name, or "type.name" if two types have it */
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
    int64_t integer; /* of LK_INT and LK_BOOL */
    double number;   /* of LK_DOUBLE and LK_SECONDS */
};

/* Everything stands in the order in which it was written: by file, then line. */
struct lki_model {
    struct lki_vu_type *types;
    size_t type_count;
    struct lki_param *params;
    size_t param_count;
    const struct lk_resource_def **resources;
    size_t resource_count;
    const struct lk_metric_def **metrics;
    size_t metric_count;
    const struct lk_probe_def **probes;
    size_t probe_count;
    const struct lk_run_hook_def *run_hooks[LK_RUN_HOOK_COUNT_]; /* NULL: none */
    struct lki_arena arena;                                      /* all of the above */
    struct lki_map param_names;                                  /* to elements of params */
    struct lki_map resource_names;                               /* to elements of resources */
    struct lki_map metric_names;                                 /* to elements of metrics */
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
 * a model. Values must be of the parameter's type; those of secret ones stand in no problem.
 */
enum lk_err lki_model_set_params(struct lki_model *model, const char *const *texts, size_t count,
                                 struct lki_buf *problems);

/* The same; from[i] says where texts[i] was found, "the file X", for its problems; NULL: typed. */
enum lk_err lki_model_set_params_from(struct lki_model *model, const char *const *texts,
                                      const char *const *from, size_t count,
                                      struct lki_buf *problems);

/* The same, but required ones may be missing. */
enum lk_err lki_model_set_some_params(struct lki_model *model, const char *const *texts,
                                      const char *const *from, size_t count,
                                      struct lki_buf *problems);

/* NULL when there is none of that name. */
const struct lki_param *lki_model_param(const struct lki_model *model, const char *name);

/* Its index; SIZE_MAX: none. */
size_t lki_model_resource(const struct lki_model *model, const char *name);
size_t lki_model_metric(const struct lki_model *model, const char *name);

/* A number that tells programs apart by what they register, but not by the values that parameters
 * were set to; program.c. */
uint64_t lki_program_hash(const struct lki_model *model);

#endif
