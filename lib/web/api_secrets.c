/* Values of secret parameters are not told, wherever they came from: as in results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/api_inner.h"

/* What the run has measured stays when its parameters are gone. */
void lki_api_secrets_learn(struct lki_api *api)
{
    const char *run_id = lki_orchestrator_run_id(api->o);
    const struct lki_model *model = lki_orchestrator_run_model(api->o);
    struct lki_api_secrets *secrets = &api->secrets;

    if (!model || (!secrets->missing && !strcmp(secrets->run_id, run_id)))
        return;
    lki_arena_reset(&secrets->arena);
    secrets->missing = lki_secrets_take(&secrets->known, model, &secrets->arena) != LK_OK;
    snprintf(secrets->run_id, sizeof(secrets->run_id), "%s", run_id);
}

bool lki_api_mask(const struct lki_api *api, char *text)
{
    lki_secrets_mask(&api->secrets.known, text);
    return !api->secrets.missing;
}

void lki_api_put_shown(const struct lki_api *api, struct lki_put *put, const char *key,
                       const char *text)
{
    bool masked = api->secrets.missing || api->secrets.known.count;
    char *copy = text && masked ? strdup(text) : NULL;

    if (text && masked && !(copy && lki_api_mask(api, copy)))
        put->buf.err = LK_E_NOMEM;
    else
        lki_put_text(put, key, copy ? copy : text);
    free(copy);
}
