/* Values of secret parameters are not told, wherever they came from: as in results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result/fill.h"
#include "web/api_inner.h"

/* Shorter ones would be found by chance. */
#define SECRET_MIN 4

static const char *secret_of(const struct lki_model *model, const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < model->param_count; i++) {
        const struct lki_param *param = &model->params[i];

        if (param->def->secret && strlen(param->name) == len && !memcmp(param->name, text, len) &&
            strlen(text) >= len + 1 + SECRET_MIN)
            return text + len + 1;
    }
    return NULL;
}

/* What the run has measured stays when its parameters are gone. */
void lki_api_secrets_learn(struct lki_api *api)
{
    const char *run_id = lki_orchestrator_run_id(api->o);
    const struct lki_model *model = lki_orchestrator_model(api->o);
    struct lki_api_secrets *secrets = &api->secrets;
    const char *const *params;
    size_t count;

    if (!lki_orchestrator_core(api->o) || !strcmp(secrets->run_id, run_id))
        return;
    lki_arena_reset(&secrets->arena);
    params = lki_orchestrator_params(api->o, &count);
    secrets->count = 0;
    secrets->texts = lki_arena_alloc(&secrets->arena, count * sizeof(*secrets->texts));
    for (size_t i = 0; secrets->texts && i < count; i++) {
        const char *secret = secret_of(model, params[i]);

        if (secret)
            secret = lki_arena_copy(&secrets->arena, secret, strlen(secret));
        if (secret)
            secrets->texts[secrets->count++] = secret;
    }
    snprintf(secrets->run_id, sizeof(secrets->run_id), "%s", run_id);
}

void lki_api_mask(const struct lki_api *api, char *text)
{
    const struct lki_result with = {.secrets = api->secrets.texts,
                                    .secret_count = api->secrets.count};

    lki_result_mask(&with, text);
}

void lki_api_put_shown(const struct lki_api *api, struct lki_put *put, const char *key,
                       const char *text)
{
    char *copy = text && api->secrets.count ? strdup(text) : NULL;

    if (text && api->secrets.count && !copy) {
        put->buf.err = LK_E_NOMEM;
        return;
    }
    if (copy)
        lki_api_mask(api, copy);
    lki_put_text(put, key, copy ? copy : text);
    free(copy);
}
