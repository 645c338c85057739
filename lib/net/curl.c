#include "net/curl_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char *const doing[] = {
    [LKI_CURL_QUEUED] = "waiting for a connection",
    [LKI_CURL_CONNECTING] = "connecting",
    [LKI_CURL_GREETING] = "waiting for the TLS handshake",
    [LKI_CURL_SENDING] = "sending",
    [LKI_CURL_WAITING] = "waiting for the answer",
    [LKI_CURL_RECEIVING] = "receiving the answer",
};

static bool fail(struct lki_transfer *transfer, lki_code code, const char *text)
{
    lki_exchange_fail(transfer->result, transfer->arena, code, "%s", text);
    return false;
}

/* ---- before anything is sent ---- */

static bool file_open(struct lki_transfer *transfer)
{
    const char *path = transfer->request->body_file;
    struct stat info;
    int error;

    if (!path)
        return true;
    transfer->file = open(path, O_RDONLY | O_CLOEXEC);
    error = transfer->file < 0 || fstat(transfer->file, &info) ? errno : 0;
    if (!error && S_ISDIR(info.st_mode))
        error = EISDIR;
    else if (!error && !S_ISREG(info.st_mode))
        error = ESPIPE; /* nobody knows how long it is */
    if (!error) {
        transfer->body_bytes = (uint64_t)info.st_size;
        return true;
    }
    lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_PROTOCOL,
                      "cannot read the file %s: %s", path, strerror(error));
    return false;
}

/* The server of a proxy's URL. NULL: no memory. */
static struct lki_origin *proxy_origin(struct lki_transfer *transfer, const char *proxy)
{
    const struct lki_exchange_request *request = transfer->request;
    const char *at = strrchr(proxy, '@') ? strrchr(proxy, '@') + 1 : strstr(proxy, "://") + 3;
    struct lki_url url = {0};
    struct lki_buf text;
    struct lki_origin *origin = NULL;

    lki_buf_init(&text, LKI_HTTP1_HEAD_MAX);
    lki_buf_printf(&text, "proxy://%s", at);
    if (!text.err && !lki_url_parse(&url, text.data, text.len, NULL)) {
        if (!url.port)
            url.port = strncmp(proxy, "https:", 6) ? 1080 : 443; /* as libcurl has it */
        origin = lki_origin_get(request->origins, request->origin->transport, &url);
    }
    lki_buf_release(&text);
    return origin;
}

static bool look_up(struct lki_transfer *transfer, struct lki_origin *origin)
{
    const struct lki_exchange_request *request = transfer->request;
    struct lki_exchange_result *result = transfer->result;
    int64_t start_ns = lki_loop_now(transfer->task->loop);
    struct lki_span span = lki_span_begin(start_ns, request->limits.lookup_ns, transfer->until_ns);
    enum lki_wake why;

    if (lki_origin_known(request->origins, origin))
        return true;
    why = lki_origin_look_up(request->origins, origin, transfer->task, span.until_ns);
    result->phase_ns[LKI_PHASE_LOOKUP] = lki_loop_now(transfer->task->loop) - start_ns;
    if (why != LKI_WAKE_EVENT)
        lki_span_broken(&span, result, transfer->arena, why, "looking up the name");
    else if (origin->failure)
        lki_exchange_fail(result, transfer->arena, LKI_CODE_HTTP_DNS, "cannot look up %s: %s",
                          origin->host, origin->failure);
    return why == LKI_WAKE_EVENT && !origin->failure;
}

/* Another one of the session opens a connection that may serve this one too. */
static bool is_opened(const struct lki_transfer *transfer)
{
    const struct lki_curl *curl = transfer->curl;

    if (transfer->request->version < LK_HTTP_2 || transfer->fresh || curl->falls_back)
        return false;
    for (const struct lki_transfer *t = curl->transfers; t; t = t->session_next) {
        if (t->request->origin == transfer->request->origin && !t->ready_ns &&
            (t->opened || !curl->sock_count))
            return true;
    }
    return false;
}

/* By HTTP/2 exchanges go side by side on one connection: those that begin at the same time wait for
 * the first to open it. */
static bool wait_turn(struct lki_transfer *transfer)
{
    struct lki_transfer **list = &transfer->curl->waiting;
    enum lki_wake why = LKI_WAKE_EVENT;

    while (why == LKI_WAKE_EVENT && is_opened(transfer)) {
        transfer->session_next = *list;
        *list = transfer;
        why = lki_task_wait(transfer->task, transfer->until_ns);
        while (*list != transfer)
            list = &(*list)->session_next;
        *list = transfer->session_next;
        list = &transfer->curl->waiting;
    }
    if (why != LKI_WAKE_EVENT)
        lki_exchange_broken(transfer->result, transfer->arena, why, doing[LKI_CURL_QUEUED]);
    return why == LKI_WAKE_EVENT;
}

/* ---- one attempt ---- */

static int64_t curl_time(const struct lki_transfer *transfer, CURLINFO which)
{
    curl_off_t us = 0;

    curl_easy_getinfo(transfer->handle->easy, which, &us);
    return us * 1000;
}

/* Has something of the answer come, of which libcurl has not told yet? */
static void note_beginning(struct lki_transfer *transfer)
{
    int64_t ready_ns;
    int64_t began_ns;
    bool nothing = transfer->done && (transfer->code == CURLE_GOT_NOTHING || transfer->lost);

    if (transfer->first_byte_ns || !transfer->sent || (nothing && !transfer->arrived))
        return;
    began_ns = curl_time(transfer, CURLINFO_STARTTRANSFER_TIME_T);
    ready_ns = curl_time(transfer, CURLINFO_PRETRANSFER_TIME_T);
    if (began_ns <= 0)
        return;
    transfer->arrived = true;
    transfer->first_byte_ns = transfer->ready_ns + began_ns - ready_ns;
    if (transfer->first_byte_ns < transfer->sent_ns)
        transfer->first_byte_ns = transfer->sent_ns;
    lki_curl_enter(transfer, LKI_CURL_RECEIVING, transfer->first_byte_ns, LKI_NEVER);
}

/* Waits until libcurl has done with it. False: the wait had to end before that. */
static bool wait_done(struct lki_transfer *transfer)
{
    while (!transfer->done && !transfer->unwatched) {
        enum lki_wake why = lki_task_wait(transfer->task, transfer->span.until_ns);

        if (transfer->done || why == LKI_WAKE_EVENT)
            continue;
        note_beginning(transfer);
        if (why == LKI_WAKE_TIMEOUT && lki_loop_now(transfer->task->loop) < transfer->span.until_ns)
            continue;
        lki_span_broken(&transfer->span, transfer->result, transfer->arena, why,
                        doing[transfer->stage]);
        return false;
    }
    return transfer->done || fail(transfer, LKI_CODE_HTTP_RESET, "out of memory");
}

static int64_t at_least_none(int64_t ns)
{
    return ns > 0 ? ns : 0;
}

/* Of a connection of its own there are times of ours: libcurl tells none of one that comes to
 * nothing. A proxy's part comes before TLS. */
static void note_connection(struct lki_transfer *transfer, int64_t spent_ns)
{
    const struct lki_origin *origin = transfer->request->origin;
    int64_t *phase_ns = transfer->result->phase_ns;
    int64_t ready_ns = transfer->ready_ns ? transfer->ready_ns : transfer->end_ns;
    int64_t connected_ns = transfer->connected_ns ? transfer->connected_ns : transfer->opened_ns;

    if (origin->scheme == LKI_URL_HTTPS && transfer->stage > LKI_CURL_CONNECTING &&
        (transfer->ready_ns || !origin->transport->settings.proxy))
        phase_ns[LKI_PHASE_TLS] = at_least_none(ready_ns - connected_ns);
    else
        connected_ns = ready_ns;
    phase_ns[LKI_PHASE_CONNECT] = spent_ns + at_least_none(connected_ns - transfer->opened_ns);
}

/* spent_ns: on addresses that were tried before. */
static void note_times(struct lki_transfer *transfer, int64_t spent_ns)
{
    struct lki_exchange_result *result = transfer->result;
    int64_t *phase_ns = result->phase_ns;
    int64_t sent_ns = transfer->sent_ns;

    if (transfer->opened)
        note_connection(transfer, spent_ns);
    if (!sent_ns)
        return;
    /* an answer may have come before it could be seen that the request was out */
    if (transfer->first_byte_ns && transfer->first_byte_ns < sent_ns)
        sent_ns = transfer->first_byte_ns;
    phase_ns[LKI_PHASE_SEND] = sent_ns - transfer->ready_ns;
    if (!transfer->first_byte_ns) {
        phase_ns[LKI_PHASE_WAIT] = transfer->end_ns - sent_ns;
        return;
    }
    phase_ns[LKI_PHASE_WAIT] = transfer->first_byte_ns - sent_ns;
    phase_ns[LKI_PHASE_RECEIVE] = transfer->end_ns - transfer->first_byte_ns;
}

static void note_bytes(struct lki_transfer *transfer)
{
    struct lki_exchange_result *result = transfer->result;
    curl_off_t body = 0;
    long head = 0;

    if (transfer->stage == LKI_CURL_QUEUED) /* what libcurl tells is of the one before */
        return;
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_REQUEST_SIZE, &head);
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_SIZE_UPLOAD_T, &body);
    result->bytes_sent = (uint64_t)head;
    if (transfer->file >= 0 || (uint64_t)head < transfer->body_bytes)
        result->bytes_sent += (uint64_t)body;
    result->bytes_received = transfer->received;
}

/* Whether a request that met the end of a kept-alive connection may be sent once more: if it came
 * too late to be read. As in the native engine. */
static bool may_send_again(const struct lki_transfer *transfer)
{
    bool ended = transfer->error != ECONNRESET;
    bool idempotent = transfer->request->idempotent;

    if (!transfer->done || transfer->code == CURLE_OK || transfer->received || transfer->opened)
        return false;
    if (transfer->code == CURLE_OUT_OF_MEMORY || transfer->code == CURLE_OPERATION_TIMEDOUT ||
        *transfer->result->error)
        return false;
    if (!transfer->result->bytes_sent || (idempotent && !ended))
        return true;
    return transfer->undelivered;
}

enum next { OVER, SAME_AGAIN, SENT_AGAIN };

/* What comes after an attempt that libcurl has done with. */
static enum next judge(struct lki_transfer *transfer)
{
    const struct lki_exchange_request *request = transfer->request;

    if (transfer->code == CURLE_OK && !*transfer->result->error) {
        lki_curl_answered(transfer);
        return OVER;
    }
    if (*transfer->result->error) /* a callback has said why */
        return OVER;
    if (transfer->unknown || transfer->stale)
        return SAME_AGAIN;
    if (may_send_again(transfer))
        return SENT_AGAIN;
    if (lki_curl_unconnected(transfer)) {
        if (transfer->address + 1 < transfer->via->address_count)
            return SAME_AGAIN;
        lki_origin_distrust(request->origins, transfer->via);
    }
    lki_curl_failed(transfer);
    return OVER;
}

static enum next attempt(struct lki_transfer *transfer, int64_t spent_ns)
{
    CURLcode err = lki_curl_prepare(transfer);
    enum next next = OVER;

    transfer->span = (struct lki_span){transfer->until_ns, LKI_NEVER};
    transfer->end_ns = lki_loop_now(transfer->task->loop);
    if (err || !lki_curl_begin(transfer)) {
        transfer->code = err ? err : CURLE_OUT_OF_MEMORY;
        transfer->handle->origin = NULL;
        lki_curl_failed(transfer);
        return OVER;
    }
    if (wait_done(transfer)) {
        /* it may have got through with more than one stage at once */
        if (transfer->stage == LKI_CURL_CONNECTING && lki_curl_greeted(transfer))
            transfer->stage = LKI_CURL_GREETING;
        note_beginning(transfer);
        note_bytes(transfer);
        next = judge(transfer);
    } else if (!transfer->done) {
        lki_curl_abandon(transfer);
        note_bytes(transfer);
    }
    note_times(transfer, spent_ns);
    if (next == OVER) /* else more may come that takes time, a look-up */
        transfer->result->end_ns = transfer->end_ns;
    transfer->result->sent = transfer->sent;
    return next;
}

/* ---- the whole ---- */

/* An attempt like those before, of which nothing has happened yet. */
static void renew(struct lki_transfer *transfer)
{
    *transfer = (struct lki_transfer){
        .curl = transfer->curl,
        .handle = transfer->handle,
        .task = transfer->task,
        .request = transfer->request,
        .result = transfer->result,
        .arena = transfer->arena,
        .via = transfer->via,
        .address = transfer->address,
        .until_ns = transfer->until_ns,
        .file = transfer->file,
        .body_bytes = transfer->body_bytes,
        .fresh = transfer->fresh,
    };
}

/* Attempts, until one tells how it ends. */
static void carry_out(struct lki_transfer *transfer)
{
    struct lki_exchange_result *result = transfer->result;
    int64_t spent_ns = 0;

    if (lki_curl_needs_address(transfer->request->origin) &&
        !look_up(transfer, transfer->request->origin))
        return;
    /* with a connection at hand perhaps no other is needed */
    if (!transfer->curl->sock_count && !look_up(transfer, transfer->via))
        return;
    if (!wait_turn(transfer))
        return;
    transfer->fresh |= !transfer->curl->sock_count && lki_curl_is_h2c(transfer->request);
    for (;;) {
        enum next next = attempt(transfer, spent_ns);

        if (next == OVER)
            return;
        if (next == SENT_AGAIN && result->retries)
            break;
        if (next == SENT_AGAIN) {
            *transfer->request->wire->sent -= transfer->sent;
            lki_exchange_begin(result, lki_loop_now(transfer->task->loop));
            result->retries = 1;
            transfer->fresh = true;
            spent_ns = 0;
        } else if (transfer->stale) {
            transfer->fresh = true;
        } else if (transfer->unknown) {
            if (!look_up(transfer, transfer->via))
                return;
        } else {
            spent_ns += at_least_none(transfer->end_ns - transfer->opened_ns);
            transfer->address++;
        }
        renew(transfer);
    }
    lki_curl_failed(transfer);
}

static bool make_ready(struct lki_transfer *transfer, struct lki_session *session)
{
    const struct lki_exchange_request *request = transfer->request;
    const char *proxy = request->origin->transport->settings.proxy;

    if (request->upgrade)
        return fail(transfer, LKI_CODE_HTTP_PROTOCOL,
                    "a connection cannot be taken over from libcurl; use the native engine");
    transfer->fresh = request->new_connection;
    transfer->via = proxy ? proxy_origin(transfer, proxy) : request->origin;
    transfer->curl = lki_curl_of(session, request->origins);
    if (transfer->curl)
        transfer->curl->exchanges++;
    if (transfer->curl)
        transfer->handle = lki_curl_handle_take(transfer->curl->engine);
    if (!transfer->handle || !transfer->via)
        return fail(transfer, LKI_CODE_HTTP_CONNECT, "out of memory");
    return file_open(transfer);
}

void lki_curl_exchange(struct lki_session *session, struct lki_task *task,
                       const struct lki_exchange_request *request, struct lki_arena *arena,
                       struct lki_exchange_result *result)
{
    int64_t start_ns = lki_loop_now(task->loop);
    struct lki_transfer transfer = {.task = task,
                                    .request = request,
                                    .result = result,
                                    .arena = arena,
                                    .until_ns = lki_ns_after(start_ns, request->timeout_ns),
                                    .body_bytes = request->body_bytes,
                                    .file = -1};

    lki_exchange_begin(result, start_ns);
    if (make_ready(&transfer, session))
        carry_out(&transfer);
    if (!result->end_ns)
        result->end_ns = lki_loop_now(task->loop);
    if (transfer.curl)
        transfer.curl->exchanges--;
    if (transfer.handle)
        lki_curl_handle_keep(transfer.curl->engine, transfer.handle);
    if (transfer.file >= 0)
        close(transfer.file);
}
