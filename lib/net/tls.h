/*
 * TLS on the connections of the native engine, by OpenSSL, whose types do not leave tls*.
 */
#ifndef LKI_NET_TLS_H
#define LKI_NET_TLS_H

#include <sys/types.h>

#include "net/conn.h"
#include "net/transport.h"

/* What the connections of one transport share: certificates, versions. */
struct lki_tls_context;
void lki_tls_context_free(struct lki_tls_context *context); /* NULL is ignored */

/* One connection's. */
struct lki_tls;

/*
 * Makes a connection that has just been opened a TLS one: the handshake, with its time in
 * result->phase_ns, the server's certificate looked at, and what can be resumed of an earlier one
 * of this session taken up. False: result->code, ->error and ->ended say why.
 */
bool lki_tls_open(struct lki_conn *conn, struct lki_task *task,
                  const struct lki_exchange_request *request, int64_t until_ns,
                  struct lki_arena *arena, struct lki_exchange_result *result);

/* lki_conn_send and lki_conn_recv. One call reads from the socket once at most, unless that fills
 * the record layer's buffer. */
ssize_t lki_tls_send(struct lki_conn *conn, const void *bytes, size_t len);
ssize_t lki_tls_recv(struct lki_conn *conn, void *into, size_t cap);

/* What the last error was. It stands until another connection of the transport has one. */
const char *lki_tls_why(const struct lki_conn *conn);

/* Whether the server has said by an alert why it ends the connection, where all that writing has
 * told is that it has: lki_tls_why tells. */
bool lki_tls_refused(struct lki_conn *conn);

/* Whether the end of the stream was one that the peer meant: nobody else can make it. */
bool lki_tls_ended(const struct lki_conn *conn);

/* Takes up what servers send beside answers, tickets and the like. False: there is more than
 * that to read, or the connection is of no use any more. */
bool lki_tls_stays(struct lki_conn *conn);

/* Before the descriptor is closed. The peer is told of the end if that needs no waiting. */
void lki_tls_close(struct lki_conn *conn);

/* What a session could resume is forgotten. */
void lki_tls_sessions_free(struct lki_session *session);

#endif
