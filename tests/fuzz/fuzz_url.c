/*
 * Any bytes as a URL, as the target of a request, as a path to be folded into a name, and as text
 * to be escaped. Parts lie within the text and make it up; what could not stand in a request line
 * is refused.
 */
#include <arpa/inet.h>

#include "fuzz/fuzz.h"
#include "net/url.h"

#define NAME_BYTES 64
#define UNTOUCHED 0x5a

/* A space or a control character, which would end or break a request line. */
static int has_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)text[i] <= ' ' || text[i] == 0x7f)
            return 1;
    }
    return 0;
}

static void must_be_address(const char *host, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    must(len < sizeof(address));
    memcpy(address, host, len);
    address[len] = '\0';
    must(strlen(address) == len && inet_pton(AF_INET6, address, &bytes) == 1);
}

static void use_host(const struct lki_url *url)
{
    const char *behind = url->host + url->host_len + url->host_is_ipv6;

    must(url->host_len > 0 && url->host == url->authority + url->host_is_ipv6);
    must(behind <= url->authority + url->authority_len);
    must(behind == url->authority + url->authority_len || *behind == ':');
    if (url->host_is_ipv6)
        must_be_address(url->host, url->host_len);
    must(url->port > 0 ||
         (url->scheme == LKI_URL_OTHER && behind == url->authority + url->authority_len));
}

/* The parts in their order, with nothing between them but "://". */
static void use_parts(const struct lki_url *url, const char *text, size_t len)
{
    const char *end = text + len;
    struct lki_url again;
    char *part;

    must(url->scheme_text == text && url->scheme_len > 0);
    must(url->authority == text + url->scheme_len + 3);
    must(!memcmp(url->authority - 3, "://", 3));
    must(url->target == url->authority + url->authority_len);
    must(url->target + url->target_len <= end);
    must(url->target + url->target_len == end || url->target[url->target_len] == '#');
    must(!url->target_len || *url->target == '/' || *url->target == '?');
    must(!memchr(url->target, '#', url->target_len) &&
         !memchr(url->authority, '@', url->authority_len));
    must(!has_blank(text, len));
    use_host(url);
    /* the fragment says nothing about the rest */
    len = (size_t)(url->target + url->target_len - text);
    part = exact(text, len);
    must(!lki_url_parse(&again, part, len, NULL));
    must(again.scheme == url->scheme && again.port == url->port &&
         again.host_len == url->host_len && again.authority_len == url->authority_len &&
         again.target_len == url->target_len);
    free(part);
}

static void must_be_untouched(const struct lki_url *url)
{
    const unsigned char *bytes = (const unsigned char *)url;

    for (size_t i = 0; i < sizeof(*url); i++)
        must(bytes[i] == UNTOUCHED);
}

static void parse(const char *text, size_t len)
{
    struct lki_url url;
    const char *why = NULL;
    enum lk_err err;

    memset(&url, UNTOUCHED, sizeof(url));
    err = lki_url_parse(&url, text, len, &why);
    must(lki_url_parse(&url, text, len, NULL) == err);
    if (err) {
        must(err == LK_E_FORMAT && why && *why);
        must_be_untouched(&url);
        return;
    }
    must(!why && lki_url_is_absolute(text, len));
    use_parts(&url, text, len);
}

static void target(const char *text, size_t len)
{
    size_t target_len = 4711;
    enum lk_err err = lki_url_target(text, len, &target_len);

    must(err == (has_blank(text, len) ? LK_E_FORMAT : LK_OK));
    if (err) {
        must(target_len == 4711);
        return;
    }
    must(target_len <= len && !memchr(text, '#', target_len));
    must(target_len == len || text[target_len] == '#');
}

/* A name is what the whole name would be, cut off; and a name that was folded stays as it is. */
static void fold(const char *text, size_t len)
{
    size_t cap = 4 * len + 1;
    char *whole = malloc(cap);
    char *again = malloc(cap);
    size_t whole_len;

    must(whole && again);
    whole_len = lki_url_fold(whole, cap, text, len);
    must(whole_len < cap && !whole[whole_len]);
    must(!memchr(whole, '?', whole_len) && !memchr(whole, '#', whole_len));
    must(lki_url_fold(again, cap, whole, whole_len) == whole_len &&
         !memcmp(whole, again, whole_len + 1));
    for (cap = 0; cap < NAME_BYTES; cap++) {
        char *name = malloc(cap ? cap : 1);
        size_t name_len;

        must(name != NULL);
        name_len = lki_url_fold(name, cap, text, len);
        must(!cap ? !name_len : name_len == (whole_len < cap ? whole_len : cap - 1));
        must(!memcmp(name, whole, name_len) && (!cap || !name[name_len]));
        free(name);
    }
    free(whole);
    free(again);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Escaped text can stand in a target, as one segment, and is the text again when it is read. */
static void escape(const char *text, size_t len)
{
    char *string = malloc(len + 1);
    struct lki_buf buf;
    size_t target_len = 0;
    size_t at = 0;

    must(string != NULL);
    memcpy(string, text, len);
    string[len] = '\0';
    lki_buf_init(&buf, 3 * len + 1);
    lki_url_escape(&buf, string);
    must(!buf.err && (!buf.len || !lki_url_target(buf.data, buf.len, &target_len)));
    must(target_len == buf.len);
    for (size_t i = 0; i < buf.len; i++, at++) {
        char c = buf.data[i];

        must(!strchr("/?&=+;:@", c));
        if (c == '%') {
            must(i + 2 < buf.len);
            c = (char)(hex(buf.data[i + 1]) * 16 + hex(buf.data[i + 2]));
            i += 2;
        }
        must(c == string[at]);
    }
    must(!string[at]);
    lki_buf_release(&buf);
    free(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = exact(data, size);

    parse(text, size);
    target(text, size);
    fold(text, size);
    escape(text, size);
    free(text);
    return 0;
}
