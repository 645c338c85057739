/* What takes too long, or is too much. */
#include "base/mem.h"
#include "behaviour/behaviour.h"

/* Left waiting after some bytes of the answer. */
#define STALLED(what, reached, ...)                                                                \
    {                                                                                              \
        .name = what, .scripts = {{{SRV_READ, __VA_ARGS__ SRV_STALL}}, NEXT}, .want = {            \
            .calls = {{.method = "GET",                                                            \
                       .code = LKI_CODE_HTTP_TIMEOUT,                                              \
                       .error = "timed out while",                                                 \
                       .phases = (reached),                                                        \
                       .timeout_s = WHILE_S},                                                      \
                      GET_NEXT},                                                                   \
            .connections = 2                                                                       \
        }                                                                                          \
    }
#define THEN(text) SRV_SEND(text),

static const char large[20000000];

static const struct behaviour cases[] = {
    STALLED("a stall before the answer", "csw", ),
    STALLED("a stall in the version", "cswr", THEN("HTT")),
    STALLED("a stall in the status", "cswr", THEN("HTTP/1.1 2")),
    STALLED("a stall in the reason", "cswr", THEN("HTTP/1.1 200 O")),
    STALLED("a stall in the end of the status line", "cswr", THEN("HTTP/1.1 200 OK\r")),
    STALLED("a stall behind the status line", "cswr", THEN(OK_LINE)),
    STALLED("a stall in the name of a header", "cswr", THEN(OK_LINE "Content-Le")),
    STALLED("a stall in the value of a header", "cswr", THEN(OK_LINE "Content-Length: 1")),
    STALLED("a stall before the end of the head", "cswr", THEN(OK_LINE "Content-Length: 1\r\n\r")),
    STALLED("a stall behind the head", "cswr", THEN(OK_LINE "Content-Length: 1\r\n\r\n")),
    STALLED("a stall in the body", "cswr", THEN(OK_LINE "Content-Length: 10\r\n\r\nhello")),
    STALLED("a stall in a body without a length", "cswr", THEN(OK_LINE "\r\nhello")),
    STALLED("a stall in the size of a chunk", "cswr", THEN(CHUNKED "5")),
    STALLED("a stall in a chunk", "cswr", THEN(CHUNKED "5\r\nhel")),
    STALLED("a stall behind a chunk", "cswr", THEN(CHUNKED "5\r\nhello")),
    STALLED("a stall before the last chunk", "cswr", THEN(CHUNKED "5\r\nhello\r\n")),
    STALLED("a stall in the last chunk", "cswr", THEN(CHUNKED "5\r\nhello\r\n0\r\n")),
    STALLED("a stall in a trailer", "cswr", THEN(CHUNKED "5\r\nhello\r\n0\r\nX: y\r\n")),
    STALLED("a stall behind 100 Continue", "cswr", THEN("HTTP/1.1 100 Continue\r\n\r\n")),
    {.name = "a server that does not take the request in",
     .scripts = {{{SRV_STALL}}},
     .deaf = true,
     .request = {.timeout_s = WHILE_S, .body = large, .body_bytes = sizeof(large)},
     .want = {.calls = {FAILS("POST", TIMEOUT, "timed out while sending", "c")}, .unsent = 1}},
    {.name = "an answer that comes too late does not answer the next request",
     .scripts = {{{SRV_READ, SRV_SLEEP(2000), SRV_SEND(HELLO)}},
                 {{SRV_READ, SRV_SLEEP(1000), SRV_SEND(OK_LINE "Content-Length: 4\r\n\r\nnext"),
                   SRV_AGAIN}}},
     .want = {.calls = {{.method = "GET",
                         .code = LKI_CODE_HTTP_TIMEOUT,
                         .phases = "csw",
                         .timeout_s = WHILE_S},
                        GET_NEXT,
                        {.method = "GET", .status = 200, .body = "next", .kept = true}},
              .connections = 2}},
    {.name = "the time-out of a request stands above that of the user",
     .scripts = {{{SRV_READ, SRV_SLEEP(1700), SRV_SEND(HELLO)}}},
     .settings = {.timeout_s = WHILE_S},
     .request = {.timeout_s = 20},
     .want = {.calls = {GET_HELLO}}},
    {.name = "the first byte takes too long",
     .scripts = {{{SRV_READ, SRV_STALL}}, NEXT},
     .request = {.first_byte_timeout_s = WHILE_S},
     .want = {.calls = {FAILS("GET", TIMEOUT,
                              "waiting for the answer, for which the limit is 1.5 s", "csw"),
                        GET_NEXT},
              .connections = 2}},
    {.name = "the first byte comes in time, and the rest later",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\n"), SRV_SLEEP(1800),
                   SRV_SEND("\r\nhello"), SRV_AGAIN}}},
     .settings = {.first_byte_timeout_s = WHILE_S},
     .want = {.calls = {GET_HELLO}}},
    {.name = "connecting takes too long",
     .at = PLACE_full,
     .settings = {.connect_timeout_s = 0.3},
     .want = {.calls = {FAILS("GET", TIMEOUT, "connect", "c")}, .unsent = 1}},
    {.name = "all of it takes too long while connecting",
     .at = PLACE_full,
     .request = {.timeout_s = 0.3},
     .want = {.calls = {FAILS("GET", TIMEOUT, "connect", "c")}, .unsent = 1}},
    {.name = "a TLS handshake takes too long",
     .scripts = {{{SRV_STALL}}},
     .request = {.url = "https://$server/", .tls_timeout_s = WHILE_S},
     .settings = {.insecure = true},
     .want = {.calls = {FAILS("GET", TIMEOUT, "TLS", "ct")}, .unsent = 1}},
    {.name = "a body at the limit",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 1000\r\n\r\n"), SRV_FILL(1000),
                   SRV_AGAIN}}},
     .request = {.max_body_bytes = 1000},
     .want = {.calls = {{.method = "GET", .status = 200, .filled = 1000},
                        {.method = "GET", .status = 200, .filled = 1000, .kept = true}}}},
    {.name = "chunks one byte above the limit",
     .scripts = {{{SRV_READ, SRV_SEND(CHUNKED "3e9\r\n"), SRV_FILL(1001), SRV_SEND("\r\n0\r\n\r\n"),
                   SRV_STALL}},
                 NEXT},
     .request = {.max_body_bytes = 1000},
     .want = {.calls = {FAILS("GET", TOO_LARGE, "larger than 1000 bytes", "cswr"), GET_NEXT},
              .connections = 2}},
    {.name = "a body that is thrown away may be larger than the limit",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 3000000\r\n\r\n"), SRV_FILL(3000000),
                   SRV_AGAIN}}},
     .request = {.max_body_bytes = 1000, .discard_body = true},
     .want = {.calls = {ANSWER("GET", 200, ""), {.method = "GET", .status = 200, .kept = true}}}},
    {.name = "chunks that are thrown away",
     .scripts = {{{SRV_READ, SRV_SEND(CHUNKED "2dc6c0\r\n"), SRV_FILL(3000000),
                   SRV_SEND("\r\n0\r\n\r\n"), SRV_AGAIN}}},
     .request = {.max_body_bytes = 1000, .discard_body = true},
     .want = {.calls = {ANSWER("GET", 200, ""), {.method = "GET", .status = 200, .kept = true}}}},
    {.name = "a body without a length that is thrown away",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "\r\n"), SRV_FILL(3000000), SRV_CLOSE}}, NEXT},
     .request = {.max_body_bytes = 1000, .discard_body = true},
     .want = {.calls = {ANSWER("GET", 200, ""), ANSWER("GET", 200, "")}, .connections = 2}},
    {.name = "a body that is thrown away and stops half-way",
     .scripts = {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE}}},
     .request = {.discard_body = true},
     .want = {.calls = {FAILS("GET", RESET, "", "cswr")}}},
};

const struct behaviour_part behaviour_limits = {"limits", cases, LKI_COUNT(cases)};
