/* Where answers that redirect lead, and the requests that go there. */
#ifndef LKI_CLIENT_REDIRECT_H
#define LKI_CLIENT_REDIRECT_H

#include "client/request.h"

/* A URL that others are relative to. */
struct lki_redirect_base {
    enum lki_url_scheme scheme;
    const char *authority;
    const char *target; /* path, which is not empty, and query */
};

/* Appends where location leads, seen from base: an absolute URL without a fragment, unless location
 * has a scheme of its own and is no such URL. What may not stand in a URL but often does is
 * escaped. By RFC 3986, section 5.2. */
void lki_redirect_resolve(const struct lki_redirect_base *base, const char *location, size_t len,
                          struct lki_buf *url);

/* A request that follows a redirect. */
struct lki_hop {
    struct lki_held held;   /* by the unit, until the arena is taken over */
    struct lki_arena arena; /* in which all of this lies, but for what is the author's */
    struct lk_request request;
    bool foreign; /* it goes to another origin */
};

/*
 * The request that follows an answer, as browsers would make it. NULL: the answer does not
 * redirect, or not to where it could be followed; then it has become a failure. followed: so many
 * were before it.
 */
struct lki_hop *lki_redirect_follow(lk_vu *vu, const struct lki_outgoing *out, unsigned followed,
                                    struct lki_arena *arena, struct lki_exchange_result *result);

/* The arena, whose owner the caller becomes. */
struct lki_arena lki_hop_take(struct lki_hop *hop);

#endif
