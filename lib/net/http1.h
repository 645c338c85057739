/*
 * The native engine: HTTP/1.1 over TCP and TLS. Each connection is registered with the loop once
 * and is closed as soon as anything arrives on it while it is idle, or when an exchange on it did
 * not end cleanly.
 */
#ifndef LKI_NET_HTTP1_H
#define LKI_NET_HTTP1_H

#include "net/exchange.h"

/* As lki_exchange. */
void lki_http1_exchange(struct lki_session *session, struct lki_task *task,
                        const struct lki_exchange_request *request, struct lki_arena *arena,
                        struct lki_exchange_result *result);

#endif
