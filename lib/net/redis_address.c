#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr, explicit_bzero */
#endif

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/redis.h"
#include "net/url.h"

#define PORT_DEFAULT 6379

/* Texts below are said to whoever wrote the URL; they never contain a piece of it. */
#define FORM "redis://[USER:PASSWORD@]HOST[:PORT][/DB] or unix://[USER:PASSWORD@]/PATH[?db=DB]"

struct slice {
    const char *at;
    size_t len;
};

static struct slice cut(const char *from, const char *to)
{
    return (struct slice){from, (size_t)(to - from)};
}

/* The functions below return what is wrong, or NULL. */

static const char *decode(char **out, struct slice text)
{
    char *made = lki_zalloc(text.len + 1);
    size_t len = 0;

    if (!made)
        return "out of memory";
    *out = made;
    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        made[len++] = text.at[i];
        if (text.at[i] != '%')
            continue;
        high = i + 1 < text.len ? lki_hex_digit(text.at[i + 1]) : -1;
        low = i + 2 < text.len ? lki_hex_digit(text.at[i + 2]) : -1;
        if (high < 0 || low < 0 || !(high | low))
            return "a % is not followed by two hexadecimal digits, or they are 00; a % itself is "
                   "written %25";
        made[len - 1] = (char)(high << 4 | low);
        i += 2;
    }
    return NULL;
}

static const char *parse_db(unsigned *db, struct slice text)
{
    char digits[12];
    uint64_t value = 0;
    const char *unused;

    if (!text.len)
        return NULL;
    if (text.len >= sizeof(digits))
        return "the number of the database is too large";
    memcpy(digits, text.at, text.len);
    digits[text.len] = '\0';
    if (lki_text_u64(digits, &value, &unused) || value > INT_MAX)
        return "the database is not a number; a special character in a password is written as %XX";
    *db = (unsigned)value;
    return NULL;
}

static const char *parse_user(struct lki_redis_address *out, struct slice text)
{
    const char *colon = memchr(text.at, ':', text.len);
    const char *wrong = NULL;

    if (!text.len)
        return NULL;
    if (!colon)
        return "there is a user but no password; a password alone has a colon before it: "
               "redis://:PASSWORD@HOST";
    if (colon > text.at)
        wrong = decode(&out->user, cut(text.at, colon));
    if (!wrong && colon + 1 < text.at + text.len)
        wrong = decode(&out->password, cut(colon + 1, text.at + text.len));
    if (!wrong && out->user && !out->password)
        wrong = "the password is empty";
    return wrong;
}

/* The last @: one in a password should have been written as %40, but is understood. */
static const char *user_end(struct slice text)
{
    return memrchr(text.at, '@', text.len);
}

/* The host and the port are those of any URL: a common one is made for its reader. */
static const char *parse_host(struct lki_redis_address *out, struct slice text)
{
    struct lki_url url;
    struct lki_buf common;
    const char *wrong = NULL;
    const char *whole;

    lki_buf_init(&common, sizeof("http://") + text.len + 1);
    lki_buf_str(&common, "http://");
    lki_buf_append(&common, text.at, text.len);
    whole = lki_buf_cstr(&common);
    if (!whole) {
        wrong = "out of memory";
    } else if (!lki_url_parse(&url, whole, strlen(whole), &wrong)) {
        bool has_port = url.host + url.host_len + url.host_is_ipv6 <
                        url.authority + url.authority_len;

        out->port = has_port ? url.port : PORT_DEFAULT;
        out->host = strndup(url.host, url.host_len);
        wrong = out->host ? NULL : "out of memory";
    }
    lki_buf_release(&common);
    return wrong;
}

static const char *parse_tcp(struct lki_redis_address *out, const char *text)
{
    const char *end = text + strcspn(text, "/?#");
    const char *at = user_end(cut(text, end));
    const char *wrong = at ? parse_user(out, cut(text, at)) : NULL;

    if (!wrong)
        wrong = parse_host(out, cut(at ? at + 1 : text, end));
    if (wrong && !at && strchr(end, '@'))
        wrong = "a special character in a user or a password is written as %XX: / is %2F, ? is "
                "%3F, # is %23, @ is %40";
    if (wrong || !*end)
        return wrong;
    if (*end != '/' || strpbrk(end, "?#"))
        return "something other than /DB stands behind the host";
    return parse_db(&out->db, cut(end + 1, end + strlen(end)));
}

static const char *parse_unix(struct lki_redis_address *out, const char *text)
{
    const char *query = strchr(text, '?');
    const char *end = query ? query : text + strlen(text);
    const char *at = user_end(cut(text, text + strcspn(text, "/?")));
    const char *path = at ? at + 1 : text;
    const char *wrong = at ? parse_user(out, cut(text, at)) : NULL;

    if (!wrong && *path != '/')
        wrong = "the path of the socket does not begin with a /: unix:///run/redis.sock";
    if (!wrong)
        wrong = decode(&out->path, cut(path, end));
    if (!wrong && strlen(out->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        wrong = "the path of the socket is longer than the system allows";
    if (wrong || !query)
        return wrong;
    if (strncmp(query, "?db=", 4) != 0)
        return "something other than ?db=DB stands behind the path";
    return parse_db(&out->db, cut(query + 4, query + strlen(query)));
}

static const char *parse(struct lki_redis_address *out, const char *url)
{
    for (const char *at = url; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return "it has a space or a control character";
    }
    if (!strncasecmp(url, "redis://", 8))
        return parse_tcp(out, url + 8);
    if (!strncasecmp(url, "unix://", 7))
        return parse_unix(out, url + 7);
    if (!strncasecmp(url, "rediss://", 9))
        return "rediss://, which means TLS, is not supported, since the Redis library of this "
               "system has none: use a tunnel (stunnel, ssh -L) or a private network, and redis://";
    return "it has another form than " FORM;
}

enum lk_err lki_redis_address_parse(struct lki_redis_address *out, const char *url,
                                    struct lki_buf *why)
{
    struct lki_redis_address address = {0};
    const char *wrong = parse(&address, url);

    if (!wrong) {
        *out = address;
        return LK_OK;
    }
    lki_redis_address_release(&address);
    lki_buf_printf(why, "the URL of Redis: %s", wrong);
    return LK_E_FORMAT;
}

void lki_redis_address_release(struct lki_redis_address *address)
{
    if (address->password)
        explicit_bzero(address->password, strlen(address->password));
    free(address->host);
    free(address->path);
    free(address->user);
    free(address->password);
    *address = (struct lki_redis_address){0};
}

void lki_redis_address_show(const struct lki_redis_address *address, struct lki_buf *out)
{
    if (address->path)
        lki_buf_str(out, address->path);
    else
        lki_buf_printf(out, strchr(address->host, ':') ? "[%s]:%u" : "%s:%u", address->host,
                       address->port);
    if (address->db)
        lki_buf_printf(out, address->path ? " database %u" : "/%u", address->db);
}
