/*
 * What holds for all requests of a user, or, as the options of the run say it, of all users.
 */
#ifndef LKI_CLIENT_RULES_H
#define LKI_CLIENT_RULES_H

#include <loadkit/http.h>

#include "net/exchange.h"

struct lki_http_rules {
    struct lki_http_rules *former; /* which exchanges in hand may still look at */
    unsigned uses;                 /* exchanges in hand */
    struct lki_transport *transport;
    enum lk_http_engine engine;
    enum lk_http_version version;
    enum lk_http_connections connections;
    const char *beyond; /* what the native engine cannot do for them; NULL: nothing */
    int64_t timeout_ns;
    struct lki_phase_limits limits;
    unsigned max_redirects; /* 0: none is followed */
    bool no_cookies;
    bool compressed;
    struct lki_credentials credentials;
    const char *headers; /* whole lines, for requests that do not have them themselves; "" */
    size_t header_count;
    const char *authorization; /* value of that header, below those lines; NULL: none */
    char *texts;               /* where all of these lie; NULL: nowhere */
};

/* The defaults, for transport. */
void lki_http_rules_init(struct lki_http_rules *rules, struct lki_transport *transport);

/* Those of settings that have been checked. LK_E_NOMEM: rules is untouched. */
enum lk_err lki_http_rules_make(struct lki_http_rules *rules, struct lki_transports *transports,
                                const struct lk_http_settings *settings);

/* What they own. */
void lki_http_rules_release(struct lki_http_rules *rules);

/* These, and all former ones, which were allocated. */
void lki_http_rules_free(struct lki_http_rules *rules);

/* Of the former ones, those that nobody looks at any more. */
void lki_http_rules_prune(struct lki_http_rules *rules);

/* Around an exchange: another step of the user may give it other rules meanwhile. */
static inline void lki_http_rules_hold(const struct lki_http_rules *rules)
{
    ((struct lki_http_rules *)(uintptr_t)rules)->uses++;
}

static inline void lki_http_rules_drop(const struct lki_http_rules *rules)
{
    ((struct lki_http_rules *)(uintptr_t)rules)->uses--;
}

/* What they and the request say of how the exchange is carried out: by which engine, within what
 * time, on which connection. Ends the step if it cannot be. */
void lki_http_rules_apply(lk_vu *vu, const struct lki_http_rules *rules,
                          const struct lk_request *request, struct lki_exchange_request *exchange);

/* Ends the step if a time of the request is none. */
void lki_http_times_refuse(lk_vu *vu, const struct lk_request *request);

static inline void lki_http_times_check(lk_vu *vu, const struct lk_request *request)
{
    if (LKI_UNLIKELY(!(request->timeout_s >= 0) || !(request->lookup_timeout_s >= 0) ||
                     !(request->connect_timeout_s >= 0) || !(request->tls_timeout_s >= 0) ||
                     !(request->first_byte_timeout_s >= 0)))
        lki_http_times_refuse(vu, request);
}

/* How many redirects are followed. */
static inline unsigned lki_http_redirects(const struct lki_http_rules *rules,
                                          const struct lk_request *request)
{
    if (request->no_redirects)
        return 0;
    return request->max_redirects ? request->max_redirects : rules->max_redirects;
}

static inline bool lki_http_has_cookies(const struct lki_http_rules *rules,
                                        const struct lk_request *request)
{
    return !request->no_cookies && !rules->no_cookies;
}

static inline bool lki_http_is_compressed(const struct lki_http_rules *rules,
                                          const struct lk_request *request)
{
    return request->compressed || rules->compressed;
}

#endif
