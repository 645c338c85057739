/*
 * The curl engine: HTTP/2, proxies, authentication, uploads, by libcurl on our loop. The types of
 * libcurl do not leave its files.
 */
#ifndef LKI_NET_CURL_H
#define LKI_NET_CURL_H

#include "net/exchange.h"

/* As lki_exchange. */
void lki_curl_exchange(struct lki_session *session, struct lki_task *task,
                       const struct lki_exchange_request *request, struct lki_arena *arena,
                       struct lki_exchange_result *result);

/* What a session has of libcurl: its connections, all idle. */
void lki_curl_free(struct lki_session *session);

/* The same, unless an exchange is in hand. */
void lki_curl_close_idle(struct lki_session *session);

/* What is left when all sessions are gone, perhaps the loop too; NULL is ignored. */
struct lki_curl_engine;
void lki_curl_engine_free(struct lki_curl_engine *engine);

#endif
