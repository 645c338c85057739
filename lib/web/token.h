/*
 * The token that a request may carry: in a header field, behind a cookie, or among the subprotocols
 * of a WebSocket.
 */
#ifndef LKI_WEB_TOKEN_H
#define LKI_WEB_TOKEN_H

#include <stdbool.h>

#include "base/buf.h"
#include "web/server.h"

#define LKI_WEB_PROTOCOL "loadkit"

/* Why this cannot be a token; NULL: it can. */
const char *lki_web_token_fault(const char *token);

/* A new session for the cookie. False: the system has no random numbers. */
bool lki_web_session_make(struct lki_web *web);

/* A token, right or wrong. */
bool lki_web_carries_token(const struct lki_web_request *request);

#endif
