#include "net/url.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"

#define UUID_BYTES 36
#define HEX_MIN_BYTES 16
#define TOKEN_MIN_BYTES 20
#define TOKEN_MIN_CHANGES 3

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_letter(char c)
{
    char lower = (char)(c | 0x20);

    return lower >= 'a' && lower <= 'z';
}

static inline bool is_hex(char c)
{
    char lower = (char)(c | 0x20);

    return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

/* A space, a control character or DEL. */
static inline bool is_blank(char c)
{
    return (uint8_t)c <= ' ' || c == 0x7f;
}

/* ---- taking URLs apart ---- */

/* The length of the scheme if text begins with one and "://", else 0. */
static size_t scheme_span(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len && (is_letter(text[at]) || (at && (is_digit(text[at]) || text[at] == '+' ||
                                                       text[at] == '-' || text[at] == '.'))))
        at++;
    return at && len - at >= 3 && !memcmp(text + at, "://", 3) ? at : 0;
}

bool lki_url_is_absolute(const char *text, size_t len)
{
    return scheme_span(text, len) > 0;
}

static bool same_scheme(const struct lki_url *url, const char *lower)
{
    size_t at = 0;

    while (at < url->scheme_len && lower[at] && (url->scheme_text[at] | 0x20) == lower[at])
        at++;
    return at == url->scheme_len && !lower[at];
}

/* The functions below return what is wrong, or NULL. */

static const char *port_parse(struct lki_url *url, const char *text, size_t len)
{
    unsigned port = 0;

    if (!len)
        return "the port is empty";
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]))
            return "the port is not a number";
        port = port * 10 + (unsigned)(text[i] - '0');
        if (port > UINT16_MAX)
            return "the port is greater than 65535";
    }
    url->port = (uint16_t)port;
    return port ? NULL : "the port is 0";
}

static const char *name_check(const char *host, size_t len)
{
    if (!len)
        return "the host is empty";
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(host[i]) && !is_digit(host[i]) && !memchr("-._", host[i], 3))
            return "the host has a character that no name has";
    }
    return NULL;
}

static bool is_ipv6(const char *text, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    return strlen(address) == len && inet_pton(AF_INET6, address, &bytes) == 1;
}

/* Splits the authority into host and port. */
static const char *authority_parse(struct lki_url *url)
{
    const char *at = url->authority;
    const char *end = at + url->authority_len;
    const char *stop;
    const char *wrong;

    if (memchr(at, '@', url->authority_len))
        return "a user name in a URL is not supported: send an Authorization header";
    url->host_is_ipv6 = at < end && *at == '[';
    if (url->host_is_ipv6) {
        stop = memchr(at, ']', url->authority_len);
        url->host = at + 1;
        url->host_len = stop ? (size_t)(stop - at) - 1 : 0;
        if (memchr(url->host, '%', url->host_len))
            return "a zone (%...) in an IPv6 address is not supported: give the address without it";
        if (!stop || !is_ipv6(url->host, url->host_len))
            return "what stands in brackets is not an IPv6 address";
        stop++;
        if (stop < end && *stop != ':')
            return "something other than a port stands behind the IPv6 address";
    } else {
        stop = memchr(at, ':', url->authority_len);
        stop = stop ? stop : end;
        url->host = at;
        url->host_len = (size_t)(stop - at);
        wrong = name_check(url->host, url->host_len);
        if (wrong)
            return wrong;
    }
    return stop < end ? port_parse(url, stop + 1, (size_t)(end - stop) - 1) : NULL;
}

static const char *url_parse(struct lki_url *url, const char *text, size_t len)
{
    const char *end = text + len;
    const char *at;
    const char *wrong;

    url->scheme_text = text;
    url->scheme_len = scheme_span(text, len);
    if (!url->scheme_len)
        return "it does not begin with http:// or https://";
    if (same_scheme(url, "http"))
        url->scheme = LKI_URL_HTTP;
    else
        url->scheme = same_scheme(url, "https") ? LKI_URL_HTTPS : LKI_URL_OTHER;
    url->port = url->scheme == LKI_URL_HTTP ? 80 : url->scheme == LKI_URL_HTTPS ? 443 : 0;

    url->authority = text + url->scheme_len + 3;
    at = url->authority;
    while (at < end && *at != '/' && *at != '?' && *at != '#')
        at++;
    url->authority_len = (size_t)(at - url->authority);
    wrong = authority_parse(url);
    if (wrong)
        return wrong;
    url->target = at;
    if (lki_url_target(at, (size_t)(end - at), &url->target_len))
        return "it has a space or a control character (in a path or query: %20 and the like)";
    return NULL;
}

enum lk_err lki_url_parse(struct lki_url *url, const char *text, size_t len, const char **why)
{
    struct lki_url parts;
    const char *wrong = url_parse(&parts, text, len);

    if (!wrong)
        *url = parts;
    else if (why)
        *why = wrong;
    return wrong ? LK_E_FORMAT : LK_OK;
}

enum lk_err lki_url_target(const char *text, size_t len, size_t *target_len)
{
    size_t at = 0;
    size_t stop;

    while (at < len && text[at] != '#' && !is_blank(text[at]))
        at++;
    stop = at;
    /* the fragment is not sent, but an error in it is one in the text */
    while (at < len && !is_blank(text[at]))
        at++;
    if (at < len)
        return LK_E_FORMAT;
    *target_len = stop;
    return LK_OK;
}

/* ---- escaping ---- */

static inline bool is_unreserved(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void lki_url_escape(struct lki_buf *buf, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    while (*text) {
        size_t plain = 0;

        while (is_unreserved(text[plain]))
            plain++;
        lki_buf_append(buf, text, plain);
        text += plain;
        if (*text) {
            uint8_t byte = (uint8_t)*text++;
            char escaped[3] = {'%', hex[byte >> 4], hex[byte & 15]};

            lki_buf_append(buf, escaped, sizeof(escaped));
        }
    }
}

/* ---- folding ---- */

static bool is_number(const char *at, size_t len)
{
    size_t i = len > 1 && *at == '-';

    while (i < len && is_digit(at[i]))
        i++;
    return len && i == len;
}

static bool is_uuid(const char *at, size_t len)
{
    if (len != UUID_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? at[i] != '-' : !is_hex(at[i]))
            return false;
    }
    return true;
}

static bool is_hash(const char *at, size_t len)
{
    bool digit = false;

    if (len < HEX_MIN_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_hex(at[i]))
            return false;
        digit |= is_digit(at[i]);
    }
    return digit;
}

static bool is_token(const char *at, size_t len)
{
    bool lower = false, upper = false, separator = false;
    unsigned changes = 0;
    char kind = 0; /* of the last letter or digit */

    if (len < TOKEN_MIN_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        char now = is_digit(at[i]) ? '0' : is_letter(at[i]) ? 'a' : 0;

        if (!now && at[i] != '_' && at[i] != '-')
            return false;
        separator |= !now;
        lower |= now == 'a' && (at[i] & 0x20);
        upper |= now == 'a' && !(at[i] & 0x20);
        changes += now && kind && now != kind;
        kind = now ? now : kind;
    }
    return changes >= TOKEN_MIN_CHANGES && (!separator || (lower && upper));
}

static bool is_identifier(const char *at, size_t len)
{
    return is_number(at, len) || is_uuid(at, len) || is_hash(at, len) || is_token(at, len);
}

static size_t put(char *out, size_t cap, size_t at, const char *text, size_t len)
{
    size_t room = lki_min(cap - at, len);

    memcpy(out + at, text, room);
    return at + room;
}

size_t lki_url_fold(char *out, size_t cap, const char *path, size_t len)
{
    size_t made = 0;
    size_t at = 0;

    if (!cap)
        return 0;
    cap--;
    while (at < len && path[at] != '?' && path[at] != '#') {
        size_t begin = at;

        while (at < len && path[at] != '/' && path[at] != '?' && path[at] != '#')
            at++;
        if (is_identifier(path + begin, at - begin))
            made = put(out, cap, made, "{id}", 4);
        else
            made = put(out, cap, made, path + begin, at - begin);
        if (at < len && path[at] == '/')
            made = put(out, cap, made, path + at++, 1);
    }
    out[made] = '\0';
    return made;
}
