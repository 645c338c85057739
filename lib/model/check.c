#include "model/check.h"

#include <math.h>
#include <string.h>

/* "step demo.login", "parameter base_url" and so on in a printf call. */
#define TITLE_FMT "%s %s%s%s"
#define TITLE_ARGS(def) kind_title((def)->kind), lki_def_vu(def), title_dot(def), lki_def_name(def)

static const char *kind_title(enum lk_def_kind kind)
{
    switch (kind) {
    case LK_DEF_PARAM:
        return "parameter";
    case LK_DEF_RESOURCE:
        return "resource";
    case LK_DEF_VU:
        return "user type";
    case LK_DEF_HOOK:
        return "hook";
    case LK_DEF_STEP:
        return "step";
    }
    return "thing";
}

static const char *title_dot(const struct lk_def *def)
{
    return *lki_def_vu(def) ? "." : "";
}

static bool name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-.";

    return *name && name[strspn(name, allowed)] == '\0';
}

static void check_name(const struct lk_def *def, struct lki_faults *faults)
{
    const char *name = lki_def_name(def);

    if (!*name && def->kind != LK_DEF_HOOK)
        lki_fault(faults, def, "a %s has no name; give it one", kind_title(def->kind));
    else if (!name_valid(name) && def->kind != LK_DEF_HOOK)
        lki_fault(faults, def,
                  TITLE_FMT ": the name has a character that names may not have; use letters, "
                            "digits, '_', '-' and '.'",
                  TITLE_ARGS(def));
}

static void check_weight(const struct lk_def *def, double weight, struct lki_faults *faults)
{
    if (!(weight >= 0) || isinf(weight))
        lki_fault(faults, def, TITLE_FMT ": its weight is %g; give a number above 0, or none for 1",
                  TITLE_ARGS(def), weight);
}

static void check_timeout(const struct lk_def *def, double timeout_s, struct lki_faults *faults)
{
    if (timeout_s == LK_OFF)
        return;
    if (!(timeout_s >= 0) || isinf(timeout_s))
        lki_fault(faults, def,
                  TITLE_FMT ": its timeout_s is %g; give seconds above 0, or LK_OFF for none",
                  TITLE_ARGS(def), timeout_s);
}

static bool delay_given(const struct lk_delay *delay)
{
    return delay->fn || delay->min_s != 0 || delay->max_s != 0;
}

static void check_delay(const struct lk_def *def, const char *which, const struct lk_delay *delay,
                        struct lki_faults *faults)
{
    bool good = delay->min_s >= 0 && delay->max_s >= 0 && !isinf(delay->min_s) &&
                !isinf(delay->max_s);

    if (!good)
        lki_fault(faults, def, TITLE_FMT ": its %s is %g to %g; give seconds, 0 or more",
                  TITLE_ARGS(def), which, delay->min_s, delay->max_s);
    else if (delay->min_s > delay->max_s)
        lki_fault(faults, def, TITLE_FMT ": its %s is %g to %g; give the smaller bound first",
                  TITLE_ARGS(def), which, delay->min_s, delay->max_s);
    else if (delay->fn && delay->max_s > 0)
        lki_fault(faults, def, TITLE_FMT ": its %s has bounds and a function; give one of them",
                  TITLE_ARGS(def), which);
}

static void check_step(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_step_def *step = (const struct lk_step_def *)def;

    if (!step->run)
        lki_fault(faults, def, TITLE_FMT ": it has no function; set run", TITLE_ARGS(def));
    check_weight(def, step->weight, faults);
    check_timeout(def, step->timeout_s, faults);
    check_delay(def, "every", &step->every, faults);
    check_delay(def, "pace", &step->pace, faults);
    if (delay_given(&step->every) && delay_given(&step->pace))
        lki_fault(faults, def,
                  TITLE_FMT ": it has both every and pace; give every to count from its end, pace "
                            "to count from its start",
                  TITLE_ARGS(def));
    if (step->stack_bytes &&
        (step->stack_bytes < LKI_STACK_MIN_BYTES || step->stack_bytes > LKI_STACK_MAX_BYTES))
        lki_fault(faults, def,
                  TITLE_FMT ": its stack_bytes is %zu; give %d to %d, or none for the default",
                  TITLE_ARGS(def), step->stack_bytes, LKI_STACK_MIN_BYTES, LKI_STACK_MAX_BYTES);
}

static void check_hook(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_hook_def *hook = (const struct lk_hook_def *)def;

    if (!*lki_hook_name(hook->hook))
        lki_fault(faults, def,
                  "a hook of user type %s is of kind %d, which does not exist; use LK_HOOK_INIT, "
                  "LK_HOOK_START or LK_HOOK_STOP",
                  lki_def_vu(def), (int)hook->hook);
    if (!hook->run)
        lki_fault(faults, def, TITLE_FMT ": it has no function; set run", TITLE_ARGS(def));
    check_timeout(def, hook->timeout_s, faults);
}

static void check_param(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_param_def *param = (const struct lk_param_def *)def;

    if (param->required && param->value)
        lki_fault(faults, def,
                  TITLE_FMT ": it is required and has a value all the same; take one of them away",
                  TITLE_ARGS(def));
}

static void check_resource(const struct lk_def *def, struct lki_faults *faults)
{
    if (!((const struct lk_resource_def *)def)->make)
        lki_fault(faults, def, TITLE_FMT ": it has no function; set make", TITLE_ARGS(def));
}

/* What can be said of one descriptor alone. */
static void check_def(const struct lk_def *def, struct lki_faults *faults)
{
    check_name(def, faults);
    switch (def->kind) {
    case LK_DEF_PARAM:
        check_param(def, faults);
        break;
    case LK_DEF_RESOURCE:
        check_resource(def, faults);
        break;
    case LK_DEF_VU:
        check_weight(def, ((const struct lk_vu_def *)def)->weight, faults);
        break;
    case LK_DEF_HOOK:
        check_hook(def, faults);
        break;
    case LK_DEF_STEP:
        check_step(def, faults);
        break;
    }
}

static void check_duplicates(const struct lki_index *index, struct lki_faults *faults)
{
    const struct lk_def *first = NULL;

    for (size_t i = 0; i < index->count; i++) {
        const struct lk_def *def = index->by_name[i];

        if (!first || !*lki_def_name(def) || !lki_def_same(first, def))
            first = def;
        else if (def->line == first->line && !strcmp(lki_def_file(def), lki_def_file(first)))
            lki_fault(faults, def,
                      TITLE_FMT ": this one line registers it twice; if it stands in a header, "
                                "move it to one .c file",
                      TITLE_ARGS(def));
        else
            lki_fault(faults, def,
                      TITLE_FMT ": there is one already at %s:%d; rename or remove one",
                      TITLE_ARGS(def), lki_def_file(first), first->line);
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
        lki_fault(faults, def, TITLE_FMT ": it belongs to no user type; set vu", TITLE_ARGS(def));
        return;
    }
    lki_nearest_init(&nearest, vu, strlen(vu));
    for (size_t i = 0; i < count; i++)
        lki_nearest_offer(&nearest, lki_def_name(types[i]));
    lki_fault_begin(faults, def);
    lki_fault_add(faults, TITLE_FMT ": no user type %s is registered", TITLE_ARGS(def), vu);
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
                      TITLE_FMT ": it has no step; write LK_STEP(%s, ...) { ... }",
                      TITLE_ARGS(types[i]), name);
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
        else if (def->size != bytes)
            lki_fault(faults, def,
                      "%s %s: its descriptor has %zu bytes where this loadkit (" LK_VERSION
                      ") expects %zu; compile and link against the same version",
                      kind_title(def->kind), def->name ? def->name : "", def->size, bytes);
    }
}

enum lk_err lki_check_index(const struct lki_index *index, struct lki_faults *faults)
{
    for (size_t i = 0; i < index->count; i++)
        check_def(index->by_place[i], faults);
    check_duplicates(index, faults);
    check_types_exist(index, LK_DEF_STEP, faults);
    check_types_exist(index, LK_DEF_HOOK, faults);
    check_types(index, faults);
    return lki_check_needs(index, faults);
}
