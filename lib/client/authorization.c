#include "client/authorization.h"

#include <stdint.h>
#include <string.h>

#include <loadkit/http.h>

#include "client/vu.h"

/* RFC 4648, 4. */
static void base64_write(struct lki_buf *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)bytes[i] << 16;

        bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? bytes[i + 2] : 0;
        lki_buf_char(out, digits[bits >> 18]);
        lki_buf_char(out, digits[bits >> 12 & 63]);
        lki_buf_char(out, left > 1 ? digits[bits >> 6 & 63] : '=');
        lki_buf_char(out, left > 2 ? digits[bits & 63] : '=');
    }
}

void lki_basic_write(struct lki_buf *out, const char *user, const char *password)
{
    struct lki_buf plain;

    lki_buf_init(&plain, out->max);
    lki_buf_str(&plain, user);
    lki_buf_char(&plain, ':');
    lki_buf_str(&plain, password);
    lki_buf_str(out, "Basic ");
    base64_write(out, (const unsigned char *)plain.data, plain.len);
    if (plain.err)
        out->err = plain.err;
    lki_buf_release(&plain);
}

/* What has been written, kept for the step. */
static const char *keep(lk_vu *vu, const struct lki_buf *text)
{
    const char *value = text->err ? NULL : lki_arena_copy(lki_vu_arena(vu), text->data, text->len);

    if (!value)
        lki_vu_nomem(vu);
    return value;
}

const char *lk_basic(lk_vu *vu, const char *user, const char *password)
{
    struct lki_buf *text = lki_vu_scratch(vu);

    if (!user || !password)
        lki_vu_fail(vu, "lk_basic without a %s", user ? "password" : "user");
    if (strchr(user, ':'))
        lki_vu_fail(vu, "lk_basic: the user \"%s\" has a colon, which would end its name", user);
    lki_buf_clear(text);
    lki_basic_write(text, user, password);
    return keep(vu, text);
}

const char *lk_bearer(lk_vu *vu, const char *token)
{
    struct lki_buf *text = lki_vu_scratch(vu);

    if (!token || !*token)
        lki_vu_fail(vu, "lk_bearer without a token");
    lki_buf_clear(text);
    lki_buf_str(text, "Bearer ");
    lki_buf_str(text, token);
    return keep(vu, text);
}
