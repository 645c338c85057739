/* The parameters of the run as steps and hooks read them: lk_param and its kin. */
#include <loadkit/vu.h>

#include "model/param.h"
#include "user/life.h"

static const struct lki_param *param_of(lk_vu *vu, const char *name)
{
    const struct lki_param *param = lki_model_param(lki_user_of(vu)->crowd->model, name);

    if (!name)
        lki_vu_fail(vu, "a parameter without a name");
    if (!param)
        lki_vu_fail(vu, "no parameter \"%s\" is registered: add LK_PARAM(%s)", name, name);
    return param;
}

/* Ends the step: the parameter cannot be read by that function. */
static LK_NORETURN void fail_type(lk_vu *vu, const struct lki_param *param, const char *call,
                                  enum lk_param_type wanted)
{
    lki_vu_fail(vu, "parameter \"%s\" is %s, which %s does not read: register it with .type = %s",
                param->name, lki_param_type_name(param->def->type), call,
                lki_param_type_name(wanted));
}

const char *lk_param(lk_vu *vu, const char *name)
{
    return param_of(vu, name)->value;
}

int64_t lk_param_int(lk_vu *vu, const char *name)
{
    const struct lki_param *param = param_of(vu, name);

    if (param->def->type != LK_INT)
        fail_type(vu, param, "lk_param_int", LK_INT);
    return param->integer;
}

double lk_param_double(lk_vu *vu, const char *name)
{
    const struct lki_param *param = param_of(vu, name);

    if (param->def->type != LK_DOUBLE && param->def->type != LK_SECONDS)
        fail_type(vu, param, "lk_param_double", LK_DOUBLE);
    return param->number;
}

bool lk_param_bool(lk_vu *vu, const char *name)
{
    const struct lki_param *param = param_of(vu, name);

    if (param->def->type != LK_BOOL)
        fail_type(vu, param, "lk_param_bool", LK_BOOL);
    return param->integer;
}
