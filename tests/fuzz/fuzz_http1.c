/*
 * A connection's worth of bytes from a server, read as the engine reads them: heads, their bodies,
 * and what follows, until the connection would be closed. However the bytes are cut into pieces,
 * what was read must be the same. The first byte of the input chooses the cuts and the method.
 */
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/http1_parse.h"

#define HEAD_MAX 300 /* small, so that the limit is met */
#define HEADS_MAX 8

/* Everything that a reader would see. */
struct outcome {
    int result; /* the last one: 0 (more was wanted), 1 or an error */
    const char *error;
    unsigned heads;
    uint64_t hash; /* of what the heads said */
    size_t used;
    size_t body_len;
    char *body;
};

static void note(struct outcome *out, uint64_t value)
{
    out->hash = (out->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    out->hash ^= out->hash >> 29;
}

static void note_head(struct outcome *out, const char *bytes, const struct lki_http1_head *head)
{
    static const char *const names[] = {"Content-Length", "x", ""};
    const char *value;
    size_t len;

    must(head->status >= 100 && head->status <= 999 && head->content_length <= INT64_MAX);
    must(head->head_bytes <= HEAD_MAX && bytes[head->head_bytes - 1] == '\n');
    note(out, (uint64_t)head->status);
    note(out, (uint64_t)head->minor_version);
    note(out, (uint64_t)head->body * 2 + head->keep_alive);
    note(out, head->content_length);
    note(out, head->head_bytes);
    note(out, head->fields);
    for (size_t i = 0; i < LKI_COUNT(names); i++) {
        for (unsigned n = 0; lki_http1_header(bytes, head->head_bytes, names[i], n, &value, &len);
             n++) {
            must(value >= bytes && value + len < bytes + head->head_bytes);
            note(out, len);
        }
    }
}

/* The size of the next piece: all, a byte, or something drawn from a sequence. */
static size_t piece(uint32_t *cuts, size_t len)
{
    if (*cuts < 2)
        return *cuts ? lki_min(1, len) : len;
    *cuts = *cuts * 1664525 + 1013904223;
    return lki_min(1 + (*cuts >> 24) % 23, len);
}

static int read_head(struct lki_http1_memo *memo, struct lki_http1_head *head, const char *bytes,
                     size_t len, uint32_t cuts)
{
    size_t seen = piece(&cuts, len);

    for (;;) {
        char *copy = exact(bytes, seen);
        int result = memo ? lki_http1_head_recall(memo, head, copy, seen)
                          : lki_http1_head_parse(head, copy, seen);

        free(copy);
        if (result || seen == len)
            return result;
        seen += piece(&cuts, len - seen);
    }
}

static int read_chunked(struct outcome *out, const char *bytes, size_t len, uint32_t cuts)
{
    struct lki_http1_chunked chunked = {0};
    size_t at = 0;
    int result = 0;

    while (at < len && !result) {
        size_t part = piece(&cuts, len - at);
        char *copy = exact(bytes + at, part);
        size_t used;
        size_t made;

        result = lki_http1_chunked_feed(&chunked, copy, part, &used, copy, &made);
        must(used <= part && made <= used && (result || used == part));
        memcpy(out->body + out->body_len, copy, made);
        out->body_len += made;
        at += used;
        free(copy);
    }
    out->used += at;
    out->error = chunked.error;
    must((result < 0) == (chunked.error != NULL));
    return result;
}

static int read_body(struct outcome *out, const struct lki_http1_head *head, const char *bytes,
                     size_t len, uint32_t cuts)
{
    size_t body;

    if (head->body == LKI_BODY_CHUNKED)
        return read_chunked(out, bytes, len, cuts);
    body = head->body == LKI_BODY_NONE ? 0 : len;
    if (head->body == LKI_BODY_LENGTH)
        body = (size_t)lki_min(len, head->content_length);
    memcpy(out->body + out->body_len, bytes, body);
    out->body_len += body;
    out->used += body;
    return head->body != LKI_BODY_LENGTH || body == head->content_length;
}

static void read_all(struct outcome *out, struct lki_http1_memo *memo, const char *bytes,
                     size_t len, bool head_request, uint32_t cuts)
{
    bool more = true;

    *out = (struct outcome){.body = malloc(len + 1)};
    must(out->body != NULL);
    while (more && out->used < len && out->heads < HEADS_MAX) {
        const char *at = bytes + out->used;
        struct lki_http1_head head;

        lki_http1_head_start(&head, head_request, HEAD_MAX);
        out->result = read_head(memo, &head, at, len - out->used, cuts);
        out->error = head.error;
        must((out->result < 0) == (head.error != NULL));
        if (out->result != 1)
            return;
        note_head(out, at, &head);
        out->heads++;
        out->used += head.head_bytes;
        out->result = read_body(out, &head, at + head.head_bytes, len - out->used, cuts);
        more = out->result == 1 && (head.keep_alive || head.status < 200);
    }
}

static void must_be_same(const struct outcome *a, const struct outcome *b)
{
    must(a->result == b->result && a->error == b->error);
    must(a->heads == b->heads && a->hash == b->hash && a->used == b->used);
    must(a->body_len == b->body_len && !memcmp(a->body, b->body, a->body_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct lki_http1_memo memo = {.len = 0};
    struct outcome whole;
    uint32_t cuts[] = {0, 1, 2, 3, 4};

    if (!size)
        return 0;
    cuts[LKI_COUNT(cuts) - 1] += data[0];
    read_all(&whole, NULL, bytes, size - 1, data[0] & 1, 0);
    for (size_t i = 0; i < 2 * LKI_COUNT(cuts); i++) {
        struct outcome other;

        read_all(&other, i & 1 ? &memo : NULL, bytes, size - 1, data[0] & 1, cuts[i / 2]);
        must_be_same(&whole, &other);
        free(other.body);
    }
    free(whole.body);
    return 0;
}
