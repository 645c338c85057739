/* What it means for an exchange that libcurl has failed: our codes, and words for people. */
#include "net/curl_inner.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static void fail(struct lki_transfer *transfer, lki_code code, const char *text)
{
    lki_exchange_fail(transfer->result, transfer->arena, code, "%s", text);
}

/* libcurl's own words. */
static const char *words(const struct lki_transfer *transfer)
{
    const char *text = transfer->handle->error;

    return *text ? text : curl_easy_strerror(transfer->code);
}

static lki_code connect_code(const struct lki_transfer *transfer)
{
    if (transfer->error == EMFILE || transfer->error == ENFILE)
        return LKI_CODE_HTTP_NO_DESCRIPTORS;
    if ((transfer->error == EADDRNOTAVAIL || transfer->error == EADDRINUSE) && !transfer->unbound)
        return LKI_CODE_HTTP_NO_PORTS;
    return LKI_CODE_HTTP_CONNECT;
}

bool lki_curl_unconnected(const struct lki_transfer *transfer)
{
    return transfer->stage <= LKI_CURL_CONNECTING && transfer->code == CURLE_COULDNT_CONNECT &&
           !transfer->lost && connect_code(transfer) == LKI_CODE_HTTP_CONNECT;
}

bool lki_curl_greeted(const struct lki_transfer *transfer)
{
    switch (transfer->code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_SSL_CACERT_BADFILE: /* these of files of our own */
    case CURLE_SSL_CERTPROBLEM:
        return false;
    default:
        return true;
    }
}

static void fail_to_connect(struct lki_transfer *transfer)
{
    const struct lki_transport_settings *settings = &transfer->request->origin->transport->settings;
    const char *to = settings->unix_socket ? settings->unix_socket : transfer->via->authority;
    const char *what = settings->proxy ? "the proxy " : "";
    lki_code code = connect_code(transfer);

    if (code == LKI_CODE_HTTP_NO_PORTS)
        lki_exchange_fail(
            transfer->result, transfer->arena, code,
            "cannot connect to %s%s: all local ports are in use; connect from several "
            "addresses of this machine with --local-addr FIRST-LAST",
            what, to);
    else if (transfer->unbound)
        lki_exchange_fail(transfer->result, transfer->arena, code,
                          "cannot connect to %s%s from the local address %s: %s", what, to,
                          settings->local_addr, strerror(transfer->error));
    else
        lki_exchange_fail(transfer->result, transfer->arena, code, "cannot connect to %s%s: %s",
                          what, to, transfer->error ? strerror(transfer->error) : words(transfer));
}

/* The request was on its way, or the answer. */
static void fail_by_loss(struct lki_transfer *transfer)
{
    bool reset = transfer->error == ECONNRESET || transfer->error == EPIPE;

    if (lki_curl_is_h2c(transfer->request) && !transfer->received && transfer->arrived) {
        fail(transfer, LKI_CODE_HTTP_PROTOCOL, "the server does not speak HTTP/2");
        return;
    }
    lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_RESET,
                      "%s after %llu bytes of the answer",
                      reset ? strerror(transfer->error) : "connection closed by the server",
                      (unsigned long long)transfer->received);
}

static void fail_by_tls(struct lki_transfer *transfer)
{
    lki_curl_tls_failed(transfer, words(transfer));
}

static void fail_by_shortness(struct lki_transfer *transfer)
{
    if (transfer->head.body != LKI_BODY_LENGTH || transfer->version == 20)
        fail_by_loss(transfer);
    else
        lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_RESET,
                          "connection closed after %llu of %llu bytes of the body",
                          (unsigned long long)transfer->body_taken,
                          (unsigned long long)transfer->head.content_length);
}

/* libcurl has one code for what is lost and for what is wrong, and words that tell them apart. */
static void fail_to_receive(struct lki_transfer *transfer)
{
    if (strstr(transfer->handle->error, "alert"))
        fail_by_tls(transfer);
    else if (strstr(transfer->handle->error, "chunk"))
        fail(transfer, LKI_CODE_HTTP_PROTOCOL, words(transfer));
    else
        fail_by_loss(transfer);
}

/* The server has ended one of several exchanges on a connection. */
static void fail_by_stream(struct lki_transfer *transfer)
{
    const char *text = words(transfer);
    bool wrong = !strstr(text, "not closed cleanly") || strstr(text, "PROTOCOL_ERROR");

    fail(transfer, wrong ? LKI_CODE_HTTP_PROTOCOL : LKI_CODE_HTTP_RESET, text);
}

static void fail_for_memory(struct lki_transfer *transfer)
{
    if (transfer->stage >= LKI_CURL_WAITING && !transfer->head_over) {
        fail(transfer, LKI_CODE_HTTP_PROTOCOL, "a line of the head is too long, or out of memory");
        return;
    }
    fail(transfer, transfer->asked ? LKI_CODE_HTTP_TOO_LARGE : LKI_CODE_HTTP_CONNECT,
         "out of memory");
}

/* Before the request could be sent. */
static void fail_early(struct lki_transfer *transfer)
{
    if (transfer->stage <= LKI_CURL_CONNECTING)
        fail_to_connect(transfer);
    else if (transfer->request->origin->transport->settings.proxy)
        lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_CONNECT,
                          "no connection to %s by the proxy %s: %s",
                          transfer->request->origin->authority, transfer->via->authority,
                          words(transfer));
    else
        fail_by_tls(transfer);
}

void lki_curl_failed(struct lki_transfer *transfer)
{
    switch (transfer->code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        fail_for_memory(transfer);
        return;
    case CURLE_OPERATION_TIMEDOUT:
        fail(transfer, LKI_CODE_HTTP_TIMEOUT, "timed out while connecting");
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        fail(transfer, LKI_CODE_HTTP_DNS, words(transfer));
        return;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        fail_by_tls(transfer);
        return;
    default:
        break;
    }
    if (!transfer->asked) {
        fail_early(transfer);
        return;
    }
    switch (transfer->code) {
    case CURLE_OK:              /* an end in the middle, which libcurl takes for one */
    case CURLE_COULDNT_CONNECT: /* another attempt, which was refused */
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
        fail_by_loss(transfer);
        return;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is anything at all */
        fail(transfer, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1 status line");
        return;
    case CURLE_RECV_ERROR:
        fail_to_receive(transfer);
        return;
    case CURLE_PARTIAL_FILE:
        fail_by_shortness(transfer);
        return;
    case CURLE_HTTP2_STREAM:
        fail_by_stream(transfer);
        return;
    default:
        fail(transfer, LKI_CODE_HTTP_PROTOCOL, words(transfer));
    }
}
