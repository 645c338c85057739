/* Answers as libcurl brings them: the head line by line, the body piece by piece. */
#include "net/curl_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define GROW_FIRST_BYTES 4096
/* Interim answers before the real one. */
#define INTERIM_MAX 50

/* libcurl gives the transfer up when a callback takes less than it was given; why is said already.
 */
static size_t give_up(struct lki_transfer *transfer, lki_code code, const char *text)
{
    lki_exchange_fail(transfer->result, transfer->arena, code, "%s", text);
    return 0;
}

static void note_arrival(struct lki_transfer *transfer, size_t bytes)
{
    transfer->received += bytes;
    if (transfer->first_byte_ns)
        return;
    transfer->first_byte_ns = lki_loop_now(transfer->task->loop);
    lki_curl_enter(transfer, LKI_CURL_RECEIVING, transfer->first_byte_ns, LKI_NEVER);
}

/* ---- the head ---- */

static bool begins_with(const char *bytes, size_t len, const char *text)
{
    return len >= strlen(text) && !memcmp(bytes, text, strlen(text));
}

/* What the head of HTTP/1.1 would be is made of a line of HTTP/2. */
static void head_begin(struct lki_transfer *transfer, const char *line, size_t len)
{
    struct lki_buf *in = &transfer->handle->in;

    lki_buf_clear(in);
    transfer->head_over = false;
    transfer->challenge = false;
    transfer->version = 10;
    if (transfer->request->version >= LK_HTTP_2 && begins_with(line, len, "HTTP/2 ")) {
        transfer->version = 20;
        lki_buf_str(in, "HTTP/1.1 ");
        line += strlen("HTTP/2 ");
        len -= strlen("HTTP/2 ");
    }
    lki_buf_append(in, line, len);
}

static size_t too_large(struct lki_transfer *transfer)
{
    lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_TOO_LARGE,
                      "the answer's body is larger than %zu bytes",
                      transfer->request->max_body_bytes);
    return 0;
}

static bool body_reserve(struct lki_transfer *transfer, size_t cap)
{
    char *body = lki_arena_alloc(transfer->arena, cap);

    if (!body) {
        give_up(transfer, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
        return false;
    }
    if (transfer->body_len)
        memcpy(body, transfer->body, transfer->body_len);
    transfer->body = body;
    transfer->body_cap = cap;
    return true;
}

/* Also for who looks on, whatever becomes of the body: so its version is the true one again. */
static bool head_keep(struct lki_transfer *transfer)
{
    struct lki_exchange_result *result = transfer->result;
    const struct lki_buf *in = &transfer->handle->in;
    size_t skipped = transfer->version == 20 ? strlen("HTTP/1.1") - strlen("HTTP/2") : 0;
    char *head = lki_arena_copy(transfer->arena, in->data + skipped, in->len - skipped);

    if (!head) {
        give_up(transfer, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
        return false;
    }
    if (transfer->version == 20)
        memcpy(head, "HTTP/2", strlen("HTTP/2"));
    else
        transfer->version = 10 + (transfer->head.minor_version > 0);
    result->head = head;
    result->head_bytes = in->len - skipped;
    result->version = transfer->version;
    return true;
}

/* The body comes next. */
static bool head_accept(struct lki_transfer *transfer)
{
    const struct lki_exchange_request *request = transfer->request;
    const struct lki_http1_head *head = &transfer->head;

    if (!head_keep(transfer))
        return false;
    transfer->body_len = 0;
    transfer->body_taken = 0;
    transfer->chunks_over = transfer->version == 20 || head->body != LKI_BODY_CHUNKED;
    transfer->chunked = (struct lki_http1_chunked){0};
    if (transfer->version != 20) {
        transfer->curl->falls_back |= request->version == LK_HTTP_2;
        if (request->version == LK_HTTP_2_ONLY) {
            give_up(transfer, LKI_CODE_HTTP_PROTOCOL, "the server does not speak HTTP/2");
            return false;
        }
        /* what comes behind the end is not to be the next answer */
        if (!head->keep_alive || (head->body == LKI_BODY_NONE && transfer->sock &&
                                  lki_curl_excess(transfer, transfer->sock)))
            curl_easy_setopt(transfer->handle->easy, CURLOPT_FORBID_REUSE, 1L);
    }
    /* libcurl answers it by itself, unless it has done so before */
    transfer->challenge = head->status == 401 && request->credentials.user &&
                          request->credentials.digest;
    if (head->body != LKI_BODY_LENGTH)
        return true;
    if (request->discard_body)
        return true;
    if (head->content_length > request->max_body_bytes) {
        too_large(transfer);
        return false;
    }
    return body_reserve(transfer, (size_t)head->content_length + 1);
}

static bool head_end(struct lki_transfer *transfer)
{
    struct lki_buf *in = &transfer->handle->in;
    struct lki_http1_head *head = &transfer->head;
    int done;

    lki_http1_head_start(head, transfer->request->is_head, LKI_HTTP1_HEAD_MAX);
    done = lki_http1_head_parse(head, in->data, in->len);
    if (done != 1) {
        give_up(transfer, LKI_CODE_HTTP_PROTOCOL, done ? head->error : "the head has no end");
        return false;
    }
    transfer->head_over = head->status >= 200;
    if (transfer->head_over)
        return head_accept(transfer);
    lki_buf_clear(in);
    if (++transfer->interim <= INTERIM_MAX)
        return true;
    give_up(transfer, LKI_CODE_HTTP_PROTOCOL, "interim answers without end");
    return false;
}

size_t lki_curl_on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct lki_curl_handle *handle = arg;
    struct lki_transfer *transfer = handle->transfer;
    struct lki_buf *in = &handle->in;
    size_t len = size * count;

    note_arrival(transfer, len);
    /* trailers are not part of the head */
    if (transfer->head_over && !(transfer->challenge && begins_with(bytes, len, "HTTP/")))
        return len;
    if (!in->len || transfer->head_over)
        head_begin(transfer, bytes, len);
    else
        lki_buf_append(in, bytes, len);
    if (in->err)
        return give_up(transfer, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
    if (*bytes != '\r' && *bytes != '\n')
        return len;
    return head_end(transfer) ? len : 0;
}

/* ---- the body ---- */

/* And for a terminator. */
static bool body_room(struct lki_transfer *transfer, size_t more)
{
    size_t cap = transfer->body_cap ? transfer->body_cap : GROW_FIRST_BYTES;

    while (cap - transfer->body_len <= more)
        cap *= 2;
    return cap == transfer->body_cap || body_reserve(transfer, cap);
}

static bool body_add(struct lki_transfer *transfer, const char *bytes, size_t len)
{
    if (transfer->request->discard_body)
        return true;
    if (len > transfer->request->max_body_bytes - transfer->body_len)
        return too_large(transfer);
    if (!body_room(transfer, len))
        return false;
    memcpy(transfer->body + transfer->body_len, bytes, len);
    transfer->body_len += len;
    return true;
}

/* Chunks come as they are: libcurl is less strict with them than we are. */
static bool chunks_add(struct lki_transfer *transfer, const char *bytes, size_t len)
{
    bool kept = !transfer->request->discard_body;
    size_t used;
    size_t out;
    int done;

    if (kept && !body_room(transfer, len))
        return false;
    done = lki_http1_chunked_feed(&transfer->chunked, bytes, len, &used,
                                  kept ? transfer->body + transfer->body_len : NULL, &out);
    if (done < 0)
        return give_up(transfer, LKI_CODE_HTTP_PROTOCOL, transfer->chunked.error);
    transfer->chunks_over = done == 1;
    if (used < len)
        curl_easy_setopt(transfer->handle->easy, CURLOPT_FORBID_REUSE, 1L);
    transfer->body_len += kept ? out : 0;
    return transfer->body_len <= transfer->request->max_body_bytes || too_large(transfer);
}

size_t lki_curl_on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct lki_curl_handle *handle = arg;
    struct lki_transfer *transfer = handle->transfer;
    size_t len = size * count;
    bool added;

    note_arrival(transfer, len);
    transfer->body_taken += len;
    added = transfer->chunks_over ? body_add(transfer, bytes, len)
                                  : chunks_add(transfer, bytes, len);
    return added ? len : 0;
}

void lki_curl_answered(struct lki_transfer *transfer)
{
    struct lki_exchange_result *result = transfer->result;

    if (!transfer->head_over || !transfer->chunks_over) {
        lki_curl_failed(transfer);
        return;
    }
    result->fields = transfer->head.fields;
    if (transfer->body && !transfer->request->discard_body) {
        transfer->body[transfer->body_len] = '\0';
        result->body = transfer->body;
        result->body_bytes = transfer->body_len;
    }
    result->status = transfer->head.status;
    result->code = (lki_code)transfer->head.status;
    *transfer->request->wire->sent += !transfer->sent;
    if (!transfer->sent_ns)
        transfer->sent_ns = transfer->first_byte_ns;
    transfer->sent = true;
}

/* ---- the body of a request, from its file ---- */

size_t lki_curl_on_read(char *into, size_t size, size_t count, void *arg)
{
    struct lki_curl_handle *handle = arg;
    struct lki_transfer *transfer = handle->transfer;
    uint64_t left = transfer->body_bytes - transfer->file_at;
    size_t want = size * count;
    ssize_t got;

    if (want > left)
        want = (size_t)left;
    got = want ? pread(transfer->file, into, want, (off_t)transfer->file_at) : 0;
    if (got < 0 || (!got && want)) {
        lki_exchange_fail(transfer->result, transfer->arena, LKI_CODE_HTTP_PROTOCOL,
                          "cannot read the file %s: %s", transfer->request->body_file,
                          got < 0 ? strerror(errno) : "it has become shorter");
        return CURL_READFUNC_ABORT;
    }
    transfer->file_at += (uint64_t)got;
    return (size_t)got;
}

int lki_curl_on_seek(void *arg, curl_off_t offset, int origin)
{
    struct lki_curl_handle *handle = arg;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    handle->transfer->file_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}
