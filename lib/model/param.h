/*
 * Parameters of a run: from the text that somebody typed to the value that steps read.
 */
#ifndef LKI_MODEL_PARAM_H
#define LKI_MODEL_PARAM_H

#include <stdint.h>

#include <loadkit/scenario.h>

#include "model/model.h"

/*
 * Makes text the value of param, by the type that it was registered with. LK_E_FORMAT, LK_E_LIMIT:
 * it is none of that type, param is untouched, and why, a static text such as "it is empty", may
 * follow a colon.
 */
enum lk_err lki_param_read(struct lki_param *param, const char *text, const char **why);

/* "LK_INT" and so on, as authors write it; "" for a number that is no type. */
const char *lki_param_type_name(enum lk_param_type type);

/* What a user is to give for a parameter of that type: "a whole number such as 42, -1 or 10k". */
const char *lki_param_type_hint(enum lk_param_type type);

#endif
