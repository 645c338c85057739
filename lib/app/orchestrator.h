/*
 * The role `orchestrator`: the control of runs over Redis, and the HTTP API.
 */
#ifndef LKI_APP_ORCHESTRATOR_H
#define LKI_APP_ORCHESTRATOR_H

#include "base/buf.h"
#include "bus/hub.h"
#include "control/plan.h"
#include "model/model.h"
#include "web/server.h"

struct lki_orchestrator_role {
    const struct lki_hub_settings *hub; /* borrowed, as all below */
    const struct lki_web_settings *web; /* but for routes */
    const char *program;
    const char *state_dir;
    const char *const *params; /* "name=value" of each run */
    size_t param_count;
    enum lki_on_loss on_loss;
    enum lki_on_join on_join;
    /* A line for people, without new-line. */
    void (*tell)(const char *line, void *arg);
    void *arg;
};

/*
 * Works until SIGINT, SIGTERM or SIGHUP; a run that is on goes on, and is taken up by the next
 * orchestrator. On failure why says so in one line: LK_E_STATE when it was refused (another
 * orchestrator, a wrong password), LK_E_ARG, or as for what could not be opened. model: of the
 * registry, with the parameters for factories.
 */
enum lk_err lki_orchestrator_run(const struct lki_model *model,
                                 const struct lki_orchestrator_role *settings, struct lki_buf *why);

#endif
