/*
 * Texts that borrow their bytes, and the requests of HTTP/1.x parsed into them. A part of
 * shop_server, which is one translation unit: hence functions in a header.
 */
#ifndef EXAMPLES_HTTP_REQUEST_H
#define EXAMPLES_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX 8192
#define BODY_MAX 65536

struct text {
    const char *at;
    size_t len;
};

/* What of a request its answer depends on, whatever was asked. */
struct manners {
    bool http10;
    bool head;
    bool close;
};

struct request {
    struct text method;
    struct text path;
    struct text query;
    struct text token; /* of Authorization: Bearer */
    struct text body;
    struct manners manners;
};

/* ---- texts ---- */

static bool text_is(struct text text, const char *word)
{
    return strlen(word) == text.len && memcmp(text.at, word, text.len) == 0;
}

static bool text_is_nocase(struct text text, const char *word)
{
    return strlen(word) == text.len && strncasecmp(text.at, word, text.len) == 0;
}

/* All digits, at most max; *out is left alone otherwise. */
static bool text_number(struct text text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;

    if (!text.len || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (number > max)
        return false;
    *out = number;
    return true;
}

/* Cuts what stands before the next c off the front, and the c too; all when there is none. */
static struct text text_cut(struct text *rest, char c)
{
    const char *end = rest->len ? memchr(rest->at, c, rest->len) : NULL;
    struct text part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t used = part.len + (end != NULL);

    rest->at += used;
    rest->len -= used;
    return part;
}

static struct text text_trim(struct text text)
{
    while (text.len && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.len--;
    }
    while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* ---- requests ---- */

static bool query_get(struct text query, const char *name, struct text *value)
{
    while (query.len) {
        struct text pair = text_cut(&query, '&');

        if (text_is(text_cut(&pair, '='), name)) {
            *value = pair;
            return true;
        }
    }
    return false;
}

static int parse_request_line(struct text line, struct request *req)
{
    struct text target;

    req->method = text_cut(&line, ' ');
    target = text_cut(&line, ' ');
    req->path = text_cut(&target, '?');
    req->query = target;
    req->manners.http10 = text_is(line, "HTTP/1.0");
    req->manners.close = req->manners.http10;
    req->manners.head = text_is(req->method, "HEAD");
    if (!req->method.len || !req->path.len || req->path.at[0] != '/')
        return 400;
    return req->manners.http10 || text_is(line, "HTTP/1.1") ? 0 : 505;
}

/* Looks only at the headers that matter here, which their lengths tell apart. */
static int parse_header(struct text line, struct request *req, bool *host, bool *length)
{
    struct text name = text_cut(&line, ':');
    struct text value = text_trim(line);
    uint64_t bytes;

    if (!name.len || name.at[name.len] != ':' || name.at[name.len - 1] == ' ')
        return 400;
    switch (name.len) {
    case 4:
        *host = *host || text_is_nocase(name, "Host");
        return 0;
    case 10:
        if (text_is_nocase(name, "Connection"))
            req->manners.close = text_is_nocase(value, "close") ||
                                 (req->manners.http10 && !text_is_nocase(value, "keep-alive"));
        return 0;
    case 13:
        if (text_is_nocase(name, "Authorization") && value.len > 7 &&
            strncasecmp(value.at, "Bearer ", 7) == 0)
            req->token = (struct text){value.at + 7, value.len - 7};
        return 0;
    case 14:
        if (!text_is_nocase(name, "Content-Length"))
            return 0;
        if (*length || !text_number(value, UINT64_MAX, &bytes))
            return 400;
        *length = true;
        req->body.len = (size_t)bytes;
        return bytes > BODY_MAX ? 413 : 0;
    case 17:
        return text_is_nocase(name, "Transfer-Encoding") ? 411 : 0;
    default:
        return 0;
    }
}

/* The line at the front of rest without its end. 0, a status, or -1 when more must come. */
static int next_line(struct text *rest, size_t head_bytes, struct text *line)
{
    bool whole = rest->len && memchr(rest->at, '\n', rest->len);

    if (whole)
        *line = text_cut(rest, '\n');
    if (head_bytes + (whole ? line->len : rest->len) > HEAD_MAX)
        return 431;
    if (!whole)
        return -1;
    if (!line->len || line->at[line->len - 1] != '\r')
        return 400;
    line->len--;
    return 0;
}

/*
 * Parses one request at the front of in. Returns 0 and sets *used to its bytes, or to 0 when more
 * must come; or else the status with which to refuse it.
 */
static int parse_request(struct text in, struct request *req, size_t *used)
{
    struct text rest = in, line = {NULL, 0};
    bool host = false, length = false;
    int status;

    *used = 0;
    *req = (struct request){.manners.close = true};
    status = next_line(&rest, 0, &line);
    if (!status)
        status = parse_request_line(line, req);
    while (!status) {
        status = next_line(&rest, (size_t)(rest.at - in.at), &line);
        if (!status && !line.len)
            break;
        if (!status)
            status = parse_header(line, req, &host, &length);
    }
    if (status)
        return status < 0 ? 0 : status;
    if (!host && !req->manners.http10)
        return 400;
    req->body.at = rest.at;
    if (rest.len >= req->body.len)
        *used = (size_t)(rest.at - in.at) + req->body.len;
    return 0;
}

#endif
