/*
 * What the parts of TLS share: only for tls*.c and curl_tls.c.
 */
#ifndef LKI_NET_TLS_INNER_H
#define LKI_NET_TLS_INNER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "net/tls.h"

#define LKI_TLS_WHY_BYTES 512

struct lki_tls_context {
    SSL_CTX *ctx; /* NULL: it cannot be had, and why says why */
    BIO_METHOD *method;
    char why[LKI_TLS_WHY_BYTES]; /* the last thing that went wrong with a connection */
};

struct lki_tls {
    SSL *ssl;
    int error;     /* of the socket; 0: none */
    bool drained;  /* the last read from the socket came back short */
    bool eof;      /* the socket has come to its end */
    bool asked;    /* the server has asked for a certificate of ours */
    bool told;     /* context->why says what is wrong with the server's certificate */
    bool alerted;  /* by the server, of something that ends the connection */
    bool broken;   /* of no use any more, as context->why was told */
    bool finished; /* the handshake is over */
    bool fat;      /* a message that is no data has come, and left OpenSSL with buffers */
};

/* The transport's context, made when it is first asked for; NULL: no memory. */
struct lki_tls_context *lki_tls_context_of(struct lki_transport *transport);

static inline struct lki_conn *lki_tls_conn(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

static inline struct lki_tls_context *lki_tls_context(const struct lki_conn *conn)
{
    return conn->origin->transport->tls;
}

void lki_tls_say(struct lki_tls_context *context, const char *fmt, ...) LK_PRINTF(2, 3);

/* A callback of OpenSSL's: notes what is wrong with a certificate. */
int lki_tls_judge(int good, X509_STORE_CTX *store);

/* What is wrong with the certificate in hand, of a server that has to be host; why takes
 * LKI_TLS_WHY_BYTES. */
void lki_tls_judge_tell(const X509_STORE_CTX *store, const char *host, char *why);

/* What an error of OpenSSL's means to who loads a server; NULL: what it says is best. Where the
 * server has asked for a certificate, which may have been given, most refusals are about that. */
const char *lki_tls_meaning(unsigned long error, bool asked, bool given, bool finished);

/* Whom the server has to be. False: no memory. */
bool lki_tls_expect(X509_VERIFY_PARAM *param, const char *host);

/* Notes why a call of OpenSSL's has failed, and empties its queue of errors. */
void lki_tls_explain(struct lki_conn *conn);

/* A callback of OpenSSL's: keeps what can be resumed. */
int lki_tls_session_keep(SSL *ssl, SSL_SESSION *session);

/* Has a connection take up what was kept for its origin. */
void lki_tls_session_use(struct lki_conn *conn, SSL *ssl);

#endif
