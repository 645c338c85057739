/* The chunked coding of a body, taken off as it comes in. */
#include <string.h>

#include "base/mem.h"
#include "net/http1_parse.h"
#include "net/scan.h"

enum chunked_state {
    SIZE_FIRST, /* the size line must begin with a digit */
    SIZE,
    SIZE_PAD, /* blanks behind the size, which some servers put there */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the beginning of a trailer line, or of the empty one */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE
};

static int refuse(struct lki_http1_chunked *chunked, enum lk_err err, const char *error)
{
    chunked->error = error;
    return err;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int on_size(struct lki_http1_chunked *chunked, char c)
{
    int digit = hex_of(c);

    if (digit >= 0 && chunked->state <= SIZE) {
        if (chunked->left > (uint64_t)INT64_MAX >> 4)
            return refuse(chunked, LK_E_FORMAT, "the size of a chunk is too large");
        chunked->left = chunked->left << 4 | (unsigned)digit;
        chunked->state = SIZE;
    } else if (chunked->state == SIZE_FIRST) {
        return refuse(chunked, LK_E_FORMAT, "a chunk without a size");
    } else if (c == '\r') {
        chunked->state = SIZE_LF;
    } else if (lki_scan_is_control(c)) {
        return refuse(chunked, LK_E_FORMAT, "a control character in the size line of a chunk");
    } else if (chunked->state != EXTENSION) {
        if (c != ';' && c != ' ' && c != '\t')
            return refuse(chunked, LK_E_FORMAT, "the size of a chunk is not a number");
        chunked->state = c == ';' ? EXTENSION : SIZE_PAD;
    }
    return 0;
}

static int on_trailer(struct lki_http1_chunked *chunked, char c)
{
    switch (chunked->state) {
    case TRAILER:
        if (c == '\r') {
            chunked->state = END_LF;
            return 0;
        }
        chunked->state = TRAILER_NAME;
        if (lki_scan_is_token(c))
            return 0;
        break;
    case TRAILER_NAME:
        if (c == ':')
            chunked->state = TRAILER_VALUE;
        if (c == ':' || lki_scan_is_token(c))
            return 0;
        break;
    default:
        if (c == '\r')
            chunked->state = TRAILER_LF;
        if (c == '\r' || !lki_scan_is_control(c))
            return 0;
        break;
    }
    return refuse(chunked, LK_E_FORMAT, "a malformed trailer");
}

/* A byte that has to be c and nothing else; next is the state behind it. */
static int on_break(struct lki_http1_chunked *chunked, char c, char must, enum chunked_state next)
{
    if (c != must)
        return refuse(chunked, LK_E_FORMAT, "a chunk or trailer does not end in CRLF");
    chunked->state = (uint8_t)next;
    return 0;
}

/* Takes one byte of framing. What stands between the data of two chunks is one line to the limit.
 */
static int framing_take(struct lki_http1_chunked *chunked, char c)
{
    bool trailer = chunked->state >= TRAILER;

    if (chunked->taken++ == (trailer ? LKI_HTTP1_TRAILER_MAX : LKI_HTTP1_CHUNK_LINE_MAX))
        return refuse(chunked, LK_E_LIMIT,
                      trailer ? "the trailers are longer than their limit"
                              : "the size line of a chunk is longer than its limit");
    switch ((enum chunked_state)chunked->state) {
    case SIZE_FIRST:
    case SIZE:
    case SIZE_PAD:
    case EXTENSION:
        return on_size(chunked, c);
    case SIZE_LF:
        chunked->taken = 0;
        return on_break(chunked, c, '\n', chunked->left ? DATA : TRAILER);
    case DATA_CR:
        return on_break(chunked, c, '\r', DATA_LF);
    case DATA_LF:
        return on_break(chunked, c, '\n', SIZE_FIRST);
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return on_trailer(chunked, c);
    case TRAILER_LF:
        return on_break(chunked, c, '\n', TRAILER);
    case END_LF:
        return on_break(chunked, c, '\n', DONE);
    case DATA:
    case DONE:
        break;
    }
    return refuse(chunked, LK_E_STATE, "the chunked body was complete already");
}

int lki_http1_chunked_feed(struct lki_http1_chunked *chunked, const char *in, size_t in_len,
                           size_t *used, char *out, size_t *out_len)
{
    size_t at = 0;
    size_t made = 0;
    int err = 0;

    while (at < in_len && chunked->state != DONE && !err) {
        if (chunked->state == DATA) {
            size_t len = chunked->left < in_len - at ? (size_t)chunked->left : in_len - at;

            if (out)
                memmove(out + made, in + at, len);
            at += len;
            made += len;
            chunked->left -= len;
            if (!chunked->left)
                chunked->state = DATA_CR;
        } else {
            err = framing_take(chunked, in[at]);
            at += !err;
        }
    }
    *used = at;
    *out_len = made;
    return err ? err : chunked->state == DONE;
}
