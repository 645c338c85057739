/* Secrets do not stand in results. */
#include "model/secrets.h"
#include "result/fill.h"

enum lk_err lki_result_secrets_fill(struct lki_result *result, const struct lki_model *model)
{
    struct lki_secrets secrets;
    enum lk_err err = lki_secrets_take(&secrets, model, &result->arena);

    result->secrets = secrets.texts;
    result->secret_count = secrets.count;
    return err;
}

void lki_result_mask(const struct lki_result *result, char *text)
{
    lki_secrets_mask(&(struct lki_secrets){.texts = result->secrets, .count = result->secret_count},
                     text);
}
