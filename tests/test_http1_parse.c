/* Heads, chunks and header fields of HTTP/1 responses: every example also in two pieces cut at each
 * byte, and byte by byte. Pieces stand in blocks of exactly their size, so that a sanitizer sees
 * the parser look one byte too far. */
#include "net/http1_parse.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

#define TEXT(text) .bytes = (text), .len = sizeof(text) - 1
#define OK_LINE "HTTP/1.1 200 OK\r\n"

struct head_case {
    const char *bytes;
    size_t len;
    const char *error; /* NULL: the head is right */
    int status;
    int minor_version;
    enum lki_http1_body body;
    bool close; /* the connection does not stay */
    uint64_t content_length;
    bool head_request;
};

static const struct head_case heads[] = {
    /* the end of the body */
    {TEXT("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 21 Nov 2023 00:16:00 GMT\r\n"
          "Content-Type: text/html\r\nContent-Length: 612\r\nConnection: keep-alive\r\n"
          "ETag: \"655bf1a8-264\"\r\nAccept-Ranges: bytes\r\n\r\n"),
     NULL, 200, 1, LKI_BODY_LENGTH, .content_length = 612},
    {TEXT(OK_LINE "Content-Length: 0\r\n\r\n"), NULL, 200, 1, LKI_BODY_NONE},
    {TEXT(OK_LINE "content-LENGTH:7\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH, .content_length = 7},
    {TEXT(OK_LINE "Content-Length: \t 7 \t \r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = 7},
    {TEXT(OK_LINE "Content-Length: 0007\r\nContent-Length: 7\r\n\r\n"), NULL, 200, 1,
     LKI_BODY_LENGTH, .content_length = 7},
    {TEXT(OK_LINE "Content-Length: 9223372036854775807\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = INT64_MAX},
    {TEXT(OK_LINE "Transfer-Encoding: chunked\r\n\r\n"), NULL, 200, 1, LKI_BODY_CHUNKED},
    {TEXT(OK_LINE "TRANSFER-encoding:\tCHUNKed\r\n\r\n"), NULL, 200, 1, LKI_BODY_CHUNKED},
    {TEXT(OK_LINE "\r\n"), NULL, 200, 1, LKI_BODY_CLOSE, .close = true},
    {TEXT("HTTP/1.1 204 No Content\r\n\r\n"), NULL, 204, 1, LKI_BODY_NONE},
    {TEXT("HTTP/1.1 304 Not Modified\r\nContent-Length: 612\r\n\r\n"), NULL, 304, 1, LKI_BODY_NONE,
     .content_length = 612},
    {TEXT("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"), NULL, 304, 1,
     LKI_BODY_NONE},
    {TEXT("HTTP/1.1 100 Continue\r\n\r\n"), NULL, 100, 1, LKI_BODY_NONE},
    {TEXT("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), NULL, 103, 1, LKI_BODY_NONE},
    {TEXT(OK_LINE "Content-Length: 612\r\n\r\n"), NULL, 200, 1, LKI_BODY_NONE,
     .content_length = 612, .head_request = true},
    {TEXT(OK_LINE "Transfer-Encoding: chunked\r\n\r\n"), NULL, 200, 1, LKI_BODY_NONE,
     .head_request = true},
    {TEXT(OK_LINE "\r\n"), NULL, 200, 1, LKI_BODY_NONE, .head_request = true},
    /* the status line */
    {TEXT("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = 1},
    {TEXT("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = 1},
    {TEXT("HTTP/1.9 599 a\tb \x80\xff ~\r\nContent-Length: 1\r\n\r\n"), NULL, 599, 9,
     LKI_BODY_LENGTH, .content_length = 1},
    {TEXT("HTTP/1.1 999 ?\r\nContent-Length: 1\r\n\r\n"), NULL, 999, 1, LKI_BODY_LENGTH,
     .content_length = 1},
    {TEXT("HTTP/1.1 204\n\n"), NULL, 204, 1, LKI_BODY_NONE},
    {TEXT("HTTP/1.1 200 OK\nA: b\nContent-Length: 3\r\nC:\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = 3},
    /* keeping the connection */
    {TEXT("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 0, LKI_BODY_LENGTH,
     .close = true, .content_length = 1},
    {TEXT("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 0,
     LKI_BODY_LENGTH, .content_length = 1},
    {TEXT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n"
          "Content-Length: 1\r\n\r\n"),
     NULL, 200, 0, LKI_BODY_LENGTH, .close = true, .content_length = 1},
    {TEXT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"), NULL,
     200, 0, LKI_BODY_CHUNKED, .close = true},
    {TEXT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"), NULL, 200, 0, LKI_BODY_CLOSE,
     .close = true},
    {TEXT(OK_LINE "CONNECTION: CLOSE\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .close = true, .content_length = 1},
    {TEXT(OK_LINE "Connection: foo, , Close ,bar\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1,
     LKI_BODY_LENGTH, .close = true, .content_length = 1},
    {TEXT(OK_LINE "Connection: closed, disclose, clos\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1,
     LKI_BODY_LENGTH, .content_length = 1},
    {TEXT("HTTP/1.0 200 OK\r\nConnection:te ,\tkeep-ALIVE\r\nContent-Length: 1\r\n\r\n"), NULL, 200,
     0, LKI_BODY_LENGTH, .content_length = 1},
    {TEXT("HTTP/1.0 200 OK\r\nConnection: keep_alive\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 0,
     LKI_BODY_LENGTH, .close = true, .content_length = 1},
    {TEXT(OK_LINE "Connection:\r\nContent-Length: 1\r\n\r\n"), NULL, 200, 1, LKI_BODY_LENGTH,
     .content_length = 1},
    /* fields that nobody asks for, in all shapes that are allowed */
    {TEXT(OK_LINE "X:\r\nY: \r\nZ:\t\r\n!#$%&'*+-.^_`|~09azAZ: all of a token\r\n"
                  "a-name-of-more-than-sixteen-bytes_with_0ther_c0lumns: 1\r\n"
                  "V: a\tb\t\tc \x80\xfe\xff\x7f :::\r\nContent-Length: 2\r\n\r\n"),
     NULL, 200, 1, LKI_BODY_LENGTH, .content_length = 2},
    {TEXT(OK_LINE "Content-Lengths: 5\r\nContent-Lengt: 5\r\nXontent-Length: 5\r\n"
                  "Content_Length: 5\r\nTransfer_Encoding: gzip\r\nConnectio~: close\r\n"
                  "Content-Length: 2\r\n\r\n"),
     NULL, 200, 1, LKI_BODY_LENGTH, .content_length = 2},
    /* what is refused: not HTTP/1 */
    {TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT(" HTTP/1.1 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("http/1.1 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/2.0 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.10 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.x 200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1  200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1\t200 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 20 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 2000 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 099 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 -20 OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 20a OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 200\tOK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 200OK\r\n\r\n"), "not an HTTP/1 status line"},
    {TEXT("<html>"), "not an HTTP/1 status line"},
    {TEXT("SSH-2.0-OpenSSH_9.2\r\n"), "not an HTTP/1 status line"},
    {TEXT("\0"), "not an HTTP/1 status line"},
    {TEXT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), "101"},
    /* lines */
    {TEXT("HTTP/1.1 200 O\rK\r\n\r\n"), "a CR without LF"},
    {TEXT("HTTP/1.1 200\rOK\r\n\r\n"), "a CR without LF"},
    {TEXT("HTTP/1.1 200 O\0K\r\n\r\n"), "a NUL"},
    {TEXT("HTTP/1.1 200 O\x01K\r\n\r\n"), "a control character"},
    {TEXT(OK_LINE "A: b\rc\r\n\r\n"), "a CR without LF"},
    {TEXT(OK_LINE "A: b\r\r\n\r\n"), "a CR without LF"},
    {TEXT(OK_LINE "A: b\r\n\r\r\n\r\n"), "a CR without LF"},
    {TEXT(OK_LINE "A: b\0c\r\n\r\n"), "a NUL"},
    {TEXT(OK_LINE "A: b\x1f\r\n\r\n"), "a control character"},
    {TEXT(OK_LINE "A: one\r\n two\r\n\r\n"), "a folded header line"},
    {TEXT(OK_LINE "A: one\r\n\ttwo\r\n\r\n"), "a folded header line"},
    {TEXT(OK_LINE " A: one\r\n\r\n"), "a folded header line"},
    {TEXT(OK_LINE "A : b\r\n\r\n"), "a space in the name"},
    {TEXT(OK_LINE "Content-Length : 5\r\n\r\n"), "a space in the name"},
    {TEXT(OK_LINE "A\t: b\r\n\r\n"), "a space in the name"},
    {TEXT(OK_LINE ": b\r\n\r\n"), "a header field without a name"},
    {TEXT(OK_LINE "A\r\n\r\n"), "a header line without a colon"},
    {TEXT(OK_LINE "a-name-of-more-than-sixteen-bytes\r\n\r\n"), "a header line without a colon"},
    {TEXT(OK_LINE "A(b): c\r\n\r\n"), "a wrong character in the name"},
    {TEXT(OK_LINE "\x80: c\r\n\r\n"), "a wrong character in the name"},
    {TEXT(OK_LINE "A\0: c\r\n\r\n"), "a wrong character in the name"},
    {TEXT(OK_LINE "a-name-of-more-than-sixteen-bytes/: c\r\n\r\n"),
     "a wrong character in the name"},
    {TEXT(OK_LINE "\0\r\n\r\n"), "a NUL"},
    /* framing */
    {TEXT(OK_LINE "Content-Length:\r\n\r\n"), "Content-Length is empty"},
    {TEXT(OK_LINE "Content-Length: \r\n\r\n"), "Content-Length is empty"},
    {TEXT(OK_LINE "Content-Length: -1\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: +1\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: 1 2\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: 1,1\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: 0x10\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: 1.0\r\n\r\n"), "Content-Length is not a number"},
    {TEXT(OK_LINE "Content-Length: 9223372036854775808\r\n\r\n"), "Content-Length is too large"},
    {TEXT(OK_LINE "Content-Length: 18446744073709551617\r\n\r\n"), "Content-Length is too large"},
    {TEXT(OK_LINE "Content-Length: 99999999999999999999999999999\r\n\r\n"),
     "Content-Length is too large"},
    {TEXT(OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), "two different"},
    {TEXT(OK_LINE "Content-Length: 0\r\nContent-Length: 6\r\n\r\n"), "two different"},
    {TEXT(OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "both"},
    {TEXT(OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), "both"},
    {TEXT(OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), "both"},
    {TEXT(OK_LINE "Transfer-Encoding: gzip\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: chunked, gzip\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: chunked, chunked\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: identity\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: xchunked\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding:\r\n\r\n"), "a Transfer-Encoding other"},
    {TEXT(OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "more than one Transfer-Encoding"},
};

/* Parses a copy that ends where its memory ends. */
static int parse_part(struct lki_http1_head *head, const char *bytes, size_t len)
{
    char *part = malloc(len ? len : 1);
    int result;

    ck_assert_ptr_nonnull(part);
    memcpy(part, bytes, len);
    result = lki_http1_head_parse(head, part, len);
    free(part);
    return result;
}

/* Feeds bytes in pieces: first one of first bytes, then steps of step bytes. */
static int parse_pieces(struct lki_http1_head *head, const char *bytes, size_t len, size_t first,
                        size_t step)
{
    int result = parse_part(head, bytes, first);

    for (size_t at = first; at < len && !result;) {
        at += lki_min(step, len - at);
        result = parse_part(head, bytes, at);
    }
    return result;
}

static void head_verify(const struct head_case *want, const struct lki_http1_head *head, int result,
                        size_t cut)
{
    if (want->error) {
        ck_assert_msg(result == LK_E_FORMAT, "'%s' cut at %zu: %d", want->bytes, cut, result);
        ck_assert_msg(strstr(head->error, want->error) != NULL, "'%s' cut at %zu: %s", want->bytes,
                      cut, head->error);
        return;
    }
    ck_assert_msg(result == 1, "'%s' cut at %zu: %d %s", want->bytes, cut, result,
                  head->error ? head->error : "");
    ck_assert_int_eq(head->status, want->status);
    ck_assert_int_eq(head->minor_version, want->minor_version);
    ck_assert_msg(head->body == want->body, "'%s': body %d", want->bytes, (int)head->body);
    ck_assert_msg(head->keep_alive != want->close, "'%s': keep-alive", want->bytes);
    ck_assert_uint_eq(head->content_length, want->content_length);
    ck_assert_uint_eq(head->head_bytes, want->len);
}

/* In one piece, in two with every cut, and byte by byte. */
static void head_verify_all(const struct head_case *want, const char *bytes, size_t len)
{
    struct lki_http1_head head;
    int result;

    for (size_t cut = 0; cut <= len; cut++) {
        lki_http1_head_start(&head, want->head_request, LKI_HTTP1_HEAD_MAX);
        result = parse_pieces(&head, bytes, len, cut, len);
        head_verify(want, &head, result, cut);
    }
    lki_http1_head_start(&head, want->head_request, LKI_HTTP1_HEAD_MAX);
    result = parse_pieces(&head, bytes, len, 0, 1);
    head_verify(want, &head, result, len + 1);
}

START_TEST(a_head_means_the_same_however_it_arrives)
{
    head_verify_all(&heads[_i], heads[_i].bytes, heads[_i].len);
}
END_TEST

START_TEST(what_follows_a_head_does_not_change_it)
{
    static const char after[] =
        "HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n0123456789abcdefghijkl";
    char bytes[1024];
    size_t len = heads[_i].len;

    ck_assert_uint_lt(len + sizeof(after), sizeof(bytes));
    memcpy(bytes, heads[_i].bytes, len);
    memcpy(bytes + len, after, sizeof(after));
    head_verify_all(&heads[_i], bytes, len + sizeof(after));
}
END_TEST

START_TEST(a_head_without_its_end_waits_for_more)
{
    struct lki_http1_head head;

    if (heads[_i].error)
        return;
    for (size_t len = 0; len < heads[_i].len; len++) {
        lki_http1_head_start(&head, false, LKI_HTTP1_HEAD_MAX);
        ck_assert_int_eq(parse_part(&head, heads[_i].bytes, len), 0);
    }
}
END_TEST

START_TEST(a_head_may_have_its_maximum_and_no_byte_more)
{
    const struct head_case *want = &heads[_i];
    struct lki_http1_head head;
    char bytes[1024];

    if (want->error)
        return;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, want->bytes, want->len);
    for (size_t cut = 0; cut <= want->len; cut++) {
        lki_http1_head_start(&head, want->head_request, want->len);
        head_verify(want, &head, parse_pieces(&head, bytes, sizeof(bytes), cut, 1000), cut);
        lki_http1_head_start(&head, want->head_request, want->len - 1);
        ck_assert_int_eq(parse_pieces(&head, bytes, sizeof(bytes), cut, 1000), LK_E_LIMIT);
        ck_assert_str_eq(head.error, "the head is longer than its limit");
    }
}
END_TEST

START_TEST(a_head_without_end_reaches_the_limit_in_any_shape)
{
    static const char *const shapes[] = {"x",  "A: b\r\n", "A: \t\t\t", "A: b\r\nC",
                                         "\t", "\r",       "a_"};
    const char *shape = shapes[_i];
    char *bytes = malloc(LKI_HTTP1_HEAD_MAX);
    size_t len = sizeof(OK_LINE) - 1;
    struct lki_http1_head head;

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, OK_LINE, len);
    for (size_t i = 0; len < LKI_HTTP1_HEAD_MAX; i++)
        bytes[len++] = shape[i % strlen(shape)];
    lki_http1_head_start(&head, false, LKI_HTTP1_HEAD_MAX);
    ck_assert_int_eq(lki_http1_head_parse(&head, bytes, len), LK_E_LIMIT);
    lki_http1_head_start(&head, false, LKI_HTTP1_HEAD_MAX);
    for (size_t at = 0; at < len - 1; at++)
        ck_assert_int_eq(lki_http1_head_parse(&head, bytes, at), 0);
    ck_assert_int_eq(lki_http1_head_parse(&head, bytes, len), LK_E_LIMIT);
    free(bytes);
}
END_TEST

START_TEST(a_remembered_head_is_the_parsed_one)
{
    const struct head_case *want = &heads[_i];
    const struct head_case *other = &heads[0];
    struct lki_http1_memo memo = {0};
    struct lki_http1_head head;

    for (int round = 0; round < 3; round++) {
        lki_http1_head_start(&head, other->head_request, LKI_HTTP1_HEAD_MAX);
        head_verify(other, &head, lki_http1_head_recall(&memo, &head, other->bytes, other->len), 0);
        for (int again = 0; again < round; again++) {
            lki_http1_head_start(&head, want->head_request, LKI_HTTP1_HEAD_MAX);
            head_verify(want, &head, lki_http1_head_recall(&memo, &head, want->bytes, want->len),
                        0);
        }
    }
}
END_TEST

START_TEST(a_head_is_known_again_only_when_every_byte_and_the_method_are_the_same)
{
    static const char text[] = OK_LINE "Content-Length: 5\r\n\r\nxxxxx";
    struct lki_http1_memo memo = {0};
    struct lki_http1_head head;
    char bytes[sizeof(text)];

    memcpy(bytes, text, sizeof(text));
    for (int round = 0; round < 20; round++) {
        bytes[sizeof(OK_LINE) - 1 + 16] = (char)('1' + round % 9);
        lki_http1_head_start(&head, round % 2, LKI_HTTP1_HEAD_MAX);
        ck_assert_int_eq(lki_http1_head_recall(&memo, &head, bytes, sizeof(text) - 1), 1);
        ck_assert_int_eq(head.content_length, 1 + round % 9);
        ck_assert_int_eq(head.body, round % 2 ? LKI_BODY_NONE : LKI_BODY_LENGTH);
        lki_http1_head_start(&head, !(round % 2), LKI_HTTP1_HEAD_MAX);
        ck_assert_int_eq(lki_http1_head_recall(&memo, &head, bytes, sizeof(text) - 1), 1);
        ck_assert_int_eq(head.body, round % 2 ? LKI_BODY_LENGTH : LKI_BODY_NONE);
        lki_http1_head_start(&head, round % 2, LKI_HTTP1_HEAD_MAX);
        ck_assert_int_eq(lki_http1_head_recall(&memo, &head, bytes, 20), 0);
        lki_http1_head_start(&head, round % 2, 20);
        ck_assert_int_eq(lki_http1_head_recall(&memo, &head, bytes, 30), LK_E_LIMIT);
    }
}
END_TEST

/* ---- header fields */

static const char fields[] = "HTTP/1.1 200 Date: no\r\nDate:  Tue, 21 Nov \t\r\nSet-Cookie: a=1\r\n"
                             "X:\r\nset-cookie:b=2\r\nDated: never\nSET-COOKIE: \r\n\r\nDate: body";

static const struct field_case {
    const char *name;
    unsigned index;
    const char *value; /* NULL: there is none */
} field_cases[] = {
    {"Date", 0, "Tue, 21 Nov"},
    {"date", 0, "Tue, 21 Nov"},
    {"DATE", 1, NULL},
    {"Set-Cookie", 0, "a=1"},
    {"Set-Cookie", 1, "b=2"},
    {"set-cookie", 2, ""},
    {"set-cookie", 3, NULL},
    {"X", 0, ""},
    {"Dated", 0, "never"},
    {"Dat", 0, NULL},
    {"HTTP/1.1 200 Date", 0, NULL},
    {"", 0, NULL},
    {"a-name-that-is-longer-than-any-line-of-this-head-and-would-lead-out-of-it", 0, NULL},
};

START_TEST(a_field_is_found_by_name_in_any_case_and_by_its_number)
{
    const struct field_case *want = &field_cases[_i];
    size_t head_bytes = sizeof(fields) - 1 - strlen("Date: body");
    const char *value = NULL;
    size_t len = 0;

    ck_assert_int_eq(lki_http1_header(fields, head_bytes, want->name, want->index, &value, &len),
                     want->value != NULL);
    if (!want->value)
        return;
    ck_assert_uint_eq(len, strlen(want->value));
    ck_assert_mem_eq(value, want->value, len);
}
END_TEST

/* ---- chunks */

struct chunked_case {
    const char *bytes;
    size_t len;
    const char *data;  /* what comes out */
    const char *error; /* NULL: the body is right */
};

static const struct chunked_case bodies[] = {
    {TEXT("0\r\n\r\n"), "", NULL},
    {TEXT("5\r\nhello\r\n0\r\n\r\n"), "hello", NULL},
    {TEXT("1\r\na\r\n00002\r\nbc\r\n000\r\n\r\n"), "abc", NULL},
    {TEXT("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"), "0123456789abcdefghij", NULL},
    {TEXT("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", NULL},
    {TEXT("5;name=value;quoted=\"a;b\t\x80\"\r\nhello\r\n0;last\r\n\r\n"), "hello", NULL},
    {TEXT("5 \t \r\nhello\r\n0 ;x\r\n\r\n"), "hello", NULL},
    {TEXT("5\r\nhello\r\n0\r\nExpires: never\r\nx:\r\nDigest: \t a=b\x80\r\n\r\n"), "hello", NULL},
    {TEXT("\r\n"), "", "a chunk without a size"},
    {TEXT("5\r\nhello\r\n\r\n"), "hello", "a chunk without a size"},
    {TEXT(";x\r\n"), "", "a chunk without a size"},
    {TEXT(" 5\r\nhello\r\n"), "", "a chunk without a size"},
    {TEXT("-1\r\n"), "", "a chunk without a size"},
    {TEXT("+5\r\nhello\r\n"), "", "a chunk without a size"},
    {TEXT("g\r\n"), "", "a chunk without a size"},
    {TEXT("0x5\r\nhello\r\n"), "", "the size of a chunk is not a number"},
    {TEXT("5 5\r\nhello\r\n"), "", "the size of a chunk is not a number"},
    {TEXT("5,\r\nhello\r\n"), "", "the size of a chunk is not a number"},
    {TEXT("8000000000000000\r\nhello"), "", "the size of a chunk is too large"},
    {TEXT("10000000000000005\r\nhello"), "", "the size of a chunk is too large"},
    {TEXT("5\nhello\r\n0\r\n\r\n"), "", "a control character in the size line"},
    {TEXT("5;a\nhello\r\n0\r\n\r\n"), "", "a control character in the size line"},
    {TEXT("5;\0\r\nhello\r\n0\r\n\r\n"), "", "a control character in the size line"},
    {TEXT("5\rhello\r\n0\r\n\r\n"), "", "does not end in CRLF"},
    {TEXT("5\r\nhello0\r\n\r\n"), "hello", "does not end in CRLF"},
    {TEXT("5\r\nhello\n0\r\n\r\n"), "hello", "does not end in CRLF"},
    {TEXT("5\r\nhello\r0\r\n\r\n"), "hello", "does not end in CRLF"},
    {TEXT("4\r\nhello\r\n0\r\n\r\n"), "hell", "does not end in CRLF"},
    {TEXT("0\r\n\rx"), "", "does not end in CRLF"},
    {TEXT("0\r\nA: b\rc"), "", "does not end in CRLF"},
    {TEXT("0\r\n\n"), "", "a malformed trailer"},
    {TEXT("0\r\n folded\r\n\r\n"), "", "a malformed trailer"},
    {TEXT("0\r\n: b\r\n\r\n"), "", "a malformed trailer"},
    {TEXT("0\r\nA b\r\n\r\n"), "", "a malformed trailer"},
    {TEXT("0\r\nA\r\n\r\n"), "", "a malformed trailer"},
    {TEXT("0\r\nA: b\n\r\n"), "", "a malformed trailer"},
    {TEXT("0\r\nA: \0\r\n\r\n"), "", "a malformed trailer"},
};

enum { TO_BUFFER, IN_PLACE, DROPPED, WAYS };

struct unchunked {
    char data[256];
    size_t len;
    size_t used;
    int result;
    struct lki_http1_chunked state;
};

static void feed_part(struct unchunked *got, const char *bytes, size_t len, int way)
{
    char *in = malloc(len ? len : 1);
    char *out = malloc(len ? len : 1);
    char *to = way == IN_PLACE ? in : way == TO_BUFFER ? out : NULL;
    size_t used;
    size_t made;

    ck_assert(in && out);
    memcpy(in, bytes, len);
    got->result = lki_http1_chunked_feed(&got->state, in, len, &used, to, &made);
    ck_assert(used <= len && made <= used);
    ck_assert(got->result || used == len);
    got->used += used;
    if (to)
        memcpy(got->data + got->len, to, made);
    got->len += made;
    free(in);
    free(out);
}

static void feed_pieces(struct unchunked *got, const char *bytes, size_t len, size_t first,
                        size_t step, int way)
{
    *got = (struct unchunked){.len = 0};
    feed_part(got, bytes, first, way);
    for (size_t at = first; at < len && !got->result;) {
        size_t part = lki_min(step, len - at);

        feed_part(got, bytes + at, part, way);
        at += part;
    }
}

static void body_verify(const struct chunked_case *want, const struct unchunked *got, int way)
{
    ck_assert_msg(got->len == strlen(want->data), "'%s': %zu bytes", want->bytes, got->len);
    if (way != DROPPED)
        ck_assert_mem_eq(got->data, want->data, got->len);
    if (want->error) {
        ck_assert_msg(got->result == LK_E_FORMAT, "'%s': %d", want->bytes, got->result);
        ck_assert_msg(strstr(got->state.error, want->error) != NULL, "'%s': %s", want->bytes,
                      got->state.error);
    } else {
        ck_assert_msg(got->result == 1, "'%s': %d", want->bytes, got->result);
        ck_assert_uint_eq(got->used, want->len);
    }
}

START_TEST(a_chunked_body_is_the_same_however_it_arrives)
{
    const struct chunked_case *want = &bodies[_i];
    struct unchunked got;

    for (int way = 0; way < WAYS; way++) {
        for (size_t cut = 0; cut <= want->len; cut++) {
            feed_pieces(&got, want->bytes, want->len, cut, want->len, way);
            body_verify(want, &got, way);
        }
        feed_pieces(&got, want->bytes, want->len, 0, 1, way);
        body_verify(want, &got, way);
    }
}
END_TEST

START_TEST(what_follows_a_chunked_body_is_left_alone)
{
    const struct chunked_case *want = &bodies[_i];
    struct unchunked got;
    char bytes[256];

    if (want->error)
        return;
    memcpy(bytes, want->bytes, want->len);
    memcpy(bytes + want->len, "5\r\nagain", 8);
    feed_pieces(&got, bytes, want->len + 8, want->len + 8, 1, TO_BUFFER);
    body_verify(want, &got, TO_BUFFER);
    feed_part(&got, "more", 4, TO_BUFFER);
    ck_assert_int_eq(got.result, 1);
    body_verify(want, &got, TO_BUFFER);
}
END_TEST

START_TEST(a_chunked_body_without_its_end_waits_for_more)
{
    const struct chunked_case *want = &bodies[_i];
    struct unchunked got;

    for (size_t len = 0; len < want->len && !want->error; len++) {
        feed_pieces(&got, want->bytes, len, len, 1, IN_PLACE);
        ck_assert_int_eq(got.result, 0);
    }
}
END_TEST

static const struct endless_case {
    const char *begin;
    const char *repeat;
    size_t limit;
} endless_cases[] = {
    {"", "0", LKI_HTTP1_CHUNK_LINE_MAX},
    {"5;", "x", LKI_HTTP1_CHUNK_LINE_MAX},
    {"5", " ", LKI_HTTP1_CHUNK_LINE_MAX},
    {"5\r\nhello\r\n5;", "x", LKI_HTTP1_CHUNK_LINE_MAX},
    {"0\r\n", "A: b\r\n", LKI_HTTP1_TRAILER_MAX},
    {"0\r\n", "x", LKI_HTTP1_TRAILER_MAX},
    {"0\r\nX:", "x", LKI_HTTP1_TRAILER_MAX},
};

START_TEST(framing_without_end_reaches_a_limit)
{
    const struct endless_case *shape = &endless_cases[_i];
    struct lki_http1_chunked state = {0};
    size_t used;
    size_t made;
    size_t fed = 0;
    int result;

    result = lki_http1_chunked_feed(&state, shape->begin, strlen(shape->begin), &used, NULL, &made);
    ck_assert_int_eq(result, 0);
    while (!result && fed < 2 * shape->limit) {
        result = lki_http1_chunked_feed(&state, shape->repeat, strlen(shape->repeat), &used, NULL,
                                        &made);
        fed += used;
    }
    ck_assert_int_eq(result, LK_E_LIMIT);
    ck_assert_uint_le(fed, shape->limit);
}
END_TEST

START_TEST(any_number_of_chunks_may_come)
{
    static const char chunk[] = "01;x\r\na\r\n";
    struct lki_http1_chunked state = {0};
    size_t used;
    size_t made;

    for (int i = 0; i < 5000; i++) {
        ck_assert_int_eq(
            lki_http1_chunked_feed(&state, chunk, sizeof(chunk) - 1, &used, NULL, &made), 0);
        ck_assert_uint_eq(made, 1);
    }
    ck_assert_int_eq(lki_http1_chunked_feed(&state, "0\r\n\r\n", 5, &used, NULL, &made), 1);
}
END_TEST

START_TEST(the_largest_chunk_is_counted_right)
{
    struct lki_http1_chunked state = {0};
    size_t used;
    size_t made;

    ck_assert_int_eq(
        lki_http1_chunked_feed(&state, "7fffffffffffffff\r\nhello", 23, &used, NULL, &made), 0);
    ck_assert_uint_eq(used, 23);
    ck_assert_uint_eq(made, 5);
    ck_assert_uint_eq(state.left, (uint64_t)INT64_MAX - 5);
}
END_TEST

static Suite *http1_parse_suite(void)
{
    Suite *suite = suite_create("http1_parse");
    TCase *head = tcase_create("head");
    TCase *field = tcase_create("field");
    TCase *chunked = tcase_create("chunked");

    tcase_add_loop_test(head, a_head_means_the_same_however_it_arrives, 0, LKI_COUNT(heads));
    tcase_add_loop_test(head, what_follows_a_head_does_not_change_it, 0, LKI_COUNT(heads));
    tcase_add_loop_test(head, a_head_without_its_end_waits_for_more, 0, LKI_COUNT(heads));
    tcase_add_loop_test(head, a_head_may_have_its_maximum_and_no_byte_more, 0, LKI_COUNT(heads));
    tcase_add_loop_test(head, a_head_without_end_reaches_the_limit_in_any_shape, 0, 7);
    tcase_add_loop_test(head, a_remembered_head_is_the_parsed_one, 0, LKI_COUNT(heads));
    tcase_add_test(head, a_head_is_known_again_only_when_every_byte_and_the_method_are_the_same);
    tcase_add_loop_test(field, a_field_is_found_by_name_in_any_case_and_by_its_number, 0,
                        LKI_COUNT(field_cases));
    tcase_add_loop_test(chunked, a_chunked_body_is_the_same_however_it_arrives, 0,
                        LKI_COUNT(bodies));
    tcase_add_loop_test(chunked, what_follows_a_chunked_body_is_left_alone, 0, LKI_COUNT(bodies));
    tcase_add_loop_test(chunked, a_chunked_body_without_its_end_waits_for_more, 0,
                        LKI_COUNT(bodies));
    tcase_add_loop_test(chunked, framing_without_end_reaches_a_limit, 0, LKI_COUNT(endless_cases));
    tcase_add_test(chunked, any_number_of_chunks_may_come);
    tcase_add_test(chunked, the_largest_chunk_is_counted_right);
    suite_add_tcase(suite, head);
    suite_add_tcase(suite, field);
    suite_add_tcase(suite, chunked);
    return suite;
}

int main(void)
{
    return suite_run(http1_parse_suite());
}
