#include "web/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/entropy.h"
#include "web/inner.h"

#define PROTOCOL_TOKEN LKI_WEB_PROTOCOL ".token."

const char *lki_web_token_fault(const char *token)
{
    size_t len = strlen(token);

    for (size_t i = 0; i < len; i++) {
        if (token[i] <= ' ' || token[i] >= 0x7f)
            return "a token is made of visible ASCII characters, without spaces";
    }
    return len < LKI_WEB_TOKEN_MIN ? "a token has at least 8 characters" : NULL;
}

bool lki_web_session_make(struct lki_web *web)
{
    return lki_entropy_hex(web->session, LKI_WEB_SESSION_BYTES);
}

/* Takes as long for any wrong text of one length: nobody can feel his way along. */
static bool is_secret(const char *secret, const char *text, size_t len)
{
    size_t secret_len = strlen(secret);
    unsigned difference = secret_len != len;

    for (size_t i = 0; i < len; i++)
        difference |= (unsigned char)text[i] ^ (unsigned char)secret[i % secret_len];
    return !difference;
}

static bool is_token(const struct lki_web_request *request, const char *text)
{
    return is_secret(request->web->settings.token, text, strlen(text));
}

/* The token behind a scheme; NULL: there is none. */
static const char *bearer(const struct lki_web_request *request)
{
    const char *value = lki_web_header(request, "Authorization");

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7;
    return value + strspn(value, " ");
}

/* ---- the cookie */

/* Cookies know no ports: the name does, so that two servers of one machine have one each. */
static void cookie_name(const struct lki_web *web, char *out, size_t cap)
{
    snprintf(out, cap, "loadkit_%u", web->port);
}

/* The value of the cookie, to its len; NULL: the request has none of ours. */
static const char *cookie(const struct lki_web_request *request, size_t *len)
{
    const char *at = lki_web_header(request, "Cookie");
    char name[32];
    size_t name_len;

    cookie_name(request->web, name, sizeof(name));
    name_len = strlen(name);
    while (at && *at) {
        at += strspn(at, "; ");
        if (!strncmp(at, name, name_len) && at[name_len] == '=') {
            at += name_len + 1;
            *len = strcspn(at, "; ");
            return at;
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

static bool has_session(const struct lki_web_request *request)
{
    size_t len = 0;
    const char *value = cookie(request, &len);

    return value && is_secret(request->web->session, value, len);
}

static void set_cookie(struct lki_web_request *request, const char *value, const char *more)
{
    const char *origin = lki_web_header(request, "Origin");
    bool https = origin && !strncasecmp(origin, "https:", 6);
    char name[32];
    char text[160];

    cookie_name(request->web, name, sizeof(name));
    snprintf(text, sizeof(text), "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name, value,
             https ? "; Secure" : "", more);
    lki_web_answer_header(request, "Set-Cookie", text);
}

bool lki_web_login(struct lki_web_request *request, const char *token)
{
    if (!request->web->settings.token)
        return true;
    if (!is_token(request, token))
        return false;
    set_cookie(request, request->web->session, "");
    return true;
}

/* All browsers have the same one. */
void lki_web_logout(struct lki_web_request *request)
{
    if (has_session(request))
        lki_web_session_make(request->web);
    set_cookie(request, "", "; Max-Age=0");
}

/* ---- the subprotocol */

/* The token is escaped there as it would be in a URL; NULL: none is offered. */
static const char *protocol_token(const struct lki_web_request *request, size_t *len)
{
    const char *at = lki_web_header(request, "Sec-WebSocket-Protocol");

    while (at && *at) {
        at += strspn(at, ", \t");
        *len = strcspn(at, ", \t");
        if (!strncmp(at, PROTOCOL_TOKEN, sizeof(PROTOCOL_TOKEN) - 1)) {
            *len -= sizeof(PROTOCOL_TOKEN) - 1;
            return at + sizeof(PROTOCOL_TOKEN) - 1;
        }
        at += *len;
    }
    return NULL;
}

static bool has_protocol_token(const struct lki_web_request *request)
{
    size_t len = 0;
    const char *at = protocol_token(request, &len);
    struct lki_arena arena;
    const char *token;
    const char *why;
    bool is;

    if (!at)
        return false;
    lki_arena_init(&arena, NULL, LKI_WEB_HEAD_MAX);
    token = lki_web_decode(&arena, at, at + len, '\0', &why);
    is = token && is_token(request, token);
    lki_arena_reset(&arena);
    return is;
}

bool lki_web_carries_token(const struct lki_web_request *request)
{
    size_t len;

    return bearer(request) || lki_web_header(request, "X-Loadkit-Token") || cookie(request, &len) ||
           protocol_token(request, &len);
}

bool lki_web_is_authorized(const struct lki_web_request *request)
{
    const char *field = lki_web_header(request, "X-Loadkit-Token");
    const char *behind = bearer(request);

    if (!request->web->settings.token)
        return true;
    return (behind && is_token(request, behind)) || (field && is_token(request, field)) ||
           has_session(request) || has_protocol_token(request);
}
