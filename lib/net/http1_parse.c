#include "net/http1_parse.h"

#include <string.h>

#include "base/mem.h"
#include "net/exchange.h"
#include "net/scan.h"

#define STATUS_BYTES 12 /* "HTTP/1.1 200" */

/* What the fields of a head said so far, kept in seen_fields. */
enum { SEEN_LENGTH = 1, SEEN_CODING = 2, SEEN_CLOSE = 4, SEEN_KEEP_ALIVE = 8 };

/* Whether the len bytes at text are those of lower (len is a constant, 4 or more), in any case.
 * Only for letters and '-' in lower, and text without a CR: those are the bytes that a set bit 0x20
 * tells from all others. The words that are compared overlap. */
static inline __attribute__((always_inline)) bool same_word(const char *text, const char *lower,
                                                            size_t len)
{
    size_t step = len < 8 ? 4 : 8;
    uint64_t differ = 0;

    for (size_t at = 0; at < len; at += step) {
        size_t from = at + step <= len ? at : len - step;
        uint64_t a = 0;
        uint64_t b = 0;

        memcpy(&a, text + from, step);
        memcpy(&b, lower + from, step);
        differ |= (a | UINT64_C(0x2020202020202020)) ^ (b | UINT64_C(0x2020202020202020));
    }
    return differ == 0;
}

static inline char lower_of(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_text(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (lower_of(a[i]) != lower_of(b[i]))
            return false;
    }
    return true;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes blanks off both ends of [*at, *end). */
static inline void trim(const char **at, const char **end)
{
    while (*at < *end && is_blank(**at))
        ++*at;
    while (*end > *at && is_blank((*end)[-1]))
        --*end;
}

/* Behind the line break at stop, or NULL if there is none. */
static inline const char *break_end(const char *stop, const char *end)
{
    if (LKI_LIKELY(end - stop >= 2 && !memcmp(stop, "\r\n", 2)))
        return stop + 2;
    return stop < end && *stop == '\n' ? stop + 1 : NULL;
}

static int head_fail(struct lki_http1_head *head, enum lk_err err, const char *error)
{
    head->error = error;
    return err;
}

/* The line that begins at line_at has no end in the first visible bytes. */
static int head_wait(struct lki_http1_head *head, size_t visible)
{
    head->looked_at = visible;
    if (visible == head->max_bytes)
        return head_fail(head, LK_E_LIMIT, "the head is longer than its limit");
    return 0;
}

static const char *length_take(struct lki_http1_head *head, const char *at, const char *end)
{
    uint64_t length = 0;

    if (at == end)
        return "Content-Length is empty";
    for (; at < end; at++) {
        unsigned digit = (uint8_t)*at - (unsigned)'0';

        if (digit > 9)
            return "Content-Length is not a number";
        if (length > ((uint64_t)INT64_MAX - digit) / 10)
            return "Content-Length is too large";
        length = length * 10 + digit;
    }
    if ((head->seen_fields & SEEN_LENGTH) && head->content_length != length)
        return "two different Content-Length fields";
    head->content_length = length;
    head->seen_fields |= SEEN_LENGTH;
    return NULL;
}

/* Only chunked is ever right: no other coding was offered to the server. */
static const char *coding_take(struct lki_http1_head *head, const char *at, const char *end)
{
    if (head->seen_fields & SEEN_CODING)
        return "more than one Transfer-Encoding field";
    if (end - at != 7 || !same_word(at, "chunked", 7))
        return "a Transfer-Encoding other than chunked";
    head->seen_fields |= SEEN_CODING;
    return NULL;
}

/* One option of a Connection field. */
static inline unsigned option_of(const char *at, const char *end)
{
    if (end - at == 10 && same_word(at, "keep-alive", 10))
        return SEEN_KEEP_ALIVE;
    return end - at == 5 && same_word(at, "close", 5) ? SEEN_CLOSE : 0;
}

static inline void connection_take(struct lki_http1_head *head, const char *at, const char *end)
{
    unsigned seen = option_of(at, end);

    while (!seen && at < end) { /* a list, or one of no meaning to us */
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *next = comma ? comma + 1 : end;

        trim(&at, &stop);
        head->seen_fields |= (uint8_t)option_of(at, stop);
        at = next;
    }
    head->seen_fields |= (uint8_t)seen;
}

/* Takes what a field says about framing, and notes those that matter to clients; an error's text,
 * or NULL. */
static inline const char *field_take(struct lki_http1_head *head, const char *name, size_t name_len,
                                     const char *value, const char *stop)
{
    switch (name_len) {
    case 8:
        if (same_word(name, "location", 8))
            head->fields |= LKI_FIELD_LOCATION;
        return NULL;
    case 10:
        if (same_word(name, "set-cookie", 10))
            head->fields |= LKI_FIELD_SET_COOKIE;
        if (!same_word(name, "connection", 10))
            return NULL;
        trim(&value, &stop);
        connection_take(head, value, stop);
        return NULL;
    case 14:
        if (!same_word(name, "content-length", 14))
            return NULL;
        trim(&value, &stop);
        return length_take(head, value, stop);
    case 16:
        if (same_word(name, "content-encoding", 16))
            head->fields |= LKI_FIELD_CONTENT_ENCODING;
        else if (same_word(name, "www-authenticate", 16))
            head->fields |= LKI_FIELD_WWW_AUTHENTICATE;
        return NULL;
    case 17:
        if (!same_word(name, "transfer-encoding", 17))
            return NULL;
        trim(&value, &stop);
        return coding_take(head, value, stop);
    default:
        return NULL;
    }
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether bytes begin with "HTTP/1.d ddd" and an end of it. */
static inline bool status_is(const char *bytes)
{
    char end = bytes[STATUS_BYTES];

    return !memcmp(bytes, "HTTP/1.", 7) && is_digit(bytes[7]) && bytes[8] == ' ' &&
           is_digit(bytes[9]) && bytes[9] != '0' && is_digit(bytes[10]) && is_digit(bytes[11]) &&
           (end == ' ' || end == '\r' || end == '\n');
}

/* Whether the bytes there so far can be the beginning of a status line. */
static inline bool status_begins(const char *bytes, size_t len)
{
    char padded[] = "HTTP/1.1 200 ";

    if (LKI_LIKELY(len > STATUS_BYTES))
        return status_is(bytes);
    memcpy(padded, bytes, len);
    return status_is(padded);
}

/* What is wrong with a line whose text stops at a byte that ends no line. */
static const char *stray_text(const char *stop)
{
    if (*stop == '\r')
        return "a CR without LF in the head";
    return *stop ? "a control character in the head" : "a NUL in the head";
}

static const char *name_text(const char *line, const char *stop)
{
    if (is_blank(*line))
        return "a folded header line";
    if (line == stop && *line == ':')
        return "a header field without a name";
    if (line == stop && lki_scan_is_control(*line))
        return stray_text(stop);
    if (is_blank(*stop))
        return "a space in the name of a header field";
    return *stop == '\r' || *stop == '\n' ? "a header line without a colon"
                                          : "a wrong character in the name of a header field";
}

/* A line that is wrong counts when it is complete: then the outcome does not depend on how the
 * bytes were cut up on their way here. */
static int line_refuse(struct lki_http1_head *head, const char *bytes, const char *line,
                       const char *stop, const char *end, const char *error)
{
    head->line_at = (size_t)(line - bytes);
    if (stop == end || !memchr(stop, '\n', (size_t)(end - stop)))
        return head_wait(head, (size_t)(end - bytes));
    return head_fail(head, LK_E_FORMAT, error ? error : stray_text(stop));
}

static int head_finish(struct lki_http1_head *head, size_t head_bytes)
{
    unsigned seen = head->seen_fields;
    bool keep_alive = head->minor_version > 0
                          ? !(seen & SEEN_CLOSE)
                          : (seen & (SEEN_CLOSE | SEEN_KEEP_ALIVE)) == SEEN_KEEP_ALIVE;

    if (LKI_UNLIKELY((seen & SEEN_CODING) && (seen & SEEN_LENGTH)))
        return head_fail(head, LK_E_FORMAT, "both Content-Length and Transfer-Encoding");
    if (head->status == 101 && !head->upgrade)
        return head_fail(head, LK_E_FORMAT, "101 Switching Protocols, which nobody asked for");
    if (head->head_request || head->status < 200 || head->status == 204 || head->status == 304)
        head->body = LKI_BODY_NONE;
    else if (seen & SEEN_LENGTH)
        head->body = head->content_length ? LKI_BODY_LENGTH : LKI_BODY_NONE;
    else
        head->body = seen & SEEN_CODING ? LKI_BODY_CHUNKED : LKI_BODY_CLOSE;
    /* HTTP/1.0 knows no chunks: the body can be read, but nothing behind it can be trusted */
    head->keep_alive = keep_alive && head->body != LKI_BODY_CLOSE &&
                       !(head->minor_version == 0 && (seen & SEEN_CODING));
    head->head_bytes = head_bytes;
    return 1;
}

/* The fields from line on, which begins a line. */
static int fields_parse(struct lki_http1_head *head, const char *bytes, const char *line,
                        const char *end)
{
    for (;;) {
        const char *stop = lki_scan_name(line, end);
        const char *colon = stop;
        const char *next;
        const char *error;

        if (LKI_UNLIKELY(stop == end || *stop != ':' || stop == line)) {
            next = stop == line ? break_end(stop, end) : NULL;
            if (next)
                return head_finish(head, (size_t)(next - bytes));
            return line_refuse(head, bytes, line, stop, end,
                               stop == end ? NULL : name_text(line, stop));
        }
        stop = lki_scan_text(colon + 1, end);
        next = break_end(stop, end);
        if (LKI_UNLIKELY(!next))
            return line_refuse(head, bytes, line, stop, end, NULL);
        error = field_take(head, line, (size_t)(colon - line), colon + 1, stop);
        if (LKI_UNLIKELY(error))
            return head_fail(head, LK_E_FORMAT, error);
        line = next;
    }
}

int lki_http1_head_parse(struct lki_http1_head *head, const char *bytes, size_t len)
{
    size_t visible = lki_min(len, head->max_bytes);
    const char *end = bytes + visible;
    const char *line = bytes + head->line_at;
    const char *stop;

    if (head->line_at == 0 && LKI_UNLIKELY(!status_begins(bytes, visible)))
        return head_fail(head, LK_E_FORMAT, "not an HTTP/1 status line");
    if (LKI_UNLIKELY(visible < STATUS_BYTES))
        return head_wait(head, visible);
    if (head->looked_at && !memchr(bytes + head->looked_at, '\n', visible - head->looked_at))
        return head_wait(head, visible);
    if (head->line_at == 0) {
        stop = lki_scan_text(bytes + STATUS_BYTES, end);
        line = break_end(stop, end);
        if (LKI_UNLIKELY(!line))
            return line_refuse(head, bytes, bytes, stop, end, NULL);
        head->minor_version = bytes[7] - '0';
        head->status = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
    }
    return fields_parse(head, bytes, line, end);
}

int lki_http1_head_recall(struct lki_http1_memo *memo, struct lki_http1_head *head,
                          const char *bytes, size_t len)
{
    const struct lki_http1_head *known = &memo->head;
    int result;

    if (memo->len && len >= memo->len && !head->line_at && !head->looked_at &&
        head->head_request == known->head_request && head->max_bytes == known->max_bytes &&
        !memcmp(bytes, memo->bytes, memo->len)) {
        *head = *known;
        return 1;
    }
    result = lki_http1_head_parse(head, bytes, len);
    if (result == 1 && head->head_bytes <= sizeof(memo->bytes)) {
        memcpy(memo->bytes, bytes, head->head_bytes);
        memo->len = head->head_bytes;
        memo->head = *head;
    }
    return result;
}

bool lki_http1_header(const char *head, size_t head_bytes, const char *name, unsigned index,
                      const char **value, size_t *value_len)
{
    size_t name_len = strlen(name);
    const char *end = head + head_bytes;
    const char *at = memchr(head, '\n', head_bytes);

    while (at) {
        const char *line = at + 1;

        at = memchr(line, '\n', (size_t)(end - line));
        if (!at || (size_t)(at - line) <= name_len || line[name_len] != ':' ||
            !same_text(line, name, name_len) || index--)
            continue;
        line += name_len + 1;
        at -= at[-1] == '\r';
        trim(&line, &at);
        *value = line;
        *value_len = (size_t)(at - line);
        return true;
    }
    return false;
}
