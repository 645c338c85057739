/* Redirects, cookies, compressed bodies, authentication, and what a test expects. */
#include "base/mem.h"
#include "behaviour/behaviour.h"

#define TO(code, where) "HTTP/1.1 " code " To\r\nLocation: " where "\r\nContent-Length: 0\r\n\r\n"
#define WITH(field, length) OK_LINE field "\r\nContent-Length: " length "\r\n\r\n"
#define GZIP_HELLO                                                                                 \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00" \
    "\x00\x00" /* 25 bytes */
#define GZIP_XS                                                                                    \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xa8\x18\x05\xa3\x60\x14\x0c\x77\x00\x00\xe6\xc9" \
    "\x41\x3b\xe8\x03\x00\x00" /* 29 bytes: 1000 times x */
#define ZLIB_HELLO "\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15" /* 13 bytes */
#define RAW_HELLO "\xcb\x48\xcd\xc9\xc9\x07\x00"                          /* 7 bytes */
#define BR_HELLO "\x03\x02\x80\x68\x65\x6c\x6c\x6f\x03"                   /* 9 bytes */

/* A first answer that leads on, and what the server sees then. */
#define LEADS(what, verb, code, where, text)                                                       \
    {                                                                                              \
        .name = what,                                                                              \
        .scripts = {{{SRV_READ, SRV_SEND(TO(code, where)), SRV_READ, SRV_SEND(HELLO),              \
                      SRV_AGAIN}}},                                                                \
        .request = {.url = "/one/two?x=1"}, .want = {                                              \
            .calls = {{.method = (verb),                                                           \
                       .status = 200,                                                              \
                       .body = (verb)[0] == 'H' ? "" : "hello",                                    \
                       .samples = 2,                                                               \
                       .redirects = 1}},                                                           \
            .seen = text                                                                           \
        }                                                                                          \
    }
/* An encoded body, however it is spelled. */
#define DECODED(what, field, length, bytes)                                                        \
    {                                                                                              \
        .name = what,                                                                              \
        .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: " field, length) bytes),          \
                      SRV_AGAIN}}},                                                                \
        .want = {                                                                                  \
            .calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}}  \
        }                                                                                          \
    }
#define NOT_DECODED(what, field, length, bytes)                                                    \
    {                                                                                              \
        .name = what,                                                                              \
        .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: " field, length) bytes),          \
                      SRV_READ, SRV_SEND(HELLO)}}},                                                \
        .want = {                                                                                  \
            .calls = {FAILS("GET", PROTOCOL, "", "cswr"),                                          \
                      {.method = "GET", .status = 200, .body = "hello", .kept = true}}             \
        }                                                                                          \
    }

static const struct behaviour cases[] = {
    /* redirects */
    LEADS("302 leads on", "GET", "302", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("301 leads on", "GET", "301", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("303 leads on", "GET", "303", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("307 leads on", "GET", "307", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("308 leads on", "GET", "308", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("302 makes a POST a GET", "POST", "302", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("303 makes a PUT a GET", "PUT", "303", "/there", "GET /there HTTP/1.1\r\n"),
    LEADS("303 leaves a HEAD", "HEAD", "303", "/there", "HEAD /there HTTP/1.1\r\n"),
    LEADS("307 leaves a POST", "POST", "307", "/there", "POST /there HTTP/1.1\r\n"),
    LEADS("308 leaves a PUT", "PUT", "308", "/there", "PUT /there HTTP/1.1\r\n"),
    LEADS("to a path beside", "GET", "302", "three", "GET /one/three HTTP/1.1\r\n"),
    LEADS("to a path above", "GET", "302", "../../x/./y", "GET /x/y HTTP/1.1\r\n"),
    LEADS("to a query", "GET", "302", "?y=2#f", "GET /one/two?y=2 HTTP/1.1\r\n"),
    {.name = "a redirect keeps the body",
     .scripts = {{{SRV_READ, SRV_SEND(TO("307", "/there")), SRV_READ, SRV_SEND(HELLO)}}},
     .request = {.body = "abc"},
     .want =
         {.calls =
              {{.method = "POST", .status = 200, .body = "hello", .samples = 2, .redirects = 1}},
          .seen = "\r\nContent-Length: 3\r\n\r\nabc"}},
    {.name = "a redirect drops the body",
     .scripts = {{{SRV_READ, SRV_SEND(TO("303", "/there")), SRV_READ, SRV_SEND(HELLO)}}},
     .request = {.body = "abc"},
     .want =
         {.calls =
              {{.method = "POST", .status = 200, .body = "hello", .samples = 2, .redirects = 1}},
          .seen = "GET /there",
          .unseen = "Content-"}},
    {.name = "a redirect to another server",
     .scripts = {{{SRV_READ, SRV_SEND("HTTP/1.1 302 To\r\nLocation: http://127.0.0.1:1/\r\n"
                                      "Content-Length: 0\r\n\r\n")}}},
     .want = {.calls = {{.method = "GET",
                         .code = LKI_CODE_HTTP_CONNECT,
                         .error = "Connection refused",
                         .samples = 2,
                         .redirects = 1}},
              .unsent = 1}},
    {.name = "a redirect without an end",
     .at = PLACE_plain,
     .request = {.url = "/again", .max_redirects = 3},
     .want = {.calls = {{.method = "GET",
                         .code = LKI_CODE_HTTP_REDIRECTS,
                         .error = "redirect",
                         .samples = 4,
                         .redirects = 3}}}},
    {.name = "a redirect that is not followed",
     .scripts = {{{SRV_READ, SRV_SEND(TO("302", "/there")), SRV_READ, SRV_SEND(HELLO)}}},
     .request = {.no_redirects = true},
     .want = {.calls = {{.method = "GET", .status = 302, .header = "Location: /there"},
                        {.method = "GET", .status = 200, .body = "hello", .kept = true}}}},
    {.name = "a redirect without a place to go is an answer",
     .scripts = {{{SRV_READ, SRV_SEND("HTTP/1.1 302 To\r\nContent-Length: 0\r\n\r\n")}}},
     .want = {.calls = {ANSWER("GET", 302, "")}}},
    {.name = "300 and 304 do not lead on",
     .scripts = {{{SRV_READ, SRV_SEND(TO("300", "/there")), SRV_READ,
                   SRV_SEND(TO("304", "/there"))}}},
     .want = {.calls = {ANSWER("GET", 300, ""), {.method = "GET", .status = 304, .kept = true}}}},
    {.name = "nginx: a redirect",
     .at = PLACE_plain,
     .request = {.url = "/moved"},
     .want =
         {.calls =
              {{.method = "GET", .status = 200, .body = "hello", .samples = 2, .redirects = 1}}}},
    /* cookies */
    {.name = "a cookie comes back",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b; Path=/; HttpOnly", "5") "hello"),
                   SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .seen = "\r\nCookie: a=b\r\n"}},
    {.name = "a cookie of a redirect comes back at once",
     .scripts = {{{SRV_READ,
                   SRV_SEND("HTTP/1.1 302 To\r\nLocation: /there\r\nSet-Cookie: a=b\r\n"
                            "Content-Length: 0\r\n\r\n"),
                   SRV_READ, SRV_SEND(HELLO)}}},
     .want =
         {.calls =
              {{.method = "GET", .status = 200, .body = "hello", .samples = 2, .redirects = 1}},
          .seen = "\r\nCookie: a=b\r\n"}},
    {.name = "a cookie for TLS only stays",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b; Secure", "5") "hello"), SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .unseen = "Cookie"}},
    {.name = "a cookie for another path stays",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b; Path=/there", "5") "hello"),
                   SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .unseen = "Cookie"}},
    {.name = "a cookie for another host is not taken",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b; Domain=elsewhere.test", "5") "hello"),
                   SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .unseen = "Cookie"}},
    {.name = "a cookie that is over goes",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b", "5") "hello"), SRV_READ,
                   SRV_SEND(WITH("Set-Cookie: a=b; Max-Age=0", "5") "hello"), SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO,
                        {.method = "GET", .status = 200, .body = "hello", .kept = true},
                        {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .unseen = "Cookie"}},
    {.name = "no cookies where none are wanted",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Set-Cookie: a=b", "5") "hello"), SRV_AGAIN}}},
     .settings = {.no_cookies = true},
     .want = {.calls = {GET_HELLO, {.method = "GET", .status = 200, .body = "hello", .kept = true}},
              .unseen = "Cookie"}},
    {.name = "nginx: a cookie",
     .at = PLACE_plain,
     .request = {.headers = LK_PAIRS("X-User", "7")},
     .want = {.calls = {{.method = "GET", .status = 200, .body = "hello", .url = "/login"},
                        {.method = "GET",
                         .status = 200,
                         .body = "GET /echo||user=7|||",
                         .url = "/echo",
                         .kept = true}}}},
    /* bodies */
    DECODED("gzip", "gzip", "25", GZIP_HELLO),
    DECODED("x-gzip in any case", "X-GZip", "25", GZIP_HELLO),
    DECODED("deflate", "deflate", "13", ZLIB_HELLO),
    DECODED("deflate without a frame", "deflate", "7", RAW_HELLO),
    DECODED("brotli", "br", "9", BR_HELLO),
    DECODED("as it is, by name", "identity", "5", "hello"),
    {.name = "gzip in chunks",
     .scripts = {{{SRV_READ,
                   SRV_SEND(OK_LINE "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "19\r\n" GZIP_HELLO "\r\n0\r\n\r\n"),
                   SRV_AGAIN}}},
     .want = {.calls = {GET_HELLO,
                        {.method = "GET", .status = 200, .body = "hello", .kept = true}}}},
    {.name = "gzip up to the end of the connection",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Encoding: gzip\r\n\r\n" GZIP_HELLO),
                   SRV_CLOSE}}},
     .want = {.calls = {GET_HELLO}}},
    {.name = "gzip that may stay as it is",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: gzip", "3") "xxx"), SRV_AGAIN}}},
     .request = {.raw_body = true},
     .want = {.calls = {{.method = "GET", .status = 200, .filled = 3}}}},
    {.name = "gzip without a body",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: gzip", "25")), SRV_READ,
                   SRV_SEND("HTTP/1.1 304 Not\r\nContent-Encoding: gzip\r\n\r\n")}}},
     .want = {.calls = {ANSWER("HEAD", 200, ""), {.method = "GET", .status = 304, .kept = true}}}},
    {.name = "gzip of more than the limit",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: gzip", "29") GZIP_XS), SRV_AGAIN}}},
     .request = {.max_body_bytes = 999},
     .want = {.calls = {FAILS("GET", TOO_LARGE, "999 bytes", "cswr")}}},
    {.name = "gzip at the limit",
     .scripts = {{{SRV_READ, SRV_SEND(WITH("Content-Encoding: gzip", "29") GZIP_XS), SRV_AGAIN}}},
     .request = {.max_body_bytes = 1000},
     .want = {.calls = {{.method = "GET", .status = 200, .filled = 1000}}}},
    NOT_DECODED("gzip that is none", "gzip", "5", "hello"),
    NOT_DECODED("gzip cut off", "gzip", "20",
                "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10"),
    NOT_DECODED("gzip with a wrong sum", "gzip", "25",
                "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10"
                "\x37\x05\x00\x00\x00"),
    NOT_DECODED("deflate that is none", "deflate", "5", "\xff\xff\xff\xff\xff"),
    NOT_DECODED("brotli that is none", "br", "5", "\xff\xff\xff\xff\xff"),
    NOT_DECODED("brotli cut off", "br", "5", "\x03\x02\x80\x68\x65"),
    {.name = "nginx: gzip",
     .at = PLACE_plain,
     .request = {.url = "/gzip/x.txt", .compressed = true},
     .want = {.calls = {{.method = "GET",
                         .status = 200,
                         .filled = 100000,
                         .header = "Content-Encoding: gzip"},
                        {.method = "GET", .status = 200, .filled = 100000, .kept = true}}}},
    /* who is there */
    {.name = "nginx: basic authentication",
     .at = PLACE_plain,
     .settings = {.user = "alice", .password = "wonder"},
     .request = {.url = "/files/private/secret.txt"},
     .want = {.calls = {ANSWER("GET", 200, "secret"),
                        {.method = "GET", .status = 200, .body = "secret", .kept = true}}}},
    {.name = "nginx: a wrong password",
     .at = PLACE_plain,
     .settings = {.user = "alice", .password = "wrong"},
     .request = {.url = "/files/private/secret.txt"},
     .want = {.calls = {ANSWER("HEAD", 401, "")}}},
    {.name = "digest authentication",
     .scripts = {{{SRV_READ,
                   SRV_SEND("HTTP/1.1 401 Who\r\nContent-Length: 0\r\n"
                            "WWW-Authenticate: Digest realm=\"here\", nonce=\"abc\"\r\n\r\n"),
                   SRV_READ, SRV_SEND(HELLO)}}},
     .only_curl = true,
     .settings = {.user = "alice", .password = "wonder", .auth = LK_HTTP_DIGEST},
     .want = {.calls = {GET_HELLO},
              .any_requests = true,
              .seen = "response=\"0bb5690c9b9720048ce3a7c3fc556a73\""}},
    {.name = "digest authentication is not for the native engine",
     .scripts = {{{SRV_READ, SRV_SEND(HELLO)}}},
     .settings = {.user = "alice", .password = "wonder", .auth = LK_HTTP_DIGEST},
     .native = {.why = "it knows no digest, and says so",
                .calls = {{.method = "GET"}},
                .refused = "digest"},
     .want = {.calls = {GET_HELLO}}},
    /* what is expected */
    {.name = "404 is expected",
     .scripts = {{{SRV_READ, SRV_SEND("HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n")}}},
     .strict = true,
     .request = {.expect = 404},
     .want = {.calls = {ANSWER("GET", 404, "")}}},
    {.name = "200 is not expected",
     .scripts = {{{SRV_READ, SRV_SEND(HELLO)}}},
     .strict = true,
     .request = {.expect = LK_STATUS(201, 204)},
     .want = {.calls = {{.method = "GET", .status = 200}}, .refused = "200"}},
    {.name = "no answer ends the step",
     .scripts = {{{SRV_READ, SRV_CLOSE}}},
     .strict = true,
     .want = {.calls = {FAILS("GET", RESET, "", "csw")}, .refused = "got no answer: HTTP_RESET"}},
};

const struct behaviour_part behaviour_flow = {"flow", cases, LKI_COUNT(cases)};
