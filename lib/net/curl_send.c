/* What libcurl sends, and whether the kernel has taken it. */
#include "net/curl_inner.h"

#include <openssl/ssl.h>
#include <string.h>

/* TLS has not agreed to what alone was to be spoken. */
static bool is_refused(struct lki_transfer *transfer)
{
    const struct lki_exchange_request *request = transfer->request;
    struct curl_tlssessioninfo *info = NULL;
    const unsigned char *protocol = NULL;
    unsigned len = 0;

    if (request->version != LK_HTTP_2_ONLY || request->origin->scheme != LKI_URL_HTTPS ||
        curl_easy_getinfo(transfer->handle->easy, CURLINFO_TLS_SSL_PTR, &info) || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return false;
    SSL_get0_alpn_selected(info->internals, &protocol, &len);
    if (len == 2 && !memcmp(protocol, "h2", 2))
        return false;
    lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_PROTOCOL,
                      "the server does not speak HTTP/2");
    return true;
}

/* Which connection it is libcurl does not say before it waits for something on it. */
static void sock_find(struct lki_transfer *transfer)
{
    struct lki_curl *curl = transfer->curl;

    if (transfer->opening)
        lki_curl_sock_join(transfer->opening, transfer);
    else if (!transfer->sock && curl->sock_count == 1 && curl->latest)
        lki_curl_sock_join(curl->latest, transfer);
}

int lki_curl_on_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct lki_curl_handle *handle = arg;
    struct lki_transfer *transfer = handle->transfer;
    struct lki_curl_engine *engine = transfer->curl->engine;
    struct lki_origin *via = transfer->via;

    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    /* one that was asked who it is goes on; another attempt of libcurl's own does not */
    if (transfer->asked && !transfer->challenge) {
        transfer->lost = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (!transfer->ready_ns)
        transfer->ready_ns = lki_loop_now(engine->loop);
    if (is_refused(transfer))
        return CURL_PREREQFUNC_ABORT;
    if (engine->sending && engine->sending != transfer)
        lki_curl_settle(engine->sending, false);
    engine->sending = transfer;
    transfer->asked = true;
    sock_find(transfer);
    if (transfer->opening)
        transfer->opening->opening = false;
    transfer->opening = NULL;
    lki_curl_wake_waiting(transfer->curl);
    if (transfer->opened && transfer->address)
        via->preferred = (via->preferred + transfer->address) % via->address_count;
    transfer->address = 0;
    if (transfer->stage < LKI_CURL_SENDING)
        lki_curl_enter(transfer, LKI_CURL_SENDING, transfer->ready_ns, LKI_NEVER);
    return CURL_PREREQFUNC_OK;
}

/* What libcurl has written to a socket it counts, and while something is left it wants to write. */
static bool is_sent(const struct lki_transfer *transfer, bool over)
{
    CURL *easy = transfer->handle->easy;
    curl_off_t body = 0;
    long head = 0;

    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &head);
    if (head <= 0)
        return false;
    if (transfer->body_bytes) {
        curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &body);
        if ((uint64_t)body < transfer->body_bytes)
            return false;
    }
    return over || !transfer->sock || !(transfer->sock->wanted & CURL_POLL_OUT);
}

void lki_curl_settle(struct lki_transfer *transfer, bool over)
{
    if (transfer->sent || !transfer->asked || !is_sent(transfer, over))
        return;
    transfer->sent = true;
    ++*transfer->request->wire->sent;
    transfer->sent_ns = lki_loop_now(transfer->task->loop);
    if (!over && transfer->stage == LKI_CURL_SENDING)
        lki_curl_enter(transfer, LKI_CURL_WAITING, transfer->sent_ns,
                       transfer->request->limits.first_byte_ns);
}
