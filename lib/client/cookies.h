/*
 * The cookies of one user, by RFC 6265: which are kept, and which go where. Nothing here knows of
 * requests or clocks.
 */
#ifndef LKI_CLIENT_COOKIES_H
#define LKI_CLIENT_COOKIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"

#define LKI_COOKIES_MAX 3000
#define LKI_COOKIES_OF_DOMAIN_MAX 50
#define LKI_COOKIE_PATH_MAX 1024

struct lki_cookie;

/* Zeroed: empty and ready. */
struct lki_cookies {
    struct lki_cookie *first; /* as they go out: longer paths first, then older cookies */
    size_t count;
    uint64_t turn;    /* of choosing */
    int64_t epoch_ns; /* for who has them: what time it was, since 1970, at 0 by the clock in use */
};

/* Where a request goes, or an answer came from. */
struct lki_cookie_place {
    const char *host; /* in any case */
    size_t host_len;
    const char *path; /* of the request; a query behind it does not matter */
    size_t path_len;
    bool secure; /* https */
};

void lki_cookies_clear(struct lki_cookies *cookies);

/*
 * Takes up what an answer from place says in a Set-Cookie field. LK_E_FORMAT: it is refused, and
 * *why is a static text; LK_E_NOMEM. Those that were not used for longest go when there are too
 * many.
 */
enum lk_err lki_cookies_take(struct lki_cookies *cookies, const struct lki_cookie_place *place,
                             const char *text, size_t len, int64_t now_s, const char **why);

/* Chooses those that go to place; false: there are none. */
bool lki_cookies_choose(struct lki_cookies *cookies, const struct lki_cookie_place *place,
                        int64_t now_s);

/* Appends those that were chosen last: "a=b; c=d". */
void lki_cookies_write(const struct lki_cookies *cookies, struct lki_buf *buf);

/* The value of the first of them with that name, not terminated; NULL: there is none. */
const char *lki_cookies_value(const struct lki_cookies *cookies, const char *name, size_t *len);

#endif
