/*
 * What the connections of a transport share: its certificates, versions and rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls_inner.h"

static const unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

void lki_tls_say(struct lki_tls_context *context, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(context->why, sizeof(context->why), fmt, args);
    va_end(args);
}

/* The other end of a connection's records: its socket. */
static int on_write(BIO *bio, const char *bytes, int len)
{
    struct lki_conn *conn = BIO_get_data(bio);
    ssize_t sent;

    BIO_clear_retry_flags(bio);
    do
        sent = send(conn->fd, bytes, (size_t)len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent > 0)
        conn->written += (uint64_t)sent;
    else if (sent < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    else if (sent < 0)
        conn->tls->error = errno;
    return (int)sent;
}

static int on_read(BIO *bio, char *into, int cap)
{
    struct lki_conn *conn = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    do
        got = recv(conn->fd, into, (size_t)cap, 0);
    while (got < 0 && errno == EINTR);
    conn->tls->drained = got < 0 || (got < cap && !conn->ending);
    if (got == 0)
        conn->tls->eof = true;
    else if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    else if (got < 0)
        conn->tls->error = errno;
    return (int)got;
}

static long on_control(BIO *bio, int command, long number, void *arg)
{
    struct lki_conn *conn = BIO_get_data(bio);

    (void)number;
    (void)arg;
    if (command == BIO_CTRL_EOF)
        return conn->tls->eof;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "loadkit connection");

    if (method && (!BIO_meth_set_write(method, on_write) || !BIO_meth_set_read(method, on_read) ||
                   !BIO_meth_set_ctrl(method, on_control))) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* Nobody is there to be asked for the password of a key. */
static int on_password(char *into, int cap, int writing, void *arg)
{
    (void)into;
    (void)cap;
    (void)writing;
    (void)arg;
    return -1;
}

/* An alert tells why the server ends the connection, or only that it does. */
static void on_info(const SSL *ssl, int where, int value)
{
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
        lki_tls_conn(ssl)->tls->alerted |= value >> 8 == SSL3_AL_FATAL;
}

/* The server asks for a certificate; what there is was set beforehand. */
static int on_asked(SSL *ssl, void *arg)
{
    (void)arg;
    lki_tls_conn(ssl)->tls->asked = true;
    return 1;
}

/* Notes what is wrong with a file. */
static bool file_fail(struct lki_tls_context *context, const char *what, const char *path)
{
    unsigned long error = ERR_peek_last_error();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;
    bool readable = fd >= 0 && read(fd, &byte, 1) >= 0;

    if (!readable)
        lki_tls_say(context, "cannot read the %s %s: %s", what, path, strerror(errno));
    else if (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH)
        lki_tls_say(context, "the %s %s does not fit the certificate", what, path);
    else
        lki_tls_say(context, "cannot use the %s %s, which must be PEM without a password: %s", what,
                    path, error ? ERR_reason_error_string(error) : "there is none in it");
    if (fd >= 0)
        close(fd);
    ERR_clear_error();
    return false;
}

static bool own_certificate(struct lki_tls_context *context,
                            const struct lki_transport_settings *settings)
{
    const char *cert = settings->cert_file;
    const char *key = settings->key_file ? settings->key_file : cert;

    SSL_CTX_set_cert_cb(context->ctx, on_asked, NULL);
    if (!cert)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context->ctx, cert) != 1)
        return file_fail(context, "certificate", cert);
    if (SSL_CTX_use_PrivateKey_file(context->ctx, key, SSL_FILETYPE_PEM) != 1)
        return file_fail(context, "key", key);
    SSL_CTX_set_post_handshake_auth(context->ctx, 1);
    return true;
}

static bool trust(struct lki_tls_context *context, const struct lki_transport_settings *settings)
{
    if (settings->insecure) {
        SSL_CTX_set_verify(context->ctx, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, lki_tls_judge);
    if (!settings->ca_file)
        SSL_CTX_set_default_verify_paths(context->ctx);
    else if (SSL_CTX_load_verify_file(context->ctx, settings->ca_file) != 1)
        return file_fail(context, "file of CA certificates", settings->ca_file);
    return true;
}

static bool context_fill(struct lki_tls_context *context,
                         const struct lki_transport_settings *settings)
{
    bool newest = settings->tls_min && !strcmp(settings->tls_min, "1.3");
    SSL_CTX *ctx = context->ctx;

    SSL_CTX_set_default_passwd_cb(ctx, on_password);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_info_callback(ctx, on_info);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, lki_tls_session_keep);
    if (!SSL_CTX_set_min_proto_version(ctx, newest ? TLS1_3_VERSION : TLS1_2_VERSION) ||
        SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn))) {
        lki_tls_say(context, "OpenSSL cannot be set up");
        return false;
    }
    return trust(context, settings) && own_certificate(context, settings);
}

struct lki_tls_context *lki_tls_context_of(struct lki_transport *transport)
{
    struct lki_tls_context *context = transport->tls;

    if (context)
        return context;
    context = lki_zalloc(sizeof(*context));
    if (!context)
        return NULL;
    context->method = method_new();
    context->ctx = SSL_CTX_new(TLS_client_method());
    if (!context->method || !context->ctx) {
        lki_tls_context_free(context);
        return NULL;
    }
    if (!context_fill(context, &transport->settings)) {
        SSL_CTX_free(context->ctx);
        context->ctx = NULL;
    }
    transport->tls = context;
    return context;
}

void lki_tls_context_free(struct lki_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->method);
    free(context);
}
