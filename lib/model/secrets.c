#include "model/secrets.h"

#include <string.h>

#include "base/mem.h"

#define MASK "***"
/* Shorter ones would be found by chance. */
#define SECRET_MIN 4

static bool is_secret(const struct lki_param *param)
{
    return param->def->secret && strlen(param->value) >= SECRET_MIN;
}

enum lk_err lki_secrets_take(struct lki_secrets *secrets, const struct lki_model *model,
                             struct lki_arena *arena)
{
    size_t count = 0;

    *secrets = (struct lki_secrets){0};
    for (size_t i = 0; model && i < model->param_count; i++)
        count += is_secret(&model->params[i]);
    secrets->texts = lki_arena_alloc(arena, count * sizeof(*secrets->texts));
    if (!secrets->texts)
        return LK_E_NOMEM;
    for (size_t i = 0; model && i < model->param_count; i++) {
        const char *value = model->params[i].value;

        if (!is_secret(&model->params[i]))
            continue;
        secrets->texts[secrets->count] = lki_arena_copy(arena, value, strlen(value));
        if (!secrets->texts[secrets->count])
            return LK_E_NOMEM;
        secrets->count++;
    }
    return LK_OK;
}

/* How many bytes at the end of text are the beginning of secret. */
static size_t begun(const char *secret, const char *text, size_t text_len)
{
    size_t len = lki_min(strlen(secret), text_len);

    while (len >= SECRET_MIN && memcmp(text + text_len - len, secret, len) != 0)
        len--;
    return len >= SECRET_MIN ? len : 0;
}

/* What is kept of a text has a maximum, which may have cut it off in the middle of a secret. */
static void mask_end(const struct lki_secrets *secrets, char *text)
{
    size_t text_len = strlen(text);
    size_t most = 0;

    for (size_t i = 0; i < secrets->count; i++) {
        size_t len = begun(secrets->texts[i], text, text_len);

        if (len > most)
            most = len;
    }
    if (most)
        memcpy(text + text_len - most, MASK, sizeof(MASK));
}

void lki_secrets_mask(const struct lki_secrets *secrets, char *text)
{
    for (size_t i = 0; i < secrets->count; i++) {
        size_t len = strlen(secrets->texts[i]);
        char *at = text;

        while ((at = strstr(at, secrets->texts[i]))) {
            memcpy(at, MASK, sizeof(MASK) - 1);
            at += sizeof(MASK) - 1;
            memmove(at, at + len - (sizeof(MASK) - 1), strlen(at + len - (sizeof(MASK) - 1)) + 1);
        }
    }
    mask_end(secrets, text);
}
