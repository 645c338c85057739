/*
 * HTTP as a user has it: where paths lead, which connections are open, under which names samples
 * go.
 */
#ifndef LKI_CLIENT_HTTP_H
#define LKI_CLIENT_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/api.h>

#include "client/rules.h"
#include "net/exchange.h"
#include "stats/metric.h"

struct lk_ws;
struct lki_cookies;
struct lki_rpc;
struct lki_model;
struct lki_unit;
struct lki_watch;

/* The HTTP side of one user. */
struct lki_http_client {
    struct lki_http_shared *shared;
    struct lki_session session;
    struct lki_origin *base; /* NULL: no base URL */
    const char *prefix;      /* path of the base URL, "" or "/a/b"; owned */
    size_t prefix_len;
    struct lki_http_rules *rules; /* of lk_http_setup; NULL: those of the run */
    struct lki_cookies *cookies;  /* NULL: there are none */
    struct lk_ws *sockets;        /* WebSockets that are open, and those that were lost */
    struct lki_rpc *rpc;          /* of JSON-RPC; NULL: it was not used */
};

#define LKI_SAMPLE_NAMES 512
#define LKI_SAMPLE_NAME_BYTES 88

/* What a request was called before, so that its metric is found without folding its path again, and
 * how it was answered, so that a head like the last one need not be parsed again. */
struct lki_sample_name {
    const char *step;
    struct lki_metric *metric;
    struct lki_http1_memo *memo;
    uint32_t len;
    char text[LKI_SAMPLE_NAME_BYTES]; /* method, space, target; or the name that was given */
};

struct lki_http_shared;

/* Carries an exchange out as lki_exchange does, in the task of the user. */
typedef void lki_http_exchange(struct lki_http_shared *shared, lk_vu *vu,
                               const struct lki_exchange_request *request, struct lki_arena *arena,
                               struct lki_exchange_result *result);

/* What the users of one worker share. */
struct lki_http_shared {
    struct lki_origins origins;
    struct lk_http_settings settings; /* of the run, with their texts */
    struct lki_arena texts;
    struct lki_http_rules rules; /* that follow from them */
    struct lki_session session;  /* for users that share their connections */
    struct lki_sent wire;
    uint32_t sending;            /* that wire shows, unless it is to be seen elsewhere */
    lki_http_exchange *exchange; /* NULL: lki_exchange, over the network */
    void *exchange_arg;
    const struct lki_watch *watch; /* who looks on; NULL: nobody does */
    const struct lki_model
        *model; /* its secrets are masked in what is shown; NULL: there are none */
    struct lki_sample_name names[LKI_SAMPLE_NAMES];
};

/* Zeroed before; it must not move from here on. What is sent is counted in the totals of metrics.
 */
enum lk_err lki_http_shared_init(struct lki_http_shared *shared, struct lki_loop *loop,
                                 const struct lki_metrics *metrics);
void lki_http_shared_release(struct lki_http_shared *shared);

static inline const struct lki_http_rules *lki_http_rules(const struct lki_http_client *http)
{
    return LKI_UNLIKELY(http->rules != NULL) ? http->rules : &http->shared->rules;
}

/* Forgets base URL, settings and cookies, and closes the connections: a new life starts without
 * them. */
void lki_http_client_reset(struct lki_http_client *http);

/* The base URL, for another process, and back again; nothing is written if there is none.
 * LK_E_FORMAT: this is no URL. */
void lki_http_base_write(const struct lki_http_client *http, struct lki_buf *out);
enum lk_err lki_http_base_read(struct lki_http_client *http, const char *url);

#endif
