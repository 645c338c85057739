/*
 * Origins: the servers of a run as they are reached, each with the addresses that its name has.
 * Names are looked up on a helper thread, once for all users, and remembered for a while.
 */
#ifndef LKI_NET_ORIGIN_H
#define LKI_NET_ORIGIN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop/task.h"
#include "net/transport.h"
#include "net/url.h"

struct lki_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    } sock;
    socklen_t len;
};

struct lki_conn;
struct lki_curl_engine;
struct lki_lookup_wait;

struct lki_origin {
    struct lki_origin *next;
    struct lki_transport *transport;
    enum lki_url_scheme scheme;
    char *host;      /* these two live in one block of memory */
    char *authority; /* for the Host field */
    size_t authority_len;
    uint16_t port;
    struct lki_address *addresses;
    size_t address_count;
    size_t preferred; /* the address that answered last */
    int64_t fresh_until_ns;
    char *greeting; /* what heads of requests to it have in common; NULL: not made */
    size_t greeting_len;
    const char *failure; /* why the last look-up failed: static text; NULL: it did not */
    bool looking;
    struct lki_lookup_wait *waits;
    struct lki_conn *idle; /* of the shared session */
};

struct lki_origins {
    struct lki_loop *loop;
    struct lki_origin *first;
    struct lki_transports transports;
    struct lki_curl_engine *curl; /* made when first used */
};

void lki_origins_release(struct lki_origins *origins);

/* The origin of a URL, made when it is new; lives as long as origins. NULL: no memory. */
struct lki_origin *lki_origin_get(struct lki_origins *origins, struct lki_transport *transport,
                                  const struct lki_url *url);

/* The same server over another transport. */
struct lki_origin *lki_origin_over(struct lki_origins *origins, struct lki_transport *transport,
                                   const struct lki_origin *origin);

/* Whether addresses are at hand, without waiting. */
bool lki_origin_known(const struct lki_origins *origins, const struct lki_origin *origin);

/*
 * Looks the name up, waiting in task. After LKI_WAKE_EVENT either there are addresses or
 * origin->failure says why not; anything else says why the wait ended.
 */
enum lki_wake lki_origin_look_up(struct lki_origins *origins, struct lki_origin *origin,
                                 struct lki_task *task, int64_t until_ns);

/* No address answered: the next user asks again. */
void lki_origin_distrust(struct lki_origins *origins, struct lki_origin *origin);

#endif
