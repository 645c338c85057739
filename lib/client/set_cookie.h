/* What a server says of one cookie: a Set-Cookie field, by RFC 6265. */
#ifndef LKI_CLIENT_SET_COOKIE_H
#define LKI_CLIENT_SET_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

/* Parts of the text, not terminated; NULL: not given. */
struct lki_set_cookie {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
    const char *domain; /* without the dot before it */
    size_t domain_len;
    const char *path; /* begins with '/' */
    size_t path_len;
    bool secure;
    bool http_only;
    int64_t expires_s; /* since 1970; INT64_MAX: with the user, INT64_MIN: at once */
};

/* Takes the value of a field apart. LK_E_FORMAT for one that is no cookie: then *why is a static
 * text. Attributes that make no sense are passed over, as the RFC wants it. */
enum lk_err lki_set_cookie_parse(struct lki_set_cookie *cookie, const char *text, size_t len,
                                 int64_t now_s, const char **why);

/* A date as lenient as section 5.1.1 reads it. False: it is none. */
bool lki_cookie_date(const char *text, size_t len, int64_t *seconds);

#endif
