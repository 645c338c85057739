/*
 * Who is meant by a Host field, and where an Origin comes from.
 */
#ifndef LKI_WEB_HOST_H
#define LKI_WEB_HOST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address by number. */
struct lki_web_address {
    int family; /* 0: it is none */
    struct in_addr four;
    struct in6_addr six;
};

/* "127.0.0.1", "::1"; an IPv6 one also in brackets. */
struct lki_web_address lki_web_address_parse(const char *text, size_t len);
bool lki_web_address_is_loopback(const struct lki_web_address *address);
bool lki_web_address_is_any(const struct lki_web_address *address);
bool lki_web_address_equal(const struct lki_web_address *a, const struct lki_web_address *b);

/* The host in "name", "name:port", "[::1]:port", without the port; false: it is none of these. */
bool lki_web_host_split(const char *text, size_t *host_len);

/* Is this Origin the server itself, asked by this Host, over HTTP or, with something in front of
 * it, over HTTPS? */
bool lki_web_origin_is(const char *origin, const char *host);

#endif
