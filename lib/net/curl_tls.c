/* What becomes of TLS over libcurl, in the words that the native engine has for it: its callbacks
 * look on, for afterwards libcurl has only a text of its own. */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "net/curl_inner.h"
#include "net/tls_inner.h"

/* Who opens the connection; NULL: nobody does any more. */
static struct lki_transfer *transfer_of(const SSL *ssl)
{
    struct lki_curl_handle *handle = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    return handle->transfer;
}

static int on_asked(SSL *ssl, void *arg)
{
    struct lki_transfer *transfer = transfer_of(ssl);

    (void)arg;
    if (transfer)
        transfer->identify = true;
    return 1;
}

static int on_judged(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct lki_transfer *transfer = transfer_of(ssl);
    char why[LKI_TLS_WHY_BYTES];

    if (good || !transfer)
        return good;
    lki_tls_judge_tell(store, transfer->request->origin->host, why);
    transfer->distrust = lki_arena_copy(transfer->arena, why, strlen(why));
    return 0;
}

static CURLcode on_context(CURL *easy, void *context, void *arg)
{
    struct lki_curl_handle *handle = arg;
    const struct lki_origin *origin = handle->transfer->request->origin;
    SSL_CTX *ctx = context;

    (void)easy;
    SSL_CTX_set_app_data(ctx, handle);
    SSL_CTX_set_cert_cb(ctx, on_asked, NULL);
    if (origin->transport->settings.insecure)
        return CURLE_OK;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_judged);
    return lki_tls_expect(SSL_CTX_get0_param(ctx), origin->host) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

void lki_curl_tls_watch(struct lki_curl_handle *handle, const char *proxy)
{
    const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

    /* of a proxy's own TLS it would be called too */
    if (!library || strncmp(library, "OpenSSL/", 8) != 0 || (proxy && !strncmp(proxy, "https:", 6)))
        return;
    curl_easy_setopt(handle->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
    curl_easy_setopt(handle->easy, CURLOPT_SSL_CTX_DATA, handle);
}

/* The words, for an error of OpenSSL's whose number libcurl has put into its own. */
static const char *words_of(const struct lki_transfer *transfer, const char *text)
{
    bool given = transfer->request->origin->transport->settings.cert_file != NULL;
    const char *number = strstr(text, "error:");
    unsigned long error = number ? strtoul(number + strlen("error:"), NULL, 16) : 0;
    const char *meaning = lki_tls_meaning(error, transfer->identify, given, transfer->asked);
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    bool ended = strstr(text, "SSL_ERROR_SYSCALL") != NULL;

    if (ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
        meaning = NULL; /* it may have been asked for HTTP/2 */
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    ended |= ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
#endif
    if (ended && !transfer->asked && !transfer->error)
        return "closed by the server during the handshake";
    if (meaning)
        return meaning;
    return reason ? reason : text;
}

void lki_curl_tls_failed(struct lki_transfer *transfer, const char *text)
{
    struct lki_origin *origin = transfer->request->origin;
    struct lki_tls_context *context = NULL;

    /* the native engine meets the same trouble with the files, and names the one */
    if (transfer->code == CURLE_SSL_CACERT_BADFILE || transfer->code == CURLE_SSL_CERTPROBLEM)
        context = lki_tls_context_of(origin->transport);
    if (context && !context->ctx)
        lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_TLS, "%s", context->why);
    else
        lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_TLS, "TLS with %s: %s",
                          origin->authority,
                          transfer->distrust ? transfer->distrust : words_of(transfer, text));
}
