#include "model/check.h"

#include <string.h>

static void check_duplicates(const struct lki_index *index, struct lki_faults *faults)
{
    const struct lk_def *first = NULL;

    for (size_t i = 0; i < index->count; i++) {
        const struct lk_def *def = index->by_name[i];

        if (!first || !*lki_def_name(def) || !lki_def_same(first, def))
            first = def;
        else if (def->line == first->line && !strcmp(lki_def_file(def), lki_def_file(first)))
            lki_fault(faults, def,
                      LKI_TITLE_FMT ": this one line registers it twice; if it stands in a header, "
                                    "move it to one .c file",
                      LKI_TITLE_ARGS(def));
        else
            lki_fault(faults, def,
                      LKI_TITLE_FMT ": there is one already at %s:%d; rename or remove one",
                      LKI_TITLE_ARGS(def), lki_def_file(first), first->line);
    }
}

/* The one of a group that was written first. */
static const struct lk_def *first_written(const struct lk_def **defs, size_t count)
{
    const struct lk_def *first = defs[0];

    for (size_t i = 1; i < count; i++) {
        if (lki_def_before(defs[i], first))
            first = defs[i];
    }
    return first;
}

/* A step or hook whose user type is missing. */
static void fault_no_type(const struct lki_index *index, const struct lk_def *def,
                          struct lki_faults *faults)
{
    const char *vu = lki_def_vu(def);
    struct lki_nearest nearest;
    size_t count;
    const struct lk_def **types = lki_index_range(index, LK_DEF_VU, &count);

    if (!*vu) {
        lki_fault(faults, def, LKI_TITLE_FMT ": it belongs to no user type; set vu",
                  LKI_TITLE_ARGS(def));
        return;
    }
    lki_nearest_init(&nearest, vu, strlen(vu));
    for (size_t i = 0; i < count; i++)
        lki_nearest_offer(&nearest, lki_def_name(types[i]));
    lki_fault_begin(faults, def);
    lki_fault_add(faults, LKI_TITLE_FMT ": no user type %s is registered", LKI_TITLE_ARGS(def), vu);
    if (!lki_fault_suggest(faults, &nearest))
        lki_fault_add(faults, "; write LK_VU(%s) { ... }; or link the file that has it", vu);
    lki_fault_end(faults);
}

/* One line for each user type that is missing, however many steps and hooks miss it. */
static void check_types_exist(const struct lki_index *index, enum lk_def_kind kind,
                              struct lki_faults *faults)
{
    size_t count = 0;

    for (size_t i = 0; i < index->count; i += count) {
        const struct lk_def *def = index->by_name[i];
        const char *vu = lki_def_vu(def);
        const struct lk_def **group;
        size_t steps = 0;

        count = 1;
        if (def->kind != kind)
            continue;
        group = lki_index_group(index, kind, vu, &count);
        if (kind == LK_DEF_HOOK)
            lki_index_group(index, LK_DEF_STEP, vu, &steps); /* they have told it */
        if (!steps && !lki_index_find(index, LK_DEF_VU, "", vu, strlen(vu)))
            fault_no_type(index, first_written(group, count), faults);
    }
}

static size_t state_bytes(const struct lk_def *def)
{
    return def->kind == LK_DEF_STEP ? ((const struct lk_step_def *)def)->state_bytes
                                    : ((const struct lk_hook_def *)def)->state_bytes;
}

/* Two files that disagree about the state of a user type would write over each other. 0 bytes is a
 * descriptor written by hand that does not look at the state. */
static void check_state(const struct lki_index *index, const char *vu, struct lki_faults *faults)
{
    static const enum lk_def_kind kinds[] = {LK_DEF_HOOK, LK_DEF_STEP};
    const struct lk_def *first = NULL;

    for (size_t k = 0; k < 2; k++) {
        size_t count;
        const struct lk_def **group = lki_index_group(index, kinds[k], vu, &count);

        for (size_t i = 0; i < count; i++) {
            if (!state_bytes(group[i]))
                continue;
            if (!first)
                first = group[i];
            if (state_bytes(first) == state_bytes(group[i]))
                continue;
            lki_fault(faults, group[i],
                      "struct %s has %zu bytes here and %zu at %s:%d; define it once, in a header",
                      vu, state_bytes(group[i]), state_bytes(first), lki_def_file(first),
                      first->line);
            return;
        }
    }
}

static void check_types(const struct lki_index *index, struct lki_faults *faults)
{
    size_t type_count;
    size_t step_count;
    const struct lk_def **types = lki_index_range(index, LK_DEF_VU, &type_count);

    lki_index_range(index, LK_DEF_STEP, &step_count);
    if (!step_count)
        lki_fault(faults, NULL,
                  "no step is registered; write LK_STEP(type, name) { ... }, and link scenarios "
                  "that stand in a static archive with -Wl,--whole-archive: nothing refers to "
                  "them by name, so the linker leaves them out");
    for (size_t i = 0; i < type_count; i++) {
        const char *name = lki_def_name(types[i]);
        size_t own_steps;

        /* the second of a name is a fault already */
        if (*lki_index_find(index, LK_DEF_VU, "", name, strlen(name)) != types[i])
            continue;
        check_state(index, name, faults);
        lki_index_group(index, LK_DEF_STEP, name, &own_steps);
        if (!own_steps && step_count)
            lki_fault(faults, types[i],
                      LKI_TITLE_FMT ": it has no step; write LK_STEP(%s, ...) { ... }",
                      LKI_TITLE_ARGS(types[i]), name);
    }
}

void lki_check_sizes(const struct lk_def *first, struct lki_faults *faults)
{
    for (const struct lk_def *def = first; def; def = def->next_) {
        size_t bytes = lki_def_bytes(def->kind);

        if (!bytes)
            lki_fault(faults, def,
                      "%s is a descriptor of kind %d, which this loadkit (" LK_VERSION
                      ") does not know; compile and link against the same version",
                      def->name ? def->name : "this", (int)def->kind);
        else if (!def->size)
            lki_fault(faults, def, "%s %s: its descriptor has no size; set def.size to its sizeof",
                      lki_kind_title(def->kind), def->name ? def->name : "");
        else if (def->size != bytes)
            lki_fault(faults, def,
                      "%s %s: its descriptor has %zu bytes where this loadkit (" LK_VERSION
                      ") expects %zu; compile and link against the same version",
                      lki_kind_title(def->kind), def->name ? def->name : "", def->size, bytes);
    }
}

enum lk_err lki_check_index(const struct lki_index *index, struct lki_faults *faults)
{
    enum lk_err err;

    for (size_t i = 0; i < index->count; i++)
        lki_check_def(index->by_place[i], faults);
    check_duplicates(index, faults);
    check_types_exist(index, LK_DEF_STEP, faults);
    check_types_exist(index, LK_DEF_HOOK, faults);
    check_types(index, faults);
    err = lki_check_needs(index, faults);
    return err ? err : lki_check_labels(index, faults);
}
