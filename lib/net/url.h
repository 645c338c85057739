/*
 * URLs: taking them apart, escaping what goes into them, and folding paths into names for metrics.
 * Nothing is allocated; the parts are slices of the text that was parsed.
 */
#ifndef LKI_NET_URL_H
#define LKI_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"

enum lki_url_scheme {
    LKI_URL_HTTP,
    LKI_URL_HTTPS,
    LKI_URL_OTHER /* well formed, for the caller to refuse by name */
};

/* No part is terminated. */
struct lki_url {
    enum lki_url_scheme scheme;
    const char *scheme_text; /* as written: "http" */
    size_t scheme_len;
    const char *authority; /* host and port as written, fit for a Host field */
    size_t authority_len;
    const char *host; /* an IPv6 address stands without its brackets */
    size_t host_len;
    bool host_is_ipv6;
    uint16_t port;      /* 80 or 443 if not given; 0 for LKI_URL_OTHER without a port */
    const char *target; /* path and query without the fragment: "", or begins with '/' or '?' */
    size_t target_len;
};

/* Whether text begins with a scheme and "://": a URL, not a path. */
bool lki_url_is_absolute(const char *text, size_t len);

/*
 * Takes an absolute URL apart. LK_E_FORMAT if it is not one, has a space or control character, a
 * user name, an empty host, or a port that is none; then *why (if why is given) is a static text
 * and url is untouched. In the target, bytes of 0x80 and above are let through as they are.
 */
enum lk_err lki_url_parse(struct lki_url *url, const char *text, size_t len, const char **why);

/*
 * The length of the target (path and query, without the fragment) that text begins with, or
 * LK_E_FORMAT for one that could not stand in a request line: a space or control character in it.
 */
enum lk_err lki_url_target(const char *text, size_t len, size_t *target_len);

/* Appends text with everything but A-Z a-z 0-9 - . _ ~ as %XX: fit for the names and values of
 * queries and forms, and for one segment of a path. */
void lki_url_escape(struct lki_buf *buf, const char *text);

/*
 * Writes path as the name of a metric: without query and fragment, and with every segment that
 * looks like an identifier as {id}:
 *  - a number: digits, with or without a minus before them
 *  - a UUID
 *  - hexadecimal digits, 16 or more, with at least one of 0-9 (so no word is one)
 *  - a token: 20 or more of A-Z a-z 0-9 _ -, changing between letters and digits at least three
 *    times and, if it has a _ or -, with letters of both cases (so that "oauth2authorization..."
 *    and a slug such as "debian-12-on-a-2019-macbook" stay)
 * What does not fit into cap bytes, terminator included, is cut off. Returns the length.
 */
size_t lki_url_fold(char *out, size_t cap, const char *path, size_t len);

#endif
