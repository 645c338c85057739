/* What goes out. */
#include "base/mem.h"
#include "behaviour/behaviour.h"

#define SERVED                                                                                     \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                SRV_READ, SRV_SEND(HELLO), SRV_AGAIN                                               \
            }                                                                                      \
        }                                                                                          \
    }
#define POSTED_AGAIN                                                                               \
    {                                                                                              \
        .method = "POST", .status = 200, .body = "hello", .kept = true                             \
    }
#define AGENT "User-Agent: loadkit/" LK_VERSION "\r\n"

/* One request, and the whole of what the server must see. */
#define SEEN(what, verb, asked, text)                                                              \
    {                                                                                              \
        .name = what, .scripts = SERVED, .request = asked, .at_once = true, .want = {              \
            .calls = {ANSWER(verb, 200, "hello")},                                                 \
            .seen = text                                                                           \
        }                                                                                          \
    }
#define ASKED(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static const char large[20000000];
static const char nine[9000];

static const struct behaviour cases[] = {
    SEEN("a plain GET", "GET", ASKED(.url = "/a?b=c#d"),
         "GET /a?b=c HTTP/1.1\r\nHost: $server\r\n" AGENT "Accept: */*\r\n\r\n"),
    SEEN("dots in a path stay", "GET", ASKED(.url = "/a/../b/./c//d"),
         "GET /a/../b/./c//d HTTP/1.1\r\n"),
    SEEN("a path as it was written", "GET", ASKED(.url = "/%7e/{x}|^\"'<>`\\[]"),
         "GET /%7e/{x}|^\"'<>`\\[] HTTP/1.1\r\n"),
    SEEN("an absolute URL", "GET", ASKED(.url = "http://$server/abs"),
         "GET /abs HTTP/1.1\r\nHost: $server\r\n"),
    SEEN("an absolute URL without a path", "GET", ASKED(.url = "http://$server"),
         "GET / HTTP/1.1\r\nHost: $server\r\n"),
    SEEN("a query", "GET", ASKED(.url = "/s?x=1", .query = LK_PAIRS("q", "red shoes", "a&b", "=")),
         "GET /s?x=1&q=red%20shoes&a%26b=%3D HTTP/1.1\r\n"),
    SEEN("headers of the author's, which win", "GET",
         ASKED(.headers = LK_PAIRS("X-A", "b c", "accept", "text/html", "User-Agent", "me")),
         "X-A: b c\r\naccept: text/html\r\nUser-Agent: me\r\n\r\n"),
    SEEN("a host of the author's", "GET", ASKED(.headers = LK_PAIRS("Host", "elsewhere.test")),
         "\r\nHost: elsewhere.test\r\n"),
    SEEN("an empty header", "GET", ASKED(.headers = LK_PAIRS("X-A", "b", "X-Empty", "")),
         "X-A: b\r\nX-Empty:"),
    SEEN("any method", "PURGE", ASKED(.url = "/x"), "PURGE /x HTTP/1.1\r\n"),
    SEEN("DELETE without a body", "DELETE", ASKED(.url = "/x"),
         "Host: $server\r\n" AGENT "Accept: */*\r\n\r\n"),
    SEEN("DELETE with a body", "DELETE", ASKED(.body = "abc"), "Content-Length: 3\r\n\r\nabc"),
    SEEN("GET with a body", "GET", ASKED(.body = "abc"), "Content-Length: 3\r\n\r\nabc"),
    SEEN("POST without a body", "POST", ASKED(.url = "/"), "Content-Length: 0\r\n\r\n"),
    SEEN("POST with a body", "POST", ASKED(.body = "abc"),
         "Content-Type: application/octet-stream\r\nContent-Length: 3\r\n\r\nabc"),
    SEEN("PUT with a type of the author's", "PUT",
         ASKED(.body = "abc", .headers = LK_PAIRS("Content-Type", "text/x")),
         "Content-Type: text/x\r\nContent-Length: 3\r\n\r\nabc"),
    SEEN("PATCH with a form", "PATCH", ASKED(.form = LK_PAIRS("a", "1 2", "b", "=&")),
         "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 16\r\n\r\n"
         "a=1%202&b=%3D%26"),
    SEEN("a template", "GET", ASKED(.url = "/o/{id}/x", .params = LK_PAIRS("id", "a/b c")),
         "GET /o/a%2Fb%20c/x HTTP/1.1\r\n"),
    SEEN("an authorization", "GET", ASKED(.authorization = "Bearer abc"),
         "Authorization: Bearer abc\r\n"),
    SEEN("parts", "POST", ASKED(.parts = LK_PARTS({"title", .value = "Red shoes"})),
         "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nRed shoes\r\n--"),
    SEEN("asking for a compressed body", "GET", ASKED(.compressed = true),
         "Accept-Encoding: gzip, deflate, br\r\n"),
    {.name = "headers of the user, below those of a request",
     .scripts = SERVED,
     .at_once = true,
     .settings = {.headers = LK_PAIRS("X-User", "7", "X-Both", "user")},
     .request = {.headers = LK_PAIRS("x-both", "request")},
     .want = {.calls = {GET_HELLO}, .seen = "X-User: 7\r\n", .unseen = "X-Both: user"}},
    {.name = "basic authentication of the user",
     .scripts = SERVED,
     .at_once = true,
     .settings = {.user = "alice", .password = "wonder"},
     .want = {.calls = {GET_HELLO}, .seen = "Authorization: Basic YWxpY2U6d29uZGVy\r\n"}},
    /* libcurl would wait a second for each of eight, unless it is told not to */
    {.name = "a body that the author has the server expect",
     .scripts = {{{SRV_READ, SRV_SEND("HTTP/1.1 100 Continue\r\n\r\n" HELLO), SRV_AGAIN}}},
     .request = {.headers = LK_PAIRS("Expect", "100-continue"), .body = "abc"},
     .step_timeout_s = 7.5,
     .want = {.calls = {ANSWER("POST", 200, "hello"), POSTED_AGAIN, POSTED_AGAIN, POSTED_AGAIN,
                        POSTED_AGAIN, POSTED_AGAIN, POSTED_AGAIN, POSTED_AGAIN},
              .seen = "Expect: 100-continue"}},
    {.name = "HEAD with a body",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\n\r\n"), SRV_AGAIN}}},
     .request = {.body = "abc"},
     .curl = {.why = "libcurl sends none, and it says so",
              .calls = {{.method = "HEAD"}},
              .refused = "cannot send a body with HEAD"},
     .want = {.calls = {ANSWER("HEAD", 200, "")}, .seen = "\r\n\r\nabc"}},
    {.name = "HEAD with a body from a file is for no engine",
     .at = PLACE_plain,
     .only_curl = true,
     .request = {.body_file = "$dir/files/x.txt"},
     .want = {.calls = {{.method = "HEAD"}}, .refused = "cannot send a body with HEAD"}},
    {.name = "a body that fills a buffer",
     .scripts = SERVED,
     .at_once = true,
     .request = {.body = nine, .body_bytes = sizeof(nine)},
     .want = {.calls = {ANSWER("POST", 200, "hello"),
                        {.method = "PUT", .status = 200, .body = "hello", .kept = true}},
              .seen = "Content-Length: 9000\r\n",
              .unseen = "Expect"}},
    {.name = "a body of 20 MB",
     .scripts = SERVED,
     .at_once = true,
     .request = {.body = large, .body_bytes = sizeof(large)},
     .want = {.calls = {ANSWER("POST", 200, "hello"),
                        {.method = "PUT", .status = 200, .body = "hello", .kept = true}},
              .seen = "Content-Length: 20000000\r\n",
              .unseen = "Expect"}},
    {.name = "a connection of its own for each",
     .scripts = SERVED,
     .at_once = true,
     .request = {.new_connection = true},
     .want = {.calls = {GET_HELLO, GET_HELLO}, .connections = 2, .seen = "Connection: close\r\n"}},
    {.name = "a connection of its own for each, by the settings",
     .scripts = SERVED,
     .at_once = true,
     .settings = {.connections = LK_HTTP_NEW},
     .want = {.calls = {GET_HELLO, GET_HELLO}, .connections = 2}},
    {.name = "shared connections serve one user as well",
     .scripts = SERVED,
     .at_once = true,
     .settings = {.connections = LK_HTTP_SHARED},
     .want = {.calls = {GET_HELLO,
                        {.method = "GET", .status = 200, .body = "hello", .kept = true}}}},
    {.name = "a path with a space is refused",
     .scripts = SERVED,
     .at_once = true,
     .request = {.url = "/a b"},
     .want = {.calls = {{.method = "GET"}}, .refused = "cannot use the path \"/a b\""}},
    {.name = "a line break in a header is refused",
     .scripts = SERVED,
     .at_once = true,
     .request = {.headers = LK_PAIRS("X", "a\r\nY: b")},
     .want = {.calls = {{.method = "GET"}}, .refused = "\"X\" has a line break"}},
    {.name = "a method that is none is refused",
     .scripts = SERVED,
     .at_once = true,
     .want = {.calls = {{.method = "GET /x"}}, .refused = "\"GET /x\" is not a method"}},
    {.name = "two bodies are refused",
     .scripts = SERVED,
     .at_once = true,
     .request = {.body = "a", .form = LK_PAIRS("a", "b")},
     .want = {.calls = {{.method = "POST"}}, .refused = "give one of"}},
    {.name = "another scheme is refused",
     .scripts = SERVED,
     .at_once = true,
     .request = {.url = "ftp://localhost/"},
     .want = {.calls = {{.method = "GET"}}, .refused = "only http:// and https://"}},
};

const struct behaviour_part behaviour_requests = {"requests", cases, LKI_COUNT(cases)};
