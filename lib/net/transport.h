/*
 * How servers are reached: TLS, a proxy, addresses of one's own. Equal settings are one transport,
 * however many users have them, and a server that is reached in two ways is two origins.
 */
#ifndef LKI_NET_TRANSPORT_H
#define LKI_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "base/map.h"
#include "net/local.h"
#include "net/ports.h"

struct lki_tls_context;

/* All zero: plainly. */
struct lki_transport_settings {
    bool insecure;
    const char *ca_file; /* NULL for these: none */
    const char *cert_file;
    const char *key_file;
    const char *tls_min; /* "1.2" or "1.3" */
    const char *proxy;   /* a URL */
    const char *local_addr;
    const char *unix_socket;
    const char *const *resolve; /* "host:port" and "address" in turn, up to a NULL; NULL: none */
};

struct lki_transport {
    struct lki_transport *next;
    struct lki_transport_settings settings; /* all of it lives in this block of memory */
    struct lki_tls_context *tls;            /* made when first used */
    struct lki_local local;                 /* of local_addr */
    struct lki_ports ports;
};

/* Zeroed: empty and ready. */
struct lki_transports {
    struct lki_transport *first;
    struct lki_map by_key;
};

/* Whether they can be used, but for files, which are looked at when they are needed. LK_E_ARG:
 * out says in one line what is wrong. */
enum lk_err lki_transport_check(const struct lki_transport_settings *settings, struct lki_buf *out);

/* The transport of these settings, which must be good, made when they are new; lives as long as
 * transports. NULL: no memory. */
struct lki_transport *lki_transport_get(struct lki_transports *transports,
                                        const struct lki_transport_settings *settings);
void lki_transports_release(struct lki_transports *transports);

#endif
