/*
 * Where the parameters of a run come from: from the command line, from files that it names, from
 * the environment, and from the configuration file.
 */
#ifndef LKI_CLI_PARAMS_H
#define LKI_CLI_PARAMS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cli/options.h"
#include "model/model.h"

/* What is said of a secret one that was typed: its name three times. */
#define LKI_PARAM_SHOWN                                                                            \
    "parameter %s is secret, and others on this machine can see what is typed; give it with -p "   \
    "%s=@FILE or in the variable LK_PARAM_%s"

struct lki_params {
    struct lki_arena arena; /* of what was read */
    const char **texts;     /* "name=value", of lki_params_gather, lki_params_set_some */
    size_t count;
};

/*
 * Sets the parameters of a model: from each -p of options, "name=value", "name=@FILE" or
 * "name=@@value" for a value that begins with @; what is not given there from the variable
 * LK_PARAM_name, and what is not there either from the configuration file. What is wrong is told in
 * problems, with LK_E_ARG; values of secret parameters are not repeated. params must live as long
 * as the model is used, and be released whatever is returned.
 */
enum lk_err lki_params_set(struct lki_params *params, const struct lki_options *options,
                           struct lki_model *model, struct lki_buf *problems);

/*
 * The same for a program elsewhere, which need not be this one: params has the texts, also those
 * that model knows nothing of. Variables are looked at for what model has.
 */
enum lk_err lki_params_gather(struct lki_params *params, const struct lki_options *options,
                              const struct lki_model *model, struct lki_buf *problems);
/* As lki_params_set, for all runs that will be of this program: required ones may be missing, and
 * params has the texts as well. */
enum lk_err lki_params_set_some(struct lki_params *params, const struct lki_options *options,
                                struct lki_model *model, struct lki_buf *problems);
void lki_params_release(struct lki_params *params);

#endif
