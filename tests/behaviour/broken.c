/* Answers that are wrong: one failure each, and the next answer is right. */
#include "base/mem.h"
#include "behaviour/behaviour.h"

/* One bad answer, then a good server. */
#define BAD(what, why, text, reached, ...)                                                         \
    {                                                                                              \
        .name = what, .scripts = {{{SRV_READ, __VA_ARGS__}}, NEXT},                                \
        .request = {.max_body_bytes = 1000000}, .want = {                                          \
            .calls = {FAILS("GET", why, text, reached), GET_NEXT},                                 \
            .connections = 2                                                                       \
        }                                                                                          \
    }
/* The head is known as bad before the body comes. */
#define BAD_HEAD(what, text, ...) BAD(what, PROTOCOL, text, "cswr", __VA_ARGS__)
#define LENGTH(value) SRV_SEND(OK_LINE "Content-Length: " value "\r\n\r\nhello")

#define INTERIM "HTTP/1.1 102 Processing\r\n\r\n"
#define INTERIM_6 INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM
#define INTERIM_60                                                                                 \
    INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6      \
        INTERIM_6

static const struct behaviour cases[] = {
    /* no HTTP */
    BAD_HEAD("another protocol", "not an HTTP/1 status line", SRV_SEND("SSH-2.0-OpenSSH_9.2\r\n")),
    BAD_HEAD("a page without a head", "not an HTTP/1 status line",
             SRV_SEND("<html><body>hello</body></html>\r\n")),
    BAD_HEAD("a zero byte", "", SRV_SEND("\0"), SRV_CLOSE),
    BAD_HEAD("something without end", "", SRV_FILL(200000)),
    BAD_HEAD("HTTP/2 in letters", "", SRV_SEND("HTTP/2 200\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("HTTP/3.0", "", SRV_SEND("HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("a status of two digits", "", SRV_SEND("HTTP/1.1 20 OK\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("a status of letters", "", SRV_SEND("HTTP/1.1 abc OK\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("a status below 100", "", SRV_SEND("HTTP/1.1 099 OK\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("a status of four digits", "", SRV_SEND("HTTP/1.1 2000 OK\r\n\r\n"), SRV_CLOSE),
    BAD_HEAD("101 that nobody asked for", "101",
             SRV_SEND("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
    BAD_HEAD("interim answers without end", "interim", SRV_SEND(INTERIM_60)),
    {.name = "a server that speaks first",
     .scripts = {{{SRV_SEND("220 mail ready\r\n")}}, NEXT},
     .want = {.calls = {FAILS("GET", PROTOCOL, "", "cswr"), GET_NEXT},
              .connections = 2,
              .any_requests = true}},
    /* heads */
    BAD_HEAD("a header without end", "", SRV_SEND(OK_LINE "X: "), SRV_FILL(400000)),
    BAD_HEAD("a name with a space", "", SRV_SEND(OK_LINE "A b: c\r\nContent-Length: 0\r\n\r\n")),
    BAD_HEAD("a line without a colon", "", SRV_SEND(OK_LINE "Ab\r\nContent-Length: 0\r\n\r\n")),
    BAD_HEAD("a folded line", "",
             SRV_SEND(OK_LINE "A: b\r\n folded: x\r\nContent-Length: 0\r\n\r\n")),
    BAD_HEAD("a NUL in the head", "", SRV_SEND(OK_LINE "A: b\0c\r\nContent-Length: 0\r\n\r\n")),
    /* lengths */
    BAD_HEAD("a negative length", "", LENGTH("-1")),
    BAD_HEAD("a length of letters", "", LENGTH("five")),
    BAD_HEAD("no length where one should be", "", LENGTH("")),
    BAD_HEAD("a length with a sign", "", LENGTH("+5")),
    BAD_HEAD("two lengths in one line", "", LENGTH("5, 6")),
    BAD_HEAD("two different lengths", "",
             SRV_SEND(OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")),
    BAD_HEAD("a length that no number holds", "", LENGTH("99999999999999999999")),
    BAD_HEAD("a length beside chunks", "",
             SRV_SEND(OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    BAD_HEAD("an encoding that was not asked for", "",
             SRV_SEND(OK_LINE "Transfer-Encoding: gzip\r\n\r\n"), SRV_CLOSE),
    BAD("less than the length says", RESET, "after 5 of 10 bytes", "cswr",
        SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE),
    BAD("nothing of what the length says", RESET, "after 0 of 10 bytes", "cswr",
        SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\n"), SRV_CLOSE),
    /* chunks */
    BAD_HEAD("a chunk of no size", "", SRV_SEND(CHUNKED "\r\n")),
    BAD_HEAD("a chunk of a size in letters", "", SRV_SEND(CHUNKED "x\r\n")),
    BAD_HEAD("a chunk of a negative size", "", SRV_SEND(CHUNKED "-5\r\nhello\r\n")),
    BAD_HEAD("a chunk in 0x", "", SRV_SEND(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n")),
    BAD_HEAD("a chunk of a size that no number holds", "",
             SRV_SEND(CHUNKED "fffffffffffffffff\r\n")),
    BAD_HEAD("a chunk without its end", "", SRV_SEND(CHUNKED "5\r\nhello5\r\nworld\r\n")),
    BAD_HEAD("a chunk with an endless extension", "", SRV_SEND(CHUNKED "5;"), SRV_FILL(200000)),
    BAD_HEAD("endless trailers", "", SRV_SEND(CHUNKED "0\r\nX: "), SRV_FILL(400000)),
    BAD("chunks that stop in a size", RESET, "", "cswr", SRV_SEND(CHUNKED "5"), SRV_CLOSE),
    BAD("chunks that stop in a chunk", RESET, "", "cswr", SRV_SEND(CHUNKED "5\r\nhel"), SRV_CLOSE),
    BAD("chunks that stop between two", RESET, "", "cswr", SRV_SEND(CHUNKED "5\r\nhello\r\n"),
        SRV_CLOSE),
    BAD("chunks that stop before the last line", RESET, "", "cswr",
        SRV_SEND(CHUNKED "5\r\nhello\r\n0\r\n"), SRV_CLOSE),
    BAD("chunks that stop in a trailer", RESET, "", "cswr",
        SRV_SEND(CHUNKED "5\r\nhello\r\n0\r\nX: y"), SRV_CLOSE),
    /* too large */
    BAD("a length above the limit", TOO_LARGE, "larger than 1000000 bytes", "cswr",
        SRV_SEND(OK_LINE "Content-Length: 1000001\r\n\r\n"), SRV_FILL(1000001)),
    BAD("a length of nearly everything", TOO_LARGE, "larger than 1000000 bytes", "cswr",
        LENGTH("9223372036854775807")),
    BAD("chunks above the limit", TOO_LARGE, "larger than 1000000 bytes", "cswr",
        SRV_SEND(CHUNKED "5000000\r\n"), SRV_FILL(90000000)),
    BAD("a body without a length above the limit", TOO_LARGE, "larger than 1000000 bytes", "cswr",
        SRV_SEND(OK_LINE "\r\n"), SRV_FILL(90000000)),
};

const struct behaviour_part behaviour_broken = {"broken answers", cases, LKI_COUNT(cases)};
