/* The part of the check that can be said of one descriptor alone. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/check.h"
#include "model/param.h"
#include "stats/custom.h"

const char *lki_kind_title(enum lk_def_kind kind)
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
    case LK_DEF_RUN_HOOK:
        return "run hook";
    case LK_DEF_METRIC:
        return "metric";
    case LK_DEF_PROBE:
        return "probe";
    }
    return "thing";
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
    size_t len = strlen(name);

    /* what hooks are called is their kind */
    if (def->kind == LK_DEF_HOOK || def->kind == LK_DEF_RUN_HOOK)
        return;
    if (!len)
        lki_fault(faults, def, "a %s has no name; give it one", lki_kind_title(def->kind));
    else if (!name_valid(name))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": the name has a character that names may not have; use letters, "
                                "digits, '_', '-' and '.'",
                  LKI_TITLE_ARGS(def));
    else if (len > LKI_NAME_MAX)
        lki_fault(faults, def, LKI_TITLE_FMT ": the name has %zu characters; names have at most %d",
                  LKI_TITLE_ARGS(def), len, LKI_NAME_MAX);
}

static void check_function(const struct lk_def *def, bool has, const char *member,
                           struct lki_faults *faults)
{
    if (!has)
        lki_fault(faults, def, LKI_TITLE_FMT ": it has no function; set %s", LKI_TITLE_ARGS(def),
                  member);
}

static void check_weight(const struct lk_def *def, double weight, struct lki_faults *faults)
{
    if (!(weight >= 0) || isinf(weight))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its weight is %g; give a number above 0, or none for 1",
                  LKI_TITLE_ARGS(def), weight);
}

static void check_timeout(const struct lk_def *def, double timeout_s, struct lki_faults *faults)
{
    if (timeout_s == LK_OFF)
        return;
    if (!(timeout_s >= 0) || isinf(timeout_s))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its timeout_s is %g; give seconds above 0, or LK_OFF for none",
                  LKI_TITLE_ARGS(def), timeout_s);
}

static void check_param(const struct lk_def *def, struct lki_faults *faults)
{
    struct lki_param param = {.def = (const struct lk_param_def *)def};
    enum lk_param_type type = param.def->type;
    const char *value = param.def->value;
    const char *why;

    if (!*lki_param_type_name(type))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its type is %d, which does not exist; use LK_STRING, LK_INT, "
                                "LK_DOUBLE, LK_BOOL or LK_SECONDS",
                  LKI_TITLE_ARGS(def), (int)type);
    if (!value)
        return;
    if (param.def->required)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": it is required and has a value all the same; take one of them "
                                "away",
                  LKI_TITLE_ARGS(def));
    if (param.def->secret)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": it is secret and has a value in the source all the same; take "
                                "that away, and give it with -p %s=@FILE or in the variable "
                                "LK_PARAM_%s",
                  LKI_TITLE_ARGS(def), lki_def_name(def), lki_def_name(def));
    else if (lki_param_read(&param, value, &why))
        lki_fault(faults, def, LKI_TITLE_FMT ": its value is '%.100s': %s; give %s, or none",
                  LKI_TITLE_ARGS(def), value, why, lki_param_type_hint(type));
}

static void check_resource(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_resource_def *resource = (const struct lk_resource_def *)def;

    check_function(def, resource->make != NULL, "make", faults);
    if (resource->count > LKI_RESOURCE_COUNT_MAX)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its count is %" PRIu64 "; give at most %" PRIu64
                                ", or none for as many as there are users",
                  LKI_TITLE_ARGS(def), resource->count, LKI_RESOURCE_COUNT_MAX);
}

static void check_hook(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_hook_def *hook = (const struct lk_hook_def *)def;

    if (!*lki_hook_name(hook->hook))
        lki_fault(faults, def,
                  "a hook of user type %s is of kind %d, which does not exist; use LK_HOOK_INIT, "
                  "LK_HOOK_START or LK_HOOK_STOP",
                  lki_def_vu(def), (int)hook->hook);
    check_function(def, hook->run != NULL, "run", faults);
    check_timeout(def, hook->timeout_s, faults);
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
        lki_fault(faults, def, LKI_TITLE_FMT ": its %s is %g to %g; give seconds, 0 or more",
                  LKI_TITLE_ARGS(def), which, delay->min_s, delay->max_s);
    else if (delay->min_s > 0 && delay->max_s == 0 && !delay->fn)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its %s is %g to 0; write LK_FIXED(%g) for a fixed one",
                  LKI_TITLE_ARGS(def), which, delay->min_s, delay->min_s);
    else if (delay->min_s > delay->max_s)
        lki_fault(faults, def, LKI_TITLE_FMT ": its %s is %g to %g; give the smaller bound first",
                  LKI_TITLE_ARGS(def), which, delay->min_s, delay->max_s);
    else if (delay->fn && delay->max_s > 0)
        lki_fault(faults, def, LKI_TITLE_FMT ": its %s has bounds and a function; give one of them",
                  LKI_TITLE_ARGS(def), which);
}

static void check_step(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_step_def *step = (const struct lk_step_def *)def;

    check_function(def, step->run != NULL, "run", faults);
    check_weight(def, step->weight, faults);
    check_timeout(def, step->timeout_s, faults);
    check_delay(def, "every", &step->every, faults);
    check_delay(def, "pace", &step->pace, faults);
    if (delay_given(&step->every) && delay_given(&step->pace))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": it has both every and pace; give every to count from its end, "
                                "pace to count from its start",
                  LKI_TITLE_ARGS(def));
    if (step->stack_bytes &&
        (step->stack_bytes < LKI_STACK_MIN_BYTES || step->stack_bytes > LKI_STACK_MAX_BYTES))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its stack_bytes is %zu; give %d to %d, or none for the default",
                  LKI_TITLE_ARGS(def), step->stack_bytes, LKI_STACK_MIN_BYTES, LKI_STACK_MAX_BYTES);
}

static void check_run_hook(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_run_hook_def *hook = (const struct lk_run_hook_def *)def;

    if (!*lki_run_hook_name(hook->hook))
        lki_fault(faults, def,
                  "a run hook is of kind %d, which does not exist; use LK_RUN_SETUP or "
                  "LK_RUN_TEARDOWN",
                  (int)hook->hook);
    check_function(def, hook->run != NULL, "run", faults);
    check_timeout(def, hook->timeout_s, faults);
}

static void check_metric(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_metric_def *metric = (const struct lk_metric_def *)def;

    if (metric->type < LK_TREND || metric->type > LK_RATE)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its type is %d, which does not exist; use LK_TREND, LK_COUNTER, "
                                "LK_GAUGE or LK_RATE",
                  LKI_TITLE_ARGS(def), (int)metric->type);
    if (!(metric->resolution >= 0) || isinf(metric->resolution))
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": its resolution is %g; give the smallest value that matters, "
                                "above 0, or none for %g",
                  LKI_TITLE_ARGS(def), metric->resolution, LKI_TREND_RESOLUTION);
    else if (metric->resolution > 0 && metric->type != LK_TREND)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": it has a resolution, which is for an LK_TREND alone; take that "
                                "away",
                  LKI_TITLE_ARGS(def));
}

static void check_probe(const struct lk_def *def, struct lki_faults *faults)
{
    const struct lk_probe_def *probe = (const struct lk_probe_def *)def;

    check_function(def, probe->read != NULL, "read", faults);
    if (probe->every_s == 0)
        lki_fault(faults, def,
                  LKI_TITLE_FMT ": it has no every_s; give the seconds between two readings, such "
                                "as .every_s = 5",
                  LKI_TITLE_ARGS(def));
    else if (!(probe->every_s > 0) || isinf(probe->every_s))
        lki_fault(faults, def, LKI_TITLE_FMT ": its every_s is %g; give seconds above 0",
                  LKI_TITLE_ARGS(def), probe->every_s);
    check_timeout(def, probe->timeout_s, faults);
}

void lki_check_def(const struct lk_def *def, struct lki_faults *faults)
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
    case LK_DEF_RUN_HOOK:
        check_run_hook(def, faults);
        break;
    case LK_DEF_METRIC:
        check_metric(def, faults);
        break;
    case LK_DEF_PROBE:
        check_probe(def, faults);
        break;
    }
}
