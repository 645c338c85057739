#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_inner.h"

/* What a call of OpenSSL's that did not succeed has come to. Its own SSL_get_error would ask a
 * queue of errors, in which others, an author's library, may have left theirs. */
enum failure { WANTS_READ, WANTS_WRITE, ENDED, SOCKET_ERROR, TLS_ERROR };

static enum failure failure_of(const struct lki_tls *tls)
{
    if (tls->alerted)
        return TLS_ERROR;
    if (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN)
        return ENDED;
    if (tls->error)
        return SOCKET_ERROR;
    if (tls->eof)
        return ENDED;
    if (BIO_should_read(SSL_get_rbio(tls->ssl)))
        return WANTS_READ;
    return BIO_should_write(SSL_get_wbio(tls->ssl)) ? WANTS_WRITE : TLS_ERROR;
}

/* What it means for who reads: 0 or -1 with errno. */
static ssize_t failure_tell(struct lki_conn *conn)
{
    switch (failure_of(conn->tls)) {
    case WANTS_READ:
    case WANTS_WRITE:
        errno = EAGAIN;
        return -1;
    case ENDED:
        ERR_clear_error();
        return 0;
    case SOCKET_ERROR:
        ERR_clear_error();
        errno = conn->tls->error;
        return -1;
    case TLS_ERROR:
        break;
    }
    conn->tls->broken = true;
    lki_tls_explain(conn);
    errno = EPROTO;
    return -1;
}

/* OpenSSL gives its buffers back by itself after reading and writing, but not after tickets. */
static void slim(struct lki_tls *tls)
{
    tls->fat = false;
    SSL_free_buffers(tls->ssl);
}

ssize_t lki_tls_send(struct lki_conn *conn, const void *bytes, size_t len)
{
    size_t sent = 0;
    ssize_t failed;

    while (sent < len) {
        size_t part = 0;

        if (SSL_write_ex(conn->tls->ssl, (const char *)bytes + sent, len - sent, &part) != 1)
            break;
        sent += part;
    }
    if (LKI_LIKELY(sent))
        return (ssize_t)sent;
    failed = failure_tell(conn);
    if (failed == 0)
        errno = EPIPE;
    return -1;
}

ssize_t lki_tls_recv(struct lki_conn *conn, void *into, size_t cap)
{
    struct lki_tls *tls = conn->tls;
    size_t got = 0;
    size_t part = 0;

    if (LKI_UNLIKELY(tls->broken)) {
        errno = EPROTO;
        return -1;
    }
    do {
        if (SSL_read_ex(tls->ssl, (char *)into + got, cap - got, &part) != 1)
            break;
        got += part;
    } while (got < cap && SSL_has_pending(tls->ssl));
    /* of a record that has come in part the rest is an event */
    conn->more = !tls->drained ||
                 (SSL_has_pending(tls->ssl) && !BIO_should_read(SSL_get_rbio(tls->ssl)));
    if (LKI_UNLIKELY(tls->fat))
        slim(tls);
    return LKI_LIKELY(got) ? (ssize_t)got : failure_tell(conn);
}

bool lki_tls_refused(struct lki_conn *conn)
{
    size_t got = 0;
    char byte;

    if (conn->tls->broken)
        return true;
    conn->tls->error = 0;
    if (SSL_peek_ex(conn->tls->ssl, &byte, 1, &got) != 1)
        failure_tell(conn);
    return conn->tls->broken;
}

bool lki_tls_ended(const struct lki_conn *conn)
{
    return SSL_get_shutdown(conn->tls->ssl) & SSL_RECEIVED_SHUTDOWN;
}

bool lki_tls_stays(struct lki_conn *conn)
{
    size_t got = 0;
    char byte;

    conn->more = conn->ending || SSL_peek_ex(conn->tls->ssl, &byte, 1, &got) == 1 ||
                 failure_tell(conn) == 0 || errno != EAGAIN;
    slim(conn->tls);
    return !conn->more;
}

/* ---- the handshake ---- */

static bool is_address(const char *host)
{
    unsigned char binary[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

bool lki_tls_expect(X509_VERIFY_PARAM *param, const char *host)
{
    size_t len = strlen(host);

    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(param, host);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* the dot of a name that is complete is for who looks it up */
    return X509_VERIFY_PARAM_set1_host(param, host, len - (len > 1 && host[len - 1] == '.'));
}

static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    return lki_tls_expect(param, host) &&
           (is_address(host) ||
            SSL_set_tlsext_host_name(ssl, X509_VERIFY_PARAM_get0_host(param, 0)));
}

static bool tls_new(struct lki_conn *conn, struct lki_tls_context *context)
{
    struct lki_tls *tls = lki_zalloc(sizeof(*tls));
    SSL *ssl = tls ? SSL_new(context->ctx) : NULL;
    BIO *bio = ssl ? BIO_new(context->method) : NULL;

    if (!bio) {
        SSL_free(ssl);
        free(tls);
        return false;
    }
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, conn);
    tls->ssl = ssl;
    conn->tls = tls;
    SSL_set_connect_state(ssl);
    lki_tls_session_use(conn, ssl);
    return expect_host(ssl, conn->origin->host);
}

static void handshake_fail(struct lki_conn *conn, enum failure failure, struct lki_arena *arena,
                           struct lki_exchange_result *result)
{
    const char *what = conn->origin->authority;

    if (failure == ENDED)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TLS,
                          "TLS with %s: closed by the server during the handshake", what);
    else if (failure == SOCKET_ERROR)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TLS, "TLS with %s: %s during the handshake",
                          what, strerror(conn->tls->error));
    else
        lki_tls_explain(conn);
    if (failure == TLS_ERROR)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TLS, "TLS with %s: %s", what,
                          lki_tls_why(conn));
    ERR_clear_error();
}

static enum lki_wake handshake_wait(struct lki_conn *conn, struct lki_task *task,
                                    enum failure failure, int64_t until_ns)
{
    int ready = 0;

    if (failure == WANTS_WRITE)
        return lki_task_wait_fd(task, conn->fd, LKI_WRITABLE | LKI_EDGE, until_ns, &ready);
    return lki_task_wait(task, until_ns);
}

static bool shake_hands(struct lki_conn *conn, struct lki_task *task,
                        const struct lki_exchange_request *request, int64_t until_ns,
                        struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_tls *tls = conn->tls;
    struct lki_span span = lki_span_begin(lki_loop_now(task->loop), request->limits.tls_ns,
                                          until_ns);

    while (SSL_do_handshake(tls->ssl) != 1) {
        enum failure failure = failure_of(tls);
        enum lki_wake why;

        if (failure != WANTS_READ && failure != WANTS_WRITE) {
            handshake_fail(conn, failure, arena, result);
            return false;
        }
        slim(tls);
        why = handshake_wait(conn, task, failure, span.until_ns);
        if (why != LKI_WAKE_EVENT) {
            lki_span_broken(&span, result, arena, why, "waiting for the TLS handshake");
            return false;
        }
    }
    tls->finished = true;
    slim(tls);
    ERR_clear_error();
    return true;
}

bool lki_tls_open(struct lki_conn *conn, struct lki_task *task,
                  const struct lki_exchange_request *request, int64_t until_ns,
                  struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_tls_context *context = lki_tls_context_of(conn->origin->transport);
    int64_t start_ns = lki_loop_now(task->loop);
    bool done;

    if (context && !context->ctx) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TLS, "%s", context->why);
        return false;
    }
    if (!context || !tls_new(conn, context)) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TLS, "out of memory");
        return false;
    }
    done = shake_hands(conn, task, request, until_ns, arena, result);
    result->phase_ns[LKI_PHASE_TLS] = lki_loop_now(task->loop) - start_ns;
    return done;
}

void lki_tls_close(struct lki_conn *conn)
{
    struct lki_tls *tls = conn->tls;

    /* who is not told keeps from resuming what can be resumed */
    if (tls->finished && !tls->error && !tls->eof && !tls->broken)
        SSL_shutdown(tls->ssl);
    SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ERR_clear_error();
    SSL_free(tls->ssl);
    free(tls);
    conn->tls = NULL;
}
