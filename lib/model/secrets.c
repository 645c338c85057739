#include "model/secrets.h"

#include <string.h>

#include "base/json_lex.h"
#include "base/text.h"

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

/* How a text is written where it stands for another one. */
enum form { PLAIN, PERCENT, JSON, FORM_COUNT };

/* Of an escape; for JSON two of them, which stand for one character. */
static const ptrdiff_t longest[FORM_COUNT] = {[PLAIN] = 1, [PERCENT] = 3, [JSON] = 12};

/* Decodes what stands at *at to out (room for 4) and goes behind it; gives the number of bytes, 0
 * when it is wrong or cut off. wanted: a plus sign may be one or a space. */
static size_t decode(enum form form, const char **at, const char *end, char wanted, char *out)
{
    const char *from = *at;

    if (form == JSON && *from == '\\')
        return lki_json_unescape(at, end, out);
    if (form == PERCENT && *from == '%') {
        int high = end - from < 3 ? -1 : lki_hex_digit(from[1]);
        int low = end - from < 3 ? -1 : lki_hex_digit(from[2]);

        if (high < 0 || low < 0)
            return 0;
        *out = (char)(high << 4 | low);
        *at += 3;
        return 1;
    }
    *out = form == PERCENT && *from == '+' && wanted == ' ' ? ' ' : *from;
    *at += 1;
    return 1;
}

/* How many bytes at the beginning of text stand for secret, 0: none. What is kept of a text has a
 * maximum, which may have cut it off in the middle of a secret: its beginning at the end of the
 * text counts too. */
static size_t stands_for(const char *secret, enum form form, const char *text, const char *end)
{
    const char *left = secret;
    const char *at = text;

    while (*left && at < end) {
        const char *from = at;
        char out[4];
        size_t len = decode(form, &at, end, *left, out);

        if (!len && end - from >= longest[form])
            return 0;
        if (!len)
            break;
        if (strncmp(left, out, len) != 0)
            return 0;
        left += len;
    }
    if (!*left)
        return (size_t)(at - text);
    return left - secret >= SECRET_MIN ? (size_t)(end - text) : 0;
}

/* The longest secret with which text begins, 0: none. */
static size_t secret_len(const struct lki_secrets *secrets, const char *text, const char *end)
{
    size_t most = 0;

    for (size_t i = 0; i < secrets->count; i++) {
        for (int form = 0; form < FORM_COUNT; form++) {
            size_t len = stands_for(secrets->texts[i], (enum form)form, text, end);

            if (len > most)
                most = len;
        }
    }
    return most;
}

/* The mask is shorter than any secret. */
void lki_secrets_mask(const struct lki_secrets *secrets, char *text)
{
    const char *end = text + strlen(text);
    const char *from = text;
    char *to = text;

    while (secrets->count && from < end) {
        size_t len = secret_len(secrets, from, end);

        if (len) {
            memcpy(to, MASK, sizeof(MASK) - 1);
            to += sizeof(MASK) - 1;
            from += len;
        } else {
            *to++ = *from++;
        }
    }
    if (secrets->count)
        *to = '\0';
}
