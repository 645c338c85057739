#include "model/labels.h"

#include <string.h>

#include "base/mem.h"
#include "model/check.h"

/* ---- the check ---- */

/* Who has which name. */
struct names {
    struct lki_arena arena; /* full names */
    struct lki_map full;    /* steps by "type.name" */
    struct lki_map plain;   /* the first step of each name */
};

/* Why nothing with metrics of its own may have that name; NULL: it may. */
static const char *reserved(const char *name)
{
    static const char *const words[][2] = {
        {"http", "all requests together"},
        {"steps", "all steps together"},
        {"on_init", "a hook"},
        {"on_start", "a hook"},
        {"on_stop", "a hook"},
        {"on_setup", "a run hook"},
        {"on_teardown", "a run hook"},
    };

    for (size_t i = 0; i < LKI_COUNT(words); i++) {
        if (!strcmp(name, words[i][0]))
            return words[i][1];
    }
    return NULL;
}

static void check_reserved(const struct lk_def *def, struct lki_faults *faults)
{
    const char *what = reserved(lki_def_name(def));

    if (what)
        lki_fault(faults, def, LKI_TITLE_FMT ": in reports that name means %s; rename it",
                  LKI_TITLE_ARGS(def), what);
}

/* That def would be shown under the name of step other. */
static void fault_like(const struct lk_def *def, const struct lk_def *other,
                       struct lki_faults *faults)
{
    lki_fault(faults, def,
              LKI_TITLE_FMT ": reports could not tell it from " LKI_TITLE_FMT
                            " at %s:%d; rename one",
              LKI_TITLE_ARGS(def), LKI_TITLE_ARGS(other), lki_def_file(other), other->line);
}

static enum lk_err full_add(struct names *names, const struct lk_def *def,
                            struct lki_faults *faults)
{
    char *name = lki_arena_join(&names->arena, lki_def_vu(def), '.', lki_def_name(def));
    const struct lk_def *other = name ? lki_map_get(&names->full, name, strlen(name)) : NULL;

    if (!name)
        return LK_E_NOMEM;
    if (!other)
        return lki_map_put(&names->full, name, strlen(name), (void *)(uintptr_t)def);
    if (!lki_def_same(def, other)) /* otherwise it was told already */
        fault_like(def, other, faults);
    return LK_OK;
}

static enum lk_err plain_add(struct names *names, const struct lk_def *def,
                             struct lki_faults *faults)
{
    const char *name = lki_def_name(def);
    const struct lk_def *other = lki_map_get(&names->full, name, strlen(name));

    if (other)
        fault_like(def, other, faults);
    if (lki_map_get(&names->plain, name, strlen(name)))
        return LK_OK;
    return lki_map_put(&names->plain, name, strlen(name), (void *)(uintptr_t)def);
}

static void check_probe(const struct names *names, const struct lk_def *def,
                        struct lki_faults *faults)
{
    const char *name = lki_def_name(def);
    const struct lk_def *other = lki_map_get(&names->plain, name, strlen(name));

    check_reserved(def, faults);
    if (!other)
        other = lki_map_get(&names->full, name, strlen(name));
    if (other)
        fault_like(def, other, faults);
}

enum lk_err lki_check_labels(const struct lki_index *index, struct lki_faults *faults)
{
    struct names names = {0};
    size_t step_count;
    size_t probe_count;
    const struct lk_def **steps = lki_index_range(index, LK_DEF_STEP, &step_count);
    const struct lk_def **probes = lki_index_range(index, LK_DEF_PROBE, &probe_count);
    enum lk_err err = LK_OK;

    lki_arena_init(&names.arena, NULL, 0);
    for (size_t i = 0; i < step_count && !err; i++) {
        check_reserved(steps[i], faults);
        err = full_add(&names, steps[i], faults);
    }
    for (size_t i = 0; i < step_count && !err; i++)
        err = plain_add(&names, steps[i], faults);
    for (size_t i = 0; i < probe_count && !err; i++)
        check_probe(&names, probes[i], faults);
    lki_map_release(&names.full);
    lki_map_release(&names.plain);
    lki_arena_reset(&names.arena);
    return err;
}

/* ---- the labels ---- */

/* firsts leads from a name to the first step that has it. */
static enum lk_err step_label(struct lki_model *model, struct lki_map *firsts,
                              struct lki_step *step)
{
    size_t len = strlen(step->name);
    struct lki_step *first = lki_map_get(firsts, step->name, len);

    step->label = step->name;
    if (!first)
        return lki_map_put(firsts, step->name, len, step);
    step->label = lki_arena_join(&model->arena, step->def->def.vu, '.', step->name);
    if (first->label == first->name)
        first->label = lki_arena_join(&model->arena, first->def->def.vu, '.', first->name);
    return step->label && first->label ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_labels_build(struct lki_model *model)
{
    struct lki_map firsts = {0};
    enum lk_err err = LK_OK;

    for (size_t t = 0; t < model->type_count; t++) {
        for (size_t s = 0; s < model->types[t].step_count && !err; s++)
            err = step_label(model, &firsts, &model->types[t].steps[s]);
    }
    lki_map_release(&firsts);
    return err;
}
