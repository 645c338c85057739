/*
 * Reading HTTP/1.1 from a server: the head of a response, the chunked coding, and header fields.
 *
 * Nothing here waits, allocates or keeps a pointer; any bytes are safe. It is strict: what could be
 * read in two ways is refused, since a load test that guesses where an answer ends counts the next
 * one wrongly. One liberty is taken: a line of the head may end in LF alone, as RFC 9112 allows and
 * common clients do; it is unambiguous there because a CR without LF is refused. The framing of
 * chunks takes CRLF only.
 */
#ifndef LKI_NET_HTTP1_PARSE_H
#define LKI_NET_HTTP1_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#define LKI_HTTP1_HEAD_MAX 65536 /* the usual max_bytes */
#define LKI_HTTP1_MEMO_MAX 512   /* longer heads are not remembered */
#define LKI_HTTP1_CHUNK_LINE_MAX 4096
#define LKI_HTTP1_TRAILER_MAX 16384

/* How the end of a response's body is known. */
enum lki_http1_body {
    LKI_BODY_NONE,    /* no body follows: by status, by method, or a length of 0 */
    LKI_BODY_LENGTH,  /* content_length bytes, never 0 */
    LKI_BODY_CHUNKED, /* to be fed to lki_http1_chunked_feed */
    LKI_BODY_CLOSE    /* everything up to the end of the connection */
};

struct lki_http1_head {
    /* the result, valid when lki_http1_head_parse returned 1 */
    int status;        /* 100 to 999 */
    int minor_version; /* of HTTP/1.x, 0 to 9 */
    enum lki_http1_body body;
    bool keep_alive;         /* the connection may serve another request after the body */
    uint8_t fields;          /* LKI_FIELD_..., which of them are there */
    uint64_t content_length; /* with LKI_BODY_LENGTH; at most INT64_MAX */
    size_t head_bytes;       /* the empty line included; the body begins here */
    const char *error;       /* static text, set when the result is negative */
    /* how far the parser came */
    bool head_request;
    bool upgrade; /* 101 is an answer like others; may be set after lki_http1_head_start */
    uint8_t seen_fields;
    size_t max_bytes;
    size_t line_at;   /* where the first line stands that was not yet taken */
    size_t looked_at; /* no line ends between line_at and here */
};

/*
 * Makes ready for one head. head_request: it answers a HEAD. A head longer than max_bytes is
 * LK_E_LIMIT.
 */
static inline void lki_http1_head_start(struct lki_http1_head *head, bool head_request,
                                        size_t max_bytes)
{
    *head = (struct lki_http1_head){.head_request = head_request, .max_bytes = max_bytes};
}

/*
 * Parses the head at the start of bytes, of which len are there so far. Returns 1 when it is
 * complete, 0 when more bytes are needed: then call again with the same bytes and more (they may
 * have moved); complete lines are not looked at again. Negative: LK_E_FORMAT or LK_E_LIMIT, and
 * head->error says why; the connection is of no more use.
 *
 * A line is judged when it is complete, except that anything other than HTTP/1 is refused at its
 * first wrong byte. Interim answers (status below 200) come as heads without a body: start again
 * behind them. 101 is refused unless upgrade says that it was asked for.
 */
int lki_http1_head_parse(struct lki_http1_head *head, const char *bytes, size_t len);

/* The head that was parsed last, to know it again: servers send the same bytes to the same request
 * for as long as their Date stands, and comparing costs a tenth of parsing. Zeroed, it knows none.
 */
struct lki_http1_memo {
    struct lki_http1_head head;
    size_t len;
    char bytes[LKI_HTTP1_MEMO_MAX];
};

/* lki_http1_head_parse, with the same outcome in every case. One memo serves any number of
 * connections; it pays where one request is repeated, and costs a tenth where it never helps. */
int lki_http1_head_recall(struct lki_http1_memo *memo, struct lki_http1_head *head,
                          const char *bytes, size_t len);

/*
 * The value of the field called name (any case), the index-th of that name from 0, trimmed; it
 * points into head, which lki_http1_head_parse has accepted. False, and nothing set, if there is
 * none.
 */
bool lki_http1_header(const char *head, size_t head_bytes, const char *name, unsigned index,
                      const char **value, size_t *value_len);

/* A zeroed one stands before the first chunk. */
struct lki_http1_chunked {
    uint64_t left;  /* data of this chunk still to come */
    uint32_t taken; /* of the size line, or of the trailers */
    uint8_t state;
    const char *error; /* static text, set when the result is negative */
};

/*
 * Takes the chunk framing out of in. What is left goes to out, which has room for in_len bytes, or
 * is at or before in in the same memory (out == in decodes in place), or is NULL to drop the data.
 * *used is how many bytes of in were taken and *out_len how many came out, also on error.
 *
 * Returns 1 when the body is complete with its trailers: bytes behind *used are not part of it.
 * 0: all was taken and more is to come. Negative: LK_E_FORMAT or LK_E_LIMIT, and error says why.
 * Extensions and trailers are checked, bounded and dropped.
 */
int lki_http1_chunked_feed(struct lki_http1_chunked *chunked, const char *in, size_t in_len,
                           size_t *used, char *out, size_t *out_len);

#endif
