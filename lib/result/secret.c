/* Values of secret parameters do not stand in results, wherever they came from: a message of the
 * author's, a path, an example's body; nor do their beginnings at the end of a text that was cut.
 * Encoded in some other way they are not found. */
#include <string.h>

#include "base/mem.h"
#include "result/fill.h"

#define MASK "***"
/* Shorter ones would be found by chance. */
#define SECRET_MIN 4

static bool is_secret(const struct lki_param *param)
{
    return param->def->secret && strlen(param->value) >= SECRET_MIN;
}

enum lk_err lki_result_secrets_fill(struct lki_result *result, const struct lki_model *model)
{
    size_t count = 0;
    const char **secrets;

    for (size_t i = 0; model && i < model->param_count; i++)
        count += is_secret(&model->params[i]);
    secrets = lki_result_take(result, count, sizeof(*secrets));
    if (!secrets)
        return LK_E_NOMEM;
    result->secrets = secrets;
    for (size_t i = 0; model && i < model->param_count; i++) {
        const char *value = model->params[i].value;

        if (!is_secret(&model->params[i]))
            continue;
        secrets[result->secret_count] = lki_arena_copy(&result->arena, value, strlen(value));
        if (!secrets[result->secret_count])
            return LK_E_NOMEM;
        result->secret_count++;
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
static void mask_end(const struct lki_result *result, char *text)
{
    size_t text_len = strlen(text);
    size_t most = 0;

    for (size_t i = 0; i < result->secret_count; i++) {
        size_t len = begun(result->secrets[i], text, text_len);

        if (len > most)
            most = len;
    }
    if (most)
        memcpy(text + text_len - most, MASK, sizeof(MASK));
}

void lki_result_mask(const struct lki_result *result, char *text)
{
    for (size_t i = 0; i < result->secret_count; i++) {
        size_t len = strlen(result->secrets[i]);
        char *at = text;

        while ((at = strstr(at, result->secrets[i]))) {
            memcpy(at, MASK, sizeof(MASK) - 1);
            at += sizeof(MASK) - 1;
            memmove(at, at + len - (sizeof(MASK) - 1), strlen(at + len - (sizeof(MASK) - 1)) + 1);
        }
    }
    mask_end(result, text);
}
