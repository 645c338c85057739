/* The cookies of a user in its exchanges. */
#ifndef LKI_CLIENT_COOKIE_H
#define LKI_CLIENT_COOKIE_H

#include "client/cookies.h"
#include "client/request.h"

/* Has the user's cookies go out with a request, if it wants them. */
void lki_cookie_join(lk_vu *vu, struct lki_outgoing *out);

/* Appends the line of those that go where the request goes, if there are any. */
void lki_cookie_write(const struct lki_outgoing *out, struct lki_buf *buf);

/* Takes up those of the answer, unless the request wants none. LK_E_NOMEM: not all. */
enum lk_err lki_cookie_take(lk_vu *vu, const struct lki_outgoing *out,
                            const struct lki_exchange_result *result);

void lki_cookies_free(struct lki_cookies *cookies);

#endif
