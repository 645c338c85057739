/*
 * Variables of the environment that look as if they were meant for this program.
 */
#ifndef LKI_CLI_ENVIRONMENT_H
#define LKI_CLI_ENVIRONMENT_H

#include "base/buf.h"
#include "model/model.h"

/*
 * Add a line for each variable LK_... that is not looked at, but nearly has the name of one that
 * is: of an option, for commands that take any from the environment; or of a parameter. Others may
 * be meant for other programs.
 */
void lki_environment_option_notes(unsigned commands, struct lki_buf *notes);
void lki_environment_param_notes(const struct lki_model *model, struct lki_buf *notes);

/* Those that say something: options of these commands, parameters of model. variable: NAME=value;
 * secret: the parameter is. */
void lki_environment_each(const struct lki_model *model, unsigned commands,
                          void (*each)(const char *variable, bool secret, void *arg), void *arg);

#endif
